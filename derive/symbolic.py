"""Derivatives of plain SymPy expressions with symbolic sizes: the second deriver, independent of the engine.

    p = softmax(x[i], (i, C))                        exp(x[i])/Sum(exp(x[_j]), (_j, 0, C - 1))
    jacobian(p, x[k], where={s[i]: p})               s[i]*(KroneckerDelta(i, k) - s[k])

SymPy differentiates; this module keeps the letters apart.  SymPy alone returns s_i(δ_ij − 1) for ∂p_i/∂x_j when
`j` is also the letter of the sum (sympy #21891), so every binder is renamed before `sympy.diff` sees it.  Then
Σ_j δ_jk f(j) becomes f(k) where k provably runs inside the sum; otherwise the δ stays under its sum (no Piecewise).

Ranges.  An `Idx` runs over its declared range.  Any other letter runs over the axis that it indexes: 0..size−1 of
an `IndexedBase` with a shape, else the widest range over which the expression itself sums that axis.  So
`jacobian(e, x[k])` takes for granted that x[k] exists.  Entries are real, arguments of log positive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from itertools import product

import sympy
from sympy import Add, Dummy, Expr, Idx, Indexed, IndexedBase, KroneckerDelta, Mul, S, Sum, Symbol, Tuple
from sympy.concrete.expr_with_limits import ExprWithLimits

from derive.errors import BadFact, NotDifferentiable, Usage

__all__ = ["affine", "cross_entropy", "gradient", "jacobian", "log", "log_softmax", "same", "softmax"]

Over = Symbol | Idx | tuple  # j with a known range, (j, C) for 0..C-1, or (j, first, last)


# -- builders: plain SymPy, each sum over a fresh dummy --------------------------------------------------------


def softmax(e: Expr, over: Over) -> Expr:
    """softmax(e)_j = exp(e_j) / Σ_m exp(e_m), where `over` says which letter of `e` is j and its range.

    `e` has any other letters as batch axes and the result has the letters of `e`.  Raises Usage without a range.
    Source: Bishop 2006, PRML, eq. 4.62; Goodfellow et al. 2016, Deep Learning, eq. 6.29.
    """
    return sympy.exp(_expr(e)) / _sum(sympy.exp(e), over, e)


def log_softmax(e: Expr, over: Over) -> Expr:
    """log softmax(e)_j = e_j − log Σ_m exp(e_m); letters and errors as for `softmax`.

    Source: Goodfellow et al. 2016, Deep Learning, eq. 6.30.
    """
    return _expr(e) - sympy.log(_sum(sympy.exp(e), over, e))


def log(e: Expr) -> Expr:
    """The natural logarithm, entry by entry; `e` is positive and keeps its letters."""
    return sympy.log(_expr(e))


def cross_entropy(p: Expr, y: Expr, *over: Over) -> Expr:
    """L = −Σ_j y_j log p_j, summed over every letter given in `over` (the classes, then the batch).

    A label t is the target `KroneckerDelta(j, t)`.  Raises Usage without a range.
    Source: Bishop 2006, PRML, eq. 4.108.
    """
    loss = _expr(y) * sympy.log(_expr(p))
    if not over:
        raise Usage("cross_entropy without an axis", "it sums over the classes", "cross_entropy(p, y[j], (j, C))")
    for axis in over:
        loss = _sum(loss, axis)
    return -loss


def affine(h: Expr, w: Expr, b: Expr = S.Zero, over: Over | None = None) -> Expr:
    """Z = H W + b, as z_ij = Σ_k h_ik w_kj + b_j; `over` is the letter k that `h` and `w` share.

    `affine(H[i, k], W[k, j], b[j], (k, D))` has the letters i and j.  Raises Usage without a range.
    Source: Goodfellow et al. 2016, Deep Learning, §6.2.2.
    """
    if over is None:
        raise Usage("affine without an axis", "the sum needs its letter", "affine(H[i, k], W[k, j], b[j], (k, D))")
    return _sum(_expr(h) * _expr(w), over) + b


def _expr(e: object) -> Expr:
    if isinstance(e, int | float) and not isinstance(e, bool):
        return sympy.Number(e)
    if not isinstance(e, Expr) or isinstance(e, IndexedBase):
        raise Usage(f"not a SymPy expression: {e!r}", "text and whole arrays are not read here", "write an entry: x[i]")
    return e


def _sum(e: Expr, over: Over, beside: Expr = S.Zero) -> Expr:
    """Σ of `e` over one letter, which becomes a dummy; its name is used neither inside nor in what stands beside."""
    letter, *bounds = over if isinstance(over, tuple) else (over,)
    if not isinstance(letter, Symbol | Idx) or len(bounds) > 2:
        raise Usage(f"not an axis: {over!r}", "a sum needs a letter and a range", "(j, C) or (j, 1, C)")
    if isinstance(letter, Idx) and not bounds and letter.lower is not None:
        bounds = [letter.lower, letter.upper]
    bounds = bounds or [_shape_of(e, letter)]
    first, last = bounds if len(bounds) == 2 else (0, bounds[0] - 1)
    label = getattr(letter, "label", letter)
    fresh = Dummy(_name(label.name, (e.atoms(Symbol) - {label}) | beside.atoms(Symbol)), integer=True)
    own = {idx: fresh for idx in e.atoms(Idx) if idx.label == label}
    return Sum(_put(_fresh(e), {label: fresh} | own), (fresh, first, last))


def _name(first: str, used: Iterable[Symbol]) -> str:
    names = {letter.name for letter in used}
    return next(name for name in (first, *"ijklmpqr", *map("m{}".format, range(len(names) + 1))) if name not in names)


def _shape_of(e: Expr, letter: Symbol | Idx) -> Expr:
    for entry in e.atoms(Indexed):
        for place, size in zip(entry.indices, entry.base.shape or (), strict=False):
            if place == letter:
                return size
    raise Usage(f"the range of {letter} is unknown", "no array that it indexes has a shape", f"({letter}, C)")


# -- the derivers ----------------------------------------------------------------------------------------------


def jacobian(e: Expr, wrt: Indexed, *, where: Mapping | None = None, facts: Iterable | Mapping = ()) -> Expr:
    """∂e/∂x_k for `wrt` = x[k], exact for all sizes; its letters are those of `e` and of `wrt`.

    where   names in the order of computation, `{s[i]: softmax(x[i], (i, C))}`: expanded before differentiating
            (unless `wrt` is an entry of that name), folded back at any index afterwards.
    facts   equations, `[Eq(Sum(y[j], (j, 0, C - 1)), 1)]`, used left to right on the result; a letter that
            indexes the left side means "for all".
    Letters bound in `e` come back where they capture nothing.  For the range of k see the module.
    Raises Usage (not an entry, not an expression), NotDifferentiable (of an integer array, or no derivative),
    BadFact (not an equation).  Source: Bishop 2006, PRML, eq. 4.106 for the softmax.
    """
    where, facts = dict(where or {}), _equations(facts)
    inputs = [e, wrt, *where, *where.values(), *(side for fact in facts for side in fact)]
    for given in inputs:
        _check(given)
    _check_entry(wrt), _check_names(where)
    idx = _declared(inputs)
    bound = [limit for given in inputs for limit in _limits(_plain(given))]
    facts, names = [tuple(map(_plain, fact)) for fact in facts], [tuple(map(_plain, pair)) for pair in where.items()]
    names = [(name, d) for name, d in names if _array(name) != _array(wrt)]
    e, wrt = _fresh(_plain(e)), _plain(wrt)
    for name, d in names[::-1] * len(names):
        e = _rewrite(e, name, d)
    if any(e.has(_array(name)) for name, _ in names):
        raise Usage("a definition uses itself", "names are expanded before differentiating", "use another name")
    at = {Dummy("k", integer=True): t for t in getattr(wrt, "indices", ())}
    ranges = _ranges(e, {i: (t.lower, t.upper) for i, t in idx.items() if t.lower is not None}, wrt, at)
    slope = _diff(_alpha(e), wrt.base[tuple(at)] if at else wrt)
    slope = _folded(_contract(slope, ranges), names, ranges)
    for left, right in facts:
        slope = _contract(_rewrite(_fresh(slope), _contract(left, ranges), right), ranges)
    return _put(_lettered(_put(_nice(slope), at), bound), idx)


def gradient(e: Expr, wrt: Indexed, *, where: Mapping | None = None, facts: Iterable | Mapping = ()) -> Expr:
    """∂L/∂x_k of a scalar L; arguments, errors and result as for `jacobian`.

    Raises Usage when a letter of `wrt` is free in `e`: then `e` is an entry and not a scalar.
    Source: Bishop 2006, PRML, eq. 4.109 for the cross-entropy.
    """
    _check(e), _check_entry(wrt)
    if shared := _plain(e).free_symbols & _letters(_plain(wrt)):
        letter = min(map(str, shared))
        raise Usage(f"not a scalar: {letter} is free", "a gradient belongs to a scalar", "sum it, or call jacobian")
    return jacobian(e, wrt, where=where, facts=facts)


def same(a: Expr, b: Expr) -> bool:
    """Equal up to the names of bound letters; no algebra is done."""
    return _alpha(_plain(_expr(a))) == _alpha(_plain(_expr(b)))


def _diff(e: Expr, entry: Expr) -> Expr:
    """SymPy's derivative of `e`, in which no binder has a letter of `entry`."""
    slope = sympy.diff(e, entry)
    if slope.has(sympy.Derivative, sympy.Subs, sympy.nan):
        why, hint = "SymPy leaves it unevaluated", 'declare arrays real: IndexedBase("x", real=True)'
        raise NotDifferentiable(f"no derivative by {_array(entry)} is known", why, hint)
    return slope


