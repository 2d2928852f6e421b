"""Layers as classes: every function that a `# layer:` comment names, differentiated on its own.

    def linear(X, W, b):
        # layer: Linear with parameters W, b

becomes a class: forward keeps what backward needs, backward(up_grad) returns the gradient with respect to the first
argument that is no parameter and keeps those of the parameters, step(lr) moves the parameters.
"""

from __future__ import annotations

import ast
import keyword
import re
from dataclasses import dataclass
from pathlib import PurePath

from derive.closing import close
from derive.engine import Gradients, differentiate
from derive.errors import Problem, Span, UnknownName, Unsupported, Usage
from derive.judging import judge
from derive.program import Program, base_name
from derive.readers.python import read_python
from derive.readers.shapes import comments
from derive.stable import closed_code
from derive.writers.defaults import defaults_of
from derive.writers.numpy_module import PROMISE, _indented, _Module, made_from
from derive.writers.numpy_names import RESERVED, Names
from derive.writers.numpy_text import HELPERS, docstring, listed, wrapped
from derive.writers.templating import Ready, environment

FORM = "# layer: Linear with parameters W, b"
_LAYER = re.compile(r"^layer\s*:")
_FORM = re.compile(r"^layer\s*:\s*(?P<name>\w+)(?:\s+with\s+parameters?\s+(?P<parameters>\w+(?:[\s,]+\w+)*))?\s*$")
METHODS = {"cache", "forward", "backward", "step", "_kept"}
LOCALS = {"self", "up_grad", "lr", "Layer", *(f"_{name}" for name in HELPERS)}


def layers_module(gradients: Gradients, style: str = "closed", templates=None) -> str:
    """The text of a module with one class for every `# layer:` comment of the source.

    Raises Usage when there is none, UnknownName for parameters that the function does not have, and whatever reading
    and differentiating a layer raises.
    """
    program = gradients.forward
    found = layer_comments(program.source, program.path)
    written = [_Class.of(definition, program.source, style) for definition in found]
    values = [w.values() for w in written]
    used = set().union(*(w.used for w in written))
    helpers = [HELPERS[name] for name in HELPERS if name in used]
    options = " --target layers" + (f" --style {style}" if style != "closed" else "")
    names = [name for w in written for name in (*w.forward.by_name, *w.forward.parameters)]
    template = environment(str, templates).get_template("numpy/layers.py.jinja")
    return template.render(
        header=Ready(made_from(program, options, names)),
        doc=Ready(docstring(_summary(found, program, style), 0)),
        helpers=Ready("".join(f"{text}\n\n\n" for text in helpers)),
        layers=[{key: Ready(text) for key, text in value.items()} for value in values],
    )


def _summary(found: list[Definition], program: Program, style: str) -> list[str]:
    file = PurePath(program.path).name or "the source"
    names = ", ".join(f.name for f in found)
    return [f"{names}: the layers of {file}, their gradients derived in index notation.", "", PROMISE[style],
            "Every layer is derived on its own: nothing cancels across two of them."]  # fmt: skip


# ---------------------------------------------------------------- comments


@dataclass(frozen=True)
class Definition:
    """A `# layer:` comment: the name of the class, its parameters, its function, and where it stands."""

    name: str
    parameters: tuple[str, ...]
    function: ast.FunctionDef
    span: Span


def layer_comments(source: str, path: str = "") -> list[Definition]:
    """The layers of a source in order; raises Usage when there are none or a comment cannot be read."""
    lines = _lines(source)
    functions = _functions(source, path)
    found: list[Definition] = []
    for line, column, text in comments(source):
        if _LAYER.match(text):
            span = Span(line, column, line, len(lines[line - 1]) + 1, lines[line - 1], path)
            found.append(_definition(text, span, functions, found))
    if not found:
        raise Usage("no function of this source is named as a layer", "a layer is a function with a comment",
                    f"below its def line write: {FORM}", path=path)  # fmt: skip
    return found


def _definition(text: str, span: Span, functions: list[ast.FunctionDef], before: list[Definition]) -> Definition:
    said = _FORM.match(text)
    if said is None:
        raise Usage(f"cannot read `{text}`", "a layer has a name and perhaps parameters", f"write: {FORM}", span)
    function = next((f for f in functions if f.lineno <= span.line <= f.end_lineno), None)
    if function is None:
        raise Usage(f"the layer {said['name']} has no function", "its comment stands in none",
                    "write it below the def line of a function at the top level", span)  # fmt: skip
    parameters = tuple(word for word in re.findall(r"\w+", said["parameters"] or "") if word != "and")
    made = Definition(said["name"], parameters, function, span)
    for wrong, what, why, hint in _complaints(made, before):
        if wrong:
            raise Usage(what, why, hint, span)
    arguments = [a.arg for a in ast.walk(function.args) if isinstance(a, ast.arg)]
    for name in made.parameters:
        if name not in arguments:
            raise UnknownName(f"`{function.name}` has no argument `{name}`", "parameters are arguments of the function",
                              f"its arguments: {', '.join(arguments)}", span)  # fmt: skip
    return made


