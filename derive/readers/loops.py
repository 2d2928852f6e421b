"""Loops over a range of unknown length: one round stands for all.

What a round stores is an equation over the loop's index.  What it reads of earlier rounds (a name that it sets later,
the last element of a list, the entry under t − 1, the row H[t − 1]) is followed by `rounds` and `trails`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from derive import expr as x
from derive.readers.convert import as_array
from derive.readers.rounds import (
    Carry,
    Listed,
    Round,
    check_shape,
    close_dict,
    close_list,
    closed,
    known_shape,
    opened,
    replaced,
    state_sort,
)
from derive.readers.run import Run
from derive.readers.trails import Trail, close_trail
from derive.readers.values import (
    UNIT,
    Array,
    Instance,
    Moving,
    Pair,
    Parameter,
    Restart,
    Rows,
    Scope,
    Watch,
    kind,
)


def symbolic_loop(run: Run, node: ast.For, body: list[ast.stmt], rows: Rows, execute: Callable) -> None:
    """Read a loop whose number of rounds is a size; `body`: its statements without `continue`."""
    met = run.loops_met[node.lineno] = run.loops_met.get(node.lineno, 0) + 1
    rows, backward = _upward(run, rows)
    this = Round(f"{node.lineno}.{met}", rows.index, backward)
    if this.key in run.knowledge.timed:
        _markknown_shape(run, this)
    scope = run.scopes[-1]
    numbers = {n for n, v in scope.items() if isinstance(v, (int, Fraction)) and not isinstance(v, bool)}
    body = [_accumulating(s, body, numbers) for s in body]
    events = events_of(body)
    this.fresh = events.fresh
    events.carried |= run.knowledge.carried.get(this.key, set())
    run.loops.append(rows.index)
    run.rounds.append(this)
    try:
        _follow_arrays(run, this, scope)
        buffers = [scope[n].view.buffer for n in events.changed - events.fresh
                   if isinstance(scope.get(n), Array) and scope[n].view is not None
                   and id(scope[n].view.buffer) not in this.trails]  # fmt: skip
        buffers += [v.view.buffer for path, v in _slots(run) if isinstance(v, Array) and v.view is not None
                    and events.kept & {path[-1], *((key,) for key in path[1:-1])}]  # fmt: skip
        run.watched.append(Watch(rows.index, _loop_place(rows), buffers, this.key))
        _one_round(run, this, node, rows, body, events, execute)
    finally:
        run.loops.pop(), run.rounds.pop()
        if run.watched and run.watched[-1].key == this.key:
            run.watched.pop()
    _after_loop(run, scope, this)


def _markknown_shape(run: Run, this: Round) -> None:
    this.timed = True
    run.timed.append(this.index)


def _one_round(run: Run, this: Round, node: ast.For, rows: Rows, body: list, events: Events, execute: Callable) -> None:
    scope = run.scopes[-1]
    _name_time(run, node.target, rows)
    starts = _open_names(run, this, scope, events)
    _open_lists(this, scope, events)
    slots = _open_slots(run, this)
    before = dict(_slots(run))
    run.assign(run, node.target, rows.element, quiet=True)
    outcome = execute(run, body)
    if outcome is not None:
        raise run.unsupported("leaving a loop of unknown length early", "every round must be alike",
                              "use a mask, or a static number of rounds")  # fmt: skip
    _close_names(run, this, scope, starts)
    for container, key, carry, first in slots:
        _close(run, this, carry, first, container[key])
    for held in this.lists.values():
        close_list(run, this, held)
    for held in this.dicts.values():
        close_dict(run, this, held)
    for trail in [*this.trails.values()]:
        close_trail(run, this, trail)
    _new_slots(run, this, before, slots)


def _upward(run: Run, rows: Rows) -> tuple[Rows, bool]:
    """A loop that counts down, over the index that its variable is: (the same rows, True)."""
    first = rows.element[0] if isinstance(rows.element, tuple) and rows.element else rows.element
    slot = x.as_slot(first.body(())) if isinstance(first, Array) and not first.rank and first.sort == "int" else None
    if not isinstance(slot, x.Affine) or len(slot.terms) != 1 or slot.terms[0][0] is not rows.index:
        return rows, False
    if slot.terms[0][1].number != -1:
        return rows, False
    i = rows.index.fresh()
    turned = x.affine([(i, -UNIT)], i.size - 1)
    return Rows(i, replaced(run, rows.element, {rows.index: turned})), True


def _loop_place(rows: Rows) -> x.Slot:
    """The loop variable as a place."""
    e = rows.element
    slot = x.as_slot(e.body(())) if isinstance(e, Array) and not e.rank and e.sort == "int" else None
    return slot if slot is not None and not any(isinstance(s, (x.Entry, x.ArgBest)) for s in x.walk(slot)) else rows.index


def _name_time(run: Run, target: ast.expr, rows: Rows) -> None:
    """The author's loop variable as the letter of the index."""
    if not run.timed or run.timed[-1] is not rows.index:
        return
    first, e = target, rows.element
    if isinstance(target, ast.Tuple) and isinstance(e, tuple) and e and target.elts:
        first, e = target.elts[0], e[0]
    counts = isinstance(e, Array) and not e.rank and e.sort == "int"
    letter = first.id if isinstance(first, ast.Name) and counts else "t"
    run.time_letters.setdefault(rows.index.size, letter if len(letter) == 1 else "t")


