"""Indices and their sizes: the axis variables of an expression, and the small language of lengths.

A `Size` is a polynomial with integer coefficients over letters and floor quotients: `n`, `T*E`, `(H - KH)//s + 1`.
An `Index` is an axis variable; it *is* its identity, its name is only for show.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

from derive.errors import ShapeMismatch

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Quotient:
    """The floor quotient `over // under` of two sizes, as an atom of a size polynomial."""

    over: Size
    under: Size

    def __str__(self) -> str:
        return f"{self.over.factor_text()}//{self.under.factor_text()}"


Atom = str | Quotient
Monomial = tuple[Atom, ...]


@dataclass(frozen=True)
class Size:
    """A length: sum of integer coefficients times products of atoms, in one canonical order."""

    terms: tuple[tuple[Monomial, int], ...] = ()

    @staticmethod
    def of(value: Size | int | str) -> Size:
        """The size of an integer, of a letter, or itself."""
        if isinstance(value, Size):
            return value
        if isinstance(value, int):
            return Size((((), value),)) if value else Size()
        return Size((((value,), 1),))

    @property
    def number(self) -> int | None:
        """Its value when no letter occurs, else None."""
        if not self.terms:
            return 0
        return self.terms[0][1] if len(self.terms) == 1 and not self.terms[0][0] else None

    @property
    def letter(self) -> str | None:
        """The letter it consists of, else None."""
        if len(self.terms) == 1 and self.terms[0][1] == 1 and len(self.terms[0][0]) == 1:
            atom = self.terms[0][0][0]
            return atom if isinstance(atom, str) else None
        return None

    @property
    def letters(self) -> frozenset[str]:
        """Every letter that occurs."""
        found: set[str] = set()
        for monomial, _ in self.terms:
            for atom in monomial:
                found |= {atom} if isinstance(atom, str) else atom.over.letters | atom.under.letters
        return frozenset(found)

    def __add__(self, other: Size | int | str) -> Size:
        return _collect([*self.terms, *Size.of(other).terms])

    __radd__ = __add__

    def __neg__(self) -> Size:
        return Size(tuple((monomial, -c) for monomial, c in self.terms))

    def __sub__(self, other: Size | int | str) -> Size:
        return self + -Size.of(other)

    def __rsub__(self, other: Size | int | str) -> Size:
        return Size.of(other) - self

    def __mul__(self, other: Size | int | str) -> Size:
        pairs = itertools.product(self.terms, Size.of(other).terms)
        return _collect([(_sorted(m + k), c * d) for (m, c), (k, d) in pairs])

    __rmul__ = __mul__

    def __floordiv__(self, other: Size | int | str) -> Size:
        under = Size.of(other)
        if under.number == 0:
            raise ShapeMismatch(f"the size {self} is divided by zero")
        if (exact := self.divided(under)) is not None:
            return exact
        if self.number is not None and under.number is not None:
            return Size.of(self.number // under.number)
        return Size((((Quotient(self, under),), 1),))

    def divided(self, under: Size) -> Size | None:
        """The exact quotient by a single product, None when it does not divide every term."""
        if len(under.terms) != 1:
            return Size.of(1) if self == under else None
        (monomial, c) = under.terms[0]
        parts = []
        for m, d in self.terms:
            rest = _without(m, monomial)
            if rest is None or d % c:
                return None
            parts.append((rest, d // c))
        return _collect(parts)

    def substitute(self, sizes: Mapping[str, Size]) -> Size:
        """The same size with letters replaced."""
        if not self.letters & sizes.keys():
            return self
        total = Size()
        for monomial, c in self.terms:
            product = Size.of(c)
            for atom in monomial:
                if isinstance(atom, str):
                    product = product * sizes.get(atom, Size.of(atom))
                else:
                    product = product * (atom.over.substitute(sizes) // atom.under.substitute(sizes))
            total = total + product
        return total

    def at(self, sizes: Mapping[str, int]) -> int:
        """Its value where every letter has a number; raises KeyError for a letter without one."""
        total = 0
        for monomial, c in self.terms:
            for atom in monomial:
                c *= sizes[atom] if isinstance(atom, str) else atom.over.at(sizes) // atom.under.at(sizes)
            total += c
        return total

    @property
    def never_negative(self) -> bool:
        """Whether it is ≥ 0 for all letters ≥ 1; False where quotients leave it open."""
        if any(not isinstance(atom, str) for monomial, _ in self.terms for atom in monomial):
            return False
        return all(c >= 0 for _, c in self.substitute({a: Size.of(a) + 1 for a in self.letters}).terms)

    def factor_text(self) -> str:
        """Its text, bracketed when it is not a single factor."""
        simple = self.number is not None or self.letter is not None
        return str(self) if simple else f"({self})"

    def __str__(self) -> str:
        text = ""
        for monomial, c in self.terms:
            factors = [_atom_text(a, len(monomial) > 1 or abs(c) != 1) for a in monomial]
            body = "*".join(([str(abs(c))] if abs(c) != 1 or not monomial else []) + factors)
            text += (" - " if c < 0 else " + ") + body if text else ("-" if c < 0 else "") + body
        return text or "0"

    __repr__ = __str__


def _atom_text(atom: Atom, inner: bool) -> str:
    return f"({atom})" if inner and isinstance(atom, Quotient) else str(atom)


def _sorted(monomial: Monomial) -> Monomial:
    return tuple(sorted(monomial, key=str))


def _without(monomial: Monomial, factors: Monomial) -> Monomial | None:
    left = list(monomial)
    for atom in factors:
        if atom not in left:
            return None
        left.remove(atom)
    return tuple(left)


def _collect(terms: list[tuple[Monomial, int]]) -> Size:
    sums: dict[Monomial, int] = {}
    for monomial, c in terms:
        sums[monomial] = sums.get(monomial, 0) + c
    kept = [(m, c) for m, c in sums.items() if c]
    return Size(tuple(sorted(kept, key=lambda t: (-len(t[0]), str(t[0])))))


@dataclass(frozen=True, eq=False)
class Index:
    """An axis variable. Two indices are the same only if they are the same object."""

    name: str
    size: Size
    number: int = field(default_factory=lambda: next(_numbers))

    def fresh(self, name: str | None = None, size: Size | None = None) -> Index:
        """A new index, by default of the same name and size."""
        return Index(name or self.name, self.size if size is None else size)

    def __repr__(self) -> str:
        return f"{self.name}:{self.size}"


def index(name: str, size: Size | int | str) -> Index:
    """A fresh index; the size may be a letter or a number."""
    return Index(name, Size.of(size))
