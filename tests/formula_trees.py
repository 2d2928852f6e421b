"""Formulas as trees that print LaTeX and compute by plain loops.  Nothing here uses the package."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

SIZES = {"i": 4, "k": 4, "j": 4, "m": 4, "b": 3, "c": 4, "l": 4, "n": 3, "d": 5, "e": 5, "p": 2, "q": 2}
MARK = ("⟦", "⟧")


@dataclass(frozen=True)
class T:
    """A node: what it is, its parts, and its data (a number, a name with letters, a letter)."""

    op: str
    parts: tuple[T, ...] = ()
    data: object = None
    marked: bool = False

    def __add__(self, o):
        return T("add", (self, _t(o)))

    def __sub__(self, o):
        return T("add", (self, T("neg", (_t(o),))))

    def __mul__(self, o):
        return T("mul", (self, _t(o)))

    def __rmul__(self, o):
        return T("mul", (_t(o), self))

    def __truediv__(self, o):
        return T("div", (self, _t(o)))

    def __pow__(self, o):
        return T("pow", (self,), o)

    def __neg__(self):
        return T("neg", (self,))


def _t(o) -> T:
    return o if isinstance(o, T) else T("num", data=o)


def v(name: str, *letters: str) -> T:
    return T("var", data=(name, letters))


def size(name: str, letter: str) -> T:
    return T("size", data=(name, letter))


def S(letter: str, body: T) -> T:
    return T("sum", (body,), letter)


def fn(name: str, u: T) -> T:
    return T("fn", (u,), name)


def delta(a: str, b: str) -> T:
    return T("delta", data=(a, b))


def case(a: str, b: str, same: T, other: T) -> T:
    """same where a = b, else other."""
    return T("cases", (same, other), (a, b))


LEVEL = {
    "add": 1,
    "neg": 1,
    "mul": 2,
    "sum": 2,
    "div": 3,
    "pow": 3,
    "num": 4,
    "var": 4,
    "size": 4,
    "fn": 4,
    "delta": 4,
    "cases": 2,
}


def tex(u: T, level: int = 0) -> str:
    """LaTeX, a marked node between marks."""
    text = _tex(u)
    low = LEVEL[u.op] < level or (u.op == "num" and u.data < 0)
    text = f"\\left({text}\\right)" if low else text
    return MARK[0] + text + MARK[1] if u.marked else text


def _tex(u: T) -> str:
    match u.op:
        case "num":
            return str(u.data) if isinstance(u.data, int) else f"\\frac{{{u.data.numerator}}}{{{u.data.denominator}}}"
        case "var":
            name, letters = u.data
            return f"{name}_{{{','.join(letters) if len(letters) > 1 else ''.join(letters)}}}" if letters else name
        case "size":
            return u.data[0]
        case "add":
            a, b = u.parts
            if b.op == "neg" and not b.marked:
                return f"{tex(a, 1)} - {tex(b.parts[0], 2)}"
            return f"{tex(a, 1)} + {tex(b, 2)}"
        case "neg":
            return f"-{tex(u.parts[0], 2)}"
        case "mul":
            a, b = u.parts
            left = tex(a, 3 if a.op == "sum" else 2)
            right = tex(b, 2)
            dot = "\\cdot " if right.lstrip(MARK[0])[:1].isdigit() else ""
            return f"{left} {dot}{right}"
        case "div":
            return f"\\frac{{{tex(u.parts[0])}}}{{{tex(u.parts[1])}}}"
        case "pow":
            if u.parts[0].op in ("sum", "div", "mul", "fn", "neg", "add"):
                return f"\\left({tex(u.parts[0])}\\right)^{{{u.data}}}"
            return f"{tex(u.parts[0], 4)}^{{{u.data}}}"
        case "sum":
            return f"\\sum_{{{u.data}}} {tex(u.parts[0], 2)}"
        case "fn":
            if u.data == "exp":
                return f"e^{{{tex(u.parts[0])}}}"
            return f"\\{u.data}\\left({tex(u.parts[0])}\\right)"
        case "delta":
            return f"\\delta_{{{''.join(u.data)}}}"
        case "cases":
            a, b = u.data
            return (
                f"\\begin{{cases}} {tex(u.parts[0])} & {a} = {b} \\\\ {tex(u.parts[1])} & {a} \\neq {b} \\end{{cases}}"
            )
    raise TypeError(u.op)


FUNCTIONS = {"exp": math.exp, "log": math.log, "tanh": math.tanh, "sin": math.sin, "cos": math.cos}


def value(u: T, data: dict[str, Callable], at: dict[str, int]) -> float:
    """The value at given letters, by plain loops."""
    match u.op:
        case "num":
            return float(u.data)
        case "var":
            name, letters = u.data
            return data[name](*(at[a] for a in letters))
        case "size":
            return float(SIZES[u.data[1]])
        case "add":
            return sum(value(p, data, at) for p in u.parts)
        case "neg":
            return -value(u.parts[0], data, at)
        case "mul":
            return math.prod(value(p, data, at) for p in u.parts)
        case "div":
            return value(u.parts[0], data, at) / value(u.parts[1], data, at)
        case "pow":
            return value(u.parts[0], data, at) ** float(Fraction(u.data))
        case "sum":
            return sum(value(u.parts[0], data, {**at, u.data: k}) for k in range(SIZES[u.data]))
        case "fn":
            return FUNCTIONS[u.data](value(u.parts[0], data, at))
        case "delta":
            return float(at[u.data[0]] == at[u.data[1]])
        case "cases":
            return value(u.parts[0] if at[u.data[0]] == at[u.data[1]] else u.parts[1], data, at)
    raise TypeError(u.op)


