"""Words for equations and gradients, derived from the form of the formula and never from the names in it.

`form_of` classifies a right-hand side; the tables below say what a person calls each form, how the edge of the graph is
labelled, which layer it opens, and what its use means for the gradient of what it uses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from derive import expr as x
from derive.expr import Entry, Expr
from derive.index import Index
from derive.program import Equation, Program
from derive.recurrence import shift, states
from derive.rules.calculus import depends


@dataclass(frozen=True)
class Form:
    """What an equation does: its kind, and a detail such as the function or the direction of a sum."""

    kind: str
    detail: str = ""


# kind: (words in the forward table, label of the edge in the graph); {} is the detail
WORDS = {
    "look-up": ("look-up of rows", "look-up"),
    "pick": ("the picked entries", "pick"),
    "reshape": ("the same numbers, reshaped", "reshape"),
    "transpose": ("transposed", "transpose"),
    "slice": ("a slice", "slice"),
    "copy": ("a copy", "copy"),
    "reciprocal": ("its reciprocal", "1/x"),
    "square": ("squares", "square"),
    "power": ("power {}", "power {}"),
    "root": ("square root", "√x"),
    "inverse root": ("one over the root", "1/√x"),
    "sum": ("{} sum", "{} sum"),
    "mean": ("{} mean", "{} mean"),
    "share": ("{} sum, divided", "{} sum, divided"),
    "picked mean": ("mean of the picked entries", "pick, mean"),
    "maximum": ("{} maximum", "{} max"),
    "minimum": ("{} minimum", "{} min"),
    "product over": ("{} product", "{} product"),
    "affine": ("affine map", "affine"),
    "contraction": ("matrix product", "@"),
    "convolution": ("convolution", "convolve"),
    "scale and shift": ("scaled and shifted", "scale, shift"),
    "difference": ("difference", "−"),
    "total": ("sum of arrays", "+"),
    "quotient": ("quotient", "/"),
    "product": ("product", "×"),
    "scaled": ("scaled", "scale"),
    "cases": ("case by case", "cases"),
    "state": ("what the round before has left", "next round"),
    "constant": ("constant", ""),
    "other": ("", ""),
}

# function: (the array in the forward table, label of the edge, the gradient's three words, layer)
FUNCTIONS = {
    "exp": ("exponentials", "exp", "elementwise exponential", ""),
    "log": ("logarithms", "log", "elementwise logarithm", ""),
    "abs": ("absolute values", "abs", "elementwise absolute value", ""),
    "relu": ("ReLU activation", "ReLU", "ReLU: only where it was active", "ReLU"),
    "sigmoid": ("sigmoid activation", "σ", "elementwise sigmoid", "sigmoid"),
    "tanh": ("tanh activation", "tanh", "elementwise tanh", "tanh"),
    "gelu": ("GELU activation", "GELU", "elementwise GELU", "GELU"),
    "silu": ("SiLU activation", "SiLU", "elementwise SiLU", "SiLU"),
    "maximum": ("the larger of two", "max", "goes to the larger one", "max"),
    "minimum": ("the smaller of two", "min", "goes to the smaller one", "min"),
}

# kind of the using equation: three words for the gradient of what is used in it
MEANINGS = {
    "look-up": "scatter: rows that were looked up add up",
    "pick": "only the picked entries receive it",
    "picked mean": "the loss picks one entry per row",
    "reshape": "the reshape undone",
    "transpose": "the transpose undone",
    "slice": "back into its place",
    "copy": "passed on",
    "reciprocal": "reciprocal",
    "square": "square",
    "root": "square root",
    "inverse root": "one over a root",
    "power": "power",
    "sum": "a sum hands it to every term",
    "mean": "a mean gives every term an equal share",
    "share": "every term gets an equal share",
    "maximum": "only the largest entry counts",
    "minimum": "only the smallest entry counts",
    "difference": "passed on with its sign",
    "total": "passed on",
    "product": "times the other factor",
    "scale and shift": "times the scale",
    "scaled": "times the constant",
    "quotient": "quotient",
    "cases": "case by case",
    "state": "goes back to the round before",
}
# kind of an equation and of one of its operands: what the two together are
REFINED = {
    ("difference", "mean"): "centred",
    ("difference", "maximum"): "shifted by the maximum",
    ("mean", "square"): "variance",
    ("share", "square"): "variance",
    ("product", "inverse root"): "normalised",
    ("product", "reciprocal"): "normalised",
}
COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def count(n: int) -> str:
    """A number in words, up to twelve."""
    return COUNTS[n] if n < len(COUNTS) else str(n)


# ---------------------------------------------------------------- forms


def form_of(equation: Equation) -> Form:
    """The form of an equation; the first row of MATCHERS that recognises it."""
    for match in MATCHERS:
        found = match(equation.rhs, equation)
        if found is not None:
            return found
    return Form("other")


def words_of(equation: Equation, program: Program) -> str:
    """What a person calls the array: the author's comment, else words for its form."""
    if equation.words:
        return equation.words
    if equation.name in program.outputs and equation.shape == () and len(program.outputs) == 1:
        return "loss"
    form = form_of(equation)
    if form.kind == "function":
        inner = form_of(within(equation)).kind
        words = FUNCTIONS.get(form.detail, (f"{form.detail} of every entry",))[0]
        return words + " of an affine map" * (inner in ("affine", "contraction"))
    operands = [e for name in _operands(equation.rhs) if (e := program.equation(name)) is not None]
    for other in map(form_of, operands):
        if (form.kind, other.kind) in REFINED:
            return REFINED[form.kind, other.kind]
    return WORDS[form.kind][0].format(form.detail).strip()


