"""Rows divided by their length"""

import numpy as np


def forward(x):
    # shapes: x (n, d)
    norm = np.sqrt((x ** 2).sum(axis=1, keepdims=True))
    u = x / norm
    return u
