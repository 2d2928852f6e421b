"""Branches on data in a loop over rows: `if margin > 0: loss += margin` adds where(margin > 0, margin, 0).

Every round reads both branches, each statement under the condition that leads to it.  An update adds nothing, a store
keeps what stood there, where the condition does not hold.  A name that only some rounds set has no value after the
branch.  `continue` is a branch around the rest of the body.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable
from dataclasses import dataclass, field

from derive import expr as x
from derive.errors import Problem
from derive.readers import arrays as A
from derive.readers.convert import as_array, truth
from derive.readers.evaluate import evaluate
from derive.readers.run import Run
from derive.readers.values import Array, Pair, Unset

CHANGING = {"append", "extend", "insert", "pop", "reverse", "sort", "update", "setdefault", "at"}
NEUTRAL = {ast.Add: 0, ast.Sub: 0, ast.Mult: 1, ast.Div: 1}
KEEP = "assignments and updates: `if c: loss += e`, `if c: a[i] = e`, `if c: continue`"


@dataclass
class Guard:
    """A condition on data under which statements are read, by the name of its truth value.

    `made`: names to which it gives their first value in this round; `opposite`: values of the branch before, by name,
    which an `else` must keep.
    """

    name: str
    opposite: dict[str, object] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)

    def kept(self, name: str) -> str:
        """The name under which a value of the branch before is kept."""
        return f"{name} {self.name}"


def without_continue(body: list[ast.stmt]) -> list[ast.stmt]:
    """A loop's body in which `if c: continue` is a branch around the statements behind it; the same body for others."""
    for k, node in enumerate(body):
        if not isinstance(node, ast.If) or not _continues(node.body + node.orelse):
            continue
        yes, no = without_continue(node.body), without_continue(node.orelse)
        rest = without_continue(body[k + 1 :])
        made = copy.copy(node)
        if isinstance(yes[-1], ast.Continue):
            made.body, made.orelse = yes[:-1] or [_nothing(node)], no + rest
        elif no and isinstance(no[-1], ast.Continue):
            made.body, made.orelse = yes + rest, no[:-1]
        else:
            return body
        return [*body[:k], made]
    return body


def _continues(body: list[ast.stmt]) -> bool:
    """Whether a `continue` of this loop stands among statements, or in their branches."""
    inner = (n.body + n.orelse for n in body if isinstance(n, ast.If))
    return any(isinstance(n, ast.Continue) for n in body) or any(map(_continues, inner))


def _nothing(node: ast.stmt) -> ast.Pass:
    return ast.copy_location(ast.Pass(), node)


def branch(run: Run, node: ast.If, execute: Callable) -> object:
    """Read an `if`: the branch that is taken, or both where a loop's data decide."""
    test = decided(run, node.test)
    if not isinstance(test, Array):
        return execute(run, node.body if test else node.orelse)
    scope = run.scopes[-1]
    here = run.rounds[-1].key if run.rounds else ""
    loops = {n: v.loop if isinstance(v, Unset) else here for n, v in scope.items()}
    yes = _guarded(run, node, test, node.body, {}, execute)
    values = {n: scope[n] for n in yes}
    scope.update({n: Unset(node.lineno, loops.get(n, "")) for n in yes})
    no = _guarded(run, node, A.logical(run, x.negation, test), node.orelse, values, execute)
    scope.update({n: Unset(node.lineno, loops.get(n, "")) for n in no - yes})
    if run.guards:
        run.guards[-1].made |= yes | no
    return None


def decided(run: Run, node: ast.expr) -> bool | Array:
    """A test as a truth value, or in a loop of unknown length as a condition on its data."""
    match node:
        case ast.BoolOp(op=op, values=values) if run.loops:
            found = [decided(run, v) for v in values]
            stop = isinstance(op, ast.Or)
            if any(f is stop for f in found):
                return stop
            arrays = [f for f in found if isinstance(f, Array)]
            join = x.either if stop else x.both
            return A.logical(run, join, *arrays) if len(arrays) > 1 else arrays[0] if arrays else not stop
        case ast.UnaryOp(op=ast.Not(), operand=inner) if run.loops:
            found = decided(run, inner)
            return A.logical(run, x.negation, found) if isinstance(found, Array) else not found
    value = run.static(evaluate(run, node))
    if run.loops and isinstance(value, (Array, Pair)) and not as_array(run, value).rank:
        return A.truthy(run, as_array(run, value)).detached()
    return truth(run, value)


