"""The sigmoid, step by step"""

import numpy as np


def forward(x):
    # shapes: x (n, d)
    e = np.exp(-x)
    u = 1 + e
    s = 1 / u
    return s
