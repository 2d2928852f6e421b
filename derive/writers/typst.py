"""A Report as report.typ, and the embedded engine that makes a PDF or pictures of it."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Sequence
from itertools import groupby, zip_longest
from pathlib import Path
from typing import Any

from derive.writers.columns import in_rows, on_one_line
from derive.writers.document import Answer, Card, Check, ForwardLine, Lemma, Line, Report, RuleUse, Verification
from derive.writers.layout import HANG, Node, Op, Row, Text, break_lines, row, width
from derive.writers.templating import Ready, environment
from derive.writers.typst_formula import quote, typst_math
from derive.writers.typst_graph import graph_words
from derive.writers.typst_hand import hand_parts
from derive.writers.typst_words import fitted, listing, prose, sequence

__all__ = ["compile_typst", "pages_png", "report_typst", "typst_math"]

EM = 3.88  # millimetres of an em at 11pt
_PAGE, _STEP, _INDENT = 171.0, 116.0, 8.0  # the text, the column of the steps, its indent, in mm
_REASON = 43 / EM / (7.4 / 11)  # the column of the rules, in em of its own size
_LOOSE = 1.15  # widths are estimated from above, and what is a little too wide shrinks
_MONO = 1.9  # millimetres of a letter of code in a table
_WAYS = _PAGE - 3 * 7  # mm of the lines of two derivations beside each other, without numbers and gap
_WAY_SIZES = (11, 10, 9)
_ASIDE = 121.0  # the text where something stands beside it
_CODE_COLUMNS = 94
_EQUALS = Op("eq")
_SHORT = 4  # rows of steps of a card that stays on one page
_BREAK_AFTER = re.compile(r"(?<=[ ,(\[=.])(?=.)")
_NUMBER = re.compile(r"([<≤]?)\s*(-?\d+(?:\.\d+)?)(?:e([+-]?\d+))?")


def report_typst(report: Report, *, templates: Path | None = None) -> str:
    """The whole report as one Typst file; the same report gives the same bytes."""
    template = environment(quote, templates).get_template("typst/report.typ")
    return template.render(_report(report)).rstrip("\n") + "\n"


def compile_typst(source: str) -> bytes:
    """The PDF of a report, which states no date: the same bytes each time; needs the wheel, no fonts, no network."""
    with tempfile.TemporaryDirectory() as root:
        return _engine().compile(source.encode(), root=root, format="pdf", ignore_system_fonts=True)


def pages_png(source: str, ppi: float = 110) -> list[bytes]:
    """The pages of a Typst file as pictures."""
    with tempfile.TemporaryDirectory() as root:
        pages = _engine().compile(source.encode(), root=root, format="png", ignore_system_fonts=True, ppi=ppi)
    return [pages] if isinstance(pages, bytes) else list(pages)


def _engine() -> Any:
    import typst  # an ordinary dependency, but 34 MB: loaded when a page is wanted

    return typst


# ---------------------------------------------------------------- formulas and words


def _math(node: Node) -> Ready:
    """A formula for running text."""
    return Ready(f"${typst_math(node, style=1)}$")


def _display(node: Node) -> str:
    return f"$display({typst_math(node)})$"


def _lines(node: Node, room: float) -> Ready:
    """A displayed formula as lines no wider than `room` em."""
    lines = break_lines(node, room)
    return sequence(fitted(_display(n), width(n) + HANG * bool(k), room) for k, n in enumerate(lines))


def _cell(node: Node, room: float) -> Ready:
    """The same for a table, in the style of running text."""
    lines = enumerate(break_lines(node, _LOOSE * room))
    return sequence(fitted(f"${typst_math(n, style=1)}$", width(n, 1) + HANG * bool(k), room) for k, n in lines)


def _words(node: Node | str, room: float = _REASON) -> Ready:
    """Words, or a formula whose `Text` is set as words, so that lines break there."""
    if isinstance(node, str):
        return Ready(prose(node))
    items = node.items if isinstance(node, Row) else (node,)
    runs = [(is_text, list(run)) for is_text, run in groupby(items, lambda item: isinstance(item, Text))]
    parts = [prose("".join(n.text for n in run)) if is_text else _run(row(*run), room) for is_text, run in runs]
    return Ready("{ " + "; ".join(parts) + " }")


def _run(node: Node, room: float) -> str:
    """A formula in running text, on several lines where it must, smaller where that does not help."""
    lines = [(f"${typst_math(n, style=1)}$", width(n, 1)) for n in break_lines(node, room)]
    return "; dvbreak; ".join(f"dvfit({room:.1f}em, {fitted(line, wide, room)})" for line, wide in lines)


def _code(source: str) -> Ready:
    """Code for a table or the result bar: it may break after a space, comma, bracket, dot or equals sign."""
    if not source:
        return Ready("none")
    return Ready(f"dvcode({', '.join(map(quote, _BREAK_AFTER.split(source)))})")


# ---------------------------------------------------------------- parts


def _report(report: Report) -> dict[str, Any]:
    several = len(report.answers) > 1 or (report.headline is None and bool(report.answers))
    return {
        "title": report.title,
        "subtitle": report.subtitle,
        "source": report.source,
        "origin": _origin(report),
        "footer": _footer(report),
        "badges": report.badges,
        "lead": Ready(prose(report.lead)),
        "headline": "" if several or report.headline is None else _lines(report.headline, (105 - 6) / EM),
        "headline_aside": Ready(prose(report.headline_aside)) if report.headline_aside else "",
        "answers": _answers(report.answers) if several else None,
        "forward": _forward((*report.inputs, *report.forward)),
        "checked": hand_parts(report.checked),
        "abbreviations": [(_code(name), _math(short)) for name, short in report.abbreviations],
        "graph": {"note": report.graph.note, **graph_words(report.graph)} if report.graph else None,
        "conventions": Ready(prose(report.conventions)),
        "cards": [half for card in report.cards for half in _halves(card)],
        "lemmas": [_lemma(lemma) for lemma in report.lemmas],
        "verification": report.verification and _verification(report.verification),
        "code": listing(report.code, _CODE_COLUMNS),
        "rules": [_rule_use(rule) for rule in report.rules],
    }


def _origin(report: Report) -> Ready:
    lines = f", {len(report.forward)} lines" if len(report.forward) > 1 else ""
    return Ready(f'{{ "generated from "; {_code(report.source)}; {quote(lines)} }}')


def _footer(report: Report) -> Ready:
    words = f"{report.source} · {report.notation} notation, "
    return Ready(f'{{ {quote(words)}; emph({quote(report.detail)}); " detail" }}')


def _halves(card: Card) -> list[dict[str, Any]]:
    """The chain of rules, and what leads on from it to the closed form: one bar at the end of both."""
    halves = [_card(half) for half in card.halves]
    first = halves[0]["numpy"]
    return [{**half, "ends": _flag(half is halves[-1]), "chain": Ready("none") if half is halves[0] else first} for half in halves]


def _card(card: Card) -> dict[str, Any]:
    side = max([width(n.lhs) for n in card.lines if n.lhs is not None and not _stands_above(n)], default=0.0)
    return {
        "number": card.number,
        "gradient": Ready(fitted(_math(card.gradient), width(card.gradient, 1), (_PAGE - _INDENT) / EM)),
        "meaning": card.meaning,
        "certainty": card.certainty,
        "crumbs": _crumbs(card),
        "together": _flag(_head_width(card) <= _PAGE),
        "steps": (steps := [_step(line, side) for line in card.lines]),
        "short": _flag(len(steps) < 3 or sum(step["rows"] for step in steps) <= _SHORT),
        "result": _lines(card.result, (_PAGE - _INDENT - 24) / EM),
        "beside": _flag(_bar_width(card) <= _PAGE - _INDENT),
        "shaped": Ready(f"{max(9.0, _shape_width(card.shape)):.1f}mm"),
        "numpy": _code(card.numpy),
        "shape": _math(card.shape),
        "note": card.note,
    }


def _flag(held: bool) -> Ready:
    return Ready(str(held).lower())


def _head_width(card: Card) -> float:
    """Millimetres of a card's heading with its breadcrumb on one line."""
    words = 2.05 * len(card.meaning) + (14 if card.certainty != "proved" else 0)
    chain = [card.crumbs[n] for n in _shown(card)]
    return _INDENT + EM * (width(card.gradient, 1) + sum(0.78 * width(c.label, 1) + 0.7 for c in chain)) + words + 8


