"""What a Python name can hold while a forward pass is read: numbers and sizes, containers, and abstract arrays.

An abstract array is a shape and a body: a function from slots to the entry there, as an expression.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction

from derive import expr as x
from derive.errors import Span
from derive.expr import Cond, Expr, Slot
from derive.index import Index, Size

Shape = tuple[Size, ...]
Slots = tuple[Slot, ...]
Body = Callable[[Slots], Expr]
UNIT = Size.of(1)


class Restart(Exception):
    """Something new is known of sizes or statics: the source is read again with it."""


@dataclass(eq=False)
class Buffer:
    """The storage that names and their views share; `anchor` is the array that now holds all of it."""

    anchor: str
    shape: Shape
    sort: str
    versions: set[str] = field(default_factory=set)
    loops: tuple[Index, ...] = ()
    born: tuple[Index, ...] = ()
    stamp: int = 0


@dataclass(frozen=True)
class Fixed:
    """A buffer axis of which a view takes one place."""

    slot: Slot


@dataclass(frozen=True)
class Along:
    """A buffer axis that runs along an axis of the view: place = start + step · slot."""

    axis: int
    start: Slot
    step: Size


@dataclass(frozen=True, eq=False)
class View:
    """How an array lies in a buffer: `reach` gives the buffer's slots; `selectors` the invertible form, if any.

    `stamp`: the number of stores into the buffer when the array was read; a later one makes the reading stale.
    `loose`: whether it shares the buffer or copied it depends on sizes or types; nothing may rest on either.
    """

    buffer: Buffer
    reach: Callable[[Slots], Slots]
    selectors: tuple[Fixed | Along, ...] | None
    stamp: int = 0
    loose: bool = False


@dataclass(frozen=True, eq=False)
class Array:
    """An abstract array; `view` tells in which buffer it lies, if it shares one; `cheap`: an entry and no more."""

    shape: Shape
    body: Body
    sort: str = "real"
    view: View | None = None
    cheap: bool = False

    @property
    def rank(self) -> int:
        return len(self.shape)

    def detached(self) -> Array:
        """The same values, in storage of its own."""
        return replace(self, view=None)

    def loosened(self) -> Array:
        """The same values, in the same storage or in a copy of it."""
        return self if self.view is None else replace(self, view=replace(self.view, selectors=None, loose=True))


@dataclass(frozen=True, eq=False)
class Pair:
    """What torch.max(x, dim) returns: values and indices; used as an array it is its values."""

    values: Array
    indices: Array


@dataclass(frozen=True, eq=False)
class Rows:
    """A list with one element for every value of an index: a comprehension or appends over a symbolic range."""

    index: Index
    element: object


@dataclass(frozen=True, eq=False)
class Moving:
    """A key of a dict that moves with a loop: `base` + the loop's index."""

    index: Index
    base: Expr
    backward: bool = False


@dataclass(frozen=True, eq=False)
class Masked:
    """`a[mask]`: the entries where a condition holds; usable on the right of a store through the same mask."""

    array: Array
    mask: Array


@dataclass(frozen=True)
class Range:
    """range(start, stop, step); the bounds may be sizes."""

    start: int | Size
    stop: int | Size
    step: int | Size = 1


@dataclass(frozen=True)
class Module:
    """A library or something in it, by its dotted path: numpy, torch.nn.functional, numpy.float64."""

    path: str

    @property
    def last(self) -> str:
        return self.path.rsplit(".", 1)[-1]

    @property
    def flavor(self) -> str:
        return "torch" if self.path.split(".")[0] == "torch" else "numpy"


@dataclass(frozen=True, eq=False)
class Function:
    """A function of the source itself; `scope` is what its body sees from outside."""

    name: str
    node: ast.FunctionDef | ast.Lambda
    scope: Scope
    bound: tuple = ()
    defaults: tuple = ()  # (name, value) as they were where it was defined; those of the module are evaluated there


@dataclass(frozen=True, eq=False)
class Method:
    """`value.name`, about to be called."""

    owner: object
    name: str


@dataclass(frozen=True, eq=False)
class Parameter:
    """A parameter of which no shape is known yet, or one that is a container of inputs (`params`)."""

    name: str
    structure: tuple
    span: Span | None = None


@dataclass
class Watch:
    """A symbolic loop: its index, its variable as a place, the buffers that it changes, and how they are used."""

    index: Index
    place: Slot
    buffers: list[Buffer]
    key: str = ""
    read: bool = False
    shifted: bool = False


@dataclass(frozen=True, eq=False)
class ShapeOf:
    """`X.shape` of a parameter without a known shape; unpacking it tells the number of axes."""

    parameter: Parameter


class Scope(dict):
    """The names of one function (or of the module, or of an object's attributes)."""

    def __init__(self, helper: str = "", parent: Scope | None = None):
        super().__init__()
        self.helper, self.parent = helper, parent
        self.born: dict[str, tuple] = {}


class ByName(dict):
    """A container that a function is handed, when nothing tells how it was packed: its entries go by their own names.

    It is read by key or unpacked into these names; how many entries there are, and in which order, nobody knows.
    """


@dataclass(frozen=True, eq=False)
class Instance:
    """`self`: its attributes, and the class whose methods it has."""

    attributes: Scope
    methods: dict


@dataclass(frozen=True, eq=False)
class Unset:
    """What a name holds after a branch on data that only some rounds take.

    `loop`: the key of the loop that may carry an earlier value into this round; "" where there is none.
    """

    line: int
    loop: str


@dataclass(frozen=True, eq=False)
class Opaque:
    """A value of no interest to the mathematics, by what it is: a layer's object, a generator, a logger."""

    what: str


def constant(e: Expr, sort: str = "real") -> Array:
    """A scalar array holding one expression."""
    return Array((), lambda _: e, sort, cheap=isinstance(e, x.Num))


def number(value: int | Fraction | Size | bool) -> Array:
    """A Python number or a size as a scalar array."""
    if isinstance(value, bool):
        return constant(x.ONE if value else x.ZERO, "bool")
    if isinstance(value, Size):
        return constant(x.size(value), "int")
    return constant(x.num(value), "int" if isinstance(value, int) else "real")


def integer(slot: Slot) -> Array:
    """A place, such as a loop variable, as an integer scalar."""
    return constant(x.as_value(slot), "int")


def condition(e: Expr) -> Cond:
    """The condition that a truth value stands for."""
    match e:
        case x.Ind(cond=cond):
            return cond
        case x.Num(value=value):
            return x.TRUE if value else x.FALSE
        case x.Mul(factors=factors) if all(isinstance(f, x.Ind) for f in factors):
            return x.both(*(f.cond for f in factors))
    return x.rel("eq", e, x.ONE)


def unit(n: Size) -> bool:
    """Whether an axis has the literal length 1."""
    return n.number == 1


def kind(value: object) -> str:
    """What a value is, in words for a message."""
    return _KINDS.get(type(value), f"a {type(value).__name__}")


_KINDS = {
    Array: "an array", Pair: "a pair of values and indices", Rows: "a list of rows", Masked: "a masked array",
    Module: "a library function", Function: "a function", Method: "a method", Parameter: "a parameter",
    Opaque: "an opaque object", Range: "a range", type(None): "None", Fraction: "a number", Size: "a size",
    ShapeOf: "a shape that is not known",
}  # fmt: skip
