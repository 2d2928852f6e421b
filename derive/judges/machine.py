"""A small whitelisting interpreter of Python's `ast` over complex-safe NumPy.

It evaluates a forward pass without `exec`, `eval` or `getattr`: nodes, names, attributes and calls are looked up in
tables, and what is not there is refused with its line and column.  It shares nothing with the engine's reader, so a
misread axis cannot pass both.  In a complex run every float array is complex from the start.  Aliases and in-place
stores behave as in Python; a store counts as a new version of the name it goes through.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

import numpy as np

from derive.errors import UnknownName, Unsupported
from derive.judges import numeric as N
from derive.judges import shapes as S
from derive.judges import tables as T
from derive.judges.calls import Calls
from derive.judges.expressions import Expressions
from derive.judges.source import DEFAULTS, FUEL, Class, Foreign, Function, Scope, scope_names
from derive.judges.statements import Statements


def snapshot(value):
    """A copy that later stores do not change."""
    match value:
        case np.ndarray():
            return value.copy()
        case S.Best():
            return value
        case list() | tuple():
            return type(value)(snapshot(v) for v in value)
        case dict():
            return {k: snapshot(v) for k, v in value.items()}
    return value


def shifted(value, delta):
    """value + delta, leaf by leaf; a None in delta leaves its part as it is."""
    match delta:
        case None:
            return value
        case dict():
            return {k: shifted(v, delta.get(k)) for k, v in value.items()}
        case list() | tuple() if isinstance(value, (list, tuple)):
            return type(value)(shifted(v, d) for v, d in zip(value, delta, strict=False))
    return value + delta


@dataclass(frozen=True)
class Bump:
    """A change of one version of one name: `at` counts its assignments from 1, 0 is the input."""

    name: str
    at: int
    delta: object


class Machine(Statements, Expressions, Calls):
    """One run.  `values` is the trace, `count` the versions per name, `written` who wrote each entry last."""

    def __init__(self, code, inputs, function=None, *, bump=None, complex_run=False, record=True, frozen=None):
        self.code, self.function, self.bump, self.record = code, function, bump, record
        self.complex, self.torch, self.fuel = complex_run, code.torch, FUEL
        self.values, self.count, self.written, self.loops, self.quiet = {}, {}, {}, 0, 0
        self.stops, self.frozen = [], iter(frozen) if frozen is not None else None
        self.methods, self.pending = T.METHODS[code.torch], set()
        self.inputs = {name: self.prepared(value) for name, value in inputs.items()}
        if bump is not None and bump.at == 0:
            self.inputs[bump.name] = shifted(self.inputs[bump.name], bump.delta)
        self.globals = Scope()

    # values ...................................................................................................

    def prepared(self, value):
        """A private copy of an input, its floats complex in a complex run."""
        if isinstance(value, (list, tuple)):
            return type(value)(self.prepared(v) for v in value)
        if isinstance(value, dict):
            return {k: self.prepared(v) for k, v in value.items()}
        if value is None or isinstance(value, (str, bool, int, float, complex, range, np.generic)):
            return self.tidy(value)
        value = np.array(value)
        if value.dtype.kind not in "fciub":
            raise Unsupported(f"an input of type {value.dtype}", "inputs are arrays of numbers")
        return value.astype(complex if self.complex else float) if value.dtype.kind == "f" else value

    def tidy(self, v):
        """Floats complex in a complex run; torch has no scalars, only arrays without axes."""
        if isinstance(v, np.ndarray):
            return v.astype(complex) if self.complex and v.dtype.kind == "f" else v
        if self.torch and isinstance(v, np.generic):
            return np.array(v, complex) if self.complex and v.dtype.kind == "f" else np.array(v)
        return v

    def stop(self, value):
        """detach, item, no_grad: the value without its slope, and in a difference quotient the unshifted value."""
        if isinstance(value, (tuple, list)):
            return type(value)(self.stop(v) for v in value)
        if not isinstance(value, (np.ndarray, np.generic, float, complex)) or np.asarray(value).dtype.kind not in "fc":
            return value
        flat = N.real(value) if self.frozen is None else next(self.frozen)
        self.stops.append(snapshot(flat))
        return np.array(flat, complex) if self.complex and isinstance(flat, np.ndarray) else flat

    # names ....................................................................................................

    def bind(self, scope, name, value, node, changed=None):
        """name = value: counted, bumped, recorded.  `changed` is the index of an in-place store, else None."""
        if self.quiet:
            value = self.stop(value)
        if scope.label is not None:
            value = self.version(scope.label + name, value, node, changed)
        scope[name] = value

    def version(self, key, value, node, changed):
        """One more version of the name: bumped if it is the one, recorded with its line."""
        n = self.count[key] = self.count.get(key, 0) + 1
        if self.bump is not None and self.bump.at == n and self.bump.name == key:
            if changed is not None and isinstance(value, np.ndarray) and value.dtype.kind in "fc":
                value += self.bump.delta
            else:
                value = self.tidy(shifted(value, self.bump.delta))
        if self.record:
            self.values.setdefault(key, []).append((node.lineno, snapshot(value)))
            self.remember(key, value, n, changed)
        return value

    def remember(self, key, value, n, changed):
        """Who wrote each entry last: a loop writes entry by entry, a store outside loops makes a new whole."""
        if isinstance(value, np.ndarray):
            known = self.written.get(key)
            if changed is None or changed is ... or not self.loops or known is None or known.shape != value.shape:
                self.written[key] = np.full(value.shape, n)
            else:
                known[changed] = n

    def lookup(self, node, scope):
        """The value of a name: its scopes, the module, the known modules, the builtins."""
        name, s = node.id, scope
        while s is not None:
            if name in s:
                value = s[name]
                break
            s = s.parent
        else:
            value = self.outer(name, node)
        if isinstance(value, Foreign):
            raise Unsupported(f"`{value.name}`", "the judge knows NumPy, torch, math and scipy.special only")
        return value

    def outer(self, name, node):
        """A name of the module: function, class, import or constant (evaluated when first needed)."""
        code = self.code
        if name in code.functions:
            return Function(code.functions[name], self.globals)
        if name in code.classes:
            return Class(code.classes[name], self.globals)
        if name in code.constants and name not in self.pending:
            self.pending.add(name)
            self.run(code.constants[name], self.globals)
            if name in self.globals:
                return self.globals[name]
        for table in (code.imports, DEFAULTS, T.BUILTINS):
            if name in table:
                return table[name]
        near = difflib.get_close_matches(name, [*scope_names(self.globals), *self.inputs, *T.BUILTINS], 1)
        raise UnknownName(f"nothing defines `{name}`", "it is neither an input nor assigned before this line",
                          f"did you mean `{near[0]}`?" if near else "pass it as an input")  # fmt: skip
