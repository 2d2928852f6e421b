"""`derive explain`: the tables of ops, definitions, rules and codes as text, from the tables themselves."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import derive.rules  # noqa: F401  (fills the rule table)
from derive import errors
from derive.checker.codes import CODES
from derive.checker.codes import explain as explain_code
from derive.definitions import DEFINITIONS, Definition
from derive.errors import Problem, Usage
from derive.ops import OPS, Op
from derive.rule import RULES, Rule
from derive.writers.reasons import FIRST_LINES, IN_WORDS


@dataclass(frozen=True)
class Row:
    """One thing that can be explained: where it stands, its names, one line of it, and all of it."""

    table: str
    names: tuple[str, ...]
    line: str
    whole: Callable[[], str]


def rows() -> Iterator[Row]:
    """Everything that `derive explain` knows, table by table."""
    for op in OPS:
        yield Row("ops", (op.name, *_spellings(op)), f"{op.name:<12} {_meaning(op):<34} slope {_slope(op)}", lambda op=op: _op(op))
    for d in DEFINITIONS.values():
        yield Row("definitions", (d.name,), f"{d.name:<12} {d.words}", lambda d=d: _definition(d))
    for r in RULES:
        yield Row("rules", (r.name,), f"{r.name:<28} {r.law}", lambda r=r: _rule(r))
    for name, law in (FIRST_LINES | IN_WORDS).items():
        yield Row("rules", (name,), f"{name:<28} {law}", lambda name=name, law=law: f"rule {name}\n  law       {law}")
    for code, said in sorted(problems().items()):
        yield Row("codes of problems", (code,), f"{code}  {said}", lambda code=code, said=said: f"{code}  {said}")
    for code, (kind, said, _) in sorted(CODES.items()):
        yield Row("codes and kinds of the checker", (code, kind), f"{code}  {kind:<22} {said}", lambda code=code: explain_code(code))


def problems() -> dict[str, str]:
    """The codes of what can be wrong with an input, with their sentences."""
    return {c.code: (c.__doc__ or "").strip().splitlines()[0] for c in vars(errors).values()
            if isinstance(c, type) and issubclass(c, Problem) and c is not Problem}  # fmt: skip


def all_tables() -> str:
    """Every table, one line a row."""
    lines: list[str] = []
    for row in rows():
        if row.table not in lines:
            lines += [""] * bool(lines) + [row.table]
        lines.append(f"  {row.line}")
    return "\n".join([*lines, "", "derive explain NAME shows one of them"])


def one_row(name: str) -> str:
    """What bears the name – as an op, a definition, a rule, a code or a kind of mistake – and what else mentions it.

    Raises Usage with the nearest names where nothing does.
    """
    wanted = _plain(name)
    every = list(rows())
    found = [row for row in every if wanted in map(_plain, row.names)]
    if not found:
        found = [row for row in every if _holds(" ".join(row.names), wanted)]
        if len(found) > 1:
            return "\n".join([f"several names hold `{name}`:", *(f"  {row.line}" for row in found)])
    also = [row for row in every if row not in found and _holds(row.line, wanted)]
    if found:
        told = [row.whole() for row in found]
        return "\n\n".join([*told, *(["\n".join(["see also", *(f"  {row.line}" for row in also)])] if also else [])])
    if also:
        return "\n".join([f"nothing is called `{name}`; these mention it:", *(f"  {row.line}" for row in also)])
    known = {_plain(n): n for row in every for n in row.names}
    near = [known[n] for n in difflib.get_close_matches(wanted, known, 3, 0.5)]
    raise Usage(f"nothing is called `{name}`", hint=f"did you mean {' or '.join(near)}?" if near else "derive explain")


def _plain(name: str) -> str:
    """A name as it is compared: `np.exp` is exp, `log-softmax` is log_softmax, `e302` is E302."""
    return re.sub(r"[\s_-]+", " ", name.rpartition(".")[2].strip().lower())


def _holds(text: str, wanted: str) -> bool:
    """Whether the words are among those of a text, at their beginning, such as `sum` in `sum over paths`."""
    return bool(wanted) and re.search(rf"(?<![a-z0-9]){re.escape(wanted)}", _plain(text.replace(".", " "))) is not None


def _spellings(op: Op) -> tuple[str, ...]:
    return tuple(re.findall(r"[A-Za-z_]\w+", op.reads))


def _meaning(row: Op) -> str:
    return row.meaning or f"primitive (sympy.{row.sympy})"


def _slope(row: Op) -> str:
    if not row.arity:
        return "none: a constant"
    return ", ".join(str(s).replace("[]", "") for s in row.slopes)


def _op(row: Op) -> str:
    columns = (("meaning", _meaning(row)), ("slope", _slope(row)), ("kink", row.kink), ("domain", row.domain),
               ("NumPy", row.numpy), ("stable", row.stable), ("LaTeX", row.latex),
               ("also read", row.reads))  # fmt: skip
    return "\n".join([f"op {row.name}({', '.join(row.args.split())})", *(f"  {k:<10} {v}" for k, v in columns if v)])


def _definition(d: Definition) -> str:
    """A definition with its law and how it is differentiated: by the rules, step by step."""
    from derive.scratch import attempt

    lines = [f"definition {d.name}", f"  {d.words}", f"  law       {d.law}"]
    letter = re.search(r"\bX\[(\w+)\]", d.law)
    if letter is None or "[]" in d.law:
        return "\n".join(lines)
    result = list(attempt(d.law, "X[i]", []))[-1]
    return "\n".join([*lines, f"  by X[i]   {result}", f'  steps     derive try "{d.law}" --wrt "X[i]"'])


def _rule(r: Rule) -> str:
    return "\n".join([f"rule {r.name}", f"  {r.sentence}", f"  law       {r.law}", f"  example   {r.example}"])
