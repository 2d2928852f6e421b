"""Forward passes that cannot be differentiated as they stand: refused by name, with line, reason and what to write."""

from __future__ import annotations

import pytest

import derive

HEAD = "import numpy as np\nimport torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n\n\n"
PASS = HEAD + "# shapes: x (n, d) · y int (n,) · W (d, d)\ndef forward(x, y, W):\n"
FIRST = PASS.count("\n") + 1  # the line of the first statement

# body of forward; its line, counted from the first statement; a word of what; a word of why or hint
ROWS = [
    # control flow that depends on values
    ("while x.sum() > 1:\n    x = x / 2\nreturn x", 0, "while", "loops over ranges"),
    ("if x.sum() > 0:\n    x = -x\nreturn x", 0, "branch", "np.where"),
    ("z = x * 2\nif z[0, 0] > 0:\n    z = -z\nreturn z", 1, "branch", "np.where"),
    ("assert (x > 0).all()\nz = [v for v in x if v.sum() > 0]\nreturn z", 1, "comprehension", "mask"),
    ("for k in range(int(x.sum())):\n    x = x + 1\nreturn x", 0, "int()", ""),
    ("for k in range(3):\n    if x[k, 0] > 0:\n        break\nreturn x", 1, "branch", "np.where"),
    ("while True:\n    x = x * 2\nreturn x", 0, "while", "loops over ranges"),
    ("try:\n    z = x * 2\nexcept ValueError:\n    z = x\nreturn z", 0, "try", "assignments"),
    # state that a loop of unknown length carries in another way than can be followed
    ("h = None\nfor r in x:\n    h = r if h is None else h + r\nreturn h", 1, "`h`, which is None", "np.zeros"),
    ("h = x[0]\nfor r in x:\n    h = np.concatenate([h, r])\nreturn h", 1, "2*d after", "append"),
    ("H = np.zeros_like(x)\nfor t in range(1, len(x)):\n    H[t] = H[t - 1] + H.sum()\nreturn H", 2, "changes and reads", "H[t - 1]"),
    ("H = np.zeros_like(x)\nfor t in range(1, len(x)):\n    H[t] = H[y[t]] + x[t]\nreturn H", 1, "changes and reads", "H[t - 1]"),
    ("H = np.zeros_like(x)\nfor t in range(1, len(x)):\n    H[t] = x[t]\n    H[t - 1] = H[t] * 2\nreturn H", 3, "two places", "own"),
    ("s = np.zeros(3)\nout = []\nfor r in x:\n    s += r.sum()\n    out.append(s)\n    s *= 2\nreturn np.stack(out)", 2,
     "`s`, which every round changes in place", "new array"),
    ("hs = {}\nfor t in range(len(x)):\n    hs[t] = x[t] + hs[t - 1]\nreturn hs[0]", 2, "no entry -1", "before the loop"),
    ("hs = {-1: x[0]}\nfor t in range(len(x)):\n    hs[2 * t] = x[t] + hs[t - 1]\nreturn hs[0]", 2, "key of a dict", "hs[t]"),
    ("hs = {-1: x[0]}\nfor t in range(len(x)):\n    hs[t] = x[t] + hs[t - 1]\nreturn sum(hs.values())", 3, ".values()", "for t in range"),
    ("hs = [x[0]]\nfor r in x:\n    hs.append(r + hs[-2])\nreturn hs[-1]", 2, "element of a list", "looks back"),
    ("hs = [x[0]]\nfor r in x:\n    hs.append(r + np.stack(hs).sum())\nreturn hs[-1]", 2, "grows in a loop", "hs[-1]"),
    ("h = x[0]\nfor r in x:\n    for q in x:\n        h = np.tanh(h + r * q)\nreturn h", 2, "inside another", "static"),
    # branches on data inside a loop over rows
    ("s = 0.0\nfor r in x:\n    if r[0] > 0:\n        break\n    s += r.sum()\nreturn s", 3, "branch that depends on the data", "continue"),
    ("hs = []\nfor r in x:\n    if r[0] > 0:\n        hs.append(r)\nreturn np.stack(hs)", 3, "branch that depends on the data", "loss += e"),
    ("s = 0.0\nfor r in x:\n    if r[0] > 0:\n        u = r[1]\n    s += u\nreturn s", 4, "only some rounds set", "before the branch"),
    ("s = 0.0\nfor r in x:\n    if r > 0:\n        s += 1\nreturn s", 2, "branch", "np.where"),
    # input, output, other programs
    ("z = np.load('w.npy')\nreturn x * z", 0, "load", ""),
    ("f = open('w.txt')\nreturn x", 0, "open", ""),
    ("z = x * 2\nnp.save('z.npy', z)\nreturn z", 1, "save", ""),
    ("import os\nos.system('ls')\nreturn x", 1, "os", ""),
    ("z = eval('x * 2')\nreturn z", 0, "eval", ""),
    ("k = input()\nreturn x", 0, "input", ""),
    # randomness
    ("m = np.random.rand(5)\nreturn x * m[0]", 0, "random", "input"),
    ("z = F.dropout(x, 0.5)\nreturn z", 0, "dropout", "input"),
    ("z = x + torch.randn(3)\nreturn z", 0, "randn", "input"),
    ("rng = np.random.default_rng(0)\nz = x * rng.normal()\nreturn z", 1, "normal", "input"),
    ("i = np.random.permutation(3)\nreturn x[i]", 0, "permutation", "input"),
    # calls without a row, forms that mean something else
    ("z = np.fft.fft(x)\nreturn z", 0, "fft", "write it"),
    ("z = np.linalg.svd(x)\nreturn z", 0, "svd", ""),
    ("z = np.sort(x, axis=1)\nreturn z", 0, "sort", ""),
    ("z = np.unique(y)\nreturn x[z]", 0, "unique", ""),
    ("z = np.nonzero(x)\nreturn x[z]", 0, "nonzero", ""),
    ("z = x[x > 0]\nreturn z.sum()", 0, "a[mask]", "np.where"),
    ("z = np.tanhh(x)\nreturn z", 0, "tanhh", "tanh"),
    ("z = frobnicate(x)\nreturn z", 0, "frobnicate", "names in reach"),
    ("z = x.frobnicate()\nreturn z", 0, "frobnicate", ""),
    ("z = x.detach() * 2\nreturn z", 0, "detach", "leave it out"),
    ("z = np.sum(x, where=x > 0)\nreturn z", 0, "where", "supported"),
    ("z = x.astype(int) * 1.0\nreturn z", 0, "int", ""),
    ("with torch.no_grad():\n    z = x * 2\nreturn z", 0, "no_grad", ""),
    ("global total\ntotal = x\nreturn x * 1j", 2, "1j", "real"),
    ("z = x @ W\nz[y] @ 3\nreturn z", 1, "@", ""),
    ("def g(v):\n    return g(v) + 1\nreturn g(x)", 1, "calls itself", "loop"),
    ("yield x", 0, "yield", ""),
    ("class A:\n    pass\nreturn A()", 2, "", ""),
    ("z = nn.LSTM(3, 4)(x)\nreturn z", 0, "LSTM", "supported"),
    ("z = x.reshape(2, 3)\nreturn z", 0, "", ""),
    ("raise ValueError(x)", 0, "raise", ""),
]


