"""Formula and code of one document: each is judged, and where they disagree it is said which of them is right."""

from pathlib import Path

import pytest

from derive.checker.documents import check_text

FORWARD = """
```python
E = np.exp(Z)
S = E.sum(axis=1, keepdims=True)
P = E / S
loss = -np.log(P[range(n), y]).mean()
```
"""
NOTES = r"$$Z_{i,j} = \sum_k X_{i,k} W_{k,j} + b_j$$" "\n\n"
RIGHT_DZ, RIGHT_DW, RIGHT_DB = "dZ = P.copy()\ndZ[range(n), y] -= 1\ndZ /= n", "dW = X.T @ dZ", "db = dZ.sum(0)"
DW = r"$$\frac{\partial L}{\partial W_{k,j}} = \sum_i X_{i,k} \frac{\partial L}{\partial Z_{i,j}}$$"
DB = r"$$\frac{\partial L}{\partial b_j} = \sum_i \frac{\partial L}{\partial Z_{i,j}}$$"


def code(*lines: str) -> str:
    return "\n```python\n" + "\n".join(lines) + "\n```\n"


# formulas, code, and what is said of the two: (verdict and note of the formula, verdict and note of the code)
ROWS = [
    (DW, RIGHT_DW, ("right", None), ("right", None)),
    (DB.replace(r"\sum_i ", ""), RIGHT_DB, ("wrong", "your code on line 16 is right"), ("right", None)),
    (DB, "db = dZ.mean(0)", ("right", None), ("wrong", "your formula on line 10 is right")),
    (
        DB.replace(r"\sum_i", r"2\sum_i"),
        "db = 2 * dZ.sum(0)",
        ("wrong", "your code on line 16 is wrong in the same way"),
        ("wrong", "your formula on line 10 is wrong in the same way"),
    ),
    (
        DB.replace(r"\sum_i", r"2\sum_i"),
        "db = dZ.mean(0)",
        ("wrong", "your code on line 16 is wrong too"),
        ("wrong", "your formula on line 10 is wrong too"),
    ),
]


@pytest.mark.parametrize("formula, line, of_formula, of_code", ROWS, ids=[r[1] + " | " + r[0][2:40] for r in ROWS])
def test_who_is_right(formula, line, of_formula, of_code):
    text = NOTES + FORWARD.lstrip("\n") + "\n" + formula + "\n" + code(RIGHT_DZ, line)
    found = [v for v in check_text(text, "n.md").verdicts if v.verdict != "no-claim"]
    last = [next(v for v in found if v.text.startswith(line[:4])), next(v for v in found if v.place.line == 10)]
    assert [(v.verdict, v.note) for v in last] == [of_code, of_formula], [(v.text, v.reason) for v in found]
    assert all(v.verdict == "right" for v in found if v not in last)


def test_the_note_ends_the_reason_in_json():
    text = NOTES + FORWARD.lstrip("\n") + "\n" + DB + "\n" + code(RIGHT_DZ, "db = dZ.mean(0)")
    wrong = next(v for v in check_text(text, "n.md").verdicts if v.verdict == "wrong")
    assert "note" not in wrong.json() and wrong.json()["reason"].endswith("your formula on line 10 is right")


# a paste that lost its indentation, a line that is no Python, a gradient nobody set, a name nobody declared
LOOP = "db = np.zeros_like(b)\nfor i in range(n):\nfor j in range(P.shape[1]):\ndb[j] += dZ[i, j]"
CODES = [
    (f"{RIGHT_DZ}\n{RIGHT_DW}\n{LOOP}", "right right right-if", "its body (the indentation is lost)"),
    (f"{RIGHT_DZ}\ndW = X.T @ (dZ\n{RIGHT_DB}", "right unreadable", "from here to the end of the listing"),
    (RIGHT_DW, "right", ""),
    ("dW = X.T @ (2 * dZ)", "wrong", ""),
    (RIGHT_DZ.replace("y]", "Y_train]"), "right-if", "reads Y_train as y"),
    (
        RIGHT_DZ.replace("n", "batch_size").replace("raBATCH", "ra").replace("rabatch_sizege", "range"),
        "right-if",
        "reads batch_size as",
    ),
]


@pytest.mark.parametrize("lines, words, reason", CODES, ids=[c[0][-30:] for c in CODES])
def test_code_as_it_was_pasted(lines, words, reason):
    text = NOTES + FORWARD.lstrip("\n") + code(lines)
    found = [v for v in check_text(text, "n.md").verdicts if v.verdict != "no-claim"]
    assert [v.verdict for v in found] == words.split(), [(v.text, v.verdict, v.reason) for v in found]
    assert reason in (found[-1].reason or "")


def test_without_a_forward_pass_the_checker_asks_for_it():
    (found,) = check_text(code(RIGHT_DZ, RIGHT_DW), "n.md").verdicts
    assert found.verdict == "unknown" and "--forward" in found.reason


def test_nothing_is_disproved_through_what_the_document_leaves_out():
    """`inv` depends on E, but no line says so: the path through it disproves nothing."""
    forward = "\n```python\nP = E * inv\nloss = -np.log(P[range(n), y]).mean()\n```\n"
    lines = [
        "dP = np.zeros_like(P)",
        "dP[range(n), y] = -1 / (n * P[range(n), y])",
        "dinv = (dP * E).sum(1, keepdims=True)",
    ]
    found = check_text(
        "$E_{i,j}$, $inv_i$ and $y_i$, $n$ rows\n" + forward + code(*lines, "dE = dP * inv - dinv * inv ** 2"), "n.md"
    ).verdicts
    assert found[-1].verdict == "unknown" and "says how `inv` depends on `E`" in found[-1].reason, found


SEEDS = Path(__file__).parents[2].joinpath("shared", "seeds")


@pytest.mark.skipif(not SEEDS.exists(), reason="the shared seeds are not here")
@pytest.mark.parametrize("seed, forward, line, code_line", [("000", None, 76, 67), ("004", "makemore_forward.py", 196, 210),
                                                             ("004", "makemore_forward.py", 348, 356)])  # fmt: skip
def test_the_three_places_of_the_seeds(seed, forward, line, code_line):
    """The code is right where the formula is wrong, and nothing in the code is wrong or unknown."""
    given = str(SEEDS / forward) if forward else None
    found = check_text((SEEDS / f"{seed}.md").read_text(encoding="utf-8"), f"{seed}.md", forward=given).verdicts
    wrong = [v for v in found if v.place.line == line and v.verdict == "wrong"]
    assert wrong and all(v.note == f"your code on line {code_line} is right" for v in wrong)
    assert not any(v.verdict in ("unknown", "unreadable") for v in found)
