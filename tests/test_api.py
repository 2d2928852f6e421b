"""The Python interface: every way in, what comes out, and that nothing but a Problem escapes from bad input."""

from __future__ import annotations

import json
import subprocess
import sys
import traceback

import numpy as np
import pytest
import sympy
from sympy import IndexedBase, Sum, symbols

import derive
from derive.errors import NotDifferentiable, ShapeMismatch, UnknownName, Unreadable, Unsupported, Usage
from derive.ops import OPS

SOURCE = '''"""Softmax cross-entropy."""
import numpy as np

# shapes: Z (n, C) · y int (n,)


def forward(Z, y):
    E = np.exp(Z)
    P = E / E.sum(axis=1, keepdims=True)
    L = -np.log(P[np.arange(len(y)), y]).mean()
    return L
'''
TANH = "# shapes: x (n,)\nimport numpy as np\ndef forward(x):\n    return np.tanh(x).sum()\n"
TWO = "# shapes: x (n,) · w (n,)\ndef forward(x, w):\n    u = x * w\n    v = x + u\n    return u, v\n"


class Layer:
    """A small class."""

    def forward(self, x, w):
        # shapes: x (n, d) · w (d,)
        return (x @ w).sum()


def square(x):
    # shapes: x (n,)
    y = (x * x).sum()
    return y


@pytest.fixture(scope="module")
def d():
    return derive.differentiate(derive.read(SOURCE))


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return {"Z": rng.normal(size=(4, 3)), "y": np.array([0, 2, 1, 2])}


# ---------------------------------------------------------------- ways in


def test_text_path_and_named_path(tmp_path):
    path = tmp_path / "softmax.py"
    path.write_text(SOURCE + "\n\ndef other(Z):\n    return Z.sum()\n", encoding="utf-8")
    assert derive.read(SOURCE).outputs == ("L",)
    assert derive.read(path).path == str(path) == derive.read(str(path)).path
    assert derive.read(f"{path}:other").name == "other" == derive.read(path, function="other").name


def test_live_function():
    program = derive.read(square)
    first = square.__code__.co_firstlineno
    assert program.equations[0].span.line == first + 2
    assert program.path.endswith("test_api.py")


def test_live_lambda():
    halved = lambda x: (x**2).sum() / 2  # noqa: E731
    assert str(derive.differentiate(derive.read(halved, shapes={"x": "n"}))["x"].expr) == "x[i]"
    with pytest.raises(Unreadable, match="2 of them"):
        derive.read([lambda x: x, lambda x: x**2][1])


def test_defaults_are_kept():
    source = "def forward(x, eps=1e-5, k=2):\n    # shapes: x (n,)\n    return (x**k / (x.var() + eps)).sum()\n"
    assert "def forward(x, eps=1e-05, k=2):" in derive.differentiate(source).code()


@pytest.mark.parametrize("given", [Layer().forward, Layer, Layer()], ids=["method", "class", "object"])
def test_live_class(given):
    d = derive.differentiate(derive.read(given))
    assert set(d.wrt) == {"x", "w"}


def test_notebook(tmp_path):
    cells = [{"cell_type": "markdown", "source": ["# words"]},
             {"cell_type": "code", "source": ["%matplotlib inline\n", "import numpy as np"]},
             {"cell_type": "code", "source": TANH.splitlines(keepends=True)}]  # fmt: skip
    path = tmp_path / "notes.ipynb"
    path.write_text(json.dumps({"cells": cells, "nbformat": 4}))
    assert str(derive.differentiate(path)["x"].expr) == "1 - tanh(x[i])^2"


def test_sympy_expressions():
    x, s = IndexedBase("x"), IndexedBase("s")
    i, C = symbols("i", integer=True), symbols("C", integer=True, positive=True)
    p = derive.softmax(x[i], (i, C))
    assert str(derive.differentiate(derive.read({s[i]: p, "L": Sum(s[i] ** 2, (i, 0, C - 1))}))["s"].expr) == "2*s[i]"
    e = derive.from_sympy(p)
    assert derive.to_sympy(e) == derive.to_sympy(derive.from_sympy(derive.to_sympy(e)))
    assert "x" in derive.differentiate(e)


def test_shapes_facts_and_sample():
    bare = SOURCE.replace("# shapes: Z (n, C) · y int (n,)\n", "")
    for shapes in ({"Z": "n C", "y": "int n"}, "Z: n C; y: int n"):
        assert [str(n) for n in derive.read(bare, shapes=shapes).shape("Z")] == ["n", "C"]
    assert derive.read(TANH, facts="x > 0").facts[0].kind == "positive"
    assert len(derive.read(bare, sample={"Z": np.zeros((4, 3)), "y": np.zeros(4, int)}).shape("Z")) == 2


