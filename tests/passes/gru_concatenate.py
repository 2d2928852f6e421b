# idioms: unary minus; axis keyword; dot; dict read; np.exp; reciprocal; @; np.tanh; hstack / vstack;
#    np.concatenate; np.matmul; helper function
# sizes: n=2 d=3 h=4 | n=3 d=2 h=2 | n=1 d=4 h=3
import numpy as np


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


# shapes: x (n, d) · h (n, h) · Wz (d + h, h) · Wr (d + h, h) · Wn (d + h, h) · bz (h,)
def gru(x, h, p):
    both = np.concatenate([x, h], axis=1)
    z = sigmoid(both @ p["Wz"] + p["bz"])
    r = sigmoid(both.dot(p["Wr"]))
    reset = np.hstack((x, r * h))
    n = np.tanh(np.matmul(reset, p["Wn"]))
    return (1 - z) * n + z * h
