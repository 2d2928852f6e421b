"""The claims of a document's formulas and their verdicts.

A chain `a = b = c` makes a claim of every member after the first: `holds` compares it with the first (a derivative is
worked out from the definitions), `follows` with the member before.  Every combination of readings is tried.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from derive import expr as x
from derive.checker import inequalities
from derive.checker.codes import KIND_CODES
from derive.checker.deciding import Answer, Decider
from derive.checker.derived import Derived
from derive.checker.inequalities import TURNED
from derive.checker.premises import WrongGradients
from derive.checker.recurrences import Circles, one_step, recurrence
from derive.claim import Place, Verdict, combined
from derive.errors import Problem
from derive.expr import Entry, Expr
from derive.index import Index
from derive.judges.evaluate import Undecided
from derive.program import Program, parse_fact
from derive.readers import latex_tree as t
from derive.readers.documents import Block
from derive.readers.latex import Paper
from derive.readers.latex_declared import Declared
from derive.readers.latex_grammar import read_condition
from derive.readers.latex_meaning import Elaborator, Value
from derive.readers.latex_notes import Unknown
from derive.readers.latex_statements import Member, Statement
from derive.readers.latex_tokens import Unread, tokenize

MOST_READINGS = 12
# What bad input may still break inside: such a claim is unknown, and the rest goes on.
BROKEN = (
    Unknown,
    Problem,
    Undecided,
    Unread,
    RecursionError,
    ArithmeticError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
)
EQUALS = {"=", ":=", r"\Rightarrow", r"\to"}


@dataclass(frozen=True)
class Link:
    """A member of a chain and the statement it stands in."""

    statement: Statement
    member: Member


@dataclass(frozen=True)
class Finding:
    """What one reading says of a claim: the words it costs, both truths, and the two formulas compared."""

    words: tuple[str, ...]
    follows: Answer | None
    holds: Answer | None
    left: Expr | None = None
    right: Expr | None = None
    before: Expr | None = None
    reason: str = ""
    cond: x.Cond | None = None
    elaborator: Elaborator | None = None

    @property
    def verdict(self) -> str:
        return combined(_truth(self.follows), _truth(self.holds))

    @property
    def certainty(self) -> str | None:
        """The better of what is known: a right step from a right line is as sure as its weaker part."""
        known = [a.certainty for a in (self.holds, self.follows) if a is not None and a.equal]
        if self.holds is not None and self.holds.equal:
            return self.holds.certainty
        return known[0] if known else None


def _truth(answer: Answer | None) -> bool | None:
    return None if answer is None else answer.equal


@dataclass
class FormulaChecker:
    """One document under check."""

    paper: Paper
    decider: Decider = field(init=False)
    premises: dict[str, Program] = field(default_factory=dict)
    restrictions: dict[int, list] = field(default_factory=dict)
    chains: dict[int, list[Link]] = field(default_factory=dict)
    conditions: list[Expr] = field(default_factory=list)
    solved: dict[int, Decider] = field(default_factory=dict)
    jacobian: t.Node | None = None
    spoken: dict[int, tuple[list[Link], int]] = field(default_factory=dict)
    stated: WrongGradients = field(init=False)
    derived: dict[str, Derived] = field(default_factory=dict)
    circles: Circles = field(init=False)
    unread_names: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.decider = Decider(self.paper.program, self.paper.notes.implied)
        self.stated = WrongGradients(self.paper)
        self.circles = Circles(self.paper)
        self.unread_names = _unread_names(self.paper)
        self.restrictions = restrictions(self.paper)

    def check(self) -> list[Verdict]:
        """All verdicts, in the order of the text."""
        from derive.checker.scans import refused

        if refused(self.paper):
            return [v for one in self.paper.statements for v in self.refused(one)]
        return undeclared(self.paper.said) + [
            v for k, one in enumerate(self.paper.statements) for v in self.statement(k, one)
        ]

    def waived(self, one: Statement) -> str | None:
        """Why the author wants a line left out; None for other lines."""
        start, end = _whole(one)
        text = one.block.source.text[start:end]
        for quoted, why in self.paper.said.waived:
            if " ".join(quoted.split()) in " ".join(text.split()):
                return f"waived by the author: {why}" if why else "waived by the author, without a reason"
        return None

    def refused(self, one: Statement) -> list[Verdict]:
        if one.block.kind != "display":
            return []
        reason = "this document looks like a bad scan; nothing is guessed"
        return [self.verdict(one, span, "unreadable", reason=reason, code="U202") for span in _spans(one)]

    # -- statements

    def statement(self, k: int, one: Statement) -> list[Verdict]:
        """The verdicts of one statement."""
        inline = one.block.kind == "inline"
        if one.block.kind == "virtual":
            return []
        if (reason := self.waived(one)) is not None:
            return [self.verdict(one, _whole(one), "no-claim", reason=reason, code="N104")]
        if one.problem is not None:
            if inline and "=" not in one.block.text:
                return []
            span = (one.problem.start, one.problem.end)
            return [self.verdict(one, span, "unreadable", reason=one.problem.what, code="U201")]
        if inline and (len(one.members) < 2 or _is_declaration(one)):
            return []
        self.chains[id(one)] = self._chain(one)
        if len(one.members) < 2 and not one.continues:
            return [self.bare(one)]
        if one.notes and len(one.members) == 2 and not one.members[1].tokens and not one.continues:
            return [self.verdict(one, one.members[0].span, "no-claim", reason="said in words", code="N101")]
        if k in self.paper.assumptions:
            return [self.verdict(one, _whole(one), "no-claim", reason="an assumption, used as a fact", code="N102")]
        return self.members(k, one)

    def _chain(self, one: Statement) -> list[Link]:
        before = getattr(one, "before", None)
        earlier = self.chains.get(id(before), []) if before is not None else []
        return [*earlier, *(Link(one, m) for m in one.members)]

    def bare(self, one: Statement) -> Verdict:
        member = one.members[0] if one.members else None
        if member is not None and member.problem is not None:
            return self.unread(one, member)
        return self.verdict(one, _whole(one), "no-claim", reason="a bare expression", code="N103")

    def unread(self, one: Statement, member: Member) -> Verdict:
        problem = member.problem
        return self.verdict(one, (problem.start, problem.end), "unreadable", reason=problem.what, code="U201")

    def members(self, k: int, one: Statement) -> list[Verdict]:
        """One verdict a relation."""
        chain = self.chains[id(one)]
        first = len(chain) - len(one.members)
        made: list[Verdict] = []
        for n in range(max(first, 1), len(chain)):
            try:
                made.append(self.claim(k, one, chain, n))
                self.spoken[id(made[-1])] = (chain, n)
            except BROKEN as problem:
                reason = f"not decided: {type(problem).__name__} {problem}"
                made.append(self.verdict(one, chain[n].member.span, "unknown", reason=reason, code="U301"))
        if first == 0 and one.members[0].problem is not None:
            made.insert(0, self.unread(one, one.members[0]))
        if not made:
            made.append(
                self.verdict(one, _whole(one), "unknown", reason="nothing stands before the relation", code="U301")
            )
        return made

    def claim(self, k: int, one: Statement, chain: list[Link], n: int) -> Verdict:
        """The verdict on member n of a chain."""
        member = chain[n].member
        if member.problem is not None:
            return self.unread(one, member)
        defining = self._defining_member(k, chain, n)
        if defining:
            return self.verdict(one, member.span, "no-claim", reason=f"defines {defining}", code="N101")
        if member.relation in TURNED and not one.doubtful:
            return inequalities.judged(self, one, chain, n)
        if member.relation not in EQUALS:
            if member.relation == r"\neq":
                return self.verdict(one, member.span, "unreadable", reason="a line that begins with ≠", code="U201")
            return self.verdict(one, member.span, "unknown", reason=f"`{member.relation}` is not decided", code="U301")
        if one.doubtful:
            return self.verdict(one, member.span, "unknown", reason="the author put a question mark", code="U301")
        from derive.checker.special import chain_rule, premise, special

        if (found := recurrence(self, k, one, chain, n)) is not None:
            return found
        found = special(self, one, chain, n) or self.judged(one, chain, n)
        if found.verdict == "unknown" or found.certainty == "tested":
            found = one_step(self, one, chain, n) or found
        if found.verdict == "unknown" and (said := premise(self, one, chain, n)) is not None:
            return said
        if found.verdict == "unknown" and _begins(chain[n]):
            return self.verdict(one, member.span, "no-claim", reason="begins a new equation", code="N103")
        return (chain_rule(self, one, chain, n) or found) if found.verdict == "unknown" else found

    def derived_of(self, scalar: str) -> Derived:
        """The engine's gradients of a number; kept."""
        return self.derived.setdefault(scalar, Derived(self.paper, scalar))

    def solved_decider(self, program: Program) -> Decider:
        """A decider where gradients vanish; kept, since its answers are."""
        key = len(self.conditions)
        return self.solved.setdefault(key, Decider(program, self.paper.notes.implied))

    def _defining_member(self, k: int, chain: list[Link], n: int) -> str | None:
        name = self.paper.definitions.get(k)
        if name is None:
            return None
        one = self.paper.statements[k]
        member = chain[n].member
        if (
            one.members
            and member is one.members[-1]
            and isinstance(member.node, t.Symbol)
            and (n > 1 or not isinstance(chain[0].member.node, (t.Symbol, t.Apply)))
            or (one.continues and member is one.members[-1] and isinstance(member.node, t.Symbol))
        ):
            left = self.paper.notes.resolve(self.paper.notes.spell(member.node)[0])[0]
            return name if left == name else None
        first = chain[0].member.node
        first = first.symbol if isinstance(first, t.Apply) else first
        own = isinstance(first, t.Symbol) and self.paper.notes.resolve(self.paper.notes.spell(first)[0])[0] == name
        return name if own and n == 1 else None

    # -- one claim under all readings

    def judged(self, one: Statement, chain: list[Link], n: int) -> Verdict:
        found = self.readings(one, chain, n)
        free = [f for f in found if not f.words]
        named = [f for f in found if f.words]
        member = chain[n].member
        if (name := self.unread_definition(found[0])) is not None:
            reason = f"the definition of {name} was not read"
            return self.verdict(one, member.span, "unknown", reason=reason, code="U301")
        right_free = [f for f in free if f.verdict == "right"]
        if free and len(right_free) == len(free):
            rests = self.rests_on(free[0])
            return self.right_if(one, member, free[0], rests) if rests else self.right(one, member, free[0])
        picked = next((f for f in right_free), None) or next((f for f in named if f.verdict == "right"), None)
        if picked is not None:
            words = picked.words or ("one of several readings",)
            return self.right_if(one, member, picked, words)
        main = (free or named)[0]
        everything = free or named
        if (trouble := self.undefined_loss(main)) is not None and main.verdict != "right":
            return self.verdict(one, member.span, "unknown", reason=trouble, code="U301")
        if (name := self.undefined_left(chain, n)) is not None and main.verdict != "right":
            return self.verdict(one, member.span, "unknown", reason=f"nothing else defines {name}", code="U301")
        if (name := self.constrained(chain, n, main)) is not None and main.verdict != "right":
            reason = f"it may be an equation for {name}, which nothing defines"
            return self.verdict(one, member.span, "unknown", reason=reason, code="U301")
        if (name := self.stranger(main)) is not None and main.verdict != "right":
            return self.verdict(one, member.span, "unknown", reason=f"nothing says what {name} is", code="U301")
        if main.verdict in ("wrong", "carried") and all(f.verdict in ("wrong", "carried") for f in everything):
            return self.wrong(one, chain, n, main)
        reason = main.reason or next(
            (a.reason for a in (main.holds, main.follows) if a is not None and a.reason), "not decided"
        )
        return self.verdict(
            one,
            member.span,
            "unknown",
            reason=reason,
            code="U301",
            follows=_truth(main.follows),
            holds=_truth(main.holds),
        )

    def undefined_left(self, chain: list[Link], n: int) -> str | None:
        """The name on the left that nothing defines: no equation for it can be disproved."""
        first = chain[self.base(chain, n)].member.node
        if not isinstance(first, t.Symbol):
            return None
        name = self.paper.notes.resolve(self.paper.notes.spell(first)[0])[0]
        if name == "delta" and first.subs or name in self.paper.notes.size_names:
            return None
        return None if self.paper.program.equation(name) is not None else first.name

    def unread_definition(self, found: Finding) -> str | None:
        """A name in a derivative, or in a difference, that a line defines which was not read: it may rest on anything."""
        if not self.unread_names:
            return None
        pair = [e for e in (found.left, found.right, found.before) if e is not None]
        if found.verdict not in ("wrong", "carried") and not any(isinstance(u, x.D) for e in pair for u in x.walk(e)):
            return None
        names = set().union(*(e.names for e in pair)) | set(_reached(self.paper.program, pair))
        return next((n for n in sorted(self.unread_names) if n in names), None)

    def constrained(self, chain: list[Link], n: int, found: Finding) -> str | None:
        """An input that stands on the left alone, in a function of it: `log Z = …` disproves nothing."""
        node = chain[self.base(chain, n)].member.node
        if found.left is None or found.right is None or n != self.base(chain, n) + 1:
            return None
        if not isinstance(node, (t.Function, t.Power, t.Root, t.Fraction_)) or any(
            isinstance(u, (t.Derivative, t.Differential)) for u in t.walk(node)
        ):
            return None
        program = self.paper.program
        names = sorted(self.mentioned(found.left.names))
        if len(names) != 1 or program.equation(names[0]) is not None or names[0] in self.paper.notes.labels:
            return None
        return None if names[0] in {*_reached(program, (found.right,)), *self.mentioned(found.right.names)} else names[0]

    def stranger(self, found: Finding) -> str | None:
        """An array on the right that no definition mentions and the left side does not have: it could be anything."""
        if found.right is None:
            return None
        known = {n for e in self.paper.program.equations for n in self.mentioned({e.name, *e.rhs.names})}
        known |= set().union(*(self.mentioned(e.names) for e in (found.left, found.before) if e is not None))
        new = [n for n in sorted(self.mentioned(found.right.names)) if n not in known and not n.startswith("U~")]
        return new[0] if new else None

    def mentioned(self, names: Iterable[str]) -> set[str]:
        """The arrays that stand in formulas, those under an inverse or a determinant instead of these."""
        pending, found = list(names), set()
        implied = self.paper.notes.implied
        while pending:
            name = pending.pop()
            if name in implied:
                pending += implied[name].rhs.names
            else:
                found.add(name[2:] if name.startswith("d~") else name)
        return found

    def undefined_loss(self, found: Finding) -> str | None:
        """Why a difference disproves nothing: the loss is undefined, and the line is not linear in its gradient."""
        pairs = [e for e in (found.left, found.right, found.before) if e is not None]
        given = [{n for n in (*e.names, *_reached(self.paper.program, (e,))) if n.startswith("U~")} for e in pairs]
        if not any(given):
            return None
        program = self.paper.program
        every = set().union(*given)
        loose = [n[2:] for n in every if program.is_input(n[2:])]
        if loose and len(every) > 1:
            return f"nothing says how the loss depends on {loose[0]}"
        if any(not g and e.key != x.ZERO.key for g, e in zip(given, pairs, strict=True)):
            return "nothing defines the loss"
        return None

    def readings(self, one: Statement, chain: list[Link], n: int) -> list[Finding]:
        """The findings under the default reading and under the other options that come up."""
        first = self.reading(one, chain, n, {})
        choices = dict(first.elaborator.choices) if first.elaborator else {}
        keys = [c for c in choices.values() if len(c.options) > 1]
        found = [first]
        for picks in itertools.islice(itertools.product(*(range(len(c.options)) for c in keys)), 1, MOST_READINGS):
            found.append(self.reading(one, chain, n, dict(zip((c.key for c in keys), picks, strict=True))))
        return found

    def reading(self, one: Statement, chain: list[Link], n: int, picks: dict[str, int]) -> Finding:
        """What one reading says of member n."""
        elaborator = self.paper.elaborator(one, reading=picks)
        earlier = self.paper.elaborator(one, reading=picks)
        values: dict[int, Value | None] = {}
        reason = ""
        base_at = self.base(chain, n)
        for m in sorted({base_at, n - 1, n}):
            try:
                values[m] = self.value(earlier if base_at < m < n else elaborator, chain[m].member)
            except Unknown as problem:
                values[m], reason = None, reason or problem.reason
            except (Problem, RecursionError) as problem:
                values[m], reason = None, reason or str(problem)
        cond, trouble = self.condition(one, elaborator)
        trouble = trouble or "; ".join(elaborator.misfits[:1])
        trouble = trouble or self.decider.divides_by_zero(elaborator.denominators) or ""
        words = _said(elaborator, picks)
        if trouble:
            return Finding(words, None, None, reason=trouble, elaborator=elaborator)
        here = values[n]
        holds = follows = None
        left = right = before = None
        if here is not None and values[base_at] is not None:
            holds, left, right = self.compare(values[base_at], here, cond, elaborator)
        if (
            here is not None
            and n - 1 != base_at
            and values[n - 1] is not None
            and not self.stray(chain, base_at, n, values)
        ):
            follows, before, again = self.follows(values, base_at, n, cond, elaborator, holds)
            if follows.equal is False and holds is not None and holds.equal:
                follows = self.read_otherwise(one, chain[n - 1].member, earlier, here, cond) or follows
            right = right if right is not None else again
            if holds is None or holds.equal is None or any(k.startswith("values") for k in earlier.choices):
                elaborator.choices.update(earlier.choices)
                words = tuple(dict.fromkeys((*words, *_said(earlier, picks))))
        for answer in (holds, follows):
            if answer is not None and answer.condition and answer.equal:
                words += (f"holds {answer.condition}",)
        return Finding(tuple(dict.fromkeys(words)), follows, holds, left, right, before, reason, cond, elaborator)

    def follows(self, values: dict, base: int, n: int, cond: x.Cond | None, elaborator: Elaborator, holds: Answer | None):
        """Whether member n equals the one before; where that one is right, the answer is that of `holds`."""
        if holds is not None and holds.equal is not None and values[base] is not None:
            earlier = self.compare(values[base], values[n - 1], cond, elaborator)
            pair = aligned(values[n - 1], values[n], elaborator)
            if earlier[0].equal and not earlier[0].condition and pair is not None:
                return holds, *pair
        return self.compare(values[n - 1], values[n], cond, elaborator)

    def read_otherwise(self, one: Statement, member: Member, first: Elaborator, here: Value, cond) -> Answer | None:
        """The answer under another reading of the line before, from which a right line follows."""
        keys = [c for c in first.choices.values() if len(c.options) > 1]
        for picks in itertools.islice(itertools.product(*(range(len(c.options)) for c in keys)), 1, MOST_READINGS):
            elaborator = self.paper.elaborator(one, reading=dict(zip((c.key for c in keys), picks, strict=True)))
            try:
                answer, _, _ = self.compare(self.value(elaborator, member), here, cond, elaborator)
            except (Unknown, Problem, RecursionError):
                continue
            if answer.equal:
                return answer
        return None

    def base(self, chain: list[Link], n: int) -> int:
        """The member that states what the chain is about: the first, or the last before n that starts anew."""
        anew = [
            m
            for m in range(1, n)
            if chain[m].member.problem is not None or chain[m].member.relation not in EQUALS or _begins(chain[m])
        ]
        return anew[-1] if anew else 0

    def value(self, elaborator: Elaborator, member: Member) -> Value:
        node = member.node or member.prefix
        if node is None:
            raise Unknown("the line before was not read")
        return elaborator.value(node)

    def stray(self, chain: list[Link], base: int, n: int, values: dict) -> bool:
        """Whether the member before has a free index that the chain does not have: nothing follows from it."""
        before, first = values[n - 1], values[base]
        return first is not None and bool(before.expr.free - set(before.open) - first.expr.free) and not first.open

    def condition(self, one: Statement, elaborator: Elaborator) -> tuple[x.Cond | None, str]:
        """The restriction under which a statement stands."""
        conds = []
        for tokens in [*one.restriction, *self.restrictions.get(id(one.block), [])]:
            try:
                node = read_condition(tokens, self.paper.lexicon)
                if node is None or not _about(node, elaborator):
                    continue
                conds.append(elaborator.condition(node))
            except Unread:
                return None, "the case that restricts this line was not read"
            except Unknown as problem:
                return None, problem.reason
        if not conds:
            return None, ""
        cond = x.both(*conds)
        return (None, "the case is empty") if cond.key == x.FALSE.key or _empty(cond) else (cond, "")

    def compare(self, a: Value, b: Value, cond: x.Cond | None, elaborator: Elaborator):
        """Whether two values are equal entry by entry."""
        pair = aligned(a, b, elaborator)
        if pair is None:
            return Answer(None, reason="the two sides have different shapes"), None, None
        return self.decider.equal(*pair, cond), *pair

    # -- verdicts

    def right(self, one: Statement, member: Member, found: Finding) -> Verdict:
        reason = self.inferred(found)
        return self.verdict(
            one,
            member.span,
            "right",
            certainty=found.certainty,
            follows=_truth(found.follows),
            holds=_truth(found.holds),
            reason=reason or None,
        )

    def rests_on(self, found: Finding) -> tuple[str, ...]:
        """The assumed definitions that a comparison went through."""
        if not self.paper.assumed:
            return ()
        pair = tuple(e for e in (found.left, found.right, found.before) if e is not None)
        names = set().union(*(e.names for e in pair)) | set(_reached(self.paper.program, pair))
        told = [f"assumes {self.paper.assumed[n]}" for n in sorted(names & self.paper.assumed.keys())]
        return tuple(told) if any(isinstance(u, x.D) for e in pair for u in x.walk(e)) or found.holds else ()

    def inferred(self, found: Finding) -> str:
        """The facts and tests that a right line rests on."""
        tested = [
            a.reason for a in (found.holds, found.follows) if a is not None and a.equal and a.certainty == "tested"
        ]
        names = set().union(*(e.names for e in (found.left, found.right, found.before) if e is not None))
        facts = [f"uses {f.text}" for f in self.paper.program.facts if f.array in names]
        return "; ".join([*tested[:1], *facts])

    def right_if(self, one: Statement, member: Member, found: Finding, words: Sequence[str]) -> Verdict:
        codes = {"reads": "W101", "holds": "W102", "assumes": "W103"}
        code = codes.get(words[0].split(" ")[0], "W101")
        return self.verdict(
            one,
            member.span,
            "right-if",
            certainty=found.certainty,
            follows=_truth(found.follows),
            holds=_truth(found.holds),
            reason="; ".join(words),
            code=code,
        )

    def wrong(self, one: Statement, chain: list[Link], n: int, found: Finding) -> Verdict:
        """A disproved line: carried where it follows from a wrong one, else with its mistake and a correction."""
        from derive.checker.mistakes import diagnosed

        member = chain[n].member
        follows, holds = _truth(found.follows), _truth(found.holds)
        if follows is None and self.follows_from_wrong(one, chain, n) or self.follows_from_stated(one, chain, n):
            follows = True
        answer = found.holds if found.holds is not None and found.holds.equal is False else found.follows
        example = answer.counterexample if answer is not None else None
        if combined(follows, holds) == "carried":
            return self.verdict(
                one,
                member.span,
                "carried",
                follows=True,
                holds=False,
                kind="carried",
                code="E321",
                reason="follows from the wrong line before it",
                counterexample=example,
                correction=diagnosed(self, one, chain, n, found).correction,
            )
        if holds is True:
            return self.verdict(
                one,
                member.span,
                "wrong",
                follows=False,
                holds=True,
                kind="repairs-earlier-slip",
                code="E320",
                reason="right, but it does not follow from the line before",
                counterexample=example,
            )
        if (fact := self.side_condition(found)) is not None:
            return self.right_if(one, member, replace(found, holds=None, follows=None), (f"holds if {fact}",))
        self.remember(one, chain, n, found)
        verdict = diagnosed(self, one, chain, n, found)
        if verdict.kind == "mean-factor" and self.paper.surrogate is not None and _differentials(chain, n):
            words = ("reads d… as that many times the gradient: the line is right but for the factor of the mean",)
            return self.right_if(one, member, replace(found, holds=None, follows=None), words)
        assumed = "; ".join(self.rests_on(found))
        if assumed:
            verdict = replace(verdict, reason=f"{verdict.reason} ({assumed})")
        return self.verdict(
            one,
            verdict.span or member.span,
            "wrong",
            follows=follows,
            holds=holds,
            kind=verdict.kind,
            code=KIND_CODES.get(verdict.kind, "E300"),
            reason=verdict.reason,
            correction=verdict.correction,
            counterexample=example,
        )

    def side_condition(self, found: Finding) -> str | None:
        """The undeclared fact, the weights of a logarithm sum to one, under which a line is right."""
        program = self.paper.program
        pair = [e for e in (found.left, found.right) if e is not None]
        if len(pair) < 2 or found.follows is not None and found.follows.equal is False and found.holds is None:
            return None
        for name in log_weights(program):
            if any(f.array == name for f in program.facts):
                continue
            letters = "ijklmpq"[: len(program.shape(name))]
            fact = parse_fact(f"sum[{letters[-1]}] {name}[{','.join(letters)}] = 1", program)
            if (
                Decider(replace(program, facts=(*program.facts, fact)), self.paper.notes.implied)
                .equal(*pair, found.cond)
                .equal
            ):
                return rf"\sum_{letters[-1]} {name}_{{{letters}}} = 1"
        return None

    def remember(self, one: Statement, chain: list[Link], n: int, found: Finding) -> None:
        """A wrong re-expression of a defined name is a premise that later lines may carry."""
        if found.left is None or found.right is None or found.elaborator is None:
            return
        first = chain[0].member.node
        first = first.symbol if isinstance(first, t.Apply) else first
        if isinstance(found.left, x.D) and isinstance(found.left.wrt, Entry):
            self.stated.state(found.left.wrt, found.right)
        if not isinstance(first, t.Symbol):
            return
        left = found.elaborator.value(first).expr
        if not isinstance(left, x.Entry) or not all(isinstance(s, Index) for s in left.slots):
            return
        equation = self.paper.program.equation(left.name)
        if equation is None or found.right.free - set(left.slots):
            return
        put = dict(zip(left.slots, equation.indices, strict=True))
        wrong = replace(equation, rhs=x.substitute(found.right, put))
        equations = tuple(wrong if e.name == left.name else e for e in self.paper.program.equations)
        self.premises[left.name] = replace(self.paper.program, equations=equations)

    def follows_from_wrong(self, one: Statement, chain: list[Link], n: int) -> bool:
        """Whether the line is right when an earlier wrong line is taken for a definition."""
        for program in reversed(list(self.premises.values())):
            elaborator = self.paper.elaborator(one, program=program)
            try:
                a, b = (self.value(elaborator, chain[m].member) for m in (0, n))
            except (Unknown, Problem):
                continue
            pair = aligned(a, b, elaborator)
            if (
                pair is not None
                and Decider(program, self.paper.notes.implied).equal(*pair, self.condition(one, elaborator)[0]).equal
                is True
            ):
                return True
        return False

    def follows_from_stated(self, one: Statement, chain: list[Link], n: int) -> bool:
        """Whether the step is valid when the wrong gradients above are taken for true."""
        if not self.stated:
            return False
        elaborator = self.paper.elaborator(one)
        elaborator.stated = self.stated.gradient
        try:
            pair = aligned(*(self.value(elaborator, chain[m].member) for m in (n - 1, n)), elaborator)
        except BROKEN:
            return False
        if pair is None or elaborator.misfits or not elaborator.took:
            return False
        return self.decider.equal(*pair, self.condition(one, elaborator)[0]).equal is True

    def verdict(self, one: Statement, span: t.Span, word: str, **more) -> Verdict:
        """A verdict with its place in the source."""
        source = one.block.source
        start, end = span
        (line, column), (end_line, end_column) = source.place(start), source.place(end)
        place = Place(line, column, end_line, end_column, source.cell)
        return Verdict(place, source.text[start:end].strip(), word, **more)


