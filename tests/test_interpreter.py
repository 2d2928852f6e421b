"""The end-to-end judge against real NumPy, torch, and the samples: values, in-place effects, gradients, refusals."""

import ast
import sys
from pathlib import Path

import numpy as np
import pytest

from derive.errors import NotDifferentiable, Problem, ShapeMismatch, UnknownName, Unreadable, Unsupported
from derive.judges.interpreter import central, complex_step, richardson, run

ROOT = Path(__file__).parents[1]
PASSES = Path(__file__).parents[2].joinpath("shared/samples/passes")
SEEDS = Path(__file__).parents[2].joinpath("shared/seeds")

rng = np.random.default_rng(7)
DATA = {
    "X": rng.normal(size=(4, 3)), "W": rng.normal(size=(3, 5)), "v": rng.normal(size=3), "n": 3, "eps": 1e-5,
    "Z": rng.normal(size=(2, 3, 4)), "P": rng.uniform(0.2, 0.9, size=(4, 3)),
    "Q": np.array([[3.0, 0.5, 0.2], [0.5, 2.0, 0.1], [0.2, 0.1, 1.5]]),
    "y": np.array([2, 0, 1, 2]), "K": np.array([[0, 2], [1, 1]]),
    "mask": np.array([[True, False, True], [False, True, True], [True, True, False], [False, False, True]]),
}  # fmt: skip
REAL = ["X", "W", "v", "Z", "P", "Q", "eps"]


def source_of(body, head="import numpy as np"):
    """`a = …; r = …` as a function of the names of DATA that it mentions."""
    tree = ast.parse(body.replace(" ;; ", "\n"))
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    used = [n for n in DATA if n in names]
    lines = "".join(f"    {line}\n" for line in body.replace(" ;; ", "\n").splitlines())
    return f"{head}\ndef forward({', '.join(used)}):\n{lines}    return r\n", used


def near(a, b, tol=1e-9):
    """Same shape and values, relative to the largest."""
    a, b = np.asarray(a), np.asarray(b)
    tol *= max(1.0, np.abs(b).max(initial=0.0))
    return a.shape == b.shape and np.allclose(a, b, rtol=0, atol=tol, equal_nan=True)


