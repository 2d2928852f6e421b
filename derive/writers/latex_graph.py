"""The computation graph as TikZ: columns by rank, folded into bands that fit the page."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from derive.writers.document import Graph, GraphEdge, GraphNode
from derive.writers.latex_math import latex_inline
from derive.writers.latex_text import escape
from derive.writers.layout import width
from derive.writers.templating import Ready

PAGE = 171.0  # millimetres that a graph may take
_EM, _TINY = 3.85, 1.05  # mm of an em at 11pt, of a letter in the face of the edge labels
_GAPS = (9.0, 17.5)  # the room between two nodes, at least and when stretched
_LABEL = 20  # letters after which an edge label is folded
_LANE, _ARC, _HEIGHT, _PAIR, _LEVEL = 17.0, 11.0, 7.4, 4.0, 6.0


@dataclass(frozen=True)
class Place:
    """Where a node stands: its band from the top, column in the band, lane below the main row, centre in mm.

    `side` tells where a parameter hangs below the node that uses it: -1 left, 1 right, 0 in the middle.
    """

    band: int
    column: int
    lane: int
    x: float
    y: float
    half: float = 5.0  # half its width
    last: bool = False  # nothing stands to its right
    side: int | None = None


@dataclass(frozen=True)
class _Slot:
    rank: int
    lane: int
    side: int | None = None


def tikz(graph: Graph) -> Ready:
    """The picture: nodes with shapes, labelled edges, dashed numbered arrows for the gradients."""
    places = place(graph)
    names = {node.key: f"n{at}" for at, node in enumerate(graph.nodes)}
    lines = [_node(node, names[node.key], places[node.key]) for node in graph.nodes]
    lifts = _lifts(graph, places)
    for edge in graph.edges:
        lines += _edge(edge, names, places, lifts.get(edge, 0))
    return Ready("\n".join(lines))


def place(graph: Graph) -> dict[str, Place]:
    """Every node's place; the longest path is the main row, parameters hang below their use, the rest in lanes."""
    return _positions(graph, _slots(graph))


