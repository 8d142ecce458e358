"""How a network learns: one step, many steps that can be taken back, `learn`, and `fit`."""

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import numpy as np

from minigrad import backend, fast, losses, samples, scores
from minigrad.backend import Array, Random
from minigrad.errors import Diverged, NotFiniteError
from minigrad.losses import Loss
from minigrad.network import Network
from minigrad.optimizers import GradientDescent, Optimizer
from minigrad.text import table


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
        self.net.backprop(self.dy, to_input=False)
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
        optimizer.attach(net)
        self.plain = Step(net, losses.named(loss), optimizer)
        self.programs = fast.Programs(self.plain)
        self.since: list[tuple[Any, Any]] = []  # (key, rate) of the steps since the checkpoint
        self.state: State | None = None
        self.begun = False
        self.torn = False  # in the middle of an update
        self.last_loss: Any = math.nan
        self.frozen: dict[int, int] = {}  # of a stack: {member: the step at which it froze}

    def step(self, key: Any) -> Any:
        """Learn from fetch(key): the loss before the step. Raises when it is not finite."""
        x, target = self.fetch(key)
        step = self.programs.step_for(x, target)
        loss = step.forward(x, target)
        if not math.isfinite(loss):
            self._explain(first_not_finite(self.net, x, target) or "the loss overflowed", loss)
        if self.state is None or len(self.since) == self.EVERY:
            self.checkpoint()
        self.begun = self.torn = True
        step.update()
        self.since.append((key, self.optimizer.alpha))
        self.torn, self.last_loss = False, loss
        return loss

    def checkpoint(self) -> None:
        """Begin anew to remember, from the state of now."""
        self.state, self.since = State(self.net, self.optimizer), []

    def untear(self) -> None:
        """After an interruption: be as after the last whole step."""
        if self.torn:
            self._rewind(len(self.since))

    def settle(self) -> None:
        """At the end of a run of steps: the last of them may have left what is not finite."""
        if self.begun and not backend.all_finite(self.net.theta):
            self._explain(first_parameter_not_finite(self.net) or "theta overflowed", math.nan)

    def _rewind(self, count: int) -> None:
        """Be as `count` steps after the checkpoint."""
        alpha = self.optimizer.alpha
        if self.state is not None:
            self.state.restore()
            for key, rate in self.since[:count]:
                self.optimizer.alpha = rate
                x, target = self.fetch(key)
                step = self.programs.step_for(x, target)
                step.forward(x, target)
                step.update()
        self.optimizer.alpha, self.torn = alpha, False

    def _explain(self, culprit: str, loss: Any) -> None:
        """Say what is not finite, and keep the last state whose loss was."""
        if not self.begun:  # nothing was learned yet: it is the data or the start
            raise NotFiniteError(
                f"{culprit}: the loss is {loss} before any step; nothing was changed"
            )
        count = self.optimizer.steps
        self._rewind(len(self.since) - 1)
        raise Diverged(
            f"step {count + 1}: {culprit}; the loss is {loss}, at step {count} it was "
            f"{self.last_loss:.3g}. The network keeps its state of that step; "
            f"try a smaller alpha than {self.optimizer.alpha:g}"
        )


class State:
    """A copy of all that steps change: theta, the optimizer, the generators of noisy layers."""

    def __init__(self, net: Network, optimizer: Optimizer) -> None:
        self.net, self.optimizer = net, optimizer
        self.theta, self.moments = backend.copy(net.theta), optimizer.checkpoint()
        self.noise = [(rng, rng.bit_generator.state) for rng in self._generators()]

    def restore(self) -> None:
        """Put it all back."""
        self.net.theta = self.theta
        self.optimizer.restore(self.moments)
        for rng, state in self.noise:
            rng.bit_generator.state = state

    def _generators(self) -> list[np.random.Generator]:
        found = [getattr(layer, "rng", None) for layer in self.net.walk()]
        return [rng for rng in found if isinstance(rng, np.random.Generator)]


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
def _learning(net: Network) -> Iterator[None]:
    """Tell the layers that the network learns; overflow is for the watch on the loss to report."""
    net.learning = True
    try:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            yield
    finally:
        net.learning = False
        net._forget()  # a prepared step leaves nothing in the layers for a backprop by hand


