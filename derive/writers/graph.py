"""The computation graph: arrays and their uses, or layers of them where there are too many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from derive.engine import Gradients
from derive.program import Equation, Program
from derive.recurrence import states
from derive.routes import softmaxes
from derive.writers.document import Graph, GraphEdge, GraphNode
from derive.writers.layout import Text
from derive.writers.letters import Spelling, array, shape_node
from derive.writers.words import FUNCTIONS, form_of, label_of, real_uses, within

MANY, MOST_LAYERS = 14, 20
NOTE = "Solid: the forward pass, with array shapes. Dashed: the order in which the gradients are derived."
SECOND = " Orange: second path."
ROUNDS = " What one round of the loop hands on to the next is not drawn."
LAYERS = " Each box is a layer; the number on a dashed arrow is the card of the array that it leads to."


def graph(gradients: Gradients, numbers: Mapping[str, str], spelling: Spelling) -> Graph:
    """The graph of the forward pass; `numbers` are the cards' numbers by array."""
    program = gradients.forward
    alive = program.reaches(gradients.of)
    names = [n for n, item in program.by_name.items() if n in alive and item.sort == "real" and _matters(n, gradients)]
    if len(names) > MANY:
        return _layered(gradients, names, numbers, spelling)
    nodes = tuple(GraphNode(n, array(n, spelling), shape_node(program.shape(n)), _kind(n, gradients)) for n in names)
    edges = tuple(edge for n in names for edge in _edges(n, names, program, numbers, spelling))
    return Graph(nodes, edges, NOTE + SECOND * any(edge.second for edge in edges) + ROUNDS * bool(states(program.equations)))


def _matters(name: str, gradients: Gradients) -> bool:
    return name in gradients.derivations or name in gradients.of or bool(real_uses(name, gradients.forward))


def _kind(name: str, gradients: Gradients) -> str:
    return "output" if name in gradients.of else "input" if gradients.forward.is_input(name) else "inner"


def _edges(
    name: str, names: list[str], program: Program, numbers: Mapping[str, str], spelling: Spelling
) -> list[GraphEdge]:
    """The uses of an array: the first carries the arrow back, further ones are second paths."""
    found = []
    uses = [u for u in real_uses(name, program) if u.name in names and names.index(u.name) > names.index(name)]
    for place, use in enumerate(uses):
        order = int(numbers[name]) if name in numbers and place == 0 else None
        label = ("" if place > 1 else f"second use of {spelling.word(name)}") if place else label_of(use)
        found.append(GraphEdge(name, use.name, label, order, place > 0))
    return found


# ---------------------------------------------------------------- layers


@dataclass
class Layer:
    """Consecutive equations that a person would call one layer."""

    name: str
    equations: list[Equation]
    open: bool = True

    @property
    def key(self) -> str:
        return self.equations[-1].name


# kind of an equation: the layer that it opens; what opens none joins the one before it
OPENS = {"look-up": "embedding", "affine": "affine", "contraction": "matrix product", "cases": "selection"}
STATISTICS = {"column": "batch norm", "row": "layer norm", "": "norm", "middle": "norm", "total": "norm"}


def layers(equations: list[Equation], softmax: frozenset[str] = frozenset()) -> list[Layer]:
    """Equations in order, grouped: each opens a layer by its form, or joins the one before.

    `softmax`: the arrays that are one; what masked their argument is one layer with them.
    """
    found: list[Layer] = []
    for e in equations:
        name = _opens(e, found[-1] if found else None)
        if e.name in softmax and (not found or "softmax" not in found[-1].name):
            name = "softmax"
            if found and found[-1].name == "selection":
                found[-1].name, name = "masked softmax", None
        if name is None and found:
            found[-1].equations.append(e)
            if e.shape == ():
                found[-1].name += " + loss" if "loss" not in found[-1].name else ""
        else:
            found.append(Layer(name or "elementwise", [e]))
    return found


def _opens(e: Equation, before: Layer | None) -> str | None:
    form = form_of(e)
    inside = before.name if before else ""
    if form.kind == "function" and (named := FUNCTIONS.get(form.detail, ("", "", "", form.detail))[3]):
        inner = OPENS.get(form_of(within(e)).kind)
        return f"{inner} + {named}" if inner else named
    if form.kind in ("maximum", "function") and form.detail in ("row", "exp") and "softmax" not in inside:
        return "softmax"
    if form.kind in ("mean", "share") and e.shape != () and "norm" not in inside:
        return STATISTICS[form.detail]
    if e.shape == () and not inside:
        return "loss"
    return OPENS.get(form.kind)


def _layered(gradients: Gradients, names: list[str], numbers: Mapping[str, str], spelling: Spelling) -> Graph:
    program = gradients.forward
    softmax = frozenset(s.equation.name for s in softmaxes(program))
    groups = layers([e for e in program.equations if e.name in names and form_of(e).kind != "constant"], softmax)
    groups = _blocks(groups)
    home = {e.name: layer.key for layer in groups for e in layer.equations}
    inputs = [n for n in names if program.is_input(n)]
    shared = [n for n in inputs if _is_parameter(n, program) and len({home.get(u.name) for u in real_uses(n, program)}) > 2]
    inputs = [n for n in inputs if n not in shared]
    if len(inputs) + len(groups) > MANY:
        inputs = [n for n in inputs if not _is_parameter(n, program)]
    nodes = [GraphNode(n, array(n, spelling), shape_node(program.shape(n)), "input") for n in inputs]
    for layer in groups:
        kind = "output" if layer.key in gradients.of else "layer"
        nodes.append(GraphNode(layer.key, Text(layer.name), shape_node(program.shape(layer.key)), kind))
    edges: dict[tuple[str, str], GraphEdge] = {}
    for n in names:
        first = True
        for use in real_uses(n, program):
            source, target = home.get(n, n), home.get(use.name, "")
            if source == target or not target or _handed_on(source, target, groups):
                continue
            if (source in home or n in inputs) and (source, target) not in edges:
                order = int(numbers[n]) if n in numbers and first else None
                label = spelling.word(n) if n in home and first else ""
                edges[source, target] = GraphEdge(source, target, label, order, not first)
                first = False
    second = SECOND * any(edge.second for edge in edges.values())
    gone = f" Left out, since more than two layers use them: {', '.join(map(spelling.word, shared))}." if shared else ""
    return Graph(tuple(nodes), tuple(edges.values()), NOTE + second + LAYERS + gone + ROUNDS * bool(states(program.equations)))


def _handed_on(source: str, target: str, groups: list[Layer]) -> bool:
    """Whether a use goes back to an earlier layer: to the next round of a loop."""
    keys = [layer.key for layer in groups]
    return source in keys and target in keys and keys.index(target) < keys.index(source)


def _blocks(groups: list[Layer]) -> list[Layer]:
    """As many layers as a page shows: of a deep network neighbours stand together in blocks of equal length."""
    together = -(-len(groups) // MOST_LAYERS)
    if together == 1:
        return groups
    blocks = [groups[n : n + together] for n in range(0, len(groups), together)]
    ends = [(n * together + 1, n * together + len(block)) for n, block in enumerate(blocks)]
    made = [Layer(f"layers {a}–{b}", [e for layer in block for e in layer.equations])
            for (a, b), block in zip(ends, blocks, strict=True)]  # fmt: skip
    made[-1].name = groups[-1].name if len(blocks[-1]) == 1 else made[-1].name
    return made


def _is_parameter(name: str, program: Program) -> bool:
    """An input beside the first one."""
    return name != next(v.name for v in program.inputs if v.sort == "real")


__all__ = ["graph", "layers"]
