# idioms: tuple unpacking; axis keyword; sum method; reshape; @; expand / repeat / tile; reshape(N, -1); stack
# sizes: n=3 d=2 | n=2 d=4 | n=5 d=3
import numpy as np


# shapes: x (n, d) · b (d,)
def forward(x, b):
    n, d = x.shape
    full = np.broadcast_to(b, (n, d))
    doubled = np.repeat(x, 2, axis=0) * np.tile(full, (2, 1))
    both = np.stack([x, x * full], axis=0)
    return doubled.reshape(2, -1).sum(axis=1) @ both.reshape(2, -1)
