"""Matching a pattern against an expression: the pattern's indices are variables, products and sums commute.

`occurrences` also finds a pattern product among the factors of a larger product, and a pattern sum among the terms of a
larger sum; what is left over is returned with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from derive import expr as x
from derive.expr import Expr, Term
from derive.index import Index


@dataclass(frozen=True)
class Match:
    """The slots that the pattern's indices stand for, and the factors or terms that were left over."""

    slots: dict[Index, x.Slot]
    rest: Expr | None = None


def match(pattern: Expr, e: Expr, variables: tuple[Index, ...]) -> dict[Index, x.Slot] | None:
    """The slots for which the pattern equals the expression, None when there are none."""
    return next(_match(pattern, e, {}, frozenset(variables)), None)


def occurrences(pattern: Expr, e: Expr, variables: tuple[Index, ...]) -> Match | None:
    """A match of the whole expression, or of a part of its factors or terms; all variables must be determined."""
    free = frozenset(i for i in variables if i.size.number != 1)
    for found, rest in _partial(pattern, e, free):
        if free <= found.keys():
            return Match({i: found.get(i, x.whole_slot(0)) for i in variables}, rest)
    return None


def _partial(pattern: Expr, e: Expr, free: frozenset[Index]) -> Iterator[tuple[dict, Expr | None]]:
    if isinstance(pattern, x.Mul) and isinstance(e, x.Mul):
        yield from _factors(pattern, e, free)
    elif isinstance(pattern, x.Add) and isinstance(e, x.Add) and len(pattern.terms) <= len(e.terms):
        yield from _terms(pattern, e, free)
    else:
        yield from ((found, None) for found in _match(pattern, e, {}, free))


def _terms(pattern: x.Add, e: x.Add, free: frozenset[Index]) -> Iterator[tuple[dict, Expr | None]]:
    for found, used in _assign(pattern.terms, e.terms, {}, free, frozenset()):
        rest = [t for k, t in enumerate(e.terms) if k not in used]
        yield found, x.add(*rest) if rest else None


def as_powers(e: Expr) -> list[tuple[Expr, Fraction]]:
    """The factors of a product as (base, exponent); an exponent that is no number stays in the base."""
    found = []
    for f in e.factors if isinstance(e, x.Mul) else (e,):
        if isinstance(f, x.Pow) and isinstance(f.exponent, x.Num) and isinstance(f.exponent.value, Fraction):
            found.append((f.base, f.exponent.value))
        else:
            found.append((f, Fraction(1)))
    return found


def _factors(pattern: x.Mul, e: x.Mul, free: frozenset[Index]) -> Iterator[tuple[dict, Expr | None]]:
    """A product inside a product: every pattern factor takes its power out of one factor of the expression."""
    wanted, have = as_powers(pattern), as_powers(e)

    def search(place: int, found: dict, left: dict[int, Fraction]) -> Iterator[tuple[dict, dict]]:
        if place == len(wanted):
            yield found, left
            return
        base, n = wanted[place]
        for k, m in left.items():
            if m * n > 0 and abs(m) >= abs(n):
                for more in _match(base, have[k][0], found, free):
                    yield from search(place + 1, more, {**left, k: m - n})

    for found, left in search(0, {}, {k: m for k, (_, m) in enumerate(have)}):
        rest = [x.power(have[k][0], x.Num(m)) for k, m in left.items() if m]
        yield found, x.mul(*rest) if rest else None


def _assign(
    patterns: tuple[Term, ...], parts: tuple[Term, ...], found: dict, free: frozenset[Index], used: frozenset[int]
) -> Iterator[tuple[dict, frozenset[int]]]:
    """Every way to give each pattern a part of its own."""
    if not patterns:
        yield found, used
        return
    for k, p in enumerate(parts):
        if k not in used and (type(p) is type(patterns[0]) or _is_wild(patterns[0])):
            for more in _match(patterns[0], p, found, free):
                yield from _assign(patterns[1:], parts, more, free, used | {k})


