"""Backward code as it is found in courses and on the web, right and wrong: what `tests/test_check_code.py` checks.

A row: the forward pass by name, the backward code, and the line that the first wrong verdict must span (None: right).
"""

FORWARD = {
    'twolayer': """
# shapes: X (N, D) · W1 (D, H) · b1 (H,) · W2 (H, C) · b2 (C,) · y int (N,) · reg ()
def loss(X, y, W1, b1, W2, b2, reg):
    N, D = X.shape
    h1 = np.maximum(0, X.dot(W1) + b1)
    scores = h1.dot(W2) + b2
    shifted = scores - np.max(scores, axis=1, keepdims=True)
    probs = np.exp(shifted) / np.sum(np.exp(shifted), axis=1, keepdims=True)
    data_loss = -np.sum(np.log(probs[np.arange(N), y])) / N
    loss = data_loss + reg * (np.sum(W1 * W1) + np.sum(W2 * W2))
    return loss
""",
    'dlai': """
# shapes: X (n0, m) · W1 (n1, n0) · b1 (n1, 1) · W2 (n2, n1) · b2 (n2, 1) · Y (n2, m)
def forward_propagation(X, Y, W1, b1, W2, b2):
    m = X.shape[1]
    Z1 = np.dot(W1, X) + b1
    A1 = np.tanh(Z1)
    Z2 = np.dot(W2, A1) + b2
    A2 = 1 / (1 + np.exp(-Z2))
    logprobs = np.multiply(np.log(A2), Y) + np.multiply(np.log(1 - A2), 1 - Y)
    cost = -np.sum(logprobs) / m
    return cost
""",
    'affine': """
# shapes: x (N, a, b) · w (a*b, M) · b (M,)
def affine_forward(x, w, b):
    out = x.reshape(x.shape[0], -1).dot(w) + b
    cache = (x, w, b)
    return out, cache
""",
    'dropout': """
# shapes: x (N, D) · mask (N, D) · p ()
def dropout_forward(x, mask, p):
    out = x * mask / p
    cache = (mask, p)
    return out, cache
""",
    'svm': """
# shapes: X (N, D) · W (D, C) · y int (N,) · reg ()
def svm_loss(X, W, y, reg):
    N = X.shape[0]
    scores = X.dot(W)
    correct = scores[np.arange(N), y][:, None]
    margins = np.maximum(0, scores - correct + 1)
    margins[np.arange(N), y] = 0
    loss = np.sum(margins) / N + reg * np.sum(W * W)
    return loss
""",
    'fastai': """
import torch
# shapes: inp (n, d) · targ (n,) · w1 (d, h) · b1 (h,) · w2 (h, 1) · b2 (1,)
def forward(inp, targ, w1, b1, w2, b2):
    l1 = inp @ w1 + b1
    l2 = l1.clamp_min(0.)
    out = l2 @ w2 + b2
    diff = out[:, 0] - targ
    loss = diff.pow(2).mean()
    return loss
""",
    'softrows': """
# shapes: z (n, c) · W (c, k)
def forward(z, W):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    s = e / e.sum(axis=1, keepdims=True)
    out = s @ W
    return out
""",
    'mlp': """
# shapes: x (n, d) · w (d, h) · b (h,) · v (h, c)
def forward(x, w, b, v):
    a = x @ w + b
    h = 1 / (1 + np.exp(-a))
    out = h @ v
    return out
""",
}

