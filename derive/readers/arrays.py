"""Operations on abstract arrays: broadcasting, elementwise, reductions, products, reshaping, joining.

Every function takes the reading (`run`) first: it compares sizes through it and raises its problems at the node that
is being read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from derive import expr as x
from derive.errors import ShapeUnknown
from derive.expr import Expr, Slot
from derive.index import Index, Size
from derive.readers.run import Run, exact_quotient, without_quotients
from derive.readers.values import UNIT, Along, Array, Body, Fixed, Shape, Slots, View, condition, unit

# ---------------------------------------------------------------- elementwise


def broadcast_shape(run: Run, *shapes: Shape) -> Shape:
    """The common shape; sizes that meet are forced to be equal."""
    rank = max((len(s) for s in shapes), default=0)
    padded = [(UNIT,) * (rank - len(s)) + s for s in shapes]
    result = []
    for axis in zip(*padded, strict=True):
        long = [n for n in axis if not unit(n)]
        for n in long[1:]:
            run.unify(long[0], n)
        result.append(long[0] if long else UNIT)
    return tuple(result)


def aligned(array: Array, shape: Shape) -> Body:
    """The body of an array as seen from a larger shape: leading axes dropped, length-1 axes at place 0."""
    drop = len(shape) - array.rank

    def body(slots: Slots) -> Expr:
        own = slots[drop:]
        return array.body(tuple(x.whole_slot(0) if unit(n) else s for s, n in zip(own, array.shape, strict=True)))

    return body


def elementwise(run: Run, make: Callable[..., Expr], *arrays: Array, sort: str | None = None) -> Array:
    """One expression of the entries at the same place, after broadcasting."""
    shape = broadcast_shape(run, *(a.shape for a in arrays))
    bodies = [aligned(a, shape) for a in arrays]
    if sort is None:
        sort = "int" if all(a.sort in ("int", "bool") for a in arrays) else "real"
    return Array(shape, lambda slots: make(*(body(slots) for body in bodies)), sort)


def logical(run: Run, make: Callable[..., x.Cond], *arrays: Array) -> Array:
    """A truth value made of truth values."""
    arrays = tuple(truthy(run, a) for a in arrays)
    return elementwise(run, lambda *e: x.indicator(make(*(condition(u) for u in e))), *arrays, sort="bool")


def added(run: Run, a: Array, b: Array) -> Array:
    """a + b; of two masks NumPy and torch take the logical or."""
    if a.sort == b.sort == "bool":
        return logical(run, x.either, a, b)
    return elementwise(run, lambda u, v: u + v, a, b)


def truthy(run: Run, a: Array) -> Array:
    """A number as a truth value: whether it is not 0."""
    return a if a.sort == "bool" else compare(run, "ne", a, Array((), lambda _: x.ZERO, "int"))


def compare(run: Run, op: str, a: Array, b: Array) -> Array:
    """a `op` b as an array of truth values; op is one of eq ne lt le gt ge."""
    swapped = op in ("gt", "ge")
    base = {"ne": "eq", "gt": "lt", "ge": "le"}.get(op, op)

    def make(u: Expr, v: Expr) -> Expr:
        if base == "eq" and (truth := _decided(a, b, u, v)) is not None:
            cond = truth
        else:
            cond = x.rel(base, v, u) if swapped else x.rel(base, u, v)
        return x.indicator(x.negation(cond) if op == "ne" else cond)

    return elementwise(run, make, a, b, sort="bool")


def _decided(a: Array, b: Array, u: Expr, v: Expr) -> x.Cond | None:
    """`keep == 1`, `keep == True`, `keep == 0` of a truth value: the condition itself or its negation."""
    for side, other in ((u, v), (v, u)):
        if isinstance(side, x.Ind) and isinstance(other, x.Num) and other.value in (0, 1):
            return side.cond if other.value == 1 else x.negation(side.cond)
    return None


def where(run: Run, cond: Array, a: Array, b: Array) -> Array:
    """a where the condition holds, else b."""
    cond = truthy(run, cond)
    sort = "int" if a.sort == b.sort == "int" else "bool" if a.sort == b.sort == "bool" else "real"
    return elementwise(run, lambda c, u, v: x.cases([(condition(c), u)], v), cond, a, b, sort=sort)


# ---------------------------------------------------------------- axes and reductions


def axis_of(run: Run, axis: object, rank: int) -> int:
    """An axis number from 0; raises when it is none."""
    if isinstance(axis, bool) or not isinstance(axis, int):
        raise run.unsupported("an axis must be an integer known when reading", hint="write axis=0, axis=-1 or dim=1")
    if not -rank <= axis < rank:
        raise run.mismatch(
            f"there is no axis {axis} in an array of {rank} axes", "axes count from 0", "use axis=-1 for the last"
        )
    return axis % rank


def axes_of(run: Run, axis: object, rank: int) -> tuple[int, ...]:
    """The axes to work along: None means all, else one or several."""
    if axis is None:
        return tuple(range(rank))
    many = axis if isinstance(axis, (tuple, list)) else (axis,)
    return tuple(sorted(axis_of(run, k, rank) for k in many))


def over_axes(
    a: Array, axes: tuple[int, ...], keep: bool, value: Callable[[Callable, Shape], Expr], sort: str
) -> Array:
    """An array whose entry is made of all entries along some axes.

    `value(body, sizes)` gets the body over the slots of those axes, and their sizes.
    """
    lengths = tuple(a.shape[k] for k in axes)
    shape = tuple(UNIT if k in axes else n for k, n in enumerate(a.shape) if keep or k not in axes)

    def body(slots: Slots) -> Expr:
        outer = [s for k, s in enumerate(slots) if k not in axes] if keep else list(slots)

        def inner(along: Slots) -> Expr:
            rest, reduced = iter(outer), iter(along)
            return a.body(tuple(next(reduced) if k in axes else next(rest) for k in range(a.rank)))

        return value(inner, lengths)

    return Array(shape, body, sort)


def fold(op: str) -> Callable[[Callable, Shape], Expr]:
    """Σ, Π, max or min over all of the given axes."""

    def value(body: Callable, sizes: Shape) -> Expr:
        indices = tuple(Index("i", n) for n in sizes)
        e = body(indices)
        for i in reversed(indices):
            e = x.reduce_(op, i, e)
        return e

    return value


def reduced(run: Run, op: str, a: Array, axis: object, keep: bool) -> Array:
    """A reduction along axes; truth values are counted."""
    sort = "int" if a.sort in ("int", "bool") else "real"
    return over_axes(a, axes_of(run, axis, a.rank), keep, fold(op), sort)


def best(run: Run, op: str, a: Array, axis: object, keep: bool = False) -> Array:
    """argmax and argmin along an axis (of the flattened array when axis is None)."""
    if axis is None:
        a, axis = flattened(run, a), 0

    def value(body: Callable, sizes: Shape) -> Expr:
        i = Index("i", sizes[0])
        return x.Whole(x.ArgBest(op, i, body((i,)))) if not unit(sizes[0]) else x.ZERO

    return over_axes(a, (axis_of(run, axis, a.rank),), keep, value, "int")


def accumulated(run: Run, op: str, a: Array, axis: object) -> Array:
    """cumsum and cumprod."""
    if axis is None:
        a, axis = flattened(run, a), 0
    k = axis_of(run, axis, a.rank)

    def body(slots: Slots) -> Expr:
        i = Index("i", a.shape[k])
        return x.reduce_(op, i, a.body((*slots[:k], i, *slots[k + 1 :])), x.rel("le", i, slots[k]))

    return Array(a.shape, body, a.sort)


# ---------------------------------------------------------------- products


def matmul(run: Run, a: Array, b: Array) -> Array:
    """a @ b with NumPy's rules for vectors and leading axes."""
    if not a.rank or not b.rank:
        raise run.mismatch("`@` needs arrays with at least one axis", hint="use * with a scalar")
    n, inner = a.shape[-1], b.shape[-2] if b.rank > 1 else b.shape[-1]
    run.unify(n, inner, "the inner axes of the product")
    rows, columns = a.shape[-2:-1] if a.rank > 1 else (), b.shape[-1:] if b.rank > 1 else ()
    lead = broadcast_shape(run, a.shape[:-2], b.shape[:-2])

    def body(slots: Slots) -> Expr:
        batch, rest = slots[: len(lead)], slots[len(lead) :]
        k = Index("i", n)
        left = (*_led(batch, a.shape[:-2]), *rest[: len(rows)], k)
        right = (*_led(batch, b.shape[:-2]), k, *rest[len(rows) :])
        return x.reduce_("sum", k, x.mul(a.body(left), b.body(right)))

    return Array((*lead, *rows, *columns), body, _number_sort(a, b))


