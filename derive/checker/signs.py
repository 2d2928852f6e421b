"""The sign of a formula, proved from its form: what decides inequalities, and whether a logarithm exists.

A sign is 2 (positive), 1 (not negative), −1, −2, or 0 where nothing is known.  It holds for all real data at which the
formula is defined.  Nothing here evaluates: squares, exponentials, sums of one sign, quadratic forms that are sums of
squares, and Σ_j f_j − f_i = Σ_{j ≠ i} f_j for a positive f.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from derive import expr as x
from derive.expr import Entry, Expr
from derive.judges.normal import Prover, Term, TooLarge
from derive.ops import OPS
from derive.program import Program
from derive.routes import unfold

DEEPEST = 6
POSITIVE_CALLS = {"exp": 2, "cosh": 2, "sigmoid": 2, "softplus": 2, "relu": 1, "abs": 1, "pi": 2}


@dataclass
class Signs:
    """Signs under one program's facts."""

    program: Program
    known: dict[str, int] = field(default_factory=dict)
    depth: int = 0

    def at_least_zero(self, e: Expr) -> int:
        """2 where e > 0 is proved, 1 where e ≥ 0 is, else 0: as it stands, with names left alone, written out."""
        for form in dict.fromkeys((e, unfold(e, self.program, self.explicit))):
            found = max(self.sign(form), 0) or self.normal(form)
            if found:
                return found
        return 0

    @property
    def explicit(self) -> list[str]:
        return [e.name for e in self.program.equations if e.kind == "explicit"]

    def sign(self, e: Expr) -> int:
        """The sign by the form of a formula."""
        if e.key not in self.known:
            self.known[e.key] = 0  # while it is worked out
            self.depth += 1
            self.known[e.key] = self._sign(e) if self.depth <= DEEPEST * 4 else 0
            self.depth -= 1
        return self.known[e.key]

    def _sign(self, e: Expr) -> int:
        match e:
            case x.Num(value=value):
                return 2 if value > 0 else -2 if value < 0 else 1
            case x.Whole(slot=x.Affine(terms=(), constant=n)):
                return 2 if n.terms and all(c > 0 for _, c in n.terms) else 0
            case Entry(name=name):
                return self._declared(name)
            case x.Ind():
                return 1
            case x.Call(op=op, args=args):
                return self._call(op, args)
            case x.Pow(base=base, exponent=x.Num(value=Fraction() as n)):
                return self._power(self.sign(base), n)
            case x.Pow(base=base):
                return 2 if self.sign(base) == 2 else 0
            case x.Mul(factors=factors):
                return self._product([self.sign(f) for f in factors])
            case x.Add(terms=terms):
                return _together([self.sign(t) for t in terms])
            case x.Reduce(op="sum" | "prod" as op, body=body, guard=guard):
                own = self.sign(body)
                return (
                    (max(own, 0) if guard is None else min(max(own, 0), 1))
                    if op == "prod"
                    else own
                    if guard is None
                    else _weak(own)
                )
            case x.Reduce(op="max" | "min", body=body, guard=None):
                return self.sign(body)
            case x.Cases(branches=branches, otherwise=otherwise):
                return _worst([self.sign(v) for _, v in branches] + [self.sign(otherwise)])
        return 0

    def _declared(self, name: str) -> int:
        kinds = {f.kind for f in self.program.facts if f.array == name}
        return 2 if "positive" in kinds else 1 if "onehot" in kinds else 0

    def _call(self, op: str, args: tuple[Expr, ...]) -> int:
        if op in POSITIVE_CALLS:
            return POSITIVE_CALLS[op]
        if op == "log":
            if self._normal_of(x.add(args[0], x.MINUS_ONE)):
                return self._normal_of(x.add(args[0], x.MINUS_ONE))
            return -self._normal_of(x.add(x.ONE, x.negate(args[0])))
        if op in ("tanh", "sinh", "sign", "erf", "arctan"):
            return self.sign(args[0]) if op != "sign" or abs(self.sign(args[0])) == 2 else 0
        if op == "maximum":
            return max(0, *(self.sign(a) for a in args))
        meaning = OPS[op].expand(args) if op in OPS else None
        return self.sign(meaning) if meaning is not None else 0

    def _normal_of(self, e: Expr) -> int:
        """The sign of something that arose on the way, within bounds."""
        if self.depth > DEEPEST:
            return 0
        return max(self.sign(e), 0) or self.normal(e)

    def _power(self, base: int, n: Fraction) -> int:
        if n.denominator == 1 and n % 2 == 0:
            return 2 if abs(base) == 2 or n < 0 else 1
        if n.denominator == 1:
            return base if n > 0 or abs(base) == 2 else 2 * base
        return 2 if base == 2 else 1 if base == 1 and n > 0 else 0

    def _product(self, signs: list[int]) -> int:
        result = 2
        for s in signs:
            if s == 0:
                return 0
            strength = min(abs(result), abs(s))
            result = strength if (result > 0) == (s > 0) else -strength
        return result

    # -- normal forms

    def normal(self, e: Expr) -> int:
        """The sign of the normal form, denominators that are positive cleared; 0, 1 or 2."""
        self.depth += 1
        try:
            return self._normal(e) if self.depth <= DEEPEST else 0
        except (TooLarge, RecursionError):
            return 0
        finally:
            self.depth -= 1

    def _normal(self, e: Expr) -> int:
        prover = Prover(self.program)
        left = prover.collect(prover.expand(e))
        for _ in range(4):
            found = self._terms(list(left.values()), prover) or _quadratic(list(left.values()))
            if found:
                return found
            base = prover._denominator(left)
            if base is None:
                return 0
            odd = base[1] % 2 == 1
            if odd and self.sign(base[0]) != 2:
                return 0
            left = prover._cleared(left, base)
        return 0

    def _terms(self, terms: list[Term], prover: Prover) -> int:
        """All terms of one sign, negative f_i swallowed by Σ_j f_j."""
        if not terms:
            return 1
        signs = [(t, self._term(t)) for t in terms]
        if any(s == 0 for _, s in signs):
            return 0
        good, bad = [t for t, s in signs if s > 0], [t for t, s in signs if s < 0]
        swallowed = bool(bad)
        for t in bad:
            home = next((g for g in good if self._swallows(g, t, prover)), None)
            if home is None:
                return 0
            good.remove(home)
        strict = any(self._term(t) == 2 for t in good)
        return 2 if strict else 1 if good or swallowed else 1

    def _term(self, t: Term) -> int:
        signs = [self._power(self.sign(b), n) for b, n in t.powers]
        own = self._product([2 if t.coefficient > 0 else -2, *signs])
        return _weak(own) if t.conds else own

    def _swallows(self, good: Term, bad: Term, prover: Prover) -> bool:
        """Whether a positive sum contains minus the negative term as one of its terms."""
        if len(good.binders) != len(bad.binders) + 1 or good.coefficient < -bad.coefficient or good.conds or bad.conds:
            return False
        free = sorted(
            set().union(*(b.free for b, _ in bad.powers), frozenset()) - set(bad.binders), key=lambda i: i.number
        )
        wanted = prover._canonical(Term(Fraction(1), bad.powers, [], bad.binders))[0]
        for i in good.binders:
            for k in free:
                if k.size != i.size:
                    continue
                powers = [(x.substitute(b, {i: k}), n) for b, n in good.powers]
                rest = prover._merged(Term(Fraction(1), powers, [], [j for j in good.binders if j is not i]))
                if rest is not None and prover._canonical(rest)[0] == wanted:
                    return True
        return False


