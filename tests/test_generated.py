"""The committed outputs: remade to the byte, and right as they stand, against independent derivatives of the source.

The truth is the complex step of the user's own source, evaluated by the separate interpreter (the examples that take a
maximum are differentiated by it as well: off ties it is exact there too).
"""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from derive.judges.interpreter import complex_step, run

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "generated"))
import remake  # noqa: E402

STYLES = {"steps": "backward.py", "closed": "backward_closed.py"}


def _sizes(**letters):
    return letters


# name: inputs from sizes; three sizes each, pairwise different, the first the smallest
def _vector(rng, C):
    return {"x": rng.normal(size=C)}


def _target(rng, C):
    y = rng.uniform(0.1, 1, C)
    return {"x": rng.normal(size=C), "y": y / y.sum()}


def _batch(rng, N, C):
    return {"Z": rng.normal(size=(N, C)), "y": rng.integers(0, C, N)}


def _sample(rng, C):
    return {"l": rng.normal(size=C), "y": int(rng.integers(0, C))}


def _network(rng, m, d, n1, n2, n3, C):
    shapes = [(d, n1), (1, n1), (n1, n2), (1, n2), (n2, n3), (1, n3), (n3, C), (1, C)]
    names = ["W1", "B1", "W2", "B2", "W3", "B3", "W4", "B4"]
    weights = {name: 0.5 * rng.normal(size=shape) for name, shape in zip(names, shapes, strict=True)}
    return {"X": rng.normal(size=(m, d)), **weights, "sample_out": rng.integers(0, C, m)}


def _makemore(rng, V, E, T, H, n):
    normal = rng.normal
    return {
        "C": normal(size=(V, E)), "W1": normal(size=(T * E, H)), "b1": normal(size=H), "bngain": normal(size=(1, H)),
        "bnbias": normal(size=(1, H)), "W2": normal(size=(H, V)), "b2": normal(size=V),
        "Xb": rng.integers(0, V, (n, T)), "Yb": rng.integers(0, V, n),
    }  # fmt: skip


def _layers(rng, n, d, C):
    return {"X": rng.normal(size=(n, d)), "W": rng.normal(size=(d, C)), "b": rng.normal(size=C),
            "Y": np.eye(C)[rng.integers(0, C, n)]}  # fmt: skip


def _hidden(rng, n, p, h, C):
    return {"X": rng.normal(size=(n, p)), "V": rng.normal(size=(p, h)), "b": rng.normal(size=h),
            "W": rng.normal(size=(h, C)), "c": rng.normal(size=C), "Y": np.eye(C)[rng.integers(0, C, n)], "r": 0.1}  # fmt: skip


def _line(rng, N):
    return {"w0": rng.normal(), "w1": rng.normal(), "x": rng.normal(size=N), "y": rng.normal(size=N)}


def _squares(rng, N, D):
    return {"X": rng.normal(size=(N, D)), "w": rng.normal(size=D), "y": rng.normal(size=N)}


def _one_label(rng, C):
    return {"x": rng.normal(size=C), "t": int(rng.integers(C))}


def _ridge(rng, n, d):
    return {"X": rng.normal(size=(n, d)), "w": rng.normal(size=d), "y": rng.normal(size=n), "lam": float(rng.uniform(0.1, 2))}


def _weighted(rng, n, d):
    return {"X": rng.normal(size=(n, d)), "w": rng.normal(size=d), "b": float(rng.normal()), "y": rng.normal(size=n),
            "q": rng.uniform(0.1, 2, n)}  # fmt: skip


def _logistic(rng, n, d):
    return {"X": rng.normal(size=(n, d)), "w": rng.normal(size=d), "y": rng.uniform(0, 1, n)}


