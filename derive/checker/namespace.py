"""The forward pass that the code in a document belongs to, and what its names stand for.

It is the one given, or the document's own: its code, and before and after that its formulas as lines of NumPy.  A name
of the backward code that the pass does not have is bound to what it can only mean; a guess is said in every verdict.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from derive.checker.names import spelled
from derive.checker.statements import uses
from derive.checker.writing import spelled as spelled_out
from derive.errors import Problem
from derive.index import Size
from derive.program import Equation, Program
from derive.readers.documents import Block
from derive.readers.latex import Paper
from derive.readers.latex_code import MODULES, program_of
from derive.readers.sources import read

BATCH = ("m", "n", "N", "B", "batch_size", "batch", "num_examples", "n_samples", "num_samples")
LABELS = re.compile(r"^(y|Y|t|T|labels?|targets?|Y_?train|y_?train|y_?true|Y_?b|Yb|y_?batch|yb|tgt|truth)$")


@dataclass(frozen=True)
class Home:
    """A forward pass as Python; `bound`: lines that name what the backward code calls otherwise, and what that costs.

    `arrays`: the paper's name of every array by its name in the code; `own`: the document shows it, perhaps not all.
    """

    program: Program
    block: Block | None = None
    bound: tuple[str, ...] = ()
    readings: Mapping[str, str] = field(default_factory=dict)
    arrays: Mapping[str, str] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()
    own: bool = True
    facts: tuple[str, ...] = ()


def home_of(paper: Paper, given: Program | None, scripts: Iterable[str], path: str) -> Home | None:
    """The forward pass for the scripts of a document; None where it shows none."""
    trees = [tree for text in scripts if (tree := _parsed(text)) is not None]
    wanted = Wanted.of(trees)
    found = Home(given, own=False) if given is not None else _own(paper, wanted)
    return None if found is None else _bound(replace(found, facts=_facts(found, paper)), wanted, paper)


def _facts(home: Home, paper: Paper) -> tuple[str, ...]:
    """What the document says of inputs that the code has by the same name: one-hot rows, positive entries."""
    names = {v.name: len(v.shape) for v in home.program.inputs}
    return tuple(
        f"{f.kind} {f.array}"
        for f in paper.program.facts
        if f.kind in ("onehot", "positive") and names.get(f.array, 0) == len(paper.program.shape(f.array)) > 0
    )


def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None


@dataclass(frozen=True)
class Wanted:
    """Names that backward code reads without setting them: values and gradients; the highest axis asked of each."""

    values: tuple[str, ...]
    gradients: tuple[str, ...]
    axes: Mapping[str, int]
    meant: tuple[str, ...] = ()

    @staticmethod
    def of(trees: Iterable[ast.Module]) -> Wanted:
        values: dict[str, None] = {}
        gradients: dict[str, None] = {}
        known: set[str] = set(MODULES)
        axes: dict[str, int] = {}
        every: set[str] = set()
        for tree in trees:
            for node in tree.body:
                found = uses(node)
                local = {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}
                bound = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
                inner = local | (bound - _targets(node))
                for name in sorted(found.reads - known - inner):
                    if not hasattr(builtins, name):
                        (gradients if spelled(name) else values).setdefault(name)
                known |= found.writes | _made(node)
                every |= found.writes
                for n in ast.walk(node):
                    _axis(n, axes)
        meant = tuple(sorted(b for n in every if (b := spelled(n))))
        return Wanted(tuple(values), tuple(gradients), axes, meant)


def _targets(node: ast.stmt) -> set[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return {n.id for t in targets if t is not None for n in ast.walk(t) if isinstance(n, ast.Name)}


def _made(node: ast.stmt) -> set[str]:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {(a.asname or a.name).split(".")[0] for a in node.names}
    return {node.name} if isinstance(node, (ast.FunctionDef, ast.ClassDef)) else set()


def _axis(node: ast.AST, axes: dict[str, int]) -> None:
    """`B.shape[1]` asks B for two axes."""
    match node:
        case ast.Subscript(
            value=ast.Attribute(value=ast.Name(id=name), attr="shape"), slice=ast.Constant(value=int() as k)
        ) if k >= 0:
            axes[name] = max(axes.get(name, 0), k + 1)


# ---------------------------------------------------------------- the document's own pass


def _own(paper: Paper, wanted: Wanted) -> Home | None:
    """The document's code where it has all that is wanted, else together with its formulas, else what there is."""
    own, block = own_code(paper)
    if own is not None and not _missing(own, wanted):
        return Home(own, block, arrays={n: n for n in own.by_name})
    written = _written(paper, own, wanted)
    if written is not None:
        return replace(written, block=block)
    return None if own is None else Home(own, block, arrays={n: n for n in own.by_name})


