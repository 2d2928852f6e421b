"""Arrays whose places a loop fills one by one and reads at a fixed distance: `H[t + 1] = np.tanh(… H[t] …)`.

Within a round the place that it fills is an array of its own; the whole array is made when the body has been read.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from derive import expr as x
from derive.index import Size
from derive.readers import indexing
from derive.readers.arrays import aligned, broadcast_shape
from derive.readers.convert import as_array
from derive.readers.operators import combine
from derive.readers.rounds import Carry, Round, closed, opened
from derive.readers.run import Run
from derive.readers.values import UNIT, Array, Scope, Shape, integer


@dataclass(eq=False)
class Trail:
    """An array under way: what it held before the loop, what this round stores, what is read of other rounds."""

    name: str
    scope: Scope
    array: Array
    stored: tuple[int, x.Slot, Array] | None = None
    reads: dict[tuple[int, str], tuple[int, x.Slot, Carry]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Key:
    """A subscript with a place that moves with the loop: its axis, the place, and the other subscripts."""

    axis: int
    slot: x.Slot
    rest: tuple

    @property
    def whole(self) -> bool:
        return all(p is Ellipsis or p == slice(None) for p in self.rest)


def trail_of(run: Run, owner: object) -> tuple[Round, Trail] | None:
    """The loop that follows an array, and what it knows of it."""
    if not isinstance(owner, Array) or owner.view is None:
        return None
    for this in reversed(run.rounds):
        if id(owner.view.buffer) in this.trails:
            return this, this.trails[id(owner.view.buffer)]
    return None


def look_behind(run: Run, owner: object, subscript: object) -> None:
    """Follow an array of which a round reads a place that is below 0 in the first round: H[t - 1]."""
    if not isinstance(owner, Array) or owner.view is None:
        return
    for watch in run.watched:
        if owner.view.buffer not in watch.buffers:
            continue
        for part in subscript if isinstance(subscript, tuple) else (subscript,):
            slot = indexing.slot_of(run, part) if isinstance(part, Array) else None
            if isinstance(slot, x.Affine) and watch.index in x.free_indices(slot) and _negative(slot.constant):
                run.follow(watch, owner.view.buffer)


def read_trail(run: Run, this: Round, trail: Trail, owner: Array, subscript: object) -> object:
    """H[t]: of this round where it is stored already, else what stood there or an earlier round left."""
    key = _key(run, this, owner, subscript)
    row = _row(run, this, trail, key)
    return indexing.read(run, row, key.rest) if key.rest else row


def _key(run: Run, this: Round, owner: Array, subscript: object) -> _Key:
    raw = list(subscript) if isinstance(subscript, tuple) else [subscript]
    slots = [(k, slot) for k, part in enumerate(raw) if part is not None and part is not Ellipsis
             and (slot := indexing.slot_of(run, part)) is not None and this.index in x.free_indices(slot)]  # fmt: skip
    if len(slots) != 1:
        raise run.recurrent()
    ((k, slot),) = slots
    before = sum(p is not None for p in raw[:k])
    if Ellipsis in raw[:k]:
        before += owner.rank - sum(p is not None and p is not Ellipsis for p in raw) - 1
    rest = (*raw[:k], *raw[k + 1 :])
    if Ellipsis not in raw and k < len(raw) and before < owner.rank:
        rest = (*rest, *[slice(None)] * (owner.rank - sum(p is not None for p in raw)))
    return _Key(before, slot, rest)


def _shape(trail: Trail, axis: int) -> Shape:
    return trail.array.shape[:axis] + trail.array.shape[axis + 1 :]


def _row(run: Run, this: Round, trail: Trail, key: _Key) -> Array:
    if trail.stored is not None and trail.stored[0] == key.axis and _gap(trail.stored[1], key.slot) == 0:
        return run.current(trail.stored[2])
    where = key.axis, x.as_value(key.slot).key
    if where not in trail.reads:
        sort = "bool" if trail.array.sort == "bool" else "real"
        carry = opened(run, this, trail.name, _shape(trail, key.axis), sort)
        trail.reads[where] = key.axis, key.slot, carry
    return trail.reads[where][2].array


def _gap(a: x.Slot, b: x.Slot) -> int | None:
    gap = x.affine([(a, UNIT), (b, -UNIT)])
    return gap.constant.number if isinstance(gap, x.Affine) and not gap.terms else None


def store_trail(run: Run, this: Round, trail: Trail, owner: Array, subscript: object, op: str, value: object) -> None:
    """H[t] op= value: what this round leaves there."""
    key = _key(run, this, owner, subscript)
    if trail.stored is not None and (trail.stored[0] != key.axis or _gap(trail.stored[1], key.slot) != 0):
        raise run.unsupported(f"a round that stores at two places of `{trail.name}`", "each place is filled by one round",
                              "keep the second value under a name of its own")  # fmt: skip
    shape, label = _shape(trail, key.axis), f"{trail.name}_new"
    label = label if label not in run.source_names else f"{trail.name}_t"
    if key.whole:
        made = as_array(run, combine(run, op, _row(run, this, trail, key).detached(), value) if op else value)
        if broadcast_shape(run, made.shape, shape) != shape:
            raise run.mismatch("the stored value is larger than the place it goes to")
        if not (made.cheap and made.shape == shape):
            made = run.store(label, Array(shape, aligned(made, shape), made.sort))
        trail.stored = key.axis, key.slot, replace(made, view=None) if made.cheap and not op else made
        return
    row = run.store(label, _row(run, this, trail, key).detached())
    indexing.store(run, row, key.rest, op, as_array(run, value))
    trail.stored = key.axis, key.slot, run.current(row)


def close_trail(run: Run, this: Round, trail: Trail) -> None:
    """Give what was read its equations, and the array its new version."""
    del this.trails[id(trail.array.view.buffer)]
    for axis, slot, carry in trail.reads.values():
        lag = None
        if trail.stored is not None and trail.stored[0] == axis:
            lag = _gap(slot, trail.stored[1]) if this.backward else _gap(trail.stored[1], slot)
        if trail.stored is not None and lag is None:
            raise run.recurrent()
        lag = 0 if lag is None else max(lag, 0)
        before = _before(trail, axis, slot)
        if not lag:
            closed(run, this, carry, 0, lambda r, before=before: before, before)
            continue
        closed(run, this, carry, lag, lambda r, axis=axis, slot=slot: _first(this, trail, axis, slot, r), trail.stored[2])
    if trail.stored is not None:
        axis, slot, row = trail.stored
        run.target_name = trail.name
        whole = run.current(trail.scope[trail.name])
        indexing.store(run, whole, (*[slice(None)] * axis, integer(slot)), "", run.current(row))


def _before(trail: Trail, axis: int, slot: x.Slot) -> Array:
    """A place of the array as it was before the loop."""
    return Array(_shape(trail, axis), lambda s: trail.array.body((*s[:axis], slot, *s[axis:])), trail.array.sort)


def _first(this: Round, trail: Trail, axis: int, slot: x.Slot, r: int) -> Array:
    """The place that round r reads, before the loop; negative places count from the end."""
    at = x.substitute(slot, {this.index: this.place(r)}) if isinstance(slot, x.Term) else this.place(r)
    if isinstance(at, x.Affine) and not at.terms and _negative(at.constant):
        at = x.affine([(at, UNIT)], trail.array.shape[axis])
    return _before(trail, axis, at)


def _negative(n: Size) -> bool:
    return n.number is not None and n.number < 0


__all__ = ["Trail", "close_trail", "look_behind", "read_trail", "store_trail", "trail_of"]
