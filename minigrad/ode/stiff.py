"""TR-BDF2: an implicit step for stiff fields, whose length the accuracy limits, not the stability.

A trapezoidal rule as far as t + gamma h, then a backward difference; as a Runge-Kutta method

    y = x + h d (k1 + k2),  x' = x + h (w k1 + w k2 + d k3),  gamma = 2 - sqrt 2, d = gamma / 2,
    k1 = f(t, x),  k2 = f(t + gamma h, y),  k3 = f(t + h, x'),  w = sqrt 2 / 4.

Order 2, L-stable: R(z) -> 0 as z -> -infinity. Both stages are equations in what they are to find,
solved by Newton's iteration with the one matrix 1 - h d J, J = df/dx at (t, x), while that will do.
Source: Bank et al. (1985); Hosea and Shampine (1996).
"""

import math
from collections.abc import Callable
from typing import Any

from minigrad import backend
from minigrad.backend import Array
from minigrad.errors import ShapeError
from minigrad.losses import not_finite
from minigrad.ode.controls import Adaptive, Control
from minigrad.ode.fields import Autonomous, Timed

GAMMA = 2 - math.sqrt(2)
D = GAMMA / 2
W = math.sqrt(2) / 4
# b less the weights of order 3: what measures the error.
ERRORS = (W - (1 - W) / 3, W - (3 * W + 1) / 3, D - D / 3)
ROUNDS = 10  # of Newton's iteration, at most
RENEWED = 3  # after so many J is taken anew in each: the state has gone far from where it was
SHARE = 0.01  # of the tolerance of a step, that the iteration may leave


