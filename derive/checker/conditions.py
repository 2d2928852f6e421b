"""Conditions under which a line that is wrong in general is right: they are named, and make it `right-if`.

    sum[j] Y[i,j] = 1    rows of targets that nobody declared to sum to one
    eps = 1e-05          the forward's default of a parameter, written out in the backward code
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from derive import expr as x
from derive.checker.cut import Court
from derive.checker.judged import Finding
from derive.index import Size
from derive.program import Equation, Program, parse_fact

PLAIN = (0, 1, -1)  # numbers that stand for no parameter


@dataclass(frozen=True)
class Condition:
    """A condition in words, the program in which it holds, and the number that a line must mention to rest on it."""

    said: str
    program: Program
    kind: str = "side-condition"
    literal: Fraction | None = None
    parameter: str = ""

    def concerns(self, f: Finding, court: Court) -> bool:
        """Whether the code writes the number out, and a claim does not read the parameter on its way."""
        if self.literal is None or f.word == "carried":
            return True
        names = {f.claim.array, *(f.cut.inner if f.cut is not None else ())} - court.reading.forward.by_name.keys()
        own = [e for n in names if (e := court.program.equation(n)) is not None]
        return self.literal in court.reading.literals and not any(self.parameter in e.rhs.names for e in own)


def conditions(court: Court, findings: list[Finding]) -> Iterator[Condition]:
    """The conditions to try, the likeliest first."""
    forward = court.reading.forward
    for name, value in court.reading.defaults.items():
        known = forward.by_name.get(name)
        if value not in PLAIN and known is not None and forward.is_input(name) and known.shape == () and known.sort == "real":
            said = f"reads {name} as {_written(value)}, the forward's default"
            yield Condition(said, _fixed(court.program, name, value), "reading", value, name)
    meant = {f.meant for f in findings if not _weighs(court, f.meant)}
    for v in forward.inputs:
        free = all(f.array != v.name for f in court.program.facts)
        if v.sort == "real" and v.shape and v.shape[-1] != Size.of(1) and v.name not in meant and free:
            letters = "ijklmpq"[: len(v.shape)]
            fact = parse_fact(f"sum[{letters[-1]}] {v.name}[{','.join(letters)}] = 1", forward)
            yield Condition(f"right if {fact.text}", replace(court.program, facts=(*court.program.facts, fact)))


def _written(value: Fraction) -> str:
    return str(value) if value.denominator == 1 else repr(float(value))


def _fixed(program: Program, name: str, value: Fraction) -> Program:
    """The program in which an input is a number."""
    rest = tuple(v for v in program.inputs if v.name != name)
    facts = tuple(f for f in program.facts if f.array != name)
    return replace(program, inputs=rest, equations=(Equation(name, (), x.num(value)), *program.equations), facts=facts)


def _weighs(court: Court, name: str | None) -> bool:
    """Whether the loss is linear in an input: its gradient does not depend on it, as with targets."""
    target = court.targets.get(name)
    return target in court.program and name not in court.program.reaches({target})


__all__ = ["Condition", "conditions"]
