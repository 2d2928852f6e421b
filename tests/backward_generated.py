"""Backward code that derive writes for the passes of tests/passes, as a file of its own: what the long run mutates.

A generated module is cut to what a person's script would hold: the forward function without its checks of arguments
and its cache, and the statements of backward.  Both code styles are taken.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from functools import cache
from textwrap import indent

from backward_cases import Case
from trial import STYLES, Pass, passes

import derive

CHECKS = {"_reals", "_ints", "_bools", "_scaled", "_upstreams", "_check_shapes", "_check_labels", "_check_static",
          "_check_length"}  # fmt: skip


@cache
def generated() -> tuple[Case, ...]:
    """The passes in both code styles; those with lists or dicts of inputs are left out."""
    return tuple(c for one in passes() for c in of_pass(one))


def of_pass(one: Pass) -> Iterator[Case]:
    """A pass in each code style, the second only where it differs."""
    program = derive.read(str(one.path))
    if any(v.structure for v in program.inputs) or not program.source:
        return
    derived = derive.differentiate(program)
    more = {"inputs": {v.name: " ".join(str(n).replace(" ", "") for n in v.shape) for v in program.inputs},
            "labels": {v.name: str(v.limit) for v in program.inputs if v.sort == "int"},
            "masks": frozenset(v.name for v in program.inputs if v.sort == "bool"),
            "facts": tuple(f.text for f in program.facts), "sizes": one.sizes[0]}  # fmt: skip
    seen = set()
    for style in STYLES:
        forward, backward, outputs = scripts(derived.code(style=style), {s.name: s.value for s in program.statics})
        if backward not in seen and not _unset(forward):
            seen.add(backward)
            yield Case(f"{one.name}, {style}", forward, backward, outputs=outputs, **more)


def scripts(module: str, statics: dict) -> tuple[str, str, tuple[str, ...]]:
    """A generated module as a forward file, a backward script, and the names of the outputs."""
    body = ast.parse(module).body
    functions = {n.name: n for n in body if isinstance(n, ast.FunctionDef)}
    called = [n for name, n in functions.items() if name.startswith("_") and name not in CHECKS]
    shared = [ast.unparse(n) for n in (*(n for n in body if isinstance(n, ast.Assign)), *called)]
    outputs = _returned(functions["forward"])
    names = [a.arg for a in functions["forward"].args.args]
    settled = [f"{name} = {statics[name]!r}" for name in names if name in statics]
    signature = f"def forward({', '.join(n for n in names if n not in statics)}):"
    body = [*settled, *_lines(functions["forward"]), f"return {', '.join(outputs)}"]
    forward = "\n".join(["import numpy as np", *shared, signature, indent("\n".join(body), "    "), ""])
    return forward.replace(*_FINITE), "\n".join([*_lines(functions["backward"]), ""]), outputs


def _unset(text: str) -> set[str]:
    """Names that a script reads and never sets: an argument that the conversions, left out here, would rename."""
    nodes = list(ast.walk(ast.parse(text)))
    names = {n.id: n for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    known = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)} | {"np", *dir(builtins)}
    known |= {n.arg for n in nodes if isinstance(n, ast.arg)} | {n.name for n in nodes if isinstance(n, ast.FunctionDef)}
    return names.keys() - known


_FINITE = ("np.where(np.isfinite(m), m, np.zeros_like(m))", "m")  # data have no row of infinities


def _returned(forward: ast.FunctionDef) -> tuple[str, ...]:
    """The names of what a generated forward returns beside its cache."""
    value = forward.body[-1].value.elts[0]
    parts = value.values if isinstance(value, ast.Dict) else value.elts if isinstance(value, ast.Tuple) else [value]
    return tuple(ast.unparse(p) for p in parts)


def _lines(function: ast.FunctionDef) -> list[str]:
    """The statements of a function that compute something."""
    kept = []
    for node in function.body[1:]:
        called = {n.func.id for n in ast.walk(node) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
        named = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        if called & CHECKS or "cache" in named or isinstance(node, ast.Return):
            continue
        text = ast.unparse(node)
        if not text.startswith(("dtype =", "gradients =")):
            kept.append(text.replace(", dtype=dtype", "").replace("astype(dtype)", "astype(float)"))
    return kept
