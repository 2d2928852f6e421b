"""Loops over time on the blackboard: what is carried, its gradient from the round after it, and the loop in the code."""

from __future__ import annotations

import re

import numpy as np
import pytest

import derive
from derive.arrays.local_rounds import with_local_rounds
from derive.arrays.program import Assign, Counter, Full, Length, Load, Map, Number, Pick, Repeat, Slice, Store
from derive.arrays.rounds import Block
from derive.checker.code import check_code
from derive.index import Index, Size
from derive.notation import equation_text
from derive.program import parse_program
from derive.recurrence import blocks, recurrence

SHAPES = {"x": "T d", "W": "d d", "h0": "d", "w": "d", "y": "int T", "B": "n T d", "a": ""}

# fmt: off
# body of the pass; the equation of the state; the gradient of what the round leaves
ROWS = [
    ("h = h0\nfor t in range(len(x)):\n    h = np.tanh(x[t] + h @ W)\nreturn h.sum()",
     "h_prev[t:T, i:d] = {h~1[i] if t = 0; h[t - 1, i]}",
     "∂h[t:T, i:d] = [T - 1 = t] + {∂h_prev[t + 1, i] if t + 1 < T; 0}"),
    ("h = 0\nfor r in x:\n    h = a * h + r\nreturn h.sum()",
     "h_prev[t:T, i:d] = {0 if t = 0; h[t - 1, i]}",
     "∂h[t:T, i:d] = [T - 1 = t] + {∂h_prev[t + 1, i] if t + 1 < T; 0}"),
    ("hs = [h0]\nfor t in range(len(x)):\n    hs.append(x[t] * hs[t])\nreturn np.stack(hs)[1:].sum()",
     "hs_prev[t:T, i:d] = {h0[i] if t = 0; row[t - 1, i]}",
     "∂row[t:T, i:d] = 1 + {∂hs_prev[t + 1, i] if t + 1 < T; 0}"),
    ("hs = {-1: h0}\nfor t in range(len(x)):\n    hs[t] = x[t] * hs[t - 1]\nreturn hs[len(x) - 1].sum()",
     "hs_prev[t:T, i:d] = {h0[i] if t = 0; hs[t - 1, i]}",
     "∂hs[t:T, i:d] = [T - 1 = t] + {∂hs_prev[t + 1, i] if t + 1 < T; 0}"),
    ("hs = {-1: 2.0, -2: 3.0}\nfor t in range(len(x)):\n    hs[t] = a * hs[t - 2] + x[t].sum()\nreturn hs[len(x) - 1]",
     "hs_prev[t:T] = {3 if t = 0; 2 if t = 1; hs[t - 2]}",
     "∂hs[t:T] = [T - 1 = t] + {∂hs_prev[t + 2] if t + 2 < T; 0}"),
    ("H = np.zeros((len(x) + 1, x.shape[1]))\nH[0] = h0\nfor t in range(len(x)):\n    H[t + 1] = x[t] * H[t]\nreturn H[1:].sum()",
     "H_prev[t:T, i:d] = {H~2[0, i] if t = 0; H_new[t - 1, i]}",
     "∂H_new[t:T, i:d] = ∂H[t + 1, i] + {∂H_prev[t + 1, i] if t + 1 < T; 0}"),
    ("g = 0.0\nG = np.zeros(len(x))\nfor t in reversed(range(len(x))):\n    g = x[t, 0] + a * g\n    G[t] = g\nreturn G.sum()",
     "g_prev[t:T] = {0 if t = T - 1; g[t + 1]}",
     "∂g[t:T] = ∂G[t] + {∂g_prev[t - 1] if 0 <= t - 1; 0}"),
    ("h = h0\nout = []\nfor t in range(B.shape[1]):\n    h = h * B[:, t].sum(0)\n    out.append(h)\nreturn sum(out).sum()",
     "h_prev[t:T, i:d] = {h~1[i] if t = 0; h[t - 1, i]}",
     "∂h[t:T, i:d] = 1 + {∂h_prev[t + 1, i] if t + 1 < T; 0}"),
    ("s = {'h': h0}\nfor r in x:\n    s['h'] = s['h'] * r\nreturn s['h'].sum()",
     "h_prev[t:T, i:d] = {h0[i] if t = 0; h[t - 1, i]}",
     "∂h[t:T, i:d] = [T - 1 = t] + {∂h_prev[t + 1, i] if t + 1 < T; 0}"),
    ("h = h0\nfor r in x:\n    h *= r\nreturn h.sum()", "h_prev[t:T, i:d] = {h0[i] if t = 0; h[t - 1, i]}", None),
]
# fmt: on


