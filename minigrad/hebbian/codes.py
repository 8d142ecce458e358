"""From what units answer to a code that a read-out can read.

    k winners       y_j = p_j of the k largest, else 0
    soft threshold  y_j = max(0, p_j - p_(k+1)), with p_(k+1) the (k+1)-th largest

How many winners the read-out sees matters more than how many of them learned.
"""

from functools import partial
from typing import Any

import numpy as np

from minigrad import backend, maps, samples
from minigrad.backend import Array
from minigrad.errors import NotFiniteError, ShapeError
from minigrad.hebbian.torus import only
from minigrad.initializers import Initializer
from minigrad.layers import Layer
from minigrad.losses import not_finite

EMPTY = 1e-30  # a norm below this is that of a row of zeros


def k_winners(p: Array, k: int) -> Array:
    """The k largest of p (..., m) as they are, the others 0; of equals the first."""
    return only(p, backend.top_k(p, k))


def soft_threshold(p: Array, k: int) -> Array:
    """y = max(0, p - p_(k+1)), p_(k+1) being the (k+1)-th largest of p (..., m); k: 1 to m - 1.

    At most k of y are above 0. What all of p have in common does not show: y is the same for p + c.
    """
    m = p.shape[-1]
    if samples.positive("k", k) >= m:
        raise ValueError(f"k must be between 1 and {m - 1}, one less than the units, not {k}")
    xp = backend.namespace(p)
    if isinstance(p, np.ndarray):
        border = np.partition(p, m - 1 - k, axis=-1)[..., m - 1 - k, None]
    else:
        border = xp.sort(p, axis=-1, descending=True)[..., k : k + 1]
    return maps.relu.f(xp, p - border)


def unit_rows(W: Array) -> Array:
    """W (m, n) with each row divided by its norm; a row of zeros stays one."""
    xp = backend.namespace(W)
    norms = xp.sqrt(xp.sum(W * W, axis=-1, keepdims=True))
    return W / xp.where(norms > EMPTY, norms, xp.ones_like(norms))


class Codes(Layer):
    """p = W x, and of it the code: (..., n) -> (..., m). Learns nothing, and has no backprop.

    `W` (m, n), or a layer that has one: copied, as it now is. `k`: how many are left standing;
    None: all of p. `soft`: by the soft threshold; else the k winners as they are. `unit`: the rows
    of W at norm 1, so that no unit wins by being long.

    >>> Codes([[2.0, 0.0], [0.0, 1.0], [3.0, 4.0]], k=1, soft=False)([1.0, 0.9]).tolist()
    [0.0, 0.0, 1.32]
    """

    W: Array

    def __init__(self, W: Any, k: int | None = None, soft: bool = True, unit: bool = True) -> None:
        W = weights_of(W)
        self.m, self.n = W.shape
        most = self.m - soft
        if k is not None and samples.positive("k", k) > most:
            kind = "a soft threshold" if soft else "winners"
            raise ValueError(f"k, for {kind} among {self.m} units, is 1 to {most}, not {k}")
        self.k, self.soft = k, soft
        declare_frozen(self, unit_rows(W) if unit else W)

    def forward(self, x: Array) -> Array:
        p = x @ self.W.mT
        if self.k is None:
            return p
        return soft_threshold(p, self.k) if self.soft else k_winners(p, self.k)


def encode(layer: Layer, x: Any, batch: int = 1000) -> Array:
    """What a layer answers to x (N, n), `batch` rows at a time: (N, m), where the layer lives.

    x may be on the host, whatever its float type, and the layer anywhere: a batch at a time is
    brought to it.
    """
    batch = samples.positive("batch", batch)
    if not backend.is_array(x):
        x = backend.host(x)
    if x.ndim != 2 or not x.shape[0]:
        raise ShapeError(f"x: expected samples as rows, (N, n), came {tuple(x.shape)}")
    xp, y = layer.xp, None
    for start in range(0, x.shape[0], batch):
        stop = min(start + batch, x.shape[0])
        part = layer(beside(x[start:stop, :], layer))
        if y is None:
            y = xp.empty((x.shape[0], part.shape[-1]), dtype=part.dtype, device=layer.place.device)
        y[start:stop, :] = part
    layer._forget()  # of the last part, which nobody will pass a gradient for
    return y


def beside(x: Array, layer: Layer) -> Array:
    """x where the layer lives and of its float type, copied and cast if it must be."""
    theta = layer.theta
    if backend.place_of(x) != layer.place:
        return backend.move(x, layer.place, backend.dtype_name(theta))
    return x if x.dtype == theta.dtype else layer.xp.astype(x, theta.dtype)


def weights_of(W: Any) -> Array:
    """W (m, n), given as it is or by the layer that has it; finite."""
    W = backend.asarray(getattr(W, "W", W))
    if W.ndim != 2 or not backend.size(W.shape):
        raise ShapeError(f"W: expected a row for each unit, (m, n), came {tuple(W.shape)}")
    xp = backend.namespace(W)
    if not xp.isdtype(W.dtype, "real floating"):
        W = backend.move(W, backend.place_of(W), backend.birth_dtype())
    if not backend.all_finite(W):
        raise NotFiniteError(f"W has {not_finite(W)}")
    return W


def declare_frozen(layer: Layer, W: Array) -> None:
    """Give the layer the parameter W with these values, where they are, for no one to train."""
    start: dict[str, Initializer] = {"W": partial(_given, np.array(backend.host(W)))}
    layer.declare(None, backend.dtype_name(W), start, W=tuple(W.shape))
    layer.freeze()
    place = backend.place_of(W)
    if place != layer.place:
        layer._bind(backend.move(layer.theta, place), backend.move(layer.grad, place))


def _given(W: Any, rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return W
