"""Softmax cross-entropy of one sample"""

import numpy as np


def forward(x, y):
    # shapes: x (C,) · y (C,)
    # facts: sum[c] y[c] = 1
    e = np.exp(x)  # exponentials
    total = e.sum()  # normaliser
    s = e / total  # probabilities
    L = -np.sum(y * np.log(s))  # loss
    return L
