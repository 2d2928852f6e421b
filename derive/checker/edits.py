"""Known mistakes, turned round: small changes of one statement, in the author's own text, each with its kind."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

REDUCTIONS = {
    "sum",
    "mean",
    "max",
    "min",
    "var",
    "std",
    "softmax",
    "log_softmax",
    "prod",
    "concatenate",
    "cat",
    "stack",
}
JOINS = {"concatenate", "cat", "stack", "hstack", "vstack", "concat"}
PRODUCTS = {"dot", "matmul", "mm"}
MOST_TERMS = 6
LIBRARIES = ("np", "torch", "F", "numpy", "jnp")
COMPARISONS = {
    ast.Gt: (">", "<=", "<"),
    ast.Lt: ("<", ">", ">="),
    ast.GtE: (">=", "<", "<="),
    ast.LtE: ("<=", ">", ">="),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
}


@dataclass(frozen=True)
class Edit:
    """One changed statement: the kind of the mistake that it undoes, its text, the line, and what to say."""

    kind: str
    statement: str
    changed: str
    line: int
    said: str = ""


@dataclass
class Names:
    """What the author could have meant: arrays in reach that fit, sizes, gradients that could be missing paths.

    `peers`: by name, the other names of its shape.
    """

    same: list[str] = field(default_factory=list)
    factors: list[str] = field(default_factory=list)
    sizes: list[str] = field(default_factory=list)
    gradients: list[str] = field(default_factory=list)
    peers: dict[str, list[str]] = field(default_factory=dict)


class Text:
    """A statement's source, in which nodes are replaced by text."""

    def __init__(self, lines: list[str], node: ast.stmt):
        self.node, self.lines = node, [line.encode() for line in lines[node.lineno - 1 : node.end_lineno]]
        self.starts = [sum(len(line) + 1 for line in self.lines[:k]) for k in range(len(self.lines))]
        self.source = b"\n".join(self.lines)

    def at(self, line: int, column: int) -> int:
        return self.starts[line - self.node.lineno] + column

    def of(self, n: ast.AST) -> str:
        return self.source[self.span(n)[0] : self.span(n)[1]].decode()

    def span(self, n: ast.AST) -> tuple[int, int]:
        return self.at(n.lineno, n.col_offset), self.at(n.end_lineno, n.end_col_offset)

    def put(self, start: int, end: int, new: str) -> str:
        return (self.source[:start] + new.encode() + self.source[end:]).decode()


def edits(lines: list[str], node: ast.stmt, names: Names) -> Iterator[Edit]:
    """Every known change of a statement (of each simple statement inside a loop), the likeliest first."""
    if isinstance(entry := getattr(node, "entry", None), str):
        yield from _of_returned(lines, node, entry, names)
        return
    text = Text(lines, node)
    simple = [n for n in ast.walk(node) if isinstance(n, (ast.Assign, ast.AugAssign, ast.Expr))]
    makers: list[Callable] = [_statement, _plainer, _whole, _inside, _exchanged, _paths, _factors]
    for make in makers:
        for part in simple:
            for kind, start, end, new, said in make(text, part, names):
                whole = text.put(start, end, new)
                shift = len(whole.encode()) - len(text.source)
                inner = whole.encode()[text.span(part)[0] : text.span(part)[1] + shift].decode()
                yield Edit(kind, whole, inner, part.lineno, said)


def _of_returned(lines: list[str], node: ast.Assign, entry: str, names: Names) -> Iterator[Edit]:
    """Changes of one of the values that are returned, read as `grads["x"] = …`; shown in the author's own return."""
    statement = Text(lines, node)
    start, end = statement.span(node.value)
    head = f"{entry} = "
    own = head + " ".join(statement.of(node.value).split())
    for edit in edits([own], ast.parse(own).body[0], names):
        if edit.changed.startswith(head):
            shown = statement.put(start, end, edit.changed.removeprefix(head))
            yield Edit(edit.kind, edit.statement, " ".join(shown.split()), node.lineno, edit.said)


Change = tuple[str, int, int, str, str]


def _wrapped(text: Text, n: ast.AST) -> str:
    """A node's text, bracketed unless it is a name, call, subscript or number."""
    plain = isinstance(n, (ast.Name, ast.Call, ast.Subscript, ast.Attribute, ast.Constant))
    return text.of(n) if plain else f"({text.of(n)})"


