"""Whole equations: statements that make an array; deltas become stores, not masks.

A term Σ_b [j = s(b)]·f is stored at the places s: `out[i, Y[i]] -= f`, repeated places are accumulated (`np.add.at`),
a place p + s·a is a strided slice under a loop over p.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from derive import expr as x
from derive.arrays import bounds
from derive.arrays.axes import Axes, Value, fit, real
from derive.arrays.deltas import branching, contracted_deltas, solved, unfolded
from derive.arrays.lower import Lowering
from derive.arrays.program import (
    Assign,
    Concat,
    Copy,
    Full,
    Load,
    Map,
    Node,
    Number,
    Permute,
    Repeat,
    Statement,
    Store,
    fresh_array,
)  # fmt: skip
from derive.arrays.ranges import ranged
from derive.expr import Expr
from derive.index import Index, Size
from derive.program import Equation, Program

ZERO = Number(Fraction(0))


@dataclass(frozen=True)
class Plan:
    """Where a term goes: the place along each pinned axis, the indices it runs over, and its factors."""

    pins: Mapping[Index, x.Slot]
    bound: tuple[Index, ...]
    factors: tuple[Expr, ...]
    new: tuple[Index, ...] = field(default=())

    @property
    def bound_in_pins(self) -> bool:
        return any(i in x.free_indices(s) for s in self.pins.values() for i in self.bound)


def plan(low: Lowering, factors: list[Expr], bound: list[Index], lhs: tuple[Index, ...]) -> Plan | None:
    """The places that the deltas among the factors name, None when there are none."""
    factors, new = _digits_of_ranges(low, factors, lhs)
    pins: dict[Index, x.Slot] = {}
    changed = True
    while changed:
        changed = False
        for k, f in enumerate(factors):
            for j in lhs:
                slot = None if j in pins else solved(f, j)
                if slot is None or not bounds.inside(slot, j.size, low.program):
                    continue
                if x.free_indices(slot) & pins.keys() or any(j in x.free_indices(s) for s in pins.values()):
                    continue
                factors = [x.substitute(g, {j: slot}) for n, g in enumerate(factors) if n != k]
                pins[j], changed = slot, True
                break
            if changed:
                break
    if not pins:
        return None
    factors, left = contracted_deltas(low.program, factors, list(bound))
    return Plan(pins, tuple(left), tuple(factors), tuple(new))


def _digits_of_ranges(low: Lowering, factors: list[Expr], lhs: tuple[Index, ...]) -> tuple[list[Expr], list[Index]]:
    """[0 ≤ j − s·a < K]·f[j − s·a] as Σ_p [j = s·a + p]·f[p]: a guarded position becomes an index of its own."""
    new: list[Index] = []
    for j in lhs:
        found = ranged(low.program, factors, j)
        if found is None:
            continue
        slot, low_end, n, used = found
        p = Index("pqr"[len(new) % 3], n)
        value = x.affine([(p, Size.of(1))], low_end)
        kept = [f for f in factors if not any(f is u for u in used)]
        terms = slot.terms if isinstance(slot, x.Affine) else ((slot, Size.of(1)),)
        constant = slot.constant if isinstance(slot, x.Affine) else Size()
        others = [(s, -c) for s, c in terms if s is not j]
        place = x.affine([(value, Size.of(1)), *others], -constant)
        factors = [x.substitute(f, {j: place}) for f in kept]
        factors.append(x.Ind(x.Rel("eq", j, place)))
        new.append(p)
    return factors, new


# ---------------------------------------------------------------- storing


def store(low: Lowering, name: str, lhs: tuple[Index, ...], found: Plan, mode: str, base: Value | None) -> None:
    """Statements that add a planned term to an array; without a base the array starts as zeros."""
    if base is None:
        low.statements.append(Assign(name, zeros(low, name, lhs)))
    loops = _loops(found)
    inner = Lowering.__new__(type(low))
    inner.__dict__ = low.__dict__ | {"statements": [], "counters": low.counters | set(loops), "guarded": low.guarded}
    slots = [found.pins.get(j, j) for j in lhs]
    items, axes = inner.items(slots, [j.size for j in lhs], lhs)
    reached = set(axes) | set(loops)
    summed = [i for i in (*found.bound, *found.new) if i not in reached]
    repeated = _repeats(found, lhs, loops)
    once = base is None and not loops and not repeated
    factors = (x.MINUS_ONE, *found.factors) if once and mode == "-" else found.factors
    value = inner.value(x.total(x.mul(*factors), *summed), axes)
    value = value if value.sort in ("number", "real") else real(value)
    line: Statement = Store(name, items, "=" if once else mode, fit(value, axes).node, repeated)
    inner.statements.append(line)
    for i in reversed(loops):
        inner.statements = [Repeat(i, tuple(inner.statements))]
    low.statements += inner.statements


def _loops(found: Plan) -> list[Index]:
    """For places p + s·a: the indices that a loop runs over, so that one is left for the slice."""
    loops: list[Index] = []
    for slot in found.pins.values():
        terms = slot.terms if isinstance(slot, x.Affine) else ()
        plain = [(s, c) for s, c in terms if isinstance(s, Index) and s not in loops]
        if len(plain) < 2 or len(plain) != len(terms):
            continue
        plain.sort(key=lambda t: (t[1].number != 1, len(str(t[0].size))))
        loops += [s for s, _ in plain[:-1]]
    return loops


def _repeats(found: Plan, lhs: tuple[Index, ...], loops: list[Index]) -> bool:
    """Whether one place may be named twice: an index is met only inside gathered positions."""
    single = {i for s in found.pins.values() for i in _unique(s, loops)}
    direct = {j for j in lhs if j not in found.pins}
    inside = {i for s in found.pins.values() for i in x.free_indices(s)} - set(loops)
    return not inside <= single | direct


def _unique(slot: x.Slot, loops: list[Index]) -> list[Index]:
    if isinstance(slot, Index):
        return [slot]
    if isinstance(slot, x.Affine):
        moving = [s for s, _ in slot.terms if s not in loops]
        return moving if len(moving) == 1 and isinstance(moving[0], Index) else []
    if isinstance(slot, x.Join) and all(isinstance(s, Index) for s, _ in slot.parts):
        return [s for s, _ in slot.parts]
    return []


def zeros(low: Lowering, name: str, lhs: tuple[Index, ...]) -> Node:
    return Full(tuple(i.size for i in lhs), ZERO, _like(low.program, name))


def _like(program: Program, name: str) -> str | None:
    """The array that a gradient array is shaped like."""
    base = name.removeprefix("∂").removesuffix("~total")
    if not name.startswith("∂") or base not in program or program.sort(base) != "real" or not program.shape(base):
        return None
    return base if program.shape(base) == program.shape(name) else None


# ---------------------------------------------------------------- whole equations


def lower_equation(
    equation: Equation, program: Program, *, stable: bool = False, numbers: Iterator[int] | None = None
) -> tuple[Statement, ...]:
    """The statements that compute the array of an equation; `numbers` tells its temporaries apart from others'."""
    units = {i: x.whole_slot(0) for i in equation.indices if i.size.number == 1}
    rhs = x.substitute(equation.rhs, units)
    low = Lowering(program, stable, integer=equation.sort == "int", numbers=numbers)
    axes = tuple(None if i in units else i for i in equation.indices)
    lhs = tuple(i for i in axes if i is not None)
    if None not in axes:
        plans = planned(low, rhs, lhs)
        if plans is not None:
            _stores(low, equation.name, lhs, *plans)
            return tuple(low.statements)
    node = _root(low, equation, rhs, axes)
    return (*low.statements, Assign(equation.name, node))


