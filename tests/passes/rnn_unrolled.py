# idioms: tuple unpacking; shape sizes; slices; for range; zeros; dot; indexed store; np.tanh; helper function
# sizes: n=2 d=3 h=4 | n=3 d=2 h=2 | n=1 d=4 h=3
import numpy as np


def step(x, prev, Wx, Wh, b):
    return np.tanh(x.dot(Wx) + prev.dot(Wh) + b)


# shapes: x (n, 4, d) · h0 (n, h) · Wx (d, h) · Wh (h, h) · b (h,)
def rnn_forward(x, h0, Wx, Wh, b):
    N, T, D = x.shape
    H = h0.shape[1]
    out = np.zeros((N, T, H))
    h = h0
    for t in range(T):
        h = step(x[:, t, :], h, Wx, Wh, b)
        out[:, t, :] = h
    return out
