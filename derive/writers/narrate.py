"""The story of a derivation: from `Gradients` to the `Report` that every writer prints.

Everything is numbered here, once, so that HTML, PDF, code comments and messages all say "step 6.4": the first number
is the card, the second the position of the step in the full list, whatever the detail.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath

from derive import expr as x
from derive.derivation import Derivation
from derive.engine import Gradients
from derive.index import Index, Size
from derive.notation import equation_text
from derive.program import Equation, Program, Variable
from derive.rules.scalars import SETTLED
from derive.writers.cards import CLOSED, Book, card_numbers, shown_closed, step_numbers, whole
from derive.writers.document import Answer, Badge, Card, ForwardLine, Lemma, Report, RuleUse, Verification
from derive.writers.eliding import DOTS
from derive.writers.formula import equation_node, formula, gradient_node
from derive.writers.graph import graph
from derive.writers.layout import Frac, Node, Num, Op, Script, Sym, Text, row, width
from derive.writers.letters import (
    EQ,
    TIGHT_SLASH,
    Spelling,
    array,
    index_symbol,
    letters_for,
    shape_node,
    size_node,
    spelling,
)
from derive.writers.matrix import Matrices
from derive.writers.reasons import law
from derive.writers.text_formula import text
from derive.writers.words import count, form_of, meaning_of, real_uses, words_of

CERTAINTIES = ("proved", "tested", "open")
SHORT_TITLE, LONG_TITLE, MANY_STEPS = 24, 60, 5
LONG_ANSWER = 110.0  # em of a formula that only its card shows
TIMES = {2: "twice", 3: "three times", 4: "four times"}


def report(
    gradients: Gradients,
    *,
    title: str | None = None,
    source_name: str = "",
    detail: str = "key",
    closed: Mapping[str, Derivation] | None = None,
    numpy_lines: Mapping[str, str] | None = None,
    verification: Verification | None = None,
    code: str = "",
    lemmas: Sequence[Lemma] = (),
    notation: str = "index",
) -> Report:
    """The whole report; of a module's `code` it shows the function `backward`.

    In `notation` "matrix" results and the forward pass are matrix formulas where they have one; steps keep their indices.
    `numpy_lines`: a line of code by array, `Z_closed` for that of its closed form.  `closed`: default those found.
    """
    program, spelled = gradients.forward, spelling(gradients.program, gradients)
    closed = shown_closed(gradients) if closed is None else closed
    lines, numbers = dict(numpy_lines or {}), line_numbers(program)
    matrices = Matrices(gradients.program, spelled) if notation == "matrix" else None
    book = Book(gradients, spelled, detail, closed, lines, {n: k for n, k in numbers.items() if _spanned(n, program)},
                matrices=matrices)  # fmt: skip
    cards = book.cards()
    by_name = card_numbers(gradients)
    headline, about = _headline(gradients, closed, spelled, matrices)
    answers = tuple(_answer(n, gradients, closed, lines, spelled, matrices) for n in gradients.wrt if n in by_name)
    forward = tuple(_forward(e, numbers, gradients, spelled, matrices) for e in program.equations)
    named, subtitle = titles(program, gradients, source_name)
    return Report(
        title=title or named,
        subtitle=subtitle,
        source=source_name or PurePath(program.path).name or program.name,
        badges=badges(gradients, closed),
        lead=lead(gradients, spelled, about),
        headline=headline,
        headline_aside="Every symbol keeps the name it has in your code." if headline else "",
        answers=answers,
        forward=forward,
        abbreviations=tuple((n, array(n, spelled)) for n in program.by_name if spelled.shown(n) != spelled.word(n)),
        graph=graph(gradients, by_name, spelled),
        conventions=conventions(gradients, spelled, book.seen, detail) + _dots(cards)
        + (f" {matrices.conventions}" if matrices else ""),
        cards=cards,
        lemmas=tuple(lemmas),
        verification=verification,
        code=backward_only(code),
        rules=rules_used(gradients, closed),
        detail=detail,
        inputs=tuple(_input(v, gradients, spelled, notation) for v in program.inputs),
        notation=notation,
    )


# ---------------------------------------------------------------- head


def badges(gradients: Gradients, closed: Mapping[str, Derivation]) -> tuple[Badge, ...]:
    """How many gradients are proved, tested and open, how many steps have a name, how many side conditions are left."""
    held = whole(gradients, closed).values()
    known = {d.name: d.certainty for d in held}
    tally = {c: sum(found == c for found in known.values()) for c in CERTAINTIES}
    steps = sum(len(d.steps) for d in held)
    kind = "proved" if tally["proved"] == len(known) else "plain"
    tested = (Badge(f"{tally['tested']} tested", "tested"),) if tally["tested"] else ()
    left = Badge(f"{tally['open']} open", "open" if tally["open"] else "plain")
    assumed = {c for d in held for s in d.steps for c in s.conditions if not c.endswith(SETTLED)}
    notes = (Badge(f"{len(assumed)} assumed"),) if assumed else ()
    return (Badge(f"{tally['proved']} of {len(known)} proved", kind), *tested, Badge(f"{steps} named steps"), left, *notes)


def titles(program: Program, gradients: Gradients, source_name: str = "") -> tuple[str, str]:
    """Title and subtitle: from the docstring or first comment, else from the file's or function's name in words."""
    said = _docstring(program)
    name = PurePath(program.path or source_name).stem or program.name
    plain = re.sub(r"[_\W]+", " ", name.rpartition(".")[2]).strip()
    for sign in (": ", ", ") if len(said) > LONG_TITLE else ():
        topic, _, rest = said.partition(sign)
        whole = sign == ": " or len(topic) >= SHORT_TITLE  # what stands before a comma may be the first of a list
        if said.count(sign) == 1 and whole and len(topic) <= LONG_TITLE:
            return topic, rest[:1].upper() + rest[1:]
    title = said if said and len(said) <= LONG_TITLE else plain[:1].upper() + plain[1:]
    spelled = spelling(program)
    wrt = [spelled.word(n) for n in gradients.wrt]
    what = spelled.word(gradients.loss) if gradients.loss else "the output"
    whom = _and(wrt) if len(wrt) <= 3 else f"its {count(len(wrt))} parameters"
    return title, said if said and said != title else f"How {what} changes with {whom}"


def _docstring(program: Program) -> str:
    """The first sentence of the docstring of the function or module, or the first comment that is no declaration."""
    try:
        tree = ast.parse(program.source)
    except (SyntaxError, ValueError):
        return ""
    own = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == program.name.rpartition(".")[2]]
    for node in (*own, tree):
        if text := ast.get_docstring(node):
            return text.strip().splitlines()[0].rstrip(".")
    first = next((line for line in program.source.splitlines() if line.strip()), "")
    return "" if ":" in first or not first.startswith("# ") else first[2:].strip().rstrip(".")


def lead(gradients: Gradients, spelled: Spelling, about: str) -> str:
    """One sentence about the structure: how many arrays lie between, which are used more than once."""
    program = gradients.forward
    inner = [n for n in gradients.derivations if not program.is_input(n) and n not in gradients.of]
    uses = {n: len(real_uses(n, program)) for n in gradients.derivations}
    start = spelled.word(gradients.loss) if gradients.loss else "output"
    reaches = "reach" if len(gradients.of) > 1 else "reaches"
    start += "s" * (len(gradients.of) > 1)
    start = f"loss {start}" if gradients.loss and start != "loss" else start
    whom = spelled.word(gradients.wrt[0]) if len(gradients.wrt) == 1 else f"its {count(len(gradients.wrt))} parameters"
    through = f"through {count(len(inner))} intermediate array{'s' * (len(inner) != 1)}" if inner else "directly"
    said = f"The {start} {reaches} {whom} {through}"
    twice = [n for n in gradients.derivations if uses[n] > 1]
    said += (f"; {_fan_out(twice, uses, spelled)}." if twice else ".")
    return said + (f" {about}" if about else "")


def _fan_out(names: list[str], uses: Mapping[str, int], spelled: Spelling) -> str:
    shown = [spelled.word(n) for n in reversed(names)]
    if len(names) == 1:
        n = uses[names[0]]
        return f"{shown[0]} is used {TIMES.get(n, f'{n} times')}, so its gradient is a sum over {count(n)} paths"
    return f"{_and(shown)} are used more than once, so their gradients are sums over paths"


def _headline(
    gradients: Gradients, closed: Mapping[str, Derivation], spelled: Spelling, matrices: Matrices | None
) -> tuple[Node | None, str]:
    """The one result to show first with the sentence that leads to it; for several parameters only a sentence."""
    if len(gradients.wrt) != 1:
        numbers = card_numbers(gradients)
        cards = [numbers[n] for n in gradients.derivations if n in closed]
        verb = "have" if len(cards) > 1 else "has"
        many = f"Multiplied out and simplified, {count(len(cards))} of the gradients {verb} a short closed form (card"
        return None, f"{many}{'s' * (len(cards) > 1)} {_and(cards)})." if cards else ""
    name = gradients.wrt[0]
    found = closed.get(name) or gradients.derivations.get(name)
    outside = set() if gradients.loss else set(gradients.upstream.values())
    if found is None or name not in closed and any(n.startswith("∂") for n in found.result.names - outside):
        return None, ""
    target, result = _sides(found, spelled, matrices)
    about = "When the chain is multiplied out and simplified, this is left:"
    return row(target, EQ, result), about if name in closed else ""


def _sides(d: Derivation, spelled: Spelling, matrices: Matrices | None = None) -> tuple[Node, Node]:
    """Both sides of a gradient's equation, as matrices where that is wanted and possible."""
    form = matrices.form(d.target.name, d.indices, d.result) if matrices else None
    if form is not None:
        return form.left, form.right
    letters = letters_for([d.target, d.result], spelled, d.indices)
    return formula(d.target, spelled, letters), formula(d.result, spelled, letters)


