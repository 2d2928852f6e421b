"""A program: ordered equations in index notation, with inputs, outputs and facts.

A name assigned twice is two arrays: `dcounts~1`, `dcounts`; every array has one equation.  ∂x names the gradient of
the outputs with respect to x; where an output is not a scalar, ∂out is an input: the upstream gradient.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from derive import expr as x
from derive.errors import BadFact, BadNotation, Span, UnknownName
from derive.expr import Cond, Entry, Expr
from derive.index import Index, Size
from derive.notation import equation_text, parse, parse_equation, parse_size

Sort = Literal["real", "int", "bool"]
Kind = Literal["explicit", "implicit"]


@dataclass(frozen=True)
class Variable:
    """An input array: its name, shape and sort.  `limit`: for labels, the size below which its entries stay.

    `structure` tells how the caller hands it over when that is not a plain argument: ("params", "W1") for
    `params["W1"]`; `static` is the value that a plain Python argument must have.
    """

    name: str
    shape: tuple[Size, ...]
    sort: Sort = "real"
    limit: Size | None = None
    structure: tuple[str | int, ...] = ()
    span: Span | None = None


@dataclass(frozen=True)
class Equation:
    """`name[indices] = rhs`: one array.  `indices` are fresh; `words` is what a person calls it.

    kinds: explicit (which may mention itself, or equations that mention it, at other places of its first index: a loop
    over time, see recurrence.py); implicit (`law` = 0 determines it, e.g. A·B = I; rhs is then the unevaluated array itself).
    """

    name: str
    indices: tuple[Index, ...]
    rhs: Expr
    span: Span | None = None
    kind: Kind = "explicit"
    sort: Sort = "real"
    words: str = ""
    law: Expr | None = None

    @property
    def shape(self) -> tuple[Size, ...]:
        return tuple(i.size for i in self.indices)

    @property
    def lhs(self) -> Entry:
        """The defined entry, over the equation's own indices."""
        return Entry(self.name, self.indices)

    def instance(self, slots: tuple[x.Slot, ...]) -> Expr:
        """The right-hand side at other slots, its binders fresh."""
        return x.substitute(x.refresh(self.rhs), dict(zip(self.indices, slots, strict=True)))


@dataclass(frozen=True)
class Fact:
    """Something the user declared of an input: `left = right` for all indices, or a property by name.

    `kind`: equation (left, right), onehot (array, along its last axis), positive, symmetric.
    """

    kind: Literal["equation", "onehot", "positive", "symmetric"]
    array: str
    text: str
    indices: tuple[Index, ...] = ()
    left: Expr | None = None
    right: Expr | None = None


@dataclass(frozen=True)
class Static:
    """A parameter whose value is fixed: stride, mode, mask=None; the generated code raises on another value."""

    name: str
    value: object


