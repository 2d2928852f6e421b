"""Wrong lines as premises: what the gradients further down are when an earlier wrong gradient is taken for true.

Let the author have written ∂L/∂A = G, wrongly.  Where every way from B to the loss goes through A, the step to ∂L/∂B
is valid if it gives Σ G·∂A/∂B: then the line is carried, and not wrong a second time.
"""

from __future__ import annotations

from dataclasses import replace

from derive import expr as x
from derive.expr import Entry, Expr
from derive.index import Index
from derive.judges.normal import Prover
from derive.program import Program, Variable
from derive.readers.latex import Paper
from derive.readers.latex_meaning import dependents
from derive.routes import unfold


class WrongGradients:
    """The wrong gradients that a document has stated so far, by array."""

    def __init__(self, paper: Paper):
        self.paper = paper
        self.stated: dict[str, tuple[tuple[Index, ...], Expr]] = {}

    def __bool__(self) -> bool:
        return bool(self.stated)

    def state(self, wrt: Entry, written: Expr) -> None:
        """∂L/∂wrt = written was said; ignored where its places are no plain indices."""
        slots = wrt.slots
        if all(isinstance(s, Index) for s in slots) and len(set(slots)) == len(slots):
            if not written.free - set(slots) and not any(isinstance(u, x.D) for u in x.walk(written)):
                self.stated[wrt.name] = (slots, written)

    def gradient(self, wrt: Entry) -> Expr | None:
        """∂L/∂wrt under what was stated; None where nothing stated separates it from the loss."""
        own = self.stated.get(wrt.name)
        if own is not None:
            return x.substitute(own[1], dict(zip(own[0], wrt.slots, strict=True)))
        for name in reversed(self.stated):
            if self._separates(name, wrt.name):
                return self._through(name, wrt)
        return None

    def _separates(self, name: str, below: str) -> bool:
        """Whether an array leads to the loss, and only through the stated one."""
        program = self.paper.program
        if name not in dependents(program, below):
            return False
        cut = replace(program, equations=tuple(e for e in program.equations if e.name != name))
        ends = {self.paper.notes.loss, *(v.name[2:] for v in program.inputs if v.name.startswith("U~"))}
        return not (dependents(cut, below) - {below}) & ends

    def _through(self, name: str, wrt: Entry) -> Expr:
        """Σ G·∂A/∂B with ∂A/∂B carried out."""
        program = self.paper.program
        slots, written = self.stated[name]
        axes = tuple(Index(i.name, n) for i, n in zip(slots, program.shape(name), strict=True))
        held = "stated gradient"
        linear = x.total(x.mul(Entry(held, axes), Entry(name, axes)), *axes)
        moving = dependents(program, wrt.name) - {wrt.name}
        whole = unfold(linear, program, moving)
        with_held = Program(
            (*program.inputs, Variable(held, program.shape(name))), program.equations, (), program.facts
        )
        prover = Prover(with_held)
        found = prover.back(prover.expand(x.D(whole, wrt)))

        def put(u: Entry) -> Expr | None:
            return x.substitute(written, dict(zip(slots, u.slots, strict=True))) if u.name == held else None

        return x.replace_entries(found, put)
