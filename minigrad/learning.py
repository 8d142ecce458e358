"""How a network learns: one step, many steps that can be taken back, `learn`, `fit`, and scores."""

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigrad import backend, fast, losses
from minigrad.backend import Array, Random
from minigrad.errors import Diverged, NotFiniteError, ShapeError
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

    Every `EVERY` steps theta and the optimizer are copied, and what was learned from since is
    remembered by its key; to go back is to put the copy back and to repeat the steps.
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
        self.keys: list[Any] = []  # learned from since the checkpoint
        self.checkpoint: tuple[Array, dict[str, Any]] | None = None
        self.last_loss = math.nan

    def step(self, key: Any) -> Any:
        """Learn from fetch(key): the loss before the step. Raises when it is not finite."""
        x, target = self.fetch(key)
        step = self.programs.step_for(x, target)
        loss = step.forward(x, target)
        if not math.isfinite(loss):
            self._explain(x, target, loss)
        if self.checkpoint is None or len(self.keys) == self.EVERY:
            self.checkpoint = backend.copy(self.net.theta), self.optimizer.checkpoint()
            self.keys = []
        step.update()
        self.keys.append(key)
        self.last_loss = loss
        return loss

    def rewind(self, steps: int = 0) -> None:
        """Be as after the last whole step, or `steps` (0 or 1) before that one."""
        if self.checkpoint is None:
            return
        self.net.theta = self.checkpoint[0]
        self.optimizer.restore(self.checkpoint[1])
        for key in self.keys[: len(self.keys) - steps]:
            x, target = self.fetch(key)
            step = self.programs.step_for(x, target)
            step.forward(x, target)
            step.update()

    def _explain(self, x: Array, target: Array, loss: Any) -> None:
        """Say what is not finite, and keep the last state whose loss was."""
        count, net = self.optimizer.steps, self.net
        culprit = first_not_finite(net, x, target) or "the loss itself"
        if not self.keys:  # nothing was learned here: it is the data or the start
            raise NotFiniteError(
                f"{culprit}: the loss is {loss} before any step; nothing was changed"
            )
        self.rewind(steps=1)
        raise Diverged(
            f"step {count + 1}: {culprit}; the loss is {loss}, at step {count} it was "
            f"{self.last_loss:.3g}. The network keeps its state of that step; "
            f"try a smaller alpha than {self.optimizer.alpha:g}"
        )


def first_not_finite(net: Network, x: Array, target: Array) -> str | None:
    """The first thing that is not finite on the way from x to the loss, in words."""
    for name, array in (("the input", x), ("the target", target)):
        if not backend.all_finite(array):
            return f"{name} has {losses.not_finite(array)}"
    for name, (value, _) in net.parameters().items():
        if not backend.all_finite(value):
            return f"parameter {name} has {losses.not_finite(value)}"
    return _first_output_not_finite(net, net._admit(x))[1]


def _first_output_not_finite(net: Network, x: Array) -> tuple[Array, str | None]:
    for position, layer in enumerate(net.layers, 1):
        place = f"layer {position} of {len(net.layers)} ({layer})"
        if isinstance(layer, Network):
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
    loss: str | Loss,
    optimizer: Optimizer,
    fetch: Callable[[Any], tuple[Array, Array]],
) -> Learner:
    """A learner for one network, or one for a stack, which freezes what diverges."""
    if net.theta.ndim > 1:
        from minigrad.stacks import StackLearner

        return StackLearner(net, loss, optimizer, fetch)
    return Learner(net, loss, optimizer, fetch)


def learn(net: Network, facts: Iterable[tuple[Any, Any]], loss: str | Loss) -> Any:
    """See `Network.learn`."""
    loss, width = losses.named(loss), Width(net)

    def admit(fact: tuple[Any, Any]) -> tuple[Array, Array]:
        x = _finite("the input", net._admit(fact[0]))
        return x, admit_target(loss, fact[1], width.of(x), net)

    learner = learner_for(net, loss, GradientDescent(net.alpha), admit)
    last = None
    with _learning(net):
        for fact in facts:
            last = learner.step(fact)
    if last is None:
        raise ValueError("no facts to learn from: expected pairs (x, expected)")
    return last


