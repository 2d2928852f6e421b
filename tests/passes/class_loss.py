# idioms: tuple unpacking; shape sizes; np.sum; unary minus; axis keyword; zeros; sum method; dot; dict read;
#    np.exp; np.log; label pick; state on self; np.maximum; keepdims (numpy); np.max; class of the source;
#    params dict on self
# sizes: N=4 n_in=3 n_hidden=5 n_out=3 | N=3 n_in=2 n_hidden=4 n_out=4 | N=5 n_in=4 n_hidden=2 n_out=2
import numpy as np


class TwoLayerNet:
    def __init__(self, n_in, n_hidden, n_out):
        self.params = {
            "W1": np.random.randn(n_in, n_hidden) * 0.01,
            "b1": np.zeros(n_hidden),
            "W2": np.random.randn(n_hidden, n_out) * 0.01,
            "b2": np.zeros(n_out),
        }
        self.reg = 0.1

    def loss(self, X, y):
        # shapes: X (N, n_in) · y int (N,)
        W1, b1, W2, b2 = self.params["W1"], self.params["b1"], self.params["W2"], self.params["b2"]
        N = X.shape[0]
        hidden = np.maximum(0, X.dot(W1) + b1)
        scores = hidden.dot(W2) + b2
        shifted = scores - np.max(scores, axis=1, keepdims=True)
        log_probs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        data_loss = -log_probs[range(N), y].sum() / N
        reg_loss = 0.5 * self.reg * (np.sum(W1 * W1) + np.sum(W2 * W2))
        return data_loss + reg_loss
