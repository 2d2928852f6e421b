"""A bad scan: so much of a document is no LaTeX that nothing in it may be guessed."""

from __future__ import annotations

from derive.readers.latex import Paper

LEAST, SHARE = 3, 0.24


def refused(paper: Paper) -> bool:
    """Whether at least every fourth display (and three of them) was not read."""
    displays = {id(s.block): False for s in paper.statements if s.block.kind == "display"}
    for one in paper.statements:
        if id(one.block) in displays and (one.problem is not None or any(m.problem is not None for m in one.members)):
            displays[id(one.block)] = True
    broken = sum(displays.values())
    return broken >= LEAST and broken >= SHARE * len(displays)
