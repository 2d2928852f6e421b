"""Sizes and random data on which formulas are judged.

Sizes are pairwise different and large enough that no mistake hides: with all sizes 1 half of the real mistakes are
invisible, and a claim about four distinct indices says nothing on an axis of length three.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from fractions import Fraction

import numpy as np

from derive import expr as x
from derive.expr import Expr, Term
from derive.index import Index, Quotient, Size
from derive.ops import OPS
from derive.program import Program

LARGEST_DEMAND = 5  # more distinct indices than this on one axis do not ask for a longer axis: speed
SEARCH_LIMIT = 20_000
LONGEST = 100  # no axis needs to be longer for derived sizes to be legal
MODERATE = 16  # a sum of products over so many places needs no care
MOST_PROGRAMS = 32  # whose letters are remembered
FEW_LETTERS = 5  # up to so many size letters all get different lengths

# ---------------------------------------------------------------- sizes


def judging_sizes(program: Program, *exprs: Expr, seed: int = 0) -> dict[str, int]:
    """A length for every size letter of the program and of the expressions.

    Pairwise different, at least 2, at least 3 where n − 1 occurs under a quotient or power, and at least the
    number of indices (free, and bound inside each other) that one formula puts on the axis, up to LARGEST_DEMAND; one
    more where only the program is given.  Every derived size is at least 1, and products split evenly (`C//G`); when no
    such choice is found the demands give way, evenness first.
    """
    formulas = [*(e.rhs for e in program.equations), *exprs]
    sizes = sizes_in(program, formulas)
    letters = sorted(frozenset().union(program.sizes, *(n.letters for n in sizes)))
    least = _demands(program, exprs, letters)
    turn = seed % max(1, len(letters))
    letters = sorted(letters[turn:] + letters[:turn], key=lambda a: least[a])
    derived = [n for n in sizes if n.number is None and n.letter is None]
    for n in derived:  # an image must outlive its convolutions: (H - 4)//2 is at least 1
        for a in n.letters if len(n.letters) == 1 else ():
            least[a] = next((k for k in range(least[a], LONGEST) if n.at({a: k}) > 0), least[a])
    bound = {a for n in derived for a in n.letters}
    chosen = _searched([a for a in letters if a in bound], least, derived)
    apart = _apart(program, exprs, letters)
    for a in letters:
        if a not in chosen:
            taken = {chosen[b] for b in apart[a] if b in chosen}
            chosen[a] = next(n for n in itertools.count(least[a]) if n not in taken)
    return chosen


def _apart(program: Program, exprs: Iterable[Expr], letters: list[str]) -> dict[str, set[str]]:
    """The letters that must differ from each: all others, or in a large program those within two formulas' reach.

    A letter that meets nearly all others, like the batch size, differs from them but does not set them apart.
    """
    if len(letters) <= FEW_LETTERS:
        return {a: set(letters) for a in letters}
    near: dict[str, set[str]] = {a: set() for a in letters}
    shapes = {name: {a for n in item.shape for a in n.letters} for name, item in program.by_name.items()}
    for e in program.equations:
        together = shapes[e.name].union(*(shapes.get(name, set()) for name in e.rhs.names))
        for a in together:
            near[a] |= together
    return {a: near[a].union(*(near[b] for b in near[a] if len(near[b]) <= FEW_LETTERS)) for a in letters}


def letters_of(program: Program) -> frozenset[str]:
    """The size letters of a program's shapes and formulas; the last programs asked for are remembered."""
    found = _LETTERS.get(id(program))
    if found is None or found[0] is not program:
        sizes = sizes_in(program, [e.rhs for e in program.equations])
        found = program, frozenset().union(program.sizes, *(n.letters for n in sizes))
        if len(_LETTERS) >= MOST_PROGRAMS:
            _LETTERS.clear()
        _LETTERS[id(program)] = found
    return found[1]


_LETTERS: dict[int, tuple[Program, frozenset[str]]] = {}


def sizes_in(program: Program, formulas: list[Expr]) -> list[Size]:
    """Every size that the program's shapes and the formulas mention."""
    found = [n for item in program.by_name.values() for n in item.shape]
    for e in formulas:
        for t in x.walk(e):
            found += sizes_of(t)
    return list(dict.fromkeys(found))


