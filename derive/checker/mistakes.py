"""Which known mistake a wrong line makes: the first repair that makes it right, and the correction that it gives."""

from __future__ import annotations

import itertools
from copy import copy
from dataclasses import dataclass

import numpy as np

from derive import expr as x
from derive.checker.codes import CODES, KIND_CODES
from derive.checker.deciding import restricted
from derive.checker.repairs import Patient, Repair, repairs
from derive.errors import Problem
from derive.expr import Expr
from derive.index import Index
from derive.judges.bench import Bench
from derive.judges.evaluate import Undecided
from derive.readers import latex_tree as t
from derive.readers.latex_grammar import read_formula
from derive.readers.latex_matrices import with_implied
from derive.readers.latex_notes import Unknown
from derive.readers.latex_tokens import Token, Unread, tokenize

MOST_REPAIRS = 600
LEARNT = ("labels", "ranks", "size_names", "letters", "aliases")  # of the notes: reading a formula teaches them
LEARNING = {"missing-sum", "factor-out-of-sum", "axis", "index"}  # repairs with letters that the line did not have


@dataclass(frozen=True)
class Diagnosis:
    """The kind of mistake, a sentence, the corrected line as LaTeX, and the place to point at."""

    kind: str = "wrong"
    reason: str = "the two sides differ"
    correction: str | None = None
    span: tuple[int, int] | None = None


def diagnosed(checker, one, chain, n, found, program=None, decider=None) -> Diagnosis:
    """The diagnosis of a wrong line; without a repair the correction is the last right form of the same thing."""
    surgery = Surgery.of(checker, one, chain, n, found, program or checker.paper.program, decider or checker.decider)
    if surgery is not None:
        repair, text = surgery.run()
        if repair is not None:
            reason = CODES[KIND_CODES[repair.kind]][1]
            shown = surgery.patient.text[repair.span[0] : repair.span[1]].strip()
            return Diagnosis(repair.kind, f"{reason[:-1]}: {_short(shown)}", text, repair.span)
    return _fallback(checker, one, chain, n, found)


def _one_line(text: str) -> str:
    """A line without the breaks of its display."""
    if "\\begin" not in text:
        text = text.replace("\\\\", " ").replace("&", " ")
    return " ".join(text.split())


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "…"


def _fallback(checker, one, chain, n, found, program=None) -> Diagnosis:
    """The member before, where that is right; else the derived formula."""
    kind = "wrong"
    if found.left is None:
        return Diagnosis(kind)
    before = chain[n - 1].member
    if (
        n - 1 > checker.base(chain, n)
        and found.before is not None
        and checker.decider.equal(found.left, found.before, found.cond).equal
    ):
        source = chain[n - 1].statement.block.source.text
        return Diagnosis(
            kind, "does not follow from the line before", " ".join(source[before.span[0] : before.span[1]].split())
        )
    return Diagnosis(kind, "the two sides differ", _shortest(checker, one, chain, n, found, program))


def _shortest(checker, one, chain, n, found, program=None) -> str | None:
    """The derived formula: in closed form, from the gradients above it, or multiplied out, whichever is shortest."""
    from derive.checker.writing import latex

    left = found.left
    whole = program or checker.paper.program
    if isinstance(left, x.Entry) and whole.equation(left.name) is not None:
        left = whole.equation(left.name).instance(left.slots)
    forms = [left]
    scalar = _scalar(checker, chain, n)
    if isinstance(found.left, x.D) and isinstance(found.left.wrt, x.Entry) and scalar is not None:
        derived = checker.derived_of(scalar).forms(found.left.wrt)
        if scalar != checker.paper.notes.loss:  # a gradient of another number has no name to print
            derived = [e for e in derived if not any(name.startswith("∂") for name in e.names)]
        forms = derived[-1:] if derived and _mentions_gradients(chain[n].member.node) else [*derived, *forms]
    texts = [text for e in sorted(forms, key=_weight) if (text := latex(e, checker.paper)) is not None]
    return texts[0] if texts else None


def _weight(e: Expr) -> int:
    """How much there is to read: names, numbers, signs; a derivative not carried out comes last."""
    parts = list(x.walk(e))
    return sum(not isinstance(u, (x.Mul, Index)) for u in parts) + 100 * any(isinstance(u, x.D) for u in parts)


def _mentions_gradients(node: t.Node | None) -> bool:
    """Whether a line is a step of the chain rule: it speaks of other derivatives."""
    return node is not None and any(isinstance(u, (t.Derivative, t.Differential)) for u in t.walk(node))


def _scalar(checker, chain, n) -> str | None:
    """The number that a chain's first member differentiates: the loss, or another one that is defined."""
    first = chain[checker.base(chain, n)].member.node
    first = first.inner if isinstance(first, t.Paren) else first
    notes = checker.paper.notes
    if isinstance(first, t.Differential):
        return notes.loss
    body = first.body if isinstance(first, t.Derivative) else None
    body = body.symbol if isinstance(body, t.Apply) else body
    if not isinstance(body, t.Symbol) or body.subs:
        return None
    name = notes.resolve(notes.spell(body)[0])[0]
    equation = checker.paper.program.equation(name)
    return name if name == notes.loss or equation is not None and not equation.indices else None


