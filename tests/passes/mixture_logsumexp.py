# idioms: shape sizes; slices; np.sum; unary minus; axis keyword; sum method; np.exp; new axis; np.log; power; mean
#    method; keepdims (numpy); negative power; max method; squeeze
# sizes: n=4 k=3 d=2 | n=2 k=2 d=5 | n=5 k=4 d=3
import numpy as np


# shapes: x (n, d) · mu (k, d) · logvar (k, d) · logits (k,)
def mixture_nll(x, mu, logvar, logits):
    logw = logits - np.log(np.sum(np.exp(logits)))
    prec = np.exp(logvar) ** -1
    quad = np.sum((x[:, None] - mu) ** 2 * prec + logvar, axis=-1)
    a = logw - 0.5 * quad - 0.5 * x.shape[1] * np.log(2 * np.pi)
    top = a.max(axis=1, keepdims=True)
    lse = np.log(np.exp(a - top).sum(axis=1, keepdims=True)) + top
    return -np.squeeze(lse, axis=1).mean()
