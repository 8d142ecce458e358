"""A variable: samples as rows (N, width), checked at the door; discrete, or real numbers."""

from typing import Any

import numpy as np

from minigrad import backend
from minigrad.backend import Array
from minigrad.errors import BackendError, NotFiniteError, ShapeError
from minigrad.losses import not_finite


def variable(name: str, x: Any) -> Array:
    """x (N,) or (N, width) as rows (N, width): int64 if it is discrete, else real and finite.

    Discrete are integers, truth values and, numbered in their order, texts. A list becomes a numpy
    array, and numpy's shorter floats become float64. Raises ShapeError, TypeError, NotFiniteError.
    """
    if not backend.is_array(x):
        try:
            x = np.asarray(x)
        except ValueError as error:
            raise ShapeError(f"{name}: rows of different lengths: {error}") from error
    xp, kind = backend.namespace(x), backend.dtype_name(x)
    if isinstance(x, np.ndarray):
        if np.ma.is_masked(x):
            raise NotFiniteError(f"{name} has masked values: leave out the samples that have them")
        x = np.asarray(x)  # a matrix or a masked array has an arithmetic of its own
        if x.dtype.kind in "US":
            x, kind = np.unique(x, return_inverse=True)[1].reshape(x.shape), "int64"
        elif x.dtype.kind == "f":
            x, kind = x.astype(np.float64, copy=False), "float64"
        elif x.dtype.kind not in "biu":
            raise TypeError(f"{name}: expected real numbers, integers or texts, came {x.dtype}")
    if x.ndim not in (1, 2) or 0 in x.shape:
        raise ShapeError(f"{name}: expected (samples,) or (samples, width), came {tuple(x.shape)}")
    x = x[:, None] if x.ndim == 1 else x
    if "complex" in kind:
        raise TypeError(f"{name}: expected real numbers, came {x.dtype}")
    if "float" not in kind:
        return xp.astype(x, xp.int64)
    if not backend.all_finite(x):
        raise NotFiniteError(f"{name} has {not_finite(x)} (sample, column): estimates need numbers")
    return x


def variables(**named: Any) -> list[Array]:
    """Several variables of the same samples; `given` and `labels` are left out if they are None.

    Discrete ones from the host are moved beside the others: labels are kept there. Raises
    ShapeError for different numbers of samples, BackendError for a mixture of libraries.
    """
    optional = ("given", "labels")
    rows = {
        name: variable(name, x)
        for name, x in named.items()
        if x is not None or name not in optional
    }
    lengths = {name: x.shape[0] for name, x in rows.items()}
    if len(set(lengths.values())) > 1:
        raise ShapeError(f"expected one row for each sample in all, came {lengths} samples")
    away = [x for x in rows.values() if not isinstance(x, np.ndarray)]
    beside = [
        backend.move(x, backend.place_of(away[0]))
        if away and is_discrete(x) and isinstance(x, np.ndarray)
        else x
        for x in rows.values()
    ]
    backend.namespace(*beside)
    return beside


def is_discrete(x: Array) -> bool:
    """Whether a variable takes integer values, which stand for symbols."""
    return "int" in backend.dtype_name(x)


def real(name: str, x: Array, instead: str) -> Array:
    """x, if it is made of real numbers; else TypeError naming what to use instead."""
    if is_discrete(x):
        raise TypeError(
            f"{name} is discrete (integers), and this estimator measures distances between real "
            f"numbers: use {instead}, or give floats if {name} is a quantity"
        )
    return x


def quantity(name: str, x: Any) -> Array:
    """x as `variable`, where an integer is a number like any other; a text is none."""
    values = variable(name, x)
    if is_discrete(values):
        if np.asarray(backend.host(x)).dtype.kind in "US":
            raise TypeError(f"{name}: expected real numbers, came texts")
        return backend.namespace(values).astype(values, backend.namespace(values).float64)
    return values


def symbols(name: str, x: Array) -> Array:
    """x (N, 1 or more), if it is discrete; else TypeError."""
    if not is_discrete(x):
        raise TypeError(
            f"{name}: expected labels (integers or texts), came {x.dtype}; are the two swapped?"
        )
    return x


def on_host(host: bool, remedy: str, *xs: Array) -> list[Any]:
    """The variables as numpy arrays; BackendError for others unless told `host`."""
    for x in xs:
        if not (host or isinstance(x, np.ndarray)):
            raise BackendError(
                f"the k-d tree works on the host, the samples are {backend.place_of(x)} arrays: "
                f"pass host=True to copy them there, or {remedy}"
            )
    return [backend.host(x) for x in xs]


def joined(*xs: Array) -> Array:
    """Variables side by side: (N, sum of the widths)."""
    return backend.namespace(*xs).concat(list(xs), axis=1)


def rows_of(x: Array, index: Any) -> Array:
    """The rows of x with these numbers, which are on the host, in their order."""
    if isinstance(x, np.ndarray):
        return x[index]
    return backend.take_rows(x, backend.move(index, backend.place_of(x)))


def constant_notes(**named: Array) -> list[str]:
    """A note for each variable that is the same in every sample: it tells nothing."""
    return [
        f"{name} is constant"
        for name, x in named.items()
        if bool(backend.namespace(x).all(x == x[:1, :]))
    ]


def order_within(labels: Any, rng: np.random.Generator) -> Any:
    """An order that moves samples only among those of the same label."""
    groups, order = np.argsort(labels, kind="stable"), np.empty(len(labels), np.int64)
    shuffled = np.lexsort((rng.random(len(labels)), labels))
    order[groups] = shuffled
    return order