def _shape_width(shape: Node) -> float:
    return 7.2 / 11 * EM * width(shape, 1) + 1


def _bar_width(card: Card) -> float:
    """Millimetres of a result bar with formula, code and shape on one line."""
    lines = break_lines(card.result, (_PAGE - _INDENT - 24) / EM)
    return EM * max(map(width, lines)) + 1.8 * len(card.numpy) + _shape_width(card.shape) + 21


def _shown(card: Card) -> list[int]:
    """Of a long breadcrumb its ends, and the current name with its neighbours."""
    here = next((n for n, crumb in enumerate(card.crumbs) if crumb.current), 0)
    last = len(card.crumbs) - 1
    total = sum(width(crumb.label, 1) + 0.6 for crumb in card.crumbs)
    return [n for n in range(last + 1) if total < 16 or n in (0, here - 1, here, here + 1, last)]


def _crumbs(card: Card) -> Ready:
    """The chain with the current node bold; of a long chain only its ends and the neighbours."""
    words, before = [], -1
    for n in _shown(card):
        words += ["([…], false)"] * (n > before + 1)
        words.append(f"({_math(card.crumbs[n].label)}, {str(card.crumbs[n].current).lower()})")
        before = n
    return sequence(words)


def _stands_above(line: Line) -> bool:
    """Whether a left side leaves too little room, and stands on a line of its own."""
    return line.lhs is not None and width(line.lhs) > 0.4 * _STEP / EM


