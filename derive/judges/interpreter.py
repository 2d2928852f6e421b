"""The end-to-end judge: values and derivatives of a forward pass, straight from its source.

    run("def forward(x): ...", {"x": x}).outputs
    complex_step(source, inputs, wrt=["x", "h"])         # exact to rounding
    richardson(source, inputs, wrt=["x"])                # where a complex step is in doubt: differences, extrapolated

It shares nothing with the reader and engine whose work it judges, and never executes the source (see `machine`).
Outputs are what `return` gives, in order, without state: a nested tuple, and whatever is called `cache`.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from derive.errors import NotDifferentiable, ShapeMismatch, Span, UnknownName, Unsupported
from derive.judges import machine as M
from derive.judges import numeric as N
from derive.judges import shapes as S
from derive.judges import source as R

__all__ = ["Trace", "run", "complex_step", "richardson", "central"]


@dataclass
class Trace:
    """What a run did: the returned object, and every version of every name with its line, in order.

    A store into an array (`a[i] = …`, `a += …`, `np.add.at(a, …)`) is a new version of `a`; names of helper functions
    are `helper.name`.  `results` are the outputs by name (None: unnamed), without state.
    """

    outputs: object
    values: dict = field(default_factory=dict)
    results: list = field(default_factory=list)
    written: dict = field(default_factory=dict)
    stops: list = field(default_factory=list)
    count: dict = field(default_factory=dict)


def run(source: str, inputs: dict, function: str | None = None, *, bump=None) -> Trace:
    """Evaluates the source on the inputs.

    function: None is `forward`, else the only class with such a method, the only function, the script; `Class.method`
    picks a method.  bump = (name, occurrence, delta) adds delta to that version of the name right after it is made:
    0 is the input, None the last.  Raises Unsupported, UnknownName, Unreadable or ShapeMismatch with line and column.
    """
    if bump is not None:
        name, at, delta = bump
        if at is None:
            at = run(source, inputs, function).count.get(name, 0)
        if at == 0 and name not in inputs:
            raise UnknownName(f"nothing sets `{name}`", "it is neither an input nor assigned in the entry function")
        bump = M.Bump(name, at, delta)
    return _run(source, inputs, function, bump=bump)


def _run(source, inputs, function, *, bump=None, record=True, frozen=None) -> Trace:
    code = R.read(source)
    complex_run = any(map(N.is_complex, leaves(inputs) + (leaves(bump.delta) if bump else [])))
    m = M.Machine(code, inputs, function, bump=bump, complex_run=complex_run, record=record, frozen=frozen)
    with np.errstate(all="ignore"):
        returned = start(m)
    return Trace(returned.value, m.values, results(returned), m.written, m.stops, m.count)


# -- where a run begins ------------------------------------------------------------------------------------------


def entry(code, function, inputs):
    """(class, def) of the entry; (None, None) for a flat script."""
    if function is not None:
        cls, _, name = function.rpartition(".")
        found = R.Class(code.classes[cls], None).find(name, _Code(code)) if cls in code.classes else None
        found = found or (code.functions.get(name) if not cls else None)
        if found is None:
            known = ", ".join([*code.functions, *(f"{c}.forward" for c in code.classes)])
            raise UnknownName(f"no function `{function}`", f"the source has: {known or 'none'}")
        return code.classes.get(cls), found
    if "forward" in code.functions:
        return None, code.functions["forward"]
    return _only(code, inputs)


@dataclass
class _Code:
    """What Class.find wants to know."""

    code: object


def _only(code, inputs):
    """The only class with a forward, or the only function if the inputs are its parameters; else the script."""
    methods = [(c, _method(c, code)) for c in code.classes.values()]
    methods = [pair for pair in methods if pair[1] is not None]
    if len(methods) == 1:
        return methods[0]
    if len(code.functions) == 1:
        (f,) = code.functions.values()
        if not code.constants or all(a in inputs for a, default in R.defaults(f.args) if default is None):
            return None, f
    if not code.constants:
        names = ", ".join([*code.functions, *code.classes])
        raise Unsupported("a choice of several functions", f"the source has {names or 'none'}", "name one: function=…")
    return None, None


def _method(node, code):
    """forward, else the only method without underscores, else __call__."""
    find = R.Class(node, None).find
    public = [d for d in node.body if isinstance(d, ast.FunctionDef) and not d.name.startswith("_")]
    only = public[0] if len(public) == 1 else None
    return find("forward", _Code(code)) or only or find("__call__", _Code(code))


def start(m) -> R.Returned:
    """Runs the entry of the machine's source."""
    cls, node = entry(m.code, m.function, m.inputs)
    if node is None:
        return script(m)
    R.check_decorators(node)
    names = [a for a, _ in R.defaults(node.args)]
    spare(m, names)
    scope = R.Scope("", m.globals)
    bound = []
    if cls is not None and not any("staticmethod" in R.decorator_words(d) for d in node.decorator_list):
        bound = [made(m, cls)]
    elif names[:1] == ["ctx"] and "ctx" not in m.inputs:
        bound = [R.Instance()]
    given = {a: m.inputs[a] for a in names if a in m.inputs}
    place = m.code.span(node)
    try:
        m.bind_parameters(R.Function(node, m.globals), bound, given, scope)
    except UnknownName as e:
        raise e.at(Span(place.line, place.column, text=place.text)) from None
    signal = m.block(node.body, scope)
    return signal if isinstance(signal, R.Returned) else R.Returned(None, None)


