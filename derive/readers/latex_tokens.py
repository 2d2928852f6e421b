"""LaTeX as tokens that know where they stand; macros expanded, layout dropped, text kept as text.

Nothing is executed: a macro is replaced by its tokens, with the place of its call, and expansion is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from derive.errors import Problem

MOST_TOKENS = 6000
MOST_EXPANSIONS = 2000


class Unread(Problem):
    """LaTeX that was not read: the place (offsets into the display) and what was expected there."""

    code = "E201"

    def __init__(self, what: str, start: int = 0, end: int = 0):
        super().__init__(what)
        self.start, self.end = start, max(end, start + 1)


@dataclass(frozen=True)
class Token:
    """kind: letter, number, command, sign, text, row.  `glued`: nothing stands between it and the one before."""

    kind: str
    text: str
    start: int
    end: int
    glued: bool = False

    def __repr__(self) -> str:
        return f"{self.kind}:{self.text}"


@dataclass(frozen=True)
class Macro:
    """A `\\newcommand`: how many arguments, and the tokens of its body, `#1` … among them."""

    arity: int
    body: tuple[Token, ...]
    default: tuple[Token, ...] | None = None


_SCAN = re.compile(
    r"(?P<space>(?:\s|%[^\n]*(?:\n|$))+)"
    r"|(?P<row>\\\\(?:\[[^\]]*\])?)"
    r"|(?P<command>\\[A-Za-z]+\*?|\\[^A-Za-z])"
    r"|(?P<number>\d+(?:\.\d+)?|\.\d+)"
    r"|(?P<letter>[^\W\d_])"
    r"|(?P<sign>.)",
    re.S,
)
TEXTS = {
    r"\text",
    r"\textrm",
    r"\textit",
    r"\textbf",
    r"\mbox",
    r"\hbox",
    r"\textnormal",
    r"\intertext",
    r"\textsf",
    r"\texttt",
    r"\mathtt",
    r"\operatorname",
    r"\operatorname*",
    r"\mathrm",
    r"\mathit",
    r"\mathsf",
}
DROPPED = {
    r"\left",
    r"\right",
    r"\big",
    r"\Big",
    r"\bigg",
    r"\Bigg",
    r"\bigl",
    r"\bigr",
    r"\Bigl",
    r"\Bigr",
    r"\biggl",
    r"\biggr",
    r"\limits",
    r"\nolimits",
    r"\displaystyle",
    r"\textstyle",
    r"\scriptstyle",
    r"\,",
    r"\;",
    r"\:",
    r"\!",
    r"\nonumber",
    r"\notag",
    r"\middle",
    r"\hfill",
    r"\centering",
    r"\strut",
    r"\ ",
    r"\medspace",
    r"\thinspace",
    r"\thickspace",
    r"\allowbreak",
    r"\bullet",
}
ARGUMENT_DROPPED = {
    r"\tag",
    r"\label",
    r"\tag*",
    r"\vspace",
    r"\hspace",
    r"\phantom",
    r"\color",
    r"\vspace*",
    r"\hspace*",
    r"\eqref",
    r"\ref",
    r"\cite",
    r"\footnote",
    r"\hphantom",
    r"\vphantom",
}
ARGUMENT_KEPT = {
    r"\boxed",
    r"\mathbf",
    r"\boldsymbol",
    r"\bm",
    r"\mathcal",
    r"\mathscr",
    r"\mathfrak",
    r"\mathnormal",
    r"\textcolor",
    r"\vec",
    r"\underline",
    r"\ensuremath",
    r"\pmb",
    r"\mathop",
    r"\mathrel",
    r"\smash",
    r"\cancel",
}
SPELLED = {
    r"\dfrac": r"\frac",
    r"\tfrac": r"\frac",
    r"\cfrac": r"\frac",
    r"\ln": r"\log",
    r"\lg": r"\log",
    r"\lbrace": r"\{",
    r"\rbrace": r"\}",
    r"\lbrack": "[",
    r"\rbrack": "]",
    r"\lvert": "|",
    r"\rvert": "|",
    r"\vert": "|",
    r"\lVert": r"\|",
    r"\rVert": r"\|",
    r"\Vert": r"\|",
    r"\ast": "*",
    r"\cdotp": r"\cdot",
    r"\ne": r"\neq",
    r"\leq": r"\le",
    r"\geq": r"\ge",
    r"\Longrightarrow": r"\Rightarrow",
    r"\implies": r"\Rightarrow",
    r"\longrightarrow": r"\to",
    r"\rightarrow": r"\to",
    r"\coloneqq": ":=",
    r"\triangleq": ":=",
    r"\equiv": "=",
    r"\bigodot": r"\odot",
    r"\circledast": r"\odot",
    r"\intercal": r"\top",
    r"\dots": r"\ldots",
    r"\cdots": r"\ldots",
    r"\dotsc": r"\ldots",
    r"\dotsb": r"\ldots",
    r"\vdots": r"\ldots",
    r"\ddots": r"\ldots",
    r"\nicefrac": r"\frac",
    r"\dotsm": r"\ldots",
    r"\varepsilon": r"\epsilon",
    r"\widehat": r"\hat",
    r"\overline": r"\bar",
    r"\iff": r"\Rightarrow",
    r"\widetilde": r"\tilde",
    r"\colon": ":",
    r"\Leftrightarrow": r"\Rightarrow",
    r"\mapsto": r"\to",
    r"\lt": "<",
    r"\gt": ">",
    r"\varphi": r"\phi",
    r"\vartheta": r"\theta",
    r"\leadsto": r"\to",
    r"\defeq": ":=",
    r"\circledcirc": r"\odot",
    r"\varsigma": r"\sigma",
}
OPENING = {"{": "}", "(": ")", "[": "]", r"\{": r"\}", r"\langle": r"\rangle"}
CLOSING = {"}", ")", "]", r"\}", r"\rangle"}


def tokenize(source: str, macros: Mapping[str, Macro] = {}, start: int = 0) -> list[Token]:  # noqa: B006
    """The tokens of a display, macros expanded; raises Unread for what no token can be."""
    raw = _expanded(list(_raw(source, start)), macros)
    return _unfonted(list(_tidied(raw)))


def surface_tokens(source: str, macros: Mapping[str, Macro] = {}, start: int = 0) -> list[Token]:  # noqa: B006
    """The tokens as the author wrote them, fonts, brackets and layout kept, only macros expanded; raises Unread."""
    return _expanded(list(_raw(source, start)), macros)


def _unfonted(tokens: list[Token]) -> list[Token]:
    """Fonts dropped; `\\mathbf 1` and `\\mathbb 1` become one sign; what stands over a relation is dropped."""
    done: list[Token] = []
    k = 0
    while k < len(tokens):
        token = tokens[k]
        if token.text in (r"\stackrel", r"\overset", r"\underset"):
            k = _past_argument(tokens, k + 1)
            end = _past_argument(tokens, k)
            if end - k == 3 and tokens[k + 1].kind in ("sign", "command"):  # {=}
                done.append(replace(tokens[k + 1], start=token.start))
                k = end
            continue
        if token.text not in ARGUMENT_KEPT and token.text != r"\mathbb":
            done.append(token)
            k += 1
            continue
        end = _past_argument(tokens, k + 1)
        inner = tokens[k + 2 : end - 1] if end > k + 1 else tokens[k + 1 : k + 2]
        after = end if end > k + 1 else k + 2
        if token.text in (r"\boxed", r"\smash", r"\ensuremath", r"\cancel"):
            done += _unfonted(inner)
        elif [t.text for t in inner] == ["1"] or (token.text == r"\mathbb" and [t.text for t in inner] == ["I"]):
            done.append(Token("command", r"\one", token.start, inner[-1].end))
        elif len(inner) == 1 or token.text == r"\mathbb":
            done += [replace(t, start=token.start, glued=token.glued) for t in inner[:1]]
        else:
            done += _unfonted(tokens[k + 1 : after])
        k = after
    return done


def _raw(source: str, offset: int) -> Iterable[Token]:
    """Tokens as they stand, `\\text{…}` taken as one."""
    place, glued, count = 0, False, 0
    while place < len(source):
        found = _SCAN.match(source, place)
        kind, text, begin = found.lastgroup, found.group(), place
        place = found.end()
        if kind == "space":
            glued = False
            continue
        count += 1
        if count > MOST_TOKENS:
            raise Unread("the formula is too long to be read", offset + begin, offset + len(source))
        if kind == "command" and text in TEXTS:
            content, end = _braced(source, place)
            if content == "d" and text == r"\mathrm":  # an upright differential
                yield Token("letter", "d", offset + begin, offset + end, glued)
                place, glued = end, True
                continue
            if content is not None:
                yield Token("text", content, offset + begin, offset + end, glued)
                place, glued = end, True
                continue
        if kind == "sign" and text == "~":
            glued = False
            continue
        yield Token(kind, text, offset + begin, offset + place, glued)
        glued = True


def _braced(source: str, place: int) -> tuple[str | None, int]:
    """The text of a `{…}` argument and where it ends."""
    while place < len(source) and source[place].isspace():
        place += 1
    if place >= len(source) or source[place] != "{":
        return (source[place], place + 1) if place < len(source) and source[place].isalnum() else (None, place)
    depth = 0
    for k in range(place, len(source)):
        depth += {"{": 1, "}": -1}.get(source[k], 0) if k == 0 or source[k - 1] != "\\" else 0
        if depth == 0:
            return source[place + 1 : k].replace("\\_", "_"), k + 1
    return None, place


def _expanded(tokens: list[Token], macros: Mapping[str, Macro]) -> list[Token]:
    """Macros replaced by their bodies, at the place of the call."""
    if not macros:
        return tokens
    done: list[Token] = []
    pending = list(reversed(tokens))
    fuel = MOST_EXPANSIONS
    while pending:
        token = pending.pop()
        macro = macros.get(token.text) if token.kind == "command" else None
        if macro is None:
            done.append(token)
            if len(done) > MOST_TOKENS:
                raise Unread("the formula is too long when its macros are expanded", token.start, token.end)
            continue
        fuel -= 1
        if fuel < 0:
            raise Unread("macros that do not end", token.start, token.end)
        arguments = []
        for number in range(macro.arity):
            if number == 0 and macro.default is not None and not (pending and pending[-1].text == "["):
                arguments.append(list(macro.default))
            else:
                arguments.append(_argument(pending, token, "[" if number == 0 and macro.default is not None else "{"))
        body = _filled(macro.body, arguments, token)
        pending += reversed(body)
    return done


def _argument(pending: list[Token], call: Token, bracket: str) -> list[Token]:
    if not pending:
        raise Unread(f"`{call.text}` lacks an argument", call.start, call.end)
    first = pending.pop()
    if first.text != bracket:
        return [first]
    found, depth = [], 1
    close = OPENING[bracket]
    while pending:
        token = pending.pop()
        depth += 1 if token.text == bracket else -1 if token.text == close else 0
        if depth == 0:
            return found
        found.append(token)
    raise Unread(f"the argument of `{call.text}` does not end", call.start, call.end)


def _filled(body: Sequence[Token], arguments: list[list[Token]], call: Token) -> list[Token]:
    """The body with its arguments; arguments keep their own places."""
    made: list[Token] = []
    skip = False
    for k, token in enumerate(body):
        if skip:
            skip = False
            continue
        after = body[k + 1] if k + 1 < len(body) else None
        if (
            token.text == "#"
            and after is not None
            and after.kind == "number"
            and 1 <= int(after.text[0]) <= len(arguments)
        ):
            made += arguments[int(after.text[0]) - 1]
            skip = True
        else:
            made.append(replace(token, start=call.start, end=call.end))
    return made


def _tidied(tokens: list[Token]) -> Iterable[Token]:
    """Layout dropped, spellings made one, `:=` and double signs joined."""
    k = 0
    while k < len(tokens):
        token = tokens[k]
        text = SPELLED.get(token.text, token.text)
        after = tokens[k + 1] if k + 1 < len(tokens) else None
        if text in DROPPED:
            k += 2 if text in (r"\left", r"\right") and after is not None and after.text == "." else 1
            if k < len(tokens):
                tokens[k] = replace(tokens[k], glued=False)
            continue
        if text in ARGUMENT_DROPPED:
            k = _past_argument(tokens, k + 1)
            continue
        if text == ":" and after is not None and after.text == "=":
            yield Token("sign", ":=", token.start, after.end, token.glued)
            k += 2
            continue
        if text == r"\_":
            yield replace(token, kind="letter", text="_")
        elif token.kind == "letter" and text in "∂∑∏δ":
            yield replace(
                token, kind="command", text={"∂": r"\partial", "∑": r"\sum", "∏": r"\prod", "δ": r"\delta"}[text]
            )
        elif text != token.text and not text.startswith("\\"):
            yield replace(token, kind="sign", text=text)
        else:
            yield replace(token, text=text)
        k += 1


def _past_argument(tokens: list[Token], k: int) -> int:
    if k >= len(tokens) or tokens[k].text != "{":
        return k
    depth = 0
    for place in range(k, len(tokens)):
        depth += {"{": 1, "}": -1}.get(tokens[place].text, 0)
        if depth == 0:
            return place + 1
    return len(tokens)


_DEFINITION = re.compile(
    r"\\(?:re)?(?:newcommand|DeclareMathOperator|providecommand|def|renewcommand)\*?\s*\{?\s*(?P<name>\\[A-Za-z]+)\s*\}?"
    r"(?:\[(?P<arity>\d)\])?(?:\[(?P<default>[^\]]*)\])?(?P<parameters>(?:#\d)*)"
)


def macros_of(source: str) -> dict[str, Macro]:
    """The `\\newcommand`, `\\def` and `\\DeclareMathOperator` definitions of a document."""
    found: dict[str, Macro] = {}
    for match in _DEFINITION.finditer(source):
        content, end = _braced(source, match.end())
        if content is None or source[match.end() : end].strip()[:1] != "{":
            continue
        arity = int(match["arity"] or len(match["parameters"]) // 2)
        if "DeclareMathOperator" in match.group():
            body = (Token("text", content, 0, 0),)
        else:
            body = tuple(_raw(content, 0))
        default = None if match["default"] is None else tuple(_raw(match["default"], 0))
        found[match["name"]] = Macro(arity, body, default)
    return found
