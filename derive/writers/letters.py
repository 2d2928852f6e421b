"""How names are spelled in formulas: arrays, sizes, and a letter for every index.

Every array keeps its code name; a declared abbreviation (`# write:`) replaces it.  Index letters are chosen so that no
letter means two things in one derivation, and so that sums beside each other share theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from derive import expr as x
from derive.engine import PARTNERS, Gradients
from derive.expr import Term
from derive.index import Index, Quotient, Size
from derive.program import Program
from derive.recurrence import states
from derive.writers.layout import Fence, Node, Num, Op, Script, Sym, Text, row

GREEK = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "kappa", "lambda", "mu", "nu", "xi",
         "rho", "sigma", "tau", "phi", "chi", "psi", "omega", "Gamma", "Delta", "Theta", "Lambda", "Sigma", "Phi",
         "Psi", "Omega")  # fmt: skip
_LETTERS = dict(zip(GREEK, "αβγδεζηθκλμνξρστφχψωΓΔΘΛΣΦΨΩ", strict=True))
_GREEK_NAMES = {letter: name for name, letter in _LETTERS.items()}
_DECLARED = re.compile(r"\\(?:mathrm|text|operatorname|mathbf|bm|mathit)\{([^{}]*)\}|\\([A-Za-z]+)")
_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")  # the words and numbers of a name
_NUMBERED = re.compile(r"^(\w*?[^\W\d_])_?(\d+)$")
PLUS, MINUS, NEG, TIMES, COMMA, EQ = Op("plus"), Op("minus"), Op("minus", "prefix"), Op("times"), Op("comma"), Op("eq")
LONG_NAME = 10  # letters; a name of several words from here on is abbreviated in formulas
SPARE = "qruvwpl"  # letters for indices whose own neighbours are taken
TIGHT_SLASH, PARTIAL = Op("slash", "tight"), Op("partial", "prefix")
SCALAR = Text("scalar")
BEFORE = "⁻"  # after a name: what the round before has left of it


@dataclass(frozen=True)
class Spelling:
    """The spelling of one program's names.

    `letters`: declared abbreviations by name.  `shapes`: so that axes of length one can be left out.  `loss`: the name
    of the scalar whose gradients are meant.  `given`: outputs whose upstream gradient is a part of their whole one.
    `first`: the number that index ranges begin with, 1, or 0 where the formulas do arithmetic on indices.
    """

    letters: Mapping[str, str] = field(default_factory=dict)
    shapes: Mapping[str, tuple[Size, ...]] = field(default_factory=dict)
    loss: str = "L"
    given: frozenset[str] = frozenset()
    first: int = 1

    def shown(self, name: str) -> str:
        """The letter or word that stands for an array, without its version; a helper's local is called by itself."""
        base = name.split("~")[0]
        if base in self.letters:
            return self.letters[base]
        local = base.rpartition(".")[2]
        return base if self._clashes(base, local) else local

    def word(self, name: str) -> str:
        """The array's own name, as running text says it."""
        base = name.lstrip("∂").split("~")[0]
        local = base.rpartition(".")[2]
        return base if self._clashes(base, local) else local

    def _clashes(self, base: str, local: str) -> bool:
        if base == local:
            return False
        others = {_base(n) for n in self.shapes if not n.startswith("∂")} - {base}
        return any(other.rpartition(".")[2] == local for other in others)


def _base(name: str) -> str:
    return name.split("~")[0]


def abbreviations(names: Iterable[str], declared: Mapping[str, str]) -> dict[str, str]:
    """A short form for every long name of several words, its initials, where no other array has them."""
    names = dict.fromkeys(_base(n).rpartition(".")[2] for n in names if not n.startswith("∂"))
    parts = {n: _PARTS.findall(n) for n in names if len(n) >= LONG_NAME}
    short = {n: "".join(p if p.isdigit() else p[0] for p in found) for n, found in parts.items() if len(found) > 1}
    taken = [*names, *declared.values(), *short.values()]
    return {n: s for n, s in short.items() if len(s) > 1 and taken.count(s) == 1} | dict(declared)


def spelling(program: Program, gradients: Gradients | None = None) -> Spelling:
    """The spelling of a program's names; with gradients, that of the scalar that is differentiated."""
    shapes = {name: item.shape for name, item in program.by_name.items()}
    loss, given = program.outputs[0] if program.outputs else "L", frozenset()
    scalar = gradients.loss if gradients else loss if program.outputs and shapes.get(loss) == () else None
    if gradients:
        given = frozenset(n for n, d in gradients.derivations.items() if d.target.name.endswith("~total"))
    if scalar is None:
        taken = {name.split("~")[0] for name in shapes} | program.sizes
        loss = next((letter for letter in ("L", "ℓ", "J") if letter not in taken), "ℓ")
    counted = any(_counts(t) for e in program.equations for t in x.walk(e.rhs))
    short = abbreviations(shapes, program.letters)
    for name, of in states(program.equations).items():
        base, held = _base(name), _base(of)
        if not base.startswith("∂"):
            short.setdefault(base, short.get(held, held.rpartition(".")[2]) + BEFORE)
    return Spelling(short, shapes, scalar or loss, given, 0 if counted else 1)


def _counts(t: Term | Index) -> bool:
    """Whether a term does arithmetic on index values, so that it matters where counting begins."""
    match t:
        case x.Part() | x.Join() | x.Affine(terms=(_, *_)):
            return True
        case x.Affine(constant=constant):
            return constant.number not in (0, None)
        case x.Whole(slot=Index()):
            return True
    return False


# ---------------------------------------------------------------- names


