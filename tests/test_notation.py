"""The engine's notation reads back: rows, and random formulas."""

import blackboard as board
import pytest
from hypothesis import given
from hypothesis import strategies as st

from derive import expr as x
from derive.errors import BadNotation
from derive.index import Index, Size
from derive.notation import equation_text, letters, parse, parse_equation, parse_size, text
from derive.program import parse_program, program_text

ROWS = """
sum[l:C] y[l]*log(s[l])
-1/n*sum[m:n] Q[m, Y[m]]
[i = k]
{x[i] if 0 < x[i]; 0}
D(log(s[i]), s[k])
x[i]^2*exp(-x[i])/(1 + exp(x[i]))
1/size(n - 1)*x[i]
sum[r:E*T] x[r//E, r%E]
emb[i, (t:T, e:E)]
x[argmax[l:C](x[l])]
sum[l:C | l < j] x[l]
x[2*i + 1] - x[i]
1/3*(a[] + b[])*(c[] - d[])
-1/2/(x[i] + 1)
[x[i] < 0 and (i = k or x[k] != 1)]
(sum[l:C] x[l])*x[i]
-x[i]^2
(-x[i])^2
x[i]^(-1/2)
{a[] if i = k; b[] if i < k; -inf}
[not (i < k and k < m)]
`max`[i]*`sum`[]
""".strip().splitlines()


@pytest.mark.parametrize("row", ROWS)
def test_reads_back(row):
    e = board.formula(row)
    assert parse(text(e), {name: i for i, name in letters(e).items()}) == e


@pytest.mark.parametrize("row", [r for r in ROWS if "`" not in r and "not" not in r])
def test_prints_as_written(row):
    assert text(board.formula(row)) == row


# fmt: off
SAME = [
    ("sum[l:C] x[l]*y[l]",            "sum[c2:C] y[c2]*x[c2]",           True),
    ("x[i] + y[i]",                   "y[i] + x[i]",                     True),
    ("x[i] - y[i]",                   "y[i] - x[i]",                     False),
    ("x[i]",                          "x[k]",                            False),
    ("sum[l:C] x[l]",                 "sum[l:n] x[l]",                   False),
    ("[i = k]",                       "[k = i]",                         True),
    ("[i < k]",                       "[k < i]",                         False),
    ("sum[a:n] sum[b:n] M[a, b]*x[a]", "sum[b:n] sum[a:n] M[b, a]*x[b]", True),
    ("sum[a:n] sum[b:n] M[a, b]*x[a]", "sum[a:n] sum[b:n] M[a, b]*x[b]", False),
]
BAD = [
    ("x[i", 4, "expected `,`"), ("x[i] +", 7, "the end"), ("sum[l C] x[l]", 7, "expected `:`"), ("x[i] $ 2", 6, "not part"),
    ("", 1, "the end"), ("exp(x[i]", 9, "expected `)`"), ("[x[i]]", 6, "comparison"), ("D(x[i])", 8, "D takes"),
    ("x[i*k]", 6, "index position"), ("x[i] y[i]", 6, "does not continue"),
]
# fmt: on


@pytest.mark.parametrize("a, b, equal", SAME)
def test_equality_is_up_to_renaming_and_commuting(a, b, equal):
    assert (board.formula(a) == board.formula(b)) is equal


@pytest.mark.parametrize("source, column, what", BAD)
def test_bad_notation_names_its_column(source, column, what):
    with pytest.raises(BadNotation) as caught:
        board.formula(source)
    assert caught.value.column == column and what in str(caught.value)


@pytest.mark.parametrize("row", ["n", "3", "T*E", "(H - KH)//s + 1", "C//G", "n - 1", "2*n*n + 3", "-n", "(a + b)*c"])
def test_sizes_read_back(row):
    assert parse_size(str(parse_size(row))) == parse_size(row)


def test_capture_is_avoided():
    inner = parse("sum[l:C] x[l]*y[j]", [board.SCOPE["j"]])
    moved = x.substitute(inner, {board.SCOPE["j"]: inner.index})
    assert moved.free == {inner.index} and text(moved).count("y[l]") == 1


INDICES = [board.SCOPE[name] for name in "ikjl"]


def _slots(depth: int):
    plain = st.sampled_from(INDICES)
    if depth == 0:
        return plain
    inner = _slots(depth - 1)
    return st.one_of(
        plain,
        st.builds(lambda s, c: x.affine([(s, Size.of(2))], c), inner, st.integers(-3, 3)),
        st.builds(lambda s: x.Entry("Y", (s,)), inner),
        st.builds(lambda a, b: x.join([(a, Size.of("n")), (b, Size.of("C"))]), inner, inner),
        st.builds(lambda a: x.part(a, Size.of("E"), Size.of("T")), inner),
    )


def _expressions(depth: int):
    leaf = st.one_of(
        st.fractions(-3, 3, max_denominator=4).map(x.Num),
        st.builds(lambda s: x.Entry("x", (s,)), _slots(1)),
        st.builds(lambda a, b: x.Entry("M", (a, b)), _slots(1), _slots(1)),
        st.sampled_from([x.size("n"), x.size(Size.of("n") - 1), x.Entry("a", ())]),
    )
    if depth == 0:
        return leaf
    e = _expressions(depth - 1)
    cond = st.builds(x.rel, st.sampled_from(["eq", "lt", "le"]), st.one_of(_slots(1), e), st.one_of(_slots(1), e))

    def reduced(op: str, body: x.Expr, old: Index, guard):
        i = old.fresh()
        return x.reduce_(op, i, x.substitute(body, {old: i}), None if guard is None else x.substitute(guard, {old: i}))

    return st.one_of(
        leaf,
        st.builds(lambda a, b: x.add(a, b), e, e),
        st.builds(lambda a, b: x.mul(a, b), e, e),
        st.builds(lambda a, n: x.power(a, x.Num(n)), e, st.fractions(-2, 3, max_denominator=2)),
        st.builds(lambda a: x.Call("exp", (a,)), e),
        st.builds(reduced, st.sampled_from(["sum", "max", "prod"]), e, st.sampled_from(INDICES), st.none() | cond),
        st.builds(lambda c: x.indicator(c), cond),
        st.builds(lambda c, a, b: x.cases([(c, a)], b), cond, e, e),
        st.builds(lambda a: x.D(a, x.Entry("x", (INDICES[0],))), e),
    )


@given(_expressions(3))
def test_random_formulas_read_back(e):
    names = letters(e)
    assert parse(text(e, names), {name: i for i, name in names.items()}) == e


def test_equations_read_back():
    line = "Z[i:n, j:C] = sum[k:D] X[i, k]*W[k, j] + b[j]"
    assert equation_text(*parse_equation(line)) == line


def test_programs_read_back():
    source = "input x[n]\ninput y[n] int < C\ninput Y[n, C]\nz[i:n] = exp(x[i])\nfact sum[c] Y[i,c] = 1\noutput z\n"
    assert program_text(parse_program(source)) == source


@pytest.mark.parametrize("bad, line", [("input x[n]\nz[i:n] = exp(x[i]", 2), ("z[i:n = 3", 1)])
def test_bad_programs_name_their_line(bad, line):
    with pytest.raises(BadNotation) as caught:
        parse_program(bad)
    assert caught.value.line == line
