"""Names and facts: an expression that has a name is called by it, and a declared fact is used by name."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import lru_cache

from derive import expr as x
from derive.expr import Expr
from derive.matching import argument, match, occurrences
from derive.notation import letters, text
from derive.ops import OPS, Op
from derive.program import Equation
from derive.rule import Context, Move, rule
from derive.rules.scalars import collected

NAMEABLE = (x.Call, x.Mul, x.Reduce, x.Cases, x.Pow, x.Add)


@rule("known function", "1/(1 + exp(-x[i])) = sigmoid(x[i])", "y[i]/(1 + exp(-x[i])) -> y[i]*sigmoid(x[i])",
      (x.Pow, x.Call, x.Mul), phase="functions")  # fmt: skip
def known_function(e: Expr, context: Context) -> Move | None:
    """What is written out in exponentials is called by its function's name."""
    for row, pattern in _known():
        u = argument(pattern, e)
        if u is not None:
            return Move(x.Call(row.name, (u,)), row.name)
    return None


def _known() -> tuple[tuple[Op, Expr], ...]:
    """The rows of the op table that are known by their meaning, each with its pattern over the wildcard ?u."""
    return _patterns(tuple(row for row in OPS if row.known))


@lru_cache
def _patterns(rows: tuple[Op, ...]) -> tuple[tuple[Op, Expr], ...]:
    def wild(row: Op) -> Expr:
        return x.replace_entries(row.meaning_expr, lambda t: x.Entry("?u", ()) if t.name == "u" else None)

    return tuple((row, wild(row)) for row in rows)


def with_known_functions(e: Expr) -> Expr:
    """The expression with every known function called by its name."""
    def change(t: x.Term) -> Expr | None:
        move = known_function.apply(t, None) if isinstance(t, known_function.heads) else None
        return None if move is None else move.after

    return x.rewrite(e, change)


@rule("call by name", "exp(x[i]) = e[i] where e[i] := exp(x[i])", "exp(x[i])*y[i] -> e[i]*y[i]", NAMEABLE, phase="fold")
def call_by_name(e: Expr, context: Context) -> Move | None:
    """What the forward pass has given a name is called by it."""
    limits = context.program.limits
    for equation in context.program.within(e.names):
        if equation.name == context.target or equation.name in context.hidden or not _foldable(equation):
            continue
        found = occurrences(equation.rhs, e, equation.indices)
        if found is None and any(isinstance(t, x.Call) and OPS[t.op].known for t in x.walk(e)):
            found = occurrences(with_known_functions(equation.rhs), e, equation.indices)
        if found is None or not all(x.within(found.slots[i], i.size, limits) for i in equation.indices):
            continue
        named = x.Entry(equation.name, tuple(found.slots[i] for i in equation.indices))
        after = named if found.rest is None else _with_rest(e, named, found.rest)
        if after.key != e.key:
            said = f"{text(equation.rhs, letters(x.Mul((equation.rhs, equation.lhs))))} is {equation.name}"
            return Move(after, said, (equation.name,), fresh=(named,))
    return None


@rule("sign of a ReLU", "[0 < x[i]*y[i]] = [0 < h[i]] where h[i] := relu(x[i]*y[i])",
      "[0 < a[i]*b[j]]*c[j] -> [0 < h[i,j]]*c[j] where h[i,j] := relu(a[i]*b[j])", (x.Ind,), phase="fold")  # fmt: skip
def sign_of_a_relu(e: x.Ind, context: Context) -> Move | None:
    """Where a value is positive its ReLU is, which already has a name."""
    cond = e.cond
    if not (isinstance(cond, x.Rel) and cond.op == "lt" and x.as_value(cond.left).key == x.ZERO.key):
        return None
    inner = x.written(cond.right)
    named = None if isinstance(inner, x.Entry) else call_by_name.apply(x.Call("relu", (inner,)), context)
    if named is None or not isinstance(named.after, x.Entry):
        return None
    return replace(named, after=x.indicator(x.rel("lt", x.ZERO, named.after)))


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


@rule("take into the sum", "c[]*(sum[j:C] f[j]) = sum[j:C] c[]*f[j]",
      "r[]*(sum[i:n] e[i]*y[i]) -> sum[i:n] p[i]*y[i] where p[i] := e[i]*r[]", (x.Mul,), phase="fold")  # fmt: skip
def take_into_the_sum(e: x.Mul, context: Context) -> Move | None:
    """A factor goes under the sum where what it meets there has a name."""
    for place, s in enumerate(e.factors):
        if not (isinstance(s, x.Reduce) and s.op == "sum"):
            continue
        for k, f in enumerate(e.factors):
            if k == place or s.index in f.free or isinstance(f, x.Num):
                continue
            found = call_by_name.apply(x.mul(s.body, f), context)
            if found is not None and _weight(found.after) <= _weight(s.body):
                rest = [g for m, g in enumerate(e.factors) if m not in (k, place)]
                inner = x.reduce_("sum", s.index, found.after, s.guard)
                return Move(x.mul(*rest, inner), found.instance, found.uses, fresh=found.fresh)
    return None


