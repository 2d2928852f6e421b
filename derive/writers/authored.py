"""An author's LaTeX as a layout tree, so that it is printed by our own printers and nothing of it is ever run.

The tree keeps the author's letters, order, brackets and line breaks.  What is not plain mathematics has no tree
(`NotPlain`), and is shown word for word instead.  Spelling is looked at, meaning is not: that is the reader's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from derive.readers.latex_tokens import Macro, Token, Unread, surface_tokens
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
    Script,
    Sym,
    Text,
    Under,
    row,
)
from derive.writers.marks import tidy
from derive.writers.text_formula import GREEK

Span = tuple[int, int]


class NotPlain(ValueError):
    """LaTeX that has no layout tree."""


@dataclass(frozen=True)
class Piece:
    """A stretch of an author's line from one relation to the next; `relation` is None at the start of a line."""

    relation: Node | None
    body: Node
    span: Span


def pieces_of(source: str, macros: Mapping[str, Macro] = {}, start: int = 0, shade: Sequence[Span] = (),  # noqa: B006
              cut: Sequence[int] = ()) -> list[list[Piece]]:  # fmt: skip
    """The lines of a display, each cut before the relations behind which one of the offsets `cut` stands.

    `shade`: the spans to be shaded; offsets count from `start`.  Raises NotPlain.
    """
    try:
        tokens = surface_tokens(source, macros, start)
    except Unread as problem:
        raise NotPlain(problem.what) from problem
    lines = [_Setter(line, tuple(shade)).items() for line in _rows(_unwrapped(tokens))]
    return [_cut(items, cut) for items in lines if items]


def author_node(source: str, macros: Mapping[str, Macro] = {}) -> Node:  # noqa: B006
    """A formula on one line; raises NotPlain."""
    lines = pieces_of(source, macros)
    if len(lines) != 1 or len(lines[0]) != 1:
        raise NotPlain("not a formula on one line")
    return lines[0][0].body


# ---------------------------------------------------------------- lines

# What stands around the lines of a display and is no formula itself.
WRAPPERS = frozenset("aligned align align* equation equation* gather gather* gathered split multline multline* displaymath "
                     "math eqnarray eqnarray* flalign flalign* alignat alignat*".split())  # fmt: skip


def _environment(tokens: Sequence[Token], at: int) -> tuple[str, int]:
    """The name behind `\\begin` or `\\end`, and where what follows starts."""
    if at + 1 >= len(tokens) or tokens[at + 1].text != "{":
        raise NotPlain("an environment without a name")
    end = next((k for k in range(at + 2, len(tokens)) if tokens[k].text == "}"), None)
    if end is None:
        raise NotPlain("an environment without a name")
    return "".join(t.text for t in tokens[at + 2 : end]), end + 1


def _unwrapped(tokens: list[Token]) -> list[Token]:
    """The tokens without the environments that only make lines, and without comment-like ends of lines."""
    while tokens and tokens[0].text == r"\begin":
        name, first = _environment(tokens, 0)
        last = max((k for k, t in enumerate(tokens) if t.text == r"\end"), default=0)
        if name not in WRAPPERS or not last or _environment(tokens, last) != (name, len(tokens)):
            break
        tokens = tokens[_after_group(tokens, first) if name.startswith("alignat") else first : last]
    return tokens


def _after_group(tokens: Sequence[Token], at: int) -> int:
    return next((k + 1 for k in range(at, len(tokens)) if tokens[k].text == "}"), at)


def _rows(tokens: list[Token]) -> list[list[Token]]:
    """The tokens cut at the line ends that stand in no environment and no bracket of TeX."""
    lines: list[list[Token]] = [[]]
    depth = 0
    for t in tokens:
        depth += (t.text in (r"\begin", "{")) - (t.text in (r"\end", "}"))
        if t.kind == "row" and depth == 0:
            lines.append([])
        elif not (t.text == "&" and depth == 0):
            lines[-1].append(t)
    return lines


