"""Batch normalisation with the biased variance, as most write it"""

import numpy as np


def forward(x, gamma, beta, eps=1e-5):
    # shapes: x (n, d) · gamma, beta (d,)
    mu = x.mean(axis=0)
    var = ((x - mu) ** 2).mean(axis=0)
    xhat = (x - mu) / np.sqrt(var + eps)
    out = gamma * xhat + beta
    return out
