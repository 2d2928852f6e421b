"""The registry of NumPy and torch spellings: how a call is bound to its row, and the rows that make and shape arrays.

A row is a function `f(run, flavor, …)` under its spellings, with a signature in Python's own words.  One row serves
`np.f(x, …)`, `torch.f(x, …)`, `F.f(x, …)` and `x.f(…)`; `flavor` tells the two libraries apart where they differ.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, replace

from derive import expr as x
from derive.index import Size
from derive.readers import arrays as A
from derive.readers.convert import as_array, as_axis, as_shape, as_size, is_grown
from derive.readers.indexing import Slice, _basic, mutate, range_length
from derive.readers.operators import masked
from derive.readers.run import Run
from derive.readers.values import UNIT, Array, Fixed, Masked, Pair, Range, Slots, constant, number

_SYNONYMS = {"dim": "axis", "dims": "axis", "keepdim": "keepdims", "input": "x", "a": "x", "arr": "x", "tensor": "x",
             "other": "y", "b": "y", "correction": "ddof", "newshape": "shape", "size": "shape", "min": "a_min",
             "max": "a_max", "arrays": "x", "tensors": "x", "object": "x", "m": "x", "A": "x", "x1": "x", "x2": "y",
             "axes": "axis", "reps": "shape", "dimension": "axis", "array": "x",
             "diagonal": "k", "indices": "index"}  # fmt: skip
_IGNORED = {"device", "requires_grad", "copy", "stable", "casting", "optimize", "generator", "memory_format", "layout",
            "_stacklevel", "non_blocking", "subok"}  # fmt: skip
_HARMLESS = {"out": (None,), "inplace": (False,), "order": (None, "C"), "initial": (None,), "where": (True,)}
_ORDERED = {"reshape", "ravel", "flatten"}  # what `order=` says of other functions changes no value
_STARTS = {"sum": (0,)}  # `initial=` that changes nothing


@dataclass(frozen=True)
class Row:
    """One row: what to call, the parameters in order with defaults, and whether more positions are gathered."""

    function: Callable
    names: tuple[str, ...]
    positions: int
    defaults: dict[str, object]
    rest: str


ROWS: dict[str, Row] = {}


def spelled(names: str, signature: str) -> Callable:
    """Register a row: `@spelled("sum", "x axis=None keepdims=False")`; `*s` gathers the remaining positions."""
    parts = signature.split()
    rest = next((p[1:] for p in parts if p.startswith("*")), "")
    plain = [p.partition("=") for p in parts if not p.startswith("*")]
    positions = next((k for k, p in enumerate(parts) if p.startswith("*")), len(parts))
    defaults = {name: ast.literal_eval(value) for name, sign, value in plain if sign}

    def register(function: Callable) -> Callable:
        for name in names.split():
            ROWS[name] = Row(function, tuple(p[0] for p in plain), positions, defaults, rest)
        return function

    return register


def call(run: Run, name: str, flavor: str, args: list, keywords: dict) -> object:
    """Call the row `name`; raises Unsupported for arguments that it does not have."""
    if any(isinstance(a, Masked) for a in args):
        return _behind_a_mask(run, name, flavor, args, keywords)
    keywords = dict(keywords)
    place = keywords.pop("out", None)
    if keywords.get("inplace") is True:
        place = args[0] if args else place
        keywords.pop("inplace")
    if flavor == "numpy" and place is None and ROWS[name].names in (("x",), ("x", "y")):
        count = len(ROWS[name].names)
        if len(args) == count + 1 and isinstance(args[count], Array):  # np.negative(a, out), np.dot(a, b, out)
            args, place = args[:count], args[count]
    result = typed(run, name, _row_called(run, name, flavor, args, keywords), keywords.get("dtype"))
    return result if place is None else _put_into(run, name, place, result)


def _put_into(run: Run, name: str, place: object, result: object) -> Array:
    """`np.square(h, out=h)`: the result in the place of what an array held."""
    if not isinstance(place, Array) or not isinstance(result, Array) or place.shape != result.shape:
        raise run.unsupported(f"`{name}` into something else than an array of its own shape",
                              hint="assign the result to a name")  # fmt: skip
    mutate(run, place, result.detached())
    return run.current(place)


def typed(run: Run, name: str, result: object, dtype: object) -> object:
    """The result as numbers of a type: floats stay what they are, integers must have been integers."""
    word = getattr(dtype, "last", getattr(dtype, "what", dtype))
    sort = next((s for s in ("bool", "int") if isinstance(word, str) and s in word), None)
    if sort is None and word not in ("long", "short", "byte", "uint8") or not isinstance(result, Array):
        return result
    sort = sort or "int"
    plain = isinstance(e := result.body(run.fresh(result.shape)), x.Num) and e.value in (0, 1)
    if not plain and result.sort not in (sort, "bool"):
        raise run.unsupported(f"`{name}` with `dtype={word}` of real numbers", "rounding has no derivative",
                              "leave the type out")  # fmt: skip
    return replace(result, sort=sort)


def _row_called(run: Run, name: str, flavor: str, args: list, keywords: dict) -> object:
    row = ROWS[name]
    if flavor == "numpy" and len(args) > 2 and row.names[:2] == ("x", "axis") and row.names[-1] == "keepdims" and name != "average":
        raise run.unsupported(f"`{name}` with {len(args)} positions", "in NumPy the third one is no `keepdims`",
                              "name it: keepdims=True")  # fmt: skip
    bound = dict(zip(row.names[: row.positions], args, strict=False))
    more = args[row.positions :]
    if more and not row.rest:
        raise run.unsupported(f"`{name}` with {len(args)} positions", f"it takes {', '.join(row.names)}")
    for key, value in keywords.items():
        target = key if key in row.names or key == row.rest else _SYNONYMS.get(key, key)
        if target in row.names or (row.rest and target == row.rest):
            if target in bound:
                raise run.unsupported(f"`{name}` with `{key}` given twice")
            bound[target] = value
        elif key == "unbiased" and "ddof" in row.names:
            bound["ddof"] = int(bool(value))
        elif key not in _IGNORED and key != "dtype" and not _harmless(name, key, value):
            raise run.unsupported(f"`{name}` with `{key}=`", f"this option of `{name}` is not supported",
                                  f"supported: {', '.join(row.names)}")  # fmt: skip
    if row.rest and not (row.rest in bound and not more):
        bound[row.rest] = tuple(more)
    missing = [n for n in row.names if n not in bound and n not in row.defaults]
    if missing:
        raise run.unsupported(f"`{name}` without {', '.join(missing)}", f"it takes {', '.join(row.names)}")
    return row.function(run, flavor, **{**row.defaults, **bound})


def _harmless(name: str, key: str, value: object) -> bool:
    """Whether an option has a value with which it changes nothing."""
    if key == "order" and name not in _ORDERED or key == "initial" and value in _STARTS.get(name, ()):
        return True
    return any(value is v or isinstance(v, str) and value == v for v in _HARMLESS.get(key, ()))


def _behind_a_mask(run: Run, name: str, flavor: str, args: list, keywords: dict) -> object:
    """The sum or mean of `a[mask]`, or what is computed of its entries one by one."""
    if name not in ("sum", "mean"):
        return masked(run, lambda *values: call(run, name, flavor, list(values), keywords), *args)
    given, *rest = args
    if rest or keywords:
        raise run.unsupported(f"`{name}` of a[mask] with further arguments", "a[mask] has one axis", f"write {name}(a[mask])")
    mask = A.truthy(run, given.mask)
    kept = A.where(run, mask, given.array, number(0))
    total = call(run, "sum", flavor, [kept], {})
    if name == "sum":
        return total
    return A.elementwise(run, lambda u, v: u / v, total, call(run, "sum", flavor, [A.broadcast_to(run, mask, kept.shape)], {}))


# ---------------------------------------------------------------- making arrays


def _filling(value: x.Expr) -> Callable:
    def fill(run: Run, flavor: str, shape, rest=()) -> Array:
        return A.filled(tuple(Size.of(n) for n in as_shape(run, (shape, *rest) if rest else shape)), value)

    return fill


def _filling_like(value: x.Expr) -> Callable:
    return lambda run, flavor, x: A.filled(as_array(run, x).shape, value)


def _whatever(make: Callable) -> Callable:
    """np.empty: what the memory held before, where a run tells the arrays of backward code from those of a forward pass."""

    def fill(run: Run, flavor: str, *args, **keywords) -> Array:
        made = make(run, flavor, *args, **keywords)
        return made if run.whatever is None else run.whatever(made.shape)

    return fill


for _name, _value in (("zeros", x.ZERO), ("ones", x.ONE), ("empty", x.ZERO)):
    _wrap = _whatever if _name == "empty" else lambda make: make
    spelled(_name, "shape *rest")(_wrap(_filling(_value)))
    spelled(f"{_name}_like new_{_name}_like", "x")(_wrap(_filling_like(_value)))
    spelled(f"new_{_name}", "x shape *rest")(
        lambda run, f, x, shape, rest=(), _n=_name: call(run, _n, f, [shape, *rest], {})
    )


@spelled("full", "shape fill_value")
def full(run, flavor, shape, fill_value):
    """The same number everywhere."""
    value = as_array(run, fill_value)
    shape = tuple(Size.of(n) for n in as_shape(run, shape))
    return Array(shape, A.aligned(value, shape), value.sort)


@spelled("full_like", "x fill_value")
def full_like(run, flavor, x, fill_value):
    return full(run, flavor, list(as_array(run, x).shape), fill_value)


@spelled("eye identity", "n m=None k=0")
def eye(run, flavor, n, m, k):
    """[i = j], on a shifted diagonal [j = i + k]."""
    rows, shift = Size.of(as_size(run, n)), as_size(run, k)
    columns = rows if m is None else Size.of(as_size(run, m))
    return Array((rows, columns), lambda s: x.delta(s[1], x.affine([(s[0], UNIT)], shift)), "real")


@spelled("arange range", "start stop=None step=1")
def arange(run, flavor, start, stop, step):
    if stop is None:
        start, stop = 0, start
    return as_array(run, Range(as_size(run, start), as_size(run, stop), as_size(run, step)))


@spelled("tril", "x k=0")
def tril(run, flavor, x, k):
    return _triangle(run, x, k, lambda i, j: (j, i))


@spelled("triu", "x k=0")
def triu(run, flavor, x, k):
    return _triangle(run, x, k, lambda i, j: (i, j))


def _triangle(run: Run, value: object, k: object, order: Callable) -> Array:
    """Entries on one side of a diagonal: those with j <= i + k, or i + k <= j."""
    a, shift = as_array(run, value), as_size(run, k)

    def body(slots: Slots) -> x.Expr:
        i, j = x.affine([(slots[-2], UNIT)], shift), slots[-1]
        left, right = order(i, j)
        e, keep = a.body(slots), x.rel("le", left, right)
        if isinstance(e, x.Num) and e.value == 1:
            return x.indicator(keep)
        if isinstance(e, x.Ind):
            return x.indicator(x.both(keep, e.cond))
        return x.cases([(keep, e)], x.ZERO)

    return Array(a.shape, body, a.sort)


@spelled("one_hot", "x num_classes")
def one_hot(run, flavor, x, num_classes):
    from derive import expr

    labels, n = as_array(run, x), Size.of(as_size(run, num_classes))

    def body(slots: Slots) -> expr.Expr:
        return expr.indicator(expr.rel("eq", slots[-1], labels.body(slots[:-1])))

    return Array((*labels.shape, n), body, "int")


@spelled("array tensor stack_rows", "x copy=True")
def array(run, flavor, x, copy):
    value = as_array(run, x)
    return value.detached() if copy is True else value.loosened()


@spelled("asarray as_tensor from_numpy ascontiguousarray asanyarray", "x")
def itself(run, flavor, x):
    """The array itself, where it is one already of that type and order."""
    return as_array(run, x).loosened()


@spelled("contiguous float double half to type type_as cpu numpy requires_grad_ cuda", "x *rest")
def converted(run, flavor, x, rest=()):
    """The same values as another type or elsewhere: the array itself where nothing is to be done."""
    value, given = copied(run, flavor, x, rest), as_array(run, x)
    return given.loosened() if value.sort == given.sort else value


@spelled("astype", "x *rest copy=True")
def astype(run, flavor, x, rest=(), copy=True):
    return converted(run, flavor, x, rest) if copy is not True else copied(run, flavor, x, rest)


@spelled("copy clone int_ float32 float64 float16 bfloat16", "x *rest")
def copied(run, flavor, x, rest=()):
    """The same values in storage of their own."""
    value = as_array(run, x)
    if any(getattr(r, "last", r) in ("int", "int32", "int64", "long", "int_") for r in rest):
        return integers(run, flavor, value)
    if any(getattr(r, "last", r) in ("bool", "bool_") for r in rest):
        return booleans(run, flavor, value)
    return Array(value.shape, value.body, value.sort, cheap=value.cheap)


@spelled("long int int64 int32", "x")
def integers(run, flavor, x):
    value = as_array(run, x)
    if value.sort == "real":
        raise run.unsupported("a real array made integer", "rounding has no derivative",
                              "pass the labels as an int array")  # fmt: skip
    return Array(value.shape, value.body, "int", cheap=value.cheap)


@spelled("bool", "x")
def booleans(run, flavor, x):
    value = as_array(run, x)
    return value if value.sort == "bool" else A.compare(run, "ne", value, number(0))


# ---------------------------------------------------------------- shaping arrays


@spelled("reshape view", "x *shape")
def reshape(run, flavor, x, shape):
    return A.reshaped(run, as_array(run, x), as_shape(run, shape))


@spelled("view_as reshape_as", "x y")
def reshape_as(run, flavor, x, y):
    return A.reshaped(run, as_array(run, x), as_array(run, y).shape)


@spelled("flatten", "x start_dim=0 end_dim=-1")
def flatten(run, flavor, x, start_dim, end_dim):
    """All axes in one; NumPy's is always a copy."""
    found = ravel(run, flavor, x, start_dim, end_dim)
    return found.detached() if flavor == "numpy" else found


