"""Differentiation: each rule pushes an unevaluated derivative one move inward."""

from __future__ import annotations

from derive import expr as x
from derive.expr import D, Entry, Expr
from derive.notation import text
from derive.ops import OPS
from derive.rule import Context, Move, rule


def depends(e: Expr, name: str) -> bool:
    """Whether an expression varies with an array; being looked at by a condition or an index position is no variation."""
    if name not in e.names:
        return False
    match e:
        case Entry():
            return e.name == name
        case x.Num() | x.Whole() | x.Ind():
            return False
        case x.Cases(branches=branches, otherwise=otherwise):
            return any(depends(value, name) for _, value in branches) or depends(otherwise, name)
        case x.Reduce(body=body):
            return depends(body, name)
        case D():
            return True
    return any(depends(p, name) for p in x.parts(e) if isinstance(p, Expr))


@rule("constant", "D(c[], x[k]) = 0", "D(a[]*b[i], x[k]) -> 0", (D,), level=2)
def constant(e: D, context: Context) -> Move | None:
    """What does not vary with x has derivative zero."""
    return None if depends(e.body, e.wrt.name) else Move(x.ZERO, f"{e.wrt.name} does not occur")


@rule("linearity", "D(a[]*u[i] + b[]*v[i], x[k]) = a[]*D(u[i], x[k]) + b[]*D(v[i], x[k])",
      "D(sum[i:n] c[]*exp(x[i]), x[k]) -> sum[i:n] c[]*D(exp(x[i]), x[k])", (D,), level=2)  # fmt: skip
def linearity(e: D, context: Context) -> Move | None:
    """The derivative passes through sums and constant factors."""
    after = _linear(e.body, e.wrt)
    return None if after is None else Move(after)


def _linear(e: Expr, wrt: Entry) -> Expr | None:
    """The derivative of a sum or of a constant multiple, carried inward as far as it goes; None: neither."""

    def inside(u: Expr) -> Expr:
        if not depends(u, wrt.name):
            return x.ZERO
        found = _linear(u, wrt)
        return D(u, wrt) if found is None else found

    match e:
        case x.Add(terms=terms):
            return x.add(*(inside(t) for t in terms))
        case x.Reduce(op="sum", index=i) if i in wrt.free:
            return _linear(x.rename_binder(e), wrt)
        case x.Reduce(op="sum", index=i, body=body, guard=guard):
            return x.reduce_("sum", i, inside(body), guard)
        case x.Mul(factors=factors):
            moving = [f for f in factors if depends(f, wrt.name)]
            if len(moving) == 1 and len(factors) > 1:
                return x.mul(*(f for f in factors if f is not moving[0]), inside(moving[0]))
    return None


@rule("derivative of an entry", "D(x[i], x[k]) = [i = k]", "D(x[i,j], x[k,l]) -> [i = k]*[j = l]", (D,))
def derivative_of_an_entry(e: D, context: Context) -> Move | None:
    """An entry varies with itself alone: its derivative is a delta for every axis."""
    if not isinstance(e.body, Entry) or e.body.name != e.wrt.name:
        return None
    deltas = [x.delta(a, b) for a, b in zip(e.body.slots, e.wrt.slots, strict=True)]
    return Move(x.mul(*deltas), f"{text_of(e)} is a delta")


@rule("product rule", "D(u[i]*v[i], x[k]) = D(u[i], x[k])*v[i] + u[i]*D(v[i], x[k])",
      "D(x[i]*exp(x[i]), x[k]) -> D(x[i], x[k])*exp(x[i]) + x[i]*D(exp(x[i]), x[k])", (D,))  # fmt: skip
def product_rule(e: D, context: Context) -> Move | None:
    """One factor at a time is differentiated, the others stay."""
    if not isinstance(e.body, x.Mul) or _quotient(e.body, e.wrt):
        return None
    factors = e.body.factors
    places = [k for k, f in enumerate(factors) if depends(f, e.wrt.name)]
    terms = [x.mul(*(D(f, e.wrt) if k == p else f for k, f in enumerate(factors))) for p in places]
    return Move(x.add(*terms))


