"""The elementwise functions: one row each, and everything the engine knows of a function stands in its row.

Columns.  `meaning`: the function in the engine's notation over more basic ones, from which SymPy's meaning follows;
a primitive has none and names its SymPy function instead.  `slope`: the textbook derivative by each argument, in the
arguments u, v and the output y; where it is left out it is `sympy.diff` of the meaning; where it is given the tests
compare it with that.  `numpy`: as a person writes it; `stable`: the form that neither overflows nor cancels, where it
differs.  `latex`: how it is set.  `reads`: further spellings.  `domain`: a condition on u.  `kink`: the points without
a derivative and the value that is used there.  `known`: the meaning, written out, is called by the function's name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from derive import expr as x
from derive.errors import Usage
from derive.expr import Expr
from derive.notation import parse


@dataclass(frozen=True)
class Op:
    """One elementwise function; see the module's docstring for the columns."""

    name: str
    args: str = "u"
    meaning: str = ""
    slope: str | tuple[str, ...] = ""
    numpy: str = ""
    stable: str = ""
    latex: str = ""
    reads: str = ""
    sympy: str = ""
    domain: str = ""
    kink: str = ""
    known: bool = False

    @property
    def arity(self) -> int:
        return len(self.args.split())

    @cached_property
    def meaning_expr(self) -> Expr | None:
        """The meaning over scalar entries u, v; None for a primitive."""
        return parse(self.meaning, scalars=(*self.args.split(), "y")) if self.meaning else None

    @cached_property
    def slopes(self) -> tuple[Expr, ...]:
        """The derivative by each argument over scalar entries u, v and the output y."""
        given = (self.slope,) if isinstance(self.slope, str) else self.slope
        if not given[0] and self.arity:
            from derive.exchange import slopes_by_sympy  # SymPy loads only when a row leaves its slope to it

            return slopes_by_sympy(self)
        return tuple(parse(text, scalars=(*self.args.split(), "y")) for text in given) if self.arity else ()

    def expand(self, args: tuple[Expr, ...]) -> Expr | None:
        """The meaning with arguments put in; None for a primitive."""
        if self.meaning_expr is None:
            return None
        values = dict(zip(self.args.split(), args, strict=True))
        return x.replace_entries(x.refresh(self.meaning_expr), lambda e: values.get(e.name))

    def slope_at(self, place: int, args: tuple[Expr, ...]) -> Expr:
        """The derivative by argument number `place` (from 0) where the arguments are these expressions."""
        values = {**dict(zip(self.args.split(), args, strict=True)), "y": x.Call(self.name, args)}
        return x.replace_entries(self.slopes[place], lambda e: values.get(e.name))


class Table:
    """The op table: rows by name, open for further rows."""

    def __init__(self, rows: tuple[Op, ...] = ()):
        self._rows: dict[str, Op] = {}
        for row in rows:
            self.add(row)

    def add(self, row: Op) -> Op:
        """Add a row; raises Usage when its name or a spelling is taken by another row."""
        for name in (row.name, *row.reads.split()):
            taken = self._rows.get(name)
            if taken is not None and taken.name != row.name:
                raise Usage(f"`{name}` is already the op `{taken.name}`")
        for name in (row.name, *row.reads.split()):
            self._rows[name] = row
        return row

    def remove(self, name: str) -> None:
        """Take a row out again."""
        row = self[name]
        self._rows = {key: other for key, other in self._rows.items() if other is not row}

    def __contains__(self, name: str) -> bool:
        return name in self._rows

    def __getitem__(self, name: str) -> Op:
        if name not in self._rows:
            raise Usage(f"there is no op `{name}`", hint="`derive explain` lists the ops")
        return self._rows[name]

    def __iter__(self) -> Iterator[Op]:
        return iter(dict.fromkeys(self._rows.values()))


OURS = ("erf", "sigmoid")  # functions that templates may call besides those of np: generated modules define them