def sizes_of(t: Term | Index) -> list[Size]:
    """The sizes that one node mentions itself."""
    match t:
        case Index(size=n):
            return [n]
        case x.Reduce(index=i) | x.ArgBest(index=i):
            return [i.size]
        case x.Join(parts=joined):
            return [n for _, n in joined]
        case x.Part(divisor=divisor, modulus=modulus):
            return [divisor] if modulus is None else [divisor, modulus]
        case x.Affine(terms=terms, constant=constant):
            return [n for n in (*(c for _, c in terms), constant) if n.letter]
    return []


def _demands(program: Program, exprs: Iterable[Expr], letters: list[str]) -> dict[str, int]:
    least = dict.fromkeys(letters, 2)
    exprs, memo = tuple(exprs), {}
    spare = 0 if exprs else 1  # what will be judged later has the place of the gradient as well
    counted = [({*e.indices, *e.rhs.free}, e.rhs) for e in program.equations] + [(e.free, e) for e in exprs]
    for free, e in counted:
        count = Counter(i.size.letter for i in free) + _nested(e, memo)
        for a in set(count) & set(least):
            least[a] = max(least[a], min(count[a] + spare, LARGEST_DEMAND))
    for e in {id(e): e for _, e in counted}.values():
        for t in x.walk(e):
            if isinstance(t, x.Pow) and not isinstance(t.base, x.Entry):
                for a in _decremented(t.base):
                    least[a] = max(least[a], 3)
    return least


def _nested(t: Term | Index, memo: dict[int, tuple[Term, Counter]]) -> Counter:
    """How many binders over each size letter stand inside each other at most."""
    if isinstance(t, Index):
        return Counter()
    found = memo.get(id(t))
    if found is None:
        deepest: Counter = Counter()
        for part in x.parts(t):
            deepest |= _nested(part, memo)
        if isinstance(t, (x.Reduce, x.ArgBest)) and t.index.size.letter:
            deepest[t.index.size.letter] += 1
        found = memo[id(t)] = (t, deepest)
    return found[1]


def _decremented(e: Expr) -> set[str]:
    """The letters n of which something like n − 1 occurs."""
    wholes = [t.slot for t in x.walk(e) if isinstance(t, x.Whole) and isinstance(t.slot, x.Affine)]
    return {a for s in wholes if not s.terms and len(s.constant.terms) > 1 for a in s.constant.letters}


def _searched(letters: list[str], least: Mapping[str, int], derived: list[Size]) -> dict[str, int]:
    """The smallest lengths, in order, under which every derived size is legal."""
    if not letters:
        return {}
    for even, different in ((True, True), (False, True), (True, False), (False, False)):
        tries = 0
        for spare in range(0, 4 * len(letters)):
            for extra in _compositions(spare, len(letters)):
                tries += 1
                sizes = {a: least[a] + more for a, more in zip(letters, extra, strict=True)}
                if (not different or len({*sizes.values()}) == len(sizes)) and legal(derived, sizes, even):
                    return sizes
                if tries > SEARCH_LIMIT:
                    break
    return {a: least[a] + k for k, a in enumerate(letters)}


def _compositions(total: int, places: int) -> Iterable[tuple[int, ...]]:
    if places == 1:
        yield (total,)
        return
    for first in range(total + 1):
        for rest in _compositions(total - first, places - 1):
            yield (first, *rest)


def legal(derived: list[Size], sizes: Mapping[str, int], even: bool) -> bool:
    """Whether every derived size is at least 1 and, when `even`, every product splits without remainder."""
    for n in derived:
        try:
            if n.at(sizes) < 1 or (even and not all(divides(q, sizes) for q in quotients_of(n))):
                return False
        except (KeyError, ZeroDivisionError):
            return False
    return True


def quotients_of(n: Size) -> list[Quotient]:
    """The quotients in a size polynomial."""
    return [a for monomial, _ in n.terms for a in monomial if isinstance(a, Quotient)]


def divides(q: Quotient, sizes: Mapping[str, int]) -> bool:
    """Whether a quotient of one-term sizes leaves no rest."""
    return len(q.over.terms) > 1 or q.over.at(sizes) % q.under.at(sizes) == 0


# ---------------------------------------------------------------- numbers


def real_data(rng: np.random.Generator, shape: tuple[int, ...], positive: bool) -> np.ndarray:
    """Numbers of size 0.3 to 1.3, of both signs or positive: away from 0, of comparable weight.

    Along an axis longer than MODERATE they are smaller, so that sums of products keep their size.
    """
    data = rng.uniform(0.3, 1.3, shape)
    longest = max(shape, default=1)
    if longest > MODERATE:
        data *= np.sqrt(MODERATE / longest)
    return data if positive else data * rng.choice([-1.0, 1.0], shape)