def _complaints(d: Definition, before: list[Definition]) -> list[tuple[bool, str, str, str]]:
    """(whether it is so, what, why, try this) of everything that a comment by itself can get wrong."""
    usable = d.name.isidentifier() and not keyword.iskeyword(d.name) and d.name not in RESERVED | LOCALS
    twice = sorted({p for p in d.parameters if d.parameters.count(p) > 1})
    return [
        (not usable, f"a layer cannot be called `{d.name}`", "the name is taken, or none in Python", f"write: {FORM}"),
        (d.name in {b.name for b in before}, f"there are two layers `{d.name}`", "a class has one definition",
         "give the second another name"),
        (d.function in [b.function for b in before], f"`{d.function.name}` is named as a layer twice",
         "a function is one layer", "leave one of the comments out"),
        (bool(twice), f"the parameter {', '.join(twice)} is named twice", "a parameter is one array", f"write: {FORM}"),
    ]  # fmt: skip


def _lines(source: str) -> list[str]:
    return re.split(r"\r\n|\r|\n", source.replace("\f", " "))


def _functions(source: str, path: str) -> list[ast.FunctionDef]:
    try:
        return [n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef)]
    except (SyntaxError, ValueError):
        raise Usage("layers are written from Python functions only", "this forward pass is no Python source",
                    f"write each layer as a function with: {FORM}", path=path) from None  # fmt: skip


def alone(definition: Definition, source: str) -> str:
    """The source without what its comments say of other functions: shapes and facts there are not this layer's."""
    lines = _lines(source)
    own = definition.function
    functions = _functions(source, definition.span.path)
    for line, column, text in comments(source):
        elsewhere = any(f.lineno <= line <= f.end_lineno for f in functions)
        if own.lineno <= line <= own.end_lineno or not (elsewhere or re.match(r"facts?\s*:", text, re.I)):
            continue
        lines[line - 1] = lines[line - 1][: column - 1].rstrip()
    return "\n".join(lines)


# ---------------------------------------------------------------- one layer


class _OwnNames(Names):
    """Identifiers inside the methods of a layer: also those of the methods themselves are taken, helpers fixed."""

    def _new(self, kind: str, name: str, wanted: str) -> str:
        self.taken |= LOCALS
        return wanted if kind == "helper" else super()._new(kind, name, wanted)