# ---------------------------------------------------------------- names


def _open_names(run: Run, this: Round, scope: Scope, events: Events) -> dict[str, tuple[Carry, Array]]:
    """What a round reads under a name before it sets it is what the round before has left."""
    found = {}
    for name in sorted(events.carried & scope.keys()):
        value = scope[name]
        if isinstance(value, (list, dict)):
            continue
        run.check_round(name)
        first = _state(run, name, value)
        carry = opened(run, this, name, known_shape(run, this, name, first), state_sort(first))
        scope[name], scope.born[name] = carry.array, tuple(run.loops)
        found[name] = carry, first
    return found


def _state(run: Run, name: str, value: object) -> Array:
    """The start of a state as an array."""
    if isinstance(value, (Array, Pair, int, Fraction, Parameter)) and not isinstance(value, bool):
        return as_array(run, value)
    raise run.unsupported(f"`{name}`, which is {kind(value)} before a loop of unknown length and something else after a round",
                          "every round must be alike", f"start from an array: {name} = np.zeros(n)")  # fmt: skip


def _close_names(run: Run, this: Round, scope: Scope, starts: dict[str, tuple[Carry, Array]]) -> None:
    for name, (carry, first) in starts.items():
        _refuse_aliases(run, scope, name, carry, first)
        _close(run, this, carry, first, scope[name])


def _close(run: Run, this: Round, carry: Carry, first: Array, value: object) -> None:
    last = as_array(run, value)
    check_shape(run, this, carry.label, carry, last)
    closed(run, this, carry, 1, lambda r: first, last)


def _refuse_aliases(run: Run, scope: Scope, name: str, carry: Carry, first: Array) -> None:
    """An array that every round changes in place is one array: whoever else holds it sees the changes."""
    last, buffer = scope[name], carry.array.view.buffer
    if not (isinstance(last, Array) and last.rank and last.view is not None and last.view.buffer is buffer and buffer.stamp):
        return
    own = None if first.view is None else first.view.buffer
    shared = [n for n, v in scope.items() if n != name and any(b in (buffer, own) for b in _buffers(v))]
    if shared or own is not None and own.anchor in run.inputs:
        raise run.unsupported(f"`{name}`, which every round changes in place and which is known under another name too",
                              f"`{shared[0] if shared else own.anchor}` changes with it",
                              f"make a new array in every round: {name} = {name} + …")  # fmt: skip


def _buffers(value: object) -> Iterator[object]:
    if isinstance(value, Array) and value.view is not None:
        yield value.view.buffer
    elif isinstance(value, (list, tuple)):
        for v in value:
            yield from _buffers(v)
    elif isinstance(value, dict):
        yield from _buffers([*value.values()])
    elif isinstance(value, Rows):
        yield from _buffers(value.element)


