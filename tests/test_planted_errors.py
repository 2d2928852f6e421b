"""Deliberate errors, planted one at a time; each must be noticed by the judges."""

from dataclasses import replace

import pytest

from derive import engine
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