def planned(low: Lowering, rhs: Expr, lhs: tuple[Index, ...]):
    """The terms of a sum: those that a delta places, and the others; None when there is no delta to use."""
    terms = _terms(rhs)
    found, others = [], []
    for t in terms:
        if isinstance(t, x.Cases) and len(terms) == 1:
            return None
        negative, bare = _sign(t)
        bound, factors = _flattened(x.refresh(bare))
        factors, bound = contracted_deltas(low.program, factors, bound)
        p = plan(low, factors, bound, lhs)
        if p is None:
            others.append(t)
        else:
            found.append((p, "-" if negative else "+"))
    return (found, others) if found else None


def _sign(t: Expr) -> tuple[bool, Expr]:
    from derive.arrays.lower import _split_sign

    return _split_sign(t)


def _flattened(e: Expr) -> tuple[list[Index], list[Expr]]:
    """Summation indices and factors, sums inside the product opened where they hold a guard or a delta."""
    bound, factors = unfolded(e)
    done = False
    while not done:
        done = True
        for k, f in enumerate(factors):
            if isinstance(f, x.Reduce) and f.op == "sum" and any(isinstance(t, x.Ind) for t in x.walk(f)):
                inner, more = unfolded(f)
                if any(isinstance(g, x.Ind) for g in more):
                    bound, factors = bound + inner, [*factors[:k], *more, *factors[k + 1 :]]
                    done = False
                    break
    return bound, factors


def _terms(rhs: Expr) -> list[Expr]:
    """The terms of a sum; numbers in front of a bracket are multiplied in, so that its deltas can be placed."""
    if isinstance(rhs, x.Add):
        return [u for t in rhs.terms for u in _terms(t)]
    split = _by_branches(rhs)
    if split is not None:
        return [u for t in split for u in _terms(t)]
    if isinstance(rhs, x.Mul):
        sums = [f for f in rhs.factors if isinstance(f, x.Add)]
        rest = [f for f in rhs.factors if not isinstance(f, x.Add)]
        if len(sums) == 1 and all(not f.names and not f.free for f in rest):
            if any(isinstance(t, x.Ind) for t in x.walk(sums[0])):
                return [u for t in sums[0].terms for u in _terms(x.mul(*rest, t))]
    return [rhs]


