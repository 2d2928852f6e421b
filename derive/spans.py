"""A gradient over a later one of one's choice: `d.collapse("hpreact", "hprebn")`, with every step judged."""

from __future__ import annotations

from dataclasses import dataclass, replace

from derive.counting import Count, count, work_text
from derive.derivation import Derivation, Step
from derive.engine import Gradients
from derive.errors import UnknownName, Usage
from derive.expr import Expr
from derive.judging import judge_alone
from derive.windows import Windows


@dataclass(frozen=True)
class Collapse:
    """The gradient at one array in the shortest form found over the gradient at a later one (None: the outputs).

    `stepwise` is the work of the gradients one by one, `work` that of the form; `why` says what ended the search.
    """

    gradients: Gradients
    derivation: Derivation
    later: str | None
    stepwise: Count
    why: str

    @property
    def expr(self) -> Expr:
        return self.derivation.result

    @property
    def steps(self) -> tuple[Step, ...]:
        return self.derivation.steps

    @property
    def certainty(self) -> str:
        """proved, tested or open: the weakest of the steps."""
        return self.derivation.certainty

    @property
    def work(self) -> Count:
        return count(self.expr)

    @property
    def measure(self) -> str:
        """Operations and passes over memory, of the form and of the gradients one by one."""
        return f"{work_text(self.work)}; one by one {work_text(self.stepwise)}"

    def lines(self) -> list[str]:
        """The derivation in Unicode: every line with its rule, then how it is known, what it costs, why it ends."""
        from derive.writers.formula import formula
        from derive.writers.layout import row
        from derive.writers.letters import EQ, letters_for, spelling
        from derive.writers.text_formula import text

        d = self.derivation
        spelled = spelling(self.gradients.program, self.gradients)
        letters = letters_for([d.target, *(s.line for s in d.steps)], spelled, d.indices)
        head = text(formula(d.target, spelled, letters))
        said = []
        for place, s in enumerate(d.steps):
            side = head if place == 0 else " " * len(head)
            said += [side + " " + text(row(EQ, formula(s.line, spelled, letters))), " " * (len(head) + 4) + f"by {s.rule}"]
        return [*said, "", f"{self.certainty} · {self.measure}", f"The search ended: {self.why}."]

    def __str__(self) -> str:
        return "\n".join(self.lines())

    __repr__ = __str__


def collapse(gradients: Gradients, earlier: str, later: str | None = None, seed: int = 0) -> Collapse:
    """The gradient at `earlier` over the gradient at `later`; the two may be named in either order.

    Raises UnknownName where one of them has no gradient, Usage where no path joins them or the line grows too long.
    """
    windows = Windows(replace(gradients, closed={}))
    names = [earlier] if later is None else sorted([earlier, later], key=lambda n: -_place(gradients, n))
    own = _target(gradients, names[0])
    far = frozenset() if later is None else frozenset({_target(gradients, names[1], far=True)})
    if own not in windows.lets or own in far:
        raise Usage(f"there is nothing between `{earlier}` and `{later}`", "name two arrays, one made from the other")
    inner = windows.between(own, far)
    put = windows.substituted(own, inner)
    if not far <= put.names:
        raise Usage(f"no path leads from `{names[0]}` to `{names[1]}`",
                    "a gradient is written over that of an array that its own array goes into")  # fmt: skip
    found = windows.collapse(gradients.derivations[names[0]], far)
    if found is None:
        raise Usage(f"between `{names[0]}` and `{later or 'the outputs'}` the gradient has too many terms",
                    "multiplied out nothing short comes of it", "name an array that is nearer")  # fmt: skip
    judged = judge_alone(found, gradients.program, seed=seed)
    stepwise = count(*(windows.lets[g].rhs for g in (own, *inner)))
    return Collapse(gradients, judged, names[1] if later else None, stepwise, found.note)


def _place(gradients: Gradients, name: str) -> int:
    """How late in the derivation a gradient comes; the outputs, which have none of their own, come first."""
    return list(gradients.derivations).index(name) if name in gradients.derivations else -1


def _target(gradients: Gradients, name: str, far: bool = False) -> str:
    if name in gradients.derivations:
        return gradients.derivations[name].target.name
    if far and name in gradients.upstream:
        return gradients.upstream[name]
    known = ", ".join([*gradients.derivations, *gradients.upstream])
    raise UnknownName(f"there is no gradient at `{name}`", "it is the loss itself, holds integers or is not in the pass",
                      f"there are gradients at: {known}")  # fmt: skip


__all__ = ["Collapse", "collapse"]
