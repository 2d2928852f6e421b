"""The state of one reading: what is known of sizes, the equations so far, buffers and their versions, loops.

A reading restarts from the top whenever use forces two sizes to be equal or an int to be static (`Knowledge` keeps
what was found), so that every part of it may assume that sizes are compared once and for all.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction

from derive import expr as x
from derive.errors import Problem, ShapeMismatch, Span, Unsupported
from derive.expr import Entry, Expr, Slot
from derive.index import Index, Quotient, Size
from derive.program import Equation, Variable
from derive.readers.values import (
    UNIT,
    Along,
    Array,
    Buffer,
    ByName,
    Fixed,
    Moving,
    Restart,
    Scope,
    Shape,
    Slots,
    View,
    Watch,
    unit,
)

MOST_DIVIDED = 24  # letters that reshapes may turn into multiples of others


@dataclass
class Knowledge:
    """What survives a restart: forced equalities of sizes, static ints, shapes guessed for the hint."""

    sizes: dict[str, Size] = field(default_factory=dict)
    statics: set[str] = field(default_factory=set)
    data: set[str] = field(default_factory=set)
    leading: dict[str, Shape] = field(default_factory=dict)
    guesses: dict[str, Shape] = field(default_factory=dict)
    found: dict[str, Shape] = field(default_factory=dict)
    generated: dict[str, int] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)
    places: dict[str, Span] = field(default_factory=dict)
    sorts: dict[str, str] = field(default_factory=dict)
    last: ast.AST | None = None
    divided: int = 0
    states: dict[tuple[str, str], Shape] = field(default_factory=dict)
    timed: set[str] = field(default_factory=set)
    trails: set[tuple[str, str]] = field(default_factory=set)
    slots: dict[str, set[tuple]] = field(default_factory=dict)
    carried: dict[str, set[str]] = field(default_factory=dict)

    def again(self) -> None:
        """Read the source from the top with what has been found."""
        raise Restart

    def settled(self, n: Size) -> Size:
        """The size with every forced equality applied."""
        return n.substitute(self.sizes)

    def new_letter(self, hint: str, length: int | None = None) -> Size:
        """A letter of ours, to be renamed to a readable one at the end."""
        letter = f"{hint}_"
        while letter in self.generated:
            letter += "_"
        self.generated[letter] = len(self.generated)
        if length is not None:
            self.lengths[letter] = length
        return Size.of(letter)

    def set_size(self, letter: str, value: Size) -> None:
        """From now on a letter stands for `value`."""
        step = {letter: value}
        self.sizes = {k: v.substitute(step) for k, v in self.sizes.items()} | step
        raise Restart


@dataclass
class Local:
    """Where a name's versions are collected: the helper it is local to ('' for the pass itself) and the name."""

    helper: str
    name: str
    internals: list[str] = field(default_factory=list)


