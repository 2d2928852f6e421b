"""Initialisers as a source of shapes: `W1 = torch.randn((V, E)) * 0.1` at the top of a file makes W1 an input.

An int that is used as a length there (`n_embd = 10`) becomes a size letter of its own name.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from fractions import Fraction

from derive import expr as x
from derive.errors import Problem
from derive.index import Size
from derive.readers.callables import RANDOM
from derive.readers.cells import loaded
from derive.readers.classes import BACKWARDS, FORWARDS
from derive.readers.convert import as_array, as_shape
from derive.readers.evaluate import evaluate
from derive.readers.inputs import Inputs, Source
from derive.readers.layers import KINDS, SIZED, ClassOf, Layer, labelled
from derive.readers.objects import with_inputs
from derive.readers.run import Run
from derive.readers.shapes import Declared
from derive.readers.values import Array, Function, Instance, Opaque, Scope

MAKERS = {"zeros", "ones", "full", "empty", "eye"}
FILLING = ("append", "extend", "insert", "update", "setdefault")
PASSES = {*FORWARDS, *BACKWARDS}
INTEGERS = {"randint", "integers", "choice", "permutation", "randperm", "multinomial"}


def _called(node: ast.AST) -> str:
    func = node.func if isinstance(node, ast.Call) else None
    return func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")


def is_initialiser(node: ast.stmt) -> bool:
    """Whether a statement draws or fills an array for a name."""
    return isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None and _fills(node.value)


def _fills(value: ast.expr) -> bool:
    """Whether an expression draws or fills an array."""
    draws = any(_called(n) in RANDOM - {"dropout", "shuffle"} for n in ast.walk(value))
    return draws or _called(value) in MAKERS


def length_names(tree: ast.AST) -> set[str]:
    """Names that stand in the arguments of initialisers: lengths."""
    found: set[str] = set()
    for n in ast.walk(tree):
        if _called(n) in RANDOM | MAKERS | SIZED:
            parts = [*n.args, *(k.value for k in n.keywords if k.arg in ("size", "shape"))]
            every = [m for a in parts for m in ast.walk(a)]
            arrays = {m.value.id for m in every if isinstance(m, ast.Attribute) and m.attr == "shape" and isinstance(m.value, ast.Name)}
            found |= {m.id for m in every if isinstance(m, ast.Name)} - arrays
    return found


def separated(tree: ast.Module) -> ast.Module:
    """The tree with `V, E = 27, 10` at its top, and two draws in one line, as assignments one by one."""
    plain = [n for node in tree.body for n in _one_by_one(node, lambda v: isinstance(v, ast.Constant) or _fills(v))]
    return ast.copy_location(ast.Module(plain, tree.type_ignores), tree)


def _one_by_one(node: ast.stmt, fits: Callable[[ast.expr], bool]) -> list[ast.stmt]:
    """`a, b = x, y` as two assignments, where all values fit."""
    targets = node.targets[0].elts if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple) else []
    values = node.value.elts if targets and isinstance(node.value, ast.Tuple) else []
    if not targets or len(targets) != len(values) or not all(map(fits, values)):
        return [node]
    pairs = zip(targets, values, strict=True)
    return [ast.copy_location(ast.Assign([t], v, lineno=node.lineno), node) for t, v in pairs]


def numbers_of(tree: ast.Module) -> set[int]:
    """The integers that stand in a source outside its initialisers and the constructors of its layers."""
    found: set[int] = set()
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Constant) and type(node.value) is int:
            found.add(node.value)
        fills = isinstance(node, ast.stmt) and is_initialiser(node) and not _changed_later(tree, _target(node))
        if not fills and _called(node) not in KINDS:
            stack += ast.iter_child_nodes(node)
    return found


def _target(node: ast.stmt) -> str:
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    return getattr(target, "id", "")


def shapes_of_draws(run: Run) -> Callable:
    """What a random draw is while shapes are looked for: an array of its shape."""

    def draw(name: str, args: list, keywords: dict) -> Array:
        if name.endswith("_like"):
            shape = as_array(run, args[0]).shape
        else:
            given = keywords.get("size", keywords.get("shape"))
            if given is None:
                tuples = [a for a in args if isinstance(a, (tuple, list))]
                plain = name in ("randn", "rand", "random", "standard_normal", "random_sample")
                given = tuples[-1] if tuples else tuple(args) if plain else args[2:] if len(args) > 2 else ()
            shape = tuple(Size.of(n) for n in as_shape(run, given))
        sort = "int" if name in INTEGERS else "real"
        return Array(shape, lambda slots: x.Entry("?", slots), sort)

    return draw


def constants(run: Run, source: Source, inputs: Inputs, module: Scope) -> None:
    """The assignments at the top of a file: constants are bound, arrays declare shapes."""
    lengths = length_names(source.tree)
    loaded = {n.id for n in ast.walk(source.function) if isinstance(n, ast.Name)} if source.function else set()
    for node in source.tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            value = initial_value(run, node, name, lengths, inputs)
            if isinstance(value, Array):
                _declare(run, inputs, name, value)
                if name in loaded and name not in inputs.parameters:
                    module[name] = inputs.value_of(run, name, (name,), inputs.sample_of(name))
            elif value is not None:
                module[name] = value
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
            module.update(_lengths_of_data(run, source, node))
    _declared_elsewhere(run, source, inputs, module)


def _lengths_of_data(run: Run, source: Source, node: ast.Assign) -> dict[str, Size]:
    """`m, n = data.shape` of data that is not read here: lengths of their own names, where a function uses them."""
    functions = [f for f in source.tree.body if isinstance(f, ast.FunctionDef)]
    used = {n.id for f in functions for n in ast.walk(f) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    shape = isinstance(node.value, ast.Attribute) and node.value.attr == "shape"
    names = [t.id for t in node.targets[0].elts if isinstance(t, ast.Name)] if shape else []
    return {n: run.knowledge.settled(Size.of(n)) for n in names if n in used and n != "_"}


def _declared_elsewhere(run: Run, source: Source, inputs: Inputs, module: Scope) -> None:
    """Names that the function reads, nothing in this file sets and a declaration gives a shape: arrays of the module."""
    if source.function is None:
        return
    nodes = list(ast.walk(source.tree))
    known = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    known |= {n.arg for n in nodes if isinstance(n, ast.arg)} | module.keys()
    read = {n.id for n in ast.walk(source.function) if isinstance(n, ast.Name)}
    for name in sorted((read & inputs.declared.keys()) - known):
        module[name] = inputs.value_of(run, name, (name,), inputs.sample_of(name))


def initial_value(run: Run, node: ast.Assign, name: str, lengths: set[str], inputs: Inputs) -> object:
    """What an assignment at the top of a file tells: an array's shape, a length, or a constant; None for nothing."""
    saved, run.random = run.random, shapes_of_draws(run)
    count = len(run.equations)
    try:
        value = evaluate(run, node.value)
    except Problem:
        value = None
    finally:
        run.random = saved
        del run.equations[count:]
    if name in lengths and (value is None or isinstance(value, int)) and not isinstance(value, bool):
        if isinstance(value, int):
            run.knowledge.lengths.setdefault(name, value)
        return run.knowledge.settled(Size.of(name))
    if isinstance(value, Array) and value.rank:
        return value
    plain = (int, Fraction, str, bool, Function, Size)
    if isinstance(value, plain) or isinstance(value, (tuple, list)) and all(isinstance(v, plain) for v in value):
        return value
    return None


