"""Layer normalisation with a gradient of its own, and a slip in it: `derive check examples/check/layer_norm_function.py`."""

import torch

# shapes: x (n, d) · weight (d,) · bias (d,)


class LayerNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias, eps=1e-5):
        centred = x - x.mean(-1, keepdim=True)
        rstd = ((centred**2).mean(-1, keepdim=True) + eps) ** -0.5
        xhat = centred * rstd
        ctx.save_for_backward(xhat, rstd, weight)
        return xhat * weight + bias

    @staticmethod
    def backward(ctx, grad_output):
        xhat, rstd, weight = ctx.saved_tensors
        g = grad_output * weight
        grad_x = rstd * (g - g.mean(-1, keepdim=True) - xhat * (g * xhat).mean(-1, keepdim=True))
        grad_weight = (g * xhat).sum(0)
        return grad_x, grad_weight, grad_output.sum(0), None
