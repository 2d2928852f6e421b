"""Reading statements: assignments, stores, branches on static values, loops, inlined functions."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, replace

from derive import expr as x
from derive.errors import Problem, UnknownName
from derive.index import Index, Size
from derive.readers.arrays import aligned, broadcast_shape
from derive.readers.branches import branch, refuse_changes, under_guard, without_continue
from derive.readers.builtins import key_of
from derive.readers.convert import as_array, iterated, rows_array, unpacked_shape
from derive.readers.evaluate import default_nodes, defaults_of, evaluate, subscript_value
from derive.readers.indexing import mutate, read, store
from derive.readers.layers import Layer, labelled
from derive.readers.loops import symbolic_loop
from derive.readers.operators import BINARY, combine
from derive.readers.rounds import keyed_item, moving_key, store_keyed
from derive.readers.run import Run, whole_view
from derive.readers.shapes import axes_text
from derive.readers.trails import store_trail, trail_of
from derive.readers.values import (
    Array,
    Buffer,
    ByName,
    Function,
    Instance,
    Masked,
    Method,
    Opaque,
    Pair,
    Parameter,
    Rows,
    Scope,
    Shape,
    ShapeOf,
    kind,
)


@dataclass(frozen=True)
class Returned:
    """A return statement was reached."""

    value: object
    node: ast.Return


class _Jump:
    """break or continue was reached."""

    def __init__(self, word: str):
        self.word = word


def execute(run: Run, body: list[ast.stmt]) -> Returned | _Jump | None:
    """Read statements in order; return early at a return."""
    for node in body:
        before = run.node, run.statement
        run.node = run.statement = node
        try:
            outcome = _statement(run, node)
        except Problem as problem:
            raise problem.at(run.span(node), run.path) from None
        finally:
            run.node, run.statement = before
        if outcome is not None:
            return outcome
    return None


def _statement(run: Run, node: ast.stmt) -> Returned | _Jump | None:
    run.spend()
    name = type(node).__name__
    if name in _SKIPPED:
        return None
    reader = _READERS.get(name)
    if reader is None:
        raise run.unsupported(f"the statement `{_WORDS.get(name, name.lower())}`", "it has no meaning as an equation",
                              "keep assignments, loops over ranges, and branches on static values", node)  # fmt: skip
    return reader(run, under_guard(run, node) if run.guards else node)


_SKIPPED = {"Pass", "Import", "ImportFrom", "Global", "Nonlocal", "Delete"}
_WORDS = {"Try": "try", "While": "while", "Raise": "raise", "AsyncFor": "async for", "Match": "match"}

# ---------------------------------------------------------------- assignment


def _assign(run: Run, node: ast.Assign) -> None:
    first = node.targets[0]
    run.target_name = first.id if isinstance(first, ast.Name) else ""
    value = evaluate(run, node.value)
    for target in node.targets:
        assign(run, target, value)
        if isinstance(target, ast.Name) and isinstance(value, Array) and value.rank:
            value = run.scopes[-1][target.id]  # `da = dz = …`: one array under two names
    run.after_line(node, first)


def _annotated(run: Run, node: ast.AnnAssign) -> None:
    if node.value is not None:
        assign(run, node.target, evaluate(run, node.value))


def assign(run: Run, target: ast.expr, value: object, quiet: bool = False) -> None:
    """Bind a value to a target; `quiet`: without an equation (loop variables and elements)."""
    match target:
        case ast.Name(id=name):
            bind(run, run.scopes[-1], name, value, quiet)
        case ast.Tuple(elts=elts) | ast.List(elts=elts):
            _unpack(run, elts, value, quiet)
        case ast.Subscript():
            _store(run, target, "", value)
        case ast.Attribute():
            _set_attribute(run, target, value)
        case _:
            raise run.unsupported("this target of an assignment", hint="assign to a name", node=target)


def bind(run: Run, scope: Scope, name: str, value: object, quiet: bool = False) -> None:
    """Give a name a value; arrays get an equation of that name."""
    scope.born[name] = tuple(run.loops)
    if isinstance(value, Masked):
        raise run.unsupported("the entries of a[mask] under a name", "their number depends on the data",
                              "use np.where(mask, a, 0)")  # fmt: skip
    if isinstance(value, Size):
        run.named_size(name, value)
    if isinstance(value, Layer):
        labelled(value, (name,))
    if isinstance(value, list):
        run.lists.setdefault(id(value), tuple(run.loops))
        run.kept.append(value)
    if quiet or not isinstance(value, Array) or _is_place(value) or _is_input(run, name, value):
        scope[name] = value
        return
    run.target_name = name
    scope[name] = run.store(name, run.current(value), scope.helper)


def _is_place(a: Array) -> bool:
    """Whether an integer scalar is a loop variable or arithmetic of such: no array of its own."""
    if a.rank or a.sort != "int":
        return False
    slot = x.as_slot(a.body(()))
    return slot is not None and not any(isinstance(s, (x.Entry, x.ArgBest)) for s in x.walk(slot))


def _is_input(run: Run, name: str, a: Array) -> bool:
    """`W1 = params['W1']`: the input itself, under its own name."""
    if a.view is None or a.view.buffer.anchor != name or name not in run.inputs or run.inputs[name].shape != a.shape:
        return False
    slots = run.fresh(a.shape)
    e = a.body(slots)
    return (
        isinstance(e, x.Entry)
        and e.name == name
        and all(s is i or i.size.number == 1 for s, i in zip(e.slots, slots, strict=True))
    )


def _unpack(run: Run, targets: list[ast.expr], value: object, quiet: bool) -> None:
    if isinstance(value, ByName):
        value = [_by_name(run, value, target) for target in targets]
    if isinstance(value, ShapeOf):
        unpacked_shape(run, value.parameter, len(targets))
    values = _unpacked(run, value, len(targets))
    star = next((k for k, t in enumerate(targets) if isinstance(t, ast.Starred)), None)
    if star is not None:
        tail = len(targets) - star - 1
        middle = values[star : len(values) - tail]
        values = [*values[:star], list(middle), *values[len(values) - tail :]]
        targets = [t.value if isinstance(t, ast.Starred) else t for t in targets]
    if len(values) != len(targets):
        raise run.mismatch(f"{len(values)} values for {len(targets)} names")
    for target, part in zip(targets, values, strict=True):
        assign(run, target, part, quiet or (isinstance(target, ast.Name) and target.id == "_"))


def _by_name(run: Run, owner: ByName, target: ast.expr) -> object:
    """`h, W = cache` of a container whose order is not known: each name takes the entry of that name."""
    if isinstance(target, (ast.Tuple, ast.List)):
        return owner
    name = getattr(target, "id", "")
    if name not in owner and not name.startswith("_"):
        raise run.problem(UnknownName, f"`{name}` is no name of the forward pass", "what was packed here goes by its name",
                          f"known: {', '.join(dict.keys(owner))}", target)  # fmt: skip
    return owner.get(name)


def _unpacked(run: Run, value: object, count: int) -> list:
    if isinstance(value, Pair):
        return [value.values, value.indices]
    if isinstance(value, Opaque):
        return [value] * count
    if isinstance(value, Array) and value.rank and value.shape[0].number is None:
        letter = value.shape[0].letter
        if letter in run.knowledge.generated:
            run.unify(value.shape[0], Size.of(count))
        raise run.mismatch(f"an array whose first axis has {value.shape[0]} entries for {count} names")
    if isinstance(value, Parameter):
        return [run.inner(value, k, run.span()) for k in range(count)]
    found = iterated(run, value)
    if isinstance(found, Rows):
        raise run.unsupported("unpacking an axis of unknown length")
    return found


def _set_attribute(run: Run, target: ast.Attribute, value: object) -> None:
    owner = evaluate(run, target.value)
    if isinstance(owner, Instance):
        value = run.store(target.attr, run.current(value), "self") if _needs_name(value) or _fills(value) else value
        owner.attributes[target.attr], owner.attributes.born[target.attr] = value, tuple(run.loops)
    elif not isinstance(owner, (Opaque, Array)) or isinstance(owner, Array) and target.attr in ("shape", "flat", "data", "real", "dtype"):
        raise run.unsupported(f"setting an attribute of {kind(owner)}", node=target)


def _needs_name(value: object) -> bool:
    return isinstance(value, Array) and not value.cheap and not _is_place(value)


def _fills(value: object) -> bool:
    """`np.zeros(n)`: an array of its own, which may be stored into."""
    return isinstance(value, Array) and value.rank > 0 and value.view is None


# ---------------------------------------------------------------- stores and augmented assignment


def _store(run: Run, target: ast.Subscript, op: str, value: object) -> None:
    owner, key = evaluate(run, target.value), subscript_value(run, target.slice)
    root = target.value.value if isinstance(target.value, ast.Subscript) else target.value
    if isinstance(root, ast.Name):
        run.target_name = root.id
    if isinstance(owner, (dict, list)):
        _store_item(run, owner, key, op, value)
        return
    followed = trail_of(run, owner)
    if followed is not None:
        store_trail(run, *followed, owner, key, op, value)
        return
    if isinstance(owner, Parameter):
        raise run.unsupported(f"a store into the parameter `{owner.name}` of unknown shape", node=target)
    if not isinstance(owner, Array):
        raise run.unsupported(f"a store into {kind(owner)}", node=target)
    if isinstance(value, Masked):
        if not (isinstance(key, Array) and same(run, key, value.mask)):
            raise run.unsupported("a[mask] = b[other mask]", "both sides need the same mask")
        value = value.array
    store(run, run.current(owner) if owner.view is None else owner, key, op, as_array(run, value))


def same(run: Run, a: Array, b: Array) -> bool:
    """Whether two arrays hold the same expression."""
    if a.shape != b.shape:
        return False
    slots = run.fresh(a.shape)
    return a.body(slots).key == b.body(slots).key


def _store_item(run: Run, owner: dict | list, key: object, op: str, value: object) -> None:
    slot = moving_key(run, key) if isinstance(owner, dict) else None
    if slot is not None:
        value = combine(run, op, keyed_item(run, owner, slot, run.target_name), value) if op else value
        if isinstance(value, Array) and (_needs_name(value) or value.rank and _entry_name(run, value) is None):
            value = run.store(run.target_name or "item", value)
        store_keyed(run, owner, slot, value, run.target_name)
        return
    place = key_of(run, key)
    try:
        old = owner[place] if op else None
        if op and _changed_in_place(run, old, op, value):
            return
        value = combine(run, op, old, value) if op else value
        if isinstance(value, Array) and _needs_name(value):
            value = run.store(place if isinstance(place, str) and place.isidentifier() else "item", value)
        owner[place] = value
    except (KeyError, IndexError, TypeError):
        raise run.unsupported("this place of a list or dict", "nothing stores it before this line") from None


def _read_again(target: ast.expr) -> ast.expr:
    """What an augmented assignment reads."""
    return ast.copy_location(ast.Name(target.id, ast.Load()), target) if isinstance(target, ast.Name) else target


def _augment(run: Run, node: ast.AugAssign) -> None:
    op = BINARY[type(node.op).__name__]
    value = evaluate(run, node.value)
    if isinstance(node.target, ast.Subscript):
        if op not in ("+", "-", "*", "/", "**"):
            raise run.unsupported(f"`{op}=` on a part of an array")
        _store(run, node.target, op, value)
        return
    old = evaluate(run, _read_again(node.target))
    run.target_name = node.target.id if isinstance(node.target, ast.Name) else ""
    if isinstance(old, list) and isinstance(value, list) and op == "+" and run.loops:
        for v in value:
            run.call(Method(old, "append"), [v], {})
        return
    if isinstance(old, Array) and isinstance(node.target, ast.Name):
        _augment_array(run, node.target.id, op, old, value)
    elif isinstance(node.target, ast.Attribute) and _changed_in_place(run, old, op, value):
        return
    elif isinstance(node.target, ast.Name) and _loops_since(run, node.target.id) and isinstance(value, (Array, Pair)):
        _accumulate(run, node.target.id, op, as_array(run, old), as_array(run, value))
    else:
        if isinstance(node.target, ast.Name) and _loops_since(run, node.target.id):
            raise run.recurrent()
        assign(run, node.target, combine(run, op, old, value))


def _loops_since(run: Run, name: str) -> list[Index]:
    born = run.scopes[-1].born.get(name, ())
    return [p for p in run.loops if p not in born]


def _accumulate(run: Run, name: str, op: str, old: Array, value: Array) -> None:
    """`total += f(i)` in a loop over i, where total was a number: the number plus the sum over i."""
    scope, since = run.scopes[-1], _loops_since(run, name)
    if op not in ("+", "-"):
        raise run.recurrent()

    def body(slots: tuple) -> x.Expr:
        e = x.total(aligned(value, shape)(slots), *since)
        start = aligned(old, shape)(slots)
        return start + e if op == "+" else start - e

    shape = broadcast_shape(run, old.shape, value.shape)
    run.check_carried(value.body(run.fresh(value.shape)))
    born = scope.born[name]
    array = run.store(name, Array(shape, body, "real"), scope.helper)
    array.view.buffer.born = born
    scope[name] = array
    scope.born[name] = born


def _augment_array(run: Run, name: str, op: str, old: Array, value: object) -> None:
    """`a += v` changes a's buffer, and with it every name that shares it."""
    value = as_array(run, value)
    if not old.rank and run.flavor == "numpy" and old.view is not None:
        old = run.scopes[-1][name] = _own_scalar(run, name, old)
    shape = broadcast_shape(run, old.shape, value.shape)
    _keep_shape(run, f"{name} {op}= …", old, shape)
    if shape != old.shape or old.view is None or op not in ("+", "-", "*", "/", "**"):
        if _loops_since(run, name):
            raise run.recurrent()
        bind(run, run.scopes[-1], name, as_array(run, combine(run, op, old, value)).detached())
        return
    if [p for p in run.loops if p not in old.view.buffer.born]:
        store(run, old, tuple(slice(None) for _ in old.shape), op, value)
    else:
        mutate(run, old, as_array(run, combine(run, op, old.detached(), value)))


