"""The LaTeX writer: formulas, escaping, and the whole report through TeX where TeX is installed."""

import re
import shutil
import subprocess
from dataclasses import replace
from functools import cache

import pytest

from derive.writers import pdf
from derive.writers.document import Answer
from derive.writers.latex import latex, report_files
from derive.writers.latex_text import code_lines, escape, mono, prose
from derive.writers.layout import (
    Accent,
    Big,
    Fence,
    Frac,
    Grid,
    Mark,
    Num,
    Op,
    Root,
    Script,
    Sym,
    Text,
    Under,
    row,
    width,
)
from derive.writers.templating import Ready, environment, templates_folder
from tests.report_sample import HOSTILE, N1, hostile_report, sample_report, sum_of_terms

X, Y, I_, J_ = Sym("x"), Sym("y"), Sym("i"), Sym("j")
PLUS, MINUS, NEG, EQ, CDOT = Op("plus"), Op("minus"), Op("minus", "prefix"), Op("eq"), Op("cdot")
PARTIAL = Op("partial", "prefix")

FORMULAS = [  # layout, LaTeX with marks
    (row(X, PLUS, Y), "x+y"),
    (row(NEG, X), "-x"),
    (row(X, NEG, Y), "x{-}y"),
    (row(PLUS, X), "{}+x"),
    (row(X, Y), r"x\,y"),
    (row(Num("2"), X), "2x"),
    (Frac(Num("1"), Sym("N")), r"\frac{1}{N}"),
    (Frac(Num("1"), Num("2"), small=True), r"\tfrac{1}{2}"),
    (Script(X, row(I_, J_), Num("2")), "x_{ij}^{2}"),
    (Script(Script(X, I_), None, Num("2")), "{x_{i}}^{2}"),
    (Script(Sym("y"), Script(Sym("y"), I_)), "y_{y_{i}}"),
    (Script(Sym("Q"), row(I_, Script(Sym("y"), I_))), r"Q_{i\,y_{i}}"),
    (row(Big("sum", row(Sym("k"), EQ, Num("1")), Sym("C")), X), r"\sum_{k=1}^{C}x"),
    (row(Big("argmax", I_), X), r"\operatorname*{arg\,max}_{i}x"),
    (row(Sym("log", "function"), X), r"\log x"),
    (row(Sym("softmax", "function"), Fence(X)), r"\operatorname{softmax}(x)"),
    (Sym("d_logits", "mono"), r"\mathtt{d\_logits}"),
    (Sym("d_logits"), r"\mathrm{d\_logits}"),
    (Sym("delta", "greek"), r"\delta"),
    (Sym("δ"), r"\delta"),
    (Sym("1", "bold"), r"\mathbf{1}"),
    (Fence(Frac(X, Y)), r"\Bigl(\frac{x}{y}\Bigr)"),
    (Fence(X, "abs"), r"\left|x\right|"),
    (Script(Fence(X, "eval"), Sym("r")), r"\left.x\right|_{r}"),
    (Fence(X, "paren", "left"), "(x"),
    (Mark(X, "redex"), r"\dvredex{x}"),
    (row(X, Mark(PLUS, "fresh"), Y), r"x\dvfresh{{}+{}}y"),
    (row(X, Mark(row(CDOT, Num("1")), "fresh")), r"x\dvfresh{{}\cdot1}"),
    (Mark(row(Big("sum", I_), Mark(X, "redex")), "fresh"), r"\dvfresh{\sum_{i}\dvredex{x}}"),
    (Grid(((X, row(Text("if "), X, Op("gt"), Num("0"))), (Num("0"), Text("otherwise"))), "cases"),
     r"\begin{cases} x & \text{if }x>0 \\ 0 & \text{otherwise} \end{cases}"),
    (Grid(((X, Op("ellipsis")), (Y, Op("vdots")))), r"\begin{bmatrix} x & \cdots \\ y & \vdots \end{bmatrix}"),
    (Under(X, Text("directly, through P_1")), r"\underbrace{x}_{\text{directly, through P\_1}}"),
    (Root(X), r"\sqrt{x}"),
    (Script(Accent(Y, "hat"), I_), r"{\hat{y}}_{i}"),
    (Accent(row(X, Y), "bar"), r"\overline{x\,y}"),
    (Text(" with δ "), r"\text{ with }\delta \text{ }"),
    (row(PARTIAL, Sym("L"), Op("slash", "tight"), PARTIAL, X), r"\partial L/\partial x"),
]  # fmt: skip