_RELATIONS = frozenset(["eq", "ne", "lt", "le", "gt", "ge", "approx", "implies", "to"])
_WORDS_BETWEEN = (Text(" := "), Text(" ∝ "), Text(" ∼ "), Text(" ⇔ "))


def _is_relation(node: Node) -> bool:
    return (isinstance(node, Op) and node.sign in _RELATIONS and node.role == "infix") or node in _WORDS_BETWEEN


def _cut(items: list[Item], cut: Sequence[int]) -> list[Piece]:
    """The items of a line as pieces: the first relation always ends the left side, later ones where a cut asks."""
    places = [k for k, item in enumerate(items) if _is_relation(item.node)]
    ends = [items[after - 1].end for after in [*places[1:], len(items)]]
    wanted = [k for k, end in zip(places, ends, strict=False) if any(items[k].end <= c <= end for c in cut)]
    starts = sorted({0, *wanted})
    found = []
    for begin, end in zip(starts, [*starts[1:], len(items)], strict=True):
        relation = items[begin].node if _is_relation(items[begin].node) else None
        inner = items[begin + (relation is not None) : end]
        span = (items[begin].start, items[end - 1].end)
        found.append(Piece(relation, tidy(row(*(i.node for i in inner))), span))
    return found


# ---------------------------------------------------------------- formulas


@dataclass(frozen=True)
class Item:
    """A thing of a row with the stretch of the source that it comes from."""

    node: Node
    start: int
    end: int


SIGNS: dict[str, Node] = {
    "+": Op("plus"), "-": Op("minus"), "−": Op("minus"), "=": Op("eq"), "<": Op("lt"), ">": Op("gt"), "/": Op("slash", "tight"),
    "*": Op("cdot"), ",": Op("comma"), ":": Op("colon"), ";": Text("; "), ".": Text("."), "!": Text("!"), "?": Text("?"),
    "@": Text(" @ "), "|": Op("bar", "tight"), r"\|": Text("‖"), ":=": Text(" := "),
    r"\cdot": Op("cdot"), r"\times": Op("times"), r"\odot": Op("odot"), r"\circ": Text(" ∘ "), r"\oslash": Op("oslash"),
    r"\div": Text(" ÷ "), r"\ast": Op("cdot"), r"\bullet": Text("·"), r"\pm": Text(" ± "), r"\otimes": Text(" ⊗ "), r"\oplus": Text(" ⊕ "),
    r"\le": Op("le"), r"\leq": Op("le"), r"\leqslant": Op("le"), r"\ge": Op("ge"), r"\geq": Op("ge"), r"\geqslant": Op("ge"),
    r"\ne": Op("ne"), r"\neq": Op("ne"), r"\lt": Op("lt"), r"\gt": Op("gt"), r"\approx": Op("approx"), r"\in": Op("in"),
    r"\to": Op("to"), r"\rightarrow": Op("to"), r"\longrightarrow": Op("to"), r"\mapsto": Text(" ↦ "), r"\leftarrow": Text(" ← "),
    r"\Rightarrow": Op("implies"), r"\implies": Op("implies"), r"\Longrightarrow": Op("implies"), r"\iff": Text(" ⇔ "),
    r"\Leftrightarrow": Text(" ⇔ "), r"\propto": Text(" ∝ "), r"\sim": Text(" ∼ "), r"\equiv": Text(" ≡ "), r"\simeq": Op("approx"),
    r"\coloneqq": Text(" := "), r"\triangleq": Text(" := "), r"\partial": Op("partial", "prefix"), r"\nabla": Op("nabla", "prefix"),
    r"\infty": Op("infinity", "tight"), r"\top": Op("transpose", "tight"), r"\intercal": Op("transpose", "tight"),
    r"\prime": Sym("′", "roman"), r"\mid": Op("bar"), r"\vert": Op("bar", "tight"), r"\land": Op("and"), r"\wedge": Op("and"),
    r"\lor": Op("or"), r"\vee": Op("or"), r"\neg": Op("not", "prefix"), r"\lnot": Op("not", "prefix"), r"\forall": Text(" ∀ "),
    r"\exists": Text(" ∃ "), r"\ell": Sym("ℓ"), r"\colon": Op("colon"), r"\quad": Text("   "), r"\qquad": Text("      "),
    r"\bmod": Op("mod"), r"\%": Text("%"), r"\#": Text("#"), r"\&": Text(" & "), r"\$": Text("$"), r"\_": Text("_"),
    r"\vdots": Op("vdots", "tight"), r"\ddots": Op("ddots", "tight"), r"\therefore": Text("∴ "), r"\hbar": Text("ħ"),
    r"\Vert": Text("‖"), r"\lVert": Text("‖"), r"\rVert": Text("‖"), r"\lvert": Op("bar", "tight"), r"\rvert": Op("bar", "tight"),
    "∂": Op("partial", "prefix"), "∇": Op("nabla", "prefix"), "⊙": Op("odot"), "×": Op("times"), "·": Op("cdot"), "≤": Op("le"),
    "≥": Op("ge"), "≠": Op("ne"), "→": Op("to"), "⇒": Op("implies"), "∞": Op("infinity", "tight"), "∈": Op("in"), "⊤": Op("transpose", "tight"),
    **{dots: Op("ellipsis", "tight") for dots in (r"\dots", r"\ldots", r"\cdots", r"\dotsc", r"\dotsb", r"\dotsm", "…")},
}  # fmt: skip
FUNCTIONS = frozenset("arccos arcsin arctan arg cos cosh cot coth det dim exp gcd inf ln log lg sin sinh sup tan tanh tr "
                      "Tr sinh".split())  # fmt: skip
