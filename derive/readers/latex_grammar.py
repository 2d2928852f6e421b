"""The grammar of formulas: tokens to a surface tree.

Σ reaches to the end of its product; a function without brackets takes one factor (or a sum sign with all it reaches);
`a/b` divides by one factor; scripts belong to what stands before them.  Which letters in a row are one word is asked of
the lexicon.  Whatever does not fit raises `Unread` with its place.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from derive.readers import latex_tree as t
from derive.readers.latex_tokens import CLOSING, OPENING, Token, Unread

DEEPEST = 40
RELATIONS = {
    "=",
    ":=",
    r"\Rightarrow",
    r"\to",
    r"\approx",
    r"\neq",
    "<",
    ">",
    r"\le",
    r"\ge",
    r"\propto",
    r"\sim",
    r"\in",
    r"\simeq",
    r"\cong",
    r"\notin",
    r"\perp",
    r"\subset",
    r"\ll",
    r"\gg",
}
TIMES = {
    r"\cdot": "*",
    r"\times": "*",
    "*": "star",
    "@": "@",
    r"\odot": "odot",
    r"\circ": "odot",
    r"\oslash": "oslash",
    "/": "/",
    r"\div": "/",
}
GREEK = {
    f"\\{g}": g
    for g in "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi omega "  # noqa: E501
    "Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega ell".split()
}
ACCENTS = {r"\hat": "hat", r"\bar": "bar", r"\tilde": "tilde", r"\dot": "dot", r"\ddot": "ddot", r"\check": "check"}
FUNCTIONS = {
    r"\log": "log",
    r"\exp": "exp",
    r"\sin": "sin",
    r"\cos": "cos",
    r"\tan": "tan",
    r"\tanh": "tanh",
    r"\sinh": "sinh",
    r"\cosh": "cosh",
    r"\arctan": "arctan",
    r"\det": "det",
    r"\operatorname": "",
}
WORDS = {
    "softmax": "softmax",
    "Softmax": "softmax",
    "sigmoid": "sigmoid",
    "relu": "relu",
    "ReLU": "relu",
    "tr": "tr",
    "Tr": "tr",
    "trace": "tr",
    "diag": "diag",
    "sign": "sign",
    "sgn": "sign",
    "erf": "erf",
    "log": "log",
    "exp": "exp",
    "tanh": "tanh",
    "softplus": "softplus",
    "logsumexp": "logsumexp",
    "LSE": "logsumexp",
    "log_softmax": "log_softmax",
    "det": "det",
    "mean": "mean",
    "ln": "log",
    "gelu": "gelu",
    "GELU": "gelu",
    "abs": "abs",
    "sqrt": "sqrt",
    "SiLU": "silu",
    "silu": "silu",
    "lse": "logsumexp",
    "Diag": "diag",
    "logsoftmax": "log_softmax",
}
BIG = {r"\sum": "sum", r"\prod": "prod", r"\max": "max", r"\min": "min"}
STOPS = {",", ";", "&", "."} | CLOSING | RELATIONS


@dataclass(frozen=True)
class Lexicon:
    """What a document tells about its words: names of several letters, names used as functions, indexed names."""

    words: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    indexed: frozenset[str] = frozenset()
    squares: frozenset[str] = frozenset()
    letters: frozenset[str] = frozenset()
    differential: bool = False

    def is_word(self, text: str) -> bool:
        return text in self.words


def named(tokens: Sequence[Token], lexicon: Lexicon) -> list[Token]:
    """Letters in a row joined to the words that they are; `d` before a word split off as a differential."""
    done: list[Token] = []
    k = 0
    while k < len(tokens):
        if tokens[k].kind != "letter":
            done.append(tokens[k])
            k += 1
            continue
        if tokens[k].text == "d" and _before_name(tokens, k, lexicon):
            done.append(Token("diff", "d", tokens[k].start, tokens[k].end))
            k += 1
            continue
        end = k + 1
        scripted = bool(done) and done[-1].text in ("^", "_")  # a script without braces is one letter
        while (
            not scripted
            and end < len(tokens)
            and tokens[end].glued
            and (tokens[end].kind == "letter" or _digits(tokens, end))
        ):
            end += 1
        done += _words(tokens[k:end], lexicon)
        k = end
    return [_text_name(token, done, place) for place, token in enumerate(done)]


def _before_name(tokens: Sequence[Token], k: int, lexicon: Lexicon) -> bool:
    """`d\\text{Probs}`, `d\\hat x`: a d glued to a name that is no letter."""
    if k + 1 < len(tokens) and lexicon.differential and _differentiable(tokens, k + 1):
        return True
    if k + 1 >= len(tokens) or not tokens[k + 1].glued or "d" in lexicon.indexed:
        return False
    after = tokens[k + 1]
    word = after.text.strip()
    return (
        (after.kind == "text" and word.isalnum() and word not in WORDS)
        or after.text in ACCENTS
        or (after.text in GREEK and "d" not in lexicon.letters)
    )


def _differentiable(tokens: Sequence[Token], k: int) -> bool:
    """What a d may stand before where the document writes differentials: brackets, functions, bars, letters."""
    after = tokens[k]
    if k > 1 and tokens[k - 2].text in ("_", "^"):
        return False
    word = after.text.strip()
    return (
        after.text in ("(", r"\|")
        or after.text in FUNCTIONS
        or after.text in GREEK
        or after.kind == "text" and word in WORDS
        or after.kind == "letter" and not after.glued
    )


def _digits(tokens: Sequence[Token], k: int) -> bool:
    return tokens[k].kind == "number" and "." not in tokens[k].text


def _text_name(token: Token, tokens: list[Token], place: int) -> Token:
    """Words in `\\text{}` that are names, not prose."""
    if token.kind != "text":
        return token
    word = token.text.strip()
    after = tokens[place + 1].text if place + 1 < len(tokens) else ""
    before = tokens[place - 1] if place else None
    single = bool(word) and all(c.isalnum() or c == "_" for c in word)
    if single and (after in ("_", "^") or word in WORDS or (before and before.kind == "diff") or len(word) == 1):
        return replace(token, kind="name", text=word)
    if not single or word in ("where", "if", "for", "and", "since", "when", "otherwise", "else", "so", "thus", "with"):
        return token
    led = before is None or before.text in (r"\partial", "{", "&", "d")
    alone = len(tokens) == 1 and (word.lower() != word or word in ("loss", "cost"))
    if alone or after == "(" or led and after in ("=", ":=", "}", r"\,") or before is not None and before.text == r"\partial":
        return replace(token, kind="name", text=word)
    return token


def _words(run: Sequence[Token], lexicon: Lexicon) -> list[Token]:
    """One run of letters and digits as names."""
    text = "".join(token.text for token in run)
    twice = text[0] == "d" and len(text) > 2 and lexicon.is_word(text[1:])  # dExp4 where Exp4 is a name too
    if len(run) == 1 or lexicon.is_word(text) and not twice:
        return [_name(run, text)]
    increments = lexicon.differential and text[1:].isalpha() and len(text) <= 3
    if text[0] == "d" and (increments or _is_differential(text[1:], run, lexicon)):
        return [Token("diff", "d", run[0].start, run[0].end), *_words(run[1:], lexicon)]
    if len(text) >= 3 and run[-1].kind == "letter" and not _all_single(text, lexicon) or "_" in text or _numbered(run):
        return [_name(run, text)]
    return [replace(token, kind="name") if token.kind == "letter" else token for token in run]


def _is_differential(rest: str, run: Sequence[Token], lexicon: Lexicon) -> bool:
    return (
        lexicon.is_word(rest)
        or (len(rest) > 2 and rest[0].isupper())
        or (len(rest) == 1 and rest.isalpha() and "d" not in lexicon.letters)
    )


def _all_single(text: str, lexicon: Lexicon) -> bool:
    return len(text) <= 4 and all(c in lexicon.letters for c in text)


def _numbered(run: Sequence[Token]) -> bool:
    """Exp4, Sum4: several letters and then digits."""
    return len(run) >= 4 and run[-1].kind == "number" and all(token.kind == "letter" for token in run[:-1])


def _name(run: Sequence[Token], text: str) -> Token:
    return Token("name", text, run[0].start, run[-1].end, run[0].glued)


def read_formula(tokens: Sequence[Token], lexicon: Lexicon) -> t.Node:
    """One formula without relations at its top; raises Unread."""
    parser = Parser(named(tokens, lexicon), lexicon)
    if not parser.tokens:
        raise Unread("a formula is missing here")
    node = parser.sum()
    if parser.here is not None:
        parser.fail(f"`{parser.here.text}` does not continue the formula")
    return node


def read_condition(tokens: Sequence[Token], lexicon: Lexicon) -> t.Node | None:
    """`if i = k`, `j ≠ y`, `otherwise` (None); raises Unread."""
    words = [k for k in tokens if not (k.kind == "text" and not _otherwise(k.text)) and k.text not in (".",)]
    if not words or any(k.kind == "text" for k in words):
        return None
    parser = Parser(named(words, lexicon), lexicon)
    node = parser.condition()
    if parser.here is not None:
        parser.fail(f"`{parser.here.text}` does not continue the condition")
    return node


def _otherwise(text: str) -> bool:
    return any(word in text.lower() for word in ("other", "else"))


@dataclass
class Parser:
    """Recursive descent over named tokens."""

    tokens: list[Token]
    lexicon: Lexicon
    place: int = 0
    depth: int = 0
    bars: int = 0
    ends: list[str] = field(default_factory=list)

    # -- tokens

    @property
    def here(self) -> Token | None:
        return self.tokens[self.place] if self.place < len(self.tokens) else None

    @property
    def text(self) -> str:
        return self.tokens[self.place].text if self.place < len(self.tokens) else ""

    @property
    def last_end(self) -> int:
        return self.tokens[self.place - 1].end if self.place else (self.tokens[0].start if self.tokens else 0)

    def advance(self) -> Token:
        token = self.here
        if token is None:
            self.fail("the formula ends too early")
        self.place += 1
        return token

    def accept(self, *texts: str) -> Token | None:
        return self.advance() if self.here is not None and self.text in texts else None

    def expect(self, text: str) -> Token:
        if self.text != text:
            self.fail(f"expected `{text}` but found `{self.text or 'the end'}`")
        return self.advance()

    def fail(self, what: str):
        token = self.here
        start = token.start if token else self.last_end
        raise Unread(what, start, token.end if token else start + 1)

    def within(self, start: int) -> t.Span:
        return (start, self.last_end)

    @property
    def start(self) -> int:
        return self.here.start if self.here else self.last_end

    def group(self, read: Callable[[], t.Node]) -> t.Node:
        """What `read` makes of a `{…}` argument or of a single token."""
        if self.accept("{"):
            node = self.nested(read)
            self.expect("}")
            return node
        token = self.advance()
        if token.kind == "name" and len(token.text) > 1:  # \frac ab takes one letter
            token = replace(token, text=token.text)
        if token.kind == "number" and len(token.text) > 1 and token.text.isdigit():
            rest = replace(token, text=token.text[1:], start=token.start + 1)
            self.tokens[self.place - 1 : self.place] = [replace(token, text=token.text[0], end=token.start + 1), rest]
            token = self.tokens[self.place - 1]
        inner = Parser([token], self.lexicon, depth=self.depth)
        if token.kind == "command" and token.text not in GREEK and token.text != r"\one":
            self.place -= 1
            return self.factor()
        return inner.factor()

    def nested(self, read: Callable[[], t.Node]) -> t.Node:
        self.depth += 1
        if self.depth > DEEPEST:
            self.fail("the formula is nested too deeply")
        bars, self.bars = self.bars, 0
        node = read()
        self.bars = bars
        self.depth -= 1
        return node

    # -- sums and products

    def at_stop(self) -> bool:
        token = self.here
        if token is None or token.kind in ("row", "text"):
            return True
        if token.text == "|" and self.bars:
            return True
        if token.text == r"\|" and self.bars:
            return True
        return (
            token.text in STOPS
            or token.text in (r"\quad", r"\qquad", "|", "?", "!", ":", r"\end")
            and token.text != "|"
        )

    def sum(self) -> t.Node:
        start = self.start
        terms: list[tuple[int, t.Node]] = []
        sign = self.sign()
        terms.append((sign, self.product()))
        while self.text in ("+", "-", "−", r"\pm"):
            sign = self.sign()
            terms.append((sign, self.product()))
        if len(terms) == 1 and terms[0][0] == 1:
            return terms[0][1]
        return t.Sum(self.within(start), tuple(terms))

    def sign(self) -> int:
        sign = 1
        while self.text in ("+", "-", "−"):
            sign *= 1 if self.advance().text == "+" else -1
        return sign

    def product(self) -> t.Node:
        start = self.start
        factors: list[tuple[str, t.Node]] = [("", self.factor())]
        while not self.at_stop() and self.text not in ("+", "-", "−"):
            op = ""
            if self.text in TIMES:
                op = TIMES[self.advance().text]
                if self.text in ("-", "−", "+"):
                    begin = self.start
                    sign = self.sign()
                    factor = self.factor()
                    factors.append((op, t.Sum(self.within(begin), ((sign, factor),))))
                    continue
            factors.append((op, self.factor()))
        return _slashed(self.within(start), factors)

    def signed_product(self) -> t.Node:
        start = self.start
        sign = self.sign()
        node = self.product()
        return node if sign == 1 else t.Sum(self.within(start), ((-1, node),))

    # -- factors

    def factor(self) -> t.Node:
        """One factor with its scripts."""
        start = self.start
        self.depth += 1
        if self.depth > DEEPEST:
            self.fail("the formula is nested too deeply")
        node = self.primary()
        node = self.scripts(node, start)
        self.depth -= 1
        return node

    def primary(self) -> t.Node:
        token = self.here
        if token is None:
            self.fail("a factor is missing at the end")
        if token.text in RELATIONS or token.text in CLOSING or token.text in TIMES:
            self.fail(f"a factor is missing before `{token.text}`")
        reader = _PRIMARIES.get(token.text) or _KINDS.get(token.kind)
        if reader is None:
            self.fail(f"`{token.text}` is not understood")
        return reader(self)

    def number(self) -> t.Node:
        token = self.advance()
        return t.Number((token.start, token.end), Fraction(token.text))

    def name(self) -> t.Node:
        token = self.advance()
        text = GREEK.get(token.text, token.text)
        word = WORDS.get(text)
        if (
            word
            and len(text) > 1
            and self.text != "="
            and (
                self.text in OPENING or self.text in ("_", "^", "'") or (self.here and self.here.kind in ("name", "command"))
            )
        ):
            if not (self.text == "_" and not self._called_later()):
                return self.function(word, token)
        symbol = t.Symbol((token.start, token.end), text)
        if (
            text == "sigma"
            and self._called_after_primes()
            and "sigma" not in self.lexicon.indexed
            and "sigma" not in self.lexicon.letters
        ):
            return self.function("sigmoid", token)
        return symbol

    def _called_after_primes(self) -> bool:
        """Whether a bracket follows, perhaps after primes: σ(z), σ'(z), σ''(z)."""
        place = self.place
        while place < len(self.tokens) and self.tokens[place].text in ("'", r"\prime"):
            place += 1
        return place < len(self.tokens) and self.tokens[place].text == "("

    def _called_later(self) -> bool:
        """Whether a bracket follows the subscript: `softmax_j(z)`."""
        place = self.place + 1
        if place < len(self.tokens) and self.tokens[place].text == "{":
            depth = 0
            while place < len(self.tokens):
                depth += {"{": 1, "}": -1}.get(self.tokens[place].text, 0)
                place += 1
                if depth == 0:
                    break
        else:
            place += 1
        return place < len(self.tokens) and self.tokens[place].text in ("(", r"\{", "[")

    def accent(self) -> t.Node:
        token = self.advance()
        inner = self.group(self.factor_alone)
        if not isinstance(inner, t.Symbol):
            raise Unread("an accent stands over something that is no letter", token.start, self.last_end)
        return t.Symbol((token.start, self.last_end), inner.name + ACCENTS[token.text], inner.subs, inner.marks)

    def factor_alone(self) -> t.Node:
        return self.factor()

    def one(self) -> t.Node:
        token = self.advance()
        if self.text in ("(", "[", r"\{"):
            close = OPENING[self.advance().text]
            node = self.nested(self.condition)
            self.expect(close)
            return t.Indicator(self.within(token.start), node)
        if self.text == "_" and self.place + 1 < len(self.tokens) and self.tokens[self.place + 1].text == "{":
            held = self.place
            self.advance()
            self.advance()
            try:
                close = OPENING.get(self.text, "")
                if close:
                    self.advance()
                node = self.nested(self.condition)
                if close:
                    self.expect(close)
                self.expect("}")
                if isinstance(node, (t.Relation, t.All)):
                    return t.Indicator(self.within(token.start), node)
            except Unread:
                pass
            self.place = held
        return t.Ones((token.start, token.end))

    def fraction(self) -> t.Node:
        token = self.advance()
        held = self.place
        body = self._over()
        derives = body == "operator" or isinstance(body, t.Differential) or self._names_partial()
        under = self._under() if derives else self.group(self.sum)
        if body == "operator" and not isinstance(under, tuple):  # a d that is a letter
            self.place = held
            body, under = self.group(self.sum), self.group(self.sum)
        if isinstance(under, tuple):
            over = None if body is None or body == "operator" else body
            if isinstance(over, t.Differential):
                over = over.of
            return t.Derivative(self.within(token.start), over, under)
        return t.Fraction_(
            self.within(token.start),
            body if body is not None else t.Number(self.within(token.start), Fraction(1)),
            under,
        )

    def _over(self):
        """The numerator: a node; for `d`, `∂` alone the word operator; for ∂f the node f under a Differential."""
        held = self.place
        braced = self.accept("{")
        if self.here is not None and (self.text == r"\partial" or self._is_d()):
            start = self.start
            self.advance()
            order = 1
            if self.accept("^"):
                order = self.group(self.sum)
            del order
            if braced and self.accept("}"):
                return "operator"
            if not braced:
                return "operator"
            body = self.nested(self.signed_product)
            if braced and self.text == "}":
                self.advance()
                return t.Differential(self.within(start), body)
            self.place = held
            return self.group(self.sum)
        self.place = held
        return self.group(self.sum)

    def _is_d(self) -> bool:
        """Whether a differential d stands here: split off already, or alone, or before a command."""
        token, after = self.here, self.tokens[self.place + 1] if self.place + 1 < len(self.tokens) else None
        if token.kind == "diff":
            return True
        if token.text != "d" or "d" in self.lexicon.indexed or after is None:
            return False
        return (
            after.text == "}"
            or after.kind in ("name", "text")
            or after.text in GREEK
            or after.text in ACCENTS
            or (after.text in FUNCTIONS or after.text == "^")
        )

    def _names_partial(self) -> bool:
        """Whether ∂ stands first in the denominator; a d there may be a number."""
        after = self.tokens[self.place + 1] if self.place + 1 < len(self.tokens) else None
        return self.text == "{" and after is not None and after.text == r"\partial"

    def _under(self):
        """The denominator: a node, or the tuple of what is differentiated by."""
        held = self.place
        if self.accept("{") and self.here is not None and (self.text == r"\partial" or self._is_d()):
            wrt: list[t.Node] = []
            while self.here is not None and (self.text == r"\partial" or self._is_d()):
                self.advance()
                start = self.start
                symbol = self.scripts(self.primary(), start, powers=False)
                count = 1
                if self.text == "^" and isinstance(symbol, t.Symbol):
                    symbol, count = self._wrt_power(symbol)
                wrt += [symbol] * count
            if self.text == "}" and wrt:
                self.advance()
                return tuple(wrt)
        self.place = held
        return self.group(self.sum)

    def _wrt_power(self, symbol: t.Symbol) -> tuple[t.Node, int]:
        """∂σ² where σ² is a name; ∂x² is twice."""
        self.advance()
        power = self.group(self.sum)
        if isinstance(power, t.Number) and power.value == 2:
            if symbol.name in self.lexicon.squares:
                return replace(symbol, name=symbol.name + "2", span=self.within(symbol.span[0])), 1
            return symbol, 2
        self.fail("a power in a denominator of a derivative")

    def partial(self) -> t.Node:
        """∂L/∂x written in one line, ∂_x L, or ∂ by itself."""
        token = self.advance()
        if self.accept("_"):
            wrt = self.group(self.factor)
            return t.Derivative(self.within(token.start), self.factor(), (wrt,))
        body = self.factor()
        if self.text == "/" and self.place + 1 < len(self.tokens) and self.tokens[self.place + 1].text == r"\partial":
            self.advance()
            self.advance()
            start = self.start
            wrt = self.scripts(self.primary(), start, powers=False)
            return t.Derivative(self.within(token.start), body, (wrt,))
        return t.Differential(self.within(token.start), body)

    def differential(self) -> t.Node:
        token = self.advance()
        start = self.start
        body = self.primary()
        ahead = [k.text for k in self.tokens[self.place : self.place + 3]]
        inverse = self.lexicon.differential and ahead == ["^", "{", "-"]
        whole = self.lexicon.differential and isinstance(body, (t.Norm, t.Function))
        body = self.scripts(body, start, powers=inverse or whole)
        if self.text == "/" and self.place + 1 < len(self.tokens) and self.tokens[self.place + 1].kind == "diff":
            self.advance()
            self.advance()
            start = self.start
            wrt = self.scripts(self.primary(), start, powers=False)
            return t.Derivative(self.within(token.start), body, (wrt,))
        return t.Differential(self.within(token.start), body)

    def nabla(self) -> t.Node:
        """∇_x f and ∇²_x f; ∇² f alone is by the variable that the document is about."""
        token = self.advance()
        wrt, order = None, 1
        while self.text in ("_", "^"):
            if self.advance().text == "_":
                wrt = self.group(self.factor) if self.here is None or self.here.kind != "text" else self.factor_of_words()
            else:
                power = self.group(self.sum)
                if not (isinstance(power, t.Number) and power.value == 2):
                    raise Unread("a power of ∇ that is not 2", token.start, self.last_end)
                order = 2
        if self.at_stop():
            if wrt is None:
                raise Unread("∇ without a body", token.start, token.end)
            return t.Symbol(self.within(token.start), "nabla_" + getattr(wrt, "name", ""))
        body = self.factor()
        if wrt is None:
            return t.Derivative(self.within(token.start), body, (), order)
        return t.Derivative(self.within(token.start), body, (wrt,) * order)

    def factor_of_words(self) -> t.Node:
        token = self.advance()
        return t.Symbol((token.start, token.end), token.text.strip())

    def root(self) -> t.Node:
        token = self.advance()
        degree = 2
        if self.accept("["):
            inner = self.sum()
            self.expect("]")
            if not (isinstance(inner, t.Number) and inner.value.denominator == 1 and inner.value > 1):
                raise Unread("the degree of a root must be a number", token.start, self.last_end)
            degree = int(inner.value)
        return t.Root(self.within(token.start), self.group(self.sum), degree)

    def paren(self) -> t.Node:
        token = self.advance()
        close = OPENING[token.text]
        if token.text == "{":
            node = self.nested(self.sum)
            self.expect("}")
            return node if isinstance(node, t.Symbol) else t.Paren(self.within(token.start), node, "{")
        if token.text == "[" or token.text == r"\{":
            return self._listed(token, close)
        if token.text == "(" and self.here is not None and self.here.kind == "text":
            while self.here is not None and self.text != ")":
                self.advance()
            self.expect(")")
            raise Unread("words in brackets", token.start, self.last_end)
        node = self.nested(self.sum)
        if self.text == "," or self.text == ";":
            parts = [node]
            while self.accept(",", ";"):
                parts.append(t.Dots((self.start, self.start)) if self.accept(r"\ldots") else self.nested(self.sum))
            self.expect(close)
            return t.Matrix(self.within(token.start), (tuple(parts),))
        self.expect(close)
        return t.Paren(self.within(token.start), node, token.text)

    def angle(self) -> t.Node:
        """⟨A, B⟩, the inner product; ⟨x⟩ is only brackets."""
        token = self.advance()
        parts = [self.nested(self.sum)]
        while self.accept(","):
            parts.append(self.nested(self.sum))
        self.expect(r"\rangle")
        if self.text == "_":
            self.advance()
            self.group(self.sum)
        if len(parts) == 1:
            return t.Paren(self.within(token.start), parts[0], "(")
        return t.Function(self.within(token.start), "inner", tuple(parts))

    def _listed(self, token: Token, close: str) -> t.Node:
        """[j = y], [s_1 − y_1, …], or brackets."""
        if token.text == r"\{" and self.text == r"\begin":
            return self._braced_cases(token, close)
        node = self.nested(self.sum)
        if self.text in RELATIONS and token.text == "[":
            node = self._related(node)
            self.expect(close)
            return t.Indicator(self.within(token.start), node)
        if self.text == ",":
            parts = [node]
            while self.accept(","):
                parts.append(self.nested(self.sum))
            self.expect(close)
            return t.Matrix(self.within(token.start), (tuple(parts),))
        self.expect(close)
        return t.Paren(self.within(token.start), node, token.text)

    def _braced_cases(self, token: Token, close: str) -> t.Node:
        node = self.environment()
        self.accept(close)
        if isinstance(node, t.Matrix):
            raise Unread("cases were expected after the brace", token.start, self.last_end)
        return node

    def bars_(self) -> t.Node:
        token = self.advance()
        self.bars += 1
        node = self.sum()
        self.bars -= 1
        self.expect(token.text)
        kind = "abs" if token.text == "|" else "2"
        if kind == "2" and self.text == "_":
            self.advance()
            sub = self.group(self.sum)
            kind = _norm_kind(sub)
        return t.Norm(self.within(token.start), node, kind)

    def dots(self) -> t.Node:
        token = self.advance()
        return t.Dots((token.start, token.end))

    def infinity(self) -> t.Node:
        token = self.advance()
        return t.Infinity((token.start, token.end))

    def brace_note(self) -> t.Node:
        """An underbrace is what stands above it."""
        self.advance()
        node = self.group(self.sum)
        if self.accept("_", "^"):
            self.skip_group()
        return node

    def skip_group(self) -> None:
        if not self.accept("{"):
            self.advance()
            return
        depth = 1
        while depth:
            depth += {"{": 1, "}": -1}.get(self.advance().text, 0)

    # -- functions and big signs

    def command_function(self) -> t.Node:
        token = self.advance()
        return self.function(FUNCTIONS[token.text], token)

    def function(self, name: str, token: Token) -> t.Node:
        """A function with its argument; a power between name and argument is put outside."""
        power, subs, primes = None, (), 0
        while self.text in ("^", "_", "'", r"\prime"):
            sign = self.advance().text
            if sign in ("'", r"\prime"):
                primes += 1
            elif sign == "^" and self.text == r"\prime":
                self.advance()
                primes += 1
            elif sign == "^":
                power = self.group(self.sum)
            else:
                subs = self.subscripts()
        args = self.arguments()
        node: t.Node = t.Function(self.within(token.start), name, args, subs, primes)
        return node if power is None else t.Power(self.within(token.start), node, power)

    def arguments(self) -> tuple[t.Node, ...]:
        if self.text in ("(", "[", r"\{", "{"):
            opened = self.advance()
            close = OPENING[opened.text]
            args = [self.nested(self.sum)]
            while self.accept(","):
                args.append(self.nested(self.sum))
            self.expect(close)
            return tuple(args)
        if self.text in BIG or (self.here and self.here.kind == "number"):
            number = self.here.kind == "number"
            factor = self.factor()
            if number and self.here is not None and self.here.kind == "name":
                return (t.Product(self.within(factor.span[0]), (("", factor), ("", self.factor()))),)
            return (factor,)
        return (self.factor(),)

    def big(self) -> t.Node:
        token = self.advance()
        op = BIG[token.text]
        spec: dict = {"letters": ()}
        while self.text in ("_", "^") or (self.text == "{" and op == "sum" and self._is_slip()):
            sign = self.advance().text
            if sign == "_":
                spec |= self.bounds()
            elif sign == "^":
                spec["high"] = self.group(self.sum)
            else:
                letter = self.advance()
                self.expect("}")
                spec |= {"letters": (letter.text,), "slip": rf"reads \sum{{{letter.text}}} as \sum_{{{letter.text}}}"}
        if op in ("max", "min") and not spec["letters"]:
            args = self.arguments()
            return t.Function(self.within(token.start), op, args)
        body = self.nested(self.signed_product) if op in ("sum", "prod") else self.arguments()[0]
        return t.Big(self.within(token.start), op, body=body, **spec)

    def _is_slip(self) -> bool:
        rest = self.tokens[self.place : self.place + 4]
        return len(rest) == 4 and rest[1].kind == "name" and rest[2].text == "}"

    def bounds(self) -> dict:
        """`i`, `i=1`, `i,j`, `j \\in Y_b`, `k \\neq i` under a big sign."""
        if not self.accept("{"):
            return {"letters": (self.advance().text,)}
        letters: list[str] = []
        spec: dict = {}
        while True:
            if self.here is None or self.here.kind not in ("name", "command"):
                self.fail("an index was expected under the sum")
            letter = GREEK.get(self.text, self.text)
            begin = self.start
            self.advance()
            while self.accept("'", r"\prime"):
                letter += "'"
            if self.text == "^" and self.place + 1 < len(self.tokens) and self.tokens[self.place + 1].text == r"\prime":
                self.place += 2
                letter += "'"
            letters += [letter] if len(letter.rstrip("'")) == 1 or self.lexicon.is_word(letter) else list(letter)
            if self.accept("="):
                spec["low"] = self.sum()
                if self.accept(r"\ldots") or self.text == ",":
                    self._range_tail(spec)
            elif self.accept(r"\in"):
                spec["set_"] = self.sum()
            elif self.text in (r"\neq", "<", r"\le", ">", r"\ge"):
                op = self.advance().text
                right = self.sum()
                spec["cond"] = t.Relation(self.within(begin), op, t.Symbol((begin, begin + 1), letter), right)
            if not self.accept(","):
                break
        self.expect("}")
        return {"letters": tuple(letters), **spec}

    def _range_tail(self, spec: dict) -> None:
        self.accept(",")
        self.accept(r"\ldots")
        self.accept(",")
        spec["high"] = self.sum()

    # -- environments

    def environment(self) -> t.Node:
        token = self.expect(r"\begin")
        kind = self.word_group()
        if kind.startswith("array"):
            if self.text == "{":
                self.skip_group()
        rows: list[list[list[Token]]] = [[[]]]
        depth = 0
        while not (self.text == r"\end" and depth == 0):
            piece = self.advance()
            if piece.text == r"\begin":
                depth += 1
            if piece.text == r"\end":
                depth -= 1
            if depth == 0 and piece.kind == "row":
                rows.append([[]])
            elif depth == 0 and piece.text == "&":
                rows[-1].append([])
            else:
                rows[-1][-1].append(piece)
        self.advance()
        self.word_group()
        rows = [row for row in rows if any(row)]
        span = self.within(token.start)
        if kind.rstrip("*") in ("cases", "rcases", "dcases", "aligned", "array") and all(_cased(row) for row in rows):
            return t.Cases(span, tuple(self.case(row) for row in rows))
        return t.Matrix(span, tuple(tuple(self.cell(cell, span) for cell in row) for row in rows))

    def word_group(self) -> str:
        self.expect("{")
        word = ""
        while self.text != "}":
            word += self.advance().text
        self.expect("}")
        return word

    def case(self, row: list[list[Token]]) -> tuple[t.Node, t.Node | None]:
        value, *rest = [[k for k in cell if k.text not in (r"\quad", r"\qquad")] for cell in row]
        while value and value[-1].text in (",", ";"):
            value = value[:-1]
        condition = [k for cell in rest for k in cell]
        if not condition:
            cut = next((n for n, k in enumerate(value) if k.kind == "text" or k.text == ","), len(value))
            value, condition = value[:cut], [k for k in value[cut:] if k.text != ","]
        return self.sub(value).whole(), read_condition(condition, self.lexicon)

    def cell(self, tokens: list[Token], span: t.Span) -> t.Node:
        if not tokens:
            return t.Dots(span)
        return self.sub(tokens).whole()

    def sub(self, tokens: list[Token]) -> Parser:
        return Parser(list(tokens), self.lexicon, depth=self.depth + 1)

    def whole(self) -> t.Node:
        node = self.sum()
        if self.here is not None:
            self.fail(f"`{self.here.text}` does not continue the formula")
        return node

    # -- conditions

    def condition(self) -> t.Node:
        parts = []
        start = self.start
        while True:
            while self.here is not None and self.here.kind == "text":
                self.advance()
            node = self.sum()
            parts.append(self._related(node) if self.text in RELATIONS else node)
            if not (self.accept(",", r"\land", r"\wedge") or (self.here is not None and self.here.kind == "text")):
                break
        return parts[0] if len(parts) == 1 else t.All(self.within(start), tuple(parts))

    def _related(self, left: t.Node) -> t.Node:
        parts = []
        while self.text in RELATIONS:
            op = self.advance().text
            right = self.sum()
            parts.append(t.Relation((left.span[0], self.last_end), op, left, right))
            left = right
        return parts[0] if len(parts) == 1 else t.All((parts[0].span[0], self.last_end), tuple(parts))

    # -- scripts

    def scripts(self, node: t.Node, start: int, powers: bool = True) -> t.Node:
        """Subscripts, marks, transposes and powers behind a factor."""
        while self.here is not None:
            if self.text in ("'", r"\prime"):
                if not isinstance(node, t.Symbol):
                    self.fail("a prime behind something that is no letter")
                self.advance()
                node = replace(node, name=node.name + "'", span=self.within(start))
            elif self.text == "_":
                self.advance()
                node = self.with_subs(node, self.subscripts(), start)
            elif self.text == "^":
                held = self.place
                self.advance()
                made = self.superscript(node, start, powers)
                if made is None:
                    self.place = held
                    return node
                node = made
            elif self.text == "(" and isinstance(node, t.Symbol) and self._is_call(node):
                node = self.call(node, start)
            else:
                return node
        return node

    def _is_call(self, node: t.Symbol) -> bool:
        """A name that the document uses as a function, or brackets with a comma."""
        if node.name.rstrip("'") in self.lexicon.functions:
            return True
        depth = braces = 0
        for token in self.tokens[self.place :]:
            depth += {"(": 1, ")": -1}.get(token.text, 0)
            braces += {"{": 1, "}": -1}.get(token.text, 0)
            if depth == 0:
                return False
            if depth == 1 and not braces and token.text == ",":
                return True
        return False

    def call(self, node: t.Symbol, start: int) -> t.Node:
        self.advance()
        args = [self.nested(self.sum)]
        while self.accept(",", ";"):
            args.append(self.nested(self.sum))
        self.expect(")")
        return t.Apply(self.within(start), node, tuple(args))

    def with_subs(self, node: t.Node, subs: tuple[t.Node, ...], start: int) -> t.Node:
        span = self.within(start)
        if isinstance(node, (t.Symbol, t.Paren)):
            return replace(node, subs=node.subs + subs, span=span)
        if isinstance(node, t.Function):
            return replace(node, subs=node.subs + subs, span=span)
        if isinstance(node, (t.Derivative, t.Transposed, t.Matrix, t.Power, t.Norm)):
            return t.Paren(span, node, "(", subs)
        raise Unread("a subscript behind something that cannot carry one", start, self.last_end)

    def subscripts(self) -> tuple[t.Node, ...]:
        """The places of a subscript."""
        if not self.accept("{"):
            token = self.advance()
            if token.kind == "number" and len(token.text) > 1:
                pass
            return (self._place(token),)
        places: list[t.Node] = []
        while self.text != "}":
            if self.here is None:
                self.fail("a subscript does not end")
            if self.accept(","):
                continue
            places += self._places()
        self.expect("}")
        return tuple(places)

    def _places(self) -> list[t.Node]:
        """One comma-separated part of a subscript: letters side by side are places side by side."""
        start = self.place
        depth = 0
        while self.here is not None and not (depth == 0 and self.text in (",", "}")):
            depth += 1 if self.text in OPENING else -1 if self.text in CLOSING else 0
            self.advance()
        tokens = self.tokens[start : self.place]
        if all(k.kind in ("name", "number") or k.text in ("'", r"\prime") or k.text in GREEK for k in tokens):
            return self._side_by_side(tokens)
        if len(tokens) == 1:
            return [self._place(tokens[0])]
        return [self.sub(tokens).whole()]

    def _side_by_side(self, tokens: list[Token]) -> list[t.Node]:
        places: list[t.Node] = []
        for token in tokens:
            if token.text in ("'", r"\prime"):
                if not places:
                    raise Unread("a prime without a letter", token.start, token.end)
                held = places[-1]
                places[-1] = t.Symbol((held.span[0], token.end), held.name + "'")
            elif token.kind == "name" and len(token.text) > 1 and not self.lexicon.is_word(token.text):
                places += [t.Symbol((token.start + k, token.start + k + 1), c) for k, c in enumerate(token.text)]
            else:
                places.append(self._place(token))
        return places

    def _place(self, token: Token) -> t.Node:
        span = (token.start, token.end)
        if token.kind == "number":
            return t.Number(span, Fraction(token.text))
        if token.text in (r"\cdot", ":", "*", r"\bullet"):
            return t.Any(span)
        if token.kind == "text":
            return t.Symbol(span, "text " + token.text.strip())
        if token.kind == "name" or token.text in GREEK:
            return t.Symbol(span, GREEK.get(token.text, token.text))
        raise Unread(f"`{token.text}` is no index", token.start, token.end)

    def superscript(self, node: t.Node, start: int, powers: bool) -> t.Node | None:
        """Marks, transposes, primes, else a power (None where none is wanted)."""
        braced = self.text == "{"
        tokens = self._braced_tokens() if braced else [self.advance()]
        marks: list[t.Mark] = []
        turned = False
        k = 0
        while k < len(tokens):
            token = tokens[k]
            if token.text in ("(", "[") and (end := _closing(tokens, k)) is not None and _is_mark(tokens[k + 1 : end]):
                marks.append(t.Mark(token.text, "".join(x.text for x in tokens[k + 1 : end])))
                k = end + 1
            elif token.text in ("T", r"\top") and (braced or len(tokens) == 1) and k == len(tokens) - 1:
                turned = True
                k += 1
            elif token.text in ("'", r"\prime") and isinstance(node, t.Symbol):
                node = replace(node, name=node.name + "'")
                k += 1
            else:
                break
        if k < len(tokens):
            return self._power(node, tokens, start) if powers else None
        span = self.within(start)
        if marks:
            if not isinstance(node, (t.Symbol, t.Paren)):
                raise Unread("a mark behind something that cannot carry one", start, self.last_end)
            node = replace(node, marks=node.marks + tuple(marks), span=span)
        return t.Transposed(span, node) if turned else replace(node, span=span)

    def _power(self, node: t.Node, tokens: list[Token], start: int) -> t.Node:
        span = self.within(start)
        signs = [k.text for k in tokens]
        if signs in (["-", "T"], ["-", r"\top"], ["-", "1", "T"], ["-", "1", r"\top"], ["T", "-", "1"]):
            minus = t.Number((tokens[0].start, tokens[-1].end), Fraction(-1))
            return t.Transposed(span, t.Power(span, node, minus))
        if [k.text for k in tokens] == ["*"]:
            if isinstance(node, t.Symbol):
                return replace(node, name=node.name + "star", span=span)
        exponent = self.sub(tokens).whole()
        squared = isinstance(exponent, t.Number) and exponent.value == 2
        if isinstance(node, t.Symbol) and node.name in self.lexicon.squares:
            square = replace(node, name=node.name + "2", span=span)
            if squared:
                return square
            if isinstance(exponent, t.Number) and exponent.value % 2 == 0:  # σ⁴ is the square of σ²
                return t.Power(span, square, t.Number(exponent.span, exponent.value / 2))
        return t.Power(span, node, exponent)

    def _braced_tokens(self) -> list[Token]:
        self.expect("{")
        start, depth = self.place, 1
        while depth:
            depth += {"{": 1, "}": -1}.get(self.advance().text, 0)
        return self.tokens[start : self.place - 1]


