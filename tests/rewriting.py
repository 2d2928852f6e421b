"""The same forward pass in other words: names and letters exchanged, operands reordered, other spellings, other cuts.

Every move is a rewriting of the Python source that the pass itself confirms: the part before and the part after have
the same value on data whose axes all differ in length.
"""

from __future__ import annotations

import ast
import copy
import math
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from derive import read
from derive.verifying import sample_data

# Ways to write one thing, for a float array A; `SIZE` is the number of entries that a mean runs over.
# fmt: off
SPELLINGS = (
    ("A + B", "B + A"),
    ("A * B", "B * A"),
    ("A - B", "-B + A", "A + -B"),
    ("A * (B * C)", "A * B * C"),
    ("A / B", "A * (1 / B)", "1 / B * A", "A * B ** -1"),
    ("A * B / C", "A / C * B", "A * (B / C)"),
    ("-(A * B)", "-A * B"),
    ("np.sqrt(A)", "A ** 0.5", "A ** (1 / 2)"),
    ("A / np.sqrt(B)", "A * B ** -0.5", "1 / np.sqrt(B) * A", "A / B ** 0.5"),
    ("1 / np.sqrt(A)", "A ** -0.5"),
    ("A ** 2", "A * A", "np.square(A)"),
    ("A ** 3", "A * A * A", "A ** 2 * A"),
    ("1 / (1 + np.exp(-A))", "(1 + np.exp(-A)) ** -1", "np.exp(A) / (1 + np.exp(A))"),
    ("np.exp(-A)", "1 / np.exp(A)"),
    ("np.log(A[B])", "np.log(A)[B]"),
    ("np.log(np.diag(A))", "np.diag(np.log(A))"),
    ("np.log(A) - np.log(B)", "np.log(A / B)"),
    ("np.log(1 + A)", "np.log1p(A)"),
    ("-A.mean()", "(-A).mean()", "-(A.sum() / SIZE)", "-(1 / SIZE) * A.sum()", "-np.mean(A)"),
    ("-A.sum()", "(-A).sum()", "-np.sum(A)"),
    ("A.mean()", "A.sum() / SIZE", "np.mean(A)", "1 / SIZE * np.sum(A)"),
    ("A.sum()", "np.sum(A)"),
    ("A.sum(axis=B)", "np.sum(A, axis=B)", "A.sum(B)"),
    ("A.mean(axis=B)", "A.sum(axis=B) / SIZE", "np.mean(A, axis=B)", "1 / SIZE * A.sum(B)"),
    ("A.sum(axis=1, keepdims=True)", "np.sum(A, axis=1, keepdims=True)", "A.sum(axis=1)[:, None]", "A.sum(-1, keepdims=True)"),
    ("A.sum(axis=B, keepdims=True)", "A.sum(B, keepdims=True)", "np.sum(A, axis=B, keepdims=True)"),
    ("A.mean(axis=B, keepdims=True)", "A.sum(axis=B, keepdims=True) / SIZE", "np.mean(A, axis=B, keepdims=True)"),
    ("A.max(axis=1, keepdims=True)", "np.max(A, axis=1, keepdims=True)", "A.max(1)[:, None]"),
    ("A.var(axis=B, keepdims=True)", "((A - A.mean(axis=B, keepdims=True)) ** 2).mean(axis=B, keepdims=True)"),
    ("A @ B", "np.matmul(A, B)", "A.dot(B)", "np.dot(A, B)"),
)
# fmt: on
NAMES = ("act", "base", "core", "dual", "edge", "flow", "gate", "hidden", "inner", "joint", "knot", "left", "mass", "node", "outer",
         "part", "query", "ratio", "state", "term", "unit", "value", "wide", "yard", "zeta")  # fmt: skip
LETTERS = ("B", "D", "F", "H", "K", "L", "N", "R", "T", "U", "V", "Z")
PRIMES = (3, 5, 7, 11, 13, 17)
OFTEN = 0.35  # how often a place that could be written otherwise is
HOLES = ("A", "B", "C", "SIZE")


@dataclass
class Rewriting:
    """A pass in other words: its source, and what became of names and axis letters."""

    source: str
    names: dict[str, str]
    letters: dict[str, str]
    said: list[str] = field(default_factory=list)


def rewriting(source: str, seed: int) -> Rewriting:
    """The pass rewritten at random."""
    scene = Scene(source, random.Random(f"{source}{seed}"))
    merge(scene)
    respell(scene)
    split(scene)
    return renamed(scene)


# ---------------------------------------------------------------- the pass, with a value for everything in it


