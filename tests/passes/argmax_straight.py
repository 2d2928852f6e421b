# idioms: comparison mask; shape sizes; axis keyword; sum method; label pick; np.max; assert; argmax
# sizes: n=4 c=3 | n=2 c=5 | n=6 c=2
import numpy as np


# shapes: s (n, c) · v (c,)
def forward(s, v):
    """The best score of every row, and what stands at its place in v."""
    assert s.shape[1] == v.shape[0], "one value for every column"
    N = s.shape[0]
    idx = np.argmax(s, axis=1)
    best = s[np.arange(N), idx]
    print("best", best.shape)
    return (best * v[idx]).sum() + np.max(s)
