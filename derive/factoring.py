"""How a sum of products is best written: what terms share before a bracket, sums over the same axis as one sum.

Every way is tried and the one that takes the fewest operations kept; nothing is decided by the look of a formula.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction

from derive import expr as x
from derive.counting import count
from derive.expr import Expr
from derive.matching import as_powers
from derive.monomials import ONE, Monomial, gathered
from derive.rules.scalars import factor_out

FEW = 2  # binders that are aligned in every order
MOST_GROUPS = 3


def factored(terms: Sequence[Monomial], deep: bool = True) -> Expr:
    """The terms with what they share before a bracket; `deep`: also what only some share, and what they share under
    sums, where that saves something."""
    best = _common(gathered(terms))
    if not deep or len(terms) <= 1:
        return best
    for group, whole in _single_sums(terms):
        best = min(best, _beside(whole, _others(terms, group)), key=_cost)
    for group in _groups(terms):
        best = min(best, _beside(_common(gathered(group)), _others(terms, group)), key=_cost)
    return best


def bracketed(e: Expr) -> Expr:
    """The expression with each of its sums factored, where that saves operations; its brackets stay closed."""

    def change(t: x.Term) -> Expr | None:
        if not isinstance(t, x.Add):
            return None
        after = factored([_as_it_stands(u) for u in t.terms])
        return after if count(after).at_nominal < count(t).at_nominal else None

    return x.rewrite(e, change)


def _as_it_stands(e: Expr) -> Monomial:
    """A term as one product under its sums, without anything multiplied out."""
    whole = ONE
    for base, n in as_powers(e):
        whole = whole.times(_factor(base, n))
    return whole


def _factor(base: Expr, n: Fraction) -> Monomial:
    if isinstance(base, x.Num) and isinstance(base.value, Fraction) and n.denominator == 1:
        return Monomial(base.value ** int(n), ())
    if isinstance(base, x.Reduce) and base.op == "sum" and base.guard is None and n == 1:
        own = x.refresh(base)
        inner = _as_it_stands(own.body)
        return Monomial(inner.coefficient, inner.powers, (own.index, *inner.binders))
    return Monomial(Fraction(1), ((base, n),))


def _cost(e: Expr) -> int:
    return count(e).cost


def _common(e: Expr) -> Expr:
    if not isinstance(e, x.Add):
        return e
    move = factor_out.apply(e, None)
    return e if move is None else move.after


def _others(terms: Sequence[Monomial], group: Sequence[Monomial]) -> list[Monomial]:
    return [m for m in terms if not any(m is g for g in group)]


def _beside(e: Expr, rest: Sequence[Monomial]) -> Expr:
    return _common(x.add(e, factored(rest))) if rest else e


def _groups(terms: Sequence[Monomial]) -> list[list[Monomial]]:
    """The terms that share a factor which not all of them have."""
    found: dict[str, list[Monomial]] = {}
    for m in terms:
        for b, n in m.powers:
            if not isinstance(b, x.Whole) and not b.free & set(m.binders):
                found.setdefault(f"{b.key}{n > 0}", []).append(m)
    groups = {tuple(id(m) for m in g): g for g in found.values() if 1 < len(g) < len(terms)}
    return sorted(groups.values(), key=len, reverse=True)[:MOST_GROUPS]


# ---------------------------------------------------------------- Σ a c + Σ b c = Σ (a + b) c


def _single_sums(terms: Sequence[Monomial]) -> Iterator[tuple[list[Monomial], Expr]]:
    """Terms that are sums over the same axes and share a factor under them, with the one sum that they make."""
    seen: set[tuple[int, ...]] = set()
    for first in terms:
        if not 0 < len(first.binders) <= FEW:
            continue
        members = {id(m): a for m in terms if (a := _aligned(m, first)) is not None}
        if len(members) > 1 and tuple(members) not in seen:
            seen.add(tuple(members))
            inner = factored([Monomial(a.coefficient, a.powers) for a in members.values()])
            yield [m for m in terms if id(m) in members], _summed(inner, first)


def _aligned(m: Monomial, first: Monomial) -> Monomial | None:
    """The term over the binders of another with which it then shares a factor under the sum, None where none fits."""
    if m is first:
        return m
    best: tuple[int, Monomial | None] = (0, None)
    for order in itertools.permutations(first.binders) if len(m.binders) == len(first.binders) else ():
        if all(i.size == j.size for i, j in zip(m.binders, order, strict=True)):
            own = m.substituted({}, order)
            best = max(best, (_shared(own, first), own), key=lambda pair: pair[0])
    return best[1]


def _shared(m: Monomial, first: Monomial) -> int:
    bound = set(first.binders)
    keys = {(b.key, n > 0) for b, n in first.powers if b.free & bound}
    return sum((b.key, n > 0) in keys for b, n in m.powers)


def _summed(inner: Expr, first: Monomial) -> Expr:
    """The sum over the binders of a term, what does not depend on them before it."""
    for i in reversed(first.binders):
        factors = x.parts(inner) if isinstance(inner, x.Mul) else (inner,)
        under = x.mul(*(f for f in factors if i in f.free))
        inner = x.mul(*(f for f in factors if i not in f.free), x.reduce_("sum", i, under))
    return inner


__all__ = ["bracketed", "factored"]
