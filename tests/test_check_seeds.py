"""The five documents of the seeds, statement by statement against their computed truth, and the held-out samples."""

import json
from functools import cache
from pathlib import Path

import pytest

from derive.checker.documents import check_text

SHARED = Path(__file__).parents[2].joinpath("shared")
pytestmark = pytest.mark.skipif(not SHARED.exists(), reason="the shared seeds are not here")
FORWARD = {"004": str(SHARED / "seeds" / "makemore_forward.py")}
# the wrong statements that are claims: seed, id, line, kind
WRONG = [
    ("000", "D12a", 76, "wrong"),
    ("000", "D12b", 76, "factor-out-of-sum"),
    ("001", "D18b", 167, "sign"),
    ("001", "D22", 184, "not-implied"),
    ("001", "D23", 186, "not-implied"),
    ("001", "D24", 188, "not-implied"),
    ("001", "D25a", 192, "missing-sum"),
    ("001", "D25c", 192, "missing-sum"),
    ("002", "D13", 48, "index"),
    ("002", "D14", 50, "index"),
    ("004", "D6", 194, "extra-sum"),
    ("004", "D15b", 346, "mean-factor"),
]
NEVER_RIGHT = [("001", 158), ("001", 181), ("003", 33)]


@cache
def checked(seed: str):
    path = SHARED / "seeds" / f"{seed}.md"
    return check_text(path.read_text(encoding="utf-8"), f"{seed}.md", forward=FORWARD.get(seed))


def truth(seed: str | None = None, verdict: str | None = None):
    rows = json.loads((SHARED / "seeds" / "truth.json").read_text(encoding="utf-8"))
    return [t for t in rows if t["kind"] == "display" and seed in (None, t["seed"]) and verdict in (None, t["verdict"])]


def formulas(seed: str):
    """The verdicts on formulas, by the line of the display that the truth names."""
    lines = sorted({t["line"] for t in truth(seed)})
    found: dict[int, list] = {line: [] for line in lines}
    fenced = _fenced(seed)
    for v in checked(seed).verdicts:
        held = [line for line in lines if line <= v.place.line <= line + 8]
        if held and v.place.line not in fenced:
            found[max(held)].append(v)
    return found


@cache
def _fenced(seed: str) -> frozenset[int]:
    """The lines of a seed that stand in code."""
    inside, found = False, set()
    for number, row in enumerate((SHARED / "seeds" / f"{seed}.md").read_text(encoding="utf-8").splitlines(), 1):
        inside ^= row.startswith("```")
        found |= {number} if inside else set()
    return frozenset(found)


@pytest.mark.parametrize("seed", ["000", "004"])
def test_code_statements(seed):
    """Every gradient in code is right, under a named reading where a name is another one, or taken from autograd."""
    code = [v for v in checked(seed).verdicts if v.place.line in _fenced(seed)]
    words = [v.verdict for v in code]
    assert set(words) <= {"right", "right-if", "no-claim"} and words.count("right-if") <= 2, words
    assert words.count("right") >= {"000": 6, "004": 29}[seed], words


@pytest.mark.parametrize("seed, name, line, kind", WRONG, ids=lambda x: str(x))
def test_wrong_statements_are_found_with_a_correction(seed, name, line, kind):
    bad = [v for v in formulas(seed)[line] if v.verdict in ("wrong", "carried")]
    assert any(v.kind == kind for v in bad), [(v.text, v.verdict, v.kind) for v in formulas(seed)[line]]
    assert all(v.correction and v.counterexample for v in bad if v.kind == kind)


@pytest.mark.parametrize("seed, line", NEVER_RIGHT)
def test_never_right(seed, line):
    assert not any(v.verdict == "right" and v.place.line == line for v in checked(seed).verdicts)


