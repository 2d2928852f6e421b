"""Hessians as the textbooks give them, and Hessian-vector products as code against the complex step of the gradient."""

import numpy as np
import pytest
from typer.testing import CliRunner

import derive
from derive.cli import app
from derive.errors import Usage
from derive.notation import parse, text
from derive.verifying import sample_data, structured

HEAD = "import numpy as np\n"
CROSS_ENTROPY = """
# shapes: x (C,) · y (C,)
# facts: sum[c] y[c] = 1
def forward(x, y):
    s = np.exp(x) / np.exp(x).sum()
    return -np.sum(y * np.log(s))
"""
ANY_TARGET = CROSS_ENTROPY.replace("# facts: sum[c] y[c] = 1\n", "")
LABELS = """
# shapes: Z (N, C) · y int (N,)
def forward(Z, y):
    P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    return -np.log(P[np.arange(len(y)), y]).mean()
"""
LOGISTIC = """
# shapes: X (n, d) · w (d,) · y (n,)
def forward(X, w, y):
    z = X @ w
    p = 1 / (1 + np.exp(-z))
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum()
"""
INLINE = """
# shapes: X (n, d) · w (d,) · y (n,)
def forward(X, w, y):
    p = 1 / (1 + np.exp(-(X @ w)))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
"""
BIASED = """
# shapes: X (n, d) · w (d,) · b () · y (n,)
def forward(X, w, b, y):
    p = 1 / (1 + np.exp(-(X @ w + b)))
    return -(np.log(p) * y + np.log(1 - p) * (1 - y)).sum() / len(y)
"""
LOGITS = """
# shapes: X (n, d) · w (d,) · y (n,)
def forward(X, w, y):
    z = X @ w
    return (np.log(1 + np.exp(z)) - y * z).sum()
"""
LEAST_SQUARES = """
# shapes: X (n, d) · w (d,) · y (n,)
def forward(X, w, y):
    return np.sum((X @ w - y) ** 2)
"""
RENAMED = """
# shapes: A (m, p) · beta (p,) · t (m,)
def forward(A, beta, t):
    r = t - A @ beta
    return (r * r).mean() * len(t)
"""
RIDGE = """
# shapes: X (n, d) · w (d,) · y (n,) · lam ()
def forward(X, w, y, lam):
    r = X @ w - y
    return r @ r + lam * w @ w
"""
LOG_SUM_EXP = """
# shapes: x (n,)
def forward(x):
    e = np.exp(x)
    s = e / e.sum()
    f = np.log(e.sum())
    return f
"""
QUADRATIC = """
# shapes: A (n, n) · x (n,) · b (n,)
def forward(A, x, b):
    return x @ A @ x + b @ x
"""
SYMMETRIC = QUADRATIC.replace("def ", "# facts: A symmetric\ndef ")
SOFTMAX_REGRESSION = """
# shapes: X (n, d) · W (d, C) · Y (n, C)
# facts: sum[c] Y[i,c] = 1
def forward(X, W, Y):
    Z = X @ W
    P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    return -(Y * np.log(P)).sum()
"""
NETWORK = """
# shapes: X (n, d) · W1 (d, h) · W2 (h,) · y (n,)
def forward(X, W1, W2, y):
    h = np.tanh(X @ W1)
    return ((h @ W2 - y) ** 2).mean()
"""

