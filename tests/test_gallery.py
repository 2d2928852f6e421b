"""The gallery: closed forms that textbooks and papers know, found from the definitions of ordinary forward passes.

Every row names the gradient, the form as the source writes it (over the names of the pass), and the source.  The form
found is proved equal to it for all sizes and takes no more operations; the closed code agrees with the stepwise code,
and stays finite where inputs are two thousand times as large.
"""

import sys
from pathlib import Path

import numpy as np
import pytest

from derive.counting import count
from derive.judges.normal import prove_equal
from derive.notation import parse, text
from derive.verifying import sample_data, sample_sizes
from derive.writers.latex import report_files
from derive.writers.pdf import compile_tex, find_tex
from derive.writers.typst import compile_typst, report_typst

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "generated"))
import remake  # noqa: E402

# fmt: off
# pass, gradient · the form of the source · the source
FORMS = {
    "cross_entropy logits":          ("1/n*(probs[i,j] - [y[i] = j])", "Goodfellow, Bengio & Courville 2016, 6.2.2.3"),
    "label_smoothing logits":        ("1/n*(probs[i,j] - target[i,j])", "Szegedy et al. 2016, section 7"),
    "weighted_cross_entropy logits": ("w[i]/(sum[m:n] w[m])*(probs[i,j] - [y[i] = j])", "King & Zeng 2001"),
    "ignored_labels logits":         ("mask[i]/(sum[m:n] mask[m])*(probs[i,j] - [y[i] = j])", "Paszke et al. 2019, CrossEntropyLoss"),
    "temperature logits":            ("1/(n*T[])*(probs[i,j] - [y[i] = j])", "Hinton, Vinyals & Dean 2015, eq. 2"),
    "sigmoid_cross_entropy z":       ("1/n*(s[i] - y[i])", "Bishop 2006, eq. 4.91"),
    "softmax x":                     ("s[i,j]*(∂s[i,j] - (sum[k:C] ∂s[i,k]*s[i,k]))", "Dao et al. 2022, appendix B.1"),
    "log_softmax x":                 ("∂logs[i,j] - s[i,j]*(sum[k:C] ∂logs[i,k])", "Bridle 1990"),
    "log_sum_exp x":                 ("∂lse[i,0]*e[i,k]/total[i,0]", "Boyd & Vandenberghe 2004, 3.1.5"),
    "tanh x":                        ("∂t[i,j]*(1 - t[i,j]^2)", "LeCun et al. 1998"),
    "sigmoid x":                     ("∂s[i,j]*s[i,j]*(1 - s[i,j])", "Bishop 2006, eq. 4.88"),
    "silu x":                        ("∂out[i,j]*(s[i,j]*(1 + x[i,j]*(1 - s[i,j])))", "Elfwing, Uchibe & Doya 2018, eq. 6"),
    "gelu x":                        ("∂out[i,j]*(phi[i,j] + x[i,j]*(exp(-x[i,j]^2/2)*(2*pi())^(-1/2)))", "Hendrycks & Gimpel 2016"),
    "gelu_tanh x":                   ("∂out[i,j]*(1/2*(1 + t[i,j]) + 1/2*x[i,j]*((1 - t[i,j]^2)*((2/pi())^(1/2)*(1 + 3*44715/1000000*x[i,j]^2))))",
                                      "Hendrycks & Gimpel 2016"),
    "softplus x":                    ("∂out[i,j]*sigmoid(x[i,j])", "Dugas et al. 2001"),
    "batch_norm x":                  ("gamma[j]*(var[j] + eps[])^(-1/2)/n*(n*∂out[i,j] - (sum[m:n] ∂out[m,j]) - xhat[i,j]*(sum[m:n] ∂out[m,j]*xhat[m,j]))",
                                      "Ioffe & Szegedy 2015, section 3, put together"),
    "batch_norm_unbiased hprebn":    ("bngain[0,j]*bnvar_inv[0,j]/n*(n*∂hpreact[i,j] - (sum[m:n] ∂hpreact[m,j])"
                                      " - n/size(n - 1)*bnraw[i,j]*(sum[m:n] ∂hpreact[m,j]*bnraw[m,j]))", "Karpathy 2022, makemore 4, exercise 3"),
    "layer_norm x":                  ("1/std[i,0]*(∂xhat[i,j] - 1/d*(sum[k:d] ∂xhat[i,k]) - 1/d*xhat[i,j]*(sum[k:d] ∂xhat[i,k]*xhat[i,k]))",
                                      "Ba, Kiros & Hinton 2016"),
    "rms_norm x":                    ("r[i,0]*(∂xhat[i,j] - 1/d*xhat[i,j]*(sum[k:d] ∂xhat[i,k]*xhat[i,k]))", "Zhang & Sennrich 2019"),
    "group_norm x":                  ("(var[i,j,0,0] + eps[])^(-1/2)*(∂xhat[i,j,l,a] - 1/(c*s)*(sum[k:c] sum[b:s] ∂xhat[i,j,k,b])"
                                      " - 1/(c*s)*xhat[i,j,l,a]*(sum[k:c] sum[b:s] ∂xhat[i,j,k,b]*xhat[i,j,k,b]))", "Wu & He 2018"),
    "l2_normalise x":                ("1/norm[i,0]*(∂u[i,j] - u[i,j]*(sum[k:d] ∂u[i,k]*u[i,k]))", "Salimans & Kingma 2016, eq. 3"),
    "cosine_similarity a":           ("∂cos[i]/na[i,0]*(v[i,j] - cos[i]*u[i,j])", "Nguyen & Bai 2010"),
    "cosine_similarity b":           ("∂cos[i]/nb[i,0]*(u[i,j] - cos[i]*v[i,j])", "Nguyen & Bai 2010"),
    "attention S":                   ("P[i,p]*((sum[b:e] ∂O[i,b]*V[p,b]) - (sum[b:e] ∂O[i,b]*O[i,b]))", "Dao et al. 2022, appendix B.2"),
    "kl_divergence a":               ("1/n*(p[i,j]*(log(p[i,j]) - log(q[i,j]) - kl[i]))", "Cover & Thomas 2006, 2.3, differentiated"),
    "kl_divergence b":               ("1/n*(q[i,j] - p[i,j])", "Hinton, Vinyals & Dean 2015, eq. 2"),
    "gaussian_kl mu":                ("mu[i,j]", "Kingma & Welling 2014, appendix B"),
    "gaussian_kl logvar":            ("1/2*(var[i,j] - 1)", "Kingma & Welling 2014, appendix B"),
    "info_nce logits":               ("1/n*(probs[i,m] - [i = m])", "van den Oord, Li & Vinyals 2018, eq. 4"),
}
# fmt: on