def _keep_shape(run: Run, update: str, old: Array, shape: Shape) -> None:
    """An update in place cannot widen its array: NumPy and torch raise there."""
    if old.rank and shape != old.shape:
        was, wide = (axes_text(tuple(map(run.knowledge.settled, s))) for s in (old.shape, shape))
        raise run.mismatch(f"`{update}` would make {wide} of the shape {was}", "an array keeps its shape when it is changed in place",
                           "make a new array: a = a * b")  # fmt: skip


def _own_scalar(run: Run, name: str, old: Array) -> Array:
    """A number that NumPy took out of an array: an update changes the name and not the array."""
    buffer, e, born = old.view.buffer, old.body(()), run.scopes[-1].born.get(name, ())
    own = isinstance(e, x.Entry) and all(s in run.loops for s in e.slots)
    if buffer.shape and not own:
        old = run.store(name, old.detached())
        old.view.buffer.born = born
        return old
    loops = tuple(e.slots) if buffer.shape else buffer.loops
    local = Buffer(e.name if own else buffer.anchor, (), old.sort, set(buffer.versions), loops,
                   born if buffer.shape else buffer.born)  # fmt: skip
    return replace(old, view=whole_view(local))


def _changed_in_place(run: Run, old: object, op: str, value: object) -> bool:
    """`self.dW += v`, `grads["W"] += v`: done in the array's own storage, so that all who share it see it."""
    if not isinstance(old, Array) or not old.rank or op not in ("+", "-", "*", "/", "**"):
        return False
    old, value = run.current(old), as_array(run, value)
    _keep_shape(run, f"… {op}= …", old, broadcast_shape(run, old.shape, value.shape))
    if old.view is None:
        return False
    moving = [p for p in run.loops if p not in old.view.buffer.born]
    if moving and op not in ("+", "-"):
        return False
    if moving:
        store(run, old, tuple(slice(None) for _ in old.shape), op, value)
    else:
        mutate(run, old, as_array(run, combine(run, op, old.detached(), value)))
    return True


