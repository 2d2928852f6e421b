"""Formulas on one line of Unicode, and derivation.txt."""

import io
import re
from dataclasses import replace

import pytest
from hypothesis import given

from derive.writers.latex import latex
from derive.writers.layout import Accent, Big, Fence, Frac, Grid, Mark, Num, Op, Root, Script, Sym, Text, Under, row
from derive.writers.text import COLUMNS, report_text, show, text
from derive.writers.text_folding import folded_code, folded_formula
from derive.writers.text_formula import marked_text, unmarked
from tests.layout_trees import numbered, trees
from tests.report_sample import NC, at, d, delta, hostile_report, sample_report, sum_of_terms, total

X, Y, I_, J_ = Sym("x"), Sym("y"), Sym("i"), Sym("j")
PLUS, MINUS, NEG, EQ, COMMA = Op("plus"), Op("minus"), Op("minus", "prefix"), Op("eq"), Op("comma")
PARTIAL, ONE, TWO = Op("partial", "prefix"), Num("1"), Num("2")
Y_I, OVER_N = Script(Y, I_), Frac(ONE, Sym("n"))

FORMULAS = [  # layout, line
    (row(d("L", at("P", "i", "j")), EQ, NEG, OVER_N, total("m"), delta(Sym("m"), I_)), "∂L/∂P_ij = −(1/n) Σ_m δ_mi"),
    (row(X, PLUS, Y), "x + y"),
    (row(NEG, X, MINUS, Y), "−x − y"),
    (row(Frac(X, Y), PLUS, OVER_N), "x/y + 1/n"),
    (row(Frac(X, Y), OVER_N), "(x/y) (1/n)"),
    (row(OVER_N, Op("odot"), X), "(1/n) ⊙ x"),
    (Frac(X, row(Y, Sym("z"))), "x/(y z)"),
    (Frac(row(X, PLUS, ONE), Y), "(x + 1)/y"),
    (Frac(Frac(X, Y), Sym("z")), "(x/y)/z"),
    (Frac(X, Frac(Y, Sym("z"))), "x/(y/z)"),
    (Frac(row(PARTIAL, Fence(row(X, Y))), row(PARTIAL, X)), "∂(x y)/∂x"),
    (row(PARTIAL, Frac(X, Y)), "∂(x/y)"),
    (row(PARTIAL, Sym("L"), Op("slash", "tight"), PARTIAL, X), "∂L/∂x"),
    (Script(Sym("P"), row(I_, COMMA, Script(Sym("Y"), I_))), "P_{i, Y_i}"),
    (Script(Sym("Q"), row(I_, Y_I)), "Q_{i y_i}"),
    (Script(Sym("counts"), I_), "counts_{i}"),
    (Script(X, row(I_, PLUS, ONE)), "x_{i+1}"),
    (Script(X, Num("12")), "x_12"),
    (Script(X, row(ONE, TWO)), "x_{1 2}"),
    (Sym("W_1"), "`W_1`"),
    (Sym("counts_sum"), "counts_sum"),
    (Script(X, I_, TWO), "x_i²"),
    (Script(X, None, row(NEG, ONE)), "x⁻¹"),
    (Script(X, None, Sym("n")), "x^n"),
    (Script(X, None, row(Sym("n"), MINUS, ONE)), "x^(n − 1)"),
    (Script(Script(X, None, Sym("a")), None, Sym("b")), "(x^a)^b"),
    (Script(X, None, Script(Sym("a"), None, Sym("b"))), "x^(a^b)"),
    (Script(Frac(X, Y), None, TWO), "(x/y)²"),
    (Script(Sym("p"), None, Op("transpose", "tight")), "pᵀ"),
    (Script(Sym("log", "function"), None, Sym("′", "roman")), "log′"),
    (row(Sym("log", "function"), X), "log x"),
    (row(Sym("exp", "function"), Fence(X)), "exp(x)"),
    (row(X, Fence(row(Y, PLUS, ONE))), "x (y + 1)"),
    (row(Big("sum", row(J_, EQ, ONE), Sym("C")), X), "Σ_{j=1}^C x"),
    (row(Big("sum", I_, row(Sym("N"), MINUS, ONE)), X), "Σ_i^(N − 1) x"),
    (row(Big("max", I_), X), "max_{i} x"),
    (row(total("i"), Frac(X, Y)), "Σ_i (x/y)"),
    (Fence(X, "abs"), "|x|"),
    (Fence(row(Fence(X, "abs"), Y), "abs"), "abs(|x| y)"),
    (Fence(X, "floor"), "⌊x⌋"),
    (Script(Fence(Frac(X, Y), "eval"), Sym("r")), "(x/y)|_r"),
    (Grid(((X, row(Text("if "), X, Op("gt"), Num("0"))), (Num("0"), Text("otherwise"))), "cases"),
     "{x if x > 0; 0 otherwise}"),
    (Grid(((X, Y), (ONE, TWO))), "[x, y; 1, 2]"),
    (Under(X, Text("directly")), "x ‹directly›"),
    (Under(row(X, PLUS, Y), Text("directly")), "(x + y) ‹directly›"),
    (Sym("1", "bold"), "𝟏"),
    (Root(row(X, PLUS, Y)), "√(x + y)"),
    (Script(Accent(Y, "hat"), I_), "y\u0302_{i}"),
    (Accent(row(X, Y), "bar"), "bar(x y)"),
    (row(X, Mark(row(PLUS, Frac(ONE, Y)), "fresh"), Sym("z")), "x + (1/y) z"),
]  # fmt: skip


