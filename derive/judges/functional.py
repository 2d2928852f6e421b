"""`torch.nn.functional` over complex-safe NumPy: losses, layers, convolution, attention.

Written from torch's documentation and compared with torch by the tests.  What is random (dropout with p > 0 in
training) is refused; what only a loop can do (convolution) is a loop over the kernel's offsets.
"""

from __future__ import annotations

import math

import numpy as np

from derive.errors import Unsupported
from derive.judges import numeric as N


def reduced(each, reduction, count=None):
    """Σ, mean or the losses themselves; `count` replaces the number of entries in a mean."""
    if reduction == "none":
        return each
    if reduction not in ("sum", "mean"):
        raise Unsupported(f"reduction={reduction!r}", "it is not one of none, sum, mean")
    return np.sum(each) if reduction == "sum" else np.sum(each) / (np.size(each) if count is None else count)


def _classes_last(x):
    """(N, C, d…) as (N, d…, C); (C,) and (N, C) as they are."""
    return np.moveaxis(x, 1, -1) if np.ndim(x) > 2 else np.asarray(x)


def nll_loss(x, target, weight=None, ignore_index=-100, reduction="mean"):
    """−w[y]·x[y]; the mean divides by the sum of the weights, ignored targets count nothing."""
    return _picked(_classes_last(x), target, weight, ignore_index, reduction, 0.0)


def _picked(logp, y, weight, ignore_index, reduction, smoothing):
    """The class-index form of cross entropy on log-probabilities with the classes last."""
    y, classes = np.asarray(y), logp.shape[-1]
    w = np.ones(classes) if weight is None else weight
    kept = y != ignore_index
    at = np.where(kept, y, 0)
    if np.any((at < 0) | (at >= classes)):
        raise Unsupported(f"a target outside 0 … {classes - 1}", "it names no class")
    hit = -np.take_along_axis(logp, at[..., None], -1)[..., 0] * w[at]
    each = (1 - smoothing) * hit
    if smoothing:
        each = each - smoothing / classes * np.sum(logp * w, -1)
    return reduced(np.where(kept, each, 0), reduction, np.sum(np.where(kept, w[at], 0)))


