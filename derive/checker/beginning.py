"""The state in which backward code begins: what the forward pass hands over, under which names, and what arrives above."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import count

from derive import expr as x
from derive.checker.names import candidates, spelled
from derive.checker.objects import object_of
from derive.checker.reading import Back, Step, flat, held, named_array
from derive.checker.statements import (
    declared,
    fills,
    packed,
)
from derive.errors import Problem
from derive.index import Size
from derive.program import Variable, base_name, gradient_name
from derive.readers.evaluate import evaluate
from derive.readers.finish import final_names
from derive.readers.inputs import Inputs, Source
from derive.readers.run import Run, entries
from derive.readers.values import Array, ByName, Function, Instance, Parameter, Scope

UPSTREAM = ("upstream", "g", "grad", "grads")  # what a gradient that is handed to backward may be called
_STATE = (Array, Parameter, int, Fraction, Size, dict, list, tuple, str)


@dataclass
class Beginning:
    """One round over both passes, up to where the backward code begins."""

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
    def _uninitialised(self, shape: tuple[Size, ...]) -> Array:
        """What np.empty returns: any numbers, so that nothing right rests on them."""
        line = getattr(self.run.statement, "lineno", 0)
        name = next(n for k in count() if (n := f"uninitialised{line}" + "′" * k) not in self.run.inputs)
        self.run.inputs[name] = Variable(name, shape)
        return entries(name, shape, "real").detached()

    def _assume(self, scope: Scope) -> None:
        """Gradients that are given to the code, the true ones; and values under another, declared name."""
        for short, long in aliases(self.back.text, self.source.text).items():
            held = next((s[long] for s in chain(scope) if long in s), None)
            if held is not None and not any(short in s for s in chain(scope)):
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
            unset = not any(name in s for s in chain(scope))
            if unset and spelled(name) is None and (names is None or name in names):
                known = self._inside()
                known |= {n: v for s in reversed([*chain(self.outer)]) for n, v in flat(s).items()
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


def _has_axes(name: str, function: ast.FunctionDef) -> bool:
    """Whether a function takes a length, a shape or entries of a parameter."""
    for node in ast.walk(function):
        match node:
            case ast.Call(func=ast.Name(id="len"), args=[ast.Name(id=found)]) if found == name:
                return True
            case ast.Attribute(value=ast.Name(id=found), attr="shape" | "size") | ast.Subscript(value=ast.Name(id=found)) if found == name:
                return True
    return False

def is_room(value: object) -> bool:
    """Whether a value is zeros and no more: room for a gradient."""
    return isinstance(value, Array) and value.rank > 0 and value.view is None and value.body(value.shape) is x.ZERO

def chain(scope: Scope | None) -> Iterator[Scope]:
    while scope is not None:
        yield scope
        scope = scope.parent

def aliases(*texts: str) -> dict[str, str]:
    """`# check: alias dq = dQ ; Y = labels`: names by the names that they stand for."""
    pairs = [entry.partition("=") for text in texts for entry in declared(text, "alias")]
    found = {a.strip(): b.strip() for a, _, b in pairs}
    return found | {spelled(a): spelled(b) for a, b in found.items() if spelled(a) and spelled(b)}
