"""Gradients through definitions that go round in a circle, such as h_t = tanh(a_t) with a_t = W h_{t-1} + b.

Nothing in the circle is derived from the loss.  A gradient is judged as a step of the chain rule, from the gradients
that the line itself speaks of: ∂L/∂X = Σ ∂L/∂Y·∂Y/∂X over all Y that use X, written out until only those are left.
"""

from __future__ import annotations

from dataclasses import replace

from derive import expr as x
from derive.checker.codes import KIND_CODES
from derive.checker.deciding import Answer, Decider
from derive.claim import Verdict
from derive.errors import Problem
from derive.expr import Entry, Expr
from derive.index import Index
from derive.judges.normal import Prover
from derive.program import Equation, Program, Variable
from derive.readers import latex_tree as t
from derive.readers.latex_notes import Unknown

GIVEN = "given ∂"
DEEPEST = 6


class Circles:
    """The definitions of a document with those that close a circle; `names`: the arrays on one."""

    def __init__(self, paper):
        self.paper = paper
        self.closing = paper.recurrences() if paper.recurrent else []
        forward = [e for e in paper.program.equations if e.name not in paper.backward]
        self.equations = (*forward, *self.closing)
        self.names = {e.name for e in self.closing if e.name in self._below({e.name})}
        self.names |= {n for e in self.closing for n in self._below({e.name}) if e.name in self._below({n})}

    def _below(self, names: set[str]) -> set[str]:
        """What a definition rests on, in one step or more."""
        found: set[str] = set()
        todo = list(names)
        while todo:
            name = todo.pop()
            for e in self.equations:
                if e.name == name:
                    new = set(e.rhs.names) - found
                    found |= new
                    todo += new
        return found

    def users(self, name: str) -> list[Equation]:
        return [e for e in self.equations if name in e.rhs.names]

    def touched(self, names: set[str]) -> bool:
        """Whether arrays are on a circle, or lead into one."""
        return bool(self.names) and bool(names & self.names or any(names & self._below({n}) for n in self.names))


def recurrence(checker, k: int, one, chain, n) -> Verdict | None:
    """A definition that closes a circle: through an earlier step it is a recurrence, else nothing can be said."""
    if k not in checker.paper.recurrent or n != 1:
        return None
    name = checker.paper.recurrent[k][1]
    circle = [e for e in checker.circles.equations if e.name in checker.circles.names]
    if any(isinstance(u, x.Affine) and u.terms for e in circle for u in x.walk(e.rhs)):
        return checker.verdict(one, chain[n].member.span, "no-claim", reason=f"{name} is a recurrence", code="N101")
    if circle:
        around = ", ".join(sorted(checker.circles.names))
        reason = f"{around} are defined by each other"
        return checker.verdict(one, chain[n].member.span, "unknown", reason=reason, code="U301")
    return None


def through_a_circle(checker, one, chain, n) -> Verdict | None:
    """The verdict on a gradient that goes through a circle of definitions; None for other claims."""
    circles = checker.circles
    wrt = _wrt(checker, chain[checker.base(chain, n)].member.node)
    if wrt is None or not circles.names or not circles.touched({wrt}):
        return None
    member = chain[n].member

    def unknown(why: str) -> Verdict:
        return checker.verdict(one, member.span, "unknown", reason=why, code="U301")

    around = ", ".join(sorted(circles.names))
    try:
        return _judged(checker, one, chain, n, circles) or unknown(f"{around} are defined by each other")
    except (Unknown, Problem, RecursionError, ValueError, LookupError) as problem:
        return unknown(f"{around} are defined by each other; {getattr(problem, 'reason', problem)}")


def one_step(checker, one, chain, n) -> Verdict | None:
    """`right` where a line is proved as a step of the chain rule from the gradients that it speaks of; else None."""
    if checker.circles.names or _wrt(checker, chain[checker.base(chain, n)].member.node) is None:
        return None
    try:
        found = _judged(checker, one, chain, n, checker.circles)
    except (Unknown, Problem, RecursionError, ValueError, LookupError):
        return None
    return found if found is not None and found.verdict == "right" and found.certainty == "proved" else None


