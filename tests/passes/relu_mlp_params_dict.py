# idioms: tuple unpacking; unary minus; dot; dict read; power; np.maximum; dict store; np.mean
# sizes: n=3 d=4 h=5 c=2 | n=2 d=3 h=4 c=3 | n=6 d=2 h=3 c=4
import numpy as np


# shapes: x (n, d) · t (n, c) · W1 (d, h) · b1 (h,) · W2 (h, c) · b2 (c,)
def forward(x, t, params):
    W1, b1 = params["W1"], params["b1"]
    cache = {}
    cache["a1"] = x.dot(W1) + b1
    cache["h1"] = np.maximum(0, cache["a1"])
    scores = cache["h1"].dot(params["W2"]) + params["b2"]
    residual = -t + scores
    loss = 0.5 * np.mean(residual**2)
    return loss
