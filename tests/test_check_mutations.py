"""The promise on many documents: broken derivations and traps are never right, restyled ones stay right."""

from collections import Counter

import adversarial
import mutations
import pytest
import restyling

from derive.checker.documents import check_text


def at_line(text: str, line: int):
    """The verdict on the claim of one line."""
    return next((v for v in reversed(check_text(text, "m.md").verdicts) if v.place.line == line), None)


def counted(count: int, seed: int) -> tuple[Counter, list[str]]:
    """Verdicts on broken lines, and how many point at the broken term (or at no more than half of the line)."""
    found: Counter = Counter()
    notes = []
    for name, kind, (text, line, start, end) in mutations.corpus(count, seed):
        v = at_line(text, line)
        word = v.verdict if v is not None else "none"
        found[word] += 1
        if word in ("wrong", "carried") and "+" not in kind:
            found["with one mistake"] += 1
            row = text.split("\n")[line - 1].removeprefix("= ").removesuffix("$$")
            whole = len(v.text) >= len(row) and end - start < len(row)
            found["at the term"] += v.place.column < end and start < v.place.end_column and not whole
        elif word not in ("wrong", "carried"):
            notes.append(f"{word} {name} {kind}: {text.splitlines()[line - 1]}")
    return found, notes


def assert_promise(count: int, seed: int) -> Counter:
    found, notes = counted(count, seed)
    caught = found["wrong"] + found["carried"]
    assert found["right"] == 0, notes
    assert caught >= 0.99 * count, notes
    assert found["at the term"] >= 0.9 * found["with one mistake"], found
    return found


def assert_never_right(count: int, seed: int) -> Counter:
    found: Counter = Counter()
    for kind, text in adversarial.corpus(count, seed):
        verdicts = check_text(text, "a.md").verdicts
        word = verdicts[-1].verdict if verdicts else "none"
        assert word != "right", (kind, text, verdicts[-1])
        found[kind, word] += 1
    return found


def assert_stays_right(count: int, seed: int) -> None:
    for name, text in restyling.corpus(count, seed):
        bad = [v for v in check_text(text, "r.md").verdicts if v.verdict not in ("right", "no-claim")]
        assert not bad, (name, text, bad)


def test_broken_lines_are_found():
    assert_promise(500, seed=11)


def test_traps_are_never_right():
    assert_never_right(105, seed=12)


def test_restyled_derivations_stay_right():
    assert_stays_right(100, seed=13)


@pytest.mark.long
def test_ten_thousand_broken_lines():
    assert_promise(10_000, seed=21)


@pytest.mark.long
def test_a_thousand_traps():
    assert_never_right(1_000, seed=22)


@pytest.mark.long
def test_a_thousand_restyled():
    assert_stays_right(1_000, seed=23)
