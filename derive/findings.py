"""What a report shows beside the gradients: lemmas on the way, and what the author asked for in `# show:` lines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from derive import expr as x
from derive.derivation import Derivation
from derive.engine import Gradients
from derive.errors import Refuted, Usage
from derive.expr import D, Entry, Expr
from derive.index import Index
from derive.jacobians import Jacobian, hessian_of
from derive.judging import judge_alone
from derive.program import Equation, Program
from derive.route_table import first_array, routed
from derive.routes import Finding, chain, direct, requests, softmax_lemma, softmaxes, two_cases, unfold
from derive.solving import solve, vanishes
from derive.through_time import through_time

MOST_LEMMAS = 2


def findings(gradients: Gradients, seed: int = 0) -> list[Finding]:
    """Every finding of a forward pass, each derivation judged.

    Raises Usage for a `# show:` line that asks for something that does not exist, Refuted for an error of ours.
    """
    plain = [s for s in softmaxes(gradients.forward) if isinstance(s.argument, Entry)]
    found = [softmax_lemma(gradients.forward, s) for s in plain[:MOST_LEMMAS]]
    found += through_time(gradients)
    for what, names in requests(gradients.forward.source):
        found.append(REQUESTS[what](gradients, names) if what in REQUESTS else _route(gradients, what, names))
    return [_judged(f, seed) for f in found]


def _route(gradients: Gradients, route: str, names: tuple[str, ...]) -> Finding:
    """A route asked for in the source: `# show: log trick logits`."""
    return routed(gradients, route, names[0] if names else first_array(gradients, route)).finding


def _in_one_go(gradients: Gradients, names: tuple[str, ...]) -> Finding:
    name = names[0] if names else gradients.wrt[0]
    try:
        return _route(gradients, "in one go", (name,))
    except Usage:  # the route gives up where the derivation goes on without the comparison
        return direct(gradients.forward, gradients.of[0], name)


def _chain(gradients: Gradients, names: tuple[str, ...]) -> Finding:
    if len(names) < 2:
        raise Usage("a chain needs at least two names", hint="# show: chain L, yhat, z, W")
    return chain(gradients.forward, names)


def solution_finding(gradients: Gradients, names: tuple[str, ...], seed: int = 0) -> Finding:
    """The gradients at `names` set to zero and solved, each derivation judged."""
    return _judged(_solve(gradients, names), seed)


def _solve(gradients: Gradients, names: tuple[str, ...]) -> Finding:
    found = solve(gradients, names)
    if found.title == "Set to zero and solve" and not vanishes(gradients, found):
        raise Refuted(f"the solution for {', '.join(names)} does not make the gradient vanish")
    return found


def _two_cases(gradients: Gradients, names: tuple[str, ...]) -> Finding:
    """The gradient where its one delta holds and where it does not."""
    for name in names or tuple(reversed(gradients.derivations)):
        found = gradients.closed.get(name) or gradients.derivations.get(name)
        parts = two_cases(found.result) if found is not None else None
        if parts is not None:
            value = x.Cases((parts[0],), parts[1][1])
            return Finding(
                "Two cases",
                "The delta tells two cases apart: the entry that the label picks, and all others.",
                gradients.program,
                displays=((found.target, value),),
                about=(name,),
            )
    raise Usage("no gradient here has exactly one delta to tell two cases apart", hint="leave out `# show: two cases`")


def hessian_finding(found: Jacobian) -> Finding:
    """A second derivative as a finding: its lines, what it does not depend on, which facts were used."""
    program = found.program
    slots = {k: tuple(x.whole_slot(0) if i.size.number == 1 else i for i in part) for k, part in enumerate(_halves(found))}
    first, second = Entry(found.wrt, slots[0]), Entry(found.wrt2, slots[1])
    left = D(D(Entry(found.of, ()), first), second)
    needed = program.reaches(found.expr.names)
    free = [v.name for v in program.inputs if v.sort == "real" and v.name not in needed]
    said = f"It does not depend on {_and(free)}." if free else "The gradient is differentiated once more."
    said += f" The fact {_and(list(found.facts))} was used." if found.facts else ""
    square = Equation(f"∇²{found.of}", found.indices, found.expr) if len(found.indices) == 2 else None
    return Finding("The Hessian", said, program, (left,), (found.derivation,), about=(found.wrt,), square=square)


def _halves(found: Jacobian) -> tuple[tuple[Index, ...], tuple[Index, ...]]:
    """The indices of the first and of the second variable."""
    n = len(found.program.shape(found.wrt))
    return found.indices[:n], found.indices[n:]


def _and(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _hessian(gradients: Gradients, names: tuple[str, ...]) -> Finding:
    wrt = names[0] if names else gradients.wrt[0]
    return hessian_finding(hessian_of(gradients.forward, gradients.of[0], wrt, names[1] if len(names) > 1 else None))


REQUESTS: dict[str, Callable[[Gradients, tuple[str, ...]], Finding]] = {
    "in one go": _in_one_go, "two cases": _two_cases, "chain": _chain, "solve": _solve,
    "hessian": _hessian,
}  # fmt: skip


def _judged(found: Finding, seed: int) -> Finding:
    judged = tuple(_judged_derivation(d, found.program, seed) for d in found.derivations)
    return replace(found, derivations=judged)


def _judged_derivation(found: Derivation, program: Program, seed: int) -> Derivation:
    """Judged with what stands under a derivative written out, since ∂ log s/∂x means through the definition of s."""
    meant = [replace(s, line=_through_definitions(s.line, program)) for s in found.steps]
    verdicts = judge_alone(replace(found, steps=tuple(meant)), program, seed=seed).steps
    return found.judged([replace(s, certainty=v.certainty, sure=v.sure) for s, v in zip(found.steps, verdicts, strict=True)])


def _through_definitions(e: Expr, program: Program) -> Expr:
    def change(t: x.Term) -> Expr | None:
        if not isinstance(t, D):
            return None
        names = {n for n in t.body.names if program.equation(n) is not None and n != t.wrt.name}
        return D(unfold(t.body, program, names), t.wrt) if names and _only_defined(t, program) else None

    return x.rewrite(e, change)


def _only_defined(t: D, program: Program) -> bool:
    """Whether the derivative is of a name whose definition mentions the variable: total, not partial."""
    return isinstance(t.body, (Entry, x.Call)) and t.wrt.name not in t.body.names
