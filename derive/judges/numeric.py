"""NumPy made safe for the complex step: every decision looks at real parts, every value stays analytic.

A number here is `x + i·h·x'` with h near 1e-30: the real part is the value, the imaginary part carries the slope.
So `abs` is x·sign(Re x) and not the modulus, a norm has no conjugate, max and sort compare real parts, and what
NumPy cannot do on complex numbers (erf, arctan2) is written `f(Re x) + i·f'(Re x)·Im x`.  Outside its real domain a
function is NaN, as in a real run.  This module knows no dialect: `tables` decides how NumPy and torch spell these.
"""

from __future__ import annotations

import math

import numpy as np

from derive.errors import Unsupported


def real(v):
    """What a decision may look at: the real part of a number or array, anything else as it is."""
    if isinstance(v, (np.ndarray, np.generic)):
        return v.real if v.dtype.kind == "c" else v
    return v.real if isinstance(v, complex) else v


def is_complex(v) -> bool:
    """True for complex arrays and numbers."""
    return isinstance(v, complex) or (isinstance(v, (np.ndarray, np.generic)) and v.dtype.kind == "c")


# -- elementwise -----------------------------------------------------------------------------------------------


def within(f, inside):
    """f on complex numbers, NaN where the real run would be NaN (`inside` looks at the real part)."""

    def g(x):
        if not is_complex(x):
            return f(x)
        bad = ~np.asarray(inside(real(x)))
        y = f(x)
        return np.where(bad, np.nan, y)[()] if bad.any() else y

    return g


def lifted(f, slope):
    """f(Re x) + i·f'(Re x)·Im x, for functions that NumPy has on real numbers only."""

    def g(x):
        if not is_complex(x):
            return f(x)
        r, out = real(x), np.empty(np.shape(x), complex)
        out.real, out.imag = f(r), slope(r) * np.imag(x)
        return out[()]

    return g


def steps(f):
    """A piecewise constant function: its slope is zero."""
    return lambda x: f(real(x))


def decides(f):
    """A comparison or test: looks at real parts."""
    return lambda *xs, **kw: f(*(real(x) for x in xs), **kw)


sqrt = within(np.sqrt, lambda r: r >= 0)
log = within(np.log, lambda r: r >= 0)
log2 = within(np.log2, lambda r: r >= 0)
log10 = within(np.log10, lambda r: r >= 0)
log1p = lifted(np.log1p, lambda r: 1 / (1 + r))
arcsin = within(np.arcsin, lambda r: abs(r) <= 1)
arccos = within(np.arccos, lambda r: abs(r) <= 1)
arctanh = within(np.arctanh, lambda r: abs(r) <= 1)
arccosh = within(np.arccosh, lambda r: r >= 1)
cbrt = lifted(np.cbrt, lambda r: 1 / (3 * np.cbrt(r) ** 2))
erf = lifted(np.vectorize(math.erf, otypes=[float]), lambda r: 2 / math.sqrt(math.pi) * np.exp(-r * r))
erfc = lifted(np.vectorize(math.erfc, otypes=[float]), lambda r: -2 / math.sqrt(math.pi) * np.exp(-r * r))


def absolute(x):
    """x·sign(Re x)."""
    return x * np.sign(real(x)) if is_complex(x) else abs(x)


def maximum(a, b):
    """The one with the larger real part; the first at a tie."""
    return np.where(real(a) >= real(b), a, b)[()]


def minimum(a, b):
    """The one with the smaller real part; the first at a tie."""
    return np.where(real(a) <= real(b), a, b)[()]


def where(condition, *branches):
    """Entrywise choice; with one argument the indices of the true entries."""
    condition = np.asarray(real(condition)).astype(bool)
    return np.where(condition, *branches)[()] if branches else np.nonzero(condition)


def clip(x, low=None, high=None):
    """Between low and high, either of which may be None; inside and at the bounds it is x itself."""
    x = x if low is None else np.where(real(x) < real(low), low, x)
    return (x if high is None else np.where(real(x) > real(high), high, x))[()]


def power(a, b):
    """a**b; NaN for a negative base under a fractional exponent, as in a real run."""
    if isinstance(a, int) and isinstance(b, int):
        if abs(a) > 1 and abs(b) * a.bit_length() > 4096:
            raise Unsupported("an integer power this large", "the judge bounds its work", "use a smaller exponent")
        return a**b
    if not (is_complex(a) or is_complex(b)):
        # Python gives a complex number for (-8.0) ** 0.5, as it would in the user's run; arrays give NaN
        return a**b
    r = real(b)
    bad = (real(a) < 0) & ((np.asarray(r) % 1 != 0) | (np.imag(b) != 0))
    y = a**r if np.all(np.imag(b) == 0) else np.asarray(a, complex) ** b
    return np.where(bad, np.nan, y)[()] if np.any(bad) else y


