"""A bad scan: so much of a document is no LaTeX that nothing in it may be guessed."""

from __future__ import annotations

from derive.readers.latex import Paper

LEAST, SHARE, TORN = 3, 0.24, 2


def refused(paper: Paper) -> bool:
    """Whether at least every fourth display (and three of them) was not read, two of them torn.

    A formula is torn where brackets or factors are missing; a sign that is merely not understood is the author's own.
    """
    displays: dict[int, list[str]] = {id(s.block): [] for s in paper.statements if s.block.kind == "display"}
    for one in paper.statements:
        problems = [p.what for p in (one.problem, *(m.problem for m in one.members)) if p is not None]
        if id(one.block) in displays:
            displays[id(one.block)] += problems
    broken = [found for found in displays.values() if found]
    torn = [found for found in broken if any(not what.endswith("understood") for what in found)]
    return len(broken) >= LEAST and len(broken) >= SHARE * len(displays) and len(torn) >= TORN