_LEFT = re.compile(r"^[\s&]*(?P<name>\\?[A-Za-z]\w*)(?:_\{?[\w,]+\}?)?\s*:?=")


def _unread_names(paper: Paper) -> frozenset[str]:
    """Bare left sides of equations that were not read and that nothing else defines."""
    found = set()
    for one in (s for s in paper.statements if not s.notes):
        if one.problem is not None and (match := _LEFT.match(one.block.text)):
            found.add(match["name"].lstrip("\\"))
        elif len(one.members) > 1 and one.members[1].problem is not None and isinstance(one.members[0].node, t.Symbol):
            found.add(paper.notes.spell(one.members[0].node)[0])
    resolved = {paper.notes.resolve(name)[0] for name in found}
    known = {*paper.notes.labels, *paper.notes.size_names}
    return frozenset(name for name in resolved - known if paper.program.equation(name) is None)


def undeclared(said: Declared) -> list[Verdict]:
    """The entries of `check:` blocks that were not understood."""
    made = []
    for entry, why in said.troubles:
        source, (start, end) = entry.block.source, entry.span
        (line, column), (end_line, end_column) = source.place(start), source.place(end)
        place = Place(line, column, end_line, end_column, source.cell)
        reason = f"this declaration was not understood; {why}"
        made.append(Verdict(place, entry.text, "unreadable", reason=reason, code="U203"))
    return made


