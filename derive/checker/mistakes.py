"""Which known mistake a wrong line makes, and its correction in the author's notation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Diagnosis:
    kind: str = "wrong"
    reason: str = "the two sides differ"
    correction: str | None = None
    span: tuple[int, int] | None = None


def diagnosed(checker, one, chain, n, found) -> Diagnosis:
    return Diagnosis()
