"""One step of an explicit Runge-Kutta method, plainly as its tableau says."""

from typing import Any

from minigrad import backend
from minigrad.backend import Array
from minigrad.ode.controls import Adaptive
from minigrad.ode.tableaus import Tableau


class RungeKutta:
    """A tableau at work on states of one shape: `step`.

    `order`: of what it advances by; `error_order`: the lower one of the two, for the control.
    """

    def __init__(self, tableau: Tableau, x: Array) -> None:
        xp = backend.namespace(x)
        place = backend.place_of(x)

        def row(values: Any) -> Array:
            return xp.asarray(values.tolist(), dtype=x.dtype, device=place.device)

        self.tableau, self.shape = tableau, x.shape
        self.name, self.order = tableau.name, tableau.order
        self.error_order = min(tableau.order, tableau.embedded_order or tableau.order)
        if tableau.third is not None:  # see _combined
            self.error_order = tableau.order - 1
        self.A = [row(tableau.matrix[i, :i]) for i in range(tableau.stages)]
        self.b, self.errors = row(tableau.weights), [row(e) for e in tableau.errors]
        self.c = tableau.nodes.tolist()
        self.slopes = xp.zeros(
            (tableau.stages, backend.size(x.shape)), dtype=x.dtype, device=place.device
        )
        self.xp = xp

    @property
    def estimates_error(self) -> bool:
        """Whether a step says how wrong it is."""
        return bool(self.errors)

    def step(
        self, field: Any, t: Any, x: Array, h: Any, slope: Array
    ) -> tuple[Array, Array | None, Array | None]:
        """x(t + h), its estimated error (None: no estimate), the slope there (None: not known).

        x, slope: as the state; h: a number, or for each trajectory one, to multiply the state by.
        """
        reshape, shape, slopes = self.xp.reshape, self.shape, self.slopes
        slopes[0, :] = reshape(slope, (-1,))
        for i in range(1, len(self.c)):
            at = x + h * reshape(self.A[i] @ slopes[:i, :], shape)
            slope = field(t + self.c[i] * h, at)
            slopes[i, :] = reshape(slope, (-1,))
        if self.tableau.first_same_as_last:
            new, last = at, self.xp.asarray(slope, copy=True)  # the field may write into it again
        else:
            new, last = x + h * reshape(self.b @ slopes, shape), None
        error = reshape(self.errors[0] @ slopes, shape) if self.errors else None
        if error is not None and len(self.errors) == 2:
            error = self._combined(error, reshape(self.errors[1] @ slopes, shape))
        return new, None if error is None else h * error, last

    def norm(self, control: Adaptive, error: Array, x: Array, new: Array) -> Any:
        """The norm of an error, as the control says: at most 1 if the step may be taken."""
        return control.norm(self.xp, error, x, new)

    def _combined(self, fifth: Array, third: Array) -> Array:
        """e5^2 / sqrt(e5^2 + e3^2 / 100): falls with h like the eighth order that it belongs to.

        Source: Hairer, Nørsett and Wanner, II.10, there of norms, here of each number.
        """
        square = self.xp.abs(fifth) ** 2
        below = self.xp.sqrt(square + 0.01 * self.xp.abs(third) ** 2)
        return square / self.xp.where(below > 0, below, self.xp.ones_like(below))
