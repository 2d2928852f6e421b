"""Theorems on the way: what holds of the gradients whatever the data, found by looking and proved for all sizes.

Of every gradient ∂x it is asked: is it zero, does it sum to zero along an axis (the array may be shifted and nothing
changes: a bias before batch norm, logits before softmax), does Σ x ∂x vanish along some axes (the array may be scaled:
weights before a norm), does a mask stop it.  Random data say what is worth proving.  A proof is a normal form that is
zero, with only those definitions written out that it needs, or a symmetry of the forward pass; either way the theorem
holds for whatever gradient arrives where the proof begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np

from derive import expr as x
from derive.closing import closed_program
from derive.derivation import Derivation, Rewriter, Step
from derive.engine import Gradients
from derive.errors import Problem
from derive.expr import Entry, Expr
from derive.index import Index
from derive.judges.bench import Bench
from derive.judges.evaluate import Undecided
from derive.judges.normal import prove_equal
from derive.judging import THEOREM, judge_alone
from derive.program import Equation, Fact, Program
from derive.rule import RULES, Context
from derive.symmetry import Symmetry, symmetry
from derive.theorems import Kind, Theorem

SMALL = 1e-10  # a sum this small beside its terms is worth a proof; the proof decides
DEEP, MANY = 3, 8  # how far definitions are written out: levels, names
SHORT = 9  # steps; a longer proof is told by its symmetry, where there is one
MOST_AXES = 3
FUEL = 60
CANCEL = "all terms cancel"
SYMMETRY = "symmetry"


def with_theorems(gradients: Gradients, seed: int = 0) -> Gradients:
    """The same gradients with the theorems that hold of them; what is zero by a theorem has that as its closed form."""
    found = _Search(gradients, seed).theorems()
    closed, carried = dict(gradients.closed), dict(gradients.carried)
    for t in found:
        shown = gradients.closed.get(t.array) or gradients.derivations.get(t.array)
        if t.kind == "zero" and not _is_zero(shown.result):
            zero = _closed_zero(t, gradients)
            closed |= {t.array: zero} if zero else {}
            carried |= {t.array: zero} if zero else {}
    return replace(gradients, closed=_ordered(closed, gradients), carried=carried, theorems=found)


def _ordered(closed: Mapping[str, Derivation], gradients: Gradients) -> dict[str, Derivation]:
    return {n: closed[n] for n in gradients.derivations if n in closed}


def _is_zero(e: Expr) -> bool:
    return e.key == x.ZERO.key


def _closed_zero(t: Theorem, gradients: Gradients) -> Derivation | None:
    """The gradient's own line and its end: zero, by definitions alone; None where only a symmetry says so."""
    d = gradients.derivations[t.array]
    claim = _Claim(t.array, t.kind, t.left, t.indices, (), None)
    uses = t.uses
    if not _proves(claim, uses, gradients.program):
        uses = _proof(claim, gradients.program, d.target.name, DEEP)
    if uses is None:
        return None
    steps = (
        Step("its gradient", d.result, instance="as derived", level=2),
        Step(THEOREM, x.ZERO, redexes=(d.result,), instance=t.number, uses=uses),
    )
    return Derivation(t.array, d.target, d.indices, steps, kind="closed")


# ---------------------------------------------------------------- the search