def _quotient(e: x.Mul, wrt: Entry) -> tuple[Expr, Expr] | None:
    """Numerator and denominator when both vary."""
    under = [f for f in e.factors if is_reciprocal(f) and depends(f, wrt.name)]
    over = [f for f in e.factors if not (is_reciprocal(f) and depends(f, wrt.name))]
    if len(under) != 1 or not any(depends(f, wrt.name) for f in over):
        return None
    return x.mul(*over), under[0].base


def is_reciprocal(e: Expr) -> bool:
    """Whether an expression is 1/u."""
    return isinstance(e, x.Pow) and e.exponent.key == x.MINUS_ONE.key


@rule("quotient rule", "D(u[i]/v[i], x[k]) = (D(u[i], x[k])*v[i] - u[i]*D(v[i], x[k]))/v[i]^2",
      "D(exp(x[i])/x[i], x[k]) -> (D(exp(x[i]), x[k])*x[i] - exp(x[i])*D(x[i], x[k]))*x[i]^(-2)", (D,))  # fmt: skip
def quotient_rule(e: D, context: Context) -> Move | None:
    """The derivative of the numerator times the denominator, less the other way round, over its square."""
    found = _quotient(e.body, e.wrt) if isinstance(e.body, x.Mul) else None
    if found is None:
        return None
    over, under = found
    top = x.add(x.mul(D(over, e.wrt), under), x.negate(x.mul(over, D(under, e.wrt))))
    return Move(x.mul(top, x.power(under, x.num(-2))))


@rule("power rule", "D(u[i]^n, x[k]) = n*u[i]^(n - 1)*D(u[i], x[k])",
      "D(sin(x[i])^3, x[k]) -> 3*sin(x[i])^2*D(sin(x[i]), x[k])", (D,))  # fmt: skip
def power_rule(e: D, context: Context) -> Move | None:
    """The exponent comes down and drops by one; then the inner derivative."""
    if not isinstance(e.body, x.Pow) or depends(e.body.exponent, e.wrt.name):
        return None
    base, n = e.body.base, e.body.exponent
    lowered = x.power(base, x.add(n, x.MINUS_ONE))
    return Move(x.mul(n, lowered, _inner(base, e.wrt)), f"with exponent {text(n)}")


@rule("derivative of an exponential", "D(a[]^v[i], x[k]) = a[]^v[i]*log(a[])*D(v[i], x[k])",
      "D(a[]^x[i], x[k]) -> a[]^x[i]*log(a[])*[i = k]", (D,))  # fmt: skip
def derivative_of_an_exponential(e: D, context: Context) -> Move | None:
    """A power whose exponent varies: write u^v as exp(v log u) and use the chain rule."""
    if not isinstance(e.body, x.Pow):
        return None
    base, v = e.body.base, e.body.exponent
    if isinstance(base, x.Num) or not depends(base, e.wrt.name):
        return Move(x.mul(e.body, x.Call("log", (base,)), _inner(v, e.wrt)), conditions=(f"{text(base)} > 0",))
    by_exponent = x.mul(_inner(v, e.wrt), x.Call("log", (base,)))
    by_base = x.mul(v, x.power(base, x.MINUS_ONE), _inner(base, e.wrt))
    return Move(x.mul(e.body, x.add(by_exponent, by_base)), conditions=(f"{text(base)} > 0",))


def _inner(u: Expr, wrt: Entry) -> Expr:
    """The inner derivative of the chain rule; of a lone entry it is written as its delta at once."""
    if isinstance(u, Entry) and u.name == wrt.name:
        return x.mul(*(x.delta(a, b) for a, b in zip(u.slots, wrt.slots, strict=True)))
    return D(u, wrt) if depends(u, wrt.name) else x.ZERO