def assigned(pattern: Expr, e: Expr, found: dict[Index, x.Slot], variables: frozenset[Index]) -> Iterator[dict]:
    """Every way to make the pattern equal the expression that agrees with what its indices stand for already."""
    return _match(pattern, e, found, variables)


def argument(pattern: Expr, e: Expr) -> Expr | None:
    """What the wildcard entry `?u[]` of a pattern stands for in an expression that matches it."""
    found = next(_match(pattern, e, {}, frozenset()), None)
    return None if found is None else found.get("?u")


def _is_wild(t: Term) -> bool:
    return isinstance(t, x.Entry) and t.name.startswith("?")


def _wildcard(name: str, e: Term | Index, found: dict) -> Iterator[dict]:
    if isinstance(e, Expr) and name not in found:
        yield {**found, name: e}
    elif isinstance(e, Expr) and found[name].key == e.key:
        yield found


def _match(pattern: Term | Index, e: Term | Index, found: dict, free: frozenset[Index]) -> Iterator[dict]:
    if isinstance(pattern, x.Entry) and pattern.name.startswith("?"):
        yield from _wildcard(pattern.name, e, found)
        return
    if isinstance(pattern, Index):
        if pattern in found:
            if _same(found[pattern], e):
                yield found
        elif pattern in free:
            if isinstance(e, x.SLOTS) and (x.slot_size(e) in (None, pattern.size)):
                yield {**found, pattern: e}
        elif pattern is e:
            yield found
        return
    if type(pattern) is not type(e) or isinstance(e, Index):
        return
    match pattern:
        case x.Num() | x.Affine() | x.Join() | x.Part() if not (pattern.free & free or pattern.free & found.keys()):
            if pattern.key == e.key:
                yield found
        case x.Entry(name=name, slots=slots):
            if name == e.name and len(slots) == len(e.slots):
                yield from _all(slots, e.slots, found, free)
        case x.Add() | x.Mul() | x.And() | x.Or():
            old, new = x.parts(pattern), x.parts(e)
            if len(old) == len(new):
                yield from (more for more, _ in _assign(old, new, found, free, frozenset()))
        case x.Reduce() | x.ArgBest():
            yield from _reduction(pattern, e, found, free)
        case x.Rel(op=op, left=a, right=b):
            if op == e.op:
                yield from _all((a, b), (e.left, e.right), found, free)
                if op == "eq":
                    yield from _all((a, b), (e.right, e.left), found, free)
        case _:
            if _head(pattern) == _head(e):
                yield from _all(x.parts(pattern), x.parts(e), found, free)


def _reduction(pattern: x.Reduce, e: x.Reduce, found: dict, free: frozenset[Index]) -> Iterator[dict]:
    """Reductions over equally long axes: the bound index of one stands for that of the other."""
    if pattern.op != e.op or pattern.index.size != e.index.size or len(x.parts(pattern)) != len(x.parts(e)):
        return
    inner = {**found, pattern.index: e.index}
    for more in _all(x.parts(pattern), x.parts(e), inner, free):
        clean = {i: s for i, s in more.items() if i is not pattern.index}
        if not any(e.index in x.free_indices(s) for i, s in clean.items() if i in free):
            yield clean


def _all(patterns: tuple, parts: tuple, found: dict, free: frozenset[Index]) -> Iterator[dict]:
    if len(patterns) != len(parts):
        return
    if not patterns:
        yield found
        return
    for more in _match(patterns[0], parts[0], found, free):
        yield from _all(patterns[1:], parts[1:], more, free)


def _head(t: Term) -> tuple:
    """What two nodes must share besides their parts."""
    match t:
        case x.Num(value=value):
            return ("num", value)
        case x.Call(op=op, args=args):
            return ("call", op, len(args))
        case x.Affine(terms=terms, constant=constant):
            return ("affine", tuple(c for _, c in terms), constant)
        case x.Join(parts=joined):
            return ("join", tuple(n for _, n in joined))
        case x.Part(divisor=divisor, modulus=modulus):
            return ("part", divisor, modulus)
    return (type(t).__name__,)


def _same(a: x.Slot, b: x.Slot) -> bool:
    return a is b or (isinstance(a, Term) and isinstance(b, Term) and a.key == b.key)
