"""The idioms of forward passes that are read, and which pass of tests/passes shows each.

    python tests/idioms.py            the README's table, from the first lines of the passes
    python tests/idioms.py --readme   write it between the README's markers
    python tests/idioms.py --label    write those first lines anew, from what the passes hold

Priorities are those of a count over 15 public codebases: A, at least 10 % of the passes of some framework; B, at least
3 %; C, rarer.  The pattern says what counts as an idiom in the text of a pass.
"""

from __future__ import annotations

import re
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PASSES = ROOT / "tests" / "passes"
HEADER = re.compile(r"# idioms:((?:.*)(?:\n#    .*)*)\n")
BEGIN, END = "<!-- idioms -->", "<!-- /idioms -->"


@dataclass(frozen=True)
class Idiom:
    """One row: the name in `# idioms:`, its priority, how it is written, and a pattern that finds it."""

    name: str
    priority: str
    example: str
    pattern: str

    def found(self, text: str) -> bool:
        return re.search(self.pattern, text, re.M) is not None


# fmt: off
IDIOMS = (
    Idiom("comparison mask", "A", "x > 0", r"[\w)\]] (<|>|<=|>=|==) -?[\w(]"),
    Idiom("if statement", "A", "if mode == 'train':", r"^ +if "),
    Idiom("tuple unpacking", "A", "N, D = x.shape", r"^ *\w+, [\w, ]*= "),
    Idiom("shape sizes", "A", "x.shape[0]", r"\.shape\[-?\d\]"),
    Idiom("slices", "A", "x[:, a:b]", r"\[[^\]\"']*:[^\]\"']*\]"),
    Idiom("np.sum", "A", "np.sum(x, axis=1)", r"np\.sum\("),
    Idiom("unary minus", "A", "-x", r"(return|=|\(|,|\*) ?-[a-zA-Z_(]"),
    Idiom("for range", "A", "for t in range(T):", r"for \w+ in range\("),
    Idiom("axis keyword", "A", "axis=1", r"axis="),
    Idiom("conditional expression", "A", "a if c else b", r"\S if .* else "),
    Idiom("zeros", "A", "np.zeros_like(x)", r"zeros(_like)?\("),
    Idiom("sum method", "A", "x.sum(axis=1)", r"(?<!np)(?<!torch)\.sum\("),
    Idiom("+= name", "A", "a += b", r"^ *\w+ \+= "),
    Idiom("dot", "A", "x.dot(w), np.dot(x, w)", r"\.dot\("),
    Idiom("dict read", "A", "params['W1']", r"[\[][\"']\w+[\"']\](?! =)"),
    Idiom(".T", "A", "x.T", r"\.T\b"),
    Idiom("torch.sum", "A", "torch.sum(x, dim=1)", r"torch\.sum\("),
    Idiom("integer sizes", "A", "C // G", r"\w\)? // \w"),
    Idiom("np.exp", "A", "np.exp(x)", r"np\.exp\("),
    Idiom("for over iterable", "A", "for W, b in zip(Ws, bs):", r"^ *for [\w, ()]+ in (?!range)"),
    Idiom("new axis", "A", "x[:, None], np.newaxis", r"\[[^\]]*\b(None|np\.newaxis)"),
    Idiom("astype / .float()", "A", "mask.astype(float)", r"\.(astype|float)\("),
    Idiom("reciprocal", "A", "1 / x", r"\b1(\.0)? / [\w(]"),
    Idiom(".view", "A", "x.view(B, T, C)", r"\.view\("),
    Idiom("np.log", "A", "np.log(x)", r"np\.log\("),
    Idiom("indexed store", "A", "out[:, t] = h", r"^ *\w+\[(?![\"']).+\] = "),
    Idiom("dim keyword", "A", "dim=-1", r"dim="),
    Idiom("reshape", "A", "x.reshape(N, C, H)", r"\breshape\("),
    Idiom("/= name", "A", "p /= s", r"^ *\w+ /= "),
    Idiom("power", "A", "x**2", r"\*\* ?[23]\b"),
    Idiom("torch.exp", "A", "torch.exp(x)", r"torch\.exp\("),
    Idiom("mean method", "A", "x.mean(0)", r"(?<!np)(?<!torch)\.mean\("),
    Idiom("label pick", "A", "p[np.arange(N), y]", r"\[(range|np\.arange|torch\.arange)\(.*\), \w+\]"),
    Idiom("state on self", "A", "self.x = x", r"self\.\w+ = "),
    Idiom("np.maximum", "A", "np.maximum(0, x)", r"np\.maximum\("),
    Idiom("where", "A", "np.where(m, a, b)", r"\b(np|torch)\.where\("),
    Idiom("@", "A", "a @ b", r" @ "),
    Idiom(".view(n, -1)", "A", "x.view(n, -1)", r"\.view\(.*-1\)"),
    Idiom("keepdims (numpy)", "A", "keepdims=True", r"keepdims=True"),
    Idiom("-= index", "A", "p[rows, y] -= 1", r"^ *\w+\[.+\] -= "),
    Idiom("positional axis", "A", "x.sum(1)", r"\.(sum|mean|max|min|var|std)\(-?\d"),
    Idiom("keepdim (torch)", "A", "keepdim=True", r"keepdim=True"),
    Idiom("copy / clone", "A", "x.copy(), x.clone()", r"\.(copy|clone)\("),
    Idiom("ones", "A", "torch.ones(T, T)", r"\bones(_like)?\("),
    Idiom("torch.tanh", "A", "torch.tanh(x)", r"torch\.tanh\("),
    Idiom("+= index", "A", "out[:, 0] += x", r"^ *\w+\[.+\] \+= "),
    Idiom(".log()", "A", "x.log()", r"\.log\(\)"),
    Idiom("torch.sqrt", "A", "torch.sqrt(x)", r"torch\.sqrt\("),
    Idiom("list comprehension", "A", "[f(x) for x in xs]", r"\[.* for .* in .*\]"),
    Idiom("expand / repeat / tile", "A", "x.expand(n, d)", r"(broadcast_to|\.expand|\.repeat|\.tile)\("),
    Idiom("F.softmax", "A", "F.softmax(x, dim=-1)", r"F\.softmax\("),
    Idiom("F.cross_entropy", "A", "F.cross_entropy(logits, y)", r"F\.cross_entropy\("),
    Idiom(".exp()", "A", "x.exp()", r"\.exp\(\)"),
    Idiom("var method", "A", "x.var(0)", r"(?<!np)(?<!torch)\.var\("),
    Idiom("negative power", "A", "x**-0.5", r"\*\* ?-"),
    Idiom("builtin sum", "A", "sum(rows)", r"(?<![\w.])sum\("),
    Idiom("one-hot", "A", "F.one_hot(y, C), np.eye(C)[y]", r"one_hot\(|eye\(.*\)\["),
    Idiom("ddof / unbiased", "A", "x.var(0, ddof=1)", r"ddof=|unbiased=|correction="),
    Idiom("gather", "B", "logp.gather(1, y[:, None])", r"\.gather\("),
    Idiom("np.max", "B", "np.max(x, axis=1)", r"np\.max\("),
    Idiom("assert", "B", "assert x.shape == y.shape", r"^ *assert "),
    Idiom("np.sqrt", "B", "np.sqrt(x)", r"np\.sqrt\("),
    Idiom(".contiguous()", "B", "x.transpose(1, 2).contiguous()", r"\.contiguous\("),
    Idiom("einsum", "B", "np.einsum('ij,kj->ik', a, b)", r"\.einsum\("),
    Idiom(".norm()", "B", "x.norm(dim=1)", r"(?<!linalg)(?<!self)\.norm\("),
    Idiom("len", "B", "len(x)", r"\blen\("),
    Idiom("dict store", "B", "cache['h'] = h", r"[\[][\"']\w+[\"']\] = |\{\"\w+\": "),
    Idiom("np.mean", "B", "np.mean(x, axis=0)", r"np\.mean\("),
    Idiom("clip / clamp", "B", "np.clip(x, 0, 1)", r"\b(clip|clamp)\("),
    Idiom("masked store", "B", "x[x < 0] = 0", r"^ *\w+\[[^:,]*( [<>]=? |mask)[^:,]*\] = "),
    Idiom(".softmax()", "B", "x.softmax(dim=-1)", r"(?<!F)(?<!torch)\.softmax\("),
    Idiom("torch.max", "B", "torch.max(x, 1)", r"torch\.max\("),
    Idiom("argmax", "B", "np.argmax(x, axis=1)", r"argmax\("),
    Idiom("reshape(N, -1)", "B", "x.reshape(N, -1)", r"reshape\(.*-1\)"),
    Idiom("torch.sigmoid", "B", "torch.sigmoid(x)", r"torch\.sigmoid\("),
    Idiom("unsqueeze", "B", "x.unsqueeze(1)", r"\.unsqueeze\("),
    Idiom("np.linalg.norm", "B", "np.linalg.norm(x, axis=1)", r"np\.linalg\.norm\("),
    Idiom("torch.log", "B", "torch.log(x)", r"torch\.log\("),
    Idiom("max method", "B", "x.max(axis=1)", r"(?<!np)(?<!torch)\.max\("),
    Idiom("list append", "B", "states.append(h)", r"\.append\("),
    Idiom("masked_fill", "B", "x.masked_fill(m, float('-inf'))", r"\.masked_fill\("),
    Idiom("torch.cat", "B", "torch.cat([a, b], dim=1)", r"torch\.cat\("),
    Idiom(".t()", "B", "x.t()", r"\.t\(\)"),
    Idiom("squeeze", "B", "x.squeeze(1)", r"squeeze\("),
    Idiom("ellipsis", "C", "x[..., 0]", r"\[\.\.\."),
    Idiom("*= and -=", "C", "a *= b", r"^ *\w+ [*-]= "),
    Idiom("np.tanh", "C", "np.tanh(x)", r"np\.tanh\("),
    Idiom(".tanh()", "C", "x.tanh()", r"\.tanh\(\)"),
    Idiom(".sqrt()", "C", "x.sqrt()", r"\.sqrt\(\)"),
    Idiom("zip / enumerate", "C", "for k, x in enumerate(xs):", r"\b(zip|enumerate)\("),
    Idiom("transpose", "C", "x.transpose(0, 2, 1)", r"\.transpose\("),
    Idiom("relu", "C", "F.relu(x), x.relu()", r"(F|torch|\w)\.relu\("),
    Idiom("np.prod", "C", "np.prod(x, axis=1)", r"np\.prod\("),
    Idiom("rsqrt", "C", "torch.rsqrt(x)", r"rsqrt\("),
    Idiom("stack", "C", "np.stack(rows, axis=1)", r"\.stack\("),
    Idiom("x.size()", "C", "B, T, C = x.size()", r"\.size\("),
    Idiom("flatten / ravel", "C", "x.ravel()", r"\.(flatten|ravel)\("),
    Idiom("pad", "C", "np.pad(x, ((1, 1), (0, 0)))", r"\.pad\("),
    Idiom("split / chunk", "C", "x.chunk(2, dim=-1)", r"\.(split|chunk)\("),
    Idiom("tuple of axes", "C", "axis=(0, 2, 3)", r"axis=\("),
    Idiom("hstack / vstack", "C", "np.hstack([a, b])", r"\.[hv]stack\("),
    Idiom("np.var", "C", "np.var(x, axis=0)", r"np\.var\("),
    Idiom("lambda", "C", "f = lambda z: z * z", r"\blambda "),
    Idiom("log_softmax", "C", "F.log_softmax(x, dim=1)", r"log_softmax\("),
    Idiom("permute", "C", "x.permute(0, 2, 1)", r"\.permute\("),
    Idiom("power of an expression", "C", "x ** p", r"\w \*\* [a-z]"),
    Idiom("abs", "C", "np.abs(x)", r"\babs\("),
    Idiom("torch.bmm / mm", "C", "torch.bmm(a, b)", r"torch\.b?mm\("),
    Idiom("cumsum", "C", "np.cumsum(x, axis=0)", r"cumsum\("),
    Idiom("min method", "C", "x.min(axis=1)", r"\.min\("),
    Idiom("reversed range", "C", "for t in reversed(range(T)):", r"reversed\(range\("),
    Idiom("np.add.at", "C", "np.add.at(out, idx, v)", r"np\.add\.at\("),
    Idiom("strided slice", "C", "x[i : i + s * H : s]", r"\[[^\]]*:[^\],]*:[^\]]*\w"),
    Idiom("negative step", "C", "x[::-1]", r"::-1"),
    Idiom("logsumexp", "C", "torch.logsumexp(x, dim=1)", r"logsumexp\("),
    Idiom("std", "C", "x.std(0)", r"\.std\("),
    Idiom("tril / triu", "C", "np.tril(np.ones((T, T)))", r"\b(tril|triu)\("),
    Idiom("np.concatenate", "C", "np.concatenate([a, b], axis=1)", r"np\.concatenate\("),
    Idiom("np.outer", "C", "np.outer(a, b)", r"np\.outer\("),
    Idiom("np.expand_dims", "C", "np.expand_dims(x, 1)", r"np\.expand_dims\("),
    Idiom("np.matmul", "C", "np.matmul(a, b)", r"\.matmul\("),
    Idiom("helper function", "–", "def softmax(z): …",
          r"(?s)(?:\A|\n)(?:    )?def (?!forward)\w+\(.*\n(?:    )?def \w+\((?!self)"),
    Idiom("class of the source", "–", "class Linear: …", r"^class \w+(\(object\))?:"),
    Idiom("nn.Module", "–", "class Net(nn.Module): …", r"nn\.Module"),
    Idiom("convolution", "–", "nn.Conv2d(3, 8, 3), F.conv1d(x, w)", r"\b(Conv|conv)[12]d\("),
    Idiom("pooling", "–", "F.max_pool2d(x, 2)", r"_pool[12]d\("),
    Idiom("training loop", "–", "for _ in range(1000): … W -= lr * dW", r"^for \w+ in range\(\d{3,}\)"),
    Idiom("params dict on self", "–", "self.params = {'W': np.random.randn(d, h)}", r"self\.params = \{"),
    Idiom("boolean mask read", "–", "p[Y == 1].sum()", r"\[\w+ == \w+\]\)"),
    Idiom("jax", "–", "jax.nn.gelu(jnp.dot(x, w))", r"\bjax\.nn\."),
    Idiom("notebook cells", "–", "loss.backward()", r"\.backward\(\)"),
    Idiom("in-place method", "–", "h.mul_(3)", r"\.[a-z]+_\("),
    Idiom("embedding look-up", "–", "C[X]", r"\bC\[X"),
    Idiom("branch on data in a loop", "–", "if margin > 0: loss += margin", r"^ +if \w+ > 0:\n"),
    Idiom("lists of arrays", "–", "Ws[0], bs[0]", r"\bWs\[0\]"),
    Idiom("dict of outputs", "–", "return {'loss': loss}", r"return \{"),
    Idiom("take_along_axis", "–", "np.take_along_axis(x, i, 1)", r"take_along_axis\("),
    Idiom("scatter_", "–", "z.scatter_(1, y, 1.0)", r"\.scatter(_add)?_\("),
)
# fmt: on
NAMES = {idiom.name: idiom for idiom in IDIOMS}


