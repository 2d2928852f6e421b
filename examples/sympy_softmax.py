"""Softmax, cross-entropy and the affine map in plain SymPy, with symbolic sizes: python examples/sympy_softmax.py"""

from sympy import Eq, IndexedBase, Sum, diff, exp, latex, symbols

from derive.symbolic import affine, cross_entropy, gradient, jacobian, log_softmax, softmax

n, C, D = symbols("n C D", integer=True, positive=True)
a, b, i, j, k = symbols("a b i j k", integer=True)
x, y, s, H, W, B, dZ = (IndexedBase(name) for name in ("x", "y", "s", "H", "W", "B", "dZ"))


def show(title, e):
    print(f"{title}\n    {e}\n    {latex(e)}\n")


p = softmax(x[i], (i, C))
named = {s[i]: p}
show("p, the softmax of x", p)
show("dp[i]/dx[k], with s = p", jacobian(p, x[k], where=named))
show("d log p[i]/dx[k]", jacobian(log_softmax(x[i], (i, C)), x[k], where=named))

loss = cross_entropy(p, y[i], (i, C))
one = Eq(Sum(y[j], (j, 0, C - 1)), 1)
show("L, the cross-entropy of p and y", loss)
show("dL/dx[k], when the y add up to 1", gradient(loss, x[k], where=named, facts=[one]))
show("dL/dx[k], for any y", gradient(loss, x[k], where=named))

Z = affine(H[i, k], W[k, j], B[j], (k, D))
along = Sum(dZ[i, j] * Z, (i, 0, n - 1), (j, 0, C - 1))
show("Z = H W + B", Z)
show("dW = H' dZ", gradient(along, W[a, b]))
show("dB = sum of dZ over the rows", gradient(along, B[b]))

rows = softmax(x[i, j], (j, C))
mean = cross_entropy(rows, y[i, j], (j, C), (i, n)) / n
one = Eq(Sum(y[i, j], (j, 0, C - 1)), 1)
show("the mean over a batch, by x[a, b]", gradient(mean, x[a, b], where={s[i, j]: rows}, facts=[one]))

caught = exp(x[i]) / Sum(exp(x[j]), (j, 0, C - 1))
show("dp[i]/dx[j] by SymPy alone, j being the letter of the sum: wrong", diff(caught, x[j]))
show("dp[i]/dx[j] here", jacobian(caught, x[j], where={s[i]: caught}))