def learner_for(
    net: Network,
    loss: Loss,
    optimizer: Optimizer,
    fetch: Callable[[Any], tuple[Array, Array]],
) -> Learner:
    """A learner for one network, or one for a stack, which freezes what diverges."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"expected an optimizer, such as Adam(), came {optimizer!r}")
    if net.theta.ndim > 1:
        from minigrad.stacks import StackLearner

        return StackLearner(net, loss, optimizer, fetch)
    return Learner(net, loss, optimizer, fetch)


def learn(net: Network, facts: Iterable[tuple[Any, Any]], loss: str | Loss) -> Any:
    """See `Network.learn`."""
    loss, width = losses.named(loss), 0
    # the keys are the facts themselves, as copies: a generator may fill one array again and again
    learner = learner_for(net, loss, GradientDescent(net.alpha), lambda fact: fact)
    last = None
    try:
        with _learning(net):
            for given, expected in facts:
                x = samples.finite("the input", backend.copy(net._admit(given)))
                width = width or net(x).shape[-1]
                target = samples.admit_target(net, loss, expected, (*x.shape[:-1], width))
                last = learner.step((x, backend.copy(target)))
            learner.settle()
    except KeyboardInterrupt:
        with _learning(net):
            learner.untear()
        raise
    if last is None:
        raise ValueError("no facts to learn from: expected pairs (x, expected)")
    return last


@dataclass
class History:
    """What `fit` saw: the mean loss of each epoch, the loss of each step, the validation scores.

    `seed` gives the order of the batches again (None: it came from a generator of the caller's).
    `stopped` says why the run ended; `frozen`, for a stack, which members froze, and at what step.
    """

    loss: list[Any] = field(default_factory=list)
    step_loss: list[Any] = field(default_factory=list)
    validation_loss: list[Any] = field(default_factory=list)
    validation_accuracy: list[Any] = field(default_factory=list)
    seed: int | None = None
    stopped: str = "all epochs done"
    frozen: dict[int, int] = field(default_factory=dict)

    def __str__(self) -> str:
        columns: dict[str, list[Any]] = {
            "epoch": list(range(1, len(self.loss) + 1)),
            "loss": [f"{np.mean(v):.4g}" for v in self.loss],
            "validation loss": [f"{np.mean(v):.4g}" for v in self.validation_loss],
            "accuracy": [f"{np.mean(v):.4f}" for v in self.validation_accuracy],
        }
        columns = {name: values for name, values in columns.items() if values}
        rows = list(zip_longest(*columns.values(), fillvalue=""))
        return f"{table(list(columns), rows)}\n{self.stopped}"


def fit(
    net: Network,
    x: Any,
    target: Any,
    epochs: int,
    batch: int,
    loss: str | Loss,
    optimizer: Optimizer | None,
    rng: Random,
    validation: tuple[Any, Any] | None,
    callbacks: Sequence[Callable[..., Any]],
) -> History:
    """See `Network.fit`."""
    loss, optimizer = losses.named(loss), optimizer or GradientDescent(net.alpha)
    epochs, batch = samples.positive("epochs", epochs), samples.positive("batch", batch)
    x, target, axis = samples.admit(net, loss, x, target)
    held_out = None if validation is None else samples.admit(net, loss, *validation)[:2]
    seed = int(np.random.default_rng().integers(2**63)) if rng is None else rng
    rng, history = backend.generator(seed), History(seed=seed if isinstance(seed, int) else None)
    count = x.shape[axis]

    def fetch(rows: Array) -> tuple[Array, Array]:
        return samples.take(net, x, rows), samples.take(net, target, rows)

    learner = learner_for(net, loss, optimizer, fetch)
    history.frozen = learner.frozen
    bar = _progress_bar(epochs * math.ceil(count / batch))
    try:
        for _ in range(epochs):
            order = net.xp.asarray(rng.permutation(count), device=net.place.device)
            total: Any = 0.0
            with _learning(net), fast.threads_for(net, batch):
                for start in range(0, count, batch):
                    rows = order[start : min(start + batch, count)]
                    step_loss = learner.step(rows)
                    history.step_loss.append(step_loss)
                    total = total + step_loss * (rows.shape[0] / count)
                    bar.update()
                learner.settle()
            history.loss.append(total)
            if held_out is not None:
                _validate(net, loss, *held_out, history)
            if callbacks and _call_back(learner, callbacks, history):
                history.stopped = f"a callback ended it after epoch {len(history.loss)}"
                break
    except KeyboardInterrupt:
        with _learning(net):
            learner.untear()
        history.stopped = f"interrupted after step {len(history.step_loss)}"
        warnings.warn(
            f"{history.stopped}: the network keeps what it learned", UserWarning, stacklevel=3
        )
    except Diverged as error:
        error.history = history
        raise
    finally:
        bar.close()
    return history


def _validate(net: Network, loss: Loss, x: Array, target: Array, history: History) -> None:
    value, hits = scores.mean_loss(net, loss, x, target)
    history.validation_loss.append(value)
    if hits is not None:
        history.validation_accuracy.append(hits)


def _call_back(learner: Learner, callbacks: Sequence[Callable[..., Any]], history: History) -> bool:
    """Call them all; whether one asked to stop."""
    before = backend.copy(learner.net.theta)
    answers = [callback(learner.net, history) for callback in callbacks]
    if not bool(learner.net.xp.all(before == learner.net.theta)):
        learner.checkpoint()  # steps cannot be repeated over what a callback did to theta
    return any(isinstance(answer, bool | np.bool_) and answer for answer in answers)


def _progress_bar(steps: int) -> Any:
    from tqdm import tqdm

    return tqdm(total=steps, disable=None, unit="step", leave=False)  # None: a terminal only
