"""Files from courses that hold both passes, as they are taught, and single planted mistakes.

A row: the file by name, what is changed in it (old, new), and the text of the line that is then the first wrong one.
"""

FILES = {
    'two_layer_net': '''
import numpy as np
class TwoLayerNet(object):
    # shapes: X (N, D) · y int (N,) · W1 (D, H) · b1 (H,) · W2 (H, C) · b2 (C,)
    def __init__(self, input_size, hidden_size, output_size, std=1e-4):
        self.params = {}
        self.params['W1'] = std * np.random.randn(input_size, hidden_size)
        self.params['b1'] = np.zeros(hidden_size)
        self.params['W2'] = std * np.random.randn(hidden_size, output_size)
        self.params['b2'] = np.zeros(output_size)

    def loss(self, X, y=None, reg=0.0):
        # Unpack variables from the params dictionary
        W1, b1 = self.params['W1'], self.params['b1']
        W2, b2 = self.params['W2'], self.params['b2']
        N, D = X.shape

        # Compute the forward pass
        h1 = np.maximum(0, X.dot(W1) + b1)
        scores = h1.dot(W2) + b2

        if y is None:
            return scores

        scores -= np.max(scores, axis=1, keepdims=True)
        exp_scores = np.exp(scores)
        probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
        loss = np.sum(-np.log(probs[np.arange(N), y])) / N
        loss += reg * (np.sum(W1 * W1) + np.sum(W2 * W2))

        # Backward pass: compute gradients
        grads = {}
        dscores = probs
        dscores[range(N), y] -= 1
        dscores /= N
        grads['W2'] = h1.T.dot(dscores) + 2 * reg * W2
        grads['b2'] = np.sum(dscores, axis=0)
        dh = dscores.dot(W2.T)
        dh[h1 <= 0] = 0
        grads['W1'] = X.T.dot(dh) + 2 * reg * W1
        grads['b1'] = np.sum(dh, axis=0)
        return loss, grads
''',
    'svm_loss_vectorized': '''
import numpy as np
# shapes: W (D, C) · X (N, D) · y int (N,) · reg ()
def svm_loss_vectorized(W, X, y, reg):
    loss = 0.0
    dW = np.zeros(W.shape) # initialize the gradient as zero
    num_train = X.shape[0]
    scores = X.dot(W)
    correct_class_scores = scores[np.arange(num_train), y].reshape(-1, 1)
    margins = np.maximum(0, scores - correct_class_scores + 1)
    margins[np.arange(num_train), y] = 0
    loss = np.sum(margins) / num_train
    loss += reg * np.sum(W * W)

    margins[margins > 0] = 1
    row_sum = np.sum(margins, axis=1)
    margins[np.arange(num_train), y] = -row_sum
    dW = X.T.dot(margins) / num_train + 2 * reg * W
    return loss, dW
''',
    'softmax_loss_vectorized': '''
import numpy as np
# shapes: W (D, C) · X (N, D) · y int (N,) · reg ()
def softmax_loss_vectorized(W, X, y, reg):
    loss = 0.0
    dW = np.zeros_like(W)
    num_train = X.shape[0]
    scores = X.dot(W)
    scores -= np.max(scores, axis=1, keepdims=True)
    p = np.exp(scores) / np.sum(np.exp(scores), axis=1, keepdims=True)
    loss = np.sum(-np.log(p[np.arange(num_train), y]))
    ind = np.zeros_like(p)
    ind[np.arange(num_train), y] = 1
    dW = X.T.dot(p - ind)
    loss /= num_train
    loss += 0.5 * reg * np.sum(W * W)
    dW /= num_train
    dW += reg * W
    return loss, dW
''',
    'propagate': '''
import numpy as np
# shapes: w (d, 1) · b () · X (d, m) · Y (1, m)
def sigmoid(z):
    s = 1 / (1 + np.exp(-z))
    return s
def propagate(w, b, X, Y):
    m = X.shape[1]
    A = sigmoid(np.dot(w.T, X) + b)
    cost = -1 / m * np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A))
    dw = 1 / m * np.dot(X, (A - Y).T)
    db = 1 / m * np.sum(A - Y)
    assert(dw.shape == w.shape)
    assert(db.dtype == float)
    cost = np.squeeze(cost)
    assert(cost.shape == ())
    grads = {"dw": dw, "db": db}
    return grads, cost
''',
    'min_char_rnn': '''
import numpy as np
hidden_size = 100
seq_length = 25
vocab_size = 65
Wxh = np.random.randn(hidden_size, vocab_size)*0.01
Whh = np.random.randn(hidden_size, hidden_size)*0.01
Why = np.random.randn(vocab_size, hidden_size)*0.01
bh = np.zeros((hidden_size, 1))
by = np.zeros((vocab_size, 1))

# shapes: inputs int (T,) · targets int (T,) · hprev (hidden_size, 1)
def lossFun(inputs, targets, hprev):
  """
  inputs,targets are both list of integers.
  hprev is Hx1 array of initial hidden state
  returns the loss, gradients on model parameters, and last hidden state
  """
  xs, hs, ys, ps = {}, {}, {}, {}
  hs[-1] = np.copy(hprev)
  loss = 0
  # forward pass
  for t in range(len(inputs)):
    xs[t] = np.zeros((vocab_size,1)) # encode in 1-of-k representation
    xs[t][inputs[t]] = 1
    hs[t] = np.tanh(np.dot(Wxh, xs[t]) + np.dot(Whh, hs[t-1]) + bh) # hidden state
    ys[t] = np.dot(Why, hs[t]) + by # unnormalized log probabilities for next chars
    ps[t] = np.exp(ys[t]) / np.sum(np.exp(ys[t])) # probabilities for next chars
    loss += -np.log(ps[t][targets[t],0]) # softmax (cross-entropy loss)
  # backward pass: compute gradients going backwards
  dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
  dbh, dby = np.zeros_like(bh), np.zeros_like(by)
  dhnext = np.zeros_like(hs[0])
  for t in reversed(range(len(inputs))):
    dy = np.copy(ps[t])
    dy[targets[t]] -= 1 # backprop into y
    dWhy += np.dot(dy, hs[t].T)
    dby += dy
    dh = np.dot(Why.T, dy) + dhnext # backprop into h
    dhraw = (1 - hs[t] * hs[t]) * dh # backprop through tanh nonlinearity
    dbh += dhraw
    dWxh += np.dot(dhraw, xs[t].T)
    dWhh += np.dot(dhraw, hs[t-1].T)
    dhnext = np.dot(Whh.T, dhraw)
  for dparam in [dWxh, dWhh, dWhy, dbh, dby]:
    np.clip(dparam, -5, 5, out=dparam) # clip to mitigate exploding gradients
  return loss, dWxh, dWhh, dWhy, dbh, dby, hs[len(inputs)-1]
''',
    'fastai_lin_grad': '''
import torch
# shapes: inp (n, d) · targ (n,) · w1 (d, h) · b1 (h,) · w2 (h, 1) · b2 (1,)
def lin(x, w, b): return x@w + b
def relu(x): return x.clamp_min(0.)
def mse(output, targ): return (output[:,0]-targ).pow(2).mean()

def lin_grad(inp, out, w, b):
    # grad of matmul with respect to input
    inp.g = out.g @ w.t()
    w.g = inp.t() @ out.g
    b.g = out.g.sum(0)

def forward_and_backward(inp, targ):
    # forward pass:
    l1 = lin(inp, w1, b1)
    l2 = relu(l1)
    out = lin(l2, w2, b2)
    # we don't actually need the loss in backward!
    diff = out[:,0]-targ
    loss = diff.pow(2).mean()

    # backward pass:
    out.g = 2.*diff[:,None] / inp.shape[0]
    lin_grad(l2, out, w2, b2)
    l1.g = (l1>0).float() * l2.g
    lin_grad(inp, l1, w1, b1)

forward_and_backward(x_train, y_train)
''',
    'fastai_three_grads': '''
# shapes: inp (n, d) · targ (n,) · w1 (d, h) · b1 (h,) · w2 (h, 1) · b2 (1,)
def mse(out, targ): return (out.squeeze(-1) - targ).pow(2).mean()
def mse_grad(inp, targ):
    inp.g = 2. * (inp.squeeze() - targ).unsqueeze(-1) / inp.shape[0]

def relu_grad(inp, out):
    inp.g = (inp>0).float() * out.g

def lin_grad(inp, out, w, b):
    inp.g = out.g @ w.t()
    w.g = (inp.unsqueeze(-1) * out.g.unsqueeze(1)).sum(0)
    b.g = out.g.sum(0)

def forward_and_backward(inp, targ):
    l1 = inp @ w1 + b1
    l2 = relu(l1)
    out = l2 @ w2 + b2
    loss = mse(out, targ)

    mse_grad(out, targ)
    lin_grad(l2, out, w2, b2)
    relu_grad(l1, l2)
    lin_grad(inp, l1, w1, b1)
''',
}

