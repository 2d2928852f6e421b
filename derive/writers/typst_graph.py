"""The computation graph in Typst's own primitives: boxes, lines and curves at places in millimetres."""

from __future__ import annotations

import math
from dataclasses import dataclass

from derive.writers.document import Graph, GraphEdge, GraphNode
from derive.writers.latex_graph import Place, place
from derive.writers.templating import Ready
from derive.writers.typst_formula import quote, typst_math

Point = tuple[float, float]
_HIGH, _OUT = 7.4, 1.0  # the height of a node; how far the dashed arrows keep from it
_ARC, _LABEL = 10.0, 21.0  # the height of an arc; the room of its label
_BELOW, _ABOVE = 4.5, 5.5  # what stands under the lowest and over the highest node, at least


@dataclass(frozen=True)
class Way:
    """Where an arrow runs: its start, lines (points) and curves (triples), and the place of its label."""

    start: Point
    parts: tuple[Point | tuple[Point, Point, Point], ...]
    label: Point
    room: float = _LABEL
    side: str = "above"

    def angle(self) -> float:
        """The direction in which it arrives, in degrees, clockwise as Typst turns."""
        points = [self.start, *(p for part in self.parts for p in (part if isinstance(part[0], tuple) else (part,)))]
        (x, y), (to_x, to_y) = next(pair for pair in zip(points[-2::-1], points[:0:-1], strict=False))
        return math.degrees(math.atan2(to_y - y, to_x - x))


def graph_words(graph: Graph) -> dict[str, object]:
    """Width, height and the drawing words of the picture."""
    places = {key: _flip(at) for key, at in place(graph).items()}
    lifts = _lifts(graph, places)
    arcs = {e.target for e in graph.edges if _is_arc(places, e)}
    forward = [(edge, _forward(edge, places, lifts)) for edge in graph.edges]
    backward = [(edge, _backward(edge, places, lifts)) for edge in graph.edges if edge.order is not None]
    top, wide, high = _bounds(graph, places, [way for _, way in forward + backward])
    words = [w for edge, way in forward for w in _drawn("second" if edge.second else "edge", way, edge.label, top)]
    words += [w for edge, way in backward for w in _drawn("back", way, str(edge.order), top)]
    words += [_node(node, places[node.key], top, node.key in arcs) for node in graph.nodes]
    return {"width": Ready(f"{wide:.1f}"), "height": Ready(f"{high:.1f}"), "words": words}


def _flip(at: Place) -> Place:
    """The same place with y growing downwards."""
    return Place(**{**vars(at), "y": -at.y})


def _bounds(graph: Graph, places: dict[str, Place], ways: list[Way]) -> tuple[float, float, float]:
    """The shift downwards, the width and the height that hold everything drawn."""
    ends = [p for way in ways for part in way.parts for p in (part if isinstance(part[0], tuple) else (part,))]
    labels = [way.label for way in ways]
    high = max([at.y + _HIGH / 2 for at in places.values()] + [y + 3.5 for _, y in labels], default=0.0)
    low = min([at.y - _HIGH / 2 - _ABOVE for at in places.values()] + [y - 5.0 for _, y in labels], default=0.0)
    wide = max([at.x + at.half for at in places.values()] + [x for x, _ in ends], default=0.0)
    return -low, wide + 0.5, high - low + 0.5


# ---------------------------------------------------------------- ways


def _is_arc(places: dict[str, Place], edge: GraphEdge) -> bool:
    a, b = places[edge.source], places[edge.target]
    return a.band == b.band and a.lane == b.lane and b.column != a.column + 1


def _lifts(graph: Graph, places: dict[str, Place]) -> dict[GraphEdge, int]:
    """Arcs in the order of their length, longer ones higher; ways between bands beside each other."""
    lifts: dict[GraphEdge, int] = {}
    seen: dict[tuple[int, bool], int] = {}
    for edge in sorted(graph.edges, key=lambda e: abs(places[e.target].x - places[e.source].x)):
        wraps = places[edge.source].band != places[edge.target].band
        if wraps or _is_arc(places, edge):
            lane = (places[edge.target].band, wraps)
            lifts[edge] = seen[lane] = seen.get(lane, -1) + 1
    return lifts


def _forward(edge: GraphEdge, places: dict[str, Place], lifts: dict[GraphEdge, int]) -> Way:
    a, b = places[edge.source], places[edge.target]
    lift = min(lifts.get(edge, 0), 3)
    if a.band != b.band:
        return _wrap(a, b, 0.0, lift)
    if a.lane != b.lane:
        return _aslant(a, b)
    if _is_arc(places, edge):
        return _arc((a.x + a.half - 2.0, a.y - _HIGH / 2 - 0.2), (b.x - b.half + 1.2, b.y - _HIGH / 2 - 0.2), -_ARC - 2 * lift)
    start, end = (a.x + a.half, a.y), (b.x - b.half, b.y)
    return Way(start, (end,), ((start[0] + end[0]) / 2, a.y - 0.8), max(end[0] - start[0] - 0.5, 6))