def initialised(run: Run, source: Source, inputs: Inputs, module: Scope, node: ast.stmt) -> bool:
    """In a cell: whether a statement initialises an input (and then binds it)."""
    if not isinstance(node, ast.Assign) or len(node.targets) != 1 or not isinstance(node.targets[0], ast.Name):
        return False
    name = node.targets[0].id
    lengths = length_names(source.tree)
    if name in lengths and not is_initialiser(node):
        data_read = loaded(node.value, {}) & run.knowledge.data  # `vocab_size = len(itos)`
        value = run.knowledge.settled(Size.of(name)) if data_read else initial_value(run, node, name, lengths, inputs)
        if isinstance(value, Size):
            module[name] = value
            return True
        return False
    if not is_initialiser(node) or _changed_later(source.tree, name):
        return False
    value = initial_value(run, node, name, set(), inputs)
    if not isinstance(value, Array):
        return False
    _declare(run, inputs, name, value)
    module[name] = inputs.value_of(run, name, (name,), inputs.sample_of(name))
    return True


def of_functions(run: Run, source: Source, inputs: Inputs) -> None:
    """`def init_params(): W1 = np.random.randn(h, d) …; return W1, b1` declares the inputs of these names."""
    passes = [source.function, *(f for f in source.tree.body if getattr(f, "name", "").lower() in PASSES)]
    used = {n.id for f in passes if f is not None for n in ast.walk(f) if isinstance(n, ast.Name)}
    for node in source.tree.body:
        if isinstance(node, ast.FunctionDef) and node not in passes and node.name not in used:
            for name, value in _returned_draws(run, inputs, node).items():
                _declare(run, inputs, name, value)


