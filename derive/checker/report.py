"""What the checker prints: the full form with carets, one line a claim, or JSON.

The first line of the output is `first wrong: FILE:LINE` or `nothing wrong`; coverage is always printed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from urllib.parse import quote

from derive.checker.codes import CODES
from derive.claim import WORDS, Checked, Verdict, summary

WIDE = 110  # letters of a source line that are shown around the carets
TOLD = ("one-round",)  # kinds without a verdict that the reader should know of
LOUD = ("wrong", "carried", "unreadable", "unknown", "right-if")


def render(
    files: Iterable[Checked], format: str = "full", texts: Mapping[str, str] | None = None, columns: int = WIDE
) -> str:
    """The output for some checked files; `texts`: their sources by path, for the carets, in at most `columns`."""
    files = list(files)
    if format == "full":
        return _full(files, texts or {}, columns)
    return FORMATS[format](files, texts or {})


def _full(files: list[Checked], texts: Mapping[str, str], columns: int = WIDE) -> str:
    lines = [headline(files)]
    for checked in files:
        for v in checked.verdicts:
            if v.verdict in LOUD:
                lines += ["", *_told(checked.path, v, texts.get(checked.path, ""), columns)]
        notes = [_note(checked.path, v) for v in checked.verdicts if v.kind in TOLD]
        lines += ["", *notes] if notes else []
    lines += ["", *(coverage(checked) for checked in files)]
    return "\n".join(lines) + "\n"


def _concise(files: list[Checked], texts: Mapping[str, str]) -> str:
    lines = [headline(files)]
    lines += [_head(c.path, v) for c in files for v in c.verdicts if v.verdict in LOUD]
    lines += [_note(c.path, v) for c in files for v in c.verdicts if v.kind in TOLD]
    return "\n".join([*lines, *(coverage(c) for c in files)]) + "\n"


def _json(files: list[Checked], texts: Mapping[str, str]) -> str:
    return json.dumps({"files": [c.json() for c in files]}, ensure_ascii=False, indent=1) + "\n"


def _github(files: list[Checked], texts: Mapping[str, str]) -> str:
    """Annotations as GitHub Actions reads them; in notebooks the message says the cell."""
    level = {"wrong": "error", "carried": "error", "unreadable": "warning", "unknown": "warning", "right-if": "notice"}
    lines = [headline(files)]
    for c in files:
        for v in (v for v in c.verdicts if v.verdict in level):
            title = _property(f"{v.code or ''} {v.kind or v.verdict}".strip())
            place = f"file={_property(c.path)},title={title}"
            if v.place.cell is None:
                place += f",line={v.place.line},col={v.place.column},endLine={v.place.end_line}"
            lines.append(f"::{level[v.verdict]} {place}::{_data(_in_cell(v) + _sentence(v))}")
    return "\n".join([*lines, *(coverage(c) for c in files)]) + "\n"


def _data(text: str) -> str:
    """The text of a workflow command, escaped as its grammar asks."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _in_cell(v: Verdict) -> str:
    return "" if v.place.cell is None else f"cell {v.place.cell}, line {v.place.line}: "


def _sarif(files: list[Checked], texts: Mapping[str, str]) -> str:
    """SARIF 2.1.0, for code scanning; a notebook's results have no region, since its lines are not the file's."""
    found = [(c, v) for c in files for v in c.verdicts if v.verdict in SARIF_LEVELS]
    codes = sorted({v.code or v.verdict for _, v in found})
    rules = [_sarif_rule(code) for code in codes]
    results = [_sarif_result(c, v, codes.index(v.code or v.verdict)) for c, v in found]
    run = {
        "tool": {"driver": {"name": "derive check", "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": [run]}, ensure_ascii=False, indent=1) + "\n"


def _sarif_rule(code: str) -> dict:
    name, sentence, example = CODES.get(code, (code, code, ""))
    text = f"{sentence} For example: {example}" if example else sentence
    return {"id": code, "name": name, "shortDescription": {"text": sentence}, "help": {"text": text}}


def _sarif_result(c: Checked, v: Verdict, rule: int) -> dict:
    place: dict = {"artifactLocation": {"uri": quote(c.path)}}
    if v.place.cell is None:
        place["region"] = {
            "startLine": v.place.line,
            "startColumn": v.place.column,
            "endLine": v.place.end_line,
            "endColumn": v.place.end_column,
        }
    text = _in_cell(v) + _sentence(v) + (f"; correct: {v.correction}" if v.correction else "")
    return {
        "ruleId": v.code or v.verdict,
        "ruleIndex": rule,
        "level": SARIF_LEVELS[v.verdict],
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
    }


SARIF_LEVELS = {"wrong": "error", "carried": "error", "unreadable": "warning", "unknown": "note", "right-if": "note"}
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
    reason = f": {v.said.removeprefix('right if ')}" if v.said else ""
    return f"{words.get(v.verdict, v.verdict)}{reason}"


def _head(path: str, v: Verdict) -> str:
    return f"{_place(path, v)}: {v.code + ' ' if v.code else ''}{_sentence(v)}"


def _note(path: str, v: Verdict) -> str:
    return f"{_place(path, v)}: {v.code} {v.reason}"


def _told(path: str, v: Verdict, text: str, columns: int = WIDE) -> list[str]:
    """A verdict with its source line, carets, counter-example and correction."""
    lines = [_head(path, replace(v, note=None))]
    rows = _rows(text, v.place.cell)
    if 0 < v.place.line <= len(rows):
        row = rows[v.place.line - 1]
        start = v.place.column - 1
        end = v.place.end_column - 1 if v.place.end_line == v.place.line else len(row)
        row, start, end = _window(row, start, max(end, start + 1), columns)
        lines += [f"   | {row}", f"   | {' ' * start}{'^' * max(1, min(end, len(row)) - start)}"]
    elif v.text:
        lines += [f"   | {v.text.splitlines()[0]}"]
    lines += [f"   = counter-example  {v.counterexample}"] if v.counterexample else []
    lines += [f"   = correct:  {v.correction}"] if v.correction else []
    lines += [f"   = {v.note}"] if v.note else []
    return lines


def _rows(text: str, cell: int | None) -> list[str]:
    """The lines that a place counts in: the file's, or those of its cell."""
    if cell is None:
        return text.splitlines()
    try:
        source = json.loads(text)["cells"][cell - 1]["source"]
    except (ValueError, LookupError, TypeError):
        return []
    return "".join(source).splitlines()


def _window(row: str, start: int, end: int, width: int) -> tuple[str, int, int]:
    """The part of a long line around the carets."""
    if len(row) <= width:
        return row, start, end
    left = max(0, min(start - 20, len(row) - width))
    shown = ("…" if left else "") + row[left : left + width] + ("…" if left + width < len(row) else "")
    shift = left - (1 if left else 0)
    return shown, start - shift, end - shift
