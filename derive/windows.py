"""Closed forms over a window: ∂x written with a later ∂y alone, everything between them substituted and simplified.

The other end of a window is an array through which every path from the outputs to x runs (a dominator in the graph of
the gradients), or the outputs themselves.  Of the windows tried the one that saves the most operations is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from derive import expr as x
from derive.collapsing import Found, Line, Search, factored
from derive.counting import Count, count
from derive.derivation import Derivation, Step
from derive.engine import Gradients
from derive.expr import Entry, Expr
from derive.monomials import MOST_TERMS, Monomial, TooLong, counted, gathered, spread
from derive.program import Equation
from derive.refining import Atoms
from derive.rule import Context

WIDEST = 10  # gradients between the two ends
PATIENCE = 2  # windows that save nothing before no wider one is tried
OUTPUTS = "the outputs"
SMALL = ("multiply out", "collect like terms")


@dataclass
class Windows:
    """The gradients of one program in the best form known of each, and what the searches share."""

    gradients: Gradients
    best: dict[str, Derivation] = field(default_factory=dict)
    equations: dict[str, Equation] = field(default_factory=dict)
    ends: dict[str, frozenset[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        program = self.gradients.forward
        self.search = Search(Atoms(program), Context(program))
        self.known = {e.name: e for e in self.gradients.program.equations if e.name.startswith("∂")}
        self.users: dict[str, set[str]] = {name: set() for name in self.known}
        for e in self.known.values():
            for g in gradients_in(e.rhs):
                self.users.setdefault(g, set()).add(e.name)

    def add(self, found: Derivation) -> None:
        """Take a gradient in, in the form in which others may rely on it."""
        name = found.target.name
        if name not in self.known:
            return
        self.equations[name] = replace(self.known[name], rhs=found.result)
        inner = gradients_in(found.result)
        sets = [self.ends.get(g, frozenset()) | {g} for g in inner] or [frozenset({OUTPUTS})]
        self.ends[name] = frozenset.intersection(*sets)

    def far_ends(self, own: str) -> list[str]:
        """The gradients through which all paths to one run, nearest first, the outputs last."""
        order = {name: k for k, name in enumerate(self.equations)}
        return sorted(self.ends[own], key=lambda g: order.get(g, -2 if g == OUTPUTS else -1), reverse=True)

    def between(self, own: str, far: frozenset[str]) -> list[str]:
        """The gradients on the way from one gradient to the far end, nearest first."""
        return self._between(own, far, self.equations)

    def _between(self, own: str, far: frozenset[str], equations: Mapping[str, Equation]) -> list[str]:
        found, waiting = [], gradients_in(equations[own].rhs)
        while waiting:
            g = waiting.pop()
            if g not in far and g in equations and g not in found:
                found.append(g)
                waiting += gradients_in(equations[g].rhs)
        order = list(self.equations)
        return sorted(found, key=order.index, reverse=True)

    def private(self, own: str, far: frozenset[str]) -> list[str]:
        """Those between that nothing outside needs: what the window makes superfluous."""
        left = self._between(own, far, self.known)
        while left != (kept := [g for g in left if self.users[g] <= {own, *left}]):
            left = kept
        return [g for g in self.between(own, far) if g in left]

    # -- one window

    def collapse(self, found: Derivation, far: frozenset[str]) -> Derivation | None:
        """The derivation of a gradient over the gradients `far` alone; None where it grows too long."""
        own = found.target.name
        inner = self.between(own, far)
        try:
            terms = self._terms(own, inner)
            line, why = self.search.shortest(terms)
        except TooLong:
            return None
        steps = [Step("its gradient", found.result, instance="as derived", level=2)]
        if inner:
            redexes = tuple(t for t in x.walk(found.result) if isinstance(t, Entry) and t.name in inner)
            put = self.substituted(own, inner)
            steps.append(Step("substitute", put, redexes, instance=", ".join(inner), uses=tuple(inner)))
        steps += self._steps(terms, line, steps[-1].line)
        return Derivation(found.name, found.target, found.indices, tuple(steps), note=why, kind="window")

    def vanishes(self, own: str, inner: list[str]) -> bool:
        """Whether a gradient is zero once those between are put in, without a search."""
        try:
            return not self.search.settled(Line(tuple(self._terms(own, inner)))).terms
        except TooLong:
            return False

    def _terms(self, own: str, inner: list[str]) -> list[Monomial]:
        """The gradient with those between put in, multiplied out over the smallest named parts."""
        terms = self._opened(own)
        for g in inner:
            put = self._opened(g)
            terms = [t for m in terms for t in self._put(m, g, put)]
            if len(terms) > MOST_TERMS:
                raise TooLong
        return terms

    def _opened(self, name: str) -> list[Monomial]:
        return spread(self.search.atoms.refined(self.equations[name].rhs))

    def _put(self, m: Monomial, name: str, terms: list[Monomial]) -> list[Monomial]:
        place = next((b for b, _ in m.powers if isinstance(b, Entry) and b.name == name), None)
        if place is None:
            return [m]
        table = dict(zip(self.equations[name].indices, place.slots, strict=True))
        rest = Monomial(m.coefficient, tuple(p for p in m.powers if p[0] is not place), m.binders)
        return [counted(rest.times(t.substituted(table))) for t in terms]

    def substituted(self, own: str, inner: list[str]) -> Expr:
        """The line after the substitution, as the reader sees it."""
        e = self.equations[own].rhs
        for g in inner:
            e = x.replace_entries(e, lambda t, g=g: self.equations[g].instance(t.slots) if t.name == g else None)
        return e

    def _steps(self, terms: list[Monomial], line: Line, before: Expr) -> list[Step]:
        """The moves of the search as steps; those that only regroup hidden names show no line."""
        atoms, steps = self.search.atoms, []
        moves = [Found("multiply out", "", (), tuple(terms)), *line.moves]
        shown = [(m, atoms.shown(gathered(m.terms))) for m in moves]
        shown.append((Found("factor out", "", (), line.terms), atoms.shown(factored(line.terms))))
        for move, after in shown:
            if after.key == before.key:
                continue
            redexes, fresh = _changed(before, after)
            level = 2 if move.rule in SMALL else 1
            steps.append(Step(move.rule, after, redexes, fresh, move.instance, level, move.uses))
            before = after
        return steps


def gradients_in(e: Expr) -> list[str]:
    """The gradients that an expression mentions."""
    return [n for n in sorted(e.names) if n.startswith("∂")]


def _changed(before: Expr, after: Expr) -> tuple[tuple[Expr, ...], tuple[Expr, ...]]:
    """The terms of a line that are not in the next one, and the other way round."""
    old, new = (e.terms if isinstance(e, x.Add) else (e,) for e in (before, after))
    keys = [{t.key for t in e} for e in (old, new)]
    return tuple(t for t in old if t.key not in keys[1]), tuple(t for t in new if t.key not in keys[0])


# ---------------------------------------------------------------- which windows are worth it


def widest_saving(windows: Windows, found: Derivation) -> Derivation | None:
    """The window of a gradient that saves the most, None where none saves anything."""
    own = found.target.name
    if own not in windows.equations:
        return None
    best, most, idle = None, 0, 0
    for far in windows.far_ends(own):
        ends = frozenset() if far == OUTPUTS else frozenset({far})
        inner = windows.between(own, ends)
        if not inner:
            continue
        private = windows.private(own, ends)
        if len(inner) > WIDEST or idle >= PATIENCE or not (private or windows.vanishes(own, inner)):
            break
        made = windows.collapse(found, ends)
        if made is None:
            break
        saved = _saved(windows, own, private, made.result)
        best, most, idle = (made, saved, 0) if saved > most else (best, most, idle + 1)
        if made.result.key == x.ZERO.key:
            break
    return best


def _saved(windows: Windows, own: str, private: list[str], result: Expr) -> int:
    """What the window saves at nominal sizes: operations against the gradients one by one, and entries moved against
    the same lines put into each other (so that a chain of elementwise lines put together saves nothing)."""
    steps: Count = count(*(windows.equations[g].rhs for g in (own, *private)))
    whole, closed = count(windows.substituted(own, private)), count(result)
    operations = steps.at_nominal - closed.at_nominal
    moved = (whole.cost - whole.at_nominal) - (closed.cost - closed.at_nominal)
    return operations + moved if operations >= 0 else 0


def needed_windows(gradients: Gradients) -> dict[str, Derivation]:
    """The windows worth keeping for the gradients that are asked for and those that their forms then mention.

    Closed forms that are known already are what the windows rely on.
    """
    windows = Windows(gradients)
    for name, d in gradients.derivations.items():
        windows.add(gradients.closed.get(name, d))
    found: dict[str, Derivation] = {}
    targets = {d.target.name: name for name, d in gradients.derivations.items()}
    needed = {d.target.name for name, d in gradients.derivations.items() if name in gradients.wrt}
    for own in reversed(windows.equations):
        if own not in needed:
            continue
        name = targets[own]
        best = None if name in gradients.closed else widest_saving(windows, gradients.derivations[name])
        if best is not None:
            found[name] = best
        needed |= set(gradients_in(windows.equations[own].rhs if best is None else best.result))
    return found


__all__ = ["OUTPUTS", "Windows", "gradients_in", "needed_windows", "widest_saving"]
