# idioms: tuple unpacking; shape sizes; slices; np.sum; for range; zeros; indexed store; power; @; np.tanh
# sizes: T=3 n=2 d=2 h=3 | T=1 n=2 d=3 h=2 | T=4 n=1 d=2 h=2
import numpy as np


# shapes: x (n, T, d) · h0 (n, h) · Wx (d, h) · Wh (h, h) · b (h,) · y (n, T, h)
def forward(x, h0, Wx, Wh, b, y):
    N, T, D = x.shape
    H = np.zeros((T + 1, N, Wh.shape[0]))
    H[0] = h0
    loss = 0.0
    for t in range(T):
        H[t + 1] = np.tanh(x[:, t] @ Wx + H[t] @ Wh + b)
        loss = loss + 0.5 * np.sum((H[t + 1] - y[:, t]) ** 2)
    return loss, H[-1]
