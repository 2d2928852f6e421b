"""Layers and small networks as classes, in the styles of courses and books, and single planted mistakes.

A row: the file by name, what is changed in it (old, new), and the text of the line that is then the first wrong one.
"""

FILES = {
    'dense_with_decay': '''
import numpy as np

class Layer_Dense:
    # shapes: inputs (n, d) · dvalues (n, h) · lam ()
    def __init__(self, n_inputs, n_neurons, lam=0.0):
        self.weights = 0.01 * np.random.randn(n_inputs, n_neurons)
        self.biases = np.zeros((1, n_neurons))
        self.lam = lam

    def forward(self, inputs):
        # Remember input values
        self.inputs = inputs
        self.output = np.dot(inputs, self.weights) + self.biases
        return self.output

    def backward(self, dvalues):
        # Gradients on parameters
        self.dweights = np.dot(self.inputs.T, dvalues)
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        # Gradient on values
        self.dinputs = np.dot(dvalues, self.weights.T)
        return self.dinputs
''',
    'activations_storing': '''
import numpy as np
# shapes: inputs (n, d)
class Activation_ReLU:
    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.maximum(0, inputs)

    def backward(self, dvalues):
        # the original variable is modified, so copy first
        self.dinputs = dvalues.copy()
        # Zero gradient where input values were negative
        self.dinputs[self.inputs <= 0] = 0

class Activation_Sigmoid:
    def forward(self, inputs):
        self.inputs = inputs
        self.output = 1 / (1 + np.exp(-inputs))

    def backward(self, dvalues):
        self.dinputs = dvalues * (1 - self.output) * self.output

class Activation_Linear:
    def forward(self, inputs):
        self.inputs = inputs
        self.output = inputs

    def backward(self, dvalues):
        # derivative is 1, 1 * dvalues = dvalues - the chain rule
        self.dinputs = dvalues.copy()
''',
    'softmax_by_samples': '''
import numpy as np
# shapes: inputs (n, d)
class Activation_Softmax:
    def forward(self, inputs):
        # unnormalized probabilities
        exp_values = np.exp(inputs - np.max(inputs, axis=1, keepdims=True))
        probabilities = exp_values / np.sum(exp_values, axis=1, keepdims=True)
        self.output = probabilities

    def backward(self, dvalues):
        self.dinputs = np.empty_like(dvalues)
        for index, (single_output, single_dvalues) in enumerate(zip(self.output, dvalues)):
            # flatten the output
            single_output = single_output.reshape(-1, 1)
            # Jacobian matrix of the output
            jacobian_matrix = np.diagflat(single_output) - np.dot(single_output, single_output.T)
            self.dinputs[index] = np.dot(jacobian_matrix, single_dvalues)
''',
    'softmax_batched': '''
import numpy as np

class Softmax:
    """Softmax over the last axis."""

    def forward(self, z):
        # shapes: z (B, C)
        shifted = z - z.max(axis=-1, keepdims=True)
        e = np.exp(shifted)
        self.s = e / e.sum(axis=-1, keepdims=True)
        return self.s

    def backward(self, grad):
        inner = np.sum(grad * self.s, axis=-1, keepdims=True)
        return self.s * (grad - inner)
''',
    'categorical_cross_entropy': '''
import numpy as np

class Loss_CategoricalCrossentropy:
    # shapes: y_pred (n, c) · y_true (n, c)
    def forward(self, y_pred, y_true):
        self.y_pred = y_pred
        self.y_true = y_true
        correct_confidences = np.sum(y_pred * y_true, axis=1)
        negative_log_likelihoods = -np.log(correct_confidences)
        return np.mean(negative_log_likelihoods)

    def backward(self):
        samples = len(self.y_pred)
        # Calculate gradient
        self.dinputs = -self.y_true / np.sum(self.y_pred * self.y_true, axis=1, keepdims=True)
        # Normalize gradient
        self.dinputs = self.dinputs / samples
        return self.dinputs
''',
    'softmax_with_labels': '''
import numpy as np

class SoftmaxCrossEntropy:
    # shapes: logits (n, c) · labels int (n,)
    def forward(self, logits, labels):
        z = logits - logits.max(axis=1, keepdims=True)
        self.probs = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        self.y = labels
        n = logits.shape[0]
        loss = -np.log(self.probs[np.arange(n), labels]).mean()
        return loss

    def backward(self):
        n = self.probs.shape[0]
        dlogits = self.probs.copy()
        dlogits[np.arange(n), self.y] -= 1
        dlogits /= n
        return dlogits
''',
    'mean_squared_error': '''
import numpy as np

class Loss_MeanSquaredError:
    # shapes: y_pred (n, c) · y_true (n, c)
    def forward(self, y_pred, y_true):
        self.y_pred, self.y_true = y_pred, y_true
        sample_losses = np.mean((y_true - y_pred) ** 2, axis=-1)
        return np.mean(sample_losses)

    def backward(self, dvalues, y_true):
        # Number of samples
        samples = len(dvalues)
        # Number of outputs in every sample
        outputs = len(dvalues[0])
        # Gradient on values
        self.dinputs = -2 * (y_true - dvalues) / outputs
        # Normalize gradient
        self.dinputs = self.dinputs / samples
''',
    'softmax_and_loss_combined': '''
import numpy as np

class Activation_Softmax:
    def forward(self, inputs):
        exp_values = np.exp(inputs - np.max(inputs, axis=1, keepdims=True))
        self.output = exp_values / np.sum(exp_values, axis=1, keepdims=True)

class Loss:
    def calculate(self, output, y):
        sample_losses = self.forward(output, y)
        data_loss = np.mean(sample_losses)
        return data_loss

class Loss_CategoricalCrossentropy(Loss):
    def forward(self, y_pred, y_true):
        samples = len(y_pred)
        correct_confidences = y_pred[range(samples), y_true]
        return -np.log(correct_confidences)

class Activation_Softmax_Loss:
    # shapes: inputs (n, c) · y_true int (n,)
    def __init__(self):
        self.activation = Activation_Softmax()
        self.loss = Loss_CategoricalCrossentropy()

    def forward(self, inputs, y_true):
        self.activation.forward(inputs)
        self.output = self.activation.output
        return self.loss.calculate(self.output, y_true)

    def backward(self, dvalues, y_true):
        samples = len(dvalues)
        self.dinputs = dvalues.copy()
        # Calculate gradient
        self.dinputs[range(samples), y_true] -= 1
        # Normalize gradient
        self.dinputs = self.dinputs / samples
''',
    'losses_as_objects': '''
import numpy as np

class MSELoss:
    def __call__(self, y_hat, y):
        # shapes: y_hat (n, c) · y (n, c)
        self.diff = y_hat - y
        return np.mean(self.diff ** 2)
    def backward(self):
        return 2.0 * self.diff / self.diff.size

class BCEWithLogits:
    # shapes: z (n,) · t (n,)
    def __call__(self, z, t):
        self.p, self.t = 1 / (1 + np.exp(-z)), t
        return -np.mean(t * np.log(self.p) + (1 - t) * np.log(1 - self.p))
    def backward(self):
        return (self.p - self.t) / self.p.shape[0]
''',
    'batch_norm_with_running': '''
import numpy as np

class BatchNormalization:
    # shapes: x (N, D) · gamma (D,) · beta (D,)
    def __init__(self, gamma, beta, momentum=0.9, running_mean=None, running_var=None):
        self.gamma = gamma
        self.beta = beta
        self.momentum = momentum
        self.running_mean = running_mean
        self.running_var = running_var
        self.batch_size = None
        self.xc = None
        self.std = None
        self.dgamma = None
        self.dbeta = None

    def forward(self, x, train_flg=True):
        if self.running_mean is None:
            N, D = x.shape
            self.running_mean = np.zeros(D)
            self.running_var = np.zeros(D)
        if train_flg:
            mu = x.mean(axis=0)
            xc = x - mu
            var = np.mean(xc**2, axis=0)
            std = np.sqrt(var + 10e-7)
            xn = xc / std
            self.batch_size = x.shape[0]
            self.xc = xc
            self.xn = xn
            self.std = std
            self.running_mean = self.momentum * self.running_mean + (1-self.momentum) * mu
            self.running_var = self.momentum * self.running_var + (1-self.momentum) * var
        else:
            xc = x - self.running_mean
            xn = xc / ((np.sqrt(self.running_var + 10e-7)))
        out = self.gamma * xn + self.beta
        return out

    def backward(self, dout):
        dbeta = dout.sum(axis=0)
        dgamma = np.sum(self.xn * dout, axis=0)
        dxn = self.gamma * dout
        dxc = dxn / self.std
        dstd = -np.sum((dxn * self.xc) / (self.std * self.std), axis=0)
        dvar = 0.5 * dstd / self.std
        dxc += (2.0 / self.batch_size) * self.xc * dvar
        dmu = np.sum(dxc, axis=0)
        dx = dxc - dmu / self.batch_size
        self.dgamma = dgamma
        self.dbeta = dbeta
        return dx
''',
    'layer_norm': '''
import numpy as np

class LayerNorm(object):
    # shapes: x (B, T, C)
    def __init__(self, dim: int, eps: float = 1e-5):
        self.eps = eps
        self.gamma = np.ones(dim)
        self.beta = np.zeros(dim)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        mean = x.mean(-1, keepdims=True)
        var = ((x - mean) ** 2).mean(-1, keepdims=True)
        self.inv_std = 1.0 / np.sqrt(var + self.eps)
        self.x_hat = (x - mean) * self.inv_std
        return self.gamma * self.x_hat + self.beta

    def backward(self, dout: np.ndarray) -> np.ndarray:
        self.dgamma = (dout * self.x_hat).sum((0, 1))
        self.dbeta = dout.sum((0, 1))
        dx_hat = dout * self.gamma
        dx = self.inv_std * (dx_hat - dx_hat.mean(-1, keepdims=True)
                             - self.x_hat * (dx_hat * self.x_hat).mean(-1, keepdims=True))
        return dx
''',
    'dropout_ratio': '''
import numpy as np

class Dropout:
    # shapes: x (n, d)
    def __init__(self, dropout_ratio=0.5):
        self.dropout_ratio = dropout_ratio
        self.mask = None

    def forward(self, x, train_flg=True):
        if train_flg:
            self.mask = np.random.rand(*x.shape) > self.dropout_ratio
            return x * self.mask
        else:
            return x * (1.0 - self.dropout_ratio)

    def backward(self, dout):
        return dout * self.mask
''',
    'dropout_inverted': '''
import numpy as np

class Layer_Dropout:
    # shapes: inputs (n, d) · rate ()
    def __init__(self, rate):
        self.rate = 1 - rate

    def forward(self, inputs):
        self.inputs = inputs
        self.binary_mask = np.random.binomial(1, self.rate, size=inputs.shape) / self.rate
        self.output = inputs * self.binary_mask

    def backward(self, dvalues):
        self.dinputs = dvalues * self.binary_mask
''',
    'embedding_grads_list': '''
import numpy as np

class Embedding:
    # shapes: W (V, H) · idx int (N,)
    def __init__(self, W):
        self.params = [W]
        self.grads = [np.zeros_like(W)]
        self.idx = None

    def forward(self, idx):
        W, = self.params
        self.idx = idx
        out = W[idx]
        return out

    def backward(self, dout):
        dW, = self.grads
        dW[...] = 0
        np.add.at(dW, self.idx, dout)
        return None
''',
    'matmul_grads_list': '''
import numpy as np

class MatMul:
    # shapes: x (N, D) · W (D, H)
    def __init__(self, W):
        self.params = [W]
        self.grads = [np.zeros_like(W)]
        self.x = None

    def forward(self, x):
        W, = self.params
        out = np.dot(x, W)
        self.x = x
        return out

    def backward(self, dout):
        W, = self.params
        dx = np.dot(dout, W.T)
        dW = np.dot(self.x.T, dout)
        self.grads[0][...] = dW
        return dx
''',
    'conv1d_loops': '''
import numpy as np

class Conv1D:
    # shapes: x (T,) · w (K,)
    def __init__(self, w, b=0.0):
        self.w, self.b = w, b

    def forward(self, x):
        self.x = x
        K = self.w.shape[0]
        out = np.zeros(x.shape[0] - K + 1)
        for t in range(out.shape[0]):
            out[t] = np.sum(x[t:t + K] * self.w)
        return out

    def backward(self, dout):
        K = self.w.shape[0]
        dx = np.zeros_like(self.x)
        dw = np.zeros_like(self.w)
        for t in range(dout.shape[0]):
            dx[t:t + K] += dout[t] * self.w
            dw += dout[t] * self.x[t:t + K]
        self.dw = dw
        return dx
''',
    'conv2d_loops': '''
import numpy as np

class Conv2D:
    """Valid convolution, stride one."""
    # shapes: x (N, C, H, W) · weight (F, C, KH, KW) · bias (F,)
    def __init__(self, weight, bias):
        self.weight = weight
        self.bias = bias

    def forward(self, x):
        self.x = x
        N, C, H, W = x.shape
        F, _, KH, KW = self.weight.shape
        out = np.zeros((N, F, H - KH + 1, W - KW + 1))
        for i in range(H - KH + 1):
            for j in range(W - KW + 1):
                patch = x[:, :, i:i + KH, j:j + KW]
                out[:, :, i, j] = np.tensordot(patch, self.weight, axes=([1, 2, 3], [1, 2, 3])) + self.bias
        return out

    def backward(self, dout):
        N, F, OH, OW = dout.shape
        _, _, KH, KW = self.weight.shape
        self.dweight = np.zeros_like(self.weight)
        self.dbias = dout.sum(axis=(0, 2, 3))
        dx = np.zeros_like(self.x)
        for i in range(OH):
            for j in range(OW):
                patch = self.x[:, :, i:i + KH, j:j + KW]
                self.dweight += np.tensordot(dout[:, :, i, j], patch, axes=([0], [0]))
                dx[:, :, i:i + KH, j:j + KW] += np.tensordot(dout[:, :, i, j], self.weight, axes=([1], [0]))
        return dx
''',
    'conv_im2col': '''
import numpy as np

def im2col(input_data, filter_h, filter_w, stride=1, pad=0):
    N, C, H, W = input_data.shape
    out_h = (H + 2*pad - filter_h)//stride + 1
    out_w = (W + 2*pad - filter_w)//stride + 1
    img = np.pad(input_data, [(0,0), (0,0), (pad, pad), (pad, pad)], 'constant')
    col = np.zeros((N, C, filter_h, filter_w, out_h, out_w))
    for y in range(filter_h):
        y_max = y + stride*out_h
        for x in range(filter_w):
            x_max = x + stride*out_w
            col[:, :, y, x, :, :] = img[:, :, y:y_max:stride, x:x_max:stride]
    col = col.transpose(0, 4, 5, 1, 2, 3).reshape(N*out_h*out_w, -1)
    return col

def col2im(col, input_shape, filter_h, filter_w, stride=1, pad=0):
    N, C, H, W = input_shape
    out_h = (H + 2*pad - filter_h)//stride + 1
    out_w = (W + 2*pad - filter_w)//stride + 1
    col = col.reshape(N, out_h, out_w, C, filter_h, filter_w).transpose(0, 3, 4, 5, 1, 2)
    img = np.zeros((N, C, H + 2*pad + stride - 1, W + 2*pad + stride - 1))
    for y in range(filter_h):
        y_max = y + stride*out_h
        for x in range(filter_w):
            x_max = x + stride*out_w
            img[:, :, y:y_max:stride, x:x_max:stride] += col[:, :, y, x, :, :]
    return img[:, :, pad:H + pad, pad:W + pad]

class Convolution:
    # shapes: x (N, C, H, B) · W (FN, C, FH, FW) · b (FN,)
    def __init__(self, W, b, stride=1, pad=0):
        self.W = W
        self.b = b
        self.stride = stride
        self.pad = pad
        self.x = None
        self.col = None
        self.col_W = None
        self.dW = None
        self.db = None

    def forward(self, x):
        FN, C, FH, FW = self.W.shape
        N, C, H, W = x.shape
        out_h = 1 + int((H + 2*self.pad - FH) / self.stride)
        out_w = 1 + int((W + 2*self.pad - FW) / self.stride)
        col = im2col(x, FH, FW, self.stride, self.pad)
        col_W = self.W.reshape(FN, -1).T
        out = np.dot(col, col_W) + self.b
        out = out.reshape(N, out_h, out_w, -1).transpose(0, 3, 1, 2)
        self.x = x
        self.col = col
        self.col_W = col_W
        return out

    def backward(self, dout):
        FN, C, FH, FW = self.W.shape
        dout = dout.transpose(0, 2, 3, 1).reshape(-1, FN)
        self.db = np.sum(dout, axis=0)
        self.dW = np.dot(self.col.T, dout)
        self.dW = self.dW.transpose(1, 0).reshape(FN, C, FH, FW)
        dcol = np.dot(dout, self.col_W.T)
        dx = col2im(dcol, self.x.shape, FH, FW, self.stride, self.pad)
        return dx
''',
    'max_pool': '''
import numpy as np

class MaxPool2x2:
    # shapes: x (N, C, 2*h, 2*w)
    def forward(self, x):
        N, C, H, W = x.shape
        self.x = x
        self.windows = x.reshape(N, C, H // 2, 2, W // 2, 2)
        self.out = self.windows.max(axis=(3, 5))
        return self.out

    def backward(self, dout):
        mask = self.windows == self.out[:, :, :, None, :, None]
        dwindows = mask * dout[:, :, :, None, :, None]
        dx = dwindows.reshape(self.x.shape)
        return dx
''',
    'flatten': '''
import numpy as np

class Flatten:
    # shapes: X (m, h, w, c)
    def forward(self, X):
        self.shape = X.shape
        return X.reshape(X.shape[0], -1)

    def backward(self, dout):
        return dout.reshape(self.shape)

class Mean:
    # shapes: X (m, h, w, c)
    def forward(self, X):
        self.shape = X.shape
        return X.mean(axis=(1, 2))
    def backward(self, dout):
        m, h, w, c = self.shape
        dX = np.ones(self.shape) * dout[:, None, None, :] / (h * w)
        return dX
''',
    'rnn_cell': '''
import numpy as np

class RNN:
    # shapes: x (N, D) · h_prev (N, H) · Wx (D, H) · Wh (H, H) · b (H,)
    def __init__(self, Wx, Wh, b):
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)]
        self.cache = None

    def forward(self, x, h_prev):
        Wx, Wh, b = self.params
        t = np.dot(h_prev, Wh) + np.dot(x, Wx) + b
        h_next = np.tanh(t)
        self.cache = (x, h_prev, h_next)
        return h_next

    def backward(self, dh_next):
        Wx, Wh, b = self.params
        x, h_prev, h_next = self.cache
        dt = dh_next * (1 - h_next ** 2)
        db = np.sum(dt, axis=0)
        dWh = np.dot(h_prev.T, dt)
        dh_prev = np.dot(dt, Wh.T)
        dWx = np.dot(x.T, dt)
        dx = np.dot(dt, Wx.T)
        self.grads[0][...] = dWx
        self.grads[1][...] = dWh
        self.grads[2][...] = db
        return dx, dh_prev
''',
    'lstm_cell': '''
import numpy as np

def sigmoid(x):
    return 1 / (1 + np.exp(-x))

class LSTM:
    # shapes: x (N, D) · h_prev (N, H) · c_prev (N, H) · Wx (D, 4*H) · Wh (H, 4*H) · b (4*H,)
    def __init__(self, Wx, Wh, b):
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)]
        self.cache = None

    def forward(self, x, h_prev, c_prev):
        Wx, Wh, b = self.params
        N, H = h_prev.shape
        A = np.dot(x, Wx) + np.dot(h_prev, Wh) + b
        f = A[:, :H]
        g = A[:, H:2*H]
        i = A[:, 2*H:3*H]
        o = A[:, 3*H:]
        f = sigmoid(f)
        g = np.tanh(g)
        i = sigmoid(i)
        o = sigmoid(o)
        c_next = f * c_prev + g * i
        h_next = o * np.tanh(c_next)
        self.cache = (x, h_prev, c_prev, i, f, g, o, c_next)
        return h_next, c_next

    def backward(self, dh_next, dc_next):
        Wx, Wh, b = self.params
        x, h_prev, c_prev, i, f, g, o, c_next = self.cache
        tanh_c_next = np.tanh(c_next)
        ds = dc_next + (dh_next * o) * (1 - tanh_c_next ** 2)
        dc_prev = ds * f
        di = ds * g
        df = ds * c_prev
        do = dh_next * tanh_c_next
        dg = ds * i
        di *= i * (1 - i)
        df *= f * (1 - f)
        do *= o * (1 - o)
        dg *= (1 - g ** 2)
        dA = np.hstack((df, dg, di, do))
        dWh = np.dot(h_prev.T, dA)
        dWx = np.dot(x.T, dA)
        db = dA.sum(axis=0)
        self.grads[0][...] = dWx
        self.grads[1][...] = dWh
        self.grads[2][...] = db
        dx = np.dot(dA, Wx.T)
        dh_prev = np.dot(dA, Wh.T)
        return dx, dh_prev, dc_prev
''',
    'gru_cell': '''
import numpy as np

class GRUCell:
    """One step of a gated recurrent unit."""
    # shapes: x (N, D) · h (N, H) · Wz (D, H) · Wr (D, H) · Wn (D, H) · Uz (H, H) · Ur (H, H) · Un (H, H)
    def __init__(self, D, H):
        self.p = {"Wz": np.random.randn(D, H), "Wr": np.random.randn(D, H), "Wn": np.random.randn(D, H),
                  "Uz": np.random.randn(H, H), "Ur": np.random.randn(H, H), "Un": np.random.randn(H, H)}
        self.grads = {}

    @staticmethod
    def _sigmoid(a):
        return 1.0 / (1.0 + np.exp(-a))

    def forward(self, x, h):
        p = self.p
        z = self._sigmoid(x @ p["Wz"] + h @ p["Uz"])
        r = self._sigmoid(x @ p["Wr"] + h @ p["Ur"])
        n = np.tanh(x @ p["Wn"] + (r * h) @ p["Un"])
        self.cache = (x, h, z, r, n)
        return (1 - z) * n + z * h

    def backward(self, dout):
        p, g = self.p, self.grads
        x, h, z, r, n = self.cache
        dz = dout * (h - n)
        dn = dout * (1 - z)
        dh = dout * z
        da_n = dn * (1 - n ** 2)
        drh = da_n @ p["Un"].T
        dr = drh * h
        dh += drh * r
        da_z = dz * z * (1 - z)
        da_r = dr * r * (1 - r)
        self.grads["Wz"] = x.T @ da_z
        self.grads["Wr"] = x.T @ da_r
        self.grads["Wn"] = x.T @ da_n
        self.grads["Uz"] = h.T @ da_z
        self.grads["Ur"] = h.T @ da_r
        self.grads["Un"] = (r * h).T @ da_n
        dh += da_z @ p["Uz"].T + da_r @ p["Ur"].T
        dx = da_z @ p["Wz"].T + da_r @ p["Wr"].T + da_n @ p["Wn"].T
        return dx, dh
''',
    'attention_head': '''
import numpy as np

def softmax(s):
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)

class AttentionHead:
    # shapes: x (T, C)
    def __init__(self, C, D):
        self.Wq = np.random.randn(C, D) / np.sqrt(C)
        self.Wk = np.random.randn(C, D) / np.sqrt(C)
        self.Wv = np.random.randn(C, D) / np.sqrt(C)

    def forward(self, x):
        self.x = x
        self.q, self.k, self.v = x @ self.Wq, x @ self.Wk, x @ self.Wv
        self.scale = 1.0 / np.sqrt(self.q.shape[-1])
        self.att = softmax(self.q @ self.k.T * self.scale)
        return self.att @ self.v

    def backward(self, dout):
        dv = self.att.T @ dout
        datt = dout @ self.v.T
        dscores = self.att * (datt - (datt * self.att).sum(axis=-1, keepdims=True))
        dscores *= self.scale
        dq = dscores @ self.k
        dk = dscores.T @ self.q
        self.dWq = self.x.T @ dq
        self.dWk = self.x.T @ dk
        self.dWv = self.x.T @ dv
        return dq @ self.Wq.T + dk @ self.Wk.T + dv @ self.Wv.T
''',
    'network_of_layers': '''
import numpy as np

class Affine:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out) * np.sqrt(2 / n_in)
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
        return np.where(self.mask, x, 0)

    def backward(self, dout):
        return dout * self.mask

class Network:
    # shapes: x (n, n_in)
    def __init__(self, n_in, n_hidden, n_out):
        self.layers = [Affine(n_in, n_hidden), ReLU(), Affine(n_hidden, n_out)]

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dout):
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        return dout
''',
    'network_with_loss_and_gradient': '''
import numpy as np

class TwoLayerNet:
    # shapes: x (N, D) · t (N, C) · W1 (D, H) · b1 (H,) · W2 (H, C) · b2 (C,)
    def __init__(self, D, H, C):
        self.params = {}
        self.params['W1'] = 0.01 * np.random.randn(D, H)
        self.params['b1'] = np.zeros(H)
        self.params['W2'] = 0.01 * np.random.randn(H, C)
        self.params['b2'] = np.zeros(C)

    def predict(self, x):
        W1, W2 = self.params['W1'], self.params['W2']
        b1, b2 = self.params['b1'], self.params['b2']
        a1 = np.dot(x, W1) + b1
        z1 = 1 / (1 + np.exp(-a1))
        a2 = np.dot(z1, W2) + b2
        e = np.exp(a2 - a2.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def loss(self, x, t):
        y = self.predict(x)
        return -np.sum(t * np.log(y)) / x.shape[0]

    def gradient(self, x, t):
        W1, W2 = self.params['W1'], self.params['W2']
        b1, b2 = self.params['b1'], self.params['b2']
        grads = {}
        batch_num = x.shape[0]
        # forward
        a1 = np.dot(x, W1) + b1
        z1 = 1 / (1 + np.exp(-a1))
        a2 = np.dot(z1, W2) + b2
        e = np.exp(a2 - a2.max(axis=1, keepdims=True))
        y = e / e.sum(axis=1, keepdims=True)
        # backward
        dy = (y * t.sum(axis=1, keepdims=True) - t) / batch_num
        grads['W2'] = np.dot(z1.T, dy)
        grads['b2'] = np.sum(dy, axis=0)
        dz1 = np.dot(dy, W2.T)
        da1 = z1 * (1 - z1) * dz1
        grads['W1'] = np.dot(x.T, da1)
        grads['b1'] = np.sum(da1, axis=0)
        return grads
''',
    'params_value_grad': '''
import numpy as np

class Linear:
    # shapes: x (n, d) · W (d, h) · b (h,)
    def __init__(self, W, b):
        self.params = {"W": {"value": W, "grad": np.zeros_like(W)},
                       "b": {"value": b, "grad": np.zeros_like(b)}}

    def forward(self, x):
        self.x = x
        return x @ self.params["W"]["value"] + self.params["b"]["value"]

    def backward(self, dout):
        self.params["W"]["grad"] += self.x.T @ dout
        self.params["b"]["grad"] += dout.sum(axis=0)
        return dout @ self.params["W"]["value"].T
''',
    'parameter_objects': '''
import numpy as np

class Parameter:
    def __init__(self, data):
        self.data = data
        self.grad = np.zeros_like(data)

class Linear:
    # shapes: x (n, d_in)
    def __init__(self, d_in, d_out):
        self.W = Parameter(np.random.randn(d_in, d_out) * 0.1)
        self.b = Parameter(np.zeros(d_out))

    def forward(self, x):
        self.x = x
        return x @ self.W.data + self.b.data

    def backward(self, dy):
        self.W.grad += self.x.T @ dy
        self.b.grad += dy.sum(axis=0)
        return dy @ self.W.data.T

    def step(self, lr):
        for p in (self.W, self.b):
            p.data -= lr * p.grad
            p.grad[...] = 0
''',
    'inheriting_layers': '''
import numpy as np

class Layer:
    """Base of all layers."""
    def forward(self, x):
        raise NotImplementedError

    def backward(self, grad):
        raise NotImplementedError

    def __call__(self, x):
        return self.forward(x)

class Dense(Layer):
    # shapes: x (n, fan_in) · grad (n, fan_out)
    def __init__(self, fan_in, fan_out):
        super().__init__()
        self.weight = np.random.normal(0.0, 0.1, size=(fan_in, fan_out))
        self.bias = np.zeros((1, fan_out))

    def forward(self, x):
        self._input = x
        return x @ self.weight + self.bias

    def backward(self, grad):
        self.grad_weight = self._input.T @ grad
        self.grad_bias = grad.sum(axis=0, keepdims=True)
        return grad @ self.weight.T

class Tanh(Layer):
    # shapes: x (n, d)
    def forward(self, x):
        self._output = np.tanh(x)
        return self._output

    def backward(self, grad):
        return grad * (1.0 - self._output ** 2)

class LeakyReLU(Layer):
    # shapes: x (n, d)
    def __init__(self, alpha=0.01):
        self.alpha = alpha

    def forward(self, x):
        self._input = x
        return np.where(x > 0, x, self.alpha * x)

    def backward(self, grad):
        dx = np.ones_like(self._input)
        dx[self._input <= 0] = self.alpha
        return grad * dx
''',
    'dense_updating': '''
import numpy as np

class Dense:
    # shapes: input (d_in, 1)
    def __init__(self, input_size, output_size):
        self.weights = np.random.randn(output_size, input_size)
        self.bias = np.random.randn(output_size, 1)

    def forward(self, input):
        self.input = input
        return np.dot(self.weights, self.input) + self.bias

    def backward(self, output_gradient, learning_rate):
        weights_gradient = np.dot(output_gradient, self.input.T)
        input_gradient = np.dot(self.weights.T, output_gradient)
        self.weights -= learning_rate * weights_gradient
        self.bias -= learning_rate * output_gradient
        return input_gradient
''',
    'dense_regularised': '''
import numpy as np

class DenseL2:
    # shapes: inputs (n, d)
    def __init__(self, d, h, l2=1e-3):
        self.weights = 0.01 * np.random.randn(d, h)
        self.biases = np.zeros(h)
        self.l2 = l2

    def forward(self, inputs):
        self.inputs = inputs
        self.output = inputs @ self.weights + self.biases
        return self.output

    def penalty(self):
        return self.l2 * np.sum(self.weights ** 2)

    def backward(self, dvalues):
        self.dweights = self.inputs.T @ dvalues
        # regularisation
        if self.l2 > 0:
            self.dweights += 2 * self.l2 * self.weights
        self.dbiases = dvalues.sum(axis=0)
        self.dinputs = dvalues @ self.weights.T
        return self.dinputs
''',
    'network_trained_by_steps': '''
import numpy as np

class NeuralNetwork:
    # shapes: x (n, d) · y (n, k) · w1 (d, h) · w2 (h, k)
    def __init__(self, x, y):
        self.input = x
        self.y = y
        self.w1 = np.random.rand(self.input.shape[1], 4)
        self.w2 = np.random.rand(4, y.shape[1])
        self.output = np.zeros(y.shape)

    def feedforward(self):
        self.layer1 = self.sigmoid(np.dot(self.input, self.w1))
        self.output = self.sigmoid(np.dot(self.layer1, self.w2))
        self.loss = 0.5 * np.sum((self.y - self.output) ** 2)
        return self.loss

    def sigmoid(self, z):
        return 1.0 / (1 + np.exp(-z))

    def sigmoid_derivative(self, s):
        return s * (1.0 - s)

    def backprop(self):
        delta = (self.output - self.y) * self.sigmoid_derivative(self.output)
        self.d_w2 = np.dot(self.layer1.T, delta)
        self.d_w1 = np.dot(self.input.T, np.dot(delta, self.w2.T) * self.sigmoid_derivative(self.layer1))
        self.w1 -= self.d_w1
        self.w2 -= self.d_w2
''',
    'softmax_with_loss_book': '''
import numpy as np

def softmax(x):
    x = x - np.max(x, axis=-1, keepdims=True)
    return np.exp(x) / np.sum(np.exp(x), axis=-1, keepdims=True)

def cross_entropy_error(y, t):
    batch_size = y.shape[0]
    return -np.sum(t * np.log(y + 1e-7)) / batch_size

class SoftmaxWithLoss:
    # shapes: x (n, c) · t (n, c)
    # facts: sum[c] t[n,c] = 1
    def __init__(self):
        self.loss = None
        self.y = None
        self.t = None

    def forward(self, x, t):
        self.t = t
        self.y = softmax(x)
        self.loss = cross_entropy_error(self.y, self.t)
        return self.loss

    def backward(self, dout=1):
        batch_size = self.t.shape[0]
        dx = (self.y - self.t) / batch_size
        return dx
''',
    'properties_and_types': '''
from __future__ import annotations
from typing import Optional
import numpy as np
from numpy.typing import NDArray

class Linear:
    """y = x Wᵀ + b"""

    # shapes: x (batch, in_features)
    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        self.weight: NDArray = np.random.randn(out_features, in_features) * in_features ** -0.5
        self.bias: NDArray = np.zeros(out_features)
        self._x: Optional[NDArray] = None
        self.dweight: Optional[NDArray] = None
        self.dbias: Optional[NDArray] = None

    @property
    def parameters(self) -> list[NDArray]:
        return [self.weight, self.bias]

    @property
    def gradients(self) -> list[NDArray]:
        return [self.dweight, self.dbias]

    def forward(self, x: NDArray) -> NDArray:
        self._x = x
        return x @ self.weight.T + self.bias

    def backward(self, dout: NDArray) -> NDArray:
        assert self._x is not None
        self.dweight = dout.T @ self._x
        self.dbias = dout.sum(axis=0)
        dx: NDArray = dout @ self.weight
        return dx
''',
    'ordered_layers': '''
import numpy as np
from collections import OrderedDict

class Affine:
    # shapes: x (n, p) · W (p, q) · b (q,)
    def __init__(self, W, b):
        self.W = W
        self.b = b
        self.x = None
        self.dW = None
        self.db = None
    def forward(self, x):
        self.x = x
        out = np.dot(self.x, self.W) + self.b
        return out
    def backward(self, dout):
        dx = np.dot(dout, self.W.T)
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        return dx

class Relu:
    def __init__(self):
        self.mask = None
    def forward(self, x):
        self.mask = (x <= 0)
        out = x.copy()
        out[self.mask] = 0
        return out
    def backward(self, dout):
        dout[self.mask] = 0
        dx = dout
        return dx

class SquaredError:
    # shapes: y (n, k) · t (n, k)
    def forward(self, y, t):
        self.y, self.t = y, t
        return 0.5 * np.sum((y - t) ** 2)
    def backward(self, dout=1):
        return dout * (self.y - self.t)

class Net:
    # shapes: x (n, d) · t (n, k) · W1 (d, h) · b1 (h,) · W2 (h, k) · b2 (k,)
    def __init__(self, input_size, hidden_size, output_size):
        self.params = {}
        self.params['W1'] = np.random.randn(input_size, hidden_size)
        self.params['b1'] = np.zeros(hidden_size)
        self.params['W2'] = np.random.randn(hidden_size, output_size)
        self.params['b2'] = np.zeros(output_size)
        self.layers = OrderedDict()
        self.layers['Affine1'] = Affine(self.params['W1'], self.params['b1'])
        self.layers['Relu1'] = Relu()
        self.layers['Affine2'] = Affine(self.params['W2'], self.params['b2'])
        self.lastLayer = SquaredError()

    def predict(self, x):
        for layer in self.layers.values():
            x = layer.forward(x)
        return x

    def loss(self, x, t):
        y = self.predict(x)
        return self.lastLayer.forward(y, t)

    def gradient(self, x, t):
        # forward
        self.loss(x, t)
        # backward
        dout = 1
        dout = self.lastLayer.backward(dout)
        layers = list(self.layers.values())
        layers.reverse()
        for layer in layers:
            dout = layer.backward(dout)
        grads = {}
        grads['W1'] = self.layers['Affine1'].dW
        grads['b1'] = self.layers['Affine1'].db
        grads['W2'] = self.layers['Affine2'].dW
        grads['b2'] = self.layers['Affine2'].db
        return grads
''',
    'embedding_and_scale': '''
import numpy as np

class TokenEmbedding:
    # shapes: tokens int (B, T)
    def __init__(self, vocab_size, dim):
        self.table = np.random.randn(vocab_size, dim) * 0.02
        self.dtable = np.zeros_like(self.table)

    def forward(self, tokens):
        self.tokens = tokens
        return self.table[tokens]

    def backward(self, dout):
        np.add.at(self.dtable, self.tokens, dout)

class Scale:
    # shapes: x (n, d)
    def __init__(self, dim):
        self.g = np.ones(dim)
    def forward(self, x):
        self.x = x
        return x * self.g
    def backward(self, dout):
        self.dg = (dout * self.x).sum(axis=0)
        return dout * self.g
''',
}

