"""Ball arithmetic: what confirms a `wrong`.

At rational points both sides are enclosed in balls (python-flint's arb; mpmath's intervals where that is missing); when
the enclosures of the two sides do not meet, the sides differ: a disproof, with numbers that a person can redo.  A
comparison, a largest entry or a case that the balls do not decide makes the point undecided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from derive import expr as x
from derive.errors import Problem
from derive.expr import Expr
from derive.index import Index
from derive.judges import data
from derive.judges.bench import Bench, placed
from derive.judges.evaluate import Arrays, Named, Undecided, World, spread, union
from derive.program import Program

BITS = 160
SEEDS = range(12)


# ---------------------------------------------------------------- two libraries of balls


class Flint:
    """python-flint's arb."""

    def __init__(self):
        import flint

        self.flint = flint
        flint.ctx.prec = max(flint.ctx.prec, BITS)
        self.functions = {
            "exp": self._exp, "log": lambda u: u.log(), "sin": lambda u: u.sin(), "cos": lambda u: u.cos(),
            "arctan": lambda u: u.atan(), "erf": lambda u: u.erf(), "pi": flint.arb.pi,
        }  # fmt: skip

    def _exp(self, u: Any) -> Any:
        return self.flint.arb(0) if u == self.flint.arb("-inf") else u.exp()

    def ball(self, value: Fraction | float) -> Any:
        if isinstance(value, Fraction):
            return self.flint.arb(self.flint.fmpq(value.numerator, value.denominator))
        return self.flint.arb("-inf" if value < 0 else "inf")

    def power(self, base: Any, n: Fraction) -> Any:
        if n.denominator == 1:
            return base ** int(n)
        return base ** self.ball(n) if base > 0 else base.sqrt() ** n.numerator if n.denominator == 2 else None

    def ends(self, ball: Any) -> tuple[Any, Any]:
        return ball.lower(), ball.upper()

    def is_sound(self, ball: Any) -> bool:
        return bool(ball.is_finite())

    def middle(self, ball: Any) -> float:
        return float(ball.mid())


class Intervals:
    """mpmath's intervals, which know fewer functions."""

    def __init__(self):
        import mpmath

        self.iv = mpmath.iv
        self.iv.prec = max(self.iv.prec, BITS)
        self.functions = {
            "exp": self.iv.exp, "log": self.iv.log, "sin": self.iv.sin, "cos": self.iv.cos, "pi": lambda: +self.iv.pi,
        }  # fmt: skip

    def ball(self, value: Fraction | float) -> Any:
        if isinstance(value, Fraction):
            return self.iv.mpf(value.numerator) / value.denominator
        return self.iv.mpf("-inf" if value < 0 else "inf")

    def power(self, base: Any, n: Fraction) -> Any:
        if n.denominator == 1:
            return base ** int(n) if n > 0 else 1 / base ** int(-n)
        if not base.a > 0:
            return None
        return self.iv.exp(self.iv.log(base) * self.ball(n))

    def ends(self, ball: Any) -> tuple[Any, Any]:
        return ball.a, ball.b

    def is_sound(self, ball: Any) -> bool:
        return abs(ball.a) != self.iv.inf and abs(ball.b) != self.iv.inf and ball.a == ball.a

    def middle(self, ball: Any) -> float:
        return float(ball.mid)


def library() -> Flint | Intervals:
    """arb where python-flint is installed, else mpmath's intervals."""
    try:
        return Flint()
    except ImportError:
        return Intervals()


# ---------------------------------------------------------------- the arithmetic


@dataclass(frozen=True)
class Undefined:
    """What a ball cannot hold: NAN, the root or logarithm of a negative number; INFINITE, a division by exactly zero.

    Sums and products with these are no numbers either, and nan stays nan in every function; all else is UNCLEAR: a
    product with zero (which may be a mask), a function of what is infinite (1/(1/0) is a number again).
    """

    name: str

    def __add__(self, other: Any) -> Undefined:
        return UNCLEAR if UNCLEAR in (self, other) else self

    def __mul__(self, other: Any) -> Undefined:
        certain = isinstance(other, Undefined) or other > 0 or other < 0
        return UNCLEAR if not certain or UNCLEAR in (self, other) else self

    def applied(self) -> Undefined:
        """A function of it."""
        return self if self is NAN else UNCLEAR

    __radd__, __rmul__ = __add__, __mul__


NAN, INFINITE, UNCLEAR = Undefined("nan"), Undefined("infinite"), Undefined("unclear")


def defined(value: Any) -> Any:
    """The ball itself; raises Undecided for what is none."""
    if isinstance(value, Undefined):
        raise Undecided("a value is no number")
    return value


