"""Reading an expression of Python into a value: a number, a container, or an abstract array."""

from __future__ import annotations

import ast
from collections.abc import Callable
from fractions import Fraction

from derive import expr as x
from derive.errors import UnknownName
from derive.index import Size
from derive.readers import arrays as A
from derive.readers.builtins import key_of, spread
from derive.readers.callables import call_value
from derive.readers.calls import ROWS
from derive.readers.classes import decorated
from derive.readers.convert import as_array, guessed, iterated, rows_array, truth
from derive.readers.indexing import read
from derive.readers.operators import BINARY, STATIC, combine, compared, plain
from derive.readers.rounds import keyed_item, list_item, moving_key, past_item
from derive.readers.run import Run, fraction
from derive.readers.trails import look_behind, read_trail, trail_of
from derive.readers.values import (
    Array,
    Function,
    Instance,
    Method,
    Module,
    Opaque,
    Pair,
    Parameter,
    Range,
    Rows,
    Scope,
    ShapeOf,
    Unset,
    constant,
    kind,
)

MODULES = {"np": "numpy", "numpy": "numpy", "torch": "torch", "F": "torch.nn.functional", "nn": "torch.nn",
           "math": "math", "jnp": "numpy", "xp": "numpy", "cp": "numpy", "scipy": "scipy"}  # fmt: skip


BUILTINS = {"range", "len", "sum", "zip", "enumerate", "reversed", "float", "int", "abs", "max", "min", "list", "tuple",
            "print", "isinstance", "pow", "round", "bool", "str", "dict", "map", "sorted", "set", "type", "getattr",
            "hasattr", "any", "all", "super", "repr", "slice", "object"}  # fmt: skip


def evaluate(run: Run, node: ast.AST) -> object:
    """The value of an expression; problems point at the innermost node that has one."""
    run.spend()
    reader = _READERS.get(type(node).__name__)
    if reader is None:
        words = type(node).__name__.lower()
        raise run.unsupported(f"the expression `{words}`", "it is not part of the array language that is read",
                              "write it with NumPy or torch operations", node)  # fmt: skip
    before, run.node = run.node, node
    run.knowledge.last = node if hasattr(node, "lineno") else run.knowledge.last
    try:
        return reader(run, node)
    finally:
        run.node = before


def array_of(run: Run, node: ast.AST, rank: int = 0) -> Array:
    """The value of an expression as an array."""
    value = evaluate(run, node)
    before, run.node = run.node, node
    try:
        return guessed(run, value, rank) if isinstance(value, Parameter) else as_array(run, value)
    finally:
        run.node = before


# ---------------------------------------------------------------- names, constants, containers


def _constant(run: Run, node: ast.Constant) -> object:
    if isinstance(node.value, float):
        exact = fraction(node.value)
        return constant(x.Num(float("inf"))) if exact is None else exact
    if isinstance(node.value, (complex, bytes)):
        raise run.unsupported(f"the constant {node.value!r}", "numbers are real")
    return node.value


def lookup(run: Run, name: str) -> object:
    """The value bound to a name, inner scopes first; raises KeyError."""
    scope = run.scopes[-1]
    while scope is not None:
        if name in scope:
            return scope[name]
        scope = scope.parent
    if name in MODULES:
        return Module(MODULES[name])
    if name in BUILTINS:
        return Module(f"builtins.{name}")
    if name in ROWS and name not in run.spoken:
        return Module(f"{'torch' if run.flavor == 'torch' else 'numpy'}.{name}")
    raise KeyError(name)


def _name(run: Run, node: ast.Name) -> object:
    try:
        value = lookup(run, node.id)
    except KeyError:
        if run.free_names is not None:
            return run.free_names(node.id, run.span(node))
        known = ", ".join(n for n in run.scopes[-1] if not n.startswith("_"))
        raise run.problem(UnknownName, f"`{node.id}` is not defined here", "nothing assigns it before this line",
                          f"names in reach: {known}" if known else "") from None  # fmt: skip
    if isinstance(value, Unset):
        if value.loop:
            run.carry(value.loop, node.id)
        raise run.unsupported(f"`{node.id}`, which only some rounds set", f"the branch on line {value.line} depends on the data",
                              f"give it a value before the branch: {node.id} = 0")  # fmt: skip
    if run.rounds and node.id in run.scopes[-1] and not isinstance(value, (list, dict, tuple)):
        run.check_round(node.id)
    return run.current(value) if isinstance(value, Array) and value.view is not None and value.view.loose else value


def _tuple(run: Run, node: ast.Tuple) -> tuple:
    return tuple(_elements(run, node.elts))