MISTAKES = (
    ("dense_with_decay", "np.dot(self.inputs.T, dvalues)", "np.dot(self.inputs.T, dvalues) / len(dvalues)", "self.dweights ="),
    ("dense_with_decay", "np.sum(dvalues, axis=0, keepdims=True)", "np.mean(dvalues, axis=0, keepdims=True)", "self.dbiases ="),
    ("dense_with_decay", "np.dot(dvalues, self.weights.T)", "-np.dot(dvalues, self.weights.T)", "self.dinputs ="),
    ("activations_storing", "self.dinputs[self.inputs <= 0] = 0", "self.dinputs[self.inputs >= 0] = 0", "self.dinputs ="),
    ("activations_storing", "(1 - self.output) * self.output", "(1 - self.output)", "self.dinputs = dvalues * (1"),
    ("softmax_by_samples", "np.diagflat(single_output) - ", "np.diagflat(single_output) + ", "self.dinputs[index]"),
    ("softmax_batched", "grad - inner", "grad + inner", "return self.s"),
    ("softmax_batched", "inner = np.sum(grad * self.s, axis=-1", "inner = np.sum(grad * self.s, axis=0", "return self.s"),
    ("categorical_cross_entropy", "self.dinputs = self.dinputs / samples", "self.dinputs = self.dinputs * samples", "self.dinputs ="),
    ("categorical_cross_entropy", "-self.y_true /", "self.y_true /", "self.dinputs ="),
    ("softmax_with_labels", "self.y] -= 1", "self.y] += 1", "dlogits ="),
    ("softmax_with_labels", "        dlogits /= n\n", "", "dlogits ="),
    ("layer_norm", "(dout * self.x_hat).sum((0, 1))", "(dout * self.x_hat).sum((0,))", "self.dgamma ="),
    ("layer_norm", "- self.x_hat *", "+ self.x_hat *", "dx = self.inv_std"),
    ("embedding_grads_list", "np.add.at(dW, self.idx, dout)", "dW[self.idx] += dout", "dW"),
    ("matmul_grads_list", "np.dot(self.x.T, dout)", "np.dot(self.x.T, dout * 2)", "dW ="),
    ("conv1d_loops", "dw += dout[t] * self.x[t:t + K]", "dw = dout[t] * self.x[t:t + K]", "dw ="),
    ("conv1d_loops", "dx[t:t + K] += dout[t] * self.w", "dx[t:t + K] += dout[t] * self.w[::-1]", "dx["),
    ("conv2d_loops", "self.dbias = dout.sum(axis=(0, 2, 3))", "self.dbias = dout.mean(axis=(0, 2, 3))", "self.dbias ="),
    ("conv2d_loops", "self.dweight += np.tensordot", "self.dweight -= np.tensordot", "self.dweight -="),
    ("max_pool", "mask * dout", "mask + dout", "dx ="),
    ("flatten", "/ (h * w)", "/ h", "dX ="),
    ("rnn_cell", "(1 - h_next ** 2)", "(1 - h_next)", "dt ="),
    ("rnn_cell", "np.dot(h_prev.T, dt)", "np.dot(h_next.T, dt)", "dWh ="),
    ("lstm_cell", "dc_prev = ds * f", "dc_prev = ds * i", "dc_prev ="),
    ("lstm_cell", "do *= o * (1 - o)", "do *= o", "do"),
    ("gru_cell", "dz = dout * (h - n)", "dz = dout * (n - h)", "dz ="),
    ("gru_cell", "(r * h).T @ da_n", "h.T @ da_n", 'self.grads["Un"]'),
    ("attention_head", "dscores *= self.scale", "dscores *= 2 * self.scale", "dq ="),
    ("attention_head", "dk = dscores.T @ self.q", "dk = dscores @ self.q", "dk ="),
    ("network_of_layers", "return dout * self.mask", "return self.mask * 1.0", "return self.mask"),
    ("network_of_layers", "self.x.T @ dout", "2 * self.x.T @ dout", "self.dW ="),
    ("network_of_layers", "in reversed(self.layers)", "in self.layers", "dout = layer"),
    ("properties_and_types", "dout.T @ self._x", "-dout.T @ self._x", "self.dweight ="),
    ("ordered_layers", "dout[self.mask] = 0", "dout[self.mask] = 1", "dout["),
    ("ordered_layers", "layers.reverse()", "pass", "dout ="),
    ("ordered_layers", "self.layers['Affine1'].dW", "2 * self.layers['Affine1'].dW", "grads['W1']"),
    ("ordered_layers", "self.layers['Affine2'].db", "self.layers['Affine1'].db", "grads['b2']"),
    ("dense_updating", "np.dot(self.weights.T, output_gradient)", "np.dot(self.weights.T, output_gradient ** 2)", "input_gradient ="),
    ("embedding_and_scale", "np.add.at(self.dtable, self.tokens, dout)", "self.dtable[self.tokens] += dout", "self.dtable"),
    ("embedding_and_scale", "(dout * self.x).sum(axis=0)", "(dout * self.g).sum(axis=0)", "self.dg ="),
    ("batch_norm_with_running", "0.5 * dstd / self.std", "dstd / self.std", "dvar ="),
    ("batch_norm_with_running", "dx = dxc - dmu", "dx = dxc + dmu", "dmu ="),
    ("batch_norm_with_running", "np.sum(self.xn * dout", "np.sum(self.xc * dout", "dgamma ="),
    ("dropout_ratio", "return dout * self.mask", "return dout * (1 - self.mask)", "return dout"),
    ("dropout_inverted", "dvalues * self.binary_mask", "dvalues / self.binary_mask", "self.dinputs ="),
    ("network_with_loss_and_gradient", "- t) / batch_num", "- t) * batch_num", "dy ="),
    ("network_with_loss_and_gradient", "z1 * (1 - z1) * dz1", "z1 * (1 + z1) * dz1", "da1 ="),
    ("network_with_loss_and_gradient", "np.dot(z1.T, dy)", "np.dot(a1.T, dy)", "grads['W2']"),
    ("inheriting_layers", "= self.alpha\n        return", "= 0\n        return", "dx ="),
    ("inheriting_layers", "return grad * dx", "return dx", "dx ="),
    ("inheriting_layers", "self._input.T @ grad", "self._input.T @ grad / len(grad)", "self.grad_weight ="),
    ("dense_regularised", "+= 2 * self.l2 * self.weights", "-= 2 * self.l2 * self.weights", "self.dweights ="),
    ("dense_regularised", "+= 2 * self.l2 * self.weights", "+= 2 * self.l2 * self.weights ** 2", "self.dweights ="),
    ("mean_squared_error", "-2 * (y_true", "2 * (y_true", "self.dinputs ="),
    ("mean_squared_error", "self.dinputs / samples", "self.dinputs * samples", "self.dinputs ="),
    ("softmax_and_loss_combined", "y_true] -= 1", "y_true] += 1", "self.dinputs ="),
    ("softmax_and_loss_combined", "self.dinputs / samples", "self.dinputs", "self.dinputs ="),
    ("losses_as_objects", "2.0 * self.diff", "self.diff", "return self.diff"),
    ("losses_as_objects", "(self.p - self.t) /", "(self.p + self.t) /", "return (self.p"),
    ("conv_im2col", "np.sum(dout, axis=0)", "np.mean(dout, axis=0)", "self.db ="),
    ("conv_im2col", "np.dot(self.col.T, dout)", "np.dot(self.col.T, -dout)", "self.dW ="),
    ("params_value_grad", "dout.sum(axis=0)", "dout.mean(axis=0)", 'self.params["b"]["grad"]'),
    ("parameter_objects", "self.x.T @ dy", "self.x.T @ (2 * dy)", "self.W.grad +="),
    ("gru_cell", "return dx, dh", "return dn, dh", "return dn, dh"),
    ("layer_norm", "return dx", "return dx_hat", "return dx_hat"),
    ("network_trained_by_steps", "(self.output - self.y) *", "(self.y - self.output) *", "self.d_w2 ="),
    ("losses_as_objects", "2.0 * self.diff", "-2.0 * self.diff", "return -2.0"),
)