def _whole(text: Text, part: ast.stmt, names: Names) -> Iterator[Change]:
    """The whole right side: its sign, a number or a size as factor."""
    value = part.value
    if isinstance(part, ast.Expr):
        return
    start, end = text.span(value)
    inner = _wrapped(text, value)
    if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub):
        yield "sign", start, end, text.of(value.operand), "the sign is the opposite"
    yield "sign", start, end, f"-{inner}", "the sign is the opposite"
    for n in names.sizes:
        yield "mean-factor", start, end, f"{inner} / {n}", f"it equals the right answer × {n}"
        yield "mean-factor", start, end, f"{inner} * {n}", f"it equals the right answer × 1/{n}"
    for k, said in (("2 * {}", "½"), ("0.5 * {}", "2"), ("4 * {}", "¼"), ("0.25 * {}", "4")):
        yield "factor", start, end, k.format(inner), f"it equals the right answer × {said}"


def _plainer(text: Text, part: ast.stmt, names: Names) -> Iterator[Change]:
    """A number left out of a product, a sum for a mean: where the whole would else get a factor."""
    for n in ast.walk(part.value):
        match n:
            case ast.BinOp(left=ast.Constant() as number, op=ast.Mult(), right=rest):
                pass
            case ast.BinOp(left=rest, op=ast.Mult(), right=ast.Constant() as number):
                pass
            case ast.Call(func=ast.Attribute(attr="sum" | "mean" as name)):
                yield from (c for c in _sums(text, n, Called(name, False)) if c[0] == "mean-factor")
                continue
            case _:
                continue
        new = text.of(rest) if n is part.value else _wrapped(text, rest)
        yield "factor", *text.span(n), new, f"it equals the right answer × {text.of(number)}"


def _statement(text: Text, part: ast.stmt, names: Names) -> Iterator[Change]:
    """= for += and the reverse; += at repeated places."""
    start, end = text.span(part)
    if isinstance(part, ast.AugAssign):
        value, target = text.of(part.value), text.of(part.target)
        if isinstance(part.op, (ast.Add, ast.Sub)):
            sign, other = ("-", "+") if isinstance(part.op, ast.Sub) else ("+", "-")
            yield "sign", start, end, f"{target} {other}= {value}", f"`{sign}=` where `{other}=` is right"
            yield "extra-path", start, end, f"{target} = {value}", "it adds to what must be replaced"
        if isinstance(part.target, ast.Subscript) and isinstance(part.op, ast.Add):
            owner, key = text.of(part.target.value), text.of(part.target.slice)
            said = "with repeated indices `+=` keeps only the last contribution"
            yield "repeated-index", start, end, f"np.add.at({owner}, {key}, {value})", said
    elif isinstance(part, ast.Assign) and len(part.targets) == 1:
        target = text.of(part.targets[0])
        stored = isinstance(part.targets[0], ast.Subscript)
        sliced = stored and any(isinstance(n, ast.Slice) for n in ast.walk(part.targets[0].slice))
        kind = "repeated-index" if stored and not sliced else "assigned"
        said = "contributions to the same place must be added up; `=` keeps only the last"
        if not stored:
            said = "`=` drops what the name held before"
        yield kind, start, end, f"{target} += {text.of(part.value)}", said


def _inside(text: Text, part: ast.stmt, names: Names) -> Iterator[Change]:
    """Changes at every depth of the right side, and of the places stored to."""
    roots = [part.value, *(part.targets if isinstance(part, ast.Assign) else [])]
    for n in (n for root in roots for n in ast.walk(root)):
        make = _INSIDE.get(type(n))
        if make is not None and hasattr(n, "lineno"):
            yield from make(text, n, names)


def _binary(text: Text, n: ast.BinOp, names: Names) -> Iterator[Change]:
    for make in _BINARY.get(type(n.op), ()):
        yield from make(text, n, names)


