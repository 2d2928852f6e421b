"""Modules that the code writer made, read as the mathematics that they hold.

Such a module guards its inputs (types, shapes, labels) before it computes.  The guards are known word for word from the
writer's own table, and each has a meaning of one line; a function that differs in one letter is read as it stands.
Every line keeps its number.
"""

from __future__ import annotations

import re

from derive.writers.numpy_text import HELPERS

# What each helper of the writer computes where it raises nothing; reals are finite and have no types.
MEANINGS = {
    "reals": "def _reals(*given): return list(given)",
    "ints": "def _ints(name, given): return given",
    "bools": "def _bools(name, given): return given",
    "check_static": "def _check_static(name, given, fixed): return given",
    "check_shapes": "def _check_shapes(shapes): return None",
    "check_length": "def _check_length(name, length, size, expected): return None",
    "check_labels": "def _check_labels(name, labels, limit): return None",
    "shift": "def _shift(u, axis): return u.max(axis=axis, keepdims=True)",
    "erf": "def _erf(u): return scipy.special.erf(u)",
    "upstreams": "",
    "scaled": "",
}  # fmt: skip
_INCOMING = re.compile(r"^( *)(?P<names>\(\w+,\)|\w+(?:, \w+)+) = _upstreams\((?P<given>\w+), \{[^\n]*\}, \w+\)$", re.M)
_SCALED = re.compile(r"^(?P<head> *return )(?P<own>\w+) if (?P<given>\w+) is None else _scaled\((?P=own), (?P=given)\)$", re.M)  # fmt: skip
_SHAPES = re.compile(r"^ *_check_shapes\(\{(?P<rows>.*?)\}\)$", re.M | re.S)
_SHAPE = re.compile(r'"(?P<name>\w+)": \((?P=name)\.shape, "(?P<axes>[^"]*)"\)')
_LENGTH = re.compile(r'^ *_check_length\("(?P<name>\w+)", (?P=name)\.shape\[(?P<axis>\d+)\], "(?P<size>[^"]*)", ', re.M)
_WHOLE = re.compile(r'_ints\("(\w+)", \1\)')
_TRUTH = re.compile(r'_bools\("(\w+)", \1\)')


def without_guards(source: str) -> str:
    """The same module without the code writer's guards; any other text as it is."""
    known = [name for name, text in HELPERS.items() if name in MEANINGS and f"{text}\n" in source]
    for name in known:
        text = HELPERS[name]
        source = source.replace(text, MEANINGS[name] + "\n" * text.count("\n"), 1)
    if "check_shapes" in known:
        source = _with_shapes(source)
    if "upstreams" in known:
        source = _INCOMING.sub(lambda m: f"{m[1]}pass", _renamed(source, _INCOMING.search(source)))
    if "scaled" in known and (found := _SCALED.search(source)):
        source = _SCALED.sub(r"\g<head>\g<own>", source)
        source = re.sub(rf"^(def backward\(.*), {found['given']}=None\):$", r"\1):", source, flags=re.M)
    return source


def _renamed(source: str, incoming: re.Match | None) -> str:
    """`backward(cache, dout)` for `backward(cache, upstream=None)` where `(dout,)` is taken from `upstream`."""
    if incoming is None:
        return source
    names = incoming["names"].strip("(),")
    return re.sub(rf"^(def backward\(.*), {incoming['given']}=None\):$", rf"\1, {names}):", source, flags=re.M)


def _with_shapes(source: str) -> str:
    """What the guard of `forward` demands, as a declaration behind its head."""
    guard = _SHAPES.search(source)
    head = re.search(r"^def forward\(.*\):$", source, re.M)
    if guard is None or head is None or guard.start() < head.start():
        return source
    sort = {n: "int " for n in _WHOLE.findall(source)} | {n: "bool " for n in _TRUTH.findall(source)}
    lengths = {(m["name"], int(m["axis"])): m["size"] for m in _LENGTH.finditer(source)}
    rows = []
    for m in _SHAPE.finditer(guard["rows"]):
        name = m["name"]
        axes = [lengths.get((name, k), a) if a == "?" else a for k, a in enumerate(m["axes"].split())]
        if "?" not in axes:
            rows.append(f"{name} {sort.get(name, '')}({', '.join(axes)}{',' * (len(axes) == 1)})")
    said = " · ".join(rows)
    return f"{source[: head.end()]}  # shapes: {said}{source[head.end() :]}" if rows else source


__all__ = ["MEANINGS", "without_guards"]
