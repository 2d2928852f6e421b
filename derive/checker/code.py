"""Checking hand-written backward code: a verdict for every gradient, given the author's own gradients further up."""

from __future__ import annotations

import ast
import re
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np

from derive.checker.attributes import begin, with_named_gradients
from derive.checker.both import read_both
from derive.checker.chained import PAIRS, chained
from derive.checker.cut import Court
from derive.checker.generated import without_guards
from derive.checker.names import spelled
from derive.checker.objects import backward_method
from derive.checker.reading import Back
from derive.checker.replaced import without_replaced
from derive.checker.safeguards import forgiven
from derive.checker.said import said
from derive.checker.statements import declared, uses
from derive.checker.supposed import guesses, outlook, under_shapes
from derive.checker.together import any_number, losses, split_together
from derive.checker.verdicts import Checker
from derive.claim import Checked, Place, Verdict
from derive.errors import Problem, ShapeUnknown, Span, Unreadable, Unsupported
from derive.judges.evaluate import Undecided
from derive.program import Program
from derive.readers.cells import LOSS
from derive.readers.classes import methods_of, passes_of
from derive.readers.python import parsed, uncalled


def check_code(source: str, path: str = "", *, forward: Program | str | None = None, forward_path: str = "",
               function: str | None = None, shapes: dict | None = None, sample: dict | None = None,
               facts: tuple[str, ...] = ()) -> Checked:  # fmt: skip
    """The verdicts on the gradients of a backward script or of a function `backward(dout, cache)`.

    `forward`: the forward pass as a Program or text; None: the same file holds it.  Nothing is executed, and nothing
    escapes: a file that cannot be read is a verdict `unreadable` with its line.
    """
    options = {"forward_path": forward_path, "function": function, "shapes": shapes, "sample": sample, "facts": facts}
    try:
        several = layers(source, path) if forward is None and function is None and not declared(source, "forward") else []
    except Problem:
        several = []
    if not several:
        return judged_code(source, path, forward=forward, **options)[0]
    parts = [judged_code(source, path, **options | {"function": name})[0] for name in several]
    every = (v for part in parts for v in part.verdicts)
    return Checked(path, tuple(sorted(every, key=lambda v: (v.place.end_line, v.place.line, v.place.column))))


def judged_code(source: str, path: str = "", *, forward: Program | str | None = None, forward_path: str = "",
                function: str | None = None, shapes: dict | None = None, sample: dict | None = None,
                facts: tuple[str, ...] = (), assumed: tuple[str, ...] = (),
                breaks: tuple[int, ...] = ()) -> tuple[Checked, Checker | None]:  # fmt: skip
    """The verdicts, and the checker with all that it found out (None where the code could not be read).

    `assumed`: gradients that the code may use without setting them, as the true ones; `breaks`: lines where a listing
    ends, so that a gradient which a later listing sets anew was complete.
    """
    try:
        source = without_replaced(without_guards(source)) if isinstance(source, str) else source
        forward = _named_forward(source, path) if forward is None else forward
        back, text, own = _split(source, path, forward, function)
        function = function or own
        known, declares = said(source, text)
        options = _options(forward, {**known, **(shapes or {})}, sample, (*declares, *facts))
        where = path if forward is None else forward_path or getattr(forward, "path", "")
        back = replace(back, assumed=assumed, breaks=breaks)
        reading = read_both(text, back, path=where, function=function, **options)
        checker = Checker(reading, Court(reading))
        given = {"forward_path": forward_path, "function": function, "shapes": shapes, "sample": sample, "facts": facts,
                 "assumed": assumed, "breaks": breaks}  # fmt: skip
        again = lambda plain, other: judged_code(plain, path, forward=other, **given)[0]  # noqa: E731
        return forgiven(Checked(path, tuple(checker.verdicts())), source, forward, again), checker
    except ShapeUnknown as problem:
        found = None
        for guess in guesses(problem) if not problem.shapes.keys() <= (shapes or {}).keys() else ():
            found, checker = judged_code(source, path, forward=forward, forward_path=forward_path, function=function,
                                         shapes={**guess, **(shapes or {})}, sample=sample, facts=facts,
                                         assumed=assumed, breaks=breaks)  # fmt: skip
            if (supposed := under_shapes(found, guess, problem.guessed)) is not None:
                return supposed, checker
        problem.hint = "; ".join(filter(None, (problem.hint, outlook(found) if found is not None else "")))
        return Checked(path, (_refused(problem, source, path),)), None
    except Problem as problem:
        return Checked(path, (_refused(problem, source, path),)), None
    except (
        RecursionError,
        Undecided,
        ArithmeticError,
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
        OSError,
    ) as error:
        problem = Problem("this backward pass could not be judged", f"{type(error).__name__}: {error}")
        return Checked(path, (_refused(problem, source, path),)), None


