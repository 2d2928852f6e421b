"""Gradients set to zero as one linear system A u = b: least squares, ridge, weighted, with several right sides.

The coefficients are second derivatives; the system is linear where they do not depend on the unknowns, and it is proved
that the gradient is a multiple of A u − b for all sizes, so that its solution makes the gradient vanish.

An unknown may be a number, a vector, or a matrix that the same system determines column by column.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from derive import expr as x
from derive.closing import positive_first
from derive.derivation import Rewriter
from derive.engine import Gradients
from derive.errors import Usage
from derive.expr import Entry, Expr, Ind
from derive.index import Index, Size
from derive.jacobians import Jacobian, _written_out, hessian_of
from derive.judges.normal import prove_equal
from derive.matching import as_powers
from derive.program import Equation, Program
from derive.routes import unfold
from derive.rule import RULES, Context
from derive.rules.scalars import coefficient

FUEL = 120


@dataclass(frozen=True)
class Unknown:
    """An unknown array: the size of its rows and of its columns, None where it has none.

    `turned`: its columns number the unknowns of the system, and its rows the right sides.
    """

    name: str
    rows: Size | None
    columns: Size | None
    turned: bool = False


@dataclass(frozen=True)
class System:
    """Σ over unknowns v of A[u, v] v = b[u], for every unknown u; `program` holds A and b as equations by name.

    `certainty` tells how it is known that the gradient is a multiple of A u − b.
    """

    program: Program
    unknowns: tuple[Unknown, ...]
    matrices: Mapping[tuple[str, str], Equation]
    right: Mapping[str, Equation]
    hessians: Mapping[tuple[str, str], Jacobian]
    factor: Expr
    certainty: str


def linear_system(gradients: Gradients, names: Iterable[str]) -> System:
    """The linear system at whose solution the gradients at `names` vanish.

    Raises Usage where a gradient is not linear in them, saying why, or where the arrays have too many axes.
    """
    names = tuple(names)
    program = gradients.forward
    if not gradients.loss:
        raise Usage("only the gradient of a scalar is set to zero", hint="return the loss")
    found = {(u, v): hessian_of(program, gradients.of[0], u, v) for u in names for v in names}
    for (u, v), h in found.items():
        moving = sorted(program.reaches(h.expr.names) & set(names))
        if moving:
            raise Usage(f"the gradient is not linear in {', '.join(names)}",
                        f"∂²/∂{u}∂{v} depends on {', '.join(moving)}", "only linear systems are solved in closed form")  # fmt: skip
    for u in names:
        if all(found[u, v].expr.key == x.ZERO.key for v in names):
            raise Usage(f"the gradient at `{u}` does not depend on {', '.join(names)}",
                        "it vanishes everywhere or nowhere", "solve for what it depends on")  # fmt: skip
    unknowns, stripped = _columns(program, names, found)
    constants = {u: _constant(gradients, u, names) for u in names}
    factor = _common_factor([*(e for _, _, e in stripped.values()), *(e for _, e in constants.values())])
    shared = _inverse(factor)
    a, b = (_free_name(letters, names, program) for letters in (("A", "K", "coefficients"), ("b", "c", "constants")))
    many = len(names) > 1
    matrices = {(u, v): Equation(f"{a}_{u}{v}" if many else a, (*k, *m), _tidied(x.mul(shared, e), program))
                for (u, v), (k, m, e) in stripped.items()}  # fmt: skip
    right = {u: Equation(f"{b}_{u}" if many else b, k, _tidied(x.mul(x.MINUS_ONE, shared, e), program))
             for u, (k, e) in constants.items()}  # fmt: skip
    full = program.with_equations([*matrices.values(), *right.values()])
    made = System(full, unknowns, matrices, right, found, factor, "open")
    return replace(made, certainty="proved" if _is_gradient(gradients, made) else "open")


def _free_name(choices: tuple[str, ...], unknowns: tuple[str, ...], program: Program) -> str:
    """The first choice that no array or size of the program has, nor with the unknowns' names behind it."""
    taken = {n.split("_")[0] for n in program.by_name} | program.sizes | set(unknowns)
    return next((c for c in choices if c not in taken), f"{choices[-1]}_of_the_system")


