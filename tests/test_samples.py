"""The fourteen sample passes of the design folder: every named intermediate right at every size, in both code styles.

The truth of the inputs' gradients is each sample's own truth.py (torch); that of the intermediates is the complex step
of the sample's source by the separate interpreter.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import derive
from derive.judges import interpreter

SAMPLES = Path(__file__).parent.parent.parent / "shared" / "samples" / "passes"
RIGHT = 1e-8

# sample: how many sizes its inputs.py has
SIZES = {
    "001_char_mlp_batchnorm_stepwise": 4, "002_softmax_reciprocal_sum_layer": 4, "003_softmax_vector_jacobian": 3,
    "004_one_hot_cross_entropy": 4, "005_single_sample_log_loss": 3, "006_fused_cross_entropy": 4,
    "007_layers_up_and_down_gradients": 3, "008_sum_of_squared_errors_line": 3, "009_batchnorm_one_line_unbiased": 4,
    "010_embedding_concat_tanh": 3, "048_batchnorm_cache_style": 4, "062_lstm_step": 3, "068_conv2d_im2col": 3,
    "072_attention_causal_single_head": 3,
}  # fmt: skip
NAMES = sorted(SIZES)
ALL = [(name, k) for name in NAMES for k in range(SIZES[name])]
STYLES = ("steps", "closed")

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"the samples are not here: {SAMPLES} is missing")


@cache
def case_of(name: str):
    pytest.importorskip("torch", reason="the samples' truth.py files need torch")
    if str(SAMPLES) not in sys.path:
        sys.path.append(str(SAMPLES))
    import suite

    return suite.Case(str(SAMPLES / name))


@cache
def _derived(name: str, k: int):
    """The derivation with every intermediate, read by the sample of one size."""
    data, _ = case_of(name).sample(k)
    program = derive.read(case_of(name).forward_source, sample=data)
    plain = derive.differentiate(program)
    named = [e.name for e in program.equations if e.sort == "real" and e.name not in program.outputs]
    return program, plain, derive.differentiate(program, wrt=list(dict.fromkeys([*plain, *named])))


def derived(name: str, k: int):
    """One derivation serves all sizes; a static int, such as a stride, has a derivation of its own."""
    program, *_ = found = _derived(name, 0)
    return _derived(name, k) if program.statics else found


@cache
def functions(name: str, k: int, style: str):
    _, plain, whole = derived(name, k)
    return plain.function(style=style), whole.function(style=style)


def upstream_of(drawn):
    return drawn if drawn is None else drawn[0] if len(drawn) == 1 else tuple(drawn)


def close(found, true) -> bool:
    scale = max(1.0, float(np.max(np.abs(true), initial=0.0)))
    return np.shape(found) == np.shape(true) and bool(np.all(np.abs(np.asarray(found) - true) <= RIGHT * scale))


def test_the_table_names_all_sizes():
    for name in NAMES:
        assert len(case_of(name).inputs.SIZES) == SIZES[name]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name, k", ALL)
def test_inputs_and_outputs(name, k, style):
    """The gradients of all inputs against truth.py; outputs against the sample itself."""
    case = case_of(name)
    data, drawn = case.sample(k)
    values, true = case.truth(data, drawn)
    outputs, found = functions(name, derived_key(name, k), style)[0](**data, upstream=upstream_of(drawn))
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    for out, value in zip(outputs, values, strict=True):
        assert close(out, value)
    for n in case.diff:
        assert close(found[n], true[n]), n


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name, k", ALL)
def test_named_intermediates(name, k, style):
    """The gradient at every array of the forward pass, by name and version, against the complex step of the source."""
    case = case_of(name)
    data, drawn = case.sample(k)
    program, _, whole = derived(name, derived_key(name, k))
    upstream = upstream_of(drawn)
    _, found = functions(name, derived_key(name, k), style)[1](**data, upstream=upstream)
    slopes = interpreter.Slopes(case.forward_source, data, upstream, None)
    compared = [n for n in found if n in data or n in slopes.base.values]
    true = interpreter.complex_step(case.forward_source, data, compared, upstream)
    assert len(compared) >= len(case.diff)
    for n in compared:
        assert close(found[n], true[n]), n
    named = {e.name for e in program.equations if e.sort == "real" and e.name in slopes.base.values}
    assert named - set(compared) <= set(program.outputs), "every named array has a gradient"


def derived_key(name: str, k: int) -> int:
    return k if derived(name, 0)[0].statics else 0


@pytest.mark.parametrize("name", NAMES)
def test_certainty(name):
    """Every step is proved, or tested exactly."""
    assert derived(name, 0)[1].certainty in ("proved", "tested")


def test_lists_and_dicts_in_and_out():
    """The structure of the inputs is that of the gradients."""
    source = (
        "import numpy as np\n\n\n"
        "def forward(x, layers, scale):\n"
        "    h = np.tanh(x @ layers[0]['W'] + layers[0]['b'])\n"
        "    return (h @ layers[1]['W'] + layers[1]['b']) * scale['out'] * scale['all'][1]\n"
    )
    rng = np.random.default_rng(0)
    layers = [{"W": rng.normal(size=(3, 4)), "b": rng.normal(size=4)},
              {"W": rng.normal(size=(4, 2)), "b": rng.normal(size=2)}]  # fmt: skip
    data = {"x": rng.normal(size=(5, 3)), "layers": layers,
            "scale": {"out": rng.normal(size=2), "all": [1.5, rng.normal(size=2)]}}  # fmt: skip
    program = derive.read(source, sample=data)
    upstream = rng.normal(size=(5, 2))
    for style in STYLES:
        _, found = derive.differentiate(program).function(style=style)(**data, upstream=upstream)
        true = interpreter.complex_step(source, data, ["x", "layers", "scale"], upstream)
        assert close(found["x"], true["x"])
        assert [set(part) for part in found["layers"]] == [{"W", "b"}, {"W", "b"}]
        for part, other in zip(found["layers"], true["layers"], strict=True):
            assert all(close(part[key], other[key]) for key in part)
        assert close(found["scale"]["out"], true["scale"]["out"])
        assert close(found["scale"]["all"][1], true["scale"]["all"][1])