def layers(source: str, path: str = "") -> list[str]:
    """The forward passes of a file that holds several layers: `affine_forward`, `Linear.forward`; else nothing.

    A layer is a class with the methods forward and backward, a pair of functions that no other pair calls, or one
    function with both passes.
    """
    tree = parsed(without_replaced(without_guards(source)), path)
    functions = [n for n in tree.body if isinstance(n, ast.FunctionDef)]
    forwards = [f for f in functions if partner(f.name, functions) is not None]
    paired = [f.name for f in forwards] if len(uncalled(forwards)) == len(forwards) else []
    if any(f.name == "forward" for f in functions) or not paired and _backward_function(functions, alone=False):
        return []
    owners = [(n, passes) for n in tree.body if isinstance(n, ast.ClassDef) if (passes := passes_of(n, tree))]
    named = [f"{n.name}.{passes[0]}" for n, passes in owners]
    within = {n.name for n, _ in owners}
    alone = [name for name in losses(with_named_gradients(tree)) if name.split(".")[0] not in within]
    found = [*paired, *named, *alone]
    return found if len(found) > 1 else []


def partner(name: str, functions: list[ast.FunctionDef]) -> ast.FunctionDef | None:
    """`affine_backward` for `affine_forward`, `f_bwd` for `f_fwd`."""
    wanted = {name.replace(one, other) for one, other in PAIRS.items()} - {name}
    return next((f for f in functions if f.name in wanted), None)


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


def _named_forward(source: str, path: str) -> str | None:
    """The text of the file that a comment `# check: forward mlp_forward.py` names, beside the checked one."""
    named = declared(source, "forward") if isinstance(source, str) else []
    file = Path(path).parent / named[0] if named else None
    return file.read_text(encoding="utf-8") if file is not None and file.is_file() else None


def _split(
    source: str, path: str, forward: Program | str | None, function: str | None = None
) -> tuple[Back, str, str | None]:
    """The backward code, the text of the forward pass, and the name of its function where that is known."""
    tree = with_named_gradients(parsed(source, path))
    _refuse_wrappers(tree, source, path)
    functions = [n for n in tree.body if isinstance(n, ast.FunctionDef)]
    chosen = _backward_function(functions, alone=forward is not None)
    if forward is None and function and (other := partner(function, functions)):
        return Back(source, path, tree, tuple(other.body), other), source, function
    if forward is not None:
        text = forward.source if isinstance(forward, Program) else forward
        chosen = chosen or backward_method(tree)
        return Back(source, path, tree, tuple((chosen or tree).body), chosen), text, None
    if any(f.name == "forward" for f in functions):
        rest = [n for n in tree.body if not isinstance(n, (ast.FunctionDef, ast.ClassDef))]
        if chosen or any(_sets_gradient(n) for n in rest):
            return Back(source, path, tree, tuple(chosen.body if chosen else rest), chosen), source, "forward"
    if chosen is not None and (whole := chained(source, [f for f in functions if f is not chosen])):
        return Back(source, path, tree, tuple(chosen.body), chosen), *whole
    found = _in_a_class(source, path, tree, function) or split_together(source, path, tree, function)
    found = found or (None if chosen else _in_a_cell(source, path, tree))
    if found is None:
        raise _not_given(chosen or backward_method(tree), path)
    return found


COST_SLOPE = re.compile(r"(cost|loss).*(deriv|prime|grad|delta)", re.I)


def _slope_of_cost(function: ast.FunctionDef) -> ast.Call | None:
    """The call of a cost's derivative with which a backward function begins: `cost_derivative(a, y)`."""
    calls = (n for n in ast.walk(function) if isinstance(n, ast.Call))
    return next((n for n in calls if COST_SLOPE.search(ast.unparse(n.func))), None)


def _not_given(function: ast.FunctionDef | None, path: str) -> Problem:
    """What is missing where nothing says which loss the gradients are of, and how to give it."""
    what = "the forward pass of this backward code is not given"
    hint = "give it: --forward forward.py, or a comment `# check: forward F.py`"
    slope = _slope_of_cost(function) if function is not None else None
    if slope is None:
        return Problem(what, "gradients are checked against it", hint, path=path)
    why = f"`{function.name}` starts from a derivative, `{ast.unparse(slope.func)}(…)`, and no line computes the loss"
    more = "where a function of the same inputs returns the loss: 0.5 * np.sum((a - y) ** 2) for the derivative a - y"
    return Problem(what, why, f"{hint}, {more}", Span(slope.lineno, slope.col_offset + 1), path=path)


def _refuse_wrappers(tree: ast.Module, source: str, path: str) -> None:
    """Raises where a function of the file stands behind a decorator of the file that hands back another one."""
    own = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef)}
    for node in (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)):
        for decorator in node.decorator_list:
            name = decorator.func if isinstance(decorator, ast.Call) else decorator
            wrapper = own.get(getattr(name, "id", ""))
            if wrapper is not None and not _hands_back(wrapper):
                span = Span(decorator.lineno, decorator.col_offset + 1, text=source.splitlines()[decorator.lineno - 1], path=path)
                raise Unsupported(f"the decorator `{wrapper.name}`", f"`{node.name}` is no longer what its lines say",
                                  "check the function without it", span)  # fmt: skip


