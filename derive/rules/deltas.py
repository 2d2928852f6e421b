"""Deltas: a Kronecker delta under a sum picks one term."""

from __future__ import annotations

from derive import expr as x
from derive.expr import Expr, Ind, Mul, Reduce, Rel
from derive.index import Index, Size
from derive.notation import letters, text
from derive.rule import Context, Move, rule


@rule("a delta collapses its sum", "sum[m:n] [m = i]*f[m] = f[i]",
      "sum[m:n] [m = i]*f[m]*g[j] -> f[i]*g[j]", (Reduce,), phase="deltas")  # fmt: skip
def contract_delta(e: Reduce, context: Context) -> Move | None:
    """Under the sum only the term survives in which the delta's two indices agree."""
    if e.op != "sum":
        return None
    said: list[str] = []
    after = contract(e, context, said)
    return None if after is None else Move(after, ", ".join(said))


def contract(e: Expr, context: Context, said: list[str]) -> Expr | None:
    """The sum with every delta contracted that can be, inner sums first; None when there is none."""
    if not isinstance(e, Reduce) or e.op != "sum":
        return None
    changed = False
    body = e.body
    inner = contract(body, context, said)
    if inner is not None:
        body, changed = inner, True
    elif isinstance(body, Mul):
        new = [contract(f, context, said) for f in body.factors]
        if any(f is not None for f in new):
            body = x.mul(*(b if a is None else a for a, b in zip(new, body.factors, strict=True)))
            changed = True
    found = _contract_here(e.index, body, e.guard, context, said)
    if found is not None:
        return found
    return x.reduce_("sum", e.index, body, e.guard) if changed else None


def _contract_here(i: Index, body: Expr, guard: x.Cond | None, context: Context, said: list[str]) -> Expr | None:
    """Contract one delta over index i among the factors of the body (through inner sums)."""
    binders, factors = _flatten(body)
    for place, f in enumerate(factors):
        solved = _solve(f, i, context)
        if solved is None or x.free_indices(solved[0]) & {b.index for b in binders}:
            continue
        slot, extra = solved
        rest = [g for k, g in enumerate(factors) if k != place]
        if extra is not None:
            rest.append(x.indicator(extra))
        if guard is not None:
            rest.append(x.indicator(guard))
        names = letters(Mul((Ind(Rel("eq", i, slot)), *rest))) if rest else letters(Ind(Rel("eq", i, slot)))
        said.append(f"{names[i]} → {text_slot(slot, names)}")
        return x.substitute(_wrap(binders, x.mul(*rest)), {i: slot})
    return _join_digits(i, binders, factors, guard, said)


def _flatten(body: Expr) -> tuple[list[Reduce], list[Expr]]:
    """A body as nested sums over a product: Σ_a Σ_b f·g as ([Σ_a, Σ_b], [f, g]); a lone sum factor is entered."""
    binders: list[Reduce] = []
    while isinstance(body, Reduce) and body.op == "sum" and body.guard is None:
        binders.append(body)
        body = body.body
    return binders, list(body.factors) if isinstance(body, Mul) else [body]


def _wrap(binders: list[Reduce], body: Expr) -> Expr:
    for b in reversed(binders):
        body = x.reduce_("sum", b.index, body)
    return body


def text_slot(slot: x.Slot, names: dict[Index, str]) -> str:
    """A slot with given letters."""
    known = {**letters(slot), **names}
    return known[slot] if isinstance(slot, Index) else text(slot, known)


def _solve(f: Expr, i: Index, context: Context) -> tuple[x.Slot, x.Cond | None] | None:
    """From a delta factor: the slot that i must equal, and the range condition that remains."""
    if not (isinstance(f, Ind) and isinstance(f.cond, Rel) and f.cond.op == "eq"):
        return None
    for a, b in ((f.cond.left, f.cond.right), (f.cond.right, f.cond.left)):
        if not isinstance(a, (*x.SLOTS,)) or i in x.free_indices(b):
            continue
        if a is i:
            return b, None if in_range(b, i.size, context) else _range(b, i.size)
        if isinstance(a, x.Affine) and (unit := _unit_coefficient(a, i)):
            rest = x.affine([(s, c) for s, c in a.terms if s is not i], a.constant)
            slot = x.affine([(b, Size.of(unit)), (rest, Size.of(-unit))])
            return slot, None if in_range(slot, i.size, context) else _range(slot, i.size)
        if isinstance(a, x.Join) and (part := _part_of(a, i, b)) is not None:
            rest = x.join([(s, n) for s, n in a.parts])
            return part, _other_parts(a, i, b) if rest is not None else None
    return None


def _unit_coefficient(a: x.Affine, i: Index) -> int | None:
    own = [(s, c) for s, c in a.terms if i in x.free_indices(s)]
    if len(own) == 1 and own[0][0] is i and own[0][1].number in (1, -1):
        return own[0][1].number
    return None


def _part_of(a: x.Join, i: Index, b: x.Slot) -> x.Slot | None:
    """The digit of b that stands where i stands in the join."""
    below = Size.of(1)
    for s, n in reversed(a.parts):
        if s is i:
            return x.part(b, below, n) if n == i.size else None
        if i in x.free_indices(s):
            return None
        below = below * n
    return None


