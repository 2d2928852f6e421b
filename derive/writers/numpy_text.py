"""Layout of generated Python: long lines broken inside brackets, comments, docstrings, the helper functions."""

from __future__ import annotations

import re
import textwrap

WIDTH = 120 - 4
_OPERATORS = ("+", "-", "*", "/", "@", "//", "<", "<=", "==", "!=", "&", "|", "%")


def wrapped(line: str) -> list[str]:
    """The line, broken inside brackets where it is too long for the page."""
    if len(line) <= WIDTH or line.lstrip().startswith("#"):
        return [line]
    margin = line[: len(line) - len(line.lstrip())]
    body, _, note = line.strip().partition("  # ")
    if note:
        return [f"{margin}# {note}", *wrapped(margin + body)]
    found = re.match(r"^([\w, \[\]:().\-+*/]+? (?:[-+*/]?=) )(?![=({\[])(.*)$", body)
    if found and not found[2].startswith(("(", "{")):
        inner = _filled(found[2], WIDTH - len(margin) - 4, 0)
        return [f"{margin}{found[1]}(", *(f"{margin}    {part}" for part in inner), f"{margin})"]
    parts = _filled(body, WIDTH - len(margin) - 4, 1)
    return [margin + parts[0], *(f"{margin}    {part}" for part in parts[1:])]


def _filled(body: str, width: int, least: int) -> list[str]:
    """Pieces no longer than the width where the brackets allow it, broken at the lowest depth."""
    out = []
    depth = 0
    while len(body) > width:
        place, depth_after = _break(body, width, depth, least)
        if place is None:
            break
        out.append(body[:place].rstrip())
        depth, body = depth_after, body[place:].lstrip()
    return [*out, body]


def _break(body: str, width: int, depth: int, least: int) -> tuple[int | None, int]:
    best: tuple[int, int] | None = None
    quoted = False
    for k, c in enumerate(body[: width + 1]):
        if c == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
        elif c == " " and depth >= least and _good(body, k):
            late = k > width * 0.45
            if best is None or (late and (depth <= best[1] or best[0] <= width * 0.45)):
                best = (k, depth)
    return (None, depth) if best is None else best


def _good(body: str, k: int) -> bool:
    """Break after a comma or before an operator."""
    word = body[k + 1 :].split(" ", 1)[0]
    return body[k - 1] == "," or word in _OPERATORS


def listed(head: str, entries: list[str], tail: str) -> list[str]:
    """Entries between brackets: on one line where they fit, else filled under their head."""
    whole = head + ", ".join(entries) + tail
    if len(whole) <= WIDTH:
        return [whole]
    lines, row = [], ""
    for entry in entries:
        if row and len(row) + len(entry) + 2 > WIDTH - 4:
            lines.append(row)
            row = ""
        row += f"{' ' if row else ''}{entry},"
    return [head, *(f"    {line}" for line in (*lines, row)), tail]


def taken_from_cache(rows: list[tuple[str, str]]) -> list[str]:
    """`X, W = cache["X"], cache["W"]`, as many on a line as fit."""
    lines, left, right = [], "", ""
    for own, name in rows:
        more = f'cache["{name}"]'
        if left and len(left) + len(right) + len(own) + len(more) + 7 > 100:
            lines.append(f"{left} = {right}")
            left = right = ""
        left += f"{', ' if left else ''}{own}"
        right += f"{', ' if right else ''}{more}"
    return [*lines, f"{left} = {right}"] if left else lines


def comment(pieces: list[str]) -> str:
    """One comment line, cut where it is too long."""
    if not pieces:
        return ""
    *first, last = pieces
    tail = f" · {last}" if first else ""
    head = " · ".join(first) if first else last
    head = " ".join(head.split())
    room = WIDTH - 2 - len(tail)
    return f"# {head if len(head) <= room else head[: room - 2] + ' …'}{tail}"


def docstring(lines: list[str], indent: int) -> str:
    """A docstring of the lines, at an indentation, folded to the page."""
    folded = []
    for line in lines:
        margin = " " * (len(line) - len(line.lstrip()))
        line = line.replace("\\", "\\\\").replace('"""', "'''")
        folded += textwrap.wrap(line, 112 - indent, subsequent_indent=margin, break_long_words=False) or [""]
    pad = " " * indent
    if len(folded) == 1:
        return f'{pad}"""{folded[0]}"""'
    body = "\n".join((pad + line) if line else "" for line in folded[1:])
    return f'{pad}"""{folded[0]}\n{body}\n{pad}"""'


