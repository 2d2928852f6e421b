"""Sums of products: an expression as coefficient · Π base^exponent under sums, a list of such terms.

In this form a factor meets every other one wherever it stood, inside or outside a sum, so that names can be put in,
cancelled and found again by looking at one flat product.  `spread` goes there, `gathered` comes back with every sum as
far inside as it goes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from derive import expr as x
from derive.counting import volume
from derive.expr import Expr
from derive.index import Index, Size

Powers = tuple[tuple[Expr, Fraction], ...]
MOST_TERMS = 60
MOST_ORDERS = 3  # binders whose orders are all tried for a canonical text


class TooLong(Exception):
    """Multiplied out, the expression has more terms than anyone would read."""


@dataclass(frozen=True, eq=False)
class Monomial:
    """coefficient · Π base^exponent, summed over the binders; every base occurs once."""

    coefficient: Fraction
    powers: Powers
    binders: tuple[Index, ...] = ()

    @cached_property
    def key(self) -> str:
        """A text that two monomials share exactly when they differ in the coefficient alone."""
        body = x.Mul(tuple(x.Pow(b, x.Num(n)) for b, n in self.powers))
        if not self.binders:
            return body.key
        if len(self.binders) > MOST_ORDERS:
            return _bound(body, self.binders).key
        return min(_bound(body, order).key for order in itertools.permutations(self.binders))

    @cached_property
    def expr(self) -> Expr:
        """The term with every sum as far inside as it goes."""
        return single(self)

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset().union(*(b.names for b, _ in self.powers))

    @property
    def free(self) -> frozenset[Index]:
        return frozenset().union(*(b.free for b, _ in self.powers)) - set(self.binders)

    def times(self, other: Monomial) -> Monomial:
        """The product; the other one's binders must be its own."""
        powers = merged((*self.powers, *other.powers))
        return counted(Monomial(self.coefficient * other.coefficient, powers, (*self.binders, *other.binders)))

    def scaled(self, c: Fraction) -> Monomial:
        return Monomial(self.coefficient * c, self.powers, self.binders)

    def fresh(self) -> Monomial:
        """The same with its binders renamed."""
        return self.substituted({}, tuple(i.fresh() for i in self.binders)) if self.binders else self

    def substituted(self, slots: Mapping[Index, x.Slot], binders: tuple[Index, ...] | None = None) -> Monomial:
        """Free indices replaced by slots, the binders renamed."""
        own = binders if binders is not None else tuple(i.fresh() for i in self.binders)
        all_slots = {**slots, **dict(zip(self.binders, own, strict=True))}
        powers = tuple((x.substitute(x.refresh(b), all_slots), n) for b, n in self.powers)
        return Monomial(self.coefficient, merged(powers), own)


ONE = Monomial(Fraction(1), ())


def _bound(body: Expr, order: Iterable[Index]) -> Expr:
    for i in order:
        body = x.Reduce("sum", i, body)
    return body


def merged(powers: Iterable[tuple[Expr, Fraction]]) -> Powers:
    """Powers of one base added up, in order of appearance."""
    sums: dict[str, tuple[Expr, Fraction]] = {}
    for base, n in powers:
        held = sums.get(base.key)
        sums[base.key] = (base, n) if held is None else (held[0], held[1] + n)
    delta = {k: (b, Fraction(1)) if isinstance(b, x.Ind) and n > 0 else (b, n) for k, (b, n) in sums.items()}
    return tuple((b, n) for b, n in delta.values() if n)


# ---------------------------------------------------------------- there


def spread(e: Expr) -> list[Monomial]:
    """The expression multiplied out; raises TooLong."""
    found = _spread(e)
    if len(found) > MOST_TERMS:
        raise TooLong
    return found


def sized(e: Expr) -> Expr:
    """A sum of sizes and numbers as one size: (n − 1) is a length like n."""
    slot = x.as_slot(e) if isinstance(e, x.Add) else None
    return x.size(slot.constant) if isinstance(slot, x.Affine) and not slot.terms else e


def _spread(e: Expr) -> list[Monomial]:
    e = sized(e)
    match e:
        case x.Num(value=Fraction() as value):
            return [Monomial(value, ())] if value else []
        case x.Whole(slot=x.Affine(terms=(), constant=n)) if len(n.terms) == 1:
            letters, c = n.terms[0]
            return [Monomial(Fraction(c), merged((x.size(Size((((a,), 1),))), Fraction(1)) for a in letters))]
        case x.Add(terms=terms):
            return [m for t in terms for m in spread(t)]
        case x.Mul(factors=factors):
            return product([spread(f) for f in factors])
        case x.Pow(base=base, exponent=x.Num(value=Fraction() as n)):
            return _power(base, n)
        case x.Reduce(op="sum", index=i, body=body, guard=None):
            return [summed(m, i) for m in spread(body)]
    return [Monomial(Fraction(1), ((e, Fraction(1)),))]


