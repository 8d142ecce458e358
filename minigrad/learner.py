"""Steps of learning that can be taken back, and what is said when one goes wrong.

`Step` is one step, plainly. `Learner` takes many: it watches the loss, keeps the last state that
was finite, and after an interruption or a divergence puts it back.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from minigrad import backend, fast, losses
from minigrad.backend import Array
from minigrad.errors import Diverged, NotFiniteError
from minigrad.losses import Loss
from minigrad.network import Network, check_reach, leaves
from minigrad.optimizers import Optimizer


class Step:
    """One step: `loss = step.forward(x, target)`, then `step.update()` for backprop and optimizer.

    The plain version; `fast.Program` is the same on numpy with everything prepared.
    """

    def __init__(self, net: Network, loss: Loss, optimizer: Optimizer) -> None:
        self.net, self.loss, self.optimizer = net, loss, optimizer

    def forward(self, x: Array, target: Array) -> Any:
        """The mean loss over the batch, a float; (K,) on the host for a stack."""
        xp = self.net.xp
        y = self.net(x)
        if target.shape != y.shape:  # one for all members of a stack
            target = xp.broadcast_to(target, y.shape)
        values = self.loss.value(xp, y, target)
        self.dy = self.loss.gradient(xp, y, target) / backend.size(
            values.shape[self.net.theta.ndim - 1 :]
        )
        if self.net.theta.ndim > 1:
            return backend.host(xp.mean(values, axis=-1))
        return float(xp.mean(values))

    def update(self) -> None:
        """Zero grad, backprop as far as there is something to train, move theta."""
        self.net.zero_grad()
        self.net.learn_backprop(self.dy)
        self.optimizer.step(self.net)


class Learner:
    """Steps that can be taken back: the loss is watched, and the last finite state never lost.

    Every `EVERY` steps the state is copied, and what was learned from since is remembered by its
    key, with the rate of the step; to go back is to put the copy back and to repeat the steps.
    """

    EVERY = 32

    def __init__(
        self,
        net: Network,
        loss: str | Loss,
        optimizer: Optimizer,
        fetch: Callable[[Any], tuple[Array, Array]],
    ) -> None:
        self.net, self.optimizer, self.fetch = net, optimizer, fetch
        check_reach(net)
        optimizer.attach(net)
        self.plain = Step(net, losses.named(loss), optimizer)
        self.programs = fast.Programs(self.plain)
        self.since: list[tuple[Any, Any]] = []  # (key, rate) of the steps since the checkpoint
        self.state: State | None = None
        self.taken = 0  # steps of this learner; the optimizer may have taken others before
        self.torn = False  # in the middle of an update
        self.last_loss: Any = math.nan
        self.frozen: dict[int, int] = {}  # of a stack: {member: the step at which it froze}

    def step(self, key: Any) -> Any:
        """Learn from fetch(key): the loss before the step. Raises when it is not finite."""
        x, target = self.fetch(key)
        step = self.programs.step_for(x, target)
        due = self.state is None or len(self.since) == self.EVERY
        noise = noise_of(self.net) if due else []  # before forward draws from it
        loss = step.forward(x, target)
        if not math.isfinite(loss):
            self._explain(first_not_finite(self.net, x, target) or "the loss overflowed", loss)
        if due:
            self.state, self.since = State(self.net, self.optimizer, noise), []
        self.torn = True
        step.update()
        self.since.append((key, self.optimizer.alpha))
        self.taken += 1
        self.torn, self.last_loss = False, loss
        return loss

    def checkpoint(self) -> None:
        """Begin anew to remember, from the state of now: another hand has changed something."""
        self.state, self.since = State(self.net, self.optimizer, noise_of(self.net)), []

    def mend(self) -> None:
        """After an error or an interruption: be as after the last whole step, if it is finite."""
        if self.torn:
            self._rewind(len(self.since))
        if self.taken and not backend.all_finite(self.net.theta):
            self._rewind(len(self.since) - 1)

    def settle(self) -> None:
        """At the end of a run of steps: the last of them may have left what is not finite."""
        if self.taken and not backend.all_finite(self.net.theta):
            self._explain(first_parameter_not_finite(self.net) or "theta overflowed", math.nan)

    def _rewind(self, count: int) -> None:
        """Be as `count` steps after the checkpoint; at the checkpoint if that is not finite."""
        alpha = self.optimizer.alpha
        if self.state is not None:
            self.state.restore()
            for key, rate in self.since[: max(count, 0)]:
                self.optimizer.alpha = rate
                x, target = self.fetch(key)
                step = self.programs.step_for(x, target)
                step.forward(x, target)
                step.update()
            if not backend.all_finite(self.net.theta):  # what it learned from has changed since
                self.state.restore()
        self.optimizer.alpha, self.torn = alpha, False

    def _explain(self, culprit: str, loss: Any) -> None:
        """Say what is not finite, and keep the last state whose loss was."""
        if not self.taken:  # nothing was learned yet: it is the data or the start
            raise NotFiniteError(
                f"{culprit}: the loss is {loss} before any step; nothing was changed"
            )
        self._rewind(len(self.since) - 1)
        error = Diverged(
            f"step {self.taken + 1}: {culprit}; the loss is {loss}, at step {self.taken} it was "
            f"{self.last_loss:.3g}. The network keeps its state of that step; "
            f"try a smaller alpha than {self.optimizer.alpha:g}"
        )
        error.step = self.taken + 1
        raise error


class State:
    """A copy of all that steps change: theta, grad, the optimizer, generators of noisy layers."""

    def __init__(self, net: Network, optimizer: Optimizer, noise: list[Any]) -> None:
        self.net, self.optimizer, self.noise = net, optimizer, noise
        self.theta, self.grad = backend.copy(net.theta), backend.copy(net.grad)
        self.moments = optimizer.checkpoint()

    def restore(self) -> None:
        """Put it all back."""
        self.net.theta, self.net.grad = self.theta, self.grad
        self.optimizer.restore(self.moments)
        for rng, state in self.noise:
            rng.bit_generator.state = state


def noise_of(net: Network) -> list[Any]:
    """The generators that layers draw from (their `rng`), each with its state."""
    found = [getattr(layer, "rng", None) for layer in leaves(net)]
    return [(r, r.bit_generator.state) for r in found if isinstance(r, np.random.Generator)]


def first_not_finite(net: Network, x: Array, target: Array) -> str | None:
    """The first thing that is not finite on the way from x to the loss, in words."""
    for name, array in (("the input", x), ("the target", target)):
        if not backend.all_finite(array):
            return f"{name} has {losses.not_finite(array)}"
    return first_parameter_not_finite(net) or _first_output_not_finite(net, net._admit(x))[1]


def first_parameter_not_finite(net: Network) -> str | None:
    """The first parameter that is not finite, by place and name, in words."""
    for name, (value, _) in net.parameters().items():
        if not backend.all_finite(value):
            return f"parameter {name} has {losses.not_finite(value)}"
    return None


def _first_output_not_finite(net: Network, x: Array) -> tuple[Array, str | None]:
    for position, layer in enumerate(net.layers, 1):
        place = f"layer {position} of {len(net.layers)} ({layer})"
        if type(layer) is Network:
            x, inside = _first_output_not_finite(layer, x)
            if inside:
                return x, f"{place}: {inside}"
        else:
            x = layer(x)
        if not backend.all_finite(x):
            return x, f"{place} put out {losses.not_finite(x)}"
    return x, None


@contextmanager
def learning_mode(net: Network) -> Iterator[None]:
    """Tell the layers that the network learns; overflow is for the watch on the loss to report."""
    net.learning = True
    try:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            yield
    finally:
        net.learning = False
        net._forget()  # a prepared step leaves nothing in the layers for a backprop by hand
