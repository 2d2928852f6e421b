"""From an expression in index notation to array operations: every free index becomes an axis.

`Lowering.value` gives a `Value`: a node with the index that runs along each axis.  Where an operation needs statements
(scatter into zeros, a loop over a kernel axis) they are appended to `statements` and the value is the new array.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import count, permutations
from math import inf

from derive import expr as x
from derive.arrays import bounds
from derive.arrays.axes import Axes, Value, common_order, elementwise, fit, kept_for, merged, real, reals
from derive.arrays.program import (
    FULL,
    Apply,
    Arange,
    Assign,
    Best,
    Cast,
    Counter,
    Eye,
    Fold,
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
    Statement,
    Windows,
)  # fmt: skip
from derive.errors import Unsupported
from derive.expr import Expr
from derive.index import Index, Size
from derive.ops import OPS
from derive.program import Program

ONE = Number(Fraction(1))


class Lowering:
    """One equation under way.  `stable`: closed style, with shifted softmax and log-sum-exp."""

    def __init__(self, program: Program, stable: bool = False, counters: Iterable[Index] = (), integer: bool = False,
                 numbers: Iterator[int] | None = None):  # fmt: skip
        self.program, self.stable, self.integer = program, stable, integer
        self.counters = set(counters)
        self.guarded = False
        self.statements: list[Statement] = []
        self.numbers = count(1) if numbers is None else numbers
        self.shapes: dict[str, tuple[Size, ...]] = {}

    # -- what is known of arrays

    def shape(self, name: str) -> tuple[Size, ...]:
        return self.shapes[name] if name in self.shapes else self.program.shape(name)

    def sort(self, name: str) -> str:
        return "real" if name in self.shapes else self.program.sort(name)

    def temporary(self, shape: tuple[Size, ...]) -> str:
        """The name of a new array; `~~` marks names that the writer chooses."""
        name = f"~~{next(self.numbers)}"
        self.shapes[name] = shape
        return name

    def under_guard(self) -> Lowering:
        """The same lowering, where entries may be read out of range (what is read there is not used)."""
        other = Lowering.__new__(type(self))
        other.__dict__ = self.__dict__ | {"guarded": True}
        return other

    # -- expressions

    def value(self, e: Expr, want: Axes = ()) -> Value:
        """The array of an expression over its free indices; `want` is the order in which it is going to be used."""
        match e:
            case x.Num(value=number):
                return Value(Number(number), (), "number")
            case x.Whole(slot=slot):
                return self.position(slot, want)
            case x.Entry():
                return self.entry(e, want)
            case x.Ind(cond=cond):
                return self.condition(cond, want)
            case x.Call(op=op, args=args):
                return self.call(op, args, want)
            case x.Add(terms=terms):
                return self.sum_of(terms, want)
            case x.Mul():
                from derive.arrays.contract import product

                return product(self, e, want)
            case x.Pow(base=base, exponent=exponent):
                return self.power(base, exponent, want)
            case x.Reduce():
                return self.reduction(e, want)
            case x.Cases(branches=branches, otherwise=otherwise):
                return self.cases(branches, otherwise, want)
            case x.D():
                raise Unsupported(f"the derivative {e} has not been carried out", "code needs it resolved")
        raise TypeError(f"have you added a new node? {type(e).__name__}")

    def arithmetic(self, op: str, values: list[Value], want: Axes = ()) -> Value:
        """Elementwise arithmetic with the sorts made to fit."""
        if all(v.sort == "number" for v in values):
            return Value(Map(op, tuple(v.node for v in values)), (), "number")
        if self.integer and all(v.sort != "real" for v in values):
            return elementwise(op, values, want, "int")
        return elementwise(op, reals(values), want, "real")

    def sum_of(self, terms: tuple[Expr, ...], want: Axes) -> Value:
        values, signs = [], []
        for t in terms:
            negative, t = _split_sign(t)
            values.append(self.value(t, want))
            signs.append(negative)
        order = common_order(values, want)
        integer = self.integer and all(v.sort != "real" for v in values)
        if not integer:
            values = [real(v) if v.sort == "int" else v for v in values]
        if not integer and not any(v.sort == "real" for v in values):
            values = [real(v) for v in values]
        if signs[0] and False in signs:
            first = signs.index(False)
            values.insert(0, values.pop(first))
            signs.insert(0, signs.pop(first))
        if values[0].sort == "bool" and len(values) > 1 and not integer:
            values[0] = real(values[0])
        return self._accumulated([fit(v, order) for v in values], signs, "int" if integer else "real")

    def _accumulated(self, values: list[Value], signs: list[bool], sort: str) -> Value:
        result = values[0]
        if signs[0]:
            result = Value(Map("neg", (real(result).node,)), result.axes, result.sort)
        for v, negative in zip(values[1:], signs[1:], strict=True):
            both = "number" if result.sort == v.sort == "number" else sort
            if result.sort == "number" and v.sort == "bool":
                v = real(v)
            axes = merged([result, v], ())
            result = Value(Map("sub" if negative else "add", (result.node, v.node)), axes, both)
        return result

    def power(self, base: Expr, exponent: Expr, want: Axes) -> Value:
        u = self.value(base, want)
        number = exponent.value if isinstance(exponent, x.Num) else None
        if u.sort == "number" and number is not None:
            return self._number_power(u, number)
        if number == -1:
            return self.arithmetic("div", [Value(ONE, (), "number"), real(u)], want)
        if number == Fraction(1, 2):
            return Value(Map("sqrt", (real(u).node,)), u.axes)
        if isinstance(number, Fraction) and number < 0 and number.denominator == 1:
            below = Value(Map("pow", (real(u).node, Number(-number))), u.axes)
            return self.arithmetic("div", [Value(ONE, (), "number"), below], want)
        values = [u, self.value(exponent, want)]
        whole = self.integer and isinstance(number, Fraction) and number >= 0
        return self.arithmetic("pow", values if whole else [real(v) for v in values], want)

    def _number_power(self, u: Value, number: Fraction) -> Value:
        if number == -1:
            return Value(Map("div", (ONE, u.node)), (), "number")
        return Value(Map("pow", (u.node, Number(number))), (), "number")

    def call(self, op: str, args: tuple[Expr, ...], want: Axes) -> Value:
        """A row of the op table; of numbers it is a number again."""
        if self.stable:
            from derive.arrays.normalisers import log_of

            found = log_of(self, op, args, want)
            if found is not None:
                return found
        values = [self.value(a, want) for a in args]
        if all(v.sort == "number" for v in values):
            return Value(Apply(op, tuple(v.node for v in values), plain=True), (), "number")
        values = [self._once(op, k, real(v)) for k, v in enumerate(values)]
        return elementwise(op, values, want, make=lambda nodes: Apply(op, nodes))

    def _once(self, op: str, place: int, v: Value) -> Value:
        """An argument that the row's text names twice is computed once, under a name of its own."""
        row = OPS[op]
        spelling = (self.stable and row.stable) or row.numpy
        if spelling.count("{" + row.args.split()[place] + "}") < 2 or isinstance(v.node, (Load, Number)):
            return v
        return self.named(v)

    def named(self, v: Value) -> Value:
        """The value under a name of its own."""
        name = self.temporary(tuple(Size.of(1) if i is None else i.size for i in v.axes))
        self.statements.append(Assign(name, v.node))
        return Value(Load(name), v.axes, v.sort)

    def cases(self, branches, otherwise: Expr, want: Axes) -> Value:
        first = self.condition(branches[0][0], want)
        if first.sort == "number":
            rest = x.cases(list(branches[1:]), otherwise)
            values = [self.value(branches[0][1], want), self.value(rest, want)]
            values = values if self.integer else [real(v) for v in values]
            return elementwise("choose", [values[0], first, values[1]], want, values[0].sort)
        safe = self.under_guard()
        values = [safe.value(v, want) for _, v in branches] + [safe.value(otherwise, want)]
        if all(v.sort == "bool" for v in values) or (self.integer and not any(v.sort == "real" for v in values)):
            sort = "int"
        else:
            values, sort = [real(v) for v in values], "real"
        plain = all(v.sort == "number" for v in values)
        result = values[-1]
        for (cond, _), v in zip(reversed(branches), reversed(values[:-1]), strict=True):
            c = safe.condition(cond, want)
            result = elementwise("where", [c, v, result], want, sort)
        return Value(Cast(result.node), result.axes) if plain and sort == "real" else result

    # -- conditions

    def condition(self, cond: x.Cond, want: Axes = ()) -> Value:
        """Truth values; a condition on sizes and counters alone is a Python truth value (sort number)."""
        match cond:
            case x.Rel(op=op, left=a, right=b):
                truth = self._truth_of(op, a, b)
                if truth is not None:
                    return truth
                if op == "eq" and self._diagonal(a, b):
                    return Value(Eye(a.size), (a, b) if _before(a, b, want) else (b, a), "bool")
                values = [self.side(a, want), self.side(b, want)]
                return elementwise(op, values, want, _truth(values))
            case x.And(parts=inner) | x.Or(parts=inner) if inner:
                values = [self.condition(c, want) for c in inner]
                result, word = values[0], "and" if isinstance(cond, x.And) else "or"
                for v in values[1:]:
                    result = elementwise(word, [result, v], want, _truth([result, v]))
                return result
            case x.And() | x.Or():
                return Value(Number(Fraction(isinstance(cond, x.And))), (), "number")
            case x.Not(part=x.Rel(op="eq", left=a, right=b)):
                values = [self.side(a, want), self.side(b, want)]
                return elementwise("ne", values, want, _truth(values))
            case x.Not(part=inner):
                v = self.condition(inner, want)
                return Value(Map("lnot" if v.sort == "number" else "not", (v.node,)), v.axes, v.sort)
        raise TypeError(f"have you added a new condition? {type(cond).__name__}")

    def _truth_of(self, op: str, a, b) -> Value | None:
        """keep = 1 of an array of truth values: the array itself; keep = 0: its negation."""
        for side, other in ((a, b), (b, a)):
            if op == "eq" and isinstance(side, x.Entry) and self.sort(side.name) == "bool":
                number = x.as_value(other)
                if isinstance(number, x.Num) and number.value in (0, 1):
                    v = self.entry(side)
                    return v if number.value == 1 else Value(Map("not", (v.node,)), v.axes, "bool")
        return None

    def _diagonal(self, a, b) -> bool:
        moving = isinstance(a, Index) and isinstance(b, Index) and not {a, b} & self.counters
        return moving and a.size == b.size and a.size.number != 1

    def side(self, t: x.Slot | Expr, want: Axes) -> Value:
        """One side of a comparison: integers are compared as integers."""
        return self.value(t, want) if isinstance(t, Expr) and not isinstance(t, x.Entry) else self.position(t, want)

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

    # -- reductions

    def reduction(self, e: x.Reduce, want: Axes) -> Value:
        if e.op == "sum":
            from derive.arrays.contract import product

            return product(self, e, want)
        bound, body, guard = [e.index], e.body, e.guard
        while guard is None and isinstance(body, x.Reduce) and body.op == e.op:
            bound, body, guard = [*bound, body.index], body.body, body.guard
        low = self.under_guard() if guard is not None else self
        v = real(low.value(body, (*want, *bound)))
        if guard is not None:
            rest = Value(Number(NEUTRAL[e.op]), (), "number")
            v = elementwise("where", [low.condition(guard, want), v, rest], want)
        missing = [i for i in bound if i not in v.axes]
        if e.op == "prod":
            for i in missing:
                v = self.arithmetic("pow", [v, Value(length(i.size), (), "number")])
        return kept_for(fold(e.op, v, [i for i in bound if i in v.axes]), want)


