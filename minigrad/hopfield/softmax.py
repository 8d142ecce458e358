"""The modern Hopfield network: a step of recall is softmax attention to the patterns."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import backend, initializers, maps
from minigrad.backend import Array, Random
from minigrad.hopfield import codings
from minigrad.hopfield.codings import Coding
from minigrad.hopfield.pattern_memories import PatternMemory
from minigrad.layers import width
from minigrad.maps import ScalarMap

if TYPE_CHECKING:
    from minigrad.hopfield.pattern_memories import Voices


class Softmax(PatternMemory):
    """y = X^T softmax(beta X x), (..., n) -> (..., n): attention, keys and values the patterns X.

    X (p, n) holds what is stored, frozen until `unfreeze()`, or `rows` many started by `init`, to
    be learned. As a layer it gives y whatever the coding; a recall of signs or bits snaps each
    step. E = -lse(beta, X x) + x.x/2 + ln(p)/beta + M^2/2, lse(beta, z) = ln(sum exp(beta z))/beta,
    M the largest norm of a pattern: 0 <= E, and E <= 2 M^2 where |x| <= M. Signs in place of bits.
    Source: Ramsauer et al., ICLR 2021, equations 2 and 3, theorem 1.
    """

    # E never rises: lse is convex, with the slope y, so E(x') - E(x) <= (x'.x' - x.x)/2 - y.(x'-x).
    # For x' = y that is -|y - x|^2 / 2. Of signs x'.x' = x.x, and each unit that goes to the sign
    # of y_i, be it alone or with others, makes -y_i (x'_i - x_i) no larger than 0.

    smooth = True
    losses = ("mae", "half squared error")

    def __init__(
        self,
        beta: float = 1.0,
        coding: str | Coding = "real",
        rows: int | None = None,
        init: Any = "glorot",
    ) -> None:
        if not (isinstance(beta, int | float | np.number) and 0 < beta < math.inf):
            raise ValueError(f"beta: expected a number above 0, came {beta!r}")
        self.beta, self.coding = float(beta), codings.coding(coding)
        self.count = None if rows is None else width(rows)
        self.init = {"X": initializers.initializer(init)}
        if self.coding.discrete:
            self.activation = MEAN[self.coding.name]
            self.gain = 4.0  # near a stored pattern y is near x: tanh(4) is almost a sign

    def begin(self, patterns: Array, rng: Random) -> None:
        if self.n is not None:
            return
        if self.count is None:
            raise ValueError(
                f"{self}: no rows to learn: give it rows=..., or store patterns and unfreeze() it"
            )
        self.n = self.m = patterns.shape[1]
        self._lay_out(rng=rng, X=(self.count, self.n))

    def weights(self, x: Any) -> Array:
        """softmax(beta X x), (..., n) -> (..., p): how much of the answer is each pattern."""
        return self._weights(self.coding.to_signs(self._admit(x)) @ self.X.mT)

    @property
    def tie(self) -> float:  # type: ignore[override]
        """The rounding of a mean of p signs: patterns at equal overlaps cancel to that."""
        return 4 * float(self.xp.finfo(self.X.dtype).eps) * math.sqrt(self.X.shape[-2])

    def voices(self, m: Array) -> "Voices":
        return self._weights(m), None

    def voices_backprop(self, m: Array, da: Array, dc: Array) -> Array:
        a = self.said[0]
        return self.beta * a * (da - self.xp.sum(a * da, axis=-1, keepdims=True))

    def _weights(self, m: Array) -> Array:
        """softmax(beta m); what is below the root of the smallest normal number is 0.

        It is far below rounding, and slow: products with such numbers are not normal any more.
        """
        xp, least = self.xp, math.log(float(self.xp.finfo(m.dtype).smallest_normal)) / 2
        z = self.beta * (m - xp.max(backend.real(xp, m), axis=-1, keepdims=True))
        e = xp.exp(xp.where(backend.real(xp, z) < least, xp.full_like(z, -math.inf), z))
        return e / xp.sum(e, axis=-1, keepdims=True)

    def energy(self, x: Array, h: Array | None = None) -> Array:
        xp, s = self.xp, self.coding.to_signs(x)
        m = self._overlaps_of(s, h)
        most = xp.max(m, axis=-1, keepdims=True)
        # lse - ln(p)/beta: the mean in place of the sum, by which a small beta costs no digits
        mean = xp.mean(xp.expm1(self.beta * (m - most)), axis=-1)
        lse = most[..., 0] + xp.log1p(mean) / self.beta
        norm = xp.max(xp.sum(self.X * self.X, axis=-1), axis=-1, keepdims=True)
        return (xp.sum(s * s, axis=-1) + norm) / 2 - lse

    def flow_energy(self, x: Array, gain: float) -> Array | None:
        """E where x' = y - x, its own descent; with a gain or a soft map, E with their cost."""
        energy = super().flow_energy(x, gain)
        s = self.coding.to_signs(x)  # x.x/2 is the cost of the identity, and in E already
        return None if energy is None else energy - self.xp.sum(s * s, axis=-1) / 2

    def promise(self, update: str) -> str:
        if update == "continuous":
            return "E, with the cost of leaving the middle, falls along the flow"
        if update == "synchronous":
            return "lse is convex, by all units at once too"
        if update in ("asynchronous", "in part"):
            return "lse is convex, by whichever units"
        return ""

    def title(self) -> str:
        return f"Softmax of beta {self.beta:g}"


def decoder(patterns: Any, rate: float, coding: str | Coding = "signs") -> Softmax:
    """The best answer to one of `patterns` (p, n) that was seen with some of its units flipped.

    `rate`: the probability of a flip, above 0, below 1/2. One step is the mean of the patterns
    given what was seen, all patterns as likely before: beta = ln((1 - rate)/rate)/2. Its sign has
    the fewest wrong units that any answer could have on average.
    """
    if not 0 < rate < 0.5:
        raise ValueError(f"rate: expected a probability above 0, below 1/2, came {rate!r}")
    memory = Softmax(math.log((1 - rate) / rate) / 2, coding)
    if not memory.coding.discrete:
        raise ValueError(f"decoder: flips are of signs or bits, not of the coding {coding!r}")
    memory.store(patterns)
    return memory


def _mean_of_bits(xp: Any, h: Array) -> Array:
    return h / 4 + 0.5  # h: twice the mean of the signs


def _quarter(xp: Any, h: Array) -> Array:
    return xp.ones_like(h) / 4


MEAN = {
    "signs": maps.identity,
    "bits": ScalarMap("mean of bits", _mean_of_bits, _quarter, smooth=True),
}
