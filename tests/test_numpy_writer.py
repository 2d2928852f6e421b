"""Generated modules: what INTERFACE.md promises of them, checked by running the text."""

from __future__ import annotations

import ast
import keyword
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from derive.errors import Span
from derive.index import Size
from derive.program import Program, Static, Variable, parse_program
from derive.writers.numpy import numpy_line
from derive.writers.numpy_module import numpy_lines, numpy_module
from derive.writers.numpy_tests import numpy_test
from derive.writers.numpy_text import wrapped

CROSS_ENTROPY = """
input X[n, d]
input W[d, C]
input b[C]
input y[n] int < C
Z[i:n, j:C] = sum[k:d] X[i,k]*W[k,j] + b[j]
E[i:n, j:C] = exp(Z[i,j])
s[i:n, o:1] = sum[j:C] E[i,j]
P[i:n, j:C] = E[i,j]/s[i,0]
Q[i:n, j:C] = log(P[i,j])
L[] = -1/n*sum[i:n] Q[i, y[i]]
output L
"""
CROSS_ENTROPY_STEPS = """
∂Q[i:n, j:C] = -1/n*[j = y[i]]
∂P[i:n, j:C] = ∂Q[i,j]/P[i,j]
∂s[i:n, o:1] = -1/s[i,0]^2*sum[j:C] ∂P[i,j]*E[i,j]
∂E[i:n, j:C] = ∂P[i,j]/s[i,0] + ∂s[i,0]
∂Z[i:n, j:C] = ∂E[i,j]*E[i,j]
∂X[i:n, k:d] = sum[j:C] ∂Z[i,j]*W[k,j]
∂W[k:d, j:C] = sum[i:n] X[i,k]*∂Z[i,j]
∂b[j:C] = sum[i:n] ∂Z[i,j]
"""
CROSS_ENTROPY_CLOSED = """
∂Z[i:n, j:C] = 1/n*(exp(Z[i,j])/sum[k:C] exp(Z[i,k]) - [j = y[i]])
∂X[i:n, k:d] = sum[j:C] ∂Z[i,j]*W[k,j]
∂W[k:d, j:C] = sum[i:n] X[i,k]*∂Z[i,j]
∂b[j:C] = sum[i:n] ∂Z[i,j]
"""
TWO_OUTPUTS = """
input x[n, H]
input w[H]
h[i:n, j:H] = tanh(x[i,j]*w[j])
c[i:n] = sum[j:H] h[i,j]^2
output h c
"""
TWO_OUTPUTS_STEPS = """
∂h~total[i:n, j:H] = ∂h[i,j] + 2*∂c[i]*h[i,j]
∂w[j:H] = sum[i:n] ∂h~total[i,j]*(1 - h[i,j]^2)*x[i,j]
∂x[i:n, j:H] = ∂h~total[i,j]*(1 - h[i,j]^2)*w[j]
"""


def programs(forward: str, gradients: str) -> tuple[Program, Program]:
    """The forward program, and the one with gradients and their upstream inputs."""
    p = parse_program(forward)
    scalar = len(p.outputs) == 1 and p.shape(p.outputs[0]) == ()
    upstream = [] if scalar else [f"input ∂{o}[{', '.join(map(str, p.shape(o)))}]" for o in p.outputs]
    full = parse_program("\n".join([*upstream, forward, gradients]))
    return p, replace(full, inputs=(*p.inputs, *(v for v in full.inputs if v.name.startswith("∂"))))


def load(text: str) -> dict:
    scope: dict = {}
    exec(compile(text, "generated", "exec"), scope)
    return scope


def cross_entropy(dtype=float, seed=0) -> dict:
    rng = np.random.default_rng(seed)
    made = {"X": rng.normal(size=(5, 3)), "W": rng.normal(size=(3, 4)), "b": rng.normal(size=4)}
    return {k: v.astype(dtype) for k, v in made.items()} | {"y": np.array([1, 0, 3, 3, 2])}


def differences(scope: dict, inputs: dict, wrt, weights=None, h=1e-6) -> dict:
    """Central differences of Σ weights·outputs."""

    def value(at):
        out, _ = scope["forward"](**at)
        outs = out if isinstance(out, tuple) else tuple(out.values()) if isinstance(out, dict) else (out,)
        return sum(float((np.asarray(o) * (1 if weights is None else w)).sum())
                   for o, w in zip(outs, weights or outs, strict=True))  # fmt: skip

    found = {}
    for name in wrt:
        grad = np.zeros_like(inputs[name], dtype=float)
        for place in np.ndindex(grad.shape):
            up, down = inputs[name].astype(float), inputs[name].astype(float)
            up[place] += h
            down[place] -= h
            grad[place] = (value(inputs | {name: up}) - value(inputs | {name: down})) / (2 * h)
        found[name] = grad
    return found