def _entry_name(run: Run, a: Array) -> str | None:
    e = a.body(run.fresh(a.shape))
    return e.name if isinstance(e, x.Entry) else None


# ---------------------------------------------------------------- control flow


def _if(run: Run, node: ast.If) -> Returned | _Jump | None:
    return branch(run, node, execute)


def _with(run: Run, node: ast.With) -> Returned | _Jump | None:
    words = {getattr(n, "attr", getattr(n, "id", "")) for item in node.items for n in ast.walk(item.context_expr)}
    count = len(run.equations)
    outcome = execute(run, node.body)
    if words & {"no_grad", "inference_mode"}:
        run.cut |= {e.name: node for e in run.equations[count:]}
        if isinstance(outcome, Returned):
            raise _cut(run, node)
    return outcome


def _cut(run: Run, node: ast.AST) -> Problem:
    """The problem of a result that rests on what torch does not differentiate."""
    return run.unsupported("a result that rests on `torch.no_grad()`",
                           "torch cuts the path there, so its derivative would not be the function's",
                           "leave it out; it may stay around what no output uses", node)  # fmt: skip


def refuse_cut(run: Run, outputs: list[str]) -> None:
    """Raise where an output rests on an equation made under torch.no_grad()."""
    made = {e.name: e for e in run.equations}
    pending, seen = list(outputs), set()
    while pending:
        name = pending.pop()
        if name in run.cut:
            raise _cut(run, run.cut[name])
        if name in made and name not in seen:
            seen.add(name)
            pending += made[name].rhs.names