NUMPY = """
r = X @ W
r = X.dot(W) + np.dot(X, W) + np.matmul(X, W)
r = np.exp(X) / np.sum(np.exp(X), axis=1, keepdims=True)
r = np.exp(X - X.max(axis=1, keepdims=True)) / np.exp(X - np.max(X, axis=1)[:, None]).sum(1)[:, np.newaxis]
r = -np.log(P)[range(len(y)), y].mean()
r = -np.log(P[np.arange(y.shape[0]), y]).sum() / y.size
r = np.maximum(0, X) + np.minimum(X, 0.3) + np.clip(X, -0.5, 0.5) + np.abs(X) + abs(X)
r = np.where(X > 0, X, 0.1 * X) * (X > 0) + X * mask
r = X.var(axis=0) + np.var(X, 0, ddof=1) + X.std(0, ddof=1) + np.std(X, axis=0)
r = np.tanh(X) + np.sin(X) * np.cos(X) + np.arctan(X) + np.log1p(P.sum()) + np.expm1(X) + np.cbrt(X)
r = np.sqrt(P) + P ** -0.5 + P ** 1.5 + X ** 2 + X ** 3 + X ** -1 + 2.0 ** X + P ** P + 1 / P
r = np.linalg.norm(X) + np.linalg.norm(X, axis=1).sum() + np.linalg.norm(X, ord=1, axis=0).sum()
r = np.linalg.inv(Q) @ np.linalg.solve(Q, v) * np.linalg.det(Q) + np.linalg.slogdet(Q)[1]
r = np.linalg.cholesky(Q)
r = Z.transpose(1, 0, 2).reshape(3, -1) + np.transpose(Z, (1, 2, 0)).reshape(3, -1)
r = Z.T + Z.swapaxes(0, 2) + np.moveaxis(Z, 0, -1).transpose(1, 0, 2) + Z.transpose()
r = np.concatenate([X, P], axis=1) @ np.vstack([W, W]) ;; r = np.hstack([r, r])
a, b = np.split(Z, 2, axis=2) ;; r = np.stack([a, b]) * 2 + np.stack((b, a), axis=0)
a = np.zeros((3, 4)) ;; a[:, ::2] = X.T[:, 1::2] ;; a[0] += X[:, 1] ;; a[1, ...] *= 2 ;; r = a[::-1, -3:]
a = X ;; a += 1 ;; r = a * X
a = X.copy() ;; a[a < 0] = 0 ;; a[mask] -= 1 ;; r = a * X
a = X ;; b = a[1:3] ;; b *= 3 ;; c = a.reshape(-1) ;; c[0] = v[0] ;; r = X * 2
a = np.zeros_like(W) ;; np.add.at(a, y % 3, np.ones((4, 5)) * X[:, :1]) ;; r = a
a = np.zeros((3, 3)) ;; a[y] += X ;; r = a
r = np.einsum('ij,jk->ki', X, W) + np.einsum('ij,jk', X, W).T
r = np.tril(np.ones((3, 3))) * Q + np.triu(Q, 1) + np.eye(3) + np.diag(v) + np.outer(v, v)
r = np.eye(5)[y] @ W.T + np.take_along_axis(X, y[:, None], axis=1)
r = np.cumsum(X, axis=0) + np.roll(X, 1, axis=1) + np.flip(X, 0) + np.prod(X, axis=0) + np.sort(X, axis=1)
r = np.pad(X, ((1, 0), (2, 1))) ;; r = np.broadcast_to(r[:, :1], (5, 4)) + np.expand_dims(r[:, 1], 1)
r = np.repeat(X, 2, axis=1) + np.tile(X, (1, 2)) + np.repeat(v, 2)
r = sum(X[i] * i for i in range(4)) + sum([X[0], X[1]]) + max(1, 2) + min(len(y), 7)
r = np.array([x.sum() for x in X]) + np.array([X[i, j] for i, j in enumerate(y)])
h = [v] ;; for t in range(3): h.append(np.tanh(h[t] @ Q + X[t])) ;; r = np.stack(h)
r = 0.0 ;; d = {'a': X, 'b': P} ;; for k, u in d.items(): r = r + d[k] * u
r = {f'W{i}': X[i] for i in range(3)}['W1'] * 2 if n > 2 else X[0]
f = lambda u, k=2: u ** k ;; r = f(X) + f(X, k=3) + f(X, 1)
N, D = X.shape ;; (a, b), *c = (1, 2), 3, 4 ;; r = X * N // 1 + D % 2 - a * b + c[0] ** c[1] - (-N // 2)
r = X[K] * 2 + X[[0, 1]][None] + X[None, 0:2, :]
r = X[..., None, 1] + X[:, None, 0] + X[-1, -1] + X[1:3, 0:2].sum()
r = np.logaddexp(X, P) + np.hypot(X, P) + np.arctan2(X, P) + np.sign(X) + np.floor(X) + X % 0.7
r = np.float64(3) * X.astype(np.float64) + X.astype(float).mean() + float(n) + int(2.7) + X.flatten()[0] + X.ravel()[1]
r = X * (0 < n <= 3) + X * (not n) + (n or 4) * X + (n and 2) * X ;; assert r.shape == (4, 3), 'no' ;; print(f'{r}')
i = np.argmax(X, axis=1) ;; j = X.argsort(axis=1) ;; r = X[np.arange(4), i] + X[np.arange(4), j[:, 0]] + X.argmin()
r = np.full((2, 2), v[0]) + np.full_like(Q, 2.0)[:2, :2] + np.arange(4).reshape(2, 2) + np.linspace(0, 1, 2)
r = np.average(X, axis=0, weights=v[:1] * np.ones(4)) + np.tensordot(X, W, axes=([1], [0])).sum() + np.trace(Q)
r = np.multiply(X, 2) + np.add(X, P) - np.subtract(P, X) + np.divide(X, P) + np.power(P, 2) + np.square(X)
r = X.copy() ;; r -= X.mean(axis=0) ;; r /= X.std(axis=0) + eps ;; r **= 2
r = X.clip(0, 1) + X.clip(min=0.1) + np.clip(X, a_min=None, a_max=0.2) + X.round() + X.cumsum(1) + X.squeeze()
r = [X[0]] ;; r += [X[1]] ;; r = np.array(r) @ Q
i = 0 ;; r = X ;; while i < 3: r = r * X; i += 1
r = X.sum(axis=(0, 1)) + Z.max(axis=(0, 2)).sum() + Z.mean((0, 2))
r = np.isnan(X).sum() + X.any() + (X > 0).all(axis=0) + np.count_nonzero(X > 0) + v
""".strip().splitlines()