@dataclass
class _Search:
    """One look at all gradients, from the loss backwards; what is proved serves for what comes after."""

    gradients: Gradients
    seed: int
    found: list[Theorem] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.closed = closed_program(self.gradients)
        self.largest = 0.0

    def theorems(self) -> tuple[Theorem, ...]:
        try:
            bench = Bench(self.gradients.program, self.seed)
        except (Problem, Undecided):
            return ()
        values = {name: _values(bench, name, d) for name, d in self.gradients.derivations.items()}
        for e in self.gradients.forward.equations:
            self._sums(e, bench)
        self.largest = max((float(np.max(np.abs(v[1]), initial=0.0)) for v in values.values() if v), default=0.0)
        for name, d in self.gradients.derivations.items():
            for kind, axes in self._candidates(name, *values[name]) if values[name] else ():
                self._try(name, d, kind, axes)
            if values[name]:
                self._masks(name, d, values[name][1], bench)
        return tuple(self.found)

    def _candidates(self, name: str, own: np.ndarray, slope: np.ndarray) -> Iterator[tuple[Kind, tuple[int, ...]]]:
        """What the numbers suggest: zero, else the least sets of axes along which ∂x, or x ∂x, sums to nothing."""
        if not slope.size:
            return
        if not float(np.max(np.abs(slope))) > SMALL * self.largest:
            yield "zero", ()
            return
        long = [k for k, n in enumerate(slope.shape) if n > 1]
        for kind, terms in (("shift", slope), ("scale", own * slope)):
            most = 1 if kind == "shift" else MOST_AXES
            least: list[set[int]] = []
            for count in range(1, min(most, len(long)) + 1):
                for axes in combinations(long, count):
                    if not any(known <= set(axes) for known in least) and _cancels(terms, axes):
                        least.append(set(axes))
                        yield kind, axes

    def _sums(self, e: Equation, bench: Bench) -> None:
        """A forward array that sums to one, or to zero, along an axis."""
        values = _value(bench, e.name, e.indices) if e.sort == "real" and e.kind == "explicit" else None
        if values is None or values.ndim > MOST_AXES or not np.any(values):
            return
        for k in range(values.ndim):
            total = values.sum(axis=k)
            for right in (x.ONE, x.ZERO) if values.shape[k] > 1 else ():
                if np.all(np.abs(total - float(right.value)) <= SMALL * np.abs(values).sum(axis=k)):
                    free = tuple(i for i in e.indices if i is not e.indices[k] and i.size.number != 1)
                    claim = _Claim(e.name, "sum", x.total(e.lhs, e.indices[k]), free, (k,), None, right)
                    uses = _proof(claim, self.gradients.forward, e.name, 1)
                    if uses is not None:
                        self._add(claim, self.gradients.forward, self.gradients.forward, uses)

    def _masks(self, name: str, d: Derivation, slope: np.ndarray, bench: Bench) -> None:
        """Masks of the same shape, in the equations that use the array, that stop its gradient."""
        program = self.gradients.forward
        beside = {n for u in program.uses(name) for n in u.rhs.names}
        for mask in sorted(n for n in beside if program.sort(n) == "bool" and program.shape(n) == program.shape(name)):
            held = _value(bench, mask, d.indices)
            stopped = held is not None and np.all(slope[held == 0] == 0) and np.any(slope != 0)
            if stopped and np.any(held == 0):
                self._try(name, d, "mask", (), mask)

    def _try(self, name: str, d: Derivation, kind: Kind, axes: tuple[int, ...], mask: str = "") -> None:
        left, indices = _claim(name, self.gradients, kind, axes, mask)
        claim = _Claim(name, kind, left, indices, axes, None)
        claim = replace(claim, symmetry=self._moves(claim, self.gradients.forward))
        for plain, deep in self._ways(claim):
            known = _all_assumed(self.found, plain)
            uses = _proof(claim, known, d.target.name, deep)
            if uses is not None and self._add(claim, plain, known, uses):
                return
        if claim.symmetry is not None:
            needed = [f.text for f in self.gradients.forward.facts if not self._moves(claim, _without(f, self.gradients.forward))]
            self._enter(claim, _by_symmetry(claim, self.gradients.program, self.seed), (), needed, ())

    def _moves(self, claim: _Claim, program: Program) -> Symmetry | None:
        """The symmetry behind a claim, as far as a program's facts allow."""
        how = "scale" if claim.kind == "scale" else "shift"
        return None if claim.kind == "mask" else symmetry(program, claim.name, claim.axes, how, self.gradients.of)

    def _ways(self, claim: _Claim) -> tuple[tuple[Program, int], ...]:
        """Where to look for a proof by definitions, and how deep: a scaling is seldom told better than by its symmetry."""
        if claim.symmetry is not None and claim.kind == "scale":
            return ()
        if claim.symmetry is not None:
            return ((self.gradients.program, 1), (self.closed, 2), (self.gradients.program, DEEP))
        return ((self.gradients.program, 1), (self.closed, DEEP))

    def _add(self, claim: _Claim, plain: Program, known: Program, uses: tuple[str, ...]) -> bool:
        """Enter what was proved, with the facts and theorems that the proof cannot do without, and its steps judged.

        False where a symmetry tells it better: without a fact, or in fewer lines than these.
        """
        facts = [f.text for f in plain.facts if not _proves(claim, uses, _without(f, known))]
        before = [t for t in self.found if t.array in _read(uses, plain)]
        needed = [t for t in before if not _proves(claim, uses, _all_assumed([u for u in self.found if u is not t], plain))]
        steps = _told(claim, uses, known, needed)
        bare = steps[0].rule == CANCEL and not needed
        if claim.symmetry is not None and (facts or bare or len(steps) > SHORT):
            return False
        made = Derivation(claim.name, Entry("theorem", ()), claim.indices, steps, kind="identity")
        judged = judge_alone(made, known, claim.left, self.seed)
        if judged.certainty == "proved":
            facts += [f for t in needed for f in t.facts]
            whole = [*uses, *(u for t in needed for u in t.uses)]
            told = claim.symmetry is not None and all(t.kind == "sum" for t in needed)  # the movement says more
            self._enter(claim, judged, whole, facts, () if told else [t.number for t in needed])
        return judged.certainty == "proved"

    def _enter(self, claim: _Claim, proof: Derivation, uses: Iterable[str], facts: Iterable[str],
               follows: Iterable[str]) -> None:  # fmt: skip
        uses, facts = tuple(dict.fromkeys(uses)), tuple(dict.fromkeys(facts))
        of = tuple(self.gradients.upstream)
        outputs = of if claim.kind == "shift" else tuple(n for n in of if n == claim.name)
        self.found.append(Theorem(claim.name, claim.kind, claim.left, claim.indices, claim.axes, proof, uses, facts,
                                  tuple(follows), f"T.{len(self.found) + 1}", claim.symmetry, claim.right, outputs))  # fmt: skip


