# idioms: sum method; torch.sum; dim keyword; power; mean method; .log(); F.softmax; .exp(); .softmax();
#    log_softmax
# sizes: n=3 c=4 | n=5 c=2 | n=2 c=5
import torch
import torch.nn.functional as F


# shapes: student (n, c) · teacher (n, c)
def distill(student, teacher, T=2.0):
    target = (teacher / T).softmax(dim=-1)
    logq = torch.log_softmax(student / T, dim=-1)
    check = F.softmax(student, dim=1).log().exp()
    kl = torch.sum(target * (target.log() - logq), dim=-1).mean() * T**2
    return kl + 0.1 * check.pow(2).sum()
