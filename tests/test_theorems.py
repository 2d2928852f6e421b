"""Theorems on the way: found from the numbers, proved for all sizes, and nothing that does not hold."""

import itertools

import numpy as np
import pytest
from test_generated import ROOT

import derive
from derive import conjectures
from derive.closing import close
from derive.conjectures import with_theorems
from derive.engine import differentiate
from derive.judges.bench import Bench
from derive.symmetry import _homogeneous, symmetry

BATCH_NORM = """
# shapes: X (n, d) · W (d, h) · b (h,) · g (h,) · beta (h,) · T (n, h)
def forward(X, W, b, g, beta, T):
    z = X @ W + b
    mu = z.mean(axis=0)
    zc = z - mu
    var = (zc**2).mean(axis=0)
    zhat = zc / np.sqrt(var)
    y = g * zhat + beta
    return ((y - T)**2).sum()
"""
EPSILON = BATCH_NORM.replace("np.sqrt(var)", "np.sqrt(var + 1e-5)")
LAYER_NORM = BATCH_NORM.replace("axis=0", "axis=1, keepdims=True")
SOFTMAX = """
# shapes: X (n, d) · W (d, h) · b (h,) · c () · T (n, h)
def forward(X, W, b, c, T):
    z = X @ W + b + c
    s = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    return -(np.log(s) * T).sum()
"""
UNIT = """
# shapes: x (n, d) · T (n, d)
def forward(x, T):
    u = x / np.sqrt((x**2).sum(axis=1, keepdims=True))
    return (u * T).sum()
"""
DROPOUT = """
# shapes: p () · X (n, d) · W (d, h) · mask bool (n, h) · T (n, h)
def forward(X, W, mask, p, T):
    z = np.maximum(X @ W, 0)
    h = z * mask / p
    return ((h - T)**2).sum()
"""
RENAMED = """
# shapes: A (B, d) · M (d, H) · c (H,) · y (B, H)
def forward(A, M, c, y):
    u = A @ M
    u = c + u
    m = u.sum(0) / u.shape[0]
    v = ((u - m) ** 2).sum(0) / (u.shape[0] - 1)
    return (((u - m) * v ** -0.5 - y) ** 2).sum()
"""

# fmt: off
THEOREMS = [
    (BATCH_NORM, "b",     "zero",  "∂b[l]",                                       "z"),
    (BATCH_NORM, "z",     "shift", "sum[i:n] ∂z[i, l]",                            "zc stays as it was"),
    (BATCH_NORM, "z",     "scale", "sum[i:n] z[i, l]*∂z[i, l]",                     "var goes by its square"),
    (BATCH_NORM, "W",     "scale", "sum[j:d] W[j, l]*∂W[j, l]",                     "zhat stays as it was"),
    (BATCH_NORM, "zhat",  "sum",   "sum[i:n] zhat[i, l]",                          ""),
    (EPSILON,    "b",     "zero",  "∂b[l]",                                       ""),
    (LAYER_NORM, "z",     "shift", "sum[l:h] ∂z[i, l]",                            "stay"),
    (LAYER_NORM, "z",     "scale", "sum[l:h] z[i, l]*∂z[i, l]",                     "zhat stays"),
    (LAYER_NORM, "b",     "shift", "sum[l:h] ∂b[l]",                              "by T"),
    (SOFTMAX,    "z",     "shift", "sum[l:h] ∂z[i, l]",                            "s stays as it was"),
    (SOFTMAX,    "c",     "zero",  "∂c[]",                                        ""),
    (SOFTMAX,    "b",     "shift", "sum[l:h] ∂b[l]",                              "by T"),
    (SOFTMAX,    "W",     "shift", "sum[l:h] ∂W[j, l]",                            "by T"),
    (SOFTMAX,    "s",     "sum",   "sum[l:h] s[i, l]",                             ""),
    (UNIT,       "x",     "scale", "sum[j:d] x[i, j]*∂x[i, j]",                     "u stays as it was"),
    (DROPOUT,    "z",     "mask",  "(1 - mask[i, l])*∂z[i, l]",                     ""),
    (RENAMED,    "c",     "zero",  "∂c[p]",                                       ""),
    (RENAMED,    "M",     "scale", "sum[k:d] M[k, p]*∂M[k, p]",                     "scaled"),
]
NOT = [
    (EPSILON,    "W",     "scale", "1e-5 is not scaled along"),
    (EPSILON,    "z",     "scale", "1e-5 is not scaled along"),
    (LAYER_NORM, "b",     "zero",  "the mean is taken over the units, not over the batch"),
    (LAYER_NORM, "W",     "scale", "the bias is not scaled along"),
    (SOFTMAX,    "X",     "shift", "a shift of the inputs reaches the logits differently"),
    (SOFTMAX,    "b",     "zero",  "only the same shift of all logits changes nothing"),
    (DROPOUT,    "z",     "shift", "nothing here is invariant"),
    (DROPOUT,    "X",     "mask",  "the mask lies behind a product"),
]
# fmt: on


@pytest.fixture(scope="module")
def derived():
    made = {}

    def of(source):
        if source not in made:
            made[source] = derive.differentiate("import numpy as np\n" + source)
        return made[source]

    return of


