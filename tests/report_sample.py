"""The mock-up's report, softmax cross-entropy, built by hand: the sample that every writer's tests print.

Conventions that this sample fixes: `Line.rhs` has no equals sign; `Card.result` and `Report.headline` are whole
equations; `Answer.formula` is the right-hand side only.
"""

from __future__ import annotations

from derive.writers.document import (
    Answer,
    Badge,
    Card,
    Check,
    Crumb,
    ForwardLine,
    Graph,
    GraphEdge,
    GraphNode,
    Lemma,
    Line,
    Report,
    RuleUse,
    Verification,
)
from derive.writers.layout import Big, Fence, Frac, Grid, Mark, Node, Num, Op, Script, Sym, Text, Under, row

PARTIAL = Op("partial", "prefix")
PLUS, MINUS, EQ, NEG = Op("plus"), Op("minus"), Op("eq"), Op("minus", "prefix")
COMMA, TIMES, CDOT, ODOT, OSLASH = Op("comma"), Op("times"), Op("cdot"), Op("odot"), Op("oslash")
ONE, OVER_N = Num("1"), Frac(Num("1"), Sym("N"))


def at(name: str, *indices: str) -> Node:
    """P_{ij}"""
    return Script(Sym(name), row(*map(Sym, indices)))


def d(over: Node | str, under: Node | str) -> Node:
    """The partial derivative of `over` by `under`."""
    over, under = (Sym(x) if isinstance(x, str) else x for x in (over, under))
    return Frac(row(PARTIAL, over), row(PARTIAL, under))


def by(under: Node) -> Node:
    """The operator: derive what follows by `under`."""
    return Frac(PARTIAL, row(PARTIAL, under))


def flat(name: str) -> Node:
    """The gradient on one line, with a slash."""
    return row(PARTIAL, Sym("L"), Op("slash", "tight"), PARTIAL, Sym(name))


def total(*indices: str) -> Node:
    return Big("sum", row(*(item for n, i in enumerate(indices) for item in ((COMMA,) if n else ()) + (Sym(i),))))


def delta(*indices: Node) -> Node:
    return Script(Sym("delta", "greek"), row(*indices))


def redex(*items: Node) -> Node:
    return Mark(row(*items), "redex")


def fresh(*items: Node) -> Node:
    return Mark(row(*items), "fresh")


def paren(*items: Node) -> Node:
    return Fence(row(*items))


def equation(*items: Node) -> Node:
    return row(*items)


I_, J_, K_, M_ = Sym("i"), Sym("j"), Sym("k"), Sym("m")
Y_I, Y_M = Script(Sym("y"), I_), Script(Sym("y"), M_)
NC, N1, SCALAR = row(Sym("N"), TIMES, Sym("C")), row(Sym("N"), TIMES, ONE), Text("scalar")
CHAIN = ("Z", "E", "s", "r", "P", "Q", "L")
SQUARED = Num("2")
PRIME = Sym("′", "roman")


def crumbs(current: str) -> tuple[Crumb, ...]:
    return tuple(Crumb(Sym(name), name == current) for name in CHAIN)


Q_MY = Script(Sym("Q"), row(M_, Y_M))
D_MI, D_KJ, D_YMJ, D_YIJ = delta(M_, I_), delta(K_, J_), delta(Y_M, J_), delta(Y_I, J_)

CARD_1 = Card(
    "1",
    "Q",
    flat("Q"),
    "the loss picks one entry per row",
    crumbs("Q"),
    (
        Line(
            "1.1",
            d("L", at("Q", "i", "j")),
            row(redex(by(at("Q", "i", "j"))), paren(NEG, OVER_N, redex(total("m")), Q_MY)),
            "definition of L",
            "forward line 6",
        ),
        Line(
            "1.2",
            None,
            row(NEG, OVER_N, fresh(total("m"), redex(d(Q_MY, at("Q", "i", "j"))))),
            "linearity",
            row(PARTIAL, total("m"), at("f", "m"), EQ, total("m"), PARTIAL, at("f", "m")),
        ),
        Line(
            "1.3",
            None,
            row(NEG, OVER_N, redex(total("m"), fresh(D_MI, D_YMJ))),
            "derivative of an entry",
            row(PARTIAL, at("Q", "m", "k"), Op("slash", "tight"), PARTIAL, at("Q", "i", "j"), EQ, D_MI, D_KJ),
        ),
        Line(
            "1.4",
            None,
            row(NEG, OVER_N, fresh(D_YIJ), EQ, NEG, OVER_N, fresh(at("Y", "i", "j"))),
            "a delta collapses its sum",
            row(total("m"), D_MI, at("f", "m"), EQ, at("f", "i")),
        ),
    ),
    equation(d("L", "Q"), EQ, NEG, OVER_N, Sym("Y")),
    "dQ = -Y / N",
    NC,
)