def _led(batch: Slots, shape: Shape) -> Slots:
    own = batch[len(batch) - len(shape) :] if shape else ()
    return tuple(x.whole_slot(0) if unit(n) else s for s, n in zip(own, shape, strict=True))


def _number_sort(*arrays: Array) -> str:
    return "int" if all(a.sort in ("int", "bool") for a in arrays) else "real"


def dot(run: Run, a: Array, b: Array) -> Array:
    """np.dot: a product with a scalar, else the sum over the last axis of a and the last but one of b."""
    if not a.rank or not b.rank:
        return elementwise(run, x.mul, a, b)
    if a.rank <= 2 and b.rank <= 2:
        return matmul(run, a, b)
    axis = b.rank - 2 if b.rank > 1 else 0
    return tensordot(run, a, b, (a.rank - 1,), (axis,))


def tensordot(run: Run, a: Array, b: Array, left: tuple[int, ...], right: tuple[int, ...]) -> Array:
    """The sum of products over pairs of axes; the other axes of a come first."""
    if len(left) != len(right):
        raise run.mismatch("tensordot needs as many axes on both sides")
    for j, k in zip(left, right, strict=True):
        run.unify(a.shape[j], b.shape[k], "the contracted axes")
    shape = tuple(n for k, n in enumerate(a.shape) if k not in left)
    cut = len(shape)
    shape += tuple(n for k, n in enumerate(b.shape) if k not in right)

    def body(slots: Slots) -> Expr:
        bound = [Index("i", a.shape[j]) for j in left]
        first, second = iter(slots[:cut]), iter(slots[cut:])
        u = a.body(tuple(bound[left.index(k)] if k in left else next(first) for k in range(a.rank)))
        v = b.body(tuple(bound[right.index(k)] if k in right else next(second) for k in range(b.rank)))
        return x.total(x.mul(u, v), *bound)

    return Array(shape, body, _number_sort(a, b))