def code_of(text: str) -> str:
    """A pass without its comments and docstrings."""
    text = re.sub(r'""".*?"""', "", text, flags=re.S)
    return re.sub(r"(^|\s)#.*$", "", text, flags=re.M)


def held(text: str) -> list[str]:
    """The idioms that a pass holds, in the order of the table."""
    code = code_of(text)
    return [idiom.name for idiom in IDIOMS if idiom.found(code)]


def said(text: str) -> list[str]:
    """The idioms that the first lines of a pass name."""
    found = HEADER.match(text)
    body = re.sub(r"\n# +", " ", found[1]) if found else ""
    return [part.strip() for part in body.split(";") if part.strip()]


def label(path: Path) -> None:
    """Write the first line of a pass anew."""
    text = path.read_text()
    body = text[len(found[0]) :] if (found := HEADER.match(text)) else text
    lines = textwrap.wrap("; ".join(held(body)), 105, break_on_hyphens=False)
    path.write_text("# idioms: " + "\n#    ".join(lines) + "\n" + body)


def shown() -> dict[str, list[str]]:
    """The passes that show each idiom, by its name."""
    texts = {p.stem: p.read_text() for p in sorted(PASSES.glob("*.py"))}
    return {idiom.name: [stem for stem, text in texts.items() if idiom.name in said(text)] for idiom in IDIOMS}


