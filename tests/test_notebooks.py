"""A notebook as one namespace: a filled-in copy of the character-MLP backprop exercise, read without a declaration."""

from __future__ import annotations

import json

import numpy as np
import pytest

import derive
from derive.judges.interpreter import complex_step

DATA = ["import torch\nimport torch.nn.functional as F\nimport matplotlib.pyplot as plt\n%matplotlib inline", """
words = open('names.txt', 'r').read().splitlines()
print(len(words), max(len(w) for w in words))""", """
chars = sorted(list(set(''.join(words))))
stoi = {s: i + 1 for i, s in enumerate(chars)}
stoi['.'] = 0
itos = {i: s for s, i in stoi.items()}
vocab_size = len(itos)
print(itos)""", """
block_size = 3

def build_dataset(words):
  X, Y = [], []
  for w in words:
    context = [0] * block_size
    for ch in w + '.':
      ix = stoi[ch]
      X.append(context)
      Y.append(ix)
      context = context[1:] + [ix]
  X = torch.tensor(X)
  Y = torch.tensor(Y)
  return X, Y

import random
random.seed(42)
random.shuffle(words)
n1 = int(0.8 * len(words))
Xtr, Ytr = build_dataset(words[:n1])
Xdev, Ydev = build_dataset(words[n1:])""", """
def cmp(s, dt, t):
  ex = torch.all(dt == t.grad).item()
  print(f'{s:15s} | exact: {str(ex):5s}')""", """
n_embd = 10
n_hidden = 64
g = torch.Generator().manual_seed(2147483647)
C  = torch.randn((vocab_size, n_embd), generator=g)
W1 = torch.randn((n_embd * block_size, n_hidden), generator=g) * (5/3)/((n_embd * block_size)**0.5)
b1 = torch.randn(n_hidden, generator=g) * 0.1
W2 = torch.randn((n_hidden, vocab_size), generator=g) * 0.1
b2 = torch.randn(vocab_size, generator=g) * 0.1
bngain = torch.randn((1, n_hidden))*0.1 + 1.0
bnbias = torch.randn((1, n_hidden))*0.1
parameters = [C, W1, b1, W2, b2, bngain, bnbias]
print(sum(p.nelement() for p in parameters))
for p in parameters:
  p.requires_grad = True""", """
batch_size = 32
n = batch_size
ix = torch.randint(0, Xtr.shape[0], (batch_size,), generator=g)
Xb, Yb = Xtr[ix], Ytr[ix]"""]  # fmt: skip
FORWARD = """
emb = C[Xb]
embcat = emb.view(emb.shape[0], -1)
hprebn = embcat @ W1 + b1
bnmeani = 1/n*hprebn.sum(0, keepdim=True)
bndiff = hprebn - bnmeani
bndiff2 = bndiff**2
bnvar = 1/(n-1)*(bndiff2).sum(0, keepdim=True)
bnvar_inv = (bnvar + 1e-5)**-0.5
bnraw = bndiff * bnvar_inv
hpreact = bngain * bnraw + bnbias
h = torch.tanh(hpreact)
logits = h @ W2 + b2
logit_maxes = logits.max(1, keepdim=True).values
norm_logits = logits - logit_maxes
counts = norm_logits.exp()
counts_sum = counts.sum(1, keepdims=True)
counts_sum_inv = counts_sum**-1
probs = counts * counts_sum_inv
logprobs = probs.log()
loss = -logprobs[range(n), Yb].mean()
"""
TRAINING = """
for p in parameters:
  p.grad = None
for t in [logprobs, probs, counts, emb]:
  t.retain_grad()
loss.backward()
loss"""
BACKWARD = """
dlogprobs = torch.zeros_like(logprobs)
dlogprobs[range(n), Yb] = -1.0/n
cmp('logprobs', dlogprobs, logprobs)"""
SHAPES = {
    "C": "vocab_size n_embd", "W1": "block_size*n_embd n_hidden", "b1": "n_hidden", "W2": "n_hidden vocab_size",
    "b2": "vocab_size", "bngain": "1 n_hidden", "bnbias": "1 n_hidden", "Xb": "batch_size block_size",
    "Yb": "batch_size",
}  # fmt: skip


@pytest.fixture
def notebook(tmp_path):
    cells = [{"cell_type": "markdown", "metadata": {}, "source": ["# becoming a backprop ninja"]}]
    code = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    cells += [code | {"source": c.splitlines(True)} for c in [*DATA, FORWARD + TRAINING, BACKWARD]]
    path = tmp_path / "exercise.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def test_no_declaration_is_needed(notebook):
    program = derive.read(str(notebook))
    assert {v.name: " ".join(map(str, v.shape)) for v in program.inputs} == SHAPES
    assert program.outputs == ("loss",)
    assert "words" not in program and "ix" not in program


def test_gradients_are_those_of_the_cells(notebook):
    derived = derive.differentiate(derive.read(str(notebook)))
    assert derived.certainty == "proved"
    rng = np.random.default_rng(4)
    data = {
        "C": rng.normal(size=(6, 2)), "W1": rng.normal(size=(6, 5)), "b1": rng.normal(size=5),
        "bngain": rng.normal(size=(1, 5)), "bnbias": rng.normal(size=(1, 5)), "W2": rng.normal(size=(5, 6)),
        "b2": rng.normal(size=6), "Xb": rng.integers(0, 6, (7, 3)), "Yb": rng.integers(0, 6, 7),
    }  # fmt: skip
    body = "".join(f"    {line}\n" for line in FORWARD.strip().splitlines())
    source = f"import torch\ndef forward({', '.join(data)}):\n    n = Xb.shape[0]\n{body}    return loss\n"
    for style in ("steps", "closed"):
        _, found = derived.function(style=style)(**data)
        true = complex_step(source, data, list(found))
        for name, gradient in true.items():
            np.testing.assert_allclose(found[name], gradient, rtol=1e-9, atol=1e-11)


def test_what_touches_the_arrays_of_the_pass_is_refused(notebook):
    """Only what fetches data may be left out."""
    text = notebook.read_text().replace("h = torch.tanh(hpreact)", "h = torch.fft(hpreact)")
    notebook.write_text(text)
    with pytest.raises(derive.Problem) as found:
        derive.read(str(notebook))
    assert "fft" in found.value.what
