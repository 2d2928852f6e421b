# idioms: tuple unpacking; shape sizes; np.sum; unary minus; for range; zeros; += name; dot; np.exp; np.log;
#    indexed store; copy / clone; len; np.tanh
# sizes: T=3 V=4 h=2 | T=1 V=2 h=3 | T=4 V=3 h=3
import numpy as np


# shapes: inputs int (T,) · targets int (T,) · hprev (h, 1) · Wxh (h, V) · Whh (h, h) · Why (V, h) · bh (h, 1) · by (V, 1)
def lossFun(inputs, targets, hprev, Wxh, Whh, Why, bh, by):
    xs, hs, ys, ps = {}, {}, {}, {}
    hs[-1] = np.copy(hprev)
    loss = 0
    vocab_size = Why.shape[0]
    for t in range(len(inputs)):
        xs[t] = np.zeros((vocab_size, 1))
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(np.dot(Wxh, xs[t]) + np.dot(Whh, hs[t - 1]) + bh)
        ys[t] = np.dot(Why, hs[t]) + by
        ps[t] = np.exp(ys[t]) / np.sum(np.exp(ys[t]))
        loss += -np.log(ps[t][targets[t], 0])
    return loss