def symbol(name: str) -> Node:
    """A name as a symbol: one letter italic, a Greek letter by its name, `W_1` with its number, words upright."""
    if declared := _DECLARED.fullmatch(name.strip("$ ")):
        word, command = declared.groups()
        return _greek(command) or Sym(command, "function") if command else Sym(word, "roman")
    if name in _GREEK_NAMES or name in _LETTERS:
        return _greek(_GREEK_NAMES.get(name, name))
    if len(name) == 1:
        return Sym(name)
    if name.endswith(BEFORE):
        return Script(symbol(name[:-1]), None, Op("minus", "prefix"))
    head, _, tail = name.strip("$ ").replace("{", "").replace("}", "").partition("_")
    if "\\" in name and head.startswith("\\") and tail:
        return Script(symbol(head), symbol(tail) if not tail.isdigit() else Num(tail))
    return Sym(name, "roman")


def _greek(name: str) -> Sym | None:
    return Sym(name, "greek") if name in _LETTERS else None


def index_symbol(letter: str) -> Node:
    """An index letter; the number of a numbered one stands below it."""
    if found := _NUMBERED.match(letter):
        return Script(symbol(found[1]), Num(found[2]))
    return symbol(letter)


def array(name: str, spelling: Spelling) -> Script | Node:
    """The symbol of an array, an earlier version with its number above."""
    base, _, version = name.partition("~")
    shown = symbol(spelling.shown(base))
    if version.isdigit() and isinstance(shown, Script) and shown.sup is not None:
        return Script(shown.base, shown.sub, row(shown.sup, Fence(Num(version))))
    return Script(shown, None, Fence(Num(version))) if version.isdigit() else shown


# ---------------------------------------------------------------- sizes


def size_node(n: Size) -> Node:
    """A size: `T E`, `n − 1`, `⌊(H − K)/s⌋`."""
    if not n.terms:
        return Num("0")
    items: list[Node] = []
    for monomial, c in sorted(n.terms, key=lambda term: term[1] < 0):
        sign = (MINUS if c < 0 else PLUS,) if items else (NEG,) if c < 0 else ()
        number = (Num(str(abs(c))),) if abs(c) != 1 or not monomial else ()
        items += [*sign, *number, *(_atom(a) for a in monomial)]
    return row(*items)


def _atom(atom: str | Quotient) -> Node:
    if isinstance(atom, str):
        return symbol(atom)
    return Fence(row(factor_size(atom.over), TIGHT_SLASH, factor_size(atom.under)), "floor")


def factor_size(n: Size) -> Node:
    """A size as a factor: bracketed when it is a sum."""
    return Fence(size_node(n)) if len(n.terms) > 1 else size_node(n)


def shape_node(shape: tuple[Size, ...]) -> Node:
    """The shape of an array: `N × C`; `scalar` for no axes."""
    if not shape:
        return SCALAR
    if len(shape) == 1:
        return size_node(shape[0])
    items: list[Node] = []
    for n in shape:
        items += ([TIMES] if items else []) + [factor_size(n)]
    return row(*items)


# ---------------------------------------------------------------- index letters


@dataclass
class Letters:
    """The letters of one derivation: `free` are fixed for all of its lines, `taken` mean something else already.

    `seen` collects every index that was printed with its letter.
    """

    free: dict[Index, str]
    taken: frozenset[str]
    seen: dict[Index, str] = field(default_factory=dict)

    def bound(self, i: Index, scope: Mapping[Index, str]) -> str:
        """A letter for a bound index that no index in scope and no array or size has."""
        used = self.taken | set(scope.values())
        self.seen[i] = next(letter for letter in _candidates(i.name) if letter not in used)
        return self.seen[i]


def letters_for(terms: Iterable[Term | Index], spelling: Spelling, free: Iterable[Index] = ()) -> Letters:
    """Letters for lines that belong together; `free` indices come first and keep their names where possible."""
    terms = list(terms)
    taken = frozenset(letter for t in terms for letter in _other_letters(t, spelling))
    chosen: dict[Index, str] = {}
    rest = sorted({i for t in terms for i in x.free_indices(t)}, key=lambda i: i.number)
    for i in dict.fromkeys([*free, *rest]):
        if i not in chosen:
            chosen[i] = next(c for c in _candidates(i.name) if c not in taken and c not in chosen.values())
    return Letters(chosen, taken, dict(chosen))


def _other_letters(t: Term | Index, spelling: Spelling) -> Iterable[str]:
    for u in x.walk(t):
        if isinstance(u, x.Entry):
            yield spelling.shown(u.name.lstrip("∂"))
        else:
            yield from _sizes(u)


def _sizes(u: Term | Index) -> Iterable[str]:
    match u:
        case x.Affine(terms=terms, constant=constant):
            return constant.letters.union(*(c.letters for _, c in terms))
        case x.Part(divisor=divisor, modulus=modulus):
            return divisor.letters | (modulus.letters if modulus else frozenset())
        case x.Reduce(index=i) | x.ArgBest(index=i):
            return i.size.letters
    return ()


def _candidates(name: str) -> Iterable[str]:
    """The index's own letter, then the usual neighbours, then the letter with a number."""
    found = _NUMBERED.match(name)
    base = letter = found[1] if found else name or "i"
    tried: list[str] = []
    while letter not in tried and len(tried) < 8:
        tried.append(letter)
        letter = PARTNERS.get(letter, letter)
    yield from tried
    yield from (letter for letter in SPARE if letter not in tried)
    number = 1
    while True:
        number += 1
        yield f"{base}{number}"


__all__ = ["Letters", "Spelling", "array", "index_symbol", "letters_for", "shape_node", "size_node", "spelling",
           "symbol"]  # fmt: skip