@dataclass
class _Class(_Module):
    """The methods of one layer: the module's forward and backward, with parameters and cache on `self`."""

    definition: Definition
    incoming = "up_grad"

    @staticmethod
    def of(definition: Definition, source: str, style: str) -> _Class:
        """Read, differentiate and judge the function of a layer."""
        span = definition.span
        try:
            program = read_python(alone(definition, source), path=span.path, function=definition.function.name)
            wrt = _moving(definition, program)
            gradients = judge(close(differentiate(program, wrt)))
        except Problem as problem:
            raise problem.at(span, span.path)  # noqa: B904  (the same problem, at the comment if nowhere else)
        full = gradients.program if style == "steps" else closed_code(gradients)
        return _Class(program, full, wrt, style, {}, "", (), definition)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.names = _OwnNames(self.full, parameters=self._parameters())

    @property
    def first(self) -> str | None:
        """The argument whose gradient backward returns; None when it holds no reals."""
        return next((n for n in self.wrt if n not in self.definition.parameters), None)

    # -- places on self

    def _attribute(self, name: str) -> str:
        """Where a parameter is kept."""
        taken = METHODS | {f"grad_{p}" for p in self.definition.parameters}
        while name in taken:
            name += "_"
        return name

    def _argument(self, name: str) -> str:
        return self.names.array(name) if name in LOCALS else super()._argument(name)

    def _source(self, v) -> str:
        return f"self.{self._attribute(v.name)}" if v.name in self.definition.parameters else super()._source(v)

    def _signature(self) -> str:
        """The arguments of forward: those of the function that are no parameters of the layer."""
        return ", ".join(["self", *self._spelled(p for p in self._parameters() if p not in self.definition.parameters)])

    def _defaults(self) -> dict[str, object]:
        """The defaults of the function that are plain values."""
        return defaults_of(self.definition.function.args)

    # -- methods

    def _handed_on(self, entries: list[str], outputs: str) -> list[str]:
        return [*listed("self.cache = {", entries, "}"), f"return {outputs}"]

    def _backward(self) -> tuple[list[str], list[str]]:
        lines, taken = super()._backward()
        return (["cache = self._kept()", *lines] if taken else lines), taken

    def _result(self, f) -> list[str]:
        found = {name: self._returned(f, name) for name in self.wrt}
        if self.loss is not None:
            self.used.add("scaled")
            found = {name: f"_scaled({text}, up_grad)" for name, text in found.items()}
        lines = [f"self.grad_{p} = {found[p]}" for p in self.definition.parameters]
        return [*lines, f"return {found[self.first]}"] if self.first else lines

    def _init(self) -> list[str]:
        parameters = self.definition.parameters
        if not parameters:
            return []
        self.used.add("reals")
        own = {p: self.names.array(p) for p in parameters}
        left = ", ".join(own.values()) if len(own) > 1 else f"({own[parameters[0]]},)"
        lines = [f"{left} = _reals({', '.join(self._argument(p) for p in parameters)})"]
        rows = [f"self.{self._attribute(p)}, self.grad_{p} = {a}.copy(), np.zeros_like({a})" for p, a in own.items()]
        return [*lines, *rows]

    def _step(self) -> list[str]:
        return [f"self.{self._attribute(p)} -= lr * self.grad_{p}" for p in self.definition.parameters]

    # -- docstrings

    def _class_doc(self) -> list[str]:
        d = self.definition
        lines = [f"The function `{d.function.name}`, line {d.function.lineno}, as a layer."]
        return [*lines, "", "Parameters:", *self._shape_lines(d.parameters, self.forward)] if d.parameters else lines

    def _forward_doc(self) -> list[str]:
        inputs = [v.name for v in self.forward.inputs if v.name not in self.definition.parameters]
        return ["The output; what backward needs is kept on the layer.", "",
                "Inputs:", *self._shape_lines(inputs, self.forward),
                "Outputs:", *self._shape_lines(self.forward.outputs, self.forward)]  # fmt: skip

    def _backward_doc(self) -> list[str]:
        kept = ", ".join(f"grad_{p}" for p in self.definition.parameters)
        lines = [f"The gradient with respect to {base_name(self.first)}."] if self.first else ["Nothing to hand on."]
        lines += ["", *([f"The gradients with respect to the parameters stay on the layer: {kept}."] if kept else [])]
        if self.loss is not None:
            return [*lines, f"`up_grad`: the gradient arriving at {base_name(self.loss)}, a number."]
        outputs = self.forward.outputs
        many = "" if len(outputs) == 1 else "s, a tuple in order or a dict by name; None is zero"
        head = f"`up_grad`: the gradient{'s' if many else ''} arriving at the output{many}."
        return [*lines, head, *self._shape_lines(outputs, self.forward)]

    # -- the whole

    def values(self) -> dict[str, str]:
        """What the template needs, as finished text."""
        forward, backward = self.bodies()
        loss = "=1.0" if self.loss is not None else ""
        parameters = ", ".join(["self", *(self._argument(p) for p in self.definition.parameters)])
        return {
            "name": self.definition.name,
            "doc": docstring(self._class_doc(), 4),
            "init_signature": _indented(wrapped(f"def __init__({parameters}):")),
            "init": _twice(self._init()),
            "forward_signature": _indented(wrapped(f"def forward({self._signature()}):")),
            "forward_doc": docstring(self._forward_doc(), 8),
            "forward": _twice(forward),
            "backward_signature": f"    def backward(self, up_grad{loss}):",
            "backward_doc": docstring(self._backward_doc(), 8),
            "backward": _twice(backward),
            "step": _twice(self._step()),
        }


def _twice(lines: list[str]) -> str:
    return _indented(_indented(lines).split("\n")) if lines else ""


def _moving(definition: Definition, program: Program) -> tuple[str, ...]:
    """What the gradients of a layer are taken by: its first argument, if that holds reals, and its parameters.

    Raises Usage for a layer without such, Unsupported for parameters that are no plain arrays.
    """
    inputs = {v.name: v for v in program.inputs}
    nested = {str(v.structure[0]) for v in program.inputs if len(v.structure) > 1}
    rest = [p for p in program.parameters if p not in definition.parameters]
    for p in (*definition.parameters, *rest[:1]):
        if p not in inputs:
            why = "it holds several arrays" if p in nested else "its value is fixed when the code is derived"
            raise Unsupported(f"`{p}` is no array", why, "give every array of a layer an argument of its own",
                              definition.span)  # fmt: skip
    if not rest:
        raise Usage(f"the layer {definition.name} has nothing but parameters",
                    "its first argument is what it is called on", "name fewer parameters", definition.span)  # fmt: skip
    wrt = (*(p for p in rest[:1] if inputs[p].sort == "real"), *definition.parameters)
    if not wrt:
        raise Usage(f"the layer {definition.name} has no gradient", f"`{rest[0]}` holds {inputs[rest[0]].sort}s",
                    "name its parameters", definition.span)  # fmt: skip
    return wrt


__all__ = ["Definition", "layer_comments", "layers_module"]
