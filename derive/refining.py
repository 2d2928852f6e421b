"""A program in its smallest steps: every bracket, power and function has a name, the author's where there is one.

`x̂ = (x − μ)/√(σ² + ε)` on one line or on four comes to the same definitions, so that a closed form does not depend on
how the lines were cut.  Names that the author did not give are hidden: `Atoms.shown` writes them out again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from derive import expr as x
from derive.expr import Entry, Expr
from derive.index import Index
from derive.matching import match
from derive.monomials import Monomial, TooLong, collected, sized, spread
from derive.program import Equation, Program

HIDDEN = "§"


@dataclass(frozen=True)
class Definition:
    """`name[indices]` is the sum of `terms`; one term without names is a function of something."""

    name: str
    indices: tuple[Index, ...]
    rhs: Expr
    terms: tuple[Monomial, ...]

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

    def __post_init__(self) -> None:
        for e in self.program.equations:
            self._equation(e)

    def within(self, names: frozenset[str]) -> list[Definition]:
        """The definitions made of some of these names alone."""
        found = {d.name: d for name in sorted(names) for d in self.users.get(name, ()) if d.rhs.names <= names}
        return list(found.values())

    def _equation(self, e: Equation) -> None:
        if e.name.startswith("∂") or e.kind != "explicit" or e.sort != "real":
            return
        if not all(i in e.rhs.free for i in e.indices if i.size.number != 1):
            return
        try:
            self._enter(e.name, e.indices, self._inner(e.rhs))
        except TooLong:
            return

    def _enter(self, name: str, indices: tuple[Index, ...], rhs: Expr) -> Definition:
        terms = tuple(collected(spread(rhs)))
        found = Definition(name, indices, rhs, terms)
        self.table[name] = found
        if not isinstance(rhs, Entry):
            self.shapes.setdefault(_shape(rhs), []).append(found)
        for used in rhs.names:
            self.users.setdefault(used, []).append(found)
        return found

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
        for d in self.shapes.get(_shape(inner), ()):
            found = match(d.rhs, inner, d.indices)
            if found is not None and all(i in found for i in d.indices if i.size.number != 1):
                return Entry(d.name, tuple(found.get(i, x.whole_slot(0)) for i in d.indices))
        indices = tuple(sorted(inner.free, key=lambda i: i.number))
        own = tuple(i.fresh() for i in indices)
        name = f"{HIDDEN}{len(self.table)}"
        self._enter(name, own, x.substitute(x.refresh(inner), dict(zip(indices, own, strict=True))))
        return Entry(name, indices)

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


__all__ = ["HIDDEN", "Atoms", "Definition"]
