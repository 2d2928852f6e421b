"""Ridge regression"""


def forward(X, w, y, lam):
    # shapes: X (n, d) · w (d,) · y (n,) · lam ()
    # write: lam = \lambda
    # show: solve w; hessian w
    r = X @ w - y  # residuals
    fit = r @ r  # squared error
    L = fit + lam * (w ** 2).sum()  # penalised
    return L