def _return(run: Run, node: ast.Return) -> Returned:
    if run.loops and run.loops != run.outer_loops:
        raise run.unsupported("a return inside a loop of unknown length")
    run.target_name = ""
    return Returned(None if node.value is None else evaluate(run, node.value), node)


def _expression(run: Run, node: ast.Expr) -> None:
    if isinstance(node.value, ast.Constant):
        return
    evaluate(run, node.value)


def _assert(run: Run, node: ast.Assert) -> None:
    """An assertion about shapes is knowledge; any other one is skipped."""
    test = node.test
    shapes = isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq)
    if not shapes or "shape" not in ast.dump(test):
        return
    try:
        left, right = evaluate(run, test.left), evaluate(run, test.comparators[0])
    except Problem:
        return
    pairs = zip(left, right, strict=False) if isinstance(left, tuple) and isinstance(right, tuple) else [(left, right)]
    for a, b in pairs:
        if isinstance(a, (int, Size)) and isinstance(b, (int, Size)):
            run.unify(Size.of(a), Size.of(b), "the asserted sizes")


def _define(run: Run, node: ast.FunctionDef) -> None:
    run.scopes[-1][node.name] = Function(node.name, node, run.scopes[-1], defaults=defaults_of(run, node.args))


def _class(run: Run, node: ast.ClassDef) -> None:
    run.scopes[-1][node.name] = Opaque(f"the class {node.name}")


