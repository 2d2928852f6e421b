"""Small pieces of formulas: numbers, function names, and what may stand above or below a bar."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from derive import expr as x
from derive.expr import Entry, Expr
from derive.index import Index, Size
from derive.ops import OPS
from derive.writers.layout import Fence, Frac, Mark, Node, Num, Op, Row, Script, Sym, row
from derive.writers.letters import COMMA, NEG, TIGHT_SLASH, Spelling, symbol

ADD, MUL, SCRIPT, ATOM = 1, 2, 3, 4  # how tightly a piece holds together
FENCES = {"abs": "abs", "floor": "floor"}
SIGNS = {"eq": Op("eq"), "lt": Op("lt"), "le": Op("le")}
ONE = Num("1")
SHORT_EXPONENT, FEW_FACTORS = 4.6, 3  # em; factors above one fraction bar
PLAIN = Spelling()


@dataclass(frozen=True)
class Piece:
    """A formula without its sign, how tightly it holds together, and whether a minus stands before it."""

    node: Node
    level: int
    minus: bool = False

    @property
    def signed(self) -> Node:
        return row(NEG, self.node) if self.minus else self.node


def function_node(op: str, spelling: Spelling = PLAIN) -> Node:
    """The name of a function, from its LaTeX column or from the author's `# write:` line."""
    if op in spelling.letters:
        return symbol(spelling.letters[op])
    spelled = OPS[op].latex if op in OPS else ""
    words = [found[0] or found[1] for found in re.findall(r"\\operatorname\{(\w+)\}|\\(\w+)", spelled)] or [op]
    nodes = [symbol(w) if isinstance(symbol(w), Sym) and symbol(w).style == "greek" else Sym(w, "function")
             for w in words]  # fmt: skip
    return Sym("pi", "greek") if op == "pi" else row(*nodes)


def is_word(name: Node) -> bool:
    return isinstance(name, Sym) and name.style == "function"


def with_exponent(node: Node, above: Node) -> Node | None:
    """An entry with an exponent between its letter and its marks; None where it already has something above."""
    match node:
        case Mark(body, kind):
            inner = with_exponent(body, above)
            return None if inner is None else Mark(inner, kind)
        case Script(base, sub, None):
            return Script(base, sub, above)
        case Sym():
            return Script(node, None, above)
    return None


def begins_with_word(node: Node) -> bool:
    """Whether a formula begins with a word, which needs brackets after a function."""
    match node:
        case Mark(body) | Script(body):
            return begins_with_word(body)
        case Sym(text, style):
            return len(text) > 1 and style != "greek"
    return isinstance(node, Frac)


def whole_positive(n: object) -> bool:
    return isinstance(n, Fraction) and n.denominator == 1 and n > 0


def exponent_number(n: Fraction | float) -> Node:
    above, below = Num(str(abs(n.numerator))), n.denominator
    node = above if below == 1 else row(above, TIGHT_SLASH, Num(str(below)))
    return row(NEG, node) if n < 0 else node


def number_piece(value: Fraction | float) -> Piece:
    if isinstance(value, float):
        return Piece(Op("infinity", "tight"), ATOM, value < 0)
    above, below = ratio(abs(value))
    if below:
        return Piece(Frac(row(*above) if above else ONE, below[0]), SCRIPT, value < 0)
    node = above[0] if above else ONE
    return Piece(node, ATOM if isinstance(node, Num) else SCRIPT, value < 0)


def ratio(value: Fraction) -> tuple[list[Node], list[Node]]:
    """What of a positive number stands above and below a bar: 3/2 and 1/32 as fractions, 1e-5 and 0.0447 as decimals."""
    p, q = value.numerator, value.denominator
    if q > 9 and q & (q - 1) and (decimal := decimal_node(value)) is not None:
        return [decimal], []
    return [Num(str(p))] if p != 1 else [], [Num(str(q))] if q != 1 else []


def decimal_node(value: Fraction) -> Node | None:
    """A terminating decimal: 0.1, 10^−5, 2.5·10^−7; None when the digits do not end soon."""
    digits = next((k for k in range(13) if (value * 10**k).denominator == 1), None)
    if digits is None:
        return None
    mantissa = str((value * 10**digits).numerator)
    if digits - len(mantissa) < 2:
        return Num(f"{float(value):.{digits}f}")
    power = Script(Num("10"), None, row(NEG, Num(str(digits - len(mantissa) + 1))))
    lead = mantissa[0] + (f".{mantissa[1:]}" if len(mantissa) > 1 else "")
    return power if lead == "1" else row(Num(lead), Op("cdot"), power)


def listed(nodes: Iterable[Node], sign: Op = COMMA) -> Node:
    return row(*between(nodes, sign))


def between(nodes: Iterable[Node], sign: Op) -> Iterator[Node]:
    for place, node in enumerate(nodes):
        if place:
            yield sign
        yield node


def dotted(items: list[Node]) -> list[Node]:
    """A dot where a number would otherwise stand right behind something: 2 · 3, x · 10^−5."""
    out: list[Node] = []
    for item in items:
        first = item.items[0] if isinstance(item, Row) else item
        number = isinstance(first, Num) or isinstance(first, Script) and isinstance(first.base, Num)
        out += [Op("cdot"), item] if out and number else [item]
    return out


def inline(node: Node) -> Node:
    """Fractions written with a slash, for a superscript: −Z²/2; what a fraction multiplies stands above it."""
    if isinstance(node, Frac):
        parts = [Fence(n) if isinstance(n, Row) else n for n in (inline(node.over), inline(node.under))]
        return row(parts[0], TIGHT_SLASH, parts[1])
    if not isinstance(node, Row):
        return node
    items = [item for item in node.items if not isinstance(item, Frac)]
    fractions = [item for item in node.items if isinstance(item, Frac)]
    product = [item for item in items if item != NEG]
    if len(fractions) == 1 and fractions[0].over == ONE and not any(isinstance(i, Op) for i in product) and product:
        under = fractions[0].under
        return row(*items, TIGHT_SLASH, Fence(inline(under)) if isinstance(under, Row) else under)
    return row(*(Fence(inline(item)) if isinstance(item, Frac) else item for item in node.items))


def is_single(s: x.Slot, n: Size | None) -> bool:
    """Whether an axis has length one, so that its index says nothing."""
    return (n is not None and n.number == 1) or (isinstance(s, Index) and s.size.number == 1)


def plain_slot(s: object) -> bool:
    return isinstance(s, (Index, Entry)) or isinstance(s, x.Affine) and not s.terms


def is_constant(f: Expr) -> bool:
    return isinstance(f, x.Whole) and isinstance(f.slot, x.Affine) and not f.slot.terms


def under_bar(f: Expr) -> bool:
    """A negative whole power."""
    n = f.exponent.value if isinstance(f, x.Pow) and isinstance(f.exponent, x.Num) else None
    return isinstance(n, Fraction) and n < 0 and n.denominator == 1


def above_bar(f: Expr) -> bool:
    """Entries, functions and powers may stand above a bar; gradients, deltas, sums and brackets stay beside it."""
    if isinstance(f, x.Pow):
        return not under_bar(f) and above_bar(f.base)
    return isinstance(f, x.Call | x.Whole) or isinstance(f, Entry) and not f.name.startswith("∂")


def has_gradient(e: Expr) -> bool:
    return any(name.startswith("∂") for name in e.names)


def is_slim(node: Node) -> bool:
    """One letter, number or entry."""
    return isinstance(node, Sym | Num | Script)


