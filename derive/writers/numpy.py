"""NumPy text of the array program: one spelling per node, with just the brackets that Python needs."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction
from math import inf

from derive.arrays import program as a
from derive.arrays.rounds import Block, lower_rounds
from derive.arrays.scatter import lower_equation
from derive.arrays.sharing import shared
from derive.index import Index, Quotient, Size
from derive.ops import OPS, OURS
from derive.program import Equation, Program
from derive.recurrence import recurrences
from derive.writers.numpy_names import Names

COMPARE, OR, AND, ADD, MUL, NEG, POW, ATOM = range(1, 9)

# op: (sign, own level, level of the left argument, level of the right argument)
OPERATORS = {
    "add": ("+", ADD, ADD, MUL), "sub": ("-", ADD, ADD, MUL), "mul": ("*", MUL, MUL, NEG), "div": ("/", MUL, MUL, NEG),
    "floordiv": ("//", MUL, MUL, NEG), "mod": ("%", MUL, MUL, NEG), "pow": ("**", POW, ATOM, NEG),
    "eq": ("==", COMPARE, OR, OR), "ne": ("!=", COMPARE, OR, OR), "lt": ("<", COMPARE, OR, OR),
    "le": ("<=", COMPARE, OR, OR), "and": ("&", AND, ADD, ADD), "or": ("|", OR, AND, AND),
}  # fmt: skip
PREFIXES = {"neg": ("-", NEG, NEG), "not": ("~", NEG, NEG), "lnot": ("not ", 0, ATOM)}
CALLED = re.compile(rf"(?<![\w.])({'|'.join(OURS)})\(")
FUNCTIONS = {"where": "np.where", "clip": "np.clip", "sqrt": "np.sqrt"}


class Printer:
    """Nodes and statements as text, under the names of a function; `stable`: the op table's stable forms."""

    def __init__(self, names: Names, stable: bool = False, present: Callable[[str], bool] = lambda name: True):
        self.names, self.stable, self.present = names, stable, present
        self.sizes: set[str] = set()
        self.used: set[str] = set()

    # -- nodes

    def wrap(self, node: a.Node, level: int) -> str:
        body, own = self.text(node)
        return f"({body})" if own < level else body

    def bare(self, node: a.Node) -> str:
        return self.text(node)[0]

    def text(self, node: a.Node) -> tuple[str, int]:
        """The text of a node and how tightly it binds."""
        return getattr(self, "_" + type(node).__name__.lower())(node)

    def _load(self, node: a.Load):
        return self.names.array(node.name), ATOM

    def _number(self, node: a.Number):
        return number_text(node.value)

    def _length(self, node: a.Length):
        return self.size(node.size)

    def size(self, n: Size) -> tuple[str, int]:
        """A size over the function's size variables."""
        self.sizes |= n.letters
        return size_text(n, self.names.size)

    def _counter(self, node: a.Counter):
        return self.names.counter(node.index), ATOM

    def _map(self, node: a.Map):
        if node.op == "choose":
            value, cond, other = (self.wrap(n, OR) for n in node.args)
            return f"{value} if {self.bare(node.args[1])} else {other}", 0
        if node.op in FUNCTIONS:
            return f"{FUNCTIONS[node.op]}({', '.join(map(self.bare, node.args))})", ATOM
        if node.op in PREFIXES:
            sign, own, inner = PREFIXES[node.op]
            return sign + self.wrap(node.args[0], inner), own
        sign, own, left, right = OPERATORS[node.op]
        u, v = self.wrap(node.args[0], left), self.wrap(node.args[1], right)
        if node.op == "add" and v.startswith("-") and self.text(node.args[1])[1] in (MUL, NEG):
            return f"{u} - {v[1:]}", ADD
        tight = node.op == "pow" and re.fullmatch(r"[\w.]+", u) and re.fullmatch(r"-?[\w.]+", v)
        return (f"{u}**{v}" if tight else f"{u} {sign} {v}"), own

    def _apply(self, node: a.Apply):
        row = OPS[node.op]
        template = (self.stable and row.stable) or row.numpy
        args = dict(zip(row.args.split(), node.args, strict=False)) if node.args else {}

        def put(found: re.Match) -> str:
            before, after = template[: found.start()].rstrip(), template[found.end() :].lstrip()
            inside = before[-1:] in ("(", ",") and after[:1] in (")", ",")
            return self.wrap(args[found[1]], 0 if inside else ATOM)

        body = re.sub(r"\{(\w+)\}", put, template)
        body = CALLED.sub(lambda found: self._helper(found[1]) + "(", body)
        if node.plain and node.args:
            return f"float({body})", ATOM
        return body, template_level(template)

    def _helper(self, name: str) -> str:
        self.used.add(name)
        return self.names.helper(name)

    def _cast(self, node: a.Cast):
        self.used.add("dtype")
        return f"{self.wrap(node.arg, ATOM)}.astype({self.names.own('dtype')})", ATOM

    def _repeated(self, node: a.Repeated):
        return f"np.repeat({self.bare(node.arg)}, {self.size(node.times)[0]}, axis={node.axis})", ATOM

    def _fold(self, node: a.Fold):
        whole = len(node.axes) == node.rank and not node.keep
        where = "" if whole else f"axis={node.axes[0] if len(node.axes) == 1 else node.axes}"
        where += ", keepdims=True" if node.keep else ""
        if node.op == "logsumexp":
            self.used.add("logsumexp")
            where = where or f"axis={node.axes[0]}"
            return f"{self.names.helper('logsumexp')}({self.bare(node.arg)}, {where})", ATOM
        return f"{self.wrap(node.arg, ATOM)}.{node.op}({where})", ATOM

    def _along(self, node: a.Along):
        self.used.add(node.op)
        return f"{self.names.helper(node.op)}({self.bare(node.arg)}, axis={node.axis})", ATOM

    def _best(self, node: a.Best):
        return f"np.arg{node.op}({self.bare(node.arg)}, axis={node.axis})", ATOM

    def _scan(self, node: a.Scan):
        if not node.reverse:
            return f"np.cumsum({self.bare(node.arg)}, axis={node.axis})", ATOM
        turn = f"[{':, ' * node.axis}::-1]"
        return f"np.cumsum({self.wrap(node.arg, ATOM)}{turn}, axis={node.axis}){turn}", ATOM

    def _matmul(self, node: a.Matmul):
        return f"{self.wrap(node.left, MUL)} @ {self.wrap(node.right, NEG)}", MUL

    def _einsum(self, node: a.Einsum):
        tail = ", optimize=True" if node.optimize else ""
        return f'np.einsum("{node.spec}", {", ".join(map(self.bare, node.args))}{tail})', ATOM

    def _permute(self, node: a.Permute):
        arg = self.wrap(node.arg, ATOM)
        if len(node.order) > 1 and node.order == tuple(reversed(range(len(node.order)))):
            return f"{arg}.T", ATOM
        return f"{arg}.transpose({', '.join(map(str, node.order))})", ATOM

    def _reshape(self, node: a.Reshape):
        products = [n for n in node.sizes if n.letter is None and n.number is None]
        longest = max(products, key=lambda n: len(str(n)), default=None)
        unique = list(node.sizes).count(longest) == 1
        sizes = ["-1" if unique and n is longest else self.size(n)[0] for n in node.sizes]
        return f"{self.wrap(node.arg, ATOM)}.reshape({', '.join(sizes)})", ATOM

    def _slice(self, node: a.Slice):
        ends = [self.bare(n) if n is not None else "" for n in (node.start, node.stop)]
        step = "" if node.step is None else f":{self.size(Size.of(node.step))[0]}"
        return ":".join(ends) + step, ATOM

    def _new(self, node: a.New):
        return "None", ATOM

    def _pick(self, node: a.Pick):
        return f"{self.wrap(node.arg, ATOM)}[{self.items(node.items)}]", ATOM

    def items(self, items: Iterable[a.Node]) -> str:
        return ", ".join(self.bare(i) for i in items) or "..."

    def _windows(self, node: a.Windows):
        lengths = [self.size(n)[0] for n in node.lengths]
        one = len(lengths) == 1
        shape, axes = (lengths[0], str(node.axes[0])) if one else (f"({', '.join(lengths)})", str(node.axes))
        view = "np.lib.stride_tricks.sliding_window_view"
        return f"{view}({self.bare(node.arg)}, {shape}, axis={axes})", ATOM

    def _arange(self, node: a.Arange):
        return f"np.arange({self.size(node.size)[0]})", ATOM

    def _eye(self, node: a.Eye):
        return f"np.eye({self.size(node.size)[0]}, dtype=bool)", ATOM

    def _full(self, node: a.Full):
        zero = isinstance(node.value, a.Number) and node.value.value == 0
        value = "" if zero else f", {self.bare(node.value)}"
        if node.like and self.present(node.like):
            return f"np.{'zeros' if zero else 'full'}_like({self.names.array(node.like)}{value})", ATOM
        sizes = [self.size(n)[0] for n in node.shape]
        shape = sizes[0] if len(sizes) == 1 else f"({', '.join(sizes)})"
        typed = ", dtype=bool" if node.truth else ""
        if node.weak and not node.truth:
            self.used.add("dtype")
            typed = f", dtype={self.names.own('dtype')}"
        return f"np.{'zeros' if zero else 'full'}({shape}{value}{typed})", ATOM

    def _copy(self, node: a.Copy):
        return f"{self.wrap(node.arg, ATOM)}.copy()", ATOM

    def _concat(self, node: a.Concat):
        return f"np.concatenate([{', '.join(map(self.bare, node.args))}], axis={node.axis})", ATOM

    # -- statements

    def lines(self, statement: a.Statement) -> list[str]:
        """The lines of a statement."""
        match statement:
            case a.Assign(name=name, value=value):
                return [f"{self.names.array(name)} = {self.bare(value)}"]
            case a.Store():
                return [self._store(statement)]
            case a.Remark(text=text):
                return [text]
            case a.Repeat(index=i, body=body, reverse=reverse):
                n, counter = self.size(i.size)[0], self.names.counter(i)
                times = f"reversed(range({n}))" if reverse else f"range({n})"
                inner = self._noted(body)
                self.names.close_counter(i)
                return [f"for {counter} in {times}:", *("    " + line for line in inner)]
        raise TypeError(f"have you added a new statement? {type(statement).__name__}")

    def _noted(self, body: tuple[a.Statement, ...]) -> list[str]:
        """The lines of a loop's body, trailing remarks behind the line that they speak of."""
        out: list[str] = []
        note = ""
        for s in body:
            if isinstance(s, a.Remark) and s.trailing:
                note = s.text
                continue
            lines = self.lines(s)
            if note and len(lines) == 1 and len(lines[0]) + len(note) < 108:
                lines = [f"{lines[0]}  {note}"]
            note = "" if not isinstance(s, a.Remark) else note
            out += lines
        return out

    def round_line(self, block: Block, name: str) -> str:
        """One line of a loop with the loop before it: `for t in range(T): h[t] = np.tanh(a[t])`."""
        loop = block.statements[-1]
        return joined_lines(self.lines(replace(loop, body=block.own[name])))

    def _store(self, s: a.Store) -> str:
        target, value = self.names.array(s.name), self.bare(s.value)
        if s.repeated:
            where = self.items(s.items)
            where = where if len(s.items) == 1 and not isinstance(s.items[0], a.Slice) else f"({self._index(s.items)})"
            call = {"-": "np.subtract.at"}.get(s.mode, "np.add.at")
            return f"{call}({target}, {where}, {value})"
        if s.mode == "+" and value.startswith("-") and isinstance(s.value, (a.Number, a.Map)) and _negative(s.value):
            return f"{target}[{self.items(s.items)}] -= {value[1:]}"
        sign = "=" if s.mode == "=" else f"{s.mode}="
        return f"{target}[{self.items(s.items)}] {sign} {value}"

    def _index(self, items: tuple[a.Node, ...]) -> str:
        """Subscripts as a tuple value: slices are written out."""
        spelled = []
        for item in items:
            if not isinstance(item, a.Slice):
                spelled.append(self.bare(item))
                continue
            ends = [self.bare(n) if n is not None else "None" for n in (item.start, item.stop)]
            ends += [] if item.step is None else [self.size(Size.of(item.step))[0]]
            spelled.append("slice(None)" if ends == ["None", "None"] else f"slice({', '.join(ends)})")
        return ", ".join(spelled) + ("," if len(spelled) == 1 else "")


