"""The computation graph as TikZ: the boxes, ways and words of graph_layout."""

from __future__ import annotations

from derive.writers.document import Graph
from derive.writers.graph_layout import PAGE, Box, Part, Point, Way, Words, picture, shape_width
from derive.writers.latex_math import latex_inline
from derive.writers.latex_text import escape
from derive.writers.templating import Ready

_KINDS = {"input": "dvgin", "inner": "dvgv", "output": "dvgout", "layer": "dvglayer"}
_WAYS = {"edge": "dvgedge", "second": "dvgsecond", "back": "dvggrad"}
_LABELS = {"edge": "dvglabel", "second": "dvglabel2", "back": "dvggradlabel"}


def tikz(graph: Graph) -> Ready:
    """The picture: ways first, words on them, boxes with their shapes on top."""
    found = picture(graph)
    lines = [*map(_way, found.ways), *map(_words, found.words)]
    lines += [_box(box, f"n{n}") for n, box in enumerate(found.boxes)]
    return Ready("\n".join(lines))


def _point(point: Point) -> str:
    return f"({point[0]:.1f}mm,{-point[1]:.1f}mm)"


def _part(part: Part) -> str:
    if isinstance(part[0], tuple):
        first, second, end = map(_point, part)
        return f".. controls {first} and {second} .. {end}"
    return f"-- {_point(part)}"


def _way(way: Way) -> str:
    return rf"\draw[{_WAYS[way.kind]}] {_point(way.start)} {' '.join(map(_part, way.parts))};"


def _words(words: Words) -> str:
    style = f"{_LABELS[words.kind]},text width={words.room:.1f}mm,{words.side}"
    return rf"\node[{style}] at {_point(words.at)} {{{escape(words.text)}}};"


def _box(box: Box, name: str) -> str:
    side, edge = ("below", "south") if box.hangs else ("above", "north")
    centred = shape_width(box.node) - 1.5 > box.wide
    corner, anchor = (side, edge) if centred else (f"{side} right", f"{edge} west")
    shape = rf"\node[dvgshape,{corner}] at ({name}.{anchor}) {{${latex_inline(box.node.shape)}$}};"
    style = f"{_KINDS[box.node.kind]},minimum width={box.wide:.1f}mm"
    return rf"\node[{style}] ({name}) at {_point((box.x, box.y))} {{${latex_inline(box.node.label)}$}}; {shape}"


__all__ = ["PAGE", "tikz"]
