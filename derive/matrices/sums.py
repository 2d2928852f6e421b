"""Sums of products as matrix products.

The indices are points, a factor in two indices is a line between two of them, a factor in one index stands at a point.
Lines between the same two points are multiplied entry by entry; a summation index between two lines is a matrix
product, `A diag(v) B` when a factor stands at it; one at the end of a line is a matrix times a vector; one without
lines an inner product.  What cannot be removed so has no matrix form.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from derive import expr as x
from derive.arrays.deltas import unfolded
from derive.expr import Entry, Expr
from derive.index import Index
from derive.matrices.algebra import hadamard, ones, product, scaled, turned
from derive.matrices.build import LABELS, MANY_AXES, Builder, everywhere, oriented
from derive.matrices.tree import (
    Apply,
    Axis,
    Diag,
    Diagonal,
    Hadamard,
    Length,
    Matrix,
    Named,
    NoMatrix,
    Norm,
    Over,
    Product,
    Scaled,
    Trace,
    turns,
    walk,
)  # fmt: skip


@dataclass
class Heap:
    """What stands at a point or on a line: factors, and what divides."""

    over: list[Matrix] = field(default_factory=list)
    under: list[Matrix] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.over or self.under)

    def put(self, m: Matrix, inverse: bool) -> None:
        (self.under if inverse else self.over).append(m)


def contracted(builder: Builder, e: Expr, rows: Axis, cols: Axis) -> Matrix:
    """A product, or a sum of products, as a matrix formula; raises NoMatrix."""
    bound, factors = opened(builder, e)
    net = Net(builder, [i for i in bound if i.size.number != 1])
    for f, inverse in factors:
        net.put(f, inverse)
    return net.result(rows, cols)


def opened(builder: Builder, e: Expr) -> tuple[list[Index], list[tuple[Expr, bool]]]:
    """Summation indices and factors, each with whether it divides; sums inside products joined with the outer one."""
    _guarded(e)
    bound, factors = unfolded(e)
    found: list[tuple[Expr, bool]] = []
    for f in factors:
        inner, parts = _opened_factor(builder, f)
        bound, found = [*bound, *inner], [*found, *parts]
    return bound, found


def _guarded(e: Expr) -> None:
    """Raises NoMatrix where a condition keeps out places at which the rest is not defined: 0 times it is not 0."""
    for f in e.factors if isinstance(e, x.Mul) else (e,):
        if isinstance(f, x.Cases) or isinstance(f, x.Reduce) and f.guard is not None:
            if not all(everywhere(t) for t in x.parts(f) if isinstance(t, Expr)):
                raise NoMatrix("a condition keeps out what is not defined")
        if isinstance(f, x.Reduce):
            _guarded(f.body)


def _opened_factor(builder: Builder, f: Expr) -> tuple[list[Index], list[tuple[Expr, bool]]]:
    match f:
        case x.Mul():
            return opened(builder, f)
        case x.Reduce(op="sum"):
            return opened(builder, x.refresh(f))
        case x.Pow(base=base, exponent=x.Num(value=Fraction() as n)) if n == 2:
            return [], [(base, False), (base, False)]
        case x.Pow(base=base, exponent=x.Num(value=Fraction() as n)) if n < 0 and n.denominator == 1:
            below = base.factors if isinstance(base, x.Mul) else (base,)  # a sum among them stays a sum
            return [], [(g if n == -2 else x.power(g, x.Num(-n)), True) for g in below for _ in range(1 + (n == -2))]
        case Entry() if any(isinstance(s, LABELS) for s in f.slots):
            return _gathered(builder, f)
    return [], [(f, False)]


def _gathered(builder: Builder, f: Entry) -> tuple[list[Index], list[tuple[Expr, bool]]]:
    """Q[i, y[i]] as Σ_k [y[i] = k] Q[i, k]."""
    shape = builder.shape(f.name)
    bound, deltas, slots = [], [], []
    for place, s in enumerate(f.slots):
        if isinstance(s, LABELS):
            k = Index("k", shape[place])
            bound.append(k)
            deltas.append((x.Ind(x.Rel("eq", s, k)), False))
            s = k
        slots.append(s)
    return bound, [*deltas, (Entry(f.name, tuple(slots)), False)]


class Net:
    """Points and lines under way."""

    def __init__(self, builder: Builder, bound: list[Index]):
        self.builder = builder
        self.bound = list(bound)
        self.number = Fraction(1)
        self.scalars = Heap()
        self.points: dict[Index, Heap] = {}
        self.lines: dict[tuple[Index, Index], Heap] = {}
        self.met: dict[str, int] = {}

    def put(self, f: Expr, inverse: bool) -> None:
        """A factor at its place."""
        if isinstance(f, x.Num) and isinstance(f.value, Fraction):
            self.number = self.number / f.value if inverse else self.number * f.value
            return
        found = self.builder.axes(f)
        if len(found) > 2:
            raise NoMatrix(MANY_AXES)
        for t in x.walk(f):
            if isinstance(t, Entry):
                self.met.setdefault(t.name, len(self.met))
        if not found:
            self.scalars.put(self.builder.part(f, None, None), inverse)
        elif len(found) == 1:
            self.at(found[0]).put(self.builder.vector(f, found[0]), inverse)
        else:
            self.between(self.builder.edge(f), inverse)

    def at(self, i: Index) -> Heap:
        return self.points.setdefault(i, Heap())

    def between(self, m: Matrix, inverse: bool = False) -> None:
        """A matrix on the line between its rows and columns, beside what is there already."""
        a, b = m.rows, m.cols
        if a is b:
            self.at(a).put(Diagonal(m, rows=a), inverse)
            return
        number, over, under, body = _taken(m)
        self.scale(number, over, under, inverse)
        key = (b, a) if (b, a) in self.lines else (a, b)
        self.lines.setdefault(key, Heap()).put(body if key == (a, b) else turned(body), inverse)

    def scale(self, number: Fraction, over: list[Matrix], under: list[Matrix], inverse: bool = False) -> None:
        self.number = self.number / number if inverse else self.number * number
        for m, down in [*((m, inverse) for m in over), *((m, not inverse) for m in under)]:
            self.scalars.put(m, down)

    # ------------------------------------------------------------ removing summation indices

    def result(self, rows: Axis, cols: Axis) -> Matrix:
        self.recognise()
        labels = [k for k in self.bound if k in self.builder.labels]
        self.bound = [k for k in self.bound if k not in self.builder.labels]
        while self.bound:
            k = min(self.bound, key=lambda k: min(len(self.lines_at(k)), 2))
            self.bound.remove(k)
            self.remove(k)
        body = self.assembled(rows, cols)
        self.scalars.over.sort(key=lambda s: not isinstance(s, Length))
        if not labels:
            return scaled(self.number, self.scalars.over, self.scalars.under, body)
        inner = scaled(Fraction(1), self.scalars.over, self.scalars.under, body)
        for k in reversed(labels):
            inner = Over(k, inner, rows=inner.rows, cols=inner.cols)
        return scaled(self.number, [inner], []) if inner.scalar else scaled(self.number, [], [], inner)

    def lines_at(self, k: Index) -> list[tuple[Index, Index]]:
        return [pair for pair in self.lines if k in pair]

    def remove(self, k: Index) -> None:
        """Carry out the sum over one index."""
        pairs, heap = self.lines_at(k), self.points.pop(k, Heap())
        ends = [b if a is k else a for a, b in pairs]
        if not pairs:
            self.scalars.over.append(self.inner(k, heap))
        elif len(pairs) == 1 and ends[0] in self.bound and self.alone(ends[0]) and not heap:
            self.scalars.over.append(self.whole(pairs[0]))
            self.bound.remove(ends[0])
        elif len(pairs) == 1:
            vector = hadamard(heap.over, heap.under) if heap else ones(k)
            self.at(ends[0]).put(product(self.taken(pairs[0], ends[0]), vector), False)
        elif len(pairs) == 2:
            middle = self.diagonal(k, heap)
            left, right = (self.taken(pair, end) for pair, end in zip(pairs, ends, strict=True))
            chains = product(left, *middle, turned(right)), product(right, *middle, turned(left))
            self.between(min(chains, key=turns))
        else:
            raise NoMatrix(MANY_AXES)

    def alone(self, i: Index) -> bool:
        """Whether an index has one line and nothing at its point."""
        return len(self.lines_at(i)) == 1 and not self.points.get(i)

    def taken(self, pair: tuple[Index, Index], rows: Index) -> Matrix:
        """The matrix on a line, with these rows; the line is gone."""
        heap = self.lines.pop(pair)
        m = hadamard(heap.over, heap.under)
        return m if m.rows is rows else turned(m)

    def inner(self, k: Index, heap: Heap) -> Matrix:
        """Σ_k of what stands at k: n, 𝟏ᵀu, ‖u‖², uᵀv, (u ⊙ v)ᵀw."""
        if not heap:
            return Length(k.size)
        over, under = heap.over, heap.under
        if len(over) == 2 and not under:
            u, v = over
            if u == v:
                return Norm(u)
            return min(product(turned(u), v), product(turned(v), u), key=turns)
        if len(over) == 1 and not under and isinstance(over[0], Diagonal):
            return Trace(over[0].body)
        if len(over) < 2:
            v = hadamard(over, under)
            return min(product(turned(ones(k)), v), product(turned(v), ones(k)), key=turns)
        return product(turned(hadamard(over[:-1], under)), over[-1])

    def whole(self, pair: tuple[Index, Index]) -> Matrix:
        """The sum of all entries of a line: 𝟏ᵀA𝟏, ‖A‖², tr(AᵀB)."""
        heap = self.lines.pop(pair)
        if len(heap.over) == 2 and not heap.under:
            a, b = heap.over
            if a == b:
                return Norm(a)
            return self.traced(min(product(turned(a), b), product(a, turned(b)), key=turns))
        m = hadamard(heap.over, heap.under)
        return product(turned(ones(pair[0])), oriented(m, *pair), ones(pair[1]))

    def traced(self, m: Matrix) -> Matrix:
        """tr(AB), the factor that was written first in front."""
        number, over, under, body = _taken(m)
        if isinstance(body, Product):
            n = min(range(len(body.factors)), key=lambda k: self.place(body.factors[k]))
            body = Product((*body.factors[n:], *body.factors[:n]), rows=body.factors[n].rows, cols=body.factors[n].rows)
        return scaled(number, [*over, Trace(body)], under)

    def place(self, m: Matrix) -> int:
        """When the first array of a formula was met."""
        found = [self.met[t.name] for t in walk(m) if isinstance(t, Named) and t.name in self.met]
        return min(found, default=len(self.met))

    # ------------------------------------------------------------ what is left

    def assembled(self, rows: Axis, cols: Axis) -> Matrix | None:
        """diag(u) A diag(v), u vᵀ, u, or None for a scalar."""
        left, right = (self.points.get(i, Heap()) for i in (rows, cols))
        pairs = list(self.lines)
        if pairs:
            middle = self.taken(pairs[0], rows)
            return product(*self.diagonal(rows, left), middle, *self.diagonal(cols, right))
        if left and right and not left.over and not right.over:
            return hadamard([], [product(hadamard(left.under), turned(hadamard(right.under)))])
        column = hadamard(left.over, left.under) if left else None if rows is None else ones(rows)
        row = hadamard(right.over, right.under) if right else None if cols is None else ones(cols)
        if column is not None and row is not None:
            return product(column, turned(row))
        return column if column is not None else turned(row) if row is not None else None

    def diagonal(self, i: Index, heap: Heap) -> list[Matrix]:
        """What stands at a point as a diagonal matrix."""
        if not heap:
            return []
        v, upside = hadamard(heap.over, heap.under), hadamard(heap.under, heap.over)
        inverse = isinstance(v, Hadamard) and not isinstance(upside, Hadamard)  # 1 ⊘ s
        v = upside if inverse else v
        return [Diag(min(v, turned(v), key=turns), inverse, rows=i, cols=i)]

    # ------------------------------------------------------------ named functions

    def recognise(self) -> None:
        """exp(Z) divided by its row sums is softmax(Z)."""
        for (a, b), line in self.lines.items():
            for i, other in ((a, b), (b, a)):
                self._softmax(line, self.points.get(i, Heap()).under, i, other)
        for i, point in self.points.items():
            self._softmax(point, self.scalars.under, None, i)

    def _softmax(self, heap: Heap, under: list[Matrix], rows: Axis, cols: Index) -> None:
        for place, e in enumerate(heap.over):
            if not isinstance(e, Apply) or e.op != "exp":
                continue
            along = rows is None or e.rows is rows
            sums = product(turned(ones(cols)), e) if rows is None else product(e if along else turned(e), ones(cols))
            if sums in under:
                under.remove(sums)
                args = e.args if along else tuple(map(turned, e.args))
                found = Apply("softmax", args, rows=e.rows if along else e.cols, cols=e.cols if along else e.rows)
                heap.over[place] = found if along else turned(found)
                return


def _taken(m: Matrix) -> tuple[Fraction, list[Matrix], list[Matrix], Matrix]:
    return (m.number, list(m.over), list(m.under), m.body) if isinstance(m, Scaled) else (Fraction(1), [], [], m)
