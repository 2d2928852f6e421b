"""The engine's own notation: `parse(text(e)) == e`.

    sum[j:C] y[j]*log(s[j])        max[j:C] x[i,j]            prod[i:n | i < k] x[i]
    [i = j]   [x[i] < 0]           {x[i] if 0 < x[i]; 0}      D(log(s[i]), s[k])
    p[i, Y[i]]   L[]   x[p + 2*a]   emb[(t:T, e:E)]  x[c//E, c%E]   x[i, argmax[j:C](x[i,j])]
    1/n   size(n - 1)*x[i]   3/2   1e-5   inf   x^2   u**2

A bare name is an index when one of that name is in scope, else a size; a scalar array carries empty brackets.
Function names are data: any name before `(` is an op.  Σ reaches to the end of its product: `sum[k:D] a[k]*b[k] + c[]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import inf

from derive import expr as x
from derive.errors import BadNotation, Span
from derive.expr import Expr, Term
from derive.index import Index, Size

# ---------------------------------------------------------------- printing

ADD, MUL, NEG, POW, ATOM = 1, 2, 3, 4, 5


def letters(t: Term | Index) -> dict[Index, str]:
    """A printed letter for every index of a term: its own name, numbered where that name is taken in its scope."""
    taken = {letter for u in x.walk(t) for letter in _size_letters(u)} | set(t.names if isinstance(t, Term) else ())
    chosen: dict[Index, str] = {}
    scope: set[str] = set()
    for i in sorted(x.free_indices(t), key=lambda i: i.number):
        chosen[i] = _fresh_letter(i, taken | scope)
        scope.add(chosen[i])
    _name_binders(t, scope, taken, chosen)
    return chosen


def _fresh_letter(i: Index, taken: set[str]) -> str:
    name, count = i.name or "i", 1
    while name in taken:
        count += 1
        name = f"{i.name}{count}"
    return name


def _name_binders(t: Term | Index, scope: set[str], taken: set[str], chosen: dict[Index, str]) -> None:
    """Letters for the bound indices, outermost first; sums side by side may share a letter."""
    if isinstance(t, (x.Reduce, x.ArgBest)):
        held = chosen.get(t.index)
        if held is None or held in scope:
            busy = scope | taken | (set(chosen.values()) if held else set())
            chosen[t.index] = _fresh_letter(t.index, busy)
        scope = scope | {chosen[t.index]}
    for part_ in x.parts(t):
        if isinstance(part_, Term):
            _name_binders(part_, scope, taken, chosen)


def _size_letters(u: Term | Index) -> frozenset[str]:
    match u:
        case x.Affine(terms=terms, constant=constant):
            return constant.letters.union(*(c.letters for _, c in terms))
        case x.Join(parts=joined):
            return frozenset().union(*(n.letters for _, n in joined))
        case x.Part(divisor=divisor, modulus=modulus):
            return divisor.letters | (modulus.letters if modulus else frozenset())
        case x.Reduce(index=i) | x.ArgBest(index=i):
            return i.size.letters
    return frozenset()


def text(t: Term | Index, names: Mapping[Index, str] | None = None) -> str:
    """The term in the engine's notation; `names` gives the letters of its indices."""
    names = letters(t) if names is None else names
    if isinstance(t, (x.Rel, x.And, x.Or, x.Not)):
        return _cond(t, names)
    return _slot(t, names) if isinstance(t, x.SLOTS) and not isinstance(t, Expr) else _text(t, names)[0]


def _quoted(name: str) -> str:
    """An array named like a word of the notation is written in backquotes."""
    return f"`{name}`" if name in RESERVED else name


def _wrap(e: Expr, names: Mapping[Index, str], level: int) -> str:
    body, own = _text(e, names)
    return f"({body})" if own < level else body