def _for(run: Run, node: ast.For) -> Returned | _Jump | None:
    found = iterated(run, evaluate(run, node.iter))
    body = without_continue(node.body)
    if isinstance(found, Rows):
        symbolic_loop(run, node, body, found, execute)
        return execute(run, node.orelse)
    for value in found:
        assign(run, node.target, value, quiet=True)
        outcome = execute(run, body)
        if isinstance(outcome, Returned):
            return outcome
        if isinstance(outcome, _Jump) and outcome.word == "break":
            return None
    return execute(run, node.orelse)


_READERS: dict[str, Callable] = {
    "Assign": _assign, "AnnAssign": _annotated, "AugAssign": _augment, "If": _if, "With": _with, "Return": _return,
    "Expr": _expression, "Assert": _assert, "FunctionDef": _define, "ClassDef": _class, "For": _for,
    "Break": lambda run, node: _Jump("break"), "Continue": lambda run, node: _Jump("continue"),
}  # fmt: skip

# ---------------------------------------------------------------- functions of the source

DEPTH = 30


def inline(run: Run, function: Function, args: list, keywords: dict) -> object:
    """The value of a call of a function of the source: its body is read in place."""
    outer = next((n for n in ast.walk(function.node) if isinstance(n, (ast.Global, ast.Nonlocal))), None)
    if outer is not None:
        raise run.unsupported(f"`{function.name}`, which binds `{outer.names[0]}` outside of itself",
                              "what it leaves behind there is not followed", "return the value instead")  # fmt: skip
    if run.depth >= DEPTH:
        raise run.unsupported(f"`{function.name}` calls itself", "calls are read in place, so recursion has no end",
                              "use a loop with a static number of rounds")  # fmt: skip
    scope = Scope(function.name, function.scope)
    _bind_arguments(run, function, scope, [*function.bound, *args], keywords)
    run.scopes.append(scope)
    run.depth += 1
    saved = run.helper, run.target_name, run.outer_loops, run.guards, run.computing
    if run.guards or run.computing:
        refuse_changes(run, function.node)
        run.guards, run.computing = [], True
    run.helper, run.outer_loops = function.name, list(run.loops)
    try:
        if isinstance(function.node, ast.Lambda):
            return evaluate(run, function.node.body)
        outcome = execute(run, function.node.body)
        return outcome.value if isinstance(outcome, Returned) else None
    finally:
        run.helper, run.target_name, run.outer_loops, run.guards, run.computing = saved
        run.depth -= 1
        run.scopes.pop()


