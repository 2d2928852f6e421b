"""Random small forward passes as Python source: what the fuzzer feeds to reader, engine, writer and interpreter.

    python tests/programs.py 17            the program of seed 17, and how it fares
    python tests/programs.py 17 --loops    the same for a program with a loop over time
    python tests/programs.py 0 5000        that many seeds, one line for each difference or crash
"""

from __future__ import annotations

import random
import sys
import traceback
from dataclasses import dataclass, field

import numpy as np

import derive
from derive import verifying
from derive.judges import interpreter

SIZES = ({"n": 3, "d": 4, "c": 2}, {"n": 4, "d": 2, "c": 3})
INPUTS = {"A": ("n", "d"), "B": ("n", "d"), "W": ("d", "c"), "v": ("d",), "s": (), "y": ("n",)}
RIGHT = 1e-9
KINK = 1e-3  # where the complex step and plain differences differ by more, a branch changes at the data

# fmt: off
UNARY = ("np.tanh({a})", "np.exp(-{a} ** 2)", "np.log(1 + {a} ** 2)", "np.sqrt(1 + {a} * {a})", "-{a}", "np.abs({a})",
         "1 / (1 + np.exp(-{a}))", "np.maximum({a}, 0.21)", "np.where({a} > 0.13, {a}, 0.3 * {a})",
         "{a} * ({a} > -0.17)",
         "np.clip({a}, -0.53, 0.61)", "0.7 * {a} ** 3", "np.sin({a})", "np.square({a})", "np.minimum({a}, 0.37)")
# no np.maximum of two arrays: at a tie its slope is 0 for both by convention, and programs tie whole arrays
BINARY = ("{a} + {b}", "{a} - {b}", "{a} * {b}", "{a} / (1.5 + {b} ** 2)", "np.where({a} > {b}, {a}, {b})",
          "np.where({a} > {b}, {a}, {b} * 0.5)", "np.where({b} > 0.11, {a}, 0.2)", "{a} * ({b} < 0.19)",
          "np.tanh({a}) * {b}")
# what a round makes of its row and of the state
CELLS = ("np.tanh({x} + 0.5 * {h})", "0.7 * {h} + {x} * {x}", "{h} * np.exp(-{x} ** 2) + s", "np.tanh({h} @ {M} + {x})",
         "np.where({h} > 0.13, 0.5 * {h}, {x})", "{x} + {h}.sum() * 0.1", "np.tanh({h}[::-1] + {x}) + t * 0.01",
         "0.5 * (np.tanh({h}) + np.tanh({x})) / (1 + {x} ** 2)")
# how the state is held: before the loop, read in a round, written in a round, all states as an array
CARRIED = {
    "name": ("h{k} = {start}", "", "", ""),
    "pair": ("h{k} = {start}\n    g{k} = 0.5", "c{k} = h{k}", "h{k} = h{k} * np.tanh(g{k}) + 0.1\n        g{k} = c{k}.sum()", ""),
    "list": ("hs{k} = [{start}]", "h{k} = hs{k}[-1]", "hs{k}.append(h{k})", "np.stack(hs{k})[1:]"),
    "dict": ("hs{k} = {{-1: {start}}}", "h{k} = hs{k}[t - 1]", "hs{k}[t] = h{k}",
             "np.stack([hs{k}[t] for t in range({a}.shape[0])])"),
    "ahead": ("H{k} = np.zeros(({a}.shape[0] + 1, {a}.shape[1]))\n    H{k}[0] = {start}", "h{k} = H{k}[t]",
              "H{k}[t + 1] = h{k}", "H{k} * 1.0"),
    "behind": ("H{k} = np.zeros_like({a})\n    H{k}[-1] = {start}", "h{k} = H{k}[t - 1]", "H{k}[t] = h{k}", "H{k} * 1.0"),
}
# fmt: on


class Seeded:
    """Choices from a seed; the fuzzer's other source of choices is hypothesis, which can shrink them."""

    def __init__(self, seed: int):
        self.random = random.Random(seed)

    def pick(self, options):
        return self.random.choice(list(options))