def _list(run: Run, node: ast.List) -> list:
    """A display; a comprehension in it is one element (a list that a loop appended to holds `Rows` itself)."""
    return [rows_array(run, v) if isinstance(v, Rows) else v for v in _elements(run, node.elts)]


def _elements(run: Run, nodes: list[ast.expr]) -> list:
    values: list = []
    for node in nodes:
        if isinstance(node, ast.Starred):
            values += spread(run, evaluate(run, node.value))
        else:
            values.append(evaluate(run, node))
    return values


def _dict(run: Run, node: ast.Dict) -> dict:
    found: dict = {}
    for key, value in zip(node.keys, node.values, strict=True):
        if key is None:
            more = evaluate(run, value)
            found |= more if isinstance(more, dict) else {}
        else:
            found[key_of(run, evaluate(run, key))] = evaluate(run, value)
    return found


def _text(run: Run, node: ast.JoinedStr) -> str:
    """A formatted text: exact where its parts are texts and numbers (`params[f'W{i}']`)."""
    out = ""
    for part in node.values:
        value = part.value if isinstance(part, ast.Constant) else run.static(evaluate(run, part.value))
        out += str(value) if isinstance(value, (str, int, Size)) else "…"
    return out


# ---------------------------------------------------------------- operators


def _binary(run: Run, node: ast.BinOp) -> object:
    sign = BINARY[type(node.op).__name__]
    left, right = evaluate(run, node.left), evaluate(run, node.right)
    return combine(run, sign, left, right)


def _unary(run: Run, node: ast.UnaryOp) -> object:
    value = evaluate(run, node.operand)
    match type(node.op).__name__:
        case "Not":
            if isinstance(value, Array) and value.sort == "bool" and value.rank:
                raise run.unsupported("`not` of an array", hint="use ~mask or np.logical_not(mask)")
            return not truth(run, value)
        case "UAdd":
            return value
        case "USub":
            return -value if isinstance(value, STATIC) else A.elementwise(run, lambda u: -u, as_array(run, value))
    array = as_array(run, value)
    if array.sort == "int":
        raise run.unsupported("`~` of an integer array", hint="use a comparison: mask = x > 0; ~mask")
    return A.logical(run, x.negation, array)


def _compare(run: Run, node: ast.Compare) -> object:
    values = [evaluate(run, n) for n in (node.left, *node.comparators)]
    found = [compared(run, type(op).__name__, a, b) for op, a, b in zip(node.ops, values, values[1:], strict=False)]
    if len(found) == 1:
        return found[0]
    if all(isinstance(f, bool) for f in found):
        return all(found)
    result = as_array(run, found[0])
    for other in found[1:]:
        result = A.logical(run, x.both, result, as_array(run, other))
    return result


def _boolean(run: Run, node: ast.BoolOp) -> object:
    stop = isinstance(node.op, ast.Or)
    value: object = None
    for part in node.values:
        value = evaluate(run, part)
        if truth(run, value) == stop:
            return value
    return value


def _conditional(run: Run, node: ast.IfExp) -> object:
    test = run.static(evaluate(run, node.test))
    if isinstance(test, Array) and test.sort == "bool":
        return A.where(run, test, array_of(run, node.body), array_of(run, node.orelse))
    return evaluate(run, node.body if truth(run, test) else node.orelse)


# ---------------------------------------------------------------- attributes and subscripts


_CONSTANTS = {"pi": lambda: constant(x.Call("pi", ())), "inf": lambda: constant(x.Num(float("inf"))),
              "Inf": lambda: constant(x.Num(float("inf"))), "newaxis": lambda: None,
              "e": lambda: constant(x.Call("exp", (x.ONE,)))}  # fmt: skip


def _attribute(run: Run, node: ast.Attribute) -> object:
    owner = evaluate(run, node.value)
    name = node.attr
    match owner:
        case Module():
            return _CONSTANTS[name]() if name in _CONSTANTS else Module(f"{owner.path}.{name}")
        case Pair() if name in ("values", "indices"):
            return owner.values if name == "values" else owner.indices
        case Instance():
            return _member_of(run, owner, name)
        case Opaque():
            return Opaque(f"{owner.what}.{name}")
        case Parameter():
            if name == "shape":
                return ShapeOf(owner)
            if name in ("T", "mT", "ndim") or name == "size" and run.flavor == "numpy":
                return _array_attribute(run, guessed(run, owner, 2), name)
            return Method(owner, name)
        case Array() | Pair() | Rows():
            return _array_attribute(run, as_array(run, owner), name)
    return Method(owner, name)


