"""Matrix notation: an equation in indices as a matrix formula that was read back before it is shown.

What is printed is checked as it stands: the LaTeX and the plain text of the formula are read by a reader that shares
nothing with the printer (judges/printed.py), computed in NumPy on data whose axes all differ, and compared with the
index form.  A formula that does not come out the same is not shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

import numpy as np

from derive import expr as x
from derive.expr import Entry, Expr
from derive.index import Index, Size
from derive.judges.data import bool_data, judging_sizes, label_data, label_limits, real_data
from derive.judges.evaluate import Undecided, World
from derive.judges.printed import LATEX, TEXT, Misprint, Names, Printed, as_matrix, computed
from derive.judges.value import Floats
from derive.matrices import tree as m
from derive.matrices.build import Builder
from derive.matrices.tree import Matrix, NoMatrix, walk
from derive.program import Program
from derive.writers.latex_math import latex
from derive.writers.layout import Node, row
from derive.writers.letters import EQ, Spelling, index_symbol, letters_for, symbol
from derive.writers.matrix_formula import MatrixPrinter
from derive.writers.pieces import function_node
from derive.writers.text_formula import text

UNNAMED = "a value without a name"  # no array can be called so
CLOSE = 1e-7  # relative to the largest entry; both sides add the same few numbers
CONVENTIONS = (
    "In matrix formulas {gradient}; samples stand in rows, as in the code, and an array with one axis is a column. "
    "The bold 𝟏 is a column of ones; functions, ⊙, ⊘ and powers with ⊙ act on each entry, and a number added to a matrix is "
    "added to each; products of matrices come before ⊙.",
    {"softmax": "softmax acts on each row, or on a whole column.",
     "rowmax": "rowmax takes the largest entry of each row, or of a whole column.",
     "rowmin": "rowmin takes the smallest entry of each row, or of a whole column.",
     "rowargmax": "rowargmax is the place of the first largest entry of each row.",
     "rowargmin": "rowargmin is the place of the first smallest entry of each row.",
     "onehot": "onehot(y) has a row for every label, with a single 1 at its place.",
     "compare": "A comparison in brackets is 1 where it holds, else 0.",
     "diag": "diag(v) is the diagonal matrix of v.",
     "norm": "‖A‖ is the root of the sum of all squares.",
     "unit": "I is the identity matrix.",
     "labels": "Subscripts number matrices: one for every value of the leading axes."},
    "Each was read back from its print and compared with its index form; what has no matrix form stays in indices.",
)  # fmt: skip


@dataclass(frozen=True)
class Form:
    """An equation in matrix notation: both sides, the formula itself, and the labels that number its matrices."""

    left: Node
    right: Node
    tree: Matrix
    printer: MatrixPrinter
    labels: tuple[Index, ...] = ()

    @property
    def node(self) -> Node:
        return row(self.left, EQ, self.right)


class Differs(Exception):
    """A printed formula reads back as something else than it should say."""


@dataclass
class Matrices:
    """The matrix forms of one program's equations; `reasons` tells why the others have none."""

    program: Program
    spelling: Spelling
    reasons: dict[str, str] = field(default_factory=dict)
    differing: list[str] = field(default_factory=list)
    held: dict[tuple[str, int], Form | None] = field(default_factory=dict)
    words: set[str] = field(default_factory=set)

    @cached_property
    def short(self) -> bool:
        """Whether dZ can stand for ∂L/∂Z: not where an array of the author's has that name."""
        own = {n for n in self.program.by_name if not n.startswith("∂")}
        shown = {self.spelling.shown(n) for n in own}
        return not any("d" + word in shown for word in shown)

    def form(self, name: str, indices: tuple[Index, ...], e: Expr) -> Form | None:
        """The equation `name[indices] = e` in matrix notation; None where it has no matrix form."""
        key = name, id(e)
        if key not in self.held:
            self.held[key] = self._form(name, indices, e)
        return self.held[key]

    def _form(self, name: str, indices: tuple[Index, ...], e: Expr) -> Form | None:
        try:
            made = self.translated(name, indices, e)
            self.check(name, indices, e, made)
        except NoMatrix as reason:
            self.reasons[name] = str(reason)
            return None
        except (Differs, Misprint, ArithmeticError, LookupError, ValueError, RecursionError) as problem:
            self.reasons[name] = str(problem)  # the report goes on in indices; `differing` tells the tests
            self.differing.append(f"{name}: {problem}")
            return None
        self.words |= {w for t in walk(made.tree) for w in _words(t)}
        return made

    @property
    def conventions(self) -> str:
        """How to read the formulas made so far."""
        loss = self.spelling.shown(self.spelling.loss)
        gradient = f"dZ is ∂{loss}/∂Z, with the shape of Z" if self.short else f"∂{loss}/∂Z has the shape of Z"
        return " ".join([CONVENTIONS[0].format(gradient=gradient),
                         *(said for word, said in CONVENTIONS[1].items() if word in self.words), CONVENTIONS[2]])  # fmt: skip

    # ------------------------------------------------------------ translating

    def translated(self, name: str, indices: tuple[Index, ...], e: Expr) -> Form:
        """The formula, not yet checked; raises NoMatrix.  Leading axes become labels only where there are too many."""
        if any(isinstance(t, Entry) and t.name not in self.program for t in x.walk(e)):
            raise NoMatrix("it speaks of what the program does not name")
        try:
            return self.with_labels(name, indices, e, ())
        except NoMatrix as reason:
            labels = leading(indices, e)
            if not labels:
                raise
            try:
                return self.with_labels(name, indices, e, labels)
            except NoMatrix:
                raise reason from None

    def with_labels(self, name: str, indices: tuple[Index, ...], e: Expr, labels: Iterable[Index]) -> Form:
        builder = Builder(self.shapes(name, indices), labels)
        left = builder.entry(Entry(name, indices))
        tree = builder.matrix(e, left.rows, left.cols)
        letters = letters_for([e], self.spelling, indices)
        named = dict(letters.free)
        for t in walk(tree):
            if isinstance(t, m.Over):
                named[t.label] = letters.bound(t.label, named)
        printer = MatrixPrinter(self.spelling, named, self.short)
        return Form(printer.put(left), printer.put(tree), tree, printer, left.labels)

    def shapes(self, name: str, indices: tuple[Index, ...]) -> Callable[[str], tuple[Size, ...]]:
        """The shapes of the program's arrays and of the one that is defined."""
        own = tuple(i.size for i in indices)
        return lambda other: own if other == name else self.program.shape(other)

    # ------------------------------------------------------------ reading back

    def check(self, name: str, indices: tuple[Index, ...], e: Expr, form: Form) -> None:
        """Read LaTeX and text of the formula back and compare with the index form; raises Differs, Misprint."""
        bench = Bench(self.program, e)
        wanted = bench.value(e, indices)
        places = [k for k, i in enumerate(indices) if i in form.labels]
        for write, signs in ((latex, LATEX), (text, TEXT)):
            names = bench.names(form, write)
            written = write(form.right)
            for values in product(*(range(wanted.shape[k]) for k in places)):
                chosen = dict(zip(places, values, strict=True))
                one = as_matrix(wanted[tuple(chosen.get(k, slice(None)) for k in range(wanted.ndim))])
                at = {write(index_symbol(form.printer.letters[indices[k]])): v for k, v in chosen.items()}
                found = computed(written, names, one.shape, signs, at)
                if not np.allclose(found, one, rtol=CLOSE, atol=CLOSE * max(1.0, float(np.abs(one).max(initial=0)))):
                    raise Differs(f"the print {written!r} gives other numbers")


