"""The SymPy deriver: closed forms for all sizes, and every form against unrolled sums at sizes 2 and 3."""

from __future__ import annotations

from itertools import product

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Eq, Idx, IndexedBase, KroneckerDelta, Matrix, Product, Rational, S, Sum, Symbol, exp, log, symbols

from derive.errors import BadFact, NotDifferentiable, Usage
from derive.symbolic import affine, cross_entropy, gradient, jacobian, log_softmax, same, softmax
from derive.symbolic import log as ln

n, C, D = symbols("n C D", integer=True, positive=True)
a, b, i, j, k, l, m = symbols("a b i j k l m", integer=True)  # noqa: E741
x, y, s, z, h, g, t, H, W, B, dZ, f = (IndexedBase(name) for name in "x y s z h g t H W B dZ f".split())
mu, v, eps = Symbol("mu"), Symbol("v"), Symbol("epsilon", positive=True)
delta = KroneckerDelta
P = softmax(x[i], (i, C))
PJ = exp(x[i]) / Sum(exp(x[j]), (j, 0, C - 1))  # the same with a letter that can be caught
PB = softmax(x[i, j], (j, C))
P1 = softmax(x[i], (i, 1, C))
CE = cross_entropy(P, y[i], (i, C))
CEB = cross_entropy(PB, y[i, j], (j, C), (i, n)) / n
Z = affine(H[i, k], W[k, j], B[j], (k, D))
LZ = Sum(dZ[i, j] * Z, (j, 0, C - 1), (i, 0, n - 1))
SIG = 1 / (1 + exp(-x[i]))
TOTAL = Sum(y[j], (j, 0, C - 1))
ONE = [Eq(TOTAL, 1)]
ROWS = [Eq(Sum(y[i, j], (j, 0, C - 1)), 1)]
LABELS = [Eq(Sum(delta(j, t[i]), (j, 0, C - 1)), 1)]
NET = {z[i, j]: Z, s[i, j]: softmax(z[i, j], (j, C))}
NORM = {
    mu: Sum(x[i], (i, 0, C - 1)) / C,
    v: Sum((x[i] - mu) ** 2, (i, 0, C - 1)) / C,
    h[i]: (x[i] - mu) / sympy.sqrt(v + eps),
}
LAYER = (g[k] - Sum(g[i], (i, 0, C - 1)) / C - h[k] * Sum(g[i] * h[i], (i, 0, C - 1)) / C) / sympy.sqrt(v + eps)

