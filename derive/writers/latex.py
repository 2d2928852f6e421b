"""A Report as LaTeX: report.tex, one part per gradient, and the words they are written in (dvnotes.sty)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest
from pathlib import Path
from typing import Any, Literal

from derive.writers.columns import in_rows, on_one_line
from derive.writers.document import Answer, Badge, Card, Check, ForwardLine, Graph, Lemma, Line, Report, RuleUse
from derive.writers.latex_graph import PAGE, tikz
from derive.writers.latex_hand import hand_parts
from derive.writers.latex_math import latex, latex_inline
from derive.writers.latex_text import breakable, code_lines, escape, prose
from derive.writers.layout import HANG, Node, Text, break_lines, row, width
from derive.writers.templating import Ready, environment

__all__ = ["latex", "latex_inline", "report_files"]

EM = 3.85  # millimetres of an em at 11pt, the size of the report
_SMALL = 8 / 11  # of the instance under a rule's name
_TEXT = {"margin": 121, "below": 171, "none": 171}
_INDENT, _REASON = 9, 43 / EM / _SMALL
_KEPT = 42  # mm: a card of that height stays on one page, of a higher one the first lines stand with its head
_BLOCK, _NL = 12, "\n"  # rows of one line that stay on one page
_MONO = 5.25 * 0.3515  # millimetres of a letter in \small mono
_BADGES = {"proved": ("dvok", "dvoktint"), "tested": ("dvaccent", "dvtint"), "open": ("dvbad", "dvbadtint"),
           "plain": ("dvaccent", "dvtint")}  # fmt: skip
_CERTAINTY = {"proved": r"\dvtick", "tested": r"\dvstate{dvaccent}{tested}", "open": r"\dvstate{dvbad}{open}"}
_WAYS = 171 - 3 * 7  # mm of the lines of two derivations beside each other, without numbers and gap
_WAY_SIZES = ((r"\normalsize", 11), (r"\small", 10), (r"\footnotesize", 9))
_CODE_SIZES = ((r"\small", 88), (r"\footnotesize", 98))

Reasons = Literal["margin", "below", "none"]


def report_files(report: Report, *, templates: Path | None = None, reasons: Reasons = "margin") -> dict[str, str]:
    """Every file of the LaTeX report by its relative path; the same report gives the same bytes."""
    print_with = environment(prose, templates).get_template
    room = (_TEXT[reasons] - _INDENT) / EM
    parts = [_card(card, name, room) for card, name in zip(report.cards, _file_names(report.cards), strict=True)]
    files = {"report.tex": print_with("latex/report.tex").render(_report(report, parts, reasons, room))}
    part = print_with("latex/part.tex")
    files |= {f"parts/{card['file']}.tex": part.render(card=card, source=report.source) for card in parts}
    files |= {"dvnotes.sty": print_with("latex/dvnotes.sty").render()}
    return {name: text.rstrip("\n") + "\n" for name, text in files.items()}


def _report(report: Report, parts: list[dict[str, Any]], reasons: str, room: float) -> dict[str, Any]:
    several = len(report.answers) > 1
    return {
        "title": report.title,
        "subtitle": report.subtitle,
        "source": report.source,
        "origin": _origin(report),
        "badges": [_badge(badge) for badge in report.badges],
        "footer": _footer(report),
        "textwidth": str(_TEXT[reasons]),
        "reasons": reasons,
        "lead": report.lead,
        "headline": "" if several else _headline(report),
        "headline_aside": report.headline_aside,
        "answers": _answers(report.answers) if several else "",
        "forward": _forward((*report.inputs, *report.forward)),
        "abbreviations": [(Ready(breakable(name)), _inline(short)) for name, short in report.abbreviations],
        "page": str(int(PAGE)),
        "graph": _graph(report.graph),
        "conventions": _conventions(report.conventions),
        "cards": parts,
        "lemmas": [_lemma(lemma, room) for lemma in report.lemmas],
        "verification": report.verification and _verification(report),
        "code": _code(report.code),
        "checked": hand_parts(report.checked, room, _stacked),
        "rules": _rules(report.rules),
    }


# ---------------------------------------------------------------- formulas


def _inline(node: Node) -> Ready:
    return Ready(latex_inline(node))


def _stacked(lines: Sequence[Node], printed=latex) -> Ready:
    """Lines under each other, the later ones indented, the axis that of the first."""
    if len(lines) == 1:
        return Ready(printed(lines[0]))
    style = "" if printed is latex else r"\textstyle "  # aligned sets each row in display style
    hang = rf"\hspace{{{HANG:g}em}}"
    rows = [style + hang * bool(n) + printed(line) for n, line in enumerate(lines)]
    return Ready(r"\begin{aligned}[t] & " + r" \\ & ".join(rows) + r" \end{aligned}")


def _broken(node: Node, room: float) -> Ready:
    return _stacked(break_lines(node, room))


def _words(node: Node | str, room: float) -> Ready:
    """A formula or words for running text: its `Text` stands outside the formulas, so that lines break there."""
    if isinstance(node, str):
        return Ready(prose(node))
    items = getattr(node, "items", (node,))
    runs = [(is_text, list(run)) for is_text, run in groupby(items, lambda item: isinstance(item, Text))]
    return Ready("".join(_text_run(run) if is_text else _math_run(row(*run), room) for is_text, run in runs))


def _text_run(run: Iterable[Text]) -> str:
    return "".join(prose(item.text) for item in run)


def _math_run(node: Node, room: float) -> str:
    return r"\\".join(_run_line(line, room) for line in break_lines(node, room))


def _run_line(line: Node, room: float) -> str:
    """A line that may fill the column shrinks to it: where it has no place to break TeX finds none either."""
    printed = f"${latex_inline(line)}$"
    return printed if width(line, 1) < 0.9 * room else rf"\dvfitbox{{\linewidth}}{{{printed}}}"


# ---------------------------------------------------------------- head


def _badge(badge: Badge) -> Ready:
    line, ground = _BADGES[badge.kind]
    if len(badge.text) > 50:
        return Ready(rf"\dvstate{{{line}}}{{{prose(badge.text)}}}")
    return Ready(rf"\dvbadge{{{line}}}{{{ground}}}{{{escape(badge.text)}}}")


def _origin(report: Report) -> Ready:
    lines = f", {len(report.forward)} lines" if len(report.forward) > 1 else ""
    return Ready(rf"generated from \dvcode{{{breakable(report.source)}}}{lines}")


def _footer(report: Report) -> Ready:
    dot = r"\enspace\textperiodcentered\enspace "
    return Ready(
        f"{escape(report.source)}{dot}{escape(report.notation)} notation, " rf"\emph{{{escape(report.detail)}}} detail"
    )


def _headline(report: Report) -> Ready | str:
    if report.headline is None:
        return ""
    return _broken(report.headline, (121 - _INDENT - 8) / EM)


def _conventions(text: str) -> Ready:
    """The sentence on conventions; the words `shaded` and `coloured` show what they say."""
    shown = escape(text).replace("shaded", r"\colorbox{dvamber}{\strut shaded}", 1)
    return Ready(shown.replace("coloured", r"{\color{dvnew}coloured}", 1))


# ---------------------------------------------------------------- cards and lemmas


def _file_names(cards: Iterable[Card]) -> list[str]:
    """A file name for each card, its key where that is one; names that differ only by case get a number."""
    names: list[str] = []
    for card in cards:
        name = stem = re.sub(r"[^A-Za-z0-9]+", "-", card.key).strip("-") or "part"
        count = 1
        while name.lower() in map(str.lower, names):
            count += 1
            name = f"{stem}-{count}"
        names.append(name)
    return names


def _card(card: Card, name: str, room: float) -> dict[str, Any]:
    halves = [_half(half, name, room) for half in card.halves]
    return {"file": Ready(name), "number": card.number, "label": halves[0]["label"], "halves": halves}


def _half(card: Card, name: str, room: float) -> dict[str, Any]:
    certainty = Badge(card.certainty, card.certainty) if card.certainty != "proved" else None
    return {
        "label": Ready(f"dv:{name}"),
        "number": card.number,
        "gradient": _inline(card.gradient),
        "meaning": card.meaning,
        "badge": certainty and _badge(certainty),
        "crumbs": _crumbs(card),
        "lines": [_line(line, room, _side(card.lines)) for line in card.lines],
        "result": _broken(card.result, (PAGE - _INDENT - 24) / EM),
        "numpy": Ready(breakable(card.numpy)),
        "shape": _inline(card.shape),
        "note": card.note,
        "need": Ready(f"{_need(card, room):.0f}mm"),
    }


def _need(card: Card, room: float) -> float:
    """Millimetres that must be left on a page for a card to start there: all of a short one, else its first lines."""
    side = _side(card.lines)
    rows = [len(break_lines(line.rhs, room - side - 1.4)) for line in card.lines]
    return min(_KEPT, 24 + 9 * sum(rows)) if len(rows) < 3 else 14 + 9 * min(2, sum(rows[:2]))


def _crumbs(card: Card) -> Ready:
    """The chain with the current node bold; of a long chain only its ends and the neighbours."""
    here = next((n for n, crumb in enumerate(card.crumbs) if crumb.current), 0)
    last = len(card.crumbs) - 1
    total = sum(width(crumb.label, 1) + 0.6 for crumb in card.crumbs)
    shown = [n for n in range(last + 1) if total < 16 or n in (0, here - 1, here, here + 1, last)]
    words, before = [], -1
    for n in shown:
        words += [r"\dots"] * (n > before + 1)
        label = f"${latex_inline(card.crumbs[n].label)}$"
        words.append(rf"\dvhere{{{label}}}" if n == here and card.crumbs[n].current else label)
        before = n
    return Ready(r"\dvcrumb ".join(words))


def _side(lines: Sequence[Line]) -> float:
    """The width, in em, of the column of the left sides."""
    return max((width(line.lhs) for line in lines if line.lhs is not None), default=2.0)


def _line(line: Line, room: float, side: float) -> dict[str, Any]:
    """A line of a derivation behind a column of left sides that is `side` em wide."""
    lhs = Ready(latex(line.lhs)) if line.lhs is not None else Ready("")
    rows = break_lines(line.rhs, room - side - 1.4)
    more = (_stacked(rows[at : at + _BLOCK]) for at in range(_BLOCK, len(rows), _BLOCK))
    return {
        "number": line.number,
        "lhs": lhs,
        "rhs": _stacked(rows[:_BLOCK]),
        "more": Ready("".join(rf"\dvnext{_NL}&\hspace{{{HANG + 1:g}em}}{block}" for block in more)),
        "rule": _rule(line),
        "instance": _instance(line),
    }


def _rule(line: Line) -> Ready:
    state = f" {_CERTAINTY[line.certainty]}" if line.certainty != "proved" else ""
    return Ready(prose(line.rule) + state)


def _instance(line: Line) -> Ready:
    parts = [_words(line.instance, _REASON)] if line.instance else []
    return Ready(r"\dvor ".join([*parts, *map(prose, line.conditions)]))


def _lemma(lemma: Lemma, room: float) -> dict[str, Any]:
    return {
        "title": lemma.title,
        "text": lemma.text,
        "displays": [_broken(display, 1.08 * room) for display in lemma.displays],  # they shrink to fit
        "used": ", ".join(lemma.used_in),
        "lines": [_line(line, room, _side(lemma.lines)) for line in lemma.lines],
        "ways": _ways(lemma.ways, room),
        "closing": _words(lemma.closing, room) if lemma.closing else "",
    }


def _ways(ways: Sequence[Lemma], room: float) -> list[dict[str, Any]]:
    """Rows of the ways: two beside each other, or one as any lemma."""
    rows: list[dict[str, Any]] = []
    for across in in_rows(ways, [_WAYS / EM / (points / 11) for _, points in _WAY_SIZES]):
        if len(across.ways) == 1:
            rows.append({"one": _lemma(across.ways[0], room)})
            continue
        steps = list(zip_longest(*(map(_way_step, way.lines) for way in across.ways)))
        left = Ready(f"{across.share * _WAYS + 7:.1f}")
        size = Ready(_WAY_SIZES[across.size][0])
        rows.append({"one": None, "size": size, "left": left, "heads": across.ways, "steps": steps})
    return rows


def _way_step(line: Line) -> dict[str, Any]:
    formula = Ready(latex(on_one_line(line)))
    return {"number": line.number, "formula": formula, "rule": _rule(line), "instance": _instance(line)}


# ---------------------------------------------------------------- tables


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading, its width in mm, whether its cells stand at the right."""

    head: str
    width: float
    right: bool = False


