# idioms: comparison mask; .T; power; mean method; where; @; abs
# sizes: n=4 d=3 k=2 | n=2 d=5 k=3 | n=6 d=2 k=4
import numpy as np


# shapes: X (n, d) · W (k, d) · t (n, k)
def forward(X, W, t, delta=1.0):
    err = X @ W.T - t
    small = np.abs(err) <= delta
    quad = 0.5 * err**2
    lin = delta * (np.abs(err) - 0.5 * delta)
    return np.where(small, quad, lin).mean()
