"""A classifier with three hidden layers and a softmax written out"""

import torch


def forward(X, W1, B1, W2, B2, W3, B3, W4, B4, sample_out):
    # shapes: X (m, d) · W1 (d, n1) · B1 (1, n1) · W2 (n1, n2) · B2 (1, n2) · W3 (n2, n3) · B3 (1, n3)
    # shapes: W4 (n3, C) · B4 (1, C) · sample_out int (m,)
    batch_size = X.shape[0]
    Hidden1 = torch.tanh(X @ W1 + B1)
    Hidden2 = torch.tanh(Hidden1 @ W2 + B2)
    Hidden3 = torch.tanh(Hidden2 @ W3 + B3)
    Logits = Hidden3 @ W4 + B4
    Exp4 = torch.exp(Logits)
    Sum4 = torch.sum(Exp4, dim=1).view(-1, 1)
    SumInverse4 = 1 / Sum4
    Probs = Exp4 * SumInverse4
    LogProbs = Probs.log()
    Loss = -LogProbs[range(batch_size), sample_out].mean()
    return Loss
