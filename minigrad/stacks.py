"""Stacks: K networks of one shape as one, so that a sweep runs as one array program.

theta is (K, P), the named views (K, m, n) and (K, 1, m); data is (K, batch, n), or one
(batch, n) for all. A loss is (K,), and so may a learning rate be. A member whose loss stops being
finite is frozen in its last finite state and reported; the others go on.
"""

import copy
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from minigrad import backend
from minigrad.backend import Array, Random
from minigrad.errors import NotFiniteError, ShapeError
from minigrad.layers import Layer
from minigrad.learning import Learner, first_not_finite
from minigrad.losses import Loss
from minigrad.optimizers import Optimizer

AnyLayer = TypeVar("AnyLayer", bound=Layer)


def stack(layer: AnyLayer, count: int, rng: Random | Sequence[Random] = None) -> AnyLayer:
    """A stack of `count` layers (or networks) shaped like `layer`, each drawn anew.

    `rng`: a generator or int that is spawned into one for each member, or a sequence of K. Member
    k starts as `layer` would after `layer.randomize(rng_k)`.
    """
    _single(layer)
    twin = _spread(layer, count)
    twin.randomize(rng)
    return twin


def together(layers: Sequence[AnyLayer]) -> AnyLayer:
    """A stack of these layers (or networks) of one shape, with their values."""
    for layer in layers:
        _single(layer)
        if _shapes(layer) != _shapes(layers[0]):
            raise ShapeError(
                f"{layer!r} has parameters {_shapes(layer)}, expected "
                f"{_shapes(layers[0])}, as in the first, {layers[0]!r}"
            )
    twin = _spread(layers[0], len(layers))
    twin.theta = twin.xp.stack([layer.theta for layer in layers])
    return twin


def member(stacked: AnyLayer, k: int) -> AnyLayer:
    """Member k of a stack as a layer (or network) of its own: a copy."""
    if stacked.theta.ndim != 2 or not 0 <= k < stacked.theta.shape[0]:
        raise ValueError(
            f"no member {k!r}: theta has shape {tuple(stacked.theta.shape)}, "
            "expected a stack (K, P)"
        )
    twin = copy.deepcopy(stacked)
    twin._bind(backend.copy(stacked.theta[k, :]), backend.copy(stacked.grad[k, :]))
    twin._forget()
    return twin


def _spread(layer: AnyLayer, count: int) -> AnyLayer:
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"a stack has a positive number of members, not {count!r}")
    twin, xp = copy.deepcopy(layer), layer.xp
    theta = xp.asarray(xp.broadcast_to(layer.theta, (count, layer.theta.shape[0])), copy=True)
    twin._bind(theta, xp.zeros_like(theta))
    twin._forget()
    return twin


def _single(layer: Layer) -> None:
    if layer.theta.ndim != 1:
        raise ShapeError(f"{layer!r} is a stack already, of {layer.theta.shape[0]}")


def _shapes(layer: Layer) -> dict[str, Any]:
    return {name: tuple(value.shape) for name, (value, _) in layer.parameters().items()}


class StackLearner(Learner):
    """A learner whose members are frozen one by one where their loss stops being finite.

    `frozen` is {member: the step at which it froze}.
    """

    def __init__(
        self,
        net: Any,
        loss: str | Loss,
        optimizer: Optimizer,
        fetch: Callable[[Any], tuple[Array, Array]],
    ) -> None:
        super().__init__(net, loss, optimizer, fetch)
        self.frozen: dict[int, int] = {}
        self.before: Array = backend.copy(net.theta)  # theta at the last loss that was finite

    def step(self, key: Any) -> Any:
        """Learn from fetch(key): the losses (K,) before the step, that of a frozen member NaN."""
        net, (x, target) = self.net, self.fetch(key)
        step = self.programs.step_for(x, target)
        losses = np.array(step.forward(x, target))
        losses[list(self.frozen)] = np.nan
        bad = [int(k) for k in np.flatnonzero(~np.isfinite(losses)) if k not in self.frozen]
        if bad and not self.optimizer.steps:
            culprit = first_not_finite(net, x, target) or "the loss itself"
            raise NotFiniteError(
                f"{culprit}: the loss of member {bad[0]} is {losses[bad[0]]} "
                "before any step; nothing was changed"
            )
        for k in bad:
            net.theta[k, :] = self.before[k, :]
            self.frozen[k] = self.optimizer.steps + 1
            losses[k] = np.nan
        if bad:
            first = ", ".join(map(str, bad[:5])) + ", ..." * (len(bad) > 5)
            warnings.warn(
                f"step {self.optimizer.steps + 1}: {len(bad)} of {len(losses)} members "
                f"diverged ({first}) and are frozen in their last finite state",
                UserWarning,
                stacklevel=4,
            )
        self.before[...] = net.theta
        step.update()
        for k in self.frozen:
            net.theta[k, :] = self.before[k, :]
        return losses

    def rewind(self, steps: int = 0) -> None:
        """Each step of a stack is whole or not begun: there is nothing to take back."""
