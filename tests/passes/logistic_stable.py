# idioms: unary minus; dot; np.exp; np.log; np.maximum; np.mean; abs
# sizes: n=4 d=3 | n=2 d=5 | n=6 d=2
import numpy as np


# shapes: X (n, d) · w (d,) · b () · y (n,)
def logistic_loss(X, w, b, y):
    z = np.dot(X, w) + b
    per = np.maximum(z, 0) - z * y + np.log(1 + np.exp(-np.abs(z)))
    return np.mean(per)
