"""The program behind the closed code style: normalised exponentials and their logarithms in forms that can be shifted.

A softmax spread over several lines (exponentials, their sum, a reciprocal) becomes exp(u)/Σ exp(u) in one equation, and
the logarithm of it u − log Σ exp(u); the writers print both shifted by the maximum.  Gradients with a closed form have
it as their equation.  What nothing needs any more is left out by the writers.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

from derive import expr as x
from derive.derivation import Rewriter
from derive.engine import Gradients
from derive.expr import Entry, Expr
from derive.program import Program
from derive.recurrence import recurrences
from derive.routes import softmaxes
from derive.rule import RULES, Context
from derive.rules.recognise import with_known_functions

FUEL = 20


def closed_code(gradients: Gradients) -> Program:
    """Forward pass and gradients, closed and stable where a form is known, with the names of the original."""
    definitions = {s.equation.name: s.definition for s in softmaxes(gradients.forward)}
    closed = {d.target.name: d.result for d in gradients.closed.values()}
    calm = _Calm(gradients.program)
    equations = []
    for e in gradients.program.equations:
        rhs = definitions.get(e.name) or closed.get(e.name) or e.rhs
        rhs = calm.form(e.name, _logarithms(x.refresh(rhs), gradients.program, definitions))
        equations.append(replace(e, rhs=with_known_functions(rhs)))
    return replace(gradients.program, equations=tuple(equations))


@dataclass
class _Calm:
    """Exponentials that a known function takes up: log(1 + e) with e = exp(x) is softplus(x), which does not overflow.

    `wild` are the arrays that hold exponentials as they are, `sigmoids` those that came to be a sigmoid.
    """

    program: Program
    wild: set[str] = field(default_factory=set)
    sigmoids: set[str] = field(default_factory=set)

    @cached_property
    def rounds(self) -> frozenset[str]:
        """The arrays of a loop over time: written out, they would never end."""
        return frozenset(recurrences(self.program.equations))

    def form(self, name: str, rhs: Expr) -> Expr:
        """The formula of an array with the exponentials in it taken up where that takes up all of them."""
        rhs = self._visit(rhs)
        if name not in self.rounds and not any(isinstance(t, (x.Reduce, x.ArgBest)) for t in x.walk(rhs)):
            self.wild |= {name} if _has_exponential(rhs) or rhs.names & self.wild else set()
            self.sigmoids |= {name} if isinstance(rhs, x.Call) and rhs.op == "sigmoid" else set()
        return rhs

    def _visit(self, t: x.Term) -> x.Term:
        if isinstance(t, (x.Call, x.Pow, x.Mul)) and (found := self._taken_up(t)) is not None:
            return found
        old = x.parts(t)
        new = tuple(self._visit(p) if isinstance(p, x.Term) else p for p in old)
        return t if all(a is b for a, b in zip(old, new, strict=True)) else x.with_parts(t, new)

    def _taken_up(self, t: Expr) -> Expr | None:
        logarithm = isinstance(t, x.Call) and t.op == "log"
        names = self.wild | self.sigmoids if logarithm else self.wild
        if not (_has_exponential(t) or t.names & names) or isinstance(t, x.Call) and t.op == "exp":
            return None
        whole = with_known_functions(self._opened(t, names))
        whole = _log_of_sigmoid(whole) if logarithm else whole
        taken = whole is not None and any(isinstance(u, x.Call) for u in x.walk(whole)) and not _has_exponential(whole)
        return whole if taken else None

    def _opened(self, t: Expr, names: set[str]) -> Expr:
        def put(e: Entry) -> Expr | None:
            equation = self.program.equation(e.name) if e.name in names else None
            return None if equation is None else self._opened(equation.instance(e.slots), names)

        return x.replace_entries(t, put)


def _has_exponential(e: Expr) -> bool:
    return any(isinstance(t, x.Call) and t.op == "exp" for t in x.walk(e))


def _log_of_sigmoid(e: Expr) -> Expr | None:
    """log σ(u) by its own function, log(1 − σ(u)) = −softplus(u); what is no logarithm any more as it is."""
    if not (isinstance(e, x.Call) and e.op == "log"):
        return e
    inner = e.args[0]
    if isinstance(inner, x.Call) and inner.op == "sigmoid":
        return x.Call("logsigmoid", inner.args)
    rest = _tidied(x.add(x.ONE, x.negate(inner))) if isinstance(inner, x.Add) else None
    if isinstance(rest, x.Call) and rest.op == "sigmoid":
        return x.negate(x.Call("softplus", rest.args))
    return None


def _tidied(e: Expr) -> Expr:
    line = Rewriter(e, Context(Program((), (), ())))
    line.run(RULES.phase("expand", "tidy"), FUEL)
    return line.line


def _logarithms(e: Expr, program: Program, definitions: dict[str, Expr]) -> Expr:
    """Every logarithm of a softmax taken apart: u − log Σ exp(u)."""

    def change(t: x.Term) -> Expr | None:
        if not (isinstance(t, x.Call) and t.op == "log" and t.names & definitions.keys()):
            return None
        inner = x.replace_entries(t.args[0], lambda u: _instance(u, program, definitions))
        line = Rewriter(x.Call("log", (inner,)), Context(program))
        line.run(RULES.phase("logarithm"), FUEL)
        return line.line

    return x.rewrite(e, change)


def _instance(t: Entry, program: Program, definitions: dict[str, Expr]) -> Expr | None:
    if t.name not in definitions:
        return None
    indices = program.equation(t.name).indices
    return x.substitute(x.refresh(definitions[t.name]), dict(zip(indices, t.slots, strict=True)))