def _text(e: Expr, names: Mapping[Index, str]) -> tuple[str, int]:
    match e:
        case x.Num(value=value):
            return _number(value)
        case x.Whole(slot=slot):
            return _whole(slot, names)
        case x.Entry(name=name, slots=slots):
            return f"{_quoted(name)}[{', '.join(_slot(s, names) for s in slots)}]", ATOM
        case x.Ind(cond=cond):
            return f"[{_cond(cond, names)}]", ATOM
        case x.Call(op=op, args=args):
            return f"{op}({', '.join(_wrap(a, names, 0) for a in args)})", ATOM
        case x.Add(terms=terms):
            return _sum(terms, names), ADD
        case x.Mul(factors=factors):
            return _product(factors, names), MUL
        case x.Pow(base=base, exponent=exponent):
            return _power(base, exponent, names)
        case x.Reduce(op=op, index=i, body=body, guard=guard):
            tail = "" if guard is None else f" | {_cond(guard, names)}"
            return f"{op}[{names[i]}:{i.size}{tail}] {_wrap(body, names, MUL)}", NEG
        case x.Cases(branches=branches, otherwise=otherwise):
            inner = "; ".join(f"{_wrap(v, names, 0)} if {_cond(c, names)}" for c, v in branches)
            return f"{{{inner}; {_wrap(otherwise, names, 0)}}}", ATOM
        case x.D(body=body, wrt=wrt):
            return f"D({_wrap(body, names, 0)}, {_wrap(wrt, names, 0)})", ATOM
    raise TypeError(f"have you added a new node? {type(e).__name__}")


def _number(value: Fraction | float) -> tuple[str, int]:
    if isinstance(value, float):
        return ("inf", ATOM) if value > 0 else ("-inf", NEG)
    return str(value), ATOM if value.denominator == 1 and value >= 0 else NEG if value.denominator == 1 else MUL


def _whole(slot: x.Slot, names: Mapping[Index, str]) -> tuple[str, int]:
    if isinstance(slot, x.Affine) and not slot.terms:
        simple = slot.constant.letter is not None
        return (str(slot.constant) if simple else f"size({slot.constant})"), ATOM
    return (names[slot] if isinstance(slot, Index) else f"at({_slot(slot, names)})"), ATOM


def _sum(terms: Iterable[Expr], names: Mapping[Index, str]) -> str:
    out = ""
    for term in terms:
        piece, level = _text(term, names)
        piece = f"({piece})" if level < MUL else piece
        out += piece if not out else f" - {piece[1:]}" if piece.startswith("-") else f" + {piece}"
    return out


def _product(factors: tuple[Expr, ...], names: Mapping[Index, str]) -> str:
    out = ""
    for place, f in enumerate(factors):
        last = place == len(factors) - 1
        if not out and f.key == x.MINUS_ONE.key:
            out = "-"
            continue
        opened = not out or out == "-"
        if isinstance(f, x.Pow) and _is_minus_one(f.exponent):
            piece = _wrap(f.base, names, POW)
            out += f"1/{piece}" if opened else f"/{piece}"
            continue
        level = MUL if isinstance(f, x.Num) and opened and out != "-" else NEG if last or opened else POW
        piece = _wrap(f, names, POW if isinstance(f, x.Reduce) and not last else level)
        if out == "-" and piece.startswith("-"):
            piece = f"({piece})"
        out += piece if opened else f"*{piece}"
    return out


def _is_minus_one(e: Expr) -> bool:
    return isinstance(e, x.Num) and e.value == -1


def _power(base: Expr, exponent: Expr, names: Mapping[Index, str]) -> tuple[str, int]:
    if _is_minus_one(exponent):
        return f"1/{_wrap(base, names, POW)}", MUL
    return f"{_wrap(base, names, ATOM)}^{_wrap(exponent, names, ATOM)}", POW


def _slot(s: x.Slot, names: Mapping[Index, str]) -> str:
    match s:
        case Index():
            return names[s]
        case x.Entry():
            return _text(s, names)[0]
        case x.Affine(terms=terms, constant=constant):
            return _affine(terms, constant, names)
        case x.Join(parts=joined):
            return f"({', '.join(f'{_slot(p, names)}:{n}' for p, n in joined)})"
        case x.Part(slot=inner, divisor=divisor, modulus=modulus):
            plain = isinstance(inner, (Index, x.Entry, x.Join))
            out = _slot(inner, names) if plain else f"({_slot(inner, names)})"
            out += "" if divisor.number == 1 else f"//{divisor.factor_text()}"
            return out if modulus is None else f"{out}%{modulus.factor_text()}"
        case x.ArgBest(op=op, index=i, body=body):
            return f"arg{op}[{names[i]}:{i.size}]({_wrap(body, names, 0)})"
    raise TypeError(f"have you added a new slot? {type(s).__name__}")


def _affine(terms: tuple[tuple[x.Slot, Size], ...], constant: Size, names: Mapping[Index, str]) -> str:
    out = ""
    for slot, c in terms:
        inner = _slot(slot, names)
        inner = f"({inner})" if isinstance(slot, (x.Part, x.Affine)) else inner
        sign, c = ("-", -c) if c.terms and c.terms[0][1] < 0 else ("+", c)
        body = inner if c.number == 1 else f"{c.factor_text()}*{inner}"
        out += f" {sign} {body}" if out else body if sign == "+" else f"-{body}"
    if constant.terms or not out:
        tail = str(constant)
        out += tail if not out else f" - {tail[1:]}" if tail.startswith("-") and len(constant.terms) == 1 else f" + {tail}"
    return out


