# idioms: shape sizes; np.sum; axis keyword; dot; np.exp; /= name; label pick; keepdims (numpy); -= index; copy /
#    clone; *= and -=
# sizes: n=3 c=4 d=2 | n=5 c=2 d=3 | n=2 c=5 d=4
import numpy as np


# shapes: scores (n, c) · y int (n,) · W (c, d)
def forward(scores, y, W):
    num = scores.shape[0]
    probs = np.exp(scores)
    probs /= np.sum(probs, axis=1, keepdims=True)
    dscores = probs  # the same array under another name
    dscores[range(num), y] -= 1
    dscores /= num
    kept = probs.copy()
    kept *= 2
    back = probs.dot(W)
    return back, kept
