# idioms: tuple unpacking; shape sizes; slices; for range; zeros; dim keyword; @; torch.tanh; torch.sigmoid; list
#    append; torch.cat; stack; split / chunk
# sizes: B=2 D=3 H=4 | B=3 D=2 H=2 | B=1 D=4 H=3
import torch


# shapes: x (B, 3, D) · W (D + H, 4*H) · b (4*H,)
def forward(x, W, b):
    B, T, D = x.shape
    H = W.shape[1] // 4
    h = torch.zeros(B, H)
    c = torch.zeros(B, H)
    states = []
    for t in range(T):
        a = torch.cat([x[:, t], h], dim=1) @ W + b
        i, f, o, g = a.chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        states.append(h)
    return torch.stack(states, dim=1), c
