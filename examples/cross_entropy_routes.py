"""Cross-entropy, derived in four ways"""

import numpy as np


def forward(x, t):
    # shapes: x (C,) · t int ()
    # show: log trick x; quotient rule x; product rule x; two cases x; hessian x
    e = np.exp(x)  # exponentials
    total = e.sum()  # normaliser
    s = e / total  # probabilities
    L = -np.log(s[t])  # loss
    return L