def problem_of(source: str) -> derive.Problem:
    with pytest.raises(derive.Problem) as found:
        derive.differentiate(derive.read(source))
    return found.value


@pytest.mark.parametrize("body, line, what, hint", ROWS, ids=[r[0].replace("\n", " ")[:60] for r in ROWS])
def test_refused_by_name(body, line, what, hint):
    problem = problem_of(PASS + "".join(f"    {text}\n" for text in body.split("\n")))
    told = f"{problem.what} {problem.why} {problem.hint}"
    assert what in problem.what, told
    assert hint in f"{problem.why} {problem.hint}", told
    assert problem.line == FIRST + line, f"line {problem.line}: {told}"
    assert problem.code.startswith("E1") and (problem.why or problem.hint)


def test_static_flags_are_evaluated():
    """The same forms on static values are read: a flag, None, a text, an int."""
    body = ("    if mode == 'train' and mask is None:\n        z = x * 2\n    else:\n        z = x.sort()\n"
            "    for k in range(depth):\n        if k % 2 == 0:\n            z = z + k\n"
            "    return z if flag else -z\n")  # fmt: skip
    source = HEAD + "# shapes: x (n,)\ndef forward(x, mode='train', mask=None, depth=3, flag=True):\n" + body
    program = derive.read(source)
    assert {s.name for s in program.statics} == {"mode", "mask", "depth", "flag"}


def test_no_grad_around_what_no_output_uses_is_read():
    """Running statistics are no part of the loss."""
    source = HEAD + ("# shapes: x (n, d)\ndef forward(x):\n    z = x * 2\n    with torch.no_grad():\n"
                     "        running = 0.9 * z.mean(0)\n    return z\n")  # fmt: skip
    assert derive.read(source).outputs == ("z",)