def _scalar(value: Any) -> np.ndarray:
    """An array of objects without axes."""
    out = np.empty((), object)
    out[()] = value
    return out


class Balls(Arrays):
    """Arrays of enclosures, decided by themselves."""

    def __init__(self, world: World, given: Callable[[str], np.ndarray], balls: Flint | Intervals | None = None):
        self.balls = balls or library()
        super().__init__(world, lambda name: self._input(given(name)))

    def _input(self, data: np.ndarray) -> np.ndarray:
        return data if data.dtype.kind in "iub" else self._each(self.balls.ball, data)

    def _each(self, function: Callable[..., Any], *data: np.ndarray) -> np.ndarray:
        """A function applied to every entry."""
        found = np.frompyfunc(function, len(data), 1)(*data)
        return found if isinstance(found, np.ndarray) else _scalar(found)

    def number(self, value: Fraction | float) -> np.ndarray:
        return _scalar(self.balls.ball(value if abs(value) == np.inf else Fraction(value)))

    def whole(self, data: np.ndarray) -> np.ndarray:
        return self._each(lambda k: self.balls.ball(Fraction(int(k))), data)

    def whole_array(self, e: Any, data: Any) -> np.ndarray:
        return self.integers(Named(data, ())).data

    def integers(self, value: Named) -> Named:
        if value.data.dtype.kind == "O":
            middles = self._each(lambda u: u if isinstance(u, (int, np.integer)) else self.balls.middle(u), value.data)
            return Named(np.rint(middles.astype(float)).astype(np.int64), value.axes)
        return super().integers(value)

    def blank(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.full(shape, self.balls.ball(np.inf) - self.balls.ball(np.inf), object)

    def reals(self, e: Expr, axes: tuple[Index, ...]) -> np.ndarray:
        """The values of a formula over these axes, every one a ball (or undefined)."""
        found = self.over(e, axes)
        if found.dtype.kind != "O":
            return self.whole(found)
        return self._each(lambda u: self.balls.ball(Fraction(int(u))) if isinstance(u, (int, np.integer)) else u, found)

    def add(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return self._each(lambda u, v: u + v, a, b)

    def mul(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return self._each(lambda u, v: u * v, a, b)

    def where(self, mask: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        a, b = (side if side.dtype.kind == "O" else self.whole(side) for side in (a, b))
        return self._each(lambda m, u, v: u if m else v, mask, a, b)

    def outside(self, inside: np.ndarray, data: np.ndarray) -> np.ndarray:
        nothing = self.balls.ball(np.inf)
        undefined = nothing - nothing
        return self._each(lambda m, u: u if m else undefined, inside, data)

    def reduced(self, op: str, data: np.ndarray, axis: int, best: Any) -> np.ndarray:
        if op in ("max", "min"):
            return np.take_along_axis(data, best(), axis=axis).squeeze(axis)
        step = self.add if op == "sum" else self.mul
        result = np.take(data, 0, axis=axis)
        for k in range(1, data.shape[axis]):
            result = step(result, np.take(data, k, axis=axis))
        return result if isinstance(result, np.ndarray) else _scalar(result)

    def power(self, e: x.Pow) -> Named:
        base = self.evaluate(e.base)
        base = base if base.data.dtype.kind == "O" else Named(self.whole(base.data), base.axes)
        if isinstance(e.exponent, x.Num):
            n = Fraction(e.exponent.value)
            return Named(self._each(lambda u: self._raised(u, n), base.data), base.axes)
        slot = self.world.whole_slot(e.exponent)
        if slot is not None:
            exponent = self.slot(slot)
            axes = union([base.axes, exponent.axes])
            sides = spread(base, axes), spread(exponent, axes)
            return Named(self._each(lambda u, n: self.balls.power(u, Fraction(int(n))), *sides), axes)
        exponent = self.evaluate(e.exponent)
        axes = union([base.axes, exponent.axes])
        exp, log = self.balls.functions["exp"], self.balls.functions["log"]
        return Named(self._each(lambda u, v: exp(log(u) * v), spread(base, axes), spread(exponent, axes)), axes)

    def weight(self, value: Any) -> float:
        return abs(self.balls.middle(defined(value[0])))

    def is_zero(self, value: Any) -> bool:
        return all(end == 0 for end in self.balls.ends(defined(value[0])))

    def reciprocal(self, value: Any) -> Any:
        return self._each(lambda u: self._raised(defined(u), Fraction(-1)), value)

    def _raised(self, u: Any, n: Fraction) -> Any:
        """A ball to a fixed power: undefined for the root of a negative number and for division by exactly zero."""
        if isinstance(u, Undefined):
            return u.applied()
        low, high = self.balls.ends(u)
        if n.denominator > 1 and high < 0:
            return NAN
        if n < 0 and low == 0 == high:
            return INFINITE
        value = self.balls.power(u, n)
        if value is None:
            raise Undecided("a root of a negative number")
        return value

    def primitive(self, e: x.Call) -> Named:
        own = {"abs": self._abs, "sign": self._sign, "floor": self._floor}.get(e.op)
        function = own or self.balls.functions.get(e.op)
        if function is None:
            raise Undecided(f"ball arithmetic does not compute `{e.op}`")
        if not e.args:
            return Named(_scalar(function()), ())
        value = self.evaluate(e.args[0])
        return Named(self._each(lambda u: self._applied(e.op, function, u), value.data), value.axes)

    def _applied(self, op: str, function: Callable[[Any], Any], u: Any) -> Any:
        if isinstance(u, Undefined):
            return u.applied()
        return NAN if op == "log" and self.balls.ends(u)[1] < 0 else function(u)

    def _sign(self, u: Any) -> Any:
        low, high = self.balls.ends(u)
        if not (low > 0 or high < 0 or low == high):
            raise Undecided("a sign that the balls do not decide")
        return self.balls.ball(Fraction(1 if low > 0 else -1 if high < 0 else 0))

    def _abs(self, u: Any) -> Any:
        return u * self._sign(u)

    def _floor(self, u: Any) -> Any:
        low, high = (Fraction(int(np.floor(float(end)))) for end in self.balls.ends(u))
        if low != high:
            raise Undecided("a floor that the balls do not decide")
        return self.balls.ball(low)

    def compare(self, op: str, a: Any, b: Any) -> np.ndarray:
        if a.dtype.kind != "O" and b.dtype.kind != "O":
            return super().compare(op, a, b)
        return self._each(lambda u, v: self._compared(op, u, v), a, b).astype(bool)

    def _compared(self, op: str, u: Any, v: Any) -> bool:
        low, high = self.balls.ends(defined(u) - defined(v))
        if low == 0 == high:
            return op != "lt"
        if low > 0 or high < 0:
            return op != "eq" and bool(high < 0)
        raise Undecided("a comparison that the balls do not decide")

    def winners(self, op: str, data: Any, axis: int) -> np.ndarray:
        order = 1 if op == "max" else -1
        data = np.moveaxis(np.asarray(data), axis, -1)
        found = np.zeros(data.shape[:-1], np.int64)
        for place in np.ndindex(found.shape):
            best = 0
            for k in range(1, data.shape[-1]):
                u, v = data[place][k], data[place][best]
                best = k if (self._compared("lt", v, u) if order > 0 else self._compared("lt", u, v)) else best
            found[place] = best
        return np.expand_dims(found, axis)


# ---------------------------------------------------------------- separating two formulas


@dataclass(frozen=True)
class CounterExample:
    """Sizes and small rationals at which two formulas certainly differ: at `indices` they are left and right."""

    sizes: Mapping[str, int]
    arrays: Mapping[str, np.ndarray]
    indices: Mapping[str, int]
    left: float
    right: float

    def __str__(self) -> str:
        shown = [f"{a}={n}" for a, n in self.sizes.items()] + [f"{a}={_shown(v)}" for a, v in self.arrays.items()]
        shown += [f"{a}={k}" for a, k in self.indices.items()]
        digits = next((k for k in (6, 9, 12) if f"{self.left:.{k}g}" != f"{self.right:.{k}g}"), 15)
        return f"{', '.join(shown)}: {self.left:.{digits}g} against {self.right:.{digits}g}"


MOST_SHOWN = 64  # entries of an array that are written out


def _shown(data: Any) -> str:
    """The entries; of a large array the first ones and its shape."""
    if isinstance(data, np.ndarray) and data.size > MOST_SHOWN:
        first = ", ".join(map(str, data.ravel()[:4].tolist()))
        return f"{'[' * data.ndim}{first}, …{']' * data.ndim} ({'×'.join(map(str, data.shape))})"
    if isinstance(data, np.ndarray):
        return _shown(data.tolist())
    return f"[{', '.join(_shown(row) for row in data)}]" if isinstance(data, list) else str(data)


class RationalBench(Bench):
    """A bench whose reals are small rationals; `fractions` keeps them by name."""

    def __init__(self, *args, **options):
        self.fractions: dict[str, np.ndarray] = {}
        super().__init__(*args, **options)

    def reals(self, rng: np.random.Generator, shape: tuple[int, ...], positive: bool) -> np.ndarray:
        """1, 2, 3 and later halves and fifths, of both signs unless `positive`; distinct while there are few."""
        pool = [Fraction(k) for k in (1, 2, 3, 4)] + [Fraction(k, 2) for k in (1, 3, 5)] + [Fraction(1, 5)]
        pool = pool[: 3 + self.seed]
        pool = pool if positive else pool + [-f for f in pool]
        chosen = np.empty(shape, object)
        count = int(np.prod(shape))
        picks = rng.permutation(len(pool)) if count <= len(pool) else rng.integers(0, len(pool), count)
        chosen.ravel()[:] = [pool[k] for k in picks[:count]]
        return chosen if shape else _scalar(pool[picks[0]])

    def exactly(self, data: np.ndarray) -> np.ndarray:
        return np.frompyfunc(lambda v: Fraction(float(v)).limit_denominator(1000), 1, 1)(data)

    def fraction(self, name: str) -> np.ndarray:
        """The rational (or integer) data of an input."""
        if name not in self.fractions:
            self.floats.array(name)
        return self.fractions[name]

    def _input(self, name: str) -> np.ndarray:
        data = self.fractions[name] = super()._input(name)
        return data if data.dtype.kind in "iub" else data.astype(float)


def separates(a: Expr, b: Expr, arrays: Mapping[str, np.ndarray], sizes: Mapping[str, int],
              program: Program | None = None) -> bool | None:  # fmt: skip
    """Whether two formulas certainly differ at this point; None: not decided.  False: both are exact and equal.

    `arrays` hold Fractions (or integers) by name; arrays with an equation in the program are computed from it.
    """
    equations = {} if program is None else {e.name: e for e in program.equations if e.name not in arrays}
    whole = {name for name, data in arrays.items() if np.asarray(data).dtype.kind in "iub"}
    balls = Balls(World(sizes, equations, whole.__contains__), lambda name: np.asarray(arrays[name]))
    try:
        return _separated(balls, a, b)[0]
    except (Undecided, Problem, KeyError, ZeroDivisionError, ValueError):
        return None


def _axes(a: Expr, b: Expr) -> tuple[Index, ...]:
    return tuple(sorted(a.free | b.free, key=lambda i: i.number))


def _separated(balls: Balls, a: Expr, b: Expr) -> tuple[bool | None, tuple[int, ...], float, float]:
    """Whether the enclosures are apart at some place, that place, and the middles of both sides there."""
    axes = _axes(a, b)
    left, right = balls.reals(a, axes), balls.reals(b, axes)
    same: bool | None = False
    for place in np.ndindex(left.shape):
        u, v = left[place], right[place]
        if isinstance(u, Undefined) or isinstance(v, Undefined):
            same = None
            continue
        low, high = balls.balls.ends(u - v)
        if balls.balls.is_sound(u) and balls.balls.is_sound(v) and (low > 0 or high < 0):
            return True, place, balls.balls.middle(u), balls.balls.middle(v)
        if not low == 0 == high:
            same = None
    return same, (), 0.0, 0.0


def counterexample(program: Program, a: Expr, b: Expr, seeds: Iterable[int] = SEEDS) -> CounterExample | None:
    """Small rationals at which the two formulas certainly differ, smallest sizes first; None when none was found."""
    for seed in seeds:
        for sizes in _small_sizes(program, a, b):
            for positive in (True, False):
                found = _attempt(program, a, b, seed, sizes, positive)
                if found is not None:
                    return found
    return None


def violation(program: Program, low: Expr, high: Expr, strict: bool) -> CounterExample | None:
    """Small rationals at which low ≤ high (or low < high) certainly fails; None when none was found."""
    for scale in (Fraction(1), Fraction(1, 10), Fraction(10), Fraction(0)):
        for seed in range(6):
            for sizes in _small_sizes(program, low, high):
                for positive in (True, False):
                    found = _violated(program, low, high, strict, seed, sizes, positive, scale)
                    if found is not None:
                        return found
    return None


def _violated(program, low, high, strict, seed, sizes, positive, scale) -> CounterExample | None:
    """One draw of data; None where the inequality holds or cannot be told."""
    try:
        bench = RationalBench(program, seed, sizes, (low, high), positive, scale)
        axes = _axes(low, high)
        left, right = bench.value(low, axes), bench.value(high, axes)
        if (left + 1e-9 * (1 + abs(left)) < right).all():
            return None
        balls = Balls(World(bench.sizes, bench.world.equations, bench.world.is_whole), bench.fraction)
        a, b = (u if u.dtype.kind == "O" else balls.whole(u) for u in (balls.over(low, axes), balls.over(high, axes)))
        for place in np.ndindex(a.shape):
            u, v = defined(a[place]), defined(b[place])
            gap = balls.balls.ends(u - v)[0]
            sound = balls.balls.is_sound(u) and balls.balls.is_sound(v)
            if sound and (gap > 0 or strict and gap >= 0):
                read = {n: bench.fractions[n] for n in sorted(balls.arrays) if n in bench.fractions}
                middles = balls.balls.middle(u), balls.balls.middle(v)
                return CounterExample(bench.sizes, read, placed(low, high, axes, place), *middles)
    except (Undecided, Problem, ZeroDivisionError, ValueError):
        return None
    return None


def _small_sizes(program: Program, a: Expr, b: Expr) -> list[dict[str, int] | None]:
    """All axes of length 2, then 3, then the sizes of the judges, then 4 (where windows overlap)."""
    found = data.judging_sizes(program, a, b)
    formulas = [*(e.rhs for e in program.equations), a, b]
    derived = [n for n in data.sizes_in(program, formulas) if n.number is None and n.letter is None]
    two, three, four = ([s] if data.legal(derived, s := dict.fromkeys(found, k), True) else [] for k in (2, 3, 4))
    return [*two, *three, None, *four]


def undefined_at(program: Program, a: Expr, b: Expr, known: Iterable[Expr]) -> CounterExample | None:
    """Small rationals at which the first formula is certainly no number, while the second and all `known` are finite."""
    known = tuple(known)
    for seed in range(3):
        for sizes in _small_sizes(program, a, b):
            found = _undefined(program, a, b, known, seed, sizes)
            if found is not None:
                return found
    return None


class _Bounded(Balls):
    """Enclosures in which an entry beyond the end of its array is no number; what a negative place means stays open."""

    def outside(self, inside: np.ndarray, data: np.ndarray) -> np.ndarray:
        return self._each(lambda m, u: u if m else NAN, inside, data)

    def _gather(self, array: Any, positions: list[Named]) -> Named:
        found = super()._gather(array, positions)
        before = False
        for p in positions:
            before = before | (spread(p, found.axes) < 0)
        if np.any(before):
            data = self._each(lambda m, u: UNCLEAR if m else u, np.broadcast_to(before, found.data.shape), found.data)
            return Named(data, found.axes)
        return found


def _undefined(program: Program, a: Expr, b: Expr, known: tuple[Expr, ...], seed: int,
               sizes: Mapping[str, int] | None) -> CounterExample | None:  # fmt: skip
    """One draw of data of both signs; None where it shows nothing."""
    try:
        bench = RationalBench(program, seed, sizes, (a, b, *known))
        balls = _Bounded(World(bench.sizes, bench.world.equations, bench.world.is_whole), bench.fraction)
        if not all(_finite(balls, e, tuple(e.free)) for e in known):
            return None
        axes = _axes(a, b)
        left, right = balls.reals(a, axes), balls.reals(b, axes)
    except (Undecided, Problem, ZeroDivisionError, ValueError):
        return None
    for place in np.ndindex(left.shape):
        if left[place] in (NAN, INFINITE) and _sound(balls, right[place]):
            read = {n: bench.fractions[n] for n in sorted(balls.arrays) if n in bench.fractions}
            value = balls.balls.middle(right[place])
            return CounterExample(bench.sizes, read, placed(a, b, axes, place), float("nan"), value)
    return None


def _sound(balls: Balls, u: Any) -> bool:
    return not isinstance(u, Undefined) and balls.balls.is_sound(u)


def _finite(balls: Balls, e: Expr, axes: tuple[Index, ...]) -> bool:
    return all(_sound(balls, u) for u in balls.reals(e, axes).ravel())


def _attempt(program: Program, a: Expr, b: Expr, seed: int, sizes: Mapping[str, int] | None,
             positive: bool) -> CounterExample | None:  # fmt: skip
    """One draw of data; None where it shows nothing."""
    try:
        bench = RationalBench(program, seed, sizes, (a, b), positive)
        seen = bench.same(a, b)
        if seen.equal and seen.how == "exact":
            return None
        balls = Balls(World(bench.sizes, bench.world.equations, bench.world.is_whole), bench.fraction)
        apart, place, left, right = _separated(balls, a, b)
    except (Undecided, Problem, ZeroDivisionError, ValueError):
        return None
    if not apart:
        return None
    names = placed(a, b, _axes(a, b), place)
    read = {n: bench.fractions[n] for n in sorted(balls.arrays) if n in bench.fractions}
    return CounterExample(bench.sizes, read, names, left, right)
