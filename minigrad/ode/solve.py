"""Solve x' = f(t, x) from t0 to t1: the loop over steps, and the solution that it leaves."""

import itertools
import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigrad import backend
from minigrad.backend import Array
from minigrad.errors import SolverError
from minigrad.losses import not_finite
from minigrad.ode.controls import Adaptive, Control, Fixed
from minigrad.ode.diagnosis import cause, hindrance, nowhere, stiffness
from minigrad.ode.fields import Counted
from minigrad.ode.lean import LeanRungeKutta
from minigrad.ode.runge_kutta import RungeKutta
from minigrad.ode.tableaus import Tableau, tableau


@dataclass
class Event:
    """Something that happens where g(t, x) passes 0; `stop`: the solve ends there.

    `direction`: 1 for upwards only, -1 for downwards only, 0 for both, as the solve goes. Two
    passes within one step are not seen. `name`: for the report.
    """

    g: Callable[[float, Array], Any]
    stop: bool = True
    direction: int = 0
    name: str = "event"

    def __post_init__(self) -> None:
        if not callable(self.g):
            raise TypeError(f"an event is a function of (t, x), came {self.g!r}")
        if self.direction not in (-1, 0, 1):
            raise ValueError(f"direction: expected -1, 0 or 1, came {self.direction!r}")


@dataclass
class Solution:
    """What a solve left: times t (T,), states x (T, ...), and how it got there.

    `t`, `x`: every accepted step, or the times asked for (`at`). `solution(t)`: the state at any
    time between, by one step of the same method from the step before. `events`: (name, t, x) of
    each that happened. `ended`: why. `accepted` and `rejected` count steps (with `batch_axes` those
    of each trajectory), `evaluations` calls of the field.
    """

    t: Any
    x: Array
    ended: str = ""
    evaluations: int = 0
    accepted: Any = 0
    rejected: Any = 0
    events: list[tuple[str, float, Array]] = field(default_factory=list)
    method: str = ""
    at_rest: bool = False
    between: Callable[[int, float], Array] | None = field(default=None, repr=False)

    def __call__(self, t: Any) -> Array:
        """The state at a time, (...), or at several, (len(t), ...).

        Raises ValueError for a time outside, or if only the states `at` given times were kept.
        """
        if np.ndim(t):
            return backend.namespace(self.x).stack([self(float(one)) for one in t])
        t, low, high = float(t), min(self.t[0], self.t[-1]), max(self.t[0], self.t[-1])
        if not low <= t <= high:
            raise ValueError(f"t = {t:g} is outside the solution, {self.t[0]:g} to {self.t[-1]:g}")
        exact = np.flatnonzero(self.t == t)
        if exact.size:
            return self.x[int(exact[0]), ...]
        if self.between is None:
            raise ValueError(f"no state at t = {t:g}: the solve kept those at given times only")
        sign = 1.0 if self.t[-1] >= self.t[0] else -1.0
        return self.between(int(np.searchsorted(sign * self.t, sign * t)) - 1, t)

    def __str__(self) -> str:
        return (
            f"{self.method}: {self.ended} after {_range(self.accepted)} steps "
            f"({_range(self.rejected)} rejected, {self.evaluations} evaluations)"
        )


