"""What a unit may say: a sign, a bit, or any number."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad import backend, maps
from minigrad.backend import Array
from minigrad.errors import NotFiniteError
from minigrad.losses import not_finite
from minigrad.maps import ScalarMap


@dataclass(frozen=True)
class Coding:
    """The two values of a unit, or none for any number, and the map that softens their step.

    `soft`: tanh between -1 and 1, sigmoid between 0 and 1. A unit whose field is 0 keeps its value.
    """

    name: str
    low: float
    high: float
    soft: ScalarMap

    @property
    def discrete(self) -> bool:
        """Whether a unit has two values only."""
        return self.low < self.high

    @property
    def span(self) -> float:
        """high - low; 1 for any number."""
        return self.high - self.low if self.discrete else 1.0

    def snap(self, xp: Any, h: Array, x: Array, tie: float = 0.0) -> Array:
        """The answer to the field h (..., n) in the state x: high above `tie`, low below -tie.

        Between the two a unit keeps its value, the nearer one if it has none of the two.
        """
        up = h > tie
        decided = up | (h < -tie)
        if not bool(xp.all(decided)):
            up = up | (~decided & (x > (self.low + self.high) / 2))
            lost = xp.isnan(h) | xp.isnan(x)
            if bool(xp.any(lost)):  # no value stands for what is none
                return xp.where(lost, h + x, xp.astype(up, x.dtype) * self.span + self.low)
        return xp.astype(up, x.dtype) * self.span + self.low

    def nearest(self, xp: Any, x: Array) -> Array:
        """x (..., n) with each unit at the nearer of its two values; any number stays."""
        if not self.discrete:
            return x
        return xp.astype(x > (self.low + self.high) / 2, x.dtype) * self.span + self.low

    def flipped(self, x: Array) -> Array:
        """The other value of each unit, low + high - x; the negative of any number."""
        return self.low + self.high - x

    def to_signs(self, x: Array) -> Array:
        """x (..., n) of this coding as signs: s = 2 v - 1 for bits; any number stays."""
        if not self.discrete or (self.low, self.high) == (-1, 1):
            return x
        return (2 * x - (self.low + self.high)) / self.span

    def from_signs(self, s: Array) -> Array:
        """Signs s (..., n) in this coding: v = (1 + s) / 2 for bits; any number stays."""
        if not self.discrete or (self.low, self.high) == (-1, 1):
            return s
        return (self.span * s + (self.low + self.high)) / 2

    def holds(self, xp: Any, x: Array) -> Array:
        """Whether each unit of x (..., n) has one of the two values, or is a finite number."""
        return (x == self.low) | (x == self.high) if self.discrete else xp.isfinite(x)

    def admit(self, what: str, x: Array) -> Array:
        """x, if it is of this coding; ValueError names the first value that is not."""
        if not backend.all_finite(x):
            raise NotFiniteError(f"{what}: {not_finite(x)}, expected finite numbers")
        held = self.holds(backend.namespace(x), x)
        if not bool(backend.namespace(x).all(held)):
            at = tuple(int(i) for i in np.argwhere(~backend.host(held))[0])
            others = ", ".join(repr(name) for name in CODINGS if name != self.name)
            raise ValueError(
                f"{what}: {float(backend.host(x)[at]):g} at {at}, expected {self.low:g} or "
                f"{self.high:g} of the coding {self.name!r}; the other codings are {others}"
            )
        return x


CODINGS = {
    "signs": Coding("signs", -1.0, 1.0, maps.tanh),
    "bits": Coding("bits", 0.0, 1.0, maps.sigmoid),
    "real": Coding("real", 0.0, 0.0, maps.identity),
}


def coding(name: str | Coding) -> Coding:
    """The coding of that name: "signs" (-1 and 1), "bits" (0 and 1), "real" (any number)."""
    if isinstance(name, Coding):
        return name
    if name not in CODINGS:
        raise ValueError(f"unknown coding {name!r}: expected one of {', '.join(CODINGS)}")
    return CODINGS[name]