def _own(t: dict):
    """The verdicts on one statement of the truth: its share of those of its line."""
    group = [u for u in truth(t["seed"]) if u["line"] == t["line"]]
    found = formulas(t["seed"])[t["line"]]
    place = group.index(t)
    if len(group) == 1 or len(found) < len(group):
        return found
    return found[place : place + 1] if place < len(group) - 1 else found[place:]


def test_right_statements():
    """At least nine in ten of the right claims are right, most of them proved; none is called wrong but one half of a
    line whose other half is."""
    right, proved, claims = 0, 0, 0
    for t in truth(verdict="right"):
        found = [v for v in _own(t) if v.verdict != "no-claim"]
        if not found:
            continue
        claims += 1
        if all(v.verdict == "right" for v in found):
            right += 1
            proved += all(v.certainty == "proved" for v in found)
        if (t["seed"], t["id"]) != ("001", "D25b"):
            assert not any(v.verdict in ("wrong", "carried") for v in found), (t["seed"], t["id"])
    assert right >= 0.9 * claims, (right, claims)
    assert proved >= 0.8 * right


@pytest.mark.parametrize("t", truth(verdict="loose") if SHARED.exists() else [], ids=lambda t: f"{t['seed']}-{t['id']}")
def test_loose_statements_name_their_reading(t):
    found = [v for v in _own(t) if v.verdict != "no-claim"]
    assert found and all(v.verdict in ("right-if", "wrong") and v.reason for v in found)


def test_the_scan_is_refused_with_spans():
    verdicts = checked("003").verdicts
    assert verdicts and {v.verdict for v in verdicts} == {"unreadable"}
    assert all(v.text and v.place.end_column > v.place.column or v.place.end_line > v.place.line for v in verdicts)


# ---------------------------------------------------------------- samples

SAMPLES = sorted((SHARED / "samples" / "hand").glob("*.json")) if SHARED.exists() else []
MATH = [p for p in SAMPLES if json.loads(p.read_text())["kind"] in ("math", "mixed")]
KINDS = {
    "sign": {"sign", "parenthesis"},
    "missing sum": {"missing-sum"},
    "wrong elementary derivative": {"elementary-derivative"},
    "wrong 1/n": {"mean-factor"},
    "wrong axis / broadcast": {"axis"},
    "lost/extra factor": {"factor-out-of-sum"},
}
# Lines that rest on what the author would have to declare: right-if or unknown is the honest answer.
UNDECLARED = {"mlp_layer_superscripts", "layernorm_wrong_axis", "ce_batch_forgot_mean"}


@pytest.mark.parametrize("path", MATH, ids=lambda p: p.stem)
def test_samples(path):
    sample = json.loads(path.read_text(encoding="utf-8"))
    file = path.with_name(sample["file"])
    result = check_text(file.read_text(encoding="utf-8"), file.name)
    kinds = set()
    for line in (one for chain in sample["chains"] for one in chain["lines"]):
        v = _at(result, line)
        if v is None:  # a definition
            assert line["global"] == "right", line["snippet"]
            continue
        if line["global"] == "right":
            good = ("right", "right-if", "unknown") if sample["id"] in UNDECLARED else ("right",)
            assert v.verdict in good, (line["snippet"], v.verdict, v.reason)
        elif line.get("carried"):
            assert v.verdict == "carried"
        else:
            assert v.verdict == "wrong" and v.correction and v.counterexample
            kinds.add(v.kind)
    if sample.get("mistake_class") and kinds:
        assert kinds <= KINDS[sample["mistake_class"]]


def _at(result, line):
    """The verdict on the line's formula: it overlaps the snippet, the last of several."""
    cell = None if line.get("cell") is None else line["cell"] + 1
    end = line["col"] + len(line["snippet"])
    found = [
        v
        for v in result.verdicts
        if v.place.cell == cell
        and v.place.line <= line["line"] <= v.place.end_line
        and v.place.column < end
        and (v.place.end_column > line["col"] or v.place.end_line > line["line"])
        and v.verdict != "no-claim"
    ]
    return found[-1] if found else None
