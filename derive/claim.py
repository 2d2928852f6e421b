"""Claims and verdicts: what a checked document says, line by line, and what is true of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

Word = Literal["right", "right-if", "wrong", "carried", "unknown", "unreadable", "no-claim"]
WORDS: tuple[Word, ...] = ("right", "right-if", "wrong", "carried", "unknown", "unreadable", "no-claim")


@dataclass(frozen=True)
class Place:
    """Where a claim stands: 1-based line and column, end exclusive; in notebooks the cell (from 1) and the line in it."""

    line: int
    column: int
    end_line: int
    end_column: int
    cell: int | None = None


@dataclass(frozen=True)
class Verdict:
    """What is said of one claim.  `follows`: from the line before; `holds`: against the definitions; None: undecided.

    `kind` names the mistake (or `partial`, `shape`), `code` its entry in `derive explain`; absent values are None.
    `note`: what else the document says of the same gradient; in JSON it stands at the end of the reason.
    """

    place: Place
    text: str
    verdict: Word
    certainty: Literal["proved", "tested"] | None = None
    follows: bool | None = None
    holds: bool | None = None
    kind: str | None = None
    reason: str | None = None
    correction: str | None = None
    counterexample: str | None = None
    code: str | None = None
    note: str | None = None

    @property
    def said(self) -> str | None:
        """The reason with the note."""
        return "; ".join(part for part in (self.reason, self.note) if part) or None

    def json(self) -> dict:
        """The claim as CHECK's JSON object."""
        place = asdict(self.place)
        rest = {key: value for key, value in asdict(self).items() if key not in ("place", "note")} | {"reason": self.said}
        cell = place.pop("cell")
        return {"cell": cell, **place, **rest}


def combined(follows: bool | None, holds: bool | None) -> Word:
    """The verdict that two truths give: a valid step from a wrong premise is carried, one null leaves it to the other."""
    table: Mapping[tuple[bool | None, bool | None], Word] = {
        (True, True): "right", (False, False): "wrong", (True, False): "carried", (False, True): "wrong",
        (True, None): "right", (False, None): "wrong", (None, True): "right", (None, False): "wrong",
        (None, None): "unknown",
    }  # fmt: skip
    return table[(follows, holds)]


@dataclass(frozen=True)
class Checked:
    """One checked file: its verdicts in the order of the text."""

    path: str
    verdicts: tuple[Verdict, ...] = field(default=())

    @property
    def first_wrong(self) -> str | None:
        """`FILE:LINE` of the first wrong or carried claim."""
        for v in self.verdicts:
            if v.verdict in ("wrong", "carried"):
                cell = f"cell {v.place.cell}:" if v.place.cell else ""
                return f"{self.path}:{cell}{v.place.line}"
        return None

    def json(self) -> dict:
        """The file as CHECK's JSON object."""
        return {
            "path": self.path,
            "claims": [v.json() for v in self.verdicts],
            "first_wrong": self.first_wrong,
            "summary": summary(self.verdicts),
        }


def summary(verdicts: Iterable[Verdict]) -> dict[str, int]:
    """How many claims got each verdict."""
    found = list(verdicts)
    counts = {word: sum(1 for v in found if v.verdict == word) for word in WORDS}
    return {"claims": len(found), **counts}


def exit_code(files: Iterable[Checked], allow_unknown: bool = False) -> int:
    """0: all right; 1: something wrong; 3: nothing wrong, but something left open or nothing checked at all."""
    counts = summary(v for f in files for v in f.verdicts)
    if counts["wrong"] + counts["carried"]:
        return 1
    open_ones = counts["unknown"] + counts["unreadable"] + counts["right-if"]
    checked = counts["right"] + counts["right-if"]
    if not checked or (open_ones and not allow_unknown):
        return 3
    return 0
