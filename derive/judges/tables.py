"""What a forward pass may call: NumPy, torch and Python by name, as tables; what is not here is refused.

`SHARED` holds what NumPy and torch mean alike; `NUMPY`, `TORCH` and the method tables add what differs: torch's
`transpose` swaps two axes, its `var` divides by n − 1, its `max(1)` is a pair, its `repeat` tiles.  Keywords are
renamed once (`dim` → `axis`), so every function here has one spelling.
"""

from __future__ import annotations

import math

import numpy as np

from derive.errors import Unsupported
from derive.judges import functional as F
from derive.judges import numeric as N
from derive.judges.shapes import (
    ARRAY,
    BOOL,
    FLOAT,
    INT,
    Best,
    Kind,
    add_at,
    arange,
    array,
    asarray,
    cast,
    chunk,
    concatenate,
    copyto,
    einsum,
    expand,
    eye,
    fill,
    fill_diagonal,
    filled,
    filled_like,
    flatten,
    flip,
    full,
    full_like,
    gather,
    index_add,
    index_select,
    kind_of,
    masked_fill,
    numpy_pad,
    permute,
    pick_diagonal,
    put_along_axis,
    repeat,
    reshape,
    roll,
    scatter,
    scatter_add,
    sizes,
    squeeze,
    stack,
    subtract_at,
    take,
    torch_split,
    transpose,
    unbind,
)  # fmt: skip

KEYWORDS = {"dim": "axis", "keepdim": "keepdims", "input": "x", "a": "x", "dims": "axis", "other": "b"}
KEYWORDS |= {"a_min": "low", "a_max": "high", "min": "low", "max": "high", "newshape": "shape", "size": "shape"}
IGNORED = {"device", "requires_grad", "non_blocking", "memory_format", "copy", "generator", "optimize", "inplace"}


class Table(dict):
    """A namespace such as `np` or `np.linalg`, or a function with members such as `np.add` (`call`)."""

    def __init__(self, name, rows, call=None):
        super().__init__(rows)
        self.name, self.call = name, call


# -- dialects --------------------------------------------------------------------------------------------------


def numpy_reduction(f):
    """NumPy's order of parameters: what follows the axis is keyword only."""
    return lambda x, axis=None, *, dtype=None, **kw: f(x, axis, **kw)


def torch_reduction(f):
    """torch's order: (x, dim, keepdim); several axes may stand alone."""
    return lambda x, axis=None, keepdims=False, *, dtype=None: f(x, axis, keepdims)


def torch_spread(f):
    """torch's var and std: unbiased unless told; `var(False)` is legacy for `unbiased=False`."""

    def g(x, axis=None, unbiased=True, keepdims=False, *, correction=None):
        if isinstance(axis, bool):
            axis, unbiased = None, axis
        return f(x, axis, keepdims, int(unbiased) if correction is None else correction)

    return g


def torch_extreme(value, position, pairwise):
    """torch's max and min: of everything, along an axis as (values, indices), or of two arrays."""

    def g(x, axis=None, keepdims=False, *, b=None):
        if b is not None or isinstance(axis, np.ndarray) and (axis.ndim or axis.dtype.kind in "fc"):
            return pairwise(x, axis if b is None else b)
        if axis is None:
            return value(x)
        where = position(N.real(x), axis=int(axis), keepdims=True)
        y = np.take_along_axis(np.asarray(x), where, int(axis))
        return Best(y, where) if keepdims else Best(np.squeeze(y, int(axis)), np.squeeze(where, int(axis)))

    return g


def torch_sort(x, axis=-1, descending=False):
    """(values, indices) in order."""
    where = N.argsort(x, axis, descending)
    return Best(np.take_along_axis(x, where, axis), where)


def topk(x, k, axis=-1, largest=True, sorted=True):
    """The k largest with their positions."""
    where = np.moveaxis(np.moveaxis(N.argsort(x, axis, largest), axis, 0)[:k], 0, axis)
    return Best(np.take_along_axis(x, where, axis), where)


def positions(f):
    """argmax and argmin of the real parts."""
    return lambda x, axis=None, keepdims=False: f(N.real(x), axis=axis, keepdims=keepdims)


def divide(x, b, rounding_mode=None):
    """Quotient, or torch's floor division."""
    return N.floor_divide(x, b) if rounding_mode == "floor" else N.quotient(x, b)