def _bind_arguments(run: Run, function: Function, scope: Scope, args: list, keywords: dict) -> None:
    """Parameters get their arguments; one that is used twice and is more than an entry gets an equation."""
    spec = function.node.args
    names = [a.arg for a in (*spec.posonlyargs, *spec.args)]
    values = dict(zip(names, args, strict=False))
    if len(args) > len(names):
        if spec.vararg is None:
            raise run.mismatch(f"`{function.name}` takes {len(names)} values and gets {len(args)}")
        values[spec.vararg.arg] = tuple(args[len(names) :])
    elif spec.vararg is not None:
        values[spec.vararg.arg] = ()
    extra = {k: v for k, v in keywords.items() if k not in names and k not in [a.arg for a in spec.kwonlyargs]}
    if extra and spec.kwarg is None:
        raise run.mismatch(f"`{function.name}` has no parameter `{next(iter(extra))}`")
    values |= {k: v for k, v in keywords.items() if k not in extra}
    if spec.kwarg is not None:
        values[spec.kwarg.arg] = extra
    _defaults(run, function, spec, names, values)
    for name, value in values.items():
        scope[name] = _argument(run, function, name, value)
        scope.born[name] = tuple(run.loops)


def _defaults(run: Run, function: Function, spec: ast.arguments, names: list[str], values: dict) -> None:
    values |= {name: value for name, value in function.defaults if name not in values}
    missing = [(name, node) for name, node in default_nodes(spec) if name not in values]
    run.scopes.append(function.scope)
    try:
        values |= {name: evaluate(run, node) for name, node in missing}
    finally:
        run.scopes.pop()
    for name in [*names, *(a.arg for a in spec.kwonlyargs)]:
        if name not in values:
            raise run.mismatch(f"`{function.name}` needs a value for `{name}`")


def _argument(run: Run, function: Function, name: str, value: object) -> object:
    if isinstance(value, Rows):
        return value
    if not isinstance(value, Array) or value.cheap or _is_place(value):
        return value
    uses = sum(isinstance(n, ast.Name) and n.id == name for n in ast.walk(function.node))
    return run.store(name, value, function.name) if uses > 1 else value


__all__ = ["Returned", "assign", "bind", "execute", "inline", "read", "rows_array"]
