"""The program behind the closed code style: normalised exponentials and their logarithms in forms that can be shifted.

A softmax spread over several lines (exponentials, their sum, a reciprocal) becomes exp(u)/Σ exp(u) in one equation, and
the logarithm of it u − log Σ exp(u); the writers print both shifted by the maximum.  Gradients with a closed form have
it as their equation.  What nothing needs any more is left out by the writers.
"""

from __future__ import annotations

from dataclasses import replace

from derive import expr as x
from derive.derivation import Rewriter
from derive.engine import Gradients
from derive.expr import Entry, Expr
from derive.program import Program
from derive.routes import softmaxes
from derive.rule import RULES, Context
from derive.rules.recognise import with_known_functions

FUEL = 20


def closed_code(gradients: Gradients) -> Program:
    """Forward pass and gradients, closed and stable where a form is known, with the names of the original."""
    definitions = {s.equation.name: s.definition for s in softmaxes(gradients.forward)}
    closed = {d.target.name: d.result for d in gradients.closed.values()}
    equations = []
    for e in gradients.program.equations:
        rhs = definitions.get(e.name) or closed.get(e.name) or e.rhs
        rhs = _logarithms(x.refresh(rhs), gradients.program, definitions)
        equations.append(replace(e, rhs=with_known_functions(rhs)))
    return replace(gradients.program, equations=tuple(equations))


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