ROWS = (
    ('twolayer', """grads = {}
dscores = probs.copy()
dscores[np.arange(N), y] -= 1
dscores /= N
grads['W2'] = h1.T.dot(dscores) + 2 * reg * W2
grads['b2'] = np.sum(dscores, axis=0)
dh1 = dscores.dot(W2.T)
dh1[h1 <= 0] = 0
grads['W1'] = X.T.dot(dh1) + 2 * reg * W1
grads['b1'] = np.sum(dh1, axis=0)
""", None),
    ('twolayer', """grads = {}
dscores = probs.copy()
dscores[np.arange(N), y] -= 1
dscores /= N
grads['W2'] = h1.T.dot(dscores) + reg * W2
grads['b2'] = np.sum(dscores, axis=0)
dh1 = dscores.dot(W2.T)
dh1[h1 <= 0] = 0
grads['W1'] = X.T.dot(dh1) + 2 * reg * W1
grads['b1'] = np.sum(dh1, axis=0)
""", 5),
    ('twolayer', """grads = {}
dscores = probs.copy()
dscores[np.arange(N), y] -= 1
dscores /= N
grads['W2'] = h1.T.dot(dscores) + 2 * reg * W2
grads['b2'] = np.sum(dscores, axis=0)
dh1 = dscores.dot(W2.T)
dh1[h1 > 0] = 0
grads['W1'] = X.T.dot(dh1) + 2 * reg * W1
grads['b1'] = np.sum(dh1, axis=0)
""", 8),
    ('twolayer', """grads = {}
dscores = probs.copy()
dscores[np.arange(N), y] -= 1
dscores /= N
grads['W2'] = h1.T.dot(dscores) + 2 * reg * W2
grads['b2'] = np.sum(dscores, axis=0)
dh1 = dscores.dot(W2.T)
dh1 *= (h1 > 0)
grads['W1'] = X.T.dot(dh1) + 2 * reg * W1
grads['b1'] = np.sum(dh1, axis=0)
""", None),
    ('twolayer', """grads = {}
dscores = probs.copy()
dscores[np.arange(N), y] -= 1
dscores /= N
grads['W2'] = np.einsum('nh,nc->ch', h1, dscores) + 2 * reg * W2
grads['b2'] = np.sum(dscores, axis=0)
dh1 = dscores.dot(W2.T)
dh1[h1 <= 0] = 0
grads['W1'] = X.T.dot(dh1) + 2 * reg * W1
grads['b1'] = np.sum(dh1, axis=0)
""", 5),
    ('twolayer', """grads = {}
dscores = probs.copy()
for i in range(N):
    dscores[i, y[i]] -= 1
dscores /= N
grads['W2'] = h1.T.dot(dscores) + 2 * reg * W2
grads['b2'] = np.sum(dscores, axis=0)
dh1 = dscores.dot(W2.T)
dh1[h1 <= 0] = 0
grads['W1'] = X.T.dot(dh1) + 2 * reg * W1
grads['b1'] = np.sum(dh1, axis=0)
""", None),
    ('twolayer', """grads = {}
mask = np.zeros_like(probs)
mask[np.arange(N), y] = 1
dscores = (mask - probs) / N
grads['W2'] = h1.T.dot(dscores) + 2 * reg * W2
grads['b2'] = np.sum(dscores, axis=0)
dh1 = dscores.dot(W2.T)
dh1[h1 <= 0] = 0
grads['W1'] = X.T.dot(dh1) + 2 * reg * W1
grads['b1'] = np.sum(dh1, axis=0)
""", 4),
    ('dlai', """dZ2 = A2 - Y
dW2 = 1 / m * np.dot(dZ2, A1.T)
db2 = 1 / m * np.sum(dZ2, axis=1, keepdims=True)
dZ1 = np.multiply(np.dot(W2.T, dZ2), 1 - np.power(A1, 2))
dW1 = 1 / m * np.dot(dZ1, X.T)
db1 = 1 / m * np.sum(dZ1, axis=1, keepdims=True)
""", None),
    ('dlai', """dZ2 = A2 - Y
dW2 = 1 / m * np.dot(dZ2, A1.T)
db2 = 1 / m * np.sum(dZ2, axis=0, keepdims=True)
dZ1 = np.multiply(np.dot(W2.T, dZ2), 1 - np.power(A1, 2))
dW1 = 1 / m * np.dot(dZ1, X.T)
db1 = 1 / m * np.sum(dZ1, axis=1, keepdims=True)
""", 3),
    ('dlai', """dZ2 = A2 - Y
dW2 = 1 / m * np.dot(dZ2, A1.T)
db2 = 1 / m * np.sum(dZ2, axis=1, keepdims=True)
dZ1 = np.multiply(np.dot(W2.T, dZ2), 1 - A1)
dW1 = 1 / m * np.dot(dZ1, X.T)
db1 = 1 / m * np.sum(dZ1, axis=1, keepdims=True)
""", 4),
    ('dlai', """dZ2 = A2 - Y
dW2 = 1 / m * np.dot(dZ2, A1.T)
db2 = 1 / m * np.sum(dZ2, axis=1, keepdims=True)
dZ1 = np.multiply(np.dot(W2.T, dZ2), 1 - np.power(A1, 2))
dW1 = 1 / m * np.dot(dZ1, X)
db1 = 1 / m * np.sum(dZ1, axis=1, keepdims=True)
""", 5),
    ('dlai', """dZ2 = A2 - Y
dW2 = 1 / m * np.dot(dZ2, A1.T)
db2 = 1 / m * np.sum(dZ2, axis=1, keepdims=True)
dZ1 = np.multiply(np.dot(W2.T, dZ2), 1 - np.power(A1, 2))
dW1 = np.dot(dZ1, X.T)
db1 = 1 / m * np.sum(dZ1, axis=1, keepdims=True)
""", 5),
    ('dlai', """dZ2 = Y - A2
dW2 = 1 / m * np.dot(dZ2, A1.T)
db2 = 1 / m * np.sum(dZ2, axis=1, keepdims=True)
dZ1 = np.multiply(np.dot(W2.T, dZ2), 1 - np.power(A1, 2))
dW1 = 1 / m * np.dot(dZ1, X.T)
db1 = 1 / m * np.sum(dZ1, axis=1, keepdims=True)
""", 1),
    ('dlai', """dA2 = -(np.divide(Y, A2) - np.divide(1 - Y, 1 - A2)) / m
dZ2 = dA2 * A2 * (1 - A2)
dW2 = np.dot(dZ2, A1.T)
""", None),
    ('dlai', """dA2 = (np.divide(Y, A2) - np.divide(1 - Y, 1 - A2)) / m
dZ2 = dA2 * A2 * (1 - A2)
dW2 = np.dot(dZ2, A1.T)
""", 1),
    ('affine', """def affine_backward(dout, cache):
    x, w, b = cache
    dx, dw, db = None, None, None
    N = x.shape[0]
    dx = dout.dot(w.T).reshape(x.shape)
    dw = x.reshape(N, -1).T.dot(dout)
    db = np.sum(dout, axis=0)
    return dx, dw, db
""", None),
    ('affine', """def affine_backward(dout, cache):
    x, w, b = cache
    dx, dw, db = None, None, None
    N = x.shape[0]
    dx = dout.dot(w.T).reshape(x.shape)
    dw = x.reshape(N, -1).T.dot(dout)
    db = np.sum(dout, axis=1)
    return dx, dw, db
""", 7),
    ('affine', """def affine_backward(dout, cache):
    x, w, b = cache
    dx, dw, db = None, None, None
    N = x.shape[0]
    dx = dout.dot(w.T).reshape(x.shape)
    dw = x.reshape(-1, N).dot(dout)
    db = np.sum(dout, axis=0)
    return dx, dw, db
""", 6),
    ('dropout', """def dropout_backward(dout, cache):
    mask, p = cache
    dx = dout * mask / p
    return dx
""", None),
    ('dropout', """def dropout_backward(dout, cache):
    mask, p = cache
    dx = dout * mask * p
    return dx
""", 3),
    ('dropout', """def dropout_backward(dout, cache):
    mask, p = cache
    dx = dout * mask
    return dx
""", 3),
    ('svm', """binary = (margins > 0).astype(float)
row_sum = np.sum(binary, axis=1)
binary[np.arange(N), y] = -row_sum
dW = X.T.dot(binary) / N + 2 * reg * W
""", None),
    ('svm', """binary = (margins > 0).astype(float)
row_sum = np.sum(binary, axis=1)
binary[np.arange(N), y] = row_sum
dW = X.T.dot(binary) / N + 2 * reg * W
""", 2),
    ('svm', """binary = (margins > 0).astype(float)
row_sum = np.sum(binary, axis=1)
binary[np.arange(N), y] = -row_sum
dW = X.T.dot(binary) + 2 * reg * W
""", 4),
    ('svm', """binary = (margins > 0).astype(float)
row_sum = np.sum(binary, axis=1)
binary[np.arange(N), y] = -row_sum
dW = X.T.dot(binary) / N + reg * W
""", 4),
    ('fastai', """dout = 2. * diff.unsqueeze(-1) / inp.shape[0]
dl2 = dout @ w2.t()
dw2 = (l2.unsqueeze(-1) * dout.unsqueeze(1)).sum(0)
dl1 = (l1 > 0).float() * dl2
dw1 = (inp.unsqueeze(-1) * dl1.unsqueeze(1)).sum(0)
db1 = dl1.sum(0)
""", None),
    ('fastai', """dout = 2. * diff.unsqueeze(-1) / inp.shape[0]
dl2 = dout @ w2.t()
dl1 = (l2 < 0).float() * dl2
dw1 = (inp.unsqueeze(-1) * dl1.unsqueeze(1)).sum(0)
""", 3),
    ('softrows', """ds = dout @ W.T
dz = np.empty_like(z)
for i, (si, di) in enumerate(zip(s, ds)):
    si = si.reshape(-1, 1)
    J = np.diagflat(si) - np.dot(si, si.T)
    dz[i] = np.dot(J, di)
""", None),
    ('softrows', """ds = dout @ W.T
dz = s * (ds - np.einsum('ij,ij->i', ds, s)[:, None])
""", None),
    ('softrows', """ds = dout @ W.T
dz = s * (ds - np.einsum('ij,ij->j', ds, s)[None, :])
""", 2),
    ('softrows', """ds = dout @ W.T
dz = s * (1 - s) * ds
""", 2),
    ('mlp', """d = dout @ v.T
dv = h.T @ dout
d *= h
d *= 1 - h
dw = x.T @ d
db = d.sum(0)
dx = d @ w.T
""", None),
    ('mlp', """delta = np.dot(dout, v.T) * h * (1 - h)
dv = np.dot(h.T, dout)
dw = np.dot(x.T, delta)
db = np.sum(delta, axis=0)
""", None),
    ('mlp', """delta = np.dot(dout, v.T) * a * (1 - a)
dv = np.dot(h.T, dout)
dw = np.dot(x.T, delta)
db = np.sum(delta, axis=0)
""", 1),
    ('mlp', """dh = dout @ v.T
dh *= h * (1 - h)
da = dh * h * (1 - h)
dw = x.T @ da
""", 3),
    ('mlp', """def sigmoid_prime(z):
    s = 1 / (1 + np.exp(-z))
    return s * (1 - s)
da = (dout @ v.T) * sigmoid_prime(a)
dw = x.T @ da
""", None),
    ('mlp', """def sigmoid_prime(z):
    s = 1 / (1 + np.exp(-z))
    return s * (1 - s)
da = (dout @ v.T) * sigmoid_prime(h)
dw = x.T @ da
""", 4),
    ('mlp', """lr = 0.1
da = (dout @ v.T) * h * (1 - h)
dw = x.T @ da
w -= lr * dw
print(dw.shape)
assert dw.shape == w.shape
""", None),
)
