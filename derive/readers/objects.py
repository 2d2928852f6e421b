"""Objects that a constructor makes of classes of the source: what they draw or fill for themselves are inputs.

`self.layers = [Affine(d, h), Relu(), Affine(h, c)]` has the inputs `layers_0_W`, `layers_0_b`, `layers_2_W`, …;
`self.W = Parameter(np.zeros(d))` with the attributes data and grad has the input W.
"""

from __future__ import annotations

from derive import expr as x
from derive.expr import Entry, Expr
from derive.readers.run import Run
from derive.readers.values import Array, Instance

VALUES = ("data", "value", "val", "values")  # what a parameter object calls its array
ROOMS = ("grad", "gradient", "g", "grads", "delta")


def with_inputs(
    run: Run, value: object, path: tuple[str, ...], known: dict | None = None, beside: frozenset[str] = frozenset()
) -> object:
    """The value, the arrays that its objects hold being inputs; room for gradients stays zeros.

    `path`: the attributes that lead to it; `known`: the arrays met so far, by the buffer that they share; `beside`: the
    other attributes or keys of what holds it.
    """
    known = {} if known is None else known
    match value:
        case Instance(attributes=attributes):
            for name, part in list(attributes.items()):
                attributes[name] = with_inputs(run, part, (*path, name), known, frozenset(attributes))
        case list() | tuple():
            return type(value)(with_inputs(run, part, (*path, str(k)), known, beside) for k, part in enumerate(value))
        case dict():
            for key, part in list(value.items()):
                value[key] = with_inputs(run, part, (*path, str(key)), known, frozenset(map(str, value)))
        case Array():
            return _input(run, value, path, known, beside)
    return value


def _input(run: Run, array: Array, path: tuple[str, ...], known: dict, beside: frozenset[str]) -> Array:
    place = id(array.view.buffer) if array.view is not None else id(array)
    if place not in known:
        known[place] = _replaced(run, array, path, beside)
    return known[place]


def _replaced(run: Run, array: Array, path: tuple[str, ...], beside: frozenset[str]) -> Array:
    """An input for an array of the object's own; what it was given and plain numbers stay."""
    e = _written_out(run, array)
    if e.names and e.names <= run.inputs.keys():
        return array
    if not array.rank and not e.names:
        return Array((), lambda slots: e, array.sort)
    if e is x.ZERO and _is_room(path, beside):
        return Array(array.shape, lambda slots: x.ZERO)
    return run.leaf(path[:-1] if path[-1] in VALUES and len(path) > 1 else path, array.shape)


def _written_out(run: Run, array: Array) -> Expr:
    """The entry of an array, the equation that the constructor made for it put in."""
    e = run.current(array).body(run.fresh(array.shape))
    made = next((q for q in reversed(run.equations) if isinstance(e, Entry) and q.name == e.name), None)
    return e if made is None else made.rhs


def _is_room(path: tuple[str, ...], beside: frozenset[str]) -> bool:
    """Whether an attribute is called as gradients are: grad, grad_W, W_grad; dW beside W, dw beside weights."""
    name = next((p for p in reversed(path) if not p.isdigit()), "")
    if name in ROOMS or name.startswith("grad") or name.endswith(("_grad", "_gradient")):
        return True
    return name[:1] == "d" and any(other.lower().startswith(name[1:].lower()) for other in beside - {name} if name[1:])


__all__ = ["with_inputs"]
