"""Right derivations in many forms: definitions, the left side, its right forms line by line, and data for the loops."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from formula_trees import SIZES, S, T, _t, case, delta, fn, size, v


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