HELPERS = {
    "erf": '''def _erf(u):
    """The error function to the last digit (the rational forms of fdlibm), in the type of its argument."""
    u = np.asarray(u)
    a = np.abs(u).astype(float)
    c = np.minimum(a, 0.84375)
    near, mid, s = c * c, np.clip(a, 0.84375, 1.25) - 1, np.clip(a, 1.25, 6.0) ** -2
    small = c + c * np.polyval(_ERF["p"], near) / np.polyval(_ERF["q"], near)
    middle = 0.845062911510467529297 + np.polyval(_ERF["pa"], mid) / np.polyval(_ERF["qa"], mid)
    first = np.polyval(_ERF["ra"], s) / np.polyval(_ERF["sa"], s)
    second = np.polyval(_ERF["rb"], s) / np.polyval(_ERF["sb"], s)
    b = np.clip(a, 1.25, 6.0)
    large = 1 - np.exp(-b * b - 0.5625 + np.where(b < 1 / 0.35, first, second)) / b
    value = np.where(a < 0.84375, small, np.where(a < 1.25, middle, large))
    return (np.sign(u) * value).astype(u.dtype)


_ERF = {
    "p": [-2.37630166566501626084e-05, -5.77027029648944159157e-03, -2.84817495755985104766e-02,
          -3.25042107247001499370e-01, 1.28379167095512558561e-01],
    "q": [-3.96022827877536812320e-06, 1.32494738004321644526e-04, 5.08130628187576562776e-03,
          6.50222499887672944485e-02, 3.97917223959155352819e-01, 1.0],
    "pa": [-2.16637559486879084300e-03, 3.54783043256182359371e-02, -1.10894694282396677476e-01,
           3.18346619901161753674e-01, -3.72207876035701323847e-01, 4.14856118683748331666e-01,
           -2.36211856075265944077e-03],
    "qa": [1.19844998467991074170e-02, 1.36370839120290507362e-02, 1.26171219808761642112e-01,
           7.18286544141962662868e-02, 5.40397917702171048937e-01, 1.06420880400844228286e-01, 1.0],
    "ra": [-9.81432934416914548592, -8.12874355063065934246e01, -1.84605092906711035994e02,
           -1.62396669462573470355e02, -6.23753324503260060396e01, -1.05586262253232909814e01,
           -6.93858572707181764372e-01, -9.86494403484714822705e-03],
    "sa": [-6.04244152148580987438e-02, 6.57024977031928170135, 1.08635005541779435134e02, 4.29008140027567833386e02,
           6.45387271733267880336e02, 4.34565877475229228821e02, 1.37657754143519042600e02,
           1.96512716674392571292e01, 1.0],
    "rb": [-4.83519191608651397019e02, -1.02509513161107724954e03, -6.37566443368389627722e02,
           -1.60636384855821916062e02, -1.77579549177547519889e01, -7.99283237680523006574e-01,
           -9.86494292470009928597e-03],
    "sb": [-2.24409524465858183362e01, 4.74528541206955367215e02, 2.55305040643316442583e03, 3.19985821950859553908e03,
           1.53672958608443695994e03, 3.25792512996573918826e02, 3.03380607434824582924e01, 1.0],
}''',
    "sigmoid": '''def _sigmoid(u):
    """1 / (1 + exp(-u)) to the last digits everywhere; where exp(-u) is too large, the quotient is zero."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-u))''',
    "softmax": '''def _softmax(u, axis):
    """exp(u) / sum of exp(u) along an axis, shifted by the largest entry."""
    e = np.exp(u - _shift(u, axis))
    return e / e.sum(axis=axis, keepdims=True)''',
    "log_softmax": '''def _log_softmax(u, axis):
    """u - log of the sum of exp(u) along an axis, shifted by the largest entry."""
    shifted = u - _shift(u, axis)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))''',
    "logsumexp": '''def _logsumexp(u, axis, keepdims=False):
    """The logarithm of the sum of exp(u) along an axis, shifted by the largest entry."""
    m = _shift(u, axis)
    total = m + np.log(np.exp(u - m).sum(axis=axis, keepdims=True))
    return total if keepdims else np.squeeze(total, axis=axis)''',
    "shift": '''def _shift(u, axis):
    """The largest entry along an axis, 0 where that is infinite."""
    m = u.max(axis=axis, keepdims=True)
    return np.where(np.isfinite(m), m, np.zeros_like(m))''',
    "reals": '''def _reals(*given):
    """Floating arrays as they are, integers as float64, plain numbers in the type of the arrays."""
    arrays = [np.asarray(value) for value in given]
    for array in arrays:
        if array.dtype.kind not in "fciub":
            raise ValueError(f"expected numbers, got an array of {array.dtype}")
    floats = [a.dtype for a, value in zip(arrays, given) if a.dtype.kind in "fc" and type(value) is not float]
    common = np.result_type(*floats) if floats else np.dtype(float)
    plain = [type(value) in (int, float, bool) for value in given]
    kinds = [common if p else a.dtype if a.dtype.kind in "fc" else np.dtype(float) for a, p in zip(arrays, plain)]
    return [a.astype(kind, copy=False) for a, kind in zip(arrays, kinds)]''',
    "ints": '''def _ints(name, given):
    """An array of integers; raises ValueError for anything else."""
    array = np.asarray(given)
    if array.dtype.kind not in "iub" and array.size:
        raise ValueError(f"{name} holds integers, got an array of {array.dtype}")
    return array.astype(np.intp, copy=False)''',
    "bools": '''def _bools(name, given):
    """An array of truth values; raises ValueError for anything but numbers."""
    array = np.asarray(given)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} holds truth values, got an array of {array.dtype}")
    return array.astype(bool, copy=False)''',
    "check_static": '''def _check_static(name, given, fixed):
    """The value that was fixed when this code was derived; raises ValueError for another."""
    same = given is fixed or (given is not None and fixed is not None and np.ndim(given) == 0 and given == fixed)
    if not same:
        raise ValueError(f"{name} was {fixed!r} when this code was derived, got {given!r}: derive it again")''',
    "check_shapes": '''def _check_shapes(shapes):
    """The same length for the same letter everywhere; raises ValueError naming the arrays that disagree."""
    seen = {}
    for name, (shape, axes) in shapes.items():
        letters = axes.split()
        if len(shape) != len(letters):
            raise ValueError(f"{name} has shape {shape}, expected {len(letters)} axes ({', '.join(letters)})")
        for letter, length in zip(letters, shape):
            if letter.isdigit() and int(letter) != length:
                raise ValueError(f"{name} has shape {shape}, expected length {letter} where it has {length}")
            other, known = seen.setdefault(letter, (name, length))
            if letter != "?" and known != length:
                raise ValueError(f"{name} has {length} along {letter}, but {other} has {known}")''',
    "check_length": '''def _check_length(name, length, size, expected):
    """The length of an axis that follows from others; raises ValueError when it does not fit."""
    if length != expected:
        raise ValueError(f"{name} has an axis of length {length}, expected {size} = {expected}")''',
    "check_labels": '''def _check_labels(name, labels, limit):
    """Labels in 0 … limit - 1; raises ValueError otherwise."""
    if labels.size and not (0 <= labels.min() and labels.max() < limit):
        raise ValueError(f"{name} holds {labels.min()} … {labels.max()}, expected labels from 0 to {limit - 1}")''',
    "upstreams": '''def _upstreams(upstream, shapes, dtype):
    """The gradient arriving at every output, in order; missing ones are zero."""
    names = list(shapes)
    if upstream is None:
        raise ValueError(f"upstream is required: the gradient arriving at {', '.join(names)}")
    if isinstance(upstream, dict):
        if set(upstream) - set(names):
            raise ValueError(f"upstream has {sorted(set(upstream) - set(names))}, expected some of {names}")
        given = [upstream.get(name) for name in names]
    else:
        if len(names) > 1 and not isinstance(upstream, (tuple, list)):
            raise ValueError(f"upstream is a tuple or a dict of the gradients arriving at {', '.join(names)}")
        given = [upstream] if len(names) == 1 and not isinstance(upstream, tuple) else list(upstream)
    if len(given) != len(names):
        raise ValueError(f"upstream has {len(given)} parts, expected {len(names)}: {', '.join(names)}")
    found = [np.zeros(shapes[n], dtype) if g is None else np.asarray(g, dtype) for n, g in zip(names, given)]
    for name, array in zip(names, found):
        if array.shape != shapes[name]:
            raise ValueError(f"upstream of {name} has shape {array.shape}, expected {shapes[name]}")
    return found''',
    "scaled": '''def _scaled(gradients, upstream):
    """The gradients times the gradient arriving at the scalar output."""
    if isinstance(gradients, dict):
        return {name: _scaled(g, upstream) for name, g in gradients.items()}
    if isinstance(gradients, list):
        return [_scaled(g, upstream) for g in gradients]
    if np.size(upstream) != 1:
        raise ValueError(f"upstream of a scalar is a number, got an array of shape {np.shape(upstream)}")
    return None if gradients is None else gradients * np.asarray(upstream, gradients.dtype).reshape(())''',
}  # fmt: skip

__all__ = ["HELPERS", "comment", "docstring", "wrapped"]
