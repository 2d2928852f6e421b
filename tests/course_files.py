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
    'planar_classifier': '''
import numpy as np
# shapes: X (n_x, m) · Y (1, m) · parameters['W1'] (n_h, n_x) · parameters['b1'] (n_h, 1) · parameters['W2'] (1, n_h) · parameters['b2'] (1, 1)
def sigmoid(x):
    return 1/(1+np.exp(-x))

def forward_propagation(X, parameters):
    W1 = parameters["W1"]
    b1 = parameters["b1"]
    W2 = parameters["W2"]
    b2 = parameters["b2"]
    Z1 = np.dot(W1, X) + b1
    A1 = np.tanh(Z1)
    Z2 = np.dot(W2, A1) + b2
    A2 = sigmoid(Z2)
    assert(A2.shape == (1, X.shape[1]))
    cache = {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2}
    return A2, cache

def compute_cost(A2, Y):
    m = Y.shape[1] # number of examples
    logprobs = np.multiply(np.log(A2), Y) + np.multiply(np.log(1 - A2), 1 - Y)
    cost = -np.sum(logprobs) / m
    cost = float(np.squeeze(cost))
    return cost

def backward_propagation(parameters, cache, X, Y):
    m = X.shape[1]
    W1 = parameters["W1"]
    W2 = parameters["W2"]
    A1 = cache["A1"]
    A2 = cache["A2"]
    dZ2 = A2 - Y
    dW2 = 1 / m * np.dot(dZ2, A1.T)
    db2 = 1 / m * np.sum(dZ2, axis=1, keepdims=True)
    dZ1 = np.dot(W2.T, dZ2) * (1 - np.power(A1, 2))
    dW1 = 1 / m * np.dot(dZ1, X.T)
    db1 = 1 / m * np.sum(dZ1, axis=1, keepdims=True)
    grads = {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}
    return grads

def update_parameters(parameters, grads, learning_rate=1.2):
    W1 = parameters["W1"]
    W1 = W1 - learning_rate * grads["dW1"]
    return {"W1": W1}
''',
    'gradient_check': '''
import numpy as np
def forward_propagation_n(X, Y, parameters):
    # shapes: X (n0, m) · Y (n3, m) · parameters['W1'] (n1, n0) · parameters['b1'] (n1, 1) · parameters['W2'] (n2, n1) · parameters['b2'] (n2, 1) · parameters['W3'] (n3, n2) · parameters['b3'] (n3, 1)
    m = X.shape[1]
    W1 = parameters["W1"]
    b1 = parameters["b1"]
    W2 = parameters["W2"]
    b2 = parameters["b2"]
    W3 = parameters["W3"]
    b3 = parameters["b3"]
    # LINEAR -> RELU -> LINEAR -> RELU -> LINEAR -> SIGMOID
    Z1 = np.dot(W1, X) + b1
    A1 = np.maximum(0, Z1)
    Z2 = np.dot(W2, A1) + b2
    A2 = np.maximum(0, Z2)
    Z3 = np.dot(W3, A2) + b3
    A3 = 1/(1+np.exp(-Z3))
    log_probs = np.multiply(-np.log(A3),Y) + np.multiply(-np.log(1 - A3), 1 - Y)
    cost = 1. / m * np.sum(log_probs)
    cache = (Z1, A1, W1, b1, Z2, A2, W2, b2, Z3, A3, W3, b3)
    return cost, cache

def backward_propagation_n(X, Y, cache):
    m = X.shape[1]
    (Z1, A1, W1, b1, Z2, A2, W2, b2, Z3, A3, W3, b3) = cache
    dZ3 = A3 - Y
    dW3 = 1. / m * np.dot(dZ3, A2.T)
    db3 = 1. / m * np.sum(dZ3, axis=1, keepdims=True)
    dA2 = np.dot(W3.T, dZ3)
    dZ2 = np.multiply(dA2, np.int64(A2 > 0))
    dW2 = 1. / m * np.dot(dZ2, A1.T)
    db2 = 1. / m * np.sum(dZ2, axis=1, keepdims=True)
    dA1 = np.dot(W2.T, dZ2)
    dZ1 = np.multiply(dA1, np.int64(A1 > 0))
    dW1 = 1. / m * np.dot(dZ1, X.T)
    db1 = 1. / m * np.sum(dZ1, axis=1, keepdims=True)
    gradients = {"dZ3": dZ3, "dW3": dW3, "db3": db3, "dA2": dA2, "dZ2": dZ2, "dW2": dW2, "db2": db2,
                 "dA1": dA1, "dZ1": dZ1, "dW1": dW1, "db1": db1}
    return gradients
''',
    'layers_in_a_loop': '''
import numpy as np
# shapes: X (n0, m) · Y (n2, m) · parameters['W1'] (n1, n0) · parameters['b1'] (n1, 1) · parameters['W2'] (n2, n1) · parameters['b2'] (n2, 1)
def forward(X, Y, parameters):
    m = X.shape[1]
    L = 2
    caches = []
    A = X
    for l in range(1, L + 1):
        A_prev = A
        Z = parameters["W" + str(l)] @ A_prev + parameters["b" + str(l)]
        A = 1 / (1 + np.exp(-Z)) if l == L else np.tanh(Z)
        caches.append((A_prev, parameters["W" + str(l)], parameters["b" + str(l)], Z, A))
    cost = -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / m
    return cost, caches

def backward(Y, caches, parameters):
    m = Y.shape[1]
    L = len(caches)
    grads = {}
    A_prev, W, b, Z, A = caches[L - 1]
    dZ = (A - Y) / m
    grads["dW" + str(L)] = dZ @ A_prev.T
    grads["db" + str(L)] = dZ.sum(axis=1, keepdims=True)
    grads["dA" + str(L - 1)] = W.T @ dZ
    for l in reversed(range(L - 1)):
        A_prev, W, b, Z, A = caches[l]
        dZ = grads["dA" + str(l + 1)] * (1 - A ** 2)
        grads["dW" + str(l + 1)] = dZ @ A_prev.T
        grads["db" + str(l + 1)] = dZ.sum(axis=1, keepdims=True)
        grads["dA" + str(l)] = W.T @ dZ
    return grads
''',
    'deep_network': '''
import numpy as np
# shapes: X (n0, m) · Y (1, m) · parameters['W1'] (n1, n0) · parameters['b1'] (n1, 1) · parameters['W2'] (n2, n1) · parameters['b2'] (n2, 1) · parameters['W3'] (1, n2) · parameters['b3'] (1, 1)
def sigmoid(Z):
    A = 1/(1+np.exp(-Z))
    cache = Z
    return A, cache
def relu(Z):
    A = np.maximum(0,Z)
    assert(A.shape == Z.shape)
    cache = Z
    return A, cache
def relu_backward(dA, cache):
    Z = cache
    dZ = np.array(dA, copy=True) # just converting dz to a correct object.
    dZ[Z <= 0] = 0
    assert (dZ.shape == Z.shape)
    return dZ
def sigmoid_backward(dA, cache):
    Z = cache
    s = 1/(1+np.exp(-Z))
    dZ = dA * s * (1-s)
    assert (dZ.shape == Z.shape)
    return dZ
def linear_forward(A, W, b):
    Z = np.dot(W, A) + b
    cache = (A, W, b)
    return Z, cache
def linear_activation_forward(A_prev, W, b, activation):
    if activation == "sigmoid":
        Z, linear_cache = linear_forward(A_prev, W, b)
        A, activation_cache = sigmoid(Z)
    elif activation == "relu":
        Z, linear_cache = linear_forward(A_prev, W, b)
        A, activation_cache = relu(Z)
    cache = (linear_cache, activation_cache)
    return A, cache
def L_model_forward(X, parameters):
    caches = []
    A = X
    L = len(parameters) // 2
    for l in range(1, L):
        A_prev = A
        A, cache = linear_activation_forward(A_prev, parameters['W' + str(l)], parameters['b' + str(l)], activation = "relu")
        caches.append(cache)
    AL, cache = linear_activation_forward(A, parameters['W' + str(L)], parameters['b' + str(L)], activation = "sigmoid")
    caches.append(cache)
    return AL, caches
def compute_cost(AL, Y):
    m = Y.shape[1]
    cost = (-1/ m) * np.sum(np.multiply(Y, np.log(AL)) + np.multiply(1 - Y, np.log( 1 - AL)))
    cost = np.squeeze(cost)
    return cost
def linear_backward(dZ, cache):
    A_prev, W, b = cache
    m = A_prev.shape[1]
    dW = (1/m) * np.dot(dZ, A_prev.T)
    db = (1/m) * np.sum(dZ, axis = 1, keepdims = True)
    dA_prev = np.dot(W.T, dZ)
    return dA_prev, dW, db
def linear_activation_backward(dA, cache, activation):
    linear_cache, activation_cache = cache
    if activation == "relu":
        dZ = relu_backward(dA, activation_cache)
        dA_prev, dW, db = linear_backward(dZ, linear_cache)
    elif activation == "sigmoid":
        dZ = sigmoid_backward(dA, activation_cache)
        dA_prev, dW, db = linear_backward(dZ, linear_cache)
    return dA_prev, dW, db
def L_model_backward(AL, Y, caches):
    grads = {}
    L = len(caches) # the number of layers
    m = AL.shape[1]
    Y = Y.reshape(AL.shape)
    dAL = - (np.divide(Y, AL) - np.divide(1 - Y, 1 - AL))
    current_cache = caches[L-1]
    grads["dA" + str(L-1)], grads["dW" + str(L)], grads["db" + str(L)] = linear_activation_backward(dAL, current_cache, activation = "sigmoid")
    for l in reversed(range(L-1)):
        current_cache = caches[l]
        dA_prev_temp, dW_temp, db_temp = linear_activation_backward(grads["dA" + str(l + 1)], current_cache, activation = "relu")
        grads["dA" + str(l)] = dA_prev_temp
        grads["dW" + str(l + 1)] = dW_temp
        grads["db" + str(l + 1)] = db_temp
    return grads
''',
    'blog_network': '''import numpy as np
# shapes: X (n, d) · y (n, c) · W1 (d, h) · W2 (h, c)
def sigmoid(x):
    return 1 / (1 + np.exp(-x))
def sigmoid_derivative(s):
    return s * (1 - s)
hidden = sigmoid(X @ W1)
output = sigmoid(hidden @ W2)
loss = 0.5 * np.sum((output - y)**2)
d_output = (output - y) * sigmoid_derivative(output)
d_W2 = hidden.T @ d_output
d_hidden = d_output @ W2.T * sigmoid_derivative(hidden)
d_W1 = X.T @ d_hidden
''',
    'layers_of_functions': '''
from builtins import range
import numpy as np

def affine_forward(x, w, b):
    """x: A numpy array containing input data, of shape (N, d_1, ..., d_k)"""
    # shapes: x (N, p, q) · w (p*q, M) · b (M,)
    out = x.reshape(x.shape[0], -1).dot(w) + b
    cache = (x, w, b)
    return out, cache

def affine_backward(dout, cache):
    x, w, b = cache
    dx, dw, db = None, None, None
    dx = dout.dot(w.T).reshape(x.shape)
    dw = x.reshape(x.shape[0], -1).T.dot(dout)
    db = dout.sum(axis=0)
    return dx, dw, db

def relu_forward(x):
    out = np.maximum(0, x)
    cache = x
    return out, cache

def relu_backward(dout, cache):
    dx, x = None, cache
    dx = dout * (x > 0)
    return dx

# shapes: x (N, C) · y int (N,)
def softmax_loss(x, y):
    shifted_logits = x - np.max(x, axis=1, keepdims=True)
    Z = np.sum(np.exp(shifted_logits), axis=1, keepdims=True)
    log_probs = shifted_logits - np.log(Z)
    probs = np.exp(log_probs)
    N = x.shape[0]
    loss = -np.sum(log_probs[np.arange(N), y]) / N
    dx = probs.copy()
    dx[np.arange(N), y] -= 1
    dx /= N
    return loss, dx

def svm_loss(x, y):
    N = x.shape[0]
    correct_class_scores = x[np.arange(N), y]
    margins = np.maximum(0, x - correct_class_scores[:, np.newaxis] + 1.0)
    margins[np.arange(N), y] = 0
    loss = np.sum(margins) / N
    num_pos = np.sum(margins > 0, axis=1)
    dx = np.zeros_like(x)
    dx[margins > 0] = 1
    dx[np.arange(N), y] -= num_pos
    dx /= N
    return loss, dx
''',
    'layers_of_classes': '''
import numpy as np
# shapes: x (n, d) · W (d, h) · b (h,)
class Linear:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out) * 0.01
        self.b = np.zeros(n_out)
    def forward(self, x):
        self.x = x
        return x @ self.W + self.b
    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T

class ReLU:
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask
    def backward(self, dout):
        return dout * self.mask

class Sigmoid:
    def forward(self, x):
        self.out = 1 / (1 + np.exp(-x))
        return self.out
    def backward(self, dout):
        dx = dout * (1.0 - self.out) * self.out
        return dx

class SoftmaxWithLoss:
    # shapes: x (n, d) · t (n, d)
    def forward(self, x, t):
        self.t = t
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.y = e / e.sum(axis=1, keepdims=True)
        self.loss = -np.sum(t * np.log(self.y)) / x.shape[0]
        return self.loss
    def backward(self, dout=1):
        batch_size = self.t.shape[0]
        dx = (self.y * self.t.sum(axis=1, keepdims=True) - self.t) / batch_size
        return dx
''',
    'training_function': '''import numpy as np
def sigmoid(z):
    return 1 / (1 + np.exp(-z))

# shapes: X (m, n) · y (m,)
def train(X, y, lr=0.1, epochs=1000):
    m, n = X.shape
    w = np.zeros(n)
    b = 0.0
    losses = []
    for epoch in range(epochs):
        z = X @ w + b
        p = sigmoid(z)
        loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
        losses.append(loss)
        dz = p - y
        dw = X.T @ dz / m
        db = dz.sum() / m
        w -= lr * dw
        b -= lr * db
        if epoch % 100 == 0:
            print(epoch, loss)
    return w, b, losses
''',
    'training_script': '''import numpy as np
X = np.random.randn(100, 3)
y = np.random.randn(100)
w = np.zeros(3)
b = 0
lr = 0.1
for i in range(100):
    y_pred = X @ w + b
    loss = np.mean((y_pred - y) ** 2)
    dy_pred = 2 * (y_pred - y) / len(y)
    dw = X.T @ dy_pred
    db = dy_pred.sum()
    w -= lr * dw
    b -= lr * db
''',
    'svm_loss_naive': '''
import numpy as np
# shapes: W (D, C) · X (N, D) · y int (N,) · reg ()
def svm_loss_naive(W, X, y, reg):
    dW = np.zeros(W.shape)  # initialize the gradient as zero
    num_classes = W.shape[1]
    num_train = X.shape[0]
    loss = 0.0
    for i in range(num_train):
        scores = X[i].dot(W)
        correct_class_score = scores[y[i]]
        for j in range(num_classes):
            if j == y[i]:
                continue
            margin = scores[j] - correct_class_score + 1  # note delta = 1
            if margin > 0:
                loss += margin
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    loss /= num_train
    dW /= num_train
    loss += reg * np.sum(W * W)
    dW += 2 * reg * W
    return loss, dW
''',
    'svm_loss_counted': '''
import numpy as np
from random import shuffle
# shapes: W (D, C) · X (N, D) · y int (N,) · reg ()
def svm_loss_naive(W, X, y, reg):
    """
    Structured SVM loss function, naive implementation (with loops).
    """
    dW = np.zeros(W.shape)

    # compute the loss and the gradient
    num_classes = W.shape[1]
    num_train = X.shape[0]
    loss = 0.0
    for i in range(num_train):
        scores = X[i].dot(W)
        correct_class_score = scores[y[i]]
        diff_count = 0
        for j in range(num_classes):
            if j == y[i]:
                continue
            margin = scores[j] - correct_class_score + 1 # note delta = 1
            if margin > 0:
                diff_count += 1
                dW[:, j] += X[i]
                loss += margin
        dW[:, y[i]] += -1 * diff_count * X[i]

    loss /= num_train
    dW /= num_train
    loss += 0.5 * reg * np.sum(W * W)
    dW += reg * W
    return loss, dW
''',
    'softmax_loss_naive': '''
import numpy as np
# shapes: W (D, C) · X (N, D) · y int (N,) · reg ()
def softmax_loss_naive(W, X, y, reg):
    # Initialize the loss and gradient to zero.
    loss = 0.0
    dW = np.zeros_like(W)
    num_train = X.shape[0]
    num_classes = W.shape[1]
    for i in range(num_train):
        scores = X[i, :].dot(W)
        shift_scores = scores - max(scores)
        loss_i = -shift_scores[y[i]] + np.log(sum(np.exp(shift_scores)))
        loss += loss_i
        for j in range(num_classes):
            softmax_output = np.exp(shift_scores[j]) / sum(np.exp(shift_scores))
            if j == y[i]:
                dW[:, j] += (-1 + softmax_output) * X[i]
            else:
                dW[:, j] += softmax_output * X[i]
    loss /= num_train
    loss += 0.5 * reg * np.sum(W * W)
    dW = dW / num_train + reg * W
    return loss, dW
''',
    'softmax_loss_rows': '''
import numpy as np
# shapes: W (D, C) · X (N, D) · y int (N,) · reg ()
def softmax_loss_naive(W, X, y, reg):
    loss = 0.0
    dW = np.zeros_like(W)
    N = X.shape[0]
    for i in range(N):
        scores = X[i] @ W
        scores -= scores.max()
        p = np.exp(scores)
        p /= p.sum()
        loss -= np.log(p[y[i]])
        dscores = p
        dscores[y[i]] -= 1
        dW += np.outer(X[i], dscores)
    loss = loss / N + reg * np.sum(W ** 2)
    dW = dW / N + 2 * reg * W
    return loss, dW
''',
    'lists_stored': '''import numpy as np
# shapes: x (n, d) · y (n, c) · Ws[0] (d, h) · Ws[1] (h, k) · Ws[2] (k, c) · bs[0] (h,) · bs[1] (k,) · bs[2] (c,)
def loss_and_grads(x, y, Ws, bs):
    acts = [x]
    a = x
    for W, b in zip(Ws, bs):
        a = np.tanh(a @ W + b)
        acts.append(a)
    loss = 0.5 * np.sum((a - y) ** 2)
    dWs = [None] * len(Ws)
    dbs = [None] * len(bs)
    delta = (a - y) * (1 - a ** 2)
    for l in range(len(Ws) - 1, -1, -1):
        dWs[l] = acts[l].T @ delta
        dbs[l] = delta.sum(axis=0)
        delta = (delta @ Ws[l].T) * (1 - acts[l] ** 2)
    return loss, dWs, dbs
''',
    'lists_inserted': '''import numpy as np
# shapes: x (n, d) · y (n, c) · Ws[0] (d, h) · Ws[1] (h, k) · Ws[2] (k, c) · bs[0] (h,) · bs[1] (k,) · bs[2] (c,)
def loss_and_grads(x, y, Ws, bs):
    acts = [x]
    a = x
    for W, b in zip(Ws, bs):
        a = np.tanh(a @ W + b)
        acts.append(a)
    loss = 0.5 * np.sum((a - y) ** 2)
    grads_W, grads_b = [], []
    delta = (a - y) * (1 - a ** 2)
    for l in reversed(range(len(Ws))):
        dW = acts[l].T @ delta
        grads_W.insert(0, dW)
        grads_b.insert(0, delta.sum(axis=0))
        delta = (delta @ Ws[l].T) * (1 - acts[l] ** 2)
    return loss, grads_W, grads_b
''',
    'lists_turned': '''import numpy as np
# shapes: x (n, d) · y (n, c) · Ws[0] (d, h) · Ws[1] (h, k) · Ws[2] (k, c) · bs[0] (h,) · bs[1] (k,) · bs[2] (c,)
def loss_and_grads(x, y, Ws, bs):
    acts = [x]
    a = x
    for W, b in zip(Ws, bs):
        a = np.tanh(a @ W + b)
        acts.append(a)
    loss = 0.5 * np.sum((a - y) ** 2)
    dWs, dbs = [], []
    delta = (a - y) * (1 - a ** 2)
    for W, h in zip(reversed(Ws), reversed(acts[:-1])):
        dW = h.T @ delta
        db = delta.sum(axis=0)
        dWs.append(dW)
        dbs.append(db)
        delta = (delta @ W.T) * (1 - h ** 2)
    return loss, dWs[::-1], list(reversed(dbs))
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
    ("min_char_rnn", "hs[t-1].T", "hs[t].T", "dWhh +="),
    ("fastai_lin_grad", "inp.t() @ out.g", "-inp.t() @ out.g", "w.g ="),
    ("fastai_lin_grad", "(l1>0)", "(l1<0)", "l1.g ="),
    ("fastai_three_grads", "2. * (inp.squeeze()", "(inp.squeeze()", "inp.g = (inp"),
    ("fastai_three_grads", "b.g = out.g.sum(0)", "b.g = out.g.mean(0)", "b.g ="),
    ("planar_classifier", "np.sum(dZ1, axis=1", "np.sum(dZ1, axis=0", "db1 ="),
    ("planar_classifier", "(1 - np.power(A1, 2))", "(1 - A1)", "dZ1 ="),
    ("planar_classifier", "dW1 = 1 / m * np", "dW1 = np", "dW1 ="),
    ("gradient_check", "np.dot(dZ2, A1.T)", "np.dot(dZ2, A1.T) * 2", "dW2 ="),
    ("gradient_check", "db1 = 1. / m", "db1 = 4. / m", "db1 ="),
    ("layers_in_a_loop", "(1 - A ** 2)", "(1 - A)", "dZ ="),
    ("layers_in_a_loop", "= W.T @ dZ\n    for", "= W.T @ dZ * 2\n    for", "grads[\"dA\""),
    ("deep_network", "dZ[Z <= 0] = 0", "dZ[Z > 0] = 0", "grads[\"dW\" + str(l + 1)]"),
    ("deep_network", "dA_prev = np.dot(W.T, dZ)", "dA_prev = 2 * np.dot(W.T, dZ)", "grads[\"dW\" + str(l + 1)]"),
    ("blog_network", "s * (1 - s)", "s * (1 + s)", "d_output ="),
    ("blog_network", "d_output = (output - y)", "d_output = (y - output)", "d_output ="),
    ("blog_network", "hidden.T @ d_output", "2 * hidden.T @ d_output", "d_W2 ="),
    ("blog_network", "W2.T * sigmoid_derivative(hidden)", "W2.T", "d_W1 ="),
    ("layers_of_functions", "(x > 0)", "(x < 0)", "dx = dout * (x < 0)"),
    ("layers_of_functions", "dx[np.arange(N), y] -= 1", "dx[np.arange(N), y] += 1", "dx = probs"),
    ("layers_of_functions", "-= num_pos", "-= 1", "dx = np.zeros"),
    ("layers_of_classes", "return dout * self.mask", "return dout * self.mask * 2", "return dout"),
    ("layers_of_classes", "(1.0 - self.out) * self.out", "self.out", "dx = dout"),
    ("layers_of_classes", "- self.t) /", "+ self.t) /", "dx = (self.y"),
    ("training_function", "dz = p - y", "dz = y - p", "dz ="),
    ("training_function", "db = dz.sum() / m", "db = dz.sum()", "db ="),
    ("training_script", "db = dy_pred.sum()", "db = dy_pred.mean()", "db ="),
    ("training_script", "X.T @ dy_pred", "X.T @ dy_pred * w", "dw ="),
    ("svm_loss_naive", "dW[:, y[i]] -= X[i]", "dW[:, y[i]] += X[i]", "dW = np.zeros"),
    ("svm_loss_naive", "    dW /= num_train\n", "", "dW = np.zeros"),
    ("svm_loss_naive", "                dW[:, y[i]] -=", "            dW[:, y[i]] -=", "dW = np.zeros"),
    ("svm_loss_counted", "diff_count += 1", "diff_count += margin", "dW = np.zeros"),
    ("svm_loss_counted", "        dW[:, y[i]] += -1 * diff_count * X[i]\n", "", "dW = np.zeros"),
    ("softmax_loss_naive", "(-1 + softmax_output)", "softmax_output", "dW = np.zeros"),
    ("softmax_loss_naive", "if j == y[i]", "if j != y[i]", "dW = np.zeros"),
    ("softmax_loss_rows", "dscores[y[i]] -= 1", "dscores[y[i]] += 1", "dW = np.zeros"),
    ("lists_stored", "acts[l].T @ delta", "delta.T @ acts[l]", "dWs[l] ="),
    ("lists_stored", "delta.sum(axis=0)", "delta.mean(axis=0)", "dbs[l] ="),
    ("lists_stored", "(1 - acts[l] ** 2)", "(1 - acts[l])", "dWs[l] ="),
    ("lists_stored", "Ws[l].T", "Ws[l]", "delta = (delta"),
    ("lists_inserted", "acts[l].T @ delta", "2 * acts[l].T @ delta", "dW ="),
    ("lists_inserted", "insert(0, delta.sum(axis=0))", "insert(0, delta.sum(axis=1))", "grads_b.insert"),
    ("lists_inserted", "insert(0, delta.sum(axis=0))", "append(delta.sum(axis=1))", "grads_b.append"),
    ("lists_turned", "db = delta.sum(axis=0)", "db = -delta.sum(axis=0)", "db ="),
    ("lists_turned", "h.T @ delta", "h.T @ delta / 2", "dW ="),
)

NETWORK = '''
import numpy as np
class Network(object):
    def __init__(self, sizes):
        self.num_layers = len(sizes)
        self.sizes = sizes
        self.biases = [np.random.randn(y, 1) for y in sizes[1:]]
        self.weights = [np.random.randn(y, x) for x, y in zip(sizes[:-1], sizes[1:])]

    def feedforward(self, a):
        for b, w in zip(self.biases, self.weights):
            a = sigmoid(np.dot(w, a)+b)
        return a

    def backprop(self, x, y):
        """Return a tuple ``(nabla_b, nabla_w)``"""
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        # feedforward
        activation = x
        activations = [x] # list to store all the activations, layer by layer
        zs = [] # list to store all the z vectors, layer by layer
        for b, w in zip(self.biases, self.weights):
            z = np.dot(w, activation)+b
            zs.append(z)
            activation = sigmoid(z)
            activations.append(activation)
        # backward pass
        delta = self.cost_derivative(activations[-1], y) * \
            sigmoid_prime(zs[-1])
        nabla_b[-1] = delta
        nabla_w[-1] = np.dot(delta, activations[-2].transpose())
        for l in range(2, self.num_layers):
            z = zs[-l]
            sp = sigmoid_prime(z)
            delta = np.dot(self.weights[-l+1].transpose(), delta) * sp
            nabla_b[-l] = delta
            nabla_w[-l] = np.dot(delta, activations[-l-1].transpose())
        return (nabla_b, nabla_w)

    def cost_derivative(self, output_activations, y):
        return (output_activations-y)

