# idioms: tuple unpacking; slices; for range; axis keyword; zeros; integer sizes; indexed store; np.max; tuple of
#    axes
# sizes: N=2 C=3 H=5 W=4 | N=1 C=2 H=3 W=6 | N=3 C=1 H=4 W=3
import numpy as np


# shapes: x (N, C, H, W)
def max_pool(x, size=2, stride=1):
    N, C, H, W = x.shape
    out_h = (H - size) // stride + 1
    out_w = (W - size) // stride + 1
    out = np.zeros((N, C, out_h, out_w))
    for i in range(out_h):
        for j in range(out_w):
            region = x[:, :, i * stride : i * stride + size, j * stride : j * stride + size]
            out[:, :, i, j] = np.max(region, axis=(2, 3))
    return out
