"""Matrix formulas: what `1/n Xᵀ(P − Y)` is before it is printed.

    Named X · Number 3/2 · Length n · Ones 𝟏 · Unit I · OneHot onehot(y)
    Turned Aᵀ · Product A B · Scaled (1/n) A · Hadamard A ⊙ B ⊘ C · Sum · Apply exp(A) · Power · Compare [A > 0]
    Diag diag(v) · Diagonal diag(A) · Trace tr(A) · Norm ‖A‖

Every formula knows the index that runs along its rows and the one along its columns; None is a length of one.  So a
column vector has rows alone, a row vector columns alone, a scalar neither, and no product can be formed the wrong way
round.  Two formulas are equal when they say the same, whatever their indices are called.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction

from derive.index import Index, Size

Axis = Index | None


class NoMatrix(Exception):
    """An expression has no matrix form; the message is the short reason for the reader."""


@dataclass(frozen=True)
class Matrix:
    """A formula with the indices of its rows and columns."""

    rows: Axis = field(default=None, compare=False, kw_only=True)
    cols: Axis = field(default=None, compare=False, kw_only=True)

    @property
    def scalar(self) -> bool:
        return self.rows is None and self.cols is None


@dataclass(frozen=True)
class Named(Matrix):
    """A named array; an array with one axis is a column.  `labels`: the leading axes that only number matrices."""

    name: str
    labels: tuple[Index, ...] = ()


@dataclass(frozen=True)
class Number(Matrix):
    """An exact number; beside a matrix in a sum, and in a function, it stands for each entry."""

    value: Fraction


@dataclass(frozen=True)
class Length(Matrix):
    """A size as a number."""

    size: Size


@dataclass(frozen=True)
class Ones(Matrix):
    """The column of ones."""


@dataclass(frozen=True)
class Unit(Matrix):
    """The identity matrix."""


@dataclass(frozen=True)
class OneHot(Matrix):
    """A row for every label, with a single 1 at its place; of one label a column."""

    label: Matrix


@dataclass(frozen=True)
class Turned(Matrix):
    """The transpose."""

    body: Matrix


@dataclass(frozen=True)
class Product(Matrix):
    """The matrix product."""

    factors: tuple[Matrix, ...]


@dataclass(frozen=True)
class Scaled(Matrix):
    """number · over / under · body: the scalars before a matrix; without a body a scalar."""

    number: Fraction
    over: tuple[Matrix, ...] = ()
    under: tuple[Matrix, ...] = ()
    body: Matrix | None = None


@dataclass(frozen=True)
class Hadamard(Matrix):
    """Entry by entry the product of `over`, divided by every matrix of `under`."""

    over: tuple[Matrix, ...]
    under: tuple[Matrix, ...] = ()


@dataclass(frozen=True)
class Sum(Matrix):
    terms: tuple[Matrix, ...]


@dataclass(frozen=True)
class Apply(Matrix):
    """A function of every entry; those of BY_ROW act on every row, or on a whole column."""

    op: str
    args: tuple[Matrix, ...]


@dataclass(frozen=True)
class Power(Matrix):
    """Entry by entry a power; the exponent is a scalar."""

    base: Matrix
    exponent: Matrix


@dataclass(frozen=True)
class Compare(Matrix):
    """1 where `left` op `right` holds, else 0; ops eq, ne, lt, le."""

    op: str
    left: Matrix
    right: Matrix


@dataclass(frozen=True)
class Diag(Matrix):
    """The diagonal matrix of a vector, or its inverse."""

    vector: Matrix
    inverse: bool = False


@dataclass(frozen=True)
class Diagonal(Matrix):
    """The diagonal of a matrix as a column."""

    body: Matrix


@dataclass(frozen=True)
class Trace(Matrix):
    body: Matrix


@dataclass(frozen=True)
class Norm(Matrix):
    """The Euclidean norm of all entries, to the power 1 or 2."""

    body: Matrix
    power: int = 2


@dataclass(frozen=True)
class Over(Matrix):
    """The sum over an index that only numbers matrices."""

    label: Index
    body: Matrix


ONE = Number(Fraction(1))
BY_ROW = ("softmax", "rowmax", "rowmin", "rowargmax", "rowargmin")

# ---------------------------------------------------------------- making formulas


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
    tops = [t for t in tops if t != ONE or len(tops) == 1]
    if not tops and not bottoms:
        return scaled(number, above, below)
    if len(tops) == 1 and not bottoms:
        return scaled(number, above, below, tops[0])
    if not tops:
        tops, number = [Number(number)], Fraction(1)
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


def children(m: Matrix) -> tuple[Matrix, ...]:
    """The direct parts of a formula."""
    match m:
        case Named() | Number() | Length() | Ones() | Unit():
            return ()
        case OneHot(label=body) | Turned(body=body) | Diag(vector=body) | Diagonal(body=body) | Trace(body=body):
            return (body,)
        case Norm(body=body) | Over(body=body):
            return (body,)
        case Product(factors=parts) | Sum(terms=parts) | Apply(args=parts):
            return parts
        case Scaled(over=over, under=under, body=body):
            return (*over, *under, *([] if body is None else [body]))
        case Hadamard(over=over, under=under):
            return (*over, *under)
        case Power(base=base, exponent=exponent):
            return (base, exponent)
        case Compare(left=left, right=right):
            return (left, right)
    raise TypeError(f"have you added a new matrix formula? {type(m).__name__}")


def walk(tree: Matrix) -> Iterator[Matrix]:
    """A formula and everything inside it."""
    yield tree
    for part in children(tree):
        yield from walk(part)


def turns(m: Matrix) -> int:
    """How many transposes are written."""
    return isinstance(m, Turned) + sum(map(turns, children(m)))
