"""Verdicts on small documents: a table of notes with what is said of each claim, line by line."""

import json

import pytest

from derive.checker import check, command
from derive.checker.codes import CODES, KIND_CODES, explain
from derive.checker.documents import check_text
from derive.checker.repairs import TABLE
from derive.claim import exit_code
from derive.errors import Unreadable

SOFTMAX = r"$$s_i = \frac{e^{x_i}}{\sum_j e^{x_j}}$$" "\n\n"
LINE = r"$$J = \sum_{i=1}^{N} (y_i - a - b x_i)^2$$" "\n\n"
LEAST = r"$$J = \|Xw - y\|^2$$ $$\nabla_w J = 2 X^\top (Xw - y)$$" "\n\n"
ENTROPY = r"$$p_i = \frac{e^{z_i}}{\sum_j e^{z_j}}$$ $$L = -\sum_i y_i \log p_i$$" "\n\n"
# notes, the verdicts in order (definitions left out), the kinds of the wrong ones
ROWS = [
    (SOFTMAX + r"$$\frac{\partial s_i}{\partial x_k} = s_i(\delta_{ik} - s_k)$$", "right", ""),
    (SOFTMAX + r"$$\frac{\partial s_i}{\partial x_k} = s_i(1 - s_k)$$", "wrong", "delta"),
    (SOFTMAX + r"$$\frac{\partial s_i}{\partial x_k} = s_k(\delta_{ik} + s_i)$$", "wrong", "sign"),
    (SOFTMAX + r"$$\log s_i = x_i - \log \sum e^{x_j}$$", "right", ""),
    (SOFTMAX + r"$$\sum_i s_i = 1$$", "right", ""),
    (SOFTMAX + r"$$\sum_i s_i = 2$$", "wrong", "factor"),
    (SOFTMAX + r"If $i \neq k$, $$\frac{\partial s_i}{\partial x_k} = -s_i s_k$$", "right", ""),
    (SOFTMAX + r"If $i = k$, $$\frac{\partial s_i}{\partial x_k} = -s_i s_k$$", "wrong", ""),
    (
        SOFTMAX
        + r"$$\frac{\partial s_i}{\partial x_k} = \begin{cases} -s_i s_k & i = k \\ s_i(1 - s_i) & i \neq k \end{cases}$$",  # noqa: E501
        "wrong",
        "swapped-cases",
    ),
    (LINE + r"$$\frac{\partial J}{\partial a} = -2\sum_i (y_i - a - b x_i)$$", "right", ""),
    (LINE + r"$$\frac{\partial J}{\partial a} = -\sum_i (y_i - a - b x_i)$$", "wrong", "factor"),
    (LINE + r"$$\frac{\partial J}{\partial b} = -2 x_i\sum_i (y_i - a - b x_i)$$", "wrong", "factor-out-of-sum"),
    (LINE + r"$$\frac{\partial J}{\partial a} = -2(y_i - a - b x_i)$$", "wrong", "missing-sum"),
    (
        r"$$u = v^3$$" "\n\n" r"$$\frac{du}{dv} = 3v^2$$" "\n\n" r"$$\frac{du}{dv} = 3v^3$$",
        "right wrong",
        "elementary-derivative",
    ),
    (r"$$A = B = C$$", "unknown", ""),
    (r"$$F = \sum_{i=1}^n x_i$$" "\n\n" r"$$F = \frac{a}{$$", "unreadable", ""),
    (r"$$w := w - \eta g$$", "unknown", ""),
    (r"$$L = \sum_{i=1}^n t_i x_i$$" "\n\n" r"$$\frac{\partial L}{\partial q} = 0$$", "unknown", ""),
    (
        r"$$Y_{ij} = \sum_k X_{ik} W_{kj}$$"
        "\n\n"
        r"$$\frac{\partial L}{\partial W} = X^\top \frac{\partial L}{\partial Y}$$",
        "right",
        "",
    ),
    (
        r"$$Y_{ij} = \sum_k X_{ik} W_{kj}$$"
        "\n\n"
        r"$$\frac{\partial L}{\partial W} = X \frac{\partial L}{\partial Y}$$",
        "",
        "",
    ),
    (r"$$\frac{\partial L}{\partial w} = \frac{\partial L}{\partial z}\frac{\partial z}{\partial w}$$", "right-if", ""),
    (LEAST + r"Setting the gradient to zero gives $X^\top X w = X^\top y$.", "right right", ""),
    (LEAST + r"Set it to zero: $$X^\top X w = 2 X^\top y$$", "right unknown", ""),
    (r"$$F = \sqrt{x^2}$$" "\n\n" r"$$F = x$$", "wrong", ""),
    (r"$$F = \log(xy)$$" "\n\n" r"$$F = \log x + \log y$$", "right-if", ""),
]


