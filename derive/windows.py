"""Closed forms over a window: ∂x written with a later ∂y alone, everything between them substituted and simplified.

The other end of a window is an array through which every path from the outputs to x runs (a dominator in the graph of
the gradients), or the outputs themselves.  Of the windows tried the one that saves the most operations is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from derive import expr as x
from derive.collapsing import Found, Line, Search
from derive.counting import count, work_text
from derive.derivation import Derivation, Step
from derive.engine import Gradients
from derive.expr import Entry, Expr
from derive.factoring import factored
from derive.monomials import MOST_TERMS, Monomial, TooLong, counted, gathered, spread
from derive.program import Equation
from derive.recurrence import recurrences
from derive.refining import Atoms, called_by_name
from derive.rule import Context

WIDEST = 10  # gradients between the two ends
PATIENCE = 2  # windows that save nothing before no wider one is tried
OUTPUTS = "the outputs"
LARGE = 10**18
FEW = 12  # terms of a line from which something short may come
SMALL = ("substitute", "multiply out", "collect like terms", "call by name", "write out")  # unless they come last


@dataclass
class Windows:
    """The gradients of one program in the best form known of each, and what the searches share."""

    gradients: Gradients
    ends: dict[str, frozenset[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """The gradients one by one, those closed from the outputs in that form: what windows rely on."""
        program = self.gradients.forward
        self.search = Search(Atoms(program), Context(program))
        gradients = {e.name: e for e in self.gradients.program.equations if e.name.startswith("∂")}
        rounds = recurrences(self.gradients.program.equations)
        self.lets = {name: e for name, e in gradients.items() if e.kind == "explicit" and name not in rounds}
        self.fixed = {name: e for name, e in gradients.items() if name not in self.lets}
        self.equations = dict(self.lets)
        self.users: dict[str, set[str]] = {}
        for e in self.lets.values():
            for g in gradients_in(e.rhs):
                self.users.setdefault(g, set()).update({e.name} if e.indices else ())
        self.order = {name: k for k, name in enumerate(self.lets)}
        self.work = {name: count(e.rhs).at_nominal for name, e in self.lets.items()}
        self.moves = {name: count(e.rhs).moved_at_nominal for name, e in self.lets.items()}
        for d in self.gradients.closed.values():
            self.put(d)
        for name in self.lets:
            self.ends[name] = self._ends(self.equations[name].rhs)

    def put(self, d: Derivation) -> None:
        """From now on a gradient has this form."""
        name = d.target.name
        if name in self.lets:
            self.equations[name] = replace(self.lets[name], rhs=d.result)
            self.work[name], self.moves[name] = count(d.result).at_nominal, count(d.result).moved_at_nominal

    def _ends(self, e: Expr) -> frozenset[str]:
        """What all paths run through; a gradient in closed form from the outputs can be put in whatever the end is."""
        inner = gradients_in(e)
        sets = [self.ends.get(g, frozenset()) | {g} for g in inner if self._open(g)]
        if sets:
            return frozenset.intersection(*sets)
        return frozenset({OUTPUTS, *inner} if len(inner) == 1 else {OUTPUTS})

    def _open(self, name: str) -> bool:
        return name not in self.equations or bool(gradients_in(self.equations[name].rhs)) and not self._is_zero(name)

    def _is_zero(self, name: str) -> bool:
        """Whether a gradient is zero because those are that it is made of."""
        e = self.equations.get(name)
        if e is None or e.rhs.key == x.ZERO.key:
            return e is not None
        zero = {g for g in gradients_in(e.rhs) if self._is_zero(g)}
        return bool(zero) and x.replace_entries(e.rhs, lambda t: x.ZERO if t.name in zero else None).key == x.ZERO.key

    def far_ends(self, own: str) -> list[str]:
        """The gradients through which all paths to one run, nearest first, the outputs last."""
        ends = self._ends(self.lets[own].rhs)
        return sorted(ends, key=lambda g: self.order.get(g, -2 if g == OUTPUTS else -1), reverse=True)

    def far_sets(self, own: str) -> Iterator[list[frozenset[str]]]:
        """The far ends to try, nearest first: alone, then beside those paths that bypass them (a residual)."""
        yield [frozenset() if far == OUTPUTS else frozenset({far}) for far in self.far_ends(own)]
        inner = [g for g in gradients_in(self.lets[own].rhs) if self._open(g)]
        reached = {g: self.ends.get(g, frozenset()) | {g} for g in inner}
        for g in inner if len(inner) > 2 else ():
            beside = frozenset.intersection(*(reached[h] for h in inner if h != g)) - reached[g] - {OUTPUTS}
            yield [frozenset({far, g}) for far in sorted(beside, key=lambda e: self.order.get(e, -1), reverse=True)]

    def between(self, own: str, far: frozenset[str] = frozenset(), form: Expr | None = None) -> list[str]:
        """The gradients on the way from one gradient (in a form) to the far end, nearest first."""
        found, waiting = [], gradients_in(self.lets[own].rhs if form is None else form)
        while waiting:
            g = waiting.pop()
            if g not in far and g in self.equations and g not in found:
                found.append(g)
                waiting += gradients_in(self.equations[g].rhs)
        return sorted(found, key=self.order.__getitem__, reverse=True)

    def private(self, own: str, far: frozenset[str]) -> list[str]:
        """Those between that nothing else needs but the gradients of single numbers (a temperature, an ε)."""
        left = self.between(own, far)
        while left != (kept := [g for g in left if self.users[g] <= {own, *left}]):
            left = kept
        return left

    def alone(self, own: str, form: Expr) -> int:
        """The operations that a gradient takes in some form when nothing else is asked for."""
        return count(form).at_nominal + sum(self.work[g] for g in self.between(own, form=form))

    def alone_moved(self, own: str, form: Expr) -> int:
        """The entries that are then moved."""
        return count(form).moved_at_nominal + sum(self.moves[g] for g in self.between(own, form=form))

    # -- one window

    def collapse(self, found: Derivation, far: frozenset[str], most: int = MOST_TERMS) -> Derivation | None:
        """The derivation of a gradient over the gradients `far` alone; None where it has more than `most` terms."""
        own = found.target.name
        inner = self.between(own, far)
        try:
            terms = self._terms(own, inner, most)
            line, why = self.search.shortest(terms)
        except TooLong:
            return None
        steps = [Step("its gradient", found.result, instance="as derived", level=2)]
        if inner:
            redexes = tuple(t for t in x.walk(found.result) if isinstance(t, Entry) and t.name in inner)
            put = self.substituted(own, inner)
            steps.append(Step("substitute", put, redexes, instance=", ".join(inner), level=2, uses=tuple(inner)))
        steps += self._steps(terms, line, steps[-1].line)
        return Derivation(found.name, found.target, found.indices, tuple(steps), note=why, kind="window")

    def vanishes(self, own: str, inner: list[str]) -> bool:
        """Whether a gradient is zero once those between are put in, without a search."""
        try:
            return not self.search.settled(Line(tuple(self._terms(own, inner, FEW)))).terms
        except TooLong:
            return False

    def _terms(self, own: str, inner: list[str], most: int) -> list[Monomial]:
        """The gradient with those between put in, multiplied out over the smallest named parts."""
        terms = self._opened(self.lets[own])
        for g in inner:
            put = self._opened(self.equations[g])
            terms = [t for m in terms for t in self._put(m, g, put)]
            if len(terms) > most:
                raise TooLong
        return terms

    def _opened(self, e: Equation) -> list[Monomial]:
        return spread(self.search.atoms.refined(self.search.atoms.resolved(e.rhs)))

    def _put(self, m: Monomial, name: str, terms: list[Monomial]) -> list[Monomial]:
        place = next((b for b, _ in m.powers if isinstance(b, Entry) and b.name == name), None)
        if place is None:
            return [m]
        table = dict(zip(self.equations[name].indices, place.slots, strict=True))
        rest = Monomial(m.coefficient, tuple(p for p in m.powers if p[0] is not place), m.binders)
        return [counted(rest.times(t.substituted(table))) for t in terms]

    def substituted(self, own: str, inner: list[str]) -> Expr:
        """The line after the substitution, as the reader sees it."""
        e = self.lets[own].rhs
        for g in inner:
            e = x.replace_entries(e, lambda t, g=g: self.equations[g].instance(t.slots) if t.name == g else None)
        return e

    def _steps(self, terms: list[Monomial], line: Line, before: Expr) -> list[Step]:
        """The moves of the search as steps; those that only regroup hidden names show no line."""
        atoms, steps = self.search.atoms, []
        called = called_by_name(before, atoms.shown(gathered(terms)))
        moves = [Found("multiply out", "", (*atoms.second_names(before), *called), tuple(terms)), *line.moves]
        shown = [(m, atoms.shown(gathered(m.terms))) for m in moves]
        shown.append((Found("factor out", "", (), line.terms), atoms.shown(factored(line.terms))))
        for move, after in shown:
            if after.key == before.key:
                continue
            redexes, fresh = _changed(before, after)
            level = 2 if move.rule in SMALL else 1
            steps.append(Step(move.rule, after, redexes, fresh, move.instance, level, move.uses))
            before = after
        return [*steps[:-1], *(replace(s, level=1) for s in steps[-1:])]


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
    best, most = None, (0, 0)
    for sets in windows.far_sets(own):
        idle = 0
        for far in sets:
            inner = windows.between(own, far)
            if len(inner) > WIDEST or idle >= PATIENCE:
                break
            if inner and not windows.private(own, far) and not windows.vanishes(own, inner):
                continue
            made = windows.collapse(found, far, FEW)
            if made is None:
                break
            saved = _saved(windows, own, far, made.result)
            best, most, idle = (made, saved, 0) if saved > most else (best, most, idle + bool(inner))
            if made.result.key == x.ZERO.key:
                return best
    return best


def _saved(windows: Windows, own: str, far: frozenset[str], result: Expr) -> tuple[int, int]:
    """How good a window is, (0, 0) for not at all: the operations that it saves at nominal sizes against the gradients
    that it makes superfluous; between equals, how few entries are moved.  One that saves no operations must move fewer
    entries than the same lines put into each other (elementwise lines in a chain do not)."""
    inner, private = windows.between(own, far), windows.private(own, far)
    held = windows.equations[own].rhs
    after = count(result)
    if held is windows.lets[own].rhs:
        operations = count(held, *(windows.equations[g].rhs for g in private)).at_nominal - after.at_nominal
        whole = windows.substituted(own, inner)
    else:
        operations = windows.alone(own, held) - windows.alone(own, result)
        whole = held
    moved = count(whole).moved_at_nominal - after.moved_at_nominal
    if operations < 0 or operations == 0 and moved <= 0:
        return 0, 0
    if not inner and after.passes > count(held).passes:
        return 0, 0  # the gradient's own line with its sum torn apart: no insight
    return operations, LARGE - windows.alone_moved(own, result)


def _measured(windows: Windows, own: str, d: Derivation) -> str:
    """What a form takes, what the gradients take one by one, and why the search ended."""
    far = frozenset(gradients_in(d.result))
    if d.result.key == x.ZERO.key:
        return ""
    steps = count(*(windows.lets[g].rhs for g in (own, *windows.between(own, far))))
    return f"{work_text(count(d.result))}; one by one {work_text(steps)}. The search ended: {d.note}."


def needed_windows(gradients: Gradients) -> dict[str, Derivation]:
    """The windows worth keeping for the gradients that are asked for and those that their forms then mention.

    Closed forms that are known already are what the windows rely on.
    """
    windows = Windows(gradients)
    found: dict[str, Derivation] = {}
    needed = {d.target.name for name, d in gradients.derivations.items() if name in gradients.wrt}
    for d in reversed(gradients.derivations.values()):
        own = d.target.name
        if own in needed and own in windows.lets:
            best = widest_saving(windows, d)
            if best is not None:
                found[d.name] = replace(best, note=_measured(windows, own, best))
            needed |= set(gradients_in(windows.equations[own].rhs if best is None else best.result))
        elif own in needed:
            needed |= set(gradients_in(windows.fixed[own].rhs)) if own in windows.fixed else set()
    return found


__all__ = ["OUTPUTS", "Windows", "gradients_in", "needed_windows", "widest_saving"]