def spare(m, names):
    """Inputs that are no parameters: globals of the source or state of its object; others are a mistake."""
    words = m.code.words
    for name, value in m.inputs.items():
        first = name.removeprefix("self.").split(".")[0]
        if first not in words:
            raise UnknownName(f"no parameter `{name}`", f"the function has {', '.join(names)}", "leave this input out")
        if name not in names:
            m.globals[name] = value


def made(m, cls):
    """The entry's object: its __init__ run on the inputs of those names; other arguments may only be passed on."""
    instance = R.Instance(cls=R.Class(cls, m.globals))
    init = instance.cls.find("__init__", m)
    if init is not None:
        given = R.defaults(init.args)[1:]
        flags = {a for a, d in given if isinstance(d, ast.Constant) and isinstance(d.value, (bool, str))}
        names = [a for a, default in given if a in m.inputs and a not in flags or default is None]
        m.invoke(R.Function(init, m.globals, instance), [], {a: m.inputs.get(a, R.Missing()) for a in names})
    return instance


def script(m) -> R.Returned:
    """Top-level statements in order; an initialiser of an input (`W = torch.randn(…)`) gives way to the input."""
    m.globals.label = ""
    m.globals.update(m.inputs)
    m.pending = set(m.code.constants)
    seen, last = set(), None
    loss, body = rested_on(first_round(m.code.tree.body))
    for node in body:
        names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        if not (isinstance(node, (ast.Assign, ast.AnnAssign)) and _initialises(node, m.inputs, seen)):
            if not _seeds(node):
                m.run(node, m.globals)
        seen |= names
        last = next(iter(R.stored_names(node)), last)
    if last is None:
        raise Unsupported("a source without assignments", "there is nothing to evaluate")
    last = loss or ("loss" if "loss" in m.globals else last)
    return R.Returned(m.globals.get(last), ast.Name(last))


def first_round(body) -> list:
    """A training script with the first round of its training loop in place of the loop, and nothing after it."""
    for k, node in enumerate(body):
        if isinstance(node, (ast.For, ast.While)):
            inner = first_round(node.body)
            calls = [n.value.func for n in inner if isinstance(n, ast.Expr) and isinstance(n.value, ast.Call)]
            if any(isinstance(f, ast.Attribute) and f.attr == "backward" for f in calls):
                return [*body[:k], *inner]
            steps = [n for n in inner if isinstance(n, ast.AugAssign) and isinstance(n.op, ast.Sub)]
            before = {name for known in body[:k] for name in R.stored_names(known)}
            losses = [j for j, n in enumerate(inner) if _sets_loss(n)]
            if losses and not any(map(_sets_loss, body[k + 1 :])) and any(before & set(R.stored_names(n)) for n in steps):
                return [*body[:k], *inner[: losses[-1] + 1]]
    return body


def _sets_loss(node) -> bool:
    return isinstance(node, ast.Assign) and any(map(_is_loss, R.stored_names(node)))


def _is_loss(name: str) -> bool:
    return "loss" in name.lower() or "cost" in name.lower() or name in ("L", "J", "l", "j", "nll", "error", "objective")


def rested_on(body) -> tuple:
    """The loss of the first `loss.backward()` and the statements before it that it rests on; (None, all) without."""
    calls = [n.value.func if isinstance(n, ast.Expr) and isinstance(n.value, ast.Call) else None for n in body]
    ends = [k for k, f in enumerate(calls) if isinstance(f, ast.Attribute) and f.attr == "backward"]
    if not ends or not isinstance(calls[ends[0]].value, ast.Name):
        return None, body
    loss = calls[ends[0]].value.id
    wanted, kept = {loss}, []
    for node in reversed(body[: ends[0]]):
        if _touched(node) & wanted or isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)):
            kept.append(node)
            wanted |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return loss, kept[::-1]


def _touched(node) -> set:
    """Names that a statement may change: bound, stored into, or handed to a call that stands alone, except print."""
    alone = [n.value for n in ast.walk(node) if isinstance(n, ast.Expr)]
    alone = [c for c in alone if not (isinstance(c, ast.Call) and getattr(c.func, "id", "") == "print")]
    stores = [n for n in ast.walk(node) if isinstance(getattr(n, "ctx", None), ast.Store)]
    return {n.id for part in (*alone, *stores) for n in ast.walk(part) if isinstance(n, ast.Name)}