# fmt: off
ROWS = [dict(n=3, d=2), dict(n=5, d=4), dict(n=4, d=6)]
CASES = {
    "cross_entropy_routes":      (_one_label, [dict(C=2), dict(C=5), dict(C=11)]),
    "ridge_regression":          (_ridge,    ROWS),
    "weighted_regression":       (_weighted, ROWS),
    "logistic_regression":       (_logistic, ROWS),
    "softmax_jacobian":          (_vector,   [dict(C=2), dict(C=5), dict(C=11)]),
    "softmax_cross_entropy":     (_target,   [dict(C=2), dict(C=5), dict(C=11)]),
    "any_target_cross_entropy":  (_target,   [dict(C=2), dict(C=5), dict(C=11)]),
    "batch_cross_entropy":       (_batch,    [dict(N=2, C=3), dict(N=7, C=4), dict(N=5, C=9)]),
    "single_sample_nll":         (_sample,   [dict(C=2), dict(C=5), dict(C=11)]),
    "softmax_layer":             (_network,  [dict(m=2, d=3, n1=4, n2=5, n3=6, C=7), dict(m=6, d=5, n1=3, n2=2, n3=4, C=3),
                                              dict(m=3, d=2, n1=5, n2=3, n3=2, C=4)]),
    "makemore":                  (_makemore, [dict(V=3, E=2, T=2, H=4, n=5), dict(V=5, E=3, T=2, H=4, n=6),
                                              dict(V=4, E=2, T=3, H=5, n=7)]),
    "layers":                    (_layers,   [dict(n=2, d=3, C=4), dict(n=5, d=2, C=3), dict(n=4, d=6, C=5)]),
    "matrix_network":            (_hidden,   [dict(n=2, p=3, h=4, C=5), dict(n=5, p=2, h=3, C=4), dict(n=4, p=6, h=2, C=3)]),
    "linear_regression":         (_line,     [dict(N=2), dict(N=5), dict(N=9)]),
    "least_squares":             (_squares,  [dict(N=3, D=2), dict(N=5, D=4), dict(N=4, D=6)]),
}
# fmt: on
ALL = [(name, style, k) for name in CASES for style in STYLES for k in range(3)]
FLOAT32 = [(name, style) for name in CASES for style in STYLES]


