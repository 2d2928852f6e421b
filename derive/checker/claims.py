"""Claims of backward code: a gradient's value, complete at its first use, its rebinding or the end."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from derive.checker.listed import Cell, blank
from derive.checker.names import candidates, spelled
from derive.checker.reading import Reading, Step
from derive.checker.statements import clips, fills, stored_keys, uses
from derive.errors import Problem, UnknownName, Unsupported
from derive.expr import Entry
from derive.index import Size
from derive.program import base_name


@dataclass
class Claim:
    """One gradient as written: its name, its statements, the array that is its complete value.

    `meant`: the forward arrays whose gradient the name may be, the likeliest first.  `fate`: why it is not judged as a
    value: "failed", "copied", "dead" (replaced before it is used); "overwritten" when another name's change made it.
    """

    name: str
    steps: list[Step]
    array: str = ""
    meant: list[str] = field(default_factory=list)
    fate: str = ""
    problem: Problem | None = None
    versions: list[str] = field(default_factory=list)
    readings: dict[str, str] = field(default_factory=dict)

    @property
    def first(self) -> Step:
        return self.steps[0]

    @property
    def last(self) -> Step:
        return self.steps[-1]


def as_written(claim: Claim) -> str:
    """The name of a gradient as code: `self.dW` for self[dW], `grads["W"]` for grads[W]."""
    owner, bracket, key = claim.name.rstrip("]").partition("[")
    if owner == "self" and bracket:
        return f"self.{key}"
    for node in (n for s in reversed(claim.steps) for n in ast.walk(s.node) if bracket):
        match node:
            case ast.Subscript(value=ast.Name() | ast.Attribute(), slice=ast.Constant(value=found)) if found == key:
                return ast.unparse(node)
            case ast.Attribute(attr=found) if found == key:
                return ast.unparse(node)
    return claim.name


def statements(claim: Claim) -> list[ast.stmt]:
    """The statements of a claim; of a loop that was read as a whole, those that add to the gradient."""
    nodes = [s.node for s in claim.steps]
    if claim.steps and isinstance(claim.last.node, ast.For):
        name = claim.name.split("[")[0]
        plain = (n for n in ast.walk(claim.last.node) if isinstance(n, (ast.Assign, ast.AugAssign)))
        inner = [n for n in plain if name in uses(n).writes]
        return [*(n for n in nodes[:-1] if not _blank(n)), *inner] if inner else nodes
    return nodes


def _blank(node: ast.stmt) -> bool:
    """Whether a statement only makes arrays of zeros for a loop to fill."""
    value = node.value if isinstance(node, ast.Assign) else None
    values = value.elts if isinstance(value, ast.Tuple) else [value]
    return all(isinstance(v, ast.Call) and getattr(v.func, "attr", "") in BLANK for v in values)


PASSED_ON = ("out", "output", "upstream")
BLANK = ("zeros", "zeros_like", "empty", "empty_like")


def claims_of(reading: Reading) -> list[Claim]:
    """The claims in the order in which they are complete."""
    found = _Claims(reading)
    for step in reading.steps:
        found.take(step)
    found.finish()
    return _with_entries(reading, found.done)


def _with_entries(reading: Reading, claims: list[Claim]) -> list[Claim]:
    """The same with a claim for every entry of a list of gradients, in its place; a named gradient that is one is it."""
    order = {id(step): k for k, step in enumerate(reading.steps)}
    made = [c for name, cells, meant, grown in reading.lists.ends() for c in _entries(reading, name, cells, meant, grown)]
    by_array = {c.array: c for c in made if c.array}
    for claim in claims:
        entry = by_array.get(claim.array) if claim.array and not claim.fate else None
        if entry is not None:
            claim.meant, claim.readings = entry.meant, entry.readings
    named = {c.array for c in claims if not c.fate}
    every = [*claims, *(c for c in made if not c.array or c.array not in named)]
    return sorted(every, key=lambda c: order.get(id(c.last), 0)) if made else claims


def _entries(reading: Reading, name: str, cells: list[Cell], meant: tuple[str, ...], grown: bool) -> Iterator[Claim]:
    """The claims of one list; a list that was filled from the last layer on is read backwards where only that fits."""
    arrays = [reading.array(n) for n in meant]
    if len(cells) != len(arrays):
        problem = Unsupported(f"`{name}` has {len(cells)} entries", f"it belongs to a list of {len(arrays)} arrays of the forward pass")
        yield Claim(name, list(cells[0].steps), fate="failed", problem=problem)
        return
    turned = arrays[::-1]
    fits = [all(_alike(c.shape, reading.forward.shape(a)) for c, a in zip(cells, side, strict=True) if c.array)
            for side in (arrays, turned)]  # fmt: skip
    for k, cell in enumerate(cells):
        note = f"right if `{name}` runs from the last layer to the first"
        claim = Claim(f"{name}[{k}]", _without_room(cell.steps), meant=[arrays[k]], versions=[*map(reading.array, cell.versions)])
        if grown and fits[1] and (turned[k] != arrays[k] or not fits[0]):
            claim.meant = [arrays[k], turned[k]] if fits[0] else [turned[k]]
            claim.readings = {turned[k]: note}
        claim.array = reading.array(cell.array) if cell.array else ""
        if cell.problem is not None or not cell.array:
            never = UnknownName(f"`{claim.name}` is never set", "its entry of the list stays as it was made")
            claim.fate, claim.problem = "failed", cell.problem or never
        yield claim


def _without_room(steps: list[Step]) -> list[Step]:
    """The statements of an entry without those that only make room for it, where there are others."""
    return [s for s in steps if not blank(s)] or list(steps)


def _alike(a: tuple[Size, ...], b: tuple[Size, ...]) -> bool:
    return [n for n in a if n.number != 1] == [n for n in b if n.number != 1]


class _Claims:
    """The open and the finished claims while the steps go by."""

    def __init__(self, reading: Reading):
        self.reading = reading
        self.open: dict[str, Claim] = {}
        self.closed: dict[str, Claim] = {}
        self.done: list[Claim] = []
        self.values: Mapping[str, str] = {}
        self.changer: dict[str, Step] = {}

    def take(self, step: Step) -> None:
        for name in list(self.open):
            used = name if _owner(name) == "self" else _owner(name)
            if used in step.uses.reads - step.views and used not in step.uses.writes:
                self._close(name)
        for name in [n for n in self.closed if _owner(n) in step.uses.reads - step.uses.sets]:
            self._reopened(name, step)
        if clips(step.node):  # what is judged is the gradient before it is clipped
            for name in step.changed & self.open.keys():
                self._close(name)
        written = [] if clips(step.node) else self._written(step)
        for name in written:
            self._write(name, step)
        for name in step.changed - set(written):
            self.changer[name] = step
        self.values = step.values

    def finish(self) -> None:
        for name in list(self.open):
            self._close(name)

    def _written(self, step: Step) -> list[str]:
        """The gradients that a step sets or changes under their own name."""
        plain = step.uses.changes if type(step.node).__name__ == "For" else step.uses.writes
        names = (
            {*plain, *stored_keys(step.node)}
            if step.problem is not None
            else {n for n in step.changed | plain if _owner(n) in plain or n in self.open}
        )
        return sorted(n for n in names if self._is_gradient(n) and (step.problem or n in step.values))

    def _is_gradient(self, name: str) -> bool:
        start = self.reading.start.get(name, "")
        return spelled(name) is not None and (not start or start.startswith("∂"))

    def _write(self, name: str, step: Step) -> None:
        internal = step.values.get(name, "")
        if "[" in name and self._known_elsewhere(name, internal, step):
            return
        anew = name in step.uses.sets and name not in step.uses.reads
        claim = self.open.get(name)
        if claim is not None and anew:
            ended = any(claim.last.line < line <= step.line for line in self.reading.back.breaks)
            claim.fate = claim.fate or ("" if ended else "dead")
            self._close(name)
            claim = None
        if claim is None:
            claim = self.open[name] = Claim(name, [])
            if name in step.uses.changes and name in self.reading.start:  # `dout[mask] = 0`: it was a gradient before
                claim.versions.append(self.reading.array(self.values.get(name, self.reading.start[name])))
        claim.steps.append(step)
        claim.array = self.reading.array(internal)
        claim.versions.append(claim.array)
        claim.meant = meanings(self.reading, name, step)
        if step.problem is not None:
            claim.fate, claim.problem = "failed", claim.problem or step.problem
        elif step.copied:
            claim.fate = "copied"
        self.changer.pop(name, None)

    def _known_elsewhere(self, name: str, internal: str, step: Step) -> bool:
        """Whether `grads["W"] = dW` only stores what another name of the same gradient holds, or means nothing."""
        array = self.reading.array(internal)
        others = [n for n, v in self.values.items() if v == internal and n != name and self._is_gradient(n)
                  and (n in self.open or n not in self.closed or self.closed[n].array == array)]  # fmt: skip
        others = [n for n in others if n in self.open or n in self.closed or n in self.reading.start]
        meant = meanings(self.reading, name, step)
        return bool(others) and (
            not meant or any(meanings(self.reading, n, step)[:1] == meant[:1] for n in others)
        )

    def _close(self, name: str) -> None:
        claim = self.open.pop(name)
        if not claim.fate and name in self.values:
            claim.array = self.reading.array(self.values[name])
        if claim.fate == "dead" and any(n for n in claim.steps if not fills(n.node)):
            claim.fate = "dead"
        self.closed[name] = claim
        self.done.append(claim)

    def _reopened(self, name: str, step: Step) -> None:
        """A complete gradient that another name's statement has changed and that is used again."""
        old, changer = self.closed[name], self.changer.get(name)
        now = self.reading.array(self.values.get(name, ""))
        if changer is None or name in self.open or now == old.array:
            return
        if clips(changer.node) and not any(self._is_gradient(n) for n in step.uses.writes):
            return  # a clipped gradient is returned, or a parameter moved by it
        claim = Claim(name, [changer], now, old.meant, "overwritten", versions=[now])
        self.closed[name] = claim
        self.done.append(claim)