def _turned(text: Text, n: ast.BinOp, names: Names) -> Iterator[Change]:
    """+ for -, * for /, and the reverse."""
    old, new = {ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "/"), ast.Div: ("/", "*")}[type(n.op)]
    gap = (text.span(n.left)[1], text.span(n.right)[0])
    between = text.source[gap[0] : gap[1]].decode()
    if old in between:
        kind = "sign" if isinstance(n.op, (ast.Add, ast.Sub)) else "operation"
        yield kind, *gap, between.replace(old, new, 1), f"`{old}` where `{new}` is right"


def _terms(text: Text, n: ast.BinOp, names: Names) -> Iterator[Change]:
    """A term too many, a term that must be squared or scaled."""
    left, right = text.of(n.left), text.of(n.right)
    span = text.span(n)
    yield "extra-path", *span, left, f"the term `{right}` belongs to no path"
    yield (
        "extra-path",
        *span,
        right if isinstance(n.op, ast.Add) else f"-{right}",
        f"the term `{left}` belongs to no path",
    )
    for side in (n.left, n.right):
        inner, place = _wrapped(text, side), text.span(side)
        yield "power", *place, f"{inner} ** 2", f"`{text.of(side)}` must be squared"
        for size in names.sizes:
            yield "factor", *place, f"{inner} * {size}", f"the factor {size} is lost in one term"
            yield "factor", *place, f"{inner} / {size}", f"the factor 1/{size} is lost in one term"
            said = "biased and unbiased variance are mixed up"
            yield "bias", *place, f"{size} / ({size} - 1) * {inner}", said


def _bessel(text: Text, n: ast.BinOp, names: Names) -> Iterator[Change]:
    """n - 1 for n, and the reverse."""
    left, right = text.of(n.left), text.of(n.right)
    if isinstance(n.op, ast.Sub) and right == "1" and left.isidentifier():
        yield "bias", *text.span(n), left, "n - 1 where n is right: biased and unbiased variance"
    if isinstance(n.op, ast.Div) and right.strip("()").strip() in names.sizes:
        yield "bias", *text.span(n.right), f"({right} - 1)", "n where n - 1 is right: biased and unbiased variance"


def _swapped(text: Text, n: ast.BinOp, names: Names) -> Iterator[Change]:
    sign = "-" if isinstance(n.op, ast.Sub) else "/"
    changed = f"({_wrapped(text, n.right)} {sign} {_wrapped(text, n.left)})"
    yield "order", *text.span(n), changed, "the operands are exchanged"


def _matmul(text: Text, n: ast.BinOp, names: Names) -> Iterator[Change]:
    yield from _matrix(text, n, n.left, n.right)
    changed = f"{text.of(n.right)} @ {text.of(n.left)}"
    yield "order", *text.span(n), changed, "the factors stand in the wrong order"


def _dropped(text: Text, n: ast.BinOp, names: Names) -> Iterator[Change]:
    """A factor too many."""
    for kept, dropped in ((n.left, n.right), (n.right, n.left)):
        if isinstance(n.op, ast.Div) and kept is n.right:
            continue
        what = text.of(dropped)
        number = isinstance(dropped, ast.Constant) or what.strip("()") in names.sizes
        yield "factor" if number else "extra-path", *text.span(n), text.of(kept), f"the factor `{what}` is one too many"


def _under_the_sum(text: Text, n: ast.BinOp, names: Names) -> Iterator[Change]:
    """A factor beside a sum that belongs under it."""
    for side, other in ((n.left, n.right), (n.right, n.left)):
        total = _total(text, side)
        if total is not None:
            said = f"`{text.of(other)}` must stay inside the sum"
            yield "factor-out-of-sum", *text.span(n), total.format(_wrapped(text, other)), said


def _raised(text: Text, n: ast.BinOp, names: Names) -> Iterator[Change]:
    """A divisor or a factor that needs a power."""
    for power in (2, 3) if isinstance(n.op, ast.Div) else ():
        said = f"the divisor needs the power {power}"
        yield "power", *text.span(n.right), f"{_wrapped(text, n.right)} ** {power}", said
    for side in (n.left, n.right):
        yield "power", *text.span(side), f"{_wrapped(text, side)} ** 2", f"`{text.of(side)}` must be squared"


_SIGMOID = re.compile(r"\(?1(?:\.0?)? - (\w+)\)?")
_TANH = re.compile(r"\(?1(?:\.0?)? - (\w+) ?\*\* ?2\)?")