@dataclass(frozen=True)
class Program:
    """A forward pass (or a forward pass with its gradients) as equations in the order of computation."""

    inputs: tuple[Variable, ...]
    equations: tuple[Equation, ...]
    outputs: tuple[str, ...]
    facts: tuple[Fact, ...] = ()
    statics: tuple[Static, ...] = ()
    name: str = "forward"
    parameters: tuple[str, ...] = ()
    source: str = ""
    path: str = ""
    letters: Mapping[str, str] = field(default_factory=dict)
    output_kind: Literal["bare", "tuple", "dict"] = "bare"
    lines: tuple[tuple[int, str], ...] = ()

    @cached_property
    def by_name(self) -> dict[str, Equation | Variable]:
        return {v.name: v for v in self.inputs} | {e.name: e for e in self.equations}

    def __contains__(self, name: str) -> bool:
        return name in self.by_name

    def __getitem__(self, name: str) -> Equation | Variable:
        """The variable or equation of that name; raises UnknownName."""
        if name not in self.by_name:
            raise UnknownName(f"`{name}` is not in the program", hint="its names: " + ", ".join(self.by_name))
        return self.by_name[name]

    def equation(self, name: str) -> Equation | None:
        """The equation that defines an array, None for an input."""
        found = self.by_name.get(name)
        return found if isinstance(found, Equation) else None

    def shape(self, name: str) -> tuple[Size, ...]:
        return self[name].shape

    def sort(self, name: str) -> Sort:
        return self[name].sort

    def is_input(self, name: str) -> bool:
        return isinstance(self.by_name.get(name), Variable)

    @cached_property
    def _users(self) -> dict[str, list[Equation]]:
        found: dict[str, list[Equation]] = {}
        for e in self.equations:
            for name in e.rhs.names:
                found.setdefault(name, []).append(e)
        return found

    @cached_property
    def _place(self) -> dict[str, int]:
        return {e.name: k for k, e in enumerate(self.equations)}

    def limits(self, name: str) -> tuple[Size, ...]:
        """For labels: sizes below which the entries of an array stay; what the equations read is there to be read."""
        return self._label_limits.get(name, ())

    @cached_property
    def _label_limits(self) -> dict[str, tuple[Size, ...]]:
        found: dict[str, list[Size]] = {}
        for v in self.inputs:
            if v.sort != "real":
                found[v.name] = [v.limit] if v.limit is not None else [Size.of(2)] if v.sort == "bool" else []
        for e in self.equations:
            if e.sort != "real":
                slot = x.as_slot(e.rhs)
                own = None if slot is None else x.extent(slot, lambda name: found.get(name, ()))
                found[e.name] = [own] if own is not None else []
        for e in self.equations:
            for read, n in self._reads(e.rhs):
                if read in found and n not in found[read]:
                    found[read].append(n)
        return {name: tuple(sizes) for name, sizes in found.items()}

    def _reads(self, t: x.Term | Index) -> Iterator[tuple[str, Size]]:
        """The arrays that stand alone in an index position which no condition guards, and that axis."""
        if isinstance(t, x.Cases) or isinstance(t, x.Reduce) and t.guard is not None:
            return
        if isinstance(t, Entry) and t.name in self and len(self.shape(t.name)) == len(t.slots):
            yield from ((s.name, n) for s, n in zip(t.slots, self.shape(t.name), strict=True) if isinstance(s, Entry))
        if not (isinstance(t, x.Mul) and any(isinstance(f, x.Ind) for f in t.factors)):
            for p in x.parts(t):
                yield from self._reads(p)

    def uses(self, name: str) -> list[Equation]:
        """The equations whose right-hand side mentions an array, in order."""
        return list(self._users.get(name, ()))

    def within(self, names: frozenset[str]) -> list[Equation]:
        """The equations whose right-hand side mentions some of `names` and nothing else, in order."""
        found = {e.name: e for name in names for e in self._users.get(name, ()) if e.rhs.names <= names}
        return sorted(found.values(), key=lambda e: self._place[e.name])

    @cached_property
    def sizes(self) -> frozenset[str]:
        """Every size letter."""
        found: set[str] = set()
        for item in self.by_name.values():
            for n in item.shape:
                found |= n.letters
        return frozenset(found)

    def with_equations(self, new: Iterable[Equation], inputs: Iterable[Variable] = ()) -> Program:
        """The program continued by further equations (and inputs)."""
        return replace(self, equations=(*self.equations, *new), inputs=(*self.inputs, *inputs))

    def reaches(self, names: Iterable[str]) -> frozenset[str]:
        """Every array that some of `names` depends on, themselves included."""
        needed, before = set(names), -1
        while len(needed) > before:  # once, unless equations read later ones
            before = len(needed)
            for e in reversed(self.equations):
                if e.name in needed:
                    needed |= e.rhs.names
        return frozenset(needed)

    def depends(self, names: Iterable[str]) -> frozenset[str]:
        """Every array that depends on some of `names`, themselves included."""
        found, before = set(names), -1
        while len(found) > before:
            before = len(found)
            for e in self.equations:
                if e.rhs.names & found:
                    found.add(e.name)
        return frozenset(found)


def gradient_name(name: str) -> str:
    """The name of the gradient array of `name`."""
    return f"∂{name}"


def base_name(name: str) -> str:
    """The author's name of an array: `dcounts~1` is `dcounts`."""
    return name.split("~")[0]


def condition_facts(facts: Iterable[Fact], kind: str) -> dict[str, Fact]:
    """The facts of one kind by array."""
    return {f.array: f for f in facts if f.kind == kind}


def program_text(program: Program) -> str:
    """The program in the engine's own notation: one line an input, equation, fact and output."""
    lines = []
    for v in program.inputs:
        sort = "" if v.sort == "real" else f" {v.sort}" + (f" < {v.limit}" if v.limit is not None else "")
        lines.append(f"input {v.name}[{', '.join(str(n) for n in v.shape)}]{sort}")
    for e in program.equations:
        sort = "" if e.sort == "real" else f"   # {e.sort}"
        lines.append(equation_text(e.name, e.indices, e.rhs) + sort)
    lines += [f"fact {f.text}" for f in program.facts]
    lines += [f"output {name}" for name in program.outputs]
    return "\n".join(lines) + "\n"


def parse_program(text: str) -> Program:
    """The inverse of program_text; raises BadNotation with the line."""
    inputs, equations, facts, outputs = [], [], [], []
    for number, line in enumerate(text.splitlines(), 1):
        body, _, note = line.partition("#")
        word, _, rest = body.strip().partition(" ")
        try:
            if word == "input":
                inputs.append(_parse_input(rest))
            elif word == "fact":
                facts.append(rest.strip())
            elif word == "output":
                outputs += rest.split()
            elif word:
                name, indices, rhs = parse_equation(body.strip())
                sort = note.strip() if note.strip() in ("int", "bool") else "real"
                equations.append(Equation(name, indices, rhs, sort=sort))
        except BadNotation as problem:
            raise (problem if problem.span is None else _on_line(problem, number)) from None
    program = Program(tuple(inputs), tuple(equations), tuple(outputs))
    return replace(program, facts=tuple(parse_fact(f, program) for f in facts))


