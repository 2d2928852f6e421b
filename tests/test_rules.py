"""Every rule's law and example are executed: the law by evaluation, the example by the rule itself and by evaluation."""

import blackboard as board
import pytest

import derive.rules  # noqa: F401
from derive import expr as x
from derive.derivation import Rewriter
from derive.judges.normal import prove_equal
from derive.rule import RULES, Context

FACTS = ("sum[c] Y[i,c] = 1", "onehot Y")
# What the letters u, v, f, g of a law stand for: something that really varies with x.
STANDS = {
    "u": "exp(x[i]) + a[]", "v": "x[i]^2*b[] + 1", "f": "exp(a[])*F[k]", "g": "b[] + G[k]",
}  # fmt: skip


def _statement(text: str, sign: str):
    body, definitions = board.split_where(text)
    left, right = _split(body, sign)
    return board.formula(left.strip()), board.formula(right.strip()), definitions


def _split(text: str, sign: str) -> tuple[str, str]:
    """The two sides of the first sign outside brackets."""
    depth = 0
    for k, c in enumerate(text):
        depth += (c in "([{") - (c in ")]}")
        if depth == 0 and text.startswith(sign, k):
            return text[:k], text[k + len(sign) :]
    raise AssertionError(f"no `{sign.strip()}` in {text}")


def _varying(e: x.Expr) -> x.Expr:
    """The law with u[i] and v[i] as functions of x[i], whatever the index."""

    def put(t: x.Entry):
        if t.name in ("u", "v") and len(t.slots) == 1:
            return x.substitute(board.formula(STANDS[t.name]), {board.SCOPE["i"]: t.slots[0]})
        return None

    return x.replace_entries(e, put)


@pytest.mark.parametrize("rule", list(RULES), ids=lambda r: r.name)
def test_law_holds(rule):
    left, right, definitions = _statement(rule.law, " = ")
    left, right = _varying(left), _varying(right)
    own = board.program([left, right], definitions, FACTS)
    assert board.same(left, right, own)


@pytest.mark.parametrize("rule", list(RULES), ids=lambda r: r.name)
def test_example_is_what_the_rule_does(rule):
    before, after, definitions = _statement(rule.example, " -> ")
    _, _, more = _statement(rule.law, " = ")
    definitions = definitions or more
    own = board.program([before, after], definitions, FACTS)
    line = Rewriter(before, Context(own))
    assert line.apply(rule), "the rule does not apply to its own example"
    assert line.line == after
    assert board.same(before, after, own)
    assert prove_equal(before, after, own, own.by_name) is True


@pytest.mark.parametrize("rule", list(RULES), ids=lambda r: r.name)
def test_rule_says_what_it_does(rule):
    assert rule.sentence.endswith(".") and len(rule.sentence) > 20
