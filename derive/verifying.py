"""The numeric verification of a report: gradients by our formulas against the complex step of the user's own source.

The source is run by the separate interpreter (judges/interpreter.py), which shares nothing with reader and engine; our
side evaluates the derived equations.  Central differences stand beside it, as everybody knows them.  It is evidence,
not a verdict: what is proved or tested is said by the judges.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from derive.closing import closed_program
from derive.engine import Gradients
from derive.errors import Problem
from derive.expr import Entry
from derive.index import Index
from derive.judges import interpreter
from derive.judges.data import bool_data, judging_sizes, label_data, onehot_data, real_data
from derive.judges.evaluate import Undecided, World
from derive.judges.value import Floats
from derive.program import Program, Variable, condition_facts
from derive.writers.defaults import plain_defaults
from derive.writers.document import Check, Verification

FINE = 1e-6  # relative: above this a row gets no tick
VANISHING = 1e-12  # of the largest gradient: below this a gradient is zero but for rounding
BOUNDS = ("1e-14", "1e-12", "1e-6", "1e-3", "1")  # coarse, so that tables are the same on every machine
INNER_ENTRIES = 6
ENTRIES = 24  # of a larger gradient so many entries are compared, drawn at random
STATEMENTS = 150_000  # that all runs of the source together may take; of a long source fewer entries are compared
BUDGET = 60_000  # entries of all arrays together that one run may touch; sizes shrink to it


@dataclass(frozen=True)
class Row:
    """One gradient: shape in numbers, largest entry, errors relative to that, and how many entries were compared."""

    name: str
    shape: tuple[int, ...]
    largest: float
    complex_step: float | None
    central: float | None
    entries: int

    @property
    def fine(self) -> bool:
        """Whether the better of the two comparisons agrees."""
        found = [e for e in (self.complex_step, self.central) if e is not None]
        return bool(found) and min(found) < FINE


@dataclass(frozen=True)
class Findings:
    """The rows, the sizes and data they were found with, or why there are none; `broken`: our own code did not run."""

    rows: tuple[Row, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)
    seed: int = 0
    problem: str = ""
    broken: bool = False

    @property
    def fine(self) -> bool:
        """Whether there was something to compare, and all of it agrees."""
        return bool(self.rows) and all(row.fine for row in self.rows)

    @property
    def worst(self) -> float | None:
        """The largest relative error."""
        found = [e for row in self.rows if (e := _better(row)) is not None]
        return max(found, default=None)


def _better(row: Row) -> float | None:
    return min((e for e in (row.complex_step, row.central) if e is not None), default=None)


# ---------------------------------------------------------------- data


def sample_sizes(program: Program, seed: int = 0) -> dict[str, int]:
    """Small sizes, pairwise different, at which every slice and quotient of the program is legal."""
    return judging_sizes(program, seed=seed)


def sample_data(program: Program, sizes: Mapping[str, int], seed: int = 0) -> dict[str, np.ndarray]:
    """Random inputs of the program: labels below their limits, facts respected; upstream gradients are left out."""
    rng = np.random.default_rng(seed)
    data = {v.name: _data(v, program, sizes, rng) for v in program.inputs}
    return data | {name: np.asarray(value) for name, value in _defaults(program).items()}


def _defaults(program: Program) -> dict[str, float]:
    """Real numbers that parameters have by default: `eps=1e-5` means something small and positive."""
    scalars = {v.name for v in program.inputs if v.sort == "real" and not v.shape}
    given = plain_defaults(program).items()
    return {name: float(value) for name, value in given if name in scalars and isinstance(value, (int, float))}


def _data(v: Variable, program: Program, sizes: Mapping[str, int], rng: np.random.Generator) -> np.ndarray:
    shape = tuple(n.at(sizes) for n in v.shape)
    if v.name in condition_facts(program.facts, "onehot"):
        return onehot_data(rng, shape).astype(np.int64 if v.sort == "int" else float)
    if v.sort == "bool":
        return bool_data(rng, shape).astype(bool)
    if v.sort == "int":
        limits = [n for n in (v.limit, *program.limits(v.name)) if n is not None]
        return label_data(rng, shape, min((n.at(sizes) for n in limits), default=3))
    data = real_data(rng, shape, v.name in condition_facts(program.facts, "positive"))
    if v.name in condition_facts(program.facts, "symmetric"):
        data = (data + data.T) / 2
    for fact in program.facts:
        if fact.kind == "equation" and fact.array == v.name:
            data = _summing(data, fact, sizes, program)
    return data


def _summing(data: np.ndarray, fact, sizes: Mapping[str, int], program: Program) -> np.ndarray:
    """Positive data scaled so that the sum of the fact has the value of the fact, where that is a number."""
    axis = next((k for k, s in enumerate(fact.left.body.slots) if s is fact.left.index), None)
    value = getattr(fact.right, "value", None)
    if axis is None or value is None:
        return data
    data = np.abs(data)
    return data / data.sum(axis=axis, keepdims=True) * float(value)


def structured(program: Program, data: Mapping[str, np.ndarray], sizes: Mapping[str, int] | None = None) -> dict:
    """The data as the forward pass takes it: plain arguments, lists and dicts of arrays, lengths that it is given."""
    out: dict = {}
    for v in program.inputs:
        value = _plain(data[v.name])
        if not v.structure:
            out[v.name] = value
            continue
        held, (first, *path) = out, v.structure
        steps = [first, *path]
        for here, following in zip(steps, path, strict=False):
            held = held.setdefault(here, {} if not isinstance(following, int) else {})
        held[steps[-1]] = value
    given = {s.name: s.value for s in program.statics} | {p: sizes[p] for p in program.parameters if p in (sizes or {})}
    return given | {name: _lists(value) for name, value in out.items()}


def _plain(value: np.ndarray):
    return value if np.ndim(value) else value[()]


def _lists(value):
    """Dicts keyed 0, 1, … as lists."""
    if not isinstance(value, dict):
        return value
    inner = {key: _lists(part) for key, part in value.items()}
    return [inner[k] for k in range(len(inner))] if inner and all(isinstance(k, int) for k in inner) else inner


def at(structure: tuple, name: str, value):
    """The part of a structured value that belongs to one array."""
    for key in structure[1:]:
        value = value[key]
    return value


# ---------------------------------------------------------------- comparison


class _Broken(Exception):
    """Our own code raised an error on data that fit the forward pass."""


def verify(gradients: Gradients, ours: Callable | None = None, seed: int = 0) -> Findings:
    """Our gradients against the source's at one random point.

    `ours(inputs, upstream) -> {name: array}` is the code to judge; by default the derived equations are evaluated.
    Never raises for a source that the interpreter does not run: the reason is in `.problem`.
    """
    program = gradients.forward
    if not _is_python(program.source):
        return Findings(problem="the forward pass has no Python source to run")
    try:
        sizes = sample_sizes(program, seed)
        data = sample_data(program, sizes, seed)
        return Findings(_rows(gradients, ours or _evaluated(gradients, sizes), data, sizes, seed), sizes, seed)
    except _Broken as broken:
        return Findings(problem=str(broken), seed=seed, broken=True)
    except (Problem, Undecided) as problem:
        return Findings(problem=getattr(problem, "what", str(problem)), seed=seed)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:  # what running it raised
        return Findings(problem=f"running the source raised {type(error).__name__}: {error}", seed=seed)


def _is_python(source: str) -> bool:
    """Whether there is something to run: a forward pass may be LaTeX or SymPy, too."""
    try:
        return bool(ast.parse(source).body)
    except (SyntaxError, ValueError):
        return False


def _rows(gradients: Gradients, ours: Callable, data: Mapping, sizes: Mapping[str, int], seed: int) -> tuple[Row, ...]:
    program = gradients.forward
    rng = np.random.default_rng(seed + 1)
    upstream = {n: rng.normal(size=[s.at(sizes) for s in program.shape(n)]) for n in gradients.upstream}
    named = {v.name: v for v in program.inputs}
    wrt = [n for n in gradients.wrt if n in named and np.size(data[n])]
    try:
        found = {**_evaluated(gradients, sizes)(data, upstream), **ours(data, upstream)}
    except (ArithmeticError, AttributeError, LookupError, NameError, TypeError, ValueError) as error:
        raise _Broken(f"the derived code raised {type(error).__name__}: {error}") from error
    slopes = interpreter.Slopes(
        program.source, structured(program, data), _upstream(program, upstream), _function(program)
    )
    largest = max((float(np.max(np.abs(found[n]), initial=0.0)) for n in wrt), default=0.0)
    inner = {n: Variable(n, program.shape(n)) for n in gradients.derivations if _plain_name(n, program, slopes)}
    order = [n for n in gradients.derivations if n in wrt or n in inner]
    least = largest * VANISHING
    share = STATEMENTS // (3 * max(1, len(order) * len(program.equations)))  # entries of each that may be compared
    return tuple(_row((named | inner)[n], np.asarray(found[n]), slopes, rng, least, n in inner, share) for n in order)


def _plain_name(name: str, program: Program, slopes: interpreter.Slopes) -> bool:
    """Whether an array inside the forward pass has one name of its own, under which the source can be shifted."""
    return (not program.is_input(name) and name not in program.outputs and not {"~", "."} & set(name)
            and len(slopes.base.values.get(name, ())) == 1
            and not isinstance(slopes.version(name)[1], (dict, list)))  # fmt: skip


def _function(program: Program) -> str | None:
    return program.name if program.name and f"def {program.name.rpartition('.')[2]}" in program.source else None


def _upstream(program: Program, upstream: Mapping[str, np.ndarray]):
    if not upstream:
        return None
    values = [upstream.get(name) for name in program.outputs]
    return values[0] if len(values) == 1 else tuple(values)


def _row(
    v: Variable, mine: np.ndarray, slopes: interpreter.Slopes, rng: np.random.Generator, floor: float, inner: bool,
    share: int,
) -> Row:  # fmt: skip
    """One gradient compared at all or at some of its entries, fewer for one inside the forward pass or a long one."""
    if inner and np.shape(slopes.version(v.name)[1]) != mine.shape:
        return Row(v.name, mine.shape, float(np.max(np.abs(mine), initial=0.0)), None, None, 0)
    places = list(np.ndindex(mine.shape))
    most = min(INNER_ENTRIES if inner else ENTRIES, max(1, share))
    chosen = [places[k] for k in sorted(rng.permutation(len(places))[:most])]
    exact, near = _measured(v, slopes, chosen, both=not inner or share > 0)
    scale = float(np.max(np.abs(mine), initial=0.0))
    if scale < floor:
        scale = floor / VANISHING
    own = np.array([mine[p] for p in chosen], float)
    largest = float(np.max(np.abs(mine), initial=0.0))
    return Row(
        v.name,
        mine.shape,
        0.0 if largest < floor else largest,
        _error(own, exact, scale),
        _error(own, near, scale),
        len(chosen),
    )


def _measured(
    v: Variable, slopes: interpreter.Slopes, places: list, both: bool
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The source's slopes at some entries of an array: by complex step, and by differences where `both` are wanted
    or the complex step gives no number."""
    name = v.structure[0] if v.structure else v.name
    key, value, owner = slopes.version(name)
    version = 0 if owner is None else 1
    leaves = interpreter.leaves(value)
    k = next((k for k, leaf in enumerate(leaves) if leaf is at(v.structure, name, value)), 0)
    exact, near = [], []
    for p in places:

        def shift(d, p=p):
            return slopes.shifted(key, version, value, k, p, d)

        exact.append(float(np.imag(interpreter.paired(shift(1e-30j), slopes.weights)) / 1e-30))
        if not both and np.isfinite(exact[-1]):
            continue
        x0 = float(np.asarray(leaves[k])[p])
        near.append(float(slopes.quotient(shift, 1e-6 * max(1, abs(x0)))))
    return np.array(exact), np.array(near) if len(near) == len(exact) else None


