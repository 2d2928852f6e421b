"""The hyperbolic tangent, written in exponentials"""

import numpy as np


def forward(x):
    # shapes: x (n, d)
    a = np.exp(x)
    b = np.exp(-x)
    t = (a - b) / (a + b)
    return t
