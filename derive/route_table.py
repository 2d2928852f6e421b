"""Routes: the same derivative found in the ways in which people find it.

    in one go           everything written out, then chain, product and quotient rules
    log trick           ∂u = u ∂log u, and the logarithm of a product is a sum
    quotient rule       (u/v)′ = (u′ v − u v′)/v²
    product rule        u/v is u times 1/v
    two cases           the entry that a label picks, and all others
    chain               gradient by gradient from the output inward
    differentials       dL = Σ G dX, so G is the gradient: dL = tr(Gᵀ dX)

A route ends in a derivation of its own; that it ends where the engine does is proved, never assumed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from derive import expr as x
from derive.closing import measure, positive_first
from derive.derivation import Derivation, Rewriter, Step
from derive.engine import Gradients
from derive.errors import Refuted, UnknownName, Usage
from derive.expr import D, Entry, Expr, Ind
from derive.index import Index
from derive.judges.bench import Bench
from derive.judges.normal import prove_equal
from derive.judging import judge_alone
from derive.notation import text
from derive.program import Equation, Program, Variable, condition_facts, gradient_name
from derive.routes import Finding, free_indices_of, unfold
from derive.rule import RULES, Context, Rule
from derive.rules.calculus import depends

FUEL = 160
LONGEST = 160  # how long a formula may be for a route that writes everything out
QUOTIENTS = ("quotient rule", "product rule")


class NotThisWay(Exception):
    """The route does not apply; the text says why."""


@dataclass(frozen=True)
class Task:
    """∂of/∂name: `left` = D(of[…], name[…]), `formula` the output with everything between written out."""

    gradients: Gradients
    name: str
    of: str
    indices: tuple[Index, ...]
    place: tuple[Index, ...]
    entry: Entry
    formula: Expr
    between: tuple[str, ...]

    @property
    def program(self) -> Program:
        return self.gradients.forward

    @property
    def left(self) -> Expr:
        return D(Entry(self.of, self.place), self.entry)

    def begin(self, wrt: Entry | None = None) -> Rewriter:
        """A line that starts with everything written out."""
        wrt = wrt or self.entry
        work = Rewriter(D(Entry(self.of, self.place), wrt), Context(self.program, ""))
        said = f"{self.of} in terms of {self.name}"
        work.start("write everything out", D(self.formula, wrt), instance=said, uses=(self.of, *self.between))
        return work

    def derivation(self, work: Rewriter) -> Derivation:
        """What a line came to, as a derivation over the indices of output and input."""
        return Derivation(self.of, self.entry, (*self.place, *self.indices), tuple(work.steps), kind="identity")


@dataclass(frozen=True)
class Routed:
    """One derivative by one route: its derivations, each judged, and how it is known to agree with the gradient."""

    route: str
    name: str
    finding: Finding
    expr: Expr
    agrees: str

    @property
    def derivations(self) -> tuple[Derivation, ...]:
        return self.finding.derivations

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(s for d in self.derivations for s in d.steps)

    @property
    def certainty(self) -> str:
        """The weakest of the steps and of the agreement."""
        return max((self.agrees, *(d.certainty for d in self.derivations)), key=("proved", "tested", "open").index)

    def __str__(self) -> str:
        return text(self.expr)

    __repr__ = __str__


@dataclass(frozen=True)
class Leg:
    """One derivation of a route and its left side; its lines are equal where `where` is 1 (elsewhere it is 0)."""

    left: Expr
    derivation: Derivation
    where: Expr = x.ONE


@dataclass(frozen=True)
class Route:
    """One way: its name, title, a sentence, and the function; `walk` raises NotThisWay where it does not apply."""

    name: str
    title: str
    sentence: str
    walk: Callable[[Task], tuple[list[Leg], Expr]]


# ---------------------------------------------------------------- what is asked


def routed(gradients: Gradients, route: str, name: str, seed: int = 0) -> Routed:
    """The derivative at `name` by a route, judged, and compared with the gradient that the engine found.

    Raises Usage for an unknown route or one that does not apply, naming those that do.
    """
    chosen = known(route)
    task = task_for(gradients, name)
    try:
        found, result = chosen.walk(task)
    except NotThisWay as why:
        others = ", ".join(routes_for(gradients, name)) or "none"
        raise Usage(f"the route `{route}` does not apply to `{name}`", str(why), f"routes that do: {others}") from None
    judged = tuple(_judged(leg, task, seed) for leg in found)
    agrees = _agreement(task, result, seed)
    finding = Finding(chosen.title, chosen.sentence, gradients.program, tuple(leg.left for leg in found),
                      judged, about=(name,), agrees=agrees)  # fmt: skip
    return Routed(route, name, finding, result, agrees)


def wanted_route(text: str) -> tuple[str, str]:
    """Route and array, empty for any, of `log trick: logits`; raises Usage for an unknown route."""
    route, _, name = text.partition(":")
    route = " ".join(route.replace("-", " ").replace("_", " ").lower().split())
    return known(route).name, name.strip()


def known(route: str) -> Route:
    """The route of that name; raises Usage."""
    if route not in ROUTES:
        raise Usage(f"there is no route `{route}`", "a route is a way to derive a gradient",
                    "routes: " + ", ".join(ROUTES))  # fmt: skip
    return ROUTES[route]


def routes_for(gradients: Gradients, name: str) -> list[str]:
    """The routes that apply to an array."""
    task = task_for(gradients, name)
    return [r for r in ROUTES if _applies(ROUTES[r], task)]


def _applies(route: Route, task: Task) -> bool:
    try:
        route.walk(task)
    except NotThisWay:
        return False
    return True


def first_array(gradients: Gradients, route: str) -> str:
    """The array that a route without a name is for: one asked for with a closed form, then any, nearest the output.

    Raises Usage where the route applies to none.
    """
    chosen = known(route)
    names = sorted(gradients.derivations, key=lambda n: (n not in gradients.closed, n not in gradients.wrt))
    for name in names:
        if _applies(chosen, task_for(gradients, name)):
            return name
    raise Usage(f"the route `{route}` applies to no gradient here", chosen.sentence, "leave out the route")


def task_for(gradients: Gradients, name: str) -> Task:
    """The derivative of the (first) output by an array; raises UnknownName for one that has no gradient."""
    program = gradients.forward
    if name not in gradients.derivations:
        raise UnknownName(f"there is no gradient at `{name}`", hint="there are: " + ", ".join(gradients.derivations))
    of = gradients.of[0]
    between = program.depends([name]) & program.reaches([of])
    equation = program.equation(of)
    place = tuple(i.fresh() for i in equation.indices)
    indices = free_indices_of(program, name, {i.name for i in place})
    entry = Entry(name, tuple(x.whole_slot(0) if i.size.number == 1 else i for i in indices))
    formula = unfold(equation.instance(place), program, between - {name, of})
    inner = tuple(sorted(between - {of, name}))
    return Task(gradients, name, of, indices, place, entry, formula, inner)


def _judged(leg: Leg, task: Task, seed: int) -> Derivation:
    """The steps before their judges; those of one case are compared where the case holds."""
    found = leg.derivation
    differentials = found.steps[-1].rule == "exchange the sums"
    program = with_differentials(task) if differentials else task.gradients.program
    lines = [replace(s, line=x.mul(leg.where, s.line)) for s in found.steps]
    verdicts = judge_alone(replace(found, steps=tuple(lines)), program, seed=seed).steps
    return found.judged([replace(s, certainty=v.certainty, sure=v.sure)
                         for s, v in zip(found.steps, verdicts, strict=True)])  # fmt: skip


def _agreement(task: Task, result: Expr, seed: int) -> str:
    """How it is known that a route ends at the gradient; raises Refuted where it does not."""
    g = task.gradients
    mine = _without_cases(result)
    if not g.loss:
        upstream = Entry(g.upstream[task.of], task.place)
        mine = x.total(x.mul(upstream, mine), *task.place)
    target = g.derivations[task.name].target.name
    theirs = Entry(target, task.entry.slots)
    if task.of == task.name or len(g.of) > 1:
        return "open"
    for closed in (g.closed.get(task.name), None):
        names = [target, *task.between, task.of] if closed is None else [*task.between, task.of]
        held = theirs if closed is None else x.substitute(x.refresh(closed.result), dict(zip(closed.indices, task.indices, strict=True)))
        uses = [*names, *(gradient_name(n) for n in task.between)]
        if prove_equal(mine, held, g.program, uses) is True or prove_equal(mine, held, g.program, ()) is True:
            return "proved"
    verdict = Bench(g.program, seed, extra=[mine]).same(mine, theirs, everywhere=True)
    if verdict.equal is False:
        raise Refuted(f"a route to the gradient of `{task.name}` ends elsewhere: {text(result)}")
    return "tested" if verdict.equal and verdict.how == "exact" else "open"


def _without_cases(e: Expr) -> Expr:
    """{a if Y = 1; b} of a one-hot Y as Y a + (1 − Y) b, which is what can be compared for all sizes."""
    if not (isinstance(e, x.Cases) and isinstance(e.branches[0][0], x.Rel) and len(e.branches) == 1):
        return e
    (cond, value), y = e.branches[0], e.branches[0][0].left
    if not isinstance(y, Entry) or not isinstance(cond.right, x.Num):
        return e
    return x.add(x.mul(y, value), x.mul(x.add(x.ONE, x.negate(y)), e.otherwise))


# ---------------------------------------------------------------- in one formula


def _written_out(task: Task) -> Rewriter:
    if measure(task.formula) > LONGEST:
        raise NotThisWay(f"written out in terms of `{task.name}` the output is too long to be read")
    if not depends(task.formula, task.name):
        raise NotThisWay(f"`{task.name}` does not occur in the output once it is written out")
    return task.begin()


def _calculus(*instead: Rule) -> tuple[Rule, ...]:
    """The rules of differentiation, with some tried first and the product and quotient rules left to them."""
    plain = [r for r in RULES.phase("calculus") if not instead or r.name not in QUOTIENTS]
    last = [RULES["product rule"]] if instead else []
    return (*instead, *plain, *last)


def finish(work: Rewriter) -> None:
    """Deltas, names, cancelling, multiplying out and factoring, the shortest line winning."""
    base = RULES.phase("deltas", "facts", "tidy", "fold", "reciprocal", "cancel by definition")
    work.run(base, FUEL)
    work.run((*base, *RULES.phase("expand")), FUEL)
    work.run(RULES.phase("factor"), FUEL)
    work.run(base, FUEL)
    work.line = positive_first(work.line)
    work.steps[-1] = replace(work.steps[-1], line=work.line)
    if any(isinstance(t, D) for t in x.walk(work.line)):
        raise NotThisWay("the rules do not carry the derivative out")


def _needs(work: Rewriter, rule: str, why: str) -> None:
    if not any(s.rule == rule for s in work.steps):
        raise NotThisWay(why)


def _one(task: Task, work: Rewriter) -> tuple[list[Leg], Expr]:
    return [Leg(task.left, task.derivation(work))], work.steps[-1].line


def in_one_go(task: Task):
    """Everything written out, then the rules of calculus."""
    work = _written_out(task)
    work.run((*_calculus(), *RULES.phase("deltas", "tidy")), FUEL)
    finish(work)
    return _one(task, work)


def by_quotient_rule(task: Task):
    """The same where a quotient with varying numerator and denominator occurs."""
    work = _written_out(task)
    work.run((*_calculus(), *RULES.phase("deltas", "tidy")), FUEL)
    _needs(work, "quotient rule", "written out, there is no quotient whose numerator and denominator both vary")
    finish(work)
    return _one(task, work)


def by_product_rule(task: Task):
    """A quotient as a product with a reciprocal."""
    rules = RULES.phase("reciprocal route")
    work = _written_out(task)
    work.run((*_calculus(*rules), *RULES.phase("deltas", "tidy")), FUEL)
    _needs(work, rules[0].name, "written out, there is no quotient whose numerator and denominator both vary")
    finish(work)
    return _one(task, work)


def by_logarithm(task: Task):
    """Logarithms of products and quotients taken apart before anything is differentiated."""
    work = _written_out(task)
    algebra = RULES.phase("logarithm", "log trick algebra")
    trick = RULES.phase("log trick")
    work.run((*algebra, *trick, *_calculus(), *RULES.phase("deltas")), FUEL)
    used = {r.name for r in (*algebra, *trick)} - {"logarithm of an exponential"}
    if not any(s.rule in used for s in work.steps):
        raise NotThisWay("written out, there is no product or quotient of positive factors that varies")
    finish(work)
    return _one(task, work)


# ---------------------------------------------------------------- two cases


def in_two_cases(task: Task):
    """The entry that a label or a one-hot array picks, and every other: each derived on its own."""
    work = _written_out(task)
    work.run((*_calculus(), *RULES.phase("deltas", "tidy")), FUEL)
    picked = _label_delta(work.line, task)
    if picked is not None:
        return _label_cases(task, *picked)
    finish(work)
    onehot = _onehot_entry(work.line, task)
    if onehot is None:
        raise NotThisWay("no label picks an entry here, so there are no two cases")
    return _onehot_cases(task, work, onehot)


def _label_cases(task: Task, axis: Index, label: x.Slot) -> tuple[list[Leg], Expr]:
    """The derivative by the entry that the label picks, and by another, whose delta is zero."""
    same = task.entry.slots.index(axis)
    picked = Entry(task.name, tuple(label if k == same else s for k, s in enumerate(task.entry.slots)))
    first, second = _case(task, picked, None), _case(task, task.entry, x.delta(axis, label))
    rest = tuple(i for i in task.indices if i is not axis)
    one = replace(task.derivation(first), indices=(*task.place, *rest), target=picked)
    cond = x.rel("eq", axis, label)
    value = x.cases([(cond, first.line)], second.line)
    other = x.add(x.ONE, x.negate(Ind(cond)))
    return [Leg(D(Entry(task.of, task.place), picked), one), Leg(task.left, task.derivation(second), other)], value


def _case(task: Task, wrt: Entry, struck: Expr | None) -> Rewriter:
    """The line of one case; in the other one the delta of the label is zero."""
    work = task.begin(wrt)
    work.run((*_calculus(), *RULES.phase("deltas", "tidy")), FUEL)
    for _ in range(2 if struck is not None else 0):
        _settle(work, struck, x.ZERO, "this entry is not the one picked")
        finish(work)
    if struck is None:
        finish(work)
    return work


def _settle(work: Rewriter, part: Expr, value: Expr, why: str) -> None:
    """Put the value that a part has in this case."""
    settled = [t for t in x.walk(work.line) if isinstance(t, Expr) and t.key == part.key]
    if settled:
        line = x.rewrite(work.line, lambda t: value if isinstance(t, Expr) and t.key == part.key else None)
        work.start("one case", line, redexes=tuple(settled), instance=why)


def _label_delta(e: Expr, task: Task) -> tuple[Index, x.Slot] | None:
    """The axis of the variable and the label, or the index of the output, that picks a place on it."""
    settled = {*task.indices, *task.place}
    for t in x.walk(e):
        if isinstance(t, Ind) and isinstance(t.cond, x.Rel) and t.cond.op == "eq":
            for a, b in ((t.cond.left, t.cond.right), (t.cond.right, t.cond.left)):
                outer = b in task.place if isinstance(b, Index) else isinstance(b, Entry) and b.free <= settled
                if isinstance(a, Index) and a in task.entry.slots and outer and a not in x.free_indices(b):
                    return a, b
    return None


def _onehot_entry(e: Expr, task: Task) -> Entry | None:
    """The entry of a one-hot array at the place of the variable."""
    arrays = condition_facts(task.program.facts, "onehot")
    outer = {*task.indices, *task.place}
    return next((t for t in x.walk(e) if isinstance(t, Entry) and t.name in arrays and t.free <= outer), None)


def _onehot_cases(task: Task, work: Rewriter, onehot: Entry) -> tuple[list[Leg], Expr]:
    """The one line that was found, at the 1 of the one-hot row and at its zeros."""
    legs = []
    for value, where, why in ((x.ONE, onehot, "where it is 1"), (x.ZERO, x.add(x.ONE, x.negate(onehot)), "where it is 0")):
        one = Rewriter(work.line, work.context, list(work.steps) if value is x.ONE else [work.steps[-1]])
        _settle(one, onehot, value, f"{onehot.name} {why}")
        legs.append(Leg(task.left, task.derivation(one), where))
    values = [leg.derivation.result for leg in legs]
    return legs, x.cases([(x.rel("eq", onehot, x.ONE), values[0])], values[1])


# ---------------------------------------------------------------- gradient by gradient


def stepwise(task: Task):
    """The engine's own way: the gradients from the output inward, one after the other."""
    g = task.gradients
    behind = task.program.depends([task.name]) & task.program.reaches([task.of])
    order = [n for n in g.derivations if n in behind]
    if not order:
        raise NotThisWay("there is nothing between the output and it")
    legs = [Leg(g.derivations[n].target, g.derivations[n]) for n in order]
    own = g.derivations[task.name]
    if g.loss:
        return legs, x.substitute(x.refresh(own.result), dict(zip(own.indices, task.indices, strict=True)))
    raise NotThisWay("it is told by the cards themselves; a Jacobian has no upstream gradient")