@pytest.mark.parametrize("body", NUMPY)
def test_numpy_value_and_gradient(body):
    source, used = source_of(body)
    space = {}
    exec(source, space)  # our own rows, run for real
    inputs = {k: DATA[k] for k in used}
    expected = space["forward"](**{k: np.array(v) if isinstance(v, np.ndarray) else v for k, v in inputs.items()})
    kept = {k: np.array(v) for k, v in inputs.items()}
    got = run(source, inputs)
    assert near(got.outputs, expected)
    assert all(np.array_equal(kept[k], v) for k, v in inputs.items()), "inputs are not to be changed"
    up = np.random.default_rng(1).normal(size=np.shape(expected))
    wrt = [k for k in used if k in REAL]
    step, slow = (f(source, inputs, wrt, up) for f in (complex_step, central))
    assert all(near(step[k], slow[k], 1e-4 if k == "eps" else 1e-6) for k in wrt)


TORCH = """
r = X @ W + torch.matmul(X, W) + X.mm(W)
r = X.var(0, keepdim=True) + torch.var(X, 0) + X.std(0) + X.var(0, unbiased=False) + X.var(dim=0, correction=0)
r = X - X.max(1, keepdim=True).values
m, i = X.max(1) ;; r = X - m[:, None] + i[:, None] + X.max() + torch.max(X, dim=0)[0] + torch.max(X, P)
m, _ = torch.max(X, 1, keepdim=True) ;; r = X / m + X.argmax(1, keepdim=True) + X.min(dim=1, keepdim=True)[0]
r = F.softmax(X, dim=1) + F.log_softmax(X, 1) + X.softmax(-1) + torch.logsumexp(X, 1, keepdim=True)
r = torch.sigmoid(X) + F.relu(X) + F.gelu(X) + F.gelu(X, approximate='tanh') + F.silu(X) + F.softplus(X) + X.relu()
r = F.leaky_relu(X, 0.2) + F.elu(X) + F.logsigmoid(X) + torch.erf(X) + F.selu(X) + F.mish(X) + F.softsign(X) + F.celu(X)
r = F.cross_entropy(X, y) + F.nll_loss(F.log_softmax(X, 1), y)
r = F.cross_entropy(X, y, ignore_index=2, label_smoothing=0.1)
r = F.cross_entropy(X, y, weight=P[0].detach(), label_smoothing=0.2) + F.cross_entropy(X, P, reduction='sum')
r = F.cross_entropy(X, y, reduction='none') + F.cross_entropy(X, y, weight=P[1].detach(), reduction='sum')
r = F.cross_entropy(Z, K[:, :1].repeat(1, 4), ignore_index=1)
r = F.mse_loss(X, P) + F.l1_loss(X, P) + F.smooth_l1_loss(X, P) + F.huber_loss(X, P, delta=0.5)
r = F.binary_cross_entropy(P, mask.double()) + F.binary_cross_entropy_with_logits(X, P.detach(), pos_weight=v.detach())
r = F.kl_div(torch.log(P), F.softmax(X, 1), reduction='batchmean')
r = F.one_hot(y, num_classes=3).float() * X + F.one_hot(y).to(torch.float32) * P
r = F.layer_norm(X, (3,), v, P[0]) + F.linear(X, Q, v) + F.normalize(X, dim=1)
r = F.embedding(K, X) * 2 + F.dropout(X, p=0.0)[0] + F.dropout(X, 0.5, training=False)[0]
r = F.batch_norm(X, None, None, v, P[0], training=True) + F.rms_norm(X, (3,), v) + F.cosine_similarity(X, P)[:, None]
r = F.group_norm(Z.transpose(1, 2), 2) + F.glu(Z.permute(0, 2, 1).repeat(1, 1, 2))
r = Z.view(2, -1) + Z.reshape(-1, 12) + Z.flatten(1) + Z.permute(1, 0, 2).reshape(2, 12) + Z.size(0) + Z.size()[1]
r = X.t() + X.T + X.transpose(0, 1) + X.transpose(-2, -1) + X.mT
r = X.unsqueeze(1).expand(-1, 2, -1) + X.unsqueeze(0).squeeze(0)[:, None].repeat(1, 2, 1) + v.expand_as(X)[:, None]
r = X.masked_fill(mask, 0.5) + (X.masked_fill(~mask, float('-inf')) * 0.5 / 3 * 2).softmax(1)
r = X * X.detach() + X.max().item() * X + float(X.mean())
with torch.no_grad(): c = X.max() * 2 ;; r = c * X
r = X.gather(1, y[:, None]) + torch.gather(X, 1, y.unsqueeze(1)) + X.gather(dim=1, index=y.view(-1, 1))
a = torch.zeros(4, 3) ;; a.scatter_(1, y[:, None], X[:, :1]) ;; a.scatter_add_(1, y[:, None], P[:, :1]) ;; r = a
r = X.clamp(min=0) + torch.clamp(X, -0.5, 0.5) + X.clip(0, 1) + X.pow(2) + X.abs() + P.rsqrt() + P.log() + X.neg()
r = torch.cat([X, P], dim=1).chunk(2, 1)[0] + torch.cat((X, P)).split(4)[1] + torch.stack([X, P], 1)[:, 1]
r = torch.tril(Q) + torch.triu(Q, diagonal=1) + torch.eye(3) + torch.einsum('ij,jk', Q, Q) + torch.diag(v)
r = X.sum(1, True) + X.mean(dim=1, keepdim=True) + X.norm(dim=1, keepdim=True) + torch.norm(X) + X.prod(1, True)
r = X.cumsum(0) + X.flip(0) + X.roll(1, 0) + X.sort(dim=1).values + X.topk(3, dim=1)[0] + X.sort(0, True)[0]
r = X.sum() ;; a = r ;; a += v[0] ;; r = r * 2
a = v * 1 ;; b = a[0] ;; b *= 3 ;; r = a + a[1].item() * 0
r = X.clone() ;; r[y == 2] = 0 ;; r[range(4), y] -= 1 ;; r /= 4 ;; r.mul_(2).add_(1)
r = X * X.detach() + X.max(1, keepdim=True).values.detach() ;; r = r.contiguous().to(r.device).type_as(r)
r = torch.where(X > 0, X, torch.zeros_like(X)) + torch.arange(3) + torch.ones(3, dtype=torch.float64) + X.new_zeros(3)
r = torch.bmm(Z, Z.transpose(1, 2)) + torch.bmm(Z, Z.mT) if n > 5 else Z @ Z.mT
r = F.scaled_dot_product_attention(Z, Z, Z, is_causal=True) + F.scaled_dot_product_attention(Z, Z, Z, scale=0.3)
r = F.conv1d(Z, Z.transpose(0, 1)[:, :, :2].repeat(1, 2, 1)[:, :3], v, stride=2, padding=1)
r = F.conv2d(Z[None], Z[:, :2, :2, None].permute(0, 1, 3, 2).repeat(1, 1, 1, 1)[:, :2], stride=(1, 2), padding=1)
r = F.max_pool2d(Z[None], 2) + F.avg_pool2d(Z[None], 2, stride=2) + F.pad(X, (1, 0))[0, 0]
r = torch.linalg.inv(Q) + torch.linalg.norm(X) + torch.logdet(Q) + torch.addmm(Q, Q, Q)
r = nn.functional.tanh(X) + nn.ReLU()(X) + nn.GELU()(X) + nn.Softmax(dim=-1)(X) + nn.CrossEntropyLoss()(X, y)
""".strip().splitlines()


