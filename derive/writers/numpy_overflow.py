"""Which arrays of a forward pass may overflow: what the docstring of a generated module warns of."""

from __future__ import annotations

from derive import expr as x
from derive.program import Equation, Program


def may_overflow(e: Equation, program: Program) -> bool:
    """Whether exp is taken of something that nothing bounds from above."""
    for t in x.walk(e.rhs):
        if isinstance(t, x.Call) and t.op in ("exp", "sinh", "cosh", "expm1") and not _bounded(t.args[0], program):
            return True
    return False


def _bounded(u: x.Expr, program: Program) -> bool:
    """u − max u, −u² and names of such."""
    if isinstance(u, x.Entry):
        made = program.equation(u.name)
        return made is not None and _bounded(made.rhs, program)
    if isinstance(u, x.Add):
        lowered = [x.negate(t) for t in u.terms if isinstance(t, x.Mul) and t.factors[0] == x.MINUS_ONE]
        return any(_largest(t, program) for t in lowered)
    if isinstance(u, x.Mul) and isinstance(u.factors[0], x.Num) and u.factors[0].value < 0:
        rest = u.factors[1:]
        return all(isinstance(f, x.Pow) and f.exponent in (x.num(2), x.num(-2)) or isinstance(f, x.Num) for f in rest)
    return isinstance(u, x.Num)


def _largest(u: x.Expr, program: Program) -> bool:
    if isinstance(u, x.Entry):
        made = program.equation(u.name)
        return made is not None and _largest(made.rhs, program)
    return isinstance(u, x.Reduce) and u.op == "max"


__all__ = ["may_overflow"]
