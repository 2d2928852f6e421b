"""`derive check` on backward code: right files stay right, every known mistake is found at its line with its kind."""

from __future__ import annotations

import sys
from pathlib import Path

import backward_wild as wild
import pytest
from backward_cases import CASES

from derive.checker import command
from derive.checker.code import check_code
from derive.checker.documents import check_text
from derive.claim import Checked, Verdict
from derive.readers.python import read_python

SAMPLES = Path(__file__).parents[2] / "shared" / "samples" / "passes"
BAD = ("wrong", "carried")


def first_wrong(checked: Checked) -> Verdict | None:
    return next((v for v in checked.verdicts if v.verdict == "wrong"), None)


def words(checked: Checked) -> list[tuple[int, str, str | None]]:
    """Line, verdict and kind of every claim, parts left out."""
    return [(v.place.line, v.verdict, v.kind) for v in checked.verdicts if v.kind != "partial"]


def gradients_of(checked: Checked) -> dict[str, str]:
    """The last verdict on each name that a claim's first line sets."""
    return {
        v.text.split("=")[0].split("[")[0].strip(" +-*/"): v.verdict for v in checked.verdicts if v.kind != "partial"
    }


# ---------------------------------------------------------------- the fourteen samples

KINDS = {
    "bessel": "bias", "branch_not_added": "forgotten-path", "embedding_overwritten": "repeated-index",
    "mean_factor_lost": "mean-factor", "mean_path_lost": "forgotten-path", "tanh_of_input": "wrong-value",
    "bias_mean": "mean-factor", "reciprocal_sign": "sign", "row_sum_misread": "factor-out-of-sum",
    "diagonal_only": "softmax-diagonal", "quotient_rule": "power", "no_batch": "mean-factor", "sign": "sign",
    "sum_over_samples": "axis", "log_derivative": "sign", "only_the_label": "forgotten-path", "bias_total": "extra-sum",
    "minus_one_after_mean": "mean-factor", "softmax_axis": "axis", "elementwise_softmax": "softmax-diagonal",
    "target_not_divided": "missing-factor", "transposed_weights": "reshaped", "bracket_sign": "sign",
    "residual_sign": "sign", "two_lost": "factor", "istd_power": "power", "no_bessel_factor": "bias",
    "variance_constant": "forgotten-path", "double_tanh": "wrong-value", "fancy_index_plus_equals": "repeated-index",
    "gamma_not_passed": "missing-factor", "mean_subtracted_twice": "factor", "sqrt_derivative": "missing-factor",
    "variance_row_not_averaged": "mean-factor", "candidate_as_sigmoid": "activation",
    "cell_upstream_ignored": "forgotten-path", "gate_order": "order", "new_cell_for_forget": "wrong-value",
    "axes_order": "reshaped", "overlap_overwritten": "assigned", "transpose_missing": "reshaped",
    "diagonal_softmax": "softmax-diagonal", "keys_untransposed": "transposed", "scale_forgotten": "missing-factor",
}  # fmt: skip


def samples(which: str) -> list:
    """(case, file) of the samples; one skipped row where the folder is missing."""
    if not SAMPLES.is_dir():
        return [pytest.param(None, "", marks=pytest.mark.skip(reason=f"{SAMPLES} is not there"))]
    sys.path.insert(0, str(SAMPLES))
    import suite

    return [pytest.param(c, name, id=f"{c.id[:3]}-{name[9:-3]}") for c in suite.cases() for name in getattr(c, which)]


def checked_sample(case, name: str) -> Checked:
    given, _ = case.sample(0)
    return check_code(case.source(name), name, forward=case.forward_source, sample=given)


@pytest.mark.parametrize("case, name", samples("right"))
def test_right_samples(case, name):
    checked = checked_sample(case, name)
    assert all(v.verdict in ("right", "no-claim") for v in checked.verdicts), words(checked)
    found = gradients_of(checked)
    returned = case.meta.get("returns", ())
    assert {n: found.get(f"d{n}") for n in case.diff if f"d{n}" in found or n in returned} == {
        n: "right" for n in case.diff if f"d{n}" in found or n in returned
    }


@pytest.mark.parametrize("case, name", samples("wrong"))
def test_wrong_samples(case, name):
    found, meta = first_wrong(checked_sample(case, name)), case.wrong_meta(name)
    assert found is not None
    assert any(found.place.line <= k <= found.place.end_line for k in meta["lines"]), (meta["lines"], found)
    assert found.kind == KINDS[name.removeprefix("backward_wrong_").removesuffix(".py")]
    assert found.counterexample and found.reason


# ---------------------------------------------------------------- our own right passes


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_right_passes(case):
    checked = check_code(case.backward, "backward.py", forward=case.forward, shapes=case.shapes, facts=case.facts)
    assert {v.verdict for v in checked.verdicts} <= {"right", "no-claim"}, words(checked)
    assert any(v.certainty == "proved" for v in checked.verdicts)


# ---------------------------------------------------------------- rows: one mistake, its kind, its correction

