# idioms: F.cross_entropy
# sizes: n=3 d=2 c=4 | n=5 d=3 c=3 | n=2 d=4 c=5
import torch
import torch.nn.functional as F


# shapes: h (n, d) · W (c, d) · b (c,) · y int (n,)
def forward(h, W, b, y):
    logits = F.linear(h, W, b)
    loss = F.cross_entropy(logits, y, ignore_index=0, label_smoothing=0.1)
    return loss
