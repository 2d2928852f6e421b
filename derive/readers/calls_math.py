"""The rows that compute: elementwise functions, reductions, products, losses, layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from derive import definitions as D
from derive import expr as x
from derive.index import Index, Size
from derive.ops import OPS, Op
from derive.readers import arrays as A
from derive.readers.calls import _SYNONYMS, spelled
from derive.readers.convert import as_array, as_axis
from derive.readers.indexing import picked_slot
from derive.readers.run import Run
from derive.readers.values import Array, Pair, Slots, condition, number

HALF = x.num(Fraction(1, 2))

# ---------------------------------------------------------------- elementwise


def _op(name: str) -> Callable:
    arity = OPS[name].arity
    if arity == 1:
        return lambda run, flavor, x: _elementwise(run, name, x)
    return lambda run, flavor, x, y: _elementwise(run, name, x, y)


def _elementwise(run: Run, name: str, *values: object) -> Array:
    parts = [as_array(run, v) for v in values]
    return A.elementwise(run, lambda *e: x.Call(name, e), *parts, sort="real")


def admit(row: Op) -> None:
    """Read a row of the op table by its name and further spellings."""
    if row.arity in (1, 2):
        spelled(f"{row.name} {row.reads}", "x y" if row.arity == 2 else "x")(_op(row.name))


for _row in OPS:
    admit(_row)


def _rational(make: Callable, arity: int = 1) -> Callable:
    if arity == 1:
        return lambda run, flavor, x: A.elementwise(run, make, as_array(run, x), sort="real")
    return lambda run, flavor, x, y: A.elementwise(run, make, as_array(run, x), as_array(run, y))


_FORMULAS: tuple[tuple[str, Callable, int], ...] = (
    ("sqrt", lambda u: x.power(u, HALF), 1),
    ("rsqrt", lambda u: x.power(u, -HALF), 1),
    ("square", lambda u: x.power(u, x.num(2)), 1),
    ("reciprocal", lambda u: x.power(u, x.MINUS_ONE), 1),
    ("negative neg", lambda u: -u, 1),
    ("subtract sub", lambda u, v: u - v, 2),
    ("multiply mul", lambda u, v: u * v, 2),
    ("divide div true_divide", lambda u, v: u / v, 2),
    ("power pow float_power", lambda u, v: x.power(u, v), 2),
    ("log2", lambda u: x.Call("log", (u,)) / x.Call("log", (x.num(2),)), 1),
    ("log10", lambda u: x.Call("log", (u,)) / x.Call("log", (x.num(10),)), 1),
    ("exp2", lambda u: x.power(x.num(2), u), 1),
    ("hypot", lambda u, v: x.power(u * u + v * v, HALF), 2),
    ("logaddexp", lambda u, v: x.Call("log", (x.Call("exp", (u,)) + x.Call("exp", (v,)),)), 2),
)
for _names, _make, _arity in _FORMULAS:
    spelled(_names, "x y" if _arity == 2 else "x")(_rational(_make, _arity))


spelled("add", "x y")(lambda run, flavor, x, y: A.added(run, as_array(run, x), as_array(run, y)))


def _is_zero(e: x.Expr) -> bool:
    return isinstance(e, x.Num) and e.value == 0


def _larger(u: x.Expr, v: x.Expr) -> x.Expr:
    if _is_zero(u) or _is_zero(v):
        return x.Call("relu", (v if _is_zero(u) else u,))
    return x.Call("maximum", (u, v))


def maximum(run: Run, a: Array, b: Array) -> Array:
    """The larger one; with a literal 0 it is relu."""
    return A.elementwise(run, _larger, a, b)


spelled("maximum fmax", "x y")(lambda run, flavor, x, y: maximum(run, as_array(run, x), as_array(run, y)))


@spelled("clip clamp", "x a_min=None a_max=None")
def clip(run, flavor, x, a_min, a_max):
    value = as_array(run, x)
    if a_min is not None:
        value = maximum(run, value, as_array(run, a_min))
    return value if a_max is None else _elementwise(run, "minimum", value, a_max)


spelled("clamp_min", "x a_min")(lambda run, flavor, x, a_min: clip(run, flavor, x, a_min, None))
spelled("clamp_max", "x a_max")(lambda run, flavor, x, a_max: clip(run, flavor, x, None, a_max))


@spelled("where", "x first second")
def where(run, flavor, x, first, second):
    return A.where(run, as_array(run, x), as_array(run, first), as_array(run, second))


@spelled("masked_fill", "x mask value")
def masked_fill(run, flavor, x, mask, value):
    return A.where(run, as_array(run, mask), as_array(run, value), as_array(run, x))


@spelled("leaky_relu", "x negative_slope=0.01")
def leaky_relu(run, flavor, x, negative_slope):
    from derive import expr

    slope = as_array(run, exact(negative_slope))

    def make(u, s):
        return expr.cases([(expr.rel("lt", expr.ZERO, u), u)], s * u)

    return A.elementwise(run, make, as_array(run, x), slope)


@spelled("elu", "x alpha=1.0")
def elu(run, flavor, x, alpha):
    from derive import expr

    def make(u, s):
        return expr.cases([(expr.rel("lt", expr.ZERO, u), u)], s * (expr.Call("exp", (u,)) - 1))

    return A.elementwise(run, make, as_array(run, x), as_array(run, exact(alpha)))


def exact(value: object) -> object:
    """A float as the number that was written: 0.1 is 1/10."""
    return Fraction(repr(value)) if isinstance(value, float) else value


@spelled("gelu", "x approximate='none'")
def gelu(run, flavor, x, approximate):
    """u Φ(u), or its form in tanh (Hendrycks and Gimpel, Gaussian error linear units, 2016)."""
    from derive import expr

    if approximate in ("none", False):
        return _elementwise(run, "gelu", x)
    if approximate not in ("tanh", True):
        raise run.unsupported(f"gelu with approximate={approximate!r}", hint="use 'none' or 'tanh'")

    def make(u):
        root = expr.power(expr.num(2) / expr.Call("pi", ()), HALF)
        cubic = u + expr.num(Fraction(44715, 1_000_000)) * u**3
        return HALF * u * (1 + expr.Call("tanh", (root * cubic,)))

    return A.elementwise(run, make, run.once(as_array(run, x), "gelu.x"), sort="real")


_COMPARISONS = {"equal eq": "eq", "not_equal ne": "ne", "less lt": "lt", "less_equal le": "le", "greater gt": "gt",
                "greater_equal ge": "ge"}  # fmt: skip
for _names, _sign in _COMPARISONS.items():
    spelled(_names, "x y")(
        lambda run, flavor, x, y, _sign=_sign: A.compare(run, _sign, as_array(run, x), as_array(run, y))
    )
spelled("logical_and bitwise_and", "x y")(
    lambda run, flavor, x, y: A.logical(run, _both, as_array(run, x), as_array(run, y))
)
spelled("logical_or bitwise_or", "x y")(
    lambda run, flavor, x, y: A.logical(run, _either, as_array(run, x), as_array(run, y))
)
spelled("logical_not bitwise_not invert", "x")(lambda run, flavor, x: A.logical(run, _not, as_array(run, x)))


def _both(a, b):
    return x.both(a, b)


def _either(a, b):
    return x.either(a, b)


def _not(a):
    return x.negation(a)


# ---------------------------------------------------------------- reductions

for _name in ("sum", "prod"):
    spelled(_name, "x axis=None keepdims=False")(
        lambda run, flavor, x, axis, keepdims, _n=_name: A.reduced(
            run, _n, as_array(run, x), as_axis(run, axis), bool(keepdims)
        )
    )


def _extreme(op: str) -> Callable:
    def extreme(run: Run, flavor: str, x, axis, keepdims) -> Array | Pair:
        a = as_array(run, x)
        if isinstance(axis, Array) and axis.rank:
            return maximum(run, a, axis) if op == "max" else _elementwise(run, "minimum", a, axis)
        axis = as_axis(run, axis)
        values = A.reduced(run, op, a, axis, bool(keepdims))
        if flavor != "torch" or axis is None:
            return values
        k = A.axis_of(run, axis, a.rank)
        places = A.best(run, op, a, k)
        return Pair(values, A.inserted(places, k) if keepdims else places)

    return extreme


def _numpy_extreme(op: str) -> Callable:
    return lambda run, flavor, x, axis, keepdims: _extreme(op)(run, "numpy", x, axis, keepdims)


for _op_name in ("max", "min"):
    spelled(f"{_op_name}", "x axis=None keepdims=False")(_extreme(_op_name))
    spelled(f"a{_op_name}", "x axis=None keepdims=False")(_numpy_extreme(_op_name))
    spelled(f"arg{_op_name}", "x axis=None keepdims=False")(
        lambda run, flavor, x, axis, keepdims, _o=_op_name: _arg(run, _o, x, axis, keepdims)
    )


def _arg(run: Run, op: str, value: object, axis: object, keepdims: bool) -> Array:
    a, axis = as_array(run, value), as_axis(run, axis)
    places = A.best(run, op, a, axis)
    return A.inserted(places, A.axis_of(run, axis, a.rank)) if keepdims and axis is not None else places


@spelled("cumsum", "x axis=None")
def cumsum(run, flavor, x, axis):
    return A.accumulated(run, "sum", as_array(run, x), as_axis(run, axis))


@spelled("cumprod", "x axis=None")
def cumprod(run, flavor, x, axis):
    return A.accumulated(run, "prod", as_array(run, x), as_axis(run, axis))


@spelled("any", "x axis=None keepdims=False")
def any_(run, flavor, x, axis, keepdims):
    return _counted(run, x, axis, keepdims, lambda count: (count, "gt"))


@spelled("all", "x axis=None keepdims=False")
def all_(run, flavor, x, axis, keepdims):
    value = A.reduced(run, "prod", as_array(run, x), as_axis(run, axis), bool(keepdims))
    return A.compare(run, "eq", value, number(1))


def _counted(run: Run, value: object, axis: object, keepdims: object, _) -> Array:
    total = A.reduced(run, "sum", as_array(run, value), as_axis(run, axis), bool(keepdims))
    return A.compare(run, "gt", total, number(0))


def _along(run: Run, a: Array, axis: object, keep: bool, name: str, **more) -> Array:
    """A definition that takes the entries along some axes to one number."""
    axes = A.axes_of(run, as_axis(run, axis), a.rank)
    return A.over_axes(a, axes, keep, lambda body, sizes: D.instance(name, sizes, {"X": body}, **more), "real")


@spelled("average", "x axis=None weights=None keepdims=False")
def average(run, flavor, x, axis, weights, keepdims):
    if weights is not None:
        raise run.unsupported("a weighted average", hint="write it out: (w * a).sum(axis) / w.sum(axis)")
    return mean(run, flavor, x, axis, keepdims)


@spelled("mean nanmean", "x axis=None keepdims=False")
def mean(run, flavor, x, axis, keepdims):
    return _along(run, as_array(run, x), axis, bool(keepdims), "mean")


def _spread(name: str) -> Callable:
    def spread(run: Run, flavor: str, x, axis, ddof, keepdims) -> Array:
        if isinstance(ddof, bool):
            ddof = int(ddof)
        if ddof is None:
            ddof = 1 if flavor == "torch" else 0
        if isinstance(axis, bool):
            axis, ddof = None, int(axis)
        ddof = run.static(ddof)
        if not isinstance(ddof, (int, Size)):
            raise run.unsupported("a correction that is not a known integer", hint="use ddof=0 or ddof=1")
        a = run.once(as_array(run, x), f"{name[:3]}.x")
        return _along(run, a, axis, bool(keepdims), name, numbers={"r": Size.of(ddof)})

    return spread


spelled("var", "x axis=None ddof=None keepdims=False")(_spread("variance"))
spelled("std", "x axis=None ddof=None keepdims=False")(_spread("std"))


@spelled("logsumexp", "x axis=None keepdims=False")
def logsumexp(run, flavor, x, axis, keepdims):
    return _along(run, as_array(run, x), axis, bool(keepdims), "logsumexp")


@spelled("norm vector_norm", "x ord=None axis=None keepdims=False p=None")
def norm(run, flavor, x, ord, axis, keepdims, p):
    """Euclidean, or the sum of absolute values."""
    a, order = as_array(run, x), ord if p is None else p
    if flavor == "numpy" and order not in (None, "fro") and axis is None and a.rank == 2:
        raise run.unsupported("a matrix norm other than Frobenius'", hint="give the axis, or write it out")
    if order is None or order in (2, "fro", "l2"):
        return _along(run, a, axis, bool(keepdims), "norm")
    if order == 1:
        return _along(run, a, axis, bool(keepdims), "norm_1")
    raise run.unsupported(f"the norm of order {order}", hint="use order 1 or 2, or write it out")


# ---------------------------------------------------------------- products

spelled("matmul mm bmm mv", "x y")(lambda run, flavor, x, y: A.matmul(run, as_array(run, x), as_array(run, y)))
spelled("dot", "x y")(lambda run, flavor, x, y: A.dot(run, as_array(run, x), as_array(run, y)))


@spelled("inner", "x y")
def inner(run, flavor, x, y):
    """Σ over the last axes of both."""
    a, b = as_array(run, x), as_array(run, y)
    return A.dot(run, a, b if b.rank < 2 else A.transposed(b, (*range(b.rank - 2), b.rank - 1, b.rank - 2)))


@spelled("vdot", "x y")
def vdot(run, flavor, x, y):
    """Σ over all entries of both."""
    return A.dot(run, A.flattened(run, as_array(run, x)), A.flattened(run, as_array(run, y)))


@spelled("outer ger", "x y")
def outer(run, flavor, x, y):
    a, b = A.flattened(run, as_array(run, x)), A.flattened(run, as_array(run, y))
    return A.elementwise(run, lambda u, v: u * v, A.inserted(a, 1), A.inserted(b, 0))


@spelled("einsum", "subscripts *x")
def einsum(run, flavor, subscripts, x):
    parts = x[0] if len(x) == 1 and isinstance(x[0], (list, tuple)) else x
    if not isinstance(subscripts, str):
        raise run.unsupported("einsum without a text of subscripts", hint='write einsum("ij,jk->ik", A, B)')
    return A.einsum(run, subscripts, *(as_array(run, v) for v in parts))


@spelled("tensordot", "x y axis=2")
def tensordot(run, flavor, x, y, axis):
    a, b = as_array(run, x), as_array(run, y)
    if isinstance(axis, int):
        left, right = list(range(a.rank - axis, a.rank)), list(range(axis))
    else:
        left, right = (list(k) if isinstance(k, (list, tuple)) else [k] for k in axis)
    left = tuple(A.axis_of(run, k, a.rank) for k in left)
    right = tuple(A.axis_of(run, k, b.rank) for k in right)
    return A.tensordot(run, a, b, left, right)


@spelled("addmm", "bias x y")
def addmm(run, flavor, bias, x, y):
    product = A.matmul(run, as_array(run, x), as_array(run, y))
    return A.elementwise(run, lambda u, v: u + v, as_array(run, bias), product)


@spelled("linear", "x weight bias=None")
def linear(run, flavor, x, weight, bias):
    """x @ weight.T + bias."""
    product = A.matmul(run, as_array(run, x), A.transposed(as_array(run, weight), (1, 0)))
    return product if bias is None else A.elementwise(run, lambda u, v: u + v, product, as_array(run, bias))


@spelled("embedding", "x weight")
def embedding(run, flavor, x, weight):
    from derive.readers.indexing import read

    return read(run, as_array(run, weight), as_array(run, x))


# ---------------------------------------------------------------- softmax and losses


def _pointwise(run: Run, a: Array, axis: object, name: str) -> Array:
    """A definition that keeps the axis it works along."""
    k = A.axis_of(run, as_axis(run, axis), a.rank)

    def body(slots: Slots) -> x.Expr:
        inner = {"X": lambda along: a.body((*slots[:k], *along, *slots[k + 1 :]))}
        return D.instance(name, (a.shape[k],), inner, free=(slots[k],))

    return Array(a.shape, body, "real")


for _name in ("softmax", "log_softmax"):
    spelled(_name, "x axis=-1")(
        lambda run, flavor, x, axis, _n=_name: _pointwise(run, run.once(as_array(run, x), f"{_n}.x"), axis, _n)
    )


def averaged(run: Run, a: Array, reduction: object) -> Array:
    """A loss of every entry as torch's `reduction` wants it: their mean, their sum, or all of them."""
    if reduction == "none":
        return a
    if reduction == "sum":
        return A.reduced(run, "sum", a, None, False)
    if reduction != "mean":
        raise run.unsupported(f"reduction={reduction!r}", hint="use 'mean', 'sum' or 'none'")
    return _along(run, a, None, False, "mean")


