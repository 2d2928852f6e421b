# ruff: noqa: E501
"""Rows of forward passes for the reader's numeric test: shapes, then statements; `return` is the last line.

One row a block; the first line declares the inputs.  Rows under TORCH run with tensors.
"""

NUMPY = '''
X: n d; W: d c; b: c
Z = X @ W + b; return Z
---
X: n d; W: d c; b: c
Z = X.dot(W); Z += b; H = np.maximum(0, Z); return H.sum()
---
X: n d
p = np.exp(X - np.max(X, axis=1, keepdims=True)); p /= np.sum(p, axis=1, keepdims=True); return p
---
X: n d; y: int n
N = X.shape[0]; p = np.exp(X); p = p / p.sum(1, keepdims=True); loss = -np.sum(np.log(p[np.arange(N), y])) / N; return loss
---
X: n d; y: int n
N, D = X.shape; p = X.copy(); p[range(N), y] -= 1; return p / N
---
X: n d; y: int n
rows = np.arange(len(X)); p = X.copy(); p[rows, y] -= 1; back = rows[::-1]; return p * p[back] + X[rows, y][:, None]
---
X: n d; y: int n
rows = np.arange(len(X)); rows = rows + 0; cols = np.arange(3); p = X.copy(); p[rows[:, None], cols] *= 2; return p
---
X: n d; y: int n
p = X * 2; q = p; q[np.arange(len(X)), y] -= 1; r = p + 1; return r, q
---
X: n d; y: int n
Y = np.zeros((X.shape[0], X.shape[1])); Y[np.arange(X.shape[0]), y] = 1; return (Y * X).sum(axis=0)
---
X: n d; y: int n
Y = np.eye(X.shape[1])[y]; return -(Y * X).sum() / len(y)
---
X: n d
h = X.copy(); h[h < 0] = 0; return h
---
X: n d
h = X * 1; h[X > 0.5] *= 3; return h.mean(axis=0)
---
X: n d
mask = (X > 0); return X * mask
---
X: n d
mask = (X > 0).astype(float); return np.where(X > 0, X, 0.1 * X) * mask
---
X: n d; g: d; b: d
mu = X.mean(axis=0); v = X.var(axis=0); return g * (X - mu) / np.sqrt(v + 1e-5) + b
---
X: n d
return X.std(axis=1, ddof=1)
---
X: n d
return np.var(X)
---
X: n d
return (X - X.mean(axis=-1, keepdims=True)) * (X.var(axis=-1, keepdims=True) + 1e-5) ** -0.5
---
X: n c h w; g: c; b: c
mu = X.mean(axis=(0, 2, 3), keepdims=True); v = X.var(axis=(0, 2, 3), keepdims=True); Y = (X - mu) / np.sqrt(v + 1e-5); return g.reshape(1, -1, 1, 1) * Y + b[None, :, None, None]
---
X: n c h w
N, C, H, W = X.shape; return X.reshape(N, -1)
---
X: n c 2*h 2*w
N, C, H, W = X.shape; Y = X.reshape(N, C, H // 2, 2, W // 2, 2).max(axis=3).max(axis=4); return Y
---
X: n c 2*h 2*w
N, C, H, W = X.shape; Y = X.reshape(N, C, H // 2, 2, W // 2, 2); return Y.mean(axis=(3, 5))
---
X: n 2*k h
N, C, H = X.shape; G = 2; Y = X.reshape(N * G, -1); mu = Y.mean(axis=1, keepdims=True); return (Y - mu).reshape(N, C, H)
---
X: n d
return X[:, ::-1] + X[::-1]
---
X: n d
return X[:, 1:] - X[:, :-1]
---
X: n d
return X[1:-1, None, :2]
---
X: n d
return X[..., -1] * X[0, 0]
---
X: n d
return X[:, ::2].sum(axis=1)
---
x: n; y: m
return np.outer(x, y) + x[:, None] * y[None, :]
---
x: n; y: n
return np.dot(x, y)
---
X: n d; y: d
return X @ y
---
A: b n d; B: b d m
return A @ B
---
A: n d; B: m d
return np.einsum("ij,kj->ik", A, B)
---
A: b n d; B: b m d
return np.einsum("bij,bkj->bik", A, B).sum(0)
---
X: n d
return np.cumsum(X, axis=1)
---
X: n d; Y: n m
return np.concatenate([X, Y], axis=1) * 2
---
X: n d; Y: m d
return np.vstack((X, Y)).sum(axis=1)
---
X: n d; Y: n d
return np.stack([X, Y], axis=1)
---
X: n 3*d
a, b, c = np.split(X, 3, axis=1); return a * b + c
---
X: n d
return np.linalg.norm(X)
---
X: n d
return X / np.linalg.norm(X, axis=1, keepdims=True)
---
X: n d
return np.clip(X, -0.5, 0.5)
---
X: n d
return np.abs(X) + np.sign(X) * np.square(X)
---
X: n d
i = np.argmax(X, axis=1); return X[np.arange(X.shape[0]), i] * 2
---
X: n d
return np.minimum(X, 0.3) + np.maximum(X, X[0])
---
X: n d
return X.T @ X
---
X: n d
return X.transpose(1, 0).reshape(-1) + X.ravel().sum()
---
X: a b c
return X.transpose(2, 0, 1) + X.sum()
---
X: a b c
return np.swapaxes(X, 0, 2).reshape(-1, X.shape[0])
---
x: n
return 1 / (1 + np.exp(-x)) + np.tanh(x) ** 2
---
x: n
return np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0)
---
X: n d
out = np.zeros_like(X)
for i in range(X.shape[0]):
    out[i] = X[i] / X[i].sum()
return out
---
X: n d
N, D = X.shape; out = np.zeros((N, D))
for i in range(N):
    for j in range(D):
        out[i, j] = X[i, j] ** 2 + i
return out
---
X: n d
total = 0.0
for i in range(X.shape[0]):
    total += (X[i] ** 2).sum()
return total
---
X: n d; W: d c
N = X.shape[0]; out = np.zeros((N, W.shape[1]))
for i in range(N):
    row = X[i] @ W
    m = row.max()
    e = np.exp(row - m)
    out[i] = e / e.sum()
return out
---
X: n d
loss = 0.0
for i in range(X.shape[0]):
    loss += max(X[i]) - sum(np.exp(X[i] - min(X[i])))
return loss
---
X: n d
loss = 0.0
for i in range(X.shape[0]):
    b = X[i, 0]
    b += X[i, 1]
    loss += b
return loss, X
---
X: n d
loss, b = 0.0, 1.0
for i in range(X.shape[0]):
    b = X[i, 0]
    if X[i, 1] > 0:
        b = b * 2
        loss += b
    else:
        loss -= b
        b = 0.5
    loss += b
return loss
---
X: n d; W: d c; y: int n
loss = 0.0
for i in range(X.shape[0]):
    scores = X[i].dot(W)
    correct = scores[y[i]]
    for j in range(W.shape[1]):
        if j == y[i]:
            continue
        margin = scores[j] - correct + 1
        if margin > 0:
            loss += margin
return loss / X.shape[0]
---
X: n d; y: int n
total, count = 0.0, np.zeros(X.shape[1])
for i in range(len(X)):
    for j in range(X.shape[1]):
        if j != y[i] and X[i, j] > 0:
            total += X[i, j] ** 2
            count[j] += 1
        elif not X[i, j] >= -0.5:
            total -= X[i, j]
return total * count
---
X: n d
out = np.zeros_like(X)
for i in range(X.shape[0]):
    for j in range(X.shape[1]):
        if X[i, j] < 0:
            u = -X[i, j]
            u = u + 1
        else:
            u = X[i, j]
            u *= 3
            if u > 1:
                u = u - 0.5
        out[i, j] = u * u
        if out[i, j] > 2:
            out[i, j] = 2 + X[i, j]
return out
---
X: n d; y: int n
loss = 0.0
for i in range(X.shape[0]):
    worst, found = 0.0, 0
    for j in range(X.shape[1]):
        if j == y[i]: continue
        v = X[i, j] - X[i, y[i]]
        if v > 0:
            found += 1
            worst += v
    if found > 1:
        loss += worst / found
    elif X[i, 0] > 0:
        loss += X[i, 0]
return loss
---
X: n d
def bent(z):
    a = np.exp(z)
    return a * z
loss = 0.0
for i in range(X.shape[0]):
    if X[i, 0] > 0 or X[i, 1] > 0:
        s = 0.0
        for j in range(X.shape[1]):
            s += bent(X[i, j])
        loss += s
return loss
---
X: n 3
loss = 0.0
for i in range(X.shape[0]):
    for j in range(3):
        if j == 1: continue
        if X[i, j] > 0:
            t = X[i, j] * (j + 1)
            loss += t
return loss
---
X: n d; y: int n
loss = 0
for i in range(len(X)):
    s = X[i]
    loss += -s[y[i]] + np.log(np.sum(np.exp(s)))
loss /= len(X)
return loss
---
X: n d
return np.array([X[i] * i for i in range(X.shape[0])])
---
X: n d; y: int n
Y = np.array([[1 if y[i] == j else 0 for j in range(X.shape[1])] for i in range(X.shape[0])]); return (Y * X).sum()
---
X: n d
return sum(X[i].max() for i in range(X.shape[0]))
---
X: n d
h = X
for t in range(3):
    h = np.tanh(h * (t + 1))
return h
---
X: n 3 d; W: d d
h = np.zeros((X.shape[0], W.shape[0]))
hs = []
for t in range(3):
    h = np.tanh(X[:, t, :] + h @ W)
    hs.append(h)
return np.stack(hs, axis=1)
---
x: n c H W; w: f c KH KW; b: f
N, C, H, W = x.shape; F, _, KH, KW = w.shape; OH = H - KH + 1; OW = W - KW + 1
out = np.zeros((N, F, OH, OW))
for i in range(OH):
    for j in range(OW):
        out[:, :, i, j] = np.tensordot(x[:, :, i:i+KH, j:j+KW], w, axes=([1, 2, 3], [1, 2, 3])) + b
return out
---
x: n c H W; w: f c KH KW; b: f
N, C, H, W = x.shape; F, _, KH, KW = w.shape; OH = H - KH + 1; OW = W - KW + 1
out = np.zeros((N, F, OH, OW))
for n in range(N):
    for f in range(F):
        for i in range(OH):
            for j in range(OW):
                out[n, f, i, j] = np.sum(x[n, :, i:i+KH, j:j+KW] * w[f]) + b[f]
return out
---
x: n c H W
N, C, H, W = x.shape
xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode='constant'); return xp * 2
---
x: n c H W; w: f c KH KW
N, C, H, W = x.shape; F, _, KH, KW = w.shape
xp = np.pad(x, ((0,), (0,), (1,), (1,)))
out = np.zeros((N, F, H + 2 - KH + 1, W + 2 - KW + 1))
for p in range(KH):
    for q in range(KW):
        out += np.einsum("nchw,fc->nfhw", xp[:, :, p:p + H + 3 - KH, q:q + W + 3 - KW], w[:, :, p, q])
return out
---
C: V E; X: int n T
return C[X].sum(axis=1)
---
C: V E; X: int n T; W: T*E h
emb = C[X]; return emb.reshape(emb.shape[0], -1) @ W
---
Q: T d; K: T d; V: T d
T = Q.shape[0]; S = Q @ K.T / np.sqrt(Q.shape[-1]); S = np.where(np.tril(np.ones((T, T))) == 0, -np.inf, S); E = np.exp(S - S.max(-1, keepdims=True)); return (E / E.sum(-1, keepdims=True)) @ V
---
X: n d; m: bool n d
return np.where(m, X, 0.0) + X * m
---
X: n d; m: bool n d
return X * ~m
---
X: n d; m: bool n
return (X.sum(1) * m).sum() / m.sum()
---
X: n d
S = X.sum(axis=1); S = S ** 2; S = S + 1; return S
---
X: n d
X = X - X.mean(axis=0); X = X / 2; return X
---
X: n d
Y = X[:, 0]; Z = X.copy(); Z[:, 0] = Y * 2; Z[:, 1:] += 1; return Z
---
X: n d
A = X * 1; B = A[:, 1:3]; B *= 2; return A.sum(axis=0) + 0 * B[0, 0]
---
X: n d
A = np.zeros((X.shape[0], 2 * X.shape[1])); A[:, ::2] = X; A[:, 1::2] = -X; return A
---
x: n
def f(z): return z * np.exp(z)
g = lambda t: t + 1
return f(g(x)) + f(x)
---
X: n d; y: int n
counts = np.zeros(X.shape[1]); np.add.at(counts, y, 1); return counts * X[0]
---
C: V E; X: int n; G: n E
dC = np.zeros_like(C); np.add.at(dC, X, G); return dC
---
C: V E; X: int n T; G: n T E
dC = np.zeros_like(C)
for k in range(X.shape[0]):
    for j in range(X.shape[1]):
        ix = X[k, j]
        dC[ix] += G[k, j]
return dC
---
X: n d
return X[np.newaxis, ..., 0:1].shape[1] * X
---
X: n d
return np.full((2, X.shape[1]), 0.5) * X[:2] + np.ones(X.shape[1])
---
X: n d
return np.mean(np.sum(X ** 2, axis=1)) + 0.5 * 1e-3 * np.sum(X * X)
---
X: n d
return np.prod(X, axis=1)
---
X: n d
return np.repeat(X, 2, axis=0) + np.tile(X, (2, 1))
---
X: n d
return np.expand_dims(X, 1) - np.squeeze(X[None])
---
x: n; y: n
z = x; z = z * y; return z + x
---
X: n d; a: ; b:
return a * X.sum() + b
---
X: n d
s = np.sort if False else np.exp; return s(X)
---
X: n d
mode = 'train'
if mode == 'train' and X is not None:
    Y = X * 2
else:
    Y = X
assert Y.shape == X.shape, "no"
print(Y.shape)
return Y
---
X: n d
c = {}; c['a'] = X * 2; c['b'] = c['a'] + 1; return c['b']
---
X: n d
rows = []
for i in range(X.shape[0]):
    rows.append(X[i] * 2)
return np.array(rows)
---
X: n d; Y: n d
out = np.zeros(X.shape[0])
for i, (a, b) in enumerate(zip(X, Y)):
    out[i] = a @ b
return out
---
X: n d
M = X[:, :, None] * X[:, None, :]; return np.trace(M.sum(0)) + np.diag(M[0]).sum()
---
X: n d
return np.log(np.sum(np.exp(X), axis=1)) - np.logaddexp(X[:, 0], X[:, 1])
---
X: n d
D = X[:, None, :] - X[None, :, :]; return np.sqrt((D ** 2).sum(-1) + 1)
---
X: n d
i = np.arange(X.shape[0]); return X[i, i % 2] if False else X * (i[:, None] + 1)
---
X: n d
T = X.shape[0]; m = np.triu(np.ones((T, T)), k=1); return (m @ X)
---
X: n d
s = 0
for x in X:
    s += x.sum()
return s
---
X: T n d
T = X.shape[0]; return X[T - 1] + X[-2]
---
X: n d
A = X.copy(); A[0] = 0; A[-1, :] = X[0] * 2; A[1:, 0] -= 1; return A
---
X: n d
A = X.T.copy(); A[0, :] += 1; B = A.T; B += 2; return A
---
X: n d; b: d
Z = X * 1; Z[::-1] += X * b; Z[::-2] *= 2; Z[-2::-1, 0] = 3; return Z
---
X: n d; Y: n d
return np.where(X > 1 - Y, X - 2 * Y > 0, X < -Y) * X
---
X: n d
h = np.zeros_like(X)
for t in range(X.shape[0] - 1):
    h[t + 1] = X[t] * 2
return h
---
X: n d
P = np.zeros_like(X)
for t in range(1, X.shape[0]):
    P[t] = X[t] - X[t - 1]
    P[t] *= P[t].sum()
return P
---
X: n d; y: int n
p = 1 / (1 + np.exp(-X[:, 0])); return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
---
X: n d
return np.max(X) - X.min() + np.amax(X, axis=0).sum()
---
X: n d
return np.matmul(X, X.T).mean() + np.sum(X, 0, keepdims=True)
---
x: n; w: K
N = x.shape[0]; K = w.shape[0]; y = np.zeros(N - K + 1)
for i in range(N - K + 1):
    y[i] = np.sum(x[i:i + K] * w)
return y
---
X: n d
Y = np.empty((X.shape[0], 2, X.shape[1])); Y[:, 0] = X; Y[:, 1] = X ** 2; return Y
---
X: n 2*h
n = X.shape[0]; H = 2; Y = X.reshape(n, H, -1).transpose(1, 0, 2); return Y.transpose(1, 0, 2).reshape(n, -1) + 1
'''