def _owner(name: str) -> str:
    return name.split("[")[0]


def meanings(reading: Reading, name: str, step: Step) -> list[str]:
    """The forward arrays that a gradient's name may speak of: what its base is bound to, else by spelling."""
    base, forward = spelled(name), reading.forward
    if base in reading.aliases:
        base = reading.aliases[base]
    held = {n: reading.origin(reading.array(v)) for n, v in {**reading.start, **step.values}.items()}
    bound = {n: v for n, v in held.items() if v in forward and not n.startswith("∂") and "[" not in n}
    bound |= {_inner(n): v for n, v in held.items() if v in forward and "[" in n and _inner(n) not in bound}
    pools = [bound, {base_name(v).split(".")[-1]: v for v in forward.by_name}]
    exact = [p[base] for p in pools if base in p]
    found = exact[:1] or [p[n] for p in pools for n in candidates(base, p)]
    passed_on = base in PASSED_ON and step.looped  # from layer to layer: `dout = layer.backward(dout)`
    local = {n for n in found if "." in base_name(n) or base in PASSED_ON}
    found = [] if passed_on else [n for n in found if n not in local or _has_shape_of(reading, step.values.get(name), n)]
    found.sort(key=lambda n: n not in forward.outputs)
    if not found and len(reading.forward.outputs) == 1 and base in ("out", "output", "y", "scores"):
        found = [n for n in reading.forward.outputs if _has_shape_of(reading, step.values.get(name), n)]
    versions = [v for f in found for v in forward.by_name if base_name(v) == base_name(f) and exact]
    versions += [made for f in (*found, *versions) if (made := _made_in_rounds(reading, f)) is not None]
    inputs = [v for v in versions if forward.is_input(v)]
    return [n for n in dict.fromkeys([*inputs, *found, *versions]) if forward.sort(n) == "real"]


def _has_shape_of(reading: Reading, internal: str | None, output: str) -> bool:
    """Whether what a name holds has as many axes as an output, as long: `dscores` of another array is not its gradient."""
    array = reading.array(internal or "")
    made = next((e for e in reading.equations if e.name == array), None)
    return made is None or made.shape == reading.forward.shape(output)


def _made_in_rounds(reading: Reading, name: str) -> str | None:
    """What the rounds of a loop store into an array, row by row: its gradient takes in what later rounds send back."""
    e = reading.forward.equation(name)
    made = e.rhs.name if e is not None and isinstance(e.rhs, Entry) and e.rhs.slots == e.indices else None
    return made if made is not None and base_name(made) == f"{base_name(name)}_new" else None


def _inner(name: str) -> str:
    return name.split("[")[1].rstrip("]")
