"""Long lines of words, formulas and code, folded into a number of columns."""

from __future__ import annotations

from derive.writers.text_formula import CLOSING, OPENING, plain, unmarked

_SIGNS = frozenset([*OPENING.values(), *CLOSING.values()])
_JOINTS = (" = ", " ≈ ", " + ", " − ")


def folded_words(words: str, columns: int) -> list[str]:
    """Lines of at most `columns` letters, cut between words, a longer word where it must be."""
    lines = [""]
    for word in plain(words).split(" "):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if len(joined) <= columns:
            lines[-1] = joined
            continue
        lines += [word] if lines[-1] else []
        lines[-1] = lines[-1] or word
        while len(lines[-1]) > columns:
            lines[-1:] = [lines[-1][:columns], lines[-1][columns:]]
    return lines


def folded_formula(formula: str, first: int, rest: int) -> list[str]:
    """A printed formula in lines of `first`, then `rest` letters: before a sign outside brackets, else at a space."""
    lines, room = [], first
    while len(unmarked(formula)) > room:
        cut = _cut(formula, room)
        lines.append(formula[:cut].rstrip())
        formula, room = formula[cut:].lstrip(), rest
    return _carried([*lines, formula])


def _cut(formula: str, room: int) -> int:
    """Where to cut: the last good place in the second half of the room; the less deep in brackets, the better."""
    best, choice, depth, seen = -1.0, 0, 0, 0
    for at, letter in enumerate(formula):
        depth = max(0, depth + (letter in "([{⟨⌊‹") - (letter in ")]}⟩⌋›"))
        if letter == " " and 0 < seen <= room:
            near = seen / room if seen < room / 2 else 1.0
            joint = formula[at:].startswith(_JOINTS) or formula[at - 1] == ";"
            worth = near * (1 + joint) / (1 + depth)
            if worth >= best:
                best, choice = worth, at
        seen += letter not in _SIGNS
        if seen > room:
            return choice or at
    return len(formula)


def _carried(lines: list[str]) -> list[str]:
    """Marks that go over the end of a line are closed there and opened again on the next."""
    carried, opened = [], []
    for line in lines:
        start = "".join(opened)
        for letter in line:
            if letter in OPENING.values():
                opened.append(letter)
            elif letter in CLOSING.values():
                opened.pop()
        ends = "".join(chr(ord(letter) + 1) for letter in reversed(opened))
        carried.append(start + line + ends)
    return carried


def folded_code(code: str, columns: int) -> list[str]:
    """Source lines of at most `columns` letters; what is longer goes on under a hooked arrow."""
    lines = (plain(line.expandtabs(4)).rstrip() for line in code.rstrip().splitlines())
    return [piece for line in lines for piece in _folded(line, columns)]


def _folded(line: str, columns: int) -> list[str]:
    indent = len(line) - len(line.lstrip())
    hang = " " * min(indent + 2, columns // 2) + "↪ "
    pieces, lead = [], ""
    while len(lead) + len(line) > columns:
        room = columns - len(lead)
        cut = max((n for n in range(room // 2, room + 1) if line[n - 1] in " ,(["), default=room)
        pieces.append((lead + line[:cut]).rstrip())
        line, lead = line[cut:].lstrip(), hang
    return [*pieces, lead + line]
