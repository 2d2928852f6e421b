"""The command line: one short line per stage on stderr, the product on stdout or in the named file.

Everything heavy is imported inside the commands, so that `derive --help` answers at once.  Exit codes: 0 fine;
1 findings (failed verification, stale file, wrong line); 2 could not do it; 3 see `derive check --help`.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Gradients of neural-network code in index notation: derived step by step, checked, and written as NumPy.",
)

# What typer raises for a wrong command line; newer versions carry their own click, so it has no importable home.
_MISUSE = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")

Forward = Annotated[str, typer.Argument(metavar="FORWARD.py", help="a forward pass; FORWARD.py:name picks a function")]
Out = Annotated[Path | None, typer.Option("-o", "--output", metavar="PLACE", help="where the product goes")]
Wrt = Annotated[str | None, typer.Option(metavar="NAMES", help="gradients by these: 'W1, b1'; default all inputs")]
Function = Annotated[str | None, typer.Option(metavar="NAME", help="the function or Class.method to read")]
Shapes = Annotated[str | None, typer.Option(metavar="TEXT", help="'X: n d; y: int n'")]
Sample = Annotated[Path | None, typer.Option(metavar="DATA.npz", help="arrays that show shapes and sorts")]
Facts = Annotated[str | None, typer.Option(metavar="TEXT", help="'onehot Y; x > 0; sum[c] Y[i,c] = 1'")]
Detail = Annotated[str, typer.Option(metavar="result|key|every", help="how many of the steps are shown")]
Notation = Annotated[str, typer.Option(metavar="index|matrix", help="how results and forward pass are written")]
Engine = Annotated[str, typer.Option(metavar="auto|pdflatex|lualatex|typst", help="what makes the PDF")]
Check = Annotated[list[str] | None, typer.Option("--check", metavar="FILE",
                  help="your own derivation or backward code, checked and shown in the report; may be repeated")]  # fmt: skip
Routes = Annotated[list[str] | None, typer.Option("--route", metavar="ROUTE[: NAME]",
                                                  help="also derive it so: 'log trick', 'two cases', …")]  # fmt: skip
Templates = Annotated[Path | None, typer.Option(metavar="DIR", help="your own templates, each beside ours by name")]


def main(args: list[str] | None = None) -> None:
    """Run the command line and exit: problems become one message and code 2, never a traceback."""
    gc.set_threshold(100_000, 50, 100)  # formulas are many small objects, none in circles: a tenth of the time
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal without ∂ gets \\u2202
    try:
        code = app(args=args, prog_name="derive", standalone_mode=False)
    except _MISUSE as problem:
        problem.show(sys.stderr)
        code = 2
    except (typer.Abort, KeyboardInterrupt):
        code = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as problem:  # noqa: BLE001  (the last line of defence: what it cannot name is a bug of ours)
        code = _failed(problem)
    raise SystemExit(code if isinstance(code, int) else 0)


def run_command(args: list[str]) -> int:
    """A command from within Python: its exit code; problems go to stderr."""
    try:
        code = app(args=args, prog_name="derive", standalone_mode=False)
    except _MISUSE as problem:
        problem.show(sys.stderr)
        return 2
    except Exception as problem:  # noqa: BLE001  (as in main)
        return _failed(problem)
    return code if isinstance(code, int) else 0


def _failed(problem: Exception) -> int:
    """Print a problem with its place and remedy; anything else is ours and is said to be."""
    from derive.errors import Problem

    if os.environ.get("DERIVE_DEBUG") == "1":
        import traceback

        traceback.print_exception(problem)
    if isinstance(problem, Problem):
        sys.stderr.write(_coloured(str(problem)) + "\n")
        return 2
    first = (str(problem).strip() or "no message").splitlines()[0]
    sys.stderr.write(f"internal error: {type(problem).__name__}: {first}: please report it "
                     "(DERIVE_DEBUG=1 shows where)\n")  # fmt: skip
    return 2


def _coloured(text: str) -> str:
    """The first line of a problem bold and its caret red, where the terminal shows colours."""
    if not sys.stderr.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    first, *rest = text.splitlines()
    carets = (f"\x1b[31m{line}\x1b[0m" if set(line) <= set(" |^\t") and "^" in line else line for line in rest)
    return "\n".join([f"\x1b[1m{first}\x1b[0m", *carets])


# ---------------------------------------------------------------- stages


class Stages:
    """The lines `✓ read  forward.py  details` on stderr; while a stage runs long, a terminal shows which it is."""

    def __init__(self):
        from rich.console import Console

        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self.moving = self.console.is_terminal and not os.environ.get("CI") and os.environ.get("TERM") != "dumb"

    def run(self, doing: str, work):
        """`work()`; after half a second on a terminal a line says what is being done."""
        if not self.moving:
            return work()
        import threading

        status = self.console.status(f"{doing} …", spinner="dots")
        timer = threading.Timer(0.5, status.start)
        timer.start()
        try:
            return work()
        finally:
            timer.cancel()
            timer.join()
            status.stop()

    def done(self, what: str, product: str, details: str = "", good: bool = True) -> None:
        """One finished stage."""
        from rich.text import Text

        mark = ("✓", "green") if good else ("✗", "red")
        line = Text.assemble("  ", mark, f" {what:<10} ", product, ("  " + details if details else "", "dim"))
        self.console.print(line)

    def note(self, label: str, command: str, why: str = "") -> None:
        """A line such as `next: derive code forward.py   write the backward function`."""
        from rich.text import Text

        self.console.print(Text.assemble("  ", (f"{label} ", "dim"), command, ("   " + why if why else "", "dim")))


def _load(stages: Stages, forward: str, function, shapes, sample, facts):
    """Read the forward pass, and say what was read."""
    from derive.api import read
    from derive.readers.sources import find

    given = sys.stdin.read() if forward == "-" else forward
    if forward != "-" and "\n" not in forward:
        find(forward, function)  # a file that is not there is a problem of its own, not text to read
    program = stages.run("reading", lambda: read(given, function, shapes, _sample(sample), _facts(facts)))
    inputs = ", ".join(f"{v.name}: {'×'.join(map(str, v.shape)) or 'scalar'}" for v in program.inputs)
    made = f"{_count(len(program.equations), 'operation')}, {_count(len(program.inputs), 'input')} ({inputs})"
    stages.done("read", "stdin" if forward == "-" else Path(forward).name, f"{made}, {_outputs(program)}{_one_round(program)}")
    return program


def _one_round(program) -> str:
    """What is said of a script of which one round of its training loop was read."""
    from derive.readers.cells import training_line

    line = None if f"def {program.name.rpartition('.')[2]}(" in program.source else training_line(program.source)
    return "" if line is None else f"; one round of the training loop on line {line}"


def _options(templates: Path | None = None, **given: str) -> None:
    """Raises Usage for a word that is no choice, before any work is done."""
    from derive.api import STYLES
    from derive.errors import Usage
    from derive.writers.products import DETAILS, ENGINES, NOTATIONS, choose, require_engine

    choices = {"engine": ENGINES, "detail": DETAILS, "style": STYLES, "notation": NOTATIONS}
    for name, value in given.items():
        choose(name, value, choices[name])
    require_engine(given.get("engine", "auto"))
    if templates is not None and not templates.is_dir():
        raise Usage(f"there is no folder {templates}", "your own templates lie beside ours by name", "--templates DIR")


def _count(n: int, thing: str) -> str:
    return f"{n} {thing}" + ("" if n == 1 else "s")


def _outputs(program) -> str:
    scalar = len(program.outputs) == 1 and program.shape(program.outputs[0]) == ()
    return ("loss " if scalar else "outputs ") + ", ".join(program.outputs)


def _shapes(text: str | None):
    from derive.readers.sources import shape_table

    return shape_table(text and text.replace(",", " "))


def _facts(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").replace("\n", ";").split(";") if part.strip())


def _sample(path: Path | None):
    if path is None:
        return None
    import numpy as np

    from derive.errors import Unreadable

    try:
        with np.load(path, allow_pickle=False) as data:
            return {name: data[name] for name in data.files}
    except (OSError, ValueError, AttributeError) as problem:
        raise Unreadable(f"cannot read the sample {path}", str(problem), "np.savez(path, X=X, y=y)") from problem


def _derive(stages: Stages, program, wrt, routes=()):
    """Differentiate, by further routes too, and say how much was found and how it is known."""
    from derive.api import differentiate

    start = time.perf_counter()
    d = stages.run("deriving", lambda: differentiate(program, wrt))
    steps = next(words for words in d.badges if words.endswith("steps"))
    stages.done("derived", f"{_count(len(d), 'gradient')} in {steps}", f"{time.perf_counter() - start:.2f} s")
    for wanted in routes or ():
        found = stages.run("deriving", lambda wanted=wanted: d.add_route(wanted))
        stages.done("route", f"{found.route} to {found.name}", f"{_count(len(found.steps), 'step')}, agrees: {found.agrees}")
    return d


def _verify(stages: Stages, d) -> bool:
    """Say what the judges found and how the numbers agree; False when a gradient fails.

    Only what was compared with the running source is called verified.
    """
    judged = ", ".join(words for words in d.badges if not words.endswith("steps") and words != "0 open")
    found = stages.run("verifying", lambda: d.verification)
    if found.broken:
        stages.done("failed", judged, found.problem, good=False)
        return False
    if not found.rows:
        stages.done("judged", judged, f"not compared with the source: {found.problem}")
        return True
    from derive.verifying import bound

    details = f"against the complex step: relative error {bound(found.worst)}"
    stages.done("verified", judged, details, good=found.fine)
    return found.fine


def _headline(d, only: str | None = None, notation: str = "index") -> None:
    """`only`, the shortest closed form, or the first gradient asked for, on stdout in one line of Unicode."""
    from rich.console import Console
    from rich.text import Text

    wanted = [n for n in d.wrt if n in d]
    told = [n for n in d if d[n].closed and str(d[n].expr) != "0"]
    closed = [n for n in told if n in wanted] or told[-1:]  # else the one nearest to the inputs
    if not wanted and not closed:
        return
    name = only or (min(closed, key=lambda n: len(d[n].unicode())) if closed else wanted[0])
    closed = d[name].closed
    shape = "×".join(map(str, d[name].shape)) or "scalar"
    lines = d.numpy_lines()
    code = lines.get(f"{name}_closed") if closed else lines.get(name)
    console = Console(highlight=False, soft_wrap=True)
    code = code if code and len(code) <= 72 else ""
    console.print()
    console.print(Text.assemble("  ", (d[name].unicode(notation), "bold"), f"     {shape}", f"     {code}" if code else ""))


# ---------------------------------------------------------------- commands


@app.command()
def demo() -> None:
    """First run: write a forward pass, its report and backward code into ./demo, and say what is next."""
    from derive.writers.products import write_files

    stages = Stages()
    place = Path("demo/softmax_cross_entropy.py")
    if place.exists() and place.read_text(encoding="utf-8") != DEMO:
        stages.done("kept", str(place), "it differs from the demo's: yours is used")
    elif not place.exists():
        write_files({place: DEMO})
        stages.done("wrote", str(place), "a forward pass")
    _build(stages, str(place), place.parent, {}, "typst")
    stages.note("next:", f"derive show {place}", "the derivation in the terminal")
    stages.note("     ", "derive build YOUR_FORWARD.py", "the same for your own")


DEMO = '''"""Softmax cross-entropy of a batch of logits."""

import numpy as np

# shapes: logits (n, C) · y int (n,)


def forward(logits, y):
    counts = np.exp(logits)
    probs = counts / counts.sum(axis=1, keepdims=True)
    loss = -np.log(probs[np.arange(len(y)), y]).mean()
    return loss
'''


@app.command()
def build(
    forward: Forward,
    output: Out = None,
    wrt: Wrt = None,
    function: Function = None,
    shapes: Shapes = None,
    sample: Sample = None,
    facts: Facts = None,
    engine: Engine = "typst",
    detail: Detail = "key",
    notation: Notation = "index",
    templates: Templates = None,
    check: Check = None,
    route: Routes = None,
) -> None:
    """Everything for one forward pass in a folder: derivation, report, parts, PDF and backward code."""
    stages = Stages()
    _options(engine=engine, detail=detail, notation=notation, templates=templates)
    _readable(check)
    folder = output or Path(_stem(forward))
    given = {"wrt": wrt, "routes": route, "function": function, "shapes": shapes, "sample": sample, "facts": facts}
    good = _build(stages, forward, folder, given, engine, detail, templates, check or [], notation)
    stages.note("next:", f"derive show {forward}", "the derivation in the terminal")
    raise typer.Exit(0 if good else 1)


def _stem(forward: str) -> str:
    """The folder's name: the file's, with the function's when one was picked."""
    from derive.readers.sources import split_name

    if forward == "-":
        return "stdin"
    path, name = split_name(forward)
    return "-".join(part for part in (Path(path or forward).stem, name) if part).replace(".", "-")


