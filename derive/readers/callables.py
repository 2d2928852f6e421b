"""Calling what a name or an attribute denotes: functions of the source, libraries, methods of arrays and lists."""

from __future__ import annotations

import ast

from derive import expr as x
from derive.readers import arrays as A
from derive.readers import calls_math, calls_windows  # noqa: F401  (their rows register themselves)
from derive.readers import layers as L
from derive.readers.builtins import builtin, key_of, spread
from derive.readers.calls import ROWS, call
from derive.readers.classes import BACKWARDS, FORWARDS
from derive.readers.convert import as_array, guessed
from derive.readers.indexing import mutate, store
from derive.readers.operators import plain
from derive.readers.rounds import replaced
from derive.readers.run import Run
from derive.readers.values import (
    Array,
    ByName,
    Function,
    Instance,
    Method,
    Module,
    Moving,
    Opaque,
    Parameter,
    Rows,
    ShapeOf,
    kind,
)


def call_value(run: Run, callee: object, args: list, keywords: dict, node: ast.Call | None = None) -> object:
    """Call what a name or an attribute denotes."""
    match callee:
        case Function():
            return run.inline(run, callee, args, keywords)
        case Module():
            return _library(run, callee, args, keywords)
        case Method():
            return _method(run, callee, args, keywords)
        case L.ClassOf():
            return L.instance_of(run, callee, args, keywords)
        case L.Layer():
            return L.apply(run, callee, args)
        case Opaque(what=what) if what.startswith("the layer "):
            raise run.unsupported(f"a call of {what.removeprefix('the layer ')}", "this layer is not supported",
                                  "supported: " + ", ".join(sorted(L.KINDS)))  # fmt: skip
        case Opaque(what=what) if what.rpartition(".")[2] in RANDOM:
            return run.drawn(what.rpartition(".")[2], args, keywords)
        case Opaque():
            return Opaque(f"the result of {callee.what}")
        case Instance() if "forward" in callee.methods or "__call__" in callee.methods:
            name = "forward" if "forward" in callee.methods else "__call__"
            return call_value(run, Function(name, callee.methods[name], run.scopes[0], (callee,)), args, keywords)
    raise run.unsupported(f"a call of {kind(callee)}", "only functions of this file, NumPy and torch are read")


_SILENT = set(
    "seed manual_seed set_printoptions no_grad print set_default_dtype mark_dirty info save_for_backward warn "
    "Generator default_rng RandomState errstate seterr zero_grad retain_grad requires_grad_ inference_mode enable_grad "
    "device synchronize".split()
)
RANDOM = set(
    "randn rand normal uniform randint random standard_normal randn_like rand_like integers choice permutation "
    "randperm binomial shuffle multinomial dropout bernoulli standard_gamma random_sample normal_ uniform_".split()
)


def _library(run: Run, callee: Module, args: list, keywords: dict) -> object:
    name, path = callee.last, callee.path
    if path.startswith("builtins."):
        return builtin(run, name, args, keywords)
    if name in _SILENT:
        return Opaque(path)
    if path.startswith("torch.nn.") and name[:1].isupper():
        return L.made(name, args, keywords)
    if name in RANDOM:
        return run.drawn(name, args, keywords)
    if name in ("result_type", "promote_types", "get_default_dtype"):
        return Module("numpy.float64")
    if path == "numpy.add.at" or path.endswith(("subtract.at",)):
        return _add_at(run, "-" if "subtract" in path else "+", args)
    if path == "numpy.copyto" and len(args) == 2 and not keywords and isinstance(args[0], Array):
        store(run, args[0], tuple(slice(None) for _ in args[0].shape), "", as_array(run, args[1]))
        return None
    if len(path.split(".")) > 2 and path.startswith("numpy.") and name in ("reduce", "outer", "accumulate"):
        raise run.unsupported(f"`{path}`", hint="use np.sum, np.outer or np.cumsum")
    if path == "jax.nn.gelu" and len(args) < 2:
        keywords = {"approximate": True, **keywords}
    if name in ROWS:
        return call(run, name, callee.flavor, _with_guesses(run, name, args), keywords)
    if name == "split_sections":
        return None
    raise run.unsupported(f"`{path}`", "it has no row in the table of functions", nearest(name))


