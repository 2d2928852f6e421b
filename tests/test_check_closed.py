"""A hand line that jumps to a closed form is right, and proved: batch norm in one line, P − Y, P ⊙ (dP − Σ dO ⊙ O)."""

import pytest

from derive.checker.code import check_code
from derive.checker.documents import check_text

NORM = """import numpy as np
# shapes: x (n, d) · g, b (d,)
def forward(x, g, b, eps=1e-5):
    mu = x.mean(0)
    var = ((x - mu) ** 2).mean(0)
    xhat = (x - mu) / np.sqrt(var + eps)
    out = g * xhat + b
    return out
"""
LABELS = """import numpy as np
# shapes: z (n, C) · y int (n,)
def forward(z, y):
    e = np.exp(z - z.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    return -np.log(p[np.arange(len(y)), y]).mean()
"""
ATTENTION = """import numpy as np
# shapes: S (n, m) · V (m, e)
def forward(S, V):
    A = np.exp(S - S.max(1, keepdims=True))
    P = A / A.sum(1, keepdims=True)
    O = P @ V
    return O
"""
LOGISTIC = """import numpy as np
# shapes: X (n, d) · w (d,) · y (n,)
def forward(X, w, y):
    p = 1 / (1 + np.exp(-(X @ w)))
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
"""
ONE_LINE = "def backward(dout, g, var, xhat, eps):\n    n = len(xhat)\n    dx = g / np.sqrt(var + eps) / n * (n * dout - dout.sum(0) - xhat * {})\n    return dx\n"
# the forward pass, the backward code, a slip in it
CODE = [
    (NORM, ONE_LINE.format("(dout * xhat).sum(0)"), ("n * dout", "dout")),
    (LABELS, "def backward(p, y):\n    dz = (p - np.eye(p.shape[1])[y]) / len(y)\n    return dz\n", ("p -", "p +")),
    (ATTENTION, "def backward(dO, P, V, O):\n    dS = P * (dO @ V.T - (dO * O).sum(1, keepdims=True))\n    return dS\n", ("dO * O", "dO")),
    (ATTENTION, "def backward(dO, P, V, O):\n    dP = dO @ V.T\n    dS = P * (dP - (dO * O).sum(1, keepdims=True))\n    return dS\n", ("(dP -", "(dP +")),
    (LOGISTIC, "def backward(X, p, y):\n    dw = X.T @ (p - y) / len(y)\n    return dw\n", ("p - y", "y - p")),
]  # fmt: skip


@pytest.mark.parametrize("forward, backward, slip", CODE)
def test_code_that_jumps(forward, backward, slip):
    found = [v for v in check_code(backward, "b.py", forward=forward).verdicts if v.verdict != "no-claim"]
    assert {(v.verdict, v.certainty) for v in found} == {("right", "proved")}
    assert slip[0] in backward
    bent = check_code(backward.replace(*slip), "b.py", forward=forward).verdicts
    assert bent[-1].verdict == "wrong"


SOFTMAX = r"$$p_{ij} = \frac{e^{z_{ij}}}{\sum_k e^{z_{ik}}}$$" "\n\n"
# the definitions, the claim, a slip in it
NOTES = [
    (r"$$s_i = \frac{e^{x_i}}{\sum_j e^{x_j}}$$" "\n\n" r"$$L = -\sum_i y_i \log s_i$$ with $\sum_i y_i = 1$." "\n\n",
     r"$$\frac{\partial L}{\partial x_k} = s_k - y_k$$", ("s_k -", "s_k +")),
    (r"$$\mu = \frac1n \sum_{i=1}^n x_i$$" "\n\n" r"$$v = \frac1n \sum_{i=1}^n (x_i - \mu)^2$$" "\n\n"
     r"$$h_i = \frac{x_i - \mu}{\sqrt{v + \epsilon}}$$" "\n\n",
     r"$$\frac{\partial L}{\partial x_i} = \frac{1}{n\sqrt{v + \epsilon}}\left(n\frac{\partial L}{\partial h_i} - \sum_{j=1}^n \frac{\partial L}{\partial h_j}"
     r" - h_i\sum_{j=1}^n \frac{\partial L}{\partial h_j}h_j\right)$$", ("- h_i", "+ h_i")),
    (r"$$P_{ij} = \frac{e^{S_{ij}}}{\sum_k e^{S_{ik}}}$$" "\n\n" r"$$O_{ia} = \sum_j P_{ij} V_{ja}$$" "\n\n",
     r"$$\frac{\partial L}{\partial S_{ij}} = P_{ij}\left(\sum_a \frac{\partial L}{\partial O_{ia}} V_{ja} - \sum_a \frac{\partial L}{\partial O_{ia}} O_{ia}\right)$$",
     ("O_{ia}\\right", "V_{ja}\\right")),
]  # fmt: skip


@pytest.mark.parametrize("head, claim, slip", NOTES)
def test_notes_that_jump(head, claim, slip):
    found = check_text(head + claim, "n.md").verdicts[-1]
    assert (found.verdict, found.certainty) == ("right", "proved")
    assert check_text(head + claim.replace(*slip), "n.md").verdicts[-1].verdict == "wrong"
