"""A rule is one move that a teacher would name: a law, a sentence, an example, and the function that makes the move.

Law and example are texts in the engine's notation (`before -> after`) that the tests execute.  A rule's function gets
one expression and says what it becomes, or None; where to look and how often is the engine's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from derive.errors import Usage
from derive.expr import Expr
from derive.program import Program


@dataclass(frozen=True)
class Context:
    """What a rule may look at: the program whose names it folds to, and names that it must leave alone."""

    program: Program
    target: str = ""
    hidden: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Move:
    """What a rule made of an expression: the new one, the rule's instance in words, what it relied on."""

    after: Expr
    instance: str = ""
    uses: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    fresh: tuple[Expr, ...] | None = None


@dataclass(frozen=True)
class Rule:
    """One textbook move.  `heads`: the node types it can apply to.  `level`: 1 a key step, 2 a small one."""

    name: str
    law: str
    sentence: str
    example: str
    apply: Callable[[Expr, Context], Move | None]
    heads: tuple[type, ...]
    level: int = 1
    phase: str = "calculus"


@dataclass
class Rules:
    """The rule table, in the order in which the engine tries them."""

    rows: dict[str, Rule] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.rows.values())

    def __getitem__(self, name: str) -> Rule:
        if name not in self.rows:
            raise Usage(f"there is no rule `{name}`", hint="`derive explain` lists the rules")
        return self.rows[name]

    def add(self, rule: Rule, before: str = "") -> Rule:
        """Add a rule at the end of the table, or before another rule; raises Usage when the name is taken."""
        if rule.name in self.rows:
            raise Usage(f"there is already a rule `{rule.name}`")
        rows = list(self.rows.values())
        place = next((k for k, r in enumerate(rows) if r.name == before), len(rows))
        rows.insert(place, rule)
        self.rows = {r.name: r for r in rows}
        return rule

    def remove(self, name: str) -> None:
        """Take a rule out of the table."""
        del self.rows[self[name].name]

    def phase(self, *names: str) -> tuple[Rule, ...]:
        """The rules of some phases, in order."""
        return tuple(r for r in self if r.phase in names)


RULES = Rules()


def rule(
    name: str, law: str, example: str, heads: tuple[type, ...], level: int = 1, phase: str = "calculus"
) -> Callable[[Callable[[Expr, Context], Move | None]], Rule]:
    """Enter a function into the rule table; its docstring is the rule's sentence."""

    def enter(apply: Callable[[Expr, Context], Move | None]) -> Rule:
        sentence = " ".join((apply.__doc__ or "").split())
        return RULES.add(Rule(name, law, sentence, example, apply, heads, level, phase))

    return enter
