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


def some_matrices(rng: random.Random) -> str:
    """True for one size, for symmetric, commuting or invertible matrices only; an inverse of what has none."""
    c = rng.choice(["2", "3", "5", "7", "-2", "4"])
    n = rng.choice([1, 2, 3, 4, 5, 6])
    head = r"$P \in \mathbb{R}^{n \times n}$, $Q \in \mathbb{R}^{n \times n}$, $v \in \mathbb{R}^{n}$, $R \in \mathbb{R}^{n \times m}$." "\n\n"  # noqa: E501
    claim = rng.choice(
        [
            rf"\det({c} P) = ({c})^{n} \det P",
            rf"\operatorname{{tr}}(I P P^{{-1}}) = {n}",
            rf"\operatorname{{tr}}({c} P P) = {c} \operatorname{{tr}}(P^T P)",
            rf"{c} P Q = {c} Q P",
            rf"{c} P^{{-1}} Q = {c} Q P^{{-1}}",
            rf"{c} (P + Q)^{{-1}} = {c} P^{{-1}} + {c} Q^{{-1}}",
            rf"{c} (v v^T)^{{-1}} v v^T = {c} I",
            rf"\frac{{{c} \det(v v^T)}}{{\det(v v^T)}} = {c}",
            rf"{c} (P - P)^{{-1}} (P - P) = {c} I",
            rf"{c} (R^T R)^{{-1}} R^T = {c} R^{{-1}}",
            rf"\frac{{\partial \log\det P}}{{\partial P}} = {c} P^{{-1}} - {int(c) - 1} P^{{-1}}",
            rf"\nabla_v (v^T P v) = {c} P v - {int(c) - 2} P v",
            rf"d\operatorname{{tr}}({c} P P) = {int(c) * 2} \operatorname{{tr}}(P^T dP)",
            rf"d({c} P^{{-1}}) = -{c} P^{{-2}} dP".replace("--", ""),
            rf"d({c} \log\det P) = {c} \operatorname{{tr}}(P^{{-T}} dP)",
            rf"{c} \operatorname{{tr}}(P Q P^{{-1}}) = {c} \operatorname{{tr}}(P)",
        ]
    )
    return f"{head}$${claim}$$"


def captured(rng: random.Random) -> str:
    """Two binders of one letter, a letter bound here and free there, sums over a letter that is not in them."""
    c = _coefficient(rng)
    left, right = rng.choice(
        [
            (r"\sum_{i=1}^{C} X_i Y_i", r"\sum_{i} X_i \sum_{i} Y_i"),
            (r"\sum_{i=1}^{C} X_i \sum_{i=1}^{C} X_i Y_i", r"\sum_{i} X_i X_i Y_i"),
            (r"\sum_{i=1}^{C} X_i \sum_{k \neq i} Y_k", r"\sum_{i} X_i \sum_{k} Y_k"),
            (r"\sum_{i=1}^{C} \sum_{j=1}^{C} X_i Y_j", r"\sum_{i \neq j} X_i Y_j"),
            (r"\sum_{i=1}^{C} X_i^2 Y_i", r"\sum_i X_i \sum_i X_i Y_i"),
            (r"\sum_{i=1}^{C} (X_i - Y_i)", r"\sum_{i} X_i - Y_1"),
            (r"\sum_{i=1}^{C} \sum_{i=1}^{C} X_i Y_i", r"\sum_{i} X_i Y_i"),
            (r"\max_i X_i Y_1 \sum_{i=1}^{C} Y_i", r"\sum_{i} Y_i \max_i X_i Y_i"),
        ]
    )
    return f"$$F = {c} ({left})$$\n\n$$F = {c} ({right})$$"


def bounds(rng: random.Random) -> str:
    """Inequalities that hold for small, positive or few numbers only."""
    c = rng.choice(["2", "3", "5", "7"])
    head, claim = rng.choice(
        [
            (rf"F = {c} \sum_{{i=1}}^{{C}} X_i^2", rf"F \ge {c} X_1^2 + {c} X_2^2 + {c} X_3^2 + {c} X_4^2 + {c} X_5^2"),
            (rf"F = {c} \sum_{{i=1}}^{{C}} X_i", rf"F \ge {c} X_1"),
            (rf"F = e^{{X}} - X - {c}", r"F \ge 0"),
            (rf"F = {c} X^2 - X", r"F \ge 0"),
            (rf"F = {c} X^2 - 2 X Y + Y^2 - Y^2", r"F \ge 0"),
            (rf"F = {c} \tanh X", rf"F < {c} - 0.0001"),
            (rf"F = {c} |X|", r"F > 0"),
            (rf"F = \frac{{{c}}}{{X}}", r"F > 0"),
            (rf"F = {c} \frac{{X - X}}{{Y - Y}}", r"F \ge 0"),
            (rf"F = {c} X^4", r"F \ge X^2"),
        ]
    )
    return f"$${head}$$\n\n$${claim}$$"


KINDS: tuple[Callable[[random.Random], str], ...] = (
    small_sizes,
    small_sums,
    onehot_only,
    positive_only,
    ties,
    contradictions,
    zero_denominators,
    some_matrices,
    captured,
    bounds,
)


def corpus(count: int, seed: int = 1) -> Iterator[tuple[str, str]]:
    """`count` documents with the name of their trap; the last claim of each is the trap."""
    rng = random.Random(seed)
    for k in range(count):
        kind = KINDS[k % len(KINDS)]
        yield kind.__name__, _letters(rng, kind(rng))
