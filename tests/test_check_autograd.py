"""`torch.autograd.Function` and `jax.custom_vjp`: both passes, what they keep, the place of every returned gradient."""

import pytest

from derive.checker.code import check_code
from derive.readers.sources import read

HEAD = "import torch\nfrom torch.autograd import Function\n"
FILES = {
    "linear": """# shapes: x (n, d) · w (c, d) · b (c,)
class Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w, b):
        ctx.save_for_backward(x, w)
        return x @ w.t() + b

    @staticmethod
    def backward(ctx, grad_output):
        x, w = ctx.saved_tensors
        return grad_output @ w, grad_output.t() @ x, grad_output.sum(0)
""",
    "linear_apart": """# shapes: input (n, d) · weight (c, d) · bias (c,)
class Linear(Function):
    @staticmethod
    def forward(input, weight, bias):
        output = input.mm(weight.t())
        if bias is not None:
            output += bias.unsqueeze(0).expand_as(output)
        return output

    @staticmethod
    def setup_context(ctx, inputs, output):
        input, weight, bias = inputs
        ctx.save_for_backward(input, weight, bias)

    @staticmethod
    def backward(ctx, grad_output):
        input, weight, bias = ctx.saved_tensors
        grad_input = grad_weight = grad_bias = None
        if ctx.needs_input_grad[0]:
            grad_input = grad_output.mm(weight)
        if ctx.needs_input_grad[1]:
            grad_weight = grad_output.t().mm(input)
        if bias is not None and ctx.needs_input_grad[2]:
            grad_bias = grad_output.sum(0)
        return grad_input, grad_weight, grad_bias
""",
    "swish": """# shapes: x (n, d)
class Swish(Function):
    @staticmethod
    def forward(ctx, x):
        s = torch.sigmoid(x)
        ctx.save_for_backward(x, s)
        return x * s

    @staticmethod
    def backward(ctx, dy):
        x, s = ctx.saved_tensors
        return dy * (s + x * s * (1 - s))
""",
    "layer_norm": """# shapes: x (n, d) · weight (d,) · bias (d,)
class LayerNorm(Function):
    @staticmethod
    def forward(ctx, x, weight, bias, eps=1e-5):
        mean = x.mean(dim=-1, keepdim=True)
        rstd = (((x - mean) ** 2).mean(dim=-1, keepdim=True) + eps) ** -0.5
        xhat = (x - mean) * rstd
        ctx.save_for_backward(xhat, rstd, weight)
        return xhat * weight + bias

    @staticmethod
    def backward(ctx, grad_output):
        xhat, rstd, weight = ctx.saved_tensors
        g = grad_output * weight
        grad_x = rstd * (g - g.mean(-1, keepdim=True) - xhat * (g * xhat).mean(-1, keepdim=True))
        return grad_x, (grad_output * xhat).sum(0), grad_output.sum(0), None
""",
    "cross_entropy": """# shapes: logits (n, c) · target int (n,) · scale ()
class CrossEntropy(Function):
    @staticmethod
    def forward(ctx, logits, target, scale):
        p = torch.softmax(logits * scale, dim=1)
        n = logits.shape[0]
        ctx.save_for_backward(p, target, logits)
        ctx.scale = scale
        return -torch.log(p[torch.arange(n), target]).mean()

    @staticmethod
    def backward(ctx, grad_output):
        p, target, logits = ctx.saved_tensors
        n = p.size(0)
        grad = p.clone()
        grad[torch.arange(n), target] -= 1
        grad = grad * (grad_output / n)
        return grad * ctx.scale, None, (grad * logits).sum()
""",
    "jax_vjp": """import jax
import jax.numpy as jnp
from functools import partial
# shapes: x (n, d) · w (d,) · eps ()
@partial(jax.custom_vjp, nondiff_argnums=(2,))
def rms(x, w, eps):
    return x / jnp.sqrt((x ** 2).mean(-1, keepdims=True) + eps) * w

def rms_fwd(x, w, eps):
    r = 1 / jnp.sqrt((x ** 2).mean(-1, keepdims=True) + eps)
    return x * r * w, (x, w, r)

def rms_bwd(eps, res, g):
    x, w, r = res
    gw = g * w
    return gw * r - x * r ** 3 * (gw * x).mean(-1, keepdims=True), (g * x * r).sum(0)

rms.defvjp(rms_fwd, rms_bwd)
""",
}
# the file, what is changed, the line that is wrong then, the correction
MISTAKES = [
    ("linear", "grad_output @ w,", "grad_output @ w.t(),", 13, "return grad_output @ w, grad_output.t() @ x, grad_output.sum(0)"),
    ("linear", "grad_output.sum(0)", "grad_output.mean(0)", 13, "return grad_output @ w, grad_output.t() @ x, grad_output.sum(0)"),
    ("linear_apart", "grad_output.t().mm(input)", "2 * grad_output.t().mm(input)", 24, "grad_weight = grad_output.t().mm(input)"),
    ("linear_apart", "sum(0)", "sum(1)", 26, "grad_bias = grad_output.sum(0)"),
    ("swish", "x * s * (1 - s))", "x * (1 - s))", 14, "return dy * (s + (x * (1 - s)) * s)"),
    ("swish", "dy * (", "(", 14, None),
    ("layer_norm", "- xhat * (g", "+ xhat * (g", 17, None),
    ("layer_norm", "(grad_output * xhat)", "(g * xhat)", 18, None),
    ("cross_entropy", "grad * ctx.scale", "grad", 20, "return grad * ctx.scale, None, (grad * logits).sum()"),
    ("cross_entropy", "logits).sum()", "logits).mean()", 20, "return grad * ctx.scale, None, (grad * logits).sum()"),
    ("cross_entropy", "(grad_output / n)", "grad_output", 20, None),
    ("jax_vjp", "r ** 3", "r ** 2", 18, None),
    ("jax_vjp", "(g * x * r).sum(0)", "(gw * x * r).sum(0)", 18, None),
]  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_right(name):
    found = check_code(HEAD + FILES[name], "b.py").verdicts
    words = [v.verdict for v in found if v.verdict != "no-claim"]
    assert words and set(words) == {"right"}, found


@pytest.mark.parametrize("name, old, new, line, correction", MISTAKES, ids=[f"{m[0]}: {m[2]}" for m in MISTAKES])
def test_one_mistake(name, old, new, line, correction):
    assert FILES[name].count(old) == 1
    found = check_code(HEAD + FILES[name].replace(old, new), "b.py").verdicts
    wrong = [v for v in found if v.verdict == "wrong"]
    assert wrong and wrong[0].place.line == line, found
    assert correction is None or wrong[0].correction == correction


@pytest.mark.parametrize("name", FILES)
def test_its_forward_pass_alone(name):
    program = read(HEAD + FILES[name], **({"function": "rms"} if name == "jax_vjp" else {}))
    assert program.outputs and not any(v.name.startswith("ctx") for v in program.inputs)
