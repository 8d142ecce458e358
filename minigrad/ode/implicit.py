"""The gradient at a rest point, where the path that led there does not matter."""

from collections.abc import Callable

from minigrad.backend import Array
from minigrad.ode.controls import Control
from minigrad.ode.solve import Solution, solve
from minigrad.ode.tableaus import Tableau


def weights_at_rest(
    pull: Callable[[Array], Array],
    dy: Array,
    t0: float,
    t1: float,
    method: str | Tableau,
    control: Control,
) -> Solution:
    """The solve whose last state is w with J^T w = -dy, J = df/dx at the rest point; w like dy.

    f(x; theta) = 0 gives dx = -J^-1 df, so that dE/dtheta = w . df/dtheta. `pull(w)` is J^T w. w is
    where w' = J^T w + dy comes to rest, which it does if x does; `at_rest` of the answer says so.
    """
    return solve(lambda t, w: pull(w) + dy, 0 * dy, t0, t1, method, control, at=[t1])