def _array_attribute(run: Run, a: Array, name: str) -> object:
    match name:
        case "shape":
            return tuple(plain(n) for n in a.shape)
        case "T":
            return A.transposed(a, tuple(reversed(range(a.rank))))
        case "mT" | "H":
            return A.transposed(a, (*range(a.rank - 2), a.rank - 1, a.rank - 2))
        case "ndim":
            return a.rank
        case "data":
            return a
        case "dtype" | "device":
            return Module(f"numpy.{'int64' if a.sort == 'int' else 'float64'}")
        case "size" if run.flavor == "numpy":
            return plain(x.product_of(list(a.shape)))
    return Method(a, name)


def _member_of(run: Run, owner: Instance, name: str) -> object:
    if name in owner.attributes:
        value = owner.attributes[name]
        return run.current(value) if isinstance(value, Array) else value
    if name in owner.methods:
        method = owner.methods[name]
        bound = Function(name, method, run.scopes[0], () if decorated(method, "staticmethod") else (owner,))
        return run.inline(run, bound, [], {}) if decorated(method, "property") else bound
    if run.member is not None:
        return run.member(owner, name, run.span())
    raise run.problem(UnknownName, f"`self.{name}` is not set before this line")


def subscript_value(run: Run, node: ast.AST) -> object:
    """What stands between the brackets."""
    if isinstance(node, ast.Slice):
        return slice(*(None if part is None else evaluate(run, part) for part in (node.lower, node.upper, node.step)))
    if isinstance(node, ast.Tuple):
        return tuple(subscript_value(run, n) for n in node.elts)
    value = evaluate(run, node)
    return [as_array(run, v) if isinstance(v, (Rows, Pair)) else v for v in (value,)][0]


def _subscript(run: Run, node: ast.Subscript) -> object:
    owner = evaluate(run, node.value)
    key = subscript_value(run, node.slice)
    followed = trail_of(run, owner)
    if followed is not None:
        return read_trail(run, *followed, owner, key)
    look_behind(run, owner, key)
    match owner:
        case dict():
            slot = moving_key(run, key)
            if slot is not None:
                return keyed_item(run, owner, slot, node.value.id if isinstance(node.value, ast.Name) else "item")
            return _item(run, owner, key)
        case list() | tuple() | str():
            return _list_item(run, owner, key)
        case Pair() if key in (0, 1) and isinstance(key, int):
            return owner.indices if key else owner.values
        case Parameter():
            return _parameter_item(run, owner, key)
        case ShapeOf(parameter=parameter):
            place = run.static(key)
            guessed(run, parameter, max(2, place + 1) if isinstance(place, int) else 2)
        case Rows():
            return read(run, rows_array(run, owner), key)
        case Array() | Pair():
            return read(run, as_array(run, owner), key)
        case Opaque():
            return Opaque(f"a part of {owner.what}")
        case Range() if isinstance(run.static(key), int):
            return range(owner.start, owner.stop, owner.step)[key]
    if isinstance(owner, (int, Fraction, Size)):
        raise run.mismatch("a subscript of a number", "a number has no axes", "subscript an array: np.arange(n)[:, None]")
    raise run.unsupported(f"a subscript of {kind(owner)}")


def _item(run: Run, owner: dict, key: object) -> object:
    key = key_of(run, key)
    if key not in owner:
        past = past_item(run, owner, x.whole_slot(key)) if isinstance(key, (int, Size)) else None
        if past is not None:
            return past
        known = ", ".join(map(repr, owner))
        raise run.problem(UnknownName, f"there is no entry {key!r}", "nothing stores it before this line",
                          f"known: {known}" if known else "")  # fmt: skip
    value = owner[key]
    return run.current(value) if isinstance(value, Array) else value


def _list_item(run: Run, owner: list | tuple | str, key: object) -> object:
    for this in reversed(run.rounds):
        if id(owner) in this.lists and not isinstance(key, slice):
            slot = moving_key(run, key)
            return list_item(run, this, this.lists[id(owner)], run.static(key) if slot is None else slot)
    if isinstance(owner, list):
        run.refuse_growing(owner)
    if isinstance(owner, list) and any(isinstance(v, Rows) for v in owner):
        return read(run, as_array(run, owner), key)
    if isinstance(key, slice):
        parts = [run.static(k) if k is not None else None for k in (key.start, key.stop, key.step)]
        if all(p is None or isinstance(p, int) for p in parts):
            return owner[slice(*parts)]
    place = run.static(key)
    if isinstance(place, int) and -len(owner) <= place < len(owner):
        value = owner[place]
        return run.current(value) if isinstance(value, Array) else value
    if isinstance(place, int):
        raise run.mismatch(f"place {place} of a list of {len(owner)}")
    if isinstance(owner, (list, tuple)) and owner:
        return read(run, as_array(run, owner), key)
    raise run.unsupported(f"{kind(key)} as the place in a list")