def within(equation: Equation) -> Equation:
    """Of a function of a longer formula the formula inside, of anything else the equation itself."""
    rhs = equation.rhs
    if isinstance(rhs, x.Call) and len(rhs.args) == 1 and not isinstance(rhs.args[0], Entry):
        return replace(equation, rhs=rhs.args[0])
    return equation


def _operands(e: Expr) -> list[str]:
    """The arrays whose entries are read by value, the last operand first."""
    return list(dict.fromkeys(t.name for t in reversed(list(x.walk(e))) if isinstance(t, Entry)))


def label_of(equation: Equation) -> str:
    """The label of the edge that leads to the array."""
    form = form_of(equation)
    if form.kind == "function":
        return FUNCTIONS.get(form.detail, ("", form.detail))[1]
    return WORDS[form.kind][1].format(form.detail).strip()


def _reading(e: Expr, equation: Equation) -> Form | None:
    """One entry of another array: look-up, reshape, transpose, slice, copy."""
    if not isinstance(e, Entry):
        return None
    kinds = {type(s) for s in e.slots}
    if Entry in kinds:
        return Form("look-up" if any(s is i for s in e.slots for i in equation.indices[-1:]) else "pick")
    if kinds & {x.Part, x.Join}:
        return Form("reshape")
    if x.ArgBest in kinds or any(isinstance(s, x.Affine) and (s.terms or s.constant.terms) for s in e.slots):
        return Form("slice")
    order = [i for i in e.slots if isinstance(i, Index)]
    return Form("copy" if order == [i for i in equation.indices if i in order] else "transpose")


def _function(e: Expr, equation: Equation) -> Form | None:
    return Form("function", e.op) if isinstance(e, x.Call) else None


POWERS = {"-1": "reciprocal", "2": "square", "1/2": "root", "-1/2": "inverse root"}


def _power(e: Expr, equation: Equation) -> Form | None:
    if not isinstance(e, x.Pow) or not isinstance(e.exponent, x.Num):
        return None
    n = str(e.exponent.value)
    return Form(POWERS[n]) if n in POWERS else Form("power", n)


REDUCTIONS = {"max": "maximum", "min": "minimum", "prod": "product over", "sum": "sum"}


