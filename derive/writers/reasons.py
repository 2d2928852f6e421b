"""Reasons: what stands beside a line, the rule's name and its instance in the letters of that line."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from derive import expr as x
from derive.derivation import Derivation, Step
from derive.errors import Problem
from derive.expr import Entry, Expr
from derive.index import Index, Size
from derive.notation import parse
from derive.ops import OPS
from derive.program import Program
from derive.rule import RULES
from derive.writers.formula import equation_node, formula
from derive.writers.layout import Fence, Node, Num, Op, Script, Sym, Text, row, width
from derive.writers.letters import COMMA, EQ, MINUS, PARTIAL, TIGHT_SLASH, Letters, Spelling, index_symbol, letters_for

PRIME = Sym("′", "roman")
CLOSED = "_closed"  # ends the key of a closed form
WIDE_REASON = 18.0  # em of a formula that still fits beside a line
U = Entry("u", ())


@dataclass(frozen=True)
class Setting:
    """What a reason may name: the program, its spelling, the letters of the derivation, the forward line numbers.

    `results`: the step that derived each gradient, `Z_closed` for a closed form; `closed`: the forms that are put in.
    """

    program: Program
    spelling: Spelling
    letters: Letters
    numbers: Mapping[str, int] = field(default_factory=dict)
    results: Mapping[str, str] = field(default_factory=dict)
    closed: Mapping[str, Derivation] = field(default_factory=dict)

    def node(self, e: x.Term) -> Node:
        return formula(e, self.spelling, self.letters)

    def shown(self, name: str) -> str:
        return self.spelling.word(name)


Reason = tuple[str, Node | str]


def reason(step: Step, setting: Setting) -> Reason:
    """The rule's name and its instance."""
    made = REASONS.get(step.rule)
    if made is not None:
        return made(step, setting)
    if "→" in step.instance:
        return step.rule, _arrows(step.instance, setting) or ""
    made = GISTS.get(step.rule) or _formulas(step.instance, setting)
    return step.rule, made or _relettered(step.instance, setting)


def _definition(step: Step, s: Setting) -> Reason:
    name = step.uses[0] if step.uses else s.spelling.loss
    return f"definition of {s.shown(name)}", _forward_lines(step.uses, s) or "the forward pass"


def _chain(step: Step, s: Setting) -> Reason:
    names = [s.shown(n) for n in step.uses]
    return "chain rule", _forward_lines(step.uses, s) or f"through {_and(names)}"


def _paths(step: Step, s: Setting) -> Reason:
    return "sum over paths", _forward_lines(step.uses, s) or f"through {_and([s.shown(n) for n in step.uses])}"


def _forward_lines(names: tuple[str, ...], s: Setting) -> str:
    lines = [str(s.numbers[n]) for n in names if n in s.numbers]
    return f"forward line{'s' * (len(lines) > 1)} {_and(lines)}" if lines else ""