class Scene:
    """The pass as a tree, run once: what every part of it comes to."""

    def __init__(self, source: str, rng: random.Random):
        self.tree = ast.parse(source)
        self.rng = rng
        self.said: list[str] = []
        self.comments = re.findall(r"^ *# (?:shapes|facts):.*$", source, re.M)
        self.function = next(t for t in self.tree.body if isinstance(t, ast.FunctionDef))
        self.program = read(source)
        self.letters = sorted(set().union(*(n.letters for v in self.program.inputs for n in v.shape)))
        self.values: dict = dict(sample_data(self.program, dict(zip(self.letters, PRIMES, strict=False))))
        self.values |= {"np": np, "erf": np.vectorize(math.erf)}  # what passes import; they need no SciPy here
        self.inputs = [a.arg for a in self.function.args.args]
        exec(compile(ast.Module([t for t in self.body if not isinstance(t, ast.Return)], []), "pass", "exec"), self.values)

    @property
    def body(self) -> list[ast.stmt]:
        return self.function.body

    def value(self, e: ast.expr):
        return eval(compile(ast.fix_missing_locations(ast.Expression(copy.deepcopy(e))), "part", "eval"), self.values)

    def is_real(self, e: ast.expr) -> bool:
        """Whether a part is a real array or number that depends on the inputs."""
        names = {t.id for t in ast.walk(e) if isinstance(t, ast.Name)}
        arrays = {n for n in names if isinstance(self.values.get(n), (np.ndarray, np.generic))}
        try:
            return bool(arrays) and np.asarray(self.value(e)).dtype == float
        except Exception:  # an axis, a slice, a function: no value of its own
            return False

    def same(self, before: ast.expr, after: ast.expr) -> bool:
        try:
            a, b = self.value(before), self.value(after)
        except Exception:  # the other spelling does not fit here
            return False
        return np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=1e-12)

    def axes(self, lengths: tuple[int, ...]) -> str:
        """The product of some axis lengths as source: x.shape[0] * x.shape[2], or a local name for a length."""
        return " * ".join(self.rng.choice(self._lengths(n)) for n in lengths)

    def _lengths(self, n: int) -> list[str]:
        found = [f"{v}.shape[{k}]" for v in self.inputs for k, m in enumerate(np.shape(self.values[v])) if m == n]
        return found + [k for k, v in self.values.items() if isinstance(v, int) and v == n]


# ---------------------------------------------------------------- other spellings


def pattern(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def fits(p: ast.AST, e: ast.AST, found: dict[str, ast.expr]) -> bool:
    """Whether a pattern with holes is this tree; fills `found`."""
    if isinstance(p, ast.Name) and p.id in HOLES:
        return ast.dump(found.setdefault(p.id, e)) == ast.dump(e)
    if type(p) is not type(e):
        return False
    for name in p._fields:
        a, b = getattr(p, name), getattr(e, name)
        if isinstance(a, list):
            if len(a) != len(b) or not all(fits(x, y, found) for x, y in zip(a, b, strict=True)):
                return False
        elif isinstance(a, ast.AST) and not isinstance(a, ast.expr_context):
            if not fits(a, b, found):
                return False
        elif not isinstance(a, ast.expr_context) and a != b:
            return False
    return True


class Filled(ast.NodeTransformer):
    def __init__(self, found: dict[str, ast.expr]):
        self.found = found

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return copy.deepcopy(self.found.get(node.id, node))


def spellings(e: ast.expr, scene: Scene) -> Iterator[tuple[str, ast.expr]]:
    """Every other way to write a part, with the words of the row."""
    for row in SPELLINGS:
        for this in row:
            found: dict[str, ast.expr] = {}
            if "SIZE" in this or not fits(pattern(this), e, found):
                continue
            for other in row:
                if other is this or any(h not in found for h in HOLES[:3] if re.search(rf"\b{h}\b", other)):
                    continue
                if "SIZE" in other:
                    found["SIZE"] = pattern(scene.axes(_averaged(found, scene)))
                yield f"{this} as {other}", Filled(found).visit(pattern(other))


def _averaged(found: dict[str, ast.expr], scene: Scene) -> tuple[int, ...]:
    shape = np.shape(scene.value(found["A"]))
    axis = scene.value(found["B"]) if "B" in found else tuple(range(len(shape)))
    return tuple(shape[k] for k in (axis if isinstance(axis, tuple) else (axis,)))


class Respelled(ast.NodeTransformer):
    """Bottom up, every part that could be written otherwise is, now and then."""

    def __init__(self, scene: Scene):
        self.scene = scene

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Subscript):  # an index is no arithmetic
            node.value = self.visit(node.value)
        else:
            super().generic_visit(node)
        if not isinstance(node, (ast.BinOp, ast.UnaryOp, ast.Call)) or self.scene.rng.random() > OFTEN:
            return node
        if not self.scene.is_real(node):
            return node
        ways = [(words, e) for words, e in spellings(node, self.scene) if self.scene.same(node, e)]
        if not ways:
            return node
        words, chosen = self.scene.rng.choice(ways)
        self.scene.said.append(words)
        return chosen


