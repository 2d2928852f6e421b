"""An author's checked derivation as data: every line in the author's notation, with its verdict beside it.

Formulas become layout trees (authored.py); what is not plain mathematics, and code, is shown word for word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath

from derive.claim import WORDS, Checked, Verdict, summary
from derive.errors import Problem
from derive.readers.documents import Block, Document, read_document
from derive.readers.latex_tokens import Macro
from derive.writers.authored import NotPlain, Piece, author_node, pieces_of
from derive.writers.document import Badge, HandLine, HandWork, Report
from derive.writers.layout import row
from derive.writers.marks import unmarked_whole

SAID = {"right": "", "right-if": "right if: ", "wrong": "", "carried": "carried over: ", "unknown": "not decided: ",
        "unreadable": "not read: ", "no-claim": ""}  # fmt: skip
WORST = ("wrong", "unreadable", "unknown", "carried", "right-if", "right", "no-claim", "")
LONGEST = 20  # rows of a claim of code
CONTEXT = ("define", "assum", "fact", "said")  # what a line without a claim is shown for


def handwork(checked: Checked, text: str, kind: str | None = None) -> HandWork:
    """A checked file as the report shows it.  `text` is the file; `kind`: md, tex, ipynb or code, else by the path."""
    document = _document(checked, text, kind)
    groups = [g for b in document.blocks if (g := _block(b, checked, document.macros))] if document else []
    rest = [v for v in checked.verdicts if v.verdict != "no-claim" and _is_code(v, document)]
    groups += [[_verbatim(v)] for v in rest]
    groups.sort(key=lambda g: _order(g[0].place))
    return HandWork(checked.path, said_summary(checked.verdicts), tuple(map(_numbered_once, _chained(groups))))


def said_summary(verdicts: Iterable[Verdict]) -> str:
    """`30 claims: 21 right, 2 wrong, 6 no claim`; what there is none of is left out."""
    counts = summary(verdicts)
    parts = [f"{counts[w]} {w.replace('no-claim', 'no claim').replace('-', ' ')}" for w in WORDS if counts[w]]
    return f"{counts['claims']} claim{'s' * (counts['claims'] != 1)}: {', '.join(parts)}" if parts else "no claims"


def badge_of(work: HandWork, counts: Mapping[str, int]) -> Badge:
    """`notes.md: 2 of 24 claims wrong`, or how many of its claims are right."""
    name, judged = PurePath(work.path).name or "your notes", counts["claims"] - counts["no-claim"]
    bad = counts["wrong"] + counts["carried"]
    if bad:
        return Badge(f"{name}: {bad} of {judged} wrong", "open")
    return Badge(f"{name}: {counts['right']} of {judged} right", "proved" if counts["right"] == judged else "tested")


def notes_report(works: Sequence[HandWork], badges: Sequence[Badge], subtitle: str) -> Report:
    """A report that holds checked files alone."""
    names = ", ".join(PurePath(w.path).name or "notes" for w in works)
    return Report(f"{names}, checked", subtitle, names, tuple(badges), "", None, "", (), (), (), None, "", (), (), None,
                  "", (), checked=tuple(works))  # fmt: skip


def _chained(groups: list[list[HandLine]]) -> list[list[HandLine]]:
    """Displays that go on with the chain of the one before, under one left side."""
    found: list[list[HandLine]] = []
    for g in groups:
        goes_on = g[0].lhs is None and g[0].relation is not None
        if found and goes_on and found[-1][-1].rhs is not None:
            found[-1] += g
        else:
            found.append(g)
    return found


def _numbered_once(group: list[HandLine]) -> tuple[HandLine, ...]:
    """The lines of a group, each number told once."""
    before = [None, *(line.place for line in group)]
    return tuple(replace(line, place="") if line.place == b else line for line, b in zip(group, before, strict=False))


def _document(checked: Checked, text: str, kind: str | None) -> Document | None:
    if kind == "code" or (kind is None and checked.path.endswith(".py")):
        return None
    try:
        return read_document(text, checked.path, kind)
    except Problem:
        return None


def _order(place: str) -> tuple[int, ...]:
    return tuple(int(n) for n in place.split("."))


def _place(line: int, cell: int | None) -> str:
    return f"{cell}.{line}" if cell else str(line)


# ---------------------------------------------------------------- formulas


def _block(block: Block, checked: Checked, macros: Mapping[str, Macro]) -> list[HandLine]:
    """The lines of a display or formula that has a claim or a definition in it."""
    if block.kind not in ("display", "inline"):
        return []
    spans = {v: span for v in checked.verdicts if (span := _inside(v, block)) is not None}
    shown = {v: s for v, s in spans.items() if v.verdict != "no-claim" or block.kind == "display"}
    if not any(v.verdict != "no-claim" or (v.reason or "").startswith(CONTEXT) for v in shown):
        return []
    try:
        shade = [s for v, s in shown.items() if v.verdict == "wrong"]
        lines = pieces_of(block.text, macros, block.start, shade, [begin for begin, _ in shown.values()])
    except NotPlain:
        return [_worded(_raw_lines(block, min(shown.values())[0]), list(shown), macros)]
    made, left = [], dict(shown)
    for pieces in lines:
        for line in _line(pieces, left, block, macros):
            goes_on = made and line.lhs is None and line.relation is None and not line.verdict
            if goes_on:  # the claim of the line before ends here, and so its correction stands here
                line, made[-1] = replace(line, correction=made[-1].correction), replace(made[-1], correction=None)
            made.append(line)
    return made


def _inside(v: Verdict, block: Block) -> tuple[int, int] | None:
    """The offsets of a verdict's place, if it lies in the block."""
    if v.place.cell != block.source.cell:
        return None
    starts = block.source.starts
    if not (0 < v.place.line <= len(starts) and 0 < v.place.end_line <= len(starts)):
        return None
    begin = starts[v.place.line - 1] + v.place.column - 1
    end = starts[v.place.end_line - 1] + v.place.end_column - 1
    return (begin, max(end, begin + 1)) if block.start <= begin < block.start + len(block.text) else None