def _reduction(e: Expr, equation: Equation) -> Form | None:
    """A sum, mean, maximum; a sum of products over a shared axis is a contraction."""
    scale, body = _scaled(e)
    if not isinstance(body, x.Reduce) or body.op != "sum" and scale:
        return None
    indices, inner = [body.index], body.body
    while isinstance(inner, x.Reduce) and inner.op == body.op:
        indices.append(inner.index)
        inner = inner.body
    length = x.product_of([i.size for i in indices])
    averaged = any(_is_size(f, length) for f in scale)
    if body.op == "sum" and not averaged and _is_product_of_arrays(inner):
        return Form("convolution" if _slides(inner, indices) else "contraction")
    if scale and any(isinstance(t, Entry) and any(isinstance(s, Entry) for s in t.slots) for t in x.walk(inner)):
        return Form("picked mean")
    kind = REDUCTIONS[body.op]
    if body.op == "sum" and any(isinstance(f, x.Pow) for f in scale):
        kind = "mean" if averaged else "share"
    return Form(kind, _direction(inner, indices))


def _slides(e: Expr, indices: list[Index]) -> bool:
    """Whether an operand is read at a sum of an output and a summation index: a window that slides."""
    moved = [t for t in x.walk(e) if isinstance(t, x.Affine) and len(t.terms) > 1]
    return any(t.free & set(indices) and t.free - set(indices) for t in moved)


def _scaled(e: Expr) -> tuple[list[Expr], Expr]:
    """Constant factors and the one factor that is left."""
    if not isinstance(e, x.Mul):
        return [], e
    fixed = [f for f in e.factors if not f.names]
    rest = [f for f in e.factors if f.names]
    return (fixed, rest[0]) if len(rest) == 1 else ([], e)


def _is_size(f: Expr, n: x.Size) -> bool:
    return isinstance(f, x.Pow) and f.exponent.key == x.MINUS_ONE.key and f.base.key == x.size(n).key


def _is_product_of_arrays(e: Expr) -> bool:
    read = (x.Entry, x.Cases)  # rows put together are cases
    return isinstance(e, x.Mul) and sum(isinstance(f, read) and bool(f.names) for f in e.factors) >= 2


def _direction(e: Expr, indices: list[Index]) -> str:
    """row, column, total: along which axis of its operand a reduction runs."""
    entry = next((t for t in x.walk(e) if isinstance(t, Entry) and indices[-1] in t.slots), None)
    if entry is None or len(indices) > 1 or len(entry.slots) < 2:
        return "total" if len(indices) > 1 else ""
    place = entry.slots.index(indices[0])
    return "row" if place == len(entry.slots) - 1 else "column" if place == 0 else "middle"


def _affine_map(e: Expr, equation: Equation) -> Form | None:
    if isinstance(e, x.Add) and any(_is_contraction(t) for t in e.terms):
        return Form("affine")
    return None


def _is_contraction(t: Expr) -> bool:
    while isinstance(t, x.Reduce) and t.op == "sum":
        t = t.body
        if _is_product_of_arrays(t):
            return True
    return False


def _sum(e: Expr, equation: Equation) -> Form | None:
    if not isinstance(e, x.Add):
        return None
    if any(isinstance(t, x.Mul) and _is_product_of_arrays(t) for t in e.terms):
        return Form("scale and shift")
    negative = any(isinstance(t, x.Mul) and isinstance(t.factors[0], x.Num) and t.factors[0].value < 0 for t in e.terms)
    return Form("difference" if negative else "total")


def _product(e: Expr, equation: Equation) -> Form | None:
    if not isinstance(e, x.Mul):
        return None
    moving = [f for f in e.factors if f.names]
    if len(moving) <= 1:
        return Form("scaled")
    return Form("quotient" if any(isinstance(f, x.Pow) and str(f.exponent) == "-1" for f in moving) else "product")


