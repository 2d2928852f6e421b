"""Bad input: one message with file, line and column, a caret, what, why and what to write instead; exit 2; nothing touched."""

import pytest

from derive.cli import main

SUM = "    return y.sum()\n"
HEAD = "import numpy as np\n\n\ndef forward(x):\n    # shapes: x (n,)\n"

# fmt: off
# name, source, line:column (None: the file as a whole), code, a word of what, a word of the hint
ROWS = [
    ("unsupported construct",  HEAD + "    y = np.fft.fft(x)\n" + SUM,                               "6:9",  "E102", "fft", "write it"),
    ("while on values",        HEAD + "    while x.sum() > 1:\n        x = x / 2\n    return x.sum()\n", "6:5", "E102", "while", "loops over ranges"),
    ("a random draw",          HEAD + "    m = np.random.rand(5)\n    y = x * m\n" + SUM,             "6:9",  "E102", "random", "input"),
    ("a shape that misfits",   "def forward(X, W):\n    # shapes: X (n, 3) · W (4, C)\n    y = X @ W\n" + SUM, "3:9", "E104", "3 and 4", "correct"),
    ("sizes that contradict",  "def forward(X, Y):\n    # shapes: X (2, 3) · Y (2, 4)\n    y = X + Y\n" + SUM, "3:9", "E104", "3 and 4", "correct"),
    ("an unknown name",        HEAD + "    y = x * gain\n" + SUM,                                     "6:13", "E103", "gain", "names in reach"),
    ("a name before it is set", HEAD + "    y = x + z\n    z = x * 2\n" + SUM,                        "6:13", "E103", "`z`", "names in reach"),
    ("no shape",               "def forward(X, W, b):\n    y = X @ W + b\n" + SUM,                    "2:9",  "E105", "shape of `X`", "# shapes: X"),
    ("a syntax error",         "def forward(x:\n    return x\n",                                      "1:12", "E101", "never closed", "correct"),
    ("a real subscript",       "def forward(C, X):\n    # shapes: C (V, E) · X (n, t)\n    return C[X].sum()\n", "3:12", "E102", "subscript", "X int (n, t)"),
    ("labels of no shape",     "import torch.nn.functional as F\ndef f(s, y):\n    # shapes: s (n, C)\n    return F.cross_entropy(s, y)\n", "4:12", "E105", "`y`", "y int (n,)"),
    ("nothing returned",       HEAD + "    y = x * 2\n",                                              "4:1",  "E102", "returns nothing", "return loss"),
    ("an empty file",          "",                                                                    None,   "E101", "nothing to read", "forward"),
    ("facts that contradict",  HEAD + "    # facts: sum[c] x[c] = 1; sum[c] x[c] = 2\n    y = x\n" + SUM, "6:31", "E107", "contradict", "keep"),
    ("a shape half written",    "def forward(X, w):\n    # shapes: X (n, d) · w (d\n    return (X @ w).sum()\n", "2:5", "E104", "`w (d`", "y int (n,)"),
    ("a size that is none",    "def forward(X, w):\n    # shapes: X (n, d!) · w (d,)\n    return (X @ w).sum()\n", "2:5", "E104", "(n, d!)", "letters"),
    ("a fact about no name",   HEAD + "    # facts: onehot q\n    y = x\n" + SUM,                     "6:14", "E107", "`q`", "names"),
]
# fmt: on


@pytest.fixture
def derive_in(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)

    def go(*args: str):
        with pytest.raises(SystemExit) as ended:
            main(list(args))
        return ended.value.code, *capfd.readouterr()

    return go


@pytest.mark.parametrize("source, place, code, what, hint", [r[1:] for r in ROWS], ids=[r[0] for r in ROWS])
def test_bad_input_is_told(source, place, code, what, hint, derive_in, tmp_path):
    (tmp_path / "pass.py").write_text(source)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "backward.py").write_text("kept")
    status, out, err = derive_in("build", "pass.py", "-o", "out")
    assert status == 2 and out == ""
    first = next(line for line in err.splitlines() if code in line)
    assert first.startswith(f"pass.py:{place}: {code}" if place else f"pass.py: {code}"), first
    assert what in first and hint in err.split("= try", 1)[1]
    if place:
        assert "^" in err
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["backward.py"]
    assert (tmp_path / "out" / "backward.py").read_text() == "kept"


def test_a_shape_for_nobody(derive_in, tmp_path):
    (tmp_path / "pass.py").write_text("def forward(X):\n    return (X * 2).sum()\n")
    status, _, err = derive_in("show", "pass.py", "--shapes", "X: n d; Z: n")
    assert status == 2 and "`Z`" in err and "the inputs are X" in err


def test_a_binary_file(derive_in, tmp_path):
    (tmp_path / "pass.py").write_bytes(b"\x00\x01\x02\xff" * 10)
    status, out, err = derive_in("build", "pass.py")
    assert status == 2 and "pass.py: E101" in err and "not text" in err


def test_an_integer_array_has_no_gradient(derive_in, tmp_path):
    (tmp_path / "pass.py").write_text("def forward(x, t):\n    # shapes: x (n, C) · t int (n,)\n    return x[range(len(x)), t].sum()\n")
    status, _, err = derive_in("build", "pass.py", "--wrt", "t")
    assert status == 2 and "pass.py:1:16: E106" in err and "leave it out of wrt" in err


def test_an_output_that_is_no_scalar_wants_its_upstream():
    import numpy as np

    import derive

    fn = derive.differentiate(derive.read("def forward(x):\n    # shapes: x (n,)\n    y = 2 * x\n    return y\n")).function()
    with pytest.raises(ValueError, match="upstream"):
        fn(x=np.ones(3))


def test_a_missing_file(derive_in):
    status, _, err = derive_in("build", "nowhere.py")
    assert status == 2 and "nowhere.py" in err