@spelled("cross_entropy", "x target weight=None ignore_index=None reduction='mean' label_smoothing=0")
def cross_entropy(run, flavor, x, target, weight, ignore_index, reduction, label_smoothing):
    """Of logits, against labels or against distributions."""
    scores = run.once(as_array(run, x), "cross_entropy.x")
    how = _Weighing(run, weight, ignore_index, label_smoothing)
    return _entropy(run, scores, as_array(run, target), reduction, how)


@dataclass(frozen=True)
class _Weighing:
    """The options of torch's classification losses: a weight per class, a label to leave out, smoothing."""

    run: Run
    weight: object = None
    ignored: object = None
    smoothing: object = 0

    def weights(self, place: x.Slot) -> x.Expr:
        """The weight of the class at a place."""
        return x.ONE if self.weight is None else as_array(self.run, self.weight).body((place,))

    @property
    def share(self) -> x.Expr:
        """How much of the target is spread over all classes."""
        return as_array(self.run, exact(self.run.static(self.smoothing))).body(())

    @property
    def label(self) -> int | None:
        """The label that counts nothing; a negative one stands for itself."""
        return None if self.ignored is None else self.run.static(self.ignored)

    def place(self, slot: x.Slot, n: Size) -> x.Slot:
        """Where the class of a label is read: in range for a negative ignored label too."""
        return slot if self.label is None or self.label >= 0 else x.Part(slot, Size.of(1), n)

    def kept(self, slot: x.Slot, e: x.Expr) -> x.Expr:
        """The value, nothing where the label is the ignored one."""
        label = self.label
        return e if label is None else x.cases([(x.rel("eq", slot, x.whole_slot(label)), x.ZERO)], e)


