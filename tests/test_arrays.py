"""The array program: every form of equation, executed as NumPy, against a naive loop over index values."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from derive import expr as x
from derive.index import Index
from derive.ops import OPS
from derive.program import parse_program
from derive.writers.numpy import numpy_line
from derive.writers.numpy_text import HELPERS

# ---------------------------------------------------------------- the naive evaluator

PRIMITIVE = {"exp": math.exp, "log": math.log, "sin": math.sin, "cos": math.cos, "arctan": math.atan, "erf": math.erf,
             "abs": abs, "sign": lambda u: float(np.sign(u)), "floor": math.floor, "pi": lambda: math.pi}  # fmt: skip
FOLD = {"sum": sum, "prod": math.prod, "max": max, "min": min}


class Naive:
    """Expressions by loops over index values; entries out of range are 0 (a guard keeps them out)."""

    def __init__(self, data: dict[str, np.ndarray], sizes: dict[str, int]):
        self.data, self.sizes = data, sizes

    def slot(self, s, at):
        match s:
            case Index():
                return 0 if s.size.number == 1 and s not in at else at[s]
            case x.Entry():
                return int(self(s, at))
            case x.Affine(terms=terms, constant=c):
                return c.at(self.sizes) + sum(k.at(self.sizes) * self.slot(t, at) for t, k in terms)
            case x.Join(parts=joined):
                place = 0
                for t, n in joined:
                    place = place * n.at(self.sizes) + self.slot(t, at)
                return place
            case x.Part(slot=t, divisor=d, modulus=m):
                place = self.slot(t, at) // d.at(self.sizes)
                return place if m is None else place % m.at(self.sizes)
            case x.ArgBest(op=op, index=i, body=body):
                values = [self(body, {**at, i: k}) for k in range(i.size.at(self.sizes))]
                return values.index(FOLD[op](values))

    def holds(self, c, at) -> bool:
        match c:
            case x.Rel(op=op, left=a, right=b):
                u, v = (self(t, at) if isinstance(t, x.Expr) else self.slot(t, at) for t in (a, b))
                return {"eq": u == v, "lt": u < v, "le": u <= v}[op]
            case x.And(parts=inner):
                return all(self.holds(p, at) for p in inner)
            case x.Or(parts=inner):
                return any(self.holds(p, at) for p in inner)
            case x.Not(part=inner):
                return not self.holds(inner, at)

    def __call__(self, e, at) -> float:
        match e:
            case x.Num(value=value):
                return float(value)
            case x.Whole(slot=s):
                return self.slot(s, at)
            case x.Entry(name=name, slots=slots):
                place = tuple(self.slot(s, at) for s in slots)
                array = self.data[name]
                return float(array[place]) if all(0 <= k < n for k, n in zip(place, array.shape, strict=True)) else 0.0
            case x.Ind(cond=c):
                return float(self.holds(c, at))
            case x.Call(op=op, args=args):
                if op in PRIMITIVE:
                    return PRIMITIVE[op](*(self(a, at) for a in args))
                return self(OPS[op].expand(args), at)
            case x.Add(terms=terms):
                return sum(self(t, at) for t in terms)
            case x.Mul(factors=factors):
                values = [self(f, at) for f in factors]
                return 0.0 if 0.0 in values else math.prod(values)
            case x.Pow(base=base, exponent=exponent):
                return self(base, at) ** self(exponent, at)
            case x.Reduce(op=op, index=i, body=body, guard=guard):
                places = [{**at, i: k} for k in range(i.size.at(self.sizes))]
                kept = [self(body, p) for p in places if guard is None or self.holds(guard, p)]
                return FOLD[op](kept) if kept or op in ("sum", "prod") else {"max": -math.inf, "min": math.inf}[op]
            case x.Cases(branches=branches, otherwise=otherwise):
                return self(next((v for c, v in branches if self.holds(c, at)), otherwise), at)
        raise TypeError(type(e).__name__)

    def equation(self, e) -> np.ndarray:
        lengths = [i.size.at(self.sizes) for i in e.indices]
        result = np.zeros(lengths)
        self.data[e.name] = result
        for place in itertools.product(*map(range, lengths)):
            result[place] = self(e.rhs, dict(zip(e.indices, place, strict=True)))
        return result


# ---------------------------------------------------------------- executing the text

SIZES = {"n": 4, "m": 3, "C": 5, "d": 3, "k": 2, "K": 2, "T": 4, "E": 3, "V": 6, "H": 7, "W": 8, "s": 2, "G": 2, "F": 3,
         "h": 3, "b": 2, "t": 4}  # fmt: skip
INPUTS = """
input X[n, d]
input X2[n, d]
input w[d, C]
input bias[C]
input u[n]
input v[d]
input Z[n, C]
input P[n, C]
input c1[n, 1]
input r1[1, C]
input y[n] int < C
input emb[n, T, E]
input cat[n, T*E]
input tab[V, E]
input tok[n, T] int < V
input B[b, T, E]
input B2[b, t, E]
input S[T, T]
input S2[T, T]
input sq[n, n]
input img[n, H, W]
input ker[K, k]
input patch[n, (H - K)//s + 1, (W - k)//s + 1]
input seq[T, E]
input digits[K, k, n*m]
input wide[n, 2*C]
input grp[n, G*F]
input mu[n, G]
input a[m]
input q[n + m]
input lr[]
input four[b, T, G, E]
input mask[n, C] bool
input cnt[n] int
"""
STEM = parse_program(INPUTS)


def data_for(program, seed: int = 0, dtype=float) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    made = {}
    for v in program.inputs:
        shape = tuple(n.at(SIZES) for n in v.shape)
        if v.sort == "int":
            made[v.name] = rng.integers(0, v.limit.at(SIZES) if v.limit is not None else 4, shape)
        elif v.sort == "bool":
            made[v.name] = rng.random(shape) < 0.5
        else:
            made[v.name] = ((rng.random(shape) + 0.2) * np.where(rng.random(shape) < 0.3, -1, 1)).astype(dtype)
    return made


def execute(line: str, data: dict, dtype=float) -> dict:
    """The names after the statements of a line; a loop opens a block that reaches to its end."""
    scope = {"np": np, **{k: v for k, v in SIZES.items() if k not in data}, "dtype": np.dtype(dtype)}
    for helper in HELPERS.values():
        exec(helper, scope)
    scope |= {("d" + k[1:] if k.startswith("∂") else k): v for k, v in data.items()}
    for k in SIZES:
        scope[k + "_"] = SIZES[k]
    indent, out = 0, []
    for statement in line.split("; "):
        while ": for " in statement:
            head, statement = statement.split(": ", 1)
            out.append("    " * indent + head + ":")
            indent += 1
        if statement.startswith("for "):
            head, statement = statement.split(": ", 1)
            out.append("    " * indent + head + ":")
            indent += 1
        out.append("    " * indent + statement)
    exec("\n".join(out), scope)
    return scope


def compare(equation: str, seed: int = 0, style: str = "steps", dtype=float) -> str:
    """The text of an equation over INPUTS, after it was found to agree with the naive loop."""
    program = parse_program(INPUTS + equation + "\n")
    (e,) = program.equations
    line = numpy_line(e, program, style=style)
    data = data_for(program, seed, dtype)
    before = {name: array.copy() for name, array in data.items()}
    made = execute(line, data, dtype)["out"]
    found = np.asarray(made, dtype) if type(made) in (int, float) else np.asarray(made)
    with np.errstate(all="ignore"):
        expected = Naive(dict(data), SIZES).equation(e)
    assert found.shape == expected.shape, f"{line}: shape {found.shape}, expected {expected.shape}"
    tolerance = 1e-12 if dtype is float else 2e-4
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance, err_msg=line)
    assert found.dtype == dtype, f"{line}: {found.dtype}"
    for name, array in data.items():
        np.testing.assert_array_equal(array, before[name], err_msg=f"{line} changed {name}")
    return line


GOLDEN = [
    ("out[i:n, j:C] = exp(Z[i,j])", "out = np.exp(Z)"),
    ("out[i:n, o:1] = sum[j:C] Z[i,j]", "out = Z.sum(axis=1, keepdims=True)"),
    ("out[i:n, j:C] = Z[i,j]/c1[i,0]", "out = Z / c1"),
    ("out[i:n, j:C] = sum[k:d] X[i,k]*w[k,j] + bias[j]", "out = X @ w + bias"),
    ("out[k:d, j:C] = sum[i:n] X[i,k]*Z[i,j]", "out = X.T @ Z"),
    ("out[k:d, j:C] = sum[i:n] X[i,k]*(P[i,j] - [y[i] = j])", "out = X.T @ (P - (y[:, None] == np.arange(C)))"),
    ("out[i:n, k:d] = sum[j:C] Z[i,j]*w[k,j]", "out = Z @ w.T"),
    ("out[j:C] = sum[i:n] Z[i,j]", "out = Z.sum(axis=0)"),
    ("out[i:n, o:1] = sum[j:C] Z[i,j]*P[i,j]", "out = (Z * P).sum(axis=1, keepdims=True)"),
    ("out[i:n] = P[i, y[i]]", "out = P[np.arange(n), y]"),
    ("out[i:n, t:T, e:E] = tab[tok[i,t], e]", "out = tab[tok]"),
    ("out[v:V, e:E] = sum[i:n, t:T] [tok[i,t] = v]*emb[i,t,e]",
     "out = np.zeros((V, E), dtype=dtype); np.add.at(out, tok, emb)"),
    ("out[i:n, j:C] = -1/n*[j = y[i]]", "out = np.zeros((n, C), dtype=dtype); out[np.arange(n), y] = -1 / n"),
    ("out[i:n, j:C] = P[i,j] - [j = y[i]]", "out = P.copy(); out[np.arange(n), y] -= 1"),
    ("out[i:n, c:T*E] = emb[i, c//E, c%E]", "out = emb.reshape(n, -1)"),
    ("out[i:n, t:T, e:E] = cat[i, (t:T, e:E)]", "out = cat.reshape(n, T, E)"),
    ("out[i:n, j:C] = Z[i,j]*u[i]", "out = Z * u[:, None]"),
    ("out[j:C, i:n] = Z[i,j]", "out = Z.T"),
    ("out[i:n, o:1] = max[j:C] Z[i,j]", "out = Z.max(axis=1, keepdims=True)"),
    ("out[i:n, k:d] = X[i,k]*[0 < X2[i,k]]", "out = X * (0 < X2)"),
    ("out[i:n, k:d] = {X[i,k] if 0 < X[i,k]; 0}", "out = np.where(0 < X, X, 0)"),
    ("out[t:T, e:E] = sum[k:T | k <= t] seq[k,e]", "out = np.cumsum(seq, axis=0)"),
    ("out[k:T, e:E] = sum[t:T | k <= t] seq[t,e]", "out = np.cumsum(seq[::-1], axis=0)[::-1]"),
    ("out[t:T - 1, e:E] = seq[t + 1, e] - seq[t, e]", "out = seq[1:] - seq[:T - 1]"),
    ("out[b0:b, t:T, u0:t] = sum[e:E] B[b0,t,e]*B2[b0,u0,e]", "out = B @ B2.transpose(0, 2, 1)"),
    ("out[] = -1/n*sum[i:n] log(abs(P[i, y[i]]))", "out = -1 / n * np.log(np.abs(P[np.arange(n), y])).sum()"),
    ("out[] = sum[k:d] v[k]^2", "out = (v**2).sum()"),
    ("out[i:n] = sum[k:d] X[i,k]*v[k]", "out = X @ v"),
    ("out[i:n, j:C] = Z[i,j] - max[k:C] Z[i,k]", "out = Z - Z.max(axis=1, keepdims=True)"),
    ("out[i:n, j:2*C] = {Z[i,j] if j < C; P[i, j - C]}", "out = np.concatenate([Z, P], axis=1)"),
    ("out[i:n, j:C] = wide[i, j + C]", "out = wide[:, C:]"),
]

ROWS = """
out[i:n, j:C] = u[i]
out[i:n, j:C] = bias[j]
out[i:n, j:C] = 2
out[i:n, j:C] = 1/n
out[i:n, j:C] = Z[i,j] + c1[i,0] - r1[0,j]
out[i:n, o:1] = u[i]
out[o:1, j:C] = bias[j]
out[i:n] = c1[i,0]
out[j:C] = r1[0,j]
out[i:n, o:1] = c1[i,0]*u[i]
out[o:1, j:C] = -sum[i:n] Z[i,j]/n
out[j:C, i:n] = Z[i,j]*u[i] - bias[j]
out[j:C, i:n] = exp(Z[i,j])
out[i:n, j:C] = sum[k:d] X[i,k]*v[k]*w[k,j]
out[i:n, j:C] = sum[k:d] X[i,k]*w[k,j]*u[i]/n
out[i:n, j:C] = sum[k:d] X[i,k]*w[k,j]/v[k]
out[i:n] = sum[j:C] Z[i,j]/P[i,j]
out[i:n] = sum[j:C] 1/P[i,j]
out[i:n] = sum[j:C] 3
out[i:n] = sum[j:C] u[i]
out[i:n] = sum[j:C] u[i]*2 + sum[j:C] Z[i,j]
out[] = sum[i:n, k:d] X[i,k]*X2[i,k]
out[] = sum[i:n, k:d] u[i]*X[i,k]*v[k]
out[] = sum[i:n, k:d] u[i]*v[k]
out[] = sum[i:n, k:d, j:C] X[i,k]*w[k,j]*Z[i,j]
out[k:d, l:d] = sum[i:n] X[i,k]*X[i,l]
out[k:d, l:d] = sum[i:n] X[i,k]*u[i]*X2[i,l]
out[i:n, k:d] = X[i,k] - 1/n*sum[m0:n] X[m0,k]
out[i:n, k:d] = sum[j:C] (P[i,j] - [j = y[i]])*w[k,j]/n
out[k:d, j:C] = 1/n*sum[i:n] X[i,k]*(P[i,j] - [y[i] = j])
out[j:C] = sum[i:n] (P[i,j] - [y[i] = j])
out[j:C] = sum[i:n] [y[i] = j]
out[j:C] = exp(sum[i:n] [y[i] = j]*u[i])
out[i:n, j:C] = 1/n*(P[i,j] - [y[i] = j])
out[i:n, j:C] = 1/n*(P[i,j] - [y[i] = j])*(1 - Z[i,j]^2)
out[i:n, j:C] = [y[i] = j]/P[i,j]
out[i:n, j:C] = Z[i,j]*P[i,j] - [j = argmax[k:C](Z[i,k])]*sum[k:C] Z[i,k]
out[i:n, j:C] = [argmin[k:C](Z[i,k]) = j]*c1[i,0]
out[i:n, k:d] = w[k, y[i]]
out[i:n, k:d] = w[k, y[i]]*X[i,k]
out[i:n] = sum[j:C] [j = y[i]]*Z[i,j]
out[i:n, j:n] = [i = j]*u[i]
out[i:n, j:n] = sq[i,j] - [i = j]
out[i:n] = sq[i,i]
out[] = sum[i:n] sq[i,i]
out[i:n, j:n] = sq[i,j]*[i < j]
out[i:T, j:T] = {S[i,j] if j <= i; 0}
out[i:T, j:T] = {S[i,j] if j < i; 1 if i = j; S2[i,j]*2}
out[i:n, k:d] = {X[i,k] if 0 < X[i,k] and X2[i,k] < 1; 0.01*X[i,k]}
out[i:n, k:d] = {1 if 0 < X[i,k] or not (X2[i,k] < 1/2); 0}
out[i:n, k:d] = [0 < X[i,k]]
out[i:n, k:d] = 2*[0 < X[i,k]] - 1
out[i:n, k:d] = 1 - [0 < X[i,k]]
out[i:n, k:d] = [0 < X[i,k]] + [0 < X2[i,k]]
out[i:n, k:d] = -[0 < X[i,k]]*u[i]
out[i:n] = sum[k:d] [0 < X[i,k]]
out[i:n] = 1/2*sum[k:d] [0 < X[i,k]]*[0 < X2[i,k]]
out[i:n, k:d] = i*X[i,k] + k
out[i:n] = i
out[i:n] = i^2/n
out[i:n, t:T] = sum[e:E] emb[i,t,e]^2
out[e:E, i:n, t:T] = emb[i,t,e]
out[t:T, i:n, e:E] = emb[i,t,e]*u[i]
out[e:E] = sum[i:n, t:T] emb[i,t,e]
out[i:n, t:T, f:F] = sum[e:E] emb[i,t,e]*seq[f,e]
out[i:n, f:T, t:T] = sum[e:E] emb[i,t,e]*seq[f,e]
out[e:E, f:E] = sum[i:n, t:T] emb[i,t,e]*emb[i,t,f]
out[i:n, e:E] = sum[t:T] emb[i,t,e]*seq[t,e]
out[i:n, e:E] = sum[t:T, f:E] emb[i,t,e]*seq[t,f]
out[b0:b, t:T, e:E] = sum[u0:T] (sum[f:E] B[b0,t,f]*B[b0,u0,f])*B[b0,u0,e]
out[b0:b, e:E] = sum[t:T] B[b0,t,e]*S[t,0]
out[b0:b, t:T] = sum[e:E] B[b0,t,e]*seq[t,e]
out[b0:b, g:G, t:T, u0:T] = sum[e:E] four[b0,t,g,e]*four[b0,u0,g,e]
out[b0:b, t:T, c:G*E] = four[b0,t,c//E,c%E]
out[b0:b, c:T*G, e:E] = four[b0,c//G,c%G,e]
out[b0:b, c:T*G*E] = four[b0,c//(G*E),c//E%G,c%E]
out[b0:b, c:G*T, e:E] = four[b0,c%T,c//T,e]
out[c:T*b, g:G, e:E] = four[c//T,c%T,g,e]
out[i:n, e:E, t:T] = cat[i, (t:T, e:E)]
out[i:n, e:E, t:T] = 2*cat[i, (t:T, e:E)] + emb[i,t,e]
out[i:n] = cat[i, (tok[i,0]%T:T, 1:E)] + 0
out[i:n, g:G] = sum[f:F] grp[i, (g:G, f:F)]
out[i:n, c:G*F] = grp[i,c] - mu[i, c//F]
out[i:n, g:G] = sum[c:G*F] [c//F = g]*grp[i,c]
out[i:n, c:G*F] = mu[i, c%G]
out[i:n, r:H] = sum[p:H] [r = p]*img[i,p,0]
out[i:n, a0:(H - K)//s + 1, q0:W] = sum[p:K] img[i, p + s*a0, q0]*ker[p,0]
out[i:n, a0:(H - K)//s + 1, q0:(W - k)//s + 1] = sum[p:K, r:k] img[i, s*a0 + p, s*q0 + r]*ker[p,r]
out[i:n, h0:H, w0:W] = sum[a0:(H - K)//s + 1, q0:(W - k)//s + 1, p:K, r:k] [h0 = s*a0 + p]*[w0 = s*q0 + r]*patch[i,a0,q0]*ker[p,r]
out[i:n, h0:H, w0:W] = sum[a0:(H - K)//s + 1] [0 <= h0 - s*a0 and h0 - s*a0 < K]*sum[q0:(W - k)//s + 1] patch[i,a0,q0]*ker[h0 - s*a0, w0 - s*q0]*[0 <= w0 - s*q0 and w0 - s*q0 < k]
out[h0:H, w0:W] = sum[d0:n*m] digits[h0 - 2*(d0//m), w0 - 2*(d0%m), d0]*[0 <= h0 - 2*(d0//m) and h0 - 2*(d0//m) < K]*[0 <= w0 - 2*(d0%m) and w0 - 2*(d0%m) < k]
out[p:K, r:k] = sum[i:n, a0:(H - K)//s + 1, q0:(W - k)//s + 1] img[i, s*a0 + p, s*q0 + r]*patch[i,a0,q0]
out[i:n, a0:H - 1, q0:W] = max[p:2] img[i, a0 + p, q0]
out[i:n, a0:H - 2, q0:W] = img[i, a0 + 1, q0] + img[i, a0 + 2, q0]
out[t:T, e:E] = {seq[t - 1, e] if 0 < t; 0}
out[t:T, e:E] = seq[t - 1, e]*[0 <= t - 1 and t - 1 < T] - seq[t,e]
out[t:T, e:E] = seq[t + 1, e]*[t + 1 < T]
out[t:T, e:E] = seq[T - 1 - t, e]
out[t:T] = seq[T - 1, 0] + seq[t, 2]
out[e:E] = seq[0, e]*seq[T - 1, e]
out[i:n, j:2*C] = Z[i, j - C]*[0 <= j - C and j - C < C]*wide[i,j] + P[i,j]*[0 <= j and j < C]
out[i:n + m] = {u[i] if i < n; a[i - n]}
out[i:m] = sum[r:n + m] q[r]*{0 if r < n; [r - n = i]}
out[i:n] = sum[r:n + m] q[r]*{[r = i] if r < n; 0}
out[t:T, u0:T] = sum[j:T, w0:T] S[j,w0]*{[j = t]*[w0 = u0] if w0 <= j; 0}
out[t:T, e:E] = sum[k0:T | t < k0] seq[k0,e]*S[t,k0]
out[t:T, e:E] = sum[k0:T | k0 < t] seq[k0,e]
out[t:T] = max[k0:T | k0 <= t] seq[k0,0]
out[t:T] = min[k0:T | k0 < t] seq[k0,0]*1 + 1
out[t:T] = prod[k0:T | k0 < t] seq[k0,1]
out[i:n] = prod[k0:d] X[i,k0]
out[i:n] = prod[k0:d] u[i]
out[i:n] = min[j:C] (Z[i,j] - bias[j])
out[i:n, j:C] = prod[k0:C | k0 != j] Z[i,k0]
out[i:n, j:C] = exp(Z[i,j])/sum[k0:C] exp(Z[i,k0])
out[i:n] = log(sum[j:C] exp(Z[i,j]))
out[i:n, j:C] = log(exp(Z[i,j])/sum[k0:C] exp(Z[i,k0]))
out[j:C, i:n] = exp(Z[i,j])/sum[k0:C] exp(Z[i,k0])*u[i]
out[i:n, j:C] = (exp(Z[i,j])/sum[k0:C] exp(Z[i,k0]) - [j = y[i]])/n
out[] = -1/n*sum[i:n] log(exp(Z[i,y[i]])/sum[k0:C] exp(Z[i,k0]))
out[i:n, k:d] = sigmoid(X[i,k]) + softplus(X[i,k])*tanh(X[i,k])
out[i:n, k:d] = silu(X[i,k] + 1) + gelu(2*X[i,k]) + logsigmoid(X[i,k])
out[i:n, k:d] = erf(X[i,k]/2^(1/2)) + relu(X[i,k]) + maximum(X[i,k], X2[i,k]) - minimum(X[i,k], 0)
out[i:n, k:d] = (X[i,k]^2 + 1/100000)^(-1/2)*(1 + X2[i,k]^2)^(-3/2)
out[i:n, k:d] = abs(X[i,k])^(1/2)/X2[i,k]^2 + abs(X[i,k])^(1/3)
out[i:n, k:d] = 2*pi()*X[i,k] + exp(1/n) + n^(1/2)
out[i:n, k:d] = lr[]*X[i,k]
out[] = lr[]*sum[i:n] u[i]
out[] = exp(lr[])
out[i:n, j:C] = mask[i,j]*Z[i,j]
out[i:n, j:C] = mask[i,j]/2
out[i:n] = cnt[i]*u[i]
out[i:n] = cnt[i]/n
out[i:n, j:C] = {Z[i,j] if [0 < Z[i,j]] = 1; 0}
out[i:n, j:C] = [cnt[i] = j]*Z[i,j]
out[i:n] = sum[j:C] [cnt[i] = j]*Z[i,j]
out[j:C] = sum[i:n] [cnt[i] = j]*u[i]
out[i:n, j:C] = sum[m0:n] [y[i] = y[m0]]*Z[m0,j]
out[v0:V] = sum[i:n] sum[t:T] [tok[i,t] = v0]*u[i]
out[t:T, v0:V, e:E] = sum[i:n] [tok[i,t] = v0]*emb[i,t,e]
out[e:E, v0:V] = 2*sum[i:n, t:T] [tok[i,t] = v0]*emb[i,t,e]
out[v0:V, e:E] = tab[v0,e] - lr[]*sum[i:n, t:T] [tok[i,t] = v0]*emb[i,t,e]
out[i:n, j:C] = 1/n*(exp(Z[i,j])/sum[k0:C] exp(Z[i,k0]) - [j = y[i]])
out[i:n, j:C] = Z[i,j] + 1/3*P[i,j] - 1/7
out[i:n, j:C] = -Z[i,j]*(-P[i,j]) - (-2)*Z[i,j]
out[i:n, j:C] = -(Z[i,j] + P[i,j]) - u[i]*(bias[j] - 1)
out[i:n, j:C] = Z[i,j]/(P[i,j]*u[i])/bias[j]
out[i:n, j:C] = (Z[i,j] - P[i,j])/(u[i] + bias[j])
out[i:n, k:d] = sum[j:C] (Z[i,j] - P[i,j])*(sum[l:d] w[l,j]*w[k,j]*v[l])
out[i:n, l:n, h:n] = sum[k:d] X[i,k]*X2[l,k]*X[h,k]
out[i:n] = X[i, argmax[k:d](X2[i,k])]
out[i:n, o:1] = X[i, argmax[k:d](X[i,k])]
out[t:T] = S[t, tok[0, t]%T]
out[i:n, j:C] = {Z[i,j] if mask[i,j] = 1; -inf}
out[i:n, j:C] = {Z[i,j] if mask[i,j] = 0; P[i,j]}
out[i:n, t:T, e:E] = sum[c:T*E] [c//E = t]*[c%E = e]*cat[i,c]
out[i:n, t:T, e:E] = sum[c:T*E] [c//E = t]*[c%E = e]*cat[i,c]*u[i] + emb[i,t,e]
out[g:G, f:F] = sum[c:G*F] sum[i:n] [c//F = g]*[c%F = f]*grp[i,c]
""".strip().splitlines()  # noqa: E501


@pytest.mark.parametrize(("equation", "text"), GOLDEN, ids=[e for e, _ in GOLDEN])
def test_golden_text(equation, text):
    assert compare(equation) == text


@pytest.mark.parametrize("equation", ROWS)
def test_agrees_with_loops(equation):
    compare(equation)


@pytest.mark.parametrize("equation", ROWS)
def test_closed_style_agrees_with_loops(equation):
    compare(equation, seed=1, style="closed")


@pytest.mark.parametrize("equation", [e for e, _ in GOLDEN] + ROWS)
def test_keeps_float32(equation):
    compare(equation, seed=2, dtype=np.float32)


# ---------------------------------------------------------------- random sums of products

_ENTRIES = ["X[{i},{k}]", "X2[{i},{k}]", "w[{k},{j}]", "Z[{i},{j}]", "P[{i},{j}]", "u[{i}]", "v[{k}]", "bias[{j}]",
            "c1[{i},0]", "r1[0,{j}]", "1/Z[{i},{j}]", "1/u[{i}]", "[y[{i}] = {j}]", "[0 < X[{i},{k}]]",
            "P[{i}, y[{i}]]", "exp(Z[{i},{j}] - bias[{j}])", "(X[{i},{k}] - v[{k}])", "2", "1/3"]  # fmt: skip
_LENGTH = {"i": "n", "j": "C", "k": "d"}


@st.composite
def sums_of_products(draw) -> str:
    """Σ over some letters of products of entries; the other letters are the axes, in any order."""
    axes = draw(st.permutations(["i", "j", "k"]))[: draw(st.integers(0, 3))]
    terms = []
    for _ in range(draw(st.integers(1, 2))):
        factors = draw(st.lists(st.sampled_from(_ENTRIES), min_size=1, max_size=4))
        product = "*".join(f.format(i="i", j="j", k="k") for f in factors)
        bound = [a for a in "ijk" if a not in axes and (a in {c for f in factors for c in "ijk" if "{" + c + "}" in f})]
        sign = f"sum[{', '.join(f'{a}:{_LENGTH[a]}' for a in bound)}] " if bound else ""
        terms.append(f"{draw(st.sampled_from(['', '-', '1/n*']))}{sign}{product}")
    left = ", ".join(f"{a}:{_LENGTH[a]}" for a in axes)
    return f"out[{left}] = {' + '.join(terms)}"


@settings(max_examples=150, deadline=None, derandomize=True)
@given(sums_of_products(), st.integers(0, 5))
def test_random_sums_of_products(equation, seed):
    compare(equation, seed)


def test_number_fraction():
    assert Fraction(1, 3) == x.num("1/3").value
