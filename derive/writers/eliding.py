"""Dots for the terms of a long sum that a line only repeats, as one writes on a blackboard."""

from __future__ import annotations

from collections.abc import Iterator

from derive.writers.layout import Fence, Frac, Grid, Mark, Node, Op, Row, Script, Under, row, width

LONG = 48.0  # em of a line that is worth shortening: more than two printed lines
WORTH = 8.0  # em of a term that dots are shorter than
DOTS = Op("ellipsis", "tight")
Term = tuple[str, tuple[Node, ...]]  # its sign, `plus` or `minus`, and its factors


def elided(line: Node, before: Node) -> Node:
    """The line with dots for the long terms that stand unchanged, and unmarked, in the line before."""
    if width(line) <= LONG:
        return line
    old = set(_terms(before))
    shown: list[Term] = []
    for term in _terms(line):
        repeated = term in old and width(Row(term[1])) > WORTH and not any(map(_marked, term[1]))
        if not repeated:
            shown.append(term)
        elif not shown or shown[-1][1] != (DOTS,):
            shown.append(("plus", (DOTS,)))
    return row(*_written(shown)) if any(term[1] == (DOTS,) for term in shown) and len(shown) > 1 else line


def _terms(line: Node) -> list[Term]:
    """A sum cut at its top level into signed terms."""
    found: list[Term] = []
    sign, factors = "plus", []
    for item in line.items if isinstance(line, Row) else (line,):
        if isinstance(item, Op) and item.sign in ("plus", "minus") and (item.role == "infix" or not factors):
            if factors:
                found.append((sign, tuple(factors)))
            sign, factors = item.sign, []
        else:
            factors.append(item)
    return [*found, (sign, tuple(factors))] if factors else found


def _written(terms: list[Term]) -> Iterator[Node]:
    for n, (sign, factors) in enumerate(terms):
        if n or sign == "minus":
            yield Op(sign, "infix" if n else "prefix")
        yield from factors


def _marked(node: Node) -> bool:
    """Whether something in it is about to be rewritten or has just been made."""
    match node:
        case Mark():
            return True
        case Row(items):
            return any(map(_marked, items))
        case Frac(over, under):
            return _marked(over) or _marked(under)
        case Script(base, sub, sup):
            return any(n is not None and _marked(n) for n in (base, sub, sup))
        case Fence(body) | Under(body):
            return _marked(body)
        case Grid(rows):
            return any(_marked(cell) for cells in rows for cell in cells)
    return any(_marked(n) for n in (getattr(node, "body", None), getattr(node, "sub", None)) if n is not None)


__all__ = ["DOTS", "LONG", "elided"]
