# idioms: tuple unpacking; shape sizes; slices; unary minus; for range; zeros; np.exp; reciprocal; indexed store;
#    @; np.tanh; helper function
# sizes: T=3 n=2 d=3 h=2 | T=2 n=3 d=2 h=3 | T=1 n=2 d=2 h=2
import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def lstm_step(x, h, c, Wx, Wh, b):
    H = h.shape[1]
    a = x @ Wx + h @ Wh + b
    i, f, o = sigmoid(a[:, :H]), sigmoid(a[:, H : 2 * H]), sigmoid(a[:, 2 * H : 3 * H])
    g = np.tanh(a[:, 3 * H :])
    next_c = f * c + i * g
    next_h = o * np.tanh(next_c)
    return next_h, next_c


# shapes: x (n, T, d) · h0 (n, h) · Wx (d, 4*h) · Wh (h, 4*h) · b (4*h,)
def lstm_forward(x, h0, Wx, Wh, b):
    N, T, D = x.shape
    H = h0.shape[1]
    hs = np.zeros((N, T, H))
    h, c = h0, np.zeros_like(h0)
    for t in range(T):
        h, c = lstm_step(x[:, t, :], h, c, Wx, Wh, b)
        hs[:, t, :] = h
    return hs
