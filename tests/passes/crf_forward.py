# idioms: tuple unpacking; slices; for range; dim keyword; mean method; gather; unsqueeze; squeeze; logsumexp
# sizes: n=2 K=3 | n=3 K=2 | n=1 K=4
import torch


# shapes: emit (n, 4, K) · trans (K, K) · tags int (n, 4)
def crf(emit, trans, tags):
    n, T, K = emit.shape
    alpha = emit[:, 0]
    score = emit[:, 0].gather(1, tags[:, 0].unsqueeze(1)).squeeze(1)
    for t in range(1, T):
        alpha = torch.logsumexp(alpha.unsqueeze(2) + trans, dim=1) + emit[:, t]
        score = score + trans[tags[:, t - 1], tags[:, t]] + emit[torch.arange(n), t, tags[:, t]]
    return (torch.logsumexp(alpha, dim=1) - score).mean()
