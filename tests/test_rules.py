"""Every rule's law and example are executed: the law by evaluation, the example by the rule itself and by evaluation."""

from dataclasses import replace

import blackboard as board
import pytest

import derive.rules  # noqa: F401
from derive import expr as x
from derive.derivation import Rewriter
from derive.errors import BadFact
from derive.judges.normal import prove_equal
from derive.program import parse_program
from derive.routes import softmaxes
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


def _sums(e: x.Expr) -> bool:
    return isinstance(e, x.Reduce) and e.op == "sum" and e.guard is None


@pytest.mark.parametrize("rule", list(RULES), ids=lambda r: r.name)
def test_a_guarded_sum_stays_guarded(rule):
    """The example again with every sum over places below two only: the rule keeps the guard or leaves the line alone."""
    before, _, definitions = _statement(rule.example, " -> ")
    definitions = definitions or _statement(rule.law, " = ")[2]
    guarded = x.rewrite(before, lambda t: replace(t, guard=x.rel("lt", t.index, x.whole_slot(2))) if _sums(t) else None)
    own = board.program([before], definitions, FACTS)
    line = Rewriter(guarded, Context(own))
    if line.apply(rule):
        assert board.same(guarded, line.line, own), (str(guarded), str(line.line))


@pytest.mark.parametrize("rule", list(RULES), ids=lambda r: r.name)
def test_rule_says_what_it_does(rule):
    assert rule.sentence.endswith(".") and len(rule.sentence) > 20


HALF_SOFTMAXES = {
    "over the largest": "exp(X[i,j])/(max[k:C] exp(X[i,k]))",
    "over the product": "exp(X[i,j])/(prod[k:C] exp(X[i,k]))",
    "over a part of the axis": "exp(X[i,j])/(sum[k:C | k < 2] exp(X[i,k]))",
    "over another axis": "exp(X[i,j])/(sum[k:n] exp(X[k,j]))",
}


@pytest.mark.parametrize("rhs", HALF_SOFTMAXES.values(), ids=HALF_SOFTMAXES)
def test_only_what_is_divided_by_its_whole_sum_is_a_softmax(rhs):
    found = softmaxes(parse_program(f"input X[n,C]\np[i:n,j:C] = {rhs}\noutput p"))
    assert [s.axis.name for s in found] == (["i"] if "k:n" in rhs else [])


def test_a_part_of_a_one_hot_row_does_not_sum_to_one():
    own = parse_program("input Y[n,C]\nfact onehot Y\ns[i:n] = sum[k:C-1] Y[i,k]\noutput s")
    assert RULES["one-hot rows sum to one"].apply(own.equation("s").rhs, Context(own)) is None


def test_the_root_of_a_named_product_is_not_taken_apart():
    own = parse_program("input x[n]\ninput y[n]\np[i:n] = x[i]*y[i]\nq[i:n] = p[i]^(1/2)/x[i]^(1/2)\noutput q")
    assert RULES["write out and cancel"].apply(own.equation("q").rhs, Context(own)) is None


def test_a_fact_about_a_diagonal_is_refused():
    with pytest.raises(BadFact):
        parse_program("input K[n,n]\nfact sum[i] K[i,i] = 1\noutput K")
