"""The layout tree of a formula: what LaTeX, Typst and Unicode printers share.

A node says what a formula looks like, never what it means, and holds no markup of any target.  The words:

    Sym      a letter or name              italic C, roman `exp`, mono `counts_sum`, bold **1**
    Num      a number                      3, 0.5, 1e-5
    Op       an infix or prefix sign       one of SIGNS
    Row      things side by side
    Frac     a fraction
    Script   subscript and superscript
    Big      a large operator with limits  sum, prod, max, min
    Fence    brackets around a body
    Mark     redex (shaded) or fresh (coloured)
    Grid     rows of cells: cases, matrix
    Under    a body with a braced label below
    Root     a square root
    Accent   a hat, bar, tilde, arrow or dot over a body
    Text     words inside a formula
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

# The signs a printer must know, by name; each printer has its own spelling of them.
SIGNS = (
    "plus", "minus", "times", "cdot", "slash", "eq", "ne", "lt", "le", "gt", "ge", "in", "partial", "odot",
    "oslash", "comma", "colon", "to", "implies", "transpose", "infinity", "delta", "ellipsis", "vdots", "ddots", "bar",
    "and", "or", "not", "nabla", "floor_divide", "mod", "approx",
)  # fmt: skip


@dataclass(frozen=True)
class Sym:
    """A letter or name. A one-letter italic is set as a variable, and so is `dZ`, the gradient of one; longer names
    upright or in the author's spelling.

    A Greek letter is written by its English name (`alpha`, `delta`, `Sigma`) and style "greek".
    """

    text: str
    style: Literal["italic", "roman", "bold", "mono", "greek", "function"] = "italic"


def is_variable(sym: Sym) -> bool:
    """Whether a symbol is set in italics: a letter, or the gradient dZ of a letter."""
    letter = sym.text[1:] if len(sym.text) == 2 and sym.text[0] == "d" else sym.text
    return sym.style == "italic" and len(letter) == 1 and (letter is sym.text or letter.isascii() and letter.isalpha())


@dataclass(frozen=True)
class Num:
    text: str


@dataclass(frozen=True)
class Op:
    """A sign of SIGNS; `role` tells infix (spaced) from prefix (tight)."""

    sign: str
    role: Literal["infix", "prefix", "tight"] = "infix"


@dataclass(frozen=True)
class Row:
    items: tuple[Node, ...]


@dataclass(frozen=True)
class Frac:
    over: Node
    under: Node
    small: bool = False


@dataclass(frozen=True)
class Script:
    base: Node
    sub: Node | None = None
    sup: Node | None = None


@dataclass(frozen=True)
class Big:
    """A large operator with limits; the body follows it in the enclosing Row."""

    op: Literal["sum", "prod", "max", "min", "argmax", "argmin"]
    sub: Node | None = None
    sup: Node | None = None


@dataclass(frozen=True)
class Fence:
    """Brackets; `sides` is "left" or "right" where `break_lines` has put the halves on different lines."""

    body: Node
    kind: Literal["paren", "bracket", "brace", "abs", "norm", "angle", "floor", "eval"] = "paren"
    sides: Literal["both", "left", "right"] = "both"


@dataclass(frozen=True)
class Mark:
    """`redex`: what the next rule rewrites (shaded). `fresh`: what the last rule made (coloured)."""

    body: Node
    kind: Literal["redex", "fresh"]


@dataclass(frozen=True)
class Grid:
    """Rows of cells: `cases` (value, condition), `matrix` (with brackets), or `plain`."""

    rows: tuple[tuple[Node, ...], ...]
    kind: Literal["cases", "matrix", "plain"] = "matrix"


@dataclass(frozen=True)
class Under:
    body: Node
    label: Node


@dataclass(frozen=True)
class Root:
    body: Node


@dataclass(frozen=True)
class Accent:
    body: Node
    kind: Literal["hat", "bar", "tilde", "vec", "dot"]


@dataclass(frozen=True)
class Text:
    text: str


Node = Sym | Num | Op | Row | Frac | Script | Big | Fence | Mark | Grid | Under | Root | Accent | Text


def row(*items: Node) -> Node:
    """Things side by side, nested rows flattened; a single thing is itself."""
    flat: list[Node] = []
    for item in items:
        flat += item.items if isinstance(item, Row) else (item,)
    return flat[0] if len(flat) == 1 else Row(tuple(flat))


# Widths in em of the surrounding text, measured on Latin Modern and rounded up; other faces are narrower.
_LETTER = {"italic": 0.58, "roman": 0.53, "bold": 0.60, "mono": 0.53, "greek": 0.64, "function": 0.53}
_WIDE_LETTERS, _WIDE = frozenset("mwMWABCDEFGHKNOQRSUVXYZΓΔΘΛΞΠΣΦΨΩ"), 0.24
_RELATIONS = frozenset(["eq", "ne", "lt", "le", "gt", "ge", "in", "to", "implies", "approx", "and", "or"])
_SUMS = frozenset({"plus", "minus"})
_TIGHT_SIGNS = {"comma": 0.48, "colon": 0.4, "slash": 0.5, "transpose": 0.78, "delta": 0.5, "bar": 0.3, "partial": 0.58}
_SCALES = (1.0, 1.0, 0.72, 0.55)  # display, text, script, scriptscript
_BIG_WIDTH = {"sum": (1.5, 1.1, 0.8, 0.7), "prod": (1.35, 1.0, 0.75, 0.65)}
_THIN, _FENCE, _REDEX_PADDING = 0.17, 0.5, 0.3
HANG = 2.0  # the indent, in em, that every line but the first of a broken one may take


def width(node: Node, style: int = 0) -> float:
    """About how wide the formula is, in em, never much too little; style 0 display, 1 text, 2 script, 3 smaller."""
    scale = _SCALES[style]
    match node:
        case Sym(text, style=face):
            letters = len(text) if face != "greek" else 1
            return scale * sum(_LETTER[face] + _WIDE * (c in _WIDE_LETTERS and face != "mono") for c in text[:letters])
        case Num(text):
            return scale * 0.51 * len(text)
        case Text(text):
            return scale * 0.47 * len(text)
        case Op():
            return scale * _sign_width(node, style)
        case Row(items):
            return sum(width(item, style) for item in items) + scale * _THIN * _gaps(items)
        case Frac(over, under, small):
            inner = max(2, style + 1) if small else min(3, style + 1)
            return max(width(over, inner), width(under, inner)) + 0.24
        case Script(base, sub, sup):
            inner = min(3, max(2, style + 1))
            return width(base, style) + max((width(n, inner) for n in (sub, sup) if n is not None), default=0) + 0.05
        case Big():
            return _big_width(node, style)
        case Fence(body, _, sides):
            return width(body, style) + scale * _FENCE * (2 if sides == "both" else 1)
        case Mark(body, kind):
            return width(body, style) + _REDEX_PADDING * (kind == "redex")
        case Grid(rows, kind):
            columns = [max(width(cell, max(1, style)) for cell in column) for column in zip(*rows, strict=False)]
            return sum(columns) + scale * (0.95 * (len(columns) - 1) + 0.9 * (kind != "plain"))
        case Under(body, label):
            return max(width(body, style), width(label, max(2, style)))
        case Root(body):
            return width(body, style) + scale * 0.9
        case Accent(body):
            return width(body, style)
    raise AssertionError(f"width: have you added a new layout node? {type(node).__name__}")


def _sign_width(op: Op, style: int) -> float:
    space = 0.0 if op.role != "infix" or style > 1 else 0.56 if op.sign in _RELATIONS else 0.45
    return _TIGHT_SIGNS.get(op.sign, 0.8 + space)


def _big_width(big: Big, style: int) -> float:
    limits = [width(n, min(3, max(2, style + 1))) for n in (big.sub, big.sup) if n is not None]
    sign = _BIG_WIDTH[big.op][style] if big.op in _BIG_WIDTH else _SCALES[style] * 0.56 * len(big.op)
    return (max([sign, *limits]) if style == 0 else sign + max(limits, default=0)) + _SCALES[style] * _THIN


def _gaps(items: tuple[Node, ...]) -> int:
    return sum(not isinstance(a, Op) and not isinstance(b, Op) for a, b in pairwise(items))


def break_lines(node: Node, room: float) -> tuple[Node, ...]:
    """The formula as lines no wider than `room` em: split before a relation, a plus or minus, then inside brackets.

    Lines but the first are counted with an indent of HANG.  A fence that had to be opened stands as two halves
    (`Fence.sides`), a mark or brace on every line it covers.  What has no place to split comes back as it is.
    """
    return _joined(_broken(node, room), room)


def _joined(pieces: tuple[Node, ...], room: float) -> tuple[Node, ...]:
    """Short neighbouring lines put on one."""
    lines = [pieces[0]]
    for line in pieces[1:]:
        together = row(lines[-1], _without_dot(line))
        if width(together) <= room - HANG * (len(lines) > 1) and not _relates(line):
            lines[-1] = together
        else:
            lines.append(line)
    return tuple(lines)


def _relates(line: Node) -> bool:
    head = line.items[0] if isinstance(line, Row) and line.items else line
    return isinstance(head, Op) and head.sign in _RELATIONS


def _without_dot(line: Node) -> Node:
    """A line that goes on with a product, put beside the one before."""
    if isinstance(line, Mark):
        return Mark(_without_dot(line.body), line.kind)
    items = line.items if isinstance(line, Row) else ()
    goes_on = len(items) > 1 and items[0] == Op("cdot") and not isinstance(items[1], Num)
    if items and isinstance(items[0], Mark):
        return row(_without_dot(items[0]), *items[1:])
    return row(*items[1:]) if goes_on else line


def _broken(node: Node, room: float) -> tuple[Node, ...]:
    """Lines as they come from splitting, some of them short."""
    if width(node) <= room:
        return (node,)
    items = node.items if isinstance(node, Row) else (node,)
    for signs in (_RELATIONS, _SUMS):
        terms = _split_before(items, signs)
        if len(terms) > 1:
            return _fill(terms, room)
    return _open_widest(items, room)


def _split_before(items: tuple[Node, ...], signs: frozenset[str]) -> list[tuple[Node, ...]]:
    """The items cut in front of every infix sign of `signs`, but not in front of the first item."""
    terms: list[tuple[Node, ...]] = [()]
    for item in items:
        if terms[-1] and isinstance(item, Op) and item.sign in signs and item.role == "infix":
            terms.append(())
        terms[-1] += (item,)
    return terms


def _fill(terms: list[tuple[Node, ...]], room: float) -> tuple[Node, ...]:
    """Terms put on lines, as many as fit on each; a term too wide for a line is broken itself, beside a short head."""
    lines: list[Node] = []
    for term in terms:
        inner = room - HANG * (len(lines) > 1)
        left = inner - width(lines[-1]) if lines else 0.0
        if lines and width(row(lines[-1], *term)) <= inner:
            lines[-1] = row(lines[-1], *term)
        elif lines and left > room / 2 and width(row(*term)) > room - HANG:
            first, *rest = _broken(row(*term), left)
            lines = [*lines[:-1], row(lines[-1], first), *rest]
        else:
            lines += _broken(row(*term), room - HANG * bool(lines))
    return tuple(lines)


def _open_widest(items: tuple[Node, ...], room: float) -> tuple[Node, ...]:
    """One term too wide: cut between its factors where they fit, else its widest factor is opened."""
    cut = _product_lines(row(*items), room)
    if len(cut) > 1 and width(cut[0]) >= room / 2 and all(width(n) <= room - HANG * bool(k) for k, n in enumerate(cut)):
        return cut
    for at in sorted(range(len(items)), key=lambda n: -width(items[n])):
        before, after = items[:at], items[at + 1 :]
        aside = width(Row(before)) + width(Row(after)) + 2 * _THIN
        ways = [_open(items[at], space) for space in (room - HANG, max(room - aside, room / 3))]
        found = [_around(before, pieces, after, room) for pieces in ways if len(pieces) > 1]
        if found:
            return min(found, key=lambda lines: len(_joined(lines, room)))
    return _product_lines(row(*items), room)


def _around(before: tuple[Node, ...], pieces: tuple[Node, ...], after: tuple[Node, ...], room: float) -> tuple[Node, ...]:
    """The pieces of a factor with what stands before and after it."""
    opened = (row(*before, pieces[0]), *pieces[1:-1], row(pieces[-1], *after))
    return tuple(line for piece in opened for line in _product_lines(piece, room))


def _open(node: Node, room: float) -> tuple[Node, ...]:
    """The pieces of a factor that stands on several lines; a fraction with a long numerator becomes a product."""
    match node:
        case Mark(body, kind):
            return tuple(Mark(piece, kind) for piece in _broken(body, room - _REDEX_PADDING))
        case Under(body, label):
            return tuple(Under(piece, label) for piece in _broken(body, room))
        case Fence(body, kind, "both") if kind in ("paren", "bracket", "brace"):
            pieces = _broken(body, room - _FENCE)
            if len(pieces) > 1:
                return (Fence(pieces[0], kind, "left"), *pieces[1:-1], Fence(pieces[-1], kind, "right"))
        case Frac(over, under) if isinstance(over, Row) and width(over) > room:
            pieces = _open(Fence(over), room - width(Frac(Num("1"), under)))
            if len(pieces) > 1:
                return (row(Frac(Num("1"), under), pieces[0]), *pieces[1:])
    return (node,)


def _product_lines(node: Node, room: float) -> tuple[Node, ...]:
    """A product cut between two factors where it would overflow, the sign written at the head of the next line."""
    if width(node) <= room or not isinstance(node, Row):
        return (node,)
    items = node.items
    cuts = [n for n in range(1, len(items)) if _may_cut(items[n - 1], items[n])]
    cut = max((n for n in cuts if width(row(*items[:n])) <= room), default=min(cuts, default=0))
    if not cut:
        return (node,)
    sign = () if isinstance(items[cut], Op) else (Op("cdot"),)
    rest = _product_lines(row(*sign, *items[cut:]), room - HANG)
    return (row(*items[:cut]), *rest)


def _may_cut(left: Node, right: Node) -> bool:
    """Between factors only: never after a function, a large operator or a sign, nor between a name and its argument."""
    inner = left.base if isinstance(left, Script) else left
    after = inner.body if isinstance(inner, Mark) else inner
    ends = isinstance(after, Sym | Num | Frac | Script | Fence | Under) and getattr(after, "style", "") != "function"
    if isinstance(right, Op):
        return ends and right.sign in ("times", "cdot", "odot", "oslash") and right.role == "infix"
    return ends and isinstance(right, Sym | Frac | Script | Big | Fence | Mark)
