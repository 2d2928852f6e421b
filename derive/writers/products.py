"""Reports as files: which engine makes the PDF, and how files are put in place without ever being half written."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from derive.errors import Usage
from derive.writers.document import Report

ENGINES = ("auto", "pdflatex", "lualatex", "typst")
DETAILS = ("result", "key", "every")
NOTATIONS = ("index", "matrix")
TIMEOUT = 60
INSTALL = "Debian, Ubuntu: apt-get install texlive-latex-recommended texlive-pictures lmodern"


@dataclass(frozen=True)
class Rendered:
    """A PDF, the engine that made it, why it was not another one, and how long it took."""

    pdf: bytes
    engine: str
    note: str
    seconds: float


def choose(name: str, given: str, choices: tuple[str, ...]) -> str:
    """`given` if it is one of the choices; raises Usage with all of them."""
    if given not in choices:
        raise Usage(f"there is no {name} `{given}`", hint=f"one of: {', '.join(choices)}")
    return given


def place_of_report(path: Path, suffixes: tuple[str, ...] = (".pdf", ".tex")) -> Path:
    """The path, if its ending is one that a report can have; raises Usage."""
    if path.suffix not in suffixes:
        named = f"a report is a {' or a '.join(suffixes)}"
        raise Usage(f"cannot tell the format of {path}", named, f"name it {' or '.join('out' + s for s in suffixes)}")
    return path


def require_engine(engine: str) -> None:
    """Raises Usage where an engine was asked for by name and is not installed."""
    from derive.writers.pdf import NEEDED, find_tex

    if choose("engine", engine, ENGINES) in ("pdflatex", "lualatex") and find_tex(engine) is None:
        raise Usage(
            f"{engine} was asked for, and it or a package that it needs is not installed",
            f"it needs {', '.join(NEEDED)}",
            f"install them ({INSTALL}), or --engine typst, which needs no TeX",
        )


def render(report: Report, engine: str = "auto", files: Mapping[str, str] | None = None,
           templates: Path | None = None) -> Rendered:  # fmt: skip
    """The PDF of a report: by TeX where it and its packages are found, else by the built-in renderer.

    When TeX fails the built-in renderer takes over, and the note says what TeX complained of.
    """
    start = time.perf_counter()
    require_engine(engine)
    note = ""
    if engine != "typst":
        pdf, used, note = _by_tex(report, engine, files, templates)
        if pdf is not None:
            return Rendered(pdf, used, note, time.perf_counter() - start)
    from derive.writers.typst import compile_typst, report_typst

    pdf = compile_typst(report_typst(report, templates=templates))
    return Rendered(pdf, "built-in renderer", note, time.perf_counter() - start)


def _by_tex(report: Report, engine: str, files: Mapping[str, str] | None, templates: Path | None):
    from derive.writers.latex import report_files
    from derive.writers.pdf import compile_tex, find_tex

    wanted = "pdflatex" if engine == "auto" else engine
    if find_tex(wanted) is None:
        return None, "", "no TeX found: that is fine"
    result = compile_tex(files or report_files(report, templates=templates), wanted, TIMEOUT)
    return (result.pdf, wanted, "") if result.pdf is not None else (None, "", f"TeX failed: {result.problem}")


def write_files(files: Mapping[Path, str | bytes]) -> None:
    """Write all files, each complete or not at all: first everything beside its place, then every rename.

    Raises Usage when a place cannot be written to; then no file has changed.
    """
    held: list[tuple[str, Path]] = []
    place = next(iter(files), Path())
    try:
        for path, content in files.items():
            place = path
            path.parent.mkdir(parents=True, exist_ok=True)
            held.append((_beside(path, content), path))
        for temporary, place in held:  # noqa: B007  (the last place is the one that failed)
            os.replace(temporary, place)
    except OSError as problem:
        why = f"{problem.strerror or problem}: {place.parent}" if not place.parent.is_dir() else problem.strerror
        raise Usage(f"cannot write {place}", why or str(problem), "name another place with -o") from problem
    finally:
        for temporary, _ in held:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def _beside(path: Path, content: str | bytes) -> str:
    """The content in a temporary file in the folder of `path`, with the permissions that a new file has there."""
    if path.is_dir():
        raise IsADirectoryError(21, "it is a folder", str(path))
    data = content if isinstance(content, bytes) else content.encode("utf-8")
    number, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(data)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~mask)
    except OSError:
        os.unlink(temporary)
        raise
    return temporary