def average(x, axis=None, weights=None):
    """Weighted mean."""
    if weights is None:
        return N.mean(x, axis)
    if np.ndim(weights) != np.ndim(x) and axis is not None:
        weights = np.expand_dims(weights, tuple(k for k in range(np.ndim(x)) if k != axis % np.ndim(x)))
    return N.total(x * weights, axis) / N.total(weights * np.ones(np.shape(x)), axis)


ELEMENTWISE = {
    "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": N.log, "log2": N.log2, "log10": N.log10,
    "log1p": N.log1p, "sqrt": N.sqrt, "square": np.square, "reciprocal": lambda x: 1.0 / x, "negative": np.negative,
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh,
    "arcsin": N.arcsin, "arccos": N.arccos, "arctan": np.arctan, "arcsinh": np.arcsinh, "arccosh": N.arccosh,
    "arctanh": N.arctanh, "abs": N.absolute, "absolute": N.absolute, "sign": N.steps(np.sign),
    "floor": N.steps(np.floor), "ceil": N.steps(np.ceil), "trunc": N.steps(np.trunc),
    "isnan": N.steps(np.isnan), "isinf": N.steps(np.isinf), "isfinite": N.steps(np.isfinite),
    "round": lambda x, decimals=0: np.round(N.real(x), decimals), "logical_not": N.steps(np.logical_not),
    "deg2rad": np.deg2rad, "positive": np.positive, "clip": N.clip,
}  # fmt: skip
PAIRWISE = {
    "subtract": lambda x, b: x - b, "multiply": N.product, "divide": divide, "true_divide": divide,
    "floor_divide": N.floor_divide, "remainder": N.mod, "fmod": lambda x, b: x - b * np.trunc(N.real(x) / N.real(b)),
    "maximum": N.maximum, "minimum": N.minimum, "fmax": N.maximum, "fmin": N.minimum, "logaddexp": N.logaddexp,
    "hypot": lambda x, b: N.sqrt(x * x + b * b), "arctan2": N.arctan2, "matmul": lambda x, b: x @ b,
    "equal": N.decides(np.equal), "not_equal": N.decides(np.not_equal), "greater": N.decides(np.greater),
    "greater_equal": N.decides(np.greater_equal), "less": N.decides(np.less), "less_equal": N.decides(np.less_equal),
    "logical_and": N.decides(np.logical_and), "logical_or": N.decides(np.logical_or),
    "logical_xor": N.decides(np.logical_xor), "allclose": N.decides(np.allclose), "isclose": N.decides(np.isclose),
}  # fmt: skip
SHAPING = {
    "reshape": reshape, "ravel": lambda x: np.reshape(x, -1), "squeeze": squeeze, "flip": flip, "roll": roll,
    "broadcast_to": lambda x, shape: np.broadcast_to(x, sizes((shape,))), "stack": stack, "concatenate": concatenate,
    "hstack": lambda x: np.hstack(list(x)), "vstack": lambda x: np.vstack(list(x)),
    "dstack": lambda x: np.dstack(list(x)), "column_stack": lambda x: np.column_stack(list(x)), "tile": np.tile,
    "tril": lambda x, k=0, **kw: np.tril(x, kw.get("diagonal", k)), "moveaxis": np.moveaxis, "swapaxes": np.swapaxes,
    "triu": lambda x, k=0, **kw: np.triu(x, kw.get("diagonal", k)), "diag": lambda x, k=0: np.diag(x, k),
    "diagonal": pick_diagonal, "trace": lambda x: np.trace(x), "take_along_axis": np.take_along_axis, "take": take,
    "where": N.where, "meshgrid": np.meshgrid, "fliplr": np.fliplr, "flipud": np.flipud, "rot90": np.rot90,
    "array_split": lambda x, n, axis=0: np.array_split(x, n, axis),
    "diff": lambda x, n=1, axis=-1: np.diff(x, n, axis),
}  # fmt: skip
CONSTANTS = {"pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan}
TYPES = {name: FLOAT for name in "float float16 float32 float64 half double bfloat16 single longdouble".split()}
TYPES |= {name: INT for name in "int int8 int16 int32 int64 long short uint8 uint32 intp int_ integer".split()}
TYPES |= {"bool": BOOL, "bool_": BOOL, "ndarray": ARRAY, "Tensor": ARRAY, "float_": FLOAT, "floating": FLOAT}
MAKING = {
    "zeros": filled(0.0), "ones": filled(1.0), "empty": filled(math.nan), "zeros_like": filled_like(0),
    "ones_like": filled_like(1), "empty_like": filled_like(math.nan), "full": full, "full_like": full_like,
    "arange": arange, "eye": eye, "asarray": asarray, "einsum": einsum, "outer": lambda x, b: np.outer(x, b),
    "linspace": lambda start, stop, num=50, **kw: np.linspace(start, stop, kw.get("steps", num)),
    "logspace": np.logspace,
}  # fmt: skip
TRIANGLE = {
    "cumsum": lambda x, axis=None, dtype=None: np.cumsum(x, axis), "inner": lambda x, b: np.inner(x, b),
    "cumprod": lambda x, axis=None: np.cumprod(x, axis), "tensordot": lambda x, b, axes=2, **kw: np.tensordot(
        x, b, kw.get("axis", axes)), "kron": np.kron, "dot": lambda x, b: np.dot(x, b), "vdot": N.vdot,
    "argmax": positions(np.argmax), "argmin": positions(np.argmin), "cross": np.cross,
    "any": N.decides(np.any), "all": N.decides(np.all), "count_nonzero": N.decides(np.count_nonzero),
}  # fmt: skip
SHARED = ELEMENTWISE | PAIRWISE | SHAPING | CONSTANTS | TYPES | MAKING | TRIANGLE
LINALG = {
    "inv": np.linalg.inv, "solve": np.linalg.solve, "det": np.linalg.det, "cholesky": N.cholesky,
    "slogdet": N.slogdet, "logdet": N.logdet, "matrix_power": np.linalg.matrix_power,
}  # fmt: skip
REDUCTIONS = {
    "sum": N.total, "mean": N.mean, "prod": N.prod, "max": N.amax, "min": N.amin, "amax": N.amax, "amin": N.amin,
    "var": N.variance, "std": N.deviation,
}  # fmt: skip

NUMPY = Table("numpy", SHARED | {name: numpy_reduction(f) for name, f in REDUCTIONS.items()} | {
    "add": Table("numpy.add", {"at": add_at, "outer": np.add.outer}, call=lambda x, b: x + b),
    "subtract": Table("numpy.subtract", {"at": subtract_at, "outer": np.subtract.outer}, call=lambda x, b: x - b),
    "multiply": Table("numpy.multiply", {"outer": np.multiply.outer}, call=N.product),
    "array": array, "ascontiguousarray": asarray, "copy": lambda x: np.array(x), "power": N.power,
    "float_power": N.power,
    "transpose": transpose, "permute_dims": transpose, "concat": concatenate, "sort": N.sort, "argsort": N.argsort,
    "expand_dims": lambda x, axis: np.expand_dims(x, axis), "split": lambda x, n, axis=0: np.split(x, n, axis),
    "repeat": lambda x, repeats, axis=None: np.repeat(x, repeats, axis), "newaxis": None, "pad": numpy_pad,
    "nonzero": lambda x: np.nonzero(N.real(x)), "atleast_1d": np.atleast_1d, "atleast_2d": np.atleast_2d,
    "shape": lambda x: np.shape(x), "ndim": lambda x: np.ndim(x), "size": lambda x, axis=None: np.size(x, axis),
    "rint": N.steps(np.rint), "fix": N.steps(np.fix), "cbrt": N.cbrt, "mod": N.mod, "average": average,
    "fabs": N.absolute,
    "linalg": Table("numpy.linalg", LINALG | {"norm": N.matrix_norm}), "identity": eye, "ndindex": np.ndindex,
    "ix_": np.ix_, "tri": lambda n, m=None, k=0: np.tri(n, m, k), "copyto": copyto, "fill_diagonal": fill_diagonal,
    "put_along_axis": put_along_axis, "acos": N.arccos, "asin": N.arcsin, "atan": np.arctan, "atan2": N.arctan2,
    "tril_indices": np.tril_indices, "triu_indices": np.triu_indices, "pow": N.power, "matvec": lambda x, b: x @ b,
})  # fmt: skip

ACTIVATIONS = {
    "sigmoid": N.sigmoid, "relu": N.relu, "tanh": np.tanh, "softplus": N.softplus, "gelu": N.gelu, "elu": N.elu,
    "silu": lambda x: x * N.sigmoid(x), "leaky_relu": N.leaky_relu, "selu": N.selu, "erf": N.erf, "erfc": N.erfc,
    "logsigmoid": lambda x: -N.softplus(-x), "softsign": lambda x: x / (1 + N.absolute(x)), "expit": N.sigmoid,
    "mish": lambda x: x * np.tanh(N.softplus(x)), "hardtanh": lambda x, low=-1.0, high=1.0: N.clip(x, low, high),
    "relu6": lambda x: N.clip(x, 0, 6), "hardsigmoid": lambda x: N.clip(x + 3, 0, 6) / 6,
    "hardswish": lambda x: x * N.clip(x + 3, 0, 6) / 6, "tanhshrink": lambda x: x - np.tanh(x),
    "celu": lambda x, alpha=1.0: N.maximum(x, 0 * x) + N.minimum(alpha * np.expm1(N.minimum(x, 0 * x) / alpha), 0 * x),
    "softmax": lambda x, axis=None, dtype=None: N.softmax(x, _named(axis)),
    "log_softmax": lambda x, axis=None, dtype=None: N.log_softmax(x, _named(axis)),
    "softmin": lambda x, axis=None: N.softmax(-x, _named(axis)),
}  # fmt: skip


def _named(axis):
    if axis is None:
        raise Unsupported("softmax without an axis", "torch guesses it", "write dim=-1")
    return axis


FUNCTIONAL = Table("torch.nn.functional", ACTIVATIONS | {
    name: getattr(F, name) for name in (
        "cross_entropy nll_loss mse_loss l1_loss huber_loss smooth_l1_loss binary_cross_entropy kl_div linear "
        "binary_cross_entropy_with_logits embedding layer_norm rms_norm batch_norm group_norm normalize glu pad "
        "cosine_similarity dropout conv1d conv2d max_pool2d avg_pool2d max_pool1d avg_pool1d").split()
} | {"one_hot": N.one_hot, "scaled_dot_product_attention": F.attention})  # fmt: skip

TORCH_METHODS = ELEMENTWISE | PAIRWISE | SHAPING | ACTIVATIONS | TRIANGLE | LINALG | {
    name: torch_reduction(REDUCTIONS[name]) for name in ("sum", "mean", "prod", "amax", "amin")
} | {
    "var": torch_spread(N.variance), "std": torch_spread(N.deviation), "add": lambda x, b, alpha=1: x + alpha * b,
    "sub": lambda x, b, alpha=1: x - alpha * b, "mul": N.product, "div": divide, "pow": N.power,
    "max": torch_extreme(N.amax, np.argmax, N.maximum), "min": torch_extreme(N.amin, np.argmin, N.minimum),
    "neg": np.negative, "rsqrt": lambda x: 1 / N.sqrt(x), "clamp": N.clip, "clamp_min": lambda x, low: N.clip(x, low),
    "clamp_max": lambda x, high: N.clip(x, None, high), "asin": N.arcsin, "acos": N.arccos, "atan": np.arctan,
    "atan2": N.arctan2, "sinh": np.sinh, "gather": gather, "index_select": index_select, "masked_fill": masked_fill,
    "masked_select": lambda x, mask: np.asarray(x)[mask], "t": lambda x: np.transpose(x), "permute": permute,
    "transpose": lambda x, dim0, dim1: np.swapaxes(x, dim0, dim1), "movedim": np.moveaxis, "flatten": flatten,
    "unsqueeze": lambda x, axis: np.expand_dims(x, axis), "split": torch_split, "chunk": chunk, "unbind": unbind,
    "repeat_interleave": lambda x, repeats, axis=None: np.repeat(x, repeats, axis), "mm": lambda x, b: x @ b,
    "bmm": lambda x, b: x @ b, "mv": lambda x, b: x @ b, "argsort": N.argsort, "sort": torch_sort, "topk": topk,
    "logsumexp": lambda x, axis, keepdims=False: N.logsumexp(x, axis, keepdims), "eq": PAIRWISE["equal"],
    "ne": PAIRWISE["not_equal"], "gt": PAIRWISE["greater"], "ge": PAIRWISE["greater_equal"], "lt": PAIRWISE["less"],
    "le": PAIRWISE["less_equal"], "scatter": lambda x, *a: scatter(np.array(x), *a), "tile": repeat,
    "scatter_add": lambda x, *a: scatter_add(np.array(x), *a), "index_add": lambda x, *a: index_add(np.array(x), *a),
    "norm": lambda x, ord=2, axis=None, keepdims=False, **kw: N.norm(x, kw.get("p", ord), axis, keepdims),
    "dist": lambda x, b: N.norm(x - b), "numel": lambda x: int(np.size(x)), "clone": lambda x: np.array(x),
    "lerp": lambda x, end, weight: x + weight * (end - x), "inverse": np.linalg.inv,
    "nonzero": lambda x: np.argwhere(x),
    "roll": roll, "ger": lambda x, b: np.outer(x, b),
    "addmm": lambda x, a, b, beta=1, alpha=1: beta * x + alpha * a @ b,
    "cat": concatenate, "broadcast_to": lambda x, *shape: expand(x, *shape),
}  # fmt: skip
TORCH = Table("torch", SHARED | TORCH_METHODS | {
    "nn": None, "tensor": array, "as_tensor": asarray, "from_numpy": asarray, "Parameter": asarray,
    "concat": concatenate,
    "linalg": Table("torch.linalg", LINALG | {
        "norm": lambda x, ord=None, axis=None, keepdims=False: N.matrix_norm(x, ord, axis, keepdims),
        "vector_norm": lambda x, ord=2, axis=None, keepdims=False: N.norm(x, ord, axis, keepdims)}),
    "special": Table("torch.special", {"expit": N.sigmoid, "erf": N.erf, "logsumexp": N.logsumexp}),
    "no_grad": "no_grad", "inference_mode": "no_grad", "newaxis": None, "FloatTensor": array, "LongTensor": array,
})  # fmt: skip


def stateless(f):
    """A layer without parameters: what its constructor was given follows the inputs."""
    return lambda parameter, own, options, *xs: f(*xs, *own, **options)


def _layer_norm(parameter, own, options, x):
    shape = own[0] if own else options["normalized_shape"]
    rank = len(shape) if isinstance(shape, (tuple, list)) else 1
    eps = options.get("eps", own[1] if len(own) > 1 else 1e-5)
    return F.layer_norm(x, np.shape(x)[-rank:], parameter("weight", None), parameter("bias", None), eps)


def _batch_norm(parameter, own, options, x):
    """In training, as a fresh module is."""
    eps = options.get("eps", own[1] if len(own) > 1 else 1e-5)
    return F.batch_norm(x, None, None, parameter("weight", None), parameter("bias", None), True, eps=eps)


def _conv(f):
    return lambda parameter, own, options, x: f(
        x, parameter("weight"), parameter("bias", None), *own[3:], **{k: options[k] for k in options if k in CONV}
    )


CONV = ("stride", "padding", "dilation", "groups")
LAYERS = {name: stateless(FUNCTIONAL[function]) for name, function in {
    "ReLU": "relu", "Tanh": "tanh", "Sigmoid": "sigmoid", "GELU": "gelu", "SiLU": "silu", "Softplus": "softplus",
    "LeakyReLU": "leaky_relu", "ELU": "elu", "Softmax": "softmax", "LogSoftmax": "log_softmax", "Mish": "mish",
    "LogSigmoid": "logsigmoid", "Softsign": "softsign", "Hardtanh": "hardtanh", "ReLU6": "relu6",
    "Dropout": "dropout",
    "CrossEntropyLoss": "cross_entropy", "NLLLoss": "nll_loss", "MSELoss": "mse_loss", "L1Loss": "l1_loss",
    "BCELoss": "binary_cross_entropy", "BCEWithLogitsLoss": "binary_cross_entropy_with_logits", "SELU": "selu",
    "MaxPool2d": "max_pool2d", "AvgPool2d": "avg_pool2d", "HuberLoss": "huber_loss", "Hardswish": "hardswish",
    "MaxPool1d": "max_pool1d", "AvgPool1d": "avg_pool1d", "SmoothL1Loss": "smooth_l1_loss", "KLDivLoss": "kl_div",
    "CosineSimilarity": "cosine_similarity", "GLU": "glu",
}.items()} | {
    "Identity": lambda parameter, own, options, x: x,
    "Flatten": stateless(lambda x, start=1, end=-1: flatten(x, start, end)),
    "Linear": lambda parameter, own, options, x: F.linear(x, parameter("weight"), parameter("bias", None)),
    "Embedding": lambda parameter, own, options, x: F.embedding(x, parameter("weight"), *own[2:], **options),
    "LayerNorm": _layer_norm, "BatchNorm1d": _batch_norm, "BatchNorm2d": _batch_norm,
    "GroupNorm": lambda parameter, own, options, x: F.group_norm(
        x, *own[:1], parameter("weight", None), parameter("bias", None), options.get("eps", 1e-5)),
    "Conv1d": _conv(F.conv1d), "Conv2d": _conv(F.conv2d), "Sequential": None, "ModuleList": None,
}  # fmt: skip


def python_number(f):
    """math.f: a Python number where the argument is real."""

    def g(*xs):
        y = f(*xs)
        return y.item() if isinstance(y, np.generic) and y.dtype.kind != "c" else y

    return g


MATH = Table("math", CONSTANTS | {"tau": math.tau} | {name: python_number(f) for name, f in {
    "sqrt": N.sqrt, "exp": np.exp, "log": lambda x, *b: N.log(x) / N.log(*b) if b else N.log(x), "log2": N.log2,
    "log10": N.log10, "log1p": N.log1p, "expm1": np.expm1, "sin": np.sin, "cos": np.cos, "tan": np.tan,
    "tanh": np.tanh, "sinh": np.sinh, "cosh": np.cosh, "atan": np.arctan, "atan2": N.arctan2, "fabs": N.absolute,
    "pow": lambda x, b: N.power(x * 1.0, b), "erf": N.erf, "hypot": PAIRWISE["hypot"], "asin": N.arcsin,
    "acos": N.arccos,
    "prod": lambda x: N.prod(np.array(list(x))), "fsum": lambda x: N.total(np.array(list(x))),
}.items()} | {
    "floor": lambda x: math.floor(N.real(x)), "ceil": lambda x: math.ceil(N.real(x)), "isnan": lambda x: x != x,
    "gcd": math.gcd, "isqrt": math.isqrt,
})  # fmt: skip
SCIPY = Table("scipy", {"special": Table("scipy.special", ELEMENTWISE | {
    "erf": N.erf, "erfc": N.erfc, "expit": N.sigmoid, "logsumexp": N.logsumexp, "softmax": N.softmax,
    "log_softmax": N.log_softmax, "xlogy": lambda x, b: np.where(N.real(x) == 0, 0 * x, x * N.log(b)),
    "logit": lambda x: N.log(x) - N.log1p(-x), "log_expit": ACTIVATIONS["logsigmoid"],
})})  # fmt: skip

# -- methods and properties of values ----------------------------------------------------------------------------

COMMON_METHODS = {
    "contiguous": asarray, "astype": lambda x, kind, **kw: np.array(cast(x, kind)), "tolist": lambda x: list(x),
    "flatten": flatten, "fill": fill, "numpy": asarray, "cpu": asarray, "cuda": asarray, "requires_grad_": asarray,
    "float": lambda x: cast(x, FLOAT), "double": lambda x: cast(x, FLOAT), "half": lambda x: cast(x, FLOAT),
    "long": lambda x: cast(x, INT), "int": lambda x: cast(x, INT), "bool": lambda x: cast(x, BOOL),
    "to": lambda x, *to, dtype=None, **kw: next((cast(x, k) for k in (*to, dtype) if isinstance(k, Kind)), x),
    "type": cast, "type_as": lambda x, like: cast(x, kind_of(like)), "numel": lambda x: int(np.size(x)),
    "dim": lambda x: np.ndim(x), "nelement": lambda x: int(np.size(x)), "expand": expand, "view": reshape,
    "expand_as": lambda x, like: np.broadcast_to(x, np.shape(like)),
    "view_as": lambda x, like: x.reshape(np.shape(like)),
    "reshape_as": lambda x, like: x.reshape(np.shape(like)), "clone": lambda x: np.array(x),
    "is_contiguous": lambda x: True,
    "new_zeros": lambda x, *n, **kw: MAKING["zeros"](*n, **kw),
    "new_ones": lambda x, *n, **kw: MAKING["ones"](*n, **kw),
    "new_full": lambda x, n, v, **kw: full(n, v, **kw), "unsqueeze": TORCH_METHODS["unsqueeze"],
}  # fmt: skip
METHODS = {
    # torch-only spellings are harmless on NumPy values; where both have the name, the dialect's own row wins
    False: TORCH_METHODS | COMMON_METHODS | {name: NUMPY[name] for name in (
        "sum mean prod max min var std clip round cumsum cumprod argmax argmin argsort any all dot trace diagonal "
        "transpose reshape ravel squeeze repeat take swapaxes copy nonzero").split()
    } | {"flatten": lambda x: np.array(x).reshape(-1)},
    True: TORCH_METHODS | COMMON_METHODS | {
        "repeat": repeat, "size": lambda x, axis=None: np.shape(x) if axis is None else np.shape(x)[axis],
        "copy": lambda x: np.array(x), "new_tensor": lambda x, v, **kw: array(v),
    },
}  # fmt: skip
PROPERTIES = {
    "shape": np.shape, "ndim": np.ndim, "T": np.transpose, "mT": lambda x: np.swapaxes(x, -1, -2), "dtype": kind_of,
    "device": lambda x: None, "real": lambda x: x, "flat": lambda x: np.reshape(x, -1), "is_cuda": lambda x: False,
}  # fmt: skip


def python_max(choose):
    """max and min of Python: over the arguments or one iterable, by real parts."""

    def g(*xs, **kw):
        return choose(list(xs[0]) if len(xs) == 1 else xs, key=N.real, **kw)

    return g


def is_instance(value, kinds):
    """isinstance on the few types that a forward pass asks about."""
    kinds = kinds if isinstance(kinds, tuple) else (kinds,)
    flat = [t for k in kinds for t in (k.types if isinstance(k, Kind) else (k,))]
    if not all(isinstance(t, type) for t in flat):
        raise Unsupported("isinstance of another type", "only numbers, arrays and containers are known")
    return isinstance(value, tuple(flat))


BUILTINS = {
    "len": len, "range": range, "zip": zip, "enumerate": enumerate, "list": list, "tuple": tuple, "dict": dict,
    "reversed": reversed, "slice": slice, "max": python_max(max), "min": python_max(min), "abs": N.absolute,
    "sum": lambda xs, start=0: sum(xs, start), "sorted": lambda xs, **kw: sorted(xs, key=N.real, **kw), "map": map,
    "any": lambda xs: any(N.real(x) for x in xs), "all": lambda xs: all(N.real(x) for x in xs), "pow": N.power,
    "round": lambda x, n=None: round(N.real(x), n), "str": str, "isinstance": is_instance, "divmod": divmod,
    "set": set,
    "float": FLOAT, "int": INT, "bool": BOOL, "True": True, "False": False, "Ellipsis": ..., "next": next,
    "iter": iter,
}  # fmt: skip
CONTAINERS = {
    list: {"append": list.append, "extend": list.extend, "insert": list.insert, "pop": list.pop, "copy": list.copy,
           "reverse": list.reverse, "index": list.index},
    dict: {"keys": lambda d: list(d.keys()), "values": lambda d: list(d.values()), "items": lambda d: list(d.items()),
           "get": dict.get, "update": dict.update, "setdefault": dict.setdefault, "pop": dict.pop, "copy": dict.copy},
    tuple: {"index": tuple.index, "count": tuple.count, "numel": math.prod},
    str: {"lower": str.lower, "upper": str.upper, "startswith": str.startswith, "endswith": str.endswith,
          "split": str.split, "join": str.join, "strip": str.strip, "replace": str.replace},
}  # fmt: skip
JAX_NN = Table("jax.nn", ACTIVATIONS | {
    "softmax": lambda x, axis=-1: N.softmax(x, axis), "log_softmax": lambda x, axis=-1: N.log_softmax(x, axis),
    "gelu": lambda x, approximate=True: N.gelu(x, "tanh" if approximate else "none"), "one_hot": N.one_hot,
    "logsumexp": NUMPY.get("logsumexp", SCIPY["special"]["logsumexp"]),
})  # fmt: skip
JAX = Table("jax", {"numpy": NUMPY, "nn": JAX_NN})
MODULES = {
    "jax": JAX, "jax.numpy": NUMPY, "jax.nn": JAX_NN, "numpy": NUMPY, "torch": TORCH, "math": MATH, "scipy": SCIPY, "scipy.special": SCIPY["special"],
    "torch.nn.functional": FUNCTIONAL, "numpy.linalg": NUMPY["linalg"], "torch.linalg": TORCH["linalg"],
}  # fmt: skip
