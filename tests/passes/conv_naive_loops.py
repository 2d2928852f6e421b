# idioms: tuple unpacking; slices; np.sum; for range; conditional expression; zeros; integer sizes; indexed store;
#    pad
# sizes: N=2 C=2 H=5 W=6 F=3 KH=2 KW=3 | N=1 C=3 H=4 W=4 F=2 KH=3 KW=2 | N=3 C=1 H=6 W=5 F=2 KH=2 KW=2
import numpy as np


# shapes: x (N, C, H, W) · w (F, C, KH, KW) · b (F,)
def conv_forward(x, w, b, stride=1, pad=0):
    N, C, H, W = x.shape
    F, _, KH, KW = w.shape
    xp = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad))) if pad else x
    OH = 1 + (H + 2 * pad - KH) // stride
    OW = 1 + (W + 2 * pad - KW) // stride
    out = np.zeros((N, F, OH, OW))
    for n in range(N):
        for f in range(F):
            for i in range(OH):
                for j in range(OW):
                    window = xp[n, :, i * stride : i * stride + KH, j * stride : j * stride + KW]
                    out[n, f, i, j] = np.sum(window * w[f]) + b[f]
    return out
