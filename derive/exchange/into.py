"""SymPy in: a SymPy expression as an expression of the engine, and the ranges of its letters.

Nothing is ever sympified from text.  A sum may run over 0..n−1, over 1..n (its arrays then start at 1) or over a part
of an axis; sizes of free letters follow from what they index.  What `out` makes is read back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from math import inf

import sympy
from sympy import Function, Idx, Indexed, IndexedBase, KroneckerDelta, Lambda, Piecewise, S, Symbol
from sympy.concrete.expr_with_limits import ExprWithLimits
from sympy.core.function import AppliedUndef

from derive import expr as x
from derive.errors import ShapeMismatch, ShapeUnknown, Unsupported, Usage
from derive.exchange.out import SUMS, size_out, sympy_function
from derive.expr import Expr
from derive.index import Index, Size
from derive.notation import parse_size
from derive.ops import OPS, Op

_OVER = {f"{op}_over": op for op in ("max", "min", "argmax", "argmin")}


# ---------------------------------------------------------------- in: ranges

Span = tuple[sympy.Expr, sympy.Expr]


def _label(letter: sympy.Basic) -> sympy.Basic:
    return letter.label if isinstance(letter, Idx) else letter


def array_name(entry: sympy.Basic) -> str:
    """The name of the array of an entry, or of a scalar."""
    return str(entry.base.label) if isinstance(entry, Indexed) else entry.name


def entries(e: sympy.Basic, scope: Mapping | None = None) -> Iterator[tuple[Indexed, dict]]:
    """Every entry with the ranges of the letters that are bound around it."""
    scope = dict(scope or {})
    if isinstance(e, ExprWithLimits):
        for letter, *ends in reversed(e.limits):
            for end in ends:
                yield from entries(end, scope)
            scope[_label(letter)] = _limits(e, letter, ends)
        yield from entries(e.function, scope)
        return
    if isinstance(e, AppliedUndef) and e.func.__name__ in _OVER and isinstance(e.args[0], Lambda):
        letter = e.args[0].variables[0]
        yield from entries(e.args[0].expr, scope | {letter: (S.Zero, e.args[1] - 1)})
        return
    if isinstance(e, Indexed):
        yield e, scope
    for part in e.indices if isinstance(e, Indexed) else () if isinstance(e, Idx) else e.args:
        yield from entries(part, scope)


def _limits(e: ExprWithLimits, letter: sympy.Basic, ends: list) -> Span:
    if len(ends) == 2:
        return tuple(ends)
    raise ShapeUnknown(f"the range of {letter} in {e} is unknown", hint=f"write the limits: ({letter}, 0, n - 1)")


class Ranges:
    """The range of every free letter and the extent of every axis, as far as the expressions determine them.

    An axis is as wide as its declared shape, else as the widest range with which it is indexed; a free letter runs
    over the axis that it indexes.  An axis that nothing bounds gets a size letter of its own.
    """

    def __init__(self, given: Iterable[sympy.Basic], shapes: Mapping[str, Iterable] | None = None,
                 scope: Mapping[str, Index] | None = None):  # fmt: skip
        self.uses = [(entry, k, t, inside) for e in given for entry, inside in entries(e)
                     for k, t in enumerate(entry.indices)]  # fmt: skip
        self.scope = dict(scope or {})
        self.axes: dict[tuple[str, int], Span] = {}
        self.free: dict[sympy.Basic, Span] = {}
        self.taken = {s.name for e in given for s in e.free_symbols if isinstance(s, Symbol)}
        self._declare({name: _shape(given) for name, given in (shapes or {}).items()})
        while self._spread() or self._invent():
            pass

    def _declare(self, shapes: Mapping[str, Iterable]) -> None:
        for entry, k, t, _ in self.uses:
            name, own = array_name(entry), shapes.get(array_name(entry))
            shape = [size_out(_as_size(n)) for n in own] if own is not None else entry.base.shape
            if shape is not None:
                self.axes[name, k] = (S.Zero, shape[k] - 1)
            if isinstance(t, Idx) and t.lower is not None:
                self.free.setdefault(t.label, (t.lower, t.upper))
            if str(t) in self.scope:
                self.free[_label(t)] = (S.Zero, size_out(self.scope[str(t)].size) - 1)
        self.fixed = set(self.axes)

    def _spread(self) -> bool:
        """Carry ranges from letters to axes and from axes to free letters; False when nothing is new."""
        before = dict(self.axes), dict(self.free)
        for entry, k, t, inside in self.uses:
            key, letter = (array_name(entry), k), _label(t)
            span = inside.get(letter) or self.free.get(letter)
            if span is not None and key not in self.fixed and not _moving(span, inside):
                self.axes[key] = _widest(key, self.axes.get(key), span)
            elif span is None and key in self.axes and is_letter(letter):
                self.free[letter] = self.axes[key]
        return before != (self.axes, self.free)

    def _invent(self) -> bool:
        """A size letter for the first free letter that nothing bounds; False when every letter has a range."""
        for _, _, t, inside in self.uses:
            for letter in index_letters(t):
                if letter not in inside and letter not in self.free:
                    self.free[letter] = (S.Zero, size_out(Size.of(self._spare())) - 1)
                    return True
        return False

    def _spare(self) -> str:
        name = next(n for n in (*"nmdhk", *(f"n{k}" for k in range(len(self.uses) + 1))) if n not in self.taken)
        self.taken.add(name)
        return name

    def axis(self, name: str, k: int) -> Span:
        """First and last position on an axis; raises ShapeUnknown."""
        if (name, k) not in self.axes:
            raise ShapeUnknown(f"the length of axis {k} of {name} is unknown", "no letter with a range runs over it",
                               f'IndexedBase("{name}", shape=(n, …))')  # fmt: skip
        return self.axes[name, k]

    def size(self, name: str, k: int) -> Size:
        """The length of an axis."""
        first, last = self.axis(name, k)
        return size_in(last - first + 1)


def _as_size(n: Size | int | str | sympy.Expr) -> Size:
    if isinstance(n, str):
        return parse_size(n)
    return size_in(n) if isinstance(n, sympy.Basic) else Size.of(n)


def is_size(t: sympy.Basic) -> bool:
    """An integer multiple of a size letter: n, −2n."""
    factors = sympy.Mul.make_args(t)
    return all(
        isinstance(f, sympy.Integer) or isinstance(f, Symbol) and f.is_integer and f.is_positive for f in factors
    )


def is_letter(t: sympy.Basic) -> bool:
    """An index letter: a symbol that is not a size."""
    return isinstance(t, Symbol) and not t.is_positive


def index_letters(t: sympy.Basic) -> Iterator[sympy.Basic]:
    """The letters of what stands in an index position, those inside integer arrays included."""
    if is_letter(_label(t)):
        yield _label(t)
    for part in t.indices if isinstance(t, Indexed) else () if isinstance(t, Idx) else t.args:
        yield from index_letters(part)


def _moving(span: Span, inside: Mapping) -> bool:
    """Whether a range depends on other letters, as in Σ over j < i."""
    symbols = span[0].free_symbols | span[1].free_symbols
    return any(s in inside or is_letter(s) for s in symbols)


def _widest(key: tuple[str, int], held: Span | None, new: Span) -> Span:
    if held is None:
        return new
    first, last = (sympy.expand(new[k] - held[k]) for k in (0, 1))
    if not (first.is_number and last.is_number):
        raise ShapeMismatch(f"axis {key[1]} of {key[0]} runs to {held[1]} and to {new[1]}", "one axis has one length",
                            "declare it: IndexedBase(name, shape=…)")  # fmt: skip
    return (new[0] if first < 0 else held[0], new[1] if last > 0 else held[1])


# ---------------------------------------------------------------- in: expressions


def from_sympy(e: sympy.Expr, scope: Mapping[str, Index] | Iterable[Index] = (), shapes: Mapping | None = None,
               ranges: Ranges | None = None) -> Expr:  # fmt: skip
    """The engine's expression for a SymPy one; `scope`: its free indices where the caller has them already.

    `shapes` gives sizes of arrays, `{"x": "n C"}` or tuples.  Raises Usage for what is no SymPy expression, Unsupported
    for functions that the engine does not have, ShapeUnknown and ShapeMismatch for ranges.
    """
    if not isinstance(e, sympy.Expr) or isinstance(e, IndexedBase):
        raise Usage(f"not a SymPy expression: {e!r}", "text and whole arrays are not read here", "write an entry: x[i]")
    named = dict(scope) if isinstance(scope, Mapping) else {i.name: i for i in scope}
    ranges = ranges or Ranges([e], shapes, named)
    return Reading(ranges, named).value(e, {})


def _shape(shape: str | Iterable) -> tuple:
    """`n C` or `int n` as sizes."""
    return (
        tuple(w for w in shape.split() if w not in ("int", "real", "bool")) if isinstance(shape, str) else tuple(shape)
    )


def size_in(e: sympy.Expr) -> Size:
    """A SymPy polynomial over symbols and floors as a size; raises Unsupported."""
    e = sympy.expand(e)
    if isinstance(e, sympy.Integer):
        return Size.of(int(e))
    if isinstance(e, Symbol):
        return Size.of(e.name)
    if isinstance(e, sympy.Add | sympy.Mul):
        total, *rest = map(size_in, e.args)
        for n in rest:
            total = total + n if isinstance(e, sympy.Add) else total * n
        return total
    if isinstance(e, sympy.Pow) and isinstance(e.exp, sympy.Integer) and e.exp > 0:
        return x.product_of([size_in(e.base)] * int(e.exp))
    if isinstance(e, sympy.floor):
        over, under = sympy.fraction(sympy.together(e.args[0]))
        return size_in(over) // size_in(under)
    raise Unsupported(f"{e} is not a size", "sizes are letters and integers with + - * and floor", "name it: n")


class Reading:
    """One conversion.  A scope maps letters to (index, first): the letter's value is index + first."""

    def __init__(self, ranges: Ranges, named: Mapping[str, Index] | None = None):
        self.ranges, self.free = ranges, {}
        self.named = dict(named or {})

    def letter(self, t: sympy.Basic, scope: Mapping) -> tuple[Index, sympy.Expr] | None:
        """The index of a letter and the letter's first value; None for sizes and scalars."""
        label = _label(t)
        if label in scope:
            return scope[label]
        span = self.ranges.free.get(label)
        if span is None and label.name in self.named:
            span = (S.Zero, None)
        if span is None:
            return None
        if label not in self.free:
            own = self.named.get(label.name)
            self.free[label] = (own or Index(label.name, size_in(span[1] - span[0] + 1)), span[0])
        return self.free[label]

    def value(self, e: sympy.Basic, scope: Mapping) -> Expr:
        if e in _CONSTANTS:
            return _CONSTANTS[e]
        for kind, read in _READ.items():
            if isinstance(e, kind):
                return read(self, e, scope)
        row = _by_sympy().get(e.func.__name__) if isinstance(e, Function) else None
        if row is None or len(e.args) != row.arity:
            name = e.func.__name__
            raise Unsupported(f"SymPy's {name} is not supported", f"there is no op for {e}",
                              "derive explain lists the ops; derive.op(…) adds one")  # fmt: skip
        return x.Call(row.name, tuple(self.value(a, scope) for a in e.args))

    def number(self, e: sympy.Number, scope: Mapping) -> Expr:
        return x.Num(Fraction(str(e)) if isinstance(e, sympy.Float) else Fraction(int(e.p), int(e.q)))

    def symbol(self, e: Symbol | Idx, scope: Mapping) -> Expr:
        if self.letter(e, scope) is not None:
            return x.as_value(self.slot(e, scope))
        if e.is_integer and e.is_positive:
            return x.size(e.name)
        return x.Entry(e.name, ())

    def entry(self, e: Indexed, scope: Mapping) -> Expr:
        name, slots = array_name(e), []
        for k, t in enumerate(e.indices):
            first, _ = self.ranges.axes.get((name, k), (S.Zero, None))
            slots.append(x.affine([(self.slot(t, scope), Size.of(1))], -size_in(first)))
        return x.Entry(name, tuple(slots))

    def sum_(self, e: sympy.Add, scope: Mapping) -> Expr:
        if all(isinstance(t, sympy.Integer) or is_size(t) for t in e.args):
            return x.size(size_in(e))
        return x.add(*(self.value(t, scope) for t in e.as_ordered_terms()))

    def product(self, e: sympy.Mul, scope: Mapping) -> Expr:
        factors = sorted(e.as_ordered_factors(), key=lambda f: isinstance(f, sympy.Pow) and f.exp.is_negative is True)
        return x.mul(*(self.value(f, scope) for f in factors))

    def power(self, e: sympy.Pow, scope: Mapping) -> Expr:
        return x.power(self.value(e.base, scope), self.value(e.exp, scope))

    def reduction(self, e: ExprWithLimits, scope: Mapping) -> Expr:
        op = next(op for op, kind in SUMS.items() if isinstance(e, kind))
        bound = []
        for letter, *ends in reversed(e.limits):
            i, first, guard = self.bind(e, letter, _limits(e, letter, ends), scope)
            scope = {**scope, _label(letter): (i, first)}
            bound.append((i, guard(scope)))
        body = self.value(e.function, scope)
        for i, guard in reversed(bound):
            body = self.guarded(op, i, body, guard)
        return body

    def guarded(self, op: str, i: Index, body: Expr, guard: x.Cond) -> Expr:
        """The reduction; a body that is neutral outside a condition has the condition as its guard."""
        neutral = {"sum": 0, "prod": 1, "max": -inf, "min": inf}[op]
        if isinstance(body, x.Cases) and len(body.branches) == 1 and body.otherwise.key == x.Num(neutral).key:
            cond, body = body.branches[0]
            guard = x.both(guard, cond)
        return x.reduce_(op, i, body, guard)

    def bind(self, e: ExprWithLimits, letter: sympy.Basic, span: Span, scope: Mapping):
        """A fresh index for a bound letter, its first value, and the guard where its range is part of an axis."""
        first, last = span
        if not _moving(span, scope):
            return Index(_label(letter).name, size_in(last - first + 1)), first, lambda scope: x.TRUE
        keys = [(array_name(u), k) for u, _ in entries(e.function) for k, t in enumerate(u.indices) if t == letter]
        if not keys or keys[0] not in self.ranges.axes:
            raise ShapeUnknown(f"the range of {letter} in {e} moves, and it indexes no array of known length",
                               hint="declare the array: IndexedBase(name, shape=(n,))")  # fmt: skip
        low, high = self.ranges.axes[keys[0]]

        def guard(scope: Mapping) -> x.Cond:
            own = self.slot(letter, scope)
            ends = [x.TRUE if first == low else x.rel("le", self.slot(first, scope), own)]
            return x.both(*ends, x.rel("lt", own, self.slot(last + 1, scope)))

        return Index(_label(letter).name, size_in(high - low + 1)), low, guard

    def over(self, e: AppliedUndef, scope: Mapping) -> Expr:
        op = _OVER.get(e.func.__name__)
        if op is None:
            row = OPS[e.func.__name__] if e.func.__name__ in OPS else None
            if row is None or row.arity != len(e.args):
                raise Unsupported(f"the function {e.func.__name__} has no meaning", "it is not in the op table",
                                  f'derive.op("{e.func.__name__}", meaning="…") adds it')  # fmt: skip
            return x.Call(row.name, tuple(self.value(a, scope) for a in e.args))
        letter = e.args[0].variables[0]
        i = Index(letter.name, size_in(e.args[1]))
        body = self.value(e.args[0].expr, {**scope, letter: (i, S.Zero)})
        return x.Whole(x.ArgBest(op[3:], i, body)) if op.startswith("arg") else self.guarded(op, i, body, x.TRUE)

    def cases(self, e: Piecewise, scope: Mapping) -> Expr:
        branches = [(self.cond(c, scope), self.value(v, scope)) for v, c in e.args if c != True]  # noqa: E712
        if e.args[-1][1] != True:  # noqa: E712
            raise Unsupported(f"{e} has no value elsewhere", "the last case must be for all others", "add (0, True)")
        otherwise = self.value(e.args[-1][0], scope)
        if len(branches) == 1 and (branches[0][1].key, otherwise.key) == (x.ONE.key, x.ZERO.key):
            return x.indicator(branches[0][0])
        return x.cases(branches, otherwise)

    def delta(self, e: KroneckerDelta, scope: Mapping) -> Expr:
        a, b = (self.slot(t, scope) for t in e.args[:2])
        if isinstance(a, x.Affine) and isinstance(b, x.Affine) and a.terms and b.terms and a.constant == b.constant:
            a, b = (x.affine(list(s.terms)) for s in (a, b))
        return x.delta(a, b)

    def best(self, e: sympy.Max | sympy.Min, scope: Mapping) -> Expr:
        args = sorted(e.args, key=lambda a: (a.is_number, sympy.default_sort_key(a)))
        out, *rest = (self.value(a, scope) for a in args)
        if isinstance(e, sympy.Max) and len(rest) == 1 and rest[0].key == x.ZERO.key:
            return x.Call("relu", (out,))
        for a in rest:
            out = x.Call("maximum" if isinstance(e, sympy.Max) else "minimum", (out, a))
        return out

    def derivative(self, e: sympy.Derivative, scope: Mapping) -> Expr:
        out = self.value(e.expr, scope)
        for wrt, count in e.variable_count:
            for _ in range(count):
                out = x.D(out, self.value(wrt, scope))
        return out

    def digits(self, e: sympy.floor | sympy.Mod, scope: Mapping) -> Expr:
        if isinstance(e, sympy.floor) and not _integral(e.args[0]):
            return x.Call("floor", (self.value(e.args[0], scope),))
        return x.as_value(self.slot(e, scope))

    def slot(self, e: sympy.Basic, scope: Mapping) -> x.Slot:
        """What stands in an index position: letters, sizes and integer entries, with integer coefficients."""
        e = sympy.expand(e)
        total: list[tuple[x.Slot, Size]] = []
        constant = Size()
        for term in sympy.Add.make_args(e):
            factors = sympy.Mul.make_args(term)
            moving = [f for f in factors if not self._constant(f, scope)]
            scale = size_in(sympy.Mul(*(f for f in factors if f not in moving)))
            if len(moving) > 1:
                raise Unsupported(f"the index {e}", "products of two letters are no index", "use an integer array")
            if moving:
                total.append((self._slot(moving[0], scope), scale))
            else:
                constant = constant + scale
        return x.affine(total, constant)

    def _constant(self, e: sympy.Basic, scope: Mapping) -> bool:
        if isinstance(e, Idx):
            return self.letter(e, scope) is None
        return not e.atoms(Indexed) and all(self.letter(s, scope) is None for s in e.free_symbols if s.is_Symbol)

    def _slot(self, e: sympy.Basic, scope: Mapping) -> x.Slot:
        if isinstance(e, Symbol | Idx) and self.letter(e, scope) is not None:
            i, first = self.letter(e, scope)
            return x.affine([(i, Size.of(1))], size_in(first))
        if isinstance(e, sympy.floor):
            over, under = sympy.fraction(sympy.together(e.args[0]))
            return x.part(self.slot(over, scope), size_in(under), None)
        if isinstance(e, sympy.Mod):
            inner, n = self.slot(e.args[0], scope), size_in(e.args[1])
            open_ = isinstance(inner, x.Part) and inner.modulus is None
            return x.part(inner.slot, inner.divisor, n) if open_ else x.part(inner, Size.of(1), n)
        if isinstance(e, Indexed | AppliedUndef) and (found := x.as_slot(self.value(e, scope))) is not None:
            return found
        raise Unsupported(f"the index {e}", "an index position takes letters, sizes and integer entries", "")

    def cond(self, c: sympy.Basic, scope: Mapping) -> x.Cond:
        if c in (S.true, S.false):
            return x.TRUE if c == S.true else x.FALSE
        if isinstance(c, sympy.And | sympy.Or):
            return (x.both if isinstance(c, sympy.And) else x.either)(*(self.cond(a, scope) for a in c.args))
        if isinstance(c, sympy.Not):
            return x.negation(self.cond(c.args[0], scope))
        for kind, op, turned, negated in _COMPARISONS:
            if isinstance(c, kind):
                a, b = (self.value(side, scope) for side in (reversed(c.args) if turned else c.args))
                found = x.rel(op, a, b)
                return x.negation(found) if negated else found
        raise Unsupported(f"the condition {c}", "conditions are comparisons with and, or, not", "")