def _and(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _function(step: Step, s: Setting) -> Reason:
    """derivative of log: (log u)′ = 1/u"""
    names = [name for name in step.instance.split("; ") if name in OPS]
    if len(names) != 1 or OPS[names[0]].arity != 1:
        return f"derivative of {_and(names)}" if names else step.rule, ""
    call = x.Call(names[0], (U,))
    left = Script(Fence(formula(call, s.spelling)), None, PRIME)
    return f"derivative of {names[0]}", row(left, EQ, formula(OPS[names[0]].slope_at(0, (U,)), s.spelling, table=True))


def _power(step: Step, s: Setting) -> Reason:
    """(xⁿ)′ = n xⁿ⁻¹ with its n"""
    n, u = Sym("n"), Sym("x")
    law = row(Script(Fence(Script(u, None, n)), None, PRIME), EQ, n, Script(u, None, row(n, MINUS, Num("1"))))
    exponents = [part.removeprefix("with exponent ") for part in step.instance.split("; ")]
    value = _parsed(exponents[0], s) if len(exponents) == 1 else None
    return "power rule", law if value is None else row(law, Text(" with "), n, EQ, formula(value, table=True))


def _parsed(text: str, s: Setting) -> Expr | None:
    try:
        return parse(text)
    except Problem:
        return None


def _entry(step: Step, s: Setting) -> Reason:
    """∂Q_mk/∂Q_ij = δ_mi δ_kj"""
    found = next((e for e in step.redexes if isinstance(e, x.D) and isinstance(e.body, Entry)), None)
    if found is None or len(step.redexes) > 1 and len({e.key for e in step.redexes}) > 2:
        return step.rule, "an entry varies with itself alone"
    names = s.letters.free | s.letters.seen
    if not found.free <= names.keys():
        return step.rule, "an entry varies with itself alone"
    letters = Letters({i: names[i] for i in found.free}, s.letters.taken)
    body, wrt = (formula(e, s.spelling, letters) for e in (found.body, found.wrt))
    deltas = x.mul(*(x.delta(a, b) for a, b in zip(found.body.slots, found.wrt.slots, strict=True)))
    return step.rule, row(PARTIAL, body, TIGHT_SLASH, PARTIAL, wrt, EQ, formula(deltas, s.spelling, letters))


def _named(step: Step, s: Setting) -> Reason:
    """call by name: the forward line that gives the name"""
    equation = s.program.equation(step.uses[0]) if step.uses else None
    if equation is None:
        return step.rule, _relettered(step.instance, s)
    letters = "" if len(step.uses) > 1 else equation_node(equation, s.spelling)
    return step.rule, letters or f"the names {_and([s.shown(n) for n in step.uses])}"


def _linear(step: Step, s: Setting) -> Reason:
    bodies = [e.body for e in step.redexes if isinstance(e, x.D)]
    inner = [t for b in bodies for t in x.walk(b)]
    if any(isinstance(b, x.Add) for b in bodies):
        return step.rule, "terms one by one"
    summed = any(isinstance(t, x.Reduce) for t in inner)
    return step.rule, "∂ passes through the sum" if summed else "constant factors stay"


def _substituted(step: Step, s: Setting) -> Reason:
    """substitute: the gradients that are put in, by the step that derived them; a small one is shown itself"""
    names = [use[1:].split("~")[0] for use in step.uses if use.startswith("∂")]
    if not names:
        return step.rule, _relettered(step.instance, s)
    unseen = [n for n in names if n + CLOSED not in s.results and n in s.closed]
    if len(names) == 1 and unseen and (equation := _closed_form(s.closed[names[0]], s)) is not None:
        return step.rule, equation
    steps = [s.results.get(n + CLOSED) or s.results.get(n, "") for n in names]
    loss = s.spelling.shown(s.spelling.loss)
    said = [f"∂{loss}/∂{s.spelling.shown(n)}" + f" of {k}" * bool(k) for n, k in zip(names, steps, strict=True)]
    return step.rule, _and(said)


def _closed_form(d: Derivation, s: Setting) -> Node | None:
    letters = letters_for([d.target, d.result], s.spelling, d.indices)
    node = row(formula(d.target, s.spelling, letters), EQ, formula(d.result, s.spelling, letters, table=True))
    return node if width(node) <= WIDE_REASON else None


REASONS: dict[str, Callable[[Step, Setting], Reason]] = {
    "definition": _definition,
    "chain rule": _chain,
    "sum over paths": _paths,
    "derivative of a function": _function,
    "power rule": _power,
    "derivative of an entry": _entry,
    "call by name": _named,
    "linearity": _linear,
    "substitute": _substituted,
}
GISTS = {
    "product rule": "(u v)′ = u′ v + u v′",
    "quotient rule": "(u/v)′ = (u′ v − u v′)/v²",
    "derivative of a maximum": "only the largest entry counts",
    "take out of the sum": "what is constant in the sum goes before it",
    "constant": "does not depend on it",
    "cases apart": "each case counts where its condition holds",
    "zero beyond the last round": "after the last round nothing comes back",
}
_ARROW = re.compile(r"(?:^|[;,] )(\w+) → (.+?)(?=[;,] \w+ → |$)")


def _arrows(text: str, s: Setting) -> Node | None:
    """m → i, k → j: which index a delta put for which, in the letters of the line."""
    printed: dict[str, set[str]] = {}
    scope: dict[str, Index] = {}
    for i, letter in s.letters.seen.items():
        printed.setdefault(i.name, set()).add(letter)
        scope.setdefault(i.name, i)
    letters = Letters(s.letters.seen, s.letters.taken)
    pairs: dict[str, list[Node]] = {}
    for old, new in _ARROW.findall(text):
        sides = [_index(old, printed), _index(new, printed) or _slot_node(new, scope, s, letters)]
        if None in sides:
            return None
        pairs.setdefault(str(sides), [*[COMMA] * bool(pairs), sides[0], Op("to"), sides[1]])
    return row(*(node for pair in pairs.values() for node in pair)) if pairs else None


_BETWEEN = {" = ": EQ, " is ": EQ, " over itself": Text(" over itself")}


def _formulas(text: str, s: Setting) -> Node | None:
    """Sentences of formulas with a semicolon between them, each told once; None where one does not read."""
    nodes = list(dict.fromkeys(_formula(part, s) for part in text.split("; ")))
    if None in nodes:
        return None
    return row(nodes[0], *(n for node in nodes[1:] for n in (Text("; "), node)))


def _formula(text: str, s: Setting) -> Node | None:
    """`P = E[i, j]*r[i, 0]`, `E[i, j] over itself`: set as formulas, None where a part does not read."""
    word = next((w for w in _BETWEEN if w in text), None)
    if word is None:
        return None
    scope = {i.name: i for i in reversed(s.letters.seen)}
    left, _, right = text.partition(word)
    try:
        sides = [parse(side, scope) if side else None for side in (left, right)]
    except Problem:
        return None
    letters = Letters(s.letters.seen, s.letters.taken)
    nodes = [formula(side, s.spelling, letters, table=True) for side in sides if side is not None]
    return row(nodes[0], _BETWEEN[word], *nodes[1:])


_LOWER = dict(zip("ijkmn", "ᵢⱼₖₘₙ", strict=True))
_ENTRY = re.compile(r"(\w+)\[((?:[ijkmn], )*[ijkmn])(?:, 0)?\]")


def lowered(text: str) -> str:
    """Entries in a sentence with their letters below: E[i, j] as Eᵢⱼ."""
    return _ENTRY.sub(lambda m: m[1] + "".join(_LOWER[c] for c in m[2].split(", ")), text)


def _index(name: str, printed: Mapping[str, set[str]]) -> Node | None:
    """An index by the one letter it was printed as; None where it was printed as several."""
    letter = _letter(name, printed)
    return index_symbol(letter) if letter in set().union(*printed.values()) else None


def _slot_node(text: str, scope: Mapping[str, Index], s: Setting, letters: Letters) -> Node | None:
    """The slot that a text denotes, None when it is a plain name or does not read."""
    try:
        e = parse(f"u[{text}]", scope)
    except Problem:
        return None
    plain = text.isidentifier() or not isinstance(e, Entry) or len(e.slots) != 1
    return None if plain else formula(e.slots[0], s.spelling, letters)


_WORD = re.compile(r"(?<![\w∂])([^\W\d_]\w*)(?!\w|\()")


def _relettered(text: str, s: Setting) -> str:
    """The engine's words for an instance, its index names as they were printed; longer ones are left out."""
    printed: dict[str, set[str]] = {}
    for i, letter in s.letters.seen.items():
        printed.setdefault(i.name, set()).add(letter)
    parts = list(dict.fromkeys(re.split(r"[;,] (?=\w+ →)", text)))
    text = ", ".join(dict.fromkeys(_WORD.sub(lambda m: _letter(m[1], printed), part) for part in parts))
    return text if len(text) <= 60 else ""


def _letter(name: str, printed: Mapping[str, set[str]]) -> str:
    """The one letter that an index name was printed as; `m2` is the m of another sum."""
    found = printed.get(name) or printed.get(name.rstrip("0123456789"), set())
    return next(iter(found)) if len(found) == 1 else name


# ---------------------------------------------------------------- laws

FIRST_LINES = {
    "definition": "D(L[], x[k]) = D(f[], x[k])",
    "chain rule": "∂x[k] = sum[m:n] ∂u[m]*D(u[m], x[k])",
    "sum over paths": "∂x[k] = (sum[m:n] ∂u[m]*D(u[m], x[k])) + sum[m:n] ∂v[m]*D(v[m], x[k])",
}
IN_WORDS = {
    "substitute": "a gradient derived above is put in",
    "no path": "what the output does not depend on has gradient zero",
}
LAW_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def law(rule: str) -> Node | str:
    """The general form of a rule: set as a formula where its text is an equation, else the text."""
    if rule in IN_WORDS:
        return IN_WORDS[rule]
    known = next((r for r in RULES if r.name == rule), None)
    text = FIRST_LINES.get(rule) or (known.law if known else "")
    equation, where, condition = text.partition(" where ")
    left, sign, right = equation.partition(" = ") if "[" in equation else ("", "", "")
    left, sign, right = _split(equation) or (left, sign, right)
    scope = {c: Index(c, Size.of(c.upper())) for c in LAW_LETTERS if re.search(rf"[\[,( ]{c}[\],+) ]", equation)}
    try:
        sides = [formula(parse(side, scope)) for side in (left, right)]
    except Problem:
        return text or (known.sentence if known else "")
    return row(sides[0], EQ, sides[1])


def _split(equation: str) -> tuple[str, str, str] | None:
    """Left and right of the one equals sign that stands in no brackets."""
    depth = 0
    for place, c in enumerate(equation):
        depth += (c in "([{") - (c in ")]}")
        if c == "=" and not depth and equation[place - 1] == " ":
            return equation[: place - 1], "=", equation[place + 1 :]
    return None


__all__ = ["CLOSED", "FIRST_LINES", "IN_WORDS", "Reason", "Setting", "law", "lowered", "reason"]
