"""The softmax of every row, for any gradient from above"""

import numpy as np


def forward(x):
    # shapes: x (n, C)
    e = np.exp(x - x.max(axis=1, keepdims=True))
    total = e.sum(axis=1, keepdims=True)
    s = e / total
    return s
