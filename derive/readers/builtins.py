"""Python's own functions: range, len, sum, zip, enumerate …"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from derive import expr as x
from derive.index import Size
from derive.readers import arrays as A
from derive.readers.calls import call
from derive.readers.convert import as_array, as_size, guessed, iterated, rows_array, truth
from derive.readers.indexing import range_length
from derive.readers.operators import combine, plain
from derive.readers.run import Run
from derive.readers.values import Array, Moving, Opaque, Parameter, Range, Rows, constant, integer, kind


def builtin(run: Run, name: str, args: list, keywords: dict) -> object:
    """Python's own functions."""
    if name not in _BUILTIN_ROWS:
        if name in ("isinstance", "hasattr", "type", "super", "repr", "getattr"):
            return Opaque(f"{name}()")
        raise run.unsupported(f"the built-in `{name}`", hint="use array operations")
    if keywords and name not in _KEYWORDS:
        raise run.unsupported(f"the built-in `{name}` with `{next(iter(keywords))}=`", hint="leave it out")
    if not args and name != "dict":
        return {"list": [], "tuple": ()}.get(name, [])
    return _BUILTIN_ROWS[name](run, args, keywords)


def key_of(run: Run, value: object) -> object:
    value = run.static(value)
    if isinstance(value, (str, int, Fraction, bool, type(None), Size)):
        return value
    if isinstance(value, tuple):
        return tuple(key_of(run, v) for v in value)
    raise run.unsupported(f"{kind(value)} as a key", "keys are texts and numbers known when reading")


def spread(run: Run, value: object) -> list:
    found = iterated(run, value)
    if isinstance(found, Rows):
        raise run.unsupported("`*` before something of unknown length")
    return found


def _range(run: Run, args: list, _) -> Range:
    bounds = [as_size(run, a) for a in args]
    return Range(0, bounds[0]) if len(bounds) == 1 else Range(*bounds[:3])


def _len(run: Run, args: list, _) -> object:
    value = args[0]
    for this in reversed(run.rounds):
        if id(value) in this.lists:
            held = this.lists[id(value)]
            return integer(x.affine([(this.number, Size.of(1))], len(held.start) + (held.appended is not None)))
    if isinstance(value, dict):
        run.refuse_growing(value)
        return plain(sum((k.index.size if isinstance(k, Moving) else Size.of(1) for k in value), Size()))
    if isinstance(value, (list, tuple, str)) and not any(isinstance(v, Rows) for v in value):
        return len(value)
    if isinstance(value, Range):
        return plain(range_length(value))
    if isinstance(value, Parameter) and run.entries is not None and (count := run.entries(value)):
        return count
    if isinstance(value, Parameter):
        value = guessed(run, value, 2)
    a = as_array(run, value)
    if not a.rank:
        raise run.mismatch("len() of a scalar")
    return plain(a.shape[0])


def _sum(run: Run, args: list, keywords: dict) -> object:
    found = iterated(run, args[0])
    start = args[1] if len(args) > 1 else keywords.get("start", 0)
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
    return Array(
        element.shape, lambda s: x.substitute(element.body(s), {rows.index: index}), element.sort, cheap=element.cheap
    )


def _enumerate(run: Run, args: list, keywords: dict) -> object:
    found = iterated(run, args[0])
    start = run.static(args[1] if len(args) > 1 else keywords.get("start", 0))
    if isinstance(found, Rows):
        if not isinstance(start, (int, Size)):
            raise run.unsupported("enumerate() from a place that is not known")
        return Rows(found.index, (integer(x.affine([(found.index, Size.of(1))], Size.of(start))), found.element))
    return [(k + start, v) for k, v in enumerate(found)]


def _reversed(run: Run, args: list, _) -> object:
    value = args[0]
    if isinstance(value, Range) and value.step == 1 and not all(isinstance(v, int) for v in (value.start, value.stop)):
        return Range(plain(Size.of(value.stop) - 1), plain(Size.of(value.start) - 1), -1)
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
    whole = _floor(value.body(())) if isinstance(value, Array) and not value.rank else None
    if whole is not None:
        return plain(whole)
    raise run.unsupported(
        "int() of an array or of a quotient of sizes", "rounding has no derivative", "use // on sizes"
    )


