"""New figures and axes, without pyplot: nothing is shown, and no display is needed."""

from typing import Any


def figure(size: tuple[float, float]) -> Any:
    """A new figure of `size` inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout="constrained")


def axes(ax: Any = None, size: tuple[float, float] = (6.4, 4.0)) -> Any:
    """`ax` itself, or the axes of a new figure of `size` inches."""
    return figure(size).subplots() if ax is None else ax
