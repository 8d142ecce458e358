"""Many trajectories at once, each with steps of its own: one array program for all.

The field is called with all of them, at a time t (B, 1, ...) that differs from row to row. One that
has arrived waits with a step of 0. What the steps are is decided on the host, where the loop is.
"""

import math
import warnings
from typing import Any

import numpy as np

from minigrad import backend
from minigrad.backend import Array
from minigrad.errors import SolverError
from minigrad.losses import not_finite
from minigrad.ode.controls import Adaptive, real_name
from minigrad.ode.diagnosis import cause, hindrance
from minigrad.ode.fields import Counted
from minigrad.ode.solve import Solution


def solve_each(
    field: Counted,
    stepper: Any,
    x: Array,
    t0: float,
    t1: float,
    control: Adaptive,
    times: list[float] | None,
) -> Solution:
    """The states (T, *x.shape) of every trajectory at `times`, or (None) at t0 and t1.

    x: (B, ...), or with two batch axes (B, C, ...). `accepted` and `rejected` of the solution are
    host arrays, one number for each trajectory. A trajectory that has not come so far, since
    another failed or the solve was interrupted, is NaN. Raises SolverError, which names the first
    trajectory that failed; ValueError for a state without so many axes, or another method.
    """
    if x.ndim < control.batch_axes:
        raise ValueError(
            f"batch_axes = {control.batch_axes}: the state has {x.ndim} axes, shape "
            f"{tuple(x.shape)}"
        )
    if getattr(stepper, "one_step_for_all", False):
        raise ValueError(
            f"{stepper.name} takes one step for all trajectories: expected batch_axes = 0, came "
            f"{control.batch_axes}"
        )
    return _Each(field, stepper, x, t0, t1, control, [t0, t1] if times is None else times).run()


