"""Statements: assignments, stores in place as Python and NumPy do them, loops, branches."""

from __future__ import annotations

import ast

import numpy as np

from derive.errors import Problem, ShapeMismatch, Unsupported
from derive.judges import numeric as N
from derive.judges import tables as T
from derive.judges.expressions import OPERATORS, truth
from derive.judges.source import (
    FAILURES,
    Class,
    Function,
    Instance,
    Member,
    Missing,
    Returned,
    failed,
    imported,
    refused,
)

BREAK, CONTINUE = object(), object()


class Statements:
    """The half of the machine that changes things."""

    def block(self, body, scope):
        """Statements in order; a signal of return, break or continue ends them."""
        for node in body:
            signal = self.run(node, scope)
            if signal is not None:
                return signal
        return None

    def run(self, node, scope):
        """One statement; what fails in it gets its place."""
        self.fuel -= 1
        if self.fuel < 0:
            raise Unsupported("a run this long", "the judge bounds its work", "use smaller sizes", self.code.span(node))
        handler = STATEMENTS.get(type(node))
        try:
            if handler is None:
                raise refused(node)
            return handler(self, node, scope)
        except Problem as e:
            raise e.at(self.code.span(node)) from None
        except FAILURES as e:
            raise failed(e, self.code.span(node)) from e

    def assign(self, node, scope):
        """a = b = value."""
        first = node.targets[0]
        place = first.value if isinstance(first, ast.Subscript) else first
        if isinstance(place, ast.Attribute) and self.given(place, scope, node.value):
            return
        value = self.unless_missing(node, scope) if isinstance(place, ast.Attribute) else self.eval(node.value, scope)
        for target in node.targets:
            self.store(target, value, scope)

    def unless_missing(self, node, scope):
        """The value of self.x = …; in a constructor, of what an argument that is not given does not allow: missing."""
        gaps = [name for name, value in scope.items() if isinstance(value, Missing)]
        try:
            return self.eval(node.value, scope)
        except (Problem, *FAILURES):
            if any(isinstance(n, ast.Name) and n.id in gaps for n in ast.walk(node.value)):
                return Missing()
            raise

    def annotated(self, node, scope):
        """a: Float[…] = value; the annotation is not looked at."""
        if node.value is not None:
            self.store(node.target, self.eval(node.value, scope), scope)

    def given(self, target, scope, value) -> bool:
        """In a constructor: self.W = <initialiser>, self.W['b'] = <initialiser> give way to an input of that name."""
        if scope.label is None or not scope.label.endswith("__init__."):
            return False
        base = self.eval(target.value, scope)
        if not isinstance(base, Instance):
            return False
        name = base.path(target.attr)
        key = next((k for k in (f"self.{name}", name) if k in self.inputs), None)
        if key is None or key == name and name in scope and not isinstance(scope[name], (bool, str)):
            return False
        word = getattr(value.func, "attr", getattr(value.func, "id", "")) if isinstance(value, ast.Call) else ""
        if isinstance(self.inputs[key], dict) and (word in T.LAYERS or word in self.code.classes):
            return False  # the parameters of a layer, looked up when it is called
        base.attributes[target.attr] = self.inputs[key]
        return True

    def store(self, target, value, scope):
        """Binds a name, unpacks, stores through an index or an attribute."""
        match target:
            case ast.Name():
                self.bind(scope, target.id, value, target)
            case ast.Tuple() | ast.List():
                self.unpack(target, list(self.iterate(value)), scope)
            case ast.Subscript():
                self.store_entry(target, value, scope)
            case ast.Attribute():
                self.store_attribute(target, value, scope)
            case _:
                raise refused(target)

    def unpack(self, target, values, scope):
        """a, (b, c), *rest = values."""
        names = target.elts
        star = next((k for k, t in enumerate(names) if isinstance(t, ast.Starred)), None)
        if star is None and len(names) != len(values) or star is not None and len(values) < len(names) - 1:
            raise ShapeMismatch(f"{len(values)} values for {len(names)} names", "unpacking needs one value for each")
        if star is not None:
            after = len(values) - (len(names) - star - 1)
            values = [*values[:star], values[star:after], *values[after:]]
        for t, v in zip(names, values, strict=False):
            self.store(t.value if isinstance(t, ast.Starred) else t, v, scope)

    def store_entry(self, target, value, scope):
        """base[index] = value, as NumPy and Python store."""
        base, index = self.eval(target.value, scope), self.index(target.slice, scope)
        if not isinstance(base, np.ndarray):
            if not isinstance(base, (list, dict)):
                raise Unsupported("a store into this", "only arrays, lists and dicts are stored into")
            base[index] = value
            return
        value = self.stop(value) if self.quiet else value
        base[index] = N.real(value) if base.dtype.kind in "iub" else value
        self.changed(target.value, scope, index if isinstance(target.value, ast.Name) else ...)

    def changed(self, node, scope, index):
        """A store went through this expression: its root name has a new version."""
        while isinstance(node, (ast.Subscript, ast.Attribute)):
            node = node.value
        if isinstance(node, ast.Name):
            s = scope
            while s is not None and node.id not in s:
                s = s.parent
            if s is not None and isinstance(s[node.id], np.ndarray):
                quiet, self.quiet = self.quiet, 0
                self.bind(s, node.id, s[node.id], node, index)
                self.quiet = quiet

    def store_attribute(self, target, value, scope):
        """self.name = value; torch's bookkeeping (`p.grad = None`) is passed over."""
        base = self.eval(target.value, scope)
        if isinstance(base, np.ndarray) and target.attr in ("grad", "requires_grad"):
            return
        if not isinstance(base, Instance):
            raise Unsupported(f"a store into `.{target.attr}`", "only objects of the source's own classes have state")
        if isinstance(value, Member) and value.owner is None:
            value.owner, value.label = base, target.attr
        base.attributes[target.attr] = value

    def augment(self, node, scope):
        """a += value: in place on arrays and lists, so aliases see it."""
        op, target, value = type(node.op), node.target, self.eval(node.value, scope)
        if isinstance(target, ast.Name):
            old = self.lookup(target, scope)
            new = self.in_place(op, old, value)
            self.bind(scope, target.id, new, target, ... if new is old and isinstance(new, np.ndarray) else None)
        elif isinstance(target, ast.Subscript):
            base, index = self.eval(target.value, scope), self.index(target.slice, scope)
            self.put(base, index, self.in_place(op, self.entry(base, index), value))
            if isinstance(base, np.ndarray):
                self.changed(target.value, scope, index if isinstance(target.value, ast.Name) else ...)
        else:
            new = self.in_place(op, self.eval(target, scope), value)
            self.store_attribute(target, new, scope)

    def put(self, base, index, value):
        """base[index] = value for an array, list or dict."""
        base[index] = N.real(value) if isinstance(base, np.ndarray) and base.dtype.kind in "iub" else value

    def in_place(self, op, old, value):
        """The array itself with its entries replaced; a new value for anything that cannot change."""
        if self.quiet:
            value = self.stop(value)
        if isinstance(old, list) and op is ast.Add:
            old.extend(self.iterate(value))
            return old
        new = OPERATORS[op](old, value)
        if not isinstance(old, np.ndarray):
            return self.tidy(new)
        kind = np.asarray(new).dtype
        if not np.can_cast(kind, old.dtype, "same_kind"):
            what = f"a store of {kind} into an array of {old.dtype}"
            raise Unsupported(what, "in place, NumPy keeps the array's type", "make the array one of floats")
        old[...] = new
        return old

    def expression(self, node, scope):
        """A call for its effect; docstrings and training calls are passed over."""
        if isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
            if node.value.func.attr in ("backward", "retain_grad", "zero_grad", "manual_seed"):
                return
        if not isinstance(node.value, ast.Constant):
            self.eval(node.value, scope)

    def returns(self, node, scope):
        """return value."""
        return Returned(None if node.value is None else self.eval(node.value, scope), node.value)

    def branch(self, node, scope):
        """if / elif / else on the value at hand."""
        return self.block(node.body if truth(self.eval(node.test, scope)) else node.orelse, scope)

    def loop(self, node, scope):
        """for over anything finite."""
        self.loops += 1
        for value in self.iterate(self.eval(node.iter, scope)):
            self.store(node.target, value, scope)
            signal = self.block(node.body, scope)
            if signal is BREAK:
                break
            if isinstance(signal, Returned):
                self.loops -= 1
                return signal
        else:
            self.loops -= 1
            return self.block(node.orelse, scope)
        self.loops -= 1
        return None

    def while_loop(self, node, scope):
        """while on plain numbers; a condition on data has no fixed derivative program."""
        self.loops += 1
        while True:
            condition = self.eval(node.test, scope)
            if isinstance(condition, (np.ndarray, np.generic)):
                raise Unsupported("a `while` that depends on data", "its number of rounds is not fixed",
                                  "write `for _ in range(n)`", self.code.span(node.test))  # fmt: skip
            signal = self.block(node.body, scope) if condition else BREAK
            self.fuel -= 1
            if signal is BREAK or isinstance(signal, Returned):
                break
        self.loops -= 1
        return signal if isinstance(signal, Returned) else None

    def define(self, node, scope):
        """A nested def or class."""
        scope[node.name] = Class(node, scope) if isinstance(node, ast.ClassDef) else Function(node, scope)

    def importing(self, node, scope):
        """import inside a function or script."""
        scope.update(imported(node))

    def with_block(self, node, scope):
        """with torch.no_grad(): values bound inside carry no slope; np.errstate and the like change nothing."""
        calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
        words = {call.func.attr for call in calls if isinstance(call.func, ast.Attribute)}
        if len(words) != len(node.items) or not words <= {"no_grad", "inference_mode", "errstate", "enable_grad"}:
            raise Unsupported("this `with`", "only torch.no_grad() and np.errstate() are known")
        quiet = bool(words & {"no_grad", "inference_mode"})
        self.quiet += quiet
        signal = self.block(node.body, scope)
        self.quiet -= quiet
        return signal

    def delete(self, node, scope):
        """del name."""
        for target in node.targets:
            if not isinstance(target, ast.Name):
                raise refused(target)
            scope.pop(target.id, None)

    def raises(self, node, scope):
        """raise: this run ends in the user's own error."""
        raise Unsupported("a run that ends in `raise`", "the inputs lead to the source's own error", "use other inputs")


STATEMENTS = {
    ast.Assign: Statements.assign, ast.AnnAssign: Statements.annotated, ast.AugAssign: Statements.augment,
    ast.Expr: Statements.expression, ast.Return: Statements.returns, ast.If: Statements.branch,
    ast.For: Statements.loop,
    ast.While: Statements.while_loop, ast.FunctionDef: Statements.define, ast.ClassDef: Statements.define,
    ast.Import: Statements.importing, ast.ImportFrom: Statements.importing, ast.With: Statements.with_block,
    ast.Delete: Statements.delete, ast.Raise: Statements.raises, ast.Pass: lambda *_: None,
    ast.Assert: lambda *_: None,
    ast.Break: lambda *_: BREAK, ast.Continue: lambda *_: CONTINUE,
}  # fmt: skip
