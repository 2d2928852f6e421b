"""Matrix notation on the blackboard: an equation in indices on the left, what people write on the right.

Every form of a row has been read back from its LaTeX and its text and compared with the index form when it is made;
the planted errors further down show that this reading notices.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import derive
from derive import expr as x
from derive.index import Size
from derive.judges.data import slot_names
from derive.judges.printed import LATEX, TEXT, Misprint, Names, Printed, computed
from derive.matrices import algebra, tree
from derive.notation import parse_equation
from derive.program import Equation, Program, Variable
from derive.writers import matrix
from derive.writers.latex_math import latex
from derive.writers.letters import Spelling, spelling
from derive.writers.matrix import Matrices
from derive.writers.text_formula import text

ROOT = Path(__file__).parent.parent
SHAPES = {"Q": "n, C", "s": "C", "C": "V, E", "t": "n", "q": "n + 1"}  # where the slots do not tell

# fmt: off
ROWS = (
    # affine maps
    ("Z[i:n, j:C] = sum[k:d] X[i,k]*W[k,j] + b[j]", "Z = X W + 𝟏 bᵀ"),
    ("∂W[k:d, j:C] = sum[i:n] X[i,k]*∂Z[i,j]", "dW = Xᵀ dZ"),
    ("∂X[i:n, k:d] = sum[j:C] ∂Z[i,j]*W[k,j]", "dX = dZ Wᵀ"),
    ("∂b[j:C] = sum[i:n] ∂Z[i,j]", "db = dZᵀ 𝟏"),
    ("∂b[o:1, j:C] = sum[i:n] ∂Z[i,j]", "db = 𝟏ᵀ dZ"),
    ("∂w[k:d] = sum[i:n] X[i,k]*∂z[i]", "dw = Xᵀ dz"),
    ("∂w[k:d, o:1] = sum[i:n] X[i,k]*∂z[i, 0]", "dw = Xᵀ dz"),
    ("M[i:n, j:C] = sum[k:d] sum[l:e] A[i,k]*B[k,l]*C[l,j]", "M = A B C"),
    ("M[i:n, j:C] = sum[k:d] A[k,i]*B[j,k]", "M = Aᵀ Bᵀ"),
    ("M[i:n, j:C] = sum[k:d] A[i,k]*B[k,j]*D[k,k]", "M = A diag(diag(D)) B"),
    ("M[i:n, j:C] = A[i,j]*(sum[k:d] U[i,k]*V[k,j])", "M = A ⊙ (U V)"),
    ("M[i:n, j:C] = 2/3*a[]*x[i]*y[j]", "M = (2/3) a x yᵀ"),
    # activations
    ("H[i:n, j:C] = tanh(sum[k:d] X[i,k]*W[k,j] + b[j])", "H = tanh(X W + 𝟏 bᵀ)"),
    ("∂Z[i:n, j:C] = ∂H[i,j]*(1 - H[i,j]^2)", "dZ = dH ⊙ (1 − H ⊙ H)"),
    ("∂W[k:d, j:C] = sum[i:n] X[i,k]*∂H[i,j]*(1 - H[i,j]^2)", "dW = Xᵀ (dH ⊙ (1 − H ⊙ H))"),
    ("∂X[i:n, k:d] = sum[j:C] ∂H[i,j]*(1 - H[i,j]^2)*W[k,j]", "dX = (dH ⊙ (1 − H ⊙ H)) Wᵀ"),
    ("∂b[j:C] = sum[i:n] ∂H[i,j]*(1 - H[i,j]^2)", "db = (dH ⊙ (1 − H ⊙ H))ᵀ 𝟏"),
    ("∂Z[i:n, j:C] = ∂H[i,j]*[0 < Z[i,j]]", "dZ = dH ⊙ [Z > 0]"),
    ("∂Z[i:n, j:C] = ∂H[i,j]*H[i,j]*(1 - H[i,j])", "dZ = dH ⊙ H ⊙ (1 − H)"),
    ("H[i:n, j:C] = maximum(Z[i,j], 0)", "H = max(Z, 0)"),
    ("H[i:n, j:C] = {Z[i,j] if 0 < Z[i,j]; 1/10*Z[i,j]}", "H = [Z > 0] ⊙ Z + 0.1 [Z ≤ 0] ⊙ Z"),
    ("H[i:n, j:C] = abs(Z[i,j])", "H = |Z|"),
    ("e[i:n] = [0 < x[i]]*[z[i] != 1]", "e = [x > 0] ⊙ [z ≠ 1]"),
    # softmax and cross-entropy
    ("E[i:n, j:C] = exp(Z[i,j])", "E = exp(Z)"),
    ("s[i:n] = sum[j:C] E[i,j]", "s = E 𝟏"),
    ("s[i:n, o:1] = sum[j:C] E[i,j]", "s = E 𝟏"),
    ("r[i:n] = 1/s[i]", "r = 1 ⊘ s"),
    ("r[i:n] = -2/s[i]", "r = −2 ⊘ s"),
    ("∂s[i:n] = 1/s[i]/n", "ds = (1/n) 𝟏 ⊘ s"),
    ("∂A[i:n, j:C] = 1/n/A[i,j]", "dA = (1/n) (𝟏 𝟏ᵀ) ⊘ A"),
    ("P[i:n, j:C] = E[i,j]/s[i]", "P = diag(s)⁻¹ E"),
    ("P[i:n, j:C] = E[i,j]*r[i]", "P = diag(r) E"),
    ("P[i:n, j:C] = exp(Z[i,j])/(sum[k:C] exp(Z[i,k]))", "P = softmax(Z)"),
    ("P[i:n, j:C] = exp(Z[i,j])/(sum[k:n] exp(Z[k,j]))", "P = softmax(Zᵀ)ᵀ"),
    ("p[j:C] = exp(x[j])/(sum[k:C] exp(x[k]))", "p = softmax(x)"),
    ("l[i:n] = log(sum[j:C] exp(Z[i,j]))", "l = log(exp(Z) 𝟏)"),
    ("N[i:n, j:C] = Z[i,j] - max[k:C] Z[i,k]", "N = Z − rowmax(Z) 𝟏ᵀ"),
    ("∂Z[i:n, j:C] = S[i,j]*(G[i,j] - sum[k:C] S[i,k]*G[i,k])", "dZ = S ⊙ (G − (S ⊙ G) 𝟏 𝟏ᵀ)"),
    ("∂x[j:C] = s[j]*(g[j] - sum[k:C] s[k]*g[k])", "dx = s ⊙ (g − (sᵀ g) 𝟏)"),
    ("J[j:C, k:C] = s[j]*([j = k] - s[k])", "J = diag(s) (I − 𝟏 sᵀ)"),
    ("J[j:C, k:C] = [j = k]*s[j] - s[j]*s[k]", "J = diag(s) − s sᵀ"),
    ("∂Z[i:n, j:C] = 1/n*(P[i,j] - Y[i,j])", "dZ = (1/n) (P − Y)"),
    ("∂Z[i:n, j:C] = 1/n*(P[i,j] - [y[i] = j])", "dZ = (1/n) (P − onehot(y))"),
    ("∂x[j:C] = s[j]*(sum[k:C] y[k]) - y[j]", "dx = (𝟏ᵀ y) s − y"),
    ("∂P[i:n, j:C] = -1/n*Y[i,j]/P[i,j]", "dP = −(1/n) Y ⊘ P"),
    ("L[] = -1/n*sum[i:n] sum[j:C] Y[i,j]*log(P[i,j])", "L = −(1/n) tr(Yᵀ log(P))"),
    ("L[] = -1/n*sum[i:n] Q[i,y[i]]", "L = −(1/n) tr(onehot(y)ᵀ Q)"),
    ("p[] = s[y[]]", "p = onehot(y)ᵀ s"),
    ("e[i:n, l:E] = C[t[i],l]", "e = onehot(t) C"),
    ("∂C[j:V, l:E] = sum[i:n] ∂e[i,l]*[t[i] = j]", "dC = onehot(t)ᵀ de"),
    ("∂Z[i:n, j:C] = -a[i]*[argmax[k:C](Z[i,k]) = j]", "dZ = −diag(a) onehot(rowargmax(Z))"),
    # least squares, ridge, Hessians
    ("r[i:n] = sum[k:d] X[i,k]*w[k] - y[i]", "r = X w − y"),
    ("L[] = 1/n*sum[i:n] (sum[k:d] X[i,k]*w[k] - y[i])^2", "L = (1/n) ‖X w − y‖²"),
    ("∂w[k:d] = 2/n*sum[i:n] (sum[l:d] X[i,l]*w[l] - y[i])*X[i,k]", "dw = (2/n) Xᵀ (X w − y)"),
    ("∂w[k:d] = 2/n*(sum[i:n] (sum[l:d] X[i,l]*w[l] - y[i])*X[i,k]) + 2*λ[]*w[k]", "dw = (2/n) Xᵀ (X w − y) + 2 λ w"),
    ("∂v[] = -2*sum[i:n] (y[i] - u[] - v[]*z[i])*z[i]", "dv = −2 (y − u 𝟏 − v z)ᵀ z"),
    ("H[k:d, l:d] = sum[i:n] X[i,k]*X[i,l]", "H = Xᵀ X"),
    ("H[k:d, l:d] = sum[i:n] X[i,k]*a[i]*X[i,l]", "H = Xᵀ diag(a) X"),
    ("H[k:d, l:d] = sum[i:n] p[i]*(1 - p[i])*X[i,k]*X[i,l]", "H = Xᵀ diag(p ⊙ (1 − p)) X"),
    ("H[k:d, l:d] = 2/n*(sum[i:n] X[i,k]*X[i,l]) + 2*λ[]*[k = l]", "H = (2/n) Xᵀ X + 2 λ I"),
    ("g[k:d] = sum[i:n] (sigmoid(sum[l:d] X[i,l]*w[l]) - y[i])*X[i,k]", "g = Xᵀ (σ (X w) − y)"),
    ("w2[k:d] = w[k] - η[]*∂w[k]", "w2 = w − η dw"),
    ("U[k:d, j:C] = W[k,j] - η[]*∂W[k,j]/(v[k,j]^(1/2) + 1/100000000)", "U = W − η dW ⊘ (v^(⊙1/2) + 10⁻⁸)"),
    # forms, traces, norms
    ("f[] = sum[k:d] sum[l:e] x[k]*A[k,l]*y[l]", "f = xᵀ A y"),
    ("f[] = sum[k:d] sum[l:d] x[k]*A[k,l]*x[l]", "f = xᵀ A x"),
    ("g[k:d] = (sum[l:d] A[k,l]*x[l]) + sum[l:d] A[l,k]*x[l]", "g = A x + Aᵀ x"),
    ("∂A[k:d, l:e] = x[k]*y[l]", "dA = x yᵀ"),
    ("∂A[k:d, l:e] = g[]*x[k]*y[l]", "dA = g x yᵀ"),
    ("G[k:d, l:d] = 1/n*sum[i:n] X[i,k]*X[i,l]", "G = (1/n) Xᵀ X"),
    ("K[i:n, m:n] = (sum[k:d] X[i,k]*Y[m,k])^2", "K = (X Yᵀ)^(⊙2)"),
    ("D[i:n, m:n] = (sum[k:d] X[i,k]^2) - 2*(sum[k:d] X[i,k]*X[m,k]) + sum[k:d] X[m,k]^2",
     "D = (X ⊙ X) 𝟏 𝟏ᵀ − 2 X Xᵀ + 𝟏 𝟏ᵀ (X ⊙ X)ᵀ"),
    ("t[] = sum[k:d] A[k,k]", "t = tr(A)"),
    ("t[] = sum[k:d] sum[i:n] A[k,i]*B[i,k]", "t = tr(A B)"),
    ("t[] = sum[k:d] sum[i:n] sum[j:C] A[k,i]*B[i,j]*C[j,k]", "t = tr(A B C)"),
    ("t[] = sum[i:n] sum[j:C] sum[k:d] A[i,j]*B[j,k]*C[i,k]*v[i]", "t = tr(A B Cᵀ diag(v))"),
    ("v[k:d] = A[k,k]", "v = diag(A)"),
    ("t[] = sum[i:n] sum[j:C] A[i,j]", "t = 𝟏ᵀ A 𝟏"),
    ("t[] = sum[i:n] sum[j:C] u[i]*A[i,j]", "t = uᵀ A 𝟏"),
    ("t[] = sum[i:n] sum[j:C] A[i,j]^2", "t = ‖A‖²"),
    ("t[] = (sum[i:n] r[i]^2)^(1/2)", "t = ‖r‖"),
    ("t[] = 1/(sum[i:n] r[i]^2)^(1/2)", "t = 1/‖r‖"),
    ("t[] = sum[i:n] a[i]*r[i]", "t = aᵀ r"),
    ("t[] = sum[i:n] a[i]*r[i]*w[i]", "t = (a ⊙ r)ᵀ w"),
    ("t[] = 1/n*sum[i:n] a[i]", "t = (1/n) 𝟏ᵀ a"),
    ("t[] = n*z[] + sum[i:n] a[i]", "t = n z + 𝟏ᵀ a"),
    ("t[] = sum[i:n] z[]", "t = n z"),
    ("t[] = exp(-(sum[k:d] (x[k] - y[k])^2)/2)", "t = exp(−(1/2) ‖x − y‖²)"),
    ("t[i:n] = sum[j:C] A[i,j]*B[i,j]*C[i,j]", "t = (A ⊙ B ⊙ C) 𝟏"),
    ("t[i:n, l:d] = sum[j:C] A[i,j]*B[i,j]*C[l,j]", "t = (A ⊙ B) Cᵀ"),
    ("v[i:n] = x[i]^3", "v = x^(⊙3)"),
    ("t[] = sum[i:n] x[i]/x[i]", "t = 𝟏ᵀ (x ⊘ x)"),
    ("M[i:n, j:C] = 1/(u[i]*v[j])", "M = 1 ⊘ (u vᵀ)"),
    ("v[i:n] = sum[j:C] A[i,j]*u[i]*w[j]/u[i]^2", "v = (A w) ⊘ u"),
    ("v[i:n] = 1/x[i]^2", "v = 1 ⊘ (x ⊙ x)"),
    ("v[i:n] = a[i]/(b[i]*c[i])", "v = a ⊘ (b ⊙ c)"),
    # normalisation
    ("μ[j:C] = 1/n*sum[i:n] x[i,j]", "μ = (1/n) xᵀ 𝟏"),
    ("d[i:n, j:C] = x[i,j] - μ[j]", "d = x − 𝟏 μᵀ"),
    ("v[j:C] = 1/size(n - 1)*sum[i:n] (x[i,j] - μ[j])^2", "v = (1/(n − 1)) ((x − 𝟏 μᵀ)^(⊙2))ᵀ 𝟏"),
    ("z[i:n, j:C] = (x[i,j] - μ[j])*(v[j] + 1/100000)^(-1/2)", "z = (x − 𝟏 μᵀ) diag((v + 10⁻⁵)^(⊙−1/2))"),
    ("z[i:n, j:C] = (x[i,j] - μ[j])*(v[j] + ε[])^(-1/2)", "z = (x − 𝟏 μᵀ) diag((v + ε 𝟏)^(⊙−1/2))"),
    ("y[i:n, j:C] = γ[j]*z[i,j] + β[j]", "y = z diag(γ) + 𝟏 βᵀ"),
    ("y[i:n, j:C] = γ[0,j]*z[i,j] + β[0,j]", "y = z diag(γ) + 𝟏 β"),
    ("∂γ[j:C] = sum[i:n] ∂y[i,j]*z[i,j]", "dγ = (dy ⊙ z)ᵀ 𝟏"),
    ("∂x[i:n, j:C] = γ[j]*v[j]*(∂y[i,j] - 1/n*(sum[m:n] ∂y[m,j]) - 1/n*z[i,j]*sum[m:n] ∂y[m,j]*z[m,j])",
     "dx = (dy − (1/n) 𝟏 𝟏ᵀ dy − (1/n) z diag((dy ⊙ z)ᵀ 𝟏)) diag(γ ⊙ v)"),
    ("∂v[o:1, j:C] = -1/2*∂r[0,j]*(v[0,j] + 1/100000)^(-3/2)", "dv = −(1/2) dr ⊙ (v + 10⁻⁵)^(⊙−3/2)"),
    ("l[i:n] = (sum[j:d] A[i,j]^2)^(1/2)", "l = ((A ⊙ A) 𝟏)^(⊙1/2)"),
    ("U[i:n, j:d] = A[i,j]/l[i]", "U = diag(l)⁻¹ A"),
    ("C[i:n, m:q] = (sum[k:d] A[i,k]*B[m,k])/(u[i]*v[m])", "C = diag(u)⁻¹ A Bᵀ diag(v)⁻¹"),
    ("S[i:n, j:C] = u[i]*A[i,j]*v[j]", "S = diag(u) A diag(v)"),
    ("S[i:n, j:C] = u[i] + v[j]", "S = u 𝟏ᵀ + 𝟏 vᵀ"),
    ("S[i:n, j:C] = u[i]", "S = u 𝟏ᵀ"),
    # attention, stacks of matrices
    ("A[i:n, m:n] = k[]^(-1/2)*sum[e:d] Q[i,e]*K[m,e]", "A = k^(−1/2) Q Kᵀ"),
    ("A[i:n, m:n] = d^(-1/2)*sum[e:d] Q[i,e]*K[m,e]", "A = d^(−1/2) Q Kᵀ"),
    ("∂V[m:n, e:d] = sum[i:n] A[i,m]*∂O[i,e]", "dV = Aᵀ dO"),
    ("T[i:b, j:n, k:d] = sum[l:e] X[i,j,l]*W[l,k]", "T_i = X_i W"),
    ("A[i:b, j:n, m:n] = d^(-1/2)*sum[e:d] Q[i,j,e]*K[i,m,e]", "A_i = d^(−1/2) Q_i K_iᵀ"),
    ("A[i:b, t:h, j:n, m:n] = sum[e:d] Q[i,t,j,e]*K[i,t,m,e]", "A_it = Q_it K_itᵀ"),
    ("∂W[l:e, k:d] = sum[i:b] sum[j:n] X[i,j,l]*∂T[i,j,k]", "dW = Σ_i X_iᵀ dT_{i}"),
    ("∂b[k:d] = sum[i:b] sum[j:n] ∂T[i,j,k]", "db = Σ_i dT_{i}ᵀ 𝟏"),
    ("L[] = sum[i:b] sum[j:n] sum[k:d] T[i,j,k]^2", "L = Σ_i ‖T_i‖²"),
    ("T[i:n, j:C, k:d] = x[i]*y[j]*z[k]", "T_i = x_i y zᵀ"),
)

NO_FORM = (
    ("t[i:n] = sum[j:C] sum[k:d] A[i,j]*B[j,k]*C[i,k]*D[i,j]*E[k,j]*F[k,i]*v[i]", None),
    ("t[i:n] = sum[j:C] sum[k:d] sum[l:e] A[i,j]*B[i,k]*C[i,l]*D[j,k]*E[k,l]*F[j,l]", "more than two axes"),
    ("c[i:n] = q[i + 1]", "a part of"),
    ("c[i:n, j:C] = q[i]*A[i,j]", "a part of"),
    ("m[i:n] = prod[j:C] A[i,j]", "`prod` over an axis"),
    ("m[i:n, j:n] = [j <= i]*A[i,j]", "compares places"),
    ("m[i:n, j:C] = A[i,j]^b[i]", "exponent varies"),
    ("L[] = sum[i:n] {log(z[i]) if 0 < z[i]; 0}", "keeps out"),
    ("L[] = sum[i:n | 0 < z[i]] log(z[i])", "keeps out"),
    ("m[i:n] = {x[i]/z[i] if z[i] != 0; 1}", "cases stand inside"),
    ("f[i:n] = n*x[i]*n[i]", "two things are written n"),
    ("m[i:n] = at(i)*x[i]", "counts places"),
)
# fmt: on


def program(source: str) -> tuple[Program, Equation]:
    """The program of one equation, its arrays the inputs, their shapes from their slots."""
    from derive.notation import parse_size

    name, indices, e = parse_equation(source)
    labels = slot_names([e])
    shapes = {}
    for t in x.walk(e):
        if isinstance(t, x.Entry) and t.name != name:
            sizes = tuple(x.slot_size(s) or Size.of(1) for s in t.slots)
            told = SHAPES.get(t.name, "") if t.name == "q" or not all(map(x.slot_size, t.slots)) else ""
            shapes.setdefault(t.name, tuple(map(parse_size, told.split(","))) if told else sizes)
    inputs = tuple(Variable(n, s, "int" if n in labels else "real") for n, s in shapes.items())
    equation = Equation(name, indices, e)
    return Program(inputs, (equation,), (name,)), equation


def matrices(source: str) -> tuple[Matrices, Equation]:
    held, equation = program(source)
    return Matrices(held, Spelling(shapes={n: item.shape for n, item in held.by_name.items()})), equation


@pytest.mark.parametrize(("source", "printed"), ROWS, ids=lambda s: s)
def test_blackboard(source, printed):
    made, equation = matrices(source)
    form = made.form(equation.name, equation.indices, equation.rhs)
    assert form is not None, made.reasons
    assert text(form.node) == printed


@pytest.mark.parametrize(("source", "reason"), NO_FORM, ids=lambda s: str(s))
def test_no_matrix_form_has_a_reason(source, reason):
    made, equation = matrices(source)
    form = made.form(equation.name, equation.indices, equation.rhs)
    assert not made.differing
    assert form is not None if reason is None else form is None and reason in made.reasons[equation.name]


def test_a_name_that_is_taken_keeps_the_fraction():
    made, equation = matrices("f[i:n] = ∂x[i]*dx[i]*x[i]")
    assert text(made.form("f", equation.indices, equation.rhs).node) == "f = (∂L/∂x) ⊙ dx ⊙ x"


# ---------------------------------------------------------------- planted errors


def _read_back(source: str, spoil) -> bool:
    """Whether the reading notices what `spoil` does to the print, or spoils nothing."""
    made, equation = matrices(source)
    form = made.form(equation.name, equation.indices, equation.rhs)
    bench = matrix.Bench(made.program, equation.rhs)
    wanted = bench.value(equation.rhs, equation.indices)
    wanted = wanted.reshape(-1, 1) if wanted.ndim < 2 else wanted
    for write, signs in ((latex, LATEX), (text, TEXT)):
        for printed in spoil(write(form.right)):
            try:
                found = computed(printed, bench.names(form, write), wanted.shape, signs)
            except Misprint:
                continue
            if np.allclose(found, wanted, rtol=1e-6):
                return False
    return True


def _without_each(*marks: str):
    def spoil(printed: str):
        for mark in marks:
            for hit in re.finditer(re.escape(mark), printed):
                yield printed[: hit.start()] + printed[hit.end() :]

    return spoil


def _swapped(printed: str):
    """Two plain names side by side, exchanged."""
    name = r"(?:\\mathrm\{\w+\}|[A-Za-z])(?:\^\{\\top\}|ᵀ)?"
    for hit in re.finditer(rf"(?<![\w{{^\\])({name})(?:\\,| )({name})(?![\w}}])", printed):
        if hit[1] != hit[2]:
            yield f"{printed[: hit.start()]}{hit[2]} {hit[1]}{printed[hit.end() :]}"


STACKED = [row for row in ROWS if row[1].split(" ")[0].endswith(("_i", "_it")) or "Σ" in row[1]]
FLAT = [row for row in ROWS if row not in STACKED]


@pytest.mark.parametrize(("source", "printed"), [r for r in FLAT if "ᵀ" in r[1]], ids=lambda s: s)
def test_a_transpose_too_few_is_noticed(source, printed):
    assert _read_back(source, _without_each("^{\\top}", "ᵀ"))


@pytest.mark.parametrize(("source", "printed"), [r for r in FLAT if "λ w" not in r[1]], ids=lambda s: s)
def test_exchanged_factors_are_noticed(source, printed):
    scalar = re.search(r"\b[anvugηε] [a-zA-Z𝟏]", printed)  # a scalar may stand on either side
    assert scalar or printed == "t = tr(A B)" or _read_back(source, _swapped)


@pytest.mark.parametrize(("source", "printed"), [r for r in FLAT if "−" in r[1]], ids=lambda s: s)
def test_a_sign_too_few_is_noticed(source, printed):
    assert _read_back(source, lambda p: [p.replace("-", "+", 1)] if "-" in p else [p.replace("−", "+", 1)])


def test_a_wrong_translation_is_not_shown(monkeypatch):
    """Transposes forgotten in products: the forms are gone, and every one is reported."""
    plain = algebra.turned
    monkeypatch.setattr("derive.matrices.sums.turned", lambda m: m if isinstance(m, tree.Named) else plain(m))
    monkeypatch.setattr("derive.matrices.build.turned", lambda m: m if isinstance(m, tree.Named) else plain(m))
    made, equation = matrices("∂X[i:n, k:d] = sum[j:C] ∂Z[i,j]*W[k,j]")
    assert made.form(equation.name, equation.indices, equation.rhs) is None
    assert made.differing


def test_a_check_that_breaks_down_shows_nothing(monkeypatch):
    monkeypatch.setattr(matrix, "computed", lambda *_: 1 // 0)
    made, equation = matrices("∂W[k:d, j:C] = sum[i:n] X[i,k]*∂Z[i,j]")
    assert made.form(equation.name, equation.indices, equation.rhs) is None and made.differing


# ---------------------------------------------------------------- the reader of prints

RNG = np.random.default_rng(3)
A, B, V, W = RNG.normal(size=(2, 3)), RNG.normal(size=(3, 4)), RNG.normal(size=3), RNG.normal(size=2)
NAMES = Names({"A": Printed(A), "B": Printed(B), "v": Printed(V), "w": Printed(W), "s": Printed(np.asarray(2.0)),
               "y": Printed(np.array([1, 0]), limit=3)}, {"exp": np.exp, r"\exp": np.exp})  # fmt: skip
# fmt: off
READ = (
    ("A B", A @ B), ("Bᵀ Aᵀ", (A @ B).T), ("A v", (A @ V)[:, None]), ("wᵀ A v", [[W @ A @ V]]), ("w vᵀ", np.outer(W, V)),
    ("A ⊙ A", A * A), ("A ⊘ A", np.ones((2, 3))), ("1 − A ⊙ A", 1 - A * A), ("2 A", 2 * A), ("(1/s) A", A / 2),
    ("A 𝟏", A.sum(1, keepdims=True)), ("𝟏ᵀ A", A.sum(0, keepdims=True)), ("𝟏ᵀ A 𝟏", [[A.sum()]]),
    ("A + 𝟏 vᵀ", A + V), ("A + w 𝟏ᵀ", A + W[:, None]), ("diag(w) A", W[:, None] * A), ("diag(w)⁻¹ A", A / W[:, None]),
    ("tr(A Aᵀ)", [[(A * A).sum()]]), ("‖A‖²", [[(A * A).sum()]]), ("‖2 v‖", [[2 * np.sqrt(V @ V)]]),
    ("[A > 0]", A > 0), ("[A ≤ 0] ⊙ A", np.minimum(A, 0)), ("onehot(y)", np.eye(3)[[1, 0]]), ("exp(A)ᵀ", np.exp(A).T),
    ("I − v vᵀ", np.eye(3) - np.outer(V, V)), ("A I", A), ("v^(⊙2)", (V**2)[:, None]), ("s² v", 4 * V[:, None]),
    ("rowmax(A)", A.max(1, keepdims=True)), ("onehot(rowargmax(A))", np.eye(3)[A.argmax(1)]), ("|A|", abs(A)),
    ("10⁻² A", A / 100), ("A diag(v) B", A @ np.diag(V) @ B), ("−(A v) ⊙ w", -(A @ V * W)[:, None]),
)
UNREAD = ("A Bᵀ", "B A", "A + v", "A ⊙ Aᵀ", "A v w", "v v", "A w", "tr(A)", "A +", "A ⊙", "(A", "A)", "Q", "A⁻¹", "A²",
          "w + A v 𝟏ᵀ", "onehot(A)", "𝟏ᵀ 𝟏", "1 + ", "‖A", "A^(v)", "A/B", "tr(A, A)", "Σ_i A", "[A]", "I", "A B A")
# fmt: on


@pytest.mark.parametrize(("printed", "value"), READ, ids=[p for p, _ in READ])
def test_prints_are_read_as_mathematics(printed, value):
    value = np.asarray(value)
    np.testing.assert_allclose(computed(printed, NAMES, value.shape, TEXT), value, rtol=1e-12)


@pytest.mark.parametrize("printed", UNREAD)
@pytest.mark.parametrize("shape", [(2, 3), (2, 4), (3, 1), (1, 1)], ids=str)
def test_misprints_are_refused(printed, shape):
    if (printed, shape) not in (("I", (1, 1)),):
        with pytest.raises(Misprint):
            computed(printed, NAMES, shape, TEXT)


# ---------------------------------------------------------------- random expressions

LETTERS = {"i": "n", "m": "n", "j": "C", "k": "d", "l": "d"}


@st.composite
def equations(draw) -> str:
    """A random equation with up to two free indices: sums of products of arrays, vectors, sums, functions."""
    free = draw(st.lists(st.sampled_from(sorted(LETTERS)), max_size=2, unique=True))
    used: set[str] = set()

    def array(scope: list[str]) -> str:
        axes = draw(st.lists(st.sampled_from(scope), max_size=2, unique=True)) if scope else []
        name = draw(st.sampled_from("ABGX")) + "".join(LETTERS[a][0] for a in axes) + str(len(axes))
        used.update(axes)
        return f"{name}[{','.join(axes)}]"

    def factor(scope: list[str], depth: int) -> str:
        kind = draw(st.sampled_from(["array"] * 4 + (["sum", "call", "square", "inverse"] if depth else [])))
        match kind:
            case "array":
                return array(scope)
            case "sum":
                return f"({term(scope, depth - 1)} + {term(scope, depth - 1)})"
            case "call":
                return f"tanh({term(scope, depth - 1)})"
            case "square":
                return f"{array(scope)}^2"
        return f"1/(2 + {array(scope)}^2)"

    def term(scope: list[str], depth: int) -> str:
        rest = [a for a in LETTERS if a not in scope]
        bound = draw(st.lists(st.sampled_from(rest), max_size=2, unique=True)) if rest and depth else []
        inner = [*scope, *bound]
        body = "*".join(factor(inner, depth) for _ in range(draw(st.integers(1, 3))))
        sums = "".join(f"sum[{a}:{LETTERS[a]}] " for a in bound)
        return f"({sums}{body})" if sums else body

    indices = ", ".join(f"{a}:{LETTERS[a]}" for a in free)
    return f"R[{indices}] = {term(free, 2)}"


@settings(max_examples=120)
@given(equations())
def test_random_formulas_read_back_as_they_are(source):
    made, equation = matrices(source)
    made.form(equation.name, equation.indices, equation.rhs)
    assert not made.differing, source


# ---------------------------------------------------------------- examples and passes

EXAMPLES = sorted(p for p in (ROOT / "examples").glob("*.py") if p.name != "sympy_softmax.py")
PASSES = sorted((ROOT / "tests" / "passes").glob("*.py"))
SOME = ("alias_probs", "gram_style", "info_nce", "relu_mlp_params_dict", "softmax_regression_l2", "attention_multihead")


def counted(path: Path) -> tuple[int, int, dict[str, str]]:
    """How many equations of gradients have a matrix form, of how many, and why the others have none."""
    d = derive.differentiate(path, judged=False)
    made = Matrices(d.program, spelling(d.program, d.gradients))
    for e in d.forward.equations:
        made.form(e.name, e.indices, e.rhs)
    held = [*d.gradients.derivations.values(), *d.gradients.closed.values()]
    forms = [made.form(g.target.name, g.indices, g.result) for g in held]
    assert not made.differing, made.differing
    return sum(f is not None for f in forms), len(forms), made.reasons


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_examples_have_matrix_forms(path):
    found, total, reasons = counted(path)
    assert found >= total - (path.stem == "makemore") * 2, reasons


@pytest.mark.parametrize("name", SOME)
def test_some_passes(name):
    found, total, reasons = counted(ROOT / "tests" / "passes" / f"{name}.py")
    assert found >= total / 3, reasons


@pytest.mark.long
def test_all_passes():
    """How many gradients of the passes have a matrix form; none is printed wrongly."""
    rows = {}
    for path in PASSES:
        rows[path.stem] = counted(path)
    lines = [f"| {name} | {found} of {total} |" for name, (found, total, _) in rows.items()]
    whole = [sum(r[k] for r in rows.values()) for k in (0, 1)]
    table = ["# Matrix notation", "", f"{whole[0]} of {whole[1]} gradients of `tests/passes/` have a matrix form, each read "
             "back from its LaTeX and its text; the others stay in index notation.", "", "| forward pass | gradients |",
             "| --- | --- |", *lines, ""]  # fmt: skip
    (ROOT / "tests" / "results" / "matrix.md").write_text("\n".join(table), encoding="utf-8")
    assert whole[0] > 0.6 * whole[1]
