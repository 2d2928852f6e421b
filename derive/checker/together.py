"""One function that holds both passes: `loss, grads = two_layer_loss(X, y, reg)`, split at what the loss rests on.

The statements that the loss rests on, and those before the first gradient, are the forward pass; the others are the
backward code.  Lines keep their numbers.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from derive.checker.aliases import one_array, own, touched, writes
from derive.checker.names import candidates, spelled
from derive.checker.reading import Back
from derive.checker.sliced import halves, text_of
from derive.checker.statements import stored_keys, uses
from derive.errors import Problem, Span, Unsupported
from derive.readers.cells import LOSS


@dataclass(frozen=True)
class Both:
    """A function with both passes: its statements in order and by pass, and the name of its loss.

    `loop`: the training loop of which it is one round; `mixed`: halves in `forward`, with the loops that they were.
    """

    function: ast.FunctionDef
    name: str
    loss: str
    forward: tuple[ast.stmt, ...]
    backward: tuple[ast.stmt, ...]
    order: tuple[ast.stmt, ...] = ()
    loop: ast.For | ast.While | None = None
    mixed: tuple[tuple[ast.For, ast.For], ...] = ()


def split_together(source: str, path: str, tree: ast.Module, wanted: str | None = None) -> tuple[Back, str, str] | None:
    """The backward code, the text of the forward pass and the name of its function; None where no function has both.

    `wanted`: the function to be split; None: the first that has both.  Raises a Problem where the two passes cannot
    be taken apart.
    """
    for function, name in _functions(tree):
        both = both_passes(function, name) if wanted in (None, name) else None
        if both is not None:
            _keep_meaning(both, source, path)
            body = tuple(s for n in both.backward for s in _without_loss(n, both.loss))
            return Back(source, path, tree, body, loop=both.loop), _forward_text(source, path, both), name
    return None


def losses(tree: ast.Module) -> list[str]:
    """The functions and methods that hold both passes, also where these cannot be taken apart."""
    found = []
    for function, name in _functions(tree):
        try:
            found += [name] if both_passes(function, name) is not None else []
        except Problem:
            found.append(name)
    return found


def _functions(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef, str]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node, node.name
        elif isinstance(node, ast.ClassDef):
            yield from ((m, f"{node.name}.{m.name}") for m in node.body if isinstance(m, ast.FunctionDef))


def both_passes(function: ast.FunctionDef, name: str) -> Both | None:
    """The two parts of a function; None where it computes no loss or no gradient, or both in one statement.

    Where a loop of it holds both, the function is read with one round in the place of that loop.
    """
    found, refused = _tried(function, name)
    for k, loop in enumerate(function.body if found is None else ()):
        if isinstance(loop, (ast.For, ast.While)):
            round_ = copy.copy(function)
            round_.body = [*function.body[:k], *loop.body]
            found, why = _tried(round_, name)
            if found is not None and not (refused is not None and _adds_up(loop, found.loss)):
                return replace(found, loop=loop)
            found, refused = None, refused or why
    if refused is not None:
        raise refused
    return found


def _tried(function: ast.FunctionDef, name: str) -> tuple[Both | None, Problem | None]:
    """The parts of a function, or why its passes cannot be taken apart."""
    try:
        return _parts(function, name), None
    except Problem as problem:
        return None, problem


def _adds_up(loop: ast.stmt, loss: str) -> bool:
    """Whether a loop adds up the loss over its rounds, so that one round is not all of it."""
    stored = [n for n in ast.walk(loop) if isinstance(n, (ast.Assign, ast.AugAssign)) and loss in writes(n)]
    return all(isinstance(n, ast.AugAssign) for n in stored)


def _parts(function: ast.FunctionDef, name: str) -> Both | None:
    body = [n for n in function.body if not isinstance(n, (ast.FunctionDef, ast.ClassDef))]
    known = {a.arg for a in function.args.args} | _attributes(function)
    known |= {n.id for n in ast.walk(function) if isinstance(n, ast.Name)}
    loss = _loss(function, body)
    first = next((k for k, n in enumerate(body) if _gradients(n, known)), None)
    if loss is None or first is None or not any(isinstance(n, (ast.BinOp, ast.AugAssign)) for s in body[first:] for n in ast.walk(s)):
        return None
    wanted, kept, taken = {loss}, set(), {}
    for k in reversed(range(len(body))):
        if not writes(body[k]) & wanted:
            continue
        if _gradients(body[k], known):
            found = halves(body[k], function, loss, wanted, lambda n: _gradients(n, known)) if isinstance(body[k], ast.For) else None
            if found is None:
                return None
            taken[k] = found
            wanted |= found.reads
        else:
            kept.add(k)
            wanted |= uses(body[k]).reads
    kept |= {k for k, n in enumerate(body[:first]) if not isinstance(n, ast.Return) and k not in taken}
    order = [(n, k in kept) for k, n in enumerate(body) if k not in taken]
    for k in sorted(taken):
        place = sum(j not in taken for j in range(k)) + 2 * sum(j < k for j in taken)
        order[place:place] = [(taken[k].forward, True), (taken[k].backward, False)]
    forward, backward = (tuple(n for n, own in order if own is part) for part in (True, False))
    mixed = tuple((found.forward, body[k]) for k, found in taken.items())
    return Both(function, name, loss, forward, backward, tuple(n for n, _ in order), mixed=mixed)


# ---------------------------------------------------------------- whether the passes may be taken apart

def _keep_meaning(both: Both, source: str, path: str) -> None:
    """Raises a Problem where a forward statement that stands behind backward code computes something else before it.

    `ds = p; ds[rows, y] -= 1; loss = -np.log(p[rows, y]).mean()`: the loss is not that of the probabilities.
    """
    same = one_array(both.order)
    for place, later in enumerate(both.order):
        for earlier in both.order[:place] if later in both.forward else ():
            if earlier in both.forward:
                continue
            changed, changes = touched(earlier, same), touched(later, same)
            clash = sorted(changed & (uses(later).reads | own(later)) | changes & (uses(earlier).reads | own(earlier)))
            if clash:
                text = source.splitlines()[later.lineno - 1]
                span = Span(later.lineno, later.col_offset + 1, text=text, path=path)
                raise Unsupported(f"`{both.loss}` rests on this line, and line {earlier.lineno} of the backward code stands before it",
                                  f"both use `{clash[0]}`, and one of them changes it",
                                  "compute the loss before the first gradient", span)  # fmt: skip


def _attributes(function: ast.FunctionDef) -> set[str]:
    """W1 of `self.W1` and of `self.params["W1"]`."""
    found = {n.attr for n in ast.walk(function) if isinstance(n, ast.Attribute)}
    return found | {n.slice.value for n in ast.walk(function) if isinstance(n, ast.Subscript)
                    and isinstance(n.slice, ast.Constant) and isinstance(n.slice.value, str)}  # fmt: skip


def _gradients(node: ast.stmt, known: set[str]) -> bool:
    """Whether a statement sets the gradient of a known name."""
    keys = [k for n in ast.walk(node) if isinstance(n, ast.stmt) for k in stored_keys(n) if "grad" in k.split("[")[0]]
    marked = (n for n in writes(node) if (base := spelled(n)) and (candidates(base, known - {n}) or "grad" in n))
    return bool(keys) or any(marked)


def _loss(function: ast.FunctionDef, body: list[ast.stmt]) -> str | None:
    """The name of the loss: the one that is returned, else the last that is set."""
    made = [n for s in body for n in sorted(uses(s).writes if not isinstance(s, ast.Return) else ()) if LOSS.search(n) and "[" not in n]
    lists = {n.value.id for n in ast.walk(function) if isinstance(n, ast.Attribute) and n.attr in ("append", "extend")
             and isinstance(n.value, ast.Name)}  # fmt: skip
    counts = {n.id for f in ast.walk(function) if isinstance(f, ast.For) for n in ast.walk(f.target) if isinstance(n, ast.Name)}
    made = [n for n in made if not spelled(n) and n not in lists | counts]
    returned = [n.id for r in ast.walk(function) if isinstance(r, ast.Return) and r.value is not None
                for n in (r.value.elts if isinstance(r.value, ast.Tuple) else [r.value]) if isinstance(n, ast.Name)]  # fmt: skip
    return next((n for n in returned if n in made), made[-1] if made else None)


def _without_loss(node: ast.stmt, loss: str) -> list[ast.stmt]:
    """The statement; of a `return loss, grads` nothing but gradients that are computed in it."""
    if not isinstance(node, ast.Return):
        return [node]
    values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
    turned = [v for v in values if isinstance(v, ast.Subscript) and isinstance(v.slice, ast.Slice)]  # `dWs[::-1]`
    made = [v for v in values if isinstance(v, (ast.BinOp, ast.Call, ast.Dict)) or v in turned]
    if not made or any(isinstance(n, ast.Name) and n.id == loss for v in made for n in ast.walk(v)):
        return []
    value = made[0] if len(made) == 1 else ast.Tuple(made, ast.Load())
    return [ast.fix_missing_locations(ast.copy_location(ast.Return(value), node))]


def any_number(lines: list[str], forward: Iterable[ast.stmt], backward: Iterable[ast.stmt]) -> None:
    """`b = 0.0` becomes a declaration where the gradient of b is claimed: it is a first value, and b any number."""
    claimed = {spelled(n) for s in backward for n in writes(s)} - {None}
    forward = [n for n in forward if not isinstance(n, (ast.FunctionDef, ast.ClassDef))]
    for node in forward:
        alone = sum(_number(node) in writes(n) for n in forward) == 1
        if _number(node) in claimed and alone and node.lineno == node.end_lineno:
            lines[node.lineno - 1] = f"{' ' * node.col_offset}# shapes: {_number(node)} ()"


def _number(node: ast.stmt) -> str | None:
    """The name that a statement sets to a plain number."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=int() | float())):
            return name
    return None


