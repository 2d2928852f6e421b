"""The search for the shortest form of a sum of products under a program's definitions.

Moves: a name is put in for what it stands for, or written out; equal terms meet; a sum that the definitions make
constant is counted (centred values sum to zero).  A small beam of lines is kept, the cheapest first; the search stops
when nothing has become shorter for some rounds, and says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from derive import expr as x
from derive.counting import count
from derive.expr import Entry, Expr
from derive.factoring import factored
from derive.index import Index
from derive.matching import assigned
from derive.monomials import Monomial, collected, counted, gathered, merged, product, raised, single, spread
from derive.refining import HIDDEN, Atoms, Definition
from derive.rule import Context, Move, rule
from derive.rules.deltas import contract
from derive.rules.recognise import one_hot_sum, use_fact
from derive.rules.scalars import cancel_beside_a_delta

WIDTH = 3  # lines kept from round to round
ROUNDS = 12
PATIENCE = 3  # rounds without a shorter line before the search gives up
MOST_LINES = 80  # lines looked at in one search
DEPTH = 6  # definitions written out to see what a sum comes to


@dataclass(frozen=True)
class Found:
    """One move: the rule's name, what to say of it, the definitions it used, and the terms after it."""

    rule: str
    instance: str
    uses: tuple[str, ...]
    terms: tuple[Monomial, ...]


@dataclass
class Line:
    """A line under way, with the moves that led to it."""

    terms: tuple[Monomial, ...]
    moves: tuple[Found, ...] = ()
    cost: float = 0.0

    @property
    def key(self) -> str:
        return "+".join(sorted(f"{m.coefficient}*{m.key}" for m in self.terms))