def _integral(e: sympy.Expr) -> bool:
    """Whether numerator and denominator are built of integers, so that its floor is a digit or a size."""
    over, under = sympy.fraction(sympy.together(e))
    return bool(under.is_integer and all(s.is_integer for s in over.free_symbols if s.is_Symbol) and under != 1)


_READ = {
    sympy.Number: Reading.number,
    Symbol: Reading.symbol,
    Idx: Reading.symbol,
    Indexed: Reading.entry,
    sympy.Add: Reading.sum_,
    sympy.Mul: Reading.product,
    sympy.exp: lambda self, e, scope: x.Call("exp", (self.value(e.args[0], scope),)),
    sympy.Pow: Reading.power,
    sympy.Sum: Reading.reduction,
    sympy.Product: Reading.reduction,
    Piecewise: Reading.cases,
    KroneckerDelta: Reading.delta,
    sympy.Max: Reading.best,
    sympy.Min: Reading.best,
    sympy.Derivative: Reading.derivative,
    sympy.floor: Reading.digits,
    sympy.Mod: Reading.digits,
    sympy.Heaviside: lambda self, e, scope: x.indicator(x.rel("lt", x.ZERO, self.value(e.args[0], scope))),
    AppliedUndef: Reading.over,
}
_CONSTANTS = {
    S.Infinity: x.Num(inf),
    S.NegativeInfinity: x.MINUS_INFINITY,
    S.Pi: x.Call("pi", ()),
    S.Exp1: x.Call("exp", (x.ONE,)),
}
_COMPARISONS = (  # SymPy's class, ours, sides exchanged, negated
    (sympy.Eq, "eq", False, False),
    (sympy.Ne, "eq", False, True),
    (sympy.Lt, "lt", False, False),
    (sympy.Le, "le", False, False),
    (sympy.Gt, "lt", True, False),
    (sympy.Ge, "le", True, False),
)


def _by_sympy() -> dict[str, Op]:
    """The ops by the names of their SymPy functions."""
    return {known.__name__: row for row in OPS if isinstance(known := sympy_function(row), type)}
