"""Shapes that nobody declared, as the hint of the reader guesses them: gradients right with them are `right-if`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from derive.claim import Checked
from derive.errors import ShapeUnknown

FINE = ("right", "right-if", "no-claim")


def guesses(problem: ShapeUnknown) -> Iterator[Mapping[str, str]]:
    """The shapes to suppose, one after the other: for functions of single numbers first whole arrays, entry by entry."""
    if problem.guessed and set(problem.shapes.values()) == {"()"}:
        yield dict.fromkeys(problem.shapes, "(n, d)")
    if problem.guessed:
        yield problem.shapes


def under_shapes(checked: Checked, shapes: Mapping[str, str], guessed: Iterable[str]) -> Checked | None:
    """The verdicts found with the guessed shapes, the condition named; None unless every gradient is right with them.

    A wrong one may be right with other shapes (one sample for a batch), so that nothing is said of it.
    """
    words = {v.verdict for v in checked.verdicts}
    if not words & {"right", "right-if"} or not words <= set(FINE):
        return None
    said = " and ".join(f"`{name}` has the shape {shapes[name]}" for name in guessed)
    hint = "# shapes: " + " · ".join(f"{name} {axes}" for name, axes in shapes.items())
    found = [replace(v, verdict="right-if", reason="; ".join(filter(None, (said, v.reason))), kind=v.kind or "assumption-made",
                     code=v.code or "W103") if v.verdict in FINE[:2] else v for v in checked.verdicts]  # fmt: skip
    first = next(k for k, v in enumerate(found) if v.verdict == "right-if")
    found[first] = replace(found[first], note="; ".join(filter(None, (found[first].note, f"to say so: {hint}"))))
    return replace(checked, verdicts=tuple(found))


def outlook(checked: Checked) -> str:
    """What the guessed shapes would give where they do not make everything right."""
    claims = [v for v in checked.verdicts if v.verdict != "no-claim"]
    wrong = [v for v in claims if v.verdict in ("wrong", "carried")]
    if not wrong or len(wrong) == len(claims):
        return ""
    return f"with it, {len(wrong)} of {len(claims)} gradients would be wrong, the first on line {wrong[0].place.line}"
