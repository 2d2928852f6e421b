"""What a document declares in a `check:` block, and what is assumed where it declares nothing.

Both become definitions like the author's own: declared ones stand before the document, assumed ones after it, so that
whatever the author says comes first.  An assumed definition is named in every verdict that rests on it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, is_dataclass, replace

from derive.index import Size
from derive.readers import latex_tree as t
from derive.readers.documents import Block, Document, Source
from derive.readers.latex_grammar import Lexicon
from derive.readers.latex_notes import Notes
from derive.readers.latex_statements import Member, Statement, parse, statements


@dataclass
class Declared:
    """The lines of a document's `check:` blocks, by their first word."""

    definitions: list[str] = field(default_factory=list)
    assumptions: list[str] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, str] = field(default_factory=dict)
    ranks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    onehot: set[str] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)
    positive: set[str] = field(default_factory=set)
    symmetric: set[str] = field(default_factory=set)
    forward: str | None = None
    waived: list[str] = field(default_factory=list)


_WORD = re.compile(r"^\s*(?:#\s*|%\s*)?(index|var|const|def|alias|read|assume|forward|ignore)\b\s*:?\s*(.*)$")


def declared(document: Document) -> Declared:
    """Everything that the document declares, in comments or front matter."""
    found = Declared()
    for block in document.blocks:
        text = block.text if block.kind == "declaration" else ""
        if block.kind == "code" and block.language == "front":
            match = re.search(r"^check:\s*\|?\s*\n((?:[ \t]+.*\n?)+)|^check:\s*(\S.*)$", block.text, re.M)
            text = (match[1] or match[2] or "") if match else ""
        if block.kind == "code":
            text += "\n".join(m[1] for m in re.finditer(r"#\s*check:\s*(.*)", block.text))
        for line in text.splitlines():
            _line(found, line)
    return found


def _line(found: Declared, line: str) -> None:
    match = _WORD.match(line)
    if not match:
        return
    word, rest = match.groups()
    rest = rest.split(" # ")[0]
    if word == "ignore":
        found.waived += re.findall(r'"([^"]+)"|“([^”]+)”', rest) and [
            a or b for a, b in re.findall(r'"([^"]+)"|“([^”]+)”', rest)
        ]
        return
    for part in (p.strip() for p in re.split(r"\s;\s*|\t", rest)):
        if part:
            _READERS[word](found, part)


def _index(found: Declared, part: str) -> None:
    letters, _, bounds = part.partition(":")
    high = re.split(r"\.\.|…|\\dots", bounds)[-1].strip()
    for letter in re.split(r"[,\s]+", letters.strip()):
        if letter and re.fullmatch(r"[A-Za-z]\w*", high):
            found.sizes[letter] = high


def _variable(found: Declared, part: str) -> None:
    match = re.match(r"(\w+)\s*(?:\[([^\]]*)\])?\s*(.*)", part)
    if not match:
        return
    name, slots, more = match.groups()
    found.ranks[name] = tuple(s.strip() for s in (slots or "").split(",") if s.strip())
    if "onehot" in more:
        found.onehot.add(name)
    if re.match(r"in\b|<|int\b", more):
        found.labels.add(name)


def _alias(found: Declared, part: str) -> None:
    short, _, long = part.partition("=")
    if long.strip():
        found.aliases[short.strip()] = long.strip()


def _assume(found: Declared, part: str) -> None:
    if match := re.fullmatch(r"(\w+)\s*>\s*0", part):
        found.positive.add(match[1])
    elif match := re.fullmatch(r"(\w+)\s+symmetric|symmetric\s+(\w+)", part):
        found.symmetric.add(match[1] or match[2])
    else:
        found.assumptions.append(part)


_READERS = {
    "index": _index,
    "var": _variable,
    "const": _variable,
    "alias": _alias,
    "assume": _assume,
    "def": lambda found, part: found.definitions.append(part),
    "read": lambda found, part: None,
    "forward": lambda found, part: setattr(found, "forward", part),
}


def as_latex(text: str) -> str:
    """`p[i,j] = softmax_j(z[i,j])`, `sum_i y[i] log p[i]` in LaTeX."""
    text = re.sub(r"(\w+)\[([^\]]*)\]", lambda m: f"{m[1]}_{{{m[2]}}}", text)
    text = re.sub(r"(?<![\\\w])(sum|prod|log|exp|sin|cos|tanh|max|min|sqrt)(?=[_^\s({])", r"\\\1", text)
    return re.sub(r"\\sqrt\(([^()]*)\)", r"\\sqrt{\1}", text)


def virtual(latex: str, document: Document, lexicon: Lexicon) -> list[Statement]:
    """Statements that stand nowhere in the document."""
    block = Block("virtual", latex, 0, Source.of(latex))  # type: ignore[arg-type]
    made = statements(block, document.macros)
    for one in made:
        parse(one, lexicon)
    return [one for one in made if one.problem is None and all(m.problem is None for m in one.members)]


