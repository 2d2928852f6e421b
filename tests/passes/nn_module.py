# idioms: tuple unpacking; .view; state on self; .view(n, -1); torch.tanh; F.cross_entropy; nn.Module
# sizes: n=4 vocab=5 block=2 emb=3 hidden=4 | n=2 vocab=3 block=3 emb=2 hidden=5 | n=6 vocab=4 block=1 emb=4 hidden=3
import torch
import torch.nn as nn
import torch.nn.functional as F


class CharModel(nn.Module):
    def __init__(self, vocab=5, block=2, emb=3, hidden=4):
        super().__init__()
        self.table = nn.Embedding(vocab, emb)
        self.fc = nn.Linear(block * emb, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.out = nn.Linear(hidden, vocab, bias=False)

    # shapes: x int (n, block) · y int (n,)
    def forward(self, x, y):
        n, t = x.shape
        e = self.table(x).view(n, -1)
        h = torch.tanh(self.norm(self.fc(e)))
        logits = self.out(h)
        return F.cross_entropy(logits, y)