def _entropy(run: Run, a: Array, target: Array, reduction: object, how: _Weighing) -> Array:
    k = 0 if a.rank == 1 else 1
    n, rest = a.shape[k], a.shape[:k] + a.shape[k + 1 :]
    if target.rank != a.rank:
        return _labelled(run, a, target, reduction, how, logits=True)
    if how.weight is not None or how.label is not None or how.share.key != x.ZERO.key:
        raise run.unsupported("cross_entropy of a distribution with weight, ignore_index or label_smoothing",
                              hint="weigh and smooth the targets yourself")  # fmt: skip
    A.broadcast_shape(run, target.shape, a.shape)

    def body(slots: Slots) -> object:
        def entry(array: Array) -> Callable:
            return lambda along: array.body((*slots[:k], *along, *slots[k:]))

        return D.instance("soft_nll", (n,), {"X": entry(a), "Y": entry(target)})

    return averaged(run, Array(rest, body, "real"), reduction)


def _labelled(run: Run, a: Array, target: Array, reduction: object, how: _Weighing, *,
              logits: bool = False) -> Array:  # fmt: skip
    """A loss against labels, of logits or of log-probabilities: weighted, smoothed, without the ignored label."""
    k = 0 if a.rank == 1 else 1
    n, rest = a.shape[k], a.shape[:k] + a.shape[k + 1 :]
    A.broadcast_shape(run, target.shape, rest)

    def body(slots: Slots) -> x.Expr:
        label = picked_slot(run, target, rest, slots)
        place = how.place(label, n)

        def entry(along: Slots) -> x.Expr:
            return a.body((*slots[:k], *along, *slots[k:]))

        def spread(along: Slots) -> x.Expr:
            return how.weights(along[0]) / x.size(n)

        e = D.instance("nll", (n,), {"X": entry}, places={"t": place}) if logits else -entry((place,))
        e = how.weights(place) * e
        if how.share.key != x.ZERO.key:
            everywhere = D.instance("soft_nll", (n,), {"X": entry, "Y": spread})
            e = (1 - how.share) * e + how.share * everywhere
        return how.kept(label, e)

    each = Array(rest, body, "real")
    if reduction != "mean" or (how.weight is None and how.label is None):
        return averaged(run, each, reduction)

    def counted(slots: Slots) -> x.Expr:
        label = picked_slot(run, target, rest, slots)
        return how.kept(label, how.weights(how.place(label, n)))

    total = A.reduced(run, "sum", each, None, False)
    count = A.reduced(run, "sum", Array(rest, counted, "real"), None, False)
    return A.elementwise(run, lambda u, v: u / v, total, count, sort="real")


