"""`derive check` reads backward code as Python runs it: bindings, defaults, unread statements, sizes that do not split."""

import pytest

from derive.checker.code import check_code

FORWARD = """
# shapes: x (n, d) · w (d, h) · b (h,)
def forward(x, w, b):
    a = x @ w + b
    h = np.tanh(a)
    return h, (x, w, h)
"""
RIGHT = "dh * (1 - h ** 2)"


def backward(*lines: str, before: str = "", after: str = "") -> str:
    body = "".join(f"    {line}\n" for text in ("x, w, h = cache", *lines) for line in text.split("\n"))
    return f"{before}{FORWARD}\ndef backward(dh, cache):\n{body}{after}"


def said(text: str) -> str:
    """The verdicts in a word each, parts left out."""
    return " ".join(v.verdict for v in check_code(text, "b.py").verdicts if v.kind != "partial" and v.verdict != "no-claim")


# what stands before and behind the two functions, the lines of backward, and the verdicts
BINDINGS = [
    ("def slope(z): return 1 - z\ndef slope(z): return 1 - z ** 2\n", "", "da = dh * slope(h)", "right"),
    ("def slope(z): return 1 - z ** 2\n", "def slope(z): return 1 - z\n", "da = dh * slope(h)", "wrong"),
    ("def slope(z): return 1 - z ** 2\n", "slope = lambda z: 1 - z\n", "da = dh * slope(h)", "wrong"),
    ("", "def backward(dh, cache):\n    x, w, h = cache\n    da = dh * h\n", f"da = {RIGHT}", "wrong"),
    ("K = 1\ndef slope(z, k=K): return 2 - k - z ** 2\n", "", "K = 3\nda = dh * slope(h)", "right"),
    ("", "", "k = 2\ns = lambda z, k=k: 1 - z ** k\nk = 3\nda = dh * s(h)", "right"),
    ("", "", "k = 3\ns = lambda z, k=k: 1 - z ** k\nk = 2\nda = dh * s(h)", "wrong"),
    ("", "", "k = 3\ns = lambda z: 1 - z ** k\nk = 2\nda = dh * s(h)", "right"),
    ("", "", "def g(z, seen=[]):\n    seen.append(1)\n    return len(seen) * z\nq = g(h)\nda = g(dh) * (1 - h ** 2)", "wrong"),
    ("K = 1\ndef up():\n    global K\n    K = 2\n", "", "up()\nda = K * dh * (1 - h ** 2)", "unknown"),
]


WRAPPER = "def twice(f):\n    def g(*a): return 2 * f(*a)\n    return g\n"
BINDINGS += [
    (WRAPPER + "@twice\ndef slope(z): return 1 - z ** 2\n", "", "da = dh * slope(h)", "unknown"),
    ("def kept(f): return f\n@kept\ndef slope(z): return 1 - z ** 2\n", "", "da = dh * slope(h)", "right"),
]


@pytest.mark.parametrize("before, after, lines, word", BINDINGS, ids=[r[0] + r[2] for r in BINDINGS])
def test_bindings(before, after, lines, word):
    assert said(backward(lines, before=before, after=after)) == word


# statements that cannot be read, and what is said of a gradient that rests on what they may have done
UNREAD = [
    ("k = 1\nif dh.sum() > 0:\n    k = 2", "k * ", "unknown"),
    ("k = 1\nwhile k < 2:\n    k = k + 1", "k * ", "unknown"),
    ("k = 1\ntry:\n    k = 2\nexcept ValueError:\n    pass", "k * ", "unknown"),
    ("k = [1]\nwhile len(k) < 2:\n    k.append(1)", "len(k) * ", "unknown"),
    ("k = {'q': 1}\nk['q'] = np.fft.fft(h)", "k['q'] * ", "unknown"),
    ("k = [1, 2]\nk[0] = np.fft.fft(h)", "k[0] * ", "unreadable"),
    ("match 1:\n    case _:\n        h = 2 * h", "", "unknown"),
    ("if x.shape[0] > 2:\n    return x", "", "unknown right"),
    ("k = 1\nwhile k < 2:\n    k = k + 1", "", "right"),
]


@pytest.mark.parametrize("lines, factor, words", UNREAD, ids=[r[0] for r in UNREAD])
def test_what_an_unread_statement_may_have_changed(lines, factor, words):
    assert said(backward(lines, f"da = {factor}{RIGHT}")) == words


# right gradients at b in words that suppose something of the sizes, or are no such gradient
SIZES = [
    ("k = len(x) // 2\ndb = da[:k].sum(0) + da[k:].sum(0)", "right"),
    ("k = len(x) // 2\ndb = da[:k].sum(0) + da[k:2 * k].sum(0)", "right-if"),
    ("db = da.sum(0) / max(len(x), 2) * len(x)", "right-if"),
    ("db = da.sum(0) / max(len(x), 1) * len(x)", "right"),
    ("db = np.average(da, 0, np.arange(len(x)) + 1.0) * len(x)", "unreadable"),
    ("db = np.inner(da.T, np.ones(len(x)))", "right"),
    ("db = np.inner(np.ones((1, len(x))), da.T)[0]", "right"),
    ("db = np.vdot(da, np.ones_like(da)) * np.ones_like(da[0])", "wrong"),
    ("db = np.sum(da, 0, int)", "unreadable"),
]