def _slots(graph: Graph) -> dict[str, _Slot]:
    ranks = _ranks(graph)
    main = _main_path(graph, ranks)
    fed = {edge.target for edge in graph.edges}
    uses = {edge.source: edge.target for edge in reversed(graph.edges)}
    slots: dict[str, _Slot] = {}
    used: dict[int, int] = {}
    hanging: dict[str, list[str]] = {}
    for node in graph.nodes:
        key, rank = node.key, ranks[node.key]
        if key not in main and key not in fed and key in uses:
            hanging.setdefault(uses[key], []).append(key)
            continue
        lane = 0 if key in main else used.get(rank, 0) + 1
        slots[key] = _Slot(rank, lane)
        used[rank] = max(used.get(rank, 0), lane)
    for target, keys in hanging.items():
        rank = ranks[target]
        for n, key in enumerate(keys):
            alone = n % 2 == 0 and n + 1 == len(keys)
            slots[key] = _Slot(rank, used.get(rank, 0) + 1 + n // 2, 0 if alone else n % 2 * 2 - 1)
        used[rank] = used.get(rank, 0) + (len(keys) + 1) // 2
    return slots


def _ranks(graph: Graph) -> dict[str, int]:
    """Columns from left to right: each node one after the last of its sources."""
    ranks = {node.key: 0 for node in graph.nodes}
    for _ in graph.nodes:
        for edge in graph.edges:
            ranks[edge.target] = max(ranks[edge.target], min(ranks[edge.source] + 1, len(graph.nodes)))
    return ranks


def _main_path(graph: Graph, ranks: dict[str, int]) -> set[str]:
    """The longest path, found from its end: each time the source in the column just before."""
    last = max(ranks, key=lambda key: ranks[key], default="")
    path = {last}
    while sources := [e.source for e in graph.edges if e.target == last and ranks[e.source] < ranks[last]]:
        last = max(sources, key=lambda key: ranks[key])
        path.add(last)
    return path


def _node_width(node: GraphNode) -> float:
    return max(10.5, _EM * width(node.label, 1) + 4)


def _gap(columns: tuple[int, int], graph: Graph, slots: dict[str, _Slot]) -> float:
    """Room for the longest label of an edge from one column to the next."""
    labels = (e.label for e in graph.edges if (slots[e.source].rank, slots[e.target].rank) == columns)
    return max([_GAPS[0], *(_TINY * min(len(label), _LABEL) + 4.5 for label in labels)])


def _column_width(graph: Graph, slots: dict[str, _Slot], rank: int) -> float:
    lanes: dict[int, list[float]] = {}
    for node in graph.nodes:
        if slots[node.key].rank == rank:
            lanes.setdefault(slots[node.key].lane, []).append(_node_width(node))
    return max(2 * max(widths) + _PAIR if len(widths) > 1 else widths[0] for widths in lanes.values())


def _positions(graph: Graph, slots: dict[str, _Slot]) -> dict[str, Place]:
    ranks = sorted({slot.rank for slot in slots.values()})
    order = {rank: at for at, rank in enumerate(ranks)}
    columns = [_column_width(graph, slots, rank) for rank in ranks]
    bands, xs = _bands(columns, [_gap(pair, graph, slots) for pair in pairwise(ranks)])
    band_of = {key: bands[order[slot.rank]] for key, slot in slots.items()}
    tops = _tops(graph, slots, band_of)
    placed = {}
    for node in graph.nodes:
        slot, half = slots[node.key], _node_width(node) / 2
        at = order[slot.rank]
        last = at + 1 == len(bands) or bands[at + 1] > bands[at]
        x = xs[at] + (slot.side or 0) * (half + _PAIR / 2)
        y = tops[bands[at]] - _LANE * slot.lane
        placed[node.key] = Place(bands[at], at - bands.index(bands[at]), slot.lane, x, y, half, last, slot.side)
    return placed


def _tops(graph: Graph, slots: dict[str, _Slot], band_of: dict[str, int]) -> list[float]:
    """The height of each band's main row: below the lanes of the one above and the arrows that come down from it."""
    tops, y = [], 0.0
    for band in range(max(band_of.values(), default=0) + 1):
        down = sum(band_of[e.target] == band != band_of[e.source] for e in graph.edges)
        y -= _LEVEL * max(0, down - 1)
        tops.append(y)
        lanes = max(slots[key].lane for key in slots if band_of[key] == band)
        y -= _LANE * lanes + _HEIGHT + 2 * _ARC + 4
    return tops


def _bands(columns: list[float], gaps: list[float]) -> tuple[list[int], list[float]]:
    """Columns put side by side while they fit the page; a single band is stretched towards the page's width."""
    room = PAGE - sum(columns) - sum(gaps)
    if room >= 0 and gaps:
        gaps = [max(gap, min(gap + room / len(gaps), _GAPS[1])) for gap in gaps]
    limit = PAGE - (10 if room < 0 else 0)  # the arrow to the next band needs a margin
    bands, places = [0], [columns[0] / 2 if columns else 0.0]
    for gap, (before, here) in zip(gaps, pairwise(columns), strict=True):
        x = places[-1] + before / 2 + gap + here / 2
        folded = x + here / 2 > limit
        bands.append(bands[-1] + folded)
        places.append(here / 2 + 10 if folded else x)
    return bands, places


_KINDS = {"input": "dvgin", "inner": "dvgv", "output": "dvgout", "layer": "dvglayer"}


def _node(node: GraphNode, name: str, at: Place) -> str:
    where = f"({at.x:.1f}mm,{at.y:.1f}mm)"
    size = f"minimum width={_node_width(node):.1f}mm"
    corner = "below right" if at.side is not None else "above right"
    anchor = "south west" if at.side is not None else "north west"
    shape = rf"\node[dvgshape,{corner}] at ({name}.{anchor}) {{${latex_inline(node.shape)}$}};"
    return rf"\node[{_KINDS[node.kind]},{size}] ({name}) at {where} {{${latex_inline(node.label)}$}}; {shape}"


def _lifts(graph: Graph, places: dict[str, Place]) -> dict[GraphEdge, int]:
    """Arcs over the main row of a band in the order of their length: longer ones rise higher."""
    arcs = [e for e in graph.edges if places[e.target].band != places[e.source].band or _is_arc(places, e)]
    arcs.sort(key=lambda e: abs(places[e.target].x - places[e.source].x))
    seen: dict[int, int] = {}
    lifts = {}
    for edge in arcs:
        band = places[edge.target].band + (100 if places[edge.source].band != places[edge.target].band else 0)
        lifts[edge] = seen[band] = seen.get(band, -1) + 1
    return lifts


def _is_arc(places: dict[str, Place], edge: GraphEdge) -> bool:
    return abs(places[edge.target].column - places[edge.source].column) > 1


def _edge(edge: GraphEdge, names: dict[str, str], places: dict[str, Place], lift: int) -> list[str]:
    """The arrow with its label, and the dashed one back with its number."""
    a, b = places[edge.source], places[edge.target]
    style, label = ("dvgsecond", "dvglabel2") if edge.second else ("dvgedge", "dvglabel")
    fold = f",text width={_TINY * _LABEL:.0f}mm" if len(edge.label) > _LABEL else ""
    side, back_side = "", ""
    if a.band != b.band:
        at = 0.3 + 0.15 * (lift % 4)
        side, back_side = f",pos={at:.2f}", f",pos={1 - at:.2f}"
    elif a.column == b.column:
        side, back_side = (",right", ",left") if a.side == 1 else (",left", ",right")
        side, back_side = side + ",pos=.3", back_side + ",pos=.7"
    text = rf"node[{label}{fold}{side}] {{{escape(edge.label)}}}"
    back = rf"node[dvggradlabel{back_side}] {{{edge.order}}}"
    same_row = a.lane == b.lane
    route = _wrap if a.band != b.band else _up if a.column == b.column else _along if same_row else _aslant
    forward, backward = route(a, b, names[edge.source], names[edge.target], lift)
    arrows = [rf"\draw[{style}] {forward.replace('@', text)};"]
    return arrows + [rf"\draw[dvggrad] {backward.replace('@', back)};"] * (edge.order is not None)


def _along(a: Place, b: Place, s: str, t: str, lift: int) -> tuple[str, str]:
    """In one lane: straight to the next column, else an arc over what lies between; `@` is where the label goes."""
    arc = abs(b.column - a.column) > 1 or b.column <= a.column
    height = _ARC - 1 + 1.5 * min(lift, 3)
    rise = math.degrees(math.asin(min(0.62, height / (0.2936 * max(abs(b.x - a.x), 1)))))
    low = rise if arc else 25
    home = f"([xshift={2.4 - b.half:.1f}mm,yshift=-1mm]{t}.south) to[out={180 + low:.0f},in={-low:.0f}] @ "
    home += f"([xshift={a.half - 2.4:.1f}mm,yshift=-1mm]{s}.south)"
    return (f"({s}) to[out={rise:.0f},in={180 - rise:.0f}] @ ({t})" if arc else f"({s}) -- @ ({t})"), home


def _up(a: Place, b: Place, s: str, t: str, lift: int) -> tuple[str, str]:
    """From a parameter to the node above it; the gradient comes down beside it."""
    side = a.side or -1
    spread = (3.4, 2.0, 1.5, -1.0) if a.side else (1.2, -1.2, 1.2, -1.2)
    ends = [f"([xshift={side * shift:.1f}mm,yshift={gap}mm]" for shift, gap in zip(spread, (0, -1, 0, 1), strict=True)]
    return f"{ends[2]}{s}.north) -- @ {ends[0]}{t}.south)", f"{ends[1]}{t}.south) -- @ {ends[3]}{s}.north)"


def _aslant(a: Place, b: Place, s: str, t: str, lift: int) -> tuple[str, str]:
    """From one lane to another: from the side of the node that looks there."""
    near = b.column <= a.column + 1
    if b.lane < a.lane:
        out = f"({s}) -- @ ({t})" if near else f"({s}.east) to[out=0,in=-110] @ ({t}.south west)"
    else:
        out = f"({s}) -- @ ({t})" if near else f"({s}.south east) to[out=-70,in=180] @ ({t}.west)"
    bend = "left" if b.lane < a.lane else "right"
    home = f"([xshift=1mm,yshift=-1mm]{t}.south) to[bend {bend}={18 + 3 * min(lift, 3)}] @ ([yshift=-1.2mm]{s}.east)"
    return out, home


def _wrap(a: Place, b: Place, s: str, t: str, lift: int) -> tuple[str, str]:
    """To another band: along a level of its own between the bands, and home beside it."""
    level = b.y + _HEIGHT / 2 + _ARC + 1.5 + _LEVEL * lift
    out, enter = _corners(a, b, s, t, level, 0.0, 1.5 * lift)
    leave, home = _corners(a, b, s, t, level, -1.8, 1.5 * lift)
    ways = (out, enter), (home[::-1], leave[::-1])
    forward, backward = (f"[rounded corners=2pt] {' -- '.join(p)} -- @ {' -- '.join(q)}" for p, q in ways)
    return forward, backward


def _corners(a: Place, b: Place, s: str, t: str, level: float, off: float, aside: float) -> tuple[list[str], list[str]]:
    """The points of the way: out of the node and down to the level; then, along it, down and into the other node."""
    y = f"{level + off:.1f}mm"
    if a.last and a.lane == 0:
        x = f"{a.x + a.half + 4 - off + aside:.1f}mm"
        first = [f"([yshift={off:.1f}mm]{s}.east)", f"({x},{a.y + off:.1f}mm)", f"({x},{y})"]
    else:
        x = 3 + off - aside
        first = [f"([xshift={x:.1f}mm]{s}.south)", f"({a.x + x:.1f}mm,{y})"]
    if b.column == 0:
        x = f"{b.x - b.half - 5 - off - aside:.1f}mm"
        return first, [f"({x},{y})", f"({x},{b.y + off:.1f}mm)", f"([yshift={off:.1f}mm]{t}.west)"]
    x = -3 - off + aside
    return first, [f"({b.x + x:.1f}mm,{y})", f"([xshift={x:.1f}mm]{t}.north)"]
