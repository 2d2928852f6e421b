"""Equations where a gradient vanishes: normal equations, and solutions put into the gradient."""

from __future__ import annotations

from derive import expr as x
from derive.claim import Verdict
from derive.errors import Problem
from derive.expr import Entry, Expr
from derive.index import Index
from derive.readers import latex_tree as t
from derive.readers.latex_meaning import Value, dependents
from derive.readers.latex_notes import Unknown
from derive.routes import unfold

MULTIPLES = ("1", "-1", "1/2", "-1/2", "2", "-2")


def array_optimum(checker, one, chain, n) -> Verdict | None:
    """The verdict on an equation for an array at which the gradient was set to zero; None for other claims."""
    from derive.checker.formulas import aligned
    from derive.checker.special import _after_words

    if not _after_words(checker, one):
        return None
    member, first = chain[n].member, chain[checker.base(chain, n)].member
    if _is_condition(checker, first.node, member.node, n):
        return checker.verdict(one, member.span, "no-claim", reason="a condition imposed", code="N102")
    elaborator = checker.paper.elaborator(one)
    try:
        left, right = checker.value(elaborator, first), checker.value(elaborator, member)
    except (Unknown, Problem):
        return None
    if any(isinstance(u, x.D) for v in (left, right) for u in x.walk(v.expr)):
        return None
    names = [p for p in parameters(checker) if p in left.expr.names | right.expr.names]
    if not names:
        return None
    pair = aligned(left, right, elaborator)
    answer = None
    for name in names:
        gradient = _gradient(checker, name)
        if gradient is None or pair is None:
            continue
        answer = answer or _solution(checker, name, left, right, gradient)
        if _multiple(checker, pair, gradient):
            reason = f"is the gradient by {name}, set to zero"
            return checker.verdict(one, member.span, "right", certainty="proved", holds=True, reason=reason)
    found = checker.judged(one, chain, n)
    if found.verdict not in ("wrong", "carried", "unknown"):
        return found
    if answer is not None and answer.equal:
        reason = "the gradient vanishes there" + (f"; {answer.reason}" if answer.reason else "")
        return checker.verdict(one, member.span, "right", certainty=answer.certainty, holds=True, reason=reason)
    if answer is not None and answer.equal is False:
        return checker.verdict(one, member.span, "wrong", holds=False, kind="not-implied", code="E322",
                               reason="the gradient does not vanish there", counterexample=answer.counterexample)  # fmt: skip
    return checker.verdict(one, member.span, "unknown", reason="not decided where the gradients vanish", code="U301")


def parameters(checker) -> list[str]:
    """What the loss is differentiated by and nothing defines."""
    paper, found = checker.paper, {}
    notes = paper.notes
    for one in paper.statements:
        for member in one.members:
            for u in t.walk(member.node) if member.node is not None else ():
                for w in u.wrt if isinstance(u, t.Derivative) else ():
                    name = notes.resolve(notes.spell(w)[0])[0] if isinstance(w, t.Symbol) else ""
                    if name in paper.program and paper.program.is_input(name) and paper.program.sort(name) == "real":
                        found[name] = None
    return list(found)


def _is_condition(checker, left: t.Node | None, right: t.Node | None, n: int) -> bool:
    """`∇_w J = 0` after the words."""
    zero = isinstance(right, t.Number) and right.value == 0
    return zero and n == 1 and isinstance(left, t.Derivative) and isinstance(left.body, (t.Symbol, t.Apply))


def _gradient(checker, name: str) -> Value | None:
    """The gradient of the loss by an array, carried out, over fresh indices."""
    from derive.checker.special import _carried_out

    program, loss = checker.paper.program, checker.paper.notes.loss
    if loss is None or program.equation(loss) is None:
        return None
    moving = dependents(program, name) - {name}
    whole = unfold(Entry(loss, ()), program, moving) if moving else Entry(loss, ())
    axes = tuple(Index("abcd"[k % 4], n) for k, n in enumerate(program.shape(name)))
    if name not in whole.names:
        return None
    return Value(_carried_out(x.D(whole, Entry(name, axes)), program), axes)


def _multiple(checker, pair: tuple[Expr, Expr], gradient: Value) -> bool:
    """Whether the difference of both sides is a multiple of the gradient."""
    difference = x.add(pair[0], x.negate(pair[1]))
    places = sorted(difference.free, key=lambda i: i.number)
    if len(places) != len(gradient.axes) or any(i.size != j.size for i, j in zip(places, gradient.axes, strict=True)):
        return False
    g = x.substitute(gradient.expr, dict(zip(gradient.axes, places, strict=True)))
    sizes = sorted({a for e in (g, difference) for u in x.walk(e) for a in _letters(u)})
    scales = [x.num(k) for k in MULTIPLES]
    scales += [x.mul(k, x.power(x.size(_size(a)), x.Num(e))) for k in scales for a in sizes[:2] for e in (1, -1)]
    return any(checker.decider.equal(difference, x.mul(k, g)).certainty == "proved" for k in scales)


def _letters(u) -> tuple[str, ...]:
    return tuple(u.slot.constant.letters) if isinstance(u, x.Whole) and isinstance(u.slot, x.Affine) else ()


def _size(letter: str):
    from derive.index import Size

    return Size.of(letter)


def _solution(checker, name: str, left: Value, right: Value, gradient: Value):
    """For `w = …`: whether the gradient is zero with the right side in the place of w."""
    if not isinstance(left.expr, Entry) or left.expr.name != name or name in right.expr.names:
        return None
    slots = left.expr.slots
    if not all(isinstance(s, Index) for s in slots) or len(right.open) not in (0, len(slots)):
        return None
    own = dict(zip(right.open, slots, strict=True)) if right.open else {}
    value = x.substitute(right.expr, own)

    def put(u: Entry) -> Expr | None:
        return x.substitute(value, dict(zip(slots, u.slots, strict=True))) if u.name == name else None

    return checker.decider.equal(x.replace_entries(gradient.expr, put), x.ZERO)
