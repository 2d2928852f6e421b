# idioms: tuple unpacking; dim keyword; mean method; @; positional axis; keepdim (torch); torch.sqrt; .tanh();
#    rsqrt; split / chunk
# sizes: B=2 T=3 d=4 h=2 | B=1 T=2 d=3 h=3 | B=3 T=1 d=2 h=4
import torch
import torch.nn.functional as F


# shapes: x (B, T, d) · g (d,) · W (d, 2*h) · V (h, d)
def block(x, g, W, V):
    n = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * g
    a, b = (n @ W).chunk(2, dim=-1)
    y = (F.silu(a) * b) @ V
    return x + y.tanh() + torch.sqrt(x * x + 1.0)
