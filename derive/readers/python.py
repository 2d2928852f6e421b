"""Reading a forward pass: Python source in NumPy or torch idioms becomes a Program. The source is never executed.

The method is abstract interpretation: a Python value is static, or an array known by its shape and by a formula for
its entries.  An assignment of an array to a name is one equation.
"""

from __future__ import annotations

import ast
import itertools
import warnings
from collections.abc import Callable, Collection
from typing import Any

from derive import expr as x
from derive.errors import BadFact, Problem, ShapeMismatch, ShapeUnknown, Span, UnknownName, Unreadable, Unsupported
from derive.index import Size
from derive.program import Program, Variable, contradiction, parse_fact
from derive.readers import cells, initialise
from derive.readers import shapes as S
from derive.readers.autograd import with_plain_context
from derive.readers.callables import call_value
from derive.readers.classes import methods_of
from derive.readers.finish import finished
from derive.readers.inputs import Inputs, Source
from derive.readers.layers import ClassOf
from derive.readers.run import Knowledge, Run
from derive.readers.statements import Returned, assign, execute, inline, refuse_cut
from derive.readers.values import Array, Function, Instance, Opaque, Pair, Restart, Rows, Scope

ROUNDS = 600
MOST_DATA, RANKS = 6, (1, 2, 3)  # arrays of a notebook whose numbers of axes are looked for, one after the other


def read_python(source: str, *, path: str = "", function: str | None = None, shapes: dict[str, str] | None = None,
                sample: dict[str, Any] | None = None, facts: tuple[str, ...] = ()) -> Program:  # fmt: skip
    """The program of a forward pass.

    `function`: a name or `Class.method`; None: `forward`, else the only function, else the text itself as a cell.
    `shapes`: "n d", "int n", "" by name; `sample`: data by name, for ranks and dtypes; `facts`: declared of inputs.
    Raises a Problem with its place for anything that cannot be read.
    """
    try:
        return _read(source, path, function, shapes or {}, sample or {}, tuple(facts))
    except RecursionError:
        raise Unsupported("this source nests too deeply to be read", "", "split it into several lines",
                          path=path) from None  # fmt: skip


def _read(
    source: str,
    path: str,
    function: str | None,
    shapes: dict,
    sample: dict,
    facts: tuple[str, ...],
    literal: bool = False,
) -> Program:
    tree = initialise.separated(cells.one_step(parsed(source, path)))
    chosen = Source(source, path, tree, *chosen_function(tree, function, path, source))
    chosen.numbers = None if literal else initialise.numbers_of(tree)
    inputs = Inputs.collect(chosen, shapes, sample)
    knowledge = Knowledge()
    knowledge.lengths.update(inputs.lengths)
    try:
        try:
            return _settled(chosen, inputs, knowledge, facts)
        except (ShapeMismatch, ShapeUnknown) as problem:
            if chosen.lettered:  # the pass may need the numbers themselves: 784 as 28 · 28
                return _read(source, path, function, shapes, sample, facts, literal=True)
            return _with_data(chosen, inputs, knowledge, facts, problem)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, ArithmeticError, AssertionError) as error:
        raise Unsupported("this cannot be read", f"{type(error).__name__}: {error}", "write it in a plainer form",
                          _span_of(chosen, knowledge.last), path) from error  # fmt: skip


def _with_data(source: Source, inputs: Inputs, first: Knowledge, facts: tuple[str, ...], problem: Problem) -> Program:
    """A notebook's data without a shape: the fewest axes with which the cells can be read; else the problem."""
    found: dict[str, tuple] = {}
    for _ in range(MOST_DATA if first.data else 0):
        knowledge = _knowing(first, inputs, found)
        try:
            return _settled(source, inputs, knowledge, facts)
        except (ShapeMismatch, ShapeUnknown):
            names = [n for n in knowledge.guesses if n in first.data and n not in found]
        if not names:
            break
        name = names[0]
        for rank in RANKS:
            lead = first.leading.get(name, ())
            rest = [Size.of(f"{name}_{k}_") for k in range(len(lead), rank)]
            shape, sort = (*lead[:rank], *rest), knowledge.sorts.get(name, "real")
            knowledge = _knowing(first, inputs, found | {name: (shape, sort)})
            try:
                return _settled(source, inputs, knowledge, facts)
            except ShapeUnknown:
                if set(knowledge.guesses) <= first.data:
                    break
            except Problem:
                continue
        found[name] = shape, sort
    raise problem


