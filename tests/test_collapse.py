"""Closed forms over a window: what the search finds, from the definitions, with symbolic sizes."""

import random

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
    "a second name with the other sign": (NORM.format(ddof="").replace("(x - mu) /", "(x + minus) /").replace("    var", "    minus = -mu\n    var"), "x",
                   "(var[j] + eps[])^(-1/2)*gamma[j]*(∂out[i, j] - 1/n*(sum[i2:n] ∂out[i2, j])"
                   " - 1/n*xhat[i, j]*sum[i2:n] ∂out[i2, j]*xhat[i2, j])"),
    "the same line under two names": ("""
def forward(x):
    # shapes: x (n,)
    a = np.exp(x)
    b = np.exp(x)
    t = (a - 1 / b) / (a + 1 / b)
    return t
""", "x", "∂t[i]*(1 - t[i]^2)"),
    "a complement with a name": ("""
def forward(z, y):
    # shapes: z (n,) · y (n,)
    s = 1 / (1 + 1 / np.exp(z))
    r = 1 - s
    return -(y * np.log(s) + (1 - y) * np.log(r)).sum()
""", "z", "s[i] - y[i]"),
    "a share without a name": ("""
def forward(x, y):
    # shapes: x (n, C) · y int (n,)
    e = np.exp(x)
    return -np.log((e / e.sum(axis=1, keepdims=True))[np.arange(len(y)), y]).sum()
""", "x", "e[i, j]/(sum[k:C] e[i, k]) - [y[i] = j]"),
    "a factor that some terms share": ("""
def forward(x, Y, a):
    # shapes: x (n, C) · Y (n, C) · a ()
    # facts: onehot Y
    p = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    return -(((1 - a) * Y + a / x.shape[1]) * np.log(p)).sum()
""", "x", "Y[i, j]*(a[] - 1) + p[i, j] - a[]/C"),
    "its own line": ("""
def forward(a, b):
    # shapes: a (n, d) · b (n, d)
    u = a / np.sqrt((a ** 2).sum(axis=1, keepdims=True))
    c = (u * (b / np.sqrt((b ** 2).sum(axis=1, keepdims=True)))).sum(axis=1)
    return c
""", "b", "∂c[i]*(sum[k:d] b[i, k]^2)^(-1/2)*(u[i, j] - b[i, j]*(sum[k:d] b[i, k]^2)^(-1/2)*c[i])"),
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


# ---------------------------------------------------------------- however it is written

MEANS = ("{u}.mean(axis=0)", "{u}.sum(axis=0) / n", "1 / n * {u}.sum(0)", "np.sum({u}, axis=0) * n ** -1")
SQUARES = ("{c} ** 2", "{c} * {c}", "np.square({c})")
# the lines that give the reciprocal deviation · how it is used · how the engine then writes it
DEVIATIONS = (
    ("", "{c} / np.sqrt({v} + eps)", "({v}[j] + eps[])^(-1/2)"),
    ("    {s} = np.sqrt({v} + eps)\n", "{c} / {s}", "1/{s}[j]"),
    ("    {s} = ({v} + eps) ** -0.5\n", "{c} * {s}", "{s}[j]"),
    ("    {w} = {v} + eps\n    {s} = 1 / np.sqrt({w})\n", "{s} * {c}", "{s}[j]"),
)
LETTERS = (dict(x="x", m="mu", c="xc", v="var", s="std", w="ve", h="xhat", g="gamma", b="beta"),
           dict(x="h", m="a", c="d", v="q", s="z", w="k", h="norm", g="gain", b="shift"))  # fmt: skip


def batch_norm(rng) -> tuple[str, str, str]:
    """One way to write batch normalisation: the source, the input, the form that must be found."""
    n, pick = dict(rng.choice(LETTERS)), rng.choice
    mean, square = pick(MEANS), pick(SQUARES)
    setup, use, inverse = pick(DEVIATIONS)
    split = pick((True, False))
    centre = "{c}" if split else "({x} - {m})"
    lines = ["    {m} = " + mean.replace("{u}", "{x}")]
    lines += ["    {c} = {x} - {m}"] if split else []
    lines += ["    {v} = " + mean.replace("{u}", "(" + square.replace("{c}", centre) + ")")]
    text = "\n".join(lines) + "\n" + setup + "    {h} = " + use.replace("{c}", centre) + "\n"
    text += "    out = " + pick(("{g} * {h} + {b}", "{b} + {h} * {g}")) + "\n    return out\n"
    head = "import numpy as np\n\n\ndef forward({x}, {g}, {b}, eps):\n    # shapes: {x} (n, D) · {g}, {b} (D,) · eps ()\n    n = {x}.shape[0]\n"
    form = "{g}[j]*" + inverse + "*(∂out[i,j] - 1/n*(sum[m:n] ∂out[m,j]) - 1/n*{h}[i,j]*(sum[m:n] ∂out[m,j]*{h}[m,j]))"
    return (head + text).format(**n), n["x"], form.format(**n)


