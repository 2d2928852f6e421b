"""The known mistakes as repairs: each proposes edits of a wrong line's own text, smallest first.

A repair is `(kind, edits, span)`: edits replace stretches of the source by new text, `span` is the place to point at.
The checker reads the edited line again and takes the first that is right, so that a correction is in the author's own
notation and is itself checked.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from derive.readers import latex_tree as t

Edit = tuple[int, int, str]


@dataclass(frozen=True)
class Repair:
    kind: str
    edits: tuple[Edit, ...]
    span: t.Span


@dataclass
class Patient:
    """A wrong line: its tree, the source text, the letters in reach, sizes, factors and terms to try."""

    node: t.Node
    text: str
    span: t.Span
    free: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    letters: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    factors: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    names: tuple[tuple[str, int], ...] = ()
    matrices: bool = False
    nodes: list[t.Node] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.nodes = list(t.walk(self.node))

    def of(self, node: t.Node) -> str:
        """The source of a part."""
        return self.text[node.span[0] : node.span[1]]

    @property
    def core(self) -> t.Span:
        """Where a factor of the whole line is missing: at its leading number, else the line without its minus."""
        alone = isinstance(self.node, t.Sum) and len(self.node.terms) == 1
        node = self.node.terms[0][1] if alone else self.node
        first = node.factors[0][1] if isinstance(node, t.Product) else node
        return first.span if isinstance(first, (t.Number, t.Fraction_)) else node.span

    def each(self, *kinds: type) -> Iterator[t.Node]:
        return (u for u in self.nodes if isinstance(u, kinds))


def repairs(p: Patient) -> Iterator[Repair]:
    """Every repair of the table, simplest mistakes first."""
    for row in TABLE:
        yield from row(p)


# ---------------------------------------------------------------- signs and brackets


def signs(p: Patient) -> Iterator[Repair]:
    """A sign turned around: a minus in a bracket of its own, a term, a case, the whole, a factor."""
    sums = list(p.each(t.Sum))
    lone = [u for u in sums if len(u.terms) == 1 and u.terms[0][0] < 0]
    for u in [
        *reversed([u for u in lone if u is not p.node]),
        *(u for u in sums if u not in lone),
        *(u for u in lone if u is p.node),
    ]:
        yield from _flips(p, u)
    for u in p.each(t.Cases):
        for value, _ in u.branches:
            yield Repair("sign", ((*value.span, _negated(p.of(value), value)),), value.span)
    yield Repair("sign", ((*p.span, _negated(p.of(p.node), p.node)),), p.span)
    for u in p.each(t.Fraction_, t.Big, t.Function, t.Paren):
        if u is not p.node:
            yield Repair("sign", ((u.span[0], u.span[0], "(-1)"),), u.span)


def _flips(p: Patient, u: t.Sum) -> Iterator[Repair]:
    for k, (sign, term) in enumerate(u.terms):
        start = u.span[0] if k == 0 else u.terms[k - 1][1].span[1]
        new = ("+" if k else "") if sign < 0 else "-"
        between = p.text[start : term.span[0]]
        if all(c in "+-−& \n\t\\" for c in between.replace("\\\\", "").replace("\\,", "").replace("\\left", "")):
            place = (start, term.span[1]) if len(u.terms) == 1 and u is not p.node else term.span
            yield Repair("sign", ((start, term.span[0], f" {new} "),), place)


def _negated(text: str, node: t.Node) -> str:
    stripped = text.strip()
    if stripped.startswith("-") and not (isinstance(node, t.Sum) and len(node.terms) > 1):
        return stripped[1:].strip()
    return f"-\\left({stripped}\\right)" if isinstance(node, t.Sum) else f"-{stripped}"


def signs_twice(p: Patient) -> Iterator[Repair]:
    """A minus before a bracket that was carried to the first term only."""
    for u in p.each(t.Sum):
        for a, b in itertools.combinations(range(len(u.terms)), 2):
            edits = []
            for k in (a, b):
                sign, term = u.terms[k]
                start = u.span[0] if k == 0 else u.terms[k - 1][1].span[1]
                edits.append((start, term.span[0], f" {('+' if k else '') if sign < 0 else '-'} "))
            yield Repair("parenthesis", tuple(edits), u.span)


def brackets(p: Patient) -> Iterator[Repair]:
    """f·(a) + b for f·(a + b), and the reverse."""
    for u in p.each(t.Sum):
        for k in range(len(u.terms) - 1):
            node = u.terms[k][1]
            if isinstance(node, t.Product):
                rest = p.text[node.factors[-1][1].span[0] : u.span[1]]
                head = p.text[node.span[0] : node.factors[-1][1].span[0]]
                yield Repair("parenthesis", ((node.span[0], u.span[1], f"{head}\\left({rest}\\right)"),), u.span)
            if isinstance(node, (t.Big,)):
                body = p.text[node.body.span[0] : u.span[1]]
                yield Repair("parenthesis", ((node.body.span[0], u.span[1], f"\\left({body}\\right)"),), u.span)
    for u in p.each(t.Product):
        for place, (_, f) in enumerate(u.factors):
            if isinstance(f, t.Paren) and isinstance(f.inner, t.Sum) and len(f.inner.terms) > 1:
                first = f.inner.terms[0][1]
                head = p.text[u.span[0] : f.span[0]] + p.text[f.inner.span[0] : first.span[1]]
                tail = p.text[first.span[1] : f.inner.span[1]]
                if place == len(u.factors) - 1:
                    yield Repair("parenthesis", ((u.span[0], u.span[1], f"\\left({head}{tail}\\right)"),), f.span)


# ---------------------------------------------------------------- factors


def means(p: Patient) -> Iterator[Repair]:
    """1/n missing or too many."""
    for u in p.each(t.Number):
        for n in p.sizes:
            if u.value == 1 and isinstance(p.node, t.Product):
                yield Repair("mean-factor", ((*u.span, f"\\frac{{1}}{{{n}}}"),), u.span)
    for n in p.sizes:
        yield Repair("mean-factor", ((*p.span, _times(f"\\frac{{1}}{{{n}}}", p)),), p.core)
        yield Repair("mean-factor", ((*p.span, _times(n, p)),), p.core)
        for term in _terms(p):
            yield Repair("mean-factor", ((term.span[0], term.span[0], f"\\frac{{1}}{{{n}}} "),), term.span)
    for u in p.each(t.Fraction_):
        if isinstance(u.under, t.Symbol) and not u.under.subs and u.under.name in p.sizes:
            yield Repair("mean-factor", ((*u.span, p.of(u.over)),), u.span)
            yield Repair("bias", ((*u.under.span, f"({p.of(u.under)}-1)"),), u.under.span)
            for n in p.sizes:
                if n != u.under.name:
                    yield Repair("axis", ((*u.under.span, n),), u.under.span)
        if isinstance(u.under, (t.Sum, t.Paren)) and "-" in p.of(u.under):
            for n in p.sizes:
                if n in p.of(u.under):
                    yield Repair("bias", ((*u.under.span, f"{{{n}}}"),), u.under.span)


def _times(factor: str, p: Patient) -> str:
    text = p.of(p.node)
    return f"{factor}\\left({text}\\right)" if isinstance(p.node, t.Sum) else f"{factor} {text}"


def _terms(p: Patient) -> list[t.Node]:
    return [term for _, term in p.node.terms] if isinstance(p.node, t.Sum) else []


def numbers(p: Patient) -> Iterator[Repair]:
    """A 2, ½ or 3 missing or too many: a number that stands there, else a new one."""
    exponents = [u.exponent.span for u in p.each(t.Power)]
    written = [u for u in reversed([*p.each(t.Number)]) if u.value.denominator == 1 and abs(u.value) <= 9]
    for c in (1, 2, 0, 3, 4):
        for u in written:
            raised = any(a <= u.span[0] and u.span[1] <= b for a, b in exponents)
            if c != u.value:
                yield Repair("elementary-derivative" if raised else "factor", ((*u.span, f"{{{c}}}"),), u.span)
    for c in ("2", "\\frac{1}{2}", "3", "4"):
        yield Repair("factor", ((*p.span, _times(c, p)),), p.core)
        for term in _terms(p):
            yield Repair("factor", ((term.span[0], term.span[0], c + " "),), term.span)


def lost_factors(p: Patient) -> Iterator[Repair]:
    """One factor too many, or one lost that the line before (or the left side) has."""
    for u in p.each(t.Product):
        for k, (_, f) in enumerate(u.factors):
            if len(u.factors) > 1:
                start = u.factors[k - 1][1].span[1] if k else u.span[0]
                end = f.span[1] if k else u.factors[1][1].span[0]
                yield Repair("factor", ((start, end, " "),), f.span)
    for factor in p.factors:
        yield Repair("factor", ((*p.span, _times(factor, p)),), p.core)
        for u in p.each(t.Big):
            yield Repair("factor", ((u.body.span[0], u.body.span[0], factor + " "),), u.body.span)
        for term in _terms(p):
            yield Repair("factor", ((term.span[0], term.span[0], factor + " "),), term.span)


# ---------------------------------------------------------------- sums and indices


def missing_sums(p: Patient) -> Iterator[Repair]:
    """Σ over an index that the line has and the left side has not; or over one that is bound nowhere."""
    for a in p.extra:
        yield Repair("missing-sum", ((*p.span, _under_sum(a, p.of(p.node), p.node)),), p.span)
        for term in _terms(p):
            yield Repair("missing-sum", ((*term.span, _under_sum(a, p.of(term), term)),), term.span)
        for u in p.each(t.Product):
            for _, f in u.factors:
                yield Repair("missing-sum", ((*f.span, f"\\left({_under_sum(a, p.of(f), f)}\\right)"),), f.span)


def _under_sum(a: str, text: str, node: t.Node) -> str:
    return f"\\sum_{{{a}}} \\left({text}\\right)" if isinstance(node, t.Sum) else f"\\sum_{{{a}}} {text}"


def extra_sums(p: Patient) -> Iterator[Repair]:
    """A Σ that should not be there; of two over one letter the inner one."""
    for u in reversed([*p.each(t.Big)]):
        if u.op == "sum":
            yield Repair("extra-sum", ((u.span[0], u.body.span[0], ""),), (u.span[0], u.body.span[0]))


def into_sums(p: Patient) -> Iterator[Repair]:
    """A factor outside that belongs inside Σ; where its letter is the bound one, both get a fresh letter."""
    for u in p.each(t.Product):
        for k, (_, big) in enumerate(u.factors):
            if not isinstance(big, t.Big) or len(big.letters) != 1 or k == 0:
                continue
            old = big.letters[0]
            new = next((c for c in "klmpqrst" if c not in p.letters and c != old), old)
            for j in range(k):
                f = u.factors[j][1]
                start = u.factors[j - 1][1].span[1] if j else u.span[0]
                end = f.span[1] if j else u.factors[1][1].span[0]
                inner = _renamed(p, f, old, new) + " " + _renamed(p, big.body, old, new)
                head = p.text[big.span[0] : big.body.span[0]]
                head = _swap_letter(head, old, new)
                yield Repair("factor-out-of-sum", ((start, end, " "), (*big.span, f"{head} {inner}")), f.span)


def out_of_brackets(p: Patient) -> Iterator[Repair]:
    """(Σ a) b where Σ a b is right: the factor belongs inside the bracketed sum."""
    for u in p.each(t.Product):
        for k, (_, f) in enumerate(u.factors):
            big = f.inner if isinstance(f, t.Paren) and not f.subs else None
            if not isinstance(big, t.Big):
                continue
            for m, (_, g) in enumerate(u.factors):
                if abs(m - k) == 1:
                    text = f"\\left({p.text[big.span[0] : big.body.span[0]]} {_bracketed(p, big.body)} {p.of(g)}\\right)"
                    start, end = min(f.span[0], g.span[0]), max(f.span[1], g.span[1])
                    yield Repair("factor-out-of-sum", ((start, end, text),), (start, end))


def _swap_letter(head: str, old: str, new: str) -> str:
    """The letter below a sum sign."""
    return head.replace("_" + old, "_" + new).replace("_{" + old, "_{" + new)


def _renamed(p: Patient, node: t.Node, old: str, new: str) -> str:
    """The text of a part with one index letter written otherwise."""
    text, shift = p.of(node), node.span[0]
    spans = sorted({s.span for u in t.walk(node) for s in _places(u) if s.name == old}, reverse=True)
    for start, end in spans:
        text = text[: start - shift] + _spaced(text, start - shift, new) + text[end - shift :]
    return text


def _spaced(text: str, at: int, new: str) -> str:
    return new


def _places(u: t.Node) -> Iterator[t.Symbol]:
    for s in getattr(u, "subs", ()):
        if isinstance(s, t.Symbol) and not s.subs:
            yield s


def indices(p: Patient) -> Iterator[Repair]:
    """One index letter for another; two exchanged."""
    for u in p.nodes:
        for s in _places(u):
            for a in p.letters:
                if a != s.name:
                    yield Repair("index", ((*s.span, a),), u.span)
        places = list(_places(u))
        for a, b in itertools.combinations(places, 2):
            if a.name != b.name:
                yield Repair("index", ((*a.span, b.name), (*b.span, a.name)), u.span)
    for u in p.each(t.Symbol):
        for mark in u.marks:
            for a in p.letters:
                if a != mark.text and mark.text.isalpha():
                    text = p.of(u)
                    yield Repair("index", ((*u.span, text.replace(f"({mark.text})", f"({a})")),), u.span)
    for old, new in itertools.permutations(sorted(set(p.letters)), 2):
        text = _renamed(p, p.node, old, new)
        if text != p.of(p.node):
            yield Repair("index", ((*p.span, text),), p.span)


def bound_letters(p: Patient) -> Iterator[Repair]:
    """Σ over another letter than the one written."""
    for u in p.each(t.Big):
        for old in u.letters:
            for a in p.letters:
                if a != old:
                    head = p.text[u.span[0] : u.body.span[0]]
                    yield Repair("index", ((u.span[0], u.body.span[0], _swap_letter(head, old, a)),), u.span)


def deltas(p: Patient) -> Iterator[Repair]:
    """δ dropped, or too many."""
    pairs = list(itertools.combinations(dict.fromkeys((*sorted(p.free), *p.letters)), 2))[:6]
    for u in p.each(t.Number):
        if u.value == 1:
            for a, b in pairs:
                yield Repair("delta", ((*u.span, f"\\delta_{{{a}{b}}}"),), u.span)
    for u in p.each(t.Symbol, t.Indicator):
        if isinstance(u, t.Indicator) or u.name == "delta" and len(u.subs) == 2:
            yield Repair("delta", ((*u.span, "1"),), u.span)
    for a, b in pairs[:3]:
        for term in _terms(p) or [p.node]:
            yield Repair("delta", ((term.span[0], term.span[0], f"\\delta_{{{a}{b}}} "),), term.span)


# ---------------------------------------------------------------- matrices, powers, functions, cases


def transposes(p: Patient) -> Iterator[Repair]:
    """A factor transposed, or its transpose taken back; factors exchanged."""
    if not p.matrices:
        return
    for u in p.each(t.Symbol, t.Differential, t.Derivative):
        if not getattr(u, "subs", ()):
            yield Repair(
                "transposed",
                (
                    (
                        *u.span,
                        f"{{{p.of(u)}}}^\\top"
                        if isinstance(u, t.Symbol) and not u.marks
                        else f"\\left({p.of(u)}\\right)^\\top",
                    ),
                ),
                u.span,
            )
    for u in p.each(t.Transposed):
        yield Repair("transposed", ((*u.span, p.text[u.base.span[0] : u.base.span[1]].split("^")[0]),), u.span)
    for u in p.each(t.Product):
        for a, b in itertools.combinations(range(len(u.factors)), 2):
            f, g = u.factors[a][1], u.factors[b][1]
            yield Repair("transposed", ((*f.span, p.of(g)), (*g.span, p.of(f))), u.span)


def powers(p: Patient) -> Iterator[Repair]:
    """An exponent off by one or of the wrong sign; a square lost or too many."""
    for u in p.each(t.Power):
        text = p.text[u.exponent.span[0] : u.exponent.span[1]]
        base = p.text[u.span[0] : u.base.span[1]]
        kind = "elementary-derivative"
        for new in (
            f"{text}-1",
            f"{text}+1",
            f"-({text})",
            "2",
            "3",
            "-2",
            "-1",
            "\\frac{1}{2}",
            "-\\frac{1}{2}",
            "-\\frac{3}{2}",
        ):
            yield Repair(kind, ((*u.span, f"{base}^{{{new}}}"),), u.span)
        yield Repair("power", ((*u.span, base),), u.span)
    for u in p.each(t.Symbol, t.Paren, t.Big, t.Function, t.Fraction_):
        if isinstance(u, (t.Symbol, t.Paren)) and not u.subs or isinstance(u, (t.Symbol,)):
            yield Repair("power", ((*u.span, f"{{{p.of(u)}}}^{{2}}"),), u.span)
            yield Repair("power", ((*u.span, f"{{{p.of(u)}}}^{{-1}}"),), u.span)
        elif not isinstance(u, t.Symbol):
            yield Repair("power", ((*u.span, f"\\left({p.of(u)}\\right)^{{2}}"),), u.span)
            yield Repair("power", ((*u.span, f"\\left({p.of(u)}\\right)^{{-1}}"),), u.span)


FUNCTIONS = {"log": "exp", "exp": "log", "sin": "cos", "cos": "sin", "tanh": "sigmoid", "sigmoid": "tanh"}
SPELLED = {"log": r"\log", "exp": r"\exp", "sin": r"\sin", "cos": r"\cos", "tanh": r"\tanh"}


def functions(p: Patient) -> Iterator[Repair]:
    """A function missing, too many, or another; 1 − y² and y(1 − y) for each other."""
    for u in p.each(t.Function):
        if len(u.args) == 1:
            inner = p.of(u.args[0])
            yield Repair("function", ((*u.span, f"\\left({inner}\\right)"),), u.span)
            first = FUNCTIONS.get(u.name, "")
            for other in [SPELLED[f] for f in (first, *SPELLED) if f in SPELLED and f != u.name]:
                yield Repair("elementary-derivative", ((*u.span, f"{other}\\left({inner}\\right)"),), u.span)
    for u in p.each(t.Symbol):
        if u is not p.node:
            yield Repair("function", ((*u.span, f"\\log\\left({p.of(u)}\\right)"),), u.span)
            yield Repair("function", ((*u.span, f"\\exp\\left({p.of(u)}\\right)"),), u.span)
    for u in p.each(t.Power):
        if isinstance(u.base, t.Symbol) and u.base.name == "e":
            yield Repair("function", ((*u.span, f"\\left({p.of(u.exponent)}\\right)"),), u.span)


def case_swaps(p: Patient) -> Iterator[Repair]:
    """The values of two cases exchanged."""
    for u in p.each(t.Cases):
        for (a, _), (b, _) in itertools.combinations(u.branches, 2):
            yield Repair("swapped-cases", ((*a.span, p.of(b)), (*b.span, p.of(a))), u.span)


def fractions(p: Patient) -> Iterator[Repair]:
    """A fraction upside down; a denominator lost or squared."""
    for u in p.each(t.Fraction_):
        yield Repair("factor", ((*u.span, f"\\frac{{{p.of(u.under)}}}{{{p.of(u.over)}}}"),), u.span)
        yield Repair("factor", ((*u.span, f"\\left({p.of(u.over)}\\right)"),), u.span)
        yield Repair("power", ((*u.under.span, f"{{\\left({p.of(u.under)}\\right)^{{2}}}}"),), u.under.span)


def missing_terms(p: Patient) -> Iterator[Repair]:
    """A term that the line before has, or a path of the chain rule, left out."""
    for term in p.terms:
        yield Repair("missing-term", ((p.span[1], p.span[1], f" {term}"),), p.span)
        for u in p.each(t.Big, t.Paren):
            inner = u.body if isinstance(u, t.Big) else u.inner
            yield Repair("missing-term", ((*inner.span, f"\\left({p.of(inner)} {term}\\right)"),), u.span)
        for u in p.each(t.Sum):
            if u is not p.node:
                yield Repair("missing-term", ((u.span[1], u.span[1], f" {term}"),), u.span)
        for u in p.each(t.Product):
            for _, f in u.factors:
                yield Repair("missing-term", ((*f.span, f"\\left({p.of(f)} {term}\\right)"),), f.span)


def operations(p: Patient) -> Iterator[Repair]:
    """A sum where a product is right, and the reverse."""
    for u in p.each(t.Sum):
        if len(u.terms) == 2:
            (_, a), (_, b) = u.terms
            yield Repair("operation", ((*u.span, f"{_bracketed(p, a)} {_bracketed(p, b)}"),), u.span)
    for u in p.each(t.Product):
        if len(u.factors) == 2:
            (_, a), (_, b) = u.factors
            for sign in "-+":
                sum_ = f"{p.of(a)} {sign} {p.of(b)}"
                yield Repair("operation", ((*u.span, sum_ if u is p.node else f"\\left({sum_}\\right)"),), u.span)


def _bracketed(p: Patient, node: t.Node) -> str:
    return p.of(node) if isinstance(node, (t.Symbol, t.Number, t.Paren)) else f"\\left({p.of(node)}\\right)"


def names(p: Patient) -> Iterator[Repair]:
    """Another array of the neighbouring lines with as many indices."""
    closed = [u.span for u in p.each(t.Derivative, t.Differential)]
    for u in p.each(t.Symbol):
        if u.marks or u.name == "delta" or any(a <= u.span[0] and u.span[1] <= b for a, b in closed):
            continue
        for name, count in p.names:
            if count == len(u.subs) and name != p.text[u.span[0] : u.span[0] + len(name)]:
                tail = p.text[u.subs[0].span[0] : u.span[1]] if u.subs else ""
                opened = "_{" if u.subs and not p.text[u.span[0] : u.span[1]].endswith("}") else "_{"
                places = tail.rstrip("}") if u.subs else ""
                new = f"{name}{opened}{places}}}" if u.subs else f"{name} "
                yield Repair("wrong-value", ((*u.span, new),), u.span)


def lost_parts(p: Patient) -> Iterator[Repair]:
    """A factor or denominator that a neighbouring line has, lost somewhere inside."""
    closed = [u.span for u in p.each(t.Derivative, t.Differential)]
    homes = [u for u in _factored(p) if not any(a <= u.span[0] and u.span[1] <= b and (a, b) != u.span for a, b in closed)]
    for part in p.parts[:12]:
        yield Repair("factor", ((*p.span, _times(part, p)),), p.core)
        for u in homes[:14]:
            new = f"{part} {p.of(u)}" if isinstance(u, (t.Big, t.Product)) else f"{_bracketed(p, u)} {part}"
            yield Repair("factor", ((*u.span, new),), u.span)
    for part in p.parts[:6]:
        for u in homes[:8]:
            yield Repair("factor", ((*u.span, f"\\frac{{{p.of(u)}}}{{{part}}}"),), u.span)


def _factored(p: Patient) -> list[t.Node]:
    """Where a factor may stand: the terms of sums, bodies, both sides of fractions, arguments, what is in brackets."""
    found: dict[t.Span, t.Node] = {}
    for u in p.nodes:
        inner: list[t.Node] = []
        match u:
            case t.Sum(terms=terms):
                inner = [term for _, term in terms]
            case t.Big(body=body):
                inner = [body]
            case t.Fraction_(over=over, under=under):
                inner = [over, under]
            case t.Function(args=args):
                inner = list(args)
            case t.Paren(inner=one):
                inner = [one]
            case t.Power(base=base, exponent=exponent):
                inner = [base, exponent]
        found |= {v.span: v for v in inner if not (isinstance(v, t.Sum) and isinstance(u, t.Paren)) and v is not p.node}
    return list(found.values())


def inner_sums(p: Patient) -> Iterator[Repair]:
    """Σ over an unbound index around one term or product inside."""
    for a in p.extra:
        for u in p.each(t.Sum):
            for _, term in u.terms:
                yield Repair("missing-sum", ((*term.span, f"\\left({_under_sum(a, p.of(term), term)}\\right)"),), term.span)
        for u in p.each(t.Product, t.Fraction_, t.Power):
            yield Repair("missing-sum", ((*u.span, f"\\left({_under_sum(a, p.of(u), u)}\\right)"),), u.span)


def axes(p: Patient) -> Iterator[Repair]:
    """Every Σ of the line over the other axis, its 1/n with it."""
    bigs = [u for u in p.each(t.Big) if len(u.letters) == 1]
    for big_letter in dict.fromkeys(u.letters[0] for u in bigs):
        root = big_letter.rstrip("'")
        for other in p.free:
            if other == root:
                continue
            new = next((c for c in "elkmpqr" if c not in p.letters), "e")
            for n in ("", *p.sizes):
                edits = _turned(p, bigs, big_letter, root, other, new, n)
                if edits:
                    yield Repair("axis", tuple(edits), p.span)


def _turned(p: Patient, bigs: list[t.Node], letter: str, root: str, other: str, new: str, n: str) -> list[Edit]:
    edits: list[Edit] = []
    for u in bigs:
        if u.letters[0] != letter:
            continue
        edits.append((u.span[0], u.body.span[0], f"\\sum_{{{new}}}"))
        for w in t.walk(u.body):
            for s in _places(w):
                if s.name == letter:
                    edits.append((*s.span, root + " "))
                elif s.name == other:
                    edits.append((*s.span, new + " "))
    if n:
        for u in p.each(t.Fraction_):
            if isinstance(u.under, t.Symbol) and not u.under.subs and u.under.name in p.sizes and u.under.name != n:
                edits.append((*u.under.span, n))
    return edits


TABLE: tuple[Callable[[Patient], Iterator[Repair]], ...] = (
    signs,
    into_sums,
    out_of_brackets,
    missing_sums,
    extra_sums,
    means,
    numbers,
    case_swaps,
    deltas,
    brackets,
    signs_twice,
    transposes,
    bound_letters,
    indices,
    powers,
    axes,
    fractions,
    lost_factors,
    missing_terms,
    functions,
    operations,
    names,
    inner_sums,
    lost_parts,
)
