"""The prover: what it proves is true (random pairs, by plain evaluation), and it proves what it must (rows)."""

from dataclasses import replace

import blackboard as board
import pytest
import wild
from hypothesis import given, settings
from hypothesis import strategies as st

from derive import expr as x
from derive.index import Index, Size
from derive.judges.normal import Prover, TooLarge, prove_equal

# fmt: off
PROVED = [
    ("exp(x[i])*exp(y[i])",                          "exp(x[i] + y[i])"),
    ("exp(x[i])^2",                                  "exp(2*x[i])"),
    ("exp(-x[i])",                                   "1/exp(x[i])"),
    ("log(exp(x[i]))",                               "x[i]"),
    ("log(exp(x[i])/(sum[k:n] exp(x[k])))",          "x[i] - log(sum[k:n] exp(x[k]))"),
    ("(x[i] + y[i])^2",                              "x[i]^2 + 2*x[i]*y[i] + y[i]^2"),
    ("sum[m:n] [m = i]*x[m]",                        "x[i]"),
    ("sum[m:n] sum[l:C] [m = i]*[l = j]*M[m, l]",    "M[i, j]"),
    ("sum[l:C] a[]",                                 "C*a[]"),
    ("sum[m:n] x[m]*sum[k:n] y[k]",                  "sum[k:n] sum[m:n] x[k]*y[m]"),
    ("sum[a:n] sum[b:n] K[a, b]*x[a]*x[b]",          "sum[a:n] sum[b:n] K[b, a]*x[a]*x[b]"),
    ("1/(1 + exp(-x[i]))",                           "exp(x[i])/(1 + exp(x[i]))"),
    ("a[]/(a[] + b[]) + b[]/(a[] + b[])",            "1"),
    ("size(n - 1)*x[i]/size(n - 1)",                 "x[i]"),
    ("D(sum[m:n] x[m]^2, x[i])",                     "2*x[i]"),
    ("D(exp(x[k])/(sum[m:n] exp(x[m])), x[i])",
     "exp(x[k])/(sum[m:n] exp(x[m]))*([k = i] - exp(x[i])/(sum[m:n] exp(x[m])))"),
    ("sum[r:T*E] v[r//E]*w[r%E]",                    "(sum[t2:T] v[t2])*(sum[e2:E] w[e2])"),
    ("sum[t2:T] sum[e2:E] [t2 = t]*[e2 = e]*u[(t2:T, e2:E)]", "u[(t:T, e:E)]"),
    ("[i = k]*x[i]",                                 "[i = k]*x[k]"),
    ("[i < k] + [k <= i]",                           "1"),
    ("{x[i] if i < k; y[i]}",                        "[i < k]*x[i] + [k <= i]*y[i]"),
    ("sum[l:C] Y[i, l]*a[]",                         "a[]"),
    ("D(max[m:n] x[m], x[i])",                       "[i = argmax[m:n](x[m])]"),
    ("sum[l:C] [l = A[i]]",                          "1"),
    ("sum[l:C] [l = B[i]]*M[i, l]",                  "M[i, B[i]]"),
    ("sum[l:C] [l = B[i]]*[l = j]",                  "[j = B[i]]"),
    ("1/2*2^(1/2)*x[i]",                             "x[i]*2^(-1/2)"),
    ("12^(1/2)",                                     "2*3^(1/2)"),
    ("sum[m:n] y[m]*x[m]/(1 + x[m])^2",              "sum[m:n] y[m]/(1 + x[m]) - sum[k:n] y[k]/(1 + x[k])^2"),
    ("sum[m:n] sum[k:n] x[m]*y[k]/(x[m] + y[k] + 1)",
     "sum[m:n] sum[k:n] y[m]*x[k] - sum[m:n] sum[k:n] y[m]*x[k]*(y[m] + x[k])/(x[k] + y[m] + 1)"),
    ("(a[] - b[])^(-3/2)",                           "(a[] - b[])^(-1/2)/(a[] - b[])"),
    ("(b[] - a[])^(-3/2)",                           "(b[] - a[])^(-1/2)/(b[] - a[])"),
    ("(2*b[] - 2*a[])^(-3/2)",                       "-1/2*(2*b[] - 2*a[])^(-1/2)/(a[] - b[])"),
    ("(2/3)^(-3/2)",                                 "3/4*6^(1/2)"),
]
REFUSED = [
    ("sum[l:C] Y[i, l]^2",  "2"),
    ("sum[m:n] x[m]",       "sum[l:C] x[l]"),
    ("x[i]^2",              "x[i]*x[k]"),
    ("(x[i]^2)^(1/2)",      "x[i]"),
    ("8^(1/2)",             "3*2^(1/2)"),
    ("4^(1/3)",             "2^(1/3)"),
    ("sum[m:n] y[m]*x[m]/(1 + x[m])^2", "sum[m:n] y[m]/(1 + x[m])"),
    ("sum[m:n] y[m]*x[m]/(1 + x[m])", "sum[m:n] y[m] - sum[l:C] a[]/(1 + a[])"),
    ("sum[m:n] sum[k:n] x[m]*(x[m] - x[k])/(x[m] - x[k])", "sum[m:n] sum[k:n] x[k]*(x[k] - x[m])/(x[k] - x[m]) + n"),
    ("sum[m:n] sum[k:n] x[m]/(x[m] - x[k])", "sum[m:n] sum[k:n] x[k]/(x[m] - x[k]) + sum[m:n] sum[k:n] 1"),
    ("(a[] - b[])^(1/2)",   "(b[] - a[])^(1/2)"),
    ("(a[] - b[])^(-3/2)",  "(a[] - b[])^(-1/2)/(b[] - a[])"),
    ("log(x[i]*y[i])",      "log(x[i]) + log(y[i])"),
    ("sum[m:n] [m = i + 1]*x[m]", "x[i]"),
    ("sum[m:n | m < i] x[m]", "sum[m:n] x[m]"),
    ("exp(x[i] + y[k])",    "exp(x[k] + y[i])"),
    ("D(x[i], x[k])",       "1"),
    ("1/(a[] + b[])",       "1/a[] + 1/b[]"),
    ("sum[l:C] M[i, l]*M[k, l]", "sum[l:C] M[i, l]*M[i, l]"),
    ("sum[l:C] [l = x[i]]", "1"),
    ("sum[l:C] [l = B[i]]", "1"),
    ("sum[m:n] [m = A[i]]", "1"),
    ("sum[m:n] [m + B[i] = k]", "1"),
    ("sum[c2:C//E] [c2 = c//E]", "1"),
    ("[(t:T, e:E) = j]", "[t = j//E%T]*[e = j%E]"),
    ("sum[t2:T] sum[e2:E] [(t2:T, e2:E) = j]", "1"),
    ("sum[k2:n] [(t:T, k2:E) = j]", "[t = j//E]"),
    ("v[(i:n, k:n, e + 1:E)//E]", "v[(i:n, k:n)]"),
    ("v[(i:n, i:n, e:E)//E]", "v[i]"),
    ("v[(i:1, e:E)]", "v[e]"),
    ("1/(a[] - a[])", "0"),
    ("x[i]/(a[] - a[])", "y[i]/(a[] - a[])"),
    ("(a[] - a[])/(a[] - a[])", "1"),
    ("((sum[l:C] Y[i, l]) - 1)/((sum[l:C] Y[i, l]) - 1)", "1"),
    ("x[i]/((sum[l:C] Y[i, l]) - 1)", "y[i]/((sum[l:C] Y[i, l]) - 1)"),
    ("sum[m:n] (x[m] - x[i])/(x[m] - x[i])", "n"),
    ("sum[l:C | l < j] Y[i, l]", "1"),
    ("sum[m:n] Y[m, j]", "1"),
]
# fmt: on
FACTS = ("onehot Y",)


