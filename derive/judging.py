"""Every step before its judges: floats, exact residues, and the prover; and every gradient against the true one.

A step is *proved* when the normal form of its difference is zero for all sizes, *tested* when it is exactly equal at
the judges' sizes, else *open*.  A step that a judge refutes is an error of ours and stops the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from derive.closing import closed_program, window_program
from derive.derivation import Derivation, Step
from derive.engine import Gradients
from derive.errors import Refuted
from derive.expr import Expr
from derive.judges.bench import Bench, Judgement, judge_gradients
from derive.judges.normal import prove_equal
from derive.notation import text
from derive.program import Program
from derive.rule import RULES

THEOREM = "theorem"
BY_CONSTRUCTION = ("chain rule", "sum over paths", "definition", "no path")


def judge(gradients: Gradients, seed: int = 0) -> Gradients:
    """The same gradients, every step marked with how it is known.

    Raises Refuted, naming the rule and a replay, when a judge finds a step or a gradient wrong.
    """
    undecided = _judge_totals(gradients, seed)
    bench = Bench(gradients.program, seed, extra=_formulas(gradients))
    let = partial(_judge_derivation, bench=bench, program=gradients.program)
    programs = {"closed": closed_program(gradients), "window": window_program(gradients)}

    def closed(d: Derivation) -> Derivation:
        by_theorem = any(s.rule == THEOREM for s in d.steps)  # proved from the let-forms
        return let(d) if by_theorem else _judge_derivation(d, bench=bench, program=programs[d.kind])

    return replace(
        gradients,
        derivations={name: let(d, whole=name not in undecided) for name, d in gradients.derivations.items()},
        closed={name: closed(d) for name, d in gradients.closed.items()},
        carried={name: closed(d) for name, d in gradients.carried.items()},
    )


def _formulas(gradients: Gradients) -> list[Expr]:
    found = [*gradients.derivations.values(), *gradients.carried.values(), *gradients.closed.values()]
    return [s.line for d in found for s in d.steps]


def judge_alone(found: Derivation, program: Program, start: Expr | None = None, seed: int = 0) -> Derivation:
    """A derivation judged by itself; `start` is the formula that its first line must equal."""
    bench = Bench(program, seed, extra=[s.line for s in found.steps])
    return _judge_derivation(found, bench=bench, program=program, start=start)


def _judge_derivation(
    found: Derivation, *, bench: Bench, program: Program, start: Expr | None = None, whole: bool = True
) -> Derivation:
    """`whole`: the gradient was compared with the true one, which is what a step by construction rests on."""
    steps: list[Step] = []
    before = start if start is not None else found.target
    for number, step in enumerate(found.steps):
        given = number == 0 and start is None and found.kind != "gradient"
        steps.append(replace(step, certainty="proved", sure=True) if given else _judged(before, step, bench, program, found, whole))
        before = step.line
    return found.judged(steps)


def _judged(before: Expr, step: Step, bench: Bench, program: Program, found: Derivation, whole: bool) -> Step:
    verdict = bench.same(before, step.line)
    by_law = whole and step.rule in BY_CONSTRUCTION and found.kind == "gradient"
    proved = by_law or prove_equal(before, step.line, program, step.uses) is True
    if verdict.equal and not proved:
        verdict = bench.elsewhere(before, step.line) or verdict
        proved = verdict.equal and _by_definitions(before, step, program)
    if verdict.equal is None and bench.loses(before, step.line):  # an entry beyond its array, a division by zero
        raise Refuted(_refutation(before, step, found, verdict, bench))
    if verdict.equal is False and (proved or verdict.how == "value" or _confirmed(verdict)):
        raise Refuted(_refutation(before, step, found, verdict, bench))
    if proved:
        return replace(step, certainty="proved", sure=True)
    tested = verdict.equal is True and verdict.how == "exact"
    return replace(step, certainty="tested" if tested else "open", sure=tested)


FURTHER = 600  # expressions that a proof by further definitions may expand


def _by_definitions(before: Expr, step: Step, program: Program) -> bool:
    """A proof that also writes out what both lines mention: two arrays may be one by their definitions."""
    names = frozenset(n for n in before.names | step.line.names if program.equation(n) is not None)
    return not names <= {*step.uses} and prove_equal(before, step.line, program, {*step.uses, *names}, FURTHER) is True


def _confirmed(verdict: Judgement) -> bool:
    """Whether a difference of residues is also one of floats; residues alone are only a suspicion."""
    return verdict.where is not None and abs(verdict.where.left - verdict.where.right) > 1e-6


def _refutation(before: Expr, step: Step, found: Derivation, verdict: Judgement, bench: Bench) -> str:
    rule = RULES.rows.get(step.rule)
    code = getattr(rule and rule.apply, "__code__", None)
    place = f" ({code.co_filename}:{code.co_firstlineno})" if code else ""
    return "\n".join(
        [
            f"the rule `{step.rule}`{place} was refuted in the derivation of {text(found.target)}",
            f"  before  {text(before)}",
            f"  after   {text(step.line)}",
            f"  {verdict.how}: {verdict.where or verdict.detail}",
            f"  sizes   {dict(bench.sizes)}, seed {bench.seed}",
        ]
    )


def _judge_totals(gradients: Gradients, seed: int) -> set[str]:
    """Every gradient against the true one, by dual numbers through the forward pass; returns those left open."""
    names = {name: d.target.name for name, d in gradients.derivations.items()}
    verdicts: Mapping[str, Judgement] = judge_gradients(gradients.program, names, gradients.upstream, seed, gradients.of)
    for name, verdict in verdicts.items():
        if verdict.equal is False:
            raise Refuted(f"the gradient of `{name}` is not the true one: {verdict.how}, {verdict.where or verdict.detail}")
    return {name for name, verdict in verdicts.items() if verdict.equal is None}


__all__ = ["Gradients", "judge", "judge_alone"]
