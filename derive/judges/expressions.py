"""Expressions: operators, comparisons on real parts, comprehensions, entries and attributes by table."""

from __future__ import annotations

import ast
import operator
import re
from functools import partial

import numpy as np

from derive.errors import Problem, UnknownName, Unsupported
from derive.judges import numeric as N
from derive.judges import shapes as S
from derive.judges import tables as T
from derive.judges.source import (
    FAILURES,
    FUEL,
    Class,
    Foreign,
    Function,
    Instance,
    Layer,
    Scope,
    decorator_words,
    failed,
    refused,
    unknown,
)  # fmt: skip

DETACHING = {"detach", "item", "data"}
BOUNDED = (list, tuple, range, dict, set)


def times(a, b):
    """a · b; repeating a list or text is bounded."""
    for many, seq in ((a, b), (b, a)):
        if isinstance(seq, (list, tuple, str)) and isinstance(many, int) and many * len(seq) > 10**6:
            raise Unsupported("a repetition this long", "the judge bounds its work")
    return N.product(a, b)


def remainder(a, b):
    """a % b; for text only %d, %s and %i."""
    if not isinstance(a, str):
        return N.mod(a, b)
    if not re.fullmatch(r"([^%]|%[dsi])*", a):
        raise Unsupported("this text formatting", "only %d and %s are known")
    return a % b


def shift(f):
    """<< and >> of small numbers."""

    def g(a, b):
        if isinstance(b, int) and not 0 <= b < 64:
            raise Unsupported("a shift this far", "the judge bounds its work")
        return f(a, b)

    return g


OPERATORS = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: times, ast.Div: N.quotient, ast.Pow: N.power,
    ast.FloorDiv: N.floor_divide, ast.Mod: remainder, ast.MatMult: operator.matmul, ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_, ast.BitXor: operator.xor, ast.LShift: shift(operator.lshift),
    ast.RShift: shift(operator.rshift),
}  # fmt: skip
UNARY = {
    ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Invert: operator.invert, ast.Not: lambda v: not truth(v),
}  # fmt: skip
COMPARISONS = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge, ast.Is: operator.is_, ast.IsNot: operator.is_not, ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}  # fmt: skip


def truth(value) -> bool:
    """Python's truth, of the real part."""
    return bool(N.real(value))