def _hands_back(function: ast.FunctionDef) -> bool:
    """Whether a decorator returns the function that it is given."""
    own = [a.arg for a in function.args.args[:1]]
    returned = [n.value for n in ast.walk(function) if isinstance(n, ast.Return)]
    return bool(returned) and all(isinstance(v, ast.Name) and v.id in own for v in returned)


def _in_a_class(source: str, path: str, tree: ast.Module, function: str | None) -> tuple[Back, str, str | None] | None:
    """A class with both passes as methods: the first, or the one whose forward is named."""
    named, _, method = function.rpartition(".") if function else ("", "", "")
    for owner in (n for n in tree.body if isinstance(n, ast.ClassDef) and named in ("", n.name)):
        passes = passes_of(owner, tree)
        if passes is not None and method in ("", passes[0]):
            methods = methods_of(owner, tree)
            back = methods[passes[1]]
            if _slope_of_cost(back) is not None and not LOSS.search(ast.unparse(methods[passes[0]])):
                continue
            return Back(source, path, tree, tuple(back.body), back), source, f"{owner.name}.{passes[0]}"
    return None


def _in_a_cell(source: str, path: str, tree: ast.Module) -> tuple[Back, str, str | None] | None:
    """A script whose statements before the first gradient are the forward pass."""
    first = next((k for k, n in enumerate(tree.body) if _sets_gradient(n)), 0)
    if tree.body and isinstance(loop := tree.body[first], (ast.For, ast.While)):
        return _in_a_loop(source, path, tree, loop)
    if not any(isinstance(n, (ast.Assign, ast.AugAssign)) for n in tree.body[:first]):
        return None
    first = _after_loss(tree.body[:first])
    head = source.splitlines()
    any_number(head, tree.body[:first], tree.body[first:])
    head = head[: begin(tree.body[first]) - 1]
    return Back(source, path, tree, tuple(tree.body[first:])), "\n".join(head) + "\n", None


def _after_loss(body: list[ast.stmt]) -> int:
    """The end of a forward pass: behind its loss, where nothing further is made of it; else the end of the statements."""
    places = [k for k, n in enumerate(body) if isinstance(n, ast.Assign) and any(LOSS.search(name) for name in uses(n).sets)]
    if not places:
        return len(body)
    loss, rest = uses(body[places[-1]]).sets, body[places[-1] + 1 :]
    return len(body) if any(uses(n).reads & loss and uses(n).writes for n in rest) else places[-1] + 1


def _in_a_loop(source: str, path: str, tree: ast.Module, loop: ast.stmt) -> tuple[Back, str, str | None] | None:
    """A training loop: what stands before it and its round up to the first gradient are the forward pass."""
    first = next((k for k, n in enumerate(loop.body) if _sets_gradient(n)), 0)
    inner = loop.body[first]
    if isinstance(inner, (ast.For, ast.While)):
        return _in_a_loop(source, path, tree, inner)
    if not any(isinstance(n, (ast.Assign, ast.AugAssign)) for n in loop.body[:first]):
        return None
    first = _after_loss(loop.body[:first])
    inner = loop.body[first]
    lines = source.splitlines()
    any_number(lines, [n for n in tree.body if n is not loop], loop.body[first:])
    before = lines[: loop.lineno - 1] + [""] * (loop.body[0].lineno - loop.lineno)
    round_ = textwrap.dedent("\n".join(lines[loop.body[0].lineno - 1 : begin(inner) - 1])).splitlines()
    return Back(source, path, tree, tuple(loop.body[first:]), loop=loop), "\n".join([*before, *round_]) + "\n", None


def _backward_function(functions: list[ast.FunctionDef], alone: bool) -> ast.FunctionDef | None:
    exact = [f for f in functions if f.name == "backward"]
    for found in (exact, *([f for f in functions if w in f.name] for w in (*PAIRS.values(), "backprop", "grad"))):
        if found:
            return next(iter(uncalled(found)), found[0])
    others = [f for f in functions if f.name != "forward"]
    return others[0] if alone and len(others) == 1 and any(_sets_gradient(n) for n in others[0].body) else None


def _sets_gradient(node: ast.stmt) -> bool:
    names = (
        uses(node).writes if not isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)) else ()
    )
    return any((spelled(n) or "") and (n[0] != "d" or len(n) > 1 and n not in _WORDS) for n in names)


_WORDS = set(
    "data dataset dim dims device dtype d_model d_k den denom diff dist dot depth df delta dropout display do_plot dev "
    "digits decay default words".split()
)


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


__all__ = ["check_code", "judged_code"]
