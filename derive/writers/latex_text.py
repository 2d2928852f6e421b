"""Plain text as LaTeX: every character that means something to TeX, and every one pdflatex's fonts lack, is spelled."""

from __future__ import annotations

import io
import keyword
import re
import tokenize
import unicodedata

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "_": r"\_",
    "#": r"\#",
    "$": r"\$",
    "%": r"\%",
    "&": r"\&",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "\n": " ",
    "\t": " ",
    "…": r"\dots{}",
    "·": r"\textperiodcentered{}",
    "–": r"\textendash{}",
    "—": r"\textemdash{}",
    "‘": r"\textquoteleft{}",
    "’": r"\textquoteright{}",
    "“": r"\textquotedblleft{}",
    "”": r"\textquotedblright{}",
    "\u00a0": "~",
}
_SPECIAL_CODE = _SPECIAL | {"'": r"\textquotesingle{}", " ": r"\ ", "\n": ""}
_LIGATURE = re.compile(r"(?<=([-',]))(?=\1)")  # two of these would be set as one
_BREAK_AFTER = frozenset(" ,([=.")
_LONG_WORD, _SHORT_CODE = 18, 40

GREEK = {
    "α": r"\alpha", "β": r"\beta", "γ": r"\gamma", "δ": r"\delta", "ε": r"\varepsilon", "ϵ": r"\epsilon",
    "ζ": r"\zeta", "η": r"\eta", "θ": r"\theta", "ϑ": r"\vartheta", "ι": r"\iota", "κ": r"\kappa",
    "λ": r"\lambda", "μ": r"\mu", "µ": r"\mu", "ν": r"\nu", "ξ": r"\xi", "π": r"\pi", "ρ": r"\rho",
    "σ": r"\sigma", "ς": r"\varsigma", "τ": r"\tau", "υ": r"\upsilon", "φ": r"\varphi", "ϕ": r"\phi",
    "χ": r"\chi", "ψ": r"\psi", "ω": r"\omega", "Γ": r"\Gamma", "Δ": r"\Delta", "Θ": r"\Theta",
    "Λ": r"\Lambda", "Ξ": r"\Xi", "Π": r"\Pi", "Σ": r"\Sigma", "Υ": r"\Upsilon", "Φ": r"\Phi",
    "Ψ": r"\Psi", "Ω": r"\Omega",
}  # fmt: skip
# The sign of a character in a formula.
MATH = GREEK | {
    "∂": r"\partial", "∇": r"\nabla", "∑": r"\sum", "∏": r"\prod", "√": r"\surd", "∞": r"\infty", "∈": r"\in",
    "∉": r"\notin", "≤": r"\le", "≥": r"\ge", "≠": r"\ne", "≈": r"\approx", "≡": r"\equiv", "±": r"\pm", "−": "-",
    "×": r"\times", "÷": r"\div", "∘": r"\circ", "⊙": r"\odot", "⊘": r"\oslash", "⊗": r"\otimes", "⊕": r"\oplus",
    "→": r"\to", "←": r"\leftarrow", "↦": r"\mapsto", "⇒": r"\Rightarrow", "↔": r"\leftrightarrow", "⊤": r"\top",
    "′": r"\prime", "∀": r"\forall", "∃": r"\exists", "∧": r"\land", "∨": r"\lor", "¬": r"\lnot", "⋯": r"\cdots",
    "⋮": r"\vdots", "⋱": r"\ddots", "⌊": r"\lfloor", "⌋": r"\rfloor", "⟨": r"\langle", "⟩": r"\rangle", "‖": r"\|",
    "ℝ": r"\mathbb{R}", "ℕ": r"\mathbb{N}", "ℤ": r"\mathbb{Z}", "ℓ": r"\ell", "ᵀ": r"^{\top}", "✓": r"\checkmark",
    "∅": r"\emptyset", "⊂": r"\subset", "⊆": r"\subseteq", "∪": r"\cup", "∩": r"\cap", "≪": r"\ll", "≫": r"\gg",
    "⋅": r"\cdot", "↪": r"\hookrightarrow", "★": r"\star", "½": r"\tfrac{1}{2}", "°": r"^{\circ}",
} | {c: f"^{{{d}}}" for c, d in zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n", strict=True)} | {
    c: f"_{{{d}}}" for c, d in zip("₀₁₂₃₄₅₆₇₈₉ᵢⱼₖₘₙ", "0123456789ijkmn", strict=True)
}  # fmt: skip


def escape(text: str) -> str:
    """A string as text: it prints as it reads and cannot be anything but text."""
    return _LIGATURE.sub("{}", "".join(_spell(c, _SPECIAL) for c in text))


def prose(text: str) -> str:
    """A string as running text: as `escape`, and words too long for a margin may be broken at their signs."""
    return "".join(_long_word(word) if _cost(word) > _LONG_WORD else escape(word) for word in re.split(r"(\s+)", text))


def _cost(text: str) -> int:
    """Letters that the text takes in print: a sign of a formula two, a character without a letter its number."""
    return sum(1 if c.isascii() else 2 if c in MATH else len(_foreign(c).removeprefix(r"\dvunicode")) for c in text)


