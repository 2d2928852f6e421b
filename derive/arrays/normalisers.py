"""Normalisers in their shifted form: exp(u)/Σ exp(u) is softmax, log Σ exp(u) is logsumexp."""

from __future__ import annotations

from derive import expr as x
from derive.arrays.axes import Axes, Value, real
from derive.arrays.lower import Lowering, fold
from derive.arrays.program import Along
from derive.expr import Expr
from derive.index import Index


def exp_sum(e: Expr) -> tuple[Index, Expr] | None:
    """(j, u) for Σ_j exp(u)."""
    if isinstance(e, x.Reduce) and e.op == "sum" and e.guard is None:
        if isinstance(e.body, x.Call) and e.body.op == "exp" and e.index in e.body.free:
            return e.index, e.body.args[0]
    return None


def softmax_of(numerator: Expr, denominator: Expr) -> tuple[Index, Expr] | None:
    """(k, u) when the quotient is exp(u)/Σ_k exp(u)."""
    divides = isinstance(denominator, x.Pow) and denominator.exponent == x.MINUS_ONE
    found = exp_sum(denominator.base) if divides else None
    if found is None or not (isinstance(numerator, x.Call) and numerator.op == "exp"):
        return None
    j, v = found
    u = numerator.args[0]
    for k in u.free:
        if k.size == j.size and x.substitute(v, {j: k}) == u:
            return k, u
    return None


def without_softmax(low: Lowering, e: x.Mul, want: Axes) -> tuple[Expr, list]:
    """A product without its softmax factors, and these as operands."""
    factors, found = list(e.factors), []
    for a in e.factors:
        for b in e.factors:
            hit = softmax_of(a, b) if any(a is f for f in factors) and any(b is f for f in factors) else None
            v = None if hit is None else along(low, "softmax", *hit, want)
            if v is not None:
                factors = [f for f in factors if f is not a and f is not b]
                found.append((v, False))
    return x.mul(*factors), found


def log_of(low: Lowering, op: str, args: tuple[Expr, ...], want: Axes) -> Value | None:
    """log Σ exp(u) and log(exp(u)/Σ exp(u))."""
    if op != "log":
        return None
    (u,) = args
    found = exp_sum(u)
    if found is not None:
        return along(low, "logsumexp", *found, want)
    if isinstance(u, x.Mul) and len(u.factors) == 2:
        for a, b in (u.factors, u.factors[::-1]):
            hit = softmax_of(a, b)
            if hit is not None:
                return along(low, "log_softmax", *hit, want)
    return None


def along(low: Lowering, op: str, k: Index, u: Expr, want: Axes) -> Value | None:
    v = real(low.value(u, (*want, k) if k not in want else want))
    if k not in v.axes:
        return None
    axis = v.axes.index(k)
    if op == "logsumexp":
        return fold(op, v, [k])
    return Value(Along(op, v.node, axis, len(v.axes)), v.axes)


__all__ = ["along", "log_of", "softmax_of", "without_softmax"]