# ---------------------------------------------------------------- helpers


def _begins(link: Link) -> bool:
    """Whether a member begins an equation of its own: `⇒ a = b` in a new line."""
    one = link.statement
    return one.arrow and len(one.members) > 1 and link.member is one.members[0]


def _differentials(chain: list[Link], n: int) -> bool:
    """Whether both sides speak of gradients as dX, whose scale is a convention."""
    sides = [link.member.node for link in (chain[0], chain[n]) if link.member.node is not None]
    return len(sides) == 2 and all(any(isinstance(u, t.Differential) for u in t.walk(s)) for s in sides)


def log_weights(program: Program) -> list[str]:
    """The inputs that multiply a logarithm, as the targets of a cross-entropy do."""
    found: dict[str, None] = {}
    for e in program.equations:
        for u in x.walk(e.rhs):
            if isinstance(u, x.Mul) and any(_logarithmic(f, program) for f in u.factors):
                for f in u.factors:
                    if isinstance(f, Entry) and program.is_input(f.name) and program.shape(f.name):
                        found[f.name] = None
    return [n for n in found if program.sort(n) == "real"]


def _logarithmic(e: Expr, program: Program) -> bool:
    """Whether a factor is a logarithm, or an array that is defined as one."""
    equation = program.equation(e.name) if isinstance(e, Entry) else None
    whole = equation.rhs if equation is not None else e
    return any(isinstance(u, x.Call) and u.op in ("log", "log_softmax") for u in x.walk(whole))


