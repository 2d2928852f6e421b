# idioms: shape sizes; np.sum; unary minus; for range; += name; dot; np.exp; np.log; /= name; np.max; *= and -=
# sizes: n=3 d=4 c=2 | n=5 d=2 c=3 | n=2 d=3 c=4
import numpy as np


# shapes: X (n, d) · W (d, c) · y int (n,)
def softmax_loss_naive(X, W, y, reg=0.05):
    loss = 0.0
    num_train = X.shape[0]
    for i in range(num_train):
        scores = X[i].dot(W)
        scores -= np.max(scores)
        p = np.exp(scores) / np.sum(np.exp(scores))
        loss += -np.log(p[y[i]])
    loss /= num_train
    loss += reg * np.sum(W * W)
    return loss
