"""Checking hand algebra and hand-written backward code: `check` for Python, `command` for the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def check(source, forward=None, kind: str | None = None) -> list[dict]:
    """The verdicts on a path or text, one dict per claim with the JSON keys of `derive check`; raises Unreadable."""
    from derive.checker.documents import check_text, source_of

    text, path = source_of(source)
    return [v.json() for v in check_text(text, path, kind=kind, forward=forward).verdicts]


def handwork(source, forward=None, kind: str | None = None):
    """A checked path or text: its verdicts (claim.Checked), and its lines as a report shows them; raises Unreadable."""
    from derive.checker.documents import check_text, source_of
    from derive.writers.handwork import handwork as shown

    text, path = source_of(source)
    checked = check_text(text, path, kind=kind, forward=forward)
    return checked, shown(checked, text, kind)


def command(files: Sequence[str], forward: str | None = None, format: str = "full", allow_unknown: bool = False,
            works: list | None = None, given: Mapping[str, object] | None = None) -> int:  # fmt: skip
    """Check files, print the verdicts, and return the exit code; `works` takes what `handwork` gives for each.

    `given`: what is said of the forward pass besides: `function`, `shapes`, `sample`, `facts`.
    """
    from derive.checker.documents import run

    return run(files, forward, format, allow_unknown, works, given)
