"""A whole generated module: forward, backward and loss_and_gradients in NumPy alone."""

from __future__ import annotations

import hashlib
import keyword
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from derive.arrays.local_rounds import with_local_rounds
from derive.arrays.program import (
    Assign,
    Load,
    Node,
    Permute,
    Pick,
    Remark,
    Repeat,
    Reshape,
    Statement,
    Windows,
    fresh_array,
    loads,
)
from derive.arrays.rounds import Block, lower_blocks
from derive.arrays.sharing import shared, shared_in_a_round
from derive.errors import Unsupported
from derive.index import Size
from derive.notation import equation_text
from derive.program import Equation, Program, Variable, base_name, gradient_name
from derive.writers.defaults import plain_defaults
from derive.writers.numpy import Printer, joined_lines, size_text
from derive.writers.numpy_names import Names
from derive.writers.numpy_overflow import may_overflow
from derive.writers.numpy_text import HELPERS, comment, docstring, listed, taken_from_cache, wrapped

IN_THE_WAY = {"np", "range", "reversed", "float", "ValueError"}

AMBIGUOUS = {"l", "O", "I"}  # names that linters take for digits


def numpy_module(
    forward: Program, full: Program, wrt: tuple[str, ...], *, style: str = "steps",
    step_of: Mapping[str, str] | None = None, title: str = "", notes: Iterable[str] = (), templates=None,
) -> str:  # fmt: skip
    """The text of an importable module; `full` holds the forward equations and the gradient equations after them.

    `step_of` names the report's step of a gradient, by its array or by the name of the gradient.
    """
    return _Module(forward, full, tuple(wrt), style, dict(step_of or {}), title, tuple(notes)).text(templates)


def numpy_lines(forward: Program, full: Program, wrt: tuple[str, ...], *, style: str = "steps") -> dict[str, str]:
    """The lines of the generated module by the array that they compute, each as one line: what a report shows."""
    module = _Module(forward, full, tuple(wrt), style, {}, "", ())
    module.text()
    return module.lines


PROMISE = {
    "steps": "Mirrors the forward pass line by line: `d<name>` is the gradient of the outputs by `<name>`.",
    "closed": "Cancelled and shifted forms: finite wherever the true gradient is representable.",
}


@dataclass
class _Function:
    """One function under way: its lines, and what they use."""

    printer: Printer
    lines: list[str] = field(default_factory=list)
    defined: set[str] = field(default_factory=set)
    needed: list[str] = field(default_factory=list)
    fresh: dict[str, bool] = field(default_factory=dict)


