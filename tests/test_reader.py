"""The Python reader: snippets and their programs, passes against what NumPy and torch compute, problems and places."""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from naive import run_program
from reader_rows import NUMPY, TORCH, rows

from derive.errors import Problem, ShapeMismatch, ShapeUnknown, UnknownName, Unreadable, Unsupported
from derive.judges.interpreter import run as run_source
from derive.program import parse_program, program_text
from derive.readers.python import read_python
from derive.readers.shapes import from_comment, from_text

LENGTHS = {"n": 4, "d": 3, "c": 2, "m": 5, "a": 2, "b": 3, "h": 3, "w": 2, "H": 5, "W": 4, "KH": 2, "KW": 3, "f": 2,
           "G": 2, "k": 2, "V": 6, "E": 2, "T": 3, "K": 2, "B": 2, "C": 4, "e": 2}  # fmt: skip
SMALL = LENGTHS | {"d": 4, "n": 3}
SAMPLES = Path(__file__).parents[2].joinpath("shared/samples/passes")
MAKEMORE = Path(__file__).parents[2].joinpath("shared/seeds/makemore_forward.py")

# ---------------------------------------------------------------- against NumPy and torch


def source_of(shapes: str, body: str) -> str:
    """A forward function around a row."""
    names = [part.split(":")[0].strip() for part in shapes.split(";")]
    lines = []
    for line in body.split("\n"):
        whole = line.startswith((" ", "for ", "if ", "else", "assert", "print", "def "))
        lines += [f"    {line}"] if whole else [f"    {part.strip()}" for part in line.split("; ")]
    return f"def forward({', '.join(names)}):\n" + "\n".join(lines) + "\n"


def data_of(shapes: str, lengths: dict[str, int], seed: int) -> dict:
    """Random inputs; labels stay below every length they could index."""
    rng = np.random.default_rng(seed)
    found = {}
    for part in shapes.split(";"):
        name, _, text = part.partition(":")
        said = from_text(text)
        shape = tuple(n.at(lengths) for n in said.shape)
        makers = {"int": lambda: rng.integers(0, 2, size=shape), "bool": lambda: rng.random(size=shape) < 0.5}  # noqa: B023
        real = lambda: rng.normal(size=shape) if shape else float(rng.normal())  # noqa: B023, E731
        found[name.strip()] = makers.get(said.sort, real)()
    return found


def executed(source: str, data: dict, torch=None) -> list[np.ndarray]:
    """What the source computes for real (our own rows, so executing is fine)."""
    scope = {"np": np, "math": math}
    if torch is not None:
        torch.set_default_dtype(torch.float64)
        scope |= {"torch": torch, "F": torch.nn.functional}
    copied = {k: np.copy(v) if hasattr(v, "shape") else v for k, v in data.items()}
    values = copied if torch is None else {k: torch.tensor(v) for k, v in copied.items()}
    exec(compile(source, "row", "exec"), scope)
    out = scope["forward"](**values)
    return [np.asarray(o) for o in (out if isinstance(out, tuple) else (out,))]


def agrees(shapes: str, body: str, declared: bool, lengths: dict, torch=None, seed: int = 1) -> None:
    """The program's values are those of the source, and its text reads back."""
    source, data = source_of(shapes, body), data_of(shapes, lengths, seed)
    said = {p.split(":")[0].strip(): p.split(":")[1].strip() for p in shapes.split(";")}
    program = read_python(source, shapes=said) if declared else read_python(source, sample=data)
    found = run_program(program, data, lengths if declared else None)
    want = executed(source, data, torch)
    assert len(program.outputs) == len(want)
    for name, value in zip(program.outputs, want, strict=True):
        assert found[name].shape == value.shape, program_text(program)
        np.testing.assert_allclose(found[name], value, rtol=1e-9, atol=1e-11, err_msg=program_text(program))
    text = program_text(program)
    assert program_text(parse_program(text)) == text


def row_id(row: tuple[str, str]) -> str:
    return row[1].replace("\n", " ")[:70]


@pytest.mark.parametrize("declared", [True, False], ids=["shapes", "sample"])
@pytest.mark.parametrize("row", rows(NUMPY), ids=row_id)
def test_numpy_rows(row, declared):
    agrees(*row, declared, SMALL if declared else LENGTHS)


@pytest.mark.parametrize("declared", [True, False], ids=["shapes", "sample"])
@pytest.mark.parametrize("row", rows(TORCH), ids=row_id)
def test_torch_rows(row, declared):
    torch = pytest.importorskip("torch")
    shapes, body = row
    agrees(shapes, body if "torch" in body else "torch.manual_seed(0)\n" + body, declared, LENGTHS, torch)


