"""One Runge-Kutta step and its backprop, written out: the exact gradient of a solve is made of it.

    Y_i = x + h sum_j a_ij k_j,   k_i = f(t + c_i h, Y_i),   x' = x + h sum_i b_i k_i.

With g = dE/dx', from the last stage to the first, and J_i = df/dx at stage i:

    dE/dk_i = h b_i g + h sum_{j > i} a_ji dE/dY_j,   dE/dY_i = J_i^T dE/dk_i,
    dE/dx = g + sum_i dE/dY_i.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from minigrad import backend
from minigrad.backend import Array
from minigrad.errors import ShapeError
from minigrad.ode.tableaus import Tableau


@dataclass
class Taken:
    """A step that was taken: where, the slopes, and what the field's layer remembers of each."""

    t: float
    h: float
    slopes: list[Array]
    memories: list[Any]


@cache
def _rows(tableau: Tableau) -> tuple[list[tuple[int, list[tuple[int, float]]]], list[Any]]:
    """The stages that count, each with (j, a_ij) for a_ij not 0; and (i, b_i) likewise."""
    A, b = tableau.matrix, tableau.weights
    used = {i for i in range(tableau.stages) if b[i]}
    for i in reversed(range(tableau.stages)):
        if i in used:
            used |= {j for j in range(i) if A[i, j]}
    stages = [
        (i, [(j, float(A[i, j])) for j in range(i) if A[i, j]])
        for i in range(tableau.stages)
        if i in used
    ]
    return stages, [(i, float(b[i])) for i in range(tableau.stages) if b[i]]


def combined(terms: list[tuple[float, Array]]) -> Array:
    """sum_j factor_j array_j of one or more."""
    (factor, array), *rest = terms
    total = factor * array
    for factor, array in rest:
        total += factor * array
    return total


def step(
    field: Any, tableau: Tableau, t: float, x: Array, h: float, memories: bool
) -> tuple[Array, Taken]:
    """x(t + h), and the step as taken; with the layer's memories, if asked for."""
    stages, weights = _rows(tableau)
    slopes: dict[int, Array] = {}
    remembered: dict[int, Any] = {}
    for i, row in stages:
        at = x + combined([(h * a, slopes[j]) for j, a in row]) if row else x
        slopes[i] = field(t + float(tableau.nodes[i]) * h, at)
        if slopes[i].shape != x.shape:
            raise ShapeError(
                f"the field makes {tuple(slopes[i].shape)} of a state {tuple(x.shape)}, expected "
                "the same shape"
            )
        if memories:
            remembered[i] = field.layer.remembered()
    new = x + combined([(h * b, slopes[i]) for i, b in weights])
    order = [i for i, _ in stages]
    return new, Taken(t, h, [slopes[i] for i in order], [remembered.get(i) for i in order])


def step_backprop(
    field: Any, tableau: Tableau, taken: Taken, g: Array, total: Any
) -> tuple[Array, Any, Any]:
    """(dE/dx, dE/dt, dE/dh) of g = dE/dx(t + h); adds dE/dtheta to the gradient of the layer.

    `total`: sums an array to a number (of a stack: one for each member); None: dE/dt and dE/dh are
    not asked for, and 0.
    """
    stages, weights = _rows(tableau)
    h, b = taken.h, dict(weights)
    slopes = {i: k for (i, _), k in zip(stages, taken.slopes, strict=True)}
    memories = {i: m for (i, _), m in zip(stages, taken.memories, strict=True)}
    above: dict[int, list[tuple[float, Array]]] = {i: [] for i, _ in stages}  # (h a_ji, dE/dY_j)
    dt, dh, dx = 0.0, 0.0, g
    if total:
        dh = total(g * combined([(b[i], slopes[i]) for i in b]))
    for i, row in reversed(stages):
        terms = above[i] + ([(h * b[i], g)] if i in b else [])
        field.layer.remember(memories[i])
        dY, dtime = field.backprop(combined(terms))
        dx = dx + dY
        for j, a in row:
            above[j].append((h * a, dY))
        if row and total:
            dh = dh + total(dY * combined([(a, slopes[j]) for j, a in row]))
        if total and backend.is_array(dtime):
            dtime = total(dtime[..., None])
            dt = dt + dtime
            dh = dh + float(tableau.nodes[i]) * dtime
    return dx, dt, dh


def backsolve_step(
    field: Any, tableau: Tableau, t: float, x: Array, a: Array, h: float
) -> tuple[Array, Array]:
    """One step of x' = f and a' = -J^T a together, by h from t: (x, a) at t + h.

    Adds -h sum_i b_i a_i . df/dtheta to the gradient of the layer, as dE/dtheta grows going back
    (h < 0): a stage hands back h b_i a_i, and divides what it hears by that.
    """
    stages, weights = _rows(tableau)
    b = dict(weights)
    fs: dict[int, Array] = {}
    pulls: dict[int, Array] = {}  # J_i^T a_i
    for i, row in stages:
        x_i = x + combined([(h * w, fs[j]) for j, w in row]) if row else x
        a_i = a + combined([(-h * w, pulls[j]) for j, w in row]) if row else a
        fs[i] = field(t + float(tableau.nodes[i]) * h, x_i)
        if i in b:
            weight = -h * b[i]
            pulls[i] = field.backprop(weight * a_i)[0] / weight
        else:  # a stage that only others look at adds nothing
            kept = backend.copy(field.layer.grad)
            pulls[i] = field.backprop(a_i)[0]
            field.layer.grad = kept
    x = x + combined([(h * w, fs[i]) for i, w in weights])
    return x, a + combined([(-h * w, pulls[i]) for i, w in weights])
