"""Sums of products: what is pulled out, what is contracted with what, and by which operation."""

from __future__ import annotations

import string
from fractions import Fraction
from itertools import combinations, permutations

from derive import expr as x
from derive.arrays import bounds
from derive.arrays.axes import Axes, Value, common_order, effort, fit, kept_for, merged, permuted, real, squeezed
from derive.arrays.lower import Lowering, fold, length
from derive.arrays.program import Einsum, Map, Matmul, Number, Scan
from derive.arrays.ranges import ranged
from derive.expr import Expr
from derive.index import Index, Size

Operand = tuple[Value, bool]  # a value, and whether it divides


def product(low: Lowering, e: Expr, want: Axes) -> Value:
    """A product, or a sum of products over the indices of its summation signs."""
    if low.stable and isinstance(e, x.Mul):
        from derive.arrays.normalisers import without_softmax

        e, found = without_softmax(low, e, want)
    else:
        found = []
    bound, factors = unfolded(e)
    factors, bound = contracted_deltas(low, factors, bound)
    now = [f for f in factors if isinstance(f, x.Ind) and not f.names and f.free and f.free <= low.counters]
    if now:
        return _when(low, now, [f for f in factors if f not in now], bound, want)
    factors, bound = _shortened(low, factors, bound)
    if any(isinstance(f, x.Ind) for f in factors):
        low = low.under_guard()
    if len(factors) == 1 and isinstance(factors[0], x.Add) and bound and _spreads(factors[0]):
        return low.sum_of(tuple(_summed(t, bound) for t in factors[0].terms), want)
    split = _branching(factors)
    if bound and split is not None:
        return low.sum_of(tuple(x.total(t, *bound) for t in split), want)
    if not bound:
        return chain(low, [*found, *(_operand(low, f, want) for f in factors)], want)
    for special in (scan, _scattered):
        result = special(low, factors, bound, want)
        if result is not None:
            return result
    return _sum_of_products(low, factors, bound, want)


def _when(low: Lowering, conds: list[Expr], rest: list[Expr], bound: list[Index], want: Axes) -> Value:
    """A product that a loop counter switches on: the value if …, else 0."""
    value = real(low.value(x.total(x.mul(*rest), *bound), want))
    cond = low.condition(x.both(*(f.cond for f in conds)), want)
    return Value(Map("choose", (value.node, cond.node, Number(Fraction(0)))), value.axes, value.sort)


def _shortened(low: Lowering, factors: list[Expr], bound: list[Index]) -> tuple[list[Expr], list[Index]]:
    """Σ_t [0 < t]·f[t] = Σ_p f[p + 1]: a guard that limits a summation index becomes its range."""
    for i in bound:
        found = ranged(low.program, factors, i)
        if found is None or found[0] is not i or not bounds.nonnegative(found[2]):
            continue
        _, start, n, used = found
        p = i.fresh(size=n)
        place = x.affine([(p, Size.of(1))], start)
        moved = [x.substitute(f, {i: place}) for f in factors if not any(f is u for u in used)]
        return _shortened(low, moved or [x.ONE], [p if b is i else b for b in bound])
    return factors, bound


def unfolded(e: Expr) -> tuple[list[Index], list[Expr]]:
    """The summation indices outside a product and its factors; guards become indicators."""
    bound: list[Index] = []
    factors: list[Expr] = []
    while isinstance(e, x.Reduce) and e.op == "sum":
        bound.append(e.index)
        factors += [x.Ind(e.guard)] if e.guard is not None else []
        e = e.body
    factors = [*(e.factors if isinstance(e, x.Mul) else (e,)), *factors]
    return bound, [g for f in factors for g in _split(f)]


def _split(f: Expr) -> list[Expr]:
    """Indicators of several conditions as several factors; cases with one value that is not 0 as an indicator."""
    if isinstance(f, x.Ind) and isinstance(f.cond, x.And):
        return [x.Ind(c) for c in f.cond.parts]
    if isinstance(f, x.Cases) and (one := _only_branch(f)) is not None:
        cond, value = one
        if not _has_infinity(value) and any(isinstance(t, x.Ind) for t in x.walk(value)):
            inner = value.factors if isinstance(value, x.Mul) else (value,)
            return [g for h in (x.Ind(cond), *inner) for g in _split(h)]
    return [f]