def _negative(node: a.Node) -> bool:
    """Whether the text begins with a minus that belongs to the whole value."""
    if isinstance(node, a.Number):
        return True
    return node.op == "neg" or (node.op in ("mul", "div") and _negative(node.args[0]) if isinstance(
        node.args[0], (a.Number, a.Map)) else False)  # fmt: skip


def number_text(value: Fraction | float) -> tuple[str, int]:
    """A number as Python writes it: an integer, a decimal where one is exact, else a quotient."""
    if isinstance(value, float):
        return ("np.inf", ATOM) if value == inf else ("-np.inf", NEG)
    if value.denominator == 1:
        return str(value.numerator), ATOM if value >= 0 else NEG
    shown = repr(float(value))
    if Fraction(shown) == value:
        return re.sub(r"e-0*", "e-", shown), ATOM if value >= 0 else NEG
    return f"{value.numerator} / {value.denominator}", MUL


def size_text(n: Size, letter: Callable[[str], str]) -> tuple[str, int]:
    """A size as Python writes it, positive terms first, the constant last."""
    terms = sorted(n.terms, key=lambda t: (not t[0], t[1] < 0))
    out, level = "", ATOM
    for monomial, c in terms:
        factors = [_atom_text(atom, letter, len(monomial) > 1 or abs(c) != 1) for atom in monomial]
        factors = ([str(abs(c))] if abs(c) != 1 or not monomial else []) + factors
        body = " * ".join(factors)
        own = MUL if len(factors) > 1 or " // " in body else ATOM
        out += (" - " if c < 0 else " + ") + body if out else ("-" if c < 0 else "") + body
        level = min(level, own if out == body else ADD if out != "-" + body else NEG)
    return out or "0", level


