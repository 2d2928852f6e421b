"""Guards that keep a position inside a range: [0 ≤ j − s·a < K] among the factors of a product."""

from __future__ import annotations

from derive import expr as x
from derive.arrays import bounds
from derive.expr import Expr
from derive.index import Index, Size
from derive.program import Program


def ranged(program: Program, factors: list[Expr], j: Index) -> tuple[x.Slot, Size, Size, list[Expr]] | None:
    """(slot, low, count, indicators): a position low ≤ slot < low + count that contains j with coefficient 1."""
    conds = [(f, *difference(f)) for f in factors if difference(f) is not None]
    for _, gap, _ in conds:
        terms = dict(gap.terms if isinstance(gap, x.Affine) else ((gap, Size.of(1)),))
        if j not in terms or terms[j].number not in (1, -1):
            continue
        direction = terms[j]
        slot = x.affine([(s, c * direction) for s, c in terms.items()])
        lows, highs, used = limits(conds, slot)
        found = bounds.slot_range(slot, program)
        if found is None:
            continue
        lows = lows or ([Size()] if bounds.nonnegative(found[0]) and isinstance(slot, Index) else [])
        highs = highs or ([j.size] if isinstance(slot, Index) else [])
        if len(lows) == len(highs) == 1:
            return slot, lows[0], highs[0] - lows[0], used
    return None


def difference(f: Expr) -> tuple[x.Slot, int] | None:
    """left < right or left ≤ right as (right − left, margin): the difference is at least the margin."""
    if not (isinstance(f, x.Ind) and isinstance(f.cond, x.Rel) and f.cond.op in ("lt", "le")):
        return None
    a, b = f.cond.left, f.cond.right
    if isinstance(a, Expr) or isinstance(b, Expr):
        return None
    return x.affine([(b, Size.of(1)), (a, Size.of(-1))]), 1 if f.cond.op == "lt" else 0


def limits(conds: list, slot: x.Slot) -> tuple[list[Size], list[Size], list[Expr]]:
    """The limits that conditions set on a slot: slot ≥ low, slot < high."""
    lows, highs, used = [], [], []
    for f, gap, margin in conds:
        constant = gap.constant if isinstance(gap, x.Affine) else Size()
        bare = x.affine([(gap, Size.of(1))], -constant)
        if bare == slot:
            lows.append(Size.of(margin) - constant)
            used.append(f)
        elif x.affine([(bare, Size.of(-1))]) == slot:
            highs.append(constant - margin + 1)
            used.append(f)
    return lows, highs, used


__all__ = ["ranged"]