def _cases() -> list[Path]:
    return sorted(p for p in SAMPLES.glob("[0-9]*") if p.is_dir())


@pytest.mark.parametrize("folder", _cases(), ids=lambda p: p.name)
def test_samples(folder):
    """The sample passes: every named array is what running the pass gives."""
    pytest.importorskip("torch")
    if str(SAMPLES) not in sys.path:
        sys.path.append(str(SAMPLES))
    import suite

    case = suite.Case(str(folder))
    for k in range(2):
        data, _ = case.sample(k)
        outs, scope = case.run_forward(data)
        program = read_python(case.forward_source, sample=data)
        found = run_program(program, data)
        for name, value in zip(program.outputs, outs, strict=True):
            np.testing.assert_allclose(found[name], value, rtol=1e-8, atol=1e-10)
        for e in program.equations:
            if e.name in scope:
                np.testing.assert_allclose(found[e.name], suite.to_np(scope[e.name]), rtol=1e-8, atol=1e-10)


@pytest.mark.skipif(not MAKEMORE.exists(), reason="the seeds are not here")
def test_makemore():
    program = read_python(MAKEMORE.read_text())
    assert [str(n) for n in program.shape("W1")] == ["E*T", "H"]
    assert {v.name: str(v.limit) for v in program.inputs if v.sort == "int"} == {"Xb": "V", "Yb": "V"}
    assert [e.name for e in program.equations][:3] == ["emb", "embcat", "hprebn"]
    assert program["logit_maxes"].span.line == 21


# ---------------------------------------------------------------- programs as text

TEXTS = [
    ("X: n d; W: d c; b: c", "Z = X @ W + b", "Z[i:n, l:c] = sum[j:d] X[i, j]*W[j, l] + b[l]"),
    ("X: n d", "Z = X.mean(0)", "Z[j:d] = 1/n*sum[i:n] X[i, j]"),
    ("X: n d", "Z = X.sum(1, keepdims=True)", "Z[i:n, o:1] = sum[j:d] X[i, j]"),
    ("x: n; y: n", "Z = x / y", "Z[i:n] = x[i]/y[i]"),
    ("x: n", "Z = (x + 1e-5) ** -0.5", "Z[i:n] = (x[i] + 1/100000)^(-1/2)"),
    ("x: n", "Z = np.maximum(0, x)", "Z[i:n] = relu(x[i])"),
    ("x: n", "Z = np.maximum(x, 1)", "Z[i:n] = maximum(x[i], 1)"),
    ("x: n", "Z = np.where(x > 0, x, 0.1 * x)", "Z[i:n] = {x[i] if 0 < x[i]; 1/10*x[i]}"),
    ("X: n d; y: int n", "Z = -X[range(len(y)), y].mean()", "Z[] = -1/n*sum[i:n] X[i, y[i]]"),
    ("X: n d; y: int n", "Z = X.copy(); Z[np.arange(len(X)), y] -= 1", "Z[i:n, j:d] = Z~1[i, j] - [j = y[i]]"),
    ("C: V E; X: int n T", "Z = C[X]", "Z[i:n, a:T, l:E] = C[X[i, a], l]"),
    ("X: n d", "Z = X.reshape(-1)", "Z[l:d*n] = X[l//d, l%d]"),
    ("X: n d", "Z = np.cumsum(X, axis=0)", "Z[i:n, j:d] = sum[m:n | m <= i] X[m, j]"),
    ("X: n d", "Z = np.argmax(X, axis=1)", "Z[i:n] = at(argmax[j:d](X[i, j]))   # int"),
    ("X: n n", "Z = np.tril(X)", "Z[i:n, m:n] = {X[i, m] if m <= i; 0}"),
    ("X: n d", "Z = X[:, ::-1]", "Z[i:n, j:d] = X[i, -j + d - 1]"),
    ("X: n d", "Z = X.T[1:]", "Z[l:d - 1, i:n] = X[i, l + 1]"),
    ("x: n; y: m", "Z = np.concatenate([x, y])", "Z[p:m + n] = {x[p] if p < n; y[p - n]}"),
    ("X: n d", "Z = (X > 0) * X", "Z[i:n, j:d] = [0 < X[i, j]]*X[i, j]"),
    ("X: n d", "Z = X.var(0)", "Z[j:d] = 1/n*sum[i:n] (X[i, j] - 1/n*sum[m:n] X[m, j])^2"),
    ("X: n d", "Z = np.zeros(len(X))\nfor r in range(len(X)):\n    Z[r] = X[r].sum()", "Z[i:n] = sum[j:d] X[i, j]"),
    ("x: n", "Z = 0\nfor v in x:\n    if v > 0: Z += v", "Z[] = sum[i:n] {x[i] if 0 < x[i]; 0}"),
    ("x: n; y: int", "Z = 0\nfor i in range(len(x)):\n    if i == y: continue\n    Z += x[i]", "Z[] = sum[m:n] {x[m] if m != y; 0}"),
    ("x: n", "Z = 0\nb = 1\nfor v in x:\n    if v > 0: b = v\n    Z += b", "Z[] = sum[t:n] b[t]"),
]


