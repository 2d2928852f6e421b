"""What Python users call: read, differentiate, and what a derivation can be made into.

    d = derive.differentiate("forward.py")
    d["logits"].expr      d.code()      d.function()(**inputs)      d.report("out.pdf")      d.write("folder")

Whatever is wrong with the input is a `Problem`; nothing else escapes from it.
"""

from __future__ import annotations

import hashlib
import itertools
import linecache
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path

from derive import expr as x
from derive.closing import close
from derive.conjectures import with_theorems
from derive.derivation import Derivation, Step
from derive.engine import Gradients
from derive.engine import differentiate as differentiate_program
from derive.errors import Problem, UnknownName, Unsupported, Usage
from derive.expr import Entry, Expr
from derive.index import Size
from derive.jacobians import Jacobian, differentiable, hessian_of, jacobian_of, second_name
from derive.jacobians import hessian_product as hessian_product_program
from derive.judging import judge
from derive.notation import equation_text
from derive.ops import OPS, Op
from derive.program import Equation, Program, base_name
from derive.readers import sources
from derive.route_table import Routed, first_array, routed, routes_for, wanted_route
from derive.solving.systems import System, linear_system
from derive.theorems import Theorem

STYLES = ("steps", "closed")
_compiled = itertools.count(1)


def read(source, function=None, shapes=None, sample=None, facts=()) -> Program:
    """The Program of a forward pass: a path, its text, a live function, a notebook, SymPy expressions by name.

    `function` None is `forward`, else the only one.  Raises a Problem that names line and column.
    """
    return sources.read(source, function, sources.shape_table(shapes), sample, facts)


def differentiate(program, wrt=None, of=None, *, judged: bool = True, seed: int = 0) -> Derivative:
    """The gradient at every named array.  `wrt`: names, default all real inputs; `of`: default the outputs.

    `program` may be anything that `read` takes, or an expression of the engine.  Raises Problem.
    """
    program = _program(program)
    try:
        named = [sources.names(given) for given in (wrt, of)]
        wrt, of = (None if given is None else tuple(resolve(program, name) for name in given) for given in named)
        found = close(differentiate_program(program, wrt, of))
    except Problem as problem:
        raise problem.at(None, program.path)  # noqa: B904  (the same problem, with its file)
    return Derivative(judge(with_theorems(found, seed), seed) if judged else found)


def _program(given) -> Program:
    """Whatever was given as a Program; one that holds gradients is made ready for further ones."""
    if isinstance(given, Derivative):
        return differentiable(given.program)
    return differentiable(program_of(given) if isinstance(given, Expr) else read(given))


def program_of(e: Expr) -> Program:
    """The program of a single expression: its free indices are the axes of the output, its arrays the inputs."""
    from derive.exchange import program_from_sympy, to_sympy

    indices = tuple(sorted(e.free, key=lambda i: i.number))
    given = program_from_sympy(to_sympy(e), shapes=_shapes(e))
    name = given.equations[0].name
    return replace(given, equations=(Equation(name, indices, e),))


def _shapes(e: Expr) -> dict[str, tuple[Size, ...]]:
    """The shapes of the arrays in an expression, as far as its indices tell them."""
    found: dict[str, tuple] = {}
    for t in x.walk(e):
        if isinstance(t, Entry):
            sizes = tuple(x.slot_size(s) for s in t.slots)
            held = found.get(t.name, (None,) * len(sizes))
            found[t.name] = tuple(a or b for a, b in zip(held, sizes, strict=True))
    return {name: shape for name, shape in found.items() if None not in shape}


