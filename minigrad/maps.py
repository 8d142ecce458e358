"""Scalar maps, each beside its derivative; `layers.Map` alone multiplies by the incoming gradient.

>>> from minigrad import maps
>>> float(maps.half_square(3.0)), float(maps.half_square.derivative(3.0))
(4.5, 3.0)
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from minigrad import backend
from minigrad.backend import Array


@dataclass(frozen=True)
class ScalarMap:
    """A function of one number and its derivative, f(xp, x) and df(xp, x), on arrays of any shape.

    `smooth`: f takes complex numbers too, so that the complex-step check applies. `bounds`: what no
    value is below or above.
    """

    name: str
    f: Callable[[Any, Array], Array]
    df: Callable[[Any, Array], Array]
    smooth: bool = False
    bounds: tuple[float, float] = (-math.inf, math.inf)

    def __call__(self, x: Any) -> Array:
        """y = f(x), of the shape of x."""
        return self.f(*_with_namespace(x))

    def derivative(self, x: Any) -> Array:
        """f'(x), of the shape of x."""
        return self.df(*_with_namespace(x))

    def __reduce__(self) -> Any:  # a named map travels by its name: lambdas do not pickle
        if NAMED.get(self.name) is self:
            return named, (self.name,)
        return ScalarMap, (self.name, self.f, self.df, self.smooth, self.bounds)


def _with_namespace(x: Any) -> tuple[Any, Array]:
    x = backend.asarray(x)
    return backend.namespace(x), x


def _sigmoid(xp: Any, x: Array) -> Array:
    return 0.5 + 0.5 * xp.tanh(0.5 * x)  # no overflow, either side


def _softplus(xp: Any, x: Array) -> Array:
    return xp.maximum(x, xp.zeros_like(x)) + xp.log1p(xp.exp(-xp.abs(x)))  # no overflow


def _leaky(leak: float, xp: Any, x: Array) -> Array:
    return xp.where(x > 0, x, leak * x)


def _leaky_slope(leak: float, xp: Any, x: Array) -> Array:
    return xp.where(x > 0, xp.ones_like(x), leak * xp.ones_like(x))


def leaky(leak: float) -> ScalarMap:
    """The leaky relu of slope `leak` below 0: f(x) = x for x > 0, else leak x."""
    return ScalarMap(f"leaky relu {leak:g}", partial(_leaky, leak), partial(_leaky_slope, leak))


# At its kink, 0, df is 0 for relu and absolute, and the leak for the leaky relu.
identity = ScalarMap("identity", lambda xp, x: x, lambda xp, x: xp.ones_like(x), smooth=True)
tanh = ScalarMap(
    "tanh",
    lambda xp, x: xp.tanh(x),
    lambda xp, x: 1 - xp.tanh(x) ** 2,
    smooth=True,
    bounds=(-1.0, 1.0),
)
sigmoid = ScalarMap(
    "sigmoid",
    _sigmoid,
    lambda xp, x: _sigmoid(xp, x) * _sigmoid(xp, -x),
    smooth=True,
    bounds=(0.0, 1.0),
)
relu = ScalarMap(
    "relu",
    lambda xp, x: xp.maximum(x, xp.zeros_like(x)),
    lambda xp, x: xp.astype(x > 0, x.dtype),
    bounds=(0.0, math.inf),
)
leaky_relu = ScalarMap("leaky relu", *(leaky(0.01).f, leaky(0.01).df))
softplus = ScalarMap("softplus", _softplus, _sigmoid, bounds=(0.0, math.inf))
silu = ScalarMap(
    "silu",
    lambda xp, x: x * _sigmoid(xp, x),
    lambda xp, x: _sigmoid(xp, x) * (1 + x * _sigmoid(xp, -x)),
    smooth=True,
)
sine = ScalarMap(
    "sine", lambda xp, x: xp.sin(x), lambda xp, x: xp.cos(x), smooth=True, bounds=(-1.0, 1.0)
)
cosine = ScalarMap(
    "cosine", lambda xp, x: xp.cos(x), lambda xp, x: -xp.sin(x), smooth=True, bounds=(-1.0, 1.0)
)
gaussian = ScalarMap(
    "gaussian",
    lambda xp, x: xp.exp(-0.5 * x * x),
    lambda xp, x: -x * xp.exp(-0.5 * x * x),
    smooth=True,
    bounds=(0.0, 1.0),
)
half_square = ScalarMap(
    "half square", lambda xp, x: 0.5 * x * x, lambda xp, x: x, smooth=True, bounds=(0.0, math.inf)
)
absolute = ScalarMap(
    "absolute", lambda xp, x: xp.abs(x), lambda xp, x: xp.sign(x), bounds=(0.0, math.inf)
)

