"""Closed forms over a window: what the search finds, from the definitions, with symbolic sizes."""

import pytest

import derive
from derive.counting import count
from derive.notation import parse, text

NORM = """
def forward(x, gamma, beta, eps=1e-5):
    # shapes: x (n, d) · gamma, beta (d,)
    mu = x.mean(axis=0)
    var = x.var(axis=0{ddof})
    xhat = (x - mu) / np.sqrt(var + eps)
    return gamma * xhat + beta
"""
# forward pass · the gradient · its closed form in the engine's notation
ROWS = {
    "batch norm": (NORM.format(ddof=""), "x",
                   "(var[j] + eps[])^(-1/2)*gamma[j]*(∂out[i, j] - 1/n*(sum[i2:n] ∂out[i2, j])"
                   " - 1/n*xhat[i, j]*sum[i2:n] ∂out[i2, j]*xhat[i2, j])"),
    "batch norm, unbiased": (NORM.format(ddof=", ddof=1"), "x",
                   "(var[j] + eps[])^(-1/2)*gamma[j]*(∂out[i, j] - 1/n*(sum[i2:n] ∂out[i2, j])"
                   " - 1/size(n - 1)*xhat[i, j]*sum[i2:n] ∂out[i2, j]*xhat[i2, j])"),
    "softmax": ("""
def forward(x):
    # shapes: x (n, C)
    e = np.exp(x - x.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return p
""", "x", "p[i, j]*(∂p[i, j] - sum[k:C] ∂p[i, k]*p[i, k])"),
    "attention": ("""
def forward(S, V):
    # shapes: S (n, m) · V (m, e)
    A = np.exp(S)
    P = A / A.sum(axis=1, keepdims=True)
    O = P @ V
    return O
""", "S", "P[i, k]*((sum[b:e] ∂O[i, b]*V[k, b]) - sum[b:e] ∂O[i, b]*O[i, b])"),
}  # fmt: skip


@pytest.mark.parametrize("source, name, form", ROWS.values(), ids=ROWS)
def test_closed_form(source, name, form):
    found = derive.differentiate("import numpy as np\n" + source)
    assert found[name].expr == written(form, found[name]), text(found[name].expr)
    assert found.certainty == "proved"


def written(form: str, view):
    """A form in the engine's notation, its free letters those of the gradient."""
    return parse(form, {i.name: i for i in (view.closed or view.derivation).indices})


@pytest.fixture(scope="module")
def makemore():
    return derive.differentiate("examples/makemore.py")


def test_batch_norm_inside_a_program_is_one_line(makemore):
    form = ("bngain[0, q]*bnvar_inv[0, q]*(∂hpreact[i, q] - 1/n*(sum[m:n] ∂hpreact[m, q])"
            " - 1/size(n - 1)*bnraw[i, q]*(sum[m:n] ∂hpreact[m, q]*bnraw[m, q]))")  # fmt: skip
    assert makemore["hprebn"].expr == written(form, makemore["hprebn"])
    closed = makemore.gradients.closed["hprebn"]
    assert [s.rule for s in closed.steps] == ["its gradient", "substitute", "multiply out", "sum by definition",
                                              "call by name", "call by name", "factor out"]  # fmt: skip
    assert {s.certainty for s in closed.steps} == {"proved"}
    assert "no rule" in closed.note
    assert str(count(closed.result).operation_count) == "7*H*n + 3*H"


def test_a_bias_before_batch_norm_has_no_gradient(makemore):
    assert text(makemore["b1"].expr) == "0"