def _branching(factors: list[Expr]) -> list[Expr] | None:
    """A product with cases that hold deltas as one product per branch, so that the deltas can act."""
    for k, f in enumerate(factors):
        if isinstance(f, x.Cases) and any(isinstance(t, x.Ind) for v in (*(v for _, v in f.branches), f.otherwise)
                                          for t in x.walk(v)) and not _has_infinity(f):  # fmt: skip
            rows, before = [], []
            for cond, v in (*f.branches, (x.TRUE, f.otherwise)):
                rest = [x.refresh(g) for g in (*factors[:k], *factors[k + 1 :])]
                rows.append(x.mul(*rest, v, x.indicator(x.both(*before, cond))))
                before.append(x.negation(cond))
            return [r for r in rows if r.key != x.ZERO.key]
    return None


def _has_infinity(e: Expr) -> bool:
    return any(isinstance(t, x.Num) and isinstance(t.value, float) for t in x.walk(e))


def _only_branch(f: x.Cases) -> tuple[x.Cond, Expr] | None:
    """The condition and value of the only branch that is not zero."""
    rows = [*f.branches, (x.TRUE, f.otherwise)]
    alive = [k for k, (_, v) in enumerate(rows) if v.key != x.ZERO.key]
    if len(alive) != 1:
        return None
    k = alive[0]
    return x.both(*(x.negation(c) for c, _ in rows[:k]), rows[k][0]), rows[k][1]


# ---------------------------------------------------------------- deltas of bound indices


def contracted_deltas(low: Lowering, factors: list[Expr], bound: list[Index]) -> tuple[list[Expr], list[Index]]:
    """Σ_m [m = s]·f[m] = f[s], where s stays in range or a range guard says where it does."""
    factors = [_decided(low, f) for f in factors]
    for k, f in enumerate(factors):
        for i in bound:
            slot = solved(f, i)
            if slot is None:
                continue
            guard = _range_guard(low, slot, i.size)
            if guard is None:
                continue
            rest = [x.substitute(g, {i: slot}) for n, g in enumerate(factors) if n != k]
            return contracted_deltas(low, [*rest, *guard], [b for b in bound if b is not i])
    joined = _joined_digits(factors, bound)
    if joined is not None:
        return contracted_deltas(low, *joined)
    factors = [f for f in factors if f.key != x.ONE.key]
    return factors or [x.ONE], bound


def _joined_digits(factors: list[Expr], bound: list[Index]) -> tuple[list[Expr], list[Index]] | None:
    """Σ_m [m//K = g]·[m%K = k]·f[m] = f[(g, k)]: deltas of all digits of a summation index."""
    for m in bound:
        digits = [(k, *_digit(f, m)) for k, f in enumerate(factors) if _digit(f, m) is not None]
        for order in permutations(digits) if 1 < len(digits) < 5 else ():
            if x.join([(part, index.size) for _, part, index in order]) is m:
                slot = x.join([(index, index.size) for _, _, index in order])
                used = {k for k, _, _ in order}
                rest = [x.substitute(f, {m: slot}) for k, f in enumerate(factors) if k not in used]
                return rest, [b for b in bound if b is not m]
    return None


def _digit(f: Expr, m: Index) -> tuple[x.Part, Index] | None:
    """[m//K % L = j] as the digit and j."""
    if not (isinstance(f, x.Ind) and isinstance(f.cond, x.Rel) and f.cond.op == "eq"):
        return None
    for part, index in ((f.cond.left, f.cond.right), (f.cond.right, f.cond.left)):
        if isinstance(part, x.Part) and part.slot is m and isinstance(index, Index) and index is not m:
            return part, index
    return None


def _decided(low: Lowering, f: Expr) -> Expr:
    return x.indicator(bounds.decide(f.cond, low.program)) if isinstance(f, x.Ind) else f


