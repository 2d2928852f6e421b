"""Subscripts: reading `a[...]`, and stores `a[...] = v`, `a[...] += v`, as new versions of the buffer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from derive import expr as x
from derive.expr import Cond, Expr, Slot
from derive.index import Index, Size
from derive.readers.arrays import aligned, broadcast_shape, stacked
from derive.readers.run import Run, entries
from derive.readers.values import (
    UNIT,
    Along,
    Array,
    Fixed,
    Masked,
    Pair,
    Parameter,
    Range,
    Restart,
    Shape,
    Slots,
    View,
    condition,
    constant,
    integer,
    kind,
    number,
    unit,
)


@dataclass(frozen=True)
class Slice:
    """A slice of an axis: start, step and the number of places."""

    start: Slot
    step: Size
    length: Size


@dataclass(frozen=True)
class NewAxis:
    """None or np.newaxis."""


@dataclass(frozen=True, eq=False)
class Pick:
    """An array of integers as a subscript."""

    array: Array


Item = Fixed | Slice | NewAxis | Pick

# ---------------------------------------------------------------- subscripts


def slot_of(run: Run, value: object) -> Slot | None:
    """The place that a scalar integer value denotes, or None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, Size)):
        return x.whole_slot(value)
    if isinstance(value, Array) and not value.rank and value.sort == "int":
        return x.as_slot(value.body(()))
    return None


def items_of(run: Run, subscript: object, shape: Shape) -> list[Item]:
    """The subscript, one item an axis: the ellipsis filled in, missing axes taken whole."""
    raw = list(subscript) if isinstance(subscript, tuple) else [subscript]
    dots = [k for k, v in enumerate(raw) if v is Ellipsis]
    if len(dots) > 1:
        raise run.mismatch("a subscript has at most one `...`")
    used = sum(_axes_used(v) for v in raw)
    if used > len(shape):
        raise run.mismatch(f"{used} subscripts for an array of {len(shape)} axes", "", "declare its shape: # shapes: …")
    fill = [slice(None)] * (len(shape) - used)
    raw = raw[: dots[0]] + fill + raw[dots[0] + 1 :] if dots else raw + fill
    items, axis = [], 0
    run.pick_size = next((_length(v) for v in raw if isinstance(v, Range)), None) or next(
        (v.shape[0] for v in raw if isinstance(v, Array) and v.rank), None
    )
    for value in raw:
        items.append(NewAxis() if value is None else _item(run, value, shape[axis]))
        axis += value is not None
    return items


def _axes_used(value: object) -> int:
    return 0 if value is None or value is Ellipsis else 1


def _integers(run: Run, value: Array) -> str:
    """The declaration that makes an array one of integers, the input from which it was picked: `y int (n,)`."""
    entry, made = value.body(tuple(Index("i", n) for n in value.shape)), {e.name: e.rhs for e in run.equations}
    while isinstance(entry, x.Entry) and entry.name in made:
        entry = made[entry.name]
    known = run.inputs.get(getattr(entry, "name", ""))
    name, rank = (known.name, len(known.shape)) if known is not None else ("y", value.rank)
    return f"{name} int ({', '.join('ntkm'[:rank])}{',' if rank == 1 else ''})"


def _item(run: Run, value: object, n: Size) -> Item:
    if isinstance(value, slice):
        return slice_of(run, value, n)
    if isinstance(value, Range):
        i = Index("i", _length(value))
        first, step = x.whole_slot(value.start), Size.of(value.step)
        array = Array((i.size,), lambda s: x.as_value(x.affine([(s[0], step), (first, UNIT)])), "int")
        return Pick(array)
    if isinstance(value, (list, tuple)) and value:
        parts = [v if isinstance(v, Array) else number(v) for v in value if isinstance(v, (int, Size, Array))]
        return _item(run, stacked(run, parts), n)
    if isinstance(value, Pair):
        value = value.values
    if isinstance(value, Array) and value.rank:
        if value.sort == "bool":
            raise run.unsupported("a mask among other subscripts", "the length of the result depends on the data",
                                  "use np.where(mask, a, 0) or a store a[mask] = v")  # fmt: skip
        if value.sort == "real":
            raise run.unsupported("a real array as a subscript", "subscripts are integers",
                                  f"declare it int: # shapes: {_integers(run, value)}")  # fmt: skip
        return Pick(value)
    if isinstance(value, Parameter):
        run.knowledge.places.setdefault(value.name, run.span())
        run.knowledge.guesses[value.name] = (run.pick_size or run.knowledge.new_letter(f"{value.name}_0"),)
        run.knowledge.sorts[value.name] = "int"
        raise Restart
    slot = slot_of(run, value)
    if slot is None:
        raise run.unsupported(f"{kind(value)} as a subscript", "subscripts are integers, slices, None, `...` or labels")
    return Fixed(_from_end(run, slot, n))


