"""Expressions as LaTeX in the author's letters, for corrections that no edit of the line gives."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from derive import expr as x
from derive.errors import Problem
from derive.expr import Entry, Expr
from derive.index import Index
from derive.judges.normal import Prover, TooLarge
from derive.ops import OPS

ADD, MUL, POW, ATOM = 1, 2, 3, 4
GRADIENTS = ("U~", "∂", "given ∂")  # how arrays are called that stand for a gradient of the loss
LONGEST = 800  # characters of a correction
ACCENTS = ("hat", "bar", "tilde", "dot")
GREEK = set(
    "alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau phi chi psi omega "
    "Sigma Gamma Delta Theta Lambda Phi Psi Omega ell".split()
)


def latex(e: Expr, paper) -> str | None:
    """The formula, derivatives carried out; None where that outgrows its bounds."""
    prover = Prover(paper.program)
    try:
        done = prover.back(prover.expand(e)) if any(isinstance(u, x.D) for u in x.walk(e)) else e
    except (TooLarge, RecursionError, Problem):
        return None
    text = _text(done, _letters(done), paper)[0]
    return text if len(text) < LONGEST else None


def _letters(e: Expr) -> dict[Index, str]:
    """The free indices by their own names."""
    found: dict[Index, str] = {}
    for i in sorted(e.free, key=lambda i: i.number):
        name = i.name.rstrip("0123456789").lstrip("_") or "k"
        found[i] = name if name not in found.values() else _unused(found.values())
    return found


def _unused(taken: Iterable[str], preferred: Iterable[str] = ()) -> str:
    """A letter for an index that nothing beside it has."""
    taken = set(taken)
    return next(
        a for a in (*preferred, *"kjilmnpqrstuvwabcdefgh", *(f"k_{{{n}}}" for n in range(1, 999))) if a not in taken
    )


def _named(i: Index, names: dict[Index, str], paper) -> dict[Index, str]:
    """The names with one for a summation index: a letter that the document uses for such an axis."""
    usual = [a for a, n in sorted(paper.notes.letter_sizes.items()) if n == i.size and "'" not in a]
    return {**names, i: _unused(names.values(), usual)}


def _wrap(e: Expr, names, paper, level: int) -> str:
    text, own = _text(e, names, paper)
    return f"\\left({text}\\right)" if own < level else text


def _text(e: Expr, names, paper) -> tuple[str, int]:
    match e:
        case x.Num(value=value):
            if value == int(value):
                return str(int(value)), ATOM if value >= 0 else ADD
            sign = "-" if value < 0 else ""
            return f"{sign}\\frac{{{abs(value.numerator)}}}{{{value.denominator}}}", MUL if value > 0 else ADD
        case x.Whole(slot=slot):
            return (
                (str(slot.constant), ATOM if slot.constant.letter else ADD)
                if isinstance(slot, x.Affine)
                else (_slot(slot, names), ATOM)
            )
        case Entry(name=name, slots=slots):
            return _entry(name, slots, names, paper), ATOM
        case x.Ind(cond=x.Rel(op="eq", left=a, right=b)) if isinstance(a, Index) and isinstance(b, Index):
            return f"\\delta_{{{names[a]}{names[b]}}}", ATOM
        case x.Ind(cond=cond):
            return f"\\mathbb{{1}}[{_cond(cond, names, paper)}]", ATOM
        case x.Call(op="exp", args=(u,)):
            return f"e^{{{_text(u, names, paper)[0]}}}", POW
        case x.Call(op=op, args=args):
            return f"{OPS[op].latex}\\left({', '.join(_text(a, names, paper)[0] for a in args)}\\right)", ATOM
        case x.Add(terms=terms):
            out = ""
            for term in terms:
                piece = _wrap(term, names, paper, MUL) if not _leading_minus(term) else _text(term, names, paper)[0]
                out += piece if not out or piece.startswith("-") else f" + {piece}"
            return out, ADD
        case x.Mul(factors=factors):
            return _product(factors, names, paper)
        case x.Pow(base=base, exponent=exponent):
            if isinstance(exponent, x.Num) and exponent.value == -1:
                return f"\\frac{{1}}{{{_text(base, names, paper)[0]}}}", MUL
            if isinstance(exponent, x.Num) and exponent.value == Fraction(1, 2):
                return f"\\sqrt{{{_text(base, names, paper)[0]}}}", ATOM
            return f"{_wrap(base, names, paper, ATOM)}^{{{_text(exponent, names, paper)[0]}}}", POW
        case x.Reduce(op=op, index=i, body=body):
            sign = {"sum": "\\sum", "prod": "\\prod", "max": "\\max", "min": "\\min"}[op]
            names = _named(i, names, paper)
            return f"{sign}_{{{names[i]}}} {_wrap(body, names, paper, MUL)}", MUL
        case x.Cases(branches=branches, otherwise=otherwise):
            rows = [f"{_text(v, names, paper)[0]} & {_cond(c, names, paper)}" for c, v in branches]
            rows.append(f"{_text(otherwise, names, paper)[0]} & \\text{{otherwise}}")
            return "\\begin{cases} " + " \\\\ ".join(rows) + " \\end{cases}", ATOM
        case x.D(body=body, wrt=wrt):
            return (
                f"\\frac{{\\partial}}{{\\partial {_text(wrt, names, paper)[0]}}} {_wrap(body, names, paper, ATOM)}",
                MUL,
            )
    return str(e), ADD


def _leading_minus(e: Expr) -> bool:
    first = e.factors[0] if isinstance(e, x.Mul) else e
    return isinstance(first, x.Num) and first.value < 0


def _product(factors, names, paper) -> tuple[str, int]:
    over, under, sign = [], [], ""
    for f in factors:
        if isinstance(f, x.Num) and f.value == -1:
            sign = "-"
        elif isinstance(f, x.Pow) and isinstance(f.exponent, x.Num) and f.exponent.value < 0:
            under.append(_wrap(x.power(f.base, x.Num(-f.exponent.value)), names, paper, MUL))
        else:
            piece = _wrap(f, names, paper, MUL)
            if piece.startswith("-"):
                sign, piece = "-", piece[1:]
            over.append((isinstance(f, x.Reduce), piece))
    over.sort(key=lambda pair: pair[0])
    top = " ".join(piece for _, piece in over) or "1"
    text = f"\\frac{{{top}}}{{{' '.join(under)}}}" if under else top
    return sign + text, MUL if not sign else ADD


def _entry(name: str, slots, names, paper) -> str:
    if name.startswith(GRADIENTS):
        inner = _entry(name.split("~", 1)[-1].split("∂", 1)[-1], slots, names, paper)
        return f"\\frac{{\\partial {_loss(paper)}}}{{\\partial {inner}}}"
    places = [_slot(s, names, paper) for s in slots]
    places = [p for p, n in zip(places, _sizes(name, slots, paper), strict=True) if n != 1]
    base = spelled(name)
    return (
        f"{base}_{{{','.join(places) if any(len(p) > 1 for p in places) or len(base) > 2 else ''.join(places)}}}"
        if places
        else base
    )


def _loss(paper) -> str:
    """The loss as the formulas call it."""
    called = sorted((a for a, name in paper.notes.aliases.items() if name == paper.notes.loss), key=len)
    return spelled((called or [paper.notes.loss])[0])


def _sizes(name: str, slots, paper) -> list[int | None]:
    if name in paper.program:
        return [n.number for n in paper.program.shape(name)]
    return [None] * len(slots)


def spelled(name: str) -> str:
    """A name as LaTeX: xhat is \\hat{x}, H.3 is H^{(3)}."""
    tag = ""
    if "." in name:
        name, rest = name.split(".", 1)
        tag = f"^{{({rest})}}"
    for accent in ACCENTS:
        if name.endswith(accent) and len(name) > len(accent):
            return f"\\{accent}{{{spelled(name[: -len(accent)])}}}{tag}"
    if name in GREEK:
        return f"\\{name}{tag}"
    if name.endswith("2") and name[:-1] in GREEK:
        return f"\\{name[:-1]}^2"
    if "_" in name and len(name.split("_")[0]) == 1:
        head, sub = name.split("_", 1)
        return f"{head}_{{{sub}}}{tag}"
    return name.replace("_", "\\_") + tag


def _slot(s, names, paper=None) -> str:
    match s:
        case Index():
            return names.get(s, s.name)
        case Entry(name=name, slots=slots):
            return _entry(name, slots, names, paper)
        case x.Affine(terms=(), constant=n) if n.number is not None:
            return str(n.number + 1)
        case x.Affine(terms=((i, one),), constant=n) if one.number == 1 and n.number:
            return f"{_slot(i, names, paper)}{n.number:+d}"
    return str(s)


def _cond(c, names, paper) -> str:
    match c:
        case x.Rel(op=op, left=a, right=b):
            sign = {"eq": "=", "lt": "<", "le": "\\le"}[op]
            return f"{_side(a, names, paper)} {sign} {_side(b, names, paper)}"
        case x.Not(part=x.Rel(op="eq", left=a, right=b)):
            return f"{_side(a, names, paper)} \\neq {_side(b, names, paper)}"
        case x.And(parts=parts):
            return ",\\ ".join(_cond(p, names, paper) for p in parts)
    return str(c)


def _side(s, names, paper) -> str:
    return _text(s, names, paper)[0] if isinstance(s, Expr) and not isinstance(s, Entry) else _slot(s, names, paper)
