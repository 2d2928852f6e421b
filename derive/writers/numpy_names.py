"""Identifiers of generated code: the author's where they are free, never one of Python's or ours."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable

from derive.index import Index
from derive.program import Equation, Program

OURS = {"np", "cache", "upstream", "gradients", "outputs", "inputs", "forward", "backward", "loss_and_gradients"}
RESERVED = OURS | set(keyword.kwlist) | set(keyword.softkwlist) | set(dir(builtins))


def plain(name: str) -> str:
    """A name of the program as an identifier, before collisions are looked at."""
    depth = len(name) - len(name.lstrip("∂"))
    body = re.sub(r"\W", "_", name.lstrip("∂"))
    body = body if not body[:1].isdigit() else "_" + body
    return "d" * depth + body


class Names:
    """One identifier per array, size letter, helper and local; what was given once stays."""

    def __init__(self, program: Program, equations: Iterable[Equation] = (), parameters: Iterable[str] = ()):
        self.taken: set[str] = set(RESERVED)
        self.given: dict[tuple[str, str], str] = {}
        self.counters: dict[Index, str] = {}
        self.closed_counters: dict[str, list[str]] = {}
        for name in [*parameters, *(v.name for v in program.inputs if not v.name.startswith("∂"))]:
            self.array(name)
        names = [e.name for e in (*program.equations, *equations)]
        for name in [n for n in names if not n.startswith("∂")]:
            self.array(name)
        for letter in sorted(program.sizes):
            self.size(letter)
        for name in [*(v.name for v in program.inputs), *names]:
            self.array(name)

    def _new(self, kind: str, name: str, wanted: str) -> str:
        if (kind, name) not in self.given:
            free, count = wanted, 1
            while free in self.taken:
                count += 1
                free = f"part{count}" if wanted == "part" else free + "_"
            self.taken.add(free)
            self.given[kind, name] = free
        return self.given[kind, name]

    def array(self, name: str) -> str:
        """The identifier of an array; names that begin with `~~` are temporaries."""
        return self._new("array", name, "part" if name.startswith("~~") else plain(name))

    def forget_temporaries(self) -> None:
        """Let the next equation use the names of temporaries again."""
        local = [k for k in self.given if k[0] == "array" and k[1].startswith("~~") and "shared" not in k[1]]
        for key in local:
            self.taken.discard(self.given.pop(key))

    def size(self, letter: str) -> str:
        return self._new("size", letter, letter)

    def helper(self, name: str) -> str:
        """A function of the module."""
        return self._new("helper", name, f"_{name}")

    def own(self, name: str) -> str:
        """A local of ours."""
        return self._new("own", name, name)

    def counter(self, i: Index) -> str:
        """The variable of a loop."""
        if i not in self.counters:
            again = self.closed_counters.get(i.name, [])
            self.counters[i] = again.pop() if again else self._new("counter", f"{i.name}{i.number}", i.name)
        return self.counters[i]

    def close_counter(self, i: Index) -> None:
        """The loop has ended: another one may use its variable."""
        self.closed_counters.setdefault(i.name, []).append(self.counters[i])
