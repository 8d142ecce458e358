"""How a memory is learned: by descent on a loss, or by a rule of its own."""

import math
import warnings
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import backend, losses, samples
from minigrad.backend import Array, Random
from minigrad.errors import Diverged
from minigrad.hopfield.codings import Coding
from minigrad.hopfield.couplings import Couplings
from minigrad.hopfield.denoising import Denoising, Unrolled, corrupted, of_both
from minigrad.learning import History
from minigrad.losses import Loss
from minigrad.network import Network
from minigrad.optimizers import Adam, GradientDescent, Optimizer

if TYPE_CHECKING:
    from minigrad.hopfield.network import HopfieldNetwork

Noise = float | tuple[float, float] | Denoising


def teach(
    net: "HopfieldNetwork",
    patterns: Any,
    epochs: int,
    batch: int | None,
    loss: str | None,
    optimizer: Optimizer | None,
    noise: Noise,
    factor: float,
    rng: Random,
) -> History:
    """See `HopfieldNetwork.learn`."""
    memory = net.memory
    if type(memory) is Couplings:
        raise TypeError(f"{memory}: its couplings are given by hand, it does not learn")
    if not memory.losses:
        raise TypeError(f"{memory} is written, not learned: HopfieldNetwork(...).store(patterns)")
    name = memory.losses[0] if loss is None else loss
    if name not in memory.losses:
        raise ValueError(f"{memory}: unknown loss {loss!r}, expected one of {memory.losses}")
    if not 0 < factor < math.inf:
        raise ValueError(f"factor: expected a number above 0, came {factor!r}")
    course = noise if isinstance(noise, Denoising) else None
    if course is not None and name != "logistic":
        raise ValueError(f"{memory}: a course of Denoising goes with the logistic loss, not {name}")
    if memory.n is not None and not memory.trained() and not memory.local:
        raise ValueError(f"{memory} has nothing to learn: its parameters are frozen; unfreeze()")
    rates = (noise.low, noise.high) if isinstance(noise, Denoising) else noise
    low, high = _range(rates, memory.coding)
    patterns = memory.admit_patterns(patterns)
    epochs = samples.positive("epochs", epochs)
    rng = backend.generator(rng)
    shown = rng.spawn(1)[0]  # of its own, so that a step can be repeated with the same noise
    usual = memory.batch or patterns.shape[0]
    size = usual if batch is None else samples.positive("batch", batch)
    if not isinstance(optimizer, Optimizer | None):
        raise TypeError(f"expected an optimizer, such as Adam(), came {optimizer!r}")
    memory.begin(patterns, rng)
    noisy = partial(corrupted, memory.coding, low, high, shown) if high > 0 else None
    memory.gives_fields = name == "logistic"
    vars(memory)["rng"] = shown  # a step that is taken back is repeated with the same noise
    try:
        if name in RULES:
            memory.noise = noisy
            history = _by_rule(net, patterns, epochs, size, optimizer, factor, rng)
        else:
            plain = _logistic(memory.coding) if memory.gives_fields else _named(name)
            loss_of = scaled(plain, factor)
            fit = partial(_fit, net, patterns, batch=size, optimizer=optimizer, rng=rng)
            if course is None:
                memory.noise = noisy
                history = fit(patterns, epochs=epochs, loss=loss_of)
            else:
                history = _course(net, fit, patterns, course, epochs, loss_of, noisy)
    finally:
        memory.noise, memory.gives_fields, net.course = None, False, None
        vars(memory).pop("rng", None)
        net._forget()
    memory.patterns = backend.copy(patterns)
    return history


def _fit(
    net: "HopfieldNetwork",
    patterns: Array,
    target: Array,
    epochs: int,
    batch: int,
    loss: Loss,
    optimizer: Optimizer | None,
    rng: np.random.Generator,
) -> History:
    steps = epochs * math.ceil(patterns.shape[0] / batch)
    # a saturated unit that is wrong has no slope by the mean absolute error: it must not get there
    usual = Falling(RATE if net.memory.gives_fields else RATE / 4, steps)
    with net.lesson():
        return Network.fit(net, patterns, target, epochs, batch, loss, optimizer or usual, rng)


def _course(
    net: "HopfieldNetwork",
    fit: Callable[..., History],
    patterns: Array,
    course: Denoising,
    epochs: int,
    loss: Loss,
    noisy: Callable[[Array], Array] | None,
) -> History:
    """First the patterns as they are, then what becomes of them when they are flipped."""
    warm = min(course.warm, epochs - 1)
    history = History()
    if warm:
        history = fit(patterns, epochs=warm, loss=loss)
    if not history.stopped.startswith("interrupted"):
        net.course = Unrolled(net.memory, noisy or (lambda x: x), course.steps)
        both = net.xp.concat([patterns, patterns], axis=-1)
        later = fit(both, epochs=epochs - warm, loss=of_both(loss, course.clean))
        history.loss += later.loss
        history.step_loss += later.step_loss
        history.stopped = later.stopped
    return history


