"""The step of `runge_kutta` for numpy, with its buffers laid out once: fewer and shorter calls.

A small state costs what the calls cost, not the arithmetic. Same numbers as the plain step, but for
the order in which sums are rounded; it is tested against it.
"""

from math import sqrt
from typing import Any

import numpy as np

from minigrad.backend import Array
from minigrad.ode.controls import Adaptive
from minigrad.ode.runge_kutta import RungeKutta
from minigrad.ode.tableaus import Tableau


class LeanRungeKutta(RungeKutta):
    """A tableau at work on real numpy states of one shape, with one step length for all.

    `held`: the state and under it the slopes, flat; a stage is one product, (1, h a_i) held. What
    is handed to the field is a new array each time, since a network remembers its input.
    """

    def __init__(self, tableau: Tableau, x: Array) -> None:
        super().__init__(tableau, x)
        s, kind = tableau.stages, x.dtype
        self.flat = x.ndim == 1
        self.control: Adaptive | None = None  # the one that rtol and atol are of
        self.sized, self.size = x, abs(x)  # a state, and |x| of it
        self.root = sqrt(x.size or 1)
        self.same = tableau.first_same_as_last
        rows = [tableau.matrix, tableau.weights, *tableau.errors]
        self.table = np.array(np.vstack(rows).T, kind, order="C")  # A, b, errors, a column each
        table = np.ones((s + 1, self.table.shape[1]), kind)
        self.scaled = table[1:]  # h times these, for the step at hand, under the 1 for x
        held = np.zeros((s + 1, self.slopes.shape[1]), kind)
        self.held = held.reshape(s + 1, *x.shape)  # the same memory, in the shape of the state
        self.slopes = held[1:]
        self.stages = [
            (i + 1, self.c[i], table[: i + 1, i], held[: i + 1]) for i in range(1, s - self.same)
        ]
        used = s - self.same  # of the slopes, in the advance: the last one is not yet known
        self.advance = self.scaled[:used, s], self.slopes[:used]
        self.error_columns = list(self.scaled[:, s + 1 :].T)

    def step(
        self, field: Any, t: Any, x: Array, h: Any, slope: Array
    ) -> tuple[Array, Array | None, Array | None]:
        """As the plain step; h is a number."""
        shape, held, slopes, flat = self.shape, self.held, self.slopes, self.flat
        np.multiply(self.table, h, out=self.scaled)
        held[0] = x
        held[1] = slope
        for i, c, weights, begun in self.stages:
            at = weights.dot(begun)
            held[i] = field(t + c * h, at if flat else at.reshape(shape))
        weights, begun = self.advance
        way = weights.dot(begun)
        new = x + (way if flat else way.reshape(shape))  # x is added last: rounded once
        last = None
        if self.same:
            held[-1] = field(t + h, new)
            last = held[-1].copy()  # the field may write into its answer again
        error = None
        if self.errors:
            error = self.error_columns[0].dot(slopes)
            if len(self.errors) == 2:
                error = self._combined(error, self.error_columns[1].dot(slopes))
            if not flat:
                error = error.reshape(shape)
        return new, error, last

    def norm(self, control: Adaptive, error: Array, x: Array, new: Array) -> float:
        """As that of the control, over all of the state."""
        if control is not self.control:  # arrays: a number would be made one in every product
            self.control = control
            self.rtol, self.atol = np.full_like(x, control.rtol), np.full_like(x, control.atol)
        before = self.size if x is self.sized else abs(x)
        self.sized, self.size = new, abs(new)  # the next step, if this is taken, begins there
        ratio = error / (self.atol + self.rtol * np.maximum(before, self.size))
        if not self.flat:
            ratio = ratio.reshape(-1)
        return sqrt(ratio.dot(ratio)) / self.root
