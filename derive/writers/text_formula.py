"""A layout tree as one line of Unicode: `∂L/∂P_ij = −(1/n) Σ_m δ_mi`, readable in one way only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from derive.writers.layout import (
    Big,
    Fence,
    Frac,
    Grid,
    Mark,
    Node,
    Num,
    Op,
    Row,
    Script,
    Sym,
    Text,
    Under,
)

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε", "zeta": "ζ",
    "eta": "η", "theta": "θ", "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ",
    "omicron": "ο", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "upsilon": "υ", "phi": "φ", "varphi": "φ",
    "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ",
    "Pi": "Π", "Sigma": "Σ", "Upsilon": "Υ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω",
}  # fmt: skip
SIGNS = {
    "plus": "+", "minus": "−", "times": "×", "cdot": "·", "slash": "/", "eq": "=", "ne": "≠", "lt": "<", "le": "≤",
    "gt": ">", "ge": "≥", "in": "∈", "partial": "∂", "odot": "⊙", "oslash": "⊘", "comma": ",", "colon": ":",
    "to": "→", "implies": "⇒", "transpose": "ᵀ", "infinity": "∞", "delta": "δ", "ellipsis": "…", "vdots": "⋮",
    "ddots": "⋱", "bar": "∣", "and": "∧", "or": "∨", "not": "¬", "nabla": "∇", "floor_divide": "//", "mod": "mod",
    "approx": "≈",
}  # fmt: skip
_CLINGING = frozenset(["comma", "colon"])  # no space before
_TIGHT = frozenset(["slash", "partial", "nabla", "transpose", "not"])  # no space at all, whatever the role
_PREFIX = frozenset(["partial", "nabla", "minus", "plus", "not"])
_VALUES = frozenset(["transpose", "infinity", "delta", "ellipsis", "vdots", "ddots"])  # signs that stand for a thing
_BIG = {"sum": "Σ", "prod": "Π", "max": "max", "min": "min", "argmax": "argmax", "argmin": "argmin"}
_BRACKETS = {"paren": ("(", ")"), "bracket": ("[", "]"), "brace": ("{", "}"), "abs": ("|", "|"), "norm": ("‖", "‖"),
             "angle": ("⟨", "⟩"), "floor": ("⌊", "⌋"), "eval": ("(", ")|")}  # fmt: skip
_SAME_SIDES = {"abs": ("|", "abs"), "norm": ("‖", "norm")}  # brackets that cannot nest: written as functions then
_RAISED = str.maketrans("0123456789−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_RAISED_SIGNS = {"transpose": "ᵀ"}
_BOLD = {c: chr(first + n) for letters, first in (("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 0x1D400),
         ("abcdefghijklmnopqrstuvwxyz", 0x1D41A), ("0123456789", 0x1D7CE)) for n, c in enumerate(letters)}  # fmt: skip
_GRIDS = {"cases": ("{", " ", "}"), "matrix": ("[", ", ", "]"), "plain": ("(", ", ", ")")}
_LIKE_A_SUBSCRIPT = re.compile(r"[^\W\d_]_[^\W_]+")  # a name that would read as a letter with an index

# What stands around a mark in the text; no cleaned string holds these characters.
OPENING = {"redex": "\x01", "fresh": "\x03"}
CLOSING = {"redex": "\x02", "fresh": "\x04"}
_MARKS = str.maketrans("", "", "".join([*OPENING.values(), *CLOSING.values()]))


def text(node: Node) -> str:
    """The formula on one line, without marks."""
    return unmarked(marked_text(node))


def marked_text(node: Node) -> str:
    """The formula on one line, with the characters of OPENING and CLOSING around marked parts."""
    return _put(node)


def unmarked(line: str) -> str:
    return line.translate(_MARKS)


def plain(words: str) -> str:
    """A string for a terminal or text file: control characters become spaces."""
    return "".join(c if c.isprintable() else " " for c in words)


def _put(node: Node) -> str:
    match node:
        case Sym():
            return _symbol(node)
        case Num(digits):
            return plain(digits).replace("-", "−")
        case Text(words):
            return plain(words)
        case Op(sign):
            return SIGNS[sign]
        case Row(items):
            return _row(items)
        case Frac(over, under):
            return f"{_operand(over)}/{_operand(under)}"
        case Script(base, sub, sup):
            return _base(base) + _lowered(base, sub) + _raised(sup)
        case Big(op, sub, sup):
            return _BIG[op] + _lowered(Sym("S"), sub) + _raised(sup)
        case Fence():
            return _fence(node)
        case Mark(body, kind):
            return OPENING[kind] + _put(body) + CLOSING[kind]
        case Grid(rows, kind):
            opening, between, closing = _GRIDS[kind]
            return opening + "; ".join(between.join(map(_put, cells)) for cells in rows) + closing
        case Under(body, label):
            return f"{_operand(body)} ‹{_put(label)}›"
    raise AssertionError(f"text: have you added a new layout node? {type(node).__name__}")


def _symbol(sym: Sym) -> str:
    name = plain(sym.text)
    if sym.style == "greek":
        return GREEK.get(name, name)
    if sym.style == "bold" and name and all(c in _BOLD for c in name):
        return "".join(_BOLD[c] for c in name)
    return f"`{name}`" if _LIKE_A_SUBSCRIPT.fullmatch(name) else name


@dataclass(frozen=True)
class _Edges:
    """The leaves at the two ends of a node, marks and rows seen through."""

    first: Node
    last: Node


def _edges(node: Node) -> _Edges:
    first = last = node
    while isinstance(first, Mark | Row) and (isinstance(first, Mark) or first.items):
        first = first.body if isinstance(first, Mark) else first.items[0]
    while isinstance(last, Mark | Row) and (isinstance(last, Mark) or last.items):
        last = last.body if isinstance(last, Mark) else last.items[-1]
    return _Edges(first, last)


def _row(items: tuple[Node, ...]) -> str:
    """Things side by side; a fraction among factors stands in brackets."""
    parts = []
    for at, item in enumerate(items):
        before = _edges(items[at - 1]).last if at else None
        after = _edges(items[at + 1]).first if at + 1 < len(items) else None
        if at:
            parts.append(" " * _spaced(items[at - 1], item))
        parts.append(_factor(item, _is_factor(before) or _is_factor(after) or _is_operator(before)))
    return "".join(parts)


def _is_factor(node: Node | None) -> bool:
    """A neighbour that multiplies."""
    if isinstance(node, Op):
        return node.sign in _VALUES or node.sign in ("cdot", "times", "odot", "oslash", "slash", "floor_divide", "mod")
    return node is not None and not isinstance(node, Text)


def _is_operator(node: Node | None) -> bool:
    return isinstance(node, Op) and node.sign in ("partial", "nabla", "not")


def _factor(node: Node, among: bool) -> str:
    """The node, in brackets if it is a fraction among factors."""
    match node:
        case Mark(body, kind) if among:
            return OPENING[kind] + _factor(body, True) + CLOSING[kind]
        case Frac() if among:
            return f"({_put(node)})"
        case Row(items) if among and len(items) > 1:
            first, last = _factor(items[0], True), _factor(items[-1], True)
            plain_row = _row(items)
            return plain_row if not any(isinstance(n, Frac | Mark) for n in (items[0], items[-1])) else _framed(
                items, first, last
            )
    return _put(node)


def _framed(items: tuple[Node, ...], first: str, last: str) -> str:
    return first + last + str(items)
