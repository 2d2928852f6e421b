"""Machine-made mistakes in right backward code, and whether a mutant computes anything else than the original.

The kinds: sign, factor, 1/n, `=` for `+=`, axis, transposed, swapped or wrong operand, exponent, dropped path, wrong
activation, biased variance, overwritten buffer.  Whether a mutant is equivalent is judged by running it with
NumPy on data, which shares nothing with the checker.
"""

from __future__ import annotations

import ast
import copy
import random
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache

import numpy as np
from backward_cases import CASES, Case
from backward_generated import generated

from derive.checker.code import check_code
from derive.claim import Checked


@dataclass(frozen=True)
class Mutant:
    case: Case
    kind: str
    line: int
    source: str
    text: str
    also: frozenset[int] = frozenset()

    @property
    def lines(self) -> set[int]:
        """The mutated line; where a statement was taken out, also the earlier ones that set the same name."""
        old = self.case.backward.splitlines()
        if self.text != "pass":
            return {self.line, *self.also}
        name = re.match(r"\s*(\w+)", old[self.line - 1])[1]
        return {k for k in range(1, self.line + 1) if re.match(rf"\s*{name}\b", old[k - 1])} | self.also


# ---------------------------------------------------------------- making


def mutants(case: Case) -> list[Mutant]:
    """Every mutant of a case's backward code, each with one change."""
    source, found = case.backward, []
    for node in ast.walk(ast.parse(source)):
        make = _MAKERS.get(type(node))
        made = _exchanged(case, node) if isinstance(node, ast.Name) else make(source, node) if make else ()
        for kind, start, end, new in made:
            changed = source[:start] + new + source[end:]
            try:
                ast.parse(changed)
            except SyntaxError:
                continue
            line = source[:start].count("\n") + 1
            if changed != source and "cache[" not in source.splitlines()[line - 1]:
                found.append(Mutant(case, kind, line, changed, changed.splitlines()[line - 1].strip()))
    return list({m.source: m for m in found}.values())


def _span(source: str, node: ast.AST) -> tuple[int, int]:
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset


Change = tuple[str, int, int, str]


def _assign(source: str, node: ast.Assign) -> Iterator[Change]:
    value = node.value
    name = getattr(node.targets[0], "id", "") or source[slice(*_span(source, node.targets[0]))]
    if not re.match(r"d|grads", name) or isinstance(value, (ast.Tuple, ast.Dict)) or "zeros" in ast.unparse(value):
        return
    start, end = _span(source, value)
    text = source[start:end]
    yield "sign", start, end, f"-({text})"
    yield "factor", start, end, f"2 * ({text})"
    yield "factor", start, end, f"0.5 * ({text})"
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult) and isinstance(value.left, ast.Name):
        owner, factor = value.left.id, source[slice(*_span(source, value.right))]
        begin, end_ = _span(source, node)
        yield "overwritten buffer", begin, end_, f"{owner} *= {factor}; {name} = {owner}"
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "copy":
        yield "overwritten buffer", start, end, source[slice(*_span(source, value.func.value))]


def _augmented(source: str, node: ast.AugAssign) -> Iterator[Change]:
    start, end = _span(source, node)
    target, value = (source[slice(*_span(source, n))] for n in (node.target, node.value))
    sign = {ast.Add: "+", ast.Sub: "-", ast.Div: "/"}.get(type(node.op))
    if sign == "/":
        yield "1/n", start, end, "pass"
        return
    yield "= for +=", start, end, f"{target} = {value}"
    yield "sign", start, end, f"{target} {'-' if sign == '+' else '+'}= {value}"
    yield "dropped path", start, end, "pass"


