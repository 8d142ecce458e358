"""How long a step is: the same throughout, or as long as the error allows."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad import backend
from minigrad.backend import Array


@dataclass(frozen=True)
class Fixed:
    """Equal steps: so many (`steps`), or of this length (`step`), the last one shorter if need be.

    `rest`: stop when the root mean square of the slope is no larger. `max_steps`: a bound.
    """

    steps: int | None = None
    step: float | None = None
    rest: float | None = None
    max_steps: int = 1_000_000

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.step is None):
            raise ValueError("a fixed control takes either steps=, how many, or step=, how long")
        if self.steps is not None:
            _count("steps", self.steps)
        elif not (isinstance(self.step, int | float | np.number) and 0 < self.step < math.inf):
            raise ValueError(f"step: expected a length above 0, came {self.step!r}")
        _bounds(self.rest, self.max_steps)

    def mesh(self, t0: float, t1: float) -> list[float]:
        """The times t0, ..., t1: n = (t1 - t0) / step of them exactly, where that is whole."""
        span = abs(t1 - t0)
        if self.steps is not None:
            count, length = self.steps, span / self.steps
        else:
            length = float(self.step or 0.0)
            # a span of whole steps may be rounded up by a little: that is no step more
            count = max(1, math.ceil(span / length * (1 - 1e-12) - 1e-9))
        count = min(count, self.max_steps + 1)  # one too many, for `solve` to refuse
        sign = math.copysign(1.0, t1 - t0)
        return [*(t0 + sign * i * length for i in range(count)), t1]


@dataclass(frozen=True)
class Adaptive:
    """Steps whose estimated error e keeps |e| <= atol + rtol max(|x|, |x_new|), in the mean square.

    e: the difference of the two answers of the tableau. After an accepted step h grows by
    (n/g)^(-0.85/q) (m/g)^(0.2/q), n and m the norms of this and the last error, q the lower order
    plus 1, g = safety^q the norm to aim at (a PI control); after a rejected one by (n/g)^(-1/q).
    `batch_axes`: so many leading axes count trajectories, each with a step of its own; then t comes
    to the field as (B, 1, ...), and only the times asked for are kept. `rest`: stop when the root
    mean square of the slope is no larger. `first`: the first step. Source: Hairer, Nørsett and
    Wanner, II.4; Gustafsson (1991).
    """

    rtol: float = 1e-6
    atol: float = 1e-9
    first: float | None = None
    batch_axes: int = 0
    rest: float | None = None
    max_steps: int = 100_000
    safety: float = 0.9
    growth: tuple[float, float] = (0.2, 10.0)

    def __post_init__(self) -> None:
        for name in ("rtol", "atol"):
            value = getattr(self, name)
            if not (isinstance(value, int | float | np.number) and 0 <= value < math.inf):
                raise ValueError(f"{name}: expected a number from 0 on, came {value!r}")
        if self.rtol == 0 == self.atol:
            raise ValueError("rtol and atol are both 0: no step has no error at all")
        if self.first is not None and not 0 < self.first < math.inf:
            raise ValueError(f"first: expected a length above 0, came {self.first!r}")
        if self.batch_axes not in (0, 1, 2):
            raise ValueError(f"batch_axes: expected 0, 1 or 2, came {self.batch_axes!r}")
        low, high = self.growth
        if not (0 < self.safety <= 1 and 0 < low < 1 < high):
            raise ValueError(
                f"expected 0 < safety <= 1 and growth (below 1, above 1), came {self.safety} and "
                f"{self.growth}"
            )
        _bounds(self.rest, self.max_steps)

    def admit(self, x: Array) -> None:
        """Refuse a tolerance that is below the rounding of numbers like these."""
        limits = backend.namespace(x).finfo(x.dtype)
        if 0 < self.rtol < 4 * float(limits.eps) or (self.rtol == 0 and self.atol < 1e-300):
            raise ValueError(
                f"rtol {self.rtol:g} is below the rounding of {x.dtype}, {float(limits.eps):.1e}: "
                "expected four times as much or more"
            )

    def norm(self, xp: Any, error: Array, x: Array, new: Array) -> Array:
        """Root mean square of error / (atol + rtol max(|x|, |new|)), over all but batch axes."""
        scale = self.atol + self.rtol * xp.maximum(xp.abs(x), xp.abs(new))
        axes = tuple(range(self.batch_axes, x.ndim))
        return xp.sqrt(xp.mean(xp.abs(error / scale) ** 2, axis=axes))

    def grown(self, norm: float, last: float, order: int) -> float:
        """By how much the step grows after it was accepted with this norm."""
        q = order + 1
        norm, last = max(norm, 1e-10), max(last, 1e-10)
        factor: float = self.safety**0.65 * norm ** (-0.85 / q) * last ** (0.2 / q)
        low, high = self.growth
        return low if factor < low else high if factor > high else factor

    def changed(self, norm: Any, last: Any, order: int) -> Any:
        """`grown` where the norm is at most 1, `shrunk` elsewhere, for arrays (B,) of norms."""
        q, (low, high) = order + 1, self.growth
        taken, small = norm <= 1.0, np.maximum(norm, 1e-10)
        grown = self.safety**0.65 * small ** (-0.85 / q) * np.maximum(last, 1e-10) ** (0.2 / q)
        shrunk = np.where(np.isfinite(norm), self.safety * small ** (-1 / q), low)
        return np.where(taken, np.clip(grown, low, high), np.maximum(shrunk, low))

    def begin(
        self, field: Any, t: Any, x: Array, sign: float, slope: Array, span: Any, order: int
    ) -> Any:
        """A first step whose error is about a hundredth of what may be: of each trajectory one.

        t, span: numbers, or of the shape (B, 1, ...) for trajectories. Returns a host array (B, 1,
        ...), or (). Source: Hairer, Nørsett and Wanner, II.4.
        """
        xp, shape = backend.namespace(x), np.shape(span)
        if self.first is not None:
            return np.full(shape, float(self.first))

        def norm(a: Array) -> Any:
            return np.reshape(backend.host(self.norm(xp, a, x, xp.zeros_like(x))), shape)

        size, speed = norm(x), norm(slope)
        known = np.minimum(size, speed) > 1e-5
        h = np.where(known, 0.01 * size / np.where(known, speed, 1.0), 1e-6)
        h = np.minimum(h, span)
        step = sign * (backend.move(h, backend.place_of(x), real_name(x)) if shape else float(h))
        ahead = field(t + step, x + step * slope)
        largest = np.maximum(speed, norm(ahead - slope) / h)
        steep = (0.01 / np.maximum(largest, 1e-15)) ** (1 / (order + 1))
        steep = np.where(largest > 1e-15, steep, span)
        return np.where(np.isfinite(largest), np.minimum(np.minimum(100 * h, steep), span), h)

    def shrunk(self, norm: float, order: int) -> float:
        """By how much the step shrinks after it was rejected with this norm."""
        if not math.isfinite(norm):
            return self.growth[0]
        return float(max(self.safety * norm ** (-1 / (order + 1)), self.growth[0]))


Control = Fixed | Adaptive


def real_name(x: Array) -> str:
    """The name of the real float type of x: that of its times and steps."""
    name = backend.dtype_name(x)
    return {"complex64": "float32", "complex128": "float64"}.get(name, name)


def _count(name: str, value: Any) -> None:
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < 1:
        raise ValueError(f"{name}: expected a positive integer, came {value!r}")


def _bounds(rest: float | None, max_steps: int) -> None:
    _count("max_steps", max_steps)
    if rest is not None and not 0 < rest < math.inf:
        raise ValueError(f"rest: expected a slope above 0, came {rest!r}")
