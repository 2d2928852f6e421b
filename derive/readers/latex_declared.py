"""What a document declares in a `check:` block, and what is assumed where it declares nothing.

Both become definitions like the author's own: declared ones stand before the document, assumed ones after it, so that
whatever the author says comes first.  An assumed definition is named in every verdict that rests on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace

from derive.index import Size
from derive.readers import latex_tree as t
from derive.readers.documents import Block, Document, Source
from derive.readers.latex_grammar import Lexicon
from derive.readers.latex_notes import Notes
from derive.readers.latex_statements import Member, Statement, parse, statements


@dataclass(frozen=True)
class Entry:
    """One entry of a `check:` block: its word, its text and where it stands."""

    word: str
    text: str
    block: Block
    start: int

    @property
    def span(self) -> tuple[int, int]:
        return self.start, self.start + len(self.text)


@dataclass
class Declared:
    """The entries of a document's `check:` blocks, by their first word; `troubles`: those that were not understood."""

    definitions: list[Entry] = field(default_factory=list)
    assumptions: list[Entry] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, str] = field(default_factory=dict)
    ranks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    onehot: set[str] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)
    positive: set[str] = field(default_factory=set)
    symmetric: set[str] = field(default_factory=set)
    forward: str | None = None
    forward_entry: Entry | None = None
    waived: list[tuple[str, str]] = field(default_factory=list)
    loss: str | None = None
    samples: set[str] = field(default_factory=set)
    tags: set[str] = field(default_factory=set)
    layout: str = ""
    troubles: list[tuple[Entry, str]] = field(default_factory=list)


WORDS = ("index", "var", "const", "def", "alias", "read", "assume", "forward", "ignore")
_WORD = re.compile(r"^(?P<lead>\s*(?:[#%]\s*)?)(?P<word>[A-Za-z]+)\b(?P<colon>\s*:(?!=))?\s*(?P<rest>.*)$")


def declared(document: Document) -> Declared:
    """Everything that the document declares, in comments or front matter."""
    found = Declared()
    for block in document.blocks:
        for begin, text in _stretches(block):
            place = begin
            for line in text.split("\n"):
                for entry in _entries(found, line, block, place):
                    _take(found, entry)
                place += len(line) + 1
    return found


def _stretches(block: Block) -> Iterator[tuple[int, str]]:
    """The text of declarations in a block, with offsets in the source."""
    if block.kind == "declaration":
        yield block.start, block.text
    elif block.kind == "code" and block.language == "front":
        match = re.search(r"^check:[ \t]*\|?[ \t]*\n((?:[ \t]+.*(?:\n|$))+)|^check:[ \t]*(\S.*)$", block.text, re.M)
        if match:
            group = 1 if match[1] else 2
            yield block.start + match.start(group), match[group].rstrip("\n")
    elif block.kind == "code":
        for match in re.finditer(r"^[ \t]*#[ \t]*check:[ \t]*(.*)", block.text, re.M):
            yield block.start + match.start(1), match[1]


def _entries(found: Declared, line: str, block: Block, place: int) -> Iterator[Entry]:
    """The entries of one line, `;` between them; a line that begins with none of the words is a trouble."""
    line = line.rstrip()
    if not line.strip(" \t#%-"):
        return
    match = _WORD.match(line)
    if match is None or match["word"] not in WORDS:
        text = line.strip()
        entry = Entry("", text, block, place + line.index(text))
        found.troubles.append((entry, f"a declaration begins with one of: {', '.join(WORDS)}"))
        return
    start = match.start("rest")
    rest = match["rest"]
    if match["word"] == "ignore":
        yield Entry("ignore", rest, block, place + start)
        return
    rest = re.split(r"\s#\s", rest)[0]
    for part in re.finditer(r"(?:[^;\t]|;(?=[^\s]))+", rest):
        text = part[0].strip()
        if text:
            yield Entry(match["word"], text, block, place + start + part.start() + part[0].index(text))


def _take(found: Declared, entry: Entry) -> None:
    trouble = _READERS[entry.word](found, entry)
    if trouble:
        found.troubles.append((entry, trouble))


def _index(found: Declared, entry: Entry) -> str | None:
    letters, colon, bounds = entry.text.partition(":")
    high = re.split(r"\.\.+|…|\\\\[lc]?dots|,", bounds)[-1].strip()
    names = [a for a in re.split(r"[,\s]+", letters.strip()) if a]
    if not colon or not re.fullmatch(r"[A-Za-z]\w*", high) or not all(re.fullmatch(r"[A-Za-z]\w*'?", a) for a in names):
        return "write: index i: 1..n"
    found.sizes.update(dict.fromkeys(names, high))
    return None


