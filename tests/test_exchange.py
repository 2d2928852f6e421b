"""SymPy in and out: round trips, op slopes, and the engine against the SymPy deriver, for all sizes and unrolled."""

from __future__ import annotations

import itertools

import pytest
import sympy
from blackboard import SCOPE, formula, program, same
from sympy import (
    Eq,
    Idx,
    IndexedBase,
    KroneckerDelta,
    Max,
    Piecewise,
    Product,
    Rational,
    Sum,
    Symbol,
    exp,
    log,
    symbols,
)

from derive import symbolic
from derive.closing import close
from derive.engine import differentiate
from derive.errors import Problem, ShapeMismatch, ShapeUnknown, Unsupported, Usage
from derive.exchange import from_sympy, program_from_sympy, slopes_by_sympy, to_sympy
from derive.index import index
from derive.ops import OPS, Op
from derive.program import program_text

n, C, D = symbols("n C D", integer=True, positive=True)
a, b, i, j, k = symbols("a b i j k", integer=True)
x, y, s, t, z, H, W, B = (IndexedBase(name) for name in "x y s t z H W B".split())
delta = KroneckerDelta
P = symbolic.softmax(x[i], (i, C))
PB = symbolic.softmax(x[i, j], (j, C))

# ---------------------------------------------------------------- out and in again

THERE_AND_BACK = """
sum[l:C] exp(z[i,l])
exp(z[i,j])/(sum[l:C] exp(z[i,l]))
-1/n*sum[k:n] log(s[k,Y[k]])
max[l:C] x[i,l]
min[l:C | l < j] x[i,l]
x[i, argmax[l:C](x[i,l])]
[Y[i] = j]
[x[i,j] < 0]
[x[i,j] <= y[i,j]]
{x[i,j] if 0 < x[i,j]; 0}
{x[i,j] if 0 < x[i,j] and i = k; y[i,j] if i < k or not (x[i,j] = 0); 2}
D(log(s[i,j]), s[i,l])
sum[l:C | l < j] x[i,l]
prod[l:C] x[i,l]
prod[m:n | m != i] x[m,j]
x[i, j%E] + y[i, j//E]
x[2*i + 1]
x[i + KH - 1]
tanh(x[i,j])*sin(x[i,j]) + erf(x[i,j])
L[]*mu[]
1e-5 + 3/2*x[i,j]^2
x[i,j]^(1/2)
sum[l:C] x[l,l]*(sum[l:C] x[l,l])
pi()*x[i]
abs(x[i]) + sign(x[i])
""".strip().splitlines()


@pytest.mark.parametrize("text", THERE_AND_BACK)
def test_there_and_back(text):
    e = formula(text)
    assert from_sympy(to_sympy(e), SCOPE) == e


@pytest.mark.parametrize("text", THERE_AND_BACK)
def test_the_same_formula_gives_the_same_object(text):
    e = formula(text)
    assert to_sympy(e) == to_sympy(formula(text)) == to_sympy(from_sympy(to_sympy(e), SCOPE))


SAME_VALUE = """
sigmoid(x[i,j])*y[i,j]
relu(x[i,j]) + softplus(y[i,j])
maximum(x[i,j], y[i,j])
size(C - 1)*x[i,j]/n
n*C*x[i,j]
gelu(x[i,j])
sum[l:C] l*x[i,l]
""".strip().splitlines()


@pytest.mark.parametrize("text", SAME_VALUE)
def test_what_is_rewritten_keeps_its_value(text):
    e = formula(text)
    assert same(from_sympy(to_sympy(e), SCOPE), e, program([e]))


def test_no_letter_is_caught():
    e = to_sympy(formula("sum[l:C] x[i,l]*y[j]"))
    caught = e.subs(Symbol("j", integer=True), Symbol("l", integer=True))
    assert caught.has(y[Symbol("l", integer=True)]) and symbols("l", integer=True) in caught.free_symbols


def test_equal_sums_cancel():
    assert to_sympy(formula("(sum[l:C] x[i,l])*y[j]/(sum[l:C] x[i,l])")) == y[j]
    assert to_sympy(formula("(sum[l:C] x[i,l])*(sum[l:C] x[i,l])")) == to_sympy(formula("sum[l:C] x[i,l]")) ** 2


