"""Matrix notation from outside: the API, the commands, reports in every target, and the checker as a second judge."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import derive
from derive.cli import main
from derive.writers.latex import report_files
from derive.writers.latex_math import latex
from derive.writers.letters import spelling
from derive.writers.matrix import Matrices
from derive.writers.text import report_text
from derive.writers.text_formula import text
from derive.writers.typst import compile_typst, report_typst

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "matrix_network.py"
NETWORK = """
# shapes: X (n, p) · W (p, C) · b (C,) · T (n, C, p)
def forward(X, W, b, T):
    Z = X @ W + b
    q = T[:, :, 1]
    L = (Z * q).sum()
    return L
"""


@pytest.fixture(scope="module")
def network():
    return derive.differentiate(EXAMPLE)


@pytest.fixture(scope="module")
def report(network):
    return network.as_report(notation="matrix", verified=False)


# ---------------------------------------------------------------- views


def test_a_view_in_matrix_notation(network):
    assert network["V"].unicode("matrix") == "dV = Xᵀ dA"
    assert network["V"].latex(notation="matrix") == r"dV=X^{\top}\,dA"
    assert network["Z"].unicode("matrix") == "dZ = (1/n) (P − Y)"
    assert network["Z"].unicode() == "∂L/∂Z_iq = (1/n) (P_iq − Y_iq)"


def test_what_has_no_matrix_form_stays_in_indices():
    d = derive.differentiate(NETWORK)
    assert d["W"].unicode("matrix") == "dW = Xᵀ dZ"
    assert d["T"].unicode("matrix") == d["T"].unicode() and "∂L/∂T_" in d["T"].unicode()


WEIGHTED = """
# shapes: X (n, d) · w (d,) · y (n,) · a (n,)
def forward(X, w, y, a):
    L = (a * (X @ w - y) ** 2).sum()
    return L
