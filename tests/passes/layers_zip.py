# idioms: comparison mask; tuple unpacking; conditional expression; for over iterable; np.maximum; @; list append;
#    zip / enumerate; lists of arrays
# sizes: n=3 d=4 h=5 c=2 | n=2 d=3 h=4 c=3 | n=6 d=2 h=3 c=4
import numpy as np


# shapes: x (n, d) · Ws0 (d, h) · Ws1 (h, h) · Ws2 (h, c) · bs0 (h,) · bs1 (h,) · bs2 (c,)
def forward(x, Ws, bs):
    W0, W1, W2 = Ws[0], Ws[1], Ws[2]
    acts = [x]
    for k, (W, b) in enumerate(zip([W0, W1, W2], [bs[0], bs[1], bs[2]])):  # noqa: B905
        z = acts[-1] @ W + b
        a = z if k == 2 else np.maximum(z, 0.1 * z)
        acts.append(a)
    return acts[-1]