def test_letters_of_the_caller():
    real = IndexedBase("x", real=True)
    assert to_sympy(formula("x[i,j]"), {"x": real}) == real[i, j]


READ = [  # SymPy, the engine's notation
    ("0..n-1", Sum(x[j], (j, 0, n - 1)), "sum[j:n] x[j]"),
    ("1..n", Sum(x[j] ** 2, (j, 1, n)), "sum[j:n] x[j]^2"),
    ("1..n, its own value", Sum(j * x[j], (j, 1, n)), "sum[j:n] at(j + 1)*x[j]"),
    ("a part of an axis", Sum(x[j], (j, 0, n - 1)) + Sum(x[j], (j, 1, n - 1)), "sum[j:n - 1] x[j + 1] + sum[j:n] x[j]"),
    ("j < i", Sum(x[i] * Sum(x[j], (j, 0, i - 1)), (i, 0, n - 1)), "sum[i:n] x[i]*(sum[j:n | j < i] x[j])"),
    ("declared Idx", Sum(x[Idx("i", n)], (Idx("i", n), 0, n - 1)), "sum[i:n] x[i]"),
    ("relu", Max(0, Symbol("u", real=True)), "relu(u[])"),
    ("maximum", Max(Symbol("u", real=True), Symbol("v", real=True)), "maximum(u[], v[])"),
    ("cases", Piecewise((x[i], x[i] > 0), (0, True)), "{x[i] if 0 < x[i]; 0}"),
    ("indicator", Piecewise((1, x[i] > 0), (0, True)), "[0 < x[i]]"),
    ("label", log(s[i, t[i]]), "log(s[i, t[i]])"),
    ("rational", Rational(3, 2) * x[i], "3/2*x[i]"),
    ("decimal", 0.1 * x[i], "1/10*x[i]"),
    ("two limits", Sum(x[i, j], (j, 0, C - 1), (i, 0, n - 1)), "sum[i:n, j:C] x[i, j]"),
    ("size as number", x[i] / (n - 1), "x[i]/size(n - 1)"),
    ("product", Product(x[j], (j, 0, n - 1)), "prod[j:n] x[j]"),
    ("shape", IndexedBase("x", shape=(n, C))[i, j], "x[i, j]"),
    ("slot", x[2 * i + 1], "x[2*i + 1]"),
    ("an op by name", sympy.Function("sigmoid")(x[i]), "sigmoid(x[i])"),
]


@pytest.mark.parametrize(("e", "text"), [row[1:] for row in READ], ids=[row[0] for row in READ])
def test_read(e, text):
    scope = {"i": index("i", n.name), "j": index("j", C.name)}
    found, wanted = from_sympy(e, scope), formula_in(text, scope)
    assert found == wanted, f"{found} instead of {wanted}"


def formula_in(text, scope):
    from derive.notation import parse

    return parse(text, scope)


REFUSED = [
    ("text", "x[i]", Usage),
    ("whole array", x, Usage),
    ("unknown function", sympy.Function("f")(x[i]), Unsupported),
    ("SymPy function without op", sympy.gamma(x[i]), Unsupported),
    ("complex", sympy.I * x[i], Unsupported),
    ("no last case", Piecewise((x[i], x[i] > 0)), Unsupported),
    ("moving range of nothing", Sum(j, (j, 0, i)), ShapeUnknown),
    ("two lengths", Sum(x[j], (j, 0, n - 1)) + Sum(x[k], (k, 0, C - 1)), ShapeMismatch),
    ("product of letters", Sum(x[i * j], (i, 0, n - 1), (j, 0, n - 1)), Unsupported),
]