def _build(stages: Stages, forward: str, folder: Path, given: dict, engine: str, detail="key", templates=None,
           check=(), notation="index") -> bool:  # fmt: skip
    from derive.writers.products import render, write_files

    given = dict(given)
    wrt, routes = given.pop("wrt", None), given.pop("routes", None)
    program = _load(stages, forward, *(given.get(k) for k in ("function", "shapes", "sample", "facts")))
    d = _derive(stages, program, wrt, routes)
    good = _verify(stages, d) & _checked(stages, d, forward, check)
    made = d.as_report(detail, notation=notation)
    files = stages.run("writing", lambda: d.text_files(made, templates))
    rendered = stages.run("rendering", lambda: render(made, engine, templates=templates))
    files["report.pdf"] = rendered.pdf
    placed = {folder / name: content for name, content in files.items()}
    changed = _differing(placed)
    write_files(placed)
    stages.done("wrote", f"{folder}/", _listed(placed, changed))
    _rendered(stages, folder / "report.pdf", rendered)
    _headline(d, notation=notation)
    return good


def _readable(files) -> None:
    """Raises Unreadable for a file to be checked that is not there, before any work is done."""
    from derive.errors import Unreadable

    for name in files or ():
        if not Path(name).is_file():
            raise Unreadable(f"there is no file {name}", "it was to be checked", "--check notes.md")


