# idioms: tuple unpacking; shape sizes; slices; for range; zeros; dot; .T; for over iterable; indexed store;
#    np.tanh; reversed range
# sizes: n=2 d=3 h=4 | n=3 d=2 h=2 | n=1 d=4 h=3
import numpy as np


# shapes: x (n, 3, d) · Wf (d, h) · Wb (d, h) · U (h, h)
def forward(x, Wf, Wb, U):
    n, T, d = x.shape
    right = np.zeros((n, U.shape[0]))
    left = np.zeros((n, U.shape[0]))
    out = np.zeros((n, T, 2 * U.shape[0]))
    for t in range(T):
        right = np.tanh(x[:, t].dot(Wf) + right.dot(U))
        out[:, t, : U.shape[0]] = right
    for t in reversed(range(T)):
        left = np.tanh(x[:, t].dot(Wb) + left.dot(U.T))
        out[:, t, U.shape[0] :] = left
    return out