class Drawn:
    """Choices drawn by hypothesis."""

    def __init__(self, draw, sampled_from):
        self.draw, self.sampled_from = draw, sampled_from

    def pick(self, options):
        return self.draw(self.sampled_from(list(options)))


@dataclass
class Writer:
    """A program being written: its lines, and the arrays so far with their shapes (sizes as text)."""

    choices: object
    lines: list[str] = field(default_factory=list)
    arrays: dict[str, tuple[str, ...]] = field(default_factory=lambda: {k: v for k, v in INPUTS.items() if k != "y"})
    fresh: int = 0

    # -- what there is

    def pick(self, options):
        return self.choices.pick(options)

    def array(self, *ranks: int, like=None) -> str | None:
        """An array of one of the ranks; later ones are likelier, so that programs are deep."""
        found = [a for a, shape in self.arrays.items() if len(shape) in ranks and (like is None or like(shape))]
        return self.pick(found + found[-3:] * 2) if found else None

    def assign(self, text: str, shape: tuple[str, ...]) -> str:
        """A new name for an expression, now and then an old one of the same shape."""
        same = [a for a, s in self.arrays.items() if s == shape and a.startswith("t")]
        if same and self.pick(range(5)) == 0:
            name = self.pick(same)
        else:
            self.fresh += 1
            name = f"t{self.fresh}"
        self.lines.append(f"{name} = {text}")
        self.arrays.pop(name, None)
        self.arrays[name] = shape
        return name

    # -- statements

    def unary(self):
        a = self.array(0, 1, 2, 3)
        self.assign(self.pick(UNARY).format(a=a), self.arrays[a])

    def binary(self):
        a, b = self.array(0, 1, 2, 3), self.array(0, 1, 2, 3)
        shape = broadcast(self.arrays[a], self.arrays[b])
        if shape is not None:
            self.assign(self.pick(BINARY).format(a=a, b=b), shape)

    def matmul(self):
        a = self.array(1, 2)
        shape = self.arrays[a]
        b = self.array(1, 2, like=lambda s: s[0] == shape[-1])
        if b is None:
            b = self.array(2, like=lambda s: s[1] == shape[-1])
            if b is None:
                return
            text, inner = f"{b}.T", self.arrays[b][::-1]
        else:
            text, inner = b, self.arrays[b]
        spelled = self.pick(["{a} @ {b}", "{a}.dot({b})", "np.dot({a}, {b})"]).format(a=a, b=text)
        self.assign(f"0.5 * {spelled}" if " @ " not in spelled else f"0.5 * ({spelled})", (*shape[:-1], *inner[1:]))

    def reduction(self):
        a = self.array(1, 2, 3)
        shape = self.arrays[a]
        op = self.pick(["sum", "mean", "max", "min", "var", "logsumexp"])
        axis = self.pick([None, *range(len(shape)), -1])
        keep = axis is not None and self.pick([True, False])
        if op == "logsumexp":
            axis = -1 if axis is None else axis
            tail = ", keepdims=True" if keep else ""
            text = f"np.log(np.sum(np.exp({a}), axis={axis}{tail}))"
        elif axis is None:
            text = self.pick([f"{a}.{op}()", f"np.{op}({a})"])
        else:
            tail = ", keepdims=True" if keep else ""
            text = self.pick([f"{a}.{op}(axis={axis}{tail})", f"np.{op}({a}, axis={axis}{tail})"])
        k = None if axis is None else axis % len(shape)
        left = () if axis is None else tuple(n for m, n in enumerate(shape) if m != k)
        self.assign(text, tuple("1" if m == k else n for m, n in enumerate(shape)) if keep else left)

    def softmax(self):
        a = self.array(1, 2)
        self.fresh += 1
        self.lines.append(f"e{self.fresh} = np.exp({a} - {a}.max(axis=-1, keepdims=True))")
        self.assign(f"e{self.fresh} / e{self.fresh}.sum(axis=-1, keepdims=True)", self.arrays[a])

    def index(self):
        a = self.array(1, 2, 3)
        first, *rest = shape = self.arrays[a]
        options = [(f"{a}[0]", tuple(rest)), (f"{a}[-1]", tuple(rest)), (f"{a}[::-1]", shape)]
        options += [(f"{a}[None]", ("1", *shape)), (f"{a}[..., None]", (*shape, "1"))] if len(shape) < 3 else []
        if first in ("n", "d", "c"):
            options += [(f"{a}[1:]", (f"{first}-1", *rest)), (f"{a}[:-1]", (f"{first}-1", *rest))]
        if len(shape) > 1:
            options += [(f"{a}[:, 0]", (first, *rest[1:])), (f"{a}[:, None]", (first, "1", *rest))]
            options += [(f"{a}[:, ::-1]", shape)]
        if first in ("d", "c") or first == "n":
            options.append((f"{a}[y % {SMALLEST}]", ("n", *rest)))
        if len(shape) > 1 and first == "n" and rest[0] in ("d", "c"):
            options += [(f"{a}[np.arange(n), y % {SMALLEST}]", ("n", *rest[1:]))] * 2
        text, new = self.pick([o for o in options if len(o[1]) < 4])
        self.assign(text, new)

    def shaped(self):
        a = self.array(2, 3)
        shape = self.arrays[a]
        options = [(f"{a}.T", shape[::-1]), (f"{a}.sum(axis=0)[None] * {a}", shape)]
        if len(shape) == 2:
            options += [(f"{a}.transpose(1, 0)", shape[::-1]), (f"np.stack([{a}, {a} * 2], axis=0)[1]", shape)]
            options += [(f"np.concatenate([{a}, -{a}], axis=1)[:, {a}.shape[1]:]", shape)]
            options += [(f"{a}.reshape(-1)[::-1].reshape({a}.shape)", shape), (f"np.cumsum({a}, axis=0)", shape)]
            options += [(f"np.einsum('ij,ij->j', {a}, {a})", shape[1:])]
            options += [(f"np.einsum('ij,kj->ik', {a}, {a})", (shape[0], shape[0]))]
        else:
            options += [(f"{a}.transpose(0, 2, 1)", (shape[0], shape[2], shape[1]))]
            options += [(f"np.einsum('ijk->ik', {a})", (shape[0], shape[2]))]
        self.assign(*self.pick(options))

    def in_place(self):
        a = self.array(1, 2)
        shape = self.arrays[a]
        name = self.assign(f"{a}.copy()", shape)
        rows = tuple(shape[1:])
        self.lines.append(f"{name} {self.pick(['+=', '-=', '*='])} {self.pick(['0.3', 's', 'np.tanh(' + name + ')'])}")
        stores = [f"{name}[{name} < 0.07] = 0.4", f"{name}[{name} > 0.23] *= 0.5", f"{name}[0] = {self.row(rows)}"]
        stores += [f"{name}[-1] += {self.row(rows)}", f"{name}[::2] *= 1.5"]
        if shape[0] == "n":
            stores += [f"np.add.at({name}, y % {SMALLEST}, 0.7)"]
        if len(shape) == 2:
            stores += [f"{name}[:, 0] = {name}[:, -1] * 2", f"{name}[:, 1:] -= 0.2"]
            stores += [f"{name}[np.arange({name}.shape[0]), 0] -= 1"]
        if len(shape) == 2 and shape[0] == "n" and shape[1] in ("n", "d", "c"):
            stores += [f"{name}[np.arange(n), y % {SMALLEST}] -= s"] * 2
        for _ in range(self.pick([1, 2])):
            self.lines.append(self.pick(stores))

    def row(self, shape: tuple[str, ...]) -> str:
        """Something to store into a row."""
        fit = [a for a, s in self.arrays.items() if s == shape]
        return self.pick([*fit, "0.25"])

    def loop(self):
        a = self.array(1, 2)
        shape = self.arrays[a]
        name = self.assign(self.pick([f"{a} * 1.0", f"np.zeros_like({a})", f"np.tanh({a})"]), shape)
        b = self.pick([x for x, s in self.arrays.items() if s in (shape, ())])
        kind = self.pick(["carried", "rows", "total"])
        if kind == "carried":
            self.lines.append(f"for k in range({self.pick([2, 3])}):\n        {name} = np.tanh({name} * 0.5 + {b} * k)")
        elif kind == "rows":
            self.lines.append(f"for i in range({a}.shape[0]):\n        {name}[i] = np.tanh({a}[i]) * {a}[i].sum()")
        else:
            self.fresh += 1
            total = f"t{self.fresh}"
            self.lines.append(f"{total} = 0.0\n    for i in range({a}.shape[0]):\n        {total} += {a}[i].sum() ** 2")
            self.arrays[total] = ()

    def recurrent(self):
        """A loop over the rows of an array, of a length that no one says, with one or two states."""
        a = self.array(2, like=lambda s: s[0] in ("n", "d", "c") and s[1] in ("n", "d", "c"))
        if a is None:
            return
        self.fresh += 1
        k, width = self.fresh, self.arrays[a][1]
        self.lines.append(f"M{k} = 0.1 * ({a}.T @ {a})")
        h, g = self.pick(["name", "list", "dict", "ahead", "behind", "pair"]), self.pick(["zeros", f"np.tanh({a}[0])"])
        start = f"np.zeros({a}.shape[1])" if g == "zeros" else g
        down = h in ("name", "pair") and self.pick([True, False, False])
        times = f"reversed(range({a}.shape[0]))" if down else f"range({a}.shape[0])"
        cell = self.pick(CELLS).format(x=f"{a}[t]", h=f"h{k}", M=f"M{k}")
        before, read, write, states = CARRIED[h]
        extra = self.pick(["", f"w{k} += np.sum(h{k}) ** 2", f"o{k}.append(h{k} * {a}[t])", f"z{k}[t] = h{k} - 0.3"])
        body = [read, f"h{k} = {cell}", write, extra]
        head = [before, f"w{k} = 0.0", f"o{k} = []", f"z{k} = np.zeros_like({a})"]
        fill = {"k": k, "start": start, "a": a}
        self.lines += [line.format(**fill) for line in head if line]
        inner = "\n        ".join(line.format(**fill) for line in body if line)
        self.lines.append(f"for t in {times}:\n        {inner}")
        self.assign(f"h{k} * 1.0", (width,))
        if states:
            self.assign(states.format(**fill), self.arrays[a] if h != "ahead" else (f"{self.arrays[a][0]}+1", width))
        if extra:
            made = {"w": f"w{k} * 1.0", "o": f"np.stack(o{k})", "z": f"z{k} * 1.0"}[extra[0]]
            self.assign(made, () if extra[0] == "w" else self.arrays[a])

    def looped(self) -> str:
        """A program with a loop over time among its statements."""
        kinds = [self.unary, self.binary, self.matmul, self.reduction, self.softmax, self.index, self.shaped]
        for _ in range(self.pick([0, 1, 2])):
            self.pick(kinds)()
        self.recurrent()
        for _ in range(self.pick([0, 1, 2])):
            self.pick([*kinds, self.recurrent])()
        return self.ended()

    def source(self) -> str:
        """The program: a few statements, one or two outputs."""
        kinds = [self.unary, self.binary, self.binary, self.matmul, self.reduction, self.softmax, self.index,
                 self.shaped, self.in_place, self.loop]  # fmt: skip
        for _ in range(self.pick([2, 3, 4, 5, 6])):
            self.pick(kinds)()
        return self.ended()

    def ended(self) -> str:
        made = [a for a in self.arrays if a.startswith("t")] or [self.assign("np.tanh(A) * s", ("n", "d"))]
        last = made[-1]
        ending = self.pick([f"np.sum({last} ** 2)", last, f"{last}, {made[0]} * 1.0" if len(made) > 1 else last])
        body = "\n    ".join(["n = A.shape[0]", *self.lines, f"return {ending}"])
        shapes = " · ".join(f"{k} {'int ' if k == 'y' else ''}({', '.join(v)}{',' if len(v) == 1 else ''})"
                            for k, v in INPUTS.items())  # fmt: skip
        return f"import numpy as np\n\n\n# shapes: {shapes}\ndef forward(A, B, W, v, s, y):\n    {body}\n"


