"""Slots as integers, and entries as views of named arrays: slices, reshapes, sliding windows, else gathers."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations

from derive import expr as x
from derive.arrays import bounds
from derive.arrays.axes import Axes, Value, common_order, elementwise, fit, merged
from derive.arrays.program import (
    FULL,
    Arange,
    Best,
    Counter,
    Length,
    Load,
    Map,
    Node,
    Number,
    Permute,
    Pick,
    Repeated,
    Reshape,
    Slice,
    Windows,
)  # fmt: skip
from derive.expr import Expr
from derive.index import Index, Size
from derive.program import Program

ONE = Number(Fraction(1))


class Places:
    """The part of a lowering that reads arrays; `value` and the names of arrays are the other part's."""

    program: Program
    counters: set[Index]
    guarded: bool

    # -- positions

    def position(self, slot: x.Slot, want: Axes = ()) -> Value:
        """A slot as integers."""
        match slot:
            case Index(size=n):
                if slot in self.counters:
                    return Value(Counter(slot), (), "number")
                return Value(Number(Fraction(0)), (), "number") if n.number == 1 else Value(Arange(n), (slot,), "int")
            case x.Entry():
                return self.entry(slot, want)
            case x.Affine(terms=terms, constant=constant):
                return self._affine(terms, constant, want)
            case x.Join(parts=joined):
                return self._joined(joined, want)
            case x.Part(slot=inner, divisor=divisor, modulus=modulus):
                v = self.position(inner, want)
                if divisor.number != 1:
                    v = self._whole("floordiv", v, Value(length(divisor), (), "number"), want)
                return v if modulus is None else self._whole("mod", v, Value(length(modulus), (), "number"), want)
            case x.ArgBest(op=op, index=i, body=body):
                return self._best(op, i, body, want)
        raise TypeError(f"have you added a new slot? {type(slot).__name__}")

    def _whole(self, op: str, a: Value, b: Value, want: Axes) -> Value:
        sort = "number" if a.sort == b.sort == "number" else "int"
        return elementwise(op, [a, b], want, sort)

    def _affine(self, terms, constant: Size, want: Axes) -> Value:
        result = None
        for slot, c in sorted(terms, key=lambda t: bounds.sign(t[1]) == -1):
            v = self.position(slot, want)
            negative = bounds.sign(c) == -1
            scale = -c if negative else c
            if scale.number != 1:
                v = self._whole("mul", Value(length(scale), (), "number"), v, want)
            if result is None:
                zero = Value(length(constant), (), "number")
                result, constant = (self._whole("sub", zero, v, want), Size()) if negative else (v, constant)
            else:
                result = self._whole("sub" if negative else "add", result, v, want)
        if result is None:
            return Value(length(constant), (), "number")
        if constant.number == 0:
            return result
        negative = bounds.sign(constant) == -1
        shift = Value(length(-constant if negative else constant), (), "number")
        return self._whole("sub" if negative else "add", result, shift, want)

    def _joined(self, joined, want: Axes) -> Value:
        result = self.position(joined[0][0], want)
        for slot, n in joined[1:]:
            result = self._whole("mul", result, Value(length(n), (), "number"), want)
            result = self._whole("add", result, self.position(slot, want), want)
        return result

    def _best(self, op: str, i: Index, body: Expr, want: Axes) -> Value:
        v = self.value(body, ())
        if i not in v.axes:
            return Value(Number(Fraction(0)), (), "number")
        axis = v.axes.index(i)
        return Value(Best(op, v.node, axis, len(v.axes)), v.axes[:axis] + v.axes[axis + 1 :], "int")

    # -- entries

    def entry(self, e: x.Entry, want: Axes = ()) -> Value:
        """A view of a named array where the slots allow one, else a gather."""
        repeated = self._repeated(e)
        if repeated is not None:
            return repeated
        node, slots, shape = Load(e.name), list(e.slots), list(self.shape(e.name))
        node, slots, shape = self._merged_digits(node, slots, shape)
        node, slots, shape = self._split_joins(node, slots, shape)
        node, slots, shape = self._windows(node, slots, shape)
        items, axes = self.items(slots, shape, want)
        node = Pick(node, items) if items else node
        return Value(node, axes, self.sort(e.name))

    def _repeated(self, e: x.Entry) -> Value | None:
        """mu[i, c//K] over all of c: every entry K times."""
        parted = [k for k, s in enumerate(e.slots) if isinstance(s, x.Part)]
        if len(parted) != 1:
            return None
        (k,), s, n = parted, e.slots[parted[0]], self.shape(e.name)[parted[0]]
        others = [o for o in e.slots if o is not s]
        plain = all(isinstance(o, Index) and o not in self.counters for o in others) and len(set(others)) == len(others)
        if not plain or s.modulus is not None or not isinstance(s.slot, Index) or s.slot in (*others, *self.counters):
            return None
        lengths = [*self.shape(e.name)[:k], *self.shape(e.name)[k + 1 :]]
        if s.slot.size != n * s.divisor or [o.size for o in others] != lengths:
            return None
        axes = tuple(s.slot if o is s else o for o in e.slots)
        return Value(Repeated(Load(e.name), s.divisor, k), axes, self.sort(e.name))

    def _merged_digits(self, node: Node, slots: list, shape: list) -> tuple[Node, list, list]:
        """emb[i, c//E, c%E]: axes whose slots are all the digits of one slot become one axis."""
        for base in {s.slot.key if isinstance(s.slot, x.Term) else s.slot: s.slot for s in slots
                     if isinstance(s, x.Part)}.values():  # fmt: skip
            places = [k for k, s in enumerate(slots) if isinstance(s, x.Part) and s.slot == base]
            for order in permutations(places):
                whole = x.join([(slots[k], shape[k]) for k in order])
                if not isinstance(whole, x.Join) and len(order) > 1:
                    node, slots, shape = _fused(node, slots, shape, order, whole)
                    return self._merged_digits(node, slots, shape)
        return node, slots, shape

    def _split_joins(self, node: Node, slots: list, shape: list) -> tuple[Node, list, list]:
        """x[(t:T, e:E)]: the axis is split into its digits."""
        if not any(isinstance(s, x.Join) and x.slot_size(s) == n for s, n in zip(slots, shape, strict=True)):
            return node, slots, shape
        new_slots, new_shape = [], []
        for s, n in zip(slots, shape, strict=True):
            digits = s.parts if isinstance(s, x.Join) and x.slot_size(s) == n else ((s, n),)
            new_slots += [d for d, _ in digits]
            new_shape += [m for _, m in digits]
        node = node.arg if isinstance(node, Reshape) else node
        return Reshape(node, tuple(new_shape)), new_slots, new_shape

    def _windows(self, node: Node, slots: list, shape: list) -> tuple[Node, list, list]:
        """x[p + s*a]: sliding windows, with p along a new last axis."""
        found = [(k, *_window(s, self.counters)) for k, s in enumerate(slots) if _window(s, self.counters)]
        used = [i for s in slots for i in x.free_indices(s)]
        found = [f for f in found if used.count(f[1]) == 1 == used.count(f[2][0])]
        found = [f for f in found if not self.guarded or bounds.inside(slots[f[0]], shape[f[0]], self.program)]
        if not found:
            return node, slots, shape
        slots, shape = list(slots), list(shape)
        starts = [FULL] * len(slots)
        for k, p, (a, c), start in found:
            if start.number != 0:
                starts[k], shape[k] = Slice(length(start), None), shape[k] - start
            shape[k] = shape[k] - p.size + 1
            slots[k] = x.affine([(a, c)])
        node = Pick(node, _trimmed(starts)) if _trimmed(starts) else node
        node = Windows(node, tuple(k for k, *_ in found), tuple(p.size for _, p, *_ in found))
        return node, [*slots, *(p for _, p, *_ in found)], [*shape, *(p.size for _, p, *_ in found)]

    def items(self, slots: list, shape: list, want: Axes = ()) -> tuple[tuple[Node, ...], Axes]:
        """Subscripts for slots on axes of given sizes, and the index along each axis of what they pick."""
        used = [i for s in slots for i in x.free_indices(s) - self.counters]
        plain = [self._slice(s, n, used) for s, n in zip(slots, shape, strict=True)]
        rows = zip(slots, shape, plain, strict=True)
        gathered = [self._gather(s, n, want) if p is None else None for s, n, p in rows]
        arrays = [g for g in gathered if g is not None and g.axes]
        order = common_order(arrays, want) if arrays else ()
        items: list[Node] = []
        axes: list[Index | None] = []
        where = []
        for k, (p, g) in enumerate(zip(plain, gathered, strict=True)):
            if p is None:
                items.append(fit(g, order).node)
                where.append(k)
            else:
                items.append(p[0])
                where += [k] if p[1] == () else []
                axes += [(k, i) for i in p[1]]
        if not arrays:
            return _trimmed(items), tuple(i for _, i in axes)
        together = where == list(range(where[0], where[-1] + 1))
        first = where[0] if together else -1
        before, after = [i for k, i in axes if k < first], [i for k, i in axes if k >= first]
        return _trimmed(items), (*before, *merged([fit(g, order) for g in arrays], order), *after)

    def _slice(self, slot: x.Slot, n: Size, used: list[Index]) -> tuple[Node, tuple] | None:
        """A slot as a slice or a fixed place with the index that it leaves; None: it needs integer arrays."""
        if isinstance(slot, Index) and slot not in self.counters:
            if n.number == 1 and slot.size.number == 1:
                return FULL, (None,)
            if used.count(slot) > 1:
                return None
            if slot.size == n:
                return FULL, (slot,)
        if n.number == 1 and isinstance(slot, x.Affine) and not slot.terms:
            return FULL, (None,)
        terms, constant = (slot.terms, slot.constant) if isinstance(slot, x.Affine) else (((slot, Size.of(1)),), Size())
        if not all(isinstance(s, Index) for s, _ in terms):
            return None
        if self.guarded and not bounds.inside(slot, n, self.program):
            return None
        moving = [(s, c) for s, c in terms if s not in self.counters]
        if not moving:
            return self.position(slot).node, ()
        (i, step) = moving[0]
        if len(moving) > 1 or used.count(i) > 1 or bounds.sign(step) != 1:
            return None
        rest = x.affine([t for t in terms if t[0] in self.counters], constant)
        return self._stretch(rest, i.size, step, n), (i,)

    def _stretch(self, start: x.Slot, count: Size, step: Size, n: Size) -> Slice:
        """start : start + step·count : step, without the bounds that go without saying."""
        fixed = start.constant if isinstance(start, x.Affine) and not start.terms else None
        last = None if fixed is None else fixed + step * (count - 1) + 1
        stops = last is None or not (bounds.nonnegative(last - n) or bounds.nonnegative(last + step - 1 - n))
        low = None if fixed is not None and fixed.number == 0 else self.position(start).node
        span = length(count) if step.number == 1 else Map("mul", (length(step), length(count)))
        end = span if low is None else Map("add", (low, span))
        if fixed is not None and (step.number == 1 or count.number is not None):
            end = length(fixed + step * count)
        return Slice(low, end if stops else None, None if step.number == 1 else step)

    def _gather(self, slot: x.Slot, n: Size, want: Axes) -> Value:
        v = self.position(slot, want)
        if v.sort == "bool":
            v = Value(Map("mul", (v.node, ONE)), v.axes, "int")
        if self.guarded and not bounds.inside(slot, n, self.program):
            top = Value(length(n - 1), (), "number")
            return elementwise("clip", [v, Value(Number(Fraction(0)), (), "number"), top], want, "int")
        return v


