"""Known mistakes, turned round: small changes of one statement, in the author's own text, each with its kind."""

from __future__ import annotations

import ast
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
COMPARISONS = {ast.Gt: (">", "<"), ast.Lt: ("<", ">"), ast.GtE: (">=", "<="), ast.LtE: ("<=", ">="), ast.Eq: ("==", "!="),
               ast.NotEq: ("!=", "==")}  # fmt: skip


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
    text = Text(lines, node)
    simple = [n for n in ast.walk(node) if isinstance(n, (ast.Assign, ast.AugAssign, ast.Expr))]
    makers: list[Callable] = [_statement, _whole, _inside, _exchanged, _paths, _factors]
    for make in makers:
        for part in simple:
            for kind, start, end, new, said in make(text, part, names):
                whole = text.put(start, end, new)
                shift = len(whole.encode()) - len(text.source)
                inner = whole.encode()[text.span(part)[0] : text.span(part)[1] + shift].decode()
                yield Edit(kind, whole, inner, part.lineno, said)


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
    start, end = text.span(n)
    left, right = text.of(n.left), text.of(n.right)
    gap = (text.span(n.left)[1], text.span(n.right)[0])
    between = text.source[gap[0] : gap[1]].decode()
    turned = {ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "/"), ast.Div: ("/", "*")}.get(type(n.op))
    if turned and turned[0] in between:
        kind = "sign" if isinstance(n.op, (ast.Add, ast.Sub)) else "operation"
        said = f"`{turned[0]}` where `{turned[1]}` is right"
        yield kind, *gap, between.replace(turned[0], turned[1], 1), said
    if isinstance(n.op, (ast.Mult, ast.Div)):
        yield from _product(text, n, names)
    if isinstance(n.op, (ast.Add, ast.Sub)):
        yield "extra-path", start, end, left, f"the term `{right}` belongs to no path"
        yield (
            "extra-path",
            start,
            end,
            right if isinstance(n.op, ast.Add) else f"-{right}",
            f"the term `{left}` belongs to no path",
        )
        for side in (n.left, n.right):
            yield "power", *text.span(side), f"{_wrapped(text, side)} ** 2", f"`{text.of(side)}` must be squared"
            for size in names.sizes:
                said = f"the factor {size} is lost in one term"
                yield "factor", *text.span(side), f"{_wrapped(text, side)} * {size}", said
                yield "factor", *text.span(side), f"{_wrapped(text, side)} / {size}", said
                said = "biased and unbiased variance are mixed up"
                yield "bias", *text.span(side), f"{size} / ({size} - 1) * {_wrapped(text, side)}", said
    if isinstance(n.op, ast.Pow):
        yield from _powers(text, n)
    if isinstance(n.op, ast.MatMult):
        yield from _matrix(text, n, n.left, n.right)
        yield "order", start, end, f"{right} @ {left}", "the factors stand in the wrong order"
    if isinstance(n.op, (ast.Sub, ast.Div)):
        sign = "-" if isinstance(n.op, ast.Sub) else "/"
        yield (
            "order",
            start,
            end,
            f"({_wrapped(text, n.right)} {sign} {_wrapped(text, n.left)})",
            "the operands are exchanged",
        )
    if re.fullmatch(r"\(?\s*\w+ - 1\s*\)?", f"{left} - {right}".strip()) and isinstance(n.op, ast.Sub):
        yield "bias", start, end, left, "n - 1 where n is right: biased and unbiased variance"


def _product(text: Text, n: ast.BinOp, names: Names) -> Iterator[Change]:
    start, end = text.span(n)
    left, right = text.of(n.left), text.of(n.right)
    for kept, dropped in ((n.left, n.right), (n.right, n.left)):
        if isinstance(n.op, ast.Div) and kept is n.right:
            continue
        what = text.of(dropped)
        number = isinstance(dropped, ast.Constant) or what.strip("()") in names.sizes
        kind = "factor" if number else "extra-path"
        yield kind, start, end, text.of(kept), f"the factor `{what}` is one too many"
    if isinstance(n.op, ast.Mult):
        for side, other in ((n.left, n.right), (n.right, n.left)):
            total = _total(text, side)
            if total is not None:
                yield (
                    "factor-out-of-sum",
                    start,
                    end,
                    total.format(_wrapped(text, other)),
                    f"`{text.of(other)}` must stay inside the sum",
                )
    if isinstance(n.op, ast.Div):
        for power in (2, 3):
            yield (
                "power",
                *text.span(n.right),
                f"{_wrapped(text, n.right)} ** {power}",
                f"the divisor needs the power {power}",
            )
    for side in (n.left, n.right):
        inner = _wrapped(text, side)
        yield "power", *text.span(side), f"{inner} ** 2", f"`{text.of(side)}` must be squared"
    for a, b in ((n.left, n.right), (n.right, n.left)):
        if isinstance(n.op, ast.Mult) and re.fullmatch(r"\(?1(\.0?)? - (\w+)\)?", text.of(b)):
            said = "the derivative of another function"
            owner = re.search(r"- (\w+)", text.of(b))[1]
            if owner == text.of(a):
                yield "activation", start, end, f"(1 - {owner} ** 2)", said
            inner = a.right if isinstance(a, ast.BinOp) and isinstance(a.op, ast.Mult) else None
            if inner is not None and text.of(inner) == owner:
                yield "activation", start, end, f"{text.of(a.left)} * (1 - {owner} ** 2)", said
    if re.search(r"1(\.0?)? - \w+ ?\*\* ?2", left) or re.search(r"1(\.0?)? - \w+ ?\*\* ?2", right):
        owner = re.search(r"- (\w+) ?\*\*", text.of(n))
        if owner:
            changed = re.sub(r"\(?1(\.0?)? - (\w+) ?\*\* ?2\)?", r"\2 * (1 - \2)", text.of(n))
            yield "activation", start, end, changed, "the derivative of another function"
    if isinstance(n.op, ast.Div) and right.strip("()").strip() in names.sizes:
        yield "bias", *text.span(n.right), f"({right} - 1)", "n where n - 1 is right: biased and unbiased variance"


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


