"""LaTeX mathematics in documents: what is defined, what the letters are, and every statement with its trees.

`read_paper` reads a document (Markdown, LaTeX, notebook) into a `Paper`; `read_latex` makes a forward pass of its
definitions.  Definitions: `:=`, or the first equation with a new bare left side.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from derive import expr as x
from derive.errors import Unreadable
from derive.expr import Entry, Expr
from derive.index import Index, Size
from derive.program import Equation, Fact, Program, Variable
from derive.readers import latex_tree as t
from derive.readers.documents import Block, Document, read_document
from derive.readers.latex_code import forward_of
from derive.readers.latex_declared import Declared, assumed, declared, defined, layers, learn, virtual
from derive.readers.latex_grammar import FUNCTIONS, WORDS, Lexicon
from derive.readers.latex_meaning import Elaborator, Value
from derive.readers.latex_notes import FAILED, LOSSES, Notes, index_letters
from derive.readers.latex_statements import Statement, parse, statements
from derive.readers.latex_tokens import Token, Unread, tokenize
from derive.readers.latex_vectors import find_vectors

EMPTY = Program((), (), ())
WEIGHTS = ("W", "U", "V", "Theta", "w")


@dataclass
class Paper:
    """A document with everything that was found out about it."""

    document: Document
    statements: list[Statement]
    lexicon: Lexicon
    notes: Notes
    program: Program
    definitions: dict[int, str] = field(default_factory=dict)
    scopes: dict[str, dict[str, Index]] = field(default_factory=dict)
    ids: dict[int, str] = field(default_factory=dict)
    surrogate: Expr | None = None
    backward: set[str] = field(default_factory=set)
    assumptions: set[int] = field(default_factory=set)
    parameters: set[str] = field(default_factory=set)
    stationary_words: bool = False
    assumed: dict[str, str] = field(default_factory=dict)
    said: Declared = field(default_factory=Declared)
    free: dict[str, frozenset[str]] = field(default_factory=dict)
    moved: dict[str, frozenset[str]] = field(default_factory=dict)
    recurrent: dict[int, tuple[Statement, str, t.Symbol, int]] = field(default_factory=dict)

    def recurrences(self) -> list[Equation]:
        """The equations that close a circle, such as h_t = tanh(a_t) with a_t = W h_{t-1}; they define nothing."""
        made = (_try_define(self, *row) for row in self.recurrent.values())
        return [_settled(self, e) for e in made if e is not None]

    def elaborator(self, statement: Statement, program: Program | None = None, reading=None) -> Elaborator:
        """An elaborator for the formulas of one statement; letters keep their indices within a chain."""
        key = self.ids.setdefault(id(statement), str(len(self.ids)))
        scope = self.scopes.setdefault(key, {})
        made = Elaborator(self.notes, program or self.program, scope, key, reading or {}, surrogate=self.surrogate)
        made.outer = self.letters_of(key, statement)
        made.increments = self.increments_of(key, statement)
        return made

    def letters_of(self, key: str, statement: Statement) -> frozenset[str]:
        """The index letters that are free in the chain of a statement, a letter only compared with not counted."""
        if key not in self.free:
            chain = self.chain_of(key, statement)
            self.free[key] = frozenset(a for s in chain for node in nodes(s) for a in _free(node))
        return self.free[key]

    def chain_of(self, key: str, statement: Statement) -> list[Statement]:
        return [s for s in self.statements if self.ids.get(id(s)) == key] or [statement]

    def increments_of(self, key: str, statement: Statement) -> frozenset[str]:
        """The arrays whose d stands in the chain of a statement."""
        if not self.notes.differential:
            return frozenset()
        if key not in self.moved:
            self.moved[key] = frozenset(
                _increments(self.notes, [n for s in self.chain_of(key, statement) for n in nodes(s)])
            )
        return self.moved[key]


def _increments(notes: Notes, every: Iterable[t.Node]) -> set[str]:
    """The arrays X of which a dX stands in formulas."""
    found = (u.of for node in every for u in t.walk(node) if isinstance(u, t.Differential))
    return {notes.resolve(notes.spell(s)[0])[0] for s in found if isinstance(s, t.Symbol)}


def _free(node: t.Node) -> set[str]:
    """The letters in index places of a formula that no big sign binds; of Σ_{i ≠ j} both are bound."""
    found: set[str] = set()
    for child in t.children(node):
        found |= _free(child)
    if isinstance(node, (t.Symbol, t.Paren, t.Function)):
        found |= {s.name for s in node.subs if isinstance(s, t.Symbol) and not s.subs}
    if isinstance(node, t.Big):
        found -= set(node.letters)
        if isinstance(node.cond, t.Relation) and isinstance(node.cond.right, t.Symbol):
            found -= {node.cond.right.name}
    return found


# ---------------------------------------------------------------- words


_CODE_NAME = re.compile(r"\b([A-Za-z_]\w+)\b")
_TICK = re.compile(r"`([A-Za-z_]\w*)`")


def _lexicon(document: Document, found: list[Statement], raw: list[list[Token]], program: Program) -> Lexicon:
    """Names of several letters, functions, indexed letters, squares that are names."""
    words = {m for b in document.blocks if b.kind == "code" for m in _CODE_NAME.findall(b.text)}
    words |= {m for s in document.sources for m in _TICK.findall(s.text)}
    words |= {d[1:] for d in words if d.startswith("d") and len(d) > 2}
    words = {w for w in words if len(w) > 1 and w not in ("if", "in", "is", "of", "np", "as", "to", "or", "def")}
    letters, indexed, squares, functions = set(), set(), set(), set()
    for tokens in raw:
        runs = _runs(tokens)
        for k, run in enumerate(runs):
            _note_run(run, runs, k, tokens, words, letters, indexed)
        squares |= _squares(tokens)
        functions |= _functions(tokens)
    indexed |= {
        tokens[k].text.lstrip("\\")
        for tokens in raw
        for k in range(len(tokens) - 1)
        if tokens[k + 1].text == "_" and tokens[k].kind in ("letter", "command")
    }
    alone = {tokens[k].text for tokens in raw for k in range(len(tokens)) if not _called(tokens, k + 1)}
    functions -= alone & {"f", "g", "h"}
    arrays = {n for n, item in program.by_name.items() if item.shape}
    differential = "d" not in indexed and _differentials(document, raw, arrays)
    return Lexicon(
        frozenset(words), frozenset(functions), frozenset(indexed), frozenset(squares), frozenset(letters), differential
    )


def _runs(tokens: Sequence[Token]) -> list[tuple[int, int]]:
    """Stretches of letters (and digits behind them) without a gap."""
    runs, k = [], 0
    while k < len(tokens):
        if tokens[k].kind != "letter":
            k += 1
            continue
        end = k + 1
        scripted = k > 0 and tokens[k - 1].text in ("^", "_")
        while not scripted and end < len(tokens) and tokens[end].glued and tokens[end].kind in ("letter", "number"):
            end += 1
        runs.append((k, end))
        k = end
    return runs


def _note_run(run, runs, k, tokens, words, letters, indexed) -> None:
    start, end = run
    text = "".join(token.text for token in tokens[start:end])
    if len(text) == 1:
        letters.add(text)
        return
    before = tokens[start - 1].text if start else ""
    opened = before == "{" and start > 1 and tokens[start - 2].text in ("}", r"\frac")
    if text.startswith("d") and len(text) > 2 and opened:
        words.add(text[1:])
    elif len(text) >= 4 and not text.startswith("d") or "_" in text:
        words.add(text)


def _squares(tokens: Sequence[Token]) -> set[str]:
    """Letters whose square is a variable: ∂…/∂σ², or σ² = …"""
    found = set()
    for k in range(len(tokens) - 2):
        squared = (
            tokens[k + 1].text == "^"
            and tokens[k + 2].text in ("2", "{")
            and "2" in (tokens[k + 2].text, tokens[k + 3].text if k + 3 < len(tokens) else "")
        )
        if squared and (
            k > 0
            and tokens[k - 1].text == r"\partial"
            or k + 3 < len(tokens)
            and tokens[k + 3].text == "="
            and (k == 0 or tokens[k - 1].text in (r"\quad", r"\qquad", ",", "&"))
        ):
            found.add(tokens[k].text.lstrip("\\"))
    return found


def _called(tokens: Sequence[Token], k: int) -> bool:
    """Whether a bracket stands here, perhaps after primes."""
    while k < len(tokens) and tokens[k].text in ("'", r"\prime"):
        k += 1
    return k < len(tokens) and tokens[k].text == "("


_UPRIGHT = re.compile(r"(?<!\\frac\{)(?<!\}\{)\\mathrm\s*\{d\}")


def _differentials(document: Document, raw: list[list[Token]], arrays: set[str]) -> bool:
    """Whether d is an operator here: d(XY), d log det X, an upright d, `dL = … dX` for a scalar L that is no array."""
    for tokens in raw:
        for k, token in enumerate(tokens[:-1]):
            if token.text != "d" or token.kind != "letter" or k and tokens[k - 1].text in ("_", "^", "{"):
                continue
            if k and tokens[k].glued and tokens[k - 1].kind == "letter":
                continue
            after = tokens[k + 1]
            if after.glued and after.kind == "letter" and [u.text for u in tokens[k + 2 : k + 5]] == ["^", "{", "-"]:
                return True
            if after.text in FUNCTIONS or after.kind == "text" and after.text.strip() in WORDS or after.text == r"\|":
                return True
            if after.text == "(" and not _has_comma(tokens, k + 1):
                return True
            scalar = after.text in ("f", "g", "L", "J", "E", r"\ell", "F", "S") and after.text not in arrays
            if scalar and k + 2 < len(tokens) and tokens[k + 2].text in ("=", ":=", "&"):
                ahead = range(k + 3, len(tokens) - 1)
                if any(tokens[m].text == "d" and tokens[m + 1].glued and tokens[m + 1].kind == "letter" for m in ahead):
                    return True
    return any(_UPRIGHT.search(b.text) for b in document.blocks if b.kind in ("display", "inline"))


def _has_comma(tokens: Sequence[Token], k: int) -> bool:
    depth = 0
    for token in tokens[k:]:
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth == 0:
            return False
        if depth == 1 and token.text == ",":
            return True
    return False


def _functions(tokens: Sequence[Token]) -> set[str]:
    """f in f(x, y) = …, and L(s, y) under ∂."""
    found = set()
    for k in range(len(tokens) - 2):
        if tokens[k].kind not in ("letter", "command") or tokens[k + 1].text != "(":
            continue
        depth, end = 0, k + 1
        for end in range(k + 1, len(tokens)):
            depth += {"(": 1, ")": -1}.get(tokens[end].text, 0)
            if depth == 0:
                break
        after = tokens[end + 1].text if end + 1 < len(tokens) else ""
        first = k == 0
        if first and after in ("=", ":=") or (k > 0 and tokens[k - 1].text == r"\partial" and after == "}"):
            found.add(tokens[k].text.lstrip("\\"))
        if tokens[k].text in ("f", "g", "h") and k > 0:
            found.add(tokens[k].text)
    bare = {tokens[k].text for k in range(len(tokens)) if not _called(tokens, k + 1)}
    return found - (bare & {"f", "g", "h"})


# ---------------------------------------------------------------- reading a document


def read_paper(text: str, path: str = "", kind: str | None = None, program: Program | None = None) -> Paper:
    """A document with its statements and definitions; `program`: a forward pass that it belongs to."""
    document = read_document(text, path, kind)
    found: list[Statement] = []
    raw: list[list[Token]] = []
    for block in document.blocks:
        if block.kind in ("display", "inline"):
            own = statements(block, document.macros)
            found += own
            raw += [_tokens(block, document)]
    lexicon = _lexicon(document, found, raw, program or EMPTY)
    for one in found:
        parse(one, lexicon)
    notes = Notes(program or EMPTY, words=set(lexicon.words), differential=lexicon.differential)
    said = declared(document)
    before = defined((*said.definitions, *said.assumptions), said, document, lexicon)
    joined = _joined(found)
    paper = Paper(document, [*before, *joined, *layers(joined)], lexicon, notes, program or EMPTY, said=said)
    learn(notes, said)
    _learn(paper)
    notes.facts += [Fact("positive", n, f"{n} > 0") for n in sorted(said.positive)]
    notes.facts += [Fact("symmetric", n, f"{n} symmetric") for n in sorted(said.symmetric)]
    paper.program = replace(paper.program, facts=tuple(_facts(paper)))
    return paper


def _tokens(block: Block, document: Document) -> list[Token]:
    try:
        return tokenize(block.text, document.macros, block.start)
    except Unread:
        return []


def _joined(found: list[Statement]) -> list[Statement]:
    """Chains that go on in the next display are one statement with several blocks' members."""
    made: list[Statement] = []
    for one in found:
        if one.continues and one.block.kind == "display" and (held := _last_display(made)) is not None:
            one.notes = one.notes
            one.continues = True
            one.before = held  # type: ignore[attr-defined]
        made.append(one)
    return made