def _cases(e: Expr, equation: Equation) -> Form | None:
    if isinstance(e, x.Cases) and isinstance(e.otherwise, Entry) and e.otherwise.slots and equation.indices:
        places = all(isinstance(c, x.Rel) and c.left is equation.indices[0] for c, _ in e.branches)
        if places and shift(e.otherwise.slots[0], equation.indices[0]) in (-1, 1):
            return Form("state")
    return Form("cases") if isinstance(e, (x.Cases, x.Ind)) else None


def _constant(e: Expr, equation: Equation) -> Form | None:
    return Form("constant") if not e.names else None


MATCHERS: tuple[Callable[[Expr, Equation], Form | None], ...] = (
    _constant, _reading, _function, _power, _reduction, _affine_map, _sum, _product, _cases,
)  # fmt: skip


# ---------------------------------------------------------------- gradients


def meaning_of(name: str, program: Program, uses: list[Equation]) -> str:
    """Three words for the gradient of an array, from how it is used."""
    if not uses:
        return "given from outside" if name in program.outputs else "not used"
    held = states(program.equations)
    later = [u for u in uses if held.get(u.name) == name]
    if later:
        return "back from the round after it" + (", and its own uses" if len(uses) > len(later) else "")
    if len(uses) > 1:
        n = count(len(uses))
        return f"{n} uses, {n} paths"
    use = within(uses[0])
    form = form_of(use)
    if form.kind in ("affine", "contraction", "convolution"):
        return _part_of_affine(name, program, use)
    if form.kind == "function":
        return FUNCTIONS.get(form.detail, ("", "", f"elementwise {form.detail}"))[2]
    if form.kind == "scale and shift" and len(set(program.shape(name)) - {x.Size.of(1)}) < len(use.shape):
        alone = any(isinstance(t, Entry) and t.name == name for t in use.rhs.terms)
        return f"{'shift' if alone else 'scale'}: sum over the batch"
    if form.kind in ("look-up", "reshape", "transpose") or len(use.indices) == 0:
        return MEANINGS.get(form.kind, form.kind)
    return _broadcast(name, program, use) or MEANINGS.get(form.kind, form.kind)


def _part_of_affine(name: str, program: Program, use: Equation) -> str:
    """Bias, weights or input of an affine map: by whether it is summed with, and whether it has the batch axis."""
    if isinstance(use.rhs, x.Add) and any(isinstance(t, Entry) and t.name == name for t in use.rhs.terms):
        return "bias: sum over the batch" if len(program.shape(name)) < len(use.shape) else "passed on"
    entry = next(t for t in x.walk(use.rhs) if isinstance(t, Entry) and t.name == name)
    sliding = form_of(use).kind == "convolution"
    if use.indices and use.indices[0] in entry.free:
        return "input: gradient spread over the windows" if sliding else "input: gradient times weights transposed"
    return "weights: windows times gradient" if sliding else "weights: input transposed times gradient"


def _broadcast(name: str, program: Program, use: Equation) -> str:
    """Where one entry serves several: along a row, down a column, everywhere."""
    entry = next((t for t in x.walk(use.rhs) if isinstance(t, Entry) and t.name == name), None)
    if entry is None:
        return ""
    missing = [k for k, i in enumerate(use.indices) if i not in entry.free and i.size.number != 1]
    if not missing or form_of(use).kind in ("sum", "mean", "share", "maximum", "minimum"):
        return ""
    if len(missing) == sum(i.size.number != 1 for i in use.indices):
        return "one number serves every entry"
    return "one number serves a whole row" if missing[-1] == len(use.indices) - 1 else "one row serves the whole batch"


def real_uses(name: str, program: Program) -> list[Equation]:
    """The equations through which an array reaches the outputs, by value and not only by position."""
    alive = program.reaches(program.outputs)
    return [u for u in program.uses(name) if u.name in alive and depends(u.rhs, name)]


__all__ = ["Form", "count", "form_of", "label_of", "meaning_of", "real_uses", "words_of"]