def nearest(name: str) -> str:
    """A hint: the spelling in the tables that is closest."""
    import difflib

    close = difflib.get_close_matches(name, ROWS, 3)
    return (
        f"did you mean {' or '.join(close)}?" if close else "write it out with sums, products and elementwise functions"
    )


_WANT_MATRIX = {"matmul", "dot", "mm", "softmax", "log_softmax", "cross_entropy", "linear"}


def _with_guesses(run: Run, name: str, args: list) -> list:
    if name not in _WANT_MATRIX:
        return args
    shapes = [a.shape for a in args if isinstance(a, Array)]
    for place, a in enumerate(args):
        if isinstance(a, Parameter):
            like = shapes[0][-1:] if shapes and place and name in ("matmul", "dot", "mm") else ()
            label = name == "cross_entropy" and place
            guessed(run, a, 1 if label else 2, like, "int" if label else "real")
    return args


def _add_at(run: Run, op: str, args: list) -> None:
    owner, index, value = args
    if not isinstance(owner, Array):
        raise run.unsupported(f"np.add.at on {kind(owner)}")
    index = as_array(run, index) if isinstance(index, (list, Rows)) else index
    store(run, owner, index, op, as_array(run, value), add_at=True)


def _method(run: Run, callee: Method, args: list, keywords: dict) -> object:
    owner, name = callee.owner, callee.name
    if isinstance(owner, dict) and any(isinstance(k, Moving) for k in owner) and name not in ("get", "pop", "update"):
        raise run.unsupported(f"`.{name}()` of a dict that a loop of unknown length fills", "its keys are not known",
                              "read it under the loop's variable: [hs[t] for t in range(T)]")  # fmt: skip
    if isinstance(owner, list) and name != "append" or isinstance(owner, ByName) and name != "get":
        run.refuse_growing(owner)
    match owner:
        case list() | tuple() | dict() | str() | Rows():
            return container_method(run, owner, name, args, keywords)
        case Parameter():
            if name in ("keys", "values", "items"):
                raise run.unsupported(f"`{owner.name}.{name}()`", "its entries are not known", "declare its shapes")
            if name == "size" and not args:
                return ShapeOf(owner)
            owner = guessed(run, owner, 2)
    if name == "detach" and run.whatever is not None:  # nothing is differentiated through backward code
        return as_array(run, owner)
    if name == "detach":
        raise run.unsupported("`.detach()`", "it hides a path, so the derivative would not be the function's",
                              "leave it out; for the shift by a maximum the result is the same")  # fmt: skip
    if name in ("item", "tolist", "resolve_conj"):
        return as_array(run, owner)
    if name == "size":
        a = as_array(run, owner)
        shape = tuple(plain(n) for n in a.shape)
        return shape[A.axis_of(run, run.static(args[0]), a.rank)] if args else shape
    if name in ("dim", "numel", "nelement", "ndimension", "element_size"):
        a = as_array(run, owner)
        return a.rank if "dim" in name else plain(x.product_of(list(a.shape)))
    if name.endswith("_") and name[:-1] in ROWS or name in ("fill", "fill_", "zero_", "scatter_", "copy_", "scatter_add_",
                                                             "index_add_"):  # fmt: skip
        return _in_place(run, owner, name, args, keywords)
    if name in ROWS:
        return call(run, name, run.flavor, _with_guesses(run, name, [owner, *args]), keywords)
    if name in (*FORWARDS, *BACKWARDS):
        raise run.unsupported(f"`.{name}()` of an object that is not known",
                              "the constructor is handed it, or a loop or another method makes it",
                              "make the layers in the constructor: self.layers = [Linear(d, h), Relu(), Linear(h, c)]")  # fmt: skip
    raise run.unsupported(f"the method `.{name}()`", "it has no row in the table of functions", nearest(name))


