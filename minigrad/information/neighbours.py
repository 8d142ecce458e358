"""Nearest neighbours in the maximum norm: by a k-d tree on the host, or by all pairs anywhere."""

from typing import Any, Protocol

import numpy as np

from minigrad import backend
from minigrad.backend import Array
from minigrad.information.counting import count_within

BLOCK = 2**22  # pairs compared at a time
MANY = 2000  # samples from which a second thread pays


class Search(Protocol):
    """The two questions that the estimators ask; both leave the point itself out."""

    def radii(self, points: Array, k: int) -> Array:
        """The distance to the k-th nearest other point: (N, d) -> (N,)."""

    def extents(self, parts: list[Array], k: int) -> list[Array]:
        """For each part of the columns, how far the k nearest of the joint space reach in it."""

    def count(self, points: Array, radii: Array, closed: bool = False) -> Array:
        """How many others are nearer than r_i, or as near if `closed`: (N, d), (N,) -> (N,)."""


class TreeSearch(Search):
    """By scipy's k-d tree for the neighbours, and by ranks for the counts (`counting`)."""

    def radii(self, points: Array, k: int) -> Array:
        return self._query(points, k)[0][:, k]

    def extents(self, parts: list[Array], k: int) -> list[Array]:
        near = self._query(np.concatenate(parts, axis=1), k)[1]
        return [np.abs(part[near] - part[:, None]).max(axis=(1, 2)) for part in parts]

    def count(self, points: Array, radii: Array, closed: bool = False) -> Array:
        return count_within(points, radii, closed, _workers(points))

    @staticmethod
    def _query(points: Array, k: int) -> tuple[Any, Any]:
        from scipy.spatial import cKDTree

        tree = cKDTree(points)
        order = tree.indices  # asked in the order of the tree, neighbours find the same nodes warm
        distance = np.empty((len(points), k + 1))
        index = np.empty((len(points), k + 1), np.int64)
        distance[order], index[order] = tree.query(
            points[order], k + 1, p=np.inf, workers=_workers(points)
        )
        return distance, index


class BruteSearch(Search):
    """By comparing all pairs, in blocks of rows: any array library, any device, N^2 steps."""

    def radii(self, points: Array, k: int) -> Array:
        xp = backend.namespace(points)
        # the point itself is the nearest, at 0
        return xp.concat([xp.sort(d, axis=1)[:, k] for _, d in _blocks(points)])

    def extents(self, parts: list[Array], k: int) -> list[Array]:
        xp = backend.namespace(*parts)
        points = xp.concat(parts, axis=1)
        radii, reached = self.radii(points, k), []
        for part in parts:
            rows = []
            for (start, within), (_, along) in zip(_blocks(points), _blocks(part), strict=False):
                near = within <= radii[start : start + within.shape[0]][:, None]
                rows.append(xp.max(xp.where(near, along, xp.zeros_like(along)), axis=1))
            reached.append(xp.concat(rows))
        return reached

    def count(self, points: Array, radii: Array, closed: bool = False) -> Array:
        xp = backend.namespace(points, radii)
        rows = []
        for start, distance in _blocks(points):
            r = radii[start : start + distance.shape[0]][:, None]
            inside = distance <= r if closed else distance < r
            rows.append(xp.sum(xp.astype(inside, xp.int64), axis=1))
        own = radii >= 0 if closed else radii > 0
        return xp.concat(rows) - xp.astype(own, xp.int64)


def _blocks(points: Array) -> Any:
    """(first row, distances (rows, N) of these rows to all points) for block after block."""
    xp, n = backend.namespace(points), points.shape[0]
    rows = max(1, BLOCK // n)
    for start in range(0, n, rows):
        block = points[start : min(start + rows, n), :]
        distance = xp.abs(block[:, 0][:, None] - points[:, 0][None, :])
        for j in range(1, points.shape[1]):
            gap = xp.abs(block[:, j][:, None] - points[:, j][None, :])
            distance = xp.maximum(distance, gap)
        yield start, distance


def _workers(points: Any) -> int:
    return -1 if len(points) >= MANY else 1


SEARCHES: dict[str, Search] = {"tree": TreeSearch(), "brute": BruteSearch()}


def search_named(name: str) -> Search:
    """The search called "tree" or "brute"."""
    if not isinstance(name, str) or name not in SEARCHES:
        raise ValueError(f"search: expected one of {', '.join(SEARCHES)}, not {name!r}")
    return SEARCHES[name]


def neighbour_count(k: Any, samples: int, name: str = "k") -> int:
    """k, if each of the samples has so many others; ValueError if not."""
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise ValueError(f"{name}: expected a number of neighbours, 1 or more, came {k!r}")
    if samples <= k:
        raise ValueError(
            f"{name}: each sample needs {k} others, there are {samples} samples: "
            f"expected {int(k) + 1} or more"
        )
    return int(k)


def digamma(counts: Any) -> Any:
    """psi(n), the digamma function, on the host; psi(1) = -0.5772, psi(n + 1) = psi(n) + 1 / n."""
    from scipy.special import psi

    return psi(np.asarray(counts, np.float64))


def most(samples: int, k: int) -> float:
    """psi(N) - psi(k): what k neighbours among N samples say of a variable and itself."""
    return float(digamma(samples) - digamma(k))
