# idioms: tuple unpacking; .view; power; mean method; unsqueeze; squeeze; transpose; x.size(); torch.bmm / mm
# sizes: b=2 c=3 h=2 w=4 | b=1 c=2 h=3 w=2 | b=3 c=4 h=2 w=2
import torch


# shapes: x (b, c, h, w) · target (b, c, c)
def style_loss(x, target):
    b, c, h, w = x.size()
    f = x.view(b, c, h * w)
    G = torch.bmm(f, f.transpose(1, 2)) / (c * h * w)
    diff = (G.unsqueeze(0) - target.unsqueeze(0)).squeeze(0)
    return (diff**2).mean()
