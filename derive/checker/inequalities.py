"""Inequalities: right where the sign of the difference is proved, wrong where balls show that it is another one.

An inequality between a bare input and a number sets a condition and claims nothing.
"""

from __future__ import annotations

from derive import expr as x
from derive.checker.deciding import Answer, restricted, told
from derive.checker.signs import Signs
from derive.claim import Verdict
from derive.errors import Problem
from derive.expr import Entry, Expr
from derive.judges.balls import violation
from derive.judges.evaluate import Undecided
from derive.readers.latex_matrices import with_implied

TURNED = {"<": (">", True), ">": ("<", True), r"\le": (r"\ge", False), r"\ge": (r"\le", False)}


def judged(checker, one, chain, n) -> Verdict:
    """The verdict on member n, which stands behind `<`, `>`, `≤` or `≥`."""
    from derive.checker.formulas import _said, aligned

    member = chain[n].member
    elaborator = checker.paper.elaborator(one)
    left, right = (checker.value(elaborator, chain[m].member) for m in (n - 1, n))
    cond, trouble = checker.condition(one, elaborator)
    pair = None if trouble else aligned(left, right, elaborator)
    if pair is None:
        reason = trouble or "the two sides have different shapes"
        return checker.verdict(one, member.span, "unknown", reason=reason, code="U301")
    if any(_is_given(checker, e) for e in pair) and any(isinstance(e, x.Num) for e in pair):
        return checker.verdict(one, member.span, "no-claim", reason="a condition on what is given", code="N102")
    words = _said(elaborator, {})
    answer = decided(checker, *pair, member.relation, cond)
    truth = {"holds": answer.equal} if n == 1 else {"follows": answer.equal}
    if answer.equal and not words:
        return checker.verdict(one, member.span, "right", certainty=answer.certainty, **truth)
    if answer.equal:
        return checker.verdict(
            one, member.span, "right-if", certainty=answer.certainty, reason="; ".join(words), code="W101", **truth
        )
    if answer.equal is False and not words:
        return checker.verdict(
            one,
            member.span,
            "wrong",
            kind="wrong",
            code="E300",
            reason="the inequality does not hold",
            counterexample=answer.counterexample,
            correction=_turned(checker, one, pair, member),
            **truth,
        )
    return checker.verdict(one, member.span, "unknown", reason=answer.reason or "not decided", code="U301")


def _is_given(checker, e: Expr) -> bool:
    return isinstance(e, Entry) and checker.paper.program.equation(e.name) is None


def decided(checker, left: Expr, right: Expr, relation: str, cond: x.Cond | None) -> Answer:
    """Whether left and right stand in a relation for all data."""
    strict = TURNED[relation][1]
    low, high = (left, right) if relation in ("<", r"\le") else (right, left)
    if cond is not None:
        return Answer(None, reason="an inequality in one case is not decided")
    program = restricted(with_implied(checker.paper.program, checker.paper.notes.implied), (low, high))
    trouble = checker.decider._trouble(program, low, high)
    if trouble is not None:
        return Answer(None, reason=trouble)
    try:
        found = violation(program, low, high, strict)
        if found is not None and not any(a.startswith("?") for a in found.sizes):
            return Answer(False, counterexample=told(found))
        same = checker.decider.equal(low, high)
        if same.equal and same.certainty == "proved" and not same.condition:
            return Answer(not strict, "proved", counterexample="both sides are equal everywhere" if strict else "")
        sign = 0 if found is not None else Signs(program).at_least_zero(high - low)
    except (Undecided, Problem, RecursionError, ZeroDivisionError, OverflowError) as problem:
        return Answer(None, reason=f"not decided: {problem}")
    if sign >= (2 if strict else 1):
        return Answer(True, "proved")
    return Answer(None, reason="no proof and no counter-example was found for the inequality")


def _turned(checker, one, pair: tuple[Expr, Expr], member) -> str | None:
    """The line with the relation turned around, where that is right."""
    other = TURNED[member.relation][0]
    text = one.block.source.text[member.span[0] : member.span[1]]
    return f"{other} {' '.join(text.split())}" if decided(checker, *pair, other, None).equal else None