LABELS = {"A": Size.of("C"), "B": None}  # below C, and below nobody knows what


def own_program(*formulas):
    own = board.program([*formulas], facts=FACTS)
    inputs = [replace(v, sort="int", limit=LABELS[v.name]) if v.name in LABELS else v for v in own.inputs]
    return replace(own, inputs=tuple(inputs))


@pytest.mark.parametrize("a, b", PROVED)
def test_proves(a, b):
    left, right = board.formula(a), board.formula(b)
    assert prove_equal(left, right, own_program(left, right)) is True


@pytest.mark.parametrize("a, b", REFUSED)
def test_does_not_prove(a, b):
    left, right = board.formula(a), board.formula(b)
    assert prove_equal(left, right, own_program(left, right)) is None


INDICES = [board.SCOPE[name] for name in "ikj"]


def entries():
    n, c = st.sampled_from(INDICES[:2]), st.just(INDICES[2])
    return st.one_of(
        st.builds(lambda s: x.Entry("x", (s,)), n),
        st.builds(lambda s: x.Entry("y", (s,)), n),
        st.builds(lambda a, b: x.Entry("M", (a, b)), n, c),
        st.builds(lambda a, b: x.Entry("K", (a, b)), n, n),
        st.sampled_from([x.num(2), x.num(-1), x.num("1/2"), x.size("n"), x.Entry("a", ())]),
    )


