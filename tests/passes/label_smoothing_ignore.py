# idioms: unary minus; F.cross_entropy; log_softmax
# sizes: n=6 d=2 c=4 | n=5 d=3 c=3 | n=7 d=4 c=5
import torch
import torch.nn.functional as F


# shapes: h (n, d) · W (c, d) · b (c,) · y int (n,) · w (c,)
# facts: w > 0
# constant: w (torch has no gradient at class weights)
def forward(h, W, b, y, w):
    logits = F.linear(h, W, b)
    smooth = F.cross_entropy(logits, y, ignore_index=1, label_smoothing=0.1)
    weighted = F.cross_entropy(logits, y, weight=w, label_smoothing=0.25)
    padded = F.cross_entropy(logits, y, ignore_index=-100, reduction="sum")
    plain = -F.nll_loss(torch.log_softmax(logits, 1), y, weight=w, ignore_index=2)
    return smooth + weighted + padded + plain
