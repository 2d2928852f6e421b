# idioms: comparison mask; slices; axis keyword; sum method; new axis; astype / .float(); indexed store; mean
#    method; label pick; np.maximum; @; len
# sizes: n=3 d=4 c=5 | n=5 d=2 c=3 | n=2 d=3 c=4
import numpy as np


# shapes: X (n, d) · W (d, c) · y int (n,)
def svm_loss(X, W, y):
    """The multiclass hinge loss, margin one."""
    N = len(X)
    scores = X @ W
    correct = scores[np.arange(N), y]
    margins = np.maximum(0, scores - correct[:, np.newaxis] + 1.0)
    margins[np.arange(N), y] = 0
    active = (margins > 0).astype(float)
    loss = (active * margins).sum(axis=1).mean()
    return loss