def _checked(stages: Stages, d, forward: str, files) -> bool:
    """Check the files, and the forward pass itself where it is a document; False when a line is wrong."""
    own = [forward] if Path(forward).suffix in (".md", ".tex", ".ipynb") and Path(forward).is_file() else []
    good = True
    for name in [*files, *own]:
        (found,) = stages.run("checking", lambda name=name: d.check(name))
        counts = found["summary"]
        if name in own and counts["claims"] == counts["no-claim"]:
            d.forget(name)
            continue
        wrong = counts["wrong"] + counts["carried"]
        said = ", ".join(f"{n} {word}" for word, n in counts.items() if n)
        stages.done("checked", name, said + (f"; first wrong: {found['first_wrong']}" if wrong else ""), not wrong)
        good = good and not wrong
    return good


def _differing(files) -> list[str]:
    """The names of existing files whose content will change."""
    return [p.name for p, new in files.items()
            if p.is_file() and p.read_bytes() != (new if isinstance(new, bytes) else new.encode())]  # fmt: skip


def _listed(placed, changed: list[str]) -> str:
    names = [p.name for p in placed if p.parent.name != "parts" and p.suffix in (".txt", ".tex", ".py")]
    parts = sum(p.parent.name == "parts" for p in placed)
    said = ", ".join([*names, f"parts/ ({parts})"])
    return said + (f"; replaced {', '.join(changed[:4])}{' …' if len(changed) > 4 else ''}" if changed else "")


