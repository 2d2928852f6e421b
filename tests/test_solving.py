"""Gradients set to zero and solved: the matrix forms of the textbooks, put back into the gradient exactly and in floats."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
import sympy
from typer.testing import CliRunner

import derive
from derive import expr as x
from derive.cli import app
from derive.errors import Usage
from derive.verifying import sample_data, structured

HEAD = "import numpy as np\n"
LEAST_SQUARES = """
# shapes: X (n, d) · w (d,) · y (n,)
def forward(X, w, y):
    return np.sum((X @ w - y) ** 2)
"""
MEAN = """
# shapes: A (m, p) · beta (p,) · t (m,)
def forward(A, beta, t):
    r = t - A @ beta
    return 1 / (2 * len(t)) * (r * r).sum()
"""
RIDGE = """
# shapes: X (n, d) · w (d,) · y (n,) · lam ()
def forward(X, w, y, lam):
    r = X @ w - y
    return r @ r + lam * w @ w
"""
RIDGE_MEAN = """
# shapes: X (n, d) · w (d,) · y (n,) · lam ()
def forward(X, w, y, lam):
    return ((y - X @ w) ** 2).mean() + lam * (w ** 2).sum()
"""
WEIGHTED = """
# shapes: X (n, d) · w (d,) · y (n,) · q (n,)
def forward(X, w, y, q):
    r = y - X @ w
    return (q * r**2).sum()
"""
BIAS = """
# shapes: X (n, d) · w (d,) · b () · y (n,)
def forward(X, w, b, y):
    return ((X @ w + b - y)**2).mean()
"""
MATRIX = """
# shapes: X (n, d) · W (d, k) · Y (n, k) · lam ()
def forward(X, W, Y, lam):
    R = X @ W - Y
    return (R**2).sum() + lam * (W**2).sum()
"""
MATRIX_BIAS = """
# shapes: X (n, d) · W (d, k) · c (k,) · Y (n, k)
def forward(X, W, c, Y):
    R = X @ W + c - Y
    return (R**2).mean()
"""
TURNED = """
# shapes: X (n, d) · M (k, d) · Y (n, k)
def forward(X, M, Y):
    return ((X @ M.T - Y)**2).sum()
"""
QUADRATIC = """
# shapes: A (n, n) · x (n,) · b (n,)
def forward(A, x, b):
    return x @ A @ x + b @ x
"""
GENERAL = """
# shapes: A (m, n) · x (n,) · b (m,) · L (p, n)
def forward(A, x, b, L):
    s = A @ x - b
    t = L @ x
    return s @ s + t @ t
"""
LAST_LAYER = """
# shapes: X (n, d) · V (d, h) · w (h,) · y (n,)
def forward(X, V, w, y):
    h = np.tanh(X @ V)
    return ((h @ w - y) ** 2).mean()
"""
LOGISTIC = """
# shapes: X (n, d) · w (d,) · y (n,)
def forward(X, w, y):
    z = X @ w
    return (np.log(1 + np.exp(z)) - y * z).sum()
"""
CUBE = LEAST_SQUARES.replace("** 2", "** 3")
COUPLED = """
# shapes: U (n, d, k) · Y (n, d, k)
def forward(U, Y):
    return ((U.sum(axis=0) - Y.sum(axis=0)) ** 2).sum() + (U ** 2).sum() + (U.sum(axis=1) ** 2).sum()