def label_data(rng: np.random.Generator, shape: tuple[int, ...], limit: int) -> np.ndarray:
    """Integers below the limit: one repeated and one unused where there is room."""
    if limit <= 1:
        return np.zeros(shape, np.int64)
    used = rng.permutation(limit)[: limit - 1 if limit > 2 else limit]
    count = int(np.prod(shape))
    cover = np.resize(used, max(count, 1))[:count]
    if count > 1 and len({*cover.tolist()}) == count:
        cover[-1] = cover[0]
    return rng.permutation(cover).reshape(shape)


def bool_data(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Zeros and ones, both of them where there are two entries."""
    count = int(np.prod(shape))
    return rng.permutation(np.resize([1, 0, 1], max(count, 1))[:count]).reshape(shape)


def onehot_data(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Rows of zeros with a single one, along the last axis."""
    labels = label_data(rng, shape[:-1], shape[-1])
    return (labels[..., None] == np.arange(shape[-1])).astype(np.int64)


def thresholds(e: Expr) -> set[Fraction]:
    """The sizes of the numbers, other than 0, that values are compared with: min(x, 6), a clip, a margin."""
    found: set[Fraction] = set()
    for t in x.walk(e):
        sides = (t.left, t.right) if isinstance(t, x.Rel) else t.args if isinstance(t, x.Call) else ()
        if len(sides) == 2 and any(getattr(s, "names", ()) for s in sides):
            found |= {abs(v) for v in map(_number, sides) if v}
    return found


KINKED = {"abs", "sign", "floor"}  # functions of the table that have a kink and no meaning


def branches(e: Expr) -> bool:
    """Whether a formula has branches that the data choose: comparisons of values, the largest of some, kinks."""
    for t in x.walk(e):
        if isinstance(t, x.Rel) and any(getattr(s, "names", ()) for s in (t.left, t.right)):
            return True
        if isinstance(t, x.ArgBest) or isinstance(t, x.Reduce) and t.op in ("max", "min"):
            return True
        if isinstance(t, x.Call) and _kinked(t.op):
            return True
    return False


def _kinked(op: str) -> bool:
    meaning = OPS[op].meaning_expr if op in OPS else None  # an inverse or a reader's unknown function has no row
    return op in KINKED or meaning is not None and branches(meaning)


def _number(t: Term | Index) -> Fraction | None:
    slot = x.as_slot(t)
    if isinstance(slot, x.Affine) and not slot.terms and slot.constant.number is not None:
        return Fraction(slot.constant.number)
    return t.value if isinstance(t, x.Num) and isinstance(t.value, Fraction) else None


# ---------------------------------------------------------------- what the formulas say about undeclared arrays


def label_limits(formulas: Iterable[Expr], shapes: Mapping[str, tuple[Size, ...]]) -> dict[str, Size]:
    """For arrays that stand in index positions: the length of the axis that they index, or are compared with."""
    limits: dict[str, Size] = {}
    for e in formulas:
        for t in x.walk(e):
            for name, n in _label_uses(t, shapes):
                limits.setdefault(name, n)
    return limits


def _label_uses(t: Term | Index, shapes: Mapping[str, tuple[Size, ...]]) -> Iterable[tuple[str, Size]]:
    if isinstance(t, x.Entry) and t.name in shapes and len(shapes[t.name]) == len(t.slots):
        for s, n in zip(t.slots, shapes[t.name], strict=True):
            if isinstance(s, x.Entry):
                yield s.name, n
    if isinstance(t, x.Rel):
        for a, b in ((t.left, t.right), (t.right, t.left)):
            if isinstance(a, x.Entry) and isinstance(b, Index):
                yield a.name, b.size


def slot_names(formulas: Iterable[Expr]) -> set[str]:
    """The arrays that stand in an index position somewhere."""
    found: set[str] = set()
    for e in formulas:
        for t in x.walk(e):
            if isinstance(t, (x.Entry, x.Affine, x.Join, x.Part)):
                found |= {s.name for s in x.parts(t) if isinstance(s, x.Entry)}
            if isinstance(t, x.Rel) and any(isinstance(s, Index) for s in (t.left, t.right)):
                found |= {s.name for s in (t.left, t.right) if isinstance(s, x.Entry)}
    return found
