"""Arrays with labelled axes: broadcasting, transposing and new axes follow from the labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

from derive.arrays.program import FULL, NEW, Cast, Fold, Map, Node, Number, Permute, Pick
from derive.index import Index

Axes = tuple[Index | None, ...]
ZERO = Number(Fraction(0))


@dataclass(frozen=True)
class Value:
    """A node with the index that runs along each of its axes (None: length 1) and its sort.

    Sorts: number (a Python number, takes the type of what it meets), real, int, bool.
    """

    node: Node
    axes: Axes = ()
    sort: str = "real"

    @property
    def indices(self) -> tuple[Index, ...]:
        return tuple(i for i in self.axes if i is not None)


def broadcasts(axes: Axes, order: Axes) -> bool:
    """Whether an array over `axes` lines up with `order` as it is."""
    if len(axes) > len(order):
        return False
    tail = order[len(order) - len(axes) :]
    return all(a is None or a is o for a, o in zip(axes, tail, strict=True))


def kept(value: Value) -> Value | None:
    """A reduction with its reduced axes left in place, None when it is not one."""
    node = value.node
    if not isinstance(node, Fold) or node.keep or not node.axes:
        return None
    axes = list(value.axes)
    for place in sorted(node.axes):
        axes.insert(place, None)
    return Value(replace(node, keep=True), tuple(axes), value.sort)


def kept_for(value: Value, want: Axes) -> Value:
    """A reduction that leaves its axes in place where that is how its user wants them."""
    whole = kept(value)
    if whole is None or not broadcasts(whole.axes, want):
        return value
    units = None in want and len(whole.axes) == len(want)
    return whole if units or not broadcasts(value.axes, want) else value


def fit(value: Value, order: Axes) -> Value:
    """The same entries, broadcasting against `order`."""
    if broadcasts(value.axes, order):
        return value
    whole = kept(value)
    if whole is not None and broadcasts(whole.axes, order):
        return whole
    wanted = tuple(o for o in order if o in value.indices)
    if wanted != value.indices:
        value = permuted(value, wanted)
    return _stretched(value, order)


def permuted(value: Value, wanted: tuple[Index, ...]) -> Value:
    """The axes in the wanted order, axes of length 1 dropped."""
    value = squeezed(value)
    if value.axes == wanted:
        return value
    order = tuple(value.axes.index(i) for i in wanted)
    if isinstance(value.node, Permute):
        inner = value.node.order
        order = tuple(inner[k] for k in order)
        node = value.node.arg if order == tuple(range(len(order))) else Permute(value.node.arg, order)
        return Value(node, wanted, value.sort)
    return Value(Permute(value.node, order), wanted, value.sort)


def squeezed(value: Value) -> Value:
    """Without axes of length 1."""
    if None not in value.axes:
        return value
    items = [ZERO if a is None else FULL for a in value.axes]
    while items and items[-1] == FULL:
        items.pop()
    return Value(Pick(value.node, tuple(items)), value.indices, value.sort)


def _stretched(value: Value, order: Axes) -> Value:
    """Axes of length 1 put in or dropped; the indices stand in order already."""
    items: list[Node] = []
    axes: list[Index | None] = []
    left = list(value.axes)
    for o in order:
        while left and left[0] is None and next((a for a in left if a is not None), left) is o:
            items.append(ZERO)
            left.pop(0)
        if left and (left[0] is o or left[0] is None):
            items.append(FULL)
            axes.append(left.pop(0))
        else:
            items.append(NEW)
            axes.append(None)
    items += [ZERO] * len(left)
    while items and items[0] == NEW:
        items.pop(0)
        axes.pop(0)
    while items and items[-1] == FULL:
        items.pop()
    return Value(Pick(value.node, tuple(items)) if items else value.node, tuple(axes), value.sort)


def effort(value: Value, order: Axes) -> int:
    """How much text it takes to line a value up."""
    after = fit(value, order).node
    if after is value.node or isinstance(after, Fold):
        return 0
    return 2 if any(isinstance(n, Permute) for n in (after, getattr(after, "arg", after))) else 1


def common_order(values: Iterable[Value], want: Axes = ()) -> Axes:
    """The order of axes in which values meet with the least text; `want` is where the result is going."""
    values = list(values)
    needed = list(dict.fromkeys(i for v in values for i in v.indices))
    units = any(None in v.axes for v in values)
    target = tuple(i for i in want if i in needed or (i is None and units))
    rest = [i for i in needed if i not in target]
    candidates = [(*rest, *target), (*target, *rest)]
    for v in values:
        missing = [i for i in needed if i not in v.indices]
        candidates += [(*missing, *v.axes), (*v.axes, *missing)] if missing else [v.axes]

    def cost(order: Axes) -> tuple:
        own = sum(effort(v, order) for v in values)
        after = 0 if rest or not want else effort(Value(ZERO, order), want)
        return own + after, len(order)

    return min(candidates, key=cost)


def merged(values: list[Value], order: Axes) -> Axes:
    """The axes of fitted values together."""
    rank = max((len(v.axes) for v in values), default=0)
    result: list[Index | None] = [None] * rank
    for v in values:
        for place, a in enumerate(v.axes, rank - len(v.axes)):
            result[place] = result[place] if a is None else a
    return tuple(result)


def elementwise(op: str, values: list[Value], want: Axes = (), sort: str = "real", make=None) -> Value:
    """One elementwise operation over values, lined up."""
    order = common_order(values, want)
    fitted = [fit(v, order) for v in values]
    nodes = tuple(v.node for v in fitted)
    return Value(make(nodes) if make else Map(op, nodes), merged(fitted, order), sort)


def real(value: Value) -> Value:
    """Integers and truth values as floats."""
    return Value(Cast(value.node), value.axes, "real") if value.sort in ("int", "bool") else value


def reals(values: list[Value]) -> list[Value]:
    """Operands of arithmetic: integers as floats; truth values too where nothing real meets them."""
    some_real = any(v.sort == "real" for v in values)
    return [real(v) if v.sort == "int" or (v.sort == "bool" and not some_real) else v for v in values]
