# idioms: comparison mask; tuple unpacking; shape sizes; np.sum; unary minus; for range; dot; .T; np.exp;
#    reciprocal; np.log; /= name; keepdims (numpy); one-hot; np.max; *= and -=; training loop; boolean mask
#    read
# sizes: n=5 d=3 h=4 | n=4 d=2 h=3 | n=6 d=4 h=2
import numpy as np

X = np.random.randn(150, 4)
y = np.random.randint(0, 3, 150)
Y = np.eye(3)[y]
W0, W1 = np.random.randn(4, 8), np.random.randn(8, 3)
for _ in range(1000):
    pre = X.dot(W0)
    hidden = 1 / (1 + np.exp(-pre))
    scores = hidden.dot(W1)
    probs = np.exp(scores - np.max(scores, 1, keepdims=True))
    probs /= np.sum(probs, 1, keepdims=True)
    loss = -np.sum(np.log(probs[Y == 1])) / X.shape[0]
    dscores = (probs - Y) / X.shape[0]
    dpre = dscores.dot(W1.T) * hidden * (1 - hidden)
    W1 -= 0.5 * hidden.T.dot(dscores)
    W0 -= 0.5 * X.T.dot(dpre)
print(loss)
