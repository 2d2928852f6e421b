"""Layers as classes: the generated module executed, against the whole forward's code and complex steps."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import derive
from derive.cli import main
from derive.errors import NotDifferentiable, Problem, ShapeUnknown, UnknownName, Unsupported, Usage
from derive.judges.interpreter import complex_step, run

EXAMPLE = Path(__file__).parent.parent / "examples" / "layers.py"
SOURCE = EXAMPLE.read_text()
MORE = """
import numpy as np

# facts: onehot Y


def batch_norm(x, gamma, beta, eps=1e-5):
    # layer: BatchNorm with parameters gamma and beta
    # shapes: x (n, d) · gamma (d,) · beta (d,)
    mu = x.mean(axis=0)
    var = ((x - mu) ** 2).mean(axis=0)
    xhat = (x - mu) / np.sqrt(var + eps)
    return gamma * xhat + beta


def tanh(x):
    # layer: Tanh
    # shapes: x (n, h)
    return np.tanh(x)


def embed(tokens, C):
    # layer: Embedding with parameter C
    # shapes: tokens int (n, T) · C (V, d)
    return C[tokens]


def scale(step, self, up_grad):
    # layer: Scale with parameters step, self
    # shapes: up_grad (n, d) · step () · self (d,)
    return up_grad * step + self, (up_grad**2).sum()


def nll(z, y):
    # layer: NegativeLogLikelihood
    # shapes: z (n, C) · y int (n,)
    n = z.shape[0]
    e = np.exp(z)
    p = e / e.sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(n), y]).mean()


def center(x, c):
    # layer: Center with parameters c
    # shapes: x (n, d) · c (d,)
    return ((x - c) ** 2).sum()


def forward(X, Y):
    # shapes: X (m, m) · Y (m, m)
    return -np.sum(Y * tanh(X))
