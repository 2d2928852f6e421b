# idioms: slices; sum method; power; ellipsis; abs
# sizes: c=2 h=3 w=4 | c=1 h=4 w=3 | c=3 h=2 w=5
import numpy as np


# shapes: img (c, h, w)
def total_variation(img):
    dy = img[:, 1:, :] - img[:, :-1, :]
    dx = img[..., 1:] - img[..., :-1]
    smooth = (dx[:, :-1] ** 2 + dy[:, :, :-1] ** 2 + 1e-3) ** 0.5
    return smooth.sum() + 0.1 * np.abs(img[..., 0]).sum()
