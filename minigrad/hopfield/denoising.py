"""Learning to remove noise: from the states that the network itself comes to."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad import backend
from minigrad.backend import Array
from minigrad.hopfield.codings import Coding
from minigrad.hopfield.memories import Memory
from minigrad.losses import Loss


@dataclass(frozen=True)
class Denoising:
    """A course for `learn`: patterns are flipped, relax softly, and should be right at the end.

    Each row is flipped at a rate drawn between `low` and `high` (numbers: noise of that deviation),
    goes `steps` - 1 soft steps x <- f(h(x)), and the loss looks at the field it then has; `clean`
    times the loss of the patterns as they are is added, lest they be given up for their mean. The
    first `warm` epochs are of clean patterns alone: what recalls nothing cannot be shown its way.
    """

    low: float = 0.0
    high: float = 0.3
    steps: int = 4
    clean: float = 3.0
    warm: int = 100

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high < np.inf:
            raise ValueError(f"low and high: expected 0 <= low <= high, came {self.low, self.high}")
        for name, least in (("steps", 1), ("warm", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
                raise ValueError(f"{name}: expected an integer from {least} on, came {value!r}")
        if not 0 <= self.clean < np.inf:
            raise ValueError(f"clean: expected a number from 0 on, came {self.clean!r}")


def corrupted(coding: Coding, low: float, high: float, rng: np.random.Generator, x: Array) -> Array:
    """x (..., n) flipped, or with noise added, each row at a rate drawn between low and high."""
    place, shape = backend.place_of(x), tuple(x.shape)
    rate = rng.uniform(low, high, (*shape[:-1], 1))
    if coding.discrete:
        hit = backend.move(rng.random(shape) < rate, place)
        return place.xp.where(hit, coding.flipped(x), x)
    return x + backend.move(rate * rng.standard_normal(shape), place, backend.dtype_name(x))


class Unrolled:
    """y = [field at the end of the soft steps from a noisy x, field of x itself], (..., 2 n)."""

    def __init__(self, memory: Memory, noise: Callable[[Array], Array], steps: int) -> None:
        self.memory, self.noise, self.steps = memory, noise, steps

    def forward(self, x: Array) -> Array:
        memory, xp = self.memory, self.memory.xp
        clean = memory.field(x)
        self.clean = memory.remembered()
        z, h = self.noise(x), clean
        self.seen: list[tuple[dict[str, Any], Array]] = []
        for step in range(self.steps):
            if step:
                z = memory.soft.f(xp, h)
            h = memory.field(z)
            self.seen.append((memory.remembered(), h))
        return xp.concat([h, clean], axis=-1)

    def backprop(self, dy: Array) -> Array:
        """Adds dE/dtheta to grad; dE/dx would ask for the slope of a flip, and is not there."""
        memory, xp, n = self.memory, self.memory.xp, self.memory.n or 0
        memory.remember(self.clean)
        memory.field_backprop(dy[..., n:])
        dh = dy[..., :n]
        for step in reversed(range(self.steps)):
            memory.remember(self.seen[step][0])
            dz = memory.field_backprop(dh)
            if step:
                dh = memory.soft.df(xp, self.seen[step - 1][1]) * dz
        return 0 * dz


def of_both(loss: Loss, weight: float) -> Loss:
    """loss of the first half of y (..., 2 n), and `weight` times that of the second."""

    def halves(a: Array) -> tuple[Array, Array]:
        n = a.shape[-1] // 2
        return a[..., :n], a[..., n:]

    def value(xp: Any, y: Array, t: Array) -> Array:
        parts = (loss.value(xp, *pair) for pair in zip(halves(y), halves(t), strict=True))
        first, second = parts
        return first + weight * second

    def gradient(xp: Any, y: Array, t: Array) -> Array:
        parts = (loss.gradient(xp, *pair) for pair in zip(halves(y), halves(t), strict=True))
        first, second = parts
        return xp.concat([first, weight * second], axis=-1)

    return Loss(f"{loss.name}, noisy and clean", value, gradient, smooth=False)
