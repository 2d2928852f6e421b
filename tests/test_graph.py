"""The computation graph on paper: boxes apart, no arrow through a box, nothing over the page's edge."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_generated import ROOT, remake
from trial import passes

import derive
from derive.engine import differentiate
from derive.writers.cards import card_numbers
from derive.writers.document import Graph, GraphEdge, GraphNode
from derive.writers.graph import graph
from derive.writers.graph_layers import crossings, layers
from derive.writers.graph_layout import HIGH, PAGE, box_rectangles, overlap, picture, words_rectangle
from derive.writers.layout import Sym, row
from derive.writers.letters import spelling
from derive.writers.text_formula import text
from derive.writers.typst_graph import graph_words

FILES = [*(ROOT / "examples" / f"{name}.py" for name in remake.names()), *(one.path for one in passes())]


def drawn(path) -> Graph:
    gradients = differentiate(derive.read(path))
    return graph(gradients, card_numbers(gradients), spelling(gradients.program, gradients))


def of(nodes: str, edges: str) -> Graph:
    """`a b c` and `a>b b>c a>c:second use`: the nodes in order, the uses with their labels."""
    shape = row(Sym("n"), Sym("d"))
    made = tuple(GraphNode(k, Sym(k, "roman"), shape, "inner") for k in nodes.split())
    ways, first = [], set()
    for n, part in enumerate(edges.split()):
        ends, _, label = part.partition(":")
        source, target = ends.split(">")
        ways.append(GraphEdge(source, target, label.replace("_", " "), None if source in first else n, source in first))
        first.add(source)
    return Graph(made, tuple(ways))


# ---------------------------------------------------------------- what must not happen


def sampled(way):
    """Points along a way."""
    at = way.start
    for part in way.parts:
        if isinstance(part[0], tuple):
            p, q, end = part
            for k in range(1, 13):
                t = k / 12
                f = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3]
                yield tuple(sum(w * v[n] for w, v in zip(f, (at, p, q, end), strict=True)) for n in (0, 1))
        else:
            end = part
            for k in range(1, 25):
                yield (at[0] + (end[0] - at[0]) * k / 24, at[1] + (end[1] - at[1]) * k / 24)
        at = end


def faults(g: Graph) -> list[str]:
    """Everything that a reader would see to be wrong with a drawing."""
    found = picture(g)
    held = {b.node.key: box_rectangles(b)[0] for b in found.boxes}
    held |= {f"the shape of {b.node.key}": box_rectangles(b)[1] for b in found.boxes}
    held |= {f"{w.text!r} ({n})": words_rectangle(w) for n, w in enumerate(found.words)}
    said = [f"{a} on {b}" for a, b in combinations(held, 2) if overlap(held[a], held[b]) > 0.3]
    for way in found.ways:
        inside = {b.node.key for x, y in sampled(way) for b in found.boxes
                  if abs(x - b.x) < b.wide / 2 - 0.3 and abs(y - b.y) < HIGH / 2 - 0.3}  # fmt: skip
        said += [f"{way.kind} through {k}" for k in inside]
    edges = [*held.values(), *((x, y, x, y) for way in found.ways for x, y in way.points())]
    return said + [f"over the edge: {e}" for e in edges if e[0] < -0.1 or e[1] < -0.1 or e[2] > 1.2 * PAGE + 0.6]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_every_graph_is_clean(path):
    assert faults(drawn(path)) == []


GRAPHS = {
    "side branch": of("X w pred r data reg loss", "X>pred:@ w>pred:@ w>reg:second_use_of_w pred>r:- r>data:mean data>loss:+ reg>loss:+"),
    "residual": of("x a b c d e", "x>a:norm a>b:W b>c:+ x>c:second_use_of_x c>d:norm d>e:+ c>e:second_use_of_c"),
    "many parameters": of("x w b g s y", "x>y w>y b>y g>y s>y:affine"),
    "fan": of("x a b c y", "x>a:f x>b:g x>c:h a>y b>y c>y"),
    "long": of(" ".join(f"a{n}" for n in range(30)), " ".join(f"a{n}>a{n + 1}:affine,_tanh" for n in range(29)) + " a0>a29 a3>a17 a4>a9"),
    "alone": of("x", ""),
    "two ends": of("x y z", "x>y:exp x>z:log"),
}  # fmt: skip


@pytest.mark.parametrize("name", GRAPHS)
def test_hard_graphs_are_clean(name):
    assert faults(GRAPHS[name]) == []


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(2, 16).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=24))))
def test_any_graph_is_clean(drawn_graph):
    n, pairs = drawn_graph
    edges = " ".join(f"a{a}>a{b}:op" for a, b in sorted(pairs) if a < b)
    g = of(" ".join(f"a{k}" for k in range(n)), edges)
    assert [f for f in faults(g) if "'" not in f] == []  # numbers may meet where 24 arrows do


def test_the_longest_path_is_straight_and_crosses_nothing():
    found = layers(GRAPHS["residual"])
    assert {found.lane[(key,)] for key in "xabcde"} == {0} and crossings(found) == 0


def test_parameters_hang_below_the_array_that_uses_them():
    found = picture(of("x W b h L", "x>h W>h b>h h>L"))
    at = {b.node.key: b for b in found.boxes}
    assert at["x"].y == at["h"].y == at["L"].y and at["W"].hangs and at["b"].hangs
    assert at["W"].x < at["h"].x < at["b"].x and at["W"].y == at["b"].y > at["h"].y


@pytest.mark.parametrize("count", [1, 2, 7, 14, 40])
def test_a_long_chain_is_folded_into_the_page(count):
    found = picture(of(" ".join(f"a{n}" for n in range(count)), " ".join(f"a{n}>a{n + 1}:some_op" for n in range(count - 1))))
    assert found.wide <= PAGE + 0.6 and len({(b.x, b.y) for b in found.boxes}) == count
    assert len({b.y for b in found.boxes}) == max(1, -(-count // 7))


def test_lanes_are_swapped_where_that_saves_a_crossing():
    crossed = of("x a b c d y", "x>a x>b a>c b>d c>y d>y")
    assert crossings(layers(crossed)) == 0


def test_a_deep_network_stands_in_blocks():
    lines = [f"    h = np.tanh(h @ W + b{k})" for k in range(45)]
    names = ", ".join(f"b{k}" for k in range(45))
    shapes = f"# shapes: h (n, d) · W (d, d) · {names} (d,)"
    found = drawn("\n".join(["import numpy as np", shapes, f"def forward(h, W, {names}):", *lines, "    return h", ""]))
    assert "layers 1–3" in {text(n.label) for n in found.nodes} and len(found.nodes) <= 21 and faults(found) == []


def test_both_engines_draw_the_same():
    words = graph_words(GRAPHS["residual"])
    assert sum("dvnode" in w for w in words["words"]) == 6 and float(words["width"]) <= PAGE


def test_every_part_of_an_edge_is_level_or_upright():
    for way in picture(GRAPHS["side branch"]).ways:
        corners = [way.start, *(p[2] if isinstance(p[0], tuple) else p for p in way.parts)]
        assert way.kind == "back" or all(a[0] == b[0] or a[1] == b[1] or abs(a[0] - b[0]) < 4 for a, b in pairwise(corners))
