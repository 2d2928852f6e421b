"""Sums of products: what is pulled out, what is contracted with what, and by which operation."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

from derive import expr as x
from derive.arrays.axes import Axes, Value, kept_for, real
from derive.arrays.deltas import branching, contracted_deltas, shortened, unfolded
from derive.arrays.factors import Operand, chain, operand
from derive.arrays.lower import Lowering, length
from derive.arrays.pairs import einsum, fold_sum, pair, plain
from derive.arrays.program import Map, Number, Scan
from derive.expr import Expr
from derive.index import Index


def product(low: Lowering, e: Expr, want: Axes) -> Value:
    """A product, or a sum of products over the indices of its summation signs."""
    if low.stable and isinstance(e, x.Mul):
        from derive.arrays.normalisers import without_softmax

        e, found = without_softmax(low, e, want)
        if found and unfolded(e)[0]:
            return chain(low, [*found, (real(low.value(e, want)), False)], want)
    else:
        found = []
    bound, factors = unfolded(e)
    factors, bound = contracted_deltas(low.program, factors, bound)
    now = [f for f in factors if isinstance(f, x.Ind) and not f.names and f.free and f.free <= low.counters]
    if now and not found:
        return _when(low, now, [f for f in factors if f not in now], bound, want)
    factors, bound = shortened(low.program, factors, bound)
    if any(isinstance(f, x.Ind) for f in factors):
        low = low.under_guard()
    if len(factors) == 1 and isinstance(factors[0], x.Add) and bound and _spreads(factors[0]):
        return low.sum_of(tuple(_summed(t, bound) for t in factors[0].terms), want)
    split = branching(factors)
    if bound and split is not None:
        return low.sum_of(tuple(x.total(t, *bound) for t in split), want)
    if not bound:
        return chain(low, [*found, *(operand(low, f, want) for f in factors)], want)
    for special in (scan, _scattered):
        result = special(low, factors, bound, want)
        if result is not None:
            return result
    return _sum_of_products(low, factors, bound, want)


def _when(low: Lowering, conds: list[Expr], rest: list[Expr], bound: list[Index], want: Axes) -> Value:
    """A product that a loop counter switches on: the value if …, else 0."""
    value = real(low.value(x.total(x.mul(*rest), *bound), want))
    cond = low.condition(x.both(*(f.cond for f in conds)), want)
    return Value(Map("choose", (value.node, cond.node, Number(Fraction(0)))), value.axes, value.sort)


# ---------------------------------------------------------------- special sums


def scan(low: Lowering, factors: list[Expr], bound: list[Index], want: Axes) -> Value | None:
    """Σ_k [k ≤ t] f[k] is a running sum, Σ_t [k ≤ t] g[t] one from the end."""
    if len(bound) != 1:
        return None
    (k,) = bound
    for f in factors:
        t, reverse = _ordered(f, k)
        rest = [g for g in factors if g is not f]
        if t is None or t in low.counters or not rest or any(t in g.free for g in rest) or t.size != k.size:
            continue
        inner = low.value(x.mul(*rest), tuple(k if i is t else i for i in want))
        if k not in inner.axes:
            return None
        inner, place = real(inner), inner.axes.index(k)
        axes = tuple(t if i is k else i for i in inner.axes)
        return Value(Scan(inner.node, place, len(axes), reverse), axes)
    return None


def _ordered(f: Expr, k: Index) -> tuple[Index | None, bool]:
    """[k ≤ t] as (t, False), [t ≤ k] as (t, True)."""
    if isinstance(f, x.Ind) and isinstance(f.cond, x.Rel) and f.cond.op == "le":
        left, right = f.cond.left, f.cond.right
        if left is k and isinstance(right, Index):
            return right, False
        if right is k and isinstance(left, Index):
            return left, True
    return None, False


def _scattered(low: Lowering, factors: list[Expr], bound: list[Index], want: Axes) -> Value | None:
    """A sum that sends entries to places: a new array, filled by statements."""
    from derive.arrays.scatter import plan, store

    free = frozenset().union(*(f.free for f in factors)) - set(bound) - low.counters
    lhs = tuple(sorted(free, key=lambda i: (want.index(i) if i in want else len(want), i.number)))
    found = plan(low, factors, bound, lhs)
    if found is None or not found.bound_in_pins:
        return None
    name = low.temporary(tuple(i.size for i in lhs))
    store(low, name, lhs, found, "+", base=None)
    from derive.arrays.program import Load

    return Value(Load(name), lhs)


def _spreads(e: x.Add) -> bool:
    """Whether adding first would make an array larger than any that occurs."""
    entries = [set(t.free) for t in x.walk(e) if isinstance(t, x.Entry)]
    return not any(set(e.free) <= s for s in entries) and any(
        isinstance(t, x.Mul) and len(t.factors) > 1 or t.free != e.free for t in e.terms
    )


def _summed(t: Expr, bound: list[Index]) -> Expr:
    inside = [i for i in bound if i in t.free]
    outside = [x.size(i.size) for i in bound if i not in t.free]
    return x.mul(*outside, x.total(t, *inside))


# ---------------------------------------------------------------- sums of products


def _sum_of_products(low: Lowering, factors: list[Expr], bound: list[Index], want: Axes) -> Value:
    """Pull out what is free of the sum, contract the rest group by group."""
    sizes = [i for i in bound if not any(i in f.free for f in factors)]
    bound = [i for i in bound if i not in sizes]
    outer: list[Operand] = [operand(low, f, want) for f in factors if not f.free & set(bound)]
    first = next((k for k, f in enumerate(factors) if f.free & set(bound)), 0)
    place = sum(1 for f in factors[:first] if not f.free & set(bound))
    outer[place:place] = [(Value(length(i.size), (), "number"), False) for i in sizes]
    place += len(sizes)
    inner: list[Operand] = []
    for group in _groups([f for f in factors if f.free & set(bound)], bound):
        own = [i for i in bound if any(i in f.free for f in group)]
        inner.append((_contracted(low, group, own, want), False))
    return chain(low, [*outer[:place], *inner, *outer[place:]], want)


def _groups(factors: list[Expr], bound: list[Index]) -> list[list[Expr]]:
    """Factors that share summation indices stand together."""
    groups: list[list[Expr]] = []
    for f in factors:
        mine = f.free & set(bound)
        joined = [g for g in groups if any(h.free & mine for h in g)]
        for g in joined:
            mine = mine | frozenset().union(*(h.free & set(bound) for h in g))
        rest = [g for g in groups if not any(g is j for j in joined)]
        groups = [*rest, [*(h for g in joined for h in g), f]]
    return groups


def _contracted(low: Lowering, factors: list[Expr], bound: list[Index], want: Axes) -> Value:
    hint = _natural(factors, want, bound)
    if len(factors) == 1:
        v = low.value(factors[0], hint)
        v = v if low.integer or v.sort != "int" else real(v)
        return kept_for(fold_sum(v, bound), want)
    operands = [operand(low, f, hint) for f in factors]
    while len(operands) > 2:
        best = min(combinations(range(len(operands)), 2), key=lambda p: _pair_cost(operands, p, bound))
        if _grows(operands, best, bound):
            return einsum([plain(o) for o in operands], bound, want)
        a, b = operands[best[0]], operands[best[1]]
        others = {i for k, (v, _) in enumerate(operands) if k not in best for i in v.indices}
        joined = (pair(a, b, [i for i in bound if i not in others], want, hint), False)
        operands = [joined if k == best[0] else o for k, o in enumerate(operands) if k != best[1]]
    return pair(operands[0], operands[1], bound, want, hint)


def _natural(factors: list[Expr], want: Axes, bound: list[Index]) -> Axes:
    """The order of the axes in the largest array that occurs: what a sum over entries is laid out in.

    A factor that is an array of its own has its layout; the others decide.
    """
    largest: Axes = ()
    for group in ([f for f in factors if not isinstance(f, x.Entry)], factors):
        entries = [t for f in group for t in x.walk(f) if isinstance(t, x.Entry)]
        plain = [tuple(s for s in t.slots if isinstance(s, Index) and (s in want or s in bound)) for t in entries]
        largest = largest if len(largest) > 1 else max(plain, key=len, default=())
    rest = [i for i in (*want, *bound) if i is not None and i not in largest]
    return (*rest, *largest)


def _pair_cost(operands: list[Operand], pair: tuple[int, int], bound: list[Index]) -> tuple[int, int]:
    a, b = (set(operands[k][0].indices) for k in pair)
    others = {i for k, (v, _) in enumerate(operands) if k not in pair for i in v.indices}
    gone = {i for i in bound if i not in others}
    return len((a | b) - gone), len(a | b)


def _grows(operands: list[Operand], pair: tuple[int, int], bound: list[Index]) -> bool:
    largest = max(len(operands[k][0].indices) for k in pair)
    return _pair_cost(operands, pair, bound)[0] > largest


__all__ = ["chain", "product"]
