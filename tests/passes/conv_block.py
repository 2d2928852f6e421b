# idioms: state on self; torch.tanh; einsum; nn.Module; convolution; pooling
# sizes: B=2 L=6 k=2 | B=1 L=8 k=3 | B=3 L=4 k=4
import torch
import torch.nn as nn
import torch.nn.functional as F


class Block(nn.Module):
    def __init__(self, k):
        super().__init__()
        self.depthwise = nn.Conv1d(4, 4, 3, padding=1, groups=4, bias=False)
        self.pointwise = nn.Conv1d(4, 6, 1)
        self.mix = torch.randn(k, 6)

    def forward(self, x):
        # shapes: x (B, 4, L)
        h = torch.tanh(self.pointwise(self.depthwise(x)))
        h = F.avg_pool1d(h, 2)
        return torch.einsum("...cl,kc->...kl", h, self.mix)
