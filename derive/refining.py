"""A program in its smallest steps: every bracket, power and function has a name, the author's where there is one.

`x̂ = (x − μ)/√(σ² + ε)` on one line or on four comes to the same definitions, so that a closed form does not depend on
how the lines were cut.  Names that the author did not give are hidden: `Atoms.shown` writes them out again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

from derive import expr as x
from derive.expr import Entry, Expr
from derive.index import Index
from derive.matching import match
from derive.monomials import Monomial, TooLong, collected, gathered, sized, spread
from derive.program import Equation, Program
from derive.recurrence import recurrences
from derive.rules.scalars import collected as together

HIDDEN = "§"


@dataclass(frozen=True)
class Definition:
    """`name[indices]` is the sum of `terms`, and is written `rhs`.

    The two say the same, except where the terms were found to be a known function of something: `function_of` are then
    the names that this rests on.  `through` are the names that came into `rhs` or
    went from it when it was written so: second names, and the author's names of its brackets.
    """

    name: str
    indices: tuple[Index, ...]
    rhs: Expr
    terms: tuple[Monomial, ...]
    function_of: tuple[str, ...] = ()
    through: tuple[str, ...] = ()

    @property
    def made_of(self) -> frozenset[str]:
        """The names in its terms."""
        return frozenset().union(*(m.names for m in self.terms))

    @property
    def hidden(self) -> bool:
        return self.name.startswith(HIDDEN)

    @property
    def entry(self) -> Entry:
        return Entry(self.name, tuple(x.whole_slot(0) if i.size.number == 1 else i for i in self.indices))

    def at(self, slots: tuple[x.Slot, ...]) -> list[Monomial]:
        """The terms at other slots, their binders fresh."""
        table = dict(zip(self.indices, slots, strict=True))
        return [m.substituted(table) for m in self.terms]


@dataclass
class Atoms:
    """The definitions of a program."""

    program: Program
    table: dict[str, Definition] = field(default_factory=dict)
    shapes: dict[str, list[Definition]] = field(default_factory=dict)
    users: dict[str, list[Definition]] = field(default_factory=dict)
    solved: dict[str, list[tuple[Definition, str]]] = field(default_factory=dict)
    second: dict[str, Definition] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rounds = recurrences(self.program.equations)
        for e in self.program.equations:
            if e.name not in rounds:
                self._equation(e)

    def within(self, names: frozenset[str]) -> list[Definition]:
        """The definitions made of some of these names alone."""
        found = {id(d): d for name in sorted(names) for d in self.users.get(name, ()) if d.made_of <= names}
        return list(found.values())

    def _equation(self, e: Equation) -> None:
        if e.name.startswith("∂") or e.kind != "explicit" or e.sort != "real":
            return
        if not all(i in e.rhs.free for i in e.indices if i.size.number != 1):
            return
        try:
            resolved = self.resolved(e.rhs)
            inner = self._inner(resolved)
            called = called_by_name(resolved, self.shown(inner))
            found = self._enter(e.name, e.indices, inner, (*self.second_names(e.rhs), *called))
        except TooLong:
            return
        twin = self._twin(found.rhs, lambda o: not o.hidden and o is not found)
        first = self._first(found) if twin is None else Monomial(Fraction(1), ((twin, Fraction(1)),))
        if first is not None:
            through = found.through if twin is None else (*found.through, twin.name)
            self.second[e.name] = Definition(e.name, e.indices, e.rhs, (first,), through=through)

    def _first(self, d: Definition) -> Monomial | None:
        """The entry of which a definition is the opposite or the reciprocal, or just another name; None where it is none."""
        m = d.terms[0] if len(d.terms) == 1 else None
        if m is None or m.binders or abs(m.coefficient) != 1 or len(m.powers) != 1:
            return None
        base, n = m.powers[0]
        known = isinstance(base, Entry) and not base.name.startswith(HIDDEN) and _is_plain(base, d.indices)
        return m if known and abs(n) == 1 else None

    def resolved(self, e: Expr) -> Expr:
        """The expression without second names, each power in one way."""

        def first(t: Entry) -> Expr | None:
            d = self.second.get(t.name)
            return None if d is None else gathered(d.at(t.slots))

        return x.rewrite(x.replace_entries(e, first), _one_power)

    def _enter(self, name: str, indices: tuple[Index, ...], rhs: Expr, through: tuple[str, ...] = ()) -> Definition:
        terms = tuple(collected(spread(rhs)))
        found = Definition(name, indices, rhs, terms, through=through)
        self.table[name] = found
        if not isinstance(rhs, Entry):
            self.shapes.setdefault(_shape(rhs), []).append(found)
        self._use(found, rhs.names)
        self._solve(found)
        self._as_quotient(found)
        return found

    def _use(self, d: Definition, names: frozenset[str]) -> None:
        for name in names:
            self.users.setdefault(name, []).append(d)

    def _solve(self, d: Definition) -> None:
        """d = c·e + … solved for an exponential e: e = (d − …)/c; and 1/(1 + e), e/(1 + e) as sigmoids."""
        for m in d.terms if len(d.terms) > 1 else ():
            e = m.powers[0][0] if len(m.powers) == 1 and m.powers[0][1] == 1 and not m.binders else None
            if not (isinstance(e, Entry) and self._is_exponential(e.name) and _is_plain(e, d.indices)):
                continue
            rest = [t.scaled(-1 / m.coefficient) for t in d.terms if t is not m]
            own = Monomial(1 / m.coefficient, ((d.entry, Fraction(1)),))
            self.solved.setdefault(e.name, []).append((Definition(e.name, e.slots, d.entry, (own, *rest)), d.name))
            if m.coefficient == 1 and len(rest) == 1 and not rest[0].powers and rest[0].coefficient == -1:
                self._sigmoids(d, e)

    def _is_exponential(self, name: str) -> bool:
        own = self.table.get(name)
        return own is not None and isinstance(own.rhs, x.Call) and own.rhs.op == "exp"

    def _sigmoids(self, d: Definition, e: Entry) -> None:
        """With u = 1 + e^v: e^v/u is σ(v), and 1/u is σ(−v)."""
        own = self.table[e.name]
        v = x.substitute(own.rhs.args[0], dict(zip(own.indices, e.slots, strict=True)))
        below = (d.entry, Fraction(-1))
        for powers, u in ((((e, Fraction(1)), below), v), ((below,), self._negative(v))):
            rhs = x.Call("sigmoid", (u,))
            hidden = Definition(f"{HIDDEN}{len(self.table)}", d.indices, rhs, (Monomial(Fraction(1), powers),), (e.name, d.name))
            self.table[hidden.name] = hidden
            self._use(hidden, frozenset((e.name, d.name)) if len(powers) > 1 else frozenset((d.name,)))

    def _as_quotient(self, d: Definition) -> None:
        """A sum that is a product once a quotient in it is brought under one bar: with s = 1/(1 + e), 1 − s is e·s."""
        for m in d.terms if len(d.terms) > 1 else ():
            quotient = self._quotient(m)
            if quotient is None:
                continue
            above, below = quotient
            denominator = Monomial(Fraction(1), ((below, Fraction(1)),))
            opened = self.table[below.name].at(below.slots)
            others = [t.times(u) for t in d.terms if t is not m for u in opened]
            whole = collected([above.times(denominator), *others])
            if len(whole) == 1 and whole[0].powers and not whole[0].binders:
                reciprocal = Monomial(Fraction(1), ((below, Fraction(-1)),))
                ways = [reciprocal] + ([m.scaled(1 / m.coefficient)] if above.powers == reciprocal.powers else [])
                for way in ways:
                    told = tuple(sorted(m.names | above.names | {d.name}))
                    product = Definition(d.name, d.indices, d.rhs, (whole[0].times(way),), told)
                    self._use(product, product.made_of)

    def _quotient(self, m: Monomial) -> tuple[Monomial, Entry] | None:
        """What a named quotient stands for, and the named sum under its bar; None where a term is no such thing."""
        s = m.powers[0][0] if len(m.powers) == 1 and m.powers[0][1] == 1 and not m.binders else None
        own = self.table.get(s.name) if isinstance(s, Entry) else None
        if own is None or len(own.terms) != 1 or own.terms[0].binders:
            return None
        above = own.at(s.slots)[0].scaled(m.coefficient)
        sums = [b for b, n in above.powers if n == -1 and isinstance(b, Entry) and b.name in self.table]
        below = next((b for b in sums if len(self.table[b.name].terms) > 1), None)
        return None if below is None else (above, below)

    def _negative(self, e: Expr) -> Expr:
        own = self.table.get(e.name) if isinstance(e, Entry) and e.name.startswith(HIDDEN) else None
        return x.negate(e if own is None else x.substitute(own.rhs, dict(zip(own.indices, e.slots, strict=True))))

    def second_names(self, e: Expr) -> tuple[str, ...]:
        """The second names that `resolved` replaces, and those behind them."""
        own = [n for n in sorted(e.names) if n in self.second]
        return tuple(dict.fromkeys(m for n in own for m in (n, *self.second[n].through)))

    # -- into names

    def refined(self, e: Expr) -> Expr:
        """The expression with its functions, inner powers and brackets called by name; brackets of gradients stay."""
        match e:
            case x.Add(terms=terms):
                return x.add(*(self.refined(t) for t in terms))
            case x.Mul(factors=factors):
                return x.mul(*(self.refined(f) if _of_gradients(f) else self._factor(f) for f in factors))
            case x.Reduce(op="sum", index=i, body=body, guard=None):
                return x.reduce_("sum", i, self.refined(body))
        return self._factor(e)

    def _inner(self, e: Expr) -> Expr:
        """The right-hand side of a definition: its top stays, what is inside gets names."""
        match e:
            case x.Add(terms=terms):
                return x.add(*(self._term(t) for t in terms))
            case x.Call(op=op, args=args):
                return x.Call(op, tuple(self._named(a) for a in args))
            case x.Pow(base=base, exponent=n):
                return x.power(self._named(base), n)
            case x.Mul() | x.Reduce(op="sum", guard=None):
                return self._term(e)
        return e

    def _term(self, e: Expr) -> Expr:
        match e:
            case x.Mul(factors=factors):
                return x.mul(*(self._factor(f) for f in factors))
            case x.Reduce(op="sum", index=i, body=body, guard=None):
                return x.reduce_("sum", i, self._inner(body) if isinstance(body, x.Add) else self._term(body))
        return self._factor(e)

    def _factor(self, e: Expr) -> Expr:
        match e:
            case x.Pow(base=base, exponent=n):
                return x.power(self._named(base), n)
            case x.Reduce(op="sum", index=i, body=body, guard=None):
                return x.reduce_("sum", i, self._term(body))
            case x.Add() | x.Call() | x.Cases() | x.Reduce():
                return self._named(e)
            case x.Mul():
                return self._term(e)
        return e

    def _named(self, e: Expr) -> Expr:
        """The entry that stands for an expression: the author's name, one that was given before, or a new one."""
        e = sized(e)
        if isinstance(e, (Entry, x.Num, x.Whole, x.Ind)):
            return e
        if isinstance(e, x.Pow) and isinstance(e.base, Entry):
            return e
        inner = self._inner(e)
        known = self._twin(inner)
        if known is not None:
            return known
        indices = tuple(sorted(inner.free, key=lambda i: i.number))
        own = tuple(i.fresh() for i in indices)
        name = f"{HIDDEN}{len(self.table)}"
        self._enter(name, own, x.substitute(x.refresh(inner), dict(zip(indices, own, strict=True))))
        return Entry(name, indices)

    def _twin(self, inner: Expr, wanted: Callable[[Definition], bool] = lambda d: True) -> Entry | None:
        """The entry of a definition that says the same."""
        for d in self.shapes.get(_shape(inner), ()):
            found = match(d.rhs, inner, d.indices) if wanted(d) else None
            if found is not None and all(_within(found.get(i), i) for i in d.indices if i.size.number != 1):
                return Entry(d.name, tuple(found.get(i, x.whole_slot(0)) for i in d.indices))
        return None

    # -- and back

    def shown(self, e: Expr) -> Expr:
        """The expression in the author's names alone."""
        if not any(n.startswith(HIDDEN) for n in e.names):
            return e

        def change(t: Entry) -> Expr | None:
            if not t.name.startswith(HIDDEN):
                return None
            d = self.table[t.name]
            return self.shown(x.substitute(x.refresh(d.rhs), dict(zip(d.indices, t.slots, strict=True))))

        return x.replace_entries(e, change)


