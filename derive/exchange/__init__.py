"""SymPy in and out, and SymPy as the authority of the op table: `slopes_by_sympy`.

`to_sympy` and `from_sympy` turn expressions of the engine into SymPy's and back (`out` and `into` say how);
`program_from_sympy` reads named SymPy expressions as a forward pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction

import sympy
from sympy import Indexed, Piecewise, S, Symbol

from derive import expr as x
from derive.errors import BadFact, NotDifferentiable, Usage
from derive.exchange.into import Ranges, Reading, array_name, entries, from_sympy, index_letters, is_letter, size_in
from derive.exchange.out import sympy_function, to_sympy
from derive.expr import Expr
from derive.index import Size
from derive.ops import OPS, Op
from derive.program import Equation, Fact, Program, Variable, parse_fact

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


_POINTS = (("2/3", "5/7"), ("-4/5", "3/8"), ("7/6", "1/9"))


def _guesses(slope: sympy.Expr, y: sympy.Expr, args: tuple[Symbol, ...], op: Op):
    """Short forms whose values agree with the slope, as (SymPy, ours)."""
    points = [dict(zip(args, map(sympy.Rational, p), strict=False)) for p in _POINTS]
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


# ---------------------------------------------------------------- a forward pass of SymPy expressions


def program_from_sympy(
    given: sympy.Expr | Mapping | Iterable,
    *,
    shapes: Mapping | None = None,
    facts: Iterable = (),
    outputs: Iterable[str] | None = None,
) -> Program:
    """The forward pass that SymPy expressions spell out.

    `given`: one expression; a dict from names (`"s"`, `s[i]`) to expressions, in the order of computation; or a list
    of `Eq(s[i], …)`.  Arrays that no name defines are inputs: of integers where they stand in an index position.
    `outputs` default to the names that no other uses.  `facts` are texts or SymPy's `Eq(Sum(y[j], …), 1)`.
    Raises Usage, Unsupported, ShapeUnknown, ShapeMismatch, BadFact.
    """
    pairs = _definitions(given)
    facts = tuple(facts)
    sides = [side for fact in facts if isinstance(fact, sympy.Eq) for side in fact.args]
    ranges = Ranges([e for left, e in pairs for e in (left, e) if isinstance(e, sympy.Basic)] + sides, shapes)
    _carry_definitions(pairs, ranges)
    equations = tuple(_equation(left, e, ranges) for left, e in pairs)
    used = frozenset().union(*(e.rhs.names for e in equations))
    ends = tuple(outputs or (e.name for e in equations if e.name not in used)) or (equations[-1].name,)
    defined = {e.name for e in equations}
    names = dict.fromkeys(array_name(u) for _, e in pairs for u in _arrays(e))
    program = Program(tuple(_input(n, pairs, ranges) for n in names if n not in defined), equations, ends)
    program = replace(program, parameters=tuple(v.name for v in program.inputs),
                      output_kind="bare" if len(ends) == 1 else "dict")  # fmt: skip
    return replace(program, facts=tuple(_fact(f, program, ranges) for f in facts))


def _definitions(given: sympy.Expr | Mapping | Iterable) -> list[tuple[sympy.Basic, sympy.Expr]]:
    """Pairs of a named entry and its expression; a lone expression gets a name that it does not use."""
    if isinstance(given, sympy.Expr):
        taken = {array_name(u) for u in _arrays(given)}
        name = next(n for n in ("L", "out", "result", *(f"out{k}" for k in range(len(taken)))) if n not in taken)
        given = {name: given}
    if not isinstance(given, (Mapping, Iterable, sympy.Eq)) or isinstance(given, str):
        raise Usage(f"not a forward pass: {given!r}", hint='derive.read({"s": softmax(x[i], (i, C)), …})')
    given = given.items() if isinstance(given, Mapping) else [given] if isinstance(given, sympy.Eq) else given
    pairs = [pair.args if isinstance(pair, sympy.Eq) else pair for pair in given]
    for pair in pairs:
        if not isinstance(pair, tuple) or len(pair) != 2 or not isinstance(pair[1], sympy.Expr):
            raise Usage(f"not a definition: {pair!r}", "a forward pass is a dict of names to SymPy expressions",
                        'derive.read({"s": softmax(x[i], (i, C)), …})')  # fmt: skip
    return [(_left(left, e), e) for left, e in pairs]


def _left(left: object, e: sympy.Expr) -> sympy.Basic:
    """The entry that a definition defines; a bare name takes the free letters in the order of their appearance."""
    if isinstance(left, Symbol | str):
        uses = [(t, inside) for u, inside in entries(e) for slot in u.indices for t in index_letters(slot)]
        free = tuple(dict.fromkeys(t for t, inside in uses if t not in inside))
        return sympy.IndexedBase(str(left))[free] if free else Symbol(str(left))
    if not isinstance(left, Indexed) or not all(isinstance(t, Symbol | sympy.Idx) for t in left.indices):
        raise Usage(f"not a name: {left}", "a definition names an array by letters", "{s[i]: …}")
    return left


def _arrays(e: sympy.Expr) -> list[sympy.Basic]:
    """The entries and scalars of an expression, in the order of their appearance."""
    inside = {part for u in e.atoms(Indexed) for part in sympy.preorder_traversal(u) if part is not u}
    labels = {u.base.label for u in e.atoms(Indexed)}
    bound = {getattr(t, "label", t) for s in e.atoms(sympy.Sum, sympy.Product) for t, *_ in s.limits}
    return [t for t in sympy.preorder_traversal(e)
            if isinstance(t, Indexed) or isinstance(t, Symbol) and not t.is_integer
            and t not in labels | bound and (t not in inside or not is_letter(t))]  # fmt: skip


def _carry_definitions(pairs: list, ranges: Ranges) -> None:
    for left, _ in pairs:
        for k, t in enumerate(getattr(left, "indices", ())):
            if getattr(t, "label", t) not in ranges.free:
                what = f"the range of {t} in {left} is unknown"
                raise Usage(what, "it occurs in no entry on the right", "leave it out, or give it a range: Idx")
            ranges.axes.setdefault((array_name(left), k), ranges.free[getattr(t, "label", t)])


def _equation(left: sympy.Basic, e: sympy.Expr, ranges: Ranges) -> Equation:
    reading = Reading(ranges)
    rhs = reading.value(e, {})
    indices = tuple(reading.letter(t, {})[0] for t in getattr(left, "indices", ()))
    if extra := rhs.free - set(indices):
        names = ", ".join(sorted(i.name for i in extra))
        raise Usage(f"{names} is free in the definition of {left}", "a definition has the letters of its name",
                    "bind the letter in a Sum, or index the name by it")  # fmt: skip
    return Equation(array_name(left), indices, rhs)


def _input(name: str, pairs: list, ranges: Ranges) -> Variable:
    uses = [u for _, e in pairs for u in _arrays(e) if array_name(u) == name]
    rank = len(getattr(uses[0], "indices", ()))
    shape = tuple(ranges.size(name, k) for k in range(rank))
    limit = _limit(name, pairs, ranges)
    whole = limit is not None or any(u.is_integer for u in uses)
    return Variable(name, shape, "int" if whole else "real", limit)


def _limit(name: str, pairs: list, ranges: Ranges) -> Size | None:
    """For an array of labels the length of the axis that it indexes or is compared with, else None."""
    for _, e in pairs:
        for u, _ in entries(e):
            for k, t in enumerate(u.indices):
                if any(array_name(v) == name for v in t.atoms(Indexed)):
                    return ranges.size(array_name(u), k)
        for delta, inside in _deltas(e, {}):
            sides = delta.args[:2]
            if any(isinstance(t, Indexed) and array_name(t) == name for t in sides):
                spans = [inside.get(t) or ranges.free.get(t) for t in sides]
                return next((size_in(s[1] - s[0] + 1) for s in spans if s), None)
    return None


def _deltas(e: sympy.Basic, scope: dict):
    if isinstance(e, sympy.Sum | sympy.Product):
        scope = scope | {letter: tuple(ends) for letter, *ends in e.limits}
    if isinstance(e, sympy.KroneckerDelta):
        yield e, scope
    for part in e.args:
        yield from _deltas(part, scope)


def _fact(fact: object, program: Program, ranges: Ranges) -> Fact:
    if isinstance(fact, str):
        return parse_fact(fact, program)
    if not isinstance(fact, sympy.Eq) or not isinstance(fact.lhs, sympy.Sum):
        raise BadFact(f"not a fact: {fact}", "a fact is a text or an equation for a sum", "Eq(Sum(y[j], …), 1)")
    reading = Reading(ranges)
    left, right = reading.value(fact.lhs, {}), reading.value(fact.rhs, {})
    arrays = sorted(left.names)
    return Fact("equation", arrays[0] if arrays else "", f"{left} = {right}", tuple(left.free), left, right)