def _reached(program: Program, formulas: Sequence[Expr]) -> list[str]:
    from derive.checker.deciding import restricted

    return list(restricted(program, formulas).by_name)


def _said(elaborator: Elaborator, picks: dict[str, int]) -> tuple[str, ...]:
    """What the readings that were picked cost, in words."""
    words = (c.options[min(picks.get(c.key, 0), len(c.options) - 1)] for c in elaborator.choices.values())
    return tuple(w for w in words if w)


def aligned(a: Value, b: Value, elaborator: Elaborator) -> tuple[Expr, Expr] | None:
    """Both sides over the same indices: open axes meet in order; letters of one side name the other's axes."""
    if len(a.open) == len(b.open):
        if any(not elaborator.notes.sizes.unify(i.size, j.size) for i, j in zip(a.open, b.open, strict=True)):
            return None
        return a.expr, x.substitute(b.expr, dict(zip(b.open, a.open, strict=True)))
    if a.open and b.open:
        return None
    whole, entry = (a, b) if a.open else (b, a)
    letters = [i for i in elaborator.scope.values() if i in entry.expr.free and i not in whole.expr.free]
    if not letters and isinstance(entry.expr, x.Num):
        return a.expr, b.expr
    if len(letters) != len(whole.open):
        return None
    if any(not elaborator.notes.sizes.unify(i.size, j.size) for i, j in zip(whole.open, letters, strict=True)):
        return None
    put = x.substitute(whole.expr, dict(zip(whole.open, letters, strict=True)))
    return (put, b.expr) if a.open else (a.expr, put)