def _forward_text(source: str, path: str, both: Both) -> str:
    """The source with the backward statements left blank, and the loss returned at the end of the function."""
    lines = source.splitlines()
    indent = " " * both.function.body[0].col_offset
    whole = dict(both.mixed)
    halved = {k: text for half, loop in both.mixed for k, text in text_of(half, loop, lines, path).items()}
    own = {k for n in both.forward if n not in whole for k in range(n.lineno, n.end_lineno + 1)}
    own |= {k for n in both.function.body if isinstance(n, ast.FunctionDef) for k in range(n.lineno, n.end_lineno + 1)}
    for k in range(both.function.body[0].lineno, both.function.end_lineno + 1):
        lines[k - 1] = halved.get(k, lines[k - 1] if k in own else "")
    if both.loop is not None:
        shift = both.loop.body[0].col_offset - both.function.body[0].col_offset
        for k in range(both.loop.lineno, both.loop.end_lineno + 1):
            lines[k - 1] = lines[k - 1][shift:]
    any_number(lines, both.forward, both.backward)
    last = max(n.end_lineno for n in both.forward)
    end = both.function.end_lineno
    if end > last:
        lines[end - 1] = f"{indent}return {both.loss}"
    else:
        node = max(both.forward, key=lambda n: n.end_lineno)
        cut = len(lines[last - 1].encode()[: node.end_col_offset].decode(errors="replace"))
        plain = not isinstance(node, (ast.For, ast.If, ast.With, ast.While))
        lines[last - 1] = lines[last - 1][:cut] + (f"; return {both.loss}" if plain else f"\n{indent}return {both.loss}")
    return "\n".join(lines) + "\n"


__all__ = ["Both", "any_number", "both_passes", "losses", "split_together"]
