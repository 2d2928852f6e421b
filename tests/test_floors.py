"""The order of the house: a module imports only from what stands earlier; function-level imports count."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "derive"
FLOORS = [
    "errors", "index", "expr", "notation", "ops", "program", "recurrence", "claim", "definitions", "exchange", "symbolic", "judges", "rows",
    "matching", "rule", "derivation", "rules", "engine", "counting", "monomials", "factoring", "refining", "collapsing", "windows", "closing", "judging", "symmetry", "theorems", "conjectures", "jacobians", "routes", "route_table", "solving", "stable", "through_time", "findings", "readers", "arrays", "matrices",
    "writers", "verifying", "spans", "checker", "scratch", "tables", "api", "cli", "magics", "__init__", "__main__",
]  # fmt: skip
# Upward glances that carry no meaning: printing for __str__, and slopes that a row leaves to SymPy.
GLANCES = {("expr", "notation"), ("ops", "exchange")}
API = {"read", "differentiate", "check", "jacobian", "hessian", "from_sympy", "to_sympy", "softmax", "log_softmax",
       "cross_entropy", "affine", "op", "gradient"}  # fmt: skip


def _modules():
    return sorted(PACKAGE.rglob("*.py"))


def _floor(parts: tuple[str, ...]) -> str:
    return parts[0]


def _imports(path: Path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "derive":
            names = [node.module] if node.module != "derive" else [f"derive.{a.name}" for a in node.names]
        elif isinstance(node, ast.Import):
            names = [a.name for a in node.names if a.name.split(".")[0] == "derive"]
        for name in names:
            if len(name.split(".")) > 1:
                yield node.lineno, name.split(".")[1]


@pytest.mark.parametrize("path", _modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down(path):
    floor = _floor(path.relative_to(PACKAGE).with_suffix("").parts)
    assert floor in FLOORS, f"{floor} has no floor: add it to the list where it belongs"
    for line, other in _imports(path):
        if (floor, other) in GLANCES or other == floor or floor in ("__init__", "__main__"):
            continue
        assert FLOORS.index(other) < FLOORS.index(floor), f"{path.name}:{line} imports {other}, which stands above {floor}"


@pytest.mark.parametrize("path", _modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_module_bears_the_name_of_an_api_function(path):
    assert path.parent != PACKAGE or path.stem not in API


@pytest.mark.parametrize("path", _modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_nothing_executes_user_text(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("eval", "sympify", "parse_expr", "S"), f"{path.name}:{node.lineno}"
            if node.func.id == "exec":
                assert path.name == "api.py", f"{path.name}:{node.lineno} executes something"
