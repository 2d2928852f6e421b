"""Logistic regression"""

import numpy as np


def forward(X, w, y):
    # shapes: X (n, d) · w (d,) · y (n,)
    # show: hessian w
    z = X @ w  # scores
    p = 1 / (1 + np.exp(-z))  # probabilities
    L = -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum()  # cross-entropy
    return L
