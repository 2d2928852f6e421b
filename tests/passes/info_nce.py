# idioms: shape sizes; dim keyword; /= name; @; keepdim (torch); F.cross_entropy; .norm(); .t()
# sizes: n=3 d=4 | n=4 d=2 | n=2 d=5
import torch
import torch.nn.functional as F


# shapes: a (n, d) · b (n, d) · scale ()
def forward(a, b, scale):
    a = a / a.norm(dim=1, keepdim=True)
    b = b / b.norm(p=2, dim=-1, keepdim=True)
    logits = scale * (a @ b.t())
    labels = torch.arange(a.shape[0])
    loss = F.cross_entropy(logits, labels) + F.cross_entropy(logits.t(), labels)
    loss /= 2
    return loss
