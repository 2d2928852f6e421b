"""Corrections that the engine derives: a gradient as one step of the chain rule, or in closed form, in the author's names."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from derive import expr as x
from derive.errors import Problem
from derive.expr import Entry, Expr
from derive.index import Index
from derive.program import Equation, Program
from derive.readers.latex import Paper, in_order

OUR_LOSS = "loss~"


class Derived:
    """The gradients of a number of a document; an undefined loss is known by its linear part."""

    def __init__(self, paper: Paper, scalar: str):
        self.paper, self.scalar = paper, scalar

    def forms(self, wrt: Entry) -> list[Expr]:
        """What ∂L/∂wrt is: closed where the engine finds that, and from the gradients of what uses it."""
        found = []
        for derivation in (self._closed.get(wrt.name), self._steps.get(wrt.name)):
            if derivation is not None and len(derivation.indices) == len(wrt.slots):
                put = dict(zip(derivation.indices, wrt.slots, strict=True))
                if all(isinstance(s, Index) for s in wrt.slots):
                    found.append(x.substitute(derivation.result, put))
        return found

    @property
    def program(self) -> Program | None:
        """The program with gradients as arrays, in which the forms have a meaning."""
        return self._gradients.program if self._gradients is not None else None

    @cached_property
    def _gradients(self):
        from derive.engine import differentiate

        paper, program = self.paper, self.paper.program
        forward = [e for e in program.equations if e.name not in paper.backward]
        program = replace(program, equations=tuple(in_order(forward)))
        loss = self.scalar
        if program.equation(loss) is None:
            if paper.surrogate is None or loss != paper.notes.loss:
                return None
            loss, program = OUR_LOSS, program.with_equations([Equation(OUR_LOSS, (), paper.surrogate)])
        real = [v.name for v in program.inputs if v.sort == "real" and not v.name.startswith("U~")]
        try:
            return differentiate(replace(program, outputs=(loss,)), wrt=real, of=[loss])
        except (Problem, RecursionError, ValueError, LookupError, TypeError):
            return None

    @cached_property
    def _steps(self) -> dict:
        return dict(self._gradients.derivations) if self._gradients is not None else {}

    @cached_property
    def _closed(self) -> dict:
        from derive.closing import close

        if self._gradients is None:
            return {}
        try:
            return dict(close(self._gradients).closed)
        except (Problem, RecursionError, ValueError, LookupError, TypeError):
            return {}