def _from_end(run: Run, slot: Slot, n: Size) -> Slot:
    """Negative constants count from the end."""
    if isinstance(slot, x.Affine) and not slot.terms:
        c = slot.constant
        if negative(c):
            return x.whole_slot(c + n)
        if c.number is not None and n.number is not None and c.number >= n.number:
            raise run.mismatch(f"place {c} of an axis of length {n}")
    return not_negative(run, slot)


def not_negative(run: Run, slot: Slot) -> Slot:
    """A moving place must not be able to fall below 0, where NumPy would count from the end."""
    if not isinstance(slot, x.Affine) or not slot.terms:
        return slot
    c = slot.constant.number
    falling = all(k.number is not None and k.number < 0 for _, k in slot.terms)
    if c is not None and (falling or c < 0):
        raise run.unsupported("a place that can be negative", "there NumPy counts from the end of the axis",
                              "start the loop later, as in range(1, T); count labels from 0")  # fmt: skip
    return slot


def negative(n: Size) -> bool:
    """Whether a size is written as minus something."""
    return bool(n.terms) and all(c < 0 for _, c in n.terms)


def _length(r: Range) -> Size:
    span = Size.of(r.stop) - Size.of(r.start)
    step = Size.of(r.step)
    if step.number is not None and step.number < 0:
        span, step = -span, -step
    if span.number is not None and span.number < 0:
        return Size()
    return (span + step - 1) // step if span.divided(step) is None else span.divided(step)


range_length = _length


def slice_of(run: Run, s: slice, n: Size) -> Slice:
    """start, step and length of a slice on an axis of length n."""
    step = 1 if s.step is None else run.static(s.step)
    if not isinstance(step, (int, Size)) or step == 0:
        raise run.unsupported("a slice step that is not a known integer", hint="make the step an int parameter")
    step = Size.of(step)
    back = step.number is not None and step.number < 0
    start = _bound(run, s.start, n, x.whole_slot(n - 1) if back else x.whole_slot(0))
    stop = _bound(run, s.stop, n, x.whole_slot(-1) if back else x.whole_slot(n))
    stop = _clamped(run, stop, n)
    distance = x.affine([(start, UNIT), (stop, -UNIT)] if back else [(stop, UNIT), (start, -UNIT)])
    if not isinstance(distance, x.Affine) or distance.terms:
        raise run.unsupported("a slice whose length changes with the loop", "every axis needs one length",
                              "use a mask, e.g. np.tril, instead")  # fmt: skip
    length = _length(Range(0, distance.constant, -step if back else step))
    if _at_least_zero(run, length) != length:
        raise run.mismatch("this slice is empty", "its end lies before its start", "correct the bounds")
    return Slice(start, step, length)


def _bound(run: Run, value: object, n: Size, default: Slot) -> Slot:
    if value is None:
        return default
    slot = slot_of(run, run.static(value))
    if slot is None:
        raise run.unsupported(f"{kind(value)} as a slice bound", "bounds are integers, sizes or loop variables")
    if isinstance(slot, x.Affine) and not slot.terms and negative(slot.constant):
        return x.whole_slot(_at_least_zero(run, slot.constant + n))
    return not_negative(run, slot)


def _at_least_zero(run: Run, n: Size) -> Size:
    """A bound before the first place is the first place, where sample lengths tell."""
    lengths = run.knowledge.lengths
    return Size() if n.letters <= lengths.keys() and n.at(lengths) < 0 else n


def _clamped(run: Run, stop: Slot, n: Size) -> Slot:
    """A constant stop beyond the end is the end."""
    if not isinstance(stop, x.Affine) or stop.terms:
        return stop
    lengths, both = run.knowledge.lengths, stop.constant.letters | n.letters
    if both <= lengths.keys() and stop.constant.at(lengths) > n.at(lengths):
        return x.whole_slot(n)
    return stop