def read(body: str) -> derive.Program:
    names = [n for n in SHAPES if re.search(rf"\b{n}\b", body)]
    head = f"import numpy as np\n\n\ndef forward({', '.join(names)}):\n    "
    return derive.read(head + body.replace("\n", "\n    ") + "\n", shapes={n: SHAPES[n] for n in names})


@pytest.mark.parametrize(("body", "state", "gradient"), ROWS[:-1], ids=[r[0][:50] for r in ROWS[:-1]])
def test_what_is_carried_and_what_comes_back(body, state, gradient):
    program = read(body)
    assert state in [equation_text(e.name, e.indices, e.rhs) for e in program.equations]
    d = derive.differentiate(program)
    found = [g for g in d.gradients.derivations.values() if gradient.startswith(f"{g.target.name}[")]
    assert [equation_text(g.target.name, g.indices, g.result) for g in found] == [gradient]
    assert found[0].certainty in ("proved", "tested")
    assert d.verification.fine and d.verification.worst < 1e-9


def test_a_state_changed_in_place_must_be_known_under_one_name():
    with pytest.raises(derive.Problem, match="every round changes in place"):
        read(ROWS[-1][0])


def test_what_no_round_needs_is_computed_before_the_loop():
    code = derive.differentiate(read("h = h0\nfor t in range(len(x)):\n    z = x[t] @ W + h * w\n    h = np.tanh(z)\nreturn h.sum()")).code()
    assert "z = x @ W\n" in code and "z[t] += h_prev[t] * w" in code
    assert "for t in range(T):" in code and "for t in reversed(range(T)):" in code


def test_one_round_more_or_less():
    """T = 1: the first round is the last one."""
    found = derive.differentiate(read(ROWS[0][0])).function(style="closed")
    given = {"x": np.ones((1, 2)), "W": np.ones((2, 2)), "h0": np.zeros(2)}
    value, gradients = found(**given)
    slope = 1 - np.tanh(1.0) ** 2
    assert np.isclose(value, 2 * np.tanh(1.0))
    np.testing.assert_allclose(gradients["h0"], [2 * slope, 2 * slope])
    np.testing.assert_allclose(gradients["W"], np.zeros((2, 2)))


def test_blocks_are_in_an_order_that_can_be_computed():
    program = parse_program("input x[T]\nb[t:T] = {0 if t = 0; a[t - 1]}\ny[t:T] = a[t]^2\na[t:T] = b[t] + z[t]\nz[t:T] = 2*x[t]\n"
                            "L[] = sum[t:T] y[t]\noutput L")  # fmt: skip
    assert [[e.name for e in b] for b in blocks(program.equations)] == [["z"], ["b", "a"], ["y"], ["L"]]
    assert not recurrence(blocks(program.equations)[1]).backward


def test_a_circle_is_no_recurrence():
    program = parse_program("input x[T]\na[t:T] = b[t] + x[t]\nb[t:T] = a[t]\nL[] = sum[t:T] a[t]\noutput L")
    with pytest.raises(derive.Problem, match="circular"):
        recurrence(blocks(program.equations)[0])


# ---------------------------------------------------------------- what only one round reads

T_, N_ = Index("t", Size.of("T")), Size.of("n")
AT = (Counter(T_),)


def row(name: str) -> Pick:
    return Pick(Load(name), AT)


def zeros(name: str) -> Assign:
    return Assign(name, Full((T_.size, N_), Number(0)))