@dataclass
class History:
    """What `fit` saw: the mean loss of each epoch, the loss of each step, the validation scores.

    `seed` gives the order of the batches again (None: it came from a generator of the caller's).
    `stopped` says why the run ended.
    """

    loss: list[Any] = field(default_factory=list)
    step_loss: list[Any] = field(default_factory=list)
    validation_loss: list[Any] = field(default_factory=list)
    validation_accuracy: list[Any] = field(default_factory=list)
    seed: int | None = None
    stopped: str = "all epochs done"

    def __str__(self) -> str:
        columns = {
            "epoch": list(range(1, len(self.loss) + 1)),
            "loss": [f"{np.mean(v):.4f}" for v in self.loss],
            "validation loss": [f"{np.mean(v):.4f}" for v in self.validation_loss],
            "accuracy": [f"{np.mean(v):.4f}" for v in self.validation_accuracy],
        }
        columns = {name: values for name, values in columns.items() if values}
        rows = list(zip(*columns.values(), strict=False))
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
    epochs, batch = _positive("epochs", epochs), _positive("batch", batch)
    x, target, axis = _admit_data(net, loss, x, target)
    checked = validation and _admit_data(net, loss, *validation)
    history, rng = History(), _seeded(rng)
    history.seed = None if isinstance(rng, np.random.Generator) else rng
    rng = backend.generator(rng)
    xp, count = net.xp, x.shape[axis]

    def fetch(rows: Array) -> tuple[Array, Array]:
        return _take(x, rows, net), _take(target, rows, net)

    learner = learner_for(net, loss, optimizer, fetch)
    bar = _progress_bar(epochs * math.ceil(count / batch))
    try:
        for _ in range(epochs):
            order = xp.asarray(rng.permutation(count), device=net.place.device)
            total: Any = 0.0
            with _learning(net), fast.threads_for(net, batch):
                for start in range(0, count, batch):
                    rows = order[start : min(start + batch, count)]
                    step_loss = learner.step(rows)
                    history.step_loss.append(step_loss)
                    total = total + step_loss * (rows.shape[0] / count)
                    bar.update()
            history.loss.append(total)
            if checked:
                _validate(net, loss, checked, history)
            ended = [callback(net, history) is True for callback in callbacks]  # call them all
            if any(ended):
                history.stopped = f"a callback ended it after epoch {len(history.loss)}"
                break
    except KeyboardInterrupt:
        learner.rewind()
        history.stopped = (
            f"interrupted in epoch {len(history.loss) + 1}, after step {len(history.step_loss)}"
        )
        warnings.warn(
            f"{history.stopped}: the network keeps what it learned", UserWarning, stacklevel=3
        )
    except Diverged as error:
        error.history = history
        raise
    finally:
        bar.close()
    return history


def predict(net: Network, x: Any, batch: int) -> Array:
    """See `Network.predict`."""
    x = _finite("the input", backend.receive(x, net.theta))
    axis = _sample_axis(net, x)
    if not x.shape[axis]:
        raise ValueError("no samples to predict from: x is empty")
    parts = [
        net(_rows(x, axis, start, start + batch))
        for start in range(0, x.shape[axis], _positive("batch", batch))
    ]
    return net.xp.concat(parts, axis=parts[0].ndim - 2)


def accuracy(net: Network, x: Any, target: Any) -> Any:
    """See `Network.accuracy`."""
    y = backend.host(predict(net, x, 1000))
    target = backend.host(target)
    if y.shape[-1] > 1 and target.shape in (y.shape, y.shape[-2:]):
        target = target.argmax(axis=-1)
    if y.shape[-1] > 1:
        if target.dtype.kind not in "iu" or target.shape not in (y.shape[:-1], y.shape[-2:-1]):
            raise ShapeError(
                f"accuracy needs labels, integers of shape {y.shape[:-1]}, or rows of shape "
                f"{y.shape}; came {target.dtype} of shape {target.shape}"
            )
        losses.in_range(target, y.shape[-1])
        hits = y.argmax(axis=-1) == target
    else:
        codes = np.unique(target)
        target = target[..., None] if target.shape == y.shape[-2:-1] else target
        if (
            len(codes) > 2
            or codes[-1] != 1
            or codes[0] not in (-1, 0, 1)
            or target.shape not in (y.shape, y.shape[-2:])
        ):
            raise ValueError(
                f"accuracy of one output needs targets of two codes, -1 and 1 or 0 and 1, of shape "
                f"{y.shape}; came the values {codes[:5]} in shape {target.shape}"
            )
        hits = ((y > (codes[0] + codes[-1]) / 2) == (target == 1))[..., 0]
    return float(hits.mean()) if net.theta.ndim == 1 else hits.mean(axis=-1)


