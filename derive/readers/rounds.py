"""State that a loop of unknown length carries from one round to the next.

What a round reads before it is set is an array of its own, `h_prev`: in the first rounds what stood there before the
loop, then what an earlier round left, `h_prev[t] = {h0 if t = 0; h[t−1]}`.  Such an array is opened where the state is
read and closed at the end of the body, when it is known what the round leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from derive import expr as x
from derive.errors import UnknownName
from derive.index import Index, Size
from derive.program import Equation
from derive.readers.arrays import aligned, broadcast_shape
from derive.readers.convert import as_array
from derive.readers.run import Run, entries, whole_view
from derive.readers.values import UNIT, Array, Buffer, Moving, Rows, Shape, integer


@dataclass(eq=False)
class Carry:
    """An open array of what earlier rounds left, and how it is closed."""

    internal: str
    array: Array
    label: str


@dataclass(eq=False)
class Listed:
    """A list that the rounds append to: its elements before the loop, and what this round has appended."""

    owner: list
    start: list
    appended: object = None
    reads: dict[int, Carry] = field(default_factory=dict)
    name: str = ""


@dataclass(eq=False)
class Keyed:
    """A dict that the rounds store to under their number: what is read of other rounds, by the place."""

    owner: dict
    name: str
    reads: dict[str, tuple[x.Slot, Carry]] = field(default_factory=dict)


@dataclass(eq=False)
class Round:
    """A loop under way: its index, whether it counts down, and the state that it carries."""

    key: str
    index: Index
    backward: bool = False
    timed: bool = False
    fresh: set[str] = field(default_factory=set)
    names: dict[str, tuple[Carry, Array]] = field(default_factory=dict)
    lists: dict[int, Listed] = field(default_factory=dict)
    dicts: dict[int, Keyed] = field(default_factory=dict)
    trails: dict[int, object] = field(default_factory=dict)

    @property
    def number(self) -> x.Slot:
        """How many rounds came before."""
        n = self.index.size
        return x.affine([(self.index, -UNIT)], n - 1) if self.backward else self.index

    def place(self, r: int) -> x.Slot:
        """The loop's index in round r."""
        return x.whole_slot(self.index.size - 1 - r) if self.backward else x.whole_slot(r)

    def behind(self, slot: x.Slot, lag: int) -> x.Slot:
        """A slot as it was some rounds ago."""
        ago = x.affine([(self.index, UNIT)], lag if self.backward else -lag)
        return x.substitute(slot, {self.index: ago}) if isinstance(slot, x.Term) else ago if slot is self.index else slot


# ---------------------------------------------------------------- opening and closing


def opened(run: Run, this: Round, label: str, shape: Shape, sort: str) -> Carry:
    """The array of what earlier rounds left under a name; its equation follows when the body has been read."""
    _mark(run, this)
    internal = run.new_internal(free_label(run, label))
    over = (this.index, *(p for p in run.loops if p is not this.index))
    placeholder = tuple(p.fresh() for p in over) + run.fresh(shape)
    run.add_equation(internal, placeholder, x.ZERO, sort)
    run.states.add(internal)
    buffer = Buffer(internal, shape, sort, {internal}, over, tuple(run.loops))
    return Carry(internal, replace(entries(internal, shape, sort, over), view=whole_view(buffer)), label)


def free_label(run: Run, label: str) -> str:
    """`h_prev`, or another name where the source has that one."""
    return next(n for n in (f"{label}_prev", f"prev_{label}", f"{label}_before", f"{label}__") if n not in run.source_names)


def _mark(run: Run, this: Round) -> None:
    """From now on the loop counts time: its index stands first wherever it occurs."""
    if this.timed:
        return
    if any(r.timed for r in run.rounds if r is not this):
        raise run.unsupported("a loop that carries state inside another one that does", "two orders of rounds meet",
                              "give the inner loop a static number of rounds, or write it over whole arrays")  # fmt: skip
    if this.key not in run.knowledge.timed:
        run.knowledge.timed.add(this.key)
        run.knowledge.again()
    this.timed = True
    run.timed.append(this.index)