@spelled("nll_loss", "x target weight=None ignore_index=None reduction='mean'")
def nll_loss(run, flavor, x, target, weight, ignore_index, reduction):
    """Minus the log-probability of the label."""
    how = _Weighing(run, weight, ignore_index)
    return _labelled(run, as_array(run, x), as_array(run, target), reduction, how)


@spelled("mse_loss", "x target reduction='mean'")
def mse_loss(run, flavor, x, target, reduction):
    square = A.elementwise(run, lambda u, v: (u - v) ** 2, as_array(run, x), as_array(run, target), sort="real")
    return averaged(run, square, reduction)


@spelled("l1_loss", "x target reduction='mean'")
def l1_loss(run, flavor, x, target, reduction):
    from derive.expr import Call

    gap = A.elementwise(run, lambda u, v: Call("abs", (u - v,)), as_array(run, x), as_array(run, target), sort="real")
    return averaged(run, gap, reduction)


@spelled("binary_cross_entropy_with_logits", "x target reduction='mean'")
def bce_logits(run, flavor, x, target, reduction):
    from derive.expr import Call

    def make(u, t):
        return Call("softplus", (u,)) - t * u

    return averaged(run, A.elementwise(run, make, as_array(run, x), as_array(run, target), sort="real"), reduction)


@spelled("binary_cross_entropy", "x target reduction='mean'")
def bce(run, flavor, x, target, reduction):
    from derive.expr import Call

    def make(p, t):
        return -(t * Call("log", (p,)) + (1 - t) * Call("log", (1 - p,)))

    return averaged(run, A.elementwise(run, make, as_array(run, x), as_array(run, target), sort="real"), reduction)


