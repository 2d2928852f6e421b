"""Random programs: generated code of both styles against the separate interpreter's complex step.

A difference shrinks to a small program.  `python tests/programs.py SEED` replays a seed of the long run; that run
(`pytest -m long tests/test_fuzz.py`) writes tests/results/fuzz.md.
"""

from __future__ import annotations

import platform
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from programs import Drawn, Seeded, Writer, looped, program, trial

RESULTS = Path(__file__).parent / "results" / "fuzz.md"
COUNT, LONG = 200, 5_000
JUDGED = 10  # every tenth program goes through all judges as well


@st.composite
def sources(draw) -> str:
    return Writer(Drawn(draw, st.sampled_from)).source()


@settings(max_examples=COUNT, deadline=None, derandomize=True, database=None, print_blob=True,
          suppress_health_check=list(HealthCheck))  # fmt: skip
@given(source=sources())
def test_random_programs(source):
    """No difference and no crash; what is not supported is refused by name."""
    outcome = trial(source)
    assert outcome in ("right", "kink", "undefined") or outcome.startswith("refused E1"), f"{outcome}\n{source}"


@pytest.mark.parametrize("seed", range(0, 12 * JUDGED, JUDGED))
def test_judged_programs(seed):
    """The same with every step before the judges: none may refute one."""
    outcome = trial(program(seed), seed, judged=True)
    assert outcome in ("right", "kink", "undefined"), f"{outcome}: python tests/programs.py {seed}"


@pytest.mark.parametrize("seed", range(24))
def test_loops_over_time(seed):
    """Programs with a loop over time: state under names, in lists, dicts and arrays, forward and backward."""
    outcome = trial(looped(seed), seed, judged=seed % 4 == 0)
    assert outcome in ("right", "kink", "undefined"), f"{outcome}: python tests/programs.py {seed} --loops"


@pytest.mark.long
def test_many_loops_over_time():
    found = Counter(trial(looped(seed), seed, judged=seed % JUDGED == 0).split(":")[0] for seed in range(1_000))
    assert found.keys() <= {"right", "kink", "undefined"}, found


def test_programs_follow_from_their_seed():
    assert program(3) == Writer(Seeded(3)).source() == program(3)
    assert len({program(k) for k in range(50)}) == 50


@pytest.mark.long
def test_many_random_programs():
    """Seeds 0 to 4,999, as a table."""
    counts: Counter = Counter()
    told: list[str] = []
    started = time.time()
    for seed in range(LONG):
        try:
            outcome = trial(program(seed), seed, judged=seed % JUDGED == 0)
        except AssertionError as difference:
            outcome = f"different: {difference}"
        except Exception as error:  # a crash is a row of the table
            outcome = f"crashed: {type(error).__name__}: {error}"
        kind = outcome.split(":")[0]
        counts[kind] += 1
        if kind not in ("right", "undefined", "kink"):
            told.append(f"| {seed} | {outcome.splitlines()[0][:110].replace('|', '/')} |")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(report(counts, told, time.time() - started))
    assert counts["different"] == counts["crashed"] == 0, "\n".join(told)


def report(counts: Counter, told: list[str], seconds: float) -> str:
    """The committed table of the long run."""
    meanings = {
        "right": "outputs and all gradients agree to 1e-9 of the largest, at two choices of sizes, in both styles",
        "kink": "a branch changes at the data: the complex step and plain differences disagree with each other",
        "undefined": "the program itself overflows or divides by zero at the data",
        "different": "a gradient or an output differs",
        "crashed": "something else than a Problem was raised",
    }
    rows = [f"| {kind} | {counts.get(kind, 0)} | {words} |" for kind, words in meanings.items()]
    refused = sum(n for kind, n in counts.items() if kind.startswith("refused"))
    rows.append(f"| refused by name | {refused} | a Problem with line, reason and hint |")
    return "\n".join([
        "# Random programs against the separate interpreter", "",
        f"Seeds 0 to {LONG - 1:,}; every {JUDGED}th also through all judges; {seconds / 60:.0f} minutes, Python "
        f"{platform.python_version()}, NumPy {np.__version__}.",
        "Made by `pytest -m long tests/test_fuzz.py`; replay one with `python tests/programs.py SEED`.", "",
        "| outcome | programs | meaning |", "| --- | ---: | --- |", *rows, "",
        *(["| seed | what was found |", "| ---: | --- |", *told, ""] if told else ["No difference, no crash.", ""]),
    ])  # fmt: skip


__all__ = ["sources"]