def module(forward=CROSS_ENTROPY, gradients=CROSS_ENTROPY_STEPS, wrt=("X", "W", "b"), **options) -> str:
    return numpy_module(*programs(forward, gradients), wrt, **options)


STYLES = {"steps": CROSS_ENTROPY_STEPS, "closed": CROSS_ENTROPY_CLOSED}


@pytest.fixture(params=list(STYLES))
def scope(request):
    return load(module(gradients=STYLES[request.param], style=request.param))


def test_gradients_match_differences(scope):
    inputs = cross_entropy()
    _, gradients = scope["loss_and_gradients"](**inputs)
    assert list(gradients) == ["X", "W", "b"]
    for name, expected in differences(scope, inputs, gradients).items():
        np.testing.assert_allclose(gradients[name], expected, atol=1e-8)
        assert gradients[name].shape == inputs[name].shape


def test_float32_stays(scope):
    loss, gradients = scope["loss_and_gradients"](**cross_entropy(np.float32))
    assert np.asarray(loss).dtype == np.float32
    assert {g.dtype for g in gradients.values()} == {np.dtype(np.float32)}


def test_inputs_may_be_strange(scope):
    plain = cross_entropy()
    _, expected = scope["loss_and_gradients"](**plain)
    odd = {k: np.asfortranarray(np.repeat(v, 2, axis=0))[::2] for k, v in plain.items()}
    for array in odd.values():
        array.flags.writeable = False
    _, found = scope["loss_and_gradients"](**odd)
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-12)
    _, listed = scope["loss_and_gradients"](**{k: v.tolist() for k, v in plain.items()})
    np.testing.assert_allclose(listed["W"], expected["W"], rtol=1e-12)


def test_integers_become_floats(scope):
    inputs = cross_entropy() | {"X": np.arange(15).reshape(5, 3) % 4}
    loss, gradients = scope["loss_and_gradients"](**inputs)
    assert gradients["X"].dtype == np.float64


def test_upstream_of_a_scalar(scope):
    inputs = cross_entropy()
    _, one = scope["loss_and_gradients"](**inputs)
    _, three = scope["loss_and_gradients"](upstream=3, **inputs)
    _, also = scope["loss_and_gradients"](upstream=np.array(3.0), **inputs)
    np.testing.assert_allclose(three["W"], 3 * one["W"], rtol=1e-12)
    np.testing.assert_allclose(also["W"], three["W"])
    with pytest.raises(ValueError, match="upstream"):
        scope["loss_and_gradients"](upstream=np.ones(5), **inputs)


@pytest.mark.parametrize(("change", "words"), [
    ({"W": np.ones((4, 4))}, ["W", "X", "d"]), ({"b": np.ones(3)}, ["b", "W", "C"]),
    ({"X": np.ones(5)}, ["X", "2 axes"]), ({"y": np.array([0, 1, 2, 3, 4])}, ["y", "0 to 3"]),
    ({"y": np.array([0, 1, 2, 3, -1])}, ["y"]), ({"y": np.ones(5) * 0.5}, ["y", "integers"]),
])  # fmt: skip
def test_shapes_are_checked(scope, change, words):
    with pytest.raises(ValueError) as raised:
        scope["loss_and_gradients"](**(cross_entropy() | change))
    assert all(word in str(raised.value) for word in words)


def test_closed_style_is_finite_for_large_logits():
    scope = load(module(gradients=CROSS_ENTROPY_CLOSED, style="closed"))
    inputs = cross_entropy() | {"W": 1e4 * np.ones((3, 4)) * [1, 2, 3, 4]}
    with np.errstate(all="ignore"):
        _, gradients = scope["loss_and_gradients"](**inputs)
    assert all(np.isfinite(g).all() for g in gradients.values())


