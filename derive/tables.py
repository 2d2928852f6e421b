"""`derive explain`: the tables of ops, rules and codes as text, from the tables themselves."""

from __future__ import annotations

import derive.rules  # noqa: F401  (fills the rule table)
from derive import errors
from derive.errors import Problem, Usage
from derive.ops import OPS, Op
from derive.rule import RULES, Rule


def codes() -> dict[str, str]:
    """Every code with its sentence: those of problems, and the checker's."""
    found = {c.code: (c.__doc__ or "").strip().splitlines()[0] for c in vars(errors).values()
             if isinstance(c, type) and issubclass(c, Problem) and c is not Problem}  # fmt: skip
    from derive import checker

    return found | dict(getattr(checker, "CODES", {}))


def all_tables() -> str:
    """Ops, rules and codes, one line each."""
    ops = [f"  {row.name:<12} {_meaning(row):<34} slope {_slope(row)}" for row in OPS]
    rules = [f"  {r.name:<28} {r.law}" for r in RULES]
    held = [f"  {code}  {said}" for code, said in sorted(codes().items())]
    return "\n".join(
        ["ops", *ops, "", "rules", *rules, "", "codes", *held, "", "derive explain NAME shows one of them"]
    )


def one_row(name: str) -> str:
    """One op, rule or code with all that is known of it; raises Usage with the nearest names."""
    found = [_op(OPS[name])] if name in OPS else []
    found += [_rule(RULES[name])] if name in RULES.rows else []
    found += [f"{name.upper()}  {codes()[name.upper()]}"] if name.upper() in codes() else []
    if found:
        return "\n\n".join(found)
    import difflib

    known = [*(row.name for row in OPS), *RULES.rows, *codes()]
    near = difflib.get_close_matches(name, known, 3, 0.5)
    raise Usage(f"nothing is called `{name}`", hint=f"did you mean {' or '.join(near)}?" if near else "derive explain")


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


def _rule(r: Rule) -> str:
    return "\n".join([f"rule {r.name}", f"  {r.sentence}", f"  law       {r.law}", f"  example   {r.example}"])
