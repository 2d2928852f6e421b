"""The source under judgement: parsed once, its imports and dialect known, and the values only an interpreter has."""

from __future__ import annotations

import ast
import difflib
import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial

from derive.errors import Problem, ShapeMismatch, Span, Unreadable, Unsupported
from derive.judges import shapes as S
from derive.judges import tables as T

FUEL = 2_000_000
FAILURES = (ValueError, LookupError, TypeError, ArithmeticError, MemoryError, AttributeError, StopIteration)
FAILURES += (RecursionError,)
PLAIN_DECORATORS = set("staticmethod property njit jit jaxtyped typechecked beartype compile script".split())
TORCH_MARKS = {"keepdim", "dim", "unbiased", "unsqueeze", "masked_fill", "permute", "logsumexp", "scatter_", "gather"}


@dataclass
class Code:
    """A parsed source with what a run needs to know about it; parsed once per text."""

    tree: ast.Module
    lines: list
    torch: bool
    functions: dict = field(default_factory=dict)
    classes: dict = field(default_factory=dict)
    imports: dict = field(default_factory=dict)
    constants: dict = field(default_factory=dict)

    @cached_property
    def words(self) -> set:
        """Every name, attribute and parameter of the source."""
        found = [(n, getattr(n, "id", None), getattr(n, "attr", None)) for n in ast.walk(self.tree)]
        return {name for n, *names in found for name in (*names, n.arg if isinstance(n, ast.arg) else None) if name}

    def span(self, node) -> Span:
        """The place of a node, columns counted in characters."""
        text = self.lines[node.lineno - 1] if node.lineno <= len(self.lines) else ""
        column = len(text.encode()[: node.col_offset].decode(errors="ignore")) + 1
        last = self.lines[node.end_lineno - 1] if node.end_lineno <= len(self.lines) else ""
        end = len(last.encode()[: node.end_col_offset].decode(errors="ignore")) + 1
        return Span(node.lineno, column, node.end_lineno, end, text)


@lru_cache(maxsize=128)
def read(source: str) -> Code:
    """The parsed source; raises Unreadable with the place of the syntax error."""
    try:
        tree = ast.parse(source)
    except SyntaxError as e:
        span = Span(e.lineno or 1, e.offset or 1, text=(e.text or "").rstrip("\n"))
        raise Unreadable(f"not Python: {e.msg}", span=span) from None
    except (ValueError, RecursionError, MemoryError) as e:
        raise Unreadable(f"not Python: {e}") from None
    code = Code(tree, source.splitlines(), speaks_torch(tree))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            code.functions[node.name] = node
        elif isinstance(node, ast.ClassDef):
            code.classes[node.name] = node
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            code.imports |= imported(node)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            code.constants |= {name: node for name in stored_names(node)}
    return code


def stored_names(node) -> list:
    """Names that a statement binds."""
    return [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]


def speaks_torch(tree) -> bool:
    """Whether methods mean what torch means: torch is named outside imports, or torch's own words occur."""
    imported_torch = named = False
    own = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    marks, names = set(), set()
    for n in ast.walk(tree):
        if isinstance(n, (ast.Import, ast.ImportFrom)):
            modules = [getattr(n, "module", None) or "", *(a.name for a in n.names)]
            imported_torch |= any("torch" in name for name in modules)
        elif isinstance(n, ast.Name):
            names.add(n.id)
        elif isinstance(n, (ast.Attribute, ast.keyword)):
            marks.add(n.attr if isinstance(n, ast.Attribute) else n.arg)
            if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name):
                named |= n.value.id in {"torch", "F", "nn"} - own
    if named or "torch" in names:
        return True
    return imported_torch and not names & {"np", "numpy"} or not imported_torch and bool(marks & TORCH_MARKS)


@dataclass(frozen=True)
class Foreign:
    """An import that the judge does not know; only its use is an error."""

    name: str


def imported(node) -> dict:
    """Names that an import binds."""
    if isinstance(node, ast.Import):
        tops = [a.name if a.asname else a.name.split(".")[0] for a in node.names]
        return {a.asname or top: _module(top) for a, top in zip(node.names, tops, strict=True)}
    base = Foreign("." * node.level) if node.level else _module(node.module)
    known, found = base if isinstance(base, T.Table) else {}, {}
    for a in node.names:
        if a.name == "*":
            found |= known
        else:
            found[a.asname or a.name] = known[a.name] if a.name in known else _module(f"{node.module}.{a.name}")
    return found


def _module(name):
    return T.MODULES.get(name) or (NN if name == "torch.nn" else Foreign(name))


# -- values that only the interpreter knows ----------------------------------------------------------------------


class Scope(dict):
    """Names of one call; `label` prefixes them in the trace, None keeps them out of it."""

    def __init__(self, label=None, parent=None):
        super().__init__()
        self.label, self.parent = label, parent


@dataclass
class Function:
    """A def or lambda of the source, with the scope it was made in and the object it is bound to."""

    node: ast.FunctionDef | ast.Lambda
    scope: Scope | None
    bound: object = None

    @property
    def name(self):
        """Its name in the trace."""
        return getattr(self.node, "name", "<lambda>")