def _weak(sign: int) -> int:
    """At most as much as is left when a sum may be empty."""
    return max(-1, min(1, sign))


def _together(signs: list[int]) -> int:
    """The sign of a sum."""
    for way in (1, -1):
        if all(s * way > 0 for s in signs):
            return way * max(s * way for s in signs)
    return 0


def _worst(signs: list[int]) -> int:
    for way in (1, -1):
        if all(s * way > 0 for s in signs):
            return way * min(s * way for s in signs)
    return 0


def _quadratic(terms: list[Term]) -> int:
    """A quadratic form in atoms and 1 that is a sum of squares (by completing squares): 2 where it never vanishes."""
    table: dict[tuple[str, ...], Fraction] = {}
    for t in terms:
        if t.binders or t.conds or any(n.denominator != 1 or n < 0 for _, n in t.powers):
            return 0
        factors = sorted(b.key for b, n in t.powers for _ in range(int(n)))
        if len(factors) > 2:
            return 0
        table[tuple(factors)] = t.coefficient
    atoms = sorted({a for key in table for a in key})
    if len(atoms) > 8:
        return 0
    order = [*atoms, None]  # None is 1, taken last

    def cell(a: str | None, b: str | None) -> Fraction:
        key = tuple(sorted(c for c in (a, b) if c is not None))
        c = table.get(key, Fraction(0))
        return c if a == b else c / 2

    form = [[cell(a, b) for b in order] for a in order]
    for k in range(len(order)):
        pivot = form[k][k]
        if pivot < 0 or pivot == 0 and any(form[k][m] for m in range(k + 1, len(order))):
            return 0
        if pivot == 0:
            continue
        for r in range(k + 1, len(order)):
            scale = form[r][k] / pivot
            form[r] = [u - scale * w for u, w in zip(form[r], form[k], strict=True)]
    return 2 if form[-1][-1] > 0 else 1
