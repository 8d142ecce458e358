"""Competition: one unit wins each sample, and it alone learns.

The two layers differ in who wins, the nearest or the one that is excited most, and in what keeps
the winner's weights bounded.
"""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigrad import backend
from minigrad.backend import Array, Random
from minigrad.hebbian.local import LocalLayer, at, from_zero, sound_rate
from minigrad.initializers import Initializer


class _OneWinner(LocalLayer):
    counts: Array

    def carried(self) -> dict[str, tuple[int, ...]]:
        """`counts` (m,): how many samples each unit has won while it learned."""
        return {"counts": (self.m,)}

    def forward(self, x: Array) -> Array:
        return self._code(self._winners(x))

    def winners(self, x: Any) -> Array:
        """The number of the unit that wins each row of x: (..., n) -> (...,), integers."""
        return self._winners(self._admit(x))

    @property
    def dead(self) -> NDArray[np.int64]:
        """The numbers of the units that have won nothing while they learned."""
        return np.flatnonzero(backend.host(self.counts) == 0)

    def _winners(self, x: Array) -> Array:
        raise NotImplementedError

    def _code(self, winners: Array) -> Array:
        units = self.xp.arange(self.m, dtype=winners.dtype, device=self.place.device)
        return self.xp.astype(winners[..., None] == units, self.theta.dtype)

    def _won(self, j: int) -> Array:
        self.counts[j] += 1
        return self._code(self.xp.asarray(j, device=self.place.device))


class Competitive(_OneWinner):
    """Online k-means: the unit nearest to x moves towards it.

    y (..., m) is 1 for the winner j = argmin |x - w_j|, the first of equals, and 0 for the others;
    Delta w_j = rate (x - w_j). With the rate "1/n", n being the winner's own count of wins, each
    row is the mean of all samples that it won; with a number, at most 1, an exponential mean of
    them. A function is called with n.

    `start`: samples (N, n), of which m become the rows, or an initializer, with which many units
    may never win (see `dead`). `conscience`: while learning, the winner is the least
    counts_j |x - w_j|^2, so that no unit stays dead (frequency-sensitive competition); `learn`
    then answers who has learned, `layer(x)` still who is nearest.

    Source: MacQueen, Proc. 5th Berkeley Symp. (1967) 281; conscience: Ahalt, Krishnamurthy, Chen
    and Melton, Neural Networks 3 (1990) 277.
    """

    by_distance = True

    def __init__(
        self,
        n: int,
        m: int,
        rate: Any = "1/n",
        start: Any = None,
        conscience: bool = False,
        rng: Random = None,
    ) -> None:
        self.rate, self.conscience = sound_rate(rate, most=1), conscience
        super().__init__(n, m, start, rng)

    def update(self, x: Array) -> Array:
        """Let the nearest unit learn from one sample x (n,); the code of who it was, (m,)."""
        far = self.xp.sum((self.W - x) ** 2, axis=-1)
        if self.conscience:
            far = far * self.counts
        j = int(self.xp.argmin(far))
        y = self._won(j)
        self.W[j, :] += at(self.rate, self.counts[j]) * (x - self.W[j, :])
        return y

    def _winners(self, x: Array) -> Array:
        # |x - w|^2 as a product of matrices; about the middle of x, lest large means drown it.
        rows = self.rows(x)
        middle = self.xp.mean(rows, axis=-2, keepdims=True)
        W = self.W - middle
        near = (rows - middle) @ W.mT - 0.5 * self.xp.sum(W * W, axis=-1)[..., None, :]
        return self.xp.reshape(self.xp.argmax(near, axis=-1), x.shape[:-1])


class WinnerTakeAll(_OneWinner):
    """The unit that x excites most learns its direction: the third layer of seed 002, completed.

    y (..., m) is 1 for the winner j = argmax w_j x, the first of equals, and 0 for the others;
    Delta w_j = rate (x - p w_j) with p = w_j x. The seed allots W, uniform in 0 to 0.1, and a rate,
    and stops there. This is what the rule of its layers before comes to when one unit wins:
    Delta w = rate w p e / r with r = p w and e = x - r. A row becomes the mean direction of what it
    wins, at norm 1 (Oja's rule without the factor p), so that the products w x can be compared.

    `start`: an initializer (the seed's), or samples (N, n), of which m become the rows; either way
    rows begin at the norm `length`. Above 1 it works as a conscience: a row gets shorter as it
    wins, and leaves the next sample to others that have not won yet. Below 1 (None: the rows as
    they are drawn, as short as the seed's) the first to win grows, wins all, and most units stay
    `dead`. Raises ValueError for a sample with rate |x| of 1 or more: the step would go past its
    aim; a function of the winner's own count of wins, as a rate, has to see to that itself.
    """

    def __init__(
        self,
        n: int,
        m: int,
        rate: Any = 0.01,
        start: Any = None,
        length: float | None = 2.0,
        rng: Random = None,
    ) -> None:
        if length is not None and not 0 < length < np.inf:
            raise ValueError(f"length, of the rows at the start, must be positive, not {length!r}")
        self.rate, self.length = sound_rate(rate), length
        super().__init__(n, m, from_zero(0.1) if start is None else start, rng)

    def started(self, start: Any, rng: np.random.Generator) -> Initializer:
        """The start, with rows of norm `length`."""
        drawn = super().started(start, rng)
        return drawn if self.length is None else partial(_of_length, self.length, drawn)

    def admit_samples(self, x: Any) -> Array:
        """x, if rate |x| stays below 1 for every row."""
        x = super().admit_samples(x)
        longest = float(self.xp.max(self.xp.sqrt(self.xp.sum(x * x, axis=-1))))
        if not callable(self.rate) and self.rate * longest >= 1:
            raise ValueError(
                f"{self}: the longest sample has norm {longest:g}, which wants a rate below "
                f"{1 / longest:g}, not {self.rate:g}"
            )
        return x

    def update(self, x: Array) -> Array:
        """Let the winner learn from one sample x (n,); the code of who it was, (m,)."""
        p = self.W @ x
        j = int(self.xp.argmax(p))
        y = self._won(j)
        self.W[j, :] += at(self.rate, self.counts[j]) * (x - p[j] * self.W[j, :])
        return y

    def _winners(self, x: Array) -> Array:
        return self.xp.argmax(x @ self.W.mT, axis=-1)


def _of_length(
    length: float, drawn: Initializer, rng: np.random.Generator, shape: tuple[int, ...]
) -> Any:
    W = backend.host(drawn(rng, shape))
    norms = np.linalg.norm(W, axis=-1, keepdims=True)
    return W * (length / np.where(norms > 0, norms, 1))  # a blank sample stays blank