MISTAKES = (
    ("two_layer_net", "+ 2 * reg * W2", "+ reg * W2", "grads['W2'] ="),
    ("two_layer_net", "dscores /= N", "dscores *= N", "dscores = probs"),
    ("two_layer_net", "dh[h1 <= 0] = 0", "dh[h1 > 0] = 0", "dh[h1 > 0] = 0"),
    ("two_layer_net", "X.T.dot(dh) +", "X.T.dot(dh) -", "grads['W1'] ="),
    ("svm_loss_vectorized", "= -row_sum", "= row_sum", "row_sum ="),
    ("svm_loss_vectorized", "X.T.dot(margins) / num_train", "X.T.dot(margins)", "dW = X.T"),
    ("softmax_loss_vectorized", "dW += reg * W", "dW += 2 * reg * W", "dW = X.T"),
    ("softmax_loss_vectorized", "dot(p - ind)", "dot(ind - p)", "dW = X.T"),
    ("propagate", "np.dot(X, (A - Y).T)", "np.dot(X, (Y - A).T)", "dw ="),
    ("propagate", "np.sum(A - Y)", "np.sum(A)", "db ="),
    ("min_char_rnn", "dy[targets[t]] -= 1", "dy[targets[t]] += 1", "dWhy +="),
    ("min_char_rnn", "(1 - hs[t] * hs[t])", "(1 - hs[t])", "dbh +="),
    ("min_char_rnn", "+ dhnext #", "#", "dbh +="),
    ("min_char_rnn", "hs[t-1].T", "hs[t].T", "dWhh +="),
    ("fastai_lin_grad", "inp.t() @ out.g", "-inp.t() @ out.g", "w.g ="),
    ("fastai_lin_grad", "(l1>0)", "(l1<0)", "l1.g ="),
    ("fastai_three_grads", "2. * (inp.squeeze()", "(inp.squeeze()", "inp.g = (inp"),
    ("fastai_three_grads", "b.g = out.g.sum(0)", "b.g = out.g.mean(0)", "b.g ="),
)
