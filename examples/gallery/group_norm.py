"""Group normalisation: the channels of an image in groups"""

import numpy as np


def forward(x, gamma, beta, eps=1e-5):
    # shapes: x (n, G, c, s) · gamma, beta (G, c)
    mu = x.mean(axis=(2, 3), keepdims=True)
    var = x.var(axis=(2, 3), keepdims=True)
    xhat = (x - mu) / np.sqrt(var + eps)
    out = gamma[:, :, None] * xhat + beta[:, :, None]
    return out