class Expressions:
    """The half of the machine that finds values."""

    def eval(self, node, scope):
        """One expression; what fails in it gets its place."""
        handler = EXPRESSIONS.get(type(node))
        try:
            if handler is None:
                raise refused(node)
            return handler(self, node, scope)
        except Problem as e:
            raise e.at(self.code.span(node)) from None
        except FAILURES as e:
            raise failed(e, self.code.span(node)) from e

    def constant(self, node, scope):
        """A literal."""
        if isinstance(node.value, complex):
            raise Unsupported("a complex number", "forward passes are real")
        return node.value

    def binary(self, node, scope):
        """a op b."""
        a, b = self.eval(node.left, scope), self.eval(node.right, scope)
        return self.tidy(OPERATORS[type(node.op)](a, b))

    def unary(self, node, scope):
        """−a, not a, ~a."""
        return self.tidy(UNARY[type(node.op)](self.eval(node.operand, scope)))

    def boolean(self, node, scope):
        """and / or: the deciding value, as in Python."""
        stop_at = isinstance(node.op, ast.Or)
        for part in node.values:
            value = self.eval(part, scope)
            if truth(value) is stop_at:
                return value
        return value

    def compare(self, node, scope):
        """a < b <= c, on real parts."""
        left = self.eval(node.left, scope)
        for k, (op, part) in enumerate(zip(node.ops, node.comparators, strict=False)):
            right = self.eval(part, scope)
            exact = isinstance(op, (ast.Is, ast.IsNot))
            result = COMPARISONS[type(op)](*((left, right) if exact else (N.real(left), N.real(right))))
            if k + 1 == len(node.ops) or not truth(result):
                return self.tidy(result)
            left = right

    def choice(self, node, scope):
        """a if test else b."""
        return self.eval(node.body if truth(self.eval(node.test, scope)) else node.orelse, scope)

    def walrus(self, node, scope):
        """(name := value)."""
        value = self.eval(node.value, scope)
        self.store(node.target, value, scope)
        return value

    def items(self, nodes, scope):
        """The values of a display, stars opened."""
        values = []
        for n in nodes:
            if isinstance(n, ast.Starred):
                values += self.iterate(self.eval(n.value, scope))
            else:
                values.append(self.eval(n, scope))
        return values

    def dictionary(self, node, scope):
        """{key: value, **more}."""
        made = {}
        for k, v in zip(node.keys, node.values, strict=False):
            if k is None:
                made.update(self.eval(v, scope))
            else:
                made[self.eval(k, scope)] = self.eval(v, scope)
        return made

    def text(self, node, scope):
        """An f-string of names and numbers; formats are ignored."""
        parts = [self.eval(p.value if isinstance(p, ast.FormattedValue) else p, scope) for p in node.values]
        return "".join(str(p) for p in parts)

    def comprehension(self, node, scope):
        """[… for … in … if …], also of a generator and of a dict."""
        inner = Scope(None, scope)
        rounds = self.rounds(node.generators, inner)
        if isinstance(node, ast.DictComp):
            return {self.eval(node.key, inner): self.eval(node.value, inner) for _ in rounds}
        return [self.eval(node.elt, inner) for _ in rounds]

    def rounds(self, generators, scope):
        """Binds the targets for every round that passes its tests."""
        first, *rest = generators
        for value in self.iterate(self.eval(first.iter, scope)):
            self.store(first.target, value, scope)
            if all(truth(self.eval(test, scope)) for test in first.ifs):
                yield from self.rounds(rest, scope) if rest else (None,)

    def iterate(self, value):
        """The parts of a value, one unit of fuel each."""
        if isinstance(value, Layer):
            value = value.children()
        if isinstance(value, (str, *BOUNDED)) and len(value) > FUEL:
            raise Unsupported("a loop this long", "the judge bounds its work", "use smaller sizes")
        if not isinstance(value, (str, np.ndarray, *BOUNDED)) and not hasattr(type(value), "__next__"):
            raise Unsupported("a loop over this", "only ranges, lists, arrays and dicts have parts")
        for part in value:
            self.fuel -= 1
            yield self.tidy(part)

    # entries and attributes ...................................................................................

    def index(self, node, scope):
        """What stands in brackets: numbers, slices, None, `...`, arrays, or a tuple of them."""
        if isinstance(node, ast.Tuple):
            return tuple(self.items_or_slices(node.elts, scope))
        return self.items_or_slices([node], scope)[0]

    def items_or_slices(self, nodes, scope):
        """Index parts; a slice bound may be an array without axes."""
        found = []
        for n in nodes:
            if isinstance(n, ast.Slice):
                found.append(slice(*(None if b is None else self.eval(b, scope) for b in (n.lower, n.upper, n.step))))
            else:
                parts = self.items([n], scope)
                found += [p.item() if isinstance(p, np.ndarray) and not p.ndim else p for p in parts]
        return found

    def subscript(self, node, scope):
        """base[index]."""
        return self.entry(self.eval(node.value, scope), self.index(node.slice, scope))

    def entry(self, base, index):
        """An entry or part; torch's single entry is a view without axes."""
        if isinstance(base, Layer):
            return base.children()[index]
        if isinstance(base, np.ndarray):
            value = base[index]
            if self.torch and isinstance(value, np.generic):
                return base[(*index, ...) if isinstance(index, tuple) else (index, ...)]
            return value
        if isinstance(base, dict):
            return base[index.item() if isinstance(index, np.ndarray) else index]
        if isinstance(base, (list, tuple, str, range)):
            return base[index]
        raise Unsupported("brackets after this", "only arrays, lists, tuples and dicts have entries")

    def attribute(self, node, scope):
        """base.name, by the tables of its type."""
        return self.member(self.eval(node.value, scope), node.attr)

    def member(self, base, name):
        """What a value has under that name; the only place where attributes are read."""
        if isinstance(base, (np.ndarray, np.generic)):
            return self.array_member(base, name)
        if isinstance(base, T.Table):
            if name in base and not isinstance(base[name], Foreign):
                return base[name]
            raise unknown(f"`{base.name}.{name}`", name, base)
        if isinstance(base, S.Best) and name in ("values", "indices"):
            return base.values if name == "values" else base.indices
        if isinstance(base, (Instance, Class)):
            return self.object_member(base, name)
        if isinstance(base, Layer):
            return self.parameter(base, name)
        for kind, methods in T.CONTAINERS.items():
            if isinstance(base, kind) and name in methods:
                return partial(methods[name], base)
        raise Unsupported(f"`.{name}` of this value", "attributes are known by a fixed list")

    def array_member(self, x, name):
        """A property or method of an array, as NumPy or torch spells it."""
        if name == "size" and not self.torch:
            return int(np.size(x))
        if name in T.PROPERTIES:
            return T.PROPERTIES[name](x)
        if name in DETACHING:
            return self.detaching(x, name)
        if name in self.methods:
            return partial(self.methods[name], x)
        if name in S.IN_PLACE:
            return partial(S.IN_PLACE[name], x)
        if name.endswith("_") and name[:-1] in self.methods:
            return lambda *a, **k: S.fill(x, self.methods[name[:-1]](x, *a, **k))
        raise unknown(f"the method `.{name}`", name, self.methods)

    def detaching(self, x, name):
        """detach and data cut the derivative, as torch does; NumPy's item only unpacks."""
        if name == "data":
            return self.stop(x)
        if name == "item" and not self.torch:
            return lambda: np.asarray(x).item()
        return lambda: self.stop(x if name == "detach" else np.asarray(x).item())

    def object_member(self, base, name):
        """An attribute of an object: its state, its class, or an input of that dotted name."""
        instance = isinstance(base, Instance)
        if instance and name in base.attributes:
            return base.attributes[name]
        cls = base.cls if instance else base
        found = cls.find(name, self) if cls else None
        if isinstance(found, ast.FunctionDef):
            words = {w for d in found.decorator_list for w in decorator_words(d)}
            bound = base if instance and "staticmethod" not in words else None
            f = Function(found, cls.scope or self.globals, bound)
            return self.invoke(f, [], {}) if "property" in words else f
        if found is not None:
            return self.eval(found, self.globals)
        if name == "training":
            return True
        if instance:
            return self.from_inputs(base, name)
        raise UnknownName(f"the class has no `{name}`")

    def from_inputs(self, base, name):
        """self.W or self.fc1 that no constructor set: an input named so, or the start of such names."""
        path = base.path(name)
        for key in (path, f"self.{path}"):
            if key in self.inputs:
                return self.inputs[key]
        if any(key.startswith(f"{path}.") for key in self.inputs):
            return Instance(base, name)
        if name == "register_buffer":
            return lambda key, value, persistent=True: base.attributes.__setitem__(key, value)
        if base.cls is None and name == "save_for_backward":
            return lambda *_: None
        raise UnknownName(f"nothing sets `self.{path}`", "it is no attribute and no input", f"pass it as `{path}`")

    def parameter(self, layer, name, *default):
        """The parameter of a layer: the input of its dotted name."""
        path = layer.path(name)
        for key in (path, f"self.{path}"):
            if key in self.inputs:
                return self.inputs[key]
        held = self.inputs
        for key in path.split("."):
            held = held.get(key) if isinstance(held, dict) else None
        if held is not None:
            return held
        if default:
            return default[0]
        raise UnknownName(f"no input `{path}`", f"the layer nn.{layer.kind} needs its {name}", f"pass it as `{path}`")


EXPRESSIONS = {
    ast.Constant: Expressions.constant, ast.Name: lambda m, n, s: m.lookup(n, s),
    ast.BinOp: Expressions.binary, ast.UnaryOp: Expressions.unary,
    ast.Attribute: Expressions.attribute, ast.Subscript: Expressions.subscript,
    ast.Call: lambda m, n, s: m.call(n, s),
    ast.Tuple: lambda m, n, s: tuple(m.items(n.elts, s)), ast.List: lambda m, n, s: m.items(n.elts, s),
    ast.Set: lambda m, n, s: set(m.items(n.elts, s)), ast.Dict: Expressions.dictionary,
    ast.BoolOp: Expressions.boolean,
    ast.Compare: Expressions.compare, ast.IfExp: Expressions.choice,
    ast.NamedExpr: Expressions.walrus, ast.JoinedStr: Expressions.text,
    ast.ListComp: Expressions.comprehension, ast.GeneratorExp: Expressions.comprehension,
    ast.DictComp: Expressions.comprehension,
    ast.Lambda: lambda m, n, s: Function(n, s),
}  # fmt: skip
