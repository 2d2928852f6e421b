"""The value judge: floats.

Two formulas are called equal when they differ by less than 1e-9 of their own size, or by less than 1e-12 of the size
of what was added up on the way (`Magnitudes`: the running error bound, with every term taken absolutely), so that a sum
that cancels to nothing may equal zero.  A value that is not finite decides nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from derive import expr as x
from derive.judges.evaluate import Arrays, Named, Undecided, World, spread, union

RELATIVE, ROUNDING = 1e-9, 1e-12

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


class Magnitudes(Floats):
    """How large the terms were that made up a value: nothing cancels, functions pass on their argument's excess."""

    def __init__(self, world: World, values: Floats):
        super().__init__(world, lambda name: np.abs(values.array(name)))
        self.shadow = self.values = values

    def number(self, value: Fraction | float) -> np.ndarray:
        return np.asarray(abs(float(value)))

    def whole(self, data: np.ndarray) -> np.ndarray:
        return np.abs(data).astype(float)

    def power(self, e: x.Pow) -> Named:
        return self._passed_on(e, e.base)

    def primitive(self, e: x.Call) -> Named:
        return self._passed_on(e, e.args[0]) if e.args else super().primitive(e)

    def reduced(self, op: str, data: np.ndarray, axis: int, best: Any) -> np.ndarray:
        return _REDUCTIONS["max" if op == "min" else op].reduce(data, axis=axis)

    def neutral(self, op: str) -> np.ndarray:
        return self.number(1 if op == "prod" else 0)

    def _passed_on(self, e: x.Expr, inner: x.Expr) -> Named:
        value, true, rough = self.values.evaluate(e), self.values.evaluate(inner), self.evaluate(inner)
        axes = union([value.axes, true.axes, rough.axes])
        excess = 1 + spread(rough, axes) + spread(rough, axes) / np.abs(spread(true, axes))
        return Named(np.abs(spread(value, axes)) * np.where(np.isfinite(excess), excess, 1), axes)


def close(a: np.ndarray, b: np.ndarray, magnitude: Callable[[], np.ndarray]) -> np.ndarray | None:
    """Where two arrays agree; `magnitude()` is asked only when they do not at first sight.  None: not finite."""
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return None
    scale = max(np.abs(a).max(initial=0), np.abs(b).max(initial=0))
    gap = np.abs(a - b)
    fits = gap <= RELATIVE * scale
    if fits.all():
        return fits
    rough = np.nan_to_num(magnitude(), nan=0, posinf=0)
    return gap <= np.maximum(RELATIVE * np.maximum(np.abs(a), np.abs(b)), ROUNDING * rough)
