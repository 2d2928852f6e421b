"""The backward code in a document: its listings, read one after another as a notebook runs, and their verdicts.

A listing that is no Python as it stands (a paste that lost its indentation, a line cut off) is read as far as it goes;
what was not read is said with its line, and a guess about indentation makes every verdict that rests on it `right-if`.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field, replace

from derive.checker.code import judged_code
from derive.checker.namespace import Home, home_of
from derive.checker.verdicts import Checker
from derive.claim import Place, Verdict
from derive.program import Program
from derive.readers.documents import Block
from derive.readers.latex import Paper

GRADIENT = re.compile(r"^\s*(d[A-Za-z_]\w*|\w+_grad|grad_\w+|grads\[[^\]]*\])(\[[^\]]*\])?\s*([-+*/]?=)(?!=)", re.M)
_PYTHON = ("", "python", "py", "python3", "pycon", "ipython", "ipython3", "pytorch", "numpy", "{python}", "torch")
ASK = "give it: --forward FILE, or `check: forward FILE` in the document"


@dataclass
class Listing:
    """A code block as Python: `code` has as many lines as the block; `shifts`: what indentation was added by line."""

    block: Block
    code: str
    indent: int = 0
    shifts: dict[int, int] = field(default_factory=dict)
    guess: str = ""
    unread: tuple[int, int, str] | None = None

    @property
    def has_function(self) -> bool:
        return bool(re.search(r"^\s*(def|class) ", self.code, re.M))


@dataclass
class Judged:
    """The verdicts on a document's code; by array: the complete gradients, and what judged them."""

    verdicts: list[Verdict] = field(default_factory=list)
    home: Home | None = None
    checkers: list[tuple[Checker, dict[int, Verdict]]] = field(default_factory=list)


def judged_blocks(paper: Paper, path: str, forward: Program | None) -> Judged:
    """The backward code of a document, judged against the forward pass that it shows or was given."""
    listings = [listing(b) for b in paper.document.blocks if backward(b)]
    if not listings:
        return Judged()
    flat = [one.code for one in listings]
    home = home_of(paper, forward, flat, path)
    found = Judged(home=home)
    if home is None:
        found.verdicts = [unjudged(one.block) for one in listings]
        return found
    scripts = [one for one in listings if not one.has_function and one.block is not home.block]
    _script(found, scripts, path)
    for one in listings:
        if one.has_function or one.block is home.block:
            _alone(found, one, path)
    found.verdicts += [_unread(one) for one in listings if one.unread is not None]
    return found


def backward(block: Block) -> bool:
    """Whether a block is Python that sets gradients."""
    named = block.language.lower().split(":")[0] in _PYTHON
    return block.kind == "code" and named and bool(GRADIENT.search(block.text))


# ---------------------------------------------------------------- listings as Python


def listing(block: Block) -> Listing:
    """A block as Python, as far as it is."""
    code, indent = _flat(block.text)
    made = Listing(block, code, indent)
    trouble = _syntax(code)
    if trouble is not None and not _indented_again(made, trouble):
        rows = code.split("\n")
        end = next(
            (k for k in range(min(trouble.lineno or 1, len(rows)), 0, -1) if _syntax("\n".join(rows[:k])) is None), 0
        )
        made.unread = (end + 1, len(rows), f"this is not Python: {trouble.msg}")
        made.code = "\n".join(rows[:end] + [""] * (len(rows) - end))
    return made


def _syntax(code: str) -> SyntaxError | None:
    try:
        ast.parse(code)
    except SyntaxError as problem:
        return problem
    except (ValueError, RecursionError, MemoryError) as problem:
        made = SyntaxError(str(problem))
        made.lineno = 1
        return made
    return None


_LOOP = re.compile(r"^(for\s.+|if\s.+|else\s*):\s*(#.*)?$")


def _indented_again(made: Listing, trouble: SyntaxError) -> bool:
    """Loops whose bodies lost their indentation: all that follows to the end is taken for the body."""
    if "expected an indented block after 'for'" not in (trouble.msg or ""):
        return False
    rows = made.code.split("\n")
    start = next(
        (k for k, row in enumerate(rows) if row.startswith("for ") and _LOOP.match(row) and _bare(rows, k)), None
    )
    if start is None:
        return False
    depth, shifts = 0, {}
    for k in range(start, len(rows)):
        shifts[k + 1] = 4 * depth if rows[k].strip() else 0
        depth += bool(_LOOP.match(rows[k]))
    code = "\n".join(" " * shifts.get(k + 1, 0) + row for k, row in enumerate(rows))
    if _syntax(code) is not None:
        return False
    made.code, made.shifts = code, shifts
    made.guess = f"reads the lines after `{rows[start].strip()}` as its body (the indentation is lost)"
    return True


def _bare(rows: list[str], k: int) -> bool:
    """Whether what follows a loop's head is not indented."""
    after = next((row for row in rows[k + 1 :] if row.strip()), "")
    return bool(after) and not after[0].isspace()


_CALL = re.compile(r"^(\s+)[\w, ]+ = forward\(.*\)\s*$", re.M)


def _flat(code: str) -> tuple[str, int]:
    """A lone function that runs the forward pass first, as the script that it is, line by line; and its indentation."""
    code = re.sub(r"(?m)^(\s*)[%!].*$", r"\1", code)
    call = _CALL.search(code)
    if call is None or len(re.findall(r"^\s*def ", code, re.M)) != 1:
        return code, 0
    indent = len(call[1].lstrip("\n"))
    rows = []
    for row in code.split("\n"):
        gone = row.lstrip().startswith(("def ", "return")) or _CALL.match(row)
        rows.append("" if gone else row[indent:] if row[:indent].isspace() else row)
    return "\n".join(rows), indent