@pytest.mark.parametrize("notes, words, kinds", ROWS, ids=[r[0][-50:] for r in ROWS])
def test_verdicts(notes, words, kinds):
    found = [v for v in check_text(notes, "n.md").verdicts if v.verdict != "no-claim"]
    if words:
        assert [v.verdict for v in found] == words.split(), [(v.text, v.reason) for v in found]
    else:
        assert not any(v.verdict == "right" for v in found)
    if kinds:
        assert [v.kind for v in found if v.verdict == "wrong"] == kinds.split()


RNN = r"$$a_t = W h_{t-1} + U x_t + b$$ $$h_t = \tanh(a_t)$$ $$o_t = V h_t + c$$" "\n\n"
DH = r"\frac{\partial L}{\partial h_t} = V^\top \frac{\partial L}{\partial o_t}"
DA = r"\frac{\partial L}{\partial a_t}"
# gradients through time, each a step of the chain rule from those that it speaks of
THROUGH_TIME = [
    (DH + r" + W^\top \frac{\partial L}{\partial a_{t+1}}", "right", None),
    (DH, "wrong", "forgotten-path"),
    (DH + r" + W^\top \frac{\partial L}{\partial a_t}", "wrong", "wrong"),
    (DA + r" = (1 - h_t^2) \odot \frac{\partial L}{\partial h_t}", "right", None),
    (DA + r" = (1 - h_t) \odot \frac{\partial L}{\partial h_t}", "wrong", "wrong"),
    (r"\frac{\partial L}{\partial W} = \sum_t " + DA + r" h_{t-1}^\top", "right", None),
    (r"\frac{\partial L}{\partial W} = \sum_t " + DA + r" h_t^\top", "wrong", "wrong"),
    (r"\frac{\partial L}{\partial b} = \sum_t " + DA, "right", None),
    (r"\frac{\partial L}{\partial U} = \sum_t x_t " + DA + r"^\top", "unknown", None),
]


DHT = r"\frac{\partial L}{\partial h_t}"
# the same in one line: h_t = tanh(W x_t + U h_{t-1}), y_t = V h_t
IN_ONE_LINE = [
    (r"\frac{\partial L}{\partial U} = \sum_t (1 - h_t^2) \odot " + DHT + r" h_{t-1}^\top", "right"),
    (r"\frac{\partial L}{\partial W} = \sum_t \left((1 - h_t^2) \odot " + DHT + r"\right) x_t^\top", "right"),
    (r"\frac{\partial L}{\partial W} = \sum_t " + DHT + r" x_t^\top", "wrong"),
    (
        r"\frac{\partial L}{\partial U} = \sum_t (1 - \tanh^2(W x_t + U h_{t-1})) \odot " + DHT + r" h_{t-1}^\top",
        "right",
    ),
    (DHT + r" = V^\top \frac{\partial L}{\partial y_t}", "wrong"),
    (
        DHT
        + r" = V^\top \frac{\partial L}{\partial y_t} + U^\top \left((1 - h_{t+1}^2) \odot \frac{\partial L}{\partial h_{t+1}}\right)",
        "right",
    ),
    (
        DHT
        + r" = V^\top \frac{\partial L}{\partial y_t} + U^\top \left((1 - h_t^2) \odot \frac{\partial L}{\partial h_{t+1}}\right)",
        "wrong",
    ),
]


@pytest.mark.parametrize("claim, word", IN_ONE_LINE, ids=[r[0] for r in IN_ONE_LINE])
def test_through_time_in_one_line(claim, word):
    notes = r"$$h_t = \tanh(W x_t + U h_{t-1})$$ $$y_t = V h_t$$" "\n\n"
    found = check_text(notes + f"$${claim}$$ $$W^\\top U^\\top V^\\top$$", "n.md").verdicts
    assert found[2].verdict == word, [(v.text, v.reason) for v in found]


@pytest.mark.parametrize("claim, word, kind", THROUGH_TIME, ids=[r[0] for r in THROUGH_TIME])
def test_through_time(claim, word, kind):
    found = check_text(RNN + f"$${claim}$$", "n.md").verdicts
    assert [v.verdict for v in found] == ["no-claim", "no-claim", "no-claim", word], [v.reason for v in found]
    assert found[-1].kind == kind


