"""Velocity Verlet: the step for q'' = a(t, q) that keeps what mechanics keeps.

Symplectic and reversible, of order 2: over long times the energy of a closed system swings and does
not drift. Source: Verlet (1967); Swope et al. (1982); Hairer, Lubich and Wanner, Acta Numerica
(2003).
"""

from typing import Any

from minigrad import backend
from minigrad.backend import Array
from minigrad.errors import ShapeError


class Verlet:
    """Velocity Verlet at work on states x (2, ...): positions q = x[0], velocities v = x[1].

        v_half = v + h/2 a(t, q),  q' = q + h v_half,  v' = v_half + h/2 a(t + h, q').

    The field returns (v, a); a must not depend on v. One evaluation a step; no error estimate, so
    it goes with `Fixed`. Raises ShapeError unless x has two halves, ValueError for another field.
    """

    name, order, error_order = "verlet", 2, 2
    estimates_error = False

    def __init__(self, x: Array) -> None:
        self.xp = backend.namespace(x)
        if x.ndim == 0 or x.shape[0] != 2:
            raise ShapeError(
                "verlet: expected a state of shape (2, ...), positions and velocities, came "
                f"{tuple(x.shape)}"
            )
        self.proven = False

    def step(
        self, field: Any, t: Any, x: Array, h: Any, slope: Array
    ) -> tuple[Array, Array | None, Array | None]:
        """x(t + h), no error, the slope there; h is a number, slope that at (t, x)."""
        if not self.proven:
            self._prove(field, t, x, slope)
        halfway = x[1, ...] + (h / 2) * slope[1, ...]
        q = x[0, ...] + h * halfway
        pull = field(t + h, self.xp.stack([q, halfway]))[1, ...]  # what it says of v is not used
        v = halfway + (h / 2) * pull
        return self.xp.stack([q, v]), None, self.xp.stack([v, pull])

    def _prove(self, field: Any, t: Any, x: Array, slope: Array) -> None:
        """Refuse a field that is not (v, a(t, q)), by one evaluation at another velocity."""
        xp, v = self.xp, x[1, ...]
        small = float(xp.finfo(x.dtype).eps) ** 0.5

        def differ(a: Array, b: Array) -> bool:
            return bool(xp.any(xp.abs(a - b) > small * (xp.abs(a) + xp.abs(b))))

        if differ(slope[0, ...], v):
            raise ValueError(
                "verlet: expected a field that returns (v, a) at the state (q, v); its first half "
                "is not v"
            )
        other = field(t, xp.stack([x[0, ...], 1 - 2 * v]))[1, ...]
        if differ(slope[1, ...], other):
            raise ValueError(
                "verlet: the acceleration depends on the velocity, expected one of t and q alone: "
                "take another method"
            )
        self.proven = True
