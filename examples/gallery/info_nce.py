"""InfoNCE: every anchor against its own positive and all the others"""

import numpy as np


def forward(A, B, tau):
    # shapes: A (n, d) · B (n, d) · tau ()
    U = A / np.sqrt((A ** 2).sum(axis=1, keepdims=True))
    W = B / np.sqrt((B ** 2).sum(axis=1, keepdims=True))
    logits = U @ W.T / tau
    counts = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs = counts / counts.sum(axis=1, keepdims=True)
    loss = -np.log(np.diag(probs)).mean()
    return loss