def _backward(edge: GraphEdge, places: dict[str, Place], lifts: dict[GraphEdge, int]) -> Way:
    """The dashed arrow from the target home to the source, below the forward one."""
    a, b = places[edge.source], places[edge.target]
    lift = min(lifts.get(edge, 0), 3)
    if a.band != b.band:
        return _reversed(_wrap(a, b, -1.8, lift))
    low = _HIGH / 2 + _OUT
    deep = _ARC - 1 + 2 * lift if _is_arc(places, edge) else 3.6
    if a.lane != b.lane:
        start, end = (b.x - 1.0, b.y + low), (a.x + a.half + 0.4, a.y + 1.6)
        middle = ((start[0] + end[0]) / 2 + 2.0, (start[1] + end[1]) / 2 + 2.5)
        return Way(start, ((middle, middle, end),), (middle[0], middle[1] - 1.0), side="below")
    return _arc((b.x - 1.4, b.y + low), (a.x + 1.4, a.y + low), deep)


def _arc(start: Point, end: Point, rise: float) -> Way:
    """A curve that leaves the line from start to end by `rise` (up where negative)."""
    reach = min(abs(end[0] - start[0]) * 0.3, 14.0) * (1 if end[0] > start[0] else -1)
    first, second = (start[0] + reach, start[1] + rise * 4 / 3), (end[0] - reach, end[1] + rise * 4 / 3)
    top = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2 + rise)
    side, gap = ("above", -0.6) if rise < 0 else ("below", 0.5)
    return Way(start, ((first, second, end),), (top[0], top[1] + gap), max(abs(end[0] - start[0]), _LABEL), side)


def _aslant(a: Place, b: Place) -> Way:
    """From one lane to another: straight to the next column, else a curve that arrives from below or above."""
    up = b.y < a.y
    if b.column == a.column + 1:
        start, end = (a.x + a.half, a.y), (b.x - b.half, b.y + (2.0 if up else -2.0))
        middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        return Way(start, (end,), (middle[0] + (2.5 if up else 0.0), middle[1] - 0.6), max(end[0] - start[0], 12.0))
    if up:
        start, end = (a.x + a.half, a.y), (b.x - b.half + 2.5, b.y + _HIGH / 2)
        bend = ((start[0] + end[0]) / 2, a.y)
        return Way(start, ((bend, (end[0] - 3.0, end[1] + 5.0), end),), (bend[0] - 4, a.y - 1.8))
    start, end = (a.x + a.half - 1.5, a.y + _HIGH / 2), (b.x - b.half, b.y)
    bend = (start[0] + 3.0, b.y)
    return Way(start, ((bend, bend, end),), ((start[0] + end[0]) / 2 + 2, b.y - 0.8))


def _wrap(a: Place, b: Place, off: float, lift: int) -> Way:
    """To another band: along the lane between the bands; the way home runs beside it."""
    level = b.y - _HIGH / 2 - _ABOVE - 2.5 - 2.5 * min(lift, 2) - off
    if a.last:
        start, turn = (a.x + a.half, a.y - off), (a.x + a.half + 4 - off,)
        leave: tuple[Point, ...] = ((turn[0], a.y - off), (turn[0], level))
    else:
        start = (a.x + 3 + off, a.y + _HIGH / 2)
        leave = ((start[0], level),)
    if b.column == 0:
        end, x = (b.x - b.half, b.y - off), b.x - b.half - 5 - off
        enter: tuple[Point, ...] = ((x, level), (x, b.y - off), end)
    else:
        end = (b.x - 3 - off, b.y - _HIGH / 2)
        enter = ((end[0], level), end)
    middle = (leave[-1][0] + enter[0][0]) / 2
    return Way(start, (*leave, *enter), (middle, level - 0.5 if not off else level + 0.4), 40.0, "below" if off else "above")


def _reversed(way: Way) -> Way:
    points = [way.start, *way.parts]
    return Way(points[-1], tuple(points[-2::-1]), way.label, way.room, way.side)


# ---------------------------------------------------------------- words


def _point(point: Point, top: float) -> str:
    return f"({point[0]:.2f}, {point[1] + top:.2f})"


def _part(part: Point | tuple[Point, Point, Point], top: float) -> str:
    if isinstance(part[0], tuple):
        return "(" + ", ".join(_point(p, top) for p in part) + ")"
    return _point(part, top)


def _drawn(kind: str, way: Way, label: str, top: float) -> list[Ready]:
    parts = ", ".join(_part(part, top) for part in way.parts)
    words = [Ready(f'dvway("{kind}", {way.angle():.1f}, {_point(way.start, top)}, {parts})')]
    if label:
        place_of = f"{_point(way.label, top)}, {way.room:.1f}"
        words.append(Ready(f'dvlabel("{kind}", {place_of}, "{way.side}", {quote(label)})'))
    return words


def _node(node: GraphNode, at: Place, top: float, arrives: bool) -> Ready:
    """The frame with its label; the shape stands over the corner where no arc arrives."""
    side = "right" if arrives else "left"
    return Ready(
        f'dvnode("{node.kind}", {_point((at.x, at.y), top)}, {2 * at.half:.1f}, {_HIGH}, {side}, '
        f"${typst_math(node.label, style=1)}$, ${typst_math(node.shape, style=1)}$)"
    )
