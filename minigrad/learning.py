"""How a network learns: fact by fact with `learn`, in batches and epochs with `fit`."""

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import numpy as np

from minigrad import backend, fast, losses, samples, scores
from minigrad.backend import Array, Random
from minigrad.errors import Diverged
from minigrad.learner import Learner, learning_mode
from minigrad.losses import Loss
from minigrad.network import Network
from minigrad.optimizers import GradientDescent, Optimizer
from minigrad.text import table


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
        with learning_mode(net):
            for fact in facts:
                given, expected = samples.pair("a fact is a pair", fact)
                x = samples.finite("the input", backend.copy(net._admit(given)))
                width = width or net(x).shape[-1]
                target = samples.admit_target(net, loss, expected, (*x.shape[:-1], width))
                last = learner.step((x, backend.copy(target)))
            learner.settle()
    except BaseException:
        _mend(learner)
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
            "loss": [f"{_mean(v):.4g}" for v in self.loss],
            "validation loss": [f"{_mean(v):.4g}" for v in self.validation_loss],
            "accuracy": [f"{_mean(v):.4f}" for v in self.validation_accuracy],
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
    held_out = None
    if validation is not None:
        held_out = samples.admit(net, loss, *samples.pair("validation is a pair", validation))[:2]
    callbacks = [callbacks] if callable(callbacks) else callbacks
    if not all(map(callable, callbacks)):
        raise TypeError(f"callbacks are functions of (net, history), came {callbacks!r}")
    seed = int(np.random.default_rng().integers(2**63)) if rng is None else rng
    rng, history = backend.generator(seed), History()
    history.seed = None if isinstance(seed, np.random.Generator) else int(seed)
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
            with learning_mode(net), fast.threads_for(net, batch):
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
        _mend(learner)
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


def _mean(values: Any) -> float:
    """The mean over the members of a stack that are not frozen; of a number, itself."""
    finite = np.asarray(values)[np.isfinite(values)]
    return float(finite.mean()) if finite.size else math.nan


def _mend(learner: Learner) -> None:
    with learning_mode(learner.net):
        learner.mend()


def _call_back(learner: Learner, callbacks: Sequence[Callable[..., Any]], history: History) -> bool:
    """Call them all; whether one asked to stop."""
    net = learner.net
    version, before = net._version, backend.copy(net.theta)
    answers = [callback(net, history) for callback in callbacks]
    if net._version != version or not bool(net.xp.all(before == net.theta)):
        learner.checkpoint()  # steps cannot be repeated over what a callback did
    return any(isinstance(answer, bool | np.bool_) and answer for answer in answers)


def _progress_bar(steps: int) -> Any:
    from tqdm import tqdm

    return tqdm(total=steps, disable=None, unit="step", leave=False)  # None: a terminal only