# ---------------------------------------------------------------- lists, dicts, attributes, arrays


def _open_lists(this: Round, scope: Scope, events: Events) -> None:
    for name in events.appended:
        value = scope.get(name)
        if isinstance(value, list) and not any(isinstance(v, Rows) for v in value):
            this.lists[id(value)] = Listed(value, list(value), name=name)


def _follow_arrays(run: Run, this: Round, scope: Scope) -> None:
    for key, name in sorted(run.knowledge.trails):
        value = scope.get(name)
        if key == this.key and isinstance(value, Array) and value.view is not None:
            whole = run.current(value)
            this.trails[id(whole.view.buffer)] = Trail(name, scope, whole)


def _slots(run: Run) -> Iterator[tuple[tuple, object]]:
    """The entries of dicts and the attributes of objects that names reach, by their path."""
    for depth, scope in enumerate(run.scopes):
        for name, value in scope.items():
            yield from _inner((depth, name), value, 3)


def _inner(path: tuple, value: object, left: int) -> Iterator[tuple[tuple, object]]:
    for key, v in _held(value).items() if left else ():
        if not isinstance(key, Moving):
            yield (*path, key), v
            yield from _inner((*path, key), v, left - 1)


def _held(value: object) -> dict:
    """What a container holds, by key, attribute or place."""
    if isinstance(value, list):
        return {} if any(isinstance(v, Rows) for v in value) else dict(enumerate(value))
    return value.attributes if isinstance(value, Instance) else value if isinstance(value, dict) else {}


def _open_slots(run: Run, this: Round) -> list[tuple[dict, object, Carry, Array]]:
    """Entries and attributes that a round is known to change: their state before."""
    found = []
    for path in sorted(run.knowledge.slots.get(this.key, ()), key=str):
        container = _container(run, path)
        if container is None or path[-1] not in _held(container):
            continue
        label = str(path[-1]) if str(path[-1]).isidentifier() else "item"
        first = _state(run, label, container[path[-1]])
        carry = opened(run, this, label, known_shape(run, this, label, first), state_sort(first))
        container[path[-1]] = carry.array
        found.append((container, path[-1], carry, first))
    return found


def _container(run: Run, path: tuple) -> dict | list | None:
    held: object = run.scopes[path[0]] if path[0] < len(run.scopes) else None
    for key in path[1:-1]:
        held = _held(held).get(key)
        held = held.attributes if isinstance(held, Instance) else held
    return held if isinstance(held, (dict, list)) else None


def _new_slots(run: Run, this: Round, before: dict, known: list) -> None:
    """Entries and attributes that the round has changed are state too: read again with that knowledge."""
    held = run.knowledge.slots.setdefault(this.key, set())
    new = {p for p, v in _slots(run) if p in before and v is not before[p] and not isinstance(v, (list, dict, Instance))}
    if new - held:
        held |= new
        raise Restart


def _after_loop(run: Run, scope: Scope, this: Round) -> None:
    """What was set inside the loop keeps the value of its last round."""
    p = this.index
    last = {p: x.whole_slot(0) if this.backward else x.whole_slot(p.size - 1)}
    containers = [scope]
    containers += [c for path, _ in _slots(run) if (c := _container(run, path)) is not None
                   and not any(c is other for other in containers)]  # fmt: skip
    for held in containers:
        for name, value in list(_held(held).items()):
            if isinstance(name, Moving):
                continue
            if isinstance(value, Array) and p in value.body(run.fresh(value.shape)).free:
                held[name] = replaced(run, value, last)
            elif isinstance(value, list) and len(value) == 1 and isinstance(value[0], Rows):
                held[name] = value[0]


# ---------------------------------------------------------------- what a body does with names


@dataclass
class Events:
    """What the statements of a loop do with names.

    carried: read before they are set, although the body sets them; fresh: set; changed: in place; appended: lists;
    kept: the key of what changes in place inside an object or a container; (key,) for all that is kept under it.
    """

    carried: set[str] = field(default_factory=set)
    fresh: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    appended: set[str] = field(default_factory=set)
    kept: set = field(default_factory=set)


