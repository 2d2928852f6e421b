# idioms: slices; unary minus; axis keyword; sum method; np.exp; new axis; power; np.mean; helper function
# sizes: n=3 m=2 d=4 | n=2 m=4 d=3 | n=5 m=3 d=2
import numpy as np


# shapes: X (n, d) · Z (m, d) · gamma ()
def mmd(X, Z, gamma):
    def kernel(A, B):
        diff = A[:, None, :] - B[None, :, :]
        return np.exp(-gamma * (diff**2).sum(axis=-1))

    return np.mean(kernel(X, X)) - 2 * np.mean(kernel(X, Z)) + np.mean(kernel(Z, Z))
