# idioms: if statement; tuple unpacking; axis keyword; conditional expression; power; np.sqrt; dict store; np.mean
# sizes: n=4 d=3 | n=3 d=5 | n=6 d=2
import numpy as np


# shapes: x (n, d) · gamma (d,) · beta (d,)
def batchnorm_forward(x, gamma, beta, mode="train", eps=1e-5, momentum=None):
    N, D = x.shape
    m = 0.9 if momentum is None else momentum
    state = {}
    if mode == "train":
        mu = np.mean(x, axis=0)
        var = np.mean((x - mu) ** 2, axis=0)
        state["mean"] = (1 - m) * mu
        x_hat = (x - mu) / np.sqrt(var + eps)
        out = gamma * x_hat + beta
    elif mode == "test":
        out = gamma * x + beta
    else:
        raise ValueError(mode)
    cache = (x_hat, var, gamma)
    return out, cache