def solved(f: Expr, i: Index) -> x.Slot | None:
    """The slot that an index must equal for a delta to be 1, None when the delta does not say."""
    if not (isinstance(f, x.Ind) and isinstance(f.cond, x.Rel) and f.cond.op == "eq"):
        return None
    left, right = f.cond.left, f.cond.right
    if (isinstance(left, Expr) and not isinstance(left, x.Entry)) or (
        isinstance(right, Expr) and not isinstance(right, x.Entry)
    ):
        return None
    gap = x.affine([(left, Size.of(1)), (right, Size.of(-1))])
    terms = gap.terms if isinstance(gap, x.Affine) else ((gap, Size.of(1)),)
    own = [(s, c) for s, c in terms if s is i]
    if len(own) != 1 or own[0][1].number not in (1, -1):
        return None
    rest = [t for t in terms if t[0] is not i]
    if any(i in x.free_indices(s) for s, _ in rest):
        return None
    direction = Size.of(-1) * own[0][1]
    constant = gap.constant if isinstance(gap, x.Affine) else Size()
    return x.affine([(s, c * direction) for s, c in rest], constant * direction)


def _range_guard(low: Lowering, slot: x.Slot, n: Size) -> list[Expr] | None:
    """Indicators that keep a slot inside an axis: none where it is known to stay, None for unknown integers."""
    if bounds.inside(slot, n, low.program):
        return []
    if bounds.slot_range(slot, low.program) is None:
        return None
    limits = x.rel("le", x.whole_slot(0), slot), x.rel("lt", slot, x.whole_slot(n))
    left = [bounds.decide(c, low.program) for c in limits]
    return [x.Ind(c) for c in left if c.key != x.TRUE.key]


# ---------------------------------------------------------------- special sums


def scan(low: Lowering, factors: list[Expr], bound: list[Index], want: Axes) -> Value | None:
    """Σ_k [k ≤ t] f[k] is a running sum, Σ_t [k ≤ t] g[t] one from the end."""
    if len(bound) != 1:
        return None
    (k,) = bound
    for f in factors:
        t, reverse = _ordered(f, k)
        rest = [g for g in factors if g is not f]
        if t is None or t in low.counters or not rest or any(t in g.free for g in rest) or t.size != k.size:
            continue
        inner = low.value(x.mul(*rest), tuple(k if i is t else i for i in want))
        if k not in inner.axes:
            return None
        inner, place = real(inner), inner.axes.index(k)
        axes = tuple(t if i is k else i for i in inner.axes)
        return Value(Scan(inner.node, place, len(axes), reverse), axes)
    return None


def _ordered(f: Expr, k: Index) -> tuple[Index | None, bool]:
    """[k ≤ t] as (t, False), [t ≤ k] as (t, True)."""
    if isinstance(f, x.Ind) and isinstance(f.cond, x.Rel) and f.cond.op == "le":
        left, right = f.cond.left, f.cond.right
        if left is k and isinstance(right, Index):
            return right, False
        if right is k and isinstance(left, Index):
            return left, True
    return None, False


def _scattered(low: Lowering, factors: list[Expr], bound: list[Index], want: Axes) -> Value | None:
    """A sum that sends entries to places: a new array, filled by statements."""
    from derive.arrays.scatter import plan, store

    free = frozenset().union(*(f.free for f in factors)) - set(bound) - low.counters
    lhs = tuple(sorted(free, key=lambda i: (want.index(i) if i in want else len(want), i.number)))
    found = plan(low, factors, bound, lhs)
    if found is None or not found.bound_in_pins:
        return None
    name = low.temporary(tuple(i.size for i in lhs))
    store(low, name, lhs, found, "+", base=None)
    from derive.arrays.program import Load

    return Value(Load(name), lhs)


def _spreads(e: x.Add) -> bool:
    """Whether adding first would make an array larger than any that occurs."""
    entries = [set(t.free) for t in x.walk(e) if isinstance(t, x.Entry)]
    return not any(set(e.free) <= s for s in entries) and any(
        isinstance(t, x.Mul) and len(t.factors) > 1 or t.free != e.free for t in e.terms
    )


