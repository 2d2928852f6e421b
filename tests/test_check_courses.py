"""`derive check` on files that hold both passes in one function or one file, as courses write them."""

from __future__ import annotations

import pytest
from course_files import FILES, MISTAKES, NETWORK, NETWORK_LOSS, NETWORK_MISTAKES
from thirds import thirds

from derive.checker.code import check_code

LEAST = {"two_layer_net": 5, "svm_loss_vectorized": 1, "softmax_loss_vectorized": 1, "propagate": 2, "min_char_rnn": 5,
         "fastai_lin_grad": 8, "fastai_three_grads": 8, "planar_classifier": 4, "gradient_check": 6, "layers_in_a_loop": 8,
         "deep_network": 6, "layers_of_functions": 6, "blog_network": 2, "layers_of_classes": 6,
         "training_function": 2, "training_script": 3, "svm_loss_naive": 1, "svm_loss_counted": 1, "softmax_loss_naive": 1,
         "softmax_loss_rows": 1, "lists_stored": 6, "lists_inserted": 6, "lists_turned": 6}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_right(name):
    found = check_code(FILES[name], "b.py").verdicts
    assert all(v.verdict in ("right", "no-claim") or v.kind in ("convention", "reading", "one-round") for v in found), found
    assert sum(v.verdict == "right" for v in found) >= LEAST[name]


@pytest.mark.parametrize("name, old, new, line", thirds(MISTAKES, lambda m: f"{m[0]}: {m[2]}"))
def test_one_mistake(name, old, new, line):
    assert old in FILES[name]
    found = check_code(FILES[name].replace(old, new, 1), "b.py").verdicts
    wrong = [v for v in found if v.verdict == "wrong"]
    assert wrong and wrong[0].text.startswith(line), found


def test_a_function_without_a_loss_is_not_split():
    text = "def f(x, w):\n    a = x @ w\n    da = 2 * a\n    return da\n"
    (found,) = check_code(text, "b.py").verdicts
    assert found.verdict == "unknown" and "--forward" in found.reason


HEAD = ("import numpy as np\n# shapes: X (n, d) · y int (n,) · W (d, c)\ndef loss(X, y, W):\n"
        "    p = np.exp(X @ W)\n    p = p / p.sum(1, keepdims=True)\n")  # fmt: skip
LOSS = "    L = -np.log(p[np.arange(len(X)), y]).sum()\n"
END = "    dW = X.T @ ds\n    return L, dW\n"
ORDERS = [  # the gradient at the scores; whether it may stand before the loss
    ("    ds = p.copy()\n    ds[np.arange(len(X)), y] -= 1\n", True),
    ("    rows = np.arange(len(X))\n    ds = p.copy()\n    ds[rows, y] -= 1\n", True),
    ("    ds = 1 * p\n    ds[np.arange(len(X)), y] -= 1\n", True),
    ("    ds = p\n    ds[np.arange(len(X)), y] -= 1\n", False),
    ("    ds = p.T\n    ds[y, np.arange(len(X))] -= 1\n    ds = p\n", False),
    ("    q = p[:]\n    ds = q\n    np.subtract.at(ds, (np.arange(len(X)), y), 1)\n", False),
    ("    p[np.arange(len(X)), y] -= 1\n    ds = p\n", False),
]


@pytest.mark.parametrize("gradient, free", ORDERS)
def test_a_loss_behind_backward_code(gradient, free):
    """Never right where the loss is computed from what the backward code has changed."""
    assert "right" in {v.verdict for v in check_code(HEAD + LOSS + gradient + END, "b.py").verdicts}
    found = {v.verdict for v in check_code(HEAD + gradient + LOSS + END, "b.py").verdicts}
    assert ("right" in found) is free


MIXED = ("import numpy as np\n# shapes: X (n, d) · W (d, c) · y int (n,)\ndef loss_naive(X, W, y):\n    loss = 0.0\n"
         "    dW = np.zeros_like(W)\n    P = X @ W\n    h = np.ones(W.shape[1])\n    for i in range(X.shape[0]):\n")  # fmt: skip