def einsum(run: Run, subscripts: str, *arrays: Array) -> Array:
    """np.einsum with explicit or implicit output."""
    text = _without_ellipsis(subscripts.replace(" ", ""), arrays)
    sources, arrow, target = text.partition("->")
    terms = sources.split(",")
    if "." in text or len(terms) != len(arrays) or any(len(t) != a.rank for t, a in zip(terms, arrays, strict=True)):
        raise run.unsupported(f"einsum({subscripts!r}) does not fit its operands",
                              "each operand needs one letter an axis",
                              'name every axis: einsum("nd,dc->nc", X, W)')  # fmt: skip
    sizes: dict[str, Size] = {}
    for term, array in zip(terms, arrays, strict=True):
        for letter, n in zip(term, array.shape, strict=True):
            if letter in sizes and not unit(sizes[letter]):
                run.unify(sizes[letter], n, f"the axes `{letter}`")
            sizes[letter] = n if letter not in sizes or unit(sizes[letter]) else sizes[letter]
    if not arrow:
        target = "".join(sorted(c for c in sizes if sources.count(c) == 1))
    if not set(target) <= sizes.keys():
        raise run.mismatch(f"einsum({subscripts!r}) names an output axis that no operand has")
    return _contraction(terms, target, sizes, arrays)