CLOSED = [  # id, expression, by, where, facts, what a person writes
    ("softmax", P, x[k], {s[i]: P}, [], s[i] * (delta(i, k) - s[k])),
    ("softmax, caught letter", PJ, x[j], {s[i]: PJ}, [], s[i] * (delta(i, j) - s[j])),
    ("softmax, diagonal", P, x[i], {s[i]: P}, [], s[i] * (1 - s[i])),
    ("softmax, one entry", P, x[0], {s[i]: P}, [], s[i] * (delta(0, i) - s[0])),
    ("softmax, 1..C", P1, x[k], {s[i]: P1}, [], s[i] * (delta(i, k) - s[k])),
    ("softmax, batch", PB, x[a, b], {s[i, j]: PB}, [], s[i, j] * delta(a, i) * (delta(b, j) - s[i, b])),
    ("log softmax", log_softmax(x[i], (i, C)), x[k], {s[i]: P}, [], delta(i, k) - s[k]),
    ("log", ln(x[i]), x[k], {}, [], delta(i, k) / x[i]),
    ("log of softmax", ln(P), x[k], {s[i]: P}, [], delta(i, k) - s[k]),
    ("log sum exp", log(Sum(exp(x[j]), (j, 0, C - 1))), x[j], {s[i]: P}, [], s[j]),
    ("sum exp stays unfolded", Sum(exp(x[j]), (j, 0, C - 1)), x[k], {s[i]: P}, [], exp(x[k])),
    ("sigmoid", Sum(SIG, (i, 0, n - 1)), x[k], {s[i]: SIG}, [], s[k] * (1 - s[k])),
    ("cross-entropy, sum y = 1", CE, x[k], {s[i]: P}, ONE, s[k] - y[k]),
    ("cross-entropy", CE, x[k], {s[i]: P}, [], s[k] * TOTAL - y[k]),
    ("cross-entropy, caught letter", CE, x[j], {s[i]: P}, [], s[j] * Sum(y[m], (m, 0, C - 1)) - y[j]),
    ("cross-entropy by name", cross_entropy(s[i], y[i], (i, C)), x[k], {s[i]: P}, ONE, s[k] - y[k]),
    ("cross-entropy by s", cross_entropy(s[i], y[i], (i, C)), s[k], {s[i]: P}, ONE, -y[k] / s[k]),
    ("batch, sum y = 1", CEB, x[a, b], {s[i, j]: PB}, ROWS, (s[a, b] - y[a, b]) / n),
    ("batch, caught letters", CEB, x[j, i], {s[i, j]: PB}, ROWS, (s[j, i] - y[j, i]) / n),
    ("labels", -Sum(log(s[i, t[i]]), (i, 0, n - 1)) / n, x[a, b], {s[i, j]: PB}, [], (s[a, b] - delta(b, t[a])) / n),
    ("label, declared", cross_entropy(P, delta(i, Idx("u", C)), (i, C)), x[k], {s[i]: P}, [],
     s[k] - delta(k, Idx("u", C))),
    ("labels as one-hot", cross_entropy(PB, delta(j, t[i]), (j, C), (i, n)), x[a, b], {s[i, j]: PB}, LABELS,
     s[a, b] - delta(b, t[a])),
    ("affine dW", LZ, W[a, b], {}, [], Sum(H[i, a] * dZ[i, b], (i, 0, n - 1))),
    ("affine dW, caught letters", LZ, W[i, j], {}, [], Sum(H[m, i] * dZ[m, j], (m, 0, n - 1))),
    ("affine db", LZ, B[b], {}, [], Sum(dZ[i, b], (i, 0, n - 1))),
    ("affine dH", LZ, H[a, b], {}, [], Sum(dZ[a, j] * W[b, j], (j, 0, C - 1))),
    ("affine jacobian", Z, W[a, b], {}, [], H[i, a] * delta(b, j)),
    ("classifier dW", cross_entropy(s[i, j], y[i, j], (j, C), (i, n)) / n, W[a, b], NET, ROWS,
     Sum(H[i, a] * (s[i, b] - y[i, b]), (i, 0, n - 1)) / n),
    ("layer norm", Sum(g[i] * h[i], (i, 0, C - 1)), x[k], NORM, [], LAYER),
    ("one letter, two sums", Sum(x[j] * Sum(y[j] * x[j], (j, 0, C - 1)), (j, 0, C - 1)), x[j], {}, [],
     Sum(x[m] * (y[m] + y[j]), (m, 0, C - 1))),
    ("part of an axis", Sum(x[j] * x[j + 1], (j, 0, n - 2)), x[k], {}, [],
     Sum(delta(j, k) * x[j + 1] + delta(k, j + 1) * x[j], (j, 0, n - 2))),
    ("two ranges of an axis", Sum(x[j], (j, 0, n - 1)) ** 2 / 2 + Sum(x[j], (j, 0, n - 2)), x[k], {}, [],
     Sum(x[j], (j, 0, n - 1)) + Sum(delta(j, k), (j, 0, n - 2))),
    ("outside", Sum(x[j] ** 2, (j, 0, 2)), x[5], {}, [], S.Zero),
    ("declared shorter", Sum(x[j], (j, 0, n - 1)), x[Idx("q", D)], {}, [], Sum(delta(j, Idx("q", D)), (j, 0, n - 1))),
    ("declared inside", Sum(x[j], (j, 0, n)), x[Idx("q", n)], {}, [], S.One),
    ("product", Product(x[j], (j, 0, n - 1)), x[k], {}, [],
     Product(x[j], (j, 0, k - 1)) * Product(x[j], (j, k + 1, n - 1))),
]  # fmt: skip


