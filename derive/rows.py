"""A user's row of the op table: judged like our own before it is used.

The slope against `sympy.diff` of the meaning, the NumPy text against the meaning, at points where they differ visibly;
the NumPy text may contain arithmetic and calls of `np` functions only, since it ends up in generated code.
"""

from __future__ import annotations

import ast
import math
import re

import numpy as np

from derive import expr as x
from derive.errors import Problem, Unsupported, Usage
from derive.expr import Entry, Expr
from derive.judges import interpreter
from derive.judges.evaluate import Undecided, World
from derive.judges.value import Floats
from derive.notation import parse
from derive.ops import OPS, OURS, Op

POINTS = (0.37, 1.21, -0.83, 2.6, -1.9, 0.058)
_TEMPLATE = (ast.Expression, ast.BinOp, ast.UnaryOp, ast.Call, ast.Attribute, ast.Name, ast.Constant, ast.Load,
             ast.operator, ast.unaryop, ast.Compare, ast.cmpop, ast.keyword)  # fmt: skip


def judge_row(row: Op) -> None:
    """Raises Usage for a row that contradicts itself or another, BadNotation for texts that do not parse."""
    if not row.name.isidentifier():
        raise Usage(f"`{row.name}` is no name for an op", hint="a name is a Python identifier")
    if not row.meaning and not row.sympy:
        raise Usage(f"the op `{row.name}` has no meaning", "its slope could not be judged", 'op("name", meaning="…")')
    for name in (row.name, *row.reads.split()):
        if name in OPS:
            raise Usage(f"`{name}` is already the op `{OPS[name].name}`")
    _judge_slopes(row)
    for template in filter(None, (row.numpy, row.stable)):
        _judge_numpy(row, template)


def _judge_slopes(row: Op) -> None:
    from derive.exchange import slopes_by_sympy

    if not row.slope:
        return
    if len(row.slopes) != row.arity:
        raise Usage(f"`{row.name}` has {row.arity} arguments and {len(row.slopes)} slopes", "each argument has a slope")
    bare = Op(row.name, row.args, row.meaning, sympy=row.sympy)
    for u, given, true in zip(row.args.split(), row.slopes, slopes_by_sympy(bare), strict=True):
        for point in _points(row):
            a, b = (_value(e, point, row) for e in (given, true))
            if math.isfinite(a + b) and abs(a - b) > 1e-9 * (1 + abs(b)):
                at = ", ".join(f"{k} = {v:g}" for k, v in point.items())
                raise Usage(f"the slope of `{row.name}` by {u} is not that of its meaning",
                            f"at {at} it gives {a:.6g}, and sympy.diff of the meaning {b:.6g}",
                            f"slope: {true}".replace("[]", ""))  # fmt: skip


def _points(row: Op) -> list[dict[str, float]]:
    names = row.args.split()
    return [{name: POINTS[(k + 2 * n) % len(POINTS)] for n, name in enumerate(names)} for k in range(len(POINTS))]


def _value(e: Expr, point: dict[str, float], row: Op) -> float:
    """The value at a point; NaN where it is not defined there."""
    if row.meaning_expr is not None:
        e = x.replace_entries(e, lambda t: row.meaning_expr if t.name == "y" else None)
    floats = Floats(World({}, {}, lambda n: False), lambda name: np.asarray(point[name]))
    try:
        with np.errstate(all="ignore"):
            return float(floats.over(e, ()))
    except (Undecided, KeyError):
        return math.nan


SIGMOID = "def sigmoid(u):\n    return 1 / (1 + np.exp(-u))\n"  # what templates mean by it


def _judge_numpy(row: Op, template: str) -> None:
    code = template.format(**{name: name for name in row.args.split()})
    _check_template(code, row)
    source = f"import numpy as np\n{SIGMOID}def forward({', '.join(row.args.split())}):\n    return {code}\n"
    for point in _points(row) if row.meaning_expr is not None else ():
        wanted = _value(row.meaning_expr, point, row)
        try:
            found = float(np.real(interpreter.run(source, point).outputs))
        except Problem:
            return  # a function that the interpreter does not know: the generated module's own tests will tell
        if math.isfinite(found + wanted) and abs(found - wanted) > 1e-9 * (1 + abs(wanted)):
            at = ", ".join(f"{k} = {v:g}" for k, v in point.items())
            raise Usage(f"the NumPy text of `{row.name}` does not compute its meaning",
                        f"at {at} it gives {found:.6g}, the meaning {wanted:.6g}")  # fmt: skip


def _check_template(code: str, row: Op) -> None:
    """Only arithmetic over the arguments and functions of np: this text becomes part of generated modules."""
    try:
        tree = ast.parse(code, mode="eval")
    except SyntaxError as problem:
        raise Usage(f"the NumPy text of `{row.name}` is no expression: {code}", problem.msg) from problem
    known = {*row.args.split(), "np", *OURS}
    for node in ast.walk(tree):
        named = isinstance(node, ast.Name) and node.id not in known
        hidden = isinstance(node, ast.Attribute) and (node.attr.startswith("_") or not isinstance(node.value, ast.Name))
        text = isinstance(node, ast.Constant) and not isinstance(node.value, (int, float))
        if named or hidden or text or not isinstance(node, _TEMPLATE):
            raise Usage(f"the NumPy text of `{row.name}` may hold arithmetic and np functions only: {code}",
                        hint='numpy="np.tanh({u})"')  # fmt: skip


def numpy_of(meaning: str, args: str) -> str:
    """The meaning as NumPy text with the arguments in braces."""
    names = args.split()
    return _numpy(parse(meaning, scalars=names), names) if meaning else ""


def _numpy(e: Expr, names: list[str]) -> str:
    def put(t: Expr) -> str:
        return _numpy(t, names)

    match e:
        case x.Num(value=value):
            return f"({value})" if value.denominator != 1 or value < 0 else str(value)
        case Entry(name=name) if name in names:
            return "{" + name + "}"
        case x.Add(terms=terms):
            return f"({' + '.join(map(put, terms))})"
        case x.Mul(factors=factors):
            return f"({' * '.join(map(put, factors))})"
        case x.Pow(base=base, exponent=exponent) if exponent.key == x.MINUS_ONE.key:
            return f"(1 / {put(base)})"
        case x.Pow(base=base, exponent=exponent):
            return f"({put(base)} ** {put(exponent)})"
        case x.Call(op=op, args=args):
            row = OPS[op]
            return (
                "("
                + re.sub(r"\{(\w+)\}", lambda m: put(args[row.args.split().index(m[1])]), row.stable or row.numpy)
                + ")"
            )
        case x.Ind(cond=x.Rel(op=op, left=a, right=b)) if isinstance(a, Expr) and isinstance(b, Expr):
            return f"({put(a)} { {'eq': '==', 'lt': '<', 'le': '<='}[op] } {put(b)})"
        case x.Cases(branches=((cond, value),), otherwise=otherwise):
            return f"np.where{put(x.Ind(cond))[:-1]}, {put(value)}, {put(otherwise)})"
    raise Unsupported(f"the meaning holds {e}", "no NumPy text follows from it", 'give it: numpy="…"')