@dataclass
class _Module:
    forward: Program
    full: Program
    wrt: tuple[str, ...]
    style: str
    step_of: Mapping[str, str]
    title: str
    notes: tuple[str, ...]
    incoming = "upstream"

    def __post_init__(self) -> None:
        self.stable = self.style == "closed"
        self.names = Names(self.full, parameters=self._parameters())
        self.upstreams = [v.name for v in self.full.inputs if v not in self.forward.inputs]
        order = {gradient_name(o): k for k, o in enumerate(self.forward.outputs)}
        self.upstreams.sort(key=lambda name: order.get(name, len(order)))
        self.gradient_of = {name: self._gradient(name) for name in self.wrt}
        self.loss = None if self.upstreams else self.forward.outputs[0]
        wanted = {*self.forward.outputs, *self.gradient_of.values()} - {None}
        alive = self.full.reaches(n for n in wanted if n in self.full)
        equations = self.full.equations
        self.backward = [e for e in equations if e.name.startswith("∂") and e.name in alive]
        inner = {e.name for e in self.backward}
        keep_all = self.style == "steps"
        self.ahead = [e for e in equations if e.name not in inner and not e.name.startswith("∂")
                      and (keep_all or e.name in alive)]  # fmt: skip
        self.used: set[str] = set()
        self.lines: dict[str, str] = {}

    def _gradient(self, name: str) -> str | None:
        """The array that holds the gradient of an array, None when it is zero or one."""
        total = f"{gradient_name(name)}~total"
        return next((g for g in (total, gradient_name(name)) if g in self.full), None)

    # -- parameters

    def _parameters(self) -> tuple[str, ...]:
        """The names of the arguments in order."""
        roots = [str(v.structure[0]) if v.structure else v.name for v in self.forward.inputs]
        return self.forward.parameters or tuple(dict.fromkeys([*roots, *(s.name for s in self.forward.statics)]))

    def _argument(self, name: str) -> str:
        usable = name.isidentifier() and not keyword.iskeyword(name) and name not in IN_THE_WAY
        return name if usable else self.names.array(name)

    def _signature(self) -> str:
        return ", ".join(self._spelled(self._parameters()))

    def _spelled(self, parameters: Iterable[str]) -> list[str]:
        """Arguments, with their defaults as far as Python allows them."""
        defaults = self._defaults()
        spelled: list[str] = []
        open_end = True
        for name in reversed(list(parameters)):
            open_end = open_end and name in defaults and isinstance(defaults[name], (int, float, str, bool, type(None)))
            spelled.insert(0, f"{self._argument(name)}={defaults[name]!r}" if open_end else self._argument(name))
        return spelled

    def _defaults(self) -> dict[str, object]:
        plain = {v.name for v in self.forward.inputs if not v.shape and not v.structure}
        given = {name: value for name, value in plain_defaults(self.forward).items() if name in plain}
        return given | {s.name: s.value for s in self.forward.statics}

    def _source(self, v: Variable) -> str:
        """The text that reaches an input: an argument, or a place inside one."""
        if not v.structure:
            return self._argument(v.name)
        head, *rest = v.structure
        return self._argument(str(head)) + "".join(f"[{part!r}]" for part in rest).replace("'", '"')

    # -- functions

    def _function(self) -> _Function:
        defined: set[str] = set()
        everything = self.style == "steps"
        printer = Printer(self.names, self.stable, lambda name: everything or name in defined)
        return _Function(printer, defined=defined)

    def _blocks(self, equations: list[Equation], share: bool, note: Callable[[Equation], str],
                above: bool, kept: Iterable[str]) -> list[Block]:  # fmt: skip
        """The equations as statements; `kept` are the arrays that are read after them."""
        def remark(e: Equation) -> tuple[Remark, ...]:
            return (Remark(note(e), not above),) if note(e) else ()

        blocks = lower_blocks(equations, self.full, stable=self.stable, remark=remark)
        if share:
            found = shared([tuple(_round_shared(s) for s in b.statements) if b.own else b.statements for b in blocks])
            blocks = [replace(b, statements=statements) for b, statements in zip(blocks, found, strict=True)]
        return with_local_rounds(blocks, {*kept}, self.full.shape)

    def _emit(self, f: _Function, block: Block, note: str, above: bool) -> None:
        self.names.forget_temporaries()
        names = [e.name for e in block.equations]
        lines = [line for s in block.statements for line in f.printer.lines(s)]
        self._require(f, block.statements, names)
        self.lines |= {name: f.printer.round_line(block, name) for name in block.own}
        if not block.own:
            self.lines[names[0]] = joined_lines(lines)
        note = "" if block.own else note
        if note and not above and len(lines) == 1 and len(lines[0]) + len(note) < 112:
            f.lines += wrapped(f"{lines[0]}  {note}")
        else:
            f.lines += [note] if note else []
            f.lines += [w for line in lines for w in wrapped(line)]
        for name in names:
            f.defined.add(name)
            last = [s for s in block.statements if isinstance(s, Assign) and s.name == name]
            f.fresh[name] = bool(last) and self._fresh(f, last[0].value)

    def _fresh(self, f: _Function, node: Node) -> bool:
        """Whether the caller may keep the array: nothing in the cache or among the gradients shares its entries."""
        while isinstance(node, (Permute, Pick, Reshape, Windows)) and not fresh_array(node):
            node = node.arg
        if isinstance(node, Load):
            return f.fresh.get(node.name, False) and node.name not in self.gradient_of.values()
        return fresh_array(node)

    def _require(self, f: _Function, statements: Iterable[Statement], own: list[str]) -> None:
        """Note the arrays that a function reads and did not make."""
        for s in statements:
            for name in loads(s):
                like = self.stable and name not in f.defined and not _reads(s, name)
                if name not in f.defined and name not in own and not name.startswith("~~") and not like:
                    f.needed.append(name)
                    f.defined.add(name)

    def _sizes(self, letters: Iterable[str], f: _Function) -> list[str]:
        """`n = X.shape[0]` for every size letter in use, from arrays at hand."""
        lines: dict[str, str] = {}

        def define(letter: str, open_ones: frozenset[str] = frozenset()) -> None:
            if letter not in lines:
                text, more = self._size_line(letter, f, open_ones)
                for other in sorted(more):
                    define(other, open_ones | {letter})
                lines[letter] = text

        for letter in sorted(letters):
            define(letter)
        return self._joined_sizes(list(lines.values()))

    def _joined_sizes(self, lines: list[str]) -> list[str]:
        """`n, d = X.shape` where all axes of an array are asked for."""
        found = [re.fullmatch(r"(\w+) = (\w+)\.shape\[(\d+)\]", line) for line in lines]
        axes: dict[str, dict[int, str]] = {}
        for m in found:
            if m:
                axes.setdefault(m[2], {})[int(m[3])] = m[1]
        back = {self.names.array(name): len(item.shape) for name, item in self.full.by_name.items()}
        whole = [a for a, letters in axes.items() if len(letters) == back.get(a) and len(letters) > 1]
        first = [f"{', '.join(axes[a][k] for k in range(back[a]))} = {a}.shape" for a in whole]
        return first + [line for m, line in zip(found, lines, strict=True) if not (m and m[2] in whole)]

    def _size_line(self, letter: str, f: _Function, open_ones: frozenset[str]) -> tuple[str, frozenset[str]]:
        own = self.names.size(letter)
        inputs = [v.name for v in self.forward.inputs]
        ready = [n for n in self.full.by_name if n in f.defined and (n in inputs or not n.startswith("∂"))]
        ready = [n for n in ready if n in inputs] + [n for n in ready if n in f.needed and n not in inputs]
        for name in [*ready, *inputs]:
            for axis, n in enumerate(self.full.shape(name)):
                if n.letter == letter:
                    self._load(f, name)
                    return f"{own} = {self.names.array(name)}.shape[{axis}]", frozenset()
        for name in inputs:
            for axis, n in enumerate(self.full.shape(name)):
                found = _solved(n, letter)
                if found is not None and not open_ones & (found[0].letters | found[1].letters):
                    self._load(f, name)
                    shift, factor = found
                    place = f"{self.names.array(name)}.shape[{axis}]"
                    place = place if shift.number == 0 else f"({place} - {f.printer.size(shift)[0]})"
                    under, level = f.printer.size(factor)
                    under = under if level >= 8 else f"({under})"
                    return (f"{own} = {place}" + ("" if factor.number == 1 else f" // {under}"),
                            shift.letters | factor.letters)  # fmt: skip
        if letter in self._parameters():
            return f"{own} = {self._argument(letter)}", frozenset()
        raise Unsupported(f"the size {letter} follows from no input", "generated code takes sizes from shapes",
                          "give an input with an axis of that size")  # fmt: skip

    def _load(self, f: _Function, name: str) -> None:
        if name not in f.defined:
            f.needed.append(name)
            f.defined.add(name)

    # -- forward

    def _forward(self, cached: list[str]) -> list[str]:
        f = self._function()
        inputs = self.forward.inputs
        f.defined |= {v.name for v in inputs}
        kept = [*cached, *self.forward.outputs]
        for block in self._blocks(self.ahead, self.stable, _line_note, above=False, kept=kept):
            self._emit(f, block, _line_note(block.equations[0]), above=False)
        f.printer.sizes |= {a for v in inputs if v.limit is not None for a in v.limit.letters}
        compound = [(v, k, n) for v in inputs for k, n in enumerate(v.shape) if n.letter is None and n.number is None]
        checks = []
        for v, k, n in compound:
            text = f.printer.size(n)[0]
            ident = self.names.array(v.name)
            checks.append(f'_check_length("{v.name}", {ident}.shape[{k}], "{_shown(n)}", {text})')
        labels = []
        for v in inputs:
            if v.sort == "int" and v.limit is not None:
                labels.append(f'_check_labels("{v.name}", {self.names.array(v.name)}, {f.printer.size(v.limit)[0]})')
        self.used |= f.printer.used
        lines = [*self._converted(), *self._sizes(f.printer.sizes, f), *checks, *labels]
        lines += self._dtype(f)
        self.used |= ({"check_length"} if checks else set()) | ({"check_labels"} if labels else set())
        outputs = [self.names.array(o) for o in self.forward.outputs]
        lines = [w for line in lines for w in wrapped(line)]
        lines += ["", *f.lines] if f.lines else []
        entries = [f'"{name}": {self.names.array(name)}' for name in cached]
        return [*lines, "", *self._handed_on(entries, self._outputs(outputs))]

    def _handed_on(self, entries: list[str], outputs: str) -> list[str]:
        """The end of forward: the outputs, and the cache for backward."""
        return [*listed("cache = {", entries, "}"), f"return {outputs}, cache"]

    def _outputs(self, outputs: list[str]) -> str:
        kind = self.forward.output_kind
        if kind == "dict":
            rows = zip(self.forward.outputs, outputs, strict=True)
            return "{" + ", ".join(f'"{base_name(n)}": {o}' for n, o in rows) + "}"
        bare = len(outputs) == 1 and kind == "bare"
        return outputs[0] if bare else f"({', '.join(outputs)}{',' if len(outputs) == 1 else ''})"

    def _converted(self) -> list[str]:
        """The inputs as arrays of their sort, with their shapes checked; static parameters checked."""
        lines = []
        for s in self.forward.statics:
            self.used.add("check_static")
            lines.append(f'_check_static("{s.name}", {self._argument(s.name)}, {s.value!r})')
        real = [v for v in self.forward.inputs if v.sort == "real"]
        if real:
            self.used.add("reals")
            left = ", ".join(self.names.array(v.name) for v in real)
            left = f"({left},)" if len(real) == 1 else left
            lines.append(f"{left} = _reals({', '.join(self._source(v) for v in real)})")
        for v in self.forward.inputs:
            if v.sort != "real":
                self.used.add(f"{v.sort}s")
                lines.append(f'{self.names.array(v.name)} = _{v.sort}s("{v.name}", {self._source(v)})')
        shapes = [f'"{v.name}": ({self.names.array(v.name)}.shape, "{" ".join(_axis(n) for n in v.shape)}")'
                  for v in self.forward.inputs]  # fmt: skip
        if shapes:
            self.used.add("check_shapes")
            lines += listed("_check_shapes({", shapes, "})")
        return lines

    def _dtype(self, f: _Function) -> list[str]:
        """The common float type of the real inputs, where the lines need it."""
        if "dtype" not in f.printer.used:
            return []
        real = [v for v in self.forward.inputs if v.sort == "real"]
        if not real:
            return [f"{self.names.own('dtype')} = np.dtype(float)"]
        ready = [v for v in real if v.name in f.needed and v.shape]
        real = ready[:1] if ready and f.needed else real
        for v in real:
            self._load(f, v.name)
        listed = [self.names.array(v.name) for v in real]
        if len(listed) == 1:
            return [f"{self.names.own('dtype')} = {listed[0]}.dtype"]
        return [f"{self.names.own('dtype')} = np.result_type({', '.join(listed)})"]

    # -- backward

    def _backward(self) -> tuple[list[str], list[str]]:
        """The lines of backward, and the names that it takes from the cache."""
        f = self._function()
        f.defined |= set(self.upstreams)
        kept = [name for name in self.gradient_of.values() if name is not None]
        for block in self._blocks(self.backward, True, self._note, above=True, kept=kept):
            self._emit(f, block, self._note(block.equations[0]), above=True)
        result = self._result(f)
        shapes = self._upstream_lines(f)
        needed_sizes = set(f.printer.sizes)
        sizes = self._sizes(needed_sizes, f)
        dtype = self._dtype(f)
        self.used |= f.printer.used
        order = [n for n in self.full.by_name if n in f.needed]
        lines = taken_from_cache([(self.names.array(n), n) for n in order])
        lines += [w for line in (*sizes, *dtype, *shapes) for w in wrapped(line)]
        lines += ["", *f.lines] if f.lines else []
        return [*lines, "", *result], order

    def _upstream_lines(self, f: _Function) -> list[str]:
        if self.loss is not None:
            return []
        self.used.add("upstreams")
        outputs = [base_name(u.removeprefix("∂")) for u in self.upstreams]
        shapes = []
        for u, out in zip(self.upstreams, outputs, strict=True):
            sizes = [f.printer.size(n)[0] for n in self.full.shape(u)]
            shapes.append(f'"{out}": ({", ".join(sizes)}{"," if len(sizes) == 1 else ""})')
        f.printer.used.add("dtype")
        left = ", ".join(self.names.array(u) for u in self.upstreams)
        left = f"({left},)" if len(self.upstreams) == 1 else left
        return [f"{left} = _upstreams({self.incoming}, {{{', '.join(shapes)}}}, {self.names.own('dtype')})"]

    def _result(self, f: _Function) -> list[str]:
        entries = {name: self._returned(f, name) for name in self.wrt}
        placed = self._placed(entries)
        flat = all(len(path) == 1 for path, _ in placed)
        rows = [f'"{path[0]}": {text}' for path, text in placed]
        lines = listed("gradients = {", rows, "}") if flat else wrapped(f"gradients = {_nested(placed)}")
        if self.loss is None:
            return [*lines, "return gradients"]
        self.used.add("scaled")
        return [*lines, "return gradients if upstream is None else _scaled(gradients, upstream)"]

    def _placed(self, entries: Mapping[str, str]) -> list[tuple[tuple, str]]:
        placed = []
        for name, text in entries.items():
            item = self.forward.by_name.get(name)
            path = item.structure if isinstance(item, Variable) and item.structure else (name,)
            placed.append((tuple(path), text))
        return placed

    def _returned(self, f: _Function, name: str) -> str:
        gradient = self.gradient_of[name]
        if gradient is None:
            kind = "ones" if name == self.loss else "zeros"
            if not self.forward.is_input(name) and all(e.name != name for e in self.ahead):
                sizes = [f.printer.size(n)[0] for n in self.full.shape(name)]
                f.printer.used.add("dtype")
                return f"np.{kind}(({', '.join(sizes)}{',' if len(sizes) == 1 else ''}), {self.names.own('dtype')})"
            self._load(f, name)
            return f"np.{kind}_like({self.names.array(name)})"
        text = self.names.array(gradient)
        return text if f.fresh.get(gradient) else f"{text}.copy()"

    def _note(self, e: Equation) -> str:
        """`# line 5: P = E * r · step 4.2`: the forward line of the array that a gradient belongs to."""
        name = base_name(e.name.removeprefix("∂")) if "~total" in e.name else e.name.removeprefix("∂")
        step = self.step_of.get(e.name) or self.step_of.get(name)
        made = self.forward.equation(name)
        at = made or next(iter(self.forward.uses(name)), None)
        pieces = []
        if at is not None and at.span is not None:
            source = dict(self.forward.lines).get(at.span.line) or at.span.text
            pieces.append(f"line {at.span.line}: {source.strip()}")
        elif at is not None:
            pieces.append(equation_text(at.name, at.indices, at.rhs))
        pieces += [f"step {step}"] if step else []
        return comment(pieces)

    # -- the whole

    def bodies(self) -> tuple[list[str], list[str]]:
        """The lines of forward and of backward; `used` then holds the helpers that they call."""
        backward, taken = self._backward()
        everything = [*(v.name for v in self.forward.inputs), *(e.name for e in self.ahead)]
        cached = everything if self.style == "steps" else [n for n in everything if n in taken]
        forward = self._forward(cached)
        self.used |= {"shift"} if self.used & {"softmax", "log_softmax", "logsumexp"} else set()
        return forward, backward

    def text(self, templates=None) -> str:
        from derive.writers.templating import Ready, environment

        forward, backward = self.bodies()
        helpers = [self._helper(name) for name in HELPERS if name in self.used]
        values = {
            "header": self._header(),
            "doc": docstring(self._summary(), 0),
            "helpers": "\n\n\n".join(helpers) + "\n\n\n" if helpers else "",
            "signature": "\n".join(wrapped(f"def forward({self._signature()}):")),
            "forward_doc": docstring(self._forward_doc(), 4),
            "forward": _indented(forward),
            "backward_doc": docstring(self._backward_doc(), 4),
            "backward": _indented(backward),
            "both_doc": docstring(["Outputs of forward and gradients of backward, from the inputs by name."], 4),
        }
        env = environment(str, templates)
        return env.get_template("numpy/module.py.jinja").render({k: Ready(v) for k, v in values.items()})

    def _helper(self, name: str) -> str:
        own = self.names.helper(name)
        return HELPERS[name] if own == f"_{name}" else re.sub(rf"\b_{name}\b", own, HELPERS[name])

    def _header(self) -> str:
        return made_from(self.forward, "" if self.style == "closed" else f" --style {self.style}")

    def _summary(self) -> list[str]:
        title = self.title or f"Gradients of {base_name(self.forward.name)}, derived in index notation"
        lines = [title.rstrip(".") + ".", "", PROMISE[self.style]]
        risky = [base_name(e.name) for e in self.ahead if may_overflow(e, self.full)] if self.style == "steps" else []
        if risky:
            lines += [f"May overflow for large arguments: {', '.join(dict.fromkeys(risky))}."]
        return [*lines, *self.notes]

    def _shape_lines(self, names: Iterable[str], program: Program) -> list[str]:
        lines = []
        for name in names:
            shape = program.shape(name)
            sizes = "scalar" if not shape else f"({', '.join(map(_shown, shape))}{',' if len(shape) == 1 else ''})"
            sort = program.sort(name)
            lines.append(f"    {base_name(name)}: {sizes}" + ("" if sort == "real" else f" {sort}"))
        return lines

    def _forward_doc(self) -> list[str]:
        lines = ["The outputs, and the cache that backward needs.", ""]
        lines += ["Inputs:", *self._shape_lines((v.name for v in self.forward.inputs), self.forward)]
        lines += ["Outputs:", *self._shape_lines(self.forward.outputs, self.forward)]
        return lines

    def _backward_doc(self) -> list[str]:
        names = ", ".join(map(base_name, self.wrt))
        lines = [f"The gradients with respect to {names}, each of its array's shape.", ""]
        if self.loss is not None:
            return [*lines, f"`upstream`: the gradient arriving at {base_name(self.loss)}, a number; None means 1."]
        outputs = [u.removeprefix("∂") for u in self.upstreams]
        if len(outputs) == 1:
            lines += [f"`upstream`: the gradient arriving at {outputs[0]}, required."]
        else:
            lines += ["`upstream`: the gradients arriving at the outputs, a tuple in order or a dict by name; "
                      "None is zero."]  # fmt: skip
        return [*lines, *self._shape_lines(outputs, self.full)]