class _Each:
    """One solve while it goes on; what is of a trajectory is a host array (B, 1, ...)."""

    def __init__(
        self,
        field: Counted,
        stepper: Any,
        x: Array,
        t0: float,
        t1: float,
        control: Adaptive,
        times: list[float],
    ) -> None:
        self.field, self.stepper, self.control = field, stepper, control
        self.x, self.t0, self.t1, self.sign = x, t0, t1, 1.0 if t1 >= t0 else -1.0
        self.lead = tuple(x.shape[: control.batch_axes])
        self.shape = (*self.lead, *(1,) * (x.ndim - control.batch_axes))
        self.xp, self.place, self.dtype = backend.namespace(x), backend.place_of(x), real_name(x)
        self.t = np.full(self.shape, t0)
        self.accepted, self.rejected = np.zeros(self.lead, int), np.zeros(self.lead, int)
        self.times = np.array(times)
        self.next = np.zeros(self.shape, int)  # which of the times each will reach next
        stacked = self.xp.stack([x] * len(times)) if times else self.xp.stack([x])[:0, ...]
        self.kept = self.xp.full_like(stacked, math.nan)
        self.ended = f"reached t1 = {t1:g}"

    def run(self) -> Solution:
        from tqdm import tqdm

        span = abs(self.t1 - self.t0)
        bar = tqdm(total=1.0, disable=None, leave=False, delay=1.0, unit="of the span")
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                self._keep(self.t, np.full(self.shape, True), self.x)
                if span and math.prod(self.shape):
                    for taken, _ in enumerate(self._steps(span)):
                        if taken % 64 == 0:
                            bar.update(float(np.abs(self.t - self.t0).min()) / span - bar.n)
        except KeyboardInterrupt:
            self.ended = f"interrupted at t = {self._least():g}"
            warnings.warn(f"{self.ended}: what was solved is returned", UserWarning, stacklevel=4)
        finally:
            bar.close()
        return self._solution()

    def _steps(self, span: float) -> Any:
        control, stepper, order = self.control, self.stepper, self.stepper.error_order
        self.slope = self._slope(self.t, self.x)
        h = control.begin(
            self.field, self._there(self.t), self.x, self.sign, self.slope,
            np.full(self.shape, span), order,
        )  # fmt: skip
        last_norm = np.ones(self.shape)
        for _ in range(control.max_steps):
            rest = np.abs(self.t1 - self.t)
            waits, final = rest == 0, h >= rest
            h = np.where(final, rest, np.where(h > 0.9 * rest, rest / 2, h))
            end = np.where(final, self.t1, self.t + self.sign * h)
            signed = end - self.t
            stuck = (self.t + signed / 8 == self.t) & ~final
            if stuck.any():
                self._fail(stuck, signed, None)
            t, step = self._there(self.t), self._there(signed)
            new, error, last = stepper.step(self.field, t, self.x, step, self.slope)
            norm = np.reshape(backend.host(stepper.norm(control, error, self.x, new)), self.shape)
            taken = ~waits & (norm <= 1.0)
            self.accepted += np.reshape(taken, self.lead)
            self.rejected += np.reshape(~waits & ~taken, self.lead)
            before, new = self.x, self._where(taken, new, self.x)
            if last is None:
                last = self._slope(np.where(taken, end, self.t), new)
            self._keep_between(taken, end, new, before)
            self.slope = self._where(taken, last, self.slope)
            self.t, self.x = np.where(taken, end, self.t), new
            h = np.where(waits, 0.0, h * control.changed(norm, last_norm, order))
            last_norm = np.where(taken, norm, last_norm)
            yield
            if (self.t == self.t1).all():
                return
        self._fail(
            self.t != self.t1,
            signed,
            f"{control.max_steps} steps were tried, the bound, and t1 = {self.t1:g} not reached",
        )

    def _slope(self, t: Any, x: Array) -> Array:
        slope = self.field(self._there(t), x)
        if not backend.all_finite(slope):
            finite = np.isfinite(backend.host(slope))
            bad = ~finite.all(axis=tuple(range(self.control.batch_axes, x.ndim)), keepdims=True)
            at = float(t[bad][0])
            self._fail(bad, t * 0.0, f"the field is {not_finite(slope)} at t = {at:g}")
        return backend.copy(slope)  # the field may write into its answer again

    # --- from the host to the state and back ---

    def _there(self, values: Any) -> Array:
        """A host array (B, 1, ...) beside the state."""
        return backend.move(values, self.place, self.dtype)

    def _where(self, mask: Any, new: Array, old: Array) -> Array:
        return self.xp.where(backend.move(mask, self.place), new, old)

    # --- what is kept ---

    def _keep(self, end: Any, mask: Any, state: Array) -> None:
        """Note the state of those whose next time is `end`, and again if it was asked for twice."""
        while True:
            due = mask & (self._due() == end)
            if not due.any():
                return
            for i in np.unique(self.next[due]).tolist():
                here = due & (self.next == i)
                self.kept[i, ...] = self._where(here, state, self.kept[i, ...])
            self.next += due

    def _due(self) -> Any:
        """The time that each is to be noted at next; infinity when there is none."""
        known = np.append(self.times, self.sign * math.inf)
        return known[np.minimum(self.next, len(self.times))]

    def _keep_between(self, taken: Any, end: Any, new: Array, before: Array) -> None:
        """Note the states at the times that were passed: by a step to there from the one before."""
        while True:
            due = self._due()
            inside = taken & (self.sign * due < self.sign * end)
            if not inside.any():
                break
            step = self._there(np.where(inside, due - self.t, 0.0))
            t = self._there(self.t)
            self._keep(due, inside, self.stepper.step(self.field, t, before, step, self.slope)[0])
        self._keep(end, taken, new)

    # --- the end ---

    def _least(self) -> float:
        return float(self.sign * (self.sign * self.t).min()) if self.t.size else self.t0

    def _solution(self) -> Solution:
        return Solution(
            self.times, self.kept, self.ended, self.field.evaluations, self.accepted,
            self.rejected, [], self.stepper.name,
        )  # fmt: skip

    def _fail(self, which: Any, h: Any, said: str | None) -> None:
        """Raise SolverError with the cause for the first of the trajectories in `which`."""
        place = tuple(int(i) for i in np.argwhere(which)[0])
        index = place[: len(self.lead)]
        mask = np.zeros(self.shape, bool)
        mask[place] = True
        t = float(self.t[place])

        def alone(time: float, state: Array) -> Array:
            """The field for this one; the others stay where they are."""
            times = self._there(np.where(mask, time, self.t))
            spread = self.xp.broadcast_to(state, self.x.shape)
            return self.field(times, self._where(mask, spread, self.x))[(*index, ...)]

        here = (alone, self.stepper, t, self.x[(*index, ...)], float(h[place]), self.control)
        text = said or cause(*here)
        if said and h[place] and (why := hindrance(*here)):
            text = f"{said}; {why}"
        number = index[0] if len(index) == 1 else index
        count = int(which.sum())
        others = f", and {count - 1} more" if count > 1 else ""
        self.ended = f"failed at t = {t:g}"
        error = SolverError(
            f"{self.stepper.name}, trajectory {number}{others}, at t = {t:g} of {self.t0:g} to "
            f"{self.t1:g}, after {self.accepted[index]} steps ({self.rejected[index]} rejected): "
            f"{text}"
        )
        error.solution = self._solution()
        raise error