def events_of(body: list[ast.stmt]) -> Events:
    """The events of a loop's body."""
    seen = _Walk()
    for node in body:
        seen.walk(node)
    stored = seen.assigned | seen.augmented.keys()
    carried = {name for name, set_before in seen.loads if name in stored and name not in set_before}
    carried |= {n for n, signs in seen.augmented.items()
                if not signs <= {"Add", "Sub"} or (n in seen.assigned and n not in seen.reset)}  # fmt: skip
    return Events(carried, seen.assigned, seen.changed, seen.appended, seen.kept)


def _innermost(target: ast.expr) -> set:
    """dW of `self.dW`, W of `self.grads["W"]`; (grads,) of `grads[k]`: the last key that the text tells."""
    match target:
        case ast.Subscript(slice=ast.Constant(value=str() | int() as key)) | ast.Attribute(attr=key) | ast.Name(id=key):
            return {key}
        case ast.Subscript(value=value):
            return {key if isinstance(key, tuple) else (key,) for key in _innermost(value)}
    return set()


@dataclass
class _Walk:
    loads: list[tuple[str, set[str]]] = field(default_factory=list)
    assigned: set[str] = field(default_factory=set)
    augmented: dict[str, set[str]] = field(default_factory=dict)
    reset: set[str] = field(default_factory=set)  # assigned before they are augmented
    changed: set[str] = field(default_factory=set)
    appended: set[str] = field(default_factory=set)
    kept: set = field(default_factory=set)

    def walk(self, *nodes: ast.AST) -> None:
        for node in nodes:
            self._walk(node)

    def _walk(self, node: ast.AST) -> None:
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                self.loads.append((name, set(self.assigned)))
            case ast.Name(id=name, ctx=ast.Store()):
                self.assigned.add(name)
            case ast.Assign(targets=targets, value=value):
                self.walk(value, *targets)
            case ast.AugAssign(target=ast.Name(id=name), op=ast.Add(), value=ast.List(elts=elts)):
                self.walk(*elts)
                self.appended.add(name)
            case ast.AugAssign(target=ast.Name(id=name), op=op, value=value):
                self.walk(value)
                if name in self.assigned:
                    self.reset.add(name)
                else:
                    self.augmented.setdefault(name, set()).add(type(op).__name__)
                self.changed.add(name)
            case ast.AugAssign(target=target, value=value):
                self.kept |= _innermost(target)
                self.walk(value, target)
            case ast.Subscript(value=value, slice=key, ctx=ast.Store()):
                self.walk(key)
                self.kept |= _innermost(value)
                self.changed.update(n.id for n in ast.walk(value) if isinstance(n, ast.Name))
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="append"), args=args):
                self.walk(*args)
                self.appended.add(name)
            case ast.Call(func=ast.Attribute(attr="at"), args=[ast.Name(id=name), *args]):
                self.walk(*args)
                self.changed.add(name)
            case ast.Call(func=ast.Attribute(attr="at"), args=[place, *args]):
                self.walk(*args)
                self.kept |= _innermost(place)
            case ast.For(target=target, iter=iter_, body=inner, orelse=orelse):
                self.walk(iter_, target, *inner, *orelse)
            case ast.ListComp(elt=elt, generators=generators) | ast.GeneratorExp(elt=elt, generators=generators):
                self.walk(*(g.iter for g in generators), *(g.target for g in generators), elt)
            case _:
                self.walk(*ast.iter_child_nodes(node))


def _accumulating(node: ast.stmt, body: list[ast.stmt], numbers: set[str]) -> ast.stmt:
    """`loss = loss + e`, where `loss` was a number and the loop does nothing else with it, as `loss += e`."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name) as target], value=ast.BinOp(ast.Name(id=left), ast.Add() | ast.Sub() as op, e)):
            if left == name and name in numbers and sum(isinstance(n, ast.Name) and n.id == name for s in body for n in ast.walk(s)) == 2:
                return ast.copy_location(ast.AugAssign(target, op, e), node)
    return node


__all__ = ["Events", "events_of", "symbolic_loop"]
