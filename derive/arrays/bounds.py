"""What is known of sizes and positions without their values: is a size ≥ 0, does a slot stay inside an axis.

Size letters are at least 1.  Not knowing is None or False, never a guess.
"""

from __future__ import annotations

from derive import expr as x
from derive.index import Index, Quotient, Size
from derive.program import Program, Variable

Range = tuple[Size, Size]


def nonnegative(size: Size) -> bool:
    """Whether a size is ≥ 0 for all letters ≥ 1; False when that is not seen."""
    bound = _without_quotients(size)
    if bound is None:
        return False
    shifted = bound.substitute({a: Size.of(a) + 1 for a in bound.letters})
    return all(c >= 0 for _, c in shifted.terms)


def _without_quotients(size: Size) -> Size | None:
    """A lower bound without floor quotients: a − d + 1 ≤ d·(a//d) ≤ a, and a//d ≥ 0."""
    total = Size()
    for monomial, c in size.terms:
        quotients = [a for a in monomial if isinstance(a, Quotient)]
        if not quotients:
            total = total + Size(((monomial, c),))
            continue
        q, rest = quotients[0], list(monomial)
        rest.remove(q)
        others = Size(((tuple(rest), abs(c)),)).divided(q.under)
        if c < 0 and others is None:
            return None
        if c < 0:
            total = total - others * q.over
        elif others is not None and nonnegative(others):
            total = total + others * (q.over - q.under + 1)
    return total if not any(isinstance(a, Quotient) for m, _ in total.terms for a in m) else None


def sign(size: Size) -> int | None:
    """1 or -1 where the sign of a coefficient is known."""
    if nonnegative(size):
        return 1
    return -1 if nonnegative(-size) else None


def slot_range(slot: x.Slot | x.Expr, program: Program) -> Range | None:
    """The smallest and largest value of a slot, None when unknown."""
    match slot:
        case Index(size=n):
            return Size(), n - 1
        case x.ArgBest(index=i):
            return Size(), i.size - 1
        case x.Entry(name=name):
            return _entry_range(name, program)
        case x.Join(parts=joined):
            return Size(), x.product_of([n for _, n in joined]) - 1
        case x.Part(modulus=m) if m is not None:
            return Size(), m - 1
        case x.Part(slot=inner, divisor=d):
            found = slot_range(inner, program)
            return None if found is None else (found[0] // d, (found[1] + 1 - d) // d + 1 - 1)
        case x.Affine(terms=terms, constant=constant):
            return _affine_range(terms, constant, program)
    return None


def _entry_range(name: str, program: Program) -> Range | None:
    item = program.by_name.get(name)
    if isinstance(item, Variable):
        return None if item.limit is None else (Size(), item.limit - 1)
    rhs = getattr(item, "rhs", None)
    if isinstance(rhs, x.Whole):
        return slot_range(rhs.slot, program)
    return slot_range(rhs, program) if isinstance(rhs, x.Entry) else None


def _affine_range(terms, constant: Size, program: Program) -> Range | None:
    low = high = constant
    for slot, c in terms:
        found, direction = slot_range(slot, program), sign(c)
        if found is None or direction is None:
            return None
        a, b = (found[0] * c, found[1] * c) if direction > 0 else (found[1] * c, found[0] * c)
        low, high = low + a, high + b
    return low, high


def inside(slot: x.Slot, n: Size, program: Program) -> bool:
    """Whether a slot is known to stay in 0 … n − 1."""
    if isinstance(slot, x.Part) and slot.modulus is None:
        return inside(slot.slot, n * slot.divisor, program)
    found = slot_range(slot, program)
    return found is not None and nonnegative(found[0]) and nonnegative(n - 1 - found[1])


def decide(cond: x.Cond, program: Program) -> x.Cond:
    """The condition with comparisons of positions settled where ranges settle them."""
    if isinstance(cond, x.And):
        return x.both(*(decide(c, program) for c in cond.parts))
    if isinstance(cond, x.Or):
        return x.either(*(decide(c, program) for c in cond.parts))
    if isinstance(cond, x.Not):
        return x.negation(decide(cond.part, program))
    if cond.op == "eq" or isinstance(cond.left, x.Expr) or isinstance(cond.right, x.Expr):
        return cond
    digit = cond.left if isinstance(cond.left, x.Part) and cond.left.modulus is None else None
    if digit is not None and cond.op == "lt" and isinstance(cond.right, x.Affine) and not cond.right.terms:
        return x.TRUE if inside(digit, cond.right.constant, program) else cond
    gap = slot_range(x.affine([(cond.right, Size.of(1)), (cond.left, Size.of(-1))]), program)
    if gap is None:
        return cond
    margin = 1 if cond.op == "lt" else 0
    if nonnegative(gap[0] - margin):
        return x.TRUE
    return x.FALSE if nonnegative(-gap[1] - 1 + margin) else cond