def closed(run: Run, this: Round, carry: Carry, lag: int, first: Callable[[int], Array], last: Array) -> None:
    """Give the array its equation: `first(r)` in round r below `lag`, then what `last` was `lag` rounds ago."""
    shape = carry.array.shape
    known = [first(r) for r in range(lag)]
    t, slots = this.index, run.fresh(shape)
    over = (t, *(p for p in run.loops if p is not t))
    ago = x.affine([(t, UNIT)], lag if this.backward else -lag)
    earlier = x.substitute(_fitted(run, last, shape)(slots), {t: ago})
    rhs = x.cases(_branches(this, [_fitted(run, a, shape)(slots) for a in known]), earlier)
    lead = tuple(p.fresh() for p in over)
    rhs = x.substitute(rhs, dict(zip(over, lead, strict=True)))
    _replace(run, carry, (*lead, *slots), rhs, last.sort)


def _branches(this: Round, values: list[x.Expr]) -> list[tuple[x.Cond, x.Expr]]:
    """The first rounds and their values; one condition where all are alike."""
    t, n = this.index, this.index.size
    if len(values) > 1 and all(v.key == values[0].key for v in values):
        bound = x.rel("le", x.whole_slot(n - len(values)), t) if this.backward else x.rel("lt", t, x.whole_slot(len(values)))
        return [(bound, values[0])]
    return [(x.rel("eq", t, this.place(r)), v) for r, v in enumerate(values)]


def _fitted(run: Run, array: Array, shape: Shape):
    if broadcast_shape(run, array.shape, shape) != shape:
        raise run.mismatch("a state has another shape after a round than before",
                           "the next round starts from what this one leaves", "let every round keep the shape")  # fmt: skip
    return aligned(array, shape)


def _replace(run: Run, carry: Carry, indices: tuple[Index, ...], rhs: x.Expr, sort: str) -> None:
    if sort == "int":
        raise run.unsupported(f"whole numbers that a loop of unknown length carries, `{carry.label}`",
                              "they are no arrays that a gradient runs through",
                              "compute them from the loop's variable, or pass them as an input")  # fmt: skip
    place = next(k for k, e in enumerate(run.equations) if e.name == carry.internal)
    old = run.equations[place]
    run.equations[place] = Equation(old.name, indices, rhs, old.span, sort=sort, words=old.words)


# ---------------------------------------------------------------- lists


def list_item(run: Run, this: Round, held: Listed, key: object) -> object:
    """An element of a list that the rounds append to: one from before the loop, or of some rounds ago."""
    count = len(held.start)
    if isinstance(key, int) and 0 <= key < count:
        return held.start[key]
    if isinstance(key, int) and key < 0:
        lag = -key if held.appended is None else -key - 1
    else:
        lag = _distance(x.affine([(this.number, UNIT)], count), key)
    if lag == 0 and held.appended is not None:
        return run.current(held.appended) if isinstance(held.appended, Array) else held.appended
    if lag is None or not 0 < lag <= count:
        raise run.unsupported("this element of a list that the loop appends to",
                              "it is no element from before the loop, and none that the rounds before have appended",
                              "start the list with as many elements as a round looks back: hs = [h0]")  # fmt: skip
    if lag not in held.reads:
        first = as_array(run, held.start[count - lag])
        held.reads[lag] = opened(run, this, held.name, known_shape(run, this, held.name, first), state_sort(first))
    return held.reads[lag].array


def _distance(a: x.Slot, b: object) -> int | None:
    """a − b, where that is a fixed number."""
    if not isinstance(b, (int, Size, x.Term, Index)):
        return None
    b = x.whole_slot(b) if isinstance(b, (int, Size)) else b
    gap = x.affine([(a, UNIT), (b, -UNIT)])
    return gap.constant.number if isinstance(gap, x.Affine) and not gap.terms else None


def close_list(run: Run, this: Round, held: Listed) -> None:
    for lag, carry in held.reads.items():
        if held.appended is None:
            raise run.unsupported("a list whose elements a round reads without appending")
        last = as_array(run, held.appended)
        check_shape(run, this, held.name, carry, last)
        start = held.start[len(held.start) - lag :]
        closed(run, this, carry, lag, lambda r, start=start: as_array(run, start[r]), last)


