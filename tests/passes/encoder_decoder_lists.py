# idioms: shape sizes; np.sum; zeros; += name; dot; for over iterable; state on self; list append; np.tanh; helper
#    function; class of the source
# sizes: T=3 d=2 h=3 | T=1 d=3 h=2 | T=4 d=2 h=2
import numpy as np


class Cell:
    def __init__(self, Wx, Wh):
        self.Wx, self.Wh = Wx, Wh

    def __call__(self, x, h):
        return np.tanh(np.dot(x, self.Wx) + np.dot(h, self.Wh))


# shapes: X (T, d) · Y (T, d) · Ex, Dx (d, h) · Eh, Dh (h, h) · O (h, d)
def forward(X, Y, Ex, Eh, Dx, Dh, O):
    hs = [np.zeros(Eh.shape[0])]
    for x in X:
        hs.append(np.tanh(np.dot(x, Ex) + np.dot(hs[-1], Eh)))
    s = hs[-1]
    y = np.zeros(X.shape[1])
    loss = 0
    for target in Y:
        s = np.tanh(np.dot(y, Dx) + np.dot(s, Dh))
        y = np.dot(s, O)
        loss += np.sum(np.square(y - target))
    return loss + np.sum(hs[1] * hs[-1])
