"""A layout tree as Typst math: only function calls, escaped signs and string literals, so nothing can be misread."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from derive.writers.layout import (
    Accent,
    Big,
    Fence,
    Frac,
    Grid,
    Mark,
    Node,
    Num,
    Op,
    Root,
    Row,
    Script,
    Sym,
    Text,
    Under,
    is_variable,
)
from derive.writers.text_formula import GREEK

# sign -> (spelling, class where it stands between two things); None: the class that Typst gives it
SIGNS: dict[str, tuple[str, str | None]] = {
    "plus": ("+", "binary"), "minus": ("−", "binary"), "times": ("×", "binary"), "cdot": ("⋅", "binary"),
    "slash": (r"\/", "normal"), "eq": ("=", "relation"), "ne": ("≠", "relation"), "lt": (r"\<", "relation"),
    "le": ("≤", "relation"), "gt": (r"\>", "relation"), "ge": ("≥", "relation"), "in": ("∈", "relation"),
    "partial": ("∂", None), "odot": ("⊙", "binary"), "oslash": ("⊘", "binary"), "comma": (r"\,", "punctuation"),
    "colon": (r"\:", "relation"), "to": ("→", "relation"), "implies": ("⇒", "relation"), "transpose": ("⊤", None),
    "infinity": ("∞", None), "delta": ("δ", None), "ellipsis": ("…", "normal"), "vdots": ("⋮", "normal"),
    "ddots": ("⋱", "normal"), "bar": ("∣", "relation"), "and": ("∧", "binary"), "or": ("∨", "binary"),
    "not": ("¬", None), "nabla": ("∇", None), "floor_divide": ('"//"', "binary"), "mod": ('" mod "', "normal"),
    "approx": ("≈", "relation"),
}  # fmt: skip
_BIG = {"sum": "∑", "prod": "∏"} | {
    name: f'op("{words}", limits: #true)'
    for name, words in (("max", "max"), ("min", "min"), ("argmax", "arg max"), ("argmin", "arg min"))
}
_BRACKETS = {"paren": (r"\(", r"\)"), "bracket": (r"\[", r"\]"), "brace": (r"\{", r"\}"), "abs": (r"\|", r"\|"),
             "norm": (r"\‖", r"\‖"), "angle": (r"\⟨", r"\⟩"), "floor": (r"\⌊", r"\⌋"), "eval": ("", r"\|")}  # fmt: skip
_FACES = {"italic": "upright({})", "roman": "upright({})", "bold": "bold(upright({}))", "mono": "mono({})",
          "function": "op({})", "greek": "upright({})"}  # fmt: skip
_ACCENTS = {"hat": "hat", "bar": "macron", "tilde": "tilde", "vec": "arrow", "dot": "dot"}
_OPENING = frozenset(["paren", "bracket", "brace"])
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")


def quote(text: str) -> str:
    """A string as a Typst string literal: it prints as it reads and cannot be markup or code."""
    return '"' + "".join(_spell(c) for c in text) + '"'


def _spell(character: str) -> str:
    if character in '\\"':
        return "\\" + character
    if character.isprintable() or character == "\u00a0":
        return character
    return " " if character.isspace() else "\ufffd"


def typst_math(node: Node, *, marks: bool = True, style: int = 0) -> str:
    """The formula as the inside of `$ … $`; style 0 for a display, 1 for running text."""
    return _Printer(marks).put(node, style)


@dataclass(frozen=True)
class _Printer:
    marks: bool

    def put(self, node: Node, style: int) -> str:
        """`style`: 0 display, 1 text, 2 script, 3 scriptscript; a shaded box must be told, it starts afresh."""
        match node:
            case Sym():
                return _symbol(node)
            case Num(text):
                return text if _NUMBER.fullmatch(text) else quote(text.replace("-", "−"))
            case Text(text):
                return quote(text)
            case Op(sign, role):
                return _sign(sign, role)
            case Row(items):
                return self._row(items, style)
            case Frac(over, under, small):
                inner = min(3, style + 1 + (small and style == 0))
                fraction = f"frac({self.put(over, inner)}, {self.put(under, inner)})"
                return f"inline({fraction})" if small and style == 0 else fraction
            case Script(base, sub, sup):
                return self._attach(self.put(base, style), sub, sup, style)
            case Big(op, sub, sup):
                return self._attach(_BIG[op], sub, sup, style)
            case Fence(body, kind, sides):
                left, right = _BRACKETS[kind]
                parts = (left * (sides != "right"), self.put(body, style), right * (sides != "left"))
                return f"lr({' '.join(part for part in parts if part)})"
            case Mark():
                return self._mark(node, style)
            case Grid(rows, kind):
                return self._grid(rows, kind)
            case Under(body, label):
                return f"underbrace({self.put(body, style)}, {self.put(label, 2)})"
            case Root(body):
                return f"sqrt({self.put(body, style)})"
            case Accent(body, kind):
                return f"accent({self.put(body, style)}, {_ACCENTS[kind]})"
        raise AssertionError(f"typst: have you added a new layout node? {type(node).__name__}")

    def _row(self, items: tuple[Node, ...], style: int) -> str:
        if not items:
            return '""'
        line = self.put(items[0], style)
        for left, right in pairwise(items):
            if _apart(left, right, style):
                line += _between(left, None) + "thin" + _between(None, right) + self.put(right, style)
            else:
                line += _between(left, right) + self.put(right, style)
        return line

    def _attach(self, base: str, sub: Node | None, sup: Node | None, style: int) -> str:
        inner = min(3, max(2, style + 1))
        scripts = [f", {side}: {self.put(node, inner)}" for side, node in (("b", sub), ("t", sup)) if node is not None]
        return f"attach({base}{''.join(scripts)})" if scripts else base

    def _mark(self, mark: Mark, style: int) -> str:
        body = self.put(mark.body, style)
        if not self.marks:
            return body
        if mark.kind == "fresh":
            return f"dvfresh({body})"
        return f"dvredex(#{style}, {quote(_class(mark.body))}, {body})"

    def _grid(self, rows: tuple[tuple[Node, ...], ...], kind: str) -> str:
        cells = [[self._cell(cell) for cell in row] for row in rows]
        if kind == "cases":
            return f"cases({', '.join(' & '.join(row) for row in cells)})"
        delimiter = '"["' if kind == "matrix" else "#none"
        return f"mat(delim: {delimiter}, {'; '.join(', '.join(row) for row in cells)})"

    def _cell(self, cell: Node) -> str:
        return "⋯" if isinstance(cell, Op) and cell.sign == "ellipsis" else self.put(cell, 1)


def _sign(sign: str, role: str) -> str:
    spelling, between = SIGNS[sign]
    if between is None:
        return spelling
    return f'class("{between if role == "infix" else "normal"}", {spelling})'


def _symbol(sym: Sym) -> str:
    """One letter stands as it is; a name is a string in its face."""
    if sym.style == "greek" and sym.text in GREEK:
        return GREEK[sym.text]
    if is_variable(sym):
        plain = len(sym.text) == 1 and sym.text.isascii() and sym.text.isalpha()
        return sym.text if plain else f"italic({quote(sym.text)})"
    if sym.text == "′":
        return "′"
    return _FACES[sym.style].format(quote(sym.text))


def _edge(node: Node, last: bool) -> Node:
    """The leaf that stands at one end."""
    while isinstance(node, Mark | Row) and (isinstance(node, Mark) or node.items):
        node = node.body if isinstance(node, Mark) else node.items[-1 if last else 0]
    return node


def _class(node: Node) -> str:
    """How a shaded box is spaced: like the sign or large operator it holds, else like a letter."""
    inner = _edge(node, False)
    if inner is _edge(node, True):
        if isinstance(inner, Big) or _is_function(inner):
            return "large"
        if isinstance(inner, Op) and inner.role == "infix":
            return SIGNS[inner.sign][1] or "normal"
    return "normal"


def _is_function(node: Node) -> bool:
    inner = node.base if isinstance(node, Script) else node
    return isinstance(inner, Sym) and inner.style == "function"


def _is_name(node: Node) -> bool:
    inner = node.base if isinstance(node, Script) else node
    return isinstance(inner, Sym) and len(inner.text) > 1 and inner.style != "greek"


def _between(left: Node | None, right: Node | None) -> str:
    """What separates two things in the source: a space, or nothing next to words, where Typst would print it."""
    words = any(node is not None and _is_words(_edge(node, node is left)) for node in (left, right))
    return "/**/" if words else " "


def _is_words(node: Node) -> bool:
    if isinstance(node, Sym):
        return len(node.text) > 1 and node.style not in ("function", "greek")
    return isinstance(node, Text | Num) or (isinstance(node, Op) and SIGNS[node.sign][0].startswith('"'))


def _apart(left: Node, right: Node, style: int) -> bool:
    """Whether a thin space goes between two factors; Typst sets its own around signs and large operators."""
    a, b = _edge(left, True), _edge(right, False)
    if isinstance(b, Op) and b.sign == "partial" and not isinstance(a, Op | Text | Big):
        return style < 2
    if isinstance(a, Op | Text) or isinstance(b, Op | Text) or (isinstance(a, Num) and not isinstance(b, Num)):
        return False
    if isinstance(b, Fence) and b.kind in _OPENING:
        return isinstance(a, Frac) and style < 2
    if any(isinstance(n, Big) or _is_function(n) for n in (a, b)):
        return isinstance(left, Mark) and isinstance(b, Frac | Script | Sym) and style < 2
    return style < 2 or isinstance(b, Script) or _is_name(a) or _is_name(b)
