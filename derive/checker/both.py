"""Reading backward code: in the state that the forward pass leaves, statement by statement, never executed.

The backward file is read by the reader of forward passes, in one go with the forward pass, so that aliases,
versions and sizes are the same for both.  Each statement is a `Step`; one that cannot be read is kept with its
problem, what it would have set stands for the true gradient, and the reading goes on.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import count

from derive import expr as x
from derive.checker.listed import Lists, forward_lists, lists_in
from derive.checker.names import candidates, spelled
from derive.checker.objects import object_of
from derive.checker.reading import FUEL, INNER, Back, Reading, Snapshot, Step, flat, held, named_array
from derive.checker.recomputed import renamed_copies, with_recomputed
from derive.checker.statements import (
    copied_gradient,
    declared,
    fills,
    handed,
    one_by_one,
    packed,
    stored_keys,
    updated,
    uses,
)
from derive.errors import Problem, Unsupported
from derive.index import Size
from derive.program import Equation, Program, Variable, base_name, gradient_name
from derive.readers.convert import iterated, truth
from derive.readers.evaluate import evaluate
from derive.readers.finish import final_names, finished
from derive.readers.initialise import numbers_of, separated
from derive.readers.inputs import Inputs, Source
from derive.readers.python import ROUNDS, chosen_function, parsed, read_round, renamed_sizes, shapes_missing, with_facts
from derive.readers.run import Knowledge, Run, entries, without_quotients
from derive.readers.statements import Returned, assign, execute
from derive.readers.values import Array, ByName, Function, Instance, Opaque, Parameter, Restart, Rows, Scope

MOST_STEPS = 3000
UPSTREAM = ("upstream", "g", "grad", "grads")  # what a gradient that is handed to backward may be called
_NUMBERS = (Array, int, Fraction, Size)
_STATE = (Array, Parameter, int, Fraction, Size, dict, list, tuple, str)


def read_both(forward: str, back: Back, *, path: str = "", function: str | None = None, shapes: dict | None = None,
              sample: dict | None = None, facts: tuple[str, ...] = ()) -> Reading:  # fmt: skip
    """A forward pass and the backward code that belongs to it; raises a Problem where the forward is unreadable."""
    tree = separated(parsed(forward, path))
    chosen = Source(forward, path, tree, *chosen_function(tree, function, path, forward))
    chosen.drawn = True
    if chosen.function is None:
        chosen.numbers = numbers_of(back.tree) | numbers_of(tree)
    inputs = Inputs.collect(chosen, shapes or {}, sample or {})
    knowledge = Knowledge()
    knowledge.lengths.update(inputs.lengths)
    for _ in range(ROUNDS):
        try:
            run, outputs, kind = read_round(chosen, inputs, knowledge)
            if knowledge.guesses:
                raise shapes_missing(chosen, inputs, knowledge, run)
            if renamed_sizes(chosen, inputs, knowledge):
                continue
            reader = _Reader(chosen, inputs, run, _ends(run, outputs, back), kind, back)
            reader.read()
            return reader.reading(facts)
        except Restart:
            continue
    raise Unsupported("the sizes of this pass do not settle", hint="declare the shapes: # shapes: X (n, d) · …")


@dataclass
class _Reader:
    """One round over both passes."""

    source: Source
    inputs: Inputs
    run: Run
    outputs: list[str]
    kind: str
    back: Back

    def __post_init__(self):
        self.steps: list[Step] = []
        self.upstream: dict[str, str] = {}
        self.scalar_upstream: str | None = None
        self.variables: list[Variable] = []
        self.unread: dict[str, int] = {}
        self.returned: ast.Return | None = None
        self.supposed = ""
        self.rooms: set[str] = set()
        self.standing: dict[str, Problem] = {}
        self.maybe: dict[str, frozenset[str]] = {}  # unread names, by the names whose arrays they may hold
        self.given = self._values_returned()
        run = self.run
        self.mark = copy.copy(run)
        self.mark.equations, self.mark.inputs = list(run.equations), dict(run.inputs)
        self.mark.locals = {k: replace(v, internals=list(v.internals)) for k, v in run.locals.items()}
        self.final = final_names(self.mark)
        self.outer = run.scopes[-1]

    def _values_returned(self) -> object:
        """What the forward function hands back, the cache included."""
        if self.source.function is None:
            return None
        found = [n for n in ast.walk(self.source.function) if isinstance(n, ast.Return) and n.value is not None]
        direct = [n for n in self.source.function.body if n in found]
        if not found:
            return None
        return evaluate(self.run, (direct or found)[-1].value)

    # -- the state in which the backward code begins

    def read(self) -> None:
        run = self.run
        run.lines, run.path, run.notes, run.line_shapes, run.free_names = self.back.lines, self.back.path, {}, {}, None
        run.unify, run.integers = _strict(run), {}
        run.whatever = self._uninitialised
        scope = self._script() if self.back.function is None else self._function()
        self.start = self._named(scope)
        self.rooms |= {n for s in _chain(scope) for n, v in flat(s).items() if spelled(n) and _is_room(v)}
        self.start = {n: v for n, v in self.start.items() if n not in self.rooms}
        self.lists = Lists(forward_lists(run, scope))
        self._assume(scope)
        self._body(list(self.back.body))

    def _uninitialised(self, shape: tuple[Size, ...]) -> Array:
        """What np.empty returns: any numbers, so that nothing right rests on them."""
        line = getattr(self.run.statement, "lineno", 0)
        name = next(n for k in count() if (n := f"uninitialised{line}" + "′" * k) not in self.run.inputs)
        self.run.inputs[name] = Variable(name, shape)
        return entries(name, shape, "real").detached()

    def _assume(self, scope: Scope) -> None:
        """Gradients that are given to the code, the true ones; and values under another, declared name."""
        for short, long in _aliases(self.back.text, self.source.text).items():
            held = next((s[long] for s in _chain(scope) if long in s), None)
            if held is not None and not any(short in s for s in _chain(scope)):
                scope[short] = held
        for name in self.back.assumed:
            meant = self.meant(name)
            if meant is not None and name not in scope:
                scope[name] = named_array(f"∂={self.final.get(meant, meant)}", self._shape(meant))

    def _script(self) -> Scope:
        scope = self.outer
        for output in self.outputs:
            name = base_name(self.final.get(output, output))
            spellings = [f"d{name}", f"grad_{name}", f"{name}_grad"] + (["dout"] if len(self.outputs) == 1 else [])
            if self._shape(output):
                for spelling in spellings:
                    scope.setdefault(spelling, self._upstream(output))
        self._unpacked_by_name(scope)
        return scope

    def _function(self) -> Scope:
        """The scope of backward's body, its parameters bound to what the forward pass handed over."""
        module = Scope("", self.run.scopes[0])
        for node in self.back.tree.body:
            if isinstance(node, ast.FunctionDef):
                module[node.name] = Function(node.name, node, module)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                self.source.bind_import(node, module)
        scope = Scope("", module)
        self._empty_gradients()
        spec = self.back.function.args
        parameters = [a.arg for a in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)]
        caches, gradients = self._state(), []
        own = object_of(self.run, self.back.tree, self.back.function, self.outer, module)
        for name in parameters:
            if isinstance(self.outer.get(name), Instance):
                scope[name] = self.outer[name]
            elif own is not None and name == parameters[0]:
                scope[name] = own
            elif name in self.outer and isinstance(self.outer[name], _STATE):
                scope[name] = self.outer[name]
            elif spelled(name) is not None or name in UPSTREAM:
                gradients.append(name)
            elif (said := self.inputs.declared.get(name)) is not None and said.shape:
                self.variables.append(Variable(name, said.shape, said.sort or "real"))
                scope[name] = named_array(name, said.shape, said.sort or "real")
            elif caches:
                scope[name] = caches.pop(0)
        self._bind_upstream(scope, gradients)
        self._unpacked_by_name(scope, parameters)
        self.run.scopes.append(scope)
        return scope

    def _empty_gradients(self) -> None:
        """`self.dW = np.zeros_like(self.W)` in __init__ is room for a gradient, no input of the forward pass."""
        owner, init = self.outer.get("self"), self.source.methods.get("__init__")
        used = frozenset().union(*(e.rhs.names for e in self.mark.equations))
        for node in ast.walk(init) if isinstance(owner, Instance) and init is not None else ():
            match node:
                case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)]) if fills(node) and name not in used:
                    array = owner.attributes.get(spelled(name))
                    if isinstance(array, Array):
                        zeros = Array(array.shape, lambda _: x.ZERO)
                        owner.attributes[name] = self.run.store(name, zeros)
                        self.rooms.add(f"self[{name}]")

    def _unpacked_by_name(self, scope: Scope, names: Iterable[str] | None = None) -> None:
        """Containers that nothing of the forward pass is bound to: `cache["h"]` is its h."""
        for name in packed(self.back.body):
            unset = not any(name in s for s in _chain(scope))
            if unset and spelled(name) is None and (names is None or name in names):
                known = self._inside()
                known |= {n: v for s in reversed([*_chain(self.outer)]) for n, v in flat(s).items()
                          if isinstance(v, _STATE)}  # fmt: skip
                inner = {n.split("[")[1].rstrip("]"): v for n, v in known.items() if "[" in n}
                scope[name] = ByName(inner | {n: v for n, v in known.items() if "[" not in n})

    def _inside(self) -> dict[str, Array]:
        """What functions that the forward pass calls once compute on the way, under names that no other one has."""
        found: dict[str, list[str]] = {}
        for (owner, name), local in self.mark.locals.items():
            found.setdefault(name, []).extend(local.internals if owner else ["", ""])
        return {n: named_array(made[0], self._shape(made[0])) for n, made in found.items() if len(made) == 1}

    def _state(self) -> list:
        """The containers that forward returns besides its outputs; else all of what it returns besides them."""
        values = self.given if isinstance(self.given, tuple) else (self.given,)
        inner = [v for v in values if isinstance(v, (tuple, dict, list))]
        return inner or ([self.given] if isinstance(self.given, dict) else [])

    def _handed_back(self, scope: Scope, name: str) -> bool:
        """`backward(self, dvalues, y_true)` of a loss, where dvalues has axes: what forward left as output, or was given.

        The gradient that arrives at a number is a number, so that it is none.
        """
        if any(self._shape(o) for o in self.outputs) or not _has_axes(name, self.back.function):
            return False
        owner, spec = self.outer.get("self"), self.source.function.args.args
        place = [a.arg for a in self.back.function.args.args].index(name)
        output = owner.attributes.get("output") if isinstance(owner, Instance) else None
        given = spec[place].arg if place < len(spec) else ""
        found, said = (output, "self.output") if isinstance(output, Array) and output.rank else (self.outer.get(given), given)
        if not isinstance(found, Array):
            return False
        scope[name], self.supposed = found, f"right if `{name}` is `{said}`"
        return True

    def _bind_upstream(self, scope: Scope, gradients: list[str]) -> None:
        gradients = [n for n in gradients if not self._handed_back(scope, n)]
        left = list(self.outputs)
        plain = {o: base_name(self.final.get(o, o)) for o in left}
        unmatched = []
        for name in gradients:
            found = candidates(spelled(name) or name, [plain[o] for o in left])
            output = next((o for o in left if plain[o] in found), None)
            if output is None:
                unmatched.append(name)
            else:
                scope[name] = self._arriving(name, output)
                left.remove(output)
        for name, output in zip(unmatched, left, strict=False):
            scope[name] = self._arriving(name, output)

    def _arriving(self, name: str, output: str) -> Array | int:
        """The gradient that arrives at an output; 1 for `backward(self, dout=1)` of a loss."""
        alone = len(self.outputs) == 1 and self._shape(output) == ()
        return 1 if alone and self._default(name) == 1 else self._upstream(output)

    def _default(self, name: str) -> object:
        """The plain value that a parameter of backward has by default; None for none."""
        spec = self.back.function.args
        positional = [*spec.posonlyargs, *spec.args]
        pairs = zip(positional[len(positional) - len(spec.defaults) :], spec.defaults, strict=True)
        found = next((d for a, d in pairs if a.arg == name), None)
        return found.value if isinstance(found, ast.Constant) and not isinstance(found.value, bool) else None

    def _upstream(self, output: str) -> Array:
        """The gradient that arrives at an output, as an input of its own."""
        final, shape = self.final.get(output, output), self._shape(output)
        name = gradient_name(final)
        if final not in self.upstream:
            self.upstream[final] = name
            if shape:
                self.variables.append(Variable(name, shape))
            else:
                self.scalar_upstream = "∂↑"
                self.variables.append(Variable("∂↑", ()))
        name = name if shape else "∂↑"
        return named_array(name, shape)

    def _shape(self, internal: str) -> tuple[Size, ...]:
        found = next((e for e in self.mark.equations if e.name == internal), None)
        return found.shape if found is not None else self.mark.inputs[internal].shape

    # -- statements

    def _body(self, body: list[ast.stmt], looped: bool = False) -> object:
        for node in body:
            if len(self.steps) > MOST_STEPS:
                raise Unsupported("this backward pass is too long to read", hint="check its parts one by one")
            outcome = self._statement(node, looped)
            if outcome is not None:
                return outcome
        return None

    def _statement(self, node: ast.stmt, looped: bool) -> object:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            self.source.bind_import(node, self.run.scopes[-1])
            return None
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            return self._quietly(node)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return None
        if isinstance(node, ast.With):
            return self._body(node.body, looped)
        if stores := updated(node):
            return self._body(stores, looped)
        if isinstance(node, (ast.If, ast.For)):
            inner = self._inner(node)
            if inner is not None:
                return self._rounds(node, inner)
        if isinstance(node, ast.Return):
            self._returned_by_key(node)
        return self._step(node, looped)

    def _returned_by_key(self, node: ast.Return) -> None:
        """`return {"W": X.T @ dz}`: every entry that is more than a name is a statement of its own."""
        self.returned = node
        match node.value:
            case ast.Call(func=ast.Name(id="dict"), args=[], keywords=more) if all(k.arg for k in more):
                made = ast.Dict([ast.Constant(k.arg) for k in more], [k.value for k in more])
                node = ast.fix_missing_locations(ast.copy_location(ast.Return(ast.copy_location(made, node.value)), node))
        if isinstance(node.value, ast.Dict):
            for key, value in zip(node.value.keys, node.value.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str) and not isinstance(value, ast.Name):
                    self._returned_as(key.value, value)
        elif node.value is not None:
            self._returned_in_order(node.value)

    def _returned_as(self, name: str, value: ast.expr) -> None:
        self.run.scopes[-1].setdefault("grads", {})
        place = ast.Subscript(ast.Name("grads", ast.Load()), ast.Constant(name), ast.Store())
        made = ast.copy_location(ast.Assign([place], value), value)
        made.entry = f'grads["{name}"]'
        self._step(ast.fix_missing_locations(made), False)

    def _returned_in_order(self, value: ast.expr) -> None:
        """`return dx, x.T @ dz, dz.sum(0)`: gradients in the order of the inputs, where the named ones stand so.

        Where a gradient that was set is left out and its array returned instead, that array is what is claimed.
        """
        values = value.elts if isinstance(value, ast.Tuple) else [value]
        lists = {n for n, _ in lists_in(self.run.scopes[-1])}
        if any(isinstance(n, (ast.Name, ast.Attribute)) and getattr(n, "id", getattr(n, "attr", "")) in lists
               for v in values for n in ast.walk(v)):  # fmt: skip
            return
        inputs, values = self._matched(values)
        spoken = [self._gradient_of(v.id, inputs) if isinstance(v, ast.Name) else None for v in values]
        returned = {v.id for v in values if isinstance(v, ast.Name)}
        left_out = {self._gradient_of(n, inputs) for n in self.run.scopes[-1] if n not in returned}
        odd = [k for k, s in enumerate(spoken) if s not in (None, *inputs[k : k + 1])]
        odd = odd or [k for k, v in enumerate(values[: len(inputs)])
                      if isinstance(v, ast.Name) and spoken[k] is None and spelled(v.id) and inputs[k] in left_out]  # fmt: skip
        if self.source.owner is not None and len(values) == len(inputs):  # `return dn, dh` of a layer forward(x, h)
            for k in odd:
                if spoken[k] not in self.mark.inputs and inputs[k] in left_out:
                    self._returned_as(inputs[k], values[k])
        named = sum(s is not None for s in spoken)
        in_order = not odd and (len(values) == len(inputs) or len(values) < len(inputs) and 2 * named >= len(values))
        if len(odd) == 1 and 2 < len(values) <= len(inputs) and inputs[odd[0]] in left_out:
            self._returned_as(inputs[odd[0]], values[odd[0]])
        for place, v in enumerate(values):
            if isinstance(v, ast.Name):
                if spoken[place] is None and v.id in self.start and self.start[v.id] in left_out:
                    self._returned_as(v.id, v)
                elif spoken[place] is None and in_order and isinstance(self.run.scopes[-1].get(v.id), Array):
                    self._returned_as(inputs[place], v)
            elif not isinstance(v, (ast.Constant, ast.Dict, ast.Tuple, ast.List)):
                self._returned_as(inputs[place] if in_order else f"returned{place}", v)

    def _matched(self, values: list[ast.expr]) -> tuple[list[str], list[ast.expr]]:
        """The inputs in order and the values returned for them: for forward's parameters, one each, else for all inputs.

        Where there is one for every parameter, the None for labels and settings is left out.
        """
        inputs = [n for n, v in self.mark.inputs.items() if v.sort == "real"]
        names = [a.arg for a in self.source.function.args.args] if self.source.function is not None else []
        names = [n for n in names if not isinstance(self.outer.get(n), Instance)]
        rules = any(isinstance(n, ast.Attribute) and n.attr == "defvjp" for n in ast.walk(self.back.tree))
        if rules and len(names) != len(values) and self.back.function is not None:  # `nondiff_argnums`: handed on
            names = [n for n in names if n not in {a.arg for a in self.back.function.args.args}]
        pairs = list(zip(names, values, strict=False)) if len(names) == len(values) else []
        odd = [n for n, v in pairs if (n in inputs) == (isinstance(v, ast.Constant) and v.value is None)]
        if not pairs or odd:
            return inputs, values
        return [n for n in names if n in inputs], [v for n, v in pairs if n in inputs]

    def _gradient_of(self, name: str, inputs: list[str]) -> str | None:
        """The forward array whose gradient a name is; an input also where backward does not bind it."""
        return self.meant(name) or next((n for n in inputs if n == spelled(name)), None)

    def _inner(self, node: ast.If | ast.For) -> list | None:
        """The branch that is taken, or the rounds of a static loop; None where that is not known."""
        run, before = self.run, Snapshot.of(self.run)
        run.node = run.statement = node
        try:
            if isinstance(node, ast.If):
                return [node.body if truth(run, evaluate(run, node.test)) else node.orelse]
            found = iterated(run, evaluate(run, node.iter))
            return None if isinstance(found, Rows) else list(found)
        except Problem:
            before.restore(run)
            return None

    def _rounds(self, node: ast.If | ast.For, inner: list) -> object:
        if isinstance(node, ast.If):
            return self._body(inner[0])
        for value in inner:
            assign(self.run, node.target, value, quiet=True)
            outcome = self._body(node.body, looped=True)
            if isinstance(outcome, Returned):
                return outcome
            if outcome is not None and outcome.word == "break":
                return None
        return self._body(node.orelse)

    def _quietly(self, node: ast.stmt) -> None:
        try:
            execute(self.run, [node])
        except Problem:
            pass

    def _step(self, node: ast.stmt, looped: bool) -> object:
        run = self.run
        old = self._named(run.scopes[-1])
        step = Step(node, uses(node), Snapshot.of(run), looped=looped)
        self.steps.append(step)
        run.fuel = FUEL
        outcome = None
        if self._completes_unread(step):
            self.steps.pop()
            return None
        try:
            step.copied = copied_gradient(node)
            outcome = self._stand_in(step) if step.copied else execute(run, [node])
        except Problem as problem:
            if parts := one_by_one(node):
                self.steps.pop()
                self._back_to(step)
                return self._body(parts, looped)
            outcome = self._failed(step, problem)
        except INNER as error:
            why = f"{type(error).__name__}: {error}"
            self._failed(step, Unsupported("this statement could not be read", why, span=run.span(node)))
        step.values = self._named(run.scopes[-1])
        if isinstance(node, ast.For):  # what only its rounds set is no gradient of a whole array
            step.values = {n: v for n, v in step.values.items() if n in old or n not in step.uses.sets}
        step.changed = frozenset(n for n, v in step.values.items() if old.get(n) != v)
        step.views = self._views_taken(step)
        self.lists.watch(run, step, outcome.value if isinstance(outcome, Returned) else None)
        return outcome

    def _completes_unread(self, step: Step) -> bool:
        """Whether a step goes on with a gradient of which a part could not be read: the true one stands for all of it."""
        own = step.uses.writes & self.standing.keys() & (step.uses.changes | step.uses.reads)
        if not own:
            for name in (step.uses.reads | step.uses.sets) & self.standing.keys():
                del self.standing[name]
            return False
        self._stand_in(step)
        return True

    def _views_taken(self, step: Step) -> frozenset[str]:
        """The gradients that a step reads only to give their storage another name: `d = dz.ravel()`, `for row in dz`."""
        scope = self.run.scopes[-1]
        if isinstance(step.node, ast.For):
            return frozenset(n.id for n in ast.walk(step.node.iter) if isinstance(n, ast.Name)) & step.changed
        made = [scope.get(n) for n in step.uses.sets if self.meant(n) is None]
        shared = {id(v.view.buffer) for v in made if isinstance(v, Array) and v.view is not None}
        held = {n: scope.get(n) for n in step.uses.reads - step.uses.writes}
        return frozenset(n for n, v in held.items() if isinstance(v, Array) and v.view is not None and id(v.view.buffer) in shared)

    def _back_to(self, step: Step) -> None:
        run = self.run
        step.before.restore(run)
        run.loops.clear(), run.watched.clear(), run.rounds.clear()
        run.helper, run.depth, run.outer_loops, run.asserting = "", 0, [], False
        run.guards, run.computing = [], False

    def _failed(self, step: Step, problem: Problem) -> None:
        self._back_to(step)
        step.uses = replace(step.uses, changes=step.uses.changes | self._may_change(step))
        missing = next((n for n in step.uses.reads if n in self.unread), None)
        if missing and missing in problem.what:
            problem.why = f"`{missing}` is set on line {self.unread[missing]}, which could not be read"
        step.problem = problem
        lists = self.lists.failed(self.run, step, problem)
        step.uses = replace(step.uses, sets=step.uses.sets - lists, changes=step.uses.changes - lists)
        self._stand_in(step, lists)
        self.maybe |= {n: step.uses.reads for n in step.uses.sets}
        self.standing |= {n: problem for n in step.uses.writes if self.meant(n) is not None}

    def _may_change(self, step: Step) -> frozenset[str]:
        """The names whose arrays a statement that could not be read may have changed, by whatever name it did so."""
        names = {n: v for s in self.run.scopes for n, v in s.items() if isinstance(v, Array) and v.view is not None}
        calls = any(isinstance(n, ast.Call) for n in ast.walk(step.node))
        outer = [n for n in ast.walk(self.back.tree) if isinstance(n, (ast.Global, ast.Nonlocal))] if calls else []
        for name in (name for n in outer for name in n.names):
            for scope in _chain(self.run.scopes[-1]):
                scope.pop(name, None)
        changed = step.uses.changes | handed(step.node)
        changed = changed.union(*(self.maybe[n] for n in changed & self.maybe.keys() - names.keys()))
        touched = {id(names[n].view.buffer) for n in changed if n in names}
        return frozenset(n for n, v in names.items() if id(v.view.buffer) in touched)

    def _stand_in(self, step: Step, lists: frozenset[str] = frozenset()) -> None:
        """Names whose value is not derived here: a gradient stands for the true one, others are forgotten.

        `lists`: those that know which entry of theirs could not be read.
        """
        scope = self.run.scopes[-1]
        self._forget_inside(step, lists)
        for name in sorted(step.uses.writes):
            meant = self.meant(name)
            owner = scope.get(name.split("[")[0])
            if meant is not None:
                shape = self._shape(meant)
                own = f"∂={self.final.get(meant, meant)}"
                if isinstance(owner, Instance) and "[" in name:
                    owner.attributes[name.split("[")[1].rstrip("]")] = named_array(own, shape)
                else:
                    scope[name] = named_array(own, shape)
            elif name.startswith("self["):  # an update that could not be read: what the object holds now is not known
                if isinstance(owner, Instance):
                    owner.attributes[name[5:-1]] = Opaque(f"what line {step.line} stores, which could not be read,")
            elif stored_keys(step.node) and isinstance(scope.get(name), dict):
                self._stand_in_key(scope[name], stored_keys(step.node)[0])
            elif step.uses.sets & {name} or name not in scope or isinstance(scope[name], _NUMBERS):
                scope.pop(name, None)
                self.unread[name] = step.line

    def _forget_inside(self, step: Step, lists: frozenset[str]) -> None:
        """Entries and attributes that an unread statement stores are no longer what they were."""
        targets = [n for n in ast.walk(step.node) if isinstance(n, (ast.Subscript, ast.Attribute)) and isinstance(n.ctx, ast.Store)]
        for target in targets:
            try:
                owner = evaluate(self.run, target.value)
            except Problem:
                continue
            if isinstance(owner, Instance) and isinstance(target, ast.Attribute) and self.meant(target.attr) is None:
                owner.attributes.pop(target.attr, None)
            elif isinstance(owner, (dict, list)) and not stored_keys(step.node) and getattr(target.value, "id", None) not in lists:
                owner.clear()
        called = (n.func.value for n in ast.walk(step.node) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute))
        stored = [*(n.value for n in targets), *called]
        for name in (n.id for n in stored if isinstance(n, ast.Name)):
            if isinstance(self.run.scopes[-1].get(name), list) and name not in lists:
                del self.run.scopes[-1][name]
                self.unread[name] = step.line

    def _stand_in_key(self, owner: dict, name: str) -> None:
        meant = self.meant(name)
        if meant is None:
            owner.pop(name.split("[")[1].rstrip("]"), None)
        else:
            owner[name.split("[")[1].rstrip("]")] = named_array(f"∂={self.final.get(meant, meant)}", self._shape(meant))

    def meant(self, name: str) -> str | None:
        """The forward array, by its internal name, whose gradient a name is by its spelling."""
        base = spelled(name)
        if base is None or name in self.start and not self.start[name].startswith("∂"):
            return None
        found = candidates(base, self.start)
        return self.start[found[0]] if found and not self.start[found[0]].startswith("∂") else None

    def _named(self, scope: Scope) -> dict[str, str]:
        """The array that each name (or dict entry) in reach holds; gradients get an equation where they have none."""
        chain, found = [], {}
        while scope is not None:
            chain.insert(0, scope)
            scope = scope.parent
        for part in chain:
            for name, value in flat(part).items():
                internal = held(self.run, value, name if spelled(name) else None)
                if internal is not None:
                    found[name] = internal
        return found

    def _sizes(self) -> dict[str, Size]:
        """What the author calls the sizes: names that hold them, else the first axes of arrays in reach."""
        found: dict[str, Size] = {}
        for scope in self.run.scopes:
            found |= {n: v for n, v in scope.items() if isinstance(v, Size) and v.number is None}
        known = set(found.values())
        for name, value in self.run.scopes[-1].items():
            for k, n in enumerate(value.shape if isinstance(value, Array) and name.isidentifier() else ()):
                if n.number is None and n not in known:
                    known.add(n)
                    found[f"{name}.shape[{k}]"] = n
        return found

    # -- the result

    def _freed(self, forward: Program) -> Program:
        """The pass with inputs for the constants whose gradients are claimed: `W = np.ones((3, 2)) * 0.1` is any W."""
        names = {n for s in self.steps for n in (*s.uses.writes, *stored_keys(s.node))}
        meant = {self.final.get(m, m) for n in names if (m := self.meant(n)) is not None}
        fixed = [e for e in forward.equations if e.name in meant and not e.rhs.names and e.sort == "real"]
        fixed = [e for e in fixed if e.name not in forward.outputs]
        given = tuple(Variable(e.name, e.shape) for e in fixed)
        rest = tuple(e for e in forward.equations if e not in fixed)
        return replace(forward, inputs=(*forward.inputs, *given), equations=rest) if fixed else forward

    def reading(self, facts: tuple[str, ...]) -> Reading:
        forward = finished(self.source, self.inputs, self.mark, self.outputs, self.kind)
        forward = with_facts(self._freed(forward), (*facts, *self.source.facts))
        run, names = self.run, dict(self.final)
        made = run.equations[len(self.mark.equations) :]
        for e in made:
            names[e.name] = _own_name(e, names)
        variables = (*self.variables, *(v for n, v in run.inputs.items() if n not in self.mark.inputs))
        start = {n: names.get(v, v) for n, v in self.start.items()}
        reading = Reading(forward, self.back, run, names, self.steps, (), variables, start, self.upstream,
                          self.scalar_upstream, self.returned, _aliases(self.back.text, self.source.text))  # fmt: skip
        made = tuple(reading.renamed(e) for e in made)
        reading.defaults, reading.supposed = self.inputs.numbers(), self.supposed
        kept = {n: v for n, v in renamed_copies(forward.equations).items()
                if not forward.uses(n) and n not in forward.outputs}  # fmt: skip  # `cache = x`
        reading.copies = kept | {n: kept.get(v, v) for n, v in renamed_copies(made).items()}
        reading.sizes = self._sizes()
        reading.lists = self.lists
        reading.forward = with_recomputed(forward, made)
        reading.equations = tuple(e for e in made if e.name not in reading.forward)
        return reading


