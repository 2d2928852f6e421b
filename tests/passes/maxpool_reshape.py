# idioms: tuple unpacking; axis keyword; integer sizes; reshape; max method; np.tanh
# sizes: N=2 C=3 h=2 w=3 | N=1 C=2 h=3 w=2 | N=3 C=1 h=2 w=2
import numpy as np


# shapes: x (N, C, 2*h, 2*w)
def forward(x):
    N, C, H, W = x.shape
    tiles = x.reshape(N, C, H // 2, 2, W // 2, 2)
    pooled = tiles.max(axis=3).max(axis=4)
    return np.tanh(pooled)