def _long_word(word: str) -> str:
    pieces = re.findall(rf"[A-Za-z0-9]{{1,{_LONG_WORD}}}|.", word)
    return r"\dvbreak{}".join(escape(piece) for piece in pieces)


def mono(text: str) -> str:
    """A string for the mono face on one line, every space kept; it never breaks."""
    return _LIGATURE.sub("{}", "".join(_spell(c, _SPECIAL_CODE) for c in text))


def breakable(text: str) -> str:
    """A string for the mono face; a long one may be broken after a space, comma, bracket, dot or equals sign."""
    if len(text) <= _SHORT_CODE:
        return mono(text)
    return "".join(_spell(c, _SPECIAL_CODE) + (r"\dvbreak{}" if c in _BREAK_AFTER else "") for c in text)


def _spell(character: str, special: dict[str, str]) -> str:
    if character in special:
        return special[character]
    if " " <= character <= "~":
        return character
    if character in MATH:
        return rf"\ensuremath{{{MATH[character]}}}"
    return _foreign(character)


# Accents by their combining character, and the Latin letters that are no accented ones.
_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": ".",
    "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c",
}  # fmt: skip
_LATIN = {"ß": r"\ss{}", "æ": r"\ae{}", "Æ": r"\AE{}", "œ": r"\oe{}", "Œ": r"\OE{}", "ø": r"\o{}", "Ø": r"\O{}",
          "ł": r"\l{}", "Ł": r"\L{}", "ı": r"\i{}", "§": r"\S{}", "¶": r"\P{}", "©": r"\copyright{}"}  # fmt: skip


def _foreign(character: str) -> str:
    """A letter outside ASCII: accented Latin by its accent, a compatibility form by plain letters, else its number."""
    base, *marks = unicodedata.normalize("NFD", character)
    if len(marks) == 1 and marks[0] in _ACCENTS and base.isascii() and base.isalpha():
        return rf"\{_ACCENTS[marks[0]]}{{{base}}}"
    if character in _LATIN:
        return _LATIN[character]
    plain = unicodedata.normalize("NFKD", character)
    if plain and all(c.isascii() and c.isalnum() for c in plain):
        return plain
    if unicodedata.category(character).startswith(("C", "Z")):
        return " "
    return rf"\dvunicode{{{ord(character):04X}}}"


def code_lines(source: str, columns: int) -> list[str]:
    """Python source as lines for the mono face: keywords and comments marked, lines over `columns` wrapped."""
    return [_marked(piece, spans) for text, spans in _spans(source) for piece, spans in _wrapped(text, spans, columns)]


Spans = list[tuple[int, int, str]]  # first and last column, and the macro to put around


def _spans(source: str) -> list[tuple[str, Spans]]:
    """Each line with its keywords and comments; source that Python cannot read has none."""
    lines = [line.expandtabs(4).rstrip() for line in source.rstrip().splitlines()]
    marks: list[Spans] = [[] for _ in lines]
    try:
        for token in tokenize.generate_tokens(io.StringIO("\n".join(lines) + "\n").readline):
            if token.type == tokenize.COMMENT:
                marks[token.start[0] - 1].append((token.start[1], token.end[1], "dvcomment"))
            elif token.type == tokenize.NAME and keyword.iskeyword(token.string):
                marks[token.start[0] - 1].append((token.start[1], token.end[1], "dvkeyword"))
    except (tokenize.TokenError, SyntaxError):
        marks = [[] for _ in lines]
    return list(zip(lines, marks, strict=True))


def _wrapped(text: str, spans: Spans, columns: int) -> list[tuple[str, Spans]]:
    """A line cut at spaces, brackets or commas into pieces of at most `columns`; later ones hang under the first."""
    hang = "↪".rjust(len(text) - len(text.lstrip()) + 2) + " "
    hang = hang if len(hang) < columns // 2 else "↪ "
    pieces, start, lead = [], 0, ""
    while _cost(text[start:]) > columns - len(lead):
        limit = start + 1
        while _cost(text[start : limit + 1]) <= columns - len(lead):
            limit += 1
        cut = max((n for n in range((start + limit) // 2, limit + 1) if text[n - 1] in " ,(["), default=limit)
        pieces.append((lead + text[start:cut], _shifted(spans, start, cut, len(lead))))
        start, lead = cut, hang
    return [*pieces, (lead + text[start:], _shifted(spans, start, len(text), len(lead)))]


def _shifted(spans: Spans, start: int, end: int, lead: int) -> Spans:
    clipped = ((max(a, start), min(b, end), macro) for a, b, macro in spans)
    return [(a - start + lead, b - start + lead, macro) for a, b, macro in clipped if a < b]


def _marked(text: str, spans: Spans) -> str:
    parts, done = [], 0
    for first, last, macro in spans:
        parts += [mono(text[done:first]), rf"\{macro}{{{mono(text[first:last])}}}"]
        done = last
    return "".join([*parts, mono(text[done:])])
