"""Gradients kept in a list, one for every layer: `nabla_w[-l] = …`, `dWs.append(…)`, `grads.insert(0, …)`, `dWs[::-1]`.

Every entry is followed by its object while the list is filled, turned around or bound anew.  Where the list ends says
which entry of the forward pass's list it is the gradient of.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from derive.checker.names import candidates, spelled
from derive.checker.reading import Step, held, named_array
from derive.checker.statements import fills
from derive.errors import Problem
from derive.index import Size
from derive.readers.evaluate import evaluate
from derive.readers.run import Run
from derive.readers.values import Array, Instance, Rows, Scope

GROWING = ("append", "insert", "extend")


@dataclass(eq=False)
class Cell:
    """One entry: its value and array, the statements that made it, and why one of them could not be read."""

    value: object
    steps: list[Step] = field(default_factory=list)
    array: str = ""
    versions: list[str] = field(default_factory=list)
    problem: Problem | None = None

    @property
    def shape(self) -> tuple[Size, ...]:
        return self.value.shape if isinstance(self.value, Array) else ()


class Unread:
    """Stands in a list for an entry that could not be read."""


@dataclass
class Lists:
    """The lists of the backward code while its statements go by; `forward`: those of the forward pass, by name."""

    forward: Mapping[str, tuple[str, ...]]
    cells: dict[str, list[Cell]] = field(default_factory=dict)
    grown: set[str] = field(default_factory=set)

    def meant(self, name: str) -> tuple[str, ...] | None:
        """The forward arrays whose gradients a list holds, by its name: those of one list."""
        base = spelled(name)
        found = candidates(base, self.forward) if base is not None else []
        if not found and base is not None and len(base) == 1:
            found = [n for n in self.forward if n[:1].lower() == base.lower()]
        lists = {self.forward[n] for n in found}
        return next(iter(lists)) if len(lists) == 1 else None

    def watch(self, run: Run, step: Step, returned: object = None) -> None:
        """What a statement has done to lists."""
        for name, value in lists_in(run.scopes[-1]):
            if name in self.cells or name not in self.forward:
                self._follow(run, name, value, step)
        for value in returned if isinstance(returned, tuple) else (returned,):
            self._turned(value)

    def _follow(self, run: Run, name: str, value: list, step: Step) -> None:
        old = self.cells.get(name, [])
        known = {id(c.value): c for cells in (*self.cells.values(), old) for c in cells if isinstance(c.value, (Array, Unread))}
        here = {id(v) for v in value}
        self.grown |= {name} if len(value) != len(old) and old else set()
        made: list[Cell] = []
        for k, v in enumerate(value):
            gone = len(old) == len(value) and (id(old[k].value) not in here or not isinstance(old[k].value, (Array, Unread)))
            place = old[k] if gone else None
            made.append(self._cell(run, value, k, known.get(id(v)) or place, step, name))
        self.cells[name] = made

    def _cell(self, run: Run, values: list, k: int, cell: Cell | None, step: Step, name: str) -> Cell:
        value = values[k]
        if isinstance(value, Array) and held(run, value, None) is None:
            value = values[k] = run.store(f"{name}[{k}]", run.current(value).detached())
        cell = cell or Cell(value, [step])
        array = held(run, value, None) if isinstance(value, Array) else ""
        if array != cell.array:
            goes_on = isinstance(step.node, ast.AugAssign) or name in step.uses.reads or id(value) == id(cell.value)
            cell.steps = [*cell.steps, step] if goes_on and cell.array and step not in cell.steps else [step]
            cell.array, cell.problem = array, None
            cell.versions.append(array)
        cell.value = value
        return cell

    def _turned(self, value: object) -> None:
        """`return grads[::-1]`: the same entries in the order in which they are handed back."""
        if not isinstance(value, list):
            return
        order = [id(v) for v in value]
        for name, cells in self.cells.items():
            if sorted(order) == sorted(id(c.value) for c in cells) and len(set(order)) == len(order):
                self.cells[name] = sorted(cells, key=lambda c: order.index(id(c.value)))

    def failed(self, run: Run, step: Step, problem: Problem) -> frozenset[str]:
        """A store into lists that could not be read: its entry stands for the true gradient; the names of the lists."""
        named = dict(lists_in(run.scopes[-1]))
        return frozenset(name for name, key in _stored(step.node)
                         if name in named and self._failed_at(run, named[name], name, key, step, problem))  # fmt: skip

    def _failed_at(self, run: Run, values: list, name: str, key: ast.expr | None, step: Step, problem: Problem) -> bool:
        try:
            place = run.static(evaluate(run, key)) if key is not None else len(values)
        except Problem:
            return False
        value = Unread()
        if isinstance(step.node, ast.Expr) and isinstance(place, int):
            values.insert(place, value)
        elif isinstance(place, int) and -len(values) <= place < len(values):
            values[place] = value
        else:
            return False
        self.watch(run, step)
        cell = next(c for c in self.cells[name] if c.value is value)
        cell.steps, cell.problem = [step], problem
        return True

    def ends(self) -> Iterator[tuple[str, list[Cell], tuple[str, ...], bool]]:
        """The lists of gradients as they end: name, entries, the forward arrays; whether they were filled one by one."""
        seen: set[int] = set()
        for name, cells in reversed(self.cells.items()):
            meant = self.meant(name)
            if meant is None or not cells or {id(c.value) for c in cells} <= seen:
                continue
            if any(c.array or c.problem for c in cells):
                seen |= {id(c.value) for c in cells}
                yield name, cells, meant, name in self.grown


def lists_in(scope: Scope | None) -> Iterator[tuple[str, list]]:
    """The lists of arrays that names in reach, or attributes of objects, hold."""
    seen: set[str] = set()
    while scope is not None:
        own = dict(scope)
        for v in scope.values():
            own |= dict(v.attributes) if isinstance(v, Instance) else {}
        for name, v in own.items():
            if isinstance(v, list) and name not in seen and not any(isinstance(e, (Rows, list, tuple, dict)) for e in v):
                seen.add(name)
                yield name, v
        scope = scope.parent


def forward_lists(run: Run, scope: Scope) -> dict[str, tuple[str, ...]]:
    """The lists of arrays that the forward pass leaves, by name."""
    found = {}
    for name, values in lists_in(scope):
        arrays = [held(run, v, None) if isinstance(v, Array) else None for v in values]
        if arrays and None not in arrays:
            found[name] = tuple(arrays)
    return found


def _stored(node: ast.stmt) -> Iterator[tuple[str, ast.expr | None]]:
    """The lists that a statement stores an entry into, and the place (None: the end)."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign) else []
    for target in targets:
        for part in target.elts if isinstance(target, ast.Tuple) else [target]:
            if isinstance(part, ast.Subscript) and isinstance(part.value, (ast.Name, ast.Attribute)):
                yield getattr(part.value, "id", getattr(part.value, "attr", "")), part.slice
    match node:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name) | ast.Attribute(attr=name), attr="append"))):
            yield name, None
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name) | ast.Attribute(attr=name), attr="insert"), args=[key, _])):
            yield name, key


def blank(step: Step) -> bool:
    """Whether a statement only makes room for entries: `[np.zeros(b.shape) for b in biases]`, `[None] * L`."""
    value = getattr(step.node, "value", None)
    value = value.elt if isinstance(value, ast.ListComp) else value
    return isinstance(value, ast.Call) and fills(ast.copy_location(ast.Expr(value), step.node))


__all__ = ["Cell", "Lists", "blank", "forward_lists", "lists_in", "named_array"]