# fmt: off
OPS = Table((
    Op("exp",      slope="y",               numpy="np.exp({u})",     latex=r"\exp",  sympy="exp"),
    Op("log",      slope="1/u",             numpy="np.log({u})",     latex=r"\log",  sympy="log", domain="u > 0"),
    Op("sin",      slope="cos(u)",          numpy="np.sin({u})",     latex=r"\sin",  sympy="sin"),
    Op("cos",      slope="-sin(u)",         numpy="np.cos({u})",     latex=r"\cos",  sympy="cos"),
    Op("arctan",   slope="1/(1 + u^2)",     numpy="np.arctan({u})",  latex=r"\arctan", sympy="atan", reads="atan"),
    Op("erf",      slope="2/pi()^(1/2)*exp(-u^2)", numpy="erf({u})", latex=r"\operatorname{erf}", sympy="erf"),
    Op("pi", "",   numpy="np.pi",                                    latex=r"\pi",   sympy="pi"),
    Op("abs",      slope="sign(u)",         numpy="np.abs({u})",     latex=r"\operatorname{abs}", sympy="Abs",
       reads="absolute fabs", kink="u = 0: 0"),
    Op("sign",     slope="0",               numpy="np.sign({u})",    latex=r"\operatorname{sign}", sympy="sign",
       kink="u = 0: 0"),
    Op("floor",    slope="0",               numpy="np.floor({u})",   latex=r"\operatorname{floor}", sympy="floor",
       kink="u an integer: 0"),
    Op("tanh",     meaning="(exp(u) - exp(-u))/(exp(u) + exp(-u))", slope="1 - y^2",
       numpy="np.tanh({u})",                latex=r"\tanh", known=True),
    Op("sinh",     meaning="(exp(u) - exp(-u))/2", slope="cosh(u)", numpy="np.sinh({u})", latex=r"\sinh"),
    Op("cosh",     meaning="(exp(u) + exp(-u))/2", slope="sinh(u)", numpy="np.cosh({u})", latex=r"\cosh"),
    Op("tan",      meaning="sin(u)/cos(u)", slope="1 + y^2",        numpy="np.tan({u})",  latex=r"\tan"),
    Op("sigmoid",  meaning="1/(1 + exp(-u))", slope="y*(1 - y)",    numpy="1 / (1 + np.exp(-{u}))",
       stable="sigmoid({u})",               latex=r"\sigma", reads="expit", known=True),
    Op("softplus", meaning="log(1 + exp(u))", slope="sigmoid(u)",   numpy="np.log(1 + np.exp({u}))",
       stable="np.logaddexp(0, {u})",       latex=r"\operatorname{softplus}", known=True),
    Op("logsigmoid", meaning="-log(1 + exp(-u))", slope="1 - sigmoid(u)", numpy="-np.log(1 + np.exp(-{u}))",
       stable="-np.logaddexp(0, -{u})",     latex=r"\log\sigma", reads="log_sigmoid"),
    Op("silu",     meaning="u/(1 + exp(-u))", slope="sigmoid(u)*(1 + u*(1 - sigmoid(u)))",
       numpy="{u} / (1 + np.exp(-{u}))", stable="{u} * sigmoid({u})",
       latex=r"\operatorname{SiLU}", reads="swish"),
    Op("gelu",     meaning="u*(1 + erf(u/2^(1/2)))/2",
       slope="(1 + erf(u/2^(1/2)))/2 + u*exp(-u^2/2)/(2*pi())^(1/2)",
       numpy="0.5 * {u} * (1 + erf({u} / 2**0.5))", latex=r"\operatorname{GELU}"),
    Op("relu",     meaning="{u if 0 < u; 0}", slope="[0 < u]",      numpy="np.maximum({u}, 0)",
       latex=r"\operatorname{ReLU}", kink="u = 0: 0"),
    Op("log1p",    meaning="log(1 + u)", slope="1/(1 + u)",         numpy="np.log1p({u})",
       latex=r"\operatorname{log1p}", domain="u > -1"),
    Op("expm1",    meaning="exp(u) - 1", slope="y + 1",             numpy="np.expm1({u})",
       latex=r"\operatorname{expm1}"),
    Op("maximum", "u v", meaning="{v if u < v; u}", slope=("[v < u]", "[u < v]"), numpy="np.maximum({u}, {v})",
       latex=r"\max", kink="u = v: 0 for both"),
    Op("minimum", "u v", meaning="{u if u < v; v}", slope=("[u < v]", "[v < u]"), numpy="np.minimum({u}, {v})",
       latex=r"\min", kink="u = v: 0 for both"),
))
# fmt: on
