"""Information of a layer with a stated noise, T = f(X) + N(0, s2): bounds from pair distances.

Without a noise, a layer of real numbers tells everything about its input, I(X;T) is infinite, and a
finite value is that of the bins. With it, T given x is normal, T is a mixture of N normal clouds.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from minigrad import backend
from minigrad.backend import Array
from minigrad.information.binning import codes
from minigrad.information.estimates import Estimate
from minigrad.information.variables import real, rows_of, symbols, variables

BLOCK = 2**22  # pairs at a time


class Bounds(NamedTuple):
    """A lower and an upper bound on one information."""

    lower: Estimate
    upper: Estimate

    def __str__(self) -> str:
        lower, upper = self.lower, self.upper
        return (
            f"{lower.value:.3f} <= {lower.quantity} <= {upper.value:.3f} {lower.unit} by pairwise "
            f"distances (noise = {lower.parameters['noise']}, N = {lower.samples})"
        )


def pairwise_bounds(t: Any, noise: float, labels: Any = None) -> Bounds:
    """Bounds on I(X;T), T = t + N(0, noise) for the N outputs t; with labels, on I(T;Y).

    t: (N, width) or (N,), one row for each input, all as likely; noise: the variance s2. With
    d_ij^2 the squared distances, B(c) = -1/N sum_i ln(1/N sum_j exp(-d_ij^2 / (c s2))): the lower
    bound is B(8) (Bhattacharyya), the upper B(2) (Kullback-Leibler); the ceiling is ln N. For
    labels, I(T;Y) = I(X;T) - sum_y p_y I(X;T | Y = y), bounded term by term, and by 0 and H(Y).
    Source: Kolchinsky and Tracey (2017), Estimating mixture entropy with pairwise distances.
    """
    if not (isinstance(noise, int | float | np.number) and 0 < noise < math.inf):
        raise ValueError(f"noise: expected a variance, finite and above 0, came {noise!r}")
    parts = variables(t=t, labels=labels)
    t = parts[0] if len(parts) == 1 else real("t", parts[0], "plug_in")
    if "float" not in backend.dtype_name(t):
        t = backend.namespace(t).astype(t, backend.namespace(t).float64)
    n, parameters = t.shape[0], {"noise": float(noise)}
    whole = [_mixture(t, c * noise) for c in (8, 2)]
    if labels is None:
        lower, upper = (
            Estimate(value, "I(X;T)", f"pairwise {name}", parameters, n, math.log(n))
            for name, value in zip(("lower", "upper"), whole, strict=True)
        )
        return Bounds(lower, upper)
    number = backend.host(codes(symbols("labels", parts[1]))[0])
    number = np.unique(number, return_inverse=True)[1]
    shares = np.bincount(number) / n
    most = float(-np.sum(shares * np.log(shares)))

    def value(side: int, number: Any) -> float:
        inside = sum(
            share * _mixture(rows_of(t, np.flatnonzero(number == y)), (2, 8)[side] * noise)
            for y, share in enumerate(shares)
        )
        return float(min(max(whole[side] - inside, 0.0), most))

    def bound(side: int, name: str) -> Estimate:
        def shuffled(rng: np.random.Generator) -> float:
            return value(side, rng.permutation(number))

        return Estimate(
            value(side, number),
            "I(T;Y)",
            f"pairwise {name}",
            parameters,
            n,
            most,
            shuffled=shuffled,
        )

    return Bounds(bound(0, "lower"), bound(1, "upper"))


def _mixture(t: Array, scale: float) -> float:
    """-1/N sum_i ln(1/N sum_j exp(-|t_i - t_j|^2 / scale)), in blocks of rows."""
    xp, n = backend.namespace(t), t.shape[0]
    t = t - xp.mean(t, axis=0)  # distances from products lose digits far from 0
    square = xp.sum(t * t, axis=1)
    rows, total = max(1, BLOCK // n), 0.0
    for start in range(0, n, rows):
        stop = min(start + rows, n)
        distance = square[start:stop][:, None] + square[None, :] - 2 * (t[start:stop, :] @ t.mT)
        near = xp.exp(-xp.maximum(distance, xp.zeros_like(distance)) / scale)
        total -= float(xp.sum(xp.log(xp.mean(near, axis=1))))
    return float(total / n)