def _table(columns: Sequence[Column], rows: Iterable[Sequence[str]], wide: float = PAGE) -> Ready:
    """Rows of cells between rules, each row a box of its own, so that the table may go on on the next page."""
    head = _cells(columns, [rf"\dvhead{{{column.head}}}" if column.head else "" for column in columns])
    printed = [_cells(columns, cells) for cells in rows]
    body = "\n".join(r"\nobreak" * (n and n >= len(printed) - 2) + row for n, row in enumerate(printed))
    return Ready(rf"""\begin{{dvtable}}{{{wide:g}}}
\dvline{{.8pt}}{head}\dvline{{.4pt}}%
{body}
\dvline{{.8pt}}\end{{dvtable}}""")


def _cells(columns: Sequence[Column], cells: Sequence[str]) -> str:
    sides = (r"\raggedleft " * column.right for column in columns)
    boxes = (rf"\dvcell{{{c.width:.1f}}}{{{s}{text}}}" for c, s, text in zip(columns, sides, cells, strict=True))
    return rf"\dvrow{{{''.join(boxes)}}}"


def _formula_cell(node: Node, space: float) -> str:
    lines = break_lines(node, space / EM)
    return rf"\dvmath{{{space:.1f}}}{{{_stacked(lines, latex_inline)}}}"


