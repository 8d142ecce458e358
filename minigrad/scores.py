"""What a network makes of samples: its outputs, and how many of them are right."""

from typing import Any

import numpy as np

from minigrad import backend, losses, samples
from minigrad.backend import Array
from minigrad.errors import ShapeError
from minigrad.layers import Layer
from minigrad.losses import Loss


def predict(net: Layer, x: Any, batch: int = 1000) -> Array:
    """See `Network.predict`."""
    (x, axis), batch = samples.admit_input(net, x), samples.positive("batch", batch)
    parts = [
        net(samples.between(x, axis, start, start + batch))
        for start in range(0, x.shape[axis], batch)
    ]
    net._forget()  # of the last part, which nobody will pass a gradient for
    return net.xp.concat(parts, axis=1 if net.theta.ndim > 1 else 0)


def accuracy(net: Layer, x: Any, target: Any) -> Any:
    """See `Network.accuracy`."""
    y, target = backend.host(samples.finite("the output", predict(net, x))), backend.host(target)
    hits = _hits_of_one(y, target) if y.shape[-1] == 1 else _hits_of_many(net, y, target)
    return mean_over_samples(net, hits)


def mean_loss(net: Layer, loss: Loss, x: Array, target: Array) -> tuple[Any, Any]:
    """The mean loss over samples that were admitted, and the accuracy if they have labels."""
    y = predict(net, x)
    values = loss.value(net.xp, y, net.xp.broadcast_to(target, y.shape))
    hits = _hits_of_many(net, backend.host(y), backend.host(target)) if loss.of_labels else None
    return (
        mean_over_samples(net, backend.host(values)),
        None if hits is None else mean_over_samples(net, hits),
    )


def mean_over_samples(net: Layer, values: Any) -> Any:
    """The mean of host values, one a sample: a float, or (K,) for a stack."""
    return float(values.mean()) if net.theta.ndim == 1 else values.mean(axis=-1)


def _hits_of_many(net: Layer, y: Any, target: Any) -> Any:
    labels = losses.integer_labels(target, samples.target_shape(net, target, y.shape))
    if labels is None:
        if target.shape not in samples.target_shapes(net, y.shape):
            raise ShapeError(
                f"accuracy needs labels, integers of shape {y.shape[:-1]}, or rows of shape "
                f"{y.shape}; came {target.dtype} of shape {target.shape}"
            )
        labels = target.argmax(axis=-1)
    return y.argmax(axis=-1) == losses.in_range(labels, y.shape[-1])


def _hits_of_one(y: Any, target: Any) -> Any:
    codes = set(np.unique(target).tolist())
    if target.shape in (y.shape[:-1], y.shape[-2:-1]):
        target = target[..., None]
    if not codes or not (codes <= {-1, 1} or codes <= {0, 1}):
        raise ValueError(
            "accuracy of one output needs targets of two codes, -1 and 1 or 0 and 1; "
            f"came {sorted(codes)[:5]}"
        )
    if target.shape not in (y.shape, y.shape[-2:]):
        raise ShapeError(f"the target has shape {target.shape}, expected {y.shape}")
    return ((y > (0.5 if 0 in codes else 0)) == (target == 1))[..., 0]
