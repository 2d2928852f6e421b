"""Jupyter: `%load_ext derive`, then `%derive check`, `%%derive check`, `%%derive show`, and every command of `derive`.

    %derive check                     the notebook as it was saved, or the cells that were run
    %derive check notes.md            files, as on the command line
    %%derive check [--forward F.py]   this cell: Markdown with formulas, LaTeX, or backward code of the cells before
    %%derive show                     this cell as a forward pass: its gradients

IPython is never imported: it calls `load_ipython_extension` and hands itself over.
"""

from __future__ import annotations

import html
import json
import os
import re
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from derive.claim import Checked, Verdict
from derive.errors import Problem, Usage

COLOURS = {"right": "#1a7f37", "right-if": "#7a5c00", "wrong": "#c00020", "carried": "#c00020"}
_FORMULAS = re.compile(r"\$|\\\[|\\\(|\\begin\{")
_OWN = re.compile(r"(?m)^\s*[%!?].*$|^.*get_ipython\(\).*$")


def load_ipython_extension(ipython) -> None:
    """Register the magic; called by `%load_ext derive`."""
    magic = Magic(ipython)
    ipython.register_magic_function(magic.run, magic_kind="line_cell", magic_name="derive")


@dataclass
class Magic:
    """`%derive` in one session."""

    ipython: object

    def run(self, line: str, cell: str | None = None):
        """The line magic (no cell) or the cell magic; problems are printed, not raised."""
        try:
            words = shlex.split(line)
            command = words[0] if words else "check"
            if command == "check" and (cell is not None or not _files(words[1:])):
                return self.check(_option(words, "--forward"), cell)
            if command == "show" and cell is not None:
                return self.show(cell)
            if cell is not None:
                raise Usage(f"`%%derive {command}` is not known", hint="%%derive check or %%derive show")
            return self.command(words)
        except (Problem, ValueError) as problem:
            print(problem)
            return None

    # -- what the words do

    def check(self, forward: str | None, cell: str | None) -> Verdicts:
        """The verdicts on this cell after those before it, else on the notebook."""
        from derive.checker.documents import check_text

        if cell is None and (saved := self.saved()) is not None:
            text = saved.read_text(encoding="utf-8")
            return Verdicts(check_text(text, saved.name, kind="ipynb", forward=forward), _sources(text))
        before = self.ran()
        cells = [("code", code) for code in before]
        if cell is not None:
            cells.append(("markdown" if _FORMULAS.search(cell) and not _python(cell) else "code", cell))
        text = notebook(cells)
        checked = check_text(text, "In", kind="ipynb", forward=forward)
        if cell is not None:
            own = [
                replace(v, place=replace(v.place, cell=None)) for v in checked.verdicts if v.place.cell == len(cells)
            ]
            return Verdicts(Checked("this cell", tuple(own)), {None: cell})
        return Verdicts(checked, _sources(text))

    def show(self, cell: str):
        """The gradients of a forward pass that stands in the cell."""
        import derive

        return derive.differentiate(derive.read(cell if cell.endswith("\n") else cell + "\n"))

    def command(self, words: list[str]) -> int | None:
        """Any other command, as on the command line; its exit code where that is not 0."""
        from derive.cli import run_command

        return run_command(words) or None

    # -- where the notebook is

    def saved(self) -> Path | None:
        """The file of this notebook, where the front end says it."""
        space = getattr(self.ipython, "user_ns", {})
        for name in (space.get("__vsc_ipynb_file__"), space.get("__session__"), os.environ.get("JPY_SESSION_NAME")):
            if name and str(name).endswith(".ipynb") and Path(str(name)).is_file():
                return Path(str(name))
        return None

    def ran(self) -> list[str]:
        """The code that was run so far, without magics."""
        space = getattr(self.ipython, "user_ns", {})
        found = [code for code in space.get("In", [])[1:-1] if isinstance(code, str)]
        return [_OWN.sub("", code) for code in found if not code.lstrip().startswith("%%")]


def _files(words: list[str]) -> list[str]:
    """The words that are neither options nor their values."""
    return [
        w
        for k, w in enumerate(words)
        if not w.startswith("--") and not (k and words[k - 1] in ("--forward", "--format"))
    ]


def _option(words: list[str], name: str) -> str | None:
    if name not in words:
        return None
    place = words.index(name) + 1
    if place >= len(words):
        raise Usage(f"{name} needs a value", hint=f"%derive check {name} FILE")
    return words[place]


def _python(cell: str) -> bool:
    """Whether a cell is Python that sets something."""
    import ast

    try:
        return any(isinstance(n, (ast.Assign, ast.AugAssign, ast.FunctionDef)) for n in ast.parse(cell).body)
    except (SyntaxError, ValueError):
        return False


def notebook(cells: list[tuple[str, str]]) -> str:
    """Cells (kind, source) as the text of a notebook."""
    made = []
    for kind, source in cells:
        row = {"cell_type": kind, "metadata": {}, "source": source}
        made.append(row if kind == "markdown" else {**row, "execution_count": None, "outputs": []})
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 4})


def _sources(text: str) -> dict[int | None, str]:
    cells = json.loads(text).get("cells", [])
    return {k: "".join(c.get("source", "")) for k, c in enumerate(cells, 1)}


# ---------------------------------------------------------------- what is shown


@dataclass(frozen=True)
class Verdicts:
    """The verdicts on a notebook or a cell: plain text, and a table with formulas in a front end that shows HTML."""

    checked: Checked
    sources: dict[int | None, str]

    def __repr__(self) -> str:
        from derive.checker.report import render

        return render([self.checked]).rstrip()

    def __iter__(self):
        return iter(self.checked.verdicts)

    def _repr_html_(self) -> str:
        from derive.checker.report import LOUD, coverage, headline

        rows = "".join(self._row(v) for v in self.checked.verdicts if v.verdict in LOUD)
        table = f'<table style="text-align:left">{rows}</table>' if rows else ""
        head, tail = html.escape(headline([self.checked])), html.escape(coverage(self.checked))
        return f"<div><b>{head}</b>{table}<small>{tail}</small></div>"

    def _row(self, v: Verdict) -> str:
        place = f"cell {v.place.cell}, " if v.place.cell else ""
        colour = COLOURS.get(v.verdict, "#57606a")
        said = html.escape(v.said or "")
        more = f"<br>counter-example: <code>{html.escape(v.counterexample)}</code>" if v.counterexample else ""
        if v.correction:
            more += f"<br>correct: {self._shown(v, v.correction)}"
        head = f'<td>{place}line {v.place.line}</td><td style="color:{colour}"><b>{v.verdict}</b> {v.code or ""}</td>'
        return f'<tr>{head}<td style="text-align:left">{self._shown(v, v.text)}<br>{said}{more}</td></tr>'

    def _shown(self, v: Verdict, text: str) -> str:
        """A formula typeset, code as code."""
        line = self._line(v)
        if "\\" in text or "$" in line or re.search(r"[_^]", text) and "=" not in text:
            return f"$\\displaystyle {html.escape(' '.join(text.split()))}$"
        return f"<code>{html.escape(text)}</code>"

    def _line(self, v: Verdict) -> str:
        rows = self.sources.get(v.place.cell, "").splitlines()
        return rows[v.place.line - 1] if 0 < v.place.line <= len(rows) else ""