@pytest.mark.parametrize("e, by, where, facts, expected", [row[1:] for row in CLOSED], ids=[row[0] for row in CLOSED])
def test_closed_form(e, by, where, facts, expected):
    got = jacobian(e, by, where=where, facts=facts)
    assert same(got, expected), got
    assert not got.has(sympy.Piecewise)


def test_letters_read_well_in_print_too():
    assert str(CE) == "-Sum(log(exp(x[_i])/Sum(exp(x[_j]), (_j, 0, C - 1)))*y[_i], (_i, 0, C - 1))"
    assert sympy.latex(gradient(CE, x[i], where={s[i]: P})) == r"{s}_{i} \sum_{j=0}^{C - 1} {y}_{j} - {y}_{i}"


def test_the_shape_of_the_answer_is_the_textbook_s():
    assert jacobian(P, x[k], where={s[i]: P}) == s[i] * (delta(i, k) - s[k])
    assert gradient(LZ, W[a, b]) == Sum(H[i, a] * dZ[i, b], (i, 0, n - 1))  # the author's own i


# -- unrolled --------------------------------------------------------------------------------------------------


def dense(e, **sizes):
    """`e` with numbers for letters and sizes, its sums written out."""
    return e.subs({symbol: sizes[symbol.name] for symbol in e.free_symbols if symbol.name in sizes}).doit()


def names(e, where, **sizes):
    """`e` with its named quantities written out."""
    entries = sorted(e.atoms(sympy.Indexed) | e.free_symbols, key=str)
    for name, d in list(where.items())[::-1]:
        letters = dict.fromkeys(getattr(name, "indices", ()))
        for entry in entries:
            if getattr(entry, "base", entry) == getattr(name, "base", name):
                at = dict(
                    zip((letter.name for letter in letters), map(int, getattr(entry, "indices", ())), strict=True)
                )
                e = e.subs(entry, dense(d, **sizes, **at))
        entries = sorted(e.atoms(sympy.Indexed) | e.free_symbols, key=str)
    return e


def zero(e):
    """Exactly zero as a rational function of entries and exps (log p differentiates to rational functions)."""
    return sympy.cancel(sympy.together(e)) == 0


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("first", [0, 1])
def test_softmax_and_cross_entropy_equal_matrix_jacobian(size, first):
    over, cells = (i, first, C - 1 + first), range(first, first + size)
    p = softmax(x[i], over)
    rows = Matrix([exp(x[c]) / sum(exp(x[d]) for d in cells) for c in cells])
    entries = Matrix([x[c] for c in cells])
    loss = Matrix([-sum(y[c] * log(rows[c - first]) for c in cells)]).jacobian(entries)
    by_hand = rows.jacobian(entries)
    full, slope = jacobian(p, x[k], where={s[i]: p}), gradient(cross_entropy(p, y[i], over), x[k], where={s[i]: p})
    for r, c in product(cells, cells):
        assert zero(names(dense(full, C=size, i=r, k=c), {s[i]: p}, C=size) - by_hand[r - first, c - first])
    for c in cells:
        assert zero(names(dense(slope, C=size, k=c), {s[i]: p}, C=size) - loss[0, c - first])


@pytest.mark.parametrize("rows, mid, cols", [(2, 3, 2), (3, 2, 3)])
def test_affine_equals_matrix_jacobian(rows, mid, cols):
    sizes = dict(n=rows, D=mid, C=cols)
    w, bias = Matrix(mid, cols, lambda r, c: W[r, c]), Matrix(1, cols, lambda r, c: B[c])
    out = Matrix(rows, mid, lambda r, c: H[r, c]) * w + Matrix(rows, 1, [1] * rows) * bias
    loss = Matrix([sum(dZ[r, c] * out[r, c] for r, c in product(range(rows), range(cols)))])
    dw, db = gradient(LZ, W[a, b]), gradient(LZ, B[b])
    assert [dense(dw, a=r, b=c, **sizes) for r, c in product(range(mid), range(cols))] == list(loss.jacobian(list(w)))
    assert [dense(db, b=c, **sizes) for c in range(cols)] == list(loss.jacobian(list(bias)))


