"""SymPy in and out, and SymPy as the authority of the op table: `slopes_by_sympy`.

`to_sympy` and `from_sympy` turn expressions of the engine into SymPy's and back (sympy_out, sympy_in say how);
`program_from_sympy` reads named SymPy expressions as a forward pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction

import sympy
from sympy import Indexed, Piecewise, S, Symbol

from derive import expr as x
from derive.errors import BadFact, NotDifferentiable, Unsupported, Usage
from derive.expr import Expr
from derive.index import Index
from derive.ops import OPS, Op
from derive.program import Equation, Fact, Program, Variable, parse_fact
from derive.sympy_in import Ranges, Reading, array_name, entries, from_sympy, is_letter
from derive.sympy_out import sympy_function, to_sympy

__all__ = ["from_sympy", "program_from_sympy", "slopes_by_sympy", "to_sympy"]


# ---------------------------------------------------------------- slopes


def slopes_by_sympy(op: Op) -> tuple[Expr, ...]:
    """The derivative of an op by each argument: `sympy.diff` of its meaning, in the shortest form that is found.

    Tried in this order: a number, an op of the table, a + b·y + c·y² in the op's own value y, what SymPy makes of it.
    Each is proved equal by SymPy before it is used.
    """
    args = {name: Symbol(name, real=True) for name in op.args.split()}
    known = sympy_function(op)
    y = known(*args.values()) if known is not None else to_sympy(op.meaning_expr, args)
    slopes = (_diff(y, u).replace(sympy.DiracDelta, lambda *_: S.Zero) for u in args.values())
    return tuple(_tidied(slope, y, tuple(args.values()), op) for slope in slopes)


def _diff(y: sympy.Expr, u: Symbol) -> sympy.Expr:
    slope = sympy.diff(y, u)
    if slope.has(sympy.Derivative, sympy.Subs):
        raise NotDifferentiable(f"SymPy does not know the slope of {y}", hint="give the row its slope")
    return slope


def _tidied(slope: sympy.Expr, y: sympy.Expr, args: tuple[Symbol, ...], op: Op) -> Expr:
    forms = {slope, *(f(slope) for f in (sympy.simplify, sympy.factor, sympy.cancel) if not slope.has(Piecewise))}
    short = min(forms, key=lambda form: (form.count_ops(), str(form)))
    if short.is_number or slope.has(Piecewise):
        return from_sympy(sympy.piecewise_fold(short))
    for made, e in _guesses(slope, y, args, op):
        if sympy.simplify((made - slope).rewrite(sympy.exp)) == 0:
            return e
    return from_sympy(short)


def _guesses(slope: sympy.Expr, y: sympy.Expr, args: tuple[Symbol, ...], op: Op):
    """Short forms whose values agree with the slope, as (SymPy, ours)."""
    points = [dict(zip(args, map(sympy.Rational, p), strict=False)) for p in (("2/3", "5/7"), ("-4/5", "3/8"), ("7/6", "1/9"))]
    wanted = [sympy.N(slope.subs(p), 30) for p in points]
    ours = tuple(x.Entry(u.name, ()) for u in args)
    for row in OPS:
        if row.arity == len(args) and row.name != op.name and not row.kink:
            made = to_sympy(x.Call(row.name, ours), {u.name: u for u in args})
            if all(_near(made.subs(p), w) for p, w in zip(points, wanted, strict=True)):
                yield made, x.Call(row.name, ours)
    own = [sympy.N(y.subs(p), 30) for p in points]
    if all(v.is_real for v in (*own, *wanted)):
        yield from _quadratics(own, wanted, y)


def _near(a: sympy.Expr, b: sympy.Expr) -> bool:
    return bool(abs(sympy.N(a - b, 30)) < 1e-20)


def _quadratics(own: list, wanted: list, y: sympy.Expr):
    """a + b·y + c·y² through three points, when its coefficients are small rationals."""
    rows = sympy.Matrix([[1, v, v**2] for v in own])
    if abs(rows.det()) < 1e-20:
        return
    found = [Fraction(str(c)).limit_denominator(12) for c in rows.solve(sympy.Matrix(wanted))]
    a, b, c = (sympy.Rational(*f.as_integer_ratio()) for f in found)
    value = x.Entry("y", ())
    ours = value * (1 - value) if found == [0, 1, -1] else x.add(
        x.Num(found[0]), x.mul(x.Num(found[1]), value), x.mul(x.Num(found[2]), value**2))  # fmt: skip
    yield a + b * y + c * y**2, ours
