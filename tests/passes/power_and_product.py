# idioms: axis keyword; reciprocal; np.mean; np.prod; lambda; min method; np.expand_dims
# sizes: n=3 d=2 | n=2 d=4 | n=4 d=3
import numpy as np


# shapes: x (n, d) · p () · w (n,)
# facts: x > 0; w > 0; p > 0
def forward(x, p, w):
    generalised = lambda v, q: np.mean(v**q, axis=1) ** (1 / q)  # noqa: E731
    m = generalised(x, p)
    geometric = np.prod(x, axis=1)
    low = x.min(axis=1)
    return np.expand_dims(m * geometric, 1) * w**p + low