_SIGNS = {"eq": "=", "lt": "<", "le": "<="}


def _cond(c: x.Cond, names: Mapping[Index, str]) -> str:
    match c:
        case x.Rel(op=op, left=a, right=b):
            return f"{_side(a, names)} {_SIGNS[op]} {_side(b, names)}"
        case x.And(parts=()):
            return "true"
        case x.Or(parts=()):
            return "false"
        case x.And(parts=inner):
            return " and ".join(f"({_cond(p, names)})" if isinstance(p, x.Or) else _cond(p, names) for p in inner)
        case x.Or(parts=inner):
            return " or ".join(f"({_cond(p, names)})" if isinstance(p, x.And) else _cond(p, names) for p in inner)
        case x.Not(part=x.Rel(op="eq", left=a, right=b)):
            return f"{_side(a, names)} != {_side(b, names)}"
        case x.Not(part=inner):
            return f"not ({_cond(inner, names)})"
    raise TypeError(f"have you added a new condition? {type(c).__name__}")


def _side(t: x.Slot | Expr, names: Mapping[Index, str]) -> str:
    return _text(t, names)[0] if isinstance(t, Expr) else _slot(t, names)


# ---------------------------------------------------------------- reading

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?)"
    r"|(?P<name>[∂]*[^\W\d]\w*(?:[.~]\w+)*|`[^`]+`)"
    r"|(?P<sign>//|\*\*|<=|>=|!=|==|[-+*/%^()\[\]{},:;|=<>]))"
)
_REDUCTIONS = ("sum", "prod", "max", "min")
RESERVED = {*_REDUCTIONS, "argmax", "argmin", "D", "size", "at", "inf", "if", "and", "or", "not", "true", "false"}
_COMPARE = {"=": "eq", "==": "eq", "<": "lt", "<=": "le", ">": "lt", ">=": "le", "!=": "eq"}


def parse(source: str, scope: Mapping[str, Index] | Iterable[Index] = (), scalars: Iterable[str] = ()) -> Expr:
    """The expression that a text denotes.  `scope`: its free indices, by name or as indices.

    `scalars` are bare names that denote scalar arrays instead of sizes.  Raises BadNotation with the column of the
    first thing that does not fit.
    """
    return _whole_text(source, scope, lambda p: p.sum(), frozenset(scalars))


def parse_cond(source: str, scope: Mapping[str, Index] | Iterable[Index] = ()) -> x.Cond:
    """The condition that a text denotes; raises BadNotation."""
    return _whole_text(source, scope, lambda p: p.cond())


def parse_size(source: str) -> Size:
    """The size that a text such as `(H - KH)//s + 1` denotes; raises BadNotation."""

    def read(p: _Parser) -> Size:
        slot = x.as_slot(p.sum())
        if not isinstance(slot, x.Affine) or slot.terms:
            p.fail("this is not a size", "sizes are letters and integers with + - * //")
        return slot.constant

    return _whole_text(source, (), read)


def parse_equation(source: str) -> tuple[str, tuple[Index, ...], Expr]:
    """`Z[i:n, j:C] = rhs` as name, indices and right-hand side; raises BadNotation."""

    def read(p: _Parser) -> tuple[str, tuple[Index, ...], Expr]:
        name, indices = p.advance().strip("`"), []
        p.expect("[")
        while not p.accept("]"):
            letter = p.advance()
            p.expect(":")
            indices.append(Index(letter, p.size()))
            if p.sign != "]":
                p.expect(",")
        p.expect("=")
        p.scope |= {i.name: i for i in indices}
        return name, tuple(indices), p.sum()

    return _whole_text(source, (), read)


def equation_text(name: str, indices: tuple[Index, ...], rhs: Expr) -> str:
    """The inverse of parse_equation."""
    names = letters(_over(indices, rhs))
    left = ", ".join(f"{names[i]}:{i.size}" for i in indices)
    return f"{_quoted(name)}[{left}] = {text(rhs, names)}"


def _over(indices: tuple[Index, ...], rhs: Expr) -> Expr:
    """A term that holds all of the indices, so that each gets a letter of its own."""
    return x.Call("of", (rhs, *(x.Whole(i) for i in indices)))