def test_a_program_is_itself(d):
    assert derive.read(d.forward) is d.forward


BAD = [  # id, call, problem, line, column
    ("no such file", lambda: derive.read("nowhere.py"), Unreadable, None, None),
    ("no such file, named", lambda: derive.read("nowhere.py:f"), Unreadable, None, None),
    ("a number", lambda: derive.read(3), Usage, None, None),
    ("empty", lambda: derive.read("\n"), Unreadable, None, None),
    ("syntax", lambda: derive.read("def forward(x:\n  pass\n"), Unreadable, 1, None),
    ("unknown function", lambda: derive.read("def forward(x):\n    return np.foo(x)\n"), derive.Problem, 2, 12),
    ("builtin", lambda: derive.read(len), Unreadable, None, None),
    ("wrt unknown", lambda: derive.differentiate(SOURCE, wrt="W"), UnknownName, None, None),
    ("wrt labels", lambda: derive.differentiate(SOURCE, wrt="y"), NotDifferentiable, None, None),
    ("of unknown", lambda: derive.differentiate(SOURCE, of="M"), UnknownName, None, None),
    ("no such gradient", lambda: derive.differentiate(TANH)["y"], UnknownName, None, None),
    ("no such line", lambda: derive.differentiate(TANH)["x@99"], UnknownName, None, None),
    ("style", lambda: derive.differentiate(TANH).code(style="fast"), Usage, None, None),
    ("target", lambda: derive.differentiate(TANH).code(target="fortran"), Usage, None, None),
    ("report format", lambda: derive.differentiate(TANH).report("out.docx"), Usage, None, None),
    ("engine", lambda: derive.differentiate(TANH).report("out.pdf", engine="word"), Usage, None, None),
    ("hessian of many", lambda: derive.hessian(TWO, wrt="x", of="u"), Usage, None, None),
    ("shapes text", lambda: derive.read(TANH, shapes="x n"), Usage, None, None),
    ("facts", lambda: derive.read(TANH, facts=["x is nice"]), derive.Problem, None, None),
    ("SymPy text", lambda: derive.from_sympy("x[i]"), Usage, None, None),
]


