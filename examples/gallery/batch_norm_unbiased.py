"""Batch normalisation with the unbiased variance, one move a line"""



def forward(hprebn, bngain, bnbias):
    # shapes: hprebn (n, d) · bngain, bnbias (1, d)
    n = hprebn.shape[0]
    bnmeani = 1 / n * hprebn.sum(0, keepdims=True)
    bndiff = hprebn - bnmeani
    bndiff2 = bndiff ** 2
    bnvar = 1 / (n - 1) * bndiff2.sum(0, keepdims=True)
    bnvar_inv = (bnvar + 1e-5) ** -0.5
    bnraw = bndiff * bnvar_inv
    hpreact = bngain * bnraw + bnbias
    return hpreact
