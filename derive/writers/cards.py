"""Cards: one derivation each, at the wanted detail, with its heading, breadcrumb and result bar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from derive import expr as x
from derive.derivation import Derivation, Step
from derive.engine import Gradients
from derive.expr import Expr
from derive.index import Index
from derive.rules.scalars import SETTLED
from derive.writers.document import Card, Chained, Crumb, Line
from derive.writers.eliding import LONG, elided
from derive.writers.formula import formula, gradient_node
from derive.writers.layout import Node, Op, Text, Under, row, width
from derive.writers.letters import EQ, PLUS, Spelling, array, letters_for, shape_node
from derive.writers.marks import Marks, marks_for
from derive.writers.matrix import Matrices
from derive.writers.reasons import CLOSED, Setting, lowered, reason
from derive.writers.words import meaning_of, real_uses

CERTAINTIES = ("proved", "tested", "open")
LONG_CHAIN = 24  # names of a breadcrumb; of a longer one the ends and the neighbours are left
LONG_COLLAPSE = 6  # steps from a gradient to its closed form that stand apart though nobody asked for that gradient
MANY_NAMES = 9  # with more arrays than this a breadcrumb leaves out the other inputs
# With more key lines than this a report joins these steps with the next one.
JOINED = ((90, frozenset({"derivative of an entry", "derivative of a function", "power rule", "substitute", "cancel",
                          "write out and cancel", "split the sum", "sum by definition"})),
          (60, frozenset({"derivative of an entry", "derivative of a function", "power rule"})),
          (24, frozenset({"derivative of an entry"})))  # fmt: skip
PLAIN_MOVES = frozenset({"a delta collapses its sum", "derivative of an entry", "linearity"})
CROWDED = 60  # key lines of a report whose cards do not tell the result in a line before their bars
LINE = 28.5  # em that a line may have with its left side before a shorter form is taken


@dataclass
class Book:
    """All cards of a report in the making; `seen` collects the index letters that were printed."""

    gradients: Gradients
    spelling: Spelling
    detail: str
    closed: Mapping[str, Derivation]
    numpy_lines: Mapping[str, str]
    forward_numbers: Mapping[str, int]
    seen: dict[Index, str] = field(default_factory=dict)
    joined: frozenset[str] = frozenset()
    results: Mapping[str, str] = field(default_factory=dict)
    crowded: bool = False
    matrices: Matrices | None = None

    def cards(self) -> tuple[Card, ...]:
        """One card for every gradient in the order of the derivation, its closed form at the end of its lines."""
        held = whole(self.gradients, self.closed)
        key_lines = sum(s.level <= 1 for d in held.values() for s in d.steps)
        self.crowded = self.detail == "key" and key_lines > CROWDED
        self.results = _relied_on(step_numbers(self.gradients, self.closed), self.closed)
        self.joined = next((rules for most, rules in JOINED if key_lines > most), frozenset())
        return tuple(self.card(d, str(n)) for n, d in enumerate(held.values(), 1))

    def card(self, d: Derivation, number: str) -> Card:
        """The card of a gradient: its lines, and the bar with the shortest form that was found."""
        program, name = self.gradients.forward, d.name
        letters = letters_for([d.target, *(s.line for s in d.steps)], self.spelling, d.indices)
        setting = Setting(self.gradients.program, self.spelling, letters, self.forward_numbers, self.results,
                          self.gradients.carried)  # fmt: skip
        target, result = formula(d.target, self.spelling, letters), formula(d.result, self.spelling, letters)
        chain = self.gradients.derivations[name]
        collapse = len(d.steps) - len(chain.steps)
        apart = len(chain.steps) if collapse >= (2 if name in self.gradients.wrt else LONG_COLLAPSE) and not self.crowded else 0
        lines = card_lines(d, number, self.detail, setting, self.joined, apart)
        if self.crowded:
            lines = _ended(lines, d)
        chained = self.chained(chain, lines, formula(chain.result, self.spelling, letters)) if apart else None
        if chained is not None:
            lines = (*lines[: chained.lines], replace(lines[chained.lines], lhs=target), *lines[chained.lines + 1 :])
        self.seen.update(letters.seen)
        code = (self.numpy_lines.get(name + CLOSED) if name in self.closed else "") or self.numpy_lines.get(name, "")
        meaning = meaning_of(name, program, real_uses(name, program))
        return Card(
            number, name, gradient_node(name, self.spelling, flat=True), meaning, self.crumbs(name), lines,
            self.matrix(name) or row(target, EQ, result), code, shape_node(program.shape(name)), d.certainty,
            f"Unfinished: {d.stuck}." if d.stuck else d.note, chained,
        )  # fmt: skip

    def chained(self, chain: Derivation, lines: tuple[Line, ...], result: Node) -> Chained | None:
        """The end of the chain of rules, where lines lead on from it to the closed form."""
        count = sum(int(line.number.rpartition(".")[2]) <= len(chain.steps) for line in lines)
        if not count or len(lines) == count:
            return None
        letters = letters_for([chain.target], self.spelling, chain.indices)
        plain = row(formula(chain.target, self.spelling, letters), EQ, result)
        form = self.matrices.form(chain.target.name, chain.indices, chain.result) if self.matrices else None
        return Chained(count, plain if form is None else form.node, self.numpy_lines.get(chain.name, ""))

    def matrix(self, name: str) -> Node | None:
        """The gradient in matrix notation, from the gradients after it and then in closed form, where there is one."""
        if self.matrices is None:
            return None
        held = [d for d in (self.gradients.derivations[name], self.closed.get(name)) if d is not None]
        forms = [self.matrices.form(d.target.name, d.indices, d.result) for d in held]
        if forms[-1] is None:
            return None
        sides = [forms[-1].left, *(f.right for f in forms if f is not None)]
        whole = row(*(item for side in sides for item in (EQ, side)))
        return row(*whole.items[1:]) if width(whole) <= LINE else forms[-1].node

    def crumbs(self, name: str) -> tuple[Crumb, ...]:
        """The chain from input to output with the current array marked; writers leave out what is far."""
        names = chain(self.gradients, name)
        if len(names) <= LONG_CHAIN:
            return tuple(Crumb(array(n, self.spelling), n == name) for n in names)
        here = names.index(name) if name in names else 0
        shown = [n for n in range(len(names)) if n in (0, here - 1, here, here + 1, len(names) - 1)]
        found, before = [], -1
        for n in shown:
            found += [Crumb(Op("ellipsis", "tight"))] * (n > before + 1)
            found.append(Crumb(array(names[n], self.spelling), n == here))
            before = n
        return tuple(found)


def whole(gradients: Gradients, closed: Mapping[str, Derivation]) -> dict[str, Derivation]:
    """Every derivation, with the steps to its closed form behind its own."""
    return {n: joined_with(d, closed[n]) if n in closed else d for n, d in gradients.derivations.items()}


def joined_with(d: Derivation, closed: Derivation) -> Derivation:
    """One derivation that goes on to the closed form; the line that both share is told once."""
    more = closed.steps[1:] if closed.steps and closed.steps[0].line.key == d.result.key else closed.steps
    return replace(d, steps=(*d.steps, *more), stuck=d.stuck or closed.stuck, note=closed.note or d.note)


def shown_closed(gradients: Gradients) -> dict[str, Derivation]:
    """The closed forms found, and those on which they rely that took more than putting something in."""
    wanted = dict(gradients.closed)
    waiting = list(wanted.values())
    while waiting:
        d = waiting.pop()
        for use in {u[1:] for s in d.steps if s.rule == "substitute" for u in s.uses if d.kind == "closed"}:
            found = gradients.carried.get(use)
            if found is not None and use not in wanted and len(found.steps) > 2:
                wanted[use] = found
                waiting.append(found)
    return wanted


def _relied_on(numbers: dict[str, str], closed: Mapping[str, Derivation]) -> dict[str, str]:
    """The step numbers that a substitution may cite: what is put in is never the form over a window."""
    windows = {name + CLOSED for name, d in closed.items() if d.kind == "window"}
    return {key: number for key, number in numbers.items() if key not in windows}


def step_numbers(gradients: Gradients, closed: Mapping[str, Derivation] | None = None) -> dict[str, str]:
    """The number of the step that gives each gradient, by the name of its array; `Z_closed` for a closed form."""
    closed = shown_closed(gradients) if closed is None else closed
    found: dict[str, str] = {}
    for number, (name, d) in enumerate(whole(gradients, closed).items(), 1):
        found[name] = f"{number}.{max(1, len(gradients.derivations[name].steps))}"
        if name in closed:
            found[name + CLOSED] = f"{number}.{len(d.steps)}"
    return found


def card_numbers(gradients: Gradients) -> dict[str, str]:
    """The number of every card by the name of its array."""
    return {name: str(n) for n, name in enumerate(gradients.derivations, 1)}


def chain(gradients: Gradients, name: str) -> list[str]:
    """The arrays in forward order that a breadcrumb shows: without other inputs where there are many arrays."""
    program = gradients.forward
    alive = program.reaches(gradients.of)
    names = [n for n, item in program.by_name.items() if n in alive and item.sort == "real"]
    if len(names) <= MANY_NAMES:
        return names
    inner = [n for n in names if not program.is_input(n)]
    if name in inner:
        return inner
    first = next((inner.index(u.name) for u in program.uses(name) if u.name in inner), 0)
    return [*inner[:first], name, *inner[first:]]


# ---------------------------------------------------------------- lines


def groups(
    steps: tuple[Step, ...], detail: str, joined: frozenset[str] = frozenset()
) -> list[tuple[int, list[Step]]]:
    """The steps that each shown line stands for, with the position of the last of them.

    At detail `key` small steps, and those whose rules are `joined`, stand with the next key step.
    """
    if detail == "result":
        return []
    if detail == "every":
        return [(n, [s]) for n, s in enumerate(steps, 1)]
    found: list[tuple[int, list[Step]]] = []
    waiting: list[Step] = []
    for n, s in enumerate(steps, 1):
        waiting.append(s)
        again = n < len(steps) and steps[n].rule == s.rule == "call by name"
        if s.level <= 1 and s.rule not in joined and not again:
            found.append((n, waiting))
            waiting = []
    if waiting and len(found) > 1:
        found[-1] = (len(steps), [*found[-1][1], *waiting])
    elif waiting:
        found.append((len(steps), waiting))
    return found


def card_lines(
    d: Derivation, number: str, detail: str, setting: Setting, joined: frozenset[str] = frozenset(), apart: int = 0
) -> tuple[Line, ...]:
    """The lines of a card: each with its marks, its reasons and the number that its last step has in the full list.

    No line stands for steps on both sides of the first `apart` ones.
    """
    later = [(apart + n, steps) for n, steps in groups(d.steps[apart:], detail, joined)]
    shown, target = [*groups(d.steps[:apart], detail, joined), *later], formula(d.target, setting.spelling, setting.letters)
    lines: list[Line] = []
    for place, (position, steps) in enumerate(shown):
        before = shown[place - 1][1][-1].line if place else None
        following = shown[place + 1][1] if place + 1 < len(shown) else []
        line, after = steps[-1].line, following[-1].line if following else None
        fresh = [e for s in steps for e in s.fresh]
        marks = marks_for(line, before, fresh, after, [e for s in following for e in s.redexes])
        rhs = right_side(line, steps[-1], marks, setting, width(target))
        if detail == "key" and before is not None and width(rhs) > LONG:
            rhs = elided(rhs, formula(before, setting.spelling, setting.letters))
        lines.append(_line(f"{number}.{position}", rhs, steps, setting))
    if lines:
        lines[0] = replace(lines[0], lhs=target)
    return tuple(lines)


def _ended(lines: tuple[Line, ...], d: Derivation) -> tuple[Line, ...]:
    """The lines without the last, which the result bar says again; its rules stand beside the line before."""
    if len(lines) < 2 or not d.steps or d.steps[-1].line.key != d.result.key:
        return lines
    before, last = lines[-2], lines[-1]
    weakest = max((before.certainty, last.certainty), key=CERTAINTIES.index)
    told = replace(before, conditions=(*before.conditions, f"then {last.rule}", *last.conditions), certainty=weakest)
    return (*lines[:-2], told)


def right_side(line: Expr, step: Step, marks: Marks, setting: Setting, side: float) -> Node:
    """The line, `side` em behind its left side; a sum over paths has a brace under every path, where it fits."""
    node = formula(line, setting.spelling, setting.letters, marks=marks)
    if step.rule in ("chain rule", "sum over paths") and width(node) + side > LINE:
        line, marks = by_name(line, marks)
        node = formula(line, setting.spelling, setting.letters, marks=marks)
    paths = list(step.uses)
    apart = step.rule == "sum over paths" and isinstance(line, x.Add) and len(paths) == len(line.terms)
    if not apart or width(node) + side > LINE:
        return node
    items: list[Node] = []
    for term, name in zip(line.terms, paths, strict=True):
        body = formula(term, setting.spelling, setting.letters, marks=marks)
        items += [PLUS] * bool(items) + [Under(body, row(Text("through "), array(name, setting.spelling)))]
    return row(*items)


def by_name(line: Expr, marks: Marks) -> tuple[Expr, Marks]:
    """A chain rule whose inner derivatives speak of ∂u/∂x by name, where the formula of u would be too long."""
    redex, fresh = set(marks.redex), set(marks.fresh)

    def change(t: x.Term) -> Expr | None:
        if not isinstance(t, x.Mul) or not isinstance(t.factors[-1], x.D):
            return None
        outer, inner = t.factors[0], t.factors[-1]
        if len(t.factors) != 2 or not isinstance(outer, x.Entry) or not outer.name.startswith("∂"):
            return None
        named = x.D(x.Entry(outer.name[1:].removesuffix("~total"), outer.slots), inner.wrt)
        redex.update({id(named)} if id(inner) in marks.redex | marks.signs else ())
        fresh.update({id(named)} if id(inner) in marks.fresh else ())
        return x.Mul((outer, named))

    return x.rewrite(line, change), Marks(frozenset(redex), frozenset(fresh), marks.signs)


def _line(number: str, rhs: Node, steps: list[Step], setting: Setting) -> Line:
    reasons = [reason(s, setting) for s in steps]
    names = list(dict.fromkeys(name for name, _ in reasons))
    said = [(instance, s) for (_, instance), s in zip(reasons, steps, strict=True) if instance]
    plain = [instance for instance, _ in said]
    telling = [instance for instance, s in said if s.level <= 1 and s.rule not in PLAIN_MOVES] or plain
    shown = next((s for instance, s in said if telling and instance is telling[-1]), None)
    conditions = tuple(dict.fromkeys(_condition(c, s is shown) for s in steps for c in s.conditions))
    weakest = max((s.certainty for s in steps), key=CERTAINTIES.index)
    level = min(s.level for s in steps)
    return Line(number, None, rhs, ", ".join(names), telling[-1] if telling else "", level, conditions, weakest)


def _condition(text: str, beside: bool) -> str:
    """A side condition in words; `beside` the instance of its step, which names the factor, a settled one is short."""
    return "which is positive" if beside and text.endswith(SETTLED) else lowered(text)


__all__ = ["CLOSED", "Book", "card_lines", "card_numbers", "groups", "shown_closed", "step_numbers",
           "whole"]  # fmt: skip