def _by_branches(rhs: Expr) -> list[Expr] | None:
    """Σ f·{a·δ if c; b·δ} as one sum per branch."""
    if not isinstance(rhs, (x.Mul, x.Reduce)):
        return None
    negative, bare = _sign(rhs)
    bound, factors = unfolded(bare)
    rows = branching(factors)
    if rows is None:
        return None
    return [x.negate(x.total(r, *bound)) if negative else x.total(r, *bound) for r in rows]


def _stores(low: Lowering, name: str, lhs: tuple[Index, ...], found: list, others: list[Expr]) -> None:
    base = None
    if others:
        rest = x.add(*(x.mul(t) for t in others))
        base = low.value(rest, lhs)
        low.statements.append(Assign(name, owned(low, name, base, lhs)))
    for p, mode in found:
        store(low, name, lhs, p, mode, base)
        base = Value(Load(name), lhs)


def owned(low: Lowering, name: str, v: Value, lhs: Axes) -> Node:
    """A new array of the full shape, safe to store into."""
    node = _shaped(low, name, v, lhs, lhs)
    return node if fresh_array(node) and not isinstance(node, Load) else Copy(node)


def _root(low: Lowering, equation: Equation, rhs: Expr, axes: Axes) -> Node:
    pieces = _pieces(low, rhs, axes)
    if pieces is not None:
        place, values = pieces
        indices = [_index_at(axes, place, n) for n, _ in values]
        nodes = []
        for (n, e), i in zip(values, indices, strict=True):
            own = (*axes[:place], i, *axes[place + 1 :])
            body = x.substitute(e[0], {axes[place]: x.affine([(i, Size.of(1))], e[1])})
            nodes.append(_shaped(low, equation.name, low.value(body, own), own, equation.indices, n))
        return Concat(tuple(nodes), place)
    v = low.value(rhs, axes)
    if equation.sort == "real" and v.sort in ("int", "bool"):
        v = real(v)
    if equation.sort == "int" and v.sort == "bool":
        v = Value(Map("mul", (v.node, Number(Fraction(1)))), v.axes, "int")
    return _shaped(low, equation.name, v, axes, equation.indices)


def _index_at(axes: Axes, place: int, n: Size) -> Index:
    return axes[place].fresh(size=n)


def _pieces(low: Lowering, rhs: Expr, axes: Axes):
    """{a[j] if j < n; b[j − n]} as pieces along the axis of j: (place, [(size, (value, start))])."""
    if not isinstance(rhs, x.Cases):
        return None
    ends, place = [], None
    for cond, _ in rhs.branches:
        if not (isinstance(cond, x.Rel) and cond.op == "lt" and isinstance(cond.left, Index) and cond.left in axes):
            return None
        fixed = isinstance(cond.right, x.Affine) and not cond.right.terms
        if not fixed or place not in (None, axes.index(cond.left)):
            return None
        place = axes.index(cond.left)
        ends.append(cond.right.constant)
    starts = [Size(), *ends]
    sizes = [b - a for a, b in zip(starts, [*ends, axes[place].size], strict=True)]
    if not all(bounds.nonnegative(n) for n in sizes):
        return None
    values = [v for _, v in rhs.branches] + [rhs.otherwise]
    return place, [(n, (v, s)) for n, v, s in zip(sizes, values, starts, strict=True)]


def _shaped(low: Lowering, name: str, v: Value, axes: Axes, indices, piece: Size | None = None) -> Node:
    """The value with exactly the axes of the equation."""
    fitted = fit(v, axes)
    if not axes and v.sort == "number" and name.startswith("∂"):
        return Full((), v.node, _like(low.program, name))
    if fitted.axes == axes:
        return fitted.node
    sizes = tuple(Size.of(1) if a is None else a.size for a in axes)
    missing = axes[: len(axes) - len(fitted.axes)]
    if v.sort != "number" and all(a is None for a in missing) and fitted.axes == axes[len(missing) :]:
        return _led(fitted, len(missing))
    like = _like(low.program, name) if piece is None else None
    return Full(sizes, fitted.node, like, v.sort == "number")


def _led(v: Value, count: int) -> Node:
    """New axes of length 1 in front."""
    from derive.arrays.axes import kept
    from derive.arrays.program import NEW, Pick

    whole = kept(v)
    if whole is not None and len(whole.axes) == len(v.axes) + count and None not in whole.axes[count:]:
        return whole.node
    return Pick(v.node, (NEW,) * count)


__all__ = ["Plan", "Permute", "lower_equation", "owned", "plan", "planned", "store", "zeros"]
