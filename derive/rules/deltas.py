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
    found = _determined(i, factors, {b.index for b in binders}, context)
    if found is not None:
        place, slot, extra = found
        if extra is not None and _waits_for_a_name(body, context):
            return None
        rest = [g for k, g in enumerate(factors) if k != place]
        if extra is not None:
            rest.append(x.indicator(extra))
        if guard is not None:
            rest.append(x.indicator(guard))
        names = letters(Mul((Ind(Rel("eq", i, slot)), *rest))) if rest else letters(Ind(Rel("eq", i, slot)))
        said.append(f"{names[i]} → {text_slot(slot, names)}")
        return x.substitute(_wrap(binders, x.mul(*rest)), {i: slot})
    return _join_digits(i, binders, factors, guard, said, context)


def _waits_for_a_name(body: Expr, context: Context) -> bool:
    """Whether a part has a name only as long as its index stays in its own range: exp(a[i]) is e[i], for i < n."""
    from derive.rules.recognise import NAMEABLE, call_by_name

    return any(isinstance(t, NAMEABLE) and call_by_name.apply(t, context) for t in x.walk(body))


def _determined(i: Index, factors: list[Expr], bound: set[Index], context: Context):
    """The place of a delta over i, the slot that i equals, and the range that remains: the first that leaves none."""
    found = None
    for place, f in enumerate(factors):
        solved = _solve(f, i, context)
        if solved is None or x.free_indices(solved[0]) & bound:
            continue
        if solved[1] is None:
            return place, *solved
        found = found or (place, *solved)
    return found


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
        if i in x.free_indices(b) or not (_integral(a, context) and _integral(b, context)):
            continue
        if a is i:
            return b, None if in_range(b, i.size, context) else _range(b, i.size)
        if isinstance(a, x.Affine) and (unit := _unit_coefficient(a, i)):
            rest = x.affine([(s, c) for s, c in a.terms if s is not i], a.constant)
            slot = x.affine([(b, Size.of(unit)), (rest, Size.of(-unit))])
            return slot, None if in_range(slot, i.size, context) else _range(slot, i.size)
        if isinstance(a, x.Join) and all(in_range(s, n, context) for s, n in a.parts[1:]):
            if (part := _part_of(a, i, b)) is not None:
                bound = None if in_range(part, i.size, context) else _range(part, i.size)
                return part, _other_parts(a, i, b, bound)
    return None


def _integral(s: x.Slot | Expr, context: Context) -> bool:
    """Whether a side of an equation is a whole number: a real entry need not equal any index."""
    if isinstance(s, x.Entry):
        return s.name in context.program and context.program.sort(s.name) != "real"
    if isinstance(s, (x.Affine, x.Join, x.Part)):
        return all(_integral(p, context) for p in x.parts(s))
    return isinstance(s, (Index, x.ArgBest))


def _unit_coefficient(a: x.Affine, i: Index) -> int | None:
    own = [(s, c) for s, c in a.terms if i in x.free_indices(s)]
    if len(own) == 1 and own[0][0] is i and own[0][1].number in (1, -1):
        return own[0][1].number
    return None


def _part_of(a: x.Join, i: Index, b: x.Slot) -> x.Slot | None:
    """The digit of b that stands where i stands in the join."""
    below = Size.of(1)
    for place, (s, n) in reversed(list(enumerate(a.parts))):
        if s is i:
            return x.part(b, below, n if place else None) if n == i.size else None
        if i in x.free_indices(s):
            return None
        below = below * n
    return None


def _other_parts(a: x.Join, i: Index, b: x.Slot, bound: x.Cond | None) -> x.Cond | None:
    """What remains of `join = b` once i is its digit of b: the other slots are their digits, and i in its range."""
    below, conds = Size.of(1), [] if bound is None else [bound]
    for place, (s, n) in reversed(list(enumerate(a.parts))):
        if s is not i:
            conds.append(x.rel("eq", s, x.part(b, below, n if place else None)))
        below = below * n
    return x.both(*conds) if conds else None


def in_range(slot: x.Slot, n: Size, context: Context) -> bool:
    """Whether a slot certainly stays below n: by its form, or a label whose limit it is or that reads such an axis."""
    return x.within(slot, n, context.program.limits)


def _range(slot: x.Slot, n: Size) -> x.Cond:
    return x.both(x.rel("le", x.whole_slot(0), slot), x.rel("lt", slot, x.whole_slot(n)))


def _join_digits(i: Index, binders: list, factors: list, guard: x.Cond | None, said: list[str],
                 context: Context) -> Expr | None:  # fmt: skip
    """Deltas for all digits of i at once: [t = i // E]·[e = i % E] picks i = (t, e)."""
    digits: dict[tuple, tuple[int, x.Slot, x.Part]] = {}
    bound = {b.index for b in binders}
    for place, f in enumerate(factors):
        if isinstance(f, Ind) and isinstance(f.cond, Rel) and f.cond.op == "eq":
            for a, b in ((f.cond.left, f.cond.right), (f.cond.right, f.cond.left)):
                if isinstance(a, x.Part) and a.slot is i and i not in x.free_indices(b):
                    if not x.free_indices(b) & bound and in_range(b, x.slot_size(a), context):
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
    binders, factors = _flatten(e.body)
    body = _distributed(x.mul(*factors))
    if not isinstance(body, x.Add) or not any(_has_delta(t, e.index) for t in body.terms):
        return None
    terms = [x.reduce_("sum", e.index, _wrap(binders, t), e.guard) for t in body.terms]
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