def own_code(paper: Paper) -> tuple[Program | None, Block | None]:
    """The forward pass that the document shows as code, with its loss as the only output, and its block."""
    blocks = [b for b in paper.document.blocks if b.kind == "code" and b.language != "front"]
    if len(blocks) > 1 and any(b.source.cell for b in blocks):
        program = _notebook(paper)
        if program is not None:
            return only_loss(program), None
    for block in blocks:
        program = program_of(block.text, paper.notes, paper.document.path)
        if program is not None:
            return only_loss(program), block
    for block in blocks:
        program = program_of(_head(block.text), paper.notes, paper.document.path)
        if program is not None:
            return only_loss(program), None
    return None, None


def _head(code: str) -> str:
    """What stands before the first gradient."""
    tree = _parsed(code)
    first = next((n for n in tree.body if any(map(spelled, uses(n).writes))), None) if tree is not None else None
    return "" if first is None else "\n".join(code.splitlines()[: first.lineno - 1])


def _notebook(paper: Paper) -> Program | None:
    """A notebook's code cells as one namespace."""
    rows = [b.text for b in paper.document.blocks if b.kind == "code" and _parsed(b.text) is not None]
    rows = [r for r in rows if not any(spelled(n) for node in _parsed(r).body for n in uses(node).writes)]
    return program_of("\n".join(rows), paper.notes, paper.document.path) if rows else None


def only_loss(program: Program) -> Program:
    """A forward pass that returns its intermediates too, made to return the loss alone."""
    scalars = [n for n in program.outputs if program.shape(n) == ()]
    if len(program.outputs) < 2 or len(scalars) != 1 or not program.source:
        return program
    source = re.sub(r"(?m)^(\s*)return\b[^\n]*$", rf"\1return {scalars[0]}", program.source)
    return replace(program, source=source, outputs=(scalars[0],))


def _missing(program: Program, wanted: Wanted) -> set[str]:
    known = set(re.findall(r"[A-Za-z_]\w*", program.source)) | set(program.by_name) | program.sizes
    return {n for n in (*wanted.values, *wanted.meant) if n not in known}


def _written(paper: Paper, own: Program | None, wanted: Wanted) -> Home | None:
    """The formulas of a document as a Python function, its own code in the middle of it."""
    from derive.writers.numpy import numpy_line
    from derive.writers.numpy_names import Names

    coded = {e.name for e in own.equations} if own is not None else set()
    made = [e for e in paper.program.equations if e.name not in paper.backward and e.name not in coded]
    if not made or own is not None and re.search(r"^\s*(def|class)\s", own.source, re.M):
        return None
    program = replace(
        paper.program, equations=tuple(e for e in paper.program.equations if e.name not in paper.backward)
    )
    calls, readings = _called(program, wanted)
    names = Names(program, made)
    names.given.update({("array", name): called for called, name in calls.items()})
    before, after = _around(made, own)
    try:
        lines = {e.name: numpy_line(e, program, names=names) for e in made}
    except (Problem, LookupError, ValueError, TypeError, AttributeError):
        return None
    inputs = [v for v in program.inputs if not v.name.startswith(("U~", "∂")) and _used(v.name, program)]
    shapes = {names.array(v.name): _shape_text(v, wanted.axes.get(names.array(v.name), 0)) for v in inputs}
    known = {lengths for e in before + after for lengths in re.findall(r"[A-Za-z_]\w*", lines[e.name])}
    sizes = _sizes_line(inputs, names, known | set(wanted.values), shapes)
    loss = paper.notes.loss if paper.notes.loss in program else None
    last = [loss] if loss else _sinks(program)
    body = [*sizes, *(lines[e.name] for e in before)]
    body += own.source.splitlines() if own is not None else []
    body += [*(lines[e.name] for e in after), f"return {', '.join(names.array(n) for n in last)}"]
    source = f"def forward({', '.join(shapes)}):\n" + "".join(f"    {row}\n" for row in body)
    try:
        forward = read("import numpy as np\nimport torch\nimport torch.nn.functional as F\n" + source, shapes=shapes)
    except Problem:
        return None
    return Home(forward, readings=readings, arrays={names.array(n): n for n in program.by_name})


def _used(name: str, program: Program) -> bool:
    return any(name in e.rhs.names for e in program.equations)


def _sinks(program: Program) -> list[str]:
    used = {n for e in program.equations for n in e.rhs.names}
    return [e.name for e in program.equations if e.name not in used]