# -- what is accepted ------------------------------------------------------------------------------------------


def _equations(facts: Iterable | Mapping) -> list[tuple[Expr, Expr]]:
    pairs = list(facts.items()) if isinstance(facts, Mapping) else list(facts)
    for fact in pairs:
        if not isinstance(fact, sympy.Eq | tuple):
            raise BadFact(f"not an equation: {fact}", "a fact is an equation that SymPy keeps", "Eq(Sum(...), 1)")
    return [tuple(map(_expr, getattr(fact, "args", fact))) for fact in pairs]


def _check(e: Expr) -> None:
    for node in sympy.preorder_traversal(_expr(e)):
        if isinstance(node, ExprWithLimits) and not isinstance(node, Sum | sympy.Product):
            raise Usage(f"{node.func.__name__} is not supported", "only Sum and Product bind letters here", "")


def _check_entry(wrt: Expr) -> None:
    if not isinstance(wrt, Indexed | Symbol) or not isinstance(_array(wrt), IndexedBase | Symbol):
        raise Usage(f"not an entry: {wrt}", "a derivative is by an array entry or a scalar", "jacobian(e, x[k])")
    if wrt.is_integer:
        raise NotDifferentiable(f"{wrt} is an integer", "there is no derivative by integers", "")


def _check_names(where: Mapping) -> None:
    for name, d in where.items():
        letters = getattr(_plain(name), "indices", ())
        if not isinstance(name, Indexed | Symbol) or not all(t.is_Symbol for t in letters):
            raise Usage(f"not a name: {name}", "a definition names an array by letters", "where={s[i]: ...}")
        if extra := _letters(_plain(d)) & _plain(d).free_symbols - set(letters):
            what = f"{min(map(str, extra))} is free in the definition of {name}"
            raise Usage(what, "a definition has the letters of its name", "bind the letter, or index the name by it")