def test_text_is_stable_clean_and_imports_numpy_alone(tmp_path):
    for style, gradients in STYLES.items():
        text = module(gradients=gradients, style=style)
        assert text == module(gradients=gradients, style=style)
        imports = [n for n in ast.walk(ast.parse(text)) if isinstance(n, (ast.Import, ast.ImportFrom))]
        assert [a.name for n in imports for a in n.names] == ["numpy"]
        assert max(map(len, text.splitlines())) <= 120
        assert not any(line != line.rstrip() for line in text.splitlines())
        (tmp_path / f"{style}.py").write_text(text)
    pytest.importorskip("ruff", reason="ruff is not installed")
    done = subprocess.run([sys.executable, "-m", "ruff", "check", "--isolated", "--line-length", "120", str(tmp_path)],
                          capture_output=True)  # fmt: skip
    assert done.returncode == 0, done.stdout.decode()


def test_header_and_comments():
    p, full = programs(CROSS_ENTROPY, CROSS_ENTROPY_STEPS)
    lines = {"Z": (4, "    Z = X @ W + b"), "P": (7, "    P = E / s")}
    spanned = [replace(e, span=Span(*lines[e.name][:1], text=lines[e.name][1])) if e.name in lines else e
               for e in p.equations]  # fmt: skip
    p = replace(p, equations=tuple(spanned), source="def forward():\n", path="/somewhere/forward.py")
    text = numpy_module(p, full, ("W",), step_of={"∂P": "4.2", "Z": "6"})
    assert "# line 7: P = E / s · step 4.2\n    dP = dQ / P\n" in text
    assert "# line 4: Z = X @ W + b · step 6\n    dZ = dE * E\n" in text
    assert "# line 4: Z = X @ W + b\n    dW = X.T @ dZ\n" in text
    assert text.startswith("# Generated by derive from forward.py (sha256 ")
    assert "derive code forward.py" in text.splitlines()[1]
    assert "May overflow for large arguments: E." in text
    assert "dX" not in text and "db" not in text


def test_backward_reads_like_a_person_wrote_it():
    lines = numpy_lines(*programs(CROSS_ENTROPY, CROSS_ENTROPY_STEPS), ("X", "W", "b"))
    assert [lines[k] for k in ("∂Q", "∂P", "∂s", "∂E", "∂Z", "∂X", "∂W", "∂b")] == [
        "dQ = np.zeros_like(Q); dQ[np.arange(n), y] = -1 / n",
        "dP = dQ / P",
        "ds = -1 / s**2 * (dP * E).sum(axis=1, keepdims=True)",
        "dE = dP / s + ds",
        "dZ = dE * E",
        "dX = dZ @ W.T",
        "dW = X.T @ dZ",
        "db = dZ.sum(axis=0)",
    ]


# ---------------------------------------------------------------- several outputs


@pytest.fixture
def two():
    rng = np.random.default_rng(1)
    scope = load(module(TWO_OUTPUTS, TWO_OUTPUTS_STEPS, ("x", "w")))
    return scope, {"x": rng.normal(size=(3, 4)), "w": rng.normal(size=4)}


def test_several_outputs(two):
    scope, inputs = two
    outputs, cache = scope["forward"](**inputs)
    assert isinstance(outputs, tuple) and [o.shape for o in outputs] == [(3, 4), (3,)]
    rng = np.random.default_rng(2)
    up = rng.normal(size=(3, 4)), rng.normal(size=3)
    gradients = scope["backward"](cache, up)
    for name, expected in differences(scope, inputs, ("x", "w"), up).items():
        np.testing.assert_allclose(gradients[name], expected, atol=1e-8)
    by_name = scope["backward"](cache, {"c": up[1], "h": up[0]})
    np.testing.assert_array_equal(by_name["x"], gradients["x"])
    first, zero = scope["backward"](cache, {"h": up[0]}), scope["backward"](cache, (up[0], None))
    np.testing.assert_array_equal(first["w"], zero["w"])


@pytest.mark.parametrize("upstream", [None, (np.ones((3, 4)),), {"q": 1}, (np.ones((3, 3)), None)],
                         ids=["none", "short", "unknown", "shape"])  # fmt: skip
def test_wrong_upstream(two, upstream):
    scope, inputs = two
    _, cache = scope["forward"](**inputs)
    with pytest.raises(ValueError, match="upstream"):
        scope["backward"](cache, upstream)


