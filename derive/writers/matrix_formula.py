"""A matrix formula as a layout tree: `(1/n) Xᵀ (P − Y)`.

Products stand side by side and bind tighter than ⊙ and ⊘, which bind tighter than sums; a scalar comes first.  A mix of
a product with ⊙ is bracketed, so that nobody has to know which comes first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from derive.index import Index
from derive.matrices import tree as m
from derive.matrices.tree import Matrix
from derive.writers.layout import Big, Fence, Frac, Node, Num, Op, Row, Script, Sym, Text, row
from derive.writers.letters import (
    MINUS,
    NEG,
    PARTIAL,
    PLUS,
    Spelling,
    array,
    index_symbol,
    size_node,
    symbol,
)
from derive.writers.pieces import FENCES, ONE, SIGNS, exponent_number, function_node, listed, number_piece, ratio

SUM, HADAMARD, PRODUCT, SCRIPT, ATOM = range(5)
ONES, UNIT = Sym("1", "bold"), Sym("I")


@dataclass(frozen=True)
class MatrixPrinter:
    """`letters` names the labels that number matrices; `gradient` is how ∂L/∂Z is written: dZ, or as a fraction."""

    spelling: Spelling
    letters: Mapping[Index, str]
    short: bool = True

    def put(self, t: Matrix, need: int = SUM) -> Node:
        """The formula, bracketed when it binds less tightly than needed."""
        node, level = self.piece(t)
        return node if level >= need else Fence(node)

    def piece(self, t: Matrix) -> tuple[Node, int]:
        match t:
            case m.Named():
                return self.name(t), ATOM
            case m.Number(value):
                piece = number_piece(value)
                return piece.signed, SUM if piece.minus else PRODUCT if isinstance(piece.node, Row) else SCRIPT
            case m.Length(n):
                node = size_node(n)
                return node, SUM if len(n.terms) > 1 else PRODUCT if isinstance(node, Row) else ATOM
            case m.Ones():
                return ONES, ATOM
            case m.Unit():
                return UNIT, ATOM
            case m.OneHot(label):
                return self.function(Sym("onehot", "function"), [label]), ATOM
            case m.Turned(body):
                return self.script(body, Op("transpose")), SCRIPT
            case m.Product(factors):
                return row(*(self.put(f, SCRIPT) for f in factors)), PRODUCT
            case m.Scaled():
                return self.scaled(t)
            case m.Hadamard(over, under):
                return self.hadamard(over, under)
            case m.Sum(terms):
                return self.sum(terms), SUM
            case m.Apply(op, args):
                return self.call(op, args), ATOM
            case m.Power(base, exponent):
                return self.power(base, exponent), SCRIPT
            case m.Compare(op, left, right):
                return Fence(self.comparison(op, left, right), "bracket"), ATOM
            case m.Diag(vector, inverse):
                if inverse:
                    return self.script(m.Diag(vector), row(NEG, ONE)), SCRIPT
                return self.function(Sym("diag", "function"), [vector]), ATOM
            case m.Diagonal(body):
                return self.function(Sym("diag", "function"), [body]), ATOM
            case m.Trace(body):
                return self.function(Sym("tr", "function"), [body]), ATOM
            case m.Norm(body, n):
                node = Fence(self.put(body), "norm")
                return (Script(node, None, Num(str(n))), SCRIPT) if n != 1 else (node, ATOM)
            case m.Over(label, body):
                return row(Big("sum", index_symbol(self.letters[label])), self.put(body, PRODUCT)), SUM
        raise TypeError(f"have you added a new matrix formula? {type(t).__name__}")

    # ------------------------------------------------------------ leaves

    def name(self, t: m.Named) -> Node:
        """An array, its labels below; the gradient of Z as dZ."""
        node = self.gradient(t.name) if t.name.startswith("∂") else array(t.name, self.spelling)
        if not t.labels:
            return node
        below = [index_symbol(self.letters[i]) for i in t.labels]
        plain = all(isinstance(n, Sym) and len(n.text) == 1 for n in below)
        sub = row(*below) if plain else listed(below)
        if isinstance(node, Script) and node.sub is None:
            return Script(node.base, sub, node.sup)
        return Script(node if isinstance(node, Sym) else Fence(node), sub)

    def gradient(self, name: str) -> Node:
        return gradient_name(name, self.spelling, self.short)

    def script(self, base: Matrix, above: Node) -> Node:
        return Script(self.put(base, ATOM), None, above)

    def function(self, name: Node, args: list[Matrix] | tuple[Matrix, ...]) -> Node:
        return row(name, Fence(listed([self.put(a) for a in args])))

    def call(self, op: str, args: tuple[Matrix, ...]) -> Node:
        if op in FENCES:
            return Fence(self.put(args[0]), FENCES[op])
        name = Sym(op, "function") if op in m.BY_ROW else function_node(op, self.spelling)
        return self.function(name, args) if args else name

    # ------------------------------------------------------------ arithmetic

    def scaled(self, t: m.Scaled) -> tuple[Node, int]:
        """Sign, numbers and scalars as one coefficient, then the matrix."""
        above, below = ratio(abs(t.number))
        over, under = [*above, *self.powers(t.over)], [*below, *self.powers(t.under)]
        items: list[Node] = []
        if under:
            compound = any(not isinstance(f, (m.Named, m.Length)) for f in t.over)
            plain = len(over) == len(above) or t.body is None and not compound
            top = over if plain else above
            items.append(Frac(row(*top) if top else ONE, row(*under)))
            above, over = [], over[len(top) :]
        items += self.bracketed(t.over, over, len(above), last=t.body is None)
        minus = (NEG,) if t.number < 0 else ()
        if t.body is None:
            return row(*minus, *(items or [ONE])), SUM if minus else SCRIPT if len(items) == 1 else PRODUCT
        level = HADAMARD if isinstance(t.body, m.Hadamard) else PRODUCT
        return row(*minus, *items, self.put(t.body, level)), SUM if minus else level

    def bracketed(self, factors: tuple[Matrix, ...], nodes: list[Node], numbers: int, last: bool) -> list[Node]:
        """Scalar factors in a row: an inner product in brackets, but for the last thing of all."""
        compound = [False] * numbers + [isinstance(f, m.Product) for f in dict.fromkeys(factors)]
        ends = len(nodes) - 1 if last else len(nodes)
        return [Fence(n) if k < ends and c and isinstance(n, Row) else n
                for k, (n, c) in enumerate(zip(nodes, compound, strict=False))]  # fmt: skip

    def powers(self, factors: tuple[Matrix, ...]) -> list[Node]:
        """Scalar factors, equal ones as a power."""
        found: list[Node] = []
        for f in dict.fromkeys(factors):
            n = factors.count(f)
            found.append(self.put(f, PRODUCT) if n == 1 else Script(self.put(f, ATOM), None, Num(str(n))))
        return found

    def hadamard(self, over: tuple[Matrix, ...], under: tuple[Matrix, ...]) -> tuple[Node, int]:
        """A ⊙ B ⊘ C; equal compound factors as a power entry by entry."""
        tops, bottoms = (self.hadamard_powers(f) for f in (over, under))
        if len(tops) == 1 and not bottoms:
            return tops[0], SCRIPT
        items = [node for t in tops for node in (Op("odot"), t)][1:]
        if bottoms:
            many = [node for t in bottoms for node in (Op("odot"), t)][1:]
            items += [Op("oslash"), bottoms[0] if len(bottoms) == 1 else Fence(row(*many))]
        return row(*items), HADAMARD

    def hadamard_powers(self, factors: tuple[Matrix, ...]) -> list[Node]:
        found: list[Node] = []
        for f in dict.fromkeys(factors):
            n = factors.count(f)
            if n == 1 or isinstance(f, m.Named):
                found += [self.put(f, SCRIPT)] * n
            else:
                found.append(Script(self.put(f, ATOM), None, row(Op("odot", "prefix"), Num(str(n)))))
        return found

    def sum(self, terms: tuple[Matrix, ...]) -> Node:
        items: list[Node] = []
        for t in terms:
            node = self.put(t)
            minus = isinstance(node, Row) and node.items[0] == NEG
            if minus:
                items += [MINUS if items else NEG, row(*node.items[1:])]
            else:
                items += [PLUS, node] if items else [node]
        return row(*items)

    def power(self, base: Matrix, exponent: Matrix) -> Node:
        """vᵉ for a scalar, v^{⊙e} entry by entry."""
        above = exponent_number(exponent.value) if isinstance(exponent, m.Number) else self.put(exponent)
        if not base.scalar:
            compound = isinstance(exponent, m.Sum | m.Scaled)
            above = row(Op("odot", "prefix"), Fence(above) if compound else above)
        return self.script(base, above)

    def comparison(self, op: str, left: Matrix, right: Matrix) -> Node:
        """The number on the right: [Z > 0]."""
        if isinstance(left, m.Number) and not isinstance(right, m.Number):
            left, right, op = right, left, {"lt": "gt", "le": "ge"}.get(op, op)
        return row(self.put(left), SIGNS.get(op, Op(op)), self.put(right))


def gradient_name(name: str, spelling: Spelling, short: bool) -> Node:
    """dZ for ∂L/∂Z, or the fraction where an array of the author's is called so."""
    inner, _, version = name.removeprefix("∂").partition("~")
    total = version == "total"
    node = array(inner if total or not version else f"{inner}~{version}", spelling)
    if short:
        shown = spelling.shown(inner)
        letter = Sym("d" + shown, "italic" if len(shown) == 1 and shown.isascii() else "roman")
        node = Script(letter, node.sub, node.sup) if isinstance(node, Script) else letter
    else:
        node = Frac(row(PARTIAL, symbol(spelling.shown(spelling.loss))), row(PARTIAL, node))
    if inner not in spelling.given or total:
        return node
    if isinstance(node, Script):
        return Script(node.base, Text("given"), node.sup)
    return Script(node if short else Fence(node, "eval"), Text("given"))


__all__ = ["MatrixPrinter", "gradient_name"]