def _rendered(stages: Stages, path: Path, rendered) -> None:
    note = f" ({rendered.note})" if rendered.note else ""
    good = not rendered.note.startswith("TeX failed")
    stages.done("rendered", str(path), f"{rendered.engine}, {rendered.seconds:.2f} s{note}", good)


@app.command()
def report(
    forward: Forward,
    output: Out = None,
    engine: Engine = "auto",
    detail: Detail = "key",
    notation: Notation = "index",
    only: Annotated[str | None, typer.Option(metavar="NAME", help="one gradient's part, to input in a paper")] = None,
    templates: Templates = None,
    check: Check = None,
    wrt: Wrt = None,
    function: Function = None,
    shapes: Shapes = None,
    sample: Sample = None,
    facts: Facts = None,
    route: Routes = None,
) -> None:
    """The report as a PDF, or as LaTeX with its parts/ (-o FILE.pdf or FILE.tex)."""
    from derive.writers.products import place_of_report

    stages = Stages()
    _options(engine=engine, detail=detail, notation=notation, templates=templates)
    _readable(check)
    output = place_of_report(output or Path(f"{only or _stem(forward)}.{'tex' if only else 'pdf'}"))
    program = _load(stages, forward, function, shapes, sample, facts)
    d = _derive(stages, program, wrt, route)
    good = _verify(stages, d) & _checked(stages, d, forward, check or [])
    written = stages.run("writing", lambda: d.report(output, engine, detail, notation=notation, only=only,
                                                     templates=templates))  # fmt: skip
    for path in written:
        if path.suffix == ".tex" and path.parent == output.parent:
            stages.done("wrote", str(path), "compiles with pdflatex and lualatex" if not only else "for \\input")
    if output.suffix == ".pdf" and not only:
        _rendered(stages, output, d.rendered)
    _headline(d, only, notation)
    stages.note("next:", f"derive code {forward}", "write the backward function")
    raise typer.Exit(0 if good else 1)