def table() -> str:
    """The README's table of supported idioms."""
    shown_by = shown()
    rows = ["| | idiom | for example | shown by |", "| --- | --- | --- | --- |"]
    for idiom in IDIOMS:
        stems = shown_by[idiom.name]
        links = ", ".join(f"[{s}](tests/passes/{s}.py)" for s in stems[:2])
        more = f" and {len(stems) - 2} more" if len(stems) > 2 else ""
        if stems:
            example = idiom.example.replace("|", "\\|")
            rows.append(f"| {idiom.priority} | {idiom.name} | `{example}` | {links}{more} |")
    return "\n".join(rows)


def between(text: str) -> str | None:
    """What stands between the README's markers; None without them."""
    if BEGIN not in text or END not in text:
        return None
    return text.split(BEGIN, 1)[1].split(END, 1)[0].strip()


def main() -> None:
    if "--label" in sys.argv:
        for path in sorted(PASSES.glob("*.py")):
            label(path)
    elif "--readme" in sys.argv:
        readme = ROOT / "README.md"
        head, rest = readme.read_text().split(BEGIN, 1)
        readme.write_text(f"{head}{BEGIN}\n{table()}\n{END}{rest.split(END, 1)[1]}")
    else:
        print(table())


if __name__ == "__main__":
    main()
