# idioms: tuple unpacking; axis keyword; reshape; mean method; transpose; std
# sizes: N=3 C=2 H=2 W=4 | N=2 C=3 H=3 W=2 | N=4 C=1 H=2 W=3


# shapes: x (N, C, H, W) · gamma (C,) · beta (C,)
def spatial_batchnorm(x, gamma, beta):
    N, C, H, W = x.shape
    flat = x.transpose(0, 2, 3, 1).reshape(N * H * W, C)
    mu = flat.mean(axis=0)
    centred = flat - mu
    std = flat.std(axis=0)
    out = gamma * (centred / (std + 1e-3)) + beta
    out = out.reshape(N, H, W, C).transpose(0, 3, 1, 2)
    cache = (centred, std, gamma)
    return out, cache
