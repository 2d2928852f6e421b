# idioms: shape sizes; for range; for over iterable; @; torch.tanh; F.cross_entropy; training loop; notebook cells
# sizes: n=5 d=3 c=4 k=3 t=4 | n=4 d=2 c=3 k=2 t=6 | n=3 d=4 c=2 k=5 t=3
import torch
import torch.nn.functional as F

X = torch.randn(200, 3)
Y = torch.randint(0, 27, (200,))
g = torch.Generator().manual_seed(1)
W1 = torch.randn((3, 100), generator=g)
b1 = torch.randn(100, generator=g)
W2 = torch.randn((100, 27), generator=g)
b2 = torch.randn(27, generator=g)
parameters = [W1, b1, W2, b2]
for p in parameters:
    p.requires_grad = True
for _ in range(10000):
    ix = torch.randint(0, X.shape[0], (32,))
    h = torch.tanh(X[ix] @ W1 + b1)
    logits = h @ W2 + b2
    loss = F.cross_entropy(logits, Y[ix])
    for p in parameters:
        p.grad = None
    loss.backward()
    for p in parameters:
        p.data += -0.1 * p.grad