@dataclass
class Run:
    """One reading of a source; see the module's docstring."""

    knowledge: Knowledge
    lines: list[str]
    path: str
    flavor: str
    inputs: dict[str, Variable] = field(default_factory=dict)
    picked: dict[str, Size] = field(default_factory=dict)
    equations: list[Equation] = field(default_factory=list)
    locals: dict[tuple[str, str], Local] = field(default_factory=dict)
    loops: list[Index] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=list)
    watched: list[Watch] = field(default_factory=list)
    integers: dict[str, str] = field(default_factory=dict)
    target_name: str = ""
    pick_size: Size | None = None
    outer_loops: list[Index] = field(default_factory=list)
    lists: dict[int, tuple] = field(default_factory=dict)
    kept: list = field(default_factory=list)
    asserting: bool = False
    free_names: Callable | None = None
    spoken: frozenset[str] = frozenset()  # declared, and so no function of a library
    member: Callable | None = None
    inner: Callable | None = None
    entries: Callable | None = None
    leaf: Callable | None = None
    tree: ast.Module | None = None
    cut: dict[str, ast.AST] = field(default_factory=dict)
    call: Callable | None = None
    inline: Callable | None = None
    assign: Callable | None = None
    line_shapes: dict[int, Shape] = field(default_factory=dict)
    helper: str = ""
    depth: int = 0
    fuel: int = 200_000
    notes: dict[int, str] = field(default_factory=dict)
    node: ast.AST | None = None
    statement: ast.AST | None = None
    statics: dict[str, object] = field(default_factory=dict)
    rounds: list = field(default_factory=list)
    guards: list = field(default_factory=list)
    computing: bool = False  # inside a function that is called under a condition on data
    timed: list[Index] = field(default_factory=list)
    states: set[str] = field(default_factory=set)
    loops_met: dict[int, int] = field(default_factory=dict)
    time_letters: dict[Size, str] = field(default_factory=dict)
    random: Callable[[Shape, str], Array] | None = None
    whatever: Callable[[Shape], Array] | None = None
    _source_names: set[str] | None = None

    # -- places and problems

    def span(self, node: ast.AST | None = None) -> Span | None:
        """The place of a node in the source, columns counted in characters from 1."""
        node = node or self.node
        if node is None or not hasattr(node, "lineno"):
            return None
        line = self.lines[node.lineno - 1] if node.lineno <= len(self.lines) else ""
        end_line = self.lines[node.end_lineno - 1] if node.end_lineno <= len(self.lines) else ""
        column = len(line.encode()[: node.col_offset].decode(errors="replace")) + 1
        end = len(end_line.encode()[: node.end_col_offset].decode(errors="replace")) + 1
        return Span(node.lineno, column, node.end_lineno, end, line, self.path)

    def problem(self, kind: type[Problem], what: str, why: str = "", hint: str = "", node: ast.AST | None = None):
        """A problem at a node, by default the one that is being read."""
        return kind(what, why, hint, self.span(node), self.path)

    def unsupported(self, what: str, why: str = "", hint: str = "", node: ast.AST | None = None) -> Problem:
        return self.problem(Unsupported, what, why, hint, node)

    def mismatch(self, what: str, why: str = "", hint: str = "") -> Problem:
        return self.problem(ShapeMismatch, what, why, hint)

    def drawn(self, name: str, args: list, keywords: dict) -> Array:
        """A random draw: an input where the source initialises its parameters, refused in the pass itself."""
        if self.random is not None:
            return self.random(name, args, keywords)
        raise self.unsupported(f"a random draw, `{name}`", "a gradient needs the same numbers again",
                               "pass the drawn array as an input")  # fmt: skip

    def after_line(self, node: ast.AST, target: ast.AST) -> None:
        """A comment `# (N, C)` at the end of the line is the shape of what it assigns."""
        shape = self.line_shapes.get(getattr(node, "end_lineno", -1))
        if shape is None or not isinstance(target, ast.Name):
            return
        value = self.scopes[-1].get(target.id)
        if isinstance(value, Array) and value.rank == len(shape):
            for have, said in zip(value.shape, shape, strict=True):
                self.unify(have, self.knowledge.settled(said), "the axis and its comment")

    def spend(self) -> None:
        """Count one evaluation; a source that needs too many is refused."""
        self.fuel -= 1
        if self.fuel < 0:
            raise self.unsupported("this pass is too long to read", "its static loops unroll to too many operations",
                                   "use symbolic sizes for the long loops")  # fmt: skip

    # -- sizes

    def unify(self, a: Size, b: Size, what: str = "these axes") -> None:
        """Force two sizes to be equal; restarts the reading when that is news."""
        if a == b:
            return
        self.check_lengths(a, b, what)
        if without_quotients(a) == without_quotients(b):
            self.divide(a - b)
            return
        if a.number is not None and b.number is not None:
            raise self.mismatch(f"{what} have {a} and {b} entries", "the operation needs equal lengths",
                                "correct the shapes, or insert an axis: b[:, None]")  # fmt: skip
        letter, value = self.solved(a - b)
        if letter is None:
            raise self.mismatch(
                f"{what} have the sizes {self.show(a)} and {self.show(b)}",
                "the operation needs them to be equal",
                "declare the shapes: # shapes: X (n, d) · …",
            )
        self.knowledge.set_size(letter, value)

    def divide(self, n: Size) -> None:
        """Where `k*(C//k)` must be C, k divides C: C is k times a new letter. Restarts the reading."""
        for monomial, _ in n.terms:
            for atom in monomial:
                if isinstance(atom, Quotient):
                    self.make_divisible(atom.over, atom.under)

    def make_divisible(self, n: Size, by: Size) -> bool:
        """Replace a letter of a product by `by` times a new letter; False when no letter's length allows it."""
        lengths = self.knowledge.lengths
        for letter in [a for monomial, _ in n.terms[:1] for a in monomial if isinstance(a, str)]:
            if letter in by.letters:
                continue
            length = None
            if letter in lengths and by.letters <= lengths.keys():
                length, rest = divmod(lengths[letter], by.at(lengths))
                if rest:
                    continue
            self.knowledge.divided += 1
            if self.knowledge.divided > MOST_DIVIDED:
                raise self.unsupported("the sizes of this pass do not settle", f"{n} must be a multiple of {by}",
                                       "write the shapes out where an array is reshaped")  # fmt: skip
            self.knowledge.set_size(letter, self.knowledge.new_letter(letter, length) * by)
        return False

    def show(self, n: Size) -> str:
        """A size for a message: a letter of ours with its sampled length."""
        lengths = self.knowledge.lengths
        if n.letters and n.letters <= lengths.keys():
            return str(n.at(lengths))
        return str(n)

    def check_lengths(self, a: Size, b: Size, what: str) -> None:
        """Where sample data give both lengths, they must agree."""
        lengths = self.knowledge.lengths
        known = [n.at(lengths) if n.letters <= lengths.keys() else None for n in (a, b)]
        if None not in known and known[0] != known[1]:
            raise self.mismatch(f"{what} have {known[0]} and {known[1]} entries", "the operation needs equal lengths",
                                "correct the shapes, or insert an axis: b[:, None]")  # fmt: skip

    def solved(self, difference: Size) -> tuple[str | None, Size]:
        """A letter and its value that make a difference zero: letters of ours first, the newest before older ones."""
        found: list[tuple[tuple, str, Size]] = []
        for monomial, c in difference.terms:
            if len(monomial) != 1 or not isinstance(monomial[0], str) or abs(c) != 1:
                continue
            letter = monomial[0]
            rest = difference - Size(((monomial, c),))
            if letter in rest.letters:
                continue
            value = -rest if c == 1 else rest
            if value.number is not None and value.number < 0:
                continue
            order = self.knowledge.generated.get(letter)
            found.append(((order is None, -(order or 0)), letter, value))
        if not found:
            return self._common_factor(difference)
        own = [f for f in found if f[0][0] is False]
        _, letter, value = min(own or found, key=lambda f: (f[0], _declared_order(f[1])))
        return letter, value

    def _common_factor(self, difference: Size) -> tuple[str | None, Size]:
        """n*d − n*e is zero where d − e is."""
        if len(difference.terms) < 2:
            return None, UNIT
        for atom in difference.terms[0][0]:
            if isinstance(atom, str) and all(atom in m for m, _ in difference.terms):
                smaller = difference.divided(Size.of(atom))
                if smaller is not None:
                    return self.solved(smaller)
        return None, UNIT

    def named_size(self, name: str, n: Size) -> None:
        """`N = X.shape[0]`: the author's name for a letter of ours."""
        generated, letter = self.knowledge.generated, n.letter
        if letter in generated and name not in self.knowledge.sizes and name.isidentifier() and name != "_":
            taken = set(self.knowledge.lengths) | {a for v in self.inputs.values() for s in v.shape for a in s.letters}
            if name in taken:
                return
            if letter in self.knowledge.lengths:
                self.knowledge.lengths[name] = self.knowledge.lengths[letter]
            self.knowledge.set_size(letter, Size.of(name))

    # -- statics

    def static(self, value: object) -> object:
        """A value where only a static one will do: int parameters become static, constants are unpacked."""
        if not isinstance(value, Array) or value.rank:
            return value
        e = value.body(())
        names = [n for n in e.names if n in self.integers]
        if names:
            self.knowledge.statics.update(self.integers[n] for n in names)
            raise Restart
        slot = x.as_slot(e) if value.sort == "int" else None
        if isinstance(slot, x.Affine) and not slot.terms:
            n = slot.constant
            return n.number if n.number is not None else n
        if isinstance(e, x.Num) and isinstance(e.value, Fraction):
            return e.value
        return value

    def check_carried(self, e: Expr) -> None:
        """Inside a symbolic loop, an array that the loop stores to is read only at the loop's own place."""
        for trail in (t for r in self.rounds for t in r.trails.values()):
            if trail.array.view.buffer.versions & e.names:
                raise self.recurrent()
        for watch in self.watched:
            names = set().union(*(b.versions for b in watch.buffers))
            for u in x.walk(e) if names & e.names else ():
                if isinstance(u, Entry) and u.name in names:
                    watch.read = True
                    if watch.shifted or not any(same_slot(s, watch.place) for s in u.slots):
                        self.follow(watch, next(b for b in watch.buffers if u.name in b.versions))

    def check_round(self, name: str) -> None:
        """A name that a loop sets, read where this round has not set it: read again as a state that the rounds carry."""
        born = self.scopes[-1].born.get(name, ())
        for this in self.rounds:
            if name in this.fresh and this.index not in born:
                self.carry(this.key, name)

    def carry(self, loop: str, name: str) -> None:
        """From now on the rounds of a loop carry a name; nothing where that is known."""
        known = self.knowledge.carried.setdefault(loop, set())
        if name not in known:
            known.add(name)
            raise Restart

    def check_store(self, view: View) -> None:
        """A store at another place than the loop's own excludes reading the same array in that loop."""
        for watch in self.watched:
            fixed = [s.slot for s in view.selectors if isinstance(s, Fixed)]
            if view.buffer in watch.buffers and not any(same_slot(s, watch.place) for s in fixed):
                watch.shifted = True
                if watch.read:
                    self.follow(watch, view.buffer)

    def follow(self, watch: Watch, buffer: Buffer) -> None:
        """Read again, the array's entries followed from round to round; raises where that has been tried."""
        names = [n for s in self.scopes for n, v in s.items()
                 if isinstance(v, Array) and v.view is not None and v.view.buffer is buffer]  # fmt: skip
        if not names or (watch.key, names[0]) in self.knowledge.trails:
            raise self.recurrent()
        self.knowledge.trails.add((watch.key, names[0]))
        raise Restart

    def refuse_growing(self, value: object) -> None:
        """A list that a loop of unknown length appends to, or a dict that it fills, is no whole thing inside of it."""
        if isinstance(value, ByName):
            raise self.unsupported("a container used as a whole when its entries are not known",
                                   "nothing tells what the forward pass packed into it", 'read it by key: cache["h"]')  # fmt: skip
        keys = [k for k in value if isinstance(k, Moving)] if isinstance(value, dict) else []
        indices = {r.index for r in self.rounds}
        if any(id(value) in r.lists for r in self.rounds) or any(k.index in indices for k in keys):
            raise self.unsupported("a list that grows in a loop of unknown length, used as a whole inside that loop",
                                   "how long it is differs from round to round",
                                   "use its last element, hs[-1], or use the list after the loop")  # fmt: skip

    def recurrent(self) -> Problem:
        return self.unsupported(
            "an array that a loop of unknown length both changes and reads in another way",
            "a round may read what earlier rounds have stored only at a fixed distance",
            "store with H[t] = …, read with H[t - 1]; or carry the state under a name: h = …",
        )

    @property
    def source_names(self) -> set[str]:
        """Every name in the source."""
        if self._source_names is None:
            nodes = [] if self.tree is None else list(ast.walk(self.tree))
            self._source_names = {n.id for n in nodes if isinstance(n, ast.Name)}
            self._source_names |= {n.arg for n in nodes if isinstance(n, ast.arg)}
        return self._source_names

    def helper_of(self, scope: Scope) -> str:
        return scope.helper

    # -- names and versions

    def local(self, name: str, helper: str | None = None) -> Local:
        helper = self.helper if helper is None else helper
        return self.locals.setdefault((helper, name), Local(helper, name))

    def new_internal(self, name: str, helper: str | None = None) -> str:
        """The internal name of the next version of a local; the final names are given at the end."""
        local = self.local(name, helper)
        internal = f"{local.helper}:{name}:{len(local.internals)}"
        local.internals.append(internal)
        return internal

    # -- indices and equations

    def fresh(self, shape: Shape) -> tuple[Index, ...]:
        """A new index for every axis; its letter is chosen when the equation is finished."""
        return tuple(Index("o" if unit(n) else "i", n) for n in shape)

    def define(
        self, internal: str, array: Array, node: ast.AST | None = None, stored: bool = False
    ) -> tuple[Index, ...]:
        """Add the equation of an array under an internal name; return the loop indices it stands over."""
        indices = self.fresh(array.shape)
        rhs = array.body(indices)
        if array.view is None and not stored:
            self.check_carried(rhs)
        over = tuple(p for p in sorted(self.loops, key=lambda p: p not in self.timed) if p in rhs.free)
        lead = tuple(p.fresh() for p in over)
        rhs = x.substitute(rhs, dict(zip(over, lead, strict=True)))
        self.add_equation(internal, (*lead, *indices), rhs, array.sort, node)
        return over

    def add_equation(self, internal: str, indices: tuple[Index, ...], rhs: Expr, sort: str, node=None) -> None:
        node = node or self.statement
        words = self.notes.get(getattr(node, "lineno", -1), "")
        self.equations.append(Equation(internal, indices, rhs, self.span(node), sort=sort, words=words))

    def store(self, name: str, array: Array, helper: str | None = None, node: ast.AST | None = None) -> Array:
        """Bind an array to a name: one equation, and a buffer of its own unless it is a view."""
        internal = self.new_internal(name, helper)
        over = self.define(internal, array, node)
        if array.view is not None:
            view = array.view
        else:
            buffer = Buffer(internal, array.shape, array.sort, {internal}, over, tuple(self.loops))
            view = whole_view(buffer)
        view.buffer.versions.add(internal)
        made = array.detached() if not over and _counts(array) else entries(internal, array.shape, array.sort, over)
        return replace(made, view=view, cheap=True)

    def once(self, array: Array, name: str) -> Array:
        """An array that a definition mentions several times: given a name unless it is a plain entry."""
        return array if array.cheap else self.store(name, array.detached())

    def current(self, array: Array) -> Array:
        """The array as its buffer stands now: what a name or a container slot holds after later stores."""
        view = array.view
        if view is None or view.stamp == view.buffer.stamp:
            return array
        buffer = view.buffer
        if view.loose:
            raise self.unsupported("an array that shares its storage with a changed one, or is a copy of it",
                                   "which of the two, depends on the sizes or types of the data",
                                   "take a copy: b = a.copy()")  # fmt: skip
        whole = entries(buffer.anchor, buffer.shape, buffer.sort, buffer.loops)
        return replace(array, body=lambda slots: whole.body(view.reach(slots)), view=replace(view, stamp=buffer.stamp))


