"""The computation graph as a layered drawing: which column and which lane every array and every long edge takes.

The longest path is the straight main row.  An edge that skips columns gets a place of its own (a dummy node, after
Sugiyama, Tagawa, Toda 1981) in every column it passes, so that it never runs through a box; a parameter that one array
alone uses hangs below that array.  Lanes are swapped while that lessens the crossings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations, pairwise

from derive.writers.document import Graph, GraphEdge

HANGING = 4  # parameters that may hang below one array; more of them stand in columns
FUEL = 1500  # moves that are tried

Cell = tuple[str, ...]  # (key,) of an array; (source, target, number, rank) of an edge passing by


@dataclass
class Layers:
    """Columns from left to right; `lane` 0 is the main row, negative lanes lie above it, positive ones below."""

    rank: dict[Cell, int] = field(default_factory=dict)
    lane: dict[Cell, int] = field(default_factory=dict)
    hanging: dict[str, list[str]] = field(default_factory=dict)
    chains: list[tuple[GraphEdge, list[Cell]]] = field(default_factory=list)

    def columns(self) -> list[list[Cell]]:
        """The cells of each column, from top to bottom."""
        last = max(self.rank.values(), default=-1)
        found: list[list[Cell]] = [[] for _ in range(last + 1)]
        for cell in sorted(self.rank, key=lambda c: self.lane[c]):
            found[self.rank[cell]].append(cell)
        return found

    def hops(self) -> dict[int, list[tuple[Cell, Cell]]]:
        """The pieces of edges between neighbouring columns, by the left one."""
        found: dict[int, list[tuple[Cell, Cell]]] = {}
        for _, chain in self.chains:
            for a, b in pairwise(chain):
                found.setdefault(self.rank[a], []).append((a, b))
        return found


def layers(graph: Graph) -> Layers:
    """Columns and lanes for a graph; edges that do not go forward in the order of the nodes are left out."""
    order = {node.key: n for n, node in enumerate(graph.nodes)}
    edges = [e for e in graph.edges if order[e.source] < order[e.target]]
    hanging = _hanging(graph, edges)
    held = {key for keys in hanging.values() for key in keys}
    keys = [node.key for node in graph.nodes if node.key not in held]
    edges = [e for e in edges if e.source not in held]
    rank = _ranks(keys, edges)
    found = Layers({(key,): rank[key] for key in keys}, {}, hanging)
    for n, e in enumerate(edges):
        between = [(e.source, e.target, str(n), str(r)) for r in range(rank[e.source] + 1, rank[e.target])]
        found.rank |= {cell: int(cell[3]) for cell in between}
        found.chains.append((e, [(e.source,), *between, (e.target,)]))
    _lanes(found, _main(keys, edges, rank))
    _uncross(found)
    return found


def _hanging(graph: Graph, edges: list[GraphEdge]) -> dict[str, list[str]]:
    """Arrays that nothing makes and that one array alone uses, under that array: all but one where it has no other."""
    fed = {e.target for e in edges}
    uses: dict[str, set[str]] = {}
    for e in edges:
        uses.setdefault(e.source, set()).add(e.target)
    sources: dict[str, list[str]] = {}
    for e in edges:
        sources.setdefault(e.target, [])
        if e.source not in sources[e.target]:
            sources[e.target].append(e.source)
    found: dict[str, list[str]] = {}
    for node in graph.nodes:
        single = [k for k in sources.get(node.key, []) if k not in fed and len(uses[k]) == 1]
        if single and len(single) == len(sources[node.key]):
            single = single[1:]
        if 0 < len(single) <= HANGING:
            found[node.key] = single
    return found


def _ranks(keys: list[str], edges: list[GraphEdge]) -> dict[str, int]:
    """The column of each array: one after the last of its sources; what nothing makes stands just before its first use."""
    rank = dict.fromkeys(keys, 0)
    for key in keys:  # in forward order, so that the sources are settled
        rank[key] = max((rank[e.source] + 1 for e in edges if e.target == key), default=0)
    for key in keys:
        if all(e.target != key for e in edges) and (uses := [rank[e.target] for e in edges if e.source == key]):
            rank[key] = max(0, min(uses) - 1)
    return rank


def _main(keys: list[str], edges: list[GraphEdge], rank: dict[str, int]) -> set[str]:
    """The longest path, found from its end: each time the source in the column just before."""
    last = max(keys, key=lambda key: rank[key], default="")
    path = {last}
    fed = {e.target for e in edges}
    while sources := [e for e in edges if e.target == last]:
        last = max(sources, key=lambda e: (rank[e.source], e.source in fed, not e.second)).source
        path.add(last)
    return path


def _lanes(found: Layers, main: set[str]) -> None:
    """Lanes: edges that pass by, the shortest next to the main row, above it; arrays of other paths below it."""
    taken: set[tuple[int, int]] = set()

    def settle(cells: list[Cell], lanes) -> None:
        lane = next(k for k in lanes if all((found.rank[c], k) not in taken for c in cells))
        for c in cells:
            found.lane[c] = lane
            taken.add((found.rank[c], lane))

    for cell in found.rank:
        if len(cell) == 1 and cell[0] in main:
            settle([cell], [0])
    for chain in _paths(found, main):
        settle(chain, range(1, 999))
    passing = [(e, chain[1:-1]) for e, chain in found.chains if len(chain) > 2]
    for e, cells in sorted(passing, key=lambda p: len(p[1])):
        over = e.source in main and e.target in main
        settle(cells, range(-1, -999, -1) if over else range(1, 999))


def _paths(found: Layers, main: set[str]) -> list[list[Cell]]:
    """The arrays off the main row, each with those that follow it, so that a side branch stays in one lane."""
    waiting = sorted((c for c in found.rank if len(c) == 1 and c[0] not in main), key=lambda c: found.rank[c])
    after: dict[str, list[str]] = {}
    for e, _ in found.chains:
        after.setdefault(e.source, []).append(e.target)
    paths: list[list[Cell]] = []
    while waiting:
        path = [waiting.pop(0)]
        while more := [c for c in waiting if c[0] in after.get(path[-1][0], ()) and found.rank[c] > found.rank[path[-1]]]:
            path.append(min(more, key=lambda c: found.rank[c]))
            waiting.remove(path[-1])
        paths.append(path)
    return paths


# ---------------------------------------------------------------- crossings


def crossings(found: Layers) -> int:
    """How often two pieces between the same two columns cross."""
    count = 0
    for hops in found.hops().values():
        spans = [(found.lane[a], found.lane[b]) for a, b in hops]
        count += sum((a - c) * (b - d) < 0 for (a, b), (c, d) in combinations(spans, 2))
    return count


def _length(found: Layers) -> int:
    """How far all pieces climb or fall: of two drawings with equal crossings the calmer one is taken."""
    return sum(abs(found.lane[a] - found.lane[b]) for hops in found.hops().values() for a, b in hops)


def _uncross(found: Layers) -> None:
    """Move and swap the lanes of arrays and of passing edges while the drawing gets calmer."""
    units = _units(found)
    best, fuel = _unrest(found), FUEL
    improved = True
    while improved and fuel > 0:
        improved = False
        for moves in _moves(found, units):
            before = [(cells, found.lane[cells[0]]) for cells, _ in moves]
            for cells, lane in moves:
                _put(found, cells, lane)
            fuel -= 1
            if (now := _unrest(found)) < best:
                best, improved = now, True
            else:
                for cells, lane in before:
                    _put(found, cells, lane)
            if fuel <= 0:
                return


def _unrest(found: Layers) -> tuple[int, int]:
    return crossings(found), _length(found)


def _moves(found: Layers, units: list[list[Cell]]) -> Iterator[list[tuple[list[Cell], int]]]:
    """What may be tried: one unit to the lane beside it or to the other side, two units exchanged."""
    for one in units:
        for step in (-1, 1, None):
            a = found.lane[one[0]]
            b = -a if step is None else a + step
            if a and b and _free(found, one, b):
                yield [(one, b)]
    for one, other in combinations(units, 2):
        a, b = found.lane[one[0]], found.lane[other[0]]
        if a != b and a and b and _free(found, one, b, other) and _free(found, other, a, one):
            yield [(one, b), (other, a)]


def _units(found: Layers) -> list[list[Cell]]:
    """What moves as one: the places of a passing edge, or one array."""
    passing = [chain[1:-1] for _, chain in found.chains if len(chain) > 2]
    return [*passing, *([c] for c in found.rank if len(c) == 1)]


def _put(found: Layers, cells: list[Cell], lane: int) -> None:
    for c in cells:
        found.lane[c] = lane


def _free(found: Layers, cells: list[Cell], lane: int, *without: list[Cell]) -> bool:
    gone = {c for held in (cells, *without) for c in held}
    ranks = {found.rank[c] for c in cells}
    return all(found.lane[c] != lane or found.rank[c] not in ranks for c in found.rank if c not in gone)


__all__ = ["Cell", "Layers", "crossings", "layers"]