@dataclass
class Bench:
    """Random data for one expression, every array on its own."""

    program: Program
    e: Expr

    @cached_property
    def sizes(self) -> dict[str, int]:
        return judging_sizes(self.program, self.e)

    @cached_property
    def data(self) -> dict[str, np.ndarray]:
        """Numbers of both signs where that gives numbers, else positive ones, else such as a probability may be."""
        for positive, scale in ((False, 1.0), (True, 1.0), (True, 0.6)):
            rng = np.random.default_rng(7)
            drawn = {n: self._data(n, rng, positive) for n in sorted(self.e.names)}
            found = {n: v * scale if v.dtype.kind == "f" and scale != 1 else v for n, v in drawn.items()}
            if np.isfinite(self._value(self.e, tuple(self.e.free), found)).all():
                return found
        raise NoMatrix("it is undefined on the data of the check")

    def limit(self, name: str) -> int | None:
        limits = self.program.limits(name) or tuple(
            n for a, n in label_limits([self.e], {v: self.program.shape(v) for v in self.e.names}).items() if a == name)  # fmt: skip
        return limits[0].at(self.sizes) if limits else None

    def _data(self, name: str, rng: np.random.Generator, positive: bool) -> np.ndarray:
        shape = tuple(n.at(self.sizes) for n in self.program.shape(name))
        sort = self.program.sort(name)
        if sort == "bool":
            return bool_data(rng, shape)
        if sort == "int":
            return label_data(rng, shape, self.limit(name) or 3)
        return real_data(rng, shape, positive)

    def value(self, e: Expr, indices: tuple[Index, ...]) -> np.ndarray:
        return self._value(e, indices, self.data)

    def _value(self, e: Expr, indices: tuple[Index, ...], data: Mapping[str, np.ndarray]) -> np.ndarray:
        whole = {n for n in data if self.program.sort(n) != "real"}
        try:
            with np.errstate(all="ignore"):
                return np.asarray(Floats(World(self.sizes, {}, whole.__contains__), data.__getitem__).over(e, indices))
        except Undecided as problem:
            raise NoMatrix(f"the check cannot compute it ({problem})") from problem

    # ------------------------------------------------------------ the names in a print

    def names(self, form: Form, write: Callable[[Node], str]) -> Names:
        """Arrays, sizes, functions and label ranges in the spelling of one printer; raises NoMatrix when two share one."""
        arrays: dict[str, tuple[tuple, Printed]] = {}
        functions, ranges, printer = {}, {}, form.printer
        for t in walk(form.tree):
            found = []
            if isinstance(t, m.Named):
                labels = tuple(write(index_symbol(printer.letters[i])) for i in t.labels)
                found = [(printer.put(t), (t.name, labels), Printed(self._held(t), labels, self.limit(t.name)))]
            elif isinstance(t, m.Length):
                found = [(symbol(a), (a,), Printed(np.asarray(float(self.sizes[a])))) for a in t.size.letters]
            elif isinstance(t, m.Apply) and t.op not in m.BY_ROW:
                functions[write(function_node(t.op, printer.spelling))] = _function(t.op)
            elif isinstance(t, m.Over):
                ranges[write(index_symbol(printer.letters[t.label]))] = t.label.size.at(self.sizes)
            for node, own, value in found:
                if arrays.setdefault(write(node), (own, value))[0] != own:
                    raise NoMatrix(f"two things are written {text(node)}")
        return Names({s: p for s, (_, p) in arrays.items()}, functions, ranges)

    def _held(self, t: m.Named) -> np.ndarray:
        """An array with its labels in front, axes of length one between them dropped."""
        data, place = np.asarray(self.data[t.name]), 0
        for i in t.labels:
            while self.program.shape(t.name)[place] != i.size:
                place += 1
            place += 1
        return data.reshape((*(i.size.at(self.sizes) for i in t.labels), *data.shape[place:]))