def _counts(array: Array) -> bool:
    """`rows = np.arange(n)`: integers that follow from their place alone; as a subscript they are that place."""
    if array.sort != "int" or not array.rank:
        return False
    places = tuple(Index("i", n) for n in array.shape)
    slot = x.as_slot(array.body(places))
    return isinstance(slot, Index) or (isinstance(slot, x.Term) and not slot.names and slot.free <= set(places))


def same_slot(a: Slot, b: Slot) -> bool:
    """Whether two places are the same expression."""
    return a is b or (isinstance(a, x.Term) and isinstance(b, x.Term) and a.key == b.key)


def without_quotients(n: Size) -> Size:
    """k·(a//k) taken as a: sizes divide where the source divides them."""
    total = Size()
    for monomial, c in n.terms:
        left, overs = list(monomial), []
        for atom in monomial:
            under = atom.under.terms[0] if isinstance(atom, Quotient) and len(atom.under.terms) == 1 else None
            if under is None or c % under[1] or any(a not in left for a in under[0]):
                continue
            c //= under[1]
            for a in (*under[0], atom):
                left.remove(a)
            overs.append(atom.over)
        product = Size.of(c)
        for factor in (*overs, *(Size((((a,), 1),)) for a in left)):
            product = product * factor
        total = total + product
    return total