BIG = {r"\sum": "sum", "∑": "sum", r"\prod": "prod", "∏": "prod", r"\max": "max", r"\min": "min"}
ACCENTS = {r"\hat": "hat", r"\widehat": "hat", r"\bar": "bar", r"\overline": "bar", r"\tilde": "tilde",
           r"\widetilde": "tilde", r"\vec": "vec", r"\dot": "dot"}  # fmt: skip
FRACTIONS = frozenset([r"\frac", r"\dfrac", r"\tfrac", r"\cfrac", r"\nicefrac"])
BRACKETS = {"(": "paren", "[": "bracket", r"\{": "brace", r"\lbrace": "brace", r"\lbrack": "bracket", r"\langle": "angle",
            r"\lfloor": "floor"}  # fmt: skip
CLOSING = {")": "paren", "]": "bracket", r"\}": "brace", r"\rbrace": "brace", r"\rbrack": "bracket", r"\rangle": "angle",
           r"\rfloor": "floor"}  # fmt: skip
UPRIGHT = {"|": "abs", r"\vert": "abs", r"\lvert": "abs", r"\rvert": "abs", r"\|": "norm", r"\Vert": "norm",
           r"\lVert": "norm", r"\rVert": "norm"}  # fmt: skip
SKIPPED = frozenset(r"\, \; \: \! \  ~ \big \Big \bigg \Bigg \bigl \bigr \Bigl \Bigr \biggl \biggr \Biggl \Biggr \limits "
                    r"\nolimits \displaystyle \textstyle \scriptstyle \nonumber \notag \thinspace \medspace \strut \middle "
                    r"\thickspace \allowbreak \hfill \hline".split() + ["\\ "])  # fmt: skip
DROPPED = frozenset([r"\tag", r"\tag*", r"\label", r"\color", r"\vspace", r"\hspace", r"\hspace*", r"\phantom", r"\vphantom",
                     r"\hphantom", r"\eqref", r"\ref", r"\cite", r"\footnote"])  # fmt: skip
KEPT = frozenset([r"\boxed", r"\smash", r"\ensuremath", r"\cancel", r"\mathcal", r"\mathscr", r"\mathfrak", r"\mathnormal",
                  r"\mathop", r"\mathrel", r"\mathbin", r"\underline", r"\overbrace"])  # fmt: skip
