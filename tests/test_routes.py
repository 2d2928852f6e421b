"""Routes: the same gradient as people derive it, each proved to end where the engine does, on programs of many kinds."""

from dataclasses import replace

import pytest
from test_generated import ROOT

import derive
from derive import expr as x
from derive import route_table
from derive.errors import Refuted, Usage
from derive.notation import text
from derive.program import parse_program
from derive.route_table import ROUTES, routed, routes_for, wanted_route
from derive.writers.asides import lemmas
from derive.writers.columns import EQUALS, in_rows
from derive.writers.document import Lemma, Line
from derive.writers.latex import report_files
from derive.writers.layout import Num, width
from derive.writers.pdf import compile_tex, find_tex
from derive.writers.text import report_text
from derive.writers.text_formula import text as plain
from derive.writers.typst import compile_typst, report_typst

PROGRAMS = {
    "ratio": "input a[n]\ninput b[n]\nL[] = sum[i:n] a[i]/(1 + b[i]^2)\noutput L",
    "mean of squares over mean": "input x[n]\nu[] = sum[i:n] x[i]^2\nv[] = sum[i:n] exp(x[i])\nL[] = u[]/v[]\noutput L",
    "product": "input x[n]\nfact x > 0\nL[] = prod[i:n] x[i]\noutput L",
    "power": "input x[n]\nfact x > 0\nL[] = sum[i:n] x[i]^x[i]\noutput L",
    "product of exponentials": "input x[n]\nL[] = sum[i:n] exp(x[i])*(1 + exp(x[i]))\noutput L",
    "picked": "input x[n, C]\ninput t[n] int < C\nL[] = sum[i:n] x[i, t[i]]^2\noutput L",
    "one-hot": "input x[n, C]\ninput Y[n, C]\nfact onehot Y\nL[] = sum[i:n] (log(sum[j:C] exp(x[i, j])) "
               "- sum[j:C] Y[i, j]*x[i, j])\noutput L",
    "linear": "input X[n, d]\ninput W[d, C]\nZ[i:n, j:C] = sum[k:d] X[i, k]*W[k, j]\n"
              "L[] = sum[i:n] sum[j:C] Z[i, j]^3\noutput L",
    "two uses": "input W[n, n]\nZ[i:n, j:n] = sum[k:n] W[i, k]*W[k, j]\nL[] = sum[i:n] sum[j:n] Z[i, j]^2\noutput L",
    "gather": "input E[V, d]\ninput t[n] int < V\nL[] = sum[i:n] sum[k:d] E[t[i], k]^2\noutput L",
}  # fmt: skip
EXAMPLES = {"nll": "single_sample_nll", "soft": "softmax_cross_entropy", "batch": "batch_cross_entropy", "softmax": "softmax_jacobian",
            "makemore": "makemore"}  # fmt: skip

# fmt: off
RESULTS = [
    ("nll",      "l",      "log trick",     "p[i] - [y[] = i]"),
    ("nll",      "l",      "quotient rule", "p[i] - [y[] = i]"),
    ("nll",      "l",      "product rule",  "p[i] - [y[] = i]"),
    ("nll",      "l",      "two cases",     "{p[y[]] - 1 if i = y[]; p[i]}"),
    ("nll",      "l",      "in one go",     "p[i] - [y[] = i]"),
    ("nll",      "l",      "differentials", "∂e[i]*e[i]"),
    ("nll",      "l",      "chain",         "∂e[i]*e[i]"),
    ("soft",     "x",      "log trick",     "s[i] - y[i]"),
    ("soft",     "x",      "product rule",  "s[i] - y[i]"),
    ("batch",    "Z",      "log trick",     "1/N*(P[i, j] - [y[i] = j])"),
    ("batch",    "Z",      "quotient rule", "1/N*(P[i, j] - [y[i] = j])"),
    ("batch",    "Z",      "two cases",     "{1/N*(P[i, y[i]] - 1) if j = y[i]; P[i, j]/N}"),
    ("softmax",  "x",      "log trick",     "s[i]*([i = m] - s[m])"),
    ("softmax",  "x",      "quotient rule", "s[i]*([i = m] - s[m])"),
    ("softmax",  "x",      "two cases",     "{s[i]*(1 - s[i]) if m = i; -s[m]*s[i]}"),
    ("makemore", "norm_logits", "log trick", "1/n*(probs[i, j] - [Yb[i] = j])"),
    ("makemore", "W2",     "differentials", "sum[i:n] ∂logits[i, j]*h[i, q]"),
    ("ratio",    "b",      "in one go",     "-2*a[i]*(1 + b[i]^2)^(-2)*b[i]"),
    ("mean of squares over mean", "x", "quotient rule", None),
    ("mean of squares over mean", "x", "product rule",  None),
    ("product",  "x",      "log trick",     None),
    ("power",    "x",      "log trick",     None),
    ("product of exponentials", "x", "log trick", None),
    ("picked",   "x",      "two cases",     "{2*x[i, t[i]] if m = t[i]; 0}"),
    ("one-hot",  "x",      "two cases",     None),
    ("linear",   "W",      "differentials", "sum[i:n] ∂Z[i, j]*X[i, k]"),
    ("linear",   "X",      "differentials", None),
    ("two uses", "W",      "differentials", None),
    ("gather",   "E",      "differentials", None),
]
REFUSED = [
    ("linear",  "W", "log trick",     "no product or quotient of positive factors"),
    ("linear",  "W", "quotient rule", "no quotient whose numerator and denominator both vary"),
    ("ratio",   "a", "quotient rule", "no quotient"),
    ("soft",    "x", "two cases",     "no label picks an entry"),
    ("softmax", "x", "differentials", "of a scalar"),
    ("nll",     "l", "by magic",      "a way to derive"),
]
# fmt: on


