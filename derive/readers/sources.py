"""From whatever a user hands over to a Program: text, a file, a notebook, a live function, SymPy expressions.

Text is text if it holds a newline or is no existing file.  `forward.py:name` and `forward.py:Class.method` pick one.
Nothing is executed: of a live function the source is read, of a notebook the code cells.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from derive.errors import Unreadable, Usage
from derive.expr import Expr
from derive.program import Program

SUFFIXES = (".py", ".ipynb", ".tex", ".md", ".txt")


@dataclass(frozen=True)
class Source:
    """The text to read, where it comes from, and which function of it was named with it."""

    text: str
    path: str = ""
    function: str | None = None
    kind: str = "py"


def read(given, function=None, shapes=None, sample=None, facts=()) -> Program:
    """The Program of a path, text, function, notebook, SymPy expression or dict of them; a Program is itself.

    Raises a Problem: Unreadable for files, otherwise what the reader of its kind raises.
    """
    if isinstance(given, Program):
        return given
    facts = (facts,) if isinstance(facts, str) else tuple(facts)
    if is_symbolic(given):
        from derive.exchange import program_from_sympy

        return program_from_sympy(given, shapes=shapes, facts=facts)
    source = find(given, function)
    return READERS[source.kind](source, shapes, sample, facts)


def _python(source: Source, shapes, sample, facts) -> Program:
    from derive.readers.python import read_python

    options = {"shapes": shapes, "sample": sample, "facts": facts}
    return read_python(source.text, path=source.path, function=source.function, **options)


def _latex(source: Source, shapes, sample, facts) -> Program:
    try:
        from derive.readers.latex import read_latex
    except ModuleNotFoundError as missing:
        raise Usage("LaTeX definitions are not read yet", hint="write the forward pass in Python") from missing
    return read_latex(source.text, path=source.path, shapes=shapes, sample=sample, facts=facts)


READERS: Mapping[str, Callable] = {"py": _python, "ipynb": _python, "tex": _latex, "md": _latex}


def is_symbolic(given: object) -> bool:
    """Whether it is SymPy's: an expression, an equation, or a dict or list of them."""
    if isinstance(given, Mapping):
        return True
    if isinstance(given, (list, tuple)):
        return all(is_symbolic(part) for part in given)
    return any(cls.__module__.startswith("sympy.") for cls in type(given).__mro__) and not isinstance(given, Expr)


def find(given: object, function: str | None = None) -> Source:
    """The source of a path, text or live object; `function` wins over a name given with the path."""
    if isinstance(given, Path):
        return _file(given, function)
    if isinstance(given, str):
        path, named = split_name(given)
        if "\n" not in given and path is not None:
            return _file(path, function or named)
        if "\n" not in given and Path(given.rpartition(":")[0] or given).suffix in SUFFIXES:
            raise Unreadable(f"there is no file {given}", hint="text is taken as text when it holds a newline")
        if "\n" not in given and "\0" not in given and len(given) < 4096 and Path(given).is_dir():
            raise Unreadable(f"{given} is a folder", hint="name a file in it")
        return Source(given, "", function, "tex" if _looks_like_latex(given) else "py")
    if callable(given) or callable(getattr(given, "forward", None)):
        return _live(given, function)
    raise Usage(f"cannot read {type(given).__name__}", "a forward pass is a path, text, a function or SymPy",
                'derive.read("forward.py")')  # fmt: skip


def split_name(given: str) -> tuple[Path | None, str | None]:
    """`forward.py:name` as an existing path and the name; (None, None) when there is no such file."""
    if "\n" in given or "\0" in given or not given.strip() or len(given) > 4096:
        return None, None
    if Path(given).is_file():
        return Path(given), None
    path, _, name = given.rpartition(":")
    named = path and Path(path).is_file() and all(part.isidentifier() for part in name.split("."))
    return (Path(path), name) if named else (None, None)


def _file(path: Path, function: str | None) -> Source:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as problem:
        raise Unreadable(f"cannot read {path}", problem.strerror or str(problem), path=str(path)) from problem
    except UnicodeDecodeError as problem:
        why = f"byte {problem.start} is not UTF-8"
        raise Unreadable(f"{path.name} is not text", why, "save it as UTF-8", path=str(path)) from problem
    kind = path.suffix.lstrip(".").lower()
    text = notebook_code(text, str(path)) if kind == "ipynb" else text
    return Source(text.replace("\r\n", "\n"), str(path), function, kind if kind in READERS else "py")


