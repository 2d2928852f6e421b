"""What a statement of backward code does with names: the ones it reads, sets, updates and stores into."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from derive.checker.names import KEPT

FILLERS = {"zeros", "zeros_like", "empty", "empty_like", "full", "new_zeros", "defaultdict", "dict"}
CHANGERS = {"fill", "sort", "partition", "put", "itemset", "resize", "setfield", "byteswap"}  # and torch's: add_, zero_
FILLING = {"at", "copyto", "put", "place", "putmask", "fill_diagonal", "put_along_axis", "shuffle"}  # of what comes first
LIBRARIES = {"np", "numpy", "torch", "F"}


@dataclass(frozen=True)
class Uses:
    """Names that one statement reads, sets anew, and changes in place (an update reads its own old value)."""

    reads: frozenset[str]
    sets: frozenset[str]
    changes: frozenset[str]

    @property
    def writes(self) -> frozenset[str]:
        return self.sets | self.changes


def uses(node: ast.stmt) -> Uses:
    """The names that a statement reads and writes; the base of a store counts as changed and not as read."""
    found = _Visitor()
    found.visit(node)
    return Uses(frozenset(found.reads), frozenset(found.sets), frozenset(found.changes))


class _Visitor(ast.NodeVisitor):
    def __init__(self):
        self.reads: set[str] = set()
        self.sets: set[str] = set()
        self.changes: set[str] = set()

    def visit_Name(self, node: ast.Name) -> None:
        (self.reads if isinstance(node.ctx, ast.Load) else self.sets).add(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if (name := attribute_of_self(node)) is not None:
            self.reads.add(name)
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if (name := of_self(node)) is not None:
            self.reads.add(name)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.visit(node.value)
        self._place(node.target)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            for part in target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]:
                self._place(part) if isinstance(part, (ast.Subscript, ast.Attribute)) else self.visit(part)

    def visit_Call(self, node: ast.Call) -> None:
        """`np.add.at(dC, …)`, `dC.index_add_(…)` and `np.square(h, out=h)` change their array."""
        args, owner = list(node.args), node.func
        if isinstance(owner, ast.Attribute) and owner.attr in FILLING and args and (owner.attr == "at" or _of_library(owner)):
            self._place(args.pop(0))
        elif isinstance(owner, ast.Attribute) and (owner.attr in CHANGERS or _ends_in_place(owner.attr)) and not _of_library(owner):
            self._place(owner.value)
        else:
            self.visit(owner)
        for part in [*args, *(k.value for k in node.keywords)]:
            self.visit(part)
        for place in (k.value for k in node.keywords if k.arg == "out"):
            self._place(place)

    def visit_Expr(self, node: ast.Expr) -> None:
        """`np.negative(dh, dh)`, `np.dot(a, b, dw)`: of a call of which nothing is kept, the last place is filled."""
        self.generic_visit(node)
        match node.value:
            case ast.Call(func=ast.Attribute(attr=attr) as owner, args=[_, *_, ast.Name() as last]) if _of_library(owner):
                if attr not in FILLING:
                    self._place(last)

    def _place(self, target: ast.expr) -> None:
        base = target
        self.changes |= {owner for owner in [parameter_of(target)] if owner is not None}
        while isinstance(base, (ast.Subscript, ast.Attribute)):
            if isinstance(base, ast.Subscript):
                self.visit(base.slice)
                self.changes |= {n for n in [of_self(base)] if n is not None}
            else:
                self.changes |= {n for n in [attribute_of_self(base)] if n is not None}
            base = base.value
        if isinstance(base, ast.Name):
            self.changes.add(base.id)
        else:  # `da.reshape(-1)[0] = 0`
            self.visit(base)
            self.changes |= {n.id for n in ast.walk(base) if isinstance(n, ast.Name)} - LIBRARIES


def _of_library(node: ast.Attribute) -> bool:
    """Whether a dotted name begins with a library's: `np.random.shuffle`."""
    base = node.value
    while isinstance(base, ast.Attribute):
        base = base.value
    return isinstance(base, ast.Name) and base.id in LIBRARIES


def _ends_in_place(name: str) -> bool:
    return name.endswith("_") and not name.startswith("_")


HARMLESS = ("print", "assert", "allclose", "plot", "show", "log", "check", "append")


def handed(node: ast.stmt) -> frozenset[str]:
    """The names that a call of which nothing is kept is given: it stands there for what it does to them."""
    call = node.value if isinstance(node, ast.Expr) else None
    name = ast.unparse(call.func).lower() if isinstance(call, ast.Call) else ""
    if not name or any(word in name for word in HARMLESS):
        return frozenset()
    return _arrays_of(call.func).union(*map(_arrays_of, [*call.args, *(k.value for k in call.keywords)]))


RESHAPING = {"reshape", "view", "ravel", "squeeze", "unsqueeze", "transpose", "swapaxes", "permute", "t", "detach", "expand", "contiguous"}


def _arrays_of(node: ast.expr) -> frozenset[str]:
    """The names whose own arrays an expression hands on, not values computed of them."""
    match node:
        case ast.Name(id=name):
            return frozenset((name,))
        case ast.Attribute(value=inner) | ast.Subscript(value=inner) | ast.Starred(value=inner):
            return _arrays_of(inner)
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Dict(values=parts):
            return frozenset().union(*map(_arrays_of, parts))
        case ast.Call(func=ast.Attribute(value=inner, attr=attr)) if attr in RESHAPING:
            return _arrays_of(inner)
    return frozenset()