def _summed(t: Expr, bound: list[Index]) -> Expr:
    inside = [i for i in bound if i in t.free]
    outside = [x.size(i.size) for i in bound if i not in t.free]
    return x.mul(*outside, x.total(t, *inside))


# ---------------------------------------------------------------- products without a sum


def _operand(low: Lowering, f: Expr, want: Axes) -> Operand:
    """A factor as a value; a reciprocal as what divides."""
    if isinstance(f, x.Pow) and isinstance(f.exponent, x.Num) and isinstance(f.exponent.value, Fraction):
        number = f.exponent.value
        if number < 0 and number.denominator == 1:
            return low.value(x.power(f.base, x.Num(-number)), want), True
    if isinstance(f, x.Num) and isinstance(f.value, Fraction) and _short(f.value) is False and f.value.numerator == 1:
        return Value(Number(Fraction(f.value.denominator)), (), "number"), True
    return low.value(f, want), False


def _short(value: Fraction) -> bool:
    return Fraction(repr(float(value))) == value


def chain(low: Lowering, operands: list[Operand], want: Axes = ()) -> Value:
    """The operands multiplied from left to right; truth values follow the first real array."""
    operands = _sorts_fitted(low, operands)
    order = common_order([v for v, _ in operands], want)
    result: Value | None = None
    for v, inverse in operands:
        v = fit(v, order)
        if result is None:
            if not inverse:
                result = v
                continue
            result = Value(Number(Fraction(1)), (), "number")
        if not inverse and (_is_one(result) or _is_one(v)):
            result = v if _is_one(result) else result
            continue
        minus = isinstance(result.node, Number) and result.node.value == -1 and not inverse
        if minus:
            result = Value(Map("neg", (real(v).node,)), v.axes, real(v).sort)
            continue
        sort = _product_sort(result, v, inverse)
        result = Value(Map("div" if inverse else "mul", (result.node, v.node)), merged([result, v], order), sort)
    return result


def _is_one(v: Value) -> bool:
    return isinstance(v.node, Number) and v.node.value == 1


def _product_sort(a: Value, b: Value, inverse: bool) -> str:
    sorts = {a.sort, b.sort}
    if sorts == {"number"} or sorts == {"bool"}:
        return a.sort
    return "real" if "real" in sorts or inverse else "int"


def _sorts_fitted(low: Lowering, operands: list[Operand]) -> list[Operand]:
    """Integers as floats, and truth values behind the first real array, so that types stay."""
    inverse = any(inv and v.sort != "number" for v, inv in operands)
    if low.integer and not inverse and not any(v.sort == "real" for v, _ in operands):
        return operands
    operands = [(real(v), inv) if v.sort == "int" or (v.sort == "bool" and inv) else (v, inv) for v, inv in operands]
    masks = [o for o in operands if o[0].sort == "bool"]
    others = [o for o in operands if o[0].sort != "bool"]
    if not masks or not others:
        return operands
    first = next((k for k, (v, _) in enumerate(others) if v.sort == "real"), None)
    if first is None:
        return [(real(v), inv) for v, inv in operands]
    if operands[0][0].sort == "bool" and others[0][0].sort == "real":
        return operands
    if others[first][1]:
        return [(real(v), inv) for v, inv in operands]
    return [*others[: first + 1], *masks, *others[first + 1 :]]


# ---------------------------------------------------------------- sums of products


def _sum_of_products(low: Lowering, factors: list[Expr], bound: list[Index], want: Axes) -> Value:
    """Pull out what is free of the sum, contract the rest group by group."""
    sizes = [i for i in bound if not any(i in f.free for f in factors)]
    bound = [i for i in bound if i not in sizes]
    outer: list[Operand] = [_operand(low, f, want) for f in factors if not f.free & set(bound)]
    first = next((k for k, f in enumerate(factors) if f.free & set(bound)), 0)
    place = sum(1 for f in factors[:first] if not f.free & set(bound))
    outer[place:place] = [(Value(length(i.size), (), "number"), False) for i in sizes]
    place += len(sizes)
    inner: list[Operand] = []
    for group in _groups([f for f in factors if f.free & set(bound)], bound):
        own = [i for i in bound if any(i in f.free for f in group)]
        inner.append((_contracted(low, group, own, want), False))
    return chain(low, [*outer[:place], *inner, *outer[place:]], want)


