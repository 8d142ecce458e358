"""How many points lie in a window around each point: exactly, and fast for one and two columns.

The windows are |x_i - x_j| < r_i (or <= r_i) in every column, as computed in floating point: the
same answers as comparing all pairs, against which this is tested.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[Any]


def count_within(points: Floats, radii: Floats, closed: bool, workers: int = 1) -> Integers:
    """How many other points lie within r_i of point i in the maximum norm: (N, d), (N,) -> (N,).

    Strictly within, or, if `closed`, at the distance r_i too. Cost N log N for one and two columns;
    more columns go to scipy's k-d tree.
    """
    if points.shape[1] == 1:
        first, last = windows(points[:, 0], radii, closed)[1:]
        return last - first - _self(radii, closed)
    if points.shape[1] == 2:
        return _count_in_the_plane(points, radii, closed) - _self(radii, closed)
    from scipy.spatial import cKDTree

    reach = radii if closed else np.nextafter(radii, -np.inf)
    found = cKDTree(points).query_ball_point(
        points, np.maximum(reach, 0.0), p=np.inf, return_length=True, workers=workers
    )
    return np.asarray(np.where(reach < 0, 0, found - 1))


def _self(radii: Floats, closed: bool) -> Integers:
    """1 where a point is in its own window: always, but for an open window of radius 0."""
    return (radii >= 0 if closed else radii > 0).astype(np.int64)


def windows(column: Floats, radii: Floats, closed: bool) -> tuple[Integers, Integers, Integers]:
    """The order that sorts a column, and the window of each value as ranks first to last - 1.

    The sorted values within r of x are a run of neighbours, whose ends a binary search for x - r
    and x + r finds but for rounding; each end then moves until it is right for the difference.
    """
    order = np.argsort(column, kind="stable")
    ordered = column[order]
    n = len(column)

    def inside(rank: Integers) -> NDArray[np.bool_]:
        gap = np.abs(ordered[np.clip(rank, 0, n - 1)] - column)
        return np.asarray(gap <= radii if closed else gap < radii)

    # Found in sorted order, since a search for rising numbers stays in the cache.
    first, last = np.empty(n, np.int64), np.empty(n, np.int64)
    first[order] = np.searchsorted(ordered, ordered - radii[order], "left" if closed else "right")
    last[order] = np.searchsorted(ordered, ordered + radii[order], "right" if closed else "left")
    last = np.maximum(first, last)
    while (outer := (first > 0) & inside(first - 1)).any():
        first -= outer
    while (inner := (first < last) & ~inside(first)).any():
        first += inner
    while (outer := (last < n) & inside(last)).any():
        last += outer
    while (inner := (last > first) & ~inside(last - 1)).any():
        last -= inner
    return order, first, last


def _count_in_the_plane(points: Floats, radii: Floats, closed: bool) -> Integers:
    """Points in the square around each point, itself counted if its window holds it.

    In ranks: how many of the positions first .. last - 1 of the one order have a rank below `top`
    of the other order, less those below `bottom`. A wavelet matrix answers that for all points at
    once: bit by bit, from the highest, it parts the ranks into zeros and ones, keeping their order,
    so that a run of positions stays a run, of which prefix counts say how long it is.
    Source: The wavelet matrix, Information Systems 47 (2015).
    """
    n = len(points)
    order, first, last = windows(points[:, 0], radii, closed)
    other, bottom, top = windows(points[:, 1], radii, closed)
    rank = np.empty(n, np.int32)
    rank[other] = np.arange(n, dtype=np.int32)
    ranks = rank[order]  # along the first column, the rank in the second
    left = np.concatenate([first, first]).astype(np.int32)
    right = np.concatenate([last, last]).astype(np.int32)
    limit = np.concatenate([top, bottom]).astype(np.int32)
    below = np.zeros(2 * n, np.int32)
    for bit in range(n.bit_length() - 1, -1, -1):
        one = (ranks >> bit) & 1 == 1
        zeros = np.zeros(n + 1, np.int32)  # zeros[p]: how many of the first p ranks have a 0 here
        np.cumsum(~one, out=zeros[1:])
        zeros_left, zeros_right = zeros[left], zeros[right]
        up = (limit >> bit) & 1 == 1
        below += np.where(up, zeros_right - zeros_left, 0)
        left = np.where(up, zeros[n] + left - zeros_left, zeros_left)
        right = np.where(up, zeros[n] + right - zeros_right, zeros_right)
        ranks = np.concatenate([ranks[~one], ranks[one]])
    return (below[:n] - below[n:]).astype(np.int64)
