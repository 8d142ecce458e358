"""Samples are rows: which axis they lie along, and how they are checked before they are used.

x is (N, ..., n); for a stack of K also (K, N, n), one set of samples a member.
"""

from typing import Any

import numpy as np

from minigrad import backend
from minigrad.backend import Array
from minigrad.errors import NotFiniteError, ShapeError
from minigrad.layers import Layer
from minigrad.losses import Loss, not_finite


def axis_of(net: Layer, x: Array) -> int:
    """The axis along which the samples lie: 0, or 1 if each member of a stack has its own."""
    if x.ndim < 2:
        raise ShapeError(f"expected samples as rows, x of shape (N, n); came {tuple(x.shape)}")
    return 1 if net.theta.ndim > 1 and x.ndim == 3 else 0


def between(x: Array, axis: int, start: int, stop: int) -> Array:
    """The samples start to stop."""
    stop = min(stop, x.shape[axis])
    return x[start:stop, ...] if axis == 0 else x[:, start:stop, ...]


def take(net: Layer, a: Array, rows: Array) -> Array:
    """The samples of x or target with these numbers."""
    axis = 1 if net.theta.ndim > 1 and a.ndim == 3 else 0
    return backend.take_rows(a, rows) if axis == 0 else net.xp.take(a, rows, axis=axis)


def admit(net: Layer, loss: Loss, x: Any, target: Any) -> tuple[Array, Array, int]:
    """x and target as arrays beside theta, checked, and the axis of the samples.

    Runs the network on one sample, to learn how wide its output is.
    """
    x, axis = admit_input(net, x)
    try:
        y = net(between(x, axis, 0, 1)).shape
    except ShapeError as error:
        raise ShapeError(f"{error} (one of the samples of x, {tuple(x.shape)})") from None
    batch = (x.shape[axis], *x.shape[axis + 1 : -1])
    return x, admit_target(net, loss, target, (*net.theta.shape[:-1], *batch, y[-1])), axis


def admit_input(net: Layer, x: Any) -> tuple[Array, int]:
    """x as an array beside theta, not empty and finite, and the axis of its samples."""
    x = backend.receive(x, net.theta)
    axis = axis_of(net, x)
    if not x.shape[axis]:
        raise ValueError(f"no samples: x is empty, of shape {tuple(x.shape)}")
    return finite("the input", x), axis


def admit_target(net: Layer, loss: Loss, target: Any, shape: tuple[int, ...]) -> Array:
    """The target for an output of that shape; in a stack it may be one for all members."""
    if net.theta.ndim > 1:
        shape = target_shape(net, backend.host(target), shape)
    return loss.targets(target, shape, net.theta)


def target_shapes(net: Layer, shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The shapes of rows that fit an output of that shape: its own; in a stack also shared."""
    return [shape, shape[1:]] if net.theta.ndim > 1 else [shape]


def target_shape(net: Layer, target: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Which of these the target on the host is meant for, as rows or as integer labels."""
    fits = []
    for rows in target_shapes(net, shape):
        if target.shape == rows or (target.dtype.kind in "iu" and target.shape == rows[:-1]):
            fits.append(rows)
    if len(fits) > 1:
        raise ShapeError(
            f"integers of shape {target.shape} may be labels, one row a member, or one-hot rows "
            "for all: give one-hot rows as floats"
        )
    return fits[0] if fits else shape


def pair(what: str, value: Any) -> tuple[Any, Any]:
    """The value, if it is two things: x or a sample, and what is expected of it."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise TypeError(f"{what}, (x, expected), came a {type(value).__name__}")
    return value[0], value[1]


def finite(name: str, array: Array) -> Array:
    """The array, if every value is finite; NotFiniteError names the first that is not."""
    if not backend.all_finite(array):
        raise NotFiniteError(f"{name} has {not_finite(array)}")
    return array


def positive(name: str, value: Any) -> int:
    """The value, if it is a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")
    return int(value)
