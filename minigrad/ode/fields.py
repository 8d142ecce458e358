"""Vector fields: x' = f(t, x), given by a function, or by a network."""

from typing import Any

from minigrad import backend
from minigrad.backend import Array
from minigrad.errors import ShapeError
from minigrad.layers import Layer


class Autonomous:
    """The field x' = layer(x), which does not depend on the time."""

    def __init__(self, layer: Layer) -> None:
        self.layer = _a_layer(layer)

    def __call__(self, t: Any, x: Array) -> Array:
        return self.layer(x)

    def backprop(self, v: Array) -> tuple[Array, Array | float]:
        """(J^T v, v . df/dt) at the last evaluation; adds to the gradient of the layer."""
        return self.layer.backprop(v), 0.0

    def __str__(self) -> str:
        return f"x' = {self.layer}"


class Timed:
    """The field x' = layer([x, t]): the time is the last input of the layer."""

    def __init__(self, layer: Layer) -> None:
        self.layer = _a_layer(layer)

    def __call__(self, t: Any, x: Array) -> Array:
        xp = backend.namespace(x)
        column = xp.zeros_like(x[..., :1]) + t
        return self.layer(xp.concat([x, column], axis=-1))

    def backprop(self, v: Array) -> tuple[Array, Array | float]:
        """(J^T v, v . df/dt) at the last evaluation; adds to the gradient of the layer."""
        both = self.layer.backprop(v)
        return both[..., :-1], both[..., -1]

    def __str__(self) -> str:
        return f"x' = {self.layer} of (x, t)"


Field = Autonomous | Timed


def autonomous(layer: Layer) -> Autonomous:
    """The field x' = layer(x) of a layer or a network, of as many outputs as inputs."""
    return Autonomous(layer)


def timed(layer: Layer) -> Timed:
    """The field x' = layer([x, t]) of a layer or a network with one input more than outputs."""
    return Timed(layer)


def field_of(field: Any) -> Any:
    """The field, if it is a function of (t, x); a bare layer is refused, with the remedy."""
    if isinstance(field, Layer):
        raise TypeError(
            f"{field} is a layer, not a function of (t, x): take autonomous(layer), or "
            "timed(layer) if the time is its last input"
        )
    if not callable(field):
        raise TypeError(f"a field is a function of (t, x), came {field!r}")
    return field


def _a_layer(layer: Any) -> Layer:
    if not isinstance(layer, Layer):
        raise TypeError(
            f"expected a layer or a network, came {layer!r}; a function is a field as it is"
        )
    return layer


class Counted:
    """A field that is called: its answers as arrays like the state, checked, and their number."""

    def __init__(self, field: Any, x: Array) -> None:
        self.field, self.like, self.evaluations = field_of(field), x, 0
        self.kind, self.dtype, self.shape = type(x), x.dtype, x.shape

    def __call__(self, t: Any, x: Array) -> Array:
        self.evaluations += 1
        slope = self.field(t, x)
        if type(slope) is not self.kind or slope.dtype != self.dtype:
            slope = backend.receive(slope, self.like)
        if slope.shape != self.shape:
            raise ShapeError(
                f"the field returned shape {tuple(slope.shape)} at t = {t}, expected that of the "
                f"state, {tuple(self.shape)}"
            )
        return slope
