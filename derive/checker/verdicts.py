"""The verdicts of one backward pass: conventions and side conditions named, parts listed, everything in its place."""

from __future__ import annotations

import ast
from itertools import product

from derive import expr as x
from derive.checker.claims import Claim, as_written, claims_of, statements
from derive.checker.codes import KIND_CODES
from derive.checker.conditions import Condition, conditions
from derive.checker.cut import fits
from derive.checker.explained import Explainer
from derive.checker.judged import RIGHT, Finding
from derive.checker.mending import repaired
from derive.checker.reading import Step
from derive.claim import Place, Verdict
from derive.errors import ShapeMismatch, UnknownName
from derive.expr import Entry
from derive.program import base_name
from derive.readers.values import Instance


class Checker(Explainer):
    """The verdicts of one reading; `shown`: each with the finding that it shows."""

    def verdicts(self) -> list[Verdict]:
        """One verdict for every claim and every part of one, in the order in which they are complete."""
        claims = claims_of(self.reading)
        self.rings = self.court.rings(claims)
        for claim in claims:
            finding = Finding(claim)
            self._guarded(self._judge, finding)
            self.findings.append(finding)
        for f in self.findings:
            if f.word == "wrong":
                self._guarded(self._explain, f)
        self._guarded(lambda _: self._scales(), Finding(Claim("", [])))
        self._conventions()
        self._signs()
        self._guarded(lambda _: self._derivatives(), Finding(Claim("", [])))
        self._guarded(lambda _: self._decays(), Finding(Claim("", [])))
        self._guarded(lambda _: self._conditions(), Finding(Claim("", [])))
        self._leftover()
        self._guarded(lambda _: self._handed(), Finding(Claim("", [])))
        self._unread()
        self._unread_calls()
        self._supposed()
        extra = {f.line: f for f in reversed(self.extra)}.values()
        self.shown = [(f, v) for f in [*self.findings, *extra] for v in self._shown(f)]
        found = [v for _, v in self.shown] + self._rounds()
        return sorted(found, key=lambda v: (v.place.end_line, v.place.line, v.place.column))

    def _rounds(self) -> list[Verdict]:
        """The training loop of which one round was read, said once."""
        loop, lines = self.reading.back.loop, self.reading.back.lines
        if loop is None:
            return []
        text = lines[loop.lineno - 1]
        place = Place(loop.lineno, _column(lines, loop), loop.lineno, len(text) + 1)
        reason = "the training loop is read as one round"
        return [Verdict(place, text.strip(), "no-claim", kind="one-round", reason=reason, code=KIND_CODES["one-round"])]

    # -- conventions and leftovers

    def _conventions(self) -> None:
        """`dZ = A - Y`, m times the gradient, where a later line divides by m: right under that convention."""
        for f in self.findings:
            if f.word != "wrong" or f.kind != "mean-factor" or "× " not in (f.reason or "") or f.claim.fate:
                continue
            group = [g for g in self._made_of(f) if g is f or g.word == "carried"]
            inner = [g for g in group if not self.reading.forward.is_input(g.meant)]
            ends = [g for g in self._readers(self._made_of(f)) if g.holds and g.follows is False]
            if f in inner and ends:
                self._named(f, inner, ends, [g for g in group if g not in inner])

    def _scales(self) -> None:
        """Without a loss, `dW = 1 / m * dZ @ A.T` is right if dZ, with which the code begins, is m times the gradient."""
        court, reading = self.court, self.reading
        seeds = [as_written(f.claim) for f in self.findings if f.word == "unknown" and f.claim.array in court.program]
        if not reading.lossless or not seeds:
            return
        for f in self.findings:
            if f.word != "wrong" or not self._comparable_part(f):
                continue
            for said, n in reading.sizes.items():
                goal = f.goal * x.power(x.size(n), x.MINUS_ONE)
                named = f"`{seeds[0]}` means {said} times the gradient"
                if court.agrees_now(court.written(f.claim.array, f.indices), goal):
                    f.word, f.kind, f.follows, f.where, f.correction, f.line = "right-if", "convention", None, None, None, None
                    f.reason = f"right if {named}"
                    break
                found = repaired(court, f.claim, goal, f.indices, f.shape) if f.kind is None else None
                if found is not None:
                    self._say(f, found)
                    f.reason = f"{f.reason}, if {named}"
                    break

    def _comparable_part(self, f: Finding) -> bool:
        """Whether a claim has a value that can be held against its goal."""
        return f.goal is not None and f.claim.array in self.court.program and fits(self.court.shape(f.claim.array), f.shape) != "other"

    def _signs(self) -> None:
        """`dmu = np.sum(dxc)`, minus the gradient, where every later line subtracts it: right under that convention.

        A sign that is written and taken back, `da = -…` and `dw = -… @ da`, is no convention: two mistakes that cancel.
        """
        for f in self.findings:
            if f.word != "wrong" or f.kind != "sign" or _subtracts(f) or f.claim.fate or self.reading.forward.is_input(f.meant):
                continue
            readers = self._readers([f])
            if readers and all(g.holds and g.follows is False and _subtracts(g) for g in readers):
                f.word, f.follows, f.where, f.correction, f.line = "right-if", None, None, None, None
                said = f"right if `{as_written(f.claim)}` means minus the gradient; the lines that read it subtract it"
                f.kind, f.reason = "convention", said
                for g in readers:
                    g.word, g.follows, g.kind = "right", None, None
                    g.reason = f"with `{as_written(f.claim)}` as minus the gradient"

    def _derivatives(self) -> None:
        """`dx = np.where(x > 0, 1, a)`, then `dout * dx`: the derivative of the output, not yet the gradient."""
        court = self.court
        for k, f in enumerate(self.findings):
            later = [g for g in self.findings[k + 1 :] if g.holds and g.word in RIGHT and g.meant == f.meant and g.cut
                     and (f.claim.array in g.cut.inner or f.claim.array in g.cut.reached.values())]  # fmt: skip
            if f.word != "wrong" or f.claim.fate or not later or f.kind == "does-not-fit" or any(n.startswith("∂") for n in f.cut.inner):
                continue
            for out in self.reading.forward.outputs:
                if court.shape(out) == f.shape and court.agrees_now(
                    x.mul(court.written(f.claim.array, f.indices), court.true(out, f.indices)), f.goal
                ):
                    f.word, f.follows, f.holds, f.where, f.correction, f.line = "right-if", None, None, None, None, None
                    said = f"right if `{as_written(f.claim)}` means the derivative of `{base_name(out)}` by `{base_name(f.meant)}`"
                    f.kind, f.reason = "reading", f"{said}, entry by entry; the gradient is made on line {later[0].claim.first.line}"
                    for g in later:
                        g.word, g.follows, g.kind, g.reason = "right", None, None, None

    def _decays(self) -> None:
        """`dW = x.T @ g + 2 * lam * W`, where the forward pass knows no lam: right if the loss has lam · Σ W² too."""
        court = self.court
        known = {v.name: Entry(v.name, ()) for v in self.reading.variables if v.shape == () and not v.name.startswith("∂")}
        known |= self.reading.numbers
        for f in self.findings:
            if f.word not in ("wrong", "carried") or not self._comparable(f) or not self.reading.forward.is_input(f.meant):
                continue
            own = Entry(f.meant, f.indices)
            for (name, lam), factor in product(known.items(), (2, 1)):
                said = any(getattr(n, "attr", getattr(n, "id", "")) == name.removeprefix("self.")
                           for s in f.claim.steps for n in ast.walk(s.node))  # fmt: skip
                if said and court.agrees_now(court.written(f.claim.array, f.indices), f.goal + x.num(factor) * lam * own):
                    f.word, f.kind, f.certainty, f.correction, f.line, f.where = "right-if", "side-condition", "tested", None, None, None
                    f.holds = f.follows = None
                    f.reason = f"right if the loss also has {name} · Σ {base_name(f.meant)}²{' / 2' if factor == 1 else ''}"

    def _named(self, f: Finding, inner: list[Finding], ends: list[Finding], undivided: list[Finding]) -> None:
        """The verdicts of a convention: intermediate gradients, lines that divide, and inputs' gradients that do not."""
        size = f.reason.rpartition("× ")[2]
        for g in inner:
            g.word, g.kind, g.correction = "right-if", "convention", None
            g.reason = f"right if `{g.claim.name}` means {size} times the gradient; later lines divide by it"
        for g in ends:
            g.word, g.kind, g.reason = "right", None, f"with `{f.claim.name}` as {size} times the gradient"
        for g in undivided:
            g.word, g.follows, g.kind, g.where = "wrong", False, "mean-factor", self._difference(g)
            self._guarded(self._explain, g)
        for g in self._readers(self._made_of(f)):
            if g.word == "wrong" and (g.reason or "").endswith(f"× 1/{size}"):
                g.word, g.follows, g.kind, g.correction = "carried", True, None, None
                g.reason = f"it divides by {size}, as the convention wants; what it is made of is wrong"

    def _difference(self, g: Finding) -> str | None:
        return self.court.same(self.court.written(g.claim.array, g.indices), g.goal).where

    def _made_of(self, f: Finding) -> list[Finding]:
        """A claim and those made of it that do not yet divide: carried on, or wrong in themselves."""
        group = [f]
        for g in self.findings:
            if g.cut and not g.holds and {h.claim.array for h in group} & set(g.cut.reached.values()):
                group.append(g)
        return group

    def _readers(self, group: list[Finding]) -> list[Finding]:
        arrays = {g.claim.array for g in group}
        return [g for g in self.findings if g.cut and arrays & set(g.cut.reached.values())]

    def _conditions(self) -> None:
        """Wrong lines that are right under a condition that can be named, and what follows from them."""
        bad = [f for f in self.findings if f.word in ("wrong", "carried") and self._comparable(f)]
        for condition in conditions(self.court, self.findings) if bad else ():
            for f in bad:
                if f.word in ("wrong", "carried") and condition.concerns(f, self.court):
                    self._under(condition, f)
            if bad[0].word == "right-if":
                return

    def _under(self, condition: Condition, f: Finding) -> None:
        """One claim under a condition: right, or a right step from a wrong line above."""
        court = self.court
        written = court.written(f.claim.array, f.indices)
        if court.equal_in(condition.program, written, court.true(f.meant, f.indices)):
            f.word, f.kind, f.holds, f.follows, f.where = "right-if", condition.kind, None, None, None
            f.correction, f.line, f.certainty, f.reason = None, None, "tested", condition.said
        elif condition.literal is not None and f.word == "wrong" and f.cut.separates and f.cut.reached:
            expected, equations = court.expected(f.cut, f.indices, f.cut.reached)
            court.add(equations)
            program = condition.program.with_equations([e for e in equations if e.name not in condition.program])
            if court.equal_in(program, written, expected):
                f.word, f.follows, f.kind, f.where, f.correction, f.line = "carried", True, None, None, None, None
                f.reason = f"it follows from the wrong gradients that it is made of; it {condition.said}"

    def _comparable(self, f: Finding) -> bool:
        """Whether a claim has a value of the right shape that is not the true gradient."""
        if f.goal is None or f.meant is None or f.holds is not False or f.claim.fate == "failed" or f.undefined:
            return False
        return f.claim.array in self.court.program and fits(self.court.shape(f.claim.array), f.shape) == "same"

    def _handed(self) -> None:
        """What is returned and made of the gradients above, but none of them: nobody has judged it."""
        court, reading = self.court, self.reading
        step = next((s for s in reversed(reading.steps) if isinstance(s.node, ast.Return)), None)
        claimed = [f for f in self.findings if f.claim.array in court.program]
        arrays = {f.claim.array for f in claimed}
        for array in map(reading.origin, reading.handed):
            if step is None or array in arrays or array in reading.forward or array not in court.program:
                continue
            if array.startswith("∂") or not court.program.reaches({array}) & arrays:
                continue
            indices = court.indices(court.shape(array))
            same = (f for f in claimed if court.shape(f.claim.array) == court.shape(array))
            if any(court.agrees_now(Entry(array, indices), Entry(f.claim.array, indices)) for f in same):
                continue
            said = "what is returned is made of the gradients above and is none of them; it was not judged"
            self.extra.append(Finding(Claim("", [step]), word="unknown", reason=said, line=step.line))
            return

    def _leftover(self) -> None:
        """Nameless gradients that nothing decided: no claim of their own, judged where they are used."""
        for f in self.nameless.values():
            if not f.word and "grad" in f.claim.name.split("[")[0].lower():
                f.word = "unknown"
                f.reason = f"of which array `{f.claim.name}` is the gradient, its name does not tell; it equals none"
            if f.word == "open":
                f.word = "no-claim"
                if f.claim.name.startswith("grads[returned"):
                    f.word, f.reason = "unknown", "which gradient this is, neither its name nor its place tells"
                    continue
                f.reason = f"`{f.claim.name}` is the gradient of no array by name; it is judged where it is used"

    def _unread(self) -> None:
        """Lines of no claim of their own that cannot run: shapes that do not fit, a name that a later line sets."""
        claimed = [s for f in self.findings for s in f.claim.steps]
        for k, step in enumerate(self.reading.steps):
            problem = step.problem
            adds = isinstance(step.node, ast.Expr) and isinstance(problem, ShapeMismatch)  # np.add.at(…)
            stores = adds or isinstance(step.node, (ast.Assign, ast.AugAssign))
            if problem is None or step in claimed or not (_leaves(step.node) or stores):
                continue
            said = "; ".join(part for part in (problem.what, problem.why) if part)
            line = Finding(Claim("", [step]), reason=said, line=step.line)
            later = frozenset().union(*(s.uses.sets for s in self.reading.steps[k:]))
            if isinstance(problem, ShapeMismatch):
                line.word, line.kind, line.where = "wrong", "does-not-fit", problem.what
                line.follows = line.holds = False
            elif isinstance(problem, UnknownName) and step.uses.reads & later - step.before.names() or _leaves(step.node):
                line.word = "unknown"
            self.extra.append(line)

    def _supposed(self) -> None:
        """What is right with an argument of backward that only its use tells is right-if."""
        for f in self.findings if self.reading.supposed else ():
            if f.word == "right":
                f.word, f.kind, f.reason = "right-if", "reading", "; ".join(filter(None, (self.reading.supposed, f.reason)))

    def _unread_calls(self) -> None:
        """`self.rescale()`, which could not be read: what it changes in its object is not known to the lines after it."""
        for step in self.reading.steps:
            if step.problem is None or not isinstance(step.node, ast.Expr) or not self._calls_an_object(step):
                continue
            problem = step.problem
            said = "; ".join(part for part in (problem.what, problem.why) if part)
            self.extra.append(Finding(Claim("", [step]), word="unknown", reason=said, line=step.line))
            for f in self.findings:
                if f.word in RIGHT and f.claim.last.line > step.line:
                    f.word, f.kind = "right-if", "reading"
                    f.reason = f"right if line {step.line}, which could not be read, changes nothing that this line uses"

    def _calls_an_object(self, step: Step) -> bool:
        """Whether a statement is a call of a method of an object of the source."""
        func = step.node.value.func if isinstance(step.node.value, ast.Call) else None
        names = {n.id for n in ast.walk(func) if isinstance(n, ast.Name)} if isinstance(func, ast.Attribute) else set()
        return any(isinstance(s.get(n), Instance) for s in self.reading.run.scopes for n in names)

    # -- the text of a verdict

    def _shown(self, f: Finding) -> list[Verdict]:
        if not f.word:
            return []
        lines, nodes = self.reading.back.lines, statements(f.claim)
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
            reason = f"a part of `{as_written(f.claim)}`, complete on line {f.claim.last.line}"
            found.append(
                Verdict(
                    place, _segment(lines, n), "no-claim", kind="partial", reason=reason, code=KIND_CODES["partial"]
                )
            )
        return list(dict.fromkeys(found))


def _subtracts(f: Finding) -> bool:
    """Whether the statements of a claim hold a minus sign."""
    return any(isinstance(n, (ast.USub, ast.Sub)) for s in f.claim.steps for n in ast.walk(s.node))


def _leaves(node: ast.stmt) -> bool:
    """Whether a statement with statements inside may end the function, so that all that follows stands under a condition."""
    return not isinstance(node, ast.Return) and any(isinstance(n, (ast.Return, ast.Break, ast.Continue)) for n in ast.walk(node))


def _segment(lines: list[str], node: ast.stmt) -> str:
    return "\n".join(lines[node.lineno - 1 : node.end_lineno]).strip()


def _column(lines: list[str], node: ast.stmt) -> int:
    return len(lines[node.lineno - 1].encode()[: node.col_offset].decode(errors="replace")) + 1


def _end_column(lines: list[str], node: ast.stmt) -> int:
    return len(lines[node.end_lineno - 1].encode()[: node.end_col_offset].decode(errors="replace")) + 1