def _norm_kind(sub: t.Node) -> str:
    """What stands below a norm: 1, 2, ∞ or F; raises Unread."""
    if isinstance(sub, t.Infinity):
        return "infty"
    if isinstance(sub, t.Number) and sub.value in (1, 2):
        return "1" if sub.value == 1 else "2 said"
    if isinstance(sub, t.Symbol) and sub.name == "F":
        return "F"
    raise Unread("this norm is not understood", *sub.span)


def _closing(tokens: list[Token], k: int) -> int | None:
    close = OPENING[tokens[k].text]
    for place in range(k + 1, len(tokens)):
        if tokens[place].text == close:
            return place
    return None


def _is_mark(inner: list[Token]) -> bool:
    return (
        bool(inner)
        and all(token.kind in ("name", "number") or token.text in "+-" for token in inner)
        and len(inner) <= 3
    )


def _cased(row: list[list[Token]]) -> bool:
    return len(row) <= 3 and all(k.text not in ("=",) for k in row[0])


def _slashed(span: t.Span, factors: list[tuple[str, t.Node]]) -> t.Node:
    """A product; ∂L/∂x over several tokens was read before."""
    if len(factors) == 1:
        return factors[0][1]
    return t.Product(span, _operated(factors))


def _operated(factors: list[tuple[str, t.Node]]) -> tuple[tuple[str, t.Node], ...]:
    """A derivative without a body takes the factor behind it: one in brackets alone, else all that follow."""
    made: list[tuple[str, t.Node]] = []
    k = 0
    while k < len(factors):
        op, node = factors[k]
        if isinstance(node, t.Derivative) and node.body is None and k + 1 < len(factors) and factors[k + 1][0] == "":
            after = factors[k + 1][1]
            if isinstance(after, t.Paren):
                body, k = after, k + 2
            else:
                rest = _operated(factors[k + 1 :])
                body, k = (
                    (rest[0][1] if len(rest) == 1 else t.Product((after.span[0], factors[-1][1].span[1]), rest)),
                    len(factors),
                )
            made.append((op, t.Derivative((node.span[0], body.span[1]), body, node.wrt)))
        else:
            made.append((op, node))
            k += 1
    return tuple(made)


_PRIMARIES: dict[str, Callable[[Parser], t.Node]] = {
    r"\frac": Parser.fraction,
    r"\sqrt": Parser.root,
    r"\one": Parser.one,
    r"\partial": Parser.partial,
    r"\nabla": Parser.nabla,
    "(": Parser.paren,
    "[": Parser.paren,
    r"\{": Parser.paren,
    r"\langle": Parser.angle,
    "{": Parser.paren,
    "|": Parser.bars_,
    r"\|": Parser.bars_,
    r"\ldots": Parser.dots,
    r"\begin": Parser.environment,
    r"\infty": Parser.infinity,
    r"\underbrace": Parser.brace_note,
    r"\overbrace": Parser.brace_note,
    **{name: Parser.big for name in BIG},
    **{name: Parser.accent for name in ACCENTS},
    **{name: Parser.command_function for name in FUNCTIONS},
    **{name: Parser.name for name in GREEK},
}
_KINDS: dict[str, Callable[[Parser], t.Node]] = {
    "number": Parser.number,
    "name": Parser.name,
    "diff": Parser.differential,
}


def statement_names(tokens: Collection[Token]) -> set[str]:
    """The single letters that stand alone somewhere."""
    return {token.text for token in tokens if token.kind == "letter"}
