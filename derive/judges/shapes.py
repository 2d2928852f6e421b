"""Making, reshaping, picking and storing: the array functions that have nothing to do with derivatives.

Where NumPy and torch differ there are two functions, and `tables` gives each dialect its own.
"""

from __future__ import annotations

import math
from collections import namedtuple
from dataclasses import dataclass

import numpy as np

from derive.errors import Unsupported
from derive.judges import numeric as N

Best = namedtuple("Best", "values indices")


@dataclass(frozen=True)
class Kind:
    """A number type: f (all floats are one), i or b; `types` serve isinstance; `a` is the array type."""

    code: str
    types: tuple = ()

    @property
    def dtype(self):
        """The NumPy type; every float is a double."""
        return {"f": float, "i": int, "b": bool}[self.code]


FLOAT, INT = Kind("f", (float, np.floating, complex, np.complexfloating)), Kind("i", (int, np.integer))
BOOL, ARRAY = Kind("b", (bool, np.bool_)), Kind("a", (np.ndarray,))


def cast(x, kind):
    """x as that type; a float stays what it is (aliased), an integer type truncates the real part."""
    x = np.asarray(x)
    if kind.code == "f":
        return x if x.dtype.kind in "fc" else x.astype(float)
    return N.real(x).astype(kind.dtype)


def kind_of(x):
    """The Kind of an array."""
    return {"f": FLOAT, "c": FLOAT, "b": BOOL}.get(np.asarray(x).dtype.kind, INT)


def sizes(shape):
    """(2, 3), ((2, 3),) or 2 as a tuple."""
    one = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
    return tuple(int(n) for n in one)


def bounded(shape):
    """The shape, refused when it would not fit a judge's memory."""
    if math.prod(shape) > 10**8:
        raise Unsupported(f"an array of shape {shape}", "the judge works at small sizes")
    return shape


# -- making arrays ---------------------------------------------------------------------------------------------


def array(x, dtype=None):
    """A new array from numbers, lists and arrays."""
    y = np.array(x)
    if y.dtype.kind not in "fciub":
        raise Unsupported("an array of something other than numbers", "only numbers can be differentiated")
    return y if dtype is None else np.array(cast(y, dtype))


def asarray(x, dtype=None):
    """The same array where it is one already."""
    return array(x, dtype) if not isinstance(x, np.ndarray) else x if dtype is None else cast(x, dtype)


def filled(value):
    """zeros, ones, empty: `f((2, 3))`, `f(2, 3)`, of floats unless told."""

    def make(*shape, dtype=None, **kw):
        if len(shape) > 1 and isinstance(shape[-1], Kind):
            shape, dtype = shape[:-1], shape[-1]
        shape = sizes((kw.pop("shape"),) if "shape" in kw else shape)
        kind = (dtype or FLOAT).dtype
        return np.full(bounded(shape), 0 if kind is not float and value != value else value, kind, **kw)

    return make


def filled_like(value):
    """zeros_like and friends: integer arrays stay integer."""

    def make(x, dtype=None):
        kind = dtype or kind_of(x)
        return np.full(np.shape(x), 0 if kind.code != "f" and value != value else value, kind.dtype)

    return make


def full(shape, fill_value, dtype=None):
    """A constant array; its type is that of the constant."""
    y = np.full(bounded(sizes((shape,))), fill_value)
    return y if dtype is None else cast(y, dtype)


def full_like(x, fill_value, dtype=None):
    """A constant array of x's shape and type."""
    y = np.broadcast_to(fill_value, np.shape(x))
    kind = dtype or kind_of(x)
    return np.array(cast(y, kind) if kind.code == "f" else N.real(y).astype(kind.dtype))


def arange(*args, dtype=None):
    """Equally spaced numbers."""
    y = np.arange(*args)
    return y if dtype is None else cast(y, dtype)


def eye(n, m=None, dtype=None, **kw):
    """The identity."""
    return np.eye(n, m, dtype=(dtype or FLOAT).dtype, **kw)


# -- shapes ----------------------------------------------------------------------------------------------------


def reshape(x, *shape, **kw):
    """`x.reshape(2, -1)`, `np.reshape(x, (2, -1))`, `x.view(2, -1)`."""
    if kw.pop("order", "C") != "C":
        raise Unsupported("a Fortran order", "entries are counted with the last axis fastest", "transpose first")
    return np.reshape(x, sizes((kw["shape"],) if "shape" in kw else shape))


def flatten(x, start_dim=0, end_dim=-1):
    """Axes from start to end joined (torch)."""
    n = np.ndim(x)
    start, end = start_dim % max(n, 1), end_dim % max(n, 1)
    return np.reshape(x, np.shape(x)[:start] + (-1,) + np.shape(x)[end + 1 :])


def squeeze(x, axis=None):
    """Axes of length 1 dropped; a named axis of another length stays, as in torch."""
    if axis is None:
        return np.squeeze(x)
    return np.squeeze(x, tuple(a for a in N.axes(x, axis) if np.shape(x)[a] == 1))


