"""The inputs of a pass: its parameters, with shapes from every source, and how they are bound."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field, replace
from fractions import Fraction

from derive.errors import Problem, ShapeMismatch, Span
from derive.index import Size
from derive.program import Variable
from derive.readers import shapes as S
from derive.readers.classes import methods_of
from derive.readers.run import Run, entries, fraction, whole_view
from derive.readers.shapes import Declared
from derive.readers.values import Array, Buffer, Instance, Module, Opaque, Parameter, Scope, Shape

LITERAL = 9  # lengths declared as numbers stay numbers up to this, as in a worked 2×3 example
TORCH_WORDS = {"torch", "F", "nn"}


@dataclass
class Source:
    """The text that is read, and what its comments say."""

    text: str
    path: str
    tree: ast.Module
    function: ast.FunctionDef | None
    owner: ast.ClassDef | None
    lines: list[str] = field(init=False)
    names: set[str] = field(init=False)
    numbers: set[int] | None = None  # written in the pass, so that it is right for them alone; None: all
    lettered: bool = False
    drawn: bool = False  # random draws in the pass are inputs, since another pass keeps what they gave
    notes: dict[int, str] = field(default_factory=dict)
    line_shapes: dict[int, Shape] = field(default_factory=dict)
    facts: tuple[str, ...] = ()
    declared: dict[str, Declared] = field(default_factory=dict)
    letters: dict[str, str] = field(default_factory=dict)
    index_letters: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lines = re.split(r"\r\n|\r|\n", self.text.replace("\f", " "))
        self.names = {n.id for n in ast.walk(self.tree) if isinstance(n, ast.Name)}
        self.names |= {n.arg for n in ast.walk(self.tree) if isinstance(n, ast.arg)}
        self._read_comments()

    @property
    def methods(self) -> dict[str, ast.FunctionDef]:
        """The methods of the class that holds the pass, its bases' included."""
        return methods_of(self.owner, self.tree)

    @property
    def flavor(self) -> str:
        """torch when the source mentions it, else numpy."""
        imported = {a.name.split(".")[0] for n in ast.walk(self.tree) if isinstance(n, ast.Import) for a in n.names}
        imported |= {(n.module or "").split(".")[0] for n in ast.walk(self.tree) if isinstance(n, ast.ImportFrom)}
        used = {n.id for n in ast.walk(self.function or self.tree) if isinstance(n, ast.Name)}
        if "torch" in used or "F" in used and "torch" in imported or "torch" in imported and "numpy" not in imported:
            return "torch"
        return "torch" if "torch" in imported and "np" not in used else "numpy"

    def _read_comments(self) -> None:
        found = S.comments(self.text)
        self.letters, self.index_letters = S.written(found)
        inside = self._span_of_function()
        own: dict[str, Declared] = {}
        for line, column, text in found:
            if match := re.match(r"^facts?\s*:\s*(.*)$", text, re.I):
                self.facts += tuple(p.strip() for p in re.split(r"[·;]", match[1]) if p.strip())
                continue
            if re.match(r"^write\s*:", text, re.I):
                continue
            said = S.from_comment(text, Span(line, column, line, column + 1 + len(text), self.lines[line - 1], self.path))
            code = self.lines[line - 1][: column - 1].strip()
            near = inside is None or inside[0] - 6 <= line <= inside[1]
            its = near or self.owner is not None and self.owner.lineno <= line <= self.owner.end_lineno
            if said and its and inside is not None and text.lower().startswith("shape"):
                own |= said
            if said and (near or text.lower().startswith("shape")):
                self.declared = (
                    {**said, **self.declared} if not text.lower().startswith("shape") else self.declared | said
                )
            elif code:
                self._end_of_line(line, text)
        self.declared |= own  # what is said at this function goes before what is said at others

    def _end_of_line(self, line: int, text: str) -> None:
        shape = S.bare_shape(text)
        if shape is not None:
            self.line_shapes[line] = shape
        elif text and not re.match(r"^(noqa|type:|fmt:|pylint|TODO|pragma)", text):
            self.notes[line] = text

    def _span_of_function(self) -> tuple[int, int] | None:
        return None if self.function is None else (self.function.lineno, self.function.end_lineno)

    def bind_import(self, node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
        """Library names under the names that the source gives them."""
        for alias in node.names:
            name = alias.asname or alias.name.split(".")[0]
            if isinstance(node, ast.Import):
                path = alias.name if alias.asname else alias.name.split(".")[0]
            else:
                path = f"{node.module}.{alias.name}"
            root = path.split(".")[0]
            if root in ("numpy", "torch", "math", "scipy", "jax"):
                scope[name] = Module(path.replace("jax.numpy", "numpy"))
            elif root not in ("typing", "jaxtyping", "__future__", "dataclasses"):
                scope[name] = Opaque(f"the module {path}")


@dataclass
class Inputs:
    """What is declared of the parameters; it binds them anew in every round."""

    source: Source
    declared: dict[str, Declared]
    sample: dict
    lengths: dict[str, int]
    defaults: dict[str, ast.expr]
    parameters: tuple[str, ...]
    given: tuple[str, ...] = ()

    # -- collecting

    @staticmethod
    def collect(source: Source, shapes: dict[str, str], sample: dict) -> Inputs:
        """Everything that is said of shapes: `shapes` before annotations before comments."""
        declared = dict(source.declared)
        parameters, defaults = [], {}
        if source.function is not None:
            spec = source.function.args
            for arg in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs):
                parameters.append(arg.arg)
                said = S.from_annotation(arg.annotation)
                if said is not None and said.shape is not None and (said.shape or arg.arg not in declared):
                    declared[arg.arg] = said
            positional = [*spec.posonlyargs, *spec.args]
            defaults = {
                a.arg: d for a, d in zip(positional[len(positional) - len(spec.defaults) :], spec.defaults, strict=True)
            }
            defaults |= {a.arg: d for a, d in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if d is not None}
        given = {name: S.from_text(S.given_axes(said), name) for name, said in shapes.items()}
        declared |= {S.leaf(name): replace(said, path=S.path_of(name)) for name, said in given.items()}
        self = Inputs(source, declared, dict(sample), {}, defaults, tuple(parameters), tuple(map(S.leaf, shapes)))
        self._measure()
        return self

    @property
    def letters(self) -> set[str]:
        """Size letters that declarations use."""
        return {a for d in self.declared.values() if d.shape for n in d.shape for a in n.letters}

    def _measure(self) -> None:
        """The lengths of declared letters, from sample data; raises where they contradict each other."""
        for name, value in _leaves(self.sample):
            said = self.declared.get(name)
            if said is None or said.shape is None or isinstance(value, (str, bool, type(None))):
                continue
            lengths = S.sample_shape(value)
            if said.leading:
                lengths = lengths[len(lengths) - len(said.shape) :]
            if len(lengths) != len(said.shape):
                raise ShapeMismatch(
                    f"`{name}` is declared with {len(said.shape)} axes and its sample has {len(lengths)}"
                )
            for n, length in zip(said.shape, lengths, strict=True):
                if n.letter is not None:
                    self.lengths.setdefault(n.letter, length)
                if n.letters <= self.lengths.keys() and n.at(self.lengths) != length:
                    raise ShapeMismatch(f"`{name}`: the size {n} is {n.at(self.lengths)} and {length} in the sample",
                                        "one letter is one length")  # fmt: skip

    # -- binding

    def attach(self, run: Run) -> None:
        """Let the reading ask for inputs that it meets on the way."""
        run.inner = lambda owner, key, span: self.inner(run, owner, key, span)
        run.entries = self.entries
        run.member = lambda owner, name, span: self.member(run, owner, name, span)
        run.leaf = lambda structure, shape: self.leaf(run, structure, shape)
        self.leaves: dict[tuple, object] = {}

    def bind_parameters(self, run: Run, scope: Scope) -> None:
        """Every parameter as an array, a static value, or a container of inputs."""
        first = self.parameters[0] if self.parameters else ""
        spec = self.source.function.args
        for name in self.parameters:
            run.node = self.source.function
            if name == first and (self.source.owner is not None and name == "self" or name == "ctx"):
                scope[name] = Instance(Scope("self"), self._methods())
                continue
            scope[name] = self.value_of(run, name, (name,), self.sample.get(name, _MISSING))
        for extra in (spec.vararg, spec.kwarg):
            if extra is not None:
                scope[extra.arg] = () if extra is spec.vararg else {}

    def _methods(self) -> dict:
        return self.source.methods

    def value_of(self, run: Run, name: str, structure: tuple, sample: object) -> object:
        """A parameter (or a part of one) as the pass sees it."""
        said = self.declared.get(name)
        if isinstance(sample, dict):
            return {k: self.value_of(run, self._leaf_name(structure, k), (*structure, k), v) for k, v in sample.items()}
        if isinstance(sample, (list, tuple)) and any(
            hasattr(v, "shape") or isinstance(v, (dict, list, tuple)) for v in sample
        ):
            return [self.value_of(run, self._leaf_name(structure, k), (*structure, k), v) for k, v in enumerate(sample)]
        if isinstance(sample, (str, type(None))) or _is_bool(sample):
            return self._static(run, name, sample if not _is_bool(sample) else bool(sample))
        if sample is not _MISSING:
            return self._from_sample(run, name, structure, sample, said)
        if said is not None and said.shape is not None and not said.leading:
            return self._from_declaration(run, name, structure, said)
        if said is not None and said.leading:  # any number of leading axes: one stands for them
            lead = self._generated(run, name, (None,))
            return self.array(run, name, structure, (*lead, *said.shape), said.sort or "real")
        if said is None and (count := self._listed(structure)):
            inner = ((k, self._leaf_name(structure, k)) for k in range(count))
            return [self.value_of(run, leaf, (*structure, k), _MISSING) for k, leaf in inner]
        return self._undeclared(run, name, structure)

    def _listed(self, structure: tuple) -> int:
        """How many elements are declared of a list: `params[0][0] (d, h) · params[0][1] (h,)` make params[0] two."""
        here = len(structure)
        keys = {d.path[here] for d in self.declared.values() if len(d.path) > here and d.path[:here] == structure}
        return len(keys) if keys == set(range(len(keys))) else 0

    def _leaf_name(self, structure: tuple, key: object) -> str:
        """W1 for params['W1'], Ws0 for Ws[0], layers0_W for layers[0]['W']."""
        if len(structure) == 1 and isinstance(key, str):
            return key
        name = str(structure[0])
        for part in (*structure[1:], key):
            joined = isinstance(part, int) and not name[-1:].isdigit()
            name = f"{name}{part}" if joined else f"{name}_{part}"
        return name

    def _static(self, run: Run, name: str, value: object) -> object:
        run.statics[name] = value
        return value

    def _from_declaration(self, run: Run, name: str, structure: tuple, said: Declared) -> object:
        default = self._default(name)
        if not said.shape and said.sort == "int":
            return self._integer(run, name, structure, default if isinstance(default, int) else None)
        if not said.shape and said.sort == "bool":
            value = default if isinstance(default, bool) else True
            return self._static(run, name, value)
        return self.array(run, name, structure, self.general(run, name, said.shape, LITERAL), said.sort or "real")

    def _from_sample(self, run: Run, name: str, structure: tuple, value: object, said: Declared | None) -> object:
        lengths, sort = S.sample_shape(value), S.sample_sort(value)
        if said is not None and said.sort is not None:
            sort = said.sort
        if not lengths and sort == "int":
            return self._integer(run, name, structure, int(value))
        if said is not None and said.shape is not None:
            lead = lengths[: len(lengths) - len(said.shape)]
            shape = (*self._generated(run, name, lead), *said.shape)
        else:
            shape = self._generated(run, name, lengths)
        return self.array(run, name, structure, shape, sort)

    def _generated(self, run: Run, name: str, lengths: tuple[int | None, ...]) -> Shape:
        known = run.knowledge.found
        if name not in known:
            known[name] = tuple(Size.of(1) if n == 1 else run.knowledge.new_letter(f"{name}_{k}", n)
                                for k, n in enumerate(lengths))  # fmt: skip
        return known[name]

    def general(self, run: Run, name: str, shape: Shape, most: int = 1, axes: int | None = None) -> Shape:
        """The shape with a letter for each length above `most` that it gives as a number: results hold for all sizes.

        A number that the pass itself mentions (`x.reshape(-1, 784)`) stays, since the source is right for it alone;
        so do those after the first `axes` axes, the sides of a kernel.
        """
        known = run.knowledge.found
        if name not in known:
            keep = self.source.numbers
            free = [keep is not None and n.number is not None and n.number > most and n.number not in keep
                    for n in shape[:axes]] + [False] * len(shape[axes or len(shape) :])  # fmt: skip
            if not any(free):
                return shape
            self.source.lettered = True
            known[name] = tuple(run.knowledge.new_letter(f"{name}_{k}", n.number) if lift else n
                                for k, (n, lift) in enumerate(zip(shape, free, strict=True)))  # fmt: skip
        return tuple(run.knowledge.settled(n) for n in known[name])

    def _undeclared(self, run: Run, name: str, structure: tuple) -> object:
        knowledge = run.knowledge
        if name in knowledge.guesses:
            return self.array(run, name, structure, knowledge.guesses[name], knowledge.sorts.get(name, "real"))
        if name in knowledge.found:
            return self.array(run, name, structure, knowledge.found[name], knowledge.sorts.get(name, "real"))
        if name in self.defaults:
            value = self._default(name)
            if isinstance(value, (str, bool, type(None))):
                return self._static(run, name, value)
            if isinstance(value, int):
                return self._integer(run, name, structure, value)
            if isinstance(value, Fraction):
                return self.array(run, name, structure, (), "real")
        return Parameter(name, structure, run.span())

    def _default(self, name: str) -> object:
        node = self.defaults.get(name)
        try:
            value = ast.literal_eval(node) if node is not None else _MISSING
        except (ValueError, TypeError, SyntaxError, RecursionError):
            return _MISSING
        return fraction(value) if isinstance(value, float) else value

    def numbers(self) -> dict[str, Fraction]:
        """The parameters whose default is a number that is no truth value."""
        found = {name: self._default(name) for name in self.defaults}
        return {n: Fraction(v) for n, v in found.items() if isinstance(v, (int, Fraction)) and not isinstance(v, bool)}

    def _integer(self, run: Run, name: str, structure: tuple, value: int | None) -> object:
        """An int: static once it has reached a shape or a branch, else an integer input."""
        if name in run.knowledge.statics:
            return self._static(run, name, value if value is not None else Size.of(name))
        run.integers[name] = name
        return self.array(run, name, structure, (), "int")

    def array(self, run: Run, name: str, structure: tuple, shape: Shape, sort: str) -> Array:
        """An input array: a variable, and a buffer that holds it."""
        shape = tuple(run.knowledge.settled(n) for n in shape)
        path = structure if len(structure) > 1 else ()
        run.inputs[name] = Variable(name, shape, sort, None, path, self._place(run, name))
        buffer = Buffer(name, shape, sort, {name})
        return replace(entries(name, shape, sort), view=whole_view(buffer))

    def _place(self, run: Run, name: str) -> Span | None:
        if self.source.function is None:
            return None
        spec = self.source.function.args
        node = next((a for a in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs) if a.arg == name), None)
        return run.span(node) if node is not None else None

    # -- inputs met on the way

    def inner(self, run: Run, owner: Parameter, key: str | int, span: Span | None) -> object:
        """`params['W1']`, `layers[0]`: an input inside a container."""
        structure = (*owner.structure, key)
        if structure not in self.leaves:
            self.leaves[structure] = self.value_of(run, self._leaf_name(structure[:-1], key), structure, _MISSING)
        return self.leaves[structure]

    def entries(self, owner: Parameter) -> int:
        """How many entries are declared of a container: `params['W1'] (d, h) · params['b1'] (h,)` are two; 0: unknown."""
        here = len(owner.structure)
        return len({d.path[here] for d in self.declared.values()
                    if len(d.path) > here and d.path[:here] == owner.structure})  # fmt: skip

    def leaf(self, run: Run, structure: tuple, shape: Shape) -> object:
        """The parameter of a layer, `fc_weight` for fc.weight: an input of a known shape."""
        if structure not in self.leaves:
            name = "_".join(structure)
            if name not in self.declared:
                self.declared[name] = Declared(self.general(run, name, shape, 1, 2), "real")
            sample: object = self.sample
            for key in structure:
                sample = sample.get(key, _MISSING) if isinstance(sample, dict) else _MISSING
            self.leaves[structure] = self.value_of(run, name, structure, sample)
        return self.leaves[structure]

    def member(self, run: Run, owner: Instance, name: str, span: Span | None) -> object:
        """`self.W`, never set: an input of the object."""
        value = self.value_of(run, name, (name,), self.sample.get(name, _MISSING))
        owner.attributes[name] = value
        return value

    def bind_cell(self, run: Run, module: Scope) -> None:
        """In a flat script a name that nothing assigns is an input."""

        def free(name: str, span: Span | None) -> object:
            module[name] = self.value_of(run, name, (name,), self.sample_of(name))
            return module[name]

        run.free_names, run.spoken = free, frozenset(self.declared)

    def sample_of(self, name: str) -> object:
        """The sample data of a name, or the mark that there are none."""
        return self.sample.get(name, _MISSING)


_MISSING = object()


def _is_bool(value: object) -> bool:
    return (
        isinstance(value, bool)
        or type(value).__name__ in ("bool_",)
        or (getattr(value, "shape", None) == () and "bool" in str(getattr(value, "dtype", "")))
    )


def _leaves(sample: dict) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for name, value in sample.items():
        if isinstance(value, dict):
            found += _leaves(value)
        else:
            found.append((str(name), value))
    return found


__all__ = ["Inputs", "Problem", "Source"]