def _tidied(e: Expr, program: Program) -> Expr:
    """A coefficient as people write it: constants before the sums, like powers together, no name left unused."""
    work = Rewriter(e, Context(program, ""))
    work.start("coefficient", e)
    work.run(RULES.phase("deltas", "facts", "tidy", "expand"), FUEL)
    work.run(RULES.phase("deltas", "facts", "tidy"), FUEL)
    line = positive_first(work.line)
    if isinstance(line, x.Add):  # XᵀX + λI, the diagonal last
        line = x.add(*sorted(line.terms, key=lambda t: any(isinstance(f, Ind) for f in _factors(t))))
    return line


# ---------------------------------------------------------------- rows and columns


Piece = tuple[tuple[Index, ...], tuple[Index, ...], Expr]


def _columns(program: Program, names: tuple[str, ...],
             found: Mapping[tuple[str, str], Jacobian]) -> tuple[tuple[Unknown, ...], dict]:  # fmt: skip
    """Which axis of each unknown numbers right sides of one system; the coefficients without it."""
    for axes in _choices(program, names):
        stripped = {}
        for (u, v), h in found.items():
            n = len(program.shape(u))
            piece = _stripped(h.expr, h.indices[:n], h.indices[n:], axes[u], axes[v])
            if piece is None:
                break
            stripped[u, v] = piece
        if len(stripped) == len(found):
            return tuple(_unknown(program, u, axes[u]) for u in names), stripped
    raise Usage(f"the gradients at {', '.join(names)} couple more than two axes", "a linear system is solved whose unknowns are "
                "numbers, vectors, or the columns of a matrix", "solve for one of them, or reshape it to a vector")  # fmt: skip


def _choices(program: Program, names: tuple[str, ...]) -> list[dict[str, int | None]]:
    """For each unknown the axis that may number the right sides: none at all, or the axes of one size."""
    shapes = {n: program.shape(n) for n in names}
    choices: list[dict[str, int | None]] = []
    for size in dict.fromkeys(n for s in shapes.values() for n in reversed(s)):
        places = {n: next((k for k in reversed(range(len(s))) if s[k] == size), None) for n, s in shapes.items()}
        if all(len(s) - (places[n] is not None) <= 1 for n, s in shapes.items()) and None not in places.values():
            choices.append(places)
    if all(len(s) <= 1 for s in shapes.values()):
        choices.append(dict.fromkeys(names))
    return choices


def _unknown(program: Program, name: str, column: int | None) -> Unknown:
    rows = [n for k, n in enumerate(program.shape(name)) if k != column]
    shape = program.shape(name)
    return Unknown(name, rows[0] if rows else None, None if column is None else shape[column], column == 0 and bool(rows))


def _stripped(e: Expr, left: tuple[Index, ...], right: tuple[Index, ...], a: int | None, b: int | None) -> Piece | None:
    """The coefficient without the δ of the two column axes; None where a term has none or speaks of them otherwise."""
    if a is None or b is None:
        return left, right, e
    i, j = left[a], right[b]
    delta, kept = x.delta(i, j).key, []
    for t in e.terms if isinstance(e, x.Add) else (e,):
        t = _multiplied_in(t, delta)
        factors = t.factors if isinstance(t, x.Mul) else (t,)
        rest = [f for f in factors if f.key != delta]
        if len(rest) != len(factors) - 1 or any({i, j} & f.free for f in rest):
            return (left, right, x.ZERO) if e.key == x.ZERO.key else None
        kept.append(x.mul(*rest))
    drop = {i, j}
    return tuple(k for k in left if k not in drop), tuple(k for k in right if k not in drop), x.add(*kept)