@app.command()
def code(
    forward: Forward,
    output: Out = None,
    style: Annotated[str, typer.Option(metavar="steps|closed", help="line by line, or cancelled and fast")] = "closed",
    target: Annotated[str, typer.Option(metavar="numpy|…", help="the dialect to write")] = "numpy",
    with_test: Annotated[bool, typer.Option("--with-test", help="also a test by central differences")] = False,
    check: Annotated[bool, typer.Option("--check", help="write nothing; exit 1 when FILE is stale")] = False,
    wrt: Wrt = None,
    function: Function = None,
    shapes: Shapes = None,
    sample: Sample = None,
    facts: Facts = None,
) -> None:
    """The backward function as an importable NumPy module, to stdout or -o FILE.py."""
    stages = Stages()
    _options(style=style)
    if with_test and target == "layers":
        from derive.errors import Usage

        raise Usage("--with-test belongs to --target numpy", "its test takes a module with forward and backward",
                    "leave --with-test out")  # fmt: skip
    if check:
        _needs_file(forward, output)
    program = _load(stages, forward, function, shapes, sample, facts)
    d = _derive(stages, program, wrt)
    text = d.code(target, style)
    files = {output: text} if output is not None else {}
    if with_test:
        place = output or Path("backward.py")
        files[place.with_name(f"test_{place.name}")] = d.test(place.stem)
    if check:
        raise typer.Exit(_stale(stages, files))
    good = _verify(stages, d)
    if output is None:
        sys.stdout.write("\n\n".join([text, *files.values()]))
    else:
        _place(stages, files, f"{style} style, {len(text.splitlines())} lines")
    raise typer.Exit(0 if good else 1)


def _needs_file(forward: str, output: Path | None) -> None:
    from derive.errors import Usage

    if output is None:
        raise Usage("--check compares a file", "no file was named", f"derive code {forward} -o backward.py --check")


def _place(stages: Stages, files, details: str) -> None:
    from derive.writers.products import write_files

    write_files(files)
    stages.done("wrote", ", ".join(map(str, files)), details)


def _stale(stages: Stages, files) -> int:
    """0 when every file is what would be written now, else 1; says which is stale."""
    stale = [p for p, new in files.items() if not p.is_file() or p.read_text(encoding="utf-8") != new]
    for path in files:
        why = "" if path not in stale else "it is missing" if not path.is_file() else "remake it without --check"
        stages.done("stale" if path in stale else "fresh", str(path), why, good=path not in stale)
    return 1 if stale else 0


