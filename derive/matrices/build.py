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
from derive.matrices.algebra import scaled, stretched, total, turned
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
    turns,
)  # fmt: skip
from derive.ops import OPS

Shape = Callable[[str], tuple[Size, ...]]
MANY_AXES = "more than two axes meet"
LABELS = (Entry, x.ArgBest)  # what picks a place


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
            case Entry() if not any(isinstance(s, LABELS) for s in e.slots):
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
            case x.Reduce(op="max" | "min" as op, index=k, body=body, guard=None) if k.size.number != 1:
                return self.best(f"row{op}", k, body, rows, cols)
            case x.Cases(branches=((cond, value),), otherwise=rest) if everywhere(value) and everywhere(rest):
                apart = x.add(x.mul(x.Ind(cond), value), x.mul(x.indicator(x.negation(cond)), rest))
                return self.part(apart, rows, cols)
            case x.Mul() | x.Pow() | x.Reduce(op="sum") | Entry() | x.Ind():
                from derive.matrices.sums import contracted

                return contracted(self, e, rows, cols)
        raise NoMatrix(_reason(e))

    def best(self, op: str, k: Index, body: Expr, rows: Axis, cols: Axis) -> Matrix:
        """The largest entry of each row, of a column the largest of all; or its place."""
        i = rows or cols
        inner = self.matrix(body, i, k) if i else self.matrix(body, k, None)
        return oriented(Apply(op, (inner,), rows=i), rows, cols)

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
        axes = list(zip(e.slots, shape, strict=False))
        if len(shape) != len(e.slots) or not all(isinstance(s, Index) and s.size == n for s, n in axes if n.number != 1):
            raise NoMatrix(f"a part of `{e.name}` is taken")
        labels: tuple[Index, ...] = ()
        while axes and (axes[0][0] in self.labels or len(labels) < sum(s in self.labels for s, _ in axes)):
            slot, n = axes.pop(0)
            if slot not in self.labels and n.number != 1:
                raise NoMatrix(f"`{e.name}` is cut across its axes")
            labels += (slot,) if n.number != 1 else ()
        long = [s for s, n in axes if n.number != 1]
        if len(long) > 2:
            raise NoMatrix(f"`{e.name}` has {len(long)} axes")
        if labels and len(axes) == 1:
            raise NoMatrix(f"a row of `{e.name}` stands by itself")
        if len(long) == 1:
            flat = len(axes) > 1 and axes[-1][1].number != 1
            return Named(e.name, labels, rows=None if flat else long[0], cols=long[0] if flat else None)
        if long and long[0] is long[1]:
            return Diagonal(Named(e.name, labels, rows=long[0], cols=long[0]), rows=long[0])
        rows, cols = long or (None, None)
        return Named(e.name, labels, rows=rows, cols=cols)

    # ------------------------------------------------------------ conditions

    def condition(self, cond: x.Cond, rows: Axis, cols: Axis) -> Matrix:
        """A delta as I or one-hot rows, a comparison of values as [A > b]."""
        op, cond = ("ne", cond.part) if isinstance(cond, x.Not) else ("", cond)
        if not isinstance(cond, x.Rel) or op and cond.op != "eq":
            raise NoMatrix("a condition joins several")
        sides = cond.left, cond.right
        if not any(isinstance(s, Index) for s in sides):
            left, right = (self.matrix(_value(s), rows, cols) for s in sides)
            return Compare(op or cond.op, left, right, rows=rows, cols=cols)
        if cond.op == "eq" and not op:
            return oriented(self.delta(*sides), rows, cols)
        raise NoMatrix("a condition compares places")

    def delta(self, left: x.Slot, right: x.Slot) -> Matrix:
        if isinstance(left, Index) and isinstance(right, Index) and not {left, right} & self.labels:
            return Unit(rows=left, cols=right)
        label, place = (right, left) if isinstance(left, Index) else (left, right)
        if not isinstance(label, LABELS) or not isinstance(place, Index) or place in self.labels:
            raise NoMatrix("a condition compares places")
        rows = self.axes(label)
        if len(rows) > 1:
            raise NoMatrix("labels stand in two axes")
        i = rows[0] if rows else None
        if isinstance(label, Entry):
            held = oriented(self.entry(label), i, None)
        else:
            held = self.best(f"rowarg{label.op}", label.index, label.body, i, None)
        return OneHot(held, rows=i, cols=place) if rows else OneHot(held, rows=place)


def oriented(m: Matrix, rows: Axis, cols: Axis) -> Matrix:
    """The formula or its transpose, whichever has these rows and columns."""
    return m if m.rows is rows and m.cols is cols else turned(m)


def _value(s: x.Slot | Expr) -> Expr:
    """A side of a comparison as a number: scores[i, j] - correct[i] + 1."""
    if not isinstance(s, x.Affine) or not s.terms:
        return x.as_value(s)
    return x.add(*(x.mul(x.size(c), _value(t)) for t, c in s.terms), x.size(s.constant))


def everywhere(e: Expr) -> bool:
    """Whether an expression is defined for all numbers, so that 0 times it is 0."""
    whole = (t.exponent.value if isinstance(t.exponent, x.Num) else None for t in x.walk(e) if isinstance(t, x.Pow))
    return (all(isinstance(n, Fraction) and n > 0 and n.denominator == 1 for n in whole)
            and not any(isinstance(t, x.Call) and OPS[t.op].domain for t in x.walk(e))
            and not any(isinstance(t, x.Num) and isinstance(t.value, float) for t in x.walk(e)))  # fmt: skip


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


__all__ = ["Builder", "everywhere", "oriented"]