@dataclass
class Surgery:
    """A wrong line on the table: what it should equal, and a quick test of proposals."""

    checker: object
    one: object
    found: object
    patient: Patient
    target: Expr
    bench: Bench
    axes: tuple[Index, ...]
    wanted: np.ndarray
    decider: object
    tries: int = 0

    @staticmethod
    def of(checker, one, chain, n, found, whole, decider) -> Surgery | None:
        """None where the right value cannot be evaluated."""
        target = found.left if found.left is not None else found.before
        member = chain[n].member
        if target is None or found.right is None or member.node is None:
            return None
        if found.cond is not None:
            target = x.cases([(found.cond, target)], x.ZERO)
        program = restricted(with_implied(whole, checker.paper.notes.implied), (target, found.right))
        free = tuple(sorted(target.free, key=lambda i: i.number))
        try:
            bench = Bench(program, 3, extra=(target, found.right), positive=True)
            wanted = bench.value(target, free)
        except (Undecided, Problem, ZeroDivisionError):
            return None
        patient = _patient(checker, one, chain, n, found, program)
        return Surgery(checker, one, found, patient, target, bench, free, wanted, decider)

    def run(self) -> tuple[Repair | None, str | None]:
        """The first repair that is right, and the line that it makes; what trials say of names is forgotten."""
        notes = self.checker.paper.notes
        held = {name: copy(getattr(notes, name)) for name in LEARNT}
        table = dict(notes.sizes.table)
        try:
            return self._first()
        finally:
            for name, value in held.items():
                setattr(notes, name, value)
            notes.sizes.table = table

    def _first(self) -> tuple[Repair | None, str | None]:
        seen: set[str] = set()
        for repair in itertools.islice(repairs(self.patient), MOST_REPAIRS):
            text = self.edited(repair)
            if text in seen:
                continue
            seen.add(text)
            e = self.read(text, repair.kind in LEARNING)
            if e is not None and self.fits(e):
                return repair, _one_line(text)
        return None, None

    def edited(self, repair: Repair) -> str:
        start, end = self.patient.span
        text = self.patient.text[start:end]
        for a, b, new in sorted(repair.edits, reverse=True):
            text = text[: max(0, a - start)] + new + text[max(0, b - start) :]
        return text

    def read(self, text: str, learning: bool = False) -> Expr | None:
        """The value of an edited line over the same indices."""
        from derive.checker.formulas import aligned
        from derive.readers.latex_meaning import Value

        paper = self.checker.paper
        try:
            node = read_formula(_outer(tokenize(text, paper.document.macros)), paper.lexicon)
            self.tries += 1
            for again in range(2):  # the first time learns how long the new indices run
                elaborator = paper.elaborator(self.one, program=self.found.elaborator.program)
                elaborator.proposing = learning
                elaborator.statement = f"{elaborator.statement}r{self.tries}"
                elaborator.scope = dict(self.found.elaborator.scope)
                elaborator.reading = self.found.elaborator.reading
                v = elaborator.value(node)
                if again or not _provisional(v.expr):
                    break
        except (Unread, Unknown, Problem, RecursionError, OverflowError, ZeroDivisionError):
            return None
        if elaborator.misfits or elaborator.scope.keys() - self.found.elaborator.scope.keys():
            return None
        pair = aligned(Value(self.target, self.open_axes()), v, elaborator)
        return None if pair is None else pair[1]

    def open_axes(self) -> tuple[Index, ...]:
        scope = set(self.found.elaborator.scope.values())
        return tuple(i for i in self.axes if i not in scope)

    def fits(self, e: Expr) -> bool:
        """Whether a proposal is right: quickly in floats, then by the checker's own decision."""
        if e.free - self.target.free:
            return False
        if self.found.cond is not None:
            e = x.cases([(self.found.cond, e)], x.ZERO)
        try:
            value = self.bench.value(e, self.axes)
        except (Undecided, Problem, KeyError, ZeroDivisionError, IndexError):
            return False
        if value.shape != self.wanted.shape or not np.allclose(value, self.wanted, rtol=1e-9, atol=1e-12):
            return False
        return self.decider.equal(self.target, e).equal is True


def _provisional(e: Expr) -> bool:
    """Whether a sum runs over a length that was still to be learnt."""
    return any(isinstance(u, x.Reduce) and any(a.startswith("?") for a in u.index.size.letters) for u in x.walk(e))


def _outer(tokens: list[Token]) -> list[Token]:
    """Without the row breaks and columns of the display around a line."""
    kept, depth = [], 0
    for token in tokens:
        depth += {r"\begin": 1, r"\end": -1}.get(token.text, 0)
        if depth or not (token.kind == "row" or token.text == "&"):
            kept.append(token)
    return kept