def _knowing(first: Knowledge, inputs: Inputs, found: dict[str, tuple]) -> Knowledge:
    """A fresh state in which data have the shapes tried."""
    knowledge = Knowledge(data=set(first.data), lengths=dict(inputs.lengths))
    for name, (shape, sort) in found.items():
        knowledge.found[name], knowledge.sorts[name] = shape, sort
        for letter in {a for n in shape for a in n.letters if a.startswith(f"{name}_")}:
            knowledge.generated[letter] = len(knowledge.generated)
    return knowledge


def _span_of(source: Source, node: ast.AST | None) -> Span | None:
    """The place of the node that was read last."""
    return Run(Knowledge(), source.lines, source.path, "numpy").span(node) if node is not None else None


def _settled(chosen: Source, inputs: Inputs, knowledge: Knowledge, facts: tuple[str, ...]) -> Program:
    """Read again and again, until nothing new is learnt of sizes and statics."""
    for _ in range(ROUNDS):
        try:
            run, outputs, kind = read_round(chosen, inputs, knowledge)
            if not knowledge.guesses and renamed_sizes(chosen, inputs, knowledge):
                continue
            break
        except Restart:
            continue
    else:
        raise Unsupported("the sizes of this pass do not settle", hint="declare the shapes: # shapes: X (n, d) · …")
    refuse_cut(run, outputs)
    _refuse_strangers(chosen, inputs, run)
    if knowledge.guesses:
        raise shapes_missing(chosen, inputs, knowledge, run)
    program = finished(chosen, inputs, run, outputs, kind)
    return with_facts(program, (*facts, *chosen.facts))


def _refuse_strangers(source: Source, inputs: Inputs, run: Run) -> None:
    """A shape given for a name that nowhere occurs is a slip of the pen."""
    known = {*run.inputs, *source.names, *inputs.declared.keys() - {*inputs.given}, *(e.name for e in run.equations)}
    for name in inputs.given:
        if name not in known:
            raise UnknownName(f"a shape is given for `{name}`, which does not occur here",
                              "the inputs are " + (", ".join(run.inputs) or "none"), "correct the name",
                              path=source.path)  # fmt: skip


def parsed(source: str, path: str = "") -> ast.Module:
    """The syntax tree; raises Unreadable for what is no Python text."""
    if not isinstance(source, str) or "\0" in source:
        raise Unreadable("this is not a text", "it holds NUL bytes", "give a Python source file", path=path)
    if not source.strip():
        raise Unreadable("there is nothing to read", "the text is empty", "write a function forward(…)", path=path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return with_plain_context(ast.parse(source))
    except SyntaxError as error:
        raise _syntax(error, source, path) from None
    except (ValueError, MemoryError) as error:
        raise Unreadable("this is not Python", str(error), path=path) from None


def _syntax(error: SyntaxError, source: str, path: str) -> Unreadable:
    lines = source.splitlines() or [""]
    line = min(max(error.lineno or 1, 1), len(lines))
    text = lines[line - 1]
    column = min(max(error.offset or 1, 1), len(text) + 1)
    span = Span(line, column, line, column + 1, text, path)
    return Unreadable(f"this is not Python: {error.msg}", "the text has a syntax error", "correct the line", span)


def chosen_function(tree: ast.Module, function: str | None, path: str, source: str):
    """(function node or None for a cell, class node or None)."""
    functions = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef)}
    classes = {n.name: n for n in tree.body if isinstance(n, ast.ClassDef)}
    if function and "." in function:
        owner, _, method = function.rpartition(".")
        found = methods_of(classes.get(owner), tree).get(method)
        if found is not None:
            return found, classes[owner]
    elif function:
        if function in functions:
            return functions[function], None
    elif "forward" in functions or len(functions) == 1 and not _has_cell(tree):
        return functions.get("forward") or next(iter(functions.values())), None
    elif not functions and len(methods := _forward_methods(classes)) == 1:
        return methods[0]
    elif _has_cell(tree):
        return None, None
    elif not classes and len(outer := uncalled(functions.values())) == 1:
        return outer[0], None
    names = [*functions, *(f"{c}.{n.name}" for c, node in classes.items() for n in node.body
                           if getattr(n, "name", "__init__") != "__init__")]  # fmt: skip
    what = f"there is no function `{function}`" if function else "which function is the forward pass is not clear"
    span = Span(1, 1, text=source.splitlines()[0] if source.splitlines() else "", path=path)
    if not names and not function:
        raise Unreadable("there is no forward pass here", "the text holds no function and no assignment",
                         "write a function forward(…)", span)  # fmt: skip
    raise Unsupported(what, "its functions are: " + (", ".join(names) or "none"), "name one, or call it forward",
                      span)  # fmt: skip