# what a wrong line should have been, in the author's letters
CORRECTIONS = [
    (SOFTMAX + r"$$\frac{\partial s_i}{\partial x_k} = s_i(1 - s_k)$$", r"s_i(\delta_{ik} - s_k)"),
    (
        r"$$P_{ij} = \frac{e^{S_{ij}}}{\sum_k e^{S_{ik}}}$$ $$\frac{\partial L}{\partial S_{ij}} = P_{ij} \frac{\partial L}{\partial P_{ij}}$$",
        r"P_{ij} \frac{\partial L}{\partial P_{ij}}-P_{ij} \sum_{k} P_{ik} \frac{\partial L}{\partial P_{ik}}",
    ),
    (ENTROPY + r"$\sum_i y_i = 1$. $$\frac{\partial L}{\partial z_i} = p_i y_i$$", "p_i - y_i"),
]


@pytest.mark.parametrize("notes, correction", CORRECTIONS, ids=[c[1] for c in CORRECTIONS])
def test_corrections(notes, correction):
    assert [v.correction for v in check_text(notes, "n.md").verdicts if v.verdict == "wrong"] == [correction]


def test_a_wrong_gradient_is_a_premise_of_the_next():
    notes = r"$$z_i = \sum_k W_{ik} x_k$$" "\n\n" + ENTROPY + r"$y$ is one-hot." "\n\n"
    claims = [r"\frac{\partial L}{\partial z_i} = y_i - p_i", r"\frac{\partial L}{\partial W_{ik}} = (y_i - p_i) x_k"]
    claims += [
        r"\frac{\partial L}{\partial W_{ik}} = (p_i - y_i) x_k",
        r"\frac{\partial L}{\partial W_{ik}} = (y_i + p_i) x_k",
    ]
    found = check_text(notes + "\n\n".join(f"$${c}$$" for c in claims), "n.md").verdicts
    assert [v.verdict for v in found if v.verdict != "no-claim"] == ["wrong", "carried", "right", "wrong"]


def test_an_undeclared_side_condition_is_named():
    found = check_text(ENTROPY + r"$$\frac{\partial L}{\partial z_i} = p_i - y_i$$", "n.md").verdicts[-1]
    assert (found.verdict, found.code) == ("right-if", "W102") and r"\sum_i y_{i} = 1" in found.reason


def test_spans_are_line_and_column():
    v = check_text("a\n\n" + SOFTMAX + r"so $\sum_i s_i = 2$", "n.md").verdicts[-1]
    assert (v.place.line, v.place.column, v.place.end_column) == (5, 18, 19)
    assert v.correction == "{1}" and v.counterexample


def test_follows_and_holds():
    notes = (
        LINE
        + "$$J = \\sum_i (y_i - a + b x_i)^2$$\n\n$$\\frac{\\partial J}{\\partial b} = 2\\sum_i x_i(y_i - a + b x_i)$$"
    )
    wrong, carried = [v for v in check_text(notes, "n.md").verdicts if v.verdict != "no-claim"]
    assert (wrong.verdict, wrong.kind) == ("wrong", "sign")
    assert (carried.verdict, carried.follows, carried.holds) == ("carried", True, False)


def test_where_gradients_vanish():
    """A gradient formula is judged everywhere, an equation for the parameters where the gradients vanish."""
    notes = LINE + "Setting both gradients to zero.\n\n"
    claims = [
        (r"\frac{\partial J}{\partial a} = -3\sum_i (y_i - a - b x_i)", "wrong"),
        (r"\frac{\partial J}{\partial b} = -2\sum_i x_i(y_i - a - b x_i)", "right"),
        (r"a = \bar y - b \bar x", "right"),
        (r"a = \bar y + b \bar x", "wrong"),
        (r"J = \sum_i (y_i - a - b x_i)(y_i - a)", "wrong"),
    ]
    found = check_text(notes + "\n\n".join(f"$${c}$$" for c, _ in claims), "n.md").verdicts[1:]
    assert [v.verdict for v in found] == [word for _, word in claims]


def test_declarations():
    notes = '<!-- check:\ndef s[i] = exp(x[i])/(sum_j exp(x[j]))\nignore line "42"\n-->\n\n'
    notes += r"$$\frac{\partial s_i}{\partial x_k} = s_i(\delta_{ik} - s_k)$$" "\n\n$$s_i = 42$$"
    assert [v.verdict for v in check_text(notes, "n.md").verdicts] == ["right", "no-claim"]


def test_output_and_exit_codes(tmp_path, capsys):
    good, bad = tmp_path / "good.md", tmp_path / "bad.md"
    good.write_text(SOFTMAX + r"$$\sum_i s_i = 1$$", encoding="utf-8")
    bad.write_text(SOFTMAX + r"$$\sum_i s_i = 2$$", encoding="utf-8")
    assert command([str(good)]) == 0
    assert capsys.readouterr().out.startswith("nothing wrong\n")
    assert command([str(bad)], format="concise") == 1
    assert capsys.readouterr().out.startswith(f"first wrong: {bad}:3\n")
    assert command([str(good), str(bad)], format="json") == 1
    assert {"path", "claims", "first_wrong", "summary"} == set(json.loads(capsys.readouterr().out)["files"][0])
    assert command([str(tmp_path / "none.md")]) == 2