def _binary(source: str, node: ast.BinOp) -> Iterator[Change]:
    start, end = _span(source, node)
    left, right = (source[slice(*_span(source, n))] for n in (node.left, node.right))
    (_, a), (b, _) = _span(source, node.left), _span(source, node.right)
    match node.op:
        case ast.Add():
            yield "sign", a, b, source[a:b].replace("+", "-")
            yield "dropped path", start, end, left
            yield "dropped path", start, end, right
        case ast.Sub():
            yield "sign", a, b, source[a:b].replace("-", "+")
            yield (
                "swapped operand",
                start,
                end,
                f"{right} - {left}" if "+" not in right + left else f"({right}) - ({left})",
            )
            if right == "1" and left.isidentifier() and left in ("n", "N", "m"):
                yield "biased variance", start, end, left
        case ast.Div():
            if right in ("n", "N", "m", "D", "T"):
                yield "1/n", start, end, left
            if re.fullmatch(r"\(n - 1\)", source[b - 1 : end + 1].strip()) or right == "n - 1":
                yield "1/n", start, end, left
            yield (
                "swapped operand",
                start,
                end,
                f"{right} / {left}" if left.isidentifier() and right.isidentifier() else source[start:end],
            )
        case ast.Mult():
            yield "factor", start, end, left
            yield "factor", start, end, right
        case ast.MatMult():
            yield "swapped operand", start, end, f"{right} @ {left}"
            for side, (s, e) in ((left, _span(source, node.left)), (right, _span(source, node.right))):
                yield "transposed operand", s, e, side[:-2] if side.endswith(".T") else f"{side}.T"
        case ast.Pow():
            yield "exponent", start, end, left
            yield "exponent", *_span(source, node.right), "3" if right == "2" else f"2 * {right}"
            if right == "2" and source[start - 4 : start] == "1 - ":
                yield "wrong activation", start, end, left
                yield "wrong activation", start - 4, end, f"{left} * (1 - {left})"


def _call(source: str, node: ast.Call) -> Iterator[Change]:
    func = node.func
    if not isinstance(func, ast.Attribute):
        return
    axis = next((k.value for k in node.keywords if k.arg == "axis"), None)
    if axis is None and func.attr in ("sum", "mean") and node.args and isinstance(node.args[-1], ast.Constant):
        axis = node.args[-1]
    if isinstance(axis, ast.Constant) and func.attr in ("sum", "mean"):
        yield "axis", *_span(source, axis), str(1 - axis.value)
    if func.attr in ("sum", "mean"):
        end = _span(source, func)[1]
        yield "1/n", end - len(func.attr), end, "mean" if func.attr == "sum" else "sum"
    if func.attr == "dot" and len(node.args) == 1:
        for n in (func.value, node.args[0]):
            s, e = _span(source, n)
            side = source[s:e]
            yield "transposed operand", s, e, side[:-2] if side.endswith(".T") else f"{side}.T"
        left, right = (source[slice(*_span(source, n))] for n in (func.value, node.args[0]))
        yield "swapped operand", *_span(source, node), f"{right}.dot({left})"
    if func.attr == "concatenate":
        parts = [source[slice(*_span(source, e))] for e in node.args[0].elts]
        for k in range(len(parts) - 1):
            new = [*parts[:k], parts[k + 1], parts[k], *parts[k + 2 :]]
            yield "swapped operand", *_span(source, node.args[0]), f"[{', '.join(new)}]"


def _exchanged(case: Case, node: ast.Name) -> Iterator[Change]:
    """Another array of the same shape that is set before: the next one in the order of the passes."""
    if not isinstance(node.ctx, ast.Load):
        return
    shapes, first = arrays_of(case)
    peers = [n for n in shapes if shapes[n] == shapes.get(node.id) and first[n] < node.lineno]
    if len(peers) > 1 and node.id in peers:
        yield "wrong operand", *_span(case.backward, node), peers[(peers.index(node.id) + 1) % len(peers)]


def _compare(source: str, node: ast.Compare) -> Iterator[Change]:
    (_, a), (b, _) = _span(source, node.left), _span(source, node.comparators[0])
    if ">" in source[a:b]:
        yield "wrong activation", a, b, source[a:b].replace(">", "<")


_MAKERS: dict[type, Callable] = {
    ast.Assign: _assign, ast.AugAssign: _augmented, ast.BinOp: _binary, ast.Call: _call, ast.Compare: _compare,
}  # fmt: skip

# ---------------------------------------------------------------- running: the judge of equivalence


def gradients(case: Case, source: str, seed: int = 0) -> dict | None:
    """All gradient names after forward and backward have run on data; None when they raise."""
    found = namespace(case, source, seed)
    return None if found is None else found[1]