def test_output_that_is_wrt_and_dict_outputs():
    p, full = programs(TWO_OUTPUTS, TWO_OUTPUTS_STEPS)
    p = replace(p, output_kind="dict")
    scope = load(numpy_module(p, full, ("h", "c", "x")))
    inputs = {"x": np.ones((2, 3)), "w": np.ones(3)}
    outputs, cache = scope["forward"](**inputs)
    assert list(outputs) == ["h", "c"]
    up = np.arange(2.0)
    gradients = scope["backward"](cache, {"c": up})
    assert list(gradients) == ["h", "c", "x"]
    np.testing.assert_allclose(gradients["h"], 2 * up[:, None] * outputs["h"])
    assert gradients["c"] is not up


# ---------------------------------------------------------------- arguments


def test_statics_structure_and_hostile_names():
    p, full = programs(
        "input np[n]\ninput upstream[n]\ninput lambda[n]\ninput dtype[n]\n"
        "cache[i:n] = np[i]*upstream[i] + lambda[i]*dtype[i]\nL[] = sum[i:n] cache[i]*np[i]\noutput L",
        "∂cache[i:n] = np[i]\n∂np[i:n] = ∂cache[i]*upstream[i] + cache[i]\n∂lambda[i:n] = ∂cache[i]*dtype[i]",
    )
    p = replace(p, statics=(Static("stride", 2), Static("mask", None)),
                parameters=("np", "upstream", "lambda", "dtype", "stride", "mask"))  # fmt: skip
    assert keyword.iskeyword("lambda")
    scope = load(numpy_module(p, full, ("np", "lambda")))
    a = np.array([1.0, 2.0])
    loss, cache = scope["forward"](a, 2 * a, 3 * a, 4 * a, 2)
    gradients = scope["backward"](cache)
    np.testing.assert_allclose(gradients["lambda"], a * 4 * a)
    np.testing.assert_allclose(gradients["np"], a * 2 * a + (a * 2 * a + 3 * a * 4 * a))
    with pytest.raises(ValueError, match="stride"):
        scope["forward"](a, a, a, a, 3)
    with pytest.raises(ValueError, match="mask"):
        scope["forward"](a, a, a, a, 2, a)


def test_structures_come_back():
    n = Size.of("n")
    p, full = programs("input W1[n]\ninput W2[n]\nL[] = sum[i:n] W1[i]*W2[i]\noutput L",
                       "∂W1[i:n] = W2[i]\n∂W2[i:n] = W1[i]")  # fmt: skip
    inputs = (Variable("W1", (n,), structure=("params", "layers", 0)), Variable("W2", (n,), structure=("params", "w")))
    scope = load(numpy_module(replace(p, inputs=inputs), replace(full, inputs=inputs), ("W1", "W2")))
    params = {"layers": [np.array([1.0, 2.0])], "w": np.array([3.0, 4.0])}
    loss, gradients = scope["loss_and_gradients"](params=params, upstream=2)
    np.testing.assert_array_equal(gradients["params"]["layers"][0], 2 * params["w"])
    gradients = scope["loss_and_gradients"](params=params)[1]
    gradients["params"]["w"] += 1
    np.testing.assert_array_equal(params["layers"][0], [1.0, 2.0])


def test_scalar_inputs_take_the_type_of_the_arrays():
    scope = load(module(
        "input x[n]\ninput eps[]\ny[i:n] = x[i]/(eps[] + 1)^(1/2)\nL[] = sum[i:n] y[i]^2\noutput L",
        "∂y[i:n] = 2*y[i]\n∂x[i:n] = ∂y[i]*(eps[] + 1)^(-1/2)\n∂eps[] = -1/2*sum[i:n] ∂y[i]*x[i]*(eps[] + 1)^(-3/2)",
        ("x", "eps")))  # fmt: skip
    loss, gradients = scope["loss_and_gradients"](x=np.ones(3, np.float32), eps=1e-5)
    assert loss.dtype == gradients["x"].dtype == gradients["eps"].dtype == np.float32
    assert gradients["eps"].shape == ()


def test_versions_and_zero_gradients():
    text = module("input x[n]\ninput z[n]\na~1[i:n] = exp(x[i])\na[i:n] = a~1[i]*2\nL[] = sum[i:n] a[i]\noutput L",
                  "∂a[i:n] = 1\n∂a~1[i:n] = 2*∂a[i]\n∂x[i:n] = ∂a~1[i]*a~1[i]\n∂z[i:n] = 0",
                  ("x", "z", "L"))  # fmt: skip
    assert "a_1 = np.exp(x)" in text and "da_1 = 2 * da" in text
    _, gradients = load(text)["loss_and_gradients"](x=np.zeros(2), z=np.ones(2))
    np.testing.assert_array_equal(gradients["x"], [2, 2])
    np.testing.assert_array_equal(gradients["z"], [0, 0])
    assert gradients["L"] == 1


