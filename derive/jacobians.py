"""Jacobians and Hessians: the derivative of every entry of one array by every entry of another.

A Jacobian is the gradient for an upstream gradient that is δ: one entry of the output.  A Hessian is the Jacobian of
a gradient, since differentiation returns a Program again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from derive import expr as x
from derive.closing import close
from derive.derivation import Derivation, Rewriter, Step
from derive.engine import Gradients, differentiate
from derive.errors import UnknownName, Usage
from derive.expr import Entry, Expr
from derive.index import Index, Size
from derive.judging import judge_alone
from derive.notation import text
from derive.program import Equation, Program, gradient_name
from derive.rule import RULES, Context

FUEL = 200


@dataclass(frozen=True)
class Jacobian:
    """∂of/∂wrt over the indices of both, those of the output first."""

    of: str
    wrt: str
    derivation: Derivation
    program: Program

    @property
    def expr(self) -> Expr:
        return self.derivation.result

    @property
    def indices(self) -> tuple[Index, ...]:
        return self.derivation.indices

    @property
    def steps(self) -> tuple[Step, ...]:
        return self.derivation.steps

    @property
    def shape(self) -> tuple[Size, ...]:
        return tuple(i.size for i in self.indices)

    @property
    def certainty(self) -> str:
        return self.derivation.certainty

    def __str__(self) -> str:
        return text(self.expr)

    __repr__ = __str__


def jacobian_of(program: Program, of: str, wrt: str, seed: int = 0) -> Jacobian:
    """∂of/∂wrt, judged.  Raises UnknownName where `of` does not depend on `wrt`."""
    found = close(differentiate(replace(program, outputs=(of,)), (wrt,), (of,)))
    if wrt not in found.derivations:
        raise UnknownName(f"`{of}` does not depend on `{wrt}`")
    place = () if found.loss else tuple(i.fresh() for i in program.equation(of).indices)
    d = found.closed.get(wrt, found.derivations[wrt]) if found.loss else found.derivations[wrt]
    own = dict(zip(d.indices, _apart(d.indices, {i.name for i in place}), strict=True))
    line = x.substitute(_written_out(d.result, found), own)
    target = Entry(f"∂{of}/∂{wrt}", (*place, *own.values()))
    work = Rewriter(target, Context(program, target.name))
    work.start("chain rule", _at_entry(line, gradient_name(of), place), instance=f"upstream gradient δ for {of}")
    simplify(work)
    derivation = Derivation(wrt, target, target.slots, tuple(work.steps), kind="identity")
    return Jacobian(of, wrt, judge_alone(derivation, program, seed=seed), program)


def hessian_of(program: Program, of: str, wrt: str, seed: int = 0) -> Jacobian:
    """∂²of/∂wrt², judged: the Jacobian of the gradient.  Raises Usage when `of` is not a scalar."""
    if program.shape(of) != ():
        raise Usage(f"`{of}` is not a scalar", "a Hessian is the second derivative of a scalar", "sum it first")
    found = close(differentiate(program, (wrt,), (of,)))
    if wrt not in found.derivations:
        raise UnknownName(f"`{of}` does not depend on `{wrt}`")
    d = found.closed.get(wrt) or found.derivations[wrt]
    name = f"∂∂{wrt}"  # neither taken nor a name that others are called by
    gradient = Equation(name, d.indices, _written_out(d.result, found))
    return jacobian_of(program.with_equations([gradient]), name, wrt, seed)


def second_name(name: str) -> str:
    """What a gradient array is called in a program that is differentiated again: ∂x is x.grad."""
    return name.lstrip("∂") + ".grad" * name.count("∂")


def differentiable(program: Program) -> Program:
    """The program with its gradient arrays under names that further gradients do not take."""
    held = [name for name in program.by_name if name.startswith("∂")]
    if not held:
        return program
    names = {name: second_name(name) for name in held}

    def renamed(e: Expr) -> Expr:
        return x.replace_entries(e, lambda t: Entry(names[t.name], t.slots) if t.name in names else None)

    equations = (replace(e, name=names.get(e.name, e.name), rhs=renamed(e.rhs)) for e in program.equations)
    inputs = (replace(v, name=names.get(v.name, v.name)) for v in program.inputs)
    outputs = tuple(names.get(n, n) for n in program.outputs)
    return replace(program, equations=tuple(equations), inputs=tuple(inputs), outputs=outputs)


def _apart(indices: Iterable[Index], taken: set[str]) -> list[Index]:
    """Fresh indices in letters that are not taken, the old ones first."""
    made = []
    for i in indices:
        choices = [i.name, *"ijklmpqrab", *(f"{i.name}{n}" for n in range(2, 99))]
        letter = next(c for c in choices if c not in taken)
        taken.add(letter)
        made.append(i.fresh(letter))
    return made


def _written_out(e: Expr, gradients: Gradients) -> Expr:
    """The gradients between put in, until only the upstream gradient is left."""

    def change(t: Entry) -> Expr | None:
        equation = gradients.program.equation(t.name)
        if t.name in gradients.forward or equation is None:
            return None
        return x.replace_entries(equation.instance(t.slots), change)

    return x.replace_entries(e, change)


def _at_entry(e: Expr, upstream: str, place: tuple[Index, ...]) -> Expr:
    """The upstream gradient replaced by the δ that picks one entry of the output."""

    def change(t: Entry) -> Expr | None:
        if t.name != upstream:
            return None
        return x.mul(*(x.delta(s, i) for s, i in zip(t.slots, place, strict=True)))

    return x.replace_entries(e, change) if place else e


def simplify(work: Rewriter) -> None:
    """Carry out, contract, call by name and factor, as `differentiate` does."""
    base = RULES.phase("calculus", "deltas", "tidy", "fold", "facts")
    for phases in (base, (*base, *RULES.phase("reciprocal", "cancel by definition")), RULES.phase("factor"), base):
        work.run(phases, FUEL)
