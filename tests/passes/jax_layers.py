# idioms: tuple unpacking; slices; np.sum; unary minus; axis keyword; dot; for over iterable; np.mean; log_softmax;
#    helper function; jax
# sizes: n=4 d=3 h=5 c=2 | n=3 d=2 h=4 c=3 | n=5 d=4 h=2 c=4
import jax
import jax.numpy as jnp


def predict(params, x):
    for w, b in params[:-1]:
        x = jax.nn.gelu(jnp.dot(x, w) + b)
    w, b = params[-1]
    return jnp.dot(x, w) + b


# shapes: x (n, d) · y (n, c) · params[0][0] (d, h) · params[0][1] (h,) · params[1][0] (h, c) · params[1][1] (c,)
def forward(params, x, y):
    logits = predict(params, x)
    return -jnp.mean(jnp.sum(jax.nn.log_softmax(logits) * y, axis=1))