def _activation(text: Text, n: ast.BinOp, names: Names) -> Iterator[Change]:
    """h (1 - h) where 1 - h² is right, and the reverse."""
    span, said = text.span(n), "the derivative of another function"
    for a, b in ((n.left, n.right), (n.right, n.left)):
        found = _SIGMOID.fullmatch(text.of(b))
        if found and found[1] == text.of(a):
            yield "activation", *span, f"(1 - {found[1]} ** 2)", said
        elif found and isinstance(a, ast.BinOp) and isinstance(a.op, ast.Mult) and text.of(a.right) == found[1]:
            yield "activation", *span, f"{text.of(a.left)} * (1 - {found[1]} ** 2)", said
    if _TANH.search(text.of(n.left)) or _TANH.search(text.of(n.right)):
        yield "activation", *span, _TANH.sub(r"\1 * (1 - \1)", text.of(n)), said


_BINARY: dict[type, tuple[Callable, ...]] = {
    ast.Add: (_turned, _terms),
    ast.Sub: (_turned, _terms, _swapped, _bessel),
    ast.Mult: (_turned, _dropped, _under_the_sum, _raised, _activation),
    ast.Div: (_turned, _dropped, _raised, _bessel, _swapped),
    ast.Pow: (lambda text, n, names: _powers(text, n),),
    ast.MatMult: (_matmul,),
}


def _total(text: Text, n: ast.AST) -> str | None:
    """A sum's text with room for a further factor under it."""
    if not isinstance(n, ast.Call) or not isinstance(n.func, ast.Attribute) or n.func.attr != "sum":
        return None
    library = text.of(n.func.value) in ("np", "torch")
    inner = n.args[0] if library and n.args else n.func.value
    (start, end), (first, last) = text.span(inner), text.span(n)
    before, after = text.source[first:start].decode(), text.source[end:last].decode()
    body = f"{{}} * {_wrapped(text, inner)}"
    return f"{before}{body if library else f'({body})'}{after}"


def _powers(text: Text, n: ast.BinOp) -> Iterator[Change]:
    base, exponent = text.of(n.left), text.of(n.right)
    yield "power", *text.span(n), base, f"the power {exponent} is too much"
    for new in ("2", "3", "-1", "-2", "0.5", "-0.5", "-1.5"):
        if new != exponent:
            yield "power", *text.span(n), f"{base} ** {new}", f"the power {new} is right, not {exponent}"


def _turned_back(inner: str) -> str | None:
    """What is transposed in `x.T`, `x.t()`, `x.transpose()`; None for other texts."""
    return next((inner.removesuffix(mark) for mark in (".T", ".t()", ".transpose()", ".mT") if inner.endswith(mark)), None)


def _matrix(text: Text, n: ast.AST, left: ast.expr, right: ast.expr) -> Iterator[Change]:
    for side in (left, right):
        inner = text.of(side)
        if (plain := _turned_back(inner)) is not None:
            yield "transposed", *text.span(side), plain, f"`{inner}` must not be transposed"
        else:
            yield "transposed", *text.span(side), f"{_wrapped(text, side)}.T", f"`{inner}` must be transposed"
    a, b = text.of(left), text.of(right)
    yield "transposed", *text.span(n), f"({text.of(n)}).T", "the result must be transposed"
    for new in (f"({b} @ {a}.T)", f"({b}.T @ {a})"):
        yield (
            "order",
            *text.span(n),
            new.replace(".T.T", ""),
            "the factors stand in the wrong order, one of them transposed",
        )
    if a.endswith(".T") and not b.endswith(".T"):
        yield "transposed", *text.span(n), f"({a[:-2]} @ {b}.T)", "the other operand must be transposed"
    if b.endswith(".T") and not a.endswith(".T"):
        yield "transposed", *text.span(n), f"({a}.T @ {b[:-2]})", "the other operand must be transposed"
    if a.endswith(".T"):
        yield "transposed", *text.span(n), f"({b}.T @ {a[:-2]})", "operands and transpose are exchanged"
    if b.endswith(".T"):
        yield "transposed", *text.span(n), f"({b[:-2]} @ {a}.T)", "operands and transpose are exchanged"


