"""derive: gradients of neural-network code in index notation, step by step.

    import derive

    d = derive.differentiate(derive.read("forward.py"))
    d["logits"]                       the gradient at a named array
    d.code(), d.function()            NumPy
    d.report("out.pdf")               the report

Names load what they need when they are first used, so that `import derive` costs next to nothing.
"""

from __future__ import annotations

import importlib

__version__ = "0.1.0"

_HOMES = {
    "derive.api": (
        "Derivative",
        "check",
        "differentiate",
        "from_sympy",
        "hessian",
        "hessian_product",
        "jacobian",
        "op",
        "read",
        "solve",
        "to_sympy",
    ),
    "derive.errors": ("Problem",),
    "derive.program": ("Program",),
    "derive.symbolic": ("affine", "cross_entropy", "gradient", "log_softmax", "softmax"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME)  # noqa: PLE0605  (one table says where each name lives)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module 'derive' has no attribute {name!r}")
    found = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = found
    return found


def load_ipython_extension(ipython) -> None:
    """`%load_ext derive` in Jupyter: the magics `%derive check`, `%%derive check`, `%%derive show`."""
    from derive.magics import load_ipython_extension as load

    load(ipython)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
