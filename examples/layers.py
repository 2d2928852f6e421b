"""Linear, softmax and cross-entropy as layers

Every function but `forward` is a layer of its own; `derive code --target layers` writes it as a class.
"""

import numpy as np


def linear(X, W, b):
    # shapes: X (n, d) · W (d, C) · b (C,)
    # layer: Linear with parameters W, b
    z = X @ W + b
    return z


def softmax(z):
    # shapes: z (n, C)
    # layer: Softmax
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def cross_entropy(yhat, Y):
    # shapes: yhat (n, C) · Y (n, C)
    # layer: CrossEntropy
    return -np.sum(Y * np.log(yhat)) / yhat.shape[0]


def forward(X, W, b, Y):
    # shapes: X (n, d) · W (d, C) · b (C,) · Y (n, C)
    # facts: onehot Y
    # show: chain L, yhat, z, W
    z = linear(X, W, b)
    yhat = softmax(z)
    L = cross_entropy(yhat, Y)
    return L