@pytest.mark.parametrize(("shapes", "body", "line"), TEXTS, ids=[t[1][:60] for t in TEXTS])
def test_texts(shapes, body, line):
    said = {p.split(":")[0].strip(): p.split(":")[1].strip() for p in shapes.split(";")}
    program = read_python(source_of(shapes, body + "\nreturn Z"), shapes=said)
    assert program_text(program).splitlines()[-2] == line


# ---------------------------------------------------------------- shapes, statics, containers, comments

PASS = "def forward(x, w):\n    # x (n, d) · w (d,)\n    return x @ w\n"


@pytest.mark.parametrize(
    ("source", "options"),
    [
        (PASS, {}),
        ("def forward(x: Float[np.ndarray, 'n d'], w: Float[Tensor, 'd']):\n    return x @ w\n", {}),
        ("# shapes: x (n, d), w (d,)\ndef forward(x, w):\n    return x @ w\n", {}),
        ("def forward(x, w):\n    return x @ w\n", {"shapes": {"x": "n d", "w": "d"}}),
        (
            "def forward(x, w):\n    n, d = x.shape\n    return x @ w\n",
            {"sample": {"x": np.ones((4, 3)), "w": np.ones(3)}},
        ),
    ],
)
def test_shape_sources(source, options):
    program = read_python(source, **options)
    assert [str(n) for n in program.shape("x")] == ["n", "d"] and [str(n) for n in program.shape("w")] == ["d"]
    assert program.parameters == ("x", "w")


def test_initialisers():
    program = read_python("E = 3\nC = np.random.randn(27, E)\n# X int (n,)\nh = np.tanh(C[X])\n")
    assert [(v.name, str(v.shape)) for v in program.inputs] == [("C", "(d, E)"), ("X", "(n,)")]


@pytest.mark.parametrize(
    ("source", "shapes"),
    [
        ("W = np.random.randn(784, 10)\nX = np.random.randn(64, 784)\nz = X @ W", "W (n, d) X (h, n)"),
        ("W = np.random.randn(784, 10)\nX = np.random.randn(64, 28, 28)\nz = X.reshape(-1, 784) @ W", "W (784, 10) X (64, 28, 28)"),
        ("N, D = 64, 784\nX = np.random.randn(N, D)\nz = X * 2", "X (N, D)"),
        ("# shapes: X (64, 784) · w (784,)\ndef forward(X, w):\n    return X @ w", "X (n, d) w (d,)"),
        ("# shapes: X (2, 3) · w (3,)\ndef forward(X, w):\n    return X @ w", "X (2, 3) w (3,)"),
        ("X = np.random.randn(64, 784)\nY = np.random.randint(0, 10, 64)\nW = np.random.randn(784, 10)\n"
         "z = (X @ W)[np.arange(64), Y]", "X (64, n) W (n, d) Y (64,)"),
    ],
)  # fmt: skip
def test_lengths_written_as_numbers(source, shapes):
    """A number that only says how long an axis is becomes a letter; one that the pass itself mentions stays."""
    program = read_python(source)
    found = {v.name: f"({', '.join(map(str, v.shape))}{',' if len(v.shape) == 1 else ''})" for v in program.inputs}
    assert found == dict(re.findall(r"(\w+) (\([^)]*\))", shapes))


def test_containers_and_methods():
    source = "def forward(p, x):\n    # x (n, d) · W (d, c)\n    return {'z': x @ p['W']}, {}\n"
    program = read_python(source)
    assert program["W"].structure == ("p", "W")
    source = "class A:\n    def forward(self, x):\n        # x (n,) · W (n,)\n"
    source += "        self.y = x * self.W\n        return self.y\n"
    program = read_python(source, function="A.forward")
    assert program["W"].structure == () and program.parameters == ("x", "W") and program.outputs == ("y",)