def _call(text: Text, n: ast.Call, names: Names) -> Iterator[Change]:
    func = n.func
    name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
    call = Called(name, isinstance(func, ast.Attribute) and text.of(func.value) in LIBRARIES)
    for names_, make in _CALLS:
        if name in names_:
            yield from make(text, n, call)


@dataclass(frozen=True)
class Called:
    """A function's name, and whether it is called as a library's function (its array the first argument)."""

    name: str
    library: bool

    def owner(self, n: ast.Call) -> ast.expr | None:
        """The array that the function is applied to."""
        if self.library:
            return n.args[0] if n.args else None
        return getattr(n.func, "value", None)


def _dots(text: Text, n: ast.Call, call: Called) -> Iterator[Change]:
    if len(n.args) == (2 if call.library else 1):
        left, right = call.owner(n), n.args[-1]
        yield from _matrix(text, n, left, right)
        yield "order", *text.span(n), f"({text.of(right)} @ {text.of(left)})", "the factors stand in the wrong order"


def _joins(text: Text, n: ast.Call, call: Called) -> Iterator[Change]:
    if n.args and isinstance(n.args[0], (ast.List, ast.Tuple)):
        yield from _joined(text, n.args[0])


def _reshapes(text: Text, n: ast.Call, call: Called) -> Iterator[Change]:
    owner = None if call.library else call.owner(n)
    if owner is not None:
        inner = _wrapped(text, owner)
        yield "reshaped", *text.span(n), f"{inner}.T", "a reshape where a transpose is meant"
        rest = text.source[text.span(owner)[1] : text.span(n)[1]].decode()
        for swap in ("swapaxes(0, 1)", "swapaxes(1, 2)", "swapaxes(-1, -2)"):
            yield "reshaped", *text.span(n), f"{inner}.{swap}{rest}", "axes must be exchanged before the reshape"


def _untransposed(text: Text, n: ast.Call, call: Called) -> Iterator[Change]:
    if not call.library and call.owner(n) is not None:
        yield "transposed", *text.span(n), text.of(call.owner(n)), "the transpose is one too many"


def _unapplied(text: Text, n: ast.Call, call: Called) -> Iterator[Change]:
    if call.owner(n) is not None:
        said = f"`{call.name}` is applied once more than needed"
        yield "wrong-value", *text.span(n), _wrapped(text, call.owner(n)), said


def _diagonal(text: Text, n: ast.Call, call: Called) -> Iterator[Change]:
    found = re.fullmatch(r"(\w+) \* \(1(?:\.0)? - \1\)", text.of(n.args[0])) if n.args else None
    if found:
        p, root = found[1], text.of(n.func).rpartition(".")[0]
        said = "only the diagonal p (1 - p) of the softmax Jacobian is used"
        yield "softmax-diagonal", *text.span(n), f"{root}.diag({p}) - {root}.outer({p}, {p})", said


def _subscripts(text: Text, n: ast.Call, call: Called) -> Iterator[Change]:
    if n.args and isinstance(n.args[0], ast.Constant):
        yield from _einsum(text, n.args[0])


def _axes(text: Text, n: ast.Call, call: Called) -> Iterator[Change]:
    """Another axis, or one where none is given."""
    axis = next((k.value for k in n.keywords if k.arg in ("axis", "dim")), None)
    rest = n.args[1:] if call.library else n.args
    axis = axis if axis is not None else next((a for a in rest if _number(a) is not None), None)
    old = _number(axis) if axis is not None else None
    for new in (0, 1, 2, -1, None) if old is not None else ():
        if new != old:
            said = f"over axis {old} where {'all axes' if new is None else new} is right"
            yield "axis", *text.span(axis), str(new), said
    if axis is None and call.name not in JOINS:
        end, word = text.span(n)[1], "dim" if "torch" in text.of(n) else "axis"
        for k in (0, 1):
            for keep in ("", ", keepdims=True"):
                more = f"{', ' if n.args or n.keywords else ''}{word}={k}{keep})"
                yield "extra-sum", end - 1, end, more, f"over all axes where axis {k} is right"


