# idioms: tuple unpacking; axis keyword; integer sizes; reshape; keepdims (numpy); np.sqrt; np.mean; tuple of axes;
#    np.var
# sizes: n=2 k=2 h=2 w=4 | n=3 k=3 h=2 w=2 | n=2 k=2 h=3 w=5
import numpy as np


# shapes: x (n, 2*k, h, w) · gamma (1, 2*k, 1, 1) · beta (1, 2*k, 1, 1)
def groupnorm(x, gamma, beta, G=2, eps=1e-5):
    N, C, H, W = x.shape
    x_group = np.reshape(x, (N, G, C // G, H, W))
    mean = np.mean(x_group, axis=(2, 3, 4), keepdims=True)
    var = np.var(x_group, axis=(2, 3, 4), keepdims=True)
    x_norm = (x_group - mean) / np.sqrt(var + eps)
    x_norm = np.reshape(x_norm, (N, C, H, W))
    out = x_norm * gamma + beta
    return out