NAMED = {
    m.name: m
    for m in (
        identity,
        tanh,
        sigmoid,
        relu,
        leaky_relu,
        softplus,
        silu,
        sine,
        cosine,
        gaussian,
        half_square,
        absolute,
    )
}


def named(name: str) -> ScalarMap:
    """The map of that name, "half square" or "half_square"; ValueError lists the names."""
    try:
        return NAMED[name.replace("_", " ")]
    except KeyError:
        raise ValueError(f"unknown map {name!r}: expected one of {', '.join(NAMED)}") from None


def scalar_map(
    f: ScalarMap | str | Callable[..., Any], df: Callable[..., Any] | None = None
) -> ScalarMap:
    """The map meant by a map, by a name, or by one's own f(x) and its derivative df(x).

    What own functions return is broadcast to x and takes its dtype. One for single numbers, such
    as `lambda d: 1 if d > 0 else 0`, is found out on two elements of the first x that it meets; it
    is then applied to each element, and a warning says once how to write it fast.
    """
    if isinstance(f, ScalarMap | str):
        if df is not None:
            raise TypeError(
                f"the map {getattr(f, 'name', f)} brings its derivative; df goes with a function "
                "of one's own"
            )
        return named(f) if isinstance(f, str) else f
    if not callable(f) or not callable(df):
        raise TypeError(
            "a map needs a function and its derivative, Map(f, df), or a name: "
            f"{', '.join(NAMED)}; came {f!r} and {df!r}"
        )
    name = getattr(f, "__name__", type(f).__name__)
    return ScalarMap("own" if name == "<lambda>" else name, _Elementwise(f), _Elementwise(df))


class _Elementwise:
    """A user's function as f(xp, x), once it is known whether it takes arrays or single numbers."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.takes_arrays: bool | None = None

    def __call__(self, xp: Any, x: Array) -> Array:
        if backend.size(x.shape) == 0:
            return xp.zeros_like(x)
        if self.takes_arrays is None:
            self.takes_arrays = self._try_two(xp, x)
        if not self.takes_arrays:
            return self._one_by_one(xp, x)
        return xp.zeros_like(x) + backend.receive(self.function(x), x)

    def _one_by_one(self, xp: Any, x: Array) -> Array:
        values = [float(self.function(v)) for v in backend.host(x).ravel().tolist()]
        return xp.reshape(backend.receive(values, x), x.shape)

    def _try_two(self, xp: Any, x: Array) -> bool:
        flat = xp.reshape(x, (-1,))
        two = xp.concat([flat[:1], flat[-1:]])
        got = expected = failure = None
        try:
            got = xp.zeros_like(two) + backend.receive(self.function(two), two)
        except Exception as error:  # whatever it says to an array, it may work on numbers
            failure = error
        try:
            expected = self._one_by_one(xp, two)
        except Exception:
            if failure:
                raise failure from None
            return True
        if got is not None and got.shape == two.shape and _agree(xp, got, expected):
            return True
        name = getattr(self.function, "__name__", repr(self.function))
        backend.say_once(
            f"the function {name} takes single numbers only and is called once for each element, "
            f"which is slow; write it for arrays, say np.where(x > 0, 1, 0) for 1 if x > 0 else 0"
        )
        return False


def _agree(xp: Any, a: Array, b: Array) -> bool:
    near = xp.abs(a - b) <= 1e-5 * (1 + xp.abs(b))
    return bool(xp.all(near | (a == b) | (xp.isnan(a) & xp.isnan(b))))