def _returned_draws(run: Run, inputs: Inputs, node: ast.FunctionDef) -> dict[str, Array]:
    """The arrays that a function draws or fills and returns: by name, or by key of the dict that it returns."""
    last = node.body[-1].value if isinstance(node.body[-1], ast.Return) else None
    lengths = length_names(node)
    if last is None or not {a.arg for a in node.args.args} <= lengths | {"seed", "scale", "std", "eps"}:
        return {}
    scope = Scope("", run.scopes[0])
    scope.update({a.arg: run.knowledge.settled(Size.of(a.arg)) for a in node.args.args if a.arg in lengths})
    drawn: dict[str, Array] = {}
    run.scopes.append(scope)
    try:
        for part in (n for statement in node.body for n in _one_by_one(statement, lambda v: True)):
            name = _key(part)
            if name and is_initialiser(part) and isinstance(value := initial_value(run, part, name, lengths, inputs), Array):
                drawn[name] = scope[name] = value
            elif name in lengths and isinstance(getattr(part, "value", None), ast.Constant):
                scope[name] = initial_value(run, part, name, lengths, inputs)
    finally:
        run.scopes.pop()
    names = {n.id for n in ast.walk(last) if isinstance(n, ast.Name)}
    held = [n.value for n in node.body if _key(n) in names and isinstance(getattr(n, "value", None), ast.Dict)]
    found = {n: drawn[n] for n in names & drawn.keys() if not _changed_later(node, n)}
    for entries in (d for d in (last, *held) if isinstance(d, ast.Dict)):  # `parameters = {"W1": W1, …}`
        pairs = zip(entries.keys, entries.values, strict=True)
        found |= {k.value: drawn[v.id] for k, v in pairs if isinstance(k, ast.Constant) and getattr(v, "id", "") in drawn}
    stored = {_key(n) for n in node.body if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Subscript)
              and getattr(n.targets[0].value, "id", "") in names}  # fmt: skip
    return found | {n: drawn[n] for n in stored & drawn.keys()}