def product(lists: list[list[Monomial]]) -> list[Monomial]:
    """Every term of one with every term of the others."""
    found = [ONE]
    for terms in lists:
        if len(found) * len(terms) > MOST_TERMS:
            raise TooLong
        found = [a.times(b.fresh()) for a in found for b in terms]
    return found


def _power(base: Expr, n: Fraction) -> list[Monomial]:
    """A power of a single term without sums is the product of its powers; of a sum only a small one is multiplied out."""
    base = sized(base)
    if n.denominator == 1 and isinstance(base, (x.Mul, x.Whole, x.Num, x.Pow)):
        inner = spread(base)
        if len(inner) == 1 and not inner[0].binders and inner[0].coefficient:
            return [raised(inner[0], n)]
    if n in (2, 3) and isinstance(base, x.Add):
        return product([spread(base)] * int(n))
    return [Monomial(Fraction(1), ((base, n),))]


def raised(m: Monomial, n: Fraction) -> Monomial:
    """A monomial without binders to an integer power."""
    return Monomial(m.coefficient ** int(n), merged((b, k * n) for b, k in m.powers))


def summed(m: Monomial, i: Index) -> Monomial:
    """Σ over one more index; what does not depend on it is counted."""
    if any(i in b.free for b, _ in m.powers):
        return Monomial(m.coefficient, m.powers, (i, *m.binders))
    return m.times(spread(x.size(i.size))[0]) if len(i.size.terms) == 1 else m.times(_atom(x.size(i.size)))


def counted(m: Monomial) -> Monomial:
    """The term with its idle sums counted."""
    idle = [i for i in m.binders if not any(i in b.free for b, _ in m.powers)]
    if not idle:
        return m
    m = Monomial(m.coefficient, m.powers, tuple(j for j in m.binders if j not in idle))
    for i in idle:
        m = summed(m, i)
    return m


def _atom(e: Expr) -> Monomial:
    return Monomial(Fraction(1), ((e, Fraction(1)),))


def collected(terms: Iterable[Monomial]) -> list[Monomial]:
    """Equal terms counted, in order of appearance; those that vanish are gone."""
    sums: dict[str, Monomial] = {}
    for m in terms:
        held = sums.get(m.key)
        sums[m.key] = m if held is None else Monomial(held.coefficient + m.coefficient, held.powers, held.binders)
    return [m for m in sums.values() if m.coefficient]


# ---------------------------------------------------------------- and back


def gathered(terms: Iterable[Monomial]) -> Expr:
    """The sum of products as an expression, positive terms first, short ones before long ones."""
    ordered = sorted(terms, key=lambda m: (m.coefficient < 0, len(m.powers)))
    return x.add(*(m.expr for m in ordered))


def single(m: Monomial) -> Expr:
    """One term with every sum as far inside as it goes."""
    outside = [_factor(b, n) for b, n in m.powers if not b.free & set(m.binders)]
    inside = [_factor(b, n) for b, n in m.powers if b.free & set(m.binders)]
    sums = [_nested(factors, binders) for factors, binders in _components(inside, m.binders)]
    return x.mul(x.Num(m.coefficient), *outside, *sums)


def _factor(b: Expr, n: Fraction) -> Expr:
    return x.power(b, x.Num(n))


def _reach(i: Index, factors: list[Expr]) -> tuple[int, int]:
    """How many entries a sum runs over when it stands innermost, and how many factors it takes in."""
    own = [f for f in factors if i in f.free]
    return volume(frozenset().union(*(f.free for f in own))), len(own)


def _of_gradients(e: Expr) -> bool:
    return any(n.startswith("∂") for n in e.names)


def _components(factors: list[Expr], binders: tuple[Index, ...]) -> Iterator[tuple[list[Expr], list[Index]]]:
    """Sums that share no index are sums apart: Σ_m Σ_k f_m g_k = (Σ f)(Σ g)."""
    left = list(binders)
    while left:
        own, grown = {left[0]}, True
        while grown:
            more = set().union(*(f.free & set(binders) for f in factors if f.free & own), own)
            grown, own = more != own, more
        yield [f for f in factors if f.free & own], [i for i in left if i in own]
        left = [i for i in left if i not in own]


def _nested(factors: list[Expr], binders: list[Index]) -> Expr:
    """The sums in the order that takes the fewest operations, innermost first."""
    while binders:
        i = min(binders, key=lambda j: _reach(j, factors))
        binders = [j for j in binders if j is not i]
        own = [f for f in factors if i in f.free]
        place = factors.index(own[0])
        rest = [f for f in factors if i not in f.free]
        own.sort(key=lambda f: not _of_gradients(f))
        factors = [*rest[:place], x.reduce_("sum", i, x.mul(*own)), *rest[place:]]
    return x.mul(*factors)


__all__ = ["ONE", "Monomial", "TooLong", "collected", "counted", "gathered", "merged", "product", "raised", "single", "spread", "summed"]