def as_torch(torch, v):
    """A leaf that wants a gradient if it is real."""
    if not isinstance(v, np.ndarray):
        return v
    return torch.tensor(v, requires_grad=v.dtype.kind == "f")


@pytest.mark.parametrize("body", TORCH)
def test_torch_value_and_gradient(body):
    torch = pytest.importorskip("torch")
    source, used = source_of(body, "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F")
    space, before = {}, torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        exec(source, space)  # our own rows, run for real
        leaves = {k: as_torch(torch, DATA[k]) for k in used}
        inputs = {k: DATA[k] for k in used}
        expected = space["forward"](**leaves)
    finally:
        torch.set_default_dtype(before)
    got = run(source, inputs)
    wrt = [k for k in used if k in REAL]
    up = np.random.default_rng(1).normal(size=tuple(expected.shape))
    (expected * torch.tensor(up)).sum().backward()
    assert near(got.outputs, expected.detach().numpy())
    step = complex_step(source, inputs, wrt, up)
    for k in wrt:
        truth = leaves[k].grad
        assert near(step[k], np.zeros_like(DATA[k]) if truth is None else truth.numpy()), k


# -- the samples and the seed --------------------------------------------------------------------------------------


def sample_names():
    return sorted(p.name for p in PASSES.glob("[0-9]*")) if PASSES.is_dir() else []