CARD_2 = Card(
    "2",
    "P",
    flat("P"),
    "elementwise logarithm",
    crumbs("P"),
    (
        Line(
            "2.1",
            d("L", at("P", "i", "j")),
            row(total("m", "k"), d("L", at("Q", "m", "k")), redex(d(at("Q", "m", "k"), at("P", "i", "j")))),
            "chain rule",
            "sum over all entries of Q",
        ),
        Line(
            "2.2",
            None,
            row(
                redex(total("m", "k")),
                d("L", at("Q", "m", "k")),
                fresh(Frac(redex(D_MI, D_KJ), at("P", "i", "j"))),
            ),
            "derivative of log",
            row(Script(Sym("log", "function"), None, PRIME), Sym("x"), EQ, ONE, Op("slash", "tight"), Sym("x")),
            conditions=("needs P ≠ 0: true, e^x > 0",),
        ),
        Line(
            "2.3",
            None,
            fresh(d("L", at("Q", "i", "j")), Frac(ONE, at("P", "i", "j"))),
            "a delta collapses its sum",
            "twice: m → i, k → j",
        ),
    ),
    equation(d("L", "P"), EQ, d("L", "Q"), OSLASH, Sym("P")),
    "dP = dQ / P",
    NC,
)

CARD_3 = Card(
    "3",
    "r",
    flat("r"),
    "one number serves a whole row",
    crumbs("r"),
    (
        Line(
            "3.1",
            d("L", at("r", "i")),
            row(
                total("m", "k"),
                d("L", at("P", "m", "k")),
                redex(by(at("r", "i")), paren(at("E", "m", "k"), at("r", "m"))),
            ),
            "chain rule",
            "forward line 4",
        ),
        Line(
            "3.2",
            None,
            row(
                total("k"),
                redex(total("m")),
                d("L", at("P", "m", "k")),
                fresh(at("E", "m", "k"), redex(D_MI)),
            ),
            "product with a constant",
            "",
        ),
        Line(
            "3.3",
            None,
            fresh(total("k"), d("L", at("P", "i", "k")), at("E", "i", "k")),
            "the adjoint of a broadcast is a sum",
            "r was repeated along the classes",
        ),
    ),
    equation(d("L", "r"), EQ, paren(d("L", "P"), ODOT, Sym("E")), Sym("1", "bold")),
    "dr = (dP * E).sum(axis=1, keepdims=True)",
    N1,
)

CARD_4 = Card(
    "4",
    "s",
    flat("s"),
    "reciprocal",
    crumbs("s"),
    (
        Line(
            "4.1",
            d("L", at("s", "i")),
            row(d("L", at("r", "i")), redex(by(at("s", "i")), Script(Sym("s"), I_, row(NEG, ONE)))),
            "chain rule, elementwise",
            "",
        ),
        Line(
            "4.2",
            None,
            row(fresh(NEG), d("L", at("r", "i")), fresh(Frac(ONE, Script(Sym("s"), I_, SQUARED)))),
            "power rule",
            row(
                Script(Fence(Script(Sym("x"), None, Sym("n"))), None, PRIME),
                EQ,
                Sym("n"),
                Script(Sym("x"), None, row(Sym("n"), MINUS, ONE)),
                Text(" with "),
                Sym("n"),
                EQ,
                NEG,
                ONE,
            ),
        ),
    ),
    equation(d("L", "s"), EQ, NEG, d("L", "r"), OSLASH, Script(Sym("s"), None, SQUARED)),
    "ds = -dr / s**2",
    N1,
)