@pytest.mark.parametrize(("node", "line"), FORMULAS, ids=[line for _, line in FORMULAS])
def test_formula(node, line):
    assert text(node) == line


def test_no_two_formulas_read_alike():
    lines = [line for _, line in FORMULAS]
    assert len(set(lines)) == len(lines)


@given(trees)
def test_names_come_in_the_order_of_the_tree_in_every_printer(tree):
    node, names = numbered(tree)
    assert re.findall(r"q\d+z", text(node)) == names == re.findall(r"q\d+z", latex(node))


@given(trees)
def test_a_folded_formula_loses_nothing(tree):
    line = marked_text(tree)
    pieces = folded_formula(line, 30, 20)
    assert all(len(unmarked(piece)) <= 30 for piece in pieces)
    assert "".join(map(unmarked, pieces)).replace(" ", "") == unmarked(line).replace(" ", "")


def test_a_long_sum_is_folded_before_its_signs():
    first, *rest = folded_formula(text(sum_of_terms(9)), 60, 50)
    assert rest and all(line.startswith("+ ") for line in rest)


def test_long_code_is_folded():
    lines = folded_code("def f(x):\n    return " + " + ".join(f"x[{n}]" for n in range(40)) + "\n", 60)
    assert all(len(line) <= 60 for line in lines) and lines[2].startswith("      ↪ ")


# ---------------------------------------------------------------- reports


@pytest.mark.parametrize("make", [sample_report, hostile_report])
def test_the_text_keeps_to_its_columns(make):
    printed = report_text(make())
    assert printed == report_text(make())
    assert max(map(len, printed.splitlines())) <= COLUMNS
    assert all(line == line.rstrip() and line.isprintable() for line in printed.splitlines())


def bare_report():
    """Nothing but result bars."""
    report = sample_report()
    cards = tuple(replace(card, lines=()) for card in report.cards)
    return replace(
        report, cards=cards, lemmas=(), graph=None, verification=None, code="", rules=(), detail="result", headline=None
    )


def test_a_report_of_result_bars_alone():
    printed = report_text(bare_report())
    assert "▌       ∂L/∂Q = −(1/N) Y" in printed and "Rules used" not in printed


PARTS = [
    "6 of 6 proved · 21 named steps · 0 open",
    "    ∂L/∂Z = (1/N) (P − Y) ∈ ℝ^(N × C)",
    "  2  s = E.sum(axis=1, keepdims=True)",
    "2  ∂L/∂P   elementwise logarithm",
    "  2.2            = Σ_{m, k} (∂L/∂Q_mk) ((δ_mi δ_kj)/P_ij)",
    "                by derivative of log: log′ x = 1/x",
    "                needs P ≠ 0: true, e^x > 0",
    "▌       NumPy  dr = (dP * E).sum(axis=1, keepdims=True)",
    "▌       shape  N × 1    proved",
    "    ∂p_j/∂z_k = {p_j (1 − p_j) if j = k; −p_j p_k otherwise}",
    "  ∂L/∂P     32×10  45.8     3.9e-17       7.2e-7",
    "    dZ[np.arange(N), y] -= 1.0       # P - Y",
    "      in 6.2, 6.3, 6.5",
]


@pytest.mark.parametrize("part", PARTS)
def test_the_text_says_everything(part):
    assert part in report_text(sample_report())


def test_the_sentence_on_marks_is_for_those_who_see_them():
    assert "shaded" not in report_text(sample_report())


def shown():
    rich = pytest.importorskip("rich.console", reason="rich is not installed")
    console = rich.Console(file=io.StringIO(), force_terminal=True, width=COLUMNS, color_system="256")
    show(sample_report(), console)
    return console.file.getvalue()


def test_marks_are_underlined_and_coloured_on_a_terminal():
    printed = shown()
    assert "\x1b[4mΣ_m\x1b[0m" in printed and "\x1b[38;5;166m" in printed


@pytest.mark.parametrize("columns", [60, 80])
def test_a_narrow_terminal_is_not_overrun(columns):
    console = pytest.importorskip("rich.console").Console(file=io.StringIO(), force_terminal=True, width=columns)
    show(sample_report(), console)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", console.file.getvalue()).splitlines()
    assert max(map(len, lines)) <= columns


def test_no_color_is_honoured(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    printed = shown()
    assert "\x1b[4mΣ_m" in printed and "\x1b[38;5;" not in printed and "\x1b[36m" not in printed


def test_a_shape_reads_as_text():
    assert text(NC) == "N × C"
