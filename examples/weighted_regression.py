"""Weighted least squares with a bias"""


def forward(X, w, b, y, q):
    # shapes: X (n, d) · w (d,) · b () · y (n,) · q (n,)
    # show: solve w, b
    pred = X @ w + b  # prediction
    r = y - pred  # residuals
    L = (q * r ** 2).sum()  # weighted error
    return L