@dataclass(frozen=True)
class _Claim:
    """`left = 0`, not yet proved, with the symmetry that says so where there is one."""

    name: str
    kind: Kind
    left: Expr
    indices: tuple[Index, ...]
    axes: tuple[int, ...]
    symmetry: Symmetry | None
    right: Expr = x.ZERO


def _by_symmetry(claim: _Claim, program: Program, seed: int) -> Derivation:
    """The proof in one line: nothing that the outputs depend on moves.  Raises Refuted when a judge sees otherwise."""
    step = Step(SYMMETRY, x.ZERO, (claim.left,), instance=", ".join(claim.symmetry.ends) + " stay as they are")
    made = Derivation(claim.name, Entry("theorem", ()), claim.indices, (step,), kind="identity")
    judged = judge_alone(made, program, claim.left, seed)
    return judged.judged([replace(s, certainty="proved", sure=True) for s in judged.steps])


def _read(names: Iterable[str], program: Program) -> frozenset[str]:
    """The arrays that stand in the equations of some names, themselves or their gradients."""
    read = {n for name in names for n in program.equation(name).rhs.names}
    return frozenset(n.lstrip("∂").removesuffix("~total") for n in read)


def _proves(claim: _Claim, uses: Iterable[str], program: Program) -> bool:
    return prove_equal(claim.left, claim.right, program, uses) is True


def _without(fact: Fact, program: Program) -> Program:
    return replace(program, facts=tuple(f for f in program.facts if f is not fact))


def _proof(claim: _Claim, program: Program, start: str, levels: int) -> tuple[str, ...] | None:
    """The least definitions from which the claim follows: written out level by level, then those not needed dropped."""
    for names in _levels(program, start, levels):
        if _proves(claim, names, program):
            return _least(claim, names, program)
    return None


def _least(claim: _Claim, names: list[str], program: Program) -> tuple[str, ...]:
    kept = list(names)
    for name in reversed(names[1:]):
        fewer = [n for n in kept if n != name]
        if _proves(claim, fewer, program):
            kept = fewer
    return tuple(kept)


def _levels(program: Program, start: str, levels: int) -> Iterator[list[str]]:
    """Growing sets of names to write out: gradients towards the loss, and beside each level what it is made of."""
    gradients = [start]
    for _ in range(levels):
        yield list(gradients)
        names = gradients
        for _ in range(3 if levels > 1 or not start.startswith("∂") else 0):
            more = [n for n in _mentioned(names, program) if not n.startswith("∂")]
            if not more or len(names) + len(more) > MANY:
                break
            names = [*names, *more]
            yield names
        more = [n for n in _mentioned(gradients, program) if n.startswith("∂")]
        if not more or len(gradients) + len(more) > MANY:
            return
        gradients = [*gradients, *more]


def _mentioned(names: list[str], program: Program) -> list[str]:
    found = {n for name in names for n in program.equation(name).rhs.names} - set(names)
    return [n for n in program.by_name if n in found and program.equation(n) is not None]


def _all_assumed(theorems: Iterable[Theorem], program: Program) -> Program:
    for t in theorems:
        program = _assuming(t, program)
    return program


