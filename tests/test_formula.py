"""Formulas on the blackboard: the engine's notation on the left, what a textbook prints on the right."""

from __future__ import annotations

import pytest

from derive import expr as x
from derive.index import Index, Size
from derive.notation import parse, parse_size
from derive.writers.formula import formula, gradient_node
from derive.writers.layout import Mark, Row
from derive.writers.letters import Spelling, letters_for, shape_node, size_node
from derive.writers.marks import marks_for
from derive.writers.text_formula import text

SIZES = {"i": "n", "m": "n", "j": "C", "k": "C", "h": "H", "t": "T", "e": "E", "c": "T*E", "p": "P", "a": "A"}
SCOPE = {name: Index(name, parse_size(size)) for name, size in SIZES.items()}
SHAPES = {"s": ("n", 1), "bnmeani": (1, "H"), "x": ("n", "C")}
SPELLING = Spelling(shapes={name: tuple(Size.of(n) for n in shape) for name, shape in SHAPES.items()})

# fmt: off
ROWS = (
    ("E[i,j]", "E_ij"),
    ("s[i,0]", "s_i"),
    ("bnmeani[0,h]", "bnmeani_{h}"),
    ("counts_sum[i]", "counts_sum_{i}"),
    ("x~1[i,j]", "x_ij⁽¹⁾"),
    ("loss[]", "loss"),
    ("Q[i, y[i]]", "Q_{i, y_i}"),
    ("emb[i, c//E, c%E]", "emb_{i, ⌊c/E⌋, c mod E}"),
    ("emb[i, (t:T, e:E)]", "emb_{i, (t, e)}"),
    ("X[p + 2*a]", "X_{p+2 a}"),
    ("X[i, j - 1]", "X_{i, j−1}"),
    ("x[i, argmax[j:C](x[i,j])]", "x_{i, argmax_{j} x_ij}"),
    ("sum[m:n] sum[j:C] a[m,j]", "Σ_{m, j} a_mj"),
    ("sum[i:n | i != k] x[i,k]", "Σ_{i≠k} x_ik"),
    ("(sum[k:C] a[k])*b[i]", "(Σ_k a_k) b_i"),
    ("b[i]*(sum[k:C] a[k])", "b_i Σ_k a_k"),
    ("sum[k:C] (a[k] + b[k])", "Σ_k (a_k + b_k)"),
    ("sum[k:C] -a[k]", "Σ_k (−a_k)"),
    ("(sum[k:C] a[k]*W[k,j]) + b[j]", "Σ_k a_k W_kj + b_j"),
    ("a[i] - (b[i] - c[i])", "a_i − (b_i − c_i)"),
    ("a[i] - b[i]*c[i]", "a_i − b_i c_i"),
    ("-1/n*(sum[i:n] Q[i,y[i]])", "−(1/n) Σ_i Q_{i, y_i}"),
    ("x[i,j]/s[i,0]", "x_ij/s_i"),
    ("∂Q[i,j]/P[i,j]", "(∂L/∂Q_ij) (1/P_ij)"),
    ("1/size(n - 1)*x[i,j]", "(1/(n − 1)) x_ij"),
    ("2/3*x[i,j]", "(2/3) x_ij"),
    ("x[i,j]*y[i]/(a[i]*b[i])", "(x_ij y_i)/(a_i b_i)"),
    ("(x[i,j] + y[i])/a[i]", "(x_ij + y_i)/a_i"),
    ("x[i,j]^2", "x_ij²"),
    ("x[i,j]^(-2)", "1/x_ij²"),
    ("1/(sum[k:C] a[k])", "1/(Σ_k a_k)"),
    ("x[i,j]/y[i]/(sum[k:C] a[k])", "x_ij/(y_i (Σ_k a_k))"),
    ("(v[h] + 1e-5)^(-1/2)", "(v_h + 10⁻⁵)^(−1/2)"),
    ("x[i,j]^(1/2)", "x_ij^(1/2)"),
    ("-x[i,j]", "−x_ij"),
    ("0.044715*x[i,j]^3", "0.044715 x_ij³"),
    ("exp(Z[i,j])", "e^(Z_ij)"),
    ("exp(-Z[i,j]^2/2)", "e^(−Z_ij²/2)"),
    ("exp(sum[j:C] x[i,j])", "exp(Σ_j x_ij)"),
    ("log(P[i,j])", "log P_ij"),
    ("log(P[i,j])*x[i,j]", "log(P_ij) x_ij"),
    ("x[i,j]*log(P[i,j])", "x_ij log P_ij"),
    ("log(1 + exp(x[i,j]))", "log(1 + e^(x_ij))"),
    ("tanh(u[i])^2", "tanh² u_i"),
    ("tanh(u[i])^2*x[i,j]", "tanh²(u_i) x_ij"),
    ("1 - tanh(u[i])^2", "1 − tanh² u_i"),
    ("sigmoid(x[i,j])*(1 - sigmoid(x[i,j]))", "σ (x_ij) (1 − σ (x_ij))"),
    ("abs(x[i,j])", "|x_ij|"),
    ("maximum(x[i,j], 0)", "max(x_ij, 0)"),
    ("2/pi()^(1/2)", "2 π^(−1/2)"),
    ("max[j:C] x[i,j]", "max_{j} x_ij"),
    ("(max[j:C] x[i,j]) - x[i,j]", "(max_{k} x_ik) − x_ij"),
    ("prod[k:C | k <= j] x[i,k]", "Π_{k≤j} x_ik"),
    ("[i = k]", "δ_ik"),
    ("[j = y[i]]", "δ_{j y_i}"),
    ("[c//E = t]", "[⌊c/E⌋ = t]"),
    ("[x[i,j] < 0]", "[x_ij < 0]"),
    ("[x[i,j] < 0 and 0 < y[i]]", "[x_ij < 0 < y_i]"),
    ("{x[i,j] if 0 < x[i,j]; 0}", "{x_ij if 0 < x_ij; 0 otherwise}"),
    ("∂x[i,j]", "∂L/∂x_ij"),
    ("∂x~total[i,j]", "∂L/∂x_ij"),
    ("D(E[m,k], E[i,j])", "∂E_mk/∂E_ij"),
    ("D(E[m,k]*r[m], E[i,j])", "(∂/∂E_ij) (E_mk r_m)"),
    ("D(log(P[m,k]), P[i,j])", "(∂/∂P_ij) log P_mk"),
    ("n*C*x[i,j]", "n C x_ij"),
    ("h[i,h]", "h_ig"),
    ("sum[n:n] x[n]", "Σ_m x_m"),
    ("gamma[j]*x[i,j]", "γ_j x_ij"),
    ("(a[i] + b[i])^2", "(a_i + b_i)²"),
    ("(a[i]*b[i])^2", "(a_i b_i)²"),
    ("exp(x[i])^2", "(e^(x_i))²"),
    ("(x[i]^2)^3", "x_i⁶"),
)
# fmt: on


