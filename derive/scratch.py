"""`derive try`: one expression differentiated by one entry, with as much of every step as one asks for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from derive import expr as x
from derive.derivation import Derivation, Rewriter, Step
from derive.errors import BadNotation, Usage
from derive.expr import D, Entry, Expr
from derive.index import Index, Size
from derive.jacobians import simplify
from derive.judges.bench import Bench
from derive.judges.evaluate import Undecided
from derive.judging import judge_alone
from derive.notation import letters, parse, parse_equation, text
from derive.program import Equation, Program, Variable
from derive.rule import RULES, Context

TRACES = ("names", "redex", "lines", "tried", "values")


def attempt(expression: str, wrt: str, where: list[str], trace: str = "lines") -> Iterator[str]:
    """The lines that `derive try` prints.  Raises BadNotation with the column, Usage."""
    if trace not in TRACES:
        raise Usage(f"there is no trace `{trace}`", hint=f"from little to much: {', '.join(TRACES)}")
    equations = [Equation(*parse_equation(line)) for line in where]
    body, entry = scoped(expression, wrt, equations)
    program = _program(body, entry, equations)
    start = D(body, entry)
    work = Rewriter(start, Context(program))
    simplify(work)
    target = Entry("∂", tuple(sorted(start.free, key=lambda i: i.number)))
    found = judge_alone(Derivation("", target, target.slots, tuple(work.steps), kind="identity"), program, start)
    yield from _told(start, found, program, trace)


def scoped(expression: str, wrt: str, equations: list[Equation]) -> tuple[Expr, Entry]:
    """Both texts with their bare letters as indices, each as long as the axis that it indexes."""
    first = [parse(expression), parse(wrt)]
    if not isinstance(first[1], Entry):
        raise BadNotation(f"`{wrt}` is no entry", "a derivative is by an entry of an array", '--wrt "x[k]"')
    lengths = _lengths([*first, *(e.rhs for e in equations), *(e.lhs for e in equations)])
    scope: dict[str, Index] = {}
    for e in first:
        for t in (t for t in x.walk(e) if isinstance(t, Entry)):
            for place, slot in enumerate(t.slots):
                letter = slot.constant.letter if isinstance(slot, x.Affine) and not slot.terms else None
                if letter and letter not in scope:
                    scope[letter] = Index(letter, lengths.setdefault((t.name, place), Size.of(_spare(lengths))))
    return parse(expression, scope), parse(wrt, scope)


def _lengths(terms: list[Expr]) -> dict[tuple[str, int], Size]:
    """The lengths of axes that some index with a length runs over."""
    found: dict[tuple[str, int], Size] = {}
    for e in terms:
        for t in (t for t in x.walk(e) if isinstance(t, Entry)):
            for place, slot in enumerate(t.slots):
                n = x.slot_size(slot)
                if n is not None:
                    found.setdefault((t.name, place), n)
    return found


def _spare(lengths: dict) -> str:
    used = frozenset().union(*(n.letters for n in lengths.values()))
    return next(letter for letter in (*"nmdCDH", *(f"n{k}" for k in range(99))) if letter not in used)


def _program(body: Expr, entry: Entry, equations: list[Equation]) -> Program:
    lengths = _lengths([body, entry, *(e.rhs for e in equations)])
    defined = {e.name for e in equations}
    inputs: dict[str, Variable] = {}
    for e in (body, entry, *(e.rhs for e in equations)):
        for t in (t for t in x.walk(e) if isinstance(t, Entry) and t.name not in defined):
            shape = tuple(lengths.get((t.name, place), Size.of(3)) for place in range(len(t.slots)))
            inputs.setdefault(t.name, Variable(t.name, shape, "int" if _is_label(t.name, body) else "real"))
    return Program(tuple(inputs.values()), tuple(equations), ())


def _is_label(name: str, body: Expr) -> bool:
    return any(isinstance(s, Entry) and s.name == name
               for t in x.walk(body) if isinstance(t, Entry) for s in t.slots)  # fmt: skip


def _told(start: Expr, found: Derivation, program: Program, trace: str) -> Iterator[str]:
    whole = trace in ("lines", "tried", "values")
    names = letters(x.Call("of", (start, *(x.Whole(i) for i in found.indices))))
    bench = Bench(program, extra=[s.line for s in found.steps]) if trace == "values" else None
    yield text(start)
    for number, step in enumerate(found.steps, 1):
        what = f"{step.rule}" + (f": {step.instance}" if step.instance else "")
        if whole:
            yield f"  = {text(step.line, {**letters(step.line), **_kept(step.line, names)}):<60} {number}. {what}"
        else:
            yield f"  {number}. {what}"
        if trace == "redex":
            yield from (f"       {line}" for line in _redexes(step))
        if bench is not None:
            yield f"       {_value(bench, step.line)}"
    if trace == "tried":
        yield "rules that do not fit the last line: " + ", ".join(_unfit(found.result))
    yield f"{text(found.result)}     {found.certainty if found.steps else 'nothing applies'}"


def _redexes(step: Step) -> list[str]:
    """What the step rewrote, each beside what it became."""
    made: list[Expr] = []
    for e in step.fresh:  # a sum or product is followed by its parts
        if not (made and any(e is part for part in x.parts(made[-1]))):
            made.append(e)
    if len(made) != len(step.redexes):
        return [f"{', '.join(map(text, step.redexes))}  ->  {', '.join(map(text, made))}"]
    return [f"{text(a)}  ->  {text(b)}" for a, b in zip(step.redexes, made, strict=True)]


def _kept(line: Expr, names: dict[Index, str]) -> dict[Index, str]:
    return {i: names[i] for i in line.free if i in names}


def _value(bench: Bench, line: Expr) -> str:
    """The line's value at the first entry of random data."""
    axes = tuple(sorted(line.free, key=lambda i: i.number))
    try:
        return f"value {np.ravel(bench.value(line, axes))[0]:.12g} at the first entry, sizes {dict(bench.sizes)}"
    except Undecided as why:
        return f"no value: {why}"


def _unfit(line: Expr) -> list[str]:
    """The rules with the reason: their kind of node does not occur, or occurs and does not match."""
    heads = {type(t) for t in x.walk(line)}
    return [f"{r.name} ({'no match' if heads & set(r.heads) else 'no such node'})" for r in RULES]
