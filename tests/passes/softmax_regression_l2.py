# idioms: shape sizes; np.sum; unary minus; axis keyword; += name; dot; np.exp; np.log; /= name; label pick;
#    keepdims (numpy); np.max; *= and -=
# sizes: n=3 d=4 c=5 | n=5 d=2 c=3 | n=2 d=3 c=4
import numpy as np


def forward(X, W, y, reg):
    # X (n, d), W (d, c), y int (n,), reg ()
    num = X.shape[0]
    f = X.dot(W)
    f -= np.max(f, axis=1, keepdims=True)
    p = np.exp(f)
    p /= np.sum(p, axis=1, keepdims=True)
    loss = np.sum(-np.log(p[np.arange(num), y]))
    loss /= num
    loss += reg * np.sum(W * W)
    return loss