@rule("normalised rows sum to one", "sum[j:C] p[i,j] = 1 where p[i,j] := e[i,j]/(sum[k:C] e[i,k])",
      "sum[j:C] q[i,j] -> 1 where q[i,j] := f[i,j]/(sum[k:C] f[i,k])", (x.Reduce,), phase="facts")  # fmt: skip
def normalised_rows(e: x.Reduce, context: Context) -> Move | None:
    """An array that was divided by its own sum sums to one."""
    if e.op != "sum" or e.guard is not None or not isinstance(e.body, x.Entry):
        return None
    equation = context.program.equation(e.body.name)
    if equation is None or not isinstance(equation.rhs, x.Mul):
        return None
    factors = equation.instance(e.body.slots).factors
    inside = [f for f in factors if e.index in f.free]
    outside, used = _written_out([f for f in factors if e.index not in f.free], context)
    total = x.reduce_("sum", e.index, x.mul(*inside))
    if x.mul(*outside).key == x.power(total, x.MINUS_ONE).key:
        return Move(x.ONE, f"{equation.name} is divided by its own sum", (equation.name, *used))
    return None


def _written_out(factors: list[Expr], context: Context) -> tuple[list[Expr], tuple[str, ...]]:
    """Factors with the names of sums and reciprocals written out, and those names."""
    used: list[str] = []

    def change(t: x.Entry) -> Expr | None:
        equation = context.program.equation(t.name)
        if equation is None or not (isinstance(equation.rhs, x.Reduce) or _inverts(equation.rhs)):
            return None
        used.append(t.name)
        return x.replace_entries(equation.instance(t.slots), change)

    return [x.replace_entries(f, change) for f in factors], tuple(used)


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
            whole = context.program.shape(fact.array)[-1] == e.index.size
            if whole and e.body.slots[-1] is e.index and e.guard is None and e.index not in _others(e.body):
                return Move(x.ONE, fact.text, (fact.text,))
    return None


def _others(e: x.Entry) -> frozenset:
    return frozenset().union(*(x.free_indices(s) for s in e.slots[:-1]))


@rule("reciprocal by name", "1/s[i] = r[i] where r[i] := 1/s[i]", "a[i]*s[i]^(-2) -> a[i]*r[i]^2", (x.Pow,), level=2,
      phase="reciprocal")  # fmt: skip
def reciprocal_by_name(e: x.Pow, context: Context) -> Move | None:
    """A reciprocal that has a name is called by it, and the reciprocal of a reciprocal by the first name."""
    if not (isinstance(e.exponent, x.Num) and e.exponent.value < 0 and isinstance(e.base, x.Entry)):
        return None
    n = x.Num(-e.exponent.value)
    own = context.program.equation(e.base.name)
    if own is not None and _inverts(own.rhs):
        return Move(x.power(own.instance(e.base.slots).base, n), f"1/{own.name} is {own.rhs.base.name}", (own.name,))
    for equation in context.program.uses(e.base.name):
        if _inverts(equation.rhs) and equation.rhs.base.name == e.base.name:
            found = match(equation.rhs.base, e.base, equation.indices)
            if found is not None and all(i in found for i in equation.indices if i.size.number != 1):
                slots = tuple(found.get(i, x.whole_slot(0)) for i in equation.indices)
                named = x.Entry(equation.name, slots)
                return Move(x.power(named, n), f"1/{e.base.name} is {equation.name}", (equation.name,))
    return None


def _inverts(rhs: Expr) -> bool:
    return isinstance(rhs, x.Pow) and rhs.exponent.key == x.MINUS_ONE.key and isinstance(rhs.base, x.Entry)


@rule("write out and cancel", "e[i]/p[i] = 1/r[] where p[i] := e[i]*r[]", "e[i]*y[i]/p[i] -> y[i]/r[]", (x.Mul,),
      phase="cancel by definition")  # fmt: skip
def write_out_and_cancel(e: x.Mul, context: Context) -> Move | None:
    """A quotient of a name by what it is made of cancels once the name is written out."""
    for place, f in enumerate(e.factors):
        base = f.base if isinstance(f, x.Pow) else f
        equation = context.program.equation(base.name) if isinstance(base, x.Entry) else None
        if equation is None or not isinstance(equation.rhs, x.Mul) or equation.name in context.hidden:
            continue
        n = f.exponent if isinstance(f, x.Pow) else x.ONE
        if not (isinstance(n, x.Num) and Fraction(n.value).denominator == 1):
            continue  # a root of a product is the product of the roots of positive numbers only
        parts = [x.power(p, n) for p in equation.instance(base.slots).factors]
        after = collected(x.mul(*e.factors[:place], *parts, *e.factors[place + 1 :]))
        if _weight(after) < _weight(e):
            return Move(after, f"{equation.name} = {text(equation.rhs)}", (equation.name,))
    return None


def _weight(e: Expr) -> int:
    return sum(1 for t in x.walk(e) if isinstance(t, (x.Entry, x.Call, x.Reduce, x.Pow)))


__all__ = ["call_by_name", "normalised_rows", "take_into_the_sum", "one_hot_sum", "reciprocal_by_name", "use_fact", "write_out_and_cancel"]
