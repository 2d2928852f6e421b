"""Gradients that are kept on their arrays: `out.g = …`, `w.g += …`, set by functions such as `lin_grad(inp, out, w, b)`.

`x.g` is read as the gradient of x, under the name `x_grad`; a call of a function that sets such attributes of its
arguments is read as the statements of its body, each at its own line.
"""

from __future__ import annotations

import ast
import copy

GRADIENTS = ("g", "grad", "gradient", "delta")
MOST_CALLS = 400


def with_named_gradients(tree: ast.Module) -> ast.Module:
    """The same tree, where `x.g` is the name `x_grad`; unchanged where no such attribute is set."""
    if _attribute(tree) is None:
        return tree
    tree = copy.deepcopy(tree)
    setters = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef) and _sets_its_arguments(n)}
    taken = _Inlined(setters)
    for node in ast.walk(tree):
        if not (isinstance(node, ast.FunctionDef) and node.name in setters):
            taken.bodies(node)
    return ast.fix_missing_locations(_Named(_attribute(tree)).visit(tree))


def _attribute(tree: ast.AST) -> str | None:
    """The attribute in which a gradient is stored: that of `x.g = …`, where x is a plain name."""
    for n in ast.walk(tree):
        if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store) and n.attr in GRADIENTS:
            if isinstance(n.value, ast.Name) and n.value.id != "self":
                return n.attr
    return None


def _sets_its_arguments(function: ast.FunctionDef) -> bool:
    """Whether a function does nothing but set gradients of what it is given."""
    own = {a.arg for a in function.args.args}
    stored = [n for n in ast.walk(function) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)]
    plain = all(isinstance(n, (ast.Assign, ast.AugAssign, ast.Expr, ast.Pass)) for n in function.body)
    given = function.args
    return plain and bool(stored) and not (given.vararg or given.kwarg or given.kwonlyargs or given.defaults) and all(
        isinstance(n.value, ast.Name) and n.value.id in own for n in stored)  # fmt: skip


class _Inlined:
    """Calls of functions that set gradients, replaced by their bodies."""

    def __init__(self, setters: dict[str, ast.FunctionDef]):
        self.setters = setters
        self.calls = 0

    def bodies(self, node: ast.AST) -> None:
        for part in ("body", "orelse", "finalbody"):
            body = getattr(node, part, None)
            if isinstance(body, list):
                body[:] = [s for statement in body for s in self._statements(statement)]

    def _statements(self, node: ast.stmt) -> list[ast.stmt]:
        call = node.value if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None
        function = self.setters.get(call.func.id) if call is not None and isinstance(call.func, ast.Name) else None
        if function is None or call.keywords or len(call.args) != len(function.args.args):
            return [node]
        if not all(isinstance(a, ast.Name) for a in call.args) or self.calls > MOST_CALLS:
            return [node]
        self.calls += 1
        given = {p.arg: a.id for p, a in zip(function.args.args, call.args, strict=True)}
        local = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        given |= {n: f"{n}_{self.calls}" for n in local - given.keys()}
        made = [_Renamed(given).visit(copy.deepcopy(n)) for n in function.body if not isinstance(n, ast.Pass)]
        for n in made:
            n.called = node
        return made


def begin(node: ast.stmt) -> int:
    """The line on which a statement runs: that of the call, where it was read from the body of a function."""
    return getattr(node, "called", node).lineno


class _Renamed(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]):
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id = self.names.get(node.id, node.id)
        return node


class _Named(ast.NodeTransformer):
    """`x.g` as the name x_grad."""

    def __init__(self, attribute: str):
        self.attribute = attribute

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if node.attr == self.attribute and isinstance(node.value, ast.Name) and node.value.id != "self":
            return ast.copy_location(ast.Name(f"{node.value.id}_grad", node.ctx), node)
        return node


__all__ = ["begin", "with_named_gradients"]
