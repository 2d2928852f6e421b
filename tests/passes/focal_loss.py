# idioms: comparison mask; unary minus; sum method; dim keyword; power; mean method; where; clip / clamp;
#    torch.sigmoid; torch.log
# sizes: n=3 c=4 | n=5 c=2 | n=2 c=3
import torch


# shapes: x (n, c) · t bool (n, c)
def focal_loss(x, t, alpha=0.25):
    p = torch.sigmoid(x)
    p = torch.clamp(p, 1e-6, 1 - 1e-6)
    pt = torch.where(t, p, 1 - p)
    weight = torch.where(t > 0, alpha, 1 - alpha)
    loss = -weight * (1 - pt) ** 2 * torch.log(pt)
    return loss.sum(dim=1).mean()