def cross_entropy(x, target, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    """−log softmax at the target class, or against target probabilities of the same shape."""
    logp = N.log_softmax(_classes_last(x), -1)
    target = np.asarray(target)
    if target.dtype.kind in "iub":
        return _picked(logp, target, weight, ignore_index, reduction, label_smoothing)
    p = (1 - label_smoothing) * _classes_last(target) + label_smoothing / logp.shape[-1]
    each = -np.sum(p * logp * (1 if weight is None else weight), -1)
    return reduced(each, reduction)


def mse_loss(x, target, reduction="mean"):
    """(x − target)²."""
    return reduced(np.square(x - target), reduction)


def l1_loss(x, target, reduction="mean"):
    """|x − target|."""
    return reduced(N.absolute(x - target), reduction)


def huber_loss(x, target, reduction="mean", delta=1.0):
    """Half the square inside delta, delta·(|d| − delta/2) outside."""
    d = N.absolute(x - target)
    return reduced(np.where(N.real(d) < delta, 0.5 * d * d, delta * (d - 0.5 * delta)), reduction)


def smooth_l1_loss(x, target, reduction="mean", beta=1.0):
    """The Huber loss divided by its threshold."""
    return huber_loss(x, target, reduction, beta) / beta


def binary_cross_entropy(x, target, weight=None, reduction="mean"):
    """−y·log x − (1 − y)·log(1 − x), the logs cut at −100 as torch does."""
    each = -(target * N.clip(N.log(x), -100) + (1 - target) * N.clip(N.log1p(-x), -100))
    return reduced(each if weight is None else each * weight, reduction)


def binary_cross_entropy_with_logits(x, target, weight=None, reduction="mean", pos_weight=None):
    """softplus(−x)·(1 + (w − 1)·y) + (1 − y)·x."""
    each = (1 - target) * x + (1 + ((1 if pos_weight is None else pos_weight) - 1) * target) * N.softplus(-x)
    return reduced(each if weight is None else each * weight, reduction)


def kl_div(x, target, reduction="mean", log_target=False):
    """target·(log target − x); zero where the target is zero."""
    p = np.exp(target) if log_target else target
    logp = target if log_target else N.log(np.where(N.real(p) > 0, p, 1))
    each = p * (logp - x)
    return np.sum(each) / np.shape(x)[0] if reduction == "batchmean" else reduced(each, reduction)


def linear(x, weight, bias=None):
    """x·Wᵀ + b."""
    y = x @ np.swapaxes(weight, -1, -2) if np.ndim(weight) > 1 else x @ weight
    return y if bias is None else y + bias


def embedding(x, weight, padding_idx=None):
    """Rows of the table."""
    if padding_idx is not None:
        raise Unsupported("padding_idx", "torch gives that row no gradient, a derivative does", "leave it out")
    return weight[x]


def _normalised(x, over, eps, weight=None, bias=None):
    y = (x - np.mean(x, axis=over, keepdims=True)) / N.sqrt(N.variance(x, over, True) + eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def layer_norm(x, normalized_shape, weight=None, bias=None, eps=1e-5):
    """(x − mean) / √(biased variance + eps) over the last axes."""
    rank = 1 if isinstance(normalized_shape, int) else len(normalized_shape)
    return _normalised(x, tuple(range(-rank, 0)), eps, weight, bias)


def rms_norm(x, normalized_shape, weight=None, eps=None):
    """x / √(mean x² + eps) over the last axes."""
    over = tuple(range(-len(normalized_shape), 0))
    y = x / N.sqrt(np.mean(x * x, axis=over, keepdims=True) + (np.finfo(float).eps if eps is None else eps))
    return y if weight is None else y * weight


def batch_norm(x, running_mean=None, running_var=None, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    """Over all axes but the second: batch statistics in training (running ones are not updated), else given ones."""
    shape = [-1 if k == 1 else 1 for k in range(np.ndim(x))]
    weight, bias = (None if v is None else v.reshape(shape) for v in (weight, bias))
    if training:
        return _normalised(x, tuple(k for k in range(np.ndim(x)) if k != 1), eps, weight, bias)
    y = (x - running_mean.reshape(shape)) / N.sqrt(running_var.reshape(shape) + eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def group_norm(x, num_groups, weight=None, bias=None, eps=1e-5):
    """(x − mean) / √(biased variance + eps) over each group of channels."""
    y = _normalised(x.reshape(x.shape[0], num_groups, -1), (2,), eps).reshape(x.shape)
    shape = [-1 if k == 1 else 1 for k in range(x.ndim)]
    y = y if weight is None else y * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)


def normalize(x, p=2.0, axis=1, eps=1e-12):
    """x / max(‖x‖, eps)."""
    return x / N.maximum(N.norm(x, p, axis, True), eps)


def cosine_similarity(x, x2, axis=1, eps=1e-8):
    """⟨x, x2⟩ / (‖x‖·‖x2‖)."""
    lengths = (N.maximum(N.norm(v, 2, axis), eps) for v in (x, x2))
    return np.sum(x * x2, axis=axis) / math.prod(lengths)


def dropout(x, p=0.5, training=True, inplace=False):
    """The identity at p = 0 or in evaluation; otherwise random, and refused."""
    if p == 0 or not training:
        return x
    raise Unsupported(f"dropout with p={p} in training", "its mask is random", "pass the mask as an input")


def pad(x, pad, mode="constant", value=0.0):
    """Pairs (before, after) from the last axis backwards."""
    if mode != "constant":
        raise Unsupported(f"padding mode {mode!r}", "only constant padding is supported")
    pairs = [(pad[k], pad[k + 1]) for k in range(0, len(pad), 2)][::-1]
    return np.pad(x, [(0, 0)] * (np.ndim(x) - len(pairs)) + pairs, constant_values=0 if value is None else value)


def _pair(v):
    return (v, v) if isinstance(v, int) else tuple(v)


def _windows(x, kernel, stride, dilation=(1, 1)):
    """x[n, c, h, w] as [n, c, kh, kw, oh, ow]: the entries under each kernel offset."""
    (kh, kw), (sh, sw), (dh, dw) = kernel, stride, dilation
    oh, ow = (x.shape[2] - dh * (kh - 1) - 1) // sh + 1, (x.shape[3] - dw * (kw - 1) - 1) // sw + 1
    rows = np.arange(kh)[:, None] * dh + np.arange(oh) * sh
    cols = np.arange(kw)[:, None] * dw + np.arange(ow) * sw
    return x[:, :, rows[:, None, :, None], cols[None, :, None, :]]


def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Σ over channel and kernel offset; groups cut both channel axes."""
    if isinstance(padding, str):
        raise Unsupported(f"padding={padding!r}", "it depends on the kernel", "write the number of rows and columns")
    ph, pw = _pair(padding)
    x = np.pad(x, [(0, 0), (0, 0), (ph, ph), (pw, pw)])
    parts = zip(np.split(x, groups, 1), np.split(weight, groups, 0), strict=False)
    where = (_pair(stride), _pair(dilation))
    y = [np.einsum("ncijhw,fcij->nfhw", _windows(u, w.shape[2:], *where), w) for u, w in parts]
    y = np.concatenate(y, 1)
    return y if bias is None else y + bias[:, None, None]


def conv1d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """conv2d with one row."""
    one = conv2d(x[:, :, None], weight[:, :, None], bias, (1, stride), (0, padding), (1, dilation), groups)
    return one[:, :, 0]


def max_pool2d(x, kernel_size, stride=None, padding=0):
    """The largest of each window; padding counts as −∞."""
    kernel, (ph, pw) = _pair(kernel_size), _pair(padding)
    x = np.pad(x, [(0, 0), (0, 0), (ph, ph), (pw, pw)], constant_values=-np.inf)
    return N.amax(_windows(x, kernel, _pair(kernel_size if stride is None else stride)), (2, 3))


def avg_pool2d(x, kernel_size, stride=None, padding=0):
    """The mean of each window; padding counts as zero."""
    kernel, (ph, pw) = _pair(kernel_size), _pair(padding)
    x = np.pad(x, [(0, 0), (0, 0), (ph, ph), (pw, pw)])
    return np.mean(_windows(x, kernel, _pair(kernel_size if stride is None else stride)), (2, 3))


def max_pool1d(x, kernel_size, stride=None, padding=0):
    """max_pool2d with one row."""
    return max_pool2d(x[..., None, :], (1, kernel_size), (1, kernel_size if stride is None else stride), (0, padding))[..., 0, :]


def avg_pool1d(x, kernel_size, stride=None, padding=0):
    """avg_pool2d with one row."""
    return avg_pool2d(x[..., None, :], (1, kernel_size), (1, kernel_size if stride is None else stride), (0, padding))[..., 0, :]


def attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None):
    """softmax(Q·Kᵀ·scale + mask)·V."""
    dropout(query, dropout_p)
    scores = query @ np.swapaxes(key, -1, -2) * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    if is_causal:
        attn_mask = np.tril(np.ones(scores.shape[-2:], bool))
    if attn_mask is not None:
        barred = attn_mask.dtype.kind == "b"
        scores = np.where(attn_mask, scores, -np.inf) if barred else scores + attn_mask
    return N.softmax(scores, -1) @ value


def glu(x, axis=-1):
    """The first half times the sigmoid of the second."""
    a, b = np.split(x, 2, axis)
    return a * N.sigmoid(b)