def length(n: Size) -> Node:
    """A size as a number in the text."""
    return Number(Fraction(n.number)) if n.number is not None else Length(n)


def _trimmed(items: list[Node]) -> tuple[Node, ...]:
    items = list(items)
    while items and items[-1] == FULL:
        items.pop()
    return tuple(items)


def _window(slot: x.Slot, counters: set[Index]):
    """p + s*a + start as (p, (a, s), start): p runs along the window, a over the windows."""
    if not isinstance(slot, x.Affine) or len(slot.terms) != 2 or bounds.sign(slot.constant) != 1:
        return None
    if not all(isinstance(s, Index) and s not in counters and bounds.sign(c) == 1 for s, c in slot.terms):
        return None
    units = [t for t in slot.terms if t[1].number == 1]
    if not units:
        return None
    inner = min(units, key=lambda t: (len(str(t[0].size)), slot.terms.index(t)))
    return inner[0], next(t for t in slot.terms if t is not inner), slot.constant


def _fused(node: Node, slots: list, shape: list, order: tuple[int, ...], whole) -> tuple[Node, list, list]:
    """Axes `order` moved together and read as one."""
    first = min(order)
    others = [k for k in range(len(slots)) if k not in order]
    new = [k for k in others if k < first] + list(order) + [k for k in others if k > first]
    if new != list(range(len(slots))):
        node = Permute(node, tuple(new))
    place = new.index(order[0])
    rest = new[:place], new[place + len(order) :]
    joined = x.product_of([shape[k] for k in order])
    shape = [*(shape[k] for k in rest[0]), joined, *(shape[k] for k in rest[1])]
    slots = [*(slots[k] for k in rest[0]), whole, *(slots[k] for k in rest[1])]
    node = node.arg if isinstance(node, Reshape) else node
    return Reshape(node, tuple(shape)), slots, shape


__all__ = ["ONE", "Places", "length"]