# ---------------------------------------------------------------- reading


def read(run: Run, a: Array, subscript: object) -> Array | Masked:
    """a[subscript]."""
    mask = subscript[0] if isinstance(subscript, tuple) and len(subscript) == 1 else subscript
    if isinstance(mask, Array) and mask.sort == "bool" and mask.rank:
        return Masked(a, mask)
    items = items_of(run, subscript, a.shape)
    return _picked(run, a, items) if any(isinstance(i, Pick) for i in items) else _basic(a, items)


def _basic(a: Array, items: list[Item]) -> Array:
    shape, chosen = [], []
    for item in items:
        if isinstance(item, Fixed):
            chosen.append(item)
            continue
        if isinstance(item, Slice):
            chosen.append(Along(len(shape), item.start, item.step))
        shape.append(item.length if isinstance(item, Slice) else UNIT)

    def reach(slots: Slots) -> Slots:
        return tuple(_place(c, slots) for c in chosen)

    view = None if a.view is None else _within(a.view, chosen, reach)
    return Array(tuple(shape), lambda slots: a.body(reach(slots)), a.sort, view, a.cheap)


def _place(c: Fixed | Along, slots: Slots) -> Slot:
    return c.slot if isinstance(c, Fixed) else x.affine([(c.start, UNIT), (slots[c.axis], c.step)])


def _within(view: View, chosen: list[Fixed | Along], reach: Callable) -> View:
    """A basic subscript of a view is a view of the same buffer."""
    old = view.reach
    selectors = None
    if view.selectors is not None:
        selectors = tuple(s if isinstance(s, Fixed) else _composed(s, chosen[s.axis]) for s in view.selectors)
    return View(view.buffer, lambda slots: old(reach(slots)), selectors, view.stamp, view.loose)


def _composed(outer: Along, inner: Fixed | Along) -> Fixed | Along:
    if isinstance(inner, Fixed):
        return Fixed(x.affine([(outer.start, UNIT), (inner.slot, outer.step)]))
    return Along(inner.axis, x.affine([(outer.start, UNIT), (inner.start, outer.step)]), outer.step * inner.step)


def _picked(run: Run, a: Array, items: list[Item]) -> Array:
    """Integer arrays as subscripts, with NumPy's placement of the picked axes."""
    for item, n in zip((i for i in items if not isinstance(i, NewAxis)), a.shape, strict=False):
        if isinstance(item, Pick):
            _rows_of_one_set(run, item.array, n)
    shape, picked, place = _layout(run, items)

    def body(slots: Slots) -> Expr:
        along = slots[place : place + len(picked)]
        rest = iter((*slots[:place], *slots[place + len(picked) :]))
        return a.body(_reached(run, items, picked, along, rest))

    return Array(shape, body, a.sort, cheap=a.cheap)


def _rows_of_one_set(run: Run, picks: Array, n: Size) -> None:
    """`X[ix]` and `Y[ix]`: axes of ours with one and the same known length, picked by one array, are one size."""
    e = picks.body(run.fresh(picks.shape))
    lengths, own = run.knowledge.lengths, run.knowledge.generated
    if isinstance(e, x.Entry) and n.letter in own and n.letter in lengths:
        known = run.picked.setdefault(e.name, n)
        if known != n and known.letter in own and lengths[known.letter] == lengths[n.letter]:
            run.unify(known, n)


def _layout(run: Run, items: list[Item]) -> tuple[Shape, Shape, int]:
    """The result's shape, the shape of the picks, and the axis where the picks stand."""
    picked = broadcast_shape(run, *(i.array.shape for i in items if isinstance(i, Pick)))
    advanced = [k for k, i in enumerate(items) if isinstance(i, (Pick, Fixed))]
    together = advanced == list(range(advanced[0], advanced[-1] + 1))
    rest = [(k, i.length if isinstance(i, Slice) else UNIT) for k, i in enumerate(items) if k not in advanced]
    before = [n for k, n in rest if together and k < advanced[0]]
    after = [n for k, n in rest if not (together and k < advanced[0])]
    return (*before, *picked, *after), picked, len(before)


