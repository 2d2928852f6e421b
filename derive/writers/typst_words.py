"""Words, code and sequences in Typst's own spelling."""

from __future__ import annotations

import re
from collections.abc import Iterable

from derive.writers.templating import Ready
from derive.writers.text_folding import folded_code
from derive.writers.typst_formula import quote

SURE = 0.95  # of the room: what is estimated to be no wider needs not be measured
_LONG_WORD = re.compile(r"\S{22,}")


def sequence(items: Iterable[str]) -> Ready:
    """Things as an array."""
    return Ready("(" + "".join(f"{item}, " for item in items) + ")")


def prose(words: str) -> str:
    """A string whose long words may be broken."""
    return quote(_LONG_WORD.sub(lambda word: re.sub(r"(?<=[^\w\s])(?=.)|(?<=\w{18})", "\u200b", word[0]), words))


def fitted(line: str, wide: float, room: float) -> str:
    """A formula of about `wide` em: where that may be more than the room it is marked, and shrinks to fit there."""
    return line if wide <= SURE * room else f"(wide: {line})"


def listing(code: str, columns: int) -> Ready | None:
    """The code as one string, lines of more than `columns` letters folded; None where there is none."""
    if not code.strip():
        return None
    return Ready('"' + "\\n".join(quote(line)[1:-1] for line in folded_code(code, columns)) + '"')
