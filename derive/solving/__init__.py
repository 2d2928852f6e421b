"""Gradients set to zero: linear systems in scalars solved by SymPy, normal equations for vectors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from derive import expr as x
from derive.closing import positive_first
from derive.derivation import Derivation, Rewriter
from derive.engine import Gradients
from derive.errors import Usage
from derive.expr import Entry, Expr
from derive.judges.normal import prove_equal
from derive.program import Program
from derive.routes import Finding
from derive.rule import RULES, Context
from derive.rules.calculus import depends
from derive.rules.scalars import coefficient
from derive.solving.systems import linear_system

FUEL = 120


def solve(gradients: Gradients, unknowns: Iterable[str]) -> Finding:
    """The unknowns at which their gradients vanish, in closed form where they are scalars.

    Raises Usage when a gradient is not linear in the unknowns.
    """
    unknowns = tuple(unknowns)
    multiplied = {name: _multiplied_out(gradients, name) for name in unknowns}
    if all(gradients.forward.shape(name) == () for name in unknowns):
        return _solved(gradients, unknowns, multiplied)
    return _normal_equations(gradients, unknowns, multiplied)


def _multiplied_out(gradients: Gradients, name: str) -> Derivation:
    """∂L/∂name over the inputs alone, multiplied out term by term."""
    found = gradients.closed.get(name) or gradients.derivations[name]
    program = gradients.program
    context = Context(program, found.target.name)
    inputs = {v.name for v in program.inputs}
    work = Rewriter(found.target, context)
    work.start("its gradient", found.result, instance="as derived", level=2)
    work.start("write out the names", _written_out(found.result, program, inputs), uses=tuple(program.by_name))
    work.run(RULES.phase("deltas", "tidy", "expand"), FUEL)
    return Derivation(name, found.target, found.indices, tuple(work.steps), kind="identity")


def _written_out(e: Expr, program: Program, inputs: set[str]) -> Expr:
    def change(t: Entry) -> Expr | None:
        equation = None if t.name in inputs else program.equation(t.name)
        return None if equation is None else x.replace_entries(equation.instance(t.slots), change)

    return x.replace_entries(e, change)


def _solved(gradients: Gradients, unknowns: tuple[str, ...], multiplied: dict[str, Derivation]) -> Finding:
    """Scalar unknowns: every sum over data is a letter, SymPy solves, the letters go back."""
    import sympy

    letters: dict[str, tuple[object, Expr]] = {}
    symbols = {name: sympy.Symbol(f"unknown_{k}") for k, name in enumerate(unknowns)}
    system = [_as_sympy(multiplied[name].result, symbols, letters) for name in unknowns]
    try:
        answer = sympy.linsolve(system, *symbols.values())
    except sympy.solvers.solveset.NonlinearError:
        answer = sympy.EmptySet
    if not isinstance(answer, sympy.FiniteSet):
        raise Usage("the gradients are not linear in " + ", ".join(unknowns), "only linear systems are solved in closed form")
    back = {symbol: e for symbol, e in letters.values()} | {symbols[n]: Entry(n, ()) for n in unknowns}
    values = [_sign_inside(_from_sympy(sympy.factor(v), back)) for v in next(iter(answer))]
    return Finding(
        "Set to zero and solve",
        "At the minimum all of these derivatives vanish; SymPy solves the linear system for " + " and ".join(unknowns) + ".",
        gradients.program,
        tuple(multiplied[n].target for n in unknowns),
        tuple(_set_to_zero(multiplied[n]) for n in unknowns),
        tuple((Entry(n, ()), value) for n, value in zip(unknowns, values, strict=True)),
        about=unknowns,
    )


def _set_to_zero(found: Derivation) -> Derivation:
    return replace(found, note="= 0")


def _as_sympy(e: Expr, symbols: dict, letters: dict) -> object:
    """A multiplied-out gradient as a polynomial: unknowns and sums over data are symbols."""
    import sympy

    total = sympy.Integer(0)
    for term in e.terms if isinstance(e, x.Add) else (e,):
        c, rest = coefficient(term)
        product = sympy.Rational(c.numerator, c.denominator)
        for f in rest.factors if isinstance(rest, x.Mul) else (rest,):
            product *= _factor(f, symbols, letters)
        total += product
    return total


def _factor(f: Expr, symbols: dict, letters: dict) -> object:
    import sympy

    if isinstance(f, Entry) and f.name in symbols:
        return symbols[f.name]
    if isinstance(f, x.Num):
        return sympy.Rational(f.value.numerator, f.value.denominator)
    if any(depends(f, name) for name in symbols):
        raise Usage(f"the gradient is not linear in {', '.join(symbols)}", "a product or function of unknowns occurs")
    if f.key not in letters:
        letters[f.key] = (sympy.Symbol(f"sum_{len(letters)}", positive=True), f)
    return letters[f.key][0]


def _from_sympy(e: object, back: dict) -> Expr:
    """A rational function of the letters as an expression again."""
    if e in back:
        return back[e]
    if e.is_Rational:
        return x.num(f"{e.p}/{e.q}")
    if e.is_Add:
        ordered = sorted(e.args, key=lambda t: (bool(t.as_coeff_Mul()[0] < 0), str(t)))
        return x.add(*(_from_sympy(t, back) for t in ordered))
    if e.is_Mul:
        return x.mul(*(_from_sympy(t, back) for t in e.args))
    if e.is_Pow:
        return x.power(_from_sympy(e.base, back), _from_sympy(e.exp, back))
    raise Usage(f"SymPy's answer has a part that is not a rational function: {e.func.__name__}")


def _sign_inside(e: Expr) -> Expr:
    """−(1/n)(a − b) as (1/n)(b − a)."""
    if not isinstance(e, x.Mul) or coefficient(e)[0] >= 0:
        return e
    place = next((k for k, f in enumerate(e.factors) if isinstance(f, x.Add)), None)
    if place is None:
        return e
    turned = positive_first(x.add(*(x.negate(t) for t in e.factors[place].terms)))
    return x.negate(x.mul(*e.factors[:place], turned, *e.factors[place + 1 :]))


def vanishes(gradients: Gradients, finding: Finding) -> bool:
    """Whether every gradient is zero, for all sizes, once the solution is put in."""
    solution = {left.name: value for left, value in finding.displays}
    for d in finding.derivations:
        put = x.replace_entries(d.result, lambda t: x.refresh(solution[t.name]) if t.name in solution else None)
        if prove_equal(put, x.ZERO, gradients.program) is not True:
            return False
    return True


def _normal_equations(gradients: Gradients, unknowns: tuple[str, ...], multiplied: dict[str, Derivation]) -> Finding:
    """Vector unknowns: the terms with the unknown on the left, the others on the right, and the system they are."""
    system = linear_system(gradients, unknowns)
    displays = []
    for name in unknowns:
        terms = multiplied[name].result
        terms = terms.terms if isinstance(terms, x.Add) else (terms,)
        held = [t for t in terms if any(depends(t, u) for u in unknowns)]
        data = [t for t in terms if t not in held]
        scale = coefficient(held[0])[0] if held else 1
        left = x.add(*(x.mul(x.num(1) / scale, t) for t in held))
        right = x.add(*(x.mul(x.num(-1) / scale, t) for t in data))
        displays.append((left, right))
    return Finding(
        "Normal equations",
        "Where the gradient vanishes, the terms with the unknown stand on the left, the data on the right.",
        gradients.program,
        tuple(multiplied[n].target for n in unknowns),
        tuple(_set_to_zero(multiplied[n]) for n in unknowns),
        tuple(displays),
        about=unknowns,
        system=system,
    )


