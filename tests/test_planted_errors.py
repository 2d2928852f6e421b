"""Deliberate errors, planted one at a time; each must be noticed by the judges."""

from dataclasses import replace
from fractions import Fraction

import pytest

from derive import api, collapsing, engine, factoring, monomials, refining
from derive import expr as x
from derive.closing import close
from derive.derivation import Rewriter
from derive.engine import differentiate
from derive.errors import Refuted
from derive.judging import judge
from derive.ops import OPS
from derive.program import parse_program
from derive.rule import RULES, Move

PASS = """
input X[n, d]
input W[d, C]
input b[C]
input y[n] int < C
Z[i:n, j:C] = (sum[k:d] X[i, k]*W[k, j]) + b[j]
H[i:n, j:C] = tanh(Z[i, j])
G[i:n, j:C] = H[i, j]*sin(H[i, j])
R[i:n, j:C] = G[i, j]/(2 + G[i, j]^2)
E[i:n, j:C] = exp(R[i, j])
s[i:n, o:1] = sum[j:C] E[i, j]
P[i:n, j:C] = E[i, j]/s[i, 0]
Q[i:n, j:C] = log(P[i, j])
L[] = -1/n*sum[i:n] Q[i, y[i]]
output L
"""


def derived():
    return judge(close(differentiate(parse_program(PASS))))


def test_without_an_error_nothing_is_refuted():
    found = derived()
    assert {d.certainty for d in [*found.derivations.values(), *found.closed.values()]} == {"proved"}


def bend_rule(name: str, change):
    """Replace a rule's function by one that changes what it finds."""

    def plant(monkeypatch):
        rule = RULES[name]

        def bent(e, context):
            move = rule.apply(e, context)
            return None if move is None else replace(move, after=change(move.after))

        monkeypatch.setitem(RULES.rows, name, replace(rule, apply=bent))

    return plant


def bend_op(name: str, slope: str):
    """Give an op row another slope."""

    def plant(monkeypatch):
        row = replace(OPS[name], slope=slope)
        monkeypatch.setitem(OPS._rows, name, row)

    return plant


def first_term(e: x.Expr) -> x.Expr:
    return e.terms[0] if isinstance(e, x.Add) else e


def without_number(e: x.Expr) -> x.Expr:
    factors = e.factors if isinstance(e, x.Mul) else (e,)
    return x.mul(*(f for f in factors if not isinstance(f, x.Num)))


def without_last_delta(e: x.Expr) -> x.Expr:
    if isinstance(e, x.Mul) and len(e.factors) > 1:
        return x.mul(*e.factors[:-1])
    return x.ONE


def forget_a_path(monkeypatch):
    plain = engine.Program.uses
    monkeypatch.setattr(engine.Program, "uses", lambda self, name: plain(self, name)[:1])


def sum_where_none_belongs(monkeypatch):
    """Un-broadcasting the wrong way round: the gradient of a broadcast array keeps no sum."""
    plain = Rewriter.start

    def start(self, rule, line, **notes):
        while isinstance(line, x.Reduce) and self.context.target == "∂b":
            line = x.substitute(line.body, {line.index: x.whole_slot(0)})
        plain(self, rule, line, **notes)

    monkeypatch.setattr(Rewriter, "start", start)


def cancel_too_much(monkeypatch):
    rule = RULES["cancel"]

    def bent(e, context):
        move = rule.apply(e, context)
        return None if move is None else Move(x.mul(x.num(2), move.after), move.instance)

    monkeypatch.setitem(RULES.rows, "cancel", replace(rule, apply=bent))


# fmt: off
ERRORS = {
    "product rule loses a term":              bend_rule("product rule", first_term),
    "power rule loses the exponent":          bend_rule("power rule", without_number),
    "quotient rule loses a term":             bend_rule("quotient rule", lambda e: x.mul(*(first_term(f) for f in e.factors))),
    "derivative of an entry loses a delta":   bend_rule("derivative of an entry", without_last_delta),
    "linearity changes the sign":             bend_rule("linearity", x.negate),
    "tanh with the wrong slope":              bend_op("tanh", "1 + y^2"),
    "exp with the argument for the slope":    bend_op("exp", "u"),
    "log with the square of the slope":       bend_op("log", "1/u^2"),
    "a delta contracts to the next entry":    bend_rule("a delta collapses its sum", lambda e: x.mul(x.num("1/2"), e)),
    "a path is forgotten":                    forget_a_path,
    "no sum over the broadcast axis":         sum_where_none_belongs,
    "cancelling leaves a factor":             cancel_too_much,
    "calling the wrong thing by name":        bend_rule("call by name", lambda e: x.power(e, x.num(2))),
    "factoring out a wrong sign":             bend_rule("factor out", x.negate),
}
# fmt: on


@pytest.mark.parametrize("error", ERRORS, ids=list(ERRORS))
def test_planted_error_is_refuted(error, monkeypatch):
    ERRORS[error](monkeypatch)
    with pytest.raises(Refuted):
        derived()


# ---------------------------------------------------------------- errors in the search for closed forms

