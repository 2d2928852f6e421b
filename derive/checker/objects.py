"""`self` of a backward method whose forward pass stands in another file: its arrays are those of the pass, by name.

What the constructor counts (`self.num_layers = len(sizes)`) follows from how many arrays its lists have.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from derive.errors import Problem
from derive.index import Size
from derive.readers.evaluate import evaluate
from derive.readers.initialise import shapes_of_draws
from derive.readers.run import Run
from derive.readers.values import Array, Function, Instance, Scope

WORDS = ("backward", "backprop", "grad")
MOST_LAYERS = 24


def backward_method(tree: ast.Module) -> ast.FunctionDef | None:
    """The one method of the classes of a file that is named after a backward pass."""
    found = [m for _, m in _methods(tree) if any(w in m.name for w in WORDS)]
    return found[0] if len(found) == 1 else None


def _methods(tree: ast.Module) -> Iterator[tuple[ast.ClassDef, ast.FunctionDef]]:
    for owner in (n for n in tree.body if isinstance(n, ast.ClassDef)):
        yield from ((owner, m) for m in owner.body if isinstance(m, ast.FunctionDef))


def object_of(run: Run, tree: ast.Module, method: ast.FunctionDef, outer: Scope, module: Scope) -> Instance | None:
    """The object of a method; None for a plain function."""
    owner = next((c for c, m in _methods(tree) if m is method), None)
    if owner is None:
        return None
    made = Instance(Scope("self"), {})
    methods = {m.name: m for m in owner.body if isinstance(m, ast.FunctionDef)}
    for name, node in methods.items():
        made.attributes[name] = Function(name, node, module, (made,))
    read = {n.attr for n in ast.walk(owner) if isinstance(n, ast.Attribute) and getattr(n.value, "id", "") == "self"}
    made.attributes.update({n: outer[n] for n in sorted(read) if n in outer and isinstance(outer[n], (Array, list, tuple, dict, int))})
    lengths = {n: len(v) for n, v in made.attributes.items() if isinstance(v, (list, tuple))}
    if "__init__" in methods and lengths:
        counts = _counts(run, methods["__init__"], lengths)
        made.attributes.update({n: v for n, v in counts.items() if n not in made.attributes})
    return made


def _counts(run: Run, init: ast.FunctionDef, lengths: dict[str, int]) -> dict[str, int]:
    """The whole numbers that a constructor keeps, where one number of layers alone makes its lists so long."""
    found = []
    for layers in range(1, MOST_LAYERS):
        kept = _constructed(run, init, layers)
        if any(n in kept for n in lengths) and all(kept.get(n, k) == k for n, k in lengths.items()):
            found.append({n: v for n, v in kept.items() if n not in lengths})
    return found[0] if len(found) == 1 else {}


def _constructed(run: Run, init: ast.FunctionDef, layers: int) -> dict[str, int]:
    """What a constructor keeps when its lists have so many entries: integers, and the lengths of lists."""
    scope = Scope("", run.scopes[0])
    sizes = [Size.of(f"{init.args.args[-1].arg}{k}") for k in range(layers)]
    scope.update({a.arg: list(sizes) for a in init.args.args[1:]})
    kept: dict[str, int] = {}
    count, drawn, run.random = len(run.equations), run.random, shapes_of_draws(run)
    run.scopes.append(scope)
    try:
        for node in init.body:
            match node:
                case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)], value=value):
                    kept |= _kept(run, name, value)
    finally:
        run.scopes.pop()
        run.random = drawn
        del run.equations[count:]
    return kept


def _kept(run: Run, name: str, node: ast.expr) -> dict[str, int]:
    try:
        value = evaluate(run, node)
    except Problem:
        return {}
    if isinstance(value, list):
        return {name: len(value)}
    return {name: value} if isinstance(value, int) and not isinstance(value, bool) else {}


__all__ = ["backward_method", "object_of"]