def found(name: str):
    return remake.found(f"gallery/{name}")


def given(form: str, view):
    """A form over the letters of a gradient."""
    return parse(form, {i.name: i for i in (view.closed or view.derivation).indices})


@pytest.mark.parametrize("row", FORMS)
def test_the_form_is_the_one_of_the_source(row):
    name, wrt = row.split()
    d = found(name)
    view, form = d[wrt], given(FORMS[row][0], d[wrt])
    names = [n for n in view.expr.names | form.names if n in d.program]
    assert d.certainty == "proved"
    later = [n for n in names if n.startswith("∂")]
    sure = any(prove_equal(view.expr, form, d.program, unfold) for unfold in ((), later, names))
    assert sure, f"found {text(view.expr)}"
    assert _work(d, view.expr, form) <= _work(d, form, view.expr), f"found {text(view.expr)}"


def _work(d, form, other) -> int:
    """Operations, with those of the gradients that the other form does without."""
    more = [n for n in sorted(form.names - other.names) if n.startswith("∂") and d.program.equation(n) is not None]
    return count(form, *(d.program.equation(n).rhs for n in more)).at_nominal


def test_every_pass_has_a_row():
    assert {row.split()[0] for row in FORMS} == {n.removeprefix("gallery/") for n in remake.gallery()}


@pytest.mark.parametrize("name", sorted({row.split()[0] for row in FORMS}))
def test_closed_code_agrees_with_the_steps(name):
    d = found(name)
    data = sample_data(d.forward, sample_sizes(d.forward), 1)
    closed, steps = (d.function(style)(**data, upstream=_upstream(d, data)) for style in ("closed", "steps"))
    np.testing.assert_allclose(closed[0], steps[0], rtol=1e-12)
    largest = max(np.max(np.abs(g)) for g in steps[1].values())
    for wrt, g in steps[1].items():
        assert np.max(np.abs(closed[1][wrt] - g)) <= 1e-12 * max(1, largest), wrt


def _upstream(d, data):
    out = d.function("closed").__globals__["forward"](**data)[0]
    return None if np.ndim(out) == 0 else np.random.default_rng(3).normal(size=np.shape(out))


LARGE = {"label_smoothing": "logits", "gaussian_kl": "mu"}  # the others: their first input


@pytest.mark.parametrize("name", sorted({row.split()[0] for row in FORMS}))
def test_closed_code_is_finite_far_out(name):
    d = found(name)
    data = sample_data(d.forward, sample_sizes(d.forward), 1)
    upstream = _upstream(d, data)
    wide = LARGE.get(name) or d.wrt[0]
    data[wide] = data[wide] * 2000
    outputs, gradients = d.function("closed")(**data, upstream=upstream)
    assert np.all(np.isfinite(outputs))
    for wrt in [row.split()[1] for row in FORMS if row.startswith(name + " ")]:
        assert np.all(np.isfinite(gradients.get(wrt, 0))), wrt


@pytest.mark.parametrize("name", remake.gallery())
def test_remade_to_the_byte(name, update, monkeypatch):
    monkeypatch.chdir(ROOT)
    if update:
        remake.remake(name)
    made, folder = remake.files(name), ROOT / "generated" / name
    kept = {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}
    assert kept.keys() == made.keys(), "run `python generated/remake.py`"
    stale = [path for path in made if made[path] != kept[path]]
    assert not stale, "run `python generated/remake.py`"


@pytest.mark.parametrize("name", remake.gallery())
def test_the_report_says_the_closed_form_first(name):
    report = remake.report(name)
    assert report.headline is not None or len(report.answers) > 1
    assert all(card.lines and card.numpy and card.certainty == "proved" for card in report.cards)
    assert report.forward and report.graph and report.verification and report.rules
    assert all(check.fine for check in report.verification.rows)


COMPILED = ("gallery/group_norm", "gallery/info_nce")  # the widest ones; all of them with `-m long`
EVERY = [pytest.param(n, marks=() if n in COMPILED else pytest.mark.long) for n in remake.gallery()]


@pytest.mark.parametrize("name", EVERY)
def test_no_report_goes_over_its_edges(name):
    if find_tex("pdflatex") is None:
        pytest.skip("pdflatex with its packages is not installed")
    compiled = compile_tex(report_files(remake.report(name)), "pdflatex")
    assert compiled.pdf is not None, compiled.problem
    assert "Overfull" not in compiled.log


@pytest.mark.parametrize("name", EVERY)
def test_typst_sets_the_report_too(name):
    pytest.importorskip("typst", reason="the embedded PDF engine is not installed")
    assert compile_typst(report_typst(remake.report(name))).startswith(b"%PDF")
