# idioms: tuple unpacking; np.sum; for range; zeros; indexed store
# sizes: T=5 d=2 | T=3 d=3 | T=4 d=2
import numpy as np


# shapes: x (T, d) · p () · q ()
def forward(x, p, q):
    T, d = x.shape
    y = np.zeros((T, d))
    y[0] = x[0]
    y[1] = x[1] + p * y[0]
    for t in range(2, T):
        y[t] = x[t] + p * y[t - 1] - q * y[t - 2]
    return np.sum(np.sin(y))
