# idioms: shape sizes; slices; for range; list comprehension; builtin sum; np.tanh
# sizes: n=2 L=6 c=3 | n=1 L=5 c=2 | n=3 L=7 c=1
import numpy as np


# shapes: x (n, L, c) · w (3, c) · b (c,)
def forward(x, w, b):
    L = x.shape[1]
    taps = [x[:, k : L - 2 + k, :] * w[k] for k in range(3)]
    y = sum(taps) + b
    return np.tanh(y)