@pytest.mark.parametrize(("notation", "printed"), ROWS, ids=[row[0] for row in ROWS])
def test_a_formula_reads_as_in_a_textbook(notation: str, printed: str):
    assert text(formula(parse(notation, SCOPE), SPELLING)) == printed


SPELT = (
    ("counts_sum_inv[i]", {"counts_sum_inv": "c"}, "c_i"),
    ("W[i,j]", {"W": r"\Theta"}, "Θ_ij"),
    ("log(x[i,j])", {"log": r"\ln"}, "ln x_ij"),
    ("attention.scores[i,j]", {"attention.scores": "S"}, "S_ij"),
)


@pytest.mark.parametrize(("notation", "letters", "printed"), SPELT, ids=[row[0] for row in SPELT])
def test_declared_letters_replace_names(notation: str, letters: dict, printed: str):
    assert text(formula(parse(notation, SCOPE), Spelling(letters=letters))) == printed


def test_the_exponential_is_spelled_out_beside_an_array_called_e():
    assert text(formula(parse("e[i]*exp(x[i,j])", SCOPE), SPELLING)) == "e_i exp x_ij"


def test_a_given_part_of_a_gradient_differs_from_the_whole():
    spelling = Spelling(given=frozenset(["y"]))
    printed = [text(formula(parse(t, SCOPE), spelling)) for t in ("∂y[i]", "∂y~total[i]")]
    assert printed == ["(∂L/∂y_i)|_{given}", "∂L/∂y_i"]


