"""A memory with hidden units that learns by Hebb's rule and its reverse, without a gradient."""

from functools import partial
from typing import Any

import numpy as np

from minigrad.backend import Array, Random
from minigrad.hopfield.rbm import RBM


class HebbianRBM(RBM):
    """y = sign(a + W^T z), z = sign(W x + b), taught by a Hebbian rule that unlearns its answers.

    Of a pattern x with z, its answer y and z' = sign(W y + b): W grows by rate (z x^T - z' y^T), b
    by rate (z - z'), a by rate (x - y), summed over the batch: contrastive divergence with signs in
    place of draws. W (hidden, n) starts at `scale` times random signs. Only rate / scale matters:
    both multiplied by one number change no sign. An `RBM` of hard units in all else.
    """

    local: tuple[str, ...] = ("W", "b", "a")
    batch = 16

    def __init__(
        self,
        hidden: int = 256,
        n: int | None = None,
        rate: float = 0.01,
        scale: float = 1.0,
        bias: bool = True,
        rng: Random = None,
    ) -> None:
        for what, value in (("rate", rate), ("scale", scale)):
            if not 0 < value < np.inf:
                raise ValueError(f"{what}: expected a number above 0, came {value!r}")
        self.init = {"W": partial(_random_signs, scale)}
        if not bias:
            self.local = ("W",)
        super().__init__(hidden, n, bias, units="hard", rng=rng)
        self.losses, self.rate = ("hebbian",), rate

    def _widen(self, n: int, rng: Random) -> None:
        super()._widen(n, rng)
        self.freeze()  # no gradient moves them: `local` are free while the rule is at work

    def rule(self, seen: Array, x: Array, rng: Random) -> float:
        """Adds to grad z' y^T - z x^T and the like, summed over x (B, n).

        y answers what is seen, (B, n). Returns the share of units of y that differ from x.
        """
        y, step = self.answer(self.field(seen), seen), self.step.f
        self._contrast(x, step(self.xp, self._drive(x)), -1.0)
        self._contrast(y, step(self.xp, self._drive(y)), 1.0)
        return float(self.xp.mean(self.xp.astype(y != x, x.dtype)))


def _random_signs(scale: float, rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return scale * (1.0 - 2.0 * rng.integers(0, 2, shape))