def _whole(one: Statement) -> t.Span:
    spans = [m.span for m in one.members]
    return (min(s for s, _ in spans), max(e for _, e in spans)) if spans else (one.block.start, one.block.start + 1)


def _spans(one: Statement) -> list[t.Span]:
    if one.problem is not None:
        return [(one.problem.start, one.problem.end)]
    return [m.span for m in (one.members if one.continues else one.members[1:] or one.members)]


_DECLARATION = re.compile(
    r"^\s*[a-zA-Z](_\w)?\s*=\s*(1|0)\s*,?\s*(\\l?dots|\\ldots|\\cdots|\.\.\.|…)|^[^=]*\\in[^=]*$|^\s*[a-z]\s*(=|\\neq?|\\ne)\s*[a-z](_\{?\w+\}?)?\s*$"
)


def _is_declaration(one: Statement) -> bool:
    """`i = 1…m`, `z ∈ R^K`, `i ≠ j`: no equation between known things."""
    return bool(_DECLARATION.match(one.block.text)) or all(m.relation in ("", r"\in") for m in one.members)


def _about(node: t.Node, elaborator: Elaborator) -> bool:
    """Whether a condition speaks of letters that the line has."""
    letters = {u.name for u in t.walk(node) if isinstance(u, t.Symbol) and not u.subs}
    return all(
        a in elaborator.scope or a in elaborator.notes.stand_ins
        for a in letters
        if a in elaborator.notes.letters or a in elaborator.notes.stand_ins
    )