def _wrt(checker, node: t.Node | None) -> str | None:
    """The array by which a chain's first member differentiates the loss."""
    notes = checker.paper.notes
    node = node.inner if isinstance(node, t.Paren) else node
    by = node.wrt[0] if isinstance(node, t.Derivative) and len(node.wrt) == 1 else getattr(node, "of", None)
    if isinstance(node, t.Derivative):
        body = node.body.symbol if isinstance(node.body, t.Apply) else node.body
        if not isinstance(body, t.Symbol) or notes.resolve(notes.spell(body)[0])[0] != notes.loss:
            return None
    elif not isinstance(node, t.Differential):
        return None
    return notes.resolve(notes.spell(by)[0])[0] if isinstance(by, t.Symbol) else None


def _judged(checker, one, chain, n, circles: Circles) -> Verdict | None:
    from derive.checker.formulas import aligned

    member = chain[n].member
    elaborator = checker.paper.elaborator(one)
    asked: dict[str, tuple] = {}

    def stated(wrt: Entry) -> Expr:
        asked[wrt.name] = tuple(checker.paper.program.shape(wrt.name))
        return Entry(GIVEN + wrt.name, wrt.slots)

    elaborator.stated = stated
    left = checker.value(elaborator, chain[checker.base(chain, n)].member)
    target = left.expr
    asked.clear()
    right = checker.value(elaborator, member)
    pair = aligned(left, right, elaborator)
    if pair is None or elaborator.misfits or not isinstance(target, Entry) or not asked:
        return None
    if not all(isinstance(s, Index) for s in target.slots):
        return None
    wrt = Entry(target.name.removeprefix(GIVEN), target.slots)
    needed: set[str] = set()
    expected = _step(circles, checker.paper, wrt, frozenset(asked), needed, 0)
    direct = {e.name for e in circles.users(wrt.name)}
    forgotten = expected is None and asked.keys() < direct
    if forgotten:
        asked.update({name: checker.paper.program.shape(name) for name in direct})
        expected = _step(circles, checker.paper, wrt, frozenset(direct), needed, 0)
    if expected is None:
        return None
    given = [Variable(GIVEN + name, shape) for name, shape in asked.items()]
    answer = _compared(checker.paper, circles, expected, _ended(pair[1]), given)
    through = ", ".join(f"∂{checker.paper.notes.loss}/∂{name}" for name in sorted(needed))
    if answer.equal:
        reason = f"a step of the chain rule from {through}"
        return checker.verdict(one, member.span, "right", certainty=answer.certainty, holds=True, reason=reason)
    if answer.equal is False and needed == set(asked):
        from derive.checker.writing import latex

        kind = "forgotten-path" if forgotten else "wrong"
        return checker.verdict(one, member.span, "wrong", holds=False, kind=kind, code=KIND_CODES[kind],
                               reason=f"this is not the step of the chain rule from {through}",
                               correction=latex(_unguarded(_multiplied(expected, checker.paper.program)), checker.paper),
                               counterexample=answer.counterexample.replace(GIVEN, f"∂{checker.paper.notes.loss}/∂"))  # fmt: skip
    return None


def _compared(paper, circles: Circles, expected: Expr, written: Expr, given: list[Variable]) -> Answer:
    """Whether both are equal, steps in time detached; what closes a circle is written out once where that helps."""
    answer = Answer(None)
    for unfolded in (False, True):
        program = _opened(paper.program, circles, given)
        sides = [_multiplied(e, program) for e in (expected, written)]
        sides = [_once(e, circles) if unfolded else e for e in sides]
        sides, shifted = _detached([_multiplied(e, program) for e in sides], program)
        program = replace(program, inputs=(*program.inputs, *shifted))
        answer = Decider(program, paper.notes.implied).equal(*sides)
        if answer.equal:
            break
    return answer