def called_by_name(before: Expr, after: Expr) -> tuple[str, ...]:
    """The names that stand more often in the second expression: something in the first was called by them."""
    old, new = (Counter(t.name for t in x.walk(e) if isinstance(t, Entry)) for e in (before, after))
    return tuple(sorted(n for n in new if new[n] > old[n] and not n.startswith("∂")))


def _one_power(t: x.Term) -> Expr | None:
    """Equal factors as one power, and the reciprocal of an exponential as an exponential."""
    if isinstance(t, x.Mul):
        after = together(t)
        return None if after.key == t.key else after
    if isinstance(t, x.Pow) and t.exponent.key == x.MINUS_ONE.key and isinstance(t.base, x.Call) and t.base.op == "exp":
        return x.Call("exp", (x.negate(t.base.args[0]),))
    return None


def _is_plain(e: Entry, indices: tuple[Index, ...]) -> bool:
    """Whether an entry has the axes of a definition and no others, each once."""
    own = [s for s in e.slots if isinstance(s, Index)]
    return len(own) == len(e.slots) and len(set(own)) == len(own) and set(own) == {i for i in indices if i.size.number != 1}


def _within(s: x.Slot | None, i: Index) -> bool:
    """Whether a slot runs over a whole axis: a definition says nothing of what lies beyond its array."""
    return isinstance(s, Index) and s.size == i.size


def _of_gradients(e: Expr) -> bool:
    return isinstance(e, (x.Add, x.Reduce, x.Mul)) and any(n.startswith("∂") for n in e.names)


def _shape(e: Expr) -> str:
    """A text that two formulas share when they differ in their indices alone."""
    if isinstance(e, Entry):
        return e.name
    if isinstance(e, (x.Num, x.Whole)) and not e.free:
        return e.key
    inner = sorted(_shape(p) for p in x.parts(e) if isinstance(p, Expr))
    head = getattr(e, "op", "")
    return f"{type(e).__name__}{head}({','.join(inner)})"


__all__ = ["HIDDEN", "Atoms", "Definition", "called_by_name"]
