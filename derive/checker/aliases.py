"""What a statement changes, under every name that may hold the same array: a slice, a view, another name."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from derive.checker.statements import uses

VIEWS = {"reshape", "view", "ravel", "squeeze", "unsqueeze", "transpose", "swapaxes", "permute", "asarray", "T"}


def touched(node: ast.stmt, same: dict[str, frozenset[str]]) -> frozenset[str]:
    """What a statement writes; what it changes in place under all names that may be one array with it."""
    return own(node).union(*(same.get(n, ()) for n in uses(node).changes & own(node)))


def own(node: ast.stmt) -> frozenset[str]:
    """The names whose values a statement writes; `x.g = …` leaves x as it is."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign) else []
    return writes(node) - {t.value.id for t in targets if isinstance(t, ast.Attribute) and isinstance(t.value, ast.Name)}


def one_array(body: Iterable[ast.stmt]) -> dict[str, frozenset[str]]:
    """For every name those that may hold the same array: another name, a slice, a view of it."""
    groups: dict[str, set[str]] = {}
    for node in (n for s in body for n in ast.walk(s) if isinstance(n, ast.Assign)):
        for target in node.targets:
            both = isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple) and len(target.elts) == len(node.value.elts)
            for name, value in zip(target.elts, node.value.elts, strict=True) if both else [(target, node.value)]:
                root = _root(value)
                if isinstance(name, ast.Name) and root is not None:
                    group = groups.get(name.id, {name.id}) | groups.get(root, {root})
                    groups |= {n: group for n in group}
    return {n: frozenset(g) for n, g in groups.items()}


def _root(value: ast.expr) -> str | None:
    """The name whose array an expression may hold."""
    while not isinstance(value, ast.Name):
        match value:
            case ast.Subscript(value=inner) | ast.Attribute(value=inner):
                value = inner
            case ast.Call(func=ast.Attribute(attr=attr, value=ast.Name(id="np" | "numpy" | "torch")), args=[first, *_]) if attr in VIEWS:
                value = first
            case ast.Call(func=ast.Attribute(attr=attr, value=inner)) if attr in VIEWS:
                value = inner
            case _:
                return None
    return value.id


def writes(node: ast.stmt) -> frozenset[str]:
    return frozenset() if isinstance(node, (ast.Return, ast.Import, ast.ImportFrom)) else uses(node).writes


__all__ = ["one_array", "own", "touched", "writes"]