def _shares(wanted: Sequence[float], least: Sequence[float], room: float) -> list[float]:
    """Widths for columns: what they want where there is room; else the wide ones give way, not below `least`."""
    widths, least = list(wanted), [m * min(1.0, room / sum(least)) for m in least]
    for _ in range(len(widths) * 2):
        excess = sum(widths) - room
        slack = [max(0.0, w - m) for w, m in zip(widths, least, strict=True)]
        if excess <= 0 or not sum(slack):
            break
        widths = [w - min(1.0, excess / sum(slack)) * s for w, s in zip(widths, slack, strict=True)]
    if (spare := room - sum(widths)) > 0:
        widths = [w + spare / len(widths) for w in widths]
    return widths


def _em(nodes: Iterable[Node]) -> float:
    return EM * max((width(node, 1) for node in nodes), default=0) + 1


def _words_width(texts: Iterable[str]) -> float:
    return 1.75 * max((len(text) for text in texts), default=0) + 2


def _forward(lines: Sequence[ForwardLine]) -> Ready | str:
    if not lines:
        return ""
    source = _MONO * max(len(line.source) for line in lines) + 2
    wanted = [source, max(16.0, _em(line.meaning for line in lines)), _words_width(line.words for line in lines)]
    shape = max(10.0, 0.75 * _em(line.shape for line in lines))
    fixed = 5 + shape + 4 * 4
    least = [min(wanted[0], 52), min(_whole(lines), 78), min(wanted[2], 26)]
    widths = _shares(wanted, least, PAGE - fixed)
    columns = [Column("", 5), Column("source", widths[0]), Column("meaning", widths[1]), Column("shape", shape)]
    rows = (
        (
            rf"\dvnumber{{{line.number}}}" if line.number else "",
            rf"\dvsource{{{breakable(line.source)}}}",
            _formula_cell(line.meaning, widths[1]),
            rf"\dvshape{{{latex_inline(line.shape)}}}",
            rf"{{\small {prose(line.words)}}}",
        )
        for line in lines
    )
    return _table([*columns, Column("name", widths[2])], rows)


