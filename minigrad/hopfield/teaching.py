"""How a memory is learned: by descent on a loss, or by a rule of its own."""

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import backend, losses, samples
from minigrad.backend import Array, Random
from minigrad.errors import Diverged
from minigrad.hopfield.codings import Coding
from minigrad.learning import History
from minigrad.losses import Loss
from minigrad.network import Network
from minigrad.optimizers import Adam, GradientDescent, Optimizer

if TYPE_CHECKING:
    from minigrad.hopfield.network import HopfieldNetwork

Noise = float | tuple[float, float]


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
    if not memory.losses:
        raise TypeError(f"{memory} is written, not learned: HopfieldNetwork(...).store(patterns)")
    name = memory.losses[0] if loss is None else loss
    if name not in memory.losses:
        raise ValueError(f"{memory}: unknown loss {loss!r}, expected one of {memory.losses}")
    if not 0 < factor < math.inf:
        raise ValueError(f"factor: expected a number above 0, came {factor!r}")
    low, high = _range(noise, memory.coding)
    patterns = memory.admit_patterns(patterns)
    rng = backend.generator(rng)
    memory.begin(patterns, rng)
    size = patterns.shape[0] if batch is None else samples.positive("batch", batch)
    if high > 0:
        memory.noise = partial(_corrupted, memory.coding, low, high, rng)
    memory.gives_fields = name == "logistic"
    try:
        if name in RULES:
            history = _by_rule(net, patterns, epochs, size, optimizer, factor, rng)
        else:
            chosen = scaled(
                _logistic(memory.coding) if memory.gives_fields else _named(name), factor
            )
            with net.lesson():
                history = Network.fit(
                    net, patterns, patterns, epochs, size, chosen, optimizer or Adam(0.001), rng
                )
    finally:
        memory.noise, memory.gives_fields = None, False
        net._forget()
    memory.patterns = backend.copy(patterns)
    return history


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


def _range(noise: Noise, coding: Coding) -> tuple[float, float]:
    low, high = noise if isinstance(noise, tuple) else (noise, noise)
    most = 1.0 if coding.discrete else math.inf
    if not 0 <= low <= high <= most:
        what = "a share of units from 0 to 1" if coding.discrete else "a deviation from 0 on"
        raise ValueError(f"noise: expected {what}, or a pair (low, high), came {noise!r}")
    return low, high


def _corrupted(
    coding: Coding, low: float, high: float, rng: np.random.Generator, x: Array
) -> Array:
    """x (..., n) flipped, or with noise added, each row by a share drawn between low and high."""
    place, shape = backend.place_of(x), tuple(x.shape)
    share = rng.uniform(low, high, (*shape[:-1], 1))
    if coding.discrete:
        hit = backend.move(rng.random(shape) < share, place)
        return place.xp.where(hit, coding.flipped(x), x)
    return x + backend.move(share * rng.standard_normal(shape), place, backend.dtype_name(x))


def _by_rule(
    net: "HopfieldNetwork",
    patterns: Array,
    epochs: int,
    batch: int,
    optimizer: Optimizer | None,
    factor: float,
    rng: np.random.Generator,
) -> History:
    """Each batch: the memory's rule puts into grad what a step of descent is to take away."""
    memory: Any = net.memory
    optimizer = optimizer or GradientDescent(memory.rate)
    optimizer.attach(net)
    history, count = History(), patterns.shape[0]
    for _ in range(samples.positive("epochs", epochs)):
        order = net.xp.asarray(rng.permutation(count).tolist(), device=net.place.device)
        total = 0.0
        for start in range(0, count, batch):
            rows = order[start : min(start + batch, count)]
            x = backend.take_rows(patterns, rows)
            kept = backend.copy(net.theta)
            net.zero_grad()
            wrong = memory.rule(x if memory.noise is None else memory.noise(x), x, rng)
            if factor != 1:
                net.grad *= factor
            optimizer.step(net)
            if not backend.all_finite(net.theta):
                net.theta = kept
                raise Diverged(
                    f"{memory}: its rule left finite numbers after {len(history.step_loss)} steps; "
                    "it keeps those of before. Try a smaller rate"
                )
            history.step_loss.append(wrong)
            total += wrong * rows.shape[0] / count
        history.loss.append(total)
    return history
