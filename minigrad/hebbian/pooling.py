"""Pooled patch features: what small units see everywhere in an image, summed by regions.

    p = W v                                        of the patch v at each place
    q = max(0, p - c mean p)                       or max(0, p - mean p - c std p), over the units
    y = (sum of q over each of pool x pool regions) ^ power

Source: Coates, Lee and Ng, AISTATS 2011: soft threshold of the responses, sums over quadrants.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigrad import backend, maps
from minigrad.backend import Array
from minigrad.convolution import _sizes
from minigrad.errors import ShapeError
from minigrad.hebbian.codes import declare_frozen, weights_of
from minigrad.layers import Layer

NUMBERS = 1 << 18  # responses at a time: few enough to stay in the cache


class PooledPatches(Layer):
    """Images (..., h * w) to (..., m * pool * pool) sums, m units by regions; has no backprop.

    `W` (m, kh * kw), or a layer that has one: copied, as it now is. `shape` of the images; `size`
    of the patches; `stride`: from one to the next, all inside the image. `pool`: regions down and
    across, as even as whole places allow. `threshold`: ("mean", c) for max(0, p - c mean p), or
    ("std", c) for max(0, p - mean p - c std p), mean and std over the units at one place.
    `normalise`: v is (v - mean v) / sqrt(var v + EPS). `polarities` = 2: the same of -p beside that
    of p, m = 2 * units. y is an array (m, pool, pool) of which the last runs fastest.

    `overlap`: None for regions side by side; else each is a triangle down times one across, of
    max(0, 1 - d / overlap) at the distance d from its middle, in widths of a region; they are
    scaled to the sum 1, so that those at the edge are no fainter. `power`: what the sums are
    raised to; 0.5 brings out the faint ones.

    >>> pooled = PooledPatches([[1, 1], [1, 0]], (2, 2), (1, 2), 1, (2, 1), ("mean", 1))
    >>> pooled([1, 2, 3, 4])  # p = (3, 1) of the upper patch, (7, 3) of the lower
    array([1., 2., 0., 0.])
    """

    EPS = 0.01  # of the variance of a patch, for images of 0 to 1: what is flat is not blown up

    W: Array

    def __init__(
        self,
        W: Any,
        shape: tuple[int, int],
        size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        pool: int | tuple[int, int] = 3,
        threshold: tuple[str, float] = ("mean", 1.5),
        normalise: bool = False,
        polarities: int = 1,
        overlap: float | None = None,
        power: float = 1.0,
    ) -> None:
        W = weights_of(W)
        self.shape = h, w = _sizes("shape", tuple(shape), 2)
        self.size, self.stride, self.pool = (
            (_sizes(name, value, 1, 2) * 2)[:2]
            for name, value in (("size", size), ("stride", stride), ("pool", pool))
        )
        if self.size[0] > h or self.size[1] > w:
            raise ShapeError(f"size: patches of {self.size} do not fit in images of {self.shape}")
        if W.shape[1] != backend.size(self.size):
            raise ShapeError(
                f"W: expected {backend.size(self.size)} weights a unit, for patches of "
                f"{self.size}; came {tuple(W.shape)}"
            )
        limits = zip(self.shape, self.size, self.stride, strict=True)
        self.places = rows, columns = tuple((n - k) // s + 1 for n, k, s in limits)
        if self.pool[0] > rows or self.pool[1] > columns:
            raise ValueError(
                f"pool: {self.pool} regions are more than the places, {rows} x {columns}"
            )
        kinds = isinstance(threshold, tuple | list) and len(threshold) == 2
        if not kinds or threshold[0] not in ("mean", "std") or not np.isfinite(threshold[1]):
            raise ValueError(f'threshold: expected ("mean", c) or ("std", c), came {threshold!r}')
        if polarities not in (1, 2):
            raise ValueError(f"polarities: expected 1 or 2, came {polarities!r}")
        if overlap is not None and not 1 <= overlap < np.inf:
            raise ValueError(f"overlap: expected a number of at least 1, or None, came {overlap!r}")
        if not 0 < power < np.inf:
            raise ValueError(f"power: expected a positive number, came {power!r}")
        self.overlap, self.power = overlap, float(power)
        self.threshold, self.normalise = (threshold[0], float(threshold[1])), bool(normalise)
        self.polarities, self.out_shape = polarities, (polarities * W.shape[0], *self.pool)
        self.n, self.m = h * w, backend.size(self.out_shape)
        declare_frozen(self, W)

    def forward(self, x: Array) -> Array:
        xp, rows, lead = self.xp, self.rows(x), self.theta.shape[:-1]
        where = backend.move(self._where(), self.place)
        regions = backend.move(self._regions(), self.place, backend.dtype_name(self.theta))
        y = xp.empty((*rows.shape[:-1], self.m), dtype=x.dtype, device=self.place.device)
        count = rows.shape[-2]
        step = max(1, NUMBERS // (backend.size(self.places) * self.W.shape[-2]))
        for start in range(0, count, step):
            at = slice(start, min(start + step, count))
            q = self._responses(rows[..., at, :], where)  # (..., images * places, m)
            q = xp.reshape(q, (*lead, at.stop - start, -1, q.shape[-1]))
            sums = (regions @ q).mT  # (..., images, m, regions)
            y[..., at, :] = xp.reshape(sums, (*lead, at.stop - start, self.m))
        if self.power != 1:
            y = y**self.power
        return xp.reshape(y, (*x.shape[:-1], self.m))

    def _responses(self, x: Array, where: Array) -> Array:
        """q of every patch of the images x (..., B, n): (..., B * places, m)."""
        xp, W, (about, c) = self.xp, self.W, self.threshold
        v = xp.take(x, where, axis=-1)
        v = xp.reshape(v, (*x.shape[:-2], -1, W.shape[-1]))
        if self.normalise:
            v = v - xp.mean(v, axis=-1, keepdims=True)
            v /= xp.sqrt(xp.mean(v * v, axis=-1, keepdims=True) + self.EPS)
        mean = xp.mean(W, axis=-2, keepdims=True)  # of the units: mean p = (mean of W) v
        if about == "mean":
            p = v @ (W - c * mean).mT
            both = [p, -p]
        else:
            p = v @ (W - mean).mT
            border = c * xp.sqrt(xp.mean(p * p, axis=-1, keepdims=True))
            both = [p - border, -p - border]
        return maps.relu.f(xp, both[0] if self.polarities == 1 else xp.concat(both, axis=-1))

    def _where(self) -> NDArray[np.int64]:
        """The numbers of the pixels of each patch, place after place."""
        (rows, columns), (kh, kw), (s, t) = self.places, self.size, self.stride
        down = s * np.arange(rows)[:, None, None, None] + np.arange(kh)[:, None]
        across = t * np.arange(columns)[:, None, None] + np.arange(kw)
        return np.asarray(down * self.shape[1] + across, np.int64).reshape(-1)

    def _regions(self) -> NDArray[np.float64]:
        """How much each place counts in each region: (regions, places)."""
        sides = zip(self.places, self.pool, strict=True)
        down, across = (_shares(n, pool, self.overlap) for n, pool in sides)
        return np.asarray(np.kron(down, across), np.float64)

    def __str__(self) -> str:
        (h, w), (kh, kw), (r, c) = self.shape, self.size, self.pool
        units = self.out_shape[0]
        return f"PooledPatches {h}x{w} -> {units} units of {kh}x{kw}, {r}x{c} regions"


def _shares(n: int, pool: int, overlap: float | None) -> NDArray[np.float64]:
    """How much each of n places in a row counts in each of `pool` regions: (pool, n)."""
    if overlap is None:
        return np.eye(pool)[:, np.arange(n) * pool // n]
    middles = (np.arange(pool)[:, None] + 0.5) * n / pool
    apart = np.abs(np.arange(n) + 0.5 - middles) * pool / n
    triangle = np.maximum(0, 1 - apart / overlap)
    return np.asarray(triangle / triangle.sum(axis=1, keepdims=True), np.float64)
