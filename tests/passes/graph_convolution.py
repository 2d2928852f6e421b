# idioms: shape sizes; slices; axis keyword; sum method; new axis; mean method; np.maximum; @; negative power
# sizes: n=4 d=3 k=2 | n=3 d=2 k=3 | n=5 d=4 k=1
import numpy as np


# shapes: A (n, n) · X (n, d) · W (d, k)
# facts: A > 0
def forward(A, X, W):
    n = A.shape[0]
    A_hat = A + np.eye(n)
    deg = A_hat.sum(axis=1)
    scale = deg**-0.5
    norm = scale[:, None] * A_hat * scale[None, :]
    H = np.maximum(norm @ X @ W, 0)
    return H.mean(axis=0)
