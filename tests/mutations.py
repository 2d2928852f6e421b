"""Right derivations that are broken on purpose, and a judge of their own: trees that print LaTeX and compute by loops.

Nothing here uses the package: a mutation counts only when plain Python finds other numbers than before.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

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
            return value(u.parts[0], data, at) ** float(u.data)
        case "sum":
            return sum(value(u.parts[0], data, {**at, u.data: k}) for k in range(SIZES[u.data]))
        case "fn":
            return FUNCTIONS[u.data](value(u.parts[0], data, at))
        case "delta":
            return float(at[u.data[0]] == at[u.data[1]])
        case "cases":
            return value(u.parts[0] if at[u.data[0]] == at[u.data[1]] else u.parts[1], data, at)
    raise TypeError(u.op)


@dataclass(frozen=True)
class Base:
    """A derivation: definitions and words, the left side, its letters, its right forms, data from a seed."""

    name: str
    words: str
    left: str
    letters: tuple[str, ...]
    lines: tuple[T, ...]
    data: Callable[[random.Random], dict[str, Callable]] = field(compare=False, default=None)


def arrays(rng: random.Random, **shapes: str) -> dict[str, Callable]:
    """Random arrays by name over letters, positive where the name says so."""
    found = {}
    for name, letters in shapes.items():
        table: dict = {}

        def read(*at, table=table):
            if at not in table:
                table[at] = rng.uniform(0.3, 1.6) * rng.choice((-1, 1))
            return table[at]

        found[name] = read
        del letters
    return found


def _softmax(x: Callable, count: int) -> Callable:
    return lambda i: math.exp(x(i)) / sum(math.exp(x(k)) for k in range(count))


def _vector(rng):
    data = arrays(rng, x="i", y="i")
    data["s"] = _softmax(data["x"], 4)
    label = rng.randrange(4)
    data["t"] = lambda i: float(i == label)
    return data


def _batch(rng):
    data = arrays(rng, z="bc", W="pc", X="bp", G="bc", u="bc")
    z = data["z"]
    data["p"] = lambda b, c: math.exp(z(b, c)) / sum(math.exp(z(b, k)) for k in range(4))
    labels = [rng.randrange(4) for _ in range(3)]
    data["y"] = lambda b, c: float(labels[b] == c)
    return data


def _line(rng):
    return arrays(rng, a="", w="", x="n", t="n")


def _norm(rng):
    data = arrays(rng, x="d", g="d")
    count = SIZES["d"]
    data[r"\mu"] = lambda: sum(data["x"](k) for k in range(count)) / count
    data["v"] = lambda: sum((data["x"](k) - data[r"\mu"]()) ** 2 for k in range(count)) / count
    data[r"\epsilon"] = lambda: 0.1
    return data


def _tanh(rng):
    data = arrays(rng, x="d", w="d", b="", r="")
    data["h"] = lambda: math.tanh(sum(data["w"](k) * data["x"](k) for k in range(SIZES["d"])) + data["b"]())
    return data


def bases() -> list[Base]:
    """The right derivations."""
    e = lambda i: fn("exp", v("x", i))  # noqa: E731
    Z = S("j", e("j"))
    s, y = (lambda i: v("s", i)), (lambda i: v("t", i))
    soft = r"$$s_i = \frac{e^{x_i}}{\sum_j e^{x_j}}$$"
    ce = soft + "\n\nLet $t$ be one-hot, $\\sum_i t_i = 1$.\n\n$$L = -\\sum_i t_i \\log s_i$$"
    m = size("B", "b")
    p, Y = (lambda b, c: v("p", b, c)), (lambda b, c: v("y", b, c))
    batch = (
        r"$$p_{b,c} = \frac{e^{z_{b,c}}}{\sum_{k=1}^{C} e^{z_{b,k}}}$$"
        "\n\nLet $y$ be one-hot, $\\sum_c y_{b,c} = 1$.\n\n"
        r"$$L = -\frac{1}{B}\sum_{b=1}^{B}\sum_c y_{b,c}\log p_{b,c}$$"
    )
    affine = r"$$u_{b,c} = \sum_p X_{b,p} W_{p,c}$$" "\n\n" r"Let $G_{b,c} = \partial L/\partial u_{b,c}$."
    res = v("t", "n") - v("a") - v("w") * v("x", "n")
    line = r"$$J = \sum_{n=1}^{N} (t_n - a - w x_n)^2$$"
    tanh = r"$$h = \tanh(\sum_{d=1}^{D} w_d x_d + b)$$" "\n\n$$L = r h^2$$"
    norm = (
        r"$$\mu = \frac{1}{D}\sum_{d=1}^{D} x_d$$"
        "\n\n"
        r"$$v = \frac{1}{D}\sum_d (x_d - \mu)^2$$"
        "\n\n"
        r"$$L = \sum_d g_d (x_d - \mu)(v + \epsilon)^{-1/2}$$"
    )
    xm = lambda a: v("x", a) - v(r"\mu")  # noqa: E731
    ve = v("v") + v(r"\epsilon")
    return [
        Base(
            "softmax",
            soft,
            r"\frac{\partial s_i}{\partial x_k}",
            ("i", "k"),
            (
                (delta("i", "k") * e("i") * Z - e("i") * e("k")) / Z**2,
                s("i") * (delta("i", "k") - s("k")),
                s("i") * delta("i", "k") - s("i") * s("k"),
                case("i", "k", s("i") * (_t(1) - s("i")), -(s("i") * s("k"))),
            ),
            _vector,
        ),
        Base(
            "log-softmax",
            soft,
            r"\frac{\partial \log s_i}{\partial x_k}",
            ("i", "k"),
            (
                delta("i", "k") - _t(1) / Z * S("j", e("j") * delta("j", "k")),
                delta("i", "k") - e("k") / Z,
                delta("i", "k") - s("k"),
            ),
            _vector,
        ),
        Base(
            "cross-entropy",
            ce,
            r"\frac{\partial L}{\partial x_k}",
            ("k",),
            (
                -S("i", y("i") / s("i") * s("i") * (delta("i", "k") - s("k"))),
                -S("i", y("i") * (delta("i", "k") - s("k"))),
                -y("k") + S("i", y("i") * s("k")),
                -y("k") + s("k"),
                s("k") - y("k"),
            ),
            _vector,
        ),
        Base(
            "batch",
            batch,
            r"\frac{\partial L}{\partial z_{b,c}}",
            ("b", "c"),
            (
                _t(1) / m * (p("b", "c") - Y("b", "c")),
                _t(1) / m * (p("b", "c") * S("k", Y("b", "k")) - Y("b", "c")),
                p("b", "c") / m - Y("b", "c") / m,
            ),
            _batch,
        ),
        Base(
            "batch-p",
            batch,
            r"\frac{\partial L}{\partial p_{b,c}}",
            ("b", "c"),
            (-(_t(1) / m * (Y("b", "c") / p("b", "c"))), -(Y("b", "c") / (m * p("b", "c")))),
            _batch,
        ),
        Base(
            "affine-W",
            affine,
            r"\frac{\partial L}{\partial W_{p,c}}",
            ("p", "c"),
            (
                S("b", S("k", v("G", "b", "k") * v("X", "b", "p") * delta("k", "c"))),
                S("b", v("X", "b", "p") * v("G", "b", "c")),
            ),
            _batch,
        ),
        Base(
            "affine-X",
            affine,
            r"\frac{\partial L}{\partial X_{b,p}}",
            ("b", "p"),
            (S("c", v("G", "b", "c") * v("W", "p", "c")),),
            _batch,
        ),
        Base(
            "line-w",
            line,
            r"\frac{\partial J}{\partial w}",
            (),
            (
                S("n", _t(2) * res * (-v("x", "n"))),
                -(_t(2) * S("n", v("x", "n") * res)),
                -(_t(2) * S("n", v("x", "n") * v("t", "n")))
                + _t(2) * v("a") * S("n", v("x", "n"))
                + _t(2) * v("w") * S("n", v("x", "n") ** 2),
            ),
            _line,
        ),
        Base(
            "line-a",
            line,
            r"\frac{\partial J}{\partial a}",
            (),
            (
                -(_t(2) * S("n", res)),
                _t(2) * size("N", "n") * v("a") + _t(2) * v("w") * S("n", v("x", "n")) - _t(2) * S("n", v("t", "n")),
            ),
            _line,
        ),
        Base(
            "tanh",
            tanh,
            r"\frac{\partial L}{\partial w_d}",
            ("d",),
            (
                _t(2) * v("r") * v("h") * (_t(1) - v("h") ** 2) * v("x", "d"),
                _t(2) * v("r") * v("h") * v("x", "d") - _t(2) * v("r") * v("h") ** 3 * v("x", "d"),
            ),
            _tanh,
        ),
        Base(
            "norm",
            norm,
            r"\frac{\partial L}{\partial v}",
            (),
            (-(_t(1) / _t(2) * S("d", v("g", "d") * xm("d")) * ve ** "-3/2"),),
            _norm_half,
        ),
        Base(
            "lse",
            "$$F = \\log \\sum_j e^{x_j}$$\n\n$$s_i = \\frac{e^{x_i}}{\\sum_j e^{x_j}}$$",
            r"\frac{\partial F}{\partial x_k}",
            ("k",),
            (_t(1) / Z * S("j", e("j") * delta("j", "k")), e("k") / Z, s("k")),
            _vector,
        ),
    ]


def _norm_half(rng):
    return _norm(rng)


# ---------------------------------------------------------------- breaking


def nodes(u: T, path: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], T]]:
    yield path, u
    for k, p in enumerate(u.parts):
        yield from nodes(p, (*path, k))


def put(u: T, path: tuple[int, ...], new: T) -> T:
    if not path:
        return new
    parts = list(u.parts)
    parts[path[0]] = put(parts[path[0]], path[1:], new)
    return replace(u, parts=tuple(parts))


def mutations(u: T, rng: random.Random) -> Iterator[tuple[str, T]]:
    """Broken versions of a line, the changed node marked."""
    for path, node in nodes(u):
        for kind, new in _broken(node, rng):
            yield kind, put(u, path, replace(new, marked=True))


def _broken(node: T, rng: random.Random) -> Iterator[tuple[str, T]]:
    yield "sign", T("neg", (node,)) if node.op != "neg" else node.parts[0]
    yield "factor", T("mul", (T("num", data=rng.choice((2, 3))), node))
    if node.op == "num" and node.data == 2:
        yield "factor", T("num", data=1)
    if node.op == "div" and node.parts[1].op == "size":
        yield "mean", node.parts[0]
    if node.op == "sum":
        yield "lost-sum-factor", T("mul", (node.parts[0], node))
    if node.op == "var":
        name, letters = node.data
        for k in range(len(letters)):
            others = [a for a in "ikjbcpd" if a != letters[k] and SIZES[a] == SIZES[letters[k]]]
            new = rng.choice(others) if others else letters[k]
            yield "index", replace(node, data=(name, (*letters[:k], new, *letters[k + 1 :])))
    if node.op == "delta":
        yield "delta", T("num", data=1)
    if node.op == "pow":
        yield "power", node.parts[0]
    if node.op == "fn":
        yield "function", node.parts[0]
    if node.op == "cases":
        yield "cases", replace(node, parts=(node.parts[1], node.parts[0]))
    if node.op == "mul" and len(node.parts) == 2 and node.parts[1].op == "add":
        a, (b, c) = node.parts[0], node.parts[1].parts
        yield "parenthesis", T("add", (T("mul", (a, b)), c))
    if node.op == "sum" and node.parts[0].op == "mul":
        a, b = node.parts[0].parts
        yield "out-of-sum", T("mul", (a, T("sum", (b,), node.data)))
    if node.op == "div":
        yield "upside-down", T("div", (node.parts[1], node.parts[0]))
    if node.op == "add":
        yield "lost-term", node.parts[0]


def free_letters(u: T) -> set[str]:
    match u.op:
        case "var":
            return set(u.data[1])
        case "delta":
            return set(u.data)
        case "cases":
            return set(u.data) | set().union(*(free_letters(p) for p in u.parts))
        case "sum":
            return free_letters(u.parts[0]) - {u.data}
    return set().union(*(free_letters(p) for p in u.parts)) if u.parts else set()


def different(a: T, b: T, base: Base, seed: int) -> bool | None:
    """Whether plain loops find other numbers; None when they cannot say."""
    rng = random.Random(seed)
    extra = sorted(free_letters(b) - set(base.letters))
    for trial in range(2):
        data = base.data(random.Random(seed + trial))
        for _ in range(12):
            at = {a_: rng.randrange(SIZES[a_]) for a_ in (*base.letters, *extra)}
            try:
                u, w = value(a, data, at), value(b, data, at)
            except (ValueError, ZeroDivisionError, OverflowError, TypeError):
                return None
            if isinstance(w, complex):
                return None
            if abs(u - w) > 1e-6 * max(1.0, abs(u), abs(w)):
                return True
    return False


def document(base: Base, line: int, new: T) -> tuple[str, int, int, int]:
    """The notes with one line broken; the line number of the claim and the columns of the mark."""
    rows = [tex(u) for u in base.lines[: line + 1]]
    rows[line] = tex(new)
    head = base.words + "\n\n"
    body = f"$${base.left}\n" + "\n".join(f"= {row}" for row in rows) + "$$\n"
    text = head + body
    at = text.index(MARK[0])
    number = text.count("\n", 0, at) + 1
    start = at - (text.rfind("\n", 0, at) + 1) + 1
    end = start + text.index(MARK[1]) - at - 1
    return text.replace(MARK[0], "").replace(MARK[1], ""), number, start, end


def corpus(count: int, seed: int = 1) -> Iterator[tuple[str, str, tuple[str, int, int, int]]]:
    """`count` broken documents, each confirmed different: base, kind, document with its place."""
    rng = random.Random(seed)
    pool = []
    for base in bases():
        for line, u in enumerate(base.lines):
            pool += [(base, line, u, kind, new) for kind, new in mutations(u, rng)]
    made = 0
    while made < count:
        rng.shuffle(pool)
        for base, line, u, kind, new in pool:
            if made >= count:
                return
            if different(u, new, base, rng.randrange(10**6)):
                made += 1
                yield base.name, kind, document(base, line, new)
        seed += 1
        if count <= len(pool):
            continue
        pool = [
            (b, n, u, k + "+" + k2, w)
            for b, n, u, k, m in pool[:400]
            for k2, w in list(mutations(_plain(m), rng))[:: max(1, len(pool) // 400)][:40]
        ]


def _plain(u: T) -> T:
    return replace(u, marked=False, parts=tuple(_plain(p) for p in u.parts))