def test_python_interface():
    rows = check(SOFTMAX + r"$$\sum_i s_i = 2$$")
    assert rows[-1]["verdict"] == "wrong" and set(rows[-1]) >= {"cell", "line", "column", "kind", "correction", "code"}


BAD = [
    "",
    "# nothing here",
    "$$",
    "$$ \\frac{ $$",
    "\\begin{align} a &= \\end{align}",
    "$$" + "(" * 500 + "$$",
    "$$" + "x + " * 3000 + "x = 1$$",
    "$$a = b$$ $$b = a + 1$$",
    "\\newcommand{\\a}{\\a\\a}\n$$\\a = 1$$",
    "$$x_i = y_j$$ $$\\sum_{i \\in} x$$",
    "$$ξ e^{lγ} = ∑$$",
    "$$\\int f = 1$$",
    "$$0/0 = 1$$",
]


@pytest.mark.parametrize("notes", BAD, ids=[b[:25] for b in BAD])
def test_bad_input_is_never_right_and_never_a_crash(notes):
    result = check_text(notes, "b.md")
    assert not any(v.verdict == "right" for v in result.verdicts)
    assert exit_code([result]) == 3 or any(v.verdict == "wrong" for v in result.verdicts)


def test_binary_is_refused():
    with pytest.raises(Unreadable):
        check_text("a\x00b", "b.md")


def test_kinds_are_a_closed_table():
    assert all(len(row) == 3 and row[0] and row[1] for row in CODES.values())
    assert len(KIND_CODES) == len(CODES)
    assert explain("e302").startswith("E302 factor-out-of-sum")
    assert explain("E999") is None
    assert all(row.__doc__ for row in TABLE)


def test_output_of_every_format(tmp_path, capsys):
    folder = tmp_path / "notes"
    (folder / "sub").mkdir(parents=True)
    wrong = SOFTMAX + "50% sure: $$\\sum_i s_i = 2$$\n"
    (folder / "sub" / "a.md").write_text(wrong, encoding="utf-8")
    (folder / "b.ipynb").write_text(
        json.dumps(
            {
                "cells": [{"cell_type": "markdown", "metadata": {}, "source": wrong}],
                "metadata": {},
                "nbformat": 4,
                "nbformat_minor": 4,
            }
        ),
        encoding="utf-8",
    )
    (folder / "train.py").write_text("print('no gradients')\n", encoding="utf-8")
    assert command([str(folder)], format="github") == 1
    rows = capsys.readouterr().out.splitlines()
    assert rows[0] == f"first wrong: {folder}/b.ipynb:cell 1:3"
    assert rows[1].startswith(f"::error file={folder}/b.ipynb,title=E303 factor::cell 1, line 3: wrong")
    assert rows[2].startswith(f"::error file={folder}/sub/a.md,title=E303 factor,line=3,col=")
    assert command([str(folder)], format="sarif") == 1
    run = json.loads(capsys.readouterr().out)["runs"][0]
    assert [r["id"] for r in run["tool"]["driver"]["rules"]] == ["E303"]
    places = [r["locations"][0]["physicalLocation"] for r in run["results"]]
    assert ["region" in p for p in places] == [False, True] and places[1]["region"]["startLine"] == 3
    assert command([str(folder)]) == 1
    shown = capsys.readouterr().out
    assert shown.startswith("first wrong: ") and shown.count("^") and shown.count("50% sure") == 2
    assert command([str(tmp_path / "nothing")]) == 2 and command([str(folder / "train.py")]) in (2, 3)


def test_counter_examples_name_only_what_the_claim_rests_on():
    notes = (
        r"$$z_i = \sum_k W_{ik} x_k$$"
        "\n\n" + ENTROPY + r"$y$ is one-hot. $$\frac{\partial L}{\partial z_i} = y_i - p_i$$"
    )
    wrong = check_text(notes, "n.md").verdicts[-1]
    assert "z=[" in wrong.counterexample and "W=" not in wrong.counterexample
    assert "written" in wrong.counterexample and ", right " in wrong.counterexample
    assert (
        check_text(SOFTMAX + r"$$\sum_i s_i = \frac{2}{9}$$", "n.md")
        .verdicts[-1]
        .counterexample.endswith("written 2/9, right 1")
    )


def test_every_code_has_an_example():
    assert all(example for _, _, example in CODES.values())
