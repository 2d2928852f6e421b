"""The cut rule: what a gradient must be, given the author's own gradients further up; and how that is decided.

Let U be the arrays whose gradients the author's right side of dX reads.  If every way from X to the outputs passes
through some U, then dX must be Σ dU·∂U/∂X.  The engine's equation ∂X = Σ ∂Y·∂Y/∂X over the users Y of X holds for any
gradients ∂Y that satisfy their own equations; so the expected value is the engine's equation in which ∂U stands for
the author's dU, and equations of the arrays between X and the cut are kept.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

import numpy as np

from derive import expr as x
from derive.checker.claims import Claim
from derive.checker.reading import Reading
from derive.engine import Gradients, differentiate
from derive.errors import Problem
from derive.expr import Entry, Expr
from derive.index import Index, Quotient, Size
from derive.judges import data
from derive.judges.balls import SEEDS as SEEDS_OF_BALLS
from derive.judges.balls import CounterExample, counterexample, undefined_at
from derive.judges.bench import Bench, judge_gradients
from derive.judges.evaluate import Undecided
from derive.judges.normal import MOST_WORK, prove_equal
from derive.ops import OPS
from derive.program import Equation, Program, base_name, gradient_name, program_text
from derive.recurrence import recurrences

SEEDS = (0, 1)
ROUGH_SEEDS = range(2, 8)
LONGEST_TRIED = 12  # lengths among which one is sought that does not split evenly


@dataclass(frozen=True)
class Answer:
    """Whether two formulas are equal (None: undecided), how that is known, and where they differ."""

    equal: bool | None
    certainty: str | None = None
    where: str | None = None
    why: str = ""
    condition: str = ""


@dataclass(frozen=True)
class _Same:
    """A forward pass, equal to any other with the same text."""

    text: str
    program: Program = field(compare=False)


@lru_cache(maxsize=16)
def true_gradients(forward: _Same) -> tuple[Gradients, frozenset[str]]:
    """The true gradients, derived once for all files and blocks that belong to one forward pass.

    And the arrays whose gradient a forward sweep of dual numbers does not confirm: nothing rests on these.
    """
    found = differentiate(untied(forward.program))
    known = {n: d.target.name for n, d in found.derivations.items() if d.target.name in found.program}
    judged = judge_gradients(found.program, known, found.upstream, outputs=found.of) if known else {}
    return found, frozenset(name for name, j in judged.items() if not j.equal)


def untied(program: Program) -> Program:
    """The pass with a maximum of two arrays that meet at random data written as the case that it is.

    `maximum(a.max(), a)` is a.max() whatever a is: at its tie the two slopes must add up to 1, and the kink's
    convention (0 for both) would not be its derivative.  Where arrays meet always, either case is right.
    """
    made = [e if (rhs := _as_case(e, program)) is e.rhs else replace(e, rhs=rhs) for e in program.equations]
    return replace(program, equations=tuple(made))


def _as_case(e: Equation, program: Program) -> Expr:
    def change(t: x.Term) -> Expr | None:
        paired = isinstance(t, x.Call) and len(t.args) == 2 and t.op in OPS and OPS[t.op].kink
        return OPS[t.op].expand(t.args) if paired and _meet(*t.args, Bench(program)) else None

    paired = any(isinstance(t, x.Call) and len(t.args) == 2 for t in x.walk(e.rhs))
    return x.rewrite(e.rhs, change) if paired else e.rhs


def _meet(a: Expr, b: Expr, bench: Bench) -> bool:
    """Whether two formulas have a value in common, entry by entry, at random data."""
    try:
        axes = tuple(sorted(a.free | b.free, key=lambda i: i.number))
        return bool(np.any(bench.value(a, axes) == bench.value(b, axes)))
    except (Undecided, Problem):
        return True


class Court:
    """The true gradients, the author's values, and the judges over both."""

    def __init__(self, reading: Reading):
        self.reading = reading
        self.gradients, self.doubted = true_gradients(_Same(program_text(reading.forward), reading.forward))
        self.targets = {name: d.target.name for name, d in self.gradients.derivations.items()}
        self.targets |= {name: gradient_name(name) for name in reading.forward.outputs if name not in self.targets}
        self.arrays = {target: name for name, target in self.targets.items()}
        taken = {v.name for v in self.gradients.program.inputs}
        variables = [v for v in reading.variables if v.name not in taken]
        self.program = self.gradients.program.with_equations(self._stand_ins(), variables)
        self.program = self.program.with_equations(reading.equations)
        self.count = 0
        self._benches: dict[int, Bench] = {}
        self._kept: dict[tuple[str, str], Answer] = {}
        self._compares: dict[str, bool] = {}

    def _stand_ins(self) -> list[Equation]:
        """`∂=X`, the true gradient where the author's value is not derived or could not be read."""
        made = []
        for name in {n for e in self.reading.equations for n in e.rhs.names if n.startswith("∂=")}:
            indices = self.indices(self.reading.forward.shape(name[2:]))
            made.append(Equation(name, indices, self.true(name[2:], indices)))
        return made

    # -- formulas

    def indices(self, shape: Iterable[Size]) -> tuple[Index, ...]:
        return tuple(Index("ijklmpqr"[k % 8], n) for k, n in enumerate(shape))

    def true(self, name: str, indices: tuple[Index, ...]) -> Expr:
        """The gradient of the outputs by an array, at an entry; zero where they do not depend on it."""
        weight = [Entry(self.reading.scalar_upstream, ())] if self.reading.scalar_upstream else []
        target = self.targets.get(name)
        if target is None:
            return x.ZERO
        if target not in self.gradients.program:
            return x.mul(*weight) if name in self.gradients.of else x.ZERO
        return x.mul(*weight, Entry(target, slots(indices)))

    def written(self, array: str, indices: tuple[Index, ...]) -> Expr:
        """The author's array at an entry of the array that it is the gradient of, broadcast where it is smaller."""
        shape = self.program.shape(array)
        return Entry(array, aligned(shape, indices))

    def shape(self, array: str) -> tuple[Size, ...]:
        return self.program.shape(array)

    # -- the cut

    def base(self, array: str) -> str:
        """The array that a name holds whole, through names that only repeat another."""
        e = self.program.equation(array)
        while e is not None and isinstance(e.rhs, Entry) and e.rhs.slots == e.indices and e.rhs.name not in self.reading.forward:
            array = e.rhs.name
            e = self.program.equation(array)
        return array

    def rings(self, claims: Iterable[Claim]) -> dict[str, dict[str, Claim]]:
        """For claims that a loop makes of each other from round to round: the others, by the array that is read there."""
        claims = [c for c in claims if c.meant and not c.fate and isinstance(c.last.node, ast.For)]
        blocks = recurrences(self.program.equations) if len(claims) > 1 else {}
        own = {c.array: self.base(c.array) for c in claims}
        found = {}
        for c in claims:
            block = blocks.get(own[c.array])
            others = {own[d.array]: d for d in claims if d is not c and blocks.get(own[d.array]) is block}
            if block is not None and others:
                found[c.array] = others
                c.meant.sort(key=lambda n: n not in self.made_in_rounds)  # likelier what later rounds send back as well
        return found

    @cached_property
    def made_in_rounds(self) -> frozenset[str]:
        """The forward arrays that rounds of a loop make of each other."""
        return frozenset(recurrences(self.reading.forward.equations))

    def cut(self, array: str, meant: str, claimed: Mapping[str, str]) -> Cut:
        """The author's gradients that the value of `array` reads; `claimed`: forward arrays by the claim's array."""
        below = self.reading.forward.depends([meant]) - {meant} if meant else self.reading.forward.by_name.keys()
        reached: dict[str, str] = {}
        inner: set[str] = set()
        upstream: set[str] = set()
        own = self.program.equation(array)
        todo = list(own.rhs.names) if own is not None else []
        while todo:
            name = todo.pop()
            if name in inner or name in reached.values():
                continue
            if claimed.get(name) in below:
                reached[claimed[name]] = name
                continue
            inner.add(name)
            equation = self.program.equation(name)
            if name.startswith("∂"):
                upstream.add(name)
            elif equation is not None and name not in self.reading.forward:
                todo += equation.rhs.names
        return Cut(meant, reached, frozenset(inner), bool(meant) and self._separates(meant, set(reached), upstream))

    def _separates(self, meant: str, reached: set[str], upstream: set[str]) -> bool:
        """Whether every way from an array to the outputs meets the cut."""
        forward = self.reading.forward
        seen, todo = set(), [meant]
        while todo:
            name = todo.pop()
            if name in seen or name in reached:
                continue
            seen.add(name)
            own = self.reading.upstream.get(name, gradient_name(name))
            if name in forward.outputs and own not in upstream:
                return False
            todo += [e.name for e in forward.uses(name) if e.sort == "real"]
        return bool(reached or upstream)

    def expected(self, cut: Cut, indices: tuple[Index, ...], given: Mapping[str, str]) -> tuple[Expr, list[Equation]]:
        """The gradient that the cut demands, with `given[U]` for the gradient of U; and the equations that it needs."""
        self.count += 1
        made: dict[str, Equation] = {}

        def name_of(target: str) -> str:
            new = f"{target}‹{self.count}›"
            if new not in made:
                e = made[new] = self.gradients.program.equation(target)  # known by now, should it read itself in a loop
                made[new] = replace(e, name=new, rhs=x.replace_entries(e.rhs, change))
            return new

        def change(u: Entry) -> Expr | None:
            meant = self.arrays.get(u.name)
            if meant in given:
                return Entry(given[meant], aligned(self.program.shape(given[meant]), u.slots))
            if meant is not None and self.gradients.program.equation(u.name) is not None:
                return Entry(name_of(u.name), u.slots)
            return None

        target = self.targets.get(cut.meant)
        if target is None or self.gradients.program.equation(target) is None:
            return self.true(cut.meant, indices), []
        return Entry(name_of(target), slots(indices)), list(made.values())

    def truth_array(self, name: str) -> str:
        """An array that holds the true gradient at a forward array."""
        own = f"∂={name}"
        if own not in self.program:
            indices = self.indices(self.reading.forward.shape(name))
            self.add([Equation(own, indices, self.true(name, indices))])
        return own

    def variant(self, array: str, swaps: Mapping[str, str]) -> tuple[str, list[Equation]]:
        """The author's array computed from other arrays in the place of some; shapes must be the same."""
        self.count += 1
        made: dict[str, Equation] = {}
        names: dict[str, str] = dict(swaps)

        def copied(name: str) -> str:
            if name not in names:
                names[name] = name
                e = self.program.equation(name)
                if e is not None and "@" in name and name not in self.reading.forward:
                    inner = {n: copied(n) for n in sorted(e.rhs.names)}
                    if any(a != b for a, b in inner.items()):
                        names[name] = f"{name}‹{self.count}›"
                        rhs = x.replace_entries(e.rhs, lambda u: Entry(inner[u.name], u.slots))
                        made[names[name]] = replace(e, name=names[name], rhs=rhs)
            return names[name]

        return copied(array), list(made.values())

    def part(self, above: str, gradient: str, t: Expr, own: tuple[Index, ...]) -> str:
        """The array of the gradient at a nameless part `t` of a forward line, from the author's gradient above."""
        self.count += 1
        e = self.reading.forward.equation(above)
        name = f"part‹{self.count}›"
        rhs = x.rewrite(e.rhs, lambda u: Entry(name, own) if isinstance(u, Expr) and u.key == t.key else None)
        to = tuple(i.fresh() for i in own)
        weight = Entry(gradient, aligned(self.program.shape(gradient), e.indices))
        body = x.total(x.mul(weight, x.D(rhs, Entry(name, to))), *(i for i in e.indices))
        self.add([Equation(name, own, t), Equation(f"∂{name}", to, body)])
        return f"∂{name}"

    # -- judges

    def equal_in(self, program: Program, a: Expr, b: Expr) -> bool:
        """Whether two formulas are equal, exactly and at two sizes, in a program that fixes more than ours."""
        found = [Bench(program, seed, self.bench(seed).sizes).same(a, b) for seed in SEEDS]
        if not all(f.equal and f.how == "exact" for f in found):
            return False
        rough = (Signed(program, seed, self._longer()) for seed in ROUGH_SEEDS) if self._branches(a, b) else ()
        return all(bench.same_residues(a, b) is not False for bench in rough)

    def agrees(self, array: str, made: list[Equation], goal: Expr, indices: tuple[Index, ...]) -> bool:
        """Whether a trial's array equals a goal: floats first, then exactly."""
        bench, shape = self.bench(0), next(e.shape for e in made if e.name == array)
        bench.program = self.program.with_equations(made)
        bench.add(made)
        written = Entry(array, aligned(shape, indices))
        if not _near(bench, written, goal, indices):
            bench.program = self.program
            return False
        self.add(made)
        return self.same(written, goal).equal is True

    def bench(self, seed: int) -> Bench:
        """The bench of a seed; the second has other lengths throughout, so that n is not 2 in both.

        Below 0: the same seed, its lengths in the order of the first bench.
        """
        if seed not in self._benches:
            sizes = self._longer(turned=seed > 0) if seed else None
            self._benches[seed] = Bench(self.program, abs(seed), sizes)
        return self._benches[seed]

    def _longer(self, turned: bool = True) -> dict[str, int] | None:
        """Longer sizes than those of the first bench, `turned` the longest now the shortest, where derived sizes allow it."""
        formulas = [e.rhs for e in self.program.equations]
        derived = [n for n in data.sizes_in(self.program, formulas) if n.number is None and n.letter is None]
        first = self.bench(0).sizes
        most = max(first.values(), default=0)
        for around in (True, False) if turned else (False,):
            for more in (3, 4, 2, 5, 6):
                sizes = {a: (most - n + 2 if around else n) + more for a, n in first.items()}
                if data.legal(derived, sizes, True):
                    return sizes
        return None

    def add(self, equations: Iterable[Equation]) -> None:
        """Further equations, for all judges."""
        equations = list(equations)
        if not equations:
            return
        self.program = self.program.with_equations(equations)
        rough = self._rough_benches if "_rough_benches" in self.__dict__ else []
        for bench in [*self._benches.values(), *rough]:
            bench.add(equations)
            bench.program = self.program

    def agrees_now(self, a: Expr, b: Expr) -> bool:
        """Whether two formulas are equal: floats first, then exactly."""
        return bool(self.quick(a, b)) and self.same(a, b).equal is True

    def quick(self, a: Expr, b: Expr) -> bool | None:
        """Whether two formulas agree in floats, at one size."""
        return self.bench(0).same_value(a, b)

    def same(self, a: Expr, b: Expr) -> Answer:
        """Whether two formulas are equal: exact residues at two sizes; a difference is only one that balls confirm."""
        key = (a.key, b.key)
        if key not in self._kept:
            self._kept[key] = self._same(a, b)
        return self._kept[key]

    def _same(self, a: Expr, b: Expr) -> Answer:
        why = ""
        if self._is_undefined(a, b):
            found = undefined_at(self._needed(a, b, *self._forward), a, b, self._forward)
            why = "its value is no number where the true gradient is one"
            if found is None and (nonzero := self._where_a_number(a, b)):
                return Answer(None, "tested", None, f"right where {nonzero} ≠ 0: it divides by it", nonzero)
            if found is None and (elsewhere := self._confirmed(a, b)).equal is False:
                return elsewhere
            return Answer(None if found is None else False, None, found and str(found), why)
        for seed in SEEDS:
            found = self.bench(seed).same(a, b)
            if found.equal and found.how != "exact" and seed:  # arrays too large to judge at these lengths
                found = self.bench(-seed).same(a, b)
            if found.equal is False:
                return self._confirmed(a, b)
            if not (found.equal and found.how == "exact"):
                why = found.detail
        if self._branches(a, b) and any(bench.same_residues(a, b) is False for bench in self._rough_benches):
            return self._confirmed(a, b, SEEDS_OF_BALLS)
        if why:
            return Answer(None, None, None, why)
        condition = self._size_condition(a, b)
        return Answer(None, "tested", None, condition, condition) if condition else Answer(True, "tested")

    def _size_condition(self, a: Expr, b: Expr) -> str:
        """What the first formula supposes of the sizes where it halves them or compares them with numbers; "" if nothing.

        The benches have sizes of at least 2 that split evenly, as the forward pass has.
        """
        own = [a, *(e.rhs for n in sorted(self._reached(a)) if n not in self.reading.forward and (e := self.program.equation(n)))]
        split = {q for e in own for q in _quotients_in(e)} - {q for e in self.reading.forward.equations for q in _quotients_in(e.rhs)}
        for q in sorted(split, key=str):
            for letter in sorted(q.over.letters - q.under.letters):
                if not self._same_where(a, b, letter, lambda k, q=q, n=letter: k > 3 and not data.divides(q, self.bench(0).sizes | {n: k})):
                    return f"right where {q.under} divides {q.over}"
        compared = {n for e in own for t in x.walk(e) if isinstance(t, x.Call) and t.op in ("maximum", "minimum", "relu") and not t.names
                    for u in x.walk(t) if isinstance(u, x.Whole) and isinstance(u.slot, x.Affine) for n in u.slot.constant.letters}  # fmt: skip
        for letter in sorted(compared):
            if not self._same_where(a, b, letter, lambda k: k == 1):
                return f"right where {letter} is larger than 1"
        return ""

    def _same_where(self, a: Expr, b: Expr, letter: str, wanted: Callable[[int], bool]) -> bool:
        """Whether two formulas agree at the first length of a size that is wanted."""
        length = next((k for k in range(1, LONGEST_TRIED) if wanted(k)), None)
        if length is None:
            return True
        try:
            return Bench(self.program, 0, self.bench(0).sizes | {letter: length}).same(a, b).equal is not False
        except (Undecided, Problem, ArithmeticError, LookupError, ValueError):
            return True

    def _is_undefined(self, a: Expr, b: Expr) -> bool:
        """Whether the first formula has entries that are no number, where the second and the forward pass have none."""
        bench = self.bench(0)
        try:
            axes = tuple(sorted(a.free | b.free, key=lambda i: i.number))
            if np.isfinite(bench.value(a, axes)).all() or not np.isfinite(bench.value(b, axes)).all():
                return False
            return all(np.isfinite(bench.value(e, tuple(e.free))).all() for e in self._forward)
        except (Undecided, Problem):
            return False

    def _where_a_number(self, a: Expr, b: Expr) -> str:
        """The array by which the first formula divides, if it is the second one wherever that is not zero; else "".

        Exact where all data are positive; in draws of all signs no entry that is a number may differ.
        """
        under = {t.base.name for n in self._reached(a) - self.reading.forward.by_name.keys()
                 for t in x.walk(self.program.equation(n).rhs if self.program.equation(n) else x.ZERO)
                 if isinstance(t, x.Pow) and isinstance(t.base, Entry) and isinstance(t.exponent, x.Num)
                 and t.exponent.value < 0}  # fmt: skip
        zeros = [n for n in sorted(under) if self._has_zeros(n)]
        benches = [Bench(self.program, seed, self.bench(seed).sizes, positive=True) for seed in SEEDS]
        try:
            found = [bench.same(a, b) for bench in benches]
        except (Undecided, Problem):
            return ""
        if len(zeros) != 1 or not all(f.equal and f.how == "exact" for f in found):
            return ""
        near = all(self._near_where_finite(bench, a, b) for bench in [self.bench(0), *self._rough_benches])
        return base_name(zeros[0]) if near else ""

    def _has_zeros(self, name: str) -> bool:
        axes = self.indices(self.shape(name))
        return bool(np.any(self.bench(0).value(Entry(name, slots(axes)), axes) == 0))

    def _near_where_finite(self, bench: Bench, a: Expr, b: Expr) -> bool:
        axes = tuple(sorted(a.free | b.free, key=lambda i: i.number))
        left, right = bench.value(a, axes), bench.value(b, axes)
        finite = np.isfinite(left)
        return bool(np.allclose(left[finite], np.broadcast_to(right, left.shape)[finite], rtol=1e-6, atol=1e-9))

    @cached_property
    def _forward(self) -> tuple[Expr, ...]:
        """The real arrays of the forward pass, at an entry."""
        real = [e for e in self.reading.forward.equations if e.sort == "real"]
        return tuple(Entry(e.name, tuple(i.fresh() for i in e.indices)) for e in real)

    def _branches(self, a: Expr, b: Expr) -> bool:
        """Whether values are compared on the way to two formulas: a draw of data shows few of the outcomes."""
        new = [e for e in self.program.equations if e.name not in self._compares]
        self._compares.update((e.name, compares(e.rhs)) for e in new)
        return compares(a) or compares(b) or any(self._compares[n] for n in self._reached(a, b) if n in self._compares)

    def _reached(self, *formulas: Expr) -> frozenset[str]:
        return frozenset(self.program.reaches(frozenset().union(*(e.names for e in formulas))))

    @cached_property
    def _rough_benches(self) -> list[Bench]:
        """Data of very different sizes, so that comparisons come out in many ways; for disproofs only."""
        return [Rough(self.program, seed, self._longer()) for seed in ROUGH_SEEDS]

    def _confirmed(self, a: Expr, b: Expr, seeds: Iterable[int] = range(3)) -> Answer:
        found: CounterExample | None = counterexample(self._needed(a, b), a, b, seeds)
        if found is None:
            return Answer(None, None, None, "the values differ, and no exact counter-example confirms it")
        return Answer(False, None, str(found))

    def _needed(self, *formulas: Expr) -> Program:
        """The part of the program that formulas depend on."""
        needed = self.program.reaches(frozenset().union(*(e.names for e in formulas)))
        return replace(
            self.program,
            inputs=tuple(v for v in self.program.inputs if v.name in needed),
            equations=tuple(e for e in self.program.equations if e.name in needed),
            facts=tuple(f for f in self.program.facts if f.array in needed),
        )

    def proves(self, a: Expr, b: Expr, unfold: Iterable[str], work: int = MOST_WORK) -> bool:
        """Whether the normal form shows equality for all sizes, with so much work."""
        return prove_equal(a, b, self.program, unfold, work) is True


