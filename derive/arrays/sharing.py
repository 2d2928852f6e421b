"""Common subexpressions: what is costly and occurs twice is computed once, under a name of its own."""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Iterable
from dataclasses import fields, replace
from itertools import count

from derive.arrays.program import (
    Along,
    Apply,
    Assign,
    Best,
    Counter,
    Einsum,
    Fold,
    Load,
    Map,
    Matmul,
    Node,
    Scan,
    Statement,
    Store,
    loads,
    walk,
)  # fmt: skip

COSTLY = (Along, Apply, Best, Einsum, Fold, Matmul, Scan)
Block = tuple[Statement, ...]


def shared(blocks: Iterable[Block]) -> list[Block]:
    """The blocks of several equations with repeated costly parts named once, before their first use."""
    blocks = list(blocks)
    names = (f"~~shared{k}" for k in count(1))
    while (node := _largest(blocks)) is not None:
        blocks = _named(blocks, node, next(names))
    return blocks


def _largest(blocks: list[Block]) -> Node | None:
    """The largest part that occurs twice and whose arrays are final wherever it occurs."""
    seen: Count[Node] = Count()
    for block in blocks:
        own = {s.name for s in _inside(block)}
        for s in block:
            for node in walk(s):
                if isinstance(node, (Map, *COSTLY)) and _costly(node) and not own & set(loads(node)):
                    seen[node] += 1
    twice = [node for node, times in seen.items() if times > 1]
    return max(twice, key=lambda node: sum(1 for _ in walk(node)), default=None)


def _inside(block: Block) -> list[Assign | Store]:
    return [s for top in block for s in walk(top) if isinstance(s, (Assign, Store))]


def _costly(node: Node) -> bool:
    parts = list(walk(node))
    plain = isinstance(node, Apply) and node.plain
    return not plain and any(isinstance(p, COSTLY) for p in parts) and not any(isinstance(p, Counter) for p in parts)


def _named(blocks: list[Block], node: Node, name: str) -> list[Block]:
    """The part replaced by its name; an array that is just this part lends its own name."""
    out: list[Block] = []
    placed = False
    for block in blocks:
        if not placed and any(part == node for s in block for part in walk(s)):
            placed = True
            whole = [s for s in block if isinstance(s, Assign) and s.value == node]
            stored = {s.name for s in _inside(block) if isinstance(s, Store)}
            if whole and whole[0].name not in stored and len(block) == 1:
                name = whole[0].name
                out.append(block)
                continue
            block = (Assign(name, node), *(_replaced(s, node, Load(name)) for s in block))
        elif placed:
            block = tuple(_replaced(s, node, Load(name)) for s in block)
        out.append(block)
    return out


def _replaced(t, node: Node, by: Node):
    """The same node or statement with a part replaced everywhere."""
    if t == node:
        return by
    changes = {}
    for f in fields(t):
        value = getattr(t, f.name)
        if isinstance(value, (Node, Statement)):
            new = _replaced(value, node, by)
        elif isinstance(value, tuple):
            new = tuple(_replaced(v, node, by) if isinstance(v, (Node, Statement)) else v for v in value)
        else:
            continue
        if new != value:
            changes[f.name] = new
    return replace(t, **changes) if changes else t


__all__ = ["shared"]
