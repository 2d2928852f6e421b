"""The checker on machine-made mistakes: none is called right, nearly all are wrong, nearly all at their line.

`pytest -m long tests/test_mutations_code.py` runs 10,000 on two processes and writes tests/results/mutations_code.md.
What is done is kept in a journal outside the checkout, by commit; a run that was stopped goes on where it was.
"""

from __future__ import annotations

import gc
import itertools
import json
import multiprocessing
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import pytest
from code_mutations import Mutant, Outcome, doubled, equivalent, outcome, sampled, table

SEED = 20261121
BATCH = 32  # mutants of the long run between two sweeps of the memory
RESULTS = Path(__file__).parent / "results" / "mutations_code.md"


def judge(outcomes: list[Outcome]) -> None:
    """The bounds of the issue; a failure shows the mutants that break them."""
    called_right = [(o.mutant.case.name, o.mutant.line, o.mutant.text) for o in outcomes if o.word == "right"]
    assert not called_right, called_right
    wrong = [o for o in outcomes if o.word == "wrong"]
    missed = [(o.mutant.case.name, o.mutant.line, o.mutant.text, o.shown) for o in outcomes if o.word != "wrong"]
    assert len(wrong) >= 0.99 * len(outcomes), missed
    assert sum(o.located for o in wrong) >= 0.9 * len(outcomes)


def said(mutant: Mutant) -> dict | None:
    """The outcome as plain data; None for a mutant that computes what the original does."""
    if equivalent(mutant):
        return None
    found = outcome(mutant)
    return {"word": found.word, "located": found.located, "named": found.named, "shown": found.shown}


def batches(made: list[Mutant], places: Iterable[int]) -> list[dict[int, Mutant]]:
    """The mutants at these places, a few at a time; those of one pass beside each other, so that it is derived once."""
    sorted_places = sorted(places, key=lambda k: made[k].case.name)
    return [{k: made[k] for k in sorted_places[at : at + BATCH]} for at in range(0, len(sorted_places), BATCH)]


def judged(batch: dict[int, Mutant]) -> dict[int, dict | None]:
    """The outcomes of a few mutants; what their judges hold is given back afterwards."""
    found = {k: said(mutant) for k, mutant in batch.items()}
    gc.collect()
    return found


def test_five_hundred_mutants():
    made = sampled(500, SEED)
    found = [pair for batch in batches(made, range(len(made))) for pair in judged(batch).items()]
    outcomes = [Outcome(made[k], **f) for k, f in found if f is not None]
    print(table(outcomes))
    judge(outcomes)


# ---------------------------------------------------------------- the long run


def commit() -> str:
    return subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()  # fmt: skip


def journalled(made: list[Mutant]) -> Iterator[tuple[Mutant, dict | None]]:
    """Every mutant with its outcome: those of earlier runs at this commit from the journal, the others judged now."""
    journal = Path(tempfile.gettempdir()) / f"derive-mutations-{SEED}-{commit()}.jsonl"
    lines = journal.read_text(encoding="utf8").splitlines() if journal.is_file() else []
    known = {row["place"]: row["said"] for row in map(json.loads, lines)}
    left = batches(made, (k for k in range(len(made)) if k not in known))
    yield from ((made[k], known[k]) for k in known)
    with journal.open("a", encoding="utf8") as file, ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
        for done in as_completed([pool.submit(judged, batch) for batch in left]):
            for k, found in done.result().items():
                file.write(json.dumps({"place": k, "said": found}) + "\n")
                yield made[k], found
            file.flush()


def written(outcomes: list[Outcome], same: int, single: int, total: int) -> None:
    """The result table, as far as the run has come."""
    head = f"""<!-- made by: pytest -m long tests/test_mutations_code.py -->
# Machine-made mistakes in right backward code

{len(outcomes) + same:,} of {total:,} mutants of the passes in tests/backward_cases.py and of the code that derive writes for
tests/passes, seed {SEED}, on top of commit {commit()}: {single:,} with one mistake, the others with two on different lines.
{same} compute what the original computes and are not counted. `at the line`: the first wrong verdict spans a mutated line.
`open`: neither right nor wrong (not decided, not read, or right under a named condition).

"""
    missed = [o for o in outcomes if o.word != "wrong"]
    rows = [f"| {o.mutant.case.name} | {o.mutant.line} | `{_cell(o.mutant.text)}` | {o.word} |" for o in missed]
    tail = (
        "\nNot called wrong:\n\n" + "\n".join(["| pass | line | mutated line | |", "|---|---|---|---|", *rows]) + "\n"
    )
    RESULTS.write_text(head + table(outcomes) + tail, encoding="utf8")


def _cell(text: str) -> str:
    return text[:90].replace("\n", " ").replace("|", "\\|")


@pytest.mark.long
def test_ten_thousand_mutants():
    single = sampled(10_000, SEED, every=True)
    made = [*single, *itertools.islice(doubled(10_000, SEED), 10_000 - len(single))]
    outcomes, same = [], 0
    for count, (mutant, found) in enumerate(journalled(made), 1):
        same += found is None
        outcomes += [Outcome(mutant, **found)] if found is not None else []
        if count % 500 == 0 or count == len(made):
            written(outcomes, same, sum(o.mutant.kind != "two mistakes" for o in outcomes), len(made))
    judge(outcomes)