class TrBdf2:
    """TR-BDF2 at work on states of one shape; `TrBdf2(jacobian=...)` is a method for `solve`.

    `jacobian`: a function of (t, x) with df/dx, (*x.shape, *x.shape), or for a batch (..., n) whose
    rows do not touch each other (..., n, n). Without it: where the field is a layer, row by row
    from its vjp, (..., n, n); else by differences, one evaluation for each number in the state.
    A step whose iteration does not converge is refused; `trouble` then says why, and `refused`
    still after later steps.
    """

    name, order, error_order = "tr-bdf2", 2, 2
    estimates_error = True
    one_step_for_all = True

    def __init__(
        self,
        x: Array | None = None,
        control: Control | None = None,
        jacobian: Callable[[Any, Array], Any] | None = None,
    ) -> None:
        self.jacobian, self.control = jacobian, control
        self.trouble = self.refused = ""  # of this step, and of the last that was refused
        self._at: tuple[Any, Array, Array] | None = None  # t, x, and J there
        if x is not None:
            self.xp, self.shape = backend.namespace(x), tuple(x.shape)
            self.eps = float(self.xp.finfo(x.dtype).eps)

    def for_state(self, x: Array, control: Control) -> "TrBdf2":
        """The same method at work on states like x, iterating as exactly as `control` needs."""
        return TrBdf2(x, control, self.jacobian)

    def step(
        self, field: Any, t: Any, x: Array, h: Any, slope: Array
    ) -> tuple[Array, Array | None, Array | None]:
        """x(t + h), its estimated error, the slope there; all NaN if an equation is not solved.

        h is a number, slope that at (t, x).
        """
        self.trouble = ""
        try:
            matrix = self._matrix(self._jacobian(field, t, x), h * D)
            y, k2 = self._stage(field, t + GAMMA * h, x + (h * D) * slope, h * D, matrix, x, slope)
            new, k3 = self._stage(field, t + h, x + (h * W) * (slope + k2), h * D, matrix, y, k2)
            error = h * (ERRORS[0] * slope + ERRORS[1] * k2 + ERRORS[2] * k3)
            # Undivided, the estimate would grow with the stiffness, which the step itself bears.
            return new, self._solve(matrix, error), k3
        except _NotSolved as unsolved:
            self.trouble = self.refused = f"tr-bdf2 at t = {t:g} with h = {h:.1e}: {unsolved}"
            none = self.xp.full_like(x, math.nan)
            return none, none, none

    def norm(self, control: Adaptive, error: Array, x: Array, new: Array) -> Any:
        """The norm of an error, as the control says."""
        return control.norm(self.xp, error, x, new)

    def _stage(
        self, field: Any, t: Any, base: Array, hd: Any, matrix: Array, y: Array, slope: Array
    ) -> tuple[Array, Array]:
        """y = base + hd f(t, y) and its slope, from a first y, whose slope is about `slope`.

        The slope is (y - base) / hd: f(t, y) would multiply what the iteration left by |J|.
        """
        last = math.inf
        for number in range(ROUNDS):
            if number:
                slope = field(t, y)
            if number > RENEWED:
                matrix = self._matrix(self._slopes(field, t, y), hd)
            change = self._solve(matrix, base + hd * slope - y)
            before, y = y, y + change
            size, rounding = self._size(change, before, y)
            if not math.isfinite(size):
                raise _NotSolved("Newton's iteration left the finite numbers")
            # The first change is of a slope that is only near: it is measured against, no more.
            rate = size / last if last else math.inf
            left = size * rate / (1 - rate) if rate < 1 else math.inf
            if number == 1:
                left = max(left, size)
            if number and (left <= SHARE or size <= rounding):
                return y, (y - base) / hd
            if 1 < number != RENEWED + 1 and rate >= 1:
                break
            last = size
        raise _NotSolved(
            f"Newton's iteration did not converge in {number + 1} rounds; its last change is "
            f"{size:.1e} of the tolerance. A Jacobian that is wrong, or a field that jumps?"
        )

    def _size(self, change: Array, y: Array, new: Array) -> tuple[float, float]:
        """The change in units of the tolerance, and that of rounding in the same units.

        Without a tolerance the unit is a hundred roundings of the largest number of the state.
        """
        xp = self.xp
        largest = float(xp.max(xp.abs(new))) if backend.size(self.shape) else 0.0
        rounding = 4 * self.eps * largest + 1e-300
        if isinstance(self.control, Adaptive):
            size = float(xp.max(self.control.norm(xp, change, y, new)))
            return size, float(xp.max(self.control.norm(xp, 0 * y + rounding, y, new)))
        return float(xp.max(xp.abs(change))) / (25 * rounding), 1 / 25

    # --- linear algebra: x as one vector (N,), or as rows (..., n) that do not touch each other ---

    def _matrix(self, J: Array, hd: Any) -> Array:
        return self._eye(J) - hd * J

    def _eye(self, J: Array) -> Array:
        xp = self.xp
        return xp.eye(J.shape[-1], dtype=J.dtype, device=backend.place_of(J).device)

    def _solve(self, matrix: Array, right: Array) -> Array:
        xp = self.xp
        column = xp.reshape(right, (*matrix.shape[:-1], 1))
        try:
            return xp.reshape(xp.linalg.solve(matrix, column), right.shape)
        except (ValueError, RuntimeError) as error:  # what the libraries say of a singular matrix
            if "singular" not in str(error).lower():
                raise
            raise _NotSolved("the matrix 1 - h d J is singular") from error

    def _jacobian(self, field: Any, t: Any, x: Array) -> Array:
        """J at (t, x); that of the last step if it was refused, and starts from there again."""
        if self._at is None or self._at[0] != t or self._at[1] is not x:
            self._at = (t, x, self._slopes(field, t, x))
        return self._at[2]

    def _slopes(self, field: Any, t: Any, x: Array) -> Array:
        """J at (t, x), (N, N) or (..., n, n), from where it comes."""
        inner = getattr(field, "field", field)
        if self.jacobian is not None:
            J = self._given(t, x)
        elif isinstance(inner, Autonomous | Timed) and x.ndim:
            J = self._of_layer(field, inner, t, x)
        else:
            J = self._by_differences(field, t, x)
        if not backend.all_finite(J):
            raise _NotSolved(f"the Jacobian is {not_finite(J)}")
        return J

    def _given(self, t: Any, x: Array) -> Array:
        assert self.jacobian is not None
        J, shape = backend.receive(self.jacobian(t, x), x), self.shape
        if tuple(J.shape) == (*shape, *shape):
            count = backend.size(shape)
            return self.xp.reshape(J, (count, count))
        if shape and tuple(J.shape) == (*shape, shape[-1]):
            return J
        rows = f", or {(*shape, shape[-1])} for rows that do not touch" if len(shape) > 1 else ""
        raise ShapeError(
            f"tr-bdf2: the Jacobian has shape {tuple(J.shape)}, expected {(*shape, *shape)}{rows}"
        )

    def _of_layer(self, field: Any, inner: Autonomous | Timed, t: Any, x: Array) -> Array:
        """Row i of J for all samples: the vjp of the i-th unit vector."""
        field(t, x)
        xp, n = self.xp, x.shape[-1]
        units, rows = self._eye(x), []
        for i in range(n):
            dx, _ = inner.layer.vjp(xp.zeros_like(x) + units[i, :])
            rows.append(dx[..., :n])  # of a timed field without the last input, the time
        return xp.stack(rows, axis=-2)

    def _by_differences(self, field: Any, t: Any, x: Array) -> Array:
        xp, count = self.xp, backend.size(self.shape)
        flat, at, columns = xp.reshape(x, (-1,)), xp.reshape(field(t, x), (-1,)), []
        # A number near 0 is moved as far as those of usual size are.
        usual = float(xp.sqrt(xp.mean(xp.abs(flat) ** 2))) if count else 0.0
        sizes = xp.where(xp.abs(flat) > 1e-3 * usual, xp.abs(flat), 0 * xp.abs(flat) + 1e-3 * usual)
        for j in range(count):
            far = math.sqrt(self.eps) * (float(sizes[j]) or 1.0)
            moved = xp.asarray(flat, copy=True)
            moved[j] += far
            far = (
                float(xp.real(moved[j] - flat[j]))
                if "complex" in str(x.dtype)
                else float(moved[j] - flat[j])
            )
            ahead = field(t, xp.reshape(moved, self.shape))
            columns.append((xp.reshape(ahead, (-1,)) - at) / far)
        return xp.stack(columns, axis=-1)


class _NotSolved(ArithmeticError):
    """An equation of the step has not been solved."""