def _quotients_in(e: Expr) -> Iterator[Quotient]:
    """The quotients of sizes that a formula mentions: bounds, places and numbers."""
    for t in x.walk(e):
        slots = [t.slot] if isinstance(t, x.Whole) else [t] if isinstance(t, x.Affine) else []
        sizes = [n for s in slots if isinstance(s, x.Affine) for n in (s.constant, *(c for _, c in s.terms))]
        for n in (*sizes, *data.sizes_of(t)):
            yield from data.quotients_of(n)


@dataclass(frozen=True)
class Cut:
    """The author's gradients `reached` by a claim (by forward array), the arrays between, and whether they separate."""

    meant: str
    reached: Mapping[str, str]
    inner: frozenset[str]
    separates: bool


class Rough(Bench):
    """A bench whose reals differ in size by up to two orders of magnitude."""

    def reals(self, rng: np.random.Generator, shape: tuple[int, ...], positive: bool) -> np.ndarray:
        return super().reals(rng, shape, positive) * rng.choice([0.1, 1.0, 8.0], shape)


class Signed(Rough):
    """The same with both signs also where a sum is declared: `sum y = 1` does not say that y is positive."""

    def reals(self, rng: np.random.Generator, shape: tuple[int, ...], positive: bool) -> np.ndarray:
        return super().reals(rng, shape, False)


