"""`derive check` on files that hold both passes in one function or one file, as courses write them."""

from __future__ import annotations

import pytest
from course_files import FILES, MISTAKES

from derive.checker.code import check_code

LEAST = {"two_layer_net": 5, "svm_loss_vectorized": 1, "softmax_loss_vectorized": 1, "propagate": 2, "min_char_rnn": 5,
         "fastai_lin_grad": 8, "fastai_three_grads": 8, "planar_classifier": 4, "gradient_check": 6, "layers_in_a_loop": 8,
         "deep_network": 6, "layers_of_functions": 6, "blog_network": 2, "layers_of_classes": 6,
         "training_function": 2, "training_script": 3}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_right(name):
    found = check_code(FILES[name], "b.py").verdicts
    assert all(v.verdict in ("right", "no-claim") or v.kind in ("convention", "reading", "one-round") for v in found), found
    assert sum(v.verdict == "right" for v in found) >= LEAST[name]


@pytest.mark.parametrize("name, old, new, line", MISTAKES, ids=[f"{m[0]}: {m[2]}" for m in MISTAKES])
def test_one_mistake(name, old, new, line):
    assert old in FILES[name]
    found = check_code(FILES[name].replace(old, new, 1), "b.py").verdicts
    wrong = [v for v in found if v.verdict == "wrong"]
    assert wrong and wrong[0].text.startswith(line), found


def test_a_function_without_a_loss_is_not_split():
    text = "def f(x, w):\n    a = x @ w\n    da = 2 * a\n    return da\n"
    (found,) = check_code(text, "b.py").verdicts
    assert found.verdict == "unknown" and "--forward" in found.reason
