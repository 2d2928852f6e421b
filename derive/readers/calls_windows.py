"""The rows over windows and groups of channels: convolution, pooling, batch and group norm; losses by distance.

Formulas follow torch's documentation of `torch.nn.functional`; arrays are (N, C, H, W).
"""

from __future__ import annotations

from derive import expr
from derive.index import Index, Size
from derive.readers import arrays as A
from derive.readers.calls import call, padded, spelled
from derive.readers.calls_math import HALF, averaged, exact, standardised
from derive.readers.convert import as_array, as_size
from derive.readers.run import Run
from derive.readers.values import UNIT, Array, Slots, number

# ---------------------------------------------------------------- windows


def _each(run: Run, value: object, count: int) -> tuple[Size, ...]:
    """A number for every spatial axis, given once or axis by axis."""
    parts = value if isinstance(value, (list, tuple)) else [value] * count
    if isinstance(value, str):
        raise run.unsupported(f"padding={value!r}", "it depends on the kernel", "write the number of rows and columns")
    if len(parts) != count:
        raise run.mismatch(f"{len(parts)} numbers for {count} spatial axes")
    return tuple(Size.of(as_size(run, p)) for p in parts)


def _framed(a: Array, padding: tuple[Size, ...], outside: Array) -> Array:
    """The array with a frame around its last axes."""
    if not any(p.terms for p in padding):
        return a
    none = [(Size(), Size())] * (a.rank - len(padding))
    return padded(a, [*none, *((p, p) for p in padding)], outside)


def _moved(slots: Slots, offsets: Slots, stride: tuple[Size, ...], dilation: tuple[Size, ...]) -> Slots:
    """Where the entry of a window at some offsets lies: stride · place + dilation · offset."""
    return tuple(expr.affine([(i, s), (u, d)]) for i, u, s, d in zip(slots, offsets, stride, dilation, strict=True))


