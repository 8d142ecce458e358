"""Vector fields for images, each a network made into another field: kept at rest, kept in range.

Autonomous fields as layers, (..., n) -> (..., n), for `autonomous`; each is given the layers of the
network that it is made of.
"""

from typing import Any

from minigrad.backend import Array
from minigrad.errors import NotFiniteError
from minigrad.layers import Layer
from minigrad.network import Network


class Leak(Network):
    """y = -x + net(x): pulled back to 0, so that it can come to rest."""

    def forward(self, x: Array) -> Array:
        return super().forward(x) - x

    def backprop(self, dy: Array, to_input: bool = True) -> Array:
        dx = super().backprop(dy, to_input)
        return None if dx is None else dx - dy


class Logit(Network):
    """y = x (1 - x) net(x): x' = net(x) for the logit of x, written for x; 0 and 1 are at rest."""

    def forward(self, x: Array) -> Array:
        self.x, self.f = x, super().forward(x)
        return x * (1 - x) * self.f

    def backprop(self, dy: Array, to_input: bool = True) -> Array:
        dx = super().backprop(self.x * (1 - self.x) * dy)
        return dx + (1 - 2 * self.x) * self.f * dy


class Rescaled(Network):
    """y = J_r(x) net(x), r(x) = (x - min x) / (max x - min x): an image stays in [0, 1], off ties.

    It is the derivative of r(x + h net(x)) at h = 0. With f = net(x), R = max x - min x:
    y_i = (f_i - f_min - r_i (f_max - f_min)) / R, so that the least and the greatest pixel stay.
    `temperature` T > 0: smooth ones, max x = T ln sum exp(x / T), and likewise the least; else the
    derivative holds off ties. Raises NotFiniteError for an image that is constant.
    """

    smooth = False  # complex numbers have no greatest

    def __init__(self, *layers: Layer, temperature: float = 0.0) -> None:
        if not temperature >= 0:
            raise ValueError(f"temperature: expected 0 or more, came {temperature!r}")
        self.temperature = temperature
        super().__init__(*layers)

    def __str__(self) -> str:
        return "Rescaled" + f" at temperature {self.temperature:g}" * bool(self.temperature)

    def forward(self, x: Array) -> Array:
        f = super().forward(x)
        self._extremes(x)
        self.f, self.low, self.high = f, self._dot(self.q, f), self._dot(self.p, f)
        self.y = (f - self.low - self.r * (self.high - self.low)) / self.R
        return self.y

    def backprop(self, dy: Array, to_input: bool = True) -> Array:
        p, q, r, R, f = self.p, self.q, self.r, self.R, self.f
        a, b = self._total(dy) / R, self._dot(dy, r) / R
        dx = super().backprop(dy / R + q * (b - a) - p * b)
        if self.temperature:
            dx = dx + self._weights_backprop(f * -b, f * (b - a))
        dr = -dy * (self.high - self.low) / R
        return dx + self._scale_backprop(dr, -self._dot(dy, self.y) / R)

    def _extremes(self, x: Array) -> None:
        """The weights p, q (..., n) of the greatest and the least pixel, the span R, and r."""
        xp, T = self.xp, self.temperature
        high, low = xp.max(x, axis=-1, keepdims=True), xp.min(x, axis=-1, keepdims=True)
        if not bool(xp.all(high > low)):
            raise NotFiniteError(f"{self}: an image is constant: there is nothing to rescale")
        if T:
            p, q = xp.exp((x - high) / T), xp.exp((low - x) / T)
            high, low = high + T * xp.log(self._total(p)), low - T * xp.log(self._total(q))
            self.p, self.q = p / self._total(p), q / self._total(q)
        else:
            self.p, self.q = (_first(xp, x == extreme, x.dtype) for extreme in (high, low))
        self.R = high - low
        self.r = (x - low) / self.R

    def _scale_backprop(self, dr: Array, dR: Array) -> Array:
        """dE/dx of dE/dr and dE/dR, with r = (x - low) / R and R = high - low."""
        dR = dR - self._dot(dr, self.r) / self.R
        dlow = -self._total(dr) / self.R - dR
        return dr / self.R + self.p * dR + self.q * dlow

    def _weights_backprop(self, dp: Array, dq: Array) -> Array:
        """dE/dx of dE/dp and dE/dq, the softmax weights of x / T and of -x / T."""
        p, q = self.p, self.q
        return (p * (dp - self._dot(p, dp)) - q * (dq - self._dot(q, dq))) / self.temperature

    def _total(self, a: Array) -> Array:
        return self.xp.sum(a, axis=-1, keepdims=True)

    def _dot(self, a: Array, b: Array) -> Array:
        return self._total(a * b)


class RescaledTransposed(Rescaled):
    """y = J_r(x)^T net(x): what an automatic gradient of r gives where J_r(x) net(x) was meant.

    y_i = f_i / R, but at the greatest pixel less sum f r / R, and at the least less sum f (1 - r)
    / R: these two hear from all the others. The derivative holds off ties.
    """

    def __init__(self, *layers: Layer) -> None:
        super().__init__(*layers)

    def __str__(self) -> str:
        return "RescaledTransposed"

    def forward(self, x: Array) -> Array:
        f = Network.forward(self, x)
        self._extremes(x)
        along = self._dot(f, self.r)
        self.f = f
        self.y = (f - self.p * along - self.q * (self._total(f) - along)) / self.R
        return self.y

    def backprop(self, dy: Array, to_input: bool = True) -> Array:
        high, low = self._dot(self.p, dy), self._dot(self.q, dy)
        dx = Network.backprop(self, (dy - high * self.r - low * (1 - self.r)) / self.R)
        dr = self.f * (low - high) / self.R
        return dx + self._scale_backprop(dr, -self._dot(dy, self.y) / self.R)


def _first(xp: Any, hits: Array, dtype: Any) -> Array:
    """1.0 at the first hit along the last axis, else 0: of equals one is taken."""
    hits = xp.astype(hits, xp.int64)
    return xp.astype((xp.cumulative_sum(hits, axis=-1) == 1) & (hits == 1), dtype)
