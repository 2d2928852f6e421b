"""What reading both passes gives: the forward program, the backward steps, and a way to read a step again, changed."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property

from derive import expr as x
from derive.checker.names import KEPT
from derive.checker.statements import Uses
from derive.errors import Problem
from derive.expr import Entry, Expr
from derive.index import Size
from derive.program import Equation, Program, Variable
from derive.readers.convert import as_array
from derive.readers.run import Run, entries, whole_view
from derive.readers.statements import Returned, execute
from derive.readers.values import Array, Buffer, ByName, Instance, Pair, Restart, Scope

FUEL = 20_000
INNER = (RecursionError, ArithmeticError, LookupError, ValueError, TypeError, AttributeError)  # of the reader itself


@dataclass(frozen=True)
class Back:
    """The backward code: its text, its statements, and the function that holds them (None: a script).

    `assumed`: gradients that it may use without setting them; `breaks`: lines where one listing ends; `loop`: the
    training loop of which it is one round.
    """

    text: str
    path: str
    tree: ast.Module
    body: tuple[ast.stmt, ...]
    function: ast.FunctionDef | None = None
    assumed: tuple[str, ...] = ()
    breaks: tuple[int, ...] = ()
    loop: ast.stmt | None = None

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines() or [""]


@dataclass
class Snapshot:
    """What names, objects and buffers hold at one point of the reading, so that a statement can be read again, changed."""

    scopes: list[tuple[Scope, dict, dict]]
    objects: list[tuple[Scope, dict, dict]]
    buffers: list[tuple[Buffer, tuple]]
    inner: list[tuple[dict | list, dict | list]]

    @staticmethod
    def of(run: Run) -> Snapshot:
        scopes, objects = [[(s, dict(s), dict(s.born)) for s in group] for group in (run.scopes, _objects(run.scopes))]
        every = [s for s, _, _ in (*scopes, *objects)]
        values = [v for s in every for v in _leaves(s)]
        found = {id(v.view.buffer): v.view.buffer for v in values if isinstance(v, Array) and v.view is not None}
        held = [(b, (b.anchor, b.loops, b.stamp, set(b.versions))) for b in found.values()]
        inner = [(v, copy.copy(v)) for s in every for v in s.values() if isinstance(v, (dict, list)) and not isinstance(v, ByName)]
        return Snapshot(scopes, objects, held, inner)

    def names(self) -> set[str]:
        """The names in reach."""
        return {name for _, values, _ in self.scopes for name in values}

    def restore(self, run: Run) -> None:
        run.scopes[:] = [s for s, _, _ in self.scopes]
        for scope, values, born in (*self.scopes, *self.objects):
            scope.clear(), scope.update(values)
            scope.born.clear(), scope.born.update(born)
        for buffer, (buffer.anchor, buffer.loops, buffer.stamp, versions) in self.buffers:
            buffer.versions.clear(), buffer.versions.update(versions)
        for value, old in self.inner:
            value.clear()
            value.update(old) if isinstance(value, dict) else value.extend(old)


@dataclass
class Step:
    """One statement as it was read: what names held before and hold after it; `problem` where it could not be read.

    `views`: gradients that it reads only to give their storage another name.
    """

    node: ast.stmt
    uses: Uses
    before: Snapshot
    values: Mapping[str, str] = field(default_factory=dict)
    changed: frozenset[str] = frozenset()
    problem: Problem | None = None
    copied: bool = False
    looped: bool = False
    views: frozenset[str] = frozenset()

    @property
    def line(self) -> int:
        return self.node.lineno


@dataclass
class Reading:
    """Both passes: the forward program, the steps of the backward code and the equations that they make.

    `start`: what a name held where the backward code begins, by its final name; `upstream`: gradient inputs by output.
    """

    forward: Program
    back: Back
    run: Run
    names: dict[str, str]
    steps: list[Step]
    equations: tuple[Equation, ...]
    variables: tuple[Variable, ...]
    start: Mapping[str, str]
    upstream: Mapping[str, str]
    scalar_upstream: str | None
    returned: ast.Return | None
    aliases: Mapping[str, str] = field(default_factory=dict)
    copies: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, Size] = field(default_factory=dict)
    defaults: Mapping[str, Fraction] = field(default_factory=dict)
    lists: object = None  # the `Lists` of gradients
    handed: tuple[str, ...] = ()  # the arrays that backward returns
    supposed: str = ""  # what backward is taken to be called with, where its parameters do not tell

    @cached_property
    def numbers(self) -> dict[str, Expr]:
        """The plain numbers that the object keeps, as the code writes them: `self.l2`."""
        owners = [v for s in self.run.scopes for v in s.values() if isinstance(v, Instance)]
        return {f"self.{n}": x.num(v) for o in owners for n, v in o.attributes.items() if isinstance(v, Fraction)}

    @property
    def lossless(self) -> bool:
        """Whether the pass ends in arrays, and no gradient of theirs is given to the code."""
        return not self.upstream and all(self.forward.shape(o) for o in self.forward.outputs)

    @cached_property
    def literals(self) -> frozenset[Fraction]:
        """The numbers that the backward code writes out."""
        found = (n.value for s in self.steps for n in ast.walk(s.node) if isinstance(n, ast.Constant))
        return frozenset(Fraction(str(v)) for v in found if type(v) in (int, float) and abs(v) < 1e300)

    def array(self, internal: str) -> str:
        return self.names.get(internal, internal)

    def origin(self, array: str) -> str:
        """The array that a plain copy copies."""
        return self.copies.get(array, array)

    def trial(
        self, step: Step, nodes: list[ast.stmt], name: str, given: tuple[str, str] | None = None
    ) -> tuple[str, list[Equation]] | None:
        """The array that a name holds after other statements from a step on, and their equations; None: unreadable."""
        run, count, now = self.run, len(self.run.equations), Snapshot.of(self.run)
        step.before.restore(run)
        run.fuel = FUEL
        try:
            if given is not None:
                own = f"∂={given[1]}"
                shape = self.forward.shape(given[1])
                run.scopes[-1][given[0]] = named_array(own, shape)
            if isinstance(execute(run, nodes), Returned):
                return None
            internal = held(run, value_of(run.scopes[-1], name), name)
            made = [self.renamed(e) for e in run.equations[count:]]
            return None if internal is None else (self.array(internal), made)
        except (Problem, Restart, *INNER):
            return None
        finally:
            del run.equations[count:]
            now.restore(run)

    def renamed(self, e: Equation) -> Equation:
        """An equation of the reading under final names."""
        names = self.names
        if e.name not in names:
            names[e.name] = f"{e.name.split(':')[1]}@trial{len(names)}"
        rhs = x.replace_entries(e.rhs, lambda u: Entry(names[u.name], u.slots) if u.name in names else None)
        return replace(e, name=names[e.name], rhs=rhs)


def flat(scope: Mapping) -> dict[str, object]:
    """The names of a scope, and the entries of dicts and of `self` as name[key]."""
    found: dict[str, object] = {}
    for name, value in scope.items():
        found[name] = value
        if isinstance(value, Instance):
            for key, inner in flat(value.attributes).items():
                found[key if "[" in key else f"{name}[{key}]"] = inner
        elif isinstance(value, dict) and not isinstance(value, ByName):
            found |= {f"{name}[{key}]": inner for key, inner in value.items() if isinstance(key, (str, int))}
            for key, inner in value.items():
                if isinstance(inner, dict) and not isinstance(inner, ByName) and any(k in inner for k in KEPT):
                    found |= {f"{key}[{k}]": v for k, v in inner.items()}  # {"W": {"value": …, "grad": …}}
    return found


def value_of(scope: Scope, name: str) -> object:
    """What a name of a scope holds; `dWs[1]`: an entry of a list."""
    owner, _, key = name.rstrip("]").partition("[")
    values = flat(scope).get(owner)
    if isinstance(values, list) and key.isdigit() and int(key) < len(values):
        return values[int(key)]
    return flat(scope).get(name)


def _objects(scopes: Iterable[Scope]) -> list[Scope]:
    """The attributes of the objects that names hold, and of the objects in these."""
    found: dict[int, Scope] = {}
    waiting = list(scopes)
    while waiting:
        inner = [v.attributes for v in waiting.pop().values() if isinstance(v, Instance)]
        waiting += [s for s in inner if id(s) not in found]
        found |= {id(s): s for s in inner}
    return list(found.values())


def _leaves(scope: Mapping) -> Iterator[object]:
    for value in scope.values():
        if isinstance(value, (dict, list, tuple)):
            yield from (value.values() if isinstance(value, dict) else value)
        else:
            yield value


def held(run: Run, value: object, name: str | None) -> str | None:
    """The array that a value is; one that is no plain array gets an equation under `name`."""
    if isinstance(value, Pair):
        value = value.values
    if not isinstance(value, Array):
        number = isinstance(value, (int, Fraction, Size)) and not isinstance(value, bool)
        return _number(run, value, name) if name is not None and number else None
    if value.view is not None and value.view.loose and value.view.stamp != value.view.buffer.stamp:
        return None
    value = run.current(value)
    slots = run.fresh(value.shape)
    e = value.body(slots)
    if isinstance(e, Entry) and len(e.slots) == value.rank:
        if all(s is i or i.size.number == 1 for s, i in zip(e.slots, slots, strict=True)):
            return e.name
    if name is None:
        return None
    known = _last(run, name)
    if known is not None and known.shape == value.shape and known.instance(slots).key == e.key:
        return known.name  # what the name held before: nothing has changed it
    internal = run.new_internal(name, "")
    run.define(internal, value.detached())
    return internal


def _last(run: Run, name: str) -> Equation | None:
    """The last equation made for a name."""
    made = run.local(name, "").internals[-1:]
    return next((q for q in reversed(run.equations) if q.name in made), None)


def _number(run: Run, value: int | Fraction | Size, name: str) -> str:
    """The array, made once, of a number that a name holds."""
    array = as_array(run, value)
    own = f"{name}={array.body(())}"
    if ("", own) not in run.locals:
        run.define(run.new_internal(own, ""), array)
    return run.locals["", own].internals[0]


def named_array(name: str, shape: tuple[Size, ...], sort: str = "real") -> Array:
    """An array of that name, in storage of its own."""
    return replace(entries(name, shape, sort), view=whole_view(Buffer(name, shape, sort, {name})))
