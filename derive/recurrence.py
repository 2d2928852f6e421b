"""Recurrences: equations that define each other from one place of their first axis to the next.

A loop over time is a group of equations, h_t from h_{t−1}; its gradient is a group too, from t + 1 to t.  Nothing marks
them: they are the strongly connected parts of what reads what.  All members have first axes of one size, and read each
other at the same place or at places on one side of it, a fixed number of rounds away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from derive import expr as x
from derive.errors import Unsupported
from derive.expr import Entry
from derive.index import Index, Size
from derive.program import Equation


@dataclass(frozen=True)
class Recurrence:
    """Equations that define each other, in an order in which one round can compute them."""

    members: tuple[Equation, ...]
    backward: bool

    @property
    def names(self) -> frozenset[str]:
        return frozenset(e.name for e in self.members)

    @property
    def size(self) -> Size:
        """How many rounds there are."""
        return self.members[0].shape[0]

    @cached_property
    def time(self) -> Index:
        """One index for the round, in all members."""
        return self.members[0].indices[0].fresh()

    def at(self, place: x.Slot) -> Iterator[tuple[Equation, x.Expr]]:
        """Every member with its right-hand side in one round."""
        for e in self.members:
            yield e, x.substitute(e.rhs, {e.indices[0]: place})


def blocks(equations: Iterable[Equation]) -> list[tuple[Equation, ...]]:
    """The equations in an order in which they can be computed; those that define each other stand together.

    Where nothing reads what comes later, the order is the given one.
    """
    equations = list(equations)
    place = {e.name: k for k, e in enumerate(equations)}
    reads = [sorted(place[n] for n in _read(e) if n in place) for e in equations]
    if all(not r or r[-1] < k for k, r in enumerate(reads)):
        return [(e,) for e in equations]
    groups = _ordered(_connected(reads), reads)
    return [tuple(equations[k] for k in sorted(g)) for g in groups]


def _read(e: Equation) -> frozenset[str]:
    """What an equation reads; one that states a law names its own array for what the law determines."""
    return e.rhs.names - {e.name} if e.kind == "implicit" else e.rhs.names


def recurrences(equations: Iterable[Equation]) -> Mapping[str, tuple[Equation, ...]]:
    """The group of every equation that reads itself, directly or through others."""
    found = {}
    for block in blocks(equations):
        if is_recurrent(block):
            found |= {e.name: block for e in block}
    return found


def is_recurrent(block: tuple[Equation, ...]) -> bool:
    """Whether a block reads itself."""
    return len(block) > 1 or block[0].name in _read(block[0])


def recurrence(block: tuple[Equation, ...]) -> Recurrence:
    """The group as rounds; raises Unsupported where no order of rounds computes it."""
    names = {e.name for e in block}
    if any(not e.shape or e.shape[0] != block[0].shape[0] for e in block):
        raise _circular(block)
    directions, same = set(), {e.name: set() for e in block}
    for e in block:
        for t in x.walk(e.rhs):
            if isinstance(t, Entry) and t.name in names:
                gap = shift(t.slots[0], e.indices[0])
                if gap is None:
                    raise _circular(block)
                if gap:
                    directions.add(gap > 0)
                else:
                    same[e.name].add(t.name)
    if len(directions) != 1:
        raise _circular(block)
    return Recurrence(_round(block, same), directions.pop())


def states(equations: Iterable[Equation]) -> dict[str, str]:
    """The arrays that only hand on what an earlier round has left, {h0 if t = 0; h[t − 1]}, and of which array: h."""
    found = {}
    for name, block in recurrences(equations).items():
        e = next(e for e in block if e.name == name)
        late = e.rhs.otherwise if isinstance(e.rhs, x.Cases) else e.rhs
        if isinstance(late, Entry) and late.slots and shift(late.slots[0], e.indices[0]) and late.name in {u.name for u in block}:
            found[name] = late.name
    return found


def shift(slot: x.Slot, t: Index) -> int | None:
    """How many places after t a slot is; None where that is not a fixed number."""
    if slot is t:
        return 0
    if isinstance(slot, x.Affine) and len(slot.terms) == 1:
        ((s, c),) = slot.terms
        if s is t and c.number == 1:
            return slot.constant.number
    return None


def _round(block: tuple[Equation, ...], same: Mapping[str, set[str]]) -> tuple[Equation, ...]:
    """The members in the order of one round."""
    left, done = list(block), []
    while left:
        ready = next((e for e in left if not same[e.name] & {u.name for u in left}), None)
        if ready is None:
            raise _circular(block)
        left.remove(ready)
        done.append(ready)
    return tuple(done)


def _circular(block: tuple[Equation, ...]) -> Unsupported:
    names = ", ".join(f"`{e.name}`" for e in block)
    return Unsupported(f"{names}: the definition is circular", "no order of rounds computes it",
                       "let every round read what an earlier one has made", block[0].span)  # fmt: skip


def _connected(reads: list[list[int]]) -> list[list[int]]:
    """The strongly connected parts of a graph (Tarjan 1972), without recursion."""
    order, low, stack, held, groups = {}, {}, [], set(), []
    for root in range(len(reads)):
        if root in order:
            continue
        work = [(root, iter(reads[root]))]
        order[root] = low[root] = len(order)
        stack.append(root)
        held.add(root)
        while work:
            at, rest = work[-1]
            new = next((n for n in rest if n not in order or n in held), None)
            if new is not None and new not in order:
                order[new] = low[new] = len(order)
                stack.append(new)
                held.add(new)
                work.append((new, iter(reads[new])))
            elif new is not None:
                low[at] = min(low[at], order[new])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[at])
                if low[at] == order[at]:
                    cut = stack.index(at)
                    groups.append(stack[cut:])
                    held -= set(stack[cut:])
                    del stack[cut:]
    return groups


def _ordered(groups: list[list[int]], reads: list[list[int]]) -> list[list[int]]:
    """The groups so that each stands after what it reads, otherwise by their first members."""
    group_of = {k: g for g, members in enumerate(groups) for k in members}
    needs = [{group_of[n] for k in members for n in reads[k]} - {g} for g, members in enumerate(groups)]
    waiting = sorted(range(len(groups)), key=lambda g: min(groups[g]))
    done, out = set(), []
    while waiting:
        ready = next(g for g in waiting if needs[g] <= done)
        waiting.remove(ready)
        done.add(ready)
        out.append(groups[ready])
    return out


__all__ = ["Recurrence", "blocks", "is_recurrent", "recurrence", "recurrences", "shift", "states"]