def _matrix(text: Text, n: ast.AST, left: ast.expr, right: ast.expr) -> Iterator[Change]:
    for side in (left, right):
        inner = text.of(side)
        if inner.endswith(".T"):
            yield "transposed", *text.span(side), inner[:-2], f"`{inner}` must not be transposed"
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
    start, end = text.span(n)
    library = isinstance(func, ast.Attribute) and text.of(func.value) in ("np", "torch", "F", "numpy", "jnp")
    if name in REDUCTIONS:
        yield from _axes(text, n, name, library)
    if name in PRODUCTS and (len(n.args) == 2 if library else len(n.args) == 1):
        left, right = (n.args[0], n.args[1]) if library else (func.value, n.args[0])
        yield from _matrix(text, n, left, right)
        yield "order", start, end, f"({text.of(right)} @ {text.of(left)})", "the factors stand in the wrong order"
    if name in JOINS and n.args and isinstance(n.args[0], (ast.List, ast.Tuple)):
        yield from _joined(text, n.args[0])
    if name in ("reshape", "view") and isinstance(func, ast.Attribute) and not library:
        inner = _wrapped(text, func.value)
        yield "reshaped", start, end, f"{inner}.T", "a reshape where a transpose is meant"
        rest = text.source[text.span(func.value)[1] : end].decode()
        for swap in ("swapaxes(0, 1)", "swapaxes(1, 2)", "swapaxes(-1, -2)"):
            yield "reshaped", start, end, f"{inner}.{swap}{rest}", "axes must be exchanged before the reshape"
    if name in ("transpose", "permute", "swapaxes") and isinstance(func, ast.Attribute) and not library:
        yield "transposed", start, end, text.of(func.value), "the transpose is one too many"
    if name in ("tanh", "exp", "sigmoid", "log", "sqrt", "abs", "sign"):
        inner = n.args[0] if library and n.args else getattr(func, "value", None)
        if inner is not None:
            yield "wrong-value", start, end, _wrapped(text, inner), f"`{name}` is applied once more than needed"
    if name in ("diag", "diagflat") and n.args:
        found = re.fullmatch(r"(\w+) \* \(1(?:\.0)? - \1\)", text.of(n.args[0]))
        if found:
            p, root = found[1], text.of(func).rpartition(".")[0]
            said = "only the diagonal p (1 - p) of the softmax Jacobian is used"
            yield "softmax-diagonal", start, end, f"{root}.diag({p}) - {root}.outer({p}, {p})", said
    if name == "einsum" and n.args and isinstance(n.args[0], ast.Constant):
        yield from _einsum(text, n.args[0])


def _axes(text: Text, n: ast.Call, name: str, library: bool) -> Iterator[Change]:
    start, end = text.span(n)
    axis = next((k.value for k in n.keywords if k.arg in ("axis", "dim")), None)
    rest = n.args[1:] if library else n.args
    axis = axis if axis is not None else next((a for a in rest if _number(a) is not None), None)
    if axis is not None:
        old = _number(axis)
        for new in (0, 1, 2, -1, None):
            if new != old and old is not None:
                yield (
                    "axis",
                    *text.span(axis),
                    str(new),
                    f"over axis {old} where {'all axes' if new is None else new} is right",
                )
    elif name not in JOINS:
        word = "dim" if "torch" in text.of(n) else "axis"
        for k in (0, 1):
            for keep in ("", ", keepdims=True"):
                more = f"{', ' if n.args or n.keywords else ''}{word}={k}{keep})"
                yield "extra-sum", end - 1, end, more, f"over all axes where axis {k} is right"
    if name in ("sum", "mean"):
        spot = text.at(n.func.end_lineno, n.func.end_col_offset)
        other = "mean" if name == "sum" else "sum"
        kind = "mean-factor"
        yield kind, spot - len(name), spot, other, f"the {name} where the {other} is right"
        inner = n.args[0] if library and n.args else getattr(n.func, "value", None)
        if inner is not None:
            yield "extra-sum", start, end, _wrapped(text, inner), f"the {name} is one too many"
    keep = next((k for k in n.keywords if k.arg in ("keepdims", "keepdim")), None)
    if keep is None and name in ("sum", "mean", "max"):
        yield "does-not-fit", end - 1, end, ", keepdims=True)", "the reduced axis must be kept for broadcasting"
    elif keep is not None and isinstance(keep.value, ast.Constant) and keep.value.value is True:
        yield "does-not-fit", *text.span(keep.value), "False", "the reduced axis must not be kept"


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
    old, new = COMPARISONS.get(type(n.ops[0]), ("", ""))
    gap = text.span(n.left)[1], text.span(n.comparators[0])[0]
    between = text.source[gap[0] : gap[1]].decode()
    if old and old in between:
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
    for new in (f"{inner}.sum(0)", f"{inner}.sum(1)", f"{inner}.sum(0, keepdims=True)", f"{inner}.sum(1, keepdims=True)",
                f"{inner}.sum()"):  # fmt: skip
        yield "missing-sum", start, end, new, "the sum over the axis of broadcasting is missing"


__all__ = ["Edit", "Names", "edits"]
