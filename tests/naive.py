"""A naive evaluator of programs for the reader's tests: loops over all index values, one entry at a time."""

from __future__ import annotations

import itertools
import math

import numpy as np

from derive import expr as x
from derive.index import Index
from derive.ops import OPS

FUNCTIONS = {"exp": math.exp, "log": math.log, "sin": math.sin, "cos": math.cos, "abs": abs, "erf": math.erf,
             "sign": lambda u: (u > 0) - (u < 0), "floor": math.floor, "pi": lambda: math.pi, "tanh": math.tanh,
             "maximum": max, "minimum": min}  # fmt: skip


def run_program(program, inputs: dict, sizes: dict | None = None) -> dict:
    """All arrays of a program by name, from its inputs (nested as the variables' structure says)."""
    arrays = {v.name: np.asarray(_taken(inputs, v)) for v in program.inputs}
    sizes = measured(program, arrays, dict(sizes or {}))
    for e in program.equations:
        lengths = [n.at(sizes) for n in e.shape]
        out = np.zeros(lengths)
        for place in itertools.product(*(range(n) for n in lengths)):
            out[place] = value(e.rhs, dict(zip(e.indices, place, strict=True)), arrays, sizes)
        arrays[e.name] = out
    return arrays


def _taken(inputs: dict, v):
    found = inputs
    for key in v.structure or (v.name,):
        found = found[key]
    return found


def measured(program, arrays: dict, given: dict[str, int]) -> dict[str, int]:
    """Size letters from the shapes of the inputs; compound sizes are checked."""
    pairs = [(n, m) for v in program.inputs for n, m in zip(v.shape, arrays[v.name].shape, strict=True)]
    sizes = given | {n.letter: m for n, m in pairs if n.letter}
    for _ in range(3):
        for n, m in pairs:
            missing = n.letters - sizes.keys()
            if len(missing) == 1:
                letter = next(iter(missing))
                sizes |= next(({letter: k} for k in range(m + 2) if n.at(sizes | {letter: k}) == m), {})
    for n, m in pairs:
        assert n.at(sizes) == m, (n, m, sizes)
    return sizes


def place(s, env, arrays, sizes) -> int:
    match s:
        case Index():
            return env[s]
        case x.Entry():
            return int(value(s, env, arrays, sizes))
        case x.Affine(terms=terms, constant=c):
            return c.at(sizes) + sum(k.at(sizes) * place(t, env, arrays, sizes) for t, k in terms)
        case x.Join(parts=joined):
            out = 0
            for t, n in joined:
                out = out * n.at(sizes) + place(t, env, arrays, sizes)
            return out
        case x.Part(slot=t, divisor=d, modulus=m):
            out = place(t, env, arrays, sizes) // d.at(sizes)
            return out if m is None else out % m.at(sizes)
        case x.ArgBest(op=op, index=i, body=body):
            values = [value(body, env | {i: k}, arrays, sizes) for k in range(i.size.at(sizes))]
            return values.index(max(values) if op == "max" else min(values))
    raise TypeError(s)


def side(t, env, arrays, sizes) -> float:
    """One side of a comparison: an affine form may hold real entries."""
    match t:
        case x.Expr():
            return value(t, env, arrays, sizes)
        case x.Affine(terms=terms, constant=c):
            return c.at(sizes) + sum(k.at(sizes) * side(u, env, arrays, sizes) for u, k in terms)
    return place(t, env, arrays, sizes)


def holds(c, env, arrays, sizes) -> bool:
    match c:
        case x.Rel(op=op, left=a, right=b):
            u, v = (side(t, env, arrays, sizes) for t in (a, b))
            return {"eq": u == v, "lt": u < v, "le": u <= v}[op]
        case x.And(parts=parts):
            return all(holds(p, env, arrays, sizes) for p in parts)
        case x.Or(parts=parts):
            return any(holds(p, env, arrays, sizes) for p in parts)
        case x.Not(part=part):
            return not holds(part, env, arrays, sizes)
    raise TypeError(c)


def value(e, env, arrays, sizes) -> float:
    def go(t):
        return value(t, env, arrays, sizes)

    match e:
        case x.Num(value=v):
            return float(v)
        case x.Whole(slot=s):
            return float(place(s, env, arrays, sizes))
        case x.Entry(name=name, slots=slots):
            at = tuple(place(s, env, arrays, sizes) for s in slots)
            shape = arrays[name].shape
            assert len(at) == len(shape) and all(0 <= k < n for k, n in zip(at, shape, strict=True)), (e, at, shape)
            return float(arrays[name][at])
        case x.Ind(cond=c):
            return float(holds(c, env, arrays, sizes))
        case x.Call(op=op, args=args):
            if op in FUNCTIONS:
                try:
                    return float(FUNCTIONS[op](*map(go, args)))
                except ValueError:
                    return -math.inf
            return go(OPS[op].expand(args))
        case x.Add(terms=terms):
            return sum(map(go, terms))
        case x.Mul(factors=factors):
            out = 1.0
            for f in factors:
                out *= go(f)
            return out
        case x.Pow(base=b, exponent=k):
            return go(b) ** go(k)
        case x.Reduce(op=op, index=i, body=body, guard=guard):
            found = []
            for k in range(i.size.at(sizes)):
                inner = env | {i: k}
                if guard is None or holds(guard, inner, arrays, sizes):
                    found.append(value(body, inner, arrays, sizes))
            return {"sum": sum, "prod": math.prod, "max": max, "min": min}[op](found)
        case x.Cases(branches=branches, otherwise=otherwise):
            for c, v in branches:
                if holds(c, env, arrays, sizes):
                    return go(v)
            return go(otherwise)
    raise TypeError(e)
