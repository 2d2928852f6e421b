"""The promise on many documents: broken derivations and traps are never right, restyled ones stay right.

`pytest -m long tests/test_check_mutations.py` runs the full counts and writes tests/results/check_promise.md.
"""

import pytest
from promise import judge_broken, judge_restyled, judge_traps, outcomes, run


@pytest.mark.parametrize("seed", [11, 77])
def test_broken_lines_are_found(seed):
    judge_broken(outcomes("broken", 250, seed))


def test_traps_are_never_right():
    judge_traps(outcomes("traps", 105, seed=12))


def test_restyled_derivations_stay_right():
    judge_restyled(outcomes("restyled", 100, seed=13))


@pytest.mark.long
def test_ten_thousand_broken_lines():
    judge_broken(run("broken", 10_000, seed=21))


@pytest.mark.long
def test_a_thousand_traps():
    judge_traps(run("traps", 1_000, seed=22))


@pytest.mark.long
def test_a_thousand_restyled():
    judge_restyled(run("restyled", 1_000, seed=23))
