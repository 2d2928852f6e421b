"""Notes as students and lecturers write them, in tests/notes: what is said of every claim, and the lines that are wrong.

+ right, ? right if, X wrong, c carried, . unknown, ! unreadable; definitions and other lines without a claim left out.
"""

from pathlib import Path

import pytest

from derive.checker.documents import check_text

NOTES = Path(__file__).parent / "notes"
SIGNS = {"right": "+", "right-if": "?", "wrong": "X", "carried": "c", "unknown": ".", "unreadable": "!"}
ROWS = [
    ("autoencoder.md", "+++X", [11]),
    ("contrastive.md", "++X", [11]),
    ("rnn.md", "++X+X++", [7, 11]),
    ("batchnorm.md", "+++++++", []),
    ("batchnorm_bad.md", "XXX", [8, 9, 10]),
    ("bptt.md", ".++++", []),
    ("columns.md", "++++", []),
    ("cosine.md", "++", []),
    ("focal.md", "+++X", [13]),
    ("gaussian_nll.md", "++++", []),
    ("gru.md", "++X.", [5]),
    ("layernorm.md", "+++?X", [19]),
    ("least_squares.md", "+++++", []),
    ("logreg.md", "+++++", []),
    ("lstm.md", "++++", []),
    ("mf.md", "++X", [9]),
    ("mlp_student.md", "++?++++++++++", []),
    ("mse.md", "+X+", [9]),
    ("rmsnorm.tex", "+?++X", [13]),
    ("softmax_reg.md", "++++++.", []),
    ("softmax_reg_bad.md", "X+c+", [9]),
]


@pytest.mark.parametrize("name, signs, wrong", ROWS, ids=[r[0] for r in ROWS])
def test_notes(name, signs, wrong):
    found = check_text((NOTES / name).read_text(encoding="utf-8"), name).verdicts
    claims = [v for v in found if v.verdict != "no-claim"]
    assert "".join(SIGNS[v.verdict] for v in claims) == signs, [(v.place.line, v.verdict, v.reason) for v in claims]
    assert sorted(v.place.line for v in claims if v.verdict == "wrong") == wrong
    assert all(v.correction and v.counterexample for v in claims if v.verdict == "wrong")


def test_every_document_has_its_row():
    assert sorted(p.name for p in NOTES.iterdir()) == sorted(r[0] for r in ROWS)
