"""Hessian-vector products as code: the module of the gradient's slope along v, and one function `hvp` over it."""

from __future__ import annotations

from collections.abc import Mapping

from derive.engine import Gradients
from derive.program import base_name
from derive.stable import closed_code
from derive.writers.narrate import step_numbers
from derive.writers.numpy_module import _Module, _shown, made_from
from derive.writers.numpy_text import docstring, wrapped


def hvp_module(gradients: Gradients, of: str, directions: Mapping[str, str], style: str = "closed") -> str:
    """The text of an importable module: `hvp(inputs…, v)` is the second derivative of `of` times v.

    `forward` gives the slope of the gradients along v, a number; `backward` its gradients, which are H v.
    `directions`: the name of the v of each array.
    """
    full = gradients.program if style == "steps" else closed_code(gradients)
    names = ", ".join(map(base_name, directions))
    title = f"Second derivative of {base_name(of)} by {names}, times a vector"
    module = _Product(gradients.forward, full, gradients.wrt, style, step_numbers(gradients), title, ())
    module.directions = dict(directions)
    return f"{module.text().rstrip()}\n\n\n{module.hvp(of)}"


class _Product(_Module):
    """The module of a Hessian-vector product."""

    directions: Mapping[str, str]

    def _header(self) -> str:
        names = ", ".join(map(base_name, self.directions))
        return made_from(self.forward, f" --wrt '{names}' --product").replace("derive code", "derive hessian")

    def hvp(self, of: str) -> str:
        """The function `hvp`."""
        arguments = [self._argument(name) for name in self._parameters()]
        names = list(self.directions)
        shapes = ", ".join(f"{self.directions[n]} of {base_name(n)}'s shape ({_axes(self.full.shape(n))})" for n in names)
        doc = [f"The second derivative of {base_name(of)} by {', '.join(map(base_name, names))}, times {shapes}."]
        held = f'["{names[0]}"]' if len(names) == 1 else ""
        lines = [
            *wrapped(f"def hvp({self._signature()}):"),
            *docstring(doc, 4).splitlines(),
            *(f"    {line}" for line in wrapped(f"_, cache = forward({', '.join(arguments)})")),
            f"    return backward(cache){held}",
        ]
        return "\n".join(lines) + "\n"


def _axes(shape: tuple) -> str:
    return ", ".join(map(_shown, shape)) + "," * (len(shape) == 1) if shape else "a number"


__all__ = ["hvp_module"]
