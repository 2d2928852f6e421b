"""A layout tree as one line of Unicode: `∂L/∂P_ij = −(1/n) Σ_m δ_mi`, readable in one way only."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
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
_PREFIXES = frozenset(["partial", "nabla", "not"])  # no space after, whatever the role
_MULTIPLYING = frozenset(["cdot", "times", "odot", "oslash", "slash", "floor_divide", "mod", *_PREFIXES])
_VALUES = frozenset(["transpose", "infinity", "delta", "ellipsis", "vdots", "ddots"])  # signs that stand for a thing
_BIG = {"sum": "Σ", "prod": "Π", "max": "max", "min": "min", "argmax": "argmax", "argmin": "argmin"}
_BRACKETS = {"paren": ("(", ")"), "bracket": ("[", "]"), "brace": ("{", "}"), "abs": ("|", "|"), "norm": ("‖", "‖"),
             "angle": ("⟨", "⟩"), "floor": ("⌊", "⌋"), "eval": ("(", ")|")}  # fmt: skip
_SAME_SIDES = {"abs": ("|", "abs"), "norm": ("‖", "norm")}  # brackets that cannot nest: written as functions then
_RAISED = str.maketrans("0123456789−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_BOLD = {c: chr(first + n) for letters, first in (("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 0x1D400),
         ("abcdefghijklmnopqrstuvwxyz", 0x1D41A), ("0123456789", 0x1D7CE)) for n, c in enumerate(letters)}  # fmt: skip
_ACCENTS = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303", "vec": "\u20d7", "dot": "\u0307"}
_GRIDS = {"cases": ("{", " ", "}"), "matrix": ("[", ", ", "]"), "plain": ("(", ", ", ")")}
_JOINED = 4  # letters that may stand below a letter without braces
_LIKE_A_SUBSCRIPT = re.compile(rf"[^\W\d_]_[^\W_]{{1,{_JOINED}}}")  # a name that would read as a letter with an index

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
        case Row() | Mark():
            return _row(node, _spaced)
        case Frac(over, under):
            return f"{_atom(over)}/{_atom(under)}"
        case Script(base, sub, sup):
            return _base(base, sub) + _lowered(sub, _takes_letters(_bare(base))) + _raised(sup)
        case Big(op, sub, sup):
            return _BIG[op] + _lowered(sub, len(_BIG[op]) == 1) + (f"^{_atom(sup)}" if sup is not None else "")
        case Fence():
            return _fence(node)
        case Grid(rows, kind):
            opening, between, closing = _GRIDS[kind]
            body = "; ".join(between.join(map(_put, cells)) for cells in rows)
            return opening + body + ";" * (len(rows) == 1) + closing
        case Under(body, label):
            return f"{_atom(body)} ‹{_put(label)}›"
        case Root(body):
            return f"√({_put(body)})"
        case Accent(body, kind):
            inner = _put(body)
            return inner + _ACCENTS[kind] if len(unmarked(inner)) == 1 and inner == unmarked(inner) else f"{kind}({inner})"
    raise AssertionError(f"text: have you added a new layout node? {type(node).__name__}")


def _symbol(sym: Sym) -> str:
    name = plain(sym.text)
    if sym.style == "greek":
        return GREEK.get(name, name)
    if sym.style == "bold" and name and all(c in _BOLD for c in name):
        return "".join(_BOLD[c] for c in name)
    return f"`{name}`" if _LIKE_A_SUBSCRIPT.fullmatch(name) else name


def _fence(fence: Fence) -> str:
    body, (opening, closing) = _put(fence.body), _BRACKETS[fence.kind]
    sign, name = _SAME_SIDES.get(fence.kind, ("", ""))
    if sign and (sign in body or fence.sides != "both"):
        opening, closing = f"{name}(", ")"
    return opening * (fence.sides != "right") + body + closing * (fence.sides != "left")


def _flat(node: Node) -> Iterator[Node | str]:
    """The things of nested rows and marks from left to right; a mark is its two characters."""
    match node:
        case Row(items):
            for item in items:
                yield from _flat(item)
        case Mark(body, kind):
            yield OPENING[kind]
            yield from _flat(body)
            yield CLOSING[kind]
        case _:
            yield node


def _row(node: Node, spaced: Callable[[Node, Node], bool]) -> str:
    """Things side by side; a fraction that multiplies stands in brackets."""
    parts = list(_flat(node))
    things = [n for n in parts if not isinstance(n, str)]
    neighbours = zip([None, *things], things, [*things[1:], None], strict=False)
    printed = [_factor(*three) for three in neighbours]
    gaps = ["", *(" " * spaced(a, b) for a, b in pairwise(things))]
    words = iter(zip(gaps, printed, strict=True))
    line, opened = "", ""
    for part in parts:
        if not isinstance(part, str):
            gap, word = next(words)
            line, opened = line + gap + opened + word, ""
        elif part in OPENING.values():
            opened += part
        else:
            line, opened = line + opened + part, ""
    return line


def _factor(before: Node | None, node: Node, after: Node | None) -> str:
    if isinstance(node, Frac) and (_multiplies(before) or _multiplies(after)):
        return f"({_put(node)})"
    return _put(node)


def _multiplies(node: Node | None) -> bool:
    """Whether a neighbour would take part of a fraction written on the line."""
    if isinstance(node, Op):
        return node.sign in _MULTIPLYING or node.sign in _VALUES
    return node is not None and not isinstance(node, Text)


def _spaced(a: Node, b: Node) -> bool:
    """A space between two things, but not after a prefix, around a tight sign, or between function and bracket."""
    if isinstance(a, Text) or isinstance(b, Text) or (isinstance(b, Op) and b.sign in _CLINGING):
        return False
    if isinstance(a, Op) and a.sign not in _VALUES:
        return a.role == "infix" and a.sign not in _PREFIXES
    if isinstance(b, Op) and b.sign not in _VALUES:
        return b.role != "tight" or b.sign in _PREFIXES
    return not (_is_function(a) and isinstance(b, Fence))


def _compact(a: Node, b: Node) -> bool:
    """The same inside a script, where only a comma or a word is followed by a space."""
    if isinstance(a, Op) and a.sign not in _CLINGING | _VALUES:
        return SIGNS[a.sign].isalpha()
    if isinstance(b, Op) and b.sign not in _CLINGING | _VALUES | _PREFIXES:
        return SIGNS[b.sign].isalpha()
    return _spaced(a, b)


def _is_function(node: Node) -> bool:
    inner = node.base if isinstance(node, Script) else node
    return isinstance(inner, Sym) and inner.style == "function"


def _bare(node: Node) -> Node:
    """The node without the marks and rows that hold nothing else."""
    while isinstance(node, Mark) or (isinstance(node, Row) and len(node.items) == 1):
        node = node.body if isinstance(node, Mark) else node.items[0]
    return node


def _is_letter(node: Node | str) -> bool:
    return isinstance(node, Sym) and len(_symbol(node)) == 1


def _takes_letters(base: Node) -> bool:
    """Whether `_ij` below it cannot be read as part of its name."""
    return _is_letter(base) or isinstance(base, Op) or (isinstance(base, Fence) and base.kind == "eval")


def _is_atom(node: Node) -> bool:
    """What needs no brackets as a part of a fraction or below a script."""
    match _bare(node):
        case Sym(name):
            return " " not in name
        case Num(digits):
            return digits.replace(".", "").isdigit()
        case Fence(sides="both") | Grid() | Script() | Root() | Accent():
            return True
        case Op(sign):
            return sign in _VALUES | _PREFIXES
        case Row((Op(sign), thing)):
            return sign in ("partial", "nabla") and _is_atom(thing)
    return False


def _atom(node: Node) -> str:
    return _put(node) if _is_atom(node) else f"({_put(node)})"


def _base(base: Node, sub: Node | None) -> str:
    inner = _bare(base)
    if isinstance(inner, Script):
        closed = inner.sup is None and (inner.sub is None or sub is None)
    elif isinstance(inner, Row) and sub is None:  # exp(Z)ᵀ
        closed = len(inner.items) == 2 and _is_function(inner.items[0]) and isinstance(inner.items[1], Fence)
    else:
        closed = _is_atom(inner) and not isinstance(inner, Row)
    return _put(base) if closed else f"({_put(base)})"


def _lowered(sub: Node | None, after_letter: bool) -> str:
    """`_ij` for letters below a letter, or one number; everything else in braces: `_{i, Y_i}`."""
    if sub is None:
        return ""
    things = list(_flat(sub))
    nodes = [n for n in things if not isinstance(n, str)]
    number = len(nodes) == 1 and isinstance(nodes[0], Num) and nodes[0].text.isdigit() and len(nodes[0].text) <= _JOINED
    letters = 0 < len(nodes) <= _JOINED and all(map(_is_letter, nodes))
    if after_letter and (number or letters):
        return "_" + "".join(n if isinstance(n, str) else _put(n) for n in things)
    return f"_{{{_row(sub, _compact)}}}"


def _raised(sup: Node | None) -> str:
    """`²` and `⁻¹` for small whole numbers, `′` and `ᵀ`, `^n` for a letter; everything else in brackets."""
    match sup:
        case None:
            return ""
        case Mark(body, kind):
            return OPENING[kind] + _raised(body) + CLOSING[kind]
        case Op("transpose"):
            return "ᵀ"
        case Op("minus", "prefix"):
            return "⁻"
        case Sym("′"):
            return "′"
        case Num(digits) if digits.isdigit() and digits.isascii() and len(digits) <= 2:
            return digits.translate(_RAISED)
        case Row((Op("minus", "prefix"), Num(digits))) if digits.isdigit() and digits.isascii():
            return ("−" + digits).translate(_RAISED)
        case Fence(Num(digits), "paren") if digits.isdigit() and digits.isascii():
            return f"⁽{digits.translate(_RAISED)}⁾"
    return f"^{_put(sup)}" if _is_letter(sup) else f"^({_row(sup, _spaced)})"