"""

# fmt: off
SOLUTIONS = [
    (LEAST_SQUARES, "w",    "w = (Xᵀ X)⁻¹ Xᵀ y",                        "Bishop, PRML (3.15); Boyd 1.2.1; Goodfellow (5.12)"),
    (MEAN,          "beta", "β = (Aᵀ A)⁻¹ Aᵀ t",                        "the same with other names, halved and as a mean"),
    (RIDGE,         "w",    "w = (Xᵀ X + lam I)⁻¹ Xᵀ y",                "Bishop, PRML (3.28); Murphy, MLPP (7.33)"),
    (RIDGE_MEAN,    "w",    "w = (Xᵀ X + n lam I)⁻¹ Xᵀ y",              "the same as a mean: λ counts n times"),
    (WEIGHTED,      "w",    "w = (Xᵀ diag(q) X)⁻¹ Xᵀ (q ⊙ y)",          "Murphy, MLPP 8.3.4; Bishop, PRML (4.99)"),
    (BIAS,          "w, b", "[Xᵀ X, Xᵀ 𝟏; 𝟏ᵀ X, n] [w; b] = [Xᵀ y; 𝟏ᵀ y]", "Bishop, PRML 3.1.1, bias and weights jointly"),
    (BIAS,          "b",    "b = (1/n) (Σ_i y_i − Σ_{i, j} X_ij w_j)",   "Bishop, PRML (3.19)"),
    (MATRIX,        "W",    "W = (Xᵀ X + lam I)⁻¹ Xᵀ Y",                "Bishop, PRML (3.34), regularised"),
    (MATRIX_BIAS,   "W, c", "[Xᵀ X, Xᵀ 𝟏; 𝟏ᵀ X, n] [W; cᵀ] = [Xᵀ Y; 𝟏ᵀ Y]", "Bishop, PRML (4.16)"),
    (TURNED,        "M",    "Mᵀ = (Xᵀ X)⁻¹ Xᵀ Y",                       "PyTorch's layout of weights"),
    (QUADRATIC,     "x",    "x = (A + Aᵀ)⁻¹ (−b)",                      "Boyd (4.21) for a symmetric A"),
    (GENERAL,       "x",    "x = (Lᵀ L + Aᵀ A)⁻¹ Aᵀ b",                 "Tikhonov: Boyd (6.9)"),
    (LAST_LAYER,    "w",    "w = (hᵀ h)⁻¹ hᵀ y",                        "basis functions: Bishop, PRML (3.15)"),
]
NOT_LINEAR = [
    (LOGISTIC,   "w",    "not linear in w"),
    (CUBE,       "w",    "not linear in w"),
    (LAST_LAYER, "V",    "not linear in V"),
    (LAST_LAYER, "V, w", "not linear in V, w"),
    (COUPLED,    "U",    "couple more than two axes"),
    (RIDGE,      "q",    "not in the forward pass"),
]
# fmt: on


@pytest.mark.parametrize("source, unknowns, expected, who", SOLUTIONS, ids=[f"{r[2]}: {r[3]}" for r in SOLUTIONS])
def test_the_solution_is_the_textbooks(source, unknowns, expected, who):
    found = derive.solve(HEAD + source, unknowns)
    assert found.certainty == "proved"
    assert found.unicode() == expected


@pytest.mark.parametrize("source, unknowns, expected, who", SOLUTIONS, ids=[r[2] for r in SOLUTIONS])
def test_put_back_the_gradient_vanishes(source, unknowns, expected, who):
    program = derive.read(HEAD + source)
    names = [n.strip() for n in unknowns.split(",")]
    sizes = dict(zip(sorted(program.sizes), itertools.count(3))) | {"n": 9, "m": 9}
    data = structured(program, sample_data(program, sizes, 1))
    solve = derive.solve(program, unknowns).function()
    taken = solve.__code__.co_varnames[: solve.__code__.co_argcount]
    found = solve(**{n: data[n] for n in taken})
    data |= found if len(names) > 1 else {names[0]: found}
    _, gradients = derive.differentiate(program, wrt=names).function()(**data)
    for name in names:
        assert gradients[name].shape == np.shape(data[name])
        np.testing.assert_allclose(gradients[name], 0, atol=1e-9)


def exactly(e, data, sizes, at=None):
    """A formula on fractions, with none of the engine's evaluators."""
    at = at or {}
    match e:
        case x.Num(value=value):
            return Fraction(value)
        case x.Whole(slot=x.Affine(constant=n)):
            return Fraction(n.at(sizes))
        case x.Entry(name=name, slots=slots):
            return data[name][tuple(at.get(s, 0) for s in slots)]
        case x.Ind(cond=x.Rel(op="eq", left=a, right=b)):
            return Fraction(at[a] == at[b])
        case x.Add(terms=terms):
            return sum((exactly(t, data, sizes, at) for t in terms), Fraction(0))
        case x.Mul(factors=factors):
            return sympy.prod([exactly(f, data, sizes, at) for f in factors])
        case x.Pow(base=base, exponent=x.Num(value=n)):
            return exactly(base, data, sizes, at) ** int(n)
        case x.Reduce(op="sum", index=i, body=body):
            return sum((exactly(body, data, sizes, {**at, i: k}) for k in range(i.size.at(sizes))), Fraction(0))
    raise AssertionError(type(e))