def resolve(program: Program, name: str) -> str:
    """The array that a user's name means: `x`, or `x@LINE` for what that line assigned; raises UnknownName."""
    base, at, line = name.partition("@")
    if at:
        for e in program.equations:
            if base_name(e.name) == base and e.span is not None and str(e.span.line) == line:
                return e.name
        lines = [str(e.span.line) for e in program.equations if base_name(e.name) == base and e.span is not None]
        raise UnknownName(f"no line {line} assigns `{base}`", hint=f"lines: {', '.join(lines) or 'none'}")
    if name.startswith("∂") and second_name(name) in program:
        return second_name(name)
    if name not in program:
        raise UnknownName(f"`{name}` is not in the forward pass", "gradients are taken at its names",
                          "its names: " + ", ".join(_called(program, n) for n in program.by_name))  # fmt: skip
    return name


def _called(program: Program, name: str) -> str:
    """What a user calls an array: an earlier version `x~1` is `x@LINE`."""
    equation = program.equation(name)
    return f"{base_name(name)}@{equation.span.line}" if "~" in name and equation and equation.span else name


# ---------------------------------------------------------------- results


@dataclass(frozen=True)
class View:
    """The gradient at one array: `.expr` is its closed form where there is one, else over the gradients after it."""

    name: str
    gradients: Gradients

    @property
    def derivation(self) -> Derivation:
        """The derivation from the gradients of the arrays that use this one."""
        return self.gradients.derivations[self.name]

    @property
    def closed(self) -> Derivation | None:
        """The derivation of the closed form, if there is one worth showing."""
        return self.gradients.closed.get(self.name)

    @property
    def expr(self) -> Expr:
        return (self.closed or self.derivation).result

    @property
    def target(self) -> Entry:
        return (self.closed or self.derivation).target

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every step, those to the closed form after those to the gradient."""
        from derive.writers.cards import joined_with

        return (joined_with(self.derivation, self.closed) if self.closed else self.derivation).steps

    @property
    def shape(self) -> tuple[Size, ...]:
        return self.gradients.forward.shape(self.name)

    @property
    def certainty(self) -> str:
        """proved, tested or open: the weakest of the steps."""
        held = [self.derivation.certainty, *([self.closed.certainty] if self.closed else [])]
        return max(held, key=("proved", "tested", "open").index)

    def route(self, name: str, seed: int = 0) -> Routed:
        """The same gradient by another route: `log trick`, `two cases`, `differentials` …; see `.routes`.

        Its steps are judged and it is compared with this gradient.  Raises Usage where it does not apply.
        """
        return routed(self.gradients, name, self.name, seed)

    @property
    def routes(self) -> tuple[str, ...]:
        """The routes that lead to this gradient."""
        return tuple(routes_for(self.gradients, self.name))

    def latex(self, notation: str = "index") -> str:
        """The gradient as LaTeX: `\\frac{∂L}{∂x} = …`, in matrix notation where it has a matrix form."""
        from derive.writers.latex_math import latex

        return latex(self.node(notation))

    def unicode(self, notation: str = "index") -> str:
        """The gradient on one line of Unicode."""
        from derive.writers.text_formula import text as unicode_text

        return unicode_text(self.node(notation))

    def node(self, notation: str = "index"):
        """The gradient as a layout tree: target = result."""
        from derive.writers.formula import formula
        from derive.writers.layout import row
        from derive.writers.letters import EQ, letters_for, spelling
        from derive.writers.products import NOTATIONS, choose

        d = self.closed or self.derivation
        spelled = spelling(self.gradients.program, self.gradients)
        if choose("notation", notation, NOTATIONS) == "matrix":
            from derive.writers.matrix import Matrices

            form = Matrices(self.gradients.program, spelled).form(d.target.name, d.indices, d.result)
            if form is not None:
                return form.node
        letters = letters_for([d.target, d.result], spelled, d.indices)
        return row(formula(d.target, spelled, letters), EQ, formula(d.result, spelled, letters))

    def to_sympy(self, given: Mapping | None = None):
        """The gradient as a SymPy expression; see derive.to_sympy."""
        return to_sympy(self.expr, given)

    def __str__(self) -> str:
        d = self.closed or self.derivation
        return equation_text(d.target.name, d.indices, d.result)

    __repr__ = __str__

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"


class Derivative:
    """What `differentiate` returns: every gradient with its derivation, as formulas, report and code."""

    def __init__(self, gradients: Gradients):
        self.gradients = gradients
        self._codes: dict[tuple[str, str], str] = {}
        self._hand: list[tuple] = []
        self._routes: list[Routed] = []

    # -- formulas

    @property
    def program(self) -> Program:
        """Forward pass and gradient equations as a Program: differentiate it again for second derivatives."""
        return self.gradients.program

    @property
    def forward(self) -> Program:
        return self.gradients.forward

    @property
    def wrt(self) -> tuple[str, ...]:
        return self.gradients.wrt

    def __getitem__(self, name: str) -> View:
        """The gradient at a named array; raises UnknownName."""
        found = resolve(self.forward, name)
        if found not in self.gradients.derivations:
            hint = "there are gradients at: " + ", ".join(self.gradients.derivations)
            raise UnknownName(
                f"there is no gradient at `{name}`", "it is an output, holds integers or was not asked for", hint
            )
        return View(found, self.gradients)

    def __contains__(self, name: str) -> bool:
        return name in self.gradients.derivations

    def __iter__(self) -> Iterator[str]:
        return iter(self.gradients.derivations)

    def __len__(self) -> int:
        return len(self.gradients.derivations)

    @property
    def certainty(self) -> str:
        """The weakest certainty of all gradients."""
        return max((self[n].certainty for n in self), key=("proved", "tested", "open").index, default="proved")

    @property
    def theorems(self) -> tuple[Theorem, ...]:
        """What holds of the gradients whatever the data, proved for all sizes: vanishing sums, zeros, masks."""
        return self.gradients.theorems

    @property
    def badges(self) -> tuple[str, ...]:
        """What the head of the report says: `5 of 5 proved`, `35 named steps`, `0 open`."""
        from derive.writers.cards import shown_closed
        from derive.writers.narrate import badges

        return tuple(badge.text for badge in badges(self.gradients, shown_closed(self.gradients)))

    def collapse(self, first: str, second: str | None = None):
        """The gradient at the earlier of two arrays in the shortest form found over the gradient at the later one.

        Without a second array, over the outputs alone.  Raises UnknownName, Usage where nothing joins the two.
        """
        from derive.spans import collapse

        names = [resolve(self.forward, n) for n in (first, second) if n is not None]
        return collapse(self.gradients, *names)

    # -- code

    def code(self, target: str = "numpy", style: str = "closed") -> str:
        """An importable module with forward, backward and loss_and_gradients; byte-stable."""
        from derive.writers.products import choose

        choose("style", style, STYLES)
        writer = choose("target", target, tuple(WRITERS))
        if (writer, style) not in self._codes:
            self._codes[writer, style] = WRITERS[writer](self.gradients, style)
        return self._codes[writer, style]

    def test(self, module: str = "backward") -> str:
        """A test of the generated module of that name, by central differences."""
        try:
            from derive.writers.numpy import numpy_test
        except ImportError as missing:
            raise Usage("tests are not written yet", hint="derive build verifies by the complex step") from missing
        return numpy_test(self.forward, self.wrt, module)

    def function(self, style: str = "closed") -> Callable:
        """`fn(**inputs, upstream=None) -> (outputs, gradients)`, from the generated module."""
        return self.module(style)["loss_and_gradients"]

    def module(self, style: str = "closed") -> dict:
        """The names of the generated module.

        See run_module.
        """
        return run_module(self.code(style=style), f"{self.forward.name} {style}")

    # -- report

    @cached_property
    def verification(self):
        """Gradients by the generated code against the complex step of the source (verifying.Findings)."""
        from derive.verifying import verify

        return verify(self.gradients, self._by_code())

    def _by_code(self) -> Callable | None:
        """The generated function as verifying.verify wants it; None while there is no code for this program."""
        from derive.verifying import at, structured

        try:
            function = self.function("closed")
        except Problem:
            return None
        inputs = {v.name: v for v in self.forward.inputs}

        def ours(data: Mapping, upstream: Mapping) -> dict:
            _, found = function(**structured(self.forward, data), upstream=dict(upstream) or None)
            places = {n: inputs[n].structure for n in self.wrt if n in inputs}
            return {n: at(path, n, found[path[0] if path else n]) for n, path in places.items()}

        return ours

    def check(self, *files) -> list[dict]:
        """The verdicts on hand-written notes or backward code for this forward pass; reports show them from now on.

        Each of `files` is a path or text.  Returns one dict for each file, as `derive check --format json` prints it.
        """
        from derive import checker

        own = self.forward.path
        found = [checker.handwork(f, None if own and str(f) == own else self.forward) for f in files]
        self._hand += found
        return [checked.json() for checked, _ in found]

    def forget(self, file) -> None:
        """Show a checked file in reports no longer."""
        self._hand = [(checked, work) for checked, work in self._hand if checked.path != str(file)]

    def as_report(self, detail: str = "key", title: str | None = None, notation: str = "index", verified: bool = True):
        """The report as data (writers.document.Report)."""
        from derive.verifying import verification_table
        from derive.writers.asides import headline, lemmas, theorem_lemma, with_notes
        from derive.writers.letters import spelling
        from derive.writers.narrate import gradient_node
        from derive.writers.narrate import report as narrate
        from derive.writers.products import DETAILS, NOTATIONS, choose

        choose("detail", detail, DETAILS)
        choose("notation", notation, NOTATIONS)
        spelled = spelling(self.program, self.gradients)
        table = (
            verification_table(self.verification, lambda n: gradient_node(n, spelled, flat=True)) if verified else None
        )
        told = (*lemmas(self.findings, self.gradients, detail), *theorem_lemma(self.gradients, detail))
        made = narrate(self.gradients, title=title, detail=detail, numpy_lines=self.numpy_lines(), verification=table,
                       code=self._code_or_nothing(), lemmas=told, notation=notation)  # fmt: skip
        made = replace(made, headline=made.headline or headline(self.findings, self.gradients))
        return self._with_hand(replace(made, cards=with_notes(made.cards, self.gradients)))

    def _with_hand(self, made):
        """The report with what was checked by hand behind it."""
        from derive.claim import summary
        from derive.writers.handwork import badge_of

        badges = tuple(badge_of(work, summary(checked.verdicts)) for checked, work in self._hand)
        return replace(made, checked=tuple(work for _, work in self._hand), badges=(*made.badges, *badges))

    def add_route(self, wanted: str, seed: int = 0) -> Routed:
        """A further route for the report: `log trick`, or `log trick: logits` for one array; judged and compared.

        Without a name it is derived for the first array to which it applies.  Raises Usage for one that does not.
        """
        route, name = wanted_route(wanted)
        name = resolve(self.forward, name) if name else first_array(self.gradients, route)
        found = routed(self.gradients, route, name, seed)
        self._routes.append(found)
        return found

    @property
    def findings(self):
        """Lemmas on the way, what `# show:` lines ask for, and the routes added, judged."""
        return [*self._lemmas, *(r.finding for r in self._routes)]

    @cached_property
    def _lemmas(self):
        from derive.findings import findings

        return findings(self.gradients)

    def _code_or_nothing(self) -> str:
        try:
            return self.code(style="closed")
        except Unsupported:
            return ""

    def numpy_lines(self) -> dict[str, str]:
        """A line of NumPy by card key, for the gradients that have one."""
        return dict(self._numpy_lines)

    @cached_property
    def _numpy_lines(self) -> dict[str, str]:
        from derive.recurrence import recurrences
        from derive.writers.numpy import numpy_line
        from derive.writers.numpy_names import Names

        names, rounds = Names(self.program), bool(recurrences(self.program.equations))
        held = [(n, d, "steps") for n, d in self.gradients.derivations.items()]
        held += [(f"{n}_closed", d, "closed") for n, d in self.gradients.closed.items()]
        lines = {}
        for key, d, style in held:
            names.forget_temporaries()
            equation = Equation(d.target.name, d.indices, d.result)
            try:
                lines[key] = numpy_line(equation, self.program, style=style, names=names, rounds=rounds)
            except Unsupported:
                continue
        return lines

    def report(self, path="report.pdf", engine: str = "auto", detail: str = "key", *, notation: str = "index",
               only: str | None = None, templates=None, title: str | None = None) -> list[Path]:  # fmt: skip
        """Write the report: a .pdf, or a .tex with its parts/ beside it.  Returns what was written.

        When TeX fails the .tex stays beside the PDF that the built-in renderer made.
        """
        from derive.writers.products import place_of_report, render, require_engine, write_files

        path, templates = place_of_report(Path(path)), Path(templates) if templates else None
        require_engine(engine)
        files = self.report_files(path, engine, detail, notation, only, templates, title, render)
        write_files(files)
        return list(files)

    def report_files(
        self, path: Path, engine, detail, notation, only, templates, title, render
    ) -> dict[Path, str | bytes]:
        """The files that `report` writes, by path."""
        from derive.writers.latex import report_files

        made = self.as_report(detail, title, notation)
        tex = report_files(made, templates=templates)
        if only is not None:
            key = _part(tex, resolve(self.forward, only))
            return {path if path.suffix == ".tex" else path.with_suffix(".tex"): tex[key]}
        own = {path.with_suffix(".tex") if name == "report.tex" else path.parent / name: t for name, t in tex.items()}
        if path.suffix == ".tex":
            return own
        self.rendered = render(made, engine, tex, templates)
        return {path: self.rendered.pdf} | (own if self.rendered.note.startswith("TeX failed") else {})

    def write(self, folder, *, engine: str = "typst", detail: str = "key", notation: str = "index",
              templates=None) -> list[Path]:  # fmt: skip
        """Everything, in a folder: derivation.txt, report.tex with parts/, report.pdf, and both styles of code."""
        from derive.writers.products import render, write_files

        made = self.as_report(detail, notation=notation)
        files = self.text_files(made, templates)
        self.rendered = render(made, engine, templates=Path(templates) if templates else None)
        files["report.pdf"] = self.rendered.pdf
        placed = {Path(folder) / name: content for name, content in files.items()}
        write_files(placed)
        return list(placed)

    def text_files(self, made=None, templates=None) -> dict[str, str | bytes]:
        """Everything but the PDF, by relative path."""
        from derive.writers.latex import report_files
        from derive.writers.text import report_text

        made = made or self.as_report()
        files: dict[str, str | bytes] = {"derivation.txt": report_text(self.as_report("every", notation=made.notation))}
        files |= report_files(made, templates=Path(templates) if templates else None)
        files |= {"backward.py": self.code(style="steps"), "backward_closed.py": self.code(style="closed")}
        return files

    # -- showing

    def __str__(self) -> str:
        return "\n".join(str(self[n]) for n in self)

    __repr__ = __str__

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        rows = [self[n].node() for n in self]
        from derive.writers.latex_math import latex
        from derive.writers.text_formula import text as unicode_text

        lines = r" \\ ".join(latex(r).replace(" = ", " &= ", 1) for r in rows)
        return {
            "text/plain": "\n".join(map(unicode_text, rows)),
            "text/latex": f"$$\\begin{{aligned}} {lines} \\end{{aligned}}$$",
        }


def run_module(source: str, name: str) -> dict:
    """The names of a generated module.

    This is the one place where something is executed, and it is our own printer's text: the printers write names,
    numbers and operators of the checked Program; of the user's source it holds lines in comments, each one line.
    """
    digest = hashlib.sha256(source.encode()).hexdigest()[:12]
    path = f"<derive {name} {digest} {next(_compiled)}>"
    linecache.cache[path] = (len(source), None, source.splitlines(keepends=True), path)
    names = {"__name__": "derived", "__file__": path}
    exec(compile(source, path, "exec"), names)
    return names


def _part(files: Mapping[str, str], name: str) -> str:
    """The part file of one gradient, its closed form if there is one."""
    stems = [f"parts/{name}_closed.tex", f"parts/{name}-closed.tex", f"parts/{name}.tex"]
    found = next((s for s in stems if s in files), None)
    if found is None:
        parts = ", ".join(sorted(Path(n).stem for n in files if n.startswith("parts/")))
        raise UnknownName(f"there is no part for `{name}`", hint=f"parts: {parts}")
    return found


def _numpy(gradients: Gradients, style: str) -> str:
    from derive.stable import closed_code
    from derive.writers.cards import CLOSED, step_numbers
    from derive.writers.numpy import numpy_module

    full = gradients.program if style == "steps" else closed_code(gradients)
    numbers, notes = step_numbers(gradients), []
    if style == "closed":
        numbers |= {name: numbers[name + CLOSED] for name in gradients.closed}
        for name, d in gradients.closed.items():
            notes += textwrap.wrap(f"d{name}: {d.note}", 100) if d.kind == "window" and d.note else []
    return numpy_module(gradients.forward, full, gradients.wrt, style=style, step_of=numbers, notes=notes)


def _layers(gradients: Gradients, style: str) -> str:
    from derive.writers.layers import layers_module

    return layers_module(gradients, style)


WRITERS: dict[str, Callable[[Gradients, str], str]] = {"numpy": _numpy, "layers": _layers}


# ---------------------------------------------------------------- Jacobians and Hessians


class JacobianView(Jacobian):
    """A Jacobian or Hessian with its formula: entry by entry, or as a matrix, the output's index along its rows."""

    @classmethod
    def of_found(cls, found: Jacobian) -> JacobianView:
        return cls(**{f.name: getattr(found, f.name) for f in fields(found)})

    def latex(self, notation: str = "index") -> str:
        """The value as LaTeX: `s_{i}(\\delta_{ij}-s_{j})`, in matrix notation `diag(s) − s sᵀ` where that exists."""
        from derive.writers.latex_math import latex

        return latex(self.node(notation))

    def unicode(self, notation: str = "index") -> str:
        """The value on one line of Unicode."""
        from derive.writers.text_formula import text as unicode_text

        return unicode_text(self.node(notation))

    def node(self, notation: str = "index"):
        """The value as a layout tree."""
        from derive.writers.formula import formula
        from derive.writers.letters import letters_for, spelling
        from derive.writers.matrix import UNNAMED, Matrices
        from derive.writers.products import NOTATIONS, choose

        spelled = spelling(self.program)
        matrices = Matrices(self.program, spelled) if choose("notation", notation, NOTATIONS) == "matrix" else None
        form = matrices.form(UNNAMED, self.indices, self.expr) if matrices else None
        return form.right if form else formula(self.expr, spelled, letters_for([self.expr], spelled, self.indices))