def _step(line: Line, side: float) -> dict[str, Any]:
    """A line of a derivation, its right side behind the column of the left sides, which is `side` em wide."""
    above = _stands_above(line)
    room = _STEP / EM - (1.2 if above else side) - 1.6
    first, *rest = lines = break_lines(line.rhs, 1.05 * room)
    left = f"$display(thick {typst_math(row(_EQUALS, first))})$"
    shown = [fitted(left, width(first), room), *(fitted(_display(n), width(n) + HANG, room) for n in rest)]
    return {
        "rows": len(lines) + above,
        "number": line.number,
        "lhs": Ready(_display(line.lhs)) if line.lhs is not None else Ready("none"),
        "above": _flag(above),
        "rhs": sequence(shown),
        "rule": _rule(line),
        "instance": _instance(line),
    }


def _rule(line: Line) -> Ready:
    state = f'; " "; dvstate("{line.certainty}")' if line.certainty != "proved" else ""
    return Ready(f"{{ {prose(line.rule)}{state} }}")


def _lemma(lemma: Lemma) -> dict[str, Any]:
    sides = [width(n.lhs) for n in lemma.lines if n.lhs is not None and not _stands_above(n)]
    return {
        "title": lemma.title,
        "text": Ready(prose(lemma.text)),
        "used": ", ".join(lemma.used_in),
        "displays": [_lines(display, (_PAGE - _INDENT) / EM) for display in lemma.displays],
        "steps": [_step(line, max(sides, default=0.0)) for line in lemma.lines],
        "ways": _ways(lemma.ways),
        "closing": _words(lemma.closing, _PAGE / EM) if lemma.closing else "",
    }


def _ways(ways: Sequence[Lemma]) -> list[dict[str, Any]]:
    """Rows of the ways: two beside each other, or one as any lemma."""
    rows: list[dict[str, Any]] = []
    rooms = [_WAYS / EM / (points / 11) for points in _WAY_SIZES]
    for across in in_rows(ways, rooms):
        if len(across.ways) == 1:
            rows.append({"one": _lemma(across.ways[0])})
            continue
        heads = [(way.title, Ready(prose(way.text))) for way in across.ways]
        shares = (across.share, 1 - across.share)
        columns = [[_way_step(line, share * rooms[across.size]) for line in way.lines]
                   for way, share in zip(across.ways, shares, strict=True)]  # fmt: skip
        rows.append({
            "one": None, "size": Ready(f"{_WAY_SIZES[across.size]}pt"), "heads": heads,
            "rooms": [_mm(share * _WAYS) for share in shares], "steps": list(zip_longest(*columns)),
        })  # fmt: skip
    return rows


def _way_step(line: Line, room: float) -> dict[str, Any]:
    node = on_one_line(line)
    formula = Ready(fitted(_display(node), width(node), room))
    return {"number": line.number, "formula": formula, "rule": _rule(line), "instance": _instance(line)}


def _instance(line: Line) -> Ready:
    return sequence([*([_words(line.instance)] if line.instance else []), *map(prose, line.conditions)])