def _declared(given: list[Expr]) -> dict[Symbol, Idx]:
    """The `Idx` of each letter; Usage when a letter has two ranges."""
    found: dict[Symbol, Idx] = {}
    for idx in sorted((idx for e in given for idx in e.atoms(Idx) if idx.label.is_Symbol), key=str):
        if found.setdefault(idx.label, idx) != idx:
            raise Usage(f"the letter {idx} has two ranges", "a letter runs over one range", "use another letter")
    return found


# -- letters and binders ---------------------------------------------------------------------------------------


def _array(entry: Expr) -> Expr:
    return entry.base if isinstance(entry, Indexed) else entry


def _letters(e: Expr) -> set[Symbol]:
    """Every symbol that stands in an index, free or bound."""
    return {letter for entry in e.atoms(Indexed) for t in entry.indices for letter in t.atoms(Symbol)}


def _limits(e: Expr) -> list[Tuple]:
    return [limit for node in sympy.preorder_traversal(e) if isinstance(node, ExprWithLimits) for limit in node.limits]


def _plain(e: Expr) -> Expr:
    return _put(e, {idx: idx.label for idx in e.atoms(Idx)})


def _put(e: Expr, new: Mapping) -> Expr:
    """`e` with parts replaced, array names untouched; the caller sees to it that no binder captures."""
    if e in new:
        return new[e]
    if isinstance(e, Indexed):
        return e.base[tuple(_put(t, new) for t in e.indices)]
    args = tuple(_put(arg, new) for arg in e.args)
    return e if args == e.args else e.func(*args)


