"""What an estimator answers: a number with its unit, its ceiling, and its null a call away."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from minigrad import backend
from minigrad.backend import Random

NATS_PER_BIT = math.log(2.0)
SPREADS = 2.0  # so near to a bound, in spreads of the null, an estimate says no more than the bound


@dataclass(frozen=True)
class Null:
    """What the estimator says of the same samples when nothing is left to find: y was shuffled.

    `values` (shuffles,), their mean `level`, which is the bias where the truth is 0, and their
    standard deviation `spread`.
    """

    values: tuple[float, ...]

    @property
    def level(self) -> float:
        """The mean over the shuffles: the estimator's bias for independent samples like these."""
        return float(np.mean(self.values))

    @property
    def spread(self) -> float:
        """The standard deviation over the shuffles."""
        return float(np.std(self.values, ddof=1))

    def p_value(self, value: Any) -> float:
        """The share of shuffles that reach `value`, itself counted among them: (1 + r) / (1 + s).

        Source: Phipson and Smyth (2010), Permutation p-values should never be zero.
        """
        reached = sum(v >= float(value) for v in self.values)
        return (1 + reached) / (1 + len(self.values))

    def __str__(self) -> str:
        return f"null {self.level:.3f} ± {self.spread:.3f}"


@dataclass(eq=False)
class Estimate:
    """An estimate of information or entropy from samples, and what is to be known with it.

    `ceiling`: the most that the estimator can say of so many samples, whatever the truth.
    `notes`: what was found in the samples and how it was treated. It compares like its value;
    arithmetic is for whoever knows what it would mean: float(estimate) is a plain number, and
    np.array(estimates, float) an array of them.
    """

    value: float
    quantity: str
    estimator: str
    parameters: dict[str, Any]
    samples: int
    ceiling: float = math.inf
    unit: str = "nats"
    notes: tuple[str, ...] = ()
    shuffled: Callable[[np.random.Generator], float] | None = field(default=None, repr=False)
    known_null: Null | None = field(default=None, repr=False)

    def null(self, shuffles: int = 20, rng: Random = None) -> Null:
        """The null, from so many shuffles of y; kept in `known_null`, so that it is printed.

        With conditions, y is shuffled only among samples whose conditions are alike. Raises
        TypeError where no shuffle makes sense (an entropy; information from a stated noise).
        """
        if self.shuffled is None:
            raise TypeError(f"{self.quantity} by {self.estimator} has no null: nothing to shuffle")
        if isinstance(shuffles, bool) or not isinstance(shuffles, int | np.integer) or shuffles < 2:
            raise ValueError(f"shuffles: expected 2 or more, for a spread, came {shuffles!r}")
        rng, factor = backend.generator(rng), self._nats_per_unit()
        self.known_null = Null(tuple(self.shuffled(rng) / factor for _ in range(shuffles)))
        return self.known_null

    @property
    def saturated(self) -> bool:
        """Whether the value says no more than a bound: within two spreads of ceiling or null.

        Asks for a null of 20 shuffles (rng=0) if none was asked for yet, and keeps it; without
        one, near the ceiling is within a hundredth of it.
        """
        return bool(self.bounds_reached())

    def bounds_reached(self) -> list[str]:
        """Which of "null" and "ceiling" the value is within two spreads of."""
        if self.shuffled is not None and self.known_null is None:
            self.null(rng=0)
        rounding = 1e-12 * max(1.0, abs(self.value)) if math.isfinite(self.value) else 0.0
        slack, reached = rounding, []
        if self.known_null:
            slack += SPREADS * self.known_null.spread
        elif math.isfinite(self.ceiling):
            slack += 0.01 * abs(self.ceiling)
        if self.known_null and self.value <= self.known_null.level + slack:
            reached.append("null")
        if self.value >= self.ceiling - slack:
            reached.append("ceiling")
        return reached

    @property
    def bits(self) -> "Estimate":
        """The same in bits: 1 bit is ln 2 nats."""
        return self._in("bits")

    @property
    def nats(self) -> "Estimate":
        """The same in nats."""
        return self._in("nats")

    def _in(self, unit: str) -> "Estimate":
        factor = self._nats_per_unit() / (NATS_PER_BIT if unit == "bits" else 1.0)
        null = self.known_null
        if null is not None:
            null = Null(tuple(v * factor for v in null.values))
        return replace(
            self,
            value=self.value * factor,
            ceiling=self.ceiling * factor,
            unit=unit,
            known_null=null,
        )

    def _nats_per_unit(self) -> float:
        return NATS_PER_BIT if self.unit == "bits" else 1.0

    def __float__(self) -> float:
        return self.value

    def __format__(self, spec: str) -> str:
        return format(self.value, spec) if spec else str(self)

    def _other(self, other: Any) -> float:
        if isinstance(other, str):
            raise TypeError(f"an estimate compares with estimates and numbers, not {other!r}")
        return float(other._in(self.unit)) if isinstance(other, Estimate) else float(other)

    def __lt__(self, other: Any) -> bool:
        return self.value < self._other(other)

    def __le__(self, other: Any) -> bool:
        return self.value <= self._other(other)

    def __gt__(self, other: Any) -> bool:
        return self.value > self._other(other)

    def __ge__(self, other: Any) -> bool:
        return self.value >= self._other(other)

    def __eq__(self, other: Any) -> bool:
        known = isinstance(other, Estimate | float | int | np.generic)
        return self.value == self._other(other) if known else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # equal in bits and nats, to rounding

    def __str__(self) -> str:
        how = ", ".join(f"{k} = {v}" for k, v in self.parameters.items())
        text = f"{self.quantity} = {self.value:.3f} {self.unit} by {self.estimator}"
        text += f" ({how}{', ' * bool(how)}N = {self.samples})"
        if math.isfinite(self.ceiling):
            text += f", ceiling {self.ceiling:.3f}"
        if self.known_null is not None:
            text += f", {self.known_null}"
            if reached := self.bounds_reached():
                where = {"null": "no more than its null", "ceiling": "at its ceiling"}
                text += f": {', '.join(where[bound] for bound in reached)}"
        return "; ".join([text, *self.notes])

    def __repr__(self) -> str:
        return f"<{self}>"