def test_sympy_alone_is_wrong_for_a_caught_letter_and_this_is_not():
    alone, ours = sympy.diff(PJ, x[j]), jacobian(PJ, x[j])
    cells = [exp(x[c]) / (exp(x[0]) + exp(x[1])) for c in range(2)]
    truth = Matrix(2, 2, lambda r, c: sympy.diff(cells[r], x[c]))
    assert same(sympy.expand(alone / PJ), delta(i, j) - 1)  # sympy #21891: s_i(δ_ij − 1)
    ours = Matrix(2, 2, lambda r, c: dense(ours, C=2, i=r, j=c))
    wrong = Matrix(2, 2, lambda r, c: dense(alone.xreplace({delta(i, j): delta(r, c)}), C=2, i=r, j=c))
    assert all(map(zero, ours - truth))
    assert not all(map(zero, wrong - truth))


def test_second_derivatives_stay_exact():
    q = Symbol("q", integer=True)
    second = jacobian(jacobian(P, x[k], where={s[i]: P}), x[q], where={s[i]: P})
    cells = [exp(x[c]) / (exp(x[0]) + exp(x[1])) for c in range(2)]
    for r, c, d in product(range(2), repeat=3):
        got = names(dense(second, C=2, i=r, k=c, q=d), {s[i]: P}, C=2)
        assert zero(got - sympy.diff(cells[r], x[c], x[d]))


# -- random expressions, every binder called j or i, the differentiation letter too ----------------------------


xs, ys = IndexedBase("x", shape=(C,)), IndexedBase("y", shape=(C,))  # the shape, for sums over a part of the axis


def _entry(array):
    return st.sampled_from([array[i], array[j], array[0], array[1]])


LEAVES = _entry(xs) | _entry(ys) | _entry(s) | st.sampled_from([S(2), Rational(1, 3), C, delta(i, j)])


def _grown(inner):
    bound = st.sampled_from([(j, 0, C - 1), (i, 0, C - 1), (j, 0, C - 2), (j, 0, i)])
    return st.one_of(
        st.builds(lambda u, w: u + w, inner, inner),
        st.builds(lambda u, w: u * w, inner, inner),
        st.builds(lambda u: u**2, inner),
        st.builds(lambda u: exp(u), inner),
        st.builds(lambda u: log(u**2 + 1), inner),
        st.builds(lambda u: u / (1 + u**2), inner),
        st.builds(lambda u, over: Sum(u, over), inner, bound),
        st.builds(lambda u: Sum(u, (j, 0, C - 1), (i, 0, C - 1)), inner),
    )


def unrolled(e, env):
    """`e` by the meaning of Sum, letter by letter; shares nothing with the module or with SymPy's binders."""
    if e in env:
        return env[e]
    if isinstance(e, sympy.Indexed):
        return e.base[tuple(unrolled(place, env) for place in e.indices)]
    if isinstance(e, Sum):
        *inner, (letter, first, last) = e.limits
        body = Sum(e.function, *inner) if inner else e.function
        cells = range(int(unrolled(first, env)), int(unrolled(last, env)) + 1)
        return sympy.Add(*(unrolled(body, env | {letter: S(c)}) for c in cells))
    return e.func(*(unrolled(arg, env) for arg in e.args)) if e.args else e