@pytest.mark.parametrize(("node", "text"), FORMULAS, ids=[text for _, text in FORMULAS])
def test_formula(node, text):
    assert latex(node) == text


def test_without_marks_only_the_common_subset_is_used():
    report = sample_report()
    nodes = [line.rhs for card in report.cards for line in card.lines] + [d for m in report.lemmas for d in m.displays]
    words = {word for node in nodes for word in re.findall(r"\\([A-Za-z]+)", latex(node, marks=False))}
    allowed = "frac tfrac sum prod underbrace operatorname mathbf left right text mathrm begin end partial delta cdot"
    allowed += " oslash odot times top cdots vdots ddots log"
    assert words <= set(allowed.split())


ESCAPES = [
    ("a_b #1 $x$ 100% & ~", r"a\_b \#1 \$x\$ 100\% \& \textasciitilde{}"),
    (r"\input{/etc/passwd}", r"\textbackslash{}input\{/etc/passwd\}"),
    ("x^^5c", r"x\textasciicircum{}\textasciicircum{}5c"),
    ("a -- b ''c''", r"a -{}- b '{}'c'{}'"),
    ("δ ≤ Σ → ·", r"\ensuremath{\delta} \ensuremath{\le} \ensuremath{\Sigma} \ensuremath{\to} \textperiodcentered{}"),
    ("é Ł ﬁ", r"\'{e} \L{} fi"),
    ("中", r"\dvunicode{4E2D}"),
    ("a\nb\x00\u202e", "a b  "),
]


@pytest.mark.parametrize(("plain", "text"), ESCAPES, ids=[plain for plain, _ in ESCAPES])
def test_text_is_escaped(plain, text):
    assert escape(plain) == text


def test_everything_printed_is_ascii():
    assert all(printed(HOSTILE).isascii() for printed in (escape, prose, mono))
    assert all(text.isascii() for text in report_files(hostile_report()).values())


def test_code_keeps_its_spaces_and_marks_keywords():
    (line,) = code_lines("    return x  # δ", 80)
    assert line == r"\ \ \ \ \dvkeyword{return}\ x\ \ \dvcomment{\#\ \ensuremath{\delta}}"


def test_long_code_is_wrapped_and_nothing_is_lost():
    lines = code_lines("x = " + "f(a, b) + " * 30, 60)
    assert len(lines) > 4 and all(r"\hookrightarrow" in line for line in lines[1:])
    assert "".join(lines).count("b)") == 30


def test_templates_escape_what_no_printer_made(tmp_path):
    (tmp_path / "latex").mkdir()
    (tmp_path / "latex" / "part.tex").write_text("%%<%= source %>|<%= card.number %>")
    part = environment(escape, tmp_path).get_template("latex/part.tex")
    assert part.render(source="a_b", card={"number": Ready("x_{i}")}) == r"%%a\_b|x_{i}"
    assert "dvnotes" in report_files(sample_report(), templates=tmp_path)["report.tex"]
    assert (templates_folder() / "latex" / "report.tex").is_file()
    with pytest.raises(Exception, match="undefined"):
        environment(escape).from_string("<%= nothing %>").render()


def test_files_and_labels():
    files = report_files(sample_report())
    parts = [f"parts/{name}.tex" for name in "QPrsEZ"]
    assert list(files) == ["report.tex", *parts, "dvnotes.sty"]
    assert r"\label{dv:Z:6.4}" in files["parts/Z.tex"] and "%step 6.4" in files["parts/Z.tex"]
    assert files == report_files(sample_report())
    assert all(text.endswith("\n") and not text.endswith("\n\n") for text in files.values())


