"""What a formula means: surface trees to expressions in index notation, with every ambiguity an explicit choice.

A `Value` is an expression with its open axes: a bare `X` is X[a,b] with a, b open; `X_{ij}` has none.  Where paper is
ambiguous the elaborator asks `choose`; the checker tries every combination, and names the choices that cost something.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from derive import expr as x
from derive.expr import Entry, Expr
from derive.index import Index, Size
from derive.judges.normal import prove_equal
from derive.program import Program
from derive.readers import latex_tree as t
from derive.readers.latex_matrices import carried_out, differential, operated, slope, with_implied
from derive.readers.latex_notes import LOSSES, Notes, Unknown
from derive.routes import unfold

ELEMENTWISE = {
    "log",
    "exp",
    "sin",
    "cos",
    "tan",
    "tanh",
    "sinh",
    "cosh",
    "arctan",
    "sigmoid",
    "relu",
    "sign",
    "erf",
    "softplus",
    "gelu",
    "silu",
}

CONSTANTS = set("ABCDGMTabcdgmty")  # what constants are usually called beside d

@dataclass(frozen=True)
class Value:
    """An expression and its open axes, in order; None is an axis of length one (a row)."""

    expr: Expr
    axes: tuple[Index | None, ...] = ()

    @property
    def open(self) -> tuple[Index, ...]:
        return tuple(i for i in self.axes if i is not None)


@dataclass(frozen=True)
class Choice:
    """One ambiguity: its key, and its options in words ('' costs nothing)."""

    key: str
    options: tuple[str, ...]


@dataclass
class Elaborator:
    """Formulas of one statement to values.  `reading` fixes choices by key; `choices` collects those that came up.

    `stated`: gradients of the loss that are taken for true; `took`: whether one was asked for.
    """

    notes: Notes
    program: Program
    scope: dict[str, Index] = field(default_factory=dict)
    statement: str = "0"
    reading: Mapping[str, int] = field(default_factory=dict)
    choices: dict[str, Choice] = field(default_factory=dict)
    bound: dict[str, Index] = field(default_factory=dict)
    misfits: list[str] = field(default_factory=list)
    surrogate: Expr | None = None
    used: set[str] = field(default_factory=set)
    outer: frozenset[str] = frozenset()
    increments: frozenset[str] = frozenset()
    denominators: list[Expr] = field(default_factory=list)
    lenient: bool = False
    proposing: bool = False
    stated: Callable[[Entry], Expr | None] | None = None
    took: bool = False

    def choose(self, key: str, *options: str) -> int:
        """Which option holds for an ambiguity, by default the first."""
        self.choices.setdefault(key, Choice(key, options))
        return min(self.reading.get(key, 0), len(options) - 1)

    def value(self, node: t.Node) -> Value:
        """The value of a formula; raises Unknown."""
        handler = _NODES.get(type(node))
        if handler is None:
            raise Unknown(f"{type(node).__name__.strip('_').lower()} here is not understood", node.span)
        return handler(self, node)

    def scalar(self, node: t.Node) -> Expr:
        """The value of a formula without open axes."""
        value = self.value(node)
        if value.open:
            raise Unknown("an array stands where a number is expected", node.span)
        return value.expr

    # -- letters and places

    def letter(self, name: str) -> Index:
        """The index that a letter is: bound here, or free in the statement."""
        if name in self.bound:
            return self.bound[name]
        if name not in self.scope:
            n = self.usual(name, self.notes.sizes.resolve(Size.of(f"?{self.statement}:{name}")))
            self.scope[name] = Index(name.replace("'", "p"), n)
        return self.scope[name]

    def usual(self, name: str, n: Size) -> Size:
        """The size of a letter that nothing in the line determines: the one that it has everywhere else."""
        known = None if self.proposing else self.notes.letter_sizes.get(name)
        if known is None or n.letter is None or not n.letter.startswith("?"):
            return n
        return self.notes.sizes.resolve(known)

    def fit(self, i: Index, n: Size, what: str) -> None:
        """Learn that an index runs over an axis."""
        if not self.notes.sizes.unify(i.size, n):
            self.misfits.append(
                f"{i.name} runs over {self.notes.sizes.resolve(i.size)}, but {what} has length "
                f"{self.notes.sizes.resolve(n)}"
            )

    def slot(self, place: t.Node, name: str, k: int) -> x.Slot:
        """A place of an array as a slot; raises Unknown."""
        n = self.notes.axes(name)[k] if k < len(self.notes.axes(name)) else Size.of(f"?{name}#{k}")
        match place:
            case t.Number(value=value):
                if value.denominator != 1 or value < 0:
                    raise Unknown("a place that is no whole number", place.span)
                return x.whole_slot(max(0, int(value) - 1))
            case t.Symbol(name=last) if last in self.notes.size_names and last not in self.bound:
                return x.affine([], self.notes.sizes.resolve(Size.of(last)) - 1)
            case t.Symbol() if self.is_index(place):
                i = self.letter(place.name)
                self.fit(i, n, f"axis {k + 1} of {name}")
                return i
            case t.Symbol() | t.Paren():
                return self.label(place, n)
            case t.Sum(terms=terms):
                return self.moved(terms, n, f"axis {k + 1} of {name}")
        raise Unknown("this place of an array is not understood", place.span)

    def is_index(self, place: t.Symbol) -> bool:
        name = place.name
        if place.subs or place.marks or name in self.notes.stand_ins:
            return False
        return name in self.bound or name in self.scope or self.notes.resolve(name)[0] not in self.notes.labels

    def is_letter(self, name: str) -> bool:
        """Whether a bare letter in a condition is an index, and no number that the document knows."""
        if name in self.bound:
            return True
        return (
            not self.notes.is_array(name)
            and name not in self.program
            and (name in self.notes.letters or name in self.scope)
        )

    def label(self, place: t.Node, n: Size) -> Entry:
        """A label such as y_i that stands as a place; its values run below n."""
        if isinstance(place, t.Symbol) and place.name in self.notes.stand_ins:
            return self.label(self.notes.stand_ins[place.name], n)
        if isinstance(place, t.Paren):
            inner = place.inner
            if isinstance(inner, t.Symbol):
                name = self.notes.spell(inner)[0]
                place = t.Symbol(place.span, name, place.subs, place.marks)
        if not isinstance(place, t.Symbol):
            raise Unknown("this place of an array is not understood", place.span)
        name, places, _ = self.notes.spell(place)
        name = self.named(name, place)
        self.notes.labels.add(name)
        self.notes.ranks[name] = max(self.notes.ranks.get(name, 0), len(places))
        self.notes.sizes.unify(Size.of(f"?{name}#value"), n)
        if len(places) < self.notes.rank_of(name):
            places = places + self.missing(name, places, place)
        return Entry(name, self.program_slots(name, [self.slot(p, name, k) for k, p in enumerate(places)]))

    def moved(self, terms: Sequence[tuple[int, t.Node]], n: Size, what: str) -> x.Slot:
        """t − 1, n − 1 and the like."""
        parts: list[tuple[x.Slot, Size]] = []
        constant = Size()
        for sign, term in terms:
            match term:
                case t.Number(value=value) if value.denominator == 1:
                    constant = constant + sign * int(value)
                case t.Symbol() if self.is_index(term) and term.name not in self.notes.size_names:
                    parts.append((self.letter(term.name), Size.of(sign)))
                case t.Symbol(name=name) if name in self.notes.size_names:
                    constant = constant + sign * self.notes.sizes.resolve(Size.of(name))
                case _:
                    raise Unknown("this place of an array is not understood", term.span)
        for i, c in parts:
            if c.number == 1:
                self.fit(i, n, what)
        return x.affine(parts, constant)

    # -- symbols

    def named(self, name: str, node: t.Node) -> str:
        """The array that a name means; another spelling is a choice that must be said."""
        resolved, guessed = self.notes.resolve(name)
        if guessed:
            self.choose(f"alias {name}", f"reads {name} as {resolved}")
        self.used.add(resolved)
        return resolved

    def symbol(self, s: t.Symbol) -> Value:
        """A letter or word with its places."""
        if s.name in self.notes.stand_ins and not s.subs:
            return self.value(self.notes.stand_ins[s.name])
        name, places, sampled = self.notes.spell(s)
        if name == "delta" and len(places) == 2 and not self.notes.is_array("delta"):
            left, right = self.index_place(places[0]), self.index_place(places[1])
            if isinstance(left, Index) and isinstance(right, Index):
                self.fit(left, right.size, right.name)
            return Value(x.indicator(x.rel("eq", left, right)))
        if not places and name in self.notes.size_names:
            return Value(x.size(self.notes.sizes.resolve(Size.of(name))))
        if not places and (name in self.bound or (name in self.scope and not self.notes.is_array(name))):
            raise Unknown(f"the index {name} is used as a number", s.span)
        if not places and len(name) == 1 and name.swapcase() in self.notes.size_names and not self.notes.is_array(name):
            self.choose(f"alias {name}", f"reads {name} as {name.swapcase()}")
            return Value(x.size(self.notes.sizes.resolve(Size.of(name.swapcase()))))
        if name == "I" and not self.known(name) and all(
            isinstance(p, (t.Symbol, t.Number)) and self.is_size(p) for p in places
        ):
            return self.identity(places, s)
        if name == "pi" and not places and not self.notes.is_array("pi"):
            return Value(x.Call("pi", ()))
        if name.endswith("bar") and not places and not self.known(name) and self.notes.rank_of(name[:-3]) == 1:
            return self.mean(name[:-3])
        return self.array(self.named(name, s), places, sampled, s)

    def is_size(self, place: t.Node) -> bool:
        return isinstance(place, t.Number) or self.notes.spell(place)[0] in self.notes.size_names

    def identity(self, places: tuple[t.Node, ...], s: t.Symbol) -> Value:
        """I or I_n, of the length that its neighbours have."""
        n = self.notes.sizes.resolve(Size.of(f"?{self.statement}@{s.span[0]}I"))
        i = Index("a", n)
        if places and isinstance(places[0], t.Symbol):
            self.fit(i, self.notes.sizes.resolve(Size.of(self.notes.spell(places[0])[0])), "the identity")
        j = i.fresh()
        return Value(x.delta(i, j), (i, j))

    def known(self, name: str) -> bool:
        return name in self.program or name in self.notes.defined

    def mean(self, name: str) -> Value:
        """x̄, where nothing else says what it is."""
        i = Index("i", self.notes.axes(name)[0])
        return Value(x.size(i.size) ** -1 * x.reduce_("sum", i, Entry(name, (i,))))

    def index_place(self, place: t.Node) -> x.Slot:
        if isinstance(place, t.Symbol) and self.is_index(place):
            return self.letter(place.name)
        if isinstance(place, t.Number):
            return x.whole_slot(int(place.value) - 1)
        return self.label(place, Size.of("?any"))

    def array(self, name: str, places: tuple[t.Node, ...], sampled: bool, node: t.Node) -> Value:
        """An entry, or an array with the axes open that are not given."""
        rank = self.notes.rank_of(name)
        if name in self.notes.labels and not any(name == n for n in self.notes.onehot):
            return self.onehot(name, places, node)
        if len(places) > rank:
            raise Unknown(f"{name} carries {len(places)} indices here and {rank} elsewhere", node.span)
        given = rank - self.notes.open_axes.get(name, 0)
        if places and len(places) < given and not sampled and not any(isinstance(p, t.Any) for p in places):
            places = places + self.missing(name, places, node)
        sizes, slots, axes = self.notes.axes(name), [], []
        for k in range(rank):
            if k < len(places) and not isinstance(places[k], t.Any):
                slots.append(self.slot(places[k], name, k))
            else:
                i = Index("abcdefg"[k % 7], sizes[k])
                slots.append(i)
                axes.append(i)
        return Value(Entry(name, self.program_slots(name, slots)), tuple(axes))

    def program_slots(self, name: str, slots: Sequence[x.Slot]) -> tuple[x.Slot, ...]:
        """Slots for all axes of a program's array, those of length one included."""
        if name not in self.program:
            return tuple(slots)
        left = iter(slots)
        try:
            return tuple(x.whole_slot(0) if n.number == 1 else next(left) for n in self.program.shape(name))
        except (StopIteration, RuntimeError) as problem:
            raise Unknown(f"{name} lacks an index here") from problem

    def missing(self, name: str, places: tuple[t.Node, ...], node: t.Node) -> tuple[t.Node, ...]:
        """The indices left out: letters in scope that fit; a choice that must be said."""
        used = {p.name for p in places if isinstance(p, t.Symbol)}
        filled: list[t.Node] = []
        for k in range(len(places), self.notes.rank_of(name)):
            n = self.notes.axes(name)[k]
            fitting = [
                a
                for a, i in {**self.scope, **self.bound}.items()
                if a not in used and self.notes.sizes.resolve(i.size) == n
            ]
            if not fitting:
                fitting = [self.fresh_letter(n, used)]
            inner = [a for a in fitting if a in self.bound] or fitting
            used.add(inner[-1])
            filled.append(t.Symbol(node.span, inner[-1]))
        words = ",".join(p.name for p in (*places, *filled) if isinstance(p, t.Symbol))
        given = ",".join(p.name for p in places if isinstance(p, t.Symbol))
        self.choose(f"missing {name}_{given}", f"reads {name}_{given} as {name}_{{{words}}}")
        return tuple(filled)

    def fresh_letter(self, n: Size, used: set[str]) -> str:
        """A letter of the document that this line does not use, for an axis of this size."""
        usual = [a for a in "jkilmnpqbcd" if a in self.notes.letters]
        for letter in [*usual, *sorted(self.notes.letters), "m", "q", "r"]:
            if letter not in self.scope and letter not in self.bound and letter not in used and len(letter) == 1:
                self.scope[letter] = Index(letter, n)
                return letter
        raise Unknown("no letter is left for an index")

    def onehot(self, name: str, places: tuple[t.Node, ...], node: t.Node) -> Value:
        """A label used as a number: its one-hot row, [y_i = j]."""
        letters = [self.letter(p.name) for p in places if isinstance(p, t.Symbol) and self.is_index(p)]
        if len(letters) != len(places) or not letters:
            raise Unknown(f"the label {name} stands where a number is expected", node.span)
        axes = self.notes.axes(name)
        if len(letters) == 2 and len(axes) == 1:
            i, j = letters
        elif len(letters) == 1 and len(axes) == 1:
            j = letters[0]
            rows = [
                i
                for i in {**self.scope, **self.bound}.values()
                if self.notes.sizes.resolve(i.size) == axes[0] and i is not j
            ]
            if self.lenient:
                return Value(x.ONE)
            if not rows or self.notes.sizes.resolve(j.size) == axes[0]:
                raise Unknown(f"the label {name} stands where a number is expected", node.span)
            i = rows[-1]
        else:
            raise Unknown(f"the label {name} stands where a number is expected", node.span)
        self.choose(
            f"onehot {name}_{j.name}",
            f"reads {name}_{j.name} as {name}_{{{i.name}{j.name}}}, the one-hot row of the label",
        )
        return Value(x.delta(Entry(name, self.program_slots(name, (i,))), j))

    # -- arithmetic

    def sum(self, node: t.Sum) -> Value:
        values = [(sign, self.value(term)) for sign, term in node.terms]
        axes = self.common([v for _, v in values], node)
        values = [(sign, self.column(v, term, axes)) for (sign, v), (_, term) in zip(values, node.terms, strict=True)]
        parts = [self.spread(v, axes) for _, v in values]
        return Value(x.add(*(e if sign > 0 else x.negate(e) for (sign, _), e in zip(values, parts, strict=True))), axes)

    def column(self, v: Value, term: t.Node, axes: tuple[Index | None, ...]) -> Value:
        """A bias that is added to every column."""
        if len(v.axes) == 1 and len(axes) == 2 and isinstance(term, t.Symbol):
            if self.notes.spell(term)[0] in self.notes.columns:
                return Value(v.expr, (*v.axes, None))
        return v

    def common(self, values: Sequence[Value], node: t.Node) -> tuple[Index | None, ...]:
        """The axes of an elementwise operation: those of the value that has most."""
        longest = max(values, key=lambda v: (len(v.open), len(v.axes)))
        return longest.axes

    def spread(self, v: Value, axes: tuple[Index | None, ...]) -> Expr:
        """The value over given axes; missing ones lead, as in NumPy."""
        own, wanted = v.open, [i for i in axes if i is not None]
        if not own:
            return v.expr
        if len(v.axes) == 2 and v.axes[1] is None and len(axes) == 2 and axes[0] is not None:
            wanted = [axes[0]]
        wanted = wanted[len(wanted) - len(own) :]
        if len(own) == 1 and len(wanted) == 1 and len([i for i in axes if i is not None]) == 2 and len(v.axes) == 1:
            fitting = [
                i
                for i in axes
                if i is not None and self.notes.sizes.resolve(i.size) == self.notes.sizes.resolve(own[0].size)
            ]
            wanted = fitting[-1:] or wanted
        for i, j in zip(own, wanted, strict=True):
            self.fit(i, j.size, "the other side")
        return x.substitute(v.expr, dict(zip(own, wanted, strict=True)))

    def product(self, node: t.Product) -> Value:
        """Juxtaposition and @ multiply matrices; ⊙ and * entry by entry; / divides by one factor."""
        runs: list[list[tuple[str, Value]]] = [[]]
        for op, factor in node.factors:
            if op in ("star", "odot", "oslash") and runs[-1]:
                runs.append([])
            v = self.value(factor)
            runs[-1].append((op, Value(x.power(v.expr, x.MINUS_ONE), v.axes) if op == "oslash" else v))
        values = [self.run(run, node) for run in self.outer_last(runs, node)]
        axes = self.common(values, node)
        return Value(x.mul(*(self.spread(v, axes) for v in values)), axes)

    def outer_last(self, runs: list[list[tuple[str, Value]]], node: t.Node) -> list[list[tuple[str, Value]]]:
        """`u ⊙ v wᵀ` is (u ⊙ v) wᵀ: a vector times a matrix entry by entry would mean nothing."""
        made = [runs[0]]
        for run in runs[1:]:
            before = self.run(made[-1], node)
            (_op, first), rest = run[0], run[1:]
            if rest and len(before.axes) == len(first.axes) == 1 and rest[0][1].axes[:1] == (None,):
                both = Value(x.mul(before.expr, self.spread(first, before.axes)), before.axes)
                made[-1] = [("", both), *rest]
            else:
                made.append(run)
        return made

    def run(self, factors: list[tuple[str, Value]], node: t.Node) -> Value:
        result: Value | None = None
        for op, v in factors:
            if op == "/":
                if v.open and len(v.open) > 1 and result is not None and not result.open:
                    raise Unknown("a number is divided by a matrix", node.span)
                axes = self.common([result, v], node)
                self.divided(v.expr, node)
                result = Value(x.mul(self.spread(result, axes), x.power(self.spread(v, axes), x.MINUS_ONE)), axes)
            else:
                result = v if result is None else self.times(result, v, op, node)
        return result

    def times(self, a: Value, b: Value, op: str, node: t.Node) -> Value:
        """A product of two values: numbers scale, matrices contract, vectors of one axis meet entry by entry."""
        if not a.open or not b.open:
            return Value(x.mul(a.expr, b.expr), a.axes if a.open else b.axes)
        if len(a.axes) == len(b.axes) == 1 and op != "@":
            return Value(x.mul(a.expr, self.spread(b, a.axes)), a.axes)
        if len(a.axes) == 1 and b.axes[0] is None:
            fresh = {i: i.fresh() for i in b.open if i in a.open}
            return Value(x.mul(a.expr, x.substitute(b.expr, fresh)), (*a.axes, *(fresh.get(i, i) for i in b.axes[1:])))
        if len(a.axes) > 2 or len(b.axes) > 2:
            raise Unknown("a product of arrays with more than two axes", node.span)
        return self.contracted(a, b, node)

    def contracted(self, a: Value, b: Value, node: t.Node) -> Value:
        """Σ over the last axis of a and the first of b."""
        left, right = a.axes[-1], b.axes[0]
        if left is None or right is None:
            if left is None and right is None:
                return Value(x.mul(a.expr, b.expr), (*a.axes[:-1], *b.axes[1:]))
            raise Unknown("the inner axes of a product do not meet", node.span)
        k = left.fresh("k")
        self.fit(left, right.size, "the other factor")
        outer = {i: i.fresh() for i in b.open if i in a.open and i is not right}
        body = x.mul(x.substitute(a.expr, {left: k}), x.substitute(b.expr, {right: k, **outer}))
        axes = (*a.axes[:-1], *(outer.get(i, i) for i in b.axes[1:]))
        return Value(x.reduce_("sum", k, body), () if all(i is None for i in axes) else axes)

    def fraction(self, node: t.Fraction_) -> Value:
        over, under = self.value(node.over), self.value(node.under)
        if len(under.open) > 1:
            raise Unknown("a division by a matrix", node.span)
        axes = self.common([over, under], node)
        self.divided(under.expr, node)
        return Value(x.mul(self.spread(over, axes), x.power(self.spread(under, axes), x.MINUS_ONE)), axes)

    def divided(self, under: Expr, node: t.Node) -> None:
        """Refuse a denominator that is zero everywhere: a factor 0 beside it would hide it."""
        if isinstance(under, Entry) and under.name in self.notes.implied:
            self.denominators.append(under)
        if isinstance(under, x.Add) and prove_equal(under, x.ZERO, self.program) is True:
            raise Unknown("the denominator is zero", node.span)

    def power(self, node: t.Power) -> Value:
        base = node.base
        if isinstance(base, t.Symbol) and base.name == "e" and not base.subs and not self.notes.is_array("e"):
            inner = self.value(node.exponent)
            return Value(x.Call("exp", (inner.expr,)), inner.axes)
        v = self.value(base)
        exponent = self.value(node.exponent)
        if exponent.open:
            raise Unknown("an array in an exponent", node.span)
        if len(v.open) > 1:
            return self.matrix_power(v, exponent.expr, node)
        return Value(x.power(v.expr, exponent.expr), v.axes)

    def matrix_power(self, v: Value, exponent: Expr, node: t.Node) -> Value:
        """A^n of a square matrix for a whole number n; entry by entry is no reading of a power of a bare matrix."""
        n = exponent.value if isinstance(exponent, x.Num) else None
        if len(v.axes) != 2 or n is None or n.denominator != 1 or not 1 <= abs(n) <= 4:
            raise Unknown("this power of a matrix", node.span)
        i, j = self.square(v, node)
        first = Value(self.inverse(v.expr, i, j), v.axes) if n < 0 else v
        result = first
        for _ in range(abs(int(n)) - 1):
            result = self.contracted(result, first, node)
        return result

    def square(self, v: Value, node: t.Node) -> tuple[Index, Index]:
        """The rows and columns of a square matrix."""
        if len(v.open) != 2:
            raise Unknown("a square matrix is expected here", node.span)
        i, j = v.open
        self.fit(i, j.size, "the other axis")
        if self.notes.sizes.resolve(i.size) != self.notes.sizes.resolve(j.size):
            raise Unknown("a square matrix is expected here", node.span)
        return i, j

    def inverse(self, e: Expr, i: Index, j: Index) -> Expr:
        return operated("inverse", e, i, j, self.notes.implied)

    def determinant(self, v: Value, node: t.Node) -> Value:
        """det A; its slope needs the inverse, which is entered with it."""
        i, j = self.square(v, node)
        self.inverse(v.expr, i, j)
        return Value(operated("det", v.expr, i, j, self.notes.implied))

    def transposed(self, node: t.Transposed) -> Value:
        v = self.value(node.base)
        if len(v.axes) == 1:
            return Value(v.expr, (None, *v.axes))
        return Value(v.expr, tuple(reversed(v.axes)))

    def paren(self, node: t.Paren) -> Value:
        if isinstance(node.inner, t.Derivative) and (node.subs or node.marks):
            return self.placed_derivative(node)
        if isinstance(node.inner, t.Symbol) and (node.subs or node.marks):
            inner = node.inner
            name = self.notes.spell(inner)[0]
            if len(self.notes.spell(inner)[1]) == 0:
                return self.symbol(t.Symbol(node.span, name, node.subs, node.marks))
        v = self.value(node.inner)
        return self.indexed(v, node.subs, node) if node.subs else v

    def indexed(self, v: Value, subs: tuple[t.Node, ...], node: t.Node) -> Value:
        """(AB)_{ij}: the open axes at given places."""
        if len(subs) != len(v.open):
            raise Unknown("the indices behind the bracket do not fit what is in it", node.span)
        put = {}
        for i, place in zip(v.open, subs, strict=True):
            slot = self.index_place(place)
            if isinstance(slot, Index):
                self.fit(slot, i.size, "the axis")
            put[i] = slot
        return Value(x.substitute(v.expr, put))

    def root(self, node: t.Root) -> Value:
        v = self.value(node.inner)
        return Value(x.power(v.expr, x.Num(Fraction(1, node.degree))), v.axes)

    # -- functions

    def function(self, node: t.Function) -> Value:
        if node.primes:
            return self.primed(node)
        if node.name == "inner":
            return self.inner(node)
        if node.name in ELEMENTWISE:
            v = self.value(node.args[0])
            if len(node.args) != 1:
                raise Unknown(f"{node.name} of several arguments", node.span)
            return self.placed(Value(x.Call(node.name, (v.expr,)), v.axes), node)
        if node.name in ("softmax", "log_softmax"):
            return self.placed(self.softmax(node), node)
        if node.name == "logsumexp":
            v = self.value(node.args[0])
            i = self.last_axis(v, node)
            return Value(x.Call("log", (x.reduce_("sum", i, x.Call("exp", (v.expr,))),)), v.axes[:-1])
        if node.name in ("max", "min"):
            return self.extreme(node)
        if node.name == "tr":
            v = self.value(node.args[0])
            if len(v.open) != 2:
                raise Unknown("the trace of something that is no matrix", node.span)
            i, j = v.open
            self.fit(i, j.size, "the other axis")
            return Value(x.reduce_("sum", i, x.substitute(v.expr, {j: i})))
        if node.name == "diag":
            v = self.value(node.args[0])
            if len(v.axes) == 1:
                j = v.open[0].fresh()
                return Value(x.mul(v.expr, x.delta(v.open[0], j)), (v.open[0], j))
        if node.name == "det" and len(node.args) == 1:
            return self.determinant(self.value(node.args[0]), node)
        if node.name == "abs":
            v = self.value(node.args[0])
            return Value(x.Call("abs", (v.expr,)), v.axes)
        raise Unknown(f"the function {node.name} is not understood here", node.span)

    def primed(self, node: t.Function) -> Value:
        """σ'(u): the slope of an elementwise function, at u."""
        if node.name not in ELEMENTWISE or len(node.args) != 1 or node.primes > 3:
            raise Unknown(f"the derivative of {node.name} is not understood here", node.span)
        v, place = self.value(node.args[0]), Entry("·argument", ())
        e: Expr = x.Call(node.name, (place,))
        for _ in range(node.primes):
            e = carried_out(x.D(e, place))
        return Value(x.replace_entries(e, lambda u: v.expr if u.name == place.name else None), v.axes)

    def inner(self, node: t.Function) -> Value:
        """⟨A, B⟩ = Σ A·B over all axes."""
        if len(node.args) != 2:
            raise Unknown("an inner product of two things is expected", node.span)
        a, b = (self.value(u) for u in node.args)
        if len(a.open) != len(b.open) or not a.open:
            raise Unknown("the two sides of the inner product have different shapes", node.span)
        return Value(x.total(x.mul(a.expr, self.spread(b, a.axes)), *a.open))

    def placed(self, v: Value, node: t.Function) -> Value:
        """f(x)_j: the places behind a function."""
        return self.indexed(v, node.subs, node) if node.subs and v.open else v

    def last_axis(self, v: Value, node: t.Node) -> Index:
        if not v.axes or v.axes[-1] is None:
            raise Unknown("this function needs an array", node.span)
        return v.axes[-1]

    def softmax(self, node: t.Function) -> Value:
        """exp over the sum of exp, along the last open axis (or the letter below the name)."""
        v = self.value(node.args[0])
        if not v.open and len(node.subs) == 1 and isinstance(node.subs[0], t.Symbol):
            i = self.letter(node.subs[0].name)
        else:
            i = self.last_axis(v, node)
        j = i.fresh()
        total = x.reduce_("sum", j, x.Call("exp", (x.substitute(v.expr, {i: j}),)))
        e = x.mul(x.Call("exp", (v.expr,)), x.power(total, x.MINUS_ONE))
        if node.name == "log_softmax":
            e = x.add(v.expr, x.negate(x.Call("log", (total,))))
        return Value(e, v.axes)

    def extreme(self, node: t.Function) -> Value:
        values = [self.value(a) for a in node.args]
        if len(values) == 2:
            axes = self.common(values, node)
            return Value(
                x.Call({"max": "maximum", "min": "minimum"}[node.name], tuple(self.spread(v, axes) for v in values)),
                axes,
            )
        i = self.last_axis(values[0], node)
        return Value(x.reduce_(node.name, i, values[0].expr), values[0].axes[:-1])

    def norm(self, node: t.Norm) -> Value:
        v = self.value(node.inner)
        if node.kind == "abs" and len(v.open) == 2:
            self.choose(f"bars {node.span[0]}", "reads |A| as the determinant")
            return self.determinant(v, node)
        if node.kind == "abs":
            return Value(x.Call("abs", (v.expr,)), v.axes)
        if len(v.open) == 2 and node.kind in ("1", "2 said", "infty"):
            self.choose(f"norm {node.span[0]}", "reads the norm of a matrix entry by entry")
        if node.kind == "infty":
            e = x.Call("abs", (v.expr,))
            for i in reversed(v.open):
                e = x.reduce_("max", i, e)
            return Value(e)
        body = x.Call("abs", (v.expr,)) if node.kind == "1" else x.power(v.expr, x.num(2))
        e = x.total(body, *v.open)
        return Value(e if node.kind == "1" else x.power(e, x.num("1/2")))

    # -- big signs

    def big(self, node: t.Big) -> Value:
        letters = node.letters or self.summable(node)
        other = self.second_letter(node)
        letters = (other, *letters) if other else letters
        if node.slip:
            self.choose(f"slip {node.span[0]}", node.slip)
        held = dict(self.bound)
        made: list[tuple[Index, x.Cond | None]] = []
        for k, name in enumerate(letters):
            made.append(self.binder(node, name, last=k == len(letters) - 1))
        if not letters:
            return self.over_all(node)
        try:
            v = self.value(node.body)
        finally:
            self.bound = held
        e = v.expr
        for i, guard in reversed(made):
            e = x.reduce_(node.op, i, e, guard)
        return Value(e, v.axes)

    def second_letter(self, node: t.Big) -> str | None:
        """The j of Σ_{i ≠ j} where j stands nowhere else in the statement: the sum is over both."""
        cond = node.cond
        if not (isinstance(cond, t.Relation) and len(node.letters) == 1 and isinstance(cond.right, t.Symbol)):
            return None
        j = cond.right
        if j.subs or j.marks or not self.is_letter(j.name) or j.name in self.bound:
            return None
        return None if j.name in self.outer else j.name

    def binder(self, node: t.Big, name: str, last: bool) -> tuple[Index, x.Cond | None]:
        """The index of one letter, and the guard that its bounds make."""
        size = self.usual(name, self.notes.sizes.resolve(Size.of(f"?{self.statement}@{node.span[0]}{name}")))
        i = Index(name.replace("'", "p"), size)
        guards: list[x.Cond] = []
        outer = dict(self.bound)
        if last:
            guards += self.bounds(node, i)
        self.bound = {**outer, name: i}
        if last and node.set_ is not None:
            guards.append(self.member_guard(node, i))
        if last and isinstance(node.cond, t.Relation):
            guards.append(self.condition(node.cond))
        return i, x.both(*guards) if guards else None

    def bounds(self, node: t.Big, i: Index) -> list[x.Cond]:
        guards: list[x.Cond] = []
        low, high = node.low, node.high
        from_zero = isinstance(low, t.Number) and low.value == 0
        if isinstance(high, t.Symbol) and high.name != "infty":
            name = self.notes.spell(high)[0]
            self.notes.size_names.add(name)
            if not self.notes.sizes.unify(i.size, self.notes.sizes.resolve(Size.of(name))):
                self.misfits.append(f"the sum over {i.name} ends at {name}")
        elif isinstance(high, t.Number) and not self.notes.sizes.strict:
            self.notes.sizes.unify(i.size, Size.of(int(high.value) + from_zero))
        elif high is not None and not (from_zero and isinstance(high, t.Sum)):
            guards.append(x.rel("lt", i, self.bound_slot(high)))
        if low is not None and not isinstance(low, t.Number):
            guards.append(
                x.rel(
                    "le",
                    x.affine([(self.bound_slot(low), Size.of(1))], -1)
                    if not isinstance(low, t.Symbol)
                    else self.bound_slot(low),
                    i,
                )
            )
        elif isinstance(low, t.Number) and low.value > 1:
            guards.append(x.rel("le", x.whole_slot(int(low.value) - 1), i))
        return guards

    def bound_slot(self, node: t.Node) -> x.Slot:
        """A bound such as i + 1 or n − 1, for letters that count from 0."""
        if isinstance(node, t.Symbol) and node.name in self.notes.size_names:
            return x.whole_slot(self.notes.sizes.resolve(Size.of(node.name)))
        if isinstance(node, t.Symbol):
            return self.letter(node.name)
        if isinstance(node, t.Sum):
            return self.moved(node.terms, Size.of("?any"), "the bound")
        raise Unknown("this bound of a sum is not understood", node.span)

    def member_guard(self, node: t.Big, i: Index) -> x.Cond:
        """j ∈ Y_b: j is the label of the row; must be said."""
        name, places, _ = self.notes.spell(node.set_) if isinstance(node.set_, t.Symbol) else ("", (), False)
        name = self.named(name, node.set_) if name else ""
        if self.notes.rank_of(name) != 1:
            raise Unknown("the set under the sum is not understood", node.set_.span)
        return x.rel("eq", i, self.row_label(name, i, node.set_))

    def row_label(self, name: str, j: Index, node: t.Node) -> Entry:
        """The label of the row in scope, for `j ∈ Y`; a choice that must be said."""
        self.notes.labels.add(name)
        self.notes.sizes.unify(Size.of(f"?{name}#value"), j.size)
        rows = [
            i
            for i in {**self.scope, **self.bound}.values()
            if i is not j and self.notes.sizes.resolve(i.size) == self.notes.axes(name)[0]
        ]
        if not rows:
            rows = [i for i in {**self.scope, **self.bound}.values() if i is not j][-1:]
        if not rows:
            raise Unknown("no row for the labels is in scope", node.span)
        self.fit(rows[-1], self.notes.axes(name)[0], name)
        self.choose(f"member {name}", f"reads {j.name} in {name} as {j.name} = {name}_{rows[-1].name}")
        return Entry(name, self.program_slots(name, (rows[-1],)))

    def summable(self, node: t.Big) -> tuple[str, ...]:
        """The letter that Σ without index sums over: the only one in the body, or the one not needed elsewhere."""
        found: dict[str, None] = {}
        self._free_letters(node.body, found)
        letters = [a for a in found if a not in self.bound]
        if len(letters) > 1:
            letters = [a for a in letters if a not in self.scope] or letters
        if len(letters) > 1:
            raise Unknown("Σ without an index, and several letters could be meant", node.span)
        return tuple(letters)

    def _free_letters(self, node: t.Node, found: dict[str, None]) -> None:
        if isinstance(node, t.Derivative):
            if node.body is not None:
                self._free_letters(node.body, found)
            return
        if isinstance(node, t.Symbol):
            _, places, _ = self.notes.spell(node)
            for p in places:
                if isinstance(p, t.Symbol) and self.is_index(p):
                    found[p.name] = None
                elif isinstance(p, t.Symbol):
                    self._free_letters(p, found)
            return
        inner: dict[str, None] = {}
        for child in t.children(node):
            self._free_letters(child, inner)
        found.update({a: None for a in inner if not (isinstance(node, t.Big) and a in node.letters)})

    def over_all(self, node: t.Big) -> Value:
        v = self.value(node.body)
        if not v.open:
            raise Unknown("Σ without an index over something that has none", node.span)
        e = v.expr
        for i in reversed(v.open):
            e = x.reduce_(node.op, i, e)
        return Value(e)

    # -- conditions

    def cases(self, node: t.Cases) -> Value:
        branches, otherwise = [], x.ZERO
        closed = False
        for value, cond in node.branches:
            e = self.scalar(value)
            if cond is None:
                otherwise, closed = e, True
            else:
                branches.append((self.condition(cond), e))
        if not closed:
            *branches, (last, otherwise) = branches
            if not self.complement(last, [c for c, _ in branches]):
                branches.append((last, otherwise))
                otherwise = x.ZERO
        return Value(x.cases(branches, otherwise))

    def complement(self, last: x.Cond, others: list[x.Cond]) -> bool:
        return len(others) == 1 and x.negation(others[0]).key == last.key

    def indicator(self, node: t.Indicator) -> Value:
        """[i = j], [x > 0]; of an array entry by entry."""
        cond = node.cond
        if isinstance(cond, t.Relation) and cond.op in ("<", ">", r"\le", r"\ge") and not self._letters_compared(cond):
            sides = [self.value(cond.left), self.value(cond.right)]
            if any(v.open for v in sides):
                axes = self.common(sides, node)
                return Value(x.indicator(_compared(cond.op, *(self.spread(v, axes) for v in sides))), axes)
        return Value(x.indicator(self.condition(cond)))

    def _letters_compared(self, cond: t.Relation) -> bool:
        """Whether a side is an index: then places are compared, and no values."""
        sides = [u for u in (cond.left, cond.right) if isinstance(u, t.Symbol) and not u.subs]
        return any(self.is_letter(self.notes.spell(u)[0]) for u in sides)

    def condition(self, node: t.Node) -> x.Cond:
        """A condition between letters, labels or values."""
        if isinstance(node, t.All):
            return x.both(*(self.condition(p) for p in node.parts))
        if not isinstance(node, t.Relation):
            raise Unknown("this condition is not understood", node.span)
        if node.op in (r"\in", r"\notin"):
            cond = self.membership(node)
        else:
            left, right = self.side(node.left, node), self.side(node.right, node)
            if (
                isinstance(left, Entry) != isinstance(right, Entry)
                or isinstance(left, Index)
                and isinstance(right, Index)
            ):
                self.meet(left, right)
            cond = _compared(node.op, *self.not_values(left, right, node))
        return x.negation(cond) if node.op in (r"\neq", r"\notin") else cond

    def membership(self, node: t.Relation) -> x.Cond:
        if not (isinstance(node.left, t.Symbol) and isinstance(node.right, t.Symbol) and self.is_index(node.left)):
            raise Unknown("this condition is not understood", node.span)
        i = self.letter(node.left.name)
        name = self.named(self.notes.spell(node.right)[0], node.right)
        if self.notes.rank_of(name) != 1:
            raise Unknown("this condition is not understood", node.span)
        return x.rel("eq", i, self.row_label(name, i, node.right))

    def side(self, node: t.Node, whole: t.Relation) -> x.Slot | Expr:
        if isinstance(node, t.Symbol):
            if node.name in self.notes.stand_ins:
                return self.label(node, Size.of("?any"))
            name, places, _ = self.notes.spell(node)
            if not places and self.is_index(node) and name not in self.notes.size_names and self.is_letter(name):
                return self.letter(node.name)
            other = whole.right if node is whole.left else whole.left
            indexlike = (
                isinstance(other, t.Symbol)
                and not other.subs
                and self.is_index(other)
                and (other.name in self.scope or other.name in self.bound or other.name in self.notes.letters)
            )
            if self.notes.resolve(name)[0] in self.notes.labels or (
                indexlike and places and not self.notes.is_array(other.name)
            ):
                return self.label(node, self.letter(other.name).size if indexlike else Size.of("?any"))
        return self.scalar(node)

    def meet(self, left: x.Slot | Expr, right: x.Slot | Expr) -> None:
        for a, b in ((left, right), (right, left)):
            if isinstance(a, Index) and isinstance(b, Entry) and b.name in self.notes.labels:
                self.notes.sizes.unify(Size.of(f"?{b.name}#value"), a.size)
                return
        if isinstance(left, Index) and isinstance(right, Index):
            self.fit(left, right.size, right.name)

    def not_values(self, left, right, node: t.Relation):
        """x_i = x_k between values: read as i = k, which must be said."""
        if node.op not in ("=", r"\neq") or not (isinstance(left, Entry) and isinstance(right, Entry)):
            return left, right
        if left.name != right.name or left.name in self.notes.labels or len(left.slots) != len(right.slots):
            return left, right
        apart = [(a, b) for a, b in zip(left.slots, right.slots, strict=True) if a is not b]
        if len(apart) == 1:
            self.choose(f"values {left.name}", f"reads the condition on {left.name} as one on its indices")
            return apart[0]
        return left, right

    # -- derivatives

    def derivative(self, node: t.Derivative) -> Value:
        if node.body is None:
            raise Unknown("a derivative of nothing", node.span)
        if not node.wrt:
            return self.differentiated(node.body, [self.only_variable(node) for _ in range(node.order)], node)
        if _is_sigma(node.body) and not self.known("sigma") and len(node.wrt) == 1 and not self.notes.rank_of("sigma"):
            node = t.Derivative(node.span, t.Function(node.body.span, "sigmoid", node.wrt), node.wrt)
        wrt = [self.wrt_value(w) for w in node.wrt]
        return self.differentiated(node.body, wrt, node)

    def only_variable(self, node: t.Derivative) -> Value:
        """The variable of ∇ where none is written: the only vector that the body rests on and that is no label."""
        e = unfold(self.bodied(node.body).expr, self.program) if not self.is_loss(node.body) else self.whole_loss(node)
        onehot = {f.array for f in self.program.facts if f.kind == "onehot"} | self.notes.labels | self.notes.onehot
        names = [n for n in sorted(e.names) if n in self.program and n not in onehot and n not in self.notes.implied]
        asked = [n for n in names if n in self.notes.by] or [n for n in names if self.notes.rank_of(n) == 1]
        if len(asked) != 1:
            raise Unknown("∇ without the variable that it belongs to", node.span)
        return self.wrt_value(t.Symbol(node.span, asked[0]))

    def whole_loss(self, node: t.Node) -> Expr:
        if self.notes.loss is None or self.program.equation(self.notes.loss) is None:
            raise Unknown("nothing defines the loss", node.span)
        return unfold(Entry(self.notes.loss, ()), self.program)

    def wrt_value(self, node: t.Node) -> Value:
        v = self.value(node)
        if not isinstance(v.expr, Entry):
            raise Unknown("the derivative is not by a variable", node.span)
        if v.expr.name in self.notes.labels:
            raise Unknown("a derivative by a label", node.span)
        return v

    def differentiated(self, body: t.Node, wrt: list[Value], node: t.Node) -> Value:
        if self.is_loss(body):
            return self.of_loss(wrt, node)
        v = self.bodied(body)
        axes = (*v.axes, *(i for w in wrt for i in w.axes))
        if len(v.axes) and any(w.axes for w in wrt):
            clash = {i: i.fresh() for w in wrt for i in w.open if i in v.open}
            wrt = [Value(x.substitute(w.expr, clash), tuple(clash.get(i, i) for i in w.axes)) for w in wrt]
            axes = (*v.axes, *(i for w in wrt for i in w.axes))
        e = v.expr
        for w in wrt:
            e = self.by(e, w.expr, node)
        return Value(e, axes)

    def bodied(self, body: t.Node) -> Value:
        """What is differentiated; L(s, y) is L."""
        if isinstance(body, t.Apply):
            body = body.symbol
        return self.value(body)

    @property
    def whole(self) -> Program:
        """The program with inverses and determinants."""
        return with_implied(self.program, self.notes.implied)

    def through_laws(self, e: Expr, name: str) -> bool:
        """Whether a formula rests on an array through an inverse or a determinant."""
        if not self.notes.implied:
            return False
        moving = dependents(self.whole, name)
        return any(n in self.notes.implied and n in moving for n in unfold(e, self.program).names)

    def by(self, e: Expr, wrt: Entry, node: t.Node) -> Expr:
        """∂e/∂wrt: of an array by a name in its own definition the direct derivative, else through all definitions."""
        if any(isinstance(u, x.D) for u in x.walk(e)):  # written-out names must not get into an inner ∂/∂name
            e = carried_out(e)
        if self.through_laws(e, wrt.name):
            return slope(e, wrt, self.whole)
        whole = self.unfolded(e, wrt.name)
        if wrt.name not in whole.names and e.names and not self.independent(whole.names, wrt.name):
            what = e.name if isinstance(e, Entry) else "this"
            raise Unknown(f"nothing says how {what} depends on {wrt.name}", node.span)
        total = x.D(whole, wrt)
        if not isinstance(e, Entry) or e.name == wrt.name:
            return total
        equation = self.program.equation(e.name)
        if equation is None or wrt.name not in equation.rhs.names:
            return total
        direct = x.D(equation.instance(e.slots), wrt)
        if not self.other_paths(equation.rhs.names, wrt.name):
            return total
        picked = self.choose(f"hold {e.name}/{wrt.name}", "", f"reads ∂{e.name}/∂{wrt.name} with all paths")
        return direct if picked == 0 else total

    def other_paths(self, names: frozenset[str], wrt: str) -> bool:
        """Whether another name in a definition depends on wrt."""
        moving = dependents(self.program, wrt)
        return any(n in moving for n in names if n != wrt)

    def unfolded(self, e: Expr, keep: str) -> Expr:
        """The expression with every definition that depends on `keep` written out."""
        moving = dependents(self.program, keep) - {keep}
        return unfold(e, self.program, moving) if moving else e

    def independent(self, names: frozenset[str], wrt: str) -> bool:
        """Whether the definitions use all of these arrays beside each other, as data."""
        used = {n for q in self.program.equations for n in q.rhs.names}
        return wrt in used and names <= used | {wrt}

    def is_loss(self, body: t.Node) -> bool:
        if isinstance(body, t.Apply):
            body = body.symbol
        if not isinstance(body, t.Symbol) or body.subs or body.marks:
            return False
        name = self.notes.resolve(self.notes.spell(body)[0])[0]
        return name == self.notes.loss

    def of_loss(self, wrt: list[Value], node: t.Node) -> Value:
        """The total derivative of the loss, through every definition; as a row where the layout is Jacobian."""
        axes: tuple[Index | None, ...] = tuple(i for w in wrt for i in w.axes)
        if self.notes.layout == "jacobian" and len(wrt) == 1:
            axes = (None, *axes) if len(axes) == 1 else tuple(reversed(axes))
        first = wrt[0].expr
        if self.stated is not None and len(wrt) == 1 and (taken := self.stated(first)) is not None:
            self.took = True
            return Value(taken, axes)
        total = self.notes.total.get(self.notes.loss or "")
        if total is not None and len(wrt) == 1 and f"d~{first.name}" in total.names:
            return Value(carried_out(x.D(total, Entry(f"d~{first.name}", first.slots))), axes)
        e = self.loss_over(first.name, node)
        for w in wrt:
            e = self.slope(e, w.expr)
        if len(wrt) > 1 and self.surrogate is not None:
            raise Unknown("a second derivative of a loss that nothing defines", node.span)
        self.used.add(first.name)
        return Value(e, axes)

    def slope(self, e: Expr, wrt: Entry) -> Expr:
        return slope(e, wrt, self.whole) if self.through_laws(e, wrt.name) else x.D(e, wrt)

    def loss_over(self, name: str, node: t.Node) -> Expr:
        """The loss written out down to one array; where nothing defines it, its linear part over what feeds it."""
        loss = self.notes.loss
        if loss is not None and self.program.equation(loss) is not None:
            e = self.unfolded(Entry(loss, ()), name)
        elif loss in self.notes.total:
            raise Unknown("only the differential of the loss is given", node.span)
        elif self.surrogate is not None:
            e = self.unfolded(self.surrogate, name)
        else:
            raise Unknown("nothing defines the loss", node.span)
        if name not in e.names and not self.through_laws(e, name):
            raise Unknown(f"nothing says how the loss depends on {name}", node.span)
        return e

    def differential(self, node: t.Differential) -> Value:
        """d<name>: the gradient of the loss by that name; where d is an operator, the differential."""
        if self.notes.differential:
            return self.increment(node)
        v = self.wrt_value(node.of)
        if self.notes.loss is None and self.surrogate is None:
            raise Unknown("d… without a loss", node.span)
        return self.of_loss([v], node)

    def increment(self, node: t.Differential) -> Value:
        """d e = Σ ∂e/∂X·dX over the arrays X that vary: those of which a dX is written."""
        every = {n for n in self.notes.varied if self.program.equation(n) is None and n != self.notes.loss}
        here = every & self.increments
        if here and here != every:
            apart = ", ".join(sorted(every - here))
            every = here if self.choose("held", "", f"reads {apart} as constant in this line") else every
        name = self.notes.resolve(self.notes.spell(node.of)[0])[0] if isinstance(node.of, t.Symbol) else None
        v = Value(self.surrogate) if name == self.notes.loss and self.linear_loss() else self.value(node.of)
        if name is not None and name not in every and self.program.equation(name) is None and not self.linear_loss():
            raise Unknown(f"nothing says how {name} depends on anything", node.span)
        if not every:
            raise Unknown("no dX says what varies", node.span)
        if name is None:
            self.held_constant(v.expr, every)
        return Value(differential(v.expr, every, self.whole, self.notes.axes), v.axes)

    def linear_loss(self) -> bool:
        """Whether the loss is known by its linear part only."""
        return self.surrogate is not None and self.program.equation(self.notes.loss or "") is None

    def held_constant(self, e: Expr, varied: set[str]) -> None:
        """In d(XY) without a dY, Y is read as constant; that costs nothing for the letters that constants have."""
        if any(self.program.equation(n) is not None for n in self.increments):
            return  # the line is about d of a defined name, which holds the same constant
        moving = any(n[0] in CONSTANTS for n in varied)
        for name in sorted(unfold(e, self.program).names - varied):
            if name in self.notes.implied or name.startswith("U~"):
                continue
            if moving or name[0] not in CONSTANTS:
                self.choose(f"held {name}", f"reads {name} as constant")

    def placed_derivative(self, node: t.Paren) -> Value:
        """(dA/dB)_{ij}: entry ij of the gradient; of two arrays alike, the same places on both."""
        inner = node.inner
        subs = node.subs
        front = tuple(t.Symbol(node.span, m.text) for m in node.marks if m.bracket == "(")
        subs = front + subs
        wrt = [self.with_places(w, subs) for w in inner.wrt]
        if self.is_loss(inner.body) or not isinstance(inner.body, t.Symbol):
            return self.differentiated(inner.body, [self.wrt_value(w) for w in wrt], node)
        name = self.notes.resolve(self.notes.spell(inner.body)[0])[0]
        own, other = (
            self.notes.rank_of(name),
            self.notes.rank_of(self.notes.resolve(self.notes.spell(inner.wrt[0])[0])[0]),
        )
        if len(subs) == own + other and own and other:
            body, by = self.with_places(inner.body, subs[:own]), self.with_places(inner.wrt[0], subs[own:])
            return self.differentiated(body, [self.wrt_value(by)], node)
        body = self.with_places(inner.body, subs[:own])
        by = self.wrt_value(self.with_places(inner.wrt[0], subs[:other]))
        v = self.value(body)
        equation = self.program.equation(name)
        if equation is not None and isinstance(v.expr, Entry) and by.expr.name in equation.rhs.names:
            return Value(x.D(equation.instance(v.expr.slots), by.expr), v.axes)
        return self.differentiated(body, [by], node)

    def with_places(self, node: t.Node, subs: tuple[t.Node, ...]) -> t.Node:
        if not isinstance(node, t.Symbol):
            raise Unknown("the derivative is not by a variable", node.span)
        name, places, _ = self.notes.spell(node)
        rank = self.notes.rank_of(self.notes.resolve(name)[0])
        if places or len(subs) > rank:
            raise Unknown("the indices behind the bracket do not fit", node.span)
        return t.Symbol(node.span, name, subs)

    def apply(self, node: t.Apply) -> Value:
        """L(s, y) for a defined L is L."""
        name = self.notes.resolve(self.notes.spell(node.symbol)[0])[0]
        if self.program.equation(name) is not None or name == self.notes.loss:
            return self.value(node.symbol)
        base = name.rstrip("'")
        if base != name and self.program.equation(base) is not None and len(node.args) == 1:
            wrt = self.wrt_value(node.args[0])
            e = unfold(self.value(t.Symbol(node.span, base)).expr, self.program)
            if wrt.expr.name not in e.names:
                raise Unknown(f"nothing says how {base} depends on {wrt.expr.name}", node.span)
            for _ in range(len(name) - len(base)):
                e = x.D(e, wrt.expr)
            return Value(e)
        raise Unknown(f"nothing defines the function {name}", node.span)

    def ones(self, node: t.Ones) -> Value:
        i = Index("a", self.notes.sizes.resolve(Size.of(f"?{self.statement}@{node.span[0]}ones")))
        return Value(x.ONE, (i,))

    def number(self, node: t.Number) -> Value:
        return Value(x.Num(node.value))


