# idioms: tuple unpacking; shape sizes; slices; for range; zeros; += name; integer sizes; new axis; einsum; pad;
#    strided slice
# sizes: N=2 C=2 H=3 W=2 F=3 | N=1 C=3 H=2 W=4 F=2 | N=3 C=1 H=4 W=3 F=2
import numpy as np


# shapes: x (N, C, 2*H, 2*W) · w (F, C, 3, 3) · b (F,)
def forward(x, w, b):
    N, C, height, width = x.shape
    F = w.shape[0]
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="constant")
    oh, ow = height // 2, width // 2
    out = np.zeros((N, F, oh, ow))
    for p in range(3):
        for q in range(3):
            patch = xp[:, :, p : p + 2 * oh : 2, q : q + 2 * ow : 2]
            out += np.einsum("nchw,fc->nfhw", patch, w[:, :, p, q])
    out += b[:, None, None]
    return out