def _ends(run: Run, outputs: list[str], back: Back) -> list[str]:
    """The outputs; `return Z1, A1, Z2, A2` for a backward function that is given no gradient: the ones at the end."""
    spec = back.function.args if back.function is not None else None
    names = [a.arg for a in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)] if spec is not None else []
    if spec is None or any(spelled(n) is not None or n in UPSTREAM for n in names):
        return outputs
    read: dict[str, set[str]] = {}
    for e in run.equations:
        read[e.name] = set(e.rhs.names).union(*(read.get(n, ()) for n in e.rhs.names))
    return [o for o in outputs if not any(o in read.get(other, ()) for other in outputs if other != o)]


def _has_axes(name: str, function: ast.FunctionDef) -> bool:
    """Whether a function takes a length, a shape or entries of a parameter."""
    for node in ast.walk(function):
        match node:
            case ast.Call(func=ast.Name(id="len"), args=[ast.Name(id=found)]) if found == name:
                return True
            case ast.Attribute(value=ast.Name(id=found), attr="shape" | "size") | ast.Subscript(value=ast.Name(id=found)) if found == name:
                return True
    return False


def _is_room(value: object) -> bool:
    """Whether a value is zeros and no more: room for a gradient."""
    return isinstance(value, Array) and value.rank > 0 and value.view is None and value.body(value.shape) is x.ZERO