@dataclass
class Class:
    """A class of the source."""

    node: ast.ClassDef
    scope: Scope | None

    def find(self, name, machine):
        """The def or value of that name, through base classes of the same source."""
        for part in self.node.body:
            if isinstance(part, ast.FunctionDef) and part.name == name:
                return part
            if isinstance(part, (ast.Assign, ast.AnnAssign)) and name in stored_names(part) and part.value:
                return part.value
        for base in self.node.bases:
            if isinstance(base, ast.Name) and base.id in machine.code.classes:
                found = Class(machine.code.classes[base.id], self.scope).find(name, machine)
                if found is not None:
                    return found
        return None


@dataclass
class Member:
    """Something with a dotted path: its parameters may come as inputs such as `fc1.weight`."""

    owner: object = None
    label: str = ""

    def path(self, name) -> str:
        """The dotted name of an attribute, from the entry object down."""
        own = f"{self.label}.{name}" if self.label else name
        return self.owner.path(own) if self.owner is not None else own


@dataclass
class Instance(Member):
    """An object of a class of the source (cls None: known by its inputs only)."""

    cls: Class | None = None
    attributes: dict = field(default_factory=dict)


@dataclass
class Layer(Member):
    """nn.Linear(…) and its like: a name, what it was made with, and parameters looked up when it is called."""

    kind: str = ""
    own: tuple = ()
    options: dict = field(default_factory=dict)

    def children(self):
        """The layers of a Sequential or ModuleList, with their paths."""
        parts = self.own[0] if len(self.own) == 1 and isinstance(self.own[0], (list, tuple)) else self.own
        for k, part in enumerate(parts):
            part.owner, part.label = self, str(k)
        return list(parts)


class Missing:
    """A constructor argument that no input gives: it may be passed on (sizes of layers), not computed with."""

    def _same(self, *_):
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __floordiv__ = __truediv__ = __pow__ = _same


NN = T.Table("torch.nn", {"functional": T.FUNCTIONAL, "Module": Foreign("torch.nn.Module"), "Parameter": S.asarray})
NN |= {name: partial(lambda kind, *own, **options: Layer(None, "", kind, own, options), name) for name in T.LAYERS}
T.TORCH["nn"] = NN
DEFAULTS = {"np": T.NUMPY, "numpy": T.NUMPY, "torch": T.TORCH, "F": T.FUNCTIONAL, "math": T.MATH, "nn": NN}


@dataclass
class Returned:
    """The signal of a return statement."""

    value: object
    node: ast.AST | None



# -- what went wrong ---------------------------------------------------------------------------------------------


WORDS = {
    ast.Try: "`try`", ast.With: "`with`", ast.AsyncFunctionDef: "`async`", ast.Yield: "`yield`", ast.Await: "`await`",
    ast.Global: "`global`", ast.Nonlocal: "`nonlocal`", ast.Match: "`match`",
}  # fmt: skip


def is_super(node) -> bool:
    """super() or super(Class, self)."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"


def scope_names(scope):
    """Names a user may have meant."""
    return [] if scope is None else [*scope, *scope_names(scope.parent)]


def defaults(spec):
    """(parameter, default node or None) of everything but *args and **kwargs."""
    names = [a.arg for a in spec.posonlyargs + spec.args]
    given = [None] * (len(names) - len(spec.defaults)) + list(spec.defaults)
    only = zip((a.arg for a in spec.kwonlyargs), spec.kw_defaults, strict=True)
    return [*zip(names, given, strict=True), *only]


def decorator_words(node) -> set:
    """The names in a decorator."""
    return {getattr(n, "id", None) or n.attr for n in ast.walk(node) if isinstance(n, (ast.Name, ast.Attribute))}


def check_decorators(node):
    """The decorators of a def, all of them known."""
    found = getattr(node, "decorator_list", [])
    for d in found:
        if not decorator_words(d) & (PLAIN_DECORATORS | {"no_grad", "inference_mode"}):
            raise Unsupported("this decorator", "it may change what the function means", "leave it out").at(None)
    return found


def refused(node) -> Unsupported:
    """The problem for a node without a row in the tables."""
    word = WORDS.get(type(node), f"`{type(node).__name__.lower()}`")
    return Unsupported(word, "the judge evaluates assignments, arithmetic, calls, if and for only")


def unknown(what, name, table) -> Unsupported:
    """The problem for a name that a table does not have."""
    near = difflib.get_close_matches(name, [k for k in table if isinstance(k, str)], 2)
    return Unsupported(what, "it is not in the judge's table", f"use {' or '.join(near)}" if near else "")


def failed(e, span) -> Problem:
    """What NumPy or Python objected to, as a problem with its place."""
    text = str(e).splitlines()[0] if str(e) else type(e).__name__
    shapes = re.search(r"shape|broadcast|dimension|size|axis|out of bounds", text)
    kind = ShapeMismatch if shapes and isinstance(e, (ValueError, IndexError)) else Unsupported
    why = "the same line fails in Python, or is a form that the judge does not have"
    return kind(f"this does not run: {text}", why, "", span)