def load(name: str, style: str):
    """The committed module."""
    path = ROOT / "generated" / name / STYLES[style]
    spec = importlib.util.spec_from_file_location(f"generated_{name}_{style}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def data(name: str, k: int):
    make, sizes = CASES[name]
    return make(np.random.default_rng([k, 7]), **sizes[k])


def source(name: str) -> str:
    return (ROOT / "examples" / f"{name}.py").read_text()


def upstream_for(name: str, inputs):
    out = run(source(name), inputs, "forward").outputs
    return None if np.ndim(out) == 0 else np.random.default_rng(3).normal(size=np.shape(out))


def relative(found, true) -> float:
    scale = max(np.max(np.abs(true)), 1e-300) if np.size(true) else 1.0
    return float(np.max(np.abs(np.asarray(found, float) - true)) / scale) if np.size(true) else 0.0


def largest(true: dict) -> float:
    return max(float(np.max(np.abs(g))) for g in true.values())


@pytest.mark.parametrize("name", remake.names())
def test_remade_to_the_byte(name, update, monkeypatch):
    monkeypatch.chdir(ROOT)
    if update:
        remake.remake(name)
    folder = ROOT / "generated" / name
    made = remake.files(name)
    kept = {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file() and p.suffix not in (".pdf", ".png")}
    assert kept.keys() == made.keys(), "run `python generated/remake.py`"
    for path, content in made.items():
        assert kept[path] == content, f"{name}/{path} is stale: run `python generated/remake.py`"


@pytest.mark.parametrize("name", remake.WITH_PDF)
def test_pdf_is_remade_to_the_byte(name, monkeypatch):
    pytest.importorskip("typst", reason="the embedded PDF engine is not installed")
    monkeypatch.chdir(ROOT)
    assert (ROOT / "generated" / name / "report.pdf").read_bytes() == remake.pdf(name)


def test_every_example_has_a_case():
    assert set(CASES) == set(remake.names())


@pytest.mark.parametrize("name, style, k", ALL)
def test_gradients_are_the_true_ones(name, style, k):
    inputs = data(name, k)
    upstream = upstream_for(name, inputs)
    outputs, found = load(name, style).loss_and_gradients(**inputs, upstream=upstream)
    true = complex_step(source(name), inputs, list(found), upstream, "forward")
    np.testing.assert_allclose(outputs, run(source(name), inputs, "forward").outputs, rtol=1e-12)
    for wrt, g in found.items():
        assert np.shape(g) == np.shape(inputs[wrt])
        scale = largest(true)
        assert np.max(np.abs(g - true[wrt])) <= 1e-12 * scale, f"{wrt}: {relative(g, true[wrt])}"


@pytest.mark.parametrize("name, style", FLOAT32)
def test_float32_stays_float32(name, style):
    inputs = data(name, 1)
    upstream = upstream_for(name, inputs)
    low = {k: np.asarray(v, np.float32) if np.asarray(v).dtype.kind == "f" else v for k, v in inputs.items()}
    up = None if upstream is None else upstream.astype(np.float32)
    outputs, found = load(name, style).loss_and_gradients(**low, upstream=up)
    true = complex_step(source(name), inputs, list(found), upstream, "forward")
    assert np.asarray(outputs).dtype == np.float32
    for wrt, g in found.items():
        assert g.dtype == np.float32, wrt
        assert np.max(np.abs(g - true[wrt])) <= 1e-4 * largest(true)


@pytest.mark.parametrize("name, style", FLOAT32)
def test_inputs_may_be_strided_and_read_only_and_stay_as_they_are(name, style):
    inputs = data(name, 1)
    upstream = upstream_for(name, inputs)
    _, plain = load(name, style).loss_and_gradients(**inputs, upstream=upstream)

    def awkward(value):
        if np.ndim(value) == 0:
            return value
        wide = np.zeros((*np.shape(value)[:-1], 2 * np.shape(value)[-1]), np.asarray(value).dtype)
        wide[..., ::2] = value
        view = wide[..., ::2]
        view.flags.writeable = False
        return view

    odd = {k: awkward(v) for k, v in inputs.items()}
    before = {k: np.array(v) for k, v in odd.items()}
    _, found = load(name, style).loss_and_gradients(**odd, upstream=upstream)
    for wrt, g in found.items():
        np.testing.assert_allclose(g, plain[wrt], rtol=1e-12, atol=1e-14)
    for k, v in odd.items():
        np.testing.assert_array_equal(v, before[k])


# The input that makes the logits large, and a reference whose exponentials are shifted by hand.
LARGE = {"softmax_cross_entropy": "x", "any_target_cross_entropy": "x", "batch_cross_entropy": "Z", "single_sample_nll": "l",
         "softmax_jacobian": "x", "softmax_layer": "W4", "makemore": "W2", "layers": "W"}  # fmt: skip


@pytest.mark.parametrize("name", LARGE)
def test_closed_style_is_finite_and_right_at_large_logits(name):
    inputs = data(name, 1)
    inputs[LARGE[name]] = 2000 * inputs[LARGE[name]]
    upstream = upstream_for(name, data(name, 1))
    with np.errstate(all="raise", under="ignore"):
        outputs, found = load(name, "closed").loss_and_gradients(**inputs, upstream=upstream)
    true = reference(name, inputs, upstream)
    assert np.all(np.isfinite(outputs))
    for wrt, g in found.items():
        assert np.all(np.isfinite(g)), wrt
        if wrt in true:
            assert np.max(np.abs(g - true[wrt])) <= 1e-12 * max(1.0, largest(true)), wrt


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def reference(name, a, upstream):
    """The gradients that large logits reach first, from the textbook's closed forms."""
    if name in ("softmax_cross_entropy", "any_target_cross_entropy"):
        return {"x": softmax(a["x"]) * a["y"].sum() - a["y"]}
    if name == "batch_cross_entropy":
        n, c = a["Z"].shape
        return {"Z": (softmax(a["Z"]) - np.eye(c)[a["y"]]) / n}
    if name == "single_sample_nll":
        return {"l": softmax(a["l"]) - np.eye(len(a["l"]))[a["y"]]}
    if name == "softmax_jacobian":
        s = softmax(a["x"])
        return {"x": s * (upstream - upstream @ s)}
    if name == "layers":
        d = (softmax(a["X"] @ a["W"] + a["b"]) - a["Y"]) / len(a["X"])
        return {"W": a["X"].T @ d, "b": d.sum(0), "X": d @ a["W"].T}
    h, logits, labels = hidden(name, a)
    d = (softmax(logits) - np.eye(logits.shape[1])[labels]) / len(logits)
    last, bias = ("W4", "B4") if name == "softmax_layer" else ("W2", "b2")
    return {last: h.T @ d, bias: d.sum(0).reshape(np.shape(a[bias]))}


def hidden(name, a):
    """The last hidden layer and the logits."""
    if name == "softmax_layer":
        h = a["X"]
        for k in "123":
            h = np.tanh(h @ a[f"W{k}"] + a[f"B{k}"])
        return h, h @ a["W4"] + a["B4"], a["sample_out"]
    pre = a["C"][a["Xb"]].reshape(len(a["Xb"]), -1) @ a["W1"] + a["b1"]
    h = np.tanh(a["bngain"] * (pre - pre.mean(0)) / np.sqrt(pre.var(0, ddof=1) + 1e-5) + a["bnbias"])
    return h, h @ a["W2"] + a["b2"], a["Yb"]


@pytest.mark.parametrize("name", list(CASES))
def test_generated_modules_pass_ruff(name):
    pytest.importorskip("ruff", reason="ruff is not installed")
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--line-length", "120", "--select", "E,F"]
    found = subprocess.run([*command, str(ROOT / "generated" / name)], capture_output=True, text=True)
    assert found.returncode == 0, found.stdout
