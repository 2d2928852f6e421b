"""Displays taken apart: rows, statements, and chains `a = b = c` of members, each with its place.

A row that begins with a relation continues the line above; one that begins with + or × continues its last member.
Words, comment columns and labels are no part of a formula.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from derive.readers import latex_tree as t
from derive.readers.documents import Block
from derive.readers.latex_grammar import RELATIONS, Lexicon, read_formula
from derive.readers.latex_tokens import Macro, Token, Unread, tokenize

WRAPPERS = {
    "aligned",
    "align",
    "align*",
    "split",
    "gathered",
    "gather",
    "gather*",
    "alignedat",
    "equation",
    "equation*",
    "multline",
    "multline*",
    "eqnarray",
    "eqnarray*",
    "array",
}
ARROWS = {r"\Rightarrow", r"\to"}
CONTINUING = {"+", "-", "−", r"\times", r"\cdot", "*"}
SPACES = {r"\quad", r"\qquad"}
_OPENS = {"{", "(", "[", r"\{", r"\begin", r"\langle"}
_CLOSES = {"}", ")", "]", r"\}", r"\end", r"\rangle"}


@dataclass
class Member:
    """One side of a chain: the relation before it, its tokens, and its tree or why it was not read."""

    relation: str
    tokens: list[Token]
    node: t.Node | None = None
    problem: Unread | None = None
    prefix: t.Node | None = None

    @property
    def span(self) -> t.Span:
        if not self.tokens:
            return (self.problem.start, self.problem.end) if self.problem else (0, 1)
        return min(k.start for k in self.tokens), max(k.end for k in self.tokens)


@dataclass
class Statement:
    """A chain of members; `continues`: its first member has a relation before it.  `notes`: words beside it."""

    block: Block
    members: list[Member] = field(default_factory=list)
    continues: bool = False
    notes: list[str] = field(default_factory=list)
    restriction: list[list[Token]] = field(default_factory=list)
    arrow: bool = False
    doubtful: bool = False
    labelled: bool = False
    problem: Unread | None = None


def statements(block: Block, macros: Mapping[str, Macro]) -> list[Statement]:
    """The statements of a display or inline formula, not yet parsed; one with a `problem` where it is no LaTeX."""
    try:
        tokens = tokenize(block.text, macros, block.start)
        _balanced(tokens)
    except Unread as problem:
        return [Statement(block, problem=problem)]
    made: list[Statement] = []
    for row in _rows(_unwrapped(tokens)):
        for cells in _pairs(row):
            made += _row(block, cells, made)
    return made


def _balanced(tokens: Sequence[Token]) -> None:
    """Raises Unread where braces or environments do not match."""
    opened: list[Token] = []
    for token in tokens:
        if token.text in ("{", r"\begin"):
            opened.append(token)
        elif token.text in ("}", r"\end"):
            want = "{" if token.text == "}" else r"\begin"
            if not opened or opened[-1].text != want:
                raise Unread(f"`{token.text}` closes nothing", token.start, token.end)
            opened.pop()
    if opened:
        raise Unread(f"`{opened[-1].text}` is not closed", opened[-1].start, opened[-1].end)


def _unwrapped(tokens: list[Token]) -> list[Token]:
    """The inside of an environment that holds everything."""
    while len(tokens) > 4 and tokens[0].text == r"\begin":
        kind, k = _environment(tokens, 0)
        if kind not in WRAPPERS:
            return tokens
        if kind in ("array", "alignedat") and k < len(tokens) and tokens[k].text == "{":
            k = _past(tokens, k)
        end = _matching(tokens, 0)
        tail = [x for x in tokens[end:] if x.kind != "text"]
        after = _environment(tokens, end)[1] if end < len(tokens) else len(tokens)
        rest = tokens[after:]
        if any(x.text not in (".", ",", ";") for x in rest) or not tail:
            return tokens
        tokens = tokens[k:end]
    return tokens


def _environment(tokens: Sequence[Token], k: int) -> tuple[str, int]:
    """The name after `\\begin` or `\\end`, and where it ends."""
    end = _past(tokens, k + 1)
    return "".join(x.text for x in tokens[k + 2 : end - 1]), end


def _past(tokens: Sequence[Token], k: int) -> int:
    depth = 0
    for place in range(k, len(tokens)):
        depth += {"{": 1, "}": -1}.get(tokens[place].text, 0)
        if depth == 0:
            return place + 1
    return len(tokens)


def _matching(tokens: Sequence[Token], k: int) -> int:
    depth = 0
    for place in range(k, len(tokens)):
        depth += {r"\begin": 1, r"\end": -1}.get(tokens[place].text, 0)
        if depth == 0:
            return place
    return len(tokens)


def _split(tokens: Sequence[Token], is_cut) -> list[tuple[Token | None, list[Token]]]:
    """Pieces between the tokens at depth 0 that are cuts, each with the cut before it."""
    pieces: list[tuple[Token | None, list[Token]]] = [(None, [])]
    depth = 0
    for k, token in enumerate(tokens):
        if token.text in _OPENS:
            depth += 1
        elif token.text in _CLOSES:
            depth -= 1
        if depth <= 0 and token.text not in _CLOSES and is_cut(k, token):
            pieces.append((token, []))
        else:
            pieces[-1][1].append(token)
    return pieces


def _rows(tokens: list[Token]) -> list[list[Token]]:
    return [row for _, row in _split(tokens, lambda k, token: token.kind == "row") if row]


def _pairs(row: list[Token]) -> list[list[Token]]:
    """The columns of an aligned row, two and two."""
    cells = [cell for _, cell in _split(row, lambda k, token: token.text == "&")]
    pairs = [cells[k] + (cells[k + 1] if k + 1 < len(cells) else []) for k in range(0, len(cells), 2)]
    return [pair for pair in pairs if pair]


def _row(block: Block, tokens: list[Token], before: list[Statement]) -> list[Statement]:
    """The statements of one row; members that continue an earlier one are added to it."""
    made: list[Statement] = []
    for piece in _pieces(tokens):
        held = (before + made)[-1] if before or made else None
        one = Statement(block)
        piece = _without_words(piece, one)
        if not piece:
            if held is not None:
                held.notes += one.notes
            continue
        if piece[0].text in CONTINUING and held is not None and held.members and piece is not None and not made:
            relation_at = next((k for k, x in enumerate(piece) if x.text in RELATIONS), None)
            if relation_at is None or len(before):
                chain = _split(piece, lambda k, token: token.text in RELATIONS)
                held.members[-1].tokens += chain[0][1]
                for cut, part in chain[1:]:
                    held.members.append(Member(cut.text, part))
                continue
        _chained(one, piece)
        if one.continues and held is not None and not held.doubtful:
            held.members += one.members
            held.notes += one.notes
            held.restriction += one.restriction
        else:
            made.append(one)
    return made


def _pieces(tokens: list[Token]) -> list[list[Token]]:
    """Statements side by side: after `\\quad`, or after a comma when both sides have a relation."""
    pieces: list[list[Token]] = [[]]
    cuts = _split(tokens, lambda k, token: token.text in SPACES or token.text in (",", ";"))
    for cut, part in cuts:
        spaced = cut is not None and cut.text in SPACES
        has = any(x.text in RELATIONS for x in part)
        starts = bool(part) and (part[0].text in RELATIONS)
        held = any(x.text in RELATIONS for x in pieces[-1])
        if cut is None:
            pieces[-1] = part
        elif held and _is_case(part) and len(pieces) == 1:
            pieces[-1] = [*pieces[-1], Token("text", " if ", part[0].start, part[0].start + 1), *_bare(part)]
        elif has and not starts and (held or not pieces[-1]) or (spaced and held and part and not starts):
            pieces.append(part)
        elif spaced or starts:
            pieces[-1] = pieces[-1] + part
        else:
            pieces[-1] = pieces[-1] + [cut] + part
    made: list[list[Token]] = []
    for piece in pieces:
        while piece and piece[-1].text in (",", ";", "."):
            piece = piece[:-1]
        made += _at_arrows(piece)
    return [piece for piece in made if piece]


def _bare(part: list[Token]) -> list[Token]:
    """A condition without the brackets around it."""
    return part[1:-1] if part[0].text == "(" and part[-1].text == ")" else part


def _is_case(part: list[Token]) -> bool:
    """Whether a piece only says which case is meant: `i \\neq j`, `(i = k)`."""
    inner = _bare(part) if part else []
    letters = [inner[0], inner[2]] if len(inner) == 3 else []
    return bool(letters) and inner[1].text in ("=", r"\neq") and all(
        x.kind == "letter" and x.text.islower() for x in letters
    )


def _at_arrows(piece: list[Token]) -> list[list[Token]]:
    """`a = b ⇒ c = d` is two statements."""
    parts = _split(piece, lambda k, token: token.text in ARROWS)
    made: list[list[Token]] = [parts[0][1]]
    for cut, part in parts[1:]:
        both = any(x.text in ("=", ":=") for x in made[-1]) and any(x.text in ("=", ":=") for x in part)
        if both and made[-1]:
            made.append(part)
        else:
            made[-1] = made[-1] + [cut] + part
    return made


def _without_words(tokens: list[Token], one: Statement) -> list[Token]:
    """Words, comment columns, bullets and labels taken off; conditions kept as restrictions."""
    while tokens and tokens[0].text in (r"\circ", r"\bullet", r"\star", r"\therefore", r"\because"):
        tokens = tokens[1:]
    parts = _split(tokens, lambda k, token: _is_prose(tokens, k) or _is_comment(tokens, k))
    body = parts[0][1]
    for cut, part in parts[1:]:
        words = cut.text.strip().lower() if cut.kind == "text" else ""
        one.notes.append(words)
        if words.split(" ")[-1:] and words.split(" ")[0] in ("if", "for", "when", "case", "where") and part:
            if any(x.text in RELATIONS for x in part) and words.split(" ")[0] != "where":
                one.restriction.append(part)
        elif not words and cut.text != "|" and not body:
            body = part
        elif not body and part and words in ("and", "thus", "so", "hence", "then", "or", "therefore", "i.e."):
            body = part
    bracketed = _split(body, lambda k, token: False)[0][1]
    while bracketed and bracketed[-1].text in ("?", "!"):
        one.doubtful |= bracketed[-1].text == "?"
        bracketed = bracketed[:-1]
    bracketed = _without_word_brackets(bracketed, one)
    bracketed = _without_bar(bracketed, one)
    while bracketed and (bracketed[-1].text in (".", ",", ";") or bracketed[-1].text in SPACES):
        bracketed = bracketed[:-1]
    return _without_label([x for x in bracketed if x.text not in SPACES], one)


def _without_word_brackets(tokens: list[Token], one: Statement) -> list[Token]:
    """`(since …)` at the end."""
    if not tokens or tokens[-1].text != ")":
        return tokens
    depth = 0
    for k in range(len(tokens) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(tokens[k].text, 0)
        if depth == 0:
            if (
                k + 1 < len(tokens)
                and tokens[k + 1].kind == "text"
                and len(tokens[k + 1].text.strip().split()) >= 1
                and (" " in tokens[k + 1].text.strip() or k + 2 == len(tokens) - 1)
                and (k == 0 or (tokens[k - 1].kind not in ("name", "letter", "text")))
            ):
                one.notes.append(tokens[k + 1].text)
                return tokens[:k]
            return tokens
    return tokens


def _without_bar(tokens: list[Token], one: Statement) -> list[Token]:
    """`∂s_i/∂z_j |_{i=j} = …`: the bar says which case is meant."""
    for k in range(1, len(tokens) - 1):
        if tokens[k].text != "|" or tokens[k + 1].text != "_":
            continue
        end = _past(tokens, k + 2)
        inner = tokens[k + 3 : end - 1]
        if tokens[k + 2].text == "{" and _is_case(inner) and sum(x.text == "|" for x in tokens[: k + 1]) % 2:
            one.restriction.append(inner)
            return tokens[:k] + tokens[end:]
    return tokens


def _is_prose(tokens: Sequence[Token], k: int) -> bool:
    """Whether a `\\text{…}` is words and no name."""
    token = tokens[k]
    if token.kind != "text":
        return False
    word = token.text.strip()
    after = tokens[k + 1].text if k + 1 < len(tokens) else ""
    before = tokens[k - 1].text if k else ""
    plain = bool(word) and all(c.isalnum() or c in "_" for c in word)
    connective = word.lower() in (
        "where",
        "if",
        "for",
        "when",
        "and",
        "since",
        "thus",
        "so",
        "hence",
        "then",
        "or",
        "otherwise",
        "with",
        "case",
        "therefore",
        "as",
        "because",
    )
    if plain and not connective and (after in ("_", "^", "(", "[") or before in ("d", "_", "^", r"\partial")):
        return False
    return not (plain and not connective and (len(tokens) == 1 or after in RELATIONS or after in ("{", r"\}", "}")))


def _is_comment(tokens: Sequence[Token], k: int) -> bool:
    """A column that begins with | and words; a bar that closes another one is none."""
    if tokens[k].text == "|" and sum(x.text == "|" for x in tokens[:k]) % 2:
        return False
    return tokens[k].text in ("|", r"\mid") and (k + 1 == len(tokens) or tokens[k + 1].kind == "text")


def _without_label(tokens: list[Token], one: Statement) -> list[Token]:
    """`SSE: formula` without its label."""
    for k, token in enumerate(tokens[:8]):
        if token.text == ":" and k and all(x.kind in ("letter", "text") for x in tokens[:k]):
            one.labelled = True
            return tokens[k + 1 :]
        if token.kind not in ("letter", "text"):
            break
    return tokens


def _chained(one: Statement, tokens: list[Token]) -> None:
    pieces = _split(tokens, lambda k, token: token.text in RELATIONS)
    cut, first = pieces[0]
    if not first and len(pieces) > 1:
        one.continues = True
        one.arrow = pieces[1][0].text in ARROWS
        pieces = pieces[1:]
        if one.arrow and not pieces[0][1] and len(pieces) > 1:
            pieces = pieces[1:]
    for cut, part in pieces:
        one.members.append(Member(cut.text if cut is not None else "", part))


def _prefix(tokens: Sequence[Token], lexicon: Lexicon) -> t.Node | None:
    """What stands before a remark in square brackets."""
    cut = next((k for k, token in enumerate(tokens) if token.text == "[" and k), None)
    if cut is None:
        return None
    try:
        return read_formula(tokens[:cut], lexicon)
    except Unread:
        return None


def _missing(one: Statement) -> Unread:
    start = one.members[0].span[0] if one.members[0].tokens else one.block.start
    return Unread("a formula is missing beside the relation", start, start + 1)


def parse(one: Statement, lexicon: Lexicon) -> None:
    """Read the members' trees; a problem is kept with its member."""
    for member in one.members:
        try:
            member.node = read_formula(member.tokens, lexicon)
        except Unread as problem:
            member.problem = problem if member.tokens else _missing(one)
            member.prefix = _prefix(member.tokens, lexicon)
        except RecursionError:
            member.problem = Unread("the formula is nested too deeply", *member.span)
