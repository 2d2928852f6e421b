"""Widths and line breaks of the layout tree: nothing lost, nothing too wide."""

import pytest

from derive.writers.layout import (
    Big,
    Fence,
    Frac,
    Grid,
    Mark,
    Node,
    Num,
    Op,
    Row,
    Script,
    Sym,
    Text,
    Under,
    break_lines,
    row,
    width,
)


def test_short_pieces_share_a_line():
    """A factor opened beside others is split more finely than the page asks for."""
    inner = Fence(row(entry("a"), Op("minus"), Frac(Num("1"), Sym("N")), Op("plus"), entry("b")))
    node = row(entry("x"), entry("x"), entry("x"), inner, entry("y"), entry("y"), entry("y"))
    room = width(node) * 0.7
    lines = break_lines(node, room)
    assert len(lines) == 2 and all(width(line) <= room for line in lines)


def entry(name: str) -> Node:
    return Script(Sym(name), row(Sym("i"), Sym("j")))


def sum_of(count: int) -> Node:
    """a_ij + a_ij + ..."""
    return row(*(item for n in range(count) for item in ((Op("plus"),) if n else ()) + (entry("a"),)))


def leaves(node: Node) -> list[str]:
    """The letters and numbers from left to right."""
    if isinstance(node, Sym | Num | Text):
        return [node.text]
    children = [v for v in vars(node).values()]
    flat = [x for c in children for x in (c if isinstance(c, tuple) else (c,))]
    flat = [x for c in flat for x in (c if isinstance(c, tuple) else (c,))]
    return [leaf for c in flat if not isinstance(c, str | bool | type(None)) for leaf in leaves(c)]


WIDTHS = [  # formula, at least, at most (em, from TeX's own boxes)
    (Sym("x"), 0.5, 0.65),
    (Sym("counts_sum", "mono"), 5.2, 5.5),
    (Sym("delta", "greek"), 0.4, 0.7),
    (row(Sym("a"), Op("plus"), Sym("b")), 2.0, 2.6),
    (Frac(Num("1"), Sym("N")), 0.8, 1.2),
    (row(Big("sum", row(Sym("m"), Op("comma"), Sym("k"))), entry("E")), 2.6, 4.2),
    (Grid(((Num("1"), Num("0")), (Num("0"), Num("1")))), 2.0, 4.0),
]


@pytest.mark.parametrize(("node", "low", "high"), WIDTHS, ids=lambda v: type(v).__name__)
def test_width_is_near_the_printed_one(node, low, high):
    assert low <= width(node) <= high


BREAKS = [  # formula, room, lines
    (sum_of(3), 40, 1),
    (sum_of(20), 20, 4),
    (row(Frac(Num("1"), Sym("N")), Fence(sum_of(20))), 20, 5),
    (Mark(sum_of(20), "fresh"), 20, 4),
    (Under(sum_of(20), Text("directly")), 20, 4),
    (row(Sym("f", "function"), Fence(Mark(sum_of(12), "redex"))), 20, 3),
    (Frac(sum_of(20), Sym("N")), 20, 5),
    (row(*(entry("W") for _ in range(20))), 20, 2),
]


@pytest.mark.parametrize(("node", "room", "count"), BREAKS)
def test_a_long_formula_is_split_and_nothing_is_lost(node, room, count):
    lines = break_lines(node, room)
    assert abs(len(lines) - count) <= 1 and (count == 1) == (len(lines) == 1)
    assert all(width(line) <= room for line in lines)
    lost = [leaf for line in lines for leaf in leaves(line) if leaf not in ("directly", "N", "1")]
    assert lost == [leaf for leaf in leaves(node) if leaf not in ("directly", "N", "1")]


def test_a_bracket_within_a_bracket_stays_whole_where_that_takes_no_more_lines():
    inner = Fence(row(entry("a"), Op("plus"), entry("b")))
    node = row(entry("g"), Fence(row(*(entry("u"),) * 4, Op("plus"), *(entry("v"),) * 4, inner)), Frac(Num("1"), entry("w")))
    lines = break_lines(node, 0.8 * width(node))
    assert len(lines) == 2 and repr(lines).count("sides='left'") == 1


def test_a_broken_bracket_stands_as_two_halves():
    first, *_, last = break_lines(row(Sym("P"), Fence(sum_of(20))), 20)
    assert first.items[-1].sides == "left" and last.sides == "right"


def test_a_relation_is_split_before_a_plus():
    node = row(*sum_of(4).items, Op("eq"), *sum_of(4).items)
    first, second = break_lines(node, width(node) - 1)
    assert isinstance(second, Row) and second.items[0] == Op("eq") and width(first) < 20


def test_what_cannot_be_split_comes_back():
    wide = Sym("n" * 60, "mono")
    assert break_lines(wide, 10) == (wide,)
