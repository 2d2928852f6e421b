"""From Python values to what an operation needs: arrays, static numbers, shapes, truth values."""

from __future__ import annotations

from fractions import Fraction

from derive import expr as x
from derive.errors import ShapeUnknown
from derive.index import Index, Size
from derive.readers.arrays import aligned, broadcast_shape, stacked
from derive.readers.indexing import range_length, read
from derive.readers.run import Run
from derive.readers.values import (
    Array,
    Moving,
    Pair,
    Parameter,
    Range,
    Restart,
    Rows,
    Shape,
    Slots,
    integer,
    kind,
    number,
)


def as_array(run: Run, value: object) -> Array:
    """A value as an abstract array."""
    if isinstance(value, (list, dict)):
        run.refuse_growing(value)
    match value:
        case Array():
            return run.current(value) if value.view is not None else value
        case Pair(values=values):
            return values
        case bool() | int() | Fraction() | Size():
            return number(value)
        case Rows():
            return rows_array(run, value)
        case Range(start=start, step=step):
            n = range_length(value)
            first, by = x.whole_slot(start), Size.of(step)
            return Array((n,), lambda s: x.as_value(x.affine([(s[0], by), (first, Size.of(1))])), "int")
        case list() if any(isinstance(v, Rows) for v in value):
            return _grown(run, value)
        case dict() if len(value) == 1 and isinstance(key := next(iter(value)), Moving) and key.base.key == x.ZERO.key:
            return rows_array(run, Rows(key.index, value[key]))
        case list() | tuple() if value:
            return stacked(run, [as_array(run, v) for v in value])
        case Parameter():
            return guessed(run, value, 0)
    raise run.unsupported(f"{kind(value)} where an array is needed", hint="use arrays and numbers here")


def rows_array(run: Run, rows: Rows) -> Array:
    """A list over an index as an array: the index becomes the first axis."""
    element = as_array(run, rows.element)

    def body(slots: Slots) -> x.Expr:
        return x.substitute(element.body(slots[1:]), {rows.index: slots[0]})

    return Array((rows.index.size, *element.shape), body, element.sort)


def is_grown(run: Run, value: object) -> bool:
    """Whether a loop of unknown length has made the elements of a list or the entries of a dict."""
    if isinstance(value, (list, dict)):
        run.refuse_growing(value)
    if isinstance(value, dict):
        return any(isinstance(k, Moving) for k in value)
    return isinstance(value, Rows) or isinstance(value, list) and any(isinstance(v, Rows) for v in value)


def _grown(run: Run, value: list) -> Array:
    """A list to which a loop has appended, as an array: the elements from before, then those of the rounds."""
    if len(value) == 1:
        return rows_array(run, value[0])
    if not isinstance(value[-1], Rows) or any(isinstance(v, Rows) for v in value[:-1]):
        raise run.unsupported("a list to which several loops of unknown length have appended",
                              hint="keep a list for each loop and join them: np.concatenate([a, b])")  # fmt: skip
    start, rows = stacked(run, [as_array(run, v) for v in value[:-1]]), rows_array(run, value[-1])
    shape, count = broadcast_shape(run, start.shape[1:], rows.shape[1:]), len(value) - 1

    def body(slots: Slots) -> x.Expr:
        first, *rest = slots
        early = aligned(start, (start.shape[0], *shape))(slots)
        late = aligned(rows, (rows.shape[0], *shape))((x.affine([(first, Size.of(1))], -count), *rest))
        return x.cases([(x.rel("lt", first, x.whole_slot(count)), early)], late)

    return Array((rows.shape[0] + count, *shape), body, "real" if "real" in (start.sort, rows.sort) else rows.sort)


def guessed(run: Run, parameter: Parameter, rank: int, like: Shape = (), sort: str = "real") -> Array:
    """A parameter without a shape, where its use suggests one: read on with the guess, to make the hint complete."""
    knowledge = run.knowledge
    knowledge.places.setdefault(parameter.name, run.span())
    shape = list(like)
    while len(shape) < rank:
        shape.append(knowledge.new_letter(f"{parameter.name}_{len(shape)}"))
    knowledge.guesses[parameter.name] = tuple(shape)
    knowledge.sorts[parameter.name] = sort
    raise Restart