@dataclass
class Search:
    """The search over one program's definitions; what it learnt of sums serves the next search too."""

    atoms: Atoms
    context: Context
    sums: dict[str, tuple | None] = field(default_factory=dict)

    def shortest(self, terms: Sequence[Monomial]) -> tuple[Line, str]:
        """The cheapest line reached, and why the search stopped."""
        start = self.settled(Line(tuple(terms)))
        start.cost = self.cost(start.terms)
        best, beam, seen, idle = start, [start], {start.key}, 0
        for _ in range(ROUNDS):
            new: list[Line] = []
            for line in beam:
                for move in self.moves(line.terms):
                    after = self.settled(Line(move.terms, (*line.moves, move)))
                    if after.key not in seen and len(seen) < MOST_LINES:
                        seen.add(after.key)
                        after.cost = self.cost(after.terms)
                        new.append(after)
            if not new:
                return best, "no rule leads to another line"
            beam = sorted(new, key=lambda line: (line.cost, len(line.moves)))[:WIDTH]
            idle = 0 if beam[0].cost < best.cost else idle + 1
            best = beam[0] if beam[0].cost < best.cost else best
            if idle >= PATIENCE:
                return best, "no rule shortens it"
        return best, "the search was cut off"

    def cost(self, terms: Sequence[Monomial]) -> float:
        """Operations and entries moved at nominal sizes; the length of the line decides between equals."""
        e = self.atoms.shown(factored(terms, deep=False))
        return count(e).cost + len(e.key) / 1e6

    # -- what is always done

    def settled(self, line: Line) -> Line:
        """Deltas contracted, sums that the definitions make constant counted, equal terms collected."""
        line = self._every(line, "a delta collapses its sum", self._contracted)
        line = self._every(line, "cancel beside a delta", self._beside)
        line = self._every(line, "sum by definition", self._summed)
        after = tuple(collected(line.terms))
        if len(after) == len(line.terms):
            return line
        return Line(after, (*line.moves, Found("collect like terms", "", (), after)))

    def _every(self, line: Line, rule: str, change) -> Line:
        said: list[str] = []
        uses: list[str] = []
        terms = [t for m in line.terms for t in change(m, said, uses)]
        if len(terms) == len(line.terms) and all(a is b for a, b in zip(terms, line.terms, strict=True)):
            return line
        move = Found(rule, ", ".join(dict.fromkeys(said)), tuple(dict.fromkeys(uses)), tuple(terms))
        return Line(move.terms, (*line.moves, move))

    def _contracted(self, m: Monomial, said: list[str], uses: list[str]) -> list[Monomial]:
        if not m.binders or not any(isinstance(b, x.Ind) for b, _ in m.powers):
            return [m]
        after = contract(m.expr, self.context, said)
        if after is None and isinstance(whole := m.expr, x.Mul):
            parts = [contract(f, self.context, said) for f in whole.factors]
            if any(p is not None for p in parts):
                after = x.mul(*(f if p is None else p for p, f in zip(parts, whole.factors, strict=True)))
        return [m] if after is None else spread(after)

    def _beside(self, m: Monomial, said: list[str], uses: list[str]) -> list[Monomial]:
        """The term with what cancels because a delta that stands in it says that two indices agree."""
        if not any(isinstance(b, x.Ind) for b, _ in m.powers) or not isinstance(m.expr, x.Mul):
            return [m]
        move = cancel_beside_a_delta.apply(m.expr, self.context)
        return [m] if move is None else spread(move.after)

    def _summed(self, m: Monomial, said: list[str], uses: list[str]) -> list[Monomial]:
        """The term with its sums over a single name worked out, where that leaves a number."""
        for i in m.binders:
            own = {i}
            factors = [(b, n) for b, n in m.powers if i in b.free]
            if len(factors) != 1 or not isinstance(factors[0][0], Entry):
                continue
            base, n = factors[0]
            own = base.free & set(m.binders)
            if any(own & b.free for b, _ in m.powers if b is not base):
                own = {i}
            binders = tuple(j for j in m.binders if j in own)
            value = self.sum_of(base, n, binders)
            if value is None and own != {i}:
                value, binders = self.sum_of(base, n, (i,)), (i,)
            if value is None:
                continue
            number, names = value
            rest = Monomial(m.coefficient, tuple(p for p in m.powers if p[0] is not base),
                            tuple(j for j in m.binders if j not in binders))  # fmt: skip
            said.append(f"{self.atoms.shown(single(Monomial(Fraction(1), (factors[0],), binders)))} is "
                        f"{gathered(number)}")  # fmt: skip
            uses += names
            return [t for k in number for t in self._summed(rest.times(k), said, uses)]
        return [m]

    def sum_of(self, base: Entry, n: Fraction, binders: tuple[Index, ...]) -> tuple[list[Monomial], tuple] | None:
        """What Σ base^n comes to by the definitions when that is a number, and the definitions used."""
        m = Monomial(Fraction(1), ((base, n),), binders)
        if m.key not in self.sums:
            self.sums[m.key] = None  # a sum that leads to itself is not settled
            uses: list[str] = []
            found = self._number([m], uses, DEPTH) if n.denominator == 1 else None
            self.sums[m.key] = None if found is None else (found, tuple(dict.fromkeys(uses)))
        return self.sums[m.key]

    def _declared(self, m: Monomial, uses: list[str]) -> Monomial:
        """A term with the sum of an input worked out where a fact was declared of it."""
        for fact in (use_fact, one_hot_sum):
            for e in (x.parts(m.expr) if isinstance(m.expr, x.Mul) else (m.expr,)):
                move = fact.apply(e, self.context) if isinstance(e, x.Reduce) else None
                if move is not None and isinstance(move.after, x.Num):
                    uses += move.uses
                    rest = x.mul(*(f for f in x.parts(m.expr) if f is not e)) if isinstance(m.expr, x.Mul) else x.ONE
                    return spread(rest)[0].scaled(Fraction(move.after.value))
        return m

    def _number(self, terms: list[Monomial], uses: list[str], depth: int) -> list[Monomial] | None:
        """The terms written out one definition after another until no array is left."""
        while depth:
            depth -= 1
            terms = collected(self._declared(t, uses) for m in terms for t in self._contracted(m, [], []))
            if all(not m.names for m in terms):
                return terms if len(terms) <= 1 else None
            for d in self.atoms.within(frozenset().union(*(m.names for m in terms))):
                if len(d.terms) == 1 and d.terms[0].binders:
                    terms, used = self._put_name(d, terms)
                    uses += self._told(d) if used else ()
            terms = collected(terms)
            if all(not m.names for m in terms):
                return terms if len(terms) <= 1 else None
            latest = self._latest(terms)
            if latest is None or len(terms) > 6:
                return None
            opened = self._written_out(latest, terms)
            if opened is None:
                return None
            uses += self._told(latest)
            terms = list(opened)
        return None

    def _latest(self, terms: Sequence[Monomial]) -> Definition | None:
        """The definition that was made last among the names in the terms and can be written out."""
        names = set().union(*(m.names for m in terms)) if terms else set()
        own = [self.atoms.table[n] for n in sorted(names) if n in self.atoms.table and not opaque(self.atoms.table[n])]
        return max(own, key=lambda d: self._rank(d), default=None)

    def _rank(self, d: Definition) -> int:
        """How many definitions stand between a name and the inputs."""
        inner = [self.atoms.table[n] for n in d.rhs.names if n in self.atoms.table]
        return 1 + max((self._rank(e) for e in inner), default=0)

    def _told(self, d: Definition) -> tuple[str, ...]:
        """The author's names behind a definition that a move used."""
        return tuple(n for n in (d.name, *d.function_of, *d.through) if not n.startswith(HIDDEN))

    # -- moves

    def moves(self, terms: tuple[Monomial, ...]) -> Iterator[Found]:
        """Every definition put in or written out, wherever that is possible."""
        names = frozenset().union(*(m.names for m in terms)) if terms else frozenset()
        for d in self.atoms.within(names):
            if d.terms and not opaque(d):
                yield from self._fold(d, terms)
        for d in (self.atoms.table[n] for n in sorted(names) if n in self.atoms.table):
            after = None if opaque(d) else self._written_out(d, terms)
            if after is not None:
                rule = "multiply out" if d.hidden and len(d.terms) > 1 else "write out"
                yield Found(rule, self._said(d), self._told(d), tuple(after))
        for name in sorted(names & self.atoms.solved.keys()):
            for d, by in self.atoms.solved[name]:
                after = self._written_out(d, terms)
                if after is not None:
                    yield Found("solve a definition", "", self._told(self.atoms.table[by]), tuple(after))

    def _said(self, d: Definition) -> str:
        return "" if d.hidden else d.name

    def _fold(self, d: Definition, terms: tuple[Monomial, ...]) -> Iterator[Found]:
        if len(d.terms) == 1:
            after, used = self._put_name(d, terms)
        else:
            after, used = self._put_sum(d, terms)
        if used:
            rule = "known function" if d.function_of else "factor out" if d.hidden else "call by name"
            yield Found(rule, self._said(d), self._told(d), tuple(after))

    def _put_name(self, d: Definition, terms: Sequence[Monomial]) -> tuple[list[Monomial], bool]:
        """A product that has a name is called by it, in every term, as often as it occurs."""
        after, used = [], False
        for m in terms:
            for sign in (1, -1):
                while (found := self._within(d, d.terms[0], m, sign)) is not None:
                    slots, rest = found
                    power = ((self._entry(d, slots), Fraction(sign)),)
                    m, used = counted(Monomial(rest.coefficient, merged((*rest.powers, *power)), rest.binders)), True
            after.append(m)
        return after, used

    def _within(self, d: Definition, pattern: Monomial, m: Monomial, sign: int = 1):
        """The slots at which a pattern divides a term (or its reciprocal does), and the quotient."""
        if sign < 0 and pattern.binders or not pattern.powers:
            return None
        for found, left, taken in divisions(pattern, m, d.indices, sign):
            if not all(i in found for i in d.indices if i.size.number != 1):
                continue
            slots = {i: found.get(i, x.whole_slot(0)) for i in d.indices}
            if not all(x.within(slots[i], i.size, self.context.program.limits) for i in d.indices):
                continue
            binders = tuple(j for j in m.binders if j not in taken)
            if any(taken & b.free for b, _ in left) or any(taken & x.free_indices(s) for s in slots.values()):
                continue
            return slots, Monomial(m.coefficient / pattern.coefficient**sign, left, binders)
        return None

    def _entry(self, d: Definition, slots: dict[Index, x.Slot]) -> Entry:
        return Entry(d.name, tuple(slots[i] for i in d.indices))

    def _put_sum(self, d: Definition, terms: Sequence[Monomial]) -> tuple[list[Monomial], bool]:
        """Terms that are one thing times the parts of a named sum are that thing times the name."""
        left, used = list(terms), False
        first = max(d.terms, key=lambda m: len(m.powers))
        others = [m for m in d.terms if m is not first]
        again = True
        while again:
            again = False
            for m in left:
                found = self._within(d, first, m)
                if found is None:
                    continue
                slots, rest = found
                wanted = [t for o in others for t in self._times(rest, o.substituted(slots))]
                gone = [next((t for t in left if t is not m and t.key == w.key and t.coefficient == w.coefficient), None)
                        for w in wanted]  # fmt: skip
                if None in gone or len({id(t) for t in gone}) < len(gone):
                    continue
                whole = Monomial(rest.coefficient, merged((*rest.powers, (self._entry(d, slots), Fraction(1)))), rest.binders)
                place = left.index(m)
                left[place] = whole
                left = [t for t in left if not any(t is g for g in gone)]
                used = again = True
                break
        return left, used

    def _times(self, a: Monomial, b: Monomial) -> tuple[Monomial, ...]:
        """The product as it stands in a settled line: one term, or none where a sum in it is zero."""
        return self.settled(Line((a.times(b),))).terms

    def _written_out(self, d: Definition, terms: Sequence[Monomial]) -> list[Monomial] | None:
        """The terms with a name replaced by what it stands for; None where it stands in no place that allows that."""
        after: list[Monomial] = []
        used = False
        for m in terms:
            own = next(((b, n) for b, n in m.powers if isinstance(b, Entry) and b.name == d.name), None)
            opened = None if own is None else self._opened(d, own[0], own[1])
            if opened is None:
                after.append(m)
                continue
            used = True
            rest = Monomial(m.coefficient, tuple(p for p in m.powers if p[0] is not own[0]), m.binders)
            after += [rest.times(t) for t in opened]
        return after if used else None

    def _opened(self, d: Definition, e: Entry, n: Fraction) -> list[Monomial] | None:
        inner = d.at(e.slots)
        if n == 1:
            return inner
        if n.denominator == 1 and len(inner) == 1 and not inner[0].binders:
            return [raised(inner[0], n)]
        return product([inner] * 2) if n == 2 and len(inner) > 1 else None


