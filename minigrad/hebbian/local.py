"""What all layers with a local rule share: they learn from what they see, one sample at a time.

    y = layer(x)         # (..., n) -> (..., m): what the units answer; nothing is learned
    y = layer.learn(x)   # the same while it learns from each row in turn, as the layer then was

The rule of a weight sees what the two units that it joins do, and no gradient. There is no
backprop: such a layer sits below a read-out, and what it learns is frozen for the optimizers.
"""

from typing import Any

import numpy as np

from minigrad import backend
from minigrad.backend import Array, Random
from minigrad.errors import NotFiniteError
from minigrad.layers import Layer, width
from minigrad.losses import not_finite


class LocalLayer(Layer):
    """W (m, n), one row a unit, learned by a local rule: a layer of one's own writes `forward`
    and `update`.

    What a rule carries from one sample to the next (counts, traces) is declared beside W, so that
    theta is all there is to save, move and continue from.
    """

    W: Array

    def __init__(self, n: int, m: int, start: Any = None, rng: Random = None) -> None:
        self.n, self.m = width(n), width(m)
        self.declare(rng, None, {"W": start or "glorot"}, W=(m, n), **self.carried())
        self.freeze()

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
        except NotFiniteError:
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
