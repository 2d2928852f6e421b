"""What a theorem about gradients is: `left = 0` for all sizes and data, with its proof and its reason in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from derive import expr as x
from derive.derivation import Derivation
from derive.expr import Expr
from derive.index import Index
from derive.notation import text
from derive.symmetry import Motion, Symmetry

Kind = Literal["zero", "shift", "scale", "mask", "sum"]


@dataclass(frozen=True)
class Theorem:
    """`left = right` for all sizes and data; `indices` are the free ones of `left`, `array` what it is about.

    Kinds: zero, ∂x = 0; shift, Σ ∂x = 0; scale, Σ x ∂x = 0; mask, (1 − M) ∂x = 0; sum, Σ x = 0 or 1 in the forward pass.

    `uses`: the definitions that its proof writes out; `facts`: the declared facts that it needs; `follows`: the numbers
    of the theorems that it is a consequence of; `symmetry`: the movement of the forward pass behind it, where one is
    known; `axes`: those that are summed over; `outputs`: those whose Jacobian it speaks of, since it holds for
    every upstream gradient.
    """

    array: str
    kind: Kind
    left: Expr
    indices: tuple[Index, ...]
    axes: tuple[int, ...]
    derivation: Derivation
    uses: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()
    number: str = ""
    symmetry: Symmetry | None = None
    right: Expr = x.ZERO
    outputs: tuple[str, ...] = ()

    @property
    def certainty(self) -> str:
        return self.derivation.certainty

    @property
    def sentence(self) -> str:
        """The theorem in words, with what it rests on."""
        return self.said + (f": {self.reason}" if self.reason else "")

    @property
    def said(self) -> str:
        """The theorem in words."""
        return _said(self)

    @property
    def reason(self) -> str:
        """Why it holds, in words; empty where only the lines of the proof say so."""
        return _reason(self)

    def __str__(self) -> str:
        return f"{text(self.left)} = {text(self.right)}"

    __repr__ = __str__


def _said(t: Theorem) -> str:
    """What the theorem says: the gradient at hprebn sums to zero over i."""
    name = t.array.split("~")[0]
    said = {
        "zero": f"the gradient at {name} is zero",
        "shift": f"the gradient at {name} sums to zero over {_letters(t)}",
        "scale": f"{name} and its gradient are perpendicular over {_letters(t)}",
        "mask": f"no gradient reaches {name} where its mask is zero",
        "sum": f"{name} sums to {'one' if t.right.key == x.ONE.key else 'zero'} over {_letters(t)}",
    }[t.kind]
    for out in t.outputs:
        said += f", whatever arrives: so does ∂{out}/∂{name}" if t.kind == "shift" else ", so that its Jacobians sum to zero"
    return said


def _reason(t: Theorem) -> str:
    """Why it holds, in words: the theorems that it follows from, or the movement that ends; and the facts it needs."""
    said = ["by " + _and(list(t.follows))] if t.follows else [_movement(t)] if t.symmetry is not None else []
    if t.facts:
        said.append("it needs " + _and(list(t.facts)))
    return "; ".join(said)


def _movement(t: Theorem) -> str:
    """How the arrays behind it move, and which no longer do: scale all z, and mu moves likewise, zhat stays."""
    name = t.array.split("~")[0]
    over = f" over {_letters(t)}" if t.axes else ""
    what = f"when all {name}{over} are scaled" if t.kind == "scale" else f"when the same is added to all {name}{over}"
    groups: dict[str, list[str]] = {}
    for other, m in t.symmetry.moving.items():
        groups.setdefault(_way(m), []).append(other.split("~")[0])
    moving = [f"{_and(names)} {'goes' if len(names) == 1 else 'go'} {way}" for way, names in groups.items()]
    ends = [n.split("~")[0] for n in t.symmetry.ends]
    return f"{what}, {_and([*moving, f'{_and(ends)} {_stay(len(ends))}'])}"


def _stay(count: int) -> str:
    return "stays as it was" if count == 1 else "stay as they were"


def _way(m: Motion) -> str:
    """How one array moves, in the words behind its name."""
    if m.weight and m.rest.key == x.ZERO.key:
        ways = {1: "by the same factor", 2: "by its square", -1: "by its inverse"}
        return ways.get(m.weight, f"by its power {m.weight}")
    return "along" if m.weight or m.rest.key != x.ONE.key else "up as much"


def _and(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _letters(t: Theorem) -> str:
    e, names = t.left, []
    while isinstance(e, x.Reduce):
        names.append(e.index.name)
        e = e.body
    return ", ".join(names)


__all__ = ["Kind", "Theorem"]
