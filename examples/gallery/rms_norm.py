"""RMS normalisation: every row by its root mean square"""

import numpy as np


def forward(x, g, eps=1e-6):
    # shapes: x (n, d) · g (d,)
    ms = (x * x).mean(axis=-1, keepdims=True)
    r = 1 / np.sqrt(ms + eps)
    xhat = x * r
    y = g * xhat
    return y