# ---------------------------------------------------------------- differentials


def by_differentials(task: Task):
    """dL in terms of dX, sums exchanged until dX stands alone: what stands before it is the gradient."""
    g, program = task.gradients, task.program
    if not g.loss:
        raise NotThisWay("differentials are taken of a scalar")
    own = g.derivations[task.name]
    uses = _uses(task)
    if not uses:
        raise NotThisWay("the output does not depend on it")
    whole = Entry(_differential_name(task.of, program), ())
    names = tuple(u.name for u in uses)
    work = Rewriter(whole, Context(program, ""))
    if names != (task.of,):
        parts = [x.mul(Entry(gradient_name(u.name), u.lhs.slots), Entry(d.name, u.lhs.slots))
                 for u, d in zip(uses, _differentials(task), strict=True)]  # fmt: skip
        said = "dL = Σ ∂L/∂u du" if len(names) == 1 else "one sum for every use"
        work.start("definition of the gradient", _sums(parts, uses), instance=said, uses=names)
    parts = [x.mul(x.ONE if u.name == task.of else Entry(gradient_name(u.name), u.lhs.slots), d.rhs)
             for u, d in zip(uses, _differentials(task), strict=True)]  # fmt: skip
    work.start("differential", _sums(parts, uses), uses=tuple(d.name for d in _differentials(task)),
               instance="d(u v) = du v + u dv, d f(u) = f′(u) du")  # fmt: skip
    coefficient = x.substitute(x.refresh(own.result), dict(zip(own.indices, task.indices, strict=True)))
    moved = _differential_name(task.name, program)
    last = x.total(x.mul(coefficient, Entry(moved, task.entry.slots)), *task.indices)
    called = tuple(dict.fromkeys(u for s in own.steps for u in s.uses if u in program))
    work.start("exchange the sums", last, instance=f"until {moved} stands alone", uses=called)
    return [Leg(whole, Derivation(task.of, whole, (), tuple(work.steps), kind="identity"))], coefficient


