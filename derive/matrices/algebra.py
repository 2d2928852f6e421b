"""Making matrix formulas: products, sums and transposes, tidied as they are put together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

from derive.index import Index
from derive.matrices.tree import (
    BY_ROW,
    ONE,
    Apply,
    Axis,
    Compare,
    Diag,
    Hadamard,
    Length,
    Matrix,
    Number,
    Ones,
    Over,
    Power,
    Product,
    Scaled,
    Sum,
    Turned,
    Unit,
    turns,
)  # fmt: skip


def ones(i: Index) -> Matrix:
    return Ones(rows=i)


def scaled(number: Fraction, over: Iterable[Matrix], under: Iterable[Matrix], body: Matrix | None = None) -> Matrix:
    """Scalars times a matrix, tidied: numbers multiplied, scalars of the parts gathered in front."""
    above, below = [], []
    for f, inverse in [*((f, False) for f in over), *((f, True) for f in under)]:
        n, up, down, rest = _split(f)
        number = number / n if inverse else number * n
        up = [*up, *([] if rest is None else [rest])]
        above += down if inverse else up
        below += up if inverse else down
    if body is not None:
        n, up, down, body = _split(body)
        number, above, below = number * n, [*above, *up], [*below, *down]
    if isinstance(body, Hadamard) and isinstance(body.over[0], Number):  # 1 ⊘ s with something before it
        if not above and not below:
            value = number * body.over[0].value
            body = replace(body, over=(Number(abs(value)),))
            return body if value > 0 else Scaled(Fraction(-1), (), (), body, rows=body.rows, cols=body.cols)
        number *= body.over[0].value
        body = replace(body, over=(stretched(ONE, body.rows, body.cols, numbers=False),))
    if body is None and len(above) == 1 and not below and number == 1:
        return above[0]
    for f in [f for f in above if isinstance(f, Length) and f in below]:  # n/n
        if f in below:
            above.remove(f)
            below.remove(f)
    if not above and not below and (number == 1 or body is None):
        return Number(number) if body is None else body
    axes = (None, None) if body is None else (body.rows, body.cols)
    return Scaled(number, tuple(above), tuple(below), body, rows=axes[0], cols=axes[1])


def _split(m: Matrix) -> tuple[Fraction, list[Matrix], list[Matrix], Matrix | None]:
    """Number, scalars above and below, and what is left."""
    match m:
        case Number(value):
            return value, [], [], None
        case Scaled(number, over, under, body):
            return number, list(over), list(under), body
    return Fraction(1), [], [], m


def product(*factors: Matrix) -> Matrix:
    """The matrix product, flattened; scalars in front, identities left out."""
    number, over, under, chain = Fraction(1), [], [], []
    for f in factors:
        n, up, down, rest = _split(f)
        number, over, under = number * n, [*over, *up], [*under, *down]
        if rest is not None and rest.scalar:
            over.append(rest)
        elif rest is not None:
            chain += rest.factors if isinstance(rest, Product) else [rest]
    if not chain:
        return scaled(number, over, under)
    kept = [f for f in chain if not isinstance(f, Unit)] or chain[:1]
    rows, cols = chain[0].rows, chain[-1].cols
    body = replace(kept[0], rows=rows, cols=cols) if len(kept) == 1 else Product(tuple(kept), rows=rows, cols=cols)
    return scaled(number, [*over, body], under) if body.scalar else scaled(number, over, under, body)


def hadamard(over: Iterable[Matrix], under: Iterable[Matrix] = ()) -> Matrix:
    """The product entry by entry of matrices with the same axes; of scalars their product."""
    number, above, below, tops, bottoms = Fraction(1), [], [], [], []
    axes = (None, None)
    for f, inverse in [*((f, False) for f in over), *((f, True) for f in under)]:
        axes = axes if f.scalar else (f.rows, f.cols)
        n, up, down, rest = _split(f)
        if rest is not None and rest.scalar:
            up, rest = [*up, rest], None
        number = number / n if inverse else number * n
        above += down if inverse else up
        below += up if inverse else down
        if isinstance(rest, Hadamard):
            tops += rest.under if inverse else rest.over
            bottoms += rest.over if inverse else rest.under
        elif rest is not None:
            (bottoms if inverse else tops).append(rest)
    for f in [f for f in bottoms if f in tops]:  # u ⊘ u: defined only where it is 1
        if f in tops and len(tops) + len(bottoms) > 2:
            tops.remove(f)
            bottoms.remove(f)
    tops = [t for t in tops if t != ONE]
    bottoms = [t for t in bottoms if t != ONE]
    if not tops and not bottoms:
        return scaled(number, above, below)
    if len(tops) == 1 and not bottoms:
        return scaled(number, above, below, tops[0])
    if not tops:
        tops, number = [Number(number)], Fraction(1)
    if axes == (None, None) or not bottoms and tops[0].scalar:
        return scaled(number, [*above, *tops], [*below, *bottoms])
    body = Hadamard(tuple(tops), tuple(bottoms), rows=axes[0], cols=axes[1])
    return scaled(number, above, below, body)


def total(terms: Iterable[Matrix], rows: Axis, cols: Axis) -> Matrix:
    """The sum of matrices that all have these axes; numbers among them stand for each entry."""
    flat = [t for term in terms for t in (term.terms if isinstance(term, Sum) else (term,))]
    return flat[0] if len(flat) == 1 else Sum(tuple(flat), rows=rows, cols=cols)


def stretched(m: Matrix, rows: Axis, cols: Axis, numbers: bool = True) -> Matrix:
    """The same value for all rows and columns that it does not mention, by 𝟏; `numbers` are left alone."""
    if isinstance(m, Number) and (rows or cols) and numbers:
        return m
    if rows is not None and m.rows is None:
        m = product(ones(rows), m) if m.cols is not None else scaled(Fraction(1), [m], [], ones(rows))
    if cols is not None and m.cols is None:
        m = product(m, turned(ones(cols))) if m.rows is not None else scaled(Fraction(1), [m], [], turned(ones(cols)))
    return m


# ---------------------------------------------------------------- transposing


def turned(m: Matrix) -> Matrix:
    """The transpose, taken inside products and wherever that saves a ᵀ."""
    if m.scalar:
        return m
    axes = {"rows": m.cols, "cols": m.rows}
    match m:
        case Turned(body):
            return body
        case Product(factors):
            return Product(tuple(turned(f) for f in reversed(factors)), **axes)
        case Scaled(number, over, under, body) if body is not None:
            return Scaled(number, over, under, turned(body), **axes)
        case Diag() | Unit():
            return replace(m, **axes)
        case Over(label, body):
            return Over(label, turned(body), **axes)
    outside = Turned(m, **axes)
    inside = _turned_inside(m, axes)
    return inside if inside is not None and turns(inside) < turns(outside) else outside


def _turned_inside(m: Matrix, axes: dict) -> Matrix | None:
    match m:
        case Hadamard(over, under):
            return Hadamard(tuple(map(turned, over)), tuple(map(turned, under)), **axes)
        case Sum(terms):
            return Sum(tuple(map(turned, terms)), **axes)
        case Apply(op, args) if op not in BY_ROW:
            return Apply(op, tuple(map(turned, args)), **axes)
        case Power(base, exponent):
            return Power(turned(base), exponent, **axes)
        case Compare(op, left, right):
            return Compare(op, turned(left), turned(right), **axes)
    return None


