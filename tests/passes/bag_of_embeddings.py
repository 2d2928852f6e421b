# idioms: shape sizes; slices; for range; zeros; += name; .T; new axis; @; np.add.at; embedding look-up
# sizes: V=5 E=2 n=3 T=4 | V=4 E=3 n=5 T=2 | V=6 E=1 n=2 T=3
import numpy as np


# shapes: C (V, E) · X int (n, T) · w (n, T)
def forward(C, X, w):
    emb = C[X]
    mass = np.zeros(C.shape[0])
    np.add.at(mass, X, w)
    bag = np.zeros((X.shape[0], C.shape[1]))
    for t in range(X.shape[1]):
        bag += w[:, t][:, None] * emb[:, t, :]
    return bag @ C.T * mass