def _opened(program: Program, circles: Circles, given: list[Variable]) -> Program:
    """The program with the arrays of the circle taken as data."""
    around = [Variable(e.name, e.shape) for e in program.equations if e.name in circles.names]
    equations = tuple(e for e in program.equations if e.name not in circles.names)
    return Program((*program.inputs, *around, *given), equations, (), program.facts)


def _unguarded(e: Expr) -> Expr:
    """Without the ranges that time steps have."""
    return x.rewrite(
        e, lambda u: x.ONE if isinstance(u, x.Ind) and isinstance(u.cond, x.Rel) and u.cond.op != "eq" else None
    )


def _multiplied(e: Expr, program: Program) -> Expr:
    prover = Prover(replace(program, equations=()))
    return prover.back(prover.expand(e))


def _once(e: Expr, circles: Circles) -> Expr:
    """What the arrays of the circle are at this step or later, put in until only earlier steps and data are left."""
    own = {q.name: q for q in circles.equations if q.name in circles.names}

    def change(u: Entry) -> Expr | None:
        earlier = [s for s in u.slots if isinstance(s, x.Affine) and s.terms and (s.constant.number or 0) < 0]
        return None if u.name not in own or earlier else own[u.name].instance(u.slots)

    for _ in range(2 * len(own)):
        e = x.replace_entries(e, change)
    return e


def _ended(e: Expr) -> Expr:
    """Gradients behind the last step, or before the first, are zero."""

    def change(u: Entry) -> Expr | None:
        moved = [s for s in u.slots if isinstance(s, x.Affine) and s.terms and s.constant.number]
        if not u.name.startswith(GIVEN) or not moved:
            return None
        ranges = []
        for s in moved:
            n = s.terms[0][0].size
            inside = x.rel("lt", s, x.whole_slot(n)) if s.constant.number > 0 else x.rel("le", x.whole_slot(0), s)
            ranges.append(x.indicator(inside))
        return x.mul(*ranges, u)

    return x.replace_entries(e, change)


def _detached(sides: list[Expr], program: Program) -> tuple[list[Expr], list[Variable]]:
    """h[t−1] as an array of its own over t: what is equal for all such arrays is equal for these."""
    made: dict[str, Variable] = {}

    def change(u: Entry) -> Expr | None:
        moved = [s for s in u.slots if isinstance(s, x.Affine) and len(s.terms) == 1 and s.constant.number]
        if len(moved) != 1 or not isinstance(index := moved[0].terms[0][0], Index):
            return None
        name = f"{u.name}({index.name}{moved[0].constant.number:+d})"
        slots = tuple(index if s is moved[0] else s for s in u.slots)
        shape = tuple(index.size if s is moved[0] else n for s, n in zip(u.slots, program.shape(u.name), strict=True))
        made[name] = Variable(name, shape)
        return Entry(name, slots)

    return [x.replace_entries(e, change) for e in sides], list(made.values())


def _step(circles: Circles, paper, wrt: Entry, stop: frozenset[str], needed: set[str], depth: int) -> Expr | None:
    """Σ ∂L/∂Y·∂Y/∂wrt over the users Y, those that are not given written out further; None where that ends nowhere."""
    users = circles.users(wrt.name)
    if not users or depth > DEEPEST:
        return None
    terms = []
    for e in users:
        axes = tuple(i.fresh() for i in e.indices)
        if e.name == paper.notes.loss:
            above: Expr | None = x.ONE
        elif e.name in stop:
            needed.add(e.name)
            above = Entry(GIVEN + e.name, axes)
        else:
            above = _step(circles, paper, Entry(e.name, axes), stop, needed, depth + 1)
        if above is None:
            return None
        terms.append(x.total(x.mul(above, _slope(paper, e, axes, wrt)), *axes))
    return x.add(*terms)


def _slope(paper, e: Equation, axes: tuple[Index, ...], wrt: Entry) -> Expr:
    """∂Y/∂wrt of one definition, all other arrays held."""
    rhs = x.substitute(e.rhs, dict(zip(e.indices, axes, strict=True)))
    program = replace(paper.program, equations=())
    prover = Prover(program)
    return prover.back(prover.expand(x.D(rhs, wrt)))