def _whole_text(source, scope, read, scalars=frozenset()):
    named = scope if isinstance(scope, Mapping) else {i.name: i for i in scope}
    parser = _Parser(source, dict(named), scalars)
    result = read(parser)
    if parser.sign or parser.value:
        parser.fail(f"`{parser.value}` does not continue the formula")
    return result


class _Parser:
    """Recursive descent over tokens; `scope` maps the names of the indices that are in reach."""

    def __init__(self, source: str, scope: dict[str, Index], scalars: frozenset[str] = frozenset()):
        self.source, self.scope, self.scalars, self.place = source, scope, scalars, 0
        self.advance()

    # -- tokens

    def advance(self) -> str:
        """Read the next token; return the value of the one left behind."""
        left = getattr(self, "value", "")
        rest = self.source[self.place :]
        self.start = self.place + len(rest) - len(rest.lstrip())
        found = _TOKEN.match(self.source, self.place)
        if not rest.strip():
            self.kind, self.value = "end", ""
        elif not found:
            self.value, self.kind = rest.strip()[0], "end"
            self.fail(f"`{self.value}` is not part of the notation")
        else:
            self.kind, self.value, self.place = found.lastgroup, found.group(found.lastgroup), found.end()
        self.sign = self.value if self.kind == "sign" else ""
        return left

    def fail(self, what: str, why: str = "", hint: str = ""):
        column = self.start + 1
        raise BadNotation(what, why, hint, Span(1, column, 1, column + max(1, len(self.value)), self.source))

    def accept(self, *signs: str) -> str:
        return self.advance() if self.sign in signs and self.sign else ""

    def expect(self, sign: str) -> None:
        if not self.accept(sign):
            self.fail(f"expected `{sign}` but found `{self.value or 'the end'}`")

    def word(self, *words: str) -> bool:
        if self.kind == "name" and self.value in words:
            self.advance()
            return True
        return False

    # -- expressions

    def sum(self) -> Expr:
        terms = [self.product()]
        while sign := self.accept("+", "-"):
            term = self.product()
            terms.append(term if sign == "+" else x.negate(term))
        return x.add(*terms)

    def product(self) -> Expr:
        factors = [self.signed()]
        while sign := self.accept("*", "/", "//", "%"):
            f = self.signed()
            if sign == "*":
                factors.append(f)
            elif sign == "/":
                factors.append(x.power(f, x.MINUS_ONE))
            else:
                factors = [self.digit(x.mul(*factors), sign, f)]
        return x.mul(*factors)

    def digit(self, over: Expr, sign: str, under: Expr) -> Expr:
        """`a // b` and `a % b` of sizes or slots."""
        a, b = x.as_slot(over), x.as_slot(under)
        if a is None or not isinstance(b, x.Affine) or b.terms:
            self.fail(f"`{sign}` takes an index or a size on its left and a size on its right")
        if sign == "//" and isinstance(a, x.Affine) and not a.terms:
            return x.size(a.constant // b.constant)
        if sign == "//":
            return x.Whole(x.part(a, b.constant, None))
        if isinstance(a, x.Part) and a.modulus is None:
            return x.Whole(x.part(a.slot, a.divisor, b.constant))
        return x.Whole(x.part(a, Size.of(1), b.constant))

    def signed(self) -> Expr:
        if self.accept("-"):
            return x.negate(self.signed())
        return self.power()

    def power(self) -> Expr:
        base = self.atom()
        if self.accept("^", "**"):
            return x.power(base, self.signed())
        return base

    def atom(self) -> Expr:
        if self.kind == "number":
            return x.num(self.advance())
        if self.accept("("):
            return self.group()
        if self.accept("["):
            cond = self.cond()
            self.expect("]")
            return x.indicator(cond)
        if self.accept("{"):
            return self.cases()
        if self.kind == "name":
            return self.named(self.advance())
        self.fail(f"expected a formula but found `{self.value or 'the end'}`")

    def group(self) -> Expr:
        """A bracketed expression, or a join `(t:T, e:E)`."""
        first = self.sum()
        if self.sign != ":":
            self.expect(")")
            return first
        joined = []
        while True:
            self.expect(":")
            joined.append((self.slot(first), self.size()))
            if not self.accept(","):
                break
            first = self.sum()
        self.expect(")")
        return x.Whole(x.join(joined))

    def named(self, name: str) -> Expr:
        if name == "inf":
            return x.Num(inf)
        if name in self.scalars and self.sign not in ("[", "("):
            return x.Entry(name, ())
        if name in _REDUCTIONS and self.sign == "[":
            return self.reduction(name)
        if name in ("argmax", "argmin") and self.sign == "[":
            return self.argbest(name[3:])
        if self.accept("["):
            return self.entry(name)
        if self.accept("("):
            return self.call(name)
        return x.Whole(self.scope[name]) if name in self.scope else x.size(name)

    def entry(self, name: str) -> Expr:
        slots = []
        while not self.accept("]"):
            slots.append(self.slot(self.sum()))
            if self.sign != "]":
                self.expect(",")
        return x.Entry(name.strip("`"), tuple(slots))

    def slot(self, e: Expr) -> x.Slot:
        found = x.as_slot(e)
        if found is None:
            self.fail("an index position takes an index, an integer form, an integer entry, a join or an argmax")
        return found

    def call(self, name: str) -> Expr:
        args = [] if self.sign == ")" else [self.sum()]
        while self.accept(","):
            args.append(self.sum())
        self.expect(")")
        if name == "D":
            if len(args) != 2 or not isinstance(args[1], x.Entry):
                self.fail("D takes a formula and an entry: D(log(s[i]), s[k])")
            return x.D(*args)
        if name in ("size", "at"):
            return x.as_value(self.slot(args[0]))
        return x.Call(name, tuple(args))

    def size(self) -> Size:
        slot = x.as_slot(self.sum())
        if not isinstance(slot, x.Affine) or slot.terms:
            self.fail("expected a size")
        return slot.constant

    def binders(self) -> tuple[list[Index], dict[str, Index], x.Cond | None]:
        """`[j:C, k:D | guard]`: the new indices, the scope outside, the guard."""
        outer, bound, guard = dict(self.scope), [], None
        self.expect("[")
        while True:
            name = self.advance()
            self.expect(":")
            bound.append(Index(name, self.size()))
            if not self.accept(","):
                break
        self.scope = outer | {i.name: i for i in bound}
        if self.accept("|"):
            guard = self.cond()
        self.expect("]")
        return bound, outer, guard

    def reduction(self, op: str) -> Expr:
        bound, outer, guard = self.binders()
        body = self.product()
        self.scope = outer
        for place, i in enumerate(reversed(bound)):
            body = x.reduce_(op, i, body, guard if place == 0 else None)
        return body

    def argbest(self, op: str) -> Expr:
        bound, outer, _ = self.binders()
        self.expect("(")
        body = self.sum()
        self.expect(")")
        self.scope = outer
        return x.Whole(x.ArgBest(op, bound[0], body))

    def cases(self) -> Expr:
        branches = []
        while True:
            value = self.sum()
            if not self.word("if"):
                break
            branches.append((self.cond(), value))
            self.expect(";")
        self.expect("}")
        return x.cases(branches, value)

    # -- conditions

    def cond(self) -> x.Cond:
        parts = [self.conjunction()]
        while self.word("or"):
            parts.append(self.conjunction())
        return parts[0] if len(parts) == 1 else x.either(*parts)

    def conjunction(self) -> x.Cond:
        parts = [self.comparison()]
        while self.word("and"):
            parts.append(self.comparison())
        return parts[0] if len(parts) == 1 else x.both(*parts)

    def comparison(self) -> x.Cond:
        if self.word("true"):
            return x.TRUE
        if self.word("false"):
            return x.FALSE
        if self.word("not"):
            return x.negation(self.comparison())
        if self.sign == "(" and (found := self.bracketed_cond()) is not None:
            return found
        left = self.sum()
        sign = self.accept(*_COMPARE)
        if not sign:
            self.fail("expected a comparison: = != < <= > >=")
        right = self.sum()
        if sign in (">", ">="):
            left, right = right, left
        found = x.rel(_COMPARE[sign], left, right)
        return x.negation(found) if sign == "!=" else found

    def bracketed_cond(self) -> x.Cond | None:
        """A condition in round brackets; None (nothing consumed) when the bracket opens a formula."""
        saved = self.place, self.start, self.kind, self.value, self.sign
        try:
            self.advance()
            found = self.cond()
            self.expect(")")
            if self.sign in _COMPARE or self.sign in tuple("+-*/^%"):
                raise BadNotation("a formula")
            return found
        except BadNotation:
            self.place, self.start, self.kind, self.value, self.sign = saved
            return None


__all__ = ["letters", "parse", "parse_cond", "parse_size", "text"]
