"""Backpropagation through time: the gradient of a state in one line, from the gradient one round later.

The let-forms of a loop's gradients hand on from name to name, ∂h_t, ∂a_t, ∂h⁻_t; with those between put in, what is left
is the recurrence of the textbooks (Werbos 1990): ∂h_t = its uses at t + (∂h_{t+1} through the round t + 1).
"""

from __future__ import annotations

from collections.abc import Mapping

from derive import expr as x
from derive.closing import measure
from derive.derivation import Derivation, Step
from derive.engine import Gradients
from derive.expr import Entry, Expr
from derive.program import Equation, gradient_name
from derive.recurrence import recurrences, states
from derive.routes import Finding

LONGEST = 40  # as `measure` counts: a longer line tells less than the let-forms
DEEPEST = 12  # so many names may stand between two rounds


def through_time(gradients: Gradients) -> list[Finding]:
    """One finding for every loop with state whose recurrence can be said in one line each."""
    groups = {id(b): b for b in recurrences(gradients.program.equations).values() if b[0].name.startswith("∂")}
    carried = set(states(gradients.forward.equations).values())
    found = []
    for block in groups.values():
        kept = {gradient_name(n) for n in carried} & {e.name for e in block}
        made = [d for e in block if e.name in kept and (d := _one_line(gradients, block, e, kept)) is not None]
        if made and len(made) == len(kept):
            found.append(_finding(gradients, made))
    return found


def _finding(gradients: Gradients, made: list[Derivation]) -> Finding:
    several = "each of these is" if len(made) > 1 else "this is"
    return Finding(
        "Backpropagation through time",
        f"With the gradients inside one round put in, {several} the recurrence that the reversed loop computes: "
        "what uses the state at its own time, and what comes back through the next round.",
        gradients.program,
        left=tuple(d.target for d in made),
        derivations=tuple(made),
        about=tuple(d.name for d in made),
    )  # fmt: skip


def _one_line(gradients: Gradients, block: tuple[Equation, ...], e: Equation, kept: set[str]) -> Derivation | None:
    """The gradient of a state by itself one round later; None where that is too long, or what is derived already."""
    found = next((d for d in gradients.derivations.values() if d.target.name == e.name), None)
    between = {u.name: u for u in block if u.name not in kept}
    line, used = e.rhs, []
    for _ in range(DEEPEST):
        names = [n for n in between if n in line.names]
        if not names:
            break
        used += [n for n in names if n not in used]
        line = _put_in(line, {n: between[n] for n in names})
        if measure(line) > LONGEST:
            return None
    if found is None or not used or any(n in line.names for n in between):
        return None
    first = Step("its gradient", e.rhs, instance="as derived", level=2)
    redexes = tuple(t for t in x.walk(e.rhs) if isinstance(t, Entry) and t.name in used)
    put = Step("substitute", line, redexes, instance=", ".join(used), uses=tuple(used))
    return Derivation(found.name, Entry(e.name, e.indices), e.indices, (first, put), kind="closed")


def _put_in(line: Expr, between: Mapping[str, Equation]) -> Expr:
    return x.replace_entries(line, lambda t: between[t.name].instance(t.slots) if t.name in between else None)


__all__ = ["through_time"]