@pytest.mark.parametrize("seed", range(10))
def test_the_same_form_however_batch_norm_is_written(seed):
    source, name, form = batch_norm(random.Random(seed))
    found = derive.differentiate(source, judged=False)[name]
    assert found.expr == written(form, found), f"{source}\nfound {text(found.expr)}"


SHIFTS = ("np.exp({x})", "np.exp({x} - {x}.max(axis=1, keepdims=True))")
SHARES = ("{e} / {e}.sum(axis=1, keepdims=True)", "{e} * (1 / np.sum({e}, axis=1, keepdims=True))")
LOSSES = ("-np.log({p}[np.arange(n), y]).mean()", "-(1 / n) * np.log({p}[np.arange(n), y]).sum()",
          "-np.sum(np.log({p})[np.arange(n), y]) / n")  # fmt: skip
COUNTED = [(a, b, c) for a in range(2) for b in range(2) for c in range(3)]


@pytest.mark.parametrize("shift, share, loss", COUNTED)
def test_the_same_form_however_cross_entropy_is_written(shift, share, loss):
    lines = ["import numpy as np", "", "def forward(x, y):", "    # shapes: x (n, C) · y int (n,)", "    n = x.shape[0]",
             "    e = " + SHIFTS[shift], "    p = " + SHARES[share], "    L = " + LOSSES[loss], "    return L"]  # fmt: skip
    found = derive.differentiate("\n".join(lines).format(x="x", e="e", p="p") + "\n", judged=False)["x"]
    assert found.expr == written("1/n*(p[i,j] - [y[i] = j])", found), text(found.expr)


# ---------------------------------------------------------------- between two arrays of one's choice

SPANS = [
    ("hprebn", "bndiff", "∂bndiff[i,q] - 1/n*(sum[m:n] ∂bndiff[m,q])"),
    ("logits", "logprobs", "∂logprobs[i,j] - probs[i,j]*(sum[k:V] ∂logprobs[i,k])"),
    ("logprobs", "logits", "∂logprobs[i,j] - probs[i,j]*(sum[k:V] ∂logprobs[i,k])"),
    ("logits", None, "1/n*(probs[i,j] - [Yb[i] = j])"),
    ("hpreact", "h", "∂h[i,q]*(1 - h[i,q]^2)"),
]


@pytest.mark.parametrize("first, second, form", SPANS)
def test_between_two_arrays(makemore, first, second, form):
    found = makemore.collapse(first, second)
    assert found.expr == parse(form, {i.name: i for i in found.derivation.indices}), text(found.expr)
    assert found.certainty == "proved"
    assert "operations" in str(found) and "The search ended: no rule" in str(found)


@pytest.mark.parametrize("names", [("nothing", "h"), ("h", "h"), ("W2", "W1")])
def test_what_nothing_joins_is_refused(makemore, names):
    with pytest.raises(derive.Problem):
        makemore.collapse(*names)


@pytest.mark.parametrize("source", [
    "def forward(x, w):\n    # shapes: x (n,) · w ()\n    s = x.sum()\n    h = x\n    return (h * w * s).sum()\n",
    "import numpy as np\ndef forward(W, X):\n    # shapes: W (D,D) · X (n, D)\n    h = np.zeros(X.shape[1])\n"
    "    for t in range(X.shape[0]):\n        h = np.tanh(W @ h + X[t])\n    return h.sum()\n",
])  # fmt: skip
def test_windows_leave_odd_programs_right(source):
    assert derive.differentiate(source).certainty in ("proved", "tested")


def test_what_is_zero_under_a_second_name_bars_no_window():
    """∂base = 0, so ∂value = ∂base is zero too, and the path through the largest entry does not count."""
    d = derive.differentiate(
        "import numpy as np\ndef forward(x):\n    # shapes: x (n, C)\n    value = x.max(1)\n    base = value[:, None]\n"
        "    e = np.exp(x - base)\n    total = e.sum(axis=1, keepdims=True)\n    return base + np.log(total)\n"
    )
    assert not any("argmax" in text(d[name].expr) for name in ("x", "value"))
