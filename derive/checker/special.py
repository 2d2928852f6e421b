"""Claims that are not decided by comparing two formulas: pictures of compositions, equations set to zero, chain rules.

Gradients set to zero are conditions: later equations are judged at the point where they hold, the parameters solved
for (linear systems in one or two numbers).
"""

from __future__ import annotations

from dataclasses import replace

from derive import expr as x
from derive.checker.codes import KIND_CODES
from derive.checker.optimum import array_optimum
from derive.checker.recurrences import through_a_circle
from derive.claim import Verdict
from derive.errors import Problem
from derive.expr import Entry, Expr
from derive.program import Equation, Program
from derive.readers import latex_tree as t
from derive.readers.latex import sets_to_zero
from derive.readers.latex_meaning import Value
from derive.readers.latex_notes import LOSSES, Unknown
from derive.routes import unfold


def special(checker, one, chain, n) -> Verdict | None:
    """The verdict on such a claim, None for an ordinary one."""
    for rule in (_notation, through_a_circle, _composition, _function, _matrix, _stationary, array_optimum):
        found = rule(checker, one, chain, n)
        if found is not None and found.verdict == "unknown" and rule is _stationary:
            found = array_optimum(checker, one, chain, n) or found
        if found is not None:
            return found
    return None


def premise(checker, one, chain, n) -> Verdict | None:
    """dL = tr(Gᵀ dX) for an L that nothing defines says what its gradient is."""
    first, notes = chain[0].member.node, checker.paper.notes
    if not (notes.differential and n == 1 and isinstance(first, t.Differential) and isinstance(first.of, t.Symbol)):
        return None
    name = notes.resolve(notes.spell(first.of)[0])[0]
    if name != notes.loss or checker.paper.program.equation(name) is not None:
        return None
    try:
        value = checker.paper.elaborator(one).value(chain[n].member.node)
    except (Unknown, Problem):
        return None
    if value.open or not any(a.startswith("d~") for a in value.expr.names):
        return None
    notes.total[name] = value.expr
    return checker.verdict(one, chain[n].member.span, "no-claim", reason=f"says what d{name} is", code="N101")


def _notation(checker, one, chain, n) -> Verdict | None:
    """δ = …, without indices, says what δ is."""
    first = chain[0].member.node
    if isinstance(first, t.Symbol) and first.name == "delta" and not first.subs:
        return checker.verdict(one, chain[n].member.span, "no-claim", reason="says what δ is", code="N101")
    return None


def _composition(checker, one, chain, n) -> Verdict | None:
    """L = L(ŷ(z)): a picture of what depends on what."""
    first, node = chain[0].member.node, chain[n].member.node
    if isinstance(first, t.Apply):
        first = first.symbol
    if not isinstance(first, t.Symbol):
        return None
    inner = node.factors[0][1] if isinstance(node, t.Product) else node.symbol if isinstance(node, t.Apply) else None
    bracketed = (
        isinstance(node, t.Apply) or isinstance(node, t.Product) and isinstance(node.factors[1][1], (t.Paren, t.Matrix))
    )
    if isinstance(inner, t.Symbol) and inner.name == first.name and bracketed:
        return checker.verdict(one, chain[n].member.span, "no-claim", reason="says what depends on what", code="N101")
    return None


def _function(checker, one, chain, n) -> Verdict | None:
    """ŷ = f(z), with an f that nothing defines, declares what ŷ depends on."""
    first, node = chain[0].member.node, chain[n].member.node
    opaque = (
        isinstance(node, t.Apply)
        or isinstance(node, t.Product)
        and len(node.factors) == 2
        and (isinstance(node.factors[1][1], (t.Paren, t.Matrix)) and isinstance(node.factors[0][1], t.Symbol))
    )
    if not isinstance(first, t.Symbol) or not opaque or n != 1:
        return None
    symbol = node.symbol if isinstance(node, t.Apply) else node.factors[0][1]
    name = checker.paper.notes.resolve(checker.paper.notes.spell(symbol)[0])[0]
    if symbol.subs or checker.paper.program.equation(name) is not None or checker.paper.notes.ranks.get(name):
        return None
    if isinstance(node, t.Product) and not (len(symbol.name) > 2 or symbol.name in "fgh"):
        return None
    return checker.verdict(one, chain[n].member.span, "no-claim", reason="declares what depends on what", code="N101")


# ---------------------------------------------------------------- gradients set to zero


