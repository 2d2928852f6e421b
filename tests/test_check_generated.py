"""The modules that derive writes, given to `derive check`: every gradient right, alone and against their source.

Every third module in the suite, all in the long run."""

from __future__ import annotations

from pathlib import Path

import pytest

from derive.checker.code import check_code
from derive.checker.generated import MEANINGS, without_guards
from derive.writers.numpy_text import HELPERS

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "generated").rglob("backward*.py"))
SOURCES = {p.stem: p for p in (ROOT / "examples").rglob("*.py")}


@pytest.mark.parametrize("module", [pytest.param(m, marks=[] if k % 3 == 0 else [pytest.mark.long])
                                    for k, m in enumerate(MODULES)], ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_alone(module):
    found = check_code(module.read_text(), module.name).verdicts
    assert any(v.verdict == "right" for v in found)
    for v in found:
        assert v.verdict in ("right", "no-claim") or v.kind == "side-condition" and "= 1" in v.reason, v


@pytest.mark.parametrize("module", [m for m in MODULES if m.stem == "backward_closed"][::5], ids=lambda p: p.parent.name)
def test_with_its_source(module):
    source = SOURCES[module.parent.name]
    found = check_code(module.read_text(), module.name, forward=source.read_text(), forward_path=source.name).verdicts
    assert {v.verdict for v in found} <= {"right", "no-claim"}, found


@pytest.mark.parametrize("name", sorted(MEANINGS))
def test_guards_are_known_word_for_word(name):
    """A guard with one letter changed is not taken for the writer's."""
    text = f"import numpy as np\n\n\n{HELPERS[name]}\n"
    assert without_guards(text) != text and without_guards(text).count("\n") == text.count("\n")
    changed = text.replace("def _", "def  _")
    assert without_guards(changed) == changed


@pytest.mark.parametrize("old, new, line", [("1 - h**2", "1 - h", 165), ("dbnvar / (n - 1)", "dbnvar / n", 173)])
def test_a_mistake_in_a_module(old, new, line):
    text = (ROOT / "generated/makemore/backward.py").read_text()
    assert text.count(old) >= 1
    head, tail = text.split("def backward(")
    found = check_code(f"{head}def backward({tail.replace(old, new, 1)}", "b.py").verdicts
    wrong = [v for v in found if v.verdict == "wrong"]
    assert [v.place.line for v in wrong] == [line], wrong
