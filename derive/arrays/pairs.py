"""Two operands contracted: a matrix product where one reads naturally, a product and a sum, else einsum."""

from __future__ import annotations

import string
from fractions import Fraction

from derive.arrays.axes import Axes, Value, common_order, effort, fit, kept_for, merged, permuted, real, squeezed
from derive.arrays.factors import Operand
from derive.arrays.lower import fold, length
from derive.arrays.program import Einsum, Map, Matmul, Number
from derive.index import Index


def fold_sum(v: Value, bound: list[Index]) -> Value:
    present = [i for i in bound if i in v.axes]
    result = fold("sum", v, present)
    for i in bound:
        if i not in present:
            result = Value(Map("mul", (length(i.size), real(result).node)), result.axes)
    return result


def plain(o: Operand) -> Value:
    v, inverse = o
    if inverse:
        return Value(Map("div", (Number(Fraction(1)), real(v).node)), v.axes)
    return real(v) if v.sort == "int" else v


def pair(a: Operand, b: Operand, gone: list[Index], want: Axes, hint: Axes) -> Value:
    """Two operands contracted over the indices that nothing else needs."""
    ia, ib = set(a[0].indices), set(b[0].indices)
    shared = [i for i in gone if i in ia & ib]
    left, right, batch = ia - ib - set(gone), ib - ia - set(gone), (ia & ib) - set(gone)
    a = (fold_sum(plain(a), [i for i in gone if i in ia - ib]), False) if (ia - ib) & set(gone) else a
    b = (fold_sum(plain(b), [i for i in gone if i in ib - ia]), False) if (ib - ia) & set(gone) else b
    vector = len(shared) == 1 and not batch
    if not shared or (not left and not right and not vector):
        v = _by_entry([a, b], hint)
        return kept_for(fold_sum(v, shared), want)
    u, v = plain(a), plain(b)
    if u.sort == v.sort == "bool":
        u = real(u)
    if len(shared) == 1 and (vector or (left and right)):
        found = _matmul(u, v, shared[0], left, right, batch, want)
        if found is not None:
            return found
    return einsum([u, v], gone, want)


def _by_entry(operands: list[Operand], want: Axes) -> Value:
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


def einsum(values: list[Value], gone: list[Index], want: Axes) -> Value:
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


__all__ = ["einsum", "fold_sum", "pair", "plain"]