def _uses(task: Task) -> list[Equation]:
    alive = task.program.reaches([task.of])
    return [u for u in task.program.uses(task.name) if u.name in alive and depends(u.rhs, task.name)]


def _sums(parts: list[Expr], uses: list[Equation]) -> Expr:
    return x.add(*(x.refresh(x.total(p, *u.indices)) for p, u in zip(parts, uses, strict=True)))


def _differentials(task: Task) -> list[Equation]:
    """du for every array u that is made of the variable, as an equation in the differential of the variable alone."""
    moved = _differential_name(task.name, task.program)
    return [Equation(_differential_name(u.name, task.program), u.indices, differential(u.rhs, task.name, moved))
            for u in _uses(task)]  # fmt: skip


def with_differentials(task: Task) -> Program:
    """The program in which dX is any array and du follows from it: what the lines of this route are judged in."""
    moved = Variable(_differential_name(task.name, task.program), task.program.shape(task.name))
    return task.gradients.program.with_equations(_differentials(task), (moved,))


def _differential_name(name: str, program: Program) -> str:
    plain = f"d{name.split('~')[0]}"
    return plain if plain not in program else f"δ{name}"


def differential(e: Expr, name: str, moved: str) -> Expr:
    """The differential of an expression when an array moves by `moved`, entry by entry: product and chain rules."""
    from derive.ops import OPS

    if not depends(e, name):
        return x.ZERO
    match e:
        case Entry(slots=slots):
            return Entry(moved, slots)
        case x.Add(terms=terms):
            return x.add(*(differential(t, name, moved) for t in terms))
        case x.Mul(factors=factors):
            return x.add(*(x.mul(*factors[:k], differential(f, name, moved), *factors[k + 1 :])
                           for k, f in enumerate(factors) if depends(f, name)))  # fmt: skip
        case x.Pow(base=base, exponent=n) if not depends(n, name):
            return x.mul(n, x.power(base, x.add(n, x.MINUS_ONE)), differential(base, name, moved))
        case x.Call(op=op, args=args):
            return x.add(*(x.mul(OPS[op].slope_at(k, args), differential(a, name, moved))
                           for k, a in enumerate(args) if depends(a, name)))  # fmt: skip
        case x.Reduce(op="sum", index=i, body=body, guard=guard):
            return x.reduce_("sum", i, differential(body, name, moved), guard)
        case x.Reduce(op="max" | "min" as op, index=i, body=body, guard=None):
            best = x.ArgBest(op, i, body)
            return differential(x.substitute(x.refresh(body), {i: best}), name, moved)
        case x.Cases(branches=branches, otherwise=otherwise):
            return x.cases([(c, differential(v, name, moved)) for c, v in branches], differential(otherwise, name, moved))
    raise NotThisWay(f"the differential of {text(e)} is not written here")


ROUTES: dict[str, Route] = {r.name: r for r in (
    Route("log trick", "The logarithm trick",
          "∂u = u ∂log u, and the logarithm turns products into sums.", by_logarithm),
    Route("quotient rule", "The quotient rule",
          "Everything is written out as one quotient; numerator and denominator are differentiated in turn.", by_quotient_rule),
    Route("product rule", "Product and chain rule on the reciprocal",
          "A quotient is a product with a reciprocal, whose derivative is a power's.", by_product_rule),
    Route("two cases", "Two cases",
          "The entry that the label picks is one case, every other entry the second.", in_two_cases),
    Route("chain", "Gradient by gradient",
          "From the output inward, each gradient from the one before.", stepwise),
    Route("differentials", "Differentials",
          "dL is written as a sum of entries of dX; what stands before them is the gradient: dL = tr(Gᵀ dX).", by_differentials),
    Route("in one go", "In one go",
          "Everything is written out first; chain, product and quotient rules do the rest.", in_one_go),
)}  # fmt: skip


__all__ = ["ROUTES", "NotThisWay", "Route", "Routed", "Task", "first_array", "known", "routed", "routes_for", "wanted_route"]