def _stationary(checker, one, chain, n) -> Verdict | None:
    """∂J/∂w = 0 is a condition; A = 0 afterwards, and equations about w, are judged where the conditions hold."""
    if not checker.paper.stationary_words:
        return None
    member = chain[n].member
    elaborator = checker.paper.elaborator(one)
    try:
        left, right = elaborator.value(chain[n - 1].member.node or chain[0].member.node), elaborator.value(member.node)
    except (Unknown, Problem, AttributeError):
        return None
    if left.open or right.open:
        return None
    zero = right.expr.key == x.ZERO.key
    if zero and n == 1 and _names_gradient(checker, chain[0].member.node):
        if isinstance(chain[0].member.node.body, (t.Symbol, t.Apply)):
            _impose(checker, left.expr)
            return checker.verdict(one, member.span, "no-claim", reason="a condition imposed", code="N102")
    conditions = checker.conditions or _all_gradients(checker)
    if zero and any(_proportional(checker, left.expr, c) for c in conditions):
        return checker.verdict(
            one, member.span, "right", certainty="proved", holds=True, reason="is the gradient that was set to zero"
        )
    return _at_optimum(checker, one, chain, n, conditions)


def _names_gradient(checker, node: t.Node) -> bool:
    return isinstance(node, t.Derivative) and len(node.wrt) == 1


def _impose(checker, e: Expr) -> None:
    if all(e.key != c.key for c in checker.conditions):
        checker.conditions.append(e)


def _all_gradients(checker) -> list[Expr]:
    """The gradients by the parameters, where the words alone set them to zero."""
    program = checker.paper.program
    losses = [e for e in program.equations if e.name in LOSSES and not e.indices]
    if not losses:
        return []
    whole = unfold(Entry(losses[0].name, ()), program)
    return [x.D(whole, Entry(p, ())) for p in sorted(checker.paper.parameters) if p in whole.names]


def _proportional(checker, e: Expr, c: Expr) -> bool:
    return any(
        checker.decider.equal(e, x.mul(x.num(k), c)).certainty == "proved"
        for k in ("1", "-1", "1/2", "-1/2", "2", "-2")
    )


def _at_optimum(checker, one, chain, n, conditions: list[Expr]) -> Verdict | None:
    """An ordinary claim that fails in general may hold where the gradients vanish."""
    found = checker.judged(one, chain, n)
    if (
        found.verdict not in ("wrong", "unknown")
        or not conditions
        or (found.reason or "").startswith("nothing says what")
    ):
        return found
    from derive.checker.formulas import Finding
    from derive.checker.mistakes import diagnosed

    if not _about_optimum(checker, one, chain, n):
        return found
    program = solved(checker, conditions)
    if program is None:
        return found
    decider = checker.solved_decider(program)
    elaborator = checker.paper.elaborator(one, program=program)
    first = elaborator.value(chain[checker.base(chain, n)].member.node)
    here = elaborator.value(chain[n].member.node)
    if not isinstance(first, Value) or first.open or here.open:
        return found
    answer = decider.equal(first.expr, here.expr)
    span = chain[n].member.span
    if answer.equal:
        return checker.verdict(
            one,
            span,
            "right",
            certainty=answer.certainty,
            holds=True,
            reason="where the gradients vanish" + (f"; {answer.reason}" if answer.reason else ""),
        )
    if answer.equal is False:
        zero = here.expr.key == x.ZERO.key
        kind, code = ("not-implied", "E322") if zero else (found.kind or "wrong", found.code or "E300")
        seen = Finding((), None, answer, first.expr, here.expr, elaborator=elaborator)
        told = diagnosed(checker, one, chain, n, seen, program, decider)
        if told.kind != "wrong" and not zero:
            kind, code = told.kind, KIND_CODES[told.kind]
        return replace(
            found,
            verdict="wrong",
            holds=False,
            kind=kind,
            code=code,
            counterexample=answer.counterexample,
            correction=told.correction,
            reason="nothing makes this zero" if zero else told.reason,
        )
    return replace(
        found,
        verdict="unknown",
        kind=None,
        code="U301",
        correction=None,
        counterexample=None,
        reason=answer.reason or "not decided where the gradients vanish",
    )


