"""The solution of a linear system as code: one function `solve` that ends in np.linalg.solve."""

from __future__ import annotations

from dataclasses import replace

from derive.program import base_name
from derive.solving.systems import System, Unknown
from derive.writers.numpy_module import _Module, _shown, made_from
from derive.writers.numpy_text import HELPERS, docstring, wrapped


def solve_module(system: System, of: str) -> str:
    """The text of an importable module: `solve(inputs…)` gives the unknowns at which the gradient of `of` vanishes."""
    unknowns = {u.name for u in system.unknowns}
    outputs = tuple(e.name for e in (*system.matrices.values(), *system.right.values()))
    needed = system.program.reaches(outputs)
    inputs = tuple(v for v in system.program.inputs if v.name in needed and v.name not in unknowns)
    program = replace(system.program, inputs=inputs, outputs=outputs, parameters=(), statics=(), output_kind="bare")
    return _Solver(program, program, (), "closed", {}, "", ()).module(system, of)


class _Solver(_Module):
    """The module of one linear system."""

    system: System

    def module(self, system: System, of: str) -> str:
        """The whole text."""
        self.system = system
        lines = self._forward([e.name for e in self.ahead])
        self.used |= {"shift"} if self.used & {"softmax", "log_softmax", "logsumexp"} else set()
        helpers = [self._helper(name) for name in HELPERS if name in self.used]
        names = ", ".join(base_name(u.name) for u in system.unknowns)
        doc = [f"{names}, where the gradient of {base_name(of)} vanishes: the solution of a linear system.", "", "Inputs:"]
        doc += [*self._shape_lines((v.name for v in self.forward.inputs), self.forward), "Returns:"]
        doc += [f"    {base_name(u.name)}: {_shape(system, u)}" for u in system.unknowns]
        function = [*wrapped(f"def solve({self._signature()}):"), *docstring(doc, 4).splitlines(),
                    *(f"    {line}".rstrip() for line in lines)]  # fmt: skip
        head = made_from(self.forward, f" {names.replace(',', '')}").replace("derive code", "derive solve")
        title = docstring([f"{names} in closed form."], 0)
        return "\n\n\n".join(["\n".join([head, title, "", "import numpy as np"]), *helpers, "\n".join(function)]) + "\n"

    def _handed_on(self, entries: list[str], outputs: str) -> list[str]:
        """The end: the system solved, and its solution taken apart."""
        if len(self.system.unknowns) == 1:
            return [f"return {self._single(self.system.unknowns[0])}"]
        unknowns = self.system.unknowns
        rows = [", ".join(self._block(u, v) for v in unknowns) for u in unknowns]
        lines = [*wrapped(f"matrix = np.block([{', '.join(f'[{r}]' for r in rows)}])"),
                 *wrapped(f"right = np.concatenate([{', '.join(map(self._right, unknowns))}])"),
                 "solution = np.linalg.solve(matrix, right)"]  # fmt: skip
        return [*lines, *self._parts(unknowns)]

    def _single(self, u: Unknown) -> str:
        a, b = (self.names.array(e.name) for e in (self.system.matrices[u.name, u.name], self.system.right[u.name]))
        if u.rows is None:
            return f"{b} / {a}"
        return f"np.linalg.solve({a}, {b}.T).T" if u.turned else f"np.linalg.solve({a}, {b})"

    def _block(self, u: Unknown, v: Unknown) -> str:
        name = self.names.array(self.system.matrices[u.name, v.name].name)
        if u.rows is not None:
            return name if v.rows is not None else f"{name}[:, None]"
        return f"{name}[None, :]" if v.rows is not None else f"np.reshape({name}, (1, 1))"

    def _right(self, u: Unknown) -> str:
        name = self.names.array(self.system.right[u.name].name)
        if u.rows is None:
            return f"np.reshape({name}, (1,))" if u.columns is None else f"{name}[None, :]"
        return f"{name}.T" if u.turned else name

    def _parts(self, unknowns: tuple[Unknown, ...]) -> list[str]:
        """The stretches of the solution by name."""
        entries, before = [], []
        for u in unknowns:
            name = self.names.array(self.system.right[u.name].name)
            start = " + ".join(before)
            before.append("1" if u.rows is None else f"{name}.shape[{1 if u.turned else 0}]")
            place = start or "0" if u.rows is None else f"{start}:{' + '.join(before)}"
            entries.append(f'"{base_name(u.name)}": solution[{place}]' + ".T" * u.turned)
        return wrapped(f"return {{{', '.join(entries)}}}")


def _shape(system: System, u: Unknown) -> str:
    shape = system.program.shape(u.name)
    return f"({', '.join(map(_shown, shape))}{',' * (len(shape) == 1)})" if shape else "scalar"


__all__ = ["solve_module"]
