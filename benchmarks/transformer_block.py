"""A transformer block as people write it in NumPy: causal attention with heads, two layer norms, GELU, cross-entropy."""

import numpy as np


def layer_norm(x, gain, shift):
    mean = x.mean(axis=-1, keepdims=True)
    centred = x - mean
    var = (centred ** 2).mean(axis=-1, keepdims=True)
    return centred / np.sqrt(var + 1e-5) * gain + shift


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3)))


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def forward(tokens, targets, wte, wpe, g1, s1, Wq, Wk, Wv, Wo, g2, s2, W1, b1, W2, b2, g3, s3):
    # shapes: tokens int (B, T) · targets int (B, T) · wte (V, D) · wpe (T, D) · g1, s1, g2, s2, g3, s3 (D,)
    # shapes: Wq, Wk, Wv (D, H, E) · Wo (H, E, D) · W1 (D, F) · b1 (F,) · W2 (F, D) · b2 (D,)
    B, T = tokens.shape
    E = Wq.shape[2]
    # embeddings
    tok = wte[tokens]
    x0 = tok + wpe
    # attention
    n1 = layer_norm(x0, g1, s1)
    q = np.einsum("btd,dhe->bhte", n1, Wq)
    k = np.einsum("btd,dhe->bhte", n1, Wk)
    v = np.einsum("btd,dhe->bhte", n1, Wv)
    scale = 1 / np.sqrt(E)
    scores = np.einsum("bhte,bhse->bhts", q, k) * scale
    keep = np.tril(np.ones((T, T))) == 1
    masked = np.where(keep, scores, -np.inf)
    top = masked.max(axis=-1, keepdims=True)
    weights = np.exp(masked - top)
    total = weights.sum(axis=-1, keepdims=True)
    att = weights / total
    heads = np.einsum("bhts,bhse->bthe", att, v)
    mixed = np.einsum("bthe,hed->btd", heads, Wo)
    x1 = x0 + mixed
    # feed-forward
    n2 = layer_norm(x1, g2, s2)
    up = n2 @ W1 + b1
    act = gelu(up)
    down = act @ W2 + b2
    x2 = x1 + down
    # next-token loss, weights tied to the embedding
    n3 = layer_norm(x2, g3, s3)
    logits = n3 @ wte.T
    flat = logits.reshape(B * T, -1)
    labels = targets.reshape(B * T)
    probs = softmax(flat)
    picked = probs[np.arange(B * T), labels]
    loss = -np.log(picked).mean()
    return loss
