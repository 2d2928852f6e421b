"""Common subexpressions: what is costly and occurs twice is computed once, under a name of its own."""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

from derive.arrays.program import (
    Along,
    Apply,
    Assign,
    Best,
    Counter,
    Einsum,
    Fold,
    Full,
    Load,
    Map,
    Matmul,
    Node,
    Scan,
    Statement,
    Store,
    changed,
    children,
    walk,
)  # fmt: skip

COSTLY = (Along, Apply, Best, Einsum, Fold, Matmul, Scan)
Block = tuple[Statement, ...]


def shared(blocks: Iterable[Block]) -> list[Block]:
    """The blocks of several equations with repeated costly parts named once, before their first use."""
    found = [_Looked.at(block) for block in blocks]
    names = (f"~~shared{k}" for k in count(1))
    while (part := _largest(found)) is not None:
        found = _named(found, part, next(names))
    return [looked.block for looked in found]


def shared_in_a_round(body: tuple[Statement, ...]) -> tuple[Statement, ...]:
    """The statements of a loop over time with repeated functions of one round named once, before their first use.

    What they read must be final by then: nothing stores to it from the first use on.
    """
    names = (f"~~round{k}" for k in count(1))
    while (found := _repeated(body)) is not None:
        place, node = found
        name = next(names)
        used = tuple(_replaced(s, node, Load(name)) for s in body[place:])
        body = (*body[:place], Assign(name, node), *used)
    return body


def _repeated(body: tuple[Statement, ...]) -> tuple[int, Node] | None:
    """The largest function that occurs twice, and the statement before which it can be computed."""
    first: dict[_Part, int] = {}
    seen: Count = Count()
    for place, s in enumerate(body):
        for t in walk(s) if isinstance(s, (Assign, Store)) else ():
            if isinstance(t, Apply) and not t.plain:
                part = _Part(t, hash(t), sum(1 for _ in walk(t)))
                first.setdefault(part, place)
                seen[part] += 1
    stores = [{u.name for u in _inside((s,))} for s in body]
    ready = [p for p, times in seen.items() if times > 1
             and not any(stored & {u.name for u in walk(p.node) if isinstance(u, Load)} for stored in stores[first[p] :])]  # fmt: skip
    best = max(ready, key=lambda p: p.size, default=None)
    return None if best is None else (first[best], best.node)


@dataclass(frozen=True, eq=False)
class _Part:
    """A node with its hash and size, which would be worked out again and again."""

    node: Node
    code: int
    size: int

    def __hash__(self) -> int:
        return self.code

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Part) and self.code == other.code and self.node == other.node


@dataclass(frozen=True)
class _Looked:
    """A block, its parts, and those of them that are costly and read nothing that the block sets."""

    block: Block
    parts: frozenset[_Part]
    worth: tuple[_Part, ...]

    @staticmethod
    def at(block: Block) -> _Looked:
        """The block with what was found in it, in order."""
        found: list = []
        for s in block:
            _look(s, found)
        own = {s.name for s in _inside(block)}
        worth = tuple(part for part, costly, read in found if costly and not own & read)
        return _Looked(block, frozenset(part for part, _, _ in found), worth)


def _look(t: Node | Statement, found: list) -> tuple[int, bool, bool, set[str]]:
    """Size, whether anything inside is costly or a counter, and the arrays read; parts are added to `found`."""
    size, costly, counts, read = 1, isinstance(t, COSTLY), isinstance(t, Counter), set(_own_loads(t))
    place = len(found)
    wanted = isinstance(t, (Map, *COSTLY))
    if wanted:
        found.append(None)
    for part in children(t):
        inner = _look(part, found)
        size, costly, counts = size + inner[0], costly or inner[1], counts or inner[2]
        read |= inner[3]
    if wanted:
        plain = isinstance(t, Apply) and t.plain
        found[place] = (_Part(t, hash(t), size), costly and not counts and not plain, read)
    return size, costly, counts, read


def _own_loads(t: Node | Statement) -> tuple[str, ...]:
    if isinstance(t, (Load, Store)):
        return (t.name,)
    return (t.like,) if isinstance(t, Full) and t.like else ()


def _largest(found: list[_Looked]) -> _Part | None:
    """The largest part that occurs twice and whose arrays are final wherever it occurs."""
    seen = Count(part for looked in found for part in looked.worth)
    twice = [part for part, times in seen.items() if times > 1]
    return max(twice, key=lambda part: part.size, default=None)


def _inside(block: Block) -> list[Assign | Store]:
    return [s for top in block for s in walk(top) if isinstance(s, (Assign, Store))]


def _named(found: list[_Looked], part: _Part, name: str) -> list[_Looked]:
    """The part replaced by its name; an array that is just this part lends its own name."""
    out: list[_Looked] = []
    node, placed = part.node, False
    for looked in found:
        block = looked.block
        if part not in looked.parts:
            out.append(looked)
            continue
        if not placed:
            placed = True
            whole = [s for s in block if isinstance(s, Assign) and s.value == node]
            stored = {s.name for s in _inside(block) if isinstance(s, Store)}
            if whole and whole[0].name not in stored and len(block) == 1:
                name = whole[0].name
                out.append(looked)
                continue
            block = (Assign(name, node), *(_replaced(s, node, Load(name)) for s in block))
        else:
            block = tuple(_replaced(s, node, Load(name)) for s in block)
        out.append(_Looked.at(block))
    return out


def _replaced(t, node: Node, by: Node):
    """The same node or statement with a part replaced everywhere."""
    return changed(t, lambda u: by if u == node else None)


__all__ = ["shared", "shared_in_a_round"]
