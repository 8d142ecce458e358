"""The states of a flow at equally spaced times, and how far noise on its start is carried along."""

from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad import backend
from minigrad.backend import Array, Random
from minigrad.ode.controls import Adaptive, Control, Fixed
from minigrad.ode.solve import solve
from minigrad.ode.tableaus import Tableau

STEP = 0.05  # the longest step where no control is given: a twentieth of a unit leak's time


def trace(
    field: Callable[[float, Array], Any],
    x0: Any,
    t0: float = 0.0,
    t1: float = 1.0,
    frames: int = 100,
    method: str | Tableau | Any = "rk4",
    control: Control | None = None,
) -> Array:
    """The states x (frames, *x0.shape) at `frames` equally spaced times, t0 and t1 included.

    Between two frames lie equally many equal steps: as many as keep them no longer than
    `Fixed(step=...)`, or `Fixed(steps=...)` in all, a multiple of frames - 1; None: as
    Fixed(step=0.05). With `Adaptive` the frames lie between the steps. The times:
    np.linspace(t0, t1, frames). Raises ValueError for fewer than 2 frames, for steps that do not
    divide, and for a control with `rest`.

    >>> x = trace(lambda t, x: -x, [1.0], 0.0, 2.0, frames=5)
    >>> bool(abs(x[4, 0] - np.exp(-2)) < 1e-6)
    True
    """
    if isinstance(frames, bool) or not hasattr(frames, "__index__") or frames < 2:
        raise ValueError(f"frames: expected an integer from 2 on, came {frames!r}")
    control = Fixed(step=STEP) if control is None else control
    if not isinstance(control, Fixed | Adaptive):
        raise TypeError(f"control: expected Fixed(...) or Adaptive(...), came {control!r}")
    if control.rest is not None:
        raise ValueError(f"rest = {control.rest:g} would end the trace before its last frame")
    gaps = frames - 1
    if isinstance(control, Adaptive):
        times = np.linspace(t0, t1, frames).tolist()
    else:
        each = _steps_between(control, t0, t1, gaps)
        if gaps * each > control.max_steps:
            raise ValueError(
                f"{frames} frames need {gaps} times {each} steps or more, and the bound of the "
                f"control is {control.max_steps}"
            )
        control = Fixed(steps=gaps * each, max_steps=control.max_steps)
        times = control.mesh(t0, t1)[::each]  # the very numbers of the mesh: none lies between
    return solve(field, x0, t0, t1, method, control, at=times).x


def flipped(x: Any, rate: float, low: float = 0.0, rng: Random = None) -> Array:
    """x (..., n) with round(rate * n) numbers of each row, drawn anew, turned into low + 1 - x.

    `low`: 0 for pixels of 0 to 1 (1 - x), -1 for those of -1 to 1 (-x). Raises ValueError for a
    rate outside 0 to 1.
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"rate: expected a share from 0 to 1, came {rate!r}")
    x = backend.asarray(x)
    place, n = backend.place_of(x), x.shape[-1]
    order = np.argsort(backend.generator(rng).random(x.shape), axis=-1)  # of each row a permutation
    chosen = place.xp.asarray((order < round(rate * n)).tolist(), device=place.device)
    return place.xp.where(chosen, low + 1.0 - x, x)


def flip_distance(
    field: Callable[[float, Array], Any],
    x: Any,
    rate: float,
    t1: float = 1.0,
    frames: int = 100,
    low: float = 0.0,
    rng: Random = None,
    method: str | Tableau | Any = "rk4",
    control: Control | None = None,
) -> Array:
    """How far the flows from x (batch, n) and from x `flipped` are apart: (frames, batch).

    The root mean square over the n numbers, at `frames` equally spaced times from 0 to t1; it
    starts at sqrt(rate) for black and white pixels of 0 and 1, at 2 sqrt(rate) for -1 and 1
    (`low`), where rate n is whole. `method`, `control`: as of `trace`.
    """
    x = backend.asarray(x)
    clean, noisy = (
        trace(field, start, 0.0, t1, frames, method, control)
        for start in (x, flipped(x, rate, low, rng))
    )
    xp = backend.namespace(clean)
    return xp.sqrt(xp.mean((noisy - clean) ** 2, axis=-1))


def _steps_between(control: Fixed, t0: float, t1: float, gaps: int) -> int:
    """How many steps between two frames."""
    if control.steps is None:
        return len(control.mesh(0.0, abs(t1 - t0) / gaps)) - 1
    if control.steps % gaps:
        raise ValueError(
            f"steps = {control.steps} do not divide by the {gaps} gaps between {gaps + 1} frames: "
            f"expected a multiple, such as {gaps * (control.steps // gaps + 1)}"
        )
    return control.steps // gaps
