"""The geometry of the computation graph, in millimetres, y growing downwards: what both engines draw.

Columns are as wide as their boxes, the gaps between them hold labels and the upright pieces of edges, and a drawing too
wide for the page is folded into bands.  Boxes lie in columns and upright pieces in gaps; level pieces run in lanes that
no box has in the columns they pass: so no edge runs through a box, and no two boxes touch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from derive.writers.document import Graph, GraphEdge, GraphNode
from derive.writers.graph_layers import Cell, Layers, layers
from derive.writers.layout import Node, width

PAGE = 171.0  # millimetres that a graph may take
HIGH = 7.4  # the height of a box
_EM, _TINY, _LABEL = 3.85, 1.05, 20  # mm of an em at 11pt, of a letter of a label; letters after which one is folded
_SHAPE, _DIP, _LINE = 3.4, 3.6, 2.5  # the heights of a shape, of a dashed curve below a row, of a line of words
_GAP, _STRETCH, _ARRIVE = 9.0, 17.5, 3.6  # room between two boxes, at least and when stretched; of it for the arrowhead
_TRACK, _BESIDE = 2.2, 1.5  # from one upright piece to the next; from an edge to its dashed companion
_CLOSE, _SHRUNK = 1.4, 1.2  # tracks where room is short; how much wider than the page a drawing may be, which is scaled
_CROWDED = 22.0  # what the tracks of a gap or fold may take together
_HANG, _PAIR = 9.0, 3.5  # from a box down to what hangs below it, between two that hang
_MARGIN, _LEVEL, _CORNER = 5.0, 5.2, 1.6  # beside folded bands; from way to way between them; the radius of a corner

Point = tuple[float, float]
Part = Point | tuple[Point, Point, Point]


@dataclass(frozen=True)
class Box:
    """A node: its centre, its width, whether it hangs below another."""

    node: GraphNode
    x: float
    y: float
    wide: float
    hangs: bool = False


@dataclass(frozen=True)
class Way:
    """An arrow: its start, then lines (points) and curves (triples).  `kind`: edge, second, back."""

    kind: str
    start: Point
    parts: tuple[Part, ...]

    def points(self) -> list[Point]:
        """The start and every point named."""
        return [self.start, *(p for part in self.parts for p in (part if isinstance(part[0], tuple) else (part,)))]


@dataclass(frozen=True)
class Words:
    """Words centred above or below a point, in a box of `room`."""

    kind: str
    text: str
    at: Point
    room: float
    side: str = "above"


@dataclass(frozen=True)
class Picture:
    boxes: tuple[Box, ...]
    ways: tuple[Way, ...]
    words: tuple[Words, ...]
    wide: float
    high: float


def picture(graph: Graph) -> Picture:
    """The drawing of a graph."""
    return _Drawing(graph, layers(graph)).made()


def node_width(label: Node) -> float:
    """Millimetres of the box around a label."""
    return max(10.5, _EM * width(label, 1) + 4)


def label_width(words: str) -> float:
    return _TINY * min(len(words), _LABEL) + 2.0 if words else 0.0


@dataclass
class _Gap:
    """The room behind a column: tracks for early turns, words, tracks for late turns, the arrowhead."""

    hops: list[_Hop] = field(default_factory=list)
    words: float = 0.0
    wide: float = 0.0
    x: float = 0.0  # its left edge
    early: float = 0.0  # where its words begin


@dataclass
class _Hop:
    """A piece of an edge from one column to the next."""

    edge: GraphEdge
    a: Cell
    b: Cell
    early: bool = False
    track: float = 0.0  # its upright piece, from the left edge of the gap; in a fold the number of its track


@dataclass
class _Drawing:
    graph: Graph
    layers: Layers
    x: dict[Cell, float] = field(default_factory=dict)
    y: dict[Cell, float] = field(default_factory=dict)
    half: dict[Cell, float] = field(default_factory=dict)  # half the width of a column's cell
    ways: list[Way] = field(default_factory=list)
    wanted: list[tuple[int, list[Words]]] = field(default_factory=list)  # words with their places, by urgency
    out: dict[tuple[Cell, int], float] = field(default_factory=dict)  # ports, by cell and edge
    into: dict[tuple[Cell, int], float] = field(default_factory=dict)

    def made(self) -> Picture:
        self.nodes = {node.key: node for node in self.graph.nodes}
        self.columns = self.layers.columns()
        self.hanging_edges = {e.source: e for e in reversed(self.graph.edges)}
        self.gaps = [_Gap() for _ in self.columns]
        self._hops()
        self._widths()
        self._bands()
        self._rows()
        boxes = self._boxes()
        for edge, chain in self.layers.chains:
            self._edge(edge, chain)
        words = placed(self.wanted, boxes)
        points = [p for w in self.ways for p in w.points()] + [(w.at[0], w.at[1] + 3.0) for w in words]
        wide = max([b.x + b.wide / 2 for b in boxes] + [x for x, _ in points], default=0.0)
        high = max([b.y + HIGH / 2 + _SHAPE * b.hangs for b in boxes] + [y for _, y in points], default=0.0)
        return Picture(tuple(boxes), tuple(self.ways), tuple(words), wide + 0.5, high + 0.5)

    # -- columns

    def _hops(self) -> None:
        """The pieces of every edge by gap, where they turn, and the ports at which they leave and arrive."""
        self.straight_out = {a for _, chain in self.layers.chains for a, b in pairwise(chain) if self._level(a, b)}
        for edge, chain in self.layers.chains:
            for a, b in pairwise(chain):
                early = a in self.straight_out and not self._level(a, b)
                self.gaps[self.layers.rank[a]].hops.append(_Hop(edge, a, b, early))
        leaving: dict[Cell, list[tuple[int, int]]] = {}
        arriving: dict[Cell, list[tuple[int, int]]] = {}
        for n, (_, chain) in enumerate(self.layers.chains):
            leaving.setdefault(chain[0], []).append((self.layers.lane[chain[1]] - self.layers.lane[chain[0]], n))
            arriving.setdefault(chain[-1], []).append((self.layers.lane[chain[-2]] - self.layers.lane[chain[-1]], n))
        for ports, table in ((leaving, self.out), (arriving, self.into)):
            for cell, ends in ports.items():
                table |= {(cell, n): y for n, y in _ports(ends).items()}

    def _level(self, a: Cell, b: Cell) -> bool:
        return self.layers.lane[a] == self.layers.lane[b]

    def _widths(self, tracks: float = _TRACK) -> None:
        """Half the width of each column, and the width of each gap with its tracks `tracks` apart."""
        for column in self.columns:
            half = max((self._cell_width(c) for c in column if len(c) == 1), default=0.0) / 2
            self.half |= dict.fromkeys(column, half)
        for gap in self.gaps:
            told = [h for h in gap.hops if self._told_in_gap(h)]
            gap.words = max([label_width(h.edge.label) for h in told], default=0.0)
            turning = [h for h in gap.hops if not self._level(h.a, h.b)]
            turning.sort(key=lambda h: (self.layers.lane[h.b], self.layers.lane[h.a]))
            early, late = [h for h in turning if h.early], [h for h in turning if not h.early]
            at = 0.0
            pitch = min(tracks, _CROWDED / max(1, len(turning)))
            for h in early:
                at += pitch + min(_BESIDE, pitch) * (h.edge.order is not None)
                h.track = at
            gap.early = at + 1.0 * bool(early)
            at = max(gap.early + gap.words, _GAP - _ARRIVE)
            for h in late:
                at += pitch + min(_BESIDE, pitch) * (h.edge.order is not None)
                h.track = at
            gap.wide = at + _ARRIVE if late or early else max(_GAP, gap.words + 2.5)

    def _told_in_gap(self, h: _Hop) -> bool:
        """Whether the label of an edge stands in this gap: where it leaves, if it does not pass further columns."""
        return bool(h.edge.label) and len(h.a) == 1 and len(h.b) == 1

    def _cell_width(self, cell: Cell) -> float:
        """The width of an array with its shape and what hangs below it."""
        node = self.nodes[cell[0]]
        own = max(node_width(node.label), shape_width(node))
        below = [self.nodes[k] for k in self.layers.hanging.get(cell[0], ())]
        cluster = sum(max(node_width(n.label), shape_width(n)) for n in below) + _PAIR * max(0, len(below) - 1)
        label = 2 * label_width(self._hanging_label(cell[0])) + 5
        return max(own, cluster, label if below and self._hanging_label(cell[0]) else 0.0)

    def _hanging_label(self, key: str) -> str:
        """The label beside a lone parameter, unless another edge into the same array says it."""
        below = self.layers.hanging.get(key, ())
        if len(below) != 1:
            return ""
        label = self.hanging_edges[below[0]].label
        return "" if any(e.label == label for e in self.graph.edges if e.target == key and e.source not in below) else label

    # -- bands

    def _bands(self) -> None:
        """The columns put side by side while they fit the page; a single band is stretched towards the page's width."""
        widths = [2 * self.half[column[0]] if column else 0.0 for column in self.columns]
        total = self._total(widths)
        if total > PAGE and len(self.layers.chains) > len(widths):  # many edges would go over a fold
            self._widths(_CLOSE)
            total = self._total(widths)
            if total > PAGE * _SHRUNK:
                self._widths()
            else:
                total = min(total, PAGE)
        self.band, self.most, self.pitch = [0] * len(widths), 0, _TRACK
        if total <= PAGE:
            if len(widths) > 1:
                spare = (PAGE - total) / (len(widths) - 1)
                for gap in self.gaps[:-1]:
                    more = max(gap.wide, min(gap.wide + spare, _STRETCH)) - gap.wide
                    gap.wide += more
                    for h in gap.hops:
                        h.track += more * (h.track > 0 and not h.early)
        else:
            for expected in (2, 5, 10, 99):  # edges that go from one band to the next
                self.pitch = min(_TRACK, _CROWDED / 2 / expected)
                self._fold(widths, PAGE - 2 * _MARGIN - 2.2 * self.pitch * min(expected, 99))
                folds = [n for n in range(len(widths) - 1) if self.band[n] != self.band[n + 1]]
                self.most = max((len(self.gaps[n].hops) for n in folds), default=0)
                if self.most <= expected:
                    break
        x = 0.0
        for n, column in enumerate(self.columns):
            if n and self.band[n] != self.band[n - 1]:
                x = 0.0
            left = _MARGIN + self.pitch * self.most if self.band[-1] and x == 0.0 else x
            for cell in column:
                self.x[cell] = left + widths[n] / 2
            self.gaps[n].x = left + widths[n]
            x = self.gaps[n].x + self.gaps[n].wide

    def _total(self, widths: list[float]) -> float:
        return sum(widths) + sum(gap.wide for gap in self.gaps[:-1])

    def _fold(self, widths: list[float], room: float) -> None:
        """As few bands as the room allows, folded where the fewest edges pass, then as evenly as may be."""
        best: list[tuple[int, int, float, list[int]]] = [(0, 0, 0.0, [])]  # up to each column: bands, edges, unevenness, starts
        for end in range(1, len(widths) + 1):
            choices = []
            for start in range(end):
                x = sum(widths[start:end]) + sum(gap.wide for gap in self.gaps[start : end - 1])
                if x <= room or start == end - 1:
                    bands, passing, uneven, starts = best[start]
                    passing += len(self.gaps[start - 1].hops) if start else 0
                    choices.append((bands + 1, passing, uneven + (room - x) ** 2, [*starts, start]))
            best.append(min(choices))
        starts = best[-1][3]
        self.band = [sum(start <= n for start in starts[1:]) for n in range(len(widths))]

    # -- rows

    def _rows(self) -> None:
        """The height of every lane of every band, from the top of the drawing down."""
        y = 0.0
        self.level: dict[tuple[GraphEdge, int], float] = {}
        for band in range(max(self.band, default=0) + 1):
            cells = [c for c in self.layers.rank if self.band[self.layers.rank[c]] == band]
            if band:
                before = next(n for n in range(len(self.band)) if self.band[n] == band) - 1
                y += _LINE + 1.5
                for h in sorted(self.gaps[before].hops, key=lambda h: -self.layers.lane[h.a]):
                    self.level[h.edge, band] = y
                    y += _LEVEL if h.edge.order is not None or self._told_in_fold(h) else _TRACK
                y += 2.0
            for lane in sorted({self.layers.lane[c] for c in cells}):
                here = [c for c in cells if self.layers.lane[c] == lane]
                up = max(self._height(c) for c in here)
                y += max(up, max((self._label_height(c) for c in here), default=0.0))
                self.y |= dict.fromkeys(here, y)
                y += max(self._depth(c) for c in here)

    def _told_in_fold(self, h: _Hop) -> bool:
        return bool(h.edge.label) and len(h.a) == 1

    def _label_height(self, cell: Cell) -> float:
        labels = [h.edge.label for h in self.gaps[self.layers.rank[cell]].hops if h.a == cell and self._told_in_gap(h)]
        return max([_LINE * (1 + (len(label) > _LABEL)) + 1.0 for label in labels], default=0.0)

    def _height(self, cell: Cell) -> float:
        if len(cell) > 1:
            return _LINE + 0.8 if self._passing(cell).label else 1.3
        return HIGH / 2 + _SHAPE

    def _passing(self, cell: Cell) -> GraphEdge:
        return next(e for e, chain in self.layers.chains if cell in chain[1:-1])

    def _depth(self, cell: Cell) -> float:
        if len(cell) > 1:
            return 3.2 if self._passing(cell).order is not None else 1.3
        if self.layers.hanging.get(cell[0]):
            return HIGH / 2 + _HANG + HIGH + _SHAPE
        return HIGH / 2 + 1.0 + _DIP + _LINE

    # -- boxes

    def _boxes(self) -> list[Box]:
        made = []
        for node in self.graph.nodes:
            if (cell := (node.key,)) in self.x:
                made.append(Box(node, self.x[cell], self.y[cell], node_width(node.label)))
                made += self._hung(node.key)
        return made

    def _hung(self, key: str) -> list[Box]:
        """What hangs below an array, side by side, with its arrows up and down."""
        below = [self.nodes[k] for k in self.layers.hanging.get(key, ())]
        rooms = [max(node_width(n.label), shape_width(n)) for n in below]
        x = self.x[(key,)] - (sum(rooms) + _PAIR * (len(below) - 1)) / 2
        y = self.y[(key,)] + HIGH + _HANG
        half = node_width(self.nodes[key].label) / 2 - 1.5
        made = []
        for n, (node, room) in enumerate(zip(below, rooms, strict=True)):
            at = x + room / 2
            x += room + _PAIR
            made.append(Box(node, at, y, node_width(node.label), True))
            part = 0.0 if len(below) == 1 else 2 * n / (len(below) - 1) - 1
            self._hung_ways(node.key, at, self.x[(key,)] + part * min(half, 3.2 * (len(below) - 1)), y, self.y[(key,)])
        return made

    def _hung_ways(self, key: str, at: float, to: float, y: float, above: float) -> None:
        edge = self.hanging_edges[key]
        low, high = y - HIGH / 2, above + HIGH / 2
        aside = 1.2 if edge.order is not None else 0.0
        self.ways.append(Way(_kind(edge), (at - aside, low), ((to - aside, high),)))
        if edge.order is not None:
            self.ways.append(Way("back", (to + aside, high + 0.8), ((at + aside, low - 0.8),)))
            x, y = at + aside, low - 0.4
            self._number(edge, [(x + 2.1, y), (x - 4.3, y), (x + 2.1, y - 2.0), (to + aside + 2.1, high + 3.4)], "above")
        if label := self._hanging_label(edge.target):
            room = label_width(label)
            place = (at - aside - 0.8 - room / 2, (low + high) / 2 + 1.0)
            self.wanted.append((0, [Words(_kind(edge), label, place, room)]))

    # -- edges

    def _edge(self, edge: GraphEdge, chain: list[Cell]) -> None:
        """The arrow, the dashed one home, its label and number."""
        number = next(n for n, (e, c) in enumerate(self.layers.chains) if c is chain)
        points = self._route(edge, chain, number)
        self.ways.append(_rounded(_kind(edge), points))
        (start, y), (end, _) = points[0], points[-1]
        straight = len(points) == 2
        if edge.order is not None and straight and len(chain) == 2:
            low = y + HIGH / 2 + 1.0
            reach = min(abs(end - start + 2.8) * 0.3, 14.0)
            a, b = (end + 1.6, low), (start - 1.6, low)
            bend = ((a[0] - reach, low + _DIP * 4 / 3), (b[0] + reach, low + _DIP * 4 / 3), b)
            self.ways.append(Way("back", a, (bend,)))
            middle, reach = (start + end) / 2, (end - start) / 4
            self._number(edge, [(middle + k * reach, low + _DIP + 0.8 - abs(k)) for k in (0, -1, 1)], "below")
        elif edge.order is not None:
            home = _offset(points, _BESIDE)
            home = [(home[0][0] + 0.7, home[0][1]), *home[1:-1], (home[-1][0] - 0.7, home[-1][1])]
            self.ways.append(_rounded("back", home[::-1]))
            self._number_on(edge, home)
        if edge.label:
            self._label(edge, chain, points)

    def _number(self, edge: GraphEdge, places: list[Point], side: str) -> None:
        self.wanted.append((1, [Words("back", str(edge.order), at, 6.0, side) for at in places]))

    def _number_on(self, edge: GraphEdge, home: list[Point]) -> None:
        """The number below a level stretch of a way home, the longest first; above where it runs backwards."""
        places = []
        for (ax, y), (bx, _) in _level_stretches(home):
            at, side = (y + 0.9, "below") if bx > ax else (y - 0.6, "above")
            places += [Words("back", str(edge.order), (ax + (bx - ax) * k, at), 6.0, side) for k in (0.5, 0.25, 0.75)]
        self.wanted.append((1, places))

    def _label(self, edge: GraphEdge, chain: list[Cell], points: list[Point]) -> None:
        """Words in the room that the first gap keeps for them, or over the longest level stretch of a passing edge."""
        want = label_width(edge.label)
        gap = self.gaps[self.layers.rank[chain[0]]]
        if len(chain) == 2 and not self._is_fold(chain[0]):
            hop = next(h for h in gap.hops if h.edge is edge and h.a == chain[0])
            y = points[-1][1] if hop.early else points[0][1]
            late = min((h.track for h in gap.hops if h.track and not h.early), default=gap.wide)
            self.wanted.append((0, [Words(_kind(edge), edge.label, (gap.x + (gap.early + late) / 2, y - 0.7), want)]))
            return
        places = []
        for (ax, y), (bx, _) in _level_stretches(points):
            at, side = (y - 0.6, "above") if bx > ax else (y + 0.9, "below")
            shares = (0.5, 0.3, 0.7) if abs(bx - ax) >= want else ()
            places += [Words(_kind(edge), edge.label, (ax + (bx - ax) * k, at), want, side) for k in shares]
        self.wanted.append((2, places))

    def _is_fold(self, cell: Cell) -> bool:
        n = self.layers.rank[cell]
        return n + 1 < len(self.band) and self.band[n] != self.band[n + 1]

    def _route(self, edge: GraphEdge, chain: list[Cell], number: int) -> list[Point]:
        """The corners of an edge from the right side of its source to the left side of its target."""
        source, target = chain[0], chain[-1]
        y = self.y[source] + self.out[source, number]
        points = [(self.x[source] + node_width(self.nodes[source[0]].label) / 2, y)]
        for a, b in pairwise(chain):
            to = self.y[b] + (self.into[target, number] if b == target else 0.0)
            if self._is_fold(a):
                points += self._over_the_fold(a, b, edge, y, to)
            elif to != y:
                hop = next(h for h in self.gaps[self.layers.rank[a]].hops if h.edge is edge and h.a == a)
                x = self.gaps[self.layers.rank[a]].x + (hop.track or self.gaps[self.layers.rank[a]].wide / 2)
                points += [(x, y), (x, to)]
            y = to
        return [*points, (self.x[target] - node_width(self.nodes[target[0]].label) / 2, y)]

    def _over_the_fold(self, a: Cell, b: Cell, edge: GraphEdge, y: float, to: float) -> list[Point]:
        """Out to the right, down between the bands, and in from the left, each edge on tracks of its own."""
        gap = self.gaps[self.layers.rank[a]]
        hops = sorted(gap.hops, key=lambda h: self.layers.lane[h.a])
        k = next(n for n, h in enumerate(hops) if h.edge is edge)
        right = gap.x + _MARGIN + self.pitch * (len(hops) - 1 - k)
        level = self.level[edge, self.band[self.layers.rank[b]]]
        left = self.x[b] - self.half[b] - _MARGIN - self.pitch * (len(hops) - 1 - k) + 1.0
        return [(right, y), (right, level), (left, level), (left, to)]


