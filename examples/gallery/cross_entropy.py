"""Cross-entropy of logits: the softmax written out, the loss the mean over the batch"""

import numpy as np


def forward(logits, y):
    # shapes: logits (n, C) · y int (n,)
    n = logits.shape[0]
    shifted = logits - logits.max(axis=1, keepdims=True)
    counts = np.exp(shifted)
    probs = counts / counts.sum(axis=1, keepdims=True)
    loss = -np.log(probs[np.arange(n), y]).mean()
    return loss
