"""Backward code of a pass whose loss no one wrote down: judged by the author's own gradients, up to their scale."""

import pytest

from derive.checker.code import check_code

NETWORK = """
import numpy as np
images = np.array(load("digits.csv"))
count, pixels = images.shape
# shapes: x (d, m)

def start():
    w1 = np.random.randn(16, 400) * 0.1
    c1 = np.zeros((16, 1))
    w2 = np.random.randn(10, 16) * 0.1
    c2 = np.zeros((10, 1))
    return w1, c1, w2, c2

def forward_pass(w1, c1, w2, c2, x):
    z1 = w1 @ x + c1
    h = np.maximum(z1, 0)
    z2 = w2 @ h + c2
    p = np.exp(z2) / np.exp(z2).sum(axis=0)
    return z1, h, z2, p

def gradients(z1, h, z2, p, w2, x, labels):
    dz2 = p - targets(labels)
    dw2 = dz2 @ h.T / count
    dc2 = dz2.sum(axis=1, keepdims=True) / count
    dz1 = w2.T @ dz2 * (z1 > 0)
    dw1 = dz1 @ x.T / count
    dc1 = dz1.sum(axis=1, keepdims=True) / count
    return dw1, dc1, dw2, dc2
"""
KNOWN = NETWORK.replace("targets(labels)", "labels").replace("x (d, m)", "x (d, m) · labels (10, m)")
SCALED = ["right-if", "right-if", "right", "right-if", "right-if"]
# the file, what is changed, the verdicts from dw2 on, the correction of the wrong one
ROWS = [
    (NETWORK, "", "", SCALED, None),
    (KNOWN, "", "", SCALED, None),
    (KNOWN, " / count", "", ["right"] * 5, None),
    (KNOWN, "dc2 = dz2.sum(axis=1, keepdims=True)", "dc2 = np.sum(dz2)", ["right-if", "wrong", *SCALED[2:]], "dc2 = np.sum(dz2, axis=1, keepdims=True) / count"),
    (NETWORK, "dc1 = dz1.sum(axis=1, keepdims=True)", "dc1 = np.sum(dz1)", [*SCALED[:4], "wrong"], "dc1 = np.sum(dz1, axis=1, keepdims=True) / count"),
    (KNOWN, "(z1 > 0)", "(z1 < 0)", ["right-if", "right-if", "wrong", "unknown", "unknown"], "dz1 = w2.T @ dz2 * (z1 > 0)"),
    (KNOWN, "dz2 @ h.T", "dz2 @ h.T * 2", ["wrong", *SCALED[1:]], None),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda r: f"{r[1]} => {r[2]}")
def test_without_a_loss(row):
    text, old, new, words, correction = row
    found = check_code(text.replace(old, new) if old else text, "b.py").verdicts
    assert [v.verdict for v in found if v.text.startswith("dz2 =")] == ["unknown"]
    rest = [v for v in found if not v.text.startswith("dz2 =")]
    assert [v.verdict for v in rest] == words, [(v.text, v.verdict, v.reason) for v in found]
    assert correction is None or [v.correction for v in rest if v.verdict == "wrong"] == [correction]
    assert all("`dz2` means count times the gradient" in v.reason for v in rest if v.verdict == "right-if")