def _sums(text: Text, n: ast.Call, call: Called) -> Iterator[Change]:
    """A sum for a mean and the reverse; a sum too many."""
    spot = text.at(n.func.end_lineno, n.func.end_col_offset)
    other = "mean" if call.name == "sum" else "sum"
    yield "mean-factor", spot - len(call.name), spot, other, f"the {call.name} where the {other} is right"
    if call.owner(n) is not None:
        yield "extra-sum", *text.span(n), _wrapped(text, call.owner(n)), f"the {call.name} is one too many"


def _kept(text: Text, n: ast.Call, call: Called) -> Iterator[Change]:
    """keepdims missing, or one too many."""
    keep = next((k for k in n.keywords if k.arg in ("keepdims", "keepdim")), None)
    end = text.span(n)[1]
    if keep is None:
        said = "the reduced axis must be kept for broadcasting"
        yield "does-not-fit", end - 1, end, ", keepdims=True)", said
    elif isinstance(keep.value, ast.Constant) and keep.value.value is True:
        yield "does-not-fit", *text.span(keep.value), "False", "the reduced axis must not be kept"


_CALLS: tuple[tuple[set[str], Callable], ...] = (
    (REDUCTIONS, _axes),
    ({"sum", "mean"}, _sums),
    ({"sum", "mean", "max"}, _kept),
    (PRODUCTS, _dots),
    (JOINS, _joins),
    ({"reshape", "view"}, _reshapes),
    ({"transpose", "permute", "swapaxes"}, _untransposed),
    ({"tanh", "exp", "sigmoid", "log", "sqrt", "abs", "sign"}, _unapplied),
    ({"diag", "diagflat"}, _diagonal),
    ({"einsum"}, _subscripts),
)


def _number(n: ast.AST) -> int | None:
    if isinstance(n, ast.UnaryOp) and isinstance(n.op, ast.USub) and isinstance(n.operand, ast.Constant):
        return -n.operand.value if isinstance(n.operand.value, int) else None
    ok = isinstance(n, ast.Constant) and isinstance(n.value, int) and not isinstance(n.value, bool)
    return n.value if ok else None


def _joined(text: Text, n: ast.List | ast.Tuple) -> Iterator[Change]:
    parts = [text.of(e) for e in n.elts]
    marks = "[]" if isinstance(n, ast.List) else "()"
    for i in range(len(parts)):
        for j in range(i + 1, len(parts)):
            new = list(parts)
            new[i], new[j] = new[j], new[i]
            yield (
                "order",
                *text.span(n),
                f"{marks[0]}{', '.join(new)}{marks[1]}",
                "the parts are joined in the wrong order",
            )


def _einsum(text: Text, n: ast.Constant) -> Iterator[Change]:
    before, arrow, after = str(n.value).partition("->")
    letters = sorted(set(after.strip()))
    for a in letters:
        for b in letters:
            if a < b:
                new = after.translate(str.maketrans({a: b, b: a}))
                yield "transposed", *text.span(n), repr(f"{before}{arrow}{new}"), "subscripts of einsum are exchanged"
    for k, term in enumerate(before.split(",")):
        if len(term.strip()) == 2:
            terms = before.split(",")
            terms[k] = term.replace(term.strip(), term.strip()[::-1])
            yield (
                "transposed",
                *text.span(n),
                repr(f"{','.join(terms)}{arrow}{after}"),
                "subscripts of einsum are exchanged",
            )


def _unary(text: Text, n: ast.UnaryOp, names: Names) -> Iterator[Change]:
    if isinstance(n.op, ast.USub):
        yield "sign", *text.span(n), text.of(n.operand), "a minus sign is one too many"
    if isinstance(n.op, (ast.Invert, ast.Not)):
        yield "mask", *text.span(n), text.of(n.operand), "the mask is turned around"


def _comparison(text: Text, n: ast.Compare, names: Names) -> Iterator[Change]:
    old, *others = COMPARISONS.get(type(n.ops[0]), ("",))
    gap = text.span(n.left)[1], text.span(n.comparators[0])[0]
    between = text.source[gap[0] : gap[1]].decode()
    for new in others if old in between else ():
        yield "mask", *gap, between.replace(old, new), "the mask is turned around"


