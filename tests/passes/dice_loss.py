# idioms: shape sizes; sum method; astype / .float(); .view; .view(n, -1); positional axis; torch.sigmoid
# sizes: N=2 h=3 w=4 | N=3 h=2 w=2 | N=1 h=4 w=3
import torch


# shapes: logits (N, 1, h, w) · mask bool (N, 1, h, w)
def dice(logits, mask):
    n = logits.shape[0]
    p = torch.sigmoid(logits).view(n, -1)
    t = mask.view(n, -1).float()
    inter = (p * t).sum(1)
    union = p.sum(1) + t.sum(1)
    score = (2.0 * inter + 1.0) / (union + 1.0)
    return 1 - score.sum() / n
