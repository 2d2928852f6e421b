"""The array program: what stands between equations in index notation and the text of a target.

Nodes are whole-array operations, statements assign or store.  Everything that is a choice (matrix product or einsum,
gather or mask, strided store or loop) has been made here; a writer only spells it.

    Load x · Number 3/2 · Length n · Counter t         Map elementwise + - * / < and · Apply exp(x) · Cast to floats
    Fold sum over axes · Best argmax · Scan cumsum     Matmul · Einsum
    Permute · Reshape · Pick x[:, None], x[i, y] · Windows · Arange · Eye · Full · Concat
    Assign · Store x[…] += … · Repeat for t in range(T) · Remark
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from fractions import Fraction

from derive.index import Index, Size


@dataclass(frozen=True)
class Node:
    """An operation on whole arrays."""


@dataclass(frozen=True)
class Load(Node):
    """A named array."""

    name: str


@dataclass(frozen=True)
class Number(Node):
    """An exact number or an infinity, without a type of its own."""

    value: Fraction | float


@dataclass(frozen=True)
class Length(Node):
    """A size as an integer."""

    size: Size


@dataclass(frozen=True)
class Counter(Node):
    """The counter of the enclosing loop over an index."""

    index: Index


@dataclass(frozen=True)
class Map(Node):
    """An elementwise operator over broadcast arguments: see `numpy.OPERATORS` for the spellings."""

    op: str
    args: tuple[Node, ...]


@dataclass(frozen=True)
class Apply(Node):
    """A row of the op table, elementwise; `plain` when the arguments are numbers, not arrays."""

    op: str
    args: tuple[Node, ...]
    plain: bool = False


@dataclass(frozen=True)
class Cast(Node):
    """Truth values or integers as floats of the program's type."""

    arg: Node


@dataclass(frozen=True)
class Fold(Node):
    """sum, prod, max, min over axes (by place); `keep` leaves them with length 1."""

    op: str
    arg: Node
    axes: tuple[int, ...]
    rank: int
    keep: bool = False


@dataclass(frozen=True)
class Best(Node):
    """The place of the largest or smallest entry along an axis."""

    op: str
    arg: Node
    axis: int
    rank: int


@dataclass(frozen=True)
class Scan(Node):
    """Running sums along an axis, from its end when `reverse`."""

    arg: Node
    axis: int
    rank: int
    reverse: bool = False


@dataclass(frozen=True)
class Along(Node):
    """A helper of the module along one axis: softmax or logsumexp, in the shifted form."""

    op: str
    arg: Node
    axis: int
    rank: int


@dataclass(frozen=True)
class Matmul(Node):
    """The matrix product (batched over leading axes)."""

    left: Node
    right: Node


@dataclass(frozen=True)
class Einsum(Node):
    """A contraction by letters, for what no matrix product spells naturally."""

    spec: str
    args: tuple[Node, ...]
    optimize: bool = False


@dataclass(frozen=True)
class Permute(Node):
    """The axes in another order."""

    arg: Node
    order: tuple[int, ...]


@dataclass(frozen=True)
class Reshape(Node):
    """The entries in the same order under other sizes."""

    arg: Node
    sizes: tuple[Size, ...]


@dataclass(frozen=True)
class Slice(Node):
    """start:stop:step on one axis; None is the end of the axis."""

    start: Node | None = None
    stop: Node | None = None
    step: Size | int | None = None


@dataclass(frozen=True)
class New(Node):
    """A new axis of length 1."""


FULL, NEW = Slice(), New()


@dataclass(frozen=True)
class Pick(Node):
    """Subscripts: slices, new axes, positions, integer arrays."""

    arg: Node
    items: tuple[Node, ...]


@dataclass(frozen=True)
class Windows(Node):
    """Sliding windows: for every (axis, length) a new last axis that runs over the window."""

    arg: Node
    axes: tuple[int, ...]
    lengths: tuple[Size, ...]


@dataclass(frozen=True)
class Arange(Node):
    """0, 1, … up to a size."""

    size: Size


@dataclass(frozen=True)
class Repeated(Node):
    """Every entry several times along an axis."""

    arg: Node
    times: Size
    axis: int


@dataclass(frozen=True)
class Eye(Node):
    """True on the diagonal."""

    size: Size


@dataclass(frozen=True)
class Full(Node):
    """A new array of one value, shaped like a named array where there is one; of floats, or of truth values."""

    shape: tuple[Size, ...]
    value: Node
    like: str | None = None
    weak: bool = True
    truth: bool = False


@dataclass(frozen=True)
class Copy(Node):
    """A new array with the same entries."""

    arg: Node


@dataclass(frozen=True)
class Concat(Node):
    """Arrays one after the other along an axis."""

    args: tuple[Node, ...]
    axis: int


# ---------------------------------------------------------------- statements


@dataclass(frozen=True)
class Statement:
    """A line of the program."""


@dataclass(frozen=True)
class Assign(Statement):
    name: str
    value: Node


@dataclass(frozen=True)
class Store(Statement):
    """Into places of an array: `mode` is =, + or -; `repeated` when the same place may occur more than once.

    `order` permutes the array's axes first, so that the subscripts name them in that order.
    """

    name: str
    items: tuple[Node, ...]
    mode: str
    value: Node
    repeated: bool = False
    order: tuple[int, ...] = ()


@dataclass(frozen=True)
class Remark(Statement):
    """A comment on the next statement, in a line of its own or, when `trailing`, at the end of that line."""

    text: str
    trailing: bool = False


@dataclass(frozen=True)
class Repeat(Statement):
    """A loop over an index: a kernel axis, or time."""

    index: Index
    body: tuple[Statement, ...]
    reverse: bool = False


def children(t: Node | Statement) -> list[Node | Statement]:
    """The direct parts of a node or statement."""
    found: list[Node | Statement] = []
    for f in fields(t):
        value = getattr(t, f.name)
        found += [v for v in (value if isinstance(value, tuple) else (value,)) if isinstance(v, (Node, Statement))]
    return found


def walk(t: Node | Statement):
    """A node or statement and everything inside it."""
    yield t
    for part in children(t):
        yield from walk(part)


def loads(t: Node | Statement) -> list[str]:
    """The arrays that are read, in order of mention; a store reads what it stores into."""
    found = [u.name for u in walk(t) if isinstance(u, Load)]
    found += [u.name for u in walk(t) if isinstance(u, Store)]
    found += [u.like for u in walk(t) if isinstance(u, Full) and u.like]
    return list(dict.fromkeys(found))


def changed(t, change):
    """A node or statement with `change` of every part, from outside in; None from `change` keeps a part and looks inside."""
    new = change(t)
    if new is not None:
        return new
    changes = {}
    for f in fields(t):
        value = getattr(t, f.name)
        if isinstance(value, (Node, Statement)):
            inner = changed(value, change)
        elif isinstance(value, tuple):
            inner = tuple(changed(v, change) if isinstance(v, (Node, Statement)) else v for v in value)
        else:
            continue
        if inner != value:
            changes[f.name] = inner
    return replace(t, **changes) if changes else t


def fresh_array(node: Node) -> bool:
    """Whether evaluating the node makes a new array that nothing else holds."""
    return not isinstance(node, (Load, Permute, Reshape, Number, Length, Counter)) and not (
        isinstance(node, Pick) and all(isinstance(i, (Slice, New, Number, Length, Counter)) for i in node.items)
    ) and not isinstance(node, Windows)  # fmt: skip
