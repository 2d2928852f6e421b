"""Reading an expression of Python into a value: a number, a container, or an abstract array."""

from __future__ import annotations

import ast
from collections.abc import Callable
from fractions import Fraction

from derive import expr as x
from derive.errors import UnknownName
from derive.index import Size
from derive.readers import arrays as A
from derive.readers import calls_math  # noqa: F401  (its rows register themselves)
from derive.readers.calls import ROWS, call
from derive.readers.convert import as_array, as_axis, guessed, iterated, rows_array, truth
from derive.readers.indexing import range_length, read
from derive.readers.run import Run, fraction
from derive.readers.values import (
    Array,
    Function,
    Instance,
    Masked,
    Method,
    Module,
    Opaque,
    Pair,
    Parameter,
    Range,
    Rows,
    Scope,
    ShapeOf,
    constant,
    kind,
    number,
)

MODULES = {"np": "numpy", "numpy": "numpy", "torch": "torch", "F": "torch.nn.functional", "nn": "torch.nn",
           "math": "math", "jnp": "numpy", "xp": "numpy", "cp": "numpy", "scipy": "scipy"}  # fmt: skip
BUILTINS = {"range", "len", "sum", "zip", "enumerate", "reversed", "float", "int", "abs", "max", "min", "list", "tuple",
            "print", "isinstance", "pow", "round", "bool", "str", "dict", "map", "sorted", "set", "type", "getattr",
            "hasattr", "any", "all", "super", "repr", "slice", "object"}  # fmt: skip
STATIC = (int, Fraction, Size)


def evaluate(run: Run, node: ast.AST) -> object:
    """The value of an expression; problems point at the innermost node that has one."""
    run.spend()
    reader = _READERS.get(type(node).__name__)
    if reader is None:
        words = type(node).__name__
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
    if name in ROWS:
        return Module(f"{'torch' if run.flavor == 'torch' else 'numpy'}.{name}")
    raise KeyError(name)


def _name(run: Run, node: ast.Name) -> object:
    if any(node.id in names for names in run.carried):
        raise run.recurrent()
    try:
        value = lookup(run, node.id)
    except KeyError:
        if run.free_names is not None:
            return run.free_names(node.id, run.span(node))
        known = ", ".join(n for n in run.scopes[-1] if not n.startswith("_"))
        raise run.problem(UnknownName, f"`{node.id}` is not defined here", "nothing assigns it before this line",
                          f"names in reach: {known}" if known else "")  # fmt: skip
    return value


def _tuple(run: Run, node: ast.Tuple) -> tuple:
    return tuple(_elements(run, node.elts))


def _list(run: Run, node: ast.List) -> list:
    return _elements(run, node.elts)


def _elements(run: Run, nodes: list[ast.expr]) -> list:
    values: list = []
    for node in nodes:
        if isinstance(node, ast.Starred):
            values += _spread(run, evaluate(run, node.value))
        else:
            values.append(evaluate(run, node))
    return values


def _spread(run: Run, value: object) -> list:
    found = iterated(run, value)
    if isinstance(found, Rows):
        raise run.unsupported("`*` before something of unknown length")
    return found


def _dict(run: Run, node: ast.Dict) -> dict:
    found: dict = {}
    for key, value in zip(node.keys, node.values, strict=True):
        if key is None:
            more = evaluate(run, value)
            found |= more if isinstance(more, dict) else {}
        else:
            found[_key(run, evaluate(run, key))] = evaluate(run, value)
    return found


def _key(run: Run, value: object) -> object:
    value = run.static(value)
    if isinstance(value, (str, int, Fraction, bool, type(None), Size)):
        return value
    if isinstance(value, tuple):
        return tuple(_key(run, v) for v in value)
    raise run.unsupported(f"{kind(value)} as a key", "keys are texts and numbers known when reading")


