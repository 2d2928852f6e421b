"""Small forward passes with right backward code, in the styles that people use: what the checker's tests mutate.

A case: the forward pass, right backward code, the inputs' shapes, sizes for data, and the labels' ranges.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from textwrap import dedent

import numpy as np


@dataclass(frozen=True, eq=False)
class Case:
    """`inputs`: name → shape as letters; `labels`: name → the size below which its entries stay; `masks`: booleans."""

    name: str
    forward: str
    backward: str
    inputs: dict[str, str]
    sizes: dict[str, int]
    outputs: tuple[str, ...]
    labels: dict[str, str] = field(default_factory=dict)
    facts: tuple[str, ...] = ()
    function: bool = False
    returns: tuple[str, ...] = ()
    masks: frozenset[str] = frozenset()

    @property
    def shapes(self) -> dict[str, str]:
        sort = {**dict.fromkeys(self.labels, "int "), **dict.fromkeys(self.masks, "bool ")}
        return {n: sort.get(n, "") + s for n, s in self.inputs.items()}

    def data(self, seed: int) -> dict:
        """Inputs at pairwise different sizes."""
        rng = np.random.default_rng(seed)
        found = {}
        for name, letters in self.inputs.items():
            shape = tuple(eval(a, {}, self.sizes) if not a.isdigit() else int(a) for a in letters.split())  # noqa: S307
            if name in self.labels:
                found[name] = rng.integers(0, eval(self.labels[name], {}, self.sizes), size=shape)  # noqa: S307
            elif name in self.masks:
                found[name] = rng.random(shape) < 0.6
            elif f"{name} > 0" in self.facts or name == "eps":
                found[name] = rng.uniform(0.2, 2, size=shape)
            elif f"onehot {name}" in self.facts:
                found[name] = np.eye(shape[-1])[rng.integers(0, shape[-1], size=shape[:-1])]
            else:
                found[name] = rng.normal(size=shape) if shape else float(rng.normal())
        return found


def case(name: str, forward: str, backward: str, inputs: str, sizes: str, outputs: str, **more) -> Case:
    """A case from its texts: inputs "X: n d; b: d", sizes "n=5 d=3"."""
    pairs = [p.split(":") for p in inputs.split(";")]
    numbers = {a: int(b) for a, b in (p.split("=") for p in sizes.split())}
    shapes = {a.strip(): b.strip() for a, b in pairs}
    return Case(name, dedent(forward).lstrip(), dedent(backward).lstrip(), shapes, numbers,
                tuple(outputs.split()), **more)  # fmt: skip


CASES = (
    case(
        "softmax_layer",
        """
        import numpy as np
        def forward(H, W, b, y):
            m = H.shape[0]
            Z = H @ W + b
            E = np.exp(Z)
            S = np.sum(E, axis=1, keepdims=True)
            R = 1 / S
            P = E * R
            LP = np.log(P)
            loss = -LP[range(m), y].mean()
            return loss
        """,
        """
        dLP = np.zeros_like(LP)
        dLP[range(m), y] = -1 / m
        dP = dLP / P
        dR = np.sum(dP * E, axis=1, keepdims=True)
        dS = dR * (-1 / S ** 2)
        dE = dP * R
        dE += dS
        dZ = dE * E
        db = np.sum(dZ, axis=0)
        dW = H.T @ dZ
        dH = dZ @ W.T
        """,
        "H: m k; W: k c; b: c; y: m",
        "m=6 k=4 c=3",
        "loss",
        labels={"y": "c"},
    ),
    case(
        "tanh_mlp",
        """
        import numpy as np
        def forward(X, W1, b1, W2, b2, T):
            n = X.shape[0]
            a = X @ W1 + b1
            h = np.tanh(a)
            out = h @ W2 + b2
            r = out - T
            loss = np.sum(r ** 2) / n
            return loss
        """,
        """
        dr = 2 * r / n
        dout = dr
        dW2 = h.T @ dout
        db2 = dout.sum(0)
        dh = dout @ W2.T
        da = dh * (1 - h ** 2)
        dW1 = X.T @ da
        db1 = da.sum(0)
        dX = da @ W1.T
        """,
        "X: n d; W1: d h; b1: h; W2: h c; b2: c; T: n c",
        "n=5 d=3 h=4 c=2",
        "loss",
    ),
    case(
        "relu_mlp_function",
        """
        import numpy as np
        def forward(x, w1, b1, w2, b2):
            a = x.dot(w1) + b1
            h = np.maximum(0, a)
            scores = h.dot(w2) + b2
            cache = (x, w1, w2, a, h)
            return scores, cache
        """,
        """
        import numpy as np
        def backward(dscores, cache):
            x, w1, w2, a, h = cache
            dw2 = h.T.dot(dscores)
            db2 = np.sum(dscores, axis=0)
            dh = dscores.dot(w2.T)
            da = dh * (a > 0)
            dw1 = x.T.dot(da)
            db1 = np.sum(da, axis=0)
            dx = da.dot(w1.T)
            return dx, dw1, db1, dw2, db2
        """,
        "x: n d; w1: d h; b1: h; w2: h c; b2: c",
        "n=5 d=3 h=4 c=2",
        "scores",
        function=True,
        returns=("x", "w1", "b1", "w2", "b2"),
    ),
    case(
        "batchnorm_unbiased",
        """
        import numpy as np
        def forward(x, gain, shift):
            n = x.shape[0]
            mu = x.sum(0) / n
            cen = x - mu
            sq = cen ** 2
            var = sq.sum(0) / (n - 1)
            inv = (var + 1e-5) ** -0.5
            xhat = cen * inv
            out = gain * xhat + shift
            return out
        """,
        """
        dgain = (dout * xhat).sum(0)
        dshift = dout.sum(0)
        dxhat = dout * gain
        dinv = (dxhat * cen).sum(0)
        dvar = -0.5 * (var + 1e-5) ** -1.5 * dinv
        dsq = np.ones_like(sq) * dvar / (n - 1)
        dcen = dxhat * inv
        dcen += 2 * cen * dsq
        dmu = -dcen.sum(0)
        dx = dcen.copy()
        dx += dmu / n
        """,
        "x: n d; gain: d; shift: d",
        "n=6 d=3",
        "out",
    ),
    case(
        "batchnorm_cache",
        """
        import numpy as np
        def forward(x, gamma, beta, eps):
            mu = x.mean(axis=0)
            xc = x - mu
            var = np.mean(xc ** 2, axis=0)
            std = np.sqrt(var + eps)
            xn = xc / std
            out = gamma * xn + beta
            cache = {"xn": xn, "std": std, "gamma": gamma}
            return out, cache
        """,
        """
        import numpy as np
        def backward(dout, cache):
            xn, std, gamma = cache["xn"], cache["std"], cache["gamma"]
            N = dout.shape[0]
            dbeta = dout.sum(axis=0)
            dgamma = np.sum(dout * xn, axis=0)
            dxn = dout * gamma
            dx = (dxn - dxn.mean(axis=0) - xn * (dxn * xn).mean(axis=0)) / std
            return dx, dgamma, dbeta
        """,
        "x: n d; gamma: d; beta: d; eps:",
        "n=6 d=3",
        "out",
        function=True,
        returns=("x", "gamma", "beta"),
    ),
    case(
        "layernorm",
        """
        import numpy as np
        def forward(x, g, b):
            D = x.shape[1]
            mu = x.mean(1, keepdims=True)
            xc = x - mu
            var = (xc ** 2).mean(1, keepdims=True)
            rstd = 1 / np.sqrt(var + 1e-5)
            xhat = xc * rstd
            out = g * xhat + b
            return out
        """,
        """
        db = dout.sum(0)
        dg = (dout * xhat).sum(0)
        dxhat = dout * g
        drstd = (dxhat * xc).sum(1, keepdims=True)
        dvar = -0.5 * drstd * rstd ** 3
        dxc = dxhat * rstd + 2 * xc * dvar / D
        dmu = -dxc.sum(1, keepdims=True)
        dx = dxc + dmu / D
        """,
        "x: n d; g: d; b: d",
        "n=4 d=5",
        "out",
    ),
    case(
        "sigmoid_gate",
        """
        import numpy as np
        def forward(x, u, W, V):
            s = 1 / (1 + np.exp(-(x @ W)))
            t = np.tanh(u @ V)
            y = s * t + (1 - s) * u
            return y
        """,
        """
        ds = dy * (t - u)
        dt = dy * s
        dz = ds * s * (1 - s)
        dq = dt * (1 - t ** 2)
        dW = x.T @ dz
        dV = u.T @ dq
        dx = dz @ W.T
        du = dy * (1 - s) + dq @ V.T
        """,
        "x: n d; u: n h; W: d h; V: h h",
        "n=5 d=3 h=4",
        "y",
    ),
    case(
        "attention",
        """
        import numpy as np
        def forward(X, Wq, Wk, Wv):
            Q = X @ Wq
            K = X @ Wk
            V = X @ Wv
            c = 1 / np.sqrt(Q.shape[1])
            S = Q @ K.T * c
            E = np.exp(S - S.max(axis=1, keepdims=True))
            A = E / E.sum(axis=1, keepdims=True)
            out = A @ V
            return out
        """,
        """
        dA = dout @ V.T
        dV = A.T @ dout
        dS = A * (dA - np.sum(dA * A, axis=1, keepdims=True))
        dQ = dS @ K * c
        dK = dS.T @ Q * c
        dWq = X.T @ dQ
        dWk = X.T @ dK
        dWv = X.T @ dV
        dX = dQ @ Wq.T
        dX += dK @ Wk.T
        dX += dV @ Wv.T
        """,
        "X: t d; Wq: d h; Wk: d h; Wv: d h",
        "t=4 d=3 h=2",
        "out",
    ),
    case(
        "lstm_step",
        """
        import numpy as np
        def sigmoid(v):
            return 1 / (1 + np.exp(-v))
        def forward(x, prev_h, prev_c, Wx, Wh, b):
            H = prev_h.shape[1]
            a = x @ Wx + prev_h @ Wh + b
            i = sigmoid(a[:, :H])
            f = sigmoid(a[:, H:2 * H])
            o = sigmoid(a[:, 2 * H:3 * H])
            g = np.tanh(a[:, 3 * H:])
            next_c = f * prev_c + i * g
            tc = np.tanh(next_c)
            next_h = o * tc
            cache = (x, prev_h, prev_c, Wx, Wh, i, f, o, g, tc)
            return next_h, next_c, cache
        """,
        """
        import numpy as np
        def backward(dnext_h, dnext_c, cache):
            x, prev_h, prev_c, Wx, Wh, i, f, o, g, tc = cache
            do = dnext_h * tc
            dtc = dnext_h * o
            dc = dnext_c + dtc * (1 - tc ** 2)
            df = dc * prev_c
            dprev_c = dc * f
            di = dc * g
            dg = dc * i
            dai = di * i * (1 - i)
            daf = df * f * (1 - f)
            dao = do * o * (1 - o)
            dag = dg * (1 - g ** 2)
            da = np.concatenate([dai, daf, dao, dag], axis=1)
            dx = da @ Wx.T
            dprev_h = da @ Wh.T
            dWx = x.T @ da
            dWh = prev_h.T @ da
            db = da.sum(axis=0)
            return dx, dprev_h, dprev_c, dWx, dWh, db
        """,
        "x: n d; prev_h: n h; prev_c: n h; Wx: d 4*h; Wh: h 4*h; b: 4*h",
        "n=3 d=4 h=2",
        "next_h next_c",
        function=True,
        returns=("x", "prev_h", "prev_c", "Wx", "Wh", "b"),
    ),
    case(
        "embedding_mean",
        """
        import numpy as np
        def forward(C, W, b, ix, y):
            n, T = ix.shape
            emb = C[ix]
            avg = emb.mean(axis=1)
            logits = avg @ W + b
            z = logits - logits.max(axis=1, keepdims=True)
            p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
            loss = -np.log(p[np.arange(n), y]).mean()
            return loss
        """,
        """
        dlogits = p.copy()
        dlogits[np.arange(n), y] -= 1
        dlogits /= n
        dW = avg.T @ dlogits
        db = dlogits.sum(axis=0)
        davg = dlogits @ W.T
        demb = np.ones_like(emb) * davg[:, None, :] / T
        dC = np.zeros_like(C)
        np.add.at(dC, ix, demb)
        """,
        "C: v d; W: d c; b: c; ix: n t; y: n",
        "v=5 d=3 c=4 n=6 t=2",
        "loss",
        labels={"ix": "v", "y": "c"},
    ),
    case(
        "logistic_grads_dict",
        """
        import numpy as np
        def forward(X, w, b, y):
            n = X.shape[0]
            z = X @ w + b
            p = 1 / (1 + np.exp(-z))
            loss = -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)) / n
            return loss
        """,
        """
        grads = {}
        dp = (-y / p + (1 - y) / (1 - p)) / n
        dz = dp * p * (1 - p)
        grads["w"] = X.T @ dz
        grads["b"] = np.sum(dz)
        grads["X"] = np.outer(dz, w)
        """,
        "X: n d; w: d; b:; y: n",
        "n=5 d=3",
        "loss",
    ),
    case(
        "ridge_line",
        """
        import numpy as np
        def forward(w0, w1, x, y, lam):
            yhat = w0 + w1 * x
            r = y - yhat
            J = np.sum(r ** 2) + lam * w1 ** 2
            return J
        """,
        """
        dr = 2 * r
        dyhat = -dr
        dw0 = np.sum(dyhat)
        dw1 = np.sum(dyhat * x)
        dw1 += 2 * lam * w1
        """,
        "w0:; w1:; x: n; y: n; lam:",
        "n=5",
        "J",
    ),
    case(
        "fused_softmax_rows",
        """
        import numpy as np
        def softmax(z):
            e = np.exp(z - z.max(axis=1, keepdims=True))
            return e / e.sum(axis=1, keepdims=True)
        def forward(X, W, b, Y):
            N = X.shape[0]
            z = np.dot(X, W) + b
            p = softmax(z)
            loss = -np.sum(Y * np.log(p)) / N
            return loss
        """,
        """
        dp = -Y / p / N
        dz = np.zeros_like(z)
        for i in range(N):
            J = np.diag(p[i]) - np.outer(p[i], p[i])
            dz[i] = J @ dp[i]
        dW = np.dot(X.T, dz)
        db = np.sum(dz, axis=0)
        dX = np.dot(dz, W.T)
        """,
        "X: n d; W: d c; b: c; Y: n c",
        "n=5 d=3 c=4",
        "loss",
        facts=("onehot Y",),
    ),
    case(
        "batchnorm_recomputed",
        """
        import numpy as np
        def forward(x, gain, shift):
            out = gain * (x - x.mean(0)) / np.sqrt(x.var(0, ddof=1) + 1e-5) + shift
            return out
        """,
        """
        n = x.shape[0]
        mu = x.mean(0)
        var = x.var(0, ddof=1)
        istd = 1 / np.sqrt(var + 1e-5)
        xhat = (x - mu) * istd
        dgain = (dout * xhat).sum(0)
        dshift = dout.sum(0)
        dxhat = dout * gain
        dvar = (dxhat * (x - mu) * -0.5 * istd ** 3).sum(0)
        dmu = -(dxhat * istd).sum(0)
        dx = dxhat * istd + dvar * 2 * (x - mu) / (n - 1) + dmu / n
        """,
        "x: n d; gain: d; shift: d",
        "n=6 d=3",
        "out",
    ),
    case(
        "two_hidden_residual",
        """
        import numpy as np
        def forward(x, W1, W2, W3, t):
            n = x.shape[0]
            a1 = x @ W1
            h1 = np.tanh(a1)
            a2 = h1 @ W2
            s2 = 1 / (1 + np.exp(-a2))
            h2 = h1 + s2 * x
            y = h2 @ W3
            e = y - t
            loss = 0.5 * np.mean(e ** 2)
            return loss
        """,
        """
        de = e / e.size
        dy = de.copy()
        dW3 = h2.T @ dy
        dh2 = dy @ W3.T
        dh1 = dh2.copy()
        ds2 = dh2 * x
        dx = dh2 * s2
        da2 = ds2 * s2 * (1 - s2)
        dW2 = h1.T @ da2
        dh1 += da2 @ W2.T
        da1 = (1 - h1 ** 2) * dh1
        dW1 = x.T @ da1
        dx += da1 @ W1.T
        """,
        "x: n d; W1: d d; W2: d d; W3: d c; t: n c",
        "n=5 d=3 c=4",
        "loss",
    ),
    case(
        "rnn_step_inplace",
        """
        import numpy as np
        def forward(x, h_prev, Wx, Wh, b):
            z = x @ Wx + h_prev @ Wh + b
            h = np.tanh(z)
            cache = (x, h_prev, Wx, Wh, h)
            return h, cache
        """,
        """
        import numpy as np
        def backward(dh, cache):
            x, h_prev, Wx, Wh, h = cache
            dz = dh * (1 - h * h)
            dx = dz @ Wx.T
            dh_prev = dz @ Wh.T
            dWx = x.T @ dz
            dWh = h_prev.T @ dz
            db = dz.sum(axis=0)
            return dx, dh_prev, dWx, dWh, db
        """,
        "x: n d; h_prev: n h; Wx: d h; Wh: h h; b: h",
        "n=4 d=3 h=2",
        "h",
        function=True,
        returns=("x", "h_prev", "Wx", "Wh", "b"),
    ),
    case(
        "cosine_similarity",
        """
        import numpy as np
        def forward(u, v):
            d = np.sum(u * v, axis=1)
            p = np.sqrt(np.sum(u ** 2, axis=1))
            q = np.sqrt(np.sum(v ** 2, axis=1))
            m = p * q
            c = d / m
            return c
        """,
        """
        dd = dc / m
        dm = -dc * d / m ** 2
        dp = dm * q
        dq = dm * p
        du = dd[:, None] * v + dp[:, None] * u / p[:, None]
        dv = dd[:, None] * u + dq[:, None] * v / q[:, None]
        """,
        "u: n d; v: n d",
        "n=5 d=3",
        "c",
    ),
    case(
        "conv_loops",
        """
        import numpy as np
        def forward(x, w, b):
            N, H = x.shape
            K = w.shape[0]
            O = H - K + 1
            y = np.zeros((N, O))
            for k in range(K):
                y += x[:, k:k + O] * w[k]
            out = y + b
            return out
        """,
        """
        dy = dout
        db = np.sum(dout)
        dw = np.zeros_like(w)
        dx = np.zeros_like(x)
        for k in range(K):
            dw[k] = np.sum(dy * x[:, k:k + O])
            dx[:, k:k + O] += dy * w[k]
        """,
        "x: n h; w: k; b:",
        "n=3 h=7 k=2",
        "out",
    ),
)