def _reached(run: Run, items: list[Item], picked: Shape, along: Slots, rest) -> Slots:
    """The slots of the source array for one place of the result."""
    slots: list[Slot] = []
    for item in items:
        if isinstance(item, Fixed):
            slots.append(item.slot)
        elif isinstance(item, Pick):
            slots.append(picked_slot(run, item.array, picked, along))
        else:
            own = next(rest)
            if isinstance(item, Slice):
                slots.append(x.affine([(item.start, UNIT), (own, item.step)]))
    return tuple(slots)


def picked_slot(run: Run, array: Array, shape: Shape, slots: Slots) -> Slot:
    """The place that an array of integers names."""
    e = aligned(array, shape)(slots)
    slot = x.as_slot(e)
    if slot is None:
        raise run.unsupported("this array of integers as a subscript", "it is no index, label or arithmetic of them",
                              "index with an integer input or with arange/range")  # fmt: skip
    return not_negative(run, slot)


# ---------------------------------------------------------------- stores


@dataclass
class Target:
    """Where a store goes: the view it fills, and the unknowns (picked places, loop variables) that say where."""

    view: View
    shape: Shape
    unknown: list[Index]
    value_slots: Callable[[Slots], Slots]


def target_of(run: Run, a: Array, subscript: object) -> Target:
    """The part of a buffer that a subscript selects for a store."""
    items = items_of(run, subscript, a.shape)
    unknown: list[Index] = []
    shape, picked, place = _layout(run, items) if any(isinstance(i, Pick) for i in items) else ((), (), 0)
    if any(isinstance(i, Pick) for i in items):
        unknown = [Index("i", n) for n in picked]
        along = tuple(unknown)
        items = [Fixed(picked_slot(run, i.array, picked, along)) if isinstance(i, Pick) else i for i in items]
    part = _basic(a, items)
    if part.view is None or part.view.selectors is None:
        raise run.unsupported(
            "a store into a reshaped array or into a value without a name",
            "only names and plain slices of them can be stored to",
            "store into the named array itself",
        )
    count = len(unknown)
    return Target(part.view, shape if count else part.shape, unknown,
                  lambda slots: (*slots[:place], *unknown, *slots[place:]) if count else slots)  # fmt: skip


def store(run: Run, a: Array, subscript: object, op: str, value: Array, add_at: bool = False) -> None:
    """a[subscript] op= value; op is '' for a plain store."""
    if isinstance(subscript, Array) and subscript.sort == "bool" and subscript.rank:
        mask = subscript
        broadcast_shape(run, (*mask.shape, *a.shape[mask.rank :]), a.shape)
        full = Array(a.shape, lambda s: mask.body(_masked_slots(mask, s)), "bool")
        new = Array(a.shape, _masked(run, a, full, op, value), a.sort)
        mutate(run, a, new)
        return
    target = target_of(run, a, subscript)
    if broadcast_shape(run, target.shape, value.shape) != target.shape:
        raise run.mismatch("the stored value is larger than the place it goes to")
    mutate_buffer(run, target, op, aligned(value, target.shape), add_at)


def _masked_slots(mask: Array, slots: Slots) -> Slots:
    return tuple(x.whole_slot(0) if unit(n) else s for s, n in zip(slots[: mask.rank], mask.shape, strict=True))


def _masked(run: Run, a: Array, mask: Array, op: str, value: Array) -> Callable[[Slots], Expr]:
    new = aligned(value, a.shape)

    def body(slots: Slots) -> Expr:
        old = a.body(slots)
        return x.cases([(condition(mask.body(slots)), combined(op, old, new(slots)))], old)

    return body


def combined(op: str, old: Expr, new: Expr) -> Expr:
    """old op new."""
    table = {"": lambda: new, "+": lambda: old + new, "-": lambda: old - new, "*": lambda: old * new,
             "/": lambda: old / new, "**": lambda: x.power(old, new)}  # fmt: skip
    return table[op]()


def mutate(run: Run, a: Array, new: Array) -> None:
    """Replace all entries of a view by those of another array of its shape."""
    if a.view is None or a.view.selectors is None:
        raise run.unsupported(
            "an in-place change of a reshaped array, of what may be a copy, or of a value without a name",
            "only names and plain slices of them change in place",
            "assign the result to a name",
        )
    mutate_buffer(run, Target(a.view, a.shape, [], lambda s: s), "", aligned(new, a.shape), False)