def _answer(
    name: str, gradients: Gradients, closed: Mapping[str, Derivation], lines: Mapping[str, str], spelled: Spelling,
    matrices: Matrices | None,
) -> Answer:
    key, d = (name + CLOSED, closed[name]) if name in closed else (name, gradients.derivations[name])
    target, result = _sides(d, spelled, matrices)
    code = lines.get(key) or lines.get(name, "")
    flat = row(target.over, TIGHT_SLASH, target.under) if isinstance(target, Frac) else target
    if width(result) > LONG_ANSWER:
        result, code = Text(f"too long for this table: card {card_numbers(gradients)[name]}"), ""
    return Answer(flat, result, shape_node(gradients.forward.shape(name)), code, d.certainty)


def backward_only(code: str) -> str:
    """Of a generated module the function `backward` alone, its docstring in one line: the module itself tells the rest."""
    try:
        functions = {n.name: n for n in ast.parse(code).body if isinstance(n, ast.FunctionDef)}
    except (SyntaxError, ValueError):
        return code
    found = functions.get("backward")
    if found is None:
        return code
    lines = code.splitlines()
    text = found.body[0]
    if ast.get_docstring(found) is None or text.lineno == text.end_lineno:
        return "\n".join(lines[found.lineno - 1 : found.end_lineno]) + "\n"
    first = lines[text.lineno - 1] + '"""'
    rest = lines[text.end_lineno : found.end_lineno]
    return "\n".join([*lines[found.lineno - 1 : text.lineno - 1], first, *rest]) + "\n"


