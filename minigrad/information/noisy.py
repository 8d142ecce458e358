"""Information of a layer with a stated noise, T = f(X) + N(0, s2): bounds from pair distances.

Without a noise, a layer of real numbers tells everything about its input, I(X;T) is infinite, and a
finite value is that of the bins. With it, T given x is normal, T is a mixture of N normal clouds.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from minigrad import backend
from minigrad.backend import Array
from minigrad.information.binning import codes
from minigrad.information.estimates import Estimate
from minigrad.information.variables import quantity, rows_of, symbols, variables

CACHED, BLOCK = 2**14, 2**22  # pairs at a time: on the host, where they stay in the cache; else
SCALES = {"lower": (8, 2), "upper": (2, 8)}  # of each bound on a sum, and of what is taken off it


class Bounds(NamedTuple):
    """A lower and an upper bound on one information."""

    lower: Estimate
    upper: Estimate

    @property
    def bits(self) -> "Bounds":
        """The same in bits."""
        return Bounds(self.lower.bits, self.upper.bits)

    def __str__(self) -> str:
        lower, upper = self.lower, self.upper
        return (
            f"{lower.value:.3f} <= {lower.quantity} <= {upper.value:.3f} {lower.unit} by pairwise "
            f"distances (noise variance = {lower.parameters['noise variance']:g}, "
            f"N = {lower.samples})"
        )


def pairwise_bounds(t: Any, noise: float, labels: Any = None) -> Bounds:
    """Bounds on I(X;T), T = t + N(0, noise) for the N outputs t; with labels, on I(T;Y).

    t: (N, width) or (N,), one row for each input, all as likely; noise: the variance s2. With
    d_ij^2 the squared distances, B(c) = -1/N sum_i ln(1/N sum_j exp(-d_ij^2 / (c s2))): the lower
    bound is B(8) (Bhattacharyya), the upper B(2) (Kullback-Leibler); the ceiling is ln N. For
    labels, I(T;Y) = I(X;T) - sum_y p_y I(X;T | Y = y), bounded term by term, and by 0 and H(Y).
    Source: Kolchinsky and Tracey (2017), Estimating mixture entropy with pairwise distances.
    """
    return Bounds(*(pairwise_bound(side, t, noise, labels) for side in SCALES))


def pairwise_bound(side: str, t: Any, noise: float, labels: Any = None) -> Estimate:
    """The "lower" or the "upper" of `pairwise_bounds` alone."""
    if side not in SCALES:
        raise ValueError(f"bound: expected 'lower' or 'upper', not {side!r}")
    is_number = isinstance(noise, int | float | np.integer | np.floating) and noise is not True
    if not (is_number and 0 < noise < math.inf):
        raise ValueError(f"noise: expected a variance, finite and above 0, came {noise!r}")
    t, *rest = variables(t=quantity("t", t), **({} if labels is None else {"labels": labels}))
    n, (scale, opposite) = t.shape[0], SCALES[side]
    whole, name, parameters = (
        _mixture(t, scale * noise),
        f"pairwise {side}",
        {"noise variance": noise},
    )
    if not rest:
        return Estimate(whole, "I(X;T)", name, parameters, n, math.log(n))
    number = backend.host(codes(symbols("labels", rest[0]))[0])
    number = np.unique(number, return_inverse=True)[1]
    shares = np.bincount(number) / n
    most = float(-np.sum(shares * np.log(shares)))

    def value(number: Any) -> float:
        inside = sum(
            share * _mixture(rows_of(t, np.flatnonzero(number == y)), opposite * noise)
            for y, share in enumerate(shares)
        )
        return float(min(max(whole - inside, 0.0), most))

    def shuffled(rng: np.random.Generator) -> float:
        return value(rng.permutation(number))

    return Estimate(value(number), "I(T;Y)", name, parameters, n, most, shuffled=shuffled)


def _mixture(t: Array, scale: float) -> float:
    """-1/N sum_i ln(1/N sum_j exp(-|t_i - t_j|^2 / scale)), in blocks of rows, each pair once."""
    xp, (n, width) = backend.namespace(t), t.shape
    rows = max(1, (CACHED if isinstance(t, np.ndarray) else BLOCK) // n)
    extent = float(xp.max(xp.max(t, axis=0) / 2 - xp.min(t, axis=0) / 2)) / math.sqrt(scale)
    wide = extent * math.sqrt(width) >= float(xp.finfo(t.dtype).eps) ** -0.25
    exponents = (_far_exponents if wide else _exponents)(t, scale, rows)
    sums = xp.zeros_like(t[:, 0])
    for start, exponent in zip(range(0, n, rows), exponents, strict=True):
        stop = start + exponent.shape[0]
        near = xp.exp(xp.minimum(exponent, xp.zeros_like(exponent[:1, :1])))
        sums[start:stop] += xp.sum(near, axis=1)
        sums[stop:] += xp.sum(near[:, stop - start :], axis=0)
    return min(max(0.0, -float(xp.mean(xp.log(sums / n)))), math.log(n))


def _exponents(t: Array, scale: float, rows: int) -> Iterator[Array]:
    """-|t_i - t_j|^2 / scale, for so many i at a time and all j from the first of them on.

    Of squares and products of the t.
    """
    xp, n = backend.namespace(t), t.shape[0]
    t = t - t[:1, :]
    t = t - xp.mean(t, axis=0)  # distances from products lose digits far from 0
    square = xp.sum(t * t, axis=1)[:, None]
    # |t_i - t_j|^2 = |t_i|^2 + |t_j|^2 - 2 t_i t_j, all of it in one product
    left = xp.concat([2 * t, -xp.ones_like(square), -square], axis=1) / scale
    right = xp.concat([t, square, xp.ones_like(square)], axis=1).mT
    for start in range(0, n, rows):
        yield left[start : min(start + rows, n), :] @ right[:, start:]


def _far_exponents(t: Array, scale: float, rows: int) -> Iterator[Array]:
    """The same column by column, slower: where t is so wide that a product loses what is near."""
    xp, n, sd = backend.namespace(t), t.shape[0], math.sqrt(scale)
    for start in range(0, n, rows):
        total = 0.0
        for j in range(t.shape[1]):
            half = xp.abs(t[start : min(start + rows, n), j][:, None] / 2 - t[start:, j] / 2)
            total = total - (xp.clip(half, 0.0, 1e9 * sd) / sd * 2) ** 2  # beyond, exp is 0
        yield total