@pytest.fixture(scope="module")
def gradients():
    made = {}

    def of(name):
        if name not in made:
            source = parse_program(PROGRAMS[name]) if name in PROGRAMS else ROOT / "examples" / f"{EXAMPLES[name]}.py"
            program = source if name in PROGRAMS else derive.read(source)
            from derive.closing import close
            from derive.engine import differentiate

            made[name] = close(differentiate(program))
        return made[name]

    return of


@pytest.mark.parametrize("program, array, route, expected", RESULTS, ids=[f"{r[0]} {r[1]} by {r[2]}" for r in RESULTS])
def test_a_route_ends_where_the_engine_does(program, array, route, expected, gradients):
    found = routed(gradients(program), route, array)
    assert found.certainty != "open"
    assert all(s.sure for s in found.steps)
    if expected is not None:
        assert text(found.expr) == expected


@pytest.mark.parametrize("program, array, route, why", REFUSED, ids=[f"{r[0]} {r[1]} by {r[2]}" for r in REFUSED])
def test_a_route_that_does_not_apply_says_which_do(program, array, route, why, gradients):
    with pytest.raises(Usage) as problem:
        routed(gradients(program), route, array)
    assert why in str(problem.value) and "in one go" in problem.value.hint


def test_each_route_makes_its_own_move(gradients):
    own = {"log trick": "logarithm of a quotient", "quotient rule": "quotient rule",
           "product rule": "product rule with the reciprocal", "two cases": "one case",
           "differentials": "exchange the sums"}  # fmt: skip
    steps = {route: {s.rule for s in routed(gradients("batch"), route, "Z").steps} for route in own}
    assert all(own[route] in rules for route, rules in steps.items())
    assert "quotient rule" not in steps["product rule"] | steps["log trick"]
    assert routes_for(gradients("batch"), "Z") == list(ROUTES)


def test_a_route_that_ends_elsewhere_is_refuted(gradients, monkeypatch):
    def wrong(task):
        legs, result = route_table.in_one_go(task)
        return legs, x.mul(x.num(2), result)

    monkeypatch.setitem(ROUTES, "in one go", route_table.Route("in one go", "", "", wrong))
    with pytest.raises(Refuted, match="ends elsewhere"):
        routed(gradients("batch"), "in one go", "Z")


def test_a_wrong_line_of_a_case_is_refuted(gradients, monkeypatch):
    """In the other case the delta is 0, not 1."""
    settle = route_table._settle
    monkeypatch.setattr(route_table, "_settle", lambda work, part, value, why: settle(work, part, x.ONE, why))
    with pytest.raises(Refuted, match="one case"):
        routed(gradients("picked"), "two cases", "x")


@pytest.mark.parametrize("said, meant", [("log trick", ("log trick", "")), ("Log-Trick: W1", ("log trick", "W1")),
                                         ("two_cases:logits", ("two cases", "logits"))])  # fmt: skip
def test_how_a_route_is_asked_for(said, meant):
    assert wanted_route(said) == meant