def _in_place(run: Run, owner: object, name: str, args: list, keywords: dict) -> Array:
    a = as_array(run, owner)
    if name in ("scatter_", "scatter_add_", "index_add_"):
        from derive.readers.scattering import scattered

        if keywords.keys() - {"dim"}:
            raise run.unsupported(f"`.{name}()` with `{min(keywords.keys() - {'dim'})}=`", hint="multiply the source instead")
        args = [keywords["dim"], *args] if "dim" in keywords else args
        new = scattered(run, name, a, args)
        if a.view is None:
            return new
    elif name in ("fill", "fill_", "zero_"):
        new = A.filled(a.shape, as_array(run, args[0] if args else 0).body(()))
    elif name == "copy_":
        new = as_array(run, args[0])
    else:
        new = as_array(run, call(run, name[:-1], run.flavor, [a, *args], keywords))
    mutate(run, a, new)
    return run.current(a)


def container_method(run: Run, owner: object, name: str, args: list, keywords: dict) -> object:
    """Methods of lists, dicts and texts."""
    if isinstance(owner, str):
        return owner
    if isinstance(owner, dict):
        for key, value in owner.items() if name in ("items", "values") else ():
            if isinstance(value, Array) and value.rank and value.view is None:  # `for k, g in grads.items(): g *= 2`
                owner[key] = run.store(key if isinstance(key, str) and key.isidentifier() else "item", value)
        table = {"items": lambda: [(k, v) for k, v in owner.items()], "keys": lambda: list(owner),
                 "values": lambda: list(owner.values()), "copy": lambda: dict(owner),
                 "get": lambda: owner.get(key_of(run, args[0]), args[1] if len(args) > 1 else None),
                 "update": lambda: owner.update(args[0] if args else keywords),
                 "pop": lambda: owner.pop(key_of(run, args[0]), None),
                 "setdefault": lambda: owner.setdefault(key_of(run, args[0]), *args[1:2])}  # fmt: skip
    elif isinstance(owner, list):
        table = {
            "append": lambda: _append(run, owner, args[0]),
            "extend": lambda: owner.extend(spread(run, args[0])),
            "copy": lambda: list(owner),
            "insert": lambda: owner.insert(run.static(args[0]), args[1]),
            "pop": lambda: owner.pop(run.static(args[0]) if args else -1),
            "reverse": lambda: owner.reverse(),
        }
    else:
        table = {}
    if name not in table:
        raise run.unsupported(f"`.{name}()` of {kind(owner)}")
    try:
        return table[name]()
    except (IndexError, TypeError, KeyError, ValueError):
        raise run.unsupported(f"`.{name}()` with these arguments") from None


def _append(run: Run, owner: list, value: object) -> None:
    """Appending inside a symbolic loop makes the list one element over the loop's index."""
    if isinstance(value, Array) and value.view is None and not value.cheap:
        value = run.store("row" if run.loops else "item", value)
    held = next((r for r in reversed(run.rounds) if id(owner) in r.lists), None)
    born = run.lists.get(id(owner), ())
    since = [p for p in run.loops if p not in born]
    if held is not None and since == [held.index] and held.lists[id(owner)].appended is None:
        held.lists[id(owner)].appended = value
        shown = replaced(run, value, {held.index: held.number}) if held.backward else value
        owner.append(Rows(held.index, shown))
        return
    if len(since) > 1 or (since and owner):
        raise run.unsupported("appending to this list inside nested loops of unknown length",
                              hint="store into an array instead: out[i, j] = …")  # fmt: skip
    owner.append(Rows(since[0], value) if since else value)