LOOPS = [  # one round of a loop with both passes; the verdict on dW; a word of the reason
    ("p = P[i]; loss += (p ** 2).sum(); dW += np.outer(X[i], 2 * p)", "right", ""),
    ("p = P[i] * 1; loss += (p ** 2).sum(); d = p; d *= 2; dW += np.outer(X[i], d)", "right", ""),
    ("p = P[i] * 1; d = p; d *= 2; loss += (p ** 2).sum(); dW += np.outer(X[i], 2 * d)", "unknown", "changes `p`"),
    ("p = P[i]; loss += (p ** 2).sum(); d = p; d *= 2; dW += np.outer(X[i], d)", "unknown", "changes `P`"),
    ("P[i] *= 2; loss += (P[i] ** 2).sum(); dW += np.outer(X[i], 4 * P[i])", "unknown", "changes `P`"),
    ("p = P[i]; p *= 2; loss += (p ** 2).sum(); dW += np.outer(X[i], 4 * p)", "unknown", "changes `P`"),
    ("h = h + P[i]; loss += h.sum(); dW += np.outer(X[i], h)", "unknown", "changes `h`"),
    ("p = P[i]; loss += (p ** 2).sum(); dW += np.outer(X[i], 2 * p) * (loss > 0)", "unknown", "reads `loss`"),
    ("p = P[i]; dW += np.outer(X[i], 2 * p); loss += (p * p).sum() + 0 * dW.sum()", "unknown", "sets a gradient"),
    ("if X[i, 0] > 0:\n    loss += P[i, 0]\n    dW[:, 0] += X[i]", "right", ""),
    ("if X[i, 0] > 0: loss += P[i, 0]; dW[:, 0] += X[i]", "unknown", "a line of its own"),
    ("if P[i, 0] > 0:\n    loss += P[i, 0]\nelse:\n    dW[:, 0] += X[i]", "wrong", ""),
    ("if P[i, 0] <= 0:\n    dW[:, 1] += 0 * X[i]\nelse:\n    loss += P[i, 0]\n    dW[:, 0] += X[i]", "right", ""),
    ("for j in range(W.shape[1]):\n    if j != y[i]:\n        continue\n    loss += P[i, j]\n    dW[:, j] += X[i]", "right", ""),
    ("for j in range(W.shape[1]):\n    if j != y[i]:\n        break\n    loss += P[i, j]\n    dW[:, j] += X[i]", "unknown", "branch"),
]


@pytest.mark.parametrize("body, word, reason", LOOPS, ids=[r[0].replace("\n", "; ") for r in LOOPS])
def test_a_loop_with_both_passes(body, word, reason):
    """Taken apart where two loops compute what the one does, and refused by line where they would not."""
    lines = [t for row in body.split("\n") for t in (row.split("; ") if not row.lstrip().startswith("if X[i, 0] > 0: ") else [row])]
    text = MIXED + "".join(f"        {t}\n" for t in lines) + "    return loss, dW\n"
    (found,) = (v for v in check_code(text, "b.py").verdicts if v.verdict != "no-claim")
    assert (found.verdict, reason in (found.reason or "")) == (word, True), found
    assert word != "unknown" or found.place.line > MIXED.count("\n"), found


def test_lists_of_gradients():
    """A list that is filled from the last layer on is read so, and said; an entry that nothing sets is known as missing."""
    text = FILES["lists_turned"]
    found = check_code(text.replace("dWs[::-1], list(reversed(dbs))", "dWs, dbs"), "b.py").verdicts
    assert {v.verdict for v in found} == {"right", "right-if"}
    assert sum("runs from the last layer" in (v.reason or "") for v in found) == 6
    text = FILES["lists_stored"].replace("range(len(Ws) - 1, -1, -1)", "range(len(Ws) - 1, 0, -1)")
    missing = [v for v in check_code(text, "b.py").verdicts if v.verdict == "unknown"]
    assert [v.reason.split(";")[0] for v in missing] == ["`dWs[0]` is never set", "`dbs[0]` is never set"], missing


def test_a_network_of_lists():
    """Both passes in a method that begins with a cost's derivative: the loss is given, else asked for at that line."""
    found = check_code(NETWORK, "b.py", forward=NETWORK_LOSS).verdicts
    assert len(found) == 6 and {v.verdict for v in found} == {"right"}, found
    (found,) = check_code(NETWORK, "b.py").verdicts
    assert found.verdict == "unknown" and "cost_derivative" in found.reason and "--forward" in found.reason
    assert "cost_derivative" in found.text, found


@pytest.mark.parametrize("old, new, line", thirds(NETWORK_MISTAKES, lambda m: m[1]))
def test_a_network_with_one_mistake(old, new, line):
    assert old in NETWORK
    found = check_code(NETWORK.replace(old, new, 1), "b.py", forward=NETWORK_LOSS).verdicts
    wrong = [v for v in found if v.verdict == "wrong"]
    assert wrong and wrong[0].text.splitlines()[-1].strip().startswith(line), found