def _renamed(e: Expr, name: Callable) -> Expr:
    """Every bound letter replaced by `name(limit, what it binds)`, innermost first, so that shadowing is respected."""
    if isinstance(e, Indexed) or not e.args:
        return e
    if not isinstance(e, ExprWithLimits):
        return e.func(*(_renamed(arg, name) for arg in e.args))
    body = Tuple(_renamed(e.function, name))
    for letter, first, last in e.limits:
        limit = Tuple(letter, _renamed(first, name), _renamed(last, name))
        new = name(limit, body)
        body = Tuple(*_put(body, {letter: new}), Tuple(new, *limit[1:]))
    return e.func(*body)


def _fresh(e: Expr) -> Expr:
    return _renamed(e, lambda limit, body: Dummy(limit[0].name, integer=True))


@cache
def _binder(height: int) -> Dummy:
    return Dummy(f"b{height}", integer=True)


@lru_cache(1000)
def _alpha(e: Expr) -> Expr:
    """The form that is equal for expressions equal up to bound letters: each is named by the height of its sum."""

    def name(limit: Tuple, body: Tuple) -> Dummy:
        height = 1
        while body.has(_binder(height)):
            height += 1
        return _binder(height)

    return _renamed(_fresh(e), name)


def _lettered(e: Expr, bound: list[Tuple]) -> Expr:
    """The author's bound letters again, where neither the result nor a sum inside uses them; else dummies."""
    free = {letter for letter in e.free_symbols if letter.is_Symbol}
    dummies: dict[tuple, Dummy] = {}

    def name(limit: Tuple, body: Tuple) -> Symbol:
        used = free | body.atoms(Symbol)
        own = [letter for letter, *ends in bound if ends == list(limit[1:])]
        spare = [letter for letter in own if letter.name == _name(letter.name, used)]
        other = _name(own[0].name if own else "i", used)
        return spare[0] if spare else dummies.setdefault((limit[0], other), Dummy(other, integer=True))

    return _renamed(_alpha(e), name)


# -- ranges ----------------------------------------------------------------------------------------------------

Range = tuple[Expr, Expr]


def _ranges(e: Expr, declared: dict[Symbol, Range], wrt: Expr, at: dict[Dummy, Expr]) -> dict[Symbol, Range]:
    """The range of each free letter of `e`, and of the letters `at` that stand for the indices of `wrt`."""
    axes: dict[tuple, list] = {}
    for (array, axis), t, inside in [*_uses(e, {})]:
        axes.setdefault((array, axis), []).append((t, inside))
    spans = {key: _span(key, uses, _letters(e) | _letters(wrt)) for key, uses in axes.items()}
    known: dict[Symbol, list] = {}
    for key, uses in axes.items():
        for t in {t for t, inside in uses if t.is_Symbol and t not in inside and spans[key]}:
            known.setdefault(t, []).append(spans[key])
    ranges = {t: least for t, found in known.items() if (least := _least(found))} | declared
    for axis, (letter, t) in enumerate(at.items()):
        span = declared.get(t) or spans.get((wrt.base, axis)) or _shape(wrt, axis)
        if span and not (t.is_number and _apart((t, t), span)):
            ranges[letter] = span
        elif t.is_number:
            ranges[letter] = t, t
    return ranges


