"""The value judge: floats.

Two formulas are called equal when they differ by less than 1e-9 of their size, or by less than SLACK times the rounding
error that they may carry (`Errors`: running error analysis to first order), so that a sum that cancels to nothing may
equal zero.  A value that is not finite, or tiny, decides nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from derive import expr as x
from derive.judges.evaluate import Arrays, Named, Undecided, World, spread, union

RELATIVE, SLACK = 1e-9, 16 * 2.0**-52
TINY = 1e-120  # factors of a value below this may have lost their digits by underflow

_erf = np.vectorize(math.erf, otypes=[float])

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": np.exp, "log": np.log, "sin": np.sin, "cos": np.cos, "arctan": np.arctan, "erf": _erf,
    "pi": lambda: np.asarray(np.pi), "abs": np.abs, "sign": np.sign, "floor": np.floor,
}  # fmt: skip


class Floats(Arrays):
    """Double precision numbers."""

    def number(self, value: Fraction | float) -> np.ndarray:
        return np.asarray(float(value))

    def whole(self, data: np.ndarray) -> np.ndarray:
        return data.astype(float)

    def blank(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.full(shape, np.nan)

    def add(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return a + b

    def mul(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return a * b

    def where(self, mask: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.where(mask, a, b)

    def outside(self, inside: np.ndarray, data: np.ndarray) -> np.ndarray:
        return np.where(inside, data, np.nan if data.dtype.kind == "f" else -1)

    def reduced(self, op: str, data: np.ndarray, axis: int, best: Any) -> np.ndarray:
        return _REDUCTIONS[op].reduce(data, axis=axis)

    def power(self, e: x.Pow) -> Named:
        base = self.evaluate(e.base)
        if isinstance(e.exponent, x.Num):
            return Named(_numeric_power(base.data, e.exponent.value), base.axes)
        exponent = self.evaluate(e.exponent)
        axes = union([base.axes, exponent.axes])
        return Named(np.asarray(spread(base, axes) ** spread(exponent, axes)), axes)

    def primitive(self, e: x.Call) -> Named:
        if e.op not in FUNCTIONS:
            raise Undecided(f"the value judge does not compute `{e.op}`")
        values = [self.evaluate(a) for a in e.args]
        axes = union([v.axes for v in values]) if values else ()
        return Named(np.asarray(FUNCTIONS[e.op](*(spread(v, axes) for v in values))), axes)


_REDUCTIONS = {"sum": np.add, "prod": np.multiply, "max": np.maximum, "min": np.minimum}


def _numeric_power(data: np.ndarray, exponent: Fraction | float) -> np.ndarray:
    if exponent == -1:
        return np.asarray(1.0 / data)
    if exponent == 2:
        return data * data
    if exponent == Fraction(1, 2):
        return np.asarray(np.sqrt(data))
    return np.asarray(np.asarray(data, float) ** float(exponent))


class Errors(Arrays):
    """Running error analysis: pairs of a value and its possible rounding error to first order, in units of rounding."""

    tail = 1

    def __init__(self, world: World, values: Floats):
        super().__init__(world, lambda name: _pair(values.array(name)))
        self.shadow = self.values = values

    def number(self, value: Fraction | float) -> np.ndarray:
        return _pair(np.asarray(float(value)), exact=float(value).is_integer())

    def whole(self, data: np.ndarray) -> np.ndarray:
        return _pair(data, exact=True)

    def whole_array(self, e: Any, data: Any) -> np.ndarray:
        return _pair(self.values.array(e.name), exact=True)

    def whole_row(self, e: Any, data: Any, k: int) -> np.ndarray:
        return self.whole_array(e, data)[k]

    def blank(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.full((*shape, 2), np.nan)

    def add(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        total = a + b
        total[..., 1] += np.abs(total[..., 0])
        return total

    def mul(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        value = a[..., 0] * b[..., 0]
        error = np.abs(a[..., 0]) * b[..., 1] + np.abs(b[..., 0]) * a[..., 1] + np.abs(value)
        return np.stack([value, error], axis=-1)

    def where(self, mask: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.where(mask[..., None], a, b)

    def power(self, e: x.Pow) -> Named:
        base, exponent = self.evaluate(e.base), self.evaluate(e.exponent)
        result, axes = self.values.evaluate(e), union([base.axes, exponent.axes])
        (b, b_error), (n, n_error) = (np.moveaxis(spread(v, axes), -1, 0) for v in (base, exponent))
        value = spread(result, axes)
        moved = np.abs(value * n / b) * b_error + np.where(n_error > 0, np.abs(value * np.log(np.abs(b))) * n_error, 0)
        return Named(np.stack([value, np.abs(value) + np.where(np.isnan(moved), 0, moved)], axis=-1), axes)

    def weight(self, value: np.ndarray) -> float:
        return float(np.abs(value[..., 0]).max())

    def is_zero(self, value: np.ndarray) -> bool:
        return not value.any()

    def reciprocal(self, value: np.ndarray) -> np.ndarray:
        inverse = 1.0 / value[..., 0]
        return np.stack([inverse, inverse**2 * value[..., 1] + np.abs(inverse)], axis=-1)

    def primitive(self, e: x.Call) -> Named:
        result = self.values.evaluate(e)
        error = np.abs(result.data)
        for a in e.args:
            value = self.evaluate(a)
            u, u_error = np.moveaxis(spread(value, result.axes), -1, 0)
            error = error + _STEEPNESS.get(e.op, np.ones_like)(u) * u_error
        return Named(np.stack([result.data, np.where(np.isnan(error), 0, error)], axis=-1), result.axes)

    def reduced(self, op: str, data: np.ndarray, axis: int, best: Any) -> np.ndarray:
        if op in ("max", "min"):
            return np.take_along_axis(data, best()[..., None], axis=axis).squeeze(axis)
        step = self.add if op == "sum" else self.mul
        result = np.take(data, 0, axis=axis).copy()
        for k in range(1, data.shape[axis]):
            result = step(result, np.take(data, k, axis=axis))
        return result


_STEEPNESS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "exp": np.exp, "log": lambda u: 1 / np.abs(u), "sign": np.zeros_like, "floor": np.zeros_like,
    "erf": lambda u: np.full_like(u, 2 / math.sqrt(math.pi)),
}  # fmt: skip


def _pair(data: np.ndarray, exact: bool = False) -> np.ndarray:
    """Values with the error of having been rounded once."""
    data = np.asarray(data, float)
    return np.stack([data, np.zeros_like(data) if exact else np.abs(data)], axis=-1)


def close(a: np.ndarray, b: np.ndarray, error: Callable[[], np.ndarray]) -> np.ndarray | None:
    """Where two arrays agree; `error()`, in units of rounding, is asked only where they do not.

    None, undecided: something is not finite, or they differ only where both are so small that a factor may have
    underflowed.
    """
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return None
    gap, size = np.abs(a - b), np.maximum(np.abs(a), np.abs(b))
    fits = gap <= RELATIVE * size
    if not fits.all():
        fits |= gap <= SLACK * np.nan_to_num(error(), nan=0, posinf=0)
    return None if not fits.all() and (size[~fits] < TINY).all() else fits
