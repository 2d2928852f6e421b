"""Objects of a source: instances of its own classes, and torch's layers by what they compute.

`self.fc = nn.Linear(d, h)` makes `self.fc(x)` x·Wᵀ + b, with the inputs `fc_weight` and `fc_bias` (passed as
`fc={"weight": …, "bias": …}`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

from derive.index import Size
from derive.readers.calls import call
from derive.readers.calls_windows import dropped
from derive.readers.convert import as_array
from derive.readers.run import Run
from derive.readers.values import Array, Function, Instance, Opaque, Parameter, Restart, Scope, Shape


@dataclass(eq=False)
class ClassOf:
    """A class of the source, about to be instantiated."""

    name: str
    methods: dict
    scope: Scope


@dataclass(eq=False)
class Layer:
    """A layer of torch.nn: its kind, what it was made with, and the attribute that holds it."""

    kind: str
    args: list
    keywords: dict
    path: tuple = field(default=())

    def given(self, place: int, name: str, default: object = None) -> object:
        """A constructor argument."""
        return self.args[place] if place < len(self.args) else self.keywords.get(name, default)


def instance_of(run: Run, cls: ClassOf, args: list, keywords: dict) -> Instance:
    """An object of a class of the source, its constructor read in place."""
    made = Instance(Scope("self"), cls.methods)
    if "__init__" in cls.methods:
        run.inline(run, Function("__init__", cls.methods["__init__"], cls.scope, (made,)), args, keywords)
    return made


def labelled(value: object, path: tuple) -> None:
    """Tell layers, and layers in lists and objects, the attribute that holds them."""
    if isinstance(value, Layer) and not value.path:
        value.path = path
        for k, part in enumerate(value.args if value.kind in HOLDERS else ()):
            labelled(part, path if isinstance(part, list) else (*path, str(k)))
    elif isinstance(value, (list, tuple)):
        for k, part in enumerate(value):
            labelled(part, (*path, str(k)))
    elif isinstance(value, Instance):
        for name, part in value.attributes.items():
            labelled(part, (*path, name))


def parameter(run: Run, layer: Layer, name: str, shape: Shape) -> Array:
    """The input that holds a layer's parameter."""
    if not layer.path:
        raise run.unsupported(f"an nn.{layer.kind} without a name", "its parameters are inputs of its name",
                              "assign it in __init__: self.fc = nn.Linear(…)")  # fmt: skip
    return run.leaf((*layer.path, name), shape)


def sizes(run: Run, layer: Layer, *values: object) -> Shape:
    """Constructor arguments as sizes."""
    found = [v if isinstance(v, Size) else Size.of(v) if isinstance(v, int) else None for v in map(run.static, values)]
    if None in found:
        raise run.unsupported(f"an nn.{layer.kind} whose sizes are not known", "they follow from no number or argument",
                              "write the sizes in its constructor")  # fmt: skip
    return tuple(found)


def apply(run: Run, layer: Layer, args: list) -> object:
    """The value of a layer."""
    if layer.kind in STATELESS:
        return call(run, STATELESS[layer.kind], "torch", [*args, *_positional(layer)], dict(layer.keywords))
    return LAYERS[layer.kind](run, layer, *args)


def _positional(layer: Layer) -> list:
    """Constructor arguments that the function takes after its own: alpha, axis."""
    return layer.args if layer.kind in POSITIONAL or "Pool" in layer.kind else []


def _fed(run: Run, x: object, rank: int, place: int, n: Size | None, sort: str = "real") -> Array:
    """What a layer is applied to; an input without a shape gets the layer's usual one, with n entries along a place."""
    if isinstance(x, Parameter) and x.name not in run.knowledge.found:
        lengths = [run.knowledge.new_letter(f"{x.name}_{k}") for k in range(rank)]
        run.knowledge.found[x.name] = tuple(n if n is not None and k == place else m for k, m in enumerate(lengths))
        run.knowledge.sorts[x.name] = sort
        raise Restart
    return as_array(run, x)


def _linear(run: Run, layer: Layer, x: object) -> Array:
    d, h = sizes(run, layer, layer.given(0, "in_features"), layer.given(1, "out_features"))
    weight = parameter(run, layer, "weight", (h, d))
    a = _fed(run, x, 2, 1, weight.shape[1])
    bias = parameter(run, layer, "bias", (h,)) if layer.given(2, "bias", True) else None
    return call(run, "linear", "torch", [a, weight, bias], {})


def _embedding(run: Run, layer: Layer, x: object) -> Array:
    shape = sizes(run, layer, layer.given(0, "num_embeddings"), layer.given(1, "embedding_dim"))
    return call(run, "embedding", "torch", [_fed(run, x, 2, 0, None, "int"), parameter(run, layer, "weight", shape)], {})


def _convolution(count: int) -> Callable:
    """x convolved with `weight` (F, C/groups, kernel…), plus `bias`."""
    options = ("stride", "padding", "dilation", "groups")

    def convolution(run: Run, layer: Layer, x: object) -> Array:
        channels, filters = sizes(run, layer, layer.given(0, "in_channels"), layer.given(1, "out_channels"))
        kernel = layer.given(2, "kernel_size")
        kernel = sizes(run, layer, *(kernel if isinstance(kernel, (list, tuple)) else [kernel] * count))
        given = {name: layer.given(3 + k, name) for k, name in enumerate(options)}
        given = {name: value for name, value in given.items() if value is not None}
        (groups,) = sizes(run, layer, given.get("groups", 1))
        inner = channels if groups == Size.of(1) else channels // groups
        weight = parameter(run, layer, "weight", (filters, inner, *kernel))
        bias = parameter(run, layer, "bias", (filters,)) if layer.given(7, "bias", True) else None
        a = _fed(run, x, count + 2, 1, weight.shape[1] if inner == channels else channels)
        return call(run, f"conv{count}d", "torch", [a, weight, bias], given)

    return convolution


