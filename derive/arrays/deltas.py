"""Deltas of summation indices, and sums opened into factors: what happens before anything is contracted."""

from __future__ import annotations

from itertools import permutations

from derive import expr as x
from derive.arrays import bounds
from derive.arrays.ranges import ranged
from derive.expr import Expr
from derive.index import Index, Size
from derive.program import Program


def unfolded(e: Expr) -> tuple[list[Index], list[Expr]]:
    """The summation indices outside a product and its factors; guards become indicators."""
    bound: list[Index] = []
    factors: list[Expr] = []
    while isinstance(e, x.Reduce) and e.op == "sum":
        bound.append(e.index)
        factors += [x.Ind(e.guard)] if e.guard is not None else []
        e = e.body
    factors = [*(e.factors if isinstance(e, x.Mul) else (e,)), *factors]
    return bound, [g for f in factors for g in _split(f)]


def _split(f: Expr) -> list[Expr]:
    """Indicators of several conditions as several factors; cases with one value that is not 0 as an indicator."""
    if isinstance(f, x.Ind) and isinstance(f.cond, x.And):
        return [x.Ind(c) for c in f.cond.parts]
    if isinstance(f, x.Cases) and (one := _only_branch(f)) is not None:
        cond, value = one
        if not _has_infinity(value) and any(isinstance(t, x.Ind) for t in x.walk(value)):
            inner = value.factors if isinstance(value, x.Mul) else (value,)
            return [g for h in (x.Ind(cond), *inner) for g in _split(h)]
    return [f]


def branching(factors: list[Expr]) -> list[Expr] | None:
    """A product with cases that hold deltas as one product per branch, so that the deltas can act."""
    for k, f in enumerate(factors):
        if isinstance(f, x.Cases) and any(isinstance(t, x.Ind) for v in (*(v for _, v in f.branches), f.otherwise)
                                          for t in x.walk(v)) and not _has_infinity(f):  # fmt: skip
            rows, before = [], []
            for cond, v in (*f.branches, (x.TRUE, f.otherwise)):
                rest = [x.refresh(g) for g in (*factors[:k], *factors[k + 1 :])]
                rows.append(x.mul(*rest, v, x.indicator(x.both(*before, cond))))
                before.append(x.negation(cond))
            return [r for r in rows if r.key != x.ZERO.key]
    return None


def _has_infinity(e: Expr) -> bool:
    return any(isinstance(t, x.Num) and isinstance(t.value, float) for t in x.walk(e))


def _only_branch(f: x.Cases) -> tuple[x.Cond, Expr] | None:
    """The condition and value of the only branch that is not zero."""
    rows = [*f.branches, (x.TRUE, f.otherwise)]
    alive = [k for k, (_, v) in enumerate(rows) if v.key != x.ZERO.key]
    if len(alive) != 1:
        return None
    k = alive[0]
    return x.both(*(x.negation(c) for c, _ in rows[:k]), rows[k][0]), rows[k][1]


def shortened(program: Program, factors: list[Expr], bound: list[Index]) -> tuple[list[Expr], list[Index]]:
    """Σ_t [0 < t]·f[t] = Σ_p f[p + 1]: a guard that limits a summation index becomes its range."""
    for i in bound:
        found = ranged(program, factors, i)
        if found is None or found[0] is not i or not bounds.nonnegative(found[2]):
            continue
        _, start, n, used = found
        p = i.fresh(size=n)
        place = x.affine([(p, Size.of(1))], start)
        moved = [x.substitute(f, {i: place}) for f in factors if not any(f is u for u in used)]
        return shortened(program, moved or [x.ONE], [p if b is i else b for b in bound])
    return factors, bound


