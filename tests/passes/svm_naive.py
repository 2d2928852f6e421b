# idioms: comparison mask; if statement; tuple unpacking; shape sizes; np.sum; for range; += name; dot; /= name;
#    branch on data in a loop
# sizes: n=3 d=4 c=2 | n=2 d=3 c=4 | n=5 d=2 c=3
import numpy as np


# shapes: W (d, c) · X (n, d) · y int (n,) · reg ()
def forward(W, X, y, reg):
    num_train, num_classes = X.shape[0], W.shape[1]
    loss = 0.0
    for i in range(num_train):
        scores = X[i].dot(W)
        correct = scores[y[i]]
        for j in range(num_classes):
            if j == y[i]:
                continue
            margin = scores[j] - correct + 1
            if margin > 0:
                loss += margin
    loss /= num_train
    loss += reg * np.sum(W * W)
    return loss
