"""An expression as the formula that a textbook author writes, as a layout tree.

The author's order is kept: numbers and sizes come first as one coefficient, a minus sign before everything, negative
powers as fractions, gradients outside of them.  Nested sums over plain bodies share one sign; a sum that is not the
last factor is bracketed, so that no reader has to guess how far it reaches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from derive import expr as x
from derive.expr import Cond, Entry, Expr, Term
from derive.index import Index, Size
from derive.program import Equation
from derive.writers.layout import Big, Fence, Frac, Grid, Mark, Node, Num, Op, Row, Script, Sym, Text, row, width
from derive.writers.letters import (
    EQ,
    MINUS,
    NEG,
    PARTIAL,
    PLUS,
    TIGHT_SLASH,
    Letters,
    Spelling,
    array,
    factor_size,
    index_symbol,
    letters_for,
    size_node,
    symbol,
)  # fmt: skip
from derive.writers.marks import Marks, marked, tidy
from derive.writers.pieces import (
    ADD,
    ATOM,
    FENCES,
    FEW_FACTORS,
    MUL,
    ONE,
    PLAIN,
    SCRIPT,
    SHORT_EXPONENT,
    SIGNS,
    Piece,
    above_bar,
    begins_with_word,
    dotted,
    exponent_number,
    function_node,
    has_gradient,
    inline,
    is_constant,
    is_single,
    is_slim,
    is_word,
    listed,
    number_piece,
    plain_slot,
    ratio,
    under_bar,
    whole_positive,
    with_exponent,
)  # fmt: skip


def formula(
    e: Term | Index,
    spelling: Spelling = PLAIN,
    letters: Letters | None = None,
    *,
    redexes: Iterable[int] = (),
    fresh: Iterable[int] = (),
    marks: Marks | None = None,
    table: bool = False,
) -> Node:
    """The formula of an expression, slot or condition.

    `redexes`, `fresh`: ids of the nodes to shade and to colour (or `marks` with both).  `table`: sums with both limits
    and small fractions, as a table of definitions has them.
    """
    letters = letters or letters_for([e], spelling)
    marks = marks or Marks(frozenset(redexes), frozenset(fresh))
    return tidy(_Printer(spelling, letters, marks, table).term(e, letters.free))


def equation_node(equation: Equation, spelling: Spelling = PLAIN, letters: Letters | None = None) -> Node:
    """The meaning of an equation for the forward table: `s_i = Σ_{j=1}^{C} E_ij`."""
    letters = letters or letters_for([equation.rhs, equation.lhs], spelling, equation.indices)
    left = formula(equation.lhs, spelling, letters)
    return row(left, EQ, formula(equation.rhs, spelling, letters, table=True))


def gradient_node(name: str, spelling: Spelling, flat: bool = False) -> Node:
    """∂L/∂x: as a fraction, or on one line."""
    over, under = row(PARTIAL, symbol(spelling.shown(spelling.loss))), row(PARTIAL, array(name, spelling))
    return row(over, TIGHT_SLASH, under) if flat else Frac(over, under)


@dataclass(frozen=True)
class _Printer:
    spelling: Spelling
    letters: Letters
    marks: Marks
    table: bool

    def term(self, t: Term | Index, names: Mapping[Index, str]) -> Node:
        if isinstance(t, (x.Rel, x.And, x.Or, x.Not)):
            return self.cond(t, names)
        return self.put(t, names) if isinstance(t, Expr) else self.slot(t, names)

    def put(self, e: Expr, names: Mapping[Index, str], need: int = 0, closed: bool = False) -> Node:
        """The formula, bracketed when it holds less tightly than needed; `closed`: it must not reach to the right."""
        piece = self.piece(e, names, closed)
        loose = (ADD if piece.minus else piece.level) < need
        return marked(Fence(piece.signed) if loose else piece.signed, id(e), self.marks)

    def piece(self, e: Expr, names: Mapping[Index, str], closed: bool = False) -> Piece:
        match e:
            case x.Num(value=value):
                return number_piece(value)
            case x.Whole(slot=x.Affine(terms=(), constant=n)):
                return Piece(size_node(n), ADD if len(n.terms) > 1 else ATOM)
            case x.Whole(slot=slot):
                return Piece(self.slot(slot, names), ATOM if isinstance(slot, Index) else ADD)
            case Entry():
                return Piece(self.entry(e, names), ATOM)
            case x.Ind(cond=cond):
                return Piece(self.delta(cond, names), ATOM)
            case x.Call():
                return self.call(e, names, closed)
            case x.Add(terms=terms):
                return Piece(self.sum(terms, names), ADD)
            case x.Mul():
                return self.product(e, names, closed)
            case x.Pow(base=base, exponent=exponent):
                return self.power(base, exponent, names, closed)
            case x.Reduce():
                return self.reduction(e, names, closed)
            case x.Cases(branches=branches, otherwise=otherwise):
                return Piece(self.cases(branches, otherwise, names), ATOM)
            case x.D(body=body, wrt=wrt):
                return self.derivative(e, body, wrt, names, closed)
        raise TypeError(f"have you added a new node? {type(e).__name__}")

    # ------------------------------------------------------------ arrays and index positions

    def entry(self, e: Entry, names: Mapping[Index, str]) -> Node:
        """E_ij; a gradient as ∂L/∂E_ij."""
        if e.name.startswith("∂"):
            return self.gradient(e, names)
        base, sub = array(e.name, self.spelling), self.subscript(e, names)
        if sub is None:
            return base
        return Script(base.base, sub, base.sup) if isinstance(base, Script) and base.sub is None else (
            Script(base if not isinstance(base, Script) else Fence(base), sub))  # fmt: skip

    def gradient(self, e: Entry, names: Mapping[Index, str]) -> Node:
        name, _, version = e.name[1:].partition("~")
        total = version == "total"
        under = self.entry(Entry(name if total or not version else f"{name}~{version}", e.slots), names)
        node = Frac(row(PARTIAL, symbol(self.spelling.shown(self.spelling.loss))), row(PARTIAL, under))
        upstream = name in self.spelling.given and not total
        return Script(Fence(node, "eval"), Text("given")) if upstream else node

    def subscript(self, e: Entry, names: Mapping[Index, str]) -> Node | None:
        """The index positions, axes of length one left out; letters side by side, anything longer after commas."""
        shape = self.spelling.shapes.get(e.name, ())
        shown = [s for k, s in enumerate(e.slots) if not is_single(s, shape[k] if len(shape) == len(e.slots) else None)]
        if not shown:
            return None
        nodes = [self.slot(s, names) for s in shown]
        if all(isinstance(n, Sym) and len(n.text) == 1 or isinstance(n, Sym) and n.style == "greek" for n in nodes):
            return row(*nodes)
        return listed(nodes)

    def slot(self, s: x.Slot, names: Mapping[Index, str]) -> Node:
        match s:
            case Index():
                return index_symbol(names[s])
            case Entry():
                return self.entry(s, names)
            case x.Affine(terms=terms, constant=constant):
                return self.affine(terms, constant, names)
            case x.Join(parts=joined):
                return Fence(listed([self.slot(p, names) for p, _ in joined]))
            case x.Part(slot=inner, divisor=divisor, modulus=modulus):
                return self.digit(inner, divisor, modulus, names)
            case x.ArgBest(op=op, index=i, body=body):
                inner = {**names, i: self.letters.bound(i, names)}
                return row(Big(f"arg{op}", index_symbol(inner[i])), self.put(body, inner, ATOM))
        raise TypeError(f"have you added a new slot? {type(s).__name__}")

    def affine(self, terms: tuple[tuple[x.Slot, Size], ...], constant: Size, names: Mapping[Index, str]) -> Node:
        items: list[Node] = []
        for slot, c in terms:
            negative = bool(c.terms) and c.terms[0][1] < 0
            c = -c if negative else c
            items += [MINUS if items else NEG] if negative else [PLUS] if items else []
            inner = self.slot(slot, names)
            items += [inner] if c.number == 1 else [factor_size(c), inner]
        if constant.terms or not items:
            tail = size_node(constant)
            first = tail.items[0] if isinstance(tail, Row) else tail
            items += [tail] if not items else [MINUS, *tail.items[1:]] if first == NEG else [PLUS, tail]
        return row(*items)

    def digit(self, inner: x.Slot, divisor: Size, modulus: Size | None, names: Mapping[Index, str]) -> Node:
        """⌊c/E⌋ for the leading digit, c mod E for the last one."""
        node = self.slot(inner, names)
        node = Fence(node) if isinstance(node, Row) else node
        if divisor.number != 1:
            node = Fence(row(node, TIGHT_SLASH, factor_size(divisor)), "floor")
        return node if modulus is None else row(node, Op("mod"), factor_size(modulus))

    # ------------------------------------------------------------ conditions

    def delta(self, cond: Cond, names: Mapping[Index, str]) -> Node:
        """δ_ik for two plain positions, else the condition in brackets."""
        if isinstance(cond, x.Rel) and cond.op == "eq" and all(map(plain_slot, (cond.left, cond.right))):
            nodes = [self.slot(s, names) for s in (cond.left, cond.right)]
            letters = all(isinstance(n, Sym | Script) for n in nodes)
            return Script(Sym("delta", "greek"), row(*nodes) if letters else listed(nodes))
        return Fence(self.cond(cond, names), "bracket")

    def cond(self, c: Cond, names: Mapping[Index, str]) -> Node:
        match c:
            case x.Rel(op=op, left=a, right=b):
                return row(self.side(a, names), SIGNS[op], self.side(b, names))
            case x.Not(part=x.Rel(op="eq", left=a, right=b)):
                return row(self.side(a, names), Op("ne"), self.side(b, names))
            case x.Not(part=inner):
                return row(Op("not", "prefix"), Fence(self.cond(inner, names)))
            case x.And(parts=()) | x.Or(parts=()):
                return Text("true" if isinstance(c, x.And) else "false")
            case x.And(parts=(x.Rel(right=a), x.Rel(op=op, left=b, right=last))) if op != "eq" and a == b:
                return row(self.cond(c.parts[0], names), SIGNS[op], self.side(last, names))
            case x.And(parts=inner):
                return listed([self.cond(p, names) for p in inner])
            case x.Or(parts=inner):
                return listed([self.cond(p, names) for p in inner], Op("or"))
        raise TypeError(f"have you added a new condition? {type(c).__name__}")

    def side(self, t: x.Slot | Expr, names: Mapping[Index, str]) -> Node:
        return self.put(t, names) if isinstance(t, Expr) else self.slot(t, names)

    def cases(self, branches: tuple, otherwise: Expr, names: Mapping[Index, str]) -> Node:
        rows = [(self.put(v, names), row(Text("if "), self.cond(c, names))) for c, v in branches]
        return Grid((*rows, (self.put(otherwise, names), Text("otherwise"))), "cases")

    # ------------------------------------------------------------ functions and powers

    def call(self, e: x.Call, names: Mapping[Index, str], closed: bool) -> Piece:
        """log x, tanh(…), |x|; the exponential of something short as a power of e."""
        if e.op in FENCES:
            return Piece(Fence(self.put(e.args[0], names), FENCES[e.op]), ATOM)
        if e.op == "exp" and (exponent := self.exponent(e.args[0], names)) is not None:
            return Piece(Script(Sym("e"), None, exponent), SCRIPT)
        name = function_node(e.op, self.spelling)
        if not e.args:
            return Piece(name, ATOM)
        return Piece(row(name, self.arguments(e.args, names, closed or not is_word(name))), MUL if not closed else ATOM)

    def arguments(self, args: tuple[Expr, ...], names: Mapping[Index, str], fenced: bool) -> Node:
        node = self.put(args[0], names, ATOM) if len(args) == 1 else None
        bare = node is not None and not fenced and isinstance(args[0], (Entry, x.Num, x.Whole))
        if bare and not begins_with_word(node):
            return node
        return Fence(listed([self.put(a, names) for a in args]))

    def exponent(self, e: Expr, names: Mapping[Index, str]) -> Node | None:
        """The argument of exp as a superscript, None when it is too long or high, or when an array is called e."""
        high = (x.Reduce, x.Cases, x.D, x.Call)
        if any(isinstance(t, high) or isinstance(t, Entry) and t.name.startswith("∂") for t in x.walk(e)):
            return None
        node = inline(self.put(e, names))
        taken = "e" in self.letters.taken or "e" in self.spelling.shapes
        return node if width(node) <= SHORT_EXPONENT and not taken else None

    def power(self, base: Expr, exponent: Expr, names: Mapping[Index, str], closed: bool) -> Piece:
        n = exponent.value if isinstance(exponent, x.Num) else None
        if isinstance(n, Fraction) and n < 0 and n.denominator == 1:
            return Piece(self.fraction([], [self.put(base, names) if n == -1 else self.raised(base, -n, names)]), SCRIPT)
        return Piece(self.raised(base, n if n is not None else exponent, names, closed), SCRIPT)

    def raised(
        self, base: Expr, n: Fraction | float | Expr, names: Mapping[Index, str], closed: bool = False
    ) -> Node:
        """A base with an exponent above it: E_ij², tanh²(u), (a + b)^{−1/2}."""
        if n == 1 and not isinstance(n, Expr):
            return self.put(base, names, closed=True)
        above = self.put(n, names) if isinstance(n, Expr) else exponent_number(n)
        if isinstance(base, x.Call) and base.op not in (*FENCES, "exp") and base.args and whole_positive(n):
            name = function_node(base.op, self.spelling)
            if is_word(name):
                return row(Script(name, None, above), self.arguments(base.args, names, closed))
        node = self.put(base, names, ATOM, closed=True)
        whole = with_exponent(node, above) if isinstance(base, Entry) and not has_gradient(base) else None
        if whole is not None:
            return whole
        return Script(node if isinstance(node, Sym | Num | Fence) else Fence(node), None, above)

    # ------------------------------------------------------------ sums and products

    def sum(self, terms: tuple[Expr, ...], names: Mapping[Index, str]) -> Node:
        items: list[Node] = []
        for place, t in enumerate(terms):
            open_end = isinstance(t, x.Reduce) and t.op != "sum" and place + 1 < len(terms)
            piece = self.piece(t, names, closed=open_end)
            if items or piece.minus:
                items.append((MINUS if items else NEG) if piece.minus else PLUS)
            items.append(marked(Fence(piece.node) if piece.level < MUL else piece.node, id(t), self.marks))
        return row(*items)

    def product(self, e: x.Mul, names: Mapping[Index, str], closed: bool) -> Piece:
        """± coefficient · factors; denominators gathered under one bar with the plain factors above it."""
        minus, over, under, rest = self.coefficient(e.factors, names)
        bars = [f for f in rest if under_bar(f)]
        plain = [f for f in rest if above_bar(f)] if bars else []
        others = [f for f in rest if not under_bar(f)]
        if bars and len(others) == 1 and isinstance(others[0], x.Add) and not has_gradient(others[0]):
            plain = others
        if len(plain) > FEW_FACTORS:
            plain = []
        gathered = [id(f) for f in (*bars, *plain)]
        if len(gathered) == len(rest) and bars and not (self.table and not plain):
            return Piece(self.bar(over, plain, under, bars, names), SCRIPT, minus)
        items = [self.fraction(over, under)] if over or under else []
        done = False
        for place, f in enumerate(rest):
            if id(f) not in gathered:
                last = place == len(rest) - 1 and not closed
                items.append(self.put(f, names, SCRIPT if not last else MUL, closed=not last))
            elif not done:
                done = True
                items.append(self.bar([], plain, [], bars, names))
        items = dotted(items)
        return Piece(row(*items) if items else ONE, MUL if len(items) > 1 else SCRIPT, minus)

    def bar(self, over: list[Node], plain: list[Expr], under: list[Node], bars: list, names: Mapping) -> Node:
        need = 0 if len(plain) == 1 and not over else SCRIPT
        above = [*over, *(self.put(f, names, need, closed=True) for f in plain)]
        below = [marked(self.below(f, names, len(bars) + len(under) > 1), id(f), self.marks) for f in bars]
        node = self.fraction(above, [*under, *below])
        whole = not over and not under and all(id(f) in self.marks.fresh for f in (*plain, *bars))
        return Mark(node, "fresh") if whole else node

    def below(self, f: x.Pow, names: Mapping[Index, str], among: bool) -> Node:
        """A negative power as what it puts under the bar."""
        n = -f.exponent.value
        node = self.put(f.base, names) if n == 1 else self.raised(f.base, n, names)
        return Fence(node) if among and n == 1 and isinstance(f.base, (x.Add, x.Reduce)) else node

    def fraction(self, over: list[Node], under: list[Node]) -> Node:
        above = row(*over) if over else ONE
        if not under:
            return above
        below = row(*under)
        if self.table and is_slim(above) and is_slim(below) and not isinstance(below, Sym | Num):
            return row(above, TIGHT_SLASH, below)
        return Frac(above, below, small=self.table and is_slim(above) and is_slim(below))

    def coefficient(self, factors: tuple[Expr, ...], names: Mapping[Index, str]) -> tuple:
        """Sign, numbers and sizes above and below the bar, and the other factors."""
        minus, over, under, rest = False, [], [], []
        for f in factors:
            if isinstance(f, x.Num) and isinstance(f.value, Fraction):
                minus ^= f.value < 0
                above, below = ratio(abs(f.value))
                over += [marked(n, id(f), self.marks) for n in above]
                under += [marked(n, id(f), self.marks) for n in below]
            elif is_constant(f):
                over.append(self.put(f, names, SCRIPT))
            elif under_bar(f) and (is_constant(f.base) or isinstance(f.base, x.Num)):
                under.append(marked(self.below(f, names, False), id(f), self.marks))
            else:
                rest.append(f)
        if len(under) > 1:
            under = [Fence(n) if isinstance(n, Row) and any(isinstance(i, Op) for i in n.items) else n for n in under]
        return minus, over, under, rest

    def reduction(self, e: x.Reduce, names: Mapping[Index, str], closed: bool) -> Piece:
        """Σ over one index, or over several where the body of each is just the next sum."""
        bound, body = [e], e.body
        inner = {**names, e.index: self.letters.bound(e.index, names)}
        while self.merges(e, bound, body):
            bound.append(body)
            inner = {**inner, body.index: self.letters.bound(body.index, inner)}
            body = body.body
        sign = marked(self.sign(bound, inner), id(e), self.marks, sign_only=True)
        node = row(sign, self.put(body, inner, MUL if e.op in ("sum", "prod") else SCRIPT))
        return Piece(Fence(node), ATOM) if closed else Piece(node, MUL)

    def merges(self, e: x.Reduce, bound: list[x.Reduce], body: Expr) -> bool:
        if not isinstance(body, x.Reduce) or body.op != e.op or any(b.guard is not None for b in (*bound, body)):
            return False
        return not self.table and self.marks.alike(id(e), id(body))

    def sign(self, bound: list[x.Reduce], names: Mapping[Index, str]) -> Node:
        e = bound[0]
        letters = [index_symbol(names[b.index]) for b in bound]
        if e.guard is not None:
            cond = self.cond(e.guard, names)
            about = isinstance(cond, Row) and cond.items[0] == letters[0]
            return Big(e.op, cond if about else row(letters[0], Op("colon"), cond))
        if self.table and e.op in ("sum", "prod"):
            last = e.index.size - (1 - self.spelling.first)
            return Big(e.op, row(letters[0], EQ, Num(str(self.spelling.first))), size_node(last))
        return Big(e.op, listed(letters))

    # ------------------------------------------------------------ derivatives

    def derivative(self, e: x.D, body: Expr, wrt: Entry, names: Mapping[Index, str], closed: bool) -> Piece:
        """∂E_mk/∂E_ij for an entry, else the operator ∂/∂E_ij before its body."""
        by = row(PARTIAL, self.put(wrt, names))
        if isinstance(body, Entry):
            return Piece(Frac(row(PARTIAL, self.put(body, names)), by), SCRIPT)
        operator = marked(Frac(PARTIAL, by), id(e), self.marks, sign_only=True)
        tight = isinstance(body, x.Pow | x.Call | x.Reduce) and not closed
        return Piece(row(operator, self.put(body, names) if tight else Fence(self.put(body, names))), SCRIPT)


__all__ = ["PLAIN", "Spelling", "equation_node", "formula", "function_node", "gradient_node"]
