"""Other roads to a gradient: a formula with everything written out, the logarithm trick, two cases, a lemma.

Each road ends in a `Derivation` whose steps are judged like all others, so that roads to the same place agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

import derive.rules  # noqa: F401  (fills the rule table)
from derive import expr as x
from derive.closing import positive_first
from derive.derivation import Derivation, Rewriter, Step
from derive.engine import PARTNERS
from derive.errors import UnknownName
from derive.expr import D, Entry, Expr
from derive.index import Index, Size
from derive.program import Equation, Program
from derive.rule import RULES, Context

FUEL = 120


@dataclass(frozen=True)
class Finding:
    """Something worth its own place in a report: a title, a sentence, derivations, and formulas to display.

    `program` is what the derivations' steps rely on; `left` gives each derivation's left side.  `matrix` is an entry
    formula over two indices to be set out as a matrix with dots, `name` says of what.  `system`: the linear system
    (systems.System) whose solution is shown in matrix form.  `square`: a second derivative over two indices, to be shown so as well.
    `agrees`: of a route, how it is known that it ends at the gradient.
    """

    title: str
    sentence: str
    program: Program
    left: tuple[Expr, ...] = ()
    derivations: tuple[Derivation, ...] = ()
    displays: tuple[tuple[Expr, Expr], ...] = ()
    matrix: tuple[Expr, Index, Index, Expr] | None = None
    about: tuple[str, ...] = ()
    system: object = None
    square: Equation | None = None
    agrees: str = ""


def unfold(e: Expr, program: Program, only: Iterable[str] | None = None) -> Expr:
    """The expression with defined names written out, down to the inputs (or only the given names)."""
    only = None if only is None else frozenset(only)

    def change(t: Entry) -> Expr | None:
        equation = program.equation(t.name)
        if equation is None or (only is not None and t.name not in only):
            return None
        return x.replace_entries(equation.instance(t.slots), change)

    return x.replace_entries(e, change)


@dataclass(frozen=True)
class Normalised:
    """An array that is exp(u) divided by its own sum: a softmax, along one axis."""

    equation: Equation
    argument: Expr
    axis: Index
    definition: Expr


def softmaxes(program: Program) -> list[Normalised]:
    """Every equation that, written out, is exp(u)/Σ exp(u) along one axis; a shift that is constant along it is left out."""
    found = []
    helpers = {h.name for h in program.equations if isinstance(h.rhs, (x.Reduce, x.Pow, x.Call)) and h.sort == "real"}
    for e in program.equations:
        written = unfold(e.rhs, program, _softmax_parts(e, program, helpers))
        match = _normalised(e, written)
        if match is not None:
            found.append(match)
    return found


def _softmax_parts(e: Equation, program: Program, helpers: set[str]) -> set[str]:
    """The names that stand for exponentials, their sum or its reciprocal in an equation."""
    parts: set[str] = set()
    pending = [n for n in e.rhs.names if n in helpers]
    while pending:
        name = pending.pop()
        rhs = program.equation(name).rhs
        exponential = isinstance(rhs, x.Call) and rhs.op == "exp"
        if exponential or isinstance(rhs, x.Reduce) or (isinstance(rhs, x.Pow) and rhs.exponent.key == x.MINUS_ONE.key):
            parts.add(name)
            pending += [] if exponential else [n for n in rhs.names if n in helpers and n not in parts]
    return parts


def _normalised(e: Equation, written: Expr) -> Normalised | None:
    if not isinstance(written, x.Mul) or len(written.factors) != 2:
        return None
    over = next((f for f in written.factors if isinstance(f, x.Call) and f.op == "exp"), None)
    under = next((f for f in written.factors if isinstance(f, x.Pow) and f.exponent.key == x.MINUS_ONE.key), None)
    if over is None or under is None or not isinstance(under.base, x.Reduce):
        return None
    total = under.base
    if total.op != "sum" or total.guard is not None:
        return None
    for axis in e.indices:
        if axis.size == total.index.size and x.substitute(over, {axis: total.index}).key == total.body.key:
            argument = _unshifted(over.args[0], axis)
            return Normalised(e, argument, axis, _softmax(argument, axis, total.index))
    return None


def _unshifted(u: Expr, axis: Index) -> Expr:
    """The argument without the terms that are the same along the axis: a shift does not change a softmax."""
    if not isinstance(u, x.Add):
        return u
    kept = [t for t in u.terms if axis in t.free]
    return x.add(*kept) if kept else u


def _softmax(u: Expr, axis: Index, k: Index) -> Expr:
    inner = x.refresh(x.substitute(u, {axis: k}))
    return x.mul(x.Call("exp", (u,)), x.power(x.reduce_("sum", k, x.Call("exp", (inner,))), x.MINUS_ONE))


def softmax_lemma(program: Program, s: Normalised) -> Finding:
    """The softmax Jacobian s_i(δ_ik − s_k) by the logarithm trick: differentiate log s_i, then multiply by s_i."""
    i = s.axis
    k = Index("k" if i.name != "k" else "l", i.size)
    own = Equation(s.equation.name, s.equation.indices, s.definition)
    small = replace(program, equations=(own,), facts=())
    wrt = x.substitute(s.argument, {i: k})
    entry = own.lhs
    log = Derivation(entry.name, Entry("log", ()), (i, k), tuple(_logarithm_steps(own, wrt, small)), kind="identity")
    line = x.mul(entry, log.result)
    jacobian = Derivation(
        entry.name,
        Entry("jacobian", ()),
        (i, k),
        (
            Step("logarithmic derivative", x.mul(entry, D(x.Call("log", (entry,)), wrt)), instance="∂u = u ∂log u",
                 uses=(entry.name,), conditions=(f"{entry.name} > 0",)),
            Step("the line above", line, instance="put in for ∂log", uses=(entry.name,)),
        ),
        kind="identity",
    )  # fmt: skip
    return Finding(
        "The softmax Jacobian",
        "Differentiate the logarithm of the softmax, then multiply by the softmax itself.",
        small,
        (D(x.Call("log", (entry,)), wrt), D(entry, wrt)),
        (log, jacobian),
        matrix=(line, i, k, D(entry, wrt)),
        about=(s.equation.name, s.argument.name),
    )


def _logarithm_steps(own: Equation, wrt: Entry, small: Program) -> list[Step]:
    work = Rewriter(D(x.Call("log", (own.lhs,)), wrt), Context(small, ""))
    work.start("definition", D(x.Call("log", (x.refresh(own.rhs),)), wrt), instance=f"of {own.name}", uses=(own.name,))
    work.run(RULES.phase("logarithm"), FUEL)
    work.run(RULES.phase("calculus", "deltas", "tidy", "fold"), FUEL)
    return work.steps


def direct(program: Program, of: str, wrt: str) -> Finding:
    """The derivative from one formula: everything between `wrt` and `of` written out, then differentiated."""
    left, found = local_jacobian(program, of, wrt)
    return Finding(
        "In one go",
        f"Everything between {wrt} and {of} is written out first; chain, product and quotient rules do the rest.",
        program,
        (left,),
        (found,),
        about=(wrt,),
    )


def local_jacobian(program: Program, of: str, wrt: str) -> tuple[Expr, Derivation]:
    """∂of/∂wrt with the names between them written out: the left side and its derivation.

    Raises UnknownName when `of` is not computed by the program.
    """
    equation = program.equation(of)
    if equation is None:
        raise UnknownName(f"`{of}` is not computed by the forward pass", hint="name one of its results")
    between = program.depends([wrt]) & program.reaches([of])
    indices = free_indices_of(program, wrt, {i.name for i in equation.indices})
    entry = Entry(wrt, tuple(x.whole_slot(0) if i.size.number == 1 else i for i in indices))
    formula = unfold(x.refresh(equation.rhs), program, between - {wrt, of})
    left = D(equation.lhs, entry)
    work = Rewriter(left, Context(program, ""))
    inner = tuple(sorted(between - {of, wrt}))
    work.start("write everything out", D(formula, entry), instance=f"{of} in terms of {wrt}", uses=(of, *inner))
    _differentiate_and_fold(work)
    return left, Derivation(of, entry, (*equation.indices, *indices), tuple(work.steps), kind="identity")


def _differentiate_and_fold(work: Rewriter) -> None:
    """Calculus first; then names, cancelling, multiplying out and factoring, the shortest line winning."""
    work.run(RULES.phase("calculus", "deltas", "tidy"), FUEL)
    base = RULES.phase("deltas", "facts", "tidy", "fold", "reciprocal", "cancel by definition")
    work.run(base, FUEL)
    work.run((*base, *RULES.phase("expand")), FUEL)
    work.run(RULES.phase("factor"), FUEL)
    work.run(base, FUEL)
    work.steps[-1] = replace(work.steps[-1], line=positive_first(work.line))


def free_indices_of(program: Program, name: str, taken: set[str]) -> tuple[Index, ...]:
    """Fresh indices for the axes of an array, in letters that are not taken."""
    taken = set(taken)
    return tuple(_free_letter(n, size, taken) for n, size in zip(_letters(program, name), program.shape(name), strict=True))


def _free_letter(name: str, size: Size, taken: set[str]) -> Index:
    choices = [name, PARTNERS.get(name, name), "k", "l", "p", "q", "r"]
    letter = next((c for c in choices if c not in taken), name)
    taken.add(letter)
    return Index(letter, size)


def _letters(program: Program, name: str) -> list[str]:
    """Letters for the axes of an array, as the forward pass writes them where it can."""
    equation = program.equation(name)
    if equation is not None:
        return [i.name for i in equation.indices]
    for use in program.uses(name):
        for t in x.walk(use.rhs):
            if isinstance(t, Entry) and t.name == name:
                return [s.name if isinstance(s, Index) else "i" for s in t.slots]
    return ["i"] * len(program.shape(name))


def chain(program: Program, names: tuple[str, ...]) -> Finding:
    """The factors of the chain rule along a path of names, from the loss inward: ∂L/∂ŷ · ∂ŷ/∂z · ∂z/∂W."""
    pairs = [local_jacobian(program, a, b) for a, b in zip(names, names[1:], strict=False)]
    return Finding(
        "The chain, factor by factor",
        "The gradient is the product of these local derivatives, summed over the indices that they share.",
        program,
        tuple(left for left, _ in pairs),
        tuple(found for _, found in pairs),
        about=names,
    )


REQUESTED = ("in one go", "two cases", "chain", "solve", "hessian", "log trick", "quotient rule", "product rule",
             "differentials")  # fmt: skip
_REQUEST = re.compile(r"^\s*#\s*show:\s*(?P<what>.+)$", re.MULTILINE)


def requests(source: str) -> list[tuple[str, tuple[str, ...]]]:
    """What the author asked for in `# show:` lines, as (what, names): in one go l; two cases; chain L, z, W; solve w."""
    found = []
    for line in _REQUEST.finditer(source):
        for part in line["what"].split(";"):
            words = part.replace(",", " ").split()
            what = next((w for w in REQUESTED if " ".join(words).startswith(w)), None)
            if what is not None:
                found.append((what, tuple(words[len(what.split()) :])))
    return found


def two_cases(e: Expr) -> list[tuple[x.Cond, Expr]] | None:
    """The value of an expression where its one delta holds, and where it does not; None when it has none."""
    deltas = {t.key: t for t in x.walk(e) if isinstance(t, x.Ind) and isinstance(t.cond, x.Rel) and t.cond.op == "eq"}
    if len(deltas) != 1:
        return None
    key, delta = next(iter(deltas.items()))

    def put(value: Expr) -> Expr:
        return x.rewrite(e, lambda t: value if isinstance(t, x.Ind) and t.key == key else None)

    return [(delta.cond, put(x.ONE)), (x.negation(delta.cond), put(x.ZERO))]