@rule("derivative of a function", "D(tanh(u[i]), x[k]) = (1 - tanh(u[i])^2)*D(u[i], x[k])",
      "D(exp(x[i]), x[k]) -> exp(x[i])*[i = k]", (D,))  # fmt: skip
def derivative_of_a_function(e: D, context: Context) -> Move | None:
    """The slope of the function at its argument, times the inner derivative."""
    if not isinstance(e.body, x.Call):
        return None
    row, args = OPS[e.body.op], e.body.args
    places = [k for k, a in enumerate(args) if depends(a, e.wrt.name)]
    terms = [x.mul(row.slope_at(k, args), _inner(args[k], e.wrt)) for k in places]
    kink = (f"at {row.kink}",) if row.kink else ()
    return Move(x.add(*terms), f"{row.name}", conditions=kink)


@rule("derivative of a maximum", "D(max[j:C] u[j], x[k]) = D(u[argmax[j:C](u[j])], x[k])",
      "D(max[j:C] x[j], x[k]) -> D(x[argmax[j:C](x[j])], x[k])", (D,))  # fmt: skip
def derivative_of_a_maximum(e: D, context: Context) -> Move | None:
    """The largest term alone decides: its derivative, taken at the place where it stands (ties: the first)."""
    if not isinstance(e.body, x.Reduce) or e.body.op not in ("max", "min") or e.body.guard is not None:
        return None
    best = x.ArgBest(e.body.op, e.body.index, e.body.body)
    body = x.substitute(x.refresh(e.body.body), {e.body.index: best})
    return Move(D(body, e.wrt), conditions=(f"no ties in the {e.body.op} (else the first one counts)",))


@rule("derivative of a product over an index",
      "D(prod[i:n] u[i], x[k]) = sum[m:n] (prod[i:n | i != m] u[i])*D(u[m], x[k])",
      "D(prod[i:n] x[i], x[k]) -> sum[m:n] (prod[i:n | i != m] x[i])*D(x[m], x[k])", (D,))  # fmt: skip
def derivative_of_a_product(e: D, context: Context) -> Move | None:
    """One term of the product at a time is differentiated."""
    if not isinstance(e.body, x.Reduce) or e.body.op != "prod":
        return None
    i, m = e.body.index, e.body.index.fresh("m")
    others = x.negation(x.rel("eq", i, m))
    guard = others if e.body.guard is None else x.both(e.body.guard, others)
    rest = x.reduce_("prod", i, e.body.body, guard)
    body = D(x.substitute(x.refresh(e.body.body), {i: m}), e.wrt)
    own_guard = None if e.body.guard is None else x.substitute(e.body.guard, {i: m})
    return Move(x.reduce_("sum", m, x.mul(rest, body), own_guard))


@rule("derivative of cases", "D({u[i] if x[i] < 0; v[i]}, x[k]) = {D(u[i], x[k]) if x[i] < 0; D(v[i], x[k])}",
      "D({x[i] if 0 < x[i]; 0}, x[k]) -> {D(x[i], x[k]) if 0 < x[i]; 0}", (D,))  # fmt: skip
def derivative_of_cases(e: D, context: Context) -> Move | None:
    """Each branch is differentiated where it holds."""
    if not isinstance(e.body, x.Cases):
        return None
    branches = [(c, _branch(v, e.wrt)) for c, v in e.body.branches]
    return Move(x.cases(branches, _branch(e.body.otherwise, e.wrt)))


def _branch(v: Expr, wrt: Entry) -> Expr:
    return D(v, wrt) if depends(v, wrt.name) else x.ZERO


def text_of(e: D) -> str:
    """The unevaluated derivative as ∂body/∂x."""
    return f"∂{e.body.name}/∂{e.wrt.name}" if isinstance(e.body, Entry) else text(e)
