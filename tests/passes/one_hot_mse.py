# idioms: shape sizes; axis keyword; zeros; sum method; np.exp; indexed store; power; label pick; keepdims (numpy);
#    one-hot; len
# sizes: n=4 c=3 | n=2 c=5 | n=6 c=2
import numpy as np


# shapes: z (n, c) · y int (n,)
def brier(z, y):
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    T = np.zeros_like(p)
    T[np.arange(len(y)), y] = 1
    E = np.eye(z.shape[1])[y]
    return ((p - T) ** 2).sum() / len(y) + 0.5 * (E * z).sum()