def test_undetermined_sizes_and_length_one():
    text = module("input x[n, 2*H]\ninput g[1, n]\nL[] = sum[i:n, j:H] x[i, j + H]*g[0,i]\noutput L",
                  "∂x[i:n, j:2*H] = g[0,i]*[H <= j]", ("x",))  # fmt: skip
    scope = load(text)
    _, gradients = scope["loss_and_gradients"](x=np.ones((2, 6)), g=np.array([[1.0, 2.0]]))
    np.testing.assert_array_equal(gradients["x"], [[0, 0, 0, 1, 1, 1], [0, 0, 0, 2, 2, 2]])
    for change in ({"x": np.ones((2, 5))}, {"g": np.ones((2, 2))}):
        with pytest.raises(ValueError):
            scope["loss_and_gradients"](**({"x": np.ones((2, 6)), "g": np.ones((1, 2))} | change))


def test_recurrence():
    forward = ("input x[T, h]\ninput W[h, h]\nhs[t:T, j:h] = {tanh(x[t,j] + sum[k:h] hs[t - 1, k]*W[k,j]) if 0 < t; "
               "tanh(x[t,j])}\nL[] = sum[t:T, j:h] hs[t,j]^2\noutput L")  # fmt: skip
    gradients = ("∂hs[t:T, j:h] = 2*hs[t,j] "
                 "+ sum[u:T] sum[k:h] ∂hs[u,k]*{(1 - hs[u,k]^2)*W[j,k]*[u - 1 = t] if 0 < u; 0}\n"
                 "∂x[t:T, j:h] = ∂hs[t,j]*(1 - hs[t,j]^2)\n"
                 "∂W[k:h, j:h] = sum[t:T] [0 < t]*hs[t - 1, k]*∂hs[t,j]*(1 - hs[t,j]^2)")  # fmt: skip
    text = module(forward, gradients, ("x", "W"))
    scope = load(text)
    rng = np.random.default_rng(0)
    inputs = {"x": rng.normal(size=(4, 3)), "W": rng.normal(size=(3, 3))}
    _, found = scope["loss_and_gradients"](**inputs)
    for name, expected in differences(scope, inputs, ("x", "W")).items():
        np.testing.assert_allclose(found[name], expected, atol=1e-7)
    assert "for t in reversed(range(T)):" in text


def test_line_of_a_report():
    p, full = programs(CROSS_ENTROPY, CROSS_ENTROPY_STEPS)
    assert numpy_line(full.equation("∂P"), full) == "dP = dQ / P"


@pytest.mark.parametrize("line", [
    "x = " + " + ".join(f"alpha_{k} * beta_{k}" for k in range(20)),
    "np.add.at(out, (" + ", ".join(f"index_{k}[:, None]" for k in range(12)) + "), value)",
    "out[:, a:b] += np.einsum(" + ", ".join(f"array_{k}" for k in range(20)) + ", optimize=True)  # line 3",
])  # fmt: skip
def test_long_lines_are_broken_and_mean_the_same(line):
    lines = wrapped(line)
    assert max(map(len, lines)) <= 116 and len(lines) > 1
    assert ast.dump(ast.parse("\n".join(lines))) == ast.dump(ast.parse(line))


@pytest.mark.parametrize("forward", [CROSS_ENTROPY, TWO_OUTPUTS], ids=["scalar", "two outputs"])
def test_the_test_that_comes_with_the_code(forward, tmp_path):
    gradients = {CROSS_ENTROPY: CROSS_ENTROPY_STEPS, TWO_OUTPUTS: TWO_OUTPUTS_STEPS}[forward]
    p, full = programs(forward, gradients)
    wrt = tuple(v.name for v in p.inputs if v.sort == "real")
    good = numpy_module(p, full, wrt)
    (tmp_path / "backward.py").write_text(good)
    (tmp_path / "test_backward.py").write_text(numpy_test(p, wrt))
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_backward.py"]
    assert subprocess.run(run, cwd=tmp_path, capture_output=True).returncode == 0
    (tmp_path / "backward.py").write_text(good.replace("(1 - h**2)", "(1 + h**2)").replace("dX = dZ", "dX = -dZ"))
    assert subprocess.run(run, cwd=tmp_path, capture_output=True).returncode == 1
