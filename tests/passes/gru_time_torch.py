# idioms: for over iterable; dim keyword; mean method; @; torch.tanh; torch.sigmoid; list append; stack
# sizes: T=3 B=2 d=3 h=2 | T=2 B=3 d=2 h=3 | T=1 B=2 d=2 h=4
import torch


# shapes: x (T, B, d) · h0 (B, h) · Wz, Wr, Wn (d, h) · Uz, Ur, Un (h, h) · bn (h,) · w (h,)
def forward(x, h0, Wz, Wr, Wn, Uz, Ur, Un, bn, w):
    h = h0
    outputs = []
    for xt in x:
        z = torch.sigmoid(xt @ Wz + h @ Uz)
        r = torch.sigmoid(xt @ Wr + h @ Ur)
        n = torch.tanh(xt @ Wn + r * (h @ Un) + bn)
        h = (1 - z) * n + z * h
        outputs.append(h)
    out = torch.stack(outputs, dim=1)
    return (out @ w).pow(2).mean(), h