def jacobian(program, wrt=None, of=None, *, where=None, facts=(), seed: int = 0):
    """∂of/∂wrt entry by entry.  For a program by names; for SymPy `jacobian(e, x[k], where=…, facts=…)`.

    The letters of the output come first.  Raises Problem.
    """
    if sources.is_symbolic(program) and sources.is_symbolic(wrt):
        from derive import symbolic

        return symbolic.jacobian(program, wrt, where=where, facts=facts)
    program = _program(program)
    of, wrt = _pair(program, of, wrt)
    return JacobianView.of_found(jacobian_of(program, of, wrt, seed))


def hessian(program, wrt=None, of=None, *, wrt2=None, seed: int = 0) -> Jacobian:
    """The second derivative of a scalar output, entry by entry: by `wrt` twice, or by `wrt` and `wrt2`.

    `.facts` are the declared facts that it rests on.  Raises Problem.
    """
    program = _program(program)
    of, wrt = _pair(program, of, wrt)
    return JacobianView.of_found(hessian_of(program, of, wrt, None if wrt2 is None else resolve(program, wrt2), seed))


def hessian_product(program, wrt=None, of=None, *, seed: int = 0) -> HessianProduct:
    """H v without H: the gradient of Σ ∂wrt · v, with its steps, and as code.  `wrt`: a name or several.

        hvp = derive.hessian_product("forward.py", wrt="W").function()
        hvp(X=X, W=W, y=y, v=v)        # the shape of W

    Raises Problem.
    """
    program = _program(program)
    of = resolve(program, of if of is not None else next(iter(program.outputs), ""))
    named = sources.names(wrt) or [v.name for v in program.inputs if v.sort == "real"]
    wrt = tuple(resolve(program, name) for name in named)
    made, directions = hessian_product_program(program, of, wrt)
    return HessianProduct(differentiate(made, wrt, seed=seed), of, directions)