# ---------------------------------------------------------------- forward pass


def line_numbers(program: Program) -> dict[str, int]:
    """The number of every equation in the forward table: its source line, else its place."""
    return {e.name: e.span.line if e.span else n for n, e in enumerate(program.equations, 1)}


def _spanned(name: str, program: Program) -> bool:
    equation = program.equation(name)
    return equation is not None and (equation.span is not None or not program.source)


def _forward(
    e: Equation, numbers: Mapping[str, int], gradients: Gradients, spelled: Spelling, matrices: Matrices | None
) -> ForwardLine:
    program = gradients.forward
    first = next(other.name for other in program.equations if numbers[other.name] == numbers[e.name])
    source = source_line(e, program) if first == e.name else ""
    form = matrices.form(e.name, e.indices, e.rhs) if matrices else None
    meaning = form.node if form is not None else equation_node(e, spelled)
    return ForwardLine(numbers[e.name], source, meaning, shape_node(e.shape), words_of(e, program))


def source_line(e: Equation, program: Program) -> str:
    """The user's own line, without its comment; for a program without source the equation in our notation."""
    if e.span is None:
        return equation_text(e.name, e.indices, e.rhs)
    held = dict(program.lines).get(e.span.line) or e.span.text
    rows = program.source.splitlines()
    text = held or (rows[e.span.line - 1] if e.span.line <= len(rows) else "")
    return re.sub(r"\s+#.*$", "", text).strip()