@spelled("ravel", "x start_dim=0 end_dim=-1")
def ravel(run, flavor, x, start_dim, end_dim):
    a = as_array(run, x)
    if not a.rank:
        return A.reshaped(run, a, (1,))
    first, last = (
        A.axis_of(run, start_dim, a.rank) if isinstance(start_dim, int) else 0,
        A.axis_of(run, end_dim, a.rank),
    )
    from derive.expr import product_of

    return A.reshaped(run, a, (*a.shape[:first], product_of(list(a.shape[first : last + 1])), *a.shape[last + 1 :]))


@spelled("transpose swapaxes swapdims", "x *axis")
def transpose(run, flavor, x, axis):
    """NumPy's permutation, or torch's exchange of two axes."""
    a = as_array(run, x)
    axes = axis[0] if len(axis) == 1 and isinstance(axis[0], (tuple, list)) else axis
    axes = () if axes == (None,) else axes
    order = [A.axis_of(run, run.static(k), a.rank) for k in axes]
    if not order:
        return A.transposed(a, tuple(reversed(range(a.rank))))
    if len(order) == 2 and (flavor == "torch" or a.rank != 2):
        swap = {order[0]: order[1], order[1]: order[0]}
        return A.transposed(a, tuple(swap.get(k, k) for k in range(a.rank)))
    return permute(run, flavor, a, tuple(order))


