"""The claims of one backward pass, judged: whether each follows from the author's gradients above it, and holds."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from derive.checker.claims import Claim, as_written, statements
from derive.checker.cut import Answer, Court, Cut, fits
from derive.checker.mending import equals
from derive.checker.names import spelled
from derive.checker.reading import Reading
from derive.checker.recomputed import arguments_of, parts_of
from derive.claim import Verdict, combined
from derive.errors import Problem, ShapeMismatch, UnknownName
from derive.expr import Entry, Expr
from derive.index import Index, Size
from derive.judges.evaluate import Undecided
from derive.program import base_name

RIGHT = ("right", "right-if")
LOSS_WANTED = "add the cost function to the file, or hand the gradient to backward, as in backward(dout, cache)"
GIVEN = ("inputs", "input", "in", "x", "X")  # what a layer calls what it is applied to
LEAP = 400  # expressions that a proof of a jump over named arrays may expand
OURS = (Problem, Undecided, RecursionError, ArithmeticError, LookupError, ValueError, TypeError, AttributeError)


@dataclass
class Finding:
    """What is known of one claim; `goal` is the formula that it must equal over `indices`."""

    claim: Claim
    meant: str | None = None
    cut: Cut | None = None
    holds: bool | None = None
    follows: bool | None = None
    word: str = ""
    certainty: str | None = None
    kind: str | None = None
    reason: str | None = None
    correction: str | None = None
    where: str | None = None
    goal: Expr | None = None
    indices: tuple[Index, ...] = ()
    shape: tuple[Size, ...] = ()
    line: int | None = None
    undefined: bool = False


class Judge:
    """The claims of one reading, judged in their order."""

    def __init__(self, reading: Reading, court: Court):
        self.reading, self.court = reading, court
        self.claimed: dict[str, str] = {}
        self.by_array: dict[str, Finding] = {}
        self.nameless: dict[str, Finding] = {}
        self.rings: dict[str, dict[str, Claim]] = {}
        self.findings: list[Finding] = []
        self.extra: list[Finding] = []
        self.shown: list[tuple[Finding, Verdict]] = []

    def _guarded(self, act: Callable[[Finding], None], f: Finding) -> None:
        """One claim's judgement; an error of ours is said at that claim and stops no other."""
        try:
            act(f)
        except OURS as error:
            if not f.word:
                f.word, f.reason = "unknown", f"it could not be judged: {type(error).__name__}: {error}"

    # -- one claim

    def _judge(self, f: Finding) -> None:
        claim = f.claim
        if claim.fate in _FATES:
            _FATES[claim.fate](self, f)
            return
        for meant in claim.meant:
            trial = Finding(claim)
            self._against(trial, meant)
            if not f.word or trial.word in ("right", "right-if", "carried") or f.word == "unknown":
                f.__dict__.update(trial.__dict__)
            if f.word in RIGHT:
                break
        if f.meant is None:
            self._without_name(f)
            return
        if f.word in RIGHT and f.meant in claim.readings:
            f.word, f.kind, f.reason = "right-if", "reading", claim.readings[f.meant]
        own = all(claim.name.split("[")[0] in s.uses.writes for s in claim.steps)  # changed under no other name
        if f.word == "wrong" and len(claim.versions) > 1 and own:
            self._carried_inward(f)
        if f.word == "wrong" and self._before_activation(f):
            return
        f.claim.meant[:] = [f.meant]
        self.claimed[claim.array] = f.meant
        self.by_array[claim.array] = f
        if claim.fate == "overwritten" and f.word == "wrong":
            f.kind = "overwritten"
            f.reason = f"this line changes `{claim.name}` too, and it is used again later"

    def _against(self, f: Finding, meant: str) -> None:
        """The claim against the gradient of one forward array."""
        court, array = self.court, f.claim.array
        around = {other: claim.meant[0] for other, claim in self.rings.get(array, {}).items()}
        f.meant, f.cut, f.shape = meant, court.cut(array, meant, around | self.claimed), court.shape(meant)
        f.indices = court.indices(f.shape)
        f.goal = court.true(meant, f.indices)
        if meant in court.doubted:
            f.word, f.reason = "unknown", f"the gradient at `{base_name(meant)}` is not confirmed by its own judge"
            return
        fit = fits(court.shape(array), f.shape)
        if fit == "other":
            self._other_shape(f)
            return
        lossless = self.reading.lossless and not any(n.startswith("∂=") for n in f.cut.inner)  # those stand for true ones
        if lossless and not f.cut.separates:
            ends = " and ".join(f"`{base_name(o)}`" for o in self.reading.forward.outputs)
            f.word, f.reason = "unknown", f"the forward pass ends in {ends}; how the loss depends on it, nothing says: {LOSS_WANTED}"
            return
        written = court.written(array, f.indices)
        truth = court.same(written, f.goal)
        f.holds, f.certainty, f.where = truth.equal, truth.certainty, truth.where
        f.follows = self._follows(f, written, truth)
        if lossless:
            f.holds, f.certainty = None, "tested"
        f.word = combined(f.follows, f.holds)
        f.reason = truth.why or None
        f.undefined = truth.equal is False and bool(truth.why)
        f.kind = "undefined" if f.undefined else None
        if truth.condition and f.word == "unknown":
            f.word, f.kind = "right-if", "side-condition"
        if (f.follows, f.holds) == (False, True):
            f.kind = "repairs-earlier-slip"
            f.reason = "the result is right, but it does not follow from the wrong gradients that it is made of"
        if f.word == "right":
            self._right(f, written, fit)

    def _carried_inward(self, f: Finding) -> None:
        """`dh = …; dh[h <= 0] = 0`: the gradient at h, made under the same name into the one inside h's own line."""
        court, line = self.court, self.reading.forward.equation(f.meant)
        first = next((v for v in f.claim.versions[:-1] if v in court.program and self._is_true(v, f.meant)), None)
        if first is None or line is None:
            return
        inner = [(court.truth_array(n), f"`{base_name(n)}`", n) for n in sorted(line.rhs.names & court.targets.keys())]
        inner += [(court.part(f.meant, first, t, own), f"`{t}` in its line", f.meant)
                  for t, own in parts_of(line, self.reading.forward)]  # fmt: skip
        for array, said, meant in inner:
            if court.shape(array) != court.shape(f.claim.array):
                continue
            indices = court.indices(court.shape(array))
            if court.agrees_now(court.written(f.claim.array, indices), Entry(array, indices)):
                told = f"first the gradient at `{base_name(f.meant)}`, then the one at {said}"
                f.word, f.certainty, f.kind, f.reason, f.where = "right", "tested", None, told, None
                f.holds = f.follows = True
                f.meant = meant
                return

    def _before_activation(self, f: Finding) -> bool:
        """`d_out = (out - y) * out * (1 - out)`: not the gradient at out, but at what its activation is applied to."""
        court, line = self.court, self.reading.forward.equation(f.meant)
        shape, array = court.shape(f.meant), f.claim.array
        if line is None or court.shape(array) != shape:
            return False
        for t, own in arguments_of(line, self.reading.forward):
            part, indices = court.part(f.meant, court.truth_array(f.meant), t, own), court.indices(shape)
            if court.agrees_now(court.written(array, indices), Entry(part, indices)):
                said = f"right if `{f.claim.name}` means the gradient at `{t}`, before the activation of "
                f.word, f.kind, f.certainty, f.where = "right-if", "reading", "tested", None
                f.holds, f.follows, f.reason = True, True, f"{said}`{base_name(f.meant)}`"
                return True
        return self._before_definition(f)

    def _before_definition(self, f: Finding) -> bool:
        """`dy = (y - t) / n`, where y = softmax(a): the gradient at a, which the author has given no letter of its own."""
        court, forward, shape = self.court, self.reading.forward, self.court.shape(f.meant)
        below = forward.reaches({f.meant}) & court.targets.keys() - {f.meant}
        for n in (e.name for e in reversed(forward.equations) if e.name in below):
            if court.shape(n) != shape:
                continue
            indices = court.indices(shape)
            if court.agrees_now(court.written(f.claim.array, indices), court.true(n, indices)):
                said = f"right if `{as_written(f.claim)}` means the gradient at `{base_name(n)}`, of which `{base_name(f.meant)}` is made"
                f.word, f.kind, f.certainty, f.where = "right-if", "reading", "tested", None
                f.holds, f.follows, f.reason = True, True, said
                return True
        return False

    def _is_true(self, array: str, meant: str) -> bool:
        court = self.court
        if court.shape(array) != court.shape(meant):
            return False
        indices = court.indices(court.shape(meant))
        return court.agrees_now(court.written(array, indices), court.true(meant, indices))

    def _other_shape(self, f: Finding) -> None:
        f.holds = f.follows = False
        f.word, f.kind = "wrong", "does-not-fit"
        have = shape_text(self.court.shape(f.claim.array))
        f.reason = f"it has the shape {have}, and `{base_name(f.meant)}` has {shape_text(f.shape)}"
        f.where = f"shape {have} against {shape_text(f.shape)}"

    def _follows(self, f: Finding, written: Expr, truth: Answer) -> bool | None:
        """Whether it is what the author's own gradients further up demand."""
        if not (f.cut.separates or f.cut.reached and truth.equal is False):
            return None if f.cut.reached else truth.equal
        read = {u: self._known(f, u, a) for u, a in f.cut.reached.items()}
        above = {u: g for u, g in read.items() if not g.holds}
        if not above:
            return truth.equal if f.cut.separates else None
        expected, equations = self.court.expected(f.cut, f.indices, f.cut.reached)
        self.court.add(equations)
        found = self.court.same(written, expected)
        if not f.cut.separates:  # ways to the outputs that the author's gradients do not cut are taken as they are
            return True if found.equal else None
        if found.equal is False and self._right_from_right(f, above):
            return True
        if found.equal is False:
            f.where, f.goal = found.where, expected
            before = {u: a for u, a in f.cut.reached.items() if a not in self.rings.get(f.claim.array, {})}
            if len(before) < len(f.cut.reached):  # a corrected line of a loop corrects the others in it
                f.goal, equations = self.court.expected(f.cut, f.indices, before)
                self.court.add(equations)
        return found.equal

    def _known(self, f: Finding, meant: str, array: str) -> Finding:
        """What is known of a gradient that a claim reads; one of the same loop, which is judged later, by its value."""
        if array in self.by_array:
            return self.by_array[array]
        claim, court = self.rings[f.claim.array][array], self.court
        indices = court.indices(court.shape(meant))
        fit = fits(court.shape(claim.array), court.shape(meant)) != "other"
        holds = fit and court.same(court.written(claim.array, indices), court.true(meant, indices)).equal
        return Finding(claim, meant, holds=holds)

    def _right_from_right(self, f: Finding, above: dict[str, Finding]) -> bool:
        """Whether the value is right when the wrong gradients that it reads are put right."""
        court = self.court
        swaps = {f.cut.reached[name]: court.truth_array(name) for name in above
                 if court.shape(f.cut.reached[name]) == court.shape(name)}  # fmt: skip
        if len(swaps) < len(above):
            return self._read_again(f, above)
        array, equations = court.variant(f.claim.array, swaps)
        if not equations:
            return False
        return court.agrees(array, equations, court.true(f.meant, f.indices), f.indices)

    def _read_again(self, f: Finding, above: dict[str, Finding]) -> bool:
        """The same, where a wrong gradient has another shape: the statements are read again after the true ones."""
        wrong = [u for u in above.values() if self.court.shape(u.claim.array) != self.court.shape(u.meant)]
        first = min((u.claim for u in wrong), key=lambda c: self.reading.steps.index(c.last)) if wrong else None
        if first is None or any(s.looped for s in (first.last, f.claim.last)):
            return False
        self.court.truth_array(wrong[0].meant)
        begin, end = (self.reading.steps.index(s) for s in (first.last, f.claim.last))
        nodes = [s.node for s in self.reading.steps[begin + 1 : end + 1] if s.problem is None]
        given = (first.name, wrong[0].meant)
        goal, shape = self.court.true(f.meant, f.indices), f.shape
        return equals(self.court, first.last, nodes, f.claim.name, goal, f.indices, shape, given)

    def _right(self, f: Finding, written: Expr, fit: str) -> None:
        if self._is_proved(f, written):
            f.certainty = "proved"
        if fit == "loose":
            f.word, f.kind = "right-if", "shape"
            have = shape_text(self.court.shape(f.claim.array))
            f.reason = f"the right values in the shape {have}; `{base_name(f.meant)}` has {shape_text(f.shape)}"

    def _is_proved(self, f: Finding, written: Expr) -> bool:
        """A proof over the author's own gradients, else over the true ones with the forward pass written out.

        The second sees a jump to a closed form, which rests on what the forward pass defines: P ⊙ (dP − Σ dO ⊙ O).
        """
        expected, equations = self.court.expected(f.cut, f.indices, f.cut.reached if f.cut.separates else {})
        self.court.add(equations)
        unfold = {*f.cut.inner, f.claim.array, *(e.name for e in equations)}
        if self.court.proves(written, expected, unfold, LEAP) or self._is_leap(f, written, unfold):
            return True
        return self.court.proves(written, expected, unfold)

    def _is_leap(self, f: Finding, written: Expr, unfold: set[str]) -> bool:
        """Whether a short proof over the true gradients shows it, with more or less of the forward pass written out."""
        if self.court.made_in_rounds:  # definitions that read themselves have no end to be written out to
            return False
        true, more = self.court.expected(f.cut, f.indices, {})
        self.court.add(more)
        arrays = {*unfold, *(e.name for e in more), *f.cut.reached.values()}
        names = self.court.program.reaches(written.names | true.names) & self.reading.forward.by_name.keys()
        return any(self.court.proves(written, true, {*arrays, *also}, LEAP) for also in (written.names, names))

    # -- gradients of what has no name in the forward pass

    def _without_name(self, f: Finding) -> None:
        """A gradient whose name says nothing: the gradient of another array, or of a part of a forward line."""
        court, array = self.court, f.claim.array
        if array not in court.program:
            return
        if (back := self._passed_back(f)) is not None:  # the gradient at another input is not what a layer hands back
            self._against(f, back)
            self.claimed[array], self.by_array[array] = back, f
            return
        f.cut = court.cut(array, "", self.claimed)
        self.nameless[array] = f
        rooted = bool(f.cut.reached) or any(n.startswith("∂") for n in f.cut.inner)
        if not rooted and not any(n in self.reading.forward for n in f.cut.inner):
            return
        indices = court.indices(court.shape(array))
        for part, said, holds in self._parts(f):
            sides = court.written(array, indices), Entry(part, indices)
            if court.quick(*sides) and court.same(*sides).equal:
                f.follows, f.holds, f.certainty, f.reason = True, holds, "tested", said
                f.word = combined(True, holds)
                return
        if self._another(f) or not rooted:
            return
        if (meant := self._initial(f)) is not None:
            self._against(f, meant)
        else:
            f.word = "open"

    def _passed_back(self, f: Finding) -> str | None:
        """What a layer hands back, `self.dinputs` or the value that it returns: the gradient at forward's first input."""
        forward, name = self.reading.forward, f.claim.name
        if "." not in forward.name or not (name == "grads[returned0]" or (spelled(name) or "") in GIVEN):
            return None
        given = [n for n in forward.parameters if forward.is_input(n) and forward.sort(n) == "real"]
        return given[0] if given and forward.shape(given[0]) == self.court.shape(f.claim.array) else None

    def _another(self, f: Finding) -> bool:
        """Whether it is the true gradient at some forward array of its shape."""
        court, array = self.court, f.claim.array
        for meant in court.targets:
            if court.shape(array) != court.shape(meant):
                continue
            indices = court.indices(court.shape(meant))
            if court.quick(court.written(array, indices), court.true(meant, indices)):
                trial = Finding(f.claim)
                self._against(trial, meant)
                if trial.word in RIGHT:
                    f.__dict__.update(trial.__dict__)
                    self.claimed[array], self.by_array[array] = meant, f
                    f.reason = f"the gradient at `{base_name(meant)}`"
                    return True
        return False

    def _initial(self, f: Finding) -> str | None:
        """`self.dw` for the gradient at `weights`: kept on the object, the initial of one input alone, of its shape."""
        owner, _, key = f.claim.name.rstrip("]").partition("[")
        base, forward = (spelled(key) or "").lower(), self.reading.forward
        if owner != "self" or len(base) != 1:
            return None
        found = [v.name for v in forward.inputs if v.sort == "real" and base_name(v.name).lower().startswith(base)]
        return found[0] if len(found) == 1 and forward.shape(found[0]) == self.court.shape(f.claim.array) else None

    def _parts(self, f: Finding) -> Iterator[tuple[str, str, bool | None]]:
        """Gradients at nameless parts of the lines whose gradients a claim reads, in its shape."""
        court, want = self.court, self.court.shape(f.claim.array)
        above = dict(f.cut.reached)
        arriving = {u: n if self.reading.forward.shape(u) else self.reading.scalar_upstream for u, n in self.reading.upstream.items()}
        above |= {u: n for u, n in arriving.items() if n in f.cut.inner and u not in above}
        if not above:
            above = {g.meant: g.claim.array for g in self.findings if g.meant and g.claim.array in self.claimed}
            above |= {u: n for u, n in arriving.items() if u not in above}
        above = above or {
            u: court.truth_array(u) for u in court.targets if self.reading.forward.equation(u) is not None
        }
        for u, gradient in above.items():
            equation = self.reading.forward.equation(u)
            for t, own in parts_of(equation, self.reading.forward) if equation is not None else ():
                if tuple(i.size for i in own) == want:
                    part, known = court.part(u, gradient, t, own), self.by_array.get(gradient)
                    yield part, f"the gradient at `{t}` in the line of `{base_name(u)}`", known.holds if known else True

    # -- what could not be read

    def _failed(self, f: Finding) -> None:
        """A statement that could not be read: shapes that do not fit are a mistake, other things are not known."""
        problem = f.claim.problem
        f.meant = f.claim.meant[0] if f.claim.meant else None
        f.reason = "; ".join(part for part in (problem.what, problem.why, problem.hint) if part)
        if f.meant is not None:
            f.shape = self.court.shape(f.meant)
            f.indices = self.court.indices(f.shape)
            f.goal = self.court.true(f.meant, f.indices)
        if isinstance(problem, ShapeMismatch) and self._of_another_line(f.claim, problem):
            f.word, f.reason = "unknown", f"line {problem.span.line} of the loop could not be read: {problem.what}"
        elif isinstance(problem, ShapeMismatch):
            f.word, f.kind, f.follows, f.holds, f.where = "wrong", "does-not-fit", False, False, problem.what
        elif "last one wins" in problem.why and f.meant is not None:
            self._last_wins(f)
        else:
            f.word = "unknown" if isinstance(problem, UnknownName) else "unreadable"

    def _of_another_line(self, claim: Claim, problem: Problem) -> bool:
        """Whether a loop failed on a line that another gradient is made on."""
        span = problem.span
        if span is None or not isinstance(claim.last.node, ast.For):
            return False
        return not any(n.lineno <= span.line <= n.end_lineno for n in statements(claim))

    def _copied(self, f: Finding) -> None:
        f.meant, f.word, f.kind = (f.claim.meant or [None])[0], "no-claim", "not-derived"
        f.reason = "the value is taken from .grad, not derived"
        f.holds = True

    def _dead(self, f: Finding) -> None:
        f.word, f.kind = "no-claim", "partial"
        f.reason = f"`{f.claim.name}` is set anew before it is used"


_FATES = {"failed": Judge._failed, "copied": Judge._copied, "dead": Judge._dead}


def shape_text(shape: tuple[Size, ...]) -> str:
    return f"({', '.join(str(n) for n in shape)}{',' if len(shape) == 1 else ''})"