def expand(x, *shape):
    """Broadcast; −1 keeps a length."""
    shape = sizes(shape)
    own = (1,) * (len(shape) - np.ndim(x)) + np.shape(x)
    return np.broadcast_to(x, tuple(o if n == -1 else n for n, o in zip(shape, own, strict=False)))


def repeat(x, *times):
    """torch's repeat: tiles."""
    return np.tile(x, sizes(times))


def transpose(x, *order, axes=None):
    """NumPy's transpose: a permutation, or all axes reversed."""
    order = order if axes is None else (axes,)
    return np.transpose(x, sizes(order) if order and order != (None,) else None)


def permute(x, *axis, **kw):
    """torch's permute."""
    return np.transpose(x, sizes((kw["axis"],) if "axis" in kw else axis))


def torch_split(x, split_size, axis=0):
    """Pieces of one size (the last may be smaller), or of the sizes given."""
    n = np.shape(x)[axis]
    given = not isinstance(split_size, int)
    cuts = np.cumsum(split_size)[:-1] if given else range(split_size, n, split_size)
    return tuple(np.split(x, list(cuts), axis))


def chunk(x, chunks, axis=0):
    """At most so many pieces of equal size."""
    return torch_split(x, -(-np.shape(x)[axis] // chunks), axis)


def unbind(x, axis=0):
    """The slices along axis."""
    return tuple(np.moveaxis(x, axis, 0))


def concatenate(arrays, axis=0):
    """Arrays joined along axis (None: flattened)."""
    return np.concatenate(list(arrays), axis)


def stack(arrays, axis=0):
    """Arrays joined along a new axis."""
    return np.stack(list(arrays), axis)


def roll(x, shift=None, axis=None, shifts=None):
    """Entries moved round."""
    return np.roll(x, shift if shifts is None else shifts, axis)


def flip(x, *axis, **kw):
    """Order reversed along the axes."""
    return np.flip(x, kw.get("axis") if "axis" in kw or not axis else sizes(axis))


def numpy_pad(x, pad_width, mode="constant", constant_values=0):
    """np.pad with a constant."""
    if mode != "constant":
        raise Unsupported(f"padding mode {mode!r}", "only constant padding is supported")
    return np.pad(x, pad_width, constant_values=constant_values)


def pick_diagonal(x, k=0, **kw):
    """torch.diagonal and np.diagonal."""
    return np.diagonal(x, kw.get("offset", k), kw.get("dim1", kw.get("axis1", 0)), kw.get("dim2", kw.get("axis2", 1)))


def einsum(spec, *operands):
    """Named sums over products."""
    listed = len(operands) == 1 and isinstance(operands[0], (list, tuple))
    return np.einsum(spec, *(operands[0] if listed else operands))


# -- picking and storing ---------------------------------------------------------------------------------------


def gather(x, axis, index):
    """torch.gather: x at index along axis; index may be smaller in the other axes."""
    return x[_along(index, axis)]


def _along(index, axis):
    index = np.asarray(index)
    grid = list(np.ogrid[tuple(slice(n) for n in index.shape)])
    grid[axis] = index
    return tuple(grid)


def scatter(x, axis, index, src):
    """x[…, index, …] = src, in place."""
    x[_along(index, axis)] = src if np.ndim(src) == 0 else src[tuple(slice(n) for n in np.shape(index))]
    return x


def scatter_add(x, axis, index, src):
    """x[…, index, …] += src with repetitions, in place."""
    np.add.at(x, _along(index, axis), src[tuple(slice(n) for n in np.shape(index))])
    return x


def index_add(x, axis, index, src):
    """Rows of src added at index, in place."""
    np.add.at(np.moveaxis(x, axis, 0), index, np.moveaxis(src, axis, 0))
    return x


def index_select(x, axis, index):
    """Rows at index."""
    return np.take(x, index, axis)


def masked_fill(x, mask, value):
    """value where the mask is true."""
    return np.where(mask, value, x)


def take(x, indices, axis=None):
    """Entries or rows at indices."""
    return np.take(x, indices, axis)


def put_along_axis(x, indices, values, axis):
    """np.put_along_axis, in place."""
    np.put_along_axis(x, indices, values, axis)


def fill(x, value):
    """Every entry replaced, in place."""
    x[...] = value
    return x


def add_at(x, index, values):
    """np.add.at: repeated indices count."""
    np.add.at(x, index, values)


def subtract_at(x, index, values):
    """np.subtract.at."""
    np.subtract.at(x, index, values)


def copyto(x, values):
    """np.copyto."""
    x[...] = values


def fill_diagonal(x, value):
    """np.fill_diagonal."""
    np.fill_diagonal(x, value)


MUTATORS = {add_at, subtract_at, copyto, fill_diagonal, put_along_axis, fill}
# torch's in-place forms that are not simply "compute, then store in x"
IN_PLACE = {"scatter_": scatter, "scatter_add_": scatter_add, "index_add_": index_add, "fill_": fill}
IN_PLACE |= {"zero_": lambda x: fill(x, 0), "copy_": fill}
IN_PLACE |= {"masked_fill_": lambda x, mask, value: fill(x, masked_fill(x, mask, value))}
