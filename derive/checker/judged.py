"""The claims of one backward pass, judged: follows, holds, the kind of a mistake, where it is, how to correct it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from derive import expr as x
from derive.checker.claims import Claim, claims_of
from derive.checker.codes import KIND_CODES
from derive.checker.cut import Answer, Court, Cut, fits
from derive.checker.reading import Reading
from derive.checker.recomputed import parts_of
from derive.checker.mending import Repair, equals, repaired
from derive.claim import Place, Verdict, combined
from derive.errors import Problem, ShapeMismatch, UnknownName
from derive.expr import Entry, Expr
from derive.index import Index, Size
from derive.judges.evaluate import Undecided
from derive.program import Fact, base_name, parse_fact

RIGHT = ("right", "right-if")


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
    reads: frozenset[str] = frozenset()


class Checker:
    """The claims of one reading, judged in their order."""

    def __init__(self, reading: Reading, court: Court):
        self.reading, self.court = reading, court
        self.claimed: dict[str, str] = {}
        self.by_array: dict[str, Finding] = {}
        self.nameless: dict[str, Finding] = {}
        self.findings: list[Finding] = []
        self.extra: list[Finding] = []

    def verdicts(self) -> list[Verdict]:
        """One verdict for every claim and every part of one, in the order in which they are complete."""
        for claim in claims_of(self.reading):
            finding = Finding(claim)
            self._guarded(self._judge, finding)
            self.findings.append(finding)
        for f in self.findings:
            if f.word == "wrong":
                self._guarded(self._explain, f)
        self._conventions()
        self._guarded(lambda _: self._conditions(), Finding(Claim("", [])))
        self._leftover()
        extra = {f.line: f for f in reversed(self.extra)}.values()
        found = [v for f in [*self.findings, *extra] for v in self._shown(f)]
        return sorted(found, key=lambda v: (v.place.end_line, v.place.line, v.place.column))

    def _guarded(self, act: Callable[[Finding], None], f: Finding) -> None:
        """One claim's judgement; an error of ours is said at that claim and stops no other."""
        try:
            act(f)
        except (Problem, Undecided, RecursionError, ArithmeticError, LookupError, ValueError, TypeError, AttributeError) as error:
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
        f.claim.meant[:] = [f.meant]
        self.claimed[claim.array] = f.meant
        self.by_array[claim.array] = f
        if claim.fate == "overwritten" and f.word == "wrong":
            f.kind = "overwritten"
            f.reason = f"this line changes `{claim.name}` too, and it is used again later"

    def _against(self, f: Finding, meant: str) -> None:
        """The claim against the gradient of one forward array."""
        court, array = self.court, f.claim.array
        f.meant, f.cut, f.shape = meant, court.cut(array, meant, self.claimed), court.shape(meant)
        f.indices = court.indices(f.shape)
        f.goal = court.true(meant, f.indices)
        if meant in court.doubted:
            f.word, f.reason = "unknown", f"the gradient at `{base_name(meant)}` is not confirmed by its own judge"
            return
        fit = fits(court.shape(array), f.shape)
        if fit == "other":
            self._other_shape(f)
            return
        written = court.written(array, f.indices)
        truth = court.same(written, f.goal)
        f.holds, f.certainty, f.where = truth.equal, truth.certainty, truth.where
        f.follows = self._follows(f, written, truth)
        f.word = combined(f.follows, f.holds)
        f.reason = truth.why or None
        if (f.follows, f.holds) == (False, True):
            f.kind = "repairs-earlier-slip"
            f.reason = "the result is right, but it does not follow from the wrong gradients that it is made of"
        if f.word == "right":
            self._right(f, written, fit)

    def _other_shape(self, f: Finding) -> None:
        f.holds = f.follows = False
        f.word, f.kind = "wrong", "does-not-fit"
        have = _shape(self.court.shape(f.claim.array))
        f.reason = f"it has the shape {have}, and `{base_name(f.meant)}` has {_shape(f.shape)}"
        f.where = f"shape {have} against {_shape(f.shape)}"

    def _follows(self, f: Finding, written: Expr, truth: Answer) -> bool | None:
        """Whether it is what the author's own gradients further up demand."""
        if not f.cut.separates:
            return None if f.cut.reached else truth.equal
        above = {u: self.by_array[a] for u, a in f.cut.reached.items() if not self.by_array[a].holds}
        if not above:
            return truth.equal
        expected, equations = self.court.expected(f.cut, f.indices, f.cut.reached)
        self.court.add(equations)
        found = self.court.same(written, expected)
        if found.equal is False and self._right_from_right(f, above):
            return True
        if found.equal is False:
            f.where, f.goal = found.where, expected
        return found.equal

    def _right_from_right(self, f: Finding, above: dict[str, Finding]) -> bool:
        """Whether the value is right when the wrong gradients that it reads are put right."""
        court = self.court
        swaps = {u.claim.array: court.truth_array(name) for name, u in above.items()
                 if court.shape(u.claim.array) == court.shape(name)}  # fmt: skip
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
        expected, equations = self.court.expected(f.cut, f.indices, f.cut.reached if f.cut.separates else {})
        self.court.add(equations)
        unfold = {*f.cut.inner, f.claim.array, *(e.name for e in equations)}
        if self.court.proves(written, expected, unfold):
            f.certainty = "proved"
        if fit == "loose":
            f.word, f.kind = "right-if", "shape"
            have = _shape(self.court.shape(f.claim.array))
            f.reason = f"the right values in the shape {have}; `{base_name(f.meant)}` has {_shape(f.shape)}"

    # -- gradients of what has no name in the forward pass

    def _without_name(self, f: Finding) -> None:
        """A gradient whose name says nothing: the gradient of another array, or of a part of a forward line."""
        court, array = self.court, f.claim.array
        if array not in court.program:
            return
        f.cut = court.cut(array, "", self.claimed)
        self.nameless[array] = f
        if not f.cut.reached and not any(n.startswith("∂") for n in f.cut.inner):
            return
        indices = court.indices(court.shape(array))
        for part, said, holds in self._parts(f):
            sides = court.written(array, indices), Entry(part, indices)
            if court.quick(*sides) and court.same(*sides).equal:
                f.follows, f.holds, f.certainty, f.reason = True, holds, "tested", said
                f.word = combined(True, holds)
                return
        if not self._another(f):
            f.word = "open"

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

    def _parts(self, f: Finding):
        """Gradients at nameless parts of the lines whose gradients a claim reads, in its shape."""
        court, want = self.court, self.court.shape(f.claim.array)
        above = dict(f.cut.reached)
        above |= {u: n for u, n in self.reading.upstream.items() if n in f.cut.inner and u not in above}
        if not above:
            above = {g.meant: g.claim.array for g in self.findings if g.meant and g.claim.array in self.claimed}
            above |= {u: n for u, n in self.reading.upstream.items() if u not in above}
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
        if isinstance(problem, ShapeMismatch):
            f.word, f.kind, f.follows, f.holds, f.where = "wrong", "does-not-fit", False, False, problem.what
        elif "last one wins" in problem.why and f.meant is not None:
            self._last_wins(f)
        else:
            f.word = "unknown" if isinstance(problem, UnknownName) else "unreadable"

    def _last_wins(self, f: Finding) -> None:
        """A store where several values meet: wrong if adding them up instead is right, and they are not all zero."""
        f.word = "unreadable"
        found = repaired(self.court, f.claim, f.goal, f.indices, f.shape, only=("assigned", "repeated-index"))
        zero = self.court.same(f.goal, f.goal * 2)
        if found is not None and zero.equal is False:
            f.word, f.follows, f.holds = "wrong", False, False
            f.where = "two values meet in one place: the first is lost; " + (zero.where or "")
            self._say(f, found)

    def _copied(self, f: Finding) -> None:
        f.meant, f.word, f.kind = (f.claim.meant or [None])[0], "no-claim", "not-derived"
        f.reason = "the value is taken from .grad, not derived"
        f.holds = True

    def _dead(self, f: Finding) -> None:
        f.word, f.kind = "no-claim", "partial"
        f.reason = f"`{f.claim.name}` is set anew before it is used"

    # -- which mistake

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
        """Whether a value of several statements is the right one times a number or a size; one more statement mends it."""
        if f.claim.array not in self.court.program or fits(self.court.shape(f.claim.array), f.shape) == "other":
            return False
        written, name = self.court.written(f.claim.array, f.indices), f.claim.name
        choices = [("sign", x.MINUS_ONE, f"{name} *= -1", "the sign is the opposite")]
        for said, n in self.reading.sizes.items():
            over = x.power(x.size(n), x.MINUS_ONE)
            choices += [("mean-factor", over, f"{name} /= {said}", f"it equals the right answer × {said}"),
                        ("mean-factor", x.size(n), f"{name} *= {said}", f"it equals the right answer × 1/{said}")]  # fmt: skip
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
            for part, _, _ in list(self._parts(other)):
                if self.court.quick(Entry(part, i := self.court.indices(self.court.shape(part))), Entry(array, i)):
                    continue
                new, equations = self.court.variant(f.claim.array, {array: part})
                if equations and self.court.agrees(new, equations, f.goal, f.indices):
                    self._blame(other, part)
                    f.word, f.follows, f.kind = "carried", True, None
                    f.reason = f"right if `{other.claim.name}` is"
                    return True
        return False

    def _before(self, f: Finding, found: Repair) -> None:
        """The mistake is in a line before, whose name is no gradient: that line is wrong, this claim carried."""
        f.word, f.follows, f.kind = "carried", True, None
        f.reason = f"right if line {found.line} is"
        if all(g.claim.steps != [found.step] for g in self.findings):
            line = Finding(Claim("", [found.step]), word="wrong", follows=False, holds=False, where=f.where)
            self._say(line, found)
            self.extra.append(line)

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
                    f.kind, f.line = "overwritten", step.line
                    f.reason = f"line {step.line} has changed `{name}` of the forward pass; it must work on a copy"
                    return True
        return False

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
        for use, term in self._terms(f, derivation):
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
            text = f"{f.claim.name} += {g.claim.name}"
            nodes = [*(s.node for s in self.reading.steps[begin : end + 1]), *ast.parse(text).body]
            if equals(self.court, f.claim.first, nodes, f.claim.name, f.goal, f.indices, f.shape):
                f.correction, f.reason = text, f"{f.reason}; add it after line {g.claim.last.line}"
                return

    def _terms(self, f: Finding, derivation):
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

    # -- conventions and leftovers

    def _conventions(self) -> None:
        """`dZ = A - Y`, m times the gradient, where later lines divide by m: right under that convention."""
        for f in self.findings:
            if f.word != "wrong" or f.kind != "mean-factor" or "× " not in (f.reason or ""):
                continue
            group = self._scaled_with(f)
            ends = [g for g in self._readers(group) if g not in group]
            inputs = any(self.reading.forward.is_input(g.meant) for g in group if g.meant)
            divided = any(g.holds and g.follows is False for g in ends)
            if divided and not inputs and all(g.holds for g in ends):
                size = f.reason.rpartition("× ")[2]
                for g in group:
                    g.word, g.kind, g.correction = "right-if", "convention", None
                    g.reason = f"right if `{g.claim.name}` means {size} times the gradient; later lines divide by it"
                for g in ends:
                    g.word, g.kind, g.reason = "right", None, f"with `{f.claim.name}` as {size} times the gradient"

    def _scaled_with(self, f: Finding) -> list[Finding]:
        """A claim and those that only carry its factor on."""
        group = [f]
        for g in self.findings:
            if g.cut and g.word == "carried" and {h.claim.array for h in group} & set(g.cut.reached.values()):
                group.append(g)
        return group

    def _readers(self, group: list[Finding]) -> list[Finding]:
        arrays = {g.claim.array for g in group}
        return [g for g in self.findings if g.cut and arrays & set(g.cut.reached.values())]

    def _conditions(self) -> None:
        """Wrong lines that are right where the rows of an input that nobody differentiates by sum to one."""
        bad = [f for f in self.findings if f.word in ("wrong", "carried") and f.goal is not None and f.meant
               and f.holds is False and f.claim.fate != "failed" and f.claim.array in self.court.program and fits(self.court.shape(f.claim.array), f.shape) == "same"]  # fmt: skip
        if not bad or bad[0].word != "wrong":
            return
        for fact in self._facts():
            for f in bad:
                sides = self.court.written(f.claim.array, f.indices), self.court.true(f.meant, f.indices)
                if self.court.under(fact, *sides):
                    f.word, f.kind, f.holds, f.follows, f.where = "right-if", "side-condition", None, None, None
                    f.correction, f.line, f.certainty, f.reason = None, None, "tested", f"right if {fact.text}"
            if bad[0].word == "right-if":
                return

    def _facts(self) -> list[Fact]:
        """Sums over the last axis of the inputs that no claim differentiates by."""
        found, meant = [], {f.meant for f in self.findings}
        for v in self.reading.forward.inputs:
            if v.sort == "real" and v.shape and v.name not in meant and all(f.array != v.name for f in self.court.program.facts):
                letters = "ijklmpq"[: len(v.shape)]
                text = f"sum[{letters[-1]}] {v.name}[{','.join(letters)}] = 1"
                found.append(parse_fact(text, self.reading.forward))
        return found

    def _leftover(self) -> None:
        """Nameless gradients that nothing decided: no claim of their own, judged where they are used."""
        for f in self.nameless.values():
            if f.word == "open":
                f.word = "no-claim"
                f.reason = f"`{f.claim.name}` is the gradient of no array by name; it is judged where it is used"

    # -- the text of a verdict

    def _shown(self, f: Finding) -> list[Verdict]:
        if not f.word:
            return []
        lines, nodes = self.reading.back.lines, [s.node for s in f.claim.steps]
        first, last = min(nodes, key=lambda n: n.lineno), max(nodes, key=lambda n: n.end_lineno)
        text = "\n".join(dict.fromkeys(_segment(lines, n) for n in nodes))
        reason = f.reason or self._side_effect(f)
        if f.line is not None and f.kind != "overwritten" and first.lineno != last.end_lineno:
            reason = f"line {f.line}: {reason}"
        kind = f.kind or ("wrong" if f.word == "wrong" else None)
        place = Place(first.lineno, _column(lines, first), last.end_lineno, _end_column(lines, last))
        main = Verdict(place, text, f.word, f.certainty if f.word in RIGHT else None, f.follows, f.holds, kind, reason,
                       f.correction, f.where if f.word == "wrong" else None, KIND_CODES.get(kind))  # fmt: skip
        return [*self._partials(f), main]

    def _side_effect(self, f: Finding) -> str | None:
        """`dscores = probs; dscores[…] -= 1` changes probs as well."""
        for step in f.claim.steps:
            for name in sorted(step.changed & self.reading.start.keys() - step.uses.writes):
                if not self.reading.start[name].startswith("∂"):
                    return f"line {step.line} changes `{name}` of the forward pass too: both names are one array"
        return None

    def _partials(self, f: Finding) -> list[Verdict]:
        lines, found = self.reading.back.lines, []
        for step in f.claim.steps[:-1] if f.claim.fate != "dead" else []:
            n = step.node
            place = Place(n.lineno, _column(lines, n), n.end_lineno, _end_column(lines, n))
            reason = f"a part of `{f.claim.name}`, complete on line {f.claim.last.line}"
            found.append(Verdict(place, _segment(lines, n), "no-claim", kind="partial", reason=reason, code=KIND_CODES["partial"]))
        return list(dict.fromkeys(found))


_FATES = {"failed": Checker._failed, "copied": Checker._copied, "dead": Checker._dead}


def _segment(lines: list[str], node: ast.stmt) -> str:
    return "\n".join(lines[node.lineno - 1 : node.end_lineno]).strip()


def _column(lines: list[str], node: ast.stmt) -> int:
    return len(lines[node.lineno - 1].encode()[: node.col_offset].decode(errors="replace")) + 1


def _end_column(lines: list[str], node: ast.stmt) -> int:
    return len(lines[node.end_lineno - 1].encode()[: node.end_col_offset].decode(errors="replace")) + 1


def _shape(shape: tuple[Size, ...]) -> str:
    return f"({', '.join(str(n) for n in shape)}{',' if len(shape) == 1 else ''})"


__all__ = ["Checker", "equals", "field", "replace"]