def _multiplied_in(t: Expr, delta: str) -> Expr:
    """A product whose bracket holds the δ in every term, with the δ in front of it."""
    if not isinstance(t, x.Mul):
        return t
    for place, f in enumerate(t.factors):
        if isinstance(f, x.Add) and all(any(g.key == delta for g in _factors(u)) for u in f.terms):
            inner = x.add(*(x.mul(*(g for g in _factors(u) if g.key != delta)) for u in f.terms))
            found = next(g for g in _factors(f.terms[0]) if g.key == delta)
            return x.mul(*t.factors[:place], found, inner, *t.factors[place + 1 :])
    return t


def _factors(t: Expr) -> tuple[Expr, ...]:
    return t.factors if isinstance(t, x.Mul) else (t,)


# ---------------------------------------------------------------- constants and factors


def _constant(gradients: Gradients, name: str, unknowns: tuple[str, ...]) -> tuple[tuple[Index, ...], Expr]:
    """The gradient at a name where all unknowns are zero."""
    d, e = _whole_gradient(gradients, name)
    moving = gradients.forward.depends(unknowns) - set(unknowns)
    at_zero = x.replace_entries(unfold(e, gradients.forward, moving), lambda t: x.ZERO if t.name in unknowns else None)
    return d, _tidied(at_zero, gradients.forward)


def _whole_gradient(gradients: Gradients, name: str) -> tuple[tuple[Index, ...], Expr]:
    found = gradients.closed.get(name) or gradients.derivations[name]
    return found.indices, _written_out(found.result, gradients)


def _common_factor(parts: list[Expr]) -> Expr:
    """The number and the sizes to divide by, so that no 2/n of a mean of squares is left in any term."""
    terms = [t for e in parts for t in (e.terms if isinstance(e, x.Add) else (e,)) if t.key != x.ZERO.key]
    if not terms:
        return x.ONE
    powers = [{b.key: (b, n) for b, n in as_powers(t) if isinstance(b, x.Whole)} for t in terms]
    sizes = {key: b for p in powers for key, (b, _) in p.items()}
    least = [(b, min(p.get(key, (b, Fraction(0)))[1] for p in powers)) for key, b in sizes.items()]
    numbers = [abs(coefficient(t)[0]) for t in terms]
    whole = all(Fraction(c / min(numbers)).denominator == 1 for c in numbers)
    return x.mul(x.Num(min(numbers) if whole else Fraction(1)), *(x.power(b, x.Num(n)) for b, n in least))


def _inverse(factor: Expr) -> Expr:
    return x.mul(*(x.power(f, x.MINUS_ONE) for f in _factors(factor)))


def _is_gradient(gradients: Gradients, s: System) -> bool:
    """Whether every gradient is `factor` times A u − b, for all sizes."""
    program = gradients.forward
    for u in s.unknowns:
        indices, e = _whole_gradient(gradients, u.name)
        column = _column_of(indices, u)
        rows = tuple(i for i in indices if i is not column)
        terms = [_applied(s, u, v, rows, column) for v in s.unknowns]
        b = s.right[u.name].instance(indices)
        line = x.mul(s.factor, x.add(*terms, x.negate(b)))
        if prove_equal(e, line, program, [q.name for q in program.equations]) is not True:
            return False
    return True


def _column_of(indices: tuple[Index, ...], u: Unknown) -> Index | None:
    if u.columns is None:
        return None
    return indices[0] if u.turned else indices[-1]


def _applied(s: System, u: Unknown, v: Unknown, rows: tuple[Index, ...], column: Index | None) -> Expr:
    """A[u, v] v as a sum over the rows of v."""
    equation = s.matrices[u.name, v.name]
    inner = tuple(Index("q", v.rows) for _ in range(1 if v.rows is not None else 0))
    columns = () if v.columns is None else (column,)
    slots = (*columns, *inner) if v.turned else (*inner, *columns)
    return x.total(x.mul(equation.instance((*rows, *inner)), Entry(v.name, slots)), *inner)


__all__ = ["System", "Unknown", "linear_system"]
