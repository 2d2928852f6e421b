# idioms: shape sizes; np.sum; zeros; for over iterable; indexed store; power; @; len; np.tanh
# sizes: T=3 d=2 n=3 | T=1 d=3 n=2 | T=4 d=2 n=2
import numpy as np


# shapes: x (T, d) · U (d, n) · W (n, n) · V (n, d)
def forward_propagation(x, U, W, V):
    T = len(x)
    s = np.zeros((T + 1, W.shape[0]))
    o = np.zeros((T, V.shape[1]))
    s[-1] = np.zeros(W.shape[0])
    for t in np.arange(T):
        s[t] = np.tanh(x[t] @ U + s[t - 1] @ W)
        o[t] = s[t] @ V
    return np.sum(o**2)
