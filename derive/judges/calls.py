"""Calls: functions and classes of the source, table functions, torch layers whose parameters are inputs."""

from __future__ import annotations

import ast
from functools import partial

import numpy as np

from derive.errors import UnknownName, Unsupported
from derive.judges import numeric as N
from derive.judges import shapes as S
from derive.judges import tables as T
from derive.judges.expressions import truth
from derive.judges.source import (
    Class,
    Function,
    Instance,
    Layer,
    Returned,
    Scope,
    check_decorators,
    decorator_words,
    defaults,
    is_super,
)  # fmt: skip

SKIPPED = {"print", "display"}


class Calls:
    """The part of the machine that calls."""

    def call(self, node, scope):
        """f(…): functions of the source, of the tables, of objects."""
        if isinstance(node.func, ast.Name) and node.func.id in SKIPPED:
            return None
        if isinstance(node.func, ast.Attribute) and is_super(node.func.value):
            return self.super_call(node, scope)
        f = self.eval(node.func, scope)
        args = self.items(node.args, scope)
        options = {}
        for k in node.keywords:
            value = self.eval(k.value, scope)
            options |= value if k.arg is None else {k.arg: value}
        result = self.apply(f, args, options)
        if f in S.MUTATORS if callable(f) and not isinstance(f, partial) else False:
            self.changed(node.args[0], scope, self.stored_index(f, args))
        elif isinstance(node.func, ast.Attribute) and (node.func.attr.endswith("_") or node.func.attr == "fill"):
            self.changed(node.func.value, scope, ...)
        return result

    def stored_index(self, f, args):
        """Which entries np.add.at wrote; anything else wrote all."""
        return args[1] if f in (S.add_at, S.subtract_at) else ...

    def apply(self, f, args, options):
        """The value of a call."""
        match f:
            case Function():
                return self.invoke(f, args, options)
            case S.Kind():
                return self.convert(f, *args)
            case Class():
                return self.construct(f, args, options)
            case Instance():
                name = "__call__" if f.cls and f.cls.find("__call__", self) else "forward"
                return self.apply(self.guessed(f) if f.cls is None else self.object_member(f, name), args, options)
            case Layer():
                return self.layer(f, args, options)
            case T.Table():
                f = f.call
        if not callable(f):
            raise Unsupported("a call of this value", "it is no function")
        return self.library(f, args, options)

    def library(self, f, args, options):
        """A function of the tables: keywords in one spelling, `out=` stored, results tidied."""
        args = [self.callback(a) if isinstance(a, Function) else a for a in args]
        options = {T.KEYWORDS.get(k, k): v for k, v in options.items() if k not in T.IGNORED}
        out = options.pop("out", None)
        result = self.tidy(f(*args, **options))
        return result if out is None else S.fill(out, result)

    def callback(self, f):
        """A function of the source as a Python callable, for `map`."""
        return lambda *args: self.invoke(f, list(args), {})

    def convert(self, kind, x=0.0):
        """float(x), int(x), np.float32(x)."""
        if isinstance(x, str):
            return {"f": float, "i": int}[kind.code](x)
        if isinstance(x, np.ndarray) and x.ndim:
            return S.cast(x, kind)
        x = x.item() if isinstance(x, (np.ndarray, np.generic)) else x
        if kind.code == "f":
            return self.stop(x) if self.torch else x if isinstance(x, complex) else float(x)
        return int(N.real(x)) if kind.code == "i" else truth(x)

    def invoke(self, f, args, options):
        """A function of the source, in its own scope."""
        label = f"{f.name}." if f.name != "<lambda>" else None
        scope = Scope(label, f.scope or self.globals)
        quiet = any("no_grad" in decorator_words(d) for d in check_decorators(f.node))
        self.bind_parameters(f, ([f.bound] if f.bound is not None else []) + args, dict(options), scope)
        if isinstance(f.node, ast.Lambda):
            return self.eval(f.node.body, scope)
        self.quiet += quiet
        loops, self.loops = self.loops, 0
        signal = self.block(f.node.body, scope)
        self.quiet, self.loops = self.quiet - quiet, loops
        return signal.value if isinstance(signal, Returned) else None

    def bind_parameters(self, f, args, options, scope):
        """Arguments to parameters, as Python binds them."""
        spec = f.node.args
        names = [a.arg for a in spec.posonlyargs + spec.args]
        if len(args) > len(names) and not spec.vararg:
            raise Unsupported(f"{len(args)} arguments for {f.name}({', '.join(names)})", "it takes fewer")
        scope.update(zip(names, args, strict=False))
        if spec.vararg:
            scope[spec.vararg.arg] = tuple(args[len(names) :])
        for a, default in defaults(spec):
            if a in options:
                scope[a] = options.pop(a)
            elif a not in scope:
                if default is None:
                    raise UnknownName(f"{f.name}() has no value for `{a}`", "it is required")
                scope[a] = self.eval(default, f.scope or self.globals)
        if spec.kwarg:
            scope[spec.kwarg.arg] = options
        elif options:
            raise UnknownName(f"{f.name}() has no parameter `{next(iter(options))}`")

    def construct(self, cls, args, options):
        """An object of the source's class, its __init__ run."""
        made = Instance(cls=cls)
        init = cls.find("__init__", self)
        if init is not None:
            self.invoke(Function(init, cls.scope, made), args, options)
        return made

    def super_call(self, node, scope):
        """super().__init__(…): the base class of the source; torch's own does nothing."""
        owner = next((v for v in scope.values() if isinstance(v, Instance)), None)
        for base in owner.cls.node.bases if owner is not None and owner.cls else ():
            if isinstance(base, ast.Name) and base.id in self.code.classes:
                found = Class(self.code.classes[base.id], self.globals).find(node.func.attr, self)
                if found is not None:
                    return self.invoke(Function(found, self.globals, owner), self.items(node.args, scope), {})
        if node.func.attr != "__init__":
            raise Unsupported("this call of super()", "no base class of the source has it")
        return None

    def guessed(self, instance):
        """A layer known only by its inputs: two axes and a bias are a Linear."""
        weight = self.inputs.get(instance.path("weight"))
        if weight is not None and weight.ndim == 2:
            return Layer(instance.owner, instance.label, "Linear")
        raise Unsupported(f"a call of `self.{instance.label}`", "its kind is unknown", "define it in __init__")

    def layer(self, layer, args, options):
        """The value of a torch layer."""
        if layer.kind == "Sequential":
            for part in layer.children():
                args = [self.apply(part, args, {})]
            return args[0]
        rule = T.LAYERS[layer.kind]
        if rule is None:
            raise Unsupported(f"a call of nn.{layer.kind}", "it only holds layers")
        return self.tidy(rule(partial(self.parameter, layer), layer.own, layer.options, *args))