@pytest.mark.parametrize("source, unknown", [(r[0], r[1]) for r in SOLUTIONS if r[1] in ("w", "beta", "x") and r[0] is not LAST_LAYER])
def test_on_rational_data_the_gradient_is_exactly_zero(source, unknown):
    program = derive.read(HEAD + source)
    sizes = {n: 2 + (n in "nm") for n in program.sizes}
    if source in (QUADRATIC, GENERAL):
        sizes = dict.fromkeys(program.sizes, 2)
    rng = np.random.default_rng(4)
    data = {v.name: np.vectorize(lambda k: Fraction(int(k), 7), otypes=[object])(
        rng.integers(-9, 9, [n.at(sizes) for n in v.shape])) for v in program.inputs}  # fmt: skip
    data = {n: np.array(a, dtype=object) for n, a in data.items()}
    system = derive.solve(program, unknown).system
    a, b = system.matrices[unknown, unknown], system.right[unknown]
    n = b.indices[0].size.at(sizes)
    matrix = sympy.Matrix(n, n, lambda i, j: _rational(exactly(a.rhs, data, sizes, dict(zip(a.indices, (i, j), strict=True)))))
    right = sympy.Matrix(n, 1, lambda i, _: _rational(exactly(b.rhs, data, sizes, {b.indices[0]: i})))
    solved = matrix.LUsolve(right)
    data[unknown] = np.array([Fraction(int(v.p), int(v.q)) for v in solved], dtype=object)
    for e in program.equations:  # the forward pass at the solution
        values = np.empty([k.at(sizes) for k in e.shape], dtype=object)
        for place in np.ndindex(values.shape):
            values[place] = exactly(e.rhs, data, sizes, dict(zip(e.indices, place, strict=True)))
        data[e.name] = values
    d = derive.differentiate(program, wrt=[unknown])
    for g in d.gradients.program.equations:
        if g.name.startswith("∂"):
            values = np.empty([k.at(sizes) for k in g.shape], dtype=object)
            for place in np.ndindex(values.shape):
                values[place] = exactly(g.rhs, data, sizes, dict(zip(g.indices, place, strict=True)))
            data[g.name] = values
    assert all(v == 0 for v in data[f"∂{unknown}"].ravel())


def _rational(f):
    return sympy.Rational(f.numerator, f.denominator)


@pytest.mark.parametrize("source, unknowns, why", NOT_LINEAR, ids=[f"{r[1]}: {r[2]}" for r in NOT_LINEAR])
def test_what_is_not_solved_says_why(source, unknowns, why):
    with pytest.raises(derive.Problem, match=why):
        derive.solve(HEAD + source, unknowns)


def test_numbers_are_solved_by_sympy():
    source = "# shapes: a () · b () · x (n,) · y (n,)\ndef forward(a, b, x, y):\n    return ((a + b * x - y) ** 2).sum()\n"
    found = derive.solve(source, "a, b")
    assert set(found.to_sympy()) == {"a", "b"} and "n Σ_i x_i² − (Σ_i x_i)²" in found.unicode()
    assert set(derive.solve(HEAD + RIDGE, "w").to_sympy()) == {"A", "b"}


def test_the_command(tmp_path):
    path = tmp_path / "ridge.py"
    path.write_text(HEAD + RIDGE)
    shown = CliRunner().invoke(app, ["solve", str(path), "w"])
    assert shown.exit_code == 0 and "w = (Xᵀ X + lam I)⁻¹ Xᵀ y" in shown.output
    code = CliRunner().invoke(app, ["solve", str(path), "w", "--code"]).output
    assert "    A[np.arange(d), np.arange(d)] += lam" in code and "return np.linalg.solve(A, b)" in code


def test_a_wrong_system_is_not_called_proved(monkeypatch):
    from derive.solving import systems

    monkeypatch.setattr(systems, "_inverse", lambda factor: x.num(3))
    assert derive.solve(HEAD + RIDGE.replace("lam *", "2 * lam *"), "w").certainty == "open"


def test_usage():
    with pytest.raises(Usage, match="vanishes everywhere or nowhere"):
        derive.solve(HEAD + RIDGE.replace("lam * w @ w", "0 * lam"), "lam")
