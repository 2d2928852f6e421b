"""Notebooks and flat scripts as one namespace: which statements the loss rests on, and which of them only fetch data.

A statement that cannot be read and touches no array of the pass (files, vocabularies, data sets) leaves its names to
the inputs; cells that the loss does not rest on are not read at all.
"""

from __future__ import annotations

import ast
import re

DEFINITIONS = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
LIBRARIES = {"np", "numpy", "torch", "F", "nn", "math"}
LOSS = re.compile(r"loss|cost|^(L|J|nll|error|objective)$", re.I)
ARITHMETIC = (ast.BinOp, ast.UnaryOp, ast.Call, ast.Compare, ast.ListComp, ast.GeneratorExp)


def one_step(tree: ast.Module) -> ast.Module:
    """A script that trains as one step of it: the body of its training loop in place of the loop, up to the loss.

    A training loop calls `loss.backward()`, or changes names that were set before it by `W -= …`, where no loss is
    computed after it: there the rounds belong to the forward pass.
    """
    found = _training(tree)
    if found is None:
        return tree
    place, step = found
    rest = [n for n in tree.body[place + 1 :] if isinstance(n, DEFINITIONS)]
    return ast.copy_location(ast.Module([*tree.body[:place], *step, *rest], tree.type_ignores), tree)


def training_line(source: str) -> int | None:
    """The line of the training loop of which a script's first round is read; None where there is none."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return None
    found = _training(tree)
    return None if found is None else tree.body[found[0]].lineno


def _training(tree: ast.Module) -> tuple[int, list[ast.stmt]] | None:
    """The place of a script's training loop, and the statements of one round."""
    known: set[str] = set()
    for place, node in enumerate(tree.body):
        step = _step(node, known) if isinstance(node, (ast.For, ast.While)) else None
        if step is not None and (_is_backward(step[-1]) or not any(map(_sets_a_loss, tree.body[place + 1 :]))):
            return place, step
        known |= stored(node)
    return None


def _step(loop: ast.For | ast.While, known: set[str]) -> list[ast.stmt] | None:
    """The statements of one round, the last the loss or its `.backward()`; None for a loop that does not train."""
    for place, node in enumerate(loop.body):
        if isinstance(node, (ast.For, ast.While)) and (inner := _step(node, known)) is not None:
            return [*loop.body[:place], *inner]
    end = next((k for k, n in enumerate(loop.body) if _is_backward(n)), None)
    if end is not None:
        return loop.body[: end + 1]
    updates = any(isinstance(n, ast.AugAssign) and isinstance(n.op, ast.Sub) and stored(n) & known for n in loop.body)
    losses = [k for k, n in enumerate(loop.body) if _sets_a_loss(n)]
    return loop.body[: losses[-1] + 1] if updates and losses else None


def _sets_a_loss(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and any(map(LOSS.search, stored(node)))


def _is_backward(node: ast.stmt) -> bool:
    call = node.value if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None
    return call is not None and isinstance(call.func, ast.Attribute) and call.func.attr == "backward"


def loss_of(tree: ast.Module) -> tuple[str | None, int]:
    """The name in the first `loss.backward()`, and its place; what stands after it belongs to training."""
    for place, node in enumerate(tree.body):
        call = node.value if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None
        func = call.func if call is not None else None
        if isinstance(func, ast.Attribute) and func.attr == "backward" and isinstance(func.value, ast.Name):
            return func.value.id, place
    return None, len(tree.body)


def needed(tree: ast.Module, data: set[str]) -> list[ast.stmt]:
    """The statements to read, in order: all of them, or those that the loss before `.backward()` rests on."""
    loss, end = loss_of(tree)
    statements = [n for n in tree.body[:end] if not isinstance(n, DEFINITIONS)]
    if loss is None:
        return [n for n in statements if not (names := stored(n)) or not names <= data]
    functions = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef)}
    wanted, kept = {loss}, []
    for node in reversed(statements):
        names = stored(node)
        if names & wanted and not names <= data:
            kept.append(node)
            wanted |= loaded(node, functions) - data
    return kept[::-1]


def stored(node: ast.AST) -> set[str]:
    """The names that a statement binds, or whose arrays it changes."""
    found = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    for n in ast.walk(node):
        if isinstance(n, (ast.Subscript, ast.Attribute)) and isinstance(n.ctx, ast.Store):
            found |= _root(n)
        elif isinstance(n, ast.Expr) and isinstance(n.value, ast.Call):
            func, args = n.value.func, n.value.args
            found |= _root(func) if isinstance(func, ast.Attribute) else set()
            found |= _root(args[0]) if args else set()
    return found


def _root(node: ast.AST) -> set[str]:
    while isinstance(node, (ast.Subscript, ast.Attribute)):
        node = node.value
    return {node.id} if isinstance(node, ast.Name) else set()


def loaded(node: ast.AST, functions: dict[str, ast.FunctionDef], seen: frozenset[str] = frozenset()) -> set[str]:
    """The names that a statement reads, those in the bodies of functions that it calls among them."""
    found = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    found |= {n.target.id for n in ast.walk(node) if isinstance(n, ast.AugAssign) and isinstance(n.target, ast.Name)}
    for name in (found & functions.keys()) - seen:
        found |= loaded(functions[name], functions, seen | {name})
    return found


def passes_on(node: ast.stmt, data: set[str]) -> bool:
    """Whether a statement only renames or picks data: `Xb, Yb = Xtr[ix], Ytr[ix]`."""
    if not isinstance(node, ast.Assign) or any(isinstance(n, ARITHMETIC) for n in ast.walk(node.value)):
        return False
    parts = node.value.elts if isinstance(node.value, (ast.Tuple, ast.List)) else [node.value]
    return all(_root(part) and _root(part) <= data for part in parts)


def picks(node: ast.stmt) -> list[tuple[str, str]]:
    """(name, index) for `name = data[index]`: the index's axes are the first ones of the name."""
    if not isinstance(node, ast.Assign):
        return []
    left, right = (e.elts if isinstance(e, ast.Tuple) else [e] for e in (node.targets[0], node.value))
    pairs = zip(left, right, strict=False)
    return [(a.id, b.slice.id) for a, b in pairs if isinstance(a, ast.Name) and isinstance(b, ast.Subscript)
            and isinstance(b.slice, ast.Name)]  # fmt: skip


def fetches(node: ast.stmt, data: set[str]) -> bool:
    """Whether a statement works on data without a library of arrays: `itos = {i: s for s, i in stoi.items()}`."""
    names = loaded(node, {})
    return bool(names & data) and not names & LIBRARIES


__all__ = [
    "fetches", "loaded", "loss_of", "needed", "one_step", "passes_on", "picks", "stored", "training_line",
]  # fmt: skip
