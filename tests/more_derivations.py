"""More right derivations: regression, two layers, attention, normalisation, Hessians, quotients, roots, waves."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from derivations import Base, arrays
from formula_trees import SIZES, S, T, _t, delta, fn, size, v

Data = Callable[[random.Random], dict[str, Callable]]
D = SIZES["d"]


def given(positive: str = "", **made: Callable[[dict], Callable]) -> Data:
    """Random arrays for every name that is read; those in `positive` positive; `made` are computed from the others."""

    def draw(rng: random.Random) -> dict[str, Callable]:
        data = _Drawn(rng, positive.split())
        for name, make in made.items():
            data[NAMES.get(name, name)] = make(data)
        return data

    return draw


NAMES = {"mu": r"\mu", "eps": r"\epsilon", "lam": r"\lambda", "tau": r"\tau"}


class _Drawn(dict):
    """Arrays drawn when they are first asked for, in the order of asking, from one seed."""

    def __init__(self, rng: random.Random, positive: list[str]):
        super().__init__()
        self.seed, self.positive = rng.random(), positive

    def __missing__(self, name: str) -> Callable:
        found = arrays(random.Random(f"{self.seed} {name}"), **{name: ""})[name]
        self[name] = (lambda *at: abs(found(*at))) if name in self.positive else found
        return self[name]


def over(letter: str, f: Callable) -> float:
    return sum(f(k) for k in range(SIZES[letter]))


def softmax(x: Callable, n: int = 4, scale: Callable = lambda: 1.0) -> Callable:
    return lambda i: math.exp(x(i) / scale()) / sum(math.exp(x(k) / scale()) for k in range(n))


_1, _2 = _t(1), _t(2)
x, s = (lambda i: v("x", i)), (lambda i: v("s", i))
mu, eps, lam, tau = v(r"\mu"), v(r"\epsilon"), v(r"\lambda"), v(r"\tau")
SOFT = r"$$s_i = \frac{e^{x_i}}{\sum_j e^{x_j}}$$"
GRAD = r"\frac{\partial L}{\partial "


def _p_logistic(d: dict) -> Callable:
    return lambda n: 1 / (1 + math.exp(-over("d", lambda k: d["w"](k) * d["x"](n, k))))


def regressions() -> list[Base]:
    p, t, w = (lambda n: v("p", n)), (lambda n: v("t", n)), (lambda d: v("w", d))
    xn = lambda n, d: v("x", n, d)  # noqa: E731
    logistic = (
        r"$$p_n = \frac{1}{1 + e^{-\sum_{d=1}^{D} w_d x_{n,d}}}$$" "\n\n"
        r"$$L = -\sum_{n=1}^{N} \left(t_n \log p_n + (1 - t_n)\log(1 - p_n)\right)$$"
    )
    linear = r"$$L = \frac{1}{N}\sum_{n=1}^{N} \left(\sum_{d=1}^{D} w_d x_{n,d} - t_n\right)^2$$"
    ridge = r"$$L = \sum_{n=1}^{N} \left(\sum_{d=1}^{D} w_d x_{n,d} - t_n\right)^2 + \lambda \sum_d w_d^2$$"
    r = lambda n: S("e", w("e") * xn(n, "e")) - t(n)  # noqa: E731
    N = size("N", "n")
    made = given(p=_p_logistic)
    return [
        Base("logistic", logistic, GRAD + "w_d}", ("d",), (
            S("n", (p("n") - t("n")) * xn("n", "d")),
            S("n", p("n") * xn("n", "d")) - S("n", t("n") * xn("n", "d")),
            -S("n", (t("n") - p("n")) * xn("n", "d")),
            S("n", (p("n") * (_1 - t("n")) - t("n") * (_1 - p("n"))) * xn("n", "d")),
        ), made),
        Base("logistic-hessian", logistic, r"\frac{\partial^2 L}{\partial w_d \partial w_e}", ("d", "e"), (
            S("n", p("n") * (_1 - p("n")) * xn("n", "d") * xn("n", "e")),
            S("n", p("n") * xn("n", "d") * xn("n", "e")) - S("n", p("n") ** 2 * xn("n", "d") * xn("n", "e")),
        ), made),
        Base("linear", linear, GRAD + "w_d}", ("d",), (
            _2 / N * S("n", r("n") * xn("n", "d")),
            _1 / N * S("n", _2 * xn("n", "d") * r("n")),
            _2 / N * S("n", xn("n", "d") * S("e", w("e") * xn("n", "e"))) - _2 / N * S("n", xn("n", "d") * t("n")),
        ), given()),
        Base("ridge", ridge, GRAD + "w_d}", ("d",), (
            _2 * S("n", r("n") * xn("n", "d")) + _2 * lam * w("d"),
            _2 * (S("n", xn("n", "d") * r("n")) + lam * w("d")),
            _2 * S("e", w("e") * S("n", xn("n", "d") * xn("n", "e"))) - _2 * S("n", xn("n", "d") * t("n")) + _2 * lam * w("d"),
        ), given()),
        Base("linear-hessian", linear, r"\frac{\partial^2 L}{\partial w_d \partial w_e}", ("d", "e"), (
            _2 / N * S("n", xn("n", "d") * xn("n", "e")),
            _1 / N * S("n", _2 * xn("n", "d") * xn("n", "e")),
        ), given()),
    ]  # fmt: skip


def vectors() -> list[Base]:
    H = "$$H = -\\sum_i s_i \\log s_i$$"
    q = lambda i: v("q", i)  # noqa: E731
    logs = lambda i: fn("log", s(i))  # noqa: E731
    soft = given(s=lambda d: softmax(d["x"]))
    warm = given("\\tau", s=lambda d: softmax(d["x"], 4, d[r"\tau"]))
    total = lambda f: S("j", f("j"))  # noqa: E731
    e = lambda i: fn("exp", x(i))  # noqa: E731
    return [
        Base("kl", SOFT + "\n\nLet $q$ be given, $\\sum_i q_i = 1$.\n\n$$F = -\\sum_i q_i \\log s_i$$", r"\frac{\partial F}{\partial x_k}", ("k",), (
            -S("i", q("i") * (delta("i", "k") - s("k"))),
            s("k") * S("i", q("i")) - q("k"),
        ), given(s=lambda d: softmax(d["x"]), q=lambda d: softmax(d["z"]))),
        Base("entropy", SOFT + "\n\n" + H, r"\frac{\partial H}{\partial x_k}", ("k",), (
            -S("i", (logs("i") + _1) * s("i") * (delta("i", "k") - s("k"))),
            -(s("k") * logs("k")) + s("k") * S("i", s("i") * logs("i")),
            -(s("k") * (logs("k") - S("i", s("i") * logs("i")))),
        ), soft),
        Base("attention", SOFT + "\n\n$$c = \\sum_i s_i a_i$$", r"\frac{\partial c}{\partial x_k}", ("k",), (
            S("i", v("a", "i") * s("i") * (delta("i", "k") - s("k"))),
            s("k") * v("a", "k") - s("k") * S("i", s("i") * v("a", "i")),
            s("k") * (v("a", "k") - S("i", s("i") * v("a", "i"))),
        ), soft),
        Base("brier", SOFT + "\n\n$$L = \\sum_i (s_i - t_i)^2$$", GRAD + "x_k}", ("k",), (
            S("i", _2 * (s("i") - v("t", "i")) * s("i") * (delta("i", "k") - s("k"))),
            _2 * s("k") * (s("k") - v("t", "k")) - _2 * s("k") * S("i", s("i") * (s("i") - v("t", "i"))),
            _2 * s("k") * (s("k") - v("t", "k") - S("i", s("i") * (s("i") - v("t", "i")))),
        ), soft),
        Base("ce-hessian", SOFT + "\n\nLet $y$ be one-hot, $\\sum_i y_i = 1$.\n\n$$L = -\\sum_i y_i \\log s_i$$", r"\frac{\partial^2 L}{\partial x_i \partial x_k}", ("i", "k"), (
            s("i") * (delta("i", "k") - s("k")),
            s("i") * delta("i", "k") - s("i") * s("k"),
            e("i") * delta("i", "k") / total(e) - e("i") * e("k") / total(e) ** 2,
        ), soft),
        Base("temperature", r"$$s_i = \frac{e^{x_i/\tau}}{\sum_j e^{x_j/\tau}}$$", r"\frac{\partial s_i}{\partial x_k}", ("i", "k"), (
            _1 / tau * s("i") * (delta("i", "k") - s("k")),
            s("i") * delta("i", "k") / tau - s("i") * s("k") / tau,
        ), warm),
        Base("temperature-tau", r"$$s_i = \frac{e^{x_i/\tau}}{\sum_j e^{x_j/\tau}}$$", r"\frac{\partial s_i}{\partial \tau}", ("i",), (
            -(s("i") / tau**2 * (x("i") - S("j", s("j") * x("j")))),
            s("i") / tau**2 * S("j", s("j") * x("j")) - s("i") * x("i") / tau**2,
        ), warm),
        Base("share", r"$$u_i = \frac{x_i}{\sum_j x_j}$$", r"\frac{\partial u_i}{\partial x_k}", ("i", "k"), (
            (delta("i", "k") * total(x) - x("i")) / total(x) ** 2,
            delta("i", "k") / total(x) - x("i") / total(x) ** 2,
            (delta("i", "k") - v("u", "i")) / total(x),
        ), given("x", u=lambda d: lambda i: d["x"](i) / over("j", d["x"]))),
        Base("weighted", r"$$m = \frac{\sum_i w_i x_i}{\sum_i w_i}$$", r"\frac{\partial m}{\partial w_k}", ("k",), (
            x("k") / S("i", v("w", "i")) - S("i", v("w", "i") * x("i")) / S("i", v("w", "i")) ** 2,
            (x("k") - v("m")) / S("i", v("w", "i")),
        ), given("w", m=lambda d: lambda: over("i", lambda i: d["w"](i) * d["x"](i)) / over("i", d["w"]))),
    ]  # fmt: skip


def _length(d: dict) -> Callable:
    return lambda: math.sqrt(over("d", lambda k: d["x"](k) ** 2))


def _norm(d: dict, what: str) -> float:
    mean = over("d", d["x"]) / D
    if what == "mu":
        return mean
    var = over("d", lambda k: (d["x"](k) - mean) ** 2) / D
    return var if what == "v" else (var + d[r"\epsilon"]()) ** -0.5


def norms() -> list[Base]:
    r, u = v("r"), lambda i: v("u", i)
    length = r"$$r = \left(\sum_{d=1}^{D} x_d^2\right)^{1/2}$$"
    unit = given(r=_length, u=lambda d: lambda i: d["x"](i) / _length(d)())
    moments = given(
        r"\epsilon", mu=lambda d: lambda: _norm(d, "mu"), v=lambda d: lambda: _norm(d, "v"), r=lambda d: lambda: _norm(d, "r")
    )
    layer = (
        r"$$\mu = \frac{1}{D}\sum_{d=1}^{D} x_d$$" "\n\n" r"$$v = \frac{1}{D}\sum_d (x_d - \mu)^2$$" "\n\n"
        r"$$r = (v + \epsilon)^{-1/2}$$" "\n\n" r"$$L = \sum_d g_d (x_d - \mu) r$$"
    )
    n, g, xm = size("D", "d"), (lambda a: v("g", a)), (lambda a: x(a) - mu)
    return [
        Base("length", length, r"\frac{\partial r}{\partial x_d}", ("d",), (
            _1 / _2 * S("e", x("e") ** 2) ** "-1/2" * _2 * x("d"),
            x("d") / r,
        ), unit),
        Base("unit", length + "\n\n" r"$$u_d = \frac{x_d}{\left(\sum_{e=1}^{D} x_e^2\right)^{1/2}}$$", r"\frac{\partial u_d}{\partial x_e}", ("d", "e"), (
            delta("d", "e") / r - x("d") * x("e") / r**3,
            (delta("d", "e") - u("d") * u("e")) / r,
            _1 / r * (delta("d", "e") - x("d") * x("e") / r**2),
        ), unit),
        Base("variance", layer, r"\frac{\partial v}{\partial x_d}", ("d",), (
            _2 / n * (x("d") - mu) - _2 / n**2 * S("e", x("e") - mu),
            _2 / n * (x("d") - mu),
            _2 / n * x("d") - _2 / n**2 * S("e", x("e")),
        ), moments),
        Base("layer-norm", layer, GRAD + "x_d}", ("d",), (
            r * g("d") - r / n * S("e", g("e")) - r**3 / n * xm("d") * S("e", g("e") * xm("e")),
            r * (g("d") - _1 / n * S("e", g("e")) - r**2 * xm("d") / n * S("e", g("e") * xm("e"))),
            r / n * (n * g("d") - S("e", g("e")) - r**2 * xm("d") * S("e", g("e") * xm("e"))),
        ), moments),
        Base("layer-norm-r", layer, GRAD + "r}", (), (S("d", g("d") * xm("d")),), moments),
    ]  # fmt: skip


def layers() -> list[Base]:
    hidden = (
        r"$$h_{b,p} = \tanh\left(\sum_{d=1}^{D} X_{b,d} W_{d,p}\right)$$" "\n\n"
        r"$$u_{b,c} = \sum_p h_{b,p} V_{p,c}$$" "\n\n" r"Let $G_{b,c} = \partial L/\partial u_{b,c}$."
    )
    h, G = (lambda b, p: v("h", b, p)), (lambda b, c: v("G", b, c))
    slope = lambda b, p: _1 - h(b, p) ** 2  # noqa: E731
    made = given(h=lambda d: lambda b, p: math.tanh(over("d", lambda k: d["X"](b, k) * d["W"](k, p))))
    rnn = r"$$h_i = \tanh\left(\sum_{n=1}^{N} U_{i,n} z_n + \sum_{d=1}^{D} W_{i,d} x_d\right)$$"
    state = given(
        h=lambda d: lambda i: math.tanh(
            over("n", lambda n: d["U"](i, n) * d["z"](n)) + over("d", lambda k: d["W"](i, k) * d["x"](k))
        )
    )
    hi = lambda i: v("h", i)  # noqa: E731
    return [
        Base("hidden-h", hidden, GRAD + "h_{b,p}}", ("b", "p"), (
            S("c", G("b", "c") * v("V", "p", "c")),
            S("c", v("V", "p", "c") * G("b", "c")),
        ), made),
        Base("hidden-V", hidden, GRAD + "V_{p,c}}", ("p", "c"), (S("b", h("b", "p") * G("b", "c")),), made),
        Base("hidden-W", hidden, GRAD + "W_{d,p}}", ("d", "p"), (
            S("b", v("X", "b", "d") * slope("b", "p") * S("c", G("b", "c") * v("V", "p", "c"))),
            S("b", S("c", G("b", "c") * v("V", "p", "c") * slope("b", "p") * v("X", "b", "d"))),
            S("b", v("X", "b", "d") * S("c", G("b", "c") * v("V", "p", "c")))
            - S("b", v("X", "b", "d") * h("b", "p") ** 2 * S("c", G("b", "c") * v("V", "p", "c"))),
        ), made),
        Base("hidden-X", hidden, GRAD + "X_{b,d}}", ("b", "d"), (
            S("p", v("W", "d", "p") * slope("b", "p") * S("c", G("b", "c") * v("V", "p", "c"))),
            S("p", S("c", G("b", "c") * v("V", "p", "c")) * slope("b", "p") * v("W", "d", "p")),
        ), made),
        Base("rnn-z", rnn, r"\frac{\partial h_i}{\partial z_b}", ("i", "b"), (
            (_1 - hi("i") ** 2) * v("U", "i", "b"),
            v("U", "i", "b") - hi("i") ** 2 * v("U", "i", "b"),
        ), state),
        Base("rnn-U", rnn, r"\frac{\partial h_i}{\partial U_{k,b}}", ("i", "k", "b"), (
            (_1 - hi("i") ** 2) * delta("i", "k") * v("z", "b"),
            delta("i", "k") * v("z", "b") - delta("i", "k") * hi("i") ** 2 * v("z", "b"),
        ), state),
    ]  # fmt: skip


def forms() -> list[Base]:
    A = lambda i, j: v("A", i, j)  # noqa: E731
    quad = r"$$f = \sum_i \sum_j x_i A_{i,j} x_j$$"
    u, w, M = (lambda i: v("u", i)), (lambda i: v("w", i)), (lambda i, k: v("M", i, k))
    bilinear = r"$$f = \sum_i \sum_{d=1}^{D} u_i M_{i,d} w_d$$"
    gauss = r"$$L = \sum_{n=1}^{N} \frac{(x_n - m)^2}{2 v} + \frac{N}{2} \log v$$"
    wave = r"$$f = \sum_i a_i \sin(w x_i)$$"
    decay = r"$$L = \sum_{n=1}^{N} (t_n - a e^{b x_n})^2$$"
    m, var, N = v("m"), v("v"), size("N", "n")
    arg = lambda n: fn("exp", v("b") * x(n))  # noqa: E731
    res = lambda n: v("t", n) - v("a") * arg(n)  # noqa: E731
    wx = lambda i: v("w") * x(i)  # noqa: E731
    return [
        Base("quadratic", quad, r"\frac{\partial f}{\partial x_k}", ("k",), (
            S("j", A("k", "j") * x("j")) + S("i", x("i") * A("i", "k")),
            S("j", (A("k", "j") + A("j", "k")) * x("j")),
            S("i", S("j", delta("i", "k") * A("i", "j") * x("j"))) + S("i", S("j", x("i") * A("i", "j") * delta("j", "k"))),
        ), given()),
        Base("quadratic-A", quad, r"\frac{\partial f}{\partial A_{i,k}}", ("i", "k"), (x("i") * x("k"),), given()),
        Base("quadratic-hessian", quad, r"\frac{\partial^2 f}{\partial x_i \partial x_k}", ("i", "k"), (
            A("i", "k") + A("k", "i"),
        ), given()),
        Base("bilinear-u", bilinear, r"\frac{\partial f}{\partial u_i}", ("i",), (
            S("d", M("i", "d") * w("d")), S("k", delta("k", "i") * S("d", M("k", "d") * w("d"))),
        ), given()),
        Base("bilinear-w", bilinear, r"\frac{\partial f}{\partial w_d}", ("d",), (S("i", u("i") * M("i", "d")),), given()),
        Base("bilinear-M", bilinear, r"\frac{\partial f}{\partial M_{i,d}}", ("i", "d"), (u("i") * w("d"),), given()),
        Base("gauss-m", gauss, GRAD + "m}", (), (
            -(_1 / var * S("n", x("n") - m)), N * m / var - _1 / var * S("n", x("n")), S("n", (m - x("n")) / var),
        ), given("v")),
        Base("gauss-v", gauss, GRAD + "v}", (), (
            N / (_2 * var) - _1 / (_2 * var**2) * S("n", (x("n") - m) ** 2),
            _1 / (_2 * var) * (N - _1 / var * S("n", (x("n") - m) ** 2)),
        ), given("v")),
        Base("wave-w", wave, r"\frac{\partial f}{\partial w}", (), (
            S("i", v("a", "i") * x("i") * fn("cos", wx("i"))), S("i", x("i") * v("a", "i") * fn("cos", wx("i"))),
        ), given()),
        Base("wave-x", wave, r"\frac{\partial f}{\partial x_k}", ("k",), (
            v("w") * v("a", "k") * fn("cos", wx("k")), S("i", v("a", "i") * v("w") * fn("cos", wx("i")) * delta("i", "k")),
        ), given()),
        Base("decay-a", decay, GRAD + "a}", (), (
            -(_2 * S("n", res("n") * arg("n"))),
            _2 * v("a") * S("n", arg("n") ** 2) - _2 * S("n", v("t", "n") * arg("n")),
        ), given()),
        Base("decay-b", decay, GRAD + "b}", (), (
            -(_2 * v("a") * S("n", x("n") * res("n") * arg("n"))),
            S("n", _2 * res("n") * (-(v("a") * x("n") * arg("n")))),
        ), given()),
    ]  # fmt: skip


def more_bases() -> list[Base]:
    """All of them."""
    return [*regressions(), *vectors(), *norms(), *layers(), *forms()]


__all__ = ["T", "more_bases"]