SOFTMAX = """
# shapes: x (n, d) · w (d, c) · b (c,) · y int (n,)
def forward(x, w, b, y):
    n = x.shape[0]
    scores = x @ w + b
    e = np.exp(scores)
    probs = e / e.sum(axis=1, keepdims=True)
    loss = -np.log(probs[np.arange(n), y]).mean()
    return loss
"""
TANH = """
# shapes: x (n, d) · w (d, h) · b (h,)
def forward(x, w, b):
    a = x @ w + b
    h = np.tanh(a)
    return h
"""
RELU = TANH.replace("tanh(a)", "maximum(a, 0)")
NORM = """
# shapes: x (n, d) · g (d,)
def forward(x, g):
    n = x.shape[0]
    mu = x.sum(0) / n
    c = x - mu
    q = c ** 2
    var = q.sum(0) / (n - 1)
    r = var ** -0.5
    xhat = c * r
    out = g * xhat
    return out
"""
SCORES = "dscores = probs.copy()\ndscores[np.arange(n), y] -= 1\ndscores /= n\n"
NORM_BACK = """dxhat = dout * g
dr = (dxhat * c).sum(0)
dvar = -0.5 * r ** 3 * dr
dq = np.ones_like(q) * dvar / (n - 1)
dc = dxhat * r
dc += 2 * c * dq
dmu = -dc.sum(0)
dx = dc + dmu / n
"""