CARD_5 = Card(
    "5",
    "E",
    flat("E"),
    "two uses, two paths",
    crumbs("E"),
    (
        Line(
            "5.1",
            d("L", at("E", "i", "j")),
            row(
                Under(
                    row(
                        total("m", "k"),
                        d("L", at("P", "m", "k")),
                        redex(
                            Script(
                                Fence(d(paren(at("E", "m", "k"), at("r", "m")), at("E", "i", "j")), "eval"),
                                Sym("r"),
                            )
                        ),
                    ),
                    Text("directly, through P"),
                ),
                PLUS,
                Under(
                    row(total("m"), d("L", at("s", "m")), redex(d(at("s", "m"), at("E", "i", "j")))),
                    Text("through the normaliser"),
                ),
            ),
            "sum over paths",
            "see the orange arrow in the graph",
        ),
        Line(
            "5.2",
            None,
            row(
                fresh(d("L", at("P", "i", "j")), at("r", "i")),
                PLUS,
                d("L", at("s", "i")),
                fresh(CDOT, ONE),
            ),
            "product rule; derivative of a sum",
            row(
                PARTIAL,
                at("s", "m"),
                Op("slash", "tight"),
                PARTIAL,
                at("E", "i", "j"),
                EQ,
                D_MI,
                Text(", so the sum collapses"),
            ),
        ),
    ),
    equation(
        d("L", "E"),
        EQ,
        d("L", "P"),
        ODOT,
        Sym("r"),
        PLUS,
        d("L", "s"),
        Script(Sym("1", "bold"), None, Op("transpose", "tight")),
    ),
    "dE = dP * r + ds",
    NC,
)


def over_np(j: str) -> Node:
    """Y_ij / (N P_ij), with P_ij about to cancel."""
    return Frac(at("Y", "i", j), row(Sym("N"), at("P", "i", j)))


CARD_6 = Card(
    "6",
    "Z",
    flat("Z"),
    "everything substituted, then simplified",
    crumbs("Z"),
    (
        Line(
            "6.1",
            d("L", at("Z", "i", "j")),
            row(redex(d("L", at("E", "i", "j"))), at("E", "i", "j")),
            "chain rule; derivative of exp",
            row(
                Script(Fence(Script(Sym("e"), None, Sym("x"))), None, PRIME),
                EQ,
                Script(Sym("e"), None, Sym("x")),
                Text(", and "),
                Script(Sym("e"), None, at("Z", "i", "j")),
                EQ,
                at("E", "i", "j"),
            ),
        ),
        Line(
            "6.2",
            None,
            row(
                fresh(
                    paren(
                        d("L", at("P", "i", "j")),
                        at("r", "i"),
                        MINUS,
                        redex(d("L", at("r", "i"))),
                        Script(Sym("r"), I_, SQUARED),
                    )
                ),
                at("E", "i", "j"),
            ),
            "substitute 5 and 4",
            row(ONE, Op("slash", "tight"), at("s", "i"), EQ, at("r", "i")),
        ),
        Line(
            "6.3",
            None,
            row(
                paren(
                    d("L", at("P", "i", "j")),
                    at("r", "i"),
                    MINUS,
                    fresh(total("k"), d("L", at("P", "i", "k")), redex(at("E", "i", "k"), at("r", "i"))),
                    at("r", "i"),
                ),
                redex(at("E", "i", "j")),
            ),
            "substitute 3",
            "",
        ),
        Line(
            "6.4",
            None,
            row(
                fresh(at("P", "i", "j")),
                paren(
                    redex(d("L", at("P", "i", "j"))),
                    MINUS,
                    total("k"),
                    redex(d("L", at("P", "i", "k"))),
                    fresh(at("P", "i", "k")),
                ),
            ),
            "fold E r to P",
            "softmax Jacobian times a vector",
        ),
        Line(
            "6.5",
            None,
            row(
                at("P", "i", "j"),
                paren(
                    fresh(NEG, over_np("j")),
                    PLUS,
                    total("k"),
                    fresh(Frac(at("Y", "i", "k"), row(Sym("N"), redex(at("P", "i", "k"))))),
                    redex(at("P", "i", "k")),
                ),
            ),
            "substitute 2 and 1",
            "",
        ),
        Line(
            "6.6",
            None,
            row(
                OVER_N,
                paren(
                    fresh(NEG, at("Y", "i", "j")),
                    PLUS,
                    at("P", "i", "j"),
                    redex(total("k"), fresh(at("Y", "i", "k"))),
                ),
            ),
            "cancel P",
            "",
            conditions=("needs P ≠ 0: true, e^x > 0",),
        ),
        Line(
            "6.7",
            None,
            row(OVER_N, paren(at("P", "i", "j"), CDOT, fresh(ONE), MINUS, at("Y", "i", "j"))),
            "one-hot rows sum to one",
            "from 0 ≤ y < C",
        ),
    ),
    equation(d("L", "Z"), EQ, OVER_N, paren(Sym("P"), MINUS, Sym("Y"))),
    "dZ = (P - Y) / N",
    NC,
)


