"""What an installed copy needs: the core runs on SymPy, NumPy and Jinja2 alone, and a wheel carries its templates."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BLOCKED = ("typst", "typer", "rich", "torch", "jax", "flint", "markdown_it", "nbformat", "pylatexenc", "click")

CORE = f"""
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {BLOCKED!r}:
            raise ImportError(name + " is blocked")
sys.meta_path.insert(0, Block())
import derive
d = derive.differentiate(derive.read({str(ROOT / "examples" / "batch_cross_entropy.py")!r}))
assert d["Z"].certainty == "proved"
files = d.text_files()
assert {{"report.tex", "derivation.txt", "backward.py", "backward_closed.py"}} <= set(files)
print("core is enough")
"""


def test_the_core_derives_and_writes_with_all_else_blocked(tmp_path):
    done = subprocess.run([sys.executable, "-c", CORE], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "core is enough", done.stderr[-2000:]


def test_import_is_light():
    code = "import sys, derive; print(sorted({'sympy', 'numpy', 'jinja2', 'rich'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_a_wheel_carries_the_templates(tmp_path):
    pytest.importorskip("hatchling", reason="hatchling is not installed")
    code = (
        "import os, sys\nfrom hatchling.builders.wheel import WheelBuilder\n"
        f"print(list(WheelBuilder({str(ROOT)!r}).build(directory={str(tmp_path)!r}, versions=['standard']))[0])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    wheel = next(tmp_path.glob("*.whl"), None)
    assert wheel is not None, done.stderr[-2000:]
    names = zipfile.ZipFile(wheel).namelist()
    for template in (ROOT / "templates").rglob("*"):
        if template.is_file():
            assert f"derive/templates/{template.relative_to(ROOT / 'templates')}" in names
    unpacked = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(unpacked)
    code = f"import sys; sys.path.insert(0, {str(unpacked)!r})\n" + (
        "import derive; assert derive.__file__.startswith(sys.path[0])\n"
        "from derive.writers.templating import templates_folder\nprint(templates_folder().is_dir())"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.strip() == "True", done.stderr[-2000:]
