"""Where shapes come from: `shapes=`, `sample=`, annotations in jaxtyping's way, and comments."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from dataclasses import dataclass

from derive.errors import BadNotation, ShapeMismatch, Span
from derive.index import Size
from derive.notation import parse_size
from derive.readers.values import Shape

SORTS = {"int": "int", "integer": "int", "long": "int", "bool": "bool", "float": "real", "real": "real"}
_ANNOTATIONS = {"Int": "int", "UInt": "int", "Integer": "int", "Bool": "bool", "Float": "real", "Num": "real",
                "Shaped": "real", "Real": "real", "Inexact": "real"}  # fmt: skip


@dataclass(frozen=True)
class Declared:
    """A declared array: its axes (None: unknown), sort (None: not said); `leading`: any number of axes before."""

    shape: Shape | None
    sort: str | None = None
    leading: bool = False
    span: Span | None = None
    path: tuple[str | int, ...] = ()  # ("params", 0, "W") of `params[0]["W"]`


def parse_axes(text: str) -> tuple[Shape, bool]:
    """`n d`, `n, d`, `T*E H`, `(H - KH)//s + 1, C`, `... d` as sizes; raises BadNotation."""
    tokens = _axis_tokens(text)
    leading = bool(tokens) and tokens[0] == "..."
    return tuple(parse_size(t) for t in tokens[leading:]), leading


def _axis_tokens(text: str) -> list[str]:
    body = re.sub(r"\s*(//|[-+*])\s*", r"\1", text.strip())
    parts, depth, word = [], 0, ""
    for c in body:
        depth += (c == "(") - (c == ")")
        if depth == 0 and (c.isspace() or c == ","):
            parts.append(word)
            word = ""
        else:
            word += c
    return [p for p in [*parts, word] if p]


def from_text(text: str, name: str = "", span: Span | None = None) -> Declared:
    """`int n`, `n d`, `bool (n,)`, `` as a declaration; raises ShapeMismatch when it cannot be read."""
    words = text.strip()
    sort = None
    found = re.match(r"^(int|bool|float|real)\b\s*(.*)$", words)
    if found:
        sort, words = SORTS[found[1]], found[2].strip()
    if words.startswith("(") and words.endswith(")") and _closes_at_end(words):
        words = words[1:-1]
    try:
        shape, leading = parse_axes(words)
    except BadNotation as problem:
        raise ShapeMismatch(f"cannot read the shape `{text}` of `{name}`", problem.what,
                            "sizes are letters, integers and + - * //: \"n d\", \"T*E H\", \"int n\", \"\"",
                            span) from None  # fmt: skip
    return Declared(shape, sort, leading, span)


def _closes_at_end(words: str) -> bool:
    depth = 0
    for place, c in enumerate(words):
        depth += (c == "(") - (c == ")")
        if depth == 0:
            return place == len(words) - 1
    return False


def from_annotation(node: ast.AST | None) -> Declared | None:
    """`Float[np.ndarray, "n d"]`, `int`, `float`; None for annotations that say nothing of shapes."""
    if isinstance(node, ast.Name) and node.id in ("int", "float", "bool"):
        return Declared((), SORTS[node.id])
    if not isinstance(node, ast.Subscript):
        return None
    base = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
    sort = _ANNOTATIONS.get(base.rstrip("0123456789"))
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    texts = [p.value for p in parts if isinstance(p, ast.Constant) and isinstance(p.value, str)]
    if sort is None or not texts:
        return None
    return _annotated(texts[-1], sort)


def _annotated(text: str, sort: str) -> Declared | None:
    try:
        shape, leading = parse_axes(text)
    except BadNotation:
        return None
    return Declared(shape, sort, leading)


def given_axes(given: object) -> str:
    """The text of a shape given in Python: `"n d"` as it is, `("n", 3)` and `5` as `n 3` and `5`."""
    return given if isinstance(given, str) else " ".join(map(str, given if isinstance(given, (tuple, list)) else [given]))


def path_of(text: str) -> tuple[str | int, ...]:
    """The container and the keys in it that a text names: `params[0]["W"]` is ("params", 0, "W")."""
    parts = [part for part in re.split(r"[\[\].'\"]+", text.strip()) if part]
    return tuple(int(part) if part.isdigit() else part for part in parts)


def leaf(text: str) -> str:
    """The input that a text names: `self.W` and `params['W']` are W, `Ws[0]` is Ws0, `fc.weight` is fc_weight."""
    first, *parts = [part for part in re.split(r"[\[\].'\"]+", text.strip()) if part]
    if parts and (first == "self" or len(parts) == 1 and "[" in text and not parts[0].isdigit()):
        first, *parts = parts
    for part in parts:
        first += part if part.isdigit() and not first[-1].isdigit() else f"_{part}"
    return first


# ---------------------------------------------------------------- comments

_NAME = r"[^\W\d][\w.]*(?:\[['\"]?\w+['\"]?\])*"
_ITEM = re.compile(
    rf"^(?P<before>int|bool|float)?\s*(?P<names>{_NAME}(?:\s*,\s*{_NAME})*)\s*[:=]?\s*"
    r"(?P<sort>int|integer|long|bool|float|real)?\s*\((?P<axes>[^()]*(?:\([^()]*\)[^()]*)*)\)\s*"
    r"(?P<after>int|integer|long|bool|float|real)?$"
)
_NEXT = re.compile(r"\)\s+(?=[^\W\d])(?!(?:int|integer|long|bool|float|real)\s*(?:$|[·;|,]))")
_BARE = re.compile(r"^\(([^()]*(?:\([^()]*\)[^()]*)*)\)$")


def comments(source: str) -> list[tuple[int, int, str]]:
    """(line, column, text after #) of every comment."""
    found = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                found.append((token.start[0], token.start[1] + 1, token.string.lstrip("#").strip()))
    except (tokenize.TokenError, IndentationError, SyntaxError):
        pass
    return found


def from_comment(text: str, span: Span | None = None) -> dict[str, Declared]:
    """The declarations in a comment such as `shapes: X (n, d) · W (d, C) · y int (n,)`; {} for other comments.

    Raises ShapeMismatch for a part that cannot be read beside others, or in brackets, after `shapes:`.
    """
    prefixed = re.match(r"^shapes?\s*:\s*(.*)$", text, re.I)
    found: dict[str, Declared] = {}
    carried: list[str] = []
    for item in _items(_NEXT.sub(") · ", prefixed[1]) if prefixed else text):
        match = _ITEM.match(item)
        if match is None:
            if prefixed and re.match(r"^[^\W\d]\w*$", item):
                carried.append(item)
                continue
            if prefixed and (found or "(" in item):
                raise ShapeMismatch(f"cannot read the shape `{item}`", "an item is a name and its axes in brackets",
                                    "# shapes: X (n, d) · W (d, C) · y int (n,)", span)  # fmt: skip
            return {}
        sort = match["sort"] or match["before"] or match["after"]
        try:
            shape, leading = parse_axes(match["axes"])
        except BadNotation as problem:
            if prefixed:
                raise ShapeMismatch(f"cannot read the axes `({match['axes']})`", problem.what,
                                    "sizes are letters, integers and + - * //", span) from None  # fmt: skip
            return found
        for name in [*carried, *(n.strip() for n in match["names"].split(","))]:
            found[leaf(name)] = Declared(shape, SORTS[sort] if sort else None, leading, path=path_of(name))
        carried = []
    return found


def _items(text: str) -> list[str]:
    """The parts between `·`, `;`, `|` and those commas outside brackets that follow a bracket."""
    parts, depth, word = [], 0, ""
    for c in text:
        depth += (c == "(") - (c == ")")
        closed = c == "," and depth == 0 and re.search(r"\)\s*(?:int|bool|float)?\s*$", word)
        if depth == 0 and (c in "·;|" or closed):
            parts.append(word.strip())
            word = ""
        else:
            word += c
    return [p for p in [*parts, word.strip().rstrip(".")] if p]


def bare_shape(text: str) -> Shape | None:
    """The shape of a comment such as `(N, C)` after a line, else None."""
    found = _BARE.match(text.strip())
    if not found:
        return None
    try:
        shape, leading = parse_axes(found[1])
    except BadNotation:
        return None
    return None if leading else shape


_WRITE = re.compile(r"^write\s*:\s*(.*)$", re.I)


def written(found: list[tuple[int, int, str]]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """`# write: counts_sum_inv = c ; index n: i,m`: display letters of names, index letters of sizes."""
    names: dict[str, str] = {}
    letters: dict[str, list[str]] = {}
    for _, _, text in found:
        match = _WRITE.match(text)
        for part in match[1].split(";") if match else ():
            left, sign, right = part.partition("=")
            if sign:
                names[left.strip()] = right.strip()
                continue
            size, sign, right = part.partition(":")
            if sign:
                size = re.sub(r"^\s*index\s+", "", size).strip()
                letters[size] = [letter.strip() for letter in right.split(",") if letter.strip()]
    return names, letters


def sample_sort(value: object) -> str:
    """int, bool or real, from the dtype of sample data."""
    kind = str(getattr(value, "dtype", type(value).__name__)).lower()
    return "bool" if "bool" in kind else "int" if "int" in kind or kind == "long" else "real"


def sample_shape(value: object) -> tuple[int, ...]:
    """The lengths of a sample's axes."""
    if hasattr(value, "shape"):
        return tuple(int(n) for n in value.shape)
    if isinstance(value, (list, tuple)):
        return (len(value), *(sample_shape(value[0]) if value else ()))
    return ()


def axes_text(shape: Shape) -> str:
    """(n, d) as in a comment."""
    return "(" + ", ".join(str(n) for n in shape) + ("," if len(shape) == 1 else "") + ")"


__all__ = ["Declared", "Size", "bare_shape", "comments", "from_annotation", "from_comment", "from_text", "parse_axes"]
