"""Evaluating expressions over named axes, in whatever arithmetic a judge computes with.

A value is an array with one axis per free index, the axes in the order of the indices' numbers, so that no two values
ever need a transposition; an arithmetic may add trailing axes of its own (the lanes of residues).  An arithmetic is a
subclass that says what numbers are: see value.py, exact.py, balls.py.  Comparisons, positions and arg-bests are decided
by its *shadow*, an evaluator over reals (floats decide for themselves).

A `World` is what all arithmetics share: sizes, equations, and the expansions of ops and derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from contextlib import suppress
from itertools import islice
from math import prod
from typing import Any, NamedTuple

import numpy as np

from derive import expr as x
from derive.errors import Problem
from derive.expr import Expr, Term
from derive.index import Index, Size
from derive.judges import linear
from derive.judges.duals import derivative
from derive.ops import OPS
from derive.program import Equation
from derive.recurrence import Recurrence, recurrence, recurrences

Axes = tuple[Index, ...]

DEEP = 12  # an array resting on more than so many others is computed from the bottom up
LARGEST = 1 << 22  # numbers in one array; sizes that are literals may ask for more than any memory has
HELD = 1 << 25  # numbers that an evaluator remembers


class Undecided(Exception):
    """This judge cannot say: a construct that it does not compute, or data on which nothing is defined."""


class TooLarge(Undecided):
    """The array would hold more than LARGEST numbers."""


class Named(NamedTuple):
    """An array whose leading axes are those of the indices `axes`, in the order of their numbers."""

    data: Any
    axes: Axes


class World:
    """Sizes and equations, and what is worked out from them once for all arithmetics."""

    def __init__(self, sizes: Mapping[str, int], equations: Mapping[str, Equation],
                 is_whole: Callable[[str], bool] = lambda name: False):  # fmt: skip
        self.sizes, self.equations, self.is_whole = dict(sizes), dict(equations), is_whole
        self._extents: dict[Size, int] = {}
        self._expanded: dict[int, tuple[Expr, Expr]] = {}
        self._recurrences: dict[str, tuple[Equation, ...]] = {}
        self._looked_at = 0
        self._rounds: dict[tuple[int, int], tuple] = {}

    @property
    def recurrences(self) -> Mapping[str, tuple[Equation, ...]]:
        """The groups of equations that define each other, by the names of their members."""
        if self._looked_at != len(self.equations):  # what is added reads what is there, not the other way round
            self._recurrences |= recurrences(islice(self.equations.values(), self._looked_at, None))
            self._looked_at = len(self.equations)
        return self._recurrences

    def rounds(self, group: Recurrence, k: int) -> tuple[tuple[Equation, Expr], ...]:
        """One round of a group; all arithmetics get the same expressions."""
        key = hash(group.names), k
        if key not in self._rounds:
            self._rounds[key] = tuple(group.at(x.whole_slot(k)))
        return self._rounds[key]

    def resting(self, name: str, known: Container[str]) -> list[str]:
        """The defined arrays, not known yet, that an array rests on, in program order."""
        needed, pending = set(), [name]
        while pending:
            equation = self.equations.get(pending.pop())
            new = set() if equation is None else {n for n in equation.rhs.names if n not in known} - needed
            needed |= new
            pending += new
        return [other for other in self.equations if other in needed and other != name]

    def number(self, n: Size) -> int:
        """The value of a size; raises Undecided for a letter that has no number."""
        found = self._extents.get(n)
        if found is None:
            try:
                found = self._extents[n] = n.at(self.sizes)
            except (KeyError, ZeroDivisionError) as problem:
                raise Undecided(f"the size {n} has no value here") from problem
        return found

    def whole_slot(self, e: Expr) -> x.Slot | None:
        """The slot that an expression is, where all of its arrays are integers; else None."""
        slot = x.as_slot(e)
        return slot if slot is not None and all(self.is_whole(n) for n in getattr(slot, "names", ())) else None

    def expanded(self, e: x.Call | x.D) -> Expr | None:
        """The meaning of a composite op, None for a primitive; a derivative carried out."""
        found = self._expanded.get(id(e))
        if found is None:
            try:
                made = OPS[e.op].expand(e.args) if isinstance(e, x.Call) else derivative(e)
            except Problem as problem:
                raise Undecided(problem.what) from problem
            found = self._expanded[id(e)] = (e, made)
        return found[1]


def union(values: list[Axes]) -> Axes:
    """The axes of several values together."""
    first = values[0]
    if all(axes == first for axes in values[1:]):
        return first
    return tuple(sorted(set().union(*values), key=lambda i: i.number))


_ALL = slice(None)


def spread(value: Named, axes: Axes) -> Any:
    """The data with an axis of length one wherever `value` does not vary."""
    if value.axes == axes:
        return value.data
    return value.data[tuple([_ALL if i in value.axes else None for i in axes])]


class Evaluator:
    """One evaluator for every node; a subclass is an arithmetic.

    The subclass gives `array`, `number`, `whole`, `add`, `mul`, `power`, `call`, `where` and `reduced`; all work on
    data that is already spread over common axes.
    """

    tail = 0
    width = 16  # numbers in one entry; floats take as long to judge as residues where they are summed term by term

    def __init__(self, world: World):
        self.world = world
        self.held = 0
        self.shadow: Evaluator = self
        self.memo: dict[int, tuple[Any, Named]] = {}
        self.ranges: dict[Index, Named] = {}

    # -- what an arithmetic defines

    def array(self, name: str) -> Any:
        """The data of a named array, its own axes first."""
        raise NotImplementedError

    def number(self, value: Any) -> Any:
        """An exact number (or −∞) as data without axes."""
        raise NotImplementedError

    def whole(self, data: np.ndarray) -> Any:
        """Integers as data."""
        raise NotImplementedError

    def add(self, a: Any, b: Any) -> Any:
        raise NotImplementedError

    def mul(self, a: Any, b: Any) -> Any:
        raise NotImplementedError

    def power(self, e: x.Pow) -> Named:
        raise NotImplementedError

    def primitive(self, e: x.Call) -> Named:
        """A primitive function of its arguments."""
        raise NotImplementedError

    def where(self, mask: np.ndarray, a: Any, b: Any) -> Any:
        """`a` where the mask (over the leading axes) holds, else `b`."""
        raise NotImplementedError

    def masked(self, mask: np.ndarray, a: Any) -> Any:
        """`a` where the mask holds, else zero, also where `a` is undefined."""
        return self.where(mask, a, self.number(0))

    def outside(self, inside: np.ndarray, data: Any) -> Any:
        """Entries read at positions that do not exist, marked undefined where the arithmetic can."""
        return data

    def reduced(self, op: str, data: Any, axis: int, best: Any) -> Any:
        """Reduce one axis; for max and min `best()` gives the positions that win, that axis kept."""
        raise NotImplementedError

    def sparse(self, e: x.Reduce) -> Named | None:
        """A shorter way to a reduction, where the arithmetic knows one."""
        return None

    def neutral(self, op: str) -> Any:
        """What a guard leaves where it does not hold."""
        return self.number({"sum": 0, "prod": 1, "max": -np.inf, "min": np.inf}[op])

    # -- nodes

    def evaluate(self, e: Expr) -> Named:
        """The value of an expression; raises Undecided."""
        found = self.memo.get(id(e))
        if found is not None:
            return found[1]
        handler = _NODES.get(type(e))
        if handler is None:
            raise TypeError(f"have you added a new node? {type(e).__name__}")
        value = handler(self, e)
        self.held += value.data.size
        if self.held > HELD:
            self.memo.clear()
            self.held = value.data.size
        self.memo[id(e)] = (e, value)
        return value

    def joined(self, values: list[Axes]) -> Axes:
        """The axes of several values together; raises TooLarge."""
        axes = union(values)
        if len(axes) > 1 and axes != values[0] and prod(self.shape(axes)) * self.width > LARGEST:
            raise TooLarge(f"an array of {prod(self.shape(axes))} entries is too large to judge")
        return axes

    def _number(self, e: x.Num) -> Named:
        return Named(self.number(e.value), ())

    def _whole(self, e: x.Whole) -> Named:
        found = self.shadow.slot(e.slot)
        return Named(self.whole(found.data), found.axes)

    def _entry(self, e: x.Entry) -> Named:
        array, slots = self.array(e.name), e.slots
        if array.ndim - self.tail != len(slots):
            raise Undecided(f"{e.name} has {array.ndim - self.tail} axes, not {len(slots)}")
        if len({*slots}) == len(slots) and all(isinstance(s, Index) for s in slots):
            plain = self._plain_entry(array, slots)
            if plain is not None:
                return plain
        return self._gather(array, [self.shadow.slot(s) for s in slots])

    def _plain_entry(self, array: Any, slots: Axes) -> Named | None:
        extents = tuple([self.world.number(i.size) for i in slots])
        if extents != array.shape[: len(slots)]:
            if any(n > m for n, m in zip(extents, array.shape, strict=False)):
                return None
            array = array[tuple([slice(n) for n in extents])]
        order = sorted(range(len(slots)), key=lambda k: slots[k].number)
        if order != list(range(len(slots))):
            array = array.transpose(*order, *range(len(slots), array.ndim))
        return Named(array, tuple([slots[k] for k in order]))

    def _gather(self, array: Any, positions: list[Named]) -> Named:
        if not positions:
            return Named(array, ())
        axes = self.joined([p.axes for p in positions])
        places, inside = [], True
        for p, n in zip(positions, array.shape, strict=False):
            place = spread(p, axes)
            fits = (place >= 0) & (place < n)
            if not fits.all():
                inside = inside & fits
                place = np.clip(place, 0, n - 1)
            places.append(place)
        data = np.asarray(array[tuple(places)])
        return Named(data if inside is True else self.outside(inside, data), axes)

    def _indicator(self, e: x.Ind) -> Named:
        mask = self.shadow.cond(e.cond)
        return Named(self.whole(mask.data.astype(np.int64)), mask.axes)

    def _call(self, e: x.Call) -> Named:
        meaning = self.world.expanded(e)
        return self.primitive(e) if meaning is None else self.evaluate(meaning)

    def _derivative(self, e: x.D) -> Named:
        return self.evaluate(self.world.expanded(e))

    def _sum(self, e: x.Add) -> Named:
        values = [self.evaluate(t) for t in e.terms]
        axes = self.joined([v.axes for v in values])
        total = spread(values[0], axes)
        for v in values[1:]:
            total = self.add(total, spread(v, axes))
        return Named(total, axes)

    def _product(self, e: x.Mul) -> Named:
        masks = [self.shadow.cond(f.cond) for f in e.factors if isinstance(f, x.Ind)]
        values = [self.evaluate(f) for f in e.factors if not isinstance(f, x.Ind)]
        value = self._multiplied(values) if values else None
        if not masks:
            return value
        mask = self._conjunction(masks)
        if value is None:
            return Named(self.whole(mask.data.astype(np.int64)), mask.axes)
        axes = self.joined([mask.axes, value.axes])
        return Named(self.masked(spread(mask, axes), spread(value, axes)), axes)

    def _multiplied(self, values: list[Named]) -> Named:
        values = sorted(values, key=lambda v: len(v.axes))
        result = values[0]
        for v in values[1:]:
            axes = self.joined([result.axes, v.axes])
            result = Named(self.mul(spread(result, axes), spread(v, axes)), axes)
        return result

    def _power(self, e: x.Pow) -> Named:
        return self.power(e)

    def _reduce(self, e: x.Reduce) -> Named:
        found = self.sparse(e)
        if found is not None:
            return found
        try:
            i, body = e.index, self.evaluate(e.body)
        except TooLarge:
            return self._summed(e)
        if e.guard is not None:
            mask = self.shadow.cond(e.guard)
            axes = self.joined([mask.axes, body.axes])
            body = Named(self.where(spread(mask, axes), spread(body, axes), self.neutral(e.op)), axes)
        if i not in body.axes:
            body = self._repeated(body, i)
        axis = body.axes.index(i)
        rest = body.axes[:axis] + body.axes[axis + 1 :]

        def best() -> np.ndarray:
            shadow = self.shadow.guarded(e)
            return self.shadow.winners(e.op, np.broadcast_to(spread(shadow, body.axes), self.shape(body.axes)), axis)

        return Named(self.reduced(e.op, body.data, axis, best), rest)

    def _summed(self, e: x.Reduce) -> Named:
        """A sum of products that is too large to lie in memory at once, term by term; raises TooLarge."""
        if e.op != "sum" or e.guard is not None or not isinstance(e.body, x.Mul):
            raise TooLarge("a reduction is too large to judge")
        masks = [self.shadow.cond(f.cond) for f in e.body.factors if isinstance(f, x.Ind)]
        values, total = [self.evaluate(f) for f in e.body.factors if not isinstance(f, x.Ind)], None
        if not values:
            raise TooLarge("a sum of conditions is too large to judge")
        for k in range(self.world.number(e.index.size)):
            term = self._multiplied([self._slice(v, e.index, k) for v in values])
            if masks:
                mask = self._conjunction([self._slice(m, e.index, k) for m in masks])
                axes = self.joined([mask.axes, term.axes])
                term = Named(self.masked(spread(mask, axes), spread(term, axes)), axes)
            total = term if total is None else Named(self.add(total.data, term.data), term.axes)
        return total

    def _slice(self, value: Named, i: Index, k: int) -> Named:
        """The value where an index is `k`."""
        if i not in value.axes:
            return value
        axis = value.axes.index(i)
        return Named(value.data[(_ALL,) * axis + (k,)], value.axes[:axis] + value.axes[axis + 1 :])

    def guarded(self, e: x.Reduce) -> Named:
        """The body of a reduction with the neutral value where the guard fails."""
        body = self.evaluate(e.body)
        if e.guard is None:
            return body
        mask = self.cond(e.guard)
        axes = union([mask.axes, body.axes])
        return Named(self.where(spread(mask, axes), spread(body, axes), self.neutral(e.op)), axes)

    def shape(self, axes: Axes) -> tuple[int, ...]:
        return tuple([self.world.number(i.size) for i in axes])

    def _repeated(self, value: Named, i: Index) -> Named:
        """The value made to vary (constantly) along an index that it does not mention."""
        axes = self.joined([value.axes, (i,)])
        shape = self.shape(axes) + tuple(value.data.shape[len(value.axes) :])
        return Named(np.broadcast_to(spread(value, axes), shape), axes)

    def _cases(self, e: x.Cases) -> Named:
        masks = [self.shadow.cond(c) for c, _ in e.branches]
        values = [self.evaluate(v) for _, v in e.branches]
        last = self.evaluate(e.otherwise)
        axes = self.joined([last.axes, *(v.axes for v in values), *(m.axes for m in masks)])
        result = spread(last, axes)
        for mask, value in zip(reversed(masks), reversed(values), strict=True):
            result = self.where(spread(mask, axes), spread(value, axes), result)
        return Named(result, axes)

    # -- slots and conditions, asked of the shadow

    def slot(self, s: x.Slot) -> Named:
        """The integer positions of a slot."""
        if isinstance(s, Index):
            found = self.ranges.get(s)
            if found is None:
                found = self.ranges[s] = Named(np.arange(self.world.number(s.size)), (s,))
            return found
        found = self.memo.get(~id(s))
        if found is not None:
            return found[1]
        value = self._slot(s)
        self.memo[~id(s)] = (s, value)
        return value

    def _slot(self, s: x.Slot) -> Named:
        match s:
            case x.Affine(terms=terms, constant=constant):
                return self._affine([(self.slot(t), self.world.number(c)) for t, c in terms], constant)
            case x.Join(parts=joined):
                scaled, scale = [], 1
                for t, n in reversed(joined):
                    scaled.append((self.slot(t), scale))
                    scale *= self.world.number(n)
                return self._affine(scaled, Size())
            case x.Part(slot=inner, divisor=divisor, modulus=modulus):
                value = self.slot(inner)
                data = value.data // self.world.number(divisor)
                return Named(data if modulus is None else data % self.world.number(modulus), value.axes)
            case x.ArgBest(op=op, index=i, body=body):
                value = self.evaluate(body)
                value = value if i in value.axes else self._repeated(value, i)
                axis = value.axes.index(i)
                places = self.winners(op, np.broadcast_to(value.data, self.shape(value.axes)), axis)
                return Named(places.squeeze(axis), value.axes[:axis] + value.axes[axis + 1 :])
            case x.Entry():
                return self.integers(self.evaluate(s))
        raise TypeError(f"have you added a new slot? {type(s).__name__}")

    def integers(self, value: Named) -> Named:
        """Values known to be whole, as integers; undefined ones become −1, which is nowhere inside."""
        data = value.data
        if data.dtype.kind == "f":
            data = np.where(np.isfinite(data), np.rint(data), -1)
        return Named(data.astype(np.int64), value.axes)

    def _affine(self, terms: list[tuple[Named, int]], constant: Size) -> Named:
        if not terms:
            return Named(np.asarray(self.world.number(constant)), ())
        axes = self.joined([v.axes for v, _ in terms])
        return Named(sum([c * spread(v, axes) for v, c in terms]) + self.world.number(constant), axes)

    def cond(self, c: x.Cond) -> Named:
        """Where a condition holds."""
        found = self.memo.get(~id(c))
        if found is not None:
            return found[1]
        value = self._cond(c)
        self.memo[~id(c)] = (c, value)
        return value

    def _cond(self, c: x.Cond) -> Named:
        match c:
            case x.Rel(op=op, left=a, right=b):
                left, right = self._side(a), self._side(b)
                axes = self.joined([left.axes, right.axes])
                return Named(np.asarray(self.compare(op, spread(left, axes), spread(right, axes))), axes)
            case x.And(parts=inner):
                return self._conjunction([self.cond(p) for p in inner])
            case x.Or(parts=inner):
                masks = [Named(~m.data, m.axes) for m in (self.cond(p) for p in inner)]
                none = self._conjunction(masks)
                return Named(~none.data, none.axes)
            case x.Not(part=inner):
                mask = self.cond(inner)
                return Named(~mask.data, mask.axes)
        raise TypeError(f"have you added a new condition? {type(c).__name__}")

    def _side(self, t: Term | Index) -> Named:
        """One side of a comparison: a slot there may be a combination of real entries, which nothing rounds."""
        if isinstance(t, Expr) and not isinstance(t, x.Whole):
            return self.evaluate(t)
        slot = t.slot if isinstance(t, x.Whole) else t
        if isinstance(slot, x.Affine) and slot.terms:
            return self._affine([(self._side(s), self.world.number(c)) for s, c in slot.terms], slot.constant)
        return self.slot(slot)

    def compare(self, op: str, a: Any, b: Any) -> np.ndarray:
        return _COMPARE[op](a, b)

    def winners(self, op: str, data: Any, axis: int) -> np.ndarray:
        """The first positions of the largest or smallest values, the axis kept."""
        choose = np.argmax if op == "max" else np.argmin
        return np.asarray(choose(data, axis=axis, keepdims=True))

    def _conjunction(self, masks: list[Named]) -> Named:
        if not masks:
            return Named(np.asarray(True), ())
        axes = self.joined([m.axes for m in masks])
        held = spread(masks[0], axes)
        for m in masks[1:]:
            held = held & spread(m, axes)
        return Named(held, axes)

    # -- arrays for callers

    def over(self, e: Expr, axes: Axes) -> Any:
        """The value with exactly these axes, in this order."""
        value = self.evaluate(e)
        missing = [i for i in value.axes if i not in axes]
        if missing:
            raise Undecided(f"the index {missing[0].name} is free")
        ordered = tuple(sorted(axes, key=lambda i: i.number))
        data = spread(value, ordered)
        data = np.broadcast_to(data, self.shape(ordered) + tuple(data.shape[len(ordered) :]))
        order = [ordered.index(i) for i in axes]
        return data.transpose(*order, *range(len(axes), data.ndim))


_COMPARE = {"eq": np.equal, "lt": np.less, "le": np.less_equal}
_NODES = {
    x.Num: Evaluator._number,
    x.Whole: Evaluator._whole,
    x.Entry: Evaluator._entry,
    x.Ind: Evaluator._indicator,
    x.Call: Evaluator._call,
    x.Add: Evaluator._sum,
    x.Mul: Evaluator._product,
    x.Pow: Evaluator._power,
    x.Reduce: Evaluator._reduce,
    x.Cases: Evaluator._cases,
    x.D: Evaluator._derivative,
}


class Arrays(Evaluator):
    """An evaluator with arrays by name: inputs are given, the others computed once from their equations."""

    def __init__(self, world: World, given: Callable[[str], Any]):
        super().__init__(world)
        self.given = given
        self.arrays: dict[str, Any] = {}
        self.open: set[str] = set()
        self.hopeless: dict[str, str] = {}
        self.preparing = False

    def blank(self, shape: tuple[int, ...]) -> Any:
        """Data that is still undefined, the start of a recurrence."""
        raise NotImplementedError

    def placed(self, data: Any, k: int, row: Any) -> Any:
        """The data with one place of its first axis filled."""
        data[k, ...] = row  # data[k] would keep a row without axes as an array inside one of objects
        return data

    def whole_row(self, e: Equation, data: Any, k: int) -> Any:
        """One place of an integer array as this arithmetic keeps it."""
        return self.whole_array(e, data)

    def array(self, name: str) -> Any:
        """The data of a named array; raises Undecided for a law that only an implicit equation states."""
        found = self.arrays.get(name)
        if found is not None:
            return found
        if name in self.hopeless:
            raise Undecided(self.hopeless[name])
        equation = self.world.equations.get(name)
        if equation is None:
            data = self.given(name)
        elif name in self.open:
            raise Undecided(f"`{name}` is defined by itself")
        else:
            if not self.open and not self.preparing:
                self._prepare(name)
            data = self._opened(equation)
        self.arrays[name] = data
        return data

    def _opened(self, e: Equation) -> Any:
        outermost = not self.open
        self.open.add(e.name)
        try:
            return self._computed(e)
        except Undecided as why:
            if outermost:
                self.hopeless[e.name] = str(why)
            raise
        finally:
            self.open.discard(e.name)

    def _prepare(self, name: str) -> None:
        """Compute what an array rests on in program order, so that a deep network needs no deep recursion."""
        needed = self.world.resting(name, self.arrays)
        self.preparing = True
        try:
            for other in needed if len(needed) > DEEP else ():
                with suppress(Undecided):  # it may not be needed after all; if it is, the evaluation itself says so
                    self.array(other)
        finally:
            self.preparing = False

    def _computed(self, e: Equation) -> Any:
        if e.kind == "implicit":
            if linear.matrix_of(e) is None:
                raise Undecided(f"`{e.name}` is defined by a law")
            return linear.computed(e, self)
        if e.name in self.world.recurrences:
            return self._recurrence(self.world.recurrences[e.name])[e.name]
        data = self.over(e.rhs, e.indices)
        return self.whole_array(e, data) if e.sort != "real" else data

    def weight(self, value: Any) -> float:
        """How good a pivot a number is; the first of the best is taken."""
        return float(np.abs(value).max())

    def is_zero(self, value: Any) -> bool:
        """Whether a number is exactly zero."""
        return not np.any(value)

    def reciprocal(self, value: Any) -> Any:
        """1 over a pivot."""
        return np.asarray(1.0 / value)

    def refuse(self, why: str) -> None:
        """Raises Undecided."""
        raise Undecided(why)

    def whole_array(self, e: Equation, data: Any) -> Any:
        """An integer array as this arithmetic keeps it."""
        return np.rint(data).astype(np.int64)

    def _recurrence(self, block: tuple[Equation, ...]) -> Mapping[str, Any]:
        """Arrays that define each other, all of them: every round makes one more place of each final."""
        try:
            rounds = recurrence(block)
        except Problem as problem:
            raise Undecided(problem.what) from problem
        n, kept = self.world.number(rounds.size), self.memo
        opened, self.open = self.open, self.open | rounds.names
        for e in rounds.members:
            self.arrays[e.name] = self.blank(self.shape(e.indices))
        try:
            for k in reversed(range(n)) if rounds.backward else range(n):
                self._round(rounds, k)
            return {name: self.arrays[name] for name in rounds.names}
        except BaseException:
            for name in rounds.names:
                self.arrays.pop(name, None)
            raise
        finally:
            self.memo, self.open = kept, opened

    def _round(self, rounds: Recurrence, k: int) -> None:
        for e, rhs in self.world.rounds(rounds, k):
            self.memo = {}  # what was read of the group a round ago is out of date
            row = self.over(rhs, e.indices[1:])
            row = self.whole_row(e, row, k) if e.sort != "real" else row
            self.arrays[e.name] = self.placed(self.arrays[e.name], k, row)
