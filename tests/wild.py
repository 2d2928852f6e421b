"""Wild formulas: deltas over affine slots, digits, joins and labels, out of range too, at sizes that do not divide.

A place that does not exist, a root or logarithm of nothing, 1/0: undefined, unless a condition masks it.
"""

from __future__ import annotations

import math
import random

import blackboard as board
import numpy as np

from derive import expr as x
from derive.expr import Expr
from derive.index import Index, Size, index
from derive.program import Program, Variable, parse_fact

N, C, T, E = (Size.of(a) for a in "nCTE")
SIZES = [{"n": 3, "C": 4, "T": 2, "E": 3}, {"n": 1, "C": 2, "T": 1, "E": 2}, {"n": 2, "C": 7, "T": 2, "E": 2},
         {"n": 4, "C": 3, "T": 3, "E": 1}]  # fmt: skip
LETTERS = [*board.SCOPE.values(), index("r", T * E), index("q", C - 1)]
SHAPES = {"x": (N,), "M": (N, C), "K": (N, N), "a": (), "v": (T * E,), "u": (T, E), "w": (C,), "A": (N,), "B": (N,),
          "Y": (N, C), "P": (N, C), "Q": (N, N)}  # fmt: skip
LABELS = {"A": C, "B": None}
_INPUTS = tuple(Variable(k, s, "int" if k in LABELS else "real", LABELS.get(k)) for k, s in SHAPES.items())
_FACTS = ("onehot Y", "sum[c] P[i,c] = 1", "sum[i] Q[i,k] = 2")
OWN = Program(_INPUTS, (), (), facts=tuple(parse_fact(f, Program(_INPUTS, (), ())) for f in _FACTS))


class Undefined(Exception):
    """The formula has no value here."""


class Partial(board.Plain):
    """The plain evaluator, strict about what does not exist."""

    def at(self, e, env):
        if isinstance(e, x.Entry):
            return float(self.read(e, env))
        if isinstance(e, x.Pow):
            base, n = self.at(e.base, env), self.at(e.exponent, env)
            if abs(base) < 1e-9 and n < 0 or base < 0 and n != int(n):
                raise Undefined
            return base**n
        if isinstance(e, x.Call) and e.op == "log" and self.at(e.args[0], env) < 1e-9:
            raise Undefined
        if isinstance(e, x.D):
            self.read(e.wrt, env)  # it must exist
        return super().at(e, env)

    def read(self, e, env):
        places, array = tuple(self.slot(s, env) for s in e.slots), self.arrays[e.name]
        if any(not 0 <= p < n for p, n in zip(places, array.shape, strict=True)):
            raise Undefined
        return array[places]

    def slot(self, s, env):
        return int(self.read(s, env)) if isinstance(s, x.Entry) else super().slot(s, env)

    def side(self, t, env):
        return self.at(t, env) if isinstance(t, Expr) else self.slot(t, env)

    def reduce(self, e, env):
        try:
            return super().reduce(e, env)
        except ValueError as problem:  # the largest of nothing
            raise Undefined from problem


def _world(sizes: dict[str, int], seed: int) -> Partial:
    rng, arrays = np.random.default_rng(seed), {}
    for name, shape in SHAPES.items():
        shape = tuple(n.at(sizes) for n in shape)
        array = rng.uniform(0.3, 1.7, shape)
        arrays[name] = np.asarray(array * rng.choice([-1, 1], shape))
        if name in LABELS:
            arrays[name] = rng.integers(0, sizes["C"] if name == "A" else 6, shape)
        if name == "Y":
            arrays[name] = np.eye(shape[1])[rng.integers(0, shape[1], shape[:1])]
        if name in "PQ":
            arrays[name] = array / array.sum(1, keepdims=True) if name == "P" else 2 * array / array.sum(0)
    return Partial(arrays, sizes)


WORLDS = [_world(sizes, seed) for seed, sizes in enumerate(SIZES)]


def difference(a: Expr, b: Expr, tolerance: float = 2e-3) -> str:
    """A place at which both formulas have values and differ, empty when none was met."""
    axes, rng = sorted(a.free | b.free, key=lambda i: i.number), random.Random(1)
    for world in WORLDS:
        for _ in range(8):
            env = {i: rng.randrange(max(1, i.size.at(world.sizes))) for i in axes}
            try:
                left, right = world.at(a, env), world.at(b, env)
            except (Undefined, ZeroDivisionError, OverflowError):
                continue
            if abs(left - right) > tolerance * (1 + abs(left)) and math.isfinite(left) and abs(left) < 1e6:
                return f"{world.sizes}, {env}: {left} against {right}"
    return ""


