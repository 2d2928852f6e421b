"""Right derivations that are broken on purpose, each confirmed different by plain loops that share no code with the package."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from derivations import Base, bases
from formula_trees import MARK, SIZES, T, _t, tex, value
from more_derivations import more_bases

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
    names: dict[tuple[int, ...], list[str]] = {}
    for _, node in nodes(u):
        if node.op == "var" and node.data[0] not in names.setdefault(_shape(node), []):
            names[_shape(node)].append(node.data[0])
    for path, node in nodes(u):
        for kind, new in _broken(node, rng, names):
            yield kind, put(u, path, replace(new, marked=True))


def _shape(node: T) -> tuple[int, ...]:
    return tuple(SIZES[a] for a in node.data[1])


def _broken(node: T, rng: random.Random, names: dict[tuple[int, ...], list[str]]) -> Iterator[tuple[str, T]]:
    """One node broken in every way that fits it; `names`: the arrays of the line by their shape."""
    yield "sign", T("neg", (node,)) if node.op != "neg" else node.parts[0]
    for n in rng.sample((2, 3, 5, Fraction(1, 2)), 2):
        yield "factor", T("mul", (T("num", data=n), node))
    yield from _WAYS.get(node.op, _nothing)(node, rng, names)


def _nothing(node: T, rng: random.Random, names) -> Iterator[tuple[str, T]]:
    yield from ()


def _number(node: T, rng: random.Random, names) -> Iterator[tuple[str, T]]:
    yield "number", T("num", data=node.data + 1)


def _size(node: T, rng: random.Random, names) -> Iterator[tuple[str, T]]:
    yield "bias", T("add", (node, T("neg", (_t(1),))))


def _variable(node: T, rng: random.Random, names) -> Iterator[tuple[str, T]]:
    name, letters = node.data
    for k in range(len(letters)):
        taken = {letters[k], *names.get((), [])}  # a letter that is a number cannot be an index
        others = [a for a in "ikjbcpde" if a not in taken and SIZES[a] == SIZES[letters[k]]]
        for new in rng.sample(others, min(2, len(others))):
            yield "index", replace(node, data=(name, (*letters[:k], new, *letters[k + 1 :])))
    if len(letters) == 2 and SIZES[letters[0]] == SIZES[letters[1]]:
        yield "transposed", replace(node, data=(name, letters[::-1]))
    others = [n for n in names.get(_shape(node), []) if n != name]
    if others:
        yield "name", replace(node, data=(rng.choice(others), letters))
    if letters:
        yield "extra-sum", T("sum", (node,), rng.choice(letters))
    yield "power", T("pow", (node,), 2)


def _delta(node: T, rng: random.Random, names) -> Iterator[tuple[str, T]]:
    yield "delta", T("num", data=1)


def _power(node: T, rng: random.Random, names) -> Iterator[tuple[str, T]]:
    yield "power", node.parts[0]
    yield "power", replace(node, data=str(Fraction(node.data) + 1))
    yield "power", replace(node, data=str(Fraction(node.data) - Fraction(1, 2)))


def _function(node: T, rng: random.Random, names) -> Iterator[tuple[str, T]]:
    yield "function", node.parts[0]
    yield "function", replace(node, data={"exp": "tanh", "log": "exp", "sin": "cos", "cos": "sin", "tanh": "sin"}[node.data])


def _swapped(node: T, rng: random.Random, names) -> Iterator[tuple[str, T]]:
    yield "cases", replace(node, parts=(node.parts[1], node.parts[0]))


def _product(node: T, rng: random.Random, names) -> Iterator[tuple[str, T]]:
    a, b = node.parts
    for kept, lost in ((a, b), (b, a)):
        if lost.op in ("num", "var", "size", "delta") or lost.op in ("pow", "div") and lost.parts[0].op in ("num", "var"):
            yield "lost-factor", kept
    yield "sum-for-product", T("add", (a, b))
    if b.op == "add":
        yield "parenthesis", T("add", (T("mul", (a, b.parts[0])), b.parts[1]))
    free = sorted(free_letters(node))
    if free:
        yield "extra-sum", T("sum", (node,), rng.choice(free))


def _sum(node: T, rng: random.Random, names) -> Iterator[tuple[str, T]]:
    (body,) = node.parts
    yield "missing-sum", body
    if body.op == "mul":
        a, b = body.parts
        yield "out-of-sum", T("mul", (a, T("sum", (b,), node.data)))
        yield "out-of-sum", T("mul", (T("sum", (a,), node.data), b))


def _quotient(node: T, rng: random.Random, names) -> Iterator[tuple[str, T]]:
    yield "upside-down", T("div", (node.parts[1], node.parts[0]))
    yield ("mean" if node.parts[1].op == "size" else "lost-denominator"), node.parts[0]
    yield "product-for-quotient", T("mul", node.parts)


def _two_terms(node: T, rng: random.Random, names) -> Iterator[tuple[str, T]]:
    yield "lost-term", node.parts[0]
    yield "lost-term", node.parts[1]
    yield "product-for-sum", T("mul", node.parts)


_WAYS = {
    "num": _number,
    "size": _size,
    "var": _variable,
    "delta": _delta,
    "pow": _power,
    "fn": _function,
    "cases": _swapped,
    "mul": _product,
    "sum": _sum,
    "div": _quotient,
    "add": _two_terms,
}


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


@dataclass(frozen=True)
class Broken:
    """A document with one broken line: where the mistake stands, and how long the row of the claim is."""

    base: str
    kind: str
    text: str
    line: int
    start: int
    end: int
    row: int


LAYOUTS = (
    ("$$", "\n= ", "$$\n"),
    ("\\begin{align}\n", " \\\\\n&= ", "\n\\end{align}\n"),
    ("$$\n", " \\\\\n= ", "\n$$\n"),
)


def document(base: Base, kind: str, line: int, new: T, layout: int) -> Broken:
    """The notes with one line broken, behind the line before it."""
    rows = [*(tex(u) for u in base.lines[max(0, line - 1) : line]), tex(new)]
    opened, relation, closed = LAYOUTS[layout]
    text = f"{base.words}\n\n{opened}{base.left}" + "".join(relation + row for row in rows) + closed
    at = text.index(MARK[0])
    number = text.count("\n", 0, at) + 1
    start = at - (text.rfind("\n", 0, at) + 1) + 1
    end = start + text.index(MARK[1]) - at - 1
    plain = rows[-1].replace(MARK[0], "").replace(MARK[1], "")
    return Broken(base.name, kind, text.replace(MARK[0], "").replace(MARK[1], ""), number, start, end, len(plain))


def singles(rng: random.Random) -> list[tuple[Base, int, T, str, T]]:
    """Every line of every derivation with every single mistake."""
    return [
        (base, line, u, kind, new)
        for base in (*bases(), *more_bases())
        for line, u in enumerate(base.lines)
        for kind, new in mutations(u, rng)
    ]


def doubles(pool: list, rng: random.Random) -> Iterator[tuple[Base, int, T, str, T]]:
    """Lines with a second mistake beside the first, without end."""
    while True:
        base, line, u, kind, new = rng.choice(pool)
        more = list(mutations(_plain(new), rng))
        second, twice = rng.choice(more)
        yield base, line, u, f"{kind}+{second}", twice


def corpus(count: int, seed: int = 1) -> Iterator[Broken]:
    """`count` different broken documents, each confirmed different; single mistakes first, in all layouts."""
    rng = random.Random(seed)
    pool = singles(rng)
    order = [(m, layout) for layout in range(len(LAYOUTS)) for m in rng.sample(pool, len(pool))]
    more = ((m, rng.randrange(len(LAYOUTS))) for m in doubles(pool, rng))
    seen: set[str] = set()
    verdicts: dict[tuple[str, int, T], bool | None] = {}
    for (base, line, u, kind, new), layout in itertools.chain(order, more):
        if len(seen) >= count:
            return
        if _reads(u, "G") and not _reads(new, "G"):
            continue  # a line without the upstream gradient may be right for some loss
        made = document(base, kind, line, new, layout)
        if made.text in seen:
            continue
        key = (base.name, line, new)
        if key not in verdicts:
            verdicts[key] = different(u, new, base, rng.randrange(10**6))
        if verdicts[key]:
            seen.add(made.text)
            yield made


def _reads(u: T, name: str) -> bool:
    return any(node.op == "var" and node.data[0] == name for _, node in nodes(u))


def _plain(u: T) -> T:
    return replace(u, marked=False, parts=tuple(_plain(p) for p in u.parts))