def _sum_to(index: str, bound: str) -> Node:
    return Big("sum", row(Sym(index), EQ, ONE), Sym(bound))


FORWARD = (
    ForwardLine(
        1,
        "E = np.exp(Z)",
        row(at("E", "i", "j"), EQ, Script(Sym("e"), None, at("Z", "i", "j"))),
        NC,
        "exponentials",
    ),
    ForwardLine(
        2,
        "s = E.sum(axis=1, keepdims=True)",
        row(at("s", "i"), EQ, _sum_to("j", "C"), at("E", "i", "j")),
        N1,
        "normaliser",
    ),
    ForwardLine(
        3,
        "r = 1 / s",
        row(at("r", "i"), EQ, ONE, Op("slash", "tight"), at("s", "i")),
        N1,
        "its reciprocal",
    ),
    ForwardLine(
        4,
        "P = E * r",
        row(at("P", "i", "j"), EQ, at("E", "i", "j"), at("r", "i")),
        NC,
        "probabilities",
    ),
    ForwardLine(
        5,
        "Q = np.log(P)",
        row(at("Q", "i", "j"), EQ, Sym("log", "function"), at("P", "i", "j")),
        NC,
        "log-probabilities",
    ),
    ForwardLine(
        6,
        "L = -Q[np.arange(N), y].mean()",
        row(Sym("L"), EQ, NEG, OVER_N, _sum_to("i", "N"), Script(Sym("Q"), row(I_, Y_I))),
        SCALAR,
        "loss",
    ),
)

INPUTS = (
    ForwardLine(0, "Z", row(at("Z", "i", "j"), Op("in"), Sym("ℝ", "roman")), NC, "logits, from the file"),
    ForwardLine(0, "y", row(Num("0"), Op("le"), Y_I, Op("lt"), Sym("C")), Sym("N"), "classes, whole numbers"),
)

GRAPH = Graph(
    tuple(
        GraphNode(
            name,
            Sym(name),
            SCALAR if name == "L" else N1 if name in "sr" else NC,
            "input" if name == "Z" else "output" if name == "L" else "inner",
        )
        for name in CHAIN
    ),
    (
        GraphEdge("Z", "E", "exp", 6),
        GraphEdge("E", "s", "row sum", 5),
        GraphEdge("s", "r", "1/x", 4),
        GraphEdge("r", "P", "×", 3),
        GraphEdge("P", "Q", "log", 2),
        GraphEdge("Q", "L", "pick, mean", 1),
        GraphEdge("E", "P", "second use of E", None, True),
    ),
    "Solid: the forward pass, with array shapes. Dashed: the order in which the gradients are derived. "
    "Orange: second path.",
)


def p(n: Node | str, *rest: Node | str) -> Node:
    """p_1, p_j ... products of entries of one softmax row."""
    entries = (Script(Sym("p"), Num(i) if i.isdigit() else Sym(i)) for i in (n, *rest))
    return row(*entries)


def _diagonal(i: str) -> Node:
    return row(p(i), paren(ONE, MINUS, p(i)))


