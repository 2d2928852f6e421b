"""Random layout trees, every node type in every place, for the tests of all printers."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import count

from hypothesis import strategies as st

from derive.writers.layout import (
    SIGNS,
    Accent,
    Big,
    Fence,
    Frac,
    Grid,
    Mark,
    Node,
    Num,
    Op,
    Root,
    Row,
    Script,
    Sym,
    Text,
    Under,
)

STYLES = ("italic", "roman", "bold", "mono", "function", "greek")
KINDS = ("paren", "bracket", "brace", "abs", "norm", "angle", "floor", "eval")
NAMES = ("x", "counts_sum", "W_1", "delta", "#x", "a,b;c", "$", "_", "é", "′", "\\", '"', "x:y", "..", "//", "1")
NUMBERS = ("3", "0.5", "1e-5", "-2", "12")
WORDS = ("if ", " with ", "a, b; c", "#eval(1)", "$x$", '"', "\\", "/* */", "\n", "δ ≤ 中", "")

leaves = st.one_of(
    st.builds(Sym, st.sampled_from(NAMES), st.sampled_from(STYLES)),
    st.builds(Num, st.sampled_from(NUMBERS)),
    st.builds(Op, st.sampled_from(SIGNS), st.sampled_from(("infix", "prefix", "tight"))),
    st.builds(Text, st.sampled_from(WORDS)),
)


def _inner(part: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    maybe = st.none() | part
    grids = st.integers(1, 3).flatmap(
        lambda wide: st.lists(st.tuples(*[part] * wide), min_size=1, max_size=3).map(tuple)
    )
    return st.one_of(
        st.lists(part, max_size=4).map(lambda items: Row(tuple(items))),
        st.builds(Frac, part, part, st.booleans()),
        st.builds(Script, part, maybe, maybe),
        st.builds(Big, st.sampled_from(("sum", "prod", "max", "min", "argmax", "argmin")), maybe, maybe),
        st.builds(Fence, part, st.sampled_from(KINDS), st.sampled_from(("both", "left", "right"))),
        st.builds(Mark, part, st.sampled_from(("redex", "fresh"))),
        st.builds(Grid, grids, st.sampled_from(("cases", "matrix", "plain"))),
        st.builds(Under, part, part),
        st.builds(Root, part),
        st.builds(Accent, part, st.sampled_from(("hat", "bar", "tilde", "vec", "dot"))),
    )


trees = st.recursive(leaves, _inner, max_leaves=12)


def numbered(node: Node) -> tuple[Node, list[str]]:
    """The tree with a name of its own for every leaf that is no sign, and the names from left to right."""
    numbers, names = count(), []

    def walk(value: object) -> object:
        if isinstance(value, Sym | Num | Text):
            names.append(f"q{next(numbers)}z")
            return Sym(names[-1])
        if isinstance(value, tuple):
            return tuple(map(walk, value))
        if isinstance(value, Node):
            return replace(value, **{f.name: walk(getattr(value, f.name)) for f in fields(value)})
        return value

    return walk(node), names
