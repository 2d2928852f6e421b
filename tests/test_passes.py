"""Forward passes in the idioms people write, each read, derived, judged, and compared with its own source."""

from __future__ import annotations

import numpy as np
import pytest
from idioms import IDIOMS, NAMES, between, held, said, table
from trial import STYLES, at_sizes, outputs_of, passes, tried

import derive
from derive import verifying
from derive.judges import interpreter

PASSES = passes()
ROOT = PASSES[0].path.parents[2]
by_name = pytest.mark.parametrize("one", PASSES, ids=lambda p: p.name)


@by_name
def test_derived_code_is_right(one):
    """Both styles against the complex step of the source, at three sizes."""
    derived, errors = tried(str(one.path), one.sizes, one.said("truth"))
    assert len(errors) == 3
    assert max(errors) <= one.bound, f"relative errors {errors} (python -m pytest -k '{one.name}')"
    assert derived.certainty in ("proved", "tested", "open")


@by_name
def test_source_computes_what_is_compared_with(one):
    """The separate interpreter against Python itself, and against torch's own gradients (our files, so run)."""
    torch = pytest.importorskip("torch") if "torch" in one.source else None
    if "import jax" in one.source:
        pytest.importorskip("jax").config.update("jax_enable_x64", True)
    program = derive.read(str(one.path))
    if "__init__" in one.source or program.name not in one.source:
        pytest.skip("classes and cells are run by the interpreter only")
    data = verifying.sample_data(program, one.sizes[0], 0)
    given = verifying.structured(program, data)
    trace = interpreter.run(program.source, given, program.name)
    expected = outputs_of(trace)
    outputs, values = _executed(one, program, given, torch)
    for found, want in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(np.asarray(found.detach() if torch else found), want, rtol=1e-10, atol=1e-12)
    if torch is None:
        return
    upstream = [np.random.default_rng(k).normal(size=np.shape(v)) for k, v in enumerate(expected)]
    sum((o * torch.tensor(u)).sum() for o, u in zip(outputs, upstream, strict=True)).backward()
    alone = len(upstream) == 1
    scalar = alone and np.ndim(upstream[0]) == 0
    true = interpreter.complex_step(
        program.source, given, [n for n in values if values[n].grad is not None],
        tuple(upstream) if not alone else float(upstream[0]) if scalar else upstream[0], program.name,
    )  # fmt: skip
    for name, gradient in true.items():
        np.testing.assert_allclose(values[name].grad.numpy(), gradient, rtol=1e-8, atol=1e-9)


def _executed(one, program, given: dict, torch):
    """The outputs by running the file, and the leaves whose gradients torch knows."""
    scope: dict = {"__name__": "pass"}
    if torch is not None:
        torch.set_default_dtype(torch.float64)
    exec(compile(one.source, str(one.path), "exec"), scope)
    values: dict = {}

    def native(name, value):
        if isinstance(value, dict):
            return {k: native(k, v) for k, v in value.items()}
        if isinstance(value, list):
            return [native(f"{name}{k}", v) for k, v in enumerate(value)]
        if torch is None or not isinstance(value, (np.ndarray, np.generic)):
            return np.copy(value) if isinstance(value, np.ndarray) else value
        made = torch.tensor(value)
        if made.is_floating_point() and name not in one.said("constant").split():
            values[name] = made.requires_grad_()
        return made

    out = scope[program.name](**{name: native(name, value) for name, value in given.items()})
    if isinstance(out, dict):
        return list(out.values()), values
    names = len(program.outputs)
    return list(out[:names]) if isinstance(out, (tuple, list)) else [out], values


# ---------------------------------------------------------------- what they cover


def test_there_are_enough():
    assert len(PASSES) >= 40


@by_name
def test_first_line_names_its_idioms(one):
    assert one.source.startswith("# idioms: ")
    assert said(one.source) == held(one.source), "python tests/idioms.py --label"


@pytest.mark.parametrize("idiom", [i for i in IDIOMS if i.priority in ("A", "B")], ids=lambda i: i.name)
def test_every_frequent_idiom_is_shown(idiom):
    assert any(idiom.name in said(p.source) for p in PASSES), f"no pass in tests/passes shows `{idiom.name}`"


def test_names_of_idioms_are_unique():
    assert len(NAMES) == len(IDIOMS)


def test_readme_table_is_made_from_the_passes():
    readme = ROOT / "README.md"
    kept = between(readme.read_text()) if readme.exists() else None
    if kept is None:
        pytest.skip("README.md has no <!-- idioms --> markers yet")
    assert kept == table(), "python tests/idioms.py --readme"


# ---------------------------------------------------------------- promises of the generated code


@pytest.mark.parametrize("style", STYLES)
def test_inputs_are_left_as_they_were(style):
    one = next(p for p in PASSES if p.name == "inplace_torch")
    program = derive.read(str(one.path))
    given = verifying.structured(program, verifying.sample_data(program, one.sizes[0], 0))
    before = {name: np.copy(value) for name, value in given.items()}
    function = derive.differentiate(program).function(style=style)
    trace = interpreter.run(at_sizes(program.source, one.sizes[0]), given, program.name)
    function(**given, upstream=np.ones(np.shape(outputs_of(trace)[0])))
    for name, value in before.items():
        np.testing.assert_array_equal(given[name], value)
