"""Moves that only some routes make: the logarithmic derivative, the product rule on a reciprocal, one case of two."""

from __future__ import annotations

from derive import expr as x
from derive.expr import D, Entry, Expr
from derive.judges.normal import known_positive
from derive.notation import text
from derive.program import Program, condition_facts
from derive.rule import Context, Move, rule
from derive.rules.calculus import depends, is_reciprocal


@rule("logarithmic derivative", "D(exp(u[i])/exp(v[i]), x[k]) = exp(u[i])/exp(v[i])*D(log(exp(u[i])/exp(v[i])), x[k])",
      "D(exp(x[i])*exp(y[j]*x[i]), x[k]) -> exp(x[i])*exp(y[j]*x[i])*D(log(exp(x[i])*exp(y[j]*x[i])), x[k])", (D,),
      phase="log trick")  # fmt: skip
def logarithmic_derivative(e: D, context: Context) -> Move | None:
    """The derivative of something positive is itself times the derivative of its logarithm."""
    if not _worth_a_logarithm(e.body, e.wrt.name) or not positive(e.body, context.program):
        return None
    return Move(x.mul(e.body, D(x.Call("log", (e.body,)), e.wrt)), "∂u = u ∂log u", conditions=(f"{text(e.body)} > 0",))


def _worth_a_logarithm(e: Expr, name: str) -> bool:
    """A product of two varying factors, a quotient, a product over an index, or a power with a varying exponent."""
    match e:
        case x.Mul(factors=factors):
            return sum(depends(f, name) for f in factors) > 1
        case x.Reduce(op="prod", body=body):
            return depends(body, name)
        case x.Pow(exponent=exponent):
            return depends(exponent, name)
    return False


def positive(e: Expr, program: Program) -> bool:
    """Whether an expression is positive by its form and by what is declared positive."""
    declared = condition_facts(program.facts, "positive")

    def change(t: Entry) -> Expr | None:
        return x.Call("exp", (t,)) if t.name in declared else None  # any positive form

    return known_positive(x.replace_entries(e, change))


@rule("logarithm of a product", "log(exp(a[])*exp(b[])) = log(exp(a[])) + log(exp(b[]))",
      "log(exp(x[i])*exp(y[j])) -> log(exp(x[i])) + log(exp(y[j]))", (x.Call,), phase="log trick algebra")  # fmt: skip
def logarithm_of_a_product(e: x.Call, context: Context) -> Move | None:
    """The logarithm of a product is the sum of the logarithms, and an exponent comes down; all factors are positive."""
    inner = e.args[0] if e.op == "log" else None
    if inner is None or not positive(inner, context.program):
        return None
    match inner:
        case x.Mul(factors=factors):
            return Move(x.add(*(_log(f) for f in factors)), conditions=("the factors are positive",))
        case x.Reduce(op="prod", index=i, body=body, guard=guard):
            return Move(x.reduce_("sum", i, _log(body), guard), conditions=("the factors are positive",))
        case x.Pow():
            return Move(_log(inner))
    return None


def _log(f: Expr) -> Expr:
    return x.mul(f.exponent, x.Call("log", (f.base,))) if isinstance(f, x.Pow) else x.Call("log", (f,))


@rule("product rule with the reciprocal", "D(u[i]/v[i], x[k]) = D(u[i], x[k])/v[i] + u[i]*D(1/v[i], x[k])",
      "D(exp(x[i])/x[i], x[k]) -> D(exp(x[i]), x[k])/x[i] + exp(x[i])*D(1/x[i], x[k])", (D,), phase="reciprocal route")  # fmt: skip
def product_rule_with_the_reciprocal(e: D, context: Context) -> Move | None:
    """A quotient is a product with a reciprocal: one factor at a time is differentiated."""
    if not isinstance(e.body, x.Mul) or not any(is_reciprocal(f) and depends(f, e.wrt.name) for f in e.body.factors):
        return None
    factors = e.body.factors
    moving = [k for k, f in enumerate(factors) if depends(f, e.wrt.name)]
    if len(moving) < 2:
        return None
    return Move(x.add(*(x.mul(*(D(f, e.wrt) if k == p else f for k, f in enumerate(factors))) for p in moving)))


__all__ = ["logarithmic_derivative", "positive"]