def compares(e: Expr) -> bool:
    """Whether a formula compares real values: a case, a largest entry, an absolute value."""
    for t in x.walk(e):
        if isinstance(t, x.Rel) and any(getattr(s, "names", ()) for s in (t.left, t.right)):
            return True
        if isinstance(t, x.Call) and t.op in OPS and OPS[t.op].kink:
            return True
        if isinstance(t, x.ArgBest) or isinstance(t, x.Reduce) and t.op in ("max", "min"):
            return True
    return False


def _near(bench: Bench, a: Expr, b: Expr, indices: tuple[Index, ...]) -> bool:
    """Whether two formulas are worth comparing exactly: their floats agree to six digits."""
    try:
        left, right = bench.value(a, indices), bench.value(b, indices)
    except (Undecided, Problem):
        return False
    return bool(np.allclose(left, right, rtol=1e-6, atol=1e-9))


def slots(indices: tuple[Index, ...]) -> tuple[x.Slot, ...]:
    return tuple(x.whole_slot(0) if i.size.number == 1 else i for i in indices)


def aligned(shape: tuple[Size, ...], indices: tuple[x.Slot, ...]) -> tuple[x.Slot, ...]:
    """The slots at which an array of that shape is read for an entry of another one: axes of length 1 are repeated."""
    place = list(indices)
    if len(shape) > len(place):
        place = _spread(shape, place)
    place = place[len(place) - len(shape) :]
    return tuple(x.whole_slot(0) if n.number == 1 else s for n, s in zip(shape, place, strict=True))


def _spread(shape: tuple[Size, ...], place: list[x.Slot]) -> list[x.Slot]:
    """Slots for more axes than there are: extra axes have length 1."""
    found, left = [], list(place)
    for k, n in enumerate(shape):
        need = len(shape) - k
        if n.number == 1 and need > len(left):
            found.append(x.whole_slot(0))
        else:
            found.append(left.pop(0) if left else x.whole_slot(0))
    return found


def fits(have: tuple[Size, ...], want: tuple[Size, ...]) -> str:
    """`same`, `loose` (equal but for axes of length 1, or broadcast to it), or `other`."""
    if have == want:
        return "same"
    if [n for n in have if n.number != 1] == [n for n in want if n.number != 1]:
        return "loose"
    if len(have) <= len(want):
        tail = want[len(want) - len(have) :]
        if all(a == b or a.number == 1 for a, b in zip(have, tail, strict=True)):
            return "loose"
    return "other"
