"""The same derivations in other clothes: letters, order, layout, macros.  What was right stays right."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import replace

from derivations import Base, bases
from formula_trees import T, tex
from more_derivations import more_bases

LETTERS = "ikjbcpdnmqrt"


def renamed(text: str, rng: random.Random) -> str:
    """Index letters exchanged throughout."""
    used = sorted(
        {c for group in re.findall(r"_\{([a-z,=1]+)\}|_([a-z])\b", text) for c in "".join(group) if c in LETTERS}
    )
    free = [c for c in "abcdfgijklmnoqruv" if c not in used and not re.search(rf"(?<![\\a-z]){c}(?![a-z])", text)]
    rng.shuffle(free)
    table = dict(zip(used, free, strict=False))

    def group(m: re.Match) -> str:
        return "_" + "".join(table.get(c, c) for c in m[1])

    text = re.sub(r"_(\{[a-z,=1]+\}|[a-z]\b)", group, text)
    return re.sub(
        r"& ([a-z]) (=|\\neq) ([a-z])", lambda m: f"& {table.get(m[1], m[1])} {m[2]} {table.get(m[3], m[3])}", text
    )


def reordered(u: T, rng: random.Random) -> T:
    """Terms and factors in another order."""
    parts = tuple(reordered(p, rng) for p in u.parts)
    if u.op == "add" and parts[1].op != "neg" and rng.random() < 0.5:
        parts = parts[::-1]
    if u.op == "mul" and rng.random() < 0.5:
        parts = parts[::-1]
    return replace(u, parts=parts)


def chain(left: str, rows: list[str]) -> str:
    return f"$${left}\n" + "\n".join(f"= {row}" for row in rows) + "$$\n"


def align(left: str, rows: list[str]) -> str:
    return f"\\begin{{align}}\n{left} &= " + " \\\\\n&= ".join(rows) + "\n\\end{align}\n"


def split(left: str, rows: list[str]) -> str:
    return f"$${left} = {rows[0]}$$\n\n" + "\n\nso\n\n".join(f"$$= {row}$$" for row in rows[1:]) + "\n"


def arrows(left: str, rows: list[str]) -> str:
    return f"$${left} = {rows[0]}$$\n\n" + "\n\n".join(f"$$\\Rightarrow {row}$$" for row in rows[1:]) + "\n"


def repeated(left: str, rows: list[str]) -> str:
    return "\n\n".join(f"$${left} = {row}$$" for row in rows) + "\n"


def macros(text: str) -> str:
    head = "\\newcommand{\\pd}[2]{\\frac{\\partial #1}{\\partial #2}}\n\\newcommand{\\E}[1]{e^{#1}}\n\n"
    text = re.sub(r"\\frac\{\\partial ([^{}]*)\}\{\\partial ([^{}]*(?:\{[^{}]*\})?[^{}]*)\}", r"\\pd{\1}{\2}", text)
    return head + re.sub(r"e\^\{(x_\{?\w\}?)\}", r"\\E{\1}", text)


def spelled(text: str, rng: random.Random) -> str:
    """Other spellings of the same signs."""
    for old, new in (
        (r"\frac", r"\dfrac"),
        (r"\left(", "("),
        (r"\right)", ")"),
        ("e^{", r"\mathrm{e}^{"),
        (r"\sum", r"\sum\limits"),
    ):
        if rng.random() < 0.5:
            text = text.replace(old, new)
    return text


LAYOUTS = (chain, align, split, arrows, repeated)


def corpus(count: int, seed: int = 1) -> Iterator[tuple[str, str]]:
    """`count` restyled right documents, by name of the base."""
    rng = random.Random(seed)
    every: list[Base] = [*bases(), *more_bases()]
    for k in range(count):
        base = every[k % len(every)]
        rows = [tex(reordered(u, rng)) for u in base.lines]
        text = base.words + "\n\n" + rng.choice(LAYOUTS)(base.left, rows)
        if rng.random() < 0.5:
            text = renamed(text, rng)
        if rng.random() < 0.4:
            text = macros(text)
        yield base.name, spelled(text, rng)
