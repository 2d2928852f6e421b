# idioms: tuple unpacking; unary minus; torch.sum; dim keyword; torch.exp; mean method; keepdim (torch); gather;
#    torch.max; unsqueeze; torch.log; squeeze
# sizes: n=3 c=4 | n=5 c=3 | n=2 c=6
import torch


# shapes: logits (n, c) · target int (n,)
def forward(logits, target):
    top, _ = torch.max(logits, dim=1, keepdim=True)
    z = logits - top
    logp = z - torch.log(torch.sum(torch.exp(z), dim=1, keepdim=True))
    picked = logp.gather(1, target.unsqueeze(1)).squeeze(1)
    return -picked.mean()
