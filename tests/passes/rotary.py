# idioms: tuple unpacking; shape sizes; slices; unary minus; dim keyword; @; unsqueeze; torch.cat; squeeze;
#    ellipsis; transpose; helper function
# sizes: B=2 T=3 h=2 | B=1 T=4 h=3 | B=3 T=2 h=1
import torch


def rotate_half(x):
    half = x.shape[-1] // 2
    x1 = x[..., :half]
    x2 = x[..., half:]
    return torch.cat((-x2, x1), dim=-1)


# shapes: q (B, T, 2*h) · k (B, T, 2*h) · angle (T, h)
def forward(q, k, angle):
    freqs = torch.cat([angle, angle], dim=-1).unsqueeze(0)
    cos, sin = freqs.cos(), freqs.sin()
    q2 = q * cos + rotate_half(q) * sin
    k2 = k * cos + rotate_half(k) * sin
    return q2 @ k2.transpose(1, 2)