def _whole(lines: Sequence[ForwardLine]) -> float:
    """Millimetres in which the meanings stand at their own size: 48, more where one has no place to break."""
    rows = [(width(node, 1) + HANG * bool(k)) for line in lines for k, node in enumerate(break_lines(line.meaning, 48 / EM))]
    return min(_em(line.meaning for line in lines), max(48.0, EM * max(rows) + 1))


def _answers(answers: Sequence[Answer]) -> Ready:
    """The answer table; NumPy in its own column where that leaves the formulas room, else under each formula."""
    gradient = min(40.0, max(16.0, _em(a.gradient for a in answers)))
    shape = max(10.0, 0.75 * _em(a.shape for a in answers))
    numpy = _MONO * max(len(a.numpy) for a in answers) + 2
    fixed = gradient + shape + 12 + 4 * 4
    beside = numpy + min(60.0, _em(a.formula for a in answers)) <= PAGE - fixed
    formula = PAGE - fixed - (numpy if beside else -4)
    columns = [Column("gradient", gradient), Column("closed form", formula), Column("shape", shape)]
    columns += [Column("NumPy", numpy)] * beside + [Column("check", 12)]
    return _table(columns, (_answer(a, gradient, formula, beside) for a in answers))


def _answer(answer: Answer, gradient: float, formula: float, beside: bool) -> list[str]:
    code = rf"\dvsource{{\color{{dvaccent}}{breakable(answer.numpy)}}}"
    closed = _formula_cell(answer.formula, formula) + (r"\par\vskip2pt " + code) * (not beside)
    first = [_formula_cell(answer.gradient, gradient), closed, rf"\dvshape{{{latex_inline(answer.shape)}}}"]
    return [*first, *[code] * beside, _CERTAINTY[answer.certainty]]