@cache
def arrays_of(case: Case) -> tuple[dict[str, tuple], dict[str, int]]:
    """The real arrays that backward can read: their shapes, and the line that first sets each (0: forward)."""
    found = namespace(case, case.backward)
    first: dict[str, int] = {}
    for n in ast.walk(ast.parse(case.backward)):
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store):
            first[n.id] = min(n.lineno, first.get(n.id, n.lineno))
    inside = {a.arg for n in ast.walk(ast.parse(case.backward)) if isinstance(n, ast.FunctionDef) for a in n.args.args}
    every = {n: v for part in found or () for n, v in part.items() if isinstance(v, np.ndarray) and n.isidentifier()}
    known = {n: v for n, v in every.items() if not case.function or n in first or n in inside}
    shapes = {n: v.shape for n, v in known.items() if v.ndim and v.dtype == float}
    return shapes, {n: first.get(n, 0) for n in shapes}


def namespace(case: Case, source: str, seed: int = 0) -> tuple[dict, dict] | None:
    """What names hold after forward, and those that backward sets, run on data; None when backward raises."""
    data = case.data(seed)
    space: dict = {"np": np}
    exec(_compiled(case.forward), space)  # noqa: S102
    returned, local = _captured(
        space["forward"], {k: np.copy(v) if hasattr(v, "shape") else v for k, v in data.items()}
    )
    values = returned if isinstance(returned, tuple) else (returned,)
    rng = np.random.default_rng(seed + 1)
    upstream = {f"d{o}": rng.normal(size=np.shape(v)) for o, v in zip(case.outputs, values, strict=False)}
    scalar = all(np.shape(v) == () for v in values[: len(case.outputs)])
    try:
        with np.errstate(all="ignore"):
            kept: dict = {}
            space[KEEP] = lambda scope, *names: kept.update({n: copy.deepcopy(scope[n]) for n in names if n in scope})
            if case.function:
                exec(_watched(source), space)  # noqa: S102
                found, inner = _captured(space["backward"], {**upstream, "cache": returned[-1]})
                return local, {**inner, **kept, **{f"d{n}": g for n, g in zip(case.returns, found, strict=True)}}
            scope = {**space, **local, **({} if scalar else upstream)}
            before = dict(scope)
            exec(_watched(source), scope)  # noqa: S102
            grads = {f"grads[{k}]": v for k, v in (scope.get("grads") or {}).items()}
            made = {n: v for n, v in scope.items() if n not in before or v is not before[n]}
            handed = {n: v for n, v in made.items() if n in {f"d{i}" for i in case.inputs}}
            return local, made | {n: v for n, v in kept.items() if n in made} | handed | grads
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, NameError):
        return None


@lru_cache(maxsize=64)
def _compiled(source: str):
    return compile(source, "pass", "exec")


KEEP = "keep_this"


@lru_cache(maxsize=64)
def _watched(source: str):
    """The code with a call behind the last statement that mentions a name: what it holds later does not matter."""
    tree = ast.parse(source)
    inside = next((n for n in tree.body if isinstance(n, ast.FunctionDef)), tree)
    last: dict[str, int] = {}
    for k, statement in enumerate(inside.body):
        last |= {n.id: k for n in ast.walk(statement) if isinstance(n, ast.Name) and n.id.startswith("d")}
    body: list[ast.stmt] = []
    for k, statement in enumerate(inside.body):
        names = ", ".join(repr(n) for n in last if last[n] == k)
        call = ast.parse(f"{KEEP}(locals(), {names})").body if names and not isinstance(statement, ast.Return) else []
        body += [statement, *call]
    inside.body = body
    return compile(ast.fix_missing_locations(tree), "pass", "exec")


def _captured(function: Callable, arguments: dict) -> tuple:
    box: dict = {}

    def watch(frame, event, _):
        if event == "return" and frame.f_code is function.__code__:
            box.update(frame.f_locals)

    old = sys.getprofile()
    sys.setprofile(watch)
    try:
        return function(**arguments), box
    finally:
        sys.setprofile(old)


def equivalent(mutant: Mutant) -> bool:
    """Whether the mutant's gradients are the original's, in value and shape, at three draws of data.

    What backward hands out counts as it is at the end, every other gradient as it is where it is last mentioned; where
    the mutant overwrites a buffer, and so mentions it once more, only what is handed out counts.
    """
    wanted = {f"d{n}" for n in mutant.case.inputs} | {f"grads[{n}]" for n in mutant.case.inputs}
    for seed in range(3):
        old, new = gradients(mutant.case, mutant.case.backward, seed), gradients(mutant.case, mutant.source, seed)
        every = mutant.kind != "overwritten buffer"
        names = [n for n in old if n in wanted or every and n.startswith(("d", "grads["))]
        if new is None or not all(_same(old[n], new.get(n)) for n in names):
            return False
    return True


