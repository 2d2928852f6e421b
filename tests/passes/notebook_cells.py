# idioms: shape sizes; unary minus; sum method; .view; dim keyword; mean method; label pick; @; .view(n, -1);
#    positional axis; keepdim (torch); ones; torch.tanh; .log(); .exp(); negative power; ddof / unbiased; std;
#    notebook cells; embedding look-up
# sizes: n=6 V=5 c=2 d=3 | n=4 V=3 c=3 d=2 | n=7 V=4 c=2 d=5
# In [1]
import torch

n = 6
V = 5
g = torch.Generator().manual_seed(2147483647)
C = torch.randn((V, 2), generator=g)
W1 = torch.randn((4, 7), generator=g) * (5 / 3) / (4**0.5)
gain = torch.ones((1, 7)) * 0.9
W2 = torch.randn((7, V), generator=g) * 0.1
Xb = torch.randint(0, V, (n, 2))
Yb = torch.randint(0, V, (n,))
# In [2]
emb = C[Xb]
cat = emb.view(emb.shape[0], -1)
pre = cat @ W1
std = pre.std(0, keepdim=True, unbiased=True)
h = torch.tanh(gain * (pre - pre.mean(0, keepdim=True)) * std**-1)
logits = h @ W2
counts = logits.exp()
probs = counts / counts.sum(1, keepdim=True)
loss = -probs.log()[torch.arange(n), Yb].mean()
loss.backward()
print(loss.item())