@app.command()
def show(
    forward: Forward,
    detail: Detail = "key",
    notation: Notation = "index",
    wrt: Wrt = None,
    function: Function = None,
    shapes: Shapes = None,
    sample: Sample = None,
    facts: Facts = None,
    route: Routes = None,
) -> None:
    """The derivation in the terminal, in Unicode."""
    from rich.console import Console

    from derive.writers.text import report_text
    from derive.writers.text import show as show_report

    stages = Stages()
    _options(detail=detail, notation=notation)
    program = _load(stages, forward, function, shapes, sample, facts)
    d = _derive(stages, program, wrt, route)
    made = d.as_report(detail, notation=notation, verified=False)
    console = Console(highlight=False)
    if console.is_terminal:
        show_report(made, console)
    else:
        sys.stdout.write(report_text(made))


@app.command()
def hessian(
    forward: Forward,
    output: Out = None,
    wrt: Annotated[str | None, typer.Option(metavar="NAME", help="the array; several for a product")] = None,
    wrt2: Annotated[str | None, typer.Option(metavar="NAME", help="the second array; default the first again")] = None,
    of: Annotated[str | None, typer.Option(metavar="NAME", help="the scalar; default the output")] = None,
    product: Annotated[bool, typer.Option("--product", help="write hvp(…, v) as a NumPy module")] = False,
    detail: Detail = "key",
    notation: Notation = "index",
    function: Function = None,
    shapes: Shapes = None,
    sample: Sample = None,
    facts: Facts = None,
) -> None:
    """The second derivative of a scalar with its steps, or Hessian-vector products as code (--product)."""
    from derive.api import hessian as second
    from derive.api import hessian_product
    from derive.writers.asides import hessian_text

    stages = Stages()
    _options(detail=detail, notation=notation)
    program = _load(stages, forward, function, shapes, sample, facts)
    if product:
        made = stages.run("deriving", lambda: hessian_product(program, wrt, of))
        text = made.code()
        stages.done("derived", f"H v for {', '.join(made.directions)}", made.certainty)
    else:
        found = stages.run("deriving", lambda: second(program, wrt, of, wrt2=wrt2))
        text = hessian_text(found, detail)
        stages.done("derived", _count(len(found.steps), "step"), found.certainty)
    if output is None:
        sys.stdout.write(text)
    else:
        _place(stages, {output: text}, f"{len(text.splitlines())} lines")


@app.command()
def solve(
    forward: Forward,
    unknowns: Annotated[list[str], typer.Argument(metavar="NAME…", help="where the gradients at these vanish")],
    output: Out = None,
    code: Annotated[bool, typer.Option("--code", help="write solve(…) as a NumPy module")] = False,
    of: Annotated[str | None, typer.Option(metavar="NAME", help="the scalar; default the output")] = None,
    detail: Detail = "key",
    function: Function = None,
    shapes: Shapes = None,
    sample: Sample = None,
    facts: Facts = None,
) -> None:
    """Set gradients to zero and solve, where they are linear: normal equations, ridge, weights."""
    from derive.api import solve as solution
    from derive.writers.asides import solution_text

    stages = Stages()
    _options(detail=detail)
    program = _load(stages, forward, function, shapes, sample, facts)
    found = stages.run("solving", lambda: solution(program, ", ".join(unknowns), of))
    text = found.code() if code or output is not None else solution_text(found.finding, detail)
    stages.done("solved", ", ".join(unknowns), found.certainty)
    if output is None:
        sys.stdout.write(text)
    else:
        _place(stages, {output: text}, f"{len(text.splitlines())} lines")


