"""Stacks: K networks of one shape as one, so that a sweep runs as one array program.

theta is (K, P), the named views (K, m, n) and (K, 1, m); data is (K, batch, n), or one
(batch, n) for all. A loss is (K,), and so may a learning rate be. A member whose loss stops being
finite is frozen in its last finite state and reported; the others go on.
"""

import copy
import warnings
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from minigrad import backend
from minigrad.backend import Random
from minigrad.errors import BackendError, NotFiniteError, ShapeError
from minigrad.layers import Layer
from minigrad.learner import Learner, first_not_finite
from minigrad.network import Network
from minigrad.saving import describe

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
    """A stack of these layers (or networks), alike but for their values."""
    if not layers:
        raise ValueError("a stack needs at least one layer or network")
    first = layers[0]
    for layer in layers:
        _single(layer)
        backend.namespace(first.theta, layer.theta)
        if layer.theta.dtype != first.theta.dtype:
            raise BackendError(
                f"{layer!r} is of {layer.theta.dtype}, the first {first.theta.dtype}"
            )
        if describe(layer) != describe(first):
            raise ShapeError(f"cannot stack {describe(layer)} with the first, {describe(first)}")
    twin = _spread(first, len(layers))
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
    if isinstance(twin, Network) and np.ndim(twin.alpha):
        twin.alpha = float(np.asarray(twin.alpha)[k])
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


class StackLearner(Learner):
    """A learner whose members are frozen one by one where their loss stops being finite.

    Its state is that at the last loss, before the update: there is nothing to repeat.
    """

    def step(self, key: Any) -> Any:
        """Learn from fetch(key): the losses (K,) before the step, that of a frozen member NaN."""
        x, target = self.fetch(key)
        step = self.programs.step_for(x, target)
        losses = np.array(step.forward(x, target))
        losses[list(self.frozen)] = np.nan
        bad = [int(k) for k in np.flatnonzero(~np.isfinite(losses)) if k not in self.frozen]
        if bad and not self.taken:
            culprit = first_not_finite(self.net, x, target) or "the loss overflowed"
            raise NotFiniteError(
                f"{culprit}: the loss of member {bad[0]} is {losses[bad[0]]} before any step; "
                "nothing was changed"
            )
        self._freeze(bad)
        losses[bad] = np.nan
        self.checkpoint()
        self.torn = True
        step.update()
        self._keep_frozen(list(self.frozen))
        self.taken += 1
        self.torn = False
        return losses

    def mend(self) -> None:
        """After an error or an interruption: be as after the last whole step."""
        if self.torn and self.state is not None:
            self.state.restore()
            self.torn = False
        self.settle()

    def settle(self) -> None:
        """At the end of a run of steps: freeze members that the last of them left not finite."""
        finite = np.isfinite(backend.host(self.net.theta)).all(axis=-1)
        if self.taken:
            self._freeze([int(k) for k in np.flatnonzero(~finite)])

    def _freeze(self, members: list[int]) -> None:
        """Put these members back to where their loss was finite; their moments are lost."""
        self._keep_frozen(members)
        for k in members:
            self.frozen[k] = self.taken + 1
        if members:
            first = ", ".join(map(str, members[:5])) + ", ..." * (len(members) > 5)
            warnings.warn(
                f"step {self.taken + 1}: {len(members)} of {self.net.theta.shape[0]} members "
                f"diverged ({first}) and are frozen in their last finite state",
                UserWarning,
                stacklevel=4,
            )

    def _keep_frozen(self, members: list[int]) -> None:
        for k in members:
            if self.state is not None:
                self.net.theta[k, :] = self.state.theta[k, :]
            for moment in self.optimizer.state.values():
                moment[k, :] = 0