def _groups(factors: list[Expr], bound: list[Index]) -> list[list[Expr]]:
    """Factors that share summation indices stand together."""
    groups: list[list[Expr]] = []
    for f in factors:
        mine = f.free & set(bound)
        joined = [g for g in groups if any(h.free & mine for h in g)]
        for g in joined:
            mine = mine | frozenset().union(*(h.free & set(bound) for h in g))
        rest = [g for g in groups if not any(g is j for j in joined)]
        groups = [*rest, [*(h for g in joined for h in g), f]]
    return groups


def _contracted(low: Lowering, factors: list[Expr], bound: list[Index], want: Axes) -> Value:
    hint = _natural(factors, want, bound)
    if len(factors) == 1:
        v = low.value(factors[0], hint)
        v = v if low.integer or v.sort != "int" else real(v)
        return kept_for(_fold_sum(v, bound), want)
    operands = [_operand(low, f, hint) for f in factors]
    while len(operands) > 2:
        best = min(combinations(range(len(operands)), 2), key=lambda p: _pair_cost(operands, p, bound))
        if _grows(operands, best, bound):
            return _einsum([_plain(o) for o in operands], bound, want)
        a, b = operands[best[0]], operands[best[1]]
        others = {i for k, (v, _) in enumerate(operands) if k not in best for i in v.indices}
        joined = (_pair(a, b, [i for i in bound if i not in others], want, hint), False)
        operands = [joined if k == best[0] else o for k, o in enumerate(operands) if k != best[1]]
    return _pair(operands[0], operands[1], bound, want, hint)


def _natural(factors: list[Expr], want: Axes, bound: list[Index]) -> Axes:
    """The order of the axes in the largest array that occurs: what a sum over entries is laid out in."""
    entries = [t for f in factors for t in x.walk(f) if isinstance(t, x.Entry)]
    plain = [tuple(s for s in t.slots if isinstance(s, Index) and (s in want or s in bound)) for t in entries]
    largest = max(plain, key=len, default=())
    rest = [i for i in (*want, *bound) if i is not None and i not in largest]
    return (*rest, *largest)


def _fold_sum(v: Value, bound: list[Index]) -> Value:
    present = [i for i in bound if i in v.axes]
    result = fold("sum", v, present)
    for i in bound:
        if i not in present:
            result = Value(Map("mul", (length(i.size), real(result).node)), result.axes)
    return result


def _pair_cost(operands: list[Operand], pair: tuple[int, int], bound: list[Index]) -> tuple[int, int]:
    a, b = (set(operands[k][0].indices) for k in pair)
    others = {i for k, (v, _) in enumerate(operands) if k not in pair for i in v.indices}
    gone = {i for i in bound if i not in others}
    return len((a | b) - gone), len(a | b)


def _grows(operands: list[Operand], pair: tuple[int, int], bound: list[Index]) -> bool:
    largest = max(len(operands[k][0].indices) for k in pair)
    return _pair_cost(operands, pair, bound)[0] > largest


def _plain(o: Operand) -> Value:
    v, inverse = o
    if inverse:
        return Value(Map("div", (Number(Fraction(1)), real(v).node)), v.axes)
    return real(v) if v.sort == "int" else v


def _pair(a: Operand, b: Operand, gone: list[Index], want: Axes, hint: Axes) -> Value:
    """Two operands contracted over the indices that nothing else needs."""
    ia, ib = set(a[0].indices), set(b[0].indices)
    shared = [i for i in gone if i in ia & ib]
    left, right, batch = ia - ib - set(gone), ib - ia - set(gone), (ia & ib) - set(gone)
    a = (_fold_sum(_plain(a), [i for i in gone if i in ia - ib]), False) if (ia - ib) & set(gone) else a
    b = (_fold_sum(_plain(b), [i for i in gone if i in ib - ia]), False) if (ib - ia) & set(gone) else b
    vector = len(shared) == 1 and not batch
    if not shared or (not left and not right and not vector):
        v = chain_values([a, b], hint)
        return kept_for(_fold_sum(v, shared), want)
    u, v = _plain(a), _plain(b)
    if u.sort == v.sort == "bool":
        u = real(u)
    if len(shared) == 1 and (vector or (left and right)):
        found = _matmul(u, v, shared[0], left, right, batch, want)
        if found is not None:
            return found
    return _einsum([u, v], gone, want)