@pytest.fixture(scope="module")
def suite():
    pytest.importorskip("torch")
    before = sys.path[:]
    sys.path.insert(0, str(PASSES))
    import suite

    yield suite
    sys.path[:] = before


@pytest.mark.skipif(not sample_names(), reason=f"{PASSES} is not here")
@pytest.mark.parametrize("name", sample_names())
def test_sample(name, suite):
    case = suite.Case(str(PASSES / name))
    for k in range(2):
        inputs, up = case.sample(k)
        values, grads = case.truth(inputs, up)
        got = [v for _, v in run(case.forward_source, inputs).results]
        assert len(got) == len(values) and all(map(near, got, values))
        step = complex_step(case.forward_source, inputs, case.diff, up)
        assert all(near(step[d], grads[d], 1e-12) for d in case.diff)
        if k == 1:
            slow = richardson(case.forward_source, inputs, case.diff, up)
            assert all(near(slow[d], grads[d], 1e-10) for d in case.diff)


@pytest.mark.skipif(not (SEEDS / "makemore_forward.py").exists(), reason=f"{SEEDS} is not here")
def test_every_intermediate_of_the_seed():
    torch = pytest.importorskip("torch")
    source = (SEEDS / "makemore_forward.py").read_text()
    g = np.random.default_rng(3)
    real = {"C": (5, 2), "W1": (4, 3), "b1": 3, "bngain": (1, 3), "bnbias": (1, 3), "W2": (3, 5), "b2": 5}
    inputs = {k: g.normal(size=shape) for k, shape in real.items()}
    inputs |= {"Xb": g.integers(0, 5, (6, 2)), "Yb": g.integers(0, 5, 6)}
    wrt = [n.targets[0].id for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Assign)][1:] + list(real)
    names = ", ".join(wrt)
    space = {}
    exec(source.replace("return loss", f"return locals(), [{names}]"), space)  # the seed's own file, run for real
    scope, values = space["forward"](**{k: as_torch(torch, v) for k, v in inputs.items()})
    truth = torch.autograd.grad(scope["loss"], values)
    step = complex_step(source, inputs, wrt)
    assert all(near(step[name], t.numpy(), 1e-12) for name, t in zip(wrt, truth, strict=True))


# -- versions, bumps, outputs ----------------------------------------------------------------------------------------

TWICE = "def forward(x):\n    a = x * 2\n    b = a * 3\n    a = a + b\n    a *= 5\n    return a.sum() + b.sum()\n"
VERSIONS = [  # name, slope of the output in one entry of it
    ("x", 2 * 5 + 3 * 2 * 5 + 3 * 2), ("a", 1), ("b", 5 + 1), ("a@2", 5 + 3 * 5 + 3), ("a@4", 5), ("a@5", 1),
]  # fmt: skip


@pytest.mark.parametrize(("name", "slope"), VERSIONS)
def test_a_name_is_its_last_version(name, slope):
    inputs = {"x": np.array([1.0, 2.0])}
    for method in (complex_step, richardson, central):
        assert near(method(TWICE, inputs, [name])[name], [slope, slope], 1e-6)


def test_the_trace_holds_copies_of_every_version():
    t = run(TWICE, {"x": np.array([1.0])})
    assert [(line, v.tolist()) for line, v in t.values["a"]] == [(2, [2.0]), (4, [8.0]), (5, [40.0])]
    assert t.outputs == 46.0 and t.count == {"a": 3, "b": 1}


@pytest.mark.parametrize(("at", "value"), [(0, 92.0), (1, 69.0), (2, 51.0), (3, 47.0), (None, 47.0)])
def test_bump(at, value):
    name = "x" if at == 0 else "a"
    assert run(TWICE, {"x": np.array([1.0])}, bump=(name, at, np.array([1.0]))).outputs == value


