"""The named functions of arrays as definitions in the engine's own notation: softmax, variance, cross entropy …

A definition speaks of arrays X, Y … over one axis letter each.  The axis may stand for several axes of the array that
it is used on: Σ over `k:C` then is Σ over all of them, and `C` their product.

    softmax      exp(X[j])/sum[k:C] exp(X[k])
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from derive import expr as x
from derive.expr import Entry, Expr, Slot, Term
from derive.index import Index, Size
from derive.notation import parse

Group = tuple[Slot, ...]


@dataclass(frozen=True)
class Definition:
    """One row: the law, the free axis (empty for a value without one), and a sentence."""

    name: str
    law: str
    free: str = ""
    words: str = ""


# fmt: off
ROWS = (
    Definition("mean",        "1/C*sum[k:C] X[k]", words="the arithmetic mean"),
    Definition("variance",    "1/(C - r)*sum[k:C] (X[k] - 1/C*sum[l:C] X[l])^2",
               words="the variance; r = 1 for the unbiased one"),
    Definition("std",         "(1/(C - r)*sum[k:C] (X[k] - 1/C*sum[l:C] X[l])^2)^(1/2)",
               words="the standard deviation"),
    Definition("softmax",     "exp(X[j])/(sum[k:C] exp(X[k]))", "j", "the exponentials over their sum"),
    Definition("log_softmax", "X[j] - log(sum[k:C] exp(X[k]))", "j", "the logarithm of the softmax"),
    Definition("logsumexp",   "log(sum[k:C] exp(X[k]))", words="the logarithm of the sum of exponentials"),
    Definition("norm",        "(sum[k:C] X[k]^2)^(1/2)", words="the Euclidean norm"),
    Definition("norm_1",      "sum[k:C] abs(X[k])", words="the sum of absolute values"),
    Definition("standardised",
               "(X[j] - 1/C*sum[k:C] X[k])*(1/C*sum[k:C] (X[k] - 1/C*sum[l:C] X[l])^2 + eps[])^(-1/2)", "j",
               "mean 0 and variance 1 along the axis"),
    Definition("rms_scaled",  "X[j]*(1/C*sum[k:C] X[k]^2 + eps[])^(-1/2)", "j", "scaled to mean square 1"),
    Definition("nll",         "log(sum[k:C] exp(X[k])) - X[t[]]", words="cross entropy against a label t"),
    Definition("soft_nll",    "-sum[k:C] Y[k]*(X[k] - log(sum[l:C] exp(X[l])))",
               words="cross entropy against a distribution Y"),
)
# fmt: on
DEFINITIONS: Mapping[str, Definition] = {row.name: row for row in ROWS}


def instance(name: str, sizes: tuple[Size, ...], arrays: Mapping[str, Callable[[Group], Expr]], *,
             free: Group = (), numbers: Mapping[str, Size] | None = None,
             places: Mapping[str, Slot] | None = None) -> Expr:  # fmt: skip
    """A definition over an axis (or several) of the given sizes.

    `arrays`: bodies by the letters of the law, from the places along the axes to an entry; `free`: the place that the
    law's free letter stands for; `numbers`: values for further size letters; `places`: for entries used as a place.
    """
    row = DEFINITIONS[name]
    scope = {row.free: Index(row.free, Size.of("C"))} if row.free else {}
    law = parse(row.law, scope)
    values = {"C": x.product_of(list(sizes))} | dict(numbers or {})
    groups: dict[Index, Group] = {i: free for i in scope.values()}
    return _Instance(sizes, arrays, values, places or {}).of(law, groups)


@dataclass(frozen=True)
class _Instance:
    sizes: tuple[Size, ...]
    arrays: Mapping[str, Callable[[Group], Expr]]
    values: Mapping[str, Size]
    places: Mapping[str, Slot]

    def of(self, t: Term | Index, groups: dict[Index, Group]) -> Term | Index:
        """The law with axes, sizes and arrays put in."""
        match t:
            case Entry(name=name, slots=slots):
                return self.arrays[name](tuple(s for slot in slots for s in self.group(slot, groups)))
            case x.Reduce(op=op, index=i, body=body):
                bound = tuple(Index("i", n) for n in self.sizes)
                e = self.of(body, groups | {i: bound})
                for j in reversed(bound):
                    e = x.reduce_(op, j, e)
                return e
            case x.Whole(slot=x.Affine(terms=(), constant=n)):
                return x.size(n.substitute(self.values))
        return x.with_parts(t, tuple(self.of(p, groups) for p in x.parts(t))) if x.parts(t) else t

    def group(self, slot: Slot, groups: dict[Index, Group]) -> Group:
        if isinstance(slot, Entry):
            return (self.places[slot.name],)
        return groups[slot]