def _last_display(made: list[Statement]) -> Statement | None:
    return next((s for s in reversed(made) if s.block.kind == "display" and s.members and not _is_notation(s)), None)


def _is_notation(one: Statement) -> bool:
    """Whether a display only says what δ is."""
    first = one.members[0].node
    return isinstance(first, t.Symbol) and first.name == "delta" and not one.continues


def nodes(one: Statement) -> list[t.Node]:
    """The trees of a statement that were read."""
    return [m.node or m.prefix for m in one.members if (m.node or m.prefix) is not None]


def _learn(paper: Paper) -> None:
    """Ranks, labels, sizes, abbreviations, definitions: everything that is said of names."""
    notes, every = paper.notes, [n for s in paper.statements for n in nodes(s)]
    notes.letters = index_letters(every)
    _size_names(paper, every)
    _prose(paper)
    for node in every:
        _ranks(notes, node)
    _matrices(notes, every)
    notes.matrices -= {"I", *notes.size_names}
    for name in sorted(notes.matrices - notes.ranks.keys()):
        notes.ranks[name] = 2 if name[0].isupper() else 1
    find_vectors(notes, paper.statements)
    _bold(paper, every)
    _chain_ids(paper)
    if not notes.program.by_name:
        notes.program = paper.program = forward_of(paper.document, notes) or EMPTY
    _programmed(paper)
    _choose_loss(paper, every)
    paper.parameters = _parameters(paper, every)
    notes.numbers = {
        notes.spell(u)[0]
        for node in every for w in t.walk(node) if isinstance(w, t.Function) for u in w.args
        if isinstance(u, t.Symbol) and not u.subs
    }
    notes.by = {
        notes.resolve(notes.spell(w)[0])[0]
        for node in every
        for u in t.walk(node)
        if isinstance(u, t.Derivative)
        for w in u.wrt
        if isinstance(w, t.Symbol)
    }
    paper.stationary_words = _sets_to_zero(paper)
    notes.varied = _increments(notes, every) if notes.differential else set()
    _assume(paper)
    _define(paper)
    _settle(paper)


