"""The computation graph in Typst's own primitives: boxes, lines and curves at places in millimetres."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from derive.writers.document import Graph, GraphEdge, GraphNode
from derive.writers.latex_graph import Place, place
from derive.writers.templating import Ready
from derive.writers.typst_formula import quote, typst_math

Point = tuple[float, float]
_HIGH, _OUT = 7.4, 1.0  # the height of a node; how far the dashed arrows keep from it
_ARC, _LIFT, _PAIR = 8.5, 2.2, 4.0  # the height of an arc, what a longer one adds, what the dashed one over it adds
_LABEL, _SHAPE, _WORDS = 21.0, 3.2, 3.4  # the room of a label; the heights of a shape and of a line of words
_LANE, _DIP, _LEVEL = 15.8, 3.6, 5.0  # from lane to lane; the depth of a dashed arrow; from way to way between bands
_MOST = 3  # arcs and ways that are kept apart; further ones run together


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
    found = _laned(graph, place(graph))
    lifts = _lifts(graph, found)
    places, ceilings = _stacked(graph, found, lifts)
    levels = {e: ceilings[places[e.target].band] - _LEVEL * lifts[e] for e in graph.edges}
    ways = [(e, _forward(e, places, lifts[e], levels[e])) for e in graph.edges]
    home = [(e, _backward(e, places, lifts[e], levels[e])) for e in graph.edges if e.order is not None]
    top, wide, high = _bounds(places, [way for _, way in ways + home])
    words = [w for edge, way in ways for w in _drawn("second" if edge.second else "edge", way, edge.label, top)]
    words += [w for edge, way in home for w in _drawn("back", way, str(edge.order), top)]
    arrived = {e.target for e in graph.edges if _from_above(places, e)}
    words += [_node(node, places[node.key], top, node.key in arrived) for node in graph.nodes]
    return {"width": Ready(f"{wide:.1f}"), "height": Ready(f"{high:.1f}"), "words": words}


# ---------------------------------------------------------------- places


def _laned(graph: Graph, places: dict[str, Place]) -> dict[str, Place]:
    """The places, but in each column every parameter right under the node that uses it."""
    uses = {edge.source: edge.target for edge in reversed(graph.edges)}
    columns: dict[tuple[int, int], list[str]] = {}
    for key in sorted(places, key=lambda key: places[key].lane):
        columns.setdefault((places[key].band, places[key].column), []).append(key)
    lanes = {}
    for keys in columns.values():
        lane = places[keys[0]].lane
        for key in (k for k in keys if places[k].side is None):
            lanes[key] = lane
            hanging = [k for k in keys if places[k].side is not None and uses[k] == key]
            rows = sorted({places[k].lane for k in hanging})
            lanes |= {k: lane + 1 + rows.index(places[k].lane) for k in hanging}
            lane += len(rows) + 1
    return {key: replace(at, lane=lanes.get(key, at.lane)) for key, at in places.items()}


def _is_wrap(places: dict[str, Place], edge: GraphEdge) -> bool:
    return places[edge.source].band != places[edge.target].band


def _is_arc(places: dict[str, Place], edge: GraphEdge) -> bool:
    a, b = places[edge.source], places[edge.target]
    return a.band == b.band and a.lane == b.lane and b.column != a.column + 1


def _from_above(places: dict[str, Place], edge: GraphEdge) -> bool:
    return _is_arc(places, edge) or (_is_wrap(places, edge) and places[edge.target].column > 0)


def _lifts(graph: Graph, places: dict[str, Place]) -> dict[GraphEdge, int]:
    """Arcs in the order of their length, longer ones higher; ways between two bands beside each other."""
    lifts = dict.fromkeys(graph.edges, 0)
    seen: dict[tuple[int, bool], int] = {}
    for edge in sorted(graph.edges, key=lambda e: abs(places[e.target].x - places[e.source].x)):
        if (wraps := _is_wrap(places, edge)) or _is_arc(places, edge):
            lane = (places[edge.target].band, wraps)
            lifts[edge] = seen[lane] = min(seen.get(lane, -1) + 1, _MOST)
    return lifts


def _stacked(
    graph: Graph, places: dict[str, Place], lifts: dict[GraphEdge, int]
) -> tuple[dict[str, Place], dict[int, float]]:
    """The places with y growing downwards, and over each band where its lowest arriving way runs.

    A band is as high as its arcs, its lanes and the ways from other bands need.
    """
    y, tops, ceilings = 0.0, {}, {}
    for band in sorted({at.band for at in places.values()}):
        arcs = [e for e in graph.edges if _is_arc(places, e) and places[e.target].band == band]
        ways = [lifts[e] for e in graph.edges if _is_wrap(places, e) and places[e.target].band == band]
        y += _LEVEL * (max(ways) + 1) + _WORDS if ways else 0
        ceilings[band] = y - 1.5
        y += max([_SHAPE, *(-_rise(lifts[e]) + _PAIR * (e.order is not None) + _WORDS for e in arcs)])
        tops[band] = y + _HIGH / 2
        lanes = max(at.lane for at in places.values() if at.band == band)
        y += _HIGH + lanes * _LANE + _OUT + _DIP + _WORDS
    return {key: replace(at, y=tops[at.band] + at.lane * _LANE) for key, at in places.items()}, ceilings


def _rise(lift: int) -> float:
    return -_ARC - _LIFT * lift


def _bounds(places: dict[str, Place], ways: list[Way]) -> tuple[float, float, float]:
    """The shift downwards, the width and the height that hold everything drawn."""
    ends = [p for way in ways for part in way.parts for p in (part if isinstance(part[0], tuple) else (part,))]
    labels = [way.label for way in ways]
    high = max([at.y + _HIGH / 2 + _SHAPE for at in places.values()] + [y + 3.0 for _, y in labels], default=0.0)
    low = min([at.y - _HIGH / 2 - _SHAPE for at in places.values()] + [y - 3.0 for _, y in labels], default=0.0)
    wide = max([at.x + at.half for at in places.values()] + [x for x, _ in ends], default=0.0)
    return -low, wide + 0.5, high - low + 0.5


# ---------------------------------------------------------------- ways


def _forward(edge: GraphEdge, places: dict[str, Place], lift: int, level: float) -> Way:
    a, b = places[edge.source], places[edge.target]
    if a.band != b.band:
        return _wrap(a, b, 0.0, lift, level)
    if a.side is not None and a.column == b.column:
        return _hang(a, b, -1.3)
    if a.lane != b.lane:
        return _aslant(a, b)
    if _is_arc(places, edge):
        return _over(a, b, _rise(lift), 0.0)
    start, end = (a.x + a.half, a.y), (b.x - b.half, b.y)
    return Way(start, (end,), ((start[0] + end[0]) / 2, a.y - 0.8), max(end[0] - start[0] - 0.5, 6))


def _backward(edge: GraphEdge, places: dict[str, Place], lift: int, level: float) -> Way:
    """The dashed arrow from the target home to the source: under a straight arrow, over an arc, else beside it."""
    a, b = places[edge.source], places[edge.target]
    if a.band != b.band:
        return _reversed(_wrap(a, b, -1.8, lift, level))
    if a.side is not None and a.column == b.column:
        return _reversed(_hang(a, b, 1.3))
    if a.lane != b.lane:
        start, end = (b.x - 1.0, b.y + _HIGH / 2 + _OUT), (a.x + a.half + 0.4, a.y + 1.6)
        if b.y > a.y:
            start, end = (b.x - b.half, b.y + 1.6), (a.x - 1.0, a.y + _HIGH / 2 + _OUT)
        middle = ((start[0] + end[0]) / 2 + 2.0, (start[1] + end[1]) / 2 + 2.5)
        return Way(start, ((middle, middle, end),), (middle[0], middle[1] - 1.0), side="below")
    if _is_arc(places, edge):
        return _reversed(_over(a, b, _rise(lift) - _PAIR, 1.6))
    low = _HIGH / 2 + _OUT
    return _curve((b.x - 1.4, b.y + low), (a.x + 1.4, a.y + low), _DIP)


def _over(a: Place, b: Place, rise: float, off: float) -> Way:
    """An arc over what stands between, from corner to corner; `off` is how far inside it starts."""
    step = 1 if b.x > a.x else -1
    start = (a.x + step * (a.half - 1.8 - off), a.y - _HIGH / 2 - 0.2)
    return _curve(start, (b.x - step * (b.half - 1.2 - off), b.y - _HIGH / 2 - 0.2), rise)


def _curve(start: Point, end: Point, rise: float) -> Way:
    """A curve that leaves the line from start to end by `rise` (up where negative)."""
    reach = min(abs(end[0] - start[0]) * 0.3, 14.0) * (1 if end[0] > start[0] else -1)
    first, second = (start[0] + reach, start[1] + rise * 4 / 3), (end[0] - reach, end[1] + rise * 4 / 3)
    top = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2 + rise)
    side, gap = ("above", -0.6) if rise < 0 else ("below", 0.5)
    return Way(start, ((first, second, end),), (top[0], top[1] + gap), max(abs(end[0] - start[0]), _LABEL), side)


def _hang(a: Place, b: Place, off: float) -> Way:
    """From a parameter up to the node above it; the way home runs at its right."""
    x = min(max(a.x, b.x - b.half + 3.0), b.x + b.half - 3.0)
    start, end = (a.x + off, a.y - _HIGH / 2 - 0.2), (x + off, b.y + _HIGH / 2 + 0.2)
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    return Way(start, (end,), (middle[0] + (2.0 if off > 0 else -6.5), middle[1] + 2.6), 11.0)


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


def _wrap(a: Place, b: Place, off: float, lift: int, level: float) -> Way:
    """To another band: along the ways between the bands; the way home runs beside it."""
    level -= off
    if a.last:
        x = a.x + a.half + 4 + 2.6 * lift - off
        start, leave = (a.x + a.half, a.y - off), ((x, a.y - off), (x, level))
    else:
        start = (a.x + 3 + 2.6 * lift + off, a.y + _HIGH / 2)
        leave = ((start[0], level),)
    if b.column == 0:
        x, end = b.x - b.half - 5 - off, (b.x - b.half, b.y - off)
        enter = ((x, level), (x, b.y - off), end)
    else:
        end = (b.x - 3 - off, b.y - _HIGH / 2)
        enter = ((end[0], level), end)
    middle = (leave[-1][0] + enter[0][0]) / 2
    label = (middle, level + 0.4) if off else (middle, level - 0.5)
    return Way(start, (*leave, *enter), label, 40.0, "below" if off else "above")


def _reversed(way: Way) -> Way:
    """The same way from its end to its start."""
    (last,) = [part for part in way.parts if isinstance(part[0], tuple)] or [None]
    if last is not None:
        return replace(way, start=last[2], parts=((last[1], last[0], way.start),))
    points = [way.start, *way.parts]
    return replace(way, start=points[-1], parts=tuple(points[-2::-1]))


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


def _node(node: GraphNode, at: Place, top: float, arrived: bool) -> Ready:
    """The frame with its label; the shape stands over the corner where nothing arrives, under a hanging node."""
    corner = "bottom + left" if at.side is not None else f"top + {'right' if arrived else 'left'}"
    return Ready(
        f'dvnode("{node.kind}", {_point((at.x, at.y), top)}, {2 * at.half:.1f}, {_HIGH}, {corner}, '
        f"${typst_math(node.label, style=1)}$, ${typst_math(node.shape, style=1)}$)"
    )
