"""Expressions in index notation: a small closed set of frozen nodes.

    Num 3/2, −∞      Whole a slot as a number (a size: n)     Entry x[i, Y[i]]      Ind [cond], the delta
    Call exp(u)      Add, Mul, Pow                            Reduce sum|prod|max|min over an index, with a guard
    Cases            D the unevaluated derivative by an entry

In an index position stands a *slot*: an index, an affine form, an integer-valued entry, a join of indices (`view`)
or a part of one, an arg-best.  Conditions (`Rel`, `And`, `Or`, `Not`) compare slots or values.

Constructors only tidy: they flatten, drop neutral elements, add and multiply numbers, and keep the author's order.
`==` means equal up to renaming of bound indices and to commuting.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import inf
from typing import Any, Literal

from derive.index import Index, Size


class Term:
    """What may occur in a formula: expressions, slots other than indices, conditions."""

    @cached_property
    def free(self) -> frozenset[Index]:
        """The indices that no binder inside binds: the type of an expression."""
        inner = frozenset().union(*(free_indices(part) for part in parts(self)))
        return inner - {self.index} if isinstance(self, (Reduce, ArgBest)) else inner

    @cached_property
    def names(self) -> frozenset[str]:
        """The arrays that occur."""
        found = frozenset().union(*(part.names for part in parts(self) if isinstance(part, Term)))
        return found | {self.name} if isinstance(self, Entry) else found

    @cached_property
    def key(self) -> str:
        """A text that two terms share exactly when they are equal."""
        return _key(self, {})

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Term) and self.key == other.key)

    def __hash__(self) -> int:
        return hash(self.key)

    def __str__(self) -> str:
        from derive.notation import text  # the printer stands one floor up; only for show

        return text(self)

    __repr__ = __str__


class Expr(Term):
    """A real number for every value of its free indices."""

    def __add__(self, other: Expr | int | Fraction) -> Expr:
        return add(self, as_expr(other))

    def __radd__(self, other: Expr | int | Fraction) -> Expr:
        return add(as_expr(other), self)

    def __sub__(self, other: Expr | int | Fraction) -> Expr:
        return add(self, negate(as_expr(other)))

    def __rsub__(self, other: Expr | int | Fraction) -> Expr:
        return add(as_expr(other), negate(self))

    def __mul__(self, other: Expr | int | Fraction) -> Expr:
        return mul(self, as_expr(other))

    def __rmul__(self, other: Expr | int | Fraction) -> Expr:
        return mul(as_expr(other), self)

    def __truediv__(self, other: Expr | int | Fraction) -> Expr:
        return mul(self, power(as_expr(other), Num(Fraction(-1))))

    def __rtruediv__(self, other: Expr | int | Fraction) -> Expr:
        return mul(as_expr(other), power(self, Num(Fraction(-1))))

    def __pow__(self, other: Expr | int | Fraction) -> Expr:
        return power(self, as_expr(other))

    def __neg__(self) -> Expr:
        return negate(self)


def _node(cls: type) -> type:
    return dataclass(frozen=True, eq=False, repr=False)(cls)


# ---------------------------------------------------------------- slots


@_node
class Affine(Term):
    """An integer combination of slots: constant + Σ coefficient · slot; with no slot it is a size."""

    terms: tuple[tuple[Slot, Size], ...]
    constant: Size


@_node
class Join(Term):
    """Several slots read as one, the last running fastest: `view(n, -1)`; each with its size."""

    parts: tuple[tuple[Slot, Size], ...]


@_node
class Part(Term):
    """One digit of a joined slot: (slot // divisor) mod modulus; modulus None for the leading digit."""

    slot: Slot
    divisor: Size
    modulus: Size | None


@_node
class ArgBest(Term):
    """The first value of `index` at which `body` is largest (max) or smallest (min)."""

    op: Literal["max", "min"]
    index: Index
    body: Expr


# ---------------------------------------------------------------- expressions


@_node
class Num(Expr):
    """An exact number, or −∞ (legal under max and exp only)."""

    value: Fraction | float


@_node
class Whole(Expr):
    """The integer value of a slot as a number; `Whole` of a constant slot is a size such as n."""

    slot: Slot


@_node
class Entry(Expr):
    """One entry of a named array."""

    name: str
    slots: tuple[Slot, ...]


@_node
class Ind(Expr):
    """1 where the condition holds, else 0; of an equation between slots it is Kronecker's delta."""

    cond: Cond


@_node
class Call(Expr):
    """An elementwise function of the op table applied to its arguments."""

    op: str
    args: tuple[Expr, ...]


@_node
class Add(Expr):
    terms: tuple[Expr, ...]


@_node
class Mul(Expr):
    factors: tuple[Expr, ...]


@_node
class Pow(Expr):
    base: Expr
    exponent: Expr


@_node
class Reduce(Expr):
    """The sum, product, largest or smallest of `body` over `index`, where the guard holds."""

    op: Literal["sum", "prod", "max", "min"]
    index: Index
    body: Expr
    guard: Cond | None = None


@_node
class Cases(Expr):
    """The value of the first branch whose condition holds, else `otherwise`."""

    branches: tuple[tuple[Cond, Expr], ...]
    otherwise: Expr


@_node
class D(Expr):
    """The derivative of `body` by one entry of a named array, all other names held fixed; not yet carried out."""

    body: Expr
    wrt: Entry


# ---------------------------------------------------------------- conditions


@_node
class Rel(Term):
    """`left = right`, `left < right` or `left ≤ right`, between slots or between values."""

    op: Literal["eq", "lt", "le"]
    left: Slot | Expr
    right: Slot | Expr


@_node
class And(Term):
    """All parts hold; with no part it is true."""

    parts: tuple[Cond, ...]


@_node
class Or(Term):
    """Some part holds; with no part it is false."""

    parts: tuple[Cond, ...]


@_node
class Not(Term):
    part: Cond


Slot = Index | Affine | Entry | Join | Part | ArgBest
Cond = Rel | And | Or | Not
SLOTS = (Index, Affine, Entry, Join, Part, ArgBest)

TRUE, FALSE = And(()), Or(())
ZERO, ONE, MINUS_ONE = Num(Fraction(0)), Num(Fraction(1)), Num(Fraction(-1))
MINUS_INFINITY = Num(-inf)


# ---------------------------------------------------------------- walking


_PARTS: dict[type, Callable[[Any], tuple]] = {  # by type: this is asked more often than anything else
    Index: lambda t: (),
    Num: lambda t: (),
    Affine: lambda t: tuple([slot for slot, _ in t.terms]),
    Join: lambda t: tuple([slot for slot, _ in t.parts]),
    Part: lambda t: (t.slot,),
    Whole: lambda t: (t.slot,),
    Entry: lambda t: t.slots,
    Ind: lambda t: (t.cond,),
    Call: lambda t: t.args,
    Add: lambda t: t.terms,
    Mul: lambda t: t.factors,
    Pow: lambda t: (t.base, t.exponent),
    Reduce: lambda t: (t.body,) if t.guard is None else (t.body, t.guard),
    ArgBest: lambda t: (t.body,),
    Cases: lambda t: (*(part for branch in t.branches for part in branch), t.otherwise),
    D: lambda t: (t.body, t.wrt),
    Rel: lambda t: (t.left, t.right),
    And: lambda t: t.parts,
    Or: lambda t: t.parts,
    Not: lambda t: (t.part,),
}


def parts(t: Term | Index) -> tuple[Term | Index, ...]:
    """The direct parts of a term, in printing order; a bound index is not a part."""
    of = _PARTS.get(type(t))
    if of is None:
        raise TypeError(f"have you added a new node? {type(t).__name__}")
    return of(t)


def with_parts(t: Term, new: tuple) -> Term:
    """The same node over other parts (tidied by the constructors)."""
    match t:
        case Affine(terms=terms, constant=constant):
            return affine([(slot, c) for slot, (_, c) in zip(new, terms, strict=True)], constant)
        case Join(parts=joined):
            return join([(slot, n) for slot, (_, n) in zip(new, joined, strict=True)])
        case Part(divisor=divisor, modulus=modulus):
            return part(new[0], divisor, modulus)
        case Whole():
            return Whole(new[0])
        case Entry(name=name):
            return Entry(name, tuple(new))
        case Ind():
            return indicator(new[0])
        case Call(op=op):
            return Call(op, tuple(new))
        case Add():
            return add(*new)
        case Mul():
            return mul(*new)
        case Pow():
            return power(*new)
        case Reduce(op=op, index=i, guard=guard):
            return reduce_(op, i, new[0], None if guard is None else new[1])
        case ArgBest(op=op, index=i):
            return ArgBest(op, i, new[0])
        case Cases():
            return cases(list(zip(new[0:-1:2], new[1::2], strict=True)), new[-1])
        case D():
            return D(new[0], new[1])
        case Rel(op=op):
            return rel(op, new[0], new[1])
        case And():
            return both(*new)
        case Or():
            return either(*new)
        case Not():
            return negation(new[0])
    raise TypeError(f"have you added a new node? {type(t).__name__}")


def walk(t: Term | Index) -> Iterator[Term | Index]:
    """Every part, outermost first, in printing order."""
    yield t
    for part_ in parts(t):
        yield from walk(part_)


def rewrite(t: Term, change: Callable[[Term], Term | None]) -> Term:
    """Apply `change` once to every part, innermost first; None leaves a part as it is."""
    if isinstance(t, Index):
        return t
    old = parts(t)
    new = tuple(rewrite(p, change) if isinstance(p, Term) else p for p in old)
    if any(a is not b for a, b in zip(old, new, strict=True)):
        t = with_parts(t, new)
    if isinstance(t, Index):
        return t
    changed = change(t)
    return t if changed is None else changed


def free_indices(t: Term | Index) -> frozenset[Index]:
    """The free indices of a term; of an index, itself."""
    return frozenset((t,)) if isinstance(t, Index) else t.free


def bound_indices(t: Term | Index) -> frozenset[Index]:
    """The indices that binders inside bind."""
    return frozenset(u.index for u in walk(t) if isinstance(u, (Reduce, ArgBest)))


def substitute(t: Term | Index, slots: Mapping[Index, Slot]) -> Term | Index:
    """Replace free indices by slots; binders that would capture are renamed."""
    if isinstance(t, Index):
        return slots.get(t, t)
    slots = {i: s for i, s in slots.items() if i in t.free}
    if not slots:
        return t
    if isinstance(t, (Reduce, ArgBest)):
        incoming = frozenset().union(*(free_indices(s) for s in slots.values()))
        if t.index in incoming:
            t = rename_binder(t)
    return with_parts(t, tuple(substitute(p, slots) for p in parts(t)))


def rename_binder(t: Reduce | ArgBest, new: Index | None = None) -> Reduce | ArgBest:
    """The same reduction over a fresh index."""
    new = new or t.index.fresh()
    body = substitute(t.body, {t.index: new})
    if isinstance(t, ArgBest):
        return ArgBest(t.op, new, body)
    return Reduce(t.op, new, body, None if t.guard is None else substitute(t.guard, {t.index: new}))


def refresh(t: Term) -> Term:
    """The same term with every binder renamed: what inlining a definition a second time needs."""
    if isinstance(t, Index):
        return t
    old = parts(t)
    new = tuple(refresh(p) if isinstance(p, Term) else p for p in old)
    if any(a is not b for a, b in zip(old, new, strict=True)):
        t = with_parts(t, new)
    return rename_binder(t) if isinstance(t, (Reduce, ArgBest)) else t


def replace_entries(t: Term, change: Callable[[Entry], Expr | None]) -> Term:
    """Replace entries by what `change` makes of them (None: keep); slots inside entries are visited first."""
    return rewrite(t, lambda u: change(u) if isinstance(u, Entry) else None)


# ---------------------------------------------------------------- constructors


def as_expr(value: Expr | int | Fraction) -> Expr:
    """A number as an expression."""
    return value if isinstance(value, Expr) else Num(Fraction(value))


def num(value: int | Fraction | str) -> Num:
    """An exact number; text such as "1e-5" is read as the decimal that it shows."""
    return Num(Fraction(value))


def size(value: Size | int | str) -> Expr:
    """A size as a number."""
    value = Size.of(value)
    return Num(Fraction(value.number)) if value.number is not None else Whole(Affine((), value))


def entry(name: str, *slots: Slot) -> Entry:
    return Entry(name, slots)


def add(*terms: Expr) -> Expr:
    """The sum, flattened; numbers are added in the place of the first of them."""
    flat: list[Expr] = []
    place, total = None, Fraction(0)
    for term in terms:
        for t in term.terms if isinstance(term, Add) else (term,):
            if isinstance(t, Num) and isinstance(t.value, Fraction):
                place = len(flat) if place is None and t.value else place
                total += t.value
            else:
                flat.append(t)
    if total:
        flat.insert(len(flat) if place is None else place, Num(total))
    if not flat:
        return ZERO
    return flat[0] if len(flat) == 1 else Add(tuple(flat))


def mul(*factors: Expr) -> Expr:
    """The product, flattened; numbers are multiplied and stand first."""
    flat: list[Expr] = []
    number = Fraction(1)
    for factor in factors:
        for f in factor.factors if isinstance(factor, Mul) else (factor,):
            if isinstance(f, Num) and isinstance(f.value, Fraction):
                number *= f.value
            else:
                flat.append(f)
    if number == 0:
        return ZERO
    if number != 1 or not flat:
        flat.insert(0, Num(number))
    return flat[0] if len(flat) == 1 else Mul(tuple(flat))


def negate(e: Expr) -> Expr:
    return MINUS_INFINITY if isinstance(e, Num) and e.value == inf else mul(MINUS_ONE, e)


def power(base: Expr, exponent: Expr) -> Expr:
    """The power; exponents 0 and 1, integer powers of numbers and of powers are carried out."""
    if isinstance(exponent, Num) and isinstance(exponent.value, Fraction):
        if exponent.value == 1:
            return base
        if exponent.value == 0:
            return ONE
        if isinstance(base, Num) and isinstance(base.value, Fraction) and exponent.value.denominator == 1:
            if base.value or exponent.value > 0:
                return Num(base.value**exponent.value.numerator)
        if isinstance(base, Pow) and isinstance(base.exponent, Num) and exponent.value.denominator == 1:
            return power(base.base, Num(base.exponent.value * exponent.value))
    return ONE if isinstance(base, Num) and base.value == 1 else Pow(base, exponent)


def reduce_(op: str, i: Index, body: Expr, guard: Cond | None = None) -> Expr:
    """The reduction; over an axis of length one it is its only term, a sum of zeros is zero."""
    if guard is not None and guard.key == TRUE.key:
        guard = None
    if i.size.number == 1 and guard is None:
        return substitute(body, {i: whole_slot(0)})
    if op == "sum" and isinstance(body, Num) and body.value == 0:
        return ZERO
    return Reduce(op, i, body, guard)


def total(body: Expr, *indices: Index) -> Expr:
    """Σ over several indices, the first outermost."""
    for i in reversed(indices):
        body = reduce_("sum", i, body)
    return body


def indicator(cond: Cond) -> Expr:
    """[cond]; decided conditions become 0 or 1."""
    if cond.key == TRUE.key:
        return ONE
    return ZERO if cond.key == FALSE.key else Ind(cond)


def delta(a: Slot, b: Slot) -> Expr:
    """Kronecker's delta of two slots."""
    return indicator(rel("eq", a, b))


def cases(branches: list[tuple[Cond, Expr]], otherwise: Expr) -> Expr:
    """Cases; branches that can never or always be taken are settled."""
    kept: list[tuple[Cond, Expr]] = []
    for cond, value in branches:
        if cond.key == TRUE.key:
            otherwise = value
            break
        if cond.key != FALSE.key:
            kept.append((cond, value))
    if all(value.key == otherwise.key for _, value in kept):
        return otherwise
    return Cases(tuple(kept), otherwise)


def affine(terms: list[tuple[Slot, Size]], constant: Size | int = 0) -> Slot:
    """constant + Σ c·slot, with equal slots collected; a lone slot is itself."""
    sums: dict[Slot, Size] = {}
    constant = Size.of(constant)
    for slot, c in terms:
        inner = slot.terms if isinstance(slot, Affine) else ((slot, Size.of(1)),)
        if isinstance(slot, Affine):
            constant = constant + c * slot.constant
        for s, k in inner:
            sums[s] = sums.get(s, Size()) + c * k
    kept = tuple((s, c) for s, c in sums.items() if c.number != 0)
    if len(kept) == 1 and kept[0][1].number == 1 and constant.number == 0:
        return kept[0][0]
    return Affine(kept, constant)


def whole_slot(value: Size | int | str) -> Slot:
    """A fixed position: a number or a size."""
    return Affine((), Size.of(value))


def join(joined: list[tuple[Slot, Size]]) -> Slot:
    """Slots read as one; the complete digits of one slot in order are that slot again."""
    flat: list[tuple[Slot, Size]] = []
    for slot, n in joined:
        if n.number == 1 and within(slot, n):
            continue
        flat += slot.parts if isinstance(slot, Join) and slot_size(slot) == n else ((slot, n),)
    if not flat:
        return whole_slot(0)
    return flat[0][0] if len(flat) == 1 else _undivided(flat) or Join(tuple(flat))


def _undivided(joined: list[tuple[Slot, Size]]) -> Slot | None:
    """The slot whose digits these are, if they are all of one slot's digits in order."""
    first = joined[0][0]
    if not isinstance(first, Part) or slot_size(first.slot) != product_of([n for _, n in joined]):
        return None
    divisor = Size.of(1)
    for place in range(len(joined) - 1, -1, -1):
        slot, n = joined[place]
        leading_fine = place == 0 and isinstance(slot, Part) and slot.modulus in (None, n)
        if not (isinstance(slot, Part) and slot.slot == first.slot and slot.divisor == divisor):
            return None
        if not leading_fine and slot.modulus != n:
            return None
        divisor = divisor * n
    return first.slot


def part(slot: Slot, divisor: Size, modulus: Size | None) -> Slot:
    """A digit of a slot; a digit of a join is one of its slots again, where the sizes line up."""
    n = extent(slot)
    if modulus is not None and n is not None and n == divisor * modulus:
        modulus = None
    if modulus is None and divisor.number == 1:
        return slot
    if modulus is not None and modulus.number == 1:
        return whole_slot(0)
    if n is not None and modulus is None and n == divisor:
        return whole_slot(0)
    if isinstance(slot, Join) and (digits := _digits_between(slot, divisor, modulus)) is not None:
        return join(digits)
    if isinstance(slot, Part) and slot.modulus is not None and modulus is None:
        return Part(slot, divisor, None)
    return Part(slot, divisor, modulus)


def _digits_between(slot: Join, divisor: Size, modulus: Size | None) -> list[tuple[Slot, Size]] | None:
    """The slots of a join that stand from the divisor up, all of them or as far as the modulus reaches.

    None where no digit begins or ends there, or one that must stay below its size might not.
    """
    below, digits = Size.of(1), []
    for place, (inner, m) in reversed(list(enumerate(slot.parts))):
        if digits or below == divisor:
            digits.insert(0, (inner, m))
            if product_of([k for _, k in digits]) == modulus:
                return digits if all(within(s, k) for s, k in digits) else None
            if modulus is None and place == 0:
                return digits
        elif not within(inner, m):
            return None
        below = below * m
    return None


def product_of(sizes: list[Size]) -> Size:
    """The product of sizes."""
    result = Size.of(1)
    for n in sizes:
        result = result * n
    return result


def slot_size(slot: Slot) -> Size | None:
    """The number of values of a slot where that is known from its form."""
    match slot:
        case Index(size=n):
            return n
        case ArgBest(index=i):
            return i.size
        case Join(parts=joined):
            return product_of([n for _, n in joined])
        case Part(slot=inner, divisor=divisor, modulus=None):
            n = slot_size(inner)
            return None if n is None else n // divisor
        case Part(modulus=modulus):
            return modulus
        case _:
            return None


Limits = Callable[[str], Collection[Size]]  # for labels by the array's name: sizes below which its entries stay


def no_limits(name: str) -> Collection[Size]:
    """Nothing is known of labels."""
    return ()


def extent(slot: Slot, limits: Limits = no_limits) -> Size | None:
    """A size n such that the slot certainly is one of 0 … n − 1; None where its form does not tell."""
    match slot:
        case Index(size=n) | ArgBest(index=Index(size=n)):
            return n
        case Join(parts=joined):
            return product_of([n for _, n in joined]) if all(within(s, n, limits) for s, n in joined) else None
        case Part(slot=inner, divisor=divisor, modulus=None):
            n = extent(inner, limits)
            return None if n is None else n.divided(divisor)
        case Part(modulus=modulus):
            return modulus
        case Entry(name=name):
            return next(iter(limits(name)), None)
    return None


def within(slot: Slot, n: Size, limits: Limits = no_limits) -> bool:
    """Whether a slot certainly is one of 0 … n − 1, for all sizes; every axis has at least one place."""
    if isinstance(slot, Entry):
        return any((n - limit).never_negative for limit in limits(slot.name))
    if not isinstance(slot, Affine):
        own = extent(slot, limits)
        return own is not None and (n - own).never_negative
    if not slot.terms and slot.constant.number == 0:
        return True
    low = high = slot.constant
    for s, c in slot.terms:
        own = extent(s, limits)
        if own is None or not (c.never_negative or (-c).never_negative):
            return False
        low, high = (low, high + c * (own - 1)) if c.never_negative else (low + c * (own - 1), high)
    return low.never_negative and (n - 1 - high).never_negative


def as_slot(t: Slot | Expr) -> Slot | None:
    """The slot that an integer-valued term is, or None: indices, sizes and their integer combinations."""
    match t:
        case Whole(slot=slot):
            return slot
        case Num(value=Fraction(denominator=1) as value):
            return whole_slot(value.numerator)
        case Add(terms=terms):
            slots = [as_slot(u) for u in terms]
            return None if None in slots else affine([(s, Size.of(1)) for s in slots])
        case Mul(factors=factors):
            return _scaled_slot([as_slot(f) for f in factors])
    return t if isinstance(t, SLOTS) else None


def _scaled_slot(slots: list[Slot | None]) -> Slot | None:
    if None in slots:
        return None
    sizes = [s.constant for s in slots if isinstance(s, Affine) and not s.terms]
    moving = [s for s in slots if not (isinstance(s, Affine) and not s.terms)]
    if len(moving) > 1:
        return None
    scale = product_of(sizes)
    return affine([(moving[0], scale)]) if moving else whole_slot(scale)


def as_value(t: Slot | Expr) -> Expr:
    """A slot as a number; an expression as it is."""
    if isinstance(t, Affine) and not t.terms:
        return size(t.constant)
    return t if isinstance(t, Expr) else Whole(t)


def written(t: Slot | Expr) -> Expr:
    """A side of a comparison as an expression: a combination of entries as their sum."""
    if isinstance(t, Affine) and t.terms:
        return add(*(mul(size(c), as_value(s)) for s, c in t.terms), size(t.constant))
    return as_value(t)


def rel(op: str, left: Slot | Expr, right: Slot | Expr) -> Cond:
    """A comparison, between slots where both sides are slots; one between equal or constant sides is decided."""
    slots = as_slot(left), as_slot(right)
    left, right = slots if None not in slots else (as_value(left), as_value(right))
    if left is right or (isinstance(left, Term) and isinstance(right, Term) and left.key == right.key):
        return FALSE if op == "lt" else TRUE
    if _in_range(op, left, right):
        return TRUE
    if None not in slots and (_never(op, left, right) if op != "eq" else _apart(left, right)):
        return FALSE
    if None not in slots and op != "eq" and _never("le" if op == "lt" else "lt", right, left):
        return TRUE
    a, b = _constant(left), _constant(right)
    if a is not None and b is not None:
        holds = {"eq": a == b, "lt": a < b, "le": a <= b}[op]
        return TRUE if holds else FALSE
    return Rel(op, left, right)


def _in_range(op: str, left: Slot | Expr, right: Slot | Expr) -> bool:
    """Whether the comparison only says that an index is at least 0, or below its size."""
    if op == "le" and isinstance(right, Index):
        low = _constant(left)
        return low is not None and low <= 0
    return op == "lt" and isinstance(left, Index) and isinstance(right, Affine) and right == whole_slot(left.size)


def _never(op: str, left: Slot, right: Slot) -> bool:
    """Whether the left side is certainly not below the right one: `j + d < d` for an index j."""
    gap = affine([(left, Size.of(1)), (right, Size.of(-1))], 0 if op == "lt" else -1)
    if not isinstance(gap, Affine):
        return isinstance(gap, Index)
    low = gap.constant
    for s, c in gap.terms:
        if not isinstance(s, Index) or not (c.never_negative or (-c).never_negative):
            return False
        low = low if c.never_negative else low + c * (s.size - 1)
    return low.never_negative


def _apart(left: Slot, right: Slot) -> bool:
    """Whether two slots certainly differ: `t + 1` and 0."""
    return _never("le", left, right) or _never("le", right, left)


def _constant(t: Slot | Expr) -> Fraction | None:
    if isinstance(t, Index) and t.size.number == 1:
        return Fraction(0)
    if isinstance(t, Num) and isinstance(t.value, Fraction):
        return t.value
    if isinstance(t, Affine) and not t.terms and t.constant.number is not None:
        return Fraction(t.constant.number)
    return None


def both(*conds: Cond) -> Cond:
    """All of the conditions, flattened; duplicates and true ones dropped."""
    flat: list[Cond] = []
    for cond in conds:
        flat += cond.parts if isinstance(cond, And) else (cond,)
    kept = list({c.key: c for c in flat}.values())
    if any(c.key == FALSE.key for c in kept):
        return FALSE
    return kept[0] if len(kept) == 1 else And(tuple(kept))


def either(*conds: Cond) -> Cond:
    """Some of the conditions, flattened; duplicates and false ones dropped."""
    flat: list[Cond] = []
    for cond in conds:
        flat += cond.parts if isinstance(cond, Or) else (cond,)
    kept = list({c.key: c for c in flat}.values())
    if any(c.key == TRUE.key for c in kept):
        return TRUE
    return kept[0] if len(kept) == 1 else Or(tuple(kept))


def negation(cond: Cond) -> Cond:
    """Not the condition; doubled negation drops, `<` and `≤` turn around."""
    match cond:
        case Not(part=inner):
            return inner
        case And(parts=()):
            return FALSE
        case Or(parts=()):
            return TRUE
        case Rel(op="lt", left=a, right=b):
            return Rel("le", b, a)
        case Rel(op="le", left=a, right=b):
            return Rel("lt", b, a)
    return Not(cond)


# ---------------------------------------------------------------- equality


def key_with(t: Term | Index, names: Mapping[Index, str]) -> str:
    """The canonical text with some free indices under given names."""
    return _key(t, dict(names))


def _key(t: Term | Index, depth: dict[Index, int | str]) -> str:
    """The canonical text: bound indices by depth, commuting parts sorted."""
    if isinstance(t, Index):
        return f"^{depth[t]}" if t in depth else f"#{t.number}"
    if depth and not depth.keys() & t.free:
        return t.key
    match t:
        case Num(value=value):
            return str(value)
        case Whole(slot=slot):
            return f"w({_key(slot, depth)})"
        case Entry(name=name, slots=slots):
            return f"{name}[{','.join(_key(s, depth) for s in slots)}]"
        case Affine(terms=terms, constant=constant):
            return f"a({';'.join(sorted(f'{c}*{_key(s, depth)}' for s, c in terms))};{constant})"
        case Join(parts=joined):
            return f"j({';'.join(f'{_key(s, depth)}:{n}' for s, n in joined)})"
        case Part(slot=slot, divisor=divisor, modulus=modulus):
            return f"p({_key(slot, depth)};{divisor};{modulus})"
        case Reduce(op=op, index=i, body=body, guard=guard):
            inner = _deeper(depth, i)
            tail = "" if guard is None else _key(guard, inner)
            return f"R{op}({i.size};{tail};{_key(body, inner)})"
        case ArgBest(op=op, index=i, body=body):
            return f"arg{op}({i.size};{_key(body, _deeper(depth, i))})"
        case Add() | Mul() | And() | Or():
            return f"{type(t).__name__}({','.join(sorted(_key(p, depth) for p in parts(t)))})"
        case Rel(op="eq", left=a, right=b):
            return f"eq({','.join(sorted((_key(a, depth), _key(b, depth))))})"
        case Rel(op=op, left=a, right=b):
            return f"{op}({_key(a, depth)},{_key(b, depth)})"
        case Call(op=op, args=args):
            return f"{op}({','.join(_key(a, depth) for a in args)})"
    return f"{type(t).__name__}({','.join(_key(p, depth) for p in parts(t))})"


def _deeper(depth: dict[Index, int | str], i: Index) -> dict[Index, int | str]:
    """One binder further in, with a number of its own (where an index is bound twice, the count alone is taken)."""
    number = len(depth)
    while number in depth.values():
        number += 1
    return {**depth, i: number}