"""


def test_jacobians_and_hessians():
    jacobian = derive.jacobian(ROOT / "examples" / "softmax_jacobian.py")
    assert jacobian.unicode("matrix") == "(I − s 𝟏ᵀ) diag(s)"
    squares = derive.hessian(ROOT / "examples" / "least_squares.py", wrt="w")
    assert (squares.unicode(), squares.latex("matrix")) == ("2 Σ_m X_mj X_mi", r"2X^{\top}\,X")
    assert derive.hessian(WEIGHTED, wrt="w").unicode("matrix") == "2 Xᵀ diag(a) X"


def test_a_notation_that_is_none(network):
    with pytest.raises(derive.Problem, match="there is no notation `words`") as problem:
        network["W"].latex("words")
    assert "index, matrix" in problem.value.hint


def test_the_readme_says_so(network):
    d = derive.differentiate(ROOT / "examples" / "batch_cross_entropy.py", judged=False)
    readme = (ROOT / "README.md").read_text()
    own = [network[name].unicode("matrix") for name in "WVb"]
    for shown in (d["Z"].unicode("matrix"), d["Z"].latex("matrix"), *own):
        assert shown in readme, shown


# ---------------------------------------------------------------- reports


def test_the_report_in_matrices(report):
    cards = [text(c.result) for c in report.cards]
    assert {"dW = 2 r W + Hᵀ dZ", "dA = dH ⊙ (1 − H ⊙ H)", "dZ = dE ⊙ E = (1/n) (P − Y)"} <= {*cards}
    meanings = [text(line.meaning) for line in (*report.inputs, *report.forward)]
    assert {"X ∈ ℝ^(n × p)", "A = X V + 𝟏 bᵀ", "L = −(1/n) tr(Yᵀ log(P)) + r ‖W‖²"} <= {*meanings}
    assert [text(a.formula) for a in report.answers][0] == "dA Vᵀ"


def test_the_report_says_how_to_read_them(report):
    printed = re.sub(r"\s+", " ", report_text(report))
    for words in ("matrix notation", "dZ is ∂L/∂Z", "an array with one axis is a column", "‖A‖ is the root",
                  "diag(v) is the diagonal matrix"):  # fmt: skip
        assert words in printed, words
    assert "softmax acts" not in printed  # only what occurs is explained


def test_steps_keep_their_indices(report, network):
    plain = network.as_report(verified=False)
    assert [c.lines for c in report.cards] == [c.lines for c in plain.cards]
    assert [c.result for c in report.cards] != [c.result for c in plain.cards]


def test_every_target_takes_it(report):
    assert compile_typst(report_typst(report)).startswith(b"%PDF")
    tex = report_files(report)
    assert r"dW=2r\,W+H^{\top}\,dZ" in tex["parts/W.tex"]
    assert r"\mathbf{1}\,b^{\top}" in tex["report.tex"]


def test_tex_takes_it(report):
    from derive.writers.pdf import compile_tex, find_tex

    if find_tex("pdflatex") is None:
        pytest.skip("needs pdflatex")
    result = compile_tex(report_files(report), "pdflatex", 60)
    assert result.pdf is not None and not result.problem


# ---------------------------------------------------------------- commands


SMALL = str(ROOT / "examples" / "least_squares.py")


@pytest.fixture
def run(capfd):
    def go(*args: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([str(a) for a in args])
        out, err = capfd.readouterr()
        return ended.value.code, out, err

    return go


def test_show_in_matrices(run):
    code, out, _ = run("show", SMALL, "--notation", "matrix", "--detail", "result")
    assert code == 0 and "dw = −Xᵀ dr = −2 Xᵀ r" in out and "r = y − X w" in out


def test_build_in_matrices(run, tmp_path):
    code, out, _ = run("build", SMALL, "--notation", "matrix", "-o", tmp_path)
    assert code == 0 and "dw = −2 Xᵀ r" in out
    assert "dX = −dr wᵀ" in (tmp_path / "derivation.txt").read_text()


def test_only_one_part_in_matrices(run, tmp_path):
    code, out, _ = run("report", SMALL, "--notation", "matrix", "--only", "w", "-o", tmp_path / "w.tex")
    assert code == 0 and "dw = −2 Xᵀ r" in out
    assert r"dw=-X^{\top}\,dr=-2X^{\top}\,r" in (tmp_path / "w.tex").read_text()


def test_a_hessian_in_matrices(run):
    code, out, _ = run("hessian", SMALL, "--wrt", "w", "--notation", "matrix")
    assert code == 0 and "∇² J = 2 Xᵀ X" in out


@pytest.mark.parametrize("command", ["show", "report", "build", "hessian"])
def test_a_notation_that_is_none_on_the_command_line(run, command):
    code, _, err = run(command, SMALL, "--notation", "words")
    assert code == 2 and "there is no notation `words`" in err and "read" not in err


# ---------------------------------------------------------------- the checker as a second judge


def printed(name: str) -> list[str]:
    """Every gradient of an example that has a matrix form, as LaTeX."""
    d = derive.differentiate(ROOT / "examples" / f"{name}.py", judged=False)
    made = Matrices(d.program, spelling(d.program, d.gradients))
    held = [*d.gradients.derivations.values(), *d.gradients.closed.values()]
    forms = [made.form(g.target.name, g.indices, g.result) for g in held]
    return [latex(f.node, marks=False) for f in forms if f is not None]


def verdicts(name: str, formulas: list[str]) -> list[str]:
    document = "".join(f"$$\n{f}\n$$\n\n" for f in formulas)
    found = derive.check(document, forward=ROOT / "examples" / f"{name}.py", kind="md")
    return [one["verdict"] for one in found]


@pytest.mark.parametrize(("name", "right"), [("least_squares", 5), ("batch_cross_entropy", 7), ("matrix_network", 11)])
def test_the_checker_finds_printed_formulas_right(name, right):
    slow = ("dA", "dE", "db", "dV", "dX") if name == "matrix_network" else ()
    found = verdicts(name, [f for f in printed(name) if not f.startswith(slow)])
    assert "wrong" not in found
    assert sum(v.startswith("right") for v in found) >= right, found


@pytest.mark.long
def test_the_checker_finds_a_whole_network_right():
    found = verdicts("matrix_network", printed("matrix_network"))
    assert len(found) == 16 and all(v.startswith("right") for v in found)


def test_the_checker_finds_a_swapped_formula_not_right():
    formulas = [re.sub(r"^(dX|dw)=(-?2?)(.*)\\,(.*)$", r"\1=\2\4\\,\3", f) for f in printed("least_squares")]
    assert formulas != printed("least_squares")
    swapped = [f for f in formulas if f not in printed("least_squares")]
    assert not any(v.startswith("right") for f in swapped for v in verdicts("least_squares", [f]))
