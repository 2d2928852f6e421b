"""Running TeX on our own files: in a box, under a time limit, and with the step's name when it fails."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Literal

Engine = Literal["pdflatex", "lualatex"]

# Without these no report compiles; everything else is used where it is there.
NEEDED = ("article.cls", "size11.clo", "amsmath.sty", "amssymb.sty", "array.sty", "color.sty", "textcomp.sty")
_SANDBOX = {"pdflatex": (), "lualatex": ("--safer", "--nosocket")}
_KEPT = ("PATH", "HOME", "TEXMFHOME", "TEXMFVAR", "TEXMFCNF", "TEXINPUTS", "TEXMFDIST", "SYSTEMROOT", "TMPDIR")
_FIXED = {
    "openin_any": "p",
    "openout_any": "p",
    "shell_escape": "f",
    "SOURCE_DATE_EPOCH": "0",
    "FORCE_SOURCE_DATE": "1",
    "max_print_line": "1000",
    "LC_ALL": "C",
}


@dataclass(frozen=True)
class PdfResult:
    """The PDF, or the problem in one line that names the step; the log either way."""

    pdf: bytes | None
    log: str
    problem: str | None


@cache
def find_tex(engine: Engine) -> str | None:
    """The engine's path when it and the packages a report needs are installed; None sends the caller to Typst."""
    path, kpsewhich = shutil.which(engine), shutil.which("kpsewhich")
    if path is None or kpsewhich is None:
        return None
    try:
        found = subprocess.run([kpsewhich, *NEEDED], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return path if len(found.stdout.split("\n")) > len(NEEDED) else None


def compile_tex(files: Mapping[str, str], engine: Engine, timeout: float = 60) -> PdfResult:
    """`report.tex` of `files` as a PDF, in one pass; nothing but the PDF leaves the temporary folder."""
    path = find_tex(engine)
    if path is None:
        return PdfResult(None, "", f"{engine} or a package it needs ({', '.join(NEEDED)}) is not installed")
    with tempfile.TemporaryDirectory(prefix="derive-tex-") as folder:
        _write(files, Path(folder))
        ended = _run([path, *_options(engine), "report.tex"], Path(folder), timeout)
        log = _read(Path(folder) / "report.log")
        made = Path(folder) / "report.pdf"
        if not ended:
            return PdfResult(None, log, f"{engine} did not finish within {timeout:g} s")
        if ended.returncode == 0 and made.is_file() and not made.is_symlink():
            return PdfResult(made.read_bytes(), log, None)
        return PdfResult(None, log, f"{engine}: {_problem(log or ended.output, files)}")


def _options(engine: Engine) -> tuple[str, ...]:
    return ("-no-shell-escape", *_SANDBOX[engine], "-interaction=nonstopmode", "-halt-on-error", "-file-line-error")


def _write(files: Mapping[str, str], folder: Path) -> None:
    for name, text in files.items():
        parts = PurePosixPath(name).parts
        if not parts or ".." in parts or PurePosixPath(name).is_absolute() or "\\" in name:
            raise ValueError(f"{name!r} would be written outside its folder")
        target = folder.joinpath(*parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")


@dataclass(frozen=True)
class _Ended:
    returncode: int
    output: str


def _run(command: list[str], folder: Path, timeout: float) -> _Ended | None:
    """The ended process, or None when its whole group had to be killed."""
    env = {name: os.environ[name] for name in _KEPT if name in os.environ} | _FIXED
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        return None
    finally:
        _end_group(process)
    return _Ended(process.returncode, output.decode("utf-8", "replace"))


def _end_group(process: subprocess.Popen) -> None:
    """Kill what is left of the process and of everything it started."""
    if hasattr(os, "killpg"):
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
    elif process.poll() is None:
        process.kill()
    process.wait()


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


_ERROR = re.compile(r"^(?:\./)?([\w./-]+):(\d+): (.*)$", re.MULTILINE)


def _problem(log: str, files: Mapping[str, str]) -> str:
    """The first error, with the step it stands in and the file and line."""
    found = _ERROR.search(log)
    if not found:
        first = re.search(r"^! (.*)$", log, re.MULTILINE)
        return first.group(1) if first else "no PDF was made, and the log names no error"
    name, line, message = found.group(1), int(found.group(2)), found.group(3)
    step = _step(files.get(name, ""), line, log[found.end() : found.end() + 2000])
    return f"{message}{f' in step {step}' if step else ''} ({name}, line {line})"


def _step(text: str, line: int, context: str) -> str:
    """The step of an error.  Inside `dvsteps` TeX reports the last line, so the words it stopped at are looked for."""
    lines = text.splitlines()[:line]
    start = max((n for n, words in enumerate(lines) if words.startswith(r"\begin{dvsteps}")), default=0)
    steps: list[list[str]] = []
    for words in lines[start:]:
        if words.startswith("%step "):
            steps.append([words.removeprefix("%step ").strip(), ""])
        elif steps:
            steps[-1][1] += words
    stopped = re.findall(r"\\[A-Za-z]+(?=\s*$)", context.split("\n\n")[0], re.MULTILINE)
    for word in stopped:
        holding = [number for number, body in steps if word in body]
        if len(holding) == 1:
            return holding[0]
    return steps[0][0] if len(steps) == 1 else f"{steps[0][0]} to {steps[-1][0]}" if steps else ""
