"""The Python reader: snippets and their programs, passes against what NumPy and torch compute, problems and places."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest
from naive import run_program
from reader_rows import NUMPY, TORCH, rows

from derive.errors import Problem, ShapeMismatch, ShapeUnknown, UnknownName, Unreadable, Unsupported
from derive.program import program_text
from derive.readers.python import read_python
from derive.readers.shapes import from_text

LENGTHS = {"n": 4, "d": 3, "c": 2, "m": 5, "a": 2, "b": 3, "h": 3, "w": 2, "H": 5, "W": 4, "KH": 2, "KW": 3, "f": 2,
           "G": 2, "k": 2, "V": 6, "E": 2, "T": 3, "K": 2, "B": 2, "C": 4, "e": 2}  # fmt: skip
SMALL = LENGTHS | {"d": 4, "n": 3}


def source_of(shapes: str, body: str) -> str:
    """A forward function around a row."""
    names = [part.split(":")[0].strip() for part in shapes.split(";")]
    lines = []
    for line in body.split("\n"):
        heads = line.startswith((" ", "for ", "if ", "else", "assert", "print", "def "))
        lines += [f"    {line}"] if heads else [f"    {part.strip()}" for part in line.split("; ")]
    return f"def forward({', '.join(names)}):\n" + "\n".join(lines) + "\n"


def data_of(shapes: str, lengths: dict[str, int], seed: int) -> dict:
    """Random inputs; labels stay below every length they could index."""
    rng = np.random.default_rng(seed)
    found = {}
    for part in shapes.split(";"):
        name, _, text = part.partition(":")
        said = from_text(text)
        shape = tuple(n.at(lengths) for n in said.shape)
        if said.sort == "int":
            found[name.strip()] = rng.integers(0, 2, size=shape)
        elif said.sort == "bool":
            found[name.strip()] = rng.random(size=shape) < 0.5
        else:
            found[name.strip()] = rng.normal(size=shape) if shape else float(rng.normal())
    return found


def executed(source: str, data: dict, torch=None) -> list[np.ndarray]:
    """What the source computes for real (our own rows, so executing is fine)."""
    scope = {"np": np, "math": math}
    if torch is not None:
        torch.set_default_dtype(torch.float64)
        scope |= {"torch": torch, "F": torch.nn.functional}
    exec(compile(source, "row", "exec"), scope)
    values = {
        k: torch.tensor(v) if torch is not None else np.copy(v) if hasattr(v, "shape") else v for k, v in data.items()
    }
    out = scope["forward"](**values)
    return [np.asarray(o) for o in (out if isinstance(out, tuple) else (out,))]


def agrees(shapes: str, body: str, declared: bool, lengths: dict, torch=None, seed: int = 1) -> None:
    source, data = source_of(shapes, body), data_of(shapes, lengths, seed)
    said = {p.split(":")[0].strip(): p.split(":")[1].strip() for p in shapes.split(";")}
    program = read_python(source, shapes=said) if declared else read_python(source, sample=data)
    found = run_program(program, data, lengths if declared else None)
    want = executed(source, data, torch)
    assert len(program.outputs) == len(want)
    for name, value in zip(program.outputs, want, strict=True):
        assert found[name].shape == value.shape, program_text(program)
        np.testing.assert_allclose(found[name], value, rtol=1e-9, atol=1e-11, err_msg=program_text(program))


def row_id(row: tuple[str, str]) -> str:
    return row[1].replace("\n", " ")[:70]


@pytest.mark.parametrize("declared", [True, False], ids=["shapes", "sample"])
@pytest.mark.parametrize("row", rows(NUMPY), ids=row_id)
def test_numpy_rows(row, declared):
    agrees(*row, declared, SMALL if declared else LENGTHS)


@pytest.mark.parametrize("declared", [True, False], ids=["shapes", "sample"])
@pytest.mark.parametrize("row", rows(TORCH), ids=row_id)
def test_torch_rows(row, declared):
    torch = pytest.importorskip("torch")
    source = row[1] if "torch" in row[1] else "u = torch\n" + row[1]
    agrees(row[0], source.replace("u = torch\n", ""), declared, LENGTHS, torch) if "torch" in row[1] else agrees(
        row[0], "torch.manual_seed(0)\n" + row[1], declared, LENGTHS, torch
    )


__all__ = ["Path", "Problem", "ShapeMismatch", "ShapeUnknown", "UnknownName", "Unreadable", "Unsupported", "os"]