# ---------------------------------------------------------------- words

Rectangle = tuple[float, float, float, float]  # left, top, right, bottom


def words_rectangle(words: Words) -> Rectangle:
    """What the words cover."""
    high = 2.2 * (1 + (len(words.text) > _LABEL))
    wide = label_width(words.text) - 2.0 if words.kind != "back" else 1.5 * len(words.text)
    x, y = words.at
    return (x - wide / 2, y - high * (words.side == "above"), x + wide / 2, y + high * (words.side == "below"))


def box_rectangles(box: Box) -> list[Rectangle]:
    """The box, and the shape at its corner."""
    left, top = box.x - box.wide / 2, box.y - HIGH / 2
    shape, wide = top + HIGH + 0.4 if box.hangs else top - 2.4, shape_width(box.node) - 1.5
    at = min(left, box.x - wide / 2)  # a shape wider than its box is centred on it
    return [(left, top, left + box.wide, top + HIGH), (at, shape, at + wide, shape + 2.0)]


def overlap(a: Rectangle, b: Rectangle) -> float:
    """The area that two rectangles share."""
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def placed(wanted: list[tuple[int, list[Words]]], boxes: list[Box]) -> list[Words]:
    """Every word at the first of its places that is free; a label without one is left out, a number is not."""
    taken = [r for box in boxes for r in box_rectangles(box)]
    found = []
    for urgency, places in sorted(wanted, key=lambda w: w[0]):
        covered = [(sum(overlap(words_rectangle(w), r) for r in taken), n) for n, w in enumerate(places)]
        least, n = min(covered, default=(1.0, 0))
        if places and (least < 0.1 or urgency == 1):
            n = next(k for share, k in covered if share < 0.1) if least < 0.1 else n
            found.append(places[n])
            taken.append(words_rectangle(places[n]))
    return found