def _around(made: list[Equation], own: Program | None) -> tuple[list[Equation], list[Equation]]:
    """Formulas in an order in which they can be computed: those that the code rests on, and the others."""
    coded = {e.name for e in own.equations} if own is not None else set()
    first, rest, left = [], [], list(made)
    while left:
        waiting = {e.name for e in left}
        ready = next((e for e in left if not e.rhs.names & waiting), left[0])
        left.remove(ready)
        late = bool(ready.rhs.names & (coded | {e.name for e in rest}))
        (rest if late else first).append(ready)
    return first, rest


def _shape_text(v, least: int) -> str:
    """`1 C` for an array of one axis whose second one the code asks for."""
    axes = [str(n).replace(" ", "") for n in v.shape]
    axes = ["1"] * (least - len(axes)) + axes
    return ("int " if v.sort == "int" else "") + " ".join(axes)


def _sizes_line(inputs, names, used: set[str], shapes: Mapping[str, str]) -> list[str]:
    """`m = X.shape[0]` for every size that a line mentions."""
    found: dict[str, str] = {}
    for v in inputs:
        shift = len(shapes[names.array(v.name)].replace("int ", "").split()) - len(v.shape)
        for k, n in enumerate(v.shape):
            if n.letter is not None and n.letter in used:
                found.setdefault(n.letter, f"{n.letter} = {names.array(v.name)}.shape[{k + shift}]")
    return list(found.values())


def _called(program: Program, wanted: Wanted) -> tuple[dict[str, str], dict[str, str]]:
    """What the backward code calls the arrays of the formulas: B4 is `B^{(4)}`; and what has to be said of it."""
    own = [n for n in program.by_name if not n.startswith(("U~", "∂"))]
    plain = {_folded(n): n for n in own}
    found: dict[str, str] = {}
    readings: dict[str, str] = {}
    for name in dict.fromkeys((*wanted.meant, *wanted.values)):
        exact = plain.get(_folded(name))
        meant = exact or _another(name, own)
        if name in program or meant is None or meant in found.values():
            continue
        found[name] = meant
        if exact is None:
            readings[name] = f"reads {name} as {spelled_out(meant)}"
    return found, readings


def _folded(name: str) -> str:
    return re.sub(r"[._]", "", name).lower()


# ---------------------------------------------------------------- names that the pass does not have


def _bound(home: Home, wanted: Wanted, paper: Paper) -> Home:
    """The same with a line for every unknown name of the code that can only mean one thing."""
    program, lines, readings = home.program, [], dict(home.readings)
    known = set(program.by_name) | set(re.findall(r"\b([A-Za-z_]\w*)\b", program.source or "")) | set(MODULES)
    inputs = [v for v in program.inputs if v.name.isidentifier()]
    for name in (n for n in wanted.values if n not in known):
        labels = [v.name for v in inputs if v.sort == "int"]
        alias = paper.notes.aliases.get(name)
        if alias in program.by_name:
            lines.append(f"{name} = {alias}")
        elif len(labels) == 1 and LABELS.match(name):
            lines.append(f"{name} = {labels[0]}")
            readings[name] = f"reads {name} as {labels[0]}"
        elif (length := _length(Size.of(name), inputs)) is not None:
            lines.append(f"{name} = {length}")
        elif name in BATCH and (length := _rows(inputs)) is not None:
            lines.append(f"{name} = {length}")
            readings[name] = f"reads {name} as {length}, the number of rows"
        elif (other := _another(name, filter(str.isidentifier, program.by_name))) is not None:
            lines.append(f"{name} = {other}")
            readings[name] = f"reads {name} as {other}"
    return replace(home, bound=tuple(lines), readings=readings, assumed=wanted.gradients)


def _length(n: Size, inputs) -> str | None:
    return next((f"{v.name}.shape[{k}]" for v in inputs for k, m in enumerate(v.shape) if m == n), None)


def _rows(inputs) -> str | None:
    """The first axis of the labels, else of the first array that has two."""
    labels = [v for v in inputs if v.sort == "int" and v.shape]
    wide = [v for v in inputs if len(v.shape) > 1]
    return f"{(labels or wide)[0].name}.shape[0]" if labels or wide else None


def _another(name: str, arrays: Iterable[str]) -> str | None:
    """The one array with the same number whose letters the name begins with: `H^{(3)}` for Hidden3."""
    digits = re.sub(r"\D", "", name)
    if not digits or len(name) < 3:
        return None
    letters = {a: re.sub(r"[\W\d_]", "", a).lower() for a in arrays if re.sub(r"\D", "", a) == digits}
    found = [a for a, text in letters.items() if text and name.lower().startswith(text)]
    return found[0] if len(found) == 1 else None


__all__ = ["Home", "Wanted", "home_of", "only_loss", "own_code"]
