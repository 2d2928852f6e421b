# idioms: tuple unpacking; shape sizes; torch.sum; dim keyword; power; torch.exp; mean method; @; positional axis;
#    torch.tanh; .exp(); dict store; torch.sigmoid; split / chunk; dict of outputs
# sizes: n=3 d=4 z=2 | n=2 d=3 z=3 | n=5 d=2 z=1
import torch
import torch.nn.functional as F


# shapes: x (n, d) · eps (n, z) · We (d, 2*z) · Wd (z, d)
def forward(x, eps, We, Wd):
    z = eps.shape[1]
    mu, logvar = torch.split(torch.tanh(x @ We), z, dim=1)
    std = torch.exp(0.5 * logvar)
    code = mu + std * eps
    logits = code @ Wd
    recon = torch.sum(F.softplus(logits) - torch.sigmoid(x) * logits, dim=1)
    kl = -0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp(), dim=1)
    return {"elbo": (recon + kl).mean(), "code": code}
