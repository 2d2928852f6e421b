# idioms: tuple unpacking; slices; sum method; new axis; .view; dim keyword; ones; expand / repeat / tile;
#    .contiguous(); unsqueeze; .t(); squeeze
# sizes: n=3 d=2 | n=2 d=4 | n=5 d=3
import torch


# shapes: x (n, d) · b (d,)
def forward(x, b):
    n, d = x.shape
    wide = b.unsqueeze(0).expand(n, d)
    cube = x.unsqueeze(1).repeat(1, 3, 1) * wide[:, None, :]
    flat = cube.contiguous().view(n * 3, d)
    return (flat * torch.ones(d)).t().contiguous().sum(dim=1)