def opaque(d: Definition) -> bool:
    """Whether a definition is a function of something, which no product or sum can be told from."""
    return len(d.terms) == 1 and any(not isinstance(b, (Entry, x.Whole, x.Ind)) for b, _ in d.terms[0].powers)


def divisions(pattern: Monomial, m: Monomial, indices: Sequence[Index], sign: int) -> Iterator[tuple]:
    """Every way in which a pattern's powers (to the power `sign`) are among a term's: slots, what is left, binders used."""
    free = frozenset(i for i in (*indices, *pattern.binders) if i.size.number != 1)
    sizes = [(b, n * sign) for b, n in pattern.powers if isinstance(b, x.Whole)]
    wanted = [(b, n * sign) for b, n in pattern.powers if not isinstance(b, x.Whole)]
    if not wanted:
        return

    def search(place: int, found: dict, left: list[tuple[Expr, Fraction]]) -> Iterator[tuple[dict, list]]:
        if place == len(wanted):
            yield found, left
            return
        base, n = wanted[place]
        for k, (have, most) in enumerate(left):
            if most * n > 0 and abs(most) >= abs(n):
                for more in assigned(base, have, found, free):
                    rest = [*left[:k], (have, most - n), *left[k + 1 :]]
                    yield from search(place + 1, more, rest)

    for found, left in search(0, {}, list(m.powers)):
        bound = [found.get(i) for i in pattern.binders]
        if any(j not in m.binders for j in bound) or len({id(j) for j in bound}) < len(bound):
            continue
        yield found, merged((*left, *((b, -n) for b, n in sizes))), frozenset(bound)


