# idioms: slices; np.sum; unary minus; axis keyword; sum method; np.exp; cumsum; strided slice; negative step
# sizes: T=5 n=2 | T=3 n=4 | T=6 n=3
import numpy as np


# shapes: r (T, n) · logp (T, n)
def reinforce(r, logp):
    togo = np.cumsum(r[::-1], axis=0)[::-1]
    advantage = togo - togo[-1]
    return -np.sum(np.exp(logp) * advantage) + logp[::2].sum() * r[-1, 0]
