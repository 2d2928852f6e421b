"""The seven inputs: every step judged, every gradient exactly the true one, and the textbook's results among them."""

import pytest
from test_generated import ROOT, remake

import derive
from derive import cli
from derive.findings import findings
from derive.judges.bench import judge_gradients
from derive.notation import text
from derive.solving import solve, vanishes


@pytest.fixture(scope="module")
def derived():
    made = {}

    def of(name):
        if name not in made:
            made[name] = derive.differentiate(derive.read(ROOT / "examples" / f"{name}.py"))
        return made[name]

    return of


@pytest.mark.parametrize("name", remake.names())
def test_every_step_is_judged_and_proved(name, derived):
    g = derived(name).gradients
    for d in [*g.derivations.values(), *g.closed.values(), *g.carried.values()]:
        assert not d.stuck
        assert all(s.sure and s.certainty == "proved" for s in d.steps), d.name
    for finding in findings(g):
        assert all(s.sure and s.certainty == "proved" for d in finding.derivations for s in d.steps), finding.title


@pytest.mark.parametrize("name", remake.names())
def test_every_gradient_is_exactly_the_true_one(name, derived):
    g = derived(name).gradients
    names = {n: d.target.name for n, d in g.derivations.items()}
    verdicts = judge_gradients(g.program, names, g.upstream, seed=3, outputs=g.of)
    assert set(verdicts) == set(names)
    for n, verdict in verdicts.items():
        assert verdict.equal is True and verdict.how == "exact", (n, verdict)


# fmt: off
RESULTS = [
    ("softmax_jacobian",         "x",      "s[i]*(∂s[i] - sum[k:C] s[k]*∂s[k])"),
    ("softmax_cross_entropy",    "x",      "s[i] - y[i]"),
    ("any_target_cross_entropy", "x",      "s[i]*sum[k:C] y[k] - y[i]"),
    ("batch_cross_entropy",      "Z",      "1/N*(P[i, j] - [y[i] = j])"),
    ("single_sample_nll",        "l",      "p[i] - [y[] = i]"),
    ("softmax_layer",            "Logits", "1/m*(Probs[i, j] - [sample_out[i] = j])"),
    ("softmax_layer",            "W4",     "sum[i:m] ∂Logits[i, j]*Hidden3[i, k]"),
    ("softmax_layer",            "B4",     "sum[i:m] ∂Logits[i, j]"),
    ("makemore",                 "logits", "1/n*(probs[i, j] - [Yb[i] = j])"),
    ("makemore",                 "logit_maxes", "0"),
    ("linear_regression",        "w0",     "-2*sum[i:N] (y[i] - w0[] - w1[]*x[i])"),
    ("least_squares",            "w",      "-2*sum[i:N] r[i]*X[i, k]"),
]
# fmt: on


@pytest.mark.parametrize("name, wrt, expected", RESULTS)
def test_results_are_what_a_person_would_write(name, wrt, expected, derived):
    from derive.notation import parse

    found = derived(name)[wrt]
    letters = dict(zip("ijk" if wrt not in ("W4", "B4", "w") else {"W4": "kj", "B4": "oj", "w": "k"}[wrt],
                       (derived(name).gradients.closed.get(wrt) or derived(name).gradients.derivations[wrt]).indices,
                       strict=False))  # fmt: skip
    assert found.expr == parse(expected, letters), text(found.expr)


def test_the_fact_is_used_by_name(derived):
    steps = [s.rule for s in derived("softmax_cross_entropy").gradients.carried["total"].steps]
    assert "declared fact" in steps
    assert all("declared fact" != s.rule for d in derived("any_target_cross_entropy").gradients.carried.values() for s in d.steps)


def test_the_logarithm_route(derived):
    lemma = findings(derived("softmax_jacobian").gradients)[0]
    rules = [s.rule for d in lemma.derivations for s in d.steps]
    assert "logarithm of a quotient" in rules and "logarithmic derivative" in rules
    assert text(lemma.derivations[-1].result) == "s[i]*([i = k] - s[k])"
    assert lemma.matrix is not None


def test_single_sample_in_one_go_and_in_two_cases(derived):
    found = {f.title: f for f in findings(derived("single_sample_nll").gradients)}
    rules = {s.rule for s in found["In one go"].derivations[0].steps}
    assert {"quotient rule", "derivative of a function"} <= rules
    ((_, value),) = found["Two cases"].displays
    assert [text(value.branches[0][1]), text(value.otherwise)] == ["p[i] - 1", "p[i]"]


def test_the_chain_of_the_layers_example(derived):
    found = next(f for f in findings(derived("layers").gradients) if "chain" in f.title.lower())
    assert [text(d.result) for d in found.derivations][1].startswith("yhat[")
    assert len(found.derivations) == 3


def test_linear_regression_is_solved(derived):
    g = derived("linear_regression").gradients
    finding = solve(g, ["w0", "w1"])
    assert vanishes(g, finding)
    w1 = text(finding.displays[1][1])
    assert "N*sum[i:N] x[i]^2 - (sum[i:N] x[i])^2" in w1


def test_normal_equations(derived):
    finding = solve(derived("least_squares").gradients, ["w"])
    ((left, right),) = finding.displays
    assert "w[" in text(left) and "y[" in text(right)


def test_the_checked_example_of_the_readme(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit, match="1"):
        cli.main(["check", "examples/check/layer_norm_function.py"])
    assert capsys.readouterr().out.strip() in (ROOT / "README.md").read_text(encoding="utf8")
