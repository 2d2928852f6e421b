"""From an expression in index notation to a matrix formula: what works entry by entry.

A free index becomes the rows or the columns.  Sums of products are contracted in `sums`; everything else (sums of
terms, functions, powers, comparisons) acts on each entry, its parts brought to the same axes by 𝟏.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction

from derive import expr as x
from derive.expr import Entry, Expr
from derive.index import Index, Size
from derive.matrices.tree import (
    Apply,
    Axis,
    Compare,
    Diagonal,
    Length,
    Matrix,
    Named,
    NoMatrix,
    Norm,
    Number,
    OneHot,
    Power,
    Unit,
    scaled,
    stretched,
    total,
    turned,
    turns,
)  # fmt: skip

Shape = Callable[[str], tuple[Size, ...]]
MANY_AXES = "more than two axes meet"


class Builder:
    """One expression under way.  `shape` tells the axes of an array; `labels` are indices that number matrices."""

    def __init__(self, shape: Shape, labels: Iterable[Index] = ()):
        self.shape, self.labels = shape, frozenset(labels)
        self._found: dict[tuple, tuple[Expr, Matrix]] = {}

    def axes(self, e: x.Term | Index) -> list[Index]:
        """The indices along which a term varies, labels and axes of length one left out, in order of mention."""
        free = x.free_indices(e)
        order = list(dict.fromkeys(t for t in x.walk(e) if isinstance(t, Index) and t in free))
        return [i for i in order if i.size.number != 1 and i not in self.labels]

    def matrix(self, e: Expr, rows: Axis, cols: Axis) -> Matrix:
        """The formula over exactly these axes; raises NoMatrix with the reason."""
        return stretched(self.part(e, rows, cols), rows, cols)

    def part(self, e: Expr, rows: Axis, cols: Axis) -> Matrix:
        """The formula over those of the axes along which the expression varies."""
        key = id(e), rows, cols
        if key not in self._found:
            self._found[key] = e, self._part(e, rows, cols)
        return self._found[key][1]

    def _part(self, e: Expr, rows: Axis, cols: Axis) -> Matrix:
        found = self.axes(e)
        if not {*found} <= {rows, cols}:
            raise NoMatrix(MANY_AXES)
        rows, cols = (i if i in found else None for i in (rows, cols))
        match e:
            case x.Num(value=value) if isinstance(value, Fraction):
                return Number(value)
            case x.Whole(slot=x.Affine(terms=(), constant=n)):
                return Length(n)
            case Entry() if not any(isinstance(s, Entry) for s in e.slots):
                return oriented(self.entry(e), rows, cols)
            case x.Ind(cond=cond) if not isinstance(cond, x.And):
                return self.condition(cond, rows, cols)
            case x.Call(op=op, args=args):
                return Apply(op, tuple(self.matrix(a, rows, cols) for a in args), rows=rows, cols=cols)
            case x.Add(terms=terms):
                return total([self.matrix(t, rows, cols) for t in terms], rows, cols)
            case x.Pow(base=base, exponent=exponent) if not _whole(exponent):
                if self.axes(exponent):
                    raise NoMatrix("an exponent varies from entry to entry")
                return raised(self.part(base, rows, cols), self.part(exponent, None, None))
            case x.Mul() | x.Pow() | x.Reduce(op="sum") | Entry() | x.Ind():
                from derive.matrices.sums import contracted

                return contracted(self, e, rows, cols)
        raise NoMatrix(_reason(e))

    def vector(self, e: Expr, i: Index) -> Matrix:
        """An expression in one index as a column, written without a ᵀ inside where that is possible."""
        column, row = self.part(e, i, None), self.part(e, None, i)
        return turned(row) if turns(row) < turns(column) else column

    def edge(self, e: Expr) -> Matrix:
        """An expression in two indices in the orientation of its own arrays."""
        a, b = self.axes(e)
        one, other = self.part(e, a, b), self.part(e, b, a)
        return other if turns(other) < turns(one) else one

    # ------------------------------------------------------------ leaves

    def entry(self, e: Entry) -> Matrix:
        """An array in its own orientation: one axis is a column; of three or more all but two must be labels."""
        shape = self.shape(e.name)
        if len(shape) != len(e.slots):
            raise NoMatrix(f"`{e.name}` is read with another number of axes")
        long = [(s, k) for k, (s, n) in enumerate(zip(e.slots, shape, strict=True)) if n.number != 1]
        if not all(isinstance(s, Index) for s, _ in long):
            raise NoMatrix(f"a part of `{e.name}` is taken")
        labels = tuple(s for s, _ in long if s in self.labels)
        if labels and ({s for s, _ in long[: len(labels)]} != {*labels} or len(long) == 2):
            raise NoMatrix(f"`{e.name}` is cut across its axes")
        inner = [(s, k) for s, k in long if s not in self.labels]
        if len(inner) > 2:
            raise NoMatrix(f"`{e.name}` has {len(inner)} axes")
        if len(inner) == 1:
            (i, place), last = inner[0], len(shape) - 1
            flat = place == last and last > 0 and not labels
            return Named(e.name, labels, rows=None if flat else i, cols=i if flat else None)
        if inner and inner[0][0] is inner[1][0]:
            i = inner[0][0]
            return Diagonal(Named(e.name, labels, rows=i, cols=i), rows=i)
        rows, cols = (s for s, _ in inner) if inner else (None, None)
        return Named(e.name, labels, rows=rows, cols=cols)

    # ------------------------------------------------------------ conditions

    def condition(self, cond: x.Cond, rows: Axis, cols: Axis) -> Matrix:
        """A delta as I or one-hot rows, a comparison of values as [A > b]."""
        op, cond = ("ne", cond.part) if isinstance(cond, x.Not) else ("", cond)
        if not isinstance(cond, x.Rel) or op and cond.op != "eq":
            raise NoMatrix("a condition joins several")
        sides = cond.left, cond.right
        if not any(isinstance(s, Index) for s in sides):
            left, right = (self.matrix(x.as_value(s), rows, cols) for s in sides)
            return Compare(op or cond.op, left, right, rows=rows, cols=cols)
        if cond.op == "eq" and not op:
            return oriented(self.delta(*sides), rows, cols)
        raise NoMatrix("a condition compares places")

    def delta(self, left: x.Slot, right: x.Slot) -> Matrix:
        if isinstance(left, Index) and isinstance(right, Index) and not {left, right} & self.labels:
            return Unit(rows=left, cols=right)
        label, place = (right, left) if isinstance(left, Index) else (left, right)
        if not isinstance(label, Entry) or not isinstance(place, Index) or place in self.labels:
            raise NoMatrix("a condition compares places")
        rows = self.axes(label)
        if len(rows) > 1:
            raise NoMatrix(f"`{label.name}` has two axes of labels")
        held = self.entry(label)
        return OneHot(held, rows=rows[0], cols=place) if rows else OneHot(held, rows=place)


def oriented(m: Matrix, rows: Axis, cols: Axis) -> Matrix:
    """The formula or its transpose, whichever has these rows and columns."""
    return m if m.rows is rows and m.cols is cols else turned(m)


def raised(base: Matrix, exponent: Matrix) -> Matrix:
    """A power; the root of ‖v‖² is ‖v‖."""
    if isinstance(base, Norm) and isinstance(exponent, Number) and (2 * exponent.value).denominator == 1:
        n = int(base.power * exponent.value)
        norm = Norm(base.body, abs(n))
        return norm if n > 0 else scaled(Fraction(1), [], [norm])
    return Power(base, exponent, rows=base.rows, cols=base.cols)


def _whole(exponent: Expr) -> bool:
    """Whether a power is a product or quotient: a square, or a negative whole exponent."""
    n = exponent.value if isinstance(exponent, x.Num) else None
    return isinstance(n, Fraction) and n.denominator == 1 and (n == 2 or n < 0)


def _reason(e: Expr) -> str:
    """Why an expression has no matrix form."""
    match e:
        case x.Reduce(op=op):
            return f"`{op}` over an axis has no sign of its own"
        case x.Cases():
            return "cases stand inside"
        case x.D():
            return "a derivative stands inside"
        case x.Whole():
            return "it counts places"
        case x.Num():
            return "infinity stands inside"
    return "it has no matrix form"


__all__ = ["Builder", "oriented"]