def _seeds(node) -> bool:
    """Whether a statement makes a generator of random numbers: nothing that is computed with."""
    words = {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}
    return isinstance(node, ast.Assign) and bool(words & {"Generator", "default_rng", "RandomState"})


def _initialises(node, inputs, seen):
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    names = {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
    plain = all(isinstance(t, (ast.Name, ast.Tuple, ast.List)) for t in targets)
    used = {n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)} if node.value else set()
    return plain and bool(names) and names <= inputs.keys() and not names & (seen | used)


# -- outputs -----------------------------------------------------------------------------------------------------


def results(returned) -> list:
    """[(name or None, value)] of the outputs, state left out."""
    value, node = returned.value, returned.node
    if isinstance(value, dict):
        return [(k, v) for k, v in value.items() if k != "cache"]
    if not isinstance(value, tuple) or isinstance(value, S.Best):
        return [(getattr(node, "id", None), value)]
    parts = node.elts if isinstance(node, ast.Tuple) and len(node.elts) == len(value) else [None] * len(value)
    pairs = [(getattr(part, "id", None), v) for part, v in zip(parts, value, strict=False)]
    return [(name, v) for name, v in pairs if name != "cache" and (not isinstance(v, tuple) or isinstance(v, S.Best))]


def leaves(value) -> list:
    """The arrays and numbers of nested lists, tuples and dicts, in order."""
    if isinstance(value, dict):
        return [leaf for v in value.values() for leaf in leaves(v)]
    if isinstance(value, (list, tuple)):
        return [leaf for v in value for leaf in leaves(v)]
    return [value]