POINT = dict(
    zip([u[c] for u in (xs, ys) for c in range(3)], [Rational(c, 20) for c in (6, -14, 9, 22, -4, 12)], strict=True)
)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.recursive(LEAVES, _grown, max_leaves=5), st.sampled_from([xs[j], xs[i], xs[k], xs[0]]))
def test_random_expressions_equal_the_derivative_of_the_unrolled(e, by):
    slope = jacobian(e, by, where={s[m]: softmax(xs[m], (m, C))})
    assert not slope.has(sympy.Piecewise)
    named = {s[c]: exp(xs[c]) / sum(exp(xs[d]) for d in range(3)) for c in range(3)}
    for env in ({C: S(3), i: S(2), j: S(1), k: S(0)}, {C: S(3), i: S(0), j: S(2), k: S(1)}):
        truth = sympy.diff(unrolled(e, env).xreplace(named), unrolled(by, env))
        ours, truth = (S(part).xreplace(named).xreplace(POINT).evalf(40) for part in (unrolled(slope, env), truth))
        assert abs(ours - truth) < 1e-20 * (1 + abs(truth)), (e, by, slope, env)


# -- what is refused -------------------------------------------------------------------------------------------

REFUSED = [
    ("text", lambda: softmax("x", (i, C)), Usage, "not a SymPy expression"),
    ("text to differentiate", lambda: jacobian("x[i]", x[i]), Usage, "not a SymPy expression"),
    ("an array", lambda: softmax(x, (i, C)), Usage, "not a SymPy expression"),
    ("no range", lambda: softmax(x[i], i), Usage, "the range of i is unknown"),
    ("no axis", lambda: cross_entropy(P, y[i]), Usage, "cross_entropy without an axis"),
    ("affine, no axis", lambda: affine(H[i, k], W[k, j], B[j]), Usage, "affine without an axis"),
    ("not an entry", lambda: jacobian(P, x[k] + 1), Usage, "not an entry"),
    ("not a scalar", lambda: gradient(P, x[i]), Usage, "not a scalar: i is free"),
    ("integral", lambda: jacobian(sympy.Integral(mu * x[i], mu), x[k]), Usage, "Integral is not supported"),
    ("two ranges", lambda: jacobian(x[Idx("i", C)] * y[Idx("i", D)], x[k]), Usage, "the letter i has two ranges"),
    ("a free letter in a name", lambda: jacobian(s[i], x[k], where={s[i]: x[j]}), Usage,
     "j is free in the definition of s[i]"),
    ("a circle of names", lambda: jacobian(s[i], x[k], where={s[i]: s[i] + x[i]}), Usage, "a definition uses itself"),
    ("a fact that is none", lambda: jacobian(P, x[k], facts=[TOTAL]), BadFact, "not an equation"),
    ("integers", lambda: jacobian(P, IndexedBase("t", integer=True)[k]), NotDifferentiable, "t[k] is an integer"),
    ("no derivative", lambda: jacobian(sympy.Abs(x[i]), x[k]), NotDifferentiable, "no derivative by x is known"),
]  # fmt: skip


@pytest.mark.parametrize("call, kind, message", [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused(call, kind, message):
    with pytest.raises(kind) as caught:
        call()
    assert message in str(caught.value)
    assert caught.value.why


RANGES = [  # the four ways to give one range
    ("size", lambda: softmax(x[i], (i, C))),
    ("bounds", lambda: softmax(x[i], (i, 0, C - 1))),
    ("Idx", lambda: softmax(x[Idx("i", C)], Idx("i", C)).subs(Idx("i", C), i)),
    ("shape", lambda: softmax(IndexedBase("x", shape=(C,))[i], i).replace(IndexedBase("x", shape=(C,)), x)),
]


@pytest.mark.parametrize("build", [row[1] for row in RANGES], ids=[row[0] for row in RANGES])
def test_ranges(build):
    assert str(build()) == "exp(x[i])/Sum(exp(x[_j]), (_j, 0, C - 1))"


def test_idx_and_shapes_come_back():
    row, col, xs = Idx("i", C), Idx("k", C), IndexedBase("x", shape=(C,))
    p = softmax(xs[row], row)
    assert jacobian(p, xs[col], where={s[row]: p}) == s[row] * (delta(row, col) - s[col])