def _constant(text: Text, n: ast.Constant, names: Names) -> Iterator[Change]:
    if isinstance(n.value, (int, float)) and not isinstance(n.value, bool):
        for new in ("1", "2", "0.5", "3", "0", "-1"):
            if float(new) != n.value:
                yield "factor", *text.span(n), new, f"the number {new} is right, not {text.of(n)}"


def _attribute(text: Text, n: ast.Attribute, names: Names) -> Iterator[Change]:
    if n.attr == "T":
        yield "transposed", *text.span(n), text.of(n.value), f"`{text.of(n)}` must not be transposed"


_INSIDE: dict[type, Callable] = {
    ast.BinOp: _binary, ast.Call: _call, ast.UnaryOp: _unary, ast.Compare: _comparison, ast.Constant: _constant,
    ast.Attribute: _attribute,
}  # fmt: skip


def _exchanged(text: Text, part: ast.stmt, names: Names) -> Iterator[Change]:
    """Another array in the place of one, and the softmax of which only the diagonal is used."""
    inner = [n for n in ast.walk(part.value) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)]
    if isinstance(part, ast.Expr):
        return
    for n in inner:
        if n.id in names.factors or n.id in names.gradients:
            yield "sign", *text.span(n), f"(-{n.id})", f"the sign of `{n.id}` is the opposite"
    for n in inner:
        for other in names.peers.get(n.id, ()):
            yield "wrong-value", *text.span(n), other, f"`{n.id}` stands where `{other}` belongs"
    start, end = text.span(part.value)
    used = list(dict.fromkeys(n.id for n in inner))
    for p in used:
        for d in used:
            if p != d and d in names.gradients:
                said = "only the diagonal p (1 - p) of the softmax Jacobian is used"
                for axis in ("-1", "0"):
                    new = f"{p} * ({d} - ({d} * {p}).sum({axis}, keepdims=True))"
                    yield "softmax-diagonal", start, end, new, said


def _paths(text: Text, part: ast.stmt, names: Names) -> Iterator[Change]:
    """A further path: another gradient added."""
    if isinstance(part, ast.Expr):
        return
    start, end = text.span(part.value)
    inner = text.of(part.value)
    for d in names.gradients:
        said = f"|{d}"
        for new in (f"{inner} + {d}", f"{inner} - {d}", *(f"{inner} + {d} / {n}" for n in names.sizes),
                    *(f"{inner} - {d} / {n}" for n in names.sizes)):  # fmt: skip
            yield "forgotten-path", start, end, new, said


def _factors(text: Text, part: ast.stmt, names: Names) -> Iterator[Change]:
    """A factor left out, a sum left out."""
    if isinstance(part, ast.Expr):
        return
    start, end = text.span(part.value)
    inner = _wrapped(text, part.value)
    for d in names.gradients:
        yield "upstream", start, end, f"{d} * {inner}", f"the gradient `{d}` from above is left out"
    for v in names.factors:
        for kind, new in (("missing-factor", f"{inner} * {v}"), ("missing-factor", f"{inner} / {v}"),
                          ("activation", f"{inner} * (1 - {v} ** 2)"), ("activation", f"{inner} * {v} * (1 - {v})"),
                          ("mask", f"{inner} * ({v} > 0)"), ("power", f"{inner} / {v} ** 2")):  # fmt: skip
            yield kind, start, end, new, f"the factor `{new.removeprefix(inner).strip(' */')}` is left out"
    for sums in ("sum(0)", "sum(1)", "sum(0, keepdims=True)", "sum(1, keepdims=True)", "sum()"):
        new = f"{inner}.{sums}"
        yield "missing-sum", start, end, new, "the sum over the axis of broadcasting is missing"
    for term in itertools.islice((t for t in _summands(part.value) if t is not part.value), MOST_TERMS):
        for v in names.factors:
            yield "missing-factor", *text.span(term), f"{_wrapped(text, term)} * {v}", f"the factor `{v}` is left out in a term"


def _summands(value: ast.expr) -> Iterator[ast.expr]:
    """The terms of the sums in a value, outermost first."""
    for n in ast.walk(value):
        if isinstance(n, ast.BinOp) and isinstance(n.op, (ast.Add, ast.Sub)):
            yield from (m for m in (n.left, n.right) if not isinstance(m, ast.Constant))


__all__ = ["Edit", "Names", "edits"]
