"""Which known mistake explains a wrong gradient: the change of one statement that makes it right."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass

from derive.checker.claims import Claim
from derive.checker.cut import Court, fits
from derive.checker.edits import Edit, Names, edits
from derive.checker.names import spelled
from derive.checker.reading import Reading, Step
from derive.expr import Expr
from derive.index import Index, Size

MOST_TRIALS = 420
_KEPT = re.compile(r"^(self|ctx)\[([a-zA-Z_]\w*)\]$")  # an attribute, as the names of the reading spell it


@dataclass(frozen=True)
class Repair:
    """The change that makes a gradient right: its kind, the corrected statement, its line, and what to say."""

    kind: str
    correction: str
    line: int
    said: str
    step: Step


def repaired(court: Court, claim: Claim, goal: Expr, indices: tuple[Index, ...], shape: tuple[Size, ...],
             feeding: Iterable[str] = (), only: tuple[str, ...] = ()) -> Repair | None:  # fmt: skip
    """The first known change after which the claim equals the goal exactly, None when there is none.

    `feeding`: arrays of nameless steps that the claim is made of; their statements are changed too.
    """
    reading = court.reading
    steps = _steps(reading, claim, set(feeding))
    fuel = MOST_TRIALS
    order = sorted(range(len(steps)), key=lambda k: steps[k] not in claim.steps)
    for k in order:
        if (
            steps[k] not in claim.steps
            and steps[k].uses.writes
            and not (set(steps[k].uses.writes) & _inner(reading, feeding))
        ):
            continue
        for edit in edits(reading.back.lines, steps[k].node, _names(court, steps[k], shape)):
            if only and edit.kind not in only:
                continue
            fuel -= 1
            if fuel < 0:
                return None
            if _mends(court, steps, k, edit, claim.name, goal, indices, shape):
                return Repair(edit.kind, edit.changed, edit.line, edit.said, steps[k])
    return None


def _inner(reading: Reading, feeding: Iterable[str]) -> set[str]:
    return {name.split("@")[0] for name in feeding}


def _steps(reading: Reading, claim: Claim, feeding: set[str]) -> list[Step]:
    """The steps from the first statement that may be changed to the last of the claim."""
    all_steps = reading.steps
    last = all_steps.index(claim.last)
    first = all_steps.index(claim.first)
    for k in range(first):
        made = {reading.array(all_steps[k].values[n]) for n in all_steps[k].changed if n in all_steps[k].values}
        if made & feeding and not all_steps[k].looped:
            first = min(first, k)
    found = all_steps[first : last + 1]
    return [s for s in found if s.problem is None or s in claim.steps]


def _mends(court: Court, steps: list[Step], k: int, edit: Edit, name: str, goal: Expr, indices: tuple[Index, ...],
           shape: tuple[Size, ...]) -> bool:  # fmt: skip
    try:
        new = ast.parse(textwrap.dedent(edit.statement)).body
    except (SyntaxError, ValueError):
        return False
    for n in new:
        ast.increment_lineno(n, steps[k].node.lineno - 1)
    nodes = [*new, *(s.node for s in _needed(steps[k + 1 :], name))]
    return equals(court, steps[k], nodes, name, goal, indices, shape)


def _needed(steps: list[Step], name: str) -> list[Step]:
    """The steps on which the last value of a name depends, so that a trial reads no others again."""
    wanted, found = {name.split("[")[0]}, []
    for step in reversed(steps):
        if (step.uses.writes | step.changed) & wanted or not step.uses.writes:
            found.append(step)
            wanted |= step.uses.reads | step.uses.changes
    return found[::-1]


def equals(court: Court, start: Step, nodes: list[ast.stmt], name: str, goal: Expr, indices: tuple[Index, ...],
           shape: tuple[Size, ...], given: tuple[str, str] | None = None) -> bool:  # fmt: skip
    """Whether a name holds the goal after these statements; `given`: a name that first gets a true gradient."""
    found = court.reading.trial(start, nodes, name, given)
    if found is None:
        return False
    array, made = found
    have = next((e.shape for e in made if e.name == array), None)
    if have is None or fits(have, shape) != "same":
        return False
    return court.agrees(array, made, goal, indices)


def _names(court: Court, step: Step, shape: tuple[Size, ...]) -> Names:
    """The arrays in reach before a step that could stand in it."""
    reading, found = court.reading, Names()
    held = reading.steps[reading.steps.index(step) - 1].values if reading.steps.index(step) else {}
    held = {**{n: v for n, v in reading.start.items()}, **{n: reading.array(v) for n, v in held.items()}}
    shapes: dict[tuple[Size, ...], list[str]] = {}
    seen: set[str] = set()
    for key, array in held.items():
        name = _KEPT.sub(r"\1.\2", key)
        if not name.replace(".", "").isidentifier() or array not in court.program or court.program.sort(array) != "real":
            continue
        have = court.shape(array)
        shapes.setdefault(have, []).append(name)
        if spelled(key) is not None and array not in reading.forward:
            if fits(have, shape) != "other" and array not in seen:
                seen.add(array)
                found.gradients.append(name)
        elif have == shape:
            found.same.append(name)
        elif fits(have, shape) == "loose":
            found.factors.append(name)
    found.peers = {n: [m for m in group if m != n][::-1][:12] for group in shapes.values() for n in group}
    found.factors = [*found.same[:8], *found.factors[:8]]
    found.same, found.gradients = found.same[:8], found.gradients[::-1][:6]
    found.sizes = _sizes(reading, shape)
    return found


def _sizes(reading: Reading, shape: tuple[Size, ...]) -> list[str]:
    """Names and expressions of the author for sizes, the first axis of arrays foremost."""
    found = [n for n, v in reading.sizes.items() if v.number is None]
    return list(dict.fromkeys(found))[:5]


__all__ = ["Repair", "equals", "repaired"]