def test_routes_stand_beside_each_other_in_the_report():
    d = derive.differentiate(ROOT / "examples" / "batch_cross_entropy.py")
    assert d["Z"].route("log trick").expr == d["Z"].expr or "log trick" in d["Z"].routes
    d.add_route("log trick")
    d.add_route("quotient rule: Z")
    told = d.as_report(verified=False).lemmas[-1]
    assert [way.title for way in told.ways] == ["The logarithm trick", "The quotient rule"]
    assert "proved for all sizes" in plain(told.closing)


# ---------------------------------------------------------------- two beside each other


def _way(*ems):
    """A way whose lines are as wide, without the equals sign."""
    lines = tuple(Line(str(n), None, Num("7" * round((em - width(EQUALS)) / 0.51)), "rule", "") for n, em in enumerate(ems))
    return Lemma("way", "", (), lines=lines)


# fmt: off
BESIDE = [  # the widths of the lines of each way · the rooms of two columns, by size · how many stand in each row, in which size
    ([(10, 20), (20,)],         (45, 50), [(2, 0)]),
    ([(20,), (30,)],            (45, 50), [(2, 1)]),   # the next size, the columns not alike
    ([(20,), (40,)],            (45, 50), [(1, 0), (1, 0)]),
    ([(20,), (20,), (20,)],     (45, 50), [(2, 0), (1, 0)]),
    ([(40,), (20,), (20,)],     (45, 50), [(1, 0), (2, 0)]),
    ([(20,)] * 4,               (45, 50), [(2, 0), (2, 0)]),
    ([(2,), (42,)],             (45, 50), [(1, 0), (1, 0)]),  # a column too narrow for its words
]
# fmt: on


@pytest.mark.parametrize("ways, rooms, expected", BESIDE, ids=[str(row[0]) for row in BESIDE])
def test_which_ways_stand_beside_each_other(ways, rooms, expected):
    rows = in_rows([_way(*ems) for ems in ways], rooms)
    assert [(len(across.ways), across.size) for across in rows] == expected


@pytest.fixture(scope="module")
def two():
    d = derive.differentiate(ROOT / "examples" / "single_sample_nll.py", wrt="l")  # which has `# show: in one go l`
    d.add_route("log trick: l")
    return d


def test_two_routes_stand_under_one_heading_with_how_they_agree(two):
    told = next(lemma for lemma in two.as_report().lemmas if lemma.ways)
    assert (told.title, [way.title for way in told.ways]) == ("Two routes", ["In one go", "The logarithm trick"])
    assert [way.lines[-1].rhs for way in told.ways] == [told.ways[0].lines[-1].rhs] * 2
    said = plain(told.closing)
    assert said.startswith("Both end at") and f"step {told.used_in[0]}: proved for all sizes" in said


@pytest.mark.parametrize("write, pair", [
    (lambda report: report_files(report)["report.tex"], r"\dvpair{\dvwayhead{In one go}"),
    (report_typst, '#dvways('),
    (report_text, "Two routes."),
])  # fmt: skip
def test_every_writer_prints_both_and_the_agreement(two, write, pair):
    printed = write(two.as_report())
    assert pair in printed
    assert printed.index("In one go") < printed.index("The logarithm trick") < printed.index("Both end at")
    assert "proved for all sizes" in printed


def test_where_a_line_is_too_wide_they_stand_one_after_the_other(two, monkeypatch):
    monkeypatch.setattr("derive.writers.latex._WAYS", 60)
    printed = report_files(two.as_report())["report.tex"]
    assert r"\dvpair{\dvway" not in printed
    assert printed.index("In one go") < printed.index("The logarithm trick") < printed.index("Both end at")


def test_the_weakest_agreement_is_the_one_that_is_told(two):
    found = two._routes[0].finding
    weak = [found, replace(found, agrees="tested")]
    assert "tested, equal in exact arithmetic" in plain(lemmas(weak, two.gradients)[0].closing)


def test_the_columns_compile_within_their_edges(two):
    if find_tex("pdflatex") is None:
        pytest.skip("pdflatex with its packages is not installed")
    for reasons in ("margin", "below", "none"):
        compiled = compile_tex(report_files(two.as_report(), reasons=reasons), "pdflatex")
        assert compiled.pdf is not None and "Overfull" not in compiled.log, reasons


def test_typst_sets_the_columns(two):
    pytest.importorskip("typst", reason="the embedded PDF engine is not installed")
    assert compile_typst(report_typst(two.as_report())).startswith(b"%PDF")
