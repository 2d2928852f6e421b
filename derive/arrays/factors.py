"""Products entry by entry: the order of the factors, what divides, and the sorts that keep types."""

from __future__ import annotations

from fractions import Fraction

from derive import expr as x
from derive.arrays.axes import Axes, Value, common_order, fit, merged, real
from derive.arrays.lower import Lowering
from derive.arrays.program import Map, Number
from derive.expr import Expr

Operand = tuple[Value, bool]  # a value, and whether it divides


def operand(low: Lowering, f: Expr, want: Axes) -> Operand:
    """A factor as a value; a reciprocal as what divides."""
    if isinstance(f, x.Pow) and isinstance(f.exponent, x.Num) and isinstance(f.exponent.value, Fraction):
        number = f.exponent.value
        if number < 0 and number.denominator == 1:
            return low.value(x.power(f.base, x.Num(-number)), want), True
    if isinstance(f, x.Num) and isinstance(f.value, Fraction) and _short(f.value) is False and f.value.numerator == 1:
        return Value(Number(Fraction(f.value.denominator)), (), "number"), True
    return low.value(f, want), False


def _short(value: Fraction) -> bool:
    return Fraction(repr(float(value))) == value


def chain(low: Lowering, operands: list[Operand], want: Axes = ()) -> Value:
    """The operands multiplied from left to right; truth values follow the first real array."""
    operands = _sorts_fitted(low, operands)
    order = common_order([v for v, _ in operands], want)
    result: Value | None = None
    for v, inverse in operands:
        v = fit(v, order)
        if result is None:
            if not inverse:
                result = v
                continue
            result = Value(Number(Fraction(1)), (), "number")
        if not inverse and (_is_one(result) or _is_one(v)):
            result = v if _is_one(result) else result
            continue
        minus = isinstance(result.node, Number) and result.node.value == -1 and not inverse
        if minus:
            result = Value(Map("neg", (real(v).node,)), v.axes, real(v).sort)
            continue
        sort = _product_sort(result, v, inverse)
        result = Value(Map("div" if inverse else "mul", (result.node, v.node)), merged([result, v], order), sort)
    return result


def _is_one(v: Value) -> bool:
    return isinstance(v.node, Number) and v.node.value == 1


def _product_sort(a: Value, b: Value, inverse: bool) -> str:
    sorts = {a.sort, b.sort}
    if sorts == {"number"} or sorts == {"bool"}:
        return a.sort
    return "real" if "real" in sorts or inverse else "int"


def _sorts_fitted(low: Lowering, operands: list[Operand]) -> list[Operand]:
    """Integers as floats, and truth values behind the first real array, so that types stay."""
    inverse = any(inv and v.sort != "number" for v, inv in operands)
    if low.integer and not inverse and not any(v.sort == "real" for v, _ in operands):
        return operands
    operands = [(real(v), inv) if v.sort == "int" or (v.sort == "bool" and inv) else (v, inv) for v, inv in operands]
    masks = [o for o in operands if o[0].sort == "bool"]
    others = [o for o in operands if o[0].sort != "bool"]
    if not masks or not others:
        return operands
    first = next((k for k, (v, _) in enumerate(others) if v.sort == "real"), None)
    if first is None:
        return [(real(v), inv) for v, inv in operands]
    if operands[0][0].sort == "bool" and others[0][0].sort == "real":
        return operands
    if others[first][1]:
        return [(real(v), inv) for v, inv in operands]
    return [*others[: first + 1], *masks, *others[first + 1 :]]


__all__ = ["Operand", "chain", "operand"]