def _other_parts(a: x.Join, i: Index, b: x.Slot) -> x.Cond | None:
    """What remains of `join = b` once i is its digit of b: the other slots are their digits."""
    below, conds = Size.of(1), []
    for s, n in reversed(a.parts):
        if s is not i:
            conds.append(x.rel("eq", s, x.part(b, below, n)))
        below = below * n
    return x.both(*conds) if conds else None


def in_range(slot: x.Slot, n: Size, context: Context) -> bool:
    """Whether a slot certainly stays below n: an index or digit of that size, or a label whose limit it is."""
    if isinstance(slot, x.Entry):
        item = context.program.by_name.get(slot.name)
        limit = getattr(item, "limit", None)
        return limit is None or limit == n
    if isinstance(slot, x.Affine) and not slot.terms and slot.constant.number is not None:
        return n.number is None and slot.constant.number == 0 or n.number is not None and slot.constant.number < n.number
    if x.slot_size(slot) == n:
        return True
    return _affine_in_range(slot, n)


def _affine_in_range(slot: x.Slot, n: Size) -> bool:
    """An affine form with non-negative coefficients whose largest value is n − 1 minus a non-negative number."""
    if not isinstance(slot, x.Affine) or (slot.constant.number or 0) < 0 or slot.constant.number is None:
        return False
    largest = slot.constant
    for s, c in slot.terms:
        size = x.slot_size(s)
        if size is None or c.number is None or c.number < 0:
            return False
        largest = largest + c * (size - 1)
    slack = n - 1 - largest
    return slack.number is not None and slack.number >= 0


def _range(slot: x.Slot, n: Size) -> x.Cond:
    return x.both(x.rel("le", x.whole_slot(0), slot), x.rel("lt", slot, x.whole_slot(n)))


def _join_digits(i: Index, binders: list, factors: list, guard: x.Cond | None, said: list[str]) -> Expr | None:
    """Deltas for all digits of i at once: [t = i // E]·[e = i % E] picks i = (t, e)."""
    digits: dict[tuple, tuple[int, x.Slot, x.Part]] = {}
    bound = {b.index for b in binders}
    for place, f in enumerate(factors):
        if isinstance(f, Ind) and isinstance(f.cond, Rel) and f.cond.op == "eq":
            for a, b in ((f.cond.left, f.cond.right), (f.cond.right, f.cond.left)):
                if isinstance(a, x.Part) and a.slot is i and i not in x.free_indices(b):
                    if not x.free_indices(b) & bound and x.slot_size(b) == x.slot_size(a):
                        digits[(a.divisor, a.modulus)] = (place, b, a)
    slots, below = [], Size.of(1)
    left = dict(digits)
    while left:
        at = next((key for key in left if key[0] == below), None)
        if at is None:
            return None
        place, b, a = left.pop(at)
        slots.insert(0, (b, x.slot_size(a)))
        below = below * x.slot_size(a)
    if not slots or below != i.size:
        return None
    used = {place for place, _, _ in digits.values()}
    rest = [f for k, f in enumerate(factors) if k not in used]
    if guard is not None:
        rest.append(x.indicator(guard))
    slot = x.join(slots)
    said.append(f"{i.name} → {text(slot)}" if not isinstance(slot, Index) else f"{i.name} → {slot.name}")
    return x.substitute(_wrap(binders, x.mul(*rest)), {i: slot})


@rule("split the sum", "sum[m:n] (f[m] + g[m]) = sum[m:n] f[m] + sum[m:n] g[m]",
      "sum[m:n] ([m = i]*f[m] + g[m]) -> sum[m:n] [m = i]*f[m] + sum[m:n] g[m]", (Reduce,), level=2, phase="deltas")  # fmt: skip
def split_the_sum(e: Reduce, context: Context) -> Move | None:
    """A sum of sums is summed term by term, where a delta waits in one of the terms."""
    if e.op != "sum":
        return None
    body = _distributed(e.body)
    if not isinstance(body, x.Add) or not any(_has_delta(t, e.index) for t in body.terms):
        return None
    terms = [x.reduce_("sum", e.index, t, e.guard) for t in body.terms]
    return Move(x.add(terms[0], *(x.refresh(t) for t in terms[1:])))


def _distributed(e: Expr) -> Expr:
    """A product with one sum among its factors, multiplied out; anything else as it is."""
    if not isinstance(e, Mul):
        return e
    sums = [k for k, f in enumerate(e.factors) if isinstance(f, x.Add) and _mentions_delta(f)]
    if len(sums) != 1:
        return e
    k = sums[0]
    return x.add(*(x.mul(*e.factors[:k], t, *e.factors[k + 1 :]) for t in e.factors[k].terms))


def _mentions_delta(e: Expr) -> bool:
    return any(isinstance(t, Ind) for t in x.walk(e))


def _has_delta(e: Expr, i: Index) -> bool:
    return any(isinstance(t, Ind) and i in t.free for t in x.walk(e))
