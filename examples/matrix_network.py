"""One hidden layer, in matrices"""

import numpy as np


def forward(X, V, b, W, c, Y, r):
    # shapes: X (n, p) · V (p, h) · b (h,) · W (h, C) · c (C,) · Y (n, C) · r ()
    # facts: onehot Y
    A = X @ V + b
    H = np.tanh(A)  # hidden layer
    Z = H @ W + c
    E = np.exp(Z)
    s = np.sum(E, axis=1)
    P = E / s[:, None]  # softmax of every row
    L = -np.sum(Y * np.log(P)) / len(X) + r * np.sum(W ** 2)  # cross-entropy and a penalty
    return L
