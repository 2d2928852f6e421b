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
_LANE, _ARC, _HEIGHT = 17.0, 11.0, 7.4


@dataclass(frozen=True)
class Place:
    """Where a node stands: its band from the top, column in the band, lane below the main row, centre in mm."""

    band: int
    column: int
    lane: int
    x: float
    y: float
    half: float = 5.0  # half its width
    last: bool = False  # nothing stands to its right


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
    """Every node's place; the longest path runs along the main row, everything else in lanes below."""
    ranks = _ranks(graph)
    main = _main_path(graph, ranks)
    lanes: dict[str, int] = {}
    used: dict[int, int] = {}
    for node in graph.nodes:
        rank = ranks[node.key]
        lanes[node.key] = 0 if node.key in main else used.get(rank, 0) + 1
        used[rank] = max(used.get(rank, 0), lanes[node.key])
    return _positions(graph, ranks, lanes)


def _ranks(graph: Graph) -> dict[str, int]:
    """Columns from left to right: one after the last source; a node without sources just before its first use."""
    ranks = {node.key: 0 for node in graph.nodes}
    for _ in graph.nodes:
        for edge in graph.edges:
            ranks[edge.target] = max(ranks[edge.target], min(ranks[edge.source] + 1, len(graph.nodes)))
    fed = {edge.target for edge in graph.edges}
    for node in graph.nodes:
        uses = [ranks[edge.target] for edge in graph.edges if edge.source == node.key]
        if node.key not in fed and uses:
            ranks[node.key] = max(0, min(uses) - 1)
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


def _gap(columns: tuple[int, int], graph: Graph, ranks: dict[str, int]) -> float:
    """Room for the longest label of an edge from one column to the next."""
    labels = (e.label for e in graph.edges if (ranks[e.source], ranks[e.target]) == columns)
    return max([_GAPS[0], *(_TINY * min(len(label), _LABEL) + 4.5 for label in labels)])


def _positions(graph: Graph, ranks: dict[str, int], lanes: dict[str, int]) -> dict[str, Place]:
    columns = [max(_node_width(n) for n in graph.nodes if ranks[n.key] == r) for r in sorted(set(ranks.values()))]
    gaps = [_gap(pair, graph, ranks) for pair in pairwise(sorted(set(ranks.values())))]
    order = {rank: at for at, rank in enumerate(sorted(set(ranks.values())))}
    band_of, x_of = _bands(columns, gaps)
    tops: list[float] = []
    y = 0.0
    for band in range(max(band_of, default=0) + 1):
        inside = [n.key for n in graph.nodes if band_of[order[ranks[n.key]]] == band]
        tops.append(y)
        y -= _LANE * max(lanes[key] for key in inside) + _HEIGHT + 2 * _ARC + 4
    starts = {band: band_of.index(band) for band in set(band_of)}
    placed = {}
    for node in graph.nodes:
        at, lane = order[ranks[node.key]], lanes[node.key]
        band, last = band_of[at], at + 1 == len(band_of) or band_of[at + 1] > band_of[at]
        half = _node_width(node) / 2
        placed[node.key] = Place(band, at - starts[band], lane, x_of[at], tops[band] - _LANE * lane, half, last)
    return placed


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
        places.append(here / 2 + 6 if folded else x)
    return bands, places


_KINDS = {"input": "dvgin", "inner": "dvgv", "output": "dvgout", "layer": "dvglayer"}


def _node(node: GraphNode, name: str, at: Place) -> str:
    where = f"({at.x:.1f}mm,{at.y:.1f}mm)"
    size = f"minimum width={_node_width(node):.1f}mm"
    shape = rf"\node[dvgshape] at ([xshift=.2mm,yshift=.1mm]{name}.north west) {{${latex_inline(node.shape)}$}};"
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
    text = rf"node[{label}{fold}] {{{escape(edge.label)}}}"
    back = rf"node[dvggradlabel] {{{edge.order}}}"
    route = _wrap if a.band != b.band else _aslant if a.lane != b.lane else _along
    forward, backward = route(a, b, names[edge.source], names[edge.target], lift)
    arrows = [rf"\draw[{style}] {forward.replace('@', text)};"]
    return arrows + [rf"\draw[dvggrad] {backward.replace('@', back)};"] * (edge.order is not None)


def _along(a: Place, b: Place, s: str, t: str, lift: int) -> tuple[str, str]:
    """In one lane: straight to the next column, else an arc over what lies between; `@` is where the label goes."""
    arc = abs(b.column - a.column) > 1 or b.column <= a.column
    height = _ARC - 1 + 1.5 * min(lift, 3)
    rise = math.degrees(math.asin(min(0.62, height / (0.2936 * max(abs(b.x - a.x), 1)))))
    low = rise if arc else 25
    home = f"([xshift=-1.4mm,yshift=-1mm]{t}.south) to[out={180 + low:.0f},in={-low:.0f}] @ "
    home += f"([xshift=1.4mm,yshift=-1mm]{s}.south)"
    return (f"({s}) to[out={rise:.0f},in={180 - rise:.0f}] @ ({t})" if arc else f"({s}) -- @ ({t})"), home


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
    """To another band: along the lane between the bands, and home beside it."""
    middle = b.y + _HEIGHT / 2 + _ARC + 1.5 + 2.5 * min(lift, 2)

    def way(off: float) -> tuple[str, str, str, str]:
        if a.last:
            leave = f"([yshift={off:.1f}mm]{s}.east)", f"({a.x + a.half + 4 - off:.1f}mm,{{}})"
        else:
            leave = f"([xshift={3 + off:.1f}mm]{s}.south)", f"({a.x + 3 + off:.1f}mm,{{}})"
        if b.column == 0:
            enter = f"({b.x - b.half - 5 - off:.1f}mm,{{}})", f"([yshift={off:.1f}mm]{t}.west)"
        else:
            enter = f"({b.x - 3 - off:.1f}mm,{{}})", f"([xshift={-3 - off:.1f}mm]{t}.north)"
        level = f"{middle + off:.1f}mm"
        return leave[0], leave[1].format(level), enter[0].format(level), enter[1]

    first, turn, down, last = way(0.0)
    corner, side = ("-|", "|-")
    out = f"{first} {corner if a.last else '--'} {turn} -- @ {down} {side if b.column == 0 else '--'} {last}"
    first, turn, down, last = way(-1.8)
    home = f"{last} {corner if b.column == 0 else '--'} {down} -- @ {turn} {side if a.last else '--'} {first}"
    return f"[rounded corners=2pt] {out}", f"[rounded corners=2pt] {home}"