spelled("t", "x")(lambda run, flavor, x: transpose(run, flavor, x, ()))


@spelled("permute", "x *axis")
def permute(run, flavor, x, axis):
    a = as_array(run, x)
    axes = axis[0] if len(axis) == 1 and isinstance(axis[0], (tuple, list)) else axis
    order = tuple(A.axis_of(run, run.static(k), a.rank) for k in axes)
    if sorted(order) != list(range(a.rank)):
        raise run.mismatch(f"{order} is no order of {a.rank} axes")
    return A.transposed(a, order)


@spelled("moveaxis movedim", "x source destination")
def moveaxis(run, flavor, x, source, destination):
    a = as_array(run, x)
    source, target = A.axis_of(run, source, a.rank), A.axis_of(run, destination, a.rank)
    rest = [k for k in range(a.rank) if k != source]
    rest.insert(target, source)
    return A.transposed(a, tuple(rest))


@spelled("expand_dims unsqueeze", "x axis")
def expand_dims(run, flavor, x, axis):
    a = as_array(run, x)
    return A.inserted(a, A.axis_of(run, run.static(axis), a.rank + 1))


@spelled("squeeze", "x axis=None")
def squeeze(run, flavor, x, axis):
    a, axis = as_array(run, x), as_axis(run, axis)
    if flavor == "torch" and isinstance(axis, int) and not A.unit(a.shape[A.axis_of(run, axis, a.rank)]):
        return a
    return A.squeezed(run, a, axis)


