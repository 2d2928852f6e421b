"""What the checker prints: the full form with carets, one line a claim, or JSON.

The first line of the output is `first wrong: FILE:LINE` or `nothing wrong`; coverage is always printed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace

from derive.claim import WORDS, Checked, Verdict, summary

LOUD = ("wrong", "carried", "unreadable", "unknown", "right-if")


def render(files: Iterable[Checked], format: str = "full", texts: Mapping[str, str] | None = None) -> str:
    """The output for some checked files; `texts`: their sources by path, for the carets."""
    files = list(files)
    return FORMATS[format](files, texts or {})


def _full(files: list[Checked], texts: Mapping[str, str]) -> str:
    lines = [headline(files)]
    for checked in files:
        for v in checked.verdicts:
            if v.verdict in LOUD:
                lines += ["", *_told(checked.path, v, texts.get(checked.path, ""))]
    lines += ["", *(coverage(checked) for checked in files)]
    return "\n".join(lines) + "\n"


def _concise(files: list[Checked], texts: Mapping[str, str]) -> str:
    lines = [headline(files)]
    lines += [_head(c.path, v) for c in files for v in c.verdicts if v.verdict in LOUD]
    return "\n".join([*lines, *(coverage(c) for c in files)]) + "\n"


def _json(files: list[Checked], texts: Mapping[str, str]) -> str:
    return json.dumps({"files": [c.json() for c in files]}, ensure_ascii=False, indent=1) + "\n"


def _github(files: list[Checked], texts: Mapping[str, str]) -> str:
    """Annotations as GitHub Actions reads them."""
    level = {"wrong": "error", "carried": "error", "unreadable": "warning", "unknown": "warning", "right-if": "notice"}
    lines = []
    for c in files:
        for v in c.verdicts:
            if v.verdict in level:
                place = (
                    f"file={c.path},line={v.place.line},col={v.place.column},title={v.code or ''} {v.kind or v.verdict}"
                )
                lines.append(f"::{level[v.verdict]} {place}::{_sentence(v)}")
    return "\n".join([*lines, headline(files), *(coverage(c) for c in files)]) + "\n"


def _sarif(files: list[Checked], texts: Mapping[str, str]) -> str:
    """SARIF 2.1.0, for code scanning."""
    level = {"wrong": "error", "carried": "error", "unreadable": "warning", "unknown": "note", "right-if": "note"}
    results = [
        {
            "ruleId": v.code or v.verdict,
            "level": level[v.verdict],
            "message": {"text": _sentence(v)},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": c.path},
                        "region": {
                            "startLine": v.place.line,
                            "startColumn": v.place.column,
                            "endLine": v.place.end_line,
                            "endColumn": v.place.end_column,
                        },
                    }
                }
            ],
        }
        for c in files
        for v in c.verdicts
        if v.verdict in level
    ]
    run = {"tool": {"driver": {"name": "derive check", "rules": []}}, "results": results}
    return json.dumps({"version": "2.1.0", "runs": [run]}, ensure_ascii=False, indent=1) + "\n"


FORMATS = {"full": _full, "concise": _concise, "json": _json, "github": _github, "sarif": _sarif}


def headline(files: Iterable[Checked]) -> str:
    """The first line of the output."""
    first = next((c.first_wrong for c in files if c.first_wrong), None)
    return f"first wrong: {first}" if first else "nothing wrong"


def coverage(checked: Checked) -> str:
    """`notes.md: 30 claims: 21 right, 1 right-if, 2 wrong, 0 unknown, 6 no claim`."""
    counts = summary(checked.verdicts)
    always = ("right", "right-if", "wrong", "unknown")
    parts = [f"{counts[w]} {w.replace('no-claim', 'no claim')}" for w in WORDS if counts[w] or w in always]
    return f"{checked.path}: {counts['claims']} claims: {', '.join(parts)}"


def _place(path: str, v: Verdict) -> str:
    cell = f"cell {v.place.cell}:" if v.place.cell else ""
    return f"{path}:{cell}{v.place.line}:{v.place.column}"


def _sentence(v: Verdict) -> str:
    words = {
        "wrong": "wrong",
        "carried": "carried",
        "unreadable": "not read",
        "unknown": "not decided",
        "right-if": "right if",
    }
    reason = f": {v.said}" if v.said else ""
    return f"{words.get(v.verdict, v.verdict)}{reason}"


def _head(path: str, v: Verdict) -> str:
    return f"{_place(path, v)}: {v.code + ' ' if v.code else ''}{_sentence(v)}"


def _told(path: str, v: Verdict, text: str) -> list[str]:
    """A verdict with its source line, carets, counter-example and correction."""
    lines = [_head(path, replace(v, note=None))]
    rows = text.splitlines()
    if v.place.cell is None and 0 < v.place.line <= len(rows):
        row = rows[v.place.line - 1]
        start = v.place.column - 1
        end = v.place.end_column - 1 if v.place.end_line == v.place.line else len(row)
        row, start, end = _window(row, start, max(end, start + 1))
        lines += [f"   | {row}", f"   | {' ' * start}{'^' * max(1, min(end, len(row)) - start)}"]
    elif v.text:
        lines += [f"   | {v.text.splitlines()[0]}"]
    lines += [f"   = counter-example  {v.counterexample}"] if v.counterexample else []
    lines += [f"   = correct:  {v.correction}"] if v.correction else []
    lines += [f"   = {v.note}"] if v.note else []
    return lines


def _window(row: str, start: int, end: int, width: int = 110) -> tuple[str, int, int]:
    """The part of a long line around the carets."""
    if len(row) <= width:
        return row, start, end
    left = max(0, min(start - 20, len(row) - width))
    shown = ("…" if left else "") + row[left : left + width] + ("…" if left + width < len(row) else "")
    shift = left - (1 if left else 0)
    return shown, start - shift, end - shift
