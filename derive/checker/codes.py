"""The kinds of mistakes and of remarks, with codes: what `derive explain E302` tells."""

from __future__ import annotations

from collections.abc import Mapping

# code: (name, sentence, example)
CODES: Mapping[str, tuple[str, str, str]] = {
    "E300": ("wrong", "The two sides differ, and none of the known mistakes explains it.",
             r"\frac{d}{dx}x^3 = x^2 + 1"),
    "E301": ("sign", "A sign is wrong.", r"\frac{\partial p_i}{\partial a_j} = p_i p_j  instead of  -p_i p_j  (i ≠ j)"),
    "E302": ("factor-out-of-sum", "A factor that depends on the summation index was taken out of the sum.",
             r"a_j \sum_j b_j  instead of  \sum_j a_j b_j"),
    "E303": ("factor", "A factor is missing or too many: 2, ½, or a letter.", r"\frac{d}{dx}x^2 = x  instead of  2x"),
    "E304": ("mean-factor", "The factor 1/n of a mean is missing or too many.", r"p_{ij} - y_{ij}  instead of  \frac1n(p_{ij} - y_{ij})"),
    "E305": ("missing-sum", "A sum over an index is missing.",
             r"\frac{\partial L}{\partial b_k} = \frac{\partial L}{\partial z_{ik}}  instead of  \sum_i …"),
    "E306": ("extra-sum", "A sum is written that does not belong there.",
             r"\frac{\partial p_{ij}}{\partial c_i} = \sum_j q_{ij}  instead of  q_{ij}"),
    "E307": ("transposed", "A factor is transposed, or should be.", r"\frac{\partial L}{\partial W} = X\,dY  instead of  X^\top dY"),
    "E308": ("index", "An index is wrong, captured or shifted.", r"\sum_j e^{x_j}\delta_{ik}  instead of  \delta_{jk}"),
    "E309": ("delta", "A δ was dropped or is too many.", r"\frac{\partial s_i}{\partial x_k} = s_i(1 - s_k)  instead of  s_i(\delta_{ik} - s_k)"),
    "E310": ("elementary-derivative", "An elementary derivative is wrong.", r"\frac{d}{dv}v^{-1/2} = -\frac12 v^{-1/2}  instead of  -\frac12 v^{-3/2}"),
    "E311": ("forgotten-path", "A path of the chain rule is missing.", r"\frac{\partial L}{\partial e} = \frac{\partial L}{\partial p}r  without the path through r"),
    "E312": ("bias", "1/n and 1/(n − 1) are confused.", r"\frac1n\sum (x_i-\mu)^2  for the unbiased variance"),
    "E313": ("axis", "A sum or mean runs over the wrong axis.", r"\frac1N\sum_{n'} A_{n'd}  instead of  \frac1D\sum_e A_{ne}"),
    "E314": ("swapped-cases", "The values of two cases are exchanged.", r"\{1 \text{ if } i\ne k;\ 0 \text{ if } i=k\}"),
    "E315": ("inner-derivative", "The inner derivative of the chain rule is missing.", r"\frac{d}{dx}e^{2x} = e^{2x}"),
    "E316": ("order", "Statements stand in the wrong order.", "dz /= N before dz[range(N), y] -= 1"),
    "E317": ("parenthesis", "A bracket is misplaced: a factor or sign reaches too far or not far enough.",
             r"\frac1n(p) - 1  instead of  \frac1n(p - 1)"),
    "E318": ("power", "A power is missing or wrong.", r"\sum_i (y_i - h_i)  instead of  \sum_i (y_i - h_i)^2"),
    "E319": ("function", "A function is missing or another one: exp, log, a square root.", r"\log p  instead of  p"),
    "E320": ("repairs-earlier-slip", "The line is right, but does not follow from the wrong line before it.",
             r"L = (y - wx)^2 = (y + wx)^2 = y^2 - 2wxy + w^2x^2:  the last is right, the one before is not"),
    "E321": ("carried", "The step is valid; its premise is wrong.",
             r"\frac{\partial L}{\partial z} = y - p,  and from it  \frac{\partial L}{\partial W} = (y - p)x^\top"),
    "E322": ("not-implied", "The equation does not follow: nothing makes this expression zero.", r"\sum_i y_i = 0"),
    "E323": ("missing-term", "A term is missing: one that the line before has, or a path of the chain rule.",
             r"-2\sum_n x_n(t_n - a)  instead of  -2\sum_n x_n(t_n - a - w x_n)"),
    "W101": ("reading", "Right under a reading that must be named.", r"y_j \text{ read as } y_{ij}"),
    "W102": ("side-condition", "Right under a side condition that nobody declared.", r"\sum_i y_i = 1"),
    "W103": ("assumption-made", "Right under what the checker assumed, since the document leaves it out: a definition, a shape.",
             r"p = \mathrm{softmax}(z)"),
    "W110": ("missing-index", "Right if a missing index is filled in.", r"y_j \text{ for } y_{ij}"),
    "W111": ("alias", "Right if a name is another spelling of a known one.", r"Prob4 \text{ for } Probs"),
    "W112": ("layout", "Right as a contraction of Jacobians, in one layout.", r"\frac{\partial L}{\partial W} = \frac{\partial L}{\partial z}\frac{\partial z}{\partial W}"),
    "E331": ("assigned", "Assigned where values must be accumulated.", "dx[window] = …  in a loop, instead of  dx[window] += …"),
    "E332": ("repeated-index", "Of several contributions to one place only the last is kept.", "dC[ix] += d  instead of  np.add.at(dC, ix, d)"),
    "E333": ("overwritten", "An array that is still needed is changed, perhaps through another name.", "dscores = probs; dscores -= 1"),
    "E334": ("does-not-fit", "The shapes do not fit: the line computes nothing, or an array of another shape.", "x @ dz  instead of  x.T @ dz"),
    "E335": ("mask", "A mask is missing, turned around, or taken from the wrong array.", "dx[x > 0] = 0  instead of  dx[x <= 0] = 0"),
    "E336": ("upstream", "The gradient that arrives from above is left out.", "dz = 1 - h ** 2  instead of  dh * (1 - h ** 2)"),
    "E337": ("missing-factor", "A factor that is an array is left out: a weight, an inner derivative.", "dx = inv * d  instead of  gamma * inv * d"),
    "E338": ("wrong-value", "An array stands where another one belongs.", "1 - np.tanh(h) ** 2  instead of  1 - h ** 2"),
    "E339": ("activation", "The derivative of another function.", "dz = dh * h * (1 - h)  for tanh"),
    "E340": ("softmax-diagonal", "Only the diagonal p (1 - p) of the softmax Jacobian is used.", "dz = dp * p * (1 - p)"),
    "E341": ("reshaped", "A reshape where a transpose is meant.", "(dz.T @ x).reshape(w.shape)  instead of  x.T @ dz"),
    "E342": ("operation", "Another operation is right: a sum for a mean, + for -, a product for a quotient.", "db = dz.mean(0)  instead of  dz.sum(0)"),
    "E343": ("extra-path", "A term is counted twice, or belongs to no path.", "dx = d - 2 * m  instead of  d - m"),
    "E344": ("undefined", "The value is no number, by a root, a logarithm or a division, where the gradient is one.", "dh * h / h  for relu"),
    "W311": ("shape", "The right values in another shape.", "db of shape (1, C) for b of shape (C,)"),
    "W312": ("convention", "A multiple of the gradient, by which later lines divide.", "dZ = A - Y; dW = dZ @ A0.T / m"),
    "N111": ("partial", "A part of a gradient that is not yet complete.", "dx = dy  before  dx += dz"),
    "N112": ("not-derived", "A value taken from .grad: nothing to check.", "dx = x.grad"),
    "U201": ("unreadable", "The formula was not read; the span says where.", r"\frac{a}{"),
    "U202": ("scan", "The document looks like a bad scan: nothing is guessed.", r"\xi e^{l\gamma}"),
    "U203": ("declaration", "An entry of a `check:` block was not understood.", "% check: read the gradient backwards"),
    "U301": ("unknown", "Read, but not decided: the reason says what is missing.",
             r"\frac{\partial L}{\partial q} = 0  where nothing says how L depends on q"),
    "N101": ("definition", "A definition, nothing to check.", r"s_i := e^{x_i}/\sum_j e^{x_j}"),
    "N102": ("assumption", "An assumption or a condition imposed.", r"\sum_i y_i = 1"),
    "N104": ("waived", "A line that the author told the checker to leave out.", 'ignore line "s_i = 42" known typo'),
    "N105": ("one-round", "A training loop: one round of it is read.", "for epoch in range(1000):"),
    "N103": ("expression", "A bare expression, nothing to check.", r"x + 1"),
}  # fmt: skip
KIND_CODES: Mapping[str, str] = {name: code for code, (name, _, _) in CODES.items()}


def explain(code: str) -> str | None:
    """A code's entry as text, None when there is none."""
    row = CODES.get(code.upper())
    if row is None:
        return None
    name, sentence, example = row
    return f"{code.upper()} {name}\n  {sentence}" + (f"\n  e.g.  {example}" if example else "")