NORM = """import numpy as np


def forward(x):
    # shapes: x (n,)
    mu = x.mean()
    minus = -mu
    var = ((x + minus) * (x - mu)).mean()
    xhat = (x + minus) / np.sqrt(var + 1)
    return xhat
"""
LOGISTIC = """import numpy as np


def forward(X, w, y):
    # shapes: X (n, d) · w (d,) · y (n,)
    p = 1 / (1 + np.exp(-(X @ w)))
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
"""
SHARE = """import numpy as np


def forward(x, y):
    # shapes: x (n, C) · y int (n,)
    e = np.exp(x)
    return -np.log((e / e.sum(axis=1, keepdims=True))[np.arange(len(y)), y]).sum()
"""
SIGMOID = """import numpy as np


def forward(z, y):
    # shapes: z (n,) · y (n,)
    e = np.exp(-z)
    s = 1 / (1 + e)
    r = 1 - s
    return -(y * np.log(s) + (1 - y) * np.log(r)).sum()
"""


def bend(place, name: str, change):
    """Replace a function or method by one that changes what it returns."""

    def plant(monkeypatch):
        plain = getattr(place, name)
        monkeypatch.setattr(place, name, lambda *given: change(plain(*given)))

    return plant


def doubled(terms):
    return [m.scaled(Fraction(2)) for m in terms]


def forget_the_length(monkeypatch):
    """What does not vary under a sum is taken once, not as often as the sum has terms."""
    plain = monomials.summed
    monkeypatch.setattr(monomials, "summed", lambda m, i: plain(m, i) if any(i in b.free for b, _ in m.powers) else m)


def call_anything_of_the_shape(monkeypatch):
    """A bracket is called by the name of any other that holds as many parts."""
    monkeypatch.setattr(refining, "_shape", lambda e: type(e).__name__)
    plain = refining.match

    def match(pattern, e, variables):
        found = plain(pattern, e, variables)
        loose = isinstance(pattern, x.Add) and isinstance(e, x.Add) and pattern.free == frozenset(variables)
        letters = dict(zip(variables, sorted(e.free, key=lambda i: i.number), strict=False))
        return letters if found is None and loose and len(letters) == len(variables) else found

    monkeypatch.setattr(refining, "match", match)


# fmt: off
SEARCH_ERRORS = {
    "a name comes with a factor":                (bend(collapsing.Search, "_put_name", lambda f: (doubled(f[0]), f[1]) if f[1] else f), NORM),
    "a sum is called by the wrong name":         (bend(collapsing.Search, "_put_sum", lambda f: (f[0][:-1], f[1]) if f[1] else f), SIGMOID),
    "a definition is written out twice over":    (bend(refining.Definition, "at", doubled), SHARE),
    "a definition loses its last term":          (bend(refining.Definition, "at", lambda t: t[:-1] if len(t) > 1 else t), NORM),
    "a constant sum comes to one more":          (bend(collapsing.Search, "sum_of", lambda f: f and ([*f[0], monomials.ONE], f[1])), NORM),
    "a sum over nothing is taken once":          (forget_the_length, NORM.replace("(n,)", "(n, d)").replace("mean()", "mean(axis=0)")),
    "the opposite under a second name":          (bend(refining.Atoms, "_first", lambda m: m and m.scaled(Fraction(-1))), NORM),
    "a bracket called by another's name":        (call_anything_of_the_shape, LOGISTIC),
    "equal factors as a cube":                   (bend(refining, "together", lambda e: x.power(e, x.num(3))), NORM),
    "too much cancels beside a delta":           (bend(collapsing.Search, "_beside", lambda t: doubled(t) if len(t[0].powers) < 3 else t), SHARE),
    "one sum comes with a factor":               (bend(factoring, "_summed", lambda e: x.mul(x.num(2), e)), LOGISTIC),
}
# fmt: on


@pytest.mark.parametrize("source", [NORM, LOGISTIC, SHARE, SIGMOID], ids=["norm", "logistic", "share", "sigmoid"])
def test_without_an_error_every_step_of_the_search_is_proved(source):
    assert api.differentiate(source).certainty == "proved"


@pytest.mark.parametrize("error", SEARCH_ERRORS, ids=list(SEARCH_ERRORS))
def test_planted_error_in_the_search_is_refuted(error, monkeypatch):
    plant, source = SEARCH_ERRORS[error]
    plant(monkeypatch)
    with pytest.raises(Refuted):
        api.differentiate(source)


# ---------------------------------------------------------------- errors that no judge of steps can see


SOURCE = """import numpy as np


def forward(X, y):
    # shapes: X (n, C) · y int (n,)
    E = np.exp(X)
    s = E.sum(axis=1, keepdims=True)
    P = E / s
    L = -np.log(P[np.arange(len(y)), y]).mean()
    return L
"""


def misread_axis(monkeypatch):
    """The reader sums over the other axis than the source says."""
    from derive.readers import arrays

    plain = arrays.reduced

    def bent(run, op, a, axis, keep, *rest):
        return plain(run, op, a, 0 if axis in (1, (1,)) else axis, keep, *rest)

    monkeypatch.setattr(arrays, "reduced", bent)


def misprinted_sum(monkeypatch):
    """The writer of code loses a sign."""
    from derive import api

    plain = api.WRITERS["numpy"]
    monkeypatch.setitem(api.WRITERS, "numpy", lambda g, style: plain(g, style).replace(" -= ", " += "))


@pytest.mark.parametrize("plant", [misread_axis, misprinted_sum], ids=["a misread axis", "a lost sign in the code"])
def test_errors_outside_the_engine_fail_the_verification(plant, monkeypatch):
    import derive

    assert derive.differentiate(derive.read(SOURCE)).verification.fine
    plant(monkeypatch)
    try:
        found = derive.differentiate(derive.read(SOURCE)).verification
    except derive.Problem:
        return
    assert not found.fine