def _level_stretches(points: list[Point]) -> list[tuple[Point, Point]]:
    """The level pieces of a way, the longest first."""
    level = [p for p in pairwise(points) if p[0][1] == p[1][1] and p[0][0] != p[1][0]]
    return sorted(level, key=lambda p: -abs(p[1][0] - p[0][0]))


def _kind(edge: GraphEdge) -> str:
    return "second" if edge.second else "edge"


def shape_width(node: GraphNode) -> float:
    """Millimetres of the small shape at the corner of a box."""
    return 0.58 * _EM * width(node.shape, 1) + 1.5


def _ports(ends: list[tuple[int, int]]) -> dict[int, float]:
    """How far from the middle of a box each of its edges leaves or arrives: level ones in the middle."""
    found: dict[int, float] = {}
    for sign in (-1, 1):
        side = sorted((e for e in ends if e[0] * sign > 0), key=lambda e: abs(e[0]))
        alone = len(ends) == len(side) == 1
        for n, (_, edge) in enumerate(side):
            found[edge] = 0.0 if alone else sign * 2.3 * (n + 1) / len(side)
    level = [edge for climb, edge in ends if climb == 0]
    for n, edge in enumerate(level):
        found[edge] = 0.8 * (n - (len(level) - 1) / 2)
    return found