def respell(scene: Scene) -> None:
    for statement in scene.body:
        if isinstance(statement, ast.Assign):
            statement.value = Respelled(scene).visit(statement.value)


# ---------------------------------------------------------------- other cuts


def merge(scene: Scene) -> None:
    """Names that are used once, put in where they are used."""
    for statement in list(scene.body):
        if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
            continue
        name = statement.targets[0].id
        uses = [t for s in scene.body for t in ast.walk(s) if isinstance(t, ast.Name) and t.id == name and isinstance(t.ctx, ast.Load)]
        returned = any(isinstance(s, ast.Return) and uses and uses[0] in ast.walk(s) for s in scene.body)
        if len(uses) == 1 and not returned and scene.is_real(statement.value) and scene.rng.random() < OFTEN:
            scene.body.remove(statement)
            for s in scene.body:
                Filled({name: statement.value}).visit(s)
            scene.said.append(f"{name} put in")


def split(scene: Scene) -> None:
    """Now and then a part of a line gets a name of its own."""
    for statement in list(scene.body):
        if not isinstance(statement, ast.Assign) or scene.rng.random() > OFTEN:
            continue
        parts = [t for t in _parts(statement.value) if t is not statement.value and scene.is_real(t)]
        if not parts:
            continue
        part, name = scene.rng.choice(parts), f"part{len(scene.body)}"
        statement.value = Swapped(part, name).visit(statement.value)
        scene.body.insert(scene.body.index(statement), ast.Assign([ast.Name(name, ast.Store())], part))
        scene.values[name] = scene.value(part)
        scene.said.append(f"{ast.unparse(part)} named")


def _parts(e: ast.expr) -> Iterator[ast.expr]:
    """The parts of an expression that are values: nothing inside an index."""
    if isinstance(e, (ast.BinOp, ast.Call, ast.UnaryOp)):
        yield e
    for t in [e.value] if isinstance(e, ast.Subscript) else ast.iter_child_nodes(e):
        yield from _parts(t)


class Swapped(ast.NodeTransformer):
    def __init__(self, part: ast.expr, name: str):
        self.part, self.name = part, name

    def visit(self, node: ast.AST) -> ast.AST:
        return ast.Name(self.name, ast.Load()) if node is self.part else super().visit(node)


# ---------------------------------------------------------------- other names


def renamed(scene: Scene) -> Rewriting:
    """Every array and every axis letter by another name."""
    stored = [t.id for t in ast.walk(scene.function) if isinstance(t, ast.Name) and isinstance(t.ctx, ast.Store)]
    old = [*scene.inputs, *dict.fromkeys(stored)]
    names = dict(zip(old, scene.rng.sample(NAMES, len(old)), strict=True))
    letters = dict(zip(scene.letters, scene.rng.sample(LETTERS, len(scene.letters)), strict=True))
    for t in ast.walk(scene.function):
        if isinstance(t, ast.Name):
            t.id = names.get(t.id, t.id)
        elif isinstance(t, ast.arg):
            t.arg = names[t.arg]
    lines = ast.unparse(ast.fix_missing_locations(scene.tree)).splitlines()
    place = next(k for k, line in enumerate(lines) if line.startswith("def "))
    comments = [_comment(c, names, letters) for c in scene.comments]
    return Rewriting("\n".join([*lines[: place + 1], *comments, *lines[place + 1 :]]) + "\n", names, letters, scene.said)


def _comment(line: str, names: dict[str, str], letters: dict[str, str]) -> str:
    """A `# shapes:` or `# facts:` line: letters stand in brackets, names before them."""
    kind, rest = line.split(":", 1)
    pieces = re.split(r"(\([^)]*\))", rest)
    return kind + ":" + "".join(words(p, letters if p.startswith("(") else names) for p in pieces)


def words(text: str, table: dict[str, str]) -> str:
    return re.sub(r"[^\W\d]\w*", lambda m: table.get(m[0], m[0]), text)
