"""The author's checked derivation as LaTeX: rows of \\dvsteps with verdict marks, bars with the line as it should be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any

from derive.writers.document import HandLine, HandWork
from derive.writers.latex_math import latex
from derive.writers.latex_text import breakable, code_lines, prose
from derive.writers.layout import HANG, Node, break_lines, row, width
from derive.writers.templating import Ready

CODE_COLUMNS = 58  # letters of \\small mono beside the margin
WIDE = 0.42  # of the room: a left side that is wider stands on a line of its own
Stacked = Callable[..., Ready]


def hand_parts(works: Iterable[HandWork], room: float, stacked: Stacked) -> list[dict[str, Any]]:
    """Every checked file for the template; `room` in em, `stacked` puts the lines of a formula under each other."""
    return [
        {
            "path": Ready(breakable(work.path)),
            "summary": work.summary,
            "groups": [_group(g, room, stacked) for g in work.groups],
        }
        for work in works
    ]


def _group(lines: tuple[HandLine, ...], room: float, stacked: Stacked) -> list[dict[str, Any]]:
    """Blocks of a group: formulas under each other up to the first that is corrected, bars, code."""
    blocks: list[dict[str, Any]] = []
    for is_code, run in groupby(lines, key=lambda line: bool(line.source)):
        for line_run in ([line] for line in run) if is_code else _runs(list(run)):
            blocks.append(_code(line_run[0]) if is_code else _formulas(line_run, room, stacked))
            if line_run[-1].correction is not None:
                blocks.append(_correction(line_run[-1], room, stacked))
    return blocks


def _runs(lines: list[HandLine]) -> list[list[HandLine]]:
    """The lines cut behind each that has a correction."""
    runs: list[list[HandLine]] = [[]]
    for line in lines:
        runs[-1].append(line)
        if line.correction is not None:
            runs.append([])
    return [run for run in runs if run]


def _formulas(lines: list[HandLine], room: float, stacked: Stacked) -> dict[str, Any]:
    side = max((width(line.lhs) for line in lines if line.lhs is not None), default=0.0)
    apart = side > WIDE * room
    rows = [_row(line, room - (0 if apart else side) - 1.4, apart, stacked) for line in lines]
    return {"kind": "formulas", "rows": rows}


def _row(line: HandLine, room: float, apart: bool, stacked: Stacked) -> dict[str, Any]:
    body: list[Node] = []
    if line.rhs is not None:
        relation = [] if line.relation is None else [line.relation]
        body = list(break_lines(row(*relation, line.rhs), room - (HANG if apart else 0)))
    if apart and line.lhs is not None:
        body = [*break_lines(line.lhs, room), *body]
    lhs = Ready(latex(line.lhs)) if line.lhs is not None and not apart else Ready("")
    indent = Ready(r"\hspace{1.4em}") if line.lhs is None and line.relation is None else Ready("")
    return {**_said(line), "lhs": lhs, "rhs": Ready(indent + stacked(body)) if body else Ready("")}


def _said(line: HandLine) -> dict[str, Any]:
    return {
        "mark": Ready(line.verdict or "none"),
        "place": line.place,
        "words": Ready(prose(line.words)),
        "aside": Ready(r"\dvor ".join(map(prose, line.aside))),
    }


def _code(line: HandLine) -> dict[str, Any]:
    return {"kind": "code", **_said(line), "lines": [Ready(text) for text in code_lines(line.source, CODE_COLUMNS)]}


def _correction(line: HandLine, room: float, stacked: Stacked) -> dict[str, Any]:
    if isinstance(line.correction, str):
        return {"kind": "correction", "formula": "", "code": [Ready(t) for t in code_lines(line.correction, 84)]}
    lines = break_lines(line.correction, 1.2 * room)
    return {"kind": "correction", "formula": stacked(lines), "code": []}
