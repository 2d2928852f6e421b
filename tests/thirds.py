"""Long tables: every third row in the suite, all in the long run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest


def thirds(rows: Sequence[tuple], name: Callable[[tuple], str]) -> list:
    """The rows as parameters with their names; two of three are marked `long`."""
    return [pytest.param(*r, id=name(r), marks=() if k % 3 == 0 else pytest.mark.long) for k, r in enumerate(rows)]