def formulas(depth: int):
    if depth == 0:
        return entries()
    e = formulas(depth - 1)
    cond = st.builds(x.rel, st.sampled_from(["eq", "lt", "le"]), *2 * [st.sampled_from(INDICES[:2])])

    def reduced(op: str, body: x.Expr, old: Index):
        i = old.fresh()
        return x.reduce_(op, i, x.substitute(body, {old: i}))

    def slope(body: x.Expr, at: Index):
        return x.D(body, x.Entry("x", (at,)))

    return st.one_of(
        entries(),
        st.builds(lambda a, b: x.add(a, b), e, e),
        st.builds(lambda a, b: x.mul(a, b), e, e),
        st.builds(lambda a, n: x.power(a, x.num(n)), e, st.sampled_from([2, -1])),
        st.builds(lambda a: x.Call("exp", (x.mul(x.num("1/4"), a),)), entries()),
        st.builds(reduced, st.just("sum"), e, st.sampled_from(INDICES)),
        st.builds(lambda c, a: x.mul(x.indicator(c), a), cond, e),
        st.builds(slope, e, st.sampled_from(INDICES[:2])),
    )


def bent(e: x.Expr, place: int, how: int) -> x.Expr:
    """The formula with one part changed: an index swapped, a sign turned, a factor doubled."""
    nodes = [t for t in x.walk(e) if isinstance(t, x.Expr) and not isinstance(t, x.Num)]
    chosen = nodes[place % len(nodes)] if nodes else e
    new = [x.negate(chosen), x.mul(x.num(2), chosen), x.substitute(chosen, {INDICES[0]: INDICES[1]})][how % 3]
    done = []

    def change(t):
        if t is chosen and not done:
            done.append(t)
            return new
        return None

    try:
        return x.rewrite(e, change)
    except AttributeError:  # the changed part stood where only an entry may stand
        return e


@settings(max_examples=150)
@given(formulas(3), st.integers(0, 30), st.integers(0, 2))
def test_what_is_proved_is_true(e, place, how):
    if any(isinstance(t, x.D) and not isinstance(t.wrt, x.Entry) for t in x.walk(e)):
        return
    other = bent(e, place, how)
    if any(isinstance(t, x.D) and not isinstance(t.wrt, x.Entry) for t in x.walk(other)):
        return
    own = board.program([e, other])
    if prove_equal(e, other, own) is True:
        assert _agree(e, other, own)


def _agree(a, b, own) -> bool:
    try:
        return board.same(a, b, own, tolerance=1e-3)
    except (ZeroDivisionError, OverflowError):
        return True


@settings(max_examples=100)
@given(formulas(2), formulas(2), formulas(1))
def test_ring_laws_are_proved(a, b, c):
    own = board.program([a, b, c])
    assert prove_equal(x.mul(c, x.add(a, b)), x.add(x.mul(a, c), x.mul(b, c)), own) is True


def test_an_index_bound_twice_does_not_make_formulas_equal():
    k, i, j = (Index(name, Size.of("n")) for name in "kij")

    def nested(*slots):
        inner = x.Reduce("sum", i, x.Reduce("sum", j, x.Entry("t", (k, *slots))))
        return x.Reduce("sum", k, x.Reduce("sum", i, x.Entry("x", (i,)) * inner))

    assert nested(i, j).key != nested(j, j).key
    assert nested(i, j).key != nested(j, i).key


def test_a_derivative_by_the_letter_of_the_sum_is_not_captured():
    i = board.SCOPE["i"]
    squares = x.D(x.Reduce("sum", i, x.Entry("x", (i,)) ** 2), x.Entry("x", (i,)))
    own = board.program([squares])
    assert prove_equal(squares, 2 * x.Entry("x", (i,)), own) is True
    assert prove_equal(squares, x.Reduce("sum", i, 2 * x.Entry("x", (i,))), own) is None


@pytest.mark.parametrize("start", range(0, 1000, 200))
def test_normal_forms_of_wild_formulas_are_true(start):
    for seed in range(start, start + 200):
        e = wild.Wild(seed).formula(2 + seed % 2)
        prover = Prover(wild.OWN, frozenset(), seed % 4 == 0)
        try:
            normal = prover.back(prover.expand(e))
        except (TooLarge, RecursionError):
            continue
        assert not wild.difference(e, normal), f"seed {seed}: {e}"
