"""SymPy out: every expression of the engine as a SymPy expression.

    x[i, t[i]]        IndexedBase x, integer Symbols i            n, (H - K)//s     positive integer Symbols, floor
    sum, prod         Sum, Product over 0..n-1                    max, min, argmax  max_over(Lambda(j, body), n)
    [i = j]           KroneckerDelta                              other conditions  Piecewise((1, c), (0, True))
    sigmoid(u)        SymPy's function, else the op's meaning     D(e, x[k])        Derivative

Every binder becomes a `Dummy`, so that no letter of the reader can be caught; equal sums get the same dummy, so that
SymPy can cancel them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import inf

import sympy
from sympy import Dummy, Function, IndexedBase, KroneckerDelta, Lambda, Piecewise, S, Symbol

from derive import expr as x
from derive.expr import Expr, Term
from derive.index import Index, Quotient, Size
from derive.notation import letters
from derive.ops import OPS, Op
from derive.program import Equation, Program

_RELATIONS = {"eq": sympy.Eq, "lt": sympy.Lt, "le": sympy.Le}
_INFINITE = {inf: S.Infinity, -inf: S.NegativeInfinity}
SUMS = {"sum": sympy.Sum, "prod": sympy.Product}
NEUTRAL = {"sum": S.Zero, "prod": S.One, "max": S.NegativeInfinity, "min": S.Infinity}


# ---------------------------------------------------------------- out


def to_sympy(e: Term | Index | Size | Equation | Program, given: Mapping[str | Index, sympy.Basic] | None = None):
    """The SymPy expression that means the same; an Equation becomes an Eq, a Program a dict name → Eq.

    `given` holds SymPy objects to use for arrays (by name) and free indices; others get an `IndexedBase` (a plain
    `Symbol` for a scalar) and an integer `Symbol` of their printed names.
    """
    given = dict(given or {})
    if isinstance(e, Program):
        return {equation.name: to_sympy(equation, given) for equation in e.equations}
    if isinstance(e, Size):
        return size_out(e)
    if isinstance(e, Equation):
        out = _Out(letters(x.Call("of", (e.rhs, e.lhs))), given)
        return sympy.Eq(out.value(e.lhs), out.value(e.rhs), evaluate=False)
    out = _Out(letters(e), given)
    return out.cond(e) if isinstance(e, (x.Rel, x.And, x.Or, x.Not)) else out.value(e)


def size_out(n: Size) -> sympy.Expr:
    return sympy.Add(*(c * sympy.Mul(*map(_atom_out, monomial)) for monomial, c in n.terms))


def _atom_out(atom: str | Quotient) -> sympy.Expr:
    if isinstance(atom, str):
        return Symbol(atom, integer=True, positive=True)
    return sympy.floor(size_out(atom.over) / size_out(atom.under))


@lru_cache(4096)
def _dummy(key: str, name: str) -> Dummy:
    """The bound letter of a reduction: the same for the same reduction, and nobody else's."""
    return Dummy(name, integer=True)