def _chain(scope: Scope | None) -> Iterator[Scope]:
    while scope is not None:
        yield scope
        scope = scope.parent


def _own_name(e: Equation, names: Mapping[str, str]) -> str:
    """`dX@12`: the version of a name that line 12 makes."""
    base = f"{e.name.split(':')[1].split('=')[0]}@{e.span.line if e.span else 0}"
    taken = set(names.values())
    return base if base not in taken else next(n for k in count(2) if (n := f"{base}.{k}") not in taken)


def _strict(run: Run):
    """Sizes of the forward pass stay different where the backward code would need them equal: its shapes do not fit."""
    fixed = {a for v in run.inputs.values() for n in v.shape for a in n.letters}
    fixed |= {a for e in run.equations for n in e.shape for a in n.letters}

    def unify(a: Size, b: Size, what: str = "these axes") -> None:
        if a == b or without_quotients(a) == without_quotients(b):
            return
        run.check_lengths(a, b, what)
        letter, value = run.solved(a - b)
        if letter is None or letter in fixed:
            raise run.mismatch(
                f"{what} have the sizes {run.show(a)} and {run.show(b)}", "they differ in the forward pass"
            )
        run.knowledge.set_size(letter, value)

    return unify


def _aliases(*texts: str) -> dict[str, str]:
    """`# check: alias dq = dQ ; Y = labels`: names by the names that they stand for."""
    pairs = [entry.partition("=") for text in texts for entry in declared(text, "alias")]
    found = {a.strip(): b.strip() for a, _, b in pairs}
    return found | {spelled(a): spelled(b) for a, b in found.items() if spelled(a) and spelled(b)}