def _assume(paper: Paper) -> None:
    """Conventions for what the document leaves out, as statements after all others."""
    notes = paper.notes
    if paper.program.by_name:
        return
    defined = {found[0] for one in paper.statements if (found := _defining(paper, one)) is not None}
    text = " ".join(s.text for s in paper.document.sources)
    for latex in assumed(text, notes, defined):
        made = virtual(latex, paper.document, paper.lexicon)
        for one in made:
            paper.ids[id(one)] = str(len(paper.ids))
            name = notes.spell(one.members[0].node)[0]
            paper.assumed[name] = latex
            notes.letters |= index_letters(nodes(one))
            for node in nodes(one):
                _ranks(notes, node)
        paper.statements += made


_BOLD = re.compile(r"\\(?:mathbf|boldsymbol|bm|pmb|vec)\s*\{?\s*\\?(?P<name>[A-Za-z]+)\s*\}?")


def _bold(paper: Paper, every: list[t.Node]) -> None:
    """Bold small letters are vectors and bold capitals matrices, where no index says otherwise."""
    notes = paper.notes
    bold = {m["name"] for s in paper.document.sources for m in _BOLD.finditer(s.text)}
    if not bold:
        return
    names = {notes.spell(u)[0] for node in every for u in t.walk(node) if isinstance(u, t.Symbol)}
    for name in names:
        base = name.split(".")[0]
        if base in bold and name not in notes.size_names and base not in ("I", "ell"):
            notes.ranks.setdefault(name, 2 if base[0].isupper() else 1)


def _parameters(paper: Paper, every: list[t.Node]) -> set[str]:
    """The numbers by which something is differentiated."""
    notes = paper.notes
    found = set()
    for node in every:
        for u in t.walk(node):
            for w in u.wrt if isinstance(u, t.Derivative) else ():
                if isinstance(w, t.Symbol) and not notes.ranks.get(name := notes.resolve(notes.spell(w)[0])[0]):
                    found.add(name)
    return found


_ZERO = re.compile(
    r"(set|setting|put|equat\w*|equal\w*)\b.{0,40}\b(to\s+)?(zero|\$?0\b)|vanish|stationar|at the (minimum|optimum)|"
    r"first.order condition",
    re.I | re.S,
)


def sets_to_zero(text: str) -> bool:
    """Whether words set a gradient to zero."""
    return bool(_ZERO.search(text))


def _sets_to_zero(paper: Paper) -> bool:
    """Whether the document sets gradients to zero, in words or by `∂J/∂w = 0`."""
    for one in paper.statements:
        first, last = (one.members[0].node, one.members[-1].node) if one.members else (None, None)
        if isinstance(first, t.Derivative) and isinstance(last, t.Number) and last.value == 0 and len(one.members) == 2:
            return True
    return any(_ZERO.search(b.text) for b in paper.document.blocks if b.kind == "prose")


def _chain_ids(paper: Paper) -> None:
    for one in paper.statements:
        before = getattr(one, "before", None)
        key = paper.ids.get(id(before)) if before is not None else None
        paper.ids[id(one)] = key if key is not None else str(len(paper.ids))


def _size_names(paper: Paper, every: list[t.Node]) -> None:
    """The letters of the forward pass; upper ends of sums."""
    notes = paper.notes
    notes.size_names |= notes.program.sizes - notes.program.by_name.keys()
    for node in every:
        for u in t.walk(node):
            if isinstance(u, t.Big) and isinstance(u.high, t.Symbol) and u.high.name != "infty":
                notes.size_names.add(notes.spell(u.high)[0])


_DENOTE = re.compile(r"denote\s+(?:by\s+)?[$`](?P<a>[^$`]+)[$`]\s+by\s+[$`](?P<b>[^$`]+)[$`]", re.I)
_WRITE = re.compile(r"(?:writ(?:e|ing)|us(?:e|ing)|abbreviat\w+|let)\s+\$(?P<b>[^$]+)\$\s+for\s+\$(?P<a>[^$]+)\$", re.I)
_COUNT = re.compile(
    r"\$(?P<m>[A-Za-z](?:_\w)?)\$\s+(?P<what>rows|classes|examples|samples|features|units|observations|points|"
    r"inputs|outputs|data points|columns|categories|neurons|tokens)\b",
    re.I,
)
_SPACE = re.compile(
    r"\$\s*(?P<names>[A-Za-z\\, ]+?)\s*\\in\s*\\mathbb\s*\{?\s*R\s*\}?\s*\^\s*(?:\{(?P<dims>[^$}]*)\}|(?P<one>\w))"
)
_LABEL = re.compile(
    r"(?:integer|label|target|class|ground.truth)\w*\s+(?:\w+\s+)?\$(?P<y>[A-Za-z])_\{?(?P<i>[a-z])\}?\$|"
    r"\$(?P<z>[A-Za-z])_\{?(?P<k>[a-z])\}?\$\s+(?:is|be|are|denotes?)\s+(?:the\s+)?(?:\w+\s+){0,2}?"
    r"(?:integer|label|class|target|correct|ground)",
    re.I,
)
_ONEHOT = re.compile(
    r"\$(?P<y>[A-Za-z])(?:_\{?\w+\}?)?\$\s+\(?(?:be|is|are|being)?\s*(?:a\s+|its\s+)?one.?hot|one.?hot\s+(?:\w+\s+){0,3}?"
    r"\$(?P<z>[A-Za-z])",
    re.I,
)