class _Out:
    """One conversion: the printed letters of all indices, and what stands for the free ones."""

    def __init__(self, names: Mapping[Index, str], given: Mapping):
        self.names, self.given, self.bound = names, given, {}

    def value(self, t: Term | Index) -> sympy.Expr:
        match t:
            case x.Num(value=value):
                return _INFINITE.get(value) or sympy.Rational(*value.as_integer_ratio())
            case x.Entry(name=name, slots=slots):
                return self.entry(name, tuple(map(self.value, slots)))
            case x.Ind(cond=cond):
                return self.indicator(cond)
            case x.Call(op=op, args=args):
                return self.call(op, args)
            case x.Add(terms=terms):
                return sympy.Add(*map(self.value, terms))
            case x.Mul(factors=factors):
                return sympy.Mul(*map(self.value, factors))
            case x.Pow(base=base, exponent=exponent):
                return sympy.Pow(self.value(base), self.value(exponent))
            case x.Reduce():
                return self.reduction(t)
            case x.Cases(branches=branches, otherwise=otherwise):
                pairs = [(self.value(v), self.cond(c)) for c, v in branches]
                return Piecewise(*pairs, (self.value(otherwise), True))
            case x.D(body=body, wrt=wrt):
                return sympy.Derivative(self.value(body), self.value(wrt))
        return self.slot(t)

    def slot(self, t: Term | Index) -> sympy.Expr:
        match t:
            case Index():
                return self.bound.get(t) or self.given.get(t) or Symbol(self.names[t], integer=True)
            case x.Whole(slot=slot):
                return self.value(slot)
            case x.Affine(terms=terms, constant=constant):
                return sympy.Add(size_out(constant), *(size_out(c) * self.value(s) for s, c in terms))
            case x.Join(parts=joined):
                total = S.Zero
                for slot, n in joined:
                    total = total * size_out(n) + self.value(slot)
                return sympy.expand(total)
            case x.Part(slot=slot, divisor=divisor, modulus=modulus):
                digit = sympy.floor(self.value(slot) / size_out(divisor))
                return digit if modulus is None else sympy.Mod(digit, size_out(modulus))
            case x.ArgBest(op=op, index=i, body=body):
                letter = self.binder(t)
                return Function(f"arg{op}_over")(Lambda(letter, self.value(body)), size_out(i.size))
        raise TypeError(f"have you added a new node? {type(t).__name__}")

    def entry(self, name: str, slots: tuple[sympy.Expr, ...]) -> sympy.Expr:
        if not slots:
            return self.given.get(name) or Symbol(name)
        return (self.given.get(name) or IndexedBase(name))[slots]

    def binder(self, t: x.Reduce | x.ArgBest) -> Dummy:
        letter = _dummy(x.key_with(t, {i: self.names[i] for i in t.free}), self.names[t.index])
        self.bound[t.index] = letter
        return letter

    def reduction(self, t: x.Reduce) -> sympy.Expr:
        letter, n = self.binder(t), size_out(t.index.size)
        body = self.value(t.body)
        if t.guard is not None:
            body = Piecewise((body, self.cond(t.guard)), (NEUTRAL[t.op], True))
        if t.op in SUMS:
            return SUMS[t.op](body, (letter, 0, n - 1))
        return Function(f"{t.op}_over")(Lambda(letter, body), n)

    def call(self, op: str, args: tuple[Expr, ...]) -> sympy.Expr:
        row = OPS[op]
        known = sympy_function(row)
        if known is not None:
            return known(*map(self.value, args)) if args else known
        if row.meaning_expr is None:
            return Function(op)(*map(self.value, args))
        values = dict(zip(row.args.split(), map(self.value, args), strict=True))
        return _Out(letters(row.meaning_expr), values).value(row.meaning_expr)

    def indicator(self, cond: x.Cond) -> sympy.Expr:
        if isinstance(cond, x.And):
            return sympy.Mul(*map(self.indicator, cond.parts))
        if isinstance(cond, x.Rel) and cond.op == "eq" and _is_slot(cond.left) and _is_slot(cond.right):
            return KroneckerDelta(self.value(cond.left), self.value(cond.right))
        return Piecewise((S.One, self.cond(cond)), (S.Zero, True))

    def cond(self, c: x.Cond) -> sympy.Basic:
        match c:
            case x.Rel(op=op, left=a, right=b):
                return _RELATIONS[op](self.value(a), self.value(b))
            case x.And(parts=parts):
                return sympy.And(*map(self.cond, parts))
            case x.Or(parts=parts):
                return sympy.Or(*map(self.cond, parts))
            case x.Not(part=part):
                return sympy.Not(self.cond(part))
        raise TypeError(f"have you added a new condition? {type(c).__name__}")


def _is_slot(t: Term | Index) -> bool:
    return isinstance(t, x.SLOTS) and not isinstance(t, x.Entry) or isinstance(t, (x.Entry, x.Whole))


@lru_cache(256)
def sympy_function(row: Op) -> object | None:
    """SymPy's own function of an op: the one its row names, else one of the same name with the same values."""
    if row.sympy:
        return getattr(sympy, row.sympy)
    found = getattr(sympy, row.name, None)
    if not (isinstance(found, type) and issubclass(found, Function)) or row.meaning_expr is None:
        return None
    names = row.args.split()
    points = [dict(zip(names, map(sympy.Rational, p), strict=False)) for p in (("3/7", "8/9"), ("-5/4", "1/3"))]
    agree = (abs(sympy.N(found(*p.values()) - _Out({}, p).value(row.meaning_expr), 30)) < 1e-25 for p in points)
    return found if all(agree) else None