def _line(pieces: Sequence[Piece], left: dict[Verdict, tuple[int, int]], block: Block, macros) -> list[HandLine]:
    """A line of the author as one printed line for each of its claims; `left`: the verdicts not yet shown."""
    found: list[HandLine] = []
    last = len(pieces) - 1
    for n, piece in enumerate(pieces):
        here = [v for v, (begin, _) in left.items() if begin < piece.span[1]]
        for v in here:
            del left[v]
        place = _place(block.source.place(piece.span[0])[0], block.source.cell)
        if piece.relation is None and n < last and not here:
            found.append(HandLine(place, "", lhs=piece.body))
            continue
        body = unmarked_whole(piece.body, ("redex",))
        if found and found[-1].rhs is None:
            line = replace(found.pop(), relation=piece.relation, rhs=body)
        elif piece.relation is None:
            line = HandLine(place, "", lhs=None, relation=None, rhs=body)
        else:
            line = HandLine(place, "", lhs=None, relation=piece.relation, rhs=body)
        found.append(_worded(line, here, macros))
    return found


def _raw_lines(block: Block, begin: int) -> HandLine:
    """A block word for word."""
    place = _place(block.source.place(begin)[0], block.source.cell)
    rows = [row.strip() for row in block.text.strip().splitlines() if row.strip()]
    return HandLine(place, "", source="\n".join(rows[:LONGEST]))


# ---------------------------------------------------------------- verdicts


def _worded(line: HandLine, verdicts: Sequence[Verdict], macros: Mapping[str, Macro]) -> HandLine:
    """The line with what its verdicts say; the worst of them gives the mark."""
    if not verdicts:
        return line
    word = min((v.verdict for v in verdicts), key=WORST.index)
    said = [s for v in verdicts if v.verdict != "no-claim" or word == "no-claim" if (s := _said(v))]
    told = next((v for v in verdicts if v.verdict == word and v.correction), None)
    aside = tuple(v.counterexample for v in verdicts if v.counterexample)
    correction = _set(told.correction, macros) if told else None
    if not isinstance(correction, str | None) and line.relation is not None:
        correction = row(line.relation, correction)
    return replace(line, verdict=word, words="; ".join(dict.fromkeys(said)), aside=aside, correction=correction)


def _said(v: Verdict) -> str:
    """What the margin says of a claim."""
    reason = (v.reason or "").removeprefix("right if ")
    if v.verdict == "wrong" and v.text and reason.endswith(": " + v.text):
        reason = reason.removesuffix(": " + v.text)  # the part is shaded
    if v.verdict == "right":
        return "; ".join(part for part in (v.certainty or "right", reason) if part)
    reason = reason[:1].lower() + reason[1:] if reason[1:2].islower() and SAID[v.verdict] else reason
    return SAID[v.verdict] + (reason or "") + (f" [{v.code}]" if v.code and v.verdict == "wrong" else "")


def _set(correction: str, macros: Mapping[str, Macro]):
    try:
        return author_node(correction, macros)
    except NotPlain:
        return correction


# ---------------------------------------------------------------- code


def _is_code(v: Verdict, document: Document | None) -> bool:
    """Whether a verdict is on code: everything in a code file, and what lies in a code block of a document."""
    if document is None:
        return True
    return any(b.kind == "code" and _inside(v, b) is not None for b in document.blocks)


def _verbatim(v: Verdict) -> HandLine:
    """A claim of code as its source lines."""
    rows = v.text.expandtabs(4).splitlines()
    rows = rows if len(rows) <= LONGEST else [*rows[: LONGEST - 1], "…"]
    line = HandLine(_place(v.place.line, v.place.cell), v.verdict, source="\n".join(rows))
    aside = (v.counterexample,) if v.counterexample else ()
    return replace(line, words=_said(v), aside=aside, correction=v.correction)


__all__ = ["badge_of", "handwork", "notes_report", "said_summary"]
