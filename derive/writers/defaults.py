"""The plain values that the parameters of a forward pass have when they are not given: `eps=1e-5`."""

from __future__ import annotations

import ast
from math import inf

from derive.program import Program


def defaults_of(spec: ast.arguments) -> dict[str, object]:
    """Name and value of every parameter whose default is a number, a text, True, False or None."""
    positional = [*spec.posonlyargs, *spec.args]
    pairs = [*zip(positional[len(positional) - len(spec.defaults) :], spec.defaults, strict=True)]
    pairs += [(a, d) for a, d in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if d is not None]
    return {a.arg: d.value for a, d in pairs if isinstance(d, ast.Constant) and d.value != inf}


def plain_defaults(program: Program) -> dict[str, object]:
    """The defaults of a program's own function; {} where it comes from no Python function."""
    try:
        tree = ast.parse(program.source)
    except (SyntaxError, ValueError):
        return {}
    word = program.name.rpartition(".")[2]
    function = next((n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == word), None)
    return defaults_of(function.args) if function is not None else {}
