"""What a formula looks like on paper: the surface tree, before anyone says what its letters mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from fractions import Fraction

Span = tuple[int, int]


@dataclass(frozen=True)
class Node:
    """A part of a formula; `span` are its offsets in the display."""

    span: Span


@dataclass(frozen=True)
class Number(Node):
    value: Fraction


@dataclass(frozen=True)
class Mark:
    """What stands in a superscript and is no power: `(i)`, `[2]`, with its bracket and text."""

    bracket: str
    text: str


@dataclass(frozen=True)
class Symbol(Node):
    """A letter or word, with subscripts (one node a place), superscript marks and words in subscript."""

    name: str
    subs: tuple[Node, ...] = ()
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True)
class Any(Node):
    """A place that runs over all: `\\cdot`, `:`."""


@dataclass(frozen=True)
class Infinity(Node):
    pass


@dataclass(frozen=True)
class Dots(Node):
    pass


@dataclass(frozen=True)
class Ones(Node):
    """The vector of ones."""


@dataclass(frozen=True)
class Sum(Node):
    """Signed terms."""

    terms: tuple[tuple[int, Node], ...]


@dataclass(frozen=True)
class Product(Node):
    """Factors with the sign before each: '' , '*', '@', 'odot', '/'."""

    factors: tuple[tuple[str, Node], ...]


@dataclass(frozen=True)
class Fraction_(Node):
    over: Node
    under: Node


@dataclass(frozen=True)
class Power(Node):
    base: Node
    exponent: Node


@dataclass(frozen=True)
class Transposed(Node):
    base: Node


@dataclass(frozen=True)
class Paren(Node):
    """Something in brackets, perhaps with subscripts behind: `(AB)_{ij}`."""

    inner: Node
    bracket: str = "("
    subs: tuple[Node, ...] = ()
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True)
class Root(Node):
    inner: Node
    degree: int = 2


@dataclass(frozen=True)
class Function(Node):
    """A named function of arguments: log, exp, softmax, tr …; `primes`: how often it is differentiated."""

    name: str
    args: tuple[Node, ...]
    subs: tuple[Node, ...] = ()
    primes: int = 0


@dataclass(frozen=True)
class Apply(Node):
    """A symbol used as a function: `L(s, y)`."""

    symbol: Symbol
    args: tuple[Node, ...]


@dataclass(frozen=True)
class Big(Node):
    """Σ, Π, max, min over letters.  `letters` empty: over what can be summed.  `set_`: what stands after ∈."""

    op: str
    letters: tuple[str, ...]
    body: Node
    low: Node | None = None
    high: Node | None = None
    set_: Node | None = None
    cond: Node | None = None
    slip: str = ""


@dataclass(frozen=True)
class Derivative(Node):
    """∂ body / ∂ wrt …; without a body it is an operator.  `order`: that of ∇ or ∇² where no variable is written."""

    body: Node | None
    wrt: tuple[Node, ...]
    order: int = 0


@dataclass(frozen=True)
class Differential(Node):
    """`dX`: the gradient of the loss by X, or a differential."""

    of: Node


@dataclass(frozen=True)
class Cases(Node):
    """Values with their conditions; None: otherwise."""

    branches: tuple[tuple[Node, Node | None], ...]


@dataclass(frozen=True)
class Matrix(Node):
    rows: tuple[tuple[Node, ...], ...]


@dataclass(frozen=True)
class Indicator(Node):
    cond: Node


@dataclass(frozen=True)
class Relation(Node):
    op: str
    left: Node
    right: Node


@dataclass(frozen=True)
class All(Node):
    """Several conditions at once."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Norm(Node):
    inner: Node
    kind: str = "2"


def children(node: Node) -> Iterator[Node]:
    """The direct parts of a node."""
    for f in fields(node):
        yield from _nodes(getattr(node, f.name))


def _nodes(value: object) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from _nodes(part)


def walk(node: Node) -> Iterator[Node]:
    """Every part of a tree, outermost first."""
    yield node
    for child in children(node):
        yield from walk(child)
