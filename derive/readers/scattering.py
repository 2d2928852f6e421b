"""torch's scatters: `a.scatter_(dim, index, value)`, `a.scatter_add_(…)`, `a.index_add_(dim, index, source)`."""

from __future__ import annotations

from derive import expr as x
from derive.readers import arrays as A
from derive.readers.arrays import aligned
from derive.readers.convert import as_array
from derive.readers.indexing import picked_slot
from derive.readers.run import Run
from derive.readers.values import Array, Slots, unit


def scattered(run: Run, name: str, a: Array, args: list) -> Array:
    """The array after the scatter."""
    if len(args) != 3:
        raise run.unsupported(f"`.{name}()` with these arguments", hint=f"write .{name}(dim, index, value)")
    axis = A.axis_of(run, run.static(args[0]), a.rank)
    index, value = as_array(run, args[1]), as_array(run, args[2])
    return (
        _added_rows(run, a, axis, index, value) if name == "index_add_" else _spread(run, name, a, axis, index, value)
    )


def _added_rows(run: Run, a: Array, axis: int, index: Array, value: Array) -> Array:
    """a[…, index[k], …] += source[…, k, …] for every k."""

    def body(slots: Slots) -> x.Expr:
        (k,) = run.fresh(index.shape)
        place = picked_slot(run, index, index.shape, (k,))
        term = value.body((*slots[:axis], k, *slots[axis + 1 :]))
        return a.body(slots) + x.reduce_("sum", k, x.mul(x.delta(slots[axis], place), term))

    for j, n in enumerate(a.shape):
        run.unify(value.shape[j], index.shape[0] if j == axis else n, "the axes of the added rows")
    return Array(a.shape, body, a.sort)


def _spread(run: Run, name: str, a: Array, axis: int, index: Array, value: Array) -> Array:
    """a[…, index[…], …] = value, or += it; the other axes of the index are those of the array."""
    if index.rank != a.rank:
        raise run.mismatch(f"`.{name}()` with an index of {index.rank} axes on an array of {a.rank}")
    for j, (m, n) in enumerate(zip(index.shape, a.shape, strict=True)):
        if j != axis:
            run.unify(m, n, "the axes of the array and of the index")
    if name == "scatter_" and not unit(index.shape[axis]):
        raise run.unsupported("`.scatter_()` of several values along an axis", "the last of equal places wins",
                              "use scatter_add_")  # fmt: skip
    new = aligned(value, index.shape)

    def body(slots: Slots) -> x.Expr:
        (k,) = run.fresh((index.shape[axis],))
        inner = (*slots[:axis], k, *slots[axis + 1 :])
        here = x.rel("eq", slots[axis], picked_slot(run, index, index.shape, inner))
        if name == "scatter_":
            return x.substitute(x.cases([(here, new(inner))], a.body(slots)), {k: x.whole_slot(0)})
        return a.body(slots) + x.total(x.mul(x.indicator(here), new(inner)), k)

    return Array(a.shape, body, a.sort)
