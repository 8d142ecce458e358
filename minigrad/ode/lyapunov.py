"""Lyapunov exponents: how fast neighbouring states part or meet, measured along the flow.

Beside the state x' = f(t, x) go small displacements v, its tangents, v' = J v with J = df/dx. They
grow like exp(exponent t), all of them soon along the fastest direction; so every few steps they are
made orthonormal again, V = Q R, and log |R_ii|, summed up and divided by the time, is the exponent.
Source: Benettin, Galgani, Giorgilli and Strelcyn (1980), Meccanica 15, 9.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigrad import backend
from minigrad.backend import Array, Random
from minigrad.errors import ShapeError, SolverError
from minigrad.losses import not_finite
from minigrad.ode.fields import Counted, field_of
from minigrad.ode.lean import LeanRungeKutta
from minigrad.ode.runge_kutta import RungeKutta
from minigrad.ode.tableaus import Tableau, tableau

Floats = NDArray[np.float64]

EVERY = 5  # steps between two orthonormalisations: at a stable step nothing grows far in so few


@dataclass(frozen=True)
class Exponents:
    """Lyapunov exponents of trajectories: `values` (..., count), as a rule the largest first.

    `times` (T,) since the transient; `history` (T, ..., count): what the exponents were when the
    run ended there. `width`: how many numbers the state has.
    """

    values: Floats
    times: Floats
    history: Floats
    width: int

    @property
    def sum(self) -> Any:
        """The sum (...) of the exponents; of all of them, the mean divergence of the field."""
        return self.values.sum(axis=-1)

    @property
    def dimension(self) -> Any:
        """The Kaplan-Yorke dimension (...): j + (l_1 + ... + l_j) / |l_j+1|, j the last sum >= 0.

        Raises ValueError where fewer exponents than the width were computed and their sum is not
        yet negative. An exponent of 0 is measured a little above or below it: mind that at j = 1.
        Source: Kaplan and Yorke (1979).
        """
        flat = np.sort(self.values.reshape(-1, self.values.shape[-1]), axis=-1)[:, ::-1]
        found = np.array([self._dimension(row) for row in flat])
        return found.reshape(self.values.shape[:-1])[()]

    def _dimension(self, values: Floats) -> float:
        sums = np.cumsum(values)
        if sums[-1] >= 0:
            if len(values) < self.width:
                raise ValueError(
                    f"the dimension needs more exponents: the sum of {len(values)} is "
                    f"{sums[-1]:.3g}, expected one below 0, or count = {self.width}"
                )
            return float(self.width)
        j = int(np.argmax(sums < 0))
        return j + float(sums[j - 1] / -values[j]) if j else 0.0

    def __str__(self) -> str:
        rows = self.values.reshape(-1, self.values.shape[-1])
        text = [", ".join(f"{value:.4f}" for value in row) for row in rows[:8]]
        left = [f"... and {len(rows) - 8} more"] if len(rows) > 8 else []
        return "\n".join([f"exponents after t = {self.times[-1]:g}:", *text, *left])


def lyapunov(
    field: Callable[[float, Array], Any],
    x0: Any,
    t1: float,
    count: int = 1,
    step: float = 0.01,
    transient: float = 0.0,
    method: str | Tableau = "rk4",
    jacobian: Callable[[float, Array], Any] | None = None,
    rng: Random = None,
) -> Exponents:
    """The `count` largest Lyapunov exponents of the trajectories from x0 (..., n), over a time t1.

    `transient`: a time before, in which the state reaches its attractor and the tangents turn into
    their directions. `jacobian`: J (..., n, n) of (t, x); None: J v by central differences of the
    field along v, e = eps^(1/3) max(1, |x|) long, wrong by e^2/6 of the third derivative and by
    eps/e of the field. A state of one axis is evaluated by itself, a batch with all its tangents in
    one call: (1, n) is faster where the field takes batches. `rng` draws the first tangents.
    Raises SolverError where the state stops being finite.

    >>> leak = lyapunov(lambda t, x: -x, [[1.0, 2.0]], t1=5.0, rng=0)
    >>> bool(abs(leak.values[0, 0] + 1) < 1e-6)
    True
    """
    x = backend.asarray(x0)
    place = backend.place_of(x)
    xp = place.xp
    if not xp.isdtype(x.dtype, "real floating"):
        raise TypeError(f"x0: expected real floating numbers, came {x.dtype}")
    if x.ndim == 0:
        raise ShapeError("x0: expected a vector or a batch of vectors, came one number")
    n = x.shape[-1]
    if isinstance(count, bool) or not hasattr(count, "__index__") or not 1 <= count <= n:
        raise ValueError(f"count: expected a number of exponents from 1 to {n}, came {count!r}")
    for name, value, least in (("t1", t1, 0), ("step", step, 0), ("transient", transient, -1)):
        if not (math.isfinite(value) and value > least and value >= 0):
            raise ValueError(f"{name}: expected a time {'above' if least == 0 else 'from'} 0"
                             f"{' on' if least else ''}, came {value!r}")  # fmt: skip
    drawn = backend.generator(rng).standard_normal((*x.shape, count))
    tangents = backend.move(drawn, place, x.dtype)
    z = xp.concat([x[None, ...], _rows(xp, _orthonormal(xp, tangents)[0])])
    flow = Counted(_Tangents(field, jacobian), z)
    lean = isinstance(z, np.ndarray)
    stepper = (LeanRungeKutta if lean else RungeKutta)(tableau(method), z)
    z, _, _ = _carried(flow, stepper, z, 0.0, transient, step)
    _, times, growth = _carried(flow, stepper, z, transient, t1, step)
    at = np.array(times)
    history = np.cumsum(np.array(growth), axis=0) / at.reshape(-1, *(1,) * x.ndim)
    return Exponents(history[-1], at, history, n)


def _carried(
    flow: Any, stepper: Any, z: Array, t0: float, span: float, step: float
) -> tuple[Array, list[float], list[Floats]]:
    """z after `span`; every few steps, orthonormal again: the time since t0, and log |R_ii|."""
    times: list[float] = []
    growth: list[Floats] = []
    if not span:
        return z, times, growth
    xp, steps = backend.namespace(z), max(1, math.ceil(span / step - 1e-9))
    h, slope = span / steps, None
    for taken in range(1, steps + 1):
        t = t0 + (taken - 1) * h
        slope = flow(t, z) if slope is None else slope
        z, _, slope = stepper.step(flow, t, z, h, slope)
        if taken % EVERY == 0 or taken == steps:
            if not backend.all_finite(z):
                raise SolverError(
                    f"{stepper.name}: the state or its tangents are {not_finite(z)} near "
                    f"t = {t:g}; the step is {h:g}: try a shorter one"
                )
            q, logs = _orthonormal(xp, xp.moveaxis(z[1:, ...], 0, -1))
            z, slope = xp.concat([z[:1, ...], _rows(xp, q)]), None
            times.append(taken * h)
            growth.append(logs)
    return z, times, growth


def _orthonormal(xp: Any, tangents: Array) -> tuple[Array, Floats]:
    """Q (..., n, count) of the columns, turned so that R_ii > 0, and log R_ii, on the host."""
    q, r = xp.linalg.qr(tangents)
    stretched = xp.linalg.diagonal(r)
    sign = xp.where(stretched < 0, -xp.ones_like(stretched), xp.ones_like(stretched))
    return q * sign[..., None, :], np.log(np.abs(backend.host(stretched).astype(np.float64)))


def _rows(xp: Any, columns: Array) -> Array:
    """(..., n, count) -> (count, ..., n)."""
    return xp.moveaxis(columns, -1, 0)


class _Tangents:
    """The field of a state with its tangents, z (1 + count, ..., n): (f(x), J v_1, J v_2, ...)."""

    def __init__(self, field: Any, jacobian: Any) -> None:
        self.field, self.jacobian = field_of(field), jacobian

    def __call__(self, t: float, z: Array) -> Array:
        xp = backend.namespace(z)
        x, v = z[:1, ...], z[1:, ...]
        if self.jacobian is not None:
            return xp.concat([self._f(t, x, x), self._product(t, x[0, ...], v)])
        size = xp.sqrt(xp.sum(x * x, axis=-1, keepdims=True))
        small = float(xp.finfo(z.dtype).eps) ** (1 / 3) * xp.maximum(size, xp.ones_like(size))
        length = xp.sqrt(xp.sum(v * v, axis=-1, keepdims=True))
        scale = small / xp.where(length > 0, length, xp.ones_like(length))
        aside, count = scale * v, v.shape[0]
        slopes = self._f(t, xp.concat([x, x + aside, x - aside]), x)
        apart = (slopes[1 : 1 + count, ...] - slopes[1 + count :, ...]) / (2 * scale)
        return xp.concat([slopes[:1, ...], apart])

    def _f(self, t: float, states: Array, like: Array) -> Array:
        """The field at states (m, ..., n): one call where there is a batch, else m calls."""
        xp = backend.namespace(states)
        if states.ndim == 2:
            rows = (self.field(t, states[i, ...]) for i in range(states.shape[0]))
            return xp.stack([_of_shape(row, like[0, ...]) for row in rows])
        batch = xp.moveaxis(states, 0, -3)  # (K, m, batch, n): a stack of K keeps its first axis
        flat = xp.reshape(batch, (*batch.shape[:-3], -1, batch.shape[-1]))
        slopes = _of_shape(self.field(t, flat), flat)
        return xp.moveaxis(xp.reshape(slopes, batch.shape), -3, 0)

    def _product(self, t: float, x: Array, v: Array) -> Array:
        J = backend.receive(self.jacobian(t, x), x)
        expected = (*x.shape, x.shape[-1])
        if J.shape != expected:
            raise ShapeError(
                f"the jacobian has shape {tuple(J.shape)} at t = {t:g}, expected {expected}"
            )
        xp = backend.namespace(v)
        return _rows(xp, J @ xp.moveaxis(v, 0, -1))


def _of_shape(slope: Any, like: Array) -> Array:
    slope = backend.receive(slope, like)
    if slope.shape != like.shape:
        raise ShapeError(
            f"the field returned shape {tuple(slope.shape)}, expected that of its states, "
            f"{tuple(like.shape)}"
        )
    return slope
