"""The Typst writer: formulas, strings that stay strings, and the whole report through the embedded engine."""

import re
import shutil
import subprocess
import time
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from derive.writers.document import Crumb, Graph, GraphEdge, GraphNode
from derive.writers.layout import (
    Accent,
    Big,
    Fence,
    Frac,
    Grid,
    Mark,
    Num,
    Op,
    Root,
    Row,
    Script,
    Sym,
    Text,
    Under,
    row,
)
from derive.writers.typst import compile_typst, pages_png, report_typst, typst_math
from derive.writers.typst_formula import quote
from tests.layout_trees import numbered, trees
from tests.report_sample import HOSTILE, NC, hostile_report, sample_report

try:
    import typst
except ImportError:
    typst = None

engine = pytest.mark.skipif(typst is None, reason="the typst wheel is not installed")
X, Y, I_, J_ = Sym("x"), Sym("y"), Sym("i"), Sym("j")
PLUS, MINUS, NEG, EQ = Op("plus"), Op("minus"), Op("minus", "prefix"), Op("eq")
PARTIAL = Op("partial", "prefix")

FORMULAS = [  # layout, Typst
    (row(X, PLUS, Y), 'x class("binary", +) y'),
    (row(NEG, X), 'class("normal", −) x'),
    (row(X, Y), "x thin y"),
    (row(Num("2"), X), "2/**/x"),
    (row(Text("if "), X), '"if "/**/x'),
    (row(PARTIAL, Sym("loss")), '∂/**/upright("loss")'),
    (Frac(Num("1"), Sym("N")), "frac(1, N)"),
    (Frac(Num("1"), Num("2"), small=True), "inline(frac(1, 2))"),
    (Script(X, row(I_, J_), Num("2")), "attach(x, b: i j, t: 2)"),
    (row(Big("sum", row(I_, Op("comma"), J_)), X), r'attach(∑, b: i class("punctuation", \,) j) x'),
    (row(Sym("log", "function"), X), 'op("log") x'),
    (Sym("d_logits", "mono"), 'mono("d_logits")'),
    (Sym("counts"), 'upright("counts")'),
    (Sym("delta", "greek"), "δ"),
    (Sym("1", "bold"), 'bold(upright("1"))'),
    (Sym("#"), 'italic("#")'),
    (Num("1e-5"), '"1e−5"'),
    (Fence(Frac(X, Y)), r"lr(\( frac(x, y) \))"),
    (Script(Fence(X, "eval"), Sym("r")), r"attach(lr(x \|), b: r)"),
    (Fence(X, "paren", "left"), r"lr(\( x)"),
    (Mark(X, "redex"), 'dvredex(#0, "normal", x)'),
    (Frac(Mark(X, "redex"), Y), 'frac(dvredex(#1, "normal", x), y)'),
    (Script(X, Mark(I_, "redex")), 'attach(x, b: dvredex(#2, "normal", i))'),
    (Mark(EQ, "redex"), 'dvredex(#0, "relation", class("relation", =))'),
    (Mark(X, "fresh"), "dvfresh(x)"),
    (Grid(((X, Text("if")), (Y, Text("otherwise"))), "cases"), 'cases(x & "if", y & "otherwise")'),
    (Grid(((X, Op("ellipsis")), (Y, X))), 'mat(delim: "[", x, ⋯; y, x)'),
    (Under(X, Text('a "b"')), r'underbrace(x, "a \"b\"")'),
    (Root(X), "sqrt(x)"),
    (Accent(X, "bar"), "accent(x, macron)"),
    (row(PARTIAL, Sym("L"), Op("slash", "tight"), PARTIAL, X), r'∂ L class("normal", \/) ∂ x'),
    (row(X, Op("mod"), Y), 'x/**/class("normal", " mod ")/**/y'),
    (Row(()), '""'),
]  # fmt: skip


@pytest.mark.parametrize(("node", "text"), FORMULAS, ids=[text for _, text in FORMULAS])
def test_formula(node, text):
    assert typst_math(node) == text


def test_without_marks():
    assert typst_math(Mark(row(Mark(X, "fresh"), Y), "redex"), marks=False) == "x thin y"


@pytest.mark.parametrize("plain", ['"', "\\", '\\"', "\n", "\x01", "\u2028", HOSTILE])
def test_a_string_literal_ends_where_it_should(plain):
    literal = quote(plain)
    assert re.fullmatch(r'"(?:[^"\\\n]|\\["\\])*"', literal)


