"""Names and facts: an expression that has a name is called by it, and a declared fact is used by name."""

from __future__ import annotations


from derive import expr as x
from derive.expr import Expr
from derive.matching import match, occurrences
from derive.notation import letters, text
from derive.program import Equation
from derive.rule import Context, Move, rule

NAMEABLE = (x.Call, x.Mul, x.Reduce, x.Cases, x.Pow, x.Add)


@rule("call by name", "exp(x[i]) = e[i] where e[i] := exp(x[i])", "exp(x[i])*y[i] -> e[i]*y[i]", NAMEABLE, phase="fold")
def call_by_name(e: Expr, context: Context) -> Move | None:
    """What the forward pass has given a name is called by it."""
    for equation in context.program.equations:
        if equation.name == context.target or equation.name in context.hidden or not _foldable(equation):
            continue
        if not equation.rhs.names <= e.names:
            continue
        found = occurrences(equation.rhs, e, equation.indices)
        if found is None:
            continue
        named = x.Entry(equation.name, tuple(found.slots[i] for i in equation.indices))
        after = named if found.rest is None else _with_rest(e, named, found.rest)
        if after.key != e.key:
            said = f"{text(equation.rhs, letters(x.Mul((equation.rhs, equation.lhs))))} is {equation.name}"
            return Move(after, said, (equation.name,), fresh=(named,))
    return None


def _with_rest(e: Expr, named: Expr, rest: Expr) -> Expr:
    return x.mul(named, rest) if isinstance(e, x.Mul) else x.add(named, rest)




def _foldable(equation: Equation) -> bool:
    """Equations whose right side is worth a name: not a mere entry, number, copy or power of one entry."""
    rhs = equation.rhs
    if equation.name.startswith("∂") or equation.kind != "explicit" or equation.sort != "real":
        return False
    free = rhs.free
    if not all(i in free for i in equation.indices if i.size.number != 1):
        return False
    if isinstance(rhs, x.Pow):
        return isinstance(rhs.exponent, x.Num) and rhs.exponent.value not in (-1, 2) or not isinstance(rhs.base, x.Entry)
    return isinstance(rhs, NAMEABLE) and not (isinstance(rhs, x.Add) and _trivial_sum(rhs))


def _trivial_sum(e: x.Add) -> bool:
    return any(isinstance(t, x.Num) for t in e.terms)


@rule("declared fact", "sum[c:C] Y[i,c] = 1", "a[i]*(sum[c:C] Y[i,c]) -> a[i]", (x.Reduce,), phase="facts")
def use_fact(e: x.Reduce, context: Context) -> Move | None:
    """A fact that was declared of an input is put in."""
    for fact in context.program.facts:
        if fact.kind == "equation" and isinstance(fact.left, x.Reduce):
            found = match(fact.left, e, fact.indices)
            if found is not None:
                value = x.substitute(fact.right, found) if fact.right.free else fact.right
                return Move(value, fact.text, (fact.text,))
    return None


@rule("one-hot rows sum to one", "sum[c:C] Y[i,c] = 1", "sum[c:C] Y[i,c] -> 1", (x.Reduce,), phase="facts")
def one_hot_sum(e: x.Reduce, context: Context) -> Move | None:
    """A one-hot row has a single 1, so it sums to one."""
    for fact in context.program.facts:
        if fact.kind == "onehot" and isinstance(e.body, x.Entry) and e.body.name == fact.array and e.op == "sum":
            if e.body.slots[-1] is e.index and e.guard is None and e.index not in _others(e.body):
                return Move(x.ONE, fact.text, (fact.text,))
    return None


def _others(e: x.Entry) -> frozenset:
    return frozenset().union(*(x.free_indices(s) for s in e.slots[:-1]))


@rule("substitute", "u[i] = f[i] where u[i] := f[i]", "y[i]*∂e[i] -> y[i]*g[i]", (x.Entry,), phase="unfold")
def substitute_gradient(e: x.Entry, context: Context) -> Move | None:
    """A gradient that was found before is put in."""
    equation = context.program.equation(e.name)
    if equation is None or e.name == context.target or e.name not in context.hidden:
        return None
    return Move(equation.instance(e.slots), f"{e.name}", (e.name,))


__all__ = ["call_by_name", "one_hot_sum", "substitute_gradient", "use_fact"]
