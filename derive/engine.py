"""The engine: from a program to the gradient of every named array, in reverse order, each with its derivation.

Gradients are let-bound as people write them: ∂L/∂x is found from the gradients of the arrays that use x.  The result is
a Program again, the gradient equations appended, so that it can be differentiated again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import derive.rules  # noqa: F401  (fills the rule table)
from derive import expr as x
from derive.derivation import Derivation, Rewriter
from derive.errors import NotDifferentiable, UnknownName
from derive.expr import D, Entry, Expr
from derive.index import Index, Size
from derive.program import Equation, Program, Variable, gradient_name
from derive.rule import RULES, Context
from derive.rules.calculus import depends

# The second letter of an axis: the summation index beside i is m, beside j it is k.
PARTNERS = {"i": "m", "j": "k", "k": "l", "m": "i", "l": "p", "p": "q", "t": "u", "a": "b", "c": "d", "e": "f", "q": "r",
            "u": "w", "b": "a", "d": "c", "f": "e", "r": "q", "v": "w", "n": "m", "h": "g", "s": "t"}  # fmt: skip
STEP_FUEL = 200


@dataclass(frozen=True)
class Gradients:
    """What differentiation found: the program with its gradient equations, and a derivation for every gradient.

    `derivations` runs in the order of the derivation, by the name of the array; `upstream` names, for every output
    that is not a lone scalar, the input that holds its upstream gradient; `closed` holds the closed forms worth showing,
    `carried` also the longer ones on the way to them; `theorems` what holds of the gradients (theorems.Theorem).
    """

    forward: Program
    program: Program
    derivations: Mapping[str, Derivation]
    wrt: tuple[str, ...]
    of: tuple[str, ...]
    upstream: Mapping[str, str] = field(default_factory=dict)
    closed: Mapping[str, Derivation] = field(default_factory=dict)
    carried: Mapping[str, Derivation] = field(default_factory=dict)
    theorems: tuple = ()

    @property
    def loss(self) -> str | None:
        """The scalar output whose gradient with respect to itself is one; None when upstream gradients are given."""
        return None if self.upstream else self.of[0]


def differentiate(program: Program, wrt: Iterable[str] | None = None, of: Iterable[str] | None = None) -> Gradients:
    """The gradients of the outputs `of` with respect to every named real array; `wrt` default: all real inputs.

    Raises NotDifferentiable for integer arrays and outputs, UnknownName for names that the program does not have.
    """
    of = _outputs(program, of)
    wrt = _wanted(program, wrt)
    scalar = len(of) == 1 and program.shape(of[0]) == ()
    upstream = {} if scalar else {name: gradient_name(name) for name in of}
    inputs = tuple(Variable(gradient_name(name), program.shape(name)) for name in of if not scalar)
    work = _Work(program, of, scalar)
    derivations: dict[str, Derivation] = {}
    equations: list[Equation] = []
    for name in work.order(wrt):
        if name in of and scalar:
            continue
        found = work.gradient(name)
        if found is None:
            continue
        derivations[name] = found
        if name not in upstream or found.target.name != upstream[name]:
            equations.append(Equation(found.target.name, found.indices, found.result))
    full = replace(program, inputs=(*program.inputs, *inputs), equations=(*program.equations, *equations))
    return Gradients(program, full, derivations, wrt, of, upstream)


def _outputs(program: Program, of: Iterable[str] | None) -> tuple[str, ...]:
    of = tuple(program.outputs if of is None else of)
    for name in of:
        if program.sort(name) != "real":
            raise NotDifferentiable(f"`{name}` is an array of {program.sort(name)}s and has no gradient",
                                    hint="name real outputs with of=")  # fmt: skip
    if not of:
        raise NotDifferentiable("the forward pass returns nothing to differentiate", hint="return the loss")
    return of


def _wanted(program: Program, wrt: Iterable[str] | None) -> tuple[str, ...]:
    if wrt is None:
        return tuple(v.name for v in program.inputs if v.sort == "real")
    wrt = tuple(wrt)
    for name in wrt:
        if name not in program:
            raise UnknownName(f"`{name}` is not in the forward pass", "gradients are taken with respect to its names",
                              "its names: " + ", ".join(program.by_name))  # fmt: skip
        if program.sort(name) != "real":
            item = program[name]
            raise NotDifferentiable(f"`{name}` holds {program.sort(name)}s: there is no gradient with respect to it",
                                    "labels and masks do not vary continuously", "leave it out of wrt", item.span)  # fmt: skip
    return wrt


@dataclass
class _Work:
    """One differentiation under way."""

    program: Program
    of: tuple[str, ...]
    scalar: bool

    def __post_init__(self) -> None:
        self.alive = self.program.reaches(self.of)
        self.rules = (*RULES.phase("functions"), *RULES.phase("calculus", "deltas", "tidy", "fold", "facts"))
        self.pool = _pool(self.program)

    def order(self, wrt: tuple[str, ...]) -> list[str]:
        """Every real array in reverse order; inputs only when they are asked for."""
        inner = [e.name for e in reversed(self.program.equations) if e.sort == "real" and e.name in self.alive]
        moving = self.program.depends(v.name for v in self.program.inputs if v.sort == "real")
        named = [n for n in inner if n in moving or n in wrt]
        return named + [v.name for v in reversed(self.program.inputs) if v.name in wrt]

    def gradient(self, name: str) -> Derivation | None:
        """The derivation of ∂outputs/∂name from the gradients of the arrays that use it."""
        shape = self.program.shape(name)
        uses = [u for u in self.program.uses(name) if u.name in self.alive and depends(u.rhs, name)]
        own = name in self.of and not self.scalar
        letters = _Letters(self.pool)
        indices = tuple(letters.target(n, place, self._names(name)) for place, n in enumerate(shape))
        slots = tuple(x.whole_slot(0) if i.size.number == 1 else i for i in indices)
        wrt = Entry(name, slots)
        target = Entry(gradient_name(name) if not own else f"∂{name}", slots)
        if own and not uses:
            return None
        if own:
            target = Entry(f"∂{name}~total", slots)
        context = Context(self.program, target.name)
        uses.reverse()
        terms = [self._path(u, wrt, letters.branch()) for u in uses]
        if own:
            terms.insert(0, Entry(gradient_name(name), slots))
        work = Rewriter(target, context)
        work.start(*self._first(uses, terms), **self._notes(uses, terms))
        finished = work.run(self.rules, STEP_FUEL)
        open_parts = [t for t in x.walk(work.line) if isinstance(t, D)]
        stuck = "" if finished and not open_parts else f"no rule applies to {open_parts[0] if open_parts else 'it'}"
        return Derivation(name, target, indices, tuple(work.steps), stuck=stuck)

    def _names(self, name: str) -> tuple[str, ...]:
        """The letters of the axes where the array is defined or first used."""
        equation = self.program.equation(name)
        if equation is not None:
            return tuple(i.name for i in equation.indices)
        for use in self.program.uses(name):
            for t in x.walk(use.rhs):
                if isinstance(t, Entry) and t.name == name:
                    return tuple(s.name if isinstance(s, Index) else "" for s in t.slots)
        return ()

    def _path(self, use: Equation, wrt: Entry, letters: _Letters) -> Expr:
        """One path: Σ over the entries of the using array of its gradient times its derivative."""
        fresh = tuple(letters.inner(i) for i in use.indices)
        slots = tuple(x.whole_slot(0) if i.size.number == 1 else i for i in fresh)
        body = D(letters.renamed(use.instance(slots)), wrt)
        if use.name in self.of and self.scalar:
            return body
        name = gradient_name(use.name)
        if use.name in self.of and any(depends(u.rhs, use.name) for u in self.program.uses(use.name)
                                       if u.name in self.alive):  # fmt: skip
            name = f"∂{use.name}~total"
        return x.total(x.mul(Entry(name, slots), body), *fresh)

    def _first(self, uses: list[Equation], terms: list[Expr]) -> tuple[str, Expr]:
        if not terms:
            return "no path", x.ZERO
        if len(terms) > 1:
            return "sum over paths", x.add(*terms)
        only = uses[0]
        return ("definition" if self.scalar and only.name in self.of else "chain rule"), terms[0]

    def _notes(self, uses: list[Equation], terms: list[Expr]) -> dict:
        lines = [f"{u.name}, line {u.span.line}" if u.span else u.name for u in uses]
        said = "forward: " + " · ".join(lines) if lines else "the outputs do not depend on it"
        return {"instance": said, "uses": tuple(u.name for u in uses), "fresh": tuple(terms)}


class _Letters:
    """Letters for the indices of one derivation: the target keeps its own, sums take the partner letter."""

    def __init__(self, pool: Mapping[str, list[str]], used: Iterable[str] = ()):
        self.pool, self.used = pool, set(used)

    def branch(self) -> _Letters:
        """The letters of one path: what the target uses is taken, what other paths use is not."""
        return _Letters(self.pool, self.used)

    def target(self, n: Size, place: int, names: tuple[str, ...]) -> Index:
        wanted = names[place] if place < len(names) and names[place] else next(iter(self.pool.get(str(n), ())), "i")
        return Index(self._free(wanted, n), n)

    def inner(self, i: Index) -> Index:
        return i.fresh(self._free(i.name, i.size))

    def renamed(self, e: Expr) -> Expr:
        """The expression with its bound indices in letters that are still free."""

        def change(t):
            if isinstance(t, (x.Reduce, x.ArgBest)):
                return x.rename_binder(t, t.index.fresh(self._free(t.index.name, t.index.size)))
            return None

        return x.rewrite(e, change)

    def _free(self, wanted: str, n: Size) -> str:
        choices = [wanted, *self.pool.get(str(n), ()), PARTNERS.get(wanted, wanted)]
        choices += [PARTNERS.get(c, c) for c in choices]
        letter = next((c for c in choices if c not in self.used), wanted)
        if n.number != 1:
            self.used.add(letter)
        return letter


def _pool(program: Program) -> dict[str, list[str]]:
    """The letters that the program uses for axes of each size, in order."""
    pool: dict[str, list[str]] = {}
    for e in program.equations:
        for i in [*e.indices, *(t.index for t in x.walk(e.rhs) if isinstance(t, (x.Reduce, x.ArgBest)))]:
            names = pool.setdefault(str(i.size), [])
            if i.name not in names:
                names.append(i.name)
    return pool
