"""The grammar of printed matrix formulas: LaTeX or plain text cut into signs, and signs read as a tree.

    sum      [−] term {± term}           term      product {⊙|⊘ product}
    product  factor {[·] factor}         factor    atom {^ exponent} [/ factor]
    atom     number, name, 𝟏, I, (sum), [sum < sum], ‖sum‖, |sum|, f(sum, …), fraction, Σ_i product
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence


class Misprint(Exception):
    """The text is no formula of this grammar, or its shapes do not fit together."""


# ---------------------------------------------------------------- signs

Token = tuple[str, str]
WORDS = ("diag", "tr", "onehot", "softmax", "rowmax", "rowmin", "rowargmax", "rowargmin")
_RAISED = {"⁰": "0", "¹": "1", "²": "2", "³": "3", "⁴": "4", "⁵": "5", "⁶": "6", "⁷": "7", "⁸": "8", "⁹": "9", "⁻": "−"}
_PLAIN = {"+": "+", "-": "-", "−": "-", "(": "(", ")": ")", "[": "[", "]": "]", "{": "{", "}": "}", "/": "/", ",": ",",
          "^": "^", "_": "_", "<": "<", ">": ">", "=": "=", "|": "|"}  # fmt: skip
TEXT = _PLAIN | {"⊙": "⊙", "⊘": "⊘", "·": "·", "𝟏": "ones", "I": "unit", "‖": "‖", "≤": "≤", "≥": "≥", "≠": "≠",
                 "Σ": "sum", "⌊": "⌊", "⌋": "⌋"} | {w: "word" for w in WORDS}  # fmt: skip
LATEX = _PLAIN | {
    r"\odot": "⊙", r"\oslash": "⊘", r"\cdot": "·", r"\mathbf{1}": "ones", "I": "unit", r"\|": "‖", r"\le": "≤",
    r"\ge": "≥", r"\ne": "≠", r"\sum": "sum", r"\frac": "frac", r"\tfrac": "frac", r"\top": "T", r"\lfloor": "⌊",
    r"\rfloor": "⌋",
} | {rf"\operatorname{{{w}}}": "word" for w in WORDS}  # fmt: skip
_SPACE = re.compile(r"(?:\s|\\,|\\(?:left|right|bigl|bigr|Bigl|Bigr)(?![A-Za-z]))+")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_LABEL = re.compile(r"_(?:\{((?:[^{}]|\{[^{}]*\})*)\}|(\w))")  # what stands below Σ


def signs(text: str, arrays: Collection[str], functions: Collection[str], spelling: Mapping[str, str]) -> list[Token]:
    """The text as (kind, text) pairs, the longest name first; raises Misprint for what is no sign."""
    known = {s: "name" for s in arrays} | {s: "function" for s in functions}
    if clash := {*arrays} & {*functions}:
        raise Misprint(f"{min(clash)} is an array and a function")
    words = sorted({**dict.fromkeys(spelling), **known}, key=len, reverse=True)
    found: list[Token] = []
    at = 0
    while at < len(text):
        if gap := _SPACE.match(text, at):
            at = gap.end()
        elif found and found[-1][0] == "sum" and (label := _LABEL.match(text, at)):
            found.append(("label", label[1] or label[2]))
            at = label.end()
        elif digits := _NUMBER.match(text, at):
            found.append(("number", digits[0]))
            at = digits.end()
        elif text[at] in _RAISED or text[at] in "ᵀ⁽":
            at = _raised(text, at, found)
        else:
            word = next((w for w in words if text.startswith(w, at) and _ends(text, at, w)), None)
            if word is None:
                raise Misprint(f"{text[at : at + 12]!r} is no sign")
            found.append((known.get(word) or spelling[word], word))
            at += len(word)
    return found


def _ends(text: str, at: int, word: str) -> bool:
    """Whether a word made of letters is not the beginning of a longer one."""
    after = text[at + len(word) : at + len(word) + 1]
    if not word[-1].isalnum() or after in _RAISED or after == "ᵀ" or word == "Σ":
        return True
    return not after.isalpha() if word.startswith("\\") else not (after.isalnum() or after == "_") or after == "𝟏"


def _raised(text: str, at: int, found: list[Token]) -> int:
    """A small raised number or ᵀ, as an exponent."""
    end = at
    while end < len(text) and text[end] in _RAISED:
        end += 1
    inner = [("T", "ᵀ")] if text[at] == "ᵀ" else []
    end = max(end, at + 1)
    digits = "".join(_RAISED.get(c, "") for c in text[at:end])
    inner += [("-", "−")] if digits.startswith("−") else []
    inner += [("number", digits.lstrip("−"))] if digits.lstrip("−") else []
    found += [("^", "^"), ("{", "{"), *inner, ("}", "}")]
    return end


# ---------------------------------------------------------------- grammar

Tree = tuple
_OPENING = frozenset(["number", "name", "function", "ones", "unit", "(", "[", "{", "‖", "|", "⌊", "frac", "sum",
                      "word"])  # fmt: skip
_RELATIONS = ("<", ">", "=", "≤", "≥", "≠")


class Reader:
    """One formula under way."""

    def __init__(self, tokens: Sequence[Token]):
        self.tokens, self.at, self.bars = list(tokens), 0, 0

    @property
    def kind(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def take(self, kind: str = "") -> str:
        if kind and self.kind != kind or not self.kind:
            raise Misprint(f"`{kind}` is missing before {''.join(t for _, t in self.tokens[self.at :])[:20]!r}")
        self.at += 1
        return self.tokens[self.at - 1][1]

    def whole(self) -> Tree:
        tree = self.sum()
        if self.kind:
            raise Misprint(f"{self.take()!r} stands where the formula should end")
        return tree

    def sum(self) -> Tree:
        terms = []
        while not terms or self.kind in ("+", "-"):
            sign = -1 if self.kind == "-" else 1
            if self.kind in ("+", "-"):
                self.take()
            terms.append((sign, self.term()))
        return ("sum", tuple(terms))

    def term(self) -> Tree:
        tree = self.product()
        while self.kind in ("⊙", "⊘"):
            tree = (self.tokens[self.at][0], tree, (self.take(), self.product())[1])
        return tree

    def product(self) -> Tree:
        tree = self.factor()
        while self.kind == "·" or (self.kind in _OPENING and not self._closes()):
            if self.kind == "·":
                self.take()
            tree = ("@", tree, self.factor())
        return tree

    def _closes(self) -> bool:
        """A bar or double bar inside one that is open closes it."""
        return self.bars > 0 and self.kind in ("|", "‖")

    def factor(self) -> Tree:
        tree = self.atom()
        while self.kind == "^":
            self.take()
            tree = self.raised(tree)
        if self.kind == "/":
            self.take()
            tree = ("/", tree, self.factor())
        return tree

    def raised(self, base: Tree) -> Tree:
        """An exponent: ᵀ, a power, or a power entry by entry."""
        closing = {"{": "}", "(": ")"}.get(self.kind)
        if closing:
            self.take()
        each = self.kind == "⊙"
        if each:
            self.take()
        if self.kind == "T":
            self.take()
            tree: Tree = ("T", base)
        else:
            exponent = self.sum() if closing else self.atom()
            tree = ("each" if each else "power", base, exponent)
        if closing:
            self.take(closing)
        return tree

    def atom(self) -> Tree:
        kind, text = self.kind, self.take()
        match kind:
            case "number":
                return ("number", text)
            case "name":
                return ("name", text)
            case "ones" | "unit":
                return (kind,)
            case "(" | "{":
                return self.until(")" if kind == "(" else "}")
            case "[":
                left, op, right = self.sum(), self.relation(), self.sum()
                self.take("]")
                return ("compare", op, left, right)
            case "‖" | "|" | "⌊":
                return self.barred(kind)
            case "frac":
                self.take("{")
                over = self.until("}")
                self.take("{")
                return ("/", over, self.until("}"))
            case "sum":
                return ("over", self.take("label"), self.product())
            case "word":
                return ("word", text.removeprefix("\\operatorname{").rstrip("}"), self.arguments())
            case "function":
                return ("call", text, self.arguments() if self.kind == "(" else ())
        raise Misprint(f"{text!r} begins nothing")

    def until(self, closing: str) -> Tree:
        bars, self.bars = self.bars, 0
        tree = self.sum()
        self.bars = bars
        self.take(closing)
        return tree

    def barred(self, kind: str) -> Tree:
        self.bars += 1
        tree = self.sum()
        self.bars -= 1
        self.take("⌋" if kind == "⌊" else kind)
        return ({"‖": "norm", "|": "abs", "⌊": "floor"}[kind], tree)

    def relation(self) -> str:
        if self.kind not in _RELATIONS:
            raise Misprint("a comparison is missing")
        op = self.kind
        self.take()
        return op

    def arguments(self) -> tuple[Tree, ...]:
        bars, self.bars = self.bars, 0
        self.take("(")
        args = [self.sum()]
        while self.kind == ",":
            self.take()
            args.append(self.sum())
        self.take(")")
        self.bars = bars
        return tuple(args)


def tree_of(text: str, arrays: Collection[str], functions: Collection[str], spelling: Mapping[str, str]) -> Tree:
    """The tree of a formula that mentions these arrays and functions; raises Misprint."""
    return Reader(signs(text, arrays, functions, spelling)).whole()


__all__ = ["LATEX", "TEXT", "Misprint", "Tree", "tree_of"]
