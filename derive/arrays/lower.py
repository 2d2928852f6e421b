"""From an expression in index notation to array operations: every free index becomes an axis.

`Lowering.value` gives a `Value`: a node with the index that runs along each axis.  Where an operation needs statements
(scatter into zeros, a loop over a kernel axis) they are appended to `statements` and the value is the new array.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import count
from math import inf

from derive import expr as x
from derive.arrays.axes import Axes, Value, common_order, elementwise, fit, kept_for, merged, real, reals
from derive.arrays.places import ONE, Places, length
from derive.arrays.program import (
    Apply,
    Assign,
    Cast,
    Eye,
    Fold,
    Load,
    Map,
    Number,
    Statement,
)  # fmt: skip
from derive.errors import Unsupported
from derive.expr import Expr
from derive.index import Index, Size
from derive.ops import OPS
from derive.program import Program


class Lowering(Places):
    """One equation under way.  `stable`: closed style, with shifted softmax and log-sum-exp."""

    def __init__(self, program: Program, stable: bool = False, counters: Iterable[Index] = (), integer: bool = False,
                 numbers: Iterator[int] | None = None):  # fmt: skip
        self.program, self.stable, self.integer = program, stable, integer
        self.counters = set(counters)
        self.guarded = False
        self.statements: list[Statement] = []
        self.numbers = count(1) if numbers is None else numbers
        self.shapes: dict[str, tuple[Size, ...]] = {}

    # -- what is known of arrays

    def shape(self, name: str) -> tuple[Size, ...]:
        return self.shapes[name] if name in self.shapes else self.program.shape(name)

    def sort(self, name: str) -> str:
        return "real" if name in self.shapes else self.program.sort(name)

    def temporary(self, shape: tuple[Size, ...]) -> str:
        """The name of a new array; `~~` marks names that the writer chooses."""
        name = f"~~{next(self.numbers)}"
        self.shapes[name] = shape
        return name

    def under_guard(self) -> Lowering:
        """The same lowering, where entries may be read out of range (what is read there is not used)."""
        other = Lowering.__new__(type(self))
        other.__dict__ = self.__dict__ | {"guarded": True}
        return other

    # -- expressions

    def value(self, e: Expr, want: Axes = ()) -> Value:
        """The array of an expression over its free indices; `want` is the order in which it is going to be used."""
        match e:
            case x.Num(value=number):
                return Value(Number(number), (), "number")
            case x.Whole(slot=slot):
                return self.position(slot, want)
            case x.Entry():
                return self.entry(e, want)
            case x.Ind(cond=cond):
                return self.condition(cond, want)
            case x.Call(op=op, args=args):
                return self.call(op, args, want)
            case x.Add(terms=terms):
                return self.sum_of(terms, want)
            case x.Mul():
                from derive.arrays.contract import product

                return product(self, e, want)
            case x.Pow(base=base, exponent=exponent):
                return self.power(base, exponent, want)
            case x.Reduce():
                return self.reduction(e, want)
            case x.Cases(branches=branches, otherwise=otherwise):
                return self.cases(branches, otherwise, want)
            case x.D():
                raise Unsupported(f"the derivative {e} has not been carried out", "code needs it resolved")
        raise TypeError(f"have you added a new node? {type(e).__name__}")

    def arithmetic(self, op: str, values: list[Value], want: Axes = ()) -> Value:
        """Elementwise arithmetic with the sorts made to fit."""
        if all(v.sort == "number" for v in values):
            return Value(Map(op, tuple(v.node for v in values)), (), "number")
        if self.integer and all(v.sort != "real" for v in values):
            return elementwise(op, values, want, "int")
        return elementwise(op, reals(values), want, "real")

    def sum_of(self, terms: tuple[Expr, ...], want: Axes) -> Value:
        values, signs = [], []
        for t in terms:
            negative, t = _split_sign(t)
            values.append(self.value(t, want))
            signs.append(negative)
        order = common_order(values, want)
        integer = self.integer and all(v.sort != "real" for v in values)
        if not integer:
            values = [real(v) if v.sort == "int" else v for v in values]
        if not integer and not any(v.sort == "real" for v in values):
            values = [real(v) for v in values]
        if signs[0] and False in signs:
            first = signs.index(False)
            values.insert(0, values.pop(first))
            signs.insert(0, signs.pop(first))
        if values[0].sort == "bool" and len(values) > 1 and not integer:
            values[0] = real(values[0])
        return self._accumulated([fit(v, order) for v in values], signs, "int" if integer else "real")

    def _accumulated(self, values: list[Value], signs: list[bool], sort: str) -> Value:
        result = values[0]
        if signs[0]:
            result = Value(Map("neg", (real(result).node,)), result.axes, result.sort)
        for v, negative in zip(values[1:], signs[1:], strict=True):
            both = "number" if result.sort == v.sort == "number" else sort
            if result.sort == "number" and v.sort == "bool":
                v = real(v)
            axes = merged([result, v], ())
            result = Value(Map("sub" if negative else "add", (result.node, v.node)), axes, both)
        return result

    def power(self, base: Expr, exponent: Expr, want: Axes) -> Value:
        u = self.value(base, want)
        number = exponent.value if isinstance(exponent, x.Num) else None
        if u.sort == "number" and number is not None:
            return self._number_power(u, number)
        if number == -1:
            return self.arithmetic("div", [Value(ONE, (), "number"), real(u)], want)
        if number == Fraction(1, 2):
            return Value(Map("sqrt", (real(u).node,)), u.axes)
        if isinstance(number, Fraction) and number < 0 and number.denominator == 1:
            below = Value(Map("pow", (real(u).node, Number(-number))), u.axes)
            return self.arithmetic("div", [Value(ONE, (), "number"), below], want)
        values = [u, self.value(exponent, want)]
        whole = self.integer and isinstance(number, Fraction) and number >= 0
        return self.arithmetic("pow", values if whole else [real(v) for v in values], want)

    def _number_power(self, u: Value, number: Fraction) -> Value:
        if number == -1:
            return Value(Map("div", (ONE, u.node)), (), "number")
        return Value(Map("pow", (u.node, Number(number))), (), "number")

    def call(self, op: str, args: tuple[Expr, ...], want: Axes) -> Value:
        """A row of the op table; of numbers it is a number again."""
        if self.stable:
            from derive.arrays.normalisers import log_of

            found = log_of(self, op, args, want)
            if found is not None:
                return found
        values = [self.value(a, want) for a in args]
        if all(v.sort == "number" for v in values):
            return Value(Apply(op, tuple(v.node for v in values), plain=True), (), "number")
        values = [self._once(op, k, real(v)) for k, v in enumerate(values)]
        return elementwise(op, values, want, make=lambda nodes: Apply(op, nodes))

    def _once(self, op: str, place: int, v: Value) -> Value:
        """An argument that the row's text names twice is computed once, under a name of its own."""
        row = OPS[op]
        spelling = (self.stable and row.stable) or row.numpy
        if spelling.count("{" + row.args.split()[place] + "}") < 2 or isinstance(v.node, (Load, Number)):
            return v
        return self.named(v)

    def named(self, v: Value) -> Value:
        """The value under a name of its own."""
        name = self.temporary(tuple(Size.of(1) if i is None else i.size for i in v.axes))
        self.statements.append(Assign(name, v.node))
        return Value(Load(name), v.axes, v.sort)

    def cases(self, branches, otherwise: Expr, want: Axes) -> Value:
        first = self.condition(branches[0][0], want)
        if first.sort == "number":
            rest = x.cases(list(branches[1:]), otherwise)
            values = [self.value(branches[0][1], want), self.value(rest, want)]
            values = values if self.integer else [real(v) for v in values]
            return elementwise("choose", [values[0], first, values[1]], want, values[0].sort)
        safe = self.under_guard()
        values = [safe.value(v, want) for _, v in branches] + [safe.value(otherwise, want)]
        if all(v.sort == "bool" for v in values) or (self.integer and not any(v.sort == "real" for v in values)):
            sort = "int"
        else:
            values, sort = [real(v) for v in values], "real"
        plain = all(v.sort == "number" for v in values)
        result = values[-1]
        for (cond, _), v in zip(reversed(branches), reversed(values[:-1]), strict=True):
            c = safe.condition(cond, want)
            result = elementwise("where", [c, v, result], want, sort)
        return Value(Cast(result.node), result.axes) if plain and sort == "real" else result

    # -- conditions

    def condition(self, cond: x.Cond, want: Axes = ()) -> Value:
        """Truth values; a condition on sizes and counters alone is a Python truth value (sort number)."""
        match cond:
            case x.Rel(op=op, left=a, right=b):
                truth = self._truth_of(op, a, b)
                if truth is not None:
                    return truth
                if op == "eq" and self._diagonal(a, b):
                    return Value(Eye(a.size), (a, b) if _before(a, b, want) else (b, a), "bool")
                values = [self.side(a, want), self.side(b, want)]
                return elementwise(op, values, want, _truth(values))
            case x.And(parts=inner) | x.Or(parts=inner) if inner:
                values = [self.condition(c, want) for c in inner]
                result, word = values[0], "and" if isinstance(cond, x.And) else "or"
                for v in values[1:]:
                    result = elementwise(word, [result, v], want, _truth([result, v]))
                return result
            case x.And() | x.Or():
                return Value(Number(Fraction(isinstance(cond, x.And))), (), "number")
            case x.Not(part=x.Rel(op="eq", left=a, right=b)):
                values = [self.side(a, want), self.side(b, want)]
                return elementwise("ne", values, want, _truth(values))
            case x.Not(part=inner):
                v = self.condition(inner, want)
                return Value(Map("lnot" if v.sort == "number" else "not", (v.node,)), v.axes, v.sort)
        raise TypeError(f"have you added a new condition? {type(cond).__name__}")

    def _truth_of(self, op: str, a, b) -> Value | None:
        """keep = 1 of an array of truth values: the array itself; keep = 0: its negation."""
        for side, other in ((a, b), (b, a)):
            if op == "eq" and isinstance(side, x.Entry) and self.sort(side.name) == "bool":
                number = x.as_value(other)
                if isinstance(number, x.Num) and number.value in (0, 1):
                    v = self.entry(side)
                    return v if number.value == 1 else Value(Map("not", (v.node,)), v.axes, "bool")
        return None

    def _diagonal(self, a, b) -> bool:
        moving = isinstance(a, Index) and isinstance(b, Index) and not {a, b} & self.counters
        return moving and a.size == b.size and a.size.number != 1

    def side(self, t: x.Slot | Expr, want: Axes) -> Value:
        """One side of a comparison: integers are compared as integers."""
        return self.value(t, want) if isinstance(t, Expr) and not isinstance(t, x.Entry) else self.position(t, want)

    # -- reductions

    def reduction(self, e: x.Reduce, want: Axes) -> Value:
        if e.op == "sum":
            from derive.arrays.contract import product

            return product(self, e, want)
        bound, body, guard = [e.index], e.body, e.guard
        while guard is None and isinstance(body, x.Reduce) and body.op == e.op:
            bound, body, guard = [*bound, body.index], body.body, body.guard
        low = self.under_guard() if guard is not None else self
        v = real(low.value(body, (*want, *bound)))
        if guard is not None:
            rest = Value(Number(NEUTRAL[e.op]), (), "number")
            v = elementwise("where", [low.condition(guard, want), v, rest], want)
        missing = [i for i in bound if i not in v.axes]
        if e.op == "prod":
            for i in missing:
                v = self.arithmetic("pow", [v, Value(length(i.size), (), "number")])
        return kept_for(fold(e.op, v, [i for i in bound if i in v.axes]), want)


NEUTRAL = {"max": -inf, "min": inf, "prod": Fraction(1)}


def fold(op: str, v: Value, bound: list[Index]) -> Value:
    """A reduction of a value over some of its indices."""
    if not bound:
        return v
    places = tuple(sorted(v.axes.index(i) for i in bound))
    axes = tuple(a for k, a in enumerate(v.axes) if k not in places)
    sort = "int" if v.sort in ("bool", "int") else "real"
    return Value(Fold(op, v.node, places, len(v.axes)), axes, sort)


def _truth(values: list[Value]) -> str:
    return "number" if all(v.sort == "number" for v in values) else "bool"


def _before(a: Index, b: Index, want: Axes) -> bool:
    order = [i for i in want if i in (a, b)]
    return order != [b, a]


def _split_sign(t: Expr) -> tuple[bool, Expr]:
    """Whether a term is subtracted, and what is."""
    if isinstance(t, x.Num) and t.value < 0:
        return True, x.Num(-t.value)
    if isinstance(t, x.Mul) and isinstance(t.factors[0], x.Num) and t.factors[0].value < 0:
        return True, x.negate(t)
    return False, t


__all__ = ["Lowering", "fold", "length"]
