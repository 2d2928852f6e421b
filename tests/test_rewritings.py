"""Nothing is special-cased: every pass of the gallery in other words leads to the textbook's form again.

`pytest -m long tests/test_rewritings.py` runs twenty rewritings of every pass and writes tests/results/rewritings.md.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from rewriting import Rewriting, rewriting
from test_gallery import FORMS

import derive
from derive import expr as x
from derive.counting import count
from derive.errors import Problem
from derive.judges.normal import prove_equal
from derive.notation import parse, text

ROOT = Path(__file__).parent.parent
PASSES = sorted({row.split()[0] for row in FORMS})
RESULTS = Path(__file__).parent / "results" / "rewritings.md"


@cache
def plain(name: str):
    return derive.differentiate(source(name), judged=False)


@cache
def source(name: str) -> str:
    return (ROOT / "examples" / "gallery" / f"{name}.py").read_text(encoding="utf8")


def form_of(row: str, said: Rewriting, view) -> x.Expr:
    """The textbook's form of a row in the words of a rewriting; what has no name there any more is written out."""
    name, wrt = row.split()
    d = plain(name)
    own = (d[wrt].closed or d[wrt].derivation).indices
    form = parse(FORMS[row][0], {i.name: i for i in own})
    while gone := [n for n in form.names if n.removeprefix("∂") not in said.names]:
        form = x.replace_entries(form, lambda e, gone=gone: d.program.equation(e.name).instance(e.slots) if e.name in gone else None)
    indices = (view.closed or view.derivation).indices
    return parse(in_words(text(form), said), {i.name: j for i, j in zip(own, indices, strict=True)})


def in_words(form: str, said: Rewriting) -> str:
    """Names stand before a bracket, letters of axes outside of brackets or after a colon."""
    form = re.sub(r"(?!sum\b)[^\W\d]\w*(?=\[)", lambda m: said.names.get(m[0], m[0]), form)
    pieces = re.split(r"((?<!sum)\[[^\[\]]*\])", form)
    pieces = [p if k % 2 else re.sub(r"(?<!\[)\b[^\W\d]\w*\b(?![\[:])", lambda m: said.letters.get(m[0], m[0]), p)
              for k, p in enumerate(pieces)]  # fmt: skip
    return "".join(pieces)


@dataclass(frozen=True)
class Outcome:
    """What became of a form: `same`, or what is missing; the operations found and those of the textbook."""

    row: str
    seed: int
    said: Rewriting
    word: str
    found: str = ""
    work: tuple[int, int] = (0, 0)


def outcomes(name: str, seed: int, judged: bool = True) -> list[Outcome]:
    """The forms of one pass, written in other words, against the textbook's."""
    said = rewriting(source(name), seed)
    rows = [row for row in FORMS if row.split()[0] == name]
    try:
        d = derive.differentiate(said.source, wrt=[said.names[row.split()[1]] for row in rows], judged=judged)
    except Problem as problem:
        return [Outcome(row, seed, said, "refused", str(problem)) for row in rows]
    return [outcome(row, seed, said, d, judged) for row in rows]


def outcome(row: str, seed: int, said: Rewriting, d, judged: bool = True) -> Outcome:
    view = d[said.names[row.split()[1]]]
    form = form_of(row, said, view)
    found = whole(d, view.expr)
    names = [n for n in found.names | form.names if n in d.program]
    later = [n for n in names if n.startswith("∂")]
    apart = found.names ^ form.names
    sure = any(prove_equal(found, form, d.program, unfold) for unfold in ((), later, apart, names, d.program.by_name))
    work = (operations(d, found, form), operations(d, form, found))
    unsure = judged and d.certainty != "proved"
    word = "not proved" if unsure or not sure else "longer" if work[0] > work[1] else "same"
    return Outcome(row, seed, said, word, text(found), work)


def whole(d, e: x.Expr) -> x.Expr:
    """A form with the gradients that are themselves closed from the outputs put in."""
    closed = {c.target.name: c for c in d.gradients.closed.values() if c.kind == "closed"}

    def put(t: x.Entry) -> x.Expr | None:
        c = closed.get(t.name)
        return None if c is None else x.substitute(x.refresh(c.result), dict(zip(c.indices, t.slots, strict=True)))

    return x.replace_entries(e, put)


def operations(d, form: x.Expr, other: x.Expr) -> int:
    """Operations, with those of the gradients that the other form does without."""
    more = [n for n in sorted(form.names - other.names) if n.startswith("∂") and d.program.equation(n) is not None]
    return count(form, *(d.program.equation(n).rhs for n in more)).at_nominal


@pytest.mark.parametrize("seed", range(1))
@pytest.mark.parametrize("name", PASSES)
def test_in_other_words_it_is_the_same_form(name, seed):
    for o in outcomes(name, seed):
        assert o.word == "same", f"{o.word}: {o.found}, operations {o.work}\n{o.said.source}"


# ---------------------------------------------------------------- the long run

ROUNDS, SEED = 20, 100


def commit() -> str:
    return subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()  # fmt: skip


def written(found: list[Outcome]) -> str:
    """The result table: how many rewritings of every form led to it again."""
    kinds = ("same", "longer", "not proved", "refused")
    moves = sum(len({o.seed: o.said for o in found if o.row == row}[seed].said) for row, seed in {(o.row.split()[0], o.seed): (o.row, o.seed) for o in found}.values())  # fmt: skip
    head = f"""<!-- made by: pytest -m long tests/test_rewritings.py -->
# The gallery in other words

Every pass of examples/gallery rewritten {ROUNDS} times, seeds {SEED} to {SEED + ROUNDS - 1}, on top of commit {commit()}: all names and axis letters
exchanged, {moves:,} parts reordered, respelled, merged or named anew (`tests/rewriting.py`).  `same`: proved equal to the
textbook's form for all sizes, every step proved, and no more operations.

| gradient | {" | ".join(kinds)} |
| --- | {" | ".join("---" for _ in kinds)} |
"""
    rows = [f"| {row} | {' | '.join(str(sum(o.word == k for o in found if o.row == row)) for k in kinds)} |" for row in FORMS]
    total = f"| all | {' | '.join(str(sum(o.word == k for o in found)) for k in kinds)} |"
    return head + "\n".join([*rows, total]) + "\n"


@pytest.mark.long
def test_twenty_times_in_other_words():
    found = [o for name in PASSES for seed in range(SEED, SEED + ROUNDS) for o in outcomes(name, seed)]
    RESULTS.write_text(written(found), encoding="utf8")
    missed = [f"{o.word}: {o.row}, seed {o.seed}: {o.found}" for o in found if o.word != "same"]
    assert not missed, "\n".join(missed)
