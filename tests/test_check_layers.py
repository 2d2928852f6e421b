"""Layers as classes: gradients kept on the object, in its dicts, in buffers of its constructor; shapes left open."""

import pytest

from derive.checker.code import check_code

DENSE = """
import numpy as np
class Dense:
    def __init__(self, n_in, n_out):
        self.weights = np.random.randn(n_in, n_out) * 0.01
        self.bias = np.zeros(n_out)
        {init}
    def forward(self, x{shape}):
        self.x = x
        {more}
        return x @ self.weights + self.bias
    def backward(self, g):
        {weights}
        {bias}
        return g @ self.weights.T
"""
INIT = "self.grads = {}"
ROOM = "self.dweights = np.zeros_like(self.weights); self.dbias = np.zeros(n_out)"
DECLARED = ":  # x (n, n_in)\n        pass"
W, B = "self.x.T @ g", "g.sum(axis=0)"
# what __init__ and forward add, the two gradients, and the mistake in the first of them
KEPT = [
    ("pass", "pass", f"self.dweights = {W}", f"self.dbias = {B}"),
    ("pass", "pass", f"self.dw = {W}", f"self.db = {B}"),
    ("pass", "pass", f"self.grad_weights = {W}", f"self.grad_bias = {B}"),
    ("pass", INIT, f'self.grads["weights"] = {W}', f'self.grads["bias"] = {B}'),
    (INIT, "pass", f'self.grads["weights"] = {W}', f'self.grads["bias"] = {B}'),
    (INIT, "pass", f'self.grads["dweights"] = {W}', f'self.grads["dbias"] = {B}'),
    (ROOM, "pass", f"self.dweights = {W}", f"self.dbias = {B}"),
    (ROOM, "pass", f"self.dweights += {W}", f"self.dbias += {B}"),
    (ROOM, "pass", f"self.dweights = self.dweights + {W}", f"self.dbias[...] = {B}"),
]


def dense(init: str, more: str, weights: str, bias: str, head: str = "# shapes: x (n, n_in)\n") -> str:
    return head + DENSE.format(init=init, more=more, weights=weights, bias=bias, shape="")


@pytest.mark.parametrize("row", KEPT, ids=lambda r: r[2])
def test_a_gradient_kept_on_the_object(row):
    init, more, weights, bias = row
    assert [v.verdict for v in check_code(dense(*row), "b.py").verdicts] == ["right"] * 3
    for wrong in ("self.x.T @ (2 * g)", "(g.T @ self.x).T + 1", "self.x.T @ g ** 2"):
        found = check_code(dense(init, more, weights.replace(W, wrong), bias), "b.py").verdicts
        assert [v.verdict for v in found] == ["wrong", "right", "right"], found


def test_a_correction_in_a_buffer_of_the_object():
    """What a trial stores into the object is taken back before the next one."""
    checked = check_code(dense(ROOM, "pass", "self.dweights += self.x.T @ (2 * g)", f"self.dbias += {B}"), "b.py")
    assert checked.verdicts[0].correction == "self.dweights += self.x.T @ (g)"


def test_shapes_that_nobody_declared():
    """Right with the shapes that the reader would propose is right-if; what is wrong with them stays open."""
    right = check_code(dense(*KEPT[0], head=""), "b.py").verdicts
    assert {v.verdict for v in right} == {"right-if"} and all("`x` has the shape (n, n_in)" in v.reason for v in right)
    assert "# shapes: x (n, n_in)" in right[0].said
    (open_,) = check_code(dense("pass", "pass", "self.dweights = self.x @ g", f"self.dbias = {B}", head=""), "b.py").verdicts
    assert open_.verdict == "unknown" and "1 of 3 gradients would be wrong, the first on line 13" in open_.reason


SHARED = """
import numpy as np
class Double:
    def forward(self, x):  # shapes: x (n, d)
        self.x = x
        return 2 * x
    def backward(self, g):
        {code}
        return {result}
"""
ALIASES = [  # what is changed in place is changed under every name
    ("self.kept = g; self.kept *= 2", "1 * g", "right"),
    ("self.kept = g; self.kept *= 2", "2 * g", "wrong"),
    ("kept = {}; kept['g'] = g; kept['g'] *= 2", "1 * g", "right"),
    ("kept = {}; kept['g'] = g; kept['g'] *= 2", "2 * g", "wrong"),
    ("self.kept = g; self.kept = self.kept * 2", "2 * g", "right"),
    ("self.x = 0 * g; self.x[...] = g; x = 3", "2 * self.x", "right"),
]


@pytest.mark.parametrize("code, result, word", ALIASES)
def test_what_shares_its_storage(code, result, word):
    found = check_code(SHARED.format(code=code, result=result), "b.py").verdicts
    assert (found[-1].verdict == "right") is (word == "right"), found
