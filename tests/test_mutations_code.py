"""The checker on machine-made mistakes: none is called right, nearly all are wrong, nearly all at their line.

`pytest -m long tests/test_mutations_code.py` runs 10,000 and writes tests/results/mutations_code.md.
"""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
from code_mutations import Mutant, Outcome, doubled, equivalent, outcome, sampled, table

SEED = 20261121
RESULTS = Path(__file__).parent / "results" / "mutations_code.md"


def run(made: Iterable[Mutant]) -> tuple[list[Outcome], int]:
    """The outcomes of the mutants that compute something else, and how many do not."""
    made = list(made)
    same = [m for m in made if equivalent(m)]
    kept = {id(m) for m in same}
    return [outcome(m) for m in made if id(m) not in kept], len(same)


def judge(outcomes: list[Outcome]) -> None:
    """The bounds of the issue; a failure shows the mutants that break them."""
    called_right = [(o.mutant.case.name, o.mutant.line, o.mutant.text) for o in outcomes if o.word == "right"]
    assert not called_right, called_right
    wrong = [o for o in outcomes if o.word == "wrong"]
    missed = [(o.mutant.case.name, o.mutant.line, o.mutant.text, o.shown) for o in outcomes if o.word != "wrong"]
    assert len(wrong) >= 0.99 * len(outcomes), missed
    assert sum(o.located for o in wrong) >= 0.9 * len(outcomes)


def test_five_hundred_mutants():
    outcomes, _ = run(sampled(500, SEED))
    print(table(outcomes))
    judge(outcomes)


def written(outcomes: list[Outcome], same: int, single: int) -> None:
    """The result table, as far as the run has come."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    head = f"""<!-- made by: pytest -m long tests/test_mutations_code.py -->
# Machine-made mistakes in right backward code

{len(outcomes) + same:,} mutants of the passes in tests/backward_cases.py, seed {SEED}, on top of commit {commit}:
{single} with one mistake, the others with two on different lines. {same} compute what the original computes and are not
counted. `at the line`: the first wrong verdict spans a mutated line. `open`: neither right nor wrong (not decided, not
read, or right under a named condition).

"""
    RESULTS.write_text(head + table(outcomes), encoding="utf8")


@pytest.mark.long
def test_ten_thousand_mutants():
    single = sampled(10_000, SEED)
    made = itertools.chain(single, doubled(10_000 - len(single), SEED))
    outcomes, same = [], 0
    while chunk := list(itertools.islice(made, 500)):
        found, equal = run(chunk)
        outcomes, same = outcomes + found, same + equal
        written(outcomes, same, min(len(single), len(outcomes) + same))
    judge(outcomes)
