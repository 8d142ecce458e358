"""In how many directions samples spread: the dimension of a representation."""

import math
from typing import Any

from minigrad import backend
from minigrad.backend import Array
from minigrad.information.variables import quantity


def participation_ratio(x: Any, corrected: bool = False) -> float:
    """(sum l_i)^2 / sum l_i^2, l_i the eigenvalues of the covariance of x (N, width) or (N,).

    Between 1, all along one line, and the width, alike in all directions; 0 if x is constant. Few
    samples look flat: 1 / PR of N samples is near 1 / PR + 1 / (N - 1), and `corrected` takes that
    off (inf where nothing is left). Source: Abbott, Rajan and Sompolinsky (2011).

    >>> x = [[1.0, 0.5], [1.0, -0.5], [-1.0, 0.5], [-1.0, -0.5]]  # sds 1 and 1/2
    >>> f"{participation_ratio(x):.4f}"
    '1.4706'
    """
    x = _centred(x)
    xp, (n, width) = backend.namespace(x), x.shape
    # the trace and the sum of squares of X^T X, or of X X^T, are those of the eigenvalues
    product = x.mT @ x if width <= n else x @ x.mT
    trace, squares = float(xp.sum(x * x)), float(xp.sum(product * product))
    if not squares:
        return 0.0
    inverse = squares / trace**2 - (1 / (n - 1) if corrected else 0.0)
    return 1 / inverse if inverse > 0 else math.inf


def singular_value_ratio(x: Any) -> float:
    """(sum s_i)^2 / sum s_i^2, s_i the singular values of x less its mean, (N, width) or (N,).

    What one computes for the participation ratio with standard deviations in place of variances: it
    counts small directions for more. 0 if x is constant.

    >>> f"{singular_value_ratio([[1.0, 0.5], [1.0, -0.5], [-1.0, 0.5], [-1.0, -0.5]]):.2f}"
    '1.80'
    """
    x = _centred(x)
    xp = backend.namespace(x)
    s = xp.linalg.svdvals(x)
    squares = float(xp.sum(s * s))
    return float(xp.sum(s)) ** 2 / squares if squares else 0.0


def _centred(x: Any) -> Array:
    """x less its mean, scaled to a greatest size of 1: squares neither overflow nor vanish."""
    x = quantity("x", x)
    xp = backend.namespace(x)
    if x.shape[0] < 2:
        raise ValueError("x: a spread needs two samples or more, came 1")
    constant = bool(xp.all(x == x[:1, :]))
    if constant:
        return xp.zeros_like(x)
    x = x / float(xp.max(xp.abs(x)))  # before the mean, whose sum could overflow, and after it
    x = x - xp.mean(x, axis=0)
    return x / float(xp.max(xp.abs(x)))
