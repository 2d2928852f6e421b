"""Claims that look right and are not: true only at small sizes, for one-hot y, for x > 0, away from ties, under facts
that contradict each other, or with a denominator that is zero.  None of them may ever be called right."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

SOFTMAX = "$$s_i = \\frac{e^{x_i}}{\\sum_{j=1}^{C} e^{x_j}}$$\n\n"


def _coefficient(rng: random.Random) -> str:
    return rng.choice(["2", "3", "-", "\\frac{1}{2}", "5", "7", "-2", "4", "\\frac{2}{3}", "11"])


def _letters(rng: random.Random, text: str) -> str:
    """The claim in other letters."""
    names = rng.choice([("x", "y", "s"), ("z", "t", "p"), ("a", "q", "u"), ("v", "r", "w")])
    table = dict(zip("XYS", names, strict=True))
    return "".join(table.get(c, c) for c in text)


def small_sizes(rng: random.Random) -> str:
    """Equal where C is one of a few small numbers."""
    roots = rng.sample(range(2, 14), rng.randint(1, 4))
    factor = "".join(f"(C - {r})" for r in roots)
    left = rng.choice([r"\sum_{i=1}^{C} X_i", r"\sum_{i=1}^{C} X_i^2", r"X_1 \sum_{i=1}^{C} e^{X_i}"])
    return f"$$F = {left}$$\n\n$$F = {left} + {_coefficient(rng)} {factor} X_1$$"


def small_sums(rng: random.Random) -> str:
    """Identities of two or three terms."""
    c = _coefficient(rng)
    return rng.choice(
        [
            rf"$$F = {c} \left(\sum_{{i=1}}^{{C}} X_i\right)^2$$"
            "\n\n"
            rf"$$F = {c} \left(\sum_i X_i^2 + 2 X_1 X_2\right)$$",
            rf"$$F = {c} \sum_{{i=1}}^{{C}} X_i$$" "\n\n" rf"$$F = {c} (X_1 + X_2)$$",
            rf"$$F = {c} \sum_{{i=1}}^{{C}} X_i$$" "\n\n" rf"$$F = {c} (X_1 + X_2 + X_3)$$",
            rf"$$F = {c} \prod_{{i=1}}^{{C}} X_i$$" "\n\n" rf"$$F = {c} X_1 X_2 X_3 X_4 X_5$$",
        ]
    )


def onehot_only(rng: random.Random) -> str:
    """y² = y and the like, for a y of which nobody said that it is one-hot."""
    c = _coefficient(rng)
    left, right = rng.choice(
        [
            (r"\sum_{i=1}^{C} Y_i X_i^2", r"\left(\sum_i Y_i X_i\right)^2"),
            (r"\sum_{i=1}^{C} Y_i^2 X_i", r"\sum_i Y_i X_i"),
            (r"\sum_{i=1}^{C} Y_i e^{X_i}", r"e^{\sum_i Y_i X_i}"),
            (r"X_1 \sum_{i=1}^{C} Y_i", "X_1 + 0 Y_1"),
            (r"\sum_{i=1}^{C} Y_i^3 + X_1", r"\sum_i Y_i + X_1"),
        ]
    )
    return f"$$F = {c} {left}$$\n\n$$F = {c} {right}$$".replace("- -", "-")


def positive_only(rng: random.Random) -> str:
    """Roots and logarithms that hold for positive numbers only."""
    c = _coefficient(rng)
    left, right = rng.choice(
        [
            (r"\sqrt{X^2}", "X"),
            (r"|X|", "X"),
            (r"\log (X^2)", r"2 \log X"),
            (r"\log (X Y)", r"\log X + \log Y"),
            (r"\sqrt{X Y}", r"\sqrt{X}\sqrt{Y}"),
            (r"\left(X^2\right)^{3/2}", "X^3"),
            (r"\log \frac{X}{Y}", r"\log X - \log Y"),
            (r"\max(X, 0)", "X"),
            (r"\sqrt{X^4 Y^2}", r"X^2 Y"),
            (r"\sqrt{(X - Y)^2}", "X - Y"),
            (r"|X Y|", "X Y"),
            (r"\sqrt{\frac{X}{Y}}", r"\frac{\sqrt{X}}{\sqrt{Y}}"),
        ]
    )
    return f"$$F = {c} ({left})$$\n\n$$F = {c} ({right})$$"


def ties(rng: random.Random) -> str:
    """Equalities of values taken for equalities of places; slopes at kinks; unique maxima."""
    c = _coefficient(rng)
    head, claim = rng.choice(
        [
            ("", r"$$\delta_{ik} = \mathbb{1}[X_i = X_k] + 0 X_i$$"),
            (
                "",
                rf"$$\frac{{\partial X_i}}{{\partial X_k}} = \begin{{cases}} 1 & X_i = X_k \\ 0 & X_i \neq X_k \end{{cases}} + 0 {c.lstrip('-') or 1}$$",  # noqa: E501
            ),
            (
                rf"$$F = {c} \sum_{{i=1}}^{{C}} X_i$$",
                rf"$$F = {c} \sum_{{i=1}}^{{C}} X_i \sum_{{k=1}}^{{C}} \mathbb{{1}}[X_k = X_i]$$",
            ),
            (
                rf"$$F = {c} X_1 + 0 \sum_{{i=1}}^{{C}} X_i$$",
                rf"$$F = {c} X_1 \sum_{{k=1}}^{{C}} \mathbb{{1}}[X_k = X_1]$$",
            ),
            (rf"$$F = {c} \max(X, 0)$$", rf"$$\frac{{\partial F}}{{\partial X}} = {c} \mathbb{{1}}[X \ge 0]$$"),
            (rf"$$F = {c} |X|$$", rf"$$\frac{{\partial F}}{{\partial X}} = {c} \frac{{|X|}}{{X}}$$"),
            (rf"$$F = {c} \mathbb{{1}}[X > 0]$$", rf"$$F = {c} \mathbb{{1}}[X \ge 0]$$"),
            (
                rf"$$F = {c} \mathbb{{1}}[X_1 < X_2] + 0 \sum_{{i=1}}^{{C}} X_i$$",
                rf"$$F = {c} \mathbb{{1}}[X_1 \le X_2]$$",
            ),
        ]
    )
    return f"{head}\n\n{claim}"


def contradictions(rng: random.Random) -> str:
    """Facts that no data satisfy."""
    a, b = rng.sample(range(1, 9), 2)
    c = _coefficient(rng)
    kind = rng.randrange(3)
    if kind == 0:
        facts = f"$$\\sum_{{i=1}}^{{C}} Y_i = {a}$$\n\n$$\\sum_{{i=1}}^{{C}} Y_i = {b}$$\n\n"
    elif kind == 1:
        facts = f"Let $Y$ be one-hot.\n\n<!-- check:\nassume sum_i Y[i] = {a + 1}\n-->\n\n$$Q = \\sum_{{i=1}}^{{C}} Y_i X_i$$\n\n"  # noqa: E501
    else:
        facts = "Let $Y$ be one-hot.\n\n<!-- check:\nassume Y > 0\n-->\n\n$$Q = \\sum_{i=1}^{C} Y_i X_i$$\n\n"
    return facts + f"$$F = {c} X_1 \\sum_{{i=1}}^{{C}} Y_i$$\n\n$$F = {c} {a} X_1$$"


def zero_denominators(rng: random.Random) -> str:
    """1/(1 − Σy) with Σy = 1."""
    c = _coefficient(rng)
    fact = rng.choice(["$$\\sum_{i=1}^{C} Y_i = 1$$\n\n", "Let $Y$ be one-hot, $\\sum_{i=1}^{C} Y_i = 1$.\n\n"])
    zero = rng.choice(
        [
            r"1 - \sum_{i=1}^{C} Y_i",
            r"\sum_{i=1}^{C} Y_i - 1",
            r"2 - 2\sum_{i=1}^{C} Y_i",
            r"X_1 - X_1 \sum_{i=1}^{C} Y_i",
        ]
    )
    top = rng.choice(["X_1", "1", r"\sum_{i=1}^{C} X_i Y_i", zero])
    return fact + f"$$F = \\frac{{{c} ({top})}}{{{zero}}}$$\n\n$$F = \\frac{{{c} ({top})}}{{{zero}}} + 0 X_1$$"


KINDS: tuple[Callable[[random.Random], str], ...] = (
    small_sizes,
    small_sums,
    onehot_only,
    positive_only,
    ties,
    contradictions,
    zero_denominators,
)


def corpus(count: int, seed: int = 1) -> Iterator[tuple[str, str]]:
    """`count` documents with the name of their trap; the last claim of each is the trap."""
    rng = random.Random(seed)
    for k in range(count):
        kind = KINDS[k % len(KINDS)]
        yield kind.__name__, _letters(rng, kind(rng))
