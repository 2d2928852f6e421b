"""What a document says about its letters: which are arrays and of how many axes, labels, sizes, abbreviations.

Sizes are inferred as in a typed language: every axis has a provisional size (`?…`), use makes them equal; sizes that
the document names are never made equal to each other.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from derive.errors import Problem
from derive.expr import Expr
from derive.index import Size
from derive.program import Equation, Fact, Program
from derive.readers import latex_tree as t

LOSSES = ("L", "loss", "Loss", "J", "E", "C", "cost", "ell", "ELL", "mathcalL", "SSE", "MSE", "NLL", "CE", "lossi")


class Unknown(Exception):
    """A formula that was read but has no meaning here: the reason, and the place."""

    def __init__(self, reason: str, span: t.Span | None = None):
        super().__init__(reason)
        self.reason, self.span = reason, span


# What trying to give a broken formula a meaning may raise.
FAILED = (Unknown, Problem, ValueError, LookupError, TypeError, RecursionError, ArithmeticError)


@dataclass
class Sizes:
    """Sizes under inference; provisional letters begin with `?`, those of arrays hold a `#`.

    `strict`: no two arrays' axes are made one.
    """

    table: dict[str, Size] = field(default_factory=dict)
    strict: bool = False
    kept: dict[Size, Size] = field(default_factory=dict)
    count: int = 0

    def resolve(self, n: Size) -> Size:
        """The size as far as it is known."""
        if self.count != len(self.table):
            self.kept, self.count = {}, len(self.table)
        found = self.kept.get(n)
        if found is None:
            found = self.kept[n] = self._resolved(n)
        return found

    def _resolved(self, n: Size) -> Size:
        for _ in range(100):
            letters = n.letters & self.table.keys()
            if not letters:
                return n
            n = n.substitute({a: self.table[a] for a in letters})
        return n

    def unify(self, a: Size, b: Size) -> bool:
        """Make two sizes one; False when both are known and different."""
        a, b = self.resolve(a), self.resolve(b)
        if a == b:
            return True
        if self.strict and all("#" in n.letter for n in (a, b) if n.letter) and a.letter and b.letter:
            return False
        for u, v in ((a, b), (b, a)):
            letter = u.letter
            if letter is not None and letter.startswith("?") and letter not in v.letters:
                self.table[letter] = v
                return True
        return False


@dataclass
class Notes:
    """Everything that elaboration asks about names."""

    program: Program
    sizes: Sizes = field(default_factory=Sizes)
    ranks: dict[str, int] = field(default_factory=dict)
    labels: set[str] = field(default_factory=set)
    size_names: set[str] = field(default_factory=set)
    letters: set[str] = field(default_factory=set)
    aliases: dict[str, str] = field(default_factory=dict)
    named_aliases: set[str] = field(default_factory=set)
    stand_ins: dict[str, t.Node] = field(default_factory=dict)
    defined: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    spelling: dict[str, str] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)
    onehot: set[str] = field(default_factory=set)
    positive: set[str] = field(default_factory=set)
    loss: str | None = None
    conventions: list[str] = field(default_factory=list)
    letter_sizes: dict[str, Size] = field(default_factory=dict)
    matrices: set[str] = field(default_factory=set)
    counts: dict[str, str] = field(default_factory=dict)
    open_axes: dict[str, int] = field(default_factory=dict)
    columns: set[str] = field(default_factory=set)
    tags: set[str] = field(default_factory=set)
    layout: str = ""
    declared_loss: str | None = None
    implied: dict[str, Equation] = field(default_factory=dict)
    numbers: set[str] = field(default_factory=set)
    by: set[str] = field(default_factory=set)
    varied: set[str] = field(default_factory=set)
    total: dict[str, Expr] = field(default_factory=dict)
    differential: bool = False

    # -- names

    def spell(self, s: t.Symbol) -> tuple[str, tuple[t.Node, ...], bool]:
        """The name of a symbol, its places, and whether all places came from sample marks."""
        name, front = s.name, []
        for mark in s.marks:
            index = mark.text in self.letters and mark.text not in self.tags
            if mark.bracket == "(" and index and not mark.text.isdigit():
                front.append(t.Symbol(s.span, mark.text))
            else:
                name += "." + mark.text.replace("-", "m").replace("+", "p").replace("'", "")
        subs = list(s.subs)
        while subs and isinstance(subs[0], t.Symbol) and subs[0].name.startswith("text "):
            name += "_" + re.sub(r"\W", "", subs.pop(0).name[5:])
        tail = "".join(u.name for u in subs if isinstance(u, t.Symbol) and not u.subs)
        if subs and len(tail) == len(subs) and name + tail in self.words and name not in self.words:
            name, subs = name + tail, []
        if subs and all(isinstance(u, t.Number) for u in subs) and not self.ranks.get(name):
            name += "_" + "_".join(str(u.value) for u in subs)
            subs = []
        return name, tuple(front) + tuple(subs), bool(front) and not subs

    def resolve(self, name: str) -> tuple[str, bool]:
        """The array that a name means, and whether that had to be guessed from another spelling."""
        if name in self.aliases:
            return self.aliases[name], name in self.named_aliases
        return name, False

    def match(self, name: str, rank: int | None) -> tuple[str, bool] | None:
        """The array of the program or document that another spelling may mean; and whether that must be said."""
        known = [n for n in self.program.by_name if "~" not in n and not n.startswith("∂")]
        if name in known:
            return name, False
        plain = {_plain(n): n for n in known}
        if len(name) > 1 and _plain(name) in plain:
            return plain[_plain(name)], False
        if name in LOSSES and name not in ("C", "E") and (losses := self.scalar_outputs()):
            return losses[0], False
        candidates = known + [n for n in self.defined if n not in known]
        fitting = [n for n in candidates if rank is None or self.rank_of(n) == rank]
        wider = [n for n in candidates if rank is not None and self.rank_of(n) > rank]
        return self._loosely(name, fitting) or self._loosely(name, wider)

    def _loosely(self, name: str, fitting: list[str]) -> tuple[str, bool] | None:
        if "." in name and name.split(".")[0] in self.aliases | {n: n for n in fitting}:
            base = name.split(".")[0]
            tagged = [n for n in self.ranks if n.startswith(base + ".")]
            return self.aliases.get(base, base), len(tagged) > 1
        bare = re.sub(r"\d+$", "", name)
        for n in fitting:
            if len(bare) > 2 and _plain(bare) in (_plain(n), _plain(re.sub(r"\d+$", "", n))) and n != name:
                return n, True
        if len(name) > 5:
            close = difflib.get_close_matches(name, [n for n in fitting if len(n) > 4], 1, 0.9)
            if close:
                return close[0], True
        initials = [n for n in fitting if len(name) > 1 and "".join(w[:1] for w in n.split("_")) == name]
        if len(initials) == 1:
            return initials[0], True
        starting = [n for n in fitting if len(name) == 1 and len(n) > 2 and n.lower().startswith(name.lower())]
        return (starting[0], True) if len(starting) == 1 else None

    def scalar_outputs(self) -> list[str]:
        """The program's outputs that are lone numbers."""
        return [n for n in self.program.outputs if self.program.shape(n) == ()]

    def rank_of(self, name: str) -> int:
        """The number of axes of an array."""
        if name in self.program:
            return len(self.axes(name))
        return self.ranks.get(name, 0)

    # -- axes

    def axes(self, name: str) -> tuple[Size, ...]:
        """The sizes of an array, as far as they are known; axes of length one in the program are no axes."""
        if name in self.program:
            return tuple(n for n in self.program.shape(name) if n.number != 1)
        return tuple(self.sizes.resolve(Size.of(f"?{name}#{k}")) for k in range(self.ranks.get(name, 0)))

    def is_array(self, name: str) -> bool:
        """Whether anything is known of a name."""
        return name in self.program or name in self.defined or name in self.ranks


def _plain(name: str) -> str:
    """A name without case, underscores and plural s."""
    text = name.lower().replace("_", "")
    return text[:-1] if len(text) > 3 and text.endswith("s") else text


def index_letters(nodes: Iterable[t.Node]) -> set[str]:
    """Letters that stand as places of arrays or under sums."""
    found: set[str] = set()
    for node in nodes:
        for u in t.walk(node):
            if isinstance(u, t.Big):
                found |= set(u.letters)
            if isinstance(u, (t.Symbol, t.Paren, t.Function)):
                found |= {
                    s.name for s in u.subs if isinstance(s, t.Symbol) and not s.subs and len(s.name.rstrip("'")) == 1
                }
    return found
