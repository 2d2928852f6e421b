"""Declarations: every word of a `check:` block takes effect, in each of the four places where it may stand."""

import pytest

from derive.checker.documents import check_text

S = r"s_i = \frac{e^{x_i}}{\sum_j e^{x_j}}"
JACOBIAN = r"\frac{\partial s_i}{\partial x_k} = s_i(\delta_{ik} - s_k)"
ENTROPY = r"p_i = \frac{e^{z_i}}{\sum_j e^{z_j}}" "$$\n\n$$" r"L = -\sum_i y_i \log p_i"
DZ = r"\frac{\partial L}{\partial z_i} = p_i - y_i"
LINEAR = r"J = \sum_i (\sum_k x^{(i)}_k w_k - y^{(i)})^2"
ROOT = r"F = \sqrt{x^2}"


def placed(words: str, formulas: str, where: str) -> tuple[str, str]:
    """The document with the declarations in one of the places, and its name."""
    rows = words.split("\n")
    body = f"$${formulas}$$\n"
    match where:
        case "comment":
            return f"<!-- check: {words} -->\n\n{body}", "n.md"
        case "block":
            return "<!-- check:\n" + "\n".join(f"  {r}" for r in rows) + "\n-->\n\n" + body, "n.md"
        case "front":
            return "---\ntitle: t\ncheck: |\n" + "\n".join(f"  {r}" for r in rows) + f"\n---\n\n{body}", "n.md"
        case "latex":
            return "\n".join(
                f"% check: {r}" for r in rows
            ) + f"\n\\begin{{document}}\n{body}\n\\end{{document}}\n", "n.tex"
        case "python":
            return "```python\n" + "\n".join(f"# check: {r}" for r in rows) + f"\n```\n\n{body}", "n.md"


PLACES = ("comment", "block", "front", "latex", "python")
# what is declared, the formulas, the last verdict with it, and without it
ROWS = [
    ("def s[i] = exp(x[i])/(sum_j exp(x[j]))", JACOBIAN, "right", "unknown"),
    ("const y[i] onehot(i)", f"{ENTROPY}$$\n\n$${DZ}", "right", "right-if"),
    ("assume sum_i y[i] = 1", f"{ENTROPY}$$\n\n$${DZ}", "right", "right-if"),
    ("assume y onehot", f"{ENTROPY}$$\n\n$${DZ}", "right", "right-if"),
    ("assume x > 0", f"{ROOT}$$\n\n$$F = x", "right-if", "wrong"),
    ("var x positive", f"{ROOT}$$\n\n$$F = x", "right-if", "wrong"),
    ("alias q = p", f"{ENTROPY}$$\n\n$$" + r"\sum_i q_i = 1", "right", "no-claim"),
    ('ignore line "s_k - 1" a known slip', f"{S}$$\n\n$$" + r"\frac{\partial s_i}{\partial x_k} = s_k - 1", "no-claim", "wrong"),
    ("read x^{(i)} = x[i]", f"{LINEAR}$$\n\n$$" + r"\frac{\partial J}{\partial w_k} = 2\sum_i x^{(i)}_k(\sum_l x^{(i)}_l w_l - y^{(i)})", "right", "right"),
    ("read dX = dJ/dX", r"L = u^3$$" "\n\n" r"$$J = u^2$$" "\n\n" r"$$u = 3v$$" "\n\n" "$$dv = 6u", "right", "wrong"),
    ("read layout jacobian", r"Y_{ij} = \sum_k X_{ik} W_{kj}$$" "\n\n" r"$$\frac{\partial L}{\partial W} = \frac{\partial L}{\partial Y} X", "right", "unknown"),
]  # fmt: skip


@pytest.mark.parametrize("words, formulas, with_it, without", ROWS, ids=[r[0] for r in ROWS])
def test_each_word_takes_effect(words, formulas, with_it, without):
    text, path = placed(words, formulas, "comment")
    found = check_text(text, path).verdicts
    assert found[-1].verdict == with_it, [(v.text, v.verdict, v.reason) for v in found]
    assert not any(v.code == "U203" for v in found)
    assert check_text(f"$${formulas}$$\n", "n.md").verdicts[-1].verdict == without


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("row", [0, 1, 7], ids=["def", "const", "ignore"])
def test_in_each_place(where, row):
    words, formulas, with_it, _ = ROWS[row]
    text, path = placed(f"index i, j, k: 1..n\n{words}", formulas, where)
    found = check_text(text, path).verdicts
    assert found[-1].verdict == with_it and not any(v.code == "U203" for v in found), [
        (v.text, v.reason) for v in found
    ]


# what is not understood: the entry, and a word of the advice
NOT_UNDERSTOOD = [
    ("read the gradient backwards", "dX = dL/dX"),
    ("assume nothing at all", "an assumption is"),
    ("index i", "index i: 1..n"),
    ("alias lg", "alias lg = logits"),
    ("var z[i,j] sometimes", "after the name"),
    ("def \\frac{ = 1", "not read"),
    ("ignore 42", 'ignore line "…"'),
    ("remember x", "begins with one of"),
    ("forward nowhere.py", "no such file"),
]


@pytest.mark.parametrize("words, advice", NOT_UNDERSTOOD, ids=[r[0] for r in NOT_UNDERSTOOD])
@pytest.mark.parametrize("where", PLACES)
def test_what_is_not_understood_is_said_at_its_place(words, advice, where):
    text, path = placed(words, S, where)
    (found,) = [v for v in check_text(text, path).verdicts if v.code == "U203"]
    assert found.verdict == "unreadable" and advice in found.reason
    row = text.splitlines()[found.place.line - 1]
    assert row[found.place.column - 1 : found.place.end_column - 1] == found.text and found.text in words


FORWARD = "Z = X @ W\nP = np.exp(Z) / np.exp(Z).sum(1, keepdims=True)\nloss = -(Y * np.log(P)).sum()\n"


def test_declarations_reach_backward_code(tmp_path):
    (tmp_path / "f.py").write_text("# shapes: X (n, d) · W (d, C) · Y (n, C)\n" + FORWARD, encoding="utf-8")
    code = "# check: forward f.py\n# check: assume Y onehot\n# check: alias T = Y\n# check: alias dq = dZ\ndq = P - T\ndW = X.T @ dq\n"
    path = tmp_path / "b.py"
    path.write_text(code, encoding="utf-8")
    assert [v.verdict for v in check_text(code, str(path)).verdicts] == ["right", "right"]
    without = code.replace("# check: assume Y onehot\n", "")
    assert [v.verdict for v in check_text(without, str(path)).verdicts] == ["right-if", "right-if"]
    waived = check_text(code + '# check: ignore line "dW = X @ dq" to be done\ndW = X @ dq\n', str(path)).verdicts[-1]
    assert (waived.verdict, waived.reason) == ("no-claim", "waived by the author: to be done")
    assert check_text("# check: read it\n" + code, str(path)).verdicts[0].code == "U203"
