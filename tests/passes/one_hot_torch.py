# idioms: comparison mask; shape sizes; unary minus; sum method; astype / .float(); .view; dim keyword; .view(n,
#    -1); positional axis; one-hot; gather; torch.max; argmax; log_softmax
# sizes: n=4 c=3 | n=2 c=5 | n=6 c=2
import torch
import torch.nn.functional as F


# shapes: z (n, c) · y int (n,)
def forward(z, y):
    hot = F.one_hot(y, z.shape[1]).float()
    logp = F.log_softmax(z, dim=1)
    pred = torch.argmax(z, dim=1)
    right = (pred == y).float()
    best = z.gather(1, pred.view(-1, 1)).view(-1)
    top = torch.max(z, dim=1).values
    return -(hot * logp).sum(1) * (1 - 0.5 * right) + 0.1 * best * top