def changed(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


ROWS = (
    (TANH, "da = dh * (h ** 2 - 1)", 1, "sign", "da = -(dh * (h ** 2 - 1))"),
    (TANH, "da = dh * h * (1 - h)", 1, "activation", "da = dh * (1 - h ** 2)"),
    (TANH, "da = dh * (1 - h)", 1, "power", "da = dh * (1 - h ** 2)"),
    (TANH, "da = 1 - h ** 2", 1, "upstream", "da = dh * (1 - h ** 2)"),
    (TANH, "da = dh * (1 - np.tanh(h) ** 2)", 1, "wrong-value", "da = dh * (1 - h ** 2)"),
    (TANH, "da = dh * (1 - a ** 2)", 1, "wrong-value", "da = dh * (1 - h ** 2)"),
    (TANH, "da = dh", 1, "activation", "da = dh * (1 - h ** 2)"),
    (TANH, "da = dh * (1 - h ** 2)\ndw = x @ da", 2, "transposed", "dw = x.T @ da"),
    (TANH, "da = dh * (1 - h ** 2)\ndw = da.T @ x", 2, "transposed", "dw = (da.T @ x).T"),
    (TANH, "da = dh * (1 - h ** 2)\ndx = w @ da", 2, "order", None),
    (TANH, "da = dh * (1 - h ** 2)\ndb = da.mean(0)", 2, "mean-factor", None),
    (TANH, "da = dh * (1 - h ** 2)\ndb = da.sum(1)", 2, "axis", "db = da.sum(0)"),
    (TANH, "da = dh * (1 - h ** 2)\ndb = da", 2, "missing-sum", "db = da.sum(0)"),
    (TANH, "da = dh * (1 - h ** 2)\ndb = da.sum() * np.ones_like(b)", 2, "extra-sum", None),
    (TANH, "da = dh * (1 - h ** 2) / 2", 1, "factor", None),
    (SOFTMAX, "dscores = probs.copy()\ndscores[np.arange(n), y] -= 1", 1, "mean-factor", "dscores /= n"),
    (SOFTMAX, changed(SCORES, "-= 1", "+= 1"), 1, "sign", "dscores[np.arange(n), y] -= 1"),
    (SOFTMAX, SCORES + "dx = dscores @ w", 4, "transposed", "dx = dscores @ w.T"),
    (SOFTMAX, SCORES + "dw = x.T @ probs", 4, "wrong-value", "dw = x.T @ dscores"),
    (RELU, "da = dh.copy()\nda[a > 0] = 0", 2, "mask", "da[a <= 0] = 0"),
    (RELU, "da = dh * (dh > 0)", 1, "wrong-value", "da = dh * (h > 0)"),
    (NORM, changed(NORM_BACK, "/ (n - 1)", "/ n"), 4, "bias", "dq = np.ones_like(q) * dvar / (n - 1)"),
    (NORM, changed(NORM_BACK, "dc += 2", "dc = 2"), 6, "assigned", None),
    (NORM, changed(NORM_BACK, "dc += 2 * c * dq\n", ""), 5, "forgotten-path", None),
    (NORM, changed(NORM_BACK, " + dmu / n", ""), 8, "forgotten-path", "dx = dc + dmu / n"),
    (NORM, changed(NORM_BACK, "dmu / n", "dmu"), 8, "factor", None),
    (NORM, changed(NORM_BACK, "r ** 3", "r ** 2"), 3, "power", "dvar = -0.5 * r ** 3 * dr"),
    (NORM, changed(NORM_BACK, "dr = (dxhat * c)", "dr = (dxhat * x)"), 2, "wrong-value", "dr = (dxhat * c).sum(0)"),
)


@pytest.mark.parametrize(
    "forward, backward, line, kind, correction", ROWS, ids=[r[1].splitlines()[r[2] - 1] for r in ROWS]
)
def test_mistakes(forward, backward, line, kind, correction):
    found = first_wrong(check_code(backward, "b.py", forward=forward))
    assert found is not None
    assert (found.place.line <= line <= found.place.end_line, found.kind) == (True, kind), found
    assert found.correction is not None or kind == "forgotten-path"
    if correction is not None:
        assert found.correction == correction


def test_corrections_are_right():
    """Every correction, put in the place of the wrong line, makes that claim right."""
    for forward, backward, line, kind, _ in ROWS:
        found = first_wrong(check_code(backward, "b.py", forward=forward))
        lines = backward.splitlines()
        if found.correction is None or found.place.line != found.place.end_line:
            continue
        lines[line - 1] = found.correction
        again = check_code("\n".join(lines), "b.py", forward=forward)
        assert not any(v.verdict == "wrong" and v.place.line == line for v in again.verdicts), (found.correction, kind)


# ---------------------------------------------------------------- carried, cancelling, conventions, shapes, parts


def test_a_right_line_after_a_wrong_one_is_carried():
    checked = check_code("da = 2 * dh * (1 - h ** 2)\ndw = x.T @ da\n", "b.py", forward=TANH)
    assert [(v.verdict, v.follows, v.holds) for v in checked.verdicts] == [
        ("wrong", False, False),
        ("carried", True, False),
    ]
    assert checked.first_wrong == "b.py:1"


def test_errors_that_cancel_are_said():
    checked = check_code("da = -dh * (1 - h ** 2)\ndw = -x.T @ da\n", "b.py", forward=TANH)
    assert [v.verdict for v in checked.verdicts] == ["wrong", "wrong"]
    assert (checked.verdicts[1].kind, checked.verdicts[1].follows, checked.verdicts[1].holds) == (
        "repairs-earlier-slip", False, True)  # fmt: skip


def test_the_course_convention_is_named():
    forward = """
# shapes: X (d, m) · W1 (h, d) · W2 (1, h) · Y (1, m)
def forward(X, W1, W2, Y):
    m = X.shape[1]
    A1 = np.tanh(W1 @ X)
    Z2 = W2 @ A1
    A2 = 1 / (1 + np.exp(-Z2))
    cost = -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / m
    return cost
"""
    backward = """dZ2 = A2 - Y
dW2 = dZ2 @ A1.T / m
dA1 = W2.T @ dZ2
dW1 = dA1 * (1 - A1 ** 2) @ X.T / m
"""
    checked = check_code(backward, "b.py", forward=forward)
    assert words(checked) == [
        (1, "right-if", "convention"),
        (2, "right", None),
        (3, "right-if", "convention"),
        (4, "right", None),
    ]
    assert "m times the gradient" in checked.verdicts[0].reason


def test_right_values_in_another_shape():
    checked = check_code("da = dh * (1 - h ** 2)\ndb = da.sum(axis=0, keepdims=True)\n", "b.py", forward=TANH)
    assert words(checked) == [(1, "right", None), (2, "right-if", "shape")]
    assert "(1, h)" in checked.verdicts[1].reason


def test_parts_are_partial():
    checked = check_code(SCORES, "b.py", forward=SOFTMAX)
    assert [(v.place.line, v.place.end_line, v.verdict, v.kind) for v in checked.verdicts] == [
        (1, 1, "no-claim", "partial"), (2, 2, "no-claim", "partial"), (1, 3, "right", None)]  # fmt: skip


def test_a_value_replaced_before_its_use_is_no_claim():
    checked = check_code("da = np.zeros_like(a)\nda = dh * (1 - h ** 2)\n", "b.py", forward=TANH)
    assert words(checked) == [(2, "right", None)]


def test_values_of_autograd_are_not_derived():
    checked = check_code("dscores = scores.grad.clone()\ndw = x.T @ dscores\n", "b.py", forward=SOFTMAX)
    assert words(checked) == [(1, "no-claim", "not-derived"), (2, "right", None)]


def test_an_alias_changes_the_forward_array():
    checked = check_code(SCORES.replace(".copy()", "") + "db = (probs * 1).sum(0)\n", "b.py", forward=SOFTMAX)
    assert [v.verdict for v in checked.verdicts if v.kind != "partial"] == ["right", "right"]
    assert "changes `probs`" in [v for v in checked.verdicts if v.verdict == "right"][0].reason


def test_an_overwritten_array_is_named():
    checked = check_code("h *= 2\nda = dh * (1 - h ** 2)\n", "b.py", forward=TANH)
    assert words(checked) == [(1, "wrong", "overwritten"), (2, "carried", None)]
    again = check_code("da = dh * (1 - h ** 2)\ndb = da.sum(0)\nt = da\nt *= 2\ndw = x.T @ da\n", "b.py", forward=TANH)
    assert words(again)[2:] == [(4, "wrong", "overwritten"), (5, "carried", None)]


# what stands between a right `da` and `dw = x.T @ da`; what is said of these lines and of dw
CHANGED = [
    ("v = da.T\nv *= 2", "wrong carried"),
    ("v = da.reshape(-1)\nv *= 2", "unreadable right"),
    ("v = da.T.ravel()\nv *= 2", "unreadable right"),
    ("v = da.flatten()\nv *= 2", "right"),
    ("v = da.squeeze()\nv += 1", "wrong carried"),
    ("v = da.copy()\nv *= 2", "right"),
    ("v = np.asarray(da)\nv *= 2", "unreadable right"),
    ("v = da.astype(float, copy=False)\nv *= 2", "unreadable right"),
    ("v = [da]\nv[0] *= 2", "wrong carried"),
    ("v = {'q': da}\nv['q'] *= 2", "wrong carried"),
    ("q = v = da\nv *= 2", "wrong carried"),
    ("np.negative(da, out=da)", "wrong carried"),
    ("np.negative(da, da)", "wrong carried"),
    ("np.multiply(da, 1, da)", "right right"),
    ("np.copyto(da, dh)", "wrong carried"),
    ("da.fill(1.0)", "wrong carried"),
    ("da.sort()", "unreadable right"),
    ("np.random.shuffle(da)", "unreadable right"),
    ("np.putmask(da, da > 0, 0)", "unreadable right"),
    ("da.reshape(-1)[0] = 0", "unreadable right"),
    ("tools.scale(da)", "unknown right"),
    ("np.clip(da, -1, 1, out=da)", "wrong carried"),
]


@pytest.mark.parametrize("lines, said", CHANGED, ids=[r[0] for r in CHANGED])
def test_a_gradient_changed_under_another_name(lines, said):
    """No change in place goes unseen: it is judged, or the line is said not to be readable."""
    found = check_code(f"da = dh * (1 - h ** 2)\n{lines}\ndw = x.T @ da\n", "b.py", forward=TANH).verdicts
    after = [v.verdict for v in found if v.place.end_line > 1 and v.verdict != "no-claim" and "v = d" not in v.text]
    assert after == said.split(), found


OPTIONS = [
    ("np.square(h, out=h)\nda = dh * (1 - h)", "right"),
    ("np.square(h, out=h)\nda = dh * (1 - h ** 2)", "wrong carried"),
    ("da = dh * (1 - h ** 2)\ndb = np.sum(da, 0, initial=3.0)", "right unreadable"),
    ("da = dh * (1 - h ** 2)\ndb = np.sum(da, 0, initial=0)", "right right"),
    ("da = (dh * (1 - h ** 2)).reshape(-1, order='F').reshape(h.shape)", "unreadable"),
    ("da = np.empty_like(h)\nnp.multiply(dh, 1 - h ** 2, out=da)", "right"),
]


@pytest.mark.parametrize("lines, said", OPTIONS, ids=[r[0] for r in OPTIONS])
def test_options_of_calls(lines, said):
    """An option that changes the result is read or refused, never passed over."""
    found = check_code(lines, "b.py", forward=TANH).verdicts
    assert [v.verdict for v in found if v.verdict != "no-claim"] == said.split(), found


ONES = "ds = probs.copy()\nfor i in range(n):\n    ds[i, y[i]] -= 1\n{}ds /= n\n"
ROWS_OF = [
    (SOFTMAX, ONES.format(""), "right"),
    (SOFTMAX, ONES.format("else:\n    ds[0, 0] += 1\n"), "wrong"),
    (SOFTMAX, "ds = probs.copy()\nfor row, k in zip(ds, y):\n    row[k] -= 1\nds /= n\n", "right"),
    (SOFTMAX, "ds = probs.copy()\nfor row, k in zip(ds, y):\n    row[k] += 1\nds /= n\n", "wrong"),
    (SOFTMAX, "ds = probs.copy()\nt = ds.T\nt[y, np.arange(n)] -= 1\nds /= n\n", "right"),
    (SOFTMAX, "ds = probs.copy()\nt = ds.ravel()\nt[np.arange(n) * w.shape[1] + y] -= 1\nds /= n\n", "unreadable"),
    (SOFTMAX, "ds = probs / n\nfor k, v in enumerate(y, 1):\n    ds[k, v] -= 1 / n\n", "unknown"),
    (RELU, "da = dh * ((a > 0) + (h > 0))", "right"),
    (RELU, "da = dh * ((a > 0) + (h > 0)) / 2", "wrong"),
    (RELU, "da = dh * h.astype(bool)", "right"),
    (RELU, "da = round(dh * (a > 0))", "unreadable"),
    (RELU, "da = np.zeros(a.shape, dtype=int)\nda[...] = dh * (a > 0)", "wrong"),
]


@pytest.mark.parametrize("forward, lines, said", ROWS_OF, ids=[r[1] for r in ROWS_OF])
def test_the_one_gradient_of_these_lines(forward, lines, said):
    """Rows and views of a gradient are it; of two masks `+` is the logical or; an unread part stays an open one."""
    found = [v for v in check_code(lines.replace("ds", "dscores"), "b.py", forward=forward).verdicts if v.verdict != "no-claim"]
    assert {v.verdict for v in found} == {said}, found


def test_an_undeclared_condition_is_named():
    forward = """
# shapes: x (N, C) · Y (N, C)
def forward(x, Y):
    N = x.shape[0]
    e = np.exp(x)
    s = e / e.sum(1, keepdims=True)
    loss = -(Y * np.log(s)).sum() / N
    return loss
"""
    loose = check_code("dx = (s - Y) / N\n", "b.py", forward=forward)
    assert words(loose) == [(1, "right-if", "side-condition")]
    known = check_code("dx = (s - Y) / N\n", "b.py", forward=forward, facts=("sum[j] Y[i,j] = 1",))
    assert words(known) == [(1, "right", None)]


def test_no_condition_that_a_parameter_is_one():
    """Scales of shape (1, C, 1, 1) sum to one over their last axis only where they are all one."""
    forward = "# shapes: x (n, C, h, w) · scale (1, C, 1, 1)\ndef forward(x, scale):\n    y = x * scale\n    return y\n"
    assert [w for _, w, _ in words(check_code("dx = dy\n", "b.py", forward=forward))] == ["wrong"]


EPS = """
# shapes: x (n, d) · g (d,)
def forward(x, g, eps=1e-5):
    n = x.shape[0]
    xc = x - x.mean(0)
    var = (xc ** 2).mean(0)
    std = np.sqrt(var + eps)
    xhat = xc / std
    out = g * xhat
    return out
"""
EPS_BACK = """dxhat = dout * g
dstd = -(dxhat * xc).sum(0) / (var + 1e-5)
dvar = 0.5 * dstd / np.sqrt(var + 1e-5)
dxc = dxhat / std + 2 * xc * dvar / n
dx = dxc - dxc.mean(0)
"""


@pytest.mark.parametrize("old, new, said", [
    ("", "", "right right-if right-if right-if right-if"),
    ("1e-5", "1e-6", "right wrong carried carried carried"),
    ("dout * g", "dout", "wrong carried carried carried carried"),
    ("0.5 * ", "", "right right-if wrong carried carried"),
    ("(var + 1e-5)", "std ** 2", "right right right-if right-if right-if"),
    ("1e-5", "eps", "right right right-if right-if right-if"),
])  # fmt: skip
def test_a_default_written_out(old, new, said):
    """1e-5 for eps is right under the forward's default of it, and under no other number."""
    found = check_code(EPS_BACK.replace(old, new, 1), "b.py", forward=EPS).verdicts
    assert [v.verdict for v in found] == said.split()
    assert all(v.reason == "reads eps as 1e-05, the forward's default" for v in found if v.verdict == "right-if")
    none = check_code(EPS_BACK, "b.py", forward=EPS.replace("=1e-5", "")).verdicts
    assert "right-if" not in {v.verdict for v in none}


FIXED = """import numpy as np
# shapes: X (n, 3)
def loss_of(X):
    W = {}
    z = X @ W
    loss = (z ** 2).sum() + (W ** 4).sum()
    dz = 2 * z
    dW = X.T @ dz + 4 * W ** {}
    return loss, dW
"""


@pytest.mark.parametrize("start", ["np.zeros((3, 2))", "np.ones((3, 2)) * 1.0", "np.eye(3)[:, :2]", "np.full((3, 2), 1.0)"])
@pytest.mark.parametrize("power, word", [(3, "right"), (2, "wrong")])
def test_a_constant_is_any_array(start, power, word):
    """W² is W³ at W = 0 and at W = 1: a gradient must be right for every W, not for its first value."""
    found = check_code(FIXED.format(start, power), "b.py").verdicts
    assert [v.verdict for v in found] == ["right", word]


# ---------------------------------------------------------------- values that are none, ties, lines that cannot run

SQUARE = "# shapes: x (n,)\ndef forward(x):\n    y = x ** 2\n    return y\n"
HINGE = """
# shapes: s (n, c) · y int (n,)
def forward(s, y):
    n = s.shape[0]
    own = s[np.arange(n), y]
    m = np.maximum(s - own[:, None] + 1, 0)
    loss = m.sum()
    return loss
"""
TIED = """
# shapes: a (n, c)
def forward(a):
    m = a.max(1, keepdims=True)
    out = np.maximum(m, a) ** 2
    return out
"""
AT_TOP = "da = np.zeros_like(a)\nda[np.arange(a.shape[0]), a.argmax(1)] = {}(m * dout).sum(1)\n"
EDGES = (
    (RELU, "da = dh * h / h", 1, "right-if", "side-condition"),
    (RELU, "da = 2 * dh * h / h", 1, "wrong", None),
    (RELU, "da = dh * a / h", 1, "wrong", "mask"),
    (RELU, "da = dh * h / a", 1, "right", None),
    (RELU, "da = dh * np.abs(h) / h", 1, "right-if", "side-condition"),
    (RELU, "da = dh * h ** 2 / h", 1, "wrong", None),
    (SQUARE, "dx = 2 * dy * np.exp(np.log(x))", 1, "wrong", "undefined"),
    (SQUARE.replace("x ** 2", "np.log(x)"), "dx = dy * np.exp(-np.log(x))", 1, "right", None),
    (TANH, "da = dh * (1 - np.exp(2 * np.log(h)))", 1, "wrong", "undefined"),
    (HINGE, "dm = 1.0 * np.ones_like(m)\ndown = -(dm * (s - own[:, None] + 1 > 0)).sum(1)", 2, "right", None),
    (HINGE, "dm = 1.0 * np.ones_like(m)\ndown = -(dm * (m - own[:, None] + 1 > 0)).sum(1)", 2, "wrong", None),
    (TIED, AT_TOP.format("2 * "), 1, "right", None),
    (TIED, AT_TOP.format(""), 1, "wrong", "factor"),
    (TANH, "n = dx.shape[0]\nda = dh * (1 - h ** 2)\ndx = da @ w.T", 1, "unknown", None),
    (TANH, "q = h @ x\nda = dh * (1 - h ** 2)", 1, "wrong", "does-not-fit"),
    (TANH, "da = dh.sum(0)\nda *= 1 - h ** 2", 1, "wrong", "extra-sum"),
    (TANH, "da = np.ones((len(h), 1))\nda *= dh * (1 - h ** 2)", 1, "wrong", "does-not-fit"),
    (TANH, "q = len(x)[:, None]\nda = dh * (1 - h ** 2)", 1, "wrong", "does-not-fit"),
    (TANH, "q = np.zeros(3)\nnp.add.at(q, np.arange(5)[:, None] + np.arange(4), w[np.arange(3)] + x[np.arange(2)])\nda = dh * (1 - h ** 2)", 2, "wrong", "does-not-fit"),
    (SOFTMAX, "dz = (probs - np.eye(w.shape[1])[y]) / n\ndb = dz.sum(0)", 1, "right", None),
)


@pytest.mark.parametrize("forward, backward, line, word, kind", EDGES, ids=[r[1].splitlines()[r[2] - 1] for r in EDGES])
def test_edges(forward, backward, line, word, kind):
    found = [v for v in check_code(backward, "b.py", forward=forward).verdicts if v.place.line == line]
    assert (found[-1].verdict, found[-1].kind if kind else None) == (word, kind), found


# ---------------------------------------------------------------- as it is found in courses and on the web


@pytest.mark.parametrize("name, backward, line", wild.ROWS, ids=[f"{r[0]}-{k}" for k, r in enumerate(wild.ROWS)])
def test_wild_styles(name, backward, line):
    checked = check_code(backward, "b.py", forward=wild.FORWARD[name])
    found = first_wrong(checked)
    if line is None:
        assert {v.verdict for v in checked.verdicts} <= {"right", "no-claim", "right-if"}, words(checked)
        assert any(v.verdict == "right" for v in checked.verdicts)
    else:
        assert found is not None and found.place.line <= line <= found.place.end_line, words(checked)


# ---------------------------------------------------------------- what comments declare

BARE = """
def forward(x, Y, w):
    n = x.shape[0]
    e = np.exp(x @ w)
    s = e / e.sum(1, keepdims=True)
    loss = -(Y * np.log(s)).sum() / n
    return loss
"""
INDEXED = "# check: index i: 1..n ; j: 1..C ; k: 1..D\n# check: var x[i,k] ; w[k,j]\n"
SAID = {
    "index and const": INDEXED + "# check: const Y[i,j] onehot(j)\ndw = x.T @ ((s - Y) / n)\n",
    "var and assume": INDEXED + "# check: var Y[i,j]\n# check: assume sum_j Y[i,j] = 1\ndw = x.T @ ((s - Y) / n)\n",
}


RETURNED = (
    ("return da @ w.T, x.T @ da, da.sum(0)", "right right right"),
    ("return da @ w.T, x.T @ dh, da.sum(0)", "right wrong right"),
    ("dx, dw = da @ w.T, x.T @ da\n    return tuple(2 * g for g in (dx, dw))", "right right unknown"),
    ("dx, dw = da @ w.T, x.T @ da\n    return {k: 2 * g for k, g in {'x': dx, 'w': dw}.items()}", "right right unknown"),
    ("out = [da @ w.T, x.T @ da]\n    dx, dw = out\n    out[1] *= 3\n    return dx, dw", "right wrong"),
    ("dx, dw = da @ w.T, x.T @ da\n    return [g.copy() for g in (dx, dw)]", "right right"),
    ("return x.T @ da", "right"),
    ("return x.T @ dh", "unknown"),
    ("dx, dw, db = da @ w.T, x.T @ da, da.sum(0)\n    return dx, w, db", "right right right wrong"),
    ("dx, dw, db = da @ w.T, x.T @ da, da.sum(0)\n    return dx, dw, da", "right right right wrong"),
    ("dx, dw, db = da @ w.T, x.T @ da, da.sum(0)\n    return db, dw, dx", "right right right"),
)


@pytest.mark.parametrize("end, expected", RETURNED, ids=[r[0].splitlines()[-1].strip() for r in RETURNED])
def test_what_is_returned_is_claimed_by_its_place(end, expected):
    head = "def backward(dh, x, w, h):\n    da = dh * (1 - h ** 2)\n    "
    checked = check_code(head + end + "\n", "b.py", forward=TANH)
    assert [w for k, w, _ in words(checked) if k > 2] == expected.split(), checked.verdicts


def test_shapes_come_from_the_command_line(tmp_path, capsys):
    (tmp_path / "f.py").write_text(
        "def forward(l, y):\n    e = np.exp(l)\n    loss = np.log(e.sum()) - l[y]\n    return loss\n"
    )
    (tmp_path / "b.py").write_text("dl = e / e.sum()\ndl[y] -= 1\n")
    code = command([str(tmp_path / "b.py")], str(tmp_path / "f.py"), given={"shapes": {"l": "C", "y": "int"}})
    assert (code, "nothing wrong" in capsys.readouterr().out) == (0, True)


@pytest.mark.parametrize("words_of", SAID)
def test_comments_declare_shapes_and_facts(words_of):
    checked = check_code(SAID[words_of], "b.py", forward=BARE)
    assert [w for _, w, _ in words(checked)] == ["right"], checked.verdicts


def test_a_waived_line_is_shown_as_waived():
    backward = '# check: ignore line "da = 2"  the course counts twice\nda = 2 * dh * (1 - h ** 2)\ndw = x.T @ da\n'
    checked = check_text(backward, "b.py", forward=TANH)
    assert words(checked) == [(2, "no-claim", None), (3, "right-if", None)]
    assert checked.verdicts[0].reason == "waived by the author: the course counts twice"
    assert "line 2" in checked.verdicts[1].reason


# ---------------------------------------------------------------- styles


STYLES = {
    "function": (TANH, "def backward(dh, x, w, h):\n    da = dh * (1 - h ** 2)\n    return da @ w.T, x.T @ da\n"),
    "names": (TANH, "grad_a = dh * (1 - h * h)\nw_grad = x.T @ grad_a\n"),
    "dict": (TANH, "grads = {}\ngrads['a'] = dh * (1 - h * h)\ngrads['w'] = x.T @ grads['a']\n"),
    "returned dict": (
        TANH,
        "def backward(dh, x, h):\n    da = dh * (1 - h * h)\n    return {'w': x.T @ da, 'b': da.sum(0)}\n",
    ),
    "recomputed": (TANH, "t = np.tanh(x @ w + b)\ndw = x.T @ (dh * (1 - t ** 2))\n"),
    "other case": (TANH, "dA = dh * (1 - h ** 2)\ndW = x.T @ dA\n"),
    "alias": (TANH, "# check: alias pre = a\ndpre = dh * (1 - h ** 2)\n"),
    "same name twice": (TANH, "da = dh.copy()\nda *= 1 - h ** 2\ndb = da.sum(0)\n"),
}


@pytest.mark.parametrize("style", STYLES)
def test_styles(style):
    forward, backward = STYLES[style]
    checked = check_code(backward, "b.py", forward=forward)
    assert {v.verdict for v in checked.verdicts} <= {"right", "no-claim"} and checked.verdicts, words(checked)
    assert any(v.verdict == "right" for v in checked.verdicts)


def test_the_upstream_gradient_of_a_loss():
    head = "def backward(dloss, x, y, probs, n):\n    dscores = probs.copy()\n    dscores[np.arange(n), y] -= 1\n"
    right = check_code(head + "    dscores *= dloss / n\n    return x.T @ dscores\n", "b.py", forward=SOFTMAX)
    assert words(right) == [(2, "right", None), (5, "right", None)]
    found = first_wrong(check_code(head + "    dscores /= n\n    return x.T @ dscores\n", "b.py", forward=SOFTMAX))
    assert (found.kind, found.correction) == ("upstream", "dscores *= dloss")


TORCH = """
# shapes: C (v, d) · W (d*t, c) · X int (n, t) · y int (n,)
import torch
import torch.nn.functional as F
def forward(C, W, X, y):
    n = X.shape[0]
    emb = C[X]
    flat = emb.view(n, -1)
    logits = flat @ W
    loss = F.cross_entropy(logits, y)
    return loss
"""


def test_torch_with_scatters():
    backward = """dlogits = F.softmax(logits, 1)
dlogits = (dlogits - torch.zeros_like(logits).scatter_(1, y.view(-1, 1), 1.0)) / n
dW = flat.T @ dlogits
dflat = dlogits @ W.T
demb = dflat.view(emb.shape)
dC = torch.zeros_like(C)
dC.index_add_(0, X.view(-1), demb.view(-1, C.shape[1]))
"""
    checked = check_code(backward, "b.py", forward=TORCH)
    assert {v.verdict for v in checked.verdicts} == {"right", "no-claim"}, words(checked)
    found = first_wrong(check_code(backward.replace("demb.view(-1", "-demb.view(-1"), "b.py", forward=TORCH))
    assert (found.place.line, found.place.end_line) == (6, 7)


def test_the_same_file_holds_both_passes():
    function = TANH + "\n\ndef backward(dh, x, h):\n    da = dh * (1 - h ** 2)\n    dw = x.T @ da\n    return dw\n"
    assert words(check_code(function, "b.py")) == [(10, "right", None), (11, "right", None)]
    cell = "# shapes: x (n, d) · w (d,) · y (n,)\nr = x @ w - y\nloss = (r ** 2).sum()\ndr = 2 * r\ndw = dr @ x.T\n"
    assert [w[:2] for w in words(check_code(cell, "b.py"))] == [(4, "right"), (5, "wrong")]


def test_a_class_with_forward_and_backward():
    text = """
import numpy as np
class Tanh:
    # shapes: x (n, d)
    def forward(self, x):
        self.out = np.tanh(x)
        return self.out
    def backward(self, dout):
        dx = dout * (1 - self.out ** 2)
        return dx
"""
    assert words(check_code(text, "b.py")) == [(9, "right", None)]


def test_a_program_as_the_forward_pass():
    program = read_python(TANH)
    assert words(check_code("da = dh * (1 - h ** 2)\n", "b.py", forward=program)) == [(1, "right", None)]


def test_the_forward_file_is_named_in_a_comment(tmp_path):
    (tmp_path / "tanh.py").write_text(TANH)
    checked = check_code("# check: forward tanh.py\nda = dh * (1 - h ** 2)\n", str(tmp_path / "b.py"))
    assert words(checked) == [(2, "right", None)]


# ---------------------------------------------------------------- bad input

REFUSED = (
    ("x = = 3\n", 1, "unreadable", "invalid syntax"),
    ("", 1, "unreadable", "nothing to read"),
    ("da = nothing * dh\n", 1, "unknown", "`nothing` is not defined"),
    ("while dh.sum() > 0:\n    da = dh\n", 1, "unreadable", "while"),
    ("da = dh\nif da.sum() > 0:\n    da = 2 * da\n", 1, "unreadable", "depends on the data"),
    ("da = np.fft.fft(dh)\n", 1, "unreadable", "fft"),
    ("da = dh * np.random.rand(3)\n", 1, "unreadable", "random"),
)


@pytest.mark.parametrize(
    "backward, line, word, said", REFUSED, ids=[r[0].splitlines()[0] if r[0] else "empty" for r in REFUSED]
)
def test_refused(backward, line, word, said):
    rest = (
        "" if word == "unreadable" and "syntax" in said or not backward else "db2 = 1\ndw = x.T @ (dh * (1 - h ** 2))\n"
    )
    checked = check_code(backward + rest, "b.py", forward=TANH)
    found = next(v for v in checked.verdicts if v.verdict in ("unreadable", "unknown"))
    assert (found.place.line, found.verdict) == (line, word)
    assert said in found.reason
    if rest:
        assert checked.verdicts[-1].verdict == "right", words(checked)


def test_without_a_forward_pass_it_says_what_to_give():
    (found,) = check_code("dw = x.T @ da\n", "b.py").verdicts
    assert (found.verdict, "--forward" in found.reason) == ("unknown", True)


def test_a_forward_pass_that_cannot_be_read():
    forward = "def forward(x):\n    while x > 0:\n        x = x - 1\n    return x\n"
    (found,) = check_code("dw = x.T @ da\n", "b.py", forward=forward, forward_path="f.py").verdicts
    assert found.verdict == "unknown" and "f.py:2" in found.reason


ODD = ("\0", "dx", "d = d", "def backward(): pass", "return 3", "da = da", "da, db = dh", "grads['w'] = 1", "da[0] = 1")
ODD += ("for i in dh: da = i", "da: int = 3", "da = lambda: 3", "da = [dh]", "da = dh @ dh @ dh", "class A: pass")


@pytest.mark.parametrize("text", ODD)
def test_no_traceback_for_odd_text(text):
    assert isinstance(check_code(text, "b.py", forward=TANH), Checked)


# ---------------------------------------------------------------- time


def test_thirty_gradients_of_a_deep_network():
    layers = 10
    lines = ["# shapes: x (n, d) · t (n, d)" + "".join(f" · w{k} (d, d)" for k in range(layers))]
    lines += [f"def forward(x, t, {', '.join(f'w{k}' for k in range(layers))}):", "    h0 = x"]
    for k in range(layers):
        lines += [f"    a{k} = h{k} @ w{k}", f"    h{k + 1} = np.tanh(a{k})"]
    forward = "\n".join([*lines, f"    loss = ((h{layers} - t) ** 2).sum()", "    return loss", ""])
    back = [f"dh{layers} = 2 * (h{layers} - t)"]
    for k in reversed(range(layers)):
        back += [f"da{k} = dh{k + 1} * (1 - h{k + 1} ** 2)", f"dw{k} = h{k}.T @ da{k}", f"dh{k} = da{k} @ w{k}.T"]
    checked = check_code("\n".join(back) + "\n", "b.py", forward=forward)
    assert len(checked.verdicts) == 31 and all(v.verdict == "right" for v in checked.verdicts), words(checked)


SCRIPT = (Path(__file__).parent / "passes" / "training_script.py").read_text()


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [("", "", {}), ("(1 - hidden)", "(1 + hidden)", {"dpre": "wrong"}),
     ("(probs - Y)", "(probs + Y)", {"dscores": "wrong", "dpre": "carried"})],
    ids=["right", "activation", "sign"],
)  # fmt: skip
def test_a_training_script(old, new, wrong):
    """Forward, backward and updates in one loop: the round up to the first gradient is the forward pass."""
    found = check_code(SCRIPT.replace(old, new)).verdicts
    said = {v.text.split(" = ")[0].strip(): v.verdict for v in found if v.verdict != "no-claim"}
    assert said == {"dscores": "right", "dpre": "right"} | wrong
    (note,) = [v for v in found if v.kind == "one-round"]
    assert (note.verdict, note.text) == ("no-claim", "for _ in range(1000):")
