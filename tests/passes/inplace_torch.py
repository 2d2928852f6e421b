# idioms: comparison mask; shape sizes; slices; zeros; sum method; indexed store; power; label pick; -= index;
#    positional axis; copy / clone; ones; += index; masked store; in-place method
# sizes: n=4 d=3 | n=2 d=5 | n=6 d=2
import torch


# shapes: x (n, d) · y int (n,)
def forward(x, y):
    h = x.clone()
    h[h < -0.5] = -0.5
    h[:, 0] += 2 * x[:, 1]
    h[torch.arange(x.shape[0]), y] -= 1
    acc = torch.zeros(x.shape[0], x.shape[1] + 1)
    acc[:, 1:] = h**2
    acc[0, :] += torch.ones(x.shape[1] + 1) * h[0, 0]
    h = h.clone()
    h.mul_(3)
    return acc.sum(0) + h.sum()