def _empty(cond: x.Cond) -> bool:
    parts = cond.parts if isinstance(cond, x.And) else (cond,)
    keys = {p.key for p in parts}
    return any(isinstance(p, x.Not) and p.part.key in keys for p in parts)


_CASE = re.compile(r"(?:^|\W)(?:if|case|when|for|assume|suppose|whenever|case\s+\w+:?)\s*[*_(]*\s*$", re.I)
_TOGETHER = re.compile(
    r"\b(both|together|overall|combin\w+|altogether|general|summar\w+|regardless|either|all cases)\b", re.I
)


def restrictions(paper: Paper) -> dict[int, list]:
    """For every display the conditions that the words before it set: `If j ≠ y,`, `Case i = k`, `i = j:`."""
    found: dict[int, list] = {}
    current: list = []
    blocks = paper.document.blocks
    for k, block in enumerate(blocks):
        if block.kind == "heading":
            current = []
        elif block.kind in ("prose", "code"):
            if _TOGETHER.search(block.text) or len(block.text.split()) > 9 or block.kind == "code":
                current = []
        elif block.kind == "inline" and _sets_case(blocks, k):
            current = [_condition_tokens(paper, block)]
        elif block.kind == "display" and current and all(current):
            found[id(block)] = list(current)
    return found


def _condition_tokens(paper: Paper, block: Block) -> list:
    try:
        return tokenize(block.text, paper.document.macros, block.start)
    except Unread:
        return []


_SIMPLE = re.compile(r"^\s*[a-z]'?\s*(=|\\neq?|≠)\s*[a-z]('|_\{?[a-z]\}?)?\s*$")


def _sets_case(blocks: Sequence[Block], k: int) -> bool:
    """Whether an inline formula is a case: `if $j ≠ y$`, `**Case $i = j$**`, `$i = j$:`."""
    if not _SIMPLE.match(blocks[k].text):
        return False
    before = blocks[k - 1] if k else None
    after = blocks[k + 1] if k + 1 < len(blocks) else None
    if (
        before is not None
        and before.kind == "heading"
        and before.start <= blocks[k].start < before.start + len(before.text)
    ):
        return bool(re.search(r"case|if|when|for", before.text, re.I))
    if before is not None and before.kind == "prose" and _CASE.search(before.text):
        return True
    fresh = (
        before is None or before.kind != "prose" or not before.text.strip() or before.text.endswith(("\n", "- ", "* "))
    )
    return fresh and after is not None and after.text.lstrip().startswith(":")
