"""Functions with a gradient of their own, `torch.autograd.Function`: what they keep in `ctx` as plain attributes.

`ctx.save_for_backward(x, w)` is read as `ctx.saved_tensors = x, w`, a `setup_context` as the end of its forward pass, and
every input is one whose gradient is wanted.
"""

from __future__ import annotations

import ast
import copy

KEEPS = ("save_for_backward", "save_for_forward")
SILENT = ("mark_non_differentiable", "mark_dirty", "set_materialize_grads")
CONTEXT = "ctx"


def with_plain_context(tree: ast.Module) -> ast.Module:
    """The tree with every `ctx` as an object of plain attributes; changes it in place."""
    for owner in (n for n in tree.body if isinstance(n, ast.ClassDef)):
        methods = {m.name: m for m in owner.body if isinstance(m, ast.FunctionDef)}
        if "forward" not in methods:
            continue
        if "setup_context" in methods:
            _joined(methods["forward"], methods["setup_context"])
        for method in methods.values():
            if method.args.args and method.args.args[0].arg == CONTEXT:
                _Plain().visit(method)
    return ast.fix_missing_locations(tree)


class _Plain(ast.NodeTransformer):
    """The calls on ctx as assignments, or as nothing."""

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        match node.value:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="ctx"), attr=attr), args=args) if attr in KEEPS:
                target = ast.Attribute(ast.Name(CONTEXT, ast.Load()), "saved_tensors", ast.Store())
                return ast.copy_location(ast.Assign([target], ast.Tuple(args, ast.Load())), node)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="ctx"), attr=attr)) if attr in SILENT:
                return ast.copy_location(ast.Pass(), node)
        return self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if node.attr == "saved_variables":
            node.attr = "saved_tensors"
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        match node:
            case ast.Subscript(value=ast.Attribute(value=ast.Name(id="ctx"), attr="needs_input_grad")):
                return ast.copy_location(ast.Constant(True), node)
        return self.generic_visit(node)


def _joined(forward: ast.FunctionDef, setup: ast.FunctionDef) -> None:
    """`setup_context(ctx, inputs, output)` after the body of a forward pass that returns in its last statement."""
    if len(setup.args.args) != 3 or not forward.body or not isinstance(forward.body[-1], ast.Return):
        return
    last, inputs, output = forward.body[-1], setup.args.args[1].arg, setup.args.args[2].arg
    given = ast.Tuple([ast.Name(a.arg, ast.Load()) for a in forward.args.args], ast.Load())
    before = [ast.Assign([ast.Name(inputs, ast.Store())], given)]
    if not isinstance(last.value, ast.Name):
        before.append(ast.Assign([ast.Name(output, ast.Store())], last.value))
        last.value = ast.copy_location(ast.Name(output, ast.Load()), last.value)
    elif last.value.id != output:
        before.append(ast.Assign([ast.Name(output, ast.Store())], last.value))
    made = [ast.copy_location(n, last) for n in before]
    kept = [copy.deepcopy(n) for n in setup.body]
    forward.body[-1:] = [*made, *kept, last]
    forward.args.args.insert(0, setup.args.args[0])


__all__ = ["with_plain_context"]
