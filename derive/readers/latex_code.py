"""The forward pass that a document shows as code: fenced blocks with a `def forward`, or plain assignments."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator

from derive.errors import Problem
from derive.program import Program
from derive.readers.documents import Document
from derive.readers.latex_notes import Notes, _plain

MODULES = {"np", "numpy", "torch", "F", "nn", "math", "jnp", "jax", "scipy", "tf"}
GRADIENT = re.compile(r"^d[A-Za-z_]\w*$|_grad$|^grad")


def forward_of(document: Document, notes: Notes) -> Program | None:
    """The first code block that reads as a forward pass, shapes taken from how the formulas use its names."""
    for block in document.blocks:
        if block.kind != "code" or block.language == "front" or len(block.text) > 20_000:
            continue
        program = program_of(block.text, notes, document.path)
        if program is not None:
            return program
    return None


def program_of(code: str, notes: Notes, path: str) -> Program | None:
    """The program of one block, None when it is no forward pass."""
    from derive.readers.sources import read

    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return None
    functions = [n for n in tree.body if isinstance(n, ast.FunctionDef)]
    chosen = [f for f in functions if f.name in ("forward", "loss", "model")] or [
        f for f in functions if f.name != "backward"
    ]
    if functions and not chosen:
        return None
    names = [a.arg for a in chosen[0].args.args] if chosen else _free(tree)
    targets = [n for n in _assigned(tree)]
    if not chosen and (len(targets) < 2 or any(GRADIENT.match(n) for n in targets)):
        return None
    text = code
    for _ in range(3):
        indexing = _indexing(tree)
        for labels, apart in ((indexing, True), (indexing, False), (set(), False)):
            shapes = {n: s for n in names if (s := _shape(n, notes, labels)) is not None}
            shapes = _apart(shapes) if apart else shapes
            try:
                program = read(text + "\n", function=chosen[0].name if chosen else None, shapes=shapes)
                return program if program.equations and notes else None
            except Problem as problem:
                trouble = problem
        length = re.search(r"as a length", trouble.what)
        sized = [n for n in names if re.fullmatch(r"n|m|N|B|batch_size|batch", n)]
        arrays = [n for n in names if n not in sized and notes_rank(n, notes) == 2]
        if not length or not sized or not arrays:
            return None
        text = f"{sized[0]} = {arrays[0]}.shape[0]\n" + code
        names = [n for n in names if n != sized[0]]
    return None


def notes_rank(name: str, notes: Notes) -> int | None:
    """The number of axes with which formulas use a name, under any of its spellings."""
    for other, rank in notes.ranks.items():
        if other == name or _plain(other) == _plain(name) and len(other) > 1:
            return rank
    return None


def _shape(name: str, notes: Notes, labels: set[str]) -> str | None:
    """A declaration for one parameter."""
    rows, columns = notes.counts.get("rows", "n"), notes.counts.get("columns", "C")
    rank = notes_rank(name, notes)
    if name in notes.labels or name in labels:
        return f"int {rows}"
    if rank is None:
        return None
    return " ".join([rows, columns, "D", "E"][:rank])


PARAMETER = re.compile(r"^(W|w|U|V|K|Q|b|beta|gamma|theta|bias|weight|gain|B|c)(_?\w{0,2})$")


def _apart(shapes: dict[str, str]) -> dict[str, str]:
    """Axes that nothing says to be equal as different sizes: those of parameters, and the columns of all arrays."""
    taken = {a for s in shapes.values() for a in s.split()}
    fresh = (a for a in "dhpqruvwefg" if a not in taken)
    first = True
    made: dict[str, str] = {}
    for name, said in shapes.items():
        axes = said.split()
        if said.startswith("int ") or len(axes) == 1 and not PARAMETER.match(name):
            made[name] = said
            continue
        kept = 0 if PARAMETER.match(name) else 2 if first else 1
        first = first and bool(PARAMETER.match(name))
        made[name] = " ".join([*axes[:kept], *(next(fresh, a) for a in axes[kept:])])
    return made


def _assigned(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _free(tree: ast.Module) -> list[str]:
    """Names that are used before they are assigned."""
    assigned = set(_assigned(tree))
    used = [n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)]
    return list(dict.fromkeys(n for n in used if n not in assigned and n not in MODULES and not hasattr(builtins, n)))


def _indexing(tree: ast.AST) -> set[str]:
    """Names that stand last in an index behind a range: labels."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple) and len(node.slice.elts) == 2:
            first, last = node.slice.elts
            if isinstance(first, ast.Call) and isinstance(last, ast.Name):
                found.add(last.id)
    return found
