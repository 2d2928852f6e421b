"""Inverses and determinants in whatever arithmetic a judge computes with: elimination by the textbook.

An implicit equation whose right side is `inverse(A[…, i, j])` or `det(A[…, a, b])` is evaluated here; leading slots are
a family of matrices.  A matrix that is singular in the arithmetic decides nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from derive import expr as x
from derive.expr import Entry
from derive.program import Equation

OPERATIONS = ("inverse", "det")
LARGEST = 24  # rows; elimination is for judging at small sizes


def matrix_of(e: Equation) -> Entry | None:
    """The entry of which an implicit equation states the inverse or the determinant, None for another law."""
    rhs = e.rhs
    if e.kind == "implicit" and isinstance(rhs, x.Call) and rhs.op in OPERATIONS and isinstance(rhs.args[0], Entry):
        return rhs.args[0]
    return None


def computed(e: Equation, arithmetic: Any) -> Any:
    """The data of such an array: the last two axes of the matrix's data are eliminated, place by place."""
    data = arithmetic.array(e.rhs.args[0].name)
    tail = arithmetic.tail
    axes = data.ndim - tail
    lead, n, m = data.shape[: axes - 2], data.shape[axes - 2], data.shape[axes - 1]
    if n != m or n > LARGEST:
        arithmetic.refuse("a matrix that is not square has no inverse" if n != m else "the matrix is too large")
    found = [eliminated(arithmetic, data[place])[OPERATIONS.index(e.rhs.op)] for place in np.ndindex(lead)]
    if any(f is None for f in found):
        arithmetic.refuse("a singular matrix is inverted")
    width = max((f.shape[-1] for f in found), default=1) if tail else None
    found = [np.broadcast_to(f, (*f.shape[:-1], width)) if tail and f.shape[-1] == 1 else f for f in found]
    if not lead:
        return found[0]
    out = np.empty((len(found), *found[0].shape), found[0].dtype)
    for k, f in enumerate(found):
        out[k] = f
    return out.reshape(*lead, *out.shape[1:])


def eliminated(arithmetic: Any, matrix: Any) -> tuple[Any, Any]:
    """Gauss and Jordan: the inverse (None where a column has no pivot) and the determinant of one matrix."""
    n, minus = matrix.shape[0], arithmetic.number(-1)
    rows = [matrix[k] for k in range(n)]
    own = arithmetic.whole(np.eye(n, dtype=np.int64))
    beside = [own[k] for k in range(n)]
    det = None
    for k in range(n):
        best = max(range(k, n), key=lambda r: arithmetic.weight(rows[r][k : k + 1]))
        pivot = rows[best][k : k + 1]
        if all(arithmetic.is_zero(rows[r][k : k + 1]) for r in range(k, n)):
            return None, arithmetic.mul(pivot, arithmetic.number(0)).reshape(pivot.shape[1:])
        signed = pivot
        if best != k:
            rows[k], rows[best], beside[k], beside[best] = rows[best], rows[k], beside[best], beside[k]
            signed = arithmetic.mul(pivot, minus)
        det = signed if det is None else arithmetic.mul(det, signed)
        scale = arithmetic.reciprocal(pivot)
        rows[k], beside[k] = arithmetic.mul(rows[k], scale), arithmetic.mul(beside[k], scale)
        for r in range(n):
            if r != k:
                factor = arithmetic.mul(rows[r][k : k + 1], minus)
                rows[r] = arithmetic.add(rows[r], arithmetic.mul(rows[k], factor))
                beside[r] = arithmetic.add(beside[r], arithmetic.mul(beside[k], factor))
    return np.stack(np.broadcast_arrays(*beside)), det.reshape(det.shape[1:])