def unpacked_shape(run: Run, parameter: Parameter, rank: int) -> None:
    """`N, D = X.shape` tells the number of axes: the reading starts again with that."""
    knowledge = run.knowledge
    knowledge.found[parameter.name] = tuple(knowledge.new_letter(f"{parameter.name}_{k}") for k in range(rank))
    raise Restart


def as_size(run: Run, value: object) -> Size | int:
    """A length: an int or a size."""
    value = run.static(value)
    if isinstance(value, bool) or not isinstance(value, (int, Size)):
        raise run.unsupported(f"{kind(value)} as a length", "lengths are integers and sizes known when reading",
                              "pass it as an int parameter or take it from x.shape")  # fmt: skip
    return value


def as_shape(run: Run, value: object) -> tuple[Size | int, ...]:
    """A shape: one length or several."""
    if isinstance(value, (tuple, list)):
        parts = value[0] if len(value) == 1 and isinstance(value[0], (tuple, list)) else value
        return tuple(as_size(run, v) for v in parts)
    return (as_size(run, value),)


def as_axis(run: Run, value: object) -> object:
    """An axis argument: None, an int or several."""
    if isinstance(value, (tuple, list)):
        return tuple(run.static(v) for v in value)
    value = run.static(value)
    return value.number if isinstance(value, Size) and value.number is not None else value


def truth(run: Run, value: object) -> bool:
    """The truth value that decides a branch."""
    if isinstance(value, (list, dict)):
        run.refuse_growing(value)
    value = run.static(value)
    match value:
        case None | bool() | int() | Fraction() | str() | list() | tuple() | dict():
            return bool(value)
        case Size():
            return value.number != 0
        case Array() | Parameter() | Pair():
            raise run.unsupported("a branch that depends on the data", "the program must be the same for all inputs",
                                  "use np.where(condition, a, b)")  # fmt: skip
    return True


def iterated(run: Run, value: object) -> list | Rows:
    """The elements that a loop goes through: a list, or one element over an index."""
    if isinstance(value, (list, dict)):
        run.refuse_growing(value)
    match value:
        case list() if any(isinstance(v, Rows) for v in value):
            return value[0] if len(value) == 1 else _array_elements(run, _grown(run, value))
        case list() | tuple():
            return list(value)
        case dict() if any(isinstance(k, Moving) for k in value):
            raise run.unsupported("a loop over a dict that a loop of unknown length fills", "its keys are not known",
                                  "loop over the same range and read it under the loop's variable")  # fmt: skip
        case dict():
            return list(value)
        case Rows():
            return value
        case Range(start=start, step=step):
            return _range_elements(value, start, step)
        case Array() | Pair():
            return _array_elements(run, as_array(run, value))
        case Parameter():
            return _array_elements(run, guessed(run, value, 2))
    raise run.unsupported(f"a loop over {kind(value)}", hint="loop over range(n), an array, zip or enumerate")


UNROLLED = 64


def _range_elements(value: Range, start: int | Size, step: int | Size) -> list | Rows:
    n = range_length(value)
    ints = all(isinstance(v, int) for v in (value.start, value.stop, value.step))
    if ints and n.number <= UNROLLED:
        return list(range(value.start, value.stop, value.step))
    i = Index("i", n)
    return Rows(i, integer(x.affine([(i, Size.of(step))], Size.of(start))))


def _array_elements(run: Run, array: Array) -> list | Rows:
    if not array.rank:
        raise run.mismatch("a loop over a scalar")
    n = array.shape[0].number
    if n is not None and n <= UNROLLED:
        return [read(run, array, k) for k in range(n)]
    i = Index("i", array.shape[0])
    return Rows(i, read(run, array, integer(i)))


__all__ = ["ShapeUnknown", "as_array", "as_axis", "as_shape", "as_size", "guessed", "iterated", "truth"]
