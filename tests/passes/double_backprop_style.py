# idioms: axis keyword; .T; power; mean method; @; np.linalg.norm; np.tanh
# sizes: n=3 d=2 h=4 | n=2 d=4 h=3 | n=5 d=3 h=2
import numpy as np


# shapes: x (n, d) · W1 (d, h) · W2 (h,)
def forward(x, W1, W2):
    """A forward pass that holds its own hand-written backward: the penalty on the input gradient."""
    a = x @ W1
    h = np.tanh(a)
    f = h @ W2
    da = (1 - h**2) * W2
    dx = da @ W1.T
    penalty = ((np.linalg.norm(dx, axis=1) - 1) ** 2).mean()
    return f.mean() + 10.0 * penalty
