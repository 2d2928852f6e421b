"""Textbook formulas and common slips in them: the verdict on each (rows in textbook_rows.py)."""

import numpy as np
import pytest
from textbook_rows import ROWS

from derive import expr as x
from derive.checker.documents import check_text
from derive.expr import Entry
from derive.index import Index, Size
from derive.judges.bench import Bench
from derive.program import Equation, Program, Variable


@pytest.mark.parametrize("head, claim, wanted", ROWS, ids=[f"{k}: {r[1][:60]}" for k, r in enumerate(ROWS)])
def test_textbook(head, claim, wanted):
    v = check_text(f"{head}\n\n$${claim}$$\n", "n.md").verdicts[-1]
    assert v.verdict in wanted.split(), (v.verdict, v.reason, v.counterexample)
    assert v.verdict != "wrong" or v.counterexample


def test_elimination_agrees_in_floats_and_residues():
    a, b, k = (Index(c, Size.of("n")) for c in "abk")
    program = Program(
        (Variable("A", (a.size, b.size)),),
        (
            Equation("V", (a, b), x.Call("inverse", (Entry("A", (a, b)),)), kind="implicit"),
            Equation("d", (), x.Call("det", (Entry("A", (a, b)),)), kind="implicit"),
        ),
        (),
    )
    bench = Bench(program, 3)
    product = x.reduce_("sum", k, Entry("A", (a, k)) * Entry("V", (k, b)))
    assert bench.same(product, x.delta(a, b)).how == "exact" and bench.same(product, x.delta(a, b)).equal
    assert bench.same(product, x.delta(a, b) * 2).equal is False
    array = bench.value(Entry("A", (a, b)), (a, b))
    assert np.isclose(bench.value(Entry("d", ()), ()), np.linalg.det(array))
