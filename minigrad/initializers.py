"""Where weights start: each initializer is a function of a host generator and a shape.

A matrix is (fan out, fan in), as in `Affinity.M`; a kernel's further axes count to the fan in.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

Initializer = Callable[[np.random.Generator, tuple[int, ...]], Any]


def zeros(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """All 0: the start of a bias."""
    return np.zeros(shape)


def ones(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """All 1: the start of a gain."""
    return np.ones(shape)


def normal(scale: float = 1.0) -> Initializer:
    """N(0, scale^2), whatever the shape: with scale 1 the start of the seed's layers."""
    return partial(_normal, scale)


def uniform(scale: float = 1.0) -> Initializer:
    """U(-scale, scale), whatever the shape."""
    return partial(_uniform, scale)


def glorot(scale: float = 1.0) -> Initializer:
    """U(-a, a), a = scale sqrt(6 / (fan in + fan out)): keeps the size of signals and gradients.

    Source: Glorot and Bengio, AISTATS 2010, equation 16.
    """
    return partial(_glorot, scale)


def he(scale: float = 1.0) -> Initializer:
    """N(0, 2 scale^2 / fan in): keeps the size of signals through relu layers.

    Source: He, Zhang, Ren and Sun, ICCV 2015, equation 10.
    """
    return partial(_he, scale)


# Partials of these, not closures, so that a layer that keeps its initializer can be pickled.
def _normal(scale: float, rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return scale * rng.standard_normal(shape)


def _uniform(scale: float, rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return rng.uniform(-scale, scale, shape)


def _glorot(scale: float, rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return scale * math.sqrt(6 / sum(_fans(shape))) * rng.uniform(-1, 1, shape)


def _he(scale: float, rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return scale * math.sqrt(2 / _fans(shape)[0]) * rng.standard_normal(shape)


NAMED: dict[str, Initializer] = {
    "zeros": zeros,
    "ones": ones,
    "normal": normal(),
    "uniform": uniform(),
    "glorot": glorot(),
    "he": he(),
}


def initializer(start: str | Initializer) -> Initializer:
    """The initializer of that name, or the user's own function of (rng, shape)."""
    if callable(start):
        return start
    if not isinstance(start, str) or start not in NAMED:
        raise ValueError(
            f"unknown initializer {start!r}: expected one of {', '.join(NAMED)}, "
            "or a function of (rng, shape)"
        )
    return NAMED[start]


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    if len(shape) < 2:
        return max(math.prod(shape), 1), max(math.prod(shape), 1)
    receptive = math.prod(shape[2:])
    return shape[1] * receptive, shape[0] * receptive
