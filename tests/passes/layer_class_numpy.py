# idioms: comparison mask; dot; dict read; indexed store; state on self; copy / clone; dict store; masked store;
#    class of the source; params dict on self
# sizes: n=4 d=3 k=2 | n=2 d=5 k=3 | n=6 d=2 k=4
import numpy as np


class Relu:
    def __init__(self):
        self.mask = None

    def forward(self, x):
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 0
        return out


class TwoLayer:
    def __init__(self, W1, b1, W2):
        self.params = {"W1": W1, "b1": b1, "W2": W2}
        self.relu = Relu()

    # shapes: x (n, d) · W1 (d, d) · b1 (d,) · W2 (d, k)
    def forward(self, x):
        self.x = x
        a = np.dot(x, self.params["W1"]) + self.params["b1"]
        self.h = self.relu.forward(a)
        return np.dot(self.h, self.params["W2"])