def sigmoid(z):
    """The sigmoid function."""
    return 1.0/(1.0+np.exp(-z))

def sigmoid_prime(z):
    """Derivative of the sigmoid function."""
    return sigmoid(z)*(1-sigmoid(z))
'''

NETWORK_LOSS = '''
import numpy as np
# shapes: x (n0, 1) · y (n3, 1) · biases[2] (n3, 1) · weights[2] (n3, n2) · biases[0] (n1, 1) · biases[1] (n2, 1) · weights[0] (n1, n0) · weights[1] (n2, n1)
def sigmoid(z):
    return 1.0/(1.0+np.exp(-z))
def forward(x, y, weights, biases):
    activation = x
    activations = [x]
    zs = []
    for b, w in zip(biases, weights):
        z = np.dot(w, activation) + b
        zs.append(z)
        activation = sigmoid(z)
        activations.append(activation)
    return 0.5 * np.sum((activations[-1] - y)**2)
'''

NETWORK_MISTAKES = (
    ("activations[-l-1].transpose()", "activations[-l].transpose()", "nabla_w[-l] ="),
    ("self.weights[-l+1].transpose()", "self.weights[-l+1]", "delta = np.dot"),
    ("return (output_activations-y)", "return (y-output_activations)", "delta = self.cost"),
    ("range(2, self.num_layers)", "range(2, self.num_layers - 1)", "nabla_b = [np.zeros"),
    ("np.dot(delta, activations[-2].transpose())", "np.dot(activations[-2], delta.transpose())", "nabla_w[-1] ="),
)