def learn(notes: Notes, found: Declared) -> None:
    """What declarations say of names."""
    notes.aliases |= found.aliases
    notes.onehot |= found.onehot
    notes.labels |= found.labels
    notes.positive |= found.positive
    notes.size_names |= set(found.sizes.values())
    notes.letters |= set(found.sizes)
    for name, letters in found.ranks.items():
        if letters:
            notes.ranks[name] = len(letters)
        for k, letter in enumerate(letters):
            if letter in found.sizes:
                notes.sizes.unify(Size.of(f"?{name}#{k}"), Size.of(found.sizes[letter]))


# ---------------------------------------------------------------- layers


def layers(found: list[Statement]) -> list[Statement]:
    """`Z^{[l]} = W^{[l]} A^{[l-1]} + b^{[l]}` for every number of a layer that the document writes."""
    marks = {
        (m.bracket, m.text)
        for s in found
        for k in s.members
        if k.node
        for u in t.walk(k.node)
        if isinstance(u, t.Symbol)
        for m in u.marks
    }
    numbers = sorted({text for _, text in marks if text.isdigit()})
    letters = {text for bracket, text in marks if len(text) == 1 and text.isalpha() and (bracket, f"{text}-1") in marks}
    made = []
    for one in found:
        used = {
            m.text for k in one.members if k.node for u in t.walk(k.node) if isinstance(u, t.Symbol) for m in u.marks
        }
        for letter in sorted(used & letters):
            for number in numbers:
                if int(number) > 0:
                    put = {letter: number, f"{letter}-1": str(int(number) - 1), f"{letter}+1": str(int(number) + 1)}
                    members = [Member(m.relation, m.tokens, _put(m.node, put)) for m in one.members]
                    made.append(Statement(replace(one.block, kind="virtual"), members))
    return made


def _put(node, marks: dict[str, str]):
    """A tree with superscript marks written otherwise."""
    if isinstance(node, t.Mark):
        return replace(node, text=marks.get(node.text, node.text))
    if isinstance(node, tuple):
        return tuple(_put(part, marks) for part in node)
    if is_dataclass(node) and isinstance(node, t.Node):
        return type(node)(**{f.name: _put(getattr(node, f.name), marks) for f in fields(node)})
    return node


# ---------------------------------------------------------------- assumptions


@dataclass(frozen=True)
class Convention:
    """What is assumed when a document leaves it out: needs names undefined and others present; LaTeX definitions."""

    words: str
    missing: tuple[str, ...]
    present: tuple[str, ...]
    ranks: dict[str, int]
    latex: str


CONVENTIONS = (
    Convention("", ("p",), ("z",), {"p": 2, "z": 2}, r"p_{i,j} = \frac{e^{z_{i,j}}}{\sum_k e^{z_{i,k}}}"),
    Convention("", ("p",), ("z",), {"p": 1, "z": 1}, r"p_{i} = \frac{e^{z_{i}}}{\sum_k e^{z_{k}}}"),
    Convention("", ("s",), ("x",), {"s": 1, "x": 1}, r"s_{i} = \frac{e^{x_{i}}}{\sum_k e^{x_{k}}}"),
    Convention("", ("s",), ("z",), {"s": 1, "z": 1}, r"s_{i} = \frac{e^{z_{i}}}{\sum_k e^{z_{k}}}"),
    Convention(r"layer.?norm", ("mu",), ("X",), {"mu": 1, "X": 2}, r"\mu_{n} = \frac{1}{D}\sum_{d=1}^{D} X_{n,d}"),
    Convention(
        r"layer.?norm",
        ("s",),
        ("X", "mu"),
        {"s": 1, "X": 2},
        r"s_{n} = \sqrt{\frac{1}{D}\sum_{d=1}^{D} (X_{n,d} - \mu_{n})^2 + \epsilon}",
    ),
    Convention(
        r"layer.?norm", ("Y",), ("Xhat", "gamma"), {"Y": 2, "Xhat": 2}, r"Y_{n,d} = \gamma_{d}\hat X_{n,d} + \beta_{d}"
    ),
)
_CROSS_ENTROPY = re.compile(r"cross.?entropy|softmax|logit|\\log", re.I)


def assumed(paper_text: str, notes: Notes, defined: set[str]) -> list[str]:
    """The LaTeX of the conventions that a document seems to rest on."""
    made = []
    for row in CONVENTIONS:
        if (
            row.words
            and not re.search(row.words, paper_text, re.I)
            or not row.words
            and not _CROSS_ENTROPY.search(paper_text)
        ):
            continue
        if any(name in defined for name in row.missing) or not all(name in notes.ranks for name in row.present):
            continue
        if all(notes.ranks.get(name, 0) == rank for name, rank in row.ranks.items()) and all(
            n in notes.ranks for n in row.missing
        ):
            made.append(row.latex)
            defined |= set(row.missing)
    return made