def _prose(paper: Paper) -> None:
    """What the words between the formulas say."""
    notes = paper.notes
    for source in paper.document.sources:
        for found in _DENOTE.finditer(source.text):
            _abbreviate(paper, found["b"], found["a"])
        for found in _WRITE.finditer(source.text):
            _abbreviate(paper, found["b"], found["a"])
        for found in _COUNT.finditer(source.text):
            notes.size_names.add(found["m"])
            kind = "columns" if found["what"].lower() in ("classes", "columns", "categories", "features") else "rows"
            notes.counts.setdefault(kind, found["m"])
        for found in _LABEL.finditer(source.text):
            notes.labels.add(found["y"] or found["z"])
        for found in _ONEHOT.finditer(source.text):
            notes.onehot.add(found["y"] or found["z"])
        for found in _SPACE.finditer(source.text):
            _in_space(notes, found)
        for found in _SYMMETRIC.finditer(source.text):
            name = found["a"] or found["b"]
            notes.facts.append(Fact("symmetric", name, f"{name} symmetric"))
    for one in paper.statements:
        _said_beside(notes, one)


_SYMMETRIC = re.compile(
    r"\$(?P<a>[A-Z])(?:\s*\\in[^$]*)?\$,?\s+(?:is|be|are|being)\s+(?:a\s+|an\s+)?(?:\w+\s+)?symmetric|"
    r"symmetric\s+(?:matrix\s+|matrices\s+)?\$(?P<b>[A-Z])\b",
    re.I,
)


def _in_space(notes: Notes, found: re.Match) -> None:
    dims = [d.strip() for d in re.split(r"\\times", found["dims"] or found["one"] or "") if d.strip()]
    if not all(re.fullmatch(r"[A-Za-z](_\w)?", d) for d in dims):
        return
    for name in re.split(r"[, ]+", found["names"].replace("\\", "")):
        if name and not (dims == ["m"] and False):
            notes.ranks[name] = len(dims)
            for k, d in enumerate(dims):
                notes.size_names.add(d)
                notes.sizes.unify(Size.of(f"?{name}#{k}"), Size.of(d))


def _said_beside(notes: Notes, one: Statement) -> None:
    """Words in a display: `y_i = ground truth index`, `(since it's one-hot)`, `m = batch size`."""
    words = " ".join(one.notes).lower()
    first = one.members[0].node if one.members else None
    if not isinstance(first, t.Symbol) and "one-hot" not in words:
        return
    if isinstance(first, t.Symbol) and len(one.members) == 2 and not one.members[1].tokens:
        if first.subs and re.search(r"index|label|class|target", words):
            notes.labels.add(first.name)
        elif not first.subs and re.search(r"size|number|count", words):
            notes.size_names.add(first.name)
            notes.counts.setdefault("columns" if re.search("class|feature", words) else "rows", first.name)
    if re.search(r"one.?hot", words):
        notes.onehot |= {s.name for n in nodes(one) for s in t.walk(n) if isinstance(s, t.Symbol) and s.subs}


def _abbreviate(paper: Paper, short: str, long: str) -> None:
    """From now on `short` is written for `long`."""
    try:
        small = tokenize(short, paper.document.macros)
    except Unread:
        return
    name = "".join(k.text.lstrip("\\") for k in small)
    plain = long.replace("\\_", "_").strip()
    if re.fullmatch(r"[A-Za-z_]\w+", plain):
        paper.notes.aliases[name] = plain
        return
    from derive.readers.latex_grammar import read_formula

    try:
        paper.notes.stand_ins[name] = read_formula(tokenize(long, paper.document.macros), paper.lexicon)
    except Unread:
        return


def _matrices(notes: Notes, every: list[t.Node]) -> None:
    """Bare letters that are transposed or multiplied by @ are arrays; beside them bare capitals are."""
    turned: set[str] = set()
    bare: set[str] = set()
    for node in every:
        for u in t.walk(node):
            inner = (
                [u.base]
                if isinstance(u, t.Transposed)
                else [f for op, f in u.factors]
                if isinstance(u, t.Product) and any(op in ("@", "odot") for op, _ in u.factors)
                else []
            )
            turned |= {notes.spell(s)[0] for s in inner if isinstance(s, t.Symbol) and not notes.spell(s)[1]}
            if (
                isinstance(u, t.Symbol)
                and not u.subs
                and len(u.name) == 1
                and u.name.isupper()
                and u.name not in LOSSES
            ):
                bare.add(notes.spell(u)[0])
    if turned:
        notes.matrices |= turned | (bare - notes.size_names)
        notes.matrices |= {v for node in every for v in _multiplied(notes, node)} - notes.size_names


def _multiplied(notes: Notes, node: t.Node) -> Iterator[str]:
    """Bare small letters that a matrix is multiplied by, and those added to such a product: `Xw - y`."""

    def small(u: t.Node) -> bool:
        return isinstance(u, t.Symbol) and not u.subs and not u.marks and len(u.name) == 1 and u.name.islower()

    def product(u: t.Node) -> bool:
        if not isinstance(u, t.Product) or len(u.factors) < 2:
            return False
        factors = [f.base if isinstance(f, t.Transposed) else f for _, f in u.factors]
        first, last = factors[-2], factors[-1]
        return small(last) and isinstance(first, t.Symbol) and not first.subs and first.name in notes.matrices

    def bias(u: t.Node) -> bool:
        return isinstance(u, t.Symbol) and not notes.spell(u)[1] and u.name in ("b", "c", "bias")

    def matrices(u: t.Node) -> bool:
        factors = [f.base if isinstance(f, t.Transposed) else f for _, f in u.factors] if isinstance(u, t.Product) else []
        named = [notes.spell(f)[0] for f in factors if isinstance(f, t.Symbol) and not notes.spell(f)[1]]
        return len(named) > 1 and len(named) == len(factors) and set(named[-2:]) <= notes.matrices

    for u in t.walk(node):
        if product(u) and isinstance(last := u.factors[-1][1], t.Symbol):
            yield last.name
        if isinstance(u, t.Sum) and any(product(term) for _, term in u.terms):
            yield from (term.name for _, term in u.terms if small(term))
        if isinstance(u, t.Sum) and any(matrices(term) for _, term in u.terms):
            found = [notes.spell(term)[0] for _, term in u.terms if bias(term)]
            first = next(term for _, term in u.terms if matrices(term)).factors[0][1]
            if isinstance(first, t.Symbol) and first.name in WEIGHTS:  # W X + b: examples are columns
                notes.columns |= set(found)
            yield from found


