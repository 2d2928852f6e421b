# idioms: if statement; sum method; astype / .float(); dim keyword; @; keepdim (torch); F.softmax; clip / clamp;
#    unsqueeze; masked_fill; torch.cat; squeeze
# sizes: B=2 T=3 d=4 | B=3 T=2 d=2 | B=1 T=4 d=3
import torch
import torch.nn.functional as F


# shapes: x (B, T, d) · keep bool (B, T) · w (d,)
def pool(x, keep, w, mode="attention"):
    scores = x @ w
    if mode == "attention":
        scores = scores.masked_fill(~keep, -1e9)
        a = F.softmax(scores, dim=1)
    else:
        a = keep.float()
    pooled = (x * a.unsqueeze(-1)).sum(dim=1)
    count = keep.float().sum(dim=1, keepdim=True).clamp(min=1)
    mean = (x * keep.unsqueeze(-1).float()).sum(dim=1) / count
    return torch.cat([pooled, mean], dim=-1)