class HessianProduct:
    """H v for each array: `derivative` holds the steps to it, `directions` the names of the v."""

    def __init__(self, derivative: Derivative, of: str, directions: Mapping[str, str]):
        self.derivative, self.of, self.directions = derivative, of, dict(directions)

    @property
    def certainty(self) -> str:
        return self.derivative.certainty

    def code(self, style: str = "closed") -> str:
        """An importable module with `hvp(inputs…, v)`; byte-stable."""
        from derive.writers.numpy_hvp import hvp_module

        return hvp_module(self.derivative.gradients, self.of, self.directions, style)

    def function(self, style: str = "closed") -> Callable:
        """`hvp(**inputs, v=…)`: an array, or a dict by name where there are several."""
        return run_module(self.code(style), f"{self.derivative.forward.name} hvp")["hvp"]


def solve(program, unknowns, of=None, *, seed: int = 0) -> Solution:
    """Where the gradients at `unknowns` vanish: the linear system, its solution as formula and as code.

        derive.solve("ridge.py", "w").unicode()          w = (Xᵀ X + lam I)⁻¹ Xᵀ y

    Raises Problem: Usage where a gradient is not linear in them.
    """
    program = _program(program)
    names = tuple(resolve(program, name) for name in sources.names(unknowns) or ())
    of = None if of is None else (resolve(program, of),)
    found = close(differentiate_program(program, names, of))
    missing = [n for n in names if n not in found.derivations]
    if missing or not names:
        raise Usage(f"the output does not depend on {', '.join(missing) or 'nothing'}", hint="name inputs that it depends on")
    return Solution(found, linear_system(found, names))