def exact_quotient(over: Size, under: Size) -> Size | None:
    """The size that times `under` is `over`, by long division: N·C·(H − K + 1) over N·(H − K + 1) is C; None for none."""
    found, left = Size(), over
    (lead, c), *_ = sorted(under.terms, key=_leading) or [((), 0)]
    while left.terms and c:
        monomial, d = min(left.terms, key=_leading)
        rest = list(monomial)
        if d % c or any(lead.count(a) > rest.count(a) for a in lead):
            return None
        for a in lead:
            rest.remove(a)
        term = Size(((tuple(rest), d // c),))
        found, left = found + term, left - term * under
    return found if found * under == over else None


def _leading(term: tuple) -> tuple:
    """The order of division: higher degrees first, then by letters."""
    return -len(term[0]), sorted(map(str, term[0]))


def _declared_order(letter: str) -> str:
    return chr(0x10FFFF - min(ord(letter[0]), 0x10FFF0)) + letter


def entries(name: str, shape: Shape, sort: str, over: tuple[Index, ...] = ()) -> Array:
    """A named array as an abstract one."""

    def body(slots: Slots) -> Expr:
        placed = tuple(x.whole_slot(0) if unit(n) else s for s, n in zip(slots, shape, strict=True))
        return Entry(name, (*over, *placed))

    return Array(shape, body, sort, cheap=True)


def whole_view(buffer: Buffer) -> View:
    """A buffer as a view of itself."""
    selectors = tuple(Along(k, x.whole_slot(0), UNIT) for k in range(len(buffer.shape)))
    return View(buffer, lambda slots: slots, selectors, buffer.stamp)


def fraction(value: float) -> Fraction | None:
    """The decimal that a Python float shows; None for inf and nan."""
    return Fraction(repr(value)) if value == value and abs(value) != float("inf") else None


__all__ = ["Knowledge", "Local", "Run", "Slot", "entries", "exact_quotient", "fraction", "whole_view", "without_quotients"]
