"""`%derive` in notebooks, with an IPython that is pretended, and with the real one where it is installed."""

import json

import pytest

import derive
from derive.magics import Magic, notebook

SOFTMAX = "$$s_i = \\frac{e^{x_i}}{\\sum_j e^{x_j}}$$\n\n"
WRONG = SOFTMAX + "$$\\frac{\\partial s_i}{\\partial x_k} = s_i(1 - s_k)$$\n"


class Session:
    """As much of IPython as the extension uses."""

    def __init__(self, *ran: str):
        self.user_ns = {"In": ["", *ran, "%derive check"]}
        self.magics = {}

    def register_magic_function(self, function, magic_kind, magic_name):
        self.magics[magic_name] = (magic_kind, function)


def run(line: str, cell: str | None = None, ran: tuple[str, ...] = ()):
    session = Session(*ran)
    derive.load_ipython_extension(session)
    kind, function = session.magics["derive"]
    assert kind == "line_cell"
    return function(line, cell)


def test_a_cell_of_formulas():
    found = run("check", WRONG)
    assert [v.verdict for v in found] == ["no-claim", "wrong"]
    assert found.checked.first_wrong == "this cell:3"
    assert repr(found).startswith("first wrong: this cell:3\n")
    page = found._repr_html_()
    assert "line 3" in page and "$\\displaystyle s_i(\\delta_{ik} - s_k)$" in page and "<script" not in page


def test_a_cell_of_backward_code_after_the_cells_before_it():
    forward = "import numpy as np\nZ = X @ W\nloss = (Z ** 2).sum()\n"
    shapes = "X = np.random.randn(4, 3)\nW = np.random.randn(3, 2)\n"
    found = run("check", "dZ = 2 * Z\ndW = X @ dZ\n", ran=("%load_ext derive", shapes, forward))
    assert [(v.verdict, v.place.line) for v in found] == [("right", 1), ("wrong", 2)], repr(found)


def test_the_saved_notebook(tmp_path, monkeypatch):
    file = tmp_path / "hw.ipynb"
    file.write_text(notebook([("markdown", "# notes"), ("markdown", WRONG)]), encoding="utf-8")
    monkeypatch.setenv("JPY_SESSION_NAME", str(file))
    found = run("check")
    assert found.checked.first_wrong == "hw.ipynb:cell 2:3" and "cell 2, line 3" in found._repr_html_()


def test_the_cells_that_were_run():
    found = run("check", ran=("Z = X @ W\nloss = (Z ** 2).sum()", "dZ = 3 * Z"))
    assert "cells" not in repr(found) and found.checked.path == "In"


def test_files_and_other_commands(tmp_path, capsys):
    file = tmp_path / "n.md"
    file.write_text(WRONG, encoding="utf-8")
    assert run(f"check {file}") == 1
    assert capsys.readouterr().out.startswith(f"first wrong: {file}:3\n")
    assert run("explain E301") is None and "E301 sign" in capsys.readouterr().out
    assert run("nonsense") == 2


def test_a_cell_as_a_forward_pass():
    found = run("show", "# shapes: x (n,) · w (n,)\ndef f(x, w):\n    return (x * w).sum()\n")
    assert "x" in str(found["w"])


def test_problems_are_printed(capsys):
    assert run("check --forward", "$$a = 1$$") is None and "needs a value" in capsys.readouterr().out
    assert run("draw", "cell") is None and "%%derive draw" in capsys.readouterr().out


def test_markup_in_notes_is_escaped():
    assert "<img" not in run("check", SOFTMAX + "$$\\sum_i s_i = 2 <img src=x>$$")._repr_html_()


def test_the_real_ipython(capsys):
    testing = pytest.importorskip("IPython.testing.globalipapp")
    shell = testing.get_ipython() or testing.start_ipython()
    shell.run_line_magic("load_ext", "derive")
    found = shell.run_cell_magic("derive", "check", WRONG)
    assert [v.verdict for v in found] == ["no-claim", "wrong"]


def test_a_notebook_is_made_of_cells():
    assert [c["cell_type"] for c in json.loads(notebook([("code", "a"), ("markdown", "b")]))["cells"]] == [
        "code",
        "markdown",
    ]
    assert isinstance(Magic(Session()).ran(), list)
