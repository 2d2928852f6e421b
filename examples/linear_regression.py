"""Least squares in one dimension"""

import numpy as np


def forward(w0, w1, x, y):
    # shapes: w0 () · w1 () · x (N,) · y (N,)
    # show: solve w0, w1
    J = np.sum((y - w0 - w1 * x) ** 2)  # sum of squared errors
    return J