@rule("cases apart", "{f[i] if i = j; g[i]*y[j]} = f[i]*[i = j] + g[i]*y[j]*[i != j]",
      "sum[m:n] f[m]*{0 if m = 0; [m - 1 = i]*g[m]} -> sum[m:n] f[m]*[m - 1 = i]*g[m]*[m != 0]", (x.Cases,), level=2,
      phase="deltas")  # fmt: skip
def cases_apart(e: x.Cases, context: Context) -> Move | None:
    """Every case counts where its condition holds, so that its delta can be used; cases that are zero fall away."""
    rows, before = [], []
    for cond, value in (*e.branches, (x.TRUE, e.otherwise)):
        if value.key != x.ZERO.key:
            rows.append((value, x.both(*(x.negation(c) for c in before), cond)))
        before.append(cond)
    if not rows or not all(_picks(v) for v, _ in rows):
        return None
    if len(rows) > 1 and not all(_of_places(c) for c, _ in e.branches):
        return None
    return Move(x.add(*(x.mul(v, *map(x.indicator, c.parts if isinstance(c, x.And) else (c,))) for v, c in rows)))


@rule("a delta before its cases", "{f[i]*[i = j] if x[i] < 0; g[i]*[i = j]} = {f[i] if x[i] < 0; g[i]}*[i = j]",
      "sum[m:n] f[m]*{[m = i] if x[m] < 0; g[m]*[m = i]} -> sum[m:n] f[m]*{1 if x[m] < 0; g[m]}*[m = i]", (x.Cases,),
      level=2, phase="deltas")  # fmt: skip
def delta_before_its_cases(e: x.Cases, context: Context) -> Move | None:
    """A delta that stands in every case is taken out, so that it can be used."""
    values = [v for v in (*(v for _, v in e.branches), e.otherwise) if v.key != x.ZERO.key]
    shared = [f for f in _deltas(values[0]) if all(f.key in {g.key for g in _deltas(v)} for v in values)] if values else []
    if not shared or all(_of_places(c) for c, _ in e.branches):
        return None
    keys = {f.key for f in shared}

    def left(v: Expr) -> Expr:
        factors = v.factors if isinstance(v, Mul) else (v,)
        return v if v.key == x.ZERO.key else x.mul(*(f for f in factors if f.key not in keys))

    return Move(x.mul(x.cases([(c, left(v)) for c, v in e.branches], left(e.otherwise)), *shared))


def _deltas(e: Expr) -> list[Ind]:
    """The deltas of indices among the factors."""
    factors = e.factors if isinstance(e, Mul) else (e,)
    return [f for f in factors if isinstance(f, Ind) and isinstance(f.cond, Rel) and f.cond.op == "eq" and _of_places(f.cond)]


def _of_places(cond: x.Cond) -> bool:
    """Whether a condition compares places, not values."""
    if isinstance(cond, Rel):
        return all(isinstance(s, (Index, x.Affine)) for s in (cond.left, cond.right))
    return all(_of_places(c) for c in x.parts(cond))


def _picks(e: Expr) -> bool:
    """Whether a delta of indices is among the factors."""
    factors = e.factors if isinstance(e, Mul) else (e,)
    return any(isinstance(f, Ind) and isinstance(f.cond, Rel) and f.cond.op == "eq" for f in factors)


@rule("zero beyond the last round", "f[i]*[i < j] = {f[i] if i < j; 0}", "f[i + 1]*[i + 1 < n] -> {f[i + 1] if i + 1 < n; 0}",
      (Mul,), level=2, phase="tidy")  # fmt: skip
def zero_beyond(e: Mul, context: Context) -> Move | None:
    """What comes back from the next round is nothing in the last one."""
    ranges = [f for f in e.factors if isinstance(f, Ind) and isinstance(f.cond, Rel) and _bounds(f.cond)]
    rest = x.mul(*(f for f in e.factors if f not in ranges))
    if len(ranges) != 1 or not isinstance(rest, x.Entry):
        return None
    reads = {s.key for s in rest.slots if isinstance(s, x.Affine)}
    sides = (ranges[0].cond.left, ranges[0].cond.right)
    if not any(isinstance(s, x.Affine) and s.key in reads for s in sides):
        return None
    return Move(x.cases([(ranges[0].cond, rest)], x.ZERO))


def _bounds(cond: Rel) -> bool:
    """Whether a condition bounds a place."""
    return cond.op in ("lt", "le") and all(isinstance(s, (Index, x.Affine)) for s in (cond.left, cond.right))