def test_names_that_differ_only_by_case_get_files_of_their_own():
    first, *_ = sample_report().cards
    cards = tuple(replace(first, key=key) for key in ("P", "p", "../P", "δ"))
    names = set(report_files(replace(sample_report(), cards=cards)))
    assert {"parts/P.tex", "parts/p-2.tex", "parts/P-3.tex", "parts/part.tex"} <= names


# ---------------------------------------------------------------- through TeX

ENGINES = ("pdflatex", "lualatex")


def needs(engine):
    if pdf.find_tex(engine) is None:
        pytest.skip(f"{engine} or a package it needs is not installed")


@cache
def compiled(report, engine, reasons="margin"):
    needs(engine)
    return pdf.compile_tex(report_files(report, reasons=reasons), engine)


def clean(result):
    assert result.problem is None
    assert not re.findall(r"^.*(?:Overfull|undefined).*$", result.log.replace("LaTeX Font Warning", ""), re.MULTILINE)


def pages(result):
    return int(re.search(r"Output written on .*\((\d+) page", result.log).group(1))


def words(result, folder):
    """Every word of the PDF with the page's size and the word's right edge."""
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed")
    (folder / "a.pdf").write_bytes(result.pdf)
    box = subprocess.run(["pdftotext", "-bbox", "a.pdf", "-"], cwd=folder, capture_output=True, text=True, check=True)
    found, page = [], (0.0, 0.0)
    for line in box.stdout.splitlines():
        if match := re.search(r'<page width="([\d.]+)" height="([\d.]+)"', line):
            page = tuple(map(float, match.groups()))
        elif match := re.search(r'xMin="([-\d.]+)" yMin="([-\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">(.*)</word>', line):
            found.append((match.group(5), page, tuple(map(float, match.groups()[:4]))))
    return found


def on_the_page(result, folder):
    for word, (wide, high), (left, top, right, bottom) in words(result, folder):
        assert 5 < left and right < wide - 5 and 0 < top and bottom < high, word


@pytest.mark.parametrize("engine", ENGINES)
def test_the_sample_compiles_clean_on_four_pages(engine, tmp_path):
    result = compiled(sample_report(), engine)
    clean(result)
    assert pages(result) <= 4
    on_the_page(result, tmp_path)


@pytest.mark.parametrize("engine", ENGINES)
def test_hostile_strings_stay_text(engine, tmp_path):
    result = compiled(hostile_report(), engine)
    clean(result)
    on_the_page(result, tmp_path)
    text = " ".join(word for word, *_ in words(result, tmp_path))
    assert "/etc" in text and "root:" not in text and "Rules" in text.title()


@pytest.mark.parametrize("reasons", ["below", "none"])
def test_the_reasons_elsewhere(reasons, tmp_path):
    result = compiled(sample_report(), "pdflatex", reasons)
    clean(result)
    text = " ".join(word for word, *_ in words(result, tmp_path))
    assert ("repeated along" in text) == (reasons == "below")
    on_the_page(result, tmp_path)


def test_it_compiles_without_the_optional_packages():
    needs("pdflatex")
    files = report_files(sample_report())
    for package in ("xcolor", "tikz", "graphicx", "lmodern", "geometry", "microtype"):
        files = {name: text.replace(f"{{{package}.sty}}", "{no-such-package.sty}") for name, text in files.items()}
    result = pdf.compile_tex(files, "pdflatex")
    clean(result)
    assert not re.search(r"/(tikz|xcolor|lmodern)\.sty", result.log)


PAPERS = {
    "article": r"\documentclass{article}",
    "twocolumn": r"\documentclass[twocolumn]{article}",
    "KOMA": r"\documentclass[leqno]{scrartcl}\usepackage{hyperref}",
    "twoside": r"\documentclass[twoside]{book}",
    "beamer": r"\documentclass{beamer}",
}


