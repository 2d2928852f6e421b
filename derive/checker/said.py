"""What comments `# check: …` in backward code declare of the forward pass: shapes of inputs, and facts.

    # check: index i: 1..n ; j: 1..C
    # check: var z[i,j] ; const y[i,j] onehot(j)
    # check: assume sum_j y[i,j] = 1 ; x > 0
"""

from __future__ import annotations

import re

from derive.readers.documents import Block, Document, Source
from derive.readers.latex_declared import Declared, declared


def said(source: str, forward: str = "") -> tuple[dict[str, str], tuple[str, ...]]:
    """Shapes by input (`var z[i,j]` is `n C`), and facts on names that either text has, in the engine's notation."""
    found = declared(Document("", [Block("code", source, 0, Source.of(source), "python")]))
    shapes = {name: ("int " if name in found.labels else "") + " ".join(found.sizes[a] for a in letters)
              for name, letters in found.ranks.items() if letters and all(a in found.sizes for a in letters)}  # fmt: skip
    names = set(re.findall(r"\w+", re.sub(r"#.*", "", f"{source}\n{forward}")))
    return shapes, tuple(fact for name, fact in _facts(found) if name in names)


def _facts(found: Declared) -> list[tuple[str, str]]:
    """Facts with the array that each is about."""
    made = [(name, f"onehot {name}") for name in sorted(found.onehot)]
    made += [(name, f"{name} > 0") for name in sorted(found.positive)]
    made += [(name, f"symmetric {name}") for name in sorted(found.symmetric)]
    for entry in found.assumptions:
        text = re.sub(r"\b(?:sum|Σ)_(\w)\s+", r"sum[\1] ", entry.text)
        array = re.search(r"(\w+)\[", text.partition("] ")[2])
        made += [(array[1], text)] if array else []
    return made
