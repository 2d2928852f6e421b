# idioms: tuple unpacking; sum method; for over iterable; dim keyword; positional axis; torch.sigmoid; list append;
#    zip / enumerate; stack
# sizes: T=3 B=2 d=2 | T=1 B=2 d=3 | T=4 B=1 d=2
import torch


# shapes: a (T, B, d) · x (T, B, d) · h0 (B, d) · C (T, d)
def scan(a, x, h0, C):
    h, ys = h0, []
    for a_t, x_t, c_t in zip(torch.sigmoid(a), x, C):
        h = a_t * h + (1 - a_t) * x_t
        ys.append((h * c_t).sum(-1))
    y = torch.stack(ys, dim=1)
    return torch.nn.functional.softplus(y).sum(), h