def contracted_deltas(program: Program, factors: list[Expr], bound: list[Index]) -> tuple[list[Expr], list[Index]]:
    """Σ_m [m = s]·f[m] = f[s], where s stays in range or a range guard says where it does."""
    factors = [_decided(program, f) for f in factors]
    for k, f in enumerate(factors):
        for i in bound:
            slot = solved(f, i)
            if slot is None:
                continue
            guard = _range_guard(program, slot, i.size)
            if guard is None:
                continue
            rest = [x.substitute(g, {i: slot}) for n, g in enumerate(factors) if n != k]
            return contracted_deltas(program, [*rest, *guard], [b for b in bound if b is not i])
    joined = _joined_digits(factors, bound)
    if joined is not None:
        return contracted_deltas(program, *joined)
    factors = [f for f in factors if f.key != x.ONE.key]
    return factors or [x.ONE], bound


def _joined_digits(factors: list[Expr], bound: list[Index]) -> tuple[list[Expr], list[Index]] | None:
    """Σ_m [m//K = g]·[m%K = k]·f[m] = f[(g, k)]: deltas of all digits of a summation index."""
    for m in bound:
        digits = [(k, *_digit(f, m)) for k, f in enumerate(factors) if _digit(f, m) is not None]
        for order in permutations(digits) if 1 < len(digits) < 5 else ():
            if x.join([(part, index.size) for _, part, index in order]) is m:
                slot = x.join([(index, index.size) for _, _, index in order])
                used = {k for k, _, _ in order}
                rest = [x.substitute(f, {m: slot}) for k, f in enumerate(factors) if k not in used]
                return rest, [b for b in bound if b is not m]
    return None


def _digit(f: Expr, m: Index) -> tuple[x.Part, Index] | None:
    """[m//K % L = j] as the digit and j."""
    if not (isinstance(f, x.Ind) and isinstance(f.cond, x.Rel) and f.cond.op == "eq"):
        return None
    for part, index in ((f.cond.left, f.cond.right), (f.cond.right, f.cond.left)):
        if isinstance(part, x.Part) and part.slot is m and isinstance(index, Index) and index is not m:
            return part, index
    return None


def _decided(program: Program, f: Expr) -> Expr:
    return x.indicator(bounds.decide(f.cond, program)) if isinstance(f, x.Ind) else f


def solved(f: Expr, i: Index) -> x.Slot | None:
    """The slot that an index must equal for a delta to be 1, None when the delta does not say."""
    if not (isinstance(f, x.Ind) and isinstance(f.cond, x.Rel) and f.cond.op == "eq"):
        return None
    left, right = f.cond.left, f.cond.right
    if (isinstance(left, Expr) and not isinstance(left, x.Entry)) or (
        isinstance(right, Expr) and not isinstance(right, x.Entry)
    ):
        return None
    gap = x.affine([(left, Size.of(1)), (right, Size.of(-1))])
    terms = gap.terms if isinstance(gap, x.Affine) else ((gap, Size.of(1)),)
    own = [(s, c) for s, c in terms if s is i]
    if len(own) != 1 or own[0][1].number not in (1, -1):
        return None
    rest = [t for t in terms if t[0] is not i]
    if any(i in x.free_indices(s) for s, _ in rest):
        return None
    direction = Size.of(-1) * own[0][1]
    constant = gap.constant if isinstance(gap, x.Affine) else Size()
    return x.affine([(s, c * direction) for s, c in rest], constant * direction)


def _range_guard(program: Program, slot: x.Slot, n: Size) -> list[Expr] | None:
    """Indicators that keep a slot inside an axis: none where it is known to stay, None for unknown integers."""
    if bounds.inside(slot, n, program):
        return []
    if bounds.slot_range(slot, program) is None:
        return None
    limits = x.rel("le", x.whole_slot(0), slot), x.rel("lt", slot, x.whole_slot(n))
    left = [bounds.decide(c, program) for c in limits]
    return [x.Ind(c) for c in left if c.key != x.TRUE.key]


__all__ = ["branching", "contracted_deltas", "shortened", "solved", "unfolded"]