def _atom_text(atom: str | Quotient, letter: Callable[[str], str], inner: bool) -> str:
    if isinstance(atom, str):
        return letter(atom)
    over, under = size_text(atom.over, letter), size_text(atom.under, letter)
    left = over[0] if over[1] >= MUL else f"({over[0]})"
    right = under[0] if under[1] >= ATOM else f"({under[0]})"
    return f"({left} // {right})" if inner else f"{left} // {right}"


def template_level(template: str) -> int:
    """How tightly the text of an op binds."""
    tree = ast.parse(re.sub(r"\{(\w+)\}", r"\1", template), mode="eval").body
    if isinstance(tree, ast.BinOp):
        return {ast.Add: ADD, ast.Sub: ADD, ast.Pow: POW}.get(type(tree.op), MUL)
    return NEG if isinstance(tree, ast.UnaryOp) else ATOM


# ---------------------------------------------------------------- one line


def numpy_line(equation: Equation, program: Program, *, style: str = "steps", names: Names | None = None,
               rounds: bool = True) -> str:  # fmt: skip
    """The equation as one line of NumPy, statements joined by semicolons: what a report shows.

    `rounds`: whether the program may hold recurrences, which are looked for.
    """
    names = names or Names(program, [equation])
    printer = Printer(names, style == "closed")
    own = (e if e.name != equation.name else equation for e in program.equations)
    block = recurrences(own).get(equation.name) if rounds else None
    if block is not None:
        return printer.round_line(lower_rounds(block, program, style == "closed"), equation.name)
    statements = lower_equation(equation, program, stable=style == "closed")
    (statements,) = shared([statements])
    return joined_lines([line for s in statements for line in printer.lines(s)])


def joined_lines(lines: list[str]) -> str:
    """Lines of code as one line; the body of a loop stays behind its colon."""
    out: list[str] = []
    for line in lines:
        if out and out[-1].endswith(":"):
            out[-1] += " " + line.strip()
        else:
            out.append(line.strip())
    return "; ".join(out)


def __getattr__(name: str):
    if name == "numpy_test":
        from derive.writers.numpy_tests import numpy_test

        return numpy_test
    if name in ("numpy_module", "numpy_lines"):
        from derive.writers import numpy_module as module

        return getattr(module, name)
    raise AttributeError(name)


__all__ = ["Index", "Printer", "number_text", "numpy_line", "size_text"]
