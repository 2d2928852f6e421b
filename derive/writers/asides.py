"""Findings as lemmas of the report: derivations under their own numbers, matrices with dots, cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from derive import expr as x
from derive.derivation import Rewriter
from derive.engine import Gradients
from derive.expr import Expr
from derive.index import Index
from derive.jacobians import Jacobian
from derive.matrices.algebra import turned
from derive.routes import Finding
from derive.rule import RULES, Context
from derive.solving.systems import System, Unknown
from derive.theorems import Theorem
from derive.writers.cards import CLOSED, card_lines, step_numbers
from derive.writers.document import Card, Lemma, Line
from derive.writers.formula import formula
from derive.writers.layout import Fence, Frac, Grid, Node, Num, Op, Script, Text, row, width
from derive.writers.letters import EQ, Letters, Spelling, array, letters_for, spelling, symbol
from derive.writers.matrix import Form, Matrices
from derive.writers.reasons import Setting
from derive.writers.words import count

FUEL = 60


def lemmas(found: Sequence[Finding], gradients: Gradients, detail: str = "key") -> tuple[Lemma, ...]:
    """One lemma for every finding; their steps are numbered A.1, A.2, …, B.1, …

    At detail `key` the softmax lemma is told in full only where the softmax is what the forward pass is about.
    """
    told: list[Lemma] = []
    letters = {id(f): chr(ord("A") + k) for k, f in enumerate(found)}
    for f in found:
        ways = [other for other in found if f.agrees and other.agrees and other.about == f.about]
        if len(ways) > 1 and f is ways[0]:
            told.append(_routes(ways, [_lemma(w, letters[id(w)], gradients, detail) for w in ways], gradients))
        elif len(ways) < 2:
            lemma = _lemma(f, letters[id(f)], gradients, detail)
            ends = f" It ends where the gradient above does: {f.agrees}." * bool(f.agrees)
            told.append(replace(lemma, text=lemma.text + ends))
    return tuple(told)


AGREEMENT = {
    "proved": "proved for all sizes, the normal form of the difference is zero",
    "tested": "tested, equal in exact arithmetic at small sizes",
    "open": "open, neither proved nor refuted",
}


def _routes(found: Sequence[Finding], ways: Sequence[Lemma], gradients: Gradients) -> Lemma:
    """Several routes to one gradient under one heading, with what is known of where they end."""
    name = found[0].about[0]
    both = "Both" if len(ways) == 2 else f"All {count(len(ways))}"
    weakest = max((f.agrees for f in found), key=tuple(AGREEMENT).index)
    step = ways[0].used_in
    end = gradients.closed.get(name, gradients.derivations[name])
    spelled = spelling(gradients.program, gradients)
    letters = letters_for([end.target, end.result], spelled, end.indices)
    shown = row(formula(end.target, spelled, letters), EQ, formula(end.result, spelled, letters)) if gradients.loss else None
    start = f"{both} end at " if shown is not None else f"{both} lead to the gradient"
    where = f" of step {step[0]}" * bool(step)
    words = (Text(start), *((shown, Text(",")) if shown is not None else ()), Text(f"{' the result' * (shown is not None)}{where}: {AGREEMENT[weakest]}."))
    said = f"The gradient at {spelled.word(name)} in {count(len(ways))} ways."
    plain = tuple(replace(w, used_in=()) for w in ways)
    return Lemma(f"{count(len(ways)).capitalize()} routes", said, (), step, (), plain, row(*words))


def theorem_lemma(gradients: Gradients, detail: str = "key") -> tuple[Lemma, ...]:
    """The theorems on the way under one heading; at detail `every` all of them, with the lines of their proofs.

    A single one is said on the card of its gradient alone.
    """
    chosen = told_theorems(gradients) if detail == "key" else gradients.theorems if detail == "every" else ()
    if len(chosen) == 1 and detail == "key" and noted(chosen[0]):
        return ()
    spelled = spelling(gradients.program, gradients)
    lines = [line for t in chosen for line in _theorem_lines(t, gradients, spelled, detail)]
    return (Lemma("Theorems on the way", "These hold for all sizes and data.", (), (), tuple(lines)),) if lines else ()


def told_theorems(gradients: Gradients) -> list[Theorem]:
    """The theorems worth a line of their own: zeros, masks, first causes; what follows stands with its cause."""
    outer = {*gradients.wrt, *gradients.of}
    return [t for t in gradients.theorems
            if t.kind in ("zero", "mask") or not t.follows and (t.kind == "shift" or t.array in outer)]  # fmt: skip


def _theorem_lines(t: Theorem, gradients: Gradients, spelled: Spelling, detail: str) -> list[Line]:
    letters = letters_for([t.left, *(s.line for s in t.derivation.steps)], spelled, t.indices)
    left = formula(t.left, spelled, letters)
    if detail != "every" or len(t.derivation.steps) == 1:
        rule = "theorem" if t.follows else {"scale": "scaling", "shift": "shift", "zero": "shift"}.get(t.kind, "definitions")
        why = (t.reason or _and_names(t.uses)).removeprefix("by ") + (_consequences(t, gradients) if detail == "key" else "")
        return [Line(t.number, left, formula(t.right, spelled, letters), rule, why, certainty=t.certainty)]
    setting = Setting(gradients.program, spelled, letters, results=step_numbers(gradients))
    made = card_lines(t.derivation, t.number, detail, setting)
    return [replace(made[0], lhs=left), *made[1:]] if made else []


def _consequences(t: Theorem, gradients: Gradients) -> str:
    """The arrays of whose gradients the same is true because of this: hence also for b2 and W2."""
    known, names = {t.number}, []
    for other in gradients.theorems:
        if known & set(other.follows):
            known.add(other.number)
            names += [] if other.kind in ("zero", "mask") else [other.array.split("~")[0]]
    return f"; hence the same for {', '.join(dict.fromkeys(names))}" if names else ""


def _and_names(names: Sequence[str]) -> str:
    return ", ".join(n for n in names if not n.startswith("∂"))


def with_notes(cards: Sequence[Card], gradients: Gradients) -> tuple[Card, ...]:
    """The cards, each saying which of the theorems told speak of its gradient; where it is zero its result says so."""
    chosen = [t for t in told_theorems(gradients) if noted(t)]
    told: dict[str, list[str]] = {}
    for t in chosen:
        said = f"Theorem {t.number}: {t.said}." if len(chosen) > 1 else f"Theorem: {t.sentence}."
        told.setdefault(t.array, []).append(said)
    return tuple(replace(c, note=" ".join([*([c.note] if c.note else []), *told[c.key]])) if c.key in told else c
                 for c in cards)  # fmt: skip


def hessian_text(found: Jacobian, detail: str = "key") -> str:
    """A second derivative as plain text: its lines, what it rests on, and as a matrix where it is one."""
    from derive.findings import hessian_finding
    from derive.writers.text import lemma_text

    f = hessian_finding(found)
    spelled = spelling(f.program)
    lines = _lines(f.left[0], f.derivations[0], "H", 0, f, spelled, None, detail)
    last = _equation(f.left[0], found.expr, spelled)
    square = square_node(f) if f.square is not None else None
    displays = (last,) if square is None else (last, square)
    return lemma_text(Lemma(f.title, f.sentence, displays, (), tuple(lines)))


def noted(t: Theorem) -> bool:
    """Whether the card of the gradient says it; a zero is the result there anyway."""
    return t.kind not in ("sum", "zero")


def headline(found: Sequence[Finding], gradients: Gradients) -> Node | None:
    """The Jacobian of an output that is a softmax: what such a report says first."""
    spelled = spelling(gradients.program, gradients)
    for f in found:
        if f.matrix is not None and f.about[0] in gradients.of:
            return _equation(f.left[-1], f.derivations[-1].result, spelled)
    return None


def _lemma(f: Finding, letter: str, gradients: Gradients | None, detail: str) -> Lemma:
    spelled = spelling(gradients.program, gradients) if gradients else spelling(f.program)
    lines: list[Line] = []
    if f.matrix is not None and detail == "key" and f.about[0] not in gradients.of:
        f = replace(f, derivations=tuple(replace(d, steps=d.steps[-1:]) for d in f.derivations))
    for left, d in zip(f.left, f.derivations, strict=True):
        lines += _lines(left, d, f"{letter}", len(lines), f, spelled, gradients, detail)
    displays = [_equation(a, b, spelled) for a, b in f.displays]
    if f.matrix is not None:
        displays.append(_matrix(*f.matrix, spelled))
    if f.system is not None:
        displays += [node for node in [solution_node(f.system)] if node is not None]
    if f.square is not None:
        displays += [node for node in [square_node(f)] if node is not None]
    return Lemma(f.title, f.sentence, tuple(displays), _used_in(f, gradients) if gradients else (), tuple(lines))


# ---------------------------------------------------------------- a linear system


def solution_nodes(f: Finding, s: System) -> list[Node]:
    """The solution of a system: its matrix form, the values of numbers, else the equations that it solves."""
    node = solution_node(s) if f.system is not None else None
    spelled = spelling(s.program)
    return [node] if node is not None else [_equation(a, b, spelled) for a, b in f.displays]


def solution_text(f: Finding, detail: str = "key") -> str:
    """A solution as plain text: the gradients set to zero, and what follows."""
    from derive.writers.text import lemma_text

    return lemma_text(_lemma(f, "S", None, detail))


def solution_node(s: System) -> Node | None:
    """w = (XᵀX + λI)⁻¹ Xᵀy, or the block system of several unknowns; None where there is no matrix form."""
    forms = Matrices(s.program, spelling(s.program))
    parts = {key: forms.form(e.name, e.indices, e.rhs) for key, e in (*s.matrices.items(), *s.right.items())}
    if None in parts.values():
        return None
    names = [u.name for u in s.unknowns]
    unknown = [array(n, forms.spelling) for n in names]
    if len(names) == 1:
        (name,) = names
        first = Script(unknown[0], None, Op("transpose")) if s.unknowns[0].turned else unknown[0]
        return row(first, EQ, *_inverse_times(parts[name, name], parts[name], s.unknowns[0].rows is None, s.unknowns[0].turned))
    blocks = Grid(tuple(tuple(_block(parts[u.name, v.name], u) for v in s.unknowns) for u in s.unknowns), "matrix")
    left = Grid(tuple((_lying(n, u),) for n, u in zip(unknown, s.unknowns, strict=True)), "matrix")
    return row(blocks, left, EQ, Grid(tuple((_block(parts[u.name], u),) for u in s.unknowns), "matrix"))


def square_node(f: Finding) -> Node | None:
    """A Hessian in matrix notation, ∇²L = 2 XᵀX, factored or multiplied out, whichever is shorter; None without one."""
    program = f.program.with_equations([f.square])
    forms = Matrices(program, spelling(f.program))
    work = Rewriter(f.square.rhs, Context(program))
    work.run(RULES.phase("expand", "tidy"), FUEL)
    found = [forms.form(f.square.name, f.square.indices, e) for e in (f.square.rhs, work.line)]
    nodes = [form.right for form in found if form is not None]
    if not nodes:
        return None
    loss = symbol(forms.spelling.shown(f.square.name.removeprefix("∇²")))
    return row(Script(Op("nabla", "prefix"), None, Num("2")), loss, EQ, min(nodes, key=width))


def _block(form: Form, u: Unknown) -> Node:
    """A block of the system: what stands in the row of an unknown without rows lies down."""
    tall = form.tree.rows is not None and form.tree.cols is None
    return form.printer.put(turned(form.tree) if tall and u.rows is None else form.tree)


def _lying(n: Node, u: Unknown) -> Node:
    return Script(n, None, Op("transpose")) if u.rows is None and u.columns is not None else n


def _inverse_times(a: Form, b: Form, plain: bool, on_its_side: bool) -> tuple[Node, ...]:
    """A⁻¹ b; where A is a number, b over it."""
    if plain:
        return (Frac(b.right, a.right),)
    tree = turned(b.tree) if on_its_side else b.tree
    right = b.printer.put(tree, need=1)
    return Script(Fence(a.right), None, row(Op("minus", "prefix"), Num("1"))), right


def _lines(left: Expr, d, letter: str, before: int, f: Finding, spelled: Spelling, gradients: Gradients, detail: str):
    letters = letters_for([left, *(s.line for s in d.steps)], spelled, d.indices)
    setting = Setting(f.program, spelled, letters, results=step_numbers(gradients) if gradients else {})
    made = card_lines(d, letter, detail, setting)
    numbered = [replace(line, number=f"{letter}.{before + k}") for k, line in enumerate(made, 1)]
    if numbered:
        numbered[0] = replace(numbered[0], lhs=formula(left, spelled, letters))
        if d.note == "= 0":
            numbered[-1] = replace(numbered[-1], rhs=row(numbered[-1].rhs, EQ, Num("0")))
    return numbered


def _equation(a: Expr, b: Expr, spelled: Spelling) -> Node:
    letters = letters_for([a, b], spelled)
    return row(formula(a, spelled, letters), EQ, formula(b, spelled, letters))


def _used_in(f: Finding, gradients: Gradients) -> tuple[str, ...]:
    """The step that ends at the gradient of what the finding differentiates by."""
    numbers = step_numbers(gradients)
    names = [left.wrt.name for left in f.left[-1:] if isinstance(left, x.D)] or f.about
    return tuple(numbers.get(n + CLOSED, numbers[n]) for n in names if n in numbers)[:1]


# ---------------------------------------------------------------- a matrix with dots


def _matrix(entry: Expr, i: Index, k: Index, left: Expr, spelled: Spelling) -> Node:
    """An entry formula over rows i and columns k set out as a matrix: first, second, dots, last."""
    letters = letters_for([left, entry], spelled)
    last = "n" if i.size.letter is None else i.size.letter
    places = {name: (Index(name, i.size), Index(name, i.size)) for name in ("1", "2", last)}

    def cell(a: str, b: str) -> Node:
        value = _at(entry, {i: places[a][0], k: places[b][1]}, a == b)
        known = {**letters.free, places[a][0]: a, places[b][1]: b}
        return formula(value, spelled, Letters(known, letters.taken, dict(known)))

    across, down, slant = Op("ellipsis", "tight"), Op("vdots", "tight"), Op("ddots", "tight")
    rows = (
        (cell("1", "1"), cell("1", "2"), across, cell("1", last)),
        (cell("2", "1"), cell("2", "2"), across, cell("2", last)),
        (down, down, slant, down),
        (cell(last, "1"), cell(last, "2"), across, cell(last, last)),
    )
    name = _bare(left, spelled)
    return row(name, EQ, Grid(rows, "matrix"))


def _at(entry: Expr, places: dict[Index, Index], same: bool) -> Expr:
    """The entry at one place; the delta of row and column is 1 on the diagonal, else 0."""
    pair = frozenset(places)

    def settle(t: x.Term) -> Expr | None:
        if isinstance(t, x.Ind) and isinstance(t.cond, x.Rel) and {t.cond.left, t.cond.right} == pair:
            return x.ONE if same else x.ZERO
        return None

    return x.substitute(x.rewrite(entry, settle), places)


def _bare(left: Expr, spelled: Spelling) -> Node:
    """∂s/∂x without its indices."""
    plain = x.D(x.Entry(left.body.name, ()), x.Entry(left.wrt.name, ())) if isinstance(left, x.D) else left
    return formula(plain, spelled, letters_for([plain], spelled))



