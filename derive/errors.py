"""What can go wrong with a user's input: one class per kind, each with place, reason and remedy.

A `Problem` says *what* happened, *why* it is a problem, and what to write instead (`hint`).  Its text form is
what the command line prints; nothing else escapes from bad input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Span:
    """A stretch of source text: 1-based line and column, end exclusive; `text` is the source line itself."""

    line: int
    column: int = 1
    end_line: int | None = None
    end_column: int | None = None
    text: str = ""
    path: str = ""


class Problem(Exception):
    """Input that cannot be used: what, why, and what to write instead, with its place in the source."""

    code = "E100"

    def __init__(self, what: str, why: str = "", hint: str = "", span: Span | None = None, path: str = ""):
        self.what, self.why, self.hint, self.span = what, why, hint, span
        self.path = path or (span.path if span else "")
        super().__init__(what)

    @property
    def line(self) -> int | None:
        """The 1-based line, None when the problem has no place in a text."""
        return self.span.line if self.span else None

    @property
    def column(self) -> int | None:
        """The 1-based column, None when the problem has no place in a text."""
        return self.span.column if self.span else None

    def at(self, span: Span | None, path: str = "") -> Problem:
        """The same problem, placed, unless it already has a place."""
        if self.span is None:
            self.span = span
        self.path = self.path or path or (span.path if span else "")
        return self

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.path, self.line, self.column) if part not in (None, ""))
        lines = [f"{place}: {self.code} {self.what}" if place else f"{self.code} {self.what}"]
        if self.span and self.span.text:
            lines += [f"   | {self.span.text}", f"   | {self._caret()}"]
        lines += [f"   = why   {self.why}"] if self.why else []
        lines += [f"   = try   {part}" for part in self.hint.splitlines()]
        return "\n".join(lines)

    def _caret(self) -> str:
        one_line = self.span.end_line in (None, self.span.line)
        end = self.span.end_column if one_line and self.span.end_column else self.span.column + 1
        pad = "".join("\t" if c == "\t" else " " for c in self.span.text[: self.span.column - 1])
        return pad + "^" * max(1, min(end, len(self.span.text) + 1) - self.span.column)


class Unreadable(Problem):
    """The file or text cannot be read at all: empty, binary, a syntax error."""

    code = "E101"


class Unsupported(Problem):
    """A construct that is understood but not supported; the hint names the nearest form that is."""

    code = "E102"


class UnknownName(Problem):
    """A name that nothing defines, or that is used before it is set."""

    code = "E103"


class ShapeMismatch(Problem):
    """Shapes that do not fit, or sizes and samples that contradict each other."""

    code = "E104"


class ShapeUnknown(Problem):
    """A shape that neither declaration nor use determines; the hint is the comment line to paste.

    `shapes`: what the hint says of every input; `guessed`: the inputs of which it is a guess.
    """

    code = "E105"
    shapes: Mapping[str, str] = MappingProxyType({})
    guessed: tuple[str, ...] = ()


class NotDifferentiable(Problem):
    """A derivative that was asked for and does not exist: of an integer array, without upstream gradient."""

    code = "E106"


class BadFact(Problem):
    """A fact that cannot be read, or facts that contradict each other."""

    code = "E107"


class BadNotation(Problem):
    """Text in the engine's own notation that does not parse."""

    code = "E108"


class Usage(Problem):
    """A command or call that asks for something that does not exist."""

    code = "E109"


class Refuted(Exception):
    """An internal error: a step or a row that its judge refuted.  Names rule, data and how to replay it."""
