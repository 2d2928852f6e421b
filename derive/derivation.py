"""A derivation: the lines from the first to the result, each made from the one before by a named rule.

The result *is* the last line; nothing else computes it, so explanation and answer cannot disagree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from derive import expr as x
from derive.expr import Entry, Expr, Term
from derive.index import Index
from derive.rule import Context, Move, Rule

LEAVES = (x.Entry, x.Num, x.Whole, x.Ind)  # no rule looks inside these
Certainty = Literal["proved", "tested", "open"]


@dataclass(frozen=True)
class Step:
    """One line: the rule that made it, what it rewrote in the line above, what that became, and what it relied on.

    `redexes` are parts of the line above, `fresh` parts of `line` (by identity).  `certainty` says how the judges
    know that the line equals the one above; `sure` is False until they have looked.
    """

    rule: str
    line: Expr
    redexes: tuple[Expr, ...] = ()
    fresh: tuple[Expr, ...] = ()
    instance: str = ""
    level: int = 1
    uses: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    certainty: Certainty = "open"
    sure: bool = False


@dataclass(frozen=True)
class Derivation:
    """The derivation of `target = result`; `indices` are the target's, `name` the array it is the gradient of."""

    name: str
    target: Entry
    indices: tuple[Index, ...]
    steps: tuple[Step, ...]
    note: str = ""
    stuck: str = ""
    kind: Literal["gradient", "closed", "window", "identity"] = "gradient"

    @property
    def result(self) -> Expr:
        """The last line."""
        return self.steps[-1].line if self.steps else self.target

    @property
    def certainty(self) -> Certainty:
        """The weakest certainty of its steps; open while something is unfinished."""
        if self.stuck or not self.steps:
            return "open"
        return max((s.certainty for s in self.steps), key=("proved", "tested", "open").index)

    @property
    def lines(self) -> tuple[tuple[Expr, Step], ...]:
        """Each step with the line it started from."""
        before = (self.target, *(s.line for s in self.steps))
        return tuple(zip(before, self.steps, strict=False))

    def judged(self, steps: Sequence[Step]) -> Derivation:
        """The same derivation with the judges' findings."""
        return replace(self, steps=tuple(steps))


@dataclass
class Rewriter:
    """A line under way: applies rules everywhere at once, and records a step each time."""

    line: Expr
    context: Context
    steps: list[Step] = field(default_factory=list)

    def start(self, rule: str, line: Expr, **notes) -> None:
        """Record a step that was made outside the rules of the table (the first line)."""
        self.line = line
        self.steps.append(Step(rule, line, **notes))

    def apply(self, rule: Rule) -> bool:
        """Apply a rule to every outermost place where it fits, as one step; False when it fits nowhere."""
        moves: list[tuple[Expr, Move]] = []
        line = self._visit(self.line, rule, moves)
        if not moves or line.key == self.line.key:
            return False
        fresh = tuple(part for _, move in moves for part in (move.fresh or spread(move.after)))
        instances = list(dict.fromkeys(move.instance for _, move in moves if move.instance))
        self.steps.append(
            Step(
                rule.name,
                line,
                tuple(before for before, _ in moves),
                fresh,
                "; ".join(instances[:3]),
                rule.level,
                tuple(dict.fromkeys(use for _, move in moves for use in move.uses)),
                tuple(dict.fromkeys(cond for _, move in moves for cond in move.conditions)),
            )
        )
        self.line = line
        return True

    def _visit(self, t: Term | Index, rule: Rule, moves: list) -> Term | Index:
        if isinstance(t, Index):
            return t
        if isinstance(t, rule.heads):
            move = rule.apply(t, self.context)
            if move is not None and move.after is not t:
                moves.append((t, move))
                return move.after
        if isinstance(t, LEAVES):
            return t
        old = x.parts(t)
        new = tuple(self._visit(p, rule, moves) for p in old)
        return t if all(a is b for a, b in zip(old, new, strict=True)) else x.with_parts(t, new)

    def run(self, rules: Sequence[Rule], fuel: int = 200) -> bool:
        """Apply the first rule that fits, again and again; False when the fuel runs out."""
        while fuel:
            fuel -= 1
            places = _places(self.line)
            if not any(self._fits(r, places) and self.apply(r) for r in rules):
                return True
        return False

    def _fits(self, rule: Rule, places: dict[type, list[Expr]]) -> bool:
        """Whether a rule makes a move anywhere, asked before the line is rebuilt."""
        return any(rule.apply(t, self.context) for head in rule.heads for t in places.get(head, ()))


def _places(e: Expr) -> dict[type, list[Expr]]:
    """The parts of a line where a rule may apply, by node type."""
    found: dict[type, list[Expr]] = {}
    pending: list = [e]
    while pending:
        t = pending.pop()
        if isinstance(t, Index):
            continue
        found.setdefault(type(t), []).append(t)
        if not isinstance(t, LEAVES):
            pending += x.parts(t)
    return found


def spread(e: Expr) -> tuple[Expr, ...]:
    """The parts as which an expression shows up in a line once the constructors have flattened it."""
    match e:
        case x.Add(terms=terms):
            return (e, *terms)
        case x.Mul(factors=factors):
            return (e, *factors)
    return (e,)
