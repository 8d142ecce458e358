"""Ordinary differential equations: methods that prove their order, and networks as fields.

`solve` is the solver; `tableaus` has the methods by name, and `check` proves what one declares. An
`ODELayer` is a flow as a layer, with three gradients by hand. `trace`, `lyapunov` and `rest_points`
look at where a flow goes. Runs on every backend.
"""

from minigrad.ode.compare import compare_gradients
from minigrad.ode.controls import Adaptive, Fixed
from minigrad.ode.fields import autonomous, timed
from minigrad.ode.layer import ODELayer
from minigrad.ode.lyapunov import Exponents, lyapunov
from minigrad.ode.order import check
from minigrad.ode.pixels import Leak, Logit, Rescaled, RescaledTransposed
from minigrad.ode.rest import RestPoints, rest_points
from minigrad.ode.solve import Event, Solution, solve
from minigrad.ode.stiff import TrBdf2
from minigrad.ode.tableaus import BY_NAME as tableaus
from minigrad.ode.tableaus import Tableau
from minigrad.ode.trace import flip_distance, flipped, trace

__all__ = [
    "Adaptive",
    "Event",
    "Exponents",
    "Fixed",
    "Leak",
    "Logit",
    "ODELayer",
    "Rescaled",
    "RescaledTransposed",
    "RestPoints",
    "Solution",
    "Tableau",
    "TrBdf2",
    "autonomous",
    "check",
    "compare_gradients",
    "flip_distance",
    "flipped",
    "lyapunov",
    "rest_points",
    "solve",
    "tableaus",
    "timed",
    "trace",
]
