"""Checking whole files: the formulas of a document, the backward code in it, and the run of the command."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from derive.checker.agreement import agreed
from derive.checker.blocks import judged_blocks
from derive.checker.formulas import FormulaChecker, undeclared
from derive.claim import Checked, Verdict, exit_code
from derive.errors import Problem, Unreadable, Usage
from derive.program import Program
from derive.readers.documents import Block, Document, Source
from derive.readers.latex import read_paper
from derive.readers.latex_declared import Declared, declared
from derive.readers.latex_notes import FAILED
from derive.writers.handwork import handwork

KINDS = {".md": "md", ".markdown": "md", ".txt": "md", ".tex": "tex", ".ipynb": "ipynb", ".py": "code"}
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
    said = declared(Document(path, [Block("code", text, 0, Source.of(text), "python")]))
    beside = Path(path).parent / said.forward if said.forward else None
    given = _text_of(beside) if given is None and beside is not None and beside.is_file() else given
    where = where or (str(beside) if beside is not None and given is not None else "")
    named = f"{text}\n{given if isinstance(given, str) else getattr(given, 'source', '')}"
    facts = [f"{kind} {n}" for kind in ("onehot", "positive") for n in sorted(getattr(said, kind))]
    facts = tuple(f for f in facts if re.search(rf"\b{f.split()[1]}\b", re.sub(r"#.*", "", named)))
    checked = check_code(text, path, forward=given, forward_path=where, facts=facts)
    verdicts = [*undeclared(said), *(_waived(v, said) for v in checked.verdicts)]
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


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as problem:
        raise Unreadable("this is not a text", "it is not UTF-8", path=path) from problem
    except OSError as problem:
        raise Unreadable("this file cannot be read", problem.strerror or "", path=path) from problem


def run(files: Sequence[str], forward: str | None, format: str, allow_unknown: bool, works: list | None = None) -> int:
    """Check files and print; 2 when no file could be read.  `works`: takes each file as a report shows it."""
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
    if works is not None:
        works += [(c, handwork(c, texts[c.path])) for c in checked]
    sys.stdout.write(render(checked, format, texts))
    code = exit_code(checked, allow_unknown)
    return code if len(checked) == len(files) or code == 1 else 2