def _ranks(notes: Notes, node: t.Node) -> None:
    """The most places that each name carries; labels: names that stand in a place."""
    for u in t.walk(node):
        if isinstance(u, t.Symbol):
            name, places, _ = notes.spell(u)
            if name == "delta" and len(places) == 2:
                continue
            if places and not (isinstance(places[0], t.Symbol) and places[0].name.startswith("text ")):
                notes.ranks[name] = max(notes.ranks.get(name, 0), len(places))
            for p in places:
                if isinstance(p, t.Symbol) and p.subs and not p.name.startswith("text "):
                    notes.labels.add(notes.spell(p)[0])
        if isinstance(u, t.Paren) and isinstance(u.inner, t.Derivative) and u.subs:
            for w in u.inner.wrt:
                if isinstance(w, t.Symbol) and not w.subs and len(u.subs) <= 2:
                    name = notes.spell(w)[0]
                    if name not in notes.ranks:
                        notes.ranks[name] = len(u.subs)
        if isinstance(u, t.Paren) and isinstance(u.inner, t.Symbol) and u.subs:
            name = notes.spell(u.inner)[0]
            notes.ranks[name] = max(notes.ranks.get(name, 0), len(u.subs))
        if isinstance(u, t.Relation) and u.op in ("=", r"\neq"):
            for a, b in ((u.left, u.right), (u.right, u.left)):
                if (
                    isinstance(a, t.Symbol)
                    and not a.subs
                    and a.name in notes.letters
                    and isinstance(b, t.Symbol)
                    and b.subs
                ):
                    notes.labels.add(notes.spell(b)[0])


def _programmed(paper: Paper) -> None:
    """Names of the document that mean arrays of a forward pass."""
    notes = paper.notes
    if not paper.program.by_name:
        return
    used: dict[str, int] = {}
    for one in paper.statements:
        for n in nodes(one):
            for u in t.walk(n):
                if isinstance(u, t.Symbol):
                    name, places, _ = notes.spell(u)
                    used[name] = max(used.get(name, 0), len(places))
    labels = [v.name for v in paper.program.inputs if v.sort == "int"]
    for name in paper.program.by_name:
        notes.ranks[name] = len(notes.axes(name))
    for name, rank in sorted(used.items(), key=lambda item: "." in item[0]):
        target = notes.aliases.get(name)
        if target is not None and target not in paper.program:
            again = notes.match(target, None)
            if again is not None:
                notes.aliases[name] = again[0]
            continue
        if name in paper.program or name in notes.size_names or name in notes.letters or name in notes.aliases:
            continue
        if name in notes.labels and len(labels) == 1:
            notes.aliases[name] = labels[0]
            continue
        found = notes.match(name, rank or None)
        if found is not None and found[0] != name:
            notes.aliases[name] = found[0]
            if found[1]:
                notes.named_aliases.add(name)
    notes.labels |= set(labels)


def _choose_loss(paper: Paper, every: list[t.Node]) -> None:
    """The scalar that gradients are taken of."""
    notes = paper.notes
    counts: dict[str, int] = {}
    differentials = False
    for node in every:
        for u in t.walk(node):
            if isinstance(u, t.Derivative) and u.body is not None:
                body = u.body.symbol if isinstance(u.body, t.Apply) else u.body
                if isinstance(body, t.Symbol) and not body.subs and not body.marks:
                    name = notes.resolve(notes.spell(body)[0])[0]
                    if name in LOSSES or name in notes.scalar_outputs():
                        counts[name] = counts.get(name, 0) + 1
            differentials |= isinstance(u, t.Differential) and not notes.differential
    outputs = notes.scalar_outputs()
    if notes.declared_loss:
        notes.loss = notes.resolve(notes.declared_loss)[0]
    elif outputs:
        notes.loss = outputs[0]
    elif counts:
        notes.loss = max(counts, key=lambda n: counts[n])
    elif differentials:
        defined = [
            m.name for s in paper.statements for m in nodes(s)[:1] if isinstance(m, t.Symbol) and m.name in LOSSES
        ]
        notes.loss = defined[0] if defined else "L"


# ---------------------------------------------------------------- definitions


def _define(paper: Paper) -> None:
    """Choose the defining statements, then elaborate them: twice to infer sizes, once for good."""
    rejected: set[int] = set()
    for _ in range(4):
        chosen = _chosen(paper, rejected)
        before = len(rejected)
        held = dict(paper.notes.sizes.table)
        _enter_all(paper, chosen, rejected)
        if len(rejected) == before:
            return
        for k, _, name, _, _ in chosen:
            paper.notes.defined.discard(name)
            paper.definitions.pop(k, None)
        paper.notes.sizes.table, paper.notes.sizes.count = held, -1
        paper.program = paper.notes.program
        paper.backward.clear()
        paper.scopes.clear()


def _chosen(paper: Paper, rejected: set[int]) -> list[tuple[int, Statement, str, t.Symbol, int]]:
    """The statements that define, the first for every name that was not found to have no meaning."""
    chosen: list[tuple[int, Statement, str, t.Symbol, int]] = []
    for k, one in enumerate(paper.statements):
        found = None if k in rejected else _defining(paper, one)
        if found is None:
            continue
        name, left, member = found
        paper.notes.defined.add(name)
        paper.definitions[k] = name
        chosen.append((k, one, name, left, member))
    return chosen


def _enter_all(paper: Paper, chosen: list, rejected: set[int]) -> None:
    forward = [c for c in chosen if not _has_derivative(c[1].members[c[4]].node)]
    _enter(paper, forward, rejected)
    _surrogate(paper)
    _enter(paper, [c for c in chosen if c not in forward], rejected)


def _has_derivative(node: t.Node) -> bool:
    return any(isinstance(u, (t.Derivative, t.Differential)) for u in t.walk(node))


def _enter(paper: Paper, chosen: list[tuple[int, Statement, str, t.Symbol, int]], rejected: set[int]) -> None:
    """Elaborate definitions, first for what they say of sizes, then for good, and add them to the program."""
    notes = paper.notes
    for _ in range(2):
        for one, name, left, member in (*(c[1:] for c in chosen), *paper.recurrent.values()):
            _try_define(paper, one, name, left, member)
    _bounded(paper)
    for _, one, name, left, member in chosen:
        _try_define(paper, one, name, left, member)
    _name_sizes(paper, {c[2] for c in chosen})
    equations = list(e for e in paper.program.equations)
    made = []
    for k, one, name, left, member in chosen:
        equation = _try_define(paper, one, name, left, member)
        if equation is None or _cyclic(equation, equations):
            if equation is not None:
                paper.recurrent[k] = (one, name, left, member)
            notes.defined.discard(name)
            paper.definitions.pop(k, None)
            rejected.add(k)
            continue
        equations.append(equation)
        made.append(equation)
    _install(paper, made)