def _key(node: ast.stmt) -> str:
    """The name, or the key of the dict, to which a statement assigns."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.Assign(targets=[ast.Subscript(slice=ast.Constant(value=str() as name))]):
            return name
    return ""


def _declare(run: Run, inputs: Inputs, name: str, value: Array) -> None:
    """The shape that an initialiser gives, unless it was declared."""
    if name not in inputs.declared:
        inputs.declared[name] = Declared(inputs.general(run, name, value.shape), value.sort)


def _changed_later(tree: ast.AST, name: str) -> bool:
    """Whether a name is stored into: then it is a buffer of the computation."""
    for n in ast.walk(tree):
        target = n.value if isinstance(n, ast.Subscript) and isinstance(n.ctx, ast.Store) else None
        target = n.target if isinstance(n, ast.AugAssign) else target
        if isinstance(target, ast.Name) and target.id == name:
            return True
    return False


def of_object(run: Run, source: Source, inputs: Inputs, attributes: Scope) -> None:
    """`self.W = np.random.randn(d, h)` in __init__ declares the input W; `self.stride = 1` is a constant."""
    init = source.methods.get("__init__")
    if init is None:
        return
    scope = Scope("", run.scopes[0])
    lengths = length_names(init) | _passed_on(init, run.scopes[0])
    scope["self"] = Instance(attributes, source.methods)
    for arg in (*init.args.args[1:], *init.args.kwonlyargs):
        name = arg.arg
        if (settings := _settings(run, init, name)) is not None:
            scope[name] = settings
        elif name in lengths:
            scope[name] = run.knowledge.settled(Size.of(name))
        elif name in inputs.declared or name in inputs.sample:
            scope[name] = inputs.value_of(run, name, (name,), inputs.sample_of(name))
        else:
            scope[name] = _default(init, name)
    run.scopes.append(scope)
    objects = _holding_objects(run, init)
    try:
        for node in (n for statement in init.body for n in _one_by_one(statement, lambda v: True)):
            _attribute(run, inputs, scope, attributes, node, objects)
        attributes.update(_unset(source, init))
        for name in _filled_elsewhere(source.methods, init):
            attributes.pop(name, None)
        attributes.update(_to_be_filled(source.methods))
    finally:
        run.scopes.pop()


def _to_be_filled(owned: dict[str, ast.FunctionDef]) -> dict[str, dict]:
    """`self.cache = {}`, into which nothing but the two passes stores, and they by key."""
    methods = {name: [n for n in ast.walk(m) if isinstance(n, ast.Attribute) and getattr(n.value, "id", "") == "self"]
               for name, m in owned.items()}  # fmt: skip
    passes = [n for name, m in owned.items() if name in PASSES for n in ast.walk(m)]
    stored = {n.value.attr for n in passes if isinstance(n, ast.Subscript) and isinstance(n.ctx, ast.Store)
              and isinstance(n.value, ast.Attribute)}  # fmt: skip
    others = [n.attr for name, found in methods.items() if name not in PASSES for n in found]
    made = {n.targets[0].attr for n in owned["__init__"].body if isinstance(n, ast.Assign) and isinstance(n.value, ast.Dict)
            and not n.value.keys and isinstance(n.targets[0], ast.Attribute)}  # fmt: skip
    return {name: {} for name in made & stored if others.count(name) == 1}


def _settings(run: Run, init: ast.FunctionDef, name: str) -> Instance | None:
    """A constructor's `config`, known by what is read of it: lengths are letters of their own, the rest is opaque."""
    parts = [n for n in ast.walk(init) if isinstance(n, ast.Attribute) and getattr(n.value, "id", "") == name]
    read = dict.fromkeys(n.attr for n in parts)
    if not read or "shape" in read:  # an array
        return None
    plain = {m.attr for n in ast.walk(init) for m in _unsized(n) if isinstance(m, ast.Attribute)}
    held: dict = {attr: Opaque(f"{name}.{attr}") if attr in plain else run.knowledge.settled(Size.of(attr)) for attr in read}
    found = Instance(Scope(name), {})
    found.attributes.update(held)
    return found


def _unsized(node: ast.AST) -> list[ast.expr]:
    """What a call takes that is no length: the rate of a dropout, `bias=…`, `eps=…`."""
    if not isinstance(node, ast.Call):
        return []
    rates = node.args if _called(node) == "Dropout" else []
    return [*rates, *(k.value for k in node.keywords if k.arg in ("bias", "eps", "p", "dropout", "device", "dtype"))]


def _default(init: ast.FunctionDef, name: str) -> object:
    """The plain value that a constructor's parameter has when it is not given; None for none."""
    spec = init.args
    positional = zip([a.arg for a in spec.args][::-1], spec.defaults[::-1], strict=False)
    found = {**dict(positional), **{a.arg: d for a, d in zip(spec.kwonlyargs, spec.kw_defaults, strict=True)}}.get(name)
    value = found.value if isinstance(found, ast.Constant) else None
    return Fraction(str(value)) if isinstance(value, float) else value