DOTS, VDOTS, DDOTS = Op("ellipsis", "tight"), Op("vdots", "tight"), Op("ddots", "tight")
LEMMA = Lemma(
    "Softmax Jacobian",
    "The step 6.4 is the product with the Jacobian of one row p of P. The matrix never has to be built: "
    "multiplying by it costs O(C), not O(C²).",
    (
        row(
            d("p", "z"),
            EQ,
            Grid(
                (
                    (_diagonal("1"), row(NEG, p("1", "2")), DOTS, row(NEG, p("1", "C"))),
                    (row(NEG, p("2", "1")), _diagonal("2"), DOTS, row(NEG, p("2", "C"))),
                    (VDOTS, VDOTS, DDOTS, VDOTS),
                    (row(NEG, p("C", "1")), row(NEG, p("C", "2")), DOTS, _diagonal("C")),
                )
            ),
            EQ,
            Sym("diag", "function"),
            paren(Sym("p")),
            MINUS,
            Sym("p"),
            Script(Sym("p"), None, Op("transpose", "tight")),
        ),
        row(
            d(p("j"), Script(Sym("z"), K_)),
            EQ,
            Grid(
                (
                    (_diagonal("j"), row(Text("if "), J_, EQ, K_)),
                    (row(NEG, p("j", "k")), Text("otherwise")),
                ),
                "cases",
            ),
        ),
    ),
    ("6.4",),
)

VERIFICATION = Verification(
    "Random logits, N = 32, C = 10, seed 0, double precision. The error is max|g − g_num| / max|g|.",
    "Complex step: Im L(x + ih)/h with h = 1e-30 has no cancellation, so agreement to the last digit is expected. "
    "Central differences lose about eight digits.",
    (
        Check(flat("Q"), "32×10", "0.031", "0", "4.6e-9", True),
        Check(flat("P"), "32×10", "45.8", "3.9e-17", "7.2e-7", True),
        Check(flat("r"), "32×1", "17.9", "2.0e-16", "1.1e-7", True),
        Check(flat("s"), "32×1", "0.0052", "8.4e-17", "4.2e-8", True),
        Check(flat("E"), "32×10", "1.50", "1.5e-16", "7.3e-10", True),
        Check(flat("Z"), "32×10", "0.031", "3.9e-16", "1.2e-8", True),
    ),
)

CODE = '''\
def backward(y, P):
    """Gradient with respect to the logits (step 6.7)."""
    N = P.shape[0]
    dZ = P.copy()                    # (N, C)
    dZ[np.arange(N), y] -= 1.0       # P - Y
    dZ /= N
    return dZ
'''


F, X = Sym("f"), Sym("x")
RULES = (
    RuleUse(
        "chain rule",
        row(
            Frac(PARTIAL, row(PARTIAL, X)),
            F,
            EQ,
            total("k"),
            Frac(row(PARTIAL, F), row(PARTIAL, at("u", "k"))),
            Frac(row(PARTIAL, at("u", "k")), row(PARTIAL, X)),
        ),
        ("2.1", "3.1", "4.1", "6.1"),
    ),
    RuleUse(
        "linearity",
        row(PARTIAL, total("m"), at("f", "m"), EQ, total("m"), PARTIAL, at("f", "m")),
        ("1.2",),
    ),
    RuleUse("derivative of an entry", row(d(at("Q", "m", "k"), at("Q", "i", "j")), EQ, D_MI, D_KJ), ("1.3",)),
    RuleUse("a delta collapses its sum", row(total("m"), D_MI, at("f", "m"), EQ, at("f", "i")), ("1.4", "2.3")),
    RuleUse("product with a constant", row(PARTIAL, paren(Sym("c"), F), EQ, Sym("c"), PARTIAL, F), ("3.2",)),
    RuleUse("the adjoint of a broadcast is a sum", "what was repeated forwards is summed backwards", ("3.3",)),
    RuleUse(
        "power rule",
        row(
            Script(paren(Script(X, None, Sym("n"))), None, PRIME),
            EQ,
            Sym("n"),
            Script(X, None, row(Sym("n"), MINUS, ONE)),
        ),
        ("4.2",),
    ),
    RuleUse("sum over paths", row(PARTIAL, F, EQ, total("p"), Script(PARTIAL, Sym("p")), F), ("5.1",)),
    RuleUse("substitute", "a gradient derived above is put in by its number", ("6.2", "6.3", "6.5")),
    RuleUse("cancel", row(Frac(row(Sym("a"), X), X), EQ, Sym("a"), Text(", "), X, Op("ne"), Num("0")), ("6.6",)),
    RuleUse("one-hot rows sum to one", row(total("k"), at("Y", "i", "k"), EQ, ONE), ("6.7",)),
)