def known_shape(run: Run, this: Round, name: str, first: Array) -> Shape:
    """The shape of a state: that of its start, unless an earlier reading found a larger one."""
    return run.knowledge.states.get((this.key, name), first.shape)


def check_shape(run: Run, this: Round, name: str, carry: Carry, last: Array) -> None:
    """Read again where a round leaves a larger array than it found."""
    for n, m in zip(reversed(carry.array.shape), reversed(last.shape), strict=False):
        gap = m - n
        if n.letters & m.letters and gap.terms and (gap.never_negative or (-gap).never_negative):
            raise run.unsupported(f"`{name}`, which has {n} entries before a round and {m} after it",
                                  "every round must be alike", "append to a list, or store into an array: H[t] = h")  # fmt: skip
    want = broadcast_shape(run, carry.array.shape, last.shape)
    if want != carry.array.shape:
        if run.knowledge.states.get((this.key, name)) == want:
            raise run.mismatch(f"`{name}` has another shape after a round than before",
                               "the next round starts from what this one leaves", "let every round keep the shape")  # fmt: skip
        run.knowledge.states[this.key, name] = want
        run.knowledge.again()


def state_sort(a: Array) -> str:
    return "bool" if a.sort == "bool" else "real"


# ---------------------------------------------------------------- dicts


def moving_key(run: Run, key: object) -> x.Slot | None:
    """The place that a key denotes when it moves with a loop."""
    if not isinstance(key, Array) or key.rank or key.sort != "int":
        return None
    slot = x.as_slot(key.body(()))
    if slot is None or not x.free_indices(slot) or any(isinstance(s, (x.Entry, x.ArgBest)) for s in x.walk(slot)):
        return None
    return slot


def round_of(run: Run, slot: x.Slot) -> Round | None:
    """The loop with whose index a place moves."""
    return next((r for r in reversed(run.rounds) if r.index in x.free_indices(slot)), None)


def _base(this: Round, slot: x.Slot) -> x.Slot | None:
    """What a place is ahead of the loop's index."""
    base = x.affine([(slot, UNIT), (this.index, -UNIT)])
    return None if this.index in x.free_indices(base) else base


def keyed(run: Run, this: Round, owner: dict, name: str) -> Keyed:
    return this.dicts.setdefault(id(owner), Keyed(owner, name or "item"))


def store_keyed(run: Run, owner: dict, slot: x.Slot, value: object, name: str) -> None:
    """`hs[t] = …`: every round stores under its own number."""
    this = round_of(run, slot)
    base = None if this is None else _base(this, slot)
    others = [k for k in owner if isinstance(k, Moving) and this is not None and k.index is this.index]
    if base is None or any(k.base.key != x.as_value(base).key for k in others):
        raise run.unsupported("this key of a dict in a loop of unknown length", "the rounds must store under their own number",
                              "use the loop's variable as the key: hs[t] = …")  # fmt: skip
    keyed(run, this, owner, name)
    owner[others[0] if others else Moving(this.index, x.as_value(base), this.backward)] = value


def keyed_item(run: Run, owner: dict, slot: x.Slot, name: str) -> object:
    """`hs[t]`: of this round, of an earlier one, or of a loop before."""
    this = round_of(run, slot)
    base = None if this is None else _base(this, slot)
    own = next((k for k in owner if isinstance(k, Moving) and this is not None and k.index is this.index), None)
    if base is not None and own is not None and own.base.key == x.as_value(base).key:
        value = owner[own]
        return run.current(value) if isinstance(value, Array) else value
    past = past_item(run, owner, slot)
    if past is not None:
        return past
    if base is None:
        raise _no_key(run)
    held = keyed(run, this, owner, name)
    found = held.reads.get(x.as_value(base).key)
    if found is None:
        first = as_array(run, _start(run, this, owner, slot, 0))
        carry = opened(run, this, held.name, known_shape(run, this, held.name, first), state_sort(first))
        found = held.reads[x.as_value(base).key] = slot, carry
    return found[1].array


