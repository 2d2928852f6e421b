"""Checking whole files: the formulas of a document, the backward code in it, and the run of the command."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from derive.checker.formulas import FormulaChecker
from derive.claim import Checked, Place, Verdict, exit_code
from derive.errors import Problem, Unreadable, Usage
from derive.program import Program
from derive.readers.documents import Block
from derive.readers.latex import Paper, read_paper
from derive.readers.latex_code import _read as read_block
from derive.readers.latex_declared import declared
from derive.readers.latex_notes import FAILED

KINDS = {".md": "md", ".markdown": "md", ".txt": "md", ".tex": "tex", ".ipynb": "ipynb", ".py": "code"}
_GRADIENT = re.compile(r"^\s*(d[A-Za-z_]\w*|\w+_grad|grad_\w+|grads\[[^\]]*\])(\[[^\]]*\])?\s*([-+*/]?=)(?!=)", re.M)
LONGEST = 2_000_000


def check_text(text: str, path: str, *, kind: str | None = None, forward=None) -> Checked:
    """The verdicts on a document; `kind`: md, tex, ipynb or code, else by the path.  Raises Unreadable."""
    if "\x00" in text or len(text) > LONGEST:
        raise Unreadable("this is not a text that can be checked", "it is binary or too long", path=path)
    kind = kind or KINDS.get(Path(path).suffix.lower(), "md")
    if kind == "code":
        return _code(text, path, forward)
    program = _forward(forward)
    program = program or _declared_forward(text, path, kind)
    try:
        paper = read_paper(text, path, kind, program)
    except FAILED as problem:
        raise Unreadable("this document cannot be read", f"{type(problem).__name__}: {problem}", path=path) from problem
    verdicts = FormulaChecker(paper).check() + _blocks(paper, text, path, forward)
    return Checked(path, tuple(sorted(verdicts, key=lambda v: (v.place.cell or 0, v.place.line, v.place.column))))


def _forward(forward) -> Program | None:
    if forward is None or isinstance(forward, Program):
        return forward
    from derive.readers.sources import read

    return read(forward)


def _declared_forward(text: str, path: str, kind: str) -> Program | None:
    """The forward pass that a `check: forward FILE` line names, beside the document."""
    from derive.readers.documents import read_document

    name = declared(read_document(text, path, kind)).forward
    file = Path(path).parent / name if name else None
    return _forward(str(file)) if file is not None and file.is_file() else None


# ---------------------------------------------------------------- code


def _code(text: str, path: str, forward) -> Checked:
    from derive.checker.code import check_code

    given = forward if forward is None or isinstance(forward, Program) else _text_of(forward)
    where = str(forward) if isinstance(forward, (str, Path)) and given != forward else ""
    return check_code(text, path, forward=given, forward_path=where)


def _text_of(forward) -> str:
    name = str(forward)
    return Path(name).read_text(encoding="utf-8") if "\n" not in name and Path(name).is_file() else name


def _blocks(paper: Paper, text: str, path: str, forward) -> list[Verdict]:
    """The backward code in a document, judged against the forward pass that the document has or was given.

    Blocks are read one after another, as a notebook runs: what an earlier block sets, a later one may use.
    """
    given, home = _document_forward(paper, forward)
    made: list[Verdict] = []
    earlier: list[str] = []
    for block in paper.document.blocks:
        if block.kind != "code" or block.language == "front" or block is home or not _GRADIENT.search(block.text):
            continue
        found = _block(block, earlier, given, path)
        if found is None:
            made += _unjudged(block)
        elif len(found) == 1 and found[0].verdict == "unknown":
            made += _unjudged(block, found[0].reason or "")
        else:
            made += [_moved(v, block) for v in found]
            earlier += [] if found[0].verdict == "unreadable" or _has_function(block.text) else [block.text]
    return made


def _block(block: Block, earlier: list[str], given, path: str) -> list[Verdict] | None:
    """The verdicts on one block, lines counted from its own first; None without a forward pass."""
    from derive.checker.code import check_code

    if given is None:
        return None
    code, indent = _flat(block.text)
    before = "".join(f"{code.rstrip()}\n" for code in earlier) if not _has_function(block.text) else ""
    shift = before.count("\n")
    found = [v for v in check_code(before + code, path, forward=given).verdicts if v.place.line > shift]
    moved = [
        replace(
            v,
            place=replace(
                v.place,
                line=v.place.line - shift,
                end_line=v.place.end_line - shift,
                column=v.place.column + indent,
                end_column=v.place.end_column + indent,
            ),
        )
        for v in found
    ]
    if not moved:
        return _block(block, [], given, path) if before else []
    return moved


_CALL = re.compile(r"^(\s+)[\w, ]+ = forward\(.*\)\s*$", re.M)


def _flat(code: str) -> tuple[str, int]:
    """A lone function that runs the forward pass first, as the script that it is, line by line; and its indentation."""
    call = _CALL.search(code)
    if call is None or len(re.findall(r"^\s*def ", code, re.M)) != 1:
        return code, 0
    indent = len(call[1].lstrip("\n"))
    rows = []
    for row in code.split("\n"):
        gone = row.lstrip().startswith(("def ", "return")) or _CALL.match(row)
        rows.append("" if gone else row[indent:] if row[:indent].isspace() else row)
    return "\n".join(rows), indent


def _has_function(code: str) -> bool:
    return bool(re.search(r"^\s*def ", code, re.M))


def _document_forward(paper: Paper, forward):
    """The forward pass for code: the one given, or the document's own block, with its loss as the only output."""
    if forward is not None:
        return (forward if isinstance(forward, Program) else _text_of(forward)), None
    for block in paper.document.blocks:
        if block.kind == "code" and block.language != "front":
            program = read_block(block.text, paper.notes, paper.document.path)
            if program is not None:
                return _only_loss(program, paper), None if _GRADIENT.search(block.text) else block
    return None, None


