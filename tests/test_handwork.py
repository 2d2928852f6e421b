"""The author's own lines in a report: their notation as layout trees, hostile LaTeX refused, verdicts beside them."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from derive import checker
from derive.readers.latex_tokens import macros_of
from derive.writers.authored import NotPlain, author_node, pieces_of
from derive.writers.handwork import notes_report
from derive.writers.latex import report_files
from derive.writers.pdf import compile_tex, find_tex
from derive.writers.text import report_text
from derive.writers.text_formula import text
from derive.writers.typst import compile_typst, report_typst

# fmt: off
WRITTEN = [  # what the author wrote, how it is shown
    (r"\frac{\partial L}{\partial Z_{ij}}", "∂L/∂Z_ij"),
    (r"\tfrac12 x", "(1/2) x"),
    (r"-\frac1N \sum_{i=1}^N y_i \log p_i", "−(1/N) Σ_{i=1}^N y_i log p_i"),
    (r"\sum\limits_{k} e^{z_k}", "Σ_k e^(z_k)"),
    (r"\left(\frac{a}{b}\right)^2", "(a/b)²"),
    (r"H^{(3)} @ W^{(4)}", "H⁽³⁾ @ W⁽⁴⁾"),
    (r"\hat{y}_i", "ŷ_{i}".replace("ŷ", "y\u0302")),
    (r"\sqrt{\sigma^2+\epsilon}", "√(σ² + ε)"),
    (r"d\text{LogProbs}_{i,j} * Exp4_{i,j}", "dLogProbs_{i, j} · Exp4_{i, j}"),
    (r"\begin{cases}1 & i=k\\0 & \text{otherwise}\end{cases}", "{1   i = k; 0   otherwise}"),
    (r"\begin{pmatrix}a & b\\c & d\end{pmatrix}", "[a, b; c, d]"),
    (r"\mathbb{1}[j=y_i]\,\mathbf{w}^\top x", "𝟏 [j = y_i] 𝐰ᵀ x"),
    (r"\underbrace{x}_{\text{the input}}", "x ‹the input›"),
    (r"\operatorname{softmax}(z)_i", "softmax (z)_{i}"),
    (r"f'(x) \ln x \cdot \| x \|", "f′ (x) ln x ·‖x‖"),
    (r"x \in \mathbb{R}^n", "x ∈ ℝ^n"),
    (r"\text{if $i=j$}", "if i = j"),
    (r"]0, 1[", None),
    (r"\input{/etc/passwd}", None),
    (r"\write18{rm x}", None),
    (r"\def\x{y}\x", None),
    (r"\csname input\endcsname", None),
    (r"\catcode`\@=11", None),
    (r"\href{file:///etc/passwd}{x}", None),
    (r"x^{", None),
    (r"\begin{verbatim}x\end{verbatim}", None),
    ("{" * 100 + "x" + "}" * 100, None),
]
# fmt: on


@pytest.mark.parametrize(("written", "shown"), WRITTEN, ids=[row[0][:40] for row in WRITTEN])
def test_the_authors_notation(written, shown):
    if shown is None:
        with pytest.raises(NotPlain):
            author_node(written)
    else:
        assert text(author_node(written)) == shown


def test_lines_and_shaded_parts():
    display = r"\begin{aligned} a &= b + c \\ &= d = e \end{aligned}"
    cut = [display.index(c) + 1 for c in (" b", " d", " e")]
    lines = pieces_of(display, shade=[(cut[0], cut[0] + 1)], cut=cut)
    told = [[(p.relation and text(p.relation), text(p.body)) for p in line] for line in lines]
    assert told == [[(None, "a"), ("=", "b + c")], [("=", "d"), ("=", "e")]]
    assert "Mark" in repr(lines[0][1].body) and "Mark" not in repr(lines[1])


def test_macros_are_expanded_and_bounded():
    macros = macros_of(r"\newcommand{\pd}[2]{\frac{\partial #1}{\partial #2}}\newcommand{\bomb}{\bomb\bomb}")
    assert text(author_node(r"\pd{L}{x}", macros)) == "∂L/∂x"
    with pytest.raises(NotPlain):
        author_node(r"\bomb", macros)


NOTES = r"""With $s_i = \frac{e^{x_i}}{\sum_k e^{x_k}}$ and $L = -\sum_i y_i \log s_i$, where $\sum_i y_i = 1$:

$$
\begin{aligned}
\frac{\partial s_i}{\partial x_k} &= s_i (\delta_{ik} + s_k) \\
&= s_i \delta_{ik} + s_i s_k
\end{aligned}
$$

$$\frac{\partial L}{\partial x_k} = s_k - y_k$$

$$\frac{\partial L}{\partial x_k} = \input{/etc/passwd} s_k$$
"""
CODE = """\
import numpy as np
# shapes: x (n, C) · y int (n,)
def forward(x, y):
    e = np.exp(x)
    p = e / e.sum(1, keepdims=True)
    return -np.log(p[np.arange(len(y)), y]).mean()

p = np.exp(x) / np.exp(x).sum(1, keepdims=True)
dx = p.copy()
dx[np.arange(len(y)), y] += 1
dx /= len(y)
"""


@pytest.fixture(scope="module")
def report():
    (_, notes), (_, code) = checker.handwork(NOTES, kind="md"), checker.handwork(CODE, kind="code")
    return notes_report([notes, code], (), "")


def test_every_line_has_its_verdict(report):
    held = [(line.place, line.verdict, text(line.rhs) if line.rhs else line.source.splitlines()[0])
            for group in report.checked[0].groups for line in group]  # fmt: skip
    assert ("5", "wrong", "s_i (δ_ik + s_k)") in held
    assert ("6", "carried", "s_i δ_ik + s_i s_k") in held
    assert ("10", "right", "s_k − y_k") in held
    assert ("12", "unreadable", r"\frac{\partial L}{\partial x_k} = \input{/etc/passwd} s_k") in held
    wrong = next(line for group in report.checked[0].groups for line in group if line.verdict == "wrong")
    assert text(wrong.correction).startswith("= s_i (δ_ik − s_k)") and wrong.aside and "E301" in wrong.words


def test_code_is_shown_as_it_stands(report):
    (line,) = [line for group in report.checked[1].groups for line in group if line.verdict == "wrong"]
    assert line.source.splitlines()[0] == "dx = p.copy()" and line.correction


def test_the_text_says_it(report):
    said = report_text(report)
    assert "✗    5  ∂s_i/∂x_k = s_i (δ_ik + s_k)" in said and "should read  = s_i (δ_ik − s_k)" in said
    assert all(len(line) <= 100 for line in said.splitlines())


@pytest.mark.parametrize("engine", ["pdflatex", "lualatex"])
def test_tex_sets_it_within_its_edges(engine, report):
    if find_tex(engine) is None:
        pytest.skip(f"{engine} with its packages is not installed")
    files = report_files(report)
    assert r"\input{/etc" not in files["report.tex"]
    found = compile_tex(files, engine)
    assert found.pdf is not None, found.problem
    assert "Overfull" not in found.log


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="pdftotext is not installed")
def test_typst_sets_it_within_its_edges(report, tmp_path):
    pytest.importorskip("typst", reason="the embedded PDF engine is not installed")
    (tmp_path / "r.pdf").write_bytes(compile_typst(report_typst(report)))
    run = subprocess.run(["pdftotext", "-bbox", tmp_path / "r.pdf", "-"], capture_output=True, check=True)
    ends = [float(n) for n in re.findall(r'xMax="([\d.]+)"', run.stdout.decode())]
    assert ends and max(ends) <= 193 / 25.4 * 72 + 2


