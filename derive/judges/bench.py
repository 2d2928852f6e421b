"""The judges' bench: one set of random data for one program, on which any two formulas are compared.

Two verdicts on a pair: *value* (floats; a difference here is a difference) and *exact* (residues; equality here is
`tested`).  A formula may mention arrays that the program does not have; they become inputs, shaped as they are used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Literal

import numpy as np

from derive import expr as x
from derive.errors import NotDifferentiable, Problem
from derive.expr import Entry, Expr
from derive.index import Index, Size
from derive.judges import data as draw
from derive.judges.duals import Tangents
from derive.judges.evaluate import Undecided, World
from derive.judges.exact import Field, Tower
from derive.judges.value import Errors, Floats, close
from derive.notation import letters
from derive.program import Equation, Fact, Program, Variable


@dataclass(frozen=True)
class Difference:
    """One place where two formulas differ: the value of each index by name, and both values."""

    place: Mapping[str, int]
    left: float
    right: float

    def __str__(self) -> str:
        place = ", ".join(f"{name}={k}" for name, k in self.place.items())
        return f"at {place or 'the only entry'}: {self.left:.12g} against {self.right:.12g}"


@dataclass(frozen=True)
class Judgement:
    """Whether two formulas are equal (None: not decided), and which judge says so.

    `exact` with True is what may be called *tested*; `value` with True is evidence only.  `carried`: a wrong gradient
    that reads another wrong gradient.
    """

    equal: bool | None
    how: Literal["value", "exact"]
    detail: str = ""
    where: Difference | None = None
    sizes: Mapping[str, int] | None = None
    carried: bool = False

    def __bool__(self) -> bool:
        return self.equal is True


def placed(a: Expr, b: Expr, axes: tuple[Index, ...], place: Iterable[int]) -> dict[str, int]:
    """The value of each free index by the letter under which it is printed."""
    names = letters(x.Call("both", (a, b)))
    return {names[i]: int(k) for i, k in zip(axes, place, strict=True)}


REGIONS = 12  # draws on which formulas with branches are compared; one value has the same sign in all once in 2,000 times
REDRAWN = 7919  # how far apart the seeds of these draws are


class Bench:
    """Random data for one program.  Same program, seed and sizes: same data.

    `extra` are formulas that will be judged: they raise the sizes and declare arrays that the program lacks.
    `positive` draws all reals positive, for formulas with roots and logarithms of what no fact calls positive.
    `scale` makes all reals larger or smaller, for formulas that compare them with a number.
    """

    def __init__(self, program: Program, seed: int = 0, sizes: Mapping[str, int] | None = None,
                 extra: Iterable[Expr] = (), positive: bool = False, scale: Fraction | int = 1):  # fmt: skip
        self.program, self.seed, self.positive, self.scale = program, seed, positive, scale
        self.extra = tuple(extra)
        known = sizes is not None and draw.letters_of(program) <= sizes.keys()  # those of `extra` alone: in `admit`
        chosen = {} if known else draw.judging_sizes(program, *self.extra, seed=seed)
        self.sizes = {**chosen, **(sizes or {})}
        self.world = World(self.sizes, {e.name: e for e in program.equations}, lambda n: self._sort(n) != "real")
        self.floats = Floats(self.world, self._input)
        self.errors = Errors(self.world, self.floats)
        self.tower = Tower(self.world, self.floats, self._given_residues)
        self._strict: Tower | None = None
        self.facts: dict[str, list[Fact]] = {}
        for fact in program.facts:
            self.facts.setdefault(fact.array, []).append(fact)
        self._used: dict[str, list[Entry]] = {}
        self._seen: set[int] = set()
        self._keep: list[Expr] = []
        self._twin: Bench | None = None
        self._scaled: dict[tuple[Fraction, bool], Bench] = {}
        self._redrawn: dict[int, Bench] = {}
        self._compared = {e.name: found for e in program.equations if (found := draw.thresholds(e.rhs))}
        formulas = [*(e.rhs for e in program.equations), *self.extra]
        shapes = {name: item.shape for name, item in program.by_name.items()}
        self._limits = draw.label_limits(formulas, shapes)
        self._labels = draw.slot_names(formulas)
        for e in self.extra:
            self.admit(e)

    # -- data

    def add(self, equations: Iterable[Equation]) -> None:
        """Further equations, for names that no formula judged so far mentions."""
        self.world.equations |= {e.name: e for e in equations}

    def admit(self, e: Expr) -> None:
        """Learn from a formula the shapes of arrays that nothing declares, and numbers for new size letters."""
        if id(e) in self._seen:
            return
        self._seen.add(id(e))
        self._keep.append(e)
        new = {n for n in e.names if n not in self.world.equations and n not in self.program}
        if not (new or self._missing_letters(e)):
            return
        for a, n in draw.judging_sizes(Program((), (), ()), e, seed=self.seed).items():
            if a not in self.sizes:
                self.sizes[a] = self.world.sizes[a] = max([n - 1, *self.sizes.values()]) + 1
        if not new:
            return
        self._labels |= draw.slot_names([e])
        for t in x.walk(e):
            if isinstance(t, Entry) and t.name in new:
                self._used.setdefault(t.name, []).append(t)
                for s in t.slots:
                    if isinstance(s, Entry):
                        self._limits.setdefault(s.name, Size.of(3))
        for name, n in draw.label_limits([e], {k: v.shape for k, v in self.program.by_name.items()}).items():
            self._limits.setdefault(name, n)

    def _missing_letters(self, e: Expr) -> bool:
        return any(a not in self.sizes for i in e.free for a in i.size.letters) or any(
            a not in self.sizes for t in x.walk(e) for n in draw.sizes_of(t) for a in n.letters
        )

    def _shape(self, name: str) -> tuple[int, ...]:
        """The shape of an input: declared, that of the array of which it is the gradient, or as used."""
        base = name.lstrip("∂")
        for known in (name, base):
            if known in self.program:
                return tuple(self.world.number(n) for n in self.program.shape(known))
        uses = self._used.get(name)
        if not uses:
            raise Undecided(f"nothing tells the shape of `{name}`")
        reach = [[self._reach(s) for s in e.slots] for e in uses]
        if len({len(r) for r in reach}) > 1:
            raise Undecided(f"`{name}` occurs with different numbers of indices")
        return tuple(max(axis) for axis in zip(*reach, strict=True))

    def _reach(self, s: x.Slot) -> int:
        """One more than the largest position that a slot reads."""
        n = x.slot_size(s)
        return int(self.floats.slot(s).data.max()) + 1 if n is None else self.world.number(n)

    def reals(self, rng: np.random.Generator, shape: tuple[int, ...], positive: bool) -> np.ndarray:
        """Real data, before facts shape them."""
        return draw.real_data(rng, shape, positive)

    def exactly(self, data: np.ndarray) -> np.ndarray:
        """What a fact's right side is in the arithmetic of `reals`."""
        return data

    def _rng(self, name: str, what: int = 0) -> np.random.Generator:
        return np.random.default_rng([self.seed, what, *name.encode()])

    def _sort(self, name: str) -> str:
        if name in self.program:
            return self.program.sort(name)
        return "int" if name in self._labels else "real"

    def _discrete(self, name: str) -> bool:
        return self._sort(name) != "real" or any(f.kind == "onehot" for f in self.facts.get(name, ()))

    def _input(self, name: str) -> np.ndarray:
        """The float data of an input, true to its facts."""
        shape, rng, facts = self._shape(name), self._rng(name), self.facts.get(name, [])
        if any(f.kind == "onehot" for f in facts):
            return draw.onehot_data(rng, shape)
        sort = self._sort(name)
        if sort == "bool":
            return draw.bool_data(rng, shape)
        if sort == "int":
            return draw.label_data(rng, shape, self._limit(name))
        kinds = {f.kind for f in facts}
        array = self.reals(rng, shape, self.positive or bool(kinds & {"positive", "equation"}))
        if self.scale != 1:
            factor = float(self.scale) if array.dtype.kind == "f" else self.scale
            array = np.asarray(array * factor, dtype=array.dtype)
        if "symmetric" in kinds:
            array = (array + array.T) / 2
        for f in facts:
            if f.kind == "equation":
                array = self._solved(f, array)
        return array

    def _limit(self, name: str) -> int:
        item = self.program.by_name.get(name)
        limit = item.limit if isinstance(item, Variable) else None
        limit = limit if limit is not None else self._limits.get(name)
        return 3 if limit is None else self.world.number(limit)

    def _solved(self, f: Fact, array: np.ndarray) -> np.ndarray:
        """The data scaled so that the declared sum holds."""
        axis, right = self.solving(f)
        if np.any(right <= 0):
            raise Undecided(f"the fact `{f.text}` is drawn only for positive sums")
        return array * (self.exactly(right) / array.sum(axis=axis, keepdims=True))

    def solving(self, f: Fact) -> tuple[int, np.ndarray]:
        """The axis that a sum fact runs over, and its right side with that axis kept at length one."""
        axis = f.left.body.slots.index(f.left.index)
        return axis, np.expand_dims(self.floats.over(f.right, f.indices), axis)

    def _given_residues(self, name: str, field: Field) -> np.ndarray:
        """The residues of an input in one field: integers as they are, reals at random, true to the facts."""
        shadow = self.floats.array(name)
        if self._discrete(name):
            return field.integers(shadow)
        rng = self._rng(name, field.level + 1)
        array = field.random(rng, shadow)
        for f in self.facts.get(name, ()):
            if f.kind == "symmetric":
                lower = np.tril(np.ones(shadow.shape, bool))[..., None]
                array = np.where(lower, array, array.swapaxes(0, 1))
            if f.kind == "equation":
                array = self._solved_residues(f, array, field)
        return array

    def _solved_residues(self, f: Fact, array: np.ndarray, field: Field) -> np.ndarray:
        """The last entry along the sum's axis made what the others leave."""
        axis = f.left.body.slots.index(f.left.index)
        tower = self.tower if field.lanes == self.tower.lanes else self.strict
        right = tower.at(field.level).over(f.right, f.indices)
        first = np.take(array, range(array.shape[axis] - 1), axis=axis)
        last = (right - first.sum(axis=axis)) % field.p
        return np.concatenate([first, np.expand_dims(last, axis)], axis=axis)

    # -- questions

    def value(self, e: Expr, axes: tuple[Index, ...]) -> np.ndarray:
        """The float values with these axes, in this order; raises Undecided."""
        self.admit(e)
        with np.errstate(all="ignore"):
            return self.floats.over(e, axes)

    def residues(self, e: Expr, axes: tuple[Index, ...], level: int | None = None) -> np.ndarray:
        """The residues with these axes and a last one of lanes; `level`: default the one that the formula needs."""
        self.admit(e)
        with np.errstate(all="ignore"):
            return self.tower.at(self.tower.level(e) if level is None else level).over(e, axes)

    def same_value(self, a: Expr, b: Expr) -> bool | None:
        """Whether two formulas have the same float values; None when that cannot be said."""
        return self._value(a, b)[0]

    def same_exact(self, a: Expr, b: Expr) -> bool | None:
        """Whether two formulas have the same residues (and floats); None when that cannot be said."""
        return self.same(a, b).equal if self._value(a, b)[0] is False else self._exact(a, b)

    def same_residues(self, a: Expr, b: Expr) -> bool | None:
        """The same where floats may under- or overflow: what floats tell apart, the residues must tell apart too."""
        return True if self._value(a, b)[0] else self._exact(a, b)

    def same(self, a: Expr, b: Expr, everywhere: bool = False) -> Judgement:
        """Both judges on one pair.  Where the mixed data leave a formula undefined, positive data are tried.

        With `everywhere`, formulas with branches are compared on several draws.
        """
        equal, where, why = self._value(a, b)
        if equal is None and not self.positive:
            return self.twin.same(a, b)
        if equal is None:
            return Judgement(None, "value", why, None, self.sizes)
        if equal is False:
            return Judgement(False, "value", f"the values differ {where}", where, self.sizes)
        elsewhere = self.elsewhere(a, b) if everywhere else None
        if elsewhere is not None:
            return elsewhere
        exact = self._exact(a, b)
        if exact is None:
            return Judgement(True, "value", "the values agree; the residues cannot say", None, self.sizes)
        if exact is False:
            return Judgement(False, "exact", "the residues differ, and nothing here is opaque", None, self.sizes)
        beyond = self._beyond(a, b)
        return Judgement(True, "exact", "the residues agree", None, self.sizes) if beyond is None else beyond

    def loses(self, a: Expr, b: Expr) -> bool:
        """Whether the second formula has entries without a value, positive data or not, where the first has none."""
        for bench in (self,) if self.positive else (self, self.twin):
            try:
                axes = tuple(sorted(a.free | b.free, key=lambda i: i.number))
                if not np.isfinite(bench.value(a, axes)).all() or np.isfinite(bench.value(b, axes)).all():
                    return False
            except (Undecided, Problem):
                return False
        return True

    def elsewhere(self, a: Expr, b: Expr) -> Judgement | None:
        """The difference of two formulas with branches on other draws: one draw may lie on one side of them all."""
        if self.positive or self.scale != 1 or not self._branching(a, b):
            return None
        for k in range(1, REGIONS):
            if k not in self._redrawn:
                self._redrawn[k] = Bench(self.program, self.seed + REDRAWN * k, self.sizes, self.extra)
            self._redrawn[k].add(self.world.equations.values())
            equal, where, _ = self._redrawn[k]._value(a, b)
            if equal is False:
                return Judgement(False, "value", f"the values differ {where}", where, self.sizes)
        return None

    def _branching(self, a: Expr, b: Expr) -> bool:
        """Whether the data choose between branches of two formulas, or of what they rest on."""
        if draw.branches(a) or draw.branches(b):
            return True
        return bool(self._branched) and not self._branched.isdisjoint(self.program.reaches(a.names | b.names))

    @cached_property
    def _branched(self) -> frozenset[str]:
        return frozenset(e.name for e in self.program.equations if draw.branches(e.rhs))

    def _beyond(self, a: Expr, b: Expr) -> Judgement | None:
        """The difference of two formulas on data on both sides of the numbers that they are compared with."""
        for n in sorted(self._thresholds(a, b)) if self.scale == 1 else ():
            for positive in sorted({self.positive, True}):
                found = self._at_scale(2 * n if n > 1 else n / 2, positive).same(a, b)
                if found.equal is False and found.how == "value":
                    return found
        return None

    def _at_scale(self, scale: Fraction, positive: bool) -> Bench:
        """The same bench with larger or smaller reals."""
        found = self._scaled.get((scale, positive))
        if found is None:
            found = Bench(self.program, self.seed, self.sizes, self.extra, positive, scale)
            found.world.equations |= self.world.equations
            self._scaled[scale, positive] = found
        return found

    def _thresholds(self, a: Expr, b: Expr) -> set[Fraction]:
        """The numbers that values are compared with, in two formulas and what they rest on; 1 is reached anyway."""
        found = draw.thresholds(a) | draw.thresholds(b)
        if self._compared:
            below = self.program.reaches(a.names | b.names)
            found = found.union(*(n for name, n in self._compared.items() if name in below))
        return {n for n in found if not Fraction(1, 2) <= n <= 1}

    @property
    def twin(self) -> Bench:
        """The same bench with all reals positive."""
        if self._twin is None:
            self._twin = Bench(self.program, self.seed, self.sizes, self.extra, positive=True)
            self._twin.world.equations |= self.world.equations
        return self._twin

    def _value(self, a: Expr, b: Expr) -> tuple[bool | None, Difference | None, str]:
        try:
            self.admit(a)
            self.admit(b)
            axes = tuple(sorted(a.free | b.free, key=lambda i: i.number))
            with np.errstate(all="ignore"):
                left, right = self.floats.over(a, axes), self.floats.over(b, axes)
                fits = close(left, right, lambda: self.errors.over(a, axes)[..., 1] + self.errors.over(b, axes)[..., 1])
        except (Undecided, Problem) as problem:
            return None, None, str(problem)
        if fits is None:
            return None, None, "a value is not finite"
        if fits.all():
            return True, None, ""
        place = np.unravel_index(int(np.argmin(fits)), fits.shape)
        return False, Difference(placed(a, b, axes, place), float(left[place]), float(right[place])), ""

    def _exact(self, a: Expr, b: Expr) -> bool | None:
        axes = tuple(sorted(a.free | b.free, key=lambda i: i.number))
        found = _asked(self.tower, a, b, axes)
        return _asked(self.strict, a, b, axes) if found is None else found

    @property
    def strict(self) -> Tower:
        """The tower in which what is positive is a square."""
        if self._strict is None:
            self._strict = Tower(self.world, self.floats, self._given_residues, strict=True)
        return self._strict


