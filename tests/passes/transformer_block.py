# idioms: if statement; tuple unpacking; integer sizes; .view; dim keyword; reshape; mean method; @; .view(n, -1);
#    positional axis; keepdim (torch); ones; list comprehension; F.softmax; var method; ddof / unbiased;
#    .contiguous(); masked_fill; transpose; rsqrt; permute; tril / triu; np.matmul; helper function
# sizes: B=2 T=3 k=2 | B=1 T=4 k=1 | B=3 T=2 k=3
import math

import torch
import torch.nn.functional as F


def norm(x, g, b):
    mu = x.mean(-1, keepdim=True)
    var = x.var(-1, keepdim=True, unbiased=False)
    return (x - mu) * torch.rsqrt(var + 1e-5) * g + b


# shapes: x (B, T, 2*k) · g1 (2*k,) · b1 (2*k,) · Wq (2*k, 2*k) · Wk (2*k, 2*k) · Wv (2*k, 2*k) · Wo (2*k, 2*k)
# shapes: g2 (2*k,) · b2 (2*k,) · Wu (2*k, 8*k) · bu (8*k,) · Wd (8*k, 2*k) · bd (2*k,)
def block(x, g1, b1, Wq, Wk, Wv, Wo, g2, b2, Wu, bu, Wd, bd, heads=2, mask=None):
    B, T, C = x.shape
    h = norm(x, g1, b1)
    q, k, v = [(h @ W).reshape(B, T, heads, C // heads).permute(0, 2, 1, 3) for W in (Wq, Wk, Wv)]
    scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(C // heads)
    if mask is None:
        mask = torch.triu(torch.ones(T, T), diagonal=1).bool()
    scores = scores.masked_fill(mask, float("-inf"))
    att = F.softmax(scores, dim=-1)
    mixed = torch.matmul(att, v).permute(0, 2, 1, 3).contiguous().view(B, T, -1)
    x = x + mixed @ Wo
    up = F.gelu(norm(x, g2, b2) @ Wu + bu)
    x = x + up @ Wd + bd
    return x