def solve(
    field: Callable[[float, Array], Any],
    x0: Any,
    t0: float = 0.0,
    t1: float = 1.0,
    method: str | Tableau | Any = "dopri5",
    control: Control | None = None,
    at: Iterable[float] | None = None,
    events: Sequence[Event | Callable[..., Any]] = (),
) -> Solution:
    """Solve x' = field(t, x), x(t0) = x0, as far as t1, forwards or backwards.

    x0: a number, a list or an array of any shape; what field returns is of its shape. `method`: a
    name ("rk4", "dopri5", "tsit5", ...), a `Tableau`, "verlet", "tr-bdf2", or a `TrBdf2` with its
    Jacobian. `control`: `Fixed` or `Adaptive`, the default where the method estimates its error.
    `at`: keep only these times, and where it ended, if that was earlier. Raises SolverError, with
    the cause and what was solved, when it cannot go on; an interruption returns what was solved.

    >>> solution = solve(lambda t, x: -2 * t * x**2, 1.0, 0.0, 2.0)
    >>> abs(float(solution.x[-1]) - 1 / 5) < 1e-6
    True
    """
    x = _state(x0)
    t0, t1 = time_of("t0", t0), time_of("t1", t1)
    control = Adaptive() if control is None else control
    each = isinstance(control, Adaptive) and control.batch_axes > 0
    stepper = _stepper(method, x, control)
    if isinstance(control, Adaptive):
        if not stepper.estimates_error:
            raise ValueError(
                f"{stepper.name} does not estimate its error, so it cannot choose its steps: give "
                "control=Fixed(steps=...), or another method"
            )
        control.admit(x)
    elif not isinstance(control, Fixed):
        raise TypeError(f"control: expected Fixed(...) or Adaptive(...), came {control!r}")
    times = None if at is None else _times(at, t0, t1)
    counted = Counted(field, x)
    if isinstance(control, Adaptive) and each:
        from minigrad.ode.trajectories import solve_each

        if events or control.rest is not None:
            raise ValueError("events and rest go with one step for all, not with batch_axes")
        return solve_each(counted, stepper, x, t0, t1, control, times)
    given = [events] if callable(events) or isinstance(events, Event) else list(events or ())
    happenings = [e if isinstance(e, Event) else Event(e) for e in given]
    return _Run(counted, stepper, x, t0, t1, control, times, happenings).run()