def _on_line(problem: BadNotation, number: int) -> BadNotation:
    problem.span = replace(problem.span, line=number, end_line=number)
    return problem


def _parse_input(text: str) -> Variable:
    head, _, tail = text.partition("]")
    name, _, sizes = head.partition("[")
    shape = tuple(parse_size(part) for part in sizes.split(",") if part.strip())
    sort, _, limit = tail.partition("<")
    return Variable(name.strip(), shape, sort.strip() or "real", parse_size(limit) if limit.strip() else None)


_SUM_FACT = re.compile(r"^\s*sum\[(?P<bound>\w+)\]\s*(?P<name>\w+)\[(?P<slots>[^\]]*)\]\s*=\s*(?P<value>.+)$")


def parse_fact(text: str, program: Program) -> Fact:
    """A declared fact: `sum[c] Y[i,c] = 1`, `onehot Y`, `x > 0`, `A symmetric`.

    Raises BadFact when it cannot be read or speaks of an array that the program does not have.
    """
    words = text.split()
    if found := _SUM_FACT.match(text):
        return _sum_fact(text, found, program)
    if len(words) == 2 and "onehot" in words:
        return Fact("onehot", _fact_array(words[1 - words.index("onehot")], text, program), text)
    if len(words) == 2 and "symmetric" in words:
        return Fact("symmetric", _fact_array(words[1 - words.index("symmetric")], text, program), text)
    if len(words) == 3 and words[1:] == [">", "0"]:
        return Fact("positive", _fact_array(words[0], text, program), text)
    if len(words) == 2 and words[0] == "positive":
        return Fact("positive", _fact_array(words[1], text, program), text)
    raise BadFact(
        f"cannot read the fact `{text}`",
        "a fact is an equation for a sum or a property of an input",
        "write: sum[c] Y[i,c] = 1 · onehot Y · x > 0 · A symmetric",
    )


def contradiction(facts: Iterable[Fact], program: Program) -> BadFact | None:
    """The problem that two facts cannot both hold, None when none is seen; `.fact` is the text of the second."""
    sums: dict[str, tuple[str, Expr]] = {}
    for fact in facts:
        for key, value in _sums(fact, program):
            other = sums.setdefault(key, (fact.text, value))
            if other[1].key != value.key:
                clash = BadFact(f"the facts `{other[0]}` and `{fact.text}` contradict each other",
                                "no data satisfies both, so anything would follow", "keep the one that holds")  # fmt: skip
                clash.fact = fact.text
                return clash
    return None


def _sums(fact: Fact, program: Program) -> list[tuple[str, Expr]]:
    """The sums that a fact determines, by a key that two facts about the same sum share."""
    if fact.kind == "equation" and isinstance(fact.left, x.Reduce) and isinstance(fact.left.body, Entry):
        return [(f"{fact.array} {fact.left.body.slots.index(fact.left.index)}", fact.right)]
    if fact.kind == "onehot":
        return [(f"{fact.array} {len(program.shape(fact.array)) - 1}", x.ONE)]
    return []


def _fact_array(name: str, text: str, program: Program) -> str:
    if name not in program:
        raise BadFact(f"the fact `{text}` speaks of `{name}`, which is not in the forward pass",
                      hint="its names: " + ", ".join(program.by_name))  # fmt: skip
    return name


def _sum_fact(text: str, found: re.Match, program: Program) -> Fact:
    name = _fact_array(found["name"], text, program)
    letters = [s.strip() for s in found["slots"].split(",") if s.strip()]
    shape = program.shape(name)
    if len(letters) != len(shape) or found["bound"] not in letters:
        raise BadFact(f"the fact `{text}` does not fit the shape of `{name}`",
                      f"`{name}` has {len(shape)} axes and the sum runs over one of its letters")  # fmt: skip
    if len({*letters}) != len(letters):
        raise BadFact(f"the fact `{text}` names two axes of `{name}` alike", "a sum fact runs over one axis",
                      "give every axis a letter of its own")  # fmt: skip
    indices = {letter: Index(letter, n) for letter, n in zip(letters, shape, strict=True)}
    body = Entry(name, tuple(indices[letter] for letter in letters))
    left = x.Reduce("sum", indices[found["bound"]], body)
    free = tuple(i for letter, i in indices.items() if letter != found["bound"])
    return Fact("equation", name, text, free, left, parse(found["value"], free))


__all__ = ["Cond", "Equation", "Fact", "Program", "Static", "Variable", "base_name", "contradiction", "gradient_name",
           "parse_fact", "parse_program", "program_text"]  # fmt: skip
