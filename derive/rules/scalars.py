"""Scalar algebra: powers, common factors, multiplying out."""

from __future__ import annotations

from fractions import Fraction

from derive import expr as x
from derive.expr import Add, Expr, Mul, Reduce
from derive.judges.normal import known_positive
from derive.matching import as_powers
from derive.notation import text
from derive.program import Program
from derive.rule import Context, Move, rule

SETTLED = ": true, it is positive"
DEEP = 4  # how many definitions are looked through: written out, a deep pass is exponentially long


@rule("combine powers", "x[i]^n*x[i]^C = x[i]^(n + C)", "x[i]*y[j]*x[i]^2 -> x[i]^3*y[j]", (Mul,), level=2, phase="tidy")
def combine_powers(e: Mul, context: Context) -> Move | None:
    """Powers of one base are one power."""
    sums, cancelled = _collected(e)
    if len(sums) == len(e.factors) or cancelled:
        return None
    after = _rebuilt(sums)
    return None if after.key == e.key else Move(after)


@rule("cancel", "x[i]*(1/x[i]) = 1", "y[j]*x[i]/x[i] -> y[j]", (Mul,), phase="tidy")
def cancel(e: Mul, context: Context) -> Move | None:
    """A factor over itself is one."""
    sums, cancelled = _collected(e)
    if not cancelled:
        return None
    needs = tuple(_nonzero(b, context.program) for b in cancelled if not known_positive(b))
    return Move(_rebuilt(sums), f"{', '.join(text(b) for b in cancelled)} over itself", conditions=needs)


def _nonzero(e: Expr, program: Program) -> str:
    """The side condition of cancelling: settled where the definitions make the factor positive."""

    def written(t: x.Entry) -> Expr | None:
        equation = program.equation(t.name)
        return None if equation is None else equation.instance(t.slots)

    deeper = e
    for _ in range(DEEP):
        deeper = x.replace_entries(deeper, written)
        if known_positive(deeper):
            return f"{text(e)} ≠ 0{SETTLED}"
    return f"{text(e)} ≠ 0"


def _collected(e: Mul) -> tuple[list[tuple[Expr, Fraction]], list[Expr]]:
    """Bases with their summed exponents in order of appearance, and the bases that cancelled."""
    sums: dict[str, tuple[Expr, Fraction]] = {}
    for base, n in as_powers(e):
        held = sums.get(base.key, (base, Fraction(0)))[1]
        sums[base.key] = (base, held + n)
    powers = [(base, n) for base, n in sums.values() if n]
    return powers, [base for base, n in sums.values() if not n]


def collected(e: Expr) -> Expr:
    """A product with the powers of each base added up."""
    return _rebuilt(_collected(e)[0]) if isinstance(e, Mul) else e


def _rebuilt(powers: list[tuple[Expr, Fraction]]) -> Expr:
    return x.mul(*(x.power(base, x.Num(n)) for base, n in powers))


@rule("logarithm of a quotient", "log(exp(a[])/exp(b[])) = log(exp(a[])) - log(exp(b[]))",
      "log(exp(x[i])/(sum[j:n] exp(x[j]))) -> log(exp(x[i])) - log(sum[j:n] exp(x[j]))", (x.Call,), phase="logarithm")  # fmt: skip
def logarithm_of_a_quotient(e: x.Call, context: Context) -> Move | None:
    """The logarithm turns a product into a sum and a quotient into a difference; all factors are positive."""
    if e.op != "log" or not isinstance(e.args[0], Mul) or not known_positive(e.args[0]):
        return None
    terms = [x.mul(x.Num(n), x.Call("log", (base,))) for base, n in as_powers(e.args[0])]
    return Move(x.add(*terms), conditions=("the factors are positive",))


@rule("logarithm of an exponential", "log(exp(a[])) = a[]", "log(exp(x[i])) -> x[i]", (x.Call,), phase="logarithm")
def logarithm_of_an_exponential(e: x.Call, context: Context) -> Move | None:
    """The logarithm undoes the exponential."""
    inner = e.args[0] if e.op == "log" else None
    return Move(inner.args[0]) if isinstance(inner, x.Call) and inner.op == "exp" else None


