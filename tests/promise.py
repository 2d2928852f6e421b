"""The counts behind tests/results/check_promise.md: corpora checked in chunks by two processes, resumable.

Finished chunks lie as JSON in `.promise/` beside the checkout's root, by seed and commit of the package; a run that
was broken off goes on from there.
"""

from __future__ import annotations

import json
import multiprocessing
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import adversarial
import mutations
import restyling

from derive.checker.documents import check_text

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "tests" / "results" / "check_promise.md"
CHUNK = 100
PROCESSES = 2
Row = list  # one document's outcome, as JSON


def broken(d: mutations.Broken) -> Row:
    """base, kind, verdict, whether the broken term (or at most half of the line) is pointed at, the line."""
    found = [v for v in check_text(d.text, "m.md").verdicts if v.place.line == d.line]
    if not found:
        return [d.base, d.kind, "none", False, d.text.split("\n")[d.line - 1]]
    v = found[-1]
    whole = len(v.text) >= d.row and d.end - d.start < d.row
    at = v.place.column < d.end and d.start < v.place.end_column and not whole
    return [d.base, d.kind, v.verdict, at, d.text.split("\n")[d.line - 1]]


def trap(case: tuple[str, str]) -> Row:
    """kind, the verdict on the last claim, the document."""
    kind, text = case
    verdicts = check_text(text, "a.md").verdicts
    return [kind, verdicts[-1].verdict if verdicts else "none", text]


def restyled(case: tuple[str, str]) -> Row:
    """base, the worst verdict (right where all claims are), the document."""
    name, text = case
    bad = [v.verdict for v in check_text(text, "r.md").verdicts if v.verdict not in ("right", "no-claim")]
    return [name, bad[0] if bad else "right", text]


CORPORA: dict[str, tuple[Callable, Callable]] = {
    "broken": (mutations.corpus, broken),
    "traps": (adversarial.corpus, trap),
    "restyled": (restyling.corpus, restyled),
}


def commit() -> str:
    """The last commit that touched the package or what makes the corpora."""
    asked = ["git", "log", "-1", "--format=%h", "--", "derive", "tests/*.py"]
    return subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def _chunk(job: tuple[str, list, str]) -> list[Row]:
    what, cases, path = job
    rows = [CORPORA[what][1](case) for case in cases]
    if path:
        Path(path).write_text(json.dumps(rows), encoding="utf8")
    return rows


def outcomes(what: str, count: int, seed: int, keep: bool = False, processes: int = 1) -> list[Row]:
    """The outcomes on a corpus, in order; `keep` stores chunks and takes up those of an earlier run."""
    return [row for chunk in _chunks(what, count, seed, keep, processes) for row in chunk]


def _chunks(what: str, count: int, seed: int, keep: bool, processes: int) -> Iterator[list[Row]]:
    """The chunks of a run: those that lie there first, then the others as they are done."""
    cases = list(CORPORA[what][0](count, seed))
    store, jobs = ROOT / ".promise", []
    store.mkdir(exist_ok=True) if keep else None
    for k in range(0, len(cases), CHUNK):
        path = store / f"{what}-{seed}-{commit()}-{k}.json" if keep else None
        if path is not None and path.exists():
            yield json.loads(path.read_text(encoding="utf8"))
        else:
            jobs.append((what, cases[k : k + CHUNK], str(path or "")))
    if processes == 1:
        yield from map(_chunk, jobs)
    elif jobs:
        with multiprocessing.get_context("fork").Pool(processes) as pool:
            yield from pool.imap(_chunk, jobs)


# ---------------------------------------------------------------- what is owed


def judge_broken(rows: list[Row]) -> None:
    """0 called right, 99 % wrong (or carried), 90 % of the single mistakes at the broken term."""
    called_right = [row for row in rows if row[2] == "right"]
    assert not called_right, called_right
    missed = [row for row in rows if row[2] not in ("wrong", "carried")]
    assert len(missed) <= 0.01 * len(rows), missed
    single = [row for row in rows if "+" not in row[1] and row not in missed]
    assert sum(row[3] for row in single) >= 0.9 * len(single), Counter(row[1] for row in single if not row[3])


def judge_traps(rows: list[Row]) -> None:
    """0 called right."""
    assert not [row for row in rows if row[1] == "right"]


def judge_restyled(rows: list[Row]) -> None:
    """All right."""
    assert not [row for row in rows if row[1] != "right"]


# ---------------------------------------------------------------- the report


def by_kind(rows: Iterable[Row], kind: int, verdict: int) -> dict[str, Counter]:
    """Verdicts by kind."""
    found: dict[str, Counter] = {}
    for row in rows:
        name = "two mistakes" if "+" in row[kind] else row[kind]
        found.setdefault(name, Counter())[row[verdict]] += 1
        found[name]["at"] += kind == 1 and bool(row[3]) and row[verdict] in ("wrong", "carried")
    return found


def _line(name: str, c: Counter, count: int) -> str:
    open_ = count - c["wrong"] - c["carried"] - c["right"] - c["right-if"]
    return f"| {name} | {count} | {c['wrong'] + c['carried']} | {c['at']} | {c['right-if']} | {open_} | {c['right']} |"


def section(what: str, seed: int, rows: list[Row]) -> str:
    """The table of one corpus."""
    kinds = by_kind(rows, 1 if what == "broken" else 0, 2 if what == "broken" else 1)
    total: Counter = sum(kinds.values(), Counter())
    counts = {name: sum(v for k, v in c.items() if k != "at") for name, c in kinds.items()}
    head = {
        "broken": "Broken lines: right derivations with one mistake (or two), confirmed different by plain loops",
        "traps": "Traps: claims that only look right",
        "restyled": "Right derivations in other letters, orders, layouts and macros",
    }[what]
    columns = "| kind | documents | wrong or carried | at the term | right-if | unknown | called right |\n|---|---|---|---|---|---|---|"
    lines = [_line(name, kinds[name], counts[name]) for name in sorted(kinds)]
    return f"## {head}\n\nSeed {seed}, commit {commit()}.\n\n{columns}\n" + "\n".join(
        [*lines, _line("all", total, len(rows))]
    )


def write(what: str, seed: int, rows: list[Row]) -> None:
    """Put the table of one corpus into the report, the others left as they are."""
    held = RESULTS.read_text(encoding="utf8") if RESULTS.exists() else ""
    parts = {p.split("\n", 1)[0]: "## " + p.strip() for p in held.split("\n## ")[1:]}
    new = section(what, seed, rows)
    parts[new[3:].split("\n", 1)[0]] = new
    order = [h for w in CORPORA for h in parts if h == section(w, 0, []).split("\n", 1)[0][3:]]
    top = "<!-- made by: pytest -m long tests/test_check_mutations.py -->\n# The promise of the formula checker, measured"
    RESULTS.write_text("\n\n".join([top, *(parts[h] for h in order)]) + "\n", encoding="utf8")


def run(what: str, count: int, seed: int) -> list[Row]:
    """A long run: two processes, resumable, its table written as far as the run has come."""
    rows: list[Row] = []
    for chunk in _chunks(what, count, seed, keep=True, processes=PROCESSES):
        rows += chunk
        write(what, seed, rows)
    return rows
