"""How long a hundred lines of mathematics take to check (goal: two seconds): `python benchmarks/check_notes.py`."""

import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from mutations import bases, tex  # noqa: E402

from derive.checker.documents import check_text  # noqa: E402


def notes() -> list[str]:
    """The right derivations of the tests, as documents."""
    return [f"{b.words}\n\n$${b.left}\n" + "\n".join(f"= {tex(u)}" for u in b.lines) + "$$\n" for b in bases()]


def main() -> None:
    documents, lines, k = notes(), 0, 0
    check_text(documents[0], "warm.md")
    start = time.process_time()
    while lines < 100:
        text = documents[k % len(documents)]
        lines += len(check_text(text, "b.md").verdicts)
        k += 1
    print(f"{lines} lines in {time.process_time() - start:.2f} s of processor time")


if __name__ == "__main__":
    main()
