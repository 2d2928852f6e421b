"""Symmetries of a forward pass: which arrays move, and how, when one of them is shifted or scaled.

An array x is moved along some axes, ẋ = τ (a shift) or ẋ = τ x (a scaling), where τ is free to differ along the other
axes.  Then every array moves as u̇ = τ (a u + b): `a` is its weight, a number, and b the rest.

    a sum       u̇ = a u + b − a · (what stands still)        a product   weights add up
    a power     uⁿ has weight n a                             exp         a shift by 1 becomes the weight 1
    log         the weight a becomes a shift by a             max, Σ      move as their terms do

An array that reads moving ones and stands still itself ends the movement.  Where all paths end, the outputs do not
change, so Σ ∂x = 0 (or Σ x ∂x = 0, Euler) for whatever comes after.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from derive import expr as x
from derive.expr import Entry, Expr
from derive.judges.normal import Prover, TooLarge, prove_equal
from derive.ops import OPS
from derive.program import Equation, Program
from derive.rules.calculus import depends

LONGEST = 40  # parts that a remainder may have before the search gives up


@dataclass(frozen=True)
class Motion:
    """u̇ = τ[places] · (weight · u + rest)."""

    weight: Fraction
    rest: Expr
    places: tuple[x.Slot, ...]

    @property
    def still(self) -> bool:
        return not self.weight and self.rest.key == x.ZERO.key


@dataclass(frozen=True)
class Symmetry:
    """How the arrays behind a moved one move: `weights` of those that only scale, `ends` those that stand still."""

    moving: dict[str, Motion]
    ends: tuple[str, ...]


class Unclear(Exception):
    """How something moves is not of the form τ (a u + b), or too long."""


def symmetry(program: Program, name: str, axes: Iterable[int], kind: str, outputs: Iterable[str]) -> Symmetry | None:
    """The symmetry under which `name` is shifted or scaled along some axes; None when the outputs may move."""
    equation = program.equation(name)
    free = [k for k in range(len(program.shape(name))) if k not in set(axes)]
    moved = _Movement(program)
    moved.start = (name, free, kind)
    alive = program.reaches(outputs)
    forward = [e for e in program.equations if e.name in alive]
    ends = []
    for e in forward[forward.index(equation) + 1 if equation in forward else 0 :]:
        if not e.rhs.names & moved.names:
            continue
        try:
            motion = moved.of(e.rhs)
            motion = None if motion is None else moved.tidied(motion)
        except Unclear:
            return None
        if motion is None or motion.still:
            ends.append(e.name)
        else:
            moved.moving[e.name] = motion
            moved.indices[e.name] = e.indices
    if _read_too_early(forward, moved.names):
        return None
    outputs = set(outputs)
    return None if outputs & moved.moving.keys() or name in outputs else Symmetry(dict(moved.moving), tuple(ends))


def _read_too_early(equations: list[Equation], names: frozenset[str]) -> bool:
    """Whether a moving array is read where it is not made yet: in a recurrence, whose rounds are not followed here."""
    made: set[str] = set()
    own = {e.name for e in equations}
    for e in equations:
        if e.rhs.names & names & own - made:
            return True
        made.add(e.name)
    return False


class _Movement:
    """The motions found so far."""

    def __init__(self, program: Program):
        self.program = program
        self.moving: dict[str, Motion] = {}
        self.indices: dict[str, tuple] = {}
        self.start: tuple[str, list[int], str] = ("", [], "")

    @property
    def names(self) -> frozenset[str]:
        return frozenset((self.start[0], *self.moving))

    def of(self, e: Expr) -> Motion | None:
        """How an expression moves; None: not at all.  Raises Unclear."""
        if not e.names & self.names:
            return None
        match e:
            case Entry():
                return self._entry(e)
            case x.Add(terms=terms):
                return self._sum(terms)
            case x.Mul(factors=factors):
                return self._product(factors)
            case x.Pow(base=base, exponent=x.Num(value=Fraction() as n)):
                return self._power(base, n)
            case x.Call(op=op, args=(u,)):
                return self._call(op, u, e)
            case x.Reduce():
                return self._reduction(e)
        if depends_on_any(e, self.names):
            raise Unclear
        self._conditions_still(e)
        return None

    def _entry(self, e: Entry) -> Motion | None:
        self._places_still(e)
        name, free, kind = self.start
        if e.name == name:
            scale = kind == "scale"
            return Motion(Fraction(scale), x.ZERO if scale else x.ONE, tuple(e.slots[k] for k in free))
        found = self.moving.get(e.name)
        if found is None:
            return None
        put = dict(zip(self.indices[e.name], e.slots, strict=True))
        places = tuple(x.substitute(s, put) for s in found.places)
        return Motion(found.weight, x.substitute(x.refresh(found.rest), put), places)

    def _places_still(self, e: Entry) -> None:
        for s in e.slots:
            if isinstance(s, x.Term) and s.names & self.names:
                self._conditions_still(s)

    def _conditions_still(self, t: x.Term) -> None:
        """Places and conditions that read moving arrays are taken to stand still only for a uniform arg-best."""
        for u in x.walk(t):
            if isinstance(u, x.ArgBest) and u.names & self.names:
                inner = self.of(u.body)
                if inner is not None and (_mentions(inner.places, u.index) or u.index in inner.rest.free):
                    raise Unclear
            elif isinstance(u, Entry) and u.name in self.names and not _inside_best(t, u):
                raise Unclear

    def _sum(self, terms: tuple[Expr, ...]) -> Motion | None:
        motions = [self.of(t) for t in terms]
        going = [m for m in motions if m is not None]
        if not going:
            return None
        weight, places = going[0].weight, _common(going)
        rest = []
        for t, m in zip(terms, motions, strict=True):
            own = Fraction(0) if m is None else m.weight
            rest += [x.mul(x.Num(own - weight), t), x.ZERO if m is None else m.rest]
        return Motion(weight, x.add(*rest), places)

    def _product(self, factors: tuple[Expr, ...]) -> Motion | None:
        motions = [self._whole(f) for f in factors]
        going = [m for m in motions if m is not None]
        if not going:
            return None
        rest = [x.mul(m.rest, *(f for k, f in enumerate(factors) if k != place))
                for place, m in enumerate(motions) if m is not None]  # fmt: skip
        return Motion(sum((m.weight for m in going), Fraction(0)), x.add(*rest), _common(going))

    def _power(self, base: Expr, n: Fraction) -> Motion | None:
        inner = self._whole(base)
        if inner is None:
            return None
        rest = x.mul(x.Num(n), x.power(base, x.Num(n - 1)), inner.rest)
        return Motion(n * inner.weight, rest, inner.places)

    def _whole(self, e: Expr) -> Motion | None:
        """How a factor, base or argument moves: a rest that is zero is seen before it is multiplied."""
        motion = self.of(e)
        return None if motion is None else self.tidied(motion)

    def _call(self, op: str, u: Expr, e: x.Call) -> Motion | None:
        inner = self._whole(u)
        if inner is None:
            return None
        if op == "exp" and not inner.weight and (number := self.number(inner.rest)) is not None:
            return Motion(number, x.ZERO, inner.places)
        if op == "log":
            return Motion(Fraction(0), x.add(x.Num(inner.weight), x.mul(inner.rest, x.power(u, x.MINUS_ONE))), inner.places)
        if inner.rest.key == x.ZERO.key and _homogeneous(op):
            return inner
        speed = x.add(x.mul(x.Num(inner.weight), u), inner.rest)
        return Motion(Fraction(0), x.mul(OPS[op].slope_at(0, (u,)), speed), inner.places)

    def _reduction(self, e: x.Reduce) -> Motion | None:
        if e.guard is not None and e.guard.names & self.names:
            raise Unclear
        e = x.rename_binder(e)
        inner = self.of(e.body)
        if inner is None:
            return None
        if _mentions(inner.places, e.index):
            inner = self.tidied(inner)
            if inner.still:
                return None
            raise Unclear
        if e.op == "sum":
            return Motion(inner.weight, x.reduce_("sum", e.index, inner.rest, e.guard), inner.places)
        if e.op in ("max", "min") and e.index not in inner.rest.free:
            return inner
        raise Unclear

    def number(self, e: Expr) -> Fraction | None:
        """The value of an expression that is a number, whatever the data."""
        try:
            terms = list((prover := Prover(self.program)).collect(prover.expand(e)).values())
        except (TooLarge, RecursionError):
            return None
        if not terms:
            return Fraction(0)
        plain = len(terms) == 1 and not (terms[0].powers or terms[0].conds or terms[0].binders)
        return terms[0].coefficient if plain else None

    def tidied(self, m: Motion) -> Motion:
        """The motion with a rest that is zero, or a multiple of nothing, written so; raises Unclear for a long one."""
        number = self.number(m.rest)
        if number is not None:
            return Motion(m.weight, x.Num(number), m.places)
        if prove_equal(m.rest, x.ZERO, self.program) is True:
            return Motion(m.weight, x.ZERO, m.places)
        if sum(1 for _ in x.walk(m.rest)) > LONGEST:
            raise Unclear
        return m


def depends_on_any(e: Expr, names: Iterable[str]) -> bool:
    return any(depends(e, name) for name in names)


@cache
def _homogeneous(op: str) -> bool:
    """Whether f(λ u) = λ f(u) for λ > 0: Euler, u f′(u) = f(u)."""
    u = Entry("u", ())
    euler = x.mul(u, OPS[op].slope_at(0, (u,)))
    return prove_equal(euler, x.Call(op, (u,)), Program((), (), ())) is True


def _common(motions: list[Motion]) -> tuple[x.Slot, ...]:
    """The places of τ that all motions share; raises Unclear where they differ."""
    first = motions[0].places
    for m in motions[1:]:
        if len(m.places) != len(first) or not all(_same(a, b) for a, b in zip(m.places, first, strict=True)):
            raise Unclear
    return first


def _same(a: x.Slot, b: x.Slot) -> bool:
    return a is b or (isinstance(a, x.Term) and isinstance(b, x.Term) and a.key == b.key)


def _mentions(places: tuple[x.Slot, ...], i: object) -> bool:
    return any(i in x.free_indices(s) for s in places)


def _inside_best(t: x.Term, u: Entry) -> bool:
    return any(any(v is u for v in x.walk(b.body)) for b in x.walk(t) if isinstance(b, x.ArgBest))


__all__ = ["Motion", "Symmetry", "symmetry"]