class Solution:
    """The solution of a linear system A u = b: `system` holds A and b, `certainty` that the gradient is their multiple."""

    def __init__(self, gradients: Gradients, system: System):
        self.gradients, self.system = gradients, system

    @property
    def certainty(self) -> str:
        return self.system.certainty

    @cached_property
    def finding(self):
        """The derivation as a lemma: the gradient set to zero, term by term, and the solution."""
        from derive.findings import solution_finding

        return solution_finding(self.gradients, tuple(u.name for u in self.system.unknowns))

    def unicode(self) -> str:
        """The solution on one line: in matrix form, for numbers one equation each."""
        from derive.writers.asides import solution_nodes
        from derive.writers.text_formula import text as unicode_text

        return "; ".join(map(unicode_text, solution_nodes(self.finding, self.system)))

    __str__ = __repr__ = unicode

    def latex(self) -> str:
        """The solution as LaTeX."""
        from derive.writers.asides import solution_nodes
        from derive.writers.latex_math import latex

        return r", \quad ".join(map(latex, solution_nodes(self.finding, self.system)))

    def to_sympy(self, given: Mapping | None = None) -> dict:
        """For numbers their values by name, else the entries of A and b by name, as SymPy expressions."""
        values = {left.name: value for left, value in self.finding.displays if isinstance(left, Entry) and not left.slots}
        if len(values) != len(self.system.unknowns):
            values = {e.name: e.rhs for e in (*self.system.matrices.values(), *self.system.right.values())}
        return {name: to_sympy(e, given) for name, e in values.items()}

    def code(self) -> str:
        """An importable module with `solve(inputs…)`, which ends in np.linalg.solve."""
        from derive.writers.numpy_solve import solve_module

        return solve_module(self.system, self.gradients.of[0])

    def function(self) -> Callable:
        """`solve(**inputs)`: an array, or a dict by name where there are several unknowns."""
        return run_module(self.code(), f"{self.gradients.forward.name} solve")["solve"]


