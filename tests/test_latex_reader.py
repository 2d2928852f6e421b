"""LaTeX as people write it: to trees, to index notation, with places; and what is refused."""

import pytest

from derive.notation import text
from derive.readers import latex_tree as t
from derive.readers.documents import read_document
from derive.readers.latex import read_latex, read_paper
from derive.readers.latex_grammar import Lexicon, read_formula
from derive.readers.latex_meaning import Elaborator
from derive.readers.latex_tokens import Unread, macros_of, tokenize

LEXICON = Lexicon(words=frozenset({"Probs", "logprobs", "counts_sum", "recip", "LogProbs"}))
CONTEXT = (
    r"$$p_{i,j} = q_{i,j}$$ $$s_k = x_k$$ $$u = a$$ $$r_i = h_i$$ $$Probs_{i,j} = q_{i,j}$$ $$A = X W$$ $$X_{i,l} = B_{i,l}$$"  # noqa: E501
    r" $$W_{l,j} = V_{l,j}$$ $$t_{p_{1,1}} = 1$$"
)
ROWS = [
    (r"\frac12 s_k", "1/2*s[k]"),
    (r"\frac{1}{u}", "1/u[]"),
    (r"e^{s_k}", "exp(s[k])"),
    (r"\exp\{s_k\}", "exp(s[k])"),
    (r"\exp(s_k)^2", "exp(s[k])^2"),
    (r"\log s_k", "log(s[k])"),
    (r"\ln(s_k)", "log(s[k])"),
    (r"\sum_k s_k + u", "sum[k:d] s[k] + u[]"),
    (r"\sum s_k", "sum[k:d] s[k]"),
    (r"\sum_k -s_k", "sum[k:d] -s[k]"),
    (r"s_k(1 - s_k)", "s[k]*(1 - s[k])"),
    (r"s_i(\delta_{ik} - s_k)", "s[i]*([i = k] - s[k])"),
    (r"\sqrt{u}", "u[]^(1/2)"),
    (r"u^{-3/2}", "u[]^(-3/2)"),
    (r"p_{ij} * u", "p[i, j]*u[]"),
    (r"p_{i,j} \times r_i", "p[i, j]*r[i]"),
    (r"\begin{cases} 1 & i = k \\ 0 & \text{otherwise} \end{cases}", "{1 if i = k; 0}"),
    (r"\mathbb{1}[i = k]", "[i = k]"),
    (r"\tanh(u)", "tanh(u[])"),
    (r"|u|", "abs(u[])"),
    (r"Probs_{i,j}", "Probs[i, j]"),
    (r"\left(\sum_k s_k\right)^{2}", "(sum[k:d] s[k])^2"),
    (r"-\frac{1}{(u)^2}", "-u[]^(-2)"),
    (r"s_k/u", "s[k]/u[]"),
    (r"\max(u, 0)", "maximum(u[], 0)"),
    (r"\boxed{s_k}", "s[k]"),
    (r"\underbrace{s_k u}_{note}", "s[k]*u[]"),
]


@pytest.fixture(scope="module")
def paper():
    return read_paper(CONTEXT.replace("$$t_{p_{1,1}} = 1$$", ""), "c.md")


@pytest.mark.parametrize("source, wanted", ROWS, ids=[r[0] for r in ROWS])
def test_meaning(paper, source, wanted):
    elaborator = Elaborator(paper.notes, paper.program, {}, "probe")
    for _ in range(2):
        elaborator.scope.clear()
        value = elaborator.value(read_formula(tokenize(source), LEXICON))
    found = text(value.expr).replace("n]", "d]")
    assert _sizes_forgotten(found) == _sizes_forgotten(wanted)


def _sizes_forgotten(line: str) -> str:
    import re

    return re.sub(r":\??[\w@:#]+", "", line)


TREES = [
    (r"ax_i", ["a", "x"]),
    (r"Wx^{(i)}", ["W", "x"]),
    (r"dLogProbs_{i,j}", ["LogProbs"]),
    (r"d\text{Probs}", ["Probs"]),
    (r"\frac{dloss}{dlogprobs}", ["loss", "logprobs"]),
    (r"\hat{y}^{(i)}", ["yhat"]),
    (r"H^{(3)T} @ W", ["H", "W"]),
    (r"counts\_sum_{i}", ["counts_sum"]),
    (r"\frac1m\sum_{i=1}^mdZ_i", ["m", "Z", "m"]),
    (r"\partial L/\partial Y_{nm}", ["L", "Y"]),
]


@pytest.mark.parametrize("source, names", TREES, ids=[r[0] for r in TREES])
def test_words(source, names):
    lexicon = Lexicon(words=LEXICON.words | {"loss"})
    found = [u for u in t.walk(read_formula(tokenize(source), lexicon)) if isinstance(u, t.Symbol)]
    places = {id(s) for u in found for s in u.subs}
    assert [u.name for u in found if id(u) not in places] == names


def test_macros_keep_the_place_of_the_call():
    macros = macros_of(
        r"\newcommand{\pd}[2]{\frac{\partial #1}{\partial #2}} \def\half{\frac12} \DeclareMathOperator{\sm}{softmax}"
    )
    tree = read_formula(tokenize(r"2 \pd{L}{x}", macros), LEXICON)
    assert isinstance(tree.factors[1][1], t.Derivative)
    assert tree.factors[1][1].span == (2, 5) or tree.factors[1][1].span[0] == 2


BAD = [
    r"\frac{a}",
    r"a +",
    r"\left( a",
    r"\sum_{",
    "a } b",
    r"\begin{cases} 1",
    "x_",
    "x^",
    r"\hat",
    r"\foo{x}",
    "",
    "(" * 60 + "x" + ")" * 60,
]


@pytest.mark.parametrize("source", BAD)
def test_broken_latex_is_refused_with_its_place(source):
    with pytest.raises(Unread) as caught:
        read_formula(tokenize(source), LEXICON)
    assert 0 <= caught.value.start < caught.value.end <= len(source) + 1


def test_macro_bombs_end():
    bomb = macros_of(r"\def\a{\a\a}")
    with pytest.raises(Unread):
        tokenize(r"\a", bomb)


def test_blocks_of_markdown_with_their_places():
    source = "---\ntitle: x\n---\n# H $a=b$\n\ntext $x_i = 1$ more\n\n```python\ny = $1\n```\n\n$$\nz = 2\n$$\n"
    blocks = read_document(source, "n.md").blocks
    assert [(b.kind, b.source.place(b.start)[0]) for b in blocks if b.kind not in ("prose",)] == [
        ("code", 2),
        ("heading", 4),
        ("inline", 4),
        ("inline", 6),
        ("code", 9),
        ("display", 12),
    ]


def test_definitions_as_a_forward_pass():
    program = read_latex("$$s_i = \\frac{e^{x_i}}{\\sum_{j=1}^{C} e^{x_j}}$$\n\n$$L = -\\sum_i y_i \\log s_i$$", "f.md")
    assert program.outputs == ("L",)
    assert [e.name for e in program.equations] == ["s", "L"]
    assert {v.name for v in program.inputs} == {"x", "y"}
