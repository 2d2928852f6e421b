# idioms: comparison mask; tuple unpacking; integer sizes; reciprocal; .view; dim keyword; @; ones; F.softmax;
#    .contiguous(); masked_fill; transpose; x.size(); split / chunk; tril / triu
# sizes: B=2 T=3 k=2 | B=1 T=4 k=3 | B=3 T=2 k=1
import math

import torch
import torch.nn.functional as F


# shapes: x (B, T, 2*k) · Wqkv (2*k, 6*k) · Wo (2*k, 2*k)
def forward(x, Wqkv, Wo, n_head=2):
    B, T, C = x.size()
    q, k, v = (x @ Wqkv).split(C, dim=2)
    q = q.view(B, T, n_head, C // n_head).transpose(1, 2)
    k = k.view(B, T, n_head, C // n_head).transpose(1, 2)
    v = v.view(B, T, n_head, C // n_head).transpose(1, 2)
    att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
    mask = torch.tril(torch.ones(T, T)).view(1, 1, T, T)
    att = att.masked_fill(mask == 0, float("-inf"))
    att = F.softmax(att, dim=-1)
    y = att @ v
    y = y.transpose(1, 2).contiguous().view(B, T, C)
    return y @ Wo