def _offset(points: list[Point], by: float) -> list[Point]:
    """A way of level and upright pieces, moved to its right-hand side."""
    found = []
    for n, (x, y) in enumerate(points):
        before, after = points[max(0, n - 1)], points[min(n + 1, len(points) - 1)]
        dx = dy = 0.0
        for (ax, ay), (bx, ty) in ((before, (x, y)), ((x, y), after)):
            if bx != ax:
                dy = by if bx > ax else -by
            elif ty != ay:
                dx = -by if ty > ay else by
        found.append((x + dx, y + dy))
    return found


def _rounded(kind: str, points: list[Point]) -> Way:
    """The way with its corners rounded."""
    points = [p for n, p in enumerate(points) if n == 0 or p != points[n - 1]]
    parts: list[Part] = []
    for before, at, after in zip(points, points[1:], points[2:], strict=False):
        if before[0] == at[0] == after[0] or before[1] == at[1] == after[1]:
            continue
        r = min(_CORNER, *(max(abs(p[0] - at[0]), abs(p[1] - at[1])) / 2 for p in (before, after)))
        start, end = _toward(at, before, r), _toward(at, after, r)
        parts += [start, (_toward(at, before, r * 0.45), _toward(at, after, r * 0.45), end)]
    return Way(kind, points[0], (*parts, points[-1]))


def _toward(at: Point, to: Point, by: float) -> Point:
    far = max(abs(to[0] - at[0]), abs(to[1] - at[1])) or 1.0
    return (at[0] + (to[0] - at[0]) / far * by, at[1] + (to[1] - at[1]) / far * by)


__all__ = ["HIGH", "PAGE", "Box", "Picture", "Way", "Words", "box_rectangles", "node_width", "overlap", "picture", "shape_width",
           "words_rectangle"]  # fmt: skip