class Falling(Adam):
    """Adam whose rate falls to 0 along half a cosine, within so many steps."""

    def __init__(self, alpha: float, steps: int) -> None:
        super().__init__(alpha)
        self.top, self.within = alpha, steps

    def step(self, net: Any) -> None:
        done = min(self.steps / self.within, 1.0 - 1e-9)
        self.alpha = self.top * 0.5 * (1 + math.cos(math.pi * done))
        super().step(net)


RATE = 0.01  # of the usual descent, at its beginning
RULES = ("contrastive divergence", "hebbian")  # these are no losses: a memory's `rule` is told


def _named(name: str) -> Loss:
    return losses.mean_absolute_error if name == "mae" else losses.named(name)


def _logistic(coding: Coding) -> Loss:
    """-sum_i ln of the probability of x_i, 1 / (1 + exp(-span h_i)) for its high value; y is h."""
    span, inner = coding.span, losses.logistic

    def target(x: Array) -> Array:
        return (x - coding.low) / span

    return Loss(
        "logistic, of fields",
        lambda xp, h, x: inner.value(xp, span * h, target(x)),
        lambda xp, h, x: span * inner.gradient(xp, span * h, target(x)),
        smooth=False,
    )


def scaled(loss: Loss, factor: float) -> Loss:
    """factor times a loss."""
    if factor == 1:
        return loss
    return Loss(
        f"{factor:g} times {loss.name}",
        lambda xp, y, t: factor * loss.value(xp, y, t),
        lambda xp, y, t: factor * loss.gradient(xp, y, t),
        loss.complaint,
        smooth=loss.smooth,
    )


def _range(noise: float | tuple[float, float], coding: Coding) -> tuple[float, float]:
    low, high = noise if isinstance(noise, tuple) and len(noise) == 2 else (noise, noise)
    known = all(isinstance(rate, int | float | np.number) for rate in (low, high))
    if not (known and 0 <= low <= high < math.inf and (high <= 1 or not coding.discrete)):
        what = "a share of units from 0 to 1" if coding.discrete else "a deviation from 0 on"
        raise ValueError(f"noise: expected {what}, or a pair (low, high), came {noise!r}")
    return low, high


def _by_rule(
    net: "HopfieldNetwork",
    patterns: Array,
    epochs: int,
    batch: int,
    optimizer: Optimizer | None,
    factor: float,
    rng: np.random.Generator,
) -> History:
    """Each batch: the memory's rule puts into grad what a step of descent is to take away.

    Parameters that it alone moves, `memory.local`, are free meanwhile, and then frozen again.
    """
    memory: Any = net.memory
    falling, optimizer = optimizer is None, optimizer or GradientDescent(memory.rate)
    history, count = History(), patterns.shape[0]
    total, frozen = epochs * math.ceil(count / batch), memory.frozen
    memory._set_frozen(frozen - set(memory.local))
    try:
        optimizer.attach(net)
        for _ in range(epochs):
            order = net.xp.asarray(rng.permutation(count).tolist(), device=net.place.device)
            mean = 0.0
            for start in range(0, count, batch):
                rows = order[start : min(start + batch, count)]
                if falling:
                    optimizer.alpha = memory.rate * (1 - len(history.step_loss) / total)
                wrong = _rule_step(net, backend.take_rows(patterns, rows), optimizer, factor, rng)
                history.step_loss.append(wrong)
                mean += wrong * rows.shape[0] / count
            history.loss.append(mean)
    except KeyboardInterrupt:
        history.stopped = f"interrupted after step {len(history.step_loss)}"
        warnings.warn(
            f"{history.stopped}: the memory keeps what it learned", UserWarning, stacklevel=4
        )
    except Diverged as error:
        error.history = history
        raise
    finally:
        memory._set_frozen(frozen)
    return history


def _rule_step(
    net: "HopfieldNetwork", x: Array, optimizer: Optimizer, factor: float, rng: Any
) -> float:
    """One step by the rule, taken back if it leaves finite numbers or is interrupted."""
    memory: Any = net.memory
    kept = backend.copy(net.theta)
    try:
        net.zero_grad()
        wrong: float = memory.rule(x if memory.noise is None else memory.noise(x), x, rng)
        if factor != 1:
            net.grad *= factor
        optimizer.step(net)
        if not backend.all_finite(net.theta):
            raise Diverged(
                f"{memory}: its rule left finite numbers; it keeps those of before. Try a smaller "
                f"rate than {optimizer.alpha:g}"
            )
    except BaseException:
        net.theta = kept
        raise
    return wrong
