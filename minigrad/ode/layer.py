"""A vector field as a layer: y = x(t1) of x' = f(t, x), x(t0) = x, with three gradients by hand.

`steps` goes back through the very steps that were taken: exact, whatever their error. `adjoint`
solves an equation for the gradient backwards in time, along with the state again: no memory, and
wrong where the state cannot be had back. `rest` needs no path at all: at a rest point the gradient
follows from f = 0 alone.
"""

import math
import warnings
from typing import Any

from minigrad import backend
from minigrad.backend import Array
from minigrad.network import Network, width_of
from minigrad.ode.controls import Adaptive, Control, Fixed
from minigrad.ode.fields import Autonomous, Timed
from minigrad.ode.implicit import weights_at_rest
from minigrad.ode.solve import solve, time_of
from minigrad.ode.steps import Taken, backsolve_step, step, step_backprop
from minigrad.ode.tableaus import Tableau, tableau

GRADIENTS = ("steps", "adjoint", "rest")
TRUSTED = 1e-3  # relative error of the reconstructed start, up to which a backsolve is believed


class ODELayer(Network):
    """y = x(t1) of x' = field(t, x), x(t0) = x: (..., n) -> (..., n); a layer like any other.

    `field`: autonomous(layer) or timed(layer), whose parameters are those of this layer. `control`:
    `Fixed` (10 steps) or `Adaptive`; `gradient`: "steps", "adjoint" or "rest". t0 and t1 may be
    assigned, after learning too. `checkpoints`: keep so many states; the steps between are taken
    again for the gradient. None: while learning all steps are kept, else the start.

    After a backprop by hand `dt0` and `dt1` are the gradients of the times, with the mesh stretched
    between them; after an adjoint one, `reconstruction_error` says how far x(t0) was missed,
    relative to its size. `replay = True` repeats the mesh of the last forward, stretched from t0
    to t1.
    """

    dt0: Any = None
    dt1: Any = None
    reconstruction_error: float | None = None
    replay: bool = False
    mesh: tuple[float, ...]

    def __init__(
        self,
        field: Autonomous | Timed,
        t1: float = 1.0,
        t0: float = 0.0,
        method: str | Tableau = "rk4",
        control: Control | None = None,
        gradient: str = "steps",
        checkpoints: int | None = None,
    ) -> None:
        if not isinstance(field, Autonomous | Timed):
            raise TypeError(
                f"the field of an ODELayer is autonomous(layer) or timed(layer), came {field!r}"
            )
        if gradient not in GRADIENTS:
            raise ValueError(f"gradient: expected one of {', '.join(GRADIENTS)}, not {gradient!r}")
        if checkpoints is not None and (
            isinstance(checkpoints, bool)
            or not hasattr(checkpoints, "__index__")
            or checkpoints < 1
        ):
            raise ValueError(f"checkpoints: expected 1 or more, or None, came {checkpoints!r}")
        self.kind, self.mesh = type(field), ()
        self.t0, self.t1, self.gradient, self.checkpoints = t0, t1, gradient, checkpoints
        self.method, self.control = tableau(method), control or Fixed(steps=10)
        if isinstance(self.control, Adaptive) and not self.method.errors:
            raise ValueError(
                f"{self.method.name} does not estimate its error: give Fixed(steps=...)"
            )
        width = width_of(field.layer)
        self.n = None if width is None else width - (self.kind is Timed)
        super().__init__(field.layer)

    @property
    def field(self) -> Any:
        """The vector field, a function of (t, x)."""
        return self.kind(self.layers[0])

    @property
    def steps(self) -> int:
        """How many steps the last forward took."""
        return max(len(self.mesh) - 1, 0)

    def forward(self, x: Array) -> Array:
        if self.gradient == "rest":
            return self._rest(x)
        self.mesh = self._mesh(x)
        if self.gradient == "adjoint":
            y = x
            for t, h in self._pairs():
                y, _ = step(self.field, self.method, t, y, h, memories=False)
            self.ends = (x, y)
            return y
        self.kept: dict[int, Array] = {}  # states at the checkpoints, by step
        self.taken: list[Taken] = []  # of all steps, or of none
        every, y = self._every(), x
        everything = self.checkpoints is None and self.learning  # a long look needs no memory
        for i, (t, h) in enumerate(self._pairs()):
            if i % every == 0:
                self.kept[i] = y
            y, taken = step(self.field, self.method, t, y, h, memories=everything)
            if everything:
                self.taken.append(taken)
        return y

    def backprop(self, dy: Array, to_input: bool = True) -> Array:
        if self.gradient == "rest":
            return self._rest_backprop(dy)
        if self.gradient == "adjoint":
            return self._backsolve(dy)
        field, steps, every = self.field, self._pairs(), self._every()
        self.dt0 = self.dt1 = None if self.learning else 0.0  # learning has no use for them
        taken, g = self.taken, dy
        for first in reversed(range(0, len(steps), every)):
            if not self.taken:
                taken, y = [], self.kept[first]
                for t, h in steps[first : first + every]:
                    y, one = step(field, self.method, t, y, h, memories=True)
                    taken.append(one)
            for i in reversed(range(len(taken))):
                total = None if self.learning else self._total
                g, dt, dh = step_backprop(field, self.method, taken[i], g, total)
                if total:
                    self._add_times(first + i, dt, dh)
        return g

    # --- the mesh ---

    def _mesh(self, x: Array) -> tuple[float, ...]:
        t0, t1 = (time_of(name, getattr(self, name)) for name in ("t0", "t1"))
        self._check_control()
        if self.replay:
            if not self.mesh:
                raise RuntimeError(f"{self}: replay before a forward: there is no mesh yet")
            span = (self.mesh[-1] - self.mesh[0]) or 1.0
            inner = (t0 + (t - self.mesh[0]) / span * (t1 - t0) for t in self.mesh[:-1])
            return (*inner, t1)
        if t0 == t1:
            return (t0,)
        if isinstance(self.control, Fixed):
            mesh = tuple(self.control.mesh(t0, t1))
            if len(mesh) - 1 > self.control.max_steps:
                raise ValueError(f"{self}: more steps than max_steps = {self.control.max_steps}")
            return mesh
        return tuple(solve(self.field, x, t0, t1, self.method, self.control).t.tolist())

    def _check_control(self) -> None:
        """Refuse what a layer cannot do: it has one mesh for all of a batch, from t0 to t1."""
        if isinstance(self.control, Adaptive) and self.control.batch_axes:
            raise ValueError(f"{self}: one mesh serves all of a batch: expected batch_axes = 0")
        if self.control.rest is not None and self.gradient != "rest":
            raise ValueError(f"{self}: a control with rest=... goes with gradient='rest'")

    def _pairs(self) -> list[tuple[float, float]]:
        return [(t, end - t) for t, end in zip(self.mesh, self.mesh[1:], strict=False)]

    def _every(self) -> int:
        """From how many steps one checkpoint serves: of all steps, if none was asked for."""
        count = max(self.steps, 1)
        return count if self.checkpoints is None else math.ceil(count / self.checkpoints)

    def _total(self, a: Array) -> Any:
        """The sum of an array, a float; of a stack (K,), on the host."""
        lead = self.theta.ndim - 1
        summed = self.xp.sum(a, axis=tuple(range(lead, a.ndim)))
        return backend.host(summed) if lead else summed if _is_complex(a) else float(summed)

    def _add_times(self, i: int, dt: Any, dh: Any) -> None:
        """Step i begins at t0 + r (t1 - t0), and h = (s - r) (t1 - t0): r and s do not change."""
        span = self.mesh[-1] - self.mesh[0]
        r, s = ((t - self.mesh[0]) / span for t in self.mesh[i : i + 2])
        self.dt1 = self.dt1 + dt * r + dh * (s - r)
        self.dt0 = self.dt0 + dt * (1 - r) - dh * (s - r)

    # --- backwards in time ---

    def _backsolve(self, dy: Array) -> Array:
        """a' = -J^T a, dE/dtheta' = -a . df/dtheta, and x' = f again, from t1 to t0."""
        field, (start, x) = self.field, self.ends
        self.dt1, a = self._total(dy * field(self.mesh[-1], x)), dy
        for t, h in reversed(self._pairs()):
            x, a = backsolve_step(field, self.method, t + h, x, a, -h)
        self.dt0 = -self._total(a * field(self.mesh[0], start))
        self._judge(x, start)
        return a

    def _judge(self, x: Array, start: Array) -> None:
        """How far the start was missed on the way back; a warning if that is too far."""
        xp = self.xp
        miss = float(xp.sqrt(xp.sum(xp.abs(x - start) ** 2)))
        size = float(xp.sqrt(xp.sum(xp.abs(start) ** 2)))
        self.reconstruction_error = miss / (size or 1.0)
        if not self.reconstruction_error <= TRUSTED:
            warnings.warn(
                f"{self}: going back in time x(t0) is missed by {self.reconstruction_error:.1e} of "
                "its size, so that this gradient cannot be trusted: take gradient='steps' (more "
                "steps do not help where the flow contracts strongly)",
                UserWarning,
                stacklevel=4,
            )

    # --- at rest ---

    def _rest(self, x: Array) -> Array:
        if self.control.rest is None:
            raise ValueError(
                f"{self}: gradient='rest' needs a control with rest=..., how slow is at rest"
            )
        solution = solve(self.field, x, self.t0, self.t1, self.method, self.control, at=[self.t1])
        if not solution.at_rest:
            warnings.warn(
                f"{self}: {solution.ended}, not at rest: the gradient does not hold there",
                UserWarning,
                stacklevel=4,
            )
        self.rested = solution.x[-1, ...]
        return self.rested

    def _rest_backprop(self, dy: Array) -> Array:
        """dE/dtheta = w . df/dtheta, see `weights_at_rest`.

        dE/dx(t0) = 0: near a rest point the start no longer matters.
        """
        field, kept = self.field, backend.copy(self.grad)
        field(self.t1, self.rested)
        memory = field.layer.remembered()

        def pull(w: Array) -> Array:
            field.layer.remember(memory)
            return field.backprop(w)[0]

        try:
            solution = weights_at_rest(pull, dy, self.t0, self.t1, self.method, self.control)
        finally:
            self.grad = kept
        if not solution.at_rest:
            warnings.warn(
                f"{self}: {solution.ended}: the equation for the gradient is not at rest, and the "
                "gradient not yet right",
                UserWarning,
                stacklevel=4,
            )
        field.layer.remember(memory)
        field.backprop(solution.x[-1, ...])
        self.dt0 = self.dt1 = self._total(0 * dy)
        return 0 * dy

    def remembered(self) -> dict[str, Any]:
        return {**super().remembered(), "mesh": self.mesh}

    def __str__(self) -> str:
        inner, how = self.layers[0], self.control
        steps = "adaptive"
        if isinstance(how, Fixed):
            steps = f"{how.steps} steps" if how.steps else f"steps of {how.step:g}"
        within = f" ({', '.join(map(str, inner.layers))})" if isinstance(inner, Network) else ""
        return f"ODELayer {self.t0} to {self.t1}, {self.method.name}, {steps}, of {inner}{within}"


def _is_complex(a: Array) -> bool:
    return "complex" in backend.dtype_name(a)
