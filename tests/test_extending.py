"""Growing the house from outside: an op is one row, a rule is one function, and both are judged like our own."""

import numpy as np
import pytest

import derive
from derive import expr as x
from derive.engine import differentiate
from derive.errors import Usage
from derive.judging import judge
from derive.ops import OPS, Op
from derive.program import parse_program
from derive.rule import RULES, Move, rule


@pytest.fixture
def without_softplus():
    kept = OPS["softplus"]
    OPS.remove("softplus")
    yield
    if "softplus" in OPS:
        OPS.remove("softplus")
    OPS.add(kept)


def test_softplus_is_one_row(without_softplus):
    OPS.add(Op("softplus", meaning="log(1 + exp(u))", numpy="np.logaddexp(0, {u})"))
    source = "def forward(z):\n    # shapes: z (n,)\n    a = softplus(z)\n    L = (a ** 2).sum()\n    return L\n"
    source = "import torch.nn.functional as F\n\n\n" + source.replace("softplus(z)", "F.softplus(z)")
    d = derive.differentiate(derive.read(source))
    assert d["z"].certainty == "proved"
    z = np.random.default_rng(0).normal(size=5)
    _, found = d.function(style="steps")(z=z)
    true = 2 * np.log1p(np.exp(z)) / (1 + np.exp(-z))
    np.testing.assert_allclose(found["z"], true, rtol=1e-12)


def test_a_wrong_slope_is_refused():
    with pytest.raises(derive.Problem):
        derive.op("cubed", meaning="u^3", slope="2*u^2", numpy="{u} ** 3")
    assert "cubed" not in OPS


def test_a_users_op_is_judged_and_used():
    derive.op("cubed", meaning="u^3", slope="3*u^2", numpy="{u} ** 3")
    try:
        d = derive.differentiate(derive.read("def forward(z):\n    # shapes: z (n,)\n    L = cubed(z).sum()\n    return L\n"))
        assert str(d["z"].expr) == "3*z[i]^2"
    finally:
        OPS.remove("cubed")


def test_two_rows_cannot_share_a_name():
    with pytest.raises(Usage):
        OPS.add(Op("swish", meaning="u", numpy="{u}"))


def test_a_rule_is_one_function():
    @rule("slope of tanh by cosh", "1 - tanh(x[i])^2 = cosh(x[i])^(-2)", "1 - tanh(x[i])^2 -> cosh(x[i])^(-2)", (x.Add,),
          phase="tidy")  # fmt: skip
    def slope_by_cosh(e, context):
        """One less the square of tanh is one over the square of cosh."""
        if len(e.terms) == 2 and e.terms[0] == x.ONE:
            for t in x.walk(e.terms[1]):
                if isinstance(t, x.Call) and t.op == "tanh" and e.terms[1] == x.negate(t**2):
                    return Move(x.Call("cosh", t.args) ** -2)
        return None

    try:
        program = parse_program("input z[n]\nL[] = sum[i:n] tanh(z[i])\noutput L")
        found = judge(differentiate(program)).derivations["z"]
        assert slope_by_cosh.name in [s.rule for s in found.steps]
        assert str(found.result) == "cosh(z[i])^(-2)"
        assert found.certainty in ("proved", "tested")
    finally:
        RULES.remove("slope of tanh by cosh")
