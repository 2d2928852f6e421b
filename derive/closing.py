"""Closed forms: a gradient written without the gradients between it and the loss, or a later one, when that is as short.

Going backwards from the loss, each let-form is taken with the closed forms of the gradients it mentions put in, multiplied out,
cancelled and called by name.  A closed form is kept for the reader when it is no longer than the let-form that it
replaces; longer ones are carried along a while, since a later step may cancel them.  Where that finds nothing, a window
to a later gradient may (`derive.windows`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from derive import expr as x
from derive.counting import count
from derive.derivation import Derivation, Rewriter, Step
from derive.engine import Gradients
from derive.expr import Entry, Expr
from derive.factoring import bracketed
from derive.program import Equation, Program, gradient_name
from derive.rule import RULES, Context
from derive.rules.scalars import coefficient
from derive.windows import gradients_in, needed_windows

SLACK = 2
SHORT = 6
PATIENCE = 14
FUEL = 60
LONG = 48  # brackets of a line longer than this are not multiplied out: nothing short comes of them
SIMPLIFY = ("deltas", "facts", "tidy", "reciprocal", "cancel by definition", "fold")


def close(gradients: Gradients) -> Gradients:
    """The same gradients with every closed form that is worth showing."""
    carried: dict[str, tuple[Derivation, Expr]] = {}
    shown: dict[str, Derivation] = {}
    inputs = {v.name for v in gradients.program.inputs}
    for name, found in gradients.derivations.items():
        inner = _inner_gradients(found.result, inputs)
        if not inner:
            carried[gradient_name(name)] = (found, found.result)
            continue
        if not all(g in carried for g in inner):
            continue
        closed = _collapse(gradients, found, {g: carried[g][1] for g in inner})
        if measure(closed.result) <= measure(found.result) + PATIENCE:
            carried[gradient_name(name)] = (closed, closed.result)
            if not gradients_in(closed.result) and _worth_showing(found, closed):
                shown[name] = closed
    found = {d.name: d for d, _ in carried.values() if d.kind == "closed"}
    windows = needed_windows(replace(gradients, closed=shown))
    return replace(gradients, closed=_in_order(gradients, shown | windows), carried=found)


def _in_order(gradients: Gradients, found: Mapping[str, Derivation]) -> dict[str, Derivation]:
    return {name: found[name] for name in gradients.derivations if name in found}


def _worth_showing(found: Derivation, closed: Derivation) -> bool:
    """Short, and more than another gradient put in: some step simplified it, or a term or an operation went away."""
    if measure(closed.result) > max(measure(found.result) + SLACK, SHORT):
        return False
    fewer = _terms(closed.result) < _terms(found.result)
    return len(closed.steps) > 2 or fewer or count(closed.result).at_nominal < count(found.result).at_nominal


def _terms(e: Expr) -> int:
    return len(e.terms) if isinstance(e, x.Add) else 1


def measure(e: Expr) -> int:
    """How long an expression is to read: its entries, functions, powers, deltas, and twice its sums."""
    weights = {x.Entry: 1, x.Call: 1, x.Pow: 1, x.Ind: 1, x.Reduce: 2, x.Cases: 2, x.Num: 1, x.Whole: 1}
    total = 0
    stack: list = [e]
    while stack:
        t = stack.pop()
        total += weights.get(type(t), 0) if not _is_sign(t) else 0
        stack += [] if isinstance(t, (Entry, x.Whole, x.Ind)) else x.parts(t)
    return total


def _is_sign(t: object) -> bool:
    return isinstance(t, x.Num) and abs(t.value) == 1


def _inner_gradients(e: Expr, inputs: set[str]) -> list[str]:
    return [n for n in sorted(e.names) if n.startswith("∂") and n not in inputs]


def _collapse(gradients: Gradients, found: Derivation, known: Mapping[str, Expr]) -> Derivation:
    """The let-form with known closed forms put in, simplified by rules; the shortest line reached is the result."""
    indices = {g: gradients.program.equation(g) for g in known}
    context = Context(gradients.forward, found.target.name, frozenset())
    steps = _simplified(found, known, indices, context, False)
    short = measure(steps[-1].line) <= LONG
    if short and any(_opens(t) for s in steps for t in x.walk(s.line)):
        steps = min(steps, _simplified(found, known, indices, context, True), key=lambda s: measure(s[-1].line))
    return Derivation(found.name, found.target, found.indices, tuple(_bracketed(steps) if short else steps), kind="closed")


def _bracketed(steps: list[Step]) -> list[Step]:
    """The steps with one more, where a factor that only some terms share saves an operation before a bracket."""
    after = positive_first(bracketed(steps[-1].line))
    if count(after).at_nominal >= count(steps[-1].line).at_nominal:
        return steps
    return [*steps, Step("factor out", after)]


def _opens(t: object) -> bool:
    """Whether there is a bracket to multiply out."""
    return isinstance(t, x.Mul) and any(isinstance(f, x.Add) for f in t.factors)


def _simplified(found: Derivation, known: Mapping, equations: Mapping, context: Context, expand: bool) -> list[Step]:
    work = Rewriter(found.target, context)
    work.start("its gradient", found.result, instance="as derived", level=2)
    work.start(
        "substitute",
        x.replace_entries(found.result, lambda e: _put(e, known, equations)),
        redexes=tuple(t for t in x.walk(found.result) if isinstance(t, Entry) and t.name in known),
        instance=", ".join(known),
        uses=tuple(known),
    )
    base = RULES.phase(*SIMPLIFY)
    work.run(base, FUEL)
    if expand:
        work.run((*base, *RULES.phase("expand")), FUEL)
    work.run(RULES.phase("factor"), FUEL)
    work.run(base, FUEL)
    work.steps[-1] = replace(work.steps[-1], line=positive_first(work.line))
    return work.steps


def positive_first(e: Expr) -> Expr:
    """A sum with its negative terms last, as people write it: s − y, not −y + s."""

    def change(t: x.Term) -> Expr | None:
        if isinstance(t, x.Add) and coefficient(t.terms[0])[0] < 0:
            return x.add(*sorted(t.terms, key=lambda u: coefficient(u)[0] < 0))
        return None

    return x.rewrite(e, change)


def closed_program(gradients: Gradients) -> Program:
    """The program in which every gradient with a closed form has it as its equation: what substitutions rely on."""
    closed = {d.target.name: d.result for d in gradients.carried.values()}
    equations = tuple(replace(e, rhs=closed.get(e.name, e.rhs)) for e in gradients.program.equations)
    return replace(gradients.program, equations=equations)


def window_program(gradients: Gradients) -> Program:
    """The program in which the gradients that were closed from the loss have that form: what windows rely on."""
    closed = {d.target.name: d.result for d in gradients.closed.values() if d.kind == "closed"}
    equations = tuple(replace(e, rhs=closed.get(e.name, e.rhs)) for e in gradients.program.equations)
    return replace(gradients.program, equations=equations)


def _put(e: Entry, known: Mapping[str, Expr], equations: Mapping[str, Equation]) -> Expr | None:
    if e.name not in known:
        return None
    indices = equations[e.name].indices
    return x.substitute(x.refresh(known[e.name]), dict(zip(indices, e.slots, strict=True)))