def _without_ellipsis(text: str, arrays: tuple[Array, ...]) -> str:
    """The subscripts with a letter for every axis that `...` stands for, counted from the last."""
    sources, arrow, target = text.partition("->")
    terms = sources.split(",")
    if "..." not in text or len(terms) != len(arrays):
        return text
    free = [c for c in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in text]
    counts = [a.rank - len(t.replace("...", "")) for t, a in zip(terms, arrays, strict=True) if "..." in t]
    lead = free[: max(counts, default=0)]
    spelled = [t.replace("...", "".join(lead[len(lead) - a.rank + len(t.replace("...", "")) :]))
               for t, a in zip(terms, arrays, strict=True)]  # fmt: skip
    return ",".join(spelled) + (f"->{target.replace('...', ''.join(lead))}" if arrow else "")


def _contraction(terms: list[str], target: str, sizes: dict[str, Size], arrays: tuple[Array, ...]) -> Array:
    def body(slots: Slots) -> Expr:
        bound = {c: Index("i", n) for c, n in sizes.items() if c not in target}
        at: dict[str, Slot] = {**bound, **dict(zip(target, slots, strict=True))}
        factors = []
        for term, array in zip(terms, arrays, strict=True):
            places = zip(term, array.shape, strict=True)
            factors.append(array.body(tuple(x.whole_slot(0) if unit(n) else at[c] for c, n in places)))
        return x.total(x.mul(*factors), *bound.values())

    return Array(tuple(sizes[c] for c in target), body, _number_sort(*arrays))


# ---------------------------------------------------------------- rearranging


def rearranged(a: Array, shape: Shape, reach: Callable[[Slots], Slots], axes: tuple[int, ...] | None = None) -> Array:
    """The same entries at other places: `reach` turns new slots into old ones.

    `axes`: for views that only permute, drop or insert axes of length 1, the new axis of every old one (-1: dropped).
    """
    view = None
    if a.view is not None:
        old = a.view
        selectors = None
        if axes is not None and old.selectors is not None:
            selectors = tuple(_moved(s, axes) for s in old.selectors)
        view = View(old.buffer, lambda slots: old.reach(reach(slots)), selectors, old.stamp, old.loose)
    return Array(shape, lambda slots: a.body(reach(slots)), a.sort, view, a.cheap)


def _moved(s: Fixed | Along, axes: tuple[int, ...]) -> Fixed | Along:
    """A buffer's axis when the view's axes are renumbered; -1: the axis of length 1 is dropped."""
    if isinstance(s, Fixed):
        return s
    return Fixed(s.start) if axes[s.axis] < 0 else replace(s, axis=axes[s.axis])


def transposed(a: Array, order: tuple[int, ...]) -> Array:
    """Axes in another order: new axis k is old axis order[k]."""
    back = tuple(order.index(k) for k in range(a.rank))
    shape = tuple(a.shape[k] for k in order)
    return rearranged(a, shape, lambda slots: tuple(slots[k] for k in back), back)


def inserted(a: Array, place: int) -> Array:
    """A new axis of length 1."""
    shape = (*a.shape[:place], UNIT, *a.shape[place:])
    axes = tuple(k if k < place else k + 1 for k in range(a.rank))
    return rearranged(a, shape, lambda slots: (*slots[:place], *slots[place + 1 :]), axes)