def rebuilt(value, parts):
    """A structure like `value` from an iterator of leaves."""
    if isinstance(value, dict):
        return {k: rebuilt(v, parts) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(rebuilt(v, parts) for v in value)
    return next(parts)


def is_real(value) -> bool:
    """Whether it has a derivative: floats, not labels, masks or text."""
    return isinstance(value, (float, complex, np.ndarray, np.generic)) and np.asarray(value).dtype.kind in "fc"


def weights(pairs, upstream) -> list:
    """Upstream gradients in the order of the outputs' leaves; None counts nothing."""
    if upstream is None:
        real = [leaf for _, v in pairs for leaf in leaves(v) if is_real(leaf)]
        if len(real) != 1 or np.size(real[0]) != 1:
            shapes = ", ".join(str(np.shape(v)) for v in real)
            raise NotDifferentiable("the output is not one scalar", f"its shapes are {shapes}", "give upstream=…")
        return [np.ones(np.shape(leaf)) if is_real(leaf) else None for _, v in pairs for leaf in leaves(v)]
    if isinstance(upstream, dict):
        strange = set(upstream) - {name for name, _ in pairs}
        if strange:
            raise UnknownName(f"no output `{strange.pop()}`", "the outputs are " + ", ".join(str(n) for n, _ in pairs))
        parts = [upstream.get(name) for name, _ in pairs]
    elif isinstance(upstream, (tuple, list)) and not (len(pairs) == 1 and isinstance(pairs[0][1], list)):
        parts = list(upstream)
    else:
        parts = [upstream]
    if len(parts) != len(pairs):
        raise ShapeMismatch(f"{len(parts)} upstream gradients for {len(pairs)} outputs", "one is needed for each")
    return [w for u, (_, v) in zip(parts, pairs, strict=False) for w in _weight(u, v)]


def _weight(u, value):
    if u is None:
        return [None] * len(leaves(value))
    found = leaves(u)
    for w, leaf in zip(found, leaves(value), strict=False):
        if w is not None and np.shape(w) != np.shape(leaf):
            raise ShapeMismatch(f"an upstream gradient of shape {np.shape(w)} for an output of shape {np.shape(leaf)}")
    return found


def paired(trace, chosen):
    """Σ upstream · output."""
    outs = [leaf for _, v in trace.results for leaf in leaves(v)]
    return sum(np.sum(w * leaf) for w, leaf in zip(chosen, outs, strict=False) if w is not None)


# -- derivatives -------------------------------------------------------------------------------------------------


class Slopes:
    """Derivatives of one program at one point: the base run, and a way to shift one entry of one version."""

    def __init__(self, source, inputs, upstream, function):
        self.source, self.inputs, self.function = source, inputs, function
        self.base = _run(source, inputs, function)
        self.weights = weights(self.base.results, upstream)

    def version(self, name):
        """(key, value, occurrence of each entry's last store): the input if it is one, else the last version.

        `name@12` is what line 12 assigned.
        """
        key, _, line = name.partition("@")
        if key in self.inputs and not line:
            return key, self.inputs[key], None
        versions = self.base.values.get(key, [])
        if line:
            found = [n for n, (at, _) in enumerate(versions, 1) if at == int(line)]
            if found:
                return key, versions[found[-1] - 1][1], np.full(np.shape(versions[found[-1] - 1][1]), found[-1])
        elif versions:
            value = versions[-1][1]
            whole = np.full(np.shape(value), len(versions)) if not isinstance(value, (dict, list)) else len(versions)
            return key, value, self.base.written.get(key, whole)
        raise UnknownName(f"nothing sets `{name}`", "it is neither an input nor assigned in the entry function")

    def gradient(self, name, slope):
        """An array (or structure) of slopes; `slope(shift, x)` differentiates along one entry, shift(d) → a run."""
        key, value, owner = self.version(name)
        found = leaves(value)
        if not any(map(is_real, found)):
            raise NotDifferentiable(f"the gradient at `{name}`", "it holds no real numbers", "pass floats")
        grads = []
        for k, leaf in enumerate(found):
            grads.append(np.zeros(np.shape(leaf)))
            for at in np.ndindex(np.shape(leaf)) if is_real(leaf) else ():
                version = 0 if owner is None else int(owner[at] if isinstance(owner, np.ndarray) else owner)
                x = float(np.asarray(leaf)[at])
                grads[k][at] = slope(partial(self.shifted, key, version, value, k, at), x)
        return rebuilt(value, iter(grads))

    def shifted(self, key, version, value, k, at, d):
        """The run with one entry of one version changed by d."""
        parts = [None] * len(leaves(value))
        parts[k] = np.zeros(np.shape(leaves(value)[k]), complex if isinstance(d, complex) else float)
        parts[k][at] = d
        bump = M.Bump(key, version, rebuilt(value, iter(parts)))
        frozen = None if isinstance(d, complex) else self.base.stops
        return _run(self.source, self.inputs, self.function, bump=bump, record=False, frozen=frozen)

    def quotient(self, shift, h):
        """(f(x + h) − f(x − h)) / 2h, differences taken output by output so that equal parts cancel exactly."""
        up, down = (shift(s).results for s in (h, -h))
        up, down = ([leaf for _, v in pairs for leaf in leaves(v)] for pairs in (up, down))
        triples = zip(self.weights, up, down, strict=True)
        return sum(np.sum(w * (a - b)) for w, a, b in triples if w is not None) / (2 * h)


def complex_step(source, inputs, wrt, upstream=None, function=None, h=1e-30) -> dict:
    """Gradient of Σ upstream·output at each input or intermediate: Im f(x + ih) / h, one run per entry.

    upstream: None for a scalar, an array, a tuple in return order or a dict by returned name.  An intermediate means
    its last version; one filled in a loop (`h[t] = f(h[t - 1])`) means each entry as last stored.
    """
    slopes = Slopes(source, inputs, upstream, function)
    step = lambda shift, x: np.imag(paired(shift(1j * h), slopes.weights)) / h  # noqa: E731
    return {name: slopes.gradient(name, step) for name in wrt}


def central(source, inputs, wrt, upstream=None, function=None, h=1e-6) -> dict:
    """The same gradient by plain central differences, h relative to entries above 1: seven digits or so."""
    slopes = Slopes(source, inputs, upstream, function)
    return {name: slopes.gradient(name, lambda shift, x: slopes.quotient(shift, h * max(1, abs(x)))) for name in wrt}


def richardson(source, inputs, wrt, upstream=None, function=None) -> dict:
    """The same gradient by Ridders' extrapolation of central differences: ten digits or so on smooth data."""
    slopes = Slopes(source, inputs, upstream, function)
    return {name: slopes.gradient(name, lambda shift, x: ridders(partial(slopes.quotient, shift), x)) for name in wrt}


def ridders(quotient, x, rounds=9, columns=4):
    """lim h → 0 of an even quotient: Neville's table in h² (after Ridders 1982).

    The value taken is the diagonal entry that differs least from the two before it: one agreement alone may be
    chance.  The first step is a fraction of |x|, so that log and sqrt stay in their domain.
    """
    h, previous, diagonal, best, error = 0.06 * max(abs(x), 0.4), [], [], np.nan, np.inf
    for _ in range(rounds):
        row = [quotient(h)]
        for k, old in enumerate(previous[:columns]):
            row.append(row[k] + (row[k] - old) / (4.0 ** (k + 1) - 1))
        diagonal.append(row[-1])
        if len(diagonal) > 2:
            wide = max(abs(row[-1] - diagonal[-2]), abs(row[-1] - diagonal[-3]))
            if wide < error:
                best, error = row[-1], wide
            if error <= 1e-13 * abs(best):
                break
        previous, h = row if np.isfinite(row[0]) else [], h / 2
    return best if np.isfinite(best) else row[0]