def _finite(y):
    return not is_complex(y) or np.isfinite(y).all()


def _slopes(*terms):
    """Σ factor · slope, where no slope counts zero even beside an infinite factor."""
    return sum(np.where(slope == 0, 0, factor * slope) for factor, slope in terms)


def product(a, b):
    """a·b; beside −∞ (a masked score times a scale) NumPy's complex product would be NaN."""
    y = a * b
    if _finite(y):
        return y
    out = np.empty(np.shape(y), complex)
    out.real, out.imag = real(a) * real(b), _slopes((real(a), np.imag(b)), (real(b), np.imag(a)))
    return out[()]


def quotient(a, b):
    """a / b, with the same care."""
    y = a / b
    if _finite(y):
        return y
    out, ratio = np.empty(np.shape(y), complex), np.divide(real(a), real(b))
    out.real, out.imag = ratio, _slopes((1 / real(b), np.imag(a)), (-ratio / real(b), np.imag(b)))
    return out[()]


def floor_divide(a, b):
    """a // b of the real parts."""
    return real(a) // real(b)


def mod(a, b):
    """a − b·floor(a / b)."""
    return a - b * (real(a) // real(b)) if is_complex(a) or is_complex(b) else a % b


def arctan2(y, x):
    """The angle of (x, y), with slope (x·y' − y·x') / (x² + y²)."""
    ry, rx = real(y), real(x)
    angle = np.arctan2(ry, rx)
    if not (is_complex(y) or is_complex(x)):
        return angle
    return angle + 1j * (rx * np.imag(y) - ry * np.imag(x)) / (rx * rx + ry * ry)


def logaddexp(a, b):
    """log(exp a + exp b), shifted."""
    top = maximum(a, b)
    return top + log1p(np.exp(minimum(a, b) - top))


def sigmoid(x):
    """1 / (1 + exp −x) through exp(−|x|), so that nothing overflows."""
    e = np.exp(-absolute(x))
    return np.where(real(x) >= 0, 1.0, e)[()] / (1 + e)


def softplus(x, beta=1.0, threshold=20.0):
    """log(1 + exp βx) / β; torch's linear branch above the threshold differs by less than 3e-9 and is left out."""
    return logaddexp(beta * x, 0.0) / beta


def relu(x):
    """max(x, 0), slope zero at zero."""
    return np.where(real(x) > 0, x, 0)[()]


def leaky_relu(x, negative_slope=0.01):
    """x above zero, a small multiple of x below."""
    return np.where(real(x) > 0, x, negative_slope * x)[()]


def elu(x, alpha=1.0):
    """x above zero, α(exp x − 1) below."""
    return np.where(real(x) > 0, x, alpha * np.expm1(minimum(x, 0 * x)))[()]


def selu(x):
    """Scaled elu with torch's two constants."""
    return 1.0507009873554804934193349852946 * elu(x, 1.6732632423543772848170429916717)


def gelu(x, approximate="none"):
    """x·Φ(x), or its tanh approximation."""
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))
    return 0.5 * x * (1 + erf(x / math.sqrt(2)))


# -- reductions ------------------------------------------------------------------------------------------------


def axes(x, axis):
    """The axes as a tuple of non-negative numbers; None means all."""
    n = np.ndim(x)
    chosen = range(n) if axis is None else axis if isinstance(axis, (tuple, list)) else (axis,)
    if any(not -n <= int(a) < n for a in chosen) and n:
        raise Unsupported(f"axis {axis} of an array with {n} axes", "there is no such axis")
    return tuple(int(a) % n for a in chosen) if n else ()


def _lined_up(x, axis):
    """x with the reduced axes joined at the end, and the shape that keeps them as 1."""
    x = np.asarray(x)
    gone = axes(x, axis)
    kept = [k for k in range(x.ndim) if k not in gone]
    flat = x.transpose(kept + list(gone)).reshape([x.shape[k] for k in kept] + [-1])
    return flat, tuple(1 if k in gone else n for k, n in enumerate(x.shape))


def _extreme(choose):
    def best(x, axis=None, keepdims=False):
        flat, kept = _lined_up(x, axis)
        y = np.take_along_axis(flat, choose(real(flat), axis=-1)[..., None], -1)[..., 0]
        return y.reshape(kept) if keepdims else y[()]

    return best


