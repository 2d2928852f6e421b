"""Python's operators and comparisons, on numbers, sizes, containers and abstract arrays."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from derive import expr as x
from derive.index import Size
from derive.readers import arrays as A
from derive.readers.convert import as_array, guessed
from derive.readers.run import Run
from derive.readers.values import Array, Masked, Module, Opaque, Parameter, Scope, kind, unit

STATIC = (int, Fraction, Size)


BINARY = {"Add": "+", "Sub": "-", "Mult": "*", "Div": "/", "Pow": "**", "FloorDiv": "//", "Mod": "%", "MatMult": "@",
           "BitAnd": "&", "BitOr": "|", "BitXor": "^", "LShift": "<<", "RShift": ">>"}  # fmt: skip


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
    if isinstance(left, Masked) or isinstance(right, Masked):
        return masked(run, lambda a, b: combine(run, sign, a, b), left, right)
    a, b = _operands(run, sign, left, right)
    make = _ARRAY_OPS.get(sign)
    if make is None:
        raise run.unsupported(f"the operator `{sign}`", "it has no meaning for real arrays")
    return make(run, a, b)


def masked(run: Run, make: Callable, *values: object) -> Masked:
    """What is computed of `a[mask]` entry by entry: the same of a, behind the mask."""
    found = [v for v in values if isinstance(v, Masked)]
    mask, slots = found[0].mask, run.fresh(found[0].mask.shape)
    for other in found[1:]:
        if other.mask.shape != mask.shape or other.mask.body(slots).key != mask.body(slots).key:
            raise run.unsupported("entries behind different masks", "their numbers depend on the data",
                                  "use np.where(mask, a, 0)")  # fmt: skip
    if any(isinstance(v, Array) and v.rank for v in values):
        raise run.unsupported("entries behind a mask beside a whole array", "their number depends on the data",
                              "use np.where(mask, a, 0)")  # fmt: skip
    result = as_array(run, make(*(v.array if isinstance(v, Masked) else v for v in values)))
    if result.shape != found[0].array.shape:
        raise run.unsupported("this of the entries behind a mask", "their number depends on the data",
                              "use np.where(mask, a, 0)")  # fmt: skip
    return Masked(result, mask)


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
        row = like[-1:] if like and not unit(like[-1]) else ()  # a bias; beside a column a number
        sides.append(guessed(run, side, 0, row if len(like) > 1 else like))
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
    return plain(table[sign]()) if sign in table else None


def plain(n: Size) -> Size | int:
    return n if n.number is None else n.number


def _containers(run: Run, sign: str, a: object, b: object) -> object:
    b = run.static(b)
    for value in (a, b):
        run.refuse_growing(value)
    try:
        if sign == "+" and type(a) is type(b):
            return a + b
        if sign == "*" and isinstance(b, Size) and isinstance(a, list) and a == [None]:
            return {}  # places to be filled by a loop, like the keys of a dict
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
    "+": A.added,
    "-": lambda run, a, b: A.elementwise(run, lambda u, v: u - v, a, b),
    "*": lambda run, a, b: A.elementwise(run, lambda u, v: u * v, a, b, sort="bool" if a.sort == b.sort == "bool" else None),
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


_SIGNS = {"Eq": "eq", "NotEq": "ne", "Lt": "lt", "LtE": "le", "Gt": "gt", "GtE": "ge"}


def compared(run: Run, op: str, a: object, b: object) -> object:
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
        if isinstance(b, str) and not isinstance(a, str):
            raise run.unsupported(f"`in` of {kind(a)} in a text")
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
    raise run.unsupported(
        f"a branch on the sizes {run.show(a)} and {run.show(b)}",
        "the program must be the same for all sizes",
        "fix the size with an int parameter",
    )
