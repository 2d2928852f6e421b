"""Remake every folder beside this file from the forward passes in examples/.

    python generated/remake.py [NAME ...]

The tests compare the committed files with what this makes; nobody edits them by hand.
"""

from __future__ import annotations

import sys
from contextlib import chdir
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES, HERE = ROOT / "examples", ROOT / "generated"
WITH_PDF = ("softmax_cross_entropy", "makemore")  # made by typst, whose bytes do not change from run to run
WITH_PICTURE = ("softmax_cross_entropy",)
MORE = {  # what else is made of an example: Hessian-vector products, the solution of the normal equations
    "logistic_regression": {"hvp.py": lambda derive, program: derive.hessian_product(program, wrt="w").code()},
    "ridge_regression": {"solve.py": lambda derive, program: derive.solve(program, "w").code()},
    "weighted_regression": {"solve.py": lambda derive, program: derive.solve(program, "w, b").code()},
}
OTHER_TARGETS = {"layers": {"layers.py": "layers"}}
MATRIX = ("matrix_network",)  # reported in matrix notation


def names() -> list[str]:
    """The examples that are forward passes."""
    return sorted(p.stem for p in EXAMPLES.glob("*.py") if "def forward(" in p.read_text())


def gallery() -> list[str]:
    """The forward passes of the gallery, one for every closed form that textbooks know: gallery/NAME."""
    return sorted(f"gallery/{p.stem}" for p in (EXAMPLES / "gallery").glob("*.py"))


@cache
def found(name: str):
    """The gradients of one example; what is printed names its file as seen from the root."""
    sys.path.insert(0, str(ROOT))
    import derive

    with chdir(ROOT):
        return derive.differentiate(derive.read(f"examples/{name}.py"))


@cache
def report(name: str):
    """The report of one example."""
    return found(name).as_report(notation="matrix" if name in MATRIX else "index")


def files(name: str) -> dict[str, str | bytes]:
    """What `derive build` writes for one example, by relative path, without the PDF."""
    made = found(name).text_files(report(name))
    for path, target in OTHER_TARGETS.get(name, {}).items():
        made[path] = found(name).code(target=target)
    for path, make in MORE.get(name, {}).items():
        import derive

        made[path] = make(derive, found(name).forward)
    return made


def pdf(name: str) -> bytes:
    """The report by the embedded engine."""
    from derive.writers.typst import compile_typst, report_typst

    return compile_typst(report_typst(report(name)))


def picture(name: str) -> bytes:
    """The first page of the report, as the README shows it."""
    from derive.writers.typst import pages_png, report_typst

    return pages_png(report_typst(report(name)), ppi=80)[0]


def remake(name: str) -> None:
    """Write the folder of one example anew; files that are no longer made go."""
    made = files(name) | ({"report.pdf": pdf(name)} if name in WITH_PDF else {})
    made |= {"report.png": picture(name)} if name in WITH_PICTURE else {}
    folder = HERE / name
    for old in [p for p in folder.rglob("*") if p.is_file()]:
        if str(old.relative_to(folder)) not in made:
            old.unlink()
    for path, content in made.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())


if __name__ == "__main__":
    for chosen in sys.argv[1:] or [*names(), *gallery()]:
        remake(chosen)
        print(f"generated/{chosen}")
