"""Dots for terms that a long line repeats: only what is the same, unmarked and long, and never a whole line."""

import pytest

from derive.writers.eliding import LONG, elided
from derive.writers.layout import Big, Fence, Frac, Mark, Op, Script, Sym, row, width
from derive.writers.text_formula import text

PLUS, MINUS, NEG = Op("plus"), Op("minus"), Op("minus", "prefix")


def long(name: str):
    """A term of some thirty em."""
    return row(Big("sum", Sym("k")), Fence(row(*(Script(Sym(name), row(Sym("i"), Sym("k"))) for _ in range(24)))))


A, B, C = long("a"), long("b"), long("c")
x, y = Sym("x"), Sym("y")
a, b, c = (text(t) for t in (A, B, C))

ROWS = [  # the line before, the line, what is printed
    (row(A, PLUS, B), row(A, PLUS, C, PLUS, x), f"… + {c} + x"),
    (row(A, PLUS, B, PLUS, x), row(A, PLUS, B, PLUS, y), "… + y"),
    (row(A, MINUS, B), row(A, PLUS, B), f"… + {b}"),
    (row(NEG, A, PLUS, B, PLUS, x), row(NEG, A, PLUS, C), f"… + {c}"),
    (row(A, PLUS, B), row(A, PLUS, B), f"{a} + {b}"),
    (row(A, PLUS, B), row(Mark(A, "redex"), PLUS, B, PLUS, x), f"{a} + … + x"),
    (row(A, PLUS, B), row(A, PLUS, Frac(Mark(B, "fresh"), x), PLUS, B), f"… + {text(Frac(B, x))} + …"),
    (row(x, PLUS, y), row(x, PLUS, y, PLUS, x), "x + y + x"),
    (A, B, b),
]


@pytest.mark.parametrize(("before", "line", "printed"), ROWS, ids=range(len(ROWS)))
def test_what_is_repeated_becomes_dots(before, line, printed):
    assert text(elided(line, before)) == printed


def test_short_lines_stay_whole():
    line = row(A, PLUS, x)
    assert width(line) <= LONG and elided(line, row(A, PLUS, y)) == line