def _start(run: Run, this: Round, owner: dict, slot: x.Slot, r: int) -> object:
    """What stood under the key of round r before the loop."""
    at = x.substitute(slot, {this.index: this.place(r)}) if isinstance(slot, x.Term) else this.place(r)
    n = at.constant
    key = n.number if n.number is not None else n
    if not isinstance(at, x.Affine) or at.terms or key not in owner:
        raise run.problem(UnknownName, f"there is no entry {key!s}", "a round reads it before any round stores it",
                          f"store it before the loop: hs[{key!s}] = h0")  # fmt: skip
    return owner[key]


def past_item(run: Run, owner: dict, slot: x.Slot) -> object:
    """What a finished loop stored under a key; None when none did."""
    active = {r.index for r in run.rounds}
    for k, value in owner.items():
        if isinstance(k, Moving) and k.index not in active:
            at = x.affine([(slot, UNIT), (k.base.slot if isinstance(k.base, x.Whole) else x.as_slot(k.base), -UNIT)])
            if x.within(at, k.index.size, lambda name: ()):
                return replaced(run, value, {k.index: at})
            early = _with_early(run, owner, slot, at, k, value)
            if early is not None:
                return early
    return None


def _with_early(run: Run, owner: dict, slot: x.Slot, at: x.Slot, key: Moving, value: object) -> Array | None:
    """hs[t − 1] after the loop that stored hs[t]: the entry from before that loop where t is 0, else the round's."""
    lag = -at.constant.number if isinstance(at, x.Affine) and len(at.terms) == 1 and at.constant.number is not None else 0
    ((q, c),) = at.terms if lag > 0 else ((None, None),)
    if not isinstance(q, Index) or c.number != 1 or not (key.index.size - q.size + lag).never_negative:
        return None
    starts = []
    for r in range(lag):
        n = x.affine([(x.substitute(slot, {q: x.whole_slot(r)}), UNIT)]).constant
        if (n.number if n.number is not None else n) not in owner:
            return None
        starts.append(as_array(run, owner[n.number if n.number is not None else n]))
    late = as_array(run, replaced(run, value, {key.index: at}))
    shape = broadcast_shape(run, late.shape, *(a.shape for a in starts))

    def body(slots: tuple) -> x.Expr:
        branches = [(x.rel("eq", q, x.whole_slot(r)), aligned(a, shape)(slots)) for r, a in enumerate(starts)]
        return x.cases(branches, aligned(late, shape)(slots))

    return Array(shape, body, late.sort)


def replaced(run: Run, value: object, slots: dict) -> object:
    """A value with an index put in another place."""
    if isinstance(value, Array):
        value = run.current(value)
        body = value.body
        return replace(value, body=lambda s: x.substitute(body(s), slots), view=None)
    if isinstance(value, (list, tuple)):
        return type(value)(replaced(run, v, slots) for v in value)
    if isinstance(value, Rows):
        return Rows(value.index, replaced(run, value.element, slots))
    return value


def _no_key(run: Run):
    return run.unsupported("this key of a dict", "no round stores under it", "use the loop's variable as the key")


def close_dict(run: Run, this: Round, held: Keyed) -> None:
    own = next((k for k in held.owner if isinstance(k, Moving) and k.index is this.index), None)
    for slot, carry in held.reads.values():
        base = None if own is None else x.as_slot(own.base)
        lag = None if base is None else _distance(base, _base(this, slot))
        lag = lag if lag is None or not this.backward else -lag
        if lag is None or lag < 1:
            raise run.unsupported(f"`{held.name}` is read under a key that no earlier round stores",
                                  "a round reads what a later one makes", "store under t, read under t − 1")  # fmt: skip
        last = as_array(run, held.owner[own])
        check_shape(run, this, held.name, carry, last)
        closed(run, this, carry, lag, lambda r, slot=slot: as_array(run, _start(run, this, held.owner, slot, r)), last)


__all__ = ["Carry", "Keyed", "Listed", "Round", "close_dict", "close_list", "closed", "integer", "list_item", "opened"]
