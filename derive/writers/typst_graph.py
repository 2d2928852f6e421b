"""The computation graph in Typst's own primitives: the boxes, ways and words of graph_layout."""

from __future__ import annotations

import math
from itertools import pairwise

from derive.writers.document import Graph
from derive.writers.graph_layout import HIGH, Box, Part, Point, Way, Words, picture, shape_width
from derive.writers.templating import Ready
from derive.writers.typst_formula import quote, typst_math


def graph_words(graph: Graph) -> dict[str, object]:
    """Width, height and the drawing words of the picture."""
    found = picture(graph)
    words = [*map(_way, found.ways), *map(_words, found.words), *map(_box, found.boxes)]
    return {"width": Ready(f"{found.wide:.1f}"), "height": Ready(f"{found.high:.1f}"), "words": words}


def _point(point: Point) -> str:
    return f"({point[0]:.2f}, {point[1]:.2f})"


def _part(part: Part) -> str:
    if isinstance(part[0], tuple):
        return "(" + ", ".join(map(_point, part)) + ")"
    return _point(part)


def _angle(way: Way) -> float:
    """The direction in which a way arrives, in degrees, clockwise as Typst turns."""
    (x, y), (to_x, to_y) = next(pair for pair in reversed(list(pairwise(way.points()))) if pair[0] != pair[1])
    return math.degrees(math.atan2(to_y - y, to_x - x))


def _way(way: Way) -> Ready:
    parts = ", ".join(map(_part, way.parts))
    return Ready(f'dvway("{way.kind}", {_angle(way):.1f}, {_point(way.start)}, {parts})')


def _words(words: Words) -> Ready:
    return Ready(f'dvlabel("{words.kind}", {_point(words.at)}, {words.room:.1f}, "{words.side}", {quote(words.text)})')


def _box(box: Box) -> Ready:
    corner = f"{'bottom' if box.hangs else 'top'} + left"
    label, shape = (f"${typst_math(node, style=1)}$" for node in (box.node.label, box.node.shape))
    return Ready(f'dvnode("{box.node.kind}", {_point((box.x, box.y))}, {box.wide:.1f}, {HIGH}, {corner}, {label}, {shape}, span: {shape_width(box.node):.1f})')
