# idioms: comparison mask; tuple unpacking; shape sizes; slices; axis keyword; sum method; += name; dot; mean
#    method; where; -= index; len; hstack / vstack
# sizes: n=3 m=2 d=4 | n=2 m=4 d=3 | n=4 m=3 d=2
import numpy as np


# shapes: a (n, d) · b (m, d) · W (d, d)
def forward(a, b, W):
    rows = np.vstack([a, b])
    h = rows.dot(W)
    h = np.where(h < 0, 0.01 * h, h)
    h += rows
    h[: a.shape[0]] -= a.mean(axis=0)
    first, second = h[: len(a)], h[len(a) :]
    return first.sum(axis=0) - 2 * second.sum(axis=0) + np.dot(first[-1], second[0])
