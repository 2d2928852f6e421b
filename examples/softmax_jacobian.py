"""Softmax of one vector of scores"""

import numpy as np


def forward(x):
    # shapes: x (C,)
    e = np.exp(x)  # exponentials
    total = e.sum()  # normaliser
    s = e / total  # probabilities
    return s
