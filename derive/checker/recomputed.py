"""Values that backward code computes again: `xhat = (x - mu) * istd` where the forward pass has one long expression.

A gradient `dxhat` is then the gradient at a part of the forward pass that has no name there.  Here the part gets that
name: the forward equations are written with the author's arrays wherever these occur in them, which changes no value.
"""

from __future__ import annotations

from dataclasses import replace

from derive import expr as x
from derive.checker.names import spelled
from derive.expr import Entry, Expr
from derive.index import Index
from derive.matching import occurrences
from derive.program import Equation, Program, base_name


def renamed_copies(equations: tuple[Equation, ...]) -> dict[str, str]:
    """Arrays that are plain copies of others (`xn, xc = cache`), by the array that they copy."""
    found: dict[str, str] = {}
    for e in equations:
        if (
            isinstance(e.rhs, Entry)
            and len(e.rhs.slots) == len(e.indices)
            and all(s is i or i.size.number == 1 for s, i in zip(e.rhs.slots, e.indices, strict=True))
        ):
            found[e.name] = found.get(e.rhs.name, e.rhs.name)
    return found


def with_recomputed(forward: Program, equations: tuple[Equation, ...]) -> Program:
    """The forward pass in which the author's recomputed values are arrays of their own, where they occur in it."""
    copies = renamed_copies(equations)
    for e in _recomputed(forward, equations):
        rhs = _of_originals(e.rhs, copies, forward)
        if not rhs.names <= forward.by_name.keys():
            continue
        for known in forward.equations:
            if "@" in known.name:
                rhs = _folded(rhs, known)
        forward = _inserted(forward, replace(e, rhs=rhs))
    return forward


def _of_originals(rhs: Expr, copies: dict[str, str], forward: Program) -> Expr:
    """A formula over the forward arrays that plain copies stand for."""

    def change(u: Entry) -> Expr | None:
        return Entry(copies[u.name], u.slots) if copies.get(u.name) in forward else None

    return x.replace_entries(rhs, change)


def _recomputed(forward: Program, equations: tuple[Equation, ...]) -> list[Equation]:
    """The author's real arrays that depend on the forward pass alone."""
    known = set(forward.by_name)
    found = []
    for e in equations:
        if e.rhs.names <= known and e.rhs.names and e.sort == "real":
            known.add(e.name)
            if spelled(base_name(e.name).split("@")[0]) is None and not isinstance(e.rhs, Entry):
                found.append(e)
    return found


def _inserted(forward: Program, e: Equation) -> Program:
    """The pass with an equation put before the first one in which it occurs; unchanged where it occurs in none."""
    made, first = [], None
    for old in forward.equations:
        rhs = _folded(old.rhs, e)
        if first is None and rhs is not old.rhs:
            first = len(made)
        made.append(old if rhs is old.rhs else replace(old, rhs=rhs))
    if first is None:
        return forward
    if any(e.rhs.names & {m.name} for m in made[first:]):
        return forward
    return replace(forward, equations=(*made[:first], e, *made[first:]))


def _folded(rhs: Expr, e: Equation) -> Expr:
    """A formula with every occurrence of an equation's right side replaced by its array."""
    wanted = {i for i in e.indices if i.size.number != 1}
    if not wanted <= e.rhs.free:
        return rhs

    def change(t: x.Term) -> Expr | None:
        if not isinstance(t, Expr) or isinstance(t, (x.Num, x.Whole, Entry)):
            return None
        found = occurrences(e.rhs, t, e.indices)
        if found is None:
            return None
        here = Entry(e.name, tuple(found.slots[i] if i in found.slots else x.whole_slot(0) for i in e.indices))
        if found.rest is None:
            return here
        return x.mul(here, found.rest) if isinstance(t, x.Mul) else x.add(here, found.rest)

    return x.rewrite(rhs, change)


def parts_of(e: Equation, forward: Program) -> list[tuple[Expr, tuple[Index, ...]]]:
    """The nameless parts of an equation, what functions are applied to and sums run over, with their indices."""
    found: list[tuple[Expr, tuple[Index, ...]]] = []

    def walk(t: x.Term | Index, bound: tuple[Index, ...]) -> None:
        if isinstance(t, Index):
            return
        if isinstance(t, Expr) and not isinstance(t, (x.Num, x.Whole, x.Ind)) and t.names and t is not e.rhs:
            own = tuple(i for i in (*bound, *e.indices) if i in t.free)
            whole = isinstance(t, Entry) and t.slots == own and forward.shape(t.name) == tuple(i.size for i in own)
            if not whole and not _negated(t) and all(t.key != u.key for u, _ in found):
                found.append((t, own))
        inner = (*bound, t.index) if isinstance(t, (x.Reduce, x.ArgBest)) else bound
        for part in x.parts(t):
            walk(part, inner)

    walk(e.rhs, ())
    return found


def arguments_of(e: Equation, forward: Program) -> list[tuple[Expr, tuple[Index, ...]]]:
    """The nameless part of a line that all of it is a function of: `hidden @ W` of `output = sigmoid(hidden @ W)`."""
    found = []
    for t, own in parts_of(e, forward):
        held = Entry("argument", own)
        rhs = x.rewrite(e.rhs, lambda u, t=t, held=held: held if isinstance(u, Expr) and u.key == t.key else None)
        curved = any(isinstance(u, (x.Call, x.Cases)) and "argument" in u.names for u in x.walk(rhs))
        if own == tuple(e.indices) and rhs.names == {"argument"} and curved and any(isinstance(u, x.Reduce) for u in x.walk(t)):
            found.append((t, own))
    return found


def _negated(t: Expr) -> bool:
    """Whether a part is another one with its sign turned."""
    return isinstance(t, x.Mul) and t.factors[0].key == x.MINUS_ONE.key
