"""Names of gradients: which array of the forward pass `dW1`, `grad_h`, `h_grad`, `grads["b"]` speak of."""

from __future__ import annotations

import re
from collections.abc import Iterable

_KEY = re.compile(r"^(?P<owner>\w+)\[(?P<key>\w+)\]$")


KEPT = ("grad", "gradient", "g")  # where a parameter keeps its gradient: W.grad, W["grad"]


def spelled(name: str) -> str | None:
    """What follows the mark of a gradient in a name: `W1` of dW1, grad_W1, W1_grad, grads[W1]; None for other names."""
    if found := _KEY.match(name):
        owner, key = found["owner"], found["key"]
        if key in KEPT and owner != "self":
            return owner
        return (spelled(key) or key) if "grad" in owner.lower() else spelled(key)
    for mark in ("grad_", "grads_", "gradient_", "nabla_", "d_"):
        if name.startswith(mark) and len(name) > len(mark):
            return name[len(mark) :]
    if name.startswith("grad") and name[4:5].isupper():
        return name[4:]
    for mark in ("_grad", "_grads", "_gradient", "_bar"):
        if name.endswith(mark) and len(name) > len(mark):
            return name[: -len(mark)]
    if len(name) > 1 and name[0] == "d" and name.isidentifier():
        return name[1:]
    return None


def candidates(base: str, names: Iterable[str]) -> list[str]:
    """The forward names that a spelling may mean: itself, else other case, else plural, else a part of one name."""
    names = list(names)
    if base in names:
        return [base]
    for same in (_folded, lambda n: _folded(n).rstrip("s")):
        found = [n for n in names if same(n) == same(base) and same(n)]
        if found:
            return found
    return [n for n in names if "_" in n and base in n.split("_")]


def _folded(name: str) -> str:
    return name.lower().replace("_", "")