def _values(bench: Bench, name: str, d: Derivation) -> tuple[np.ndarray, np.ndarray] | None:
    """An array and its gradient at random data; None where they cannot be had."""
    own, slope = (_value(bench, n, d.indices) for n in (name, d.target.name))
    return None if own is None or slope is None else (own, slope)


def _value(bench: Bench, name: str, indices: tuple[Index, ...]) -> np.ndarray | None:
    axes = tuple(i.fresh() for i in indices)
    slots = tuple(x.whole_slot(0) if i.size.number == 1 else i for i in axes)
    try:
        found = bench.value(Entry(name, slots), axes)
    except (Problem, Undecided):
        return None
    return found if np.all(np.isfinite(found)) else None


def _cancels(terms: np.ndarray, axes: tuple[int, ...]) -> bool:
    with np.errstate(all="ignore"):
        total, size = np.abs(terms.sum(axis=axes)), np.abs(terms).sum(axis=axes)
    return bool(np.all(np.isfinite(size)) and np.all(total <= SMALL * size) and np.max(size) > 0)


def _claim(name: str, gradients: Gradients, kind: Kind, axes: tuple[int, ...],
           mask: str = "") -> tuple[Expr, tuple[Index, ...]]:  # fmt: skip
    """The left side of the theorem, and the indices that it holds for."""
    d = gradients.derivations[name]
    slots = d.target.slots
    own = Entry(d.target.name, slots)
    factor = {"scale": Entry(name, slots), "mask": x.add(x.ONE, x.negate(Entry(mask, slots)))}.get(kind, x.ONE)
    body = x.mul(factor, own)
    summed = tuple(d.indices[k] for k in axes)
    free = tuple(i for k, i in enumerate(d.indices) if k not in axes and i.size.number != 1)
    return x.total(body, *summed), free


def _assuming(t: Theorem, program: Program) -> Program:
    """The program in which a theorem may be used: a zero gradient is zero, a vanishing sum is a fact."""
    name = t.array if t.kind == "sum" else gradient_of(t)
    if t.kind == "zero":
        equations = tuple(replace(e, rhs=x.ZERO) if e.name == name else e for e in program.equations)
        return replace(program, equations=equations)
    if t.kind in ("shift", "sum"):
        fact = Fact("equation", name, t.number, t.indices, t.left, t.right)
        return replace(program, facts=(*program.facts, fact))
    return program


def gradient_of(t: Theorem) -> str:
    """The name of the gradient array that a theorem speaks of."""
    return next(u.name for u in x.walk(t.left) if isinstance(u, Entry) and u.name.startswith("∂"))


# ---------------------------------------------------------------- the proof as lines


def _told(p: _Claim, uses: tuple[str, ...], program: Program, needed: Iterable[Theorem]) -> tuple[Step, ...]:
    """The proof as steps by named rules where they reach zero, else the prover's word for it."""
    numbers = [t.number for t in needed]
    work = Rewriter(p.left, Context(program, p.left.name if isinstance(p.left, Entry) else ""))
    base = RULES.phase("deltas", "facts", "tidy", "reciprocal", "cancel by definition", "fold")
    for names in _in_turn(uses, program):
        put = x.replace_entries(work.line, lambda e, names=names: _instance(e, names, program))
        if put.key == work.line.key:
            continue
        work.start("substitute", put, uses=names, instance=", ".join(names))
        work.run((*base, *RULES.phase("expand")), FUEL)
        if work.line.key == p.right.key:
            return tuple(_cited(s, numbers) for s in work.steps)
    said = ", ".join([*numbers, *uses])
    return (Step(THEOREM if numbers else CANCEL, p.right, (p.left,), instance=said, uses=uses),)


def _in_turn(uses: tuple[str, ...], program: Program) -> Iterator[tuple[str, ...]]:
    """The names to write out one after the other, from the gradient towards the loss, then those of the forward pass."""
    order = {e.name: k for k, e in enumerate(program.equations)}
    for name in sorted(uses, key=lambda n: -order.get(n, 0)):
        yield (name,)


def _instance(e: Entry, names: tuple[str, ...], program: Program) -> Expr | None:
    equation = program.equation(e.name) if e.name in names else None
    return None if equation is None else equation.instance(e.slots)


def _cited(s: Step, numbers: Iterable[str]) -> Step:
    """A theorem that served as a fact is cited as a theorem."""
    cited = s.rule == "declared fact" and s.instance in numbers
    return replace(s, rule=THEOREM) if cited else s


__all__ = ["with_theorems"]
