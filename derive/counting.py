"""How much work formulas are: operations, and entries moved between memory and processor, as polynomials in the sizes.

An operation is one addition, multiplication, division, root, comparison or function value for one entry.  Equal parts
are computed once, whatever their letters; in a product the small factors are multiplied first; a division is one
operation, not two; a sum over an axis is one addition an entry; what holds no array is a constant and costs nothing.

A pass is a loop that nothing interrupts: every sum is one, and so is the line that uses it.  A pass reads each of its
arrays once and writes its result.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from derive import expr as x
from derive.expr import Expr
from derive.index import Index, Size

NOMINAL = 64  # the length that stands for every letter where two counts are compared
Work = dict[frozenset[Index], int]


def volume(indices: frozenset[Index]) -> int:
    """The number of entries over some indices at nominal sizes."""
    total = 1
    for i in indices:
        total *= nominal(i.size)
    return total


@lru_cache(maxsize=4096)
def nominal(n: Size) -> int:
    """A size with every letter at its nominal length."""
    return max(1, n.at({a: NOMINAL for a in n.letters}))


@dataclass
class Count:
    """Operations and moved entries, by the indices over which they are done; `passes` counts the loops."""

    operations: Work = field(default_factory=dict)
    moved: Work = field(default_factory=dict)
    passes: int = 0
    seen: set[str] = field(default_factory=set)

    @property
    def operation_count(self) -> Size:
        """The operations as a polynomial in the sizes."""
        return polynomial(self.operations)

    @property
    def moved_count(self) -> Size:
        """The entries read and written as a polynomial in the sizes."""
        return polynomial(self.moved)

    @property
    def at_nominal(self) -> int:
        """The operations with every letter at its nominal length."""
        return weight(self.operations)

    @property
    def moved_at_nominal(self) -> int:
        """The entries read and written, likewise."""
        return weight(self.moved)

    @property
    def cost(self) -> int:
        """Operations and moved entries together, at nominal sizes."""
        return self.at_nominal + self.moved_at_nominal


def polynomial(work: Work) -> Size:
    total = Size()
    for indices, k in work.items():
        total = total + x.product_of([i.size for i in indices]) * k
    return total


def weight(work: Work) -> int:
    return sum(volume(indices) * k for indices, k in work.items())


def work_text(work: Count) -> str:
    """7 H n + 3 H operations in 3 passes."""
    return f"{str(work.operation_count).replace('*', ' ')} operations in {work.passes} pass" + "es" * (work.passes != 1)


def count(*formulas: Expr) -> Count:
    """What formulas take together, equal parts once; each formula is written once."""
    found = Count()
    for e in formulas:
        _pass(e, e.free, found)
    return found


def _pass(e: Expr, written: frozenset[Index], count: Count) -> None:
    """A loop over the entries of `e` that ends in an array over the indices `written`."""
    reads: dict[str, frozenset[Index]] = {}
    _visit(e, count, reads)
    for indices in (*reads.values(), written):
        _add(count.moved, indices)
    count.passes += 1


@lru_cache(maxsize=4096)
def _array(e: Expr) -> str:
    """A text that two formulas share when they are one array read at different letters: a[i]·b[i] and a[m]·b[m]."""
    letters: dict[Index, str] = {}
    for t in x.walk(e):
        if isinstance(t, Index) and t in e.free:
            letters.setdefault(t, f"{len(letters)}:{t.size}")
    return x.key_with(e, letters)


def _add(work: Work, indices: frozenset[Index], k: int = 1) -> None:
    work[indices] = work.get(indices, 0) + k


def _visit(e: Expr, count: Count, reads: dict[str, frozenset[Index]]) -> None:
    if isinstance(e, x.Entry):
        reads[_array(e)] = e.free
    elif isinstance(e, x.Reduce):
        reads[e.key] = e.free
        if _array(e) not in count.seen:
            count.seen.add(_array(e))
            _add(count.operations, e.body.free | {e.index})
            _pass(e.body, e.free, count)
    elif e.names or e.free:
        new = _array(e) not in count.seen
        count.seen.add(_array(e))
        inner = _work(e, count if new else Count())
        for p in inner:
            _visit(p, count, reads)


def _work(e: Expr, count: Count) -> list[Expr]:
    """The operations of one node; returns its parts."""
    match e:
        case x.Mul(factors=factors):
            parts = [f for f in factors if f.key != x.MINUS_ONE.key]
            bases = [f.base if _is_reciprocal(f) and len(factors) > 1 else f for f in parts]
            _chain(_moving(parts), count)
            return bases
        case x.Add(terms=terms):
            _chain(_moving(terms), count)
            return list(terms)
        case x.Pow(base=base, exponent=n):
            _add(count.operations, e.free, {2: 1, 3: 2}.get(getattr(n, "value", None), 1))
            return [base]
        case x.Ind():
            return []
    _add(count.operations, e.free)
    return [p for p in x.parts(e) if isinstance(p, Expr)]


def _moving(parts: Iterable[Expr]) -> list[frozenset[Index]]:
    """The indices of each part; the constants together are one part."""
    found = [p.free for p in parts if p.names or p.free]
    return [*found, frozenset()] if any(not (p.names or p.free) for p in parts) else found


def _is_reciprocal(e: Expr) -> bool:
    return isinstance(e, x.Pow) and e.exponent.key == x.MINUS_ONE.key


def _chain(frees: list[frozenset[Index]], count: Count) -> None:
    """Two at a time, the smallest first."""
    frees = sorted(frees, key=volume)
    while len(frees) > 1:
        both = frees[0] | frees[1]
        _add(count.operations, both)
        frees = sorted([both, *frees[2:]], key=volume)


__all__ = ["Count", "count", "nominal", "volume", "work_text"]
