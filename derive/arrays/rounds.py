"""Recurrences as loops over time: what no round needs from another is computed before, for all rounds at once.

`a[t] = Σ X[t]·Wx + Σ h[t−1]·Wh + b` becomes `a = X @ Wx + b` and, in the loop, `a[t] += h[t - 1] @ Wh`; a gradient, whose
rounds read what comes later, becomes a reversed loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count

from derive import expr as x
from derive.arrays.axes import Axes, Value, fit, real
from derive.arrays.deltas import contracted_deltas, unfolded
from derive.arrays.lower import Lowering
from derive.arrays.program import Assign, Counter, Length, Load, New, Number, Pick, Repeat, Slice, Statement, Store
from derive.arrays.scatter import Plan, lower_equation, owned, planned, store, zeros
from derive.errors import Unsupported
from derive.expr import Expr
from derive.index import Index
from derive.program import Equation, Program
from derive.recurrence import blocks, is_recurrent, recurrence


@dataclass(frozen=True)
class Block:
    """Equations and the statements that compute them; `own`: for those in a loop, what computes one round of each."""

    equations: tuple[Equation, ...]
    statements: tuple[Statement, ...]
    own: dict[str, tuple[Statement, ...]] = field(default_factory=dict)


def lower_blocks(
    equations: list[Equation], program: Program, *, stable: bool = False, remark: Callable[[Equation], tuple] = lambda e: ()
) -> list[Block]:
    """Every equation, in an order in which they can be computed; `remark`: statements said before a line of a loop."""
    numbers = count(1)
    found = []
    for block in blocks(equations):
        if not is_recurrent(block):
            found.append(Block(block, lower_equation(block[0], program, stable=stable, numbers=numbers)))
        else:
            found.append(lower_rounds(block, program, stable, numbers, remark))
    return found


def lower_rounds(
    block: tuple[Equation, ...], program: Program, stable: bool = False, numbers: Iterator[int] | None = None,
    remark: Callable[[Equation], tuple] = lambda e: (),
) -> Block:  # fmt: skip
    """The loop that computes a recurrence; raises Unsupported where no order of rounds does."""
    given = recurrence(tuple(_contracted(e, program) for e in block))
    t, group = given.time, given.names
    ahead = Lowering(program, stable, numbers=numbers)
    inner = Lowering(program, stable, {t}, numbers=ahead.numbers)
    inner.shapes = ahead.shapes
    body: list[Statement] = []
    own = {}
    for e in given.members:
        _refuse_integers(e)
        lines = _member(ahead, inner, e, t, group)
        body += (*remark(e), *lines)
        own[e.name] = lines
    loop = Repeat(t, tuple(body), given.backward)
    return Block(block, (*ahead.statements, loop), own)


def _refuse_integers(e: Equation) -> None:
    if e.sort == "int":
        raise Unsupported(f"whole numbers carried from round to round, `{e.name}`", "no gradient runs through them",
                          "compute them before the loop", e.span)  # fmt: skip


def _member(ahead: Lowering, inner: Lowering, e: Equation, t: Index, group: frozenset[str]) -> tuple[Statement, ...]:
    """One array: what is computed before the loop goes to `ahead`; returned is one round of it."""
    units = {i: x.whole_slot(0) for i in e.indices if i.size.number == 1}
    rhs = x.substitute(e.rhs, {e.indices[0]: t} | units)
    axes: Axes = (t, *(None if i in units else i for i in e.indices[1:]))
    before, rest = _parted(rhs, t, group)
    mode = "="
    if before is not None and None not in axes:
        value = _fitting(ahead.value(before, axes), e)
        ahead.statements.append(Assign(e.name, owned(ahead, e.name, value, axes)))
        rhs, mode = rest, "+"
    else:
        like = zeros(ahead, e.name, e.indices)
        ahead.statements.append(Assign(e.name, replace(like, truth=e.sort == "bool")))
    rhs = _hoisted(ahead, rhs, t, axes, group)
    inner.statements = []
    rest = axes[1:]
    plans = planned(inner, rhs, rest) if None not in rest else None
    found, others = plans if plans is not None else ([], [rhs])
    if others:
        value = fit(_fitting(inner.value(x.add(*(x.mul(u) for u in others)), rest), e), rest)
        inner.statements.append(Store(e.name, (Counter(t),), mode, value.node))
    for p, sign in found:
        inner.statements += _stores(inner, e.name, t, rest, p, sign)
    return tuple(inner.statements)


def _fitting(v: Value, e: Equation) -> Value:
    """Truth values and integers as floats where the array holds floats."""
    return real(v) if e.sort == "real" and v.sort in ("int", "bool") else v


def _stores(low: Lowering, name: str, t: Index, axes: Axes, p: Plan, sign: str) -> list[Statement]:
    """What adds a term with deltas to the places of one round that they name."""
    kept, low.statements = low.statements, []
    row = low.temporary(tuple(i.size for i in axes))
    store(low, row, axes, p, sign, Value(Load(row), axes))
    made, low.statements = low.statements, kept
    plain = (Slice, New, Number, Length, Counter)
    if len(made) == 1 and isinstance(made[0], Store) and not made[0].order and all(isinstance(i, plain) for i in made[0].items):
        return [replace(made[0], name=name, items=(Counter(t), *made[0].items))]
    return [Assign(row, Pick(Load(name), (Counter(t),))), *made]


def _parted(rhs: Expr, t: Index, group: frozenset[str]) -> tuple[Expr | None, Expr]:
    """A sum as the terms that need no round and the others; (None, the sum) where there is nothing to gain."""
    if not isinstance(rhs, x.Add):
        return None, rhs
    free = [u for u in rhs.terms if not u.names & group]
    if not free or len(free) == len(rhs.terms) or not any(t in u.free for u in free):
        return None, rhs
    return x.add(*free), x.add(*(u for u in rhs.terms if u.names & group))


def _hoisted(ahead: Lowering, rhs: Expr, t: Index, axes: Axes, group: frozenset[str]) -> Expr:
    """Sums inside whose contractions over all rounds are one product: named, and computed before the loop."""
    outer = {i for i in axes if i is not None}

    def change(u: x.Term) -> Expr | None:
        before, rest = _parted(u, t, group) if isinstance(u, Expr) else (None, u)
        if before is None or not before.free <= outer or not any(isinstance(p, x.Reduce) for p in x.walk(before)):
            return None
        kept = tuple(i for i in axes if i in before.free)
        name = ahead.temporary(tuple(i.size for i in kept))
        ahead.statements.append(Assign(name, fit(ahead.value(before, kept), kept).node))
        return x.add(x.Entry(name, kept), rest)

    return x.rewrite(rhs, change)


def _contracted(e: Equation, program: Program) -> Equation:
    """The equation with deltas of summed indices carried out."""
    low = Lowering(program)

    def change(u: x.Term) -> Expr | None:
        if isinstance(u, x.Reduce) and u.op == "sum" and u.guard is None:
            bound, factors = unfolded(u)
            after, left = contracted_deltas(low.program, factors, bound)
            if len(left) < len(bound):
                return x.total(x.mul(*after), *left)
        return None

    return replace(e, rhs=x.rewrite(e.rhs, change))


__all__ = ["Block", "lower_blocks", "lower_rounds"]
