"""A forward pass that a file spreads over two functions: `A2, cache = forward_propagation(X, parameters)` and a cost of A2.

Their chain is written under the file's text as one function more, so that every line keeps its number.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from derive.readers.cells import LOSS
from derive.readers.python import uncalled

CHAIN = "forward_and_cost"
PAIRS = {"forward": "backward", "fwd": "bwd", "fprop": "bprop"}  # what the two passes are called, in part of a name


def chained(source: str, functions: list[ast.FunctionDef]) -> tuple[str, str] | None:
    """The text with the chain of both under it, and its name; or the text and the lone forward function's name."""
    forward = _forward(functions)
    if forward is None:
        return None
    cost = _cost(functions)
    if cost is None:
        return source, forward.name
    outputs = _returned(forward)
    if not outputs:
        return None
    given = _parameters(forward)
    arguments = [_argument(name, place, outputs, given) for place, name in enumerate(_parameters(cost))]
    more = [a for a in dict.fromkeys(arguments) if a not in outputs and a not in given]
    kept = outputs[1:] if len(outputs) > 1 else []
    lines = [f"def {CHAIN}({', '.join([*given, *more])}):",
             f"    {', '.join(outputs)} = {forward.name}({', '.join(given)})",
             f"    {cost.name}_value = {cost.name}({', '.join(arguments)})",
             f"    return {', '.join([f'{cost.name}_value', *kept])}"]  # fmt: skip
    return source.rstrip("\n") + "\n\n\n" + "\n".join(lines) + "\n", CHAIN


def _forward(functions: list[ast.FunctionDef]) -> ast.FunctionDef | None:
    """The one function called forward…, …_fwd or fprop… that no other such function calls."""
    def called(f: ast.FunctionDef, words: Iterable[str]) -> bool:
        return any(w in f.name.lower() for w in words)

    named = [f for f in functions if called(f, PAIRS) and not called(f, PAIRS.values())]
    outer = uncalled(named)
    return outer[0] if len(outer) == 1 else None


def _cost(functions: list[ast.FunctionDef]) -> ast.FunctionDef | None:
    """The one function that is named after a cost and returns one value."""
    found = [f for f in functions if LOSS.search(f.name) and not any(w in f.name.lower() for w in ("back", "grad", "deriv"))]
    return found[0] if len(found) == 1 and len(_parameters(found[0])) > 1 else None


def _parameters(function: ast.FunctionDef) -> list[str]:
    """The parameters that have no default."""
    positional = [*function.args.posonlyargs, *function.args.args]
    return [a.arg for a in positional[: len(positional) - len(function.args.defaults)]]


def _returned(function: ast.FunctionDef) -> list[str]:
    """The names that the last statement returns."""
    last = function.body[-1]
    value = last.value if isinstance(last, ast.Return) else None
    values = value.elts if isinstance(value, ast.Tuple) else [value]
    return [v.id for v in values] if all(isinstance(v, ast.Name) for v in values) else []


def _argument(name: str, place: int, outputs: list[str], given: list[str]) -> str:
    """What a parameter of the cost is called in the chain: an output of the same name, else the first for the first."""
    same = next((n for n in (*outputs, *given) if n.casefold() == name.casefold()), None)
    return same or (outputs[0] if place == 0 else name)


__all__ = ["CHAIN", "PAIRS", "chained"]
