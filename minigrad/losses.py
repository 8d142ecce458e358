"""Losses: each is a value and its gradient, for one sample at a time; a batch takes the mean.

y, target: (..., m); value: (...,), one number a sample; gradient: dvalue/dy, (..., m).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad import backend, maps
from minigrad.backend import Array
from minigrad.errors import NotFiniteError, ShapeError


def _any(xp: Any, target: Array) -> str | None:
    return None


@dataclass(frozen=True)
class Loss:
    """A loss E(y, target): `value` and `gradient` of (xp, y, target), sample by sample.

    `complaint(xp, target)` says what is wrong with a target, or None; `of_labels`: integer labels
    will do, and stand for one-hot rows.
    """

    name: str
    value: Callable[[Any, Array, Array], Array]
    gradient: Callable[[Any, Array, Array], Array]
    complaint: Callable[[Any, Array], str | None] = _any
    of_labels: bool = False
    smooth: bool = True

    def __call__(self, y: Any, target: Any) -> float:
        """The mean of E over all samples of y (..., m), target (..., m) or labels (...,)."""
        y = backend.asarray(y)
        xp = backend.namespace(y)
        if not xp.isdtype(y.dtype, ("real floating", "complex floating")):
            y = backend.move(y, backend.place_of(y), backend.birth_dtype())
        if not backend.size(y.shape):
            raise ValueError(f"{self.name}: no samples, y has shape {tuple(y.shape)}")
        return float(xp.mean(self.value(xp, y, self.targets(target, y.shape, y))))

    def targets(self, target: Any, shape: tuple[int, ...], like: Array) -> Array:
        """`target` as an array beside `like`, of the output's shape; labels become one-hot rows.

        Raises ShapeError, ValueError (labels out of range and the like) or NotFiniteError.
        """
        if self.of_labels and (labels := integer_labels(target, shape)) is not None:
            return one_hot(labels, shape[-1], like)
        target = backend.receive(target, like)
        if target.shape != tuple(shape):
            raise ShapeError(self._mismatch(target.shape, shape))
        xp = backend.namespace(target)
        if not backend.all_finite(target):
            raise NotFiniteError(f"the target has {not_finite(target)}")
        if complaint := self.complaint(xp, target):
            raise ValueError(f"{self.name}: {complaint}")
        return target

    def __reduce__(self) -> Any:  # a named loss travels by its name
        return (named, (self.name,)) if NAMED.get(self.name) is self else super().__reduce__()

    def _mismatch(self, came: tuple[int, ...], shape: tuple[int, ...]) -> str:
        text = f"{self.name}: the target has shape {tuple(came)}, expected {tuple(shape)}"
        if tuple(came) == tuple(shape[:-1]) and self.of_labels:
            text += "; labels are integers (labels.astype(int))"
        elif tuple(came) == tuple(shape[:-1]):
            text += (
                "; labels need the loss softmax_cross_entropy, or one-hot rows"
                if shape[-1] > 1
                else "; give each sample a row, target[:, None]"
            )
        return text


def integer_labels(target: Any, shape: tuple[int, ...]) -> Any:
    """The target as host integers if it is labels, one integer a sample; None if it is not."""
    try:
        labels = backend.host(target)
    except ValueError:  # rows of different lengths: `receive` says so
        return None
    if labels.dtype.kind not in "iu" or labels.shape != tuple(shape[:-1]):
        return None
    return labels


def one_hot(labels: Any, count: int, like: Array) -> Array:
    """Rows with a 1 at the label, beside `like`: (...,) -> (..., count)."""
    rows = np.eye(count)[in_range(labels, count)]
    return backend.move(rows, backend.place_of(like), backend.dtype_name(like))


def in_range(labels: Any, count: int) -> Any:
    """The labels, if all are 0 to count-1; ValueError names the first that is not."""
    wrong = (labels < 0) | (labels >= count)
    if wrong.any():
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(
            f"label {labels[at]} at {at}: expected 0 to {count - 1}, "
            f"one for each of {count} outputs"
        )
    return labels


def not_finite(array: Array) -> str:
    """The first value that is not finite, and where: "nan at (3, 0)"."""
    values = backend.host(array)
    at = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
    return f"{values[at]} at {at}"


# --- the table ------------------------------------------------------------------------------------


def _log_normalizer(xp: Any, y: Array) -> Array:
    """ln sum exp y over the last axis, kept: (..., 1); no overflow."""
    top = xp.max(backend.real(xp, y), axis=-1, keepdims=True)
    return top + xp.log(xp.sum(xp.exp(y - top), axis=-1, keepdims=True))


def _distribution(xp: Any, target: Array) -> str | None:
    if bool(xp.any(target < 0)) or bool(xp.any(xp.abs(xp.sum(target, axis=-1) - 1) > 1e-4)):
        return "each target is a distribution over the classes (one-hot, say), or an integer label"
    return None


def _between_0_and_1(xp: Any, target: Array) -> str | None:
    if bool(xp.any((target < 0) | (target > 1))):
        return "targets are probabilities, 0 to 1; for signs s = +-1 take (1 + s) / 2"
    return None


# E = |y - t|^2 / 2
half_squared_error = Loss(
    "half squared error",
    lambda xp, y, t: 0.5 * xp.sum((y - t) ** 2, axis=-1),
    lambda xp, y, t: y - t,
)

# E = mean_i |y_i - t_i|
mean_absolute_error = Loss(
    "mean absolute error",
    lambda xp, y, t: xp.mean(xp.abs(y - t), axis=-1),
    lambda xp, y, t: xp.sign(y - t) / y.shape[-1],
    smooth=False,
)

# E = -sum_i t_i ln p_i with p = softmax(y); dE/dy = p - t
softmax_cross_entropy = Loss(
    "softmax cross-entropy",
    lambda xp, y, t: xp.sum(t * (_log_normalizer(xp, y) - y), axis=-1),
    lambda xp, y, t: xp.exp(y - _log_normalizer(xp, y)) - t,
    _distribution,
    of_labels=True,
)

# E = -sum_i [t_i ln p_i + (1 - t_i) ln(1 - p_i)] with p = sigmoid(y); dE/dy = p - t
logistic = Loss(
    "logistic",
    lambda xp, y, t: xp.sum(maps.softplus.f(xp, y) - t * y, axis=-1),
    lambda xp, y, t: maps.sigmoid.f(xp, y) - t,
    _between_0_and_1,
    smooth=False,
)

NAMED = {
    loss.name: loss
    for loss in (half_squared_error, mean_absolute_error, softmax_cross_entropy, logistic)
}


def named(loss: str | Loss) -> Loss:
    """The loss of that name, or the loss itself; ValueError lists the names."""
    if isinstance(loss, Loss):
        return loss
    if not isinstance(loss, str):
        raise TypeError(f"expected a loss or the name of one, came a {type(loss).__name__}")
    name = str(loss).replace("_", " ").replace("cross entropy", "cross-entropy")
    if name not in NAMED:
        raise ValueError(f"unknown loss {loss!r}: expected one of {', '.join(NAMED)}")
    return NAMED[name]
