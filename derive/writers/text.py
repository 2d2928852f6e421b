"""A Report as plain text: derivation.txt for reviewers, and the same parts in colour for a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from derive.writers.document import (
    Answer,
    Card,
    ForwardLine,
    Graph,
    HandLine,
    HandWork,
    Lemma,
    Line,
    Report,
    RuleUse,
    Verification,
)
from derive.writers.layout import Node, row
from derive.writers.text_folding import folded_code, folded_formula, folded_words
from derive.writers.text_formula import CLOSING, OPENING, marked_text, plain, text, unmarked

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text as Rich

__all__ = ["report_text", "show", "text"]

COLUMNS, NARROWEST = 100, 60  # letters of a line; on a terminal as many as it has
_LHS, _NUMBER = 28, 8  # a longer left side stands on a line of its own; the column of the step numbers
_RULE = "─"


def report_text(report: Report) -> str:
    """derivation.txt: everything the report says, in 100 columns; the same report gives the same bytes."""
    return "\n".join(unmarked(line).rstrip() for line in Page().report(report, "")) + "\n"


def show(report: Report, console: Console | None = None) -> None:
    """The same on a terminal: shaded parts underlined, new parts coloured; NO_COLOR keeps the underlines."""
    from rich.console import Console

    console = console or Console(highlight=False)
    wide = min(COLUMNS, max(NARROWEST, console.width)) if console.is_terminal else COLUMNS
    for line in Page(wide).report(report, "underlined"):
        console.print(_styled(line), soft_wrap=True, highlight=False)


MARKS = {"right": "✓", "right-if": "(✓)", "wrong": "✗", "carried": "↪", "unknown": "?", "unreadable": "?", "no-claim": "·"}


@dataclass(frozen=True)
class Page:
    """The parts of a report as lines of at most `columns` letters."""

    columns: int = COLUMNS

    # ---------------------------------------------------------------- lines

    def prose(self, words: str, indent: int = 0) -> list[str]:
        return [" " * indent + line for line in folded_words(words, self.columns - indent)] if words else []

    def formula(self, node: Node, indent: int, lead: str = "") -> list[str]:
        """A formula under `indent`, its first line after `lead`."""
        lines = folded_formula(lead + marked_text(node), self.columns - indent, self.columns - indent - 4)
        return [" " * indent + lines[0], *(" " * (indent + 4) + line for line in lines[1:])]

    def beside(self, left: str, right: str) -> list[str]:
        """Two things on one line, the second at its right end; under each other where that is too narrow."""
        room = self.columns - len(unmarked(left)) - len(right)
        return [left + " " * room + right] if room >= 2 else [left, right.rjust(self.columns)]

    def heading(self, words: str) -> list[str]:
        return ["", f"{words} {_RULE * (self.columns - len(words) - 1)}", ""]

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[str | Node]]) -> list[str]:
        """Columns two spaces apart; where they are too wide for the page, the widest give way and fold their cells."""
        cells = [list(heads), *map(list, rows)]
        printed = [[c if isinstance(c, str) else text(c) for c in row] for row in cells]
        widths = [max(map(len, column)) for column in zip(*printed, strict=True)]
        while sum(widths) + 2 * len(widths) > self.columns:
            widths[widths.index(max(widths))] -= 1
        return [line for row in cells for line in self.table_row(row, widths)]

    def table_row(self, row: Sequence[str | Node], widths: Sequence[int]) -> list[str]:
        folded = [
            folded_words(cell, w) if isinstance(cell, str) else folded_formula(text(cell), w, w)
            for cell, w in zip(row, widths, strict=True)
        ]
        height = max(map(len, folded))
        columns = [[line.ljust(w) for line in [*c, *[""] * (height - len(c))]] for c, w in zip(folded, widths, strict=True)]
        return ["  " + "  ".join(parts) for parts in zip(*columns, strict=True)]

    # ---------------------------------------------------------------- the report

    def report(self, report: Report, shading: str) -> list[str]:
        """The parts in their order; `shading` is the word for how a redex is shown, empty where it is not."""
        lines = [*self.head(report), *self.answer(report)]
        if report.inputs or report.forward:
            lines += [*self.heading("Forward pass"), *self.forward((*report.inputs, *report.forward))]
        lines += self.abbreviations(report.abbreviations)
        if report.graph:
            lines += [*self.heading("Graph"), *self.graph(report.graph)]
        if report.cards:
            lines += [*self.heading("Backward pass"), *self.conventions(report.conventions, shading)]
            lines += [line for card in report.cards for half in card.halves for line in self.card(half)]
        if report.lemmas:
            lines += self.heading("Lemmas" if len(report.lemmas) > 1 else "Lemma")
            lines += [line for lemma in report.lemmas for line in self.lemma(lemma)]
        if report.verification:
            lines += [*self.heading("Numeric verification"), *self.verification(report.verification)]
        if report.code.strip():
            lines += [*self.heading("Generated code"), *(f"    {line}" for line in folded_code(report.code, self.columns - 4))]
        if report.checked:
            lines += [*self.heading("Your derivation, checked"), *(line for work in report.checked for line in self.work(work))]
        if report.rules:
            lines += [*self.heading("Rules used"), *(line for rule in report.rules for line in self.rule(rule))]
        return lines

    def conventions(self, words: str, shading: str) -> list[str]:
        """The conventions; the sentence on the marks only where there are marks."""
        sentences = [s for s in words.split(". ") if shading or "shaded" not in s]
        return self.prose(". ".join(sentences).rstrip(".").replace("shaded", shading) + "." if sentences else "")

    def head(self, report: Report) -> list[str]:
        badges = " · ".join(plain(badge.text) for badge in report.badges)
        title = self.prose(report.title)
        lines = [*title, "═" * max(map(len, title), default=0), *self.prose(report.subtitle)]
        origin = f"from {report.source} · {report.notation} notation, {report.detail} detail"
        return [*lines, *self.prose(origin), *self.prose(badges)]

    def answer(self, report: Report) -> list[str]:
        if not (report.lead or report.answers or report.headline is not None):
            return []
        lines = [*self.heading("Answer"), *self.prose(report.lead)]
        if report.headline is not None:
            lines += ["", *self.formula(report.headline, 4), ""]
        lines += self.prose(report.headline_aside)
        if report.headline is not None and len(report.answers) == 1:
            (answer,) = report.answers
            return [*lines, "", *self.facts(answer.numpy, answer.shape, answer.certainty, 4)]
        return [*lines, *(line for answer in report.answers for line in ("", *self.answer_lines(answer)))]

    def answer_lines(self, answer: Answer) -> list[str]:
        formula = f"{marked_text(answer.gradient)} = "
        return [*self.formula(answer.formula, 4, formula), *self.facts(answer.numpy, answer.shape, answer.certainty, 8)]

    def facts(self, numpy: str, shape: Node, certainty: str, indent: int) -> list[str]:
        """NumPy, shape and certainty of a result, in words."""
        lead = "NumPy  "
        code = folded_code(numpy, self.columns - indent - len(lead))
        lines = [" " * indent + (lead if n == 0 else " " * len(lead)) + line for n, line in enumerate(code)]
        return [*lines, " " * indent + f"shape  {text(shape)}    {certainty}"]

    def forward(self, lines: Sequence[ForwardLine]) -> list[str]:
        rows = [(str(n.number or ""), n.source, n.meaning, n.shape, n.words) for n in lines]
        return self.table(("", "source", "meaning", "shape", "name"), rows)

    def abbreviations(self, pairs: Sequence[tuple[str, Node]]) -> list[str]:
        if not pairs:
            return []
        return ["", *self.prose("In formulas: " + ", ".join(f"{text(short)} is {name}" for name, short in pairs) + ".")]

    def graph(self, graph: Graph) -> list[str]:
        """The uses of each array, one line each: the picture is for paper."""
        labels = {node.key: text(node.label) for node in graph.nodes}
        rows = [
            (f"{labels[e.source]} → {labels[e.target]}", e.label, "" if e.order is None else f"card {e.order}")
            for e in graph.edges
        ]
        return self.table(("use", "by", "gradient"), rows)

    def card(self, card: Card) -> list[str]:
        head = f"{card.number}  {text(card.gradient)}   {plain(card.meaning)}"
        crumbs = " ".join(f"[{text(c.label)}]" if c.current else text(c.label) for c in card.crumbs)
        where = [crumbs] if crumbs and len(crumbs) + len(head) + 2 <= self.columns else []
        lines = ["", *(self.beside(head, where[0]) if where else self.prose(head)), ""]
        lines += self.steps(card.lines)
        result = [*self.formula(card.result, _NUMBER), *self.facts(card.numpy, card.shape, card.certainty, _NUMBER)]
        lines += ["", *(f"▌ {line[2:]}" for line in result)]
        return [*lines, *self.prose(card.note, _NUMBER)]

    def steps(self, lines: Sequence[Line]) -> list[str]:
        """Numbered lines, their equals signs under each other; under each line the rule with its instance."""
        printed = [marked_text(line.lhs) if line.lhs is not None else "" for line in lines]
        side = max([n for n in map(len, map(unmarked, printed)) if n <= _LHS], default=0)
        steps = zip(lines, printed, strict=True)
        return [part for line, lhs in steps for part in (*self.step(line, lhs, side), *self.reasons(line))]

    def step(self, line: Line, lhs: str, side: int) -> list[str]:
        number = f"  {plain(line.number)} ".ljust(_NUMBER)
        lines = []
        if len(unmarked(lhs)) > _LHS:
            lines = [" " * _NUMBER + part for part in folded_formula(lhs, self.columns - _NUMBER, self.columns - _NUMBER)]
            lines[0], number, lhs = number + lines[0].lstrip(), " " * _NUMBER, ""
        lead = number + " " * (side - len(unmarked(lhs))) + lhs + " = "
        room = self.columns - _NUMBER - side - 3
        first, *more = folded_formula(marked_text(line.rhs), room, room - 2)
        return [*lines, lead + first, *(" " * (_NUMBER + side + 5) + part for part in more)]

    def reasons(self, line: Line) -> list[str]:
        instance = line.instance if isinstance(line.instance, str) else text(line.instance)
        words = f"by {line.rule}" + (f": {instance}" if instance else "")
        words += "" if line.certainty == "proved" else f" ({line.certainty})"
        return [part for reason in (words, *line.conditions) for part in self.prose(reason, 16)]

    def lemma(self, lemma: Lemma) -> list[str]:
        used = f" See step {', '.join(lemma.used_in)}." if lemma.used_in else ""
        lines = self.prose(f"{lemma.title}. {lemma.text}{used}")
        for display in lemma.displays:
            lines += ["", *self.formula(display, 4)]
        lines += [""] if lemma.lines else []
        lines += [*self.steps(lemma.lines), ""]
        lines += [line for way in lemma.ways for line in self.lemma(way)]
        closing = lemma.closing if isinstance(lemma.closing, str) else text(lemma.closing)
        return [*lines, *self.prose(closing), ""] if closing else lines

    def verification(self, verification: Verification) -> list[str]:
        rows = [
            (c.gradient, c.shape, c.largest, c.complex_step, c.central, "✓" if c.fine else "✗") for c in verification.rows
        ]
        heads = ("gradient", "shape", "max |g|", "complex step", "central difference", "")
        return [*self.prose(verification.text), "", *self.table(heads, rows), "", *self.prose(verification.aside)]

    def work(self, work: HandWork) -> list[str]:
        """A checked file: each of its lines behind its mark and number, what is said of it below."""
        lines = self.prose(f"{work.path}: {work.summary}")
        for group in work.groups:
            lines += ["", *(part for line in group for part in self.hand_line(line))]
        return [*lines, ""]

    def hand_line(self, line: HandLine) -> list[str]:
        head = f"{MARKS.get(line.verdict, ''):>3} {line.place:>4}  "
        if line.source:
            body = folded_code(line.source, self.columns - 10)
        else:
            parts = [n for n in (line.lhs, line.relation, line.rhs) if n is not None]
            indent = "    " if line.lhs is None else ""
            body = folded_formula(indent + marked_text(row(*parts)), self.columns - 10, self.columns - 14)
            body = [body[0], *("    " + part for part in body[1:])]
        lines = [(head if n == 0 else " " * 10) + part for n, part in enumerate(body)]
        lines += [part for words in (line.words, *line.aside) for part in self.prose(words, 16)]
        if isinstance(line.correction, str):
            lines += [" " * 16 + part for part in folded_code("should read  " + line.correction, self.columns - 16)]
        elif line.correction is not None:
            lines += self.formula(line.correction, 16, "should read  ")
        return lines

    def rule(self, rule: RuleUse) -> list[str]:
        law = rule.law if isinstance(rule.law, str) else text(rule.law)
        return [*self.prose(rule.name, 2), *self.prose(law, 6), *self.prose(f"in {', '.join(rule.steps)}", 6)]


def lemma_text(lemma: Lemma) -> str:
    """One lemma by itself."""
    return "\n".join(unmarked(line).rstrip() for line in Page().lemma(lemma)) + "\n"


# ---------------------------------------------------------------- colour

_STYLES = {"redex": "underline", "fresh": "dark_orange3"}
_REASON = " " * 16 + "by "
_STARTS = {"═": "dim", "▌": "cyan", _REASON: "italic blue"}  # what a line starts with, and how all of it is set


def _styled(line: str) -> Rich:
    """A line as rich text: marks become styles, rules and reasons stand back."""
    from rich.text import Text as Rich

    styled, opened = Rich(), []
    kinds = {sign: kind for kind, sign in OPENING.items()}
    for part in re.split("([\x01-\x04])", line):
        if part in kinds:
            opened.append(kinds[part])
        elif part in CLOSING.values():
            opened.pop()
        elif part:
            styled.append(part, style=" ".join(_STYLES[kind] for kind in opened))
    for start, style in _STARTS.items():
        if line.startswith(start):
            styled.stylize(style)
    if line.endswith(_RULE):
        styled.stylize("bold")
    return styled
