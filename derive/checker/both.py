"""Reading backward code: in the state that the forward pass leaves, statement by statement, never executed.

The backward file is read by the reader of forward passes, in one go with the forward pass, so that aliases,
versions and sizes are the same for both.  Each statement is a `Step`; one that cannot be read is kept with its
problem, what it would have set stands for the true gradient, and the reading goes on.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import count

from derive.checker.beginning import UPSTREAM, aliases, chain, is_room
from derive.checker.listed import Lists, forward_lists
from derive.checker.names import spelled
from derive.checker.reading import FUEL, INNER, Back, Reading, Snapshot, Step, flat, held, named_array
from derive.checker.recomputed import renamed_copies, with_recomputed
from derive.checker.returned import Returning
from derive.checker.statements import (
    copied_gradient,
    handed,
    one_by_one,
    stored_keys,
    updated,
    uses,
)
from derive.errors import Problem, Unsupported
from derive.index import Size
from derive.program import Equation, Program, Variable
from derive.readers.convert import iterated, truth
from derive.readers.evaluate import evaluate
from derive.readers.finish import finished
from derive.readers.initialise import numbers_of, separated
from derive.readers.inputs import Inputs, Source
from derive.readers.python import ROUNDS, chosen_function, parsed, read_round, renamed_sizes, shapes_missing, with_facts
from derive.readers.run import Knowledge, Run, without_quotients
from derive.readers.statements import Returned, assign, execute
from derive.readers.values import Array, Instance, Opaque, Restart, Rows

MOST_STEPS = 3000
_NUMBERS = (Array, int, Fraction, Size)


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

class _Reader(Returning):
    """One round over both passes: statement by statement."""

    # -- the state in which the backward code begins

    def read(self) -> None:
        run = self.run
        run.lines, run.path, run.notes, run.line_shapes, run.free_names = self.back.lines, self.back.path, {}, {}, None
        run.unify, run.integers = _strict(run), {}
        run.whatever = self._uninitialised
        scope = self._script() if self.back.function is None else self._function()
        self.start = self._named(scope)
        self.rooms |= {n for s in chain(scope) for n, v in flat(s).items() if spelled(n) and is_room(v)}
        self.start = {n: v for n, v in self.start.items() if n not in self.rooms}
        self.lists = Lists(forward_lists(run, scope))
        self._assume(scope)
        outcome = self._body(list(self.back.body))
        values = _arrays_in(outcome.value) if isinstance(outcome, Returned) else ()
        self.handed = [a for v in values if (a := held(run, v, "handed")) is not None]

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
            for scope in chain(self.run.scopes[-1]):
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
                          self.scalar_upstream, self.returned, aliases(self.back.text, self.source.text))  # fmt: skip
        made = tuple(reading.renamed(e) for e in made)
        reading.defaults, reading.supposed = self.inputs.numbers(), self.supposed
        kept = {n: v for n, v in renamed_copies(forward.equations).items()
                if not forward.uses(n) and n not in forward.outputs}  # fmt: skip  # `cache = x`
        reading.copies = kept | {n: kept.get(v, v) for n, v in renamed_copies(made).items()}
        reading.sizes = self._sizes()
        reading.lists, reading.handed = self.lists, tuple(map(reading.array, self.handed))
        reading.forward = with_recomputed(forward, made)
        reading.equations = tuple(e for e in made if e.name not in reading.forward)
        return reading


def _arrays_in(value: object) -> list[Array]:
    """The arrays in what is returned."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return [value] if isinstance(value, Array) and value.rank else [a for v in inner for a in _arrays_in(v)]


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