def _uses(e: Expr, inside: dict[Symbol, Range]) -> Iterator[tuple]:
    """Each (array, axis), the index that stands there, and the ranges of the sums around it."""
    if isinstance(e, ExprWithLimits):
        inside = inside | {letter: (first, last) for letter, first, last in e.limits}
    if isinstance(e, Indexed):
        yield from (((e.base, axis), t, inside) for axis, t in enumerate(e.indices))
    for arg in e.indices if isinstance(e, Indexed) else e.args:
        yield from _uses(arg, inside)


def _span(key: tuple, uses: list, letters: set[Symbol]) -> Range | None:
    """The range of one axis: the widest in use, if it fits the shape; else that of the shape; else None."""
    uses = [(t, inside) for t, inside in uses if t.is_number or (t.free_symbols & {*inside} and not t.has(Indexed))]
    images = [_image(t, inside) for t, inside in uses]
    known = all(image and not letters & Tuple(*image).free_symbols for image in images)
    widest = next((a for a in images if all(_within(b, a) for b in images)), None) if known else None
    shape = _shape(key[0], key[1])
    if shape and widest and (widest[1] - widest[0] - shape[1]).expand() == 0:
        return widest
    return shape or widest


def _shape(array: Expr, axis: int) -> Range | None:
    shape = getattr(_array(array), "shape", None)
    return (S.Zero, shape[axis] - 1) if shape else None


def _image(t: Expr, ranges: dict[Symbol, Range]) -> Range | None:
    """Bounds of an index that is affine in letters with a range; else None."""
    low, high = _end(t, ranges, 0), _end(t, ranges, 1)
    return None if low is None or high is None else (low, high)


def _end(t: Expr, ranges: dict[Symbol, Range], side: int) -> Expr | None:
    for _ in range(2 * len(ranges) + 1):
        t = sympy.expand(t)
        letter = next((letter for letter in ranges if letter in t.free_symbols), None)
        if letter is None:
            return t
        slope = t.coeff(letter)
        rest = sympy.expand(t - slope * letter)
        if not slope.is_Integer or letter in rest.free_symbols:
            return None
        t = rest + slope * ranges[letter][side if slope > 0 else 1 - side]
    return None


def _within(a: Range, b: Range) -> bool:
    return bool(sympy.expand(a[0] - b[0]).is_nonnegative and sympy.expand(b[1] - a[1]).is_nonnegative)


def _apart(a: Range, b: Range) -> bool:
    return bool(sympy.expand(b[0] - a[1]).is_positive or sympy.expand(a[0] - b[1]).is_positive)


def _least(spans: list[Range]) -> Range | None:
    return next((a for a in spans if all(_within(a, b) for b in spans)), None)


# -- sums over δ -----------------------------------------------------------------------------------------------


def _contract(e: Expr, ranges: dict[Symbol, Range]) -> Expr:
    """Every sum split into terms, constants before it, Σ_j δ_jt f(j) = f(t) where t runs inside the sum."""
    return _reduced(_alpha(e), ranges)


def _reduced(e: Expr, ranges: dict[Symbol, Range]) -> Expr:
    if isinstance(e, Indexed) or not e.args:
        return e
    if not isinstance(e, ExprWithLimits):
        return e.func(*(_reduced(arg, ranges) for arg in e.args))
    ranges = ranges | {letter: (first, last) for letter, first, last in e.limits}
    body = _reduced(e.function, ranges)
    if not isinstance(e, Sum):
        return e.func(body, *e.limits)
    for limit in e.limits:
        body = Add(*(_term(t, limit, ranges) for t in _spread(body)))
    return body