class _Run:
    """One solve while it goes on: where it is, and what it keeps."""

    def __init__(
        self,
        field: Counted,
        stepper: Any,
        x: Array,
        t0: float,
        t1: float,
        control: Control,
        times: list[float] | None,
        events: list[Event],
    ) -> None:
        self.field, self.stepper, self.control = field, stepper, control
        self.t, self.x, self.t0, self.t1, self.x0 = t0, x, t0, t1, x
        self.sign = 1.0 if t1 >= t0 else -1.0
        self.times, self.events = times, events
        self.kept: list[tuple[float, Array]] = []
        self.happened: list[tuple[str, float, Array]] = []
        self.accepted = self.rejected = 0
        self.at_rest = False
        self.ended = f"reached t1 = {t1:g}"
        self.h = 0.0

    def run(self) -> Solution:
        from tqdm import tqdm

        span = abs(self.t1 - self.t0)
        bar = tqdm(total=1.0, disable=None, leave=False, delay=1.0, unit="of the span")
        try:
            self._keep_start()
            if span:
                # A trial step that overflows is no cause for a warning: it is refused, and told.
                with np.errstate(over="ignore", invalid="ignore"):
                    self._go(bar, span)
        except KeyboardInterrupt:
            self.ended = f"interrupted at t = {self.t:g}"
            warnings.warn(f"{self.ended}: what was solved is returned", UserWarning, stacklevel=3)
        finally:
            bar.close()
        return self._solution()

    def _go(self, bar: Any, span: float) -> None:
        self.slope = self._slope(self.t, self.x)
        self.signs = [self._sign_of(e, self.t, self.x) for e in self.events]
        rest = self.control.rest is not None
        for taken, _ in enumerate(self._steps()):
            if taken % 64 == 0:
                bar.update(abs(self.t - self.t0) / span - bar.n)
            if rest and self._at_rest():
                break

    def _steps(self) -> Any:
        return self._fixed() if isinstance(self.control, Fixed) else self._adaptive()

    def _fixed(self) -> Any:
        assert isinstance(self.control, Fixed)
        mesh = self.control.mesh(self.t0, self.t1)
        for taken, end in enumerate(mesh[1:]):
            if taken == self.control.max_steps:
                self._fail(f"{taken} steps were taken, the bound, and t1 = {self.t1:g} not reached")
            new, _, last = self.stepper.step(self.field, self.t, self.x, end - self.t, self.slope)
            if not backend.all_finite(new):
                self.h = end - self.t  # where it started, since far out every field looks steep
                self._fail(stiffness(self.field, self.stepper, self.t0, self.x0, self.h) or None)
            if self._accept(end, new, last):
                return
            yield

    def _adaptive(self) -> Any:
        control, stepper = self.control, self.stepper
        assert isinstance(control, Adaptive)
        last_norm, order, step, field = 1.0, stepper.error_order, stepper.step, self.field
        t1, sign = self.t1, self.sign
        span = abs(t1 - self.t)
        h = float(control.begin(field, self.t, self.x, sign, self.slope, span, order))
        for _ in range(control.max_steps):
            t, x = self.t, self.x
            rest = abs(t1 - t)
            if h >= rest:
                h, end = rest, t1
            else:
                if h > 0.9 * rest:  # no last step of almost nothing
                    h = rest / 2
                end = t + sign * h
            self.h = h_signed = end - t
            if t + h_signed / 8 == t and end != t1:
                self._fail(None)
            new, error, last = step(field, t, x, h_signed, self.slope)
            norm = float(stepper.norm(control, error, x, new))
            if norm <= 1.0:
                if self._accept(end, new, last):
                    return
                yield
                if end == t1:
                    return
                h *= control.grown(norm, last_norm, order)
                last_norm = norm
            else:
                self.rejected += 1
                h *= control.shrunk(norm, order)
        why = getattr(stepper, "refused", "") or hindrance(
            field, stepper, self.t, self.x, self.h, control
        )
        self._fail(
            f"{control.max_steps} steps were tried, the bound, and t1 = {self.t1:g} not reached"
            + (f"; {why}" if why else "")
        )

    def _slope(self, t: float, x: Array) -> Array:
        slope = self.field(t, x)
        if said := nowhere(slope, t, x):
            self._fail(said)
        return backend.copy(slope)  # the field may write into its answer again

    def _accept(self, t: float, new: Array, slope: Array | None) -> bool:
        """Go on to (t, new); whether an event ends it here."""
        slope = self._slope(t, new) if slope is None else slope
        self.accepted += 1
        stop = None
        if self.events:
            stop = self._watch_events(self.t, self.x, self.slope, t, new)
        if stop is not None:
            t, new = stop
            slope = self._slope(t, new)
        if self.times is None:
            self.kept.append((t, new))
        elif self.times:
            self._keep_between(self.t, self.x, self.slope, t, new)
        self.t, self.x, self.slope = t, new, slope
        return stop is not None

    # --- what is kept ---

    def _keep_start(self) -> None:
        start = (self.t0, backend.copy(self.x))
        if self.times is None:
            self.kept = [start]
        else:
            while self.times and self.times[0] == self.t0:
                self.times.pop(0)
                self.kept.append(start)

    def _keep_between(self, t: float, x: Array, slope: Array, end: float, new: Array) -> None:
        while self.times and self.sign * self.times[0] <= self.sign * end:
            time = self.times.pop(0)
            self.kept.append((time, new if time == end else self._at(t, x, slope, time)))

    def _at_rest(self) -> bool:
        xp = backend.namespace(self.x)
        speed = float(xp.sqrt(xp.mean(xp.abs(self.slope) ** 2)))
        if speed <= (self.control.rest or 0.0):
            self.at_rest = True
            self.ended = f"at rest at t = {self.t:g}, slope {speed:.1e}"
            return True
        return False

    # --- events ---

    def _sign_of(self, event: Event, t: float, x: Array) -> float:
        found = event.g(t, x)
        if isinstance(found, bool | np.bool_):
            raise TypeError(
                f"the event {event.name!r} is a number that passes 0, came a truth value"
            )
        value = float(found)
        if not math.isfinite(value):
            self._fail(f"the event {event.name!r} is {value} at t = {t:g}")
        return value

    def _watch_events(
        self, t: float, x: Array, slope: Array, end: float, new: Array
    ) -> tuple[float, Array] | None:
        """Note what happened in this step, in its order; where it stops the solve, or None."""
        found = []
        for i, event in enumerate(self.events):
            before, after = self.signs[i], self._sign_of(event, end, new)
            self.signs[i] = after
            passed = (before < 0 <= after) or (before > 0 >= after)
            upwards = after > before
            if passed and event.direction in (0, 1 if upwards else -1):
                found.append((self._locate(event, t, x, slope, end), event))
        for time, event in sorted(found, key=lambda pair: self.sign * pair[0]):
            state = new if time == end else self._at(t, x, slope, time)
            self.happened.append((event.name, time, state))
            if event.stop:
                self.ended = f"{event.name} at t = {time:g}"
                return time, state
        return None

    def _locate(self, event: Event, t: float, x: Array, slope: Array, end: float) -> float:
        from scipy.optimize import brentq

        def g(time: float) -> float:
            return float(event.g(time, self._at(t, x, slope, time)))

        low, high = g(t), g(end)
        if low == 0 or high == 0 or low * high > 0:
            return end if high == 0 or low != 0 else t
        return float(brentq(g, t, end, xtol=4 * math.ulp(max(abs(t), abs(end)))))

    def _at(self, t: float, x: Array, slope: Array, time: float) -> Array:
        if time == t:
            return x
        state: Array = self.stepper.step(self.field, t, x, time - t, slope)[0]
        return state

    # --- the end ---

    def _solution(self) -> Solution:
        xp = backend.namespace(self.x)
        if self.times and (not self.kept or self.kept[-1][0] != self.t):  # it ended earlier
            self.kept.append((self.t, self.x))
        t, between = np.array([time for time, _ in self.kept]), None
        states = [state for _, state in self.kept]
        if states and self.x.ndim:
            x = xp.reshape(xp.concat(states), (len(states), *self.x.shape))  # sooner than stack
        else:
            x = xp.stack([self.x, *states])[1:, ...]
        if self.times is None:
            field, stepper = self.field, self.stepper

            def between(i: int, time: float) -> Array:
                slope = field(float(t[i]), x[i, ...])
                state: Array = stepper.step(
                    field, float(t[i]), x[i, ...], time - float(t[i]), slope
                )[0]
                return state

        return Solution(
            t, x, self.ended, self.field.evaluations, self.accepted, self.rejected,
            self.happened, self.stepper.name, self.at_rest, between,
        )  # fmt: skip

    def _fail(self, said: str | None) -> None:
        """Raise SolverError with the cause and the evidence, and what was solved."""
        text = said or cause(self.field, self.stepper, self.t, self.x, self.h, self.control)
        self.ended = f"failed at t = {self.t:g}"
        error = SolverError(
            f"{self.stepper.name} at t = {self.t:g} of {self.t0:g} to {self.t1:g}, after "
            f"{self.accepted} steps ({self.rejected} rejected): {text}"
        )
        error.solution = self._solution()
        raise error