def test_sums_beside_each_other_share_their_letter():
    e = parse("(sum[m:n] x[m,j]) + (sum[m:n] x[m,k])", SCOPE)
    assert text(formula(e, SPELLING)) == "Σ_m x_mj + Σ_m x_mk"


def test_an_index_never_has_the_letter_of_an_array_or_of_an_index_in_scope():
    h = Index("h", Size.of("H"))
    e = x.reduce_("sum", h, x.mul(x.entry("h", h), x.entry("W", h, SCOPE["h"])))
    assert text(formula(e)) == "Σ_q h_q W_qg"


def test_letters_stay_the_same_in_all_lines():
    i = SCOPE["h"]
    lines = [x.entry("a", i), x.entry("h", i)]
    letters = letters_for(lines, SPELLING)
    assert [text(formula(e, SPELLING, letters)) for e in lines] == ["a_g", "h_g"]


def test_a_gradient_stands_as_a_fraction_or_on_one_line():
    assert text(gradient_node("x", SPELLING, flat=True)) == text(gradient_node("x", SPELLING)) == "∂L/∂x"


SHAPE_ROWS = ((("N", "C"), "N × C"), ((), "scalar"), (("n", "T*E"), "n × E T"), (("H - K + 1",), "H + 1 − K"))


@pytest.mark.parametrize(("shape", "printed"), SHAPE_ROWS)
def test_shapes_and_sizes(shape: tuple, printed: str):
    sizes = tuple(parse_size(n) for n in shape)
    assert text(shape_node(sizes)) == printed


def test_the_floor_of_a_quotient_of_sizes():
    assert text(size_node(parse_size("(H - K)//s + 1"))) == "⌊(H − K)/s⌋ + 1"


# ---------------------------------------------------------------- marks


def marked(node, kind: str) -> list[str]:
    """What is marked so, as text, from left to right."""
    found = [text(node.body)] if isinstance(node, Mark) and node.kind == kind else []
    parts = node.items if isinstance(node, Row) else [getattr(node, n, None) for n in ("body", "over", "under", "base")]
    return found + [piece for part in parts if part is not None for piece in marked(part, kind)]


def test_neighbours_of_one_kind_are_one_mark_and_none_is_nested():
    e = parse("a[i]*b[j]*c[k]", SCOPE)
    a, b, c = e.factors
    assert marked(formula(e, redexes={id(a), id(b)}), "redex") == ["a_i b_j"]
    assert marked(formula(e, redexes={id(e), id(c)}), "redex") == ["a_i b_j c_k"]


def test_of_a_sum_over_a_delta_only_sign_and_delta_are_shaded():
    line = parse("sum[m:n] g[m]*[m = i]", SCOPE)
    marks = marks_for(line, None, (), parse("g[i]", SCOPE), [line])
    assert marked(formula(line, marks=marks), "redex") == ["Σ_m", "δ_mi"]


def test_of_a_product_only_what_changes_is_shaded():
    line, after = parse("g[i]*exp(x[i,j])", SCOPE), parse("g[i]*E[i,j]", SCOPE)
    marks = marks_for(line, None, (), after, [line])
    assert marked(formula(line, marks=marks), "redex") == ["e^(x_ij)"]


def test_what_stood_in_the_line_before_is_not_fresh():
    before, line = parse("g[i]*exp(x[i,j])", SCOPE), parse("g[i]*E[i,j]", SCOPE)
    marks = marks_for(line, before, [line, *line.factors], None, ())
    assert marked(formula(line, marks=marks), "fresh") == ["E_ij"]


def test_the_first_line_has_nothing_fresh():
    line = parse("g[i]*E[i,j]", SCOPE)
    assert marked(formula(line, marks=marks_for(line, None, [line], None, ())), "fresh") == []