def _floor(e: x.Expr) -> Size | None:
    """The floor of a formula of sizes: `(H - KH)/s + 1` is `(H - KH)//s + 1`; None for what has other parts."""
    parts = e.terms if isinstance(e, x.Add) else (e,)
    over, under = zip(*map(_quotient, parts), strict=True)
    if None in over or sum(n.number != 1 for n in under) > 1:
        return None
    return sum((a if b.number == 1 else a // b for a, b in zip(over, under, strict=True)), Size())


def _quotient(e: x.Expr) -> tuple[Size | None, Size]:
    """A product of sizes over a product of sizes; (None, 1) for anything else."""
    over, under = Size.of(1), Size.of(1)
    for factor in e.factors if isinstance(e, x.Mul) else (e,):
        match factor:
            case x.Num(value=Fraction(numerator=a, denominator=b)):
                over, under = over * a, under * b
            case x.Whole(slot=x.Affine(terms=(), constant=n)):
                over = over * n
            case x.Pow(base=x.Whole(slot=x.Affine(terms=(), constant=n)), exponent=x.Num(value=-1)):
                under = under * n
            case _:
                return None, Size.of(1)
    return over, under


def _extreme(name: str) -> Callable:
    def pick(run: Run, args: list, _) -> object:
        if len(args) == 1 and isinstance(args[0], Array) and args[0].rank == 1:
            return A.reduced(run, name, run.current(args[0]), 0, False)
        values = spread(run, args[0]) if len(args) == 1 else args
        if all(isinstance(v, (int, Fraction)) for v in values):
            return {"max": max, "min": min}[name](values)
        if len(values) == 2:
            return call(run, f"{name}imum", "numpy", values, {})
        raise run.unsupported(f"{name}() of arrays", hint=f"use np.{name} or np.{name}imum")

    return pick


def _listed(run: Run, value: object) -> object:
    found = iterated(run, value)
    return found if isinstance(found, Rows) else list(found)


def _rounded(run: Run, args: list) -> object:
    values = [run.static(a) for a in args]
    if not all(isinstance(v, (int, Fraction)) for v in values):
        raise run.unsupported("round() of an array", "rounding has no derivative", "leave it out")
    return round(*values)


def _sorted(run: Run, value: object) -> list:
    found = spread(run, value)
    if not all(isinstance(v, str) for v in found) and not all(isinstance(v, (int, Fraction)) for v in found):
        raise run.unsupported("sorted() of arrays", "their order depends on the data")
    return sorted(found)


def _absolute(run: Run, args: list) -> object:
    return abs(args[0]) if isinstance(args[0], (int, Fraction)) else call(run, "abs", "numpy", args, {})


_KEYWORDS = {"dict", "enumerate", "sum", "zip"}  # strict= of zip changes no value
_BUILTIN_ROWS: dict[str, Callable[[Run, list, dict], object]] = {
    "range": _range, "len": _len, "sum": _sum, "zip": _zip, "enumerate": _enumerate, "reversed": _reversed,
    "float": _float, "int": _int, "max": _extreme("max"), "min": _extreme("min"),
    "abs": lambda run, args, _: _absolute(run, args),
    "pow": lambda run, args, _: combine(run, "**", args[0], args[1]),
    "list": lambda run, args, _: _listed(run, args[0]), "tuple": lambda run, args, _: tuple(spread(run, args[0])),
    "bool": lambda run, args, _: truth(run, args[0]), "str": lambda run, args, _: str(run.static(args[0])),
    "dict": lambda run, args, keywords: dict(args[0] if args and isinstance(args[0], dict) else {}) | keywords,
    "round": lambda run, args, _: _rounded(run, args), "sorted": lambda run, args, _: _sorted(run, args[0]),
    "slice": lambda run, args, _: slice(*args),
}  # fmt: skip
