"""A forward pass put on trial: read, derived, judged, written in both styles, and compared with its own source.

The truth is the complex step of the source, run by the separate interpreter; where a pass has a kink at the data
(a tie, an exact zero), its first lines say `# truth: richardson` and extrapolated differences stand in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

import derive
from derive import verifying
from derive.judges import interpreter

PASSES = Path(__file__).parent / "passes"
STYLES = ("steps", "closed")
RIGHT = 1e-10  # relative to the largest entry of the gradient
NEAR = 1e-7  # the same where differences are the truth


@dataclass(frozen=True)
class Pass:
    """One file of tests/passes: its source, and what its first lines say."""

    path: Path

    @cached_property
    def source(self) -> str:
        return self.path.read_text()

    def said(self, word: str) -> str:
        """What `# word: …` says in the file, or nothing."""
        found = re.search(rf"^# {word}: *(.+)$", self.source, re.M)
        return found[1].strip() if found else ""

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def idioms(self) -> list[str]:
        return [part.strip() for part in self.said("idioms").split(";") if part.strip()]

    @property
    def sizes(self) -> list[dict[str, int]]:
        """The three choices of sizes by letter."""
        rows = [dict(pair.split("=") for pair in row.split()) for row in self.said("sizes").split("|")]
        return [{letter: int(n) for letter, n in row.items()} for row in rows]

    @property
    def bound(self) -> float:
        return NEAR if self.said("truth") == "richardson" else RIGHT


def passes() -> list[Pass]:
    return [Pass(p) for p in sorted(PASSES.glob("*.py"))]


def worst(found, true) -> float:
    """The largest difference over structures of arrays, relative to the largest entry (at least 1e-3)."""
    pairs = list(zip(interpreter.leaves(found), interpreter.leaves(true), strict=True))
    for mine, theirs in pairs:
        assert np.shape(mine) == np.shape(theirs), f"shape {np.shape(mine)}, and {np.shape(theirs)} is right"
    scale = max([1e-3, *(float(np.max(np.abs(t), initial=0.0)) for _, t in pairs)])
    gaps = [float(np.max(np.abs(np.asarray(m, float) - t), initial=0.0)) for m, t in pairs]
    return max(gaps, default=0.0) / scale if np.isfinite(gaps).all() else np.inf


def at_sizes(source: str, sizes: dict[str, int]) -> str:
    """The source of a flat cell with its lengths `n = 6` changed to other ones."""
    for letter, n in sizes.items():
        source = re.sub(rf"^{letter} = \d+$", f"{letter} = {n}", source, flags=re.M)
    return source


def upstream_of(source, data, function, rng):
    """Random upstream gradients for what the source returns; None for one scalar."""
    trace = interpreter.run(source, data, function)
    values = [v for _, v in trace.results]
    if len(values) == 1 and np.ndim(values[0]) == 0 and not isinstance(values[0], (list, dict)):
        return None
    drawn = [
        rng.normal(size=np.shape(v)) if np.asarray(v).dtype.kind == "f" else None
        for v in (leaf for v in values for leaf in interpreter.leaves(v))
    ]
    return drawn[0] if len(drawn) == 1 else tuple(drawn)


def outputs_of(trace) -> list:
    return [leaf for _, v in trace.results for leaf in interpreter.leaves(v)]


def compare(program, derived, functions: dict, sizes: dict, seed: int, truth: str = "") -> float:
    """The worst error of outputs and gradients of both styles at one choice of sizes."""
    data = verifying.sample_data(program, sizes, seed)
    source = at_sizes(program.source, sizes)
    given, function = verifying.structured(program, data), verifying._function(program)
    upstream = upstream_of(source, given, function, np.random.default_rng(seed + 1))
    owners = list(dict.fromkeys(v.structure[0] if v.structure else v.name for v in program.inputs
                                if v.name in derived.wrt))  # fmt: skip
    known = interpreter.richardson if truth == "richardson" else interpreter.complex_step
    true = known(source, given, owners, upstream, function)
    trace = interpreter.run(source, given, function)
    errors = []
    for fn in functions.values():
        outputs, gradients = fn(**given, upstream=upstream)
        outputs = list(outputs) if isinstance(outputs, tuple) else [outputs]
        errors.append(worst(interpreter.leaves(outputs), outputs_of(trace)))
        for v in program.inputs:
            if v.name in derived.wrt:
                owner = v.structure[0] if v.structure else v.name
                errors.append(worst(verifying.at(v.structure, owner, gradients[owner]),
                                    verifying.at(v.structure, owner, true[owner])))  # fmt: skip
    return max(errors)


def tried(source: str, sizes: list[dict], truth: str = "", **how) -> tuple[derive.api.Derivative, list[float]]:
    """The derivation of a source and the worst error at each choice of sizes."""
    program = derive.read(source, **how)
    derived = derive.differentiate(program)
    functions = {style: derived.function(style=style) for style in STYLES}
    return derived, [compare(program, derived, functions, row, seed, truth) for seed, row in enumerate(sizes)]
