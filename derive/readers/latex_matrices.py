"""Inverses and determinants on paper: arrays of their own, which a law defines, and slopes through them.

`A^{-1}` becomes an array `A^-1` with the implicit equation Σ_k A[i,k]·A^-1[k,j] = [i=j]; a matrix that is a formula gets
a name first.  Where a formula is differentiated by what A rests on, these arrays add their terms:

    ∂A^-1[i,j] = −Σ_cd A^-1[i,c]·∂A[c,d]·A^-1[d,j]          ∂det A = det A · Σ_cd A^-1[d,c]·∂A[c,d]

(The Matrix Cookbook, equations 40 and 46.)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache

from derive import expr as x
from derive.expr import Entry, Expr
from derive.index import Index, Size
from derive.judges.normal import Prover, TooLarge
from derive.program import Equation, Program
from derive.routes import unfold

_LENGTHS = re.compile(r":[^\]]*")  # of binders: they may still be unknown when a matrix is first met
MARKS = {"inverse": "^-1", "det": "^det"}


@cache
def _place(k: int, n: Size) -> Index:
    """The same index for the same place and length, so that equal matrices get equal names."""
    return Index("ijklmnpq"[k % 8], n)


def matrix(e: Expr, row: Index, column: Index, implied: dict[str, Equation]) -> tuple[Entry, bool]:
    """The matrix as an entry of a named array, and whether its rows and columns are exchanged there."""
    if isinstance(e, Entry) and len(e.slots) > 1 and {e.slots[-2], e.slots[-1]} == {row, column}:
        if not {row, column} & set().union(*map(x.free_indices, e.slots[:-2]), frozenset()):
            return Entry(e.name, (*e.slots[:-2], row, column)), e.slots[-1] is row
    others = sorted(e.free - {row, column}, key=lambda i: i.number)
    places = [_place(k, i.size) for k, i in enumerate((*others, row, column))]
    rhs = x.substitute(e, dict(zip((*others, row, column), places, strict=True)))
    name = f"({_LENGTHS.sub('', str(rhs))})"
    implied.setdefault(name, Equation(name, tuple(places), rhs))
    return Entry(name, (*others, row, column)), False


def operated(op: str, e: Expr, row: Index, column: Index, implied: dict[str, Equation]) -> Expr:
    """The inverse of a matrix (over the same two indices) or its determinant, as an entry of an implied array."""
    a, turned = matrix(e, row, column, implied)
    lead = a.slots[:-2]
    name = f"{a.name}{MARKS[op]}"
    if name not in implied:
        places = [Index("abcdefg"[k % 7], x.slot_size(s) or Size.of(1)) for k, s in enumerate(a.slots)]
        rhs = x.Call(op, (Entry(a.name, tuple(places)),))
        own = places if op == "inverse" else places[:-2]
        law = _law(name, a.name, places) if op == "inverse" else None
        implied[name] = Equation(name, tuple(own), rhs, kind="implicit", law=law)
    if op == "det":
        return Entry(name, lead)
    return Entry(name, (*lead, column, row) if turned else (*lead, row, column))


def _law(name: str, a: str, places: list[Index]) -> Expr:
    *lead, i, j = places
    k = i.fresh()
    product = Entry(a, (*lead, i, k)) * Entry(name, (*lead, k, j))
    return x.reduce_("sum", k, product) - x.delta(i, j)


def with_implied(program: Program, implied: dict[str, Equation]) -> Program:
    """The program with the arrays that notations such as A^{-1} brought in."""
    new = [e for e in implied.values() if e.name not in program]
    return replace(program, equations=(*program.equations, *new)) if new else program


def slope(e: Expr, wrt: Entry, program: Program) -> Expr:
    """∂e/∂wrt, definitions written out, inverses and determinants by their laws."""
    moving = _dependents(program, wrt.name) - {wrt.name}
    return _slope(e, wrt, program, moving)


def _slope(e: Expr, wrt: Entry, program: Program, moving: frozenset[str]) -> Expr:
    explicit = {n for n in moving if (q := program.equation(n)) is not None and q.kind == "explicit"}
    e = unfold(e, program, explicit)
    parts = [x.D(e, wrt)] if wrt.name in e.names else []
    for name in sorted(n for n in e.names & moving if n not in explicit):
        equation = program.equation(name)
        own = tuple(i.fresh() for i in equation.indices)
        if isinstance(e, Entry):
            parts.append(_by_law(equation, e.slots, wrt, program, moving))
        else:
            inner = _by_law(equation, own, wrt, program, moving)
            parts.append(x.total(x.D(e, Entry(name, own)) * inner, *own))
    return contracted(x.add(*parts)) if moving - explicit else x.add(*parts)


def _by_law(equation: Equation, slots: Iterable, wrt: Entry, program: Program, moving: frozenset[str]) -> Expr:
    """The slope of an entry of an inverse, or of a determinant."""
    call, slots = equation.rhs, tuple(slots)
    a = call.args[0]
    c, d = (s.fresh() for s in a.slots[-2:])
    lead = slots[:-2] if call.op == "inverse" else slots
    inner = _slope(Entry(a.name, (*lead, c, d)), wrt, program, moving)
    if call.op == "inverse":
        i, j = slots[-2:]
        own = equation.name
        return x.negate(x.total(Entry(own, (*lead, i, c)) * inner * Entry(own, (*lead, d, j)), c, d))
    inverse = a.name + MARKS["inverse"]
    return Entry(equation.name, lead) * x.total(Entry(inverse, (*lead, d, c)) * inner, c, d)


def contracted(e: Expr) -> Expr:
    """The formula with derivatives carried out and deltas contracted, where that stays small."""
    prover = Prover(Program((), (), ()))
    try:
        return prover.back(prover.expand(e))
    except (TooLarge, RecursionError):
        return e


def carried_out(e: Expr) -> Expr:
    """The formula with its derivatives carried out and nothing else changed."""
    prover = Prover(Program((), (), ()))
    return x.rewrite(e, lambda u: prover.derivative(u.body, u.wrt) if isinstance(u, x.D) else None)


def _dependents(program: Program, name: str) -> frozenset[str]:
    found = {name}
    while True:
        more = {e.name for e in program.equations if e.name not in found and e.rhs.names & found}
        if not more:
            return frozenset(found)
        found |= more


def differential(e: Expr, varied: Iterable[str], program: Program, axes: Callable[[str], tuple[Size, ...]]) -> Expr:
    """d e: the sum over the varied arrays of slope times increment `d~X`."""
    parts = []
    for name in sorted(varied):
        places = tuple(Index("abcdefg"[k % 7], n) for k, n in enumerate(axes(name)))
        own = slope(e, Entry(name, places), program)
        parts.append(x.total(own * Entry(f"d~{name}", places), *places))
    return contracted(x.add(*parts))
