"""Several ways to one result: which of them stand beside each other, two to a row, in what size, how wide each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from derive.writers.document import Lemma, Line
from derive.writers.layout import Node, Op, row, width

EQUALS = Op("eq")
LOOSE = 1.05  # widths are estimated from above; what is a little too wide shrinks
NARROWEST = 0.38  # of the row, for the words that stand above and below the formulas


@dataclass(frozen=True)
class Across:
    """One row: two ways with the share of the row that the left one takes and the place of their size, or one way."""

    ways: tuple[Lemma, ...]
    size: int = 0
    share: float = 1.0


def in_rows(ways: Sequence[Lemma], rooms: Sequence[float]) -> list[Across]:
    """The ways in their order, neighbours as a pair where the lines of both fit beside each other, else one by one.

    `rooms`: the em that two columns have together in each size, the largest size first; the first that fits is taken.
    """
    rows: list[Across] = []
    waiting = tuple(ways)
    while waiting:
        pair = [_pair(waiting[:2], n, room) for n, room in enumerate(rooms)] if len(waiting) > 1 else []
        rows.append(next(filter(None, pair), Across(waiting[:1])))
        waiting = waiting[len(rows[-1].ways) :]
    return rows


def on_one_line(line: Line) -> Node:
    """A line of a derivation with its left side, where it has one, and its equals sign."""
    return row(EQUALS, line.rhs) if line.lhs is None else row(line.lhs, EQUALS, line.rhs)


def _pair(ways: tuple[Lemma, ...], size: int, room: float) -> Across | None:
    """Both ways, what is left of the room shared between them; None where they are too wide together."""
    if any(way.displays or way.ways for way in ways):
        return None
    left, right = (max((width(on_one_line(line)) for line in way.lines), default=0.0) for way in ways)
    spare = LOOSE * room - left - right
    share = min(max((left + spare / 2) / (LOOSE * room), NARROWEST), 1 - NARROWEST)
    fits = left <= share * LOOSE * room and right <= (1 - share) * LOOSE * room
    return Across(ways, size, share) if fits else None
