"""Why a solve cannot go on, with the evidence: what is asked most of every solver."""

import math
from typing import Any

from minigrad import backend
from minigrad.backend import Array
from minigrad.errors import TableauError
from minigrad.losses import not_finite
from minigrad.ode.controls import Adaptive, Control

TRIES = 12  # evaluations to find the largest slope of the field


def cause(field: Any, stepper: Any, t: float, x: Array, h: float, control: Control) -> str:
    """The likely cause that no step h from (t, x), with its sign, can be taken."""
    slope = field(t, x)
    if said := nowhere(slope, t, x):
        return said
    trouble: str = getattr(stepper, "trouble", "")  # of a method that solves equations in a step
    if trouble:
        return trouble
    ahead = x + h * slope
    beyond = field(t + h, ahead) if backend.all_finite(ahead) else ahead
    if not backend.all_finite(beyond):
        return (
            f"the field became {not_finite(beyond)} just beyond t = {t:g}: the solution may blow "
            f"up there (|x| is {_size(x):.2g}, |x'| {_size(slope):.2g})"
        )
    if why := hindrance(field, stepper, t, x, h, control):
        return why
    return (
        f"the step shrank to {abs(h):.1e}: the field may jump or the solution blow up near "
        f"t = {t:g} (|x| is {_size(x):.2g}, |x'| {_size(slope):.2g})"
    )


def nowhere(slope: Array, t: float, x: Array) -> str:
    """What to say of a slope at (t, x) that is not finite; "" if it is."""
    if backend.all_finite(slope):
        return ""
    xp = backend.namespace(x)
    largest = float(xp.max(xp.abs(x)))
    if largest > float(xp.finfo(x.dtype).max) ** 0.25:
        return f"the solution blew up: |x| is {largest:.1e} at t = {t:g}, too much for the field"
    return f"the field is {not_finite(slope)} at t = {t:g}, on a finite state"


def hindrance(field: Any, stepper: Any, t: float, x: Array, h: float, control: Control) -> str:
    """What keeps the steps at (t, x) as short as h: stiffness, or rounding; "" if neither."""
    if stiff := stiffness(field, stepper, t, x, h):
        return stiff
    if isinstance(control, Adaptive):
        rounding = float(backend.namespace(x).finfo(x.dtype).eps) * _size(x)
        allowed = control.atol + control.rtol * _size(x)
        if allowed < 100 * rounding:
            return (
                f"the tolerance is below rounding: atol + rtol |x| = {allowed:.1e}, one digit of x "
                f"is {rounding:.1e}"
            )
    return ""


def stiffness(field: Any, stepper: Any, t: float, x: Array, h: float) -> str:
    """What to say if the step is limited by stability, h |lambda| near the end of the interval.

    lambda: the largest eigenvalue of df/dx, by power iteration on differences of the field; where
    that points outwards, the solution itself grows, and no method may step further.
    """
    from minigrad.ode.order import stability_interval

    if not hasattr(stepper, "tableau"):
        return ""
    try:
        interval = stability_interval(stepper.tableau, -1.0)
    except TableauError:
        return ""
    largest = spectral_radius(field, t, x)
    if not math.isfinite(largest) or abs(h) * largest < 0.3 * interval:
        return ""
    return (
        f"the step is limited by stability: the field's slope is about {largest:.2g}, and "
        f"{stepper.name} is stable up to h = {interval / largest:.1e}; the field is stiff: try "
        "method='tr-bdf2'"
    )


def spectral_radius(field: Any, t: float, x: Array) -> float:
    """The largest |eigenvalue| of df/dx at (t, x), by power iteration; 0 if it points outwards."""
    xp = backend.namespace(x)
    at, limits = field(t, x), xp.finfo(x.dtype)
    small = float(limits.eps) ** 0.5 * max(_size(x), 1e-3)
    direction, growth, inwards = at, 0.0, True
    for _ in range(TRIES):
        length = _size(direction)
        if not length or not math.isfinite(length):
            break
        unit = direction / length
        direction = field(t, x + small * unit) - at
        growth = _size(direction) / small
        along = unit * direction
        inwards = float(xp.sum(xp.real(along) if "complex" in str(x.dtype) else along)) < 0
    return growth if inwards else 0.0


def _size(x: Array) -> float:
    xp = backend.namespace(x)
    largest = float(xp.max(xp.abs(x)))
    if not largest or not math.isfinite(largest):
        return largest
    return largest * float(xp.sqrt(xp.sum(xp.abs(x / largest) ** 2)))
