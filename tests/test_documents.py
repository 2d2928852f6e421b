"""The README and CONTRIBUTING say what is so: tables that the code makes, commands that CI runs, files that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TRUSTED = {
    "derive/index.py": "sizes and identities of indices",
    "derive/expr.py": "constructors, substitution without capture, equality up to renaming",
    "derive/ops.py": "slopes and meanings of functions (each also compared with SymPy)",
    "derive/judges/normal.py": "the normal form",
    "derive/symmetry.py": "theorems by symmetry: what a shift or scaling leaves as it was",
}


def trusted_table() -> str:
    rows = [f"| {path} | {len((ROOT / path).read_text().splitlines())} | {why} |" for path, why in TRUSTED.items()]
    return "\n".join(rows)


def between(text: str, mark: str) -> str:
    return text.split(f"<!-- {mark} -->\n")[1].split(f"<!-- /{mark} -->")[0].strip()


def test_trusted_base_is_listed(update):
    path = ROOT / "CONTRIBUTING.md"
    text = path.read_text()
    if update:
        head, rest = text.split("<!-- trusted -->\n")
        tail = rest.split("<!-- /trusted -->")[1]
        path.write_text(f"{head}<!-- trusted -->\n{trusted_table()}\n<!-- /trusted -->{tail}")
    assert between(path.read_text(), "trusted") == trusted_table(), "run pytest tests/test_documents.py --update"


def test_the_benchmark_table_is_filled():
    assert "| what | median |" in between((ROOT / "README.md").read_text(), "benchmark")


def test_ci_runs_the_readmes_test_command():
    readme = (ROOT / "README.md").read_text()
    command = next(line for line in readme.splitlines() if line.endswith("-m pytest"))
    assert command in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_named_files_exist(document):
    text = (ROOT / document).read_text()
    for name in re.findall(r"`((?:derive|tests|examples|benchmarks|generated)/[\w./]+)`", text):
        assert (ROOT / name).exists() or "*" in name, name
    for name in re.findall(r"\]\((generated/[\w./]+)\)", text):
        assert (ROOT / name).exists(), name


def test_readme_examples_say_what_happens():
    import derive

    d = derive.differentiate(derive.read(ROOT / "examples" / "batch_cross_entropy.py"))
    readme = (ROOT / "README.md").read_text()
    assert str(d["Z"].expr) in readme and d["Z"].latex() in readme and repr(d["Z"].certainty) in readme