def _spread(e: Expr) -> list[Expr]:
    """The terms of a product of sums, multiplied out."""
    if e.is_Add:
        return [t for arg in e.args for t in _spread(arg)]
    for factor in Mul.make_args(e):
        base, power = factor.as_base_exp()
        if base.is_Add and (power == 1 or (base.has(KroneckerDelta) and power.is_Integer and power > 1)):
            return [t for arg in base.args for t in _spread(arg * (e / base))]
    return [e]


def _term(e: Expr, limit: Tuple, ranges: dict[Symbol, Range]) -> Expr:
    """Σ of one product over one letter."""
    letter, first, last = limit
    for delta in Mul.make_args(e):
        t = _meets(delta, letter)
        image = None if t is None else _image(t, ranges)
        if image and _within(image, (first, last)):
            return _put(e / delta, {letter: t})
        if image and _apart(image, (first, last)):
            return S.Zero
    inner = [factor for factor in Mul.make_args(e) if letter in factor.free_symbols]
    outer = Mul(*(factor for factor in Mul.make_args(e) if factor not in inner))
    return outer * (Sum(Mul(*inner), limit) if inner else last - first + 1)


def _meets(delta: Expr, letter: Symbol) -> Expr | None:
    """The value of `letter` at which a δ is 1, when it is there with coefficient ±1."""
    if not isinstance(delta, KroneckerDelta) or len(delta.args) != 2:
        return None
    gap = sympy.expand(delta.args[0] - delta.args[1])
    slope = gap.coeff(letter)
    t = sympy.expand(letter - gap * slope)
    return t if abs(slope) == 1 and letter not in t.free_symbols else None


# -- names and facts -------------------------------------------------------------------------------------------


def _rewrite(e: Expr, old: Expr, new: Expr) -> Expr:
    """`old` replaced by `new`, for all values of the letters that index `old`."""
    e, old, new = _fresh(e), _fresh(old), _fresh(new)
    for at in _matches(e, old):
        e = _swapped(e, _put(old, at), lambda layer, found, at=at: _replaced(layer, found, _fresh(_put(new, at))))
    return e


def _solved(e: Expr, name: Expr, d: Expr) -> Expr:
    """What a definition is made of, replaced by what the name says of it: exp(x_i) = s_i Σ_m exp(x_m)."""
    e, d = _fresh(e), _fresh(d)
    for at in _matches(e, d):
        e = _swapped(e, _put(d, at), lambda layer, found, at=at: _generated(layer, found, _put(name, at)))
    return e


def _matches(e: Expr, pattern: Expr) -> Iterator[dict[Symbol, Expr]]:
    """What the free index letters of `pattern` may stand for in `e`: what stands there in the same array."""
    letters = sorted(_letters(pattern) & pattern.free_symbols, key=str)
    found: dict[Symbol, dict] = {letter: {} for letter in letters}
    entries = sorted(e.atoms(Indexed), key=sympy.default_sort_key)
    for own, other in product(pattern.atoms(Indexed), entries):
        if own.base == other.base:
            for letter, t in zip(own.indices, other.indices, strict=False):
                found.get(letter, {})[t] = None
    yield from (dict(zip(letters, values, strict=True)) for values in product(*found.values()))


def _swapped(e: Expr, old: Expr, change: Callable) -> Expr:
    """`change(layer, old)` on each layer of `e`; the sums that `old` contains are opaque meanwhile."""
    opaque: dict[Expr, Dummy] = {}
    sums: dict[Dummy, Expr] = {}

    def hide(node: Expr, grow: bool) -> Expr:
        if isinstance(node, Indexed) or not node.args:
            return node
        if isinstance(node, ExprWithLimits):
            key = _alpha(node)
            if grow and key not in opaque:
                opaque[key] = Dummy("S")
                sums[opaque[key]] = node
            if key in opaque:
                return opaque[key]
        return node.func(*(hide(arg, grow) for arg in node.args))

    old = hide(old, True)
    return _put(_layers(hide(e, False), lambda layer: change(layer, old)), sums)


def _replaced(layer: Expr, old: Expr, new: Expr) -> Expr:
    return layer.subs(old, new) if old.args and not isinstance(old, Indexed) else _put(layer, {old: new})


