"""Functions that the same file defines or binds anew further down: what Python calls is the last of them."""

from __future__ import annotations

import ast


def without_replaced(source: str) -> str:
    """The source with blank lines for the functions and classes that a later line of the module replaces unused.

    Every other line keeps its place.  A text that cannot be parsed stays as it is.
    """
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError):
        return source
    lines = source.split("\n")
    for place, node in enumerate(body):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and _replaced(node.name, body[place + 1 :]):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            lines[first - 1 : node.end_lineno] = [""] * (node.end_lineno - first + 1)
    return "\n".join(lines)


def _replaced(name: str, later: list[ast.stmt]) -> bool:
    """Whether a name is bound anew before a statement of the module itself, outside of functions, uses it."""
    for node in later:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            if node.name == name:
                return True
            continue
        names = [n for n in ast.walk(node) if isinstance(n, ast.Name) and n.id == name]
        if names:
            return all(isinstance(n.ctx, ast.Store) for n in names) and isinstance(node, ast.Assign)
    return False


__all__ = ["without_replaced"]
