"""The closed table of mistakes: what `derive check` calls them, by code; `derive explain E3xx` prints a row.

E30x: of any claim; E31x and E32x: of formulas and of code alike; E33x: of code; W1xx: right under a named condition.
"""

from __future__ import annotations

# code: (kind, what it means, an example)
CODES: dict[str, tuple[str, str, str]] = {
    "E301": ("wrong", "the two sides differ, and no known mistake explains how", "dz = x where dz = y is right"),
    "E302": ("factor-out-of-sum", "a factor that depends on the index stands outside the sum", "a_j Σ_j b_j for Σ_j a_j b_j"),
    "E303": ("repairs-earlier-slip", "the result is right although the line before is wrong: two errors cancel", "-(-x)"),
    "E304": ("sign", "the sign is the opposite of the right one", "dx = dout for dx = -dout"),
    "E305": ("factor", "a constant or a size is lost or extra: the result is a multiple of the right one", "dW without / n"),
    "E306": ("missing-path", "the array is used more than once and one of the uses is left out", "dx = dy without + dz"),
    "E307": ("extra-path", "a path is counted twice, or does not exist", "dx = dy + dy"),
    "E308": ("axis", "the sum, mean, softmax or join runs over another axis", "db = dz.sum(1) for dz.sum(0)"),
    "E309": ("transposed", "an operand or the result is transposed", "dW = dz.T @ x for x.T @ dz"),
    "E310": ("activation", "the derivative of the function is another one", "dz = dh * h * (1 - h) for tanh"),
    "E311": ("wrong-value", "an array stands where another one belongs", "1 - tanh(h) ** 2 for 1 - h ** 2"),
    "E312": ("variance", "biased and unbiased variance are mixed up: n for n - 1 or the reverse", "/ n for / (n - 1)"),
    "E313": ("power", "the exponent is wrong", "/ tot for / tot ** 2"),
    "E314": ("missing-factor", "a factor that is an array is left out: inner derivative, weight, mask", "dx = dout for dout * w"),
    "E315": ("constant", "an added constant or term has the wrong size", "1 - h for 1 - h ** 2"),
    "E316": ("operation", "another operation is right: a sum for a mean, + for -, a product for a quotient", "mean for sum"),
    "E317": ("softmax-diagonal", "only the diagonal p(1 - p) of the softmax Jacobian is used", "dz = dp * p * (1 - p)"),
    "E318": ("order", "factors, parts or statements stand in the wrong order", "concatenate([df, di])"),
    "E331": ("assigned", "assigned where values must be accumulated", "dW = … in the loop for dW += …"),
    "E332": ("repeated-index", "`a[index] += v` keeps one of several contributions to the same place", "np.add.at is right"),
    "E333": ("overwritten", "an array that is still needed is changed through another name", "dscores = probs; dscores -= 1"),
    "E334": ("does-not-fit", "the shapes of the operands do not fit, so the line computes nothing", "x @ dz for x.T @ dz"),
    "E335": ("mask", "the mask is missing, turned around, or taken from the wrong array", "dx[x > 0] = 0"),
    "E336": ("upstream", "the gradient that arrives from above is left out", "dz = 1 - h ** 2"),
    "E337": ("sum-over-rows", "the sum over the axis along which the array was broadcast is missing or too long", "db = dz"),
    "E338": ("reshaped", "a reshape where a transpose is meant", "dW = (dz.T @ x).reshape(W.shape)"),
    "W310": ("shape", "the right values in another shape", "db of shape (1, C) for b of shape (C,)"),
    "W311": ("convention", "a multiple of the gradient, which later lines divide by: dZ = A - Y", "dW = dZ @ A.T / m"),
    "W312": ("condition", "right under a side condition that nobody declared", "dz = p - y if Σ y = 1"),
    "W313": ("reading", "right if the name means what it was taken for", "dc read as the gradient of next_c"),
    "N310": ("partial", "a part of a gradient, not yet complete", "dx = dy before dx += dz"),
    "N311": ("not-derived", "copied from .grad, nothing to check", "dx = x.grad"),
}

_BY_KIND = {row[0]: code for code, row in CODES.items()}


def code_of(kind: str | None) -> str | None:
    """The code of a kind of mistake."""
    return _BY_KIND.get(kind) if kind else None
