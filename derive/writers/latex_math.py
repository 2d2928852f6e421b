"""A layout tree as LaTeX: the subset that pdflatex, KaTeX and MathJax all take, plus two marks of our own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from derive.writers.latex_text import GREEK, MATH, escape
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

SIGNS = {
    "plus": "+", "minus": "-", "times": r"\times", "cdot": r"\cdot", "slash": "/", "eq": "=", "ne": r"\ne",
    "lt": "<", "le": r"\le", "gt": ">", "ge": r"\ge", "in": r"\in", "partial": r"\partial", "odot": r"\odot",
    "oslash": r"\oslash", "comma": ",", "colon": ":", "to": r"\to", "implies": r"\Rightarrow", "transpose": r"\top",
    "infinity": r"\infty", "delta": r"\delta", "ellipsis": r"\dots", "vdots": r"\vdots", "ddots": r"\ddots",
    "bar": r"\mid", "and": r"\land", "or": r"\lor", "not": r"\lnot", "nabla": r"\nabla",
    "floor_divide": r"\mathbin{/\!/}", "mod": r"\bmod", "approx": r"\approx",
}  # fmt: skip
# Signs that TeX sets without space by itself; the others need braces where they stand tight.
_ORDINARY = frozenset(
    ["slash", "partial", "transpose", "infinity", "delta", "ellipsis", "vdots", "ddots", "nabla", "not"]
)
_TIGHT = {"bar": "|", "floor_divide": "/{\\!}/"}
_NAMED = frozenset(
    ["arccos", "arcsin", "arctan", "arg", "cos", "cosh", "cot", "coth", "det", "dim", "exp", "gcd", "inf", "ln", "log",
     "max", "min", "sin", "sinh", "sup", "tan", "tanh"]
)  # fmt: skip
_BIG = {"sum": r"\sum", "prod": r"\prod", "max": r"\max", "min": r"\min",
        "argmax": r"\operatorname*{arg\,max}", "argmin": r"\operatorname*{arg\,min}"}  # fmt: skip
_BRACKETS = {"paren": ("(", ")"), "bracket": ("[", "]"), "brace": (r"\{", r"\}"), "abs": ("|", "|"),
             "norm": (r"\|", r"\|"), "angle": (r"\langle ", r"\rangle "), "floor": (r"\lfloor ", r"\rfloor "),
             "eval": (".", "|")}  # fmt: skip
_SIZES = (("", ""), (r"\bigl", r"\bigr"), (r"\Bigl", r"\Bigr"))  # by height; what is taller grows by itself
_FACES = {"italic": r"\mathrm", "roman": r"\mathrm", "bold": r"\mathbf", "mono": r"\mathtt",
          "function": r"\operatorname"}  # fmt: skip
_GRIDS = {"cases": "cases", "matrix": "bmatrix", "plain": "matrix"}
_ACCENTS = {"hat": (r"\hat", r"\widehat"), "bar": (r"\bar", r"\overline"), "tilde": (r"\tilde", r"\widetilde"),
            "vec": (r"\vec", r"\overrightarrow"), "dot": (r"\dot", r"\dot")}  # fmt: skip
_MARKS = {"redex": r"\dvredex", "fresh": r"\dvfresh"}


def latex(node: Node, *, marks: bool = True) -> str:
    """The formula for a display.  Without `marks` it is only what KaTeX and MathJax read too."""
    return _Printer(marks).put(node, 0)


def latex_inline(node: Node, *, marks: bool = True) -> str:
    """The formula for running text: the same words, brackets sized for text style."""
    return _Printer(marks).put(node, 1)


@dataclass(frozen=True)
class _Printer:
    marks: bool

    def put(self, node: Node, style: int) -> str:
        """`style`: 0 display, 1 text, 2 script, 3 scriptscript, as TeX counts them."""
        match node:
            case Sym():
                return _symbol(node)
            case Num(text):
                return "".join(_letter(c) for c in text)
            case Text(text):
                return _words(text)
            case Op(sign, role):
                return _sign(sign, role)
            case Row(items):
                return self._row(items, style)
            case Frac(over, under, small):
                name = r"\tfrac" if small else r"\frac"
                inner = min(3, style + 1 + (small and style == 0))
                return f"{name}{{{self.put(over, inner)}}}{{{self.put(under, inner)}}}"
            case Script(base, sub, sup):
                return self._base(base, style) + self._scripts(sub, sup, style)
            case Big(op, sub, sup):
                return _BIG[op] + self._scripts(sub, sup, style)
            case Fence():
                return self._fence(node, style)
            case Mark(body, kind):
                text = f"{{}}{self.put(body, style)}{{}}" if _binary(body, style) else self.put(body, style)
                return f"{_MARKS[kind]}{{{text}}}" if self.marks else self.put(body, style)
            case Grid(rows, kind):
                return self._grid(rows, kind, style)
            case Under(body, label):
                return rf"\underbrace{{{self.put(body, style)}}}_{{{self.put(label, 2)}}}"
            case Root(body):
                return rf"\sqrt{{{self.put(body, style)}}}"
            case Accent(body, kind):
                return f"{_ACCENTS[kind][not _one_letter(body)]}{{{self.put(body, style)}}}"
        raise AssertionError(f"latex: have you added a new layout node? {type(node).__name__}")

    def _row(self, items: tuple[Node, ...], style: int) -> str:
        items = items if self.marks else tuple(_unmarked(items))
        parts = ["{}" * _binary(items[0], style), self.put(items[0], style)] if items else []
        for left, right in pairwise(items):
            text = self.put(right, style)
            if isinstance(right, Op) and right.role == "prefix" and right.sign in ("minus", "plus"):
                text = text if isinstance(left, Op | Big) else f"{{{text}}}"
            parts += [_gap(left, right, style, self.marks), text]
        return _joined([*parts, "{}" * (len(items) > 1 and _binary(items[-1], style))])

    def _base(self, base: Node, style: int) -> str:
        text = self.put(base, style)
        return text if isinstance(base, Sym | Num | Fence | Op) and text else f"{{{text}}}"

    def _scripts(self, sub: Node | None, sup: Node | None, style: int) -> str:
        inner = min(3, max(2, style + 1))
        pairs = (("_", sub), ("^", sup))
        return "".join(f"{sign}{{{self.put(node, inner)}}}" for sign, node in pairs if node is not None)

    def _fence(self, fence: Fence, style: int) -> str:
        body, (left, right) = self.put(fence.body, style), _BRACKETS[fence.kind]
        height = 0 if style > 1 else _height(fence.body, style)
        upright = fence.kind in ("abs", "norm", "eval")
        if fence.sides == "both" and (upright or height > 2 or (height and not self.marks)):
            return _joined([rf"\left{left}", body, rf"\right{right}"])
        if not self.marks and height:
            left, right = (left, ".") if fence.sides == "left" else (".", right)
            return _joined([rf"\left{left}", body, rf"\right{right}"])
        opens, closes = _SIZES[min(height, 2)]
        return _joined(
            [f"{opens}{left}" * (fence.sides != "right"), body, f"{closes}{right}" * (fence.sides != "left")]
        )

    def _grid(self, rows: tuple[tuple[Node, ...], ...], kind: str, style: int) -> str:
        body = r" \\ ".join(" & ".join(self._cell(cell, max(1, style)) for cell in cells) for cells in rows)
        return rf"\begin{{{_GRIDS[kind]}}} {body} \end{{{_GRIDS[kind]}}}"

    def _cell(self, cell: Node, style: int) -> str:
        return r"\cdots" if isinstance(cell, Op) and cell.sign == "ellipsis" else self.put(cell, style)


def _unmarked(items: Iterable[Node]) -> Iterator[Node]:
    """The items of a row with the bodies of its marks put among them."""
    for item in items:
        if isinstance(item, Mark):
            yield from _unmarked(item.body.items if isinstance(item.body, Row) else (item.body,))
        else:
            yield item


def _joined(parts: list[str]) -> str:
    """Parts side by side; a space only where a command would swallow the next letter."""
    text = ""
    for part in parts:
        swallows = part[:1].isalpha() and text.rpartition("\\")[1] and text.rpartition("\\")[2].isalpha()
        text += " " * bool(swallows) + part
    return text


def _sign(sign: str, role: str) -> str:
    if role == "tight":
        return _TIGHT.get(sign) or (SIGNS[sign] if sign in _ORDINARY else f"{{{SIGNS[sign]}}}")
    return SIGNS[sign]


def _symbol(sym: Sym) -> str:
    """One letter stands as it is; a name is upright, its underscores kept: `\\mathrm{d\\_logits}`."""
    if sym.style == "greek":
        return "\\" + sym.text if "\\" + sym.text in GREEK.values() else _name(r"\mathrm", sym.text)
    if sym.style == "function" and sym.text in _NAMED:
        return "\\" + sym.text
    if sym.text in MATH:
        return MATH[sym.text]
    if is_variable(sym):
        return _letter(sym.text) if len(sym.text) == 1 else sym.text
    return _name(_FACES[sym.style], sym.text)


def _name(face: str, text: str) -> str:
    return f"{face}{{{_joined([_letter(c) for c in text])}}}"


def _letter(character: str) -> str:
    """A character of a name or number inside a formula."""
    if character.isascii() and (character.isalnum() or character in ".,+-*/=:;()[]!?"):
        return character
    if character in MATH:
        return MATH[character]
    return {"_": r"\_", "'": r"^{\prime}", " ": r"\ "}.get(character) or rf"\text{{{escape(character)}}}"


def _words(text: str) -> str:
    """Words inside a formula; signs among them stand outside the `\\text`, where every target knows them."""
    runs: list[tuple[bool, str]] = []
    for c in text:
        if runs and runs[-1][0] == (c in MATH):
            runs[-1] = (c in MATH, runs[-1][1] + c)
        else:
            runs.append((c in MATH, c))
    return "".join("".join(MATH[c] + " " for c in run) if math else rf"\text{{{escape(run)}}}" for math, run in runs)


def _one_letter(node: Node) -> bool:
    return isinstance(node, Sym) and (len(node.text) == 1 or node.style == "greek")


def _height(node: Node, style: int) -> int:
    """How tall the brackets around it should be: 0 plain, 1 big, 2 Big, 3 as tall as the body."""
    match node:
        case Frac(over, under, small):
            nested = max(_height(over, style + 1), _height(under, style + 1))
            return 0 if style > 1 else 3 if nested > 1 else 1 if style or small else 2
        case Big(_, sub, sup):
            return 0 if style or (sub is None and sup is None) else 2
        case Grid() | Under():
            return 3
        case Row(items):
            return max((_height(item, style) for item in items), default=0)
        case Mark(body) | Fence(body) | Root(body) | Accent(body):
            return _height(body, style)
        case Script(base):
            return _height(base, style)
    return 0


def _binary(node: Node, style: int) -> bool:
    """An infix sign at the end of a row or mark: TeX sets its space only between two things, so one is put there."""
    return style < 2 and isinstance(node, Op) and node.role == "infix" and node.sign not in _ORDINARY | {"comma"}


def _edge(node: Node, last: bool, marks: bool) -> tuple[Node, bool]:
    """The leaf at one end, and whether a printed mark hides it from TeX's own spacing."""
    marked = False
    while isinstance(node, Mark | Row) and (isinstance(node, Mark) or node.items):
        marked = marks and (marked or isinstance(node, Mark))
        node = node.body if isinstance(node, Mark) else node.items[-1 if last else 0]
    return node, marked


def _function(node: Node) -> bool:
    inner = node.base if isinstance(node, Script) else node
    return isinstance(inner, Sym) and inner.style == "function"


def _long(node: Node) -> bool:
    inner = node.base if isinstance(node, Script) else node
    return isinstance(inner, Sym) and len(inner.text) > 1 and inner.style != "greek"


def _gap(left: Node, right: Node, style: int, marks: bool) -> str:
    """A thin space between two factors, where TeX does not set one itself."""
    (a, a_marked), (b, b_marked) = _edge(left, True, marks), _edge(right, False, marks)
    if isinstance(a, Op | Text) or isinstance(b, Op | Text):
        return ""
    if isinstance(b, Fence) and b.kind in ("paren", "bracket", "brace"):
        return ""
    if not a_marked and (isinstance(a, Big) or _function(a)):
        return ""
    if not b_marked and (isinstance(b, Big) or _function(b)):
        return ""
    if isinstance(a, Num) and not isinstance(b, Num):
        return ""
    if style > 1 and not (isinstance(b, Script) or _long(a) or _long(b)):
        return ""
    return r"\,"
