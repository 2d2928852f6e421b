"""Every rule fires in some derivation: in the examples, or in a row here that shows what it is for."""

import sys
from pathlib import Path

import pytest

import derive
from derive.closing import close
from derive.engine import differentiate
from derive.findings import findings
from derive.judging import judge
from derive.program import parse_program
from derive.route_table import routed
from derive.rule import RULES
from derive.scratch import attempt

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "generated"))
import remake  # noqa: E402

ROWS = {
    "known function": "input x[n]\nL[] = sum[i:n] 1/(1 + exp(-x[i]))\noutput L",
    "product rule": "input x[n]\nL[] = sum[i:n] x[i]*exp(x[i])\noutput L",
    "derivative of an exponential": "input x[n]\nL[] = sum[i:n] (1 + x[i]^2)^x[i]\noutput L",
    "derivative of a product over an index": "input x[n]\nL[] = prod[i:n] x[i]\noutput L",
    "derivative of cases": "input x[n]\nL[] = sum[i:n] {exp(x[i]) if 0 < x[i]; x[i]}\noutput L",
    "cases apart": "input x[T]\ns[t:T] = {0 if t = 0; x[t - 1]}\nL[] = sum[t:T] s[t]^2\noutput L",
    "a delta before its cases": "input x[n]\nL[] = sum[i:n] {exp(x[i]) if 0 < x[i]; x[i]}\noutput L",
    "zero beyond the last round": "input x[T]\nh[t:T] = {0 if t = 0; h[t - 1]} + x[t]\nL[] = sum[t:T] h[t]^2\noutput L",
    "sign of a ReLU": "input x[n]\ninput w[n]\nh[i:n] = relu(x[i]*w[i])\nL[] = sum[i:n] h[i]^2\noutput L",
    "sum of a constant": "input a[]\nL[] = sum[i:n] exp(a[])\noutput L",
    "one-hot rows sum to one": "input x[n, C]\ninput Y[n, C]\nL[] = sum[i:n] sum[j:C] Y[i, j]*sum[k:C] x[i, k]\n"
                               "fact onehot Y\noutput L",
    "solve a definition": "input x[n]\ne[i:n] = exp(-x[i])\nu[i:n] = 1 + e[i]\ns[i:n] = 1/u[i]\noutput s",
    "write out": "input z[n]\ninput y[n]\ns[i:n] = 1/(1 + exp(-z[i]))\nt[i:n] = 1 - s[i]\n"
                 "L[] = sum[i:n] (y[i]*log(s[i]) + (1 - y[i])*log(t[i]))\noutput L",
}  # fmt: skip


ROUTED = {
    "product rule": "input x[n]\nL[] = sum[i:n] x[i]/(1 + x[i]^2)\noutput L",
    "log trick": "input x[n]\nL[] = prod[i:n] exp(x[i])\noutput L",
}


def _fired(gradients) -> set[str]:
    found = [*gradients.derivations.values(), *gradients.carried.values(), *gradients.closed.values()]
    return {s.rule for d in found for s in d.steps}


@pytest.fixture(scope="module")
def fired() -> set[str]:
    found: set[str] = set()
    for name in remake.names():
        g = close(differentiate(derive.read(ROOT / "examples" / f"{name}.py")))
        found |= _fired(g) | {s.rule for f in findings(g) for d in f.derivations for s in d.steps}
    found |= {r.name for line in attempt("y[i]", "x[k]", []) for r in RULES if r.name in line}
    for row in ROWS.values():
        found |= _fired(judge(close(differentiate(parse_program(row)))))
    for route, row in ROUTED.items():
        found |= {s.rule for s in routed(close(differentiate(parse_program(row))), route, "x").steps}
    return found


@pytest.mark.parametrize("name", [r.name for r in RULES])
def test_rule_fires(name, fired):
    assert name in fired