@pytest.mark.parametrize(("e", "problem"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused(e, problem):
    with pytest.raises(problem):
        from_sympy(e)


# ---------------------------------------------------------------- the authority of the op table

SMOOTH = [row for row in OPS if row.arity and row.name != "floor"]
POINTS = [(Rational(3, 7), Rational(8, 9)), (Rational(-5, 4), Rational(1, 3)), (Rational(11, 6), Rational(-2, 5))]


def bare(row: Op) -> Op:
    """The row without its textbook slope, so that SymPy must find it."""
    return Op(row.name, row.args, row.meaning, sympy=row.sympy)


def at_points(e, row):
    """Values of a slope at points inside the domain, to 30 digits, the output y put in."""
    names = {name: Symbol(name, real=True) for name in row.args.split()}
    value = to_sympy(formula_in(f"{row.name}({', '.join(f'{u}[]' for u in names)})", {}), names)
    e = to_sympy(e, {**names, "y": value})
    for point in POINTS:
        if not row.domain or point[0] > 0:
            yield sympy.N(e.subs(dict(zip(names.values(), point, strict=False))), 30)


@pytest.mark.parametrize("row", SMOOTH, ids=[row.name for row in SMOOTH])
def test_slopes_are_those_of_sympy(row):
    for given, found in zip(row.slopes, slopes_by_sympy(bare(row)), strict=True):
        for u, v in zip(at_points(given, row), at_points(found, row), strict=True):
            assert abs(u - v) < 1e-25


@pytest.mark.parametrize("row", [r for r in SMOOTH if not r.kink], ids=[r.name for r in SMOOTH if not r.kink])
def test_slopes_are_equal_by_simplify(row):
    names = {name: Symbol(name, real=True) for name in row.args.split()}
    value = to_sympy(formula_in(f"{row.name}({', '.join(f'{u}[]' for u in names)})", {}), names)
    for u, given in zip(names.values(), row.slopes, strict=True):
        gap = to_sympy(given, {**names, "y": value}) - sympy.diff(value, u)
        assert sympy.simplify(gap.rewrite(exp)) == 0


WRITTEN = [("sigmoid", "y*(1 - y)"), ("tanh", "1 - y^2"), ("softplus", "sigmoid(u)"), ("sinh", "cosh(u)"), ("exp", "y"),
           ("relu", "[0 < u]"), ("tan", "1 + y^2"), ("abs", "sign(u)"), ("log1p", "1/(u + 1)")]  # fmt: skip


@pytest.mark.parametrize(("name", "text"), WRITTEN)
def test_slopes_as_a_person_writes_them(name, text):
    from derive.notation import parse

    assert slopes_by_sympy(bare(OPS[name])) == (parse(text, scalars=("u", "v", "y")),)


# ---------------------------------------------------------------- SymPy as a forward pass

ONE = [Eq(Sum(y[j], (j, 0, C - 1)), 1)]
LOSSES = [  # id, definitions, facts, by, entry, where
    ("softmax cross-entropy", {s[i]: P, "L": symbolic.cross_entropy(s[i], y[i], (i, C))}, ONE, x, x[a]),
    ("any target", {s[i]: P, "L": symbolic.cross_entropy(s[i], y[i], (i, C))}, [], x, x[a]),
    ("labels", {s[i, j]: PB, "L": -Sum(log(s[i, t[i]]), (i, 0, n - 1)) / n}, [], x, x[a, b]),
    ("squares", {"L": Sum((x[i] - Symbol("mu")) ** 2, (i, 0, n - 1)) / n}, [], x, x[a]),
    ("log sum exp", {"L": log(Sum(exp(x[i]), (i, 0, C - 1)))}, [], x, x[a]),
]


def engine_gradient(given, facts, array):
    """The engine's gradient with the gradients between put in, as SymPy over the letters a, b."""
    found = close(differentiate(program_from_sympy(given, facts=facts)))
    name = str(array.label)
    d = found.closed.get(name) or found.derivations[name]
    known = {f"∂{m}": e for m, e in found.derivations.items()}
    from derive import expr as E

    def put(u):
        inner = known.get(u.name)
        if inner is None:
            return None
        slots = dict(zip(inner.indices, u.slots, strict=True))
        return E.replace_entries(E.substitute(E.refresh(inner.result), slots), put)

    return to_sympy(E.replace_entries(d.result, put), dict(zip(d.indices, (a, b), strict=False)))


def sympy_loss(given):
    """The loss with every name written out, and the names as `where` wants them."""
    *names, (_, loss) = given.items()
    return loss, dict(names)


def written_out(loss, where):
    from derive.symbolic import _rewrite

    for name, value in reversed(where.items()):
        loss = _rewrite(loss, name, value)
    return loss


@pytest.mark.parametrize(("given", "facts", "array", "entry"), [row[1:] for row in LOSSES], ids=[r[0] for r in LOSSES])
@pytest.mark.parametrize("size", [2, 3])
def test_the_engine_equals_the_sympy_deriver(given, facts, array, entry, size):
    loss, where = sympy_loss(given)
    theirs = written_out(symbolic.gradient(loss, entry, where=where, facts=facts), where)
    ours = written_out(engine_gradient(given, facts, array), where)
    for place in itertools.product(range(size), repeat=len(entry.indices)):
        put = dict(zip((a, b), place, strict=False))
        gap = (ours - theirs).subs(put).subs({n: size, C: size}).doit()
        assert abs(sympy.N(numbers(gap, t, size), 20)) < 1e-12


def numbers(e, labels, size):
    """Labels first, then every other entry as a fixed rational; what sums to one does so."""
    e = e.subs({labels[m]: (m + 1) % size for m in range(size)}).doit()
    entries = sorted((u for u in e.atoms(sympy.Indexed) if u.base != y), key=str)
    e = e.subs({u: Rational(3 + 2 * m, 7) for m, u in enumerate(entries)})
    weights = {y[m]: Rational(2 * (m + 1), size * (size + 1)) for m in range(size)}
    return e.subs(weights).subs(Symbol("mu"), Rational(5, 3))


@pytest.mark.parametrize(("size"), [2, 3])
def test_softmax_cross_entropy_equals_the_unrolled_jacobian(size):
    given = {s[i]: P, "L": symbolic.cross_entropy(s[i], y[i], (i, C))}
    ours = written_out(engine_gradient(given, [], x), {s[i]: P})
    u, w = sympy.symbols(f"u:{size}", real=True), sympy.symbols(f"w:{size}", real=True)
    total = sum(map(exp, u))
    loss = -sum(w[m] * log(exp(u[m]) / total) for m in range(size))
    true = sympy.Matrix([loss]).jacobian(list(u))
    for m in range(size):
        names = {x[q]: u[q] for q in range(size)} | {y[q]: w[q] for q in range(size)}
        own = ours.subs(a, m).subs(C, size).doit().subs(names)
        assert sympy.simplify(own - true[m]) == 0


def test_for_all_sizes_the_engine_writes_what_sympy_writes():
    given = {s[i]: P, "L": symbolic.cross_entropy(s[i], y[i], (i, C))}
    theirs = symbolic.gradient(given["L"], x[a], where={s[i]: P}, facts=ONE)
    assert symbolic.same(engine_gradient(given, ONE, x), theirs)
    assert theirs == s[a] - y[a]


PROGRAMS = [
    ("softmax", P, "input x[C]\nL[i:C] = exp(x[i])/(sum[j:C] exp(x[j]))\noutput L\n"),
    ("free length", exp(x[i]), "input x[m]\nL[i:m] = exp(x[i])\noutput L\n".replace("m", "n")),
    ("labels", {"L": -Sum(log(s[i, t[i]]), (i, 0, n - 1))},
     None),
    ("list of equations", [Eq(s[i], exp(x[i])), Eq(Symbol("L"), Sum(s[i], (i, 0, n - 1)))],
     "input x[n]\ns[i:n] = exp(x[i])\nL[] = sum[i:n] s[i]\noutput L\n"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "text"), [row[1:] for row in PROGRAMS], ids=[row[0] for row in PROGRAMS])
def test_programs(given, text):
    if text is None:
        with pytest.raises(ShapeUnknown):
            program_from_sympy(given)
        assert "input t[n] int < C" in program_text(program_from_sympy(given, shapes={"s": "n C"}))
        return
    assert program_text(program_from_sympy(given)) == text


BAD_PROGRAMS = [
    ("text inside", {"L": "x[i]"}, Usage),
    ("a letter too many", {s[i]: x[i, j]}, Usage),
    ("no name", {exp(x[i]): x[i]}, Usage),
    ("empty", 3, Usage),
]


@pytest.mark.parametrize(("given", "problem"), [row[1:] for row in BAD_PROGRAMS], ids=[row[0] for row in BAD_PROGRAMS])
def test_bad_programs(given, problem):
    with pytest.raises(problem):
        program_from_sympy(given)


def test_every_refusal_is_a_problem():
    assert all(issubclass(row[2], Problem) for row in REFUSED + BAD_PROGRAMS)
