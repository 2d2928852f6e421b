# idioms: np.sum; axis keyword; dot; .T; reciprocal; power; np.sqrt; np.linalg.norm; np.outer
# sizes: n=3 m=2 d=4 | n=2 m=4 d=3 | n=5 m=3 d=2
import numpy as np


# shapes: A (n, d) · B (m, d)
def cosine(A, B):
    na = np.linalg.norm(A, axis=1)
    nb = np.sqrt(np.sum(B**2, axis=1))
    inv = 1.0 / np.outer(na, nb)
    return np.dot(A, B.T) * inv