def _same(a: object, b: object) -> bool:
    if not isinstance(a, (np.ndarray, float, np.floating)):
        return True
    return b is not None and np.shape(a) == np.shape(b) and bool(np.allclose(a, b, rtol=1e-8, atol=1e-11, equal_nan=True))


# ---------------------------------------------------------------- counting


@dataclass
class Outcome:
    """What the checker said of one mutant."""

    mutant: Mutant
    word: str
    located: bool
    named: bool
    shown: str = ""


def checked(case: Case, source: str) -> Checked:
    return check_code(source, "backward.py", forward=case.forward, shapes=case.shapes, facts=case.facts)


def outcome(mutant: Mutant) -> Outcome:
    """`wrong`, `right` (nothing but right ones), or `open`."""
    found = checked(mutant.case, mutant.source)
    bad = [v for v in found.verdicts if v.verdict in ("wrong", "carried")]
    wrong = [v for v in bad if v.verdict == "wrong"]
    if wrong:
        first = wrong[0].place
        shown = f"{first.line}-{first.end_line} {wrong[0].kind}"
        return Outcome(
            mutant,
            "wrong",
            any(first.line <= k <= first.end_line for k in mutant.lines),
            wrong[0].kind != "wrong",
            shown,
        )
    rest = {v.verdict for v in found.verdicts} - {"right", "no-claim"}
    said = "; ".join(f"{v.place.line} {v.verdict} {v.reason}" for v in found.verdicts if v.verdict in rest)
    return Outcome(mutant, "open" if rest else "right", False, False, said)


def doubled(count: int, seed: int) -> Iterator[Mutant]:
    """Mutants with two mistakes, on different lines, drawn from all cases; no two alike."""
    rng, seen = random.Random(seed), set()
    pools = [(c, mutants(c)) for c in CASES]
    while len(seen) < count:
        case, pool = rng.choices(pools, [len(p) for _, p in pools])[0]
        first = rng.choice(pool)
        second = rng.choice(mutants(replace(case, backward=first.source)))
        if second.line != first.line and second.source not in seen and len(seen) < count:
            seen.add(second.source)
            yield Mutant(case, "two mistakes", second.line, second.source, second.text, frozenset(first.lines))


@cache
def cases(every: bool) -> tuple[Case, ...]:
    """The cases written by hand, and for the long run the generated ones whose original the checker calls right."""
    return (*CASES, *(c for c in generated() if accepted(c))) if every else CASES


def accepted(case: Case) -> bool:
    """Whether the unchanged backward code runs and is right line by line: only then a mutant is a mistake."""
    said = {v.verdict for v in checked(case, case.backward).verdicts}
    return namespace(case, case.backward) is not None and "right" in said and said <= {"right", "no-claim"}


def sampled(count: int, seed: int, every: bool = False) -> list[Mutant]:
    """That many mutants drawn from the cases, kinds as even as the cases allow."""
    rng = random.Random(seed)
    pools: dict[str, list[Mutant]] = {}
    for m in (m for c in cases(every) for m in mutants(c)):
        pools.setdefault(m.kind, []).append(m)
    for pool in pools.values():
        rng.shuffle(pool)
    found: list[Mutant] = []
    while len(found) < count and any(pools.values()):
        for pool in pools.values():
            if pool:
                found.append(pool.pop())
    return found[:count]


def table(outcomes: list[Outcome]) -> str:
    """Counts by kind as a Markdown table."""
    kinds = sorted({o.mutant.kind for o in outcomes})
    lines = [
        "| mutation | mutants | wrong | at the line | kind named | open | called right |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind in [*kinds, "all"]:
        rows = [o for o in outcomes if kind in ("all", o.mutant.kind)]
        wrong = [o for o in rows if o.word == "wrong"]
        counts = [len(rows), len(wrong), sum(o.located for o in wrong), sum(o.named for o in wrong),
                  sum(o.word == "open" for o in rows), sum(o.word == "right" for o in rows)]  # fmt: skip
        lines.append(f"| {kind} | " + " | ".join(map(str, counts)) + " |")
    return "\n".join(lines) + "\n"