def _function(op: str) -> Callable[..., np.ndarray]:
    """A function of entries, by the value judge."""

    def f(*args: np.ndarray) -> np.ndarray:
        data = np.broadcast_arrays(*args) if args else []
        i = Index("i", Size.of(int(data[0].size) if data else 1))
        held = {f"a{k}": d.ravel() for k, d in enumerate(data)}
        e = x.Call(op, tuple(Entry(n, (i,)) for n in held))
        with np.errstate(all="ignore"):
            found = Floats(World({}, {}), held.__getitem__).over(e, (i,) if data else ())
        return found.reshape(data[0].shape) if data else found

    return f


def leading(indices: tuple[Index, ...], e: Expr) -> set[Index]:
    """The indices that stand before the last two long axes of an array with three or more."""
    found: set[Index] = set()
    entries = [t.slots for t in x.walk(e) if isinstance(t, Entry)]
    for slots in [indices, *entries]:
        long = [s for s in slots if not (isinstance(s, Index) and s.size.number == 1)]
        found |= {s for s in long[:-2] if isinstance(s, Index)}
    return found


def _words(t: Matrix) -> Iterator[str]:
    """The signs in a formula that the conventions explain."""
    match t:
        case m.Apply(op=op) if op in m.BY_ROW:
            yield op
        case m.OneHot():
            yield "onehot"
        case m.Compare():
            yield "compare"
        case m.Norm():
            yield "norm"
        case m.Named(labels=(_, *_)):
            yield "labels"
        case m.Unit():
            yield "unit"
        case m.Diag() | m.Diagonal():
            yield "diag"


__all__ = ["CONVENTIONS", "UNNAMED", "Form", "Matrices"]
