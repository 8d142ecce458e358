"""minigrad's own errors: each message names the thing, what was expected, and what came."""

from typing import Any


class ShapeError(ValueError):
    """An array has a shape that the layer, the loss or the network cannot take."""


class BackendError(TypeError):
    """Array libraries or devices are mixed, unknown, or not installed."""


class OwnershipError(ValueError):
    """A layer would stand in two places, or in itself."""


class FormatError(ValueError):
    """A file is truncated, damaged, or of another kind than the one asked for."""


class NotFiniteError(ArithmeticError):
    """A value is NaN or infinite where a number is needed."""


class Diverged(NotFiniteError):
    """The loss stopped being finite while a network learned; it keeps its last finite state.

    `step` is the one that found it out, `history` that of the `fit` which it ended.
    """

    step: int = 0
    history: Any = None


class GradientError(AssertionError):
    """A gradient written by hand is not the derivative of its forward; `report` has the figures."""

    report: Any = None


class TableauError(ValueError):
    """A Runge-Kutta tableau is not what it declares: an order condition or a row sum fails."""


class SolverError(ArithmeticError):
    """A solve could not go on; the message names the cause, `solution` has what was solved."""

    solution: Any = None


class NothingStored(ValueError, AttributeError):
    """A memory was asked for what it has only after its first pattern."""
