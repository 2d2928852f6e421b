"""The prover: two expressions are equal for all sizes when the normal form of their difference is zero.

A normal form is a sum of terms; a term is a rational number times powers of atoms under sums, deltas contracted, bound
indices renamed canonically.  It is part of the trusted base: a false zero here could print a false `proved`.  It shares
the expression type with the engine and nothing else: it differentiates, contracts and expands by itself.

It may fail to see that a difference is zero (then the answer is None, never False).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from derive import expr as x
from derive.expr import Entry, Expr, Ind, Rel
from derive.index import Index, Size
from derive.ops import OPS
from derive.program import Fact, Program

MOST_TERMS = 400
MOST_TIES = 24
MOST_WORK = 8_000  # expressions that one proof may expand; those of the longest passes that are tested take some hundreds
LARGEST_PRIME = 100  # roots of numbers are split over the primes up to here
LARGEST_POWER = 64  # of a number that is multiplied out beside its root


class TooLarge(Exception):
    """The normal form outgrew its bound; the answer is then `unknown`."""


@dataclass
class Term:
    """coefficient · Π base^exponent · Π [cond], summed over the binders."""

    coefficient: Fraction
    powers: list[tuple[Expr, Fraction]]
    conds: list[x.Cond]
    binders: list[Index]

    def times(self, other: Term) -> Term:
        return Term(
            self.coefficient * other.coefficient,
            self.powers + other.powers,
            self.conds + other.conds,
            self.binders + other.binders,
        )


def prove_equal(a: Expr, b: Expr, program: Program, unfold: Iterable[str] = (), work: int = MOST_WORK) -> bool | None:
    """True when a = b is proved for all sizes; None when it is not (which says nothing).

    `unfold`: the named arrays whose defining equations may be used, besides declared facts.  `work`: how many
    expressions a proof may expand.
    """
    if a.key == b.key:
        return True
    difference = _difference(a, b)
    for meanings in (False, True):
        try:
            if Prover(program, frozenset(unfold), meanings, work).is_zero(difference):
                return True
        except (TooLarge, RecursionError):
            pass
    return None


def _difference(a: Expr, b: Expr) -> Expr:
    """a − b without the terms that stand in both as they are: most steps change one term of a long line."""
    left, right = (list(e.terms) if isinstance(e, x.Add) else [e] for e in (a, b))
    spare: dict[str, list[Expr]] = {}
    for t in right:
        spare.setdefault(t.key, []).append(t)
    left = [t for t in left if not (spare.get(t.key) and spare[t.key].pop())]
    return x.add(*left, *(x.negate(t) for rest in spare.values() for t in rest))


class Prover:
    """Normal forms under one program's facts, with some definitions unfolded; `meanings` also writes out functions."""

    def __init__(self, program: Program, unfold: frozenset[str] = frozenset(), meanings: bool = False, work: int = MOST_WORK):
        self.program, self.unfold, self.meanings = program, unfold, meanings
        self.facts = [f for f in program.facts if f.kind in ("equation", "onehot")]
        self.signs: dict[str, x.Cond] = {}
        self.opposites: dict[str, Expr] = {}
        self.work = self.left = work

    # -- the question

    def is_zero(self, e: Expr) -> bool | None:
        """Whether the normal form of e is zero, if need be after clearing denominators."""
        self.left = self.work
        left = self.collect(self.expand(e))
        opened = False
        for _ in range(5):
            if not left:
                return True
            base = self._denominator(left)
            if base is not None:
                if opened:
                    self._refuse_zero_anywhere(base[0])
                left = self._cleared(left, base)
            elif opened or (under := self._under_one_sum(left)) is None:
                return None
            else:
                left, opened = under, True
        return True if not left else None

    def _under_one_sum(self, left: Mapping[str, Term]) -> dict[str, Term] | None:
        """Where all terms are sums over the same indices, what they sum: if that is zero for every index, they are."""
        binders = {frozenset(t.binders) for t in left.values()}
        if len(binders) != 1 or not (own := next(iter(binders))):
            return None
        new = {i: i.fresh() for i in own}
        free = [Term(t.coefficient, [(x.substitute(b, new), n) for b, n in t.powers], [x.substitute(c, new) for c in t.conds], [])
                for t in left.values()]  # fmt: skip
        return self.collect(free)

    def _denominator(self, left: Mapping[str, Term]) -> tuple[Expr, Fraction] | None:
        """A sum that stands below a fraction line outside all binders, with its most negative exponent."""
        worst: dict[str, tuple[Expr, Fraction]] = {}
        for term in left.values():
            for base, n in term.powers:
                if n < 0 and n.denominator == 1 and not base.free & set(term.binders):
                    if isinstance(base, (x.Add, x.Whole, x.Reduce)):
                        if n < worst.get(base.key, (base, Fraction(0)))[1]:
                            worst[base.key] = (base, n)
        return next(iter(worst.values()), None)

    def _cleared(self, left: Mapping[str, Term], denominator: tuple[Expr, Fraction]) -> dict[str, Term]:
        base, least = denominator
        self._refuse_zero(base)
        cleared: list[Term] = []
        for term in left.values():
            own = sum((n for b, n in term.powers if b.key == base.key), Fraction(0))
            rest = Term(term.coefficient, [(b, n) for b, n in term.powers if b.key != base.key], term.conds, term.binders)
            extra = self.expand_power(base, int(own - least)) if own - least else [one()]
            cleared += [rest.times(self.fresh(t)) for t in extra]
        return self.collect(cleared)

    def _refuse_zero(self, base: Expr) -> None:
        """Stop where a denominator is zero for all data: then anything would follow."""
        if not self.collect(self.expand(base)):
            raise TooLarge

    def _refuse_zero_anywhere(self, base: Expr) -> None:
        """The same where it is zero for equal indices, as x[i] − x[k] is: a sum would meet them."""
        self._refuse_zero(base)
        for a, b in itertools.combinations(sorted(base.free, key=lambda i: i.number), 2):
            if a.size == b.size:
                self._refuse_zero(x.substitute(base, {a: b}))

    # -- expanding

    def expand(self, e: Expr) -> list[Term]:
        """The expression as a list of terms."""
        self.left -= 1
        if self.left < 0:
            raise TooLarge
        terms = self._expand(e)
        if len(terms) > MOST_TERMS:
            raise TooLarge
        return terms

    def _expand(self, e: Expr) -> list[Term]:
        match e:
            case x.Num(value=Fraction() as value):
                return [Term(value, [], [], [])] if value else []
            case x.Num():
                return [atom(e)]
            case x.Whole(slot=x.Affine(terms=(), constant=n)):
                return [self._size_term(m, c) for m, c in n.terms]
            case Entry():
                return self._entry(e)
            case x.Add(terms=terms):
                return [t for term in terms for t in self.expand(term)]
            case x.Mul():
                return self._product(e)
            case x.Pow():
                return self._power(e.base, e.exponent)
            case Ind(cond=cond):
                return self._indicator(cond)
            case x.Cases():
                return self._cases(e)
            case x.Reduce(op="sum"):
                return self._sum(e)
            case x.Reduce():
                return [atom(self._inside(e))]
            case x.Call():
                return self._call(e)
            case x.D(body=body, wrt=wrt):
                return self.expand(self.derivative(body, wrt))
        return [atom(e)]

    def _size_term(self, monomial: tuple, c: int) -> Term:
        return Term(Fraction(c), [(x.size(Size((((a,), 1),))), Fraction(1)) for a in monomial], [], [])

    def _entry(self, e: Entry) -> list[Term]:
        if e.name in self.unfold:
            equation = self.program.equation(e.name)
            if equation is not None and equation.kind == "explicit":
                return self.expand(equation.instance(e.slots))
        return [atom(self._slots_normal(e))]

    def _slots_normal(self, e: Entry) -> Entry:
        return Entry(e.name, tuple(self._slot_normal(s) for s in e.slots))

    def _slot_normal(self, s: x.Slot) -> x.Slot:
        if isinstance(s, Index) and s.size.number == 1:
            return x.whole_slot(0)
        return s

    def _product(self, e: x.Mul) -> list[Term]:
        """Equal bases meet before anything is multiplied out, so that (n − 1)/(n − 1) cancels."""
        sums: dict[str, tuple[Expr, Fraction]] = {}
        rest: list[Expr] = []
        for f in e.factors:
            base, n = f, Fraction(1)
            while isinstance(base, x.Pow) and isinstance(base.exponent, x.Num) and isinstance(base.exponent.value, Fraction):
                if n.denominator != 1:
                    break
                base, n = base.base, n * base.exponent.value
            if isinstance(base, (x.Num, Ind, x.Reduce, x.Mul)) and not (isinstance(base, x.Reduce) and n < 0):
                rest.append(x.power(base, x.Num(n)) if base is not f else f)
                continue
            held = sums.get(base.key, (base, Fraction(0)))[1]
            if held and min(held, n) < 0 and isinstance(base, (x.Add, x.Reduce)):
                self._refuse_zero_anywhere(base)
            sums[base.key] = (base, held + n)
        result = [one()]
        for part in [*(x.power(b, x.Num(n)) for b, n in sums.values() if n), *rest]:
            result = self._multiply(result, self.expand(part))
        return result

    def _multiply(self, a: list[Term], b: list[Term]) -> list[Term]:
        if len(a) * len(b) > MOST_TERMS:
            raise TooLarge
        return [s.times(self.fresh(t)) for s in a for t in b]

    def fresh(self, t: Term) -> Term:
        """The term with its binders renamed, so that it can be multiplied with another."""
        if not t.binders:
            return t
        new = {i: i.fresh() for i in t.binders}
        return Term(
            t.coefficient,
            [(x.substitute(b, new), n) for b, n in t.powers],
            [x.substitute(c, new) for c in t.conds],
            list(new.values()),
        )

    def _power(self, base: Expr, exponent: Expr) -> list[Term]:
        if not (isinstance(exponent, x.Num) and isinstance(exponent.value, Fraction)):
            return [atom(x.power(self._inside(base), self._inside(exponent)))]
        n = exponent.value
        if n.denominator == 1 and n > 0:
            return self.expand_power(base, int(n))
        inner = self.expand(base)
        if len(inner) == 1 and inner[0].binders and n.denominator == 1:
            inner = [self._closed_sum(t) for t in self.collect(inner).values()]
        if len(inner) == 1 and not inner[0].binders and (n.denominator == 1 or _square_free(inner[0])):
            return [self._term_power(inner[0], n)]
        if not self.collect(inner):
            raise TooLarge  # a power of zero that is not a positive integer
        normal, scale = self._scaled(inner)
        if n.denominator != 1:
            return [self._root(inner, normal, scale, n)]
        return [Term(scale ** int(n), [(normal, n)], [], [])]

    def _root(self, inner: list[Term], normal: Expr, scale: Fraction, n: Fraction) -> Term:
        """A root of a sum: what is under it keeps its sign; a positive number comes before it."""
        if scale < 0:
            opposite, (normal, scale) = normal, self._scaled(inner, -1)
            self.opposites[opposite.key] = normal
        return Term(Fraction(1), [(normal, n)] + ([(x.Num(scale), n)] if scale != 1 else []), [], [])

    def _scaled(self, terms: list[Term], lead: int = 1) -> tuple[Expr, Fraction]:
        """A sum as number times a sum whose first term (in canonical order) has coefficient `lead`, 1 or -1."""
        collected = self.collect(terms)
        first = min(collected) if collected else None
        scale = collected[first].coefficient * lead if first is not None else Fraction(1)
        scaled = [Term(t.coefficient / scale, t.powers, t.conds, t.binders) for _, t in sorted(collected.items())]
        return self.back(scaled), scale

    def _term_power(self, t: Term, n: Fraction) -> Term:
        if t.coefficient == 0 and n < 0:
            raise TooLarge
        if n.denominator != 1 and t.coefficient != 1:
            number = [(x.Num(t.coefficient), n)]
            return Term(Fraction(1), number + [(b, m * n) for b, m in t.powers], t.conds, [])
        return Term(t.coefficient ** int(n) if n.denominator == 1 else Fraction(1),
                    [(b, m * n) for b, m in t.powers] + ([] if n > 0 else [(Ind(c), n) for c in t.conds]),
                    t.conds if n > 0 else [], [])  # fmt: skip

    def expand_power(self, base: Expr, n: int) -> list[Term]:
        """A positive integer power, multiplied out."""
        inner = self.expand(base)
        if len(inner) == 1 and not inner[0].binders and not inner[0].conds:
            return [self._term_power(inner[0], Fraction(n))]
        if n > 4:
            return [Term(Fraction(1), [(self.back(inner), Fraction(n))], [], [])]
        result = inner
        for _ in range(n - 1):
            result = self._multiply(result, inner)
        return result

    def _indicator(self, cond: x.Cond) -> list[Term]:
        match cond:
            case x.And(parts=parts):
                return [Term(Fraction(1), [], list(parts), [])]
            case x.Not(part=part):
                return [one(), *(_scaled_by(t, -1) for t in self._indicator(part))]
            case Rel(op="le", left=a, right=b):
                return [one(), *(_scaled_by(t, -1) for t in self._indicator(x.rel("lt", b, a)))]
            case Rel(op="lt", left=a, right=b) if (self._real(a) or self._real(b)) and self._defined(cond):
                cond = self._positive(x.add(x.written(b), x.negate(x.written(a))), cond)
            case x.Or(parts=parts):
                none = x.both(*(x.negation(p) for p in parts))
                return [one(), *(_scaled_by(t, -1) for t in self._conjunction(none))]
        return [Term(Fraction(1), [], [cond], [])] if cond.key != x.FALSE.key else []

    def _real(self, side: x.Slot | Expr) -> bool:
        """Whether a side of a comparison is a real value rather than a place or a label."""
        if isinstance(side, Entry):
            return side.name in self.program and self.program.sort(side.name) == "real"
        if isinstance(side, x.Affine):
            return any(self._real(t) for t, _ in side.terms)
        return isinstance(side, Expr) and not isinstance(side, (x.Whole, x.Num))

    def _defined(self, cond: x.Cond) -> bool:
        """Whether every entry of a condition is in range for all sizes: a comparison beyond the array is no sign."""
        for t in x.walk(cond):
            if isinstance(t, Entry):
                if t.name not in self.program:
                    return False
                limits = self.program.limits
                if not all(x.within(s, n, limits) for s, n in zip(t.slots, self.program.shape(t.name), strict=True)):
                    return False
        return True

    def _positive(self, e: Expr, cond: x.Cond) -> x.Cond:
        """0 < e with e in normal form up to a positive number; `cond`, what was written, where that is too large."""
        if any(isinstance(t, x.Num) and isinstance(t.value, float) for t in x.walk(e)):
            return cond
        if e.key not in self.signs:
            try:
                self.signs[e.key] = self._sign_of(self.collect(self.expand(e)))
            except TooLarge:
                self.signs[e.key] = cond
        return self.signs[e.key]

    def _sign_of(self, terms: Mapping[str, Term]) -> x.Cond:
        if not terms:
            return x.FALSE
        normal, scale = self._scaled(list(terms.values()))
        if isinstance(normal, x.Num):
            return x.rel("lt", x.ZERO, x.Num(normal.value * scale))
        if scale < 0:
            return Rel("lt", normal, x.ZERO)
        if isinstance(normal, x.Call) and normal.op == "relu":  # a ReLU is positive where its argument is
            return self._positive(normal.args[0], Rel("lt", x.ZERO, normal))
        return Rel("lt", x.ZERO, normal)

    def _conjunction(self, cond: x.Cond) -> list[Term]:
        result = [one()]
        for part in cond.parts if isinstance(cond, x.And) else (cond,):
            result = self._multiply(result, self._indicator(part))
        return result

    def _cases(self, e: x.Cases) -> list[Term]:
        """{a if c; b} = [c]·a + (1 − [c])·b, where both values are finite."""
        if any(isinstance(t, x.Num) and isinstance(t.value, float) for t in x.walk(e)):
            return [atom(e)]
        terms: list[Term] = []
        before = [one()]
        for cond, value in e.branches:
            here = self._conjunction(cond)
            terms += self._multiply(self._multiply(before, here), self.expand(value))
            others = [one(), *(_scaled_by(t, -1) for t in here)]
            before = self._multiply(before, others)
        return terms + self._multiply(before, self.expand(e.otherwise))

    def _call(self, e: x.Call) -> list[Term]:
        if e.op == "exp":
            return self._exp(self.collect(self.expand(e.args[0])))
        if e.op == "log":
            return self._log(self.expand(e.args[0]), e)
        meaning = OPS[e.op].expand(e.args) if self.meanings else None
        if meaning is not None:
            return self.expand(meaning)
        return [atom(x.Call(e.op, tuple(self._inside(a) for a in e.args)))]

    def _exp(self, terms: Mapping[str, Term]) -> list[Term]:
        """exp(a + c·b) as exp(a)·exp(b)^c: a homomorphism; exp(log b) = b."""
        powers: list[tuple[Expr, Fraction]] = []
        for _, t in sorted(terms.items()):
            unit = Term(Fraction(1), t.powers, t.conds, t.binders)
            body = self.back([unit])
            if isinstance(body, x.Call) and body.op == "log":
                powers.append((body.args[0], t.coefficient))
            else:
                powers.append((x.Call("exp", (body,)), t.coefficient))
        return [Term(Fraction(1), powers, [], [])]

    def _log(self, terms: list[Term], e: x.Call) -> list[Term]:
        """log(exp(a)·b) = a + log b; nothing else is taken apart unless it is known to be positive."""
        if not self.collect(terms):
            raise TooLarge
        if len(terms) == 1 and not terms[0].conds:
            t = self._closed_sum(terms[0])
            sure = [(b, n) for b, n in t.powers if known_positive(b)]
            rest = [(b, n) for b, n in t.powers if not known_positive(b)]
            if t.coefficient > 0 and (len(sure) + len(rest) > 1 or t.coefficient != 1 or _is_exponential(sure)):
                result: list[Term] = []
                for b, n in sure:
                    exponential = isinstance(b, x.Call) and b.op == "exp"
                    inner = self.expand(b.args[0]) if exponential else [atom(x.Call("log", (b,)))]
                    result += [_scaled_by(u, n) for u in inner]
                if t.coefficient != 1:
                    result.append(atom(x.Call("log", (x.Num(t.coefficient),))))
                if rest:
                    result += [atom(x.Call("log", (self.back([Term(Fraction(1), rest, [], [])]),)))]
                return result
        return [atom(x.Call("log", (self.back(terms),)))]

    def _closed_sum(self, t: Term) -> Term:
        """A term under sums as one atom, times the factors that the sums do not reach."""
        if not t.binders:
            return t
        outside = [(b, n) for b, n in t.powers if not b.free & set(t.binders)]
        inside = [(b, n) for b, n in t.powers if b.free & set(t.binders)]
        summed = self.back([Term(Fraction(1), inside, t.conds, t.binders)])
        return Term(t.coefficient, [*outside, (summed, Fraction(1))], [], [])

    def _inside(self, e: x.Term | Index) -> x.Term | Index:
        """An expression that stays closed (under max, inside a function), with its parts in normal form."""
        if isinstance(e, x.Reduce) and e.op != "sum":
            return x.reduce_(e.op, e.index, self._inside(e.body), e.guard)
        return self.back(self.expand(e)) if isinstance(e, Expr) else e

    # -- sums

    def _sum(self, e: x.Reduce) -> list[Term]:
        terms = self.expand(e.body)
        if e.guard is not None:
            terms = self._multiply(terms, self._conjunction(e.guard))
        result = []
        for t in terms:
            i = e.index.fresh()
            moved = Term(
                t.coefficient,
                [(x.substitute(b, {e.index: i}), n) for b, n in t.powers],
                [x.substitute(c, {e.index: i}) for c in t.conds],
                [*t.binders, i],
            )
            result.append(moved)
        return result

    # -- collecting

    def collect(self, terms: Iterable[Term]) -> dict[str, Term]:
        """Equal terms added up, by canonical key; the zero ones are gone."""
        found: dict[str, Term] = {}
        for term in terms:
            for t in self._settled(term):
                key, t = self._canonical(t)
                if key in found:
                    found[key].coefficient += t.coefficient
                    if not found[key].coefficient:
                        del found[key]
                elif t.coefficient:
                    found[key] = t
        return found

    def _settled(self, t: Term) -> list[Term]:
        """Deltas contracted, idle sums counted, facts used, powers of equal bases added."""
        pending, done = [t], []
        fuel = 200
        while pending and fuel:
            fuel -= 1
            t = self._merged(pending.pop())
            if t is None:
                continue
            more = next((m for move in (self._contract, self._use_fact, self._idle) if (m := move(t)) is not None), None)
            if more is None:
                done.append(t)
            else:
                pending += more
        if pending:
            raise TooLarge
        return done

    def _merged(self, t: Term) -> Term | None:
        """Powers of one base added; conditions without repeats; None for a term that is zero."""
        sums: dict[str, tuple[Expr, Fraction]] = {}
        for base, n in (q for p in t.powers for q in _roots(*p)):
            held = sums.get(base.key, (base, Fraction(0)))[1]
            sums[base.key] = (base, held + n)
        conds = {c.key: c for c in t.conds if c.key != x.TRUE.key}
        if x.FALSE.key in conds or t.coefficient == 0:
            return None
        t = self._of_one_sign(t, sums)
        powers = []
        for base, n in sums.values():
            if isinstance(base, x.Num) and isinstance(base.value, Fraction) and n.denominator == 1:
                if base.value == 0 and n < 0:
                    raise TooLarge
                if base.value == 0:
                    return None
                t = Term(t.coefficient * base.value ** int(n), t.powers, t.conds, t.binders)
            elif isinstance(base, Ind) and n > 0:
                conds[base.cond.key] = base.cond
            elif _is_positive_number(base) and 0 < abs(n // 1) < LARGEST_POWER:
                t = Term(t.coefficient * base.value ** (n // 1), t.powers, t.conds, t.binders)
                powers.append((base, n % 1))
            elif n:
                powers.append((base, self._onehot_power(base, n)))
        return Term(t.coefficient, powers, list(conds.values()), t.binders)

    def _of_one_sign(self, t: Term, sums: dict[str, tuple[Expr, Fraction]]) -> Term:
        """a − b under a root and b − a to an integer power become powers of the first."""
        for key in [k for k in sums if k in self.opposites]:
            other = self.opposites[key]
            if other.key in sums and sums[key][1].denominator == 1:
                n = sums.pop(key)[1]
                sums[other.key] = (other, sums[other.key][1] + n)
                t = _scaled_by(t, (-1) ** int(n))
        return t

    def _onehot_power(self, base: Expr, n: Fraction) -> Fraction:
        """The power of what is 0 or 1, a mask or a one-hot array, is itself."""
        if not isinstance(base, Entry) or n <= 1:
            return n
        onehot = any(f.kind == "onehot" and f.array == base.name for f in self.facts)
        mask = base.name in self.program and self.program.sort(base.name) == "bool"
        return Fraction(1) if onehot or mask else n

    def _contract(self, t: Term) -> list[Term] | None:
        """One delta removed: a bound index replaced by what it equals, or two free indices identified."""
        bounded: Term | None = None
        for place, c in enumerate(t.conds):
            if not (isinstance(c, Rel) and c.op == "eq"):
                continue
            for a, b in ((c.left, c.right), (c.right, c.left)):
                found = self._solved(a, b, t)
                if found is not None and self._inside_axis(found[1], found[0], t):
                    return [_replaced(t, place, *found, [])]
                if found is not None and bounded is None:
                    bounded = _replaced(t, place, *found, _range(found[1], found[0].size))
                if isinstance(a, x.Join) and all(x.within(s, n, self.program.limits) for s, n in a.parts[1:]):
                    return [_digits(t, place, a, b)]
        if bounded is not None:
            return [bounded]
        return self._joined(t) or self._identified(t)

    def _solved(self, a: x.Slot | Expr, b: x.Slot | Expr, t: Term) -> tuple[Index, x.Slot] | None:
        """The bound index that a = b determines, and the slot that it equals."""
        if not (self._integral(a) and self._integral(b)):
            return None
        if isinstance(a, Index):
            return (a, b) if a in t.binders and a not in x.free_indices(b) else None
        return _solve_affine(a, b, t.binders) if isinstance(a, x.Affine) else None

    def _integral(self, s: x.Slot | Expr) -> bool:
        """Whether a side of an equation is a whole number: a real entry need not equal any index."""
        if isinstance(s, Entry):
            return s.name in self.program and self.program.sort(s.name) != "real"
        if isinstance(s, (x.Affine, x.Join, x.Part)):
            return all(self._integral(p) for p in x.parts(s))
        return isinstance(s, (Index, x.ArgBest))

    def _inside_axis(self, slot: x.Slot, i: Index, t: Term) -> bool:
        """Whether a slot stays in the range of i: by its form, or as it comes to stand where i reads such an axis."""
        if x.within(slot, i.size, self.program.limits):
            return True
        return isinstance(slot, Entry) and any(self._reads(b, i) for b, _ in t.powers if isinstance(b, Entry))

    def _reads(self, e: Entry, i: Index) -> bool:
        known = e.name in self.program and len(self.program.shape(e.name)) == len(e.slots)
        return known and any(s is i and n == i.size for s, n in zip(e.slots, self.program.shape(e.name), strict=True))

    def _identified(self, t: Term) -> list[Term] | None:
        """Beside [i = k] with both free, k is written i."""
        for c in t.conds:
            if isinstance(c, Rel) and c.op == "eq":
                for a, b in ((c.left, c.right), (c.right, c.left)):
                    if not isinstance(a, Index) or a in x.free_indices(b):
                        continue
                    if isinstance(b, Index) and b.number > a.number:
                        continue
                    if not _mentioned(t, a, c):
                        continue
                    new = [d if d is c else x.substitute(d, {a: b}) for d in t.conds]
                    return [Term(t.coefficient, [(x.substitute(p, {a: b}), n) for p, n in t.powers], new, t.binders)]
        return None

    def _joined(self, t: Term) -> list[Term] | None:
        """[t = c // E]·[e = c % E] with c bound: c is the join of t and e."""
        for i in t.binders:
            digits: dict[Size, tuple[int, x.Slot, Size]] = {}
            for place, c in enumerate(t.conds):
                if isinstance(c, Rel) and c.op == "eq":
                    for a, b in ((c.left, c.right), (c.right, c.left)):
                        if isinstance(a, x.Part) and a.slot is i and i not in x.free_indices(b):
                            if x.within(b, x.slot_size(a), self.program.limits):
                                digits[a.divisor] = (place, b, x.slot_size(a))
            slots, used, below = [], set(), Size.of(1)
            while below in digits:
                place, b, n = digits[below]
                slots.insert(0, (b, n))
                used.add(place)
                below = below * n
            if slots and below == i.size:
                slot = x.join(list(slots))
                rest = Term(t.coefficient, t.powers, [c for k, c in enumerate(t.conds) if k not in used], t.binders)
                return [_replaced(rest, None, i, slot, [])]
        return None

    def _idle(self, t: Term) -> list[Term] | None:
        """A sum whose index does not occur counts its length; a sum over joined digits is split."""
        for i in t.binders:
            if i.size.number == 1:
                return [_replaced(t, None, i, x.whole_slot(0), [])]
            if not any(i in b.free for b, _ in t.powers) and not any(i in c.free for c in t.conds):
                rest = Term(t.coefficient, t.powers, t.conds, [b for b in t.binders if b is not i])
                return [rest.times(u) for u in self.expand(x.size(i.size))]
            split = self._split_digits(t, i)
            if split is not None:
                return [split]
        return None

    def _split_digits(self, t: Term, i: Index) -> Term | None:
        """Σ_c f(c // E, c % E) is Σ_t Σ_e f(t, e)."""
        found = {s for b, _ in t.powers for s in x.walk(b) if isinstance(s, x.Part) and s.slot is i}
        found |= {s for c in t.conds for s in x.walk(c) if isinstance(s, x.Part) and s.slot is i}
        digits = sorted({(str(s.divisor), s) for s in found}, key=lambda p: p[0])
        slots: list[tuple[Index, Size]] = []
        below = Size.of(1)
        by_divisor = {s.divisor: s for _, s in digits}
        while below in by_divisor:
            n = x.slot_size(by_divisor[below])
            if n is None:
                return None
            slots.insert(0, (Index(i.name, n), n))
            below = below * n
        if not slots or below != i.size:
            return None
        slot = x.join(list(slots))
        moved = _replaced(t, None, i, slot, [])
        return Term(moved.coefficient, moved.powers, moved.conds, [*moved.binders, *(s for s, _ in slots)])

    def _use_fact(self, t: Term) -> list[Term] | None:
        for fact in self.facts:
            for place, (base, n) in enumerate(t.powers):
                if not (isinstance(base, Entry) and base.name == fact.array and n == 1):
                    continue
                value = self._fact_value(fact, base, t, place)
                if value is not None:
                    rest = [p for k, p in enumerate(t.powers) if k != place]
                    bound = value[1]
                    left = Term(t.coefficient, rest, t.conds, [b for b in t.binders if b is not bound])
                    return [left.times(u) for u in self.expand(value[0])]
        return None

    def _fact_value(self, fact: Fact, base: Entry, t: Term, place: int) -> tuple[Expr, Index] | None:
        """What a summed entry is worth by a fact, if its summation index occurs nowhere else in the term."""
        if fact.kind == "onehot":
            axis, value, slots = len(base.slots) - 1, x.ONE, {}
        else:
            if not isinstance(fact.left, x.Reduce) or not isinstance(fact.left.body, Entry):
                return None
            body = fact.left.body
            axis = body.slots.index(fact.left.index)
            slots = dict(zip(body.slots, base.slots, strict=True))
            value = fact.right
        i = base.slots[axis]
        if not isinstance(i, Index) or i not in t.binders or self.program.shape(fact.array)[axis] != i.size:
            return None
        elsewhere = any(i in b.free for k, (b, _) in enumerate(t.powers) if k != place)
        if elsewhere or any(i in c.free for c in t.conds) or _count(base, i) != 1:
            return None
        return x.substitute(value, {k: v for k, v in slots.items() if isinstance(k, Index)}), i

    # -- canonical form

    def _canonical(self, t: Term) -> tuple[str, Term]:
        """A key that equal terms share, and the term with its binders in canonical order."""
        if not t.binders:
            return _term_key(t), t
        classes = _colours(t)
        orders = itertools.islice(
            itertools.product(*(itertools.permutations(group) for group in classes)), MOST_TIES
        )
        best: tuple[str, Term] | None = None
        for order in orders:
            flat = [i for group in order for i in group]
            new = {i: _slot_letter(k, i.size) for k, i in enumerate(flat)}
            u = Term(
                t.coefficient,
                [(x.substitute(b, new), n) for b, n in t.powers],
                [x.substitute(c, new) for c in t.conds],
                list(new.values()),
            )
            key = _term_key(u)
            if best is None or key < best[0]:
                best = (key, u)
        return best

    def back(self, terms: Iterable[Term]) -> Expr:
        """The expression of a normal form, in canonical order."""
        parts = []
        for _, t in sorted(self.collect(terms).items()):
            factors = [x.power(b, x.Num(n)) for b, n in sorted(t.powers, key=lambda p: (p[0].key, p[1]))]
            factors += [Ind(c) for c in sorted(t.conds, key=lambda c: c.key)]
            new = {i: i.fresh() for i in t.binders}
            body = x.substitute(x.mul(*factors), new)
            for i in reversed(t.binders):
                body = x.reduce_("sum", new[i], body)
            parts.append(x.mul(x.Num(t.coefficient), body))
        return x.add(*parts)

    # -- differentiating

    def derivative(self, e: Expr, wrt: Entry) -> Expr:
        """The derivative, by the textbook rules, deltas left in place."""
        if wrt.name not in e.names:
            return x.ZERO
        match e:
            case Entry(name=name, slots=slots):
                if name != wrt.name:
                    return x.ZERO
                return x.mul(*(x.delta(a, b) for a, b in zip(slots, wrt.slots, strict=True)))
            case x.Add(terms=terms):
                return x.add(*(self.derivative(t, wrt) for t in terms))
            case x.Mul(factors=factors):
                return x.add(*(x.mul(*factors[:k], self.derivative(f, wrt), *factors[k + 1 :])
                               for k, f in enumerate(factors)))  # fmt: skip
            case x.Pow(base=base, exponent=n):
                inner, outer = self.derivative(base, wrt), self.derivative(n, wrt)
                first = x.mul(n, x.power(base, x.add(n, x.MINUS_ONE)), inner)
                return first if outer is x.ZERO else x.add(first, x.mul(e, x.Call("log", (base,)), outer))
            case x.Call(op=op, args=args):
                return x.add(*(x.mul(OPS[op].slope_at(k, args), self.derivative(a, wrt)) for k, a in enumerate(args)))
            case x.Reduce(index=i) if i in wrt.free:
                return self.derivative(x.rename_binder(e), wrt)
            case x.Reduce(op="sum", index=i, body=body, guard=guard):
                return x.reduce_("sum", i, self.derivative(body, wrt), guard)
            case x.Reduce(op="prod", index=i, body=body, guard=guard):
                m = i.fresh()
                others = x.negation(x.rel("eq", i, m))
                rest = x.reduce_("prod", i, body, others if guard is None else x.both(guard, others))
                moved = self.derivative(x.substitute(x.refresh(body), {i: m}), wrt)
                own = None if guard is None else x.substitute(guard, {i: m})
                return x.reduce_("sum", m, x.mul(rest, moved), own)
            case x.Reduce(op="max" | "min" as op, index=i, body=body, guard=None):
                best = x.ArgBest(op, i, body)
                return self.derivative(x.substitute(x.refresh(body), {i: best}), wrt)
            case x.Cases(branches=branches, otherwise=otherwise):
                return x.cases([(c, self.derivative(v, wrt)) for c, v in branches], self.derivative(otherwise, wrt))
            case x.D(body=body, wrt=inner):
                return self.derivative(self.derivative(body, inner), wrt)
            case Ind() | x.Whole() | x.Num():
                return x.ZERO
        return x.D(e, wrt)


def one() -> Term:
    return Term(Fraction(1), [], [], [])


def atom(e: Expr) -> Term:
    return Term(Fraction(1), [(e, Fraction(1))], [], [])


def _scaled_by(t: Term, c: Fraction | int) -> Term:
    return Term(t.coefficient * c, t.powers, t.conds, t.binders)


def known_positive(e: Expr) -> bool:
    """Whether an expression is positive by its form: exponentials, sizes, their sums, products and powers."""
    match e:
        case x.Num(value=value):
            return value > 0
        case x.Whole(slot=x.Affine(terms=(), constant=n)):
            return bool(n.terms) and all(c > 0 for _, c in n.terms)
        case x.Call(op="exp"):
            return True
        case x.Add(terms=terms):
            return all(known_positive(t) for t in terms)
        case x.Mul(factors=factors):
            return all(known_positive(f) for f in factors)
        case x.Pow(base=base):
            return known_positive(base)
        case x.Reduce(op="sum" | "prod" | "max" | "min", body=body, guard=None):
            return known_positive(body)
    return False


def _is_exponential(powers: list[tuple[Expr, Fraction]]) -> bool:
    return len(powers) == 1 and isinstance(powers[0][0], x.Call) and powers[0][0].op == "exp"


def _is_positive_number(e: Expr) -> bool:
    return isinstance(e, x.Num) and isinstance(e.value, Fraction) and e.value > 0


def _roots(base: Expr, n: Fraction) -> list[tuple[Expr, Fraction]]:
    """A root of a positive number over small primes: √12 is 2^1 · 3^(1/2), what is left of the number stays whole."""
    if n.denominator == 1 or not _is_positive_number(base):
        return [(base, n)]
    found = []
    for whole, sign in ((base.value.numerator, 1), (base.value.denominator, -1)):
        p = 2
        while whole > 1:
            p = next((q for q in range(p, LARGEST_PRIME) if whole % q == 0), whole)
            k = 0
            while whole % p == 0:
                whole, k = whole // p, k + 1
            found.append((x.num(p), sign * k * n))
    return found


def _square_free(t: Term) -> bool:
    """Whether (Π b^m)^n = Π b^(mn) holds for a fractional n: a single base, or positive ones."""
    return t.coefficient > 0 and not t.conds and (
        all(known_positive(b) for b, _ in t.powers) or (len(t.powers) == 1 and t.powers[0][1] == 1)
    )  # fmt: skip


def _count(e: Entry, i: Index) -> int:
    return sum(1 for s in e.slots if i in x.free_indices(s))


def _mentioned(t: Term, i: Index, besides: x.Cond) -> bool:
    return any(i in b.free for b, _ in t.powers) or any(i in c.free for c in t.conds if c is not besides)


def _replaced(t: Term, place: int | None, i: Index, slot: x.Slot, extra: list[x.Cond]) -> Term:
    conds = [x.substitute(c, {i: slot}) for k, c in enumerate(t.conds) if k != place]
    powers = [(x.substitute(b, {i: slot}), n) for b, n in t.powers]
    return Term(t.coefficient, powers, conds + extra, [b for b in t.binders if b is not i])


def _digits(t: Term, place: int, a: x.Join, b: x.Slot) -> Term:
    """join = b, digit by digit: all but the leading one are less than their sizes."""
    below, conds = Size.of(1), []
    for k, (s, n) in reversed(list(enumerate(a.parts))):
        conds.append(x.rel("eq", s, x.part(b, below, n if k else None)))
        below = below * n
    rest = [c for k, c in enumerate(t.conds) if k != place]
    return Term(t.coefficient, t.powers, rest + conds, t.binders)


def _solve_affine(a: x.Affine, b: x.Slot, binders: list[Index]) -> tuple[Index, x.Slot] | None:
    for s, c in a.terms:
        rest = x.affine([(u, k) for u, k in a.terms if u is not s], a.constant)
        if isinstance(s, Index) and s in binders and c.number in (1, -1) and s not in x.free_indices(b):
            if s not in x.free_indices(rest):
                return s, x.affine([(b, Size.of(c.number)), (rest, Size.of(-c.number))])
    return None


def _range(slot: x.Slot, n: Size) -> list[x.Cond]:
    """0 ≤ slot < n, the first written as a negated `<` by the caller's expansion."""
    return [x.rel("le", x.whole_slot(0), slot), x.rel("lt", slot, x.whole_slot(n))]


_letters: dict[tuple[int, Size], Index] = {}


def _slot_letter(k: int, n: Size) -> Index:
    return _letters.setdefault((k, n), Index(f"_{k}", n))


def _term_key(t: Term) -> str:
    powers = sorted(f"{b.key}^{n}" for b, n in t.powers)
    conds = sorted(c.key for c in t.conds)
    return f"{'*'.join(powers)}|{'&'.join(conds)}|{','.join(sorted(f'{i.number}' for i in t.binders))}"


def _colours(t: Term) -> list[list[Index]]:
    """The binders in classes that no renaming can mix, in canonical order."""
    mark = {i: str(i.size) for i in t.binders}
    for _ in range(3):
        letters = {i: Index(c, Size.of(1)) for i, c in mark.items()}
        new = {}
        for i in t.binders:
            own = Index("*", Size.of(1))
            images = {j: own if j is i else letters[j] for j in t.binders}
            new[i] = _profile(t, i, images)
        ranks = {c: str(k) for k, c in enumerate(sorted(set(new.values())))}
        mark = {i: ranks[new[i]] for i in t.binders}
    groups: dict[str, list[Index]] = {}
    for i in t.binders:
        groups.setdefault(mark[i], []).append(i)
    return [groups[c] for c in sorted(groups, key=int)]


def _profile(t: Term, i: Index, images: Mapping[Index, Index]) -> str:
    """How an index occurs, in words that do not depend on the letters of the other binders."""
    names = {j: k.name for j, k in images.items()}
    found = [f"{_named(b, names)}^{n}" for b, n in t.powers if i in b.free]
    found += [_named(c, names) for c in t.conds if i in c.free]
    return f"{i.size}:" + "|".join(sorted(found))


def _named(e: x.Term, names: Mapping[Index, str]) -> str:
    return x.key_with(e, names)
