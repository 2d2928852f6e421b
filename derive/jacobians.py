"""Jacobians and Hessians: the derivative of every entry of one array by every entry of another.

A Jacobian is the gradient for an upstream gradient that is δ: one entry of the output.  A Hessian is the Jacobian of
a gradient, since differentiation returns a Program again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from derive import expr as x
from derive.closing import close, closed_program
from derive.derivation import Derivation, Rewriter, Step
from derive.engine import Gradients, differentiate
from derive.errors import UnknownName, Usage
from derive.expr import Entry, Expr
from derive.index import Index, Size
from derive.judging import judge_alone
from derive.notation import text
from derive.program import Equation, Program, Variable, gradient_name
from derive.rule import RULES, Context

FUEL = 200


@dataclass(frozen=True)
class Jacobian:
    """∂of/∂wrt over the indices of both, those of the output first; with `wrt2` the second derivative by both.

    `facts`: the declared facts without which it would look different.
    """

    of: str
    wrt: str
    derivation: Derivation
    program: Program
    wrt2: str | None = None
    facts: tuple[str, ...] = ()

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
    work.start("one entry at a time", _at_entry(line, gradient_name(of), place), instance="the upstream gradient is a δ")
    simplify(work)
    derivation = Derivation(wrt, target, target.slots, tuple(work.steps), kind="identity")
    judged = judge_alone(derivation, program, seed=seed)
    used = _facts([*found.derivations.values(), *found.carried.values(), judged], program)
    return Jacobian(of, wrt, judged, program, facts=used)


def hessian_of(program: Program, of: str, wrt: str, wrt2: str | None = None, seed: int = 0) -> Jacobian:
    """∂²of/∂wrt ∂wrt2, judged: the Jacobian of the gradient at `wrt` by `wrt2`, by default `wrt` again.

    Its first indices are those of `wrt`.  Raises Usage when `of` is not a scalar.
    """
    found = _gradient(program, of, (wrt,))
    d = found.closed.get(wrt) or found.derivations[wrt]
    name = f"∂∂{wrt}"  # neither taken nor a name that others are called by
    gradient = Equation(name, d.indices, _written_out(d.result, found))
    with_gradient = program.with_equations([gradient])
    if (wrt2 or wrt) not in with_gradient.reaches([name]):
        made = _nothing(with_gradient, name, wrt2 or wrt)
    else:
        made = jacobian_of(with_gradient, name, wrt2 or wrt, seed)
    used = _facts([*found.derivations.values(), *found.carried.values(), made.derivation], program)
    return replace(made, of=of, wrt=wrt, wrt2=wrt2 or wrt, facts=used)


def _gradient(program: Program, of: str, wrt: tuple[str, ...]) -> Gradients:
    """The gradients of a scalar.  Raises Usage for anything else, UnknownName where it does not depend on `wrt`."""
    if program.shape(of) != ():
        raise Usage(f"`{of}` is not a scalar", "a Hessian is the second derivative of a scalar", "sum it first")
    found = close(differentiate(program, wrt, (of,)))
    for name in wrt:
        if name not in found.derivations:
            raise UnknownName(f"`{of}` does not depend on `{name}`")
    return found


def _nothing(program: Program, of: str, wrt: str) -> Jacobian:
    """The Jacobian of what does not depend on an array: zero."""
    place = tuple(i.fresh() for i in program.equation(of).indices)
    own = tuple(_apart([Index("i", n) for n in program.shape(wrt)], {i.name for i in place}))
    step = Step("no path", x.ZERO, instance=f"the gradient does not depend on {wrt}", certainty="proved", sure=True)
    target = Entry(f"∂{of}/∂{wrt}", (*place, *own))
    return Jacobian(of, wrt, Derivation(wrt, target, target.slots, (step,), kind="identity"), program)


def _facts(derivations: Iterable[Derivation], program: Program) -> tuple[str, ...]:
    """The declared facts that were put in on the way."""
    used = {u for d in derivations for s in d.steps for u in s.uses}
    return tuple(f.text for f in program.facts if f.text in used)


def hessian_product(program: Program, of: str, wrt: tuple[str, ...]) -> tuple[Program, dict[str, str]]:
    """A program for H v: forward pass, gradients, and Σ ∂wrt · v as its output, with the name of v for each array.

    The gradient of that sum by `wrt` is H v, since second derivatives commute.  Raises as `hessian_of` does.
    """
    found = _gradient(program, of, wrt)
    closed = {d.target.name: d.result for d in found.closed.values()}
    equations = tuple(replace(e, rhs=closed.get(e.name, e.rhs)) for e in found.program.equations)
    whole = differentiable(replace(found.program, equations=equations))
    directions = {name: _direction(name, len(wrt) == 1, whole) for name in wrt}
    terms = [_paired(second_name(gradient_name(name)), v, whole.shape(name)) for name, v in directions.items()]
    inputs = [Variable(v, whole.shape(name)) for name, v in directions.items()]
    total = Equation(f"{of}.slope", (), x.add(*terms))
    made = whole.with_equations([total], inputs)
    arguments = (*made.parameters, *directions.values()) if made.parameters else ()
    return replace(made, outputs=(total.name,), parameters=arguments, output_kind="bare"), directions


def _direction(name: str, only: bool, program: Program) -> str:
    plain = "v" if only else f"v_{name}"
    return plain if plain not in program and plain not in program.sizes else f"{name}_direction"


def _paired(a: str, b: str, shape: tuple[Size, ...]) -> Expr:
    indices = tuple(Index(letter, n) for letter, n in zip("ijklmnop", shape, strict=False))
    return x.total(x.mul(Entry(a, indices), Entry(b, indices)), *indices)


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

    program = closed_program(gradients)

    def change(t: Entry) -> Expr | None:
        equation = program.equation(t.name)
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