@pytest.mark.parametrize("lines, word", SIZES, ids=[r[0] for r in SIZES])
def test_sizes_and_spellings(lines, word):
    assert said(backward(f"da = {RIGHT}", lines)) == f"right {word}"


# arrays whose memory holds anything, loops that end too early or too late
FILLED = [
    ("da = np.empty_like(h)\nda[...] = {}", "right"),
    ("da = np.empty(h.shape)\nfor i in range(len(h)):\n    da[i] = ({})[i]", "right"),
    ("da = np.empty(h.shape)\nda[:1] = ({})[:1]\nda[1:] = ({})[1:]", "right"),
    ("da = np.empty(h.shape)\nda[1:] = ({})[1:]", "wrong"),
    ("da = np.empty_like(h)\nda += {}", "wrong"),
    ("da = np.zeros_like(h)\nda += {}", "right"),
    ("da = np.zeros_like(h)\nfor j in range(h.shape[1]):\n    da[:, j] = ({})[:, j]", "right"),
    ("da = np.zeros_like(h)\nfor j in range(x.shape[0]):\n    da[:, j] = ({})[:, j]", "wrong"),
    ("da = np.zeros_like(h)\nfor j in range(x.shape[1]):\n    da[:, j] = ({})[:, j]", "wrong"),
]


@pytest.mark.parametrize("lines, word", FILLED, ids=[r[0] for r in FILLED])
def test_all_of_an_array_is_filled(lines, word):
    assert said(backward(lines.replace("{}", RIGHT))) == word


def test_the_upstream_gradient_changed_in_place():
    """`dh *= …; dh[…] = 0`: the name goes on as the gradient at what the output is made of."""
    assert said(backward("dh *= 1 - h ** 2", "dw = x.T @ dh")) == "right right"
    assert said(backward("dh *= 1 - h", "dw = x.T @ dh")).startswith("wrong")


SCRIPT = """
# shapes: x (n, d) · w (d,) · t (n,)
r = x @ w - t
loss = (r ** 2).sum()
{}
dr = 2 * r
dw = x.T @ dr
"""


@pytest.mark.parametrize("lines", ["", "q = 2 * r", "big = (r > 1).mean()", "q = np.abs(r)\nq = q.max()"])
def test_what_stands_behind_the_loss_of_a_script(lines):
    """The loss is what gradients are of, not the last line before them."""
    assert said(SCRIPT.format(lines)) == "right right"
    assert said(SCRIPT.format(lines).replace("2 * r\ndw", "r\ndw")).startswith("wrong")


TORCH = "import torch\n" + FORWARD.replace("np.", "torch.")
# what stands between a right `da` and its use, and what is said then
IN_TORCH = [
    ("v = da.detach()\nv.mul_(2)\ndw = x.T @ da", "wrong carried"),
    ("v = da.expand(1, *da.shape)\nv.mul_(2)\ndw = x.T @ da", "unreadable right"),
    ("v = da.unheard_of()\nv.mul_(2)\ndw = x.T @ da", "unknown right"),
    ("v = da.clone()\nv.mul_(2)\ndw = x.T @ da", "right"),
    ("db = torch.zeros_like(b)\ndb.index_add_(0, torch.arange(len(b)), da.sum(0))", "right"),
    ("db = torch.zeros_like(b)\ndb.index_add_(0, torch.arange(len(b)), da.sum(0), alpha=2)", "unreadable"),
]


@pytest.mark.parametrize("lines, words", IN_TORCH, ids=[r[0] for r in IN_TORCH])
def test_views_of_torch(lines, words):
    found = check_code(f"da = {RIGHT}\n{lines}\n", "b.py", forward=TORCH).verdicts
    assert [v.verdict for v in found if v.place.end_line > 1 and v.verdict != "no-claim"] == words.split(), found


# what is done with gradients before they are returned
HANDED_BACK = [
    ("grads = {}\ngrads.update(dx=da @ w.T, dw=x.T @ da)\nreturn grads", "right right"),
    ("grads = {}\ngrads.update(dx=da @ w.T, dw=2 * x.T @ da)\nreturn grads", "right wrong"),
    ("grads = {'dx': da @ w.T}\ngrads.update({'dw': 2 * x.T @ da})\nreturn grads", "right wrong"),
    ("return dict(dx=da @ w.T, dw=2 * x.T @ da)", "right wrong"),
    ("return dict(dx=da @ w.T, dw=x.T @ da)", "right right"),
    ("grads = {'dx': da @ w.T}\nfor k, v in grads.items():\n    v *= 2\nreturn grads", "wrong"),
]


@pytest.mark.parametrize("lines, words", HANDED_BACK, ids=[r[0] for r in HANDED_BACK])
def test_what_is_handed_back(lines, words):
    assert said(backward(f"da = {RIGHT}", lines)) == f"right {words}"