def _channelwise(name: str) -> Callable:
    """BatchNorm by the statistics of the batch, as in training, and GroupNorm."""

    def norm(run: Run, layer: Layer, x: object) -> Array:
        k = 1 if name == "group_norm" else 0
        (channels,) = sizes(run, layer, layer.given(k, "num_channels" if k else "num_features"))
        own = layer.given(k + 2 if k else 3, "affine", True)
        weight, bias = (parameter(run, layer, v, (channels,)) if own else None for v in ("weight", "bias"))
        given = {"weight": weight, "bias": bias, **_eps(layer, k + 1)}
        given |= {"num_groups": layer.given(0, "num_groups")} if k else {"training": True}
        return call(run, name, "torch", [_fed(run, x, 2, 1, channels)], given)

    return norm


def _layer_norm(run: Run, layer: Layer, x: object) -> Array:
    shape, bias = _normalised_shape(run, layer), None
    weight = parameter(run, layer, "weight", shape) if layer.given(2, "elementwise_affine", True) else None
    if weight is not None and layer.keywords.get("bias", True):
        bias = parameter(run, layer, "bias", shape)
    return call(run, "layer_norm", "torch", [x, list(shape), weight, bias], _eps(layer, 1))


def _rms_norm(run: Run, layer: Layer, x: object) -> Array:
    shape = _normalised_shape(run, layer)
    return call(run, "rms_norm", "torch", [x, list(shape), parameter(run, layer, "weight", shape)], _eps(layer, 1))


def _normalised_shape(run: Run, layer: Layer) -> Shape:
    given = layer.given(0, "normalized_shape")
    return sizes(run, layer, *(given if isinstance(given, (list, tuple)) else [given]))


def _eps(layer: Layer, place: int) -> dict:
    eps = layer.given(place, "eps")
    return {} if eps is None else {"eps": eps}


def _sequential(run: Run, layer: Layer, x: object) -> object:
    for part in layer.args[0] if layer.args and isinstance(layer.args[0], (list, tuple)) else layer.args:
        x = run.call(part, [x], {})
    return x


def _dropout(run: Run, layer: Layer, x: object) -> object:
    """x · mask / (1 − p), the mask of zeros and ones an input of the layer's name; the identity at p = 0."""
    p = run.static(layer.given(0, "p", Fraction(1, 2)))
    if isinstance(p, (int, float, Fraction)) and p == 0:
        return x
    a = as_array(run, x)
    rate = parameter(run, layer, "p", ()) if isinstance(p, Opaque) else p
    return dropped(run, a, parameter(run, layer, "mask", a.shape), rate)


STATELESS = {
    "ReLU": "relu", "Tanh": "tanh", "Sigmoid": "sigmoid", "GELU": "gelu", "SiLU": "silu", "Softplus": "softplus",
    "LeakyReLU": "leaky_relu", "ELU": "elu", "Softmax": "softmax", "LogSoftmax": "log_softmax",
    "LogSigmoid": "logsigmoid", "CrossEntropyLoss": "cross_entropy", "NLLLoss": "nll_loss", "MSELoss": "mse_loss",
    "L1Loss": "l1_loss", "MaxPool1d": "max_pool1d", "MaxPool2d": "max_pool2d", "AvgPool1d": "avg_pool1d",
    "AvgPool2d": "avg_pool2d", "AdaptiveAvgPool2d": "adaptive_avg_pool2d", "HuberLoss": "huber_loss",
    "SmoothL1Loss": "smooth_l1_loss", "KLDivLoss": "kl_div", "CosineSimilarity": "cosine_similarity", "GLU": "glu", "BCELoss": "binary_cross_entropy", "BCEWithLogitsLoss": "binary_cross_entropy_with_logits",
}  # fmt: skip
LAYERS: dict[str, Callable] = {
    "Conv1d": _convolution(1), "Conv2d": _convolution(2), "BatchNorm1d": _channelwise("batch_norm"),
    "BatchNorm2d": _channelwise("batch_norm"), "GroupNorm": _channelwise("group_norm"),
    "Linear": _linear, "Embedding": _embedding, "LayerNorm": _layer_norm, "RMSNorm": _rms_norm,
    "Sequential": _sequential, "Dropout": _dropout, "Identity": lambda run, layer, x: x,
    "Flatten": lambda run, layer, x: call(run, "flatten", "torch", [x, layer.given(0, "start_dim", 1)], {}),
}  # fmt: skip
POSITIONAL = {"Softmax", "LogSoftmax", "LeakyReLU", "ELU", "CosineSimilarity", "GLU", "GELU"}
HOLDERS = {"Sequential", "ModuleList"}
KINDS = {*STATELESS, *LAYERS}
SIZED = LAYERS.keys() - {"Sequential", "Dropout", "Identity", "Flatten"}  # the others are made with lengths


def made(name: str, args: list, keywords: dict) -> object:
    """What `nn.Name(…)` makes: a layer, a list of them, the array itself, or something of no interest."""
    if name in ("ModuleList", "Parameter"):
        return args[0] if args else []
    if name == "ModuleDict":
        return args[0] if args else {}
    return Layer(name, args, keywords) if name in KINDS else Opaque(f"the layer nn.{name}")


__all__ = ["KINDS", "SIZED", "ClassOf", "Layer", "apply", "instance_of", "labelled", "made"]