@rule("take out of the sum", "sum[j:C] c[]*f[j] = c[]*(sum[j:C] f[j])",
      "sum[j:C] a[i]*f[j] -> a[i]*(sum[j:C] f[j])", (Reduce,), level=2, phase="tidy")  # fmt: skip
def take_out(e: Reduce, context: Context) -> Move | None:
    """What does not depend on the summation index stands before the sum."""
    if e.op != "sum" or not isinstance(e.body, Mul):
        return None
    if isinstance(e.body, Mul):
        outside = [f for f in e.body.factors if e.index not in f.free]
        if outside:
            inside = [f for f in e.body.factors if e.index in f.free]
            return Move(x.mul(*outside, x.reduce_("sum", e.index, x.mul(*inside), e.guard)))
    return None


@rule("sum of a constant", "sum[j:C] c[] = C*c[]", "sum[j:C] a[i] -> C*a[i]", (Reduce,), level=2, phase="tidy")
def sum_of_a_constant(e: Reduce, context: Context) -> Move | None:
    """A sum whose term does not depend on the index is the term times the length."""
    if e.op != "sum" or e.guard is not None or e.index in e.body.free:
        return None
    return Move(x.mul(x.size(e.index.size), e.body))


@rule("cancel beside a delta", "[i = B[k]]*f[i]/f[B[k]] = [i = B[k]]", "[i = B[k]]*f[i]*y[j]/f[B[k]] -> [i = B[k]]*y[j]",
      (Mul,), phase="cancel by definition")  # fmt: skip
def cancel_beside_a_delta(e: Mul, context: Context) -> Move | None:
    """Where the delta is not zero its two sides agree, so what stands beside it may cancel."""
    for f in e.factors:
        if not (isinstance(f, x.Ind) and isinstance(f.cond, x.Rel) and f.cond.op == "eq"):
            continue
        for a, b in ((f.cond.left, f.cond.right), (f.cond.right, f.cond.left)):
            if isinstance(a, x.Index) and a not in x.free_indices(b):
                rest = x.mul(*(g for g in e.factors if g is not f))
                moved = x.substitute(rest, {a: b})
                after = collected(moved)
                if len(as_powers(after)) < len(as_powers(rest)) and _shorter(after, rest):
                    return Move(x.mul(*_where_equal(after, rest, a, b), f), "both sides of the delta agree")
    return None


def _shorter(after: Expr, before: Expr) -> bool:
    count = [sum(1 for t in x.walk(e) if isinstance(t, x.Entry)) for e in (after, before)]
    return count[0] < count[1]


def _where_equal(after: Expr, before: Expr, a: x.Index, b: x.Slot) -> list[Expr]:
    """The factors that did not cancel, each as it was written before where that is possible."""
    written = {x.substitute(g, {a: b}).key: g for g in (before.factors if isinstance(before, Mul) else (before,))}
    return [written.get(g.key, g) for g in (after.factors if isinstance(after, Mul) else (after,))]


@rule("collect like terms", "a[i] + a[i] = 2*a[i]", "a[i]*b[i] - b[i]*a[i] + c[i] -> c[i]", (Add,), level=2, phase="tidy")
def collect_terms(e: Add, context: Context) -> Move | None:
    """Equal terms are counted; opposite ones vanish."""
    counts: dict[str, tuple[Fraction, Expr]] = {}
    for t in e.terms:
        c, rest = coefficient(t)
        held = counts.get(rest.key, (Fraction(0), rest))
        counts[rest.key] = (held[0] + c, held[1])
    if len(counts) == len(e.terms):
        return None
    return Move(x.add(*(x.mul(x.Num(c), rest) for c, rest in counts.values() if c)))