HEADLINE = row(
    d("L", "Z"),
    EQ,
    OVER_N,
    paren(Sym("P"), MINUS, Sym("Y")),
    Op("in"),
    Script(Sym("ℝ", "roman"), None, NC),
)


def sample_report() -> Report:
    """Softmax cross-entropy with one headline result, all six cards."""
    return Report(
        title="Softmax cross-entropy",
        subtitle="How the mean negative log-likelihood changes with the logits",
        source="softmax_xent.py",
        badges=(Badge("6 of 6 proved", "proved"), Badge("21 named steps", "plain"), Badge("0 open", "plain")),
        lead="The loss reaches the logits through five intermediate arrays; the exponentials E are used twice, so "
        "their gradient is a sum over two paths. When the chain is multiplied out, everything but a difference "
        "cancels:",
        headline=HEADLINE,
        headline_aside="P are the probabilities, Y = [j = y] the one-hot targets. Every symbol keeps the name it has "
        "in your code.",
        answers=(Answer(flat("Z"), row(OVER_N, paren(Sym("P"), MINUS, Sym("Y"))), NC, "dZ = (P - Y) / N", "proved"),),
        forward=FORWARD,
        abbreviations=(),
        graph=GRAPH,
        conventions="Each gradient has the shape of its variable. Indices i, m run over the batch 1…N, indices j, k "
        "over the classes 1…C. In each line, what the next rule rewrites is shaded; what it became is coloured; and "
        "the rule stands in the margin, beside the line that it produced.",
        cards=(CARD_1, CARD_2, CARD_3, CARD_4, CARD_5, CARD_6),
        lemmas=(LEMMA,),
        verification=VERIFICATION,
        code=CODE,
        rules=RULES,
    )


def sum_of_terms(count: int) -> Node:
    """A sum of `count` products: a right-hand side as long as one likes."""
    terms = [row(d("L", at("P", "i", "k")), at("W", "k", "j")) for _ in range(count)]
    return row(*(item for n, term in enumerate(terms) for item in ((PLUS,) if n else ()) + (term,)))


HOSTILE = r"a_b #1 $x$ 100% & ~ ^ \input{/etc/passwd} {} <%= x %> \end{document} δΣ∂≤…×→·−√é中😀 -- ``'' \""


def hostile_report() -> Report:
    """Names, comments and code that try to leave their box; long lines everywhere; several answers."""
    long_code = "dlogits = " + " + ".join(f"grad_of_something[{n}, :, None]" for n in range(9))
    name = Sym("d_logits", "mono")
    grad = d("loss", Sym("counts_sum", "roman"))
    line = Line("1.1", grad, row(OVER_N, paren(sum_of_terms(14))), HOSTILE, HOSTILE, conditions=(HOSTILE,))
    card = Card(
        "1", "counts sum/..", grad, HOSTILE, (Crumb(name, True),), (line,), row(grad, EQ, sum_of_terms(12)),
        long_code, NC,
    )  # fmt: skip
    forward = (ForwardLine(1, long_code, row(name, EQ, sum_of_terms(9)), NC, HOSTILE),) + FORWARD
    return Report(
        title=HOSTILE,
        subtitle=HOSTILE,
        source="bad_name #1%.py",
        badges=(Badge("0 of 1 proved", "open"), Badge("1 tested", "tested"), Badge(HOSTILE, "plain")),
        lead=HOSTILE,
        headline=None,
        headline_aside="",
        answers=(
            Answer(grad, sum_of_terms(10), NC, long_code, "open"),
            Answer(flat("Z"), Sym("Z"), NC, "dZ = Z", "tested"),
            Answer(flat("W"), row(Sym("X"), Sym("W")), NC, "dW = X.T @ W", "proved"),
        ),
        forward=forward,
        inputs=INPUTS,
        abbreviations=(("counts_sum_inv", Sym("csi")), (HOSTILE, Sym("x"))),
        graph=GRAPH,
        conventions=HOSTILE,
        cards=(card,),
        lemmas=(),
        verification=None,
        code="# " + HOSTILE + "\n" + long_code + "\n",
        rules=(RuleUse(HOSTILE, HOSTILE, tuple(f"{n}.{m}" for n in range(9) for m in range(9))),),
        detail="every",
    )