# fmt: off
# source text, the variable, the letters of the indices in order, the Hessian, who says so
HESSIANS = [
    (CROSS_ENTROPY, "x",    "ij",   "s[i]*([i = j] - s[j])",                              "diag(s) − ssᵀ: Boyd, Convex Optimization 3.1.5"),
    (LABELS,        "Z",    "ijkl", "[i = k]*P[i,j]*([j = l] - P[i,l])/N",                "block diagonal of the same: Bishop, PRML 4.3.4"),
    (LOGISTIC,      "w",    "ij",   "sum[m:n] X[m,i]*p[m]*(1 - p[m])*X[m,j]",             "XᵀRX: Bishop, PRML (4.97); Murphy, MLPP 8.3.1"),
    (INLINE,        "w",    "ij",   "1/n*sum[m:n] X[m,i]*p[m]*(1 - p[m])*X[m,j]",         "XᵀRX with the product inside the exponential, a mean: PRML (4.97)"),
    (BIASED,        "w",    "ij",   "1/n*sum[m:n] X[m,i]*p[m]*(1 - p[m])*X[m,j]",         "XᵀRX with a bias, a sum over the length: PRML (4.97)"),
    (LOGITS,        "w",    "ij",   "sum[m:n] X[m,i]*sigmoid(z[m])*(1 - sigmoid(z[m]))*X[m,j]", "XᵀRX: Bishop, PRML (4.97)"),
    (LEAST_SQUARES, "w",    "ij",   "2*sum[m:n] X[m,i]*X[m,j]",                           "2XᵀX: Boyd 1.2.1; Goodfellow 4.5"),
    (RENAMED,       "beta", "ij",   "2*sum[k:m] A[k,i]*A[k,j]",                           "2XᵀX with other names, as a mean times n"),
    (RIDGE,         "w",    "ij",   "2*[i = j]*lam[] + 2*sum[m:n] X[m,i]*X[m,j]",         "2(XᵀX + λI): Murphy, MLPP 7.5.1"),
    (LOG_SUM_EXP,   "x",    "ij",   "s[i]*([i = j] - s[j])",                              "Boyd, Convex Optimization 3.1.5"),
    (QUADRATIC,     "x",    "ij",   "A[i,j] + A[j,i]",                                    "A + Aᵀ: Boyd A.4.4; Petersen, Cookbook (81)"),
    (SOFTMAX_REGRESSION, "W", "ijkl", "sum[m:n] X[m,i]*P[m,j]*([j = l] - P[m,l])*X[m,k]", "Bishop, PRML (4.110)"),
    (NETWORK,       "W2",   "ij",   "2/n*sum[m:n] h[m,i]*h[m,j]",                         "linear in its last layer: Bishop, PRML 5.4"),
]
PRODUCTS = [(HEAD + row[0], row[1]) for row in HESSIANS] + [(HEAD + NETWORK, "W1"), (HEAD + NETWORK, "W1, W2")]
# fmt: on


@pytest.mark.parametrize("source, wrt, letters, expected, who", HESSIANS, ids=[f"{r[1]}: {r[4]}" for r in HESSIANS])
def test_the_hessian_is_the_textbooks(source, wrt, letters, expected, who):
    from derive.judges.normal import prove_equal

    found = derive.hessian(HEAD + source, wrt=wrt)
    assert found.certainty == "proved"
    scope = dict(zip(letters, found.indices, strict=True))
    names = [e.name for e in found.program.equations]
    true = parse(expected, scope)
    assert prove_equal(found.expr, true, found.program, names) is True, text(found.expr)
    assert len(text(found.expr)) <= len(text(true)) + 24  # as short as the textbook's, up to a factor written twice


# fmt: off
MATRICES = [
    (CROSS_ENTROPY, "x",  "∇² L = diag(s) − s sᵀ"),
    (LOGISTIC,      "w",  "∇² L = Xᵀ diag(p ⊙ (1 − p)) X"),
    (INLINE,        "w",  "∇² L = (1/n) Xᵀ diag(p ⊙ (1 − p)) X"),
    (LEAST_SQUARES, "w",  "∇² L = 2 Xᵀ X"),
    (RIDGE,         "w",  "∇² L = 2 lam I + 2 Xᵀ X"),
    (QUADRATIC,     "x",  "∇² L = A + Aᵀ"),
    (NETWORK,       "W2", "∇² L = (2/n) hᵀ h"),
]
# fmt: on


@pytest.mark.parametrize("source, wrt, expected", MATRICES, ids=[row[2] for row in MATRICES])
def test_in_matrix_notation(source, wrt, expected):
    """Each is read back from its print and compared with the indices before it is shown."""
    from derive.writers.asides import hessian_text

    shown = hessian_text(derive.hessian(HEAD + source, wrt=wrt)).replace("∇² out", "∇² L")
    assert expected in shown


def test_of_what_it_is_free_and_by_which_fact():
    with_fact, without = (derive.hessian(HEAD + s, wrt="x") for s in (CROSS_ENTROPY, ANY_TARGET))
    assert "y" not in with_fact.expr.names and with_fact.facts == ("sum[c] y[c] = 1",)
    assert "y" in without.expr.names and without.facts == ()