def _text(run: Run, node: ast.JoinedStr) -> str:
    """A formatted text: exact where its parts are texts and numbers (`params[f'W{i}']`)."""
    out = ""
    for part in node.values:
        value = part.value if isinstance(part, ast.Constant) else run.static(evaluate(run, part.value))
        out += str(value) if isinstance(value, (str, int, Size)) else "…"
    return out


# ---------------------------------------------------------------- operators

_BINARY = {"Add": "+", "Sub": "-", "Mult": "*", "Div": "/", "Pow": "**", "FloorDiv": "//", "Mod": "%", "MatMult": "@",
           "BitAnd": "&", "BitOr": "|", "BitXor": "^", "LShift": "<<", "RShift": ">>"}  # fmt: skip


def _binary(run: Run, node: ast.BinOp) -> object:
    sign = _BINARY[type(node.op).__name__]
    left, right = evaluate(run, node.left), evaluate(run, node.right)
    return combine(run, sign, left, right)


def combine(run: Run, sign: str, left: object, right: object) -> object:
    """left `sign` right."""
    if isinstance(left, STATIC) and isinstance(right, STATIC):
        found = _static(run, sign, left, right)
        if found is not None:
            return found
    if isinstance(left, (str, list, tuple, dict)) and not isinstance(right, Array) or isinstance(left, Module):
        return _containers(run, sign, left, right)
    if isinstance(right, list) and isinstance(left, int):
        return _containers(run, sign, right, left)
    if Opaque in (type(left), type(right)):
        return Opaque("a value made of an opaque one")
    a, b = _operands(run, sign, left, right)
    make = _ARRAY_OPS.get(sign)
    if make is None:
        raise run.unsupported(f"the operator `{sign}`", "it has no meaning for real arrays")
    return make(run, a, b)


def _operands(run: Run, sign: str, left: object, right: object) -> tuple[Array, Array]:
    """Both sides as arrays; a side without a shape gets the one that its use suggests."""
    sides = []
    for side, other in ((left, right), (right, left)):
        if not isinstance(side, Parameter):
            sides.append(as_array(run, side))
            continue
        like = other.shape if isinstance(other, Array) else ()
        if sign == "@":
            sides.append(guessed(run, side, 2, like[-1:] if side is right and like else ()))
        sides.append(guessed(run, side, 0, like[-1:] if len(like) > 1 else like))
    return sides[0], sides[1]


def _static(run: Run, sign: str, a: int | Fraction | Size, b: int | Fraction | Size) -> object:
    """Arithmetic of numbers and sizes; None where only an array can hold the result."""
    if isinstance(a, Size) or isinstance(b, Size):
        return _of_sizes(sign, a, b)
    if sign in ("/", "//", "%") and b == 0:
        raise run.unsupported("a division by zero")
    if sign == "**" and (Fraction(b).denominator != 1 or abs(b) > 64 or (a == 0 and b < 0)):
        return None
    table: dict[str, Callable] = {
        "+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: Fraction(a) / Fraction(b),
        "//": lambda: a // b, "%": lambda: a % b, "**": lambda: Fraction(a) ** b if b < 0 else a**b,
        "&": lambda: a & b, "|": lambda: a | b}  # fmt: skip
    try:
        return table[sign]() if sign in table else None
    except TypeError:
        return None


