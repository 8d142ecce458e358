"""What befalls a pattern before it is to be recalled: flips and Gaussian noise."""

from typing import Any

import numpy as np

from minigrad import backend
from minigrad.backend import Array, Random
from minigrad.hopfield.codings import Coding, coding


def flips(x: Any, rate: float, rng: Random = None, of: str | Coding = "signs") -> Array:
    """x (..., n) with each unit flipped to its other value with probability `rate`, 0 to 1."""
    how, x = coding(of), _floating(x)
    if not how.discrete:
        raise ValueError("numbers are not flipped: take gaussian noise")
    if not 0 <= rate <= 1:
        raise ValueError(f"rate: expected a probability from 0 to 1, came {rate!r}")
    place = backend.place_of(how.admit("flips: x", x))
    hit = backend.generator(rng).random(tuple(x.shape)) < rate
    mask = hit if isinstance(x, np.ndarray) else backend.move(hit, place)
    return place.xp.where(mask, how.flipped(x), x)


def gaussian(x: Any, deviation: float, rng: Random = None) -> Array:
    """x (..., n) with N(0, deviation^2) added to each unit: no longer of a coding of two values."""
    if not 0 <= deviation < np.inf:
        raise ValueError(f"deviation: expected a number from 0 on, came {deviation!r}")
    x = _floating(x)
    noise = deviation * backend.generator(rng).standard_normal(tuple(x.shape))
    return x + backend.move(noise, backend.place_of(x), backend.dtype_name(x))


def _floating(x: Any) -> Array:
    """x as an array of floats: whole numbers have no room for noise."""
    x = backend.asarray(x)
    if backend.namespace(x).isdtype(x.dtype, "real floating"):
        return x
    return backend.move(x, backend.place_of(x), backend.birth_dtype())
