"""Small numbers that keep a logarithm finite: gradients that leave them out are right-if, the condition named."""

import pytest

from derive.checker.code import check_code
from derive.checker.safeguards import safeguards

LOGISTIC = """
import numpy as np
# shapes: X (n, d) · t (n,) · w (d,)
def loss(w, X, t, eps=1e-12):
    n, z = len(X), X @ w
    a = 1 / (1 + np.exp(-z))
    {first}
    L = -np.mean(t * {log_a} + (1 - t) * {log_rest})
    dz = {dz}
    dw = X.T @ dz
    return L, dw
"""
FIRST = "q = np.clip(a, 1e-7, 1 - 1e-7)"
PLAIN, OFF, SUM = "(a - t) / n", "(a + t) / n", "-(a - t) / n"
# the line before the loss, the logarithms, dz, the two verdicts, and what is said of the first
ROWS = [
    ("pass", "np.log(a)", "np.log(1 - a)", PLAIN, ["right", "right"], ""),
    ("pass", "np.log(a + 1e-8)", "np.log(1 - a + 1e-8)", PLAIN, ["right-if", "right-if"], "1e-08 on line 8 is 0"),
    ("pass", "np.log(1e-8 + a)", "np.log(1e-8 + 1 - a)", PLAIN, ["right-if", "right-if"], "1e-08 on line 8 is 0"),
    ("pass", "np.log(a + eps)", "np.log((1 - a) + eps)", PLAIN, ["right-if", "right-if"], "eps on line 8 is 0"),
    ("e = 1e-9", "np.log(a + e)", "np.log(1 - a + e)", PLAIN, ["right-if", "right-if"], "e on line 8 is 0"),
    ("pass", "np.log(np.maximum(a, eps))", "np.log(np.maximum(1 - a, eps))", PLAIN, ["right-if", "right-if"], "eps on line 8 is 0"),
    (FIRST, "np.log(q)", "np.log(1 - q)", PLAIN, ["right-if", "right-if"], "nothing is clipped on line 7"),
    ("q = a.clip(eps, 1 - eps)", "np.log(q)", "np.log(1 - q)", PLAIN, ["right-if", "right-if"], "nothing is clipped on line 7"),
    (FIRST, "np.log(q)", "np.log(1 - q)", SUM, ["wrong", "carried"], "sign"),
    ("pass", "np.log(a + 1e-8)", "np.log(1 - a + 1e-8)", OFF, ["wrong", "carried"], "apart from that, the 1e-08 on line 8"),
    # what is no safeguard stays as it is
    ("pass", "np.log(a + 0.1)", "np.log(1 - a + 0.1)", PLAIN, ["wrong", "carried"], ""),
    ("q = np.clip(a, 0.1, 0.9)", "np.log(q)", "np.log(1 - q)", PLAIN, ["wrong", "carried"], ""),
    ("pass", "np.log(a)", "np.log(1 - a)", "(a - t) / (n + 1e-8)", ["wrong", "carried"], ""),
    ("q = a / np.sqrt(1 + 1e-6)", "np.log(a)", "np.log(1 - q)", PLAIN, ["wrong", "carried"], ""),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda r: f"{r[0]}; {r[1]}; {r[3]}")
def test_gradients_beside_safeguards(row):
    first, log_a, log_rest, dz, words, said = row
    found = check_code(LOGISTIC.format(first=first, log_a=log_a, log_rest=log_rest, dz=dz), "b.py").verdicts
    assert [v.verdict for v in found] == words, found
    assert said in (found[0].reason or ""), found[0].reason


def test_a_safeguard_over_several_lines():
    text = "import numpy as np\nL = np.log(np.clip(\n    p,\n    1e-7, 1 - 1e-7))\n"
    (found,) = safeguards(text)
    assert found.said == "nothing is clipped on line 2"


def test_the_forward_pass_in_a_file_of_its_own():
    forward = "# shapes: z (n, c) · y int (n,)\ndef forward(z, y):\n    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)\n    return -np.log(p[np.arange(len(y)), y]\n        + 1e-9).sum()\n"
    backward = "dz = p.copy()\ndz[np.arange(len(y)), y] -= 1\n"
    (found,) = (v for v in check_code(backward, "b.py", forward=forward).verdicts if v.verdict != "no-claim")
    assert found.verdict == "right-if" and found.reason.startswith("the 1e-09 on line 4 is 0")
