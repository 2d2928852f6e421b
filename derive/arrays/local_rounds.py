"""Arrays that one round of a loop alone reads: kept as that round's own values, without an axis of rounds.

`do = np.zeros((T, n, h))` and, in the loop, `do[t] = dh[t] * part` become `do = dh[t] * part`, as people write it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from derive.arrays.program import (
    FULL,
    Apply,
    Assign,
    Cast,
    Counter,
    Full,
    Length,
    Load,
    Map,
    Matmul,
    New,
    Node,
    Number,
    Permute,
    Pick,
    Repeat,
    Slice,
    Statement,
    Store,
    changed,
    fresh_array,
    loads,
    walk,
)  # fmt: skip
from derive.arrays.rounds import Block
from derive.index import Index, Size

Lengths = tuple[Size | None, ...] | None  # None for a length, or for all, where it is not known
ONE = Size.of(1)


def with_local_rounds(blocks: Iterable[Block], kept: Collection[str], shape: Callable[[str], tuple[Size, ...]]) -> list[Block]:
    """The blocks, with arrays outside `kept` that nothing but one round of their loop reads made local to it.

    `shape` gives the lengths of a named array, that of the rounds first.
    """
    blocks = list(blocks)
    found = []
    for block in blocks:
        read = {name for other in blocks if other is not block for s in other.statements for name in loads(s)}
        found.append(_localised(block, read | set(kept), shape) if block.own else block)
    return found


def _localised(block: Block, read: set[str], shape: Callable[[str], tuple[Size, ...]]) -> Block:
    *ahead, loop = block.statements
    for name in block.own:
        first = next((s for s in ahead if isinstance(s, Assign) and s.name == name), None)
        others = [s for s in ahead if s is not first]
        if name in read or first is None or not isinstance(first.value, Full) or any(name in loads(s) for s in others):
            continue
        if _is_local(loop, name, shape):
            ahead, loop = others, _local(loop, name)
            own = {n: tuple(_local(s, name) for s in lines) for n, lines in block.own.items()}
            block = replace(block, own=own)
    return replace(block, statements=(*ahead, loop))


def _is_local(loop: Repeat, name: str, shape: Callable[[str], tuple[Size, ...]]) -> bool:
    """Whether each round sets the array once, in full, before it reads it, and reads only what it set itself."""
    stores = [s for s in walk(loop) if isinstance(s, Store) and s.name == name]
    places = [k for k, s in enumerate(loop.body) if s in stores]
    if len(stores) != 1 or len(places) != 1:
        return False
    (store,), (place,) = stores, places
    if store.items != (Counter(loop.index),) or store.mode != "=" or store.order or store.repeated:
        return False
    if any(name in loads(s) for s in loop.body[:place]) or any(u.name == name for u in walk(store.value) if isinstance(u, Load)):
        return False
    own = [u for s in loop.body for u in walk(s) if _is_own(u, name, loop.index)]
    if len(own) != sum(isinstance(u, Load) and u.name == name for s in loop.body for u in walk(s)):
        return False
    after = loop.body[place + 1 :]
    return not _is_overwritten(store.value, name, after) and _lengths(store.value, _known(loop, shape)) == shape(name)[1:]


def _is_own(u: Node | Statement, name: str, t: Index) -> bool:
    """Whether a part reads the array at the round itself."""
    return isinstance(u, Pick) and u.arg == Load(name) and u.items[0] == Counter(t)


def _is_overwritten(value: Node, name: str, after: tuple[Statement, ...]) -> bool:
    """Whether a later statement of the round stores into the entries that the local name would hold."""
    held = {name} if fresh_array(value) else {name, *(u.name for u in walk(value) if isinstance(u, Load))}
    for s in after:
        for u in walk(s):
            if isinstance(u, Assign) and not fresh_array(u.value) and held & set(loads(u)):
                held.add(u.name)
            if isinstance(u, Store) and u.name in held:
                return True
    return False


def _local(t, name: str):
    """The statement or node with the array as a value of the round."""

    def change(u):
        if isinstance(u, Store) and u.name == name:
            return Assign(name, u.value)
        if isinstance(u, Pick) and u.arg == Load(name):
            return Pick(u.arg, u.items[1:]) if u.items[1:] and set(u.items[1:]) != {FULL} else u.arg
        return None

    return changed(t, change)


# ---------------------------------------------------------------- lengths


def _known(loop: Repeat, shape: Callable[[str], tuple[Size, ...]]) -> Callable[[str], Lengths]:
    """The lengths of arrays by name: those of the pass, and names that the round itself sets."""
    made: dict[str, Node] = {s.name: s.value for s in loop.body if isinstance(s, Assign)}

    def known(name: str) -> Lengths:
        return _lengths(made[name], known) if name in made else None if name.startswith("~~") else shape(name)

    return known


def _lengths(node: Node, known: Callable[[str], Lengths]) -> Lengths:
    """The lengths of a node's axes, as far as they are plain."""
    match node:
        case Load(name=name):
            return known(name)
        case Number() | Length() | Counter():
            return ()
        case Map(op=op, args=args) if op != "choose":
            return _broadcast([_lengths(a, known) for a in args])
        case Apply(args=args):
            return _broadcast([_lengths(a, known) for a in args])
        case Cast(arg=arg):
            return _lengths(arg, known)
        case Permute(arg=arg, order=order):
            inner = _lengths(arg, known)
            return None if inner is None else tuple(inner[k] for k in order)
        case Matmul(left=left, right=right):
            a, b = _lengths(left, known), _lengths(right, known)
            return (a[0], b[1]) if a is not None and b is not None and len(a) == len(b) == 2 else None
        case Pick(arg=arg, items=items):
            return _picked(_lengths(arg, known), items)
    return None


def _broadcast(found: list[Lengths]) -> Lengths:
    """The lengths of arguments together: a length that one of them is known to have is that of the result."""
    if any(f is None for f in found):
        return None
    longest = max(map(len, found), default=0)
    padded = [(ONE,) * (longest - len(f)) + f for f in found]
    return tuple(next((n for n in axis if n is not None and n != ONE), _same(axis)) for axis in zip(*padded, strict=True))


def _same(axis: tuple[Size | None, ...]) -> Size | None:
    return axis[0] if len(set(axis)) == 1 else None


def _picked(inner: Lengths, items: tuple[Node, ...]) -> Lengths:
    found: list[Size | None] = []
    rest = list(inner or ())
    for item in items:
        if isinstance(item, New):
            found.append(ONE)
            continue
        if not rest or not isinstance(item, (Slice, Counter, Number, Length)):
            return None
        n = rest.pop(0)
        if isinstance(item, Slice):
            found.append(n if item == FULL else None)
    return (*found, *rest) if inner is not None else None


__all__ = ["with_local_rounds"]