def _about_optimum(checker, one, chain, n) -> bool:
    """Whether a claim speaks of the parameters where gradients vanish: after the words, with no derivative in it.

    A gradient formula is not: at the optimum both sides of a wrong one may be zero.
    """
    sides = [chain[checker.base(chain, n)].member.node, chain[n].member.node]
    if any(side is None or any(isinstance(u, (t.Derivative, t.Differential)) for u in t.walk(side)) for side in sides):
        return False
    notes = checker.paper.notes
    names = {notes.spell(u)[0] for side in sides for u in t.walk(side) if isinstance(u, t.Symbol)}
    first = sides[0].symbol if isinstance(sides[0], t.Apply) else sides[0]
    if (
        isinstance(first, t.Symbol)
        and checker.paper.program.equation(notes.resolve(notes.spell(first)[0])[0]) is not None
    ):
        return False
    zero = any(isinstance(side, t.Number) and side.value == 0 for side in sides)
    return (zero or bool(names & checker.paper.parameters)) and (bool(checker.conditions) or _after_words(checker, one))


def _after_words(checker, one) -> bool:
    """Whether words before a statement set something to zero."""
    for block in checker.paper.document.blocks:
        if block is one.block:
            return False
        if block.kind == "prose" and sets_to_zero(block.text):
            return True
    return False


def solved(checker, conditions: list[Expr]) -> Program | None:
    """The program with its parameters put where the conditions hold: Cramer's rule for one or two numbers."""
    program = checker.paper.program
    names = [p for p in sorted(checker.paper.parameters) if any(p in c.names for c in conditions)]
    if len(names) != len(conditions) or not 1 <= len(names) <= 2 or any(program.equation(p) is not None for p in names):
        return None
    entries = [Entry(p, ()) for p in names]
    rows = [[x.D(c, e) for e in entries] for c in conditions]
    if any(set(names) & _carried_out(cell, program).names for row in rows for cell in row):
        return None
    rows = [[_carried_out(cell, program) for cell in row] for row in rows]
    free = [
        x.negate(x.replace_entries(_without_d(c), lambda u: x.ZERO if u.name in names else None)) for c in conditions
    ]
    values = _cramer(rows, free)
    equations = tuple(Equation(p, (), v) for p, v in zip(names, values, strict=True))
    return replace(
        program,
        inputs=tuple(v for v in program.inputs if v.name not in names),
        equations=(*equations, *program.equations),
    )


def _carried_out(e: Expr, program: Program) -> Expr:
    """A derivative worked out, in normal form."""
    from derive.judges.normal import Prover

    prover = Prover(program)
    return prover.back(prover.expand(e))


def _without_d(e: Expr) -> Expr:
    from derive.judges.normal import Prover

    prover = Prover(Program((), (), ()))
    return x.rewrite(e, lambda u: prover.derivative(u.body, u.wrt) if isinstance(u, x.D) else None)


def _cramer(rows: list[list[Expr]], free: list[Expr]) -> list[Expr]:
    if len(rows) == 1:
        return [free[0] / rows[0][0]]
    (a, b), (c, d) = rows
    det = a * d - b * c
    return [(free[0] * d - b * free[1]) / det, (a * free[1] - free[0] * c) / det]


# ---------------------------------------------------------------- matrices with dots


def _matrix(checker, one, chain, n) -> Verdict | None:
    """J = [[s_1(1−s_1), −s_1 s_2, …], …]: derivatives are a layout; else every entry against the Jacobian."""
    node = chain[n].member.node
    if not isinstance(node, t.Matrix) or len(node.rows) < 2:
        return None
    span = chain[n].member.span
    cells = [
        (r, c, cell) for r, row in enumerate(node.rows) for c, cell in enumerate(row) if not isinstance(cell, t.Dots)
    ]
    if all(isinstance(cell, t.Derivative) for _, _, cell in cells):
        checker.jacobian = cells[0][2]
        return checker.verdict(one, span, "no-claim", reason="says how the derivatives are laid out", code="N101")
    pair = _jacobian_of(checker)
    if pair is None:
        return None
    answers = [_cell(checker, one, node, r, c, cell, *pair) for r, c, cell in cells]
    if all(a is not None and a.equal for a in answers):
        sure = "proved" if all(a.certainty == "proved" for a in answers) else "tested"
        return checker.verdict(
            one, span, "right", certainty=sure, holds=True, reason=f"every entry is ∂{pair[0]}/∂{pair[1]}"
        )
    bad = next((k for k, a in enumerate(answers) if a is not None and a.equal is False), None)
    if bad is not None:
        r, c, cell = cells[bad]
        return checker.verdict(
            one,
            cell.span,
            "wrong",
            holds=False,
            kind="wrong",
            code="E300",
            reason=f"entry ({r + 1}, {c + 1}) is not ∂{pair[0]}/∂{pair[1]}",
            counterexample=answers[bad].counterexample,
        )
    return checker.verdict(one, span, "unknown", reason="the entries of the matrix were not decided", code="U301")


