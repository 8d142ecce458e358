"""Principal components by a local rule: Hebb's, held in check by what a unit answers.

Hebb's rule alone, Delta w = rate y x, lets |w| grow without end. What is subtracted below is felt
by each weight through the answers alone, and keeps |w| at 1.
"""

from typing import Any

from minigrad.backend import Array, Random
from minigrad.hebbian.local import LocalLayer, at, sound_rate


class _Components(LocalLayer):
    seen: Array

    def __init__(
        self, n: int, m: int = 1, rate: Any = 0.01, start: Any = None, rng: Random = None
    ) -> None:
        self.rate = sound_rate(rate)
        super().__init__(n, m, start, rng)

    def carried(self) -> dict[str, tuple[int, ...]]:
        """`seen` (1,): how many samples have come, which a rate that decays looks at."""
        return {"seen": (1,)}

    def forward(self, x: Array) -> Array:
        return x @ self.W.mT

    def update(self, x: Array) -> Array:
        y = self.W @ x
        self.seen += 1
        self.W += at(self.rate, self.seen[0]) * (y[:, None] * (x - self.predicted(y)))
        return y

    def predicted(self, y: Array) -> Array:
        """What each unit takes off the input x before it learns: (m, n), or (1, n) for all."""
        raise NotImplementedError


class Oja(_Components):
    """The subspace of the m largest principal components, by Oja's rule.

    y = W x (..., m); Delta W = rate y (x - W^T y)^T. For m = 1, Delta w = rate y (x - y w), and w
    becomes the first eigenvector of C = <x x^T>, of norm 1; for m > 1 the rows become orthonormal
    and span the first m eigenvectors, turned in any way. C is about 0: take the mean off x for
    principal components. `rate`: a number, or a function of the number 1, 2, ... of the sample,
    such as `lambda t: 1 / (100 + t)`: a constant one leaves w trembling by about its size.
    Keep rate |x|^2 below 1: above, |w| = 1 does not hold the rule, and it may diverge.

    Source: Oja, J. Math. Biology 15 (1982) 267; m > 1: Int. J. Neural Systems 1 (1989) 61.
    """

    def predicted(self, y: Array) -> Array:
        """W^T y, what all units know of x together: (1, n)."""
        return (y @ self.W)[None, :]


class Sanger(_Components):
    """The m largest principal components in their order: the generalised Hebbian algorithm.

    y = W x (..., m); Delta w_i = rate y_i (x - sum_{j <= i} y_j w_j): unit i learns from what the
    units before it have left. Row i of W becomes the i-th eigenvector of C = <x x^T>, of norm 1,
    where the eigenvalues differ. The rate and the mean: as for `Oja`.

    Source: Sanger, Neural Networks 2 (1989) 459.
    """

    def predicted(self, y: Array) -> Array:
        """What the units up to each know of x: (m, n)."""
        return self.xp.cumulative_sum(y[:, None] * self.W, axis=0)