def notebook_code(text: str, path: str = "") -> str:
    """The code cells of a notebook, one after the other; lines that are shell or cell magics become comments."""
    try:
        cells = json.loads(text)["cells"]
        code = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError) as problem:
        raise Unreadable(
            "this is not a notebook", str(problem), "save it with Jupyter, format 4", path=path
        ) from problem
    plain = [re.sub(r"(?m)^(\s*)([%!?])", r"\1# \2", cell) for cell in code]
    return "\n\n".join(plain) + "\n"


def _live(given: Callable, function: str | None) -> Source:
    """The source of a function, class or method, its lines numbered as in its file."""
    owner, name = _owner(given)
    try:
        lines, first = inspect.getsourcelines(owner)
        path = inspect.getsourcefile(owner) or ""
    except (OSError, TypeError) as problem:
        raise Unreadable(
            f"the source of {name} cannot be found", str(problem), "pass the file or its text"
        ) from problem
    if name == "<lambda>":
        return _lambda(given, path, first)
    text = "\n" * max(0, first - 1) + textwrap.dedent("".join(lines))
    return Source(text, path if Path(path).is_file() else "", function or name)


def _lambda(given: Callable, path: str, first: int) -> Source:
    """A lambda as the function that it stands for; raises Unreadable where its line holds another of its kind."""
    try:
        tree = ast.parse(Path(path).read_text())
    except (OSError, SyntaxError, ValueError):
        tree = ast.Module([], [])
    wanted = given.__code__.co_varnames[: given.__code__.co_argcount]
    found = [n for n in ast.walk(tree) if isinstance(n, ast.Lambda) and n.lineno == first
             and tuple(a.arg for a in n.args.args) == wanted]  # fmt: skip
    if len(found) != 1:
        raise Unreadable("which lambda this is cannot be told", f"line {first} of its file holds {len(found)} of them",
                         "write it as a function: def forward(…):", path=path)  # fmt: skip
    text = f"def forward({ast.unparse(found[0].args)}):\n    return {ast.unparse(found[0].body)}\n"
    return Source("\n" * max(0, first - 1) + text, path, "forward")


def _owner(given: Callable) -> tuple[object, str | None]:
    """What holds the source, and the function in it: for a method its class, for an object the class's `forward`."""
    if inspect.ismethod(given):
        cls = type(given.__self__)
        return cls, f"{cls.__name__}.{given.__name__}"
    if inspect.isfunction(given):
        return inspect.unwrap(given), given.__name__
    cls = given if inspect.isclass(given) else type(given)
    method = "forward" if hasattr(cls, "forward") else "__call__"
    return cls, f"{cls.__name__}.{method}"


def _looks_like_latex(text: str) -> bool:
    return "\\" in text and bool(re.search(r"\\(begin|frac|sum|exp|log|ln|operatorname|mathrm|text)\b", text))


def shape_table(text: str | Mapping | None) -> dict[str, str] | None:
    """`X: n d; y: int n` as {"X": "n d", "y": "int n"}; a dict is itself.  Raises Usage."""
    if text is None or isinstance(text, Mapping):
        return text
    pairs = [part.partition(":") for part in re.split(r"[;\n·]", text) if part.strip()]
    for name, colon, _ in pairs:
        if not colon or not re.fullmatch(r"\w+(\[[\w'\"]+\]|\.\w+)*", name.strip()):
            raise Usage(f"cannot read the shape `{name.strip()}`", "a shape is a name, a colon and its sizes",
                        "--shapes 'X: n d; y: int n'")  # fmt: skip
    return {name.strip(): sizes.strip() for name, _, sizes in pairs}


def names(text: str | Iterable[str] | None) -> tuple[str, ...] | None:
    """`W1, b1` or `W1 b1` or an iterable as a tuple of names."""
    return tuple(re.split(r"[\s,]+", text.strip())) if isinstance(text, str) else None if text is None else tuple(text)