def _is_sigma(node: t.Node | None) -> bool:
    return isinstance(node, t.Symbol) and node.name == "sigma" and not node.subs and not node.marks


def dependents(program: Program, name: str) -> frozenset[str]:
    """Every array whose definition reaches `name`, in whatever order the definitions stand."""
    found = {name}
    while True:
        more = {e.name for e in program.equations if e.name not in found and e.rhs.names & found}
        if not more:
            return frozenset(found)
        found |= more


def _compared(op: str, left, right) -> x.Cond:
    match op:
        case "<":
            return x.rel("lt", left, right)
        case ">":
            return x.rel("lt", right, left)
        case r"\le":
            return x.rel("le", left, right)
        case r"\ge":
            return x.rel("le", right, left)
    return x.rel("eq", left, right)


_NODES: dict[type, Callable[[Elaborator, t.Node], Value]] = {
    t.Number: Elaborator.number,
    t.Symbol: Elaborator.symbol,
    t.Sum: Elaborator.sum,
    t.Product: Elaborator.product,
    t.Fraction_: Elaborator.fraction,
    t.Power: Elaborator.power,
    t.Transposed: Elaborator.transposed,
    t.Paren: Elaborator.paren,
    t.Root: Elaborator.root,
    t.Function: Elaborator.function,
    t.Apply: Elaborator.apply,
    t.Big: Elaborator.big,
    t.Derivative: Elaborator.derivative,
    t.Differential: Elaborator.differential,
    t.Cases: Elaborator.cases,
    t.Indicator: Elaborator.indicator,
    t.Norm: Elaborator.norm,
    t.Ones: Elaborator.ones,
}

__all__ = ["Choice", "Elaborator", "LOSSES", "Unknown", "Value", "dependents"]
