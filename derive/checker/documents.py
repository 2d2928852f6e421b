"""Checking a whole document: formulas, and the code in it where the code checker is at hand."""

from __future__ import annotations

from derive.checker.formulas import FormulaChecker
from derive.claim import Checked, Place, Verdict
from derive.errors import Problem, Unreadable
from derive.program import Program
from derive.readers.latex import read_paper


def check_text(text: str, path: str, *, kind: str | None = None, forward=None) -> Checked:
    """The verdicts on a document; `kind`: md, tex, ipynb or code, else by the path.  Raises Unreadable."""
    if "\x00" in text:
        raise Unreadable("this is not a text", "it holds zero bytes", path=path)
    program = _forward(forward)
    paper = read_paper(text, path, kind, program)
    verdicts = FormulaChecker(paper).check()
    return Checked(path, tuple(sorted(verdicts, key=lambda v: (v.place.cell or 0, v.place.line, v.place.column))))


def _forward(forward) -> Program | None:
    if forward is None or isinstance(forward, Program):
        return forward
    from derive.readers.sources import read

    return read(forward)


__all__ = ["Place", "Problem", "Verdict", "check_text"]