def _rule_use(use: RuleUse) -> dict[str, Any]:
    law = _words(use.law, 70 / EM)
    return {"name": Ready(prose(use.name)), "law": law, "steps": ", ".join(use.steps)}


# ---------------------------------------------------------------- tables


def _mm(length: float) -> Ready:
    return Ready(f"{length:.1f}mm")


def _widest(nodes: Iterable[Node]) -> float:
    """Millimetres that the formulas want in a table, whose text is smaller."""
    return 9.6 / 11 * EM * max((width(node, 1) for node in nodes), default=0) + 2


def _shared(wanted: Sequence[float], least: Sequence[float], room: float) -> list[float]:
    """Widths of columns: what they want; where that is too much, what each wants above its least is cut alike."""
    excess = sum(wanted) - room
    slack = [max(0.0, w - m) for w, m in zip(wanted, least, strict=True)]
    share = min(1.0, max(0.0, excess) / max(sum(slack), 1e-9))
    return [w - share * s for w, s in zip(wanted, slack, strict=True)]


def _forward(lines: Sequence[ForwardLine]) -> dict[str, Any] | None:
    """The forward table; a long source or meaning is broken where the page is too narrow for all columns."""
    if not lines:
        return None
    shape = min(30.0, max(12.0, 0.75 * _widest(line.shape for line in lines) + 5))
    words = min(34.0, 1.7 * max(len(line.words) for line in lines) + 4)
    wanted = [_MONO * max(len(line.source) for line in lines) + 5, _widest(line.meaning for line in lines) / _LOOSE + 4]
    source, meaning = _shared(wanted, (46.0, min(wanted[1], 66.0)), _PAGE - 7 - shape - words)
    room = (meaning - 4) / (9.6 / 11 * EM)
    return {
        "source": _mm(source),
        "meaning": _mm(meaning),
        "shape": _mm(shape),
        "rows": [
            {
                "number": str(line.number),
                "source": _code(line.source),
                "meaning": _cell(line.meaning, _LOOSE * room),
                "shape": _math(line.shape),
                "words": Ready(prose(line.words)),
            }
            for line in lines
        ],
    }


def _answers(answers: Sequence[Answer]) -> dict[str, Any]:
    """The answer table; NumPy in its own column where that leaves the formulas room, else under each formula."""
    gradient = min(40.0, _widest(a.gradient for a in answers) + 3)
    shape = min(30.0, max(12.0, 0.75 * _widest(a.shape for a in answers) + 5))
    numpy = _MONO * max(len(a.numpy) for a in answers) + 5
    given = any(a.numpy for a in answers)
    free = _PAGE - gradient - shape - 14
    beside = given and numpy + min(60.0, _widest(a.formula for a in answers) + 4) <= free
    room = (free - numpy * beside - 5) / (9.6 / 11 * EM)
    return {
        "beside": Ready(str(beside).lower()),
        "gradient": _mm(gradient),
        "shape": _mm(shape),
        "rows": [
            {
                "gradient": _math(a.gradient),
                "formula": _cell(a.formula, _LOOSE * room),
                "shape": _math(a.shape),
                "numpy": _code(a.numpy),
                "certainty": a.certainty,
            }
            for a in answers
        ],
    }


def _verification(verification: Verification) -> dict[str, Any]:
    return {
        "text": Ready(prose(verification.text)),
        "aside": Ready(prose(verification.aside)) if verification.aside else "",
        "rows": [_check(check) for check in verification.rows],
    }


def _check(check: Check) -> dict[str, Any]:
    return {
        "gradient": _math(check.gradient),
        "shape": check.shape,
        "largest": _number(check.largest),
        "complex": _number(check.complex_step),
        "central": _number(check.central),
        "fine": Ready(str(check.fine).lower()),
    }


def _number(words: str) -> Ready:
    """`3.9e-17` as 3.9 × 10^-17, `< 1e-14` as a bound; anything else is text."""
    found = _NUMBER.fullmatch(words.strip())
    if not found:
        return Ready(quote(words))
    bound, digits, power = found.groups()
    raised = "" if power is None else f'attach("10", t: "{int(power)}")'.replace("-", "−")
    digits = "" if digits == "1" and raised else f'"{digits}"'.replace("-", "−")
    sign = {"<": r'class("normal", \<) thin', "≤": 'class("normal", ≤) thin'}.get(bound, "")
    return Ready("$" + " ".join(filter(None, (sign, digits, "×" * bool(digits and raised), raised))) + "$")