def _lengths(shape: tuple[Size, ...], kernel, stride, dilation) -> tuple[Size, ...]:
    """How many windows fit along each axis."""
    spans = [n - d * (k - 1) - 1 for n, k, d in zip(shape, kernel, dilation, strict=True)]
    return tuple((n if s == UNIT else n // s) + 1 for n, s in zip(spans, stride, strict=True))


def _convolution(count: int):
    def convolution(run, flavor, x, weight, bias, stride, padding, dilation, groups):
        a, w = run.once(as_array(run, x), "conv.x"), as_array(run, weight)
        a = a if a.rank == count + 2 else A.inserted(a, 0)
        many = Size.of(as_size(run, groups))
        how = (_each(run, stride, count), _each(run, padding, count), _each(run, dilation, count))
        y = _grouped(run, a, w, many, *how)
        if bias is None:
            return y
        column = as_array(run, bias)
        for k in range(count):
            column = A.inserted(column, k + 1)
        return A.elementwise(run, lambda u, v: u + v, y, column)

    return convolution


def _grouped(run: Run, a: Array, w: Array, groups: Size, stride, padding, dilation) -> Array:
    """Σ over channels and offsets; every group of filters sees its own group of channels."""
    count, one = len(stride), groups == UNIT
    batch, channels, inner, filters = a.shape[0], a.shape[1], w.shape[1], w.shape[0]
    if one:
        run.unify(channels, inner, "the channels of the array and of the kernel")
    else:
        a = A.reshaped(run, a, (batch, groups, inner, *a.shape[2:]))
        w = A.reshaped(run, w, (groups, -1, *w.shape[1:]))
    kernel = w.shape[-count:]
    a = _framed(a, padding, number(0))
    shape = _lengths(a.shape[-count:], kernel, stride, dilation)

    def body(slots: Slots) -> expr.Expr:
        lead, f, places = slots[: -count - 1], slots[-count - 1], slots[-count:]
        c, offsets = Index("i", inner), tuple(Index("i", n) for n in kernel)
        entry = a.body((*lead, c, *_moved(places, offsets, stride, dilation)))
        return expr.total(expr.mul(entry, w.body((*lead[1:], f, c, *offsets))), c, *offsets)

    if one:
        return Array((batch, filters, *shape), body, "real")
    each = run.once(Array((batch, groups, w.shape[1], *shape), body, "real"), "conv.groups")
    return A.reshaped(run, each, (batch, filters, *shape))


_OPTIONS = "bias=None stride=1 padding=0 dilation=1 groups=1"
spelled("conv1d", f"x weight {_OPTIONS}")(_convolution(1))
spelled("conv2d", f"x weight {_OPTIONS}")(_convolution(2))


def _pooling(op: str, count: int):
    """The largest entry or the mean of every window."""

    def pooling(run, flavor, x, kernel_size, stride, padding):
        a = run.once(as_array(run, x), "pool.x")
        kernel = _each(run, kernel_size, count)
        step = kernel if stride is None else _each(run, stride, count)
        outside = Array((), lambda slots: expr.MINUS_INFINITY, "real") if op == "max" else number(0)
        framed = _framed(a, _each(run, padding, count), outside)
        ones = (UNIT,) * count
        shape = _lengths(framed.shape[-count:], kernel, step, ones)

        def body(slots: Slots):
            offsets = tuple(Index("i", n) for n in kernel)
            e = framed.body((*slots[:-count], *_moved(slots[-count:], offsets, step, ones)))
            for i in reversed(offsets):
                e = expr.reduce_(op, i, e)
            return e

        found = Array((*a.shape[:-count], *shape), body, "real")
        if op == "max":
            return found
        area = kernel[0] if count == 1 else kernel[0] * kernel[1]
        return A.elementwise(run, lambda u: u / expr.size(area), found, sort="real")

    return pooling


for _count in (1, 2):
    spelled(f"max_pool{_count}d", "x kernel_size stride=None padding=0")(_pooling("max", _count))
    spelled(f"avg_pool{_count}d", "x kernel_size stride=None padding=0")(_pooling("sum", _count))


@spelled("adaptive_avg_pool2d", "x output_size")
def adaptive_avg_pool2d(run, flavor, x, output_size):
    """The mean over each image; other output sizes are refused."""
    if set(_each(run, output_size, 2)) != {UNIT}:
        raise run.unsupported("adaptive pooling to more than one place", hint="use avg_pool2d with a kernel size")
    return call(run, "mean", "torch", [x, (-2, -1), True], {})


# ---------------------------------------------------------------- norms over channels


def _scaled(run: Run, a: Array, weight: object, bias: object) -> Array:
    """Weight and bias of every channel."""

    def column(v: object) -> Array:
        found = as_array(run, v)
        for k in range(a.rank - 2):
            found = A.inserted(found, k + 1)
        return found

    out = a if weight is None else A.elementwise(run, lambda u, v: u * v, a, column(weight))
    return out if bias is None else A.elementwise(run, lambda u, v: u + v, out, column(bias))


@spelled(
    "batch_norm", "x running_mean=None running_var=None weight=None bias=None training=False momentum=0.1 eps=1e-05"
)
def batch_norm(run, flavor, x, running_mean, running_var, weight, bias, training, momentum, eps):
    """Over all axes but the second: by the batch's own statistics in training, else by the running ones."""
    a = run.once(as_array(run, x), "batch_norm.x")
    if training or running_mean is None:
        over = tuple(k for k in range(a.rank) if k != 1)
        return _scaled(run, standardised(run, a, over, eps), weight, bias)
    small = as_array(run, exact(eps))
    spread = A.elementwise(run, lambda v, e: expr.power(v + e, -HALF), as_array(run, running_var), small)
    shift = A.elementwise(run, lambda m, s: -m * s, as_array(run, running_mean), spread)
    return _scaled(run, _scaled(run, a, spread, shift), weight, bias)


@spelled("group_norm", "x num_groups weight=None bias=None eps=1e-05")
def group_norm(run, flavor, x, num_groups, weight, bias, eps):
    """Mean 0 and variance 1 over every group of channels."""
    a = as_array(run, x)
    parts = A.reshaped(run, a, (a.shape[0], as_size(run, num_groups), -1))
    even = standardised(run, run.once(parts, "group_norm.x"), (2,), eps)
    return _scaled(run, A.reshaped(run, run.once(even, "group_norm.even"), a.shape), weight, bias)


@spelled("normalize", "x ord=2 axis=1 eps=1e-12 p=None")
def normalize(run, flavor, x, ord, axis, eps, p):
    """x / max(‖x‖, eps)."""
    a = run.once(as_array(run, x), "normalize.x")
    length = call(run, "norm", "torch", [a, ord if p is None else p, axis, True], {})
    longest = call(run, "maximum", "torch", [length, exact(eps)], {})
    return A.elementwise(run, lambda u, v: u / v, a, run.once(longest, "normalize.norm"))


@spelled("cosine_similarity", "x y axis=1 eps=1e-08")
def cosine_similarity(run, flavor, x, y, axis, eps):
    """⟨x, y⟩ / (max(‖x‖, eps) max(‖y‖, eps))."""
    sides = [run.once(as_array(run, v), "cosine.x") for v in (x, y)]
    product = call(run, "sum", "torch", [A.elementwise(run, lambda u, v: u * v, *sides), axis], {})
    lengths = [call(run, "maximum", "torch", [call(run, "norm", "torch", [v, 2, axis], {}), exact(eps)], {}) for v in sides]
    return A.elementwise(run, lambda c, u, v: c / (u * v), product, *lengths)


def dropped(run: Run, a: Array, mask: Array, p: object) -> Array:
    """Dropout with a given mask: a · mask / (1 − p)."""
    rate = as_array(run, exact(p))
    return A.elementwise(run, lambda u, m, q: u * m / (1 - q), a, mask, rate, sort="real")


# ---------------------------------------------------------------- losses by distance


@spelled("huber_loss", "x target reduction='mean' delta=1.0")
def huber_loss(run, flavor, x, target, reduction, delta):
    """Half the square up to delta, delta (|d| − delta/2) beyond."""
    return averaged(run, _huber(run, x, target, delta), reduction)


@spelled("smooth_l1_loss", "x target reduction='mean' beta=1.0")
def smooth_l1_loss(run, flavor, x, target, reduction, beta):
    """The Huber loss divided by its threshold."""
    each = A.elementwise(run, lambda u, b: u / b, _huber(run, x, target, beta), as_array(run, exact(beta)), sort="real")
    return averaged(run, each, reduction)


def _huber(run: Run, a: object, b: object, threshold: object) -> Array:
    gap = A.elementwise(run, lambda u, v: u - v, as_array(run, a), as_array(run, b), sort="real")

    def make(d, t):
        length = expr.Call("abs", (d,))
        return expr.cases([(expr.rel("lt", length, t), HALF * d * d)], t * (length - HALF * t))

    return A.elementwise(run, make, run.once(gap, "huber.gap"), as_array(run, exact(threshold)), sort="real")


@spelled("kl_div", "x target reduction='mean' log_target=False")
def kl_div(run, flavor, x, target, reduction, log_target):
    """target (log target − x), where x holds logarithms."""
    def make(u, t):
        return expr.Call("exp", (t,)) * (t - u) if log_target else t * (expr.Call("log", (t,)) - u)

    each = A.elementwise(run, make, as_array(run, x), as_array(run, target), sort="real")
    if reduction != "batchmean":
        return averaged(run, each, reduction)
    batch = each.shape[0]
    return A.elementwise(run, lambda u: u / expr.size(batch), averaged(run, each, "sum"), sort="real")


@spelled("glu", "x axis=-1")
def glu(run, flavor, x, axis):
    """The first half times the sigmoid of the second."""
    first, second = call(run, "chunk", "torch", [x, 2, axis], {})
    return A.elementwise(run, lambda u, v: u * v, first, call(run, "sigmoid", "torch", [second], {}))