@given(trees)
def test_names_come_in_the_order_of_the_tree(tree):
    node, names = numbered(tree)
    assert re.findall(r"q\d+z", typst_math(node)) == names


@engine
@settings(max_examples=4, phases=[Phase.generate])
@given(st.lists(trees, min_size=60, max_size=60))
def test_random_trees_compile(nodes):
    words = "#let dvredex(style, class, body) = math.class(class, box(body))\n#let dvfresh(body) = text(red, body)\n"
    assert compile_typst(words + "\n\n".join(f"$ {typst_math(node)} $" for node in nodes)).startswith(b"%PDF")


# ---------------------------------------------------------------- reports


def long_graph(count, extra=()):
    names = [f"hidden_{n}" for n in range(count)]
    kinds = ["input", *["inner"] * (count - 2), "output"]
    nodes = [GraphNode(n, Sym(n), NC, kind) for n, kind in zip(names, kinds, strict=True)]
    nodes += [GraphNode(f"W{n}", Sym(f"W{n}"), NC, "input") for n in extra]
    edges = [GraphEdge(a, b, "affine, then tanh", count - n) for n, (a, b) in enumerate(pairwise(names))]
    edges += [GraphEdge(f"W{n}", names[n], "", n) for n in extra]
    edges += [GraphEdge(names[a], names[b], "second use", 3, True) for a, b in ((0, -1), (1, 3), (1, -2))]
    return Graph(tuple(nodes), tuple(edges), "A long one.")


def many_cards():
    report = sample_report()
    crumbs = tuple(Crumb(Sym(f"hidden_{n}"), n == 9) for n in range(27))
    cards = tuple(replace(report.cards[n % 6], number=str(n + 1), crumbs=crumbs) for n in range(27))
    return replace(report, cards=cards, answers=report.answers * 20, graph=long_graph(14, (2, 5)))


def bare_report():
    """Nothing but result bars."""
    cards = tuple(replace(card, lines=()) for card in sample_report().cards)
    empty = {"lemmas": (), "graph": None, "verification": None, "code": "", "rules": (), "badges": (), "forward": ()}
    return replace(sample_report(), cards=cards, lead="", headline=None, headline_aside="", subtitle="", **empty)


REPORTS = {
    "sample": (sample_report, 4),
    "hostile": (hostile_report, 3),
    "many": (many_cards, 12),
    "bare": (bare_report, 2),
    "long graph": (lambda: replace(sample_report(), graph=long_graph(40, (2, 3))), 6),
}


@engine
@pytest.mark.parametrize("name", REPORTS)
def test_the_report_compiles_within_its_pages(name):
    make, most = REPORTS[name]
    source = report_typst(make())
    assert source == report_typst(make())
    pages = pages_png(source, 20)
    assert 0 < len(pages) <= most and all(page.startswith(b"\x89PNG") for page in pages)


@engine
def test_the_pdf_is_the_same_every_time():
    source = report_typst(sample_report())
    first = compile_typst(source)
    time.sleep(1.1)  # a date would show
    assert first == compile_typst(source)


@engine
def test_nothing_but_the_wheel_is_read(tmp_path):
    with pytest.raises(typst.TypstError):
        compile_typst('#read("/etc/passwd")')


@engine
@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="pdftotext is not installed")
@pytest.mark.parametrize("name", REPORTS)
def test_no_word_leaves_the_page(name, tmp_path):
    (tmp_path / "report.pdf").write_bytes(compile_typst(report_typst(REPORTS[name][0]())))
    run = subprocess.run(["pdftotext", "-bbox", tmp_path / "report.pdf", "-"], capture_output=True, check=True)
    box = r'xMin="([\d.-]+)" yMin="([\d.-]+)" xMax="([\d.-]+)" yMax="([\d.-]+)">(.*?)<'
    boxes = re.findall(box, run.stdout.decode(errors="replace"))
    left, right, bottom = 22 / 25.4 * 72, 193 / 25.4 * 72, 842
    assert boxes
    assert [b for b in boxes if float(b[0]) < left - 2 or float(b[2]) > right + 2 or float(b[3]) > bottom] == []


def test_plain_strings_cannot_become_markup():
    source = report_typst(hostile_report())
    code = re.sub(r'"(?:[^"\\]|\\.)*"', '""', source[source.index("#show: dvdocument") :])
    assert "passwd" not in code and "end{document}" not in code and "<%" not in code