def uncalled(functions: Collection[ast.FunctionDef]) -> list[ast.FunctionDef]:
    """The functions that no other one of them mentions: not the helpers."""
    used = {f.name: {n.id for n in ast.walk(f) if isinstance(n, ast.Name)} for f in functions}
    return [f for f in functions if not any(f.name in names for other, names in used.items() if other != f.name)]


def _forward_methods(classes: dict[str, ast.ClassDef]) -> list:
    """The methods `forward`, else `__call__`, else `loss` of the classes, without those that serve another class."""
    used = {name: {n.id for n in ast.walk(c) if isinstance(n, ast.Name)} for name, c in classes.items()}
    outer = [c for name, c in classes.items() if not any(name in used[other] for other in used if other != name)]
    methods = [(n, c) for c in outer for n in c.body if isinstance(n, ast.FunctionDef)]
    for word in ("forward", "__call__", "loss"):
        if found := [m for m in methods if m[0].name == word]:
            return found
    return []


def _has_cell(tree: ast.Module) -> bool:
    """Whether the module computes at its top level with something that is not a plain constant."""
    return any(
        isinstance(n, (ast.Assign, ast.AugAssign, ast.For))
        and any(isinstance(m, (ast.BinOp, ast.Call)) for m in ast.walk(n))
        and not isinstance(getattr(n, "value", None), (ast.Constant, ast.Lambda))
        for n in tree.body
    )


# ---------------------------------------------------------------- one round


def read_round(source: Source, inputs: Inputs, knowledge: Knowledge) -> tuple[Run, list[str], str]:
    """Read the pass once with what is known."""
    run = Run(knowledge, source.lines, source.path, source.flavor)
    run.tree, run.notes, run.line_shapes = source.tree, source.notes, source.line_shapes
    run.inline, run.assign, run.call = inline, assign, lambda f, args, keywords: call_value(run, f, args, keywords)
    module = Scope()
    run.scopes.append(module)
    inputs.attach(run)
    _module_level(run, source, inputs, module)
    if source.function is None:
        return _cell(run, source, inputs, module)
    scope = Scope("", module)
    run.scopes.append(scope)
    inputs.bind_parameters(run, scope)
    if isinstance(scope.get("self"), Instance):
        initialise.of_object(run, source, inputs, scope["self"].attributes)
    run.random = drawn_inputs(run, inputs) if source.drawn else None
    try:
        outcome = execute(run, source.function.body)
    finally:
        run.random = None
    if not isinstance(outcome, Returned) or outcome.node.value is None:
        if (left := _left_on_the_object(run, source, scope)) is not None:
            return run, [left], "bare"
        raise Unsupported(f"`{source.function.name}` returns nothing", "the outputs are what the function returns",
                          "end it with: return loss", run.span(source.function), source.path)  # fmt: skip
    run.statement = outcome.node
    names, kind = _outputs(run, outcome.node.value, outcome.value)
    if not names:
        why = f"it is {outcome.value.what}, which is not read" if isinstance(outcome.value, Opaque) else ""
        raise run.problem(Unsupported, "nothing that is returned is an array", why, "return the loss or the outputs",
                          outcome.node)  # fmt: skip
    return run, names, kind


def drawn_inputs(run: Run, inputs: Inputs) -> Callable:
    """A random draw of the pass as an input: what the other pass keeps of it, a mask, holds the same numbers."""
    shaped, count = initialise.shapes_of_draws(run), itertools.count(1)

    def draw(name: str, args: list, keywords: dict) -> Array:
        if run.loops:
            raise run.unsupported(f"a random draw, `{name}`, in a loop of unknown length", "every round draws other numbers",
                                  "draw for all rounds before the loop")  # fmt: skip
        if name in initialise.INTEGERS | {"shuffle", "multinomial"}:
            raise run.unsupported(f"a random draw of integers, `{name}`", "which entries are taken would differ from call to call",
                                  "pass the drawn array as an input")  # fmt: skip
        shape = shaped(name, args, keywords).shape
        own = f"drawn{next(count)}"
        return inputs.array(run, own, (own,), shape, "real")

    return draw


def _module_level(run: Run, source: Source, inputs: Inputs, module: Scope) -> None:
    """Functions, constants and imports of the module; arrays made there are left to the inputs."""
    for node in source.tree.body:
        match node:
            case ast.FunctionDef(name=name):
                module[name] = Function(name, node, module)
            case ast.ClassDef(name=name):
                module[name] = ClassOf(name, methods_of(node, source.tree), module)
            case ast.Import() | ast.ImportFrom():
                source.bind_import(node, module)
    if source.function is not None:
        initialise.constants(run, source, inputs, module)
        initialise.of_functions(run, source, inputs)


