"""What all layers with a local rule share: they learn from what they see, one sample at a time.

    y = layer(x)         # (..., n) -> (..., m): what the units answer; nothing is learned
    y = layer.learn(x)   # the same while it learns from each row in turn, as the layer then was

The rule of a weight sees what the two units that it joins do, and no gradient. There is no
backprop: such a layer sits below a read-out, and what it learns is frozen for the optimizers.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from minigrad import backend, initializers
from minigrad.backend import Array, Random
from minigrad.errors import NotFiniteError, ShapeError
from minigrad.layers import Layer, width
from minigrad.losses import not_finite


class LocalLayer(Layer):
    """W (m, n), one row a unit, learned by a local rule: a layer of one's own writes `forward`
    and `update`.

    What a rule carries from one sample to the next (counts, traces) is declared beside W, so that
    theta is all there is to save, move and continue from. `start` of W: an initializer, or samples
    (N, n), of which m, none twice, become its rows.
    """

    W: Array
    by_distance = False  # whether units compete by their distance, not by their product
    n: int

    def __init__(self, n: int, m: int, start: Any = None, rng: Random = None) -> None:
        self.n, self.m = width(n), width(m)
        rng = backend.generator(rng)
        start = self.started("glorot" if start is None else start, rng)
        self.declare(rng, None, {"W": start}, W=(m, n), **self.carried())
        self.freeze()

    def started(self, start: Any, rng: np.random.Generator) -> initializers.Initializer:
        """The initializer of W that `start` means."""
        if isinstance(start, str) or callable(start):
            return initializers.initializer(start)
        return partial(_these, some_rows(start, self.n, self.m, rng))

    def carried(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of what is carried on beside W, 0 at the start."""
        return {}

    def update(self, x: Array) -> Array:
        """Learn from one sample x (n,); its answer (m,)."""
        raise TypeError(f"{self}: a local layer needs a method update(self, x)")

    def learn(self, x: Any) -> Array:
        """Learn from each row of x (..., n) in turn; the answers (..., m) as they were given.

        Raises NotFiniteError, and nothing was learned, for a sample that is not finite, or
        negative where the rule wants activities; and when W stops being finite: it then is what it
        was before.
        """
        x = self.admit_samples(x)
        rows = self.xp.reshape(x, (-1, self.n))
        kept = backend.copy(self.theta)
        try:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                y = self.learn_rows(rows)
            if not backend.all_finite(self.theta):
                raise NotFiniteError(
                    f"{self}: W has {not_finite(self.W)} after these {rows.shape[0]} samples; it "
                    "keeps what it was before them. Try a smaller rate"
                )
        except BaseException:  # an interruption too: half a step would be no state at all
            self.theta = kept
            raise
        return self.xp.reshape(y, (*x.shape[:-1], self.m))

    def learn_rows(self, x: Array) -> Array:
        """Learn from the rows of x (N, n) one after the other: the plain way, (N, m)."""
        return self.xp.stack([self.update(x[i, :]) for i in range(x.shape[0])])

    def admit_samples(self, x: Any) -> Array:
        """x as an array (..., n) beside W, finite, and not empty."""
        x = self._admit(x)
        if self.theta.ndim > 1:
            raise ValueError(f"{self}: a stack does not learn by a local rule; take its members")
        if not backend.size(x.shape):
            raise ValueError(f"{self}: no samples to learn from, x has shape {tuple(x.shape)}")
        if not backend.all_finite(x):
            raise NotFiniteError(f"{self}: the samples have {not_finite(x)}")
        return x


# --- where a rule starts, and how fast it goes ----------------------------------------------------

Rate = float | Callable[[int], float]


def sound_rate(rate: Any, most: float = math.inf) -> Rate:
    """The rate, if it is a positive number, a function of the number 1, 2, ... of the sample, or
    "1/n" for the function that its name says."""
    if callable(rate):
        return rate  # type: ignore[no-any-return]
    if isinstance(rate, str) and rate == "1/n":
        return one_over
    number = isinstance(rate, int | float | np.number) and not isinstance(rate, bool)
    if not number or not (0 < rate <= most and math.isfinite(rate)):
        limit = "" if most == math.inf else f" up to {most:g}"
        raise ValueError(
            f"the rate must be a positive number{limit}, a function of the number of the sample, "
            f'or "1/n", not {rate!r}'
        )
    return float(rate)


def one_over(count: int) -> float:
    """1 / count: the rate at which a running value is the mean of all that came."""
    return 1 / count


def at(rate: Rate, count: Array) -> float:
    """The rate for sample number `count`; a number is what it is, and nothing is looked up."""
    return float(rate(int(count))) if callable(rate) else rate


def from_zero(high: float) -> initializers.Initializer:
    """U(0, high), whatever the shape: the start of weights that are never negative."""
    return partial(_from_zero, high)


def some_rows(samples: Any, n: int, m: int, rng: np.random.Generator) -> Any:
    """m rows of the samples (N, n), no two alike if there are so many, on the host: (m, n)."""
    samples = backend.host(samples)
    if samples.ndim != 2 or samples.shape[1] != n:
        raise ShapeError(f"start: expected samples (N, {n}), came {tuple(samples.shape)}")
    if len(samples) < m:
        raise ValueError(f"start: {m} units want as many samples, came {len(samples)}")
    order = rng.permutation(len(samples))
    _, first = np.unique(samples[order], axis=0, return_index=True)  # equal rows would tie for ever
    some = order[np.sort(first)] if len(first) >= m else order
    rows = samples[some[:m]].astype(np.float64)
    if not np.isfinite(rows).all():
        raise NotFiniteError(f"start: the samples drawn have {not_finite(rows)}")
    return rows


# Partials of these, not closures, so that a layer that keeps its start can be pickled.
def _from_zero(high: float, rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return rng.uniform(0, high, shape)


def _these(rows: Any, rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return rows