@spelled("broadcast_to", "x shape")
def broadcast_to(run, flavor, x, shape):
    return A.broadcast_to(run, as_array(run, x), tuple(Size.of(n) for n in as_shape(run, shape)))


@spelled("expand", "x *shape")
def expand(run, flavor, x, shape):
    """torch's expand: -1 keeps an axis."""
    a, wanted = as_array(run, x), as_shape(run, shape)
    lead = len(wanted) - a.rank
    full = [a.shape[k - lead] if n == -1 else Size.of(n) for k, n in enumerate(wanted)]
    return _repeating(a, A.broadcast_to(run, a, tuple(full)))


def _repeating(a: Array, wide: Array) -> Array:
    """The wider array as a view of the one that it repeats."""
    if a.view is None:
        return wide
    old = a.view

    def reach(slots: Slots) -> Slots:
        own = slots[len(slots) - a.rank :]
        return old.reach(tuple(_zero() if A.unit(n) else s for s, n in zip(own, a.shape, strict=True)))

    return replace(wide, view=replace(old, reach=reach, selectors=None, loose=True))


@spelled("expand_as", "x y")
def expand_as(run, flavor, x, y):
    a = as_array(run, x)
    return _repeating(a, A.broadcast_to(run, a, as_array(run, y).shape))


