"""Tangents: what an expression becomes, to first order, when named arrays move.

The judges' own calculus, written apart from the engine's rules because it judges them: it knows only the meanings of
the ops and the slopes of the primitives below, and it contracts nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from derive import expr as x
from derive.errors import Unsupported
from derive.expr import Entry, Expr
from derive.ops import OPS

Seed = Callable[[Entry], Expr | None]

_HALF = x.Num(Fraction(1, 2))

# the slope of each primitive, from its argument u and its value y; None: it is flat
SLOPES: dict[str, Callable[[Expr, Expr], Expr | None]] = {
    "exp": lambda u, y: y,
    "log": lambda u, y: 1 / u,
    "sin": lambda u, y: x.Call("cos", (u,)),
    "cos": lambda u, y: -x.Call("sin", (u,)),
    "arctan": lambda u, y: 1 / (1 + u * u),
    "erf": lambda u, y: 2 / x.Call("pi", ()) ** _HALF * x.Call("exp", (-(u * u),)),
    "abs": lambda u, y: x.Call("sign", (u,)),
    "sign": lambda u, y: None,
    "floor": lambda u, y: None,
}


def derivative(e: x.D) -> Expr:
    """The derivative by one entry, all other names held fixed: an entry's slope is a product of deltas."""
    wrt = e.wrt

    def seed(read: Entry) -> Expr | None:
        if read.name != wrt.name:
            return None
        if len(read.slots) != len(wrt.slots):
            raise Unsupported(f"`{wrt.name}` occurs with different numbers of indices")
        return x.mul(*(x.delta(a, b) for a, b in zip(read.slots, wrt.slots, strict=True)))

    return Tangents(seed, wrt.free)(e.body) or x.ZERO


class Tangents:
    """The tangent of expressions for one seed; None stands for zero.  `kept` are indices that nothing may capture."""

    def __init__(self, seed: Seed, kept: frozenset = frozenset()):
        self.seed, self.kept = seed, kept
        self.memo: dict[int, tuple[Expr, Expr | None]] = {}

    def __call__(self, e: Expr) -> Expr | None:
        found = self.memo.get(id(e))
        if found is None:
            found = self.memo[id(e)] = (e, self._tangent(e))
        return found[1]

    def _tangent(self, e: Expr) -> Expr | None:
        match e:
            case x.Num() | x.Whole() | x.Ind():
                return None
            case x.Entry():
                return self.seed(e)
            case x.Add(terms=terms):
                return _sum([self(t) for t in terms])
            case x.Mul(factors=factors):
                return _sum([_replaced(factors, k, self(f)) for k, f in enumerate(factors)])
            case x.Pow():
                return self._power(e)
            case x.Call():
                return self._call(e)
            case x.Reduce():
                return self._reduce(x.rename_binder(e) if e.index in self.kept else e)
            case x.Cases(branches=branches, otherwise=otherwise):
                return self._cases(branches, otherwise)
            case x.D():
                return self(derivative(e))
        raise TypeError(f"have you added a new node? {type(e).__name__}")

    def _power(self, e: x.Pow) -> Expr | None:
        b, c = e.base, e.exponent
        moved_base, moved_exponent = self(b), self(c)
        return _sum([
            None if moved_base is None else c * b ** (c - 1) * moved_base,
            None if moved_exponent is None else e * x.Call("log", (b,)) * moved_exponent,
        ])  # fmt: skip

    def _call(self, e: x.Call) -> Expr | None:
        moved = [self(a) for a in e.args]
        if all(m is None for m in moved):
            return None
        meaning = OPS[e.op].expand(e.args)
        if meaning is not None:
            return self(meaning)
        if e.op not in SLOPES:
            raise Unsupported(f"the judges know no slope of `{e.op}`")
        slope = SLOPES[e.op](e.args[0], e)
        return None if slope is None else slope * moved[0]

    def _reduce(self, e: x.Reduce) -> Expr | None:
        moved, i = self(e.body), e.index
        if moved is None:
            return None
        if e.op == "sum":
            return x.Reduce("sum", i, moved, e.guard)
        if e.op == "prod":
            other = i.fresh()
            rest = x.substitute(x.refresh(e.body), {i: other})
            guard = x.TRUE if e.guard is None else x.substitute(e.guard, {i: other})
            others = x.Reduce("prod", other, rest, x.both(guard, x.negation(x.rel("eq", i, other))))
            return x.Reduce("sum", i, others * moved, e.guard)
        other = i.fresh()
        body = e.body if e.guard is None else x.Cases(((e.guard, e.body),), x.Num(-_INF if e.op == "max" else _INF))
        best = x.ArgBest(e.op, other, x.substitute(x.refresh(body), {i: other}))
        return x.Reduce("sum", i, x.delta(i, best) * moved)

    def _cases(self, branches: tuple, otherwise: Expr) -> Expr | None:
        moved = [self(v) for _, v in branches]
        last = self(otherwise)
        if last is None and all(m is None for m in moved):
            return None
        kept = tuple((c, m or x.ZERO) for (c, _), m in zip(branches, moved, strict=True))
        return x.Cases(kept, last or x.ZERO)


_INF = float("inf")


def _sum(terms: list[Expr | None]) -> Expr | None:
    kept = [t for t in terms if t is not None]
    return x.add(*kept) if kept else None


def _replaced(factors: tuple[Expr, ...], place: int, moved: Expr | None) -> Expr | None:
    return None if moved is None else x.mul(*factors[:place], moved, *factors[place + 1 :])