def chain_values(operands: list[Operand], want: Axes) -> Value:
    """Two operands multiplied or divided entry by entry."""
    if operands[0][1] and not operands[1][1]:
        operands = operands[::-1]
    operands = [(real(v), inv) if v.sort == "int" or (v.sort == "bool" and inv) else (v, inv) for v, inv in operands]
    order = common_order([v for v, _ in operands], want)
    (u, under), (v, inverse) = ((fit(w, order), inv) for w, inv in operands)
    if under:
        u = Value(Map("div", (Number(Fraction(1)), u.node)), u.axes)
    sort = "bool" if u.sort == v.sort == "bool" else "real"
    return Value(Map("div" if inverse else "mul", (u.node, v.node)), merged([u, v], order), sort)


def _matmul(a: Value, b: Value, k: Index, left: set, right: set, batch: set, want: Axes) -> Value | None:
    """a @ b, transposed where needed; of the two orders of the operands the one with less text."""
    if len(left) > 1 or len(right) > 1:
        return _tall(a, b, k, left, right, batch)
    options = [_matmul_of(a, b, k, tuple(left), tuple(right), batch),
               _matmul_of(b, a, k, tuple(right), tuple(left), batch)]  # fmt: skip
    options = [o for o in options if o is not None]
    if not options:
        return None
    target = tuple(i for i in want if i in options[0][1].indices)
    full = set(target) == set(options[0][1].indices)
    return min(options, key=lambda o: (o[0] + (effort(o[1], target) if full else 0)))[1]


def _matmul_of(a: Value, b: Value, k: Index, left: tuple, right: tuple, batch: set) -> tuple[int, Value] | None:
    stack = tuple(i for i in a.indices if i in batch)
    if tuple(i for i in b.indices if i in batch) != stack:
        return None
    a, b = squeezed(a), squeezed(b)
    if stack and (a.axes[: len(stack)] != stack or b.axes[: len(stack)] != stack):
        return None
    u, v = permuted(a, (*stack, *left, k)), permuted(b, (*stack, k, *right))
    cost = (u.node is not a.node) + (v.node is not b.node)
    return cost * 2, Value(Matmul(u.node, v.node), (*stack, *left, *right))


def _tall(a: Value, b: Value, k: Index, left: set, right: set, batch: set) -> Value | None:
    """(…, k) @ (k, r): leading axes ride along."""
    if batch:
        return None
    if len(left) <= 1:
        a, b, left, right = b, a, right, left
    a, b = squeezed(a), squeezed(b)
    if len(right) > 1 or a.axes[-1] is not k:
        return None
    v = permuted(b, (k, *right))
    return Value(Matmul(a.node, v.node), (*a.axes[:-1], *right))


def _einsum(values: list[Value], gone: list[Index], want: Axes) -> Value:
    values = [squeezed(v) for v in values]
    names: dict[Index, str] = {}
    for i in dict.fromkeys(i for v in values for i in v.axes):
        wanted = [c for c in i.name[:1].lower() if c in string.ascii_lowercase]
        names[i] = next(c for c in (*wanted, *string.ascii_lowercase) if c not in names.values())
    left = [i for i in names if i not in gone]
    out = tuple(sorted(left, key=lambda i: want.index(i) if i in want else len(want)))
    spec = ",".join("".join(names[i] for i in v.axes) for v in values) + "->" + "".join(names[i] for i in out)
    summed = any(i in gone for i in names)
    return Value(Einsum(spec, tuple(v.node for v in values), summed), out)


__all__ = ["chain", "contracted_deltas", "product", "unfolded"]