def made_from(program: Program, options: str, names: Iterable[str] = ()) -> str:
    """The first line of a generated file: what made it, from what, and how to remake it."""
    file = PurePath(program.path).name or "forward.py"
    digest = hashlib.sha256(program.source.encode()).hexdigest()[:16]
    given = file + _picked(program)
    lines = [f"# Generated by derive from {file} (sha256 {digest}).", f"# Remake: derive code {given}{options}"]
    if AMBIGUOUS & {base_name(n) for n in (*program.by_name, *program.parameters, *names)}:
        lines.append("# ruff: noqa: E741  (the forward pass has the name)")
    return "\n".join(lines)


def _picked(program: Program) -> str:
    """`:name`, where the source has other functions that might be meant."""
    own = program.name.rpartition(".")[2]
    functions = re.findall(r"(?m)^\s*def\s+(\w+)", program.source)
    meant = own in functions and (functions.count(own) > 1 or own != "forward" and len(functions) > 1)
    return f":{program.name}" if meant else ""


def _reads(s: Statement, name: str) -> bool:
    """Whether an array is read for its entries, not only for its shape."""
    from derive.arrays.program import Load, Store, walk

    return any(isinstance(u, (Load, Store)) and u.name == name for u in walk(s))


def _shown(n: Size) -> str:
    return size_text(n, str)[0]