def _verification(report: Report) -> dict[str, Any]:
    verification = report.verification
    gradient = min(40.0, max(16.0, _em(c.gradient for c in verification.rows)))
    shape = max([10.0, *(1.9 * len(c.shape) for c in verification.rows)])
    rest = max(14.0, (121 - gradient - shape - 5 - 5 * 4) / 3)
    heads = (r"$\max|g|$", "complex step", "differences")
    columns = [Column("gradient", gradient), Column("shape", shape), *(Column(head, rest, True) for head in heads)]
    rows = (_check(check, gradient) for check in verification.rows)
    return {
        "text": verification.text,
        "aside": verification.aside,
        "short": len(verification.rows) <= 20,
        "table": _table([*columns, Column("", 5)], rows, _TEXT["margin"]),
    }


def _check(check: Check, gradient: float) -> list[str]:
    numbers = [_number(text) for text in (check.largest, check.complex_step, check.central)]
    shape = rf"{{\sffamily\scriptsize\color{{dvsoft}}{escape(check.shape)}}}"
    return [_formula_cell(check.gradient, gradient), shape, *numbers, r"\dvtick" if check.fine else r"\dvcross"]


def _number(text: str) -> str:
    """`3.9e-17` as 3.9·10^-17, `< 1e-14` as a bound; anything else is text."""
    found = re.fullmatch(r"([<≤]?)\s*(-?\d+(?:\.\d+)?)(?:e([+-]?\d+))?", text.strip())
    if not found:
        return escape(text)
    bound, digits, power = found.groups()
    power = "" if power is None else (r"\times " * (digits != "1")) + f"10^{{{int(power)}}}"
    digits = "" if digits == "1" and power else digits
    sign = {"<": "<", "≤": r"\le "}.get(bound, "")
    return f"${sign}{digits}{power}$"


def _rules(rules: Sequence[RuleUse]) -> Ready | str:
    if not rules:
        return ""
    columns = (Column("rule", 48), Column("in general", 68), Column("steps", PAGE - 48 - 68 - 3 * 4))
    rows = (
        (
            rf"{{\small\itshape\color{{dvaccent}}{prose(rule.name)}}}",
            rf"{{\small {_words(rule.law, 66 / EM)}}}",
            rf"{{\sffamily\scriptsize\color{{dvsoft}}{escape(', '.join(rule.steps))}}}",
        )
        for rule in rules
    )
    return _table(columns, rows)


# ---------------------------------------------------------------- graph and code


def _graph(graph: Graph | None) -> dict[str, Any] | None:
    if graph is None:
        return None
    labels = {node.key: node.label for node in graph.nodes}
    shapes = {node.key: node.shape for node in graph.nodes}
    listing = [
        {
            "source": _inline(labels[edge.source]),
            "target": _inline(labels[edge.target]),
            "shape": _inline(shapes[edge.target]),
            "label": edge.label,
            "words": "" if edge.order is None else f"gradient {edge.order} comes back here",
        }
        for edge in graph.edges
    ]
    return {"picture": tikz(graph), "listing": listing, "note": graph.note}


def _code(code: str) -> dict[str, Any] | None:
    if not code.strip():
        return None
    longest = max(map(len, code.splitlines()))
    size, columns = _CODE_SIZES[longest > _CODE_SIZES[0][1]]
    return {"size": Ready(size), "lines": [Ready(line) for line in code_lines(code, columns)]}
