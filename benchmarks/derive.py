"""How fast the engine derives, against named peers in the same run.

    python benchmarks/derive.py            print the table
    python benchmarks/derive.py --write    and put it into the README

Times are medians over repeated runs in one process, imports and PDF left out unless a row says otherwise; peers are
measured where they are installed.  The collector runs as rarely as under the command.  Set OMP_NUM_THREADS=1.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

gc.set_threshold(100_000, 50, 100)
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
BLOCK = ROOT / "benchmarks" / "transformer_block.py"
MAKEMORE = ROOT / "examples" / "makemore.py"
START, END = "<!-- benchmark -->", "<!-- /benchmark -->"


def median(run: Callable[[], object], times: int = 5) -> float:
    """The median of several runs, in seconds, after one warm-up."""
    run()
    found = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def mlp(depth: int, size: int | None = None):
    """A tanh network with `depth` affine layers and label cross-entropy, sizes as letters or as one number."""
    from derive.program import parse_program

    d = [str(size) if size else f"D{k}" for k in range(depth + 1)]
    lines = [f"input X[N, {d[0]}]", f"input y[N] int < {d[depth]}"]
    lines += [f"input W{k}[{d[k]}, {d[k + 1]}]\ninput b{k}[{d[k + 1]}]" for k in range(depth)]
    before = "X"
    for k in range(depth):
        lines.append(f"z{k}[i:N, j:{d[k + 1]}] = (sum[k:{d[k]}] {before}[i, k]*W{k}[k, j]) + b{k}[j]")
        if k < depth - 1:
            lines.append(f"h{k}[i:N, j:{d[k + 1]}] = tanh(z{k}[i, j])")
            before = f"h{k}"
    last = f"z{depth - 1}"
    lines.append(f"q[i:N, j:{d[depth]}] = {last}[i, j] - log(sum[k:{d[depth]}] exp({last}[i, k]))")
    return parse_program("\n".join([*lines, "L[] = -1/N*sum[i:N] q[i, y[i]]", "output L"]))


def derived(program):
    """All gradients of a program, closed where they close, every step judged."""
    from derive.closing import close
    from derive.engine import differentiate
    from derive.judging import judge

    return judge(close(differentiate(program)))


def makemore_rows() -> list[tuple[str, str]]:
    from derive.engine import differentiate
    from derive.readers.python import read_python

    source = MAKEMORE.read_text()
    program = read_python(source, path=str(MAKEMORE))
    rows = [
        ("makemore: read", seconds(median(lambda: read_python(source, path=str(MAKEMORE))))),
        ("makemore: 26 gradients derived", seconds(median(lambda: differentiate(program)))),
        ("makemore: derived, closed, judged by value, exact and prover", seconds(median(lambda: derived(program)))),
    ]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "derive", "build", str(MAKEMORE), "-o", folder]
        run = lambda: subprocess.run(command, check=True, capture_output=True, cwd=ROOT)  # noqa: E731
        rows.append(("makemore: whole `derive build`, as a process", seconds(median(run, 3))))
    return rows


def transformer_rows() -> list[tuple[str, str]]:
    """A transformer block of some 60 lines, as people write it."""
    from derive.closing import close
    from derive.engine import differentiate
    from derive.readers.python import read_python

    source = BLOCK.read_text()
    program = read_python(source, path=str(BLOCK))
    whole = lambda: close(differentiate(read_python(source, path=str(BLOCK))))  # noqa: E731
    return [
        (f"transformer block, {len(program.equations)} arrays: read and derived", seconds(median(whole, 3))),
        ("transformer block: every step judged besides", seconds(median(lambda: derived(program), 1))),
    ]


def depth_rows() -> list[tuple[str, str]]:
    """Time per layer as the network gets deeper, the loss counted with the layers, and the time of one more layer."""
    rows, whole = [], {}
    for depth in (2, 4, 8, 16, 32, 64):
        program = mlp(depth)
        whole[depth] = median(lambda p=program: derived(p), 3)
        rows.append((f"MLP of depth {depth}, a layer", seconds(whole[depth] / depth)))
    added = [(whole[2 * d] - whole[d]) / d for d in (2, 4, 8, 16, 32)]
    per_layer = [whole[d] / d for d in whole]
    growth = max(b / a for a, b in itertools.pairwise(per_layer))
    return [
        *rows,
        ("MLP: time per layer, largest ratio from one depth to the next", f"{growth:.2f}"),
        ("MLP: time of an added layer, largest over smallest", f"{max(added) / min(added):.2f}"),
    ]


def passes(depth: int) -> tuple[str, str]:
    """A tanh network with squared error as people write it: its forward pass, and backward code of 4 lines a layer."""
    shapes = ["x (n, d)", "t (n, d)", *(f"W{k} (d, d)" for k in range(depth)), *(f"b{k} (d,)" for k in range(depth))]
    names = ", ".join(s.split()[0] for s in shapes)
    forward = [f"# shapes: {' · '.join(shapes)}", f"def forward({names}):", "    n = x.shape[0]", "    h0 = x"]
    back = [f"dh{depth} = 2 * (h{depth} - t) / n"]
    for k in range(depth):
        forward += [f"    z{k} = h{k} @ W{k} + b{k}", f"    h{k + 1} = np.tanh(z{k})"]
    for k in reversed(range(depth)):
        back += [f"dz{k} = dh{k + 1} * (1 - h{k + 1} ** 2)", f"dW{k} = h{k}.T @ dz{k}", f"db{k} = dz{k}.sum(0)"]
        back += [f"dh{k} = dz{k} @ W{k}.T"]
    forward += [f"    loss = ((h{depth} - t) ** 2).sum() / n", "    return loss"]
    return "\n".join(forward) + "\n", "\n".join(back) + "\n"


def checked(depth: int) -> float:
    """The time to check the backward code of a network, its gradients derived anew, in seconds."""
    from derive.checker import cut
    from derive.checker.code import check_code

    forward, backward = passes(depth)

    def run() -> None:
        cut.true_gradients.cache_clear()
        found = check_code(backward, forward=forward)
        assert {v.verdict for v in found.verdicts} == {"right"}, found.verdicts

    return median(run, 3)


def check_rows() -> list[tuple[str, str]]:
    """Backward code of 29 gradients; the cost of a further line at two lengths of the file."""
    whole = {depth: checked(depth) for depth in (7, 14, 28)}
    added = [(whole[2 * d] - whole[d]) / (6 * d) for d in (7, 14)]
    return [
        ("`derive check`: backward code of 29 gradients, forward pass derived", seconds(whole[7])),
        ("`derive check`: 113 gradients", seconds(whole[28])),
        ("`derive check`: time of an added line, 113 gradients over 57", f"{added[1] / added[0]:.2f}"),
    ]


def size_rows() -> list[tuple[str, str]]:
    """Sizes do not matter: they are letters, and as numbers they are only written."""
    from derive.engine import differentiate

    return [(f"MLP of depth 8, sizes {label}, derived", seconds(median(lambda n=n: differentiate(mlp(8, n)))))
            for label, n in (("as letters", None), ("16", 16), ("4096", 4096))]  # fmt: skip


def peer_rows() -> list[tuple[str, str]]:
    rows = []
    for name, measure in (("SymPy `diff`, MLP of depth 4, one weight, raw", _sympy), ("PyTensor `grad`, MLP of depth 8", _pytensor),
                          ("JAX trace of the gradient, MLP of depth 8", _jax)):  # fmt: skip
        try:
            rows.append((name, seconds(measure())))
        except ImportError as missing:
            rows.append((name, f"not installed ({missing.name})"))
    return rows


def _sympy() -> float:
    from sympy import IndexedBase, Sum, diff, exp, log, symbols, tanh
    from sympy.core.cache import clear_cache

    n, letters = symbols("N", integer=True), symbols("a:z", integer=True)
    sizes = symbols("D0:5", integer=True)

    def build():
        clear_cache()
        i, h = letters[0], IndexedBase("X")
        value = lambda j: h[i, j]  # noqa: E731
        for k in range(4):
            w, b, s = IndexedBase(f"W{k}"), IndexedBase(f"b{k}"), letters[k + 1]
            inner = value
            value = lambda j, w=w, b=b, s=s, k=k, inner=inner: (
                (lambda z: tanh(z) if k < 3 else z)(Sum(inner(s) * w[s, j], (s, 0, sizes[k] - 1)) + b[j])
            )
        c, y = letters[10], IndexedBase("y")
        loss = Sum(value(y[i]) - log(Sum(exp(value(c)), (c, 0, sizes[4] - 1))), (i, 0, n - 1)) / n
        return diff(loss, IndexedBase("W0")[letters[20], letters[21]])

    return median(build, 3)


def _pytensor() -> float:
    import pytensor
    import pytensor.tensor as pt

    def build():
        x, y = pt.matrix("X"), pt.lvector("y")
        weights = [pt.matrix(f"W{k}") for k in range(8)]
        h = x
        for k, w in enumerate(weights):
            h = pt.dot(h, w)
            h = pt.tanh(h) if k < 7 else h
        q = h - pt.log(pt.exp(h).sum(axis=1, keepdims=True))
        return pytensor.grad(-q[pt.arange(y.shape[0]), y].mean(), weights)

    return median(build, 3)


def _jax() -> float:
    import jax
    import jax.numpy as jnp

    weights = [jnp.ones((16, 16)) for _ in range(8)]
    x, y = jnp.ones((32, 16)), jnp.zeros(32, int)

    def loss(weights):
        h = x
        for k, w in enumerate(weights):
            h = h @ w
            h = jnp.tanh(h) if k < 7 else h
        q = h - jax.nn.logsumexp(h, axis=1, keepdims=True)
        return -q[jnp.arange(32), y].mean()

    return median(lambda: jax.make_jaxpr(jax.grad(loss))(weights), 3)


def seconds(value: float) -> str:
    return f"{1000 * value:.1f} ms" if value < 1 else f"{value:.2f} s"


def table() -> str:
    rows = [*makemore_rows(), *transformer_rows(), *depth_rows(), *check_rows(), *size_rows(), *peer_rows()]
    return "\n".join(["| what | median |", "| --- | --- |", *(f"| {what} | {figure} |" for what, figure in rows)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the table into the README")
    wanted = parser.parse_args()
    found = table()
    print(found)
    if wanted.write:
        readme = ROOT / "README.md"
        head, _, rest = readme.read_text().partition(START)
        _, _, tail = rest.partition(END)
        readme.write_text(f"{head}{START}\n{found}\n{END}{tail}")


if __name__ == "__main__":
    main()