# ---------------------------------------------------------------- the two moves that are rules of their own


@rule("sum by definition", "sum[i:n] c[i] = 0 where c[i] := x[i] - 1/n*(sum[m:n] x[m])",
      "y[j] + a[]*(sum[i:n] c[i]) -> y[j]", (x.Reduce,), phase="collapse")  # fmt: skip
def sum_by_definition(e: x.Reduce, context: Context) -> Move | None:
    """A sum that the definitions make constant is that number: what was centred sums to zero, a share to one."""
    search = Search(Atoms(context.program), context)
    terms = spread(e)
    after = search.settled(Line(tuple(terms)))
    return Move(gathered(after.terms), uses=after.moves[0].uses) if after.moves else None


@rule("solve a definition", "e[i] = q[i] - 1 where e[i] := exp(-x[i]) , q[i] := 1 + e[i]", "y[j]*e[i] -> y[j]*(q[i] - 1)",
      (Entry,), phase="collapse")  # fmt: skip
def solve_a_definition(e: Entry, context: Context) -> Move | None:
    """An exponential is what is left of a named sum in which it stands."""
    atoms = Atoms(context.program)
    for d, by in atoms.solved.get(e.name, ()):
        table = dict(zip(d.indices, e.slots, strict=True))
        return Move(gathered(m.substituted(table) for m in d.terms), uses=(by,))
    return None


@rule("write out", "p[i] = e[i]*r[] where p[i] := e[i]*r[]", "y[j]*p[i] -> y[j]*e[i]*r[]", (Entry,), phase="collapse")
def write_out(e: Entry, context: Context) -> Move | None:
    """A name is replaced by what it stands for, where something then cancels."""
    equation = context.program.equation(e.name)
    if equation is None or equation.kind != "explicit" or not isinstance(equation.rhs, (x.Add, x.Mul)):
        return None
    return Move(equation.instance(e.slots), uses=(e.name,))


__all__ = ["Found", "Line", "Search", "opaque"]
