"""Vectors that carry an index: h_t of a recurrent network, u_k of a vocabulary.

A name is such a vector when it is transposed (`u_k^⊤ v`) or stands behind a matrix (`W h_{t-1}`); what is defined by
them, and what is added to them, are vectors as well.  Their last axis is open: h_t has two axes, one of them written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from derive.readers import latex_tree as t
from derive.readers.latex_notes import Notes
from derive.readers.latex_statements import Statement

ROUNDS = 6


def find_vectors(notes: Notes, found: Sequence[Statement]) -> None:
    """Enter them into the notes: a rank one higher than they are written with, and the open axis."""
    every = [m.node for one in found for m in one.members if m.node is not None]
    vectors = {name for node in every for name in _shown(notes, node)}
    if not vectors:
        return
    vectors |= {name for one in found for name in _multiplied(notes, one, vectors)}
    for name in {name for node in every for name in _before(notes, node, vectors)}:
        notes.matrices.add(name)
        notes.ranks.setdefault(name, 2)
    vectors |= {name for node in every for name in _shown(notes, node)}
    for _ in range(ROUNDS):
        more = {name for one in found for name in _by_definition(notes, one, vectors)}
        more |= {name for node in every for name in _added(notes, node, vectors)}
        if more <= vectors:
            break
        vectors |= more
    for name in sorted(vectors):
        written = notes.ranks.get(name, 0)
        if written == 1 and name not in notes.labels:
            notes.ranks[name] = 2
            notes.open_axes[name] = 1
        elif not written:
            notes.ranks[name] = 1


def _small(notes: Notes, u: t.Node) -> str | None:
    """The name of a small letter with one place, or bare."""
    if not isinstance(u, t.Symbol) or not (u.name[:1].islower() or u.name.startswith("\\")):
        return None
    name, places, _ = notes.spell(u)
    return name if len(places) <= 1 and name not in notes.size_names and name != "delta" else None


def _placed(notes: Notes, u: t.Node) -> str | None:
    name = _small(notes, u)
    return name if name is not None and len(notes.spell(u)[1]) == 1 else None


def _matrix(notes: Notes, u: t.Node) -> bool:
    u = u.base if isinstance(u, t.Transposed) else u
    return isinstance(u, t.Symbol) and not u.subs and notes.spell(u)[0] in notes.matrices and u.name[:1].isupper()


def _shown(notes: Notes, node: t.Node) -> Iterator[str]:
    """Names that the notation itself shows to be vectors with an index."""
    for u in t.walk(node):
        if isinstance(u, t.Transposed):
            base = u.base.inner if isinstance(u.base, t.Paren) and not u.base.subs else u.base
            base = base.wrt[0] if isinstance(base, t.Derivative) and len(base.wrt) == 1 else base
            if name := _placed(notes, base):
                yield name
        if isinstance(u, t.Product):
            for (_, a), (op, b) in zip(u.factors, u.factors[1:], strict=False):
                if op not in ("/", "star", "odot") and _matrix(notes, a) and (name := _placed(notes, b)):
                    yield name


def _before(notes: Notes, node: t.Node, vectors: set[str]) -> Iterator[str]:
    """Bare capitals in front of a vector: matrices."""
    for u in t.walk(node):
        if isinstance(u, t.Product):
            for (_, a), (op, b) in zip(u.factors, u.factors[1:], strict=False):
                bare = isinstance(a, t.Symbol) and not a.subs and len(a.name) == 1 and a.name.isupper()
                if bare and op == "" and _small(notes, b) in vectors and a.name not in notes.size_names:
                    yield notes.spell(a)[0]


def _multiplied(notes: Notes, one: Statement, vectors: set[str]) -> Iterator[str]:
    """Behind bare capitals in the definition of a vector."""
    nodes = [m.node for m in one.members[:2]]
    if len(nodes) < 2 or None in nodes or _small(notes, nodes[0]) not in vectors:
        return
    for u in t.walk(nodes[1]):
        if isinstance(u, t.Product):
            for (_, a), (op, b) in zip(u.factors, u.factors[1:], strict=False):
                if (
                    op == ""
                    and isinstance(a, t.Symbol)
                    and not a.subs
                    and a.name.isupper()
                    and (name := _small(notes, b))
                ):
                    yield name


def _is_vector(notes: Notes, node: t.Node, vectors: set[str]) -> bool:
    """Whether a formula is a vector for every value of its index, as far as its form shows."""
    match node:
        case t.Symbol():
            return _small(notes, node) in vectors
        case t.Paren(inner=inner, subs=()):
            return _is_vector(notes, inner, vectors)
        case t.Sum(terms=terms):
            return any(_is_vector(notes, term, vectors) for _, term in terms)
        case t.Function(args=(inner,), subs=()):
            return node.name not in ("softmax", "max", "min", "tr", "logsumexp") and _is_vector(notes, inner, vectors)
        case t.Product(factors=factors):
            left = [f for _, f in factors[:-1]]
            if any(isinstance(f, t.Transposed) and not _matrix(notes, f) for f in left):
                return False
            return _is_vector(notes, factors[-1][1], vectors) or all(
                op in ("", "odot") and _is_vector(notes, f, vectors) for op, f in factors[:1]
            )
    return False


def _by_definition(notes: Notes, one: Statement, vectors: set[str]) -> Iterator[str]:
    """`a_t = W h_{t-1} + …`, `h_t = tanh(a_t)`: the left side."""
    if len(one.members) < 2 or one.members[0].node is None or one.members[1].node is None:
        return
    left = one.members[0].node
    if (name := _small(notes, left)) and _is_vector(notes, one.members[1].node, vectors):
        yield name
    if isinstance(left, t.Symbol) and name in vectors and isinstance(node := one.members[1].node, t.Function):
        if len(node.args) == 1 and (inner := _small(notes, node.args[0])):
            yield inner


def _added(notes: Notes, node: t.Node, vectors: set[str]) -> Iterator[str]:
    """Bare and indexed letters that are added to a vector: biases."""
    for u in t.walk(node):
        if isinstance(u, t.Sum) and any(_is_vector(notes, term, vectors) for _, term in u.terms):
            for _, term in u.terms:
                if (name := _small(notes, term)) and name not in notes.letters:
                    yield name
        if isinstance(u, t.Product):
            turned = [f for _, f in u.factors if isinstance(f, t.Transposed) and _small(notes, f.base) in vectors]
            last = u.factors[-1][1]
            if turned and u.factors[-2][1] in turned and (name := _small(notes, last)):
                yield name