def squeezed(run: Run, a: Array, axis: object) -> Array:
    """Without the given axes of length 1 (all of them when axis is None)."""
    drop = [k for k, n in enumerate(a.shape) if unit(n)] if axis is None else list(axes_of(run, axis, a.rank))
    for k in drop:
        run.unify(a.shape[k], UNIT, "a squeezed axis and 1")
    kept = [k for k in range(a.rank) if k not in drop]

    def reach(slots: Slots) -> Slots:
        rest = iter(slots)
        return tuple(x.whole_slot(0) if k in drop else next(rest) for k in range(a.rank))

    return rearranged(a, tuple(a.shape[k] for k in kept), reach, tuple(kept.index(k) if k in kept else -1 for k in range(a.rank)))


def broadcast_to(run: Run, a: Array, shape: Shape) -> Array:
    """The array repeated along axes of length 1 and new leading axes."""
    if broadcast_shape(run, a.shape, shape) != shape:
        raise run.mismatch("the array does not broadcast to this shape")
    return Array(shape, aligned(a, shape), a.sort, cheap=a.cheap)


def flattened(run: Run, a: Array) -> Array:
    return reshaped(run, a, (-1,)) if a.rank != 1 else a


def reshaped(run: Run, a: Array, wanted: tuple[Size | int, ...]) -> Array:
    """The same entries in reading order under another shape; one axis may be -1."""
    shape = _shape_of_total(run, a, wanted)
    groups = _groups(run, shape, a.shape)

    def reach(slots: Slots) -> Slots:
        old: list[Slot] = []
        for new_axes, old_axes in groups:
            old += _regrouped(shape, slots, new_axes, tuple(a.shape[k] for k in old_axes))
        return tuple(old)

    return rearranged(a if _in_order(a) else a.loosened(), shape, reach)


def _in_order(a: Array) -> bool:
    """Whether the entries lie in the storage as they are read, so that another shape is a view and no copy."""
    chosen = () if a.view is None else a.view.selectors
    if chosen is None:
        return not a.view.loose
    return all(isinstance(s, Along) and s.axis == k and s.step.number == 1 for k, s in enumerate(chosen)) and (
        a.view is None or a.shape == a.view.buffer.shape)  # fmt: skip


def _shape_of_total(run: Run, a: Array, wanted: tuple[Size | int, ...]) -> Shape:
    total = x.product_of(list(a.shape))
    unknown = [k for k, n in enumerate(wanted) if n == -1]
    if len(unknown) > 1:
        raise run.mismatch("only one axis of a shape can be -1")
    shape = [Size.of(n) for n in wanted]
    if unknown:
        rest = x.product_of([n for k, n in enumerate(shape) if k not in unknown])
        shape[unknown[0]] = _quotient(run, total, rest, a)
    else:
        run.unify(x.product_of(shape), total, "the old and the new shape")
    return tuple(shape)


def _quotient(run: Run, total: Size, rest: Size, a: Array) -> Size:
    """The length that -1 stands for; where letters do not divide, an axis of the array is forced to be `rest`."""
    exact = exact_quotient(without_quotients(total), without_quotients(rest))
    if exact is not None:
        return exact
    lengths = run.knowledge.lengths
    for n in (a.shape[0], a.shape[-1]) if a.rank else ():
        same = n.letters <= lengths.keys() and rest.letters <= lengths.keys() and n.at(lengths) == rest.at(lengths)
        if same and not n.letters & rest.letters:
            run.unify(n, rest)
    over, under = _cancelled(total, rest)
    if over.number is not None and under.number:
        raise run.mismatch(f"an array of {total} entries has no shape with {rest} columns")
    run.make_divisible(over, under)
    raise run.problem(ShapeUnknown, f"-1 stands for {total} // {rest}, which is not known to be whole",
                      "the sizes have no common factor", "write the sizes of the new shape out")  # fmt: skip


def _cancelled(over: Size, under: Size) -> tuple[Size, Size]:
    """A fraction of sizes without the letters that divide both."""
    for letter in sorted(under.letters):
        n = Size.of(letter)
        while (a := over.divided(n)) is not None and (b := under.divided(n)) is not None:
            over, under = a, b
    return over, under


