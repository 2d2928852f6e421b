# idioms: state on self; squeeze; relu; nn.Module
# sizes: n=3 d=4 r=2 | n=2 d=3 r=1 | n=4 d=2 r=3
import torch.nn as nn
import torch.nn.functional as F


class Lora(nn.Module):
    def __init__(self, d, r, alpha=2.0):
        super().__init__()
        self.base = nn.Linear(d, d)
        self.down = nn.Linear(d, r, bias=False)
        self.up = nn.Linear(r, d, bias=False)
        self.scale = 0.5

    def forward(self, x):
        return self.base(x) + self.scale * self.up(self.down(x))


class Net(nn.Module):
    def __init__(self, d, r):
        super().__init__()
        self.first = Lora(d, r)
        self.net = nn.Sequential(nn.Linear(d, d), nn.Tanh(), nn.Linear(d, 1))

    # shapes: x (n, d)
    def forward(self, x):
        h = F.relu(self.first(x)) + x
        return self.net(h).squeeze(-1)