"""


def written(source: str, style: str = "closed") -> str:
    return derive.differentiate(source).code("layers", style)


def load(text: str) -> dict:
    scope: dict = {}
    exec(compile(text, "layers", "exec"), scope)
    return scope


@pytest.fixture(scope="module", params=["closed", "steps"])
def both(request) -> dict:
    """The classes of the example and of MORE, in one style."""
    return load(written(SOURCE, request.param)) | load(written(MORE, request.param))


def data(dtype=float, n=5, d=3, C=4) -> dict:
    rng = np.random.default_rng(1)
    made = {"X": rng.normal(size=(n, d)), "W": rng.normal(size=(d, C)), "b": rng.normal(size=C),
            "Y": np.eye(C)[rng.integers(0, C, n)]}  # fmt: skip
    return {name: value.astype(dtype) for name, value in made.items()}


def chained(classes: dict, given: dict):
    """The loss, the gradient at X, and the layers after one backward pass."""
    layers = [classes["Linear"](given["W"], given["b"]), classes["Softmax"]()]
    out = given["X"]
    for layer in layers:
        out = layer(out)
    loss = classes["CrossEntropy"]()
    value, grad = loss(out, given["Y"]), loss.backward()
    for layer in reversed(layers):
        grad = layer.backward(grad)
    return value, grad, [*layers, loss]


# ---------------------------------------------------------------- the chain of the example


def test_the_chain_is_the_whole_forward(both):
    given = data()
    value, dX, (linear, *_) = chained(both, given)
    whole, gradients = derive.differentiate(SOURCE).function("closed")(**given)
    exact = complex_step(SOURCE, given, ["X", "W", "b"])
    np.testing.assert_allclose(value, whole, rtol=1e-13)
    for name, found in {"X": dX, "W": linear.grad_W, "b": linear.grad_b}.items():
        np.testing.assert_allclose(found, gradients[name], rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(found, exact[name], rtol=1e-10, atol=1e-14)


def test_training_decreases_the_loss(both):
    given = data(n=12)
    losses = []
    for _ in range(40):
        value, _, layers = chained(both, given)
        for layer in layers:
            layer.step(0.5)
        losses.append(float(value))
        given |= {"W": layers[0].W, "b": layers[0].b}
    assert all(after < before for before, after in zip(losses, losses[1:], strict=False))
    assert losses[-1] < 0.6 * losses[0]


def test_step_moves_own_copies(both):
    given = data()
    kept = {name: value.copy() for name, value in given.items()}
    _, _, layers = chained(both, given)
    layers[0].step(0.1)
    np.testing.assert_array_equal(layers[0].W, kept["W"] - 0.1 * layers[0].grad_W)
    assert all(np.array_equal(given[name], kept[name]) for name in given)


def test_float32_stays(both):
    value, dX, layers = chained(both, data(np.float32))
    layers[0].step(np.float64(0.1))
    kept = [value, dX, layers[0].W, layers[0].grad_W, layers[0].b, layers[0].grad_b]
    assert [a.dtype for a in kept] == [np.float32] * 6


# ---------------------------------------------------------------- single layers


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


# class, its function, parameters, other inputs, shapes of the upstream gradients
SINGLE = [
    ("Linear", "linear", {"W": normal(3, 4), "b": normal(4)}, {"X": normal(5, 3, seed=1)}, [(5, 4)]),
    ("Softmax", "softmax", {}, {"z": normal(5, 3)}, [(5, 3)]),
    ("CrossEntropy", "cross_entropy", {}, {"yhat": abs(normal(5, 3)), "Y": normal(5, 3, seed=1)}, [()]),
    ("BatchNorm", "batch_norm", {"gamma": normal(3), "beta": normal(3)}, {"x": normal(5, 3)}, [(5, 3)]),
    ("BatchNorm", "batch_norm", {"gamma": normal(3), "beta": normal(3)}, {"x": normal(5, 3), "eps": 0.1}, [(5, 3)]),
    ("Tanh", "tanh", {}, {"x": normal(5, 3)}, [(5, 3)]),
    ("Embedding", "embed", {"C": normal(7, 3)}, {"tokens": np.array([[0, 1], [6, 0], [0, 0]])}, [(3, 2, 3)]),
    ("Scale", "scale", {"step": np.array(1.5), "self": normal(3)}, {"up_grad": normal(5, 3)}, [(5, 3), ()]),
    ("NegativeLogLikelihood", "nll", {}, {"z": normal(5, 3), "y": np.array([0, 2, 2, 1, 0])}, [()]),
    ("Center", "center", {"c": normal(3)}, {"x": normal(5, 3)}, [()]),
]


@pytest.mark.parametrize("name, function, parameters, inputs, shapes", SINGLE, ids=[row[0] for row in SINGLE])
def test_a_layer_is_its_function(both, name, function, parameters, inputs, shapes):
    source = SOURCE if f"def {function}(" in SOURCE else MORE
    layer = both[name](*parameters.values())
    up = [normal(*shape, seed=2) for shape in shapes]
    first = next(iter(inputs))
    moving = [*parameters, *([first] if inputs[first].dtype.kind == "f" else [])]
    given = {"eps": 1e-5} if function == "batch_norm" else {}
    everything = given | parameters | inputs
    exact = complex_step(source, everything, moving, tuple(up) if len(up) > 1 else up[0], function)
    out = layer(*inputs.values())
    down = layer.backward(tuple(up) if len(up) > 1 else up[0])
    found = {p: getattr(layer, f"grad_{p}") for p in parameters} | ({first: down} if first in moving else {})
    assert down is None or first in moving
    for key, gradient in found.items():
        np.testing.assert_allclose(gradient, exact[key], rtol=1e-10, atol=1e-13)
    expected = run(source, everything, function).outputs
    for ours, theirs in zip(*(v if isinstance(v, tuple) else (v,) for v in (out, expected)), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_gradients_start_at_zero_and_a_loss_needs_no_up_grad(both):
    layer = both["Center"](normal(3))
    np.testing.assert_array_equal(layer.grad_c, np.zeros(3))
    layer(normal(5, 3))
    np.testing.assert_array_equal(layer.backward() * 3, layer.backward(3))


def test_misuse_says_what_is_wrong(both):
    layer = both["Linear"](normal(3, 4), normal(4))
    with pytest.raises(ValueError, match="Linear.backward comes after forward"):
        layer.backward(normal(5, 4))
    with pytest.raises(ValueError, match="W has 3 along d, but X has 2"):
        layer(normal(5, 2))
    layer(normal(5, 3))
    with pytest.raises(ValueError, match="upstream of z has shape"):
        layer.backward(normal(5, 3))
    with pytest.raises(NotImplementedError):
        both["Layer"]()(1)


# ---------------------------------------------------------------- the text


@pytest.mark.parametrize("style", ["closed", "steps"])
@pytest.mark.parametrize("source", [SOURCE, MORE], ids=["example", "more"])
def test_the_text(source, style, tmp_path):
    text = written(source, style)
    assert text == written(source, style)
    imported = [ast.unparse(n) for n in ast.walk(ast.parse(text)) if isinstance(n, (ast.Import, ast.ImportFrom))]
    assert imported == ["import numpy as np"]
    (tmp_path / "made.py").write_text(text)
    pytest.importorskip("ruff", reason="ruff is not installed")
    done = subprocess.run([sys.executable, "-m", "ruff", "check", "--isolated", "--line-length", "120", str(tmp_path)],
                          capture_output=True)  # fmt: skip
    assert done.returncode == 0, done.stdout.decode()


def test_it_reads_like_a_layer():
    text = written(SOURCE)
    body = text[text.index("class Linear(Layer):") : text.index("class Softmax")]
    for line in (
        "    def __init__(self, W, b):",
        "    def forward(self, X):",
        "        z = X @ W + b  # line 12",
        "    def backward(self, up_grad):",
        "        dW = X.T @ dz",
        "        self.grad_W = dW",
        "        return dX",
        "        self.W -= lr * self.grad_W",
        "        W: (d, C)",
    ):
        assert line in body.splitlines()
    assert "def __init__" not in text[text.index("class Softmax") :]
    assert "    def backward(self, up_grad=1.0):" in text
    assert "# line 26: return -np.sum(Y * np.log(yhat)) / yhat.shape[0]" in text


def test_defaults_stay():
    assert "    def forward(self, x, eps=1e-05):" in written(MORE)


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "layers.py").write_text(SOURCE)
    for options, code in ([], 0), (["--check"], 0):
        with pytest.raises(SystemExit) as ended:
            main(["code", "layers.py", "--target", "layers", "-o", "made.py", *options])
        assert ended.value.code == code
    made = (tmp_path / "made.py").read_text()
    assert "derive code layers.py --target layers" in "".join(made.splitlines()[:2])
    assert set(load(made)) > {"Layer", "Linear", "Softmax", "CrossEntropy"}


def test_one_function_alone_is_a_layer():
    source = "def f(x, a):\n    # layer: F with parameters a\n    # shapes: x (n,) · a ()\n    return a * x\n"
    layer = load(written(source))["F"](3)
    assert layer([1, 2]).tolist() == [3, 6]
    assert layer.backward([1, 10]).tolist() == [3, 30]
    layer.step(1)
    assert layer.a == -18


# ---------------------------------------------------------------- errors

F = "def forward(x, a):\n    {}\n    # shapes: x (n,) · a (n,)\n    return x * a\n"
I = "def forward(t, x):\n    # layer: F{}\n    # shapes: t int (n,) · x (5,)\n    return x[t]\n"  # noqa: E741
# what is wrong: (source, problem, (line, column), part of its text)
G = F.format("# layer: F") + "def g({}):\n    # layer: {}\n{}    return u * 2\n"
ERRORS = {
    "no comment": (F.format("# a"), Usage, None, "# layer: Linear with parameters W, b"),
    "no name": (F.format("# layer:"), Usage, (2, 5), "cannot read `layer:`"),
    "no with": (F.format("# layer: F parameters a"), Usage, (2, 5), "cannot read"),
    "no argument": (F.format("# layer: F with parameters a, W"), UnknownName, (2, 5), "its arguments: x, a"),
    "keyword": (F.format("# layer: class"), Usage, (2, 5), "cannot be called `class`"),
    "base class": (F.format("# layer: Layer"), Usage, (2, 5), "cannot be called `Layer`"),
    "number": (F.format("# layer: 2d"), Usage, (2, 5), "cannot be called `2d`"),
    "twice the parameter": (F.format("# layer: F with parameters a, a"), Usage, (2, 5), "a is named twice"),
    "only parameters": (F.format("# layer: F with parameters x, a"), Usage, (2, 5), "nothing but parameters"),
    "twice the function": (F.format("# layer: F\n    # layer: G"), Usage, (3, 5), "named as a layer twice"),
    "twice the name": (G.format("u", "F", ""), Usage, (6, 5), "two layers"),
    "outside": ("# layer: F\n" + F.format("# a"), Usage, (1, 1), "its comment stands in none"),
    "labels as parameter": (I.format(" with parameters t"), NotDifferentiable, None, "`t`"),
    "labels only": (I.format(""), Usage, (2, 5), "`t` holds ints"),
    "no shape": (G.format("u", "G", ""), ShapeUnknown, None, "# shapes: u"),
    "a dict": (G.format("u, p", "G with parameters p", "    # shapes: u (n,) · w (n,)\n    u = u * p['w']\n"),
               Unsupported, (6, 5), "`p` is no array"),
}  # fmt: skip


@pytest.mark.parametrize("source, kind, place, says", ERRORS.values(), ids=ERRORS)
def test_errors_say_where_and_what(source, kind, place, says):
    with pytest.raises(Problem) as raised:
        written(source)
    assert type(raised.value) is kind
    assert place is None or (raised.value.line, raised.value.column) == place
    assert says in str(raised.value)


def test_only_python_has_layers():
    import sympy

    n = sympy.Symbol("n", integer=True)
    x, i = sympy.IndexedBase("x", shape=(n,)), sympy.Idx("i", n)
    with pytest.raises(Usage, match="no function|only"):
        derive.differentiate({"L": sympy.Sum(x[i] ** 2, (i, 0, n - 1))}).code("layers")
