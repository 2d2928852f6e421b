# idioms: for over iterable; power; @; zip / enumerate
# sizes: T=4 d=3 | T=2 d=2 | T=6 d=2


# shapes: x (T, d) · decay (d,) · w (d,) · target ()
def forward(x, decay, w, target):
    s = 0
    for t, row in enumerate(x):
        s = decay * s + (1 - decay) * row / (t + 1)
    return (s @ w - target) ** 2
