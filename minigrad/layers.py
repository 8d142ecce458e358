"""The idea: a layer is a map with two methods, forward and backprop.

    y  = layer(x)             # x: (..., n)  ->  y: (..., m); any leading batch axes, none included
    dx = layer.backprop(dy)   # dE/dy -> dE/dx; adds dE/dw to layer.grad; changes no parameter

`Identity`, `Map` and `Affinity` are all of it. `Layer` stands at the two doors, so that the two
methods see only sound arrays; how parameters are kept is told in `parameters`.
"""

import operator
from collections.abc import Callable
from functools import wraps
from typing import Any

from minigrad import backend, maps
from minigrad.backend import Array, Random
from minigrad.errors import ShapeError
from minigrad.parameters import Parameters


class Layer(Parameters):
    """A map y = f(x; theta) and its backprop; a layer of one's own writes the two methods.

    `declare(M=(m, n), b=(m,))`, in __init__, makes parameters. What forward keeps on self is what
    backprop will find. `n`: the width of the input (None: any). `smooth`: forward takes complex
    numbers too, so that the complex-step check applies.
    """

    n: int | None = None
    smooth: bool = False
    learning: bool = False  # while `learn` or `fit` is at work: for layers that then add noise
    _y_shape: tuple[int, ...] | None = None
    _kept: frozenset[str] = frozenset()  # the names under which forward keeps things

    def forward(self, x: Array) -> Array:
        """y (..., m) of x (..., n); keeps on self what backprop will need."""
        raise TypeError(f"{self}: a layer needs a method forward(self, x)")

    def backprop(self, dy: Array) -> Array:
        """dE/dx (..., n) of dE/dy (..., m), by the chain rule; adds dE/dw to grad.

        May be called again after the same forward, and adds again. Raises RuntimeError before a
        forward, ShapeError if dy has not the shape of y.
        """
        raise TypeError(f"{self} has no backprop: a layer needs a method backprop(self, dy)")

    def __call__(self, x: Any) -> Array:
        """y = forward(x), for an array or a list x; ShapeError if x is not (..., n)."""
        x = self._admit(x)
        before = set(vars(self)) if self._y_shape is None else None
        y = self.forward(x)
        if not hasattr(y, "shape"):
            raise TypeError(f"{self}: forward returned {_what(y)}, expected an array")
        if before is not None:
            self._kept = frozenset(vars(self)) - before
        self._y_shape = y.shape
        return y

    def vjp(self, dy: Array) -> tuple[Array, Array]:
        """(dE/dx, dE/dtheta) of dE/dy at the last forward; leaves grad alone."""
        kept = backend.copy(self.grad)
        try:
            self.zero_grad()
            return self.backprop(dy), backend.copy(self.grad)
        finally:
            self.grad = kept

    def remembered(self) -> dict[str, Any]:
        """What the last forward left for backprop; `remember` gives it back, and again."""
        lasting = {"shapes", "init", "frozen", "xp", "place", "_views", "_owner", "_version"}
        return {k: v for k, v in vars(self).items() if k not in lasting | self._views}

    def remember(self, memory: dict[str, Any]) -> None:
        """Be as after the forward at which `memory` was taken by `remembered`."""
        vars(self).update(memory)

    def rows(self, a: Array) -> Array:
        """a with its batch axes made one: (..., n) -> (batch, n); in a stack (K, batch, n)."""
        return self.xp.reshape(a, (*self.theta.shape[:-1], -1, a.shape[-1]))

    def total(self, a: Array) -> Array:
        """a summed over its batch axes: (..., n) -> (n,); in a stack (K, 1, n)."""
        lead = self.theta.shape[:-1]
        summed = self.xp.sum(self.rows(a), axis=-2)
        return self.xp.reshape(summed, (*lead, *(1,) * len(lead), a.shape[-1]))

    def __str__(self) -> str:
        m = getattr(self, "m", None)
        return type(self).__name__ + (f" {self.n} -> {m}" if self.n and m else "")

    def __repr__(self) -> str:
        return f"<{self}>"

    # The second door. It cannot stand in a caller, as forward's does in __call__, since backprop is
    # the name that one writes as well as the one that one calls.
    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "backprop" in vars(cls):
            cls.backprop = _admitting(vars(cls)["backprop"])  # type: ignore[method-assign]

    def _admit(self, x: Any) -> Array:
        """x as an array beside theta, of the right width: the one place that checks an input."""
        x = backend.receive(x, self.theta)
        lead = self.theta.shape[:-1]
        if lead and x.ndim == 2:
            x = self.xp.broadcast_to(x, (*lead, *x.shape))
        if lead and (x.ndim != 3 or x.shape[0] != lead[0]):
            raise ShapeError(
                f"{self}: a stack of {lead[0]} takes x of shape ({lead[0]}, batch, n), or one "
                f"(batch, n) for all; came {tuple(x.shape)}"
            )
        if x.ndim == 0:
            raise ShapeError(f"{self}: expected a vector or a batch of vectors, came one number")
        if self.n is not None and x.shape[-1] != self.n:
            raise ShapeError(
                f"{self}: the input has {x.shape[-1]} features, expected {self.n}; "
                f"x has shape {tuple(x.shape)}"
            )
        return x

    def _admit_gradient(self, dy: Any) -> Array:
        if self._y_shape is None:
            raise RuntimeError(f"{self}: backprop before a forward: call the layer on an x first")
        dy = backend.receive(dy, self.theta)
        if dy.shape != self._y_shape:
            raise ShapeError(
                f"{self}: the gradient has shape {tuple(dy.shape)}, "
                f"the output had {tuple(self._y_shape)}"
            )
        return dy

    def _forget(self) -> None:
        """Drop what forward kept: it may be large, and a backprop after this is refused."""
        for name in self._kept | {"_kept", "_y_shape"}:
            vars(self).pop(name, None)


