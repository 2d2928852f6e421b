"""Matrix formulas: what `1/n Xᵀ(P − Y)` is before it is printed.

    Named X · Number 3/2 · Length n · Ones 𝟏 · Unit I · OneHot onehot(y)
    Turned Aᵀ · Product A B · Scaled (1/n) A · Hadamard A ⊙ B ⊘ C · Sum · Apply exp(A) · Power · Compare [A > 0]
    Diag diag(v) · Diagonal diag(A) · Trace tr(A) · Norm ‖A‖

Every formula knows the index that runs along its rows and the one along its columns; None is a length of one.  So a
column vector has rows alone, a row vector columns alone, a scalar neither, and no product can be formed the wrong way
round.  Two formulas are equal when they say the same, whatever their indices are called.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
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
