"""A hard step with a slope to learn by: forward it is the step, backward a soft one."""

from functools import partial
from typing import Any

from minigrad.backend import Array
from minigrad.hopfield.codings import Coding
from minigrad.maps import ScalarMap, sigmoid


def straight_through(coding: Coding) -> ScalarMap:
    """high from h = 0 on, else low; its slope is that of low + (high - low) / (1 + e^-h).

    For signs 2 s (1 - s) with s = 1 / (1 + e^-h), for bits half of it: not the derivative of a
    step, which has none. Source: Bengio, Leonard and Courville, arXiv:1308.3432.
    """
    return ScalarMap(f"step of {coding.name}", partial(_step, coding), partial(_slope, coding))


def _step(coding: Coding, xp: Any, h: Array) -> Array:
    return coding.snap(xp, h, xp.full_like(h, coding.high))


def _slope(coding: Coding, xp: Any, h: Array) -> Array:
    return coding.span * sigmoid.df(xp, h)