@pytest.mark.parametrize("paper", PAPERS)
def test_parts_in_an_authors_paper_stay_on_the_page(paper, tmp_path):
    needs("pdflatex")
    body = "".join(rf"\begin{{frame}}\input{{parts/{k}}}\end{{frame}}" for k in "PEr")
    body = body if paper == "beamer" else re.sub(r"\\(begin|end){frame}", "", body) + r" See step~\ref{dv:P:2.2}."
    tex = rf"{PAPERS[paper]}\usepackage{{dvnotes}}\begin{{document}}{body}\end{{document}}"
    result = pdf.compile_tex(report_files(sample_report()) | {"report.tex": tex}, "pdflatex")
    if result.problem and "not found" in result.problem:
        pytest.skip(f"{paper}: {result.problem}")
    assert result.problem is None and "Overfull" not in result.log
    on_the_page(result, tmp_path)


def test_many_answers_and_a_long_sum():
    report = replace(
        sample_report(),
        answers=tuple(Answer(Sym("W"), sum_of_terms(n), N1, f"dW = {'X.T @ ' * n}dZ", "proved") for n in (1, 4, 25)),
        cards=tuple(
            replace(card, lines=tuple(replace(line, rhs=sum_of_terms(40)) for line in card.lines[:2]))
            for card in sample_report().cards[:2]
        ),
    )
    clean(compiled(report, "pdflatex"))


def test_a_failure_names_its_step():
    needs("pdflatex")
    files = report_files(sample_report())
    files["parts/Z.tex"] = files["parts/Z.tex"].replace(r"\dvfresh{P_{ij}}\Bigl", r"\nosuchword P_{ij}\Bigl")
    result = pdf.compile_tex(files, "pdflatex")
    assert result.pdf is None and "step 6.4" in result.problem and "parts/Z.tex" in result.problem


JAILBREAKS = [
    ("pdflatex", r"\input{/etc/passwd}"),
    ("lualatex", r"\input{/etc/passwd}"),
    ("lualatex", r'\directlua{os.execute("id") error("reached")}'),
    ("lualatex", r'\directlua{local s = require("socket")}'),
]


@pytest.mark.parametrize(("engine", "attack"), JAILBREAKS)
def test_tex_runs_in_a_box(engine, attack):
    needs(engine)
    tex = rf"\documentclass{{article}}\begin{{document}}x{attack}\end{{document}}"
    result = pdf.compile_tex({"report.tex": tex}, engine)
    assert result.pdf is None and "root:" not in result.log and "reached" not in (result.problem or "")


def test_a_loop_is_ended():
    needs("pdflatex")
    tex = r"\documentclass{article}\begin{document}\loop\iftrue\repeat\end{document}"
    assert "did not finish" in pdf.compile_tex({"report.tex": tex}, "pdflatex", timeout=1.5).problem


def test_files_stay_in_their_folder():
    needs("pdflatex")
    with pytest.raises(ValueError, match="outside"):
        pdf.compile_tex({"../report.tex": ""}, "pdflatex")


@pytest.mark.parametrize("engine", ENGINES)
def test_the_pdf_is_the_same_every_time(engine):
    first = compiled(sample_report(), engine)
    assert first.pdf == pdf.compile_tex(report_files(sample_report()), engine).pdf


def test_widths_are_never_much_too_small():
    needs("pdflatex")
    nodes = [line.rhs for card in sample_report().cards for line in card.lines] + [sum_of_terms(6)]
    boxes = "".join(rf"\setbox0\hbox{{$\displaystyle {latex(n)}$}}\immediate\write16{{W \the\wd0}}" for n in nodes)
    head = r"\documentclass{article}\usepackage[T1]{fontenc}\usepackage{dvnotes}"
    tex = rf"{head}\begin{{document}}{boxes}x\end{{document}}"
    result = pdf.compile_tex(report_files(sample_report()) | {"report.tex": tex}, "pdflatex")
    for node, points in zip(nodes, re.findall(r"^W ([\d.]+)pt", result.log, re.MULTILINE), strict=True):
        assert 0.95 <= width(node) / (float(points) / 10) <= 1.35