@spelled("tile", "x *shape")
def tile(run, flavor, x, shape):
    """The array repeated side by side along its axes."""
    a, times = as_array(run, x), [Size.of(n) for n in as_shape(run, shape)]
    while len(times) < a.rank:
        times.insert(0, UNIT)
    for _ in range(len(times) - a.rank):
        a = A.inserted(a, 0)
    old = a

    def body(slots: Slots) -> object:
        return old.body(tuple(_repeated(s, n, k) for s, n, k in zip(slots, old.shape, times, strict=True)))

    return Array(tuple(n * k for n, k in zip(old.shape, times, strict=True)), body, old.sort)


def _repeated(slot: x.Slot, n: Size, times: Size) -> x.Slot:
    if A.unit(n):
        return x.whole_slot(0)
    return slot if A.unit(times) else x.part(slot, UNIT, n)


@spelled("repeat", "x *shape axis=None")
def repeat(run, flavor, x, shape, axis):
    """torch: tile; NumPy: every entry several times."""
    if flavor == "torch":
        return tile(run, flavor, x, shape)
    axis = shape[1] if len(shape) > 1 else axis
    return _each_repeated(run, as_array(run, x), Size.of(as_size(run, shape[0])), as_axis(run, axis))


@spelled("repeat_interleave", "x repeats axis=None")
def repeat_interleave(run, flavor, x, repeats, axis):
    return _each_repeated(run, as_array(run, x), Size.of(as_size(run, repeats)), as_axis(run, axis))


def _each_repeated(run: Run, a: Array, times: Size, axis: object) -> Array:
    if axis is None:
        a, axis = A.flattened(run, a), 0
    k = A.axis_of(run, axis, a.rank)

    def body(slots: Slots) -> x.Expr:
        return a.body((*slots[:k], x.part(slots[k], times, None), *slots[k + 1 :]))

    return Array((*a.shape[:k], a.shape[k] * times, *a.shape[k + 1 :]), body, a.sort)


@spelled("flip", "x axis=None")
def flip(run, flavor, x, axis):
    a = as_array(run, x)
    items = [Slice(_last(n), Size.of(-1), n) if k in A.axes_of(run, as_axis(run, axis), a.rank) else
             Slice(_zero(), UNIT, n) for k, n in enumerate(a.shape)]  # fmt: skip
    return _basic(a, items).detached()


def _last(n: Size) -> x.Slot:
    return x.whole_slot(n - 1)