def test_mixed_second_derivatives_commute():
    one = derive.hessian(HEAD + NETWORK, wrt="W1", wrt2="W2")
    two = derive.hessian(HEAD + NETWORK, wrt="W2", wrt2="W1")
    from derive import expr as x
    from derive.judges.normal import prove_equal

    turned = x.substitute(two.expr, dict(zip(two.indices, (one.indices[2], *one.indices[:2]), strict=True)))
    assert prove_equal(one.expr, turned, one.program, ["h"]) is True


@pytest.mark.parametrize("size", [2, 3, 5])
@pytest.mark.parametrize("source, wrt", PRODUCTS, ids=[f"{r[1]}: {r[4][:20]}" for r in HESSIANS] + ["W1", "W1, W2"])
def test_the_product_is_the_complex_step_of_the_gradient(source, wrt, size, made):
    product, gradient, program = made(source, wrt)
    sizes = {a: size + k for k, a in enumerate(sorted(program.sizes))}
    data = structured(program, sample_data(program, sizes, size))
    rng = np.random.default_rng(size)
    moved = {v: rng.normal(size=np.shape(data[n])) for n, v in product.directions.items()}
    found = product.function()(**data, **moved)
    found = found if isinstance(found, dict) else {wrt: found}
    stepped = {n: data[n] + 1e-30j * moved[v] for n, v in product.directions.items()}
    _, slopes = gradient(**{**data, **stepped})
    for name, value in found.items():
        np.testing.assert_allclose(value, slopes[name].imag / 1e-30, rtol=1e-10, atol=1e-12)


@pytest.fixture(scope="module")
def made():
    held = {}

    def of(source, wrt):
        if (source, wrt) not in held:
            program = derive.read(source)
            product = derive.hessian_product(program, wrt=wrt)
            assert product.certainty == "proved"
            held[source, wrt] = product, derive.differentiate(program, wrt=wrt).function("steps"), program
        return held[source, wrt]

    return of


def test_the_code_is_what_one_would_write():
    code = derive.hessian_product(HEAD + NETWORK, wrt="W1").code()
    assert "def hvp(X, W1, W2, y, v):" in code
    assert "h_grad = 2 / n * (h @ W2 - y)[:, None] * W2" in code
    assert "    dh = 2 / n * W2 * (dh_grad @ W2)[:, None] - 2 * h_grad * h * part" in code


@pytest.mark.parametrize("wrt, of, why", [("w", "z", "not a scalar"), ("q", None, "not in the forward")])
def test_what_has_no_hessian(wrt, of, why):
    with pytest.raises(derive.Problem, match=why):
        derive.hessian(HEAD + LOGITS, wrt=wrt, of=of)


@pytest.mark.parametrize("source, wrt", [(QUADRATIC, "b"), (LOGITS, "y"), (LOGITS.replace("y * z", "z"), "y")])
def test_the_hessian_of_what_is_linear_is_zero(source, wrt):
    found = derive.hessian(HEAD + source, wrt=wrt)
    assert str(found) == "0" and found.certainty == "proved" and len(found.shape) == 2


def test_a_direction_takes_another_name_where_v_is_taken():
    product = derive.hessian_product(HEAD + LEAST_SQUARES.replace("y", "v"), wrt="w")
    assert product.directions == {"w": "w_direction"}


def test_the_command(tmp_path):
    path = tmp_path / "f.py"
    path.write_text(HEAD + LEAST_SQUARES)
    shown = CliRunner().invoke(app, ["hessian", str(path), "--wrt", "w"])
    assert shown.exit_code == 0 and "2 Σ_m X_mj X_mi" in shown.output and "does not depend on w and y" in shown.output
    written = CliRunner().invoke(app, ["hessian", str(path), "--wrt", "w", "--product", "-o", str(tmp_path / "hvp.py")])
    assert written.exit_code == 0 and "def hvp(X, w, y, v):" in (tmp_path / "hvp.py").read_text()


def test_usage():
    with pytest.raises(Usage, match="by which input"):
        derive.hessian(HEAD + LEAST_SQUARES)
