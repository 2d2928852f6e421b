"""The command line: products, messages with file:line:column, exit codes, and that a failure touches nothing."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from derive.cli import DEMO, main

SOFTMAX = DEMO
BAD = "import numpy as np\n# shapes: x (n,)\ndef forward(x):\n    y = np.foo(x)\n    return y.sum()\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "softmax.py").write_text(SOFTMAX, encoding="utf-8")
    (tmp_path / "bad.py").write_text(BAD, encoding="utf-8")
    return tmp_path


@pytest.fixture
def run(here, capfd):
    def go(*args: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([str(a) for a in args])
        out, err = capfd.readouterr()
        return ended.value.code, out, err

    return go


def files(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


# ---------------------------------------------------------------- products


def test_a_terminal_without_unicode(here):
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    for command in (["show", "softmax.py"], ["code", "softmax.py"], ["try", "sum[i:C] x[i]", "--wrt", "x[k]"]):
        ended = subprocess.run([sys.executable, "-m", "derive", *command], capture_output=True, env=env, timeout=60)
        assert ended.returncode == 0 and ended.stdout.isascii() and b"internal error" not in ended.stderr


def test_a_forward_pass_from_standard_input(run, here, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(SOFTMAX))
    code, _, err = run("build", "-")
    assert code == 0 and "stdin" in err and "report.pdf" in files(here / "stdin")


TRAINED = "import numpy as np\n\nw = np.zeros(5)\nfor _ in range(9):\n    loss = ((x @ w - y) ** 2).mean()\n    w -= 0.1 * w\n"


def test_a_training_loop_is_said_to_be_read_as_one_round(run, here):
    (here / "train.py").write_text("# shapes: x (n, 5) · y (n,)\n" + TRAINED)
    assert "one round of the training loop on line 5" in run("show", "train.py")[2]
    assert "one round" not in run("show", "softmax.py")[2]


@pytest.mark.parametrize("option", ["--engine", "--detail", "--templates"])
def test_a_word_that_is_no_choice_is_told_before_any_work(run, option):
    code, out, err = run("report", "softmax.py", option, "nothing")
    assert code == 2 and "nothing" in err and "read" not in err and not out


def test_one_part_says_its_own_result(run):
    code, out, _ = run("report", "softmax.py", "--only", "probs")
    assert code == 0 and "∂loss/∂probs" in out


def test_a_place_that_cannot_be_written_is_named(run, here):
    (here / "taken").write_text("")
    code, _, err = run("code", "softmax.py", "-o", "taken/out.py")
    assert code == 2 and "taken/out.py" in err and ".out.py." not in err


def test_the_remake_line_names_the_function(run, here):
    (here / "two.py").write_text("def a(x):\n    # shapes: x (n,)\n    return x.sum()\ndef b(x):\n    return a(x)\n")
    assert "# Remake: derive code two.py:a\n" in run("code", "two.py:a")[1]


def test_versions_are_listed_as_they_are_asked_for(run, here):
    (here / "v.py").write_text("def f(x):\n    # shapes: x (n,)\n    y = x * 2\n    y = y * y\n    return y.sum()\n")
    code, _, err = run("show", "v.py", "--wrt", "q")
    assert code == 2 and "y@3" in err and "~" not in err


def test_only_what_was_compared_is_called_verified(run, here):
    """A random mask cannot be drawn again, so nothing ran: the steps are judged, the code is not verified."""
    source = "from torch import nn\nclass M(nn.Module):\n    def __init__(self, d):\n        super().__init__()\n"
    source += "        self.fc, self.drop = nn.Linear(d, d), nn.Dropout(0.5)\n"
    (here / "m.py").write_text(source + "    def forward(self, x):\n        return self.drop(self.fc(x))\n")
    code, _, err = run("build", "m.py")
    said = next(line for line in err.splitlines() if "proved" in line)
    assert code == 0 and "judged" in said and "not compared with the source: dropout" in said
    assert "verified" not in err


def test_build(run, here):
    code, out, err = run("build", "softmax.py")
    assert code == 0
    made = {"derivation.txt", "report.tex", "report.pdf", "backward.py", "backward_closed.py"}
    assert made <= files(here / "softmax")
    stages = [line.split()[1] for line in err.splitlines() if "✓" in line]
    assert stages == ["read", "derived", "verified", "wrote", "rendered"]
    assert "2 inputs (logits: n×C, y: n), loss loss" in err
    assert "proved" in err and "next:" in err and "< 1e-14" in err
    assert out.strip().startswith("∂loss/∂logits") and "n×C" in out


def test_build_where_it_is_told(run, here):
    assert run("build", "softmax.py", "-o", "out/deep")[0] == 0
    assert "backward.py" in files(here / "out" / "deep")
    again = {p: p.read_bytes() for p in (here / "out").rglob("*") if p.is_file()}
    code, _, err = run("build", "softmax.py", "-o", "out/deep")
    assert code == 0 and "replaced" not in err and again == {p: p.read_bytes() for p in again}


def test_code_on_stdout_alone(run):
    code, out, err = run("code", "softmax.py")
    assert code == 0 and out.startswith("# Generated by derive") and "def backward" in out
    assert "✓" in err and "✓" not in out
    compile(out, "backward.py", "exec")


@pytest.mark.parametrize("style", ["steps", "closed"])
def test_code_to_a_file_and_check(run, here, style):
    args = ("code", "softmax.py", "--style", style, "-o", "b.py")
    assert run(*args, "--check")[0] == 1 and not (here / "b.py").exists()
    assert run(*args)[0] == 0
    assert run(*args, "--check")[0] == 0
    (here / "softmax.py").write_text(SOFTMAX.replace(".mean()", ".sum()"), encoding="utf-8")
    held = (here / "b.py").read_bytes()
    code, _, err = run(*args, "--check")
    assert code == 1 and "stale" in err and (here / "b.py").read_bytes() == held


def test_show(run):
    code, out, _ = run("show", "softmax.py")
    assert code == 0 and "Forward pass" in out and "probs" in out


def test_show_levels(run):
    few, every = (run("show", "softmax.py", "--detail", d)[1] for d in ("result", "every"))
    assert len(few) < len(every)


@pytest.mark.parametrize(("options", "made"), [
    ((), {"softmax.pdf"}),
    (("-o", "a.tex"), {"a.tex", "dvnotes.sty", "parts/logits.tex"}),
    (("-o", "b.pdf", "--engine", "typst"), {"b.pdf"}),
    (("--only", "logits", "-o", "part.tex"), {"part.tex"}),
])  # fmt: skip
def test_report(run, here, options, made):
    before = files(here)
    assert run("report", "softmax.py", *options)[0] == 0
    assert made <= files(here) - before


def test_a_function_by_name(run, here):
    (here / "two.py").write_text(SOFTMAX + "\n\ndef total(logits):\n    return logits.sum()\n", encoding="utf-8")
    assert "1 input (logits: n×C)" in run("code", "two.py:total")[2]
    assert "1 input (logits: n×C)" in run("code", "two.py", "--function", "total")[2]


def test_declarations_as_options(run, here):
    (here / "bare.py").write_text("import numpy as np\ndef forward(x, w):\n    return np.log(x @ w).sum()\n")
    assert run("code", "bare.py")[0] == 2
    code, out, err = run("code", "bare.py", "--shapes", "x: n d; w: d", "--facts", "x > 0; w > 0", "--wrt", "w")
    assert code == 0 and "dw" in out and "dx" not in out and "w: d" in err


def test_stdin(here):
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-m", "derive", "code", "-"]
    made = subprocess.run(command, input=SOFTMAX, capture_output=True, text=True, cwd=here, env=env, check=False)
    assert made.returncode == 0 and "def backward" in made.stdout


def test_demo(run, here):
    code, out, err = run("demo")
    assert code == 0 and "∂loss/∂logits" in out and "next:" in err
    assert {"softmax_cross_entropy.py", "report.pdf", "backward.py"} <= files(here / "demo")
    mine = SOFTMAX + "\n# mine\n"
    (here / "demo" / "softmax_cross_entropy.py").write_text(mine, encoding="utf-8")
    code, _, err = run("demo")
    assert code == 0 and "kept" in err and "replaced" in err
    assert (here / "demo" / "softmax_cross_entropy.py").read_text(encoding="utf-8") == mine


# ---------------------------------------------------------------- scratch pad and tables


@pytest.mark.parametrize(("expression", "wrt", "last"), [
    ("sum[i:C] y[i]*log(s[i])", "s[k]", "y[k]/s[k]     proved"),
    ("x[i]^2*x[j]", "x[k]", None),
    ("sum[i:n] tanh(x[i])", "x[k]", "1 - tanh(x[k])^2     proved"),
    ("log(s[i, t[i]])", "s[a,b]", None),
    ("L[]^3", "L[]", "3*L[]^2     proved"),
    ("y[i]", "x[k]", "0     proved"),
])  # fmt: skip
def test_try(run, expression, wrt, last):
    code, out, _ = run("try", expression, "--wrt", wrt)
    assert code == 0 and "D(" not in out.splitlines()[-1]
    assert last is None or out.splitlines()[-1] == last


def test_the_trace_ladder_climbs(run):
    traces = [run("try", "sum[i:C] y[i]*log(s[i])", "--wrt", "s[k]", "--trace", t) for t in
              ("names", "redex", "lines", "tried", "values")]  # fmt: skip
    assert all(code == 0 for code, _, _ in traces)
    outs = [out for _, out, _ in traces]
    assert len(outs[0]) < len(outs[1]) and "->" in outs[1]
    assert "  = " in outs[2] and "do not fit" in outs[3] and "value" in outs[4]


@pytest.mark.parametrize(("name", "words"), [
    (None, ["softplus", "quotient rule", "E105", "slope"]),
    ("softplus", ["log(1 + exp(u))", "sigmoid(u)", "np.logaddexp"]),
    ("expit", ["op sigmoid"]),
    ("product rule", ["law", "example", "->"]),
    ("e105", ["E105"]),
    ("softmax", ["definition softmax", "law", "by X[i]", "E340  softmax-diagonal", "log_softmax"]),
    ("np.tanh", ["op tanh"]),
    ("chain rule", ["rule chain rule", "law"]),
    ("E302", ["factor-out-of-sum", "instead of"]),
    ("missing-sum", ["E305 missing-sum"]),
    ("quotient", ["several names hold `quotient`", "quotient rule", "logarithm of a quotient"]),
])  # fmt: skip
def test_explain(run, name, words):
    code, out, _ = run("explain", *([name] if name else []))
    assert code == 0 and all(word in out for word in words)


# ---------------------------------------------------------------- failures

FAILURES = [  # id, arguments, what standard error says
    ("unsupported construct", ("code", "bad.py"), "bad.py:4:9: E102"),
    ("caret", ("build", "bad.py"), "\n   |     y = np.foo(x)\n   |         ^^^^^^"),
    ("no such file", ("build", "gone.py"), "E101"),
    ("no such function", ("show", "softmax.py:nothing"), "nothing"),
    ("a folder", ("code", "."), "E1"),
    ("wrt", ("code", "softmax.py", "--wrt", "W9"), "softmax.py: E103 `W9`"),
    ("wrt labels", ("code", "softmax.py", "--wrt", "y"), "E106"),
    ("style", ("code", "softmax.py", "--style", "fast"), "one of: steps, closed"),
    ("target", ("code", "softmax.py", "--target", "cobol"), "one of: numpy"),
    ("place of a report", ("build", "softmax.py", "--check", "gone.md"), "there is no file gone.md"),
    ("notes' report", ("check", "softmax.py", "--report", "a.docx"), "a report is a .pdf or a .tex or a .txt"),
    ("engine", ("report", "softmax.py", "--engine", "word"), "one of: auto"),
    ("detail", ("show", "softmax.py", "--detail", "all"), "one of: result"),
    ("format", ("report", "softmax.py", "-o", "a.docx"), "a report is a .pdf or a .tex"),
    ("shapes", ("code", "softmax.py", "--shapes", "logits n C"), "--shapes"),
    ("sample", ("code", "softmax.py", "--sample", "softmax.py"), "cannot read the sample"),
    ("facts", ("code", "softmax.py", "--facts", "logits is nice"), "E107"),
    ("check without file", ("code", "softmax.py", "--check"), "-o"),
    ("place", ("code", "softmax.py", "-o", "softmax.py/x.py"), "cannot write"),
    ("notation", ("try", "sum[i:C", "--wrt", "x[k]"), "1:8: E108"),
    ("no entry", ("try", "x[i]", "--wrt", "x[i]^2"), "E108"),
    ("trace", ("try", "x[i]", "--wrt", "x[i]", "--trace", "loud"), "names, redex, lines"),
    ("explain", ("explain", "softmux"), "did you mean softmax"),
    ("no command", ("differentiate",), "No such command"),
    ("no such option", ("build", "softmax.py", "--fast"), "No such option"),
    ("nothing to do", ("code",), "Missing argument"),
]


@pytest.mark.parametrize(("args", "said"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES])
def test_failures_say_where_and_what_and_touch_nothing(run, here, args, said):
    before = {p: p.read_bytes() for p in here.rglob("*") if p.is_file()}
    code, out, err = run(*args)
    assert code == 2 and out == ""
    assert said in err and "Traceback" not in err
    assert before == {p: p.read_bytes() for p in here.rglob("*") if p.is_file()}


def test_what_is_ours_is_said_to_be(run, monkeypatch):
    def broken(*args, **options):
        raise RuntimeError("unexpected")

    monkeypatch.setattr("derive.api.differentiate", broken)
    code, _, err = run("code", "softmax.py")
    assert code == 2 and "internal error: RuntimeError: unexpected: please report it" in err and "Traceback" not in err
    monkeypatch.setenv("DERIVE_DEBUG", "1")
    assert "Traceback" in run("code", "softmax.py")[2]


def test_a_gradient_that_fails_is_exit_1(run, monkeypatch):
    from derive import verifying

    monkeypatch.setattr(verifying, "FINE", -1.0)
    code, out, err = run("code", "softmax.py", "-o", "b.py")
    assert code == 1 and "✗ verified" in err


def test_derived_code_that_does_not_run_is_exit_1(run, monkeypatch):
    from derive import api

    plain = api.WRITERS["numpy"]
    monkeypatch.setitem(api.WRITERS, "numpy", lambda g, style: plain(g, style).replace("keepdims=True", "keepdims=False"))
    code, out, err = run("code", "softmax.py", "-o", "b.py")
    assert code == 1 and "✗" in err and "the source raised" not in err


def test_tex_that_fails_leaves_the_tex_and_a_pdf(run, here, monkeypatch):
    from derive.writers import pdf

    monkeypatch.setattr(pdf, "find_tex", lambda engine: "/bin/false")
    monkeypatch.setattr(pdf, "compile_tex", lambda *args: pdf.PdfResult(None, "", "pdflatex: no font in step 2.3"))
    code, _, err = run("report", "softmax.py", "-o", "r.pdf")
    assert code == 0 and "TeX failed: pdflatex: no font in step 2.3" in err
    assert {"r.pdf", "r.tex", "parts/logits.tex"} <= files(here)


def test_a_wrong_ending_is_told_before_any_work(run):
    assert "derived" not in run("report", "softmax.py", "-o", "a.docx")[2]


@pytest.mark.parametrize("command", [("build", "softmax.py"), ("report", "softmax.py"), ("check", "notes.md", "--report", "n.pdf")])
def test_an_engine_asked_for_by_name_must_be_there(run, here, monkeypatch, command):
    from derive.writers import pdf

    (here / "notes.md").write_text(NOTES, encoding="utf-8")
    monkeypatch.setattr(pdf, "find_tex", lambda engine: None)
    code, out, err = run(*command, "--engine", "pdflatex")
    assert code == 2 and "texlive-latex-recommended" in err and "--engine typst" in err and "derived" not in err
    assert not [name for name in files(here) if name.endswith(".pdf")]


NOTES = r"""With $p_i = e^{x_i}/\sum_k e^{x_k}$:
$$\frac{\partial p_i}{\partial x_j} = p_i (\delta_{ij} - p_j)$$
$$\frac{\partial p_i}{\partial x_j} = p_i (\delta_{ij} + p_j)$$
"""
ABOUT_PROBS = r"""
$$\frac{\partial probs_{ij}}{\partial counts_{ik}} = \frac{\delta_{jk} - probs_{ij}}{\sum_l counts_{il}}$$
$$\frac{\partial probs_{ij}}{\partial counts_{ik}} = \frac{\delta_{jk} + probs_{ij}}{\sum_l counts_{il}}$$
"""
BACKWARD = "dprobs = -np.eye(probs.shape[1])[y] / probs / len(y)\ndcounts = dprobs / counts.sum(1, keepdims=True)\n"


def test_notes_in_the_report_of_a_forward_pass(run, here):
    (here / "notes.md").write_text(ABOUT_PROBS, encoding="utf-8")
    (here / "hand.py").write_text(BACKWARD, encoding="utf-8")
    code, _, err = run("build", "softmax.py", "--check", "notes.md", "--check", "hand.py", "-o", "out")
    assert code == 1 and "✗ checked    notes.md" in err and "first wrong: notes.md:3" in err
    text, tex = ((here / "out" / name).read_text(encoding="utf-8") for name in ("derivation.txt", "report.tex"))
    assert "Your derivation, checked" in text and "✗    3" in text and "hand.py" in text
    assert r"\dvsection{Your derivation, checked}" in tex and "should read" in tex


def test_notes_that_are_the_forward_pass_are_checked_with_it(run, here):
    (here / "notes.md").write_text(NOTES, encoding="utf-8")
    code, _, err = run("report", "notes.md", "-o", "notes.tex")
    assert code == 1 and "✗ checked    notes.md" in err
    assert "Your derivation, checked" in (here / "notes.tex").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["n.pdf", "n.tex", "n.txt"])
def test_a_report_of_notes_alone(run, here, name):
    (here / "notes.md").write_text(NOTES, encoding="utf-8")
    code, out, err = run("check", "notes.md", "--report", name)
    assert code == 1 and out.startswith("first wrong: notes.md:3") and name in err
    assert (here / name).stat().st_size > 500


def test_no_tex_is_fine(run, monkeypatch):
    from derive.writers import pdf

    monkeypatch.setattr(pdf, "find_tex", lambda engine: None)
    code, _, err = run("report", "softmax.py")
    assert code == 0 and "no TeX found: that is fine" in err


# ---------------------------------------------------------------- weight and colour

LIGHT = """
import sys
sys.argv = ["derive", "--help"]
from derive.cli import main
try:
    main()
except SystemExit:
    pass
print(sorted({"sympy", "numpy", "jinja2", "rich", "typst"} & set(sys.modules)))
"""


def test_help_is_light():
    out = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "[]" and "build" in out


def test_every_command_has_help(run):
    for command in ("demo", "build", "report", "code", "show", "check", "try", "explain"):
        code, out, _ = run(command, "--help")
        assert code == 0 and command in out


def test_no_escape_codes_without_a_terminal(run):
    for args in (("build", "softmax.py"), ("code", "bad.py"), ("show", "softmax.py")):
        _, out, err = run(*args)
        assert "\x1b" not in out + err
