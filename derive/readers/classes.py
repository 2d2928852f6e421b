"""Classes of a source: their methods, those of their bases included, and which of them hold the passes."""

from __future__ import annotations

import ast

FORWARDS = ("forward", "__call__", "feedforward", "feed_forward", "forward_pass", "loss", "compute_loss", "calculate")
BACKWARDS = ("backward", "backprop", "back_prop", "backward_pass", "backpropagate", "backpropagation", "gradient", "gradients", "grad")


def methods_of(owner: ast.ClassDef | None, tree: ast.Module) -> dict[str, ast.FunctionDef]:
    """The methods of a class by name: its own before those of its bases; one that only raises or passes is none."""
    classes = {n.name: n for n in tree.body if isinstance(n, ast.ClassDef)}
    found: dict[str, ast.FunctionDef] = {}
    for cls in _order(owner, classes):
        own = {n.name: n for n in cls.body if isinstance(n, ast.FunctionDef) and not is_abstract(n)}
        found = own | found
    return found


def _order(owner: ast.ClassDef | None, classes: dict[str, ast.ClassDef]) -> list[ast.ClassDef]:
    """A class and its bases in this file, depth first, every one once."""
    waiting, found = [owner] if owner is not None else [], []
    while waiting:
        cls = waiting.pop(0)
        if cls not in found:
            found.append(cls)
            waiting[:0] = [classes[b.id] for b in cls.bases if isinstance(b, ast.Name) and b.id in classes]
    return found


def is_abstract(method: ast.FunctionDef) -> bool:
    """Whether a method is only there to be overridden."""
    body = [n for n in method.body if not (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant))]
    if method.name == "__init__":
        return False
    if len(body) == 1 and isinstance(body[0], ast.Return):
        return isinstance(body[0].value, ast.Name) and body[0].value.id == "NotImplemented"
    return all(isinstance(n, (ast.Pass, ast.Raise)) for n in body)


def decorated(method: ast.AST, word: str) -> bool:
    """Whether a method is a `@staticmethod`, a `@property`."""
    return any(getattr(d, "id", getattr(d, "attr", "")) == word for d in getattr(method, "decorator_list", ()))


def passes_of(owner: ast.ClassDef, tree: ast.Module) -> tuple[str, str] | None:
    """The methods of a class that are its forward and its backward pass: `gradient` goes with `loss`."""
    methods = methods_of(owner, tree)
    back = next((n for n in BACKWARDS if n in methods), None)
    order = sorted(FORWARDS, key=lambda n: "loss" not in n) if back is not None and back.startswith("grad") else FORWARDS
    ahead = next((n for n in order if n in methods), None)
    return (ahead, back) if ahead and back else None


__all__ = ["decorated", "is_abstract", "methods_of", "passes_of"]