BOLD = frozenset([r"\mathbf", r"\boldsymbol", r"\bm", r"\pmb", r"\mathbb"])
BLACKBOARD = {"R": "ℝ", "N": "ℕ", "Z": "ℤ"}
GRIDS = {"cases": "cases", "pmatrix": "matrix", "bmatrix": "matrix", "vmatrix": "matrix", "smallmatrix": "plain",
         "matrix": "plain", "array": "plain", "aligned": "plain", "split": "plain", "gathered": "plain"}  # fmt: skip
DEEPEST = 60


@dataclass
class _Setter:
    """Reads the tokens of one line from left to right."""

    tokens: list[Token]
    shade: tuple[Span, ...] = ()
    at: int = 0
    depth: int = 0

    def items(self) -> list[Item]:
        """All tokens as things side by side."""
        found = self._until(())
        if self.at < len(self.tokens):
            raise NotPlain(f"`{self.tokens[self.at].text}` closes nothing")
        return found

    def _peek(self) -> str:
        return self.tokens[self.at].text if self.at < len(self.tokens) else ""

    def _next(self) -> Token:
        if self.at >= len(self.tokens):
            raise NotPlain("the formula ends too early")
        self.at += 1
        return self.tokens[self.at - 1]

    def _until(self, ends: tuple[str, ...]) -> list[Item]:
        """Things up to one of the ends, which is left to the caller; what lies in a shaded span is marked."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise NotPlain("too deep")
        found: list[Item] = []
        while self.at < len(self.tokens) and self._peek() not in _ENDS.union(ends) and self.tokens[self.at].kind != "row":
            start = self.tokens[self.at].start
            node = self._thing(found)
            if node is not None:
                found.append(Item(node, start, self.tokens[self.at - 1].end))
        self.depth -= 1
        return [self._marked(item) for item in found]

    def _marked(self, item: Item) -> Item:
        inside = any(a <= item.start and item.end <= b for a, b in self.shade)
        return Item(Mark(item.node, "redex"), item.start, item.end) if inside else item

    def _row(self, *ends: str) -> Node:
        return row(*(item.node for item in self._until(ends)))

    def _closed(self, end: str) -> Node:
        body = self._row(end)
        if self._next().text != end:
            raise NotPlain("brackets that do not match")
        return body

    # -- one thing

    def _thing(self, before: list[Item]) -> Node | None:
        """The next thing with its scripts, or None for what leaves no trace."""
        token = self._next()
        if token.text in ("_", "^", "'"):  # below or above the thing before
            self.at -= 1
            base = before.pop() if before else Item(Text(""), token.start, token.start)
            return self._scripted(base.node)
        return self._atom(token, before)

    def _atom(self, token: Token, before: list[Item]) -> Node | None:
        word = token.text
        if token.kind == "text":
            return self._scripted(_worded(word))
        if token.kind == "number":
            return self._scripted(Num(word))
        if word in BIG:
            return self._limits(BIG[word])
        if word in SIGNS:
            return _placed(SIGNS[word], before)
        if token.kind == "letter":
            return self._scripted(self._letters(token))
        if word in SKIPPED:
            return None
        if word in DROPPED:
            self._argument()
            return None
        made = self._construct(token)
        return self._scripted(made)

    def _construct(self, token: Token) -> Node:
        word = token.text
        name = word.removeprefix("\\")
        if word == "{":
            return self._closed("}")
        if word == r"\left":
            return self._fenced()
        if word in BRACKETS:
            return self._bracketed(word)
        if word in FRACTIONS:
            return Frac(self._argument(), self._argument())
        if word == r"\sqrt":
            return self._root()
        if word in ACCENTS:
            return Accent(self._argument(), ACCENTS[word])
        if word in BOLD:
            return _bold(self._argument(), word == r"\mathbb")
        if word == r"\textcolor":
            self._argument()
            return self._argument()
        if word in KEPT:
            return self._argument()
        if word in (r"\underset", r"\overset", r"\stackrel"):
            aside, base = self._argument(), self._argument()
            return Script(base, aside, None) if word == r"\underset" else Script(base, None, aside)
        if word == r"\underbrace":
            return self._braced()
        if word == r"\begin":
            return self._environment()
        if name in FUNCTIONS:
            return Sym(name, "function")
        if name.removeprefix("var") in GREEK and word.startswith("\\"):
            return Sym(name if name in ("varepsilon", "varphi") else name.removeprefix("var"), "greek")
        raise NotPlain(f"`{word}` is not plain mathematics")

    def _letters(self, token: Token) -> Node:
        """A letter, or a word: letters and digits without a gap, such as `Exp4`, `probs`, `dX`."""
        word, digits = token.text, ""
        end = self.at
        after_script = self.at > 1 and self.tokens[self.at - 2].text in ("_", "^")
        while not after_script and end < len(self.tokens) and self.tokens[end].glued:
            more = self.tokens[end]
            if more.kind == "letter" and not digits or more.kind == "number":
                word, digits = word + more.text, digits or more.kind == "number"
                end += 1
            else:
                break
        follows = self.tokens[self.at] if self.at < len(self.tokens) else None
        if word == "d" and follows is not None and follows.kind == "text" and follows.glued and follows.text.isalnum():
            self.at += 1
            return Sym("d" + follows.text)
        if _is_name(word):
            self.at = end
            return Sym(word)
        return _letter(token.text)

    def _scripted(self, base: Node) -> Node:
        """A thing with what stands below and above it."""
        sub, sup = None, None
        while self._peek() in ("_", "^", "'"):
            sign = self._next().text
            if sign == "'":
                sup = row(*([sup] if sup is not None else []), Sym("′", "roman"))
            elif sign == "_":
                sub = _both(sub, self._argument())
            else:
                sup = _both(sup, self._argument())
        return base if sub is None and sup is None else Script(base, sub, sup)

    def _limits(self, op: str) -> Node:
        while self._peek() in (r"\limits", r"\nolimits"):
            self.at += 1
        made = self._scripted(Sym(""))
        return Big(op, made.sub, made.sup) if isinstance(made, Script) else Big(op)

    def _argument(self) -> Node:
        """What a command, `_` or `^` takes: a group, or a single thing."""
        token = self._next()
        if token.text == "{":
            return self._closed("}")
        if token.kind == "letter":
            return _letter(token.text)
        if token.kind == "number":
            return self._digit(token)
        if token.kind == "text":
            return _worded(token.text)
        if token.text in SIGNS:
            return _placed(SIGNS[token.text], [])
        return self._construct(token)

    def _digit(self, token: Token) -> Node:
        """The first digit of a number, as TeX takes it: `\\frac12` is a half."""
        if len(token.text) > 1:
            self.at -= 1
            self.tokens[self.at] = replace(token, text=token.text[1:], start=token.start + 1)
        return Num(token.text[0])

    # -- brackets and environments

    def _bracketed(self, word: str) -> Node:
        """What stands in plain brackets; a half-open interval and the like keep their two signs."""
        body = self._row(*CLOSING)
        close = self._next().text
        if close not in CLOSING:
            raise NotPlain("brackets that do not match")
        if CLOSING[close] == BRACKETS[word]:
            return Fence(body, BRACKETS[word])
        return row(Fence(body, BRACKETS[word], "left"), Fence(Text(""), CLOSING[close], "right"))

    def _fenced(self) -> Node:
        opening = self._next().text
        body = self._row(r"\right")
        if self._next().text != r"\right":
            raise NotPlain("\\left without \\right")
        closing = self._next().text
        kinds = BRACKETS | UPRIGHT, CLOSING | UPRIGHT
        left, right = kinds[0].get(opening), kinds[1].get(closing)
        if (left is None and opening != ".") or (right is None and closing != "."):
            raise NotPlain("a bracket that has no name")
        if left is None or right is None:
            if left is None and right == "abs":
                return Fence(body, "eval")
            return Fence(body, left or right, "left" if left else "right") if left or right else body
        if left != right:
            return row(Fence(body, left, "left"), Fence(Text(""), right, "right"))
        return Fence(body, left)

    def _root(self) -> Node:
        if self._peek() == "[":
            raise NotPlain("a root of a degree")
        return Root(self._argument())

    def _braced(self) -> Node:
        body = self._argument()
        if self._peek() != "_":
            return body
        self.at += 1
        return Under(body, self._argument())

    def _environment(self) -> Node:
        name, self.at = _environment(self.tokens, self.at - 1)
        if name.rstrip("*") not in GRIDS:
            raise NotPlain(f"the environment {name}")
        if name == "array":
            self._argument()
        rows: list[list[Node]] = [[]]
        while True:
            cell = self._row("&", r"\end")
            rows[-1].append(cell)
            token = self._next()
            if token.text == r"\end":
                ended, self.at = _environment(self.tokens, self.at - 1)
                if ended != name:
                    raise NotPlain("environments that do not match")
                break
            if token.kind == "row":
                rows.append([])
            elif token.text != "&":
                raise NotPlain("brackets that do not match")
        rows = [cells for cells in rows if any(cell != row() for cell in cells)]
        wide = max((len(cells) for cells in rows), default=0)
        if not wide:
            raise NotPlain("an empty environment")
        kind = GRIDS[name.rstrip("*")]
        wide = 2 if kind == "cases" and wide < 2 else wide
        full = tuple(tuple([*cells, *[Text("")] * (wide - len(cells))]) for cells in rows)
        return _cases(full) if kind == "cases" else Grid(full, kind)


_ENDS = frozenset(["}", r"\end", "&", r"\right", *CLOSING])


def _cases(rows: tuple[tuple[Node, ...], ...]) -> Node:
    return Grid(tuple((cells[0], row(Text("  "), *cells[1:])) for cells in rows), "cases")


def _both(first: Node | None, second: Node) -> Node:
    return second if first is None else row(first, second)


def _placed(sign: Node, before: Sequence[Item]) -> Node:
    """A sign where it stands: a minus at the start or behind another sign belongs to what follows."""
    last = before[-1].node if before else None
    if isinstance(sign, Op) and sign.sign in ("minus", "plus"):
        starts = last is None or isinstance(last, Big) or (isinstance(last, Op) and last.role == "infix") or last in _WORDS_BETWEEN
        return Op(sign.sign, "prefix") if starts else sign
    return sign


def _letter(text: str) -> Node:
    if text == "1":
        return Num(text)
    greek = next((name for name, sign in GREEK.items() if sign == text), None)
    return Sym(greek, "greek") if greek else Sym(text)


def _is_name(word: str) -> bool:
    """Whether letters without a gap are one name: a word of three or more, or a differential `dX`."""
    return len(word) > 2 or (len(word) == 2 and (word[0] == "d" or word[1].isdigit()))


def _worded(text: str) -> Node:
    """`\\text{…}`: a name where it is one, else words."""
    if "$" in text:
        parts = text.split("$")
        if len(parts) % 2 == 0:
            raise NotPlain("a dollar sign in words")
        made = [author_node(part) if k % 2 else Text(part) for k, part in enumerate(parts) if part]
        return row(*made)
    if "\\" in text or "{" in text:
        raise NotPlain("commands in words")
    bare = text.strip()
    return Sym(bare, "roman") if bare == text and bare.replace("_", "").isalnum() else Text(text)


def _bold(node: Node, board: bool) -> Node:
    match node:
        case Sym(text) if board and text in BLACKBOARD:
            return Sym(BLACKBOARD[text])
        case Sym(text, style) if style != "greek":
            return Sym(text, "bold")
        case Num(text):
            return Sym(text, "bold")
    return node


__all__ = ["NotPlain", "Piece", "author_node", "pieces_of"]
