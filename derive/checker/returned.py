"""What backward code returns, as claims of their own: by key, or by its place among the inputs."""

from __future__ import annotations

import ast

from derive.checker.beginning import Beginning
from derive.checker.listed import lists_in
from derive.checker.names import spelled
from derive.readers.values import Array, Instance


class Returning(Beginning):
    """One round over both passes, with what a return claims."""

    def _returned_by_key(self, node: ast.Return) -> None:
        """`return {"W": X.T @ dz}`: every entry that is more than a name is a statement of its own."""
        self.returned = node
        match node.value:
            case ast.Call(func=ast.Name(id="dict"), args=[], keywords=more) if all(k.arg for k in more):
                made = ast.Dict([ast.Constant(k.arg) for k in more], [k.value for k in more])
                node = ast.fix_missing_locations(ast.copy_location(ast.Return(ast.copy_location(made, node.value)), node))
        if isinstance(node.value, ast.Dict):
            for key, value in zip(node.value.keys, node.value.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str) and not isinstance(value, ast.Name):
                    self._returned_as(key.value, value)
        elif node.value is not None:
            self._returned_in_order(node.value)

    def _returned_as(self, name: str, value: ast.expr) -> None:
        self.run.scopes[-1].setdefault("grads", {})
        place = ast.Subscript(ast.Name("grads", ast.Load()), ast.Constant(name), ast.Store())
        made = ast.copy_location(ast.Assign([place], value), value)
        made.entry = f'grads["{name}"]'
        self._step(ast.fix_missing_locations(made), False)

    def _returned_in_order(self, value: ast.expr) -> None:
        """`return dx, x.T @ dz, dz.sum(0)`: gradients in the order of the inputs, where the named ones stand so.

        Where a gradient that was set is left out and its array returned instead, that array is what is claimed.
        """
        values = value.elts if isinstance(value, ast.Tuple) else [value]
        lists = {n for n, _ in lists_in(self.run.scopes[-1])}
        if any(isinstance(n, (ast.Name, ast.Attribute)) and getattr(n, "id", getattr(n, "attr", "")) in lists
               for v in values for n in ast.walk(v)):  # fmt: skip
            return
        inputs, values = self._matched(values)
        spoken = [self._gradient_of(v.id, inputs) if isinstance(v, ast.Name) else None for v in values]
        returned = {v.id for v in values if isinstance(v, ast.Name)}
        left_out = {self._gradient_of(n, inputs) for n in self.run.scopes[-1] if n not in returned}
        odd = [k for k, s in enumerate(spoken) if s not in (None, *inputs[k : k + 1])]
        odd = odd or [k for k, v in enumerate(values[: len(inputs)])
                      if isinstance(v, ast.Name) and spoken[k] is None and spelled(v.id) and inputs[k] in left_out]  # fmt: skip
        if self.source.owner is not None and len(values) == len(inputs):  # `return dn, dh` of a layer forward(x, h)
            for k in odd:
                if spoken[k] not in self.mark.inputs and inputs[k] in left_out:
                    self._returned_as(inputs[k], values[k])
        named = sum(s is not None for s in spoken)
        in_order = not odd and (len(values) == len(inputs) or len(values) < len(inputs) and 2 * named >= len(values))
        if len(odd) == 1 and 2 < len(values) <= len(inputs) and inputs[odd[0]] in left_out:
            self._returned_as(inputs[odd[0]], values[odd[0]])
        for place, v in enumerate(values):
            if isinstance(v, ast.Name):
                if spoken[place] is None and v.id in self.start and self.start[v.id] in left_out:
                    self._returned_as(v.id, v)
                elif spoken[place] is None and in_order and isinstance(self.run.scopes[-1].get(v.id), Array):
                    self._returned_as(inputs[place], v)
            elif not isinstance(v, (ast.Constant, ast.Dict, ast.Tuple, ast.List)):
                self._returned_as(inputs[place] if in_order else f"returned{place}", v)

    def _matched(self, values: list[ast.expr]) -> tuple[list[str], list[ast.expr]]:
        """The inputs in order and the values returned for them: for forward's parameters, one each, else for all inputs.

        Where there is one for every parameter, the None for labels and settings is left out.
        """
        inputs = [n for n, v in self.mark.inputs.items() if v.sort == "real"]
        names = [a.arg for a in self.source.function.args.args] if self.source.function is not None else []
        names = [n for n in names if not isinstance(self.outer.get(n), Instance)]
        rules = any(isinstance(n, ast.Attribute) and n.attr == "defvjp" for n in ast.walk(self.back.tree))
        if rules and len(names) != len(values) and self.back.function is not None:  # `nondiff_argnums`: handed on
            names = [n for n in names if n not in {a.arg for a in self.back.function.args.args}]
        pairs = list(zip(names, values, strict=False)) if len(names) == len(values) else []
        odd = [n for n, v in pairs if (n in inputs) == (isinstance(v, ast.Constant) and v.value is None)]
        if not pairs or odd:
            return inputs, values
        return [n for n in names if n in inputs], [v for n, v in pairs if n in inputs]

    def _gradient_of(self, name: str, inputs: list[str]) -> str | None:
        """The forward array whose gradient a name is; an input also where backward does not bind it."""
        return self.meant(name) or next((n for n in inputs if n == spelled(name)), None)