def attribute_of_self(node: ast.Attribute) -> str | None:
    """`self[dW]` of `self.dW`."""
    return f"self[{node.attr}]" if isinstance(node.value, ast.Name) and node.value.id == "self" else None


def parameter_of(target: ast.expr) -> str | None:
    """W of `self.W.grad` and of `self.params["W"]["grad"]`: the parameter whose gradient is kept there."""
    while isinstance(target, ast.Subscript) and _key(target) is None:
        target = target.value
    inner = target.value if isinstance(target, (ast.Subscript, ast.Attribute)) and _key(target) in KEPT else None
    return _key(inner) if isinstance(inner, (ast.Subscript, ast.Attribute)) else None


def _key(node: ast.expr) -> str | None:
    match node:
        case ast.Attribute(attr=key) | ast.Subscript(slice=ast.Constant(value=str() as key)):
            return key
    return None


def of_self(node: ast.Subscript) -> str | None:
    """`grads` of `self.grads["W"]`: a container that an object keeps is spoken of by its own name."""
    match node.value:
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            return name
    return None


def fills(node: ast.stmt) -> bool:
    """Whether a statement only makes room: `dx = np.zeros_like(x)`, `dw = 0.0`."""
    value = getattr(node, "value", None)
    if isinstance(value, ast.Constant) or isinstance(value, ast.Dict) and not value.keys:
        return True
    if not isinstance(value, ast.Call):
        return False
    name = value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")
    return name in FILLERS


def updated(node: ast.stmt) -> list[ast.stmt]:
    """`grads.update(W=dW, b=db)` and `grads.update({"W": dW})` as one store for every entry; else nothing."""
    match node:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name() as owner, attr="update"), args=[*given], keywords=more)):
            whole = [d for d in given if isinstance(d, ast.Dict) and all(isinstance(k, ast.Constant) for k in d.keys)]
            if len(whole) == len(given) and all(k.arg for k in more):
                pairs = [(k, v) for d in whole for k, v in zip(d.keys, d.values, strict=True)]
                pairs += [(ast.Constant(k.arg), k.value) for k in more]
                made = [ast.Assign([ast.Subscript(ast.Name(owner.id, ast.Load()), k, ast.Store())], v) for k, v in pairs]
                return [ast.fix_missing_locations(ast.copy_location(n, node)) for n in made]
    return []


def clips(node: ast.stmt) -> bool:
    """`np.clip(dW, -5, 5, out=dW)`: what is done with a gradient, and no part of it."""
    match node:
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="clip" | "clip_" | "clamp_"))):
            return True
    return False


def stored_keys(node: ast.stmt) -> list[str]:
    """`grads[W1]` for a store `grads["W1"] = …`."""
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    found = []
    for target in targets:
        match target:
            case ast.Subscript(value=ast.Name(id=owner) | ast.Attribute(value=ast.Name(id="self"), attr=owner),
                               slice=ast.Constant(value=str() as key)):  # fmt: skip
                found.append(f"{owner}[{key}]")
    return found


def copied_gradient(node: ast.stmt) -> bool:
    """Whether the right side is `x.grad`, perhaps cloned: a value that autograd computed."""
    value = getattr(node, "value", None)
    while isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and not value.args:
        value = value.func.value
    return isinstance(value, ast.Attribute) and value.attr == "grad"


def one_by_one(node: ast.stmt) -> list[ast.stmt]:
    """`a, b = u, v` as `a = u` and `b = v`, where neither reads what the other sets; else nothing."""
    match node:
        case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)) if len(names) == len(values) > 1:
            read = {n.id for v in values for n in ast.walk(v) if isinstance(n, ast.Name)}
            if all(isinstance(n, ast.Name) and n.id not in read for n in names):
                parts = [ast.Assign([n], v) for n, v in zip(names, values, strict=True)]
                return [ast.fix_missing_locations(ast.copy_location(p, node)) for p in parts]
    return []


def packed(body: Iterable[ast.stmt]) -> frozenset[str]:
    """Names that are read as containers, by a text or unpacked, and that no statement sets: `cache`, `parameters`."""
    found: set[str] = set()
    stored: set[str] = set()
    for node in (n for top in body for n in ast.walk(top)):
        match node:
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str()) | ast.JoinedStr()):
                found.add(name)
            case ast.Subscript(value=ast.Name(id=name), slice=ast.BinOp(left=ast.Constant(value=str()))):
                found.add(name)
            case ast.Assign(targets=[ast.Tuple() | ast.List()], value=ast.Name(id=name)):
                found.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                stored.add(name)
    return frozenset(found - stored)


def declared(text: str, word: str) -> list[str]:
    """The entries of `# check:` comment lines that begin with a word, such as `alias dq = dQ`."""
    found = []
    for line in text.splitlines():
        head, mark, rest = line.partition("#")
        rest = rest.strip()
        body = rest.removeprefix("check:").strip()
        if mark and not head.strip() and body.startswith(word + " "):
            found += [part.strip() for part in body.removeprefix(word).split(";") if part.strip()]
    return found