def _only_loss(program: Program, paper: Paper) -> Program:
    """A forward pass that returns its intermediates too, made to return the loss alone."""
    scalars = [n for n in program.outputs if program.shape(n) == ()]
    if len(program.outputs) < 2 or len(scalars) != 1 or not program.source:
        return program
    source = re.sub(r"(?m)^(\s*)return\b[^\n]*$", rf"\1return {scalars[0]}", program.source)
    return replace(program, source=source, outputs=(scalars[0],))


def _unjudged(block: Block, reason: str = "the forward pass of this code is not given") -> list[Verdict]:
    line, column = block.source.place(block.start + len(block.text) - len(block.text.lstrip()))
    end, _ = block.source.place(block.start + len(block.text.rstrip()))
    first = block.text.strip().splitlines()[0]
    place = Place(line, column, end, len(block.source.line(end)) + 1, block.source.cell)
    return [Verdict(place, first, "unknown", reason=reason, code="U301")]


def _moved(v: Verdict, block: Block) -> Verdict:
    """A verdict on a block's code, at its place in the document."""
    line, column = block.source.place(block.start)
    shift = line - 1
    more = column - 1 if v.place.line == 1 else 0
    place = replace(
        v.place,
        line=v.place.line + shift,
        end_line=v.place.end_line + shift,
        column=v.place.column + more,
        cell=block.source.cell,
    )
    return replace(v, place=place)


# ---------------------------------------------------------------- the command


def source_of(source) -> tuple[str, str]:
    """The text and the path of what a user hands over: text is text if it holds a newline or is no existing file."""
    name = str(source)
    if "\n" not in name and Path(name).is_file():
        return _read(name), name
    return name, ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as problem:
        raise Unreadable("this is not a text", "it is not UTF-8", path=path) from problem
    except OSError as problem:
        raise Unreadable("this file cannot be read", problem.strerror or "", path=path) from problem


def run(files: Sequence[str], forward: str | None, format: str, allow_unknown: bool) -> int:
    """Check files and print; 2 when no file could be read."""
    from derive.checker.report import FORMATS, render

    if format not in FORMATS:
        raise Usage(f"there is no format `{format}`", hint="one of: " + ", ".join(FORMATS))
    checked: list[Checked] = []
    texts: dict[str, str] = {}
    for name in files:
        try:
            text = sys.stdin.read() if name == "-" else _read(name)
            path = "<stdin>" if name == "-" else name
            texts[path] = text
            checked.append(check_text(text, path, forward=forward))
        except Problem as problem:
            print(problem.at(None, name), file=sys.stderr)
    if not checked:
        return 2
    sys.stdout.write(render(checked, format, texts))
    code = exit_code(checked, allow_unknown)
    return code if len(checked) == len(files) or code == 1 else 2
