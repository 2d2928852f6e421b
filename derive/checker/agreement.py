"""Formula against code in one document: where the two speak of the same gradient, which of them is right.

A wrong formula whose gradient some code computes rightly says so, and the reverse; where both are wrong, their values
are compared with each other, so that one mistake made twice is told from two mistakes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from derive.checker.blocks import Judged
from derive.checker.cut import fits
from derive.checker.deciding import Decider
from derive.checker.formulas import BROKEN, FormulaChecker, Link
from derive.checker.judged import Finding
from derive.checker.verdicts import Checker
from derive.claim import Verdict
from derive.expr import Entry, Expr
from derive.index import Index
from derive.program import Program
from derive.readers import latex_tree as t

RIGHT, WRONG = ("right", "right-if"), ("wrong", "carried")


@dataclass(frozen=True)
class Written:
    """A verdict on the gradient by an array; `value`: what a formula makes of it, if it is a formula."""

    verdict: Verdict
    array: str
    of_loss: bool = True
    chain: tuple[Link, ...] = ()
    member: int = 0
    finding: Finding | None = None
    checker: Checker | None = None

    @property
    def line(self) -> str:
        cell = f"cell {self.verdict.place.cell}, " if self.verdict.place.cell else ""
        return f"{cell}line {self.verdict.place.line}"


def agreed(formulas: FormulaChecker, verdicts: list[Verdict], code: Judged) -> list[Verdict]:
    """All verdicts on a document; those on the same gradient know of each other."""
    written, coded = list(_formulas(formulas, verdicts)), list(_codes(code))
    notes: dict[int, str] = {}
    for one in written:
        others = [c for c in coded if c.array == one.array]
        if one.verdict.verdict in WRONG and (told := _of_code(formulas, one, others)):
            notes[id(one.verdict)] = told
    for one in coded:
        others = [w for w in written if w.array == one.array and w.of_loss]
        if one.verdict.verdict in WRONG and (told := _of_formula(formulas, one, others)):
            notes[id(one.verdict)] = told
    every = [*verdicts, *code.verdicts]
    return [replace(v, note=notes[id(v)]) if id(v) in notes else v for v in every]


def _nearest(one: Written, others: list[Written]) -> Written:
    place = one.verdict.place
    return min(others, key=lambda o: (o.verdict.place.cell != place.cell, abs(o.verdict.place.line - place.line)))


def _of_code(formulas: FormulaChecker, one: Written, others: list[Written]) -> str | None:
    if right := [o for o in others if o.verdict.verdict in RIGHT]:
        return f"your code on {_nearest(one, right).line} is right"
    return _both(formulas, one, [o for o in others if o.verdict.verdict in WRONG], "code")


def _of_formula(formulas: FormulaChecker, one: Written, others: list[Written]) -> str | None:
    wrong = [o for o in others if o.verdict.verdict in WRONG]
    if wrong:
        return _both(formulas, one, wrong, "formula")
    right = [o for o in others if o.verdict.verdict in RIGHT]
    return f"your formula on {_nearest(one, right).line} is right" if right else None


def _both(formulas: FormulaChecker, one: Written, others: list[Written], what: str) -> str | None:
    """Both are wrong: in the same way, or not."""
    if not others:
        return None
    for other in others:
        formula, code = (one, other) if what == "code" else (other, one)
        if one.of_loss and other.of_loss and _same_value(formulas, formula, code):
            return f"your {what} on {other.line} is wrong in the same way"
    return f"your {what} on {_nearest(one, others).line} is wrong too"


# ---------------------------------------------------------------- what is written of which gradient


def _formulas(formulas: FormulaChecker, verdicts: list[Verdict]) -> Iterator[Written]:
    """The claims whose chain begins with a derivative by an array."""
    for v in verdicts:
        found = formulas.spoken.get(id(v))
        if found is None:
            continue
        chain, n = found
        left = chain[formulas.base(chain, n)].member.node
        left = left.inner if isinstance(left, t.Paren) else left
        array = _by(formulas, left)
        if array is not None:
            yield Written(v, array, _of_loss(formulas, left), tuple(chain), n)


def _by(formulas: FormulaChecker, left: t.Node | None) -> str | None:
    """The array that a derivative is taken by."""
    notes = formulas.paper.notes
    by = left.wrt[0] if isinstance(left, t.Derivative) and len(left.wrt) == 1 else None
    by = left.of if isinstance(left, t.Differential) else by
    by = by.inner if isinstance(by, t.Paren) else by
    return notes.resolve(notes.spell(by)[0])[0] if isinstance(by, t.Symbol) else None


def _of_loss(formulas: FormulaChecker, left: t.Node) -> bool:
    notes = formulas.paper.notes
    if isinstance(left, t.Differential):
        return True
    body = left.body.symbol if isinstance(left.body, t.Apply) else left.body
    return isinstance(body, t.Symbol) and notes.resolve(notes.spell(body)[0])[0] == notes.loss


def _codes(code: Judged) -> Iterator[Written]:
    arrays = code.home.arrays if code.home is not None else {}
    for checker, moved in code.checkers:
        for finding, v in checker.shown:
            if finding.meant and id(v) in moved:
                name = finding.meant.split("@")[0]
                yield Written(moved[id(v)], arrays.get(name, name), finding=finding, checker=checker)


# ---------------------------------------------------------------- one mistake made twice


def _same_value(formulas: FormulaChecker, formula: Written, code: Written) -> bool:
    """Whether a formula and an array of the code are equal entry by entry."""
    try:
        sides = _sides(formulas, formula, code)
        return sides is not None and Decider(sides[0]).equal(*sides[1:]).equal is True
    except BROKEN:
        return False


def _sides(formulas: FormulaChecker, formula: Written, code: Written) -> tuple[Program, Expr, Expr] | None:
    """The document's program with the code's arrays in it, the formula, and the code's entry at the formula's places."""
    paper, court, finding = formulas.paper, code.checker.court, code.finding
    one = formula.chain[formula.member].statement
    elaborator = paper.elaborator(one)
    left = formulas.value(elaborator, formula.chain[formulas.base(list(formula.chain), formula.member)].member)
    right = formulas.value(elaborator, formula.chain[formula.member].member)
    places = left.open or _places(formula, elaborator)
    if places is None or fits(court.shape(finding.claim.array), finding.shape) == "other":
        return None
    names = {i: n for i, n in zip(_wide(finding.indices), places, strict=True)}
    names |= {i: 0 for i in finding.indices if i not in names}
    own = {e.name for e in paper.program.equations} | {v.name for v in paper.program.inputs}
    more = [e for e in court.program.equations if e.name not in own]
    variables = [v for v in court.program.inputs if v.name not in own]
    program = paper.program.with_equations([], variables).with_equations(more)
    written = court.written(finding.claim.array, finding.indices)
    slots = tuple(names.get(s, s) if isinstance(s, Index) else s for s in written.slots)
    right_expr = right.expr
    if right.open and left.open:
        from derive import expr as x

        right_expr = x.substitute(right.expr, dict(zip(right.open, left.open, strict=True)))
    return program, right_expr, Entry(written.name, slots)


def _wide(indices: tuple[Index, ...]) -> list[Index]:
    return [i for i in indices if i.size.number != 1]


def _places(formula: Written, elaborator) -> tuple[Index, ...] | None:
    """The indices that the left side's array carries."""
    left = formula.chain[0].member.node
    subs = left.subs if isinstance(left, t.Paren) else ()
    inner = left.inner if isinstance(left, t.Paren) else left
    by = inner.wrt[0] if isinstance(inner, t.Derivative) else getattr(inner, "of", None)
    places = subs or (elaborator.notes.spell(by)[1] if isinstance(by, t.Symbol) else ())
    if not all(isinstance(p, t.Symbol) and not p.subs for p in places):
        return None
    return tuple(elaborator.letter(p.name) for p in places)