RECURRENT = """
import numpy as np
def forward(x, h0, W):
    h = np.zeros((4, 2))
    h[0] = h0
    for t in range(3):
        h[t + 1] = np.tanh(h[t] @ W + x[t])
    return h[1:].sum()
"""


def test_a_buffer_filled_in_a_loop_means_each_entry_as_last_stored():
    g = np.random.default_rng(0)
    inputs = {"x": g.normal(size=(3, 2)), "h0": g.normal(size=2), "W": g.normal(size=(2, 2))}
    h = run(RECURRENT, inputs).values["h"][-1][1]
    dh = np.zeros((4, 2))
    for t in (3, 2, 1, 0):
        dh[t] = (t > 0) + (0 if t == 3 else inputs["W"] @ (dh[t + 1] * (1 - h[t + 1] ** 2)))
    assert near(complex_step(RECURRENT, inputs, ["h"])["h"], dh)
    assert near(complex_step(RECURRENT, inputs, ["h0"])["h0"], dh[0])


RETURNS = [  # return, upstream, gradient at x = (1, 2)
    ("(x * x).sum()", None, [2, 4]),
    ("x * x", np.array([1.0, 10.0]), [2, 40]),
    ("x * x, x", (np.ones(2), np.ones(2)), [3, 5]),
    ("x * x, x", [None, np.ones(2)], [1, 1]),
    ("x * x, (x, 3)", np.ones(2), [2, 4]),
    ("(x * x).sum(), cache", None, [2, 4]),
    ("{'a': x * x, 'b': x, 'cache': x}", {"b": np.ones(2)}, [1, 1]),
    ("a, b", {"a": np.ones(2)}, [3, 3]),
    ("[x * x, x]", [np.ones(2), np.ones(2)], [3, 5]),
    ("x.sum(), (x > 1)", (2.0, None), [2, 2]),
]


@pytest.mark.parametrize(("returned", "up", "grad"), RETURNS, ids=[r[0] for r in RETURNS])
def test_outputs_and_upstream(returned, up, grad):
    source = f"def forward(x):\n    cache = [x, x]\n    a, b = 3 * x, 4 * x\n    return {returned}\n"
    for method in (complex_step, richardson):
        assert near(method(source, {"x": np.array([1.0, 2.0])}, ["x"], up)["x"], grad)


def test_detach_is_a_constant_for_differences_too():
    body = "    with torch.no_grad():\n        c = x * 2\n    return x * x.detach() * c\n"
    source = "import torch\ndef forward(x):\n" + body
    for method in (complex_step, richardson):
        assert near(method(source, {"x": np.array([3.0])}, ["x"], np.ones(1))["x"], [3 * 6])


def test_lists_and_dicts_of_arrays_come_back_in_their_structure():
    source = "def forward(p, hs):\n    out = p['W'] * hs[1] + p['b']\n    return out.sum()\n"
    inputs = {"p": {"W": np.ones(2), "b": np.ones(2)}, "hs": [np.ones(2), np.full(2, 3.0)]}
    got = complex_step(source, inputs, ["p", "hs"])
    assert near(got["p"]["W"], [3, 3]) and near(got["p"]["b"], [1, 1])
    assert near(got["hs"][0], [0, 0]) and near(got["hs"][1], [1, 1])


# -- where a run begins ----------------------------------------------------------------------------------------------

