"""The reports of the examples: page budgets, nothing over the edge, every element there, in every engine."""

import re

import pytest
from test_generated import ROOT, remake

import derive
from derive.writers.pdf import compile_tex, find_tex

BUDGETS = {"softmax_cross_entropy": 4, "batch_cross_entropy": 4, "any_target_cross_entropy": 4, "makemore": 12}
# in the suite: those with a budget in both engines, every third of the others in one
RUNS = [
    pytest.param(name, engine, marks=() if name in BUDGETS or engine == "pdflatex" and k % 3 == 0 else pytest.mark.long)
    for engine in ("pdflatex", "lualatex")
    for k, name in enumerate(remake.names())
]


@pytest.fixture(scope="module")
def reports():
    made = {}

    def of(name):
        if name not in made:
            made[name] = derive.differentiate(derive.read(ROOT / "examples" / f"{name}.py")).as_report()
        return made[name]

    return of


@pytest.mark.parametrize("name, engine", RUNS)
def test_tex_compiles_within_its_edges_and_budget(name, engine, reports):
    from derive.writers.latex import report_files

    if find_tex(engine) is None:
        pytest.skip(f"{engine} with its packages is not installed")
    found = compile_tex(report_files(reports(name)), engine)
    assert found.pdf is not None, found.problem
    assert "Overfull" not in found.log
    pages = int(re.search(r"\((\d+) pages?", found.log.replace("\n", "")).group(1))
    assert pages <= BUDGETS.get(name, 99)


@pytest.mark.parametrize("name", BUDGETS)
def test_typst_keeps_the_budget(name, reports):
    pytest.importorskip("typst", reason="the embedded PDF engine is not installed")
    from derive.writers.typst import pages_png, report_typst

    assert len(pages_png(report_typst(reports(name)), ppi=10)) <= BUDGETS[name]


@pytest.mark.parametrize("name", remake.names())
def test_every_element_is_there(name, reports):
    found = reports(name)
    assert found.badges and found.forward and found.inputs and found.graph and found.conventions
    assert found.headline is not None or len(found.answers) > 1
    assert found.verification and found.code and found.rules and found.cards
    assert all(card.lines and card.numpy for card in found.cards)
    assert all(check.fine for check in found.verification.rows)
    assert all(card.certainty == "proved" for card in found.cards)


def test_softmax_layer_shows_all_of_the_seeds_gradients(reports):
    keys = [card.key for card in reports("softmax_layer").cards]
    assert {"LogProbs", "Probs", "SumInverse4", "Sum4", "Exp4", "Logits", "Hidden3", "B4", "W4"} <= set(keys)


@pytest.mark.parametrize("detail", ["result", "key", "every"])
def test_levels(detail):
    d = derive.differentiate(derive.read(ROOT / "examples" / "batch_cross_entropy.py"))
    lines = sum(len(card.lines) for card in d.as_report(detail).cards)
    everything = sum(len(card.lines) for card in d.as_report("every").cards)
    assert {"result": lines == 0, "key": 0 < lines < everything, "every": lines == everything}[detail]


def test_a_long_report_tells_each_result_once(reports):
    """The bar says the last line again; where there are many cards the line is left out, and its rules stand before."""
    from derive.writers.text_formula import text

    cards = reports("makemore").cards
    assert all(not text(card.result).endswith(f"= {text(card.lines[-1].rhs)}") for card in cards if len(card.lines) > 1)
    assert any(any(c.startswith("then linearity") for c in card.lines[-1].conditions) for card in cards)
    short = reports("batch_cross_entropy").cards
    assert any(text(card.result).endswith(f"= {text(card.lines[-1].rhs)}") for card in short)


APART = [  # report, gradient, whether the collapse to its closed form stands apart
    ("batch_cross_entropy", "Z", True),
    ("batch_cross_entropy", "E", False),  # not asked for, and short
    ("batch_cross_entropy", "Q", False),  # no closed form
    ("makemore", "hprebn", False),  # too many lines already
]


@pytest.mark.parametrize("name, key, apart", APART, ids=[" ".join(row[:2]) for row in APART])
def test_the_collapse_stands_apart_from_the_chain(name, key, apart, reports):
    from derive.writers.latex import report_files

    card = next(c for c in reports(name).cards if c.key == key)
    assert len(card.halves) == 1 + apart
    assert [line.number for half in card.halves for line in half.lines] == [line.number for line in card.lines]
    assert all(half.lines[0].lhs is not None for half in card.halves)
    assert card.halves[-1].result == card.result
    assert (r"\dvthen{" in report_files(reports(name))[f"parts/{key}.tex"]) == apart