SET_A = Store("a", AT, "=", Map("mul", (row("x"), row("x"))))
SET_B = Store("b", AT, "=", Map("add", (row("a"), row("x"))))
LOCAL = [  # what a round does; the arrays that become its own, where b is read afterwards
    ((SET_A, SET_B), "a"),
    ((SET_B, SET_A), ""),  # read before it is set
    ((SET_A, SET_B, Store("b", AT, "+", Pick(Load("a"), (Map("sub", (Counter(T_), Number(1))),)))), ""),  # of another round
    ((SET_A, Store("a", AT, "+", row("x")), SET_B), ""),  # set in two lines
    ((Store("a", (*AT, Slice(None, Length(N_))), "=", row("x")), SET_B), ""),  # set in parts
    ((Store("a", AT, "=", Number(1)), SET_B), ""),  # one number: the local value would lack its axis
    ((Store("a", AT, "=", row("x")), SET_B), "a"),  # another name for the entries of x
    ((Store("a", AT, "=", row("x")), Store("x", AT, "+", Number(1)), SET_B), ""),  # which change before they are read
    ((SET_A, Assign("~~r", row("a")), Store("~~r", (Number(0),), "+", Number(1)), SET_B), ""),
    ((SET_A, Store("b", AT, "=", Pick(Load("a"), (Counter(T_), Slice(None, Number(1)))))), "a"),
]


@pytest.mark.parametrize(("body", "local"), LOCAL)
def test_what_one_round_alone_reads_is_its_own(body, local):
    names = [n for n in "ab" if any(isinstance(s, Store) and s.name == n for s in body)]
    own = {n: tuple(s for s in body if isinstance(s, Store) and s.name == n) for n in names}
    block = Block((), (*map(zeros, names), Repeat(T_, body)), own)
    (found,) = with_local_rounds([block], {"b"}, lambda name: (T_.size, N_))
    made = [s.name for s in found.statements[-1].body if isinstance(s, Assign) and s.name in names]
    assert made == list(local) == [n for n in names if not any(isinstance(s, Assign) and s.name == n for s in found.statements)]


def test_local_rounds_in_code():
    code = derive.differentiate(read("h = h0\nfor t in range(len(x)):\n    z = x[t] * h\n    h = np.tanh(z)\nreturn h.sum()")).code()
    assert re.search(r"\n        z = x\[t\] \* h_prev\[t\]", code) and "z[t]" not in code[: code.index("def backward")]
    assert "dz[t] = " in code  # which the gradient of x reads at all rounds


# ---------------------------------------------------------------- backward code with a loop

RNN = """import numpy as np

# shapes: X (T, d) · Wx (d, n) · Wh (n, n) · b (n,) · h0 (n,)
def forward(X, Wx, Wh, b, h0):
    hs = {-1: h0}
    loss = 0.0
    for t in range(len(X)):
        hs[t] = np.tanh(X[t] @ Wx + hs[t - 1] @ Wh + b)
        loss += 0.5 * np.sum(hs[t] ** 2)
    return loss
"""
BACKWARD = """def backward(X, Wx, Wh, b, h0, hs):
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
    dhnext = np.zeros_like(h0)
    for t in reversed(range(len(X))):
        dh = hs[t] + dhnext
        draw = (1 - hs[t] ** 2) * dh
        db += draw
        dWx += np.outer(X[t], draw)
        dWh += np.outer(hs[t - 1], draw)
        dhnext = draw @ Wh.T
    dh0 = dhnext
    return dWx, dWh, db, dh0
"""
MISTAKES = [("1 - hs[t] ** 2", "1 - hs[t]"), ("hs[t - 1], draw", "hs[t], draw"), ("draw @ Wh.T", "draw @ Wh"),
            ("reversed(range(len(X)))", "range(len(X))")]  # fmt: skip


def words(backward: str) -> dict[str, int]:
    found = [v.verdict for v in check_code(backward, "b.py", forward=RNN).verdicts]
    return {w: found.count(w) for w in ("right", "wrong", "unknown")}


def test_right_backward_code_with_a_loop():
    found = words(BACKWARD)
    assert found["right"] >= 4 and not found["wrong"] and not found["unknown"]


