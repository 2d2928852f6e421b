# idioms: unary minus; axis keyword; sum method; np.exp; np.log; mean method; keepdims (numpy); max method; flatten
#    / ravel; np.expand_dims; take_along_axis
# sizes: n=3 c=4 | n=5 c=2 | n=2 c=5
import numpy as np


# shapes: z (n, c) · y int (n,)
def forward(z, y):
    shifted = z - z.max(axis=-1, keepdims=True)
    logp = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    picked = np.take_along_axis(logp, np.expand_dims(y, axis=-1), axis=-1)
    return -np.ravel(picked).mean() + picked.flatten()[0]