# ---------------------------------------------------------------- verdicts


def _script(found: Judged, listings: list[Listing], path: str) -> None:
    """All listings without functions as one script."""
    if not listings:
        return
    home = found.home
    rows = list(home.bound)
    begins = []
    for one in listings:
        begins.append(len(rows))
        rows += one.code.split("\n")
    breaks = tuple(b + 1 for b in begins[1:])
    options = {"forward": home.program, "assumed": home.assumed, "facts": home.facts}
    checked, checker = judged_code("\n".join(rows) + "\n", path, breaks=breaks, **options)
    if checker is None:
        found.verdicts += [unjudged(one.block, checked.verdicts[0].reason or "") for one in listings]
        return
    moved: dict[int, Verdict] = {}
    loose = _undefined(checker) if home.own else {}
    for v in checked.verdicts:
        k = max((k for k, b in enumerate(begins) if b < v.place.line), default=None)
        if k is not None:
            moved[id(v)] = _placed(loose.get(id(v), v), listings[k], begins[k], home)
    found.verdicts += moved.values()
    found.checkers.append((checker, {id(v): moved[id(v)] for v in checked.verdicts if id(v) in moved}))


def _undefined(checker: Checker) -> dict[int, Verdict]:
    """Wrong gradients that go through an array which the document does not define: nothing is disproved."""
    forward, found = checker.reading.forward, {}
    for f, v in checker.shown:
        if v.verdict not in ("wrong", "carried") or f.cut is None:
            continue
        through = {checker.claimed[n] for n in f.cut.inner if n in checker.claimed} - {f.meant}
        loose = sorted(n for n in through if forward.is_input(n) and n not in forward.depends([f.meant or n]))
        if loose and f.meant is not None:
            reason = f"nothing in this document says how `{loose[0]}` depends on `{f.meant}`; {ASK}"
            found[id(v)] = Verdict(v.place, v.text, "unknown", reason=reason, code="U301")
    return found


def _alone(found: Judged, one: Listing, path: str) -> None:
    """A listing with functions of its own."""
    home = found.home
    assumed = home.assumed if one.block is not home.block else ()
    forward = None if one.block is home.block else home.program
    checked, checker = judged_code(one.code, path, forward=forward, assumed=assumed, facts=home.facts)
    if len(checked.verdicts) == 1 and checked.verdicts[0].verdict == "unknown" and checker is None:
        found.verdicts.append(unjudged(one.block, checked.verdicts[0].reason or ""))
        return
    moved = {id(v): _placed(v, one, 0, home) for v in checked.verdicts}
    found.verdicts += moved.values()
    if checker is not None:
        found.checkers.append((checker, moved))


def _placed(v: Verdict, one: Listing, begin: int, home: Home) -> Verdict:
    """A verdict at its place in the document, with the readings that it rests on."""
    v = replace(v, reason=_relined(v.reason, one, begin))
    first, last = v.place.line - begin, v.place.end_line - begin
    line, column = one.block.source.place(one.block.start)
    start = v.place.column + one.indent - one.shifts.get(first, 0) + (column - 1 if first == 1 else 0)
    end = v.place.end_column + one.indent - one.shifts.get(last, 0) + (column - 1 if last == 1 else 0)
    place = Place(line + first - 1, max(1, start), line + last - 1, max(1, end), one.block.source.cell)
    names = set(re.findall(r"[A-Za-z_]\w*", v.text))
    said = [words for name, words in home.readings.items() if name in names]
    said += [one.guess] if any(one.shifts.get(k, 0) for k in range(first, last + 1)) else []
    if said and v.verdict == "right":
        reason = "; ".join([*said, *([v.reason] if v.reason else [])])
        return replace(v, place=place, verdict="right-if", reason=reason, code="W111" if not one.guess else "W101")
    if one.guess in said and v.verdict in ("wrong", "carried"):
        return replace(v, place=place, verdict="unknown", kind=None, correction=None, counterexample=None,
                       reason="; ".join([*said, v.reason or ""]), code="U301")  # fmt: skip
    if said and v.reason:
        return replace(v, place=place, reason=f"{v.reason}; {'; '.join(said)}")
    return replace(v, place=place)


def _relined(reason: str | None, one: Listing, begin: int) -> str | None:
    """The lines that a reason speaks of, counted in the document."""
    if reason is None:
        return None
    line, _ = one.block.source.place(one.block.start)
    return re.sub(r"\bline (\d+)\b", lambda m: f"line {int(m[1]) - begin + line - 1}", reason)


def unjudged(block: Block, reason: str = f"the forward pass of this code is not given; {ASK}") -> Verdict:
    """One verdict for a whole block that was not judged."""
    line, column = block.source.place(block.start + len(block.text) - len(block.text.lstrip()))
    end, _ = block.source.place(block.start + len(block.text.rstrip()))
    first = block.text.strip().splitlines()[0]
    place = Place(line, column, end, len(block.source.line(end)) + 1, block.source.cell)
    return Verdict(place, first, "unknown", reason=reason, code="U301")


def _unread(one: Listing) -> Verdict:
    first, last, why = one.unread
    line, _ = one.block.source.place(one.block.start)
    rows = one.block.text.split("\n")
    first = next((k for k in range(first, last + 1) if rows[k - 1].strip()), first)
    last = max((k for k in range(first, last + 1) if rows[k - 1].strip()), default=first)
    place = Place(line + first - 1, 1, line + last - 1, len(rows[last - 1]) + 1, one.block.source.cell)
    return Verdict(
        place, rows[first - 1].strip(), "unreadable", reason=f"{why}; from here to the end of the listing", code="E101"
    )


__all__ = ["Judged", "Listing", "judged_blocks", "listing", "unjudged"]