def _of_sizes(sign: str, a: int | Fraction | Size, b: int | Fraction | Size) -> Size | int | Fraction | None:
    if isinstance(a, Fraction) or isinstance(b, Fraction):
        return None
    a, b = Size.of(a), Size.of(b)
    if sign == "**" and b.number is not None and 0 < b.number < 9:
        return x.product_of([a] * b.number)
    if sign == "%":
        return 0 if b.number != 0 and a.divided(b) is not None else a - b * (a // b)
    if sign == "/" and a.number == 0:
        return 0
    table = {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "//": lambda: a // b}
    return _plain(table[sign]()) if sign in table else None


def _plain(n: Size) -> Size | int:
    return n if n.number is None else n.number


def _containers(run: Run, sign: str, a: object, b: object) -> object:
    b = run.static(b)
    try:
        if sign == "+" and type(a) is type(b):
            return a + b
        if sign == "*" and isinstance(b, int) and not isinstance(a, dict):
            return a * min(b, 10_000)
        if sign == "%" and isinstance(a, str):
            return a
        if sign == "|" and isinstance(a, dict) and isinstance(b, dict):
            return a | b
    except TypeError:
        pass
    if isinstance(a, (list, tuple)) and a and isinstance(b, Array | Fraction | int | Size):
        return combine(run, sign, as_array(run, a), b)
    raise run.unsupported(f"`{sign}` between {kind(a)} and {kind(b)}")


def _logical_or_product(run: Run, a: Array, b: Array) -> Array:
    return A.logical(run, x.both, a, b)


def _floor(run: Run, a: Array, b: Array) -> Array:
    return _digit(run, a, b, lambda slot, n: x.part(slot, n, None))


def _modulo(run: Run, a: Array, b: Array) -> Array:
    return _digit(run, a, b, lambda slot, n: x.part(slot, Size.of(1), n))


def _digit(run: Run, a: Array, b: Array, make: Callable) -> object:
    """`//` and `%`: of int parameters, which become static; of places by a size."""
    left, right = run.static(a), run.static(b)
    if isinstance(left, STATIC) and isinstance(right, (int, Size)):
        raise run.unsupported("this integer division", hint="divide sizes and int parameters")
    if not isinstance(right, (int, Size)) or a.sort != "int":
        raise run.unsupported("`//` and `%` of real arrays", "they jump, and have no derivative",
                              "use / or integers known when reading")  # fmt: skip

    def body(e: x.Expr) -> x.Expr:
        slot = x.as_slot(e)
        if slot is None:
            raise run.unsupported("`//` and `%` of this integer array")
        return x.as_value(make(slot, Size.of(right)))

    return A.elementwise(run, body, a, sort="int")


_ARRAY_OPS: dict[str, Callable[[Run, Array, Array], Array]] = {
    "+": lambda run, a, b: A.elementwise(run, lambda u, v: u + v, a, b),
    "-": lambda run, a, b: A.elementwise(run, lambda u, v: u - v, a, b),
    "*": lambda run, a, b: A.elementwise(run, lambda u, v: u * v, a, b),
    "/": lambda run, a, b: A.elementwise(run, lambda u, v: u / v, a, b, sort="real"),
    "**": lambda run, a, b: A.elementwise(run, lambda u, v: x.power(u, v), a, b, sort=_power_sort(a, b)),
    "@": A.matmul,
    "//": _floor,
    "%": _modulo,
    "&": _logical_or_product,
    "|": lambda run, a, b: A.logical(run, x.either, a, b),
    "^": lambda run, a, b: A.logical(run, _exclusive, a, b),
}


def _power_sort(a: Array, b: Array) -> str:
    e = b.body(()) if not b.rank else None
    return "int" if a.sort == "int" and isinstance(e, x.Num) and e.value > 0 and b.sort == "int" else "real"


def _exclusive(a: x.Cond, b: x.Cond) -> x.Cond:
    return x.either(x.both(a, x.negation(b)), x.both(x.negation(a), b))


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


_SIGNS = {"Eq": "eq", "NotEq": "ne", "Lt": "lt", "LtE": "le", "Gt": "gt", "GtE": "ge"}


def _compare(run: Run, node: ast.Compare) -> object:
    values = [evaluate(run, n) for n in (node.left, *node.comparators)]
    found = [_compared(run, type(op).__name__, a, b) for op, a, b in zip(node.ops, values, values[1:], strict=False)]
    if len(found) == 1:
        return found[0]
    if all(isinstance(f, bool) for f in found):
        return all(found)
    result = as_array(run, found[0])
    for other in found[1:]:
        result = A.logical(run, x.both, result, as_array(run, other))
    return result


def _compared(run: Run, op: str, a: object, b: object) -> object:
    if op in ("Is", "IsNot"):
        same = a is b or (isinstance(a, (bool, str, int)) and type(a) is type(b) and a == b)
        return same == (op == "Is")
    if op in ("In", "NotIn"):
        return _member(run, a, b) == (op == "In")
    sign = _SIGNS[op]
    plain = (int, Fraction, Size, str, type(None), tuple, list, Module)
    if isinstance(a, plain) and isinstance(b, plain):
        return _static_comparison(run, sign, a, b)
    if None in (type(a), type(b)) or isinstance(a, (str, type(None))) or isinstance(b, (str, type(None))):
        return sign == "ne"
    return A.compare(run, sign, as_array(run, a), as_array(run, b))


def _member(run: Run, a: object, b: object) -> bool:
    if isinstance(b, (str, list, tuple, dict)) and not isinstance(a, Array):
        return a in b
    if isinstance(b, Scope):
        return a in b
    raise run.unsupported("`in` on something that is not a list or a text known when reading")


def _static_comparison(run: Run, sign: str, a: object, b: object) -> bool | Array:
    if isinstance(a, Size) or isinstance(b, Size):
        if isinstance(a, (Size, int)) and isinstance(b, (Size, int)):
            return _sizes_compared(run, sign, Size.of(a), Size.of(b))
        return sign == "ne"
    if sign in ("eq", "ne"):
        return (a == b) == (sign == "eq")
    try:
        return {"lt": lambda: a < b, "le": lambda: a <= b, "gt": lambda: a > b, "ge": lambda: a >= b}[sign]()
    except TypeError:
        raise run.unsupported(f"comparing {kind(a)} with {kind(b)}") from None


def _sizes_compared(run: Run, sign: str, a: Size, b: Size) -> bool:
    gap = (a - b).number
    if gap is not None:
        return {"eq": gap == 0, "ne": gap != 0, "lt": gap < 0, "le": gap <= 0, "gt": gap > 0, "ge": gap >= 0}[sign]
    if sign in ("eq", "ne") and run.asserting:
        return True
    raise run.unsupported(f"a branch on the sizes {run.show(a)} and {run.show(b)}",
                          "the program must be the same for all sizes", "fix the size with an int parameter")


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
            if name in ("T", "mT", "ndim", "size"):
                return _array_attribute(run, guessed(run, owner, 2), name)
            return Method(owner, name)
        case Array() | Pair() | Rows():
            return _array_attribute(run, as_array(run, owner), name)
    return Method(owner, name)


def _array_attribute(run: Run, a: Array, name: str) -> object:
    match name:
        case "shape":
            return tuple(_plain(n) for n in a.shape)
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
            return _plain(x.product_of(list(a.shape)))
    return Method(a, name)


def _member_of(run: Run, owner: Instance, name: str) -> object:
    if name in owner.attributes:
        value = owner.attributes[name]
        return run.current(value) if isinstance(value, Array) and name not in run.scopes[-1] else value
    if name in owner.methods:
        return Function(name, owner.methods[name], run.scopes[0], (owner,))
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
    match owner:
        case dict():
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
    raise run.unsupported(f"a subscript of {kind(owner)}")


def _item(run: Run, owner: dict, key: object) -> object:
    key = _key(run, key)
    if key not in owner:
        known = ", ".join(map(repr, owner))
        raise run.problem(UnknownName, f"there is no entry {key!r}", "nothing stores it before this line",
                          f"known: {known}" if known else "")  # fmt: skip
    value = owner[key]
    return run.current(value) if isinstance(value, Array) else value


def _list_item(run: Run, owner: list | tuple | str, key: object) -> object:
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
    from derive.readers.statements import assign  # statements stand above expressions

    first = generators[0]
    found = iterated(run, evaluate(run, first.iter))
    scope = Scope(run.scopes[-1].helper, run.scopes[-1])
    run.scopes.append(scope)
    try:
        if isinstance(found, Rows):
            if first.ifs or len(generators) > 1:
                raise run.unsupported("a comprehension with `if` or two `for` over an axis of unknown length",
                                      hint="nest two comprehensions, or use a mask")  # fmt: skip
            assign(run, first.target, found.element, quiet=True)
            return Rows(found.index, evaluate(run, node.elt))
        out: list = []
        for value in found:
            assign(run, first.target, value, quiet=True)
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
    return {_key(run, k): v for k, v in found}


def _lambda(run: Run, node: ast.Lambda) -> Function:
    return Function("lambda", node, run.scopes[-1])


def _call(run: Run, node: ast.Call) -> object:
    callee = evaluate(run, node.func)
    if isinstance(callee, Module) and callee.path == "builtins.print":
        return None
    args = _elements(run, node.args)
    keywords: dict = {}
    for k in node.keywords:
        value = evaluate(run, k.value)
        if k.arg is None:
            keywords |= value if isinstance(value, dict) else {}
        else:
            keywords[k.arg] = value
    return call_value(run, callee, args, keywords, node)


def call_value(run: Run, callee: object, args: list, keywords: dict, node: ast.Call | None = None) -> object:
    """Call what a name or an attribute denotes."""
    match callee:
        case Function():
            from derive.readers.statements import inline

            return inline(run, callee, args, keywords)
        case Module():
            return _library(run, callee, args, keywords)
        case Method():
            return _method(run, callee, args, keywords)
        case Opaque():
            return Opaque(f"the result of {callee.what}")
        case Instance() if "forward" in callee.methods or "__call__" in callee.methods:
            name = "forward" if "forward" in callee.methods else "__call__"
            return call_value(run, Function(name, callee.methods[name], run.scopes[0], (callee,)), args, keywords)
    raise run.unsupported(f"a call of {kind(callee)}", "only functions of this file, NumPy and torch are read")


_SILENT = {"seed", "manual_seed", "set_printoptions", "no_grad", "print", "set_default_dtype", "mark_dirty", "info",
           "save_for_backward", "warn", "Generator", "default_rng", "RandomState", "errstate", "seterr",
           "zero_grad", "retain_grad", "requires_grad_", "inference_mode", "enable_grad", "device", "synchronize"}  # fmt: skip
_RANDOM = {"randn", "rand", "normal", "uniform", "randint", "random", "standard_normal", "randn_like", "rand_like",
           "integers", "choice", "permutation", "randperm", "binomial", "shuffle", "multinomial", "dropout", "bernoulli",
           "standard_gamma", "random_sample", "normal_", "uniform_"}  # fmt: skip
_PYTHON = {"abs": "abs", "pow": "power"}


def _library(run: Run, callee: Module, args: list, keywords: dict) -> object:
    name, path = callee.last, callee.path
    if path.startswith("builtins."):
        return builtin(run, name, args, keywords)
    if name in _SILENT:
        return Opaque(path)
    if name in _RANDOM:
        return run.drawn(name, args, keywords)
    if path == "numpy.add.at" or path.endswith(("subtract.at",)):
        return _add_at(run, "-" if "subtract" in path else "+", args)
    if len(path.split(".")) > 2 and path.startswith("numpy.") and name in ("reduce", "outer", "accumulate"):
        raise run.unsupported(f"`{path}`", hint="use np.sum, np.outer or np.cumsum")
    if name in ROWS:
        return call(run, name, callee.flavor, _with_guesses(run, name, args), keywords)
    if name == "split_sections":
        return None
    raise run.unsupported(f"`{path}`", "it has no row in the table of functions", nearest(name))


def nearest(name: str) -> str:
    """A hint: the spelling in the tables that is closest."""
    import difflib

    close = difflib.get_close_matches(name, ROWS, 3)
    return f"did you mean {' or '.join(close)}?" if close else "write it out with sums, products and elementwise functions"


_WANT_MATRIX = {"matmul", "dot", "mm", "softmax", "log_softmax", "cross_entropy", "linear"}


def _with_guesses(run: Run, name: str, args: list) -> list:
    if name not in _WANT_MATRIX:
        return args
    shapes = [a.shape for a in args if isinstance(a, Array)]
    for place, a in enumerate(args):
        if isinstance(a, Parameter):
            like = shapes[0][-1:] if shapes and place and name in ("matmul", "dot", "mm") else ()
            guessed(run, a, 1 if name == "cross_entropy" and place else 2, like)
    return args


def _add_at(run: Run, op: str, args: list) -> None:
    from derive.readers.indexing import store

    owner, index, value = args
    if not isinstance(owner, Array):
        raise run.unsupported(f"np.add.at on {kind(owner)}")
    index = as_array(run, index) if isinstance(index, (list, Rows)) else index
    store(run, owner, index, op, as_array(run, value), add_at=True)


def _method(run: Run, callee: Method, args: list, keywords: dict) -> object:
    owner, name = callee.owner, callee.name
    match owner:
        case list() | tuple() | dict() | str() | Rows():
            return container_method(run, owner, name, args, keywords)
        case Parameter():
            if name in ("keys", "values", "items"):
                raise run.unsupported(f"`{owner.name}.{name}()`", "its entries are not known", "declare its shapes")
            owner = guessed(run, owner, 2)
    if name in ("item", "tolist", "detach", "data", "resolve_conj"):
        return as_array(run, owner)
    if name == "size":
        a = as_array(run, owner)
        shape = tuple(_plain(n) for n in a.shape)
        return shape[A.axis_of(run, run.static(args[0]), a.rank)] if args else shape
    if name in ("dim", "numel", "nelement", "ndimension", "element_size"):
        a = as_array(run, owner)
        return a.rank if "dim" in name else _plain(x.product_of(list(a.shape)))
    if name.endswith("_") and name[:-1] in ROWS or name in ("fill_", "zero_", "scatter_", "copy_", "scatter_add_",
                                                             "index_add_"):  # fmt: skip
        return _in_place(run, owner, name, args, keywords)
    if name in ROWS:
        return call(run, name, run.flavor, _with_guesses(run, name, [owner, *args]), keywords)
    raise run.unsupported(f"the method `.{name}()`", "it has no row in the table of functions", nearest(name))


def _in_place(run: Run, owner: object, name: str, args: list, keywords: dict) -> Array:
    from derive.readers.indexing import mutate

    a = as_array(run, owner)
    if name in ("scatter_", "scatter_add_", "index_add_"):
        raise run.unsupported(f"`.{name}()`", hint="use one_hot, a[index] = v, or np.add.at(a, index, v)")
    if name in ("fill_", "zero_"):
        new = A.filled(a.shape, as_array(run, args[0] if args else 0).body(()))
    elif name == "copy_":
        new = as_array(run, args[0])
    else:
        new = as_array(run, call(run, name[:-1], run.flavor, [a, *args], keywords))
    mutate(run, a, new)
    return run.current(a)


def container_method(run: Run, owner: object, name: str, args: list, keywords: dict) -> object:
    """Methods of lists, dicts and texts."""
    if isinstance(owner, str):
        return owner
    if isinstance(owner, dict):
        table = {"items": lambda: [(k, v) for k, v in owner.items()], "keys": lambda: list(owner),
                 "values": lambda: list(owner.values()), "copy": lambda: dict(owner),
                 "get": lambda: owner.get(_key(run, args[0]), args[1] if len(args) > 1 else None),
                 "update": lambda: owner.update(args[0] if args else keywords),
                 "pop": lambda: owner.pop(_key(run, args[0]), None),
                 "setdefault": lambda: owner.setdefault(_key(run, args[0]), args[1] if len(args) > 1 else None)}  # fmt: skip
    elif isinstance(owner, list):
        table = {"append": lambda: _append(run, owner, args[0]), "extend": lambda: owner.extend(_spread(run, args[0])),
                 "copy": lambda: list(owner), "insert": lambda: owner.insert(run.static(args[0]), args[1]),
                 "pop": lambda: owner.pop(run.static(args[0]) if args else -1), "reverse": lambda: owner.reverse()}
    else:
        table = {}
    if name not in table:
        raise run.unsupported(f"`.{name}()` of {kind(owner)}")
    try:
        return table[name]()
    except (IndexError, TypeError, KeyError, ValueError):
        raise run.unsupported(f"`.{name}()` with these arguments") from None


def _append(run: Run, owner: list, value: object) -> None:
    """Appending inside a symbolic loop makes the list one element over the loop's index."""
    if isinstance(value, Array) and value.view is None and not value.cheap:
        value = run.store("row" if run.loops else "item", value)
    born = run.lists.get(id(owner), ())
    since = [p for p in run.loops if p not in born]
    if len(since) > 1 or (since and owner):
        raise run.unsupported("appending to this list inside nested loops of unknown length",
                              hint="store into an array instead: out[i, j] = …")  # fmt: skip
    owner.append(Rows(since[0], value) if since else value)


def builtin(run: Run, name: str, args: list, keywords: dict) -> object:
    """Python's own functions."""
    if name not in _BUILTIN_ROWS:
        if name in ("isinstance", "hasattr", "type", "super", "repr", "getattr"):
            return Opaque(f"{name}()")
        raise run.unsupported(f"the built-in `{name}`", hint="use array operations")
    if not args and name != "dict":
        return {"list": [], "tuple": ()}.get(name, [])
    return _BUILTIN_ROWS[name](run, args, keywords)


def _range(run: Run, args: list, _) -> Range:
    from derive.readers.convert import as_size

    bounds = [as_size(run, a) for a in args]
    return Range(0, bounds[0]) if len(bounds) == 1 else Range(*bounds[:3])


def _len(run: Run, args: list, _) -> object:
    value = args[0]
    if isinstance(value, (list, tuple, dict, str)) and not (value and isinstance(value, list) and isinstance(value[0], Rows)):
        return len(value)
    if isinstance(value, Range):
        return _plain(range_length(value))
    if isinstance(value, Parameter):
        value = guessed(run, value, 2)
    a = as_array(run, value)
    if not a.rank:
        raise run.mismatch("len() of a scalar")
    return _plain(a.shape[0])


def _sum(run: Run, args: list, _) -> object:
    found = iterated(run, args[0])
    start = args[1] if len(args) > 1 else 0
    if isinstance(found, Rows):
        total = A.reduced(run, "sum", rows_array(run, found), 0, False)
        return total if start == 0 else combine(run, "+", start, total)
    total = start
    for value in found:
        total = combine(run, "+", total, value)
    return total


def _zip(run: Run, args: list, _) -> object:
    found = [iterated(run, a) for a in args]
    rows = [f for f in found if isinstance(f, Rows)]
    if not rows:
        return [tuple(parts) for parts in zip(*found, strict=False)]
    if len(rows) < len(found):
        raise run.unsupported("zip of a list with an axis of unknown length")
    for other in rows[1:]:
        run.unify(rows[0].index.size, other.index.size)
    return Rows(rows[0].index, tuple(_moved(run, r, rows[0].index) for r in rows))


def _moved(run: Run, rows: Rows, index: object) -> object:
    if rows.index is index:
        return rows.element
    element = as_array(run, rows.element)
    return Array(element.shape, lambda s: x.substitute(element.body(s), {rows.index: index}), element.sort, cheap=element.cheap)


def _enumerate(run: Run, args: list, _) -> object:
    from derive.readers.values import integer

    found = iterated(run, args[0])
    if isinstance(found, Rows):
        return Rows(found.index, (integer(found.index), found.element))
    start = run.static(args[1]) if len(args) > 1 else 0
    return [(k + start, v) for k, v in enumerate(found)]


def _reversed(run: Run, args: list, _) -> object:
    value = args[0]
    if isinstance(value, Range) and value.step == 1 and not all(isinstance(v, int) for v in (value.start, value.stop)):
        return Range(_plain(Size.of(value.stop) - 1), _plain(Size.of(value.start) - 1), -1)
    found = iterated(run, value)
    if isinstance(found, Rows):
        raise run.unsupported("reversed() of an axis of unknown length", hint="use x[::-1]")
    return found[::-1]


def _float(run: Run, args: list, _) -> object:
    value = args[0]
    if isinstance(value, str):
        text = value.strip().lower().lstrip("+-")
        if text in ("inf", "infinity"):
            sign = -1 if value.strip().startswith("-") else 1
            return constant(x.Num(float("inf") * sign))
        raise run.unsupported(f"float({value!r})")
    return Fraction(value) if isinstance(value, int) else value


def _int(run: Run, args: list, _) -> object:
    value = run.static(args[0])
    if isinstance(value, Fraction):
        return int(value)
    if isinstance(value, (int, Size)):
        return value
    if isinstance(value, Array) and value.sort == "int":
        return value
    raise run.unsupported("int() of an array or of a quotient of sizes", "rounding has no derivative", "use // on sizes")


def _extreme(name: str) -> Callable:
    def pick(run: Run, args: list, _) -> object:
        values = _spread(run, args[0]) if len(args) == 1 else args
        if all(isinstance(v, (int, Fraction)) for v in values):
            return {"max": max, "min": min}[name](values)
        if len(values) == 2:
            return call(run, f"{name}imum", "numpy", values, {})
        raise run.unsupported(f"{name}() of arrays", hint=f"use np.{name} or np.{name}imum")

    return pick


_BUILTIN_ROWS: dict[str, Callable[[Run, list, dict], object]] = {
    "range": _range, "len": _len, "sum": _sum, "zip": _zip, "enumerate": _enumerate, "reversed": _reversed,
    "float": _float, "int": _int, "max": _extreme("max"), "min": _extreme("min"),
    "abs": lambda run, args, _: abs(args[0]) if isinstance(args[0], (int, Fraction)) else call(run, "abs", "numpy", args, {}),
    "pow": lambda run, args, _: combine(run, "**", args[0], args[1]),
    "list": lambda run, args, _: _listed(run, args[0]), "tuple": lambda run, args, _: tuple(_spread(run, args[0])),
    "bool": lambda run, args, _: truth(run, args[0]), "str": lambda run, args, _: str(run.static(args[0])),
    "dict": lambda run, args, keywords: dict(args[0] if args and isinstance(args[0], dict) else {}) | keywords,
    "round": lambda run, args, _: args[0], "sorted": lambda run, args, _: _spread(run, args[0]),
    "slice": lambda run, args, _: slice(*args),
}  # fmt: skip


def _listed(run: Run, value: object) -> object:
    found = iterated(run, value)
    return found if isinstance(found, Rows) else list(found)


def _starred(run: Run, node: ast.Starred) -> object:
    raise run.unsupported("a starred expression here")


def _walrus(run: Run, node: ast.NamedExpr) -> object:
    from derive.readers.statements import assign

    value = evaluate(run, node.value)
    assign(run, node.target, value)
    return evaluate(run, ast.copy_location(ast.Name(node.target.id, ast.Load()), node))


_READERS: dict[str, Callable] = {
    "Constant": _constant, "Name": _name, "Tuple": _tuple, "List": _list, "Set": _list, "Dict": _dict,
    "JoinedStr": _text, "BinOp": _binary, "UnaryOp": _unary, "Compare": _compare, "BoolOp": _boolean,
    "IfExp": _conditional, "Attribute": _attribute, "Subscript": _subscript, "ListComp": _comprehension,
    "GeneratorExp": _comprehension, "DictComp": _dict_comprehension, "Lambda": _lambda, "Call": _call,
    "Starred": _starred, "NamedExpr": _walrus,
}  # fmt: skip

__all__ = ["Masked", "array_of", "as_axis", "combine", "evaluate", "number", "subscript_value"]
