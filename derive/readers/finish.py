"""From a finished reading to a Program: final names of versions, letters of indices, ranges of labels."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace

from derive import expr as x
from derive.expr import Entry, Expr, Term
from derive.index import Index, Size
from derive.program import Equation, Program, Static, Variable
from derive.readers.inputs import Inputs, Source
from derive.readers.run import Run
from derive.recurrence import blocks


def finished(source: Source, inputs: Inputs, run: Run, outputs: list[str], kind: str) -> Program:
    """The program of a reading."""
    names = final_names(run)
    renamed = tuple(_renamed(e, names) for e in _in_order(run, outputs))
    variables = _ordered(run, inputs)
    limits = _limits(variables, renamed)
    letters = Letters(source, run, _leading(variables, limits))
    equations = tuple(letters.dressed(e) for e in renamed)
    variables = tuple(replace(v, limit=limits.get(v.name)) if v.sort == "int" else v for v in variables)
    return Program(
        inputs=variables,
        equations=equations,
        outputs=tuple(dict.fromkeys(names.get(o, o) for o in outputs)),
        statics=tuple(Static(name, value) for name, value in run.statics.items()),
        name=_name(source),
        parameters=_parameters(source, inputs, variables),
        source=source.text,
        path=source.path,
        letters=source.letters,
        output_kind=kind,
        lines=_lines(source),
    )


def _in_order(run: Run, outputs: list[str]) -> list[Equation]:
    """The equations, loops with a state in one piece; states that nothing reads are left out."""
    kept = list(run.equations)
    while True:
        read = set(outputs).union(*(e.rhs.names for e in kept))
        left = [e for e in kept if e.name not in run.states or e.name in read]
        if len(left) == len(kept):
            return [e for block in blocks(kept) for e in block]
        kept = left


def _name(source: Source) -> str:
    """`forward`, or `Class.forward` for a method."""
    if source.function is None:
        return "forward"
    return f"{source.owner.name}.{source.function.name}" if source.owner is not None else source.function.name


def _settings(source: Source, variables: tuple[Variable, ...]) -> list[str]:
    """Sizes that a constructor is given and no axis shows, like a number of heads: arguments of generated code."""
    init = source.methods.get("__init__")
    if init is None:
        return []
    names = {n.attr for n in ast.walk(init) if isinstance(n, ast.Attribute)} | {a.arg for a in init.args.args}
    sizes = [n for v in variables for n in v.shape]
    return sorted({a for n in sizes for a in n.letters if a in names} - {n.letter for n in sizes})


def _parameters(source: Source, inputs: Inputs, variables: tuple[Variable, ...]) -> tuple[str, ...]:
    if source.function is None:
        return tuple(v.name for v in variables)
    named = [p for p in inputs.parameters if p not in ("self", "ctx")]
    owners = [v.structure[0] if v.structure else v.name for v in variables]
    return tuple(dict.fromkeys([*named, *owners, *_settings(source, variables)]))


def _ordered(run: Run, inputs: Inputs) -> tuple[Variable, ...]:
    """Variables in the order of the parameters that bring them."""
    place = {name: k for k, name in enumerate(inputs.parameters)}
    found = list(run.inputs.values())
    return tuple(sorted(found, key=lambda v: place.get(v.structure[0] if v.structure else v.name, len(place))))


def _lines(source: Source) -> tuple[tuple[int, str], ...]:
    """The forward statements with their line numbers."""
    body = source.function.body if source.function is not None else source.tree.body
    skip = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
    kept = [
        n
        for n in body
        if not isinstance(n, skip) and not (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant))
    ]
    numbers = sorted({k for n in kept for k in range(n.lineno, n.end_lineno + 1)})
    return tuple((k, source.lines[k - 1].strip()) for k in numbers if source.lines[k - 1].strip())


# ---------------------------------------------------------------- names


def final_names(run: Run) -> dict[str, str]:
    """Internal names to final ones: versions numbered, the last one bare; helpers' locals qualified on a clash."""
    owners: dict[str, list[str]] = {}
    for helper, name in run.locals:
        owners.setdefault(name, []).append(helper)
    final: dict[str, str] = {}
    taken = set(run.inputs)
    for (helper, name), local in run.locals.items():
        clash = len(owners[name]) > 1 or name in run.inputs
        base = f"{helper}.{name}" if helper and helper != "self" and clash else name
        bare = base not in taken
        for k, internal in enumerate(local.internals, 1):
            final[internal] = base if bare and k == len(local.internals) else f"{base}~{k}"
        taken.add(base)
    return final


def _renamed(e: Equation, names: dict[str, str]) -> Equation:
    rhs = x.replace_entries(e.rhs, lambda u: Entry(names[u.name], u.slots) if u.name in names else None)
    return replace(e, name=names.get(e.name, e.name), rhs=rhs)