def _zero() -> x.Slot:
    return x.whole_slot(0)


@spelled("concatenate cat concat", "x axis=0")
def concatenate(run, flavor, x, axis):
    if is_grown(run, x) and axis is not None:
        return _joined_rounds(run, as_array(run, x), as_axis(run, axis))
    if not isinstance(x, (list, tuple)) or not x:
        raise run.unsupported("joining something else than a list of arrays", hint="np.concatenate([a, b], axis=1)")
    parts = [as_array(run, v) for v in x]
    if axis is None:
        parts, axis = [A.flattened(run, p) for p in parts], 0
    return A.concatenated(run, parts, as_axis(run, axis))


def _joined_rounds(run, a: Array, axis: int) -> Array:
    """The elements of a list that a loop has made, one after the other along an axis of theirs."""
    k = A.axis_of(run, axis, a.rank - 1)
    order = [*range(1, k + 1), 0, *range(k + 1, a.rank)]
    a = A.transposed(a.detached(), tuple(order))
    return A.reshaped(run, a, (*a.shape[:k], a.shape[k] * a.shape[k + 1], *a.shape[k + 2 :]))


@spelled("hstack", "x")
def hstack(run, flavor, x):
    if is_grown(run, x):
        a = as_array(run, x)
        return _joined_rounds(run, a, 0 if a.rank == 2 else 1)
    parts = [as_array(run, v) for v in x]
    return A.concatenated(run, parts, 0 if parts[0].rank == 1 else 1)


@spelled("vstack", "x")
def vstack(run, flavor, x):
    if is_grown(run, x):
        a = as_array(run, x)
        return a.detached() if a.rank == 2 else _joined_rounds(run, a, 0)
    parts = [as_array(run, v) for v in x]
    return A.concatenated(run, [A.inserted(p, 0) if p.rank == 1 else p for p in parts], 0)


@spelled("stack", "x axis=0")
def stack(run, flavor, x, axis):
    if isinstance(x, Array) or is_grown(run, x):
        a = as_array(run, x)
        k = A.axis_of(run, axis, a.rank)
        order = list(range(1, a.rank))
        order.insert(k, 0)
        return A.transposed(a.detached(), tuple(order))
    return A.stacked(run, [as_array(run, v) for v in x], as_axis(run, axis))


@spelled("split", "x parts axis=0")
def split(run, flavor, x, parts, axis):
    """NumPy: that many parts, or at those places; torch: parts of that length, or of those lengths."""
    a = as_array(run, x)
    k = A.axis_of(run, as_axis(run, axis), a.rank)
    n = a.shape[k]
    if isinstance(parts, (list, tuple)):
        given = [Size.of(as_size(run, p)) for p in parts]
        ends = _sums(given) if flavor == "torch" else [*given, n]
    elif flavor == "torch":
        length = Size.of(as_size(run, parts))
        count = n.divided(length)
        if count is None:
            run.divide(length)
        if count is None or count.number is None:
            raise run.unsupported(f"parts of length {length} of an axis of length {n}", "their number is not known",
                                  "use x.chunk(k, dim) with a number k")  # fmt: skip
        ends = [length * (c + 1) for c in range(count.number)]
    else:
        return chunk(run, flavor, a, parts, k)
    return [_cut(a, k, start, end) for start, end in zip([Size(), *ends], ends, strict=False)]


def _sums(lengths: list[Size]) -> list[Size]:
    ends, total = [], Size()
    for n in lengths:
        total = total + n
        ends.append(total)
    return ends


@spelled("chunk array_split", "x parts axis=0")
def chunk(run, flavor, x, parts, axis):
    a, count = as_array(run, x), as_size(run, parts)
    k = A.axis_of(run, as_axis(run, axis), a.rank)
    if not isinstance(count, int) or count < 1:
        raise run.unsupported("a number of parts that is not a known integer")
    n = a.shape[k]
    if n.divided(Size.of(count)) is None and n.letter is not None:
        run.knowledge.set_size(n.letter, run.knowledge.new_letter(f"{n.letter}") * count)
    length = n // count
    return [_cut(a, k, length * c, length * (c + 1)) for c in range(count)]