def _range(counts: Any) -> str:
    low, high = np.min(counts), np.max(counts)
    return f"{low}" if low == high else f"{low} to {high}"


def _state(x0: Any) -> Array:
    """x0 as an array of real or complex numbers; integers become the float type of `use`."""
    if not backend.is_array(x0) and np.iscomplexobj(x0):
        x0 = backend.move(x0, backend.birthplace(), "complex128")
    x = backend.asarray(x0)
    x, xp = backend.copy(x), backend.namespace(x)
    if not xp.isdtype(x.dtype, ("real floating", "complex floating")):
        x = xp.astype(x, getattr(xp, backend.birth_dtype()))
    if not backend.all_finite(x):
        raise SolverError(f"the start x0 has {not_finite(x)}")
    return x


def time_of(name: str, t: Any) -> float:
    """A finite time as a float; ValueError, by name, for anything else."""
    if isinstance(t, bool) or not isinstance(t, int | float | np.number) or not math.isfinite(t):
        raise ValueError(f"{name}: expected a finite number, came {t!r}")
    return float(t)


def _times(at: Iterable[float], t0: float, t1: float) -> list[float]:
    times, sign = [time_of("at", t) for t in at], 1.0 if t1 >= t0 else -1.0
    if any(sign * a > sign * b for a, b in itertools.pairwise(times)):
        raise ValueError(f"at: times must run from t0 = {t0:g} towards t1 = {t1:g}, came {times}")
    if times and not sign * t0 <= sign * times[0] <= sign * times[-1] <= sign * t1:
        raise ValueError(f"at: times must lie within {t0:g} to {t1:g}, came {times}")
    return times


def _stepper(method: Any, x: Array, control: Control) -> Any:
    """What takes the steps: of a method that knows itself how to begin, what its for_state says."""
    if isinstance(method, str) and method == "verlet":
        from minigrad.ode.verlet import Verlet

        return Verlet(x)
    if isinstance(method, str) and method == "tr-bdf2":
        from minigrad.ode.stiff import TrBdf2

        method = TrBdf2()
    if hasattr(method, "for_state"):
        return method.for_state(x, control)
    if hasattr(method, "step"):
        return method
    each = isinstance(control, Adaptive) and control.batch_axes > 0
    lean = isinstance(x, np.ndarray) and x.dtype.kind == "f" and not each
    return (LeanRungeKutta if lean else RungeKutta)(tableau(method), x)