@pytest.mark.parametrize(("call", "problem", "line", "column"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_input_is_a_problem(call, problem, line, column):
    with pytest.raises(problem) as caught:
        call()
    found = caught.value
    assert isinstance(found, derive.Problem) and found.what
    assert (line is None or found.line == line) and (column is None or found.column == column)
    for name in ("path", "line", "column", "what", "why", "hint"):
        assert hasattr(found, name)


def test_binary_file(tmp_path):
    path = tmp_path / "forward.py"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(Unreadable) as caught:
        derive.read(path)
    assert str(path) in str(caught.value)


# ---------------------------------------------------------------- gradients


def test_a_gradient(d):
    view = d["Z"]
    assert [str(n) for n in view.shape] == ["n", "C"]
    assert view.certainty == "proved" and len(view.steps) >= 1
    assert r"\frac" in view.latex() and "∂L/∂Z" in view.unicode()
    assert isinstance(view.to_sympy(), sympy.Expr)
    assert str(view).startswith("∂Z[")
    assert list(d)[-1] == "Z" and "P" in d and "y" not in d


def test_versions_by_line():
    text = TANH.replace("return np.tanh(x).sum()", "h = x * 2\n    h = np.tanh(h)\n    return h.sum()")
    d = derive.differentiate(text)
    assert str(d["h"].target.name) == "∂h" and d["h@4"].name != d["h"].name == d["h@5"].name


def test_wrt_and_of_narrow_the_result():
    d = derive.differentiate(TWO, wrt=["w"], of="u")
    assert d.wrt == ("w",) and "x" not in d


def test_jacobian_of_softmax():
    x, s = IndexedBase("x"), IndexedBase("s")
    i, k, C = symbols("i", integer=True), symbols("k", integer=True), symbols("C", integer=True, positive=True)
    p = derive.softmax(x[i], (i, C))
    ours = derive.jacobian({s[i]: p}, of="s", wrt="x")
    assert ours.certainty == "proved" and len(ours.shape) == 2
    theirs = derive.jacobian(p, x[k], where={s[i]: p})
    gap = derive.to_sympy(ours, dict(zip(ours.indices, (i, k), strict=True))) - theirs
    assert all(sympy.expand(gap.subs({i: a, k: b})) == 0 for a in range(3) for b in range(3))


HESSIANS = [
    ("cubes", lambda x, i, n: Sum(x[i] ** 3, (i, 0, n - 1)), lambda v: np.diag(6 * v)),
    ("square of the sum", lambda x, i, n: Sum(x[i], (i, 0, n - 1)) ** 2, lambda v: np.full((len(v),) * 2, 2.0)),
    ("log sum exp", lambda x, i, n: sympy.log(Sum(sympy.exp(x[i]), (i, 0, n - 1))),
     lambda v: np.diag(np.exp(v) / np.exp(v).sum()) - np.outer(np.exp(v), np.exp(v)) / np.exp(v).sum() ** 2),
]  # fmt: skip


@pytest.mark.parametrize(("loss", "true"), [row[1:] for row in HESSIANS], ids=[row[0] for row in HESSIANS])
def test_hessians(loss, true):
    x, i, n = IndexedBase("x"), symbols("i", integer=True), symbols("n", integer=True, positive=True)
    found = derive.hessian(loss(x, i, n))
    v = np.array([0.3, -0.7, 1.1])
    a, b = symbols("a b", integer=True)
    e = derive.to_sympy(found, dict(zip(found.indices, (a, b), strict=True)))
    values = [[float(e.subs({a: p, b: q, n: 3}).doit().subs({x[m]: v[m] for m in range(3)})) for q in range(3)]
              for p in range(3)]  # fmt: skip
    assert found.certainty == "proved"
    np.testing.assert_allclose(values, true(v), rtol=1e-12)


def test_second_derivatives_of_a_program(d):
    again = derive.differentiate(d.program, wrt="Z", of="∂Z")
    assert "Z" in again and again.certainty == "proved"


# ---------------------------------------------------------------- code


@pytest.mark.parametrize("style", ["steps", "closed"])
def test_the_function(d, data, style):
    outputs, gradients = d.function(style)(**data)
    P = np.exp(data["Z"]) / np.exp(data["Z"]).sum(1, keepdims=True)
    assert np.isclose(outputs, -np.log(P[np.arange(4), data["y"]]).mean())
    P[np.arange(4), data["y"]] -= 1
    assert list(gradients) == ["Z"]
    np.testing.assert_allclose(gradients["Z"], P / 4, atol=1e-15)


def test_a_traceback_shows_the_generated_line(d, data):
    fn = d.function("steps")
    try:
        fn(Z=data["Z"], y=data["y"] + 7)
    except ValueError:
        shown = traceback.format_exc()
    assert "<derive forward steps" in shown and "raise ValueError" in shown


def test_code_is_stable(d):
    assert d.code() == derive.differentiate(derive.read(SOURCE)).code() != d.code(style="steps")


def test_upstream_of_several_outputs_is_told():
    function = derive.differentiate("def f(x):\n    # shapes: x (n,)\n    y = x * x\n    return y, y.sum()\n").function()
    x = np.arange(3.0)
    for upstream in ((None, 1.0), {"out": 1.0}):
        assert np.allclose(function(x=x, upstream=upstream)[1]["x"], 2 * x)
    with pytest.raises(ValueError, match="a tuple or a dict"):
        function(x=x, upstream=1.0)


NOTEBOOK = """
import matplotlib.pyplot as plt
V, E, T, H = 27, 10, 3, 64
Xb = torch.randint(0, V, (32, T))
Yb = torch.randint(0, V, (32,))
C = torch.randn((V, E))
W1 = torch.randn((T*E, H)) * 0.1
W2 = torch.randn((H, V))
emb = C[Xb]
h = torch.tanh(emb.view(emb.shape[0], -1) @ W1)
logits = h @ W2
loss = F.cross_entropy(logits, Yb)
print(loss.item())
loss.backward()
plt.plot([loss.item()])
for p in [C, W1, W2]:
    p.data += -0.1 * p.grad
"""


def test_sizes_that_are_numbers_fit_into_memory():
    """Entries of a Jacobian at the sizes of a notebook are more than a judge may hold."""
    d = derive.differentiate("import torch\nimport torch.nn.functional as F\n" + NOTEBOOK)
    assert d.certainty == "proved" and d.wrt == ("C", "W1", "W2")
    assert d.verification.fine and len(d.verification.rows) >= 3


def test_a_long_program():
    """A hundred lines in which every array is used twice: written out they would be exponentially long."""
    lines = [f"    h{k + 1} = np.tanh(h{k} @ W) + 0.5*h{k}\n" for k in range(50)]
    body = "    p = np.exp(h50)\n    p = p / p.sum(1, keepdims=True)\n    return -np.log(p[range(len(y)), y]).mean()\n"
    source = "def f(X, W, y):\n    # shapes: X (n, d) · W (d, d) · y int (n,)\n    h0 = X\n" + "".join(lines) + body
    d = derive.differentiate("import numpy as np\n" + source, wrt=["X", "W"], judged=False)
    assert len(d.code().splitlines()) < 450


def test_verification(d):
    found = d.verification
    assert found.fine and found.rows[0].complex_step < 1e-14 and found.rows[0].central < 1e-6
    assert derive.differentiate(derive.read({"L": IndexedBase("x")[0] ** 2}, shapes={"x": "n"})).verification.problem


VERIFIED = [
    ("several outputs", TWO),
    ("vanishing gradient", "# shapes: x (n, C) · b (C,)\ndef forward(x, b):\n    z = x + b\n"
     "    m = z.mean(axis=0, keepdims=True)\n    return ((z - m)**2).sum() * (x*x).sum()\n"),
    ("structured", "# shapes: w (n,) · b (n,) · x (n,)\ndef forward(p, x):\n"
     "    return (p['w'] * x + p['b']**2).sum()\n"),
]  # fmt: skip


@pytest.mark.parametrize("source", [row[1] for row in VERIFIED], ids=[row[0] for row in VERIFIED])
def test_verified(source):
    found = derive.differentiate(source).verification
    assert found.rows and found.fine, found


# ---------------------------------------------------------------- files and showing


def test_write(d, tmp_path):
    written = d.write(tmp_path / "out")
    names = {p.relative_to(tmp_path / "out").as_posix() for p in written}
    assert {"derivation.txt", "report.tex", "report.pdf", "backward.py", "backward_closed.py", "parts/Z.tex"} <= names
    assert (tmp_path / "out" / "report.pdf").read_bytes().startswith(b"%PDF")
    assert not [p for p in (tmp_path / "out").rglob(".*")]
    before = {p: p.read_bytes() for p in written}
    d.write(tmp_path / "out")
    assert before == {p: p.read_bytes() for p in written}


def test_nothing_is_half_written(d, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "backward.py").mkdir()
    with pytest.raises(Usage):
        d.write(tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir() if p.is_file()] == []


def test_report_as_tex_and_one_part(d, tmp_path):
    d.report(tmp_path / "a.tex")
    assert (tmp_path / "a.tex").exists() and (tmp_path / "parts" / "Z.tex").exists()
    assert d.report(tmp_path / "Z.tex", only="Z") == [tmp_path / "Z.tex"]
    with pytest.raises(UnknownName):
        d.report(tmp_path / "q.tex", only="Q")


def test_rich_display(d):
    shown = d._repr_mimebundle_()
    assert "∂L/∂Z" in shown["text/plain"]
    assert r"\begin{aligned}" in shown["text/latex"] and "align*" not in shown["text/latex"]
    assert r"\tag" not in shown["text/latex"]


# ---------------------------------------------------------------- ops


@pytest.fixture
def added():
    before = {row.name for row in OPS}
    yield
    for row in list(OPS):
        if row.name not in before:
            OPS.remove(row.name)


def test_a_users_op(added):
    row = derive.op("softsign", meaning="u/(1 + abs(u))", slope="1/(1 + abs(u))^2")
    assert "np.abs" in row.numpy
    assert str(derive.op("cube", meaning="u^3").slopes[0]).replace("[]", "") == "3*u^2"


REFUSED_OPS = [
    ("wrong slope", {"meaning": "u^3", "slope": "3*u"}, Usage),
    ("wrong NumPy", {"meaning": "u^3", "numpy": "{u} * {u}"}, Usage),
    ("unsafe NumPy", {"meaning": "u^3", "numpy": "__import__('os').system('x') or {u}"}, Usage),
    ("hidden attribute", {"meaning": "u^3", "numpy": "np.__dict__ and {u}"}, Usage),
    ("no meaning", {}, Usage),
    ("taken", {"name": "tanh", "meaning": "u"}, Usage),
    ("notation", {"meaning": "u^^3"}, derive.Problem),
]


@pytest.mark.parametrize(("row", "problem"), [row[1:] for row in REFUSED_OPS], ids=[row[0] for row in REFUSED_OPS])
def test_refused_ops(row, problem, added):
    with pytest.raises(problem):
        derive.op(**{"name": "mine", **row})
    assert "mine" not in OPS


# ---------------------------------------------------------------- weight


def test_import_is_light():
    code = "import sys, derive; print(sorted({'sympy', 'numpy', 'typer', 'jinja2'} & set(sys.modules)), dir(derive))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.startswith("[]") and "differentiate" in out


def test_every_public_name_exists():
    assert all(hasattr(derive, name) for name in derive.__all__)
    with pytest.raises(AttributeError):
        derive.nothing  # noqa: B018


__all__ = ["ShapeMismatch", "Unsupported"]