def _parameter_item(run: Run, owner: Parameter, key: object) -> object:
    plain = run.static(key) if not isinstance(key, (slice, tuple)) else key
    if isinstance(plain, (str, int)) and run.inner is not None:
        return run.inner(owner, plain, run.span())
    rank = len(key) if isinstance(key, tuple) else 2 if isinstance(key, Array) and key.rank else 1
    return read(run, guessed(run, owner, rank), key)


# ---------------------------------------------------------------- comprehensions and calls


def _comprehension(run: Run, node: ast.ListComp | ast.GeneratorExp) -> object:
    return _generated(run, node, list(node.generators))


def _generated(run: Run, node: ast.ListComp, generators: list[ast.comprehension]) -> object:
    if not generators:
        return evaluate(run, node.elt)
    first = generators[0]
    found = iterated(run, evaluate(run, first.iter))
    scope = Scope(run.scopes[-1].helper, run.scopes[-1])
    run.scopes.append(scope)
    try:
        if isinstance(found, Rows):
            if first.ifs or len(generators) > 1:
                raise run.unsupported("a comprehension with `if` or two `for` over an axis of unknown length",
                                      hint="nest two comprehensions, or use a mask")  # fmt: skip
            run.assign(run, first.target, found.element, quiet=True)
            return Rows(found.index, evaluate(run, node.elt))
        out: list = []
        for value in found:
            run.assign(run, first.target, value, quiet=True)
            if all(truth(run, evaluate(run, test)) for test in first.ifs):
                inner = _generated(run, node, generators[1:])
                out += inner if len(generators) > 1 else [inner]
        return out
    finally:
        run.scopes.pop()


def _dict_comprehension(run: Run, node: ast.DictComp) -> dict:
    pairs = ast.ListComp(ast.Tuple([node.key, node.value], ast.Load()), node.generators)
    found = _generated(run, pairs, list(node.generators))
    if isinstance(found, Rows):
        raise run.unsupported("a dict over an axis of unknown length")
    return {key_of(run, k): v for k, v in found}


def _lambda(run: Run, node: ast.Lambda) -> Function:
    return Function("lambda", node, run.scopes[-1], defaults=defaults_of(run, node.args))


def default_nodes(spec: ast.arguments) -> list[tuple[str, ast.expr]]:
    """The parameters that have a default, each with it."""
    names = [a.arg for a in (*spec.posonlyargs, *spec.args)]
    pairs = list(zip(names[len(names) - len(spec.defaults) :], spec.defaults, strict=True))
    return pairs + [(a.arg, d) for a, d in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if d is not None]


def defaults_of(run: Run, spec: ast.arguments) -> tuple[tuple[str, object], ...]:
    """The values of the defaults, here and now."""
    return tuple((name, evaluate(run, node)) for name, node in default_nodes(spec))


def _call(run: Run, node: ast.Call) -> object:
    callee = evaluate(run, node.func)
    if isinstance(callee, Module) and callee.path == "builtins.print":
        return None
    args = _elements(run, node.args)
    keywords: dict = {}
    for k in node.keywords:
        if k.arg in ("generator", "device"):
            continue
        value = evaluate(run, k.value)
        if k.arg is None:
            keywords |= value if isinstance(value, dict) else {}
        else:
            keywords[k.arg] = value
    return call_value(run, callee, args, keywords, node)


def _starred(run: Run, node: ast.Starred) -> object:
    raise run.unsupported("a starred expression here")


def _walrus(run: Run, node: ast.NamedExpr) -> object:
    value = evaluate(run, node.value)
    run.assign(run, node.target, value)
    return evaluate(run, ast.copy_location(ast.Name(node.target.id, ast.Load()), node))


# ---------------------------------------------------------------- the table


_READERS: dict[str, Callable] = {
    "Constant": _constant, "Name": _name, "Tuple": _tuple, "List": _list, "Set": _list, "Dict": _dict,
    "JoinedStr": _text, "BinOp": _binary, "UnaryOp": _unary, "Compare": _compare, "BoolOp": _boolean,
    "IfExp": _conditional, "Attribute": _attribute, "Subscript": _subscript, "ListComp": _comprehension,
    "GeneratorExp": _comprehension, "DictComp": _dict_comprehension, "Lambda": _lambda, "Call": _call,
    "Starred": _starred, "NamedExpr": _walrus,
}  # fmt: skip


__all__ = ["array_of", "default_nodes", "defaults_of", "evaluate", "subscript_value"]