def _pair(program: Program, of: str | None, wrt: str | None) -> tuple[str, str]:
    """The two arrays, by default the first output and the only real input."""
    of = of if of is not None else next(iter(program.outputs), "")
    real = [v.name for v in program.inputs if v.sort == "real"]
    if wrt is None and len(real) != 1:
        raise Usage("derivative by which input?", f"there are {len(real)}: {', '.join(real)}", "wrt=…")
    wrt = wrt if wrt is not None else real[0]
    return resolve(program, of), resolve(program, wrt)


# ---------------------------------------------------------------- SymPy, ops, checker


def from_sympy(e, scope=(), shapes=None):
    """The engine's expression for a SymPy one; a dict or list of equations becomes a Program."""
    from derive import exchange

    if isinstance(e, (Mapping, list, tuple)):
        return exchange.program_from_sympy(e, shapes=shapes)
    return exchange.from_sympy(e, scope, shapes)


def to_sympy(e, given: Mapping | None = None):
    """The SymPy expression of an Expr, View, Equation or size; a Program becomes a dict of equations."""
    from derive import exchange

    e = e.expr if isinstance(e, (View, Jacobian)) else e.program if isinstance(e, Derivative) else e
    return exchange.to_sympy(e, given)


def op(name: str, meaning: str = "", slope="", numpy: str = "", *, args: str = "u", stable: str = "", latex: str = "",
       reads: str = "", domain: str = "", kink: str = "", sympy: str = "") -> Op:  # fmt: skip
    """Add an elementwise function; its row is judged like our own before it is used.

    `meaning` in the engine's notation over the arguments; `slope` is checked against sympy.diff of it, and may be left
    out.  `numpy` with the arguments in braces: "np.tanh({u})"; left out, it follows from the meaning.
    Raises Usage when the name is taken or a judge refutes the row, BadNotation where a text does not parse.
    """
    from derive import rows
    from derive.readers.calls_math import admit

    numpy, latex = numpy or rows.numpy_of(meaning, args), latex or rf"\operatorname{{{name}}}"
    row = Op(name, args, meaning, slope, numpy, stable, latex, reads, sympy, domain, kink)
    rows.judge_row(row)
    admit(OPS.add(row))
    return row


def check(source, forward=None, kind=None) -> list[dict]:
    """The verdicts on hand-written algebra, one dict per claim with the JSON keys of `derive check`."""
    from derive import checker

    if not hasattr(checker, "check"):
        raise Usage(
            "the checker is not there yet", "this installation has no derive.checker", "derive show checks nothing"
        )
    return checker.check(source, forward=forward, kind=kind)


__all__ = ["Derivative", "Jacobian", "View", "check", "differentiate", "from_sympy", "hessian", "jacobian", "op",
           "read", "to_sympy"]  # fmt: skip
