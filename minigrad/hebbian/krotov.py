"""The rule of Krotov and Hopfield: Hebbian for the unit driven most, anti-Hebbian for the k-th."""

from typing import Any

import numpy as np

from minigrad import backend
from minigrad.backend import Array, Random
from minigrad.hebbian.local import LocalLayer, at, sound_rate
from minigrad.layers import width


class KrotovHopfield(LocalLayer):
    """Features that compete, learned by the rule of Krotov and Hopfield; y = W x (..., m).

    Each x drives the units by the currents I = <w, x>_p = sum_i |w_i|^{p-1} sign(w_i) x_i. The
    unit driven most has g = 1, the k-th g = -delta, all others 0, and

        Delta w = rate g (x - I w)            (equation 3, with R = 1)

    so that each row that wins comes to p-norm 1. `batch` = None: row by row, with rate I below 1.
    `batch` = B: the sum of Delta w over B rows at a time, divided by its largest number, as in the
    authors' program; the largest weight change then is the rate whatever the data, so the rate
    must decay for W to settle: a function of the number 1, 2, ... of the sample. The start is
    theirs, N(0, 1), and does what a conscience would: rows longer than 1 shrink as they win, and
    leave the next sample to others; from short rows a few units win all.

    Their read-out takes max(0, W x)^4.5. Source: Krotov and Hopfield, PNAS 116 (2019) 7723.
    """

    seen: Array

    def __init__(
        self,
        n: int,
        m: int,
        p: float = 3,
        k: int = 2,
        delta: float = 0.4,
        rate: Any = 0.02,
        batch: int | None = None,
        start: Any = "normal",
        rng: Random = None,
    ) -> None:
        if not 1 < p < np.inf:  # at 1 the currents know only signs, and equal ones abound
            raise ValueError(f"p, of the norm, must be a number above 1, not {p!r}")
        if isinstance(k, bool) or not hasattr(k, "__index__") or not 2 <= k <= m:
            raise ValueError(f"k, the rank of the anti-Hebbian unit, is 2 to {m}, not {k!r}")
        if not 0 <= delta < np.inf:
            raise ValueError(f"delta must be a number of at least 0, not {delta!r}")
        self.p, self.k, self.delta, self.rate = p, k, delta, sound_rate(rate)
        self.batch = None if batch is None else width(batch)
        super().__init__(n, m, start, rng)

    def carried(self) -> dict[str, tuple[int, ...]]:
        """`seen` (1,): how many samples have come, which a rate that decays looks at."""
        return {"seen": (1,)}

    def forward(self, x: Array) -> Array:
        return x @ self.W.mT

    def currents(self, x: Any) -> Array:
        """I = <w, x>_p, by which the units compete: (..., n) -> (..., m)."""
        return self._admit(x) @ self._dual().mT

    def update(self, x: Array) -> Array:
        """Learn from one sample x (n,), as from a batch of one; its answer (m,)."""
        return self._step(x[None, :])[0, :]

    def learn_rows(self, x: Array) -> Array:
        """Learn from the rows of x (N, n), `batch` at a time; the answers (N, m)."""
        count = self.batch or 1
        steps = [
            self._step(x[i : min(i + count, x.shape[0]), :]) for i in range(0, x.shape[0], count)
        ]
        return self.xp.concat(steps)

    def _step(self, x: Array) -> Array:
        xp, y = self.xp, self.forward(x)
        currents = y if self.p == 2 else x @ self._dual().mT
        ranked = backend.top_k(currents, self.k)
        first, kth = ranked[:, 0], ranked[:, self.k - 1]
        # Only rows that were first or k-th for some x change, and are touched.
        index = backend.move(np.unique(backend.host(xp.concat([first, kth]))), self.place)
        rows = backend.take_rows(self.W, index)
        g = xp.astype(index[:, None] == first, x.dtype)
        g = g - self.delta * xp.astype(index[:, None] == kth, x.dtype)
        drive = xp.sum(g * xp.take(currents, index, axis=1).mT, axis=1)
        change = g @ x - drive[:, None] * rows
        step = at(self.rate, self.seen[0] + 1)
        if self.batch is not None:
            largest = float(xp.max(xp.abs(change)))
            step = step / largest if largest > 0 else 0.0
        backend.add_rows(self.W, index, step * change)
        self.seen += x.shape[0]
        return y

    def _dual(self) -> Array:
        """|W|^{p-1} sign(W): the gradient of |w|_p^p / p."""
        if self.p == 2:
            return self.W
        size = self.xp.abs(self.W)
        return self.W * size if self.p == 3 else self.xp.sign(self.W) * size ** (self.p - 1)
