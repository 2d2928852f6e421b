"""Negative log-likelihood of one sample"""

import numpy as np


def forward(l, y):
    # shapes: l (C,) · y int ()
    # write: log = \ln
    # show: in one go l; two cases
    e = np.exp(l)  # exponentials
    total = e.sum()  # normaliser
    p = e / total  # probabilities
    loss = -np.log(p[y])  # loss
    return loss