def _asked(tower: Tower, a: Expr, b: Expr, axes: tuple[Index, ...]) -> bool | None:
    try:
        with np.errstate(all="ignore"):
            return tower.equal(a, b, axes)
    except (Undecided, Problem):
        return None


# ---------------------------------------------------------------- gradients


FEW_GRADIENTS = 8  # so many are judged one by one where all together are equal by value only


def judge_gradients(program: Program, gradients: Mapping[str, str], upstream: Mapping[str, str],
                    seed: int = 0, outputs: Iterable[str] = ()) -> Mapping[str, Judgement]:  # fmt: skip
    """Whether each gradient array is the true gradient; `gradients` maps an array to the name of its gradient.

    One forward sweep of dual numbers: every named array, intermediates too, is moved in a random direction η, and
    Σ ⟨∂x, η_x⟩ must be the tangent of Σ ⟨∂out, out⟩.  `upstream` names the arrays ∂out; a scalar output without one
    has 1.  `outputs`: which of the program's, default all.  Where that fails, the arrays are found by moving one at a
    time, entry by entry.
    """
    program = replace(program, outputs=tuple(outputs) or program.outputs)
    sweep = _Sweep(program, tuple(gradients), upstream)
    moved = {f"η{name}": program.shape(name) for name in gradients}
    inputs = tuple(Variable(name, shape) for name, shape in moved.items())
    bench = Bench(program.with_equations(sweep.equations(), inputs), seed)
    found = x.add(*(_paired(program, name, gradients[name], f"η{name}") for name in gradients))
    together = bench.same(found, sweep.outcome())
    undecided = together.equal and together.how == "value" and len(gradients) <= FEW_GRADIENTS
    if together.equal is not False and not undecided:
        return {name: together for name in gradients}
    single = {name: _judge_one(program, name, gradients[name], upstream, seed) for name in gradients}
    wrong = {gradients[name] for name, found in single.items() if found.equal is False}
    return {name: _traced(program, gradients[name], found, wrong) for name, found in single.items()}