def mutate_buffer(run: Run, target: Target, op: str, value: Callable[[Slots], Expr], add_at: bool) -> None:
    """The new version of a buffer after a store, and of every name that views it."""
    buffer = target.view.buffer
    old = entries(buffer.anchor, buffer.shape, buffer.sort, buffer.loops)
    unknown = [*target.unknown, *(p for p in run.loops if p not in buffer.born)]
    run.check_store(target.view)
    marks = tuple(Index("i", n) for n in _rest_shape(target))
    run.check_carried(value(target.value_slots(marks)))

    def body(slots: Slots) -> Expr:
        conds, safe, e, left = _solved(target, slots, unknown, value)
        return _stored(run, op, old.body(slots), e, conds, safe, left, target, add_at)

    rebind(run, buffer, Array(buffer.shape, body, buffer.sort))


def _solved(target: Target, slots: Slots, unknown: list[Index], value: Callable[[Slots], Expr]):
    """Conditions under which the buffer's place is stored to, the value there, and the unknowns left over.

    `safe`: the value exists at every place, even where the conditions fail.
    """
    solved: dict[Index, Slot] = {}
    conds: list[Cond] = []
    own: dict[int, Slot] = {}
    safe = True
    for n, s, selector in zip(target.view.buffer.shape, slots, target.view.selectors, strict=True):
        if isinstance(selector, Fixed):
            p, rest = _unit_unknown(selector.slot, [u for u in unknown if u not in solved])
            if p is None:
                conds.append(x.rel("eq", s, selector.slot))
                continue
            solved[p] = x.affine([(s, UNIT), (rest, -UNIT)])
            bounds = _inside(solved[p], p.size, n, rest)
        else:
            own[selector.axis], bounds = _along(selector, s, target, n)
        conds += bounds
        safe = safe and not bounds
    place = tuple(own.get(k, x.whole_slot(0)) for k in range(_view_rank(target)))
    e = x.substitute(value(target.value_slots(place)), solved)
    conds = [x.substitute(c, solved) for c in conds]
    return conds, safe, e, [u for u in unknown if u not in solved]


def _view_rank(target: Target) -> int:
    return len(target.shape) - len(target.unknown)


def _unit_unknown(slot: Slot, unknown: list[Index]) -> tuple[Index | None, Slot]:
    """An unknown with coefficient 1 in a slot, and the rest of the slot."""
    if isinstance(slot, Index):
        return (slot, x.whole_slot(0)) if slot in unknown else (None, slot)
    if isinstance(slot, x.Affine):
        for s, c in slot.terms:
            rest = x.affine([(slot, UNIT), (s, -UNIT)])
            if isinstance(s, Index) and s in unknown and c.number == 1 and s not in x.free_indices(rest):
                return s, rest
    return None, slot


def _inside(slot: Slot, n: Size, axis: Size, rest: Slot) -> list[Cond]:
    """0 <= slot < n, without what always holds on an axis of that length."""
    start = rest.constant if isinstance(rest, x.Affine) and not rest.terms else None
    conds = [] if start is not None and start.number == 0 else [x.rel("le", x.whole_slot(0), slot)]
    ends = start is not None and start + n == axis
    return conds if ends else [*conds, x.rel("lt", slot, x.whole_slot(n))]


def _along(selector: Along, s: Slot, target: Target, n: Size) -> tuple[Slot, list[Cond]]:
    """The view's place for a buffer place on a sliced axis, and when there is one."""
    length = _rest_shape(target)[selector.axis]
    if selector.step.number is not None and selector.step.number < 0:
        return _backwards(selector, s, length, n)
    shifted = x.affine([(s, UNIT), (selector.start, -UNIT)])
    if selector.step.number == 1:
        return (x.whole_slot(0) if unit(length) else shifted), _inside(shifted, length, n, selector.start)
    conds = _inside(shifted, selector.step * (length - 1) + 1, n, selector.start)
    conds.append(x.rel("eq", x.part(shifted, UNIT, selector.step), x.whole_slot(0)))
    return x.part(shifted, selector.step, None), conds


