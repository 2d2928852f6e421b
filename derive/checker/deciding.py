"""Whether two formulas are equal: proof for all sizes, exact test at several sizes, disproof by rational numbers.

`right` comes from the prover or from residues at every size tried; `wrong` only from rational numbers at which balls
keep both sides apart.  Everything else is open, with its reason.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Literal

from derive import expr as x
from derive.checker.signs import Signs
from derive.errors import Problem
from derive.expr import Expr
from derive.index import Index
from derive.judges.balls import counterexample
from derive.judges.bench import Bench
from derive.judges.data import judging_sizes
from derive.judges.evaluate import Undecided
from derive.judges.normal import known_positive, prove_equal
from derive.program import Equation, Program, Variable
from derive.readers.latex_matrices import with_implied
from derive.routes import unfold

LARGER = (0, 2, 5)  # how much longer than needed the axes are made, one test each
MORE_SIGNS = 6
MOST_DEGREES = 30
MOST_ORDERS = 24
KINKED = {"abs", "sign", "relu", "floor", "maximum", "minimum"}


@dataclass(frozen=True)
class Answer:
    """Equal (True, False, None), how that is known, and what it rests on."""

    equal: bool | None
    certainty: Literal["proved", "tested"] | None = None
    reason: str = ""
    counterexample: str = ""
    condition: str = ""


@dataclass
class Decider:
    """Questions about one program; answers are kept."""

    program: Program
    implied: dict[str, Equation] = field(default_factory=dict)
    answers: dict[tuple[str, str, str], Answer] = field(default_factory=dict)
    zeros: dict[str, bool] = field(default_factory=dict)

    def equal(self, a: Expr, b: Expr, cond: x.Cond | None = None) -> Answer:
        """Whether two formulas are equal for every value of their free indices at which the condition holds."""
        key = (a.key, b.key, "" if cond is None else cond.key)
        if key not in self.answers:
            try:
                self.answers[key] = self._decided(a, b, cond)
            except (Undecided, Problem, RecursionError, ZeroDivisionError, OverflowError) as problem:
                self.answers[key] = Answer(None, reason=f"not decided: {problem}")
        return self.answers[key]

    def _decided(self, a: Expr, b: Expr, cond: x.Cond | None) -> Answer:
        if cond is not None:
            a, b = _where(a, cond), _where(b, cond)
        program = restricted(with_implied(self.program, self.implied), (a, b))
        if (trouble := self._trouble(program, a, b)) is not None:
            return Answer(None, reason=trouble)
        base = regular_sizes(program, a, b)
        if base is None:
            return Answer(None, reason="a matrix that has no inverse is inverted")
        if differ(program, a, b, base):
            return self._refuted(program, a, b)
        cut = generalised(program, a, b)
        if proved(a, b, cut) or (cut is not program and proved(a, b, program)):
            return Answer(True, "proved")
        if cut is not program:
            answer = self._tested(cut, a, b, base, refute=False)
            if answer.equal:
                return answer
        return self._tested(program, a, b, base)

    def divides_by_zero(self, under: Iterable[Expr]) -> str | None:
        """The first of some denominators that is zero by what it is made of."""
        for e in under:
            program = restricted(with_implied(self.program, self.implied), (e,))
            if self._vanishes(e, program):
                return f"the denominator {e} is zero"
        return None

    def _trouble(self, program: Program, a: Expr, b: Expr) -> str | None:
        """Facts that contradict each other, a denominator that is zero."""
        clash = contradiction(program)
        if clash:
            return clash
        for e in (a, b, *(q.rhs for q in program.equations)):
            for u in x.walk(e):
                if isinstance(u, x.Pow) and _negative(u.exponent) and self._vanishes(u.base, program):
                    return f"the denominator {u.base} is zero"
        return None

    def _vanishes(self, base: Expr, program: Program) -> bool:
        """Whether a denominator is zero by the facts; kept, for the same ones come again and again."""
        if isinstance(base, x.Entry) and base.name not in self.implied:
            return False
        if base.key not in self.zeros:
            self.zeros[base.key] = singular(base, program) if isinstance(base, x.Entry) else vanishes(base, program)
        return self.zeros[base.key]

    def _tested(self, program: Program, a: Expr, b: Expr, base: dict[str, int], refute: bool = True) -> Answer:
        """Exact residues at several sizes; a difference must be confirmed by rational numbers."""
        positive, sizes = False, []
        for seed in range(4, 4 + MORE_SIGNS):  # further data at small sizes: other signs, other regions
            if Bench(program, seed, base, extra=(a, b)).same_value(a, b) is False:
                return self._refuted(program, a, b) if refute else Answer(None)
        for more in range(1, size_degree(a, b) + 3):  # more lengths than a polynomial in the sizes has zeros
            longer = lengthened(base, more, program)
            if base and Bench(program, more, longer, (a, b)).same_value(a, b) is False:
                return self._refuted(program, a, b) if refute else Answer(None)
        for seed, more in enumerate(LARGER):
            bench = Bench(
                program,
                seed,
                lengthened(base, more, program),
                (a, b),
            )
            verdict = bench.same(a, b)
            if verdict.equal is False:
                return self._refuted(program, a, b) if refute else Answer(None)
            if verdict.equal is None or verdict.how != "exact":
                return Answer(None, reason="the judges cannot evaluate it: " + (verdict.detail or "not exact"))
            positive |= bench.same_value(a, b) is None
            sizes.append(dict(bench.sizes))
            if not base and seed:
                break
        shown = "; ".join(", ".join(f"{k}={n}" for k, n in s.items()) for s in sizes)
        positive |= any(_wants_positive(u, program) for e in (a, b) for u in x.walk(e))
        condition = "where its logarithms and roots exist (their arguments positive)" if positive else ""
        parts = [u for e in (a, b, *(q.rhs for q in program.equations)) for u in x.walk(e)]
        whole = {v.name for v in (*program.inputs, *program.equations) if v.sort != "real"}
        if any(_jumps(u, whole) for u in parts):
            condition = "away from ties and kinks"
        elif any(_kinked(u) for u in parts):
            condition = "in every region that was tried"
        return Answer(
            True,
            "tested",
            f"equal in exact arithmetic at {shown}" if shown else "equal in exact arithmetic",
            condition=condition,
        )

    def _refuted(self, program: Program, a: Expr, b: Expr) -> Answer:
        found = counterexample(program, a, b)
        if found is not None and any(n.startswith("?") for n in found.sizes):
            return Answer(None, reason="the length of an axis is not known")
        if found is None:
            return Answer(None, reason="suspected to be wrong, but no rational numbers were found that show it")
        cut = generalised(program, a, b)
        shorter = counterexample(cut, a, b) if _apart(program, cut) else None
        return Answer(False, reason="", counterexample=told(shorter or found))


def regular_sizes(program: Program, a: Expr, b: Expr) -> dict[str, int] | None:
    """The sizes to judge at: those of the judges, in an order in which every matrix that is inverted has an inverse."""
    base = judging_sizes(program, a, b)
    inverses = [e for e in program.equations if e.kind == "implicit" and e.indices and e.law is not None]
    if not inverses:
        return base
    for numbers in itertools.islice(itertools.permutations(base.values()), MOST_ORDERS):
        sizes = dict(zip(base, numbers, strict=True))
        bench = Bench(program, 1, sizes, (a, b))
        try:
            for e in inverses:
                bench.residues(e.lhs, e.indices)
        except (Undecided, Problem):
            continue
        return sizes
    return None


def lengthened(base: dict[str, int], more: int, program: Program) -> dict[str, int]:
    """Longer axes, by different amounts; where a matrix is inverted by the same, so that XᵀX keeps its inverse."""
    same = any(e.kind == "implicit" for e in program.equations)
    return {k: n + more * (1 if same else 1 + p % 3) for p, (k, n) in enumerate(base.items())}


def singular(det: x.Entry, program: Program) -> bool:
    """Whether a determinant is zero by what its matrix is made of."""
    try:
        return Bench(program, 1, extra=(det,)).same(det, x.ZERO).equal is True
    except (Undecided, Problem):
        return True


def differ(program: Program, a: Expr, b: Expr, sizes: dict[str, int] | None = None) -> bool:
    """Whether floats tell the two apart at once; only a suspicion."""
    try:
        return Bench(program, 1, sizes, extra=(a, b)).same_value(a, b) is False
    except (Undecided, Problem):
        return False


def _where(e: Expr, cond: x.Cond) -> Expr:
    """e where the condition holds, else 0; i = k is put in instead."""
    return x.cases([(cond, e)], x.ZERO)


def identified(cond: x.Cond) -> dict[Index, x.Slot]:
    """What a condition i = k puts for an index."""
    parts = cond.parts if isinstance(cond, x.And) else (cond,)
    found: dict[Index, x.Slot] = {}
    for p in parts:
        if isinstance(p, x.Rel) and p.op == "eq" and isinstance(p.left, Index):
            found[p.left] = p.right
        elif isinstance(p, x.Rel) and p.op == "eq" and isinstance(p.right, Index):
            found[p.right] = p.left
    return found


def proved(a: Expr, b: Expr, program: Program) -> bool:
    """A proof with definitions left alone, else written out."""
    if prove_equal(a, b, program) is True:
        return True
    names = [e.name for e in program.equations if e.kind == "explicit"]
    return bool(names) and prove_equal(a, b, program, names) is True


def _negative(e: Expr) -> bool:
    return isinstance(e, x.Num) and isinstance(e.value, Fraction) and e.value < 0


def vanishes(base: Expr, program: Program) -> bool:
    """Whether a denominator is zero by the facts."""
    if isinstance(base, x.Num):
        return base.value == 0
    return bool(program.facts or isinstance(base, x.Add)) and not known_positive(base) and proved(base, x.ZERO, program)


def contradiction(program: Program) -> str | None:
    """Two facts that no data can satisfy together."""
    by: dict[str, list] = {}
    for f in program.facts:
        by.setdefault(f.array, []).append(f)
    for name, facts in by.items():
        kinds = {f.kind for f in facts}
        if "onehot" in kinds and "positive" in kinds:
            return f"the facts about {name} contradict each other"
        sums = [f for f in facts if f.kind == "equation"]
        for f in sums:
            axis = f.left.body.slots.index(f.left.index) if isinstance(f.left, x.Reduce) else None
            last = axis == len(f.left.body.slots) - 1 if axis is not None else False
            if "onehot" in kinds and last and f.right.key != x.ONE.key:
                return f"the facts about {name} contradict each other"
            for g in sums:
                same_axis = isinstance(g.left, x.Reduce) and g.left.body.slots.index(g.left.index) == axis
                if (
                    same_axis
                    and isinstance(f.right, x.Num)
                    and isinstance(g.right, x.Num)
                    and f.right.value != g.right.value
                ):
                    return f"the facts about {name} contradict each other"
    return None


def _kinked(u: object) -> bool:
    if isinstance(u, x.Call):
        return u.op in KINKED
    if isinstance(u, x.Reduce):
        return u.op in ("max", "min")
    return (
        isinstance(u, x.Pow)
        and isinstance(u.exponent, x.Num)
        and u.exponent.value.denominator != 1
        and not known_positive(u.base)
    )


def size_degree(*formulas: Expr) -> int:
    """How often sizes are written in formulas, powers counted: no polynomial in them has a higher degree."""
    degree = 0
    for e in formulas:
        for u in x.walk(e):
            if isinstance(u, x.Whole) and isinstance(u.slot, x.Affine) and u.slot.constant.letters:
                degree += max(len(m) for m, _ in u.slot.constant.terms)
            if (
                isinstance(u, x.Pow)
                and isinstance(u.exponent, x.Num)
                and any(isinstance(w, x.Whole) for w in x.walk(u.base))
            ):
                degree += abs(int(u.exponent.value)) + 1
    if degree > MOST_DEGREES:
        raise Undecided("sizes in too high powers to be tested")
    return degree


def _wants_positive(u: object, program: Program) -> bool:
    """Whether a part is a logarithm or root of something that may be negative."""
    rooted = isinstance(u, x.Pow) and isinstance(u.exponent, x.Num) and u.exponent.value.denominator != 1
    inner = u.base if rooted else u.args[0] if isinstance(u, x.Call) and u.op == "log" else None
    return inner is not None and not known_positive(unfold(inner, program)) and Signs(program).at_least_zero(inner) < 2


def _jumps(u: object, whole: set[str]) -> bool:
    """Whether a part is discontinuous in the data: equality at almost all data then says nothing about the rest."""
    if isinstance(u, x.ArgBest) or isinstance(u, x.Call) and u.op in ("sign", "floor"):
        return True
    return isinstance(u, x.Rel) and any(
        isinstance(s, x.Expr) and not isinstance(s, x.Whole) and not (isinstance(s, x.Entry) and s.name in whole)
        for s in (u.left, u.right)
    )


def restricted(program: Program, formulas: Iterable[Expr]) -> Program:
    """The part of a program that formulas need."""
    needed = set().union(*(e.names for e in formulas)) if formulas else set()
    while True:
        more = {n for e in program.equations if e.name in needed for n in e.rhs.names} - needed
        if not more:
            break
        needed |= more
    return replace(
        program,
        inputs=tuple(v for v in program.inputs if v.name in needed),
        equations=tuple(e for e in program.equations if e.name in needed),
        outputs=(),
        facts=tuple(f for f in program.facts if f.array in needed),
    )


def generalised(program: Program, a: Expr, b: Expr) -> Program:
    """The program with the names that both formulas rest on taken as free: what holds for all holds for these."""
    mentioned = {n for n in a.names | b.names if program.equation(n) is not None}
    roots = {n for n in mentioned if not (mentioned - {n}) & restricted(program, (x.Entry(n, ()),)).by_name.keys()}
    roots -= {n for n in roots if program.shape(n) == () and n in a.names ^ b.names}
    if not roots:
        return program
    inputs = tuple(Variable(n, program.shape(n), program.sort(n)) for n in sorted(roots))
    kept = tuple(e for e in program.equations if e.name not in roots)
    return restricted(replace(program, inputs=(*program.inputs, *inputs), equations=kept), (a, b))


def _apart(program: Program, cut: Program) -> bool:
    """Whether the arrays that a cut takes as free rest on nothing else that it mentions: they can have these values."""
    roots = {v.name for v in cut.inputs if program.equation(v.name) is not None}
    if not roots or not all(_linear(program, n) for n in roots):
        return False
    below = set().union(*(restricted(program, (x.Entry(n, ()),)).by_name for n in roots)) - roots
    return not below & cut.by_name.keys()


def _linear(program: Program, name: str) -> bool:
    """Whether an array is a sum of products with an input of its own in it, such as W x + b: it can be anything."""
    rhs = program.equation(name).rhs
    plain = all(isinstance(u, (x.Add, x.Mul, x.Entry, x.Num)) or isinstance(u, x.Reduce) and u.op == "sum"
                for u in x.walk(rhs) if isinstance(u, Expr))  # fmt: skip
    free = [n for n in rhs.names if program.is_input(n) and program.sort(n) == "real"]
    return plain and any(all(f.array != n for f in program.facts) for n in free)


def told(found) -> str:
    """A counter-example in the author's names, small enough to be redone by hand."""
    data, _, _ = str(found).rpartition(": ")
    text = f"{data.replace('U~', '∂L/∂').replace('d~', 'd')}: written {_number(found.right)}, right {_number(found.left)}"
    return text if len(text) <= 600 else text[:280] + " … " + text[-280:]


def _number(value: float) -> str:
    """A small fraction where it is one, else six digits."""
    fraction = Fraction(value).limit_denominator(1000)
    return str(fraction) if abs(float(fraction) - value) < 1e-13 * max(1.0, abs(value)) else f"{value:.6g}"