def test_static_and_label_ints():
    source = "def forward(x, k, s):\n    return x[k] + x[::s].sum()\n"
    program = read_python(source, sample={"x": np.ones(6), "k": 2, "s": 2})
    assert [(s.name, s.value) for s in program.statics] == [("s", 2)]
    assert str(program["k"].limit) == str(program.shape("x")[0])


def test_notes():
    source = "def forward(x):\n    # x (n, d)\n    # write: sm = s ; index n: a,b\n    # facts: x > 0\n"
    program = read_python(source + "    sm = x / x.sum()  # normalise\n    return sm\n")
    assert program.letters == {"sm": "s"} and program["sm"].words == "normalise"
    assert program["sm"].indices[0].name == "a" and program.facts[0].kind == "positive"


# ---------------------------------------------------------------- problems

HEAD = "def forward(x, y):\n    # x (n, d) · y int (n,)\n"
PROBLEMS = [
    ("", Unreadable, None, None),
    ("abc\0", Unreadable, None, None),
    ("def f(:\n", Unreadable, 1, 7),
    ("import os\n", Unreadable, 1, 1),
    (HEAD + "    return foo(x)\n", UnknownName, 3, 12),
    (HEAD + "    return 2 * np.fft.fft(x)\n", Unsupported, 3, 16),
    (HEAD + "    while True:\n        pass\n", Unsupported, 3, 5),
    (HEAD + "    if x.sum() > 0:\n        x = x\n    return x\n", Unsupported, 3, 5),
    (HEAD + "    z = 1\n    return x[:, :, 0]\n", ShapeMismatch, 4, 12),
    (HEAD + "    return x[x]\n", Unsupported, 3, 12),
    (HEAD + "    return x + np.random.randn(3)\n", Unsupported, 3, 16),
    (HEAD + "    for t in range(1, len(x)):\n        x[t] = x.sum() * 2\n    return x\n", Unsupported, 4, 9),
    (HEAD + "    return x.sum(axis=2)\n", ShapeMismatch, 3, 12),
    (HEAD + "    return x.softmin()\n", Unsupported, 3, 12),
    (HEAD + "    x + 1\n", Unsupported, 1, 1),
    (HEAD + "    return x - x.detach()\n", Unsupported, 3, 16),
    (HEAD + "    h = None\n    for r in x:\n        h = r if h is None else h + r\n    return h\n", Unsupported, 4, 5),
    ("def forward(X, W, b):\n    return X @ W + b\n", ShapeUnknown, 2, 12),
    ("def forward(x, y):\n    # x (3,) · y (4,)\n    return x + y\n", ShapeMismatch, 3, 12),
]


@pytest.mark.parametrize(("source", "kind", "line", "column"), PROBLEMS)
def test_problems(source, kind, line, column):
    with pytest.raises(kind) as caught:
        read_python(source, path="f.py")
    assert (caught.value.line, caught.value.column) == (line, column), str(caught.value)
    assert caught.value.path == "f.py" and caught.value.hint


def test_hint_is_the_line_to_paste():
    body = "N, D = X.shape; C = W.shape[1]; s = X.dot(W) + b; return -s[np.arange(N), y].mean()"
    source = source_of("X:; W:; b:; y:", body)
    with pytest.raises(ShapeUnknown) as caught:
        read_python(source)
    assert caught.value.hint == "# shapes: X (N, D) · W (D, C) · b (C,) · y int (N,)"
    assert read_python(caught.value.hint + "\n" + source).outputs == ("out",)


def test_nothing_else_escapes():
    """Mutilated sources raise problems only."""
    rng = np.random.default_rng(0)
    for shapes, body in rows(NUMPY):
        source = source_of(shapes, body)
        for _ in range(3):
            a, b = sorted(rng.integers(0, len(source), 2))
            try:
                read_python(source[:a] + source[min(b, a + 5) :])
            except Problem as problem:
                assert str(problem)


# ---------------------------------------------------------------- what people write about shapes

DECLARED = [
    ("shapes: X (n, d) W (d, k) y int (n,)", {"X": "n d", "W": "d k", "y": "n"}),
    ("shapes: self.W (d, m) · self.b (m,)", {"W": "d m", "b": "m"}),
    ("shapes: params['W'] (d, k), params[\"b\"] (k,)", {"W": "d k", "b": "k"}),
    ("shapes: Ws[0] (d, k) · layers[1]['W'] (k,)", {"Ws0": "d k", "layers1_W": "k"}),
    ("shapes: y (n,) int · X (n, d)", {"y": "n", "X": "n d"}),
]