X = np.array([[1.0, -2.0]])
LINEAR = {"W": np.array([[2.0], [3.0]]), "b": np.array([5.0])}
MODEL = """
import torch
import torch.nn as nn
class Block(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(d, 4 * d), nn.Tanh(), nn.Linear(4 * d, d, bias=False))
    def forward(self, x):
        return x + self.net(x)
class Net(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.block = Block(d)
        self.scale = nn.Parameter(torch.randn(d))
        self.layers = nn.ModuleList([nn.Linear(d, d) for _ in range(2)])
    def forward(self, x):
        h = self.block(x) * self.scale
        for layer in self.layers:
            h = layer(h).relu()
        return h.sum()
"""
ENTRIES = [  # source, function, inputs, output
    ("def f(x): return x.sum()", None, {"x": X}, -1.0),
    ("def f(x): return x\ndef g(x): return x.sum()", "g", {"x": X}, -1.0),
    ("def f(x, k=2): return x.sum() * k", None, {"x": X}, -2.0),
    ("y = x @ W + b\nloss = y.sum()\nz = 3", None, {"x": X, **LINEAR}, 1.0),
    ("def sq(u): return u * u\ny = sq(x)\nz = y.sum()", None, {"x": X}, 5.0),
    ("W = np.random.randn(2, 1)\ny = (x @ W).sum()", None, {"x": X, "W": LINEAR["W"]}, -4.0),
    ("eps = 1\ntwo = 2 * eps\ndef forward(x): return x.sum() * two", None, {"x": X}, -2.0),
    ("W = make()\ndef forward(x): return (x @ W).sum()", None, {"x": X, "W": LINEAR["W"]}, -4.0),
    ("class L:\n    def __init__(self, W): self.W = W\n    def forward(self, x):\n        self.x = x\n"
     "        return (self.x @ self.W).sum()", None, {"x": X, "W": LINEAR["W"]}, -4.0),
    ("class L:\n    def forward(self, x): return (x @ self.W).sum()", "L.forward", {"x": X, "W": LINEAR["W"]}, -4.0),
    ("class A:\n    def __init__(self, W): self.W = W\n    def __call__(self, x): return x @ self.W\n"
     "def forward(x, W):\n    layer = A(W)\n    return layer(x).sum()", None, {"x": X, "W": LINEAR["W"]}, -4.0),
    ("class N:\n    def __init__(self, d):\n        self.p = {}\n        self.p['W'] = np.random.randn(d)\n"
     "    def loss(self, x): return (x @ self.p['W']).sum()", None, {"x": X, "p": {"W": LINEAR["W"]}}, -4.0),
    ("class S:\n    @staticmethod\n    def forward(ctx, x):\n        ctx.save_for_backward(x)\n        return x.sum()",
     None, {"x": X}, -1.0),
    ("from math import sqrt, pi\nfrom numpy import exp as e\ndef forward(x): return e(x * 0).sum() * sqrt(4) * pi / pi",
     None, {"x": X}, 4.0),
    ('def forward(x: Float[np.ndarray, "n d"]) -> Float:\n    """Doc."""\n    s: float = x.sum()\n    return s', None,
     {"x": X}, -1.0),
    ("def forward(x, mode='train'):\n    if mode == 'train':\n        return x.sum()\n    return x", None,
     {"x": X, "mode": "train"}, -1.0),
    ("def forward(x, *, mask=None):\n    return x.sum() if mask is None else (x * mask).sum()", None, {"x": X}, -1.0),
]  # fmt: skip


@pytest.mark.parametrize(("source", "function", "inputs", "value"), ENTRIES, ids=[e[0][:60] for e in ENTRIES])
def test_entry(source, function, inputs, value):
    assert np.asarray(run(source, inputs, function).outputs) == pytest.approx(value)


def test_module_parameters_are_inputs_by_dotted_name():
    torch = pytest.importorskip("torch")
    space = {}
    exec(MODEL, space)  # our own model, run for real
    net = space["Net"](3).double()
    x = torch.tensor(np.random.default_rng(0).normal(size=(2, 3)))
    net(x).backward()
    inputs = {"x": x.numpy()} | {k: p.detach().numpy() for k, p in net.named_parameters()}
    got = complex_step(MODEL, inputs, [k for k in inputs if k != "x"], function="Net.forward")
    assert all(near(got[k], p.grad.numpy()) for k, p in net.named_parameters())


# -- what is refused ---------------------------------------------------------------------------------------------------