def _admitting(backprop: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(backprop)
    def checked(self: Layer, dy: Any, *args: Any, **kwargs: Any) -> Any:
        if type(self).backprop is not checked:  # called through super(): the door is further out
            return backprop(self, dy, *args, **kwargs)
        dx = backprop(self, self._admit_gradient(dy), *args, **kwargs)
        if dx is not None and not hasattr(dx, "shape"):
            raise TypeError(f"{self}: backprop returned {_what(dx)}, expected an array")
        return dx

    return checked


def _what(value: Any) -> str:
    return "nothing (no return?)" if value is None else f"a {type(value).__name__}"


def width(n: Any) -> int:
    """n, if it is a number of features: a positive integer."""
    if isinstance(n, bool) or not hasattr(n, "__index__") or n < 1:
        raise ValueError(f"a width is a positive integer, not {n!r}")
    return operator.index(n)


class Identity(Layer):
    """y = x; dE/dx = dE/dy."""

    smooth = True

    def forward(self, x: Array) -> Array:
        return x

    def backprop(self, dy: Array) -> Array:
        return dy


class Map(Layer):
    """y_i = f(x_i); dE/dx_i = f'(x_i) dE/dy_i, for a named map, or one's own f and derivative df.

    `Map(maps.tanh)`, `Map("tanh")`, `Map(lambda x: x * x / 2, lambda x: x)`.
    """

    def __init__(
        self, f: maps.ScalarMap | str | Callable[..., Any], df: Callable[..., Any] | None = None
    ) -> None:
        self.map = maps.scalar_map(f, df)
        self.smooth = self.map.smooth

    def forward(self, x: Array) -> Array:
        self.x = x
        return self.map.f(self.xp, x)

    def backprop(self, dy: Array) -> Array:
        return self.map.df(self.xp, self.x) * dy

    def __str__(self) -> str:
        return f"Map {self.map.name}"


class Affinity(Layer):
    """y = M x + b; dE/dx = M^T dE/dy, dE/dM = dE/dy x^T, dE/db = dE/dy, summed over the batch.

    M: (m, n), b: (m,); started by `init` (Glorot) and `bias` (0), or assigned.
    """

    smooth = True
    M: Array
    b: Array
    dM: Array
    db: Array

    def __init__(
        self,
        n: int,
        m: int,
        init: Any = "glorot",
        bias: Any = "zeros",
        rng: Random = None,
        dtype: str | None = None,
    ) -> None:
        self.n, self.m = n, m = width(n), width(m)
        self.declare(M=(m, n), b=(m,), init={"M": init, "b": bias}, rng=rng, dtype=dtype)

    def forward(self, x: Array) -> Array:
        self.x = x
        return x @ self.M.mT + self.b  # samples are rows: M x for each is x M^T for all

    def backprop(self, dy: Array) -> Array:
        self.dM += self.rows(dy).mT @ self.rows(self.x)
        self.db += self.total(dy)
        return dy @ self.M