def _cell(run: Run, source: Source, inputs: Inputs, module: Scope) -> tuple[Run, list[str], str]:
    """A flat script: names without a definition are inputs, the last assignment is the output."""
    inputs.bind_cell(run, module)
    last = None
    for node in cells.needed(source.tree, run.knowledge.data):
        if not initialise.initialised(run, source, inputs, module, node):
            _cell_statement(run, module, node)
            last = _assigned_name(node) or last
    last = cells.loss_of(source.tree)[0] or last
    value = module.get(last) if last else None
    if not isinstance(value, Array):
        raise Unsupported("there is no output here", "no array is computed", "end the cell with: loss = …",
                          path=source.path)  # fmt: skip
    return run, [_output(run, value, last)], "bare"


def _cell_statement(run: Run, module: Scope, node: ast.stmt) -> None:
    """Read a statement; one that only fetches data leaves its names to the inputs."""
    data = run.knowledge.data
    known = [module.get(name) for name in cells.loaded(node, {}) - data]
    arrays = any(isinstance(v, (Array, Rows, Instance)) for v in known)
    try:
        if not (cells.passes_on(node, data) or not arrays and cells.fetches(node, data)):
            return execute(run, [node])
    except Problem:
        if arrays or not cells.stored(node) or cells.loss_of(run.tree)[0] is None:
            raise
    data |= cells.stored(node)
    for name, index in cells.picks(node):
        if isinstance(picked := module.get(index), Array):
            run.knowledge.leading[name] = picked.shape
    raise Restart


def _assigned_name(node: ast.stmt) -> str | None:
    target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
    if isinstance(node, ast.For) or target is None:
        names = [
            t.id
            for n in ast.walk(node)
            if isinstance(n, (ast.Assign, ast.AugAssign))
            for t in ([*n.targets] if isinstance(n, ast.Assign) else [n.target])
            if isinstance(t, ast.Name)
        ]
        return names[-1] if names else None
    while isinstance(target, (ast.Subscript, ast.Attribute)):
        target = target.value
    if isinstance(target, ast.Tuple):
        target = target.elts[-1]
    return target.id if isinstance(target, ast.Name) else None


# ---------------------------------------------------------------- outputs

OUTPUTS = ("output", "out", "outputs", "result", "loss", "value", "y", "a")


def _left_on_the_object(run: Run, source: Source, scope: Scope) -> str | None:
    """The output of a method that returns nothing and sets `self.output`, else the only array that it computes so."""
    owner = scope.get("self")
    stored = [n.attr for n in ast.walk(source.function) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)
              and getattr(n.value, "id", "") == "self"]  # fmt: skip
    held = {n: v for n in stored if isinstance(owner, Instance) and _is_output(v := owner.attributes.get(n))}
    made = [n for n, v in held.items() if isinstance(v, Array) and not v.body(run.fresh(v.shape)).names <= run.inputs.keys()]
    named = [n for n in OUTPUTS if n in held] or (made if len(made) == 1 else [])
    return _output(run, held[named[0]], named[0]) if named else None


def _outputs(run: Run, node: ast.expr, value: object) -> tuple[list[str], str]:
    """The names of the returned arrays, and how they are handed back."""
    if isinstance(value, dict):
        names = [_output(run, v, str(k)) for k, v in value.items() if _is_output(v)]
        return names, "dict"
    if not isinstance(value, (tuple, list)):
        return ([_output(run, value, _hint(node, "out"))] if _is_output(value) else []), "bare"
    if value and isinstance(value[0], dict) and isinstance(node, ast.Tuple) and not _is_cache(node.elts[0]):
        return _outputs(run, node.elts[0], value[0])
    nodes = (
        node.elts if isinstance(node, (ast.Tuple, ast.List)) and len(node.elts) == len(value) else [None] * len(value)
    )
    kept = [(n, v) for n, v in zip(nodes, value, strict=True) if _is_output(v)]
    kept = [(n, v) for n, v in kept if n is None or not _is_cache(n)] or kept  # `cache = x` is kept, not an output
    names = [_output(run, v, _hint(n, "out")) for n, v in kept]
    return names, "tuple" if len(names) > 1 else "bare"


