"""Which mistake a wrong gradient is: the change of a line that repairs it, or the path that is lost."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from derive import expr as x
from derive.checker.claims import Claim, as_written
from derive.checker.cut import fits
from derive.checker.judged import Finding, Judge
from derive.checker.mending import Repair, equals, repaired
from derive.checker.reading import Step
from derive.expr import Entry, Expr
from derive.program import base_name


class Explainer(Judge):
    """The judged claims of one reading, the wrong ones explained."""

    def _explain(self, f: Finding) -> None:
        """The kind of a mistake by the change that repairs it, in this statement or in a nameless one before it."""
        if f.correction is not None or f.goal is None or f.kind in ("repairs-earlier-slip", "overwritten"):
            return
        if f.cut is not None and (self._elsewhere(f) or self._changed_before(f)):
            return
        if len(f.claim.steps) > 1 and self._scaled(f):
            return
        temporary = self._temporaries(f)
        found = repaired(self.court, f.claim, f.goal, f.indices, f.shape, temporary)
        if found is not None and found.step not in f.claim.steps:
            self._before(f, found)
        elif found is not None:
            self._say(f, found)
        else:
            self._missing_path(f)

    def _scaled(self, f: Finding) -> bool:
        """Whether a value of several statements is a multiple of the right one; one more statement mends it."""
        if f.claim.array not in self.court.program or fits(self.court.shape(f.claim.array), f.shape) == "other":
            return False
        written, name = self.court.written(f.claim.array, f.indices), as_written(f.claim)
        choices = [("sign", x.MINUS_ONE, f"{name} *= -1", "the sign is the opposite")]
        for above in (n for n, v in self.reading.start.items() if v == self.reading.scalar_upstream):
            said = f"the gradient `{above}` from above is left out"
            choices.append(("upstream", Entry(self.reading.scalar_upstream, ()), f"{name} *= {above}", said))
        for said, n in self.reading.sizes.items():
            over = x.power(x.size(n), x.MINUS_ONE)
            choices += [
                ("mean-factor", over, f"{name} /= {said}", f"it equals the right answer × {said}"),
                ("mean-factor", x.size(n), f"{name} *= {said}", f"it equals the right answer × 1/{said}"),
            ]
        choices += [("factor", x.num(2), f"{name} *= 2", "it equals the right answer × ½"),
                    ("factor", x.num("1/2"), f"{name} /= 2", "it equals the right answer × 2")]  # fmt: skip
        for kind, factor, correction, said in choices:
            if self.court.quick(written * factor, f.goal) and self.court.same(written * factor, f.goal).equal:
                self._say(f, Repair(kind, correction, f.claim.last.line, said, f.claim.last))
                return True
        return False

    def _say(self, f: Finding, found: Repair) -> None:
        f.kind, f.correction, f.line, f.reason = found.kind, found.correction, found.line, found.said
        if found.said.startswith("|"):
            array = self._array(found.said[1:], f)
            meant = self.claimed.get(array, found.said[1:])
            f.reason = f"the path through `{base_name(meant)}` is missing"

    def _array(self, name: str, f: Finding) -> str:
        return next((g.claim.array for g in reversed(self.findings) if g.claim.name == name), name)

    def _temporaries(self, f: Finding) -> list[str]:
        if f.cut is None:
            return []
        return [n for n in f.cut.inner if "@" in n and n not in self.reading.forward and n not in self.claimed]

    def _elsewhere(self, f: Finding) -> bool:
        """Whether the mistake is in a nameless gradient that this one is made of; then this one is carried."""
        for array in (f.cut.inner | set(f.cut.reached.values())) & self.nameless.keys():
            other = self.nameless[array]
            for part in [*(part for part, _, _ in self._parts(other)), *self._of_its_shape(array)]:
                if self.court.quick(Entry(part, i := self.court.indices(self.court.shape(part))), Entry(array, i)):
                    continue
                new, equations = self.court.variant(f.claim.array, {array: part})
                if equations and self.court.agrees(new, equations, f.goal, f.indices):
                    self._blame(other, part)
                    f.word, f.follows, f.kind = "carried", True, None
                    f.reason = f"right if `{other.claim.name}` is"
                    return True
        return False

    def _of_its_shape(self, array: str) -> Iterator[str]:
        """The true gradients at the forward arrays of a nameless gradient's shape."""
        shape = self.court.shape(array)
        yield from (self.court.truth_array(n) for n in self.court.targets if self.reading.forward.shape(n) == shape)

    def _before(self, f: Finding, found: Repair) -> None:
        """The mistake is in a line before, whose name is no gradient: that line is wrong, this claim carried."""
        f.word, f.follows, f.kind = "carried", True, None
        f.reason = f"right if line {found.line} is"
        line = next((g for g in self.findings if g.claim.steps == [found.step]), None)
        if line is None:
            line = Finding(Claim("", [found.step]))
            self.extra.append(line)
        if line.word in ("", "open"):
            line.word, line.follows, line.holds, line.where = "wrong", False, False, f.where
            self._say(line, found)

    def _changed_before(self, f: Finding) -> bool:
        """Whether it is right with the array of the forward pass that an earlier line has changed in place."""
        steps = self.reading.steps[: self.reading.steps.index(f.claim.first)]
        for step in reversed(steps):
            for name in sorted(step.changed & self.reading.start.keys()):
                old, new = self.reading.start[name], self.reading.array(step.values[name])
                if name in step.uses.sets or old.startswith("∂") or old not in self.reading.forward:
                    continue
                array, equations = self.court.variant(f.claim.array, {new: old})
                if equations and self.court.agrees(array, equations, f.goal, f.indices):
                    self._blame_change(f, step, name)
                    return True
        return False

    def _blame_change(self, f: Finding, step: Step, name: str) -> None:
        """The line that changes an array of the forward pass is wrong, the claim that reads it carried."""
        f.word, f.follows, f.kind = "carried", True, None
        f.reason = f"right if line {step.line} leaves `{name}` as it is"
        line = Finding(Claim("", [step]), word="wrong", follows=False, holds=False, where=f.where, kind="overwritten")
        line.reason, line.line = f"it changes `{name}` of the forward pass, which is used again", step.line
        self.extra.append(line)

    def _blame(self, other: Finding, part: str) -> None:
        other.shape = self.court.shape(part)
        other.indices = self.court.indices(other.shape)
        other.goal = Entry(part, other.indices)
        other.word, other.follows, other.holds = "wrong", False, False
        other.where = self.court.same(self.court.written(other.claim.array, other.indices), other.goal).where
        self._explain(other)

    def _missing_path(self, f: Finding) -> None:
        """The path whose term is exactly what is lacking, where adding no gradient of the author's mends it."""
        derivation = self.court.gradients.derivations.get(f.meant)
        if derivation is None or f.kind == "does-not-fit" or not derivation.steps:
            return
        first = derivation.steps[0]
        if len(getattr(first, "uses", ())) < 2 or self.reading.scalar_upstream:
            return
        for use, term in self._terms(f):
            lacking = self.court.written(f.claim.array, f.indices) + term
            if self.court.quick(lacking, f.goal) and self.court.same(lacking, f.goal).equal:
                f.kind, f.reason = "forgotten-path", f"the path through `{base_name(use)}` is missing"
                self._added_later(f)
                return

    def _added_later(self, f: Finding) -> None:
        """`dx += dU` after the line that sets dU, where that mends it."""
        begin = self.reading.steps.index(f.claim.first)
        for g in self.findings[self.findings.index(f) + 1 :]:
            if g.claim.first.looped or g.claim.last not in self.reading.steps[begin:]:
                continue
            end = self.reading.steps.index(g.claim.last)
            text = f"{as_written(f.claim)} += {as_written(g.claim)}"
            nodes = [*(s.node for s in self.reading.steps[begin : end + 1]), *ast.parse(text).body]
            if equals(self.court, f.claim.first, nodes, f.claim.name, f.goal, f.indices, f.shape):
                f.correction, f.reason = text, f"{f.reason}; add it after line {g.claim.last.line}"
                return

    def _terms(self, f: Finding) -> Iterator[tuple[str, Expr]]:
        forward = self.reading.forward
        for use in forward.uses(f.meant):
            target = self.court.targets.get(use.name)
            if target is None or target not in self.court.program and use.name not in self.court.gradients.of:
                continue
            over = tuple(i.fresh() for i in use.indices)
            body = x.D(use.instance(over), Entry(f.meant, f.indices))
            if target in self.court.program:
                body = x.mul(Entry(target, over), body)
            yield use.name, x.total(body, *over)

    def _last_wins(self, f: Finding) -> None:
        """A store where several values meet: wrong if adding them up instead is right, and they are not all zero."""
        f.word = "unreadable"
        found = repaired(self.court, f.claim, f.goal, f.indices, f.shape, only=("assigned", "repeated-index"))
        zero = self.court.same(f.goal, f.goal * 2)
        if found is not None and zero.equal is False:
            f.word, f.follows, f.holds = "wrong", False, False
            f.where = "two values meet in one place: the first is lost; " + (zero.where or "")
            self._say(f, found)
