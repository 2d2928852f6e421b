"""Marks: which parts of a line the next rule rewrites (redex), and which the last rule made (fresh).

Steps name their parts by node identity.  A reader wants to see the least that says it: of a sum over a delta the sign
and the delta, of a product the factors that change.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from derive import expr as x
from derive.expr import Expr, Term
from derive.writers.layout import Accent, Big, Fence, Frac, Grid, Mark, Node, Op, Root, Row, Script, Under, row


@dataclass(frozen=True)
class Marks:
    """Ids of the nodes to mark; of those in `signs` only the sign is shaded: Σ, ∂/∂x."""

    redex: frozenset[int] = frozenset()
    fresh: frozenset[int] = frozenset()
    signs: frozenset[int] = frozenset()

    def alike(self, a: int, b: int) -> bool:
        """Whether two nodes carry the same marks, so that one sign may stand for both."""
        outer = a in self.redex or a in self.fresh
        return (b in self.signs) == (a in self.signs) and ((b not in self.redex and b not in self.fresh) or outer)


NO_MARKS = Marks()


def marked(node: Node, key: int, marks: Marks, sign_only: bool = False) -> Node:
    """The node in the marks that its id asks for."""
    if sign_only:
        return Mark(node, "redex") if key in marks.signs else node
    node = Mark(node, "fresh") if key in marks.fresh else node
    return Mark(node, "redex") if key in marks.redex else node


def marks_for(
    line: Expr, before: Expr | None, fresh: Iterable[Expr], after: Expr | None, redexes: Iterable[Expr]
) -> Marks:
    """The marks of a line, given the line before with what was made of it, and the line after with what it rewrites.

    What stood in the line before already is not fresh; what still stands in the line after is not shaded.
    """
    fresh = tuple(fresh) or (line,)
    inside = {id(t) for t in x.walk(line)}
    old = {t.key for t in x.walk(before) if isinstance(t, Term)} if before is not None else set()
    new = frozenset(id(e) for f in fresh for e in _changed(f, old) if id(e) in inside) if before is not None else ()
    if after is None:
        return Marks(fresh=frozenset(new))
    kept = {t.key for t in x.walk(after) if isinstance(t, Term)}
    shaded, signs = set(), set()
    for e in redexes:
        if id(e) in inside:
            _shade(e, kept, shaded, signs, whole=e is line)
    return Marks(frozenset(shaded), frozenset(new), frozenset(signs))


def _changed(e: Expr, old: set[str]) -> list[Expr]:
    """The parts of an expression that were not there before: itself, or of a product or sum the new parts."""
    if e.key in old:
        return []
    if isinstance(e, (x.Mul, x.Add)):
        parts = x.parts(e)
        kept = [p for p in parts if p.key not in old]
        return [e] if len(kept) == len(parts) else kept
    return [e]


def _shade(e: Expr, kept: set[str], shaded: set[int], signs: set[int], whole: bool) -> None:
    """Mark an expression that is about to be rewritten, as little of it as says what happens."""
    if isinstance(e, x.Reduce) and e.op == "sum" and (deltas := _deltas(e)):
        signs |= {id(r) for r in _sums(e, deltas)}
        shaded |= {id(d) for d in deltas}
    elif isinstance(e, (x.Mul, x.Add)):
        parts = [p for p in x.parts(e) if p.key not in kept]
        some = bool(parts) and len(parts) < len(x.parts(e))
        shaded |= {id(p) for p in parts} if some else set() if whole else {id(e)}
    elif isinstance(e, x.D) and not isinstance(e.body, x.Entry) and whole:
        signs.add(id(e))
    else:
        shaded.add(id(e))


def _deltas(e: Expr) -> list[x.Ind]:
    """The deltas among the factors under a sum, through inner sums and brackets of products."""
    match e:
        case x.Reduce(op="sum", body=body):
            return _deltas(body)
        case x.Mul(factors=factors):
            return [d for f in factors for d in _deltas(f)]
        case x.Ind():
            return [e]
    return []


def _sums(e: Expr, deltas: list[x.Ind]) -> list[x.Reduce]:
    """The sums over an index that one of the deltas fixes."""
    fixed = frozenset().union(*(d.free for d in deltas))
    return [t for t in x.walk(e) if isinstance(t, x.Reduce) and t.index in fixed]


# ---------------------------------------------------------------- tidying


def tidy(node: Node, within: frozenset[str] = frozenset()) -> Node:
    """Marks inside a mark of their own kind dropped, neighbours of one kind joined."""
    match node:
        case Mark(body, kind):
            inner = tidy(body, within | {kind})
            return inner if kind in within else Mark(inner, kind)
        case Row(items):
            return _joined([tidy(item, within) for item in items])
        case Frac(over, under, small):
            return Frac(tidy(over, within), tidy(under, within), small)
        case Script(base, sub, sup):
            return Script(tidy(base, within), *(n and tidy(n, within) for n in (sub, sup)))
        case Big(op, sub, sup):
            return Big(op, *(n and tidy(n, within) for n in (sub, sup)))
        case Fence(body, kind, sides):
            return Fence(tidy(body, within), kind, sides)
        case Grid(rows, kind):
            return Grid(tuple(tuple(tidy(cell, within) for cell in cells) for cells in rows), kind)
        case Under(body, label):
            return Under(tidy(body, within), label)
        case Root(body):
            return Root(tidy(body, within))
        case Accent(body, kind):
            return Accent(tidy(body, within), kind)
    return node


def _joined(items: list[Node]) -> Node:
    out: list[Node] = []
    for item in items:
        left = out[-1] if out else None
        if isinstance(item, Mark) and isinstance(left, Mark) and left.kind == item.kind:
            out[-1] = Mark(_joined([*_items(left.body), *_items(item.body)]), item.kind)
        else:
            out.append(item)
    return row(*out)


def _items(node: Node) -> tuple[Node, ...]:
    return node.items if isinstance(node, Row) else (node,)


def unmarked_whole(node: Node, kinds: tuple[str, ...] = ("fresh", "redex")) -> Node:
    """A line whose marks cover all of it, without them."""
    while isinstance(node, Mark) and node.kind in kinds:
        node = node.body
    if isinstance(node, Row) and all(isinstance(i, Mark) and i.kind in kinds or isinstance(i, Op) for i in node.items):
        return row(*(i.body if isinstance(i, Mark) else i for i in node.items))
    return node


__all__ = ["NO_MARKS", "Marks", "marked", "marks_for", "tidy", "unmarked_whole"]