def _guarded(run: Run, node: ast.If, test: Array, body: list, opposite: dict, execute: Callable) -> set[str]:
    """Read a branch under its condition; the names that were set in it for the first time in this round."""
    scope = run.scopes[-1]
    guard = Guard(f"if {node.lineno}.{len(run.guards)}", opposite)
    scope[guard.name] = A.logical(run, x.both, scope[run.guards[-1].name], test) if run.guards else test
    scope.update({guard.kept(n): v for n, v in opposite.items()})
    run.guards.append(guard)
    try:
        execute(run, body)
    finally:
        run.guards.pop()
        for name in (guard.name, *map(guard.kept, opposite)):
            scope.pop(name, None)
    return guard.made


def under_guard(run: Run, node: ast.stmt) -> ast.stmt:
    """A statement as it is read under the condition that leads to it; raises where it has no such reading."""
    if _changes_by_call(node):
        raise _refused(run, node)
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            kept = _kept(run, name)
            return node if kept is None else _conditional(run, node, value, ast.Name(kept, ast.Load()))
        case ast.Assign(targets=[ast.Subscript() as target], value=value):
            old = copy.copy(target)
            old.ctx = ast.Load()
            return _conditional(run, node, value, old)
        case ast.AugAssign(target=ast.Name() | ast.Subscript(), op=op, value=value) if type(op) in NEUTRAL:
            return _conditional(run, node, value, ast.Constant(NEUTRAL[type(op)]))
        case ast.If() | ast.For() | ast.Assert() | ast.Expr(value=ast.Constant()):
            return node
    raise _refused(run, node)


def _changes_by_call(node: ast.stmt) -> bool:
    """Whether an expression of a statement may change a list or an array: `stack.pop()`, `a.add_(b)`, `out=a`."""
    parts = [] if isinstance(node, (ast.If, ast.For)) else ast.walk(node)
    calls = [n for n in parts if isinstance(n, ast.Call)]
    names = [c.func.attr for c in calls if isinstance(c.func, ast.Attribute)]
    return any(n in CHANGING or n.endswith("_") for n in names) or any(k.arg == "out" for c in calls for k in c.keywords)


def _kept(run: Run, name: str) -> str | None:
    """The name that holds what a name keeps where the condition does not hold: a value of this round; None for none."""
    scope, guard = run.scopes[-1], run.guards[-1]
    if name in guard.made:
        return name if name in guard.opposite else None
    if name in scope and run.loops[-1] in scope.born.get(name, ()) and not isinstance(scope[name], Unset):
        return name
    guard.made.add(name)
    return guard.kept(name) if name in guard.opposite else None


def refuse_changes(run: Run, body: ast.AST) -> None:
    """A function that is called under a condition on data may compute, and change nothing."""
    for n in ast.walk(body):
        stores = isinstance(n, (ast.Subscript, ast.Attribute)) and isinstance(n.ctx, ast.Store)
        if stores or isinstance(n, ast.AugAssign) or isinstance(n, ast.stmt) and _changes_by_call(n):
            raise _refused(run, run.statement)


def _conditional(run: Run, node: ast.Assign | ast.AugAssign, value: ast.expr, other: ast.expr) -> ast.stmt:
    made = copy.copy(node)
    made.value = ast.IfExp(ast.Name(run.guards[-1].name, ast.Load()), value, other)
    ast.copy_location(made.value, value)
    return ast.fix_missing_locations(made)


def _refused(run: Run, node: ast.stmt) -> Problem:
    """What cannot stand under a condition on data."""
    return run.unsupported("this statement in a branch that depends on the data",
                           "every round must be alike: each statement is read under the condition of its branch",
                           f"what may stand there: {KEEP}", node)  # fmt: skip


__all__ = ["Guard", "branch", "decided", "refuse_changes", "under_guard", "without_continue"]