def _jacobian_of(checker) -> tuple[str, str] | None:
    """The vector and the variable whose Jacobian the document is about."""
    notes, found = checker.paper.notes, {}
    for one in checker.paper.statements:
        for m in one.members:
            for u in t.walk(m.node) if m.node is not None else ():
                if (
                    isinstance(u, t.Derivative)
                    and isinstance(u.body, t.Symbol)
                    and len(u.wrt) == 1
                    and isinstance(u.wrt[0], t.Symbol)
                ):
                    a, b = (notes.resolve(notes.spell(s)[0])[0] for s in (u.body, u.wrt[0]))
                    if (
                        notes.ranks.get(a) == 1
                        and notes.ranks.get(b) == 1
                        and checker.paper.program.equation(a)
                        and a != b
                    ):
                        found[a, b] = True
    by = {b for _, b in found}
    return next(iter(found)) if found and len(by) == 1 else None


def _cell(checker, one, node: t.Matrix, r: int, c: int, cell: t.Node, array: str, wrt: str):
    """One entry, its numbers made letters: i for the row, k for the column."""
    elaborator = checker.paper.elaborator(one)
    i, k = elaborator.letter("i"), elaborator.letter("k")
    for index, name in ((i, array), (k, wrt)):
        elaborator.fit(index, checker.paper.notes.axes(name)[0], name)
    i, k = (x_.fresh(size=checker.paper.notes.axes(array)[0]) for x_ in (i, k))
    try:
        value = elaborator.value(cell).expr
        row, column = (_position(m, count, i.size) for m, count in ((r, len(node.rows)), (c, max(map(len, node.rows)))))
        put = {m: i if r == len(node.rows) - 1 else k for a, m in elaborator.scope.items() if a not in ("i", "k")}
        e = _lettered(x.substitute(value, put), {row.key: i, column.key: i if r == c else k})
        truth = elaborator.by(Entry(array, (i,)), Entry(wrt, (k,)), cell)
    except (Unknown, Problem):
        return None
    if r == c:
        return checker.decider.equal(x.substitute(truth, {k: i}), e)
    return checker.decider.equal(truth, e, x.negation(x.rel("eq", i, k)))


def _position(m: int, count: int, n) -> x.Slot:
    return x.affine([], n - 1) if m == count - 1 else x.whole_slot(m)


def _lettered(e: Expr, put: dict) -> Expr:
    return x.replace_entries(
        e, lambda u: Entry(u.name, tuple(put.get(s.key, s) if isinstance(s, x.Term) else s for s in u.slots))
    )


# ---------------------------------------------------------------- the chain rule between unknown functions


def chain_rule(checker, one, chain, n) -> Verdict | None:
    """∂L/∂w = ∂L/∂z · ∂z/∂w, with arrays that nothing defines: right when products are contractions."""
    left, right = chain[checker.base(chain, n)].member.node, chain[n].member.node
    if not _plain_derivative(left) or not isinstance(right, t.Product):
        return None
    factors = [f for _, f in right.factors]
    factors = [f.inner if isinstance(f, t.Paren) and not f.subs else f for f in factors]
    if not all(_plain_derivative(f) for f in factors) or any(op == "/" for op, _ in right.factors):
        return None
    links = {_letters(f.body): _letters(f.wrt[0]) for f in factors}
    at = _letters(left.body)
    while at in links:
        at = links.pop(at)
    if links or at != _letters(left.wrt[0]):
        return None
    return checker.verdict(
        one,
        chain[n].member.span,
        "right-if",
        code="W112",
        reason="the chain rule, if the products are contractions of Jacobians in this order (or all are numbers)",
    )


def _plain_derivative(node: t.Node) -> bool:
    return (
        isinstance(node, t.Derivative)
        and len(node.wrt) == 1
        and isinstance(node.body, t.Symbol)
        and (isinstance(node.wrt[0], t.Symbol) and not node.body.subs and not node.wrt[0].subs)
    )


def _letters(s: t.Symbol) -> str:
    return s.name
