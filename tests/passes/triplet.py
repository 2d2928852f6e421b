# idioms: sum method; dim keyword; mean method; positional axis; .norm(); clip / clamp; torch.max; .sqrt()
# sizes: n=4 d=3 | n=2 d=5 | n=6 d=2
import torch


# shapes: anchor (n, d) · pos (n, d) · neg (n, d)
def triplet(anchor, pos, neg, margin=0.7):
    dp = (anchor - pos).norm(dim=1)
    dn = (anchor - neg).pow(2).sum(1).sqrt()
    hinge = (dp - dn + margin).clamp(min=0)
    hardest = torch.max(dp)
    return hinge.mean() + 0.1 * hardest