SMALLEST = 2  # every axis is at least so long, so that labels modulo it fit anywhere


def broadcast(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[str, ...] | None:
    """The shape of two arrays together, None when they do not fit."""
    long, short = (a, b) if len(a) >= len(b) else (b, a)
    short = ("1",) * (len(long) - len(short)) + short
    if any(m != n and "1" not in (m, n) for m, n in zip(long, short, strict=True)):
        return None
    return tuple(n if m == "1" else m for m, n in zip(long, short, strict=True))


def program(seed: int) -> str:
    return Writer(Seeded(seed)).source()


def looped(seed: int) -> str:
    return Writer(Seeded(seed)).looped()


# ---------------------------------------------------------------- trial


def trial(source: str, seed: int = 0, judged: bool = False) -> str:
    """What comes of a program: "right", "kink", "undefined", or a Problem's code when it is refused by name.

    Raises AssertionError for a difference; whatever else is raised is a crash.
    """
    try:
        read = derive.read(source)
        found = derive.differentiate(read, judged=judged)
        functions = {style: found.function(style=style) for style in ("steps", "closed")}
    except derive.Problem as problem:
        return f"refused {problem.code}: {problem.what}"
    for row in SIZES:
        outcome = _at(source, read, found, functions, row, seed)
        if outcome != "right":
            return outcome
    return "right"


def _at(source, read, found, functions, sizes, seed) -> str:
    data = verifying.sample_data(read, sizes, seed)
    rng = np.random.default_rng(seed + 1)
    values = [np.asarray(v) for _, v in interpreter.run(source, data).results]
    if not all(np.isfinite(v).all() and np.max(np.abs(v), initial=0) < 1e8 for v in values):
        return "undefined"
    drawn = [rng.normal(size=v.shape) for v in values]
    upstream = drawn[0] if len(drawn) == 1 else tuple(drawn)
    wrt = list(found.wrt)
    true = interpreter.complex_step(source, data, wrt, upstream)
    scale = max([1.0, *(float(np.max(np.abs(g), initial=0)) for g in true.values())])
    for style, function in functions.items():
        with np.errstate(all="ignore"):
            outputs, mine = function(**data, upstream=upstream)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        for a, b in zip(outputs, values, strict=True):
            assert np.shape(a) == b.shape, f"{style}: an output of shape {np.shape(a)}, {b.shape} is right"
            slack = RIGHT * max(1, float(np.max(np.abs(b), initial=0)))
            assert np.allclose(a, b, rtol=RIGHT, atol=slack), f"{style}: outputs differ"
        for name in wrt:
            assert np.shape(mine[name]) == np.shape(true[name]), f"{style}: shape of the gradient of {name}"
            gap = float(np.max(np.abs(mine[name] - true[name]), initial=0)) / scale
            if gap > RIGHT or gap != gap:
                near = interpreter.central(source, data, [name], upstream)[name]
                if not np.max(np.abs(near - true[name])) <= KINK * scale:
                    return "kink"
                raise AssertionError(f"{style}: the gradient of {name} is off by {gap:.1e} at {sizes}")
    return "right"


def main() -> None:
    make = looped if "--loops" in sys.argv else program
    sys.argv = [a for a in sys.argv if a != "--loops"]
    first, last = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else int(sys.argv[1]) + 1
    counts: dict[str, int] = {}
    for seed in range(first, last):
        source = make(seed)
        if last == first + 1:
            print(source)
        try:
            outcome = trial(source, seed, judged=seed % 5 == 0)
        except Exception as error:
            outcome = "different" if isinstance(error, AssertionError) else "crashed"
            print(f"seed {seed}: {outcome}: {type(error).__name__} {str(error)[:300]}")
            if last == first + 1:
                traceback.print_exc()
        if outcome.startswith("refused"):
            print(f"seed {seed}: {outcome}")
        kind = outcome.split(":")[0]
        counts[kind] = counts.get(kind, 0) + 1
    print(counts)


if __name__ == "__main__":
    main()