def _variable(found: Declared, entry: Entry) -> str | None:
    match = re.fullmatch(r"(\w+)\s*(?:\[([^\]]*)\])?\s*(.*)", entry.text)
    if not match:
        return "write: var z[i,j]"
    name, slots, more = match.groups()
    more = more.strip()
    known = re.fullmatch(r"(onehot\b.*|one-hot\b.*|(in|∈|\\in|<|int\b).*|positive|> ?0|symmetric|)", more)
    if not known:
        return "after the name: onehot(j), in C, positive, symmetric, or nothing"
    found.ranks[name] = tuple(s.strip() for s in (slots or "").split(",") if s.strip())
    if more.startswith(("onehot", "one-hot")):
        found.onehot.add(name)
    elif more in ("positive", "> 0", ">0"):
        found.positive.add(name)
    elif more == "symmetric":
        found.symmetric.add(name)
    elif more:
        found.labels.add(name)
    return None


def _alias(found: Declared, entry: Entry) -> str | None:
    short, equals, long = (part.strip() for part in entry.text.partition("="))
    if not equals or not re.fullmatch(r"\\?\w+", short) or not re.fullmatch(r"\\?[\w.]+", long):
        return "write: alias lg = logits"
    found.aliases[short.lstrip("\\")] = long.lstrip("\\")
    return None


def _assume(found: Declared, entry: Entry) -> str | None:
    text = entry.text
    if match := re.fullmatch(r"(\w+)\s*(?:\[[^\]]*\])?\s*>\s*0|(\w+)\s+positive|positive\s+(\w+)", text):
        found.positive.add(match[1] or match[2] or match[3])
    elif match := re.fullmatch(r"(\w+)\s+symmetric|symmetric\s+(\w+)", text):
        found.symmetric.add(match[1] or match[2])
    elif match := re.fullmatch(r"(\w+)\s+one-?hot|one-?hot\s+(\w+)", text):
        found.onehot.add(match[1] or match[2])
    elif re.search(r"(?<![<>!])=", text):
        found.assumptions.append(entry)
    else:
        return "an assumption is an equation, `x > 0`, `A symmetric` or `y onehot`"
    return None


def _definition(found: Declared, entry: Entry) -> str | None:
    found.definitions.append(entry)
    return None if "=" in entry.text else "write: def s[i] = exp(x[i])"


def _read(found: Declared, entry: Entry) -> str | None:
    """`dX = dL/dX`, `x^{(i)} = x[i]`, `^{(l)} tag`, `layout gradient`."""
    text = entry.text
    if match := re.fullmatch(r"d\s*(\w+)\s*=\s*d\s*(\w+?)\s*/\s*d\s*\1|d\s*(\w+)\s*=\s*∂\s*(\w+)\s*/\s*∂\s*\3", text):
        found.loss = match[2] or match[4]
    elif match := re.fullmatch(r"\w*\s*\^\{?\((\w)\)\}?\s*=\s*\w*\[\1\]|\^\{?\((\w)\)\}?\s+(?:sample|index)", text):
        found.samples.add(match[1] or match[2])
    elif match := re.fullmatch(r"\w*\s*\^\{?[(\[](\w)[)\]]\}?\s+(?:tag|layer)", text):
        found.tags.add(match[1])
    elif match := re.fullmatch(r"layout\s+(gradient|denominator|jacobian|numerator)", text, re.I):
        found.layout = {"denominator": "gradient", "numerator": "jacobian"}.get(match[1].lower(), match[1].lower())
    else:
        return "known readings: dX = dL/dX ; x^{(i)} = x[i] ; ^{(l)} tag ; layout gradient ; layout jacobian"
    return None


def _forward(found: Declared, entry: Entry) -> str | None:
    found.forward, found.forward_entry = entry.text, entry
    return None


def _ignore(found: Declared, entry: Entry) -> str | None:
    match = re.search(r'"([^"]+)"|“([^”]+)”', entry.text)
    if not match:
        return 'write: ignore line "…" and the reason'
    reason = (entry.text[: match.start()].removeprefix("line") + entry.text[match.end() :]).strip(" ,:;—-#")
    found.waived.append((match[1] or match[2], reason))
    return None


_READERS = {
    "index": _index,
    "var": _variable,
    "const": _variable,
    "alias": _alias,
    "assume": _assume,
    "def": _definition,
    "read": _read,
    "forward": _forward,
    "ignore": _ignore,
}


def defined(entries: Sequence[Entry], said: Declared, document: Document, lexicon: Lexicon) -> list[Statement]:
    """The statements of declared definitions and assumptions; those that cannot be read are troubles."""
    made: list[Statement] = []
    for entry in entries:
        found = virtual(as_latex(entry.text), document, lexicon)
        if not found and not any(e is entry for e, _ in said.troubles):
            said.troubles.append((entry, "this formula was not read"))
        made += found
    return made


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
    notes.letters |= set(found.sizes) | found.samples
    notes.tags |= found.tags
    notes.layout = found.layout
    notes.declared_loss = found.loss
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