def _input(v: Variable, gradients: Gradients, spelled: Spelling, notation: str) -> ForwardLine:
    d = gradients.derivations.get(v.name)
    letters = [index_symbol(i.name) for i in d.indices if i.size.number != 1] if d else _letters_of(v.name, gradients)
    entry = Script(array(v.name, spelled), row(*letters)) if letters else array(v.name, spelled)
    if notation == "matrix" and v.sort == "real" and v.shape:
        meaning = row(array(v.name, spelled), Op("in"), Script(Sym("ℝ", "roman"), None, shape_node(v.shape)))
    elif v.sort == "int" and v.limit is not None:
        meaning = row(Num("0"), Op("le"), entry, Op("lt"), size_node(v.limit))
    else:
        meaning = row(entry, Op("in"), Sym({"real": "ℝ", "int": "ℤ", "bool": "𝔹"}[v.sort], "roman"))
    return ForwardLine(0, v.name, meaning, shape_node(v.shape), _input_words(v, gradients.forward))


def _letters_of(name: str, gradients: Gradients) -> list[Node]:
    """The letters at an array's first use."""
    for e in gradients.forward.equations:
        for t in x.walk(e.rhs):
            if isinstance(t, x.Entry) and t.name == name and all(isinstance(s, Index) for s in t.slots):
                return [index_symbol(s.name) for s in t.slots if s.size.number != 1]
    return []


PARTS = {"bias": "bias", "weights": "weights", "input": "input", "scatter": "table of rows", "scale": "scale",
         "shift": "shift"}  # fmt: skip


def _input_words(v: Variable, program: Program) -> str:
    """What an input is: from its facts, its sort, or the way it is used."""
    facts = [f.kind for f in program.facts if f.array == v.name and f.kind != "equation"]
    if facts:
        return {"onehot": "one-hot rows"}.get(facts[0], facts[0])
    if v.sort != "real":
        uses = [form_of(u).kind for u in program.uses(v.name)]
        return "labels" if "picked mean" in uses or "pick" in uses else "whole numbers" if v.sort == "int" else "mask"
    return PARTS.get(meaning_of(v.name, program, real_uses(v.name, program)).partition(":")[0], "input")


# ---------------------------------------------------------------- conventions and appendix


def conventions(gradients: Gradients, spelled: Spelling, seen: Mapping[Index, str], detail: str) -> str:
    """How to read the cards: shapes, index ranges, what is left out, the marks."""
    ranges: dict[Size, list[str]] = {}
    for i, letter in sorted(seen.items(), key=lambda pair: pair[1]):
        held = ranges.setdefault(i.size - (1 - spelled.first), [])
        if letter not in held and i.size.number != 1:
            held.append(letter)
    named = sorted((text(size_node(last)).replace("`", ""), held) for last, held in ranges.items() if held)
    runs = [f"{', '.join(held)} over {spelled.first}…{last}" for last, held in named]
    said = ["Each gradient has the shape of its variable; axes of length one carry no index."]
    if not gradients.loss:
        said.append(f"{spelled.loss} is whatever scalar the output goes into: its gradient with respect to "
                    f"{_and([spelled.shown(n) for n in gradients.of])} comes from outside.")  # fmt: skip
    said += [f"The indices: {'; '.join(runs)}."] if runs else []
    if detail != "result":
        said.append("In each line, what the next rule rewrites is shaded; what it became is coloured; the rule stands "
                    "in the margin, beside the line that it produced.")  # fmt: skip
    return " ".join(said)


def _dots(cards: Sequence[Card]) -> str:
    """What dots mean, where a line has some."""
    lines = (line.rhs for card in cards for line in card.lines)
    dotted = any(DOTS in getattr(rhs, "items", ()) for rhs in lines)
    return " Dots stand for terms that are the same in the line before." if dotted else ""


def rules_used(gradients: Gradients, closed: Mapping[str, Derivation]) -> tuple[RuleUse, ...]:
    """Every rule once, in general form, with the steps that used it."""
    steps: dict[str, list[str]] = {}
    for number, d in enumerate(whole(gradients, closed).values(), 1):
        for position, s in enumerate(d.steps, 1):
            steps.setdefault(s.rule, []).append(f"{number}.{position}")
    return tuple(RuleUse(name, law(name), _few(used)) for name, used in steps.items())


def _few(numbers: list[str]) -> tuple[str, ...]:
    left = len(numbers) - MANY_STEPS
    return tuple(numbers) if left <= 1 else (*numbers[:MANY_STEPS], f"and {left} more")


def _and(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


__all__ = ["gradient_node", "report", "step_numbers", "titles"]