@app.command()
def check(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE…", help="Markdown, LaTeX, notebooks, backward.py; - is stdin")
    ],
    forward: Annotated[str | None, typer.Option(metavar="FORWARD.py", help="the forward pass they belong to")] = None,
    format: Annotated[str, typer.Option(metavar="full|concise|json|…", help="how verdicts are printed")] = "full",
    allow_unknown: Annotated[
        bool, typer.Option("--allow-unknown", help="exit 0 although something is undecided")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="OUT.pdf|.tex|.txt", help="also your lines with their verdicts, as a report")
    ] = None,
    engine: Engine = "auto",
    function: Function = None,
    shapes: Shapes = None,
    sample: Sample = None,
    facts: Facts = None,
) -> None:
    """Check hand algebra line by line; exit 1 for a wrong line, 3 when something is left undecided."""
    from derive import checker

    if report is not None:
        from derive.writers.products import place_of_report

        place_of_report(report, (".pdf", ".tex", ".txt"))
        _options(engine=engine)
    works: list = []
    given = {"function": function, "shapes": _shapes(shapes), "sample": _sample(sample), "facts": _facts(facts)}
    code = checker.command(
        files, forward=forward, format=format, allow_unknown=allow_unknown, works=works, given=given
    )
    if report is not None and works:
        _notes_report(Stages(), report, works, engine)
    raise typer.Exit(code)


def _notes_report(stages: Stages, output: Path, works, engine: str) -> None:
    """The checked files as a report of their own."""
    from derive.checker.report import headline
    from derive.claim import summary
    from derive.writers.handwork import badge_of, notes_report
    from derive.writers.latex import report_files
    from derive.writers.products import render, write_files
    from derive.writers.text import report_text

    badges = [badge_of(work, summary(checked.verdicts)) for checked, work in works]
    made = notes_report([work for _, work in works], badges, headline([checked for checked, _ in works]))
    if output.suffix == ".pdf":
        rendered = stages.run("rendering", lambda: render(made, engine))
        write_files({output: rendered.pdf})
        return _rendered(stages, output, rendered)
    tex = report_files(made) if output.suffix == ".tex" else {"report.tex": report_text(made)}
    write_files({output if name == "report.tex" else output.parent / name: text for name, text in tex.items()})
    return stages.done("wrote", str(output))


@app.command()
def collapse(
    forward: Forward,
    to: Annotated[str, typer.Option("--to", metavar="NAME", help="the array whose gradient is written")],
    start: Annotated[str | None, typer.Option("--from", metavar="NAME", help="the later array; default the outputs")] = None,
    function: Function = None,
    shapes: Shapes = None,
    sample: Sample = None,
    facts: Facts = None,
) -> None:
    """The gradient at one array over the gradient at a later one, in the shortest form found, step by step."""
    stages = Stages()
    d = _derive(stages, _load(stages, forward, function, shapes, sample, facts), None)
    found = stages.run("collapsing", lambda: d.collapse(to, start))
    sys.stdout.write(f"{found}\n")


@app.command("try")
def try_(
    expression: Annotated[
        str, typer.Argument(metavar="EXPRESSION", help="in the engine's notation: sum[i:C] y[i]*log(s[i])")
    ],
    wrt: Annotated[str, typer.Option(metavar="x[k]", help="the entry to differentiate by")],
    where: Annotated[list[str] | None, typer.Option(metavar="EQUATION", help="a name: 's[i:C] = exp(x[i])'")] = None,
    trace: Annotated[
        str, typer.Option(metavar="names|redex|lines|tried|values", help="how much of each step is shown")
    ] = "lines",
) -> None:
    """Scratch pad: differentiate an expression and print the steps.

    The trace ladder: names (the rules, in order), redex (what each rewrote into what), lines (the whole lines),
    tried (also the rules that did not fit the last line), values (also each line's value at random data).
    """
    from derive.scratch import attempt

    for line in attempt(expression, wrt, where or [], trace):
        print(line)


@app.command()
def explain(
    name: Annotated[str | None, typer.Argument(metavar="NAME|CODE", help="an op, a rule or a code")] = None,
) -> None:
    """The tables of ops, rules and codes, or one of their rows with law and example."""
    from derive.tables import all_tables, one_row

    print(one_row(name) if name else all_tables())


if __name__ == "__main__":
    main()
