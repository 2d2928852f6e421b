# idioms: slices; new axis; np.sqrt; einsum
# sizes: n=4 d=3 e=2 k=5 | n=2 d=2 e=4 k=3 | n=3 d=4 e=3 k=2
import numpy as np


# shapes: x (n, d) · y (n, e) · W (k, d, e) · b (k,)
def forward(x, y, W, b):
    z = np.einsum("nd,kde,ne->nk", x, W, y) + b[np.newaxis, :]
    size = np.sqrt(1 + np.einsum("nk,nk->n", z, z))
    return z / size[:, np.newaxis]