amax = _extreme(np.argmax)
amin = _extreme(np.argmin)


def total(x, axis=None, keepdims=False):
    """The sum."""
    return np.sum(x, axis=None if axis is None else axes(x, axis), keepdims=keepdims)


def mean(x, axis=None, keepdims=False):
    """The average."""
    return np.mean(x, axis=None if axis is None else axes(x, axis), keepdims=keepdims)


def prod(x, axis=None, keepdims=False):
    """The product."""
    return np.prod(x, axis=None if axis is None else axes(x, axis), keepdims=keepdims)


def variance(x, axis=None, keepdims=False, ddof=0):
    """Σ(x − mean)² / (n − ddof), without the conjugate that NumPy would take."""
    over = axes(x, axis)
    count = math.prod(np.shape(x)[a] for a in over)
    apart = x - np.mean(x, axis=over, keepdims=True)
    return np.sum(apart * apart, axis=over, keepdims=keepdims) / np.float64(count - ddof)


def deviation(x, axis=None, keepdims=False, ddof=0):
    """The root of the variance."""
    return sqrt(variance(x, axis, keepdims, ddof))


def logsumexp(x, axis=None, keepdims=False):
    """log Σ exp x, shifted by the maximum (which is not differentiated: it has no effect)."""
    top = real(amax(x, axis, keepdims=True))
    top = np.where(np.isfinite(top), top, 0)
    y = log(np.sum(np.exp(x - top), axis=axes(x, axis), keepdims=True)) + top
    return y if keepdims else np.squeeze(y, axes(x, axis))[()]


def softmax(x, axis=None):
    """exp x / Σ exp x along axis."""
    e = np.exp(x - real(amax(x, axis, keepdims=True)))
    return e / np.sum(e, axis=axes(x, axis), keepdims=True)


def log_softmax(x, axis=None):
    """x − logsumexp x along axis."""
    return x - logsumexp(x, axis, keepdims=True)


def norm(x, ord=2, axis=None, keepdims=False):
    """(Σ |x|^p)^(1/p) over the entries; the number of axes does not matter."""
    x = np.asarray(x)
    if ord in (None, 2, "fro"):
        return sqrt(total(x * x, axis, keepdims))
    if ord in (np.inf, -np.inf):
        return (amax if ord > 0 else amin)(absolute(x), axis, keepdims)
    if ord == 1:
        return total(absolute(x), axis, keepdims)
    return power(total(power(absolute(x), ord), axis, keepdims), 1 / ord)


def matrix_norm(x, ord=None, axis=None, keepdims=False):
    """`linalg.norm`: as `norm`, but a matrix norm other than Frobenius is refused."""
    if ord not in (None, "fro") and (np.ndim(x) == 2 and axis is None or isinstance(axis, (tuple, list))):
        raise Unsupported(f"the matrix norm ord={ord}", "it needs singular values", "use the Frobenius norm")
    return norm(x, ord, axis, keepdims)


def argsort(x, axis=-1, descending=False):
    """Positions in order of the real parts."""
    return np.argsort(-real(x) if descending else real(x), axis=axis, kind="stable")


def sort(x, axis=-1, descending=False):
    """Entries in order of the real parts."""
    return np.take_along_axis(np.asarray(x), argsort(x, axis, descending), axis)


def one_hot(x, num_classes=-1):
    """Rows of the identity."""
    return np.eye(int(np.max(x)) + 1 if num_classes == -1 else num_classes, dtype=int)[x]


# -- linear algebra --------------------------------------------------------------------------------------------


def cholesky(x):
    """Lower L with L·Lᵀ = x; NumPy's own takes a conjugate."""
    x = np.asarray(x)
    low = np.zeros_like(x)
    for j in range(x.shape[-1]):
        row = low[..., j, :j]
        low[..., j, j] = sqrt(x[..., j, j] - np.sum(row * row, -1))
        below = x[..., j + 1 :, j] - np.sum(low[..., j + 1 :, :j] * row[..., None, :], -1)
        low[..., j + 1 :, j] = below / low[..., j, j, None]
    return low


def logdet(x):
    """log det x, NaN for a negative determinant."""
    return log(np.linalg.det(x))


def slogdet(x):
    """(sign, log |det x|)."""
    d = np.linalg.det(x)
    return np.sign(real(d)), log(absolute(d))


def vdot(a, b):
    """Σ a·b of the flattened arrays, without a conjugate."""
    return np.sum(np.ravel(a) * np.ravel(b))