def _passed_on(init: ast.FunctionDef, module: Scope) -> set[str]:
    """Names that a constructor hands to a class of the source as lengths: `self.first = Lora(d, r)`."""
    found: set[str] = set()
    for n in ast.walk(init):
        cls = module.get(_called(n)) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) else None
        inner = cls.methods.get("__init__") if isinstance(cls, ClassOf) else None
        if inner is not None:
            lengths = length_names(inner) | (_passed_on(inner, module) if inner is not init else set())
            names = [a.arg for a in inner.args.args[1:]]
            pairs = [*zip(names, n.args, strict=False), *((k.arg, k.value) for k in n.keywords)]
            found |= {m.id for name, v in pairs if name in lengths for m in ast.walk(v) if isinstance(m, ast.Name)}
    return found


def _appended(node: ast.AST) -> tuple[str, ast.expr] | None:
    """(layers, value) of `self.layers.append(value)`."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Attribute(value=ast.Name(id="self"), attr=name), attr="append"), args=[value]):
            return name, value
    return None


def _filled_elsewhere(methods: dict[str, ast.FunctionDef], init: ast.FunctionDef) -> set[str]:
    """The lists and dicts of an object that loops of its constructor, or methods that no pass calls, fill: not known."""
    called = {n.attr for name, m in methods.items() if name in PASSES for n in ast.walk(m) if isinstance(n, ast.Attribute)}
    top = [n for n in init.body if not (isinstance(n, ast.Expr) and _appended(n.value) or isinstance(n, (ast.Assign, ast.AnnAssign)))]
    nodes = [*top, *(m for name, m in methods.items() if name not in PASSES and name != "__init__" and name not in called)]
    found = set()
    for node in (n for top in nodes for n in ast.walk(top)):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Attribute(value=ast.Name(id="self"), attr=name), attr=word)) if word in FILLING:
                found.add(name)
            case ast.AugAssign(target=ast.Attribute(value=ast.Name(id="self"), attr=name), value=ast.List() | ast.ListComp()):
                found.add(name)
            case ast.Subscript(value=ast.Attribute(value=ast.Name(id="self"), attr=name), ctx=ast.Store()):
                found.add(name)
    return found


def _unset(source: Source, init: ast.FunctionDef) -> dict[str, None]:
    """`self.mean = None`, or a parameter that is None by default, where the pass sets it: None in the first call."""
    stored = {n.attr for n in ast.walk(source.function) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)}
    spec = init.args
    pairs = [*zip(spec.args[::-1], spec.defaults[::-1], strict=False), *zip(spec.kwonlyargs, spec.kw_defaults, strict=True)]
    empty = {a.arg for a, d in pairs if isinstance(d, ast.Constant) and d.value is None}
    found = {}
    for node in init.body:
        match node:
            case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)], value=value) if name in stored:
                none = isinstance(value, ast.Constant) and value.value is None
                if none or isinstance(value, ast.Name) and value.id in empty:
                    found[name] = None
    return found


def _holding_objects(run: Run, init: ast.FunctionDef) -> set[str]:
    """The attributes into which a constructor stores objects by key."""
    return {n.targets[0].value.attr for n in init.body
            if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Subscript) and isinstance(n.targets[0].value, ast.Attribute)
            and isinstance(run.scopes[0].get(_called(n.value)), ClassOf)}  # fmt: skip


def _is_empty(value: ast.expr) -> bool:
    """`{}`, `dict()`, `OrderedDict()`."""
    made = _called(value) in ("dict", "OrderedDict") and not value.args and not value.keywords
    return made or isinstance(value, ast.Dict) and not value.keys


def _attribute(run: Run, inputs: Inputs, scope: Scope, attributes: Scope, node: ast.stmt, objects: set[str]) -> None:
    if isinstance(node, ast.Expr) and _called(node.value) == "register_buffer" and len(node.value.args) > 1:
        return _buffer(run, attributes, node.value)
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        node = ast.copy_location(ast.Assign([node.target], node.value), node)
    if isinstance(node, ast.Expr) and (appended := _appended(node.value)) is not None:
        return _one_more(run, attributes, *appended)
    if not isinstance(node, ast.Assign):
        return
    target = node.targets[0]
    if isinstance(target, ast.Subscript):
        return _entry(run, inputs, attributes, target, node.value)
    if not isinstance(target, (ast.Attribute, ast.Name)):
        return
    value = initial_value(run, node, "", set(), inputs)
    if isinstance(node.value, ast.Name) and isinstance(scope.get(node.value.id), Array):
        attributes[target.attr if isinstance(target, ast.Attribute) else target.id] = scope[node.value.id]
    elif isinstance(target, ast.Name):
        scope[target.id] = value
    elif isinstance(node.value, ast.Dict) and any(map(_fills, node.value.values)):
        _drawn(run, inputs, attributes, node)
    elif target.attr in objects and _is_empty(node.value):
        attributes[target.attr] = {}
    elif value is None:
        _made(run, target.attr, attributes, node.value)
    elif isinstance(value, Array):
        _declare(run, inputs, target.attr, value)
    elif value is not None:
        attributes[target.attr] = value


def _drawn(run: Run, inputs: Inputs, attributes: Scope, node: ast.Assign) -> None:
    """`self.params = {"W": np.random.randn(d, h), …}` declares the inputs of the dict."""
    for key, value in zip(node.value.keys, node.value.values, strict=True):
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            found = initial_value(run, ast.copy_location(ast.Assign([], value), value), "", set(), inputs)
            if isinstance(found, Array):
                _declare(run, inputs, key.value, found)


def _buffer(run: Run, attributes: Scope, node: ast.Call) -> None:
    """`self.register_buffer("tril", torch.tril(…))`: a constant array of the object."""
    name = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
    count = len(run.equations)
    try:
        value = evaluate(run, node.args[1])
    except Problem:
        return
    finally:
        del run.equations[count:]
    if isinstance(name, str) and isinstance(value, Array):
        attributes[name] = value


def _made(run: Run, name: str, attributes: Scope, value: ast.expr, key: str | int | None = None) -> None:
    """`self.relu = Relu()`, `self.fc = nn.Linear(d, h)`, `self.params = {"W": W}`, `self.layers["fc"] = Linear(d, h)`."""
    saved, run.random = run.random, shapes_of_draws(run)
    count = len(run.equations)
    try:
        found = evaluate(run, value)
        parts = [p for p in _parts(found)]
        if parts and all(isinstance(v, (Array, Instance, Layer, ClassOf)) for v in parts):
            path = (name,) if key is None else (name, str(key))
            labelled(found, path)
            found = with_inputs(run, found, path)
            if key is None:
                attributes[name] = found
            elif isinstance(key, int):
                attributes[name] = [*attributes[name], found]
            else:
                attributes[name][key] = found
    except Problem:
        return
    finally:
        run.random = saved
        del run.equations[count:]


def _one_more(run: Run, attributes: Scope, name: str, value: ast.expr) -> None:
    """`self.layers.append(Linear(d, h))`; where the value is not known, neither is the list."""
    held = attributes.get(name)
    if not isinstance(held, list):
        return
    _made(run, name, attributes, value, len(held))
    if len(held) == len(attributes[name]) and attributes[name] is held:
        attributes.pop(name)


def _parts(value: object) -> Iterator[object]:
    """What lists and dicts hold, in whatever depth."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else None
    if inner is None:
        yield value
    for part in inner or ():
        yield from _parts(part)


def _entry(run: Run, inputs: Inputs, attributes: Scope, target: ast.Subscript, value: ast.expr) -> None:
    """`self.params["W"] = np.random.randn(d, h)` declares an input; `self.layers["fc"] = Linear(d, h)` makes an object."""
    match target:
        case ast.Subscript(value=ast.Attribute(value=ast.Name(id="self"), attr=name), slice=ast.Constant(value=str() as key)):
            if isinstance(attributes.get(name), dict):
                return _made(run, name, attributes, value, key)
            found = initial_value(run, ast.copy_location(ast.Assign([], value), value), "", set(), inputs)
            if isinstance(found, Array):
                _declare(run, inputs, key, found)


__all__ = ["INTEGERS", "constants", "initialised", "is_initialiser", "numbers_of", "of_object", "separated", "shapes_of_draws"]