def _axis(n: Size) -> str:
    """An axis in a shape check: a letter, a number, or ? for what is checked on its own."""
    return str(n) if n.letter is not None or n.number is not None else "?"


def _solved(n: Size, letter: str) -> tuple[Size, Size] | None:
    """n = shift + factor·letter as (shift, factor), where the letter stands in one product."""
    own = [t for t in n.terms if letter in t[0]]
    if len(own) != 1 or own[0][0].count(letter) != 1 or any(not isinstance(a, str) for a in own[0][0]):
        return None
    shift = Size(tuple(t for t in n.terms if t is not own[0]))
    monomial = list(own[0][0])
    monomial.remove(letter)
    return None if letter in shift.letters else (shift, Size(((tuple(monomial), own[0][1]),)))


def _line_note(e: Equation) -> str:
    return f"# line {e.span.line}" if e.span is not None else ""


def _round_shared(s: Statement) -> Statement:
    return replace(s, body=shared_in_a_round(s.body)) if isinstance(s, Repeat) else s


def _nested(placed: list[tuple[tuple, str]]) -> str:
    """A literal of dicts and lists with texts at their places."""
    heads = list(dict.fromkeys(path[0] for path, _ in placed))
    inner = {}
    for head in heads:
        rows = [(path[1:], text) for path, text in placed if path[0] == head]
        inner[head] = rows[0][1] if rows[0][0] == () else _nested(rows)
    if heads and all(isinstance(h, int) for h in heads):
        return "[" + ", ".join(inner.get(k, "None") for k in range(max(heads) + 1)) + "]"
    return "{" + ", ".join(f'"{h}": {text}' for h, text in inner.items()) + "}"


def _indented(lines: list[str]) -> str:
    while lines and not lines[0]:
        lines = lines[1:]
    return "\n".join("    " + line if line else "" for line in lines)


__all__ = ["numpy_lines", "numpy_module"]