def _groups(run: Run, new: Shape, old: Shape) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Axes of the new and the old shape that correspond, in the smallest runs with equal products."""
    groups: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
    j = k = 0
    while j < len(new) or k < len(old):
        found = _closing(run, new, old, j, k)
        groups.append((tuple(range(j, found[0])), tuple(range(k, found[1]))))
        j, k = found
    return groups


def _closing(run: Run, new: Shape, old: Shape, j: int, k: int) -> tuple[int, int]:
    if j < len(new) and unit(new[j]):
        return j + 1, k
    if k < len(old) and unit(old[k]):
        return j, k + 1
    for reach in range(2, len(new) - j + len(old) - k + 1):
        for a in range(1, reach):
            b = reach - a
            if j + a > len(new) or k + b > len(old):
                continue
            left, right = x.product_of(list(new[j : j + a])), x.product_of(list(old[k : k + b]))
            if without_quotients(left) == without_quotients(right):
                run.unify(left, right)
                return j + a, k + b
    return len(new), len(old)


def _regrouped(shape: Shape, slots: Slots, axes: tuple[int, ...], old: Shape) -> list[Slot]:
    """The old slots of one group: its new slots joined, then cut into digits."""
    if len(old) == len(axes) == 1:
        return [slots[axes[0]]]
    if not old:
        return []
    whole = x.join([(slots[k], shape[k]) for k in axes]) if axes else x.whole_slot(0)
    digits: list[Slot] = []
    for place, n in enumerate(old):
        below = x.product_of(list(old[place + 1 :]))
        digits.append(x.part(whole, below, None if place == 0 else n) if not unit(n) else x.whole_slot(0))
    return digits


def concatenated(run: Run, arrays: list[Array], axis: object) -> Array:
    """Arrays one after another along an axis."""
    k = axis_of(run, axis, arrays[0].rank)
    for other in arrays[1:]:
        if other.rank != arrays[0].rank:
            raise run.mismatch("joined arrays need the same number of axes")
        for axis_, (m, n) in enumerate(zip(arrays[0].shape, other.shape, strict=True)):
            if axis_ != k:
                run.unify(m, n)
    lengths = [a.shape[k] for a in arrays]
    total = Size()
    for n in lengths:
        total = total + n

    def body(slots: Slots) -> Expr:
        branches, start = [], Size()
        for a, n in zip(arrays, lengths, strict=True):
            here = x.affine([(slots[k], UNIT)], -start)
            place = x.whole_slot(0) if unit(n) else here
            branches.append(
                (x.rel("lt", slots[k], x.whole_slot(start + n)), a.body((*slots[:k], place, *slots[k + 1 :])))
            )
            start = start + n
        return x.cases(branches[:-1], branches[-1][1])

    return Array((*arrays[0].shape[:k], total, *arrays[0].shape[k + 1 :]), body, _joint_sort(arrays))


def stacked(run: Run, arrays: list[Array], axis: object = 0) -> Array:
    """Arrays side by side along a new axis."""
    if not arrays:
        raise run.unsupported("an empty list has no shape as an array")
    shape = broadcast_shape(run, *(a.shape for a in arrays))
    k = axis_of(run, axis, len(shape) + 1)
    bodies = [aligned(a, shape) for a in arrays]

    def body(slots: Slots) -> Expr:
        inner = (*slots[:k], *slots[k + 1 :])
        branches = [(x.rel("eq", slots[k], x.whole_slot(place)), b(inner)) for place, b in enumerate(bodies)]
        return x.cases(branches[:-1], branches[-1][1])

    return Array((*shape[:k], Size.of(len(arrays)), *shape[k:]), body, _joint_sort(arrays))


def _joint_sort(arrays: list[Array]) -> str:
    sorts = {a.sort for a in arrays}
    return sorts.pop() if len(sorts) == 1 else "real" if "real" in sorts else "int"


def filled(shape: Shape, e: Expr, sort: str = "real") -> Array:
    """The same number everywhere."""
    return Array(shape, lambda _: e, sort, cheap=True)
