"""Small numbers that keep a logarithm finite: `np.log(p + 1e-8)`, `np.clip(p, 1e-7, 1 - 1e-7)`.

Hand-written gradients such as p − y leave them out.  They are not the gradient of the loss as it is written, but of the
one that is meant: right-if, the condition named.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from derive.claim import Checked, Verdict
from derive.program import Program

SMALL = 1e-3
WRONG = ("wrong", "carried")


@dataclass(frozen=True)
class Safeguard:
    """An expression of the source and the part of it that is meant; what to say where it is left out."""

    whole: ast.expr
    meant: ast.expr
    said: str


def forgiven(checked: Checked, source: str, forward: Program | str | None,
             again: Callable[[str, Program | str | None], Checked]) -> Checked:  # fmt: skip
    """The verdicts, where the wrong gradients that are right without the safeguards of the forward pass are right-if.

    `again`: the verdicts on another source with another forward pass.
    """
    if not any(v.verdict in WRONG for v in checked.verdicts):
        return checked
    text = forward.source if isinstance(forward, Program) else forward
    found = safeguards(source if text is None else text)
    if not found:
        return checked
    plain = _without(source if text is None else text, found)
    if text is None:
        other = again(plain, None)
    else:
        other = again(source, replace(forward, source=plain) if isinstance(forward, Program) else plain)
    said = " and ".join(dict.fromkeys(g.said for g in found))
    if [v.place.line for v in other.verdicts] != [v.place.line for v in checked.verdicts]:
        return checked
    pairs = zip(checked.verdicts, other.verdicts, strict=True)
    return replace(checked, verdicts=tuple(_under(v, plain, said) for v, plain in pairs))


def _under(v: Verdict, plain: Verdict, said: str) -> Verdict:
    """One verdict, given that without the safeguards: right-if where that is right, else what explains the mistake."""
    if v.verdict not in WRONG:
        return v
    if plain.verdict == "right":
        return replace(plain, place=v.place, text=v.text, verdict="right-if", kind="side-condition", code="W102",
                       reason=said, follows=None, holds=None)  # fmt: skip
    if v.kind in (None, "wrong") and plain.verdict in WRONG and (plain.kind or plain.verdict) not in ("wrong", v.verdict):
        reason = "; ".join(part for part in (plain.reason, f"apart from that, {said}") if part)
        return replace(plain, place=v.place, text=v.text, reason=reason, counterexample=v.counterexample)
    return v


def safeguards(source: str) -> list[Safeguard]:
    """Every safeguard of a source, in the order of the text; none lies within another."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return []
    known = _constants(tree)
    found: list[Safeguard] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node) in ("clip", "clamp"):
            found += _clipped(node, known)
        elif isinstance(node, ast.Call) and _called(node) == "log":
            found += (g for inner in ast.walk(node) for g in _in_a_logarithm(inner, known))
    found.sort(key=lambda g: (g.whole.lineno, g.whole.col_offset))
    apart: list[Safeguard] = []
    for g in found:
        if not any(g.whole is h.whole or g.whole in ast.walk(h.whole) for h in apart):
            apart.append(g)
    return apart


def _in_a_logarithm(node: ast.expr, known: Mapping[str, float]) -> Iterator[Safeguard]:
    """`p + eps`, `eps + p`, `maximum(p, eps)`."""
    match node:
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            pairs = [(left, right), (right, left)]
        case ast.Call(args=[left, right]) if _called(node) in ("maximum", "max"):
            pairs = [(left, right), (right, left)]
        case _:
            return
    for meant, number in pairs:
        value = _value(number, known)
        if value is not None and 0 < value <= SMALL:
            what = f"the {ast.unparse(number)} on line {node.lineno} is 0; it only keeps the logarithm finite"
            yield Safeguard(node, meant, what)
            return


def _clipped(node: ast.Call, known: Mapping[str, float]) -> Iterator[Safeguard]:
    """`np.clip(p, 1e-7, 1 - 1e-7)`, `p.clamp(min=1e-7)`: bounds just inside 0 and 1."""
    method = isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") not in ("np", "numpy", "torch")
    args = [node.func.value, *node.args] if method else list(node.args)
    named = {k.arg: k.value for k in node.keywords}
    low = args[1] if len(args) > 1 else named.get("min", named.get("a_min"))
    high = args[2] if len(args) > 2 else named.get("max", named.get("a_max"))
    floor = _value(low, known)
    top = 1.0 if high is None or isinstance(high, ast.Constant) and high.value is None else _value(high, known)
    if args and floor is not None and 0 < floor <= SMALL and top is not None and 1 - SMALL <= top <= 1:
        yield Safeguard(node, args[0], f"nothing is clipped on line {node.lineno}")


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _constants(tree: ast.Module) -> dict[str, float]:
    """Names that are set once, to a number: `eps = 1e-8`, and parameters with such a default."""
    found: dict[str, list[ast.expr | None]] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found.setdefault(name, []).append(value)
            case ast.arguments(args=args, defaults=defaults):
                for a, value in zip(args[::-1], defaults[::-1], strict=False):
                    found.setdefault(a.arg, []).append(value)
    plain = {n: values[0].value for n, values in found.items() if len(values) == 1 and isinstance(values[0], ast.Constant)}
    return {n: float(v) for n, v in plain.items() if isinstance(v, (int, float)) and not isinstance(v, bool)}


def _value(node: ast.expr | None, known: Mapping[str, float]) -> float | None:
    """A number, a name of one, or 1 minus one."""
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return float(value)
        case ast.Name(id=name):
            return known.get(name)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            a, b = _value(left, known), _value(right, known)
            return None if a is None or b is None else a - b
    return None


def _without(source: str, found: list[Safeguard]) -> str:
    """The source with what is meant in the place of every safeguard, on the same lines."""
    rows = source.splitlines(keepends=True)
    for g in reversed(found):
        meant = " ".join((ast.get_source_segment(source, g.meant) or "").split())
        start, end = g.whole.lineno - 1, g.whole.end_lineno - 1
        head = rows[start].encode()[: g.whole.col_offset].decode()
        tail = rows[end].encode()[g.whole.end_col_offset :].decode()
        gap = "\n" * (end - start)  # inside brackets, as every safeguard is
        rows[start : end + 1] = (head + f"({meant}{gap})" + tail).splitlines(keepends=True)
    return "".join(rows)


__all__ = ["Safeguard", "forgiven", "safeguards"]