def _defining(paper: Paper, one: Statement) -> tuple[str, t.Symbol, int] | None:
    """The name that a statement defines, its left side, and the number of the member that says it."""
    notes = paper.notes
    if len(one.members) < 2 or one.doubtful or getattr(one, "before", None) is not None and one.continues:
        return _named_at_end(paper, one)
    first = one.members[0].node
    left = first.symbol if isinstance(first, t.Apply) else first
    if isinstance(left, t.Paren) and isinstance(left.inner, t.Symbol) and not left.subs:
        left = left.inner
    if not isinstance(left, t.Symbol):
        return _named_at_end(paper, one)
    if one.members[1].relation not in ("=", ":=") or one.members[1].node is None:
        return None
    name, places, _ = notes.spell(left)
    name = notes.resolve(name)[0]
    if name in notes.defined or paper.program.equation(name) is not None or name in notes.size_names:
        return None
    if name in paper.parameters and paper.stationary_words:
        return None
    if name == "delta" or not all(isinstance(p, t.Symbol) and not p.subs for p in places):
        return None
    if isinstance(first, t.Apply) and name.endswith("'") and name.rstrip("'") in notes.defined:
        return None
    if len({p.name for p in places}) != len(places) or not places and name in notes.letters and name not in notes.ranks:
        return None
    right = one.members[1].node
    own = [u for u in t.walk(right) if isinstance(u, t.Symbol) and notes.resolve(notes.spell(u)[0])[0] == name]
    if any(not any(isinstance(p, t.Sum) for p in notes.spell(u)[1]) for u in own):  # c_{t-1} is another entry
        return None
    if one.block.kind == "inline" and isinstance(right, (t.Number, t.Dots)):
        return None
    return name, left, 1


def _named_at_end(paper: Paper, one: Statement) -> tuple[str, t.Symbol, int] | None:
    """`… = e^{x_k}/Σ = S_k` with a new S names the value before it."""
    notes = paper.notes
    if len(one.members) < 2:
        return None
    last = one.members[-1].node
    if not isinstance(last, t.Symbol) or one.members[-2].node is None or len(one.members) < 2:
        return None
    name, places, _ = notes.spell(last)
    known = name in notes.defined or name in paper.program or notes.resolve(name)[0] != name or name in notes.size_names
    if (
        known
        or not (places or one.members[-1].relation == ":=")
        or name == "delta"
        or not all(isinstance(p, t.Symbol) and not p.subs for p in places)
    ):
        return None
    if _seen_before(paper, one, name):
        return None
    said = 0 if isinstance(one.members[-2].node, t.Number) else len(one.members) - 2
    return name, last, said


def _seen_before(paper: Paper, one: Statement, name: str) -> bool:
    """Whether a name occurs in the document before the end of a statement."""
    for other in paper.statements:
        own = nodes(other)[:-1] if other is one else nodes(other)
        own = [n for n in own if not isinstance(n, t.Matrix)]
        if any(isinstance(u, t.Symbol) and paper.notes.spell(u)[0] == name for n in own for u in t.walk(n)):
            return True
        if other is one:
            return False
    return False


def _try_define(paper: Paper, one: Statement, name: str, left: t.Symbol, member: int) -> Equation | None:
    """The equation of a definition, as far as its right side has a meaning."""
    notes = paper.notes
    elaborator = paper.elaborator(one)
    elaborator.scope.clear() if not getattr(one, "before", None) else None
    places = notes.spell(left)[1]
    try:
        indices = [elaborator.letter(p.name) for p in places]
        value = elaborator.value(one.members[member].node)
    except FAILED:
        return None
    rank = max(len(indices) + len(value.open), notes.ranks.get(name, 0) if not indices and not value.open else 0)
    free = [i for i in value.expr.free if i not in indices and i not in value.open]
    if free:
        return _lifted(paper, name, indices, value, free)
    notes.ranks[name] = max(notes.ranks.get(name, 0), len(indices) + len(value.open)) if rank else 0
    for k, i in enumerate((*indices, *value.open)):
        notes.sizes.unify(i.size, Size.of(f"?{name}#{k}"))
    if notes.ranks.get(name, 0) > len(indices) + len(value.open):
        return _spread_out(paper, one, name, left, member)
    return Equation(name, (*indices, *value.open), value.expr)


def _lifted(paper: Paper, name: str, indices: list[Index], value: Value, free: list[Index]) -> Equation | None:
    return None


def _spread_out(paper: Paper, one: Statement, name: str, left: t.Symbol, member: int) -> Equation | None:
    """`ŷ = w_0 + w_1 x` where ŷ and x carry an index elsewhere: the entries are meant."""
    notes = paper.notes
    rank = notes.ranks[name]
    elaborator = paper.elaborator(one)
    right = one.members[member].node
    names = {notes.resolve(notes.spell(u)[0])[0] for u in t.walk(right) if isinstance(u, t.Symbol)}
    arrays = [n for n in names if notes.ranks.get(n, 0) == rank]
    if not arrays or rank != 1 or left.subs:
        return None
    try:
        value = elaborator.value(right)
    except FAILED:
        return None
    return Equation(name, value.open, value.expr) if len(value.open) == rank else None


def _cyclic(new: Equation, equations: list[Equation]) -> bool:
    """Whether a definition would reach itself."""
    reach, pending = set(), set(new.rhs.names)
    by_name = {e.name: e for e in equations}
    while pending:
        name = pending.pop()
        if name == new.name:
            return True
        if name in by_name and name not in reach:
            pending |= by_name[name].rhs.names
        reach.add(name)
    return False


def _bounded(paper: Paper) -> None:
    """What claims say of sizes that have names, without making axes of two arrays one."""
    paper.notes.sizes.strict = True
    for one in paper.statements:
        for node in nodes(one):
            _averages(paper, one, node)
            _try(paper.elaborator(one), node)
    paper.notes.sizes.strict = False


