# idioms: slices; new axis; mean method; positional axis; var method; negative power; ddof / unbiased
# sizes: n=3 d=4 | n=2 d=5 | n=5 d=3


# shapes: x (n, d) · g (d,) · b (d,)
def forward(x, g, b):
    mu = x.mean(1)[:, None]
    v = x.var(1, ddof=1)[:, None]
    inv = (v + 1e-5) ** -0.5
    y = (x - mu) * inv * g + b
    return y
