"""Writing on the blackboard: formulas over standing letters, and a plain evaluator that shares nothing with the engine.

i, k, m run over n; j, l, c over C; t over T, e over E.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from derive import expr as x
from derive.index import Index, Size, index
from derive.notation import parse
from derive.program import Equation, Program, Variable, parse_fact

SCOPE = {name: index(name, size) for name, size in
         {"i": "n", "k": "n", "m": "n", "j": "C", "l": "C", "c": "C", "t": "T", "e": "E"}.items()}  # fmt: skip
SIZES = {"n": 3, "C": 4, "T": 2, "E": 3, "D": 2, "N": 3}


def formula(text: str) -> x.Expr:
    """A formula over the standing letters."""
    return parse(text, SCOPE)


def split_where(text: str) -> tuple[str, list[tuple[x.Entry, x.Expr]]]:
    """`… where p[i] := e[i]*r[] , …` as the statement and its definitions."""
    body, _, tail = text.partition(" where ")
    pairs = [part.split(":=") for part in tail.split(" , ")] if tail else []
    return body, [(formula(a.strip()), formula(b.strip())) for a, b in pairs]


def program(formulas: list[x.Expr], definitions: list[tuple[x.Entry, x.Expr]] = (), facts: tuple[str, ...] = ()) -> Program:
    """A program with the definitions as equations and every other array as an input, shaped as it is used."""
    equations = []
    for left, right in definitions:
        indices = tuple(s for s in left.slots if isinstance(s, Index))
        equations.append(Equation(left.name, indices, right))
    defined = {e.name for e in equations}
    inputs: dict[str, Variable] = {}
    for f in [*formulas, *(e.rhs for e in equations)]:
        for t in x.walk(f):
            if isinstance(t, x.Entry) and t.name not in defined and t.name not in inputs:
                shape = tuple(x.slot_size(s) or Size.of("C") for s in t.slots)
                inputs[t.name] = Variable(t.name, shape)
    own = Program(tuple(inputs.values()), tuple(equations), ())
    kept = tuple(parse_fact(f, own) for f in facts if f.split("[")[0].split()[-1] in own or _array(f) in own)
    return Program(own.inputs, own.equations, (), facts=kept)


def _array(fact: str) -> str:
    return fact.split("]")[1].split("[")[0].strip() if fact.startswith("sum") else fact.split()[-1]


FUNCTIONS = {
    "exp": math.exp, "log": math.log, "sin": math.sin, "cos": math.cos, "arctan": math.atan, "erf": math.erf,
    "abs": abs, "sign": lambda u: (u > 0) - (u < 0), "floor": math.floor, "tanh": math.tanh, "sinh": math.sinh,
    "cosh": math.cosh, "tan": math.tan, "sigmoid": lambda u: 1 / (1 + math.exp(-u)),
    "softplus": lambda u: math.log1p(math.exp(u)), "logsigmoid": lambda u: -math.log1p(math.exp(-u)),
    "silu": lambda u: u / (1 + math.exp(-u)), "gelu": lambda u: u * (1 + math.erf(u / math.sqrt(2))) / 2,
    "relu": lambda u: max(u, 0.0), "log1p": math.log1p, "expm1": math.expm1, "maximum": max, "minimum": min,
    "pi": lambda: math.pi,
}  # fmt: skip


class Plain:
    """Values by plain loops over index values; derivatives by central differences with Richardson extrapolation."""

    def __init__(self, arrays: dict[str, np.ndarray], sizes: dict[str, int] = SIZES):
        self.arrays, self.sizes = arrays, sizes

    def at(self, e: x.Expr, env: dict[Index, int]) -> float:
        """The value of an expression for given index values."""
        match e:
            case x.Num(value=value):
                return float(value)
            case x.Whole(slot=slot):
                return self.slot(slot, env)
            case x.Entry(name=name, slots=slots):
                return float(self.arrays[name][tuple(self.slot(s, env) for s in slots)])
            case x.Ind(cond=cond):
                return float(self.cond(cond, env))
            case x.Call(op=op, args=args):
                return float(FUNCTIONS[op](*(self.at(a, env) for a in args)))
            case x.Add(terms=terms):
                return sum(self.at(t, env) for t in terms)
            case x.Mul(factors=factors):
                return self.product(factors, env)
            case x.Pow(base=base, exponent=exponent):
                return self.at(base, env) ** self.at(exponent, env)
            case x.Reduce():
                return self.reduce(e, env)
            case x.Cases(branches=branches, otherwise=otherwise):
                value = next((v for c, v in branches if self.cond(c, env)), otherwise)
                return self.at(value, env)
            case x.D(body=body, wrt=wrt):
                return self.slope(body, wrt, env)
        raise TypeError(type(e).__name__)

    def product(self, factors, env) -> float:
        if any(isinstance(f, x.Ind) and not self.cond(f.cond, env) for f in factors):
            return 0.0
        return math.prod(self.at(f, env) for f in factors)

    def reduce(self, e: x.Reduce, env) -> float:
        values = []
        for k in range(e.index.size.at(self.sizes)):
            inner = {**env, e.index: k}
            if e.guard is None or self.cond(e.guard, inner):
                values.append(self.at(e.body, inner))
        return {"sum": sum, "prod": math.prod, "max": max, "min": min}[e.op](values)

    def slope(self, body: x.Expr, wrt: x.Entry, env) -> float:
        place = tuple(self.slot(s, env) for s in wrt.slots)
        held = self.arrays[wrt.name]

        def moved(h: float) -> float:
            array = held.copy()
            array[place] += h
            return type(self)({**self.arrays, wrt.name: array}, self.sizes).at(body, env)

        def central(h: float) -> float:
            return (moved(h) - moved(-h)) / (2 * h)

        return (4 * central(5e-4) - central(1e-3)) / 3

    def slot(self, s: x.Slot, env) -> int:
        match s:
            case Index():
                return env.get(s, 0) if s.size.number == 1 else env[s]
            case x.Entry(name=name, slots=slots):
                return int(self.arrays[name][tuple(self.slot(t, env) for t in slots)])
            case x.Affine(terms=terms, constant=constant):
                return constant.at(self.sizes) + sum(c.at(self.sizes) * self.slot(t, env) for t, c in terms)
            case x.Join(parts=parts):
                total = 0
                for t, n in parts:
                    total = total * n.at(self.sizes) + self.slot(t, env)
                return total
            case x.Part(slot=inner, divisor=divisor, modulus=modulus):
                value = self.slot(inner, env) // divisor.at(self.sizes)
                return value if modulus is None else value % modulus.at(self.sizes)
            case x.ArgBest(op=op, index=i, body=body):
                values = [self.at(body, {**env, i: k}) for k in range(i.size.at(self.sizes))]
                return values.index({"max": max, "min": min}[op](values))
        raise TypeError(type(s).__name__)

    def cond(self, c: x.Cond, env) -> bool:
        match c:
            case x.Rel(op=op, left=a, right=b):
                left, right = self.side(a, env), self.side(b, env)
                return {"eq": left == right, "lt": left < right, "le": left <= right}[op]
            case x.And(parts=parts):
                return all(self.cond(p, env) for p in parts)
            case x.Or(parts=parts):
                return any(self.cond(p, env) for p in parts)
            case x.Not(part=part):
                return not self.cond(part, env)
        raise TypeError(type(c).__name__)

    def side(self, t, env):
        return self.at(t, env) if isinstance(t, x.Expr) and not isinstance(t, x.Entry) else self.entry_or_slot(t, env)

    def entry_or_slot(self, t, env):
        return self.at(t, env) if isinstance(t, x.Entry) else self.slot(t, env)


def fill(own: Program, seed: int = 0, sizes: dict[str, int] = SIZES) -> Plain:
    """Random positive arrays for the inputs (one-hot and row-stochastic where facts say so), definitions computed."""
    rng = np.random.default_rng(seed)
    arrays: dict[str, np.ndarray] = {}
    facts = {f.array: f for f in own.facts}
    for v in own.inputs:
        shape = tuple(n.at(sizes) for n in v.shape)
        array = rng.uniform(0.3, 1.7, shape)
        if v.name in facts:
            array = np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])]
        arrays[v.name] = array
        if v.sort == "int":
            arrays[v.name] = rng.integers(0, v.limit.at(sizes) if v.limit else 2, shape)
    plain = Plain(arrays, sizes)
    for e in own.equations:
        arrays[e.name] = values(plain, e.rhs, e.indices)
    return plain


def values(plain: Plain, e: x.Expr, axes: tuple[Index, ...]) -> np.ndarray:
    """All values of an expression over some indices."""
    shape = tuple(i.size.at(plain.sizes) for i in axes)
    out = np.empty(shape)
    for place in itertools.product(*map(range, shape)):
        out[place] = plain.at(e, dict(zip(axes, place, strict=True)))
    return out


def same(a: x.Expr, b: x.Expr, own: Program, seeds=(0, 1), tolerance: float = 1e-6) -> bool:
    """Whether two formulas agree at random data, by plain evaluation."""
    axes = tuple(sorted(a.free | b.free, key=lambda i: i.number))
    for seed in seeds:
        plain = fill(own, seed)
        left, right = values(plain, a, axes), values(plain, b, axes)
        if not np.allclose(left, right, rtol=tolerance, atol=tolerance):
            return False
    return True
