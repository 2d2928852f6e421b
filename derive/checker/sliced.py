"""One loop over the samples that makes the loss and its gradient, as naive course code does, taken apart into two.

The forward loop keeps the statements that the loss rests on.  The backward loop keeps the others, and those that these
rest on, which it computes again.  Where that would change a value, a Problem names the line.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from derive.checker.aliases import one_array, touched, writes
from derive.checker.names import spelled
from derive.checker.statements import uses
from derive.errors import Span, Unsupported

Body = list[ast.stmt]
CHANGING = {"append", "extend", "insert", "pop", "reverse", "sort", "update", "setdefault"}
JUMPS = (ast.Continue, ast.Break, ast.Return)


@dataclass(frozen=True)
class Leaf:
    """A simple statement of a loop, and the loops and branches around it, the outermost first."""

    node: ast.stmt
    around: tuple[ast.stmt, ...]

    @property
    def reads(self) -> frozenset[str]:
        """What it reads, and what decides whether and how often it runs."""
        heads = (h.iter if isinstance(h, ast.For) else h.test for h in self.around)
        return uses(self.node).reads | {n.id for h in heads for n in ast.walk(h) if isinstance(n, ast.Name)}

    @property
    def changes(self) -> frozenset[str]:
        """What it writes; a call whose value is dropped may change all that it is given."""
        found = set(writes(self.node))
        if isinstance(self.node, ast.Expr) and isinstance(self.node.value, ast.Call):
            found |= {n.id for n in ast.walk(self.node) if isinstance(n, ast.Name)}
        for n in ast.walk(self.node):
            if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and n.func.attr in CHANGING:
                found |= {m.id for m in ast.walk(n.func) if isinstance(m, ast.Name)}
            found |= {m.id for k in getattr(n, "keywords", ()) if k.arg == "out" for m in ast.walk(k.value) if isinstance(m, ast.Name)}
        return frozenset(found)


def _prints(node: ast.stmt) -> bool:
    call = node.value if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None
    return call is not None and isinstance(call.func, ast.Name) and call.func.id == "print"


@dataclass(frozen=True)
class Halves:
    """The two loops, and what the forward one reads."""

    forward: ast.For
    backward: ast.For
    reads: frozenset[str]


def halves(loop: ast.For, function: ast.FunctionDef, loss: str, wanted: set[str], gradient: Callable[[ast.stmt], bool]) -> Halves | None:
    """A loop taken apart; None for one that trains, and where it holds statements that have no place in such a loop.

    `wanted`: what the loss rests on behind the loop; `gradient`: whether a statement sets a gradient.  Raises a Problem
    at the line that belongs to both.
    """
    if any(isinstance(n, (ast.While, ast.With, ast.Try, ast.FunctionDef, ast.ClassDef)) for n in ast.walk(loop)):
        return None
    leaves = [leaf for leaf in _leaves(loop.body, (loop,)) if not _prints(leaf.node)]
    decide = {n for leaf in leaves if isinstance(leaf.node, JUMPS) for n in leaf.reads}
    first, reads = _closure(leaves, wanted | decide | {loss}, lambda leaf: leaf.changes)
    both = next((leaf for leaf in leaves if leaf.node in first and gradient(leaf.node)), None)
    if both is not None and any(_updates(leaf.node) for leaf in leaves):
        return None
    if both is not None:
        raise _refused(both.node, f"`{loss}` rests on this line, which sets a gradient", "use another name for one of them")
    same = one_array(function.body)
    rest = [leaf for leaf in leaves if leaf.node not in first and not isinstance(leaf.node, JUMPS)]
    needed = decide.union(*(leaf.reads for leaf in rest))
    again, _ = _closure([leaf for leaf in leaves if leaf.node in first], needed,
                        lambda leaf: leaf.changes | touched(leaf.node, same))  # fmt: skip
    _Parts(loop, leaves, first, again, same).check(loss)
    jumps = {leaf.node for leaf in leaves if isinstance(leaf.node, JUMPS)}
    front = _kept(loop, first | jumps)
    back = _kept(loop, again | jumps | {leaf.node for leaf in rest})
    return None if front is None or back is None else Halves(front, back, frozenset(reads))


def _updates(node: ast.stmt) -> bool:
    """Whether a statement moves a parameter along its gradient: `w -= lr * dw`."""
    names = {spelled(n.id) for n in ast.walk(node) if isinstance(n, ast.Name)}
    return isinstance(node, (ast.Assign, ast.AugAssign)) and bool(writes(node) & names)


def _refused(node: ast.stmt, what: str, hint: str) -> Unsupported:
    why = "one loop makes the loss and the gradient, and is read as two, one after the other"
    return Unsupported(what, why, hint, Span(node.lineno, node.col_offset + 1))


def _leaves(body: Body, around: tuple[ast.stmt, ...]) -> Iterator[Leaf]:
    for node in body:
        if isinstance(node, (ast.For, ast.If)):
            yield from _leaves(node.body, (*around, node))
            yield from _leaves(node.orelse, (*around, node))
        else:
            yield Leaf(node, around)


def _closure(leaves: list[Leaf], wanted: set[str], changes: Callable[[Leaf], frozenset[str]]) -> tuple[set[ast.stmt], set[str]]:
    """The statements that write what is wanted, those that these rest on, and all that they read."""
    found: set[ast.stmt] = set()
    wanted, grown = set(wanted), True
    while grown:
        grown = False
        for leaf in leaves:
            if leaf.node not in found and changes(leaf) & wanted:
                found.add(leaf.node)
                wanted |= leaf.reads
                grown = True
    return found, wanted


@dataclass(frozen=True)
class _Parts:
    """The statements that the loss rests on (`first`), and those of them that run `again` with the gradients."""

    loop: ast.For
    leaves: list[Leaf]
    first: set[ast.stmt]
    again: set[ast.stmt]
    same: dict[str, frozenset[str]]

    def check(self, loss: str) -> None:
        """Raises where the two loops, one after the other, compute something else than the one loop did."""
        rest = [leaf for leaf in self.leaves if leaf.node not in self.first]
        for leaf in rest:
            if loss in leaf.reads:
                raise _refused(leaf.node, f"this line reads `{loss}` inside the loop that adds it up", "compute the loss first")
        for leaf in self.leaves:
            if leaf.node in self.again:
                self._runs_twice(leaf)
        for leaf in rest:
            for other in (f for f in self.leaves if f.node in self.first):
                self._disturbs(leaf, other)

    def _runs_twice(self, leaf: Leaf) -> None:
        """A statement of both loops works on names that every round sets anew."""
        for name in sorted(leaf.changes | touched(leaf.node, self.same)):
            if not _anew(self.loop.body, name):
                raise _refused(leaf.node, f"loss and gradient both rest on this line, and it changes `{name}` from round to round",
                              f"set `{name}` anew in every round, or compute the loss in a loop of its own")  # fmt: skip

    def _disturbs(self, leaf: Leaf, other: Leaf) -> None:
        """A backward statement changes nothing that the loss still reads."""
        clash = (leaf.changes | touched(leaf.node, self.same)) & (other.reads | other.changes | touched(other.node, self.same))
        common = [h for h in leaf.around if h in other.around and isinstance(h, ast.For)][-1]
        places = [f.node for f in self.leaves]
        late = places.index(other.node) < places.index(leaf.node)
        for name in sorted(clash):
            if not (late and _anew(common.body, name)):
                raise _refused(leaf.node, f"this line changes `{name}`, on which the loss rests (line {other.node.lineno})",
                              f"copy it first: d = {name}.copy()")  # fmt: skip


def _anew(body: Body, name: str) -> bool:
    """Whether every run of statements sets a name before it uses it."""
    for node in body:
        if not _mentions(node, name):
            continue
        match node:
            case ast.Assign(targets=targets, value=value) if any(_sets(t, name) for t in targets):
                return not _mentions(value, name) and not any(isinstance(t, ast.Subscript) and _mentions(t, name) for t in targets)
            case ast.For(target=target, iter=where, body=inner, orelse=[]) if not _mentions(where, name):
                alone = all(n is node or not _mentions(n, name) for n in body)
                return alone and (_sets(target, name) or _anew(inner, name))
            case ast.If(test=test, body=yes, orelse=no) if not _mentions(test, name):
                alone = all(n is node or not _mentions(n, name) for n in body)
                return alone and all(_anew(part, name) for part in (yes, no) if any(_mentions(n, name) for n in part))
        return False
    return True


def _mentions(node: ast.AST, name: str) -> bool:
    return any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(node))


def _sets(target: ast.expr, name: str) -> bool:
    parts = target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
    return any(isinstance(t, ast.Name) and t.id == name for t in parts)


def _kept(node: ast.stmt, wanted: set[ast.stmt]) -> ast.stmt | None:
    """A loop or branch with the wanted statements alone; None where none is left."""
    if not isinstance(node, (ast.For, ast.If)):
        return node if node in wanted else None
    body, orelse = ([k for n in part if (k := _kept(n, wanted)) is not None] for part in (node.body, node.orelse))
    if not body and not orelse:
        return None
    made = copy.copy(node)
    made.body = body or [ast.copy_location(ast.Pass(), node.body[0])]
    made.orelse = orelse
    return made


# ---------------------------------------------------------------- the text of a half


def text_of(half: ast.For, loop: ast.For, lines: list[str], path: str) -> dict[int, str]:
    """The lines of a half of a loop by number: those of its statements and of the heads around them.

    Raises a Problem where a line holds statements of both halves.
    """
    found: dict[int, str] = {}
    _write(half, lines, found)
    kept = {id(leaf.node) for leaf in _leaves(half.body, (half,))}
    for leaf in _leaves(loop.body, (loop,)):
        for number in range(leaf.node.lineno, leaf.node.end_lineno + 1) if id(leaf.node) not in kept else ():
            if found.get(number, "").strip() not in ("", "pass"):
                raise Unsupported("a line with statements of the loss and of its gradient", "the two are taken apart line by line",
                                  "put every statement on a line of its own", Span(number, 1, text=lines[number - 1], path=path))  # fmt: skip
    return found


def _write(node: ast.stmt, lines: list[str], found: dict[int, str]) -> None:
    if not isinstance(node, (ast.For, ast.If)):
        if isinstance(node, ast.Pass):
            found.setdefault(node.lineno, " " * node.col_offset + "pass")
        else:
            found.update({k: lines[k - 1] for k in range(node.lineno, node.end_lineno + 1)})
        return
    head = node.iter if isinstance(node, ast.For) else node.test
    found.update({k: lines[k - 1] for k in range(node.lineno, head.end_lineno + 1)})
    for inner in node.body:
        _write(inner, lines, found)
    if node.orelse:
        chained = node.orelse[0].lineno
        between = range(max(n.end_lineno for n in node.body) + 1, chained)
        found.update({k: lines[k - 1] for k in between if lines[k - 1].strip().startswith("else")})
        for inner in node.orelse:
            _write(inner, lines, found)


__all__ = ["Halves", "halves", "text_of"]
