"""Units on a torus: who is whose neighbour, how neighbours excite one another, and who wins.

    c = p + lateral * (mean of the neighbours' p);  the k units of the largest c win

The neighbours of a unit are the others of the box of side 2 radius + 1 around it, wrapped both
ways. A sum over boxes is a product with a small circulant matrix on either side, so that no unit
by unit matrix is needed; `Torus.matrix` is that matrix, to see it and to test against it.
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np

from minigrad import backend, samples
from minigrad.backend import Array, Random
from minigrad.hebbian.local import LocalLayer


class Torus:
    """rows x columns units, wrapped both ways, and the boxes of (2 radius + 1)^2 around them.

    Unit number i stands in row i // columns and column i % columns. Raises ValueError for a side
    below 2 radius + 1, where a box would count a unit twice.
    """

    def __init__(self, side: tuple[int, int], radius: int = 2) -> None:
        if not isinstance(side, tuple | list) or len(side) != 2:
            raise TypeError(f"the sides of a torus are a pair (rows, columns), not {side!r}")
        self.side = (samples.positive("a side", side[0]), samples.positive("a side", side[1]))
        if isinstance(radius, bool) or not isinstance(radius, int | np.integer) or radius < 0:
            raise ValueError(f"a radius is a whole number of at least 0, not {radius!r}")
        self.radius = int(radius)
        if min(self.side) < (width := 2 * self.radius + 1):
            raise ValueError(
                f"a torus of {self.side[0]} x {self.side[1]} units is smaller than the "
                f"neighbourhood, {width} x {width} for radius {self.radius}: units would be "
                "counted twice"
            )

    @property
    def units(self) -> int:
        """How many units there are."""
        return self.side[0] * self.side[1]

    @property
    def neighbours(self) -> int:
        """How many neighbours each unit has: (2 radius + 1)^2 - 1."""
        return (2 * self.radius + 1) ** 2 - 1

    def sum(self, p: Array) -> Array:
        """The sum of p over the neighbours of each unit, itself left out: (..., N) -> (..., N)."""
        xp, (rows, columns) = backend.namespace(p), self.side
        spec, dtype = backend.place_of(p).spec, backend.dtype_name(p)
        down = circulant(rows, self.radius, spec, dtype)
        across = circulant(columns, self.radius, spec, dtype)
        box = down @ xp.reshape(p, (*p.shape[:-1], rows, columns)) @ across
        return xp.reshape(box, p.shape) - p

    def matrix(self) -> Any:
        """1 where two units are neighbours, else 0: (N, N), on the host."""
        down, across = (circulant(n, self.radius, "numpy", "float64") for n in self.side)
        return np.kron(down, across) - np.eye(self.units)

    def __str__(self) -> str:
        return f"torus of {self.side[0]} x {self.side[1]}, radius {self.radius}"


@lru_cache(maxsize=64)
def circulant(n: int, radius: int, spec: str, dtype: str) -> Array:
    """1 where two of n places on a circle are at most `radius` apart, else 0: (n, n)."""
    apart = np.abs(np.arange(n)[:, None] - np.arange(n))
    near = (np.minimum(apart, n - apart) <= radius).astype("float64")
    near = backend.move(near, backend.place(spec), dtype)
    if isinstance(near, np.ndarray):
        near.flags.writeable = False  # it is shared
    return near


class TorusLayer(LocalLayer):
    """Units with weights of 0 and more that compete for each sample; see `SparseLayer`.

    `side`: (rows, columns) of the torus on which the units stand, or their number m for units
    without neighbours. `k`: how many win. `lateral`: the weight of a unit's neighbours in total,
    against 1 for itself (None: LATERAL on a torus). `wins` (m,) counts, for each unit, the samples
    that it won and was active for.
    """

    LATERAL = 1.0  # on a torus: together the neighbours weigh what the unit itself does
    PREC = 1e-10  # a reconstruction below this counts as this
    FLOOR = 1e-12  # no weight below: from 0 none would return, and denormal numbers are slow

    wins: Array

    def __init__(
        self,
        n: int,
        side: tuple[int, int] | int,
        k: int | None,
        radius: int,
        lateral: float | None,
        start: Any,
        rng: Random = None,
    ) -> None:
        alone = isinstance(side, int | np.integer)
        self.torus = None if alone else Torus(side, radius)  # type: ignore[arg-type]
        m = samples.positive("the number of units", side) if alone else self.torus.units  # type: ignore[union-attr]
        if k is not None and samples.positive("k", k) > m:
            raise ValueError(f"k is {k}, but there are only {m} units to win")
        self.k = k
        self.lateral = (0.0 if alone else self.LATERAL) if lateral is None else float(lateral)
        if not (math.isfinite(self.lateral) and self.lateral >= 0):
            raise ValueError(f"lateral is a weight of at least 0, not {lateral!r}")
        if self.lateral and (self.torus is None or not self.torus.neighbours):
            raise ValueError(
                f"lateral is {self.lateral}, but the units have no neighbours: give the sides of "
                "their torus, (rows, columns), and a radius of at least 1; or lateral=0"
            )
        super().__init__(n, m, start, rng)
        self._check_weights()

    def __str__(self) -> str:
        side = f"{self.torus.side[0]} x {self.torus.side[1]}, " if self.torus is not None else ""
        winners = "all learn" if self.k is None else f"{self.k} win"
        return f"{super().__str__()} ({side}{winners}, lateral {self.lateral:g})"

    def carried(self) -> dict[str, tuple[int, ...]]:
        return {"wins": (self.m,)}

    def excitation(self, p: Array) -> Array:
        """What units compete by: p + lateral * (mean p of the neighbours), (..., m) -> (..., m)."""
        if not self.lateral or self.torus is None:
            return p
        return p + self.lateral / self.torus.neighbours * self.torus.sum(p)

    def activity(self, p: Array) -> Array:
        """p of the k units of the largest excitation, 0 of the others; all of p if k is None."""
        return p if self.k is None else only(p, backend.top_k(self.excitation(p), self.k))

    def dead(self, x: Any = None) -> Any:
        """The numbers of the units that never won, while learning or, given x (..., n), of x."""
        if x is None:
            return np.flatnonzero(backend.host(self.wins) == 0)
        live = backend.host(self.rows(self(x)) > 0).any(axis=0)
        return np.flatnonzero(~live)

    def learn(self, x: Any) -> Array:
        """Learn from each row of x (..., n), at least 0, in turn; the codes (..., m) as it learned.

        Warns, once, of a layer in which no more than k units ever win. Raises as `LocalLayer.learn`
        does, and ValueError for a negative sample or weight.
        """
        y = super().learn(x)
        if self.k is not None and self.k < self.m:
            wins = backend.host(self.wins)
            if wins.sum() >= 50 * self.k and np.count_nonzero(wins) <= self.k:
                backend.say_once(
                    f"{self}: only {np.count_nonzero(wins)} of {self.m} units have ever won, the "
                    "others are dead: start from smaller or more even weights, with a smaller "
                    "rate, or on samples that differ"
                )
        return y

    def learn_rows(self, x: Array) -> Array:
        self.W = self.xp.maximum(self.W, self._number(self.FLOOR))  # wherever it started
        return super().learn_rows(x)

    def admit_samples(self, x: Any) -> Array:
        x = super().admit_samples(x)
        least = float(self.xp.min(x))
        if least < 0:
            raise ValueError(
                f"{self}: the rule multiplies, and wants samples of at least 0; the least is "
                f"{least:g}"
            )
        self._check_weights()
        return x

    def sums(self) -> Array:
        """The sum of each unit's weights, (m,), and never 0."""
        lead = self.theta.shape[:-1]
        total = self.xp.maximum(self.xp.sum(self.W, axis=-1), self._number(self.PREC))
        return self.xp.reshape(total, (*lead, *(1,) * len(lead), self.m))

    def _number(self, value: float) -> Array:
        return self.xp.asarray(value, dtype=self.theta.dtype, device=self.place.device)

    def _check_weights(self) -> None:
        least = float(self.xp.min(self.W))
        if least < 0:
            raise ValueError(
                f"{self}: the rule multiplies, and wants weights of at least 0; the least is "
                f"{least:g}"
            )


def only(p: Array, winners: Array) -> Array:
    """p (..., m) where `winners` (..., k) have the number of the unit, else 0."""
    xp = backend.namespace(p, winners)
    a = xp.zeros_like(p)
    if isinstance(p, np.ndarray):
        np.put_along_axis(a, winners, np.take_along_axis(p, winners, axis=-1), axis=-1)
        return a
    unit = xp.arange(p.shape[-1], dtype=winners.dtype, device=backend.place_of(p).device)
    for i in range(winners.shape[-1]):
        a = xp.where(winners[..., i : i + 1] == unit, p, a)
    return a