TORCH = '''
X: n d; W: c d; b: c
return F.linear(X, W, b)
---
X: n d
m, _ = torch.max(X, 1, keepdim=True); return (X - m).exp()
---
X: n d
return X.max(1, keepdim=True).values * X.max(dim=1).indices.float().mean()
---
X: n d
return X.var(0, keepdim=True) + X.std(1, keepdim=True)
---
X: n d
return X.var(0, unbiased=False) + X.var(dim=0, correction=0)
---
X: n d; y: int n
return F.cross_entropy(X, y) + F.nll_loss(F.log_softmax(X, dim=1), y)
---
X: n d; y: int n
return F.cross_entropy(X @ X.T @ X, y, reduction='sum')
---
X: n d; y: int n
return -F.log_softmax(X, -1).gather(1, y.view(-1, 1)).mean()
---
X: n d; y: int n
Y = F.one_hot(y, num_classes=X.shape[1]).float(); return (X.softmax(dim=1) * Y).sum(1)
---
X: n d; Y: n d
return F.mse_loss(X, Y) + F.l1_loss(X, Y) + F.binary_cross_entropy_with_logits(X, torch.sigmoid(Y))
---
X: n d; g: d; b: d
return F.layer_norm(X, (X.shape[-1],), g, b)
---
X: B T C; W: C C
B, T, C = X.shape; q = (X @ W).view(B, T, 2, C // 2).transpose(1, 2); att = q @ q.transpose(-2, -1) * (1.0 / math.sqrt(q.size(-1))); att = att.masked_fill(torch.tril(torch.ones(T, T)).view(1, 1, T, T) == 0, float('-inf')); att = F.softmax(att, dim=-1); y = att @ q; return y.transpose(1, 2).contiguous().view(B, T, C)
---
X: B T 3*C
B, T, _ = X.shape; C = X.size(2) // 3; q, k, v = X.split(C, dim=2); return q * k + v
---
X: n 2*h
a, b = X.chunk(2, dim=-1); return F.silu(a) * b
---
X: n d
return X * torch.rsqrt(X.pow(2).mean(-1, keepdim=True) + 1e-6)
---
X: n d
return F.gelu(X) + F.softplus(X) + torch.sigmoid(X) + X.relu() + F.leaky_relu(X, 0.2)
---
X: n d
return torch.cat([X, X ** 2], dim=1) + torch.stack((X, X), 0).reshape(2, -1).sum(0).mean()
---
X: n d
return X.repeat(2, 1) + X.unsqueeze(0).expand(2, -1, -1).reshape(-1, X.shape[1])
---
X: n d
return torch.where(X > 0, X, torch.zeros_like(X)).norm() + X.norm(dim=1).sum() + X.clamp(min=0).sum() + X.clamp(-1, 1).sum()
---
X: n d
return X.logsumexp(1) + torch.logsumexp(X, dim=1) - X.mean(1) + X.cumsum(0)[-1].sum()
---
Q: T d; K: T d; V: T d
return F.scaled_dot_product_attention(Q, K, V)
---
X: n d
y = X.clone(); y.mul_(2); y[:, 0] = 0; return y
---
X: n d
return X.t() @ X + torch.einsum("ni,nj->ij", X, X)
---
C: V E; X: int n T
emb = F.embedding(X, C); return emb.view(emb.size(0), -1)
---
X: n d; y: int n
lp = F.log_softmax(X, 1); return -(lp[torch.arange(len(y)), y]).mean()
---
X: n d; Y: n d
p = F.softmax(Y, 1); return F.cross_entropy(X, p)
---
X: n d
h = X
h += 1
return h
---
x: n d H W; w: c d 2 3; b: c
return F.conv2d(x, w, b, stride=(2, 1), padding=1)
---
x: n d W; w: c d 2
return F.conv1d(x, w, dilation=2, padding=2)
---
x: n 4 W; w: 6 2 3; b: 6
return F.conv1d(x, w, b, padding=1, groups=2)
---
x: n d H W
return F.max_pool2d(x, 2) + F.avg_pool2d(x, (2, 2), stride=2) + F.max_pool2d(x, 2, stride=2)
---
x: n d H W
return F.adaptive_avg_pool2d(x, 1) + F.max_pool2d(x, 3, 2, 1).sum()
---
x: n d W; g: d; b: d
return F.batch_norm(x, None, None, g, b, training=True)
---
x: n d; m: d; v: d; g: d; b: d
return F.batch_norm(x, m, v * v, g, b)
---
x: n 4 W; g: 4; b: 4
return F.group_norm(x, 2, g, b)
---
x: n d; y: n d
return F.smooth_l1_loss(x, y, beta=0.5) + F.huber_loss(x, y, reduction="sum", delta=0.7)
---
x: n d; y: n d
return F.kl_div(F.log_softmax(x, dim=1), F.softmax(y, dim=1), reduction="batchmean")
---
x: n d; y: n d
return F.cosine_similarity(x, y, dim=1) + F.normalize(x, dim=1).sum(1)
---
x: n d 4
return F.glu(x, dim=2) + F.glu(x).mean()
---
x: n d; y: n d
p = torch.sigmoid(x); return -torch.log(p[y > 0]).sum() + (x[x > 0] ** 2).mean()
---
x: n d c; w: a d
return torch.einsum("...dc,ad->...ac", x, w) + torch.einsum("i...,i...", x, x).sum()
---
x: n d
return F.gelu(x, approximate='tanh') + torch.nn.GELU('tanh')(x)
'''


def rows(text: str) -> list[tuple[str, str]]:
    """(shapes, body) of every block."""
    found = []
    for block in text.strip().split("\n---\n"):
        shapes, _, body = block.partition("\n")
        found.append((shapes, body))
    return found