@pytest.mark.parametrize(("text", "wanted"), DECLARED, ids=[t for t, _ in DECLARED])
def test_shape_comments(text, wanted):
    found = from_comment(text)
    assert {name: " ".join(map(str, said.shape)) for name, said in found.items()} == wanted


@pytest.mark.parametrize("given", ["n 4", ("n", 4), ["n", "4"]])
def test_shapes_from_python(given):
    assert [str(n) for n in read_python("def f(x):\n    return x.sum()\n", shapes={"x": given}).shape("x")] == ["n", "4"]


LAYER = '''
import torch
g = torch.Generator().manual_seed(1)
class Linear:
    def __init__(self, fan_in, fan_out, bias=True, eps=1e-5):
        self.eps = eps
        self.weight = torch.randn((fan_in, fan_out), generator=g) / fan_in**0.5
        self.bias = torch.zeros(fan_out) if bias else None
        self.running = torch.zeros(fan_out)
    def __call__(self, x):
        # shapes: x (n, fan_in)
        self.out = x @ self.weight + self.eps
        if self.bias is not None:
            self.out += self.bias
        return self.out
'''


def test_a_callable_layer_with_constants_and_flags():
    program = read_python(LAYER)
    assert [v.name for v in program.inputs] == ["x", "weight", "bias"]
    data = {"x": np.ones((2, 3)), "weight": np.ones((3, 4)), "bias": np.arange(4.0)}
    assert np.allclose(run_source(LAYER, data, "Linear.__call__").outputs[0], 3 + 1e-5 + np.arange(4.0))


def test_any_number_of_leading_axes():
    """`"... d"` without sample data: one axis stands for them."""
    source = 'def f(x: Float[Array, "... d"], g: Float[Array, "d"]):\n    return x / x.std(-1, keepdims=True) * g\n'
    program = read_python(source)
    assert [str(n) for n in program.shape("x")] == ["n", "d"] and [str(n) for n in program.shape("g")] == ["d"]


GPT = '''
import math
import torch
import torch.nn as nn
import torch.nn.functional as F


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.c_attn = nn.Linear(config.n_embd, 3 * config.n_embd, bias=config.bias)
        self.register_buffer("bias", torch.tril(torch.ones(config.block_size, config.block_size)))
        self.dropout = nn.Dropout(config.dropout)
        self.n_head, self.n_embd = config.n_head, config.n_embd

    def forward(self, x):
        B, T, C = x.size()
        q, k, v = self.c_attn(x).split(self.n_embd, dim=2)
        q, k, v = (u.view(B, T, self.n_head, C // self.n_head).transpose(1, 2) for u in (q, k, v))
        att = q @ k.transpose(-2, -1) / math.sqrt(k.size(-1))
        att = F.softmax(att.masked_fill(self.bias[:T, :T] == 0, float("-inf")), dim=-1)
        return (self.dropout(att) @ v).transpose(1, 2).contiguous().view(B, T, C)
'''


def test_a_class_without_declarations():
    """Lengths from a config, a mask as a buffer, the dropout's mask as an input, the number of heads as an argument."""
    program = read_python(GPT)
    shapes = {v.name: " ".join(map(str, v.shape)) for v in program.inputs}
    assert shapes["x"] == "B T n*n_head" and shapes["c_attn_weight"] == "3*n*n_head n*n_head"
    assert shapes["dropout_mask"] == "B n_head T T"
    assert set(program.parameters) == {"x", "c_attn", "dropout"}
    program = read_python(GPT.replace("self.dropout(att)", "att"))
    assert set(program.parameters) == {"x", "c_attn", "n_head"}, "no axis tells the number of heads any more"


def test_layers_of_a_script():
    source = """
model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
criterion = nn.CrossEntropyLoss()
for epoch in range(10):
    for images, labels in loader:
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
"""
    program = read_python("import torch\nfrom torch import nn\n" + source, shapes={"labels": "int n"})
    shapes = {v.name: " ".join(map(str, v.shape)) for v in program.inputs}
    assert shapes["images"] == "n h" and shapes["model_0_weight"] == "d h" and program.outputs == ("loss",)


def test_rounds_before_the_loss_belong_to_the_pass():
    """Descent steps whose result the loss is computed from are no training loop."""
    source = "import numpy as np\n# shapes: w0 (d,) · a (d,)\nw = w0 * 1\nfor k in range(2):\n    inner_loss = ((w - a) ** 2).sum()\n"
    source += "    w -= 0.1 * (w - a)\nloss = (w**2).sum()\n"
    program = read_python(source)
    assert program.outputs == ("loss",) and len([e for e in program.equations if e.name.startswith("w")]) == 3
