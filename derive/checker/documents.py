"""Checking whole files: the formulas of a document, the backward code in it, and the run of the command."""

from __future__ import annotations

import gc
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from derive.checker.agreement import agreed
from derive.checker.blocks import GRADIENT, judged_blocks
from derive.checker.formulas import FormulaChecker, undeclared
from derive.claim import Checked, Verdict, exit_code
from derive.errors import Problem, Unreadable, Usage
from derive.program import Program
from derive.readers.documents import Block, Document, Source
from derive.readers.latex import read_paper
from derive.readers.latex_declared import Declared, declared
from derive.readers.latex_notes import FAILED
from derive.readers.sources import split_name
from derive.writers.handwork import handwork

KINDS = {".md": "md", ".markdown": "md", ".txt": "md", ".tex": "tex", ".ipynb": "ipynb", ".py": "code"}
LONGEST = 2_000_000
SWEPT = 8  # files after which the judges' arrays are given back: the command line lets the collector run rarely
Given = Mapping[str, object]


def check_text(text: str, path: str, *, kind: str | None = None, forward=None, given: Given | None = None) -> Checked:
    """The verdicts on a document; `kind`: md, tex, ipynb or code, else by the path.  Raises Unreadable.

    `given`: what is said of the forward pass besides: `function`, `shapes`, `sample`, `facts`, as `read` takes them.
    """
    given = given or {}
    if "\x00" in text or len(text) > LONGEST:
        raise Unreadable("this is not a text that can be checked", "it is binary or too long", path=path)
    kind = kind or KINDS.get(Path(path).suffix.lower(), "md")
    if kind == "code":
        return _code(text, path, forward, given)
    program = _forward(forward, given)
    program = program or _declared_forward(text, path, kind)
    try:
        paper = read_paper(text, path, kind, program)
    except FAILED as problem:
        raise Unreadable("this document cannot be read", f"{type(problem).__name__}: {problem}", path=path) from problem
    if paper.said.forward_entry is not None and forward is None and program is None:
        paper.said.troubles.append((paper.said.forward_entry, "there is no such file beside the document"))
    formulas = FormulaChecker(paper)
    verdicts = agreed(formulas, formulas.check(), judged_blocks(paper, path, program))
    verdicts = [_waived(v, paper.said) for v in verdicts]
    return Checked(path, tuple(sorted(verdicts, key=lambda v: (v.place.cell or 0, v.place.line, v.place.column))))


def _waived(v: Verdict, said: Declared) -> Verdict:
    """A verdict on code that the author told the checker to leave out, without its verdict."""
    for quoted, why in said.waived:
        if " ".join(quoted.split()) in " ".join(v.text.split()) and v.verdict != "no-claim":
            reason = f"waived by the author: {why}" if why else "waived by the author, without a reason"
            return Verdict(v.place, v.text, "no-claim", reason=reason, code="N104")
    return v


def _after_waivers(verdicts: Sequence[Verdict], said: Declared) -> list[Verdict]:
    """The verdicts with the waived ones so marked; what only follows from a waived line is right if that is."""
    shown = [_waived(v, said) for v in verdicts]
    lines = [v.place.line for v, new in zip(verdicts, shown, strict=True) if new is not v and v.verdict == "wrong"]
    if not lines or any(v.verdict == "wrong" for v in shown):
        return shown
    told = f"right if line {lines[0]}, which the author waives, is"
    return [replace(v, verdict="right-if", reason=told) if v.verdict == "carried" else v for v in shown]


def _forward(forward, given: Given) -> Program | None:
    if forward is None or isinstance(forward, Program):
        return forward
    from derive.readers.sources import read

    return read(forward, **given)


def _declared_forward(text: str, path: str, kind: str) -> Program | None:
    """The forward pass that a `check: forward FILE` line names, beside the document."""
    from derive.readers.documents import read_document

    name = declared(read_document(text, path, kind)).forward
    file = Path(path).parent / name if name else None
    return _forward(str(file)) if file is not None and file.is_file() else None


# ---------------------------------------------------------------- code


def _code(text: str, path: str, forward, given: Given) -> Checked:
    from derive.checker.code import check_code

    if isinstance(forward, (str, Path)):
        file, name = split_name(str(forward))
        if name is not None:
            forward, given = file, {**given, "function": name}
    source = forward if forward is None or isinstance(forward, Program) else _text_of(forward)
    where = str(forward) if isinstance(forward, (str, Path)) and source != forward else ""
    said = declared(Document(path, [Block("code", text, 0, Source.of(text), "python")]))
    beside = Path(path).parent / said.forward if said.forward else None
    source = _text_of(beside) if source is None and beside is not None and beside.is_file() else source
    where = where or (str(beside) if beside is not None and source is not None else "")
    checked = check_code(text, path, forward=source, forward_path=where, **given)
    verdicts = [*undeclared(said), *_after_waivers(checked.verdicts, said)]
    return Checked(path, tuple(sorted(verdicts, key=lambda v: (v.place.line, v.place.column))))


def _text_of(forward) -> str:
    name = str(forward)
    return Path(name).read_text(encoding="utf-8") if "\n" not in name and Path(name).is_file() else name


# ---------------------------------------------------------------- the command


def source_of(source) -> tuple[str, str]:
    """The text and the path of what a user hands over: text is text if it holds a newline or is no existing file."""
    name = str(source)
    if "\n" not in name and Path(name).is_file():
        return _read(name), name
    return name, ""


def _within(name: str) -> list[str]:
    """A file by its name; of a folder the notes in it, and the Python files that set gradients."""
    if name == "-" or not Path(name).is_dir():
        return [name]
    found = []
    for path in sorted(Path(name).rglob("*")):
        hidden = any(
            part.startswith(".") or part in ("node_modules", "__pycache__")
            for part in path.parts[len(Path(name).parts) :]
        )
        if path.suffix.lower() in KINDS and path.is_file() and not hidden:
            if path.suffix != ".py" or GRADIENT.search(path.read_text(encoding="utf-8", errors="replace")):
                found.append(str(path))
    return found or [name]


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as problem:
        raise Unreadable("this is not a text", "it is not UTF-8", path=path) from problem
    except OSError as problem:
        raise Unreadable("this file cannot be read", problem.strerror or "", path=path) from problem


def run(files: Sequence[str], forward: str | None, format: str, allow_unknown: bool, works: list | None = None,
        given: Given | None = None) -> int:  # fmt: skip
    """Check files and print; 2 when no file could be read.  `works`: takes each file as a report shows it."""
    from derive.checker.report import FORMATS, WIDE, render

    if format not in FORMATS:
        raise Usage(f"there is no format `{format}`", hint="one of: " + ", ".join(FORMATS))
    checked: list[Checked] = []
    texts: dict[str, str] = {}
    files = [one for name in files for one in _within(name)]
    for count, name in enumerate(files, 1):
        if count % SWEPT == 0:
            gc.collect()
        try:
            text = sys.stdin.read() if name == "-" else _read(name)
            path = "<stdin>" if name == "-" else name
            texts[path] = text
            checked.append(check_text(text, path, forward=forward, given=given))
        except Problem as problem:
            print(problem.at(None, name), file=sys.stderr)
    if not checked:
        return 2
    if works is not None:
        works += [(c, handwork(c, texts[c.path])) for c in checked]
    columns = max(40, min(WIDE, shutil.get_terminal_size().columns - 7)) if sys.stdout.isatty() else WIDE
    sys.stdout.write(render(checked, format, texts, columns))
    code = exit_code(checked, allow_unknown)
    return code if len(checked) == len(files) or code == 1 else 2