REFUSED = [  # line put into a function of x, class, column, a word of the message
    ("y = x.__class__", Unsupported, 9, "__class__"),
    ("y = np.linalg.svd(x)", Unsupported, 9, "numpy.linalg.svd"),
    ("y = np.random.randn(3)", Unsupported, 9, "numpy.random"),
    ("y = 2 * x.nothing()", Unsupported, 13, ".nothing"),
    ("y = (lambda: 0).__globals__", Unsupported, 9, "__globals__"),
    ("y = open('a')", UnknownName, 9, "open"),
    ("y = eval('1')", UnknownName, 9, "eval"),
    ("y = xx + 1", UnknownName, 9, "xx"),
    ("import os; y = os.getcwd()", Unsupported, 20, "os"),
    ("y = x @ x", ShapeMismatch, 9, "matmul"),
    ("y = x[7]", ShapeMismatch, 9, "out of bounds"),
    ("while x.sum() < 3: x = x * 2", Unsupported, 11, "while"),
    ("while True: pass", Unsupported, 17, "long"),
    ("y = 9 ** 9 ** 9", Unsupported, 9, "power"),
    ("y = [0] * 10 ** 9", Unsupported, 9, "long"),
    ("y = np.zeros((10 ** 6, 10 ** 6))", Unsupported, 9, "shape"),
    ("y = F.dropout(x, 0.5)", Unsupported, 9, "dropout"),
    ("y = 3j * x", Unsupported, 9, "complex"),
    ("try: y = 1\n    except ValueError: pass", Unsupported, 5, "try"),
    ("global y", Unsupported, 5, "global"),
    ("y = 'é' and x.nothing", Unsupported, 17, ".nothing"),
    ("y = np.arange(3); y += 0.5", Unsupported, 23, "int64"),
    ("raise ValueError('no')", Unsupported, 5, "raise"),
    ("y = f(x, 3)", Unsupported, 9, "arguments"),
    ("y = '%99999999d' % 3", Unsupported, 9, "formatting"),
    ("y = '{0.__class__}'.format(x)", Unsupported, 9, ".format"),
    ("a, b = x, x, x", ShapeMismatch, 5, "3 values"),
]


@pytest.mark.parametrize(("line", "kind", "column", "word"), REFUSED, ids=[r[0] for r in REFUSED])
def test_refused_with_its_place(line, kind, column, word):
    source = f"import numpy as np\ndef f(u): return u\ndef forward(x):\n    {line}\n    return y\n"
    with pytest.raises(kind) as e:
        run(source, {"x": np.ones((2, 3))})
    assert (e.value.line, e.value.column) == (4, column) and word in str(e.value)


BAD = [  # source, inputs, wrt, upstream, class
    ("def forward(x:\n", {"x": 1.0}, ["x"], None, Unreadable),
    ("def forward(x): return x", {}, [], None, UnknownName),
    ("def forward(x): return x", {"x": 1.0, "q": 2.0}, ["x"], None, UnknownName),
    ("def f(x): return x\ndef g(x): return x", {"x": 1.0}, ["x"], None, Unsupported),
    ("def forward(x): return x", {"x": np.ones(2)}, ["x"], None, NotDifferentiable),
    ("def forward(x): return x", {"x": np.ones(2)}, ["x"], np.ones(3), ShapeMismatch),
    ("def forward(x, y): return x[y]", {"x": np.ones(2), "y": 1}, ["y"], None, NotDifferentiable),
    ("def forward(x): return x", {"x": 1.0}, ["z"], None, UnknownName),
    ("def forward(x): return x", {"x": 1.0}, ["x"], {"z": 1.0}, UnknownName),
    ("def forward(x): return forward(x)", {"x": 1.0}, ["x"], None, Unsupported),
]


@pytest.mark.parametrize(("source", "inputs", "wrt", "up", "kind"), BAD, ids=[b[0] for b in BAD])
def test_bad_input_is_a_problem(source, inputs, wrt, up, kind):
    with pytest.raises(kind) as e:
        complex_step(source, inputs, wrt, up)
    assert isinstance(e.value, Problem)


JUDGE = "interpreter machine statements expressions calls source tables shapes functional numeric".split()


@pytest.mark.parametrize("name", JUDGE)
def test_the_judge_shares_nothing_with_the_engine_and_executes_nothing(name):
    nodes = list(ast.walk(ast.parse((ROOT / "derive/judges" / f"{name}.py").read_text())))
    imported = {n.module for n in nodes if isinstance(n, ast.ImportFrom)}
    imported |= {f"{n.module}.{a.name}" for n in nodes if isinstance(n, ast.ImportFrom) for a in n.names
                 if n.module == "derive.judges"}  # fmt: skip
    allowed = {"derive.errors", "derive.judges", *(f"derive.judges.{other}" for other in JUDGE)}
    assert {m for m in imported if m.startswith("derive")} <= allowed
    assert not {n.id for n in nodes if isinstance(n, ast.Name)} & {"eval", "exec", "compile", "__import__"}