NEUTRAL = {"max": -inf, "min": inf, "prod": Fraction(1)}


def fold(op: str, v: Value, bound: list[Index]) -> Value:
    """A reduction of a value over some of its indices."""
    if not bound:
        return v
    places = tuple(sorted(v.axes.index(i) for i in bound))
    axes = tuple(a for k, a in enumerate(v.axes) if k not in places)
    sort = "int" if v.sort in ("bool", "int") else "real"
    return Value(Fold(op, v.node, places, len(v.axes)), axes, sort)


def length(n: Size) -> Node:
    """A size as a number in the text."""
    return Number(Fraction(n.number)) if n.number is not None else Length(n)


def _trimmed(items: list[Node]) -> tuple[Node, ...]:
    items = list(items)
    while items and items[-1] == FULL:
        items.pop()
    return tuple(items)


def _truth(values: list[Value]) -> str:
    return "number" if all(v.sort == "number" for v in values) else "bool"


def _before(a: Index, b: Index, want: Axes) -> bool:
    order = [i for i in want if i in (a, b)]
    return order != [b, a]


def _split_sign(t: Expr) -> tuple[bool, Expr]:
    """Whether a term is subtracted, and what is."""
    if isinstance(t, x.Num) and t.value < 0:
        return True, x.Num(-t.value)
    if isinstance(t, x.Mul) and isinstance(t.factors[0], x.Num) and t.factors[0].value < 0:
        return True, x.negate(t)
    return False, t


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


__all__ = ["Lowering", "fold", "length", "replace"]