# ---------------------------------------------------------------- letters

TIMES = {"t": "us", "s": "tu", "k": "lp", "i": "mj"}  # the second letters of a loop's index
PAIRS = "i m j k l p a b q r t u e f g h c d s v w z".split()


def _leading(variables: tuple[Variable, ...], limits: Mapping[str, Size]) -> list[Size]:
    """The sizes that get the first letters: the batch along which labels run, then the classes that they pick."""
    labels = [v for v in variables if v.sort == "int" and v.shape]
    return [v.shape[0] for v in labels] + [limits[v.name] for v in reversed(labels) if v.name in limits]


class Letters:
    """Readable letters for indices: every size has two of its own, used in the order needed in an equation."""

    def __init__(self, source: Source, run: Run, first: list[Size]):
        self.pools: dict[Size, list[str]] = {}
        sizes = [n for v in run.inputs.values() for n in v.shape]
        sizes += [i.size for e in run.equations for i in e.indices]
        letters = {a for n in sizes for a in n.letters}
        given = {Size.of(int(k) if k.isdigit() else k): v for k, v in source.index_letters.items()}
        arrays = {*run.inputs, *(name for _, name in run.locals)}  # a loop's variable is neither
        for n, letter in run.time_letters.items():
            if n not in given and letter not in letters | arrays:
                given[n] = [letter, *(c for c in TIMES.get(letter, ()) if c not in letters | source.names)]
        taken = letters | source.names | {c for v in given.values() for c in v}
        self.free = [c for c in PAIRS if c not in taken] or list(PAIRS)
        self.taken = letters
        for n in dict.fromkeys([*first, *sizes]):
            self.pools[n] = list(given.get(n, ()))
            self.pool(n)

    def pool(self, n: Size) -> list[str]:
        """The letters of a size."""
        found = self.pools.setdefault(n, [])
        if not found and n.number == 1:
            found.append("o")
        if not found:
            found += [self.free.pop(0) for _ in range(min(2, len(self.free)))] or ["i", "j"]
        return found

    def letter(self, n: Size, used: set[str]) -> str:
        """The first letter of a size that is not in use."""
        pool = self.pool(n)
        count = 1
        while True:
            for c in pool:
                name = c if count == 1 else f"{c}{count}"
                if name not in used:
                    return name
            count += 1

    def dressed(self, e: Equation) -> Equation:
        """The equation over freshly lettered indices."""
        used: set[str] = set()
        indices = []
        for i in e.indices:
            letter = self.letter(i.size, used)
            used.add(letter)
            indices.append(Index(letter, i.size))
        rhs = x.substitute(e.rhs, dict(zip(e.indices, indices, strict=True)))
        return replace(e, indices=tuple(indices), rhs=self.inside(rhs, used))

    def inside(self, t: Term | Index, used: set[str]) -> Term | Index:
        """Bound indices lettered from the outside in."""
        if isinstance(t, Index) or not x.parts(t):
            return t
        if isinstance(t, (x.Reduce, x.ArgBest)):
            letter = self.letter(t.index.size, used)
            t = x.rename_binder(t, Index(letter, t.index.size))
            used = used | {letter}
        old = x.parts(t)
        new = tuple(self.inside(p, used) for p in old)
        return x.with_parts(t, new) if any(a is not b for a, b in zip(old, new, strict=True)) else t


# ---------------------------------------------------------------- ranges of labels


def _limits(variables: tuple[Variable, ...], equations: tuple[Equation, ...]) -> dict[str, Size]:
    """The size of the axis that each integer input indexes; through equations that only pass it on."""
    shapes = {v.name: v.shape for v in variables} | {e.name: e.shape for e in equations}
    origin = {v.name: v.name for v in variables if v.sort == "int"}
    for e in equations:
        if e.sort == "int" and isinstance(e.rhs, Entry) and e.rhs.name in origin:
            origin[e.name] = origin[e.rhs.name]
    found: dict[str, Size] = {}
    for e in equations:
        for t in x.walk(e.rhs):
            for name, n in _indexing(t, shapes):
                if name in origin:
                    found.setdefault(origin[name], n)
    return found


def _indexing(t: Term | Index, shapes: dict[str, tuple[Size, ...]]) -> list[tuple[str, Size]]:
    if isinstance(t, Entry) and t.name in shapes:
        return [(s.name, n) for s, n in zip(t.slots, shapes[t.name], strict=False) if isinstance(s, Entry)]
    if isinstance(t, x.Rel) and t.op == "eq":
        for a, b in ((t.left, t.right), (t.right, t.left)):
            if isinstance(a, Entry) and isinstance(b, Index):
                return [(a.name, b.size)]
    return []


__all__ = ["Expr", "final_names", "finished"]
