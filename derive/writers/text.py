"""A Report as plain text: derivation.txt for reviewers, and the same parts in colour for a terminal."""

from __future__ import annotations


def folded_code(code: str, columns: int) -> list[str]:
    """Source lines of at most `columns` letters; what is longer goes on under a hooked arrow."""
    return [piece for line in code.rstrip().splitlines() for piece in _folded(line.expandtabs(4).rstrip(), columns)]


def _folded(line: str, columns: int) -> list[str]:
    indent = len(line) - len(line.lstrip())
    hang = " " * min(indent + 2, columns // 2) + "↪ "
    pieces, lead = [], ""
    while len(lead) + len(line) > columns:
        room = columns - len(lead)
        cut = max((n for n in range(room // 2, room + 1) if line[n - 1] in " ,(["), default=room)
        pieces.append((lead + line[:cut]).rstrip())
        line, lead = line[cut:], hang
    return [*pieces, lead + line]
