"""Matrix formulas read back from their print, LaTeX or plain text, and computed in NumPy.

This shares nothing with the printer but the spelling of single names: the text is cut into signs, read by a grammar of
its own and multiplied out with the shapes as they stand, so that a transpose too few or factors in the wrong order
either do not fit or give other numbers.

𝟏 and I take the length that their neighbours need; a number beside a matrix in a sum stands for each entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from derive.judges.printed_grammar import LATEX, TEXT, Misprint, Tree, tree_of


@dataclass(frozen=True)
class Printed:
    """What a name stands for: an array whose leading axes are numbered by `labels`; for labels their range."""

    data: np.ndarray
    labels: tuple[str, ...] = ()
    limit: int | None = None


@dataclass(frozen=True)
class Names:
    """What a text may mention, each in the spelling of the text: arrays, functions of entries, ranges of labels."""

    arrays: Mapping[str, Printed]
    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    ranges: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Value:
    """A matrix; `wide` and `tall` mark a length of one that stands for any, `unit` a multiple of I."""

    data: np.ndarray
    tall: bool = False
    wide: bool = False
    unit: bool = False
    number: bool = False
    limit: int | None = None


@dataclass
class Machine:
    """Computes a tree; `at` holds the values of the labels."""

    names: Names
    at: dict[str, int] = field(default_factory=dict)

    def value(self, tree: Tree) -> Value:
        match tree:
            case ("number", text):
                return Value(np.array([[float(text)]]), number=True)
            case ("name", text):
                return self.named(self.names.arrays[text])
            case ("ones",):
                return Value(np.ones((1, 1)), tall=True)
            case ("unit",):
                return Value(np.ones((1, 1)), tall=True, wide=True, unit=True)
            case ("sum", terms):
                return self.sum([(sign, self.value(t)) for sign, t in terms])
            case ("⊙" | "⊘" as op, left, right):
                return together(np.multiply if op == "⊙" else np.divide, self.value(left), self.value(right))
            case ("@", left, right):
                return product(self.value(left), self.value(right))
            case ("/", left, right):
                return divided(self.value(left), self.value(right))
            case ("T", body):
                v = self.value(body)
                return replace(v, data=v.data.T, tall=v.wide, wide=v.tall)
            case ("power" | "each" as kind, base, exponent):
                return power(kind, self.value(base), self.value(exponent))
            case ("compare", op, left, right):
                return together(_COMPARISONS[op], self.value(left), self.value(right))
            case ("norm", body):
                return Value(np.array([[np.sqrt((fixed(self.value(body)) ** 2).sum())]]))
            case ("abs" | "floor" as op, body):
                return entrywise(np.abs if op == "abs" else np.floor, [self.value(body)])
            case ("over", label, body):
                return self.over(label, body)
            case ("call", name, args):
                return entrywise(self.names.functions[name], [self.value(a) for a in args])
            case ("word", name, (arg,)):
                return _MATRIX_FUNCTIONS[name](self.value(arg))
        raise Misprint(f"{tree[0]} {tree[1:2]} cannot be computed")

    def named(self, given: Printed) -> Value:
        return Value(as_matrix(given.data[tuple(self.at[i] for i in given.labels)]), limit=given.limit)

    def sum(self, terms: list[tuple[int, Value]]) -> Value:
        sign, total = terms[0]
        total = replace(total, data=sign * total.data, limit=total.limit if len(terms) == 1 else None)
        for sign, v in terms[1:]:
            total = together(np.add, total, replace(v, data=sign * v.data))
        return total

    def over(self, label: str, body: Tree) -> Value:
        if label not in self.names.ranges:
            raise Misprint(f"a sum over {label}, whose range nobody knows")
        parts = [Machine(self.names, {**self.at, label: k}).value(body) for k in range(self.names.ranges[label])]
        return self.sum([(1, p) for p in parts])


_COMPARISONS = {
    "<": np.less, ">": np.greater, "=": np.equal, "≤": np.less_equal, "≥": np.greater_equal, "≠": np.not_equal,
}  # fmt: skip


def as_matrix(data: np.ndarray) -> np.ndarray:
    """An array as a matrix: one axis is a column, but a row where axes of length one stand before it alone."""
    if data.ndim > 2:
        long = [n for n in data.shape if n != 1]
        data = data.reshape(long) if len(long) > 1 else data.reshape((1, -1) if data.shape[-1] != 1 else -1)
    return data.reshape(-1, 1) if data.ndim < 2 else data


def fixed(v: Value) -> np.ndarray:
    """The entries of a value whose lengths are known."""
    if v.tall or v.wide:
        raise Misprint("𝟏 or I of unknown length")
    return v.data


def fitted(v: Value, shape: tuple[int, int], spread: bool = False) -> np.ndarray:
    """The entries at a shape; 𝟏 and I take it on, a number too where it stands for each entry."""
    if v.unit:
        if shape[0] != shape[1]:
            raise Misprint(f"I beside {shape[0]} × {shape[1]}")
        return v.data * np.eye(shape[0])
    if spread and v.number:
        return np.broadcast_to(v.data, shape)
    own = tuple(n if free else m for m, n, free in zip(v.data.shape, shape, (v.tall, v.wide), strict=True))
    if own != shape:
        raise Misprint(f"{v.data.shape} beside {shape}")
    return np.broadcast_to(v.data, shape)


def together(op: Callable, a: Value, b: Value) -> Value:
    """Entry by entry; shapes must agree, but for 𝟏, I and numbers."""
    if a.number and b.number:
        return Value(op(a.data, b.data) * 1.0, number=True)
    return entrywise(op, [a, b])


def entrywise(op: Callable, values: list[Value]) -> Value:
    """A function of the entries of values that have one shape."""
    if not values or all(v.number for v in values):
        return Value(np.asarray(op(*(v.data for v in values)) * 1.0).reshape(1, 1), number=True)
    kept = [v for v in values if not v.number]
    tall, wide = (all(getattr(v, side) for v in kept) for side in ("tall", "wide"))
    rows = next((v.data.shape[0] for v in kept if not v.tall), 1)
    cols = next((v.data.shape[1] for v in kept if not v.wide), 1)
    if (tall or wide) and any(v.unit for v in kept):  # I is square: one length tells the other
        if tall and wide:
            raise Misprint("I of unknown length")
        rows, cols, tall, wide = max(rows, cols), max(rows, cols), False, False
    data = [fitted(replace(v, tall=v.tall, wide=v.wide), (rows, cols), spread=True) for v in values]
    return Value(np.asarray(op(*data) * 1.0), tall, wide)


def product(a: Value, b: Value) -> Value:
    """The matrix product; a scalar times anything."""
    for s, m in ((a, b), (b, a)):
        if s.data.shape == (1, 1) and not (s.tall or s.wide):
            return replace(m, data=s.data[0, 0] * m.data, number=s.number and m.number, limit=None)
    if a.unit or b.unit:
        m, unit = (b, a) if a.unit else (a, b)
        return replace(m, data=m.data * unit.data[0, 0], limit=None)
    if a.wide and b.tall:
        raise Misprint("𝟏ᵀ𝟏 of unknown length")
    n = b.data.shape[0] if a.wide else a.data.shape[1]
    left, right = fitted(a, (a.data.shape[0], n)), fitted(b, (n, b.data.shape[1]))
    return Value(left @ right, a.tall, b.wide)


def divided(a: Value, b: Value) -> Value:
    """A matrix by a scalar."""
    if b.data.shape != (1, 1) or b.tall or b.wide:
        raise Misprint("a fraction over a matrix")
    return replace(a, data=a.data / b.data[0, 0], number=a.number and b.number, limit=None)


def power(kind: str, base: Value, exponent: Value) -> Value:
    """xᵉ of a scalar, A⁻¹ of a matrix, or entry by entry."""
    e = fixed(exponent)
    if e.shape != (1, 1):
        raise Misprint("a matrix as an exponent")
    if kind == "each" or base.data.shape == (1, 1) and not (base.tall or base.wide):
        return replace(base, data=base.data ** e[0, 0], number=base.number and exponent.number, limit=None)
    data = fixed(base)
    if e[0, 0] != -1 or data.shape[0] != data.shape[1]:
        raise Misprint(f"a matrix to the power {e[0, 0]:g}")
    return Value(np.linalg.inv(data))


def _diag(v: Value) -> Value:
    """The diagonal matrix of a vector, the diagonal of a matrix as a column."""
    data = fixed(v)
    if 1 in data.shape:
        return Value(np.diag(data.ravel()))
    if data.shape[0] != data.shape[1]:
        raise Misprint(f"the diagonal of {data.shape}")
    return Value(np.diag(data).reshape(-1, 1))


def _trace(v: Value) -> Value:
    data = fixed(v)
    if data.shape[0] != data.shape[1]:
        raise Misprint(f"the trace of {data.shape}")
    return Value(np.array([[np.trace(data)]]))


def _onehot(v: Value) -> Value:
    data = fixed(v)
    if v.limit is None or data.shape[1] != 1:
        raise Misprint("one-hot rows of something that holds no labels")
    rows = (data == np.arange(v.limit)) * 1.0
    return Value(rows if data.shape[0] > 1 else rows.T)


def _softmax(v: Value) -> Value:
    data = fixed(v)
    e = np.exp(data)
    return Value(e / e.sum(axis=0 if data.shape[1] == 1 else 1, keepdims=True))


def _by_row(op: Callable) -> Callable[[Value], Value]:
    """Something of each row, or of a whole column; of places also how many there are."""

    def f(v: Value) -> Value:
        data = fixed(v)
        rows = data.T if data.shape[1] == 1 else data
        return Value(np.asarray(op(rows, axis=1)).reshape(-1, 1), limit=rows.shape[1])

    return f


_MATRIX_FUNCTIONS = {
    "diag": _diag, "tr": _trace, "onehot": _onehot, "softmax": _softmax, "rowmax": _by_row(np.max),
    "rowmin": _by_row(np.min), "rowargmax": _by_row(np.argmax), "rowargmin": _by_row(np.argmin),
}  # fmt: skip


def computed(text: str, names: Names, shape: tuple[int, int], spelling: Mapping[str, str] = LATEX,
             at: Mapping[str, int] | None = None) -> np.ndarray:  # fmt: skip
    """The matrix that a printed formula denotes, of this shape; raises Misprint.

    `spelling` is LATEX or TEXT; `at`: the values of labels that are free.
    """
    tree = tree_of(text, names.arrays, names.functions, spelling)
    return fitted(Machine(names, dict(at or {})).value(tree), shape, spread=True)


__all__ = ["LATEX", "TEXT", "Misprint", "Names", "Printed", "as_matrix", "computed"]