@spelled("layer_norm", "x shape weight=None bias=None eps=1e-05")
def layer_norm(run, flavor, x, shape, weight, bias, eps):
    """Mean 0 and variance 1 over the last axes, then weight and bias."""
    count = len(shape) if isinstance(shape, (list, tuple)) else 1
    a = run.once(as_array(run, x), "layer_norm.x")
    out = standardised(run, a, tuple(range(a.rank - count, a.rank)), eps)
    if weight is not None:
        out = A.elementwise(run, lambda u, v: u * v, out, as_array(run, weight))
    return out if bias is None else A.elementwise(run, lambda u, v: u + v, out, as_array(run, bias))


SMALLEST = 2.0**-52  # what torch adds by default: the rounding unit of float64


@spelled("rms_norm", "x shape weight=None eps=None")
def rms_norm(run, flavor, x, shape, weight, eps):
    count = len(shape) if isinstance(shape, (list, tuple)) else 1
    a = run.once(as_array(run, x), "rms_norm.x")
    out = standardised(run, a, tuple(range(a.rank - count, a.rank)), SMALLEST if eps is None else eps, "rms_scaled")
    return out if weight is None else A.elementwise(run, lambda u, v: u * v, out, as_array(run, weight))


def standardised(run: Run, a: Array, over: tuple[int, ...], eps: object, name: str = "standardised") -> Array:
    """The definition `name` (mean 0 and variance 1, or mean square 1) along several axes, ascending, together."""
    small = as_array(run, exact(eps)).body(())

    def body(slots: Slots) -> x.Expr:
        def entry(along: Slots) -> x.Expr:
            places = dict(zip(over, along, strict=True))
            return a.body(tuple(places.get(k, s) for k, s in enumerate(slots)))

        arrays = {"X": entry, "eps": lambda _: small}
        return D.instance(name, tuple(a.shape[k] for k in over), arrays, free=tuple(slots[k] for k in over))

    return Array(a.shape, body, "real")


@spelled("scaled_dot_product_attention", "q k v attn_mask=None dropout_p=0.0 is_causal=False")
def attention(run, flavor, q, k, v, attn_mask, dropout_p, is_causal):
    """softmax(q kᵀ/√d) v."""
    if attn_mask is not None or dropout_p:
        raise run.unsupported("scaled_dot_product_attention with a mask or dropout", hint="write the softmax out")
    q, k, v = (as_array(run, u) for u in (q, k, v))
    order = (*range(k.rank - 2), k.rank - 1, k.rank - 2)
    scale = x.power(x.size(q.shape[-1]), -HALF)
    scores = A.elementwise(run, lambda u: u * scale, A.matmul(run, q, A.transposed(k, order)), sort="real")
    if is_causal:
        cut = scores

        def body(slots: Slots) -> x.Expr:
            return x.cases([(x.rel("le", slots[-1], slots[-2]), cut.body(slots))], x.MINUS_INFINITY)

        scores = Array(cut.shape, body, "real")
    scores = run.once(scores, "attention.scores")
    weights = run.once(_pointwise(run, scores, -1, "softmax"), "attention.weights")
    return A.matmul(run, weights, v)


__all__ = ["Index", "_SYNONYMS", "condition"]