def _generated(layer: Expr, d: Expr, name: Expr) -> Expr:
    """name = (a g + b)/(c g + f), g the one exp (or else the one entry) in d, gives g = (f name − b)/(a − c name)."""
    g, found = Dummy("g"), d.atoms(sympy.exp) or d.atoms(Indexed)
    if len(found) != 1:
        return layer
    up, down = (sympy.Poly(part, g) for part in sympy.fraction(sympy.together(_put(d, dict.fromkeys(found, g)))))
    if max(up.degree(), down.degree()) != 1:
        return layer
    return layer.subs(found.pop(), (down.nth(0) * name - up.nth(0)) / (up.nth(1) - down.nth(1) * name))


def _folded(e: Expr, names: list[tuple[Expr, Expr]], ranges: dict[Symbol, Range]) -> Expr:
    """Definitions replaced by their names, in the order given, where that makes the written form shorter."""
    for name, d in names:
        d = _alpha(d)
        forms = [e, _contract(_rewrite(e, d, name), ranges), _contract(_solved(e, name, d), ranges)]
        e = min(forms, key=lambda form: _length(_nice(form)))
    return e


# -- the written form ------------------------------------------------------------------------------------------


def _nice(e: Expr) -> Expr:
    """The shortest of: sums apart, sums over the same range together; each factored, signs inside brackets."""
    best = min((_layers(form, _short) for form in (_alpha(e), _merged(_alpha(e)))), key=_length)
    for node in sorted(best.atoms(Sum), key=sympy.default_sort_key):
        for body in _turned(node.function):
            best = min(best, _put(best, {node: -Sum(body, *node.limits)}), key=_length)
    return best


def _length(e: Expr) -> tuple[int, int]:
    return e.count_ops(), len(str(e))


def _short(layer: Expr) -> Expr:
    forms = [layer, sympy.factor_terms(layer)]
    if not layer.has(sympy.Piecewise):
        forms.append(sympy.factor_terms(sympy.cancel(layer)))
    forms += [turned for form in forms for turned in _turned(-form)]
    return min(forms, key=_length)


def _turned(e: Expr) -> list[Expr]:
    """−e, with the sign inside a bracket: −a(b − c) = a(c − b)."""
    return [Mul(e / factor, -factor) for factor in Mul.make_args(e) if factor.is_Add]


def _layers(e: Expr, change: Callable) -> Expr:
    """`change` applied to the parts of `e` between its binders, the inner ones first; constants leave their sums."""
    sums: dict[Dummy, Expr] = {}

    def hide(node: Expr) -> Expr:
        if isinstance(node, Indexed) or not node.args:
            return node
        if not isinstance(node, ExprWithLimits):
            return node.func(*(hide(arg) for arg in node.args))
        body, bound = _layers(node.function, change), {limit[0] for limit in node.limits}
        outer = [f for f in Mul.make_args(body) if isinstance(node, Sum) and not f.free_symbols & bound]
        inner = node.func(body / Mul(*outer), *node.limits)
        stand = next((letter for letter, known in sums.items() if known == inner), Dummy("S"))
        sums[stand] = inner
        return Mul(*outer) * stand

    return _put(change(hide(e)), sums)


def _merged(e: Expr) -> Expr:
    """Σ_j a_j + Σ_j b_j = Σ_j (a_j + b_j), for sums over the same range, constants inside."""
    if isinstance(e, Indexed) or not e.args:
        return e
    e = e.func(*(_merged(arg) for arg in e.args))
    ranges: dict[tuple, list] = {}
    for t in e.args if e.is_Add else ():
        sums = [f for f in Mul.make_args(t) if isinstance(f, Sum) and len(f.limits) == 1]
        if sums:
            letter, *ends = sums[0].limits[0]
            ranges.setdefault(tuple(ends), []).append((t, t / sums[0] * sums[0].function, letter))
    for ends, found in ranges.items():
        fresh = Dummy("j", integer=True)
        bodies = Add(*(_put(body, {letter: fresh}) for _, body, letter in found))
        e += Sum(bodies, (fresh, *ends)) - Add(*(t for t, *_ in found))
    return e
