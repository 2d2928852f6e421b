"""The author's checked derivation as Typst: rows with verdict marks, bars with the line as it should be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from derive.writers.document import HandLine, HandWork
from derive.writers.layout import HANG, Node, break_lines, row, width
from derive.writers.templating import Ready
from derive.writers.typst_formula import typst_math
from derive.writers.typst_words import fitted, listing, prose, sequence

ROOM = 27.5  # em of the column of formulas
WIDE = 0.42  # of the room: a left side that is wider stands on a line of its own
CODE_COLUMNS = 58


def hand_parts(works: Iterable[HandWork]) -> list[dict[str, Any]]:
    """Every checked file for the template."""
    return [{"path": w.path, "summary": Ready(prose(w.summary)), "blocks": _blocks(w)} for w in works]


def _blocks(work: HandWork) -> list[dict[str, Any]]:
    """Formulas under each other up to the first that is corrected, bars, code, in the order of the file."""
    blocks: list[dict[str, Any]] = []
    for group in work.groups:
        fresh = True
        for line in group:
            if line.source:
                blocks.append({"kind": "code", **_said(line), "code": listing(line.source, CODE_COLUMNS)})
                fresh = True
            else:
                if fresh:
                    blocks.append({"kind": "formulas", "rows": [], "apart": _apart(group)})
                blocks[-1]["rows"].append(_row(line, blocks[-1]["apart"]))
                fresh = False
            if line.correction is not None:
                blocks.append(_correction(line))
                fresh = True
    return blocks


def _apart(group: Iterable[HandLine]) -> bool:
    return any(line.lhs is not None and width(line.lhs) > WIDE * ROOM for line in group)


def _row(line: HandLine, apart: bool) -> dict[str, Any]:
    side = width(line.lhs) if line.lhs is not None and not apart else 2.0
    body: list[Node] = []
    if line.rhs is not None:
        relation = [] if line.relation is None else [line.relation]
        body = list(break_lines(row(*relation, line.rhs), ROOM - side - HANG * apart))
    if apart and line.lhs is not None:
        body = [*break_lines(line.lhs, ROOM), *body]
    lhs = Ready("none") if line.lhs is None or apart else Ready(_display(line.lhs))
    thick = line.relation is not None and not (apart and line.lhs is not None)
    first = [f"$display(thick {typst_math(body[0])})$" if thick else _display(body[0])] if body else []
    shown = [*first, *map(_display, body[1:])]
    rhs = (fitted(n, width(b) + HANG * bool(k), ROOM - side) for k, (n, b) in enumerate(zip(shown, body, strict=True)))
    return {**_said(line), "lhs": lhs, "rhs": sequence(rhs)}


def _display(node: Node) -> str:
    return f"$display({typst_math(node)})$"


def _said(line: HandLine) -> dict[str, Any]:
    return {
        "mark": Ready(line.verdict or "none"),
        "place": line.place,
        "words": Ready(prose(line.words)),
        "aside": sequence(map(prose, line.aside)),
    }


def _correction(line: HandLine) -> dict[str, Any]:
    if isinstance(line.correction, str):
        return {"kind": "code correction", "code": listing(line.correction, 84)}
    lines = break_lines(line.correction, 1.2 * ROOM)
    return {"kind": "corrected", "formula": sequence(fitted(_display(n), width(n) + HANG, 1.15 * ROOM) for n in lines)}