@pytest.mark.parametrize(("right", "wrong"), MISTAKES, ids=[m[1] or "forgotten" for m in MISTAKES])
def test_wrong_backward_code_with_a_loop(right, wrong):
    assert right in BACKWARD
    assert words(BACKWARD.replace(right, wrong))["wrong"] > 0


# a loop whose gradients are made of each other from round to round
COUPLED = """import numpy as np

# shapes: X (T, d) · Wx (d, n) · Wh (n, n)
def forward(X, Wx, Wh):
    T, n = len(X), len(Wh)
    hs_prev, hs = np.zeros((T, n)), np.zeros((T, n))
    for t in range(T):
        hs_prev[t] = 0 if t == 0 else hs[t - 1]
        hs[t] = np.tanh(X[t] @ Wx + hs_prev[t] @ Wh)
    return 0.5 * (hs ** 2).sum()
"""
GRADIENTS = """T, n = len(X), len(Wh)
dhs = 1.0 * hs
dhs_prev = np.zeros((T, n))
for t in reversed(range(T)):
    dhs[t] += dhs_prev[t + 1] if t + 1 < T else 0
    dhs_prev[t] = Wh @ (dhs[t] * (1 - hs[t] ** 2))
dWh = hs_prev.T @ (dhs * (1 - hs ** 2))
dX = dhs * (1 - hs ** 2) @ Wx.T
"""
LINES = [  # a mistake; the lines of the first claim that is wrong, and of those that are only carried
    ("= Wh @ (dhs", "= 2 * Wh @ (dhs", (6, 6), {5, 7, 8}),
    ("Wh @ (dhs[t] * (1 - hs[t] ** 2))", "Wh @ dhs[t]", (6, 6), {5, 7, 8}),
    ("dhs[t] += dhs_prev", "dhs[t] += 2 * dhs_prev", (2, 5), {6, 7, 8}),
    ("dhs = 1.0 * hs", "dhs = -1.0 * hs", (2, 5), {6, 7, 8}),
    ("dWh = hs_prev.T", "dWh = hs.T", (7, 7), set()),
    ("(1 - hs ** 2) @ Wx.T", "(1 - hs ** 3) @ Wx.T", (8, 8), set()),
]


def test_gradients_made_of_each_other_are_right():
    assert {v.verdict for v in check_code(GRADIENTS, "b.py", forward=COUPLED).verdicts} == {"right", "no-claim"}


@pytest.mark.parametrize(("right", "wrong", "lines", "carried"), LINES, ids=[row[1] for row in LINES])
def test_the_line_of_a_loop_that_is_wrong(right, wrong, lines, carried):
    assert right in GRADIENTS
    found = check_code(GRADIENTS.replace(right, wrong), "b.py", forward=COUPLED).verdicts
    bad = [v.place for v in found if v.verdict == "wrong"]
    assert [(p.line, p.end_line) for p in bad] == [lines]
    assert {v.place.end_line for v in found if v.verdict == "carried"} == carried


def test_a_loop_that_fails_names_its_line():
    found = check_code(GRADIENTS.replace("= Wh @ (dhs", "= Wx @ (dhs"), "b.py", forward=COUPLED).verdicts
    assert [v.place.line for v in found if v.verdict == "wrong"][:1] == [6]
    assert any(v.verdict == "unknown" and "line 6 of the loop" in v.reason for v in found)


def test_a_loop_that_reads_beyond_the_end_is_wrong():
    """`dhs_prev[T]` raises an IndexError; a place before the beginning is one from the end, which is not looked into."""
    found = check_code(GRADIENTS.replace("if t + 1 < T", "if t - 1 < T"), "b.py", forward=COUPLED).verdicts
    assert "wrong" in {v.verdict for v in found if v.place.end_line == 5}
    found = check_code(GRADIENTS.replace("dhs_prev[t + 1] if t + 1 < T else 0", "dhs_prev[t - 1]"), "b.py", forward=COUPLED).verdicts
    assert not any("nan" in (v.counterexample or "") for v in found)
