"""Objects of a source: instances of its own classes, and torch's layers by what they compute.

`self.fc = nn.Linear(d, h)` makes `self.fc(x)` x·Wᵀ + b, with the inputs `fc_weight` and `fc_bias` (passed as
`fc={"weight": …, "bias": …}`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from derive.index import Size
from derive.readers.calls import call
from derive.readers.convert import as_array
from derive.readers.run import Run
from derive.readers.values import Array, Function, Instance, Opaque, Scope, Shape


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
    return layer.args if layer.kind in ("Softmax", "LogSoftmax", "LeakyReLU", "ELU") else []


def _linear(run: Run, layer: Layer, x: object) -> Array:
    a, (d, h) = as_array(run, x), sizes(run, layer, layer.given(0, "in_features"), layer.given(1, "out_features"))
    bias = parameter(run, layer, "bias", (h,)) if layer.given(2, "bias", True) else None
    return call(run, "linear", "torch", [a, parameter(run, layer, "weight", (h, d)), bias], {})


def _embedding(run: Run, layer: Layer, x: object) -> Array:
    shape = sizes(run, layer, layer.given(0, "num_embeddings"), layer.given(1, "embedding_dim"))
    return call(run, "embedding", "torch", [x, parameter(run, layer, "weight", shape)], {})


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
    if layer.given(0, "p", 0.5) != 0:
        raise run.unsupported("nn.Dropout", "a gradient needs the same random numbers again",
                              "multiply with a mask that is an input")  # fmt: skip
    return x


STATELESS = {
    "ReLU": "relu", "Tanh": "tanh", "Sigmoid": "sigmoid", "GELU": "gelu", "SiLU": "silu", "Softplus": "softplus",
    "LeakyReLU": "leaky_relu", "ELU": "elu", "Softmax": "softmax", "LogSoftmax": "log_softmax",
    "LogSigmoid": "logsigmoid", "CrossEntropyLoss": "cross_entropy", "NLLLoss": "nll_loss", "MSELoss": "mse_loss",
    "L1Loss": "l1_loss", "BCELoss": "binary_cross_entropy", "BCEWithLogitsLoss": "binary_cross_entropy_with_logits",
}  # fmt: skip
LAYERS: dict[str, Callable] = {
    "Linear": _linear, "Embedding": _embedding, "LayerNorm": _layer_norm, "RMSNorm": _rms_norm,
    "Sequential": _sequential, "Dropout": _dropout, "Identity": lambda run, layer, x: x,
    "Flatten": lambda run, layer, x: call(run, "flatten", "torch", [x, layer.given(0, "start_dim", 1)], {}),
}  # fmt: skip
HOLDERS = {"Sequential", "ModuleList"}
KINDS = {*STATELESS, *LAYERS}


def made(name: str, args: list, keywords: dict) -> object:
    """What `nn.Name(…)` makes: a layer, a list of them, the array itself, or something of no interest."""
    if name in ("ModuleList", "Parameter"):
        return args[0] if args else []
    if name == "ModuleDict":
        return args[0] if args else {}
    return Layer(name, args, keywords) if name in KINDS else Opaque(f"the layer nn.{name}")


__all__ = ["KINDS", "ClassOf", "Layer", "apply", "instance_of", "labelled", "made"]