def _error(mine: np.ndarray, theirs: np.ndarray | None, scale: float) -> float | None:
    if theirs is None or not np.all(np.isfinite(theirs)):
        return None
    gap = float(np.max(np.abs(mine - theirs), initial=0.0))
    return gap / scale if scale else gap


def _evaluated(gradients: Gradients, sizes: Mapping[str, int]) -> Callable:
    """The derived equations themselves, evaluated: what stands in when no generated code is judged."""
    program = closed_program(gradients)

    def ours(data: Mapping[str, np.ndarray], upstream: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        given = {**data, **{gradients.upstream[n]: u for n, u in upstream.items()}}
        world = World(sizes, {e.name: e for e in program.equations}, lambda n: program.sort(n) != "real")
        floats = Floats(world, given.__getitem__)
        with np.errstate(all="ignore"):
            return {n: _value(d.target.name, program, floats, d.indices) for n, d in gradients.derivations.items()}

    return ours


def _value(name: str, program: Program, floats: Floats, indices: tuple[Index, ...]) -> np.ndarray:
    axes = tuple(Index(f"a{k}", i.size) for k, i in enumerate(indices))
    return floats.over(Entry(name, axes), axes)


# ---------------------------------------------------------------- the table


def verification_table(found: Findings, label: Callable[[str], object]) -> Verification | None:
    """The findings as the report's table; `label` makes a gradient's formula.  None when nothing was compared."""
    if not found.rows:
        return None
    sizes = ", ".join(f"{name} = {n}" for name, n in sorted(found.sizes.items()))
    checks = tuple(
        Check(
            label(r.name),
            "×".join(map(str, r.shape)) or "scalar",
            two_digits(r.largest),
            bound(r.complex_step),
            bound(r.central),
            r.fine,
        )  # fmt: skip
        for r in found.rows
    )
    said = f"Each gradient against your own source at {sizes or 'one point'}; float64, seed {found.seed}."
    return Verification(said, "errors relative to max |g|", checks)


def bound(error: float | None) -> str:
    """An error as it stays from machine to machine: the smallest of a few bounds above it."""
    if error is None:
        return "–"
    known = next((b for b in BOUNDS if error < float(b)), None)
    return f"< {known}" if known else f"{error:.1g}"


def two_digits(value: float) -> str:
    """A number in two digits: 0.27, 3.1, 1.2e-07; what is zero but for rounding is 0."""
    return f"{value:.2g}"
