"""Checking hand-written backward code: a verdict for every gradient, given the author's own gradients further up."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

import numpy as np

from derive.checker import repairs
from derive.checker.claims import Claim, claims_of
from derive.checker.codes import KIND_CODES
from derive.checker.cut import Answer, Court, Cut, fits
from derive.checker.names import spelled
from derive.checker.reading import Back, Reading, read_both
from derive.checker.statements import declared, uses
from derive.claim import Checked, Place, Verdict, combined
from derive.errors import Problem, ShapeMismatch, UnknownName, Unreadable
from derive.index import Size
from derive.program import Program, base_name
from derive.readers.python import parsed


def check_code(source: str, path: str = "", *, forward: Program | str | None = None, forward_path: str = "",
               function: str | None = None, shapes: dict | None = None, sample: dict | None = None,
               facts: tuple[str, ...] = ()) -> Checked:  # fmt: skip
    """The verdicts on the gradients of a backward script or of a function `backward(dout, cache)`.

    `forward`: the forward pass as a Program or text; None: the same file holds it.  Nothing is executed, and nothing
    escapes: a file that cannot be read is a verdict `unreadable` with its line.
    """
    try:
        back, text = _split(source, path, forward)
        options = _options(forward, shapes, sample, facts)
        where = path if forward is None else forward_path or getattr(forward, "path", "")
        reading = read_both(text, back, path=where, function=function, **options)
        return Checked(path, tuple(_Checker(reading, Court(reading), notes_of(options)).verdicts()))
    except Problem as problem:
        return Checked(path, (_refused(problem, source, path),))


def _refused(problem: Problem, source: str, path: str) -> Verdict:
    """A whole file that cannot be checked, as one verdict at the line that prevents it."""
    own = problem.path in ("", path)
    line = problem.line if own and problem.line else 1
    lines = source.splitlines() if isinstance(source, str) else []
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    column = problem.column if own and problem.column else 1
    where = "" if own else f"{problem.path}:{problem.line or ''} "
    word = "unreadable" if isinstance(problem, Unreadable) and own else "unknown"
    reason = "; ".join(part for part in (where + problem.what, problem.why, problem.hint) if part)
    return Verdict(Place(line, column, line, len(text) + 1), text.strip(), word, reason=reason, code=problem.code)


# ---------------------------------------------------------------- where the passes are


def _split(source: str, path: str, forward: Program | str | None) -> tuple[Back, str]:
    """The backward code, and the text of the forward pass."""
    tree = parsed(source, path)
    functions = [n for n in tree.body if isinstance(n, ast.FunctionDef)]
    chosen = _backward_function(functions, alone=forward is not None)
    if forward is not None:
        text = forward.source if isinstance(forward, Program) else forward
        body = chosen.body if chosen else tree.body
        return Back(source, path, tree, tuple(body), chosen), text
    if any(f.name == "forward" for f in functions):
        rest = [n for n in tree.body if not isinstance(n, (ast.FunctionDef, ast.ClassDef))]
        if chosen or any(_sets_gradient(n) for n in rest):
            return Back(source, path, tree, tuple(chosen.body if chosen else rest), chosen), source
    first = next((k for k, n in enumerate(tree.body) if _sets_gradient(n)), None)
    if first and not chosen:
        head = source.splitlines()[: tree.body[first].lineno - 1]
        if any(isinstance(n, (ast.Assign, ast.AugAssign)) for n in tree.body[:first]):
            return Back(source, path, tree, tuple(tree.body[first:])), "\n".join(head) + "\n"
    raise Problem("the forward pass of this backward code is not given", "gradients are checked against it",
                  "give it: --forward forward.py, or a comment `# check: forward forward.py`", path=path)  # fmt: skip


def _backward_function(functions: list[ast.FunctionDef], alone: bool) -> ast.FunctionDef | None:
    for wanted in (lambda n: n == "backward", lambda n: "backward" in n, lambda n: "backprop" in n, lambda n: "grad" in n):
        found = next((f for f in functions if wanted(f.name)), None)
        if found is not None:
            return found
    others = [f for f in functions if f.name != "forward"]
    return others[0] if alone and len(others) == 1 and any(_sets_gradient(n) for n in others[0].body) else None


def _sets_gradient(node: ast.stmt) -> bool:
    names = uses(node).writes if not isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)) else ()
    return any((spelled(n) or "") and (n[0] != "d" or len(n) > 1 and n not in _WORDS) for n in names)


_WORDS = {"data", "dataset", "dim", "dims", "device", "dtype", "d_model", "d_k", "den", "denom", "diff", "dist", "dot", "depth",
          "df", "delta", "dropout", "display", "do_plot", "dev", "digits", "decay", "default", "words"}  # fmt: skip


def _options(forward: Program | str | None, shapes: dict | None, sample: dict | None, facts: tuple[str, ...]) -> dict:
    """How the forward pass is to be read; a Program is read again from its source, with its own shapes."""
    if isinstance(forward, Program):
        if not forward.source:
            raise Problem("the forward pass has no Python source", "backward code is read in its namespace",
                          "give the forward pass as Python text")  # fmt: skip
        sort = {"int": "int ", "bool": "bool ", "real": ""}
        own = {v.name: sort[v.sort] + " ".join(str(n).replace(" ", "") for n in v.shape) for v in forward.inputs}
        statics = {s.name: s.value for s in forward.statics if isinstance(s.value, (int, str, bool, type(None)))}
        shapes, sample = {**own, **(shapes or {})}, {**statics, **(sample or {})}
        facts = tuple(dict.fromkeys((*(f.text for f in forward.facts), *facts)))
    return {"shapes": shapes or {}, "sample": sample or {}, "facts": tuple(facts) + _onehots(sample or {}, facts)}


def _onehots(sample: dict, facts: tuple[str, ...]) -> tuple[str, ...]:
    """What the sample shows: arrays whose rows each hold one 1 and else 0."""
    said = " ".join(facts)
    return tuple(f"onehot {name}" for name, value in sample.items() if _is_onehot(value) and name not in said.split())


def _is_onehot(value: object) -> bool:
    if not hasattr(value, "shape") or len(value.shape) < 2 or "float" not in str(getattr(value, "dtype", "")):
        return False
    data = np.asarray(value)
    return bool(data.size and data.shape[-1] > 1 and np.all((data == 0) | (data == 1)) and np.all(data.sum(-1) == 1))


def notes_of(options: dict) -> list[str]:
    """The facts that were taken from the sample."""
    return [f for f in options["facts"] if f.startswith("onehot")]


# ---------------------------------------------------------------- judging


@dataclass
class Finding:
    """What is known of one claim while the others are judged."""

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
    scale: Size | None = None
    culprit: int | None = None
    reads: set[str] = field(default_factory=set)


class _Checker:
    """The claims of one reading, judged in their order."""

    def __init__(self, reading: Reading, court: Court, facts: list[str]):
        self.reading, self.court, self.facts = reading, court, facts
        self.claimed: dict[str, str] = {}
        self.by_array: dict[str, Finding] = {}
        self.findings: list[Finding] = []

    def verdicts(self) -> list[Verdict]:
        for claim in claims_of(self.reading):
            finding = Finding(claim)
            self._judge(finding)
            self.findings.append(finding)
        found = [v for f in self.findings for v in self._shown(f)]
        return sorted(found, key=lambda v: (v.place.end_line, v.place.line, v.place.column))

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
            if f.word in ("right", "right-if"):
                break
        if f.meant is not None:
            self.claimed[claim.array] = f.meant
            self.by_array[claim.array] = f
        else:
            f.word = ""

    def _against(self, f: Finding, meant: str) -> None:
        """The claim against the gradient of one forward array."""
        court, array = self.court, f.claim.array
        f.meant, f.cut = meant, court.cut(array, meant, self.claimed)
        fit = fits(court.shape(array), court.shape(meant))
        if fit == "other":
            f.holds = f.follows = False
            f.word, f.kind = "wrong", "does-not-fit"
            f.reason = f"it has the shape {_shape(court.shape(array))}, and `{meant}` has {_shape(court.shape(meant))}"
            f.where = f"sizes {_shape(court.shape(array))} against {_shape(court.shape(meant))}"
            return
        indices = court.indices(court.shape(meant))
        written = court.written(array, indices)
        truth = court.same(written, court.true(meant, indices))
        f.holds, f.certainty, f.where = truth.equal, truth.certainty, truth.where
        f.follows = self._follows(f, written, indices, truth)
        f.word = combined(f.follows, f.holds)
        f.reason = truth.why or None
        if f.word == "right":
            self._right(f, written, indices, fit)

    def _follows(self, f: Finding, written, indices, truth: Answer) -> bool | None:
        """Whether it is what the author's own gradients further up demand."""
        if not f.cut.separates:
            return None if f.cut.reached else truth.equal
        above = [self.by_array.get(a) for a in f.cut.reached.values()]
        if all(u is not None and u.holds for u in above):
            return truth.equal
        expected, equations = self.court.expected(f.cut, indices, f.cut.reached)
        self.court.add(equations)
        found = self.court.same(written, expected)
        if found.equal is False:
            f.where = found.where
        return found.equal

    def _right(self, f: Finding, written, indices, fit: str) -> None:
        expected, equations = self.court.expected(f.cut, indices, f.cut.reached if f.cut.separates else {})
        self.court.add(equations)
        unfold = {*f.cut.inner, f.claim.array, *(e.name for e in equations)}
        if self.court.proves(written, expected, unfold):
            f.certainty = "proved"
        if fit == "loose":
            f.word, f.kind = "right-if", "shape"
            have, want = self.court.shape(f.claim.array), self.court.shape(f.meant)
            f.reason = f"the right values in the shape {_shape(have)}; `{base_name(f.meant)}` has {_shape(want)}"

    def _failed(self, f: Finding) -> None:
        """A statement that could not be read: shapes that do not fit are a mistake, other things are not known."""
        problem = f.claim.problem
        f.meant = f.claim.meant[0] if f.claim.meant else None
        f.reason = "; ".join(part for part in (problem.what, problem.why, problem.hint) if part)
        if isinstance(problem, ShapeMismatch):
            f.word, f.kind, f.follows, f.holds = "wrong", "does-not-fit", False, False
            f.where = problem.what
        else:
            f.word = "unknown" if isinstance(problem, UnknownName) else "unreadable"

    def _copied(self, f: Finding) -> None:
        f.meant, f.word, f.kind = (f.claim.meant or [None])[0], "no-claim", "not-derived"
        f.reason = "the value is taken from .grad, not derived"
        f.holds = True

    def _dead(self, f: Finding) -> None:
        f.word, f.kind = "no-claim", "partial"
        f.reason = f"`{f.claim.name}` is set anew before it is used"

    # -- the text of a verdict

    def _shown(self, f: Finding) -> list[Verdict]:
        if not f.word:
            return []
        steps = f.claim.steps
        lines = self.reading.back.lines
        text = "\n".join(dict.fromkeys(_segment(lines, s.node) for s in steps))
        first, last = steps[0].node, max((s.node for s in steps), key=lambda n: n.end_lineno)
        if first.lineno > last.lineno:
            first = min((s.node for s in steps), key=lambda n: n.lineno)
        main = Verdict(
            Place(first.lineno, _column(lines, first), last.end_lineno, _end_column(lines, last)),
            text, f.word, f.certainty if f.word in ("right", "right-if") else None, f.follows, f.holds, f.kind, f.reason,
            f.correction, f.where if f.word == "wrong" else None, KIND_CODES.get(f.kind or ("wrong" if f.word == "wrong" else "")),
        )  # fmt: skip
        return [*self._partials(f), main]

    def _partials(self, f: Finding) -> list[Verdict]:
        lines, found = self.reading.back.lines, []
        for step in f.claim.steps[:-1] if f.claim.fate != "dead" else []:
            n = step.node
            place = Place(n.lineno, _column(lines, n), n.end_lineno, _end_column(lines, n))
            reason = f"a part of `{f.claim.name}`, complete on line {f.claim.last.line}"
            found.append(Verdict(place, _segment(lines, n), "no-claim", kind="partial", reason=reason, code=KIND_CODES["partial"]))
        return list(dict.fromkeys(found))


_FATES = {"failed": _Checker._failed, "copied": _Checker._copied, "dead": _Checker._dead}


def _segment(lines: list[str], node: ast.stmt) -> str:
    return "\n".join(lines[node.lineno - 1 : node.end_lineno]).strip()


def _column(lines: list[str], node: ast.stmt) -> int:
    return len(lines[node.lineno - 1].encode()[: node.col_offset].decode(errors="replace")) + 1


def _end_column(lines: list[str], node: ast.stmt) -> int:
    return len(lines[node.end_lineno - 1].encode()[: node.end_col_offset].decode(errors="replace")) + 1


def _shape(shape: tuple[Size, ...]) -> str:
    return f"({', '.join(str(n) for n in shape)}{',' if len(shape) == 1 else ''})"


__all__ = ["check_code", "declared", "repairs"]