def _averages(paper: Paper, one: Statement, node: t.Node) -> None:
    """1/m beside Σ_i: the sum over i has m terms, where nothing else says what m is."""
    notes = paper.notes
    for u in t.walk(node):
        if not isinstance(u, t.Product):
            continue
        sums = [
            f for _, f in u.factors if isinstance(f, t.Big) and f.op == "sum" and len(f.letters) == 1 and f.high is None
        ]
        under = [f.under for _, f in u.factors if isinstance(f, t.Fraction_) and isinstance(f.under, t.Symbol)]
        names = [s for s in under if not s.subs and not notes.is_array(s.name) and len(s.name) == 1]
        if len(sums) == 1 and len(names) == 1:
            name, n = names[0].name, Size.of(f"?{paper.ids[id(one)]}@{sums[0].span[0]}{sums[0].letters[0]}")
            if name in {a for v in notes.sizes.table.values() for a in v.letters} or name in notes.defined:
                continue
            if name in paper.parameters or name in notes.numbers:
                continue
            if notes.sizes.unify(n, Size.of(name)):
                notes.size_names.add(name)


def _name_sizes(paper: Paper, names: set[str]) -> None:
    """Letters of our own for the sizes of defined arrays, so that claims cannot make them equal."""
    notes = paper.notes
    chosen = {n for n in names if n in notes.ranks}
    used = {name for e in paper.program.equations for name in e.rhs.names} | chosen
    for one in paper.statements:
        first = one.members[0].node if one.members else None
        if isinstance(first, t.Symbol) and notes.resolve(notes.spell(first)[0])[0] in chosen:
            used |= {
                notes.resolve(notes.spell(u)[0])[0]
                for m in nodes(one)[1:2]
                for u in t.walk(m)
                if isinstance(u, t.Symbol)
            }
    for name in [n for n in [*notes.ranks] if n in used]:
        for k in range(notes.ranks.get(name, 0)):
            _name_size(notes, Size.of(f"?{name}#{k}"))


def _name_size(notes: Notes, n: Size) -> None:
    n = notes.sizes.resolve(n)
    for letter in n.letters:
        if letter.startswith("?"):
            taken = notes.size_names | {a for s in notes.sizes.table.values() for a in s.letters} | notes.program.sizes
            fresh = next(c for c in _fresh_letters() if c not in taken)
            notes.sizes.table[letter] = Size.of(fresh)


def _fresh_letters() -> Iterable[str]:
    yield from ("n", "d", "p", "q", "r", "u", "v", "w")
    yield from (f"n{k}" for k in range(1, 500))


def _install(paper: Paper, equations: list[Equation]) -> None:
    """The program of all definitions: what is used and not defined is an input; the loss gets its surrogate."""
    paper.backward |= {e.name for e in equations if any(isinstance(u, x.D) for u in x.walk(e.rhs))}
    held = {e.name for e in paper.program.equations}
    new = [e for e in equations if e.name not in held]
    replaced = {e.name for e in new}
    inputs = [v for v in paper.program.inputs if v.name not in replaced]
    paper.program = replace(paper.program, equations=(*paper.program.equations, *new), inputs=tuple(inputs))
    paper.program = _with_inputs(paper, paper.program)


def _with_inputs(paper: Paper, program: Program) -> Program:
    """Every array that is mentioned and not defined, as an input."""
    notes = paper.notes
    known = set(program.by_name)
    inputs = list(program.inputs)
    for name in dict.fromkeys([*notes.ranks, *notes.labels, *(n for e in program.equations for n in e.rhs.names)]):
        if name in known or name in notes.aliases or name in notes.implied or name.startswith(("∂", "U~", "d~")):
            continue
        known.add(name)
        shape = tuple(notes.sizes.resolve(Size.of(f"?{name}#{k}")) for k in range(notes.ranks.get(name, 0)))
        if name in notes.labels and name not in notes.onehot:
            limit = notes.sizes.resolve(Size.of(f"?{name}#value"))
            inputs.append(
                Variable(name, shape, "int", limit if not limit.letter or not limit.letter.startswith("?") else None)
            )
        else:
            inputs.append(Variable(name, shape))
    return replace(program, inputs=tuple(inputs))


def _settle(paper: Paper) -> None:
    """Sizes that only claims determine; facts; the surrogate of an undefined loss."""
    notes = paper.notes
    _surrogate(paper)
    for _ in range(2):
        for k, one in enumerate(paper.statements):
            if k in paper.definitions or one.block.kind == "inline" and len(one.members) < 2:
                continue
            elaborator = paper.elaborator(one)
            for member in one.members:
                if member.node is not None:
                    _try(elaborator, member.node)
    _align_statements(paper)
    notes.letter_sizes = _letter_sizes(notes)
    for name in notes.ranks:
        for k in range(notes.ranks[name]):
            _name_size(notes, Size.of(f"?{name}#{k}"))
    for name in notes.labels:
        _name_size(notes, Size.of(f"?{name}#value"))
    paper.scopes.clear()
    paper.program = _resolved(
        paper,
        _with_inputs(
            paper, replace(paper.program, inputs=tuple(v for v in paper.program.inputs if v.name in notes.program))
        ),
    )
    _surrogate(paper)
    paper.program = replace(paper.program, facts=tuple(_facts(paper)))


_KEY = re.compile(r"^\?\d+(?::|@\d+)([A-Za-z]'?)$")


def _letter_sizes(notes: Notes) -> dict[str, Size]:
    """The size that an index letter has wherever it is known, if that is always the same."""
    found: dict[str, set[Size]] = {}
    for key in list(notes.sizes.table):
        n = notes.sizes.resolve(Size.of(key))
        if (match := _KEY.match(key)) and not any("@" in a or ":" in a for a in n.letters):
            found.setdefault(match[1], set()).add(n)
    return {a: next(iter(sizes)) for a, sizes in found.items() if len(sizes) == 1}


def _try(elaborator: Elaborator, node: t.Node) -> Value | None:
    elaborator.lenient = True
    try:
        return elaborator.value(node)
    except FAILED:
        return None


def _align_statements(paper: Paper) -> None:
    """Both sides of an equation have the same axes."""
    for one in paper.statements:
        elaborator = paper.elaborator(one)
        values = [v for m in one.members if m.node is not None and (v := _try(elaborator, m.node)) is not None]
        for a, b in zip(values, values[1:], strict=False):
            if len(a.open) == len(b.open):
                for i, j in zip(a.open, b.open, strict=True):
                    paper.notes.sizes.unify(i.size, j.size)


def _resolved(paper: Paper, program: Program) -> Program:
    """Every size in the equations as it was inferred."""
    implied = paper.notes.implied
    implied.update({name: _settled(paper, e) for name, e in implied.items()})
    return replace(program, equations=tuple(_settled(paper, e) for e in program.equations))


def _settled(paper: Paper, e: Equation) -> Equation:
    """An equation with its sizes as they were inferred."""
    sizes = paper.notes.sizes
    law = e.law if e.law is not None else x.ZERO
    put = {i: Index(i.name, sizes.resolve(i.size)) for i in sorted({*e.indices, *e.rhs.free}, key=lambda i: i.number)}
    rhs, law = (resized(x.substitute(side, put), sizes) for side in (e.rhs, law))
    return replace(e, indices=tuple(put[i] for i in e.indices), rhs=rhs, law=None if e.law is None else law)


