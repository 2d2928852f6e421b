"""The story: numbers, words, graph and cards of reports made from programs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from derive.closing import close
from derive.engine import differentiate
from derive.errors import Span
from derive.judging import judge
from derive.program import Program, parse_program
from derive.writers.latex import report_files
from derive.writers.narrate import report, step_numbers, titles
from derive.writers.text_formula import text
from derive.writers.typst import report_typst
from derive.writers.words import words_of

SOFTMAX = parse_program("""input Z[N, C]
input y[N] int < C
E[i:N, j:C] = exp(Z[i,j])
s[i:N, o:1] = sum[j:C] E[i,j]
r[i:N, o:1] = 1/s[i,0]
P[i:N, j:C] = E[i,j]*r[i,0]
Q[i:N, j:C] = log(P[i,j])
L[] = -1/N*sum[i:N] Q[i, y[i]]
output L
""")
NETWORK = parse_program("""input table[V, E]
input W[T*E, H]
input b[H]
input gain[1, H]
input shift[1, H]
input U[H, V]
input d[V]
input X[n, T] int < V
input y[n] int < V
emb[i:n, t:T, e:E] = table[X[i,t], e]
flat[i:n, c:T*E] = emb[i, c//E, c%E]
pre[i:n, h:H] = (sum[c:T*E] flat[i,c]*W[c,h]) + b[h]
mean[o:1, h:H] = 1/n*sum[i:n] pre[i,h]
diff[i:n, h:H] = pre[i,h] - mean[0,h]
square[i:n, h:H] = diff[i,h]^2
var[o:1, h:H] = 1/size(n - 1)*sum[i:n] square[i,h]
inverse_root[o:1, h:H] = (var[0,h] + 1e-5)^(-1/2)
raw[i:n, h:H] = diff[i,h]*inverse_root[0,h]
out[i:n, h:H] = gain[0,h]*raw[i,h] + shift[0,h]
act[i:n, k:H] = tanh(out[i,k])
logits[i:n, j:V] = (sum[k:H] act[i,k]*U[k,j]) + d[j]
top[i:n, o:1] = max[j:V] logits[i,j]
norm[i:n, j:V] = logits[i,j] - top[i,0]
counts[i:n, j:V] = exp(norm[i,j])
total[i:n, o:1] = sum[j:V] counts[i,j]
inverse[i:n, o:1] = 1/total[i,0]
probs[i:n, j:V] = counts[i,j]*inverse[i,0]
logprobs[i:n, j:V] = log(probs[i,j])
loss[] = -1/n*sum[i:n] logprobs[i, y[i]]
output loss
""")
TWO_OUTPUTS = parse_program("""input x[N, D]
input W[D, H]
y[i:N, h:H] = sum[d:D] x[i,d]*W[d,h]
z[i:N] = sum[h:H] y[i,h]^2
output y
output z
""")


def made(program: Program, **options):
    return report(close(differentiate(program)), source_name="softmax_xent.py", **options)


def printed(card) -> list[str]:
    return [f"{line.number} {text(line.rhs)} | {line.rule}" for line in card.lines]


# ---------------------------------------------------------------- head

JUDGED = judge(close(differentiate(SOFTMAX)))


def test_the_head_says_what_is_proved_and_what_the_chain_becomes():
    found = report(JUDGED, source_name="softmax_xent.py")
    assert [b.text for b in found.badges][0] == "6 of 6 proved"
    assert [b.text for b in found.badges][-1] == "0 open"
    assert text(found.headline) == "∂L/∂Z_ij = (1/N) (P_ij − δ_{y_i j})"
    assert "five intermediate arrays; E is used twice, so its gradient is a sum over two paths." in found.lead


def test_unjudged_steps_are_open():
    assert [(b.text, b.kind) for b in made(SOFTMAX).badges][-1] == ("6 open", "open")


def test_several_parameters_get_a_table_instead_of_a_headline():
    found = made(NETWORK)
    assert found.headline is None and len(found.answers) == 7
    assert text(found.answers[2].gradient) == "∂loss/∂b_h"


TITLES = (
    ('"""Softmax cross-entropy."""\n', "Softmax cross-entropy", "How L changes with Z"),
    ("# Softmax by hand\n", "Softmax by hand", "How L changes with Z"),
    ("# shapes: Z (N, C)\n", "Softmax xent", "How L changes with Z"),
    ('def forward(Z, y):\n    """Mean loss.\n\n    More."""\n', "Mean loss", "How L changes with Z"),
    ("def forward(Z y", "Softmax xent", "How L changes with Z"),
    ('"""InfoNCE: every anchor against its own positive and all of the others"""', "InfoNCE",
     "Every anchor against its own positive and all of the others"),
    ('"""The divergence of two softmaxes that have the same shape, by their logits"""',
     "The divergence of two softmaxes that have the same shape", "By their logits"),
    ('"""Logits, probabilities and the loss of a network with three layers and many parameters"""', "Softmax xent",
     "Logits, probabilities and the loss of a network with three layers and many parameters"),
)  # fmt: skip


@pytest.mark.parametrize(("source", "title", "subtitle"), TITLES, ids=[row[1] for row in TITLES])
def test_titles_come_from_the_docstring_or_the_file(source: str, title: str, subtitle: str):
    program = replace(SOFTMAX, source=source, path="some/softmax_xent.py")
    assert titles(program, JUDGED) == (title, subtitle)


# ---------------------------------------------------------------- forward pass

WORDS = {
    "emb": "look-up of rows", "flat": "the same numbers, reshaped", "pre": "affine map", "mean": "column mean",
    "diff": "centred", "square": "squares", "var": "variance", "inverse_root": "one over the root",
    "raw": "normalised", "out": "scaled and shifted", "act": "tanh activation", "logits": "affine map",
    "top": "row maximum", "norm": "shifted by the maximum", "counts": "exponentials", "total": "row sum",
    "inverse": "its reciprocal", "probs": "normalised", "logprobs": "logarithms", "loss": "loss",
}  # fmt: skip


@pytest.mark.parametrize("name", WORDS)
def test_words_come_from_the_form_of_the_equation(name: str):
    assert words_of(NETWORK.equation(name), NETWORK) == WORDS[name]


def test_the_authors_words_win():
    equations = tuple(replace(e, words="probabilities") if e.name == "P" else e for e in SOFTMAX.equations)
    assert made(replace(SOFTMAX, equations=equations)).forward[3].words == "probabilities"


def test_the_forward_table_shows_the_authors_line_and_number():
    line = "    s = E.sum(axis=1, keepdims=True)   # (N, 1)"
    equations = tuple(replace(e, span=Span(7, 5, text=line)) if e.name == "s" else e for e in SOFTMAX.equations)
    row = made(replace(SOFTMAX, equations=equations)).forward[1]
    assert (row.number, row.source, text(row.meaning)) == (
        7, "s = E.sum(axis=1, keepdims=True)", "s_i = Σ_{j=1}^C E_ij")  # fmt: skip


def test_inputs_say_what_they_are():
    words = {row.source: row.words for row in made(NETWORK).inputs}
    assert words == {"table": "table of rows", "W": "weights", "b": "bias", "gain": "scale", "shift": "shift",
                     "U": "weights", "d": "bias", "X": "whole numbers", "y": "labels"}  # fmt: skip


def test_long_names_are_abbreviated_where_no_other_array_has_the_letters():
    assert [(name, text(short)) for name, short in made(NETWORK).abbreviations] == [("inverse_root", "ir")]


# ---------------------------------------------------------------- graph


def test_small_graphs_show_every_array_and_the_second_use():
    edges = made(SOFTMAX).graph.edges
    assert [(e.source, e.target, e.label, e.order) for e in edges if e.second] == [("E", "P", "second use of E", None)]
    assert [e.order for e in edges if not e.second] == [6, 5, 4, 3, 2, 1]


def test_large_graphs_collapse_to_layers():
    nodes = [text(n.label) for n in made(NETWORK).graph.nodes if n.kind != "input"]
    assert nodes == ["embedding", "affine", "batch norm", "tanh", "affine", "softmax + loss"]


# ---------------------------------------------------------------- cards


def test_a_card_tells_the_chain_and_goes_on_to_the_closed_form():
    card = made(SOFTMAX).cards[3]
    assert (card.number, card.key, card.meaning) == ("4", "s", "reciprocal")
    assert printed(card)[:3] == [
        "4.1 Σ_m (∂L/∂r_m) (∂/∂s_i) (1/s_m) | chain rule",
        "4.2 Σ_m (−(∂L/∂r_m) (1/s_m²) δ_mi) | power rule",
        "4.3 −(∂L/∂r_i) (1/s_i²) | a delta collapses its sum",
    ]
    assert text(card.result) == "∂L/∂s_i = (1/N) r_i"


def test_a_step_has_the_same_number_at_every_detail():
    every = {line.number: text(line.rhs) for card in made(SOFTMAX, detail="every").cards for line in card.lines}
    for card in made(SOFTMAX).cards:
        for line in card.lines[1:]:
            assert text(line.rhs) == every[line.number]


def test_detail_result_has_no_lines():
    assert all(not card.lines for card in made(SOFTMAX, detail="result").cards)


def test_step_numbers_name_the_lines_that_code_comments_cite():
    gradients = close(differentiate(SOFTMAX))
    numbers = step_numbers(gradients)
    assert numbers["Q"] == "1.4" and numbers["s"] == "4.3"
    last = {card.key: card.lines[-1].number for card in report(gradients).cards}
    assert all(last[name] == numbers.get(f"{name}_closed", numbers[name]) for name in last)


def test_the_numpy_line_of_a_closed_form_wins():
    lines = {"Z": "dZ = dE * E", "Z_closed": "dZ = (P - Y) / N", "Q": "dQ = -Y / N"}
    cards = {card.key: card.numpy for card in made(SOFTMAX, numpy_lines=lines).cards}
    assert (cards["Z"], cards["Q"], cards["s"]) == ("dZ = (P - Y) / N", "dQ = -Y / N", "")


MEANINGS = {
    "table": "scatter: rows that were looked up add up", "b": "bias: sum over the batch",
    "W": "weights: input transposed times gradient", "flat": "input: gradient times weights transposed",
    "pre": "two uses, two paths", "act": "input: gradient times weights transposed", "out": "elementwise tanh",
    "inverse": "one number serves a whole row", "mean": "one row serves the whole batch",
    "logprobs": "the loss picks one entry per row", "total": "reciprocal", "emb": "the reshape undone",
    "gain": "scale: sum over the batch", "square": "every term gets an equal share",
}  # fmt: skip


def test_the_meaning_of_a_gradient_comes_from_its_use():
    meanings = {card.key: card.meaning for card in made(NETWORK).cards}
    assert {name: meanings[name] for name in MEANINGS} == MEANINGS


def test_neighbouring_small_steps_join_their_names():
    names = [line.rule for card in made(SOFTMAX).cards for line in card.lines]
    assert "linearity, derivative of an entry, a delta collapses its sum" in names


def test_an_upstream_gradient_is_introduced():
    found = made(TWO_OUTPUTS)
    assert "L is whatever scalar the output goes into" in found.conventions
    assert printed(found.cards[0])[-1].startswith("1.4 (∂L/∂y_ih)|_{given} + 2 (∂L/∂z_i) y_ih")


def test_index_ranges_are_declared():
    assert "j, k over 1…C; i, m over 1…N" in made(SOFTMAX).conventions
    assert "t over 0…T − 1" in made(NETWORK).conventions


def test_every_rule_is_listed_once_with_its_law():
    rules = {rule.name: rule for rule in made(SOFTMAX).rules}
    assert text(rules["a delta collapses its sum"].law) == "Σ_m δ_mi f_m = f_i"
    assert rules["power rule"].steps == ("4.2",)
    assert all(rule.law for rule in rules.values())


@pytest.mark.parametrize("program", [SOFTMAX, NETWORK, TWO_OUTPUTS], ids=["softmax", "network", "two outputs"])
@pytest.mark.parametrize("detail", ["result", "key", "every"])
def test_every_writer_prints_the_report(program: Program, detail: str):
    found = made(program, detail=detail)
    assert "report.tex" in report_files(found)
    assert report_typst(found)