def _traced(program: Program, gradient: str, found: Judgement, wrong: set[str]) -> Judgement:
    """The judgement of a wrong gradient, saying which wrong gradients it is made of."""
    equation = program.equation(gradient)
    read = sorted(wrong & equation.rhs.names) if equation is not None else []
    if found.equal is not False or not read:
        return found
    return replace(found, detail=f"{found.detail}; it reads {', '.join(read)}, wrong already", carried=True)


def _paired(program: Program, name: str, left: str, right: str) -> Expr:
    indices = tuple(Index(f"a{k}", n) for k, n in enumerate(program.shape(name)))
    return x.total(Entry(left, indices) * Entry(right, indices), *indices)


def _judge_one(program: Program, name: str, gradient: str, upstream: Mapping[str, str], seed: int) -> Judgement:
    """One gradient against the true one, entry by entry."""
    place = tuple(Index(f"a{k}", n) for k, n in enumerate(program.shape(name)))
    sweep = _Sweep(program, (name,), upstream, place)
    bench = Bench(program.with_equations(sweep.equations()), seed)
    return bench.same(Entry(gradient, place), sweep.outcome())


class _Sweep:
    """The tangents of a forward pass, as equations `˙v`, when the arrays `moved` move.

    With a `place` the only moved array moves at that entry alone, and every tangent has the place's indices last.
    """

    def __init__(self, program: Program, moved: tuple[str, ...], upstream: Mapping[str, str],
                 place: tuple[Index, ...] | None = None):  # fmt: skip
        self.program, self.moved, self.upstream, self.place = program, moved, upstream, place
        needed = program.reaches(program.outputs)
        self.forward = [e for e in program.equations if e.name in needed and e.sort == "real"]
        self.moving = set(moved)
        self.tangents = Tangents(self.seed)
        for e in self.forward:
            if e.rhs.names & self.moving:
                self.moving.add(e.name)

    def own(self, name: str, slots: tuple[x.Slot, ...]) -> Expr | None:
        """How an array moves of itself."""
        if name not in self.moved:
            return None
        if self.place is None:
            return Entry(f"η{name}", slots)
        return x.mul(*(x.delta(a, b) for a, b in zip(slots, self.place, strict=True)))

    def seed(self, read: Entry) -> Expr | None:
        """How an array moves where a formula reads it."""
        if read.name not in self.moving:
            return None
        if self.program.is_input(read.name):
            return self.own(read.name, read.slots)
        return Entry(f"˙{read.name}", (*read.slots, *(self.place or ())))

    def equations(self) -> list[Equation]:
        """One equation for every array that moves."""
        made = []
        for e in self.forward:
            if e.name in self.moving:
                parts = [self.tangents(e.rhs), self.own(e.name, e.indices)]
                rhs = x.add(*(p for p in parts if p is not None))
                made.append(Equation(f"˙{e.name}", (*e.indices, *(self.place or ())), rhs, kind=e.kind))
        return made

    def outcome(self) -> Expr:
        """The tangent of the outputs, weighted by what comes from upstream."""
        terms = []
        for name in self.program.outputs:
            indices = tuple(Index(f"o{k}", n) for k, n in enumerate(self.program.shape(name)))
            if name in self.upstream:
                weight = Entry(self.upstream[name], indices)
            elif indices:
                raise NotDifferentiable(f"the output `{name}` is no scalar and has no upstream gradient")
            else:
                weight = x.ONE
            moved = self.seed(Entry(name, indices))
            terms += [x.total(weight * moved, *indices)] if moved is not None else []
        return x.add(*terms)
