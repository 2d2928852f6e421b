"""The Kullback-Leibler divergence of two softmaxes, by their logits"""

import numpy as np


def forward(a, b):
    # shapes: a (n, C) · b (n, C)
    ea = np.exp(a - a.max(axis=1, keepdims=True))
    p = ea / ea.sum(axis=1, keepdims=True)
    eb = np.exp(b - b.max(axis=1, keepdims=True))
    q = eb / eb.sum(axis=1, keepdims=True)
    kl = (p * (np.log(p) - np.log(q))).sum(axis=1)
    loss = kl.mean()
    return loss