def _is_cache(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and "cache" in node.id.lower()


def _is_output(value: object) -> bool:
    return isinstance(value, (Array, Rows, Pair)) and getattr(value, "sort", "real") != "bool"


def _hint(node: ast.expr | None, default: str) -> str:
    return node.id if isinstance(node, ast.Name) else default


def _output(run: Run, value: object, hint: str) -> str:
    """The internal name of an output: its own equation's, else one made for it."""
    from derive.readers.convert import as_array

    array = as_array(run, value)
    slots = run.fresh(array.shape)
    e = array.body(slots)
    if (
        isinstance(e, x.Entry)
        and e.name not in run.inputs
        and len(e.slots) == array.rank
        and all(s is i or i.size.number == 1 for s, i in zip(e.slots, slots, strict=True))
    ):
        return e.name
    internal = run.new_internal(_unused(run, hint), "")
    run.define(internal, array.detached())
    return internal


def _unused(run: Run, hint: str) -> str:
    """A name for an output that the source gives none."""
    taken = {name for _, name in run.locals} | set(run.inputs)
    hint = "out" if hint in run.inputs else hint
    return next(name for name in (hint, *(f"{hint}{k}" for k in range(2, 999))) if name not in taken)


# ---------------------------------------------------------------- sizes and shapes at the end

_SIZE_LETTERS = "n d h c k p t v u r s w g".split()


def renamed_sizes(source: Source, inputs: Inputs, knowledge: Knowledge) -> bool:
    """Give the letters of ours that remain readable names; True when there were some."""
    left = [g for g in knowledge.generated if g not in knowledge.sizes]
    used = [g for g in left if any(g in knowledge.settled(n).letters for s in knowledge.found.values() for n in s)]
    taken = set(source.names) | set(knowledge.lengths) | {a for n in knowledge.sizes.values() for a in n.letters}
    taken |= inputs.letters
    free = iter(
        [*(c for c in _SIZE_LETTERS if c not in taken), *(f"n{k}" for k in range(1, 400) if f"n{k}" not in taken)]
    )
    for letter in used:
        name = next(free)
        if letter in knowledge.lengths:
            knowledge.lengths[name] = knowledge.lengths[letter]
        try:
            knowledge.set_size(letter, Size.of(name))
        except Restart:
            pass
    return bool(used)


def shapes_missing(source: Source, inputs: Inputs, knowledge: Knowledge, run: Run) -> ShapeUnknown:
    """The problem whose hint is the comment line to paste, with the best guess filled in."""
    names: dict[str, Size] = {}
    taken = set(source.names) | {a for v in run.inputs.values() for n in v.shape for a in knowledge.settled(n).letters}

    def readable(n: Size) -> Size:
        n = knowledge.settled(n)
        for letter in sorted(n.letters):
            if letter in knowledge.generated and letter not in names:
                names[letter] = Size.of(
                    next(c for c in [*_SIZE_LETTERS, *(f"n{k}" for k in range(999))] if c not in taken)
                )
                taken.add(str(names[letter]))
        return n.substitute(names)

    shapes = {}
    for v in run.inputs.values():
        sort = "" if (sort := knowledge.sorts.get(v.name, v.sort)) == "real" else f"{sort} "
        shapes[v.name] = f"{sort}{S.axes_text(tuple(readable(n) for n in v.shape))}"
    unknown = list(knowledge.guesses)
    hint = "# shapes: " + " · ".join(f"{name} {axes}" for name, axes in shapes.items())
    problem = ShapeUnknown(f"the shape of `{unknown[0]}` is not known", "neither a declaration nor its use determines it",
                           hint, knowledge.places.get(unknown[0]), source.path)  # fmt: skip
    problem.shapes, problem.guessed = shapes, tuple(n for n in unknown if n in shapes)
    return problem


def with_facts(program: Program, facts: tuple[str, ...]) -> Program:
    from dataclasses import replace

    found = []
    for text in facts:
        try:
            found.append(parse_fact(text.strip(), program))
        except Problem as problem:
            raise problem.at(_fact_span(text, program), program.path) from None
        except (ValueError, KeyError, TypeError) as error:
            raise BadFact(f"cannot read the fact `{text}`", str(error)) from None
    clash = contradiction(found, program)
    if clash is not None:
        raise clash.at(_fact_span(clash.fact, program), program.path)
    return replace(program, facts=tuple(found))


def _fact_span(text: str, program: Program) -> Span | None:
    """Where a fact stands in the source, if it does."""
    for number, line in enumerate(program.source.splitlines(), 1):
        column = line.find(text.strip())
        if column >= 0 and "#" in line[:column]:
            return Span(number, column + 1, number, column + 1 + len(text.strip()), line, program.path)
    return None


__all__ = ["Instance", "ROUNDS", "Variable", "chosen_function", "parsed", "read_python", "read_round", "renamed_sizes", "shapes_missing",
           "uncalled", "with_facts"]  # fmt: skip
