"""Dense associative memory: overlaps count by a power, and many more patterns fit."""

import operator
from typing import TYPE_CHECKING

from minigrad.backend import Array
from minigrad.hopfield import codings
from minigrad.hopfield.codings import Coding
from minigrad.hopfield.memories import activation_of
from minigrad.hopfield.pattern_memories import PatternMemory
from minigrad.maps import ScalarMap

if TYPE_CHECKING:
    from minigrad.hopfield.pattern_memories import Voices


class Polynomial(PatternMemory):
    """E = -(n/degree) sum_mu F(m_mu / n), F(z) = z^degree, or max(z, 0)^degree if `rectified`.

    m = X x (..., p): the overlaps with the patterns X (p, n). A unit takes the value of the lower
    energy, the others held: h_i = (E(x_i = -1) - E(x_i = 1)) / 2, of which degree 2 is Hebb's rule
    without a diagonal. In continuous time the field is the slope -dE/dx = X^T F'(m/n) / degree.
    The factors 1/n keep all that in the range of float32, and h near x at a stored pattern x.
    Source: Krotov and Hopfield, NIPS 2016, equations 1 and 3 (E there without the factors).
    """

    # With G(m) = (n/degree) F(m/n), unit i at +1 has the overlaps m - xi x_i + xi, xi = X_mu,i, and
    #   h_i = 1/2 sum_mu [G(m - xi x_i + xi) - G(m - xi x_i - xi)].
    # Of signs either xi x_i = 1, and the bracket is xi D+, D+ = G(m) - G(m - 2), or xi x_i = -1,
    # and it is xi D-, D- = G(m + 2) - G(m). Both at once: xi ((1 + xi x_i) D+ + (1 - xi x_i) D-)/2
    # = xi A + x_i B with A = (D+ + D-)/2, B = (D+ - D-)/2, since xi^2 = 1. So
    #   h = (X^T A + x sum_mu B) / 2:
    # two products in place of one for each unit. Between signs, that is taken as it stands.
    #
    # Overlaps are divided not by n but by a power of two, P >= n, and h is multiplied by what is
    # missing: whole numbers stay so while they fit the type, and a unit of h = 0 is one exactly.

    gain = 4.0  # at a stored pattern h is near x: tanh(4) is within 0.1 % of a sign

    def __init__(
        self,
        degree: int = 3,
        rectified: bool = False,
        coding: str | Coding = "signs",
        activation: ScalarMap | str = "sign",
    ) -> None:
        if isinstance(degree, bool) or not hasattr(degree, "__index__") or degree < 2:
            raise ValueError(f"degree: expected a whole number from 2 on, came {degree!r}")
        self.degree, self.rectified = operator.index(degree), rectified
        self.coding, self.activation = codings.coding(coding), activation_of(activation)
        if not self.coding.discrete:
            raise ValueError(f"{self} is of signs or bits, not of any number")
        smooth = self.activation is not None and self.activation.smooth
        self.smooth = smooth and not rectified

    @property
    def _power(self) -> int:
        """P, the least power of two from n on."""
        return 1 << ((self.n or 1) - 1).bit_length()

    @property
    def volume(self) -> float:  # type: ignore[override]
        """What h is multiplied by: that of dividing by P, the 1/degree, and the half."""
        return float((self._power / (self.n or 1)) ** (self.degree - 1) / (2 * self.degree))

    def voices(self, m: Array) -> "Voices":
        ahead, behind = self._difference(m, m - 2), self._difference(m + 2, m)
        return (ahead + behind) / 2, self.xp.sum(ahead - behind, axis=-1) / 2

    def voices_backprop(self, m: Array, da: Array, dc: Array) -> Array:
        below = self.degree - 1
        ahead, behind = self._difference(m, m - 2, below), self._difference(m + 2, m, below)
        dc = dc[..., None]
        return (self.degree / self._power / 2) * ((da + dc) * ahead + (da - dc) * behind)

    def flow(self, x: Array) -> Array:
        return self._heard(x, self._slopes)

    def flow_backprop(self, dh: Array) -> Array:
        return self._heard_backprop(dh, self._slopes_backprop)

    def _slopes(self, m: Array) -> "Voices":
        """2 F'(m / P), and nothing to oneself."""
        return 2 * self.degree * self._raised(m, self.degree - 1), None

    def _slopes_backprop(self, m: Array, da: Array, dc: Array) -> Array:
        inner = self._raised(m, self.degree - 2)
        if self.rectified and self.degree == 2:
            inner = self.xp.where(m > 0, inner, self.xp.zeros_like(inner))
        return (2 * self.degree * (self.degree - 1) / self._power) * inner * da

    def energy(self, x: Array, h: Array | None = None) -> Array:
        m = self._overlaps_of(self.coding.to_signs(x), h)
        total = self.xp.sum(self._raised(m, self.degree), axis=-1)
        return -2 * self._power * self.volume * total

    def promise(self, update: str) -> str:
        if update == "continuous":
            return "E and the cost of leaving the middle fall along the flow"
        if update == "asynchronous" and bool(self.xp.all(self.xp.abs(self.X) == 1)):
            return "one unit at a time, each to its lower energy"
        return ""

    def _bent(self, m: Array) -> Array:
        return self.xp.maximum(m, self.xp.zeros_like(m)) if self.rectified else m

    def _raised(self, m: Array, degree: int) -> Array:
        """(m / P)^degree, of what is above 0 if rectified."""
        z = self._bent(m) / self._power
        product = self.xp.ones_like(z)
        for _ in range(degree):
            product = product * z
        return product

    def _difference(self, m: Array, below: Array, degree: int | None = None) -> Array:
        """P ((m / P)^degree - (below / P)^degree), as the sum that has m - below as a factor.

        a^d - b^d = (a - b) (a^(d-1) + a^(d-2) b + ... + b^(d-1)): nearly equal powers are not
        subtracted, which would cost the digits of float32.
        """
        m, below = self._bent(m), self._bent(below)
        a, b = m / self._power, below / self._power
        total = power = self.xp.ones_like(a)
        for _ in range((degree or self.degree) - 1):
            power = power * b
            total = total * a + power
        return (m - below) * total

    def title(self) -> str:
        return f"Polynomial of degree {self.degree}" + (", rectified" if self.rectified else "")
