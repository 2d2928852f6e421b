"""`derive check` on layers and small networks written as classes."""

from __future__ import annotations

import pytest
from layer_files import FILES, MISTAKES
from thirds import thirds

from derive.checker.code import check_code

NAMED = ("reading", "convention", "side-condition")  # right-if, the condition said
LEAST = {"dense_with_decay": 3, "activations_storing": 3, "softmax_by_samples": 1, "softmax_batched": 1,
         "categorical_cross_entropy": 1, "softmax_with_labels": 1, "mean_squared_error": 1,
         "softmax_and_loss_combined": 1, "losses_as_objects": 2, "batch_norm_with_running": 8, "layer_norm": 4,
         "dropout_ratio": 1, "dropout_inverted": 1, "embedding_grads_list": 1, "matmul_grads_list": 2, "conv1d_loops":
         2, "conv2d_loops": 3, "conv_im2col": 5, "max_pool": 1, "flatten": 2, "rnn_cell": 6, "lstm_cell": 12,
         "gru_cell": 14, "attention_head": 8, "network_of_layers": 6, "network_with_loss_and_gradient": 7,
         "params_value_grad": 3, "parameter_objects": 3, "inheriting_layers": 6, "dense_updating": 2,
         "dense_regularised": 3, "network_trained_by_steps": 3, "softmax_with_loss_book": 1, "properties_and_types":
         3, "ordered_layers": 11, "embedding_and_scale": 3}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_right(name):
    found = check_code(FILES[name], "b.py").verdicts
    assert all(v.verdict in ("right", "no-claim") or v.kind in NAMED for v in found), found
    assert sum(v.verdict in ("right", "right-if") for v in found) >= LEAST[name]


@pytest.mark.parametrize("name, old, new, line", thirds(MISTAKES, lambda m: f"{m[0]}: {m[2][:50]}"))
def test_one_mistake(name, old, new, line):
    assert old in FILES[name]
    found = check_code(FILES[name].replace(old, new, 1), "b.py").verdicts
    wrong = [v for v in found if v.verdict == "wrong"]
    assert wrong and wrong[0].text.startswith(line), found


LAYERS = "self.layers = [Affine(n_in, n_hidden), ReLU(), Affine(n_hidden, n_out)]"
UNKNOWN = [  # layers that nobody knows are refused, and not taken for none
    "self.layers = n_in",
    "self.layers = []\n        for k in range(n_hidden):\n            self.layers.append(Affine(k, k))",
    "self.layers = []\n\n    def add(self, layer):\n        self.layers.append(layer)",
]
ONE_BY_ONE = "self.layers = []\n        self.layers.append(Affine(n_in, n_hidden))\n        self.layers.append(Affine(n_hidden, n_out))"


@pytest.mark.parametrize("made", UNKNOWN)
def test_layers_that_are_not_known(made):
    text = FILES["network_of_layers"].replace(LAYERS, made)
    (found,) = (v for v in check_code(text, "b.py").verdicts if v.verdict == "unknown")
    assert found.text == "x = layer.forward(x)" and "of an object that is not known" in found.reason
    assert "self.layers = [Linear(d, h)" in found.reason


def test_layers_one_by_one():
    right = FILES["network_of_layers"].replace(LAYERS, ONE_BY_ONE)
    assert {v.verdict for v in check_code(right, "b.py").verdicts} <= {"right", "no-claim"}
    wrong = right.replace("dout = layer.backward(dout)", "dout = 2 * layer.backward(dout)")
    assert "wrong" in {v.verdict for v in check_code(wrong, "b.py").verdicts}


def test_a_mask_drawn_anew():
    text = FILES["dropout_ratio"].replace("dout * self.mask", "dout * (np.random.rand(*dout.shape) > self.dropout_ratio)")
    (found,) = check_code(text, "b.py").verdicts
    assert found.verdict not in ("right", "right-if") and "a gradient needs the same numbers again" in found.reason


def test_a_call_that_cannot_be_read():
    """What it changes in its object is not known: nothing after it is right without a condition."""
    text = FILES["dense_with_decay"].replace("        # Gradients on parameters\n", "        self.shrink()\n")
    text += "\n    def shrink(self):\n        while self.weights.max() > 1:\n            self.weights = self.weights / 2\n"
    words = [v.verdict for v in check_code(text, "b.py").verdicts]
    assert "unknown" in words and "right" not in words


def test_an_update_before_its_use():
    """The weights that the gradient at the input reads are those of the forward pass, not the updated ones."""
    update = "        self.weights -= learning_rate * weights_gradient\n"
    use = "        input_gradient = np.dot(self.weights.T, output_gradient)\n"
    text = FILES["dense_updating"]
    assert use + update in text
    found = check_code(text.replace(use + update, update + use), "b.py").verdicts
    assert not any(v.verdict in ("right", "right-if") and v.text.startswith("input_gradient") for v in found), found