def coefficient(t: Expr) -> tuple[Fraction, Expr]:
    """A term as number times the rest."""
    if isinstance(t, x.Num) and isinstance(t.value, Fraction):
        return t.value, x.ONE
    if isinstance(t, Mul) and isinstance(t.factors[0], x.Num) and isinstance(t.factors[0].value, Fraction):
        return t.factors[0].value, x.mul(*t.factors[1:])
    return Fraction(1), t


@rule("multiply out", "a[i]*(b[i] + c[i]) = a[i]*b[i] + a[i]*c[i]", "a[i]*(b[i] + c[j]) -> a[i]*b[i] + a[i]*c[j]", (Mul,),
      level=2, phase="expand")  # fmt: skip
def multiply_out(e: Mul, context: Context) -> Move | None:
    """A factor before a bracket goes to every term."""
    sums = [k for k, f in enumerate(e.factors) if isinstance(f, Add)]
    if not sums:
        return None
    k = sums[0]
    terms = [x.mul(*e.factors[:k], t, *e.factors[k + 1 :]) for t in e.factors[k].terms]
    return Move(x.add(terms[0], *(x.refresh(t) for t in terms[1:])))


@rule("sum term by term", "sum[j:C] (f[j] + g[j]) = sum[j:C] f[j] + sum[j:C] g[j]",
      "sum[j:C] (a[j] + b[i]) -> sum[j:C] a[j] + sum[j:C] b[i]", (Reduce,), level=2, phase="expand")  # fmt: skip
def sum_term_by_term(e: Reduce, context: Context) -> Move | None:
    """A sum of sums is summed term by term."""
    if e.op != "sum" or not isinstance(e.body, Add):
        return None
    terms = [x.reduce_("sum", e.index, t, e.guard) for t in e.body.terms]
    return Move(x.add(terms[0], *(x.refresh(t) for t in terms[1:])))


@rule("factor out", "a[i]*b[i] + a[i]*c[i] = a[i]*(b[i] + c[i])", "a[i]*b[i] - a[i]*c[j] -> a[i]*(b[i] - c[j])", (Add,),
      phase="factor")  # fmt: skip
def factor_out(e: Add, context: Context) -> Move | None:
    """A factor that all terms share stands before a bracket."""
    lists = [as_powers(t) for t in e.terms]
    common: list[tuple[Expr, Fraction]] = []
    for base, _ in lists[0]:
        if isinstance(base, x.Num):
            continue
        others = [next((m for b, m in powers if b.key == base.key), Fraction(0)) for powers in lists]
        least = min(others) if min(others) > 0 else max(others) if max(others) < 0 else Fraction(0)
        if least:
            common.append((base, least))
    numbers = [coefficient(t)[0] for t in e.terms]
    shared = numbers[0] if all(abs(c) == abs(numbers[0]) for c in numbers) and abs(numbers[0]) != 1 else Fraction(1)
    if all(c < 0 for c in numbers):
        shared = -abs(shared)
    if not common and shared == 1:
        return None
    if not common and shared == -1:
        return None
    outer = x.mul(x.Num(shared), *(x.power(b, x.Num(n)) for b, n in common))
    inverse = [(b, -n) for b, n in common] + [(x.Num(shared), Fraction(-1))]
    inner = [_rebuilt(_collected_list([*as_powers(t), *inverse])) for t in e.terms]
    positive_first = sorted(inner, key=lambda t: coefficient(t)[0] < 0)
    return Move(x.mul(outer, x.add(*positive_first)))


def _collected_list(powers: list[tuple[Expr, Fraction]]) -> list[tuple[Expr, Fraction]]:
    sums: dict[str, tuple[Expr, Fraction]] = {}
    for base, n in powers:
        if isinstance(base, x.Num):
            base, n = x.power(base, x.Num(n)), Fraction(1)
            sums[f"n{len(sums)}"] = (base, n)
            continue
        held = sums.get(base.key, (base, Fraction(0)))[1]
        sums[base.key] = (base, held + n)
    return [(base, n) for base, n in sums.values() if n]