def admit_target(loss: Loss, target: Any, shape: tuple[int, ...], net: Network) -> Array:
    """The target for an output of that shape; in a stack it may be one for all members."""
    if net.theta.ndim > 1:
        came = backend.host(target)
        if came.shape == shape[1:] or (
            loss.of_labels and came.dtype.kind in "iu" and came.shape == shape[1:-1]
        ):
            shape = shape[1:]
    return loss.targets(target, shape, net.theta)


class Width:
    """The width of a network's output, found by one forward and kept until its layers change."""

    def __init__(self, net: Network) -> None:
        self.net, self.m, self.version = net, 0, -1

    def of(self, x: Array) -> tuple[int, ...]:
        """The shape of the output for the input x."""
        if self.version != self.net._version:
            self.m, self.version = self.net(x).shape[-1], self.net._version
        return (*x.shape[:-1], self.m)


def _admit_data(net: Network, loss: Loss, x: Any, target: Any) -> tuple[Array, Array, int]:
    x = _finite("the input", backend.receive(x, net.theta))
    axis = _sample_axis(net, x)
    if not x.shape[axis]:
        raise ValueError("no samples to learn from: x is empty")
    y = net(_rows(x, axis, 0, 1)).shape
    lead, batch = net.theta.shape[:-1], (x.shape[axis], *x.shape[axis + 1 : -1])
    return x, admit_target(loss, target, (*lead, *batch, y[-1]), net), axis


def _sample_axis(net: Network, x: Array) -> int:
    if x.ndim < 2:
        raise ShapeError(f"expected samples as rows, x of shape (N, n); came {tuple(x.shape)}")
    return 1 if net.theta.ndim > 1 and x.ndim == 3 else 0


def _rows(x: Array, axis: int, start: int, stop: int) -> Array:
    stop = min(stop, x.shape[axis])
    return x[start:stop, ...] if axis == 0 else x[:, start:stop, ...]


def _take(a: Array, rows: Array, net: Network) -> Array:
    axis = 1 if net.theta.ndim > 1 and a.ndim == 3 else 0
    return backend.take_rows(a, rows) if axis == 0 else net.xp.take(a, rows, axis=axis)


def _validate(net: Network, loss: Loss, data: tuple[Array, Array, int], history: History) -> None:
    x, target, _ = data
    y = predict(net, x, 1000)
    values = loss.value(net.xp, y, net.xp.broadcast_to(target, y.shape))
    history.validation_loss.append(
        float(net.xp.mean(values))
        if net.theta.ndim == 1
        else backend.host(net.xp.mean(values, axis=-1))
    )
    if loss.of_labels:
        hits = backend.host(y).argmax(axis=-1) == backend.host(target).argmax(axis=-1)
        history.validation_accuracy.append(
            float(hits.mean()) if net.theta.ndim == 1 else hits.mean(axis=-1)
        )


def _finite(name: str, array: Array) -> Array:
    if not backend.all_finite(array):
        raise NotFiniteError(f"{name} has {losses.not_finite(array)}; nothing was learned from it")
    return array


def _positive(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")
    return int(value)


def _seeded(rng: Random) -> np.random.Generator | int:
    """The caller's generator or seed, or a fresh seed that can be read back."""
    return int(np.random.default_rng().integers(2**63)) if rng is None else rng


def _progress_bar(steps: int) -> Any:
    from tqdm import tqdm

    return tqdm(total=steps, disable=None, unit="step", leave=False)  # None: a terminal only