def _patient(checker, one, chain, n, found, program) -> Patient:
    member, notes = chain[n].member, checker.paper.notes
    scope, bound = found.elaborator.scope, {a for u in t.walk(member.node) if isinstance(u, t.Big) for a in u.letters}
    left = found.left if found.left is not None else found.before
    extra = [a for a, i in scope.items() if i in found.right.free and i not in left.free]
    more = [a for a in sorted(notes.letters) if len(a) == 1 and a not in scope and a not in bound][:1]
    sizes = [
        s
        for s in sorted(notes.size_names | program.sizes)
        if len(s) <= 3 and s in program.sizes | _sizes_of(left, found.right)
    ]
    letters = list(dict.fromkeys([*scope, *sorted(bound)]))
    text = one.block.source.text if chain[n].statement is one else chain[n].statement.block.source.text
    return Patient(
        member.node,
        text,
        member.node.span,
        tuple(a for a, i in scope.items() if i in left.free),
        (),
        tuple([*extra, *(more if not extra else [])]),
        tuple(letters),
        tuple(sizes),
        _factors(chain, n),
        tuple(dict.fromkeys((*_terms(chain, n), *_deltas(scope, left)))),
        _parts(checker, chain, n),
        _names(checker, chain, n),
        any(
            isinstance(u, t.Transposed)
            or not getattr(u, "subs", (1,))
            and notes.ranks.get(getattr(u, "name", ""), 0) == 2
            for u in t.walk(member.node)
        ),
    )


def _sizes_of(*formulas: Expr) -> set[str]:
    return {a for e in formulas for i in e.free for a in i.size.letters}


def _terms(chain, n: int) -> tuple[str, ...]:
    """The signed terms of the members before, as written, the last first."""
    found: dict[str, None] = {}
    for k in range(n - 1, -1, -1):
        node, source = chain[k].member.node, chain[k].statement.block.source.text
        for u in t.walk(node) if node is not None else ():
            if isinstance(u, t.Sum):
                terms = [f"{'+' if sign > 0 else '-'} {source[term.span[0] : term.span[1]]}" for sign, term in u.terms]
                found |= dict.fromkeys(terms)
    return tuple(found)[:8]


def _deltas(scope, left) -> list[str]:
    """δ of the letters that the left side has, as terms."""
    free = [a for a, i in scope.items() if i in left.free]
    return [f"{sign} \\delta_{{{a}{b}}}" for a, b in itertools.combinations(free, 2) for sign in "+-"][:2] + ["+ 1"]


def _parts(checker, chain, n: int) -> tuple[str, ...]:
    """Factors and denominators as written: those of the members before, of this one, of the definitions."""
    found: dict[str, None] = {}
    members = [(chain[k].member, chain[k].statement) for k in (*range(n - 1, 0, -1), n)]
    defining = [one for k, one in enumerate(checker.paper.statements) if k in checker.paper.definitions]
    members += [(m, one) for one in reversed(defining) if one.block.kind == "display" for m in one.members[1:]]
    for member, one in members:
        for u in t.walk(member.node) if member.node is not None else ():
            inner = [f for _, f in u.factors] if isinstance(u, t.Product) else []
            inner += [u.under] if isinstance(u, t.Fraction_) else []
            for f in inner:
                text = " ".join(one.block.source.text[f.span[0] : f.span[1]].split())
                if not isinstance(f, (t.Number, t.Big, t.Dots)) and len(text) <= 50:
                    found[text] = None
    return tuple(sorted(found, key=len)) if len(found) > 12 else tuple(found)


def _names(checker, chain, n: int) -> tuple[tuple[str, int], ...]:
    """Names with their number of indices, those of the chain first."""
    found: dict[tuple[str, int], None] = {}
    members = [(chain[k].member.node, chain[k].statement) for k in range(n, -1, -1)]
    members += [(m.node, one) for one in checker.paper.statements if one.block.kind == "display" for m in one.members]
    for node, one in members:
        for u in t.walk(node) if node is not None else ():
            if isinstance(u, t.Symbol) and not u.marks and u.name not in ("delta", "I") and len(u.name) < 12:
                text = one.block.source.text[u.span[0] : u.span[1]].split("_")[0].strip()
                if text.lstrip("\\").isalpha():
                    found[text, len(u.subs)] = None
    return tuple(found)[:14]


def _factors(chain, n: int) -> tuple[str, ...]:
    """Simple factors of the neighbouring members, as written."""
    found: dict[str, None] = {}
    for k in (n - 1, n, 0):
        link = chain[k]
        node = link.member.node
        if node is None:
            continue
        source = link.statement.block.source.text
        for u in t.walk(node):
            if (
                isinstance(u, (t.Symbol, t.Derivative))
                and u.span[1] - u.span[0] < 60
                and (isinstance(u, t.Derivative) or u.subs or u.marks)
            ):
                found[source[u.span[0] : u.span[1]]] = None
    return tuple(found)[:12]