class Wild:
    """Random formulas from a seed."""

    def __init__(self, seed: int):
        self.random = random.Random(seed)

    def pick(self, *choices):
        return self.random.choice(choices)

    def letter(self, n: Size | None = None) -> Index:
        return self.pick(*[i for i in LETTERS if n is None or i.size == n] or LETTERS)

    def slot(self, n: Size, deep: bool = True) -> x.Slot:
        kind = self.random.random()
        if kind < 0.6 or not deep:
            return self.letter(n)
        if kind < 0.7:
            return x.affine([(self.letter(), Size.of(self.pick(1, 1, -1, 2)))], self.pick(0, 1, -1))
        if kind < 0.78:
            return x.Entry(self.pick("A", "B"), (self.slot(N, False),))
        if kind < 0.86:
            return x.join([(self.letter(self.pick(T, T, None)), T), (self.letter(self.pick(E, E, None)), E)])
        if kind < 0.94:
            return x.part(self.letter(self.pick(T * E, C)), *self.pick((E, None), (Size.of(1), E), (E, T)))
        z = Index("z", n)
        return self.pick(x.whole_slot(self.pick(0, 1, "n")), x.ArgBest("max", z, x.Entry("w" if n == C else "x", (z,))))

    def entry(self, names: str = "xMKavuwYPQ") -> x.Entry:
        name = self.pick(*names)
        return x.Entry(name, tuple(self.slot(n) for n in SHAPES[name]))

    def cond(self) -> x.Cond:
        if self.random.random() < 0.15:
            return self.pick(x.both, x.either)(self.cond(), x.negation(self.cond()))
        if self.random.random() < 0.15:
            return x.rel("lt", self.entry("xMw"), self.pick(x.ZERO, self.entry("xMw")))
        n = self.pick(N, C, T, E, T * E)
        return x.rel(self.pick("eq", "eq", "lt", "le"), self.slot(n), self.slot(n))

    def delta(self, i: Index) -> Expr:
        """A delta over a bound index: bare, in an affine form, a digit of it, or it as a digit."""
        other = self.letter(self.pick(T, E))
        digits = self.pick([(i, T), (other, E)], [(other, T), (i, E)])
        left = self.pick(i, i, x.affine([(i, Size.of(self.pick(1, -1, 2))), (self.letter(), Size.of(1))]),
                         x.part(i, *self.pick((E, None), (Size.of(1), E))), x.join(digits))  # fmt: skip
        return x.indicator(x.rel("eq", left, self.slot(self.pick(i.size, C))))

    def summed(self, depth: int) -> Expr:
        old = self.letter()
        i = self.pick(old, old.fresh())
        body = x.mul(*(self.delta(old) for _ in range(self.pick(0, 1, 1, 2))), self.formula(depth - 1))
        guard = self.pick(None, None, None, self.cond())
        return x.reduce_("sum", i, x.substitute(body, {old: i}), guard and x.substitute(guard, {old: i}))

    def formula(self, depth: int) -> Expr:
        if depth <= 0:
            number = self.pick(x.num(2), x.num("1/2"), x.size("n"), x.as_value(self.letter()))
            return self.pick(self.entry(), self.entry(), number)
        kind, e = self.random.random(), self.formula(depth - 1)
        if kind < 0.35:
            return self.summed(depth)
        if kind < 0.65:
            return self.pick(x.add, x.mul)(e, self.pick(x.indicator(self.cond()), self.formula(depth - 1)))
        if kind < 0.75:
            return x.power(e, x.num(self.pick(2, -1, "1/2", 3)))
        if kind < 0.85:
            return self.pick(x.Call("exp", (e / 4,)), x.Call("log", (e,)), x.cases([(self.cond(), e)], self.formula(1)))
        if kind < 0.93:
            return x.reduce_(self.pick("max", "prod"), self.letter(), e, self.pick(None, None, self.cond()))
        return x.D(e, x.Entry("x", (self.letter(N),)))
