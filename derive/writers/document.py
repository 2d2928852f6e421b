"""The report as data: every writer prints the same numbered parts in the same order.

The engine's results become a `Report` once; LaTeX, Typst and terminal writers only lay it out.  Every formula is a
layout `Node`; every `str` is plain text that the target must escape (`code` strings are set in the mono face).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from derive.writers.layout import Node

Certainty = Literal["proved", "tested", "open"]


@dataclass(frozen=True)
class Badge:
    """A small boxed statement in the head: `6 of 6 proved`, `21 named steps`, `0 open`."""

    text: str
    kind: Literal["proved", "tested", "open", "plain"] = "plain"


@dataclass(frozen=True)
class Answer:
    """One line of the answer table: gradient | closed form | shape | NumPy | check."""

    gradient: Node
    formula: Node
    shape: Node
    numpy: str
    certainty: Certainty


@dataclass(frozen=True)
class ForwardLine:
    """One row of the forward table: the user's own source beside its meaning in indices."""

    number: int
    source: str
    meaning: Node
    shape: Node
    words: str


@dataclass(frozen=True)
class GraphNode:
    """An array in the computation graph; `kind` decides its frame. `rank` is its place from left to right."""

    key: str
    label: Node
    shape: Node
    kind: Literal["input", "inner", "output", "layer"]


@dataclass(frozen=True)
class GraphEdge:
    """A use of `source` in `target`; `order` numbers the backward arrow, `second` marks a further use of `source`."""

    source: str
    target: str
    label: str
    order: int | None = None
    second: bool = False


@dataclass(frozen=True)
class Graph:
    """The computation graph in forward order; `note` is the caption."""

    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]
    note: str = ""


@dataclass(frozen=True)
class Line:
    """One line of a derivation: `lhs = rhs`, made by `rule`, whose `instance` says with what.

    `lhs` is None where the line continues the one above.  `conditions` are the facts and side conditions used.
    """

    number: str
    lhs: Node | None
    rhs: Node
    rule: str
    instance: Node | str
    level: int = 1
    conditions: tuple[str, ...] = ()
    certainty: Certainty = "proved"


@dataclass(frozen=True)
class Crumb:
    """One name of the breadcrumb above a card; the current one is bold."""

    label: Node
    current: bool = False


@dataclass(frozen=True)
class Chained:
    """Where a card's chain of rules ends and its collapse begins: how many lines it has, its result and code."""

    lines: int
    result: Node
    numpy: str


@dataclass(frozen=True)
class Card:
    """The derivation of one gradient: heading, lines, and the tinted result bar.  `key` names its part file.

    With `chained` the lines after it lead on to a closed form, and stand apart under their own heading (`halves`).
    """

    number: str
    key: str
    gradient: Node
    meaning: str
    crumbs: tuple[Crumb, ...]
    lines: tuple[Line, ...]
    result: Node
    numpy: str
    shape: Node
    certainty: Certainty = "proved"
    note: str = ""
    chained: Chained | None = None

    @property
    def halves(self) -> tuple[Card, ...]:
        """The card as it is printed: the chain of rules, then the collapse to the closed form; else itself."""
        first = self.chained
        if first is None:
            return (self,)
        chain = replace(self, lines=self.lines[: first.lines], result=first.result, numpy=first.numpy, note="", chained=None)
        collapse = replace(self, meaning="in closed form", crumbs=(), lines=self.lines[first.lines :], chained=None)
        return chain, collapse


@dataclass(frozen=True)
class Lemma:
    """A result derived once and cited: title, sentence, displayed formulas, the steps that it is about.

    `ways`: derivations of the same thing, printed beside each other where they fit, with the `closing` words below.
    """

    title: str
    text: str
    displays: tuple[Node, ...]
    used_in: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()
    ways: tuple[Lemma, ...] = ()
    closing: Node | str = ""


@dataclass(frozen=True)
class Check:
    """One row of the numeric verification; errors are relative to max|g| and printed as bounds or two digits."""

    gradient: Node
    shape: str
    largest: str
    complex_step: str
    central: str
    fine: bool


@dataclass(frozen=True)
class Verification:
    text: str
    aside: str
    rows: tuple[Check, ...]


@dataclass(frozen=True)
class HandLine:
    """One line of the author's own derivation with what was found of it: `lhs relation rhs`, or `source` word for word.

    `place`: the line in the file (cell.line in a notebook); `verdict`: a word of claim.WORDS, or "" for a line that
    is only shown; `words` say it, `aside` with what (the counter-example); `correction`: the line as it should be.
    """

    place: str
    verdict: str
    words: str = ""
    aside: tuple[str, ...] = ()
    lhs: Node | None = None
    relation: Node | None = None
    rhs: Node | None = None
    source: str = ""
    correction: Node | str | None = None


@dataclass(frozen=True)
class HandWork:
    """A checked file: its summary, and its displays and statements as groups of lines."""

    path: str
    summary: str
    groups: tuple[tuple[HandLine, ...], ...]


@dataclass(frozen=True)
class RuleUse:
    """One rule of the appendix: its name, its law in general form, and the steps that used it."""

    name: str
    law: Node | str
    steps: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """Everything a report shows, in the order in which it is shown (REPORT: order and content)."""

    title: str
    subtitle: str
    source: str
    badges: tuple[Badge, ...]
    lead: str
    headline: Node | None
    headline_aside: str
    answers: tuple[Answer, ...]
    forward: tuple[ForwardLine, ...]
    abbreviations: tuple[tuple[str, Node], ...]
    graph: Graph | None
    conventions: str
    cards: tuple[Card, ...]
    lemmas: tuple[Lemma, ...]
    verification: Verification | None
    code: str
    rules: tuple[RuleUse, ...]
    detail: Literal["result", "key", "every"] = "key"
    inputs: tuple[ForwardLine, ...] = field(default=())
    notation: str = "index"
    checked: tuple[HandWork, ...] = ()