def _cut(a: Array, axis: int, start: Size, end: Size) -> Array:
    whole = [Slice(_zero(), UNIT, n) for n in a.shape]
    whole[axis] = Slice(x.whole_slot(start), UNIT, end - start)
    return _basic(a, whole)


@spelled("pad", "x width mode='constant' constant_values=0 value=0")
def pad(run, flavor, x, width, mode, constant_values, value):
    """Zeros (or a constant) around the array; NumPy counts axes from the first, torch pairs from the last."""
    a = as_array(run, x)
    if mode != "constant":
        raise run.unsupported(f"padding with mode {mode!r}", hint="use mode='constant'")
    widths = _widths(run, a, width, flavor)
    outside = as_array(run, value if flavor == "torch" else constant_values)
    return padded(a, widths, outside)


def _widths(run: Run, a: Array, width: object, flavor: str) -> list[tuple[Size, Size]]:
    if flavor == "torch":
        flat = [Size.of(as_size(run, w)) for w in width]
        pairs = list(zip(flat[::2], flat[1::2], strict=True))
        return [(Size(), Size())] * (a.rank - len(pairs)) + pairs[::-1]
    if not isinstance(width, (tuple, list)):
        width = [(width, width)] * a.rank
    if width and not isinstance(width[0], (tuple, list)):
        width = [(width[0], width[-1])] * a.rank
    pairs = [(Size.of(as_size(run, p[0])), Size.of(as_size(run, p[-1]))) for p in width]
    return pairs * a.rank if len(pairs) == 1 else pairs


def padded(a: Array, widths: list[tuple[Size, Size]], outside: Array) -> Array:
    """The array with a frame of `outside`: how much before and after along each axis."""
    shape = tuple(n + before + after for n, (before, after) in zip(a.shape, widths, strict=True))

    def body(slots: Slots) -> x.Expr:
        conds, inner = [], []
        for s, n, (before, after) in zip(slots, a.shape, widths, strict=True):
            inner.append(x.whole_slot(0) if A.unit(n) else x.affine([(s, UNIT)], -before))
            conds += [x.rel("le", x.whole_slot(before), s)] if before.terms else []
            conds += [x.rel("lt", s, x.whole_slot(before + n))] if after.terms else []
        return x.cases([(x.both(*conds), a.body(tuple(inner)))], outside.body(()))

    return Array(shape, body, a.sort)


@spelled("diagflat", "x")
def diagflat(run, flavor, x):
    """All entries of an array of any shape on the diagonal."""
    return diagonal(run, flavor, A.flattened(run, as_array(run, x)))


@spelled("diag diagonal", "x")
def diagonal(run, flavor, x):
    from derive import expr

    a = as_array(run, x)
    if a.rank == 1:
        return Array((a.shape[0], a.shape[0]), lambda s: expr.mul(expr.delta(s[0], s[1]), a.body(s[:1])), a.sort)
    run.unify(a.shape[0], a.shape[1], "the axes of a diagonal")
    return Array((a.shape[0],), lambda s: a.body((s[0], s[0])), a.sort)


@spelled("trace", "x")
def trace(run, flavor, x):
    return A.reduced(run, "sum", diagonal(run, flavor, x), None, False)


@spelled("take_along_axis take_along_dim", "x index axis")
def take_along_axis(run, flavor, x, index, axis):
    return gather(run, flavor, x, axis, index)


@spelled("gather", "x axis index")
def gather(run, flavor, x, axis, index):
    """x[…, index[…], …]: one entry along the axis for every entry of the index."""
    from derive.readers.indexing import picked_slot

    a, index = as_array(run, x), as_array(run, index)
    k = A.axis_of(run, as_axis(run, axis), a.rank)

    def body(slots: Slots) -> object:
        place = picked_slot(run, index, index.shape, slots)
        return a.body((*slots[:k], place, *slots[k + 1 :]))

    for j, (m, n) in enumerate(zip(a.shape, index.shape, strict=True)):
        if j != k:
            run.unify(m, n, "the axes of the gathered array and of the index")
    return Array(index.shape, body, a.sort)


__all__ = ["Fixed", "Pair", "ROWS", "call", "constant", "range_length", "spelled"]