def resized(e: Expr, sizes) -> Expr:
    """An expression with the sizes of its binders and numbers resolved."""

    def change(u):
        if isinstance(u, x.Reduce) and sizes.resolve(u.index.size) != u.index.size:
            i = Index(u.index.name, sizes.resolve(u.index.size))
            guard = None if u.guard is None else x.substitute(u.guard, {u.index: i})
            return x.reduce_(u.op, i, x.substitute(u.body, {u.index: i}), guard)
        if isinstance(u, x.Whole) and isinstance(u.slot, x.Affine) and not u.slot.terms:
            n = sizes.resolve(u.slot.constant)
            return x.size(n) if n != u.slot.constant else None
        return None

    return x.rewrite(e, change)


def _surrogate(paper: Paper) -> None:
    """An undefined loss is known by its linear part: Σ U·v over the arrays v that feed it."""
    notes = paper.notes
    paper.surrogate = None
    if notes.loss is None or paper.program.equation(notes.loss) is not None:
        return
    by = _differentiated_by(paper)
    used = {n for e in paper.program.equations if e.name not in paper.backward for n in e.rhs.names}
    defined = {e.name for e in paper.program.equations if e.name not in paper.backward}
    real = [n for n in dict.fromkeys([*by, *defined]) if n not in notes.labels and n != notes.loss]
    sinks = [n for n in real if n not in used and (n in defined or n in by) and (n in by or _reached(paper, n, by))]
    terms, inputs = [], []
    for name in sinks:
        shape = notes.axes(name)
        indices = tuple(Index("abc"[k % 3], n) for k, n in enumerate(shape))
        terms.append(x.total(x.mul(Entry(f"U~{name}", indices), Entry(name, indices)), *indices))
        inputs.append(Variable(f"U~{name}", shape))
    if terms:
        paper.surrogate = x.add(*terms)
        kept = [v for v in paper.program.inputs if not v.name.startswith("U~")]
        paper.program = replace(paper.program, inputs=(*kept, *inputs))


def _reached(paper: Paper, name: str, by: Iterable[str]) -> bool:
    """Whether a defined array depends on one that the loss is differentiated by."""
    from derive.readers.latex_meaning import dependents

    return any(name in dependents(paper.program, other) for other in by)


def _differentiated_by(paper: Paper) -> list[str]:
    """The arrays in the denominators of the loss's derivatives, and behind d."""
    notes = paper.notes
    found: dict[str, None] = {}
    for one in paper.statements:
        for node in nodes(one):
            for u in t.walk(node):
                wrt = u.wrt if isinstance(u, t.Derivative) and u.body is not None and _of_loss(notes, u.body) else ()
                wrt = (u.of,) if isinstance(u, t.Differential) and not notes.differential else wrt
                for w in wrt:
                    if isinstance(w, t.Symbol):
                        found[notes.resolve(notes.spell(w)[0])[0]] = None
    return list(found)


def _of_loss(notes: Notes, body: t.Node) -> bool:
    body = body.symbol if isinstance(body, t.Apply) else body
    return isinstance(body, t.Symbol) and not body.subs and notes.resolve(notes.spell(body)[0])[0] == notes.loss


def _facts(paper: Paper) -> list[Fact]:
    """One-hot arrays that the words name, sums that a statement puts equal to a number."""
    notes = paper.notes
    facts = [f for f in paper.program.facts if f.text in {g.text for g in notes.program.facts}]
    facts += [f for f in notes.facts if f.array in paper.program and paper.program.is_input(f.array)]
    for name in sorted(notes.onehot):
        if name in paper.program and paper.program.is_input(name) and paper.program.shape(name):
            facts.append(Fact("onehot", name, f"onehot {name}"))
    for k, one in enumerate(paper.statements):
        fact = _sum_fact(paper, one)
        if fact is not None:
            paper.assumptions.add(k)
            said = any(f.kind == "onehot" and f.array == fact.array for f in facts) and fact.right.key == x.ONE.key
            if not said:
                facts.append(fact)
    return facts


def _sum_fact(paper: Paper, one: Statement) -> Fact | None:
    """Σ_i y_i = 1 for an input y."""
    members = one.members[-2:]
    if len(members) < 2 or members[1].relation != "=" or not isinstance(members[0].node, t.Big):
        return None
    if (
        not isinstance(members[1].node, t.Number)
        or not isinstance(members[0].node.body, t.Symbol)
        or (len(one.members) > 2 and not one.arrow)
    ):
        return None
    left = _try(paper.elaborator(one), members[0].node)
    if left is None or not isinstance(left.expr, x.Reduce) or not isinstance(left.expr.body, Entry) or left.expr.guard:
        return None
    body = left.expr.body
    if not paper.program.is_input(body.name) or not all(isinstance(s, Index) for s in body.slots):
        return None
    if members[1].node.value <= 0:
        return None
    free = tuple(s for s in body.slots if s is not left.expr.index)
    return Fact(
        "equation",
        body.name,
        f"sum {body.name} = {members[1].node.value}",
        free,
        left.expr,
        x.Num(members[1].node.value),
    )


# ---------------------------------------------------------------- a forward pass in LaTeX


def read_latex(text: str, path: str = "", shapes=None, sample=None, facts: Sequence[str] = ()) -> Program:
    """The forward pass that a document's definitions are; raises Unreadable where it has none."""
    from derive.program import parse_fact

    kind = "tex" if path.endswith(".tex") else "md"
    paper = read_paper(text, path, kind)
    forward = [e for e in paper.program.equations if e.name not in paper.backward]
    if not forward:
        raise Unreadable("no definitions were found", "a definition is `s_i = …` with a new left side", path=path)
    used = {n for e in forward for n in e.rhs.names}
    loss = paper.notes.loss
    last = [e.name for e in forward if e.name not in used]
    outputs = (loss,) if loss in {e.name for e in forward} else tuple(last)
    inputs = tuple(v for v in paper.program.inputs if v.name in used)
    program = Program(
        inputs, tuple(in_order(forward)), outputs, paper.program.facts, name="forward", source=text, path=path
    )
    return replace(program, facts=(*program.facts, *(parse_fact(f, program) for f in facts)))


def in_order(equations: list[Equation]) -> list[Equation]:
    """Definitions before their uses."""
    made: list[Equation] = []
    left = list(equations)
    while left:
        names = {e.name for e in left}
        ready = [e for e in left if not (e.rhs.names & names)] or left[:1]
        made += ready
        left = [e for e in left if e not in ready]
    return made


__all__ = ["Paper", "WORDS", "in_order", "nodes", "read_latex", "read_paper", "resized", "sets_to_zero"]