@pytest.mark.parametrize("source, array, kind, left, why", THEOREMS, ids=[f"{r[1]} {r[3]}" for r in THEOREMS])
def test_it_is_found_and_proved(source, array, kind, left, why, derived):
    d = derived(source)
    (found,) = [t for t in d.theorems if t.array == array and t.kind == kind]
    assert str(found) == f"{left} = {1 if kind == 'sum' and array == 's' else 0}"
    assert found.certainty == "proved"
    assert why in found.sentence


@pytest.mark.parametrize("source, array, kind, why", NOT, ids=[f"{r[1]} {r[2]}: {r[3]}" for r in NOT])
def test_it_is_not_claimed(source, array, kind, why, derived):
    assert not [t for t in derived(source).theorems if t.array == array and t.kind == kind]


def test_a_shift_moves_the_maximum_along_and_ends_behind_it():
    program = derive.read(ROOT / "examples" / "makemore.py")
    found = symmetry(program, "logits", (1,), "shift", program.outputs)
    assert found.ends == ("norm_logits",)
    assert {n: (m.weight, str(m.rest)) for n, m in found.moving.items()} == {"logit_maxes": (0, "1")}


@pytest.mark.parametrize("op, expected", [("relu", True), ("tanh", False), ("exp", False), ("sigmoid", False)])
def test_what_scales_with_its_argument(op, expected):
    assert _homogeneous(op) is expected


def test_theorems_of_makemore_shorten_the_closed_code():
    program = derive.read(ROOT / "examples" / "makemore.py")
    found = with_theorems(close(differentiate(program)))
    assert {t.array for t in found.theorems if t.kind == "zero"} == {"b1", "logit_maxes"}
    assert str(found.closed["b1"].result) == "0"
    assert "db1 = np.zeros(H, dtype=dtype)" in derive.differentiate(program).code(style="closed")


@pytest.mark.parametrize("name", ["makemore", "softmax_jacobian"])
def test_every_theorem_holds_at_other_data(name):
    d = derive.differentiate(derive.read(ROOT / "examples" / f"{name}.py"))
    bench = Bench(d.program, seed=11)
    for t in d.theorems:
        axes = tuple(sorted(t.left.free, key=lambda i: i.number))
        assert np.allclose(bench.value(t.left, axes), float(t.right.value), atol=1e-9), str(t)


def test_the_fact_that_a_theorem_needs_is_named():
    """log Σ exp x − Σ y x may be shifted where the rows of y sum to one, and only there."""
    source = """
# shapes: x (n, C) · y (n, C)
FACTS
def forward(x, y):
    return (np.log(np.exp(x).sum(axis=1)) - (y * x).sum(axis=1)).sum()
"""
    declared = derive.differentiate("import numpy as np\n" + source.replace("FACTS", "# facts: sum[c] y[i,c] = 1"))
    (told,) = [t for t in declared.theorems if t.array == "x"]
    assert (told.kind, told.facts) == ("shift", ("sum[c] y[i,c] = 1",))
    without = derive.differentiate("import numpy as np\n" + source.replace("FACTS", ""))
    assert not [t for t in without.theorems if t.array == "x"]


@pytest.mark.parametrize("scale, holds", [("2", False), ("1", True)])
def test_a_planted_error_is_not_a_theorem(scale, holds):
    """With the mean taken twice the shift is no symmetry, and nothing is claimed."""
    d = derive.differentiate(EPSILON.replace("z - mu", f"z - {scale} * mu"))
    assert ("b" in {t.array for t in d.theorems if t.kind == "zero"}) is holds


SOME = ("lstm_time", "layernorm_ddof", "groupnorm", "cosine_similarity", "rmsnorm_swiglu", "batchnorm2d", "huber", "momentum_two_lags")
PASSES = sorted((ROOT / "tests" / "passes").glob("*.py"))


def _symmetries_hold(path):
    """Whatever is called a symmetry, its sum vanishes on data: every array, every set of axes, shifts and scalings."""
    program = derive.read(path)
    gradients = differentiate(program)
    bench = Bench(gradients.program, seed=2)
    for name, d in gradients.derivations.items():
        for count in range(min(3, len(d.indices)) + 1):
            for axes in itertools.combinations(range(len(d.indices)), count):
                for kind in ("shift", "scale")[: 1 + bool(axes)]:
                    if symmetry(program, name, axes, kind, gradients.of) is not None:
                        own, slope = (conjectures._value(bench, n, d.indices) for n in (name, d.target.name))
                        terms = slope if kind == "shift" else own * slope
                        size = np.abs(terms).sum(axis=axes)
                        assert np.all(np.abs(terms.sum(axis=axes)) <= 1e-8 * size + 1e-12), (name, kind, axes)


@pytest.mark.parametrize("path", [p for p in PASSES if p.stem in SOME], ids=lambda p: p.stem)
def test_symmetries_of_forward_passes_hold(path):
    _symmetries_hold(path)


@pytest.mark.long
@pytest.mark.parametrize("path", PASSES, ids=lambda p: p.stem)
def test_symmetries_of_all_forward_passes_hold(path):
    _symmetries_hold(path)
