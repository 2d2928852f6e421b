# idioms: shape sizes; for range; power; @; np.mean; list append; np.tanh; stack
# sizes: T=3 d=2 n=4 | T=1 d=3 n=2 | T=5 d=4 n=3
import numpy as np


# shapes: X (T, d) · h0 (n,) · Wx (d, n) · Wh (n, n) · b (n,) · V (n, d) · Y (T, d)
def forward(X, h0, Wx, Wh, b, V, Y):
    h = h0
    hs = []
    for t in range(X.shape[0]):
        a = X[t] @ Wx + h @ Wh + b
        h = np.tanh(a)
        hs.append(h)
    H = np.stack(hs)
    out = H @ V
    return np.mean((out - Y) ** 2)