def _backwards(selector: Along, s: Slot, length: Size, n: Size) -> tuple[Slot, list[Cond]]:
    """The same for a slice with a negative step: counted down from its start."""
    step = -selector.step
    shifted = x.affine([(selector.start, UNIT), (s, -UNIT)])
    whole = isinstance(selector.start, x.Affine) and not selector.start.terms and selector.start.constant == n - 1
    conds = [] if whole else [x.rel("le", x.whole_slot(0), shifted)]
    if not (whole and length == n):
        conds.append(x.rel("lt", shifted, x.whole_slot(step * (length - 1) + 1)))
    if step.number == 1:
        return shifted, conds
    return x.part(shifted, step, None), [*conds, x.rel("eq", x.part(shifted, UNIT, step), x.whole_slot(0))]


def _rest_shape(target: Target) -> Shape:
    """The shape of the view without the picked axes."""
    laid = target.value_slots(tuple(x.whole_slot(k) for k in range(_view_rank(target))))
    return tuple(n for n, s in zip(target.shape, laid, strict=True) if s not in target.unknown)


def _stored(run: Run, op: str, old: Expr, e: Expr, conds: list[Cond], safe: bool, left: list[Index], target: Target,
            add_at: bool) -> Expr:  # fmt: skip
    """The entry after the store."""
    cond = x.both(*conds)
    adding = op in ("+", "-")
    used = [u for u in left if u in e.free | cond.free]
    if adding and (add_at or not any(u in target.unknown for u in left)):
        term = e
        for place, u in enumerate(reversed(left)):
            term = x.reduce_("sum", u, term, cond if place == 0 else None)
        if not left:
            term = e if cond.key == x.TRUE.key else x.indicator(cond) * e if safe else x.cases([(cond, e)], x.ZERO)
        return old + term if op == "+" else old - term
    if used or (left and op):
        raise run.unsupported("a store whose place does not follow from the loop or label alone",
                              "several values may be written to the same place, and the last one wins",
                              "add instead: np.add.at(a, index, values), or a[i] += … in the loop")  # fmt: skip
    return x.cases([(cond, combined(op, old, e))], old)


def rebind(run: Run, buffer, new: Array) -> None:
    """Give a buffer its new version: an equation for the name that holds all of it, and one for every view."""
    bound = [(scope, name, v) for scope in run.scopes for name, v in scope.items()
             if isinstance(v, Array) and v.view is not None and v.view.buffer is buffer]  # fmt: skip
    whole = [b for b in bound if _is_whole(b[2])]
    target = run.target_name
    first = next((b for b in whole if b[1] == target and b[0] is run.scopes[-1]), whole[0] if whole else None)
    helper, name = _local_of(run, first, buffer)
    internal = run.new_internal(name, helper)
    over = run.define(internal, new, stored=True)
    buffer.anchor, buffer.loops = internal, over
    buffer.versions.add(internal)
    buffer.stamp += 1
    for scope, name, old in bound:
        if first is not None and scope is first[0] and name == first[1]:
            fresh = entries(internal, old.shape, old.sort, over)
        elif old.view.loose:  # stale from now on: whether it has changed too, nobody knows
            continue
        else:
            fresh = _version(run, scope, name, run.current(old))
        scope[name] = replace(fresh, view=replace(old.view, stamp=buffer.stamp))


def _version(run: Run, scope: dict, name: str, array: Array) -> Array:
    helper = run.helper_of(scope)
    internal = run.new_internal(name, helper)
    over = run.define(internal, array)
    array.view.buffer.versions.add(internal)
    return entries(internal, array.shape, array.sort, over)


def _is_whole(a: Array) -> bool:
    return (
        a.view.selectors is not None
        and a.shape == a.view.buffer.shape
        and all(
            isinstance(s, Along) and s.axis == k and s.step.number == 1 and _is_zero(s.start)
            for k, s in enumerate(a.view.selectors)
        )
    )


def _is_zero(slot: Slot) -> bool:
    return isinstance(slot, x.Affine) and not slot.terms and slot.constant.number == 0


def _local_of(run: Run, bound, buffer) -> tuple[str, str]:
    if bound is not None:
        return run.helper_of(bound[0]), bound[1]
    for (helper, name), local in run.locals.items():
        if buffer.versions & set(local.internals):
            return helper, name
    return "", "buffer"


__all__ = ["constant", "integer", "items_of", "mutate", "read", "slot_of", "store"]
